"""Alternatives that are not reported, as their posteriors failed the gate or have no exact solution: why, and rows for them.

The answer stands without them, and what is said of alternatives is of the others.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ..errors import was
from .cells import capital

# Names of a sentence; of more, how many they are.
_MOST = 3
# What a check that failed means to a reader, and what would help, by the beginning of the check's name.
_WIDE = ("its posterior has too long a tail to be integrated", "a narrower prior, or more data, would help")
_MIXED = ("its draws do not agree with one another", "more draws would help")
_MEANING = {
    "mass at the edge": _WIDE,
    "change on refinement": ("its posterior is too narrow in places to be integrated", _WIDE[1]),
    "acceptance": ("too few of its draws count", _WIDE[1]),
    "weighted draws": ("too few of its draws count", "more draws would help"),
    "k-hat": _WIDE,
    "log evidence": ("what was observed is next to impossible under it", "another prior would help"),
    **dict.fromkeys(("divergences", "E-BFMI", "R-hat", "bulk ESS", "tail ESS"), _MIXED),
}


def why(failed: str) -> str:
    """A failed gate's message in plain words, with what would help.

    Examples
    --------
    >>> why("the posterior is not reported: R-hat of mu is 1.2 (at most 1.01)")
    'its draws do not agree with one another (R-hat of mu is 1.2, at most 1.01); more draws would help'
    """
    first = failed.removeprefix("the posterior is not reported: ").partition("; ")[0]
    check = first.replace(" (", ", ").rstrip(")")
    for start, (meaning, remedy) in _MEANING.items():
        if first.startswith(start):
            return f"{meaning} ({check}); {remedy}"
    return f"its posterior did not pass the checks ({check})"


def with_lost(frame: pd.DataFrame, lost: Mapping[str, str]) -> pd.DataFrame:
    """A table of alternatives with a row for each that is not reported, which says so and why."""
    if not lost:
        return frame
    rows = frame.reindex([*frame.index, *lost])
    rows.attrs = frame.attrs
    return rows.assign(
        note=["" for _ in frame.index] + [f"Not reported: {reason}." for reason in lost.values()]
    )


def lost_words(lost: Mapping[str, str], tried: int, nouns: str) -> str:
    """How many of so many alternatives are not reported, and why: a sentence, or two."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in lost.items():
        by_reason.setdefault(reason, []).append(name)
    left = tried - len(lost)
    rest = f"what is said of {nouns} is of the other {left}" if left else f"no {nouns} are reported"
    told = "".join(f" {capital(_some(names))}: {reason}." for reason, names in by_reason.items())
    return f"{len(lost)} of {tried} {nouns} {was(len(lost))} left out, so that {rest}.{told}"


def _some(names: list[str]) -> str:
    more = f"; and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return "; ".join(names[:_MOST]) + more
