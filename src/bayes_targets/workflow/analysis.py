"""The conductor: settings in; analyses made, gated and written; a run folder out."""

from __future__ import annotations

import json
import platform
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..comparison.claims import judge_claims
from ..errors import DataError, DiagnosticsError, options_as_flags
from ..files import read_file, shown
from ..inference.engines import versions
from ..inference.ensemble import Pool, WorkerLostError, one_thread, require_scheduler, say_from_worker
from ..provenance import REPRODUCIBILITY, git_commit, package_digest, sha256
from ..readers.posterior import posterior_bytes, read_posteriors
from ..report import page as report
from ..report.models import paragraph_of
from ..report.result import Result, Table, read_table
from ..report.word import require_word, result_markdown, word_document
from . import run_folder
from .catalogue import Entry, call_script, find_analysis, name_of
from .run_folder import json_bytes
from .settings import Needed, Run
from .settings import Settings as Settings


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a run ended."""

    status: int  # 0 all done, 1 a gate failed
    conclusions: list[str]  # what each analysis concluded, or why it is not reported
    failed: list[str]  # names of the analyses that are not reported
    page: Path


@dataclass(frozen=True, eq=False)
class Made:
    """An analysis as it was made."""

    result: Result | None  # without pictures, which are in the files; None where no analysis needs it
    summary: dict[str, Any]  # what summary.json holds
    files: dict[str, bytes]  # all that its folder holds, by name
    failure: str | None  # why it is not reported, where a gate failed


def conduct(
    names: Sequence[str],
    settings: Settings,
    *,
    command: str = "",
    say: Callable[[str], None] = lambda line: None,
    tell: Callable[[int, int], None] = lambda done, total: None,
    pool: Pool | None = None,
) -> Outcome:
    """Run analyses and write the run folder."""
    entries = plan([find_analysis(name) for name in names])
    asked = [entry for entry in entries.values() if entry.name in map(name_of, names)]
    if settings.data is not None:
        if not settings.data.is_dir():
            read_file(settings.data, what="--data ")
        for entry in asked:
            if not entry.data:
                raise DataError(f"--data: the analysis {entry.name!r} takes no file")
    if settings.word:
        require_word()
    if settings.scheduler is not None:
        require_scheduler(settings.scheduler)  # before anything is done that would then be in vain
    # Before the lock: were this process killed while it starts git, that would hold the lock for a moment.
    made_by = {"command": command, "git_commit": git_commit()}
    with run_folder.locked(settings.out):
        run_folder.prepare(settings.out, list(entries), resume=settings.resume, say=say)
        desk = _Desk(entries, settings, made_by, say, tell)
        pool = Pool() if pool is None else pool  # an idle pool has no length
        pool.listen = say
        desk.run(pool)
        desk.write_manifest(ended=True)
    failed = [entry.name for entry in entries.values() if desk.needed[entry.name].failure is not None]
    conclusions = [desk.conclusion(entry) for entry in asked]
    return Outcome(1 if failed else 0, conclusions, failed, settings.out / run_folder.PAGE)


def plan(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Analyses and all that they need, what is needed before what needs it."""
    planned: dict[str, Entry] = {}

    def add(entry: Entry, above: tuple[str, ...]) -> None:
        if entry.name in above:
            raise DataError(f"analyses need one another in a circle: {' > '.join([*above, entry.name])}")
        known = planned.get(entry.name)
        if known is not None:
            if known.path.resolve() != entry.path.resolve():
                raise DataError(
                    f"two analyses are named {entry.name!r}, {known.path.resolve()} and {entry.path}: rename one"
                )
            return
        for need in entry.needs:
            add(find_analysis(need), (*above, entry.name))
        planned[entry.name] = entry

    for entry in entries:
        add(entry, ())
    return planned


class _Desk:
    """One run's memory: what is finished, and what waits for what."""

    def __init__(
        self,
        entries: Mapping[str, Entry],
        settings: Settings,
        made_by: Mapping[str, str | None],
        say: Callable[[str], None],
        tell: Callable[[int, int], None],
    ) -> None:
        self.entries = entries
        self.settings = settings
        self.made_by = made_by
        self.say = say
        self.tell = tell
        self.key = key_of(settings)
        self.needs = {name: [name_of(need) for need in entry.needs] for name, entry in entries.items()}
        self.order = list(entries)
        self.needed: dict[str, Needed] = {}
        self.summaries: dict[str, dict[str, Any]] = {}
        self.errors: dict[str, Exception] = {}
        self.running: set[str] = set()
        self.earlier = run_folder.earlier_results(settings.out)
        # Also of results that are damaged, which are known by it.
        self.recorded = {
            name: files
            for name, files in run_folder.read_manifest(settings.out).get("results", {}).items()
            if (settings.out / name).is_dir()
        }
        for name, words in self.earlier.broken.items():
            if name not in entries:
                say(f"{name}: an earlier result, left out of the page: {words}")

    def run(self, pool: Pool) -> None:
        """Make every analysis, or keep it, as soon as what it needs is there."""
        waiting = [self.entries[name] for name in (self.order if pool.size == 1 else self._by_urgency())]
        tried = set()
        self._hand_out(waiting, pool)
        while any(map(self._is_wanted, self.running)):
            entry, made = pool.next_done()
            self.running.remove(entry.name)
            if isinstance(made, WorkerLostError) and entry.name not in tried:
                tried.add(entry.name)
                self.say(f"{entry.name}: {made}; made once more")
                waiting.insert(0, entry)
            elif isinstance(made, Exception):
                self.errors[entry.name] = made
            elif self._is_wanted(entry.name):
                digests = run_folder.results_of(made.summary)
                self.needed[entry.name] = Needed(made.result, made.failure, digests)
            # Before anything is written, so that no worker waits for the disk.
            self._hand_out(waiting, pool)
            if entry.name in self.needed:
                with self._noting_errors(entry):
                    run_folder.write_result(self.settings.out, entry.name, made.files)
                    self._remember(entry, made.summary)
        if self.errors:
            raise self.errors[min(self.errors, key=self.order.index)]

    def _hand_out(self, waiting: list[Entry], pool: Pool) -> None:
        """Keep, or have made, what lacks nothing, as long as a process is free."""
        while len(pool) < pool.size:
            ready = (
                entry
                for entry in waiting
                if self._is_wanted(entry.name) and all(need in self.needed for need in self.needs[entry.name])
            )
            if (entry := next(ready, None)) is None:
                return
            waiting.remove(entry)
            with self._noting_errors(entry):
                if not (self.settings.resume and self._keep(entry)):
                    self._begin(entry, pool)

    def _by_urgency(self) -> list[str]:
        """The longest first, with what waits for it, so that no worker is idle at the end."""
        lengths: dict[str, float] = {}
        for name in reversed(self.order):
            waiting = [lengths[other] for other in self.order if name in self.needs[other]]
            lengths[name] = self.entries[name].seconds + max(waiting, default=0.0)
        return sorted(self.order, key=lambda name: -lengths[name])

    def _is_wanted(self, name: str) -> bool:
        """Whether an analysis comes before the first error, so that it is made also where one is made at a time."""
        return all(self.order.index(name) < self.order.index(wrong) for wrong in self.errors)

    @contextmanager
    def _noting_errors(self, entry: Entry) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.errors[entry.name] = error

    def _begin(self, entry: Entry, pool: Pool) -> None:
        """Have an analysis made."""
        needed = {name: self._with_result(name) for name in self.needs[entry.name]}
        wanted = any(entry.name in needs for needs in self.needs.values())
        self._say_title(entry)
        if pool.size == 1:
            pool.submit(entry, make, entry, self.settings, needed, wanted, self.say)
        else:
            # A worker starts no workers of its own and shows no meter; results depend on neither.
            plain = replace(self.settings, workers=1, spare=1, scheduler=None, progress=False)
            pool.submit(entry, make, entry, plain, needed, wanted)
        self.running.add(entry.name)

    def _with_result(self, name: str) -> Needed:
        """What another analysis found, read again where it was kept from an earlier run."""
        needed = self.needed[name]
        if needed.failure is None and needed.result is None:
            needed = replace(needed, result=self._read(name))
            self.needed[name] = needed
        return needed

    def _read(self, name: str) -> Result:
        folder, summary = self.settings.out / name, self.summaries[name]
        try:
            tables = {n: read_table(folder / f"{n}.csv", record) for n, record in summary["tables"].items()}
            file = folder / "posterior.nc"
            posteriors = read_posteriors(file) if file.name in summary["files"] else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            words = " ".join(str(error).split())
            raise DataError(
                f"{shown(folder)}: the earlier result cannot be read ({words}); run it without --resume"
            ) from None
        return Result(answer=summary["answer"], tables=tables, posteriors=posteriors)

    def _remember(self, entry: Entry, summary: dict[str, Any]) -> None:
        self.summaries[entry.name] = summary
        self.tell(len(self.summaries), len(self.entries))
        if len(self.summaries) < len(
            self.entries
        ):  # so that the page is right also when the next one ends the run
            self.write_manifest(ended=False)

    def _say_title(self, entry: Entry) -> None:
        self.say(f"[{self.order.index(entry.name) + 1}/{len(self.order)}] {entry.title}")

    def _keep(self, entry: Entry) -> bool:
        """Keep an earlier result whose settings, code, inputs and files are the same, if there is one."""
        folder = self.settings.out / entry.name
        summary = run_folder.read_summary(folder)
        if summary is None or not summary["passed"] or summary["key"] != self.key:
            return False
        run = open_run(entry, self.settings, {}, self.say)
        with suppress(DiagnosticsError):
            for study in summary["studies"]:
                run.study(study)
        needed = {name: self.needed[name].digests for name in self.needs[entry.name]}
        same = run.inputs == summary["inputs"] and all(
            needed.get(n) == d for n, d in summary["needed"].items()
        )
        if not same or not run_folder.is_unchanged(folder, summary["files"]):
            return False
        self._say_title(entry)
        self.say(f"{entry.name}: kept, nothing that it depends on has changed")
        self.needed[entry.name] = Needed(None, None, run_folder.results_of(summary))
        self._remember(entry, summary)
        return True

    def conclusion(self, entry: Entry) -> str:
        """What an analysis concluded, or why it is not reported, after its title."""
        summary = self.summaries[entry.name]
        colon = "" if summary["title"].endswith("?") else ":"
        return f"{summary['title']}{colon} {'' if summary['passed'] else 'NOT REPORTED. '}{summary['answer']}"

    def write_manifest(self, *, ended: bool) -> None:
        """Write ``run.json`` and the page of what is finished so far."""
        mine = [self.summaries[name] for name in self.order if name in self.summaries]
        earlier = [
            summary | {"earlier": True}
            for name, summary in self.earlier.summaries.items()
            if name not in self.summaries and (self.settings.out / name / run_folder.SUMMARY).is_file()
        ]
        failed = any(not summary["passed"] for summary in mine)
        manifest = {
            "command": self.made_by["command"],
            "settings": self.settings.as_record(),
            "versions": versions(),
            "platform": platform.platform(),
            "git_commit": self.made_by["git_commit"],
            "inputs": {file: h for summary in mine for file, h in sorted(summary["inputs"].items())},
            "notes": {summary["name"]: summary["notes"] for summary in mine if summary["notes"]},
            "seconds": {summary["name"]: summary["seconds"] for summary in mine},
            "results": self.recorded | {s["name"]: run_folder.recorded(s) for s in [*mine, *earlier]},
            "status": 1 if failed else 0 if ended else None,
            "reproducibility": REPRODUCIBILITY,
        }
        page = report.index_page([*mine, *earlier], manifest, self._ledger([*mine, *earlier]))
        run_folder.write_top(self.settings.out, manifest, page)

    def _ledger(self, summaries: Sequence[Mapping[str, Any]]) -> pd.DataFrame | None:
        """The claims ledger of the first result that has one."""
        for summary in summaries:
            if summary.get("ledger"):
                file = self.settings.out / summary["name"] / f"{summary['ledger']}.csv"
                return read_table(file, summary["tables"][summary["ledger"]]).frame
        return None


def open_run(
    entry: Entry, settings: Settings, needed: Mapping[str, Needed], say: Callable[[str], None]
) -> Run:
    """What the script of an analysis is handed, with the hashes of the script and of the user's file."""
    run = Run(settings, entry.name, needed, say)
    run.inputs[f"{entry.name}.py"] = sha256(read_file(entry.path))
    file = settings.data if entry.data else None
    if file is not None and not file.is_dir():  # a data package has its own hashes
        run.inputs[shown(file)] = sha256(read_file(file, what="--data "))
    return run


def make(
    entry: Entry,
    settings: Settings,
    needed: Mapping[str, Needed],
    wanted: bool,
    say: Callable[[str], None] = say_from_worker,
) -> Made:
    """Run the script of an analysis and make its files, in memory."""
    run, started, failure = open_run(entry, settings, needed, say), time.perf_counter(), None
    with one_thread(), options_as_flags():
        try:
            result = answer_of(entry, run)
        except DiagnosticsError as error:
            failure = str(error)
            result = Result(answer=failure)
        seconds = time.perf_counter() - started
        result, summary, files = files_of(entry, run, result, seconds=seconds, passed=failure is None)
    kept = replace(result, pictures={}) if wanted and failure is None else None
    return Made(kept, summary, files, failure)


def answer_of(entry: Entry, run: Run) -> Result:
    """What the script of an analysis found."""
    result = call_script(entry, run)
    if not isinstance(result, Result):
        raise DataError(f"{entry.path}: analyse() gave {type(result).__name__}, expected a Result")
    return result


def files_of(
    entry: Entry,
    run: Run,
    result: Result,
    *,
    seconds: float,
    passed: bool,
    more: Mapping[str, bytes] | None = None,
) -> tuple[Result, dict[str, Any], dict[str, bytes]]:
    """A result with what was read, its sealed summary, and all files of its folder.

    `more` are the user's estimates in a folder that stands alone: the command line makes a page of each.
    """
    notes = tuple(dict.fromkeys([*run.notes, *result.notes]))
    paragraph = result.paragraph or paragraph_of(result, result.question or entry.question)
    result = replace(result, notes=notes, paragraph=paragraph, lost=dict(run.lost))
    run.say(f"{entry.name}: writing the page")
    alone = list(more or {})
    summary = _summary(entry, run, result, alone) | {"passed": passed, "seconds": round(seconds, 2)}
    files = {**_result_files(run, result, summary), **(more or {})}
    summary = run_folder.seal(summary | {"files": run_folder.digests(files)})
    files[run_folder.SUMMARY] = json_bytes(summary)
    return result, summary, files


def _summary(entry: Entry, run: Run, result: Result, alone: list[str]) -> dict[str, Any]:
    settings = [replace(run.settings, data=Path(file)) for file in alone] or [run.settings]
    told = ("answer", "notes", "limits", "methods", "ledger", "points", "terms", "cover", "cover_text")
    return {
        "name": entry.name,
        "title": result.title or entry.title,
        "question": result.question or entry.question,
        "asked_as": shlex.quote(entry.name if entry.shipped else shown(entry.path)),
        "key": key_of(run.settings),
        "settings": run.settings.as_record(),
        "options": [shlex.join(each.as_options()) for each in settings],
        "alone": alone,
        "studies": list(run.studies),
        "inputs": dict(sorted(run.inputs.items())),
        "needed": run.needed,
        "tables": {name: table.as_record() for name, table in result.tables.items()},
        "headlines": [asdict(headline) for headline in result.headlines],
        **{name: getattr(result, name) for name in told},
    }


def _result_files(run: Run, result: Result, summary: dict[str, object]) -> dict[str, bytes]:
    from ..plots import save_bytes

    files = {f"{name}.csv": table.to_csv() for name, table in result.tables.items()}
    files |= {
        f"{name}.tex": report.table_file(name, table, result.labels) for name, table in result.tables.items()
    }
    checks = None
    if run.checks:
        checks = pd.concat(run.checks, names=["posterior"]).reset_index(level=0).reset_index(drop=True)
        files["checks.csv"] = Table(checks, "").to_csv()
    if result.posteriors:
        files["posterior.nc"] = posterior_bytes(result.posteriors)
    for name, picture in result.pictures.items():
        files |= {f"{name}.{kind}": save_bytes(picture.figure, kind) for kind in ("png", "svg")}
    figures = {name: files[f"{name}.svg"] for name in result.pictures}
    files["report.html"] = report.analysis_page(summary, result, checks, figures, _own_claims(run, result))
    told = {"title": str(summary["title"]), "question": str(summary["question"])}
    if result.paragraph:
        files["report.md"] = result_markdown(result, **told)
    if run.settings.word:
        pictures = {name: files[f"{name}.png"] for name in result.pictures}
        files["report.docx"] = word_document(result, pictures, **told)
    return files


def _own_claims(run: Run, result: Result) -> pd.DataFrame | None:
    """The published claims that an analysis' own posteriors judge; None where there are none."""
    judged = []
    for study in run.studies.values() if result.posteriors else []:
        with suppress(DataError):  # a user's posterior of a name that the study means otherwise
            ledger = judge_claims(study, result.posteriors).dropna(subset="probability")
            # Only the defaults were tried here, so that there is no lowest of several.
            judged.append(ledger.loc[:, ~ledger.columns.str.startswith("lowest")])
    whole = pd.concat(judged) if judged else pd.DataFrame()
    return None if whole.empty else whole


def key_of(settings: Settings) -> str:
    """Hash of what shapes every result beside its inputs: settings, versions, package."""
    parts = [settings.as_record(), versions(), package_digest()]
    return sha256(json.dumps(parts, sort_keys=True).encode())
