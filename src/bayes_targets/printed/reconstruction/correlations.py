"""Correlations that are not printed: drawn from an LKJ prior, weighted by what the printed errors say of them.

The variance inflation of term k shows through its printed standard error,
``se_k^2 = sigma^2 VIF_k / ((n - 1) sd_k^2)``, since N and the standard deviations are printed too. That is exact for
classical errors and roughly so for robust ones, so it weighs draws rather than deciding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import FloatArray
from .publication import Publication, Regression

# Robust and classical errors of one term may differ by a sixth or so: a third in the logarithm of the variance.
_SLACK = 0.35
_CANDIDATES = 5000


@dataclass(frozen=True, eq=False)
class Correlations:
    """A drawn correlation matrix, as its lower Cholesky factor, and the residual s.d. that goes with it.

    Parameters
    ----------
    factor : array of shape (variables, variables)
        Controls and type dummies first.
    residual : dict of int to float
        By model, in % of the baseline score; empty where nothing was weighed.
    effective : float
        Effective number of the candidates that were weighed.
    """

    factor: FloatArray
    residual: dict[int, float]
    effective: float


def lkj_factors(
    rng: np.random.Generator, fixed: FloatArray, size: int, concentration: float, count: int
) -> FloatArray:
    """Cholesky factors of correlation matrices from an LKJ distribution, given their first block.

    Parameters
    ----------
    rng : numpy.random.Generator
    fixed : array of shape (k, k)
        Correlations of the first k variables.
    size : int
        Number of variables.
    concentration : float
        Density proportional to ``det(R)^(concentration - 1)``; 1 is uniform.
    count : int
        Number of matrices.

    Returns
    -------
    array of shape (count, size, size)

    Notes
    -----
    Row by row ("onion"; Lewandowski, Kurowicka & Joe, 2009): row j points in a uniform direction, and the share of
    its variance that the j variables before it explain is Beta(j / 2, concentration + (size - 1 - j) / 2).

    Examples
    --------
    >>> factors = lkj_factors(np.random.default_rng(1), np.eye(2), 4, 2.0, 3)
    >>> np.allclose((factors @ factors.transpose(0, 2, 1))[:, range(4), range(4)], 1)
    True
    """
    k = len(fixed)
    factors = np.zeros((count, size, size))
    factors[:, :k, :k] = np.linalg.cholesky(fixed)
    for j in range(k, size):
        share = rng.beta(j / 2, concentration + (size - 1 - j) / 2, size=count) if j else np.zeros(count)
        direction = rng.normal(size=(count, j))
        length = np.linalg.norm(direction, axis=1, keepdims=True) if j else np.ones((count, 1))
        factors[:, j, :j] = np.sqrt(share)[:, None] * direction / length
        factors[:, j, j] = np.sqrt(1 - share)
    return factors


def draw_correlations(
    rng: np.random.Generator,
    publication: Publication,
    terms: list[str],
    sds: FloatArray,
    *,
    fixed: FloatArray,
    size: int,
    concentration: float,
    weigh: bool,
) -> Correlations:
    """Draw correlations from the LKJ prior, given those that are known and in the light of the printed errors.

    Parameters
    ----------
    rng : numpy.random.Generator
    publication : Publication
    terms : list of str
        Controls and type dummies, in the order of the matrix; other variables follow them.
    sds : array of shape (terms,)
        Standard deviations on the scale of the regressions.
    fixed : array of shape (k, k)
        Correlations of the first k terms.
    size : int
        Number of variables in all.
    concentration : float
    weigh : bool
        Whether to use the printed errors and the R² of the regression without an effect.

    Returns
    -------
    Correlations
    """
    count = _CANDIDATES if weigh else 1
    factors = lkj_factors(rng, fixed, size, concentration, count)
    if not weigh:
        return Correlations(factors[0], {}, 1.0)
    k = len(terms)
    block = factors[:, :k, :k]
    inflation = (np.linalg.inv(block) ** 2).sum(axis=1)
    log_weight = np.zeros(count)
    residual = {}
    for regression in publication.regressions:
        errors = np.array([regression.errors[term].value for term in terms])
        gap = np.log(inflation) - np.log(errors**2 * sds**2 * (regression.n - 1))
        level = gap.mean(axis=1)
        residual[regression.model] = np.exp(-level / 2)
        log_weight -= (
            0.5 * ((gap - level[:, None]) ** 2).sum(axis=1) / _SLACK**2 / len(publication.regressions)
        )
    plain = publication.regression(None)
    if plain is not None:
        log_weight -= 0.5 * (_explained_gap(plain, terms, sds, block, residual[plain.model]) / _SLACK) ** 2
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    chosen = int(rng.choice(count, p=weight))
    return Correlations(
        factors[chosen],
        {model: float(values[chosen]) for model, values in residual.items()},
        float(1 / np.sum(weight**2)),
    )


def _explained_gap(
    regression: Regression, terms: list[str], sds: FloatArray, block: FloatArray, residual: FloatArray
) -> FloatArray:
    """Log ratio of the variance that the slopes explain under each candidate to the one that R² asks for."""
    slopes = np.array([regression.estimates[term].value for term in terms]) * sds
    explained = (np.einsum("kij,i->kj", block, slopes) ** 2).sum(axis=1)
    r2 = min(max(regression.r2.value, 0.005), 0.995)
    return np.asarray(np.log(explained) - np.log(residual**2 * r2 / (1 - r2)))
