"""Eventual hits: how many targets may be hit in the end, by what one believes of the forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..errors import DataError
from ..inference.summary import equal_tails
from ._rows import reference_line
from ._sheet import finish, new_figure
from ._style import BLUE, DARK, plain, style, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_hits(
    settings: Mapping[str, xr.Dataset],
    *,
    title: str = "How many targets will be hit in the end?",
    subtitle: str | None = None,
    now: int | None = None,
    now_label: str = "forecast as on course",
    prob: float = 0.95,
) -> Figure:
    """Simulated number of targets hit, a row a setting, with mean and equal-tailed interval.

    Parameters
    ----------
    settings : mapping of str to xarray.Dataset
        What is believed, in words, to what :func:`bayes_targets.eventual_hits` makes of it; all of the same targets.
    title, subtitle : str, optional
        The message in at most ten words; what is shown, where, when, and of how many.
    now : int, optional
        A number to compare with, e.g. of targets forecast as on course; drawn as a line.
    now_label : str
        What that number is.
    prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    matplotlib.figure.Figure
        Titled as simulated, which these numbers are.

    Raises
    ------
    DataError
        If there is no setting, or they differ in their number of targets.

    Examples
    --------
    >>> hits = xr.Dataset({"total_hits": ("sample", [4, 5, 5, 6]), "targets": ("area", [10])})
    >>> figure = plot_hits({"as forecast": hits}, now=5)
    >>> [float(end) for end in figure.axes[0].get_xlim()]
    [0.0, 10.0]
    """
    if not settings:
        raise DataError("hits: no setting, expected at least one")
    totals = {int(data["targets"].sum()) for data in settings.values()}
    if len(totals) != 1:
        raise DataError(f"hits: settings of {sorted(totals)} targets, expected the same targets in all")
    total = totals.pop()
    with style():
        figure = new_figure(0.78 * len(settings) + 0.3)
        ax = figure.subplots()
        for row, data in enumerate(settings.values()):
            _draw_row(ax, row, data["total_hits"].to_numpy(), prob)
        ax.set_ylim(len(settings) - 0.75, -0.95)
        ax.set_yticks(range(len(settings)), [wrapped(name, 30) for name in settings])
        ax.tick_params(axis="y", length=0, pad=6)
        ax.spines["left"].set_visible(False)
        ax.set_xlim(0, total)
        ax.grid(axis="x")
        told = f"{total:,} targets; dot, bar and numbers: mean and {100 * prob:.4g}% equal-tailed interval"
        if now is not None:
            reference_line(ax, now, now_label, dashed=True)
            ax.annotate(
                f"{now} {plain(now_label)}", (now, 1), (3, 2), xycoords=ax.get_xaxis_transform(),
                textcoords="offset points", va="bottom",
            )  # fmt: skip
        finish(
            figure,
            title,
            "simulated",
            subtitle=told if subtitle is None else subtitle,
            xlabel="← fewer  |  more →\ntargets hit fully in the end",
            along=[ax],
        )
    return figure


def _draw_row(ax: Axes, row: int, hits: np.ndarray, prob: float) -> None:
    """Histogram on the row's line, and its mean, interval and numbers below."""
    places, counts = np.unique(hits, return_counts=True)
    ax.bar(places, -0.62 * counts / counts.max(), width=1.0, bottom=row - 0.08, color=BLUE, alpha=0.45)
    low, high = equal_tails(hits, prob)
    ax.hlines(row + 0.02, low, high, color=DARK, linewidth=2.0)
    ax.plot(hits.mean(), row + 0.02, marker="o", color=DARK, markersize=5.5, linestyle="none")
    ax.annotate(
        f"{hits.mean():.0f} ({low:.0f} to {high:.0f})",
        (high, row + 0.02),
        (6, 0),
        textcoords="offset points",
        va="center",
    )
