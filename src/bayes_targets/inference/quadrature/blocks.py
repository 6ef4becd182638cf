r"""The two blocks of unknowns of a `Hierarchy`, each as what is inverted in closed form before the other one.

Notation as in `gaussian`: coefficients :math:`\beta`, deviations u of the types, X and Z their columns, and y less X m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model import NotExactError
from .stratified import stratified_normal

FloatArray = NDArray[np.float64]
# Multiplications at a time. Larger products are shared out among threads, which for sizes like ours costs more than it
# saves, up to a hundred times where another process uses the cores, and lets the last digit depend on their number.
PRODUCT = 2**17


@dataclass(frozen=True, eq=False)
class Coefficients:
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
    columns = max(PRODUCT // max(left.size, 1), 1)
    for start in range(0, right.shape[1], columns):
        some = slice(start, start + columns)
        np.matmul(left, right[:, some], out=out[:, some])
    return out
