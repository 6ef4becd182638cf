"""The posterior beside the published or the frequentist estimates, term by term, in one table."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, require_kind, require_number, require_texts, shown
from ..evaluation import Evaluation
from ..inference.convergence import mixing
from ..inference.distributions import t_quantile
from ..inference.summary import equal_tails

FloatArray = NDArray[np.float64]
Rope = tuple[float, float] | Mapping[str, tuple[float, float]]

COLUMNS = (
    "ols_estimate", "ols_se", "ols_low", "ols_high", "mean", "sd", "low", "high", "prob_positive", "rope_below", "rope_inside",
    "rope_above", "shift_in_se", "sd_ratio", "ess_bulk", "ess_tail", "r_hat",
)  # fmt: skip


def compare(
    posterior: xr.DataTree,
    estimates: Evaluation | pd.DataFrame,
    *,
    prob: float = 0.95,
    interval: str = "eti",
    rope: Rope | None = None,
    variables: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Posterior beside what was published, or beside OLS (or another frequentist estimate), for every term.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit`. Its ``attrs["terms"]`` names the variables whose labels are terms.
    estimates : Evaluation or pandas.DataFrame
        From `read_estimates`; or a frame indexed by ``term`` with columns ``estimate`` and ``se``; ``ci_low`` and ``ci_high``
        are used where ``attrs["prob"]`` equals `prob`, otherwise the interval is made from ``se`` with ``attrs["df"]`` degrees
        of freedom (normal without).
    prob : float
        Probability of both intervals.
    interval : {"eti", "hdi"}
        Kind of posterior interval: equal-tailed or highest density.
    rope : tuple of float, or mapping of term to tuple, optional
        Region of practical equivalence, ``(low, high)`` in the term's units; terms that a mapping leaves out have
        none. The posterior *mass* below, inside and above it is given (it is not the share of an interval). Default: of an
        evaluation, its `smallest` effect to either side of none, for the terms in question.
    variables : sequence of str, optional
        Posterior variables to compare instead of those in ``attrs["terms"]``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``term`` in the order of `estimates`: ``published_estimate, published_se, published_low, published_high``
        of an evaluation, ``ols_estimate, ols_se, ols_low, ols_high`` of a frame; posterior ``mean, sd,
        low, high``; ``prob_positive`` (posterior probability above 0); ``rope_below, rope_inside, rope_above`` (NaN
        without a rope); ``shift_in_se`` (posterior mean minus estimate, in standard errors); ``sd_ratio`` (posterior
        s.d. over standard error); ``ess_bulk, ess_tail, r_hat``. Of an evaluation also ``prob_better`` (probability of an
        effect in the favourable direction; NaN where none is stated), ``prior_conflict`` (distance of the estimate from the
        prior mean over the root of their summed variances; above 3 the two are in conflict), and of ratios
        ``ratio_mean, ratio_low, ratio_high``, the exponentials of mean, low and high. Estimates that the model left out
        because they have no standard error have no row. Attrs ``interval``, ``prob``, ``rope``, ``origin``, and of an
        evaluation ``ratio``, ``better``, ``focus`` and ``n``.

    Raises
    ------
    DataError
        If a term of `estimates` is not in the posterior, or a setting is out of range.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> table = pd.DataFrame({"term": ["Target"], "estimate": [0.952], "se": [0.659]})
    >>> evaluation = bt.read_estimates(table, focus="Target", better="higher", smallest=0.5, hoped=1.0)
    >>> found = compare(bt.fit(bt.published_model(evaluation), seed=1), evaluation)
    >>> found.loc["Target", ["published_estimate", "mean", "low", "high", "prob_better", "rope_above"]].astype(float).round(2).tolist()
    [0.95, 0.94, -0.35, 2.22, 0.92, 0.75]
    """
    frame, regions = _prepared(estimates, rope)
    prob = require_number("prob", prob, above=0.0, below=1.0, expected="a probability between 0 and 1")
    if not isinstance(interval, str) or interval not in ("eti", "hdi"):
        raise DataError(
            f"interval is {shown(interval)}, expected 'eti' (equal-tailed) or 'hdi' (highest density)"
        )
    draws = term_draws(posterior, variables)
    options = json.loads(posterior.attrs.get("options", "{}")) if isinstance(estimates, Evaluation) else {}
    frame, draws = _matched(frame, draws, str(options.get("not_fitted", "")))
    by_chain = draws.transpose("term", "chain", "draw").to_numpy()
    flat = by_chain.reshape(len(by_chain), -1)
    low, high = _interval(draws, flat, prob, interval)
    estimate, se = _column(frame, "estimate"), _column(frame, "se")
    classical_low, classical_high = _classical_interval(frame, prob)
    mean, sd = flat.mean(axis=1), flat.std(axis=1, ddof=1)
    above = (flat > 0).mean(axis=1)
    below, inside, beyond = _masses(flat, [regions.get(str(term)) for term in frame.index])
    mixed = mixing(by_chain)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift, ratio = (mean - estimate) / se, sd / se
    values = (
        estimate, se, classical_low, classical_high, mean, sd, low, high, above, below, inside, beyond,
        shift, ratio,
        mixed.ess_bulk, mixed.ess_tail, mixed.r_hat,
    )  # fmt: skip
    table = pd.DataFrame(dict(zip(COLUMNS, values, strict=True)), index=frame.index)
    origin = posterior.attrs.get("origin", "observed")
    attrs: dict[Hashable, Any] = {"interval": interval, "prob": prob, "rope": rope, "origin": origin}
    if isinstance(estimates, Evaluation):
        table = _of_evaluation(table, estimates, posterior)
        attrs |= {
            "rope": regions or None,
            "ratio": estimates.ratio,
            "better": estimates.better,
            "focus": list(estimates.focal_terms),
            "n": estimates.n,
        }
    table.attrs = attrs
    return table


def smallest_effect(evaluation: Evaluation, term: str | None = None) -> float | None:
    """The smallest effect worth having of a term, as a distance from no effect on the table's own scale."""
    if evaluation.smallest is None:
        return None
    if evaluation.ratio:
        return abs(math.log(evaluation.smallest))
    return evaluation.smallest / (1.0 if term is None else scale_of(evaluation, term))


def scale_of(evaluation: Evaluation, term: str) -> float:
    """One scale of a term's predictor (its s.d.), 1 where the table does not say."""
    if "scale" not in evaluation.estimates.columns:
        return 1.0
    scale = evaluation.estimates.loc[[term], "scale"].to_numpy(float)[0]
    return float(scale) if scale > 0 else 1.0


def _prepared(
    estimates: Evaluation | pd.DataFrame, rope: Rope | None
) -> tuple[pd.DataFrame, dict[str, tuple[float, float]]]:
    """The estimates by term, and each term's region."""
    if isinstance(estimates, Evaluation):
        frame = estimates.estimates
        if rope is None and estimates.smallest is not None:
            known = frame["scale"].notna() if "scale" in frame.columns else pd.Series(True, index=frame.index)
            terms = estimates.focal_terms or [str(term) for term in frame.index[known]]
            sizes = {term: smallest_effect(estimates, term) or 0.0 for term in terms}
            rope = {term: (-size, size) for term, size in sizes.items()}
    elif isinstance(estimates, pd.DataFrame):
        by_term = estimates.index.name == "term" or "term" not in estimates.columns
        frame = estimates if by_term else estimates.set_index("term")
        frame = frame.rename_axis("term")
    else:
        raise DataError(
            f"estimates: found {type(estimates).__name__}, expected an Evaluation, or a DataFrame indexed by term"
        )
    for column in ("estimate", "se"):
        if column not in frame.columns:
            raise DataError(f"estimates: no column {column!r}, expected columns estimate and se")
    if frame.index.nlevels > 1 or frame.index.has_duplicates:
        raise DataError("estimates: a term occurs more than once, expected an index of each term once")
    return frame, _regions(rope, [str(term) for term in frame.index])


def _matched(frame: pd.DataFrame, draws: xr.DataArray, not_fitted: str) -> tuple[pd.DataFrame, xr.DataArray]:
    """Rows and draws of the same terms, in the order of the rows."""
    known = [str(term) for term in draws["term"].to_numpy()]
    if not_fitted:
        # Only what the model has said to leave out may be missing.
        frame = frame[[str(term) in known or f"{term}: " not in not_fitted for term in frame.index]]
    for term in frame.index:
        if str(term) not in known:
            raise DataError(f"the posterior has no term {term!r}: {did_you_mean(str(term), known)}")
    return frame, draws.sel(term=[str(term) for term in frame.index])


def _column(frame: pd.DataFrame, name: str) -> FloatArray:
    try:
        return frame[name].to_numpy(float)
    except (TypeError, ValueError):
        raise DataError(f"estimates, column {name!r}: holds what is no number, expected numbers") from None


def _of_evaluation(table: pd.DataFrame, evaluation: Evaluation, posterior: xr.DataTree) -> pd.DataFrame:
    """Columns that only an evaluation has, and its own names for those that print has."""
    conflict = json.loads(posterior.attrs.get("prior_conflict", "{}"))
    positive = table["prob_positive"]
    better = {"higher": positive, "lower": 1.0 - positive}.get(evaluation.better or "", math.nan)
    table.insert(9, "prob_better", better)
    table.insert(15, "prior_conflict", [float(conflict.get(str(term), math.nan)) for term in table.index])
    if evaluation.ratio:
        for place, name in enumerate(("mean", "low", "high"), 16):
            table.insert(place, f"ratio_{name}", np.exp(table[name]))
    return table.rename(columns=lambda name: str(name).replace("ols_", "published_"))


def term_draws(posterior: xr.DataTree, variables: Sequence[str] | None = None) -> xr.DataArray:
    """Posterior draws of every term as one array."""
    if not isinstance(posterior, xr.DataTree) or "posterior" not in posterior.children:
        raise DataError("the posterior group is missing, expected the DataTree that fit gives")
    group = posterior["posterior"].to_dataset()
    if variables is None:
        names = json.loads(posterior.attrs["terms"]) if "terms" in posterior.attrs else list(group.data_vars)
    else:
        names = list(require_texts("variables", variables))
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
    require_kind("table", table, pd.DataFrame, "the DataFrame that compare returns")
    for column in ("low", "high"):
        if column not in table:
            raise DataError(f"table: no column {column!r}, expected what compare returns")
    return [str(term) for term in table.index[(table["low"] > 0) | (table["high"] < 0)]]


def _regions(rope: Rope | None, terms: Sequence[str]) -> dict[str, tuple[float, float]]:
    if rope is None:
        return {}
    each = rope.items() if isinstance(rope, Mapping) else ((term, rope) for term in terms)
    return {str(term): _region(str(term), region) for term, region in each}


def _region(term: str, region: object) -> tuple[float, float]:
    wrong = DataError(f"rope of {term!r} is {region!r}, expected two numbers, the lower first")
    if isinstance(region, str) or not isinstance(region, Sequence | np.ndarray) or len(region) != 2:
        raise wrong
    try:
        low, high = (require_number("rope", end) for end in region)
    except DataError:
        raise wrong from None
    if not low < high:
        raise wrong
    return low, high


def _interval(
    draws: xr.DataArray, flat: FloatArray, prob: float, interval: str
) -> tuple[FloatArray, FloatArray]:
    if interval == "eti":
        return equal_tails(flat, prob, axis=-1)
    import arviz_stats

    values = arviz_stats.hdi(draws, prob=prob).transpose("term", ...).to_numpy()
    return values[:, 0], values[:, 1]


def _classical_interval(frame: pd.DataFrame, prob: float) -> tuple[FloatArray, FloatArray]:
    if {"ci_low", "ci_high"} <= set(frame.columns) and frame.attrs.get("prob", 0.95) == prob:
        return _column(frame, "ci_low"), _column(frame, "ci_high")
    every = np.full(len(frame), frame.attrs.get("df", math.inf) or math.inf)
    df = _column(frame, "df") if "df" in frame.columns else every
    # Without a number of degrees of freedom the error is normal.
    df = np.where(df > 0, df, math.inf)
    ends = {own: t_quantile((1 + prob) / 2, own) for own in set(df.tolist())}
    reach = np.array([ends[own] for own in df.tolist()]) * _column(frame, "se")
    estimate = _column(frame, "estimate")
    return estimate - reach, estimate + reach


def _masses(flat: FloatArray, regions: Sequence[tuple[float, float] | None]) -> tuple[FloatArray, ...]:
    """Posterior mass below, inside and above each term's region; NaN where it has none."""
    ends = [region or (math.nan, math.nan) for region in regions]
    low, high = np.array(ends).reshape(-1, 2).T
    below, above = (flat < low[:, None]).mean(axis=1), (flat > high[:, None]).mean(axis=1)
    below[np.isnan(low)] = above[np.isnan(low)] = math.nan
    return below, 1.0 - below - above, above
