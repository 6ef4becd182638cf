"""Sequential Monte Carlo: many particles moved from an easy density to the posterior, all at once.

For posteriors whose likelihood is cheap for many parameter values at a time. PyMC has such a sampler too, but it moves
one particle after the other through a compiled graph, and compiling alone takes longer than the whole run here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
LogDensity = Callable[[FloatArray], FloatArray]

_MOST_STAGES = 200


@dataclass(frozen=True)
class Particles:
    """Where the particles ended, and how they got there."""

    values: FloatArray  # draws from the target, all of the same weight, shape (particles, parameters)
    log_evidence: float  # log of the target's integral over that of the density of the start
    exponent: float  # how far the target was reached: 1 is all the way
    stages: int  # intermediate densities
    acceptance: float  # share of proposals accepted under the target


def temper(
    start: FloatArray,
    log_start: LogDensity,
    log_target: LogDensity,
    rng: np.random.Generator,
    *,
    moves: int = 10,
    last_moves: int = 60,
) -> Particles:
    """Move particles from the density they were drawn from to a target, by way of their geometric averages.

    The steps between densities are such that the effective number of particles halves; then particles are resampled
    and moved by random-walk Metropolis steps with their own covariance (Del Moral, Doucet & Jasra, 2006).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = temper(
    ...     rng.normal(0, 3, (2000, 1)), lambda x: -x[:, 0]**2 / 18, lambda x: -(x[:, 0] - 2)**2 / 2, rng)
    >>> found.exponent, bool(abs(found.values.mean() - 2) < 0.15), bool(abs(found.values.std() - 1) < 0.1)
    (1.0, True, True)
    """
    values, exponent, evidence, stages, scale = start, 0.0, 0.0, 0, 1.0
    base, target = log_start(values), _finite(log_target(values))
    accepted = np.nan
    while exponent < 1 and stages < _MOST_STAGES:
        step = _next_step(target - base, 1 - exponent)
        weights = np.where(np.isfinite(target), step * (target - base), -np.inf)
        top = weights.max()
        if not np.isfinite(top):
            break
        evidence += top + np.log(np.mean(np.exp(weights - top)))
        exponent = 1.0 if step >= 1 - exponent else exponent + step
        stages += 1
        share = np.exp(weights - top)
        kept = resample(share / share.sum(), len(share), rng)
        values, base, target = values[kept], base[kept], target[kept]
        root = _root(values)
        for _ in range(last_moves if exponent == 1 else moves):
            proposal = values + scale * rng.standard_normal(values.shape) @ root.T
            new_base, new_target = log_start(proposal), _finite(log_target(proposal))
            with np.errstate(invalid="ignore"):  # outside both densities: not a number, never taken
                gain = (1 - exponent) * (new_base - base) + exponent * (new_target - target)
            taken = np.log(rng.random(len(values))) < gain
            values = np.where(taken[:, None], proposal, values)
            base, target = np.where(taken, new_base, base), np.where(taken, new_target, target)
            accepted = float(taken.mean())
            scale *= np.exp(0.5 * (accepted - 0.25))
    return Particles(values, float(evidence), exponent, stages, accepted)


def _finite(log_density: FloatArray) -> FloatArray:
    return np.where(np.isnan(log_density), -np.inf, log_density)


def _next_step(gain: FloatArray, longest: float) -> float:
    """The exponent's step that halves the effective number of particles, or what is left to go."""

    def effective(step: float) -> float:
        weights = np.exp(step * (usable - usable.max()))
        return float(weights.sum() ** 2 / (weights**2).sum())

    usable = gain[np.isfinite(gain)]
    if not usable.size or effective(longest) >= 0.5 * len(gain):
        return longest
    # Where some particles have no density at all, half of those that have one.
    wanted, low, high = 0.5 * min(len(gain), len(usable)), 0.0, longest
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) > wanted else (low, middle)
    return max(low, 1e-8)


def resample(weights: FloatArray, size: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Systematic resampling, in random order: copies differ from their expected number by less than one.

    Examples
    --------
    >>> sorted(resample(np.array([0.5, 0.5, 0.0]), 4, np.random.default_rng(1)).tolist())
    [0, 0, 1, 1]
    """
    positions = (np.arange(size) + rng.random()) / size
    kept = np.searchsorted(np.cumsum(weights), positions).clip(0, len(weights) - 1)
    return np.asarray(rng.permutation(kept))


def _root(values: FloatArray) -> FloatArray:
    """Root of the particles' covariance, scaled for random walks in that many dimensions."""
    size = values.shape[1]
    covariance = np.cov(values.T).reshape(size, size)
    jitter = 1e-10 * np.trace(covariance) / size
    return np.asarray(2.38 / np.sqrt(size) * np.linalg.cholesky(covariance + jitter * np.eye(size)))
