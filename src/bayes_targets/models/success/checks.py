"""Posterior predictive checks of the success models: their fit, and whether proportional odds are borne out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError
from .parts import FloatArray, stacked


def predictive_counts(posterior: xr.DataTree, prob: float = 0.95) -> pd.DataFrame:
    """Counts of each status in each area beside what the model would have them be.

    Parameters
    ----------
    posterior : xarray.DataTree
        Of `success_model` with outcome ordinal or multinomial.
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Index ``area`` and ``status``; ``observed``, and of replicated counts ``mean``, ``low``, ``high`` and
        ``p_value`` (mid-p: probability of a larger count plus half that of the same one; near 0 or 1 where the
        model misses).
    """
    observed, replicated, _ = _counts(posterior)
    tails = ((1 - prob) / 2, (1 + prob) / 2)
    low, high = np.quantile(replicated, tails, axis=0, method="inverted_cdf")
    labels = posterior["observed_data"]["count"]
    columns = {
        "observed": observed,
        "mean": replicated.mean(axis=0),
        "low": low,
        "high": high,
        "p_value": (replicated > observed).mean(axis=0) + 0.5 * (replicated == observed).mean(axis=0),
    }
    index = pd.MultiIndex.from_product(
        [labels["area"].to_numpy(), labels["status"].to_numpy()], names=["area", "status"]
    )
    table = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)
    table.attrs = {"interval": "eti", "prob": prob}
    return table


def check_fit(posterior: xr.DataTree) -> pd.DataFrame:
    """Posterior predictive checks of the model as a whole and of proportional odds.

    Parameters
    ----------
    posterior : xarray.DataTree
        Of `success_model` with outcome ordinal or multinomial and three statuses or more.

    Returns
    -------
    pandas.DataFrame
        Two rows. ``fit``: Pearson's chi-square of the counts against the shares of the same draw (Gelman, Meng &
        Stern 1996), for the counts as they are and for replicated ones. ``cut distances``: how much the
        distances between the cumulative log-odds vary over areas (each log-odds with half a target added to
        both sides; variance over areas weighted by their targets, summed over neighbouring cuts). Proportional
        odds make them the same in all areas but for chance, so an ordinal model that fails here has
        areas that differ in more than their level. Columns ``observed`` and ``replicated`` (means over draws)
        and ``p_value`` (probability that replicated counts reach the observed statistic; the check is
        conservative, so only a small value speaks).

    Raises
    ------
    DataError
        If the posterior is of a binomial model, or has two statuses only.
    """
    observed, replicated, share = _counts(posterior)
    if observed.shape[1] < 3:
        raise DataError("check_fit: found two statuses, expected three or more")
    own, new = _pearson(observed, share), _pearson(replicated, share)
    spread, spread_new = _cut_spread(observed[None]), _cut_spread(replicated)
    rows = {
        "fit": (own.mean(), new.mean(), (new >= own).mean()),
        "cut distances": (spread[0], spread_new.mean(), (spread_new >= spread).mean()),
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["observed", "replicated", "p_value"])
    return table.rename_axis("check")


def _counts(posterior: xr.DataTree) -> tuple[NDArray[Any], NDArray[Any], FloatArray]:
    """Observed counts (area, status), replicated ones and shares with a leading dim of draws."""
    if "count" not in posterior["observed_data"]:
        raise DataError("the posterior holds no counts by status, expected an ordinal or multinomial one")
    dims = ("area", "status")
    observed = posterior["observed_data"].to_dataset()["count"].transpose(*dims).to_numpy()
    predictive, drawn = (posterior[name].to_dataset() for name in ("posterior_predictive", "posterior"))
    replicated = stacked(predictive["count"].transpose(..., *dims))
    return observed, replicated, stacked(drawn["share"].transpose(..., *dims))


def _pearson(count: NDArray[Any], share: FloatArray) -> FloatArray:
    expected = count.sum(axis=-1, keepdims=True) * share
    # A share that rounds to zero expects nothing and, where nothing is seen, adds nothing.
    safe = np.where(expected > 0, expected, 1.0)
    return np.asarray(np.where(expected > 0, (count - expected) ** 2 / safe, 0.0).sum(axis=(-2, -1)))


def _cut_spread(count: NDArray[Any]) -> FloatArray:
    """Weighted variance over areas of the distances between cumulative log-odds, for (sample, area, status)."""
    better = np.cumsum(count, axis=-1)[..., :-1]
    targets = count.sum(axis=-1)
    log_odds = np.log(better + 0.5) - np.log(targets[..., None] - better + 0.5)
    distance = np.diff(log_odds, axis=-1)
    weight = (targets / targets.sum(axis=-1, keepdims=True))[..., None]
    centre = (weight * distance).sum(axis=-2, keepdims=True)
    return np.asarray((weight * (distance - centre) ** 2).sum(axis=(-2, -1)))
