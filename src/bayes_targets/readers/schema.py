"""The strict tables of a data package: every cell has its column's type and limits, every table what its role needs."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DataError, cell_message, did_you_mean, quoted
from ..provenance import sha256
from .cells import Problems, plain_number, printable
from .claims import CLAIM_COLUMNS, read_claims
from .descriptor import Field

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_INTEGER = re.compile(r"[+-]?[0-9]+")


class _Fault(NamedTuple):
    """What is wrong with a cell: what was expected, and what its column holds instead."""

    expected: str
    kind: str


def typed_frame(
    rows: Sequence[Sequence[str]], rules: Sequence[Field], key: Sequence[str], label: str
) -> pd.DataFrame:
    """Turn rows of text into a frame with types, or raise one error that tells every cell that is wrong."""
    problems = Problems(label)
    columns: dict[str, pd.Series[Any]] = {}
    for place, rule in enumerate(rules):
        texts = [row[place] for row in rows]
        required = rule.required or rule.name in key
        values = _parsed(rule, required, texts, problems)
        _check_limits(rule, key, texts, values, problems)
        columns[rule.name] = _series(rule.type, required and not problems.concerns(rule.name), values)
        if rule.printed:
            columns[f"{rule.name}_printed"] = pd.Series(texts, dtype="str")
    frame = pd.DataFrame(columns)
    if len(key) > 1:
        words = f"{', '.join(key)} together to differ from every earlier row"
        places = [rule.name for rule in rules]
        for i in np.flatnonzero(frame.duplicated(list(key))).tolist():
            found = ", ".join(rows[i][places.index(name)] for name in key)
            problems.cell(i + 1, key[0], found, words, "keys that an earlier row has")
    problems.check()
    return frame


def _parsed(rule: Field, required: bool, texts: Sequence[str], problems: Problems) -> list[object]:
    """Values of a column, None where the cell is empty or wrong."""
    values: list[object] = []
    for row, text in enumerate(texts, start=1):
        value = _PARSERS[rule.type](text, rule) if text else None
        if required and not text:
            value = _Fault("a value (the column is required)", "nothing")
        if isinstance(value, _Fault):
            problems.cell(row, rule.name, text, *value)
            value = None
        values.append(value)
    return values


def _parse_string(text: str, _: Field) -> str | _Fault:
    if text != text.strip():
        return _Fault("a text without spaces at its ends", "spaces at the ends")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text if letter != "\n"):
        return _Fault("a text that can be printed", "characters that cannot be printed")
    return text


def _parse_number(text: str, rule: Field) -> float | _Fault:
    value = plain_number(text, exponent=not rule.printed)
    if value is None:
        form = "plain decimal number such as -.25 or 3.10"
        return _Fault(f"a {form if rule.printed else 'number such as -.25, 3.10 or 1e-3'}", "other texts")
    return value if math.isfinite(value) else _Fault("a number of ordinary size", "huge numbers")


def _parse_integer(text: str, _: Field) -> int | _Fault:
    # Nineteen digits and more may not fit 64 bits.
    fits = _INTEGER.fullmatch(text) and len(text) <= 18
    return int(text) if fits else _Fault("a whole number", "other texts")


def _parse_boolean(text: str, rule: Field) -> bool | _Fault:
    if text in (*rule.true_values, *rule.false_values):
        return text in rule.true_values
    return _Fault(f"one of {quoted((*rule.true_values, *rule.false_values))}", "other texts")


_PARSERS: dict[str, Callable[[str, Field], object]] = {
    "string": _parse_string,
    "number": _parse_number,
    "integer": _parse_integer,
    "boolean": _parse_boolean,
}


def _series(kind: str, complete: bool, values: list[object]) -> pd.Series[Any]:
    if kind == "string":
        return pd.Series(["" if value is None else value for value in values], dtype="str")
    if kind == "number":
        return pd.Series([np.nan if value is None else value for value in values], dtype="float64")
    if kind == "integer":
        return pd.Series(values, dtype="int64" if complete else "Int64")
    return pd.Series(values, dtype="bool" if complete else "boolean")


# Each limit as a test, what it expects, and what a cell that fails is.
_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str, str]] = {
    "minimum": (lambda value, low: bool(value >= low), "at least {}", "smaller numbers"),
    "maximum": (lambda value, high: bool(value <= high), "at most {}", "larger numbers"),
    "enum": (lambda value, allowed: value in allowed, "one of {}", "other values"),
    "pattern": (
        lambda value, pattern: re.fullmatch(pattern, value) is not None, "a text of the form {}", "texts of another form",
    ),
}  # fmt: skip


def _check_limits(
    rule: Field, key: Sequence[str], texts: Sequence[str], values: Sequence[Any], problems: Problems
) -> None:
    """Note cells outside their column's limits, and values of a unique column that an earlier row has."""
    limits = [(name, rule.constraints[name]) for name in _LIMITS if name in rule.constraints]
    unique = bool(rule.constraints.get("unique", False)) or list(key) == [rule.name]
    seen: set[object] = set()
    for row, (text, value) in enumerate(zip(texts, values, strict=True), start=1):
        if value is None or text == "":
            continue
        for name, limit in limits:
            keeps, expected, kind = _LIMITS[name]
            if not keeps(value, limit):
                words = expected.format(quoted(limit) if name == "enum" else limit)
                problems.cell(row, rule.name, text, words, kind)
        if unique and value in seen:
            expected, kind = "a value that no earlier row has", "values that an earlier row has"
            problems.cell(row, rule.name, text, expected, kind)
        seen.add(value)


# --- the file: UTF-8, LF, commas, exactly the header described


@dataclass(frozen=True)
class CsvText:
    """What stands in a file of a data package, every cell as text."""

    rows: list[list[str]]  # rows of data, the header not among them; all of the same length
    sha256: str  # digest of the file's bytes, 64 hexadecimal digits
    size: int  # number of bytes


def read_csv_text(file: Path, label: str, columns: Sequence[str]) -> CsvText:
    r"""Read a comma-separated file that must be UTF-8, with LF line ends and exactly the given header."""
    content = _package_bytes(file, label)
    rows = _rows_and_lines(_plain_text(content, label), label)
    _check_header(rows[0][1], columns, label)
    for number, (line, cells) in enumerate(rows[1:], start=1):
        if len(cells) != len(columns):
            raise DataError(
                f"{label}, row {number} (line {line}): found {len(cells)} cells, "
                f"expected {len(columns)} (is the file cut off?)"
            )
    return CsvText([cells for _, cells in rows[1:]], sha256(content), len(content))


def _package_bytes(file: Path, label: str) -> bytes:
    try:
        if file.exists() and not file.is_file():
            raise DataError(f"{label}: the file cannot be read (found a folder, a pipe or a device)")
        return file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{label}: no such file; expected it in {printable(str(file.parent))!r}") from None
    except OSError as error:
        raise DataError(f"{label}: the file cannot be read ({error.strerror or error})") from error


def _plain_text(content: bytes, label: str) -> str:
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


def _rows_and_lines(text: str, label: str) -> list[tuple[int, list[str]]]:
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
        problems.append(f"missing column {quoted(missing)}")
    if extra:
        problems.append(f"unexpected column {quoted(extra)}")
    if not problems:
        repeated = len(set(found)) < len(found)
        problems.append("a column stands twice" if repeated else "columns in another order")
    raise DataError(
        cell_message(file=f"{label}, header", value=",".join(found), expected=",".join(expected))
        + f" ({'; '.join(problems)})"
    )


# --- what a role needs


@dataclass(frozen=True)
class Role:
    """What a role needs."""

    columns: tuple[str, ...] = ()  # columns that must be there
    # Columns that must be there together with <column>_printed, the text as printed: without it the rounding
    # is unknown
    printed: tuple[str, ...] = ()
    # Properties in bayes_targets that must be there, and what they mean
    properties: Mapping[str, str] = field(default_factory=dict)


ROLES: Mapping[str, Role] = {
    "descriptives": Role(("variable",), ("mean", "min", "max", "sd")),
    "regression": Role(("model", "term"), ("estimate", "se")),
    "regression_fit": Role(("model", "n"), ("f", "r2"), {"regression": "name of the table of coefficients"}),
    "counts": Role(
        properties={
            "label": "the column of the lines' names",
            "statuses": "the list of count columns",
            "total": "the column of the printed totals",
        }
    ),
    "shares": Role(("question",), ("share",)),
    "bases": Role(("id", "what", "unit"), ("value",)),
    "claims": Role(CLAIM_COLUMNS),
}


def check_role(name: str, table: pd.DataFrame) -> None:
    """Raise unless a table holds what its role needs; a table without a known role may hold anything."""
    role = ROLES.get(str(table.attrs.get("role")))
    if role is None:
        return
    for key, meaning in role.properties.items():
        require_property(name, table, key, meaning)
    # Stars say something only where their levels are stated.
    starred = ("star",) if table.attrs["role"] == "regression" and table.attrs.get("significance") else ()
    require_columns(name, table, (*role.columns, *starred), role.printed)
    if table.attrs["role"] == "claims":
        read_claims(table, file_of(name, table))


def file_of(name: str, table: pd.DataFrame) -> str:
    """File name for messages, or the table's name where it came from no file."""
    return str(table.attrs.get("file") or name)


def require_columns(
    name: str, table: pd.DataFrame, plain: Sequence[str], printed: Sequence[str] = ()
) -> None:
    """Raise one clear `DataError` unless columns are there, those of `printed` with their text as printed."""
    role = table.attrs.get("role")
    for column in (*plain, *printed):
        if column not in table.columns:
            hint = did_you_mean(column, [str(c) for c in table.columns])
            expected = f"this column, which the role {role!r} needs; {hint}"
            raise DataError(cell_message(file=file_of(name, table), column=column, expected=expected))
    for column in printed:
        if f"{column}_printed" not in table.columns:
            expected = f'this column, the text of {column!r} as printed (mark the field "printed": true)'
            raise DataError(
                cell_message(file=file_of(name, table), column=f"{column}_printed", expected=expected)
            )


def require_property(name: str, table: pd.DataFrame, key: str, meaning: str) -> object:
    """Look up a property (in attrs) that the role needs, or raise one clear `DataError`."""
    if table.attrs.get(key) is None:
        role = table.attrs.get("role")
        raise DataError(
            f"{file_of(name, table)}: expected the property {key!r} ({meaning}), "
            f"which the role {role!r} needs"
        )
    return table.attrs[key]
