"""Checks on a table of counts: its lines, its total line, its percentages, and its sisters' margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...readers.cells import Number
from ...readers.schema import require_columns
from ..intervals import exact_box
from ..table import Printed, Tables
from .findings import Check, judge, number
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


def read_count_table(name: str, tables: Tables) -> CountTable:
    """Read a table with role ``"counts"``."""
    table = Printed.checked(name, tables)
    label, statuses, total = str(table.attr("label")), table.attr("statuses"), str(table.attr("total"))
    if not isinstance(statuses, list | tuple) or not statuses:
        raise table.wrong_property("statuses", statuses, "a list of columns")
    percents = table.mapping("percents")
    table.require_known("percents", percents, statuses, "a status")
    require_columns(name, table.frame, [label, *statuses, total], list(percents.values()))
    lines = [
        Line(
            label=table.text(label, row),
            counts=tuple(table.count(status, row) for status in statuses),
            total=table.count(total, row),
            percents=tuple(
                table.number(percents[status], row) if status in percents else None for status in statuses
            ),
        )
        for row in table.rows
    ]
    total_label = table.attr("total_label")
    if total_label is not None:
        table.require_known(
            "total_label", [total_label], [line.label for line in lines], "the name of a line"
        )
    total_line = next((line for line in lines if line.label == total_label), None)
    return CountTable(
        table.where(),
        tuple(str(status) for status in statuses),
        [line for line in lines if line is not total_line],
        total_line,
        table.attr("population"),
    )


def check_counts(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"counts"``, also against earlier tables of its population."""
    table = read_count_table(name, tables)
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
            sister = read_count_table(other_name, tables)
            if sister.population == table.population:
                checks += _check_margins(table, sister)
                checks += _check_grand_totals(table, sister)
    return checks


def _joined(values: Sequence[object]) -> str:
    return " / ".join("-" if value is None else str(value) for value in values)


def _check_row_sum(where: str, line: Line) -> list[Check]:
    total = total_of(line.counts)
    if total is None or line.total is None:
        return []
    printed, verdict = f"{_joined(line.counts)}, total {line.total}", judge(total == line.total)
    return [Check("counts of a line add up to its total", where, printed, f"sum {total}", verdict)]


def _check_percents(where: str, statuses: Sequence[str], line: Line) -> list[Check]:
    if not line.total:
        return []
    printed, words, wrong = [], [], []
    shared = {"half up", "half even", "cut off"}
    for status, count, percent in zip(statuses, line.counts, line.percents, strict=True):
        if count is not None and percent is not None:
            rules = rounding_rules(count, line.total, percent)
            shared &= rules
            if not rules - {"cut off"}:
                wrong.append(status)
            share = number(100 * count / line.total, percent.decimals + 2)
            words.append(f"{count}/{line.total} = {share}")
            printed.append(percent.text)
    if not printed:
        return []
    rounded, cut_off = shared & {"half up", "half even"}, "cut off" in shared
    if len(rounded) == 1:
        words.append(f"a tie, rounded {'up' if 'half up' in rounded else 'to the even digit'}")
    elif not rounded and not cut_off:
        words.append(f"does not round to the printed figure: {', '.join(wrong) or 'ties rounded both ways'}")
    verdict = judge(bool(rounded), (cut_off, "the percentages are cut off, not rounded"))
    return [Check("percentages against counts", where, _joined(printed), "; ".join(words), verdict)]


def _check_percent_sum(where: str, line: Line) -> list[Check]:
    shares = [percent for percent in line.percents if percent is not None]
    if not shares or len(shares) < len(line.percents):
        return []
    boxes = [exact_box(share) for share in shares]
    return [check_shares_of_100("percentages of a line add up to 100", where, shares, boxes)]


# ---- margins --------------------------------------------------------------------------------------------


def _check_column_sums(table: CountTable) -> list[Check]:
    """Compare the lines' sums with the total line, column by column where the total line prints one."""
    if table.total_line is None:
        return []
    sums = [
        *(table.margin(status) for status in table.statuses),
        total_of([line.total for line in table.lines]),
    ]
    told = [*table.total_line.counts, table.total_line.total]
    triples = zip([*table.statuses, "total"], told, sums, strict=True)
    known = [triple for triple in triples if None not in triple]
    if not known:
        return []
    columns, printed, added = zip(*known, strict=True)
    where, words = f"{table.locator}, {table.total_line.label}", f"{_joined(printed)} ({_joined(columns)})"
    check, verdict = "lines add up to the total line", judge(printed == added)
    return [Check(check, where, words, f"sums {_joined(added)}", verdict)]


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
    return [Check(check, where, printed, words, judge(owns == others))]


def _check_grand_totals(table: CountTable, sister: CountTable) -> list[Check]:
    own, other = table.grand_total, sister.grand_total
    if own is None or other is None:
        return []
    check, where = "grand totals of two tables of one population", f"{table.locator} against {sister.locator}"
    return [Check(check, where, f"total {own}", f"{sister.locator} has {other}", judge(own == other))]
