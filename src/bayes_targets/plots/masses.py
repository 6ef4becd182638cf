"""Where the posterior of an effect lies: worse, practically none, better by more than the smallest effect worth having."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ._rows import Floats, fit_ticks, no_scale, note
from ._sheet import WIDTH, finish, new_figure
from ._style import BLUE, DARK, ORANGE, PALE, PRIOR, direction, line_key, styled, wrapped
from .priors import density, normal_density

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 4


@dataclass(frozen=True, eq=False)
class Effect:
    """One effect to draw, on the table's own scale: logs of ratios."""

    draws: Floats  # of its posterior, shape (draws,)
    smallest: float  # effect worth having, as a distance from none
    better: str  # "higher" or "lower"
    prior: tuple[float, float] | None = (
        None  # mean and s.d. of a normal one; None where it is flat or too wide to be seen
    )
    ratio: bool = False  # the axis shows ratios
    exact: tuple[float, float] | None = (
        None  # mean and s.d. of a posterior that is normal; else its density is that of the draws
    )


@styled
def plot_masses(effects: Mapping[str, Effect], *, title: str, subtitle: str = "", xlabel: str) -> Figure:
    """Posterior density of each effect, cut at the smallest effect worth having, with the mass of each part; four effects at most.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(0.9, 0.6, 4000)
    >>> figure = plot_masses({"Target": Effect(draws, 0.5, "higher")}, title="Most of it is better", xlabel="points")
    >>> figure.get_suptitle()
    'Most of it is better'
    """
    if not 1 <= len(effects) <= _MOST_PANELS:
        raise DataError(f"effects: found {len(effects)}, expected 1 to {_MOST_PANELS} to draw")
    figure = new_figure(1.35 * len(effects))
    axes = figure.subplots(len(effects), 1, squeeze=False)[:, 0]
    for ax, (name, effect), ends in zip(axes, effects.items(), _ends(effects.values()), strict=True):
        _draw(ax, name if len(effects) > 1 else "", effect, ends)
    prior = any(effect.prior is not None for effect in effects.values())
    return finish(
        figure,
        title,
        subtitle=subtitle,
        ways=direction(next(iter(effects.values())).better),
        xlabel=xlabel,
        handles=[line_key("prior", **PRIOR)] if prior else [],
    )


def _reach(effect: Effect) -> Floats:
    """Between which values nearly all of a posterior lies."""
    return np.asarray(np.quantile(effect.draws, [0.0005, 0.9995]))


def _ends(effects: Collection[Effect]) -> list[tuple[float, float]]:
    """Limits of each axis: one scale for all, unless one posterior would be a sliver on it."""
    found = []
    for effect in effects:
        low, high = _reach(effect)
        room = 0.06 * (high - low)
        found.append((min(low - room, -1.6 * effect.smallest), max(high + room, 1.6 * effect.smallest)))
    whole = min(low for low, _ in found), max(high for _, high in found)
    narrowest = min(high - low for low, high in found)
    alike = len({effect.ratio for effect in effects}) == 1 and whole[1] - whole[0] < 6 * narrowest
    return [whole] * len(found) if alike else found


def _draw(ax: Axes, name: str, effect: Effect, ends: tuple[float, float]) -> None:
    """The density with its three parts, and the probability of each above it."""
    grid, draws, smallest = np.linspace(*ends, 401), effect.draws, effect.smallest
    low, high = _reach(effect)
    if high - low < 0.1 * (ends[1] - ends[0]):  # else it would fall between the points
        grid = np.union1d(grid, np.linspace(low, high, 201))
    height = normal_density(grid, *effect.exact) if effect.exact else density(draws, grid)
    top = float(height.max()) or 1.0
    good, none, bad = (BLUE, 0.45, "better"), (PALE, 1.0, "practically\nnone"), (ORANGE, 0.45, "worse")
    below, above = (bad, good) if effect.better == "higher" else (good, bad)
    for look, where, held, place in (
        (below, grid <= -smallest, draws < -smallest, 0.5 * (ends[0] - smallest)),
        (none, np.abs(grid) <= smallest, np.abs(draws) <= smallest, 0.0),
        (above, grid >= smallest, draws > smallest, 0.5 * (ends[1] + smallest)),
    ):
        colour, alpha, words = look
        ax.fill_between(grid, height, where=where, color=colour, alpha=alpha, linewidth=0)
        told, weight = f"{_percent(float(held.mean()))}\n{words}", "bold" if look is good else "normal"
        note(ax, told, (place, top * 1.5), (0, 0), ha="center", va="top", fontweight=weight)
    ax.plot(grid, height, color=DARK, linewidth=1.2)
    if effect.prior is not None:
        prior = normal_density(grid, *effect.prior)
        ax.plot(grid, prior, label="prior", **PRIOR)
    for edge in (-smallest, smallest):
        ax.axvline(edge, ymax=0.98, color=DARK, linewidth=0.8, linestyle=":")
    ax.axvline(0.0, ymax=0.64, color=DARK, linewidth=1.0, label="zero line")
    ax.set_xlim(*ends)
    ax.set_ylim(0, 1.54 * top)
    no_scale(ax)
    if name:
        ax.set_title(wrapped(name, 50, max_lines=1))
    fit_ticks(ax, WIDTH - 1.0, ratio=effect.ratio)


def _percent(share: float) -> str:
    if share > 0.99:
        return "> 99%"
    return "< 1%" if share < 0.01 else f"{100 * share:.0f}%"
