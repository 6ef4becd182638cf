"""Writing results: a folder appears whole or not at all, and nothing outside the results folder is touched."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import DataError

# A folder of results is known by the one of these files, the results folder itself by the other: nothing else is
# ever replaced.
SUMMARY = "summary.json"
MANIFEST = "run.json"
PAGE = "index.html"
_PARTIAL = ".partial-"
_REPLACED = ".replaced-"
CACHE = f"{_PARTIAL}.cache"  # swept away with the rest of what is not a result
_SUMMARY_KEYS = frozenset({"name", "title", "answer", "passed", "key", "files"})
_FILE_NAME = re.compile(r"\w[\w.+ -]*")


def prepare(out: Path, names: Iterable[str] = ()) -> None:
    """Make the results folder, or say at once why it cannot be written to.

    Parameters
    ----------
    out : pathlib.Path
        Made with its parents where it is not there. Leftovers of a run that was killed are removed.
    names : iterable of str
        Names of the folders that are going to be written.

    Raises
    ------
    DataError
        If it is a file, cannot be written to, or holds something of those names that is not an earlier result.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
        tidy(out)
    except (FileExistsError, NotADirectoryError):
        raise DataError(f"--out {out}: is a file, or lies below one; expected a folder") from None
    except OSError as error:
        raise DataError(f"--out {out}: cannot be written to ({error.strerror})") from None
    if os.path.lexists(out / PAGE) and not (out / MANIFEST).is_file():
        raise DataError(
            f"{out / PAGE}: no {MANIFEST} beside it, so it is not an earlier result and not replaced"
        )
    for name in names:
        _require_ours(out / name)


def tidy(out: Path) -> None:
    """Remove what an interrupted write left; an old result whose successor never came is put back.

    Parameters
    ----------
    out : pathlib.Path
        The results folder; it need not be there.
    """
    for leftover in list(out.iterdir()) if out.is_dir() else []:
        if leftover.name.startswith((_PARTIAL, _REPLACED)):
            _recover(out, leftover)


def write_folder(out: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Write a folder beside its place, then rename it there, replacing an earlier one.

    Parameters
    ----------
    out : pathlib.Path
        The results folder.
    name : str
        Name of the new folder.
    files : mapping of str to bytes
        File name to content; one is ``summary.json``.

    Returns
    -------
    pathlib.Path
        The folder, complete.

    Raises
    ------
    DataError
        If the disk is full or the folder cannot be written; what was there before is then still there. Also if a
        folder of that name was not written by this function, or a file's name is more than a name.
    """
    place = out / name
    _require_ours(place)
    for file in files:
        if not _FILE_NAME.fullmatch(file):
            raise DataError(
                f"{name}: a file cannot be named {file!r}, expected letters, digits, '_', '-', '+', '.' and spaces"
            )
    partial = out / f"{_PARTIAL}{name}"
    replaced = out / f"{_REPLACED}{name}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for file, content in files.items():
            (partial / file).write_bytes(content)
        if place.exists():
            place.rename(replaced)
        partial.rename(place)
    except OSError as error:
        raise DataError(f"{place}: cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if replaced.exists():
            _recover(out, replaced)
    return place


def write_file(out: Path, name: str, content: bytes) -> Path:
    """Write one file whole or not at all.

    Parameters
    ----------
    out : pathlib.Path
        The results folder.
    name : str
        File name.
    content : bytes
        What it holds.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataError
        If it cannot be written.
    """
    place, partial = out / name, out / f"{_PARTIAL}{name}"
    try:
        partial.write_bytes(content)
        partial.replace(place)
    except OSError as error:
        raise DataError(f"{place}: cannot be written ({error.strerror})") from None
    finally:
        partial.unlink(missing_ok=True)
    return place


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of an earlier result.

    Parameters
    ----------
    folder : pathlib.Path
        A folder that may be one of `write_folder`.

    Returns
    -------
    dict or None
        None where there is no summary, or not one of this folder.
    """
    try:
        summary = json.loads((folder / SUMMARY).read_bytes())
    except (OSError, ValueError):
        return None
    whole = isinstance(summary, dict) and summary.keys() >= _SUMMARY_KEYS and summary["name"] == folder.name
    return summary if whole else None


def earlier_summaries(out: Path) -> list[dict[str, Any]]:
    """The summaries of all results in a results folder.

    Parameters
    ----------
    out : pathlib.Path
        The results folder.

    Returns
    -------
    list of dict
        By name of the folder.
    """
    found = [read_summary(file.parent) for file in sorted(out.glob(f"*/{SUMMARY}"))]
    return [summary for summary in found if summary is not None]


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file.

    Parameters
    ----------
    files : mapping of str to bytes
        File name to content.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> digests({"empty.csv": b""})["empty.csv"][:8]
    'e3b0c442'
    """
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def is_unchanged(folder: Path, expected: Mapping[str, str]) -> bool:
    """Whether every file of a folder is there with its hash.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    expected : mapping of str to str
        From `digests`.

    Returns
    -------
    bool
    """
    try:
        return digests({name: (folder / name).read_bytes() for name in expected}) == dict(expected)
    except OSError:
        return False


def _require_ours(place: Path) -> None:
    # lexists: a link that leads nowhere is somebody's too.
    if os.path.lexists(place) and not (place / SUMMARY).is_file():
        raise DataError(f"{place}: holds no {SUMMARY}, so it is not an earlier result and is not replaced")


def _recover(out: Path, leftover: Path) -> None:
    if leftover.name.startswith(_REPLACED):
        place = out / leftover.name.removeprefix(_REPLACED)
        if not place.exists():
            leftover.rename(place)
            return
    if leftover.is_dir() and not leftover.is_symlink():
        shutil.rmtree(leftover)
    else:
        leftover.unlink()
