"""Checks of estimates, degrees of freedom, tails and lists of numbers, for the functions of this package."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real

from ..errors import DataError, require_number, shown

_NORMAL_FROM = 1e6


def require_estimate(estimate: object, se: object, *, name: str = "estimate") -> tuple[float, float]:
    """An estimate and its standard error, as floats whose ratio can be squared."""
    value, error = require_number(name, estimate), require_number("se", se, above=0.0)
    if not (1e-150 < error < 1e150 and abs(value) < 1e150 and abs(value / error) < 1e100):
        raise DataError(f"{name} is {value!r} and se {error!r}, expected two numbers of a usual size")
    return value, error


def require_size(name: str, value: object) -> float:
    """A number above 0 of a size whose square a computer can hold."""
    number = require_number(name, value, above=0.0)
    return require_number(name, number, above=1e-50, below=1e50)


def require_df(df: object) -> float | None:
    """Degrees of freedom above 0; None where they are not given, or so many that the t is normal."""
    if df is None or (isinstance(df, float) and df == math.inf):
        return None
    number = require_number("df", df, above=0.0)
    return None if number > _NORMAL_FROM else number


def require_tails(tails: object) -> int:
    """1 or 2."""
    try:
        number = require_number("tails", tails)
    except DataError:
        number = math.nan
    if number not in (1.0, 2.0):
        raise DataError(f"tails is {shown(tails)}, expected 1 or 2")
    return int(number)


def require_list(name: str, values: object) -> list[object]:
    """One number, or the values of a list or an array, at least one.

    Examples
    --------
    >>> require_list("effects", 1.0), require_list("effects", (1, 2))
    ([1.0], [1, 2])
    """
    if isinstance(values, Real):
        return [values]
    if (
        isinstance(values, str | bytes | dict)
        or not isinstance(values, Iterable)
        or getattr(values, "ndim", 1) == 0
    ):
        raise DataError(f"{name} is {shown(values)}, expected a number or a list of numbers")
    listed = list(values)
    if not listed:
        raise DataError(f"{name} is empty, expected a number or a list of numbers")
    return listed
