"""Checks on a table of counts: its lines, its total line, its percentages, and its sisters' margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ...errors import DataError, did_you_mean
from ...readers.cells import Number
from ...readers.schema import check_role, file_of, require_columns
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Tables,
    count_cell,
    either,
    exact_box,
    locator_of,
    mapping_property,
    number,
    only_if,
    printed_cell,
    text_cell,
)
from .shares import check_shares_of_100, rounding_rules


def total_of(counts: Sequence[int | None]) -> int | None:
    """Sum of counts that are all printed; `None` where one is not."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


@dataclass(frozen=True)
class Line:
    """One printed line: a count for each status, their total, and a percentage for each status."""

    label: str
    counts: tuple[int | None, ...]
    total: int | None
    percents: tuple[Number | None, ...]


@dataclass(frozen=True)
class CountTable:
    """A table of counts as printed; tables of one population must have equal margins."""

    locator: str
    statuses: tuple[str, ...]
    lines: Sequence[Line]  # without the total line
    total_line: Line | None
    population: str | None  # what is counted, in words

    def margin(self, status: str) -> int | None:
        """Sum of one column over the lines, where all of it is printed."""
        place = self.statuses.index(status)
        return total_of([line.counts[place] for line in self.lines])

    @property
    def grand_total(self) -> int | None:
        """The printed total of all lines, else the sum of the lines' totals."""
        if self.total_line is not None and self.total_line.total is not None:
            return self.total_line.total
        return total_of([line.total for line in self.lines])


def read_count_table(name: str, table: pd.DataFrame) -> CountTable:
    """Read a table with role ``"counts"``."""
    check_role(name, table)
    label, statuses, total = str(table.attrs["label"]), table.attrs["statuses"], str(table.attrs["total"])
    if not isinstance(statuses, list | tuple) or not statuses:
        raise DataError(
            f"{file_of(name, table)}, property 'statuses': found {statuses!r}, expected a list of columns"
        )
    percents = mapping_property(name, table, "percents")
    for status in percents:
        if status not in statuses:
            hint = did_you_mean(str(status), [str(s) for s in statuses])
            raise DataError(
                f"{file_of(name, table)}, property 'percents': found {status!r}, expected a status; {hint}"
            )
    require_columns(name, table, [label, *statuses, total], list(percents.values()))
    lines = [
        Line(
            label=text_cell(table, label, row),
            counts=tuple(count_cell(name, table, status, row) for status in statuses),
            total=count_cell(name, table, total, row),
            percents=tuple(
                printed_cell(name, table, percents[status], row) if status in percents else None
                for status in statuses
            ),
        )
        for row in range(len(table))
    ]
    total_label = table.attrs.get("total_label")
    total_line = next((line for line in lines if line.label == total_label), None)
    if total_label is not None and total_line is None:
        hint = did_you_mean(str(total_label), [line.label for line in lines])
        raise DataError(
            f"{file_of(name, table)}, property 'total_label': found {total_label!r}, "
            f"expected the name of a line; {hint}"
        )
    return CountTable(
        locator_of(name, table),
        tuple(str(status) for status in statuses),
        [line for line in lines if line is not total_line],
        total_line,
        table.attrs.get("population"),
    )


_SEPARATOR = " / "


def check_counts(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"counts"``, also against earlier tables of its population."""
    table = read_count_table(name, tables[name])
    checks: list[Check] = []
    for line in (*table.lines, *([table.total_line] if table.total_line else [])):
        where = f"{table.locator}, {line.label}"
        checks += _check_row_sum(where, line)
        checks += _check_percents(where, table.statuses, line)
        checks += _check_percent_sum(where, line)
    checks += _check_column_sums(table)
    for other_name, other in tables.items():
        if other_name == name:
            break
        if other.attrs.get("role") == "counts" and table.population is not None:
            sister = read_count_table(other_name, other)
            if sister.population == table.population:
                checks += _check_margins(table, sister)
                checks += _check_grand_totals(table, sister)
    return checks


def _joined(values: Sequence[object]) -> str:
    return _SEPARATOR.join("-" if value is None else str(value) for value in values)


def _check_row_sum(where: str, line: Line) -> list[Check]:
    total = total_of(line.counts)
    if total is None or line.total is None:
        return []
    printed, verdict = f"{_joined(line.counts)}, total {line.total}", either(total == line.total)
    return [Check("counts of a line add up to its total", where, printed, f"sum {total}", verdict)]


# ---- percentages ----------------------------------------------------------------------------------------


def _check_percents(where: str, statuses: Sequence[str], line: Line) -> list[Check]:
    cells = [
        (status, count, percent)
        for status, count, percent in zip(statuses, line.counts, line.percents, strict=True)
        if count is not None and percent is not None
    ]
    if not cells or not line.total:
        return []
    rules = [rounding_rules(count, line.total, percent) for _, count, percent in cells]
    words = [
        f"{count}/{line.total} = {number(100 * count / line.total, percent.decimals + 2)}"
        for _, count, percent in cells
    ]
    shared = set.intersection(*rules)
    verdict = CONSISTENT
    if {"half up", "half even"} & shared:
        if len({"half up", "half even"} & shared) == 1:
            words.append(f"a tie, rounded {'up' if 'half up' in shared else 'to the even digit'}")
    elif "cut off" in shared:
        verdict = only_if("the percentages are cut off, not rounded")
    else:
        verdict = INCONSISTENT
        wrong = [status for (status, _, _), rule in zip(cells, rules, strict=True) if not rule - {"cut off"}]
        words.append(f"does not round to the printed figure: {', '.join(wrong) or 'ties rounded both ways'}")
    printed = _joined([percent.text for _, _, percent in cells])
    return [Check("percentages against counts", where, printed, "; ".join(words), verdict)]


def _check_percent_sum(where: str, line: Line) -> list[Check]:
    shares = [percent for percent in line.percents if percent is not None]
    if not shares or len(shares) < len(line.percents):
        return []
    texts = [share.text for share in shares]
    boxes = [exact_box(share) for share in shares]
    return [check_shares_of_100("percentages of a line add up to 100", where, texts, boxes)]


# ---- margins --------------------------------------------------------------------------------------------


def _check_column_sums(table: CountTable) -> list[Check]:
    """Compare the lines' sums with the total line, column by column where the total line prints one."""
    if table.total_line is None:
        return []
    sums = [table.margin(status) for status in table.statuses]
    sums.append(total_of([line.total for line in table.lines]))
    triples = zip(
        [*table.statuses, "total"], [*table.total_line.counts, table.total_line.total], sums, strict=True
    )
    known = [triple for triple in triples if None not in triple]
    if not known:
        return []
    columns, told, added = zip(*known, strict=True)
    where, printed = f"{table.locator}, {table.total_line.label}", f"{_joined(told)} ({_joined(columns)})"
    return [
        Check(
            "lines add up to the total line", where, printed, f"sums {_joined(added)}", either(told == added)
        )
    ]


def _check_margins(table: CountTable, sister: CountTable) -> list[Check]:
    """Column sums of two tables that count the same things."""
    known = [
        (status, own, other)
        for status in table.statuses
        if status in sister.statuses
        and (own := table.margin(status)) is not None
        and (other := sister.margin(status)) is not None
    ]
    if not known:
        return []
    statuses, owns, others = zip(*known, strict=True)
    words = f"{sister.locator} adds up to {_joined(others)}"
    if owns != others:
        words += f"; differences {_joined([f'{own - other:+d}' for _, own, other in known])}"
    check, where = "margins of two tables of one population", f"{table.locator} against {sister.locator}"
    printed = f"lines add up to {_joined(owns)} ({_joined(statuses)})"
    return [Check(check, where, printed, words, either(owns == others))]


def _check_grand_totals(table: CountTable, sister: CountTable) -> list[Check]:
    own, other = table.grand_total, sister.grand_total
    if own is None or other is None:
        return []
    check, where = "grand totals of two tables of one population", f"{table.locator} against {sister.locator}"
    return [Check(check, where, f"total {own}", f"{sister.locator} has {other}", either(own == other))]
