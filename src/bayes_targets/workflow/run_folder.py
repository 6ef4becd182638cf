"""The results folder: what in it is ours, and how it is written.

A folder of results is ours if its ``summary.json``, which is sealed, names each of its files with its hash; the page and the manifest
at the top are ours if the manifest, which is sealed, says so. Nothing else is ever replaced or removed.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import PARTIAL, REPLACED, put_back, read_file, remove_ours, shown, write_file, write_folder
from ..provenance import sha256

SUMMARY = "summary.json"
MANIFEST = "run.json"
PAGE = "index.html"
CACHE = f"{PARTIAL}cache"  # swept away with the rest of what is not a result
_SEAL = "seal"
# Seconds to wait for a lock: what a killed run was just starting holds it until it has begun.
_PATIENCE = 1.0
_SUMMARY_KEYS = {
    "name": str, "title": str, "answer": str, "passed": bool, "key": str, "files": dict, "seconds": int | float, "inputs": dict,
    "needed": dict, "studies": list, "tables": dict, "notes": list,
}  # fmt: skip
_FILE_NAME = re.compile(r"\w[\w.+ -]*")


@dataclass(frozen=True)
class Place:
    """What lies where a result is going to be written: files of an earlier result of ours."""

    damaged: tuple[str, ...] = ()  # missing or empty
    changed: tuple[str, ...] = ()  # that hold something else than we wrote


@dataclass(frozen=True)
class Earlier:
    """What a results folder holds of earlier runs, by folder."""

    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)  # of results that are whole
    broken: dict[str, str] = field(default_factory=dict)  # what is wrong with the others


def seal(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the hash of all that it says, by which a change is seen.

    Examples
    --------
    >>> is_sealed(seal({"a": 1})), is_sealed(seal({"a": 1}) | {"a": 2})
    (True, False)
    """
    # As it will be read again: tuples are lists then.
    bare: dict[str, Any] = json.loads(
        json_bytes({name: value for name, value in record.items() if name != _SEAL})
    )
    return bare | {_SEAL: sha256(json.dumps(bare, sort_keys=True).encode())}


def is_sealed(record: object) -> bool:
    """Whether a record says what it said when it was sealed."""
    return isinstance(record, dict) and _SEAL in record and bool(seal(record)[_SEAL] == record[_SEAL])


def json_bytes(value: object) -> bytes:
    """A value as the JSON of a results folder."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the results folder and keep other runs out of it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except (FileExistsError, NotADirectoryError):
        raise DataError(f"--out {shown(out)}: is a file, or lies below one; expected a folder") from None
    except OSError as error:
        raise DataError(f"--out {shown(out)}: cannot be written to ({error.strerror})") from None
    except ValueError:  # a NUL in the name
        raise DataError(f"--out {shown(out)!r}: no name of a folder") from None
    handle = _lock(out)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(out: Path) -> int | None:
    """A lock on the folder itself, so that nothing is left in it; None where the system has none."""
    try:
        import fcntl
    except ImportError:
        return None
    handle, patience = os.open(out, os.O_RDONLY), time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() < patience:
                time.sleep(0.02)
                continue
            os.close(handle)
            raise DataError(
                f"--out {shown(out)}: another run is writing into it, expected a folder of its own"
            ) from None
        except OSError:  # some network file systems have no locks
            os.close(handle)
            return None


def prepare(out: Path, names: Sequence[str], *, resume: bool, say: Callable[[str], None]) -> None:
    """Refuse at once what must not be replaced, and tidy up after runs that were killed."""
    tidy(out)
    manifest = _require_our_page(out)
    for name in names:
        place = require_ours(out / name, manifest)
        if place.changed and not resume:
            raise DataError(
                f"{shown(out / name / place.changed[0])}: was changed after it was written, so {shown(out / name)} is not replaced: move "
                "it elsewhere, or use --resume, which sets it aside"
            )
        wrong = [(place.damaged, "of the earlier result is damaged"), (place.changed, "was changed")]
        told = [f"{', '.join(files)} {words}" for files, words in wrong if files]
        if told:
            say(f"{name}: {' and '.join(told)}; made anew")


def require_ours(place: Path, manifest: Mapping[str, Any]) -> Place:
    """Refuse a folder that is not an earlier result of ours, or that holds anything else."""
    if not os.path.lexists(place):
        return Place()
    expected = _expected_files(place, manifest)
    if place.is_symlink() or not place.is_dir() or expected is None:
        raise DataError(
            f"{shown(place)}: holds no {SUMMARY} that this program wrote, so it is not an earlier result and is not replaced"
        )
    for found in sorted(place.iterdir()):
        if found.name not in expected or found.is_symlink() or not found.is_file():
            raise DataError(
                f"{shown(found)}: is no file of the earlier result around it, which is therefore not replaced: move it elsewhere"
            )
    damaged: list[str] = []
    changed: list[str] = []
    for name, digest in expected.items():
        content = (place / name).read_bytes() if (place / name).is_file() else b""
        if sha256(content) != digest:
            # Nobody writes a summary by hand, and in an empty file there is nothing to lose.
            (damaged if not content or name == SUMMARY else changed).append(name)
    return Place(tuple(damaged), tuple(changed))


def _expected_files(place: Path, manifest: Mapping[str, Any]) -> dict[str, str] | None:
    """The hash of each file that we wrote to a place; None where we wrote nothing there."""
    recorded = manifest.get("results", {}).get(place.name)
    summary = _load(place / SUMMARY)
    if is_sealed(summary) and summary.get("name") == place.name and isinstance(summary.get("files"), dict):
        return {**summary["files"], SUMMARY: sha256((place / SUMMARY).read_bytes())}
    return recorded if isinstance(recorded, dict) else None


def _require_our_page(out: Path) -> dict[str, Any]:
    manifest = read_manifest(out)
    if not manifest and _holds_something(out / MANIFEST):
        raise DataError(
            f"{shown(out / MANIFEST)}: was not written by this program, or was changed since; it is not replaced"
        )
    page = out / PAGE
    if _holds_something(page):
        a_file = page.is_file() and not page.is_symlink()
        if not a_file or sha256(page.read_bytes()) not in manifest.get("pages", []):
            raise DataError(
                f"{shown(page)}: {MANIFEST} beside it does not say that this program wrote it, so it is not replaced"
            )
    return manifest


def _holds_something(file: Path) -> bool:
    empty = not file.is_symlink() and file.is_file() and file.stat().st_size == 0
    # lexists: a link that leads nowhere is somebody's too.
    return os.path.lexists(file) and not empty


def _load(file: Path) -> Any:
    """A JSON file; None where it is missing or cannot be read."""
    try:
        return json.loads(read_file(file))
    except (DataError, ValueError, RecursionError):
        return None


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of an earlier run, if it is as we wrote it, else an empty one."""
    manifest = _load(out / MANIFEST)
    return manifest if is_sealed(manifest) else {}


def tidy(out: Path) -> None:
    """Remove what an interrupted write left; an old result whose successor never came is put back."""
    for leftover in list(out.iterdir()) if out.is_dir() else []:
        if leftover.name.startswith(REPLACED):
            put_back(out / leftover.name.removeprefix(REPLACED))
        elif leftover.name.startswith(PARTIAL):
            remove_ours(leftover)


def write_result(out: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Write the folder of an analysis, whole or not at all, replacing an earlier result."""
    for file in files:
        if not _FILE_NAME.fullmatch(file):
            raise DataError(
                f"{name}: a file cannot be named {file!r}, expected letters, digits, '_', '-', '+', '.' and spaces"
            )
    place = out / name
    there = require_ours(place, read_manifest(out))
    if there.changed:
        number = 1
        while os.path.lexists(aside := out / f"{name}.changed-{number}"):
            number += 1
        place.rename(aside)
    return write_folder(place, files)


def write_top(out: Path, manifest: Mapping[str, Any], page: bytes) -> None:
    """Write the manifest and the page of a run."""
    # The manifest is written first, so it names both pages that may be there if the run is killed in between.
    pages = [sha256(page)]
    with suppress(OSError):
        pages.append(sha256((out / PAGE).read_bytes()))
    write_file(out / MANIFEST, json_bytes(seal({**manifest, "pages": list(dict.fromkeys(pages))})))
    write_file(out / PAGE, page)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of an earlier result."""
    summary = _load(folder / SUMMARY)
    whole = (
        is_sealed(summary)
        and all(isinstance(summary.get(name), kind) for name, kind in _SUMMARY_KEYS.items())
        and summary["name"] == folder.name
    )
    return summary if whole else None


def earlier_results(out: Path) -> Earlier:
    """The results that a results folder holds."""
    found, manifest = Earlier(), read_manifest(out)
    for folder in sorted(path for path in out.iterdir() if path.is_dir() and not path.name.startswith(".")):
        summary = read_summary(folder)
        if summary is not None and is_unchanged(folder, summary["files"]):
            found.summaries[folder.name] = summary
        elif summary is not None or folder.name in manifest.get("results", {}):
            found.broken[folder.name] = "its files are not as they were written"
    return found


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file.

    Examples
    --------
    >>> digests({"empty.csv": b""})["empty.csv"][:8]
    'e3b0c442'
    """
    return {name: sha256(content) for name, content in sorted(files.items())}


def results_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """The hashes of the files of a result that depend on nothing but what was found: pages say the seconds too."""
    return {file: digest for file, digest in summary["files"].items() if not file.endswith(".html")}


def recorded(summary: Mapping[str, Any]) -> dict[str, str]:
    """The hashes of all files of a result, its summary included, for the manifest."""
    bare = {name: value for name, value in summary.items() if name != "earlier"}
    return {**summary["files"], SUMMARY: sha256(json_bytes(bare))}


def is_unchanged(folder: Path, expected: Mapping[str, str]) -> bool:
    """Whether every file of a folder is there with its hash."""
    try:
        return digests({name: (folder / name).read_bytes() for name in expected}) == dict(expected)
    except OSError:
        return False
