"""Checks on the foot of a regression table: F, R² and N against one another and against the coefficients."""

from __future__ import annotations

import math

from ...errors import DataError
from .additions import check_added_t, check_addition, check_reported_addition, nested_pairs
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    Tables,
    box,
    either,
    file_of,
    locator_of,
    number,
    only_if,
    probability_span,
    require_columns,
    require_property,
    span,
)
from .printed_models import Convention, Fit, convention_of, read_fits, read_models, star_condition
from .pvalues import critical_f, stars, upper_f


def f_from_r2(r2: float, terms: int, df: int) -> float:
    """Classical F of a regression: ``(R² / terms) / ((1 - R²) / df)``, infinite for R² = 1.

    Examples
    --------
    >>> round(f_from_r2(0.12, terms=11, df=138), 2)
    1.71
    """
    return math.inf if r2 >= 1 else (r2 / terms) / ((1 - r2) / df)


def check_regression_fit(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"regression_fit"``.

    Parameters
    ----------
    name : str
        Name of the table.
    tables : mapping of str to DataFrame
        Columns ``model, f, f_star, r2, n``; ``attrs["regression"]`` names the table of coefficients, whose
        attrs ``standard_errors`` (``"robust"`` or ``"classical"``), ``significance`` and
        ``added_r2_reported`` are used.

    Returns
    -------
    list of Check
    """
    table = tables[name]
    require_columns(name, table, ["model", "f_star", "n"], ["f", "r2"])
    regression = str(require_property(name, table, "regression", "name of the table of coefficients"))
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
    possible = fit.r2.high >= 0 and fit.r2.low <= 1
    return [
        Check(
            "R² between 0 and 1",
            where,
            fit.r2.text,
            f"R² between {number(fit.r2.low, fit.r2.decimals + 1)} and "
            f"{number(fit.r2.high, fit.r2.decimals + 1)} unrounded",
            either(possible),
        )
    ]


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
    return [
        Check(
            "F against R², N and number of terms",
            where,
            f"F {fit.f.text}, R² {fit.r2.text}, N = {fit.model.n}",
            f"classical F = {number(f_from_r2(min(max(fit.r2.value, 0.0), 1.0), terms, df), 2)} "
            f"({span(implied, 2)}), F with {terms} and {df} df",
            verdict,
        )
    ]


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
    words = " or ".join(star or "no star" for star in sorted(given))
    return [
        Check(
            "star of F",
            where,
            f"{fit.f.text}{fit.f_star}",
            f"p {probability_span(p_box)}, F with {terms} and {df} df: {words}",
            verdict,
        )
    ]
