r"""Integrals over at most three hyperparameters, and independent draws of them, from one regular grid.

Given its hyperparameters :math:`\phi` (standard deviations, a mean, cutpoints) the rest of a model integrates out, and
what is left is a density :math:`p(y, \phi)` in one to three dimensions. Each hyperparameter gets a coordinate x on the whole
line in which that density, its Jacobian included, falls off smoothly on both sides. There the plain sum over a regular grid
(the trapezoidal rule) converges faster than any power of the step:

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
# Coordinates that are more correlated are sheared.
_CORRELATION = 0.3
# What halving the grid may change, in standard deviations, before nodes are added.
_CHANGE = 1e-3
# Steps across the box when looking for it (by number of axes), and in the first grid proper.
_SCAN_STEPS = {0: 1, 1: 32, 2: 16, 3: 8}
_FIRST_STEPS, _MOST_NODES, _CHUNK = 18, 150_000, 512
# Head room of the envelope above the largest ratio of density to proposal among thousands of proposals.
_HEAD_ROOM = 1.05


def _log_cosh(x: FloatArray) -> FloatArray:
    return np.logaddexp(x, -x) - math.log(2.0)


# By support: the hyperparameter at x in units of its scale, and the log of its derivative.
_MAPS: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "real": (np.sinh, _log_cosh),
    "positive": (np.exp, lambda x: x),
    "spread": (lambda x: np.exp(x - np.exp(-x)), lambda x: x - np.exp(-x) + np.log1p(np.exp(-x))),
    "share": (lambda x: 0.5 + 0.5 * np.tanh(0.5 * x), lambda x: -2.0 * _log_cosh(0.5 * x) - math.log(4.0)),
}


@dataclass(frozen=True)
class Axis:
    r"""A hyperparameter and the coordinate in which its grid is regular.

    ======== ======================================== ==============================================
    support  value at x                               for
    ======== ======================================== ==============================================
    real     :math:`c + s \sinh x`                    a mean: straight where the data tell, compressed far out
    positive :math:`s e^x`                            a standard deviation that the data keep off 0
    spread   :math:`s \exp(x - e^{-x})`               a standard deviation that may be near 0
    share    :math:`1 / (1 + e^{-x})`                 a share
    ======== ======================================== ==============================================

    with `centre` c and `scale` s saying where to look first. A spread has a hard edge at 0, where its density may be
    largest. In x the edge is infinitely far, and the density falls off doubly exponentially towards it, so that no node
    lies on the edge and none needs half weight.

    Examples
    --------
    >>> Axis("tau", "spread", scale=2.0).value(np.array([-3.0, 0.0, 3.0])).round(4).tolist()
    [0.0, 0.7358, 38.22]
    """

    name: str
    support: str
    centre: float = 0.0
    scale: float = 1.0

    def value(self, x: FloatArray) -> FloatArray:
        """The hyperparameter at x."""
        return np.asarray(self.centre + self.scale * _MAPS[self.support][0](x))

    def log_slope(self, x: FloatArray) -> FloatArray:
        """Log of the derivative of the hyperparameter at x."""
        return np.asarray(math.log(self.scale) + _MAPS[self.support][1](x))


@dataclass(frozen=True)
class Frame:
    """Coordinates u of a grid: x = shear u, and then each of the D axes has its own map.

    The shear takes correlation out of the density. It is lower triangular with ones in the diagonal, so volumes stay.
    """

    axes: tuple[Axis, ...]
    shear: FloatArray

    def values(self, u: FloatArray) -> FloatArray:
        """Hyperparameters of shape (n, D) at coordinates of shape (n, D)."""
        x = u @ self.shear.T
        return np.stack([axis.value(x[:, d]) for d, axis in enumerate(self.axes)], axis=1) if self.axes else x

    def log_slope(self, u: FloatArray) -> FloatArray:
        """Log of the volume of hyperparameters for a unit of u, shape (n,)."""
        x = u @ self.shear.T
        return sum((axis.log_slope(x[:, d]) for d, axis in enumerate(self.axes)), np.zeros(len(x)))

    def log_p(self, log_density: LogDensity, u: FloatArray) -> FloatArray:
        """Log density in u, shape (n,); a piece at a time, so that a large grid needs little memory.

        Far out a density may overflow or be 0 / 0; there it counts as 0, and if that were to cut into the mass, the
        change on refinement would tell.
        """
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            values = self.values(u)
            pieces = [log_density(values[i : i + _CHUNK]) for i in range(0, len(u), _CHUNK)]
            out = np.concatenate(pieces) + self.log_slope(u)
        return np.where(np.isnan(out), -np.inf, out)


@dataclass(frozen=True)
class Grid:
    """A density on a regular grid: `log_p` has an axis a hyperparameter, from the node `first` in steps of `step`."""

    frame: Frame
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
        return max((float(self.marginal(d)[[0, -1]].sum()) for d in range(self.log_p.ndim)), default=0.0)

    def marginal(self, d: int, stride: tuple[int, ...] = ()) -> FloatArray:
        """Mass of each node along axis d; with a stride, of every so manieth node along each axis."""
        mass = self.weights[tuple(slice(None, None, n) for n in stride)] * math.prod(stride)
        return np.asarray(np.moveaxis(mass, d, 0).reshape(mass.shape[d], -1).sum(axis=1))

    def changes(self, *, together: bool) -> FloatArray:
        """What leaving out every second node changes along each axis, shape (D,).

        The largest of the changes of the log evidence and of the coordinate's mean and s.d. (both in s.d.). The error of
        the whole grid is about the square of it. Nodes are left out along all axes at once (`together`), which finds a
        narrow ridge across them, or along one at a time, which tells which axis needs more.
        """
        axes = range(self.log_p.ndim)
        strides = [tuple(2 if together or other == d else 1 for other in axes) for d in axes]
        return np.array([_change(self.marginal(d), self.marginal(d, strides[d])) for d in axes])

    def values(self) -> FloatArray:
        """Hyperparameters at each node, shape (nodes, D), in the order of ``weights.ravel()``."""
        return self.frame.values(_nodes(self.first, self.step, self.log_p.shape))


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
        ``log_evidence``; ``acceptance`` of the rejection sampler; ``grid_size``, its nodes; ``edge_mass`` as in `Grid`;
        ``refinement_change``, the largest of `Grid.changes`, in Monte Carlo standard errors of these draws.
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
    >>> bool(abs(draws.stats["log_evidence"] - np.log(2 * np.pi)) < 1e-6), draws.values["a"].shape
    (True, (1000,))
    """
    grid = integrate(log_density, axes, min(_CHANGE, 0.08 / math.sqrt(size)))
    if not math.isfinite(grid.log_evidence):
        raise NotExactError("the exact engine met a density that is not a number; engine 'nuts' may serve")
    change = max(float(grid.changes(together=both).max(initial=0.0)) for both in (False, True))
    u, log_p, acceptance = _draw(log_density, grid, size, rng)
    values, lp = grid.frame.values(u), log_p - grid.frame.log_slope(u)
    stats = {
        "log_evidence": grid.log_evidence,
        "acceptance": acceptance,
        "grid_size": float(grid.log_p.size),
        "edge_mass": grid.edge_mass,
        "refinement_change": change * math.sqrt(size),
    }
    return Draws({axis.name: values[:, d] for d, axis in enumerate(axes)}, lp, stats)


def integrate(log_density: LogDensity, axes: Sequence[Axis], tolerance: float = _CHANGE) -> Grid:
    """Find where the mass is, and put as many nodes there as `tolerance`, the limit of `Grid.changes`, asks for."""
    frame, box = _upright(log_density, tuple(axes))
    step = np.ptp(box, axis=1) / _FIRST_STEPS
    for _ in range(20):
        grid = _evaluate(log_density, frame, box, step)
        changes, box = grid.changes(together=False), _sides(grid, farther=0.25)
        if (changes <= tolerance).all():
            changes = grid.changes(together=True)
        poor = changes > tolerance
        # The logarithm of the error goes as a power of one over the step: 1 for any smooth density, 2 for a normal.
        shorter = (np.log(np.minimum(changes, 0.5)) / math.log(tolerance)) ** 0.85
        step = np.where(poor, np.clip(shorter, 0.5, 0.95) * step, step)
        complete = not poor.any() and grid.edge_mass < 10 * _TAIL
        if complete or (np.ptp(box, axis=1) / step + 1).prod() > _MOST_NODES:
            break
    return grid


def _upright(log_density: LogDensity, axes: tuple[Axis, ...]) -> tuple[Frame, FloatArray]:
    """Coordinates in which the density is hardly correlated, and the box that holds it."""
    frame, box = Frame(axes, np.eye(len(axes))), np.tile([-4.0, 4.0], (len(axes), 1))
    for _ in range(6):
        scan, box = _bracket(log_density, frame, box)
        u, weight = _nodes(scan.first, scan.step, scan.log_p.shape), scan.weights.ravel()
        mean = weight @ u
        covariance = ((u - mean).T * weight) @ (u - mean)
        sd = np.sqrt(np.diag(covariance))
        if not (np.abs(covariance - np.diag(sd**2)) > _CORRELATION * sd[:, None] * sd).any():
            break
        # Less than a step cannot be told from nothing.
        factor = np.linalg.cholesky(covariance + np.diag((0.1 * scan.step) ** 2))
        width = np.diag(factor)
        frame = Frame(axes, frame.shear @ (factor / width))
        centre = np.linalg.solve(factor / width, mean)
        box = centre[:, None] + 7.0 * width[:, None] * [-1.0, 1.0]
    return frame, box


def _bracket(log_density: LogDensity, frame: Frame, box: FloatArray) -> tuple[Grid, FloatArray]:
    """Move, widen and shrink a box until the density dies down at its sides; also the last grid over it."""
    for _ in range(15):
        scan = _evaluate(log_density, frame, box, np.ptp(box, axis=1) / _SCAN_STEPS[len(frame.axes)])
        old, box = box, _sides(scan, farther=1.0)
        if (np.abs(box - old).max(axis=1) < 0.2 * np.ptp(old, axis=1)).all():
            break
    return scan, box


def _sides(grid: Grid, farther: float) -> FloatArray:
    """Where the marginal density of each coordinate has fallen below what counts, shape (D, 2).

    A side moves out by at most a part `farther` of the width; where one moves far, the other does not move in.
    """
    box = np.empty((grid.log_p.ndim, 2))
    for d in range(grid.log_p.ndim):
        with np.errstate(divide="ignore"):
            fall = np.log(grid.marginal(d))
        fall = fall - fall.max() - math.log(_TAIL)
        last, most = fall.size - 1, farther * (fall.size - 1)
        out = np.array([_beyond(fall, most), _beyond(fall[::-1], most)])
        out = np.maximum(out, 0.0) if out.max() > 2.0 else out
        box[d] = grid.first[d] + grid.step[d] * np.array([-out[0], last + out[1]])
    return box


def _beyond(fall: FloatArray, most: float) -> float:
    """Steps from the first node outwards (below 0: inwards) to where a straight line reaches 0, and a little farther."""
    counts = np.flatnonzero(fall > 0)
    if not counts.size:  # not a number anywhere
        return 0.0
    inner = counts[0]
    if inner > 0:
        reach = float(fall[inner] / (fall[inner] - fall[inner - 1])) + 0.1
        return min(max(reach, 0.5), 1.0) - float(inner)
    drop = float(fall[1] - fall[0])
    return min(max(float(fall[0]) / drop + 0.1, 0.5), most) if drop > 0 else most


def _evaluate(log_density: LogDensity, frame: Frame, box: FloatArray, step: FloatArray) -> Grid:
    shape = tuple(np.rint(np.ptp(box, axis=1) / step).astype(int) + 1)
    u = _nodes(box[:, 0], step, shape)
    return Grid(frame, box[:, 0], step, frame.log_p(log_density, u).reshape(shape))


def _nodes(first: FloatArray, step: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    places = np.indices(shape).reshape(len(shape), math.prod(shape))
    return np.asarray(first + places.T * step)


def _change(whole: FloatArray, half: FloatArray) -> float:
    """Largest change of log mass, mean and s.d. between the masses of all nodes and of every second one."""
    mass, found = float(half.sum()), []
    for values, stride in ((whole, 1), (half, 2)):
        weight, place = values / max(float(values.sum()), 1e-300), stride * np.arange(values.size)
        mean = float(weight @ place)
        found.append((mean, math.sqrt(float(weight @ (place - mean) ** 2))))
    (mean, sd), (half_mean, half_sd) = found
    if not (sd > 0 and mass > 0):
        return math.inf
    return max(abs(math.log(mass)), abs(half_mean - mean) / sd, abs(half_sd / sd - 1.0))


def _draw(
    log_density: LogDensity, grid: Grid, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, float]:
    """Draw coordinates by rejection; also their log density, and the share of proposals that was kept.

    The interpolant g is a mixture of tents over the nodes: draw a node by its mass, then a triangular
    distance. A proposal is kept with probability p / (c g), one off the grid never. That c covers p / g is seen
    from the proposals themselves: c lies above the largest ratio among all of them, and when it is raised every
    decision is taken anew.
    """
    if not grid.frame.axes:
        return np.empty((size, 0)), np.full(size, float(grid.log_p)), 1.0
    place, log_p, log_ratio, log_u = np.empty((0, grid.log_p.ndim)), np.empty(0), np.empty(0), np.empty(0)
    wanted = int(1.3 * size) + 16
    while len(place) < 6 * size + 1000:
        new = _propose(grid, wanted, rng)
        new_p = grid.frame.log_p(log_density, grid.first + new * grid.step)
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
        wanted = min(wanted, 2 * size + 1000)
    raise NotExactError(
        f"the exact engine kept {kept.size} of {len(place)} proposals; engine 'nuts' may serve this model"
    )


def _propose(grid: Grid, size: int, rng: np.random.Generator) -> FloatArray:
    total = np.cumsum(grid.weights)
    node = np.minimum(np.searchsorted(total, rng.random(size) * total[-1], side="right"), total.size - 1)
    place = np.stack(np.unravel_index(node, grid.log_p.shape), axis=1)
    return np.asarray(place + rng.random(place.shape) + rng.random(place.shape) - 1.0)


def _interpolate(grid: Grid, place: FloatArray) -> FloatArray:
    """Multilinear interpolant of the density, in units of its largest value."""
    p = np.exp(grid.log_p - grid.log_p.max())
    low = np.clip(np.floor(place).astype(int), 0, np.array(p.shape, dtype=int) - 2)
    part = place - low
    out = np.zeros(len(place))
    for corner in itertools.product((0, 1), repeat=grid.log_p.ndim):
        weight = np.prod(np.where(np.array(corner, dtype=bool), part, 1.0 - part), axis=1)
        out += weight * p[tuple((low + np.array(corner, dtype=int)).T)]
    return out
