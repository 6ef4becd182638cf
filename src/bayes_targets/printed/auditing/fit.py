"""Checks on the foot of a regression table: F, R² and N against the coefficients, and what added terms do to R²."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping

import pandas as pd

from ...errors import DataError
from ...readers.cells import Number, plain_decimal
from ...readers.schema import check_role, file_of
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    Tables,
    box,
    critical_f,
    either,
    locator_of,
    number,
    only_if,
    probability_span,
    span,
    stars,
    upper_f,
)
from .regression import Coefficient, Fit, read_fits, read_models
from .stars import Convention, convention_of, star_condition


def nested_pairs(fits: Mapping[str, Fit]) -> list[tuple[Fit, Fit]]:
    """All pairs (smaller, larger) of models with printed R² where the larger has all the smaller's terms."""
    return [
        (a, b)
        for a, b in itertools.permutations(fits.values(), 2)
        if set(a.model.slopes) < set(b.model.slopes)
        and a.model.constant == b.model.constant
        and a.r2_known
        and b.r2_known
    ]


def f_of_addition(smaller: Interval, larger: Interval, added: int, df: int) -> Interval:
    """Classical F of the terms by which the larger of two nested models exceeds the smaller.

    ``((R²_larger - R²_smaller) / added) / ((1 - R²_larger) / df)`` rises with the larger R² and falls with
    the smaller one, so its extremes lie at two corners of the box.
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
    value = number(larger.plain_r2(larger.r2.value) - smaller.plain_r2(smaller.r2.value), decimals)
    return f"R² added {value} ({number(gain.low, decimals + 1)} to {number(gain.high, decimals + 1)})"


def _pair_words(smaller: Fit, larger: Fit) -> str:
    assert smaller.r2 is not None and larger.r2 is not None
    return f"{smaller.r2_name} {smaller.r2.text} (N = {smaller.model.n}) and {larger.r2.text} (N = {larger.model.n})"


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
    check, printed = "R² does not fall when terms are added", _pair_words(smaller, larger)
    return [Check(check, where, printed, words, either(_gain(smaller, larger).high >= 0))]


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
        told = plain_decimal(str(reported["value"]))
    except (KeyError, TypeError, DataError) as problem:
        raise DataError(
            f"{file_of(name, table)}, property 'added_r2_reported': found {reported!r}, "
            "expected smaller and larger (models of the table of fit) and value, e.g. 0.02"
        ) from problem
    if not (smaller.r2_known and larger.r2_known):
        return []
    words = _gain_words(smaller, larger)
    verdict = CONSISTENT
    if not _gain(smaller, larger).meets(box(told)):
        base = Interval(larger.r2_box.low - told.high, larger.r2_box.high - told.low)
        explained = smaller.model.n != larger.model.n and base.high >= 0
        base = Interval(max(base.low, 0.0), base.high)
        verdict = only_if(_base_words(smaller, larger, base)) if explained else INCONSISTENT
        words += _other_base(fits.values(), smaller, larger, told)
    where = str(reported.get("locator") or locator_of(name, table))
    printed = f"{told.text}, from {_pair_words(smaller, larger)}"
    return [Check("R² added as told in the text", where, printed, words, verdict)]


def _other_base(fits: Iterable[Fit], smaller: Fit, larger: Fit, told: Number) -> str:
    """Which further model, nested or not, has the R² that the told addition starts from."""
    words = ""
    for fit in fits:
        if fit is smaller or fit is larger or fit.r2 is None or not fit.r2_known:
            continue
        if _gain(fit, larger).meets(box(told)):
            nested = set(fit.model.slopes) < set(larger.model.slopes)
            words += (
                f"; the R² of Model {fit.model.number} ({fit.r2.text}), which is {'' if nested else 'not '}"
                f"nested in Model {larger.model.number}, would give the told addition"
            )
    return words


def f_from_r2(r2: float, terms: int, df: int) -> float:
    """Classical F of a regression: ``(R² / terms) / ((1 - R²) / df)``, infinite for R² = 1."""
    return math.inf if r2 >= 1 else (r2 / terms) / ((1 - r2) / df)


def check_regression_fit(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"regression_fit"``."""
    table = tables[name]
    check_role(name, table)
    regression = str(table.attrs["regression"])
    if regression not in tables:
        raise DataError(
            f"{file_of(name, table)}, property 'regression': found {regression!r}, "
            "expected the name of a table"
        )
    coefficients = tables[regression]
    robust = coefficients.attrs.get("standard_errors") != "classical"
    fits = read_fits(name, table, read_models(regression, tables))
    convention = convention_of(regression, coefficients)
    starred = any(fit.f_star for fit in fits.values())
    checks = []
    for fit in fits.values():
        where = locator_of(name, table, f"Model {fit.model.number}")
        checks += _check_r2(where, fit)
        checks += _check_f(where, fit, robust)
        # A table that stars none of its F's leaves them unstarred by convention.
        if convention is not None and starred:
            checks += _check_f_star(where, fit, convention)
    for smaller, larger in nested_pairs(fits):
        where = locator_of(name, table, f"Model {smaller.model.number} to Model {larger.model.number}")
        checks += check_addition(where, smaller, larger)
        checks += check_added_t(where, smaller, larger, robust)
    for reported in coefficients.attrs.get("added_r2_reported") or []:
        checks += check_reported_addition(regression, coefficients, fits, reported)
    return checks


def _check_r2(where: str, fit: Fit) -> list[Check]:
    if fit.r2 is None:
        return []
    # An adjusted R² may lie below 0, as far as a plain one of 0 takes it.
    possible = fit.plain_r2(fit.r2.high) >= 0 and fit.r2.low <= 1
    if fit.adjusted and not fit.r2_known:
        possible = fit.r2.low <= 1
    low, high = (number(end, fit.r2.decimals + 1) for end in (fit.r2.low, fit.r2.high))
    words = f"{fit.r2_name} between {low} and {high} unrounded"
    return [Check("R² between 0 and 1", where, fit.r2.text, words, either(possible))]


def _check_f(where: str, fit: Fit, robust: bool) -> list[Check]:
    """F from R², N and the number of terms; it rises with R², so the ends of R²'s box are its extremes."""
    df, terms = fit.model.df, len(fit.model.slopes)
    if fit.f is None or fit.r2 is None or df is None or terms == 0:
        return []
    implied = Interval(*(f_from_r2(end, terms, df) for end in fit.r2_box))
    if implied.meets(box(fit.f, 0.0)):
        verdict = CONSISTENT
    else:
        verdict = only_if("the F is a robust (Wald) statistic") if robust else INCONSISTENT
    printed = f"F {fit.f.text}, {fit.r2_name} {fit.r2.text}, N = {fit.model.n}"
    classical = f_from_r2(min(max(fit.plain_r2(fit.r2.value), 0.0), 1.0), terms, df)
    words = f"classical F = {number(classical, 2)} ({span(implied, 2)}), F with {terms} and {df} df"
    return [Check("F against R², N and number of terms", where, printed, words, verdict)]


def _check_f_star(where: str, fit: Fit, convention: Convention) -> list[Check]:
    """Compare the star of F with its p, which falls as F grows: the ends of the box bound every star."""
    df, terms = fit.model.df, len(fit.model.slopes)
    if fit.f is None or df is None or terms == 0:
        return []
    f_box = box(fit.f, 0.0)
    p_box = Interval(upper_f(f_box.high, terms, df), upper_f(f_box.low, terms, df))
    given = {stars(p, convention.levels) for p in p_box}
    ranks = sorted(convention.symbols.index(star) for star in given)
    if fit.f_star not in convention.symbols:
        raise DataError(
            f"{where}: found star {fit.f_star!r} of F, "
            f"expected one of {' '.join(convention.levels)} or a blank"
        )
    if given == {fit.f_star}:
        verdict = CONSISTENT
    elif ranks[0] <= convention.symbols.index(fit.f_star) <= ranks[-1]:
        condition = star_condition(fit.f_star, f_box, convention, lambda p: critical_f(p, terms, df))
        verdict = only_if(f"the unrounded F is {condition}")
    else:
        verdict = INCONSISTENT
    words = f"p {probability_span(p_box)}, F with {terms} and {df} df: "
    words += " or ".join(star or "no star" for star in sorted(given))
    return [Check("star of F", where, f"{fit.f.text}{fit.f_star}", words, verdict)]
