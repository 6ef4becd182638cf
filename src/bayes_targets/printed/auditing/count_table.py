"""A table of counts as printed: lines, statuses, percentages and the total line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ...errors import DataError, did_you_mean
from ..numbers import Printed
from .findings import (
    count_cell,
    file_of,
    locator_of,
    mapping_property,
    printed_cell,
    require_columns,
    require_property,
    text_cell,
)


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
    percents: tuple[Printed | None, ...]


@dataclass(frozen=True)
class CountTable:
    """A table of counts as printed.

    Attributes
    ----------
    lines : list of Line
        Without the total line.
    total_line : Line or None
    population : str or None
        What is counted, in words: tables of one population must have equal margins.
    """

    locator: str
    statuses: tuple[str, ...]
    lines: Sequence[Line]
    total_line: Line | None
    population: str | None

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
    """Read a table with role ``"counts"``.

    Parameters
    ----------
    name : str
        Name of the table in its study.
    table : DataFrame
        attrs ``label`` (column of the lines' names), ``statuses`` (the count columns), ``total`` (column of
        the printed totals); optionally ``percents`` (status to printed column of percentages),
        ``total_label`` (name of the line that holds all others) and ``population``.

    Returns
    -------
    CountTable

    Raises
    ------
    DataError
        For a property or a column that is not there, or a count that is not a whole number.
    """
    label = str(require_property(name, table, "label", "the column of the lines' names"))
    statuses = require_property(name, table, "statuses", "the list of count columns")
    total = str(require_property(name, table, "total", "the column of the printed totals"))
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
    lines = [_read_line(name, table, row, label, statuses, total, percents) for row in range(len(table))]
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


def _read_line(
    name: str,
    table: pd.DataFrame,
    row: int,
    label: str,
    statuses: Sequence[str],
    total: str,
    percents: Mapping[str, str],
) -> Line:
    return Line(
        label=text_cell(table, label, row),
        counts=tuple(count_cell(name, table, status, row) for status in statuses),
        total=count_cell(name, table, total, row),
        percents=tuple(
            printed_cell(name, table, percents[status], row) if status in percents else None
            for status in statuses
        ),
    )
