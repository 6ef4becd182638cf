"""Standard errors from whatever a table prints: s.e., variance, t, p, an interval or stars, with what rounding leaves open."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

from .cells import read_number

_LARGEST = 1e100  # beyond it squares and quotients of numbers are lost
_P_BOUND = re.compile(r"p?\s*(<=|>=|[<>≤≥])\s*([0-9.]+(?:e-\d+)?)", re.IGNORECASE)
_NOT_SIGNIFICANT = {"ns", "n.s.", "n.s", "n. s.", "not significant", "not sig."}


class Figure(NamedTuple):
    """A printed number (NaN where only its bounds are printed) and the ends of its rounding interval."""

    value: float
    low: float
    high: float

    def log(self) -> Figure:
        """The logarithm of a positive number; the lower end is minus infinity where it rounds to 0."""
        return Figure(
            math.log(self.value), math.log(self.low) if self.low > 0 else -math.inf, math.log(self.high)
        )

    def exp(self) -> Figure:
        """The number whose logarithm this is."""
        return Figure(*(math.exp(x) for x in self))

    def midway(self, other: Figure) -> Figure:
        """The middle between this number and another."""
        return Figure(*(0.5 * (a + b) for a, b in zip(self, other, strict=True)))

    def meets(self, other: Figure) -> bool:
        """Whether the two intervals share a value, but for the last binary digit."""
        slack = 1e-9 * max((abs(x) for x in (*self[1:], *other[1:]) if math.isfinite(x)), default=0.0)
        return self.low <= other.high + slack and other.low <= self.high + slack


class Spread(NamedTuple):
    """A standard error (NaN where only bounds are known), its bounds over the rounding, and how it came about."""

    se: float
    low: float
    high: float
    origin: str

    def meets(self, other: Spread) -> bool:
        """Whether the bounds of two standard errors share a value."""
        return Figure(*self[:3]).meets(Figure(*other[:3]))

    @property
    def width(self) -> float:
        """Relative width of what rounding leaves open; infinite where there is no number."""
        return (self.high - self.low) / self.se if self.se > 0 else math.inf


def figure(text: str, *, exact: bool = False, percent: bool = False) -> Figure | None:
    """Read a plain decimal number (where `percent`, also one with its sign) with its rounding interval, else None."""
    number = read_number(text)
    if (
        number is None
        or not number.plain
        or number.stars
        or (number.percent and not percent)
        or not abs(number.value) < _LARGEST
    ):
        return None
    half = 0.0 if exact else number.half_width
    return Figure(number.value, number.value - half, number.value + half)


def p_figure(text: str) -> Figure | None:
    """Read a p-value: a number, ``<.001``, ``.000`` (below half its last place), ``ns`` (above .05)."""
    if text.lower() in _NOT_SIGNIFICANT:
        return Figure(math.nan, 0.05, 1.0)
    if bound := _P_BOUND.fullmatch(text):
        limit = figure(bound[2])
        if limit is None or not 0 < limit.value < 1:
            return None
        below = bound[1] in ("<", "<=", "≤")
        return Figure(math.nan, 0.0, limit.value) if below else Figure(math.nan, limit.value, 1.0)
    read = figure(re.sub(r"^p\s*=\s*", "", text, flags=re.IGNORECASE))
    if read is None or not 0 <= read.value <= 1:
        return None
    low, high = max(read.low, 0.0), min(read.high, 1.0)
    return Figure(read.value if read.value > 0 else math.nan, low, high)


# ---- quantiles --------------------------------------------------------------------------------------------


def critical(p: float, df: float = math.inf, tails: int = 2) -> float:
    """Size of t that has the p-value `p`."""
    upper = p / tails
    if upper <= 0:
        return math.inf
    if upper >= 0.5:
        return 0.0
    if math.isinf(df):
        return -NormalDist().inv_cdf(upper)
    from scipy.special import stdtrit

    return float(-stdtrit(df, upper))


def p_value(t: float, df: float = math.inf, tails: int = 2) -> float:
    """Probability of a t of at least this size where the true effect is 0."""
    if math.isinf(df):
        return tails * NormalDist().cdf(-abs(t))
    from scipy.special import stdtr

    return float(tails * stdtr(df, -abs(t)))


# ---- standard errors --------------------------------------------------------------------------------------


def from_se(se: Figure) -> Spread:
    """The printed standard error; one that rounds to 0 is a bound only."""
    return Spread(se.value if se.value > 0 else math.nan, max(se.low, 0.0), se.high, "printed")


def from_variance(variance: Figure) -> Spread:
    """The root of a printed variance."""
    roots = (math.sqrt(max(x, 0.0)) for x in variance)
    value, low, high = roots
    return Spread(value if value > 0 else math.nan, low, high, "from the variance")


def from_t(estimate: Figure, t: Figure, name: str = "t") -> Spread:
    """Estimate over t, over the rounding of both."""
    b, size = _size(estimate), _size(t)
    value = b.value / size.value if b.value > 0 and size.value > 0 else math.nan
    low = b.low / size.high if size.high > 0 else 0.0
    high = b.high / size.low if size.low > 0 else math.inf
    return Spread(value, low, high, f"from the estimate and {name}")


def from_p(estimate: Figure, p: Figure, df: float, tails: int, words: str = "p") -> Spread:
    """Estimate over the t that has this p-value."""
    t = Figure(
        critical(p.value, df, tails) if p.value > 0 else math.nan,
        critical(p.high, df, tails),
        critical(p.low, df, tails),
    )
    spread = from_t(estimate, t)
    return spread._replace(origin=f"from the estimate and {words}{_df_words(df)}")


def from_interval(low: Figure, high: Figure, level: float, df: float) -> Spread:
    """Width of an interval over twice its quantile."""
    twice = 2 * critical(1 - level, df)
    widths = (high.value - low.value, max(high.low - low.high, 0.0), high.high - low.low)
    value, least, most = (width / twice for width in widths)
    return Spread(
        value if value > 0 else math.nan, least, most, f"from the {100 * level:.4g}% interval{_df_words(df)}"
    )


def from_stars(estimate: Figure, star: str, levels: Mapping[str, float], df: float, tails: int) -> Spread:
    """Bounds that a star (or its absence) gives, if the estimate is what it is printed."""
    high = levels[star] if star else 1.0
    low = max((level for level in levels.values() if level < high), default=0.0)
    return from_p(estimate, Figure(math.nan, low, high), df, tails, "its stars (bounds)")


def _size(x: Figure) -> Figure:
    """The same without sign."""
    ends = sorted((abs(x.low), abs(x.high)))
    return Figure(abs(x.value), 0.0 if x.low <= 0 <= x.high else ends[0], ends[1])


def _df_words(df: float) -> str:
    return " (normal)" if math.isinf(df) else f" (t, {df:g} df)"
