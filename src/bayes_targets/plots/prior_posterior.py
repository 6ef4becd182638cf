"""Prior and posterior of each quantity: what was assumed, and what the data made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, did_you_mean
from ._sheet import finish, new_figure
from ._style import BLUE, DARK, balanced, origin_of, style, wrapped

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MOST_PANELS = 12
_MOST_DRAWS = 4000
"""A kernel density of more draws than this costs time and shows nothing more."""


@dataclass(frozen=True)
class _Quantity:
    """One panel: a scalar variable, or one label of a labelled variable."""

    name: str
    posterior: Floats
    prior: Floats | None
    unit: str | None


def plot_prior_posterior(
    posterior: xr.DataTree,
    variables: str | Sequence[str] | None = None,
    *,
    title: str | None = None,
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
    title : str, optional
        What is shown.
    xlabel : str, optional
        The unit in words; by default each variable's own ``units`` attribute.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the posterior's attrs say.

    Returns
    -------
    matplotlib.figure.Figure
        Each panel spans the posterior and as much of the prior as leaves the posterior readable.

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
    groups = getattr(posterior, "children", {})
    if "posterior" not in groups:
        raise DataError(f"posterior: no group 'posterior', found {sorted(map(str, groups))}")
    after = posterior["posterior"].to_dataset()
    before = posterior["prior"].to_dataset() if "prior" in groups else None
    found = _quantities(after, before, variables)
    shown, left_out = found[:_MOST_PANELS], found[_MOST_PANELS:]
    told = origin_of(origin, [posterior.attrs, after.attrs])
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    units = {quantity.unit for quantity in shown}
    if xlabel is None and len(units) == 1:
        xlabel = units.pop() or "value, in the units of each quantity"
    with style():
        noted = any(quantity.prior is None for quantity in shown)
        figure = new_figure(max(2.0, (1.75 if noted else 1.55) * rows))
        grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"wspace": 0.08})
        for ax, quantity in zip(grid.flat, shown, strict=False):
            _draw_panel(ax, quantity, 26 if columns == 3 else 40, unit=xlabel is None)
        for ax in grid.flat[len(shown) :]:
            ax.remove()
        finish(
            figure,
            title or "What was assumed (prior) and what the data made of it (posterior)",
            told,
            xlabel="\n".join(
                part for part in (balanced(xlabel or "", 85), _left_out_words(left_out)) if part
            ),
            along=[grid[-1, 0], grid[0, -1]],
            handles=_legend(any(quantity.prior is not None for quantity in shown)),
        )
    return figure


def _quantities(
    after: xr.Dataset, before: xr.Dataset | None, variables: str | Sequence[str] | None
) -> list[_Quantity]:
    known = [str(name) for name in after.data_vars]
    wanted = known if variables is None else [variables] if isinstance(variables, str) else list(variables)
    if not wanted:
        raise DataError(f"posterior: no variable to draw, found {known}")
    found = []
    for name in wanted:
        if name not in known:
            raise DataError(f"posterior: no variable {name!r}; {did_you_mean(name, known)}")
        prior = before[name] if before is not None and name in before.data_vars else None
        found += _split(name, after[name], prior)
    return found


def _split(name: str, after: xr.DataArray, before: xr.DataArray | None) -> list[_Quantity]:
    """Make a panel for a scalar, or one for each label of its dim."""
    labelled = [dim for dim in after.dims if dim not in ("chain", "draw")]
    if not {"chain", "draw"} <= set(after.dims) or len(labelled) > 1:
        raise DataError(
            f"posterior, variable {name!r}: found dims {list(after.dims)},"
            " expected chain, draw and at most one more"
        )
    unit = after.attrs.get("units") or after.attrs.get("unit")
    if not labelled:
        return [_Quantity(name, _draws(name, after), None if before is None else _draws(name, before), unit)]
    dim = labelled[0]
    labels = after[dim].values
    if before is not None and (dim not in before.dims or not set(labels) <= set(before[dim].values)):
        raise DataError(f"prior, variable {name!r}: its labels along {dim!r} are not those of the posterior")
    return [
        _Quantity(
            f"{name}: {label}",
            _draws(f"{name}: {label}", after.isel({dim: i})),
            None if before is None else _draws(f"{name}: {label}", before.sel({dim: label})),
            unit,
        )
        for i, label in enumerate(labels)
    ]


def _draws(name: str, values: xr.DataArray) -> Floats:
    draws = np.asarray(values.values, dtype=np.float64).ravel()
    if not draws.size or not np.isfinite(draws).all():
        raise DataError(f"{name}: found a draw that is not finite (or none at all), expected finite draws")
    return draws


def _draw_panel(ax: Axes, quantity: _Quantity, width: int, *, unit: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    grid = _window(quantity)
    note = "\n(prior flat or not sampled)" if quantity.prior is None else ""
    ax.set_title(wrapped(quantity.name, width, max_lines=2) + note)
    if quantity.prior is not None:
        _draw_density(ax, grid, quantity, quantity.prior, "prior")
    _draw_density(ax, grid, quantity, quantity.posterior, "posterior")
    ax.set_xlim(grid[0], grid[-1])
    ax.set_ylim(bottom=0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    if grid[0] < 0 < grid[-1]:
        ax.axvline(0, color=DARK, linewidth=0.8, zorder=0.8, label="zero line")
    if unit and quantity.unit:
        ax.set_xlabel(wrapped(quantity.unit, 30))


def _draw_density(ax: Axes, grid: Floats, quantity: _Quantity, draws: Floats, name: str) -> None:
    if np.ptp(draws) == 0:
        ax.axvline(
            draws[0], color=BLUE if name == "posterior" else DARK, linewidth=2.0, label=f"{name}, constant"
        )
        return
    height = density(draws, grid, _bounds(quantity))
    if name == "posterior":
        ax.fill_between(grid, height, color=BLUE, alpha=0.3, linewidth=0)
        ax.plot(grid, height, color=BLUE, linewidth=1.8, label=name)
    else:
        ax.plot(grid, height, color=DARK, linewidth=1.3, linestyle=(0, (4, 2)), label=name)


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


def _left_out_words(left_out: list[_Quantity]) -> str:
    """Name the quantities that found no room."""
    if not left_out:
        return ""
    names = ", ".join(quantity.name for quantity in left_out)
    total = _MOST_PANELS + len(left_out)
    return wrapped(f"{_MOST_PANELS} of {total} quantities are shown; not shown: {names}", 85)


def _legend(any_prior: bool) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Patch(facecolor="#B3D5E8", edgecolor=BLUE, linewidth=1.8, label="posterior density")
    ]
    if any_prior:
        line = Line2D([], [], color=DARK, linewidth=1.3, linestyle=(0, (4, 2)), label="prior density")
        handles.insert(0, line)
    return handles
