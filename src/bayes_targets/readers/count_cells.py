"""Cells of a table of counts: areas, whole numbers, totals and covariates, and every wrong cell named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import cell_message, did_you_mean
from .authority_cells import is_missing, parse_number, read_labels

_WHOLE = "a whole number of 0 or more"
_TOTAL_WORDS = ("total", "all", "sum", "overall")


@dataclass(frozen=True)
class Layout:
    """Which column is what."""

    file: str
    label: str
    statuses: list[str]
    covariates: list[str]
    total: str
    total_label: str | None
    percents: list[str]


@dataclass(frozen=True, eq=False)
class Counted:
    """Areas with the row that each stands in first, their counts, and what is wrong."""

    areas: list[str]
    rows: list[int]
    values: NDArray[np.float64]
    problems: list[str]


def is_long(cells: pd.DataFrame) -> bool:
    """Whether a table has a row for each area and status, not a column a status."""
    return {"status", "count"} <= set(cells.columns)


def read_wide(cells: pd.DataFrame, layout: Layout) -> Counted:
    """Read a table with a column a status; the printed total row is left out."""
    labels, problems = read_labels(cells[layout.label], name=layout.label, label=layout.file)
    labels = [name.strip() for name in labels]
    printed_total = np.array(
        [layout.total_label is not None and name == layout.total_label for name in labels]
    )
    kept = np.flatnonzero(~printed_total)
    known = {layout.label, layout.total, *layout.statuses, *layout.covariates, *layout.percents}
    problems += [
        f"{layout.file}, column {column!r}: expected the label {layout.label!r}, a status "
        f"({', '.join(layout.statuses)}), {layout.total!r} or a named covariate; leave it out or name it"
        for column in cells.columns
        if column not in known and not str(column).endswith("_printed")
    ]
    values = np.empty((len(kept), len(layout.statuses)))
    for place, status in enumerate(layout.statuses):
        values[:, place], wrong = _whole_numbers(cells[status], kept, status, layout.file)
        problems += wrong
    if layout.total in cells.columns:
        problems += _total_problems(cells[layout.total], kept, values, layout)
    problems += [
        cell_message(
            file=layout.file,
            row=int(row) + 1,
            column=layout.label,
            value=labels[row],
            expected=f"each area once (it stands in row {labels.index(labels[row]) + 1} too)",
        )
        for row in kept
        if labels[row] and labels.index(labels[row]) != row
    ]
    return Counted([labels[row] for row in kept], [int(row) for row in kept], values, problems)


def read_long(cells: pd.DataFrame, layout: Layout) -> Counted:
    """Read a table with a row for each area and status; every area needs every status."""
    labels, problems = read_labels(cells[layout.label], name=layout.label, label=layout.file)
    labels = [name.strip() for name in labels]
    known = {layout.label, "status", "count", *layout.covariates}
    problems += [
        f"{layout.file}, column {column!r}: expected the label, 'status', 'count' or a named covariate; "
        "leave it out or name it"
        for column in cells.columns
        if column not in known
    ]
    numbers, wrong = _whole_numbers(cells["count"], np.arange(len(cells)), "count", layout.file)
    problems += wrong
    areas = list(dict.fromkeys(name for name in labels if name))
    values = np.full((len(areas), len(layout.statuses)), -1.0)
    for row, (area, cell, number) in enumerate(zip(labels, cells["status"], numbers, strict=True)):
        status = "" if is_missing(cell) else str(cell).strip()
        expected = ""
        if status not in layout.statuses:
            expected = f"a known status; {did_you_mean(status, layout.statuses)}"
        elif area and values[areas.index(area), layout.statuses.index(status)] != -1.0:
            expected = "each status once an area"
        elif area:
            values[areas.index(area), layout.statuses.index(status)] = number
        if expected:
            problems.append(
                cell_message(file=layout.file, row=row + 1, column="status", value=status, expected=expected)
            )
    problems += [
        f"{layout.file}, area {areas[i]!r}: no row for status {layout.statuses[k]!r}, expected one "
        "(its count may be 0)"
        for i, k in np.argwhere(values == -1.0)
    ]
    return Counted(areas, [labels.index(area) for area in areas], values, problems)


def _whole_numbers(
    cells: pd.Series[Any], kept: NDArray[np.intp], column: str, file: str
) -> tuple[NDArray[np.float64], list[str]]:
    """Read the counts in a column; NaN where a cell is none."""
    found = [cells.iloc[row] for row in kept]
    numbers = [None if is_missing(cell) or isinstance(cell, bool) else parse_number(cell) for cell in found]
    if (
        len(found) > 1
        and all(number is None for number in numbers)
        and not any(is_missing(cell) for cell in found)
    ):
        return np.full(len(found), np.nan), [
            f"{file}, column {column!r}: holds no number, expected the counts of a status; name it as a "
            "covariate or leave it out"
        ]
    values = np.full(len(found), np.nan)
    problems = []
    for place, (row, cell, number) in enumerate(zip(kept, found, numbers, strict=True)):
        if number is not None and 0 <= number < 2**53 and number == round(number):
            values[place] = number
        else:
            value = "" if is_missing(cell) else cell
            problems.append(
                cell_message(file=file, row=int(row) + 1, column=column, value=value, expected=_WHOLE)
            )
    return values, problems


def _total_problems(
    cells: pd.Series[Any], kept: NDArray[np.intp], values: NDArray[np.float64], layout: Layout
) -> list[str]:
    """Totals that are not the sum of their row; rows with a wrong count are told already."""
    problems = []
    for row, total in zip(kept, values.sum(axis=1), strict=True):
        cell = cells.iloc[row]
        if np.isfinite(total) and (is_missing(cell) or parse_number(cell) != total):
            value = "" if is_missing(cell) else cell
            expected = f"the sum of the statuses, {total:g}"
            problems.append(
                cell_message(
                    file=layout.file, row=int(row) + 1, column=layout.total, value=value, expected=expected
                )
            )
    return problems


def row_problems(layout: Layout, counted: Counted) -> list[str]:
    """Find what is wrong with an area as a whole."""
    if not counted.areas:
        return [f"{layout.file}: no rows, expected an area a row"]
    problems = [
        cell_message(
            file=layout.file, row=row + 1, value=area, expected="at least one target in the area, found none"
        )
        for area, row, total in zip(counted.areas, counted.rows, counted.values.sum(axis=1), strict=True)
        if total == 0
    ]
    for i, (area, row) in enumerate(zip(counted.areas, counted.rows, strict=True)):
        others = np.delete(counted.values, i, axis=0).sum(axis=0)
        words = area.casefold().split()
        if words and words[0] in _TOTAL_WORDS and np.array_equal(counted.values[i], others):
            expected = "areas only; this row is the sum of the others"
            problems.append(
                cell_message(
                    file=layout.file, row=row + 1, column=layout.label, value=area, expected=expected
                )
            )
    return problems


def predictors(
    cells: pd.DataFrame, layout: Layout, counted: Counted
) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Read covariates as numbers: their values, their names, and what is wrong with them."""
    columns: list[list[float]] = []
    names: list[str] = []
    problems: list[str] = []
    own = cells[layout.label].map(lambda cell: str(cell).strip())
    for name in layout.covariates:
        found = [cells[name].iloc[row] for row in counted.rows]
        empty = [row for row, cell in zip(counted.rows, found, strict=True) if is_missing(cell)]
        problems += [
            cell_message(
                file=layout.file, row=row + 1, column=name, value="", expected="a value for the area"
            )
            for row in empty
        ]
        problems += [
            f"{layout.file}, column {name!r}: area {area!r} has several values, expected one"
            for area in (counted.areas if is_long(cells) else [])
            if len(set(cells.loc[own == area, name].astype(str))) > 1
        ]
        if empty:
            continue
        numbers = [parse_number(cell) for cell in found]
        if all(number is not None and np.isfinite(number) for number in numbers):
            columns.append([float(number) for number in numbers if number is not None])
            names.append(name)
            continue
        words = [str(cell).strip() for cell in found]
        for word in list(dict.fromkeys(words))[1:]:
            columns.append([float(cell == word) for cell in words])
            names.append(f"{name}: {word}")
    return np.array(columns, dtype=float).reshape(len(names), len(counted.areas)).T, names, problems
