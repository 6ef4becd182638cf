"""Figures made of rows: checks of their tables, and the labelled axes with a mark and an interval a row."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, require_kind
from ._sheet import new_figure
from ._style import DARK, SMALL_SAMPLE, Look, small_sample_key, wrapped

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


def require_rows(table: Any, columns: Sequence[str], name: str, *, labelled: bool = True) -> None:
    """Raise unless a frame has rows, the columns, and an index without repeats where rows are known by it."""
    require_kind(name, table, pd.DataFrame, "a pandas DataFrame")
    present = [str(column) for column in table.columns]
    for column in columns:
        if column not in present:
            raise DataError(f"{name}: column {column!r} is missing; {did_you_mean(column, present)}")
    if table.empty:
        raise DataError(f"{name}: has no rows, expected at least one")
    if labelled and table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(f"{name}: label {str(twice)!r} occurs more than once, expected each label once")


def named_frames(given: object, name: str, most: int, alone: str = "") -> dict[str, pd.DataFrame]:
    """Frames by name, as many as a figure has room for; one by itself is called `alone`."""
    frames = {alone: given} if isinstance(given, pd.DataFrame) else given
    frames = require_kind(name, frames, Mapping, "a pandas DataFrame, or several by name")
    for label, frame in frames.items():
        require_kind(f"{name}, {label!r}", frame, pd.DataFrame, "a pandas DataFrame")
    if not 1 <= len(frames) <= most:
        raise DataError(f"{name}: found {len(frames)}, expected 1 to {most} to draw in one figure")
    return dict(frames)


def numbers(table: pd.DataFrame | pd.Series, column: str, name: str, *, missing: bool = False) -> Floats:
    """Read a column as finite floats; NaN is let through only where `missing` says so."""
    cells = table[column] if isinstance(table, pd.DataFrame) else table
    for label, cell in cells.items():
        value = _as_float(cell)
        if math.isinf(value) or (math.isnan(value) and not missing):
            raise DataError(
                f"{name}, row {str(label)!r}, column {column!r}: found {cell!r}, expected a finite number"
            )
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


def _as_float(cell: Any) -> float:
    """A cell as a float: a missing one as NaN, what is no number as infinity."""
    if cell is None or cell is pd.NA:
        return math.nan
    try:
        return math.inf if isinstance(cell, str) else float(cell)
    except (TypeError, ValueError):
        return math.inf


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


def sizes(n: pd.Series | None, labels: Collection[Any], name: str) -> Floats:
    """Sample size of each label; NaN where it is not known."""
    if n is None:
        return np.full(len(labels), np.nan)
    known = [str(label) for label in n.index]
    if n.index.has_duplicates:
        raise DataError(f"{name}: a label occurs more than once, expected one sample size for each")
    for label in labels:
        if label not in n.index:
            raise DataError(f"{name}: no sample size for {str(label)!r}; {did_you_mean(str(label), known)}")
    values = numbers(n.loc[list(labels)], "n", name, missing=True)
    for label, value in zip(labels, values, strict=True):
        if value < 0 or value % 1 > 0:
            raise DataError(
                f"{name}, row {str(label)!r}, column 'n': found {value:g}, expected a whole number of cases"
            )
    return values


def counted(cases: Floats, noun: str) -> str:
    """How many rows and cases there are, as far as both are known."""
    rows = f"{cases.size} {noun}{'s' if cases.size > 1 else ''}"
    return rows if np.isnan(cases).any() else f"{rows}, n = {cases.sum():,.0f}"


def small_keys(cases: Floats) -> list[Artist]:
    """What explains the dagger in a legend, where there is one."""
    return [small_sample_key()] if (cases < SMALL_SAMPLE).any() else []


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


def row_label(label: object, n: float, width: int) -> str:
    """Join a row's label with its sample size, where that is known, and a dagger where it is small.

    Examples
    --------
    >>> print(row_label("Fire", 3, 30))
    Fire (n = 3) †
    """
    lines = wrapped(label, width).split("\n")
    if not math.isnan(n):
        size = f"(n = {n:,.0f})" + (" †" if n < SMALL_SAMPLE else "")
        if len(lines[-1]) + 1 + len(size) <= width:
            lines[-1] = f"{lines[-1]} {size}".strip()
        else:
            lines.append(size)
    return "\n".join(lines)


def row_labels(labels: Iterable[Any], cases: Floats, width: int) -> list[str]:
    """The labels of rows, each with its sample size."""
    return [row_label(label, n, width) for label, n in zip(labels, cases, strict=True)]


def new_rows(labels: Sequence[str], marks: int = 2) -> tuple[Figure, Axes, Floats]:
    """Make a figure of labelled rows; also give its axes, and where beside a row's middle each of its marks stands."""
    height = row_height(labels, marks)
    figure = new_figure(height * len(labels))
    ax = figure.subplots()
    label_rows(ax, labels)
    return figure, ax, offsets(height, marks)


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


def draw_rows(
    ax: Axes,
    at: float,
    values: Floats,
    look: Look,
    name: str,
    *,
    hollow: NDArray[np.bool_] | bool = False,
    size: float = 6,
) -> None:
    """Draw a mark a row, `at` beside its middle, and its interval where there is one; nothing where the mark is missing."""
    y = np.arange(values.shape[1]) + at
    here = np.isfinite(values[0])
    if len(values) > 1 and here.any():
        ends = values[1:, here]
        ax.hlines(
            y[here], *ends, color=look.colour, linestyle=[look.line], linewidth=look.width,
            label=f"{name} interval",
        )  # fmt: skip
    for rows, filled in ((here & ~np.asarray(hollow), look.filled), (here & hollow, False)):
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


def no_scale(ax: Axes) -> None:
    """Draw no y axis: of a density, only its shape counts."""
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


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


def reference_line(ax: Axes, x: float, name: str, *, dashed: bool = False, text: str = "") -> None:
    """Draw a vertical line to read the rows against, behind the marks, perhaps with words at its upper end."""
    ax.axvline(x, color=DARK, linewidth=1.0, linestyle=(0, (6, 2)) if dashed else "-", zorder=1.2, label=name)
    if text:
        note(ax, text, (x, 1), (3, 1), "x", va="bottom")


def span(values: Sequence[Floats], *points: float) -> tuple[float, float]:
    """Find limits of an axis that hold all values and points, with a little room."""
    everything = np.concatenate([*(np.ravel(v) for v in values), np.array(points, dtype=np.float64)])
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    room = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


# Ratios that read well as labels of an axis.
_SMALL = (0.01, 0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 0.95)
_ROUND_RATIOS = (*_SMALL, 1.0, 1.05, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100)


def fit_ticks(ax: Axes, inches: float, *, ratio: bool = False) -> None:
    """Choose as many ticks as an x axis of so many inches has room for; of logs, the ratios that they are of."""
    from matplotlib.ticker import MaxNLocator

    low, high = ax.get_xlim()
    decimals = int(np.ceil(-np.log10((high - low) / 4)))
    if ratio:
        kept = _round_ratios(low, high, max(2, decimals), 0.42 / max(inches, 0.5) * (high - low))
        ax.set_xticks(np.log(kept), [f"{each:g}" for each in kept])
        return
    characters = len(f"{max(abs(low), abs(high)):.0f}") + 1 + (decimals + 1 if decimals > 0 else 0)
    room = int(inches / (0.08 * characters + 0.12)) + 1
    ax.xaxis.set_major_locator(MaxNLocator(nbins=min(max(room, 3), 8), steps=[1, 2, 2.5, 5, 10]))


def _round_ratios(low: float, high: float, digits: int, apart: float) -> list[float]:
    """Ratios whose logs lie between `low` and `high` and so far apart, 1 before any other."""
    inside = [ratio for ratio in _ROUND_RATIOS if low <= np.log(ratio) <= high]
    if len(inside) < 3:
        inside = sorted({round(float(np.exp(at)), digits) for at in np.linspace(low, high, 7)[1:-1]} | {1.0})
    kept: list[float] = [1.0] if low <= 0 <= high else []
    for ratio in inside:
        at = np.log(ratio)
        if low <= at <= high and all(abs(at - np.log(other)) >= apart for other in kept):
            kept.append(ratio)
    return sorted(kept)
