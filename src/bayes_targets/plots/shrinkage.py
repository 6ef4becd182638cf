"""Shrinkage: how far partial pooling draws each raw estimate towards the average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError, did_you_mean
from ._rows import (
    draw_rows,
    intervals,
    label_rows,
    numbers,
    offsets,
    reference_line,
    require_rows,
    row_height,
    sizes,
    span,
)
from ._sheet import finish, new_figure
from ._style import (
    DARK,
    DATA_ALONE,
    FURTHER,
    POSTERIOR,
    SMALL_SAMPLE,
    Look,
    balanced,
    interval_words,
    key,
    number,
    origin_of,
    row_label,
    small_sample_key,
    style,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._rows import Floats

_LOOKS = (POSTERIOR, *FURTHER)


def plot_shrinkage(
    raw: pd.Series,
    pooled: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    average: float | None = None,
    title: str = "From raw estimates to partially pooled ones",
    xlabel: str = "estimate, in units of the outcome",
    n: pd.Series | None = None,
    origin: str | None = None,
    percent_axis: bool = False,
) -> Figure:
    """Raw estimate and pooled estimate of each group, joined by an arrow; the highest pooled mean on top.

    Parameters
    ----------
    raw : pandas.Series
        Estimates without pooling, indexed by label.
    pooled : pandas.DataFrame or mapping of str to pandas.DataFrame
        Posterior summaries by name, e.g. ``{"partial pooling": table}`` (three at most): the same labels,
        columns ``mean, low, high``, attrs ``interval`` and ``prob``. A single frame is taken for partial
        pooling. Arrows lead to the first and the first gives the order.
    average : float, optional
        The average of all groups, drawn as a line.
    title, xlabel : str
        What is shown, and the unit in words.
    n : pandas.Series, optional
        Sample size of each label; by default the first pooled frame's column ``n``, where it has one.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say.
    percent_axis : bool
        The estimates are shares between 0 and 1, and are shown in per cent.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If labels do not match, or a frame is empty, lacks a column, a finite number or the kind of its
        intervals.

    Examples
    --------
    >>> raw = pd.Series({"Fire": 1 / 3, "Education": 10 / 35})
    >>> pooled = pd.DataFrame({"mean": [0.40, 0.31], "low": [0.2, 0.2], "high": [0.6, 0.4]}, index=raw.index)
    >>> pooled.attrs = {"interval": "eti", "prob": 0.95}
    >>> figure = plot_shrinkage(raw, pooled, average=0.41, n=pd.Series({"Fire": 3, "Education": 35}))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['Fire (n = 3) †', 'Education (n = 35)']
    """
    frames = {"partial pooling": pooled} if isinstance(pooled, pd.DataFrame) else dict(pooled)
    if not 1 <= len(frames) <= len(_LOOKS):
        raise DataError(f"pooled: found {len(frames)} frames, expected 1 to {len(_LOOKS)}")
    require_rows(raw.to_frame("raw"), ["raw"], "raw")
    for name, frame in frames.items():
        require_rows(frame, ["mean", "low", "high"], name)
        _same_labels(raw, frame, name)
    first = next(iter(frames.values()))
    numbers(first, "mean", next(iter(frames)))
    order = list(first.sort_values("mean", ascending=False, kind="stable").index)
    scale = 100.0 if percent_axis else 1.0
    start = scale * numbers(raw.loc[order], "raw", "raw")
    ends = {
        name: scale * intervals(f.loc[order], ("mean", "low", "high"), name) for name, f in frames.items()
    }
    cases = sizes(n if n is not None else first.get("n"), order, "n")

    told = origin_of(origin, [raw.attrs, *(frame.attrs for frame in frames.values())])
    line = None if average is None else scale * average
    small = [size is not None and size < SMALL_SAMPLE for size in cases]
    with style():
        labels = [row_label(label, size, 30) for label, size in zip(order, cases, strict=True)]
        height = row_height(labels, 1 + len(frames))
        figure = new_figure(height * len(order) + 0.3)
        ax = figure.subplots()
        label_rows(ax, labels)
        ax.set_xlim(*span([start, *ends.values()], *([] if line is None else [line])))
        _draw_groups(ax, start, ends, small, offsets(height, 1 + len(frames)))
        if line is not None:
            reference_line(ax, line, "average", dashed=True)
        if percent_axis:
            ax.xaxis.set_major_formatter("{x:.0f}%")
        handles = _legend(frames, line, small, percent_axis)
        finish(figure, title, told, xlabel=balanced(xlabel, 85), along=[ax], handles=handles)
    return figure


def _same_labels(raw: pd.Series, frame: pd.DataFrame, name: str) -> None:
    for label in raw.index.symmetric_difference(frame.index, sort=False):
        where, other = (name, frame.index) if label in raw.index else ("raw", raw.index)
        raise DataError(
            f"{where}: no row {str(label)!r}; {did_you_mean(str(label), [str(x) for x in other])}"
        )


def _draw_groups(
    ax: Axes, start: Floats, ends: Mapping[str, Floats], small: list[bool], shift: Floats
) -> None:
    """Draw raw marks, pooled marks with intervals, and arrows from the one to the first of the others."""
    y = np.arange(len(start), dtype=np.float64)
    target = next(iter(ends.values()))[0]
    low, high = ax.get_xlim()
    for i, (tail, head) in enumerate(zip(start, target, strict=True)):
        if abs(head - tail) > 0.03 * (high - low):  # a shorter arrow would hide below the marks
            arrow = {"arrowstyle": "-|>", "color": DARK, "linewidth": 0.9, "shrinkA": 3.5, "shrinkB": 3.5}
            ax.annotate("", (head, i + shift[1]), (tail, i + shift[0]), arrowprops=arrow)
    for (name, values), look, offset in zip(ends.items(), _LOOKS, shift[1:], strict=False):
        draw_rows(ax, y + offset, values, look, small, name)
    points = np.stack([start, np.full_like(start, np.nan), np.full_like(start, np.nan)])
    draw_rows(ax, y + shift[0], points, _raw_look(), [False] * len(start), "raw")


def _raw_look() -> Look:
    return Look(DATA_ALONE.colour, "none", DATA_ALONE.marker, DATA_ALONE.width, filled=False)


def _legend(
    frames: Mapping[str, pd.DataFrame], average: float | None, small: list[bool], percent_axis: bool
) -> list[Artist]:
    from matplotlib.lines import Line2D

    handles: list[Artist] = [key(_raw_look(), "raw estimate, no pooling", line=False)]
    for (name, frame), look in zip(frames.items(), _LOOKS, strict=False):
        handles.append(
            key(look, wrapped(f"{name}: posterior mean and {interval_words(frame.attrs, name)}", 80))
        )
    if average is not None:
        shown = f"{average:.0f}%" if percent_axis else number(average)
        handles.append(
            Line2D([], [], color=DARK, linewidth=1.0, linestyle=(0, (6, 2)), label=f"average: {shown}")
        )
    if any(small):
        handles.append(small_sample_key())
    return handles
