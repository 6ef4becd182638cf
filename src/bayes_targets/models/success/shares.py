r"""From log-odds to shares of the statuses, and the probability of counts: plain formulas.

Statuses are ordered best first. *Splits* are the log-odds of the best status, of the second among the targets that have not the best,
and so on. A last argument `m` serves both engines: NumPy (with any leading dims for draws) and PyTensor.
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
    """Turn log-odds into probabilities."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x))))


def cutpoints(splits: Any, m: Any = np) -> Any:
    """Cutpoints, best first, that give an area at 0 the shares of these splits: minus the log-odds of that status or better."""
    # Minus the log share of the targets below each status.
    below = m.cumsum(softplus(splits, m), axis=-1)
    return -(below + m.log(-m.expm1(-below)))


def ordinal_log_share(effect: Any, cut: Any, m: Any = np) -> Any:
    """Log share of each status, best first, in areas with these effects."""
    # A share between two cutpoints, expit(e - c_k) - expit(e - c_k-1), is expit(e - c_k) expit(c_k-1 - e) (1 - exp(c_k - c_k-1)),
    # which keeps its digits where the difference would lose them.
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
    """Triangular root (..., C, C), with rows of length one, of the correlation matrix with these partial correlations (..., pair)."""
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
    """Log of the number of ways to have these counts (..., K), the multinomial coefficient."""
    from scipy import special

    count = np.asarray(count)
    return np.asarray(special.gammaln(count.sum(axis=-1) + 1.0) - special.gammaln(count + 1.0).sum(axis=-1))


def multinomial_log_density(count: Any, log_share: FloatArray) -> FloatArray:
    """Log probability of counts (..., K), coefficient included, given log shares (..., K)."""
    count = np.asarray(count)
    # No target of a status says nothing about the log of a share that may be minus infinity.
    seen = np.where(count > 0, log_share, 0.0)
    return np.asarray(log_ways(count) + np.einsum("...k,...k->...", count.astype(float), seen))
