"""What every check of the audit shares: its row and verdict, intervals of printed numbers, and numbers in words."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..intervals import Interval

CONSISTENT = "consistent"
INCONSISTENT = "inconsistent"


class Check(NamedTuple):
    """One row of the audit, all in words."""

    check: str
    locator: str
    printed: str
    recomputed: str
    verdict: str


def judge(holds: bool, *unless: tuple[bool, str]) -> str:
    """`consistent` where the claim holds, else the first condition under which it would, else `inconsistent`."""
    if holds:
        return CONSISTENT
    return next((f"only if {condition}" for would_hold, condition in unless if would_hold), INCONSISTENT)


# ---- numbers in words -----------------------------------------------------------------------------------


def number(x: float, decimals: int = 3) -> str:
    """Word a number the way such tables print it, without the zero before the point; nothing where there is none."""
    if math.isnan(x):
        return ""
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


def span(interval: Interval, decimals: int = 3, *, value: float = math.nan) -> str:
    """Word an interval, behind its value where that is known and reads differently."""
    return _span_words(*(number(x, decimals) for x in (*interval, value)))


def probability_span(interval: Interval, p: float = math.nan) -> str:
    """Word an interval of p-values, behind its value where that is known and reads differently."""
    return _span_words(*(probability(x) for x in (*interval, p)))


def _span_words(low: str, high: str, value: str) -> str:
    around = low if low == high else f"{low} to {high}"
    return around if value in ("", around) else f"{value} ({around})"
