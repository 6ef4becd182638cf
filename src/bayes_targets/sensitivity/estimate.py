"""One printed estimate: the checks of its numbers, and its posterior under mixtures of normal priors, in closed form.

A Student-t is a normal whose precision is a Gamma variable, so that a quadrature over that precision makes a mixture of it;
a spike at zero is a normal with no spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, require_number, shown
from ..inference.distributions import gamma_nodes, t_quantile, t_upper_tail
from ..priors import Normal, Prior, StudentT

FloatArray = NDArray[np.float64]
_NORMAL_FROM = 1e6


def require_estimate(estimate: object, se: object, *, name: str = "estimate") -> tuple[float, float]:
    """An estimate and its standard error, as floats whose ratio can be squared."""
    value, error = require_number(name, estimate), require_number("se", se, above=0.0)
    if not (1e-150 < error < 1e150 and abs(value) < 1e150 and abs(value / error) < 1e100):
        raise DataError(f"{name} is {value!r} and se {error!r}, expected two numbers of a usual size")
    return value, error


def require_size(name: str, value: object) -> float:
    """A number above 0 of a size whose square a computer can hold."""
    number = require_number(name, value, above=0.0)
    return require_number(name, number, above=1e-50, below=1e50)


def require_df(df: object) -> float | None:
    """Degrees of freedom above 0; None where they are not given, or so many that the t is normal."""
    if df is None or (isinstance(df, float) and df == math.inf):
        return None
    number = require_number("df", df, above=0.0)
    return None if number > _NORMAL_FROM else number


def require_tails(tails: object) -> int:
    """1 or 2."""
    try:
        number = require_number("tails", tails)
    except DataError:
        number = math.nan
    if number not in (1.0, 2.0):
        raise DataError(f"tails is {shown(tails)}, expected 1 or 2")
    return int(number)


def require_list(name: str, values: object) -> list[object]:
    """One number, or the values of a list or an array, at least one.

    Examples
    --------
    >>> require_list("effects", 1.0), require_list("effects", (1, 2))
    ([1.0], [1, 2])
    """
    if isinstance(values, Real):
        return [values]
    if (
        isinstance(values, str | bytes | dict)
        or not isinstance(values, Iterable)
        or getattr(values, "ndim", 1) == 0
    ):
        raise DataError(f"{name} is {shown(values)}, expected a number or a list of numbers")
    listed = list(values)
    if not listed:
        raise DataError(f"{name} is empty, expected a number or a list of numbers")
    return listed


def below(x: float, df: float | None = None) -> float:
    """Probability below x of a standard normal, or of Student's t."""
    tail = float(t_upper_tail(abs(x), df))
    return tail if x < 0 else 1 - tail


def likelihood_nodes(df: float | None) -> tuple[FloatArray, FloatArray]:
    """Weights and precisions of the normal likelihoods, in standard errors, that the likelihood of an estimate is a mixture of."""
    return (np.ones(1), np.ones(1)) if df is None else gamma_nodes(df / 2)


@dataclass(frozen=True)
class Mixture:
    """A prior that is normal with probability ``weights[k]``, mean ``means[k]`` and s.d. ``sds[k]`` (0: a spike)."""

    weights: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]


def as_mixture(prior: Prior, *, prob_zero: float = 0.0) -> Mixture:
    """A normal or Student-t prior as a mixture of normals, perhaps with a spike at zero.

    Examples
    --------
    >>> as_mixture(Normal(0, 5), prob_zero=0.5)
    Mixture(weights=(0.5, 0.5), means=(0.0, 0.0), sds=(0.0, 5.0))
    """
    require_number("prob_zero", prob_zero, above=-1e-300, below=1.0, expected="a probability below 1")
    if not isinstance(prior, Normal | StudentT):
        raise DataError(f"prior is {prior}, expected Normal or StudentT")
    weights, precisions = likelihood_nodes(prior.nu if isinstance(prior, StudentT) else None)
    weights, sds = (1 - prob_zero) * weights, prior.sigma / np.sqrt(precisions)
    means = np.full(weights.size, float(prior.mu))
    if prob_zero:
        weights, means, sds = np.append(prob_zero, weights), np.append(0.0, means), np.append(0.0, sds)
    return Mixture(tuple(weights.tolist()), tuple(means.tolist()), tuple(sds.tolist()))


@dataclass(frozen=True)
class NormalPosterior:
    """The posterior of an effect under a mixture of normals, in closed form: a mixture itself; s.d. 0 is a spike."""

    weights: FloatArray  # posterior probability of each component
    means: FloatArray
    sds: FloatArray
    log_evidence: float  # log density of the estimate

    def mean(self) -> float:
        """Posterior mean."""
        return float(self.weights @ self.means)

    def prob_zero(self) -> float:
        """Posterior probability of an effect of exactly 0."""
        return float(self.weights[self.sds == 0].sum())

    def prob_above(self, x: float) -> float:
        """Posterior probability of an effect above `x`; a spike at `x` is not above it."""
        from scipy import special

        wide = self.sds > 0
        above = np.where(self.means > x, 1.0, 0.0)
        above[wide] = special.ndtr((self.means[wide] - x) / self.sds[wide])
        return float(self.weights @ above)

    def quantile(self, q: float) -> float:
        """The smallest effect with at least probability `q` at or below it."""
        low = float((self.means + t_quantile(min(q, 1e-6)) * self.sds).min()) - 1e-9
        high = float((self.means + t_quantile(max(q, 1 - 1e-6)) * self.sds).max()) + 1e-9
        # Bisection, because a spike makes the distribution jump.
        for _ in range(200):
            middle = 0.5 * (low + high)
            if middle in (low, high):
                break
            low, high = (middle, high) if 1 - self.prob_above(middle) < q else (low, middle)
        spike = self.means[self.sds == 0]
        at = spike[(low - 1e-9 <= spike) & (spike <= high + 1e-9)]
        return float(at[0]) if at.size else 0.5 * (low + high)


def normal_posterior(
    estimate: float, se: float, prior: Mixture, *, df: float | None = None
) -> NormalPosterior:
    """The posterior of an effect from its estimate and standard error.

    Examples
    --------
    >>> found = normal_posterior(0.952, 0.659, as_mixture(Normal(0, 5), prob_zero=0.5))
    >>> round(found.prob_zero(), 2), round(found.prob_above(0), 2)
    (0.73, 0.25)
    """
    likelihood, precisions = likelihood_nodes(df)
    weights, means, sds = (np.array(part) for part in (prior.weights, prior.means, prior.sds))
    weights, ses = np.outer(weights, likelihood).ravel(), np.tile(se / np.sqrt(precisions), sds.size)
    means, sds = np.repeat(means, likelihood.size), np.repeat(sds, likelihood.size)
    variance = sds**2 + ses**2
    log_density = -0.5 * (np.log(2 * math.pi * variance) + (estimate - means) ** 2 / variance)
    with np.errstate(divide="ignore"):
        log_joint = np.log(weights) + log_density
    log_evidence = float(np.logaddexp.reduce(log_joint))
    share = sds**2 / variance
    return NormalPosterior(
        np.exp(log_joint - log_evidence),
        means + share * (estimate - means),
        ses * np.sqrt(share),
        log_evidence,
    )
