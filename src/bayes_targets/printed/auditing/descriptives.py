"""Checks on a table of descriptive statistics: mean, min, max and s.d. constrain one another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...readers.cells import Number, is_number
from ..intervals import Interval, binary_sd, box, exact_box, mean_bounds, possible_counts, sd_bounds
from ..table import MOST_CASES, Printed, Tables
from .findings import Check, judge, number, span
from .shares import count_words

_MOST_SUMS = 10_000
_DIVIDES_BY_N = "the s.d. divides by N, not by N - 1"


@dataclass(frozen=True)
class _Variable:
    """One line of the table: figures that are printed, and the number of cases they are of, where it is known."""

    where: str
    mean: Number | None
    min: Number | None
    max: Number | None
    sd: Number | None
    n: int | None

    def told(self, *names: str) -> str:
        """The figures of some names as printed, those that are."""
        figures = {name: getattr(self, name) for name in names}
        words = {"sd": "s.d."}
        return ", ".join(f"{words.get(name, name)} {x.text}" for name, x in figures.items() if x is not None)

    @property
    def has_sd(self) -> bool:
        """Whether there is a standard deviation, and may be two cases for it."""
        return self.sd is not None and (self.n is None or self.n >= 2)

    @property
    def cases(self) -> str:
        return "any N" if self.n is None else f"N = {self.n}"


def check_descriptives(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"descriptives"``, variable by variable."""
    table = Printed.checked(name, tables)
    variables = table.texts("variable")
    cases, counts, bounds = (table.mapping(key) for key in ("n_by_variable", "reported_counts", "bounds"))
    binary, whole = table.listed("binary"), _whole_numbers(table)
    stated: dict[str, Iterable[object]] = {
        "n_by_variable": cases, "reported_counts": counts, "bounds": bounds, "binary": binary, "whole_numbers": whole,
    }  # fmt: skip
    for key, named in stated.items():
        table.require_known(key, named, variables, "a variable of the table")
    checks: list[Check] = []
    for row, variable in enumerate(variables):
        n = cases.get(variable, table.attr("n"))
        if n is not None and (not isinstance(n, int) or isinstance(n, bool) or not 1 <= n < MOST_CASES):
            raise table.wrong_property("n", n, "a positive number of cases")
        mean, low, high, sd = (table.number(column, row) for column in ("mean", "min", "max", "sd"))
        printed = _Variable(table.where(variable), mean, low, high, sd, n)
        checks += _check_scale(printed, _scale(table, variable, bounds.get(variable)))
        checks += _check_mean(printed)
        checks += _check_sd(printed)
        if variable in binary:
            checks += _check_binary(printed)
        if variable in whole:
            checks += _check_whole_numbers(printed, whole[variable])
        if variable in counts:
            count = counts[variable]
            if not isinstance(count, int) or isinstance(count, bool):
                raise table.wrong_property("reported_counts", count, "a whole number of cases", of=variable)
            checks += _check_reported_count(printed, count)
    return checks


def _scale(table: Printed, variable: str, stated: Any) -> Interval | None:
    """The ends of a variable's scale as stated, checked."""
    if stated is None:
        return None
    numbers = isinstance(stated, list | tuple) and all(is_number(x) for x in stated)
    if not numbers or len(stated) != 2 or not stated[0] < stated[1]:
        expected = "the lowest and the highest value of its scale"
        raise table.wrong_property("bounds", stated, expected, of=variable)
    return Interval(float(stated[0]), float(stated[1]))


def _whole_numbers(table: Printed) -> Mapping[str, int]:
    """Variables whose values are whole numbers, and how many items each case averages."""
    stated = table.attr("whole_numbers") or []
    if not isinstance(stated, Mapping):
        stated = {str(variable): 1 for variable in (stated if isinstance(stated, list | tuple) else [stated])}
    for variable, items in stated.items():
        if isinstance(items, bool) or not isinstance(items, int) or items < 1:
            expected = "the number of items that its values average"
            raise table.wrong_property("whole_numbers", items, expected, of=variable)
    return stated


def _check_scale(v: _Variable, scale: Interval | None) -> list[Check]:
    """Smallest and largest value, mean and s.d. against a scale that is known to end somewhere."""
    if scale is None:
        return []
    words = f"the scale runs from {scale.low:g} to {scale.high:g}"
    checks = []
    figures = [figure for figure in (v.min, v.max, v.mean) if figure is not None]
    if figures:
        inside = all(figure.high >= scale.low and figure.low <= scale.high for figure in figures)
        printed = v.told("min", "max", "mean")
        checks.append(Check("values lie on the scale", v.where, printed, words, judge(inside)))
    # With both ends printed the check against them is the sharper one.
    if v.mean is None or v.sd is None or not v.has_sd or (v.min is not None and v.max is not None):
        return checks
    if v.mean.high < scale.low or v.mean.low > scale.high:
        return checks
    ends = (Interval(scale.low, scale.low), Interval(scale.high, scale.high))
    means = box(v.mean, *scale)
    # Nothing need attain the ends of a scale, so that there is no smallest s.d.
    sample, population = (Interval(0.0, sd_bounds(means, *ends, v.n, ddof).high) for ddof in (1, 0))
    words = f"s.d. at most {number(sample.high, v.sd.decimals + 1)} (Bhatia-Davis), {words}, {v.cases}"
    verdict = _sd_verdict(v.sd, sample, population)
    return [*checks, Check("s.d. against mean and scale", v.where, v.told("sd", "mean"), words, verdict)]


def _check_whole_numbers(v: _Variable, items: int) -> list[Check]:
    """Whether a mean of so many whole numbers can be (GRIM), and the s.d. with it; `items`: how many each case averages.

    The sum of whole numbers is whole (Brown & Heathers 2017), and the sum of their squares is whole and odd where the sum is
    (Anaya 2016), so that only some variances can be.
    """
    if v.mean is None or v.n is None:
        return []
    low, high = (end * v.n * items for end in exact_box(v.mean))
    sums = range(math.ceil(low), math.floor(high) + 1)
    numbers = f"{v.n * items} whole numbers"
    words = f"{count_words(sums)} as the sum of {numbers}" if sums else f"no sum of {numbers}"
    check = "mean of whole numbers is possible"
    checks = [Check(check, v.where, v.mean.text, f"{words} gives this mean", judge(bool(sums)))]
    if v.sd is None or not v.has_sd or not sums or len(sums) > _MOST_SUMS:
        return checks
    sample = _has_squares(sums, v.sd, v.n, items, ddof=1)
    population = not sample and _has_squares(sums, v.sd, v.n, items, ddof=0)
    verdict = judge(sample, (population, _DIVIDES_BY_N))
    words = (
        f"{'a' if sample else 'no'} sum of squares of whole numbers gives this s.d. with this mean, {v.cases}"
    )
    check = "s.d. of whole numbers is possible"
    return [*checks, Check(check, v.where, v.told("sd", "mean"), words, verdict)]


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


def _check_mean(v: _Variable) -> list[Check]:
    if v.mean is None or v.min is None or v.max is None:
        return []
    possible = mean_bounds(box(v.min), box(v.max), v.n)
    decimals = max(v.mean.decimals, v.min.decimals, v.max.decimals) + 1
    low, high = (number(end, decimals) for end in possible)
    why = "min <= mean <= max" if v.n is None else f"with {v.cases} and both ends attained"
    words = f"mean between {low} and {high} ({why})"
    holds = v.min.low <= v.max.high and possible.meets(box(v.mean))
    printed = v.told("mean", "min", "max")
    return [Check("mean between min and max", v.where, printed, words, judge(holds))]


def _sd_verdict(sd: Number, sample: Interval, population: Interval) -> str:
    return judge(sample.meets(box(sd)), (population.meets(box(sd)), _DIVIDES_BY_N))


def _check_sd(v: _Variable) -> list[Check]:
    if v.mean is None or v.min is None or v.max is None or v.sd is None or not v.has_sd:
        return []
    sample, population = (sd_bounds(box(v.mean), box(v.min), box(v.max), v.n, ddof) for ddof in (1, 0))
    least, most = (number(end, v.sd.decimals + 1) for end in sample)
    words = f"s.d. at least {least} (both ends attained) and at most {most} (Bhatia-Davis), {v.cases}"
    verdict, printed = _sd_verdict(v.sd, sample, population), v.told("sd", "mean", "min", "max")
    return [Check("s.d. against mean, min and max", v.where, printed, words, verdict)]


def _check_binary(v: _Variable) -> list[Check]:
    if v.mean is None:
        return []
    checks = []
    if v.n is not None:
        counts = possible_counts(exact_box(v.mean), v.n)
        check, words = (
            "mean of a 0/1 variable is a whole count",
            f"{count_words(counts)} of {v.n} gives this mean",
        )
        checks.append(Check(check, v.where, v.mean.text, words, judge(bool(counts))))
    if v.sd is not None and v.has_sd:
        sample, population = (binary_sd(box(v.mean, 0.0, 1.0), v.n, ddof) for ddof in (1, 0))
        words = f"s.d. {span(sample, v.sd.decimals + 2)} from the mean alone"
        verdict = _sd_verdict(v.sd, sample, population)
        checks.append(Check("s.d. of a 0/1 variable", v.where, v.told("sd", "mean"), words, verdict))
    return checks


def _check_reported_count(v: _Variable, count: int) -> list[Check]:
    if v.mean is None or v.n is None:
        return []
    counts = possible_counts(exact_box(v.mean), v.n)
    printed = f"{count} of {v.n} in the text, mean {v.mean.text}"
    share = number(count / v.n, v.mean.decimals + 2)
    words = f"{count}/{v.n} = {share}; {count_words(counts)} of {v.n} gives the printed mean"
    return [Check("reported count against the mean", v.where, printed, words, judge(count in counts))]
