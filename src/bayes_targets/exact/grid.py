r"""Integrals over at most three hyperparameters, and independent draws of them, from one regular grid.

Given its hyperparameters :math:`\phi` (standard deviations, a mean, cutpoints) the rest of a model integrates out,
and what is left is a density :math:`p(y, \phi)` in one to three dimensions. Each hyperparameter gets a
coordinate x on the whole line in which that density, its Jacobian included, falls off smoothly on both sides. There the
plain sum over a regular grid (the trapezoidal rule) converges faster than any power of the step:

.. math:: p(y) = \int p(y, \phi(x))\, \phi'(x)\, dx \approx h_1 \cdots h_D \sum_{x \in grid} p(y, \phi(x))\, \phi'(x)

The multilinear interpolant of the same values is the proposal of a rejection sampler, so that draws are independent
and follow the density itself, not the grid.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..model import NotExactError

FloatArray = NDArray[np.float64]
LogDensity = Callable[[FloatArray], FloatArray]

# Nodes whose marginal mass is less than this share of the largest lie outside the grid.
_TAIL = 1e-8
# What halving the grid may change, in standard deviations, before nodes are added.
_CHANGE = 1e-3
# Steps across the box when looking for it (by number of axes), and in the first grid proper.
_SCAN_STEPS = {0: 1, 1: 32, 2: 16, 3: 8}
_FIRST_STEPS, _MOST_NODES, _CHUNK = 18, 150_000, 512
# Head room of the envelope above the largest ratio of density to proposal among thousands of proposals.
_HEAD_ROOM = 1.05


@dataclass(frozen=True)
class Axis:
    r"""A hyperparameter and the coordinate in which its grid is regular.

    ======== ======================================== ==============================================
    support  value at x                               for
    ======== ======================================== ==============================================
    real     :math:`c + s x`                          a mean, a cutpoint
    positive :math:`s e^x`                            a standard deviation that the data keep off 0
    spread   :math:`s \exp(x - e^{-x})`               a standard deviation that may be near 0
    share    :math:`1 / (1 + e^{-x})`                 a share
    ======== ======================================== ==============================================

    A spread has a hard edge at 0, where its density may be largest. In x the edge is infinitely far, and the density
    falls off doubly exponentially towards it, so that no node lies on the edge and none needs half weight.

    Parameters
    ----------
    name : str
        Name of the hyperparameter.
    support : {"real", "positive", "spread", "share"}
        The map, as above.
    centre, scale : float
        c and s: where to look first. Any will do, near ones are found sooner.

    Examples
    --------
    >>> Axis("tau", "spread", scale=2.0).value(np.array([-3.0, 0.0, 3.0])).round(4).tolist()
    [0.0, 0.7358, 38.2186]
    """

    name: str
    support: str
    centre: float = 0.0
    scale: float = 1.0

    def value(self, x: FloatArray) -> FloatArray:
        """The hyperparameter at x."""
        if self.support == "real":
            return self.centre + self.scale * x
        if self.support == "share":
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))
        return np.asarray(self.scale * np.exp(x if self.support == "positive" else x - np.exp(-x)))

    def log_slope(self, x: FloatArray) -> FloatArray:
        """Log of the derivative of the hyperparameter at x."""
        if self.support == "share":
            return np.asarray(-np.logaddexp(0.0, x) - np.logaddexp(0.0, -x))
        slope = np.full_like(x, math.log(self.scale))
        if self.support == "real":
            return slope
        return slope + x if self.support == "positive" else slope + x - np.exp(-x) + np.log1p(np.exp(-x))


@dataclass(frozen=True)
class Grid:
    """A density on a regular grid that holds all but a negligible part of its mass.

    Attributes
    ----------
    axes : tuple of Axis
        The D hyperparameters.
    first, step : array of shape (D,)
        Coordinates of the first node, and distances between nodes.
    log_p : array with an axis a hyperparameter
        Log density of the data and the coordinates at each node.
    """

    axes: tuple[Axis, ...]
    first: FloatArray
    step: FloatArray
    log_p: FloatArray

    @property
    def weights(self) -> FloatArray:
        """Posterior mass of each node; adds up to 1."""
        p = np.exp(self.log_p - self.log_p.max())
        return np.asarray(p / p.sum())

    @property
    def log_evidence(self) -> float:
        """Log of the integral: the marginal likelihood of the data."""
        top = self.log_p.max()
        return float(top + np.log(np.exp(self.log_p - top).sum()) + np.log(self.step).sum())

    @property
    def edge_mass(self) -> float:
        """Share of the mass in the outermost nodes, the largest over the axes."""
        return max((float(self.marginal(d)[[0, -1]].sum()) for d in range(len(self.axes))), default=0.0)

    @property
    def changes(self) -> FloatArray:
        """What leaving out every second node changes, for each axis, shape (D,).

        The largest of the changes of the log evidence and of the coordinate's mean and s.d. (both in s.d.). The
        error of the whole grid is about the square of it.
        """
        return np.array([_halving(self.marginal(d)) for d in range(len(self.axes))])

    def marginal(self, d: int) -> FloatArray:
        """Mass of each node along one axis."""
        return np.asarray(
            self.weights.sum(axis=tuple(other for other in range(self.log_p.ndim) if other != d))
        )

    def values(self) -> FloatArray:
        """Hyperparameters at each node, shape (nodes, D), in the order of ``weights.ravel()``."""
        return _values(self.axes, _nodes(self.first, self.step, self.log_p.shape))


@dataclass(frozen=True)
class Draws:
    """Independent draws of the hyperparameters, and how well computing them went.

    Attributes
    ----------
    values : dict of str to array of shape (draws,)
        Each hyperparameter by name.
    lp : array of shape (draws,)
        Log density of data and hyperparameters.
    stats : dict of str to float
        ``log_evidence``; ``acceptance`` of the rejection sampler; ``grid_size``, ``edge_mass`` and
        ``refinement_change`` as in `Grid`, the last in Monte Carlo standard errors of these draws.
    """

    values: Mapping[str, FloatArray]
    lp: FloatArray
    stats: Mapping[str, float]

    def sample_stats(self) -> xr.Dataset:
        """`lp` with dim ``sample``, and each of `stats`."""
        return xr.Dataset({"lp": ("sample", self.lp), **self.stats})


def solve(log_density: LogDensity, axes: Sequence[Axis], size: int, rng: np.random.Generator) -> Draws:
    """Integrate a density over its hyperparameters and draw from it.

    Parameters
    ----------
    log_density : callable
        Hyperparameters of shape (nodes, D) to the log density of data and hyperparameters, shape (nodes,).
    axes : sequence of Axis
        The D hyperparameters; none at all for a model in closed form.
    size : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Draws

    Raises
    ------
    NotExactError
        If the density is not a number somewhere, or so few proposals are accepted that the draws would never be
        complete.

    Examples
    --------
    >>> bell = lambda v: -0.5 * (v**2).sum(axis=1)
    >>> draws = solve(bell, [Axis("a", "real"), Axis("b", "real")], 1000, np.random.default_rng(1))
    >>> bool(abs(draws.stats["log_evidence"] - np.log(2 * np.pi)) < 1e-12), draws.values["a"].shape
    (True, (1000,))
    """
    grid = integrate(log_density, axes, min(_CHANGE, 0.08 / math.sqrt(size)))
    if not math.isfinite(grid.log_evidence):
        raise NotExactError("the exact engine met a density that is not a number; engine 'nuts' may serve")
    x, log_p, acceptance = _draw(log_density, grid, size, rng)
    values, lp = _values(grid.axes, x), log_p - _log_slope(grid.axes, x)
    stats = {
        "log_evidence": grid.log_evidence,
        "acceptance": acceptance,
        "grid_size": float(grid.log_p.size),
        "edge_mass": grid.edge_mass,
        "refinement_change": float(grid.changes.max(initial=0.0)) * math.sqrt(size),
    }
    return Draws({axis.name: values[:, d] for d, axis in enumerate(axes)}, lp, stats)


def integrate(log_density: LogDensity, axes: Sequence[Axis], tolerance: float = _CHANGE) -> Grid:
    """Find where the mass is, and put as many nodes there as the integral needs.

    Parameters
    ----------
    log_density : callable
        As in `solve`.
    axes : sequence of Axis
        As in `solve`.
    tolerance : float
        Limit of `Grid.changes`, by which the number of nodes along each axis is chosen.

    Returns
    -------
    Grid
    """
    axes = tuple(axes)
    box = _bracket(log_density, axes)
    step = np.ptp(box, axis=1) / _FIRST_STEPS
    for _ in range(20):
        grid = _evaluate(log_density, axes, box, step)
        poor, box = grid.changes > tolerance, _sides(grid, farther=0.25)
        # The logarithm of the error goes as one over the step, or faster.
        shorter = np.log(np.minimum(grid.changes, 0.5)) / math.log(tolerance)
        step = np.where(poor, np.clip(shorter, 0.5, 0.95) * step, step)
        complete = not poor.any() and grid.edge_mass < 10 * _TAIL
        if complete or (np.ptp(box, axis=1) / step + 1).prod() > _MOST_NODES:
            break
    return grid


def _bracket(log_density: LogDensity, axes: tuple[Axis, ...]) -> FloatArray:
    """Box that holds the mass: move, widen and shrink it until the density has died down at every side."""
    box = np.tile([-4.0, 4.0], (len(axes), 1))
    for _ in range(60):
        old = box
        scan = _evaluate(log_density, axes, old, np.ptp(old, axis=1) / _SCAN_STEPS[len(axes)])
        box = _sides(scan, farther=1.0)
        inside = (box[:, 0] >= old[:, 0]) & (box[:, 1] <= old[:, 1])
        if (inside & (np.ptp(box, axis=1) > 0.6 * np.ptp(old, axis=1))).all():
            break
    return box


def _sides(grid: Grid, farther: float) -> FloatArray:
    """Where the marginal density of each coordinate falls below what counts, shape (D, 2).

    A side at which it has not fallen yet moves out by a part `farther` of the width, and the other stays.
    """
    sides = []
    for d in range(len(grid.axes)):
        with np.errstate(divide="ignore"):
            fall = np.log(grid.marginal(d))
        fall = fall - fall.max() - math.log(_TAIL)
        counts, last = np.flatnonzero(fall > 0), fall.size - 1
        # A density that is not a number counts nowhere, and leaves the box as it is.
        low, high = (counts[0], counts[-1]) if counts.size else (0, last)
        if (low > 0 and high < last) or not counts.size:
            low = low - _reach(fall[low], fall[low - 1]) if counts.size else low
            high = high + _reach(fall[high], fall[high + 1]) if counts.size else high
        else:
            low, high = (
                (-farther * last if low == 0 else 0.0),
                ((1.0 + farther) * last if high == last else last),
            )
        sides.append((low, high))
    return np.asarray(grid.first[:, None] + grid.step[:, None] * np.array(sides).reshape(-1, 2))


def _reach(inner: float, outer: float) -> float:
    """How many steps beyond a node that counts: to where a straight line crosses 0, and a little farther."""
    return min(max(inner / (inner - outer) + 0.1, 0.5), 1.0)


def _evaluate(log_density: LogDensity, axes: tuple[Axis, ...], box: FloatArray, step: FloatArray) -> Grid:
    shape = tuple(np.rint(np.ptp(box, axis=1) / step).astype(int) + 1)
    x = _nodes(box[:, 0], step, shape)
    return Grid(axes, box[:, 0], step, _log_p(log_density, axes, x).reshape(shape))


def _halving(marginal: FloatArray) -> float:
    def moments(mass: FloatArray, places: FloatArray) -> tuple[float, float, float]:
        total = float(mass.sum())
        mean = float(mass @ places) / total if total > 0 else math.nan
        return total, mean, math.sqrt(float(mass @ (places - mean) ** 2 / total)) if total > 0 else math.nan

    places = np.arange(marginal.size, dtype=float)
    _, mean, sd = moments(marginal, places)
    mass, half_mean, half_sd = moments(2.0 * marginal[::2], places[::2])
    if not (sd > 0 and mass > 0):
        return math.inf
    return max(abs(math.log(mass)), abs(half_mean - mean) / sd, abs(half_sd / sd - 1.0))


def _nodes(first: FloatArray, step: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    places = np.indices(shape).reshape(len(shape), math.prod(shape)).T
    return np.asarray(first + places * step)


def _values(axes: tuple[Axis, ...], x: FloatArray) -> FloatArray:
    return np.stack([axis.value(x[:, d]) for d, axis in enumerate(axes)], axis=1) if axes else x


def _log_p(log_density: LogDensity, axes: tuple[Axis, ...], x: FloatArray) -> FloatArray:
    """Log density in coordinates, a piece at a time so that a large grid needs little memory."""
    pieces = [log_density(_values(axes, x[i : i + _CHUNK])) for i in range(0, len(x), _CHUNK)]
    return np.concatenate(pieces) + _log_slope(axes, x)


def _log_slope(axes: tuple[Axis, ...], x: FloatArray) -> FloatArray:
    return sum((axis.log_slope(x[:, d]) for d, axis in enumerate(axes)), np.zeros(len(x)))


def _draw(
    log_density: LogDensity, grid: Grid, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, float]:
    """Draw coordinates by rejection; also their log density, and the share of proposals that was kept.

    The interpolant g is a mixture of tents over the nodes: draw a node by its mass, then a triangular
    distance. A proposal is kept with probability p / (c g). That c covers p / g is seen from the proposals
    themselves: c lies above the largest ratio among all of them, and moves every decision when it is raised.
    """
    place, log_p, log_ratio, log_u = np.empty((0, len(grid.axes))), np.empty(0), np.empty(0), np.empty(0)
    wanted = int(1.3 * size) + 16
    while len(place) < 50 * size + 1000:
        new = _propose(grid, wanted, rng)
        new_p = _log_p(log_density, grid.axes, grid.first + new * grid.step)
        inside = ((new >= 0) & (new <= np.array(grid.log_p.shape) - 1)).all(axis=1)
        new_ratio = np.full(wanted, -np.inf)
        new_ratio[inside] = new_p[inside] - grid.log_p.max() - np.log(_interpolate(grid, new[inside]))
        place, log_p = np.concatenate([place, new]), np.concatenate([log_p, new_p])
        log_ratio = np.concatenate([log_ratio, new_ratio])
        log_u = np.concatenate([log_u, np.log(rng.random(wanted))])
        kept = np.flatnonzero(log_u + log_ratio.max() + math.log(_HEAD_ROOM) < log_ratio)
        if kept.size >= size:
            kept, share = kept[:size], kept.size / len(place)
            return grid.first + place[kept] * grid.step, log_p[kept], share
        wanted = int(1.1 * (size - kept.size) * len(place) / max(kept.size, 1)) + 16
        wanted = min(wanted, 10 * size + 1000)
    raise NotExactError(
        f"the exact engine kept {kept.size} of {len(place)} proposals; engine 'nuts' may serve this model"
    )


def _propose(grid: Grid, size: int, rng: np.random.Generator) -> FloatArray:
    total = np.cumsum(grid.weights)
    node = np.minimum(np.searchsorted(total, rng.random(size) * total[-1], side="right"), total.size - 1)
    place = np.stack(np.unravel_index(node, grid.log_p.shape), axis=1) if grid.axes else np.empty((size, 0))
    shift = rng.random(place.shape) + rng.random(place.shape) - 1.0
    return np.asarray(place + shift)


def _interpolate(grid: Grid, place: FloatArray) -> FloatArray:
    """Multilinear interpolant of the density, in units of its largest value."""
    p = np.exp(grid.log_p - grid.log_p.max())
    low = np.clip(np.floor(place).astype(int), 0, np.array(p.shape, dtype=int) - 2)
    part = place - low
    out = np.zeros(len(place))
    for corner in itertools.product((0, 1), repeat=len(grid.axes)):
        weight = np.prod(np.where(np.array(corner, dtype=bool), part, 1.0 - part), axis=1)
        out += weight * p[tuple((low + np.array(corner, dtype=int)).T)]
    return out
