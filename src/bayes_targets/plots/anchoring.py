"""Anchoring: the causal slope of stretch against what targets were set from, and whether the model prints what was printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from ..comparison.claims import allowed_text
from ..model import draws_of
from ._rows import Floats, named_frames, note, numbers, require_rows
from ._sheet import finish, new_figure
from ._style import (
    BLUE,
    DARK,
    DATA_ALONE,
    DOTS,
    LOOKS,
    PALE,
    POSTERIOR,
    direction,
    interval_words,
    key,
    number,
    origin_of,
    percent,
    plain,
    styled,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WEIGHT = "weight of the later score in what targets were set from"
_WAYS = "← set from the earlier score  |  from the later →"
_SHARES = (0.95, 0.5)
_TIED = 0.1
"""Below this correlation of weight and slope the figure says that there is none worth a word."""


@styled
def plot_anchoring(
    posterior: xr.DataTree,
    *,
    printed: float | None = None,
    title: str | None = None,
    subtitle: str = "A sensitivity analysis: draws of the joint posterior; half and 95% of it lie within the lines",
    xlabel: str = _WEIGHT,
    ylabel: str = "causal slope",
    origin: str | None = None,
) -> Figure:
    """Joint posterior of anchor weight and causal slope: draws, and the regions of highest density.

    Parameters
    ----------
    posterior : xarray.DataTree
        Of `anchoring_model`.
    printed : float, optional
        The printed slope, drawn as a line.
    title, subtitle, xlabel, ylabel, origin : str, optional
        The message in at most ten words; what, where, when and of how many; the unit; where the data come from.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the posterior lacks one of the two variables.

    Examples
    --------
    >>> weight = np.random.default_rng(1).uniform(size=(1, 500))
    >>> draws = {"anchor_weight": (("chain", "draw"), weight), "causal_slope": (("chain", "draw"), 0.8 - weight)}
    >>> plot_anchoring(xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})).get_suptitle()
    'The later the anchor, the smaller the slope'
    """
    draws = draws_of(posterior, ("causal_slope", "anchor_weight"), "a posterior of anchoring_model, from fit")
    w, b = (draws[name].to_numpy().ravel().astype(float) for name in ("anchor_weight", "causal_slope"))
    figure = new_figure(2.9)
    ax = figure.subplots()
    thin = slice(None, None, max(1, len(w) // 2000))
    ax.plot(w[thin], b[thin], ".", color="#9CC3DE", markersize=2.0, zorder=1)
    x, y, density, levels = _regions(w, b)
    ax.contour(x, y, density, levels=levels, colors=[BLUE], linewidths=[1.0, 2.2], zorder=3)
    _frame(ax, ylabel, b, printed)
    tie = float(np.corrcoef(w, b)[0, 1])
    message = f"The later the anchor, the {'smaller' if tie < 0 else 'larger'} the slope"
    if abs(tie) < _TIED:
        message = "The slope hardly depends on the anchor"
    told = origin_of(origin, posterior.attrs)
    return finish(figure, title or message, told, subtitle=subtitle, ways=_WAYS, xlabel=xlabel)


@styled
def plot_slope_by_weight(
    bands: Mapping[str, pd.DataFrame],
    *,
    printed: float | None = None,
    tips: pd.DataFrame | None = None,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str = _WEIGHT,
    ylabel: str = "causal slope",
    origin: str | None = None,
) -> Figure:
    """Causal slope against the weight of the later score, as a band; further assumptions as lines.

    Parameters
    ----------
    bands : mapping of str to pandas.DataFrame
        From `slope_by_weight`, by what else is assumed (three at most); the first is drawn as a band.
    printed : float, optional
        The printed slope, drawn as a line.
    tips : pandas.DataFrame, optional
        Weights at which the probability of a positive slope falls below a level: a row each band, a column each
        level. Those that are reached are marked.
    title, subtitle, xlabel, ylabel, origin : str, optional
        The message in at most ten words; what, where, when and of how many; the unit; where the data come from.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If there is no band or more than three, or one lacks a column or a finite number.

    Examples
    --------
    >>> band = pd.DataFrame({"median": [0.6, 0.2], "low": [0.4, -0.1], "high": [0.8, 0.5]}, index=[0.0, 1.0])
    >>> band.attrs = {"interval": "eti", "prob": 0.95}
    >>> figure = plot_slope_by_weight({"any": band}, printed=0.651)
    >>> [label.get_text() for label in figure.axes[0].texts]
    ['printed: 0.651', 'any']
    """
    bands = named_frames(bands, "bands", len(LOOKS))
    for name, band in bands.items():
        require_rows(band, ["median", "low", "high"], name)
    figure = new_figure(2.9)
    ax = figure.subplots()
    medians: list[Floats] = []
    for (name, band), look in zip(bands.items(), LOOKS, strict=False):
        x = band.index.to_numpy(float)
        median, low, high = (numbers(band, column, name) for column in ("median", "low", "high"))
        ax.plot(x, median, color=look.colour, linestyle=look.line, linewidth=look.width, zorder=3)
        if not medians:
            ax.fill_between(x, low, high, color=look.colour, alpha=0.2, linewidth=0, zorder=1)
        medians.append(median)
    edges = np.concatenate([band[["low", "high"]].to_numpy().ravel() for band in bands.values()])
    _frame(ax, ylabel, edges, printed)
    _label_lines(ax, list(bands), [median[-1] for median in medians])
    first, band = next(iter(bands.items()))
    told = f"A sensitivity analysis. Lines: medians; band: {interval_words(band.attrs, first)}"
    told += f" of {plain(first)}" if len(bands) > 1 else ""
    told += "" if tips is None else f". {_mark_tips(ax, tips)}"
    ends = medians[0][[0, -1]]
    errors = band["mcse"].iloc[[0, -1]] if "mcse" in band else (0.0, 0.0)
    start, end = (allowed_text(value, error) for value, error in zip(ends, errors, strict=True))
    return finish(
        figure,
        title
        or f"Slope {start} {'falls' if ends[1] < ends[0] else 'rises'} to {end} as the later score counts",
        origin_of(origin, *(band.attrs for band in bands.values())),
        subtitle=subtitle or told,
        ways=_WAYS,
        xlabel=xlabel,
    )


@styled
def plot_summary_check(
    check: pd.DataFrame, *, title: str | None = None, subtitle: str | None = None, origin: str | None = None
) -> Figure:
    r"""Where each printed statistic lies among those of studies that are simulated from the posterior.

    Parameters
    ----------
    check : pandas.DataFrame
        From `check_summary`.
    title, subtitle, origin : str, optional
        The message in at most ten words; what, where, when and of how many; where the data come from.

    Returns
    -------
    matplotlib.figure.Figure
        Each row on a scale of its own: the predictive interval from edge to edge, the printed value as a square.

    Raises
    ------
    DataError
        If the frame is empty, or lacks a column or a finite number.

    Examples
    --------
    >>> check = pd.DataFrame({"printed": [0.5], "median": [0.4], "low": [0.1], "high": [0.9]}, index=["slope"])
    >>> check.attrs["prob"] = 0.95
    >>> [label.get_text() for label in plot_summary_check(check).axes[0].get_yticklabels()]
    ['slope\n0.5 (0.1 to 0.9)']
    """
    require_rows(check, ["printed", "median", "low", "high"], "check")
    values = {name: numbers(check, name, "check") for name in ("printed", "median", "low", "high")}
    prob = percent(check.attrs, "prob", "check")
    half = 0.5 * (values["high"] - values["low"])
    middle = 0.5 * (values["high"] + values["low"])
    placed = {name: (values[name] - middle) / half for name in ("printed", "median")}
    figure = new_figure(0.34 * len(check))
    ax = figure.subplots()
    y = np.arange(len(check))
    ax.axvspan(-1, 1, color=PALE, alpha=0.6, zorder=0)
    ax.plot(placed["median"], y, "|", color=BLUE, markersize=11, markeredgewidth=2.0, zorder=3)
    ax.plot(placed["printed"], y, "s", color=DARK, markerfacecolor="white", markersize=5.5, zorder=4)
    edge = max(1.35, 1.1 * float(np.abs(placed["printed"]).max()))
    ax.set_xlim(-edge, edge)
    ax.set_ylim(len(check) - 0.4, -0.6)
    columns = (values[name] for name in ("printed", "low", "high"))
    labels = [
        f"{plain(name)}\n{number(printed)} ({number(low)} to {number(high)})"
        for name, printed, low, high in zip(check.index, *columns, strict=True)
    ]
    ax.set_yticks(y, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_xticks([-1, 1], ["lower end", "upper end"])
    handles = [
        key(DATA_ALONE, "printed", line=False),
        key(POSTERIOR, "median of simulated studies", line=False),
    ]
    handles[1].set(marker="|", markeredgewidth=2.0)
    outside = int((np.abs(placed["printed"]) > 1).sum())
    message = f"All {len(check)} printed statistics lie where the model expects"
    if outside:
        message = f"{outside} of {len(check)} printed statistics lie outside what the model expects"
    told = f"Each printed statistic, and in brackets the {prob} equal-tailed interval of SIMULATED studies"
    return finish(
        figure,
        message if title is None else title,
        origin_of(origin, check.attrs),
        subtitle=told if subtitle is None else subtitle,
        xlabel=f"{prob} posterior predictive interval, each row on its own scale",
        handles=handles,
    )


def _frame(ax: Axes, ylabel: str, values: Floats, printed: float | None) -> None:
    """Axes of slope by weight, as high as the values, with the lines of zero and of the printed slope."""
    ax.set_xlim(0, 1)
    ax.axhline(0, color=DARK, linewidth=0.8, zorder=2, label="zero line")
    ax.grid(axis="y")
    ax.set_ylabel(f"{wrapped(ylabel, 40)}\n{direction()}")
    low, high = np.quantile(values, [0.002, 0.998])
    ax.set_ylim(min(low, -0.05) - 0.05, max(high, printed or 0.0) + 0.08)
    if printed is not None:
        ax.axhline(printed, color=DARK, linestyle=DATA_ALONE.line, linewidth=1.2, zorder=2)
        note(ax, f"printed: {number(printed)}", (0.01, printed), (0, 3), "y", va="bottom", color=DARK)


def _label_lines(ax: Axes, names: list[str], ends: list[float]) -> None:
    """Write the name of each line at its right end, apart from one another."""
    low, high = ax.get_ylim()
    apart = 0.055 * (high - low)
    lines = [wrapped(name, 14) for name in names]
    at = -np.inf
    for i in np.argsort(ends):
        half = 0.5 * apart * (lines[i].count("\n") + 1)
        at = max(ends[i], at + half)
        note(ax, lines[i], (1, at), (5, 0), "y", va="center", color=LOOKS[i].colour)
        at += half


def _mark_tips(ax: Axes, tips: pd.DataFrame) -> str:
    """Mark tipping points that are reached, and say in words which are."""
    words = []
    for level in tips.columns:
        for (name, weight), look in zip(tips[level].items(), LOOKS, strict=False):
            if not np.isnan(weight):
                ax.axvline(weight, color=look.colour, linestyle=DOTS, linewidth=1.3, zorder=2)
                words.append(f"{100 * level:g}% at {weight:.2f} ({plain(name)})")
    if not words:
        return f"The probability of a positive slope is {100 * max(tips.columns):g}% or more at every weight"
    return f"Dotted: the probability of a positive slope falls below {'; '.join(words)}"


def _regions(w: Floats, b: Floats) -> tuple[Floats, Floats, Floats, list[float]]:
    """Kernel density of weight (folded back at 0 and 1) and slope on a grid, and its levels for the shares."""
    lowest, highest = (float(end) for end in np.quantile(b, [0.0005, 0.9995]))
    x, y = np.linspace(0, 1, 61), np.linspace(lowest, highest, 81)
    width = 1.06 * len(w) ** (-1 / 6)
    folded = np.concatenate([w, -w, 2 - w])

    def kernel(grid: Floats, draws: Floats, scale: float) -> Floats:
        return np.asarray(np.exp(-0.5 * ((grid[:, None] - draws) / scale) ** 2))

    across = kernel(x, folded, 0.6 * width * w.std()).reshape(len(x), 3, -1).sum(axis=1)
    density = kernel(y, b, 0.6 * width * b.std()) @ across.T
    ordered = np.sort(density.ravel())[::-1]
    mass = np.cumsum(ordered) / ordered.sum()
    levels = [float(ordered[np.searchsorted(mass, share)]) for share in _SHARES]
    return x, y, density, levels
