"""Probability of an effect against the width of the prior, with the sceptic who would just not be convinced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError
from ._rows import numbers
from ._sheet import finish, new_figure
from ._style import BLUE, DARK, ORANGE, balanced, number, origin_of, plain, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._rows import Floats

_MOST_PANELS = 3


def plot_prior_curve(
    curves: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    prob: float = 0.95,
    title: str = "How sure a sceptic could be",
    xlabel: str = "standard deviation of a prior around no effect",
    origin: str | None = None,
) -> Figure:
    """Posterior probability of a positive effect against the standard deviation of a normal prior around 0.

    Parameters
    ----------
    curves : pandas.DataFrame or mapping of str to pandas.DataFrame
        From `prior_curve`; several named ones are drawn side by side (three at most).
    prob : float
        Probability that counts as convincing: a dashed line, and a mark where the curve crosses it: the sceptical prior
        that just overturns the effect. Where it never does, the panel says so.
    title, xlabel : str
        What is shown, and the unit of the prior's standard deviation.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If there is no curve, or a column or number is missing.

    Examples
    --------
    >>> curve = pd.DataFrame({"prior_sd": [0.1, 1.0, 10.0], "probability": [0.6, 0.97, 0.999]})
    >>> plot_prior_curve(curve).axes[0].get_ylabel()
    'P(effect > 0)'
    """
    panels = {"": curves} if isinstance(curves, pd.DataFrame) else dict(curves)
    if not 1 <= len(panels) <= _MOST_PANELS:
        raise DataError(f"curves: found {len(panels)}, expected 1 to {_MOST_PANELS} to draw side by side")
    if not 0.5 < prob < 1:
        raise DataError(f"prob is {prob!r}, expected a probability between 0.5 and 1")
    for name, curve in panels.items():
        if not {"prior_sd", "probability"} <= set(curve.columns) or curve.empty:
            raise DataError(f"{name or 'curve'}: expected rows with columns 'prior_sd' and 'probability'")
    told = origin_of(origin, [curve.attrs for curve in panels.values()])
    with style():
        figure = new_figure(2.7)
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for ax, (name, curve) in zip(axes, panels.items(), strict=True):
            _draw(ax, name, curve, prob)
        axes[0].set_ylabel("P(effect > 0)")
        finish(figure, title, told, xlabel=balanced(xlabel, 85), along=list(axes), handles=_legend(prob))
    return figure


def _draw(ax: Axes, name: str, curve: pd.DataFrame, prob: float) -> None:
    sd, probability = numbers(curve, "prior_sd", name), numbers(curve, "probability", name)
    ax.plot(sd, probability, color=BLUE, linewidth=2.0, label="curve")
    ax.axhline(prob, color=DARK, linewidth=1.0, linestyle=(0, (4, 3)), label="convincing")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    ax.set_ylim(0.49, 1.01)
    ax.grid(axis="both")
    if name:
        ax.set_title(plain(name), fontweight="bold")
    crossing = _crossing(sd, probability, prob)
    if crossing is None:
        words = "no width of prior convinces" if probability.max() <= prob else "every width convinces"
        ax.text(0.97, 0.05, words, transform=ax.transAxes, ha="right", color=ORANGE)
        return
    ax.plot([crossing], [prob], marker="o", color=ORANGE, markersize=7, label="sceptic")
    ax.annotate(
        f"overturned by a\nprior s.d. of {number(crossing)}",
        (crossing, prob),
        (10, -12),
        textcoords="offset points",
        va="top",
        color=ORANGE,
    )


def _crossing(sd: Floats, probability: Floats, prob: float) -> float | None:
    """Standard deviation at which the probability passes `prob`, by a line between its neighbours."""
    above = probability > prob
    if above.all() or not above.any():
        return None
    first = int(np.argmax(above))
    if first == 0:
        return None
    share = (prob - probability[first - 1]) / (probability[first] - probability[first - 1])
    return float(np.exp(np.log(sd[first - 1]) + share * np.log(sd[first] / sd[first - 1])))


def _legend(prob: float) -> list[Artist]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BLUE, linewidth=2.0, label="posterior probability of a positive effect"),
        Line2D(
            [], [], color=DARK, linewidth=1.0, linestyle=(0, (4, 3)), label=f"convincing: {100 * prob:g}%"
        ),
        Line2D(
            [], [], color=ORANGE, marker="o", linestyle="none", label="the sceptic who is just not convinced"
        ),
    ]
