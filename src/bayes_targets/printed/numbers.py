"""Printed numbers: a value, and the interval of values that print the same."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DataError, shown
from ..readers.cells import plain_number

_LONGEST = 40


@dataclass(frozen=True)
class Printed:
    """A number as it stands in print.

    Parameters
    ----------
    text : str
        The printed characters, e.g. ``"-.0004"``; thousands separators are not allowed.

    Attributes
    ----------
    value, low, high : float
        The number and the ends of its rounding interval: every true value in ``[low, high]`` prints as
        `text` (half a unit of the last printed place to either side).
    decimals : int
        Number of printed decimals.

    Raises
    ------
    DataError
        If `text` is not a plain decimal number.

    Examples
    --------
    >>> p = Printed("-.0004")
    >>> p.value, round(p.low, 6), round(p.high, 6)
    (-0.0004, -0.00045, -0.00035)
    >>> Printed("41").low, Printed("41").high
    (40.5, 41.5)
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST or plain_number(self.text) is None:
            raise DataError(f"found {shown(self.text)}, expected a plain decimal number such as -.25 or 3.10")

    @property
    def value(self) -> float:
        """The number that stands in print."""
        return float(self.text)

    @property
    def decimals(self) -> int:
        """Number of printed decimals."""
        return len(self.text.partition(".")[2])

    @property
    def half_unit(self) -> float:
        """Half a unit of the last printed place."""
        return float(0.5 * 10.0**-self.decimals)

    @property
    def low(self) -> float:
        """Lower end of the rounding interval."""
        return self.value - self.half_unit

    @property
    def high(self) -> float:
        """Upper end of the rounding interval."""
        return self.value + self.half_unit


def ratio_interval(numerator: Printed, denominator: Printed) -> tuple[float, float]:
    """Smallest and largest ratio that two printed numbers allow.

    Examples
    --------
    >>> low, high = ratio_interval(Printed(".952"), Printed(".659"))
    >>> round(low, 3), round(high, 3)
    (1.443, 1.446)
    """
    if denominator.high <= 0:
        raise DataError(f"found {denominator.text!r}, expected a positive number to divide by")
    smallest = max(denominator.low, 0.0)

    def divide(top: float, bottom: float) -> float:
        if bottom > 0:
            return top / bottom
        return float("inf") if top > 0 else (-float("inf") if top < 0 else 0.0)

    corners = [
        divide(top, bottom)
        for top in (numerator.low, numerator.high)
        for bottom in (smallest, denominator.high)
    ]
    return min(corners), max(corners)
