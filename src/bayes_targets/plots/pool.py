"""Figures of several evaluations: a forest with the pooled answer, a funnel, and effects against a moderator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..comparison.claims import percent_text
from ..comparison.compare import quantiles
from ..errors import DataError
from ..evaluation import Evaluation
from ._rows import label_rows, reference_line, text_column, ticks_that_fit
from ._sheet import finish, new_figure
from ._style import (
    BLUE,
    DARK,
    DATA_ALONE,
    GRID,
    ORANGE,
    PALE,
    POSTERIOR,
    direction,
    estimate_text,
    key,
    plain,
    row_label,
    style,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_MOST_ROWS = 60


def plot_pooled(
    posterior: xr.DataTree,
    several: Evaluation,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str | None = None,
) -> Figure:
    """Every study, its effect in the light of all, the mean as a diamond, and a new study's effect as a bar.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `meta_model`.
    several : Evaluation
        The estimates.
    title, subtitle : str, optional
        The message in at most ten words; what is shown, where, when, and of how many.
    xlabel : str, optional
        The unit in words.

    Returns
    -------
    matplotlib.figure.Figure
        Ratios have a logarithmic axis. Of more than 60 studies the most precise are drawn.

    Raises
    ------
    DataError
        If the posterior is not of these studies.
    """
    from matplotlib.patches import Polygon, Rectangle
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    draws = posterior["posterior"].to_dataset()
    frame = several.estimates
    if list(map(str, frame.index)) != draws["study"].to_numpy().tolist():
        raise DataError("plot_pooled: the posterior is of other studies than the evaluation")
    ratio = several.ratio is not None
    turn = np.exp if ratio else np.asarray
    estimate, se = frame["estimate"].to_numpy(float), frame["se"].to_numpy(float)
    effect = draws["effect"].transpose("study", "chain", "draw").to_numpy().reshape(len(frame), -1)
    shown = np.sort(np.argsort(se, kind="stable")[:_MOST_ROWS])
    labels = [row_label(frame.index[k], None, 20) for k in shown]
    pooled = "mu" in draws
    texts = [estimate_text(*_ends(estimate[k], se[k]), ratio=ratio) for k in shown]
    if pooled:
        labels += ["Mean effect", "Effect in a new place"]
        texts += [estimate_text(*_summary(draws[name]), ratio=ratio) for name in ("mu", "new_effect")]
    height = 0.27
    with style():
        figure = new_figure(height * len(labels))
        ax = figure.subplots()
        label_rows(ax, labels)
        share = se**-2 / (se**-2).max()
        for row, k in enumerate(shown):
            middle, low, high = _ends(estimate[k], se[k])
            ax.hlines(
                row - 0.13,
                turn(low),
                turn(high),
                color=DARK,
                linewidth=DATA_ALONE.width,
                linestyle=[DATA_ALONE.line],
            )
            size = 4 + 4 * math.sqrt(share[k])
            ax.plot(turn(middle), row - 0.13, "s", color=DARK, markerfacecolor="white", markersize=size)
            low, high = quantiles(effect[k], [0.025, 0.975])
            ax.hlines(row + 0.18, turn(low), turn(high), color=BLUE, linewidth=POSTERIOR.width)
            ax.plot(turn(effect[k].mean()), row + 0.18, "o", color=BLUE, markersize=4)
        if pooled:
            row = len(shown)
            middle, low, high = _summary(draws["mu"])
            corners = [
                (turn(low), row),
                (turn(middle), row - 0.3),
                (turn(high), row),
                (turn(middle), row + 0.3),
            ]
            ax.add_patch(Polygon(np.array(corners, dtype=float), facecolor=BLUE, edgecolor=BLUE))
            _, low, high = _summary(draws["new_effect"])
            ax.add_patch(
                Rectangle(
                    (float(turn(low)), row + 0.85), float(turn(high) - turn(low)), 0.3, facecolor=ORANGE
                )
            )
        ends = [*(estimate[shown] - 1.96 * se[shown]), *(estimate[shown] + 1.96 * se[shown]), 0.0]
        ends += list(_summary(draws["new_effect"])[1:]) if pooled else []
        low, high = np.quantile(ends, [0.0, 1.0])
        wide = np.quantile(np.abs(ends), 0.9) * 4
        low, high = max(low, -wide), min(high, wide)
        room = 0.03 * (high - low)
        if several.ratio:
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(
                LogLocator(base=10, subs=(1.0, 2.0, 5.0) if high - low < 6 else (1.0,))
            )
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlim(float(turn(low - room)), float(turn(high + room)))
        if not ratio:
            ticks_that_fit(ax, 1.5)
        reference_line(ax, 1.0 if several.ratio else 0.0, "no effect")
        text_column(ax, texts, "95% interval")
        if pooled:
            for label in ax.get_yticklabels()[-2:]:
                label.set_fontweight("bold")
        told = "Printed and in the light of all, 95% intervals"
        if len(shown) < len(frame):
            told += f", the {len(shown)} most precise"
        finish(
            figure,
            title or "What each evaluation found, and what all of them say",
            None,
            subtitle=_told(several, told) if subtitle is None else subtitle,
            xlabel=_axis(several, xlabel),
            along=[ax],
            handles=[key(DATA_ALONE, "as printed"), key(POSTERIOR, "in the light of all")],
        )
    return figure


def plot_funnel(
    several: Evaluation,
    posterior: xr.DataTree | None = None,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str | None = None,
) -> Figure:
    """Estimates against their standard errors, with the region in which results are not significant.

    Parameters
    ----------
    several : Evaluation
        The estimates.
    posterior : xarray.DataTree, optional
        Its mean effect is drawn as a line, and where 95% of estimates would lie without selection as a funnel.
    title, subtitle : str, optional
        The message in at most ten words; what is shown, where, when, and of how many.
    xlabel : str, optional
        The unit in words.

    Returns
    -------
    matplotlib.figure.Figure
        Contours are at two-sided p of .05 and .10.
    """
    estimate, se = (several.estimates[name].to_numpy(float) for name in ("estimate", "se"))
    top = 1.05 * float(se.max())
    with style():
        from matplotlib.patches import Patch

        figure = new_figure(2.9)
        ax = figure.subplots()
        line = np.linspace(0.0, top, 100)
        for z, colour in ((1.959964, GRID), (1.644854, PALE)):
            ax.fill_betweenx(line, -z * line, z * line, color=colour, linewidth=0)
        handles: list[Artist] = [
            Patch(facecolor=GRID, edgecolor=DARK, linewidth=0.3, label="p between .05 and .10"),
            Patch(facecolor=PALE, edgecolor=DARK, linewidth=0.3, label="p above .10 (two-sided)"),
        ]
        ends = [estimate.min(), estimate.max(), 0.0]
        if posterior is not None:
            draws = posterior["posterior"].to_dataset()
            middle, tau = float(draws["mu"].mean()), float(draws["tau"].mean())
            width = 1.96 * np.sqrt(line**2 + tau**2)
            ax.plot(middle - width, line, color=BLUE, linewidth=1.0, linestyle="--")
            ax.plot(middle + width, line, color=BLUE, linewidth=1.0, linestyle="--")
            ax.axvline(middle, color=BLUE, linewidth=1.5)
            from matplotlib.lines import Line2D

            handles.append(
                Line2D([], [], color=BLUE, linestyle="--", label="95% of estimates, were all printed")
            )
            ends += [middle - 1.1 * width[-1], middle + 1.1 * width[-1]]
        reference_line(ax, 0.0, "no effect")
        ax.plot(estimate, se, "o", color=DARK, markersize=5)
        room = 0.05 * (max(ends) - min(ends))
        ax.set_xlim(min(ends) - room, max(ends) + room)
        ax.set_ylim(top, 0.0)
        ax.set_ylabel("standard error")
        words = _axis(several, xlabel, logs=True)
        significant = int((np.abs(estimate) > 1.959964 * se).sum())
        finish(
            figure,
            title or f"{significant or 'None'} of {len(estimate)} evaluations significant at two-sided 5%",
            None,
            subtitle=_told(several, "Estimates by standard error") if subtitle is None else subtitle,
            xlabel=words,
            along=[ax],
            handles=handles,
        )
    return figure


def plot_bubble(
    posterior: xr.DataTree,
    several: Evaluation,
    moderator: str,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    ylabel: str | None = None,
) -> Figure:
    """Effects against a moderator, larger marks for more precise studies, with the fitted line and its 95% band.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `meta_model` with this moderator.
    several : Evaluation
        The estimates.
    moderator : str
        A column of the estimates.
    title, subtitle : str, optional
        The message in at most ten words; what is shown, where, when, and of how many.
    ylabel : str, optional
        The unit in words.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the posterior has no such moderator.
    """
    draws = posterior["posterior"].to_dataset()
    if "coefficient" not in draws or moderator not in draws["moderator"].to_numpy():
        raise DataError(f"plot_bubble: the posterior has no moderator {moderator!r}")
    x = several.estimates[moderator].to_numpy(float)
    estimate, se = (several.estimates[name].to_numpy(float) for name in ("estimate", "se"))
    slope = draws["coefficient"].sel(moderator=moderator).to_numpy().ravel()
    line = np.linspace(x.min(), x.max(), 60)
    fitted = draws["mu"].to_numpy().ravel() + slope * (line[:, None] - x.mean())
    low, high = quantiles(fitted, [0.025, 0.975])
    rises = float((slope > 0).mean())
    with style():
        figure = new_figure(2.9)
        ax = figure.subplots()
        ax.fill_between(line, low, high, color=BLUE, alpha=0.18, linewidth=0)
        ax.plot(line, fitted.mean(axis=1), color=BLUE, linewidth=2)
        ax.axhline(0.0, color=DARK, linewidth=1.0)
        ax.scatter(x, estimate, s=160 * (se.min() / se) ** 1.0 + 8, facecolor="none", edgecolor=DARK)
        ax.set_ylabel(_axis(several, ylabel, logs=True))
        told = "Larger circles are more precise; line and band: fitted mean and its 95% interval"
        finish(
            figure,
            title
            or f"Effects {'rise' if rises >= 0.5 else 'fall'} with {plain(moderator)}: {percent_text(max(rises, 1 - rises))} sure",
            None,
            subtitle=_told(several, told) if subtitle is None else subtitle,
            xlabel=plain(moderator),
            along=[ax],
        )
    return figure


def _ends(estimate: float, se: float) -> tuple[float, float, float]:
    return float(estimate), float(estimate - 1.959964 * se), float(estimate + 1.959964 * se)


def _summary(values: xr.DataArray) -> tuple[float, float, float]:
    flat = values.to_numpy().ravel()
    low, high = quantiles(flat, [0.025, 0.975])
    return float(flat.mean()), float(low), float(high)


def _axis(several: Evaluation, xlabel: str | None, *, logs: bool = False) -> str:
    """Label of the axis of effects, with the favourable direction."""
    what = xlabel or several.ratio or several.unit or "effect, in units of the outcome"
    if logs and several.ratio:
        what = f"log {what}"
    return f"{direction(several.better)}\n{what}"


def _told(several: Evaluation, what: str) -> str:
    """Subtitle: what is shown, and of how many evaluations."""
    count = len(several.estimates)
    return f"{what}; {count} evaluation{'s' if count > 1 else ''}"
