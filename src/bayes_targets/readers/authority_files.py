"""A table of authorities as it was handed over: CSV, Parquet or a DataFrame, before anything is checked."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..errors import DataError, cell_message

_LISTED = 20


@dataclass(frozen=True, eq=False)
class RawTable:
    """What was read, with no cell interpreted.

    Parameters
    ----------
    cells : DataFrame
        One row an authority, indexed 1, 2, ... as people count rows of data. A CSV's cells are text; a
        Parquet file's and a frame's are what they were.
    label : str
        The file's name, or what the caller called the frame: it opens every message.
    sha256 : str
        Digest of the file's bytes; of a frame, the digest of its CSV text.
    """

    cells: pd.DataFrame
    label: str
    sha256: str


def raise_problems(problems: list[str], label: str) -> None:
    """Raise one `DataError` that lists every problem (the first 20), or do nothing where there is none.

    Parameters
    ----------
    problems : list of str
        Complete sentences, each with its own place.
    label : str
        What was read.

    Raises
    ------
    DataError
        If there is a problem.

    Examples
    --------
    >>> raise_problems([], "mine.csv")
    >>> raise_problems(["mine.csv, row 2: expected 3 cells"], "mine.csv")
    Traceback (most recent call last):
    bayes_targets.errors.DataError: mine.csv, row 2: expected 3 cells
    """
    if not problems:
        return
    if len(problems) == 1:
        raise DataError(problems[0])
    lines = [f"- {problem}" for problem in problems[:_LISTED]]
    if len(problems) > _LISTED:
        lines.append(f"and {len(problems) - _LISTED} more")
    raise DataError(f"{label}: {len(problems)} problems\n" + "\n".join(lines))


def read_raw(source: str | Path | pd.DataFrame, name: str | None = None) -> RawTable:
    """Read a table without interpreting its cells.

    Parameters
    ----------
    source : str, Path or DataFrame
        A ``.csv`` file (UTF-8, commas; a byte order mark is tolerated, blank lines at the end too), a
        ``.parquet`` file, or a frame. A named index is read as columns.
    name : str, optional
        What to call the table in messages; the file's name, or ``"frame"``, by default.

    Returns
    -------
    RawTable

    Raises
    ------
    DataError
        If there is no such file, or it is empty, not UTF-8, ragged, has a header with duplicates, or is of
        another kind.

    Examples
    --------
    >>> read_raw(pd.DataFrame({"authority": ["A", "B"]})).cells
      authority
    1         A
    2         B
    """
    if isinstance(source, pd.DataFrame):
        return _raw(source, name or "frame")
    if not isinstance(source, str | Path):
        raise DataError(f"found {type(source).__name__}, expected a CSV file, a Parquet file or a DataFrame")
    path = Path(source)
    label = name or path.name
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{path}: {reason}; expected a CSV or a Parquet file") from error
    except ValueError as error:
        raise DataError(f"{str(path)!r}: {error}; expected the path of a CSV or a Parquet file") from error
    digest = hashlib.sha256(content).hexdigest()
    kind = path.suffix.lower()
    if kind == ".csv":
        return RawTable(_read_csv(content, label), label, digest)
    if kind in {".parquet", ".pq"}:
        return _raw(_read_parquet(content, label), label, digest)
    raise DataError(f"{path.name}: found a {kind or 'nameless'} file, expected .csv or .parquet")


def _raw(frame: pd.DataFrame, label: str, digest: str | None = None) -> RawTable:
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{label}: found column names of several levels, expected one name a column")
    cells = frame.copy()
    for i, level in reversed(list(enumerate(frame.index.names))):
        if level is not None and level not in frame.columns:
            cells.insert(0, level, frame.index.get_level_values(i), allow_duplicates=True)
    odd = [repr(column) for column in cells.columns if not isinstance(column, str)]
    if odd:
        raise DataError(f"{label}: found column names {', '.join(odd)}, expected text")
    cells.columns = pd.Index([column.strip() for column in cells.columns])
    raise_problems(_repeated_names(list(cells.columns), label), label)
    if cells.empty:
        raise DataError(f"{label}: found no rows, expected one row an authority")
    cells.index = pd.RangeIndex(1, len(cells) + 1)
    text = cells.to_csv(index=False).encode("utf-8", "surrogatepass")
    return RawTable(cells, label, digest or hashlib.sha256(text).hexdigest())


def _repeated_names(names: list[str], label: str) -> list[str]:
    """Duplicates among the column names; nameless columns cannot be asked for, so they may repeat."""
    repeated = sorted({column for column in names if column and names.count(column) > 1})
    return [
        f"{label}, header: found {column!r} {names.count(column)} times, expected each column name once"
        for column in repeated
    ]


def _read_csv(content: bytes, label: str) -> pd.DataFrame:
    rows = _csv_rows(_decode(content, label), label)
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise DataError(f"{label}: found an empty file, expected a header and one row an authority")
    header, body = [cell.strip() for cell in rows[0]], rows[1:]
    problems = _repeated_names(header, label)
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        problems.append(f"{label}, header: found {header[0]!r}, expected column names separated by commas")
    problems += [
        cell_message(
            file=label, row=i, value=f"{len(row)} cells", expected=f"{len(header)}, as many as the header has"
        )
        for i, row in enumerate(body, 1)
        if len(row) != len(header)
    ]
    raise_problems(problems, label)
    if not body:
        raise DataError(f"{label}: found a header and no rows, expected one row an authority")
    return pd.DataFrame(body, columns=header, index=pd.RangeIndex(1, len(body) + 1), dtype=object)


def _decode(content: bytes, label: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x}"
        raise DataError(
            f"{label}, line {line}: found {found}, which is not UTF-8 (Latin-1 or Windows-1252, or UTF-16?); "
            "save the file as CSV UTF-8"
        ) from error


def _csv_rows(text: str, label: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise DataError(
            f"{label}, line {reader.line_num}: {error}; expected comma-separated cells"
        ) from error


def _read_parquet(content: bytes, label: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except ImportError as error:
        raise DataError(
            f"{label}: reading Parquet needs the package pyarrow; install it, or save the table as CSV"
        ) from error
    except (ValueError, OSError, TypeError, KeyError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{label}: not a Parquet file that can be read ({first})") from error
