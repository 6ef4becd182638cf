"""One analysis made: its script is run, and everything it hands back becomes files, in memory."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from ..comparison.claims import judge_claims
from ..errors import DataError, DiagnosticsError
from ..files import read_file, shown
from ..inference.engines import versions
from ..inference.ensemble.jobs import one_thread
from ..provenance import package_digest, sha256
from ..readers.posterior import posterior_bytes
from ..report import page as report
from ..report.result import Result, Table
from . import run_folder
from .catalogue import Entry, analyses_folder, call_script
from .settings import Run, Settings


@dataclass(frozen=True, eq=False)
class Made:
    """An analysis as it was made.

    Attributes
    ----------
    result : Result
        What another analysis may ask for: pictures are in the files only.
    summary : dict
        What ``summary.json`` holds.
    files : dict of str to bytes
        File name to content, all that its folder holds.
    failure : str or None
        Why it is not reported, where a gate failed.
    """

    result: Result
    summary: dict[str, Any]
    files: dict[str, bytes]
    failure: str | None = None


def open_run(
    entry: Entry, settings: Settings, need: Callable[[str], Result], say: Callable[[str], None]
) -> Run:
    """What the script of an analysis is handed, with the hashes of the script and of the user's file.

    Parameters
    ----------
    entry : Entry
        The analysis.
    settings : Settings
        What the run was asked for.
    need, say : callable
        As in `Run`.

    Returns
    -------
    Run
    """
    run = Run(settings, entry.name, need, say)
    run.inputs[f"{entry.name}.py"] = sha256(entry.path.read_bytes())
    if settings.data is not None and not settings.data.is_dir():  # a data package has its own hashes
        run.inputs[shown(settings.data)] = sha256(read_file(settings.data, what="--data "))
    return run


def make(entry: Entry, run: Run) -> Made:
    """Run the script of an analysis and make its files.

    Parameters
    ----------
    entry : Entry
        The analysis.
    run : Run
        From `open_run`.

    Returns
    -------
    Made
        The same in every process, the seconds aside: linear algebra has one thread.

    Raises
    ------
    DataError
        If an input cannot be used, or for anything that goes wrong in the script.
    """
    key, started, failure = key_of(run.settings), time.perf_counter(), None
    with one_thread():
        try:
            result = call_script(entry, run)
        except DiagnosticsError as error:
            failure = str(error)
            result = Result(answer=failure)
        if not isinstance(result, Result):
            raise DataError(f"{entry.path}: analyse() gave {type(result).__name__}, expected a Result")
        result = replace(result, notes=tuple(dict.fromkeys([*run.notes, *result.notes])))
        seconds = time.perf_counter() - started - run.seconds_elsewhere
        run.say(f"{entry.name}: writing the page")
        summary = _summary(entry, run, result, key=key, seconds=seconds, passed=failure is None)
        files = _result_files(run, result, summary)
    summary["files"] = run_folder.digests(files)
    files[run_folder.SUMMARY] = json_bytes(summary)
    return Made(replace(result, pictures={}), summary, files, failure)


def _summary(
    entry: Entry, run: Run, result: Result, *, key: str, seconds: float, passed: bool
) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": result.title or entry.title,
        "question": result.question or entry.question,
        "asked_as": shlex.quote(entry.name if entry.path.parent == analyses_folder() else str(entry.path)),
        "answer": result.answer,
        "passed": passed,
        "seconds": round(seconds, 2),
        "key": key,
        "settings": run.settings.as_record(),
        "options": shlex.join(run.settings.as_options()),
        "studies": list(run.studies),
        "inputs": dict(sorted(run.inputs.items())),
        "needed": run.needed,
        "notes": list(result.notes),
        "limits": list(result.limits),
        "methods": list(result.methods),
        "tables": {name: table.as_record() for name, table in result.tables.items()},
        "headlines": [asdict(headline) for headline in result.headlines],
    }


def _result_files(run: Run, result: Result, summary: dict[str, object]) -> dict[str, bytes]:
    from ..plots import save_bytes

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
            # Only the defaults were tried here, so that there is no lowest of several.
            lowest = [column for column in ledger.columns if str(column).startswith("lowest")]
            judged.append(ledger[ledger["probability"].notna()].drop(columns=lowest))
    whole = pd.concat(judged) if judged else pd.DataFrame()
    return None if whole.empty else whole


def note_need(run: Run, name: str, summary: dict[str, Any]) -> None:
    """Note in a run that it was handed the result of another analysis.

    Parameters
    ----------
    run : Run
        Of the analysis that asked.
    name : str
        What it asked for.
    summary : dict
        Of the analysis that it was handed.
    """
    # Pages tell the seconds, which differ between equal runs.
    run.needed[name] = {
        file: digest for file, digest in summary["files"].items() if not file.endswith(".html")
    }


def key_of(settings: Settings) -> str:
    """Hash of what shapes every result beside its inputs: settings, versions, package."""
    parts = [settings.as_record(), versions(), package_digest()]
    return sha256(json.dumps(parts, sort_keys=True).encode())


def json_bytes(value: object) -> bytes:
    """A value as the JSON of a run folder."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
