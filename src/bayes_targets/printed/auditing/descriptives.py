"""Checks on a table of descriptive statistics: mean, min, max and s.d. constrain one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import pandas as pd

from ...errors import DataError, did_you_mean
from ...readers.cells import Number
from ...readers.schema import check_role, file_of
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    Tables,
    box,
    either,
    exact_box,
    locator_of,
    mapping_property,
    number,
    only_if,
    printed_cell,
    span,
    text_cell,
)
from .shares import count_words, possible_counts

_FIGURES = ("mean", "min", "max", "sd")
_MOST_SUMS = 10_000


def check_descriptives(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"descriptives"``, variable by variable."""
    table = tables[name]
    check_role(name, table)
    variables = [text_cell(table, "variable", row) for row in range(len(table))]
    cases_by_variable = _by_variable(name, table, "n_by_variable", variables)
    counts = _by_variable(name, table, "reported_counts", variables)
    bounds = _by_variable(name, table, "bounds", variables)
    binary = table.attrs.get("binary") or []
    _require_known(name, table, "binary", binary, variables)
    whole = _whole_numbers(name, table, variables)
    checks: list[Check] = []
    for row, variable in enumerate(variables):
        figures = {column: printed_cell(name, table, column, row) for column in _FIGURES}
        cases = cases_by_variable.get(variable, table.attrs.get("n"))
        if cases is not None and (
            not isinstance(cases, int) or isinstance(cases, bool) or not 1 <= cases < 10**15
        ):
            raise DataError(
                f"{file_of(name, table)}, property 'n': found {cases!r}, expected a positive number of cases"
            )
        where = locator_of(name, table, variable)
        scale = _scale(name, table, variable, bounds.get(variable))
        checks += _check_scale(where, figures, scale, cases)
        checks += _check_mean(where, figures, cases)
        checks += _check_sd(where, figures, cases)
        if variable in binary:
            checks += _check_binary(where, figures, cases)
        if variable in whole and cases is not None:
            checks += check_whole_numbers(where, figures["mean"], figures["sd"], cases, whole[variable])
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


def _scale(name: str, table: pd.DataFrame, variable: str, stated: Any) -> Interval | None:
    """The ends of a variable's scale as stated, checked."""
    if stated is None:
        return None
    numbers = isinstance(stated, list | tuple) and all(
        isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in stated
    )
    if not numbers or len(stated) != 2 or not stated[0] < stated[1]:
        raise DataError(
            f"{file_of(name, table)}, property 'bounds', {variable!r}: found {stated!r}, "
            "expected the lowest and the highest value of its scale"
        )
    return Interval(float(stated[0]), float(stated[1]))


def _check_scale(
    where: str, figures: Mapping[str, Number | None], scale: Interval | None, n: int | None
) -> list[Check]:
    """Smallest and largest value, mean and s.d. against a scale that is known to end somewhere."""
    if scale is None:
        return []
    mean, low, high, sd = (figures[column] for column in _FIGURES)
    words = f"the scale runs from {scale.low:g} to {scale.high:g}"
    checks = []
    told = {"min": low, "max": high, "mean": mean}
    printed = {name: figure for name, figure in told.items() if figure is not None}
    if printed:
        inside = all(figure.high >= scale.low and figure.low <= scale.high for figure in printed.values())
        text = ", ".join(f"{name} {figure.text}" for name, figure in printed.items())
        checks.append(Check("values lie on the scale", where, text, words, either(inside)))
    # With both ends printed the check against them is the sharper one.
    if mean is None or sd is None or (low is not None and high is not None) or (n is not None and n < 2):
        return checks
    if mean.high < scale.low or mean.low > scale.high:
        return checks
    ends = (Interval(scale.low, scale.low), Interval(scale.high, scale.high))
    means = box(mean, scale.low, scale.high)
    # Nothing need attain the ends of a scale, so that there is no smallest s.d.
    sample, population = (Interval(0.0, sd_bounds(means, *ends, n, ddof).high) for ddof in (1, 0))
    cases = "any N" if n is None else f"N = {n}"
    words = f"s.d. at most {number(sample.high, sd.decimals + 1)} (Bhatia-Davis), {words}, {cases}"
    verdict, text = _sd_verdict(sd, sample, population), f"s.d. {sd.text}, mean {mean.text}"
    return [*checks, Check("s.d. against mean and scale", where, text, words, verdict)]


def _whole_numbers(name: str, table: pd.DataFrame, variables: list[str]) -> Mapping[str, int]:
    """Variables whose values are whole numbers, and how many items each case averages."""
    stated = table.attrs.get("whole_numbers") or []
    if not isinstance(stated, Mapping):
        stated = {str(variable): 1 for variable in (stated if isinstance(stated, list | tuple) else [stated])}
    _require_known(name, table, "whole_numbers", stated, variables)
    for variable, items in stated.items():
        if isinstance(items, bool) or not isinstance(items, int) or items < 1:
            raise DataError(
                f"{file_of(name, table)}, property 'whole_numbers', {variable!r}: found {items!r}, "
                "expected the number of items that its values average"
            )
    return stated


def check_whole_numbers(
    where: str, mean: Number | None, sd: Number | None, n: int, items: int = 1
) -> list[Check]:
    """Whether a mean of so many whole numbers can be (GRIM), and the s.d. with it; `items`: how many each case averages.

    The sum of whole numbers is whole (Brown & Heathers 2017), and the sum of their squares is whole and odd where the sum is
    (Anaya 2016), so that only some variances can be.
    """
    if mean is None:
        return []
    low, high = (end * n * items for end in exact_box(mean))
    sums = range(math.ceil(low), math.floor(high) + 1)
    what = f"{n * items} whole numbers"
    words = f"no sum of {what} gives this mean"
    if sums:
        words = f"{count_words(sums)} as the sum of {what} gives this mean"
    check = "mean of whole numbers is possible"
    checks = [Check(check, where, mean.text, words, either(bool(sums)))]
    if sd is None or not sums or n < 2 or len(sums) > _MOST_SUMS:
        return checks
    verdict = INCONSISTENT
    if _has_squares(sums, sd, n, items, ddof=1):
        verdict = CONSISTENT
    elif _has_squares(sums, sd, n, items, ddof=0):
        verdict = only_if("the s.d. divides by N, not by N - 1")
    words = f"{'a' if verdict == CONSISTENT else 'no'} sum of squares of whole numbers gives this s.d. with this mean, N = {n}"
    text = f"s.d. {sd.text}, mean {mean.text}"
    return [*checks, Check("s.d. of whole numbers is possible", where, text, words, verdict)]


def _has_squares(sums: range, sd: Number, n: int, items: int, *, ddof: int) -> bool:
    """Whether, for one of the possible sums, a whole sum of squares of its parity lies in the box of the s.d."""
    low, high = (max(end, Fraction(0)) * items for end in exact_box(sd))
    for total in sums:
        base = Fraction(total * total, n)
        least, most = (base + (n - ddof) * end * end for end in (low, high))
        first = math.ceil(least)
        if first + (first - total) % 2 <= most:
            return True
    return False


def mean_bounds(minimum: Interval, maximum: Interval, n: int | None) -> Interval:
    """Means that are possible when the smallest and the largest of `n` values are known.

    One case sits at each end, so the mean keeps a distance of ``(max - min) / n`` from both. Both ends of
    the answer rise with min and with max, so that their extremes lie at corners of the box.
    """
    share = 0.0 if n is None else 1.0 / n
    return Interval(
        minimum.low + share * (maximum.low - minimum.low),
        maximum.high - share * (maximum.high - minimum.high),
    )


def _check_mean(where: str, figures: Mapping[str, Number | None], n: int | None) -> list[Check]:
    mean, low, high = figures["mean"], figures["min"], figures["max"]
    if mean is None or low is None or high is None:
        return []
    possible = mean_bounds(box(low), box(high), n)
    words = "min <= mean <= max" if n is None else f"with N = {n} and both ends attained"
    decimals = max(mean.decimals, low.decimals, high.decimals) + 1
    words = f"mean between {number(possible.low, decimals)} and {number(possible.high, decimals)} ({words})"
    printed = f"mean {mean.text}, min {low.text}, max {high.text}"
    holds = box(low).low <= box(high).high and possible.meets(box(mean))
    return [Check("mean between min and max", where, printed, words, either(holds))]


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


def _sd_verdict(sd: Number, sample: Interval, population: Interval) -> str:
    if sample.meets(box(sd)):
        return CONSISTENT
    if population.meets(box(sd)):
        return only_if("the s.d. divides by N, not by N - 1")
    return INCONSISTENT


def _check_sd(where: str, figures: Mapping[str, Number | None], n: int | None) -> list[Check]:
    mean, low, high, sd = (figures[column] for column in _FIGURES)
    if mean is None or low is None or high is None or sd is None or (n is not None and n < 2):
        return []
    boxes = (box(mean), box(low), box(high))
    possible = sd_bounds(*boxes, n)
    cases = "any N" if n is None else f"N = {n}"
    printed = f"s.d. {sd.text}, mean {mean.text}, min {low.text}, max {high.text}"
    least, most = (number(end, sd.decimals + 1) for end in possible)
    words = f"s.d. at least {least} (both ends attained) and at most {most} (Bhatia-Davis), {cases}"
    verdict = _sd_verdict(sd, possible, sd_bounds(*boxes, n, ddof=0))
    return [Check("s.d. against mean, min and max", where, printed, words, verdict)]


def binary_sd(mean: Interval, n: int | None, ddof: int = 1) -> Interval:
    """Give the s.d. of a 0/1 variable with this mean: ``sqrt(m (1 - m) n / (n - ddof))``.

    It is concave in m with its top at one half: the smallest value lies at an end of the box, the largest at
    its point nearest to one half.
    """
    top = min(max(0.5, mean.low), mean.high)
    low = min(m * (1 - m) for m in mean)
    smallest, largest = (1.0, 1.0 + ddof) if n is None else (n / (n - ddof), n / (n - ddof))
    return Interval(math.sqrt(low * smallest), math.sqrt(top * (1 - top) * largest))


def _check_binary(where: str, figures: Mapping[str, Number | None], n: int | None) -> list[Check]:
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
        printed, words = (
            f"s.d. {sd.text}, mean {mean.text}",
            f"s.d. {span(implied, sd.decimals + 2)} from the mean alone",
        )
        verdict = _sd_verdict(sd, implied, binary_sd(means, n, ddof=0))
        checks.append(Check("s.d. of a 0/1 variable", where, printed, words, verdict))
    return checks


def _check_reported_count(where: str, mean: Number | None, count: int, n: int | None) -> list[Check]:
    if mean is None or n is None:
        return []
    counts = possible_counts(exact_box(mean), n)
    printed = f"{count} of {n} in the text, mean {mean.text}"
    share = number(count / n, mean.decimals + 2)
    words = f"{count}/{n} = {share}; {count_words(counts)} of {n} gives the printed mean"
    return [Check("reported count against the mean", where, printed, words, either(count in counts))]
