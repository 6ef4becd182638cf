"""Checks on the foot of a regression table: F, R² and N against the coefficients, and what added terms do to R²."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...errors import DataError
from ...readers.cells import Number, plain_decimal
from ..intervals import Interval, box
from ..table import Printed, Tables
from .findings import Check, judge, number, probability_span, span
from .regression import Fit, read_fits, read_models
from .stars import Convention, convention_of


def upper_f(f: float, df1: int, df2: int) -> float:
    """Probability that a classical F with `df1` and `df2` degrees of freedom is at least `f`."""
    from scipy.special import fdtrc

    return 0.0 if math.isinf(f) else float(fdtrc(df1, df2, f))


def critical_f(p: float, df1: int, df2: int) -> float:
    """F that `upper_f` takes to `p`."""
    from scipy.special import fdtri

    return float(fdtri(df1, df2, 1 - p))


def f_from_r2(r2: float, terms: int, df: int) -> float:
    """Classical F of a regression: ``(R² / terms) / ((1 - R²) / df)``, infinite for R² = 1."""
    return math.inf if r2 >= 1 else (r2 / terms) / ((1 - r2) / df)


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


@dataclass(frozen=True)
class _Pair:
    """Two models with known R², and what the larger one's R² has more than the smaller one's."""

    smaller: Fit
    larger: Fit

    @property
    def same_cases(self) -> bool:
        return self.smaller.model.n == self.larger.model.n

    @property
    def nested(self) -> bool:
        """Whether the larger model has all terms of the smaller one, and more."""
        return set(self.smaller.model.slopes) < set(self.larger.model.slopes)

    @property
    def added(self) -> list[str]:
        return [term for term in self.larger.model.slopes if term not in self.smaller.model.slopes]

    @property
    def r2(self) -> tuple[Number, Number]:
        """Both R² as printed."""
        assert self.smaller.r2 is not None and self.larger.r2 is not None
        return self.smaller.r2, self.larger.r2

    @property
    def decimals(self) -> int:
        return max(r2.decimals for r2 in self.r2)

    @property
    def gain(self) -> Interval:
        """Box of the difference of both R²; rising in one and falling in the other, so that corners are its ends."""
        small, large = self.smaller.r2_box, self.larger.r2_box
        return Interval(large.low - small.high, large.high - small.low)

    @property
    def gain_words(self) -> str:
        small, large = self.r2
        value = number(self.larger.plain_r2(large.value) - self.smaller.plain_r2(small.value), self.decimals)
        low, high = (number(end, self.decimals + 1) for end in self.gain)
        return f"R² added {value} ({low} to {high})"

    @property
    def printed(self) -> str:
        small, large = self.r2
        name, cases = self.smaller.r2_name, (self.smaller.model.n, self.larger.model.n)
        return f"{name} {small.text} (N = {cases[0]}) and {large.text} (N = {cases[1]})"

    def base_words(self, base: Interval) -> str:
        """The R² that the smaller model would need on the cases of the larger one."""
        needed = span(Interval(max(0.0, base.low), base.high), self.decimals + 1)
        return (
            f"the R² of Model {self.smaller.model.number} on the N = {self.larger.model.n} cases is {needed}"
        )


def check_regression_fit(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"regression_fit"``."""
    table = Printed.checked(name, tables)
    regression = str(table.attr("regression"))
    if regression not in tables:
        raise table.wrong_property("regression", regression, "the name of a table")
    fits = read_fits(table, read_models(regression, tables))
    coefficients = Printed.checked(regression, tables)
    convention = convention_of(coefficients)
    robust = coefficients.attr("standard_errors") != "classical"
    checks = []
    for fit in fits.values():
        where = table.where(f"Model {fit.model.number}")
        checks += _check_r2(where, fit)
        checks += _check_f(where, fit, robust)
        # A table that stars none of its F's leaves them unstarred by convention.
        if convention is not None and any(other.f_star for other in fits.values()):
            checks += _check_f_star(where, fit, convention)
    for smaller, larger in itertools.permutations(fits.values(), 2):
        pair = _Pair(smaller, larger)
        same_constant = smaller.model.constant == larger.model.constant
        if pair.nested and same_constant and smaller.r2_known and larger.r2_known:
            where = table.where(f"Model {smaller.model.number} to Model {larger.model.number}")
            checks += _check_addition(where, pair)
            checks += _check_added_t(where, pair, robust)
    for reported in coefficients.listed("added_r2_reported"):
        checks += _check_reported_addition(coefficients, fits, reported)
    return checks


def _check_addition(where: str, pair: _Pair) -> list[Check]:
    """R² cannot fall when terms are added on the same cases; with p of the addition beside."""
    if not pair.same_cases:
        return []
    added, df = len(pair.added), pair.larger.model.df
    words = pair.gain_words
    if df is not None:
        f = f_of_addition(pair.smaller.r2_box, pair.larger.r2_box, added, df)
        p = f.falling(lambda end: upper_f(end, added, df))
        words += f"; classical F {span(f, 2)} with {added} and {df} df, p {probability_span(p)}"
        if added == 1:
            half = p.rising(lambda end: end / 2)
            words += f" two-tailed, {probability_span(half)} one-tailed"
    check = "R² does not fall when terms are added"
    return [Check(check, where, pair.printed, words, judge(pair.gain.high >= 0))]


def _check_added_t(where: str, pair: _Pair, robust: bool) -> list[Check]:
    """For one added term, t² is the F of the addition when standard errors are classical."""
    term, df = pair.added[0], pair.larger.model.df
    coefficient = pair.larger.model.slopes[term]
    if len(pair.added) != 1 or coefficient is None or df is None or coefficient.se.value < 0:
        return []
    classical = f_of_addition(pair.smaller.r2_box, pair.larger.r2_box, 1, df).rising(math.sqrt)
    t = coefficient.size_box
    ways = []
    if robust:
        times = Interval(
            classical.low / t.high if t.high > 0 else math.inf,
            classical.high / t.low if t.low > 0 else math.inf,
        )
        ways.append(f"the robust s.e. is {span(times, 2)} times the classical one")
    # R² of the smaller model that a classical t implies: R² - t² (1 - R²) / df rises with the larger R² and falls with t.
    low, high = pair.larger.r2_box
    base = Interval(low - t.high**2 * (1 - low) / df, high - t.low**2 * (1 - high) / df)
    if not pair.same_cases and base.high >= 0:
        ways.append(f"{'with equal s.e. ' if robust else ''}{pair.base_words(base)}")
    words = f"{pair.gain_words}; classical |t| of {term} {span(classical, 2)}"
    ratio = f"{coefficient.estimate.text}/{coefficient.se.text} = {number(coefficient.ratio)}"
    printed = f"{pair.printed}; {'robust' if robust else 'classical'} t {ratio}"
    verdict = judge(classical.meets(t), (bool(ways), ", or ".join(ways)))
    return [Check("R² added against t of the added term", where, printed, words, verdict)]


def _check_reported_addition(
    table: Printed, fits: Mapping[str, Fit], reported: Mapping[str, object]
) -> list[Check]:
    """Compare the addition told in the text with the difference of the two printed R².

    The told value may be text, which keeps a trailing zero (``"0.30"``) and with it the rounding.
    """
    try:
        pair = _Pair(fits[str(reported["smaller"])], fits[str(reported["larger"])])
        told = plain_decimal(str(reported["value"]))
    except (KeyError, TypeError, DataError) as problem:
        expected = "smaller and larger (models of the table of fit) and value, e.g. 0.02"
        raise table.wrong_property("added_r2_reported", reported, expected) from problem
    if not (pair.smaller.r2_known and pair.larger.r2_known):
        return []
    holds, words = pair.gain.meets(box(told)), pair.gain_words
    if not holds:
        words += _other_base(fits.values(), pair, told)
    large = pair.larger.r2_box
    base = Interval(large.low - told.high, large.high - told.low)
    verdict = judge(holds, (not pair.same_cases and base.high >= 0, pair.base_words(base)))
    where = str(reported.get("locator") or table.where())
    printed = f"{told.text}, from {pair.printed}"
    return [Check("R² added as told in the text", where, printed, words, verdict)]


def _other_base(fits: Iterable[Fit], pair: _Pair, told: Number) -> str:
    """Which further model, nested or not, has the R² that the told addition starts from."""
    words = ""
    for fit in fits:
        other = _Pair(fit, pair.larger)
        if fit is pair.smaller or fit is pair.larger or not fit.r2_known or not other.gain.meets(box(told)):
            continue
        words += (
            f"; the R² of Model {fit.model.number} ({other.r2[0].text}), which is {'' if other.nested else 'not '}"
            f"nested in Model {pair.larger.model.number}, would give the told addition"
        )
    return words


def _check_r2(where: str, fit: Fit) -> list[Check]:
    if fit.r2 is None:
        return []
    # An adjusted R² may lie below 0, as far as a plain one of 0 takes it.
    unknown = fit.adjusted and not fit.r2_known
    possible = fit.r2.low <= 1 and (unknown or fit.plain_r2(fit.r2.high) >= 0)
    low, high = (number(end, fit.r2.decimals + 1) for end in (fit.r2.low, fit.r2.high))
    words = f"{fit.r2_name} between {low} and {high} unrounded"
    return [Check("R² between 0 and 1", where, fit.r2.text, words, judge(possible))]


def _check_f(where: str, fit: Fit, robust: bool) -> list[Check]:
    """F from R², N and the number of terms; it rises with R², so the ends of R²'s box are its extremes."""
    df, terms = fit.model.df, len(fit.model.slopes)
    if fit.f is None or fit.r2 is None or df is None or terms == 0:
        return []
    implied = fit.r2_box.rising(lambda r2: f_from_r2(r2, terms, df))
    classical = f_from_r2(min(max(fit.plain_r2(fit.r2.value), 0.0), 1.0), terms, df)
    printed = f"F {fit.f.text}, {fit.r2_name} {fit.r2.text}, N = {fit.model.n}"
    words = f"classical F = {number(classical, 2)} ({span(implied, 2)}), F with {terms} and {df} df"
    verdict = judge(implied.meets(box(fit.f, 0.0)), (robust, "the F is a robust (Wald) statistic"))
    return [Check("F against R², N and number of terms", where, printed, words, verdict)]


def _check_f_star(where: str, fit: Fit, convention: Convention) -> list[Check]:
    """Compare the star of F with its p, which falls as F grows."""
    df, terms, star = fit.model.df, len(fit.model.slopes), fit.f_star
    if fit.f is None or df is None or terms == 0:
        return []
    if star not in convention.symbols:
        known = " ".join(convention.levels)
        raise DataError(f"{where}: found star {star!r} of F, expected one of {known} or a blank")
    f = box(fit.f, 0.0)
    p = f.falling(lambda end: upper_f(end, terms, df))
    condition = convention.condition(star, f, lambda level: critical_f(level, terms, df))
    verdict = judge(convention.whole(star, p), (convention.part(star, p), f"the unrounded F is {condition}"))
    words = f"p {probability_span(p)}, F with {terms} and {df} df: {convention.given(p)}"
    return [Check("star of F", where, f"{fit.f.text}{star}", words, verdict)]
