"""Linear regression with normal noise whose intercepts and slopes vary between types.

Notation and derivation: docs/quadrature.md, "Normal hierarchies". All that the data say is in the cross-products of each type, so that the
cost does not depend on their number. Of the two blocks of unknowns, coefficients and deviations of the types, the larger one has a
precision that is inverted in closed form (`Coefficients`, `Deviations`); what is left for the smaller one is a Schur complement, and
its Cholesky factor is all the linear algebra that an evaluation or a draw needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model import NotExactError
from .stratified import stratified_normal

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
    """The Gaussian part of a model, given its standard deviations."""

    n: int  # observations
    mean: FloatArray  # m, the prior mean of each coefficient
    precision: FloatArray  # the diagonal of Lambda, 0 where a prior is flat
    first: Coefficients | Deviations  # the block that is integrated out in closed form

    @staticmethod
    def of(
        products: FloatArray,
        chosen: FloatArray,
        mean: FloatArray,
        precision: FloatArray,
        varies: tuple[int, ...] = (0, 1),
    ) -> Hierarchy:
        """The hierarchy of a model from the cross-products of its data, whose first two columns are a constant and x.

        `chosen` turns the columns of each type into X and y; `varies` are those, of constant and x, that vary between types.
        """
        # With X m taken off y, the coefficients' mean is 0.
        chosen = np.concatenate(
            [chosen[..., :-1], chosen[..., -1:] - chosen[..., :-1] @ mean[:, None]], axis=-1
        )
        n = int(products[:, 0, 0].sum())
        block = Coefficients if len(varies) * len(products) <= mean.size else Deviations
        return Hierarchy(n, mean, precision, block.of(products, chosen, precision, varies))

    def log_likelihood(self, sigma: FloatArray, spread: FloatArray) -> FloatArray:
        """Log of the marginal likelihood, coefficients and deviations integrated out, for sigma (S,) and tau (S, q).

        Where the precision is singular in floating point, as with a sigma next to 0, minus infinity.
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
        """One draw for each set of standard deviations: coefficients, shape (S, p), and deviations u, shape (S, J, q)."""
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


@dataclass(frozen=True, eq=False)
class Coefficients:
    r"""Coefficients out first, where deviations :math:`v = T^{-1/2} u` are fewer.

    With C = [Z, y], :math:`g = B' X' C` and d the diagonal precision that B leaves,
    :math:`C' V^{-1} C = C'C / \sigma^2 - \sum_k g_k g_k' / (\sigma^4 d_k)`: with :math:`T^{1/2}` on both sides and I, the precision of v.
    """

    unit: float  # s squared
    basis: FloatArray  # B, shape (p, p)
    share: FloatArray  # f, shape (p,)
    cross: FloatArray  # g, divided by s squared, shape (p, q J + 1)
    parts: FloatArray  # C'C, divided likewise, and minus each g g', shape ((q J + 1)^2, p + 1)
    log_det: float  # of what B makes I

    @staticmethod
    def of(
        products: FloatArray, chosen: FloatArray, precision: FloatArray, varies: tuple[int, ...]
    ) -> Coefficients:
        """From the arguments of `Hierarchy.of`, X m already taken off y."""
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
        return Coefficients(
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
        return multiply(
            self.basis, (ratio * right + stratified_normal(rng, d.shape[::-1]).T * np.sqrt(d)) / d
        ), u

    def _scales(self, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
        ratio = self.unit / sigma**2
        return ratio, np.outer(1.0 - self.share, ratio) + self.share[:, None]


@dataclass(frozen=True, eq=False)
class Deviations:
    """Deviations out first, where coefficients are fewer: a sum without cancellation, linear in the elements of each H."""

    count: FloatArray  # observations of each type, shape (J,)
    mean_x: FloatArray  # mean of x, and
    spread_x: FloatArray  # sum of squares around it: R
    between: FloatArray  # Q' C of each type, shape (J, 2, p + 1)
    parts: FloatArray  # what is left of C'C, and what elements 11, 12 and 22 of each H multiply, shape ((p + 1)^2, 1 + 3 J)
    precision: FloatArray  # the diagonal of Lambda, shape (p,)
    varies: tuple[int, ...]

    @staticmethod
    def of(
        products: FloatArray, chosen: FloatArray, precision: FloatArray, varies: tuple[int, ...]
    ) -> Deviations:
        """From the arguments of `Hierarchy.of`, X m already taken off y."""
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
        return Deviations(count, mean_x, spread_x, between, parts, precision, varies)

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
        za, zb = (stratified_normal(rng, ra.shape[::-1]).T for _ in range(2))
        ua = ((1.0 + bb) * ra - ab * rb) / (det * sigma) + np.sqrt((1.0 + bb) / det) * za
        ub = ((1.0 + aa) * rb - ab * ra) / (det * sigma) - ab / np.sqrt((1.0 + bb) * det) * za
        ub += zb / np.sqrt(1.0 + bb)
        return beta, np.stack([spread_a * ua, spread_b * ub])[list(self.varies)]

    def _spreads(self, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Spreads of intercept and slope, 0 where they do not vary, shape (S,) each."""
        both = np.zeros((2, spread.shape[1]))
        both[list(self.varies)] = spread
        return both[0], both[1]


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
