r"""From log-odds to shares of the statuses, and the probability of counts: plain formulas.

Statuses are ordered best first throughout. Their shares in a typical area are described by *splits*: the first
is the log-odds that a target has the best status, the next the log-odds of the second status among the
targets that have not the best, and so on. Any shares have splits and any splits give shares, so that a prior on
splits is a prior on shares, however the areas then differ.

Functions with a last argument `m` serve both engines: NumPy (with any leading dims for draws) and PyTensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def softplus(x: Any, m: Any = np) -> Any:
    """``log(1 + exp(x))``: minus the log of the probability whose log-odds are ``-x``."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))) if m is np else m.softplus(x)


def expit(x: Any) -> FloatArray:
    """Turn log-odds into probabilities.

    Examples
    --------
    >>> expit(np.array([0.0, 800.0])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x))))


def cutpoints(splits: Any, m: Any = np) -> Any:
    r"""Cutpoints, best first, that give an area at 0 the shares of these splits.

    With :math:`S_k = \sum_{i \le k} \log(1 + e^{s_i})`, minus the log share of targets below status k, the
    log-odds of status k or better are :math:`\log(e^{S_k} - 1)`, and the cutpoint is minus that.

    Examples
    --------
    >>> cutpoints(np.array([0.0, 0.0])).round(3) + 0  # shares 1/2, 1/4, 1/4: at least the second, 3 to 1
    array([ 0.   , -1.099])
    """
    below = m.cumsum(softplus(splits, m), axis=-1)
    return -(below + m.log(-m.expm1(-below)))


def ordinal_log_share(effect: Any, cut: Any, m: Any = np) -> Any:
    r"""Log share of each status, best first, in areas with these effects.

    .. math:: P(\text{status } k \text{ or better}) = \mathrm{logit}^{-1}(\theta - c_k)

    A share between two cutpoints is a product, :math:`\sigma(\theta - c_k)\, \sigma(c_{k-1} - \theta)\, (1 -
    e^{c_k - c_{k-1}})`, which keeps its digits where the difference would lose them.
    """
    last = cut.shape[-1] if m is np else cut.type.shape[-1]
    parts = []
    for k in range(last + 1):
        part = 0.0 * effect
        if k < last:
            part = part - softplus(cut[..., None, k] - effect, m)
        if k > 0:
            part = part - softplus(effect - cut[..., None, k - 1], m)
        if 0 < k < last:
            part = part + m.log(-m.expm1(cut[..., None, k] - cut[..., None, k - 1]))
        parts.append(part)
    return m.stack(parts, axis=-1)


def sequential_log_share(splits: Any, m: Any = np) -> Any:
    """Log share of each status, best first, from splits of shape (..., K - 1); shape (..., K)."""
    last = splits.shape[-1] if m is np else splits.type.shape[-1]
    parts, rest = [], 0.0 * splits[..., 0]
    for k in range(last):
        parts.append(rest - softplus(-splits[..., k], m))
        rest = rest - softplus(splits[..., k], m)
    return m.stack([*parts, rest], axis=-1)


def correlation_root(partial: Any, contrasts: int, m: Any = np) -> Any:
    """Triangular root (..., C, C) of the correlation matrix with these partial correlations (..., pair).

    Each row has length one, and any values between -1 and 1 give a correlation matrix; for two contrasts the
    partial correlation is the correlation.

    Examples
    --------
    >>> root = correlation_root(np.array([0.6]), 2)
    >>> (root @ root.T).round(3).tolist()
    [[1.0, 0.6], [0.6, 1.0]]
    """
    zero = 0.0 * partial[..., 0]
    rows, place = [], 0
    for i in range(contrasts):
        row, left = [], zero + 1.0
        for _ in range(i):
            row.append(partial[..., place] * m.sqrt(left))
            left = left * (1.0 - partial[..., place] ** 2)
            place += 1
        rows.append(m.stack([*row, m.sqrt(left), *[zero] * (contrasts - 1 - i)], axis=-1))
    return m.stack(rows, axis=-2)


def correlations(root: Any, contrasts: int, m: Any = np) -> Any:
    """Correlations (..., pair) from the root of their matrix, row by row below its diagonal."""
    entries = [(root[..., i, :] * root[..., j, :]).sum(axis=-1) for i in range(contrasts) for j in range(i)]
    return m.stack(entries, axis=-1)


def log_ways(count: Any) -> FloatArray:
    """Log of the number of ways to have these counts (..., K), the multinomial coefficient.

    Examples
    --------
    >>> round(float(np.exp(log_ways([1, 1, 1]))), 4)
    6.0
    """
    from scipy import special

    count = np.asarray(count)
    return np.asarray(special.gammaln(count.sum(axis=-1) + 1.0) - special.gammaln(count + 1.0).sum(axis=-1))


def multinomial_log_density(count: Any, log_share: FloatArray) -> FloatArray:
    """Log probability of counts (..., K), coefficient included, given log shares (..., K).

    Examples
    --------
    >>> round(float(np.exp(multinomial_log_density([1, 1, 1], np.log([1 / 3] * 3)))), 4)  # 3! / 27
    0.2222
    """
    count = np.asarray(count)
    # No target of a status says nothing about the log of a share that may be minus infinity.
    seen = np.where(count > 0, log_share, 0.0)
    return np.asarray(log_ways(count) + np.einsum("...k,...k->...", count.astype(float), seen))
