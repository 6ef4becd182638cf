"""Ordinary least squares and its robust standard errors: the one place where a regression is fitted.

A regression is a QR decomposition in NumPy, which the tests hold against statsmodels and published results: importing
statsmodels takes several times as long as all else that a regression beside an exact posterior needs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
CovType = Literal["nonrobust", "HC0", "HC1", "HC2", "HC3"]
COV_TYPES = ["nonrobust", "HC0", "HC1", "HC2", "HC3"]


class LeastSquares(NamedTuple):
    """A regression on a matrix X = QR of n rows and p columns; `influence` is X (X'X)^-1, of shape (n, p)."""

    q: FloatArray
    influence: FloatArray
    estimate: FloatArray
    residual: FloatArray

    @property
    def leverage(self) -> FloatArray:
        """The diagonal of the projection on X."""
        return np.asarray((self.q**2).sum(axis=1))

    def covariance(self, cov_type: CovType) -> FloatArray:
        """Covariance of the estimates: A' diag(w) A, with A the influence and w the noise of each row."""
        noise = noise_variance(self.residual, self.q.shape[1], cov_type, self.leverage)
        return np.asarray((self.influence.T * noise) @ self.influence)


def least_squares(matrix: FloatArray, y: FloatArray) -> LeastSquares:
    """Regress y on the columns of a matrix of full rank.

    Examples
    --------
    >>> fit = least_squares(np.column_stack([np.ones(4), [0.0, 1, 2, 3]]), np.array([0.0, 2, 1, 3]))
    >>> fit.estimate.round(3), np.sqrt(np.diag(fit.covariance("HC1"))).round(3)
    (array([0.3, 0.8]), array([0.609, 0.255]))
    """
    scale = np.abs(matrix).max(axis=0)
    q, r = np.linalg.qr(matrix / scale)
    influence = q @ np.linalg.inv(r).T / scale
    estimate = influence.T @ y
    return LeastSquares(q, influence, estimate, y - matrix @ estimate)


def slopes_beside(
    x: FloatArray, y: FloatArray, basis: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slope of y on x beside the columns of an orthonormal basis, its HC1 standard error, and the residuals.

    `x` and `y` hold one data set per row. Both are freed of the basis first (Frisch & Waugh), so that one regression of a
    single column is left per row.
    """
    x, y = residuals(x, basis), residuals(y, basis)
    influence = x / (x**2).sum(axis=-1, keepdims=True)
    slope = (influence * y).sum(axis=-1)
    residual = y - slope[:, None] * x
    noise = noise_variance(residual, basis.shape[1] + 1, "HC1")
    return slope, np.sqrt((influence**2 * noise).sum(axis=-1)), residual


def residuals(values: FloatArray, basis: FloatArray) -> FloatArray:
    """What an orthonormal basis leaves of each row."""
    return np.asarray(values - (values @ basis) @ basis.T)


def noise_variance(
    residual: FloatArray, terms: int, cov_type: CovType, leverage: FloatArray | float = 0.0
) -> FloatArray:
    """The variance that each residual of a regression with so many terms stands for (MacKinnon & White, 1985)."""
    squares, n = residual**2, residual.shape[-1]
    match cov_type:
        case "nonrobust":
            return np.broadcast_to(squares.sum(axis=-1, keepdims=True) / (n - terms), squares.shape)
        case "HC0":
            return squares
        case "HC1":
            return np.asarray(squares * n / (n - terms))
        case "HC2":
            return np.asarray(squares / (1.0 - leverage))
    return np.asarray(squares / (1.0 - leverage) ** 2)
