"""What a star can mean: the level of each symbol, and over how much of a box of statistics the printed one holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...readers.uncertainty import critical, p_value
from ..intervals import Interval
from ..table import Printed
from .findings import INCONSISTENT, Check, judge, number, probability_span

TAILS = {1: "one-tailed", 2: "two-tailed"}


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


def p_box(size: Interval, df: float, tails: int) -> Interval:
    """P-values of a box of sizes of t."""
    return size.falling(lambda t: p_value(t, df, tails))


def p_words(size: Interval, df: float, tails: int, t: float = math.nan) -> str:
    """The p-value of a ratio, where that is known, and of all ratios of its box."""
    words = probability_span(p_box(size, df, tails), p_value(t, df, tails))
    return f"{TAILS[tails]} p = {words}".replace("= <", "<")


@dataclass(frozen=True)
class Convention:
    """What a star means in one table: tails of the test, and the level of each symbol."""

    tails: int
    levels: Mapping[str, float]

    @property
    def symbols(self) -> list[str]:
        """From no star to the strongest one."""
        return ["", *sorted(self.levels, key=lambda symbol: -self.levels[symbol])]

    @property
    def other(self) -> Convention:
        """The same levels with the other number of tails."""
        return Convention(3 - self.tails, self.levels)

    def _ends(self, p: Interval) -> list[str]:
        """Weakest and strongest star over a box of p-values, whose ends bound every star within."""
        return [stars(end, self.levels) for end in (p.high, p.low)]

    def given(self, p: Interval) -> str:
        """The stars of a box of p-values in words."""
        return " or ".join(dict.fromkeys(star or "no star" for star in self._ends(p)))

    def whole(self, star: str, p: Interval) -> bool:
        """Whether a star holds over the whole of a box of p-values."""
        return self._ends(p) == [star, star]

    def part(self, star: str, p: Interval) -> bool:
        """Whether a star holds over part of a box of p-values."""
        weakest, strongest = (self.symbols.index(end) for end in self._ends(p))
        return weakest <= self.symbols.index(star) <= strongest

    def condition(self, star: str, statistic: Interval, edge: Callable[[float], float]) -> str:
        """For which part of a box of statistics a star holds, e.g. ``"at least 1.656 and below 2.354"``."""
        rank, conditions = self.symbols.index(star), []
        if rank > 0 and edge(self.levels[star]) > statistic.low:
            conditions.append(f"at least {number(edge(self.levels[star]))}")
        for stronger in self.symbols[rank + 1 : rank + 2]:
            if edge(self.levels[stronger]) <= statistic.high:
                conditions.append(f"below {number(edge(self.levels[stronger]))}")
        return " and ".join(conditions)


def convention_of(table: Printed) -> Convention | None:
    """Read what the stars mean from ``attrs["significance"]``; `None` where it is not stated."""
    stated = table.mapping("significance")
    if not stated:
        return None
    levels = stated.get("levels", {})
    convention = Convention(stated.get("tails", 2), dict(levels) if isinstance(levels, Mapping) else {})
    if (
        convention.tails not in (1, 2)
        or not convention.levels
        or not all(isinstance(x, float) and 0 < x < 0.5 for x in convention.levels.values())
        or not all(isinstance(symbol, str) and symbol.strip() for symbol in convention.levels)
    ):
        expected = "tails 1 or 2 and levels such as {'*': 0.05}, each between 0 and 0.5"
        raise table.wrong_property("significance", stated, expected)
    if len(set(convention.levels.values())) < len(convention.levels):
        raise table.wrong_property(
            "significance", dict(convention.levels), "a level of its own for each symbol"
        )
    return convention


@dataclass(frozen=True)
class Starred:
    """A printed star beside the box of sizes of its ratio; `df` is `None` where it is not known."""

    star: str
    size: Interval
    df: float | None

    @property
    def reference(self) -> float:
        """Degrees of freedom of the distribution that the star is held against first."""
        return math.inf if self.df is None else self.df

    def possible(self, convention: Convention) -> bool:
        """Whether some ratio of the box gives the star."""
        return convention.part(self.star, p_box(self.size, self.reference, convention.tails))

    def verdict(self, convention: Convention) -> str:
        """Whether the star can stand, by t where `df` is known, else by the normal distribution."""
        tails, star = convention.tails, self.star
        known, normal = (p_box(self.size, df, tails) for df in (self.reference, math.inf))

        def condition(df: float) -> str:
            part = convention.condition(star, self.size, lambda p: critical(p, df, tails))
            return f"the unrounded |b/s.e.| is {part}"

        reason = (
            "N is large, as no N is printed"
            if self.df is None
            else f"the normal distribution is the reference (t with {self.df:g} df gives {convention.given(known)})"
        )
        return judge(
            self.df is not None and convention.whole(star, known),
            (self.df is not None and convention.part(star, known), condition(self.reference)),
            (convention.whole(star, normal), reason),
            (convention.part(star, normal), f"{reason} and {condition(math.inf)}"),
        )

    def other_tails(self, convention: Convention) -> str:
        """Whether the other number of tails would explain a star that the stated one does not."""
        other = convention.other
        levels = f"{TAILS[other.tails]} levels"
        if self.possible(other):
            return f"{levels} would give the printed star"
        given = other.given(p_box(self.size, self.reference, other.tails))
        return f"{levels} do not explain it: they give {given}"


def check_star(where: str, starred: Starred, convention: Convention, printed: str, words: str) -> Check:
    """Whether one star can stand beside its ratio."""
    verdict = starred.verdict(convention)
    if verdict == INCONSISTENT:
        words += f"; {starred.other_tails(convention)}"
    return Check("star against b/s.e.", where, printed, words, verdict)


def check_tails(where: str, starred: Sequence[Starred], convention: Convention) -> list[Check]:
    """Whether the printed stars as a whole speak for the stated tails or for the other ones."""
    if not starred:
        return []
    stated, other = (sum(one.possible(tried) for one in starred) for tried in (convention, convention.other))
    own, others = TAILS[convention.tails], TAILS[3 - convention.tails]
    words = f"{stated} of {len(starred)} stars are possible under {own} levels, {other} under {others} ones"
    verdict = judge(stated >= other, (other == len(starred), f"the levels are {others}"))
    return [Check("tails of the stars", where, f"{own} levels", words, verdict)]
