"""Checks of numbers handed to the functions of this package."""

from __future__ import annotations

from ..errors import DataError
from ..errors import require_count as require_count
from ..errors import require_number as require_number


def require_estimate(estimate: object, se: object) -> tuple[float, float]:
    """An estimate and its standard error, as floats."""
    return require_number("estimate", estimate), require_number("se", se, above=0.0)


def require_tails(tails: object) -> int:
    """1 or 2."""
    if tails not in (1, 2) or isinstance(tails, bool):
        raise DataError(f"tails is {tails!r}, expected 1 or 2")
    return int(tails)
