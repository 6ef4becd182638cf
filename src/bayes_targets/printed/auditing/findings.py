"""What every check of the audit shares: its row, the cells it reads, numbers in words, p-values and stars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

import pandas as pd

from ...errors import DataError, cell_message
from ...readers import uncertainty
from ...readers.cells import Number, plain_decimal
from ...readers.schema import file_of

CONSISTENT = "consistent"
INCONSISTENT = "inconsistent"
ONLY_IF = "only if"
_MOST_CASES = 10**15

Tables = Mapping[str, pd.DataFrame]


class HasTables(Protocol):
    """What the audit needs of a study: its name, and its tables by name."""

    @property
    def name(self) -> str:
        """Name of the study."""

    @property
    def tables(self) -> Tables:
        """Its tables by name, each with its role and source in attrs."""


@dataclass(frozen=True)
class Check:
    """One row of the audit, all in words."""

    check: str
    locator: str
    printed: str
    recomputed: str
    verdict: str


class Interval(NamedTuple):
    """All values from `low` to `high`, ends included."""

    low: float
    high: float

    def meets(self, other: Interval) -> bool:
        """Whether some value lies in both; the slack is for the last binary digit, not for rounding."""
        slack = 1e-9 * max((abs(x) for x in (*self, *other) if math.isfinite(x)), default=0.0)
        return self.low <= other.high + slack and other.low <= self.high + slack


def quotient(top: Interval, below: Interval) -> Interval:
    """Every quotient of two boxes, whose corners are its extremes; a divisor that may be 0 leaves it open."""

    def divide(x: float, y: float) -> float:
        return x / y if y > 0 else math.copysign(math.inf, x) if x else 0.0

    corners = [divide(x, y) for x in top for y in (max(below.low, 0.0), below.high)]
    return Interval(min(corners), max(corners))


def size_of(x: Interval) -> Interval:
    """What the numbers of a box can be without their sign."""
    ends = sorted((abs(x.low), abs(x.high)))
    return Interval(0.0 if x.low <= 0 <= x.high else ends[0], ends[1])


def either(holds: bool, otherwise: str = INCONSISTENT) -> str:
    """`consistent` where the claim holds, else the other verdict."""
    return CONSISTENT if holds else otherwise


def only_if(condition: str) -> str:
    """Word the verdict that depends on a condition."""
    return f"{ONLY_IF} {condition}"


# ---- reading a table ------------------------------------------------------------------------------------


def locator_of(name: str, table: pd.DataFrame, part: str = "") -> str:
    """Where the figures stand in print, e.g. ``"Table 2, Model 3, London borough"``."""
    place = str(table.attrs.get("locator") or name)
    return f"{place}, {part}" if part else place


def row_locator(name: str, table: pd.DataFrame, row: int, part: str = "") -> str:
    """Where the figures of one row stand: its own cell `locator` where there is one, else the table's."""
    own = text_cell(table, "locator", row) if "locator" in table.columns else ""
    if not own:
        return locator_of(name, table, part)
    return f"{own}, {part}" if part else own


def wrong_cell(
    name: str, table: pd.DataFrame, row: int, column: str, value: object, expected: str
) -> DataError:
    """The error that names a cell, what it holds and what was expected."""
    return DataError(
        cell_message(file=file_of(name, table), row=row + 1, column=column, value=value, expected=expected)
    )


def mapping_property(name: str, table: pd.DataFrame, key: str) -> Mapping[str, Any]:
    """Look up an optional property that holds names and values; empty where it is not there."""
    value = table.attrs.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DataError(
            f"{file_of(name, table)}, property {key!r}: found {value!r}, expected names and values"
        )
    return value


def text_cell(table: pd.DataFrame, column: str, row: int) -> str:
    """Read a cell as text; a blank cell is the empty string."""
    value = table[column].iloc[row]
    return "" if pd.isna(value) else str(value).strip()


def optional_text(table: pd.DataFrame, column: str, row: int) -> str:
    """Read a cell of a column that need not be there; without it, the empty string."""
    return text_cell(table, column, row) if column in table.columns else ""


def printed_cell(name: str, table: pd.DataFrame, column: str, row: int) -> Number | None:
    """Read a cell as printed, with its rounding; `None` where nothing is printed."""
    text = text_cell(table, f"{column}_printed", row)
    if not text:
        return None
    try:
        return plain_decimal(text)
    except DataError:
        expected = "a plain decimal number such as -.25 or 3.10"
        raise wrong_cell(name, table, row, column, text, expected) from None


def count_cell(name: str, table: pd.DataFrame, column: str, row: int) -> int | None:
    """Read a cell that counts something: a whole number of at least 0, or `None` where nothing is printed."""
    value = table[column].iloc[row]
    if pd.isna(value):
        return None
    try:
        number = Fraction(str(value))
    except (ValueError, OverflowError):
        number = Fraction(-1)
    if number.denominator != 1 or not 0 <= number < _MOST_CASES:
        raise wrong_cell(name, table, row, column, value, "a whole number of at least 0")
    return int(number)


def box(printed: Number, low: float = -math.inf, high: float = math.inf) -> Interval:
    """Give the rounding interval of a printed number, cut to the values it can have at all."""
    return Interval(min(max(printed.low, low), high), max(min(printed.high, high), low))


def exact_box(printed: Number) -> tuple[Fraction, Fraction]:
    """Give the rounding interval in exact arithmetic, for whole counts that may fall on its very end."""
    half = Fraction(1, 2 * 10**printed.decimals)
    return Fraction(printed.text) - half, Fraction(printed.text) + half


# ---- numbers in words -----------------------------------------------------------------------------------


def number(x: float, decimals: int = 3) -> str:
    """Word a number the way such tables print it, without the zero before the point."""
    if math.isinf(x):
        return "infinite" if x > 0 else "minus infinite"
    text = f"{x:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 and "." in text else text


def probability(p: float) -> str:
    """Word a p-value, with more decimals the nearer it is to 0, so that it differs from its level."""
    if p < 1e-6:
        return "< .000001"
    return number(p, 4 if p >= 0.02 else 5 if p >= 0.002 else 6)


def span(interval: Interval, decimals: int = 3) -> str:
    """Word an interval, one number where both ends read the same."""
    low, high = number(interval.low, decimals), number(interval.high, decimals)
    return low if low == high else f"{low} to {high}"


def with_span(value: float, interval: Interval, decimals: int = 3) -> str:
    """Word a value with its interval, the interval only where it reads differently."""
    words, around = number(value, decimals), span(interval, decimals)
    return words if words == around else f"{words} ({around})"


def probability_span(interval: Interval) -> str:
    """Word an interval of p-values."""
    low, high = probability(interval.low), probability(interval.high)
    return low if low == high else f"{low} to {high}"


def probability_with_span(p: float, interval: Interval) -> str:
    """Word a p-value with its interval, the interval only where it reads differently."""
    words, around = probability(p), probability_span(interval)
    return words if words == around else f"{words} ({around})"


def p_value(t: float, df: float | None = None, tails: int = 2) -> float:
    """Probability of a ratio at least as far from zero, if the true effect is zero.

    Examples
    --------
    >>> round(p_value(1.96), 3), round(p_value(-1.96, tails=1), 3)
    (0.05, 0.025)
    >>> round(p_value(-1.802 / 1.117, df=118, tails=1), 4)
    0.0547
    """
    if tails not in (1, 2):
        raise DataError(f"tails: found {tails!r}, expected 1 or 2")
    if df is not None and not df > 0:
        raise DataError(f"df: found {df!r}, expected a positive number of degrees of freedom")
    return float(uncertainty.p_value(t, math.inf if df is None else df, tails))


def critical_ratio(p: float, df: float | None = None, tails: int = 2) -> float:
    """Ratio of estimate to standard error that `p_value` takes to `p`."""
    return uncertainty.critical(p, math.inf if df is None else df, tails)


def upper_f(f: float, df1: int, df2: int) -> float:
    """Probability that a classical F with `df1` and `df2` degrees of freedom is at least `f`."""
    from scipy.special import fdtrc

    return 0.0 if math.isinf(f) else float(fdtrc(df1, df2, f))


def critical_f(p: float, df1: int, df2: int) -> float:
    """F that `upper_f` takes to `p`."""
    from scipy.special import fdtri

    return float(fdtri(df1, df2, 1 - p))


def stars(p: float, levels: Mapping[str, float]) -> str:
    """Symbol of the smallest level that `p` reaches.

    Examples
    --------
    >>> levels = {"+": 0.10, "*": 0.05, "**": 0.01}
    >>> [stars(p, levels) for p in (0.2, 0.0547, 0.05, 0.001)]
    ['', '+', '*', '**']
    """
    reached = [(level, symbol) for symbol, level in levels.items() if p <= level]
    return min(reached)[1] if reached else ""
