"""Checks of numbers handed to the functions of this package."""

from __future__ import annotations

import math

from ..errors import DataError


def require_number(
    name: str, value: object, *, above: float = -math.inf, below: float = math.inf, expected: str = ""
) -> float:
    """A finite number strictly between two bounds, as a float.

    Raises
    ------
    DataError
        If it is not.

    Examples
    --------
    >>> require_number("se", 0.659, above=0)
    0.659
    """
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or not above < value < below:  # type: ignore[operator, arg-type]
        if not expected:
            expected = {
                (False, False): "a finite number",
                (True, False): f"a number above {above:g}",
                (False, True): f"a number below {below:g}",
                (True, True): f"a number between {above:g} and {below:g}",
            }[math.isfinite(above), math.isfinite(below)]
        raise DataError(f"{name} is {value!r}, expected {expected}")
    return float(value)  # type: ignore[arg-type]


def require_estimate(estimate: object, se: object) -> tuple[float, float]:
    """An estimate and its standard error, as floats."""
    return require_number("estimate", estimate), require_number("se", se, above=0.0)


def require_tails(tails: object) -> int:
    """1 or 2."""
    if tails not in (1, 2) or isinstance(tails, bool):
        raise DataError(f"tails is {tails!r}, expected 1 or 2")
    return int(tails)


def require_count(name: str, value: object, least: int = 1) -> int:
    """A whole number of at least `least`."""
    import numpy as np

    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(f"{name} is {value!r}, expected a whole number of {least} or more")
    return int(value)
