"""Proportional odds by maximum likelihood: the frequentist counterpart of the ordinal success model."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError

FloatArray = NDArray[np.float64]
# A log odds ratio that large means odds of 3 million to 1: the likelihood still rises towards infinity.
_RUNAWAY = 15.0


@dataclass(frozen=True, eq=False)
class _Estimate:
    """Cutpoints, worst first, then coefficients, and their covariance."""

    values: FloatArray
    covariance: FloatArray
    converged: bool


def fit_proportional_odds(counts: xr.Dataset, *, prob: float = 0.95) -> pd.DataFrame:
    r"""Cumulative logit by maximum likelihood: areas as fixed effects, or covariates where there are any.

    .. math:: P(\text{status } k \text{ or better}) = \mathrm{logit}^{-1}(\theta - c_k)

    as in `success_model`, so a positive effect is better. Each area has an effect of its own, as a deviation
    from the average area (they add up to 0); or, where the counts carry covariates, areas differ by these only.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`, statuses best first.
    prob : float
        Confidence level of the Wald intervals.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``term``, with the labels that the ordinal posterior has for the same quantities (cutpoints such
        as ``red|amber``, then areas or covariates), so that `compare` sets them side by side: ``estimate``,
        ``se``, ``ci_low``, ``ci_high``, ``p_two_tailed``, ``note``. An area with all targets in the best, or all in
        the worst status has an infinite estimate: it is left out of the fit, as it says nothing about the
        rest, and the note tells. Where the likelihood has no maximum or the search failed, estimates are
        missing and the note tells. Attrs ``prob``, ``interval``.

    Raises
    ------
    DataError
        If a status has no target at all, or there is only one area.

    Examples
    --------
    >>> from bayes_targets.readers.counts import read_counts, with_covariate
    >>> table = pd.DataFrame({"area": ["national", "local"], "green": [37, 24], "red": [74, 20]})
    >>> local = with_covariate(read_counts(table), "is local", {"national": 0, "local": 1})
    >>> fit_proportional_odds(local).loc["is local", ["estimate", "se"]].astype(float).round(3).tolist()
    [0.875, 0.364]
    """
    count = counts["count"].transpose("area", "status").to_numpy()[:, ::-1]
    statuses = [str(status) for status in counts["status"].to_numpy()[::-1]]
    areas = [str(area) for area in counts["area"].to_numpy()]
    for status, total in zip(statuses, count.sum(axis=0), strict=True):
        if total == 0:
            raise DataError(f"proportional odds: status {status!r} has no target; leave it out")
    if len(areas) < 2:
        raise DataError("proportional odds: found one area, expected two or more")
    cuts = [f"{low}|{high}" for low, high in pairwise(statuses)]
    if "predictor" in counts:
        names = [str(name) for name in counts["covariate"].to_numpy()]
        found = _maximise(count, counts["predictor"].transpose("area", "covariate").to_numpy())
        table = _table(found, [*cuts, *names], prob)
        centre = counts["predictor"].mean("area").to_numpy()
        return _at_average(found, table, cuts, centre, prob)
    return _by_area(count, areas, cuts, prob)


def _by_area(count: NDArray[np.int64], areas: list[str], cuts: list[str], prob: float) -> pd.DataFrame:
    total = count.sum(axis=1)
    infinite = dict.fromkeys(np.flatnonzero(count[:, -1] == total), "best")
    infinite |= dict.fromkeys(np.flatnonzero(count[:, 0] == total), "worst")
    kept = [i for i in range(len(areas)) if i not in infinite]
    terms = [*cuts, *areas]
    if len(kept) < 2 or (count[kept].sum(axis=0) == 0).any():
        found = _Estimate(np.full(len(terms), np.nan), np.full((len(terms),) * 2, np.nan), False)
        return _table(found, terms, prob)
    dummies = np.eye(len(kept))[:, 1:]
    raw = _maximise(count[kept], dummies)
    # From differences to the first area to deviations from the average one; cutpoints move along.
    effects = np.vstack([np.zeros(len(kept) - 1), np.eye(len(kept) - 1)])
    mean = effects.mean(axis=0)
    upper = np.hstack([np.eye(len(cuts)), -np.tile(mean, (len(cuts), 1))])
    lower = np.hstack([np.zeros((len(kept), len(cuts))), effects - mean])
    change = np.vstack([upper, lower])
    moved = _Estimate(change @ raw.values, change @ raw.covariance @ change.T, raw.converged)
    table = _table(moved, [*cuts, *(areas[i] for i in kept)], prob).reindex(terms)
    for i, place in infinite.items():
        table.loc[areas[i], "estimate"] = np.inf if place == "best" else -np.inf
        table.loc[areas[i], "note"] = f"all targets are of the {place} status: the estimate is infinite"
    table.attrs = {"prob": prob, "interval": "Wald"}
    return table.rename_axis("term")


def _at_average(
    found: _Estimate, table: pd.DataFrame, cuts: list[str], centre: FloatArray, prob: float
) -> pd.DataFrame:
    """Cutpoints of an area with average covariates, which is what the posterior's are."""
    change = np.eye(len(table))
    change[: len(cuts), len(cuts) :] = -centre
    moved = _Estimate(change @ found.values, change @ found.covariance @ change.T, found.converged)
    return _table(moved, list(table.index), prob)


def _maximise(count: NDArray[np.int64], predictors: FloatArray) -> _Estimate:
    """Maximise the likelihood of counts (area, status), worst first, given predictors (area, term)."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    areas, statuses = (index.ravel() for index in np.indices(count.shape))
    rows = np.repeat(areas, count.ravel())
    outcome = pd.Series(pd.Categorical(np.repeat(statuses, count.ravel()), ordered=True))
    model = OrderedModel(outcome, predictors[rows], distr="logit")
    with warnings.catch_warnings():
        # What these warn of is checked below and told in the note.
        warnings.simplefilter("ignore")
        result = model.fit(method="bfgs", maxiter=1000, gtol=1e-7, disp=False)
        covariance = np.asarray(result.cov_params(), dtype=float)
    slopes = predictors.shape[1]
    raw = np.asarray(result.params, dtype=float)
    steps = np.concatenate([[1.0], np.exp(raw[slopes + 1 :])])
    cut = np.cumsum(np.concatenate([[raw[slopes]], steps[1:]]))
    change = np.zeros((len(raw), len(raw)))
    change[: len(cut), slopes:] = np.tril(np.ones((len(cut), len(cut)))) * steps
    change[len(cut) :, :slopes] = np.eye(slopes)
    values = np.concatenate([cut, raw[:slopes]])
    moved = change @ covariance @ change.T
    finite = np.isfinite(moved).all() and (np.diag(moved) > 0).all() and np.abs(values).max() < _RUNAWAY
    return _Estimate(values, moved, bool(finite and result.mle_retvals.get("converged", False)))


def _table(found: _Estimate, terms: list[str], prob: float) -> pd.DataFrame:
    from scipy import stats

    estimate: Any = np.where(found.converged, found.values, np.nan)
    se = np.sqrt(np.where(found.converged, np.diag(found.covariance), np.nan))
    reach = stats.norm.ppf((1 + prob) / 2) * se
    table = pd.DataFrame(
        {
            "estimate": estimate,
            "se": se,
            "ci_low": estimate - reach,
            "ci_high": estimate + reach,
            "p_two_tailed": 2 * stats.norm.sf(np.abs(estimate) / se),
            "note": "" if found.converged else "no finite maximum of the likelihood was found",
        },
        index=pd.Index(terms, name="term"),
    )
    table.attrs = {"prob": prob, "interval": "Wald"}
    return table
