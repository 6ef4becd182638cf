"""The conductor: settings in, analyses run, gated and written, a run folder out."""

from __future__ import annotations

import json
import platform
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from . import report, run_folder
from .catalogue import Entry, analyses_folder, call_script, find_analysis
from .claims import judge_claims
from .ensemble import require_scheduler
from .errors import DataError, DiagnosticsError
from .posterior_file import posterior_bytes, read_posteriors
from .provenance import REPRODUCIBILITY, git_commit, package_digest, sha256
from .result import Result, Table, read_table
from .sampling import versions
from .settings import Run as Run
from .settings import Settings as Settings
from .settings import seed_for as seed_for


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    status : int
        0 all done, 1 a gate failed.
    conclusions : list of str
        What each analysis concluded, or why it is not reported.
    failed : list of str
        Names of the analyses that are not reported.
    page : Path
        The run's page.
    """

    status: int
    conclusions: list[str]
    failed: list[str]
    page: Path


def conduct(
    names: Sequence[str],
    settings: Settings,
    *,
    command: str = "",
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Run analyses and write the run folder.

    Parameters
    ----------
    names : sequence of str
        Analyses by name, or user's scripts by path.
    settings : Settings
        For all of them.
    command : str
        The command line, for the manifest.
    say : callable
        Takes a line of progress.

    Returns
    -------
    Outcome

    Raises
    ------
    DataError
        If an input cannot be used or a result cannot be written. Analyses that were finished before stay.
    """
    entries = [find_analysis(name) for name in names]
    if settings.data is not None:
        _content(settings.data)
        for entry in entries:
            if not entry.data:
                raise DataError(f"--data: the analysis {entry.name!r} takes no file")
    if settings.scheduler is not None:
        require_scheduler(settings.scheduler)  # before anything is done that would then be in vain
    run_folder.prepare(settings.out, [entry.name for entry in entries])
    desk = _Desk(settings, command, say)
    for position, entry in enumerate(entries, 1):
        say(f"[{position}/{len(entries)}] {entry.title}")
        with suppress(DiagnosticsError):  # kept in desk.failures; the next may well pass
            desk.finish(entry)
    desk.write_manifest(ended=True)
    conclusions = [
        f"{entry.title}: NOT REPORTED. {desk.failures[entry.name]}"
        if entry.name in desk.failures
        else f"{entry.title}: {desk.results[entry.name].answer}"
        for entry in entries
    ]
    failed = list(desk.failures)
    return Outcome(1 if failed else 0, conclusions, failed, settings.out / run_folder.PAGE)


class _Desk:
    """One run's memory: what is finished, so that an analysis asked for twice is done once."""

    def __init__(self, settings: Settings, command: str, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.command = command
        self.say = say
        self.git_commit = git_commit()
        self.results: dict[str, Result] = {}
        self.failures: dict[str, str] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.paths: dict[str, Path] = {}
        self.open: list[Run] = []

    def need(self, name: str) -> Result:
        """The result of another analysis, for the one that is open."""
        entry, run = find_analysis(name), self.open[-1]
        started = time.perf_counter()
        result = self.finish(entry)
        run.seconds_elsewhere += time.perf_counter() - started
        files = self.summaries[entry.name]["files"]
        # Pages tell the seconds, which differ between equal runs.
        run.needed[name] = {file: digest for file, digest in files.items() if not file.endswith(".html")}
        return result

    def finish(self, entry: Entry) -> Result:
        """The result of an analysis: remembered, kept from an earlier run, or made now and written."""
        path = self.paths.setdefault(entry.name, entry.path.resolve())
        if path != entry.path.resolve():
            raise DataError(f"two analyses are named {entry.name!r}, {path} and {entry.path}: rename one")
        if entry.name in self.results:
            return self.results[entry.name]
        if entry.name in self.failures:
            raise DiagnosticsError(self.failures[entry.name])
        names = [run.name for run in self.open]
        if entry.name in names:
            raise DataError(f"analyses need one another in a circle: {' > '.join([*names, entry.name])}")
        try:
            kept = self._kept(entry) if self.settings.resume else None
            self.results[entry.name] = kept or self._make(entry)
        except DiagnosticsError as error:
            self.failures[entry.name] = str(error)
            raise
        finally:
            # After each analysis, so that the page is right also when the next one ends the run.
            if entry.name in self.summaries:
                self.write_manifest(ended=False)
        return self.results[entry.name]

    @contextmanager
    def _opened(self, entry: Entry) -> Iterator[Run]:
        run = Run(self.settings, entry.name, self.need, self.say)
        run.inputs[f"{entry.name}.py"] = sha256(entry.path.read_bytes())
        if self.settings.data is not None:
            run.inputs[str(self.settings.data)] = sha256(_content(self.settings.data))
        self.open.append(run)
        try:
            yield run
        finally:
            self.open.pop()

    def _make(self, entry: Entry) -> Result:
        key, started = _key(self.settings), time.perf_counter()
        with self._opened(entry) as run:
            try:
                result = call_script(entry, run)
            except DiagnosticsError as error:
                self._write(entry, run, Result(answer=str(error)), key, started, passed=False)
                raise
        if not isinstance(result, Result):
            raise DataError(f"{entry.path}: analyse() gave {type(result).__name__}, expected a Result")
        self._write(entry, run, result, key, started, passed=True)
        return result

    def _write(
        self, entry: Entry, run: Run, result: Result, key: str, started: float, *, passed: bool
    ) -> None:
        self.say(f"{entry.name}: writing the page")
        summary: dict[str, Any] = {
            "name": entry.name,
            "title": entry.title,
            "question": entry.question,
            "asked_as": shlex.quote(
                entry.name if entry.path.parent == analyses_folder() else str(entry.path)
            ),
            "answer": result.answer,
            "passed": passed,
            "seconds": round(time.perf_counter() - started - run.seconds_elsewhere, 2),
            "key": key,
            "settings": self.settings.as_record(),
            "options": shlex.join(self.settings.as_options()),
            "studies": list(run.studies),
            "inputs": dict(sorted(run.inputs.items())),
            "needed": run.needed,
            "limits": list(result.limits),
            "methods": list(result.methods),
            "tables": {name: table.as_record() for name, table in result.tables.items()},
            "headlines": [asdict(headline) for headline in result.headlines],
        }
        files = _result_files(run, result, summary)
        summary["files"] = run_folder.digests(files)
        files[run_folder.SUMMARY] = _json(summary)
        run_folder.write_folder(self.settings.out, entry.name, files)
        self.summaries[entry.name] = summary

    def _kept(self, entry: Entry) -> Result | None:
        """An earlier result whose settings, code, inputs and files are the same, or None."""
        folder = self.settings.out / entry.name
        summary = run_folder.read_summary(folder)
        if summary is None or not summary["passed"] or summary["key"] != _key(self.settings):
            return None
        try:
            if not run_folder.is_unchanged(folder, summary["files"]) or not self._same_inputs(entry, summary):
                return None
            tables = {n: read_table(folder / f"{n}.csv", record) for n, record in summary["tables"].items()}
            file = folder / "posterior.nc"
            posteriors = read_posteriors(file) if file.name in summary["files"] else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, DiagnosticsError):
            return None  # made anew, which tells what is wrong if it still is
        self.say(f"{entry.name}: kept, nothing that it depends on has changed")
        self.summaries[entry.name] = summary
        return Result(answer=summary["answer"], tables=tables, posteriors=posteriors)

    def _same_inputs(self, entry: Entry, summary: dict[str, Any]) -> bool:
        with self._opened(entry) as run:
            for study in summary["studies"]:
                run.study(study)
            for name in summary["needed"]:
                run.need(name)
        return bool(run.inputs == summary["inputs"] and run.needed == summary["needed"])

    def write_manifest(self, *, ended: bool) -> None:
        """Write ``run.json`` and the page of what is finished so far."""
        manifest = {
            "command": self.command,
            "settings": self.settings.as_record(),
            "versions": versions(),
            "platform": platform.platform(),
            "git_commit": self.git_commit,
            "inputs": {file: h for s in self.summaries.values() for file, h in sorted(s["inputs"].items())},
            "seconds": {name: summary["seconds"] for name, summary in self.summaries.items()},
            "status": 1 if self.failures else 0 if ended else None,
            "reproducibility": REPRODUCIBILITY,
        }
        out = self.settings.out
        earlier = [s | {"earlier": True} for s in run_folder.earlier_summaries(out)]
        summaries = [*self.summaries.values(), *(s for s in earlier if s["name"] not in self.summaries)]
        page = report.index_page(summaries, manifest, _ledger(out / "claims"))
        run_folder.write_file(out, run_folder.MANIFEST, _json(manifest))
        run_folder.write_file(out, run_folder.PAGE, page)


def _result_files(run: Run, result: Result, summary: dict[str, object]) -> dict[str, bytes]:
    from .plots import save_bytes

    files = {f"{name}.csv": table.to_csv() for name, table in result.tables.items()}
    files |= {f"{name}.tex": report.table_file(name, table) for name, table in result.tables.items()}
    checks = None
    if run.checks:
        checks = pd.concat(run.checks, names=["posterior"])
        checks = checks.reset_index(level=0).reset_index(drop=True)
        files["checks.csv"] = Table(checks, "").to_csv()
    if result.posteriors:
        files["posterior.nc"] = posterior_bytes(result.posteriors)
    for name, picture in result.pictures.items():
        files |= {f"{name}.{kind}": save_bytes(picture.figure, kind) for kind in ("png", "svg")}
    figures = {name: files[f"{name}.svg"] for name in result.pictures}
    files["report.html"] = report.analysis_page(summary, result, checks, figures, _own_claims(run, result))
    return files


def _own_claims(run: Run, result: Result) -> pd.DataFrame | None:
    """The published claims that an analysis' own posteriors judge; None where there are none."""
    judged = []
    for study in run.studies.values() if result.posteriors else []:
        with suppress(DataError):  # a user's posterior of a name that the study means otherwise
            ledger = judge_claims(study, result.posteriors)
            # Only the defaults were tried here, so that nothing can be said about the worst.
            judged.append(ledger[ledger["probability"].notna()].drop(columns="at_worst"))
    whole = pd.concat(judged) if judged else pd.DataFrame()
    return None if whole.empty else whole


def _ledger(folder: Path) -> pd.DataFrame | None:
    summary = run_folder.read_summary(folder)
    if summary is None or "claims.csv" not in summary["files"]:
        return None
    return pd.read_csv(folder / "claims.csv", keep_default_na=False)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"--data {file}: cannot be read ({error.strerror})") from None


def _key(settings: Settings) -> str:
    """Hash of what shapes every result beside its inputs: settings, versions, package."""
    parts = [settings.as_record(), versions(), package_digest()]
    return sha256(json.dumps(parts, sort_keys=True).encode())
