"""The conductor: settings in, analyses made, gated and written, a run folder out."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DataError, DiagnosticsError
from ..files import read_file
from ..inference.engines import versions
from ..inference.ensemble import require_scheduler
from ..provenance import REPRODUCIBILITY, git_commit
from ..readers.posterior import read_posteriors
from ..report import page as report
from ..report.result import Result, read_table
from . import run_folder
from .ahead import Ahead, in_order
from .catalogue import Entry, find_analysis
from .making import Made, json_bytes, key_of, make, note_need, open_run
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
    ahead: Ahead | None = None,
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
    ahead : Ahead, optional
        A second process, which makes some of them before their turn. What is written does not depend on it.

    Returns
    -------
    Outcome

    Raises
    ------
    DataError
        If an input cannot be used or a result cannot be written. Analyses that were finished before stay.
    """
    entries = [find_analysis(name) for name in names]
    if settings.data is not None and not settings.data.is_dir():
        read_file(settings.data, what="--data ")
        for entry in entries:
            if not entry.data:
                raise DataError(f"--data: the analysis {entry.name!r} takes no file")
    if settings.scheduler is not None:
        require_scheduler(settings.scheduler)  # before anything is done that would then be in vain
    run_folder.prepare(settings.out, [entry.name for entry in entries])
    desk = _Desk(entries, settings, command, say, ahead)
    if ahead is not None:
        ahead.begin(in_order([entry for entry in entries[1:] if desk.is_stale(entry)]), settings, desk.tell)
    for entry in entries:
        with suppress(DiagnosticsError):  # kept in desk.failures; the next may well pass
            desk.finish(entry)
    desk.write_manifest(ended=True)
    conclusions = [desk.conclusion(entry) for entry in entries]
    failed = list(desk.failures)
    return Outcome(1 if failed else 0, conclusions, failed, settings.out / run_folder.PAGE)


class _Desk:
    """One run's memory: what is finished, so that an analysis asked for twice is done once."""

    def __init__(
        self,
        entries: Sequence[Entry],
        settings: Settings,
        command: str,
        say: Callable[[str], None],
        ahead: Ahead | None,
    ) -> None:
        self.titles = {
            entry.name: f"[{place}/{len(entries)}] {entry.title}" for place, entry in enumerate(entries, 1)
        }
        self.settings = settings
        self.command = command
        self.say = say
        self.ahead = ahead
        self.git_commit = git_commit()
        self.results: dict[str, Result] = {}
        self.failures: dict[str, str] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.paths: dict[str, Path] = {}
        self.open: list[Run] = []

    def tell(self, name: str, line: str = "") -> None:
        """Say a line of an analysis, before the first its title."""
        title = self.titles.pop(name, "")
        for each in filter(None, (title, line)):
            self.say(each)

    def need(self, name: str) -> Result:
        """The result of another analysis, for the one that is open."""
        entry, run = find_analysis(name), self.open[-1]
        started = time.perf_counter()
        result = self.finish(entry)
        run.seconds_elsewhere += time.perf_counter() - started
        note_need(run, name, self.summaries[entry.name])
        return result

    def finish(self, entry: Entry) -> Result:
        """The result of an analysis: remembered, kept from an earlier run, or made and written."""
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
        made = None if self.ahead is None else self.ahead.take(entry, self._make)
        self.tell(entry.name)
        try:
            kept = self._kept(entry) if self.settings.resume and made is None else None
            self.results[entry.name] = kept or self._written(entry, made or self._make(entry))
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
        run = open_run(entry, self.settings, self.need, self.say)
        self.open.append(run)
        try:
            yield run
        finally:
            self.open.pop()

    def _make(self, entry: Entry) -> Made:
        self.tell(entry.name)
        with self._opened(entry) as run:
            return make(entry, run)

    def _written(self, entry: Entry, made: Made) -> Result:
        run_folder.write_folder(self.settings.out, entry.name, made.files)
        self.summaries[entry.name] = made.summary
        if made.failure is not None:
            raise DiagnosticsError(made.failure)
        return made.result

    def conclusion(self, entry: Entry) -> str:
        """What an analysis concluded, or why it is not reported, after its title."""
        summary = self.summaries.get(entry.name, {})
        title = str(summary.get("title", entry.title))
        colon = "" if title.endswith("?") else ":"
        failure = self.failures.get(entry.name)
        return f"{title}{colon} {self.results[entry.name].answer if failure is None else f'NOT REPORTED. {failure}'}"

    def is_stale(self, entry: Entry) -> bool:
        """Whether a look at an analysis' summary is enough to see that it has to be made."""
        summary = run_folder.read_summary(self.settings.out / entry.name) if self.settings.resume else None
        return summary is None or not summary["passed"] or summary["key"] != key_of(self.settings)

    def _kept(self, entry: Entry) -> Result | None:
        """An earlier result whose settings, code, inputs and files are the same, or None."""
        folder = self.settings.out / entry.name
        summary = run_folder.read_summary(folder)
        if summary is None or not summary["passed"] or summary["key"] != key_of(self.settings):
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
            "notes": {name: s["notes"] for name, s in self.summaries.items() if s["notes"]},
            "seconds": {name: summary["seconds"] for name, summary in self.summaries.items()},
            "status": 1 if self.failures else 0 if ended else None,
            "reproducibility": REPRODUCIBILITY,
        }
        out = self.settings.out
        earlier = [s | {"earlier": True} for s in run_folder.earlier_summaries(out)]
        summaries = [*self.summaries.values(), *(s for s in earlier if s["name"] not in self.summaries)]
        page = report.index_page(summaries, manifest, _ledger(out / "claims"))
        run_folder.write_file(out, run_folder.MANIFEST, json_bytes(manifest))
        run_folder.write_file(out, run_folder.PAGE, page)


def _ledger(folder: Path) -> pd.DataFrame | None:
    summary = run_folder.read_summary(folder)
    if summary is None or "claims.csv" not in summary["files"]:
        return None
    return pd.read_csv(folder / "claims.csv", keep_default_na=False)
