"""From cells of text to typed columns: every cell that breaks its column's type or limits is told."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from ..errors import DataError, cell_message

_LISTED = 10
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PRINTED = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_INTEGER = re.compile(r"[+-]?[0-9]+")


class ColumnRules(Protocol):
    """What must be known of a column: a Table Schema field, see `bayes_targets.readers.descriptor.Field`."""

    @property
    def name(self) -> str:
        """Header of the column."""

    @property
    def type(self) -> str:
        """``string``, ``number``, ``integer`` or ``boolean``."""

    @property
    def printed(self) -> bool:
        """Whether the text of the numbers is kept."""

    @property
    def required(self) -> bool:
        """Whether no cell may be empty."""

    @property
    def constraints(self) -> Mapping[str, Any]:
        """``unique``, ``minimum``, ``maximum``, ``enum``, ``pattern``."""

    @property
    def true_values(self) -> tuple[str, ...]:
        """Texts that mean true."""

    @property
    def false_values(self) -> tuple[str, ...]:
        """Texts that mean false."""


class _Violation(NamedTuple):
    row: int
    column: str
    value: str
    expected: str


def typed_frame(
    rows: Sequence[Sequence[str]], rules: Sequence[ColumnRules], key: Sequence[str], label: str
) -> pd.DataFrame:
    """Turn rows of text into a frame with types, or raise one error that tells every cell that is wrong.

    Parameters
    ----------
    rows : sequence of sequence of str
        Rows of data, each with one cell a column; an empty cell is a missing value.
    rules : sequence of ColumnRules
        The columns in order.
    key : sequence of str
        Columns that are required and together differ in every row; may be empty.
    label : str
        What messages call the table.

    Returns
    -------
    DataFrame
        Texts as str (missing: ``""``), numbers as float64 (missing: NaN), whole numbers as int64 and truth
        values as bool where the column is required, else Int64 and boolean. After each column ``x`` that is
        kept as printed stands ``x_printed`` with its text.

    Raises
    ------
    DataError
        If a cell breaks the type or a limit of its column, or a key stands twice. The message has a line for
        each of the first ten cells; rows count from 1.

    Examples
    --------
    >>> from bayes_targets.readers.descriptor import Field
    >>> se = Field("se", "number", "", True, {"minimum": 0}, (), ())
    >>> typed_frame([[".659"]], [se], [], "ols.csv")
          se se_printed
    0  0.659       .659
    >>> typed_frame([[".659"], ["-.090"]], [se], [], "ols.csv")
    Traceback (most recent call last):
    bayes_targets.errors.DataError: ols.csv, row 2, column 'se': found '-.090', expected at least 0
    """
    cells = {rule.name: [row[place] for row in rows] for place, rule in enumerate(rules)}
    violations: list[_Violation] = []
    columns: dict[str, pd.Series[Any]] = {}
    for rule in rules:
        required = rule.required or rule.name in key
        values, wrong = _parse_column(rule, required, cells[rule.name])
        violations += wrong
        columns[rule.name] = _series(rule.type, required and not wrong, values)
        if rule.printed:
            columns[f"{rule.name}_printed"] = pd.Series(cells[rule.name], dtype="str")
    frame = pd.DataFrame(columns)
    violations += _broken_limits(frame[list(cells)], rules, key, cells)
    violations += _repeated_keys(frame, key, cells)
    if violations:
        order = list(cells)
        violations.sort(key=lambda v: (v.row, order.index(v.column)))
        raise DataError(_message(violations, label))
    return frame


def _message(violations: Sequence[_Violation], label: str) -> str:
    lines = [
        cell_message(file=label, row=v.row, column=v.column, value=v.value, expected=v.expected)
        for v in violations[:_LISTED]
    ]
    more = len(violations) - _LISTED
    return "\n".join([*lines, f"{label}: and {more} more"] if more > 0 else lines)


def _parse_column(
    rule: ColumnRules, required: bool, texts: list[str]
) -> tuple[list[object], list[_Violation]]:
    """Values of a column (None where the cell is empty or wrong), and the cells that are wrong."""
    parse = _PARSERS[rule.type]
    values: list[object] = []
    wrong = []
    for row, text in enumerate(texts, start=1):
        value, expected = None, ""
        if text == "":
            expected = "a value (the column is required)" if required else ""
        else:
            value, expected = parse(text, rule)
        if expected:
            wrong.append(_Violation(row, rule.name, text, expected))
        values.append(value)
    return values, wrong


def _parse_string(text: str, _: ColumnRules) -> tuple[object, str]:
    return text, "" if text == text.strip() else "a text without spaces at its ends"


def _parse_number(text: str, rule: ColumnRules) -> tuple[object, str]:
    pattern, words = (
        (_PRINTED, "a plain decimal number such as -.25 or 3.10")
        if rule.printed
        else (_NUMBER, "a number such as -.25, 3.10 or 1e-3")
    )
    if not pattern.fullmatch(text):
        return None, words
    value = float(text)
    return (value, "") if math.isfinite(value) else (None, "a number of ordinary size")


def _parse_integer(text: str, _: ColumnRules) -> tuple[object, str]:
    # Nineteen digits and more may not fit 64 bits.
    if not _INTEGER.fullmatch(text) or len(text) > 18:
        return None, "a whole number"
    return int(text), ""


def _parse_boolean(text: str, rule: ColumnRules) -> tuple[object, str]:
    if text in rule.true_values:
        return True, ""
    if text in rule.false_values:
        return False, ""
    return None, "one of " + ", ".join(repr(word) for word in (*rule.true_values, *rule.false_values))


_PARSERS: dict[str, Callable[[str, ColumnRules], tuple[object, str]]] = {
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


def _broken_limits(
    frame: pd.DataFrame, rules: Sequence[ColumnRules], key: Sequence[str], cells: Mapping[str, list[str]]
) -> list[_Violation]:
    """Cells outside their column's limits, and values of a unique column that an earlier row has."""
    import pandera.pandas as pa

    columns = {
        rule.name: pa.Column(
            checks=_checks(rule.constraints),
            nullable=True,
            unique=bool(rule.constraints.get("unique", False)) or list(key) == [rule.name],
            report_duplicates="exclude_first",
        )
        for rule in rules
    }
    # An empty cell is a missing value, which no limit concerns.
    present = frame.mask(pd.DataFrame(cells) == "")
    try:
        pa.DataFrameSchema(columns).validate(present, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return [
            _Violation(int(case.index) + 1, case.column, text, _expected(case.check))
            for case in errors.failure_cases.itertuples(index=False)
            if (text := cells[case.column][int(case.index)])
        ]
    return []


def _expected(check: str) -> str:
    return "a value that no earlier row has" if check == "field_uniqueness" else check


def _checks(limits: Mapping[str, Any]) -> list[Any]:
    """Make a check of each limit, with the words that the message will use."""
    import pandera.pandas as pa

    checks = []
    if "minimum" in limits:
        checks.append(pa.Check.ge(limits["minimum"], error=f"at least {limits['minimum']}"))
    if "maximum" in limits:
        checks.append(pa.Check.le(limits["maximum"], error=f"at most {limits['maximum']}"))
    if "enum" in limits:
        words = ", ".join(repr(value) for value in limits["enum"])
        checks.append(pa.Check.isin(limits["enum"], error=f"one of {words}"))
    if "pattern" in limits:
        pattern = limits["pattern"]
        checks.append(pa.Check.str_matches(rf"^(?:{pattern})\Z", error=f"a text of the form {pattern}"))
    return checks


def _repeated_keys(
    frame: pd.DataFrame, key: Sequence[str], cells: Mapping[str, list[str]]
) -> list[_Violation]:
    """Rows whose key of several columns stands already in an earlier row."""
    if len(key) < 2:
        return []
    words = f"{', '.join(key)} together to differ from every earlier row"
    again = np.flatnonzero(frame.duplicated(list(key)))
    return [
        _Violation(i + 1, key[0], ", ".join(cells[name][i] for name in key), words) for i in map(int, again)
    ]
