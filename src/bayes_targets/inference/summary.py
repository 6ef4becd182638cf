"""Draws in numbers: mean, standard deviation, median and interval, computed in one way everywhere.

A quantile of S draws takes each draw as the middle of a share 1 / S of the probability (Hazen's rule). Exact posteriors are
drawn as quantiles at these middles, so that their own quantiles come back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..errors import require_number

FloatArray = NDArray[np.float64]
_SAMPLE = ("chain", "draw")


def quantiles(draws: ArrayLike, probs: Sequence[float], axis: int | None = -1) -> FloatArray:
    """Quantiles of draws along one axis.

    Examples
    --------
    >>> quantiles([1.0, 2.0, 3.0, 4.0], [0.125, 0.5]).tolist()
    [1.0, 2.5]
    """
    return np.asarray(np.quantile(np.asarray(draws, dtype=float), probs, axis=axis, method="hazen"))


def tails(prob: float) -> tuple[float, float]:
    """Probabilities at the ends of the equal-tailed interval that holds `prob`.

    Examples
    --------
    >>> tuple(round(end, 6) for end in tails(0.95))
    (0.025, 0.975)
    """
    prob = require_number("prob", prob, above=0.0, below=1.0, expected="a probability between 0 and 1")
    return (1 - prob) / 2, (1 + prob) / 2


def equal_tails(
    draws: ArrayLike, prob: float = 0.95, axis: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Ends of the equal-tailed interval of draws.

    Examples
    --------
    >>> [round(float(end), 6) for end in equal_tails(np.arange(1.0, 101.0), 0.9)]
    [5.5, 95.5]
    """
    low, high = quantiles(draws, tails(prob), axis)
    return low, high


def mean_interval(draws: ArrayLike, prob: float = 0.95) -> tuple[float, float, float]:
    """Mean and ends of the equal-tailed interval of all draws of one quantity.

    Examples
    --------
    >>> [round(value, 6) for value in mean_interval(np.arange(1.0, 101.0), 0.9)]
    [50.5, 5.5, 95.5]
    """
    values = np.asarray(draws, dtype=float).ravel()
    low, high = equal_tails(values, prob)
    return float(values.mean()), float(low), float(high)


def weighted_quantiles(values: FloatArray, weights: FloatArray, probs: Sequence[float]) -> list[float]:
    """Quantiles of draws with weights that add up to 1; half of a draw's own weight lies below it."""
    order = np.argsort(values, kind="stable")
    place = np.cumsum(weights[order]) - 0.5 * weights[order]
    return [float(value) for value in np.interp(probs, place, values[order])]


def summarise_draws(draws: xr.DataArray, prob: float = 0.95) -> pd.DataFrame:
    """Mean, s.d., median and equal-tailed interval of draws with at most one dim of their own.

    Examples
    --------
    >>> draws = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], dims=("chain", "draw"), name="mu")
    >>> summarise_draws(draws, 0.5).loc["mu"].round(4).tolist()
    [2.5, 1.291, 2.5, 1.5, 3.5]
    """
    own = [dim for dim in draws.dims if dim not in _SAMPLE]
    values = draws.transpose(*_SAMPLE, ...).to_numpy()
    values = values.reshape(values.shape[0] * values.shape[1], -1)
    low, high = tails(prob)
    ends = quantiles(values, (low, 0.5, high), axis=0)
    columns = {"mean": values.mean(axis=0), "sd": values.std(axis=0, ddof=1), "median": ends[1]}
    index = pd.Index(draws[own[0]].to_numpy(), name=str(own[0])) if own else pd.Index([str(draws.name)])
    table = pd.DataFrame(columns | {"low": ends[0], "high": ends[2]}, index=index)
    table.attrs = {"interval": "eti", "prob": prob}
    return table
