"""A regression table as printed: its coefficients, its models, their fit, and what its stars mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...errors import DataError, cell_message
from ..numbers import Printed, ratio_interval
from .findings import (
    Interval,
    Tables,
    box,
    count_cell,
    file_of,
    mapping_property,
    number,
    printed_cell,
    require_columns,
    text_cell,
)


@dataclass(frozen=True)
class Convention:
    """What a star means in one table: tails of the test, and the level of each symbol."""

    tails: int
    levels: Mapping[str, float]

    @property
    def symbols(self) -> list[str]:
        """From no star to the strongest one."""
        return ["", *sorted(self.levels, key=lambda symbol: -self.levels[symbol])]

    def other(self) -> Convention:
        """Return the same levels with the other number of tails."""
        return Convention(3 - self.tails, self.levels)


@dataclass(frozen=True)
class Coefficient:
    """One printed coefficient."""

    term: str
    estimate: Printed
    se: Printed
    star: str

    @property
    def ratio(self) -> float:
        """Estimate over standard error, both as printed."""
        if self.se.value > 0:
            return self.estimate.value / self.se.value
        return math.copysign(math.inf, self.estimate.value) if self.estimate.value else 0.0

    @property
    def ratio_box(self) -> Interval:
        """All ratios that the two printed numbers allow.

        The ratio rises with the estimate, and rises or falls throughout in the standard error, so its
        extremes lie at the four corners of the box.
        """
        return Interval(*ratio_interval(self.estimate, self.se))

    @property
    def size_box(self) -> Interval:
        """The same for the size of the ratio, whatever its sign."""
        low, high = self.ratio_box
        if low <= 0 <= high:
            return Interval(0.0, max(-low, high))
        return Interval(*sorted((abs(low), abs(high))))


@dataclass(frozen=True)
class PrintedModel:
    """The coefficients of one column of a regression table, and the degrees of freedom they leave.

    Attributes
    ----------
    slopes : dict of str to Coefficient or None
        By term, without the constant; `None` where a term has no printed estimate and standard error.
    constant : bool
        Whether the model has a constant (printed or not).
    n : int or None
        Number of cases, where a table of fit prints it.
    """

    number: str
    coefficients: Sequence[Coefficient]
    slopes: Mapping[str, Coefficient | None]
    constant: bool
    n: int | None

    @property
    def df(self) -> int | None:
        """Residual degrees of freedom: N less the number of terms, the constant included."""
        return None if self.n is None else self.n - len(self.slopes) - self.constant


def convention_of(name: str, table: pd.DataFrame) -> Convention | None:
    """Read what the stars mean from ``attrs["significance"]``; `None` where it is not stated."""
    stated = mapping_property(name, table, "significance")
    if not stated:
        return None
    convention = Convention(stated.get("tails", 2), dict(stated.get("levels", {})))
    levels = convention.levels.values()
    if convention.tails not in (1, 2) or not all(isinstance(x, float) and 0 < x < 0.5 for x in levels):
        raise DataError(
            f"{file_of(name, table)}, property 'significance': found {stated!r}, "
            "expected tails 1 or 2 and levels such as {'*': 0.05}, each between 0 and 0.5"
        )
    return convention


def star_condition(
    star: str, statistic: Interval, convention: Convention, edge: Callable[[float], float]
) -> str:
    """Say for which part of a box of statistics a star holds, e.g. ``"at least 1.656 and below 2.354"``.

    Parameters
    ----------
    star : str
        A symbol that some, but not all of the box gives.
    statistic : Interval
        Box of a statistic whose p-value falls as it grows.
    convention : Convention
    edge : callable
        From a level to the statistic that just reaches it.

    Returns
    -------
    str
    """
    symbols = convention.symbols
    rank = symbols.index(star)
    conditions = []
    if rank > 0 and edge(convention.levels[star]) > statistic.low:
        conditions.append(f"at least {number(edge(convention.levels[star]))}")
    if rank + 1 < len(symbols) and edge(convention.levels[symbols[rank + 1]]) <= statistic.high:
        conditions.append(f"below {number(edge(convention.levels[symbols[rank + 1]]))}")
    return " and ".join(conditions)


def read_models(name: str, tables: Tables) -> dict[str, PrintedModel]:
    """Read the models of one regression table, with N from the table of fit that belongs to it.

    Parameters
    ----------
    name : str
        Name of a table with columns ``model, term, estimate, se, star``; attrs ``constant`` (name of the
        constant's term; ``None`` for a model without one).
    tables : mapping of str to DataFrame
        A table with role ``"regression_fit"`` and ``attrs["regression"] == name`` gives N.

    Returns
    -------
    dict of str to PrintedModel
        By model, in the order of the table.
    """
    table = tables[name]
    require_columns(name, table, ["model", "term", "star"], ["estimate", "se"])
    cases = _cases_by_model(name, tables)
    constant = table.attrs.get("constant", "Constant")
    coefficients: dict[str, dict[str, Coefficient | None]] = {}
    for row in range(len(table)):
        model, term = text_cell(table, "model", row), text_cell(table, "term", row)
        terms = coefficients.setdefault(model, {})
        if term in terms:
            message = cell_message(
                file=file_of(name, table),
                row=row + 1,
                column="term",
                value=term,
                expected=f"each term once in model {model}",
            )
            raise DataError(message)
        estimate = printed_cell(name, table, "estimate", row)
        se = printed_cell(name, table, "se", row)
        terms[term] = None
        if estimate is not None and se is not None:
            terms[term] = Coefficient(term, estimate, se, text_cell(table, "star", row))
    models = {
        model: PrintedModel(
            number=model,
            coefficients=[c for c in terms.values() if c is not None],
            slopes={term: c for term, c in terms.items() if term != constant},
            constant=constant is not None,
            n=cases.get(model),
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


def _cases_by_model(name: str, tables: Tables) -> dict[str, int | None]:
    for fit_name, fit in tables.items():
        if fit.attrs.get("role") == "regression_fit" and fit.attrs.get("regression") == name:
            require_columns(fit_name, fit, ["model", "n"])
            rows = range(len(fit))
            return {text_cell(fit, "model", row): count_cell(fit_name, fit, "n", row) for row in rows}
    return {}


@dataclass(frozen=True)
class Fit:
    """One model with what is printed at its foot."""

    model: PrintedModel
    f: Printed | None
    f_star: str
    r2: Printed | None

    @property
    def r2_box(self) -> Interval:
        """Rounding interval of R², which lies between 0 and 1."""
        assert self.r2 is not None
        return box(self.r2, 0.0, 1.0)


def read_fits(name: str, table: pd.DataFrame, models: Mapping[str, PrintedModel]) -> dict[str, Fit]:
    """Read the feet of the models, by model, in the order of the table of fit."""
    fits: dict[str, Fit] = {}
    for row in range(len(table)):
        model = text_cell(table, "model", row)
        if model not in models:
            expected = "a model of the table of coefficients"
            raise DataError(
                cell_message(
                    file=file_of(name, table), row=row + 1, column="model", value=model, expected=expected
                )
            )
        fits[model] = Fit(
            models[model],
            printed_cell(name, table, "f", row),
            text_cell(table, "f_star", row),
            printed_cell(name, table, "r2", row),
        )
    return fits
