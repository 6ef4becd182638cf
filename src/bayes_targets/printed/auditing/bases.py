"""Checks on the bases of a survey: one figure told twice, rates against counts, parts against the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import pandas as pd

from ...errors import DataError, did_you_mean
from ..numbers import Printed
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    Tables,
    either,
    file_of,
    locator_of,
    mapping_property,
    only_if,
    printed_cell,
    require_columns,
    row_locator,
    span,
    text_cell,
)
from .percentages import count_words, told_box

Box = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Figure:
    """One printed number and what it is the number of."""

    what: str
    unit: str
    value: Printed
    box: Box
    locator: str


def check_bases(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"bases"``.

    Parameters
    ----------
    name : str
        Name of the table.
    tables : mapping of str to DataFrame
        Columns ``id, what, unit`` and ``value`` (printed), optionally ``locator`` and the columns of
        `told_box`: rows with the same `what` and `unit` tell one figure. Optional attrs ``rates`` (id of a
        percentage to id of the count it is the rate of) and ``parts`` (id of a whole to ids of groups in it
        that do not overlap).

    Returns
    -------
    list of Check
    """
    table = tables[name]
    require_columns(name, table, ["id", "what", "unit"], ["value"])
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
    if wanted not in figures:
        hint = did_you_mean(str(wanted), list(figures))
        raise DataError(
            f"{file_of(name, table)}, property {key!r}: found {wanted!r}, expected an id of the table; {hint}"
        )
    return figures[str(wanted)]


def common_box(boxes: Sequence[Box]) -> Box:
    """Intersect boxes; the result is empty where its low end is above its high one.

    Examples
    --------
    >>> common_box([(Fraction(1), Fraction(3)), (Fraction(2), Fraction(5))])
    (Fraction(2, 1), Fraction(3, 1))
    """
    return max(low for low, _ in boxes), min(high for _, high in boxes)


def _box_words(low: Fraction, high: Fraction, values: Sequence[Printed]) -> str:
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
        checks.append(
            Check(
                "count of answers against the rate",
                count.locator,
                f"{count.value.text}, {' and '.join(f'{rate.value.text}%' for rate in rates)}",
                f"{count.value.text} of {count_words(asked)} gives every printed rate",
                either(bool(asked)),
            )
        )
    return checks


def _check_parts(name: str, table: pd.DataFrame, figures: Mapping[str, Figure]) -> list[Check]:
    """Add up groups that do not overlap: they cannot be more than their whole."""
    checks = []
    for whole_id, part_ids in mapping_property(name, table, "parts").items():
        whole = _figure(name, table, "parts", figures, whole_id)
        parts = [_figure(name, table, "parts", figures, part).value for part in part_ids]
        total = sum(Fraction(part.text) for part in parts)
        rest = Fraction(whole.value.text) - total
        checks.append(
            Check(
                "groups are no more than their whole",
                whole.locator,
                f"{' + '.join(part.text for part in parts)} of {whole.value.text}",
                f"sum {total}, which leaves {rest}",
                either(rest >= 0),
            )
        )
    return checks
