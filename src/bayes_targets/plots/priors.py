"""Priors: what was assumed beside what the data made of it, and the probability of an effect by the prior's width."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DataError, did_you_mean
from ._rows import Floats, named_frames, no_scale, note, numbers
from ._sheet import finish, new_figure
from ._style import (
    BLUE,
    DARK,
    DASHES,
    ORANGE,
    PRIOR,
    line_key,
    number,
    origin_of,
    patch_key,
    plain,
    styled,
    wrapped,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 12
_MOST_CURVES = 3
_ONE_SCALE = 12.0
"""Panels of one unit share an axis unless one is this many times as wide as another."""
_KEPT = 0.9
"""A posterior of more than this share of its prior's width has hardly learnt."""
_MOST_DRAWS = 4000
"""A kernel density of more draws than this costs time and shows nothing more."""
_LINES: dict[str, dict[str, Any]] = {"prior": PRIOR, "posterior": {"color": BLUE, "linewidth": 1.8}}


@dataclass(frozen=True)
class _Quantity:
    """One panel: a scalar variable, or one label of a labelled variable."""

    name: str
    posterior: Floats
    prior: Floats | None
    unit: str | None
    exact: Exact | None = None


class Exact(NamedTuple):
    """Means and standard deviations of prior and posterior of an effect that are normal in closed form."""

    prior: tuple[float, float]
    posterior: tuple[float, float]


@styled
def plot_prior_posterior(
    posterior: xr.DataTree,
    variables: str | Sequence[str] | None = None,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str | None = None,
    origin: str | None = None,
) -> Figure:
    """Density of the prior (dashed) and of the posterior (filled) of each quantity, a panel each.

    Parameters
    ----------
    posterior : xarray.DataTree
        Groups ``posterior`` and, unless the prior is flat, ``prior``; every variable has dims chain, draw and
        at most one further labelled dim.
    variables : str or sequence of str, optional
        Which variables; by default all. At most twelve panels are drawn; those left out are named.
    title, subtitle, xlabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit, by default each variable's own.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the posterior's attrs say.

    Returns
    -------
    matplotlib.figure.Figure
        Each panel spans the posterior and as much of the prior as leaves the posterior readable; panels of one unit share
        an axis unless one is twelve times as wide as another. Curves of published estimates that are normal in closed form
        are drawn exactly, others from the draws.

    Raises
    ------
    DataError
        If there is no posterior group, no such variable, a variable has more than one labelled dim, or a draw
        is not finite.

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(1)
    >>> dims = ("chain", "draw")
    >>> tree = xr.DataTree.from_dict({
    ...     "posterior": xr.Dataset({"mu": (dims, rng.normal(1, 1, (4, 100)))}),
    ...     "prior": xr.Dataset({"mu": (dims, rng.normal(0, 5, (1, 400)))})})
    >>> figure = plot_prior_posterior(tree, "mu")
    >>> figure.axes[0].get_title(loc="left")
    'mu'
    """
    found = list(_quantities(posterior, variables))
    shown, left_out = found[:_MOST_PANELS], found[_MOST_PANELS:]
    columns = 1 if len(shown) < 3 else 2
    rows = -(-len(shown) // columns)
    units = {quantity.unit for quantity in shown}
    if xlabel is None and len(units) == 1:
        xlabel = units.pop() or "value, in the units of each quantity"
    figure = new_figure(1.3 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    windows = _one_scale([_window(quantity) for quantity in shown], same_unit=xlabel is not None)
    for ax, quantity, window in zip(axes.flat, shown, windows, strict=False):
        _draw_panel(ax, quantity, window, 56 // columns, unit=xlabel is None)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    names = ", ".join(quantity.name for quantity in left_out)
    left = f"{_MOST_PANELS} of {len(found)} quantities are shown; not shown: {names}" if left_out else ""
    prior = [line_key("prior density", **PRIOR)] if any(each.prior is not None for each in shown) else []
    return finish(
        figure,
        title or _left_message(shown),
        origin_of(origin, posterior.attrs, posterior["posterior"].attrs),
        subtitle=subtitle or _what(shown),
        xlabel=xlabel or "",
        note=wrapped(left, 64),
        handles=[*prior, patch_key("#B3D5E8", "posterior density", edgecolor=BLUE, linewidth=1.8)],
    )


def _quantities(tree: xr.DataTree, variables: str | Sequence[str] | None) -> Iterator[_Quantity]:
    """A quantity for each scalar variable wanted, and for each label of the others."""
    groups = getattr(tree, "children", {})
    if "posterior" not in groups:
        raise DataError(f"posterior: no group 'posterior', found {sorted(map(str, groups))}")
    after = tree["posterior"].to_dataset()
    before: Mapping[Any, xr.DataArray] = tree["prior"].to_dataset() if "prior" in groups else {}
    known = [str(name) for name in after.data_vars]
    wanted = known if variables is None else [variables] if isinstance(variables, str) else list(variables)
    if not wanted:
        raise DataError(f"posterior: no variable to draw, found {known}")
    for name in wanted:
        if name not in known:
            raise DataError(f"posterior: no variable {name!r}; {did_you_mean(name, known)}")
        yield from _split(name, after[name], before.get(name), tree, "" if len(wanted) == 1 else f"{name}: ")


def _split(
    name: str, after: xr.DataArray, before: xr.DataArray | None, tree: xr.DataTree, prefix: str
) -> Iterator[_Quantity]:
    """Make a panel for a scalar, or one for each label of its dim, named after it."""
    labelled = [dim for dim in after.dims if dim not in ("chain", "draw")]
    if not {"chain", "draw"} <= set(after.dims) or len(labelled) > 1:
        raise DataError(
            f"posterior, variable {name!r}: found dims {list(after.dims)},"
            " expected chain, draw and at most one more"
        )
    unit = after.attrs.get("units") or after.attrs.get("unit")
    if not labelled:
        yield _Quantity(name, _draws(name, after), None if before is None else _draws(name, before), unit)
        return
    dim = labelled[0]
    labels = after[dim].values
    if before is not None and (dim not in before.dims or not set(labels) <= set(before[dim].values)):
        raise DataError(f"prior, variable {name!r}: its labels along {dim!r} are not those of the posterior")
    for i, label in enumerate(labels):
        own = f"{name}: {label}"
        yield _Quantity(
            f"{prefix}{label}",
            _draws(own, after.isel({dim: i})),
            None if before is None else _draws(own, before.sel({dim: label})),
            unit,
            exact_curves(tree, label, variable=name) if dim == "term" else None,
        )


def _draws(name: str, values: xr.DataArray) -> Floats:
    draws = np.asarray(values.values, dtype=np.float64).ravel()
    if not draws.size or not np.isfinite(draws).all():
        raise DataError(f"{name}: found a draw that is not finite (or none at all), expected finite draws")
    return draws


def exact_curves(posterior: xr.DataTree, term: object, *, variable: str = "effect") -> Exact | None:
    """Prior and posterior of a term of `published_model` in closed form; None where they are not normal.

    Normal errors of known size and a normal prior of the term's own have a normal posterior. The draws must agree.
    """
    if posterior.attrs.get("model") != "published" or "constant_data" not in posterior.children:
        return None
    data = posterior["constant_data"].to_dataset()
    options = json.loads(posterior.attrs.get("options", "{}"))
    needed = {"se", "df", "pooled", "flat", "prior_mean", "prior_sd", "scale"}
    if variable not in ("effect", "standardised"):
        return None
    if not needed <= set(data.data_vars) or options.get("errors", "normal") != "normal":
        return None
    row = data.sel(term=term)
    scale = 1.0 if variable == "effect" else float(row["scale"])
    se, mean, sd = (scale * float(row[name]) for name in ("se", "prior_mean", "prior_sd"))
    if bool(row["pooled"]) or bool(row["flat"]) or np.isfinite(float(row["df"])) or not np.isfinite(sd):
        return None
    estimate = scale * float(posterior["observed_data"]["estimate"].sel(term=term))
    spread = (se**-2 + sd**-2) ** -0.5
    middle = spread**2 * (estimate * se**-2 + mean * sd**-2)
    draws = posterior["posterior"][variable].sel(term=term).to_numpy().ravel()
    agree = abs(draws.mean() - middle) < 0.15 * spread and abs(draws.std() / spread - 1) < 0.15
    return Exact((mean, sd), (middle, spread)) if agree else None


def normal_density(x: Floats, mean: float, sd: float) -> Floats:
    """Density of a normal distribution.

    Examples
    --------
    >>> float(normal_density(np.array([0.0]), 0.0, 1.0)[0].round(4))
    0.3989
    """
    return np.asarray(np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi)), dtype=np.float64)


def _one_scale(windows: list[Floats], *, same_unit: bool) -> list[Floats]:
    """Make the windows of one unit one, unless the narrowest could not be read in it."""
    ends = np.array([[window[0], window[-1]] for window in windows])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    if not same_unit or high - low > _ONE_SCALE * float(np.diff(ends, axis=1).min()):
        return windows
    return [np.linspace(low, high, 401)] * len(windows)


def _what(shown: Sequence[_Quantity]) -> str:
    exact = sum(quantity.exact is not None for quantity in shown)
    made = "exact or from draws" if exact else f"from {shown[0].posterior.size:,} draws"
    if exact == len(shown):
        made = "exact curves"
    return f"Density of {len(shown)} quantit{'y' if len(shown) == 1 else 'ies'}, {made}"


def _left_message(shown: Sequence[_Quantity]) -> str:
    """How much narrower posteriors are than priors."""
    kept = [
        _half_width(quantity.posterior) / _half_width(quantity.prior)
        for quantity in shown
        if quantity.prior is not None and np.ptp(quantity.prior) > 0
    ]
    if not kept:
        name = f"{wrapped(shown[0].name, 40, max_lines=1)}: what" if len(shown) == 1 else "What"
        return f"{name} the data say"
    share = float(np.median(kept))
    if share > _KEPT:
        return "The data leave the prior about as it was"
    typical = "the prior's width" if len(kept) == 1 else "a prior's width, typically"
    return f"The data leave {100 * share:.0f}% of {typical}"


def _half_width(draws: Floats) -> float:
    """Width of the middle half."""
    return float(np.ptp(np.quantile(draws, [0.25, 0.75])))


def _draw_panel(ax: Axes, quantity: _Quantity, grid: Floats, width: int, *, unit: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    flat = "\n(prior flat or not sampled)" if quantity.prior is None else ""
    ax.set_title(wrapped(quantity.name, width, max_lines=2) + flat)
    if quantity.prior is not None:
        _draw_density(ax, grid, quantity, quantity.prior, "prior")
    _draw_density(ax, grid, quantity, quantity.posterior, "posterior")
    ax.set_xlim(grid[0], grid[-1])
    ax.set_ylim(bottom=0)
    no_scale(ax)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    if grid[0] < 0 < grid[-1]:
        ax.axvline(0, color=DARK, linewidth=0.8, zorder=0.8, label="zero line")
    if unit and quantity.unit:
        ax.set_xlabel(wrapped(quantity.unit, 30))


def _draw_density(ax: Axes, grid: Floats, quantity: _Quantity, draws: Floats, name: str) -> None:
    if np.ptp(draws) == 0:
        ax.axvline(draws[0], color=_LINES[name]["color"], linewidth=2.0, label=f"{name}, constant")
        return
    if quantity.exact is not None:
        height = normal_density(grid, *getattr(quantity.exact, name))
    else:
        height = density(draws, grid, _bounds(quantity))
    if name == "posterior":
        ax.fill_between(grid, height, color=BLUE, alpha=0.3, linewidth=0)
    ax.plot(grid, height, label=name, **_LINES[name])


def _bounds(quantity: _Quantity) -> tuple[float, float]:
    """Guess the ends of a quantity's range: 0 for what is never negative, 1 for what never exceeds it."""
    parts = [quantity.posterior] if quantity.prior is None else [quantity.posterior, quantity.prior]
    low, high = min(float(p.min()) for p in parts), max(float(p.max()) for p in parts)
    return (0.0 if low >= 0 else -np.inf, 1.0 if low >= 0 and high <= 1 else np.inf)


def _window(quantity: _Quantity) -> Floats:
    """Choose where a panel looks: the posterior, and the prior's middle up to 1.25 posterior widths away."""
    low, high = np.quantile(quantity.posterior, [0.001, 0.999])
    width = high - low or max(abs(float(high)), 1.0)
    ends = low - 0.1 * width, high + 0.1 * width
    if quantity.prior is not None:
        prior_low, prior_high = np.quantile(quantity.prior, [0.01, 0.99])
        ends = (
            min(ends[0], max(prior_low, low - 1.25 * width)),
            max(ends[1], min(prior_high, high + 1.25 * width)),
        )
    bottom, top = _bounds(quantity)
    near = 0.1 * (ends[1] - ends[0])  # an end of the range that is nearly in sight is shown
    first = bottom if ends[0] - near < bottom else ends[0]
    last = top if ends[1] + near > top else ends[1]
    return np.linspace(first, last, 241)


def density(draws: Floats, grid: Floats, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Floats:
    """Kernel density of draws on a grid, folded back at the ends of the quantity's range.

    Examples
    --------
    >>> draws = np.random.default_rng(1).exponential(size=4000)
    >>> bool(density(draws, np.linspace(0, 5, 51), (0, np.inf))[0] > 0.8)
    True
    """
    from scipy.stats import gaussian_kde

    # A heavy tail far outside the panel would widen the kernels inside it, so it only counts by its share.
    reach = grid[-1] - grid[0]
    near = draws[(draws >= grid[0] - reach) & (draws <= grid[-1] + reach)]
    share = near.size / draws.size
    near = near[:: max(1, near.size // _MOST_DRAWS)]
    if near.size < 3 or np.ptp(near) == 0:
        return np.zeros_like(grid)
    low, high = np.quantile(near, [0.25, 0.75])
    robust = min(1.0, (high - low) / (1.34 * near.std())) or 1.0
    kernel = gaussian_kde(near, bw_method=1.06 * robust * near.size**-0.2)
    total = kernel(grid)
    for end in bounds:
        if np.isfinite(end):
            total = total + kernel(2 * end - grid)
    return np.asarray(share * total, dtype=np.float64)


@styled
def plot_prior_curve(
    curves: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    prob: float = 0.95,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str = "standard deviation of a prior around no effect",
    origin: str | None = None,
) -> Figure:
    """Posterior probability of a positive effect against the standard deviation of a normal prior around 0.

    Parameters
    ----------
    curves : pandas.DataFrame or mapping of str to pandas.DataFrame
        From `prior_curve`; several named ones are drawn below one another (three at most).
    prob : float
        Probability that counts as convincing: a dashed line, and a mark where the curve crosses it: the sceptical prior
        that just overturns the effect. Where it never does, the panel says so.
    title, subtitle, xlabel, origin : str, optional
        The message in at most ten words; what, where, when and of how many; the unit; where the data come from.

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
    panels = named_frames(curves, "curves", _MOST_CURVES)
    if not 0.5 < prob < 1:
        raise DataError(f"prob is {prob!r}, expected a probability between 0.5 and 1")
    for name, curve in panels.items():
        if not {"prior_sd", "probability"} <= set(curve.columns) or curve.empty:
            raise DataError(f"{name or 'curve'}: expected rows with columns 'prior_sd' and 'probability'")
    figure = new_figure(1.9 * len(panels))
    axes = figure.subplots(len(panels), 1, sharey=True, squeeze=False)[:, 0]
    note(axes[0], f"{100 * prob:g}%: convincing", (0.02, prob), (0, 3), "y", color=DARK, va="bottom")
    for ax, (name, curve) in zip(axes, panels.items(), strict=True):
        _draw_curve(ax, name, curve, prob)
        ax.set_ylabel("P(effect > 0)")
    axes[0].yaxis.set_major_formatter(lambda p, _: f"{100 * p:.0f}%")
    return finish(
        figure,
        title or _curve_message(panels, prob),
        origin_of(origin, *(curve.attrs for curve in panels.values())),
        subtitle=subtitle or "Posterior probability of a positive effect, by width of the prior",
        ways="← more sceptical  |  less sceptical →",
        xlabel=xlabel,
    )


def _draw_curve(ax: Axes, name: str, curve: pd.DataFrame, prob: float) -> None:
    """The curve, the line it must pass to convince, and where it passes."""
    sd, probability = numbers(curve, "prior_sd", name), numbers(curve, "probability", name)
    ax.plot(sd, probability, color=BLUE, linewidth=2.0, label="curve")
    ax.axhline(prob, color=DARK, linewidth=1.0, linestyle=DASHES, label="convincing")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    ax.set_xlim(float(sd[0]), float(sd[-1]))
    ax.set_ylim(0.49, 1.04)
    ax.grid(axis="both")
    if name:
        ax.set_title(plain(name), fontweight="bold")
    crossing = _crossing(sd, probability, prob)
    if crossing is None:
        words = "every width convinces"
        if probability.max() <= prob:
            words = f"never convincing:\nat most {100 * probability.max():.0f}%"
        ax.text(0.97, 0.05, words, transform=ax.transAxes, ha="right", color=ORANGE)
        return
    ax.plot([crossing], [prob], marker="o", color=ORANGE, markersize=7, label="sceptic")
    words = f"a sceptic with a prior\ns.d. of {number(crossing)} is just\nnot convinced"
    note(ax, words, (crossing, prob), (10, -12), va="top", color=ORANGE)


def _curve_message(panels: Mapping[str, pd.DataFrame], prob: float) -> str:
    """Which effects convince under some width of the prior."""
    convincing = [name for name, curve in panels.items() if curve["probability"].max() > prob]
    if len(panels) == 1:
        never = "Not convincing, however wide the prior"
        return "Convincing, unless the prior is narrow" if convincing else never
    if len(panels) == 2 and len(convincing) == 1:
        other = next(name for name in panels if name not in convincing)
        return f"{plain(other)} never convinces; {plain(convincing[0]).lower()} does"
    return f"{len(convincing) or 'None'} of {len(panels)} effects convince under some prior"


def _crossing(sd: Floats, probability: Floats, prob: float) -> float | None:
    """Standard deviation at which the probability passes `prob`, by a line between its neighbours."""
    first = int(np.argmax(probability > prob))
    if first == 0:  # at no width, or at every one from the first
        return None
    share = (prob - probability[first - 1]) / (probability[first] - probability[first - 1])
    return float(np.exp(np.log(sd[first - 1]) + share * np.log(sd[first] / sd[first - 1])))
