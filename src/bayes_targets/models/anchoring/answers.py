"""What a posterior of `anchoring_model` answers: the slope for each weight, tipping points, noise alone, drift to the mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...errors import DataError, require_number, shown
from ...inference.summary import equal_tails, quantiles, tails
from ...model import require_fit_of
from .likelihood import design_of, parameters_of
from .world import PARAMETERS, STATISTICS, Design, by_name, print_statistics, simulate_areas

FloatArray = npt.NDArray[np.float64]

LABELS = {
    **{
        f"{what}_{of}": f"{name}, {words}"
        for of, name in (("before", "score before"), ("after", "score after"), ("stretch", "stretch"))
        for what, words in (("mean", "mean"), ("sd", "s.d."), ("min", "smallest"), ("max", "largest"))
    },
    "slope": "slope of stretch",
    "slope_se": "its robust s.e.",
    "r2_with": "R² with stretch",
    "r2_without": "R² without stretch",
}
_WINDOW = 0.1
_FEWEST = 100


def slope_by_weight(
    posterior: xr.DataTree,
    weights: Sequence[float] | None = None,
    *,
    error_seen: float | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Causal slope if targets were set with a given weight of the later score.

    Parameters
    ----------
    posterior : xarray.DataTree
        Of `anchoring_model`.
    weights : sequence of float, optional
        From 0 (set from the score before) to 1 (from the score after); by default 0, 0.05, ..., 1.
    error_seen : float, optional
        What share of the survey error target setters had before them: 0 if they knew true levels, 1 if they took the
        survey's figures. By default as uncertain as in the posterior.
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Index ``weight``; ``median``, ``low``, ``high``, ``prob_positive``, and ``n_draws``, the draws that each row rests
        on: those with a weight within 0.1, moved to the weight (and the share) along their regression. The prior
        of the weight plays no part. ``mcse`` is the Monte Carlo standard error of the median, ``mcse_interval`` the larger one of
        the ends, ``prob_error`` that of the probability, from the differences between chains. Attrs ``interval``, ``prob``, ``origin``.

    Raises
    ------
    DataError
        If a weight or share is not between 0 and 1, or fewer than 100 draws are near the weight.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> posterior = bt.fit(bt.anchoring_model(bt.simulate_anchoring(seed=1)), draws=500, seed=1)
    >>> band = slope_by_weight(posterior, [0.0, 1.0])
    >>> bool(band["median"].iloc[0] > band["median"].iloc[1])  # the later the score they were set from, the smaller
    True
    """
    w, b, seen = (_draws(posterior, name) for name in ("anchor_weight", "causal_slope", "error_seen"))
    sizes = posterior["posterior"].sizes
    chain = np.repeat(np.arange(sizes["chain"]), sizes["draw"])
    rows = {}
    if weights is not None and (isinstance(weights, str | bytes | Mapping) or not np.iterable(weights)):
        raise DataError(f"weights: found {shown(weights)}, expected a list of numbers")
    for weight in np.linspace(0, 1, 21).round(2) if weights is None else weights:
        for name, share in (("weights", weight), ("error_seen", 0.0 if error_seen is None else error_seen)):
            require_number(name, share, above=-1e-12, below=1 + 1e-12, expected="0 to 1")
        near = np.abs(w - weight) <= _WINDOW
        away = [w - weight]
        if error_seen is not None:
            away.append(seen - error_seen)
        if near.sum() < _FEWEST:
            raise DataError(
                f"weights: {near.sum()} draws are near {weight:g}, expected {_FEWEST} or more: draw more, "
                "or use an even prior"
            )
        columns = np.column_stack([np.ones(near.sum()), *(distance[near] for distance in away)])
        line = np.linalg.lstsq(columns, b[near], rcond=None)[0]
        moved = b[near] - columns[:, 1:] @ line[1:]
        row = _slope_row(moved, prob)
        each = pd.DataFrame([_slope_row(moved[chain[near] == c], prob) for c in np.unique(chain[near])]).sem()
        ends = {"mcse_interval": each[["low", "high"]].max(), "prob_error": each["prob_positive"]}
        rows[float(weight)] = row | {"n_draws": int(near.sum()), "mcse": each["median"]} | ends
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("weight")
    table.attrs = {"interval": "eti", "prob": prob, "origin": posterior.attrs.get("origin")}
    return table


def _slope_row(slopes: FloatArray, prob: float) -> dict[str, float]:
    low, median, high = _low_median_high(slopes, prob)
    return {"median": median, "low": low, "high": high, "prob_positive": float((slopes > 0).mean())}


def tipping_points(band: pd.DataFrame, levels: Sequence[float] = (0.9, 0.5)) -> pd.Series:
    """The smallest weight at which the probability of a positive causal slope falls below each level.

    Parameters
    ----------
    band : pandas.DataFrame
        From `slope_by_weight`.
    levels : sequence of float
        Probabilities.

    Returns
    -------
    pandas.Series
        Index ``level``; weights, by linear interpolation; NaN where the probability stays above up to a weight of 1.

    Examples
    --------
    >>> band = pd.DataFrame({"prob_positive": [1.0, 0.8]}, index=[0.0, 1.0])
    >>> tipping_points(band).round(2).tolist()
    [0.5, nan]
    """
    numeric = pd.api.types.is_numeric_dtype
    if (
        not isinstance(band, pd.DataFrame)
        or "prob_positive" not in band
        or not (numeric(band.index) and numeric(band["prob_positive"]))
    ):
        raise DataError(f"band: found {shown(band)}, expected what slope_by_weight returns")
    weights, probability = band.index.to_numpy(float), band["prob_positive"].to_numpy(float)
    found = {}
    if isinstance(levels, str | bytes | Mapping) or not np.iterable(levels):
        raise DataError(f"levels: found {shown(levels)}, expected a list of probabilities")
    for level in levels:
        require_number("levels", level)
        below = np.flatnonzero(probability < level)
        found[level] = np.nan
        if below.size:
            between = [below[0], max(below[0] - 1, 0)]
            found[level] = float(np.interp(level, probability[between], weights[between]))
    return pd.Series(found, name="weight", dtype=float).rename_axis("level")


def noise_alone(posterior: xr.DataTree, *, seed: int, prob: float = 0.95) -> pd.DataFrame:
    """The slope of stretch that survey noise alone gives: targets set from the score before, and without any effect.

    Parameters
    ----------
    posterior : xarray.DataTree
        Of `anchoring_model`; areas are as its draws say, ambition such that stretch keeps its spread.
    seed : int
        Seed of the simulated studies.
    prob : float
        Probability of the equal-tailed predictive interval of one study's slope.

    Returns
    -------
    pandas.DataFrame
        Index ``set_from``: "the true level" (stretch then contains the error of the score before, as the change does) and
        "the survey's figure" (it does not); ``mean``, ``low``, ``high`` and ``share_of_printed``, mean over the printed slope.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> posterior = bt.fit(bt.anchoring_model(bt.simulate_anchoring(seed=1)), draws=500, seed=1)
    >>> list(noise_alone(posterior, seed=1).index)
    ['the true level', "the survey's figure"]
    """
    design, printed = _known(posterior)
    rows = parameters_of(posterior["posterior"].to_dataset())
    share, unit = (design.n_targets - design.n_missing) / len(design.used), printed["mean_before"] / 100
    asked = unit * printed["mean_stretch"] / share
    gap = (unit * printed["sd_stretch"]) ** 2 / share - (1 - share) * asked**2
    found = {}
    for name, seen in (("the true level", 0.0), ("the survey's figure", 1.0)):
        ambition = np.sqrt(max(gap - (1 - seen) * design.survey_se**2, 1e-6))
        fixed = {"anchor_weight": 0.0, "causal_slope": 0.0, "error_seen": seen}
        fixed |= {"ambition_mean": asked, "ambition_sd": ambition}
        named = by_name(rows) | {n: np.full(len(rows), value) for n, value in fixed.items()}
        areas = simulate_areas(named, design, np.random.default_rng(seed))
        slopes = print_statistics(areas, design)["slope"]
        low, high = equal_tails(slopes, prob)
        row = {"mean": slopes.mean(), "low": low, "high": high}
        found[name] = row | {"share_of_printed": slopes.mean() / printed["slope"]}
    table = pd.DataFrame.from_dict(found, orient="index").rename_axis("set_from")
    table.attrs = {"interval": "eti", "prob": prob}
    return table


def gap_for_regression_to_mean(
    posterior: xr.DataTree, effect: float, se: float, *, seed: int
) -> pd.DataFrame:
    """How much lower areas with a target would have had to score for regression to the mean alone to give their effect."""
    # A measured score that lies g points lower is expected to change by g r per cent more, r = 100 (after / before - slope) / before. The
    # slope of the measured later score on the earlier one is the reliability of the first, less what true scores drift to the middle.
    from statistics import NormalDist

    design, printed = _known(posterior)
    draws = posterior["posterior"].to_dataset()
    p = {name: draws[name].to_numpy().ravel() for name in PARAMETERS}
    noise, normal = design.survey_se**2, NormalDist()
    log_variance = np.log1p((p["spread_before"] / (100 - p["score_before"])) ** 2)
    common = (100 - p["score_before"]) * (100 - p["score_after"]) * np.expm1(p["carry_over"] * log_variance)
    total = p["spread_before"] ** 2 + noise
    share = design.n_targets / design.n_authorities
    largest = printed["sd_before"] * normal.pdf(normal.inv_cdf(share)) / (share * (1 - share))
    effects = np.random.default_rng(seed).normal(effect, se, len(total))
    causes = {
        "survey error alone": np.ones_like(total) * noise / printed["sd_before"] ** 2,
        "survey error and drift to the middle": p["score_after"] / p["score_before"] - common / total,
    }
    found = {}
    for cause, lost in causes.items():
        reversion = 100 * lost / p["score_before"]
        low, high = equal_tails(effects / reversion)
        gap = effect / np.median(reversion)
        row = {"reversion": np.median(reversion), "gap": gap, "gap_low": low, "gap_high": high}
        found[cause] = row | {"gap_in_sd": gap / printed["sd_before"], "share_of_largest": gap / largest}
    table = pd.DataFrame.from_dict(found, orient="index").rename_axis("cause")
    table.attrs = {"interval": "eti", "prob": 0.95, "largest_gap": largest}
    return table


def check_summary(posterior: xr.DataTree, *, prob: float = 0.95) -> pd.DataFrame:
    """Each printed statistic beside what studies simulated from the posterior print.

    Parameters
    ----------
    posterior : xarray.DataTree
        Of `anchoring_model`.
    prob : float
        Probability of the equal-tailed predictive interval.

    Returns
    -------
    pandas.DataFrame
        Index ``statistic`` (in words); ``printed``, ``median``, ``low``, ``high``, and ``p_value``, two-sided posterior predictive.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> posterior = bt.fit(bt.anchoring_model(bt.simulate_anchoring(seed=1)), draws=500, seed=1)
    >>> check_summary(posterior).shape[0]
    16
    """
    require_fit_of(posterior, "anchoring", "anchoring_model")
    replicated = posterior["posterior_predictive"]["printed"].stack(sample=("chain", "draw"))
    values = replicated.transpose("statistic", "sample").to_numpy()
    printed = posterior["observed_data"]["printed"].to_numpy()
    below = (values <= printed[:, None]).mean(axis=1)
    low, median, high = _low_median_high(values, prob)
    columns = {"printed": printed, "median": median, "low": low, "high": high}
    columns["p_value"] = 2 * np.minimum(below, 1 - below)
    names = [LABELS[str(name)] for name in posterior["observed_data"]["statistic"].to_numpy()]
    table = pd.DataFrame(columns, index=pd.Index(names, name="statistic"))
    table.attrs = {"interval": "eti", "prob": prob}
    return table


def _low_median_high(values: FloatArray, prob: float) -> FloatArray:
    low, high = tails(prob)
    return quantiles(values, (low, 0.5, high))


def _draws(posterior: xr.DataTree, name: str) -> FloatArray:
    require_fit_of(posterior, "anchoring", "anchoring_model")
    return np.asarray(posterior["posterior"][name].to_numpy().ravel(), dtype=float)


def _known(posterior: xr.DataTree) -> tuple[Design, dict[str, float]]:
    _draws(posterior, "anchor_weight")
    design = design_of(posterior["constant_data"].to_dataset())
    return design, dict(
        zip(STATISTICS, posterior["observed_data"]["printed"].to_numpy().tolist(), strict=True)
    )
