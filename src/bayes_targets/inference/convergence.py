r"""R-hat and effective sample sizes of draws arranged as chains (Vehtari et al. 2021), in plain NumPy.

ArviZ computes the same numbers, and the tests hold these against it; importing it takes longer than an exact posterior.

Chains are split in two halves, and draws z are replaced by the normal scores of their ranks. With m split chains of n draws,
W the mean of their variances and :math:`\hat v = W (n - 1) / n + \mathrm{var}(\bar z)`,

.. math:: \hat R = \sqrt{\hat v / W}, \qquad
          ESS = \frac{m n}{-1 + 2 \sum_k \hat\rho_k}, \qquad \hat\rho_k = 1 - \frac{W - \overline{\gamma_k}}{\hat v}

where :math:`\gamma_k` is the autocovariance at lag k within a chain, and the sum ends by Geyer's rules.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .distributions import normal_quantile

FloatArray = NDArray[np.float64]


class Mixing(NamedTuple):
    """How well chains of one quantity mix; NaN where that cannot be computed."""

    r_hat: float
    ess_bulk: float
    ess_tail: float


def mixing(draws: FloatArray) -> Mixing:
    """All three at once, which costs half of one by one.

    Examples
    --------
    >>> chains = np.random.default_rng(1).standard_normal((4, 500))
    >>> mixing(chains) == (r_hat(chains), ess_bulk(chains), ess_tail(chains))
    True
    """
    if not _usable(draws):
        return Mixing(math.nan, math.nan, math.nan)
    halves = _split(draws)
    scores = _scores(halves)
    return Mixing(_largest_r_hat(halves, scores) if len(draws) > 1 else math.nan, _ess(scores), _tail(draws))


def r_hat(draws: FloatArray) -> float:
    """The larger of the rank-normalised split R-hats of location and of spread.

    Examples
    --------
    >>> chains = np.random.default_rng(1).standard_normal((4, 500))
    >>> r_hat(chains) < 1.01, r_hat(chains + np.arange(4)[:, None]) > 1.5
    (True, True)
    """
    if len(draws) < 2 or not _usable(draws):
        return math.nan
    halves = _split(draws)
    return _largest_r_hat(halves, _scores(halves))


def ess_bulk(draws: FloatArray) -> float:
    """Effective sample size of the bulk: that of the mean of the normal scores."""
    return _ess(_scores(_split(draws))) if _usable(draws) else math.nan


def ess_tail(draws: FloatArray) -> float:
    """Effective sample size of the tails: the smaller one of the 5% and the 95% quantile."""
    return _tail(draws) if _usable(draws) else math.nan


def _usable(draws: FloatArray) -> bool:
    return draws.shape[1] >= 4 and bool(np.isfinite(draws).all())


def _split(draws: FloatArray) -> FloatArray:
    """Halves of chains as chains; of an odd number of draws the middle one is left out."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _scores(draws: FloatArray) -> FloatArray:
    """Normal scores of the ranks among all draws, equal draws sharing the mean of their ranks (Blom 1958)."""
    flat = draws.ravel()
    order = np.argsort(flat)
    ascending = flat[order]
    starts = np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
    ends = np.append(starts[1:], flat.size)
    scores = np.empty(flat.size)
    # First and last rank of equal draws, counted from 0, add up to the place of their mean among the half ranks.
    scores[order] = np.repeat(_scores_of_half_ranks(flat.size)[starts + ends - 1], ends - starts)
    return scores.reshape(draws.shape)


@lru_cache(maxsize=8)
def _scores_of_half_ranks(size: int) -> FloatArray:
    """Normal scores of the ranks 1, 1.5, 2, ..., `size`: the same for every quantity, so computed once."""
    return normal_quantile((np.arange(1.0, size + 0.5, 0.5) - 0.375) / (size + 0.25))


def _largest_r_hat(halves: FloatArray, scores: FloatArray) -> float:
    return max(_plain_r_hat(scores), _plain_r_hat(_scores(np.abs(halves - np.median(halves)))))


def _tail(draws: FloatArray) -> float:
    return min(_ess(_split((draws <= end).astype(float))) for end in np.quantile(draws, [0.05, 0.95]))


def _plain_r_hat(chains: FloatArray) -> float:
    n = chains.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = chains.mean(axis=1).var(ddof=1) / chains.var(axis=1, ddof=1).mean()
    return math.sqrt(ratio + (n - 1) / n)


def _ess(chains: FloatArray) -> float:
    m, n = chains.shape
    if np.ptp(chains) < np.finfo(float).resolution:
        return float(chains.size)
    # Twice as long with zeros, so that the end does not meet the beginning.
    spectrum = np.fft.rfft(chains - chains.mean(axis=1, keepdims=True), 2 * n, axis=1)
    covariance = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, axis=1)[:, :n].mean(axis=0) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + (chains.mean(axis=1).var(ddof=1) if m > 1 else 0.0)
    rho = 1.0 - (within - covariance) / total
    rho[0] = 1.0
    pairs = rho[: 2 * (n // 2)].reshape(-1, 2)[: max((n - 1) // 2, 1)]
    # Sums of two neighbours are positive and fall: the sum ends before the first that does not.
    sums = pairs.sum(axis=1)
    last = int(np.argmax(sums <= 0)) if (sums <= 0).any() else len(sums) - 1
    tau = -1.0 + 2.0 * np.minimum.accumulate(sums[:last]).sum() + max(pairs[last, 0], 0.0)
    return float(m * n / max(tau, 1.0 / math.log10(m * n)))
