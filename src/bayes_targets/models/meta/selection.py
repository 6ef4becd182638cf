r"""Selection by p-values, and Student-t likelihoods: densities on a grid over the mean, the spreads and the weights.

A printed estimate has the density

.. math:: \frac{w(y_i)\, p(y_i \mid \mu, \tau)}{\sum_j w_j P_{ij}(\mu, \tau)}

with :math:`P_{ij}` the probability of bin j of the p-value before selection (Hedges 1992; Vevea & Hedges 1995). The
probabilities do not depend on the weights: they are computed once for each node of the other hyperparameters. With several
estimates in a group the selection of each depends on its group's effect, so that the normalising sum is inside the integral over
it, by Gauss-Hermite nodes around the effect's distribution before selection.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...inference.quadrature import Axis
from ...model import NotExactError
from ...priors import Prior
from .problem import Problem, precision_mixture

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# Studies whose normalising sums are multiplied before one logarithm: the product of so many cannot underflow.
_PRODUCT = 8
# Below this a normalising sum is taken as this: only weights far below any prior's reach get there.
_SMALLEST_SUM = 1e-35
_CHUNK = 2**18
# Nodes for a group's effect, in the integral and for draws.
_NODES, _FINE = 13, 61


class Selected:
    """The density of a `Problem` over mean, coefficients, spreads, slope and sticks."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
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
        names = [name for name in ("mu",) if problem.point(name) is None]
        names += [f"coefficient {k}" for k in range(problem.columns.shape[1])]
        names += [name for name in ("tau", "tau_within") if problem.point(name) is None]
        names += ["slope"] if problem.bias is not None else []
        self.names = names
        self.sticks = problem.sticks

    def axes(self) -> list[Axis]:
        """Axes of all hyperparameters, sticks last."""
        problem = self.problem
        weight = 1.0 / (problem.se**2 + np.median((problem.y - np.median(problem.y)) ** 2))
        centre = float(weight @ problem.y / weight.sum())
        width = float(weight.sum() ** -0.5)
        scale = float(np.sqrt(np.median(1.0 / weight)))
        out = []
        for name in self.names:
            if name == "mu":
                out.append(Axis(name, "real", centre=centre, scale=width))
            elif name.startswith("coefficient"):
                out.append(Axis(name, "real", scale=width))
            elif name == "slope":
                out.append(
                    Axis(name, "spread", scale=scale / float(np.median(np.abs(problem.bias))))  # type: ignore[arg-type]
                )
            else:
                out.append(Axis(name, "spread", scale=scale))
        return out + [Axis(f"stick {k}", "weight") for k in range(len(self.sticks))]

    def _column(self, outer: FloatArray, name: str) -> FloatArray:
        """A hyperparameter of n nodes, shape (n, 1), its point where it has no axis."""
        if name in self.names:
            return outer[:, [self.names.index(name)]]
        return np.full((len(outer), 1), self.problem.point(name) if name != "slope" else 0.0)

    def mean(self, outer: FloatArray) -> FloatArray:
        """Means of the true effects, shape (n, K)."""
        chosen = [k for k, name in enumerate(self.names) if name.startswith("coefficient")]
        out = self._column(outer, "mu") + np.zeros(self.problem.y.size)
        return out + outer[:, chosen] @ self.problem.columns.T if chosen else out

    def shift(self, outer: FloatArray) -> FloatArray:
        """What PET or PEESE adds to the mean of the estimates."""
        bias = self.problem.bias
        return np.zeros((len(outer), 1)) if bias is None else self._column(outer, "slope") * bias

    def log_prior(self, outer: FloatArray) -> FloatArray:
        """Log prior density of n nodes, without the sticks'."""
        value = np.zeros(len(outer))
        for d, name in enumerate(self.names):
            prior: Prior = getattr(self.problem.priors, name.split(" ")[0])
            value += prior.logpdf(outer[:, d])
        return value

    def _independent(self, outer: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log density of the estimates before selection, (n,), and probabilities of their bins, (n, J, K)."""
        problem = self.problem
        mean = (self.mean(outer) + self.shift(outer))[..., None]
        spread = np.hypot(self._column(outer, "tau"), self._column(outer, "tau_within"))
        variance = spread[..., None] ** 2 + problem.se[:, None] ** 2 / self.nodes
        log_p = -0.5 * ((problem.y[:, None] - mean) ** 2 / variance + np.log(variance) + _LOG_2_PI)
        if self.nodes.shape[1] == 1:
            value = log_p[..., 0].sum(axis=1)
        else:
            top = log_p.max(axis=2)
            value = (top + np.log((np.exp(log_p - top[..., None]) * self.mass).sum(axis=2))).sum(axis=1)
        return value, self._bins(mean, np.sqrt(variance))

    def _bins(self, mean: FloatArray, sd: FloatArray) -> FloatArray:
        """Probabilities of the bins, (n, J, K), from means and s.d. of shape (n, K, L) (averaged over L)."""
        problem = self.problem
        if problem.bounds is None:
            return np.ones((len(mean), 1, problem.y.size))
        return bin_probabilities(problem.direction * mean, sd, problem.bounds, problem.two_sided, self.mass)

    def tensor(self, values: Sequence[FloatArray]) -> FloatArray:
        """Log density on a grid, for `solve_tensor`."""
        split = len(self.names)
        outer = _mesh(values[:split])
        sticks = _mesh(values[split:])
        weights = self.problem.weights_of(sticks)
        of_sticks = self._stick_terms(sticks, weights)
        per_node = len(weights) * self.problem.y.size * _NODES if self.problem.group is not None else 0
        chunk = max(1, _CHUNK // (per_node + self.nodes.size))
        parts = [
            self._normalised(outer[start : start + chunk], weights) for start in range(0, len(outer), chunk)
        ]
        value = np.concatenate(parts) + self.log_prior(outer)[:, None] + of_sticks
        return np.asarray(value.reshape([len(own) for own in values]))

    def points(self, values: FloatArray) -> FloatArray:
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

    @cached_property
    def _hermite(self) -> tuple[FloatArray, FloatArray]:
        x, mass = np.polynomial.hermite_e.hermegauss(_NODES)
        return x, mass / mass.sum()

    def _groups(self, outer: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Log density before selection; mean and s.d. of each group's effect given it (n, G); fixed means; s.d. (n, K)."""
        problem = self.problem
        tau = self._column(outer, "tau")
        variance = self._column(outer, "tau_within") ** 2 + problem.se**2
        fixed = self.mean(outer) + self.shift(outer)
        residual, weight = problem.y - fixed, 1.0 / variance
        total = weight @ self.member
        centre = (weight * residual) @ self.member / total
        shrink = 1.0 / (1.0 + tau**2 * total)
        inside = residual - centre @ self.member.T
        square = (weight * inside**2).sum(axis=1) + (centre**2 * total * shrink).sum(axis=1)
        log_det = np.log(variance).sum(axis=1) - np.log(shrink).sum(axis=1)
        value = -0.5 * (square + log_det + problem.y.size * _LOG_2_PI)
        return value, tau**2 * total * shrink * centre, tau * np.sqrt(shrink), fixed, np.sqrt(variance)

    @cached_property
    def member(self) -> FloatArray:
        """Studies by groups, 1 for a member."""
        group = self.problem.group
        assert group is not None
        return np.asarray(group[:, None] == np.unique(group), dtype=float)

    def _grouped(self, outer: FloatArray, weights: FloatArray) -> FloatArray:
        value, mean, sd, fixed, error = self._groups(outer)
        if self.problem.bounds is None:
            return np.broadcast_to(value[:, None], (len(outer), weights.shape[-2]))
        x, mass = self._hermite
        n, count = len(outer), self.problem.y.size
        nodes = mean[..., None] + sd[..., None] * x
        shifted = fixed[..., None] + np.einsum("kg,ngq->nkq", self.member, nodes)
        flat = np.moveaxis(shifted, 2, 1).reshape(n * x.size, count, 1)
        spread = np.repeat(error, x.size, axis=0)[..., None]
        bins = bin_probabilities(
            self.problem.direction * flat,
            spread,
            self.problem.bounds,
            self.problem.two_sided,
            np.ones((count, 1)),
        ).reshape(n, x.size, self.problem.bins, count)
        sums = weights[..., None, :, :] @ bins if weights.ndim == 3 else weights @ bins
        log_sums = np.log(np.maximum(sums, _SMALLEST_SUM))
        by_group = -log_sums @ self.member  # (n, Q, S, G)
        top = by_group.max(axis=1, keepdims=True)
        averaged = np.einsum("q,nqsg->nsg", mass, np.exp(by_group - top))
        return np.asarray(value[:, None] + (np.log(averaged) + top[:, 0]).sum(axis=2))

    def draw(self, values: FloatArray, unit: FloatArray, normals: FloatArray) -> dict[str, FloatArray]:
        """Hyperparameters by name, and effects and a new effect given them, from even points and normal values."""
        split = len(self.names)
        outer, sticks = values[:, :split], values[:, split:]
        tau, within = self._column(outer, "tau"), self._column(outer, "tau_within")
        mean, shift, problem = self.mean(outer), self.shift(outer), self.problem
        count = problem.y.size
        z = normals[:, 1 : 1 + count]
        if problem.group is not None:
            shared = (
                self._draw_groups(outer, problem.weights_of(sticks), unit[:, 1 + count :]) @ self.member.T
            )
            weight = 1.0 / (within**2 + problem.se**2)
            inside = within**2 * weight * (problem.y - mean - shift - shared)
            deviation = shared + inside + within * problem.se * np.sqrt(weight) * z
        else:
            error = problem.se**2 / self._precision(outer, unit[:, 1 + count :])
            weight = 1.0 / (tau**2 + error)
            deviation = tau**2 * weight * (problem.y - mean - shift) + tau * np.sqrt(error * weight) * z
        out: dict[str, Any] = {name: outer[:, d] for d, name in enumerate(self.names)}
        coefficients = [outer[:, d] for d, name in enumerate(self.names) if name.startswith("coefficient")]
        return {
            "mu": self._column(outer, "mu")[:, 0],
            "tau": tau[:, 0],
            "tau_within": within[:, 0],
            "slope": out.get("slope", np.zeros(len(outer))),
            "coefficients": np.stack(coefficients, axis=1) if coefficients else np.zeros((len(outer), 0)),
            "effect": mean + deviation,
            "new": np.hypot(tau, within)[:, 0] * normals[:, 0],
            "weight": problem.weights_of(sticks)[:, 1:],
        }

    def _precision(self, outer: FloatArray, unit: FloatArray) -> FloatArray:
        """A draw of each study's error precision (relative to its s.e.) given its estimate, (n, K)."""
        if self.nodes.shape[1] == 1:
            return np.ones((1, self.problem.y.size))
        out = np.empty(unit.shape)
        mean = self.mean(outer) + self.shift(outer)
        tau = self._column(outer, "tau")
        for k in range(self.problem.y.size):
            variance = tau**2 + self.problem.se[k] ** 2 / self.nodes[k]
            log_p = -0.5 * ((self.problem.y[k] - mean[:, [k]]) ** 2 / variance + np.log(variance))
            p = np.exp(log_p - log_p.max(axis=1, keepdims=True)) * self.mass[k]
            total = np.cumsum(p, axis=1)
            chosen = (total < unit[:, [k]] * total[:, -1:]).sum(axis=1)
            out[:, k] = self.nodes[k][np.minimum(chosen, self.nodes.shape[1] - 1)]
        return out

    def _draw_groups(self, outer: FloatArray, weights: FloatArray, unit: FloatArray) -> FloatArray:
        """A draw of each group's effect given its estimates and their selection, (n, G)."""
        _, mean, sd, fixed, error = self._groups(outer)
        x = np.linspace(-5.5, 5.5, _FINE)
        out = np.empty_like(mean)
        for g in range(mean.shape[1]):
            rows = self.member[:, g] > 0
            nodes = mean[:, [g]] + sd[:, [g]] * x
            log_p = np.broadcast_to(-0.5 * x**2, nodes.shape).copy()
            if self.problem.bounds is not None:
                for k in np.flatnonzero(rows):
                    bins = bin_probabilities(
                        self.problem.direction * (fixed[:, [k]] + nodes).reshape(-1, 1, 1),
                        np.repeat(error[:, k], x.size)[:, None, None],
                        self.problem.bounds[[k]],
                        self.problem.two_sided,
                        np.ones((1, 1)),
                    )[..., 0].reshape(len(outer), x.size, -1)
                    log_p -= np.log(np.maximum((bins * weights[:, None]).sum(axis=2), _SMALLEST_SUM))
            p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
            total = np.cumsum(p, axis=1)
            target = unit[:, g] * total[:, -1]
            cell = np.minimum((total < target[:, None]).sum(axis=1), x.size - 1)
            at = np.arange(len(cell))
            before = np.where(cell > 0, total[at, cell - 1], 0.0)
            part = (target - before) / np.maximum(p[at, cell], 1e-300)
            out[:, g] = mean[:, g] + sd[:, g] * (x[cell] + (part - 0.5) * (x[1] - x[0]))
        return out


def bin_probabilities(
    mean: FloatArray, sd: FloatArray, bounds: FloatArray, two_sided: bool, mass: FloatArray
) -> FloatArray:
    """Probabilities of the bins of p-values, (n, J, K): means and s.d. (n, K, L) averaged with weights (K, L)."""
    from scipy.special import ndtr

    above = []
    for k in range(bounds.shape[1]):
        bound = bounds[:, k, None]
        beyond = ndtr((mean - bound) / sd)
        if two_sided:
            beyond = beyond + ndtr((-bound - mean) / sd)
        above.append(beyond[..., 0] if mass.shape[1] == 1 else (beyond * mass).sum(axis=2))
    ends = [np.zeros_like(above[0]), *above, np.ones_like(above[0])]
    return np.stack([high - low for low, high in itertools.pairwise(ends)], axis=1)


def _mesh(values: Sequence[FloatArray]) -> FloatArray:
    """All combinations, shape (n, D); one empty one of nothing."""
    if not len(values):
        return np.empty((1, 0))
    return np.stack(np.meshgrid(*values, indexing="ij"), axis=-1).reshape(-1, len(values))


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
