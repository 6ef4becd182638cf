"""Files read and written: a file is read whole and only if it is one; a file or folder appears whole or not at all."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DataError

# Names that only this module gives: what is being written, and what is being replaced.
PARTIAL = ".bayes_targets-partial-"
REPLACED = ".bayes_targets-replaced-"

# What a spreadsheet takes for a formula, and numbers as they are printed, which are none: -.15 (.53), -2.48** (s.e. 1.05), +3%.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"''*[=+\-@\t\r]")
_PRINTED_NUMBER = re.compile(
    r"[+-]?(\d[\d,]*\.?\d*|\.\d+|inf)([eE][+-]?\d+)?[*+†‡%]{0,4}( ?\([\w ,.;:<*+†‡%-]*\))?"
)


def guarded(text: str) -> str:
    """A text as a cell of our own CSV files: with a mark before it where a spreadsheet would take it for a formula.

    Examples
    --------
    >>> guarded("=1+1"), guarded("-0.15 (0.53)"), guarded("Leeds")
    ("'=1+1", '-0.15 (0.53)', 'Leeds')
    """
    return f"'{text}" if _FORMULA.match(text) and not _PRINTED_NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """The text that `guarded` put a mark before.

    Examples
    --------
    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")
    """
    return text[1:] if _GUARDED.match(text) else text


def map_cells(text: str, change: Callable[[str], str]) -> str:
    """The text of a CSV file with a change made to each of its cells."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    changed = [[change(cell) for cell in row] for row in rows]
    if changed == rows:
        return text
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(changed)
    return file.getvalue()


def shown(path: str | Path) -> str:
    """A path as text that can be printed and encoded, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")


def read_file(path: str | Path, *, what: str = "") -> bytes:
    """The content of a file."""
    name = f"{what}{shown(path)}"
    if "\0" in name:
        raise DataError(f"{name!r}: cannot be read (no name of a file)")
    try:
        # Not blocking: to open a pipe that nobody writes to would take for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise DataError(f"{name}: is no regular file (a device, a pipe or a folder), expected a file")
            return file.read()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror or error})") from None


def write_file(place: Path, content: bytes) -> Path:
    """Write one file whole or not at all."""
    partial = place.with_name(f"{PARTIAL}{os.getpid()}-{place.name}")
    try:
        with _cannot_be_written(place):
            _write_through(partial, content)
            partial.replace(place)
            _flush_folder(place.parent)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return place


def write_folder(place: Path, files: Mapping[str, bytes]) -> Path:
    """Write a folder beside its place, then rename it there, replacing what is there."""
    partial, replaced = place.with_name(PARTIAL + place.name), place.with_name(REPLACED + place.name)
    try:
        with _cannot_be_written(place):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            for file, content in files.items():
                _write_through(partial / file, content)
            _flush_folder(partial)
            if os.path.lexists(place):
                place.rename(replaced)
            partial.rename(place)
            _flush_folder(place.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        put_back(place)
    return place


def put_back(place: Path) -> None:
    """Put back what `write_folder` moved out of a place, if its successor never came; else remove it."""
    replaced = place.with_name(REPLACED + place.name)
    if not os.path.lexists(replaced):
        return
    if os.path.lexists(place):
        shutil.rmtree(replaced, ignore_errors=True)
    else:
        with suppress(OSError):  # the next run tries again
            replaced.rename(place)


def remove_ours(leftover: Path) -> None:
    """Remove what this module began to write and did not finish; of a link only the link."""
    with suppress(OSError):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _write_through(file: Path, content: bytes) -> None:
    with file.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _flush_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _cannot_be_written(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{shown(place)}: cannot be written ({error.strerror or error})") from None
