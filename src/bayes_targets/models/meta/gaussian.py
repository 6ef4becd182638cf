r"""Normal likelihoods, with the mean and the moderators' coefficients integrated out in closed form.

Given the standard deviations, estimates are normal around :math:`F b` with covariance

.. math:: \Sigma = V + \tau_w^2 I + \tau^2 Z Z'

(V the errors' covariance, Z the groups; without groups :math:`\tau_w = 0` and Z = I). Where V is diagonal, or there are no
groups, :math:`\Sigma^{-1}` needs no matrix: with independent errors it is a sum over studies and groups, and a known covariance
becomes diagonal by its eigenvectors. With both, each group has a small matrix.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...inference.quadrature import Axis
from ...priors import Flat, Normal
from .problem import Problem

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
SPREADS = ("tau", "tau_within")


class Gaussian:
    """The marginal density of a `Problem` over its standard deviations (and a slope), and draws given them."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        priors, y = problem.priors, problem.y
        mu = problem.point("mu")
        parts = [np.ones((y.size, 1))] if mu is None else []
        self.columns = np.concatenate([*parts, problem.columns], axis=1)
        chosen = ([priors.mu] if mu is None else []) + [priors.coefficient] * problem.columns.shape[1]
        self.fits = all(isinstance(prior, Normal | Flat) for prior in chosen)
        self.prior_mean = np.array([getattr(prior, "mu", 0.0) for prior in chosen])
        self.prior_precision = np.array([getattr(prior, "sigma", math.inf) ** -2.0 for prior in chosen])
        self.y = y - (mu or 0.0)
        self.names = [name for name in SPREADS if problem.point(name) is None]
        if problem.bias is not None:
            self.names.append("slope")

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
        linked = (covariance != 0.0) | (group[:, None] == group)
        left, out = set(range(len(group))), []
        while left:
            found, todo = set(), {min(left)}
            while todo:
                found |= todo
                todo = set(np.flatnonzero(linked[sorted(todo)].any(axis=0)).tolist()) - found
            out.append(np.array(sorted(found)))
            left -= found
        return out

    def axes(self) -> list[Axis]:
        """Axes of what is not integrated out in closed form."""
        variance = self.problem.se**2
        scale = float(np.sqrt(np.median(variance) + np.median((self.y - np.median(self.y)) ** 2)))
        own = {"tau": scale, "tau_within": scale}
        if self.problem.bias is not None:
            own["slope"] = scale / float(np.median(np.abs(self.problem.bias)))
        return [Axis(name, "spread", scale=own[name]) for name in self.names]

    def _spreads(self, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """tau, tau_within and slope, each of shape (n, 1)."""
        out = []
        for name in (*SPREADS, "slope"):
            if name in self.names:
                out.append(values[:, [self.names.index(name)]])
            else:
                fixed = self.problem.point(name) if name != "slope" else 0.0
                out.append(np.full((len(values), 1), fixed))
        return out[0], out[1], out[2]

    def _residual(self, slope: FloatArray) -> FloatArray:
        """Estimates less bias, shape (n or 1, K)."""
        if self.problem.bias is None:
            return self.y[None]
        return np.asarray(self.y - slope * self.problem.bias)

    def solver(self, tau: FloatArray, within: FloatArray) -> _Covariance:
        """The covariance at n pairs of standard deviations."""
        if self.blocks is not None:
            return _Blocks(self, tau, within)
        if self.problem.group is not None:
            return _Grouped(self, tau, within)
        return _Diagonal(self, tau, within)

    def conditional(self, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log marginal density (n,), mean (n, p) and Cholesky root of the precision (n, p, p) of the coefficients."""
        tau, within, slope = self._spreads(values)
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

    def log_density(self, values: FloatArray) -> FloatArray:
        """Log density of estimates and hyperparameters, shape (n,)."""
        value = self.conditional(values)[0]
        for d, name in enumerate(self.names):
            value = value + getattr(self.problem.priors, name).logpdf(values[:, d])
        return np.asarray(value)

    def draw(self, values: FloatArray, normals: FloatArray) -> dict[str, FloatArray]:
        """Coefficients, effects less their mean, and a new effect's deviation, from standard normal values.

        `normals` has p + 1 columns for the coefficients and the new effect, then 3 K (see `_Covariance.deviations`).
        """
        tau, within, slope = self._spreads(values)
        _, mean, root = self.conditional(values)
        p = self.columns.shape[1]
        shift = np.linalg.solve(np.swapaxes(root, 1, 2), normals[:, :p, None])[..., 0]
        coefficients = mean + shift
        left = self._residual(slope) - coefficients @ self.columns.T
        return {
            "coefficients": coefficients,
            "deviation": self.solver(tau, within).deviations(left, normals[:, p + 1 :]),
            "new": np.hypot(tau, within)[:, 0] * normals[:, p],
        }


class _Covariance(Protocol):
    """Covariance of the estimates at n pairs of tau and tau_within, shape (n, 1) each."""

    log_det: FloatArray

    def solve(self, right: FloatArray) -> FloatArray:
        """Its inverse times columns of shape (n, K, c)."""

    def deviations(self, residual: FloatArray, normals: FloatArray) -> FloatArray:
        """Draws of the true effects around their mean, (n, K), given what the estimates are off it."""


class _Diagonal:
    """Independent studies, if need be along the eigenvectors of their errors' covariance."""

    def __init__(self, gaussian: Gaussian, tau: FloatArray, within: FloatArray) -> None:
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
        return self._turned(self.weight[..., None] * self._turned(right), back=True)

    def deviations(self, residual: FloatArray, normals: FloatArray) -> FloatArray:
        z = normals[:, : self.variance.size]
        turned = self._turned(residual[..., None])[..., 0]
        out = self.tau**2 * self.weight * turned + self.tau * np.sqrt(self.variance * self.weight) * z
        return self._turned(out[..., None], back=True)[..., 0]


class _Grouped:
    """Independent errors in groups that share an effect."""

    def __init__(self, gaussian: Gaussian, tau: FloatArray, within: FloatArray) -> None:
        group = gaussian.problem.group
        assert group is not None
        self.group, self.tau, self.within = group, tau, within
        self.member = (group == np.unique(group)[:, None]).astype(float).T
        self.variance = gaussian.problem.se**2
        self.weight = 1.0 / (within**2 + self.variance)
        self.total = self.weight @ self.member
        self.shrink = 1.0 / (1.0 + tau**2 * self.total)
        self.log_det = -np.log(self.weight).sum(axis=1) - np.log(self.shrink).sum(axis=1)

    def _means(self, right: FloatArray) -> FloatArray:
        return np.asarray(
            self.member.T @ (self.weight[..., None] * right) / self.total[..., None]
        )  # (n, groups, c)

    def solve(self, right: FloatArray) -> FloatArray:
        means = self._means(right)
        inside = right - self.member @ means
        return np.asarray(self.weight[..., None] * (inside + self.member @ (self.shrink[..., None] * means)))

    def deviations(self, residual: FloatArray, normals: FloatArray) -> FloatArray:
        k, groups = self.member.shape
        variance = self.tau**2 * self.shrink
        mean = variance * self.total * self._means(residual[..., None])[..., 0]
        shared = (mean + np.sqrt(variance) * normals[:, k : k + groups]) @ self.member.T
        inside = self.within**2 * self.weight * (residual - shared)
        noise = self.within * np.sqrt(self.variance * self.weight) * normals[:, :k]
        return np.asarray(shared + inside + noise)


class _Blocks:
    """Groups whose errors depend on one another: a small matrix each."""

    def __init__(self, gaussian: Gaussian, tau: FloatArray, within: FloatArray) -> None:
        problem = gaussian.problem
        assert gaussian.blocks is not None and problem.group is not None and problem.covariance is not None
        self.rows, self.tau, self.within = gaussian.blocks, tau, within
        self.same = (problem.group[:, None] == problem.group).astype(float)
        self.roots, self.errors = [], []
        self.log_det = np.zeros(len(tau))
        for rows in self.rows:
            at = np.ix_(rows, rows)
            errors, same = problem.covariance[at], self.same[at]
            matrix = errors + within[..., None] ** 2 * np.eye(len(rows)) + tau[..., None] ** 2 * same
            root = np.linalg.cholesky(matrix)
            self.roots.append(matrix)
            self.errors.append(np.linalg.cholesky(errors + 1e-12 * np.diag(np.diag(errors))))
            self.log_det += 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)

    def solve(self, right: FloatArray) -> FloatArray:
        out = np.empty(np.broadcast_shapes(right.shape, (len(self.tau), 1, 1)))
        for rows, matrix in zip(self.rows, self.roots, strict=True):
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
