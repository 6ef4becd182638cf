r"""Linear regression with normal noise whose intercepts and slopes vary between types.

For observation i of type t, where :math:`z_i` holds what varies by type, of (1, x_i),

.. math:: y_i = x_i' \beta + z_i' u_t + e_i, \quad \beta \sim N(m, \Lambda^{-1}), \quad
          u_t \sim N(0, T), \; T = \mathrm{diag}(\tau^2), \quad e_i \sim N(0, \sigma)

A precision of 0 in :math:`\Lambda` is a flat prior. All that the data say is in the cross-products of each type, so once
these are known the cost does not depend on their number. Of the two blocks of unknowns, coefficients and deviations, the larger
one has a precision that is inverted in closed form (`Coefficients`, `Deviations`); what is left for the smaller one is a
Schur complement, and its Cholesky factor is all the linear algebra that an evaluation or a draw needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import PRODUCT, Coefficients, Deviations
from .stratified import stratified_normal

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# Numbers at a time: few enough for the processor's cache.
_CHUNK = 2**16


def cross_products(
    columns: Sequence[FloatArray], kind: NDArray[Any], types: int, centre: FloatArray
) -> FloatArray:
    """Cross-products within each type, shape (J, m, m), in one pass over the data.

    Examples
    --------
    >>> y = np.array([2.0, 3.0, 4.0])
    >>> cross_products([np.ones(3), y], np.array([0, 1, 1]), 2, np.array([0.0, 3.0])).tolist()
    [[[1.0, -1.0], [-1.0, 1.0]], [[2.0, 1.0], [1.0, 1.0]]]
    """
    order = np.argsort(kind.astype(np.int16 if types < 2**15 else np.int64), kind="stable")
    ends = np.searchsorted(kind, np.arange(types + 1), sorter=order)
    out = np.zeros((types, centre.size, centre.size))
    rows_at_a_time = max(PRODUCT // centre.size**2, 1)
    for t, (first, last) in enumerate(pairwise(ends)):
        for start in range(first, last, rows_at_a_time):
            rows = order[start : min(start + rows_at_a_time, last)]
            block = np.column_stack([column.take(rows, axis=0) for column in columns])
            block -= centre
            out[t] += block.T @ block
    return out


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The Gaussian part of a model, given its standard deviations.

    Attributes
    ----------
    n : int
        Number of observations.
    mean, precision : array of shape (p,)
        Prior of each coefficient: m and the diagonal of Lambda, 0 where flat.
    first : Coefficients or Deviations
        The block that is integrated out in closed form.
    """

    n: int
    mean: FloatArray
    precision: FloatArray
    first: Coefficients | Deviations

    @staticmethod
    def of(
        products: FloatArray,
        chosen: FloatArray,
        mean: FloatArray,
        precision: FloatArray,
        varies: tuple[int, ...] = (0, 1),
    ) -> Hierarchy:
        """The hierarchy of a model from the cross-products of its data."""
        # With X m taken off y, the coefficients' mean is 0.
        chosen = np.concatenate(
            [chosen[..., :-1], chosen[..., -1:] - chosen[..., :-1] @ mean[:, None]], axis=-1
        )
        n = int(products[:, 0, 0].sum())
        block = Coefficients if len(varies) * len(products) <= mean.size else Deviations
        return Hierarchy(n, mean, precision, block.of(products, chosen, precision, varies))

    def log_likelihood(self, sigma: FloatArray, spread: FloatArray) -> FloatArray:
        r"""Log of the marginal likelihood, coefficients and deviations integrated out, shape (S,).

        With P the precision of all unknowns given the data and b the vector of :math:`(X, Z)' (y - X m) / \sigma^2`,

        .. math:: \log p(y) = -\tfrac12 \left[ N \log 2\pi\sigma^2 + \log|P| - \log|\Lambda| - J \log |T^{-1}|
                  + |y - X m|^2 / \sigma^2 - b' P^{-1} b \right]

        A coefficient with a flat prior has a density of 1 and no factor in :math:`|\Lambda|`. Where P is singular in
        floating point, as with a sigma next to 0, minus infinity.
        """
        proper = self.precision > 0
        log_prior = np.log(self.precision[proper]).sum() + (~proper).sum() * _LOG_2_PI
        out = np.empty(sigma.size)
        with np.errstate(invalid="ignore"):
            for some in self._pieces(sigma.size):
                schur, log_det = self.first.schur(sigma[some], spread[some].T)
                factor, solved, left = _factor(schur)
                log_det = log_det + 2.0 * np.log(np.einsum("iis->is", factor)).sum(axis=0)
                out[some] = -0.5 * (log_det + left - (solved**2).sum(axis=0))
        out -= 0.5 * (self.n * (_LOG_2_PI + 2.0 * np.log(sigma)) - log_prior)
        return np.where(np.isnan(out), -np.inf, out)

    def draw(
        self, sigma: FloatArray, spread: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """One draw for each set of standard deviations: coefficients, shape (S, p), and deviations u, shape (S, J, q).

        The smaller block is normal with the Schur complement as its precision, and the other one given it has the
        precision that was inverted in closed form. Parameters as in `log_likelihood`, and the source of randomness.
        """
        beta, u = [], []
        for some in self._pieces(sigma.size):
            factor, solved, _ = _factor(self.first.schur(sigma[some], spread[some].T)[0])
            drawn = _back_substitute(factor, solved + stratified_normal(rng, solved.shape[::-1]).T)
            own = self.first.complete(drawn, sigma[some], spread[some].T, rng)
            beta.append(own[0])
            u.append(own[1])
        return np.concatenate(beta, axis=1).T + self.mean, np.concatenate(u, axis=2).T

    def _pieces(self, size: int) -> list[slice]:
        rows = max(_CHUNK // len(self.first.parts), 1)
        return [slice(start, start + rows) for start in range(0, size, rows)]


def _factor(schur: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cholesky factor L of a bordered precision's inside, L^-1 of its right-hand side, and the corner; in place.

    Matrices of a stack stand side by side, shape (k, k, S): each step is one operation for all of them. What is not positive
    definite becomes NaN.
    """
    for j in range(len(schur) - 1):
        column = schur[j:, j]
        column -= np.einsum("iks,ks->is", schur[j:, :j], schur[j, :j])
        column /= np.sqrt(column[0])
    return schur[:-1, :-1], schur[-1, :-1], schur[-1, -1]


def _back_substitute(factor: FloatArray, right: FloatArray) -> FloatArray:
    """Solve L' v = right for each matrix of a stack."""
    out = np.empty_like(right)
    for k in reversed(range(len(right))):
        out[k] = (right[k] - np.einsum("js,js->s", factor[k + 1 :, k], out[k + 1 :])) / factor[k, k]
    return out
