"""Shares of whole things: which counts a printed share allows (the GRIM idea), and which rounding made it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import pandas as pd

from ...errors import DataError, cell_message
from ..numbers import Printed
from .findings import Check, either, exact_box, file_of, number, optional_text


def told_box(name: str, table: pd.DataFrame, row: int, printed: Printed) -> tuple[Fraction, Fraction]:
    """Find all values that one told figure stands for.

    Parameters
    ----------
    name : str
        Name of the table.
    table : DataFrame
        Optional columns: ``half_width``, where the figure is told more coarsely than its digits (in its own
        unit), and ``relation``, ``"above"`` or ``"below"`` where only a limit of a percentage is told.
    row : int
    printed : Printed
        The figure.

    Returns
    -------
    tuple of Fraction
        Low and high end; without those columns, the rounding interval.
    """
    figure = Fraction(printed.text)
    relation, half_width = optional_text(table, "relation", row), optional_text(table, "half_width", row)
    if relation == "above":
        return figure, Fraction(100)
    if relation == "below":
        return Fraction(0), figure
    if not half_width:
        return exact_box(printed)
    try:
        return figure - Fraction(half_width), figure + Fraction(half_width)
    except ValueError:
        message = cell_message(
            file=file_of(name, table),
            row=row + 1,
            column="half_width",
            value=half_width,
            expected="a number, in the unit of the figure",
        )
        raise DataError(message) from None


def possible_counts(share: tuple[Fraction, Fraction], base: int, of: int = 1) -> range:
    """List the whole counts out of `base` whose share lies in an exact box.

    Parameters
    ----------
    share : tuple of Fraction
        Low and high end, as from `exact_box`; both count as possible, whichever way a tie is rounded.
    base : int
        Number that the share is of.
    of : int
        What the whole is printed as: 1, or 100 for a percentage.

    Returns
    -------
    range

    Examples
    --------
    >>> list(possible_counts((Fraction("0.565"), Fraction("0.575")), 150))
    [85, 86]
    >>> list(possible_counts((Fraction("52.5"), Fraction("53.5")), 9, of=100))
    []
    """
    low, high = (end * base / of for end in share)
    return range(max(math.ceil(low), 0), min(math.floor(high), base) + 1)


def count_words(counts: range) -> str:
    """Possible counts in words."""
    if not counts:
        return "no whole count"
    return " or ".join(str(k) for k in counts) if len(counts) < 3 else f"{counts[0]} to {counts[-1]}"


def rounding_rules(count: int, total: int, percent: Printed) -> set[str]:
    """Which ways of rounding take ``count / total`` to the printed percentage, in exact arithmetic.

    Returns
    -------
    set of str
        Out of ``"half up"``, ``"half even"`` and ``"cut off"``.

    Examples
    --------
    >>> sorted(rounding_rules(1, 8, Printed("13"))), sorted(rounding_rules(1, 8, Printed("12")))
    (['half up'], ['cut off', 'half even'])
    """
    unit = 10**percent.decimals
    exact = Fraction(100 * count * unit, total)
    printed = Fraction(percent.text) * unit
    rounded = {
        "half up": (2 * exact + 1) // 2,
        "half even": round(exact),
        "cut off": exact // 1,
    }
    return {rule for rule, value in rounded.items() if value == printed}


def check_shares_of_100(
    check: str, where: str, texts: Sequence[str], boxes: Sequence[tuple[Fraction, Fraction]]
) -> Check:
    """Check whether percentages of one whole can add up to 100 before rounding.

    Their sum rises in each of them, so its extremes lie where all are at their low, or all at their high end.

    Parameters
    ----------
    check, where : str
        Name of the check, and locator.
    texts : sequence of str
        The percentages as printed.
    boxes : sequence of tuple of Fraction
        Their exact boxes.

    Returns
    -------
    Check
    """
    low, high = (sum((ends[i] for ends in boxes), Fraction(0)) for i in (0, 1))
    decimals = max(len(text.partition(".")[2]) for text in texts) + 1
    recomputed = f"unrounded sum between {number(float(low), decimals)} and {number(float(high), decimals)}"
    return Check(check, where, " + ".join(texts), recomputed, either(low <= 100 <= high))
