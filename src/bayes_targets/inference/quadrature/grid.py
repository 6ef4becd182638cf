"""Integrals over at most three hyperparameters, and stratified draws of them, from one regular grid.

Derivation: docs/quadrature.md, "One regular grid" and "Draws that say the same for any seed".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from ...model import NotExactError
from .axis import NOT_A_NUMBER, Axis, Draws, FloatArray, LogDensity, change

# Log density below the largest at which a node no longer counts.
_DEPTH = 18.0
# First steps, in s.d.: near what the limits below mostly ask for, where spreads have the longest tails.
_STEP = {"real": 0.6, "positive": 0.65, "spread": 0.44, "share": 0.65}
# What leaving out every second node may change, in s.d. and in Monte Carlo s.e., before the grid is refined.
_CHANGE, _CHANGE_SE = 1e-3, 0.08
# Nodes of a side when looking for the mass, by number of axes; nodes by which a grid grows; nodes in all, and at a time.
_SCAN, _MARGIN, _MOST_NODES, _CHUNK = {1: 33, 2: 17, 3: 9}, 4, 60_000, 8192
# Cells of the box around all nodes, those left out counted too, and layers of nodes around the first ones.
_MOST_CELLS, _MOST_LAYERS = 1e6, 100
# Nodes along an axis around a peak of its prior, and along the others; widths of it to look at; mass that may be missed.
_LOOK, _FAR, _MISSED = (41, 15), 3.0, 0.05
# Powers of the density that proposals follow, each on a grid twice as fine as the one before: far out, straight lines may lie
# well below a bent ridge.
_POWERS = (1.0, 0.75, 0.75)
# Head room above the largest ratio of density to proposal among thousands of proposals; proposals for a draw at most.
_HEAD_ROOM, _MOST_PROPOSALS = 1.05, 4


@dataclass(frozen=True)
class Frame:
    """Coordinates u of a grid: x = centre + root u, with a lower triangular root, and then each axis has its own map."""

    axes: tuple[Axis, ...]
    centre: FloatArray
    root: FloatArray

    def values(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Hyperparameters at x, both of shape (D, n), and the log volume of them for a unit of x, shape (n,)."""
        parts = [axis.both(own) for axis, own in zip(self.axes, x, strict=True)]
        return np.stack([value for value, _ in parts]), np.sum([slope for _, slope in parts], axis=0)

    def evaluate(self, log_density: LogDensity, u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Hyperparameters (D, n) at coordinates (D, n), their log density, and the log volume of a unit of u, (n,).

        Some at a time, so that a large grid needs little memory. Far out a density may overflow or be 0 / 0; there it counts
        as 0, and if that were to cut into the mass, the change on refinement would tell.
        """
        log_p = np.empty(u.shape[1])
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            values, log_volume = self.values(self.centre[:, None] + self.root @ u)
            log_volume += np.log(np.diag(self.root)).sum()
            for start in range(0, log_p.size, _CHUNK):
                log_p[start : start + _CHUNK] = log_density(values[:, start : start + _CHUNK].T)
            return values, np.where(np.isnan(log_p + log_volume), -np.inf, log_p), log_volume


@dataclass(frozen=True)
class Grid:
    """A density on a regular grid in u: `log_p` has an axis a hyperparameter, from the node `first` in steps of `step`.

    Nodes that were left out have minus infinity; `inner` are those whose neighbours are all there.
    """

    frame: Frame
    first: FloatArray
    step: FloatArray
    log_p: FloatArray
    inner: NDArray[np.bool_]

    @cached_property
    def p(self) -> FloatArray:
        """The density in units of its largest value."""
        return np.asarray(np.exp(self.log_p - self.log_p.max()))

    @property
    def there(self) -> NDArray[np.bool_]:
        """Nodes that were not left out."""
        return np.asarray(self.log_p > -np.inf)

    @property
    def weights(self) -> FloatArray:
        """Posterior mass of each node that is there; adds up to 1."""
        return np.asarray(self.p[self.there] / self.p.sum())

    @property
    def log_evidence(self) -> float:
        """Log of the integral: the marginal likelihood of the data."""
        return float(self.log_p.max() + math.log(self.p.sum() * self.step.prod()))

    @property
    def edge_mass(self) -> float:
        """Share of the mass in nodes at the grid's edge."""
        return float(self.p[~self.inner].sum() / self.p.sum())

    def changes(self, *, together: bool) -> FloatArray:
        """What leaving out every second node `change`s along each axis, shape (D,): the error of the grid is about the square of it.

        Nodes are left out along all axes at once (`together`), which finds a narrow ridge across them, or along one at a time, which
        tells which axis needs more.
        """
        out = []
        for d in range(self.p.ndim):
            others = tuple(other for other in range(self.p.ndim) if other != d)
            stride = [2 if together or other == d else 1 for other in range(self.p.ndim)]
            half = self.p[tuple(slice(None, None, n) for n in stride)].sum(axis=others) * math.prod(stride)
            out.append(change(self.p.sum(axis=others), half))
        return np.array(out)

    def values(self) -> FloatArray:
        """Hyperparameters at each node that is there, shape (nodes, D), in the order of `weights`."""
        u = (self.first + np.argwhere(self.there) * self.step).T
        return self.frame.values(self.frame.centre[:, None] + self.frame.root @ u)[0].T


def solve(log_density: LogDensity, axes: Sequence[Axis], size: int, rng: np.random.Generator) -> Draws:
    """Integrate a density over its hyperparameters and draw from it.

    Examples
    --------
    >>> bell = lambda v: -0.5 * (v**2).sum(axis=1)
    >>> draws = solve(bell, [Axis("a", "real"), Axis("b", "real")], 1000, np.random.default_rng(1))
    >>> bool(abs(draws.stats["log_evidence"] - np.log(2 * np.pi)) < 1e-6), draws.values["a"].shape
    (True, (1000,))
    """
    if not axes:
        return Draws.without_axes(log_density, size)
    grid = integrate(log_density, axes, min(_CHANGE, _CHANGE_SE / math.sqrt(size)))
    _require_peaks(log_density, grid)
    for power in _POWERS:
        values, lp, acceptance = _draw(log_density, grid, size, rng, power)
        if lp.size == size:
            break
        grid = _fill(log_density, grid, 0.5 * grid.step)
    else:
        raise NotExactError(
            f"the exact engine kept {acceptance:.1%} of its proposals; engine 'nuts' may serve this model"
        )
    largest = max(float(grid.changes(together=both).max()) for both in (False, True))
    stats = {
        "log_evidence": grid.log_evidence,
        "acceptance": acceptance,
        "grid_size": float(grid.there.sum()),
        "edge_mass": grid.edge_mass,
        "refinement_change": largest * math.sqrt(size),
    }
    return Draws({axis.name: values[d] for d, axis in enumerate(axes)}, lp, stats)


def integrate(log_density: LogDensity, axes: Sequence[Axis], tolerance: float = _CHANGE) -> Grid:
    """Find where the mass is, and put as many nodes there as `tolerance`, the limit of `Grid.changes`, asks for."""
    grid, sd = _locate(log_density, tuple(axes))
    step = sd * [_STEP[axis.support] for axis in axes]
    for _ in range(20):
        grid = _fill(log_density, grid, step)
        changes = grid.changes(together=False)
        if (changes <= tolerance).all():
            # What only all axes together need more of, each of them has to give.
            changes = np.full(len(axes), grid.changes(together=True).max())
        poor = changes > tolerance
        if not poor.any() or grid.there.sum() > 0.9 * _MOST_NODES:
            break
        # The logarithm of the error goes as a power of one over the step: 1 for any smooth density, 2 for a normal.
        shorter = (np.log(np.minimum(changes, 0.5)) / math.log(tolerance)) ** 0.85
        step = np.where(poor, np.clip(shorter, 0.5, 0.95) * step, step)
    return grid


def _require_peaks(log_density: LogDensity, grid: Grid) -> None:
    """Look at the peaks of the axes by a second rule: the grid must have about the mass that it finds there."""
    axes = grid.frame.axes
    for d, axis in enumerate(axes):
        for centre, width in axis.peaks:
            lines = []
            for other in axes:
                low, high = other.ends
                x = np.linspace(low - 2.0, high + 2.0, _LOOK[1])
                value, log_slope = other.both(x)
                lines.append((value, np.exp(log_slope) * (x[1] - x[0])))
            reach = np.sinh(np.linspace(-_FAR, _FAR, _LOOK[0]))
            lines[d] = (centre + width * reach, width * np.gradient(reach))
            nodes = np.stack(np.meshgrid(*[value for value, _ in lines], indexing="ij"), axis=-1)
            weight = np.prod(np.stack(np.meshgrid(*[own for _, own in lines], indexing="ij")), axis=0)
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                log_p = np.asarray(log_density(nodes.reshape(-1, len(axes))))
                there = float(np.nansum(np.exp(log_p - grid.log_evidence) * weight.ravel()))
            own = grid.values()[:, d]
            seen = float(grid.weights[(own >= lines[d][0][0]) & (own <= lines[d][0][-1])].sum())
            if not there - seen < _MISSED:
                raise NotExactError(
                    f"the exact engine's grid misses a peak of the density at {axis.name} = {centre:g}; engine 'nuts' may serve"
                )


def _locate(log_density: LogDensity, axes: tuple[Axis, ...]) -> tuple[Grid, FloatArray]:
    """A coarse grid in coordinates in which the density has about mean 0 and covariance I, and its s.d. there."""
    ends = np.array([axis.ends for axis in axes])
    frame = Frame(axes, ends.mean(axis=1), np.diag(np.ptp(ends, axis=1) / 2.0))
    line = np.linspace(-1.0, 1.0, _SCAN[len(axes)])
    for _ in range(100):
        u = np.stack(np.meshgrid(*[line] * len(axes), indexing="ij")).reshape(len(axes), -1)
        _, log_p, log_volume = frame.evaluate(log_density, u)
        log_p += log_volume
        if not np.isfinite(log_p.max()):
            raise NotExactError(NOT_A_NUMBER)
        weight = np.exp(log_p - log_p.max())
        weight /= weight.sum()
        mean, step = u @ weight, line[1] - line[0]
        covariance = ((u - mean[:, None]) * weight) @ (u - mean[:, None]).T
        sd = np.sqrt(np.diag(covariance))
        if line[-1] > 1.0 and np.abs(mean).max() < 0.7 and np.abs(covariance - np.eye(len(axes))).max() < 0.5:
            break
        # Less than a step cannot be told from nothing; where mass is at the edge, there is more beyond it.
        at_edge = np.array([weight[np.abs(own) == line[-1]].sum() for own in u])
        covariance += np.diag(np.where(at_edge > 1e-3, (0.3 * line[-1]) ** 2, (0.3 * step) ** 2))
        frame = Frame(axes, frame.centre + frame.root @ mean, frame.root @ np.linalg.cholesky(covariance))
        line = np.linspace(-6.0, 6.0, line.size)
    shape = (line.size,) * len(axes)
    whole = np.ones(shape, dtype=bool)
    return Grid(frame, np.full(len(axes), line[0]), np.full(len(axes), step), log_p.reshape(shape), whole), sd


def _fill(log_density: LogDensity, known: Grid, step: FloatArray) -> Grid:
    """A finer grid of all nodes that count, and their neighbours: from where the known one has some, as far as it takes."""
    cells = math.prod((np.array(known.log_p.shape) * known.step / step).tolist())
    todo = _near(known, step) if cells < _MOST_CELLS else np.zeros(1, dtype=bool)
    first = known.first - _MARGIN * step
    if not todo.any():
        raise NotExactError("the exact engine found no grid for the density; engine 'nuts' may serve")
    log_p, there = np.full(todo.shape, -np.inf), np.zeros(todo.shape, dtype=bool)
    for _ in range(_MOST_LAYERS):
        if not todo.any() or there.sum() > _MOST_NODES or todo.size > 2 * _MOST_CELLS:
            break
        _, found, log_volume = known.frame.evaluate(log_density, (first + np.argwhere(todo) * step).T)
        log_p[todo] = found + log_volume
        there |= todo
        inner = log_p > log_p.max() - _DEPTH
        at_end = np.array([[inner.take(end, axis=d).any() for end in (0, -1)] for d in range(inner.ndim)])
        if at_end.any():
            wider = _MARGIN * at_end
            first = first - wider[:, 0] * step
            log_p = np.pad(log_p, wider, constant_values=-np.inf)
            there, inner = np.pad(there, wider), np.pad(inner, wider)
        todo = _with_neighbours(inner) & ~there
        if todo.sum() < 200:
            # Along a thin tail a few nodes at a time are no quicker than some more.
            todo = _with_neighbours(_with_neighbours(todo)) & ~there
    places = np.argwhere(there)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return Grid(known.frame, first + low * step, step, log_p[box], inner[box])


def _near(known: Grid, step: FloatArray) -> NDArray[np.bool_]:
    """Nodes in steps from before the first of a known grid, true where they count as far as straight lines tell."""
    log_p = np.maximum(known.log_p - known.log_p.max(), -3.0 * _DEPTH)
    for d, size in enumerate(log_p.shape):
        last = math.ceil((size - 1) * known.step[d] / step[d])
        place = np.arange(-_MARGIN, last + _MARGIN + 1) * (step[d] / known.step[d])
        low = np.clip(place.astype(int), 0, size - 2)
        part = (place - low).reshape(-1, *[1] * (log_p.ndim - 1))
        along = np.moveaxis(log_p, d, 0)
        log_p = np.moveaxis(along[low] * (1.0 - part) + along[low + 1] * part, 0, d)
    return log_p > -_DEPTH


def _with_neighbours(nodes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    for d in range(nodes.ndim):
        before, after = ((slice(None),) * d + (part,) for part in (slice(None, -1), slice(1, None)))
        grown = nodes.copy()
        grown[after] |= nodes[before]
        grown[before] |= nodes[after]
        nodes = grown
    return nodes


def _draw(
    log_density: LogDensity, grid: Grid, size: int, rng: np.random.Generator, power: float
) -> tuple[FloatArray, FloatArray, float]:
    """Hyperparameters (D, size), their log density, and the mean ratio of density to proposal over the largest.

    Proposals follow the interpolant of the density, or of a power of it below 1. Draws are fewer than asked for where proposals are.
    """
    p = grid.p**power
    path = _path(p.shape)
    total = np.cumsum(p.ravel()[path])
    wanted = int(1.4 * size) + 16
    while True:
        share = (np.arange(wanted) + 0.5) / wanted
        node = path[np.minimum(np.searchsorted(total, share * total[-1], side="right"), total.size - 1)]
        place = np.stack(np.unravel_index(node, p.shape)) + _tent(_spread_out(len(p.shape), wanted))
        values, lp, log_volume = grid.frame.evaluate(
            log_density, grid.first[:, None] + place * grid.step[:, None]
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = lp + log_volume - grid.log_p.max() - np.log(_interpolate(p, place))
        # Off the grid the density of proposals is 0, and nothing is kept.
        ratio = np.where(np.isfinite(log_ratio), np.exp(np.minimum(log_ratio, 700.0)), 0.0)
        top = float(ratio.max())
        acceptance = float(ratio.mean() / (_HEAD_ROOM * top)) if top > 0 else 0.0
        needed = int(size / max(acceptance, 1e-3)) + 16
        if wanted >= min(needed, _MOST_PROPOSALS * size + 1000):
            break
        wanted = min(int(1.05 * needed), _MOST_PROPOSALS * size + 1000)
    size = min(size, int(acceptance * wanted))
    mass = np.cumsum(ratio)
    kept = np.searchsorted(mass, (np.arange(size) + 0.5) / max(size, 1) * mass[-1]).clip(0, wanted - 1)
    kept = rng.permutation(kept)
    return values[:, kept], lp[kept], acceptance


def _path(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Numbers of a grid's nodes along a path that goes back and forth, so that successive nodes are neighbours."""
    nodes = np.zeros(1, dtype=np.int64)
    for size in reversed(shape):
        there_and_back = np.stack([nodes, nodes[::-1]])
        nodes = (np.arange(size)[:, None] * nodes.size + there_and_back[np.arange(size) % 2]).ravel()
    return nodes


def _spread_out(d: int, size: int) -> FloatArray:
    """Points between 0 and 1, shape (d, size), any few successive ones far apart along each axis (Roberts 2018)."""
    return np.asarray((0.5 + np.outer(_roberts(d), np.arange(1, size + 1))) % 1.0)


@cache
def _roberts(d: int) -> FloatArray:
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (d + 1))
    return np.asarray(root ** -np.arange(1.0, d + 1))


def _tent(share: FloatArray) -> FloatArray:
    """Quantiles of the density 1 - abs(x) between -1 and 1."""
    return np.where(share < 0.5, np.sqrt(2.0 * share) - 1.0, 1.0 - np.sqrt(2.0 * (1.0 - share)))


def _interpolate(p: FloatArray, place: FloatArray) -> FloatArray:
    """Multilinear interpolant of values on a grid at places (D, n), counted in steps from its corner; 0 outside."""
    most = np.array(p.shape)[:, None] - 1
    low = np.clip(np.floor(place), 0, most - 1).astype(int)
    part = place - low
    stride = np.array(p.strides) // p.itemsize
    at = stride @ low
    corners = [p.ravel().take(at + sum(c)) for c in itertools.product(*((0, s) for s in stride))]
    for own in part[::-1]:
        corners = [a + own * (b - a) for a, b in zip(corners[::2], corners[1::2], strict=True)]
    inside = ((part >= 0.0) & (part <= 1.0)).all(axis=0)
    return np.asarray(np.where(inside, corners[0], 0.0))
