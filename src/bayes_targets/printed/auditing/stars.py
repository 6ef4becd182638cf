"""What a star can mean: the level of each symbol, and over how much of a box of ratios the printed one holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...errors import DataError
from ...readers.schema import file_of
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    critical_ratio,
    mapping_property,
    number,
    only_if,
    p_value,
    stars,
)

TAILS = {1: "one-tailed", 2: "two-tailed"}


@dataclass(frozen=True)
class Convention:
    """What a star means in one table: tails of the test, and the level of each symbol."""

    tails: int
    levels: Mapping[str, float]

    @property
    def symbols(self) -> list[str]:
        """From no star to the strongest one."""
        return ["", *sorted(self.levels, key=lambda symbol: -self.levels[symbol])]

    def other(self) -> Convention:
        """Return the same levels with the other number of tails."""
        return Convention(3 - self.tails, self.levels)


def convention_of(name: str, table: pd.DataFrame) -> Convention | None:
    """Read what the stars mean from ``attrs["significance"]``; `None` where it is not stated."""
    stated = mapping_property(name, table, "significance")
    if not stated:
        return None
    levels_stated = stated.get("levels", {})
    if not isinstance(levels_stated, Mapping):
        levels_stated = {}
    convention = Convention(stated.get("tails", 2), dict(levels_stated))
    levels = convention.levels.values()
    if (
        convention.tails not in (1, 2)
        or not convention.levels
        or not all(isinstance(x, float) and 0 < x < 0.5 for x in levels)
        or not all(isinstance(symbol, str) and symbol.strip() for symbol in convention.levels)
    ):
        raise DataError(
            f"{file_of(name, table)}, property 'significance': found {stated!r}, "
            "expected tails 1 or 2 and levels such as {'*': 0.05}, each between 0 and 0.5"
        )
    if len(set(levels)) < len(convention.levels):
        raise DataError(
            f"{file_of(name, table)}, property 'significance': found {dict(convention.levels)!r}, "
            "expected a level of its own for each symbol"
        )
    return convention


def star_condition(
    star: str, statistic: Interval, convention: Convention, edge: Callable[[float], float]
) -> str:
    """Say for which part of a box of statistics a star holds, e.g. ``"at least 1.656 and below 2.354"``."""
    symbols = convention.symbols
    rank = symbols.index(star)
    conditions = []
    if rank > 0 and edge(convention.levels[star]) > statistic.low:
        conditions.append(f"at least {number(edge(convention.levels[star]))}")
    if rank + 1 < len(symbols) and edge(convention.levels[symbols[rank + 1]]) <= statistic.high:
        conditions.append(f"below {number(edge(convention.levels[symbols[rank + 1]]))}")
    return " and ".join(conditions)


def star_range(size: Interval, df: float | None, convention: Convention) -> tuple[str, str]:
    """Weakest and strongest star over a box of ratios.

    A p-value falls as the ratio grows, so the two ends of the box bound every star within.
    """
    ends = [stars(p_value(t, df, convention.tails), convention.levels) for t in size]
    return ends[0], ends[1]


def _agreement(star: str, size: Interval, df: float | None, convention: Convention) -> str:
    """Over how much of the box the printed star holds: ``"whole"``, ``"part"`` or ``"none"``."""
    weakest, strongest = (convention.symbols.index(s) for s in star_range(size, df, convention))
    printed = convention.symbols.index(star)
    if weakest == printed == strongest:
        return "whole"
    return "part" if weakest <= printed <= strongest else "none"


def _ratio_condition(star: str, size: Interval, df: float | None, convention: Convention) -> str:
    condition = star_condition(star, size, convention, lambda p: critical_ratio(p, df, convention.tails))
    return f"the unrounded |b/s.e.| is {condition}"


def _given(size: Interval, df: float | None, convention: Convention) -> str:
    return " or ".join(dict.fromkeys(star or "no star" for star in star_range(size, df, convention)))


def star_verdict(star: str, size: Interval, df: float | None, convention: Convention) -> str:
    """Whether a star can stand beside a box of ratios, by t where `df` is known, else by the normal distribution."""
    if df is not None:
        held = _agreement(star, size, df, convention)
        if held == "whole":
            return CONSISTENT
        if held == "part":
            return only_if(_ratio_condition(star, size, df, convention))
    held = _agreement(star, size, None, convention)
    if held == "none":
        return INCONSISTENT
    if df is None:
        reason = "N is large, as no N is printed"
    else:
        given = _given(size, df, convention)
        reason = f"the normal distribution is the reference (t with {df:g} df gives {given})"
    if held == "part":
        reason += f" and {_ratio_condition(star, size, None, convention)}"
    return only_if(reason)


def other_tails(star: str, size: Interval, df: float | None, convention: Convention) -> str:
    """Whether the other number of tails would explain a star that the stated one does not."""
    other = convention.other()
    levels = f"{TAILS[other.tails]} levels"
    if _agreement(star, size, df, other) != "none":
        return f"{levels} would give the printed star"
    return f"{levels} do not explain it: they give {_given(size, df, other)}"


def check_tails(
    where: str, pairs: Sequence[tuple[str, Interval, float | None]], convention: Convention
) -> list[Check]:
    """Whether the printed stars as a whole speak for the stated tails or for the other ones."""
    if not pairs:
        return []
    stated, other = (
        sum(_agreement(star, size, df, tried) != "none" for star, size, df in pairs)
        for tried in (convention, convention.other())
    )
    own, others = TAILS[convention.tails], TAILS[3 - convention.tails]
    words = f"{stated} of {len(pairs)} stars are possible under {own} levels, {other} under {others} ones"
    verdict = INCONSISTENT
    if stated >= other:
        verdict = CONSISTENT
    elif other == len(pairs):
        verdict = only_if(f"the levels are {others}")
    return [Check("tails of the stars", where, f"{own} levels", words, verdict)]
