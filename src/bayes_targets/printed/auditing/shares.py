"""Checks on shares of whole things: exhaustive answers, whole respondents, one figure told twice, rates against counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ...readers.cells import Number
from ..intervals import Box, Interval, exact_box, possible_counts
from ..table import Printed, Tables
from .findings import Check, judge, number, span


def told_box(table: Printed, row: int, printed: Number) -> Box:
    """Find all values that one told figure stands for."""
    figure = Fraction(printed.text)
    relation, half_width = table.text("relation", row), table.text("half_width", row)
    if relation == "above":
        return figure, Fraction(100)
    if relation == "below":
        return Fraction(0), figure
    if not half_width:
        return exact_box(printed)
    try:
        return figure - Fraction(half_width), figure + Fraction(half_width)
    except ValueError:
        expected = "a number, in the unit of the figure"
        raise table.wrong_cell(row, "half_width", half_width, expected) from None


def count_words(counts: range) -> str:
    """Possible counts in words."""
    if not counts:
        return "no whole count"
    few = counts.stop - counts.start < 3
    return " or ".join(str(k) for k in counts) if few else f"{counts[0]} to {counts[-1]}"


def rounding_rules(count: int, total: int, percent: Number) -> set[str]:
    """Which ways of rounding take ``count / total`` to the printed percentage, in exact arithmetic."""
    unit = 10**percent.decimals
    exact = Fraction(100 * count * unit, total)
    printed = Fraction(percent.text) * unit
    rounded = {
        "half up": (2 * exact + 1) // 2,
        "half even": round(exact),
        "cut off": exact // 1,
    }
    return {rule for rule, value in rounded.items() if value == printed}


def check_shares_of_100(check: str, where: str, shares: Sequence[Number], boxes: Sequence[Box]) -> Check:
    """Check whether percentages of one whole can add up to 100 before rounding.

    Their sum rises in each of them, so its extremes lie where all are at their low, or all at their high end.
    """
    low, high = (sum(ends, Fraction(0)) for ends in zip(*boxes, strict=True))
    decimals = max(share.decimals for share in shares) + 1
    words = f"unrounded sum between {number(float(low), decimals)} and {number(float(high), decimals)}"
    printed = " + ".join(share.text for share in shares)
    return Check(check, where, printed, words, judge(low <= 100 <= high))


@dataclass(frozen=True)
class Told:
    """One printed number, the exact box of values it stands for, and what it is the number of."""

    what: str
    unit: str
    value: Number
    box: Box
    locator: str


def check_shares(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"shares"``."""
    table = Printed.checked(name, tables)
    questions, shares, checks = table.texts("question"), [], []
    for row, question in enumerate(questions):
        printed = table.number("share", row)
        if printed is None:
            continue
        label = table.text("id", row) or question
        box, base = told_box(table, row, printed), table.count("base", row)
        share = Told(question, "%", printed, box, table.where_row(row, label))
        shares.append(share)
        if base:
            counts = possible_counts(box, base, of=100)
            words = f"{count_words(counts)} of {base} gives this share"
            check = "share is possible with its base"
            checks.append(
                Check(check, share.locator, f"{printed.text}% of {base}", words, judge(bool(counts)))
            )
    exhaustive = [str(question) for question in table.listed("exhaustive")]
    printed_questions = sorted({share.what for share in shares})
    table.require_known("exhaustive", exhaustive, printed_questions, "a question of the table")
    for question in exhaustive:
        parts = [share for share in shares if share.what == question]
        if len(parts) == questions.count(question):
            places = {table.where_row(row) for row in table.rows if questions[row] == question}
            where = f"{places.pop()}, {question}" if len(places) == 1 else table.where(question)
            check = "shares of all answers add up to 100"
            values, boxes = [part.value for part in parts], [part.box for part in parts]
            checks.append(check_shares_of_100(check, where, values, boxes))
    return checks


def check_bases(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"bases"``."""
    table = Printed.checked(name, tables)
    figures = {}
    for row in table.rows:
        value = table.number("value", row)
        if value is not None:
            what, unit = table.text("what", row), table.text("unit", row)
            box, place = told_box(table, row, value), table.where_row(row)
            figures[table.text("id", row)] = Told(what, unit, value, box, place)
    return [
        *_check_told_twice(table, list(figures.values())),
        *_check_rates(table, figures),
        *_check_parts(table, figures),
    ]


def _figure(table: Printed, key: str, figures: Mapping[str, Told], wanted: object) -> Told:
    table.require_known(key, [wanted], list(figures), "an id of the table")
    return figures[str(wanted)]


def common_box(boxes: Sequence[Box]) -> Box:
    """Intersect boxes; the result is empty where its low end is above its high one."""
    return max(low for low, _ in boxes), min(high for _, high in boxes)


def _check_told_twice(table: Printed, figures: Sequence[Told]) -> list[Check]:
    """Compare figures that are told in several places, each with its own rounding."""
    checks = []
    for what, unit in dict.fromkeys((figure.what, figure.unit) for figure in figures):
        told = [figure for figure in figures if (figure.what, figure.unit) == (what, unit)]
        if len(told) < 2:
            continue
        low, high = common_box([figure.box for figure in told])
        decimals = max(figure.value.decimals for figure in told) + 1
        common = span(Interval(float(low), float(high)), decimals)
        one_of_them = (low, high) in [figure.box for figure in told]
        words = f"all hold from {common}{'' if one_of_them else ' only'}"
        if low > high:
            words = "no unrounded figure prints as each of them"
        verdict = judge(low <= high and one_of_them, (low <= high, f"the unrounded figure is {common}"))
        printed = "; ".join(f"{figure.value.text} {unit} ({figure.locator})" for figure in told)
        checks.append(Check("one figure told in several places", table.where(what), printed, words, verdict))
    return checks


def _check_rates(table: Printed, figures: Mapping[str, Told]) -> list[Check]:
    """Find the numbers asked that a count of answers and its rates allow.

    The number asked falls as the rate rises, so its extremes belong to the two ends of the rates' box.
    """
    rates_of: dict[str, list[Told]] = {}
    for rate, count in table.mapping("rates").items():
        _figure(table, "rates", figures, count)
        rates_of.setdefault(str(count), []).append(_figure(table, "rates", figures, rate))
    checks = []
    for count_id, rates in rates_of.items():
        count = figures[count_id]
        low, high = common_box([rate.box for rate in rates])
        if low <= 0:
            continue
        answers = Fraction(count.value.text)
        least = max(math.ceil(100 * answers / high), math.ceil(answers))
        asked = range(least, math.floor(100 * answers / low) + 1)
        printed = f"{count.value.text}, {' and '.join(f'{rate.value.text}%' for rate in rates)}"
        words = f"{count.value.text} of {count_words(asked)} gives every printed rate"
        check = "count of answers against the rate"
        checks.append(Check(check, count.locator, printed, words, judge(bool(asked))))
    return checks


def _check_parts(table: Printed, figures: Mapping[str, Told]) -> list[Check]:
    """Add up groups that do not overlap: they cannot be more than their whole."""
    checks = []
    for whole_id, part_ids in table.mapping("parts").items():
        whole = _figure(table, "parts", figures, whole_id)
        parts = [_figure(table, "parts", figures, part).value for part in part_ids]
        total = sum(Fraction(part.text) for part in parts)
        rest = Fraction(whole.value.text) - total
        printed = f"{' + '.join(part.text for part in parts)} of {whole.value.text}"
        check, words = "groups are no more than their whole", f"sum {total}, which leaves {rest}"
        checks.append(Check(check, whole.locator, printed, words, judge(rest >= 0)))
    return checks
