"""What printed numbers allow: intervals of values that print the same, and the moments and counts that these leave possible."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from ..errors import DataError
from ..readers.cells import Number
from ..readers.uncertainty import Figure

Box = tuple[Fraction, Fraction]


class Interval(NamedTuple):
    """All values from `low` to `high`, ends included."""

    low: float
    high: float

    def meets(self, other: Interval) -> bool:
        """Whether some value lies in both."""
        return Figure(math.nan, *self).meets(Figure(math.nan, *other))

    def nearest(self, x: float) -> float:
        """The value of the interval that is nearest to x."""
        return min(max(x, self.low), self.high)

    def within(self, low: float, high: float) -> Interval:
        """The interval with its ends brought between two others."""
        return self.rising(Interval(low, high).nearest)

    def rising(self, function: Callable[[float], float]) -> Interval:
        """All values of a function that rises over the interval."""
        return Interval(function(self.low), function(self.high))

    def falling(self, function: Callable[[float], float]) -> Interval:
        """All values of a function that falls over the interval, so that the ends change places."""
        return Interval(function(self.high), function(self.low))


def box(printed: Number, low: float = -math.inf, high: float = math.inf) -> Interval:
    """Give the rounding interval of a printed number, cut to the values it can have at all."""
    return Interval(printed.low, printed.high).within(low, high)


def exact_box(printed: Number) -> tuple[Fraction, Fraction]:
    """Give the rounding interval in exact arithmetic, for whole counts that may fall on its very end."""
    half = Fraction(1, 2 * 10**printed.decimals)
    return Fraction(printed.text) - half, Fraction(printed.text) + half


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


def possible_counts(share: Box, base: int, of: int = 1) -> range:
    """List the whole counts out of `base` whose share lies in an exact box."""
    low, high = (end * base / of for end in share)
    return range(max(math.ceil(low), 0), min(math.floor(high), base) + 1)


def mean_bounds(minimum: Interval, maximum: Interval, n: int | None) -> Interval:
    """Means that are possible when the smallest and the largest of `n` values are known.

    One case sits at each end, so the mean keeps a distance of ``(max - min) / n`` from both. Both ends of
    the answer rise with min and with max, so that their extremes lie at corners of the box.
    """
    share = 0.0 if n is None else 1.0 / n
    return Interval(
        minimum.low + share * (maximum.low - minimum.low),
        maximum.high - share * (maximum.high - minimum.high),
    )


def sd_bounds(
    mean: Interval, minimum: Interval, maximum: Interval, n: int | None = None, ddof: int = 1
) -> Interval:
    """Smallest and largest standard deviation that mean, min and max allow.

    The largest is that of Bhatia and Davis (2000, *American Mathematical Monthly* 107: 353-357), all cases at
    the two ends: variance ``(max - mean)(mean - min)``, times ``n / (n - ddof)``. It rises as the ends move
    apart, so min and max are taken at a corner of the box; in the mean it is concave with its top half way
    between the ends, so the mean is taken as near to that as its own box lets it.

    The smallest has one case at each end and all others together at the one place that gives the mean. With
    ``u = mean - min`` and ``v = max - mean`` its sum of squares is ``u² + v² + (u - v)² / (n - 2)``, which
    rises in u and in v wherever that place lies between the ends, that is, where neither of u and v is below
    the other over ``n - 1``. So min and max are taken as near to the mean as their boxes and that condition
    let them, and the mean again as near to the middle as its box lets it.
    """
    if n is not None and n < 2:
        raise DataError(f"n: found {n!r}, expected at least 2 cases for a standard deviation")
    a, b = minimum.low, maximum.high
    m = mean.nearest((a + b) / 2)
    divisor_effect = (2.0 if ddof else 1.0) if n is None else n / (n - ddof)
    high = math.sqrt(max((b - m) * (m - a), 0.0) * divisor_effect)
    if n is None:
        return Interval(0.0, high)
    a, b = minimum.high, maximum.low
    m = mean.nearest((a + b) / 2)
    u, v = max(m - a, 0.0), max(b - m, 0.0)
    u, v = max(u, v / (n - 1)), max(v, u / (n - 1))
    squares = u**2 + v**2 + ((u - v) ** 2 / (n - 2) if n > 2 else 0.0)
    return Interval(math.sqrt(squares / (n - ddof)), high)


def binary_sd(mean: Interval, n: int | None, ddof: int = 1) -> Interval:
    """Give the s.d. of a 0/1 variable with this mean: ``sqrt(m (1 - m) n / (n - ddof))``.

    It is concave in m with its top at one half: the smallest value lies at an end of the box, the largest at
    its point nearest to one half.
    """
    top = mean.nearest(0.5)
    low = min(m * (1 - m) for m in mean)
    smallest, largest = (1.0, 1.0 + ddof) if n is None else (n / (n - ddof), n / (n - ddof))
    return Interval(math.sqrt(low * smallest), math.sqrt(top * (1 - top) * largest))
