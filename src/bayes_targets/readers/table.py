"""A CSV file of a data package as text: strict about bytes, header and row lengths, silent about meaning."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, cell_message

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class CsvText:
    """What stands in a file, every cell as text.

    Parameters
    ----------
    rows : list of list of str
        Rows of data, the header not among them; all of the same length.
    sha256 : str
        Digest of the file's bytes, 64 hexadecimal digits.
    size : int
        Number of bytes.
    """

    rows: list[list[str]]
    sha256: str
    size: int


def read_csv_text(file: Path, label: str, columns: Sequence[str]) -> CsvText:
    r"""Read a comma-separated file that must be UTF-8, with LF line ends and exactly the given header.

    Parameters
    ----------
    file : Path
        The file.
    label : str
        What messages call it.
    columns : sequence of str
        The header, in order.

    Returns
    -------
    CsvText

    Raises
    ------
    DataError
        If the file is missing or unreadable, has a byte-order mark, is not UTF-8, has carriage returns,
        another header, or a row of another length. The message says where.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "areas.csv"
    ...     _ = file.write_bytes(b"area,green\nTransport,3\n")
    ...     read_csv_text(file, "areas.csv", ["area", "green"]).rows
    [['Transport', '3']]
    """
    content = _read_bytes(file, label)
    rows = _split(_decode(content, label), label)
    _check_header(rows[0][1], columns, label)
    for number, (line, cells) in enumerate(rows[1:], start=1):
        if len(cells) != len(columns):
            raise DataError(
                f"{label}, row {number} (line {line}): found {len(cells)} cells, "
                f"expected {len(columns)} (is the file cut off?)"
            )
    return CsvText([cells for _, cells in rows[1:]], hashlib.sha256(content).hexdigest(), len(content))


def _read_bytes(file: Path, label: str) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{label}: no such file; expected it in {str(file.parent)!r}") from None
    except OSError as error:
        raise DataError(f"{label}: the file cannot be read ({error.strerror or error})") from error


def _decode(content: bytes, label: str) -> str:
    if content.startswith(_BYTE_ORDER_MARK):
        raise DataError(f"{label}: starts with a byte-order mark, expected plain UTF-8 (save it without BOM)")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        raise DataError(
            f"{label}, line {line}: found byte 0x{content[error.start]:02x} at place {place} of the line, "
            "expected UTF-8 (was the file saved as Latin-1 or Windows-1252?)"
        ) from None
    if "\r" in text:
        line = text.count("\n", 0, text.index("\r")) + 1
        raise DataError(f"{label}, line {line}: found a carriage return, expected LF line ends (not CRLF)")
    if not text:
        raise DataError(f"{label}: the file is empty, expected a header row")
    return text


def _split(text: str, label: str) -> list[tuple[int, list[str]]]:
    """Cells of each row, with the line of the file on which the row ends."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise DataError(
            f"{label}, line {reader.line_num}: expected comma-separated cells ({error})"
        ) from None


def _check_header(found: list[str], columns: Sequence[str], label: str) -> None:
    expected = list(columns)
    if found == expected:
        return
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    problems = []
    if missing:
        problems.append("missing column " + ", ".join(repr(name) for name in missing))
    if extra:
        problems.append("unexpected column " + ", ".join(repr(name) for name in extra))
    if not problems:
        repeated = len(set(found)) < len(found)
        problems.append("a column stands twice" if repeated else "columns in another order")
    raise DataError(
        cell_message(file=f"{label}, header", value=",".join(found), expected=",".join(expected))
        + f" ({'; '.join(problems)})"
    )
