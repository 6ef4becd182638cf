"""Checks on nested models: what added terms do to R², against their t and against the text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping

import pandas as pd

from ...errors import DataError
from ..numbers import Printed
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    box,
    either,
    file_of,
    locator_of,
    number,
    only_if,
    probability_span,
    span,
)
from .printed_models import Coefficient, Fit
from .pvalues import upper_f


def nested_pairs(fits: Mapping[str, Fit]) -> list[tuple[Fit, Fit]]:
    """All pairs (smaller, larger) of models with printed R² where the larger has all the smaller's terms."""
    return [
        (a, b)
        for a, b in itertools.permutations(fits.values(), 2)
        if set(a.model.slopes) < set(b.model.slopes)
        and a.model.constant == b.model.constant
        and a.r2 is not None
        and b.r2 is not None
    ]


def f_of_addition(smaller: Interval, larger: Interval, added: int, df: int) -> Interval:
    """Classical F of the terms by which the larger of two nested models exceeds the smaller.

    ``((R²_larger - R²_smaller) / added) / ((1 - R²_larger) / df)`` rises with the larger R² and falls with
    the smaller one, so its extremes lie at two corners of the box.

    Parameters
    ----------
    smaller, larger : Interval
        Boxes of the two R².
    added : int
        Number of added terms.
    df : int
        Residual degrees of freedom of the larger model.

    Returns
    -------
    Interval

    Examples
    --------
    >>> low, high = f_of_addition(Interval(0.115, 0.125), Interval(0.135, 0.145), added=1, df=137)
    >>> round(low, 2), round(high, 2)
    (1.58, 4.81)
    """

    def f(r2_small: float, r2_large: float) -> float:
        gain = max(r2_large - r2_small, 0.0)
        if r2_large >= 1:
            return math.inf if gain > 0 else 0.0
        return (gain / added) / ((1 - r2_large) / df)

    return Interval(f(smaller.high, larger.low), f(smaller.low, larger.high))


def _gain(smaller: Fit, larger: Fit) -> Interval:
    """Box of the difference of two R²; rising in one and falling in the other, so corners again."""
    return Interval(larger.r2_box.low - smaller.r2_box.high, larger.r2_box.high - smaller.r2_box.low)


def _r2_decimals(*fits: Fit) -> int:
    return max(fit.r2.decimals for fit in fits if fit.r2 is not None)


def _gain_words(smaller: Fit, larger: Fit) -> str:
    assert smaller.r2 is not None and larger.r2 is not None
    decimals, gain = _r2_decimals(smaller, larger), _gain(smaller, larger)
    value = number(larger.r2.value - smaller.r2.value, decimals)
    return f"R² added {value} ({number(gain.low, decimals + 1)} to {number(gain.high, decimals + 1)})"


def _pair_words(smaller: Fit, larger: Fit) -> str:
    assert smaller.r2 is not None and larger.r2 is not None
    return f"R² {smaller.r2.text} (N = {smaller.model.n}) and {larger.r2.text} (N = {larger.model.n})"


def _added_terms(smaller: Fit, larger: Fit) -> list[str]:
    return [term for term in larger.model.slopes if term not in smaller.model.slopes]


def check_addition(where: str, smaller: Fit, larger: Fit) -> list[Check]:
    """R² cannot fall when terms are added on the same cases; with p of the addition beside."""
    if smaller.model.n != larger.model.n:
        return []
    added = len(_added_terms(smaller, larger))
    words = _gain_words(smaller, larger)
    if larger.model.df is not None:
        f = f_of_addition(smaller.r2_box, larger.r2_box, added, larger.model.df)
        p = Interval(*(upper_f(end, added, larger.model.df) for end in reversed(f)))
        words += f"; classical F {span(f, 2)} with {added} and {larger.model.df} df, "
        words += f"p {probability_span(p)}"
        if added == 1:
            half = Interval(p.low / 2, p.high / 2)
            words += f" two-tailed, {probability_span(half)} one-tailed"
    gain = _gain(smaller, larger)
    return [
        Check(
            "R² does not fall when terms are added",
            where,
            _pair_words(smaller, larger),
            words,
            either(gain.high >= 0),
        )
    ]


def _robust_ratio(classical: Interval, printed: Interval) -> Interval:
    """Robust over classical s.e.: the classical |t| over the printed one; corners, as for any ratio."""
    return Interval(
        classical.low / printed.high if printed.high > 0 else math.inf,
        classical.high / printed.low if printed.low > 0 else math.inf,
    )


def _base_r2_from_t(larger: Fit, t: Interval, df: int) -> Interval:
    """Solve for the smaller model's R² that a classical |t| of the one added term implies.

    ``R²_larger - t² (1 - R²_larger) / df`` rises with the larger R² and falls with ``|t|``: corners.
    """
    low, high = larger.r2_box
    return Interval(low - t.high**2 * (1 - low) / df, high - t.low**2 * (1 - high) / df)


def check_added_t(where: str, smaller: Fit, larger: Fit, robust: bool) -> list[Check]:
    """For one added term, t² is the F of the addition when standard errors are classical."""
    terms = _added_terms(smaller, larger)
    coefficient = larger.model.slopes[terms[0]]
    df = larger.model.df
    if len(terms) != 1 or coefficient is None or df is None or coefficient.se.value < 0:
        return []
    f = f_of_addition(smaller.r2_box, larger.r2_box, 1, df)
    classical = Interval(math.sqrt(f.low), math.sqrt(f.high))
    words = f"{_gain_words(smaller, larger)}; classical |t| of {terms[0]} {span(classical, 2)}"
    kind = "robust" if robust else "classical"
    printed = f"{_pair_words(smaller, larger)}; {kind} t {_t_words(coefficient)}"
    verdict = _added_t_verdict(smaller, larger, coefficient, classical, robust)
    return [Check("R² added against t of the added term", where, printed, words, verdict)]


def _t_words(coefficient: Coefficient) -> str:
    return f"{coefficient.estimate.text}/{coefficient.se.text} = {number(coefficient.ratio)}"


def _added_t_verdict(
    smaller: Fit, larger: Fit, coefficient: Coefficient, classical: Interval, robust: bool
) -> str:
    printed = coefficient.size_box
    if classical.meets(printed):
        return CONSISTENT
    ways = []
    if robust:
        ratio = _robust_ratio(classical, printed)
        ways.append(f"the robust s.e. is {span(ratio, 2)} times the classical one")
    if smaller.model.n != larger.model.n and larger.model.df is not None:
        base = _base_r2_from_t(larger, printed, larger.model.df)
        if base.high >= 0:
            base_words = _base_words(smaller, larger, Interval(max(base.low, 0.0), base.high))
            ways.append(f"with equal s.e. {base_words}" if robust else base_words)
    return only_if(", or ".join(ways)) if ways else INCONSISTENT


def _base_words(smaller: Fit, larger: Fit, base: Interval) -> str:
    decimals = _r2_decimals(smaller, larger) + 1
    return (
        f"the R² of Model {smaller.model.number} on the N = {larger.model.n} cases is {span(base, decimals)}"
    )


def check_reported_addition(
    name: str, table: pd.DataFrame, fits: Mapping[str, Fit], reported: Mapping[str, object]
) -> list[Check]:
    """Compare the addition told in the text with the difference of the two printed R².

    The told value may be text, which keeps a trailing zero (``"0.30"``) and with it the rounding.
    """
    try:
        smaller, larger = fits[str(reported["smaller"])], fits[str(reported["larger"])]
        told = Printed(str(reported["value"]))
    except (KeyError, TypeError, DataError) as problem:
        raise DataError(
            f"{file_of(name, table)}, property 'added_r2_reported': found {reported!r}, "
            "expected smaller and larger (models of the table of fit) and value, e.g. 0.02"
        ) from problem
    if smaller.r2 is None or larger.r2 is None:
        return []
    words = _gain_words(smaller, larger)
    verdict = CONSISTENT
    if not _gain(smaller, larger).meets(box(told)):
        base = Interval(larger.r2_box.low - told.high, larger.r2_box.high - told.low)
        explained = smaller.model.n != larger.model.n and base.high >= 0
        base = Interval(max(base.low, 0.0), base.high)
        verdict = only_if(_base_words(smaller, larger, base)) if explained else INCONSISTENT
        words += _other_base(fits.values(), smaller, larger, told)
    return [
        Check(
            "R² added as told in the text",
            str(reported.get("locator") or locator_of(name, table)),
            f"{told.text}, from {_pair_words(smaller, larger)}",
            words,
            verdict,
        )
    ]


def _other_base(fits: Iterable[Fit], smaller: Fit, larger: Fit, told: Printed) -> str:
    """Which further model, nested or not, has the R² that the told addition starts from."""
    words = ""
    for fit in fits:
        if fit is smaller or fit is larger or fit.r2 is None:
            continue
        if _gain(fit, larger).meets(box(told)):
            nested = set(fit.model.slopes) < set(larger.model.slopes)
            words += (
                f"; the R² of Model {fit.model.number} ({fit.r2.text}), which is {'' if nested else 'not '}"
                f"nested in Model {larger.model.number}, would give the told addition"
            )
    return words
