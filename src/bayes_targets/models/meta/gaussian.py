r"""Normal likelihoods, with the mean and the moderators' coefficients integrated out in closed form.

Given the standard deviations, estimates are normal around :math:`F b` with covariance

.. math:: \Sigma = V + \tau_w^2 I + \tau^2 Z Z'

(V the errors' covariance, Z the groups; without groups :math:`\tau_w = 0` and Z = I). Where V is diagonal, or there are no
groups, :math:`\Sigma^{-1}` needs no matrix: with independent errors it is a sum over studies and groups, and a known covariance
becomes diagonal by its eigenvectors. With both, each group has a small matrix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...inference.quadrature import Axis, even_normals, on_mesh
from ...priors import Flat, Normal
from .problem import SPREADS, Density, Problem

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)


class Gaussian(Density):
    """The marginal density of a `Problem` over its standard deviations (and a slope), and draws given them."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, [name for name in (*SPREADS, "slope") if problem.point(name) is None])
        priors, mu = problem.priors, problem.point("mu")
        ones = np.ones((problem.y.size, int(mu is None)))
        self.columns = np.concatenate([ones, problem.columns], axis=1)
        chosen = [priors.mu] * ones.shape[1] + [priors.coefficient] * problem.columns.shape[1]
        self.normal_priors = all(isinstance(prior, Normal | Flat) for prior in chosen)
        self.prior_mean = np.array([getattr(prior, "mu", 0.0) for prior in chosen])
        self.prior_precision = np.array([getattr(prior, "sigma", math.inf) ** -2.0 for prior in chosen])
        self.y = problem.y - (mu or 0.0)

    @property
    def fits(self) -> bool:
        """Whether all but spreads and a slope is normal given these."""
        return self.normal_priors and self.problem.bounds is None and not self.problem.student.any()

    @property
    def dims(self) -> tuple[int, int]:
        """How many even points a draw needs besides those of the axes: that matter much, and further ones."""
        problem = self.problem
        further = 1 if problem.group is None else 2 if problem.covariance is None else 3
        return self.columns.shape[1] + 1, further * problem.y.size

    @cached_property
    def rotation(self) -> tuple[FloatArray, FloatArray] | None:
        """Variances and eigenvectors of a known covariance, where there are no groups."""
        covariance = self.problem.covariance
        if covariance is None or self.problem.group is not None:
            return None
        variances, vectors = np.linalg.eigh(covariance)
        return np.maximum(variances, 1e-300), vectors

    @cached_property
    def blocks(self) -> list[NDArray[np.int_]] | None:
        """Studies whose errors or groups depend on one another, where both a covariance and groups are given."""
        covariance, group = self.problem.covariance, self.problem.group
        if covariance is None or group is None:
            return None
        from scipy.sparse.csgraph import connected_components

        _, block = connected_components((covariance != 0.0) | (group[:, None] == group), directed=False)
        return [np.flatnonzero(block == own) for own in range(block.max() + 1)]

    def axes(self) -> list[Axis]:
        """Axes of what is not integrated out in closed form."""
        return [self.spread_axis(name) for name in self.names]

    def _residual(self, slope: FloatArray) -> FloatArray:
        """Estimates less bias, shape (n or 1, K)."""
        if self.problem.bias is None:
            return self.y[None]
        return np.asarray(self.y - slope * self.problem.bias)

    def solver(self, tau: FloatArray, within: FloatArray) -> _Diagonal | Grouped | _Blocks:
        """The covariance at n pairs of standard deviations."""
        if self.blocks is not None:
            return _Blocks(self, tau, within)
        if self.problem.group is not None:
            return Grouped(self.problem, tau, within)
        return _Diagonal(self, tau)

    def conditional(self, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log marginal density (n,), mean (n, p) and Cholesky root of the precision (n, p, p) of the coefficients."""
        tau, within, slope = (self.column(values, name) for name in (*SPREADS, "slope"))
        sigma, residual = self.solver(tau, within), self._residual(slope)
        f, q, n = self.columns, self.prior_precision, len(values)
        solved = sigma.solve(np.broadcast_to(f, (n, *f.shape)))
        precision = f.T @ solved + np.diag(q)
        rhs = np.einsum("nkp,nk->np", solved, np.broadcast_to(residual, (n, residual.shape[1])))
        root = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, (rhs + q * self.prior_mean)[..., None])[..., 0]
        left = residual - mean @ f.T
        square = np.einsum("nk,nk->n", left, sigma.solve(left[..., None])[..., 0])
        square += ((mean - self.prior_mean) ** 2 * q).sum(axis=1)
        log_det = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
        proper = q > 0
        value = -0.5 * (square + sigma.log_det + self.y.size * _LOG_2_PI) - log_det
        value = value + 0.5 * np.log(q[proper]).sum() + 0.5 * (~proper).sum() * _LOG_2_PI
        return value, mean, root

    def at_points(self, values: FloatArray) -> FloatArray:
        """Log density of estimates and hyperparameters, shape (n,)."""
        value = self.conditional(values)[0]
        for d, name in enumerate(self.names):
            value = value + getattr(self.problem.priors, name).logpdf(values[:, d])
        return np.asarray(value)

    def tensor(self, values: Sequence[FloatArray]) -> FloatArray:
        """The same on a grid, for `solve_tensor`."""
        return on_mesh(self.at_points)(values)

    def draw(self, values: FloatArray, unit: FloatArray) -> dict[str, FloatArray]:
        """Parameters by name, true effects and a new effect's deviation, from hyperparameters and even points."""
        problem, normals, p = self.problem, even_normals(unit), self.columns.shape[1]
        tau, within, slope = (self.column(values, name) for name in (*SPREADS, "slope"))
        _, mean, root = self.conditional(values)
        shift = np.linalg.solve(np.swapaxes(root, 1, 2), normals[:, :p, None])[..., 0]
        every = mean + shift
        left = self._residual(slope) - every @ self.columns.T
        coefficient = every[:, p - problem.columns.shape[1] :]
        mu = every[:, 0] if problem.point("mu") is None else np.full(len(values), problem.point("mu"))
        deviation = self.solver(tau, within).deviations(left, normals[:, p + 1 :])
        effect = mu[:, None] + coefficient @ problem.columns.T + deviation
        own = {"mu": mu, "coefficient": coefficient, "effect": effect}
        return own | self.spreads(values, normals[:, p])


class _Diagonal:
    """The covariance of independent studies at n values of tau, if need be along the eigenvectors of their errors' covariance."""

    def __init__(self, gaussian: Gaussian, tau: FloatArray) -> None:
        self.rotation = gaussian.rotation
        self.variance = gaussian.problem.se**2 if self.rotation is None else self.rotation[0]
        self.tau = tau
        self.weight = 1.0 / (tau**2 + self.variance)
        self.log_det = -np.log(self.weight).sum(axis=1)

    def _turned(self, right: FloatArray, *, back: bool = False) -> FloatArray:
        if self.rotation is None:
            return right
        vectors = self.rotation[1]
        return np.asarray((vectors if back else vectors.T) @ right)

    def solve(self, right: FloatArray) -> FloatArray:
        """Its inverse times columns of shape (n, K, c)."""
        return self._turned(self.weight[..., None] * self._turned(right), back=True)

    def deviations(self, residual: FloatArray, normals: FloatArray) -> FloatArray:
        """Draws of the true effects around their mean, (n, K), given what the estimates are off it."""
        z = normals[:, : self.variance.size]
        turned = self._turned(residual[..., None])[..., 0]
        out = self.tau**2 * self.weight * turned + self.tau * np.sqrt(self.variance * self.weight) * z
        return self._turned(out[..., None], back=True)[..., 0]


class Grouped:
    """The same of independent errors in groups that share an effect."""

    def __init__(self, problem: Problem, tau: FloatArray, within: FloatArray) -> None:
        self.tau, self.within = tau, within
        self.member, self.variance = problem.member, problem.se**2
        self.weight = 1.0 / (within**2 + self.variance)
        self.total = self.weight @ self.member
        self.shrink = 1.0 / (1.0 + tau**2 * self.total)
        self.log_det = -np.log(self.weight).sum(axis=1) - np.log(self.shrink).sum(axis=1)

    def _means(self, right: FloatArray) -> FloatArray:
        """Weighted means of groups, (n, groups, c)."""
        return np.asarray(self.member.T @ (self.weight[..., None] * right) / self.total[..., None])

    def solve(self, right: FloatArray) -> FloatArray:
        """Its inverse times columns."""
        means = self._means(right)
        inside = right - self.member @ means
        return np.asarray(self.weight[..., None] * (inside + self.member @ (self.shrink[..., None] * means)))

    def effects(self, residual: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and s.d. of the groups' effects, (n, groups), given what the estimates are off their mean."""
        variance = self.tau**2 * self.shrink
        return variance * self.total * self._means(residual[..., None])[..., 0], np.sqrt(variance)

    def deviations(self, residual: FloatArray, normals: FloatArray) -> FloatArray:
        """Draws of the true effects around their mean."""
        k, groups = self.member.shape
        mean, sd = self.effects(residual)
        shared = (mean + sd * normals[:, k : k + groups]) @ self.member.T
        inside = self.within**2 * self.weight * (residual - shared)
        noise = self.within * np.sqrt(self.variance * self.weight) * normals[:, :k]
        return np.asarray(shared + inside + noise)


class _Blocks:
    """The same of groups whose errors depend on one another: a small matrix each."""

    def __init__(self, gaussian: Gaussian, tau: FloatArray, within: FloatArray) -> None:
        problem = gaussian.problem
        assert gaussian.blocks is not None and problem.group is not None and problem.covariance is not None
        self.rows, self.tau, self.within = gaussian.blocks, tau, within
        self.same = (problem.group[:, None] == problem.group).astype(float)
        self.matrices, self.errors = [], []
        self.log_det = np.zeros(len(tau))
        for rows in self.rows:
            at = np.ix_(rows, rows)
            errors, same = problem.covariance[at], self.same[at]
            matrix = errors + within[..., None] ** 2 * np.eye(len(rows)) + tau[..., None] ** 2 * same
            root = np.linalg.cholesky(matrix)
            self.matrices.append(matrix)
            self.errors.append(np.linalg.cholesky(errors + 1e-12 * np.diag(np.diag(errors))))
            self.log_det += 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)

    def solve(self, right: FloatArray) -> FloatArray:
        out = np.empty(np.broadcast_shapes(right.shape, (len(self.tau), 1, 1)))
        for rows, matrix in zip(self.rows, self.matrices, strict=True):
            out[:, rows] = np.linalg.solve(matrix, right[:, rows])
        return out

    def deviations(self, residual: FloatArray, normals: FloatArray) -> FloatArray:
        # A draw of effects and errors from the prior, moved by how far it is from the estimates (Matheron's rule).
        k = residual.shape[1]
        groups, place = np.unique(self.same, axis=0, return_inverse=True)
        shared = normals[:, k : k + len(groups)][:, place.ravel()]
        own = self.tau * shared + self.within * normals[:, :k]
        error = np.zeros_like(own)
        for rows, root in zip(self.rows, self.errors, strict=True):
            error[:, rows] = normals[:, 2 * k :][:, rows] @ root.T
        solved = self.solve((residual - own - error)[..., None])[..., 0]
        return np.asarray(own + self.within**2 * solved + self.tau**2 * (solved @ self.same))
