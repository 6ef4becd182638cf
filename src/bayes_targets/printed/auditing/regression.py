"""A regression table as printed, and checks on the star that each ratio of estimate to standard error can carry."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...errors import DataError, cell_message
from ...readers.cells import Number
from ...readers.schema import check_role, file_of
from .findings import (
    INCONSISTENT,
    Check,
    Interval,
    Tables,
    box,
    count_cell,
    locator_of,
    optional_text,
    p_value,
    printed_cell,
    probability,
    probability_with_span,
    quotient,
    size_of,
    text_cell,
    with_span,
    wrong_cell,
)
from .stars import TAILS, Convention, check_tails, convention_of, other_tails, star_verdict


@dataclass(frozen=True)
class Coefficient:
    """One printed coefficient."""

    term: str
    estimate: Number
    se: Number
    star: str

    @property
    def ratio(self) -> float:
        """Estimate over standard error, both as printed."""
        if self.se.value > 0:
            return self.estimate.value / self.se.value
        return math.copysign(math.inf, self.estimate.value) if self.estimate.value else 0.0

    @property
    def ratio_box(self) -> Interval:
        """All ratios that the two printed numbers allow."""
        return quotient(box(self.estimate), box(self.se))

    @property
    def size_box(self) -> Interval:
        """The same for the size of the ratio."""
        return size_of(self.ratio_box)


@dataclass(frozen=True)
class PrintedModel:
    """The coefficients of one column of a regression table, and the degrees of freedom they leave."""

    number: str
    coefficients: Sequence[Coefficient]
    slopes: Mapping[
        str, Coefficient | None
    ]  # without the constant; None where one of the two numbers is not printed
    constant: bool  # whether the model has one, printed or not
    n: int | None  # cases, where a table of fit prints them

    @property
    def df(self) -> int | None:
        """Residual degrees of freedom: N less the number of terms, the constant included."""
        return None if self.n is None else self.n - len(self.slopes) - self.constant


def read_models(name: str, tables: Tables) -> dict[str, PrintedModel]:
    """Read the models of one regression table, with N from the table of fit that belongs to it."""
    table = tables[name]
    check_role(name, table)
    cases = _cases_by_model(name, tables)
    coefficients: dict[str, dict[str, Coefficient | None]] = {}
    model = ""
    for row in range(len(table)):
        # A model is printed once, above its terms: a blank below belongs to it.
        model = text_cell(table, "model", row) or model
        if not model and any(text_cell(table, "model", below) for below in range(row, len(table))):
            raise wrong_cell(name, table, row, "model", "", "a model, since later rows name one")
        term = text_cell(table, "term", row)
        terms = coefficients.setdefault(model, {})
        if term in terms:
            raise wrong_cell(name, table, row, "term", term, f"each term once in model {model}")
        estimate = printed_cell(name, table, "estimate", row)
        se = printed_cell(name, table, "se", row)
        if estimate is not None and se is not None:
            if is_reference(table, term, estimate, se):
                continue
            terms[term] = Coefficient(term, estimate, se, optional_text(table, "star", row))
        else:
            terms[term] = None
    constant = constant_of(table, [term for terms in coefficients.values() for term in terms])
    models = {
        model: PrintedModel(
            number=model,
            coefficients=[c for c in terms.values() if c is not None],
            slopes={term: c for term, c in terms.items() if term != constant},
            constant=constant is not None,
            n=cases.get(model, cases.get("") if len(coefficients) == 1 else None),
        )
        for model, terms in coefficients.items()
    }
    for printed in models.values():
        if printed.df is not None and printed.df < 1:
            raise DataError(
                f"{file_of(name, table)}, model {printed.number}: found {len(printed.slopes)} terms "
                f"with N = {printed.n}, expected more cases than terms"
            )
    return models


_CONSTANTS = frozenset({"constant", "intercept", "cons", "const"})
_REFERENCE = re.compile(r"\bref(erence)?\b\.?", re.IGNORECASE)


def constant_of(table: pd.DataFrame, terms: Sequence[str]) -> str | None:
    """The term that is the constant: as stated, else one of the usual names; None where a model has none, as stated."""
    stated = table.attrs.get("constant", "Constant")
    if stated is None or stated in terms:
        return None if stated is None else str(stated)
    usual = [term for term in terms if re.sub(r"\W|_", "", term).lower() in _CONSTANTS]
    return usual[0] if usual else str(stated)


def is_reference(table: pd.DataFrame, term: str, estimate: Number, se: Number) -> bool:
    """Whether a row is a reference category: 0 with an error of 0 by definition, not a slope that rounds to it."""
    if estimate.value != 0 or se.value != 0:
        return False
    named = term == table.attrs.get("reference") or bool(_REFERENCE.search(term))
    return named or estimate.decimals == se.decimals == 0


def _cases_by_model(name: str, tables: Tables) -> dict[str, int | None]:
    for fit_name, fit in tables.items():
        if fit.attrs.get("role") == "regression_fit" and fit.attrs.get("regression") == name:
            check_role(fit_name, fit)
            found: dict[str, int | None] = {}
            for row in range(len(fit)):
                model = text_cell(fit, "model", row)
                if model in found:
                    raise wrong_cell(fit_name, fit, row, "model", model, "each model once in a table of fit")
                found[model] = count_cell(fit_name, fit, "n", row)
            return found
    return {}


@dataclass(frozen=True)
class Fit:
    """One model with what is printed at its foot; `adjusted`: the printed R² is adjusted for the number of terms."""

    model: PrintedModel
    f: Number | None
    f_star: str
    r2: Number | None
    adjusted: bool = False

    @property
    def r2_name(self) -> str:
        """What the printed R² is called."""
        return "adjusted R²" if self.adjusted else "R²"

    @property
    def r2_box(self) -> Interval:
        """Rounding interval of R², which lies between 0 and 1; of an adjusted one, the R² that it stands for."""
        assert self.r2 is not None
        if not self.adjusted:
            return box(self.r2, 0.0, 1.0)
        ends = (min(max(self.plain_r2(end), 0.0), 1.0) for end in (self.r2.low, self.r2.high))
        return Interval(*ends)

    def plain_r2(self, printed: float) -> float:
        """R² from the printed one: 1 - (1 - adjusted) df / (df + terms), which rises with it."""
        df, terms = self.model.df, len(self.model.slopes)
        return 1 - (1 - printed) * df / (df + terms) if self.adjusted and df is not None else printed

    @property
    def r2_known(self) -> bool:
        """Whether R² is printed, or follows from an adjusted one."""
        return self.r2 is not None and (not self.adjusted or self.model.df is not None)


def read_fits(name: str, table: pd.DataFrame, models: Mapping[str, PrintedModel]) -> dict[str, Fit]:
    """Read the feet of the models, by model, in the order of the table of fit."""
    adjusted = table.attrs.get("adjusted", False)
    if not isinstance(adjusted, bool):
        raise DataError(
            f"{file_of(name, table)}, property 'adjusted': found {adjusted!r}, expected true where the printed R² is adjusted"
        )
    fits: dict[str, Fit] = {}
    for row in range(len(table)):
        model = text_cell(table, "model", row)
        if not model and len(models) == 1:
            model = next(iter(models))
        if model not in models or model in fits:
            expected = "each model once" if model in fits else "a model of the table of coefficients"
            raise wrong_cell(name, table, row, "model", model, expected)
        fits[model] = Fit(
            models[model],
            printed_cell(name, table, "f", row),
            optional_text(table, "f_star", row),
            printed_cell(name, table, "r2", row),
            adjusted,
        )
    return fits


def check_regression(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"regression"``: one row per coefficient, then one for the tails.

    A term may stand in some models only. A one-tailed test is taken to have foretold the sign that came out,
    so that the star depends on the size of the ratio alone.
    """
    table = tables[name]
    convention = convention_of(name, table)
    models = read_models(name, tables)
    checks = []
    for model in models.values():
        for coefficient in model.coefficients:
            where = locator_of(name, table, f"Model {model.number}, {coefficient.term}")
            if coefficient.se.value < 0:
                words = "a standard error cannot be negative"
                checks.append(
                    Check("standard error is positive", where, coefficient.se.text, words, INCONSISTENT)
                )
            elif convention is not None:
                _require_known_star(name, table, coefficient, convention)
                checks.append(_check_star(where, coefficient, model.df, convention))
    if convention is not None:
        pairs = [
            (c.star, c.size_box, m.df) for m in models.values() for c in m.coefficients if c.se.value >= 0
        ]
        checks += check_tails(locator_of(name, table), pairs, convention)
    return checks


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


def _p_words(coefficient: Coefficient, df: int | None, tails: int) -> str:
    """Word the p-value and its box; p falls as the ratio grows, so the ends of the box swap."""
    size = coefficient.size_box
    p_box = Interval(p_value(size.high, df, tails), p_value(size.low, df, tails))
    p = p_value(coefficient.ratio, df, tails)
    return f"{TAILS[tails]} p = {probability_with_span(p, p_box)}".replace("= <", "<")


def _check_star(where: str, coefficient: Coefficient, df: int | None, convention: Convention) -> Check:
    size, tails = coefficient.size_box, convention.tails
    words = [f"t = {with_span(coefficient.ratio, coefficient.ratio_box)}"]
    if df is None:
        words.append(f"{_p_words(coefficient, None, tails)}, normal")
    else:
        normal = probability(p_value(coefficient.ratio, None, tails))
        words += [f"{_p_words(coefficient, df, tails)}, t with {df} df", f"normal {normal}"]
    words.append(_p_words(coefficient, df, 3 - tails))
    verdict = star_verdict(coefficient.star, size, df, convention)
    if verdict == INCONSISTENT:
        words.append(other_tails(coefficient.star, size, df, convention))
    printed = f"{coefficient.estimate.text}{coefficient.star} ({coefficient.se.text})"
    return Check("star against b/s.e.", where, printed, "; ".join(words), verdict)
