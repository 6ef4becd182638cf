"""Checks on printed coefficients: the star that each ratio of estimate to standard error can carry."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ...errors import DataError, cell_message
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    Tables,
    file_of,
    locator_of,
    only_if,
    probability,
    probability_with_span,
    with_span,
)
from .printed_models import Coefficient, Convention, PrintedModel, convention_of, read_models, star_condition
from .pvalues import critical_ratio, p_value, stars


def check_regression(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"regression"``: a row a coefficient, then one for the tails.

    A term may stand in some models only. A one-tailed test is taken to have foretold the sign that came out,
    so that the star depends on the size of the ratio alone.

    Parameters
    ----------
    name : str
        Name of the table.
    tables : mapping of str to DataFrame
        See `read_models`; ``attrs["significance"]`` tells tails and levels, and without it only standard
        errors are checked.

    Returns
    -------
    list of Check
    """
    table = tables[name]
    convention = convention_of(name, table)
    models = read_models(name, tables)
    checks = []
    for model in models.values():
        for coefficient in model.coefficients:
            where = locator_of(name, table, f"Model {model.number}, {coefficient.term}")
            if coefficient.se.value < 0:
                checks.append(_negative_se(where, coefficient))
            elif convention is not None:
                _require_known_star(name, table, coefficient, convention)
                checks.append(_check_star(where, coefficient, model.df, convention))
    if convention is not None:
        checks += _check_tails(locator_of(name, table), models, convention)
    return checks


def _negative_se(where: str, coefficient: Coefficient) -> Check:
    return Check(
        "standard error is positive",
        where,
        coefficient.se.text,
        "a standard error cannot be negative",
        INCONSISTENT,
    )


def _require_known_star(
    name: str, table: pd.DataFrame, coefficient: Coefficient, convention: Convention
) -> None:
    if coefficient.star not in convention.symbols:
        known = " ".join(convention.levels)
        raise DataError(
            cell_message(
                file=f"{file_of(name, table)}, term {coefficient.term!r}",
                column="star",
                value=coefficient.star,
                expected=f"one of the table's symbols ({known}) or a blank",
            )
        )


def star_range(size: Interval, df: float | None, convention: Convention) -> tuple[str, str]:
    """Weakest and strongest star over a box of ratios.

    A p-value falls as the ratio grows, so the two ends of the box bound every star within.

    Parameters
    ----------
    size : Interval
        Sizes of the ratio.
    df : float or None
        Of Student's t; `None` for the normal.
    convention : Convention

    Returns
    -------
    tuple of str
        ``(weakest, strongest)``.
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


def _star_words(star: str) -> str:
    return star or "no star"


def _star_verdict(star: str, size: Interval, df: int | None, convention: Convention) -> str:
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
        given = " or ".join(dict.fromkeys(_star_words(s) for s in star_range(size, df, convention)))
        reason = f"the normal distribution is the reference (t with {df} df gives {given})"
    if held == "part":
        reason += f" and {_ratio_condition(star, size, None, convention)}"
    return only_if(reason)


_TAIL_WORDS = {1: "one-tailed", 2: "two-tailed"}


def _p_words(coefficient: Coefficient, df: int | None, tails: int) -> str:
    """Word the p-value and its box; p falls as the ratio grows, so the ends of the box swap."""
    size = coefficient.size_box
    p_box = Interval(p_value(size.high, df, tails), p_value(size.low, df, tails))
    p = p_value(coefficient.ratio, df, tails)
    return f"{_TAIL_WORDS[tails]} p = {probability_with_span(p, p_box)}".replace("= <", "<")


def _check_star(where: str, coefficient: Coefficient, df: int | None, convention: Convention) -> Check:
    size, tails = coefficient.size_box, convention.tails
    words = [f"t = {with_span(coefficient.ratio, coefficient.ratio_box)}"]
    if df is None:
        words.append(f"{_p_words(coefficient, None, tails)}, normal")
    else:
        normal = probability(p_value(coefficient.ratio, None, tails))
        words += [f"{_p_words(coefficient, df, tails)}, t with {df} df", f"normal {normal}"]
    words.append(_p_words(coefficient, df, 3 - tails))
    verdict = _star_verdict(coefficient.star, size, df, convention)
    if verdict == INCONSISTENT:
        words.append(_other_tails(coefficient.star, size, df, convention))
    printed = f"{coefficient.estimate.text}{coefficient.star} ({coefficient.se.text})"
    return Check("star against b/s.e.", where, printed, "; ".join(words), verdict)


def _other_tails(star: str, size: Interval, df: int | None, convention: Convention) -> str:
    """Whether the other number of tails would explain a star that the stated one does not."""
    other = convention.other()
    levels = f"{_TAIL_WORDS[other.tails]} levels"
    if _agreement(star, size, df, other) != "none":
        return f"{levels} would give the printed star"
    given = " or ".join(dict.fromkeys(_star_words(s) for s in star_range(size, df, other)))
    return f"{levels} do not explain it: they give {given}"


def _check_tails(where: str, models: Mapping[str, PrintedModel], convention: Convention) -> list[Check]:
    """Whether the printed stars as a whole speak for the stated tails or for the other ones."""
    pairs = [
        (coefficient, model.df)
        for model in models.values()
        for coefficient in model.coefficients
        if coefficient.se.value >= 0
    ]
    if not pairs:
        return []
    agree = {
        c.tails: sum(_agreement(x.star, x.size_box, df, c) != "none" for x, df in pairs)
        for c in (convention, convention.other())
    }
    stated, other = convention.tails, 3 - convention.tails
    if agree[stated] >= agree[other]:
        verdict = CONSISTENT
    elif agree[other] == len(pairs):
        verdict = only_if(f"the levels are {_TAIL_WORDS[other]}")
    else:
        verdict = INCONSISTENT
    return [
        Check(
            "stated tails of the stars",
            where,
            f"{_TAIL_WORDS[stated]} tests",
            f"{agree[stated]} of {len(pairs)} stars are possible under {_TAIL_WORDS[stated]} levels, "
            f"{agree[other]} under {_TAIL_WORDS[other]} ones",
            verdict,
        )
    ]
