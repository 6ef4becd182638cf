"""Checks on shares of whole things: exhaustive answers, whole respondents, one figure told twice, rates against counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

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
    count_cell,
    either,
    exact_box,
    locator_of,
    mapping_property,
    number,
    only_if,
    optional_text,
    printed_cell,
    row_locator,
    span,
    text_cell,
    wrong_cell,
)


def told_box(name: str, table: pd.DataFrame, row: int, printed: Number) -> tuple[Fraction, Fraction]:
    """Find all values that one told figure stands for."""
    figure = Fraction(printed.text)
    relation, half_width = optional_text(table, "relation", row), optional_text(table, "half_width", row)
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
        raise wrong_cell(name, table, row, "half_width", half_width, expected) from None


def possible_counts(share: tuple[Fraction, Fraction], base: int, of: int = 1) -> range:
    """List the whole counts out of `base` whose share lies in an exact box."""
    low, high = (end * base / of for end in share)
    return range(max(math.ceil(low), 0), min(math.floor(high), base) + 1)


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


def check_shares_of_100(
    check: str, where: str, texts: Sequence[str], boxes: Sequence[tuple[Fraction, Fraction]]
) -> Check:
    """Check whether percentages of one whole can add up to 100 before rounding.

    Their sum rises in each of them, so its extremes lie where all are at their low, or all at their high end.
    """
    low, high = (sum((ends[i] for ends in boxes), Fraction(0)) for i in (0, 1))
    decimals = max(len(text.partition(".")[2]) for text in texts) + 1
    recomputed = f"unrounded sum between {number(float(low), decimals)} and {number(float(high), decimals)}"
    return Check(check, where, " + ".join(texts), recomputed, either(low <= 100 <= high))


@dataclass(frozen=True)
class Share:
    """One printed percentage, and the exact box of values it stands for."""

    name: str
    question: str
    text: str
    box: tuple[Fraction, Fraction]
    base: int | None
    locator: str


def read_shares(name: str, table: pd.DataFrame) -> list[Share]:
    """Read the printed shares of a table with role ``"shares"``."""
    check_role(name, table)
    shares = []
    for row in range(len(table)):
        printed = printed_cell(name, table, "share", row)
        if printed is None:
            continue
        question = text_cell(table, "question", row)
        shares.append(
            Share(
                name=optional_text(table, "id", row) or question,
                question=question,
                text=printed.text,
                box=told_box(name, table, row, printed),
                base=count_cell(name, table, "base", row) if "base" in table.columns else None,
                locator=row_locator(name, table, row, optional_text(table, "id", row) or question),
            )
        )
    return shares


def check_shares(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"shares"``."""
    table = tables[name]
    shares = read_shares(name, table)
    checks = []
    for share in shares:
        if share.base:
            counts = possible_counts(share.box, share.base, of=100)
            words = f"{count_words(counts)} of {share.base} gives this share"
            check, printed = "share is possible with its base", f"{share.text}% of {share.base}"
            checks.append(Check(check, share.locator, printed, words, either(bool(counts))))
    for question in _exhaustive(name, table, shares):
        parts = [share for share in shares if share.question == question]
        asked = [text_cell(table, "question", row) for row in range(len(table))].count(question)
        if len(parts) == asked:
            checks.append(_check_exhaustive(name, table, question, parts))
    return checks


def _check_exhaustive(name: str, table: pd.DataFrame, question: str, parts: Sequence[Share]) -> Check:
    places = {share.locator.removesuffix(f", {share.name}") for share in parts}
    where = f"{places.pop()}, {question}" if len(places) == 1 else locator_of(name, table, question)
    texts, boxes = [share.text for share in parts], [share.box for share in parts]
    return check_shares_of_100("shares of all answers add up to 100", where, texts, boxes)


def _exhaustive(name: str, table: pd.DataFrame, shares: Sequence[Share]) -> list[str]:
    stated = [str(question) for question in table.attrs.get("exhaustive") or []]
    questions = sorted({share.question for share in shares})
    for question in stated:
        if question not in questions:
            raise DataError(
                f"{file_of(name, table)}, property 'exhaustive': found {question!r}, "
                f"expected a question of the table; {did_you_mean(question, questions)}"
            )
    return stated


Box = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Figure:
    """One printed number and what it is the number of."""

    what: str
    unit: str
    value: Number
    box: Box
    locator: str


def check_bases(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"bases"``."""
    table = tables[name]
    check_role(name, table)
    figures = {}
    for row in range(len(table)):
        value = printed_cell(name, table, "value", row)
        if value is not None:
            what, unit = text_cell(table, "what", row), text_cell(table, "unit", row)
            box, place = told_box(name, table, row, value), row_locator(name, table, row)
            figures[text_cell(table, "id", row)] = Figure(what, unit, value, box, place)
    return [
        *_check_told_twice(name, table, list(figures.values())),
        *_check_rates(name, table, figures),
        *_check_parts(name, table, figures),
    ]


def _figure(
    name: str, table: pd.DataFrame, key: str, figures: Mapping[str, Figure], wanted: object
) -> Figure:
    if not isinstance(wanted, str) or wanted not in figures:
        hint = did_you_mean(str(wanted), list(figures))
        raise DataError(
            f"{file_of(name, table)}, property {key!r}: found {wanted!r}, expected an id of the table; {hint}"
        )
    return figures[str(wanted)]


def common_box(boxes: Sequence[Box]) -> Box:
    """Intersect boxes; the result is empty where its low end is above its high one."""
    return max(low for low, _ in boxes), min(high for _, high in boxes)


def _box_words(low: Fraction, high: Fraction, values: Sequence[Number]) -> str:
    return span(Interval(float(low), float(high)), max(value.decimals for value in values) + 1)


def _check_told_twice(name: str, table: pd.DataFrame, figures: Sequence[Figure]) -> list[Check]:
    """Compare figures that are told in several places, each with its own rounding."""
    checks = []
    for what, unit in dict.fromkeys((figure.what, figure.unit) for figure in figures):
        told = [figure for figure in figures if (figure.what, figure.unit) == (what, unit)]
        if len(told) < 2:
            continue
        values = [figure.value for figure in told]
        low, high = common_box([figure.box for figure in told])
        if low > high:
            words, verdict = "no unrounded figure prints as each of them", INCONSISTENT
        elif (low, high) in [figure.box for figure in told]:
            words, verdict = f"all hold from {_box_words(low, high, values)}", CONSISTENT
        else:
            words = f"all hold from {_box_words(low, high, values)} only"
            verdict = only_if(f"the unrounded figure is {_box_words(low, high, values)}")
        printed = "; ".join(f"{figure.value.text} {unit} ({figure.locator})" for figure in told)
        where = locator_of(name, table, what)
        checks.append(Check("one figure told in several places", where, printed, words, verdict))
    return checks


def _check_rates(name: str, table: pd.DataFrame, figures: Mapping[str, Figure]) -> list[Check]:
    """Find the numbers asked that a count of answers and its rates allow.

    The number asked falls as the rate rises, so its extremes belong to the two ends of the rates' box.
    """
    rates_of: dict[str, list[Figure]] = {}
    for rate, count in mapping_property(name, table, "rates").items():
        _figure(name, table, "rates", figures, count)
        rates_of.setdefault(str(count), []).append(_figure(name, table, "rates", figures, rate))
    checks = []
    for count_id, rates in rates_of.items():
        count = figures[count_id]
        low, high = common_box([rate.box for rate in rates])
        if low <= 0:
            continue
        answers = Fraction(count.value.text)
        asked = range(
            max(math.ceil(100 * answers / high), math.ceil(answers)), math.floor(100 * answers / low) + 1
        )
        printed = f"{count.value.text}, {' and '.join(f'{rate.value.text}%' for rate in rates)}"
        words = f"{count.value.text} of {count_words(asked)} gives every printed rate"
        check = "count of answers against the rate"
        checks.append(Check(check, count.locator, printed, words, either(bool(asked))))
    return checks


def _check_parts(name: str, table: pd.DataFrame, figures: Mapping[str, Figure]) -> list[Check]:
    """Add up groups that do not overlap: they cannot be more than their whole."""
    checks = []
    for whole_id, part_ids in mapping_property(name, table, "parts").items():
        whole = _figure(name, table, "parts", figures, whole_id)
        parts = [_figure(name, table, "parts", figures, part).value for part in part_ids]
        total = sum(Fraction(part.text) for part in parts)
        rest = Fraction(whole.value.text) - total
        printed = f"{' + '.join(part.text for part in parts)} of {whole.value.text}"
        check, words = "groups are no more than their whole", f"sum {total}, which leaves {rest}"
        checks.append(Check(check, whole.locator, printed, words, either(rest >= 0)))
    return checks
