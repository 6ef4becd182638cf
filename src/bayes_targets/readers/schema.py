"""The strict table of a data package: every cell has its column's type and keeps its limits, or is told."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .cells import Problems
from .descriptor import Field

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PRINTED = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_INTEGER = re.compile(r"[+-]?[0-9]+")
# What is wrong with a cell: what was expected, and what its column holds instead. Empty: nothing.
_Fault = tuple[str, str]
_FINE: _Fault = ("", "")


def typed_frame(
    rows: Sequence[Sequence[str]], rules: Sequence[Field], key: Sequence[str], label: str
) -> pd.DataFrame:
    """Turn rows of text into a frame with types, or raise one error that tells every cell that is wrong.

    Parameters
    ----------
    rows : sequence of sequence of str
        Rows of data, each with one cell a column; an empty cell is a missing value.
    rules : sequence of Field
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
        kept as printed there is ``x_printed`` with its text.

    Raises
    ------
    DataError
        If a cell breaks the type or a limit of its column, or a key occurs twice, grouped by column and kind.

    Examples
    --------
    >>> se = Field("se", "number", "", True, {"minimum": 0}, (), ())
    >>> typed_frame([[".659"]], [se], [], "ols.csv")
          se se_printed
    0  0.659       .659
    >>> typed_frame([[".659"], ["-.090"]], [se], [], "ols.csv")
    Traceback (most recent call last):
    bayes_targets.errors.DataError: ols.csv, row 2, column 'se': found '-.090', expected at least 0
    """
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
    parse = _PARSERS[rule.type]
    values: list[object] = []
    for row, text in enumerate(texts, start=1):
        value: object = None
        fault = _FINE
        if text:
            value, fault = parse(text, rule)
        elif required:
            fault = "a value (the column is required)", "nothing"
        if fault[0]:
            problems.cell(row, rule.name, text, *fault)
        values.append(value)
    return values


def _parse_string(text: str, _: Field) -> tuple[object, _Fault]:
    if text != text.strip():
        return text, ("a text without spaces at its ends", "spaces at the ends")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text if letter != "\n"):
        return text, ("a text that can be printed", "characters that cannot be printed")
    return text, _FINE


def _parse_number(text: str, rule: Field) -> tuple[object, _Fault]:
    pattern, words = (
        (_PRINTED, "a plain decimal number such as -.25 or 3.10")
        if rule.printed
        else (_NUMBER, "a number such as -.25, 3.10 or 1e-3")
    )
    if not pattern.fullmatch(text):
        return None, (words, "other texts")
    value = float(text)
    return (value, _FINE) if math.isfinite(value) else (None, ("a number of ordinary size", "huge numbers"))


def _parse_integer(text: str, _: Field) -> tuple[object, _Fault]:
    # Nineteen digits and more may not fit 64 bits.
    if not _INTEGER.fullmatch(text) or len(text) > 18:
        return None, ("a whole number", "other texts")
    return int(text), _FINE


def _parse_boolean(text: str, rule: Field) -> tuple[object, _Fault]:
    if text in rule.true_values:
        return True, _FINE
    if text in rule.false_values:
        return False, _FINE
    known = ", ".join(repr(word) for word in (*rule.true_values, *rule.false_values))
    return None, (f"one of {known}", "other texts")


_PARSERS: dict[str, Callable[[str, Field], tuple[object, _Fault]]] = {
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


def _check_limits(
    rule: Field, key: Sequence[str], texts: Sequence[str], values: Sequence[Any], problems: Problems
) -> None:
    """Note cells outside their column's limits, and values of a unique column that an earlier row has."""
    limits = _limits(rule.constraints)
    unique = bool(rule.constraints.get("unique", False)) or list(key) == [rule.name]
    seen: set[object] = set()
    for row, (text, value) in enumerate(zip(texts, values, strict=True), start=1):
        if value is None or text == "":
            continue
        for keeps, expected, kind in limits:
            if not keeps(value):
                problems.cell(row, rule.name, text, expected, kind)
        if unique and value in seen:
            problems.cell(
                row, rule.name, text, "a value that no earlier row has", "values that an earlier row has"
            )
        seen.add(value)


def _limits(constraints: Mapping[str, Any]) -> list[tuple[Callable[[Any], bool], str, str]]:
    """Each limit as a test, what it expects, and what a cell that fails is."""
    found: list[tuple[Callable[[Any], bool], str, str]] = []
    if "minimum" in constraints:
        low = constraints["minimum"]
        found.append((lambda value: bool(value >= low), f"at least {low}", "smaller numbers"))
    if "maximum" in constraints:
        high = constraints["maximum"]
        found.append((lambda value: bool(value <= high), f"at most {high}", "larger numbers"))
    if "enum" in constraints:
        allowed = constraints["enum"]
        words = ", ".join(repr(value) for value in allowed)
        found.append((lambda value: value in allowed, f"one of {words}", "other values"))
    if "pattern" in constraints:
        pattern = re.compile(constraints["pattern"])
        words = f"a text of the form {constraints['pattern']}"
        found.append((lambda value: pattern.fullmatch(value) is not None, words, "texts of another form"))
    return found
