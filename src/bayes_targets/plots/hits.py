"""Eventual hits: how many targets may be hit in the end, by what one believes of the forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..errors import DataError, require_kind
from ..inference.summary import equal_tails
from ._rows import label_rows, note, reference_line
from ._sheet import finish, new_figure
from ._style import BLUE, DARK, plain, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def plot_hits(
    settings: Mapping[str, xr.Dataset],
    *,
    title: str | None = None,
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
        The message in at most ten words; what, where, when and of how many.
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
    if not require_kind("settings", settings, Mapping, "what eventual_hits gives, by name"):
        raise DataError("hits: no setting, expected at least one")
    for name, hits in settings.items():
        data = require_kind(f"settings, {name!r}", hits, xr.Dataset, "what eventual_hits gives")
        if not {"targets", "total_hits"} <= set(data.data_vars):
            raise DataError(
                f"settings, {name!r}: no variable 'total_hits', expected what eventual_hits gives"
            )
    totals = {int(data["targets"].sum()) for data in settings.values()}
    if len(totals) != 1:
        raise DataError(f"hits: settings of {sorted(totals)} targets, expected the same targets in all")
    total = totals.pop()
    figure = new_figure(0.78 * len(settings))
    ax = figure.subplots()
    for row, data in enumerate(settings.values()):
        _draw_row(ax, row, data["total_hits"].to_numpy(), prob)
    label_rows(ax, [wrapped(name, 20) for name in settings])
    ax.set_ylim(len(settings) - 0.75, -0.95)
    ax.set_xlim(0, total)
    if now is not None:
        reference_line(ax, now, now_label, dashed=True)
        note(ax, f"{now} {plain(now_label)}", (now, 1), (0, 2), "x", va="bottom", ha="center")
    told = f"{total:,} targets; dot, bar and numbers: mean and {100 * prob:.4g}% equal-tailed interval"
    return finish(
        figure,
        title or _message(settings, total),
        "simulated",
        subtitle=subtitle or told,
        ways="← fewer  |  more →",
        xlabel="targets hit fully in the end",
    )


def _message(settings: Mapping[str, xr.Dataset], total: int) -> str:
    """How many are hit in the mean, over what is believed."""
    means = sorted({round(float(data["total_hits"].mean())) for data in settings.values()})
    ends = " to ".join(str(mean) for mean in (means if len(means) < 2 else (means[0], means[-1])))
    return f"{ends} of {total:,} targets hit in the end"


def _draw_row(ax: Axes, row: int, hits: np.ndarray, prob: float) -> None:
    """Histogram on the row's line, and its mean, interval and numbers below."""
    places, counts = np.unique(hits, return_counts=True)
    heights = row - 0.08 - 0.62 * counts / counts.max()
    ax.fill_between(places, heights, row - 0.08, step="mid", color=BLUE, alpha=0.45, linewidth=0)
    low, high = (float(end) for end in equal_tails(hits, prob))
    ax.hlines(row + 0.02, low, high, color=DARK, linewidth=2.0)
    ax.plot(hits.mean(), row + 0.02, marker="o", color=DARK, markersize=5.5, linestyle="none")
    note(ax, f"{hits.mean():.0f} ({low:.0f} to {high:.0f})", (high, row + 0.02), (6, 0), va="center")
