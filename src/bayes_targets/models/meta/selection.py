r"""Selection by p-values, and Student-t likelihoods: densities on a grid over the mean, the spreads and the weights.

A printed estimate has the density

.. math:: \frac{w(y_i)\, p(y_i \mid \mu, \tau)}{\sum_j w_j P_{ij}(\mu, \tau)}

with :math:`P_{ij}` the probability of bin j of the p-value before selection (Hedges 1992; Vevea & Hedges 1995). The
probabilities do not depend on the weights: they are computed once for each node of the other hyperparameters. With several
estimates in a group the selection of each depends on its group's effect, so that the normalising sum is inside the integral over
it, by Gauss-Hermite nodes around the effect's distribution before selection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...inference.quadrature import Axis, even_normals
from ...model import NotExactError
from .gaussian import Grouped
from .problem import SPREADS, Density, Problem, bin_shares, precision_mixture

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# Studies whose normalising sums are multiplied before one logarithm: the product of so many cannot underflow.
_PRODUCT = 8
# Below this a normalising sum is taken as this: only weights far below any prior's reach get there.
_SMALLEST_SUM = 1e-35
_CHUNK = 2**18
# Nodes for a group's effect, in the integral (Gauss-Hermite, with their weights) and for draws.
_NODES, _FINE = 13, 61
_X, _MASS = np.polynomial.hermite_e.hermegauss(_NODES)
_MASS = _MASS / _MASS.sum()


class Selected(Density):
    """The density of a `Problem` over mean, coefficients, spreads, slope and sticks."""

    def __init__(self, problem: Problem) -> None:
        if problem.covariance is not None:
            raise NotExactError(
                "priors: means and coefficients that are not normal have no exact posterior together with a known covariance; use "
                "engine 'nuts'"
            )
        self.nodes, self.mass = precision_mixture(problem.df)
        if problem.group is not None and self.nodes.shape[1] > 1:
            raise NotExactError(
                "groups together with Student-t likelihoods have no exact posterior; use engine 'nuts'"
            )
        self.coefficients = [f"coefficient {k}" for k in range(problem.columns.shape[1])]
        before, after = (
            [name for name in names if problem.point(name) is None]
            for names in (("mu",), (*SPREADS, "slope"))
        )
        super().__init__(problem, [*before, *self.coefficients, *after])
        self.sticks = problem.sticks

    @property
    def dims(self) -> tuple[int, int]:
        """How many even points a draw needs besides those of the axes: that matter much, and further ones."""
        return 1, 2 * self.problem.y.size

    def axes(self) -> list[Axis]:
        """Axes of all hyperparameters, sticks last."""
        problem = self.problem
        weight = 1.0 / (problem.se**2 + np.median((problem.y - np.median(problem.y)) ** 2))
        width = float(weight.sum() ** -0.5)
        out = []
        for name in self.names:
            if name == "mu":
                out.append(Axis(name, "real", centre=float(weight @ problem.y / weight.sum()), scale=width))
            elif name in self.coefficients:
                out.append(Axis(name, "real", scale=width))
            else:
                out.append(self.spread_axis(name))
        return out + [Axis(f"stick {k}", "weight") for k in range(len(self.sticks))]

    def _coefficient(self, outer: FloatArray) -> FloatArray:
        """Coefficients of the moderators, shape (n, p)."""
        return outer[:, [self.names.index(name) for name in self.coefficients]]

    def mean(self, outer: FloatArray) -> FloatArray:
        """Means of the true effects, shape (n, K)."""
        return np.asarray(self.column(outer, "mu") + self._coefficient(outer) @ self.problem.columns.T)

    def shift(self, outer: FloatArray) -> FloatArray:
        """What PET or PEESE adds to the mean of the estimates."""
        bias = self.problem.bias
        return np.zeros((len(outer), 1)) if bias is None else self.column(outer, "slope") * bias

    def log_prior(self, outer: FloatArray) -> FloatArray:
        """Log prior density of n nodes, without the sticks'."""
        value = np.zeros(len(outer))
        for d, name in enumerate(self.names):
            value += getattr(self.problem.priors, name.split(" ")[0]).logpdf(outer[:, d])
        return value

    def _independent(self, outer: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log density of the estimates before selection, (n,), and probabilities of their bins, (n, J, K)."""
        problem = self.problem
        mean = (self.mean(outer) + self.shift(outer))[..., None]
        spread = np.hypot(self.column(outer, "tau"), self.column(outer, "tau_within"))
        variance = spread[..., None] ** 2 + problem.se[:, None] ** 2 / self.nodes
        log_p = -0.5 * ((problem.y[:, None] - mean) ** 2 / variance + np.log(variance) + _LOG_2_PI)
        if self.nodes.shape[1] == 1:
            value = log_p[..., 0].sum(axis=1)
        else:
            top = log_p.max(axis=2)
            value = (top + np.log((np.exp(log_p - top[..., None]) * self.mass).sum(axis=2))).sum(axis=1)
        return value, bin_probabilities(problem, mean, np.sqrt(variance), self.mass)

    def tensor(self, values: Sequence[FloatArray]) -> FloatArray:
        """Log density on a grid, for `solve_tensor`."""
        split = len(self.names)
        outer, sticks = _mesh(values[:split]), _mesh(values[split:])
        weights = self.problem.weights_of(sticks)
        per_node = len(weights) * self.problem.y.size * _NODES if self.problem.group is not None else 0
        chunk = max(1, _CHUNK // (per_node + self.nodes.size))
        parts = [
            self._normalised(outer[start : start + chunk], weights) for start in range(0, len(outer), chunk)
        ]
        of_sticks = self._stick_terms(sticks, weights)
        value = np.concatenate(parts) + self.log_prior(outer)[:, None] + of_sticks
        return np.asarray(value.reshape([len(own) for own in values]))

    def at_points(self, values: FloatArray) -> FloatArray:
        """Log density of points, (n,)."""
        split = len(self.names)
        outer, sticks = values[:, :split], values[:, split:]
        weights = self.problem.weights_of(sticks)
        found = np.empty(len(values))
        chunk = max(1, _CHUNK // (self.problem.y.size * self.nodes.shape[1] * _NODES))
        for start in range(0, len(values), chunk):
            rows = slice(start, start + chunk)
            own = self._normalised(outer[rows], weights[rows, None])[:, 0]
            found[rows] = own + self.log_prior(outer[rows])
        return np.asarray(found + self._stick_terms(sticks, weights))

    def _stick_terms(self, sticks: FloatArray, weights: FloatArray) -> FloatArray:
        """Log prior density of sticks and log weights of the bins that the estimates are in."""
        if self.problem.bounds is None:
            return np.zeros(len(sticks))
        counts = np.bincount(self.problem.bin, minlength=self.problem.bins)
        with np.errstate(divide="ignore"):
            value = np.asarray(np.log(weights) @ counts, dtype=float)
        for k, prior in enumerate(self.sticks):
            value = value + prior.logpdf(np.clip(sticks[:, k], 1e-300, 1.0 - 1e-16))
        return np.asarray(value)

    def _normalised(self, outer: FloatArray, weights: FloatArray) -> FloatArray:
        """Log density of the estimates but for their own weights: n nodes, weights (S, J) or (n, 1, J); (n, S)."""
        if self.problem.group is not None:
            return self._grouped(outer, weights)
        value, bins = self._independent(outer)
        if self.problem.bounds is None:
            return np.broadcast_to(value[:, None], (len(outer), weights.shape[-2]))
        # The first weight is 1: no sum is below the first bin's probability.
        bins[:, 0] = np.maximum(bins[:, 0], _SMALLEST_SUM)
        return value[:, None] - _log_sums(bins, weights)

    def _groups(self, outer: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Log density before selection; mean and s.d. of each group's effect given it (n, G); fixed means; s.d. (n, K)."""
        problem, within = self.problem, self.column(outer, "tau_within")
        sigma = Grouped(problem, self.column(outer, "tau"), within)
        fixed = self.mean(outer) + self.shift(outer)
        residual = problem.y - fixed
        square = np.einsum("nk,nk->n", residual, sigma.solve(residual[..., None])[..., 0])
        value = -0.5 * (square + sigma.log_det + problem.y.size * _LOG_2_PI)
        return value, *sigma.effects(residual), fixed, np.sqrt(within**2 + problem.se**2)

    def _grouped(self, outer: FloatArray, weights: FloatArray) -> FloatArray:
        problem, (value, mean, sd, fixed, error) = self.problem, self._groups(outer)
        if problem.bounds is None:
            return np.broadcast_to(value[:, None], (len(outer), weights.shape[-2]))
        effects = (mean[:, None] + sd[:, None] * _X[:, None]) @ problem.member.T
        shifted, spread = (fixed[:, None] + effects)[..., None], error[:, None, :, None]
        bins = bin_probabilities(problem, shifted, spread, self.mass)  # (n, Q, J, K)
        sums = weights[..., None, :, :] @ bins if weights.ndim == 3 else weights @ bins
        log_sums = np.log(np.maximum(sums, _SMALLEST_SUM))
        by_group = -log_sums @ problem.member  # (n, Q, S, G)
        top = by_group.max(axis=1, keepdims=True)
        averaged = np.einsum("q,nqsg->nsg", _MASS, np.exp(by_group - top))
        return np.asarray(value[:, None] + (np.log(averaged) + top[:, 0]).sum(axis=2))

    def draw(self, values: FloatArray, unit: FloatArray) -> dict[str, FloatArray]:
        """Parameters by name, true effects and a new effect's deviation, from hyperparameters and even points."""
        problem, normals, split = self.problem, even_normals(unit), len(self.names)
        outer, sticks = values[:, :split], values[:, split:]
        mean, weights, count = self.mean(outer), problem.weights_of(sticks), problem.y.size
        left, z, further = (
            problem.y - mean - self.shift(outer),
            normals[:, 1 : 1 + count],
            unit[:, 1 + count :],
        )
        if problem.group is not None:
            shared = self._draw_groups(outer, weights, further) @ problem.member.T
            spread, error = self.column(outer, "tau_within"), problem.se**2
        else:
            shared = np.zeros((1, count))
            spread, error = self.column(outer, "tau"), problem.se**2 / self._precision(outer, further)
        weight = 1.0 / (spread**2 + error)
        inside = spread**2 * weight * (left - shared) + spread * np.sqrt(error * weight) * z
        own = {
            "mu": self.column(outer, "mu")[:, 0],
            "coefficient": self._coefficient(outer),
            "effect": mean + shared + inside,
            "weight": weights[:, 1:],
        }
        return own | self.spreads(outer, normals[:, 0])

    def _precision(self, outer: FloatArray, unit: FloatArray) -> FloatArray:
        """A draw of each study's error precision (relative to its s.e.) given its estimate, (n, K)."""
        if self.nodes.shape[1] == 1:
            return np.ones((1, self.problem.y.size))
        out, tau = np.empty(unit.shape), self.column(outer, "tau")
        left = self.problem.y - self.mean(outer) - self.shift(outer)
        log_mass = np.log(np.maximum(self.mass, 1e-300))
        for k in range(self.problem.y.size):
            variance = tau**2 + self.problem.se[k] ** 2 / self.nodes[k]
            log_p = log_mass[k] - 0.5 * (left[:, [k]] ** 2 / variance + np.log(variance))
            out[:, k] = self.nodes[k][_cells(log_p, unit[:, k])[0]]
        return out

    def _draw_groups(self, outer: FloatArray, weights: FloatArray, unit: FloatArray) -> FloatArray:
        """A draw of each group's effect given its estimates and their selection, (n, G)."""
        _, mean, sd, fixed, error = self._groups(outer)
        problem, x, out = self.problem, np.linspace(-5.5, 5.5, _FINE), np.empty_like(mean)
        for g in range(mean.shape[1]):
            nodes = mean[:, [g]] + sd[:, [g]] * x
            log_p = np.broadcast_to(-0.5 * x**2, nodes.shape).copy()
            for k in np.flatnonzero(problem.member[:, g]) if problem.bounds is not None else ():
                place, sd_of = (fixed[:, [k]] + nodes)[..., None, None], error[:, k, None, None, None]
                bins = bin_probabilities(problem, place, sd_of, self.mass[[k]], [k])
                sums = np.einsum("nj,nxj->nx", weights, bins[..., 0])
                log_p -= np.log(np.maximum(sums, _SMALLEST_SUM))
            cell, part = _cells(log_p, unit[:, g])
            out[:, g] = mean[:, g] + sd[:, g] * (x[cell] + (part - 0.5) * (x[1] - x[0]))
        return out


def bin_probabilities(
    problem: Problem, mean: FloatArray, sd: FloatArray, mass: FloatArray, studies: Any = slice(None)
) -> FloatArray:
    """Probabilities of the bins of p-values, (..., J, K): means and s.d. (..., K, L) averaged with weights (K, L)."""
    from scipy.special import ndtr

    if problem.bounds is None:
        return np.ones((*mean.shape[:-2], 1, problem.y[studies].size))
    shares = bin_shares(problem.direction * mean, sd, problem.bounds[studies], problem.two_sided, mass, ndtr)
    return np.stack(shares, axis=-2)


def _mesh(values: Sequence[FloatArray]) -> FloatArray:
    """All combinations, shape (n, D); one empty one of nothing."""
    if not len(values):
        return np.empty((1, 0))
    return np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(values))


def _cells(log_p: FloatArray, unit: FloatArray) -> tuple[NDArray[np.int_], FloatArray]:
    """The cell of each row's discrete distribution in which its distribution function is `unit`, and how far into it."""
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    total = np.cumsum(p, axis=1)
    target = unit * total[:, -1]
    cell = np.minimum((total < target[:, None]).sum(axis=1), p.shape[1] - 1)
    at = np.arange(len(cell))
    own = p[at, cell]
    return cell, (target - total[at, cell] + own) / np.maximum(own, 1e-300)


def _log_sums(bins: FloatArray, weights: FloatArray) -> FloatArray:
    """Logs of the products of all normalising sums, (n, S): bins (n, J, K), weights (S, J) or (n, 1, J)."""
    bins, weights = np.swapaxes(bins, 1, 2), np.swapaxes(weights, -1, -2)
    n, count = bins.shape[:2]
    out = np.zeros((n, weights.shape[-1]))
    chunk = max(1, _CHUNK // (count * weights.shape[-1]))
    for start in range(0, n, chunk):
        rows = slice(start, start + chunk)
        sums = bins[rows] @ (weights if weights.ndim == 2 else weights[rows])
        for first in range(0, count, _PRODUCT):
            out[rows] += np.log(sums[:, first : first + _PRODUCT].prod(axis=1))
    return out
