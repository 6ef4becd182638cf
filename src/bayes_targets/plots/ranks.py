"""Ranks: how sure one can be which area is best and which is worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError
from ._rows import numbers, require_rows, row_height, sizes
from ._sheet import finish, new_figure
from ._style import SMALL_SAMPLE, balanced, origin_of, plain, row_label, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._rows import Floats

_MOST_NUMBERED = 15
"""With more ranks than this the cells are too narrow for a figure in each."""


def plot_ranks(
    ranks: pd.DataFrame,
    *,
    title: str = "Probability of each rank, per cent",
    xlabel: str = "rank (1 = highest)",
    n: pd.Series | None = None,
    origin: str | None = None,
) -> Figure:
    """Heat map of the posterior probability that an area has a rank; the best expected rank on top.

    Parameters
    ----------
    ranks : pandas.DataFrame
        Index the areas, columns the ranks 1 to J, values probabilities; each row adds up to 1.
    title, xlabel : str
        What is shown, and what rank 1 means.
    n : pandas.Series, optional
        Sample size of each area.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the frame is empty, a value is no probability, or a row does not add up to 1.

    Examples
    --------
    >>> ranks = pd.DataFrame({1: [0.9, 0.1], 2: [0.1, 0.9]}, index=["Fire", "Transport"])
    >>> figure = plot_ranks(ranks)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['90', '10', '10', '90']
    """
    require_rows(ranks, [], "ranks")
    if ranks.shape[1] == 0:
        raise DataError("ranks: has no columns, expected one for each rank")
    probabilities = np.stack([numbers(ranks, column, "ranks") for column in ranks.columns], axis=1)
    _check_probabilities(ranks, probabilities)
    order = np.argsort(probabilities @ np.arange(1, ranks.shape[1] + 1), kind="stable")
    areas = [ranks.index[i] for i in order]
    cases = sizes(n, areas, "n")
    told = origin_of(origin, [ranks.attrs])
    with style():
        labels = [row_label(area, size, 30) for area, size in zip(areas, cases, strict=True)]
        figure = new_figure(row_height(labels, 1) * len(areas) + 0.25)
        ax = figure.subplots()
        _draw_cells(ax, probabilities[order])
        ax.set_xticks(range(ranks.shape[1]), [plain(column) for column in ranks.columns])
        ax.set_yticks(range(len(areas)), labels)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        lines = balanced(xlabel, 85)
        if any(size is not None and size < SMALL_SAMPLE for size in cases):
            lines += f"\n† fewer than {SMALL_SAMPLE} cases: read with care"
        finish(figure, title, told, xlabel=lines, along=[ax])
    return figure


def _check_probabilities(ranks: pd.DataFrame, values: Floats) -> None:
    for label, row in zip(ranks.index, values, strict=True):
        if row.min() < 0 or row.max() > 1 + 1e-9:
            raise DataError(
                f"ranks, row {str(label)!r}: found {row.min():g} to {row.max():g}, expected 0 to 1"
            )
        if abs(row.sum() - 1) > 0.01:
            raise DataError(f"ranks, row {str(label)!r}: adds up to {row.sum():g}, expected 1")


def _draw_cells(ax: Axes, values: Floats) -> None:
    """Cells from white to dark blue (a scale that is even in grey), with the percentage in each."""
    top = max(0.5, float(values.max()))
    ax.imshow(values, cmap="Blues", vmin=0.0, vmax=top, aspect="auto")
    ax.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    if values.shape[1] > _MOST_NUMBERED:
        return
    for (i, j), p in np.ndenumerate(values):
        shown = "<1" if p < 0.005 else ">99" if p > 0.995 else f"{100 * p:.0f}"
        ax.text(j, i, shown, ha="center", va="center", color="white" if p > 0.6 * top else "black")
