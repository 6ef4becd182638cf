"""What a run was asked for, and what it hands to each analysis."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError, DiagnosticsError, UnclearError, flag, option_name, option_words
from ..evaluation import Evaluation
from ..files import shown
from ..inference.diagnostics import diagnose, require
from ..inference.engines import fit
from ..inference.ensemble import Ensemble, Function, run_ensemble
from ..model import Model, NotExactError
from ..provenance import seed_for, sha256
from ..readers.authorities import read_authorities
from ..readers.counts import read_counts
from ..readers.descriptor import FILE_NAME
from ..readers.estimates import read_estimates
from ..readers.evaluations import read_evaluations
from ..readers.package import Study, data_folder, load_study, study_names
from ..report.lost import lost_words, why
from ..report.result import Result
from ..sensitivity.robustness import QUESTION
from .catalogue import READER_OPTIONS, name_of

# What a user may say over the words of a data package: the question, not how a table is read.
_ASKED = ("focus", "better", "smallest", "hoped", "unit", "n", "clusters", "df")
# So many tasks pay for the start of workers.
_MANY = 64
# A model, and the options of `fit`.
FitTask = tuple[Model, dict[str, Any]]


@lru_cache(maxsize=4)
def _read_once(name: str, hashes: tuple[str, ...]) -> Study:
    """A shipped study, read once a process while its files have the same hashes."""
    return load_study(name)


def _copy(study: Study) -> Study:
    """A study with tables of its own, so that an analysis may write into them."""
    tables = {name: table.copy() for name, table in study.tables.items()}
    return replace(study, tables=MappingProxyType(tables), claims=tables.get("claims", study.claims.copy()))


@dataclass(frozen=True)
class Settings:
    """What a run was asked for."""

    out: Path = Path("results")
    # As in `fit`; each fit gets a seed of its own, derived from this one and the fit's name.
    seed: int = 2014
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    engine: str = "auto"
    resume: bool = False  # keep finished analyses whose inputs have not changed
    data: Path | None = None  # the user's own file or data package, for analyses that take one
    # Options for reading that file and for its model, by keyword; only those that were given.
    reading: Mapping[str, Any] = field(default_factory=dict)
    modelling: Mapping[str, Any] = field(default_factory=dict)
    word: bool = False  # write each page as a Word document too
    # Local processes for what can be shared out, and for what is so much that it pays to start them; results depend on neither.
    workers: int = 1
    spare: int = 1
    scheduler: str | None = None  # address of a Dask scheduler, whose workers do it instead
    progress: bool = False  # show that of what is shared out on standard error, if that is a terminal

    @property
    def source(self) -> str:
        """Name of the user's file, in letters that can be written."""
        return "" if self.data is None else shown(self.data.name)

    def as_record(self) -> dict[str, Any]:
        """The settings that shape results, for the manifest: plain values only."""
        record = {name: getattr(self, name) for name in ("seed", "draws", "tune", "chains", "engine")}
        if self.data is not None:
            own = {name: dict(sorted(getattr(self, name).items())) for name in ("reading", "modelling")}
            record |= {"data": shown(self.data)} | json.loads(json.dumps(own, default=str))
        return record | ({"word": True} if self.word else {})

    def as_options(self) -> list[str]:
        """The command-line options that ask for the same."""
        record = self.as_record()
        own = {**record.pop("reading", {}), **record.pop("modelling", {})}
        words = [word for name, value in (record | own).items() for word in option_words(name, value)]
        return [word for word in words if word != "True"]


@dataclass(frozen=True, eq=False)
class Needed:
    """What an analysis found, for another that needs it."""

    result: Result | None  # None where it is not reported
    failure: str | None  # why it is not reported
    digests: dict[str, str]  # SHA-256 of each of its files, pages aside


@dataclass(eq=False)
class Run:
    """What an analysis is handed: it loads studies, fits models behind the gate, and asks for other analyses."""

    settings: Settings
    name: str  # of the analysis
    found: Mapping[str, Needed]  # by the analyses that the script names in NEEDS
    say: Callable[[str], None]  # takes a line of progress
    # So far: diagnostics of every fit, studies loaded, SHA-256 of every file read, what the readers of the user's own file
    # recognised or assumed, and SHA-256 of the files of the analyses asked for.
    checks: dict[str, pd.DataFrame] = field(default_factory=dict)
    studies: dict[str, Study] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    needed: dict[str, dict[str, str]] = field(default_factory=dict)
    # Alternatives to the answer that are not reported, by the name of the fit, and why.
    lost: dict[str, str] = field(default_factory=dict)

    def need(self, name: str) -> Result:
        """What another analysis found."""
        known = name_of(name)
        if known not in self.found:
            raise DataError(
                f"{self.name}: needs {name!r}, expected it among the names in NEEDS at the top of the script"
            )
        found = self.found[known]
        if found.result is None:
            raise DiagnosticsError(found.failure)
        self.needed[known] = found.digests
        return found.result

    def study(self, name: str | Path) -> Study:
        """Load a study by name, or a data package by path, and note the hashes of its files."""
        if isinstance(name, str) and name in study_names():
            folder = data_folder() / name
            files = sorted(file for file in folder.iterdir() if file.is_file())
            study = _copy(_read_once(name, tuple(sha256(file.read_bytes()) for file in files)))
        else:
            study = load_study(name)
            folder = Path(name)
        descriptor = folder / FILE_NAME if folder.is_dir() else folder
        self.inputs[f"{descriptor.parent.name}/{FILE_NAME}"] = sha256(descriptor.read_bytes())
        for table in study.tables.values():
            self.inputs[str(table.attrs["file"])] = str(table.attrs["sha256"])
        self.studies[str(name)] = study
        return study

    def evaluations(self) -> dict[str, Evaluation]:
        """The user's own printed table, from ``--data``, one evaluation for each model; see `read_estimates`."""
        data, options = self._data(), self._options("table")
        if data.is_dir():
            found = self._described(data, options)
        else:
            try:
                read = read_estimates(data, **options)
            except UnclearError as error:
                raise _also(error, ("focus", "better", "smallest")) from None
            found = read if isinstance(read, dict) else {read.heading or data.stem: read}
        for evaluation in found.values():
            self._note(evaluation.notes)
        return found

    def several(self) -> Evaluation:
        """The user's own several evaluations, from ``--data``; see `read_evaluations`."""
        data, options = self._data(), self._options("pool")
        if data.is_dir():
            pooled = {
                name: each
                for name, each in self._described(data, options).items()
                if each.estimates.index.name == "study"
            }
            if len(pooled) != 1:
                raise DataError(
                    f"--data {shown(data)}: the data package describes {len(pooled)} evaluations to be pooled, expected one (an entry "
                    'of its list \'evaluations\' with "of": "studies")'
                )
            evaluation = next(iter(pooled.values()))
        else:
            try:
                evaluation = read_evaluations(data, **options)
            except UnclearError as error:
                raise _also(error, ("better",)) from None
        self._note(evaluation.notes)
        return evaluation

    def _described(self, data: Path, options: dict[str, Any]) -> dict[str, Evaluation]:
        """The evaluations of a data package, with what was asked for in place of what it says."""
        study = self.study(data)
        changed = {name: options.pop(name) for name in _ASKED if name in options}
        left = [name for name in options if name not in ("moderators", "group")]
        if left:
            raise DataError(f"{flag(left[0])}: a data package says itself how its tables are read")
        found = {name: replace(each, **changed) for name, each in study.evaluations.items()}
        if not found:
            raise DataError(f"--data {shown(data)}: the data package describes no evaluations")
        return found

    def authorities(self) -> xr.Dataset:
        """The user's own authorities, from ``--data``; see `read_authorities`."""
        authorities = read_authorities(self._data(), **self._options("authorities"))
        self._note(authorities.attrs.get("notes", ()))
        return authorities

    def counts(self) -> xr.Dataset:
        """The user's own counts by area and status, from ``--data``; see `read_counts`.

        Columns may be renamed to ``area``, ``status``, ``count`` and ``total``; controls are covariates of the areas.
        """
        options = self._options("counts")
        covariates = options.pop("controls", ())
        counts = read_counts(self._data(), covariates=covariates, **options)
        self._note(counts.attrs.get("notes", ()))
        return counts

    def _data(self) -> Path:
        if self.settings.data is None:
            raise DataError(f"{self.name}: no data, expected --data FILE")
        return self.settings.data

    def _options(self, kind: str) -> dict[str, Any]:
        """The options that were given and that the reader of this kind of file takes."""
        return {n: v for n, v in self.settings.reading.items() if n in READER_OPTIONS[kind]}

    def _note(self, notes: str | Iterable[str]) -> None:
        for note in [notes] if isinstance(notes, str) else notes:
            if note not in self.notes:
                self.notes.append(note)
                self.say(f"{self.name}: note: {note}")

    def fit(self, name: str, model: Model, words: str = "") -> xr.DataTree:
        """The posterior of a model with the run's settings, let through only by the gate.

        Its name also seeds the fit, so that results do not depend on the order of fits; `words` name it in the line of progress.
        """
        self.say(f"{self.name}: {words or name}")
        return self._passed(name, *fit_and_check(self._task(name, model)))

    def fit_all(self, models: Mapping[str, Model], *, pointwise: bool = True) -> dict[str, xr.DataTree]:
        """The posteriors of many models, shared out among the run's workers: each the same as by `fit`."""
        tasks = {name: self._task(name, model, pointwise) for name, model in models.items()}
        fits = self.map(fit_and_check, tasks, what=f"{len(tasks)} fit{'' if len(tasks) == 1 else 's'}")
        for name, words in fits.failures.items():
            raise DataError(f"{self.name}, {name}: {words}")
        return {name: self._passed(name, *found) for name, found in fits.results.items()}

    def try_all(
        self, models: Mapping[str, Model], *, pointwise: bool = True, exact: bool = False
    ) -> dict[str, xr.DataTree]:
        """The posteriors of alternatives to an answer that pass the gate; why the others do not is noted in `lost`.

        With `exact` an alternative without an exact posterior is left out too, instead of being sampled.
        """
        tasks = {name: self._task(name, model, pointwise) for name, model in models.items()}
        if exact:
            tasks = {
                name: (model, {**options, "engine": "exact"}) for name, (model, options) in tasks.items()
            }
        fits = self.map(
            try_and_check, tasks, what=f"{len(tasks)} alternative{'' if len(tasks) == 1 else 's'}"
        )
        passed = {}
        for name in tasks:
            found = fits.results.get(name)
            if found is None:
                words = fits.failures[name].partition("; the task was ")[0]
                self.lost[name] = f"it could not be computed ({words})"
            elif isinstance(found, str):
                self.lost[name] = found
            else:
                try:
                    passed[name] = self._passed(name, *found)
                except DiagnosticsError as error:
                    self.lost[name] = why(str(error).removeprefix(f"{self.name}, {name}: "))
        lost = {name: self.lost[name] for name in tasks if name in self.lost}
        if lost:
            self.say(f"{self.name}: {lost_words(lost, len(tasks), 'alternatives')}")
        return passed

    def map(self, function: Function, tasks: Mapping[str, Any], *, what: str) -> Ensemble:
        """Map a function over tasks by the run's workers; see `run_ensemble`."""
        settings = self.settings
        self.say(f"{self.name}: {what}")
        return run_ensemble(
            function,
            tasks,
            seed=seed_for(settings.seed, f"{self.name}/{what}"),
            workers=max(settings.workers, settings.spare if len(tasks) >= _MANY else 1),
            scheduler=settings.scheduler,
            progress=settings.progress,
        )

    def _task(self, name: str, model: Model, pointwise: bool = True) -> FitTask:
        settings, seed = self.settings, seed_for(self.settings.seed, f"{self.name}/{name}")
        # What only a simulator knows has no exact posterior under any options: a full run goes on with its own engine.
        engine = "auto" if settings.engine == "exact" and model.exact is None else settings.engine
        options = {name: getattr(settings, name) for name in ("draws", "tune", "chains")}
        return model, {**options, "engine": engine, "seed": seed, "pointwise": pointwise}

    def _passed(self, name: str, posterior: xr.DataTree, checks: pd.DataFrame) -> xr.DataTree:
        self.checks[name] = checks
        try:
            require(checks)
        except DiagnosticsError as error:
            raise DiagnosticsError(f"{self.name}, {name}: {error}") from None
        return posterior


def fit_and_check(
    task: FitTask, _seed: np.random.SeedSequence | None = None
) -> tuple[xr.DataTree, pd.DataFrame]:
    """Fit a model and check the posterior; the seed is the task's own."""
    model, options = task
    posterior = fit(model, progress=False, **options)
    return posterior, diagnose(posterior)


def try_and_check(
    task: FitTask, _seed: np.random.SeedSequence | None = None
) -> tuple[xr.DataTree, pd.DataFrame] | str:
    """The same, or why the model cannot be solved exactly, where that was asked for."""
    try:
        return fit_and_check(task)
    except NotExactError as error:
        return f"it cannot be solved exactly ({error}); another prior would help"


def _also(error: UnclearError, names: Iterable[str]) -> DataError:
    """What the reader asks for, and what the page needs besides, in one message."""
    missing = [f"{option_name(name)}, {QUESTION[name]}" for name in names if name not in error.said]
    return DataError(f"{error}{'; the page also needs ' if missing else ''}{'; '.join(missing)}")
