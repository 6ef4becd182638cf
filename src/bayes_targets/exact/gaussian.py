r"""Linear regression with normal noise whose intercepts and slopes vary between types.

For observation i of type t, with :math:`z_i = (1, x_i)`,

.. math:: y_i = X_i \beta + z_i u_t + e_i, \quad \beta \sim N(m, \Lambda^{-1}), \quad
          u_t \sim N(0, T), \; T = \mathrm{diag}(\tau_a^2, \tau_b^2), \quad e_i \sim N(0, \sigma)

A spread of 0 takes the deviations out, a precision of 0 in :math:`\Lambda` is a flat prior. All that the data say
is in the cross-products of each type, so once these are known the cost does not depend on their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import NotExactError

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# Draws at a time: small enough for the processor's cache.
_CHUNK = 512


def cross_products(
    columns: Sequence[FloatArray], kind: NDArray[Any], types: int, centre: FloatArray
) -> FloatArray:
    """Cross-products of columns within each type, in one pass over the data.

    Parameters
    ----------
    columns : sequence of arrays of shape (N,) or (N, k)
        Data, an observation a row; m columns in all.
    kind : array of int of shape (N,)
        Type of each observation.
    types : int
        Number of types, J.
    centre : array of shape (m,)
        What is taken off each column first; near its mean it keeps digits that large numbers would lose.

    Returns
    -------
    array of shape (J, m, m)

    Examples
    --------
    >>> y = np.array([2.0, 3.0, 4.0])
    >>> cross_products([np.ones(3), y], np.array([0, 1, 1]), 2, np.array([0.0, 3.0])).tolist()
    [[[1.0, -1.0], [-1.0, 1.0]], [[2.0, 1.0], [1.0, 1.0]]]
    """
    order = np.argsort(kind.astype(np.int16 if types < 2**15 else np.int64), kind="stable")
    ends = np.searchsorted(kind, np.arange(types + 1), sorter=order)
    out = np.empty((types, centre.size, centre.size))
    for t, (first, last) in enumerate(pairwise(ends)):
        rows = order[first:last]
        block = np.column_stack([column.take(rows, axis=0) for column in columns])
        block -= centre
        out[t] = block.T @ block
    return out


@dataclass(frozen=True)
class Hierarchy:
    r"""What the Gaussian part of a model needs, given its standard deviations.

    Attributes
    ----------
    n : int
        Number of observations.
    total : array of shape (p + 1, p + 1)
        Cross-products of C = [X, y] over all observations.
    by_type : array of shape (J, 2, p + 1)
        :math:`Z_t' C_t`.
    groups : array of shape (J, 2, 2)
        :math:`Z_t' Z_t`.
    mean, precision : array of shape (p,)
        Prior of each coefficient: m and the diagonal of :math:`\Lambda`, 0 where flat.
    """

    n: int
    total: FloatArray
    by_type: FloatArray
    groups: FloatArray
    mean: FloatArray
    precision: FloatArray

    def log_likelihood(self, sigma: FloatArray, spread: FloatArray) -> FloatArray:
        r"""Log of the marginal likelihood, coefficients and deviations integrated out.

        With :math:`V = \sigma^2 I + Z T Z'`, :math:`P = X' V^{-1} X + \Lambda`, :math:`b = X' V^{-1} y + \Lambda m`,

        .. math:: \log p(y) = -\tfrac12 \left[ N \log 2\pi + \log|V| - \log|\Lambda| + \log|P|
                  + y' V^{-1} y + m' \Lambda m - b' P^{-1} b \right]

        A coefficient with a flat prior has a density of 1 and no factor in :math:`|\Lambda|`.

        Parameters
        ----------
        sigma : array of shape (S,)
            Standard deviation of the noise.
        spread : array of shape (S, 2)
            :math:`\tau_a, \tau_b`.

        Returns
        -------
        array of shape (S,)
        """
        factor, solved, remainder, log_det_v = self._factor(sigma, spread)
        proper = self.precision > 0
        log_prior = np.log(self.precision[proper]).sum() + (~proper).sum() * _LOG_2_PI
        log_det_p = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        square = remainder - (solved**2).sum(axis=1)
        return np.asarray(-0.5 * (self.n * _LOG_2_PI + log_det_v - log_prior + log_det_p + square))

    def draw(
        self, sigma: FloatArray, spread: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        r"""One draw of coefficients and deviations for each set of standard deviations.

        :math:`\beta \sim N(P^{-1} b, P^{-1})`, and then, type by type,
        :math:`u_t \sim N(T^{1/2} K_t r_t, \; T^{1/2} K_t T^{1/2})` with
        :math:`K_t = (I + T^{1/2} Z_t' Z_t T^{1/2} / \sigma^2)^{-1}` and
        :math:`r_t = T^{1/2} Z_t' (y_t - X_t \beta) / \sigma^2`.

        Parameters
        ----------
        sigma, spread : array
            As in `log_likelihood`.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        array of shape (S, p), array of shape (S, J, 2)
            :math:`\beta` and u.
        """
        pieces = [slice(i, i + _CHUNK) for i in range(0, len(sigma), _CHUNK)]
        beta, u = zip(*(self._draw(sigma[piece], spread[piece], rng) for piece in pieces), strict=True)
        return np.concatenate(beta), np.concatenate(u)

    def _draw(
        self, sigma: FloatArray, spread: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        factor, solved, _, _ = self._factor(sigma, spread)
        noise = rng.standard_normal(solved.shape)
        beta = _back_substitute(factor, solved + noise)
        explained = beta @ self.by_type[:, :, :-1].reshape(-1, beta.shape[1]).T
        residual = self.by_type[:, :, -1] - explained.reshape(len(sigma), -1, 2)
        r = spread[:, None, :] * residual / sigma[:, None, None] ** 2
        kaa, kab, kbb, _ = self._inner(sigma, spread)
        z = rng.standard_normal(r.shape)
        # K is two by two: its Cholesky factor written out.
        root = np.sqrt(kaa)
        own = np.stack(
            [
                kaa * r[..., 0] + kab * r[..., 1] + root * z[..., 0],
                kab * r[..., 0] + kbb * r[..., 1] + kab / root * z[..., 0]
                + np.sqrt(np.maximum(kbb - kab**2 / kaa, 0.0)) * z[..., 1],
            ],
            axis=-1,
        )  # fmt: skip
        return beta, spread[:, None, :] * own

    @cached_property
    def _products(self) -> FloatArray:
        """What the elements aa, ab and bb of each type's W multiply, shape (3, J, p + 1, p + 1)."""
        first, second = self.by_type[:, 0, :], self.by_type[:, 1, :]
        mixed = first[:, :, None] * second[:, None, :]
        own = [side[:, :, None] * side[:, None, :] for side in (first, second)]
        return np.stack([own[0], mixed + mixed.transpose(0, 2, 1), own[1]])

    def _inner(
        self, sigma: FloatArray, spread: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """The elements of K for each type, each of shape (S, J), and the determinant of its inverse."""
        variance = sigma[:, None] ** 2
        a, b = spread[:, :1], spread[:, 1:]
        count, sum_x, sum_xx = self.groups[:, 0, 0], self.groups[:, 0, 1], self.groups[:, 1, 1]
        aa, ab, bb = a**2 * count / variance, a * b * sum_x / variance, b**2 * sum_xx / variance
        # aa bb - ab^2 without the cancellation: the spread of x within the type.
        within = (a * b / variance) ** 2 * (count * sum_xx - sum_x**2)
        det = 1.0 + aa + bb + within
        return (1.0 + bb) / det, -ab / det, (1.0 + aa) / det, det

    def _factor(
        self, sigma: FloatArray, spread: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        r"""Cholesky factor L of P, :math:`L^{-1} b`, :math:`y'V^{-1}y + m' \Lambda m` and :math:`\log|V|`.

        By Woodbury's identity :math:`C'V^{-1}C = (C'C - \sum_t C_t'Z_t W_t Z_t'C_t) / \sigma^2` with
        :math:`W_t = T^{1/2} K_t T^{1/2} / \sigma^2`: linear in the three elements of each W.
        """
        kaa, kab, kbb, det = self._inner(sigma, spread)
        a, b = spread[:, :1], spread[:, 1:]
        weights = np.stack([a**2 * kaa, a * b * kab, b**2 * kbb], axis=1) / sigma[:, None, None] ** 2
        used = weights.any(axis=(0, 2))
        size = self.total.shape[0]
        cross = weights[:, used].reshape(len(sigma), -1) @ self._products[used].reshape(-1, size * size)
        cross = cross.reshape(-1, size, size)
        np.subtract(self.total, cross, out=cross)
        cross /= sigma[:, None, None] ** 2
        cross[:, -1, :-1] += self.precision * self.mean
        cross += np.diag(np.append(self.precision, self.precision @ self.mean**2))
        remainder = cross[:, -1, -1].copy()
        # The last row of the factor is L^-1 b whatever stands in the last corner, if it is large enough.
        cross[:, -1, -1] = 2.0 * remainder + 1.0
        try:
            factor = np.linalg.cholesky(cross)
        except np.linalg.LinAlgError as error:
            raise NotExactError("the terms nearly depend on one another; engine 'nuts' may serve") from error
        log_det_v = 2.0 * self.n * np.log(sigma) + np.log(det).sum(axis=1)
        return factor[:, :-1, :-1], factor[:, -1, :-1], remainder, log_det_v


def _back_substitute(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Solve L' v = right for each matrix of a stack."""
    out = np.empty_like(right)
    for k in reversed(range(right.shape[1])):
        known = np.einsum("sk,sk->s", factor[:, k + 1 :, k], out[:, k + 1 :])
        out[:, k] = (right[:, k] - known) / factor[:, k, k]
    return out
