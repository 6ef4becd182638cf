"""An effect under a grid of priors: how attitude, family and width move the answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, did_you_mean
from ..model import Model, NotExactError
from ..priors import Normal, StudentT
from .inputs import require_count, require_estimate, require_number
from .mixtures import Mixture, as_mixture, normal_posterior

GRID_COLUMNS = (
    "attitude", "family", "mean", "low", "high", "prob_positive", "prob_zero", "log_evidence",
)  # fmt: skip
_DEGREES = 3.0
# A spike for an engine that integrates normals: this many times narrower than the hoped-for effect.
_SPIKE = 1e-4


def prior_families(
    hoped: float, *, neutral_sd: float, prob_zero: float = 0.5
) -> dict[tuple[str, str], Mixture]:
    """Three attitudes in three families each, made from the effect that was hoped for.

    Parameters
    ----------
    hoped : float
        The effect that would have been worth hoping for, in the unit of the effect; above 0.
    neutral_sd : float
        Standard deviation (scale, of Student's t) of the neutral priors.
    prob_zero : float
        Prior probability of no effect in the family with a spike.

    Returns
    -------
    dict of (attitude, family) to Mixture
        Attitudes ``"sceptical"`` (around 0, and 5% of it above `hoped`), ``"neutral"`` (around 0 with `neutral_sd`) and
        ``"enthusiastic"`` (around `hoped`, and 5% of it below 0); families ``"normal"``, ``"student_t"`` (3 degrees of
        freedom) and ``"spike"`` (the normal with probability ``1 - prob_zero``, else exactly 0).

    Raises
    ------
    DataError
        If a number is out of range.

    Notes
    -----
    Sceptical and enthusiastic priors: Spiegelhalter, Freedman & Parmar (1994), *Journal of the Royal Statistical Society
    A* 157, 357-416.
    """
    from scipy import stats

    hoped = require_number("hoped", hoped, above=0.0)
    neutral_sd = require_number("neutral_sd", neutral_sd, above=0.0)
    normal, wide = hoped / float(stats.norm.isf(0.05)), hoped / float(stats.t.isf(0.05, _DEGREES))
    settings = {
        "sceptical": (0.0, normal, wide),
        "neutral": (0.0, neutral_sd, neutral_sd),
        "enthusiastic": (hoped, normal, wide),
    }
    out = {}
    for attitude, (mean, sd, scale) in settings.items():
        out[attitude, "normal"] = as_mixture(Normal(mean, sd))
        out[attitude, "student_t"] = as_mixture(StudentT(_DEGREES, mean, scale))
        out[attitude, "spike"] = as_mixture(Normal(mean, sd), prob_zero=prob_zero)
    return out


def grid_of_estimate(
    estimate: float, se: float, priors: Mapping[tuple[str, str], Mixture], *, prob: float = 0.95
) -> pd.DataFrame:
    """A printed effect under each prior of a grid, in closed form.

    Parameters
    ----------
    estimate, se : float
        As printed.
    priors : mapping of (attitude, family) to Mixture
        From `prior_families`.
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        A row a prior: ``attitude``, ``family``, posterior ``mean``, ``low``, ``high``, ``prob_positive``, ``prob_zero``
        (probability of no effect at all; 0 without a spike) and ``log_evidence``.

    Raises
    ------
    DataError
        If a number is not finite or out of range.

    Examples
    --------
    >>> grid = grid_of_estimate(0.952, 0.659, prior_families(1.0, neutral_sd=5.0))
    >>> grid.set_index(["attitude", "family"])["prob_positive"].round(2).unstack()
    family        normal  spike  student_t
    attitude
    enthusiastic    0.99   0.67       0.99
    neutral         0.92   0.25       0.92
    sceptical       0.84   0.45       0.80
    """
    estimate, se = require_estimate(estimate, se)
    prob = require_number("prob", prob, above=0.0, below=1.0)
    rows = []
    for (attitude, family), prior in priors.items():
        found = normal_posterior(estimate, se, prior)
        ends = (found.quantile((1 - prob) / 2), found.quantile((1 + prob) / 2))
        above, zero = found.prob_above(0.0), found.prob_zero()
        rows.append((attitude, family, found.mean(), *ends, above, zero, found.log_evidence))
    return _table(rows, prob)


def grid_of_model(
    model: Model,
    priors: Mapping[tuple[str, str], Mixture],
    *,
    prob: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """The slope of a cohesion model under each prior of a grid, by the exact engine.

    Every component of a mixture is a fit with a normal prior; the components are weighted with their evidence, so that the
    result is exact but for the Monte Carlo error of `draws` and a spike of width ``hoped / 10,000``.

    Parameters
    ----------
    model : Model
        From `cohesion_model`, with normal noise and no measurement error.
    priors, prob
        As in `grid_of_estimate`.
    draws : int
        Draws of each component.
    seed : int
        Seed of the draws.

    Returns
    -------
    pandas.DataFrame
        As `grid_of_estimate` gives it.

    Raises
    ------
    DataError
        If the model is of another kind.
    NotExactError
        If it has no exact posterior.
    """
    if model.name != "cohesion" or model.exact is None:
        raise DataError(f"model is {model.name!r}, expected a cohesion model")
    require_count("draws", draws, 100)
    smallest = min(sd for prior in priors.values() for sd in prior.sds if sd > 0)
    parts: dict[tuple[float, float], tuple[np.ndarray[Any, np.dtype[np.float64]], float]] = {}

    def solved(mean: float, sd: float) -> tuple[np.ndarray[Any, np.dtype[np.float64]], float]:
        if (mean, sd) not in parts:
            effect = Normal(mean, sd or _SPIKE * smallest)
            one = replace(model, priors=replace(model.priors, effect=effect))
            rng = np.random.default_rng(np.random.SeedSequence([seed, len(parts)]))
            found, stats = model.exact(one, draws, rng)  # type: ignore[misc]
            values = found["effect"].to_numpy() if sd else np.zeros(draws)
            parts[mean, sd] = values, float(stats["log_evidence"])
        return parts[mean, sd]

    rows = []
    for (attitude, family), prior in priors.items():
        own = [solved(mean, sd) for mean, sd in zip(prior.means, prior.sds, strict=True)]
        log_joint = np.log(prior.weights) + [log_evidence for _, log_evidence in own]
        log_evidence = float(np.logaddexp.reduce(log_joint))
        share = np.exp(log_joint - log_evidence)
        values = np.concatenate([part for part, _ in own])
        weights = np.repeat(share / draws, draws)
        ends = _weighted_quantiles(values, weights, ((1 - prob) / 2, (1 + prob) / 2))
        above, zero = float(weights[values > 0].sum()), float(weights[values == 0].sum())
        rows.append((attitude, family, float(weights @ values), *ends, above, zero, log_evidence))
    return _table(rows, prob)


def grid_of(
    model: Model, *, hoped: float, term: str | None = None, prob: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """The effect of a model under the grid of priors; neutral is the model's own prior where that is normal.

    Parameters
    ----------
    model : Model
        From `published_model` or `cohesion_model`.
    hoped : float
        See `prior_families`; for a published model in units of the outcome for one `scale` of the term.
    term : str, optional
        Which term of a published model; it may have only one otherwise.
    prob : float
        Probability of the equal-tailed interval.
    seed : int
        Seed of the draws, for a cohesion model.

    Returns
    -------
    pandas.DataFrame
        As `grid_of_estimate` gives it; for a published model the effect is that of one `scale`.

    Raises
    ------
    DataError
        If the model is of another kind, or has no such term.
    """
    if model.name not in ("published", "cohesion"):
        raise DataError(f"model is {model.name!r}, expected a published or a cohesion model")
    own = model.priors.effect
    neutral = own.sigma if isinstance(own, Normal | StudentT) else 5.0 * hoped
    priors = prior_families(hoped, neutral_sd=neutral)
    if model.name == "cohesion":
        try:
            return grid_of_model(model, priors, prob=prob, seed=seed)
        except NotExactError as error:
            raise NotExactError(f"prior_sensitivity, grid: {error}") from None
    estimate, se = term_of(model, term)
    return grid_of_estimate(estimate, se, priors, prob=prob)


def term_of(model: Model, term: str | None) -> tuple[float, float]:
    """Estimate and standard error of a term of a published model, for one `scale` of its predictor."""
    terms = [str(name) for name in model.data["term"].to_numpy()]
    if term is None and len(terms) > 1:
        raise DataError(f"term is not given, expected one of {', '.join(map(repr, terms))}")
    chosen = terms[0] if term is None else term
    if chosen not in terms:
        raise DataError(f"no term {chosen!r}: {did_you_mean(chosen, terms)}")
    row = model.data.isel(term=terms.index(chosen))
    return float(row["estimate"] * row["scale"]), float(row["se"] * row["scale"])


def prior_curve(
    estimate: float,
    se: float,
    *,
    sds: Sequence[float] | None = None,
    threshold: float = 0.0,
) -> pd.DataFrame:
    r"""Probability of an effect above a threshold against the standard deviation of a normal prior around 0.

    .. math:: P(\theta > c) = \Phi\left(\frac{w\, \mathrm{estimate} - c}{\mathrm{se} \sqrt w}\right), \qquad
              w = \frac{\tau^2}{\tau^2 + \mathrm{se}^2}

    Parameters
    ----------
    estimate, se : float
        As printed.
    sds : sequence of float, optional
        Standard deviations of the prior, in the unit of the estimate; by default 121 from a 50th of the standard error to
        50 times the larger of estimate and standard error.
    threshold : float
        c, in the unit of the estimate.

    Returns
    -------
    pandas.DataFrame
        Columns ``prior_sd``, ``probability`` (posterior), ``mean`` (posterior mean). Attrs ``estimate``, ``se``,
        ``threshold``.

    Raises
    ------
    DataError
        If a number is not finite, or a standard deviation not above 0.

    Examples
    --------
    >>> prior_curve(0.952, 0.659, sds=[0.1, 0.608, 5.0]).round(2)
       prior_sd  probability  mean
    0      0.10         0.59  0.02
    1      0.61         0.84  0.44
    2      5.00         0.92  0.94
    """
    from scipy import stats

    estimate, se = require_estimate(estimate, se)
    threshold = require_number("threshold", threshold)
    if sds is None:
        sds = np.geomspace(se / 50, 50 * max(abs(estimate), se), 121).tolist()
    widths = np.array([require_number("prior_sd", float(sd), above=0.0) for sd in sds])
    weight = widths**2 / (widths**2 + se**2)
    probability = stats.norm.sf(threshold, weight * estimate, se * np.sqrt(weight))
    table = pd.DataFrame({"prior_sd": widths, "probability": probability, "mean": weight * estimate})
    table.attrs = {"estimate": estimate, "se": se, "threshold": threshold}
    return table


def _weighted_quantiles(
    values: np.ndarray[Any, np.dtype[np.float64]],
    weights: np.ndarray[Any, np.dtype[np.float64]],
    at: Sequence[float],
) -> list[float]:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return [float(values[order][min(int(np.searchsorted(total, q)), values.size - 1)]) for q in at]


def _table(rows: list[tuple[Any, ...]], prob: float) -> pd.DataFrame:
    if any(not math.isfinite(value) for row in rows for value in row[2:]):
        raise DataError("a posterior of the grid is not finite, expected estimates of a usual size")
    table = pd.DataFrame(rows, columns=list(GRID_COLUMNS))
    table.attrs = {"interval": "eti", "prob": prob}
    return table
