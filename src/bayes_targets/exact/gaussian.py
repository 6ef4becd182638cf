r"""Linear regression with normal noise whose intercepts and slopes vary between types.

For observation i of type t, where :math:`z_i` holds what varies by type, of (1, x_i),

.. math:: y_i = x_i' \beta + z_i' u_t + e_i, \quad \beta \sim N(m, \Lambda^{-1}), \quad
          u_t \sim N(0, T), \; T = \mathrm{diag}(\tau^2), \quad e_i \sim N(0, \sigma)

A precision of 0 in :math:`\Lambda` is a flat prior. All that the data say is in the cross-products of each type, so once
these are known the cost does not depend on their number. Of the two blocks of unknowns, coefficients and deviations, the larger
one has a precision that is inverted in closed form (`_Coefficients`, `_Deviations`); what is left for the smaller one is a
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

from ..model import NotExactError

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# Numbers at a time: few enough for the processor's cache.
_CHUNK = 2**16
# Multiplications at a time. Larger products are shared out among threads, which for sizes like ours costs more than it
# saves, up to a hundred times where another process uses the cores, and lets the last digit depend on their number.
_PRODUCT = 2**17


def cross_products(
    columns: Sequence[FloatArray], kind: NDArray[Any], types: int, centre: FloatArray
) -> FloatArray:
    """Cross-products within each type, shape (J, m, m), in one pass over the data.

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


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The Gaussian part of a model, given its standard deviations.

    Attributes
    ----------
    n : int
        Number of observations.
    mean, precision : array of shape (p,)
        Prior of each coefficient: m and the diagonal of Lambda, 0 where flat.
    first : _Coefficients or _Deviations
        The block that is integrated out in closed form.
    """

    n: int
    mean: FloatArray
    precision: FloatArray
    first: _Coefficients | _Deviations

    @staticmethod
    def of(
        products: FloatArray,
        chosen: FloatArray,
        mean: FloatArray,
        precision: FloatArray,
        varies: tuple[int, ...] = (0, 1),
    ) -> Hierarchy:
        """The hierarchy of a model from the cross-products of its data.

        Parameters
        ----------
        products : array of shape (J, m, m)
            From `cross_products`, of the columns 1, x, further predictors and y.
        chosen : array of shape (J, m, p + 1)
            For each type, the matrix that turns these columns into [X, y].
        mean, precision : array of shape (p,)
            Prior of the coefficients.
        varies : tuple of int
            What varies by type: 0 the intercept, 1 the slope of x.
        """
        # With X m taken off y, the coefficients' mean is 0.
        chosen = np.concatenate(
            [chosen[..., :-1], chosen[..., -1:] - chosen[..., :-1] @ mean[:, None]], axis=-1
        )
        n = int(products[:, 0, 0].sum())
        block = _Coefficients if len(varies) * len(products) <= mean.size else _Deviations
        return Hierarchy(n, mean, precision, block.of(products, chosen, precision, varies))

    def log_likelihood(self, sigma: FloatArray, spread: FloatArray) -> FloatArray:
        r"""Log of the marginal likelihood, coefficients and deviations integrated out, shape (S,).

        With P the precision of all unknowns given the data and b the vector of :math:`(X, Z)' (y - X m) / \sigma^2`,

        .. math:: \log p(y) = -\tfrac12 \left[ N \log 2\pi\sigma^2 + \log|P| - \log|\Lambda| - J \log |T^{-1}|
                  + |y - X m|^2 / \sigma^2 - b' P^{-1} b \right]

        A coefficient with a flat prior has a density of 1 and no factor in :math:`|\Lambda|`. Where P is singular in
        floating point, as with a sigma next to 0, minus infinity.

        Parameters
        ----------
        sigma : array of shape (S,)
            Standard deviation of the noise.
        spread : array of shape (S, q)
            Standard deviation of each thing that varies.
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
            drawn = _back_substitute(factor, solved + rng.standard_normal(solved.shape))
            own = self.first.complete(drawn, sigma[some], spread[some].T, rng)
            beta.append(own[0])
            u.append(own[1])
        return np.concatenate(beta, axis=1).T + self.mean, np.concatenate(u, axis=2).T

    def _pieces(self, size: int) -> list[slice]:
        rows = max(_CHUNK // len(self.first.parts), 1)
        return [slice(start, start + rows) for start in range(0, size, rows)]


@dataclass(frozen=True, eq=False)
class _Coefficients:
    r"""Coefficients out first, where deviations :math:`v = T^{-1/2} u` are fewer.

    One basis makes both parts of their precision diagonal at any sigma: with :math:`B' (X'X / s^2 + \Lambda) B = I` and
    :math:`B' \Lambda B = \mathrm{diag}(f)`, it is :math:`d = (1 - f) s^2 / \sigma^2 + f`. For C = [Z, y],

    .. math:: C' V^{-1} C = \frac{C'C}{\sigma^2} - \sum_k \frac{g_k g_k'}{\sigma^4 d_k}, \qquad g = B' X' C

    which :math:`T^{1/2}` on both sides and I turn into the precision of v.

    Attributes
    ----------
    unit : float
        s squared.
    basis : array of shape (p, p)
        B.
    share : array of shape (p,)
        f.
    cross : array of shape (p, q J + 1)
        g, divided by s squared.
    parts : array of shape ((q J + 1)^2, p + 1)
        C'C, divided likewise, and minus each g g'.
    log_det : float
        Log of the determinant of what B makes I.
    """

    unit: float
    basis: FloatArray
    share: FloatArray
    cross: FloatArray
    parts: FloatArray
    log_det: float

    @staticmethod
    def of(
        products: FloatArray, chosen: FloatArray, precision: FloatArray, varies: tuple[int, ...]
    ) -> _Coefficients:
        gram = np.einsum("jma,jmn,jnb->ab", chosen, products, chosen, optimize=True)
        # Columns of Z: the first thing that varies, a column a type, then the second.
        own = (products[:, varies, :] @ chosen).swapaxes(0, 1)
        p, size = precision.size, own.shape[0] * own.shape[1]
        unit = max(float(gram[-1, -1] / products[:, 0, 0].sum()), 1e-300)
        square = np.zeros((size + 1, size + 1))
        types = np.arange(len(products))
        for a, b in np.ndindex(len(varies), len(varies)):
            square[a * len(types) + types, b * len(types) + types] = products[:, varies[a], varies[b]]
        own = own.reshape(size, p + 1)
        square[-1, :-1] = square[:-1, -1] = own[:, -1]
        square[-1, -1] = gram[-1, -1]
        try:
            lower = np.linalg.cholesky(gram[:-1, :-1] / unit + np.diag(precision))
        except np.linalg.LinAlgError:
            raise NotExactError("terms are collinear under flat priors; engine 'nuts' may serve") from None
        back = np.linalg.inv(lower)
        share, turn = np.linalg.eigh((back * precision) @ back.T)
        basis = back.T @ turn
        cross = basis.T @ np.column_stack([own[:, :-1].T, gram[:-1, -1]]) / unit
        parts = np.concatenate([square[None] / unit, -cross[:, :, None] * cross[:, None, :]])
        log_det = 2.0 * float(np.log(np.diag(lower)).sum())
        return _Coefficients(
            unit, basis, np.clip(share, 0.0, 1.0), cross, parts.reshape(p + 1, -1).T.copy(), log_det
        )  # fmt: skip

    def schur(self, sigma: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Precision of v, bordered by its right-hand side and what y has by itself; log determinant of the rest."""
        ratio, d = self._scales(sigma)
        size = self.cross.shape[1]
        out = multiply(self.parts, np.concatenate([ratio[None], ratio**2 / d])).reshape(size, size, -1)
        root = np.repeat(spread, (size - 1) // max(len(spread), 1), axis=0)
        out[:-1] *= root[:, None]
        out[:, :-1] *= root
        np.einsum("iis->is", out)[:-1] += 1.0
        return out, self.log_det + np.log(d).sum(axis=0)

    def complete(
        self, v: FloatArray, sigma: FloatArray, spread: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Coefficients, less their prior mean, and deviations, shape (q, J, S), given v."""
        ratio, d = self._scales(sigma)
        u = v.reshape(len(spread), -1 if len(spread) else 0, sigma.size) * spread[:, None]
        right = self.cross[:, -1:] - multiply(self.cross[:, :-1], u.reshape(v.shape))
        return multiply(self.basis, (ratio * right + rng.standard_normal(d.shape) * np.sqrt(d)) / d), u

    def _scales(self, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
        ratio = self.unit / sigma**2
        return ratio, np.outer(1.0 - self.share, ratio) + self.share[:, None]


@dataclass(frozen=True, eq=False)
class _Deviations:
    r"""Deviations out first, where coefficients are fewer.

    Within each type :math:`Z_t = Q_t R_t` with orthonormal Q: its columns are a constant, and x less its mean. With
    C = [X, y] and :math:`H_t = (I + R_t T R_t' / \sigma^2)^{-1}`,

    .. math:: C'V^{-1}C = \sigma^{-2} \Big[ \sum_t C_t' (I - Q_t Q_t') C_t + \sum_t C_t' Q_t H_t Q_t' C_t \Big]

    is linear in the three elements of each H, and a sum without cancellation.

    Attributes
    ----------
    count, mean_x, spread_x : array of shape (J,)
        Observations of each type, mean of x, and sum of squares around it: R.
    between : array of shape (J, 2, p + 1)
        :math:`Q_t' C_t`.
    parts : array of shape ((p + 1)^2, 1 + 3 J)
        The first sum, and what the elements 11, 12 and 22 of each H multiply.
    precision : array of shape (p,)
        Diagonal of Lambda.
    varies : tuple of int
        As in `Hierarchy.of`.
    """

    count: FloatArray
    mean_x: FloatArray
    spread_x: FloatArray
    between: FloatArray
    parts: FloatArray
    precision: FloatArray
    varies: tuple[int, ...]

    @staticmethod
    def of(
        products: FloatArray, chosen: FloatArray, precision: FloatArray, varies: tuple[int, ...]
    ) -> _Deviations:
        count = products[:, 0, 0]
        mean_x = products[:, 0, 1] / count
        spread_x = products[:, 1, 1] - count * mean_x**2
        # Where x is the same in all of a type, rounding must not make a spread of it.
        spread_x = np.where(spread_x > 1e-12 * products[:, 1, 1], spread_x, 0.0)
        root = np.sqrt(np.where(spread_x > 0, spread_x, np.inf))
        first = products[:, 0, :] / np.sqrt(count)[:, None]
        second = (products[:, 1, :] - mean_x[:, None] * products[:, 0, :]) / root[:, None]
        basis = np.stack([first, second], axis=1)
        left = products - np.einsum("jqm,jqn->jmn", basis, basis)
        left[:, :2, :] = left[:, :, :2] = 0.0
        within = np.einsum("jma,jmn,jnb->ab", chosen, left, chosen, optimize=True)
        between = basis @ chosen
        one, two = between[:, 0, :], between[:, 1, :]
        mixed = one[:, :, None] * two[:, None, :]
        own = [side[:, :, None] * side[:, None, :] for side in (one, two)]
        parts = np.concatenate([within[None], own[0], mixed + mixed.swapaxes(1, 2), own[1]])
        parts = parts.reshape(len(parts), -1).T.copy()
        return _Deviations(count, mean_x, spread_x, between, parts, precision, varies)

    def schur(self, sigma: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Precision of beta, bordered by its right-hand side and what y has by itself; log determinant of the rest."""
        a2, b2 = ((part / sigma) ** 2 for part in self._spreads(spread))
        count, mean_x, spread_x = (part[:, None] for part in (self.count, self.mean_x, self.spread_x))
        m11 = count * (a2 + b2 * mean_x**2)
        m12 = np.sqrt(count * spread_x) * mean_x * b2
        m22 = spread_x * b2
        det = 1.0 + m11 + m22 + count * spread_x * (a2 * b2)
        h = np.concatenate([np.ones_like(sigma)[None], (1.0 + m22) / det, -m12 / det, (1.0 + m11) / det])
        size = self.precision.size + 1
        out = multiply(self.parts, h / sigma**2).reshape(size, size, -1)
        np.einsum("iis->is", out)[:-1] += self.precision[:, None]
        return out, np.log(det).sum(axis=0)

    def complete(
        self, beta: FloatArray, sigma: FloatArray, spread: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        r"""Coefficients, and deviations :math:`u_t \sim N(T^{1/2} K_t r_t, \; T^{1/2} K_t T^{1/2})` given them.

        :math:`K_t = (I + T^{1/2} Z_t' Z_t T^{1/2} / \sigma^2)^{-1}` and :math:`r_t = T^{1/2} Z_t' (y_t - X_t \beta) / \sigma^2`;
        K is two by two: its mean and Cholesky factor are written out.
        """
        count, mean_x, spread_x = (part[:, None] for part in (self.count, self.mean_x, self.spread_x))
        left_n, left_x = (
            side[:, -1:] - multiply(side[:, :-1], beta) for side in self.between.swapaxes(0, 1)
        )  # fmt: skip
        spread_a, spread_b = self._spreads(spread)
        a, b = spread_a / sigma, spread_b / sigma
        ra = a * np.sqrt(count) * left_n
        rb = b * (np.sqrt(count) * mean_x * left_n + np.sqrt(spread_x) * left_x)
        aa, ab = a**2 * count, a * b * count * mean_x
        bb = b**2 * (spread_x + count * mean_x**2)
        det = 1.0 + aa + bb + a**2 * b**2 * count * spread_x
        za, zb = rng.standard_normal((2, *ra.shape))
        ua = ((1.0 + bb) * ra - ab * rb) / (det * sigma) + np.sqrt((1.0 + bb) / det) * za
        ub = ((1.0 + aa) * rb - ab * ra) / (det * sigma) - ab / np.sqrt((1.0 + bb) * det) * za
        ub += zb / np.sqrt(1.0 + bb)
        return beta, np.stack([spread_a * ua, spread_b * ub])[list(self.varies)]

    def _spreads(self, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Spreads of intercept and slope, 0 where they do not vary, shape (S,) each."""
        both = np.zeros((2, spread.shape[1]))
        both[list(self.varies)] = spread
        return both[0], both[1]


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


def multiply(left: FloatArray, right: FloatArray) -> FloatArray:
    """Matrix product of two matrices, one of them small, some of the other's rows or columns at a time."""
    if len(left) > right.shape[1]:
        return multiply(right.T, left.T).T
    out = np.empty((len(left), right.shape[1]))
    columns = max(_PRODUCT // max(left.size, 1), 1)
    for start in range(0, right.shape[1], columns):
        some = slice(start, start + columns)
        np.matmul(left, right[:, some], out=out[:, some])
    return out
