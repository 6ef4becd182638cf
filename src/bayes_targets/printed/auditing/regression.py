"""A regression table as printed, and checks on the star that each ratio of estimate to standard error can carry."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import DataError, cell_message
from ...evaluation import is_constant
from ...readers.cells import Number
from ...readers.uncertainty import p_value
from ..intervals import Interval, box, quotient, size_of
from ..table import Printed, Tables
from .findings import INCONSISTENT, Check, probability, span
from .stars import Convention, Starred, check_star, check_tails, convention_of, p_words


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
    # Without the constant; None where one of the two numbers is not printed
    slopes: Mapping[str, Coefficient | None]
    coefficients: Sequence[Coefficient]
    constant: bool  # whether the model has one, printed or not
    n: int | None  # cases, where a table of fit prints them

    @property
    def df(self) -> int | None:
        """Residual degrees of freedom: N less the number of terms, the constant included."""
        return None if self.n is None else self.n - len(self.slopes) - self.constant


def read_models(name: str, tables: Tables) -> dict[str, PrintedModel]:
    """Read the models of one regression table, with N from the table of fit that belongs to it."""
    table = Printed.checked(name, tables)
    cases = _cases_by_model(name, tables)
    coefficients: dict[str, dict[str, Coefficient | None]] = {}
    model, headings = "", table.texts("model")
    for row in table.rows:
        # A model is printed once, above its terms: a blank below belongs to it.
        model = headings[row] or model
        if not model and any(headings):
            raise table.wrong_cell(row, "model", "", "a model, since later rows name one")
        term = table.text("term", row)
        terms = coefficients.setdefault(model, {})
        if term in terms:
            raise table.wrong_cell(row, "term", term, f"each term once in model {model}")
        estimate, se = table.number("estimate", row), table.number("se", row)
        if estimate is None or se is None:
            terms[term] = None
        elif not _is_reference(table, term, estimate, se):
            terms[term] = Coefficient(term, estimate, se, table.text("star", row))
    constant = _constant_of(table, [term for terms in coefficients.values() for term in terms])
    models = {
        model: PrintedModel(
            number=model,
            slopes={term: c for term, c in terms.items() if term != constant},
            coefficients=[c for c in terms.values() if c is not None],
            constant=constant is not None,
            n=cases.get(model, cases.get("") if len(coefficients) == 1 else None),
        )
        for model, terms in coefficients.items()
    }
    for printed in models.values():
        if printed.df is not None and printed.df < 1:
            raise DataError(
                f"{table.file}, model {printed.number}: found {len(printed.slopes)} terms "
                f"with N = {printed.n}, expected more cases than terms"
            )
    return models


_REFERENCE = re.compile(r"\bref(erence)?\b\.?", re.IGNORECASE)


def _constant_of(table: Printed, terms: Sequence[str]) -> str | None:
    """The term that is the constant: as stated, else one of the usual names; None where a model has none, as stated."""
    stated = table.attr("constant", "Constant")
    if stated is None or stated in terms:
        return None if stated is None else str(stated)
    return next((term for term in terms if is_constant(term)), str(stated))


def _is_reference(table: Printed, term: str, estimate: Number, se: Number) -> bool:
    """Whether a row is a reference category: 0 with an error of 0 by definition, not a slope that rounds to it."""
    if estimate.value != 0 or se.value != 0:
        return False
    named = term == table.attr("reference") or bool(_REFERENCE.search(term))
    return named or estimate.decimals == se.decimals == 0


def _cases_by_model(name: str, tables: Tables) -> dict[str, int | None]:
    for fit_name, frame in tables.items():
        if frame.attrs.get("role") == "regression_fit" and frame.attrs.get("regression") == name:
            fit = Printed.checked(fit_name, tables)
            found: dict[str, int | None] = {}
            for row, model in enumerate(fit.texts("model")):
                if model in found:
                    raise fit.wrong_cell(row, "model", model, "each model once in a table of fit")
                found[model] = fit.count("n", row)
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
        return box(self.r2).rising(self.plain_r2).within(0.0, 1.0)

    def plain_r2(self, printed: float) -> float:
        """R² from the printed one: 1 - (1 - adjusted) df / (df + terms), which rises with it."""
        df, terms = self.model.df, len(self.model.slopes)
        return 1 - (1 - printed) * df / (df + terms) if self.adjusted and df is not None else printed

    @property
    def r2_known(self) -> bool:
        """Whether R² is printed, or follows from an adjusted one."""
        return self.r2 is not None and (not self.adjusted or self.model.df is not None)


def read_fits(table: Printed, models: Mapping[str, PrintedModel]) -> dict[str, Fit]:
    """Read the feet of the models, by model, in the order of the table of fit."""
    adjusted = table.attr("adjusted", False)
    if not isinstance(adjusted, bool):
        raise table.wrong_property("adjusted", adjusted, "true where the printed R² is adjusted")
    fits: dict[str, Fit] = {}
    for row, model in enumerate(table.texts("model")):
        if not model and len(models) == 1:
            model = next(iter(models))
        if model not in models or model in fits:
            expected = "each model once" if model in fits else "a model of the table of coefficients"
            raise table.wrong_cell(row, "model", model, expected)
        f, r2 = table.number("f", row), table.number("r2", row)
        fits[model] = Fit(models[model], f, table.text("f_star", row), r2, adjusted)
    return fits


def check_regression(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"regression"``: one row per coefficient, then one for the tails.

    A term may stand in some models only. A one-tailed test is taken to have foretold the sign that came out,
    so that the star depends on the size of the ratio alone.
    """
    table = Printed.checked(name, tables)
    convention = convention_of(table)
    checks, starred = [], []
    for model in read_models(name, tables).values():
        for coefficient in model.coefficients:
            where = table.where(f"Model {model.number}, {coefficient.term}")
            if coefficient.se.value < 0:
                check, words = "standard error is positive", "a standard error cannot be negative"
                checks.append(Check(check, where, coefficient.se.text, words, INCONSISTENT))
            elif convention is not None:
                _require_known_star(table, coefficient, convention)
                one = Starred(coefficient.star, coefficient.size_box, model.df)
                printed = f"{coefficient.estimate.text}{coefficient.star} ({coefficient.se.text})"
                words = _star_words(coefficient, one, convention.tails)
                checks.append(check_star(where, one, convention, printed, words))
                starred.append(one)
    return [*checks, *(check_tails(table.where(), starred, convention) if convention else [])]


def _require_known_star(table: Printed, coefficient: Coefficient, convention: Convention) -> None:
    if coefficient.star not in convention.symbols:
        known = " ".join(convention.levels)
        raise DataError(
            cell_message(
                file=f"{table.file}, term {coefficient.term!r}",
                column="star",
                value=coefficient.star,
                expected=f"one of the table's symbols ({known}) or a blank",
            )
        )


def _star_words(coefficient: Coefficient, starred: Starred, tails: int) -> str:
    """The ratio with its p-values, one- and two-tailed."""
    t, df = coefficient.ratio, starred.reference
    own, other = (p_words(starred.size, df, x, t) for x in (tails, 3 - tails))
    if starred.df is None:
        reference = "normal"
    else:
        reference = f"t with {starred.df} df; normal {probability(p_value(t, math.inf, tails))}"
    return f"t = {span(coefficient.ratio_box, value=t)}; {own}, {reference}; {other}"
