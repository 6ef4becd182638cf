r"""Pareto-smoothed importance sampling and leave-one-out cross-validation (Vehtari et al. 2024, JMLR 25; 2017, Stat. Comput. 27).

ArviZ computes the same numbers, and the tests hold these against it. Here many observations are computed at once, and as many at
a time as the processor's cache holds, so that any number of them takes no more memory than a few.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
# Log likelihoods at a time.
_CHUNK = 2**16


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Log predictive density of each observation left out, effective number of parameters, and k-hat, each of shape (N,)."""

    elpd: FloatArray
    p: FloatArray
    k_hat: FloatArray

    @property
    def se(self) -> float:
        """Standard error of the sum of `elpd`."""
        return float(math.sqrt(len(self.elpd)) * self.elpd.std(ddof=1))


def leave_one_out(pieces: Iterable[FloatArray], relative: float = 1.0) -> LeaveOneOut:
    """From log likelihoods of shape (draw, observation), in pieces; `relative` is the draws' effective number over theirs."""
    parts = []
    for own in _by_observation(pieces):
        low = own.min(axis=1, keepdims=True)
        places, new, k_hat = _smoothed_tail(low - own, relative)
        w = np.exp(low - own)
        total = w.sum(axis=1) - np.take_along_axis(w, places, axis=1).sum(axis=1) + np.exp(new).sum(axis=1)
        # A weight that is not smoothed is one over the likelihood: their product is the same for all of these draws.
        tail = np.exp(new + np.take_along_axis(own, places, axis=1) - low).sum(axis=1)
        elpd = low[:, 0] + np.log(own.shape[1] - places.shape[1] + tail) - np.log(total)
        parts.append((elpd, _log_sum(own) - math.log(own.shape[1]) - elpd, k_hat))
    return LeaveOneOut(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _by_observation(pieces: Iterable[FloatArray]) -> Iterator[FloatArray]:
    for piece in pieces:
        step = max(_CHUNK // len(piece), 1)
        for start in range(0, piece.shape[1], step):
            yield np.ascontiguousarray(piece[:, start : start + step].T)


def smoothed(log_w: FloatArray) -> tuple[FloatArray, float]:
    """Weights (S,) that add up to 1, the largest replaced by quantiles of the Pareto distribution fitted to them; k-hat."""
    log_w = log_w - log_w.max()
    (places,), (new,), (k,) = _smoothed_tail(log_w[None], 1.0)
    log_w[places] = new
    w = np.exp(log_w)
    return w / w.sum(), float(k)


def _smoothed_tail(log_w: FloatArray, relative: float) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
    """Places and smoothed values of the largest of log weights (R, S), whose maximum is 0, and k-hat."""
    size = _tail_size(log_w.shape[1], relative)
    places = np.argpartition(log_w, -size - 1, axis=1)[:, -size - 1 :]
    tail = np.take_along_axis(log_w, places, axis=1)
    order = np.argsort(tail, axis=1)
    places, tail = np.take_along_axis(places, order, axis=1), np.take_along_axis(tail, order, axis=1)
    w = np.exp(tail)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        k, scale = _fitted_tail(w[:, 1:] - w[:, :1])
        below = -np.log1p(-(np.arange(size) + 0.5) / size)
        new = np.log(w[:, :1] + scale[:, None] * np.expm1(k[:, None] * below) / k[:, None])
    usable = (np.isfinite(k) & (scale > 0))[:, None]
    return places[:, 1:], np.where(usable, np.minimum(new, tail[:, -1:]), tail[:, 1:]), k


def pareto_k(log_w: FloatArray) -> float:
    """Shape of the generalised Pareto distribution of the largest weights (k-hat).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> bool(pareto_k(rng.standard_exponential(20_000) * 0.5) < 0.7), bool(pareto_k(rng.standard_exponential(20_000)) > 0.7)
    (True, True)
    """
    top = log_w.max()
    return float(_smoothed_tail(log_w[None] - top, 1.0)[2][0]) if np.isfinite(top) else math.nan


def good_k(draws: int) -> float:
    """The k-hat up to which so many draws suffice."""
    return min(1.0 - 1.0 / math.log10(draws), 0.7)


def stacking_weights(elpd: FloatArray) -> FloatArray:
    """Weights of the mixture with the best log score, from log densities of shape (observation, model) (Yao et al. 2018).

    Examples
    --------
    >>> stacking_weights(np.log([[0.9, 0.1], [0.1, 0.9]])).round(3)
    array([0.5, 0.5])
    """
    from scipy.optimize import minimize

    density = np.exp(elpd - elpd.max(axis=1, keepdims=True))
    n, models = density.shape
    found = minimize(
        lambda weights: -np.log(density @ weights).mean(),
        np.full(models, 1.0 / models),
        jac=lambda weights: -(1.0 / (density @ weights)) @ density / n,
        bounds=[(0.0, 1.0)] * models,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1.0, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    weights = np.where(found.x > 1e-9, found.x, 0.0)
    return np.asarray(weights / weights.sum())


def _tail_size(draws: int, relative: float) -> int:
    return int(3.0 * math.sqrt(draws / relative)) if draws * relative > 225 else draws // 5


def _fitted_tail(excess: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shape and scale of the generalised Pareto distribution of sorted values (R, M) (Zhang & Stephens 2009); NaN if all the same."""
    size = excess.shape[1]
    grid = 30 + int(math.sqrt(size))
    quarter = excess[:, int(size / 4 + 0.5) - 1]
    quarter = np.where(quarter > excess[:, 0], quarter, math.nan)[:, None]
    theta = (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3.0 * quarter) + 1.0 / excess[:, -1:]
    k = np.log(1.0 - theta[:, :, None] * excess[:, None, :]).mean(axis=2)
    profile = size * (np.log(-theta / k) - k - 1.0)
    weight = np.exp(profile - profile.max(axis=1, keepdims=True))
    best = (theta * weight).sum(axis=1) / weight.sum(axis=1)
    shape = np.log1p(-best[:, None] * excess).mean(axis=1)
    return (shape * size + 5.0) / (size + 10.0), -shape / best


def _log_sum(x: FloatArray) -> FloatArray:
    top = x.max(axis=-1, keepdims=True)
    return np.asarray(top[..., 0] + np.log(np.exp(x - top).sum(axis=-1)))
