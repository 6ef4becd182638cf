"""Checks on a table of descriptive statistics: mean, min, max and s.d. constrain one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ...errors import DataError, did_you_mean
from ..numbers import Printed
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    Tables,
    box,
    either,
    exact_box,
    file_of,
    locator_of,
    mapping_property,
    number,
    only_if,
    printed_cell,
    require_columns,
    span,
    text_cell,
)
from .percentages import count_words, possible_counts

_FIGURES = ("mean", "min", "max", "sd")


def check_descriptives(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"descriptives"``, variable by variable.

    Parameters
    ----------
    name : str
        Name of the table.
    tables : mapping of str to DataFrame
        Columns ``variable, mean, min, max, sd``; attrs ``n``, ``n_by_variable``, ``binary``, ``bounds``,
        ``reported_counts``, each optional: a check that lacks its figure is passed over.

    Returns
    -------
    list of Check
    """
    table = tables[name]
    require_columns(name, table, ["variable"], _FIGURES)
    variables = [text_cell(table, "variable", row) for row in range(len(table))]
    cases_by_variable = _by_variable(name, table, "n_by_variable", variables)
    counts = _by_variable(name, table, "reported_counts", variables)
    bounds = _by_variable(name, table, "bounds", variables)
    binary = table.attrs.get("binary") or []
    _require_known(name, table, "binary", binary, variables)
    checks: list[Check] = []
    for row, variable in enumerate(variables):
        figures = {column: printed_cell(name, table, column, row) for column in _FIGURES}
        cases = cases_by_variable.get(variable, table.attrs.get("n"))
        if cases is not None and (not isinstance(cases, int) or cases < 1):
            raise DataError(
                f"{file_of(name, table)}, property 'n': found {cases!r}, expected a positive number of cases"
            )
        where = locator_of(name, table, variable)
        checks += _check_scale(where, figures, bounds.get(variable))
        checks += _check_mean(where, figures, cases)
        checks += _check_sd(where, figures, cases)
        if variable in binary:
            checks += _check_binary(where, figures, cases)
        if variable in counts:
            checks += _check_reported_count(where, figures["mean"], counts[variable], cases)
    return checks


def _require_known(
    name: str, table: pd.DataFrame, key: str, named: Iterable[str], variables: list[str]
) -> None:
    for variable in named:
        if variable not in variables:
            raise DataError(
                f"{file_of(name, table)}, property {key!r}: found {variable!r}, "
                f"expected a variable of the table; {did_you_mean(str(variable), variables)}"
            )


def _by_variable(name: str, table: pd.DataFrame, key: str, variables: list[str]) -> Mapping[str, Any]:
    values = mapping_property(name, table, key)
    _require_known(name, table, key, values, variables)
    return values


def _check_scale(
    where: str, figures: Mapping[str, Printed | None], bounds: tuple[float, float] | None
) -> list[Check]:
    low, high = figures["min"], figures["max"]
    if bounds is None or low is None or high is None:
        return []
    inside = low.high >= bounds[0] and high.low <= bounds[1]
    return [
        Check(
            "values lie on the scale",
            where,
            f"min {low.text}, max {high.text}",
            f"the scale runs from {bounds[0]:g} to {bounds[1]:g}",
            either(inside),
        )
    ]


def mean_bounds(minimum: Interval, maximum: Interval, n: int | None) -> Interval:
    """Means that are possible when the smallest and the largest of `n` values are known.

    One case sits at each end, so the mean keeps a distance of ``(max - min) / n`` from both. Both ends of
    the answer rise with min and with max, so that their extremes lie at corners of the box.

    Parameters
    ----------
    minimum, maximum : Interval
        Boxes of the two printed figures.
    n : int, optional
        Number of cases; without it only ``min <= mean <= max`` is claimed.

    Returns
    -------
    Interval

    Examples
    --------
    >>> mean_bounds(Interval(0, 0), Interval(10, 10), n=5)
    Interval(low=2.0, high=8.0)
    """
    share = 0.0 if n is None else 1.0 / n
    return Interval(
        minimum.low + share * (maximum.low - minimum.low),
        maximum.high - share * (maximum.high - minimum.high),
    )


def _check_mean(where: str, figures: Mapping[str, Printed | None], n: int | None) -> list[Check]:
    mean, low, high = figures["mean"], figures["min"], figures["max"]
    if mean is None or low is None or high is None:
        return []
    possible = mean_bounds(box(low), box(high), n)
    words = "min <= mean <= max" if n is None else f"with N = {n} and both ends attained"
    decimals = max(mean.decimals, low.decimals, high.decimals) + 1
    return [
        Check(
            "mean between min and max",
            where,
            f"mean {mean.text}, min {low.text}, max {high.text}",
            f"mean between {number(possible.low, decimals)} and {number(possible.high, decimals)} ({words})",
            either(box(low).low <= box(high).high and possible.meets(box(mean))),
        )
    ]


def sd_bounds(
    mean: Interval, minimum: Interval, maximum: Interval, n: int | None = None, ddof: int = 1
) -> Interval:
    """Smallest and largest standard deviation that mean, min and max allow.

    The largest is that of Bhatia and Davis (2000, *American Mathematical Monthly* 107: 353-357), all cases at
    the two ends: variance ``(max - mean)(mean - min)``, times ``n / (n - ddof)``. It rises as the ends move
    apart, so min and max are taken at a corner of the box; in the mean it is concave with its top half way
    between the ends, so the mean is taken as near to that as its own box lets it.

    The smallest has one case at each end and all others together at the one place that gives the mean. With
    ``u = mean - min`` and ``v = max - mean`` its sum of squares is ``u² + v² + (u - v)² / (n - 2)``, which
    rises in u and in v wherever that place lies between the ends, that is, where neither of u and v is below
    the other over ``n - 1``. So min and max are taken as near to the mean as their boxes and that condition
    let them, and the mean again as near to the middle as its box lets it.

    Parameters
    ----------
    mean, minimum, maximum : Interval
        Boxes of the three printed figures.
    n : int, optional
        Number of cases, at least 2. Without it the bounds hold for any number of cases.
    ddof : {0, 1}
        1 for the sample's standard deviation (divides by n - 1), 0 for the population's.

    Returns
    -------
    Interval

    Examples
    --------
    >>> zero, one, half = Interval(0, 0), Interval(1, 1), Interval(0.5, 0.5)
    >>> sd_bounds(half, zero, one, n=4, ddof=0)
    Interval(low=0.353..., high=0.5)
    """
    if n is not None and n < 2:
        raise DataError(f"n: found {n!r}, expected at least 2 cases for a standard deviation")

    def nearest_to_middle(a: float, b: float) -> float:
        return min(max((a + b) / 2, mean.low), mean.high)

    a, b = minimum.low, maximum.high
    m = nearest_to_middle(a, b)
    divisor_effect = (2.0 if ddof else 1.0) if n is None else n / (n - ddof)
    high = math.sqrt(max((b - m) * (m - a), 0.0) * divisor_effect)
    if n is None:
        return Interval(0.0, high)
    a, b = minimum.high, maximum.low
    m = nearest_to_middle(a, b)
    u, v = max(m - a, 0.0), max(b - m, 0.0)
    u, v = max(u, v / (n - 1)), max(v, u / (n - 1))
    squares = u**2 + v**2 + ((u - v) ** 2 / (n - 2) if n > 2 else 0.0)
    return Interval(math.sqrt(squares / (n - ddof)), high)


def _sd_verdict(sd: Printed, sample: Interval, population: Interval) -> str:
    if sample.meets(box(sd)):
        return CONSISTENT
    if population.meets(box(sd)):
        return only_if("the s.d. divides by N, not by N - 1")
    return INCONSISTENT


def _check_sd(where: str, figures: Mapping[str, Printed | None], n: int | None) -> list[Check]:
    mean, low, high, sd = (figures[column] for column in _FIGURES)
    if mean is None or low is None or high is None or sd is None or (n is not None and n < 2):
        return []
    boxes = (box(mean), box(low), box(high))
    possible = sd_bounds(*boxes, n)
    cases = "any N" if n is None else f"N = {n}"
    return [
        Check(
            "s.d. against mean, min and max",
            where,
            f"s.d. {sd.text}, mean {mean.text}, min {low.text}, max {high.text}",
            f"s.d. at least {number(possible.low, sd.decimals + 1)} (both ends attained) and at most "
            f"{number(possible.high, sd.decimals + 1)} (Bhatia-Davis), {cases}",
            _sd_verdict(sd, possible, sd_bounds(*boxes, n, ddof=0)),
        )
    ]


def binary_sd(mean: Interval, n: int | None, ddof: int = 1) -> Interval:
    """Give the s.d. of a 0/1 variable with this mean: ``sqrt(m (1 - m) n / (n - ddof))``.

    It is concave in m with its top at one half: the smallest value lies at an end of the box, the largest at
    its point nearest to one half.

    Examples
    --------
    >>> binary_sd(Interval(0.5, 0.5), n=2)
    Interval(low=0.707..., high=0.707...)
    """
    top = min(max(0.5, mean.low), mean.high)
    low = min(m * (1 - m) for m in mean)
    smallest, largest = (1.0, 1.0 + ddof) if n is None else (n / (n - ddof), n / (n - ddof))
    return Interval(math.sqrt(low * smallest), math.sqrt(top * (1 - top) * largest))


def _check_binary(where: str, figures: Mapping[str, Printed | None], n: int | None) -> list[Check]:
    mean, sd = figures["mean"], figures["sd"]
    if mean is None:
        return []
    checks = []
    if n is not None:
        counts = possible_counts(exact_box(mean), n)
        recomputed = f"{count_words(counts)} of {n} gives this mean"
        check = "mean of a 0/1 variable is a whole count"
        checks.append(Check(check, where, mean.text, recomputed, either(bool(counts))))
    if sd is not None and (n is None or n >= 2):
        means = box(mean, 0.0, 1.0)
        implied = binary_sd(means, n)
        checks.append(
            Check(
                "s.d. of a 0/1 variable",
                where,
                f"s.d. {sd.text}, mean {mean.text}",
                f"s.d. {span(implied, sd.decimals + 2)} from the mean alone",
                _sd_verdict(sd, implied, binary_sd(means, n, ddof=0)),
            )
        )
    return checks


def _check_reported_count(where: str, mean: Printed | None, count: int, n: int | None) -> list[Check]:
    if mean is None or n is None:
        return []
    counts = possible_counts(exact_box(mean), n)
    share = number(count / n, mean.decimals + 2)
    return [
        Check(
            "reported count against the mean",
            where,
            f"{count} of {n} in the text, mean {mean.text}",
            f"{count}/{n} = {share}; {count_words(counts)} of {n} gives the printed mean",
            either(count in counts),
        )
    ]
