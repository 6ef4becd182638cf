"""Proportional odds by maximum likelihood: the frequentist counterpart of the ordinal success model."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError
from ..models.success.shares import expit
from ..readers.counts import require_counts
from .ols import t_table

FloatArray = NDArray[np.float64]
# A log odds ratio that large means odds of 3 million to 1: the likelihood still rises towards infinity.
_RUNAWAY = 15.0
# Steps of the search at most, halvings of one, and what a step adds to the log likelihood from which on there is none after it.
_MOST_STEPS, _MOST_HALVINGS, _NEAR = 100, 30, 1e-18


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
    count = require_counts(counts)["count"].transpose("area", "status").to_numpy()[:, ::-1]
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
        # Cutpoints are those of an area with average covariates, as the posterior's are.
        predictors = counts["predictor"].transpose("area", "covariate").to_numpy()
        return _table(_maximise(count, predictors - predictors.mean(axis=0)), [*cuts, *names], prob)
    return _by_area(count, areas, cuts, prob)


def _by_area(count: NDArray[np.int64], areas: list[str], cuts: list[str], prob: float) -> pd.DataFrame:
    total = count.sum(axis=1)
    infinite = dict.fromkeys(np.flatnonzero(count[:, -1] == total), "best")
    infinite |= dict.fromkeys(np.flatnonzero(count[:, 0] == total), "worst")
    kept = [i for i in range(len(areas)) if i not in infinite]
    terms = [*cuts, *areas]
    if len(kept) < 2 or (count[kept].sum(axis=0) == 0).any():
        return _table(None, terms, prob)
    # Deviations from the average area add up to 0: all but the last are free.
    free = np.vstack([np.eye(len(kept) - 1), np.full(len(kept) - 1, -1.0)])
    found = _maximise(count[kept], free)
    if found is not None:
        change = np.zeros((len(cuts) + len(kept), len(found[0])))
        change[: len(cuts), : len(cuts)] = np.eye(len(cuts))
        change[len(cuts) :, len(cuts) :] = free
        found = change @ found[0], change @ found[1] @ change.T
    table = _table(found, [*cuts, *(areas[i] for i in kept)], prob).reindex(terms)
    for i, place in infinite.items():
        table.loc[areas[i], "estimate"] = np.inf if place == "best" else -np.inf
        table.loc[areas[i], "note"] = f"all targets are of the {place} status: the estimate is infinite"
    table.attrs = {"prob": prob, "interval": "Wald"}
    return table.rename_axis("term")


def _maximise(count: NDArray[np.int64], predictors: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Cutpoints, worst first, then coefficients where the likelihood of counts (area, status) is largest, and their covariance.

    Newton's method: the log likelihood is concave (Pratt 1981). None where it has no maximum.
    """
    cuts, below = count.shape[1] - 1, np.cumsum(count.sum(axis=0))[:-1]
    # Ends of each status on the scale of the logit, by the parameters: (area, end, parameter). The outer ones are infinite.
    ends = np.concatenate(
        [np.tile(np.eye(cuts), (len(count), 1, 1)), np.tile(-predictors[:, None], (1, cuts, 1))], axis=2
    )
    values = np.concatenate([np.log(below / (count.sum() - below)), np.zeros(predictors.shape[1])])
    value, slope, information = _log_likelihood(count, ends, values)
    for _ in range(_MOST_STEPS):
        size = np.sqrt(np.maximum(np.diag(information), 1e-300))
        if np.linalg.matrix_rank(information / np.outer(size, size)) < len(size):
            return None
        step = np.linalg.solve(information, slope)
        found = slope @ step < _NEAR
        for _ in range(_MOST_HALVINGS):
            better = _log_likelihood(count, ends, values + step)
            if better[0] >= value:
                break
            step /= 2
        else:
            return None
        values, (value, slope, information) = values + step, better
        if np.abs(values).max() > _RUNAWAY:
            return None
        if found:
            return values, np.linalg.inv(information)
    return None


def _log_likelihood(
    count: NDArray[np.int64], ends: FloatArray, values: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log likelihood of cutpoints and coefficients, its slopes, and minus its second derivatives."""
    below = expit(ends @ values)
    density = below * (1.0 - below)
    share = np.diff(below, axis=1, prepend=0.0, append=1.0)
    if (share <= 0).any():
        return -np.inf, values, ends[0].T @ ends[0]
    # Slopes of each status' log share in its upper and in its lower end.
    upper, lower = density / share[:, :-1], -density / share[:, 1:]
    bend = 1.0 - 2.0 * below
    first = count[:, :-1] * upper + count[:, 1:] * lower
    own = count[:, :-1] * upper * (bend - upper) + count[:, 1:] * lower * (bend - lower)
    both = -count[:, 1:-1] * lower[:, :-1] * upper[:, 1:]
    second = np.einsum("ae,aep,aeq->pq", own, ends, ends)
    cross = np.einsum("ae,aep,aeq->pq", both, ends[:, :-1], ends[:, 1:])
    log_likelihood = float((count * np.log(share)).sum())
    return log_likelihood, np.einsum("ae,aep->p", first, ends), -(second + cross + cross.T)


def _table(found: tuple[FloatArray, FloatArray] | None, terms: list[str], prob: float) -> pd.DataFrame:
    estimate, covariance = found or (np.full(len(terms), np.nan), np.full((len(terms),) * 2, np.nan))
    whole = t_table(terms, estimate, np.sqrt(np.diag(covariance)), df=np.inf, prob=prob)
    table = whole[["estimate", "se", "ci_low", "ci_high", "p_two_tailed"]]
    table = table.assign(note="no finite maximum of the likelihood was found" if found is None else "")
    table.attrs = {"prob": prob, "interval": "Wald"}
    return table
