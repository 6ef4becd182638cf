"""The one reader of tables: text, Excel, Parquet, Feather or a frame becomes cells under a header, none of them interpreted."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, did_you_mean, option, quoted
from ..files import unguarded
from ..provenance import sha256
from .cells import missing_marks, printable
from .layout import check_names, column_name, filled_width, full_cells, is_blank, names_of_rows, under_header

_LARGEST = 2**31
_COLUMNAR = {".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Feather"}
_TABBED = (".tsv", ".tab")
_TEXT = (".csv", *_TABBED, ".txt")
_SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_KINDS = ".csv, .tsv, .txt (each also .gz), .xlsx, .xls, .ods, .parquet or .feather"
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_COMMENT = re.compile(r"#(?:\s*(?P<key>[A-Za-z][\w .-]{0,40}?)\s*:\s*(?P<value>.*)|\s.*|)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was found, with no cell interpreted."""

    # Dtype object. Columns bear the header's names, spaces unified; a column without a name is "". The index
    # counts rows as people do: 1 is the first row below the header, blank rows included. Cells of a text file
    # are text; those of Excel, Parquet, Feather and of a frame are what they were. cell_text makes text of
    # any of them
    cells: pd.DataFrame
    label: str  # the file's name, or what the caller called the frame; it opens every message
    sha256: str  # digest of the file's bytes; of a frame, the digest of its CSV text
    # Lines # key: value above the table; keys in lower case. A key that is there several times has several
    # lines
    header: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what was recognised or left out in reading, a sentence each
    footnotes: tuple[str, ...] = ()  # other comments and title lines above, and footnotes below the table
    # The decimal sign that was given; cells.settle_decimal finds it where none was
    decimal: str | None = None
    # Marks of a missing value: the known ones, and those that were given
    missing: frozenset[str] = frozenset({""})


@dataclass(frozen=True)
class TableOptions:
    """What a user says of how a table is written; None where nothing was said."""

    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: int | Sequence[int] | None = None
    sheet: str | int | None = None
    missing: Iterable[object] = ()


def read_table(
    source: str | Path | pd.DataFrame,
    options: TableOptions | None = None,
    *,
    name: str | None = None,
    ragged: bool = False,
    tell_apart: Callable[[Sequence[str]], list[str]] = list,
    **given: Any,
) -> RawTable:
    """Read a table without interpreting its cells."""
    asked = options or TableOptions(**given)
    marks = missing_marks(asked.missing)
    if asked.decimal not in (None, ".", ","):
        raise DataError(f"decimal: found {asked.decimal!r}, expected '.' or ','")
    rows = _header_rows(asked.header)
    table = _as_found(source, asked, rows, name, ragged, tell_apart)
    return replace(table, decimal=asked.decimal, missing=marks)


def _as_found(
    source: str | Path | pd.DataFrame,
    asked: TableOptions,
    rows: list[int] | None,
    name: str | None,
    ragged: bool,
    tell_apart: Callable[[Sequence[str]], list[str]],
) -> RawTable:
    """The table of a frame, of a text, or of a file of any kind."""
    if isinstance(source, pd.DataFrame):
        return _from_frame(source, name or "frame", tell_apart)
    notes: list[str] = []
    if isinstance(source, str) and "\n" in source:
        label, digest = name or "text", sha256(source.encode("utf-8", "surrogatepass"))
        comments, records = _text_rows(source, label, asked.separator, ".txt", notes)
    else:
        path, label = _path(source, name)
        check_ordinary(path, label)
        kinds = [suffix.lower() for suffix in path.suffixes[-2:]] or [""]
        packed = kinds[-1] == ".gz"
        kind = (kinds[0] if len(kinds) == 2 else "") if packed else kinds[-1]
        if kind not in (*_TEXT, *_SHEETS, *_COLUMNAR):
            raise DataError(f"{printable(path.name)}: found a {kind or 'nameless'} file, expected {_KINDS}")
        content = read_bytes(path, label)
        digest = sha256(content)
        if packed:
            content = _unpacked(content, label)
        if kind in _COLUMNAR:
            return _from_frame(_read_columns(content, label, _COLUMNAR[kind]), label, tell_apart, digest)
        if kind in _SHEETS:
            comments, records = _sheet_comments(_read_sheet(content, label, asked.sheet, notes))
        elif asked.sheet is not None:
            found = option("sheet", asked.sheet)
            raise DataError(f"{label}: found {found}, expected a sheet only with an Excel or ODS file")
        else:
            text = _decode(content, label, asked.encoding, notes)
            comments, records = _text_rows(text, label, asked.separator, kind, notes)
            if kind in _TABBED:
                records = names_of_rows(records, notes)
    cells, footnotes = under_header(records, rows, label, notes, ragged, tell_apart)
    plain = [line for line in comments.pop("", "").splitlines() if line]
    return RawTable(cells, label, digest, comments, tuple(notes), (*plain, *footnotes))


def _text_rows(
    text: str, label: str, separator: str | None, kind: str, notes: list[str]
) -> tuple[dict[str, str], list[list[Any]]]:
    """Comments above a text's table, and its rows in their places."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    comments, skipped, text = _comments(text)
    told = re.match(r'"?sep=([,;|\t])"?\r?\n', text)
    if told:
        text, separator, skipped = text[told.end() :], separator or told[1], skipped + 1
    above: list[list[Any]] = [[] for _ in range(skipped)]
    return comments, above + _split(text, label, _separator(text, label, separator, kind, notes))


def _header_rows(header: object) -> list[int] | None:
    if header is None:
        return None
    rows: Sequence[Any] = header if isinstance(header, list | tuple) and header else [header]
    for row in rows:
        if isinstance(row, bool) or not isinstance(row, int | np.integer) or row < 1:
            raise DataError(f"header: found {row!r}, expected the number of a row, 1 for the first")
    if [int(row) for row in rows] != list(range(int(rows[0]), int(rows[0]) + len(rows))):
        raise DataError(f"header: found {header!r}, expected rows that follow one another")
    return [int(row) for row in rows]


def _path(source: object, name: str | None) -> tuple[Path, str]:
    if not isinstance(source, str | os.PathLike):
        raise DataError(
            f"found {type(source).__name__}, expected the path of a table ({_KINDS}) or a DataFrame"
        )
    try:
        path = Path(source)
    except TypeError:
        raise DataError(f"found a path of bytes, expected the path of a table ({_KINDS})") from None
    return path, name or printable(path.name)


def read_bytes(path: Path, label: str) -> bytes:
    """The content of an ordinary file; anything else (a folder, a pipe, a device) is a `DataError`, never a wait."""
    try:
        check_ordinary(path, label)
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{printable(str(path))}: {reason}; expected a file that can be read") from error


def check_ordinary(path: Path, label: str) -> None:
    """Refuse what is no ordinary file, before anything waits for it."""
    try:
        found = path.stat()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"{printable(str(path))}: {reason}; expected a file that can be read") from error
    except ValueError as error:
        raise DataError(f"{str(path)!r}: {error}; expected the path of a file") from error
    if stat.S_ISDIR(found.st_mode):
        raise DataError(f"{printable(str(path))}: Is a directory; expected a file")
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{printable(str(path))}: found a pipe or a device, expected an ordinary file")
    if found.st_size > _LARGEST:
        raise DataError(f"{label}: found more than {_LARGEST >> 30} GiB, expected a smaller file")


def read_text(path: Path, label: str, encoding: str | None = None) -> str:
    """The text of a file, in whatever encoding it is in, and with one kind of line ends."""
    text = _decode(read_bytes(path, label), label, encoding, [])
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unpacked(content: bytes, label: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            unpacked = packed.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{label}: not a gzip file that can be read ({error})") from error
    if len(unpacked) > _LARGEST:
        raise DataError(f"{label}: unpacks to more than {_LARGEST >> 30} GiB, expected a smaller file")
    return unpacked


# --- frames, Parquet, Feather


def _from_frame(
    frame: pd.DataFrame,
    label: str,
    tell_apart: Callable[[Sequence[str]], list[str]],
    digest: str | None = None,
) -> RawTable:
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{label}: found column names of several levels, expected one name a column")
    cells = frame.copy()
    for i, level in reversed(list(enumerate(frame.index.names))):
        if level is not None and level not in frame.columns:
            cells.insert(0, level, frame.index.get_level_values(i), allow_duplicates=True)
    odd = [repr(column) for column in cells.columns if not isinstance(column, str)]
    if odd:
        raise DataError(f"{label}: found column names {', '.join(odd)}, expected text")
    names = tell_apart([column_name(column, label) for column in cells.columns])
    cells.columns = pd.Index(names, dtype=object)
    check_names(list(cells.columns), label)
    if cells.empty:
        raise DataError(f"{label}: found no rows, expected one row per unit")
    cells.index = pd.RangeIndex(1, len(cells) + 1)
    if digest is None:
        digest = sha256(cells.to_csv(index=False).encode("utf-8", "surrogatepass"))
    for i, dtype in enumerate(cells.dtypes):
        # Strings and categories become plain objects, so that a cell is a cell wherever it came from.
        if not (isinstance(dtype, np.dtype) and dtype.kind in "iufb"):
            cells.isetitem(i, cells.iloc[:, i].to_numpy(dtype=object))
    return RawTable(cells, label, digest)


def _read_columns(content: bytes, label: str, name: str) -> pd.DataFrame:
    try:
        if name == "Parquet":
            return pd.read_parquet(io.BytesIO(content), engine="pyarrow")
        return pd.read_feather(io.BytesIO(content))
    except ImportError as error:
        raise DataError(
            f"{label}: reading {name} needs the package pyarrow; install it, or save the table as CSV"
        ) from error
    except Exception as error:  # what a damaged file makes the package raise has no common class
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{label}: not a {name} file that can be read ({printable(first)})") from error


# --- workbooks


def _read_sheet(content: bytes, label: str, sheet: str | int | None, notes: list[str]) -> list[list[Any]]:
    """All cells of one sheet; whole numbers lose the .0 that Excel gives them."""
    import python_calamine

    try:
        book = python_calamine.load_workbook(io.BytesIO(content))
        names = [str(name) for name in book.sheet_names]
        if sheet is not None:
            return _sheet_rows(book, _chosen_sheet(names, sheet, label))
        visible = python_calamine.SheetVisibleEnum.Visible
        hidden = {meta.name for meta in book.sheets_metadata if meta.visible != visible}
        shown = [name for name in names if name not in hidden] or names
        filled = {name: rows for name in shown if (rows := _sheet_rows(book, name))}
        if len(filled) > 1:
            largest = max(filled, key=lambda name: sum(full_cells(row) for row in filled[name]))
            raise DataError(
                f"{label}: found the sheets {quoted(filled)}, expected to be told which one: give "
                f"{option('sheet', largest)} or another"
            )
        if len(names) > 1 and filled:
            notes.append(f"The sheet {next(iter(filled))!r} was read, the only visible one with cells.")
        return next(iter(filled.values()), [])
    except DataError:
        raise
    except BaseException as error:  # calamine panics on some damaged files, outside of Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{label}: not a workbook that can be read ({printable(first)})") from None


def _chosen_sheet(names: Sequence[str], sheet: object, label: str) -> str:
    if isinstance(sheet, bool) or not isinstance(sheet, str | int | np.integer):
        raise DataError(f"sheet: found {sheet!r}, expected the name of a sheet or its position from 1")
    if str(sheet) in names:
        return str(sheet)
    if str(sheet).isdecimal() and 1 <= int(sheet) <= len(names):
        return names[int(sheet) - 1]
    raise DataError(f"{label}: no sheet {str(sheet)!r}; {did_you_mean(str(sheet), list(names))}")


def _sheet_rows(book: Any, name: str) -> list[list[Any]]:
    found = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    rows = [[_sheet_cell(cell) for cell in row] for row in found]
    while rows and all(is_blank(cell) for cell in rows[-1]):
        rows.pop()
    width = max((filled_width(row) for row in rows), default=0)
    return [row[:width] for row in rows]


def _sheet_cell(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return int(cell)
    return cell


def _sheet_comments(records: list[list[Any]]) -> tuple[dict[str, str], list[list[Any]]]:
    """Take lines `# key: value` at the top of a sheet off; the rows keep their places."""
    comments: dict[str, str] = {}
    kept = list(records)
    for i, row in enumerate(records):
        if all(is_blank(cell) for cell in row):
            continue
        found = _COMMENT.fullmatch(str(row[0]).strip()) if row[0] is not None else None
        if found is None or any(not is_blank(cell) for cell in row[1:]):
            break
        _add_comment(comments, found)
        kept[i] = []
    return comments, kept


def _add_comment(comments: dict[str, str], found: re.Match[str]) -> None:
    """Keep a comment by its key, one without by the empty key; a key that is there again has a line for each."""
    key = (found["key"] or "").strip().lower()
    value = found["value"].strip() if key else found[0][1:].strip()
    comments[key] = f"{comments[key]}\n{value}" if key in comments else value


# --- text


def _decode(content: bytes, label: str, encoding: str | None, notes: list[str]) -> str:
    """Text of a file: as told, else by its byte order mark, else UTF-8, else UTF-16, else Windows-1252."""
    if encoding is not None:
        text = _decode_as(content, label, encoding)
    elif content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        text = _decode_as(content, label, "utf-32")
    elif content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = _decode_as(content, label, "utf-16")
        notes.append("The file was read as UTF-16.")
    elif b"\0" in content and (wide := _wide(content)):
        text = _decode_as(content, label, wide)
        notes.append("The file was read as UTF-16.")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            text = _guessed(content, label, error, notes)
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{label}, line {line}: found a NUL byte, expected a text file")
    return text


def _decode_as(content: bytes, label: str, encoding: object) -> str:
    try:
        if not isinstance(encoding, str) or not getattr(codecs.lookup(encoding), "_is_text_encoding", True):
            raise LookupError
        return content.decode(encoding)
    except (LookupError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            line = content.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"{label}, line {line}: found byte 0x{content[error.start]:02x}, which is not {encoding}"
            ) from None
        raise DataError(
            f"encoding: found {encoding!r}, expected one such as 'utf-8', 'windows-1252' or 'utf-16'"
        ) from None
    except Exception as error:  # a codec that is no encoding of bytes
        raise DataError(f"{label}: cannot be read as {encoding} ({printable(str(error))})") from None


def _wide(content: bytes) -> str | None:
    """UTF-16 without a byte order mark: every second byte of Western text is 0."""
    sample = content[: 2000 - 2000 % 2]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if len(content) % 2 or not half:
        return None
    if odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.6 * half and odd < 0.1 * half else None


def _guessed(content: bytes, label: str, error: UnicodeDecodeError, notes: list[str]) -> str:
    """Windows-1252, where its letters are those of Western names; else the user must say."""
    line = content.count(b"\n", 0, error.start) + 1
    try:
        text = content.decode("windows-1252")
    except UnicodeDecodeError:
        text = ""
    foreign = [letter for letter in text if letter > "\x7f"]
    # Central European letters and runs of accents mean that the bytes are of another encoding.
    if not text or re.search(
        "[\u0160\u0161\u017d\u017e\u0192\u02c6\u0178\u2030]|[\u00c0-\u00ff]{3}|[\x01-\x08\x0e-\x1f]", text
    ):
        raise DataError(
            f"{label}, line {line}: found byte 0x{content[error.start]:02x}, which is not UTF-8, and the file can be of "
            f"several encodings; give {option('encoding', 'windows-1252', 'mac-roman', 'latin-2')} or another, "
            "or save the file as CSV UTF-8"
        ) from None
    word = next(
        word for word in re.split(r"[ ,;\t|\r\n]+", text) if any(letter in word for letter in foreign)
    )
    notes.append(f"The file is not UTF-8 and was read as Windows-1252 (first: {word!r}).")
    return text


def _comments(text: str) -> tuple[dict[str, str], int, str]:
    """Lines `# key: value` at the top, how many lines they are, and the text below."""
    comments: dict[str, str] = {}
    skipped = 0
    while text:
        line, _, rest = text.partition("\n")
        bare = line.strip().strip(",;\t").strip()
        if bare.startswith('"#'):
            bare = bare.strip('"').replace('""', '"')
        found = _COMMENT.fullmatch(bare) if bare.startswith("#") else None
        if found is None and bare:
            break
        if found is not None:
            _add_comment(comments, found)
        text, skipped = rest, skipped + 1
    return comments, skipped, text


def _separator(text: str, label: str, given: str | None, kind: str, notes: list[str]) -> str:
    """What separates cells: as told, else what makes the rows of the table equally long from the earliest row on."""
    if given is not None:
        named = _NAMED.get(given, given) if isinstance(given, str) else ""
        if len(named) != 1 or named in '"\r\n\0' or not named.isascii():
            raise DataError(f"separator: found {given!r}, expected one character such as ',', ';' or 'tab'")
        return named
    sample = text[:65536]
    lines = sample.splitlines()
    if len(text) > len(sample):
        lines = lines[:-1]
    usual = "\t" if kind in _TABBED else ","
    candidates: dict[str, tuple[int, int]] = {}
    for mark in (mark for mark in _SEPARATORS if mark in sample):
        widths = _widths(lines, mark)
        commonest = Counter(width for width in widths if width > 1).most_common(1)
        if commonest and commonest[0][1] >= max(1, 0.6 * sum(width > 0 for width in widths)):
            candidates[mark] = (widths.index(commonest[0][0]), -commonest[0][1])
    if not candidates:
        return usual
    best = [mark for mark, place in candidates.items() if place == min(candidates.values())]
    if len(best) > 1:
        words = " or ".join(_SEPARATORS[mark] for mark in best)
        raise DataError(
            f"{label}: cells can be separated by {words}; give {option('separator', best[0])} or another"
        )
    if best[0] != usual:
        notes.append(f"Cells were taken to be separated by {_SEPARATORS[best[0]]}.")
    return best[0]


def _widths(lines: Sequence[str], mark: str) -> list[int]:
    try:
        return [
            len(cells) if any(cell.strip() for cell in cells) else 0
            for cells in csv.reader(lines, delimiter=mark)
        ]
    except csv.Error:
        return []


def _as_text(cell: str) -> str:
    """A cell without the formula that makes a spreadsheet take it for text, as in ``="(2.72)"``."""
    return cell[2:-1] if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else cell


def _split(text: str, label: str, separator: str) -> list[list[Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        marked = re.search("'[=+@-]|=\"", text) is not None
        return [[_as_text(unguarded(cell)) for cell in row] if marked else row for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{label}, line {reader.line_num}: {error}; expected cells separated by {_SEPARATORS.get(separator, repr(separator))}"
        ) from error
