"""Figures of several evaluations: a forest with the pooled answer, a funnel, and effects against a moderator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..comparison.claims import percent_text
from ..errors import DataError, require_kind
from ..evaluation import Evaluation
from ..inference.summary import equal_tails, mean_interval
from ..model import draws_of
from ._rows import draw_rows, fit_ticks, new_rows, reference_line, span, text_column
from ._sheet import finish, new_figure
from ._style import (
    BLUE,
    DARK,
    DATA_ALONE,
    ORANGE,
    PALE,
    POSTERIOR,
    direction,
    estimate_text,
    key,
    line_key,
    patch_key,
    plain,
    styled,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_MOST_ROWS = 60
_MIDDLE = "#C4C4C4"
# Standard errors to either side that a 95% interval takes.
_REACH = 1.959964
_JOINT = {"mu": "Mean effect", "new_effect": "Effect in a new place"}
_POOLED = "a posterior of meta_model, from fit"


def _studies(several: Evaluation) -> Evaluation:
    """An evaluation of several studies, with what is drawn of each."""
    require_kind("several", several, Evaluation, "an Evaluation, from read_evaluations")
    for name in ("estimate", "se"):
        if name not in several.estimates:
            raise DataError(f"several: no {name!r}, expected an Evaluation, from read_evaluations")
    return several


@styled
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
    title, subtitle, xlabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit.

    Returns
    -------
    matplotlib.figure.Figure
        Ratios have a logarithmic axis. Of more than 60 studies the most precise are drawn.

    Raises
    ------
    DataError
        If the posterior is not of these studies.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> import pandas as pd
    >>> table = pd.DataFrame({"study": ["A", "B", "C"], "estimate": [0.2, 0.5, 0.4], "se": [0.1, 0.2, 0.15]})
    >>> several = bt.read_evaluations(table, better="higher")
    >>> priors = bt.MetaPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(0.3))
    >>> figure = plot_pooled(bt.fit(bt.meta_model(several, priors=priors), seed=1), several)
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['A', 'B', 'C', 'Mean effect', 'Effect in a new place']
    """
    from matplotlib.patches import Polygon, Rectangle

    draws = draws_of(posterior, ("study", "effect"), _POOLED)
    frame, ratio = _studies(several).estimates, several.ratio is not None
    if list(map(str, frame.index)) != draws["study"].to_numpy().tolist():
        raise DataError("plot_pooled: the posterior is of other studies than the evaluation")
    kept = np.sort(np.argsort(frame["se"].to_numpy(float), kind="stable")[:_MOST_ROWS])
    estimate, se = (frame[name].to_numpy(float)[kept] for name in ("estimate", "se"))
    printed = np.stack([estimate, estimate - _REACH * se, estimate + _REACH * se])
    together = np.array([mean_interval(draws["effect"].isel(study=k)) for k in kept]).T
    joint = {label: mean_interval(draws[name]) for name, label in _JOINT.items() if name in draws}
    texts = [estimate_text(*values, ratio=ratio) for values in (*printed.T.tolist(), *joint.values())]
    ends = [*printed[1:].ravel(), 0.0]
    figure, ax, (first, second) = new_rows([*(wrapped(frame.index[k], 20) for k in kept), *joint])
    draw_rows(ax, first, printed, DATA_ALONE, "printed", size=3)
    places, size = np.arange(len(kept)) + first, (4 + 4 * se.min() / se) ** 2
    ax.scatter(estimate, places, size, marker="s", color="white", edgecolor=DARK, zorder=3)
    draw_rows(ax, second, together, POSTERIOR, "in the light of all", size=4)
    if joint:
        (middle, low, high), (_, left, right) = joint.values()
        row = len(kept)
        corners = np.array([(low, row), (middle, row - 0.3), (high, row), (middle, row + 0.3)])
        ax.add_patch(Polygon(corners, facecolor=BLUE, edgecolor=BLUE))
        ax.add_patch(Rectangle((left, row + 0.85), right - left, 0.3, facecolor=ORANGE))
        ends += [left, right]
    wide = 4 * float(np.quantile(np.abs(ends), 0.9))
    ax.set_xlim(*span([np.clip(ends, -wide, wide)]))
    fit_ticks(ax, 1.5, ratio=ratio)
    reference_line(ax, 0.0, "no effect")
    text_column(ax, texts, "95% interval")
    for label in ax.get_yticklabels()[len(kept) :]:
        label.set_fontweight("bold")
    told = "Printed and in the light of all, 95% intervals"
    if len(kept) < len(frame):
        told += f", the {len(kept)} most precise"
    return finish(
        figure,
        title or "What each evaluation found, and what all of them say",
        subtitle=subtitle or _told(several, told),
        ways=direction(several.better),
        xlabel=_unit(several, xlabel),
        handles=[key(DATA_ALONE, "as printed"), key(POSTERIOR, "in the light of all")],
    )


@styled
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
    title, subtitle, xlabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit.

    Returns
    -------
    matplotlib.figure.Figure
        Contours are at two-sided p of .05 and .10.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> import pandas as pd
    >>> table = pd.DataFrame({"study": ["A", "B", "C"], "estimate": [0.2, 0.5, 0.4], "se": [0.1, 0.2, 0.15]})
    >>> several = bt.read_evaluations(table, better="higher")
    >>> plot_funnel(several).get_suptitle()
    '3 of 3 evaluations significant at two-sided 5%'
    """
    estimate, se = (_studies(several).estimates[name].to_numpy(float) for name in ("estimate", "se"))
    top = 1.05 * float(se.max())
    figure = new_figure(2.9)
    ax = figure.subplots()
    line = np.linspace(0.0, top, 100)
    for z, colour in ((_REACH, PALE), (1.644854, _MIDDLE)):
        ax.fill_betweenx(line, -z * line, z * line, color=colour, linewidth=0)
    handles: list[Artist] = [
        patch_key(PALE, "p between .05 and .10", edgecolor=DARK, linewidth=0.3),
        patch_key(_MIDDLE, "p above .10 (two-sided)", edgecolor=DARK, linewidth=0.3),
    ]
    ends = [estimate.min(), estimate.max(), 0.0]
    if posterior is not None:
        draws = draws_of(posterior, ("mu", "tau"), _POOLED)
        middle, tau = float(draws["mu"].mean()), float(draws["tau"].mean())
        width = 1.96 * np.sqrt(line**2 + tau**2)
        for side in (middle - width, middle + width):
            ax.plot(side, line, color=BLUE, linewidth=1.0, linestyle="--")
        ax.axvline(middle, color=BLUE, linewidth=1.5)
        handles.append(line_key("95% of estimates, were all printed", color=BLUE, linestyle="--"))
        ends += [middle - 1.1 * width[-1], middle + 1.1 * width[-1]]
    reference_line(ax, 0.0, "no effect")
    ax.plot(estimate, se, "o", color=DARK, markersize=5)
    room = 0.05 * (max(ends) - min(ends))
    ax.set_xlim(min(ends) - room, max(ends) + room)
    ax.set_ylim(top, 0.0)
    ax.set_ylabel("standard error")
    significant = int((np.abs(estimate) > _REACH * se).sum())
    return finish(
        figure,
        title or f"{significant or 'None'} of {len(estimate)} evaluations significant at two-sided 5%",
        subtitle=subtitle or _told(several, "Estimates by standard error"),
        ways=direction(several.better),
        xlabel=_unit(several, xlabel, logs=True),
        handles=handles,
    )


@styled
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
    title, subtitle, ylabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the posterior has no such moderator.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> import pandas as pd
    >>> table = pd.DataFrame({"study": ["A", "B", "C"], "estimate": [0.2, 0.5, 0.4], "se": [0.1, 0.2, 0.15]})
    >>> several = bt.read_evaluations(table.assign(hours=[1, 3, 2]), better="higher")
    >>> priors = bt.MetaPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(0.3))
    >>> posterior = bt.fit(bt.meta_model(several, moderators=["hours"], priors=priors), seed=1)
    >>> plot_bubble(posterior, several, "hours").axes[0].get_xlabel()
    'hours'
    """
    draws, moderator = draws_of(posterior, ("mu",), _POOLED), str(moderator)
    if "coefficient" not in draws or moderator not in draws["moderator"].to_numpy():
        raise DataError(f"plot_bubble: the posterior has no moderator {moderator!r}")
    columns = (moderator, "estimate", "se")
    x, estimate, se = (_studies(several).estimates[name].to_numpy(float) for name in columns)
    slope = draws["coefficient"].sel(moderator=moderator).to_numpy().ravel()
    line = np.linspace(x.min(), x.max(), 60)
    fitted = draws["mu"].to_numpy().ravel() + slope * (line[:, None] - x.mean())
    low, high = equal_tails(fitted, axis=-1)
    rises = float((slope > 0).mean())
    figure = new_figure(2.9)
    ax = figure.subplots()
    ax.fill_between(line, low, high, color=BLUE, alpha=0.18, linewidth=0)
    ax.plot(line, fitted.mean(axis=1), color=BLUE, linewidth=2)
    ax.axhline(0.0, color=DARK, linewidth=1.0)
    ax.scatter(x, estimate, s=160 * se.min() / se + 8, facecolor="none", edgecolor=DARK)
    ax.set_ylabel(f"{direction(several.better)}\n{_unit(several, ylabel, logs=True)}")
    message = f"Effects {'rise' if rises >= 0.5 else 'fall'} with {plain(moderator)}"
    told = "Larger circles are more precise; line and band: fitted mean and its 95% interval"
    return finish(
        figure,
        title or f"{message}: {percent_text(max(rises, 1 - rises))} sure",
        subtitle=subtitle or _told(several, told),
        ways="",
        xlabel=moderator,
    )


def _unit(several: Evaluation, asked: str | None, *, logs: bool = False) -> str:
    """What the axis of effects shows."""
    what = asked or several.ratio or several.unit or "effect, in units of the outcome"
    return f"log {what}" if logs and several.ratio else what


def _told(several: Evaluation, what: str) -> str:
    """Subtitle: what is shown, and of how many evaluations."""
    count = len(several.estimates)
    return f"{what}; {count} evaluation{'s' if count > 1 else ''}"
