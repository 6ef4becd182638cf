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
# Draws at a time: few enough for the processor's cache.
_CHUNK = 2**14


class Mixing(NamedTuple):
    """How well the chains of each quantity mix; NaN where that cannot be computed, as R-hat of one chain."""

    r_hat: FloatArray
    ess_bulk: FloatArray
    ess_tail: FloatArray


def mixing(draws: FloatArray) -> Mixing:
    """The larger rank-normalised split R-hat of location and of spread, and the effective sample sizes of bulk and tails.

    `draws` has shape (..., chain, draw), the results (...). The bulk is the mean of the normal scores, the tails are the 5% and
    the 95% quantile, of which the smaller size counts.

    Examples
    --------
    >>> chains = np.random.default_rng(1).standard_normal((4, 500))
    >>> apart = chains + np.arange(4)[:, None]
    >>> (mixing(np.stack([chains, apart])).r_hat > 1.01).tolist()
    [False, True]
    """
    *shape, chains, size = draws.shape
    flat = draws.reshape(-1, chains, size)
    out = np.full((3, len(flat)), math.nan)
    # What several have in common, such as a share that is the same in all areas, is measured once.
    new = np.ones(len(flat), dtype=bool)
    new[1:] = (flat[1:] != flat[:-1]).any(axis=(1, 2))
    usable = np.flatnonzero(new & np.isfinite(flat).all(axis=(1, 2))) if size >= 4 else np.empty(0, int)
    step = max(1, _CHUNK // max(chains * size, 1))
    for start in range(0, len(usable), step):
        piece = usable[start : start + step]
        out[:, piece] = _measures(flat[piece])
    return Mixing(*out[:, np.maximum.accumulate(np.where(new, np.arange(len(flat)), 0))].reshape(3, *shape))


def mean_sizes(draws: FloatArray) -> FloatArray:
    """Effective sample sizes of the means of draws (..., chain, draw), as they are and not ranked."""
    return _ess(_split(draws.reshape(-1, *draws.shape[-2:]))).reshape(draws.shape[:-2])


def _measures(draws: FloatArray) -> FloatArray:
    """R-hat, bulk and tail size, shape (3, E), of draws of shape (E, chain, draw)."""
    halves = _split(draws)
    flat = halves.reshape(len(halves), -1)
    order = np.argsort(flat, axis=1)
    ascending = np.take_along_axis(flat, order, axis=1)
    scores = _scores(ascending, order).reshape(halves.shape)
    ends = np.quantile(draws, [0.05, 0.95], axis=(1, 2))[:, :, None, None]
    tail = np.minimum(*(_ess(_split((draws <= end).astype(float))) for end in ends))
    if draws.shape[1] < 2:
        return np.stack([np.full(len(draws), math.nan), _ess(scores), tail])
    middle = flat.shape[1] // 2
    away = np.abs(ascending - ascending[:, [middle - 1, middle]].mean(axis=1, keepdims=True))
    # Distances from the median fall and then rise, which this kind of sorting makes use of.
    farther = np.argsort(away, axis=1, kind="stable")
    folded = _scores(
        np.take_along_axis(away, farther, axis=1), np.take_along_axis(order, farther, axis=1)
    ).reshape(halves.shape)
    return np.stack([np.maximum(_plain_r_hat(scores), _plain_r_hat(folded)), _ess(scores), tail])


def _split(draws: FloatArray) -> FloatArray:
    """Halves of chains as chains; of an odd number of draws the middle one is left out."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[..., :half], draws[..., -half:]], axis=1)


def _scores(ascending: FloatArray, order: NDArray[np.intp]) -> FloatArray:
    """Normal scores of the ranks, equal values sharing the mean of their ranks (Blom 1958), of sorted values and their places."""
    by_rank = _scores_of_half_ranks(ascending.shape[1])
    apart = ascending[:, 1:] != ascending[:, :-1]
    ranked = by_rank[::2]
    if not apart.all():
        # First and last rank of equal draws, counted from 0, add up to the place of their mean among the half ranks.
        first = np.tile(np.arange(ascending.shape[1]), (len(ascending), 1))
        last = first.copy()
        first[:, 1:][~apart] = 0
        last[:, :-1][~apart] = ascending.shape[1]
        last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
        ranked = by_rank[np.maximum.accumulate(first, axis=1) + last]
    scores = np.empty(ascending.shape)
    np.put_along_axis(scores, order, np.broadcast_to(ranked, ascending.shape), axis=1)
    return scores


@lru_cache(maxsize=8)
def _scores_of_half_ranks(size: int) -> FloatArray:
    """Normal scores of the ranks 1, 1.5, 2, ..., `size`: the same for every quantity, so computed once."""
    return normal_quantile((np.arange(1.0, size + 0.5, 0.5) - 0.375) / (size + 0.25))


def _plain_r_hat(chains: FloatArray) -> FloatArray:
    n = chains.shape[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = chains.mean(axis=2).var(axis=1, ddof=1) / chains.var(axis=2, ddof=1).mean(axis=1)
    return np.asarray(np.sqrt(ratio + (n - 1) / n))


def _ess(chains: FloatArray) -> FloatArray:
    _, m, n = chains.shape
    means = chains.mean(axis=2, keepdims=True)
    # Twice as long with zeros, so that the end does not meet the beginning.
    spectrum = np.fft.rfft(chains - means, 2 * n, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    covariance = np.fft.irfft(power, 2 * n, axis=1)[:, :n] / n
    within = covariance[:, :1] * n / (n - 1)
    total = within * (n - 1) / n + (means.var(axis=1, ddof=1) if m > 1 else 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1.0 - (within - covariance) / total
    rho[:, 0] = 1.0
    pairs = rho[:, : 2 * (n // 2)].reshape(len(rho), -1, 2)[:, : max((n - 1) // 2, 1)]
    # Sums of two neighbours are positive and fall: the sum ends before the first that does not.
    sums = pairs.sum(axis=2)
    ended = sums <= 0
    last = np.where(ended.any(axis=1), ended.argmax(axis=1), sums.shape[1] - 1)
    before = np.arange(sums.shape[1]) < last[:, None]
    falling = np.where(before, np.minimum.accumulate(sums, axis=1), 0.0).sum(axis=1)
    tau = -1.0 + 2.0 * falling + np.maximum(pairs[np.arange(len(rho)), last, 0], 0.0)
    constant = np.ptp(chains, axis=(1, 2)) < np.finfo(float).resolution
    return np.where(constant, float(m * n), m * n / np.maximum(tau, 1.0 / math.log10(m * n)))
