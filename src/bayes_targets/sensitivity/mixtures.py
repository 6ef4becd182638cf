"""Priors of one effect as mixtures of normals, under which everything stays in closed form.

A Student-t is a normal whose precision is a Gamma variable, so that a quadrature over that precision makes a mixture of it; a
spike at zero is a normal with no spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..priors import Normal, Prior, StudentT
from .inputs import require_number

FloatArray = NDArray[np.float64]
_NODES = 48
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class Mixture:
    """A prior that is normal with probability ``weights[k]``, mean ``means[k]`` and s.d. ``sds[k]`` (0: a spike).

    Attributes
    ----------
    weights, means, sds : tuple of float
        Of the same length; the weights add up to 1.
    """

    weights: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]


def as_mixture(prior: Prior, *, prob_zero: float = 0.0) -> Mixture:
    """A normal or Student-t prior as a mixture of normals, perhaps with a spike at zero.

    Parameters
    ----------
    prior : Normal or StudentT
        What is believed if there is an effect.
    prob_zero : float
        Prior probability that the effect is exactly 0.

    Returns
    -------
    Mixture

    Raises
    ------
    DataError
        If the prior is of another family, or `prob_zero` is not from 0 to below 1.

    Examples
    --------
    >>> as_mixture(Normal(0, 5), prob_zero=0.5)
    Mixture(weights=(0.5, 0.5), means=(0.0, 0.0), sds=(0.0, 5.0))
    """
    require_number("prob_zero", prob_zero, above=-1e-300, below=1.0, expected="a probability below 1")
    if isinstance(prior, Normal):
        weights, sds = np.ones(1), np.array([prior.sigma], dtype=float)
    elif isinstance(prior, StudentT):
        weights, sds = _student_t(prior.nu, prior.sigma)
    else:
        raise DataError(f"prior is {prior}, expected Normal or StudentT")
    weights = (1 - prob_zero) * weights
    means = np.full(weights.size, float(prior.mu))
    if prob_zero:
        weights, means, sds = np.append(prob_zero, weights), np.append(0.0, means), np.append(0.0, sds)
    return Mixture(tuple(weights.tolist()), tuple(means.tolist()), tuple(sds.tolist()))


@dataclass(frozen=True)
class NormalPosterior:
    """The posterior of an effect with a normal likelihood under a mixture of normals, in closed form.

    Attributes
    ----------
    weights, means, sds : array of shape (K,)
        Posterior probability of each component, and its normal; s.d. 0 is a spike.
    log_evidence : float
        Log density of the estimate.
    """

    weights: FloatArray
    means: FloatArray
    sds: FloatArray
    log_evidence: float

    def mean(self) -> float:
        """Posterior mean."""
        return float(self.weights @ self.means)

    def prob_zero(self) -> float:
        """Posterior probability of an effect of exactly 0."""
        return float(self.weights[self.sds == 0].sum())

    def prob_above(self, x: float) -> float:
        """Posterior probability of an effect above `x`; a spike at `x` is not above it."""
        from scipy import stats

        wide = self.sds > 0
        above = np.where(self.means > x, 1.0, 0.0)
        above[wide] = stats.norm.sf(x, self.means[wide], self.sds[wide])
        return float(self.weights @ above)

    def quantile(self, q: float) -> float:
        """The smallest effect with at least probability `q` at or below it."""
        from scipy import stats

        ends = stats.norm.ppf([min(q, 1e-6), max(q, 1 - 1e-6)])
        low = float((self.means + ends[0] * self.sds).min()) - 1e-9
        high = float((self.means + ends[1] * self.sds).max()) + 1e-9
        # Bisection, because a spike makes the distribution jump.
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if 1 - self.prob_above(middle) < q else (low, middle)
        spike = self.means[self.sds == 0]
        at = spike[(low - 1e-9 <= spike) & (spike <= high + 1e-9)]
        return float(at[0]) if at.size else 0.5 * (low + high)


def normal_posterior(estimate: float, se: float, prior: Mixture) -> NormalPosterior:
    """The posterior of an effect from its estimate and standard error.

    Parameters
    ----------
    estimate, se : float
        The estimate is taken as normal around the effect.
    prior : Mixture
        Of the effect.

    Returns
    -------
    NormalPosterior

    Examples
    --------
    >>> found = normal_posterior(0.952, 0.659, as_mixture(Normal(0, 5), prob_zero=0.5))
    >>> round(found.prob_zero(), 2), round(found.prob_above(0), 2)
    (0.73, 0.25)
    """
    weights, means, sds = (np.array(part) for part in (prior.weights, prior.means, prior.sds))
    variance = sds**2 + se**2
    log_density = -0.5 * (np.log(2 * math.pi * variance) + (estimate - means) ** 2 / variance)
    with np.errstate(divide="ignore"):
        log_joint = np.log(weights) + log_density
    log_evidence = float(np.logaddexp.reduce(log_joint))
    share = sds**2 / variance
    return NormalPosterior(
        np.exp(log_joint - log_evidence),
        means + share * (estimate - means),
        se * np.sqrt(share),
        log_evidence,
    )


def _student_t(nu: float, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Gauss quadrature over the Gamma precision."""
    from scipy import special

    nodes, weights = special.roots_genlaguerre(_NODES, nu / 2 - 1)
    weights = weights / weights.sum()
    kept = weights > _NEGLIGIBLE
    return weights[kept] / weights[kept].sum(), sigma / np.sqrt(2 * nodes[kept] / nu)
