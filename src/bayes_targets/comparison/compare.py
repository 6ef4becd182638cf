"""The posterior beside the frequentist estimates, term by term, in one table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean
from ..inference.convergence import mixing
from ..inference.distributions import normal_quantile, t_quantile

FloatArray = NDArray[np.float64]

COLUMNS = (
    "ols_estimate",
    "ols_se",
    "ols_low",
    "ols_high",
    "mean",
    "sd",
    "low",
    "high",
    "prob_positive",
    "rope_below",
    "rope_inside",
    "rope_above",
    "shift_in_se",
    "sd_ratio",
    "ess_bulk",
    "ess_tail",
    "r_hat",
)


def compare(
    posterior: xr.DataTree,
    ols: pd.DataFrame,
    *,
    prob: float = 0.95,
    interval: str = "eti",
    rope: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    variables: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Posterior beside OLS (or another frequentist estimate) for every term of `ols`.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit`. Its ``attrs["terms"]`` names the variables whose labels are terms.
    ols : pandas.DataFrame
        Indexed by ``term`` with columns ``estimate`` and ``se``; ``ci_low`` and ``ci_high`` are used where
        ``attrs["prob"]`` equals `prob`, otherwise the interval is made from ``se`` with ``attrs["df"]`` degrees of
        freedom (normal without).
    prob : float
        Probability of both intervals.
    interval : {"eti", "hdi"}
        Kind of posterior interval: equal-tailed or highest density.
    rope : tuple of float, or mapping of term to tuple, optional
        Region of practical equivalence, ``(low, high)`` in the term's units; terms that a mapping leaves out have
        none. The posterior *mass* below, inside and above it is given (it is not the share of an interval).
    variables : sequence of str, optional
        Posterior variables to compare instead of those in ``attrs["terms"]``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``term`` in the order of `ols`: ``ols_estimate, ols_se, ols_low, ols_high``; posterior ``mean, sd,
        low, high``; ``prob_positive`` (posterior probability above 0); ``rope_below, rope_inside, rope_above`` (NaN
        without a rope); ``shift_in_se`` (posterior mean minus estimate, in standard errors); ``sd_ratio`` (posterior
        s.d. over standard error); ``ess_bulk, ess_tail, r_hat``. Attrs ``interval``, ``prob``, ``rope``,
        ``origin``.

    Raises
    ------
    DataError
        If a term of `ols` is not in the posterior, or a setting is out of range.
    """
    ropes = _ropes(rope, ols)
    _check_settings(prob, interval, ropes)
    draws = term_draws(posterior, variables)
    frame = ols if ols.index.name == "term" else ols.set_index("term") if "term" in ols.columns else ols
    known = [str(term) for term in draws["term"].to_numpy()]
    for term in frame.index:
        if term not in known:
            raise DataError(f"the posterior has no term {term!r}: {did_you_mean(str(term), known)}")
    draws = draws.sel(term=frame.index.to_numpy())
    by_chain = draws.transpose("term", "chain", "draw").to_numpy()
    flat = by_chain.reshape(len(by_chain), -1)
    low, high = _interval(draws, flat, prob, interval)
    estimate, se = frame["estimate"].to_numpy(float), frame["se"].to_numpy(float)
    ols_low, ols_high = _ols_interval(frame, prob)
    mean, sd = flat.mean(axis=1), flat.std(axis=1, ddof=1)
    below, inside, above = _masses(flat, [ropes.get(str(term)) for term in frame.index])
    mixed = [mixing(chains) for chains in by_chain]
    with np.errstate(divide="ignore", invalid="ignore"):
        shift, ratio = (mean - estimate) / se, sd / se
    values = (
        estimate, se, ols_low, ols_high, mean, sd, low, high, (flat > 0).mean(axis=1), below, inside, above,
        shift, ratio,
        *([getattr(one, measure) for one in mixed] for measure in COLUMNS[-3:]),
    )  # fmt: skip
    table = pd.DataFrame(dict(zip(COLUMNS, values, strict=True)), index=frame.index.rename("term"))
    table.attrs = {
        "interval": interval,
        "prob": prob,
        "rope": rope,
        "origin": posterior.attrs.get("origin", "observed"),
    }
    return table


def term_draws(posterior: xr.DataTree, variables: Sequence[str] | None = None) -> xr.DataArray:
    """Posterior draws of every term as one array.

    Parameters
    ----------
    posterior : xarray.DataTree
        With ``attrs["terms"]`` (JSON list of variable names); without it every variable is taken.
    variables : sequence of str, optional
        Which variables to take instead.

    Returns
    -------
    xarray.DataArray
        Dims ``chain``, ``draw``, ``term``. A scalar variable is a term by its own name, a labelled one gives a
        term a label.

    Raises
    ------
    DataError
        If there is no posterior group, or two terms have one name.
    """
    if "posterior" not in posterior.children:
        raise DataError("the posterior group is missing, expected the DataTree that fit gives")
    group = posterior["posterior"].to_dataset()
    if variables is None:
        names = json.loads(posterior.attrs["terms"]) if "terms" in posterior.attrs else list(group.data_vars)
    else:
        names = list(variables)
    parts = []
    for name in names:
        if name not in group:
            hint = did_you_mean(str(name), [str(known) for known in group.data_vars])
            raise DataError(f"the posterior has no variable {name!r}: {hint}")
        variable = group[name]
        own = [dim for dim in variable.dims if dim not in ("chain", "draw")]
        if not own:
            parts.append(variable.reset_coords(drop=True).expand_dims(term=[str(name)]))
        elif len(own) == 1:
            labels = variable[own[0]].to_numpy().astype(str)
            renamed = variable if own[0] == "term" else variable.rename({own[0]: "term"})
            parts.append(renamed.reset_coords(drop=True).assign_coords(term=labels))
    if not parts:
        raise DataError("the posterior has no scalar or singly labelled variable to compare")
    joined = xr.concat(parts, dim="term", join="exact", coords="minimal", compat="override")
    labels = pd.Index(joined["term"].to_numpy())
    if labels.has_duplicates:
        twice = labels[labels.duplicated()][0]
        raise DataError(f"two posterior terms are named {twice!r}, expected each name once")
    return joined.rename("terms").transpose("chain", "draw", "term")


def clear_of_zero(table: pd.DataFrame) -> list[str]:
    """Terms whose posterior interval lies on one side of zero.

    Parameters
    ----------
    table : pandas.DataFrame
        From `compare`.

    Returns
    -------
    list of str
        In the order of the table.

    Examples
    --------
    >>> clear_of_zero(pd.DataFrame({"low": [-1.0, 0.2], "high": [1.0, 0.9]}, index=["a", "b"]))
    ['b']
    """
    return [str(term) for term in table.index[(table["low"] > 0) | (table["high"] < 0)]]


def _ropes(
    rope: tuple[float, float] | Mapping[str, tuple[float, float]] | None, ols: pd.DataFrame
) -> dict[str, tuple[float, float]]:
    if rope is None:
        return {}
    if isinstance(rope, Mapping):
        return dict(rope)
    terms = ols.index if ols.index.name == "term" or "term" not in ols.columns else ols["term"]
    return {str(term): rope for term in terms}


def _check_settings(prob: float, interval: str, ropes: Mapping[str, tuple[float, float]]) -> None:
    if not 0 < prob < 1:
        raise DataError(f"prob is {prob!r}, expected a probability between 0 and 1")
    if interval not in ("eti", "hdi"):
        raise DataError(f"interval is {interval!r}, expected 'eti' (equal-tailed) or 'hdi' (highest density)")
    for term, rope in ropes.items():
        if not (isinstance(rope, Sequence) and len(rope) == 2 and rope[0] < rope[1]):
            raise DataError(f"rope of {term!r} is {rope!r}, expected two numbers, the lower first")


def _interval(
    draws: xr.DataArray, flat: FloatArray, prob: float, interval: str
) -> tuple[FloatArray, FloatArray]:
    if interval == "eti":
        low, high = np.quantile(flat, [(1 - prob) / 2, (1 + prob) / 2], axis=1)
        return low, high
    import arviz_stats

    values = arviz_stats.hdi(draws, prob=prob).transpose("term", ...).to_numpy()
    return values[:, 0], values[:, 1]


def _ols_interval(frame: pd.DataFrame, prob: float) -> tuple[FloatArray, FloatArray]:
    if {"ci_low", "ci_high"} <= set(frame.columns) and frame.attrs.get("prob", 0.95) == prob:
        return frame["ci_low"].to_numpy(float), frame["ci_high"].to_numpy(float)
    df = frame.attrs.get("df")
    reach = normal_quantile((1 + prob) / 2) if df is None else t_quantile((1 + prob) / 2, df)
    estimate, se = frame["estimate"].to_numpy(float), frame["se"].to_numpy(float)
    return estimate - reach * se, estimate + reach * se


def _masses(
    flat: FloatArray, ropes: list[tuple[float, float] | None]
) -> tuple[list[float], list[float], list[float]]:
    below, above = [], []
    for draws, rope in zip(flat, ropes, strict=True):
        below.append(float((draws < rope[0]).mean()) if rope else np.nan)
        above.append(float((draws > rope[1]).mean()) if rope else np.nan)
    return below, [1.0 - low - high for low, high in zip(below, above, strict=True)], above
