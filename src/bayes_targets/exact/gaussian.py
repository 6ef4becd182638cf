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

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# Draws at a time: small enough for the processor's cache.
_CHUNK = 512
# Multiplications at a time. Larger products are shared out among threads, which for sizes like ours costs more than it
# saves, up to a hundred times where another process uses the cores, and lets the last digit depend on their number.
_PRODUCT = 2**17


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
    out = np.zeros((types, centre.size, centre.size))
    rows_at_a_time = max(_PRODUCT // centre.size**2, 1)
    for t, (first, last) in enumerate(pairwise(ends)):
        for start in range(first, last, rows_at_a_time):
            rows = order[start : min(start + rows_at_a_time, last)]
            block = np.column_stack([column.take(rows, axis=0) for column in columns])
            block -= centre
            out[t] += block.T @ block
    return out


@dataclass(frozen=True)
class Hierarchy:
    r"""What the Gaussian part of a model needs, given its standard deviations.

    Within each type :math:`Z_t = Q_t R_t` with orthonormal Q: its columns are a constant, and x less its mean. What
    deviations of a type can explain is in :math:`Q_t' C_t`, with C = [X, y]; what they cannot is left within types.

    Attributes
    ----------
    n : int
        Number of observations.
    within : array of shape (p + 1, p + 1)
        :math:`\sum_t C_t' (I - Q_t Q_t') C_t`.
    between : array of shape (J, 2, p + 1)
        :math:`Q_t' C_t`.
    count, mean_x, spread_x : array of shape (J,)
        Observations of each type, mean of x, and sum of squares around it: R.
    mean, precision : array of shape (p,)
        Prior of each coefficient: m and the diagonal of :math:`\Lambda`, 0 where flat.
    """

    n: int
    within: FloatArray
    between: FloatArray
    count: FloatArray
    mean_x: FloatArray
    spread_x: FloatArray
    mean: FloatArray
    precision: FloatArray

    @staticmethod
    def of(products: FloatArray, chosen: FloatArray, mean: FloatArray, precision: FloatArray) -> Hierarchy:
        """The hierarchy of a model from the cross-products of its data.

        Parameters
        ----------
        products : array of shape (J, m, m)
            From `cross_products`, of the columns 1, x, further predictors and y.
        chosen : array of shape (J, m, p + 1)
            For each type, the matrix that turns these columns into [X, y].
        mean, precision : array of shape (p,)
            Prior of the coefficients.

        Returns
        -------
        Hierarchy
        """
        count = products[:, 0, 0]
        mean_x = products[:, 0, 1] / count
        spread_x = products[:, 1, 1] - count * mean_x**2
        # Where x is the same in all of a type, rounding must not make a spread of it.
        spread_x = np.where(spread_x > 1e-12 * products[:, 1, 1], spread_x, 0.0)
        first = products[:, 0, :] / np.sqrt(count)[:, None]
        second = products[:, 1, :] - mean_x[:, None] * products[:, 0, :]
        second = (
            second
            * np.where(spread_x > 0, 1.0 / np.sqrt(np.where(spread_x > 0, spread_x, 1.0)), 0.0)[:, None]
        )
        basis = np.stack([first, second], axis=1)
        left = products - np.einsum("jqm,jqn->jmn", basis, basis)
        left[:, :2, :] = left[:, :, :2] = 0.0
        within = np.einsum("jma,jmn,jnb->ab", chosen, left, chosen, optimize=True)
        return Hierarchy(
            int(count.sum()), within, basis @ chosen, count, mean_x, spread_x, mean, precision
        )  # fmt: skip

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
            Minus infinity where P is singular in floating point, as with a sigma next to 0.
        """
        factor, solved, remainder, log_det_v = self._factor(sigma, spread)
        proper = self.precision > 0
        log_prior = np.log(self.precision[proper]).sum() + (~proper).sum() * _LOG_2_PI
        log_det_p = 2.0 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        square = remainder - (solved**2).sum(axis=1)
        value = -0.5 * (self.n * _LOG_2_PI + log_det_v - log_prior + log_det_p + square)
        return np.where(np.isnan(value), -np.inf, value)

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
        explained = _multiply(beta, self.between[:, :, :-1].reshape(-1, beta.shape[1]).T).reshape(
            len(sigma), -1, 2
        )
        left = self.between[:, :, -1] - explained
        root_n, root_x = np.sqrt(self.count), np.sqrt(self.spread_x)
        a, b = (spread[:, [k]] / sigma[:, None] for k in (0, 1))
        ra = a * root_n * left[..., 0]
        rb = b * (root_n * self.mean_x * left[..., 0] + root_x * left[..., 1])
        aa, ab = a**2 * self.count, a * b * self.count * self.mean_x
        bb = b**2 * (self.spread_x + self.count * self.mean_x**2)
        det = 1.0 + aa + bb + a**2 * b**2 * self.count * self.spread_x
        # K is two by two: its mean and Cholesky factor written out.
        za, zb = rng.standard_normal((2, *ra.shape))
        scale = sigma[:, None]
        ua = ((1.0 + bb) * ra - ab * rb) / (det * scale) + np.sqrt((1.0 + bb) / det) * za
        ub = ((1.0 + aa) * rb - ab * ra) / (det * scale) - ab / np.sqrt((1.0 + bb) * det) * za
        ub += zb / np.sqrt(1.0 + bb)
        return beta, spread[:, None, :] * np.stack([ua, ub], axis=2)

    @cached_property
    def _products(self) -> FloatArray:
        """What the elements 11, 12 and 22 of each type's H multiply, shape (3, J, p + 1, p + 1)."""
        first, second = self.between[:, 0, :], self.between[:, 1, :]
        mixed = first[:, :, None] * second[:, None, :]
        own = [side[:, :, None] * side[:, None, :] for side in (first, second)]
        return np.stack([own[0], mixed + mixed.transpose(0, 2, 1), own[1]])

    def _factor(
        self, sigma: FloatArray, spread: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        r"""Cholesky factor L of P, :math:`L^{-1} b`, :math:`y'V^{-1}y + m' \Lambda m` and :math:`\log|V|`.

        .. math:: C'V^{-1}C = \sigma^{-2} \left[ \sum_t C_t' (I - Q_t Q_t') C_t + \sum_t C_t' Q_t H_t Q_t' C_t \right],
                  \qquad H_t = (I + R_t T R_t' / \sigma^2)^{-1}

        It is linear in the three elements of each H, and a sum without cancellation.
        """
        a2, b2 = ((spread[:, [k]] / sigma[:, None]) ** 2 for k in (0, 1))
        m11 = self.count * (a2 + b2 * self.mean_x**2)
        m12 = b2 * np.sqrt(self.count * self.spread_x) * self.mean_x
        m22 = b2 * self.spread_x
        det = 1.0 + m11 + m22 + a2 * b2 * self.count * self.spread_x
        h = np.stack([(1.0 + m22) / det, -m12 / det, (1.0 + m11) / det], axis=1)
        size = len(self.within)
        cross = _multiply(h.reshape(len(sigma), -1), self._products.reshape(-1, size * size))
        cross = cross.reshape(-1, size, size)
        cross += self.within
        cross /= sigma[:, None, None] ** 2
        cross[:, -1, :-1] += self.precision * self.mean
        cross += np.diag(np.append(self.precision, self.precision @ self.mean**2))
        remainder = cross[:, -1, -1].copy()
        # The last row of the factor is L^-1 b whatever stands in the last corner, if it is large enough.
        cross[:, -1, -1] = 2.0 * remainder + 1.0
        factor = _cholesky(cross)
        log_det_v = 2.0 * self.n * np.log(sigma) + np.log(det).sum(axis=1)
        return factor[:, :-1, :-1], factor[:, -1, :-1], remainder, log_det_v


def _multiply(left: FloatArray, right: FloatArray) -> FloatArray:
    """Matrix product, some rows at a time."""
    inner, width = right.shape
    rows = max(_PRODUCT // right.size, 1)
    whole = len(left) // rows
    stacked = left[: whole * rows].reshape(whole, rows, inner) @ right
    return np.concatenate([stacked.reshape(whole * rows, width), left[whole * rows :] @ right])


def _cholesky(stack: FloatArray) -> FloatArray:
    """Cholesky factor of each matrix of a stack; NaN for one that is not positive definite."""
    try:
        return np.asarray(np.linalg.cholesky(stack))
    except np.linalg.LinAlgError:
        if len(stack) == 1:
            return np.full_like(stack, np.nan)
        half = len(stack) // 2
        return np.concatenate([_cholesky(stack[:half]), _cholesky(stack[half:])])


def _back_substitute(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Solve L' v = right for each matrix of a stack."""
    out = np.empty_like(right)
    for k in reversed(range(right.shape[1])):
        known = np.einsum("sk,sk->s", factor[:, k + 1 :, k], out[:, k + 1 :])
        out[:, k] = (right[:, k] - known) / factor[:, k, k]
    return out
