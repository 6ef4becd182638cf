"""The frequentist side of shares: Wilson intervals, Fisher's exact test, chi-square with its warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, require_number, require_texts
from ..inference.distributions import normal_quantile
from ..inference.summary import summarise_draws
from ..models.success.estimands import rank_probabilities, status_share
from ..readers.counts import require_counts

_RAW = {"ols_estimate": "estimate", "ols_low": "ci_low", "ols_high": "ci_high"}
_SMALL = 5.0


def raw_shares(counts: xr.Dataset, *, success: Sequence[str] | str, prob: float = 0.95) -> pd.DataFrame:
    """Raw share of successes by area with Wilson score intervals.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`: ``count (area, status)``.
    success : sequence of str
        Statuses that count as success.
    prob : float
        Confidence level of the Wilson interval (Wilson 1927).

    Returns
    -------
    pandas.DataFrame
        Indexed by ``term`` (the area): ``estimate`` (share, 0 to 1), ``se`` (Wald, 0 at shares of 0 and 1),
        ``ci_low``, ``ci_high``, ``successes``, ``n``; attrs ``prob``, ``interval``.

    Raises
    ------
    DataError
        If `success` names a status that is not there.

    Examples
    --------
    >>> from bayes_targets.readers.counts import read_counts
    >>> table = pd.DataFrame({"area": ["Fire"], "green": [1], "amber": [1], "red": [1]})
    >>> raw_shares(read_counts(table), success=("green",)).round(3).loc["Fire", ["ci_low", "ci_high"]].tolist()
    [0.061, 0.792]
    """
    hits, n = _hits(counts, success)
    share = hits / n
    prob = require_number("prob", prob, above=0.0, below=1.0)
    z2 = float(normal_quantile(0.5 + prob / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) / (1 + z2 / n)
    table = pd.DataFrame(
        {
            "estimate": share,
            "se": np.sqrt(share * (1 - share) / n),
            "ci_low": np.maximum(centre - half, 0.0),
            "ci_high": np.minimum(centre + half, 1.0),
            "successes": hits,
            "n": n,
        },
        index=pd.Index(counts["area"].to_numpy(), name="term"),
    )
    table.attrs = {"prob": prob, "interval": "Wilson"}
    return table


def fisher_tests(
    counts: xr.Dataset,
    pairs: Mapping[str, tuple[str, str]],
    *,
    success: Sequence[str] | str,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Compare areas two by two: log odds ratio and Fisher's exact test.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`.
    pairs : mapping of str to tuple of str
        Name of each contrast and its two areas, the first against the second, as in `area_contrasts`.
    success : sequence of str
        Statuses that count as success.
    prob : float
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``term`` (the contrast), so that `compare` sets it beside the posterior of `area_contrasts`:
        ``estimate`` (log of the sample's odds ratio; infinite where a cell is 0), ``se`` (Woolf 1955), ``ci_low``
        and ``ci_high`` (exact, from the conditional distribution that the test uses), ``odds_ratio``,
        ``difference`` in share, ``p_fisher`` (two-tailed), ``note``. Attrs ``prob``, ``interval``.

    Raises
    ------
    DataError
        If an area or a status is not there.

    Examples
    --------
    >>> from bayes_targets.readers.counts import read_counts
    >>> table = pd.DataFrame({"area": ["milk", "tea"], "yes": [3, 1], "no": [1, 3]})
    >>> counts = read_counts(table, statuses=["yes", "no"])
    >>> fisher_tests(counts, {"tasting": ("milk", "tea")}, success="yes")["p_fisher"].round(3).item()
    0.486
    """
    from scipy import stats

    hits, n = _hits(counts, success)
    areas = [str(area) for area in counts["area"].to_numpy()]
    rows = {}
    for name, pair in pairs.items():
        for area in pair:
            if area not in areas:
                raise DataError(f"contrast {name!r}: no area {area!r}, {did_you_mean(area, areas)}")
        first, second = (areas.index(area) for area in pair)
        cells = np.array([[hits[i], n[i] - hits[i]] for i in (first, second)])
        exact = stats.contingency.odds_ratio(cells).confidence_interval(prob)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(cells[0, 0]) + np.log(cells[1, 1]) - np.log(cells[0, 1]) - np.log(cells[1, 0])
            se, low, high = np.sqrt((1.0 / cells).sum()), np.log(exact.low), np.log(exact.high)
        rows[name] = (
            ratio, se, low, high, np.exp(ratio), hits[first] / n[first] - hits[second] / n[second],
            stats.fisher_exact(cells).pvalue,
            _zero_note(cells),
        )  # fmt: skip
    columns = ["estimate", "se", "ci_low", "ci_high", "odds_ratio", "difference", "p_fisher", "note"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("term")
    table.attrs = {"prob": prob, "interval": "exact conditional"}
    return table


def _zero_note(cells: NDArray[np.int64]) -> str:
    if not cells.any(axis=0).all():
        return "all or none of both succeeded: there is no odds ratio"
    return "" if cells.all() else "a cell is 0: the estimate is not finite, the interval has one end"


def chi_square(counts: xr.Dataset) -> pd.DataFrame:
    """Pearson's chi-square test that the shares of the statuses are the same in all areas.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`.

    Returns
    -------
    pandas.DataFrame
        One row: ``statistic``, ``df``, ``p``, ``smallest_expected`` (count), ``cells_below_5`` (cells with an
        expected count below 5), ``cells``, ``note``: a warning where more than a fifth of the cells are below
        5 or one is below 1 (Cochran 1954), as p may then be wrong. Statuses without a target are left out.

    Raises
    ------
    DataError
        If fewer than two areas or two statuses have targets.

    Examples
    --------
    >>> from bayes_targets.readers.counts import read_counts
    >>> table = pd.DataFrame({"area": ["national", "local"], "green": [37, 24], "red": [74, 20]})
    >>> chi_square(read_counts(table))[["statistic", "df", "note"]].round(2).to_numpy().tolist()
    [[5.94, 1, '']]
    """
    from scipy.special import chdtrc

    cells = require_counts(counts)["count"].transpose("area", "status").to_numpy()
    cells = cells[cells.sum(axis=1) > 0][:, cells.sum(axis=0) > 0]
    if min(cells.shape) < 2:
        raise DataError(
            f"chi-square: found {cells.shape[0]} areas and {cells.shape[1]} used statuses, expected two"
        )
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    statistic = float(((cells - expected) ** 2 / expected).sum())
    df = (cells.shape[0] - 1) * (cells.shape[1] - 1)
    below = int((expected < _SMALL).sum())
    poor = below > 0.2 * expected.size or expected.min() < 1
    row = {
        "statistic": statistic,
        "df": df,
        "p": float(chdtrc(df, statistic)),
        "smallest_expected": float(expected.min()),
        "cells_below_5": below,
        "cells": int(expected.size),
        "note": f"{below} of {expected.size} expected counts are below 5: p may be wrong" if poor else "",
    }
    return pd.DataFrame([row])


def _hits(counts: xr.Dataset, success: Sequence[str] | str) -> tuple[np.ndarray, np.ndarray]:
    """Successes and targets by area."""
    chosen = list(require_texts("success", success))
    require_counts(counts)
    known = [str(status) for status in counts["status"].to_numpy()]
    unknown = [status for status in chosen if status not in known]
    if unknown:
        raise DataError(f"success: no status {unknown[0]!r}, expected one of {', '.join(known)}")
    hits = counts["count"].sel(status=chosen).sum("status").to_numpy()
    return hits, counts["count"].sum("status").to_numpy()


def area_shares(posterior: xr.DataTree, counts: xr.Dataset, *, success: Sequence[str] | str) -> pd.DataFrame:
    """Share by area as counted and as pooled, with the way that it shrank; 95% intervals."""
    chosen = (success,) if isinstance(success, str) else tuple(success)
    share = status_share(posterior, chosen)
    overall = status_share(posterior, chosen, variable="overall_share")
    raw = raw_shares(counts, success=chosen).rename_axis("area")
    table = summarise_draws(share).drop(columns="median").loc[raw.index]
    ranks = rank_probabilities(share)
    table.insert(0, "n", raw["n"])
    for place, (ours, theirs) in enumerate(_RAW.items(), 1):
        table.insert(place, ours, raw[theirs])
    way = table["ols_estimate"] - float(overall.mean())
    table["shrinkage"] = ((table["ols_estimate"] - table["mean"]) / way).where(way.abs() > 0.01)
    table["prob_best"], table["prob_worst"] = ranks[1], ranks[len(ranks)]
    table["prob_above_average"] = (share > overall).mean(("chain", "draw")).to_series()
    table.attrs = {
        "interval": "eti",
        "prob": 0.95,
        "ols_interval": "Wilson",
        "overall": float(overall.mean()),
        "origin": posterior.attrs.get("origin", "observed"),
    }
    return table
