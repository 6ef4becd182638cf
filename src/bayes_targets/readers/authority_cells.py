"""Cells of a table of authorities: text to numbers and labels, and every wrong cell named."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import cell_message, did_you_mean

PERCENTAGE = "a percentage from 0 to 100"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_Limit = tuple[Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]], str]
_SHARE: tuple[_Limit, ...] = ((lambda x: (x >= 0) & (x <= 100), PERCENTAGE),)
_ERROR: tuple[_Limit, ...] = ((lambda x: x > 0, "a standard error above 0, in percentage points"),)
_RESPONDENTS: tuple[_Limit, ...] = ((lambda x: x >= 1, "a number of respondents, 1 or more"),)
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)


def is_missing(cell: object) -> bool:
    """Whether a cell is empty: None, NaN, NA or text with nothing but spaces.

    Examples
    --------
    >>> [is_missing(cell) for cell in (None, float("nan"), " ", "NA", 0)]
    [True, True, True, False, False]
    """
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))


def parse_number(cell: object) -> float | None:
    """Read the number in a cell, infinite ones included, or None where there is none.

    Examples
    --------
    >>> parse_number(" 75.16 "), parse_number("-1e3"), parse_number(True), parse_number("inf")
    (75.16, -1000.0, 1.0, inf)
    >>> parse_number("1,234") is None, parse_number("NA") is None
    (True, True)
    """
    if isinstance(cell, str):
        text = cell.strip()
        return float(text) if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text) else None
    if isinstance(cell, Real | Decimal | np.bool_):
        try:
            return float(cell)
        except OverflowError:
            return float("inf")
        except ValueError:
            return None
    return None


def read_numbers(
    cells: pd.Series, *, name: str, label: str, optional: bool = False
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Read one column as finite numbers.

    Parameters
    ----------
    cells : Series
        Cells of any kind, indexed by row (1, 2, ...).
    name, label : str
        Column and table, for the messages.
    optional : bool, default False
        Whether a cell may be empty.

    Returns
    -------
    values : array of shape (n,)
        NaN where a cell is empty or wrong.
    problems : list of str
        One a wrong cell.

    Examples
    --------
    >>> values, problems = read_numbers(pd.Series(["75.2", "x"], index=[1, 2]), name="outcome", label="m.csv")
    >>> values
    array([75.2,  nan])
    >>> problems
    ["m.csv, row 2, column 'outcome': found 'x', expected a number"]
    """
    values = np.full(len(cells), np.nan)
    problems: list[str] = []

    def problem(row: int, value: object, expected: str) -> None:
        problems.append(cell_message(file=label, row=row, column=name, value=value, expected=expected))

    for i, cell in enumerate(cells):
        if is_missing(cell):
            if not optional:
                problem(i + 1, "", "a number, not an empty cell")
            continue
        number = parse_number(cell)
        if number is None or np.isnan(number):
            problem(i + 1, cell, "a number")
        elif np.isinf(number):
            problem(i + 1, cell, "a finite number")
        else:
            values[i] = number
    return values, problems


def read_labels(cells: pd.Series, *, name: str, label: str) -> tuple[list[str], list[str]]:
    """Read one column as text labels, outer spaces kept; an empty string where a cell is empty or wrong.

    Examples
    --------
    >>> read_labels(pd.Series(["Leeds", 7, ""], index=[1, 2, 3]), name="authority", label="m.csv")
    (['Leeds', '7', ''], ["m.csv, row 3, column 'authority': found '', expected a name"])
    """
    labels: list[str] = []
    problems: list[str] = []
    for i, cell in enumerate(cells):
        # A code such as 12 is a name too; 12.0, a date or a list is a sign that the column is another one.
        named = (
            isinstance(cell, str | int | np.integer) and not isinstance(cell, bool) and not is_missing(cell)
        )
        labels.append(str(cell) if named else "")
        if not named:
            found = "" if is_missing(cell) else cell
            problems.append(cell_message(file=label, row=i + 1, column=name, value=found, expected="a name"))
    return labels, problems


def half_unit(cells: pd.Series) -> float:
    """Half a unit of the last decimal place that a column uses anywhere: the rounding error of its numbers.

    Examples
    --------
    >>> half_unit(pd.Series(["75", "75.2"])), half_unit(pd.Series([0.25, 1.5]))
    (0.05, 0.005)
    """
    exponents = [0]
    for cell in cells:
        number = None if is_missing(cell) else parse_number(cell)
        if number is not None and np.isfinite(number):
            text = cell.strip() if isinstance(cell, str) else shortest(number)
            exponents.append(int(Decimal(text).as_tuple().exponent))
    return float(0.5 * 10.0 ** min(exponents))


def duplicate_problems(names: Sequence[str], *, name: str, label: str) -> list[str]:
    """Find authorities that stand twice, capitals and spaces apart.

    Examples
    --------
    >>> duplicate_problems(["Leeds", "York", "leeds "], name="area", label="m.csv")
    ["m.csv, row 3, column 'area': found 'leeds ', expected each authority once (it stands in row 1 too)"]
    """
    first: dict[str, int] = {}
    problems = []
    for row, found in enumerate(names, 1):
        key = _plain(found)
        if not key:
            continue
        if key in first:
            expected = f"each authority once (it stands in row {first[key]} too)"
            problems.append(cell_message(file=label, row=row, column=name, value=found, expected=expected))
        first.setdefault(key, row)
    return problems


def unknown_type_problems(
    labels: Sequence[str], allowed: Sequence[str], *, name: str, label: str
) -> list[str]:
    """Rows whose authority type is not among the allowed ones.

    Examples
    --------
    >>> unknown_type_problems(["unitry"], ["unitary", "county"], name="type", label="m.csv")[0][-34:]
    " of types; did you mean 'unitary'?"
    """
    return [
        cell_message(file=label, row=row, column=name, value=found, expected="one of types")
        + f"; {did_you_mean(found.strip(), list(allowed))}"
        for row, found in enumerate(labels, 1)
        if found and found.strip() not in allowed
    ]


def misspelt_type_problems(labels: Sequence[str], *, name: str, label: str) -> list[str]:
    """Type labels that look like another one misspelt.

    Two are told: a label that differs from a commoner one by capitals, spaces or punctuation only, and a
    label that occurs once and is one letter away from another in one long word.

    Examples
    --------
    >>> misspelt_type_problems(["city", "city", "City "], name="type", label="m.csv")
    ["m.csv, row 3, column 'type': found 'City ', expected one spelling of each type; did you mean 'city'?"]
    """
    rows: dict[str, list[int]] = {}
    for row, found in enumerate(labels, 1):
        if found:
            rows.setdefault(found, []).append(row)
    # The commonest spelling is taken to be the one meant; among equals, the first.
    settled: list[str] = []
    problems = []
    for found in sorted(rows, key=lambda spelling: (-len(rows[spelling]), rows[spelling][0])):
        meant = next((other for other in settled if _near(found, other, once=len(rows[found]) == 1)), None)
        if meant is None:
            settled.append(found)
            continue
        more = f" (and {len(rows[found]) - 1} more rows)" if len(rows[found]) > 1 else ""
        problems.append(
            cell_message(
                file=label,
                row=rows[found][0],
                column=name,
                value=found,
                expected="one spelling of each type",
            )
            + f"{more}; did you mean {meant!r}?"
        )
    return problems


def _plain(text: str) -> str:
    """Capitals, spaces, underscores and hyphens made alike; other signs (as in grades A+ and A) are kept."""
    return " ".join(re.sub(r"_|(?<=\w)[-\u2010-\u2015](?=\w)", " ", text.casefold()).split())


def shortest(number: float) -> str:
    """Write a number in the fewest decimals that give it back, without a trailing .0."""
    return repr(float(number)).removesuffix(".0")


def _near(found: str, other: str, *, once: bool) -> bool:
    if _plain(found) == _plain(other):
        return True
    pairs = list(zip(_plain(found).split(), _plain(other).split(), strict=False))
    same_length = len(_plain(found).split()) == len(_plain(other).split())
    differing = [(a, b) for a, b in pairs if a != b]
    if not (once and same_length and len(differing) == 1):
        return False
    a, b = differing[0]
    return min(len(a), len(b)) >= 5 and a.isalpha() and b.isalpha() and _one_slip(a, b)


def _one_slip(a: str, b: str) -> bool:
    """Whether one letter dropped, added, changed or swapped with the next turns one word into the other."""
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) > 1:
        return False
    i = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    if len(short) < len(long):
        return short[i:] == long[i + 1 :]
    swapped = short[:i] + short[i + 1 : i + 2] + short[i : i + 1] + short[i + 2 :]
    return short[i + 1 :] == long[i + 1 :] or swapped == long


def cell_limits(values: pd.DataFrame, *, names: Mapping[str, str], label: str) -> dict[str, list[str]]:
    """Check every number of a table against the limits of its column.

    Parameters
    ----------
    values : DataFrame
        Float columns, indexed by row: under our own names, and further outcomes, which are percentages. NaN
        passes: what may be missing was settled when the cells were read.
    names : mapping of str to str
        The table's own names of the columns, for the messages, where they differ.
    label : str
        The table, for the messages.

    Returns
    -------
    dict of str to list of str
        For each column with wrong cells, a message a cell.

    Examples
    --------
    >>> values = pd.DataFrame({"target": [0.0, 2.0]}, index=[1, 2])
    >>> cell_limits(values, names={"target": "laa"}, label="m.csv")
    {'target': ["m.csv, row 2, column 'laa': found '2', expected 0 or 1"]}
    """
    limits = {
        "baseline": (
            *_SHARE,
            (lambda x: x != 0, "a score above 0, from which a percentage change is defined"),
        ),
        "change": ((lambda x: x >= -100, "a percentage change of -100 or more"),),
        "target": ((lambda x: (x == 0) | (x == 1), "0 or 1"),),
        "stretch": _stretch_limits(values),
        "baseline_se": _ERROR,
        "outcome_se": _ERROR,
        "n_baseline": _RESPONDENTS,
        "n_outcome": _RESPONDENTS,
    }
    problems: dict[str, list[str]] = {}
    for column in values.columns:
        cells = values[column].to_numpy()
        for passes, expected in limits.get(str(column), _SHARE):
            for row, cell in values[column][~(passes(cells) | np.isnan(cells))].items():
                message = cell_message(
                    file=label,
                    row=row,
                    column=names.get(column, column),
                    value=shortest(cell),
                    expected=expected,
                )
                problems.setdefault(column, []).append(message)
    return problems


def _stretch_limits(values: pd.DataFrame) -> tuple[_Limit, ...]:
    if "target" not in values:
        return ()
    target = values["target"].to_numpy()
    return ((lambda stretch: (stretch == 0) | (target != 0), "0 (or nothing) where target is 0"),)
