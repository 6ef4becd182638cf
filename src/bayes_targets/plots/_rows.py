"""Figures made of rows: checks of their tables, and the labelled axes with a mark and an interval a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DataError, did_you_mean
from ._style import DARK, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def require_rows(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raise unless a frame has rows, the columns, and an index without repeats."""
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"{name}: found {type(table).__name__}, expected a pandas DataFrame")
    present = [str(column) for column in table.columns]
    for column in columns:
        if column not in present:
            raise DataError(f"{name}: column {column!r} is missing; {did_you_mean(column, present)}")
    if table.empty:
        raise DataError(f"{name}: has no rows, expected at least one")
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(f"{name}: label {str(twice)!r} occurs more than once, expected each label once")


def numbers(table: pd.DataFrame | pd.Series, column: str, name: str, *, missing: bool = False) -> Floats:
    """Read a column as finite floats; NaN is let through only where `missing` says so."""
    cells = table[column] if isinstance(table, pd.DataFrame) else table
    for label, cell in cells.items():
        value = as_float(cell)
        if value is None or np.isinf(value) or (np.isnan(value) and not missing):
            raise DataError(
                f"{name}, row {str(label)!r}, column {column!r}: found {cell!r}, expected a finite number"
            )
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


def as_float(cell: object) -> float | None:
    """Read a cell as a float (a missing one as NaN), or None where it is no number."""
    if cell is None or cell is pd.NA:
        return float("nan")
    if isinstance(cell, str):
        return None
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def intervals(
    table: pd.DataFrame, columns: tuple[str, str, str], name: str, *, missing: bool = False
) -> Floats:
    """Centre, low and high of every row, shape (3, rows); low must not exceed high."""
    values = np.stack([numbers(table, column, name, missing=missing) for column in columns])
    wrong = np.flatnonzero(values[1] > values[2])
    if wrong.size:
        row = table.index[wrong[0]]
        raise DataError(
            f"{name}, row {str(row)!r}: {columns[1]!r} is {values[1, wrong[0]]:g} and {columns[2]!r} is"
            f" {values[2, wrong[0]]:g}, expected low <= high"
        )
    return values


def sizes(n: pd.Series | None, labels: Sequence[Any], name: str) -> list[float | None]:
    """Sample size of each label; None where it is not known."""
    if n is None:
        return [None] * len(labels)
    known = [str(label) for label in n.index]
    if n.index.has_duplicates:
        raise DataError(f"{name}: a label occurs more than once, expected one sample size for each")
    for label in labels:
        if label not in n.index:
            raise DataError(f"{name}: no sample size for {str(label)!r}; {did_you_mean(str(label), known)}")
    found = n.loc[list(labels)]
    values = numbers(found, "n", name, missing=True)
    for label, value in zip(labels, values, strict=True):
        if value < 0 or (value != np.floor(value) and not np.isnan(value)):
            raise DataError(
                f"{name}, row {str(label)!r}, column 'n': found {value:g}, expected a whole number of cases"
            )
    return [None if np.isnan(value) else float(value) for value in values]


def pick(labels: Sequence[Any], wanted: Sequence[Any] | None, name: str) -> list[Any]:
    """Pick the labels wanted, in the order wanted; all of them where none is named."""
    if wanted is None:
        return list(labels)
    chosen = [wanted] if isinstance(wanted, str) else list(wanted)
    if not chosen:
        raise DataError(f"{name}: no terms asked for, expected at least one of {[str(x) for x in labels]}")
    for label in chosen:
        if label not in labels:
            raise DataError(
                f"{name}: no term {label!r}; {did_you_mean(str(label), [str(x) for x in labels])}"
            )
    return list(dict.fromkeys(chosen))


def draw_rows(
    ax: Axes, y: Floats, values: Floats, look: Look, small: Sequence[bool], name: str, size: float = 6
) -> None:
    """Draw an interval and a mark a row: hollow marks for small samples, nothing for a missing row."""
    here = np.isfinite(values[0])
    if not here.any():
        return
    lines = ax.hlines(
        y[here],
        values[1, here],
        values[2, here],
        color=look.colour,
        linestyle=[look.line],
        linewidth=look.width,
    )
    lines.set_label(f"{name} interval")
    hollow = np.array(small, dtype=bool)
    for rows, filled in ((here & ~hollow, look.filled), (here & hollow, False)):
        if rows.any():
            ax.plot(
                values[0, rows],
                y[rows],
                linestyle="none",
                marker=look.marker,
                markersize=size,
                color=look.colour,
                markerfacecolor=look.colour if filled else "white",
                markeredgewidth=1.3,
                label=name,
            )


def row_height(labels: Sequence[str], marks: int = 2) -> float:
    """Find the height of a row in inches that its label and its marks need."""
    lines = max(label.count("\n") + 1 for label in labels)
    return max(0.14 * marks + 0.08, 0.155 * lines + 0.1)


def offsets(height: float, marks: int = 2) -> Floats:
    """Place `marks` marks of one row around its middle, as far apart whatever the row's height in inches."""
    middle = 0.5 * (marks - 1)
    return np.array([0.135 / height * (mark - middle) for mark in range(marks)])


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Label the rows, numbered downwards from 0."""
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.set_yticks(range(len(labels)), labels)
    ax.tick_params(axis="y", length=0, pad=6)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")


def note(
    ax: Axes, text: str, at: tuple[float, float], shift: tuple[float, float], along: str = "", **looks: Any
) -> None:
    """Write a text some points from a place in data, or in shares of the axes where `along` does not name the axis."""
    places: dict[str, Any] = {"": "data", "x": ax.get_xaxis_transform(), "y": ax.get_yaxis_transform()}
    place = places.get(along, "axes fraction")
    ax.annotate(text, at, shift, xycoords=place, textcoords="offset points", annotation_clip=False, **looks)


def text_column(ax: Axes, texts: Sequence[str], header: str | None = None) -> None:
    """Write a column of text to the right of the axes, a text a row, under its header."""
    for row, text in enumerate(texts):
        note(ax, text, (1, row), (4, 0), "y", va="center")
    if header is not None:
        note(ax, header, (1, 1), (4, 4), "neither", va="bottom", fontweight="bold")


def reference_line(ax: Axes, x: float, name: str, *, dashed: bool = False) -> None:
    """Draw a vertical line to read the rows against, behind the marks."""
    ax.axvline(x, color=DARK, linewidth=1.0, linestyle=(0, (6, 2)) if dashed else "-", zorder=1.2, label=name)


def span(values: Sequence[Floats], *points: float) -> tuple[float, float]:
    """Find limits of an axis that hold all values and points, with a little room."""
    everything = np.concatenate([*(np.ravel(v) for v in values), np.array(points, dtype=np.float64)])
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    room = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


# Ratios that read well as labels of an axis.
_SMALL = (0.01, 0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 0.95)
_ROUND_RATIOS = (*_SMALL, 1.0, 1.05, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100)


def ratio_ticks(ax: Axes, inches: float) -> None:
    """Label an x axis of logs with the ratios that they are of, as many as it has room for."""
    low, high = ax.get_xlim()
    inside = [ratio for ratio in _ROUND_RATIOS if low <= np.log(ratio) <= high]
    if len(inside) < 3:
        digits = max(2, int(np.ceil(-np.log10((high - low) / 4))))
        inside = sorted({round(float(np.exp(at)), digits) for at in np.linspace(low, high, 7)[1:-1]} | {1.0})
    apart = 0.42 / max(inches, 0.5) * (high - low)
    kept: list[float] = [1.0] if low <= 0 <= high else []
    for ratio in inside:
        if low <= np.log(ratio) <= high and all(
            abs(np.log(ratio) - np.log(other)) >= apart for other in kept
        ):
            kept.append(ratio)
    kept.sort()
    ax.set_xticks(np.log(kept), [f"{ratio:g}" for ratio in kept])


def ticks_that_fit(ax: Axes, inches: float) -> None:
    """Choose as many ticks as an x axis of so many inches has room for."""
    from matplotlib.ticker import MaxNLocator

    low, high = ax.get_xlim()
    decimals = max(0, int(np.ceil(-np.log10((high - low) / 4))))
    characters = len(f"{max(abs(low), abs(high)):.0f}") + 1 + (decimals + 1 if decimals else 0)
    room = int(inches / (0.08 * characters + 0.12)) + 1
    ax.xaxis.set_major_locator(MaxNLocator(nbins=min(max(room, 3), 8), steps=[1, 2, 2.5, 5, 10]))
