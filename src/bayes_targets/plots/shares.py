"""Shares by area: what was counted beside what partial pooling makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError
from ._rows import draw_rows, intervals, label_rows, offsets, reference_line, require_rows, row_height, sizes
from ._sheet import finish, new_figure
from ._style import (
    DARK,
    DATA_ALONE,
    POSTERIOR,
    SMALL_SAMPLE,
    balanced,
    interval_words,
    key,
    origin_of,
    percent,
    row_label,
    small_sample_key,
    style,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from ._rows import Floats

_RAW = ("ols_estimate", "ols_low", "ols_high")
_POOLED = ("mean", "low", "high")


def plot_shares(
    table: pd.DataFrame,
    *,
    title: str = "Share by area: as counted, and partially pooled",
    xlabel: str = "share, per cent",
    overall: float | None = None,
    origin: str | None = None,
) -> Figure:
    """Raw share with its Wilson interval beside the pooled posterior share, the rows as they come.

    Parameters
    ----------
    table : pandas.DataFrame
        What :func:`bayes_targets.compare` makes of a success model and :func:`bayes_targets.raw_shares`:
        index the areas; columns ``ols_estimate, ols_low, ols_high`` (the share as counted and its Wilson
        interval) and ``mean, low, high`` (the posterior share), all between 0 and 1, and a column ``n`` added
        to them (cases). The counted shares may be missing (a new area). Attrs ``interval`` and ``prob``;
        ``ols_prob`` where the Wilson interval has another probability.
    title, xlabel : str
        What is shown, and the unit in words.
    overall : float, optional
        Share over all areas, between 0 and 1, drawn as a line; by default ``table.attrs["overall"]``, if any.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the table is empty, lacks a column or the kind of its intervals, or a share is not between 0 and 1.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"ols_estimate": [1 / 3], "ols_low": [0.06], "ols_high": [0.79],
    ...      "mean": [0.40], "low": [0.2], "high": [0.63], "n": [3]}, index=["Fire"])
    >>> table.attrs = {"interval": "eti", "prob": 0.95}
    >>> figure = plot_shares(table, overall=0.41)
    >>> figure.axes[0].get_xlabel()
    'share, per cent'
    """
    require_rows(table, [*_RAW, *_POOLED, "n"], "shares")
    raw = _shares(table, _RAW, missing=True)
    pooled = _shares(table, _POOLED)
    cases = sizes(table["n"], list(table.index), "shares")
    overall = table.attrs.get("overall") if overall is None else overall
    if overall is not None and not 0 <= overall <= 1:
        raise DataError(f"shares: the overall share is {overall:g}, expected a share between 0 and 1")

    told = origin_of(origin, [table.attrs])
    small = [size is not None and size < SMALL_SAMPLE for size in cases]
    with style():
        labels = [row_label(label, size, 30) for label, size in zip(table.index, cases, strict=True)]
        height = row_height(labels)
        figure = new_figure(height * len(labels) + 0.3)
        ax = figure.subplots()
        label_rows(ax, labels)
        y, shift = np.arange(len(labels), dtype=np.float64), offsets(height)
        draw_rows(ax, y + shift[0], 100 * raw, DATA_ALONE, [False] * len(labels), "raw")
        draw_rows(ax, y + shift[1], 100 * pooled, POSTERIOR, small, "pooled")
        if overall is not None:
            reference_line(ax, 100 * overall, "overall", dashed=True)
        ax.set_xlim(-1.5, 101.5)
        ax.set_xticks(range(0, 101, 20))
        ax.xaxis.set_major_formatter("{x:.0f}%")
        finish(
            figure,
            title,
            told,
            xlabel=balanced(xlabel, 85),
            along=[ax],
            handles=_legend(table, overall, small),
        )
    return figure


def _shares(table: pd.DataFrame, columns: tuple[str, str, str], *, missing: bool = False) -> Floats:
    """Read share, low and high of every row, shape (3, rows), each between 0 and 1."""
    values = intervals(table, columns, "shares", missing=missing)
    for column, row in zip(columns, values, strict=True):
        for label, share in zip(table.index, row, strict=True):
            if share < -1e-9 or share > 1 + 1e-9:
                raise DataError(
                    f"shares, row {str(label)!r}, column {column!r}: found {share:g},"
                    " expected a share between 0 and 1"
                )
    return values


def _legend(table: pd.DataFrame, overall: float | None, small: list[bool]) -> list[Artist]:
    from matplotlib.lines import Line2D

    level = percent(table.attrs, "ols_prob" if "ols_prob" in table.attrs else "prob", "shares")
    handles: list[Artist] = [
        key(DATA_ALONE, f"share as counted and {level} Wilson interval"),
        key(POSTERIOR, f"posterior mean and {interval_words(table.attrs, 'shares')}"),
    ]
    if overall is not None:
        label = f"share over all areas: {100 * overall:.0f}%"
        handles.append(Line2D([], [], color=DARK, linewidth=1.0, linestyle=(0, (6, 2)), label=label))
    if any(small):
        handles.append(small_sample_key())
    return handles
