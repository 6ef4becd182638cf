"""Questions about success: shares, ranks, contrasts, a new area, and posterior predictive checks of the fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean, shown
from ...inference.summary import summarise_draws, tails
from .equation import stacked
from .shares import FloatArray


def status_share(
    posterior: xr.DataTree,
    success: Sequence[str] | str,
    *,
    variable: str = "share",
    group: str = "posterior",
) -> xr.DataArray:
    """Draws of the share of some statuses together, whatever the model."""
    chosen = [success] if isinstance(success, str) else list(success)
    group = "posterior_predictive" if variable == "new_area_share" else group
    held = posterior[group].to_dataset()
    if variable not in held:
        raise DataError(f"the posterior has no {variable!r}; a new area's share needs some pooling")
    share = held[variable]
    if "status" in share.dims:
        known = [str(status) for status in share["status"].to_numpy()]
        for status in chosen:
            if status not in known:
                raise DataError(f"success: no status {status!r}, {did_you_mean(status, known)}")
        return share.sel(status=chosen).sum("status")
    fitted = json.loads(posterior.attrs["options"])["success"]
    if set(fitted) != set(chosen):
        raise DataError(f"success: the posterior is of {' or '.join(fitted)}, not of {' or '.join(chosen)}")
    return share


def collapse_statuses(posterior: xr.DataTree, success: Sequence[str] | str) -> xr.DataTree:
    """Posterior of the share of some statuses, in the form of a binomial one, which `compare` and figures take."""
    chosen = [success] if isinstance(success, str) else list(success)
    overall = status_share(posterior, chosen, variable="overall_share")
    share = status_share(posterior, chosen)
    groups = {"posterior": xr.Dataset({"share": share, "overall_share": overall})}
    if "sample_stats" in posterior.children:
        groups["sample_stats"] = posterior["sample_stats"].to_dataset()
    if "new_area_share" in posterior["posterior_predictive"]:
        new = status_share(posterior, chosen, variable="new_area_share")
        groups["posterior_predictive"] = xr.Dataset({"new_area_share": new})
    tree = xr.DataTree.from_dict(groups)
    options = json.loads(posterior.attrs["options"]) | {"success": chosen}
    tree.attrs = dict(posterior.attrs) | {"terms": json.dumps(["share"]), "options": json.dumps(options)}
    return tree


def rank_probabilities(share: xr.DataArray) -> pd.DataFrame:
    """Probability of each rank for each area: rank 1 is the highest share.

    Parameters
    ----------
    share : xarray.DataArray
        Posterior draws with dims ``chain``, ``draw`` and ``area``.

    Returns
    -------
    pandas.DataFrame
        Index ``area``, columns 1 to the number of areas; rows and columns add up to 1. The first column is the
        probability of being best, the last of being worst. Draws that tie share the ranks evenly.

    Examples
    --------
    >>> draws = xr.DataArray([[[0.1, 0.9], [0.2, 0.8], [0.6, 0.4], [0.3, 0.5]]],
    ...                      dims=("chain", "draw", "area"), coords={"area": ["a", "b"]})
    >>> rank_probabilities(draws).loc["b"].tolist()
    [0.75, 0.25]
    """
    if not isinstance(share, xr.DataArray) or set(share.dims) != {"chain", "draw", "area"}:
        raise DataError(f"share: found {shown(share)}, expected draws with dims chain, draw and area")
    values = share.stack(sample=("chain", "draw")).transpose("sample", "area").to_numpy()
    size, areas = values.shape
    first, last = (
        pd.DataFrame(values).rank(axis=1, method=method, ascending=False).to_numpy(dtype=int)
        for method in ("min", "max")
    )
    # Areas that tie share their ranks; most share none.
    ties, cell = last - first + 1, first - 1 + areas * np.arange(areas)
    table = np.zeros(areas**2)
    for further in range(int(ties.max())):
        more = ties > further
        table += np.bincount(cell[more] + further, weights=1.0 / ties[more], minlength=areas**2)
    table = table.reshape(areas, areas) / size
    index = pd.Index(share["area"].to_numpy(), name="area")
    return pd.DataFrame(table, index=index, columns=pd.Index(range(1, areas + 1), name="rank"))


def share_spread(share: xr.DataArray) -> xr.DataArray:
    """Gap between the highest and the lowest share of any area, in each draw."""
    return (share.max("area") - share.min("area")).rename("share_spread")


def area_contrasts(
    posterior: xr.DataTree, pairs: Mapping[str, tuple[str, str]], *, success: Sequence[str] | str
) -> xr.DataTree:
    """Difference in share and odds ratio between areas, as a posterior of its own."""
    share = status_share(posterior, success)
    known = [str(area) for area in share["area"].to_numpy()]
    for area in (area for pair in pairs.values() for area in pair):
        if area not in known:
            raise DataError(f"contrast: no area {area!r}, {did_you_mean(area, known)}")
    sides = (
        xr.DataArray([pair[side] for pair in pairs.values()], {"contrast": list(pairs)}, ["contrast"])
        for side in (0, 1)
    )
    first, second = (share.sel(area=side).drop_vars("area") for side in sides)
    difference = (first - second).transpose("chain", "draw", "contrast")
    log_odds = _log_odds(first) - _log_odds(second)
    group = xr.Dataset({"difference": difference, "log_odds_ratio": log_odds, "odds_ratio": np.exp(log_odds)})
    tree = xr.DataTree.from_dict({"posterior": group.transpose("chain", "draw", "contrast")})
    tree.attrs = dict(posterior.attrs) | {"terms": json.dumps(["log_odds_ratio"])}
    return tree


def contrast_table(contrasts: xr.DataTree) -> pd.DataFrame:
    """Summarise `area_contrasts`; 95% intervals."""
    draws = contrasts["posterior"].to_dataset()
    parts = {name: summarise_draws(draws[name]) for name in ("difference", "odds_ratio")}
    table = pd.concat(parts, names=["quantity"]).swaplevel().sort_index(sort_remaining=False)
    positive = (draws["difference"] > 0).mean(("chain", "draw")).to_series()
    table["prob_positive"] = positive.reindex(table.index.get_level_values("contrast")).to_numpy()
    table.attrs = {"interval": "eti", "prob": 0.95}
    return table


def _log_odds(share: xr.DataArray) -> xr.DataArray:
    # Shares that round to 0 or 1 keep finite odds.
    smallest = np.finfo(float).eps
    inside = share.clip(smallest, 1.0 - smallest)
    odds: xr.DataArray = inside / (1.0 - inside)
    return odds.copy(data=np.log(odds.to_numpy()))


def predictive_counts(posterior: xr.DataTree) -> pd.DataFrame:
    """Counts of each status in each area beside what the model would have them be, with 95% intervals."""
    observed, replicated, _ = _counts(posterior)
    low, high = np.quantile(replicated, tails(0.95), axis=0, method="inverted_cdf")
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
    table.attrs = {"interval": "eti", "prob": 0.95}
    return table


def check_fit(posterior: xr.DataTree) -> pd.DataFrame:
    """Posterior predictive checks of the model as a whole and of proportional odds."""
    observed, replicated, share = _counts(posterior)
    if observed.shape[1] < 3:
        raise DataError("check_fit: found two statuses, expected three or more")
    pieces = [slice(i, i + 32) for i in range(0, len(share), 32)]
    own = np.concatenate([_pearson(observed, share[piece]) for piece in pieces])
    new = np.concatenate([_pearson(replicated[piece], share[piece]) for piece in pieces])
    spread = _cut_spread(observed[None])
    spread_new = np.concatenate([_cut_spread(replicated[piece]) for piece in pieces])
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
    """Chi-square of counts (area, status), or of counts of each draw, against the shares of each draw."""
    expected = count.sum(axis=-1, keepdims=True) * share
    # A share that rounds to zero expects nothing and, where nothing is seen, adds nothing.
    off = np.where(expected > 0, count - expected, 0.0)
    return np.asarray((off**2 / np.where(expected > 0, expected, 1.0)).sum(axis=(-2, -1)))


def _cut_spread(count: NDArray[Any]) -> FloatArray:
    """Weighted variance over areas of the distances between cumulative log-odds, for (sample, area, status)."""
    better = np.cumsum(count, axis=-1)[..., :-1]
    targets = count.sum(axis=-1)
    log_odds = np.log(better + 0.5) - np.log(targets[..., None] - better + 0.5)
    distance = np.diff(log_odds, axis=-1)
    weight = (targets / targets.sum(axis=-1, keepdims=True))[..., None]
    centre = (weight * distance).sum(axis=-2, keepdims=True)
    return np.asarray((weight * (distance - centre) ** 2).sum(axis=(-2, -1)))
