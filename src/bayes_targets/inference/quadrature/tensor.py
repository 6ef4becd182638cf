"""Integrals over up to six hyperparameters on one tensor grid, and draws of them that depend on no seed.

Derivation: docs/quadrature.md, "One tensor grid".
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...model import NotExactError
from .axis import NOT_A_NUMBER, Axis, Draws, FloatArray, LogDensity, change, map_axes

IntArray = NDArray[np.int_]
# Values along each axis to the log density at all their combinations.
TensorDensity = Callable[[Sequence[FloatArray]], FloatArray]

# Log density below the largest at which a marginal is cropped, and below which values are no longer told apart.
_DEPTH, _FLOOR = 17.0, -80.0
# Nodes along an axis in search of the mass, and the fewest of a grid, by the number of axes.
_SCAN = {1: 33, 2: 17, 3: 13, 4: 11, 5: 9, 6: 7}
_FEWEST = 9
# First step in s.d. of the marginal; nodes in all at most.
_STEP, _MOST_NODES = 0.75, 8_000_000
# What leaving out every second node may change, by the number of axes; the error of the whole grid is about its square.
_CHANGE = {1: 1e-3, 2: 1e-3, 3: 0.015, 4: 0.03, 5: 0.04, 6: 0.04}
# What that square may be in Monte Carlo standard errors.
_ERROR_SE = 0.08
# Effective share of the draws below which the grid is made finer, and how often.
_ACCEPTANCE, _TRIALS = 0.95, 3
# Intervals into which the interval between two nodes is divided for draws.
_FINER = 8


@dataclass(frozen=True, eq=False)
class Tensor:
    """A density on a grid: `nodes` are coordinates x along each axis, `log_p` is by a unit of all x."""

    axes: tuple[Axis, ...]
    nodes: tuple[FloatArray, ...]
    log_p: FloatArray

    @cached_property
    def steps(self) -> FloatArray:
        """Distance of the nodes along each axis."""
        return np.array([own[1] - own[0] for own in self.nodes])

    @property
    def log_evidence(self) -> float:
        """Log of the integral: the marginal likelihood of the data."""
        top = self.log_p.max()
        return float(top + math.log(np.exp(self.log_p - top).sum() * self.steps.prod()))

    @cached_property
    def marginals(self) -> list[FloatArray]:
        """Density of each axis, the largest 1."""
        with np.errstate(under="ignore"):
            p = np.exp(self.log_p - self.log_p.max())
        found = [p.sum(axis=tuple(k for k in range(p.ndim) if k != d)) for d in range(p.ndim)]
        return [own / own.max() for own in found]

    @property
    def edge_mass(self) -> float:
        """Share of the mass in the outermost nodes."""
        return sum(float((mass[0] + mass[-1]) / mass.sum()) for mass in self.marginals)

    def changes(self) -> FloatArray:
        """What leaving out every second node `change`s along each axis."""
        return np.array([change(mass, 2.0 * mass[::2]) for mass in self.marginals])


def solve_tensor(
    density: TensorDensity, at_points: LogDensity, axes: Sequence[Axis], size: int, *, unit: FloatArray
) -> Draws:
    """Integrate a density over its hyperparameters and draw from it.

    Examples
    --------
    >>> def bell(values):
    ...     return -0.5 * (values[0][:, None] ** 2 + values[1] ** 2)
    >>> from bayes_targets.inference.quadrature import even_points
    >>> found = solve_tensor(bell, lambda v: -0.5 * (v**2).sum(axis=1), [Axis("a", "real"), Axis("b", "real")], 1000,
    ...                      unit=even_points(1000, 2))
    >>> bool(abs(found.stats["log_evidence"] - np.log(2 * np.pi)) < 1e-6), abs(round(float(found.values["a"].mean()), 3))
    (True, 0.0)
    """
    if not axes:
        return Draws.without_axes(at_points, size)
    tolerance = min(_CHANGE[len(axes)], math.sqrt(_ERROR_SE / math.sqrt(size)))
    for _ in range(_TRIALS):
        tensor = integrate_tensor(density, axes, tolerance)
        x, log_q = _draw(tensor, unit)
        values, log_slope = map_axes(axes, x)
        lp = at_points(values)
        log_ratio = lp + log_slope - log_q
        weight = np.exp(log_ratio - log_ratio.max())
        acceptance = float(weight.sum() ** 2 / (weight @ weight) / size)
        if acceptance > _ACCEPTANCE or tensor.log_p.size > 0.1 * _MOST_NODES:
            break
        # Draws that do not follow the density well are in its bends, which need a finer grid.
        tolerance /= 4.0
    stats = {
        "log_evidence": tensor.log_evidence,
        "acceptance": acceptance,
        "grid_size": float(tensor.log_p.size),
        "edge_mass": tensor.edge_mass,
        "refinement_change": float(tensor.changes().max()) ** 2 * math.sqrt(size),
    }
    return Draws({axis.name: values[:, d] for d, axis in enumerate(axes)}, lp, stats)


def integrate_tensor(density: TensorDensity, axes: Sequence[Axis], tolerance: float) -> Tensor:
    """Find where the mass is, and put as many nodes there as `tolerance`, the limit of `Tensor.changes`, asks for."""
    tensor = _locate(density, tuple(axes))
    counts = []
    for own, mass in zip(tensor.nodes, tensor.marginals, strict=True):
        place = mass @ own / mass.sum()
        sd = math.sqrt(max(float(mass @ (own - place) ** 2 / mass.sum()), 1e-300))
        counts.append(max(_FEWEST, math.ceil((own[-1] - own[0]) / (_STEP * sd)) | 1))
    ends = [(own[0], own[-1]) for own in tensor.nodes]
    for _ in range(12):
        if math.prod(counts) > _MOST_NODES:
            raise NotExactError(
                "the exact engine would need too large a grid; engine 'nuts' may serve this model"
            )
        nodes = tuple(np.linspace(*end, count) for end, count in zip(ends, counts, strict=True))
        tensor = _evaluate(density, tensor.axes, nodes)
        changes = tensor.changes()
        if (changes <= tolerance).all():
            break
        counts = [
            (math.ceil(1.35 * count) | 1) if moved > tolerance else count
            for count, moved in zip(counts, changes, strict=True)
        ]
    return tensor


def on_mesh(at_points: LogDensity) -> TensorDensity:
    """A density of points as one of tensors, for where nodes share nothing."""

    def density(values: Sequence[FloatArray]) -> FloatArray:
        mesh = np.stack(np.meshgrid(*values, indexing="ij"), axis=-1)
        return at_points(mesh.reshape(-1, len(values))).reshape(mesh.shape[:-1])

    return density


def _evaluate(density: TensorDensity, axes: tuple[Axis, ...], nodes: tuple[FloatArray, ...]) -> Tensor:
    parts = [axis.both(own) for axis, own in zip(axes, nodes, strict=True)]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        log_p = np.array(density([value for value, _ in parts]), dtype=float)
        for d, (_, slope) in enumerate(parts):
            log_p += slope.reshape(-1, *[1] * (len(axes) - d - 1))
    return Tensor(axes, nodes, np.where(np.isnan(log_p), -np.inf, log_p))


def _locate(density: TensorDensity, axes: tuple[Axis, ...]) -> Tensor:
    """A coarse grid over all the mass, with little more than it."""
    count = _SCAN[len(axes)]
    ends = [axis.ends for axis in axes]
    for _ in range(80):
        nodes = tuple(np.linspace(low, high, count) for low, high in ends)
        tensor = _evaluate(density, axes, nodes)
        if not np.isfinite(tensor.log_p.max()):
            raise NotExactError(NOT_A_NUMBER)
        new, done = [], True
        for own, mass in zip(nodes, tensor.marginals, strict=True):
            inside = np.flatnonzero(mass > math.exp(-_DEPTH))
            low, high, width = inside[0], inside[-1], own[-1] - own[0]
            done &= bool(low > 0 and high < count - 1 and high - low > 0.6 * count)
            new.append(
                (
                    own[low - 1] if low > 0 else own[0] - 0.4 * width,
                    own[high + 1] if high < count - 1 else own[-1] + 0.4 * width,
                )
            )
        if done:
            return tensor
        if max(max(-low, high) for low, high in new) > 300.0:
            break
        ends = new
    raise NotExactError(
        "the exact engine found no end of the posterior: with these priors and so few data it may be improper"
    )


def _draw(tensor: Tensor, unit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coordinates of draws, shape (size, D), and the log of the density they follow."""
    x, log_q = np.empty_like(unit), np.zeros(len(unit))
    places: list[tuple[IntArray, FloatArray]] = []
    # Log densities of the first axes together, one, two and so on.
    joint = [tensor.log_p - tensor.log_p.max()]
    while joint[0].ndim > 1:
        joint.insert(0, _log_sum(joint[0]))
    for d, (own, log_p) in enumerate(zip(tensor.nodes, joint, strict=True)):
        marginal = np.maximum(log_p, _FLOOR)
        line = np.zeros((len(unit), own.size)) if d else marginal[None]
        for corner in itertools.product(range(4), repeat=d) if d else ():
            at = tuple(first + c for (first, _), c in zip(places, corner, strict=True))
            weight = np.prod([part[:, c] for (_, part), c in zip(places, corner, strict=True)], axis=0)
            line += weight[:, None] * marginal[at]
        x[:, d], own_log_q = _invert(line, own, unit[:, d])
        log_q += own_log_q
        places.append(_cubic((x[:, d] - own[0]) / tensor.steps[d], own.size))
    return x, log_q


def _invert(line: FloatArray, nodes: FloatArray, unit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where distribution functions take the values `unit`: log densities at nodes, one row a draw or one for all."""
    fine = np.linspace(0.0, nodes.size - 1.0, (nodes.size - 1) * _FINER + 1)
    first, weight = _cubic(fine, nodes.size)
    matrix = np.zeros((fine.size, nodes.size))
    for c in range(4):
        matrix[np.arange(fine.size), first + c] += weight[:, c]
    log_p = line @ matrix.T
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    total = np.cumsum(0.5 * (p[:, :-1] + p[:, 1:]), axis=1)
    target = unit * total[:, -1]
    if len(line) == 1:
        cell = np.searchsorted(total[0], target)
    else:
        cell = (total < target[:, None]).sum(axis=1)
    cell = np.minimum(cell, fine.size - 2)
    row = np.arange(len(unit)) if len(line) > 1 else np.zeros(len(unit), dtype=int)
    left, right = p[row, cell], p[row, cell + 1]
    rest = target - np.where(cell > 0, total[row, cell - 1], 0.0)
    root = np.sqrt(np.maximum(left**2 + 2.0 * (right - left) * rest, 0.0))
    part = np.clip(2.0 * rest / np.maximum(left + root, 1e-300), 0.0, 1.0)
    step = (nodes[1] - nodes[0]) / _FINER
    density = np.maximum(left + (right - left) * part, 1e-300)
    return nodes[0] + (cell + part) * step, np.log(density / (total[row, -1] * step))


def _cubic(place: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """First of four neighbouring nodes around places (in steps), and Lagrange's weights of the four."""
    first = np.clip(np.floor(place).astype(int) - 1, 0, count - 4)
    t = place - first
    weight = [
        -(t - 1) * (t - 2) * (t - 3) / 6, t * (t - 2) * (t - 3) / 2,
        -t * (t - 1) * (t - 3) / 2, t * (t - 1) * (t - 2) / 6,
    ]  # fmt: skip
    return first, np.stack(weight, axis=-1)


def _log_sum(log_p: FloatArray) -> FloatArray:
    """Log of the sum of the exponentials over the last axis, less its largest value."""
    with np.errstate(divide="ignore", under="ignore"):
        out = np.log(np.exp(log_p).sum(axis=-1))
    return np.asarray(out - out.max())
