r"""Integrals over up to six hyperparameters on one tensor grid, and draws of them that depend on no seed.

Where the density of many hyperparameters shares its costly parts between nodes (probabilities of publication depend on the
mean and the spread, not on the weights), a grid that is regular in every hyperparameter is cheaper than one that follows the
density's shape. Each axis has the coordinate of `Axis`, in which the plain sum converges faster than any power of the step.
The grid is cropped where a marginal density is below :math:`e^{-17}` of its largest value, and made finer along an axis until
leaving out every second node of it changes neither evidence, mean nor standard deviation.

Draws are the images of fixed, evenly spread points of the unit cube under the inverse of the conditional distribution
functions (Rosenblatt 1952), one hyperparameter after the other, with log densities between nodes from cubic polynomials. They
have no Monte Carlo error of a seed, and integrals converge faster than with random points. How well they follow the density is
seen from the density itself: ``acceptance`` is the effective share of the draws if they were weighted by it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ...model import NotExactError
from ..distributions import normal_quantile
from .axis import Axis
from .grid import Draws

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int_]
# Values along each axis to the log density at all their combinations.
TensorDensity = Callable[[Sequence[FloatArray]], FloatArray]
PointDensity = Callable[[FloatArray], FloatArray]

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
# Degree, coefficients and first direction numbers of Sobol's primitive polynomials (Joe & Kuo 2008), by dimension.
_SOBOL: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (0, 0, ()), (1, 0, (1,)), (2, 1, (1, 3)), (3, 1, (1, 3, 1)), (3, 2, (1, 1, 1)), (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)), (5, 2, (1, 1, 5, 5, 17)),
)  # fmt: skip
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

    def log_marginal(self, d: int) -> FloatArray:
        """Log density of one axis less its largest value."""
        return _log_sum(self.log_p, tuple(k for k in range(self.log_p.ndim) if k != d))

    @property
    def edge_mass(self) -> float:
        """Share of the mass in the outermost nodes."""
        share = 0.0
        for d in range(len(self.axes)):
            mass = np.exp(self.log_marginal(d))
            share += float((mass[0] + mass[-1]) / mass.sum())
        return share

    def changes(self) -> FloatArray:
        """What leaving out every second node changes along each axis: log evidence, mean or s.d. (in s.d.)."""
        out = []
        for d in range(len(self.axes)):
            mass = np.exp(self.log_marginal(d))
            found = []
            for stride in (1, 2):
                own, place = mass[::stride], np.arange(0, mass.size, stride)
                mean = float(own @ place / own.sum())
                sd = math.sqrt(float(own @ (place - mean) ** 2 / own.sum()))
                found.append((float(own.sum() * stride), mean, sd))
            (total, mean, sd), (half, half_mean, half_sd) = found
            ok = sd > 0 and half > 0
            out.append(
                max(abs(math.log(half / total)), abs(half_mean - mean) / sd, abs(half_sd / sd - 1))
                if ok
                else math.inf
            )
        return np.array(out)


def solve_tensor(
    density: TensorDensity, at_points: PointDensity, axes: Sequence[Axis], size: int, *, unit: FloatArray
) -> Draws:
    """Integrate a density over its hyperparameters and draw from it.

    Examples
    --------
    >>> def bell(values):
    ...     return -0.5 * (values[0][:, None] ** 2 + values[1] ** 2)
    >>> found = solve_tensor(bell, lambda v: -0.5 * (v**2).sum(axis=1), [Axis("a", "real"), Axis("b", "real")], 1000,
    ...                      unit=even_points(1000, 2))
    >>> bool(abs(found.stats["log_evidence"] - np.log(2 * np.pi)) < 1e-6), abs(round(float(found.values["a"].mean()), 3))
    (True, 0.0)
    """
    if not axes:
        lp = np.full(size, float(at_points(np.empty((1, 0)))[0]))
        known = {"log_evidence": float(lp[0]), "acceptance": 1.0, "grid_size": 1.0}
        return Draws({}, lp, known | {"edge_mass": 0.0, "refinement_change": 0.0})
    tolerance = min(_CHANGE[len(axes)], math.sqrt(_ERROR_SE / math.sqrt(size)))
    for _ in range(_TRIALS):
        tensor = integrate_tensor(density, axes, tolerance)
        x, log_q = _draw(tensor, unit)
        parts = [axis.both(own) for axis, own in zip(axes, x.T, strict=True)]
        values = np.stack([value for value, _ in parts], axis=1)
        lp = at_points(values)
        log_ratio = lp + np.sum([slope for _, slope in parts], axis=0) - log_q
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
    for d, own in enumerate(tensor.nodes):
        mass = np.exp(tensor.log_marginal(d))
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
            (math.ceil(1.35 * count) | 1) if change > tolerance else count
            for count, change in zip(counts, changes, strict=True)
        ]
    return tensor


@lru_cache(maxsize=16)
def even_points(size: int, dims: int, *, first: int = 6, order: int = 0) -> FloatArray:
    """Points of the unit cube, the same on every call: every coordinate takes each of `size` levels once.

    The first coordinates together are Sobol's sequence (with the direction numbers of Joe & Kuo 2008), the others permuted
    at random; so is the order of the points. `order` should be a number by data: what many data share would be an error of all.

