"""An effect under mixtures of normal priors, in closed form, and under a grid of them: attitude, family and width.

A Student-t is a normal whose precision is a Gamma variable, so that a quadrature over that precision makes a mixture of it;
a spike at zero is a normal with no spread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, require_count, require_number
from ..model import Model, NotExactError, data_hash
from ..priors import Normal, Prior, StudentT
from .inputs import require_df, require_estimate, require_list

FloatArray = NDArray[np.float64]
GRID_COLUMNS = (
    "attitude", "family", "mean", "low", "high", "prob_positive", "prob_zero", "log_evidence",
)  # fmt: skip
_DEGREES = 3.0
# A spike for an engine that integrates normals: this many times narrower than the hoped-for effect.
_SPIKE = 1e-4
# Components of a mixture that are too improbable to fit a model for.
_NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class Mixture:
    """A prior that is normal with probability ``weights[k]``, mean ``means[k]`` and s.d. ``sds[k]`` (0: a spike).

    Attributes
    ----------
    weights, means, sds : tuple of float
        Of the same length; the weights add up to 1.
    """

    weights: tuple[float, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]


def as_mixture(prior: Prior, *, prob_zero: float = 0.0) -> Mixture:
    """A normal or Student-t prior as a mixture of normals, perhaps with a spike at zero.

    Examples
    --------
    >>> as_mixture(Normal(0, 5), prob_zero=0.5)
    Mixture(weights=(0.5, 0.5), means=(0.0, 0.0), sds=(0.0, 5.0))
    """
    require_number("prob_zero", prob_zero, above=-1e-300, below=1.0, expected="a probability below 1")
    if isinstance(prior, Normal):
        weights, sds = np.ones(1), np.array([prior.sigma], dtype=float)
    elif isinstance(prior, StudentT):
        weights, precisions = gamma_nodes(prior.nu / 2)
        sds = prior.sigma / np.sqrt(precisions)
    else:
        raise DataError(f"prior is {prior}, expected Normal or StudentT")
    weights = (1 - prob_zero) * weights
    means = np.full(weights.size, float(prior.mu))
    if prob_zero:
        weights, means, sds = np.append(prob_zero, weights), np.append(0.0, means), np.append(0.0, sds)
    return Mixture(tuple(weights.tolist()), tuple(means.tolist()), tuple(sds.tolist()))


@dataclass(frozen=True)
class NormalPosterior:
    """The posterior of an effect with a normal likelihood under a mixture of normals, in closed form.

    Attributes
    ----------
    weights, means, sds : array of shape (K,)
        Posterior probability of each component, and its normal; s.d. 0 is a spike.
    log_evidence : float
        Log density of the estimate.
    """

    weights: FloatArray
    means: FloatArray
    sds: FloatArray
    log_evidence: float

    def mean(self) -> float:
        """Posterior mean."""
        return float(self.weights @ self.means)

    def prob_zero(self) -> float:
        """Posterior probability of an effect of exactly 0."""
        return float(self.weights[self.sds == 0].sum())

    def prob_above(self, x: float) -> float:
        """Posterior probability of an effect above `x`; a spike at `x` is not above it."""
        from scipy import stats

        wide = self.sds > 0
        above = np.where(self.means > x, 1.0, 0.0)
        above[wide] = stats.norm.sf(x, self.means[wide], self.sds[wide])
        return float(self.weights @ above)

    def quantile(self, q: float) -> float:
        """The smallest effect with at least probability `q` at or below it."""
        from scipy import stats

        ends = stats.norm.ppf([min(q, 1e-6), max(q, 1 - 1e-6)])
        low = float((self.means + ends[0] * self.sds).min()) - 1e-9
        high = float((self.means + ends[1] * self.sds).max()) + 1e-9
        # Bisection, because a spike makes the distribution jump.
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if 1 - self.prob_above(middle) < q else (low, middle)
        spike = self.means[self.sds == 0]
        at = spike[(low - 1e-9 <= spike) & (spike <= high + 1e-9)]
        return float(at[0]) if at.size else 0.5 * (low + high)


def normal_posterior(
    estimate: float, se: float, prior: Mixture, *, df: float | None = None
) -> NormalPosterior:
    """The posterior of an effect from its estimate and standard error.

    Examples
    --------
    >>> found = normal_posterior(0.952, 0.659, as_mixture(Normal(0, 5), prob_zero=0.5))
    >>> round(found.prob_zero(), 2), round(found.prob_above(0), 2)
    (0.73, 0.25)
    """
    weights, means, sds = (np.array(part) for part in (prior.weights, prior.means, prior.sds))
    likelihood, ses = np.ones(1), np.array([se])
    if df is not None:
        likelihood, precisions = gamma_nodes(df / 2)
        ses = se / np.sqrt(precisions)
    weights, ses = np.outer(weights, likelihood).ravel(), np.tile(ses, sds.size)
    means, sds = np.repeat(means, likelihood.size), np.repeat(sds, likelihood.size)
    variance = sds**2 + ses**2
    log_density = -0.5 * (np.log(2 * math.pi * variance) + (estimate - means) ** 2 / variance)
    with np.errstate(divide="ignore"):
        log_joint = np.log(weights) + log_density
    log_evidence = float(np.logaddexp.reduce(log_joint))
    share = sds**2 / variance
    return NormalPosterior(
        np.exp(log_joint - log_evidence),
        means + share * (estimate - means),
        ses * np.sqrt(share),
        log_evidence,
    )


def gamma_nodes(shape: float) -> tuple[FloatArray, FloatArray]:
    """Weights and precisions that stand for a Gamma variable with mean 1, by the trapezoid rule over its logarithm.

    The rule converges geometrically, and reaches so far down that the mixture has the tails of Student's t.
    """
    from scipy import special

    step = min(0.5, 1 / math.sqrt(shape))
    low = max(-650 / shape, -80.0) - 1.0
    logs = np.arange(low, math.log1p((9 * math.sqrt(shape) + 40) / shape), step)
    log_weights = shape * (math.log(shape) + logs - np.exp(logs)) - special.gammaln(shape)
    weights = np.exp(log_weights - np.logaddexp.reduce(log_weights))
    kept = weights > 0
    return weights[kept], np.exp(logs[kept])


def prior_families(hoped: float, *, neutral_sd: float) -> dict[tuple[str, str], Mixture]:
    """Three attitudes in three families each, made from the effect that was hoped for.

    References
    ----------
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
        out[attitude, "spike"] = as_mixture(Normal(mean, sd), prob_zero=0.5)
    return out


def grid_of_estimate(
    estimate: float,
    se: float,
    priors: Mapping[tuple[str, str], Mixture],
    *,
    prob: float = 0.95,
    df: float | None = None,
) -> pd.DataFrame:
    """A printed effect under each prior of a grid, in closed form.

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
    df = require_df(df)
    rows = []
    for (attitude, family), prior in priors.items():
        found = normal_posterior(estimate, se, prior, df=df)
        ends = (found.quantile((1 - prob) / 2), found.quantile((1 + prob) / 2))
        above, zero = found.prob_above(0.0), found.prob_zero()
        rows.append((attitude, family, found.mean(), *ends, above, zero, found.log_evidence))
    return _table(rows, prob)


def grid_of_model(
    model: Model,
    priors: Mapping[tuple[str, str], Mixture],
    *,
    parameter: str = "effect",
    term: str | None = None,
    prob: float = 0.95,
    draws: int = 2000,
) -> pd.DataFrame:
    """An effect of a model under each prior of a grid, by the exact engine.

    Every component of a mixture is a fit with a normal prior; the components are weighted with their evidence, so that the
    result is exact but for the Monte Carlo error of `draws` and a spike of width ``hoped / 10,000``.
    """
    if model.exact is None:
        raise NotExactError(f"model {model.name!r} has no exact posterior")
    require_count("draws", draws, 100)
    smallest = min(sd for prior in priors.values() for sd in prior.sds if sd > 0)
    parts: dict[tuple[float, float], tuple[FloatArray, float]] = {}

    def solved(mean: float, sd: float) -> tuple[FloatArray, float]:
        if (mean, sd) not in parts:
            prior = Normal(mean, sd or _SPIKE * smallest)
            one = replace(model, priors=replace(model.priors, **{parameter: prior}))
            rng = np.random.default_rng([int(data_hash(model.data)[:32], 16), len(parts)])
            found, stats = model.exact(one, draws, rng)  # type: ignore[misc]
            effect = found["effect"] if term is None else found["standardised"].sel(term=term)
            values = effect.to_numpy() if sd or parameter != "effect" else np.zeros(draws)
            parts[mean, sd] = values, float(stats["log_evidence"])
        return parts[mean, sd]

    rows = []
    for (attitude, family), prior in priors.items():
        kept = np.array(prior.weights) > _NEGLIGIBLE
        own = [solved(m, sd) for m, sd, keep in zip(prior.means, prior.sds, kept, strict=True) if keep]
        log_joint = np.log(np.array(prior.weights)[kept]) + [log_evidence for _, log_evidence in own]
        log_evidence = float(np.logaddexp.reduce(log_joint))
        share = np.exp(log_joint - log_evidence)
        values = np.concatenate([part for part, _ in own])
        weights = np.repeat(share / draws, draws)
        ends = weighted_quantiles(values, weights, ((1 - prob) / 2, (1 + prob) / 2))
        above, zero = float(weights[values > 0].sum()), float(weights[values == 0].sum())
        rows.append((attitude, family, float(weights @ values), *ends, above, zero, log_evidence))
    return _table(rows, prob)


def grid_of(model: Model, *, hoped: float, term: str | None = None, prob: float = 0.95) -> pd.DataFrame:
    """The effect of a model under the grid of priors; neutral is the model's own prior where that is normal.

    Of a term that is pooled with others it is the prior of their mean that is varied, with the pooling kept.
    """
    if model.name not in ("published", "cohesion"):
        raise DataError(f"model is {model.name!r}, expected a published or a cohesion model")
    row = None if model.name == "cohesion" else term_row(model, term)
    pooled = row is not None and bool(row["pooled"])
    own = model.priors.mu if pooled else model.priors.effect
    hoped = require_number("hoped", hoped, above=0.0)
    neutral = own.sigma if isinstance(own, Normal | StudentT) else 5.0 * hoped
    priors = prior_families(hoped, neutral_sd=neutral)
    if row is not None and not pooled:
        estimate, se = float(row["estimate"] * row["scale"]), float(row["se"] * row["scale"])
        return grid_of_estimate(estimate, se, priors, prob=prob, df=df_of(row))
    try:
        if row is None:
            return grid_of_model(model, priors, prob=prob)
        name = str(row["term"].item())
        if model.options["reference"]:
            raise DataError(
                f"term {name!r} is pooled around the reference {model.options['reference']!r}, so that it has no prior of "
                "its own to vary, expected a term that is not pooled"
            )
        return grid_of_model(model, priors, parameter="mu", term=name, prob=prob)
    except NotExactError as error:
        raise NotExactError(f"prior_sensitivity, grid: {error}") from None


def term_row(model: Model, term: str | None) -> xr.Dataset:
    """The data of one term of a published model; of its only one where none is named."""
    terms = [str(name) for name in model.data["term"].to_numpy()]
    if term is None and len(terms) > 1:
        raise DataError(f"term is not given, expected one of {', '.join(map(repr, terms))}")
    chosen = terms[0] if term is None else str(term)
    if chosen not in terms:
        raise DataError(f"no term {chosen!r}: {did_you_mean(chosen, terms)}")
    return model.data.isel(term=terms.index(chosen))


def df_of(row: xr.Dataset) -> float | None:
    """Degrees of freedom of a term, None where its likelihood is normal."""
    df = float(row["df"]) if "df" in row else math.inf
    return df if math.isfinite(df) else None


def prior_curve(
    estimate: float,
    se: float,
    *,
    sds: Sequence[float] | None = None,
    threshold: float = 0.0,
    df: float | None = None,
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
    df : float, optional
        Degrees of freedom of the standard error: the estimate is then Student's t around the effect.

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
    estimate, se = require_estimate(estimate, se)
    threshold, df = require_number("threshold", threshold), require_df(df)
    if sds is None:
        sds = np.geomspace(se / 50, 50 * max(abs(estimate), se), 121).tolist()
    widths = [require_number("prior_sd", sd, above=0.0) for sd in require_list("sds", sds)]
    found = [normal_posterior(estimate, se, as_mixture(Normal(0.0, sd)), df=df) for sd in widths]
    table = pd.DataFrame(
        {
            "prior_sd": widths,
            "probability": [one.prob_above(threshold) for one in found],
            "mean": [one.mean() for one in found],
        }
    )
    table.attrs = {"estimate": estimate, "se": se, "threshold": threshold}
    return table


def weighted_quantiles(values: FloatArray, weights: FloatArray, at: Sequence[float]) -> list[float]:
    """Quantiles of draws with weights that add up to 1; half of a draw's own weight lies below it."""
    order = np.argsort(values, kind="stable")
    place = np.cumsum(weights[order]) - 0.5 * weights[order]
    return [float(value) for value in np.interp(at, place, values[order])]


def _table(rows: list[tuple[Any, ...]], prob: float) -> pd.DataFrame:
    if any(not math.isfinite(value) for row in rows for value in row[2:]):
        raise DataError("a posterior of the grid is not finite, expected estimates of a usual size")
    table = pd.DataFrame(rows, columns=list(GRID_COLUMNS))
    table.attrs = {"interval": "eti", "prob": prob}
    return table
