"""Status bars: how many targets of each status an area has, beside what the model would have it be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError
from ._rows import label_rows, numbers, require_rows, row_height
from ._sheet import finish, new_figure
from ._style import (
    AMBER,
    DARK,
    ORANGE,
    PALE,
    SMALL_SAMPLE,
    interval_words,
    origin_of,
    plain,
    row_label,
    style,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ("observed", "mean", "low", "high")
# From best to worst; the panels are named, so that no reader needs the colours.
_SHADES = ("#009E73", AMBER, ORANGE, "#CC79A7", "#56B4E9", PALE)
_MOST_STATUSES = 6


def plot_status_bars(
    table: pd.DataFrame,
    *,
    title: str = "Targets by status: observed, and what the model would have them be",
    origin: str | None = None,
    items: str = "targets",
) -> Figure:
    """Observed counts as bars, posterior predictive counts as dots with intervals; a panel a status.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`bayes_targets.models.success.estimands.predictive_counts`: index ``area`` and ``status`` (best
        first); columns ``observed, mean, low, high`` (numbers of targets); attrs ``interval`` and ``prob``.
    title : str
        What is shown.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say.
    items : str
        What is counted.

    Returns
    -------
    matplotlib.figure.Figure
        A row an area, in the order of the table.

    Raises
    ------
    DataError
        If the table is empty, lacks a column, an index level or the kind of its intervals, an area lacks a status,
        or there are more than six statuses.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([["Fire"], ["green", "red"]], names=["area", "status"])
    >>> table = pd.DataFrame({"observed": [1, 2], "mean": [1.2, 1.8], "low": [0, 0], "high": [3, 3]}, index=index)
    >>> table.attrs = {"interval": "eti", "prob": 0.95}
    >>> [axes.get_title() for axes in plot_status_bars(table).axes]
    ['green', 'red']
    """
    require_rows(table, list(_COLUMNS), "status bars")
    if list(table.index.names) != ["area", "status"]:
        raise DataError(f"status bars: index {list(table.index.names)}, expected ['area', 'status']")
    areas, statuses = (list(dict.fromkeys(table.index.get_level_values(k))) for k in ("area", "status"))
    if len(table) != len(areas) * len(statuses):
        raise DataError("status bars: not every area has every status once")
    if len(statuses) > _MOST_STATUSES:
        raise DataError(f"status bars: found {len(statuses)} statuses, expected at most {_MOST_STATUSES}")
    shape = (len(areas), len(statuses))
    values = {name: numbers(table, name, "status bars").reshape(shape) for name in _COLUMNS}
    cases = values["observed"].sum(axis=1)
    told = origin_of(origin, [table.attrs])
    with style():
        labels = [row_label(area, size, 26) for area, size in zip(areas, cases, strict=True)]
        figure = new_figure(1.15 * row_height(labels) * len(areas) + 0.35)
        panels = figure.subplots(1, len(statuses), sharey=True, sharex=True, squeeze=False)[0]
        for k, (ax, status) in enumerate(zip(panels, statuses, strict=True)):
            _draw_panel(ax, {name: value[:, k] for name, value in values.items()}, _SHADES[k])
            ax.set_title(plain(status), loc="center")
        label_rows(panels[0], labels)
        panels[0].set_xlim(0, 1.06 * max(values["observed"].max(), values["high"].max()))
        xlabel = f"number of {items}"
        if (cases < SMALL_SAMPLE).any():
            xlabel += f"\n† fewer than {SMALL_SAMPLE} {items}: read with care"
        finish(
            figure,
            title,
            told,
            xlabel=xlabel,
            along=[panels[0], panels[-1]],
            handles=_legend(table),
        )
    return figure


def _draw_panel(ax: Axes, values: dict[str, np.ndarray], shade: str) -> None:
    y = np.arange(len(values["mean"]))
    ax.barh(y, values["observed"], height=0.62, color=shade, edgecolor=DARK, linewidth=0.6)
    ax.hlines(y, values["low"], values["high"], color=DARK, linewidth=1.4)
    ax.plot(
        values["mean"], y, linestyle="none", marker="o", markersize=4.5, color=DARK, markerfacecolor="white"
    )
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _legend(table: pd.DataFrame) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    label = f"posterior predictive mean and {interval_words(table.attrs, 'status bars')}"
    dot = Line2D([], [], color=DARK, marker="o", markersize=4.5, markerfacecolor="white", label=label)
    return [Patch(facecolor=PALE, edgecolor=DARK, linewidth=0.6, label="observed"), dot]
