"""Whether the priors matter: an effect under a grid of them, against the width of one, and with each a little stronger or weaker."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError, did_you_mean, require_count, require_kind, require_number
from ..inference.distributions import t_quantile
from ..inference.summary import tails, weighted_quantiles
from ..model import Model, NotExactError, data_hash, describe_priors
from ..models.published.exact import prior_of
from ..priors import Normal, StudentT
from .estimate import (
    FloatArray,
    Mixture,
    as_mixture,
    normal_posterior,
    require_df,
    require_estimate,
    require_list,
)

GRID_COLUMNS = (
    "attitude", "family", "mean", "low", "high", "prob_positive", "prob_zero", "log_evidence",
)  # fmt: skip
_DEGREES = 3.0
# A spike for an engine that integrates normals: this many times narrower than the hoped-for effect.
_SPIKE = 1e-4
# Components of a mixture that are too improbable to fit a model for.
_NEGLIGIBLE = 1e-12
# Sensitivity to power-scaling from which on an answer rests on a prior.
SENSITIVE = 0.05


@dataclass(frozen=True, eq=False)
class PriorSensitivity:
    """What the priors do to an effect; see `prior_sensitivity`.

    Attributes
    ----------
    power_scaling : pandas.DataFrame or None
        See `scale_powers`; None without a posterior.
    grid : pandas.DataFrame
        The effect under nine priors, see `grid_of_estimate`.
    curve : pandas.DataFrame or None
        Probability of a positive effect against the prior's s.d., see `prior_curve`; for published effects
        that are not pooled.
    """

    power_scaling: pd.DataFrame | None
    grid: pd.DataFrame
    curve: pd.DataFrame | None


def prior_sensitivity(
    model: Model,
    posterior: xr.DataTree | None = None,
    *,
    hoped: float,
    term: str | None = None,
    prob: float = 0.95,
) -> PriorSensitivity:
    """How much an answer rests on the priors: power-scaling, a grid of priors, and a curve.

    Parameters
    ----------
    model : Model
        From `published_model` or `cohesion_model`.
    posterior : xarray.DataTree, optional
        Of this model, from `fit`, for power-scaling.
    hoped : float
        The effect that would have been worth hoping for: it makes the sceptical and the enthusiastic priors, see
        `prior_families`. In units of the outcome for a unit of the predictor (published: for one `scale` of the term).
    term : str, optional
        Which term of a published model.
    prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    PriorSensitivity

    Raises
    ------
    DataError
        If the model is of another kind, or the posterior is not of this model.
    NotExactError
        If a cohesion model has no exact posterior (Student-t noise, measurement error).

    Examples
    --------
    >>> from bayes_targets.models.published.model import published_model
    >>> table = pd.DataFrame({"term": ["LAA (target on)"], "estimate": [0.952], "se": [0.659]})
    >>> found = prior_sensitivity(published_model(table), hoped=1.0)
    >>> float(found.grid["prob_positive"].min().round(2)), len(found.curve)
    (0.25, 121)
    """
    require_kind("model", model, Model, "a Model, from one of the model builders")
    grid = grid_of(model, hoped=hoped, term=term, prob=prob)
    curve = None
    if model.name == "published":
        row = term_row(model, term)
        if not row["pooled"]:
            estimate, se, df = scaled_estimate(row)
            curve = prior_curve(estimate, se, df=df)
    scaled = None if posterior is None else scale_powers(model, posterior)
    return PriorSensitivity(scaled, grid, curve)


def prior_families(hoped: float, *, neutral_sd: float) -> dict[tuple[str, str], Mixture]:
    """Three attitudes in three families each, made from the effect that was hoped for.

    References
    ----------
    Sceptical and enthusiastic priors: Spiegelhalter, Freedman & Parmar (1994), *Journal of the Royal Statistical Society
    A* 157, 357-416.
    """
    hoped = require_number("hoped", hoped, above=0.0)
    neutral_sd = require_number("neutral_sd", neutral_sd, above=0.0)
    normal, wide = -hoped / t_quantile(0.05), -hoped / t_quantile(0.05, _DEGREES)
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
    ends, df = tails(prob), require_df(df)
    rows = []
    for (attitude, family), prior in priors.items():
        found = normal_posterior(estimate, se, prior, df=df)
        low, high = map(found.quantile, ends)
        above, zero = found.prob_above(0.0), found.prob_zero()
        rows.append((attitude, family, found.mean(), low, high, above, zero, found.log_evidence))
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
        ends = weighted_quantiles(values, weights, tails(prob))
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
        estimate, se, df = scaled_estimate(row)
        return grid_of_estimate(estimate, se, priors, prob=prob, df=df)
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


def scaled_estimate(row: xr.Dataset) -> tuple[float, float, float | None]:
    """Estimate and s.e. of a term for one `scale` of it, and degrees of freedom, None where its likelihood is normal."""
    df = float(row["df"]) if "df" in row else math.inf
    estimate, se = (float(row[name] * row["scale"]) for name in ("estimate", "se"))
    return estimate, se, df if math.isfinite(df) else None


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


def _table(rows: list[tuple[Any, ...]], prob: float) -> pd.DataFrame:
    if any(not math.isfinite(value) for row in rows for value in row[2:]):
        raise DataError("a posterior of the grid is not finite, expected estimates of a usual size")
    table = pd.DataFrame(rows, columns=list(GRID_COLUMNS))
    table.attrs = {"interval": "eti", "prob": prob}
    return table


def scale_powers(model: Model, posterior: xr.DataTree) -> pd.DataFrame:
    """Sensitivity of every term to power-scaling each prior, and the likelihood.

    References
    ----------
    Kallioinen, Paananen, Bürkner & Vehtari (2023), *Statistics and Computing* 34, 57, with ArviZ's importance sampling. What
    is scaled is the prior of each parameter without a parent; the distribution of types around their mean is part of the
    model and is left alone, as the authors advise.
    """
    import arviz_stats

    terms, priors = _terms(model, posterior), log_prior(model, posterior)
    groups = {
        "posterior": terms,
        "log_prior": priors,
        "log_likelihood": posterior["log_likelihood"].to_dataset(),
    }
    tree = xr.DataTree.from_dict(groups)

    def sensitivity(group: str, names: list[str] | None = None) -> Any:
        found = arviz_stats.psense(tree, group=group, group_var_names=names)
        return found["terms"].to_numpy()

    names = [str(name) for name in priors.data_vars]
    columns = {f"prior: {name}": sensitivity("prior", [name]) for name in names}
    # Under flat priors there is nothing to scale.
    columns["prior"] = sensitivity("prior") if names else np.zeros(terms.sizes["term"])
    columns["likelihood"] = sensitivity("likelihood")
    table = pd.DataFrame(columns, index=pd.Index(terms["term"].to_numpy().astype(str), name="term"))
    weak = np.where(
        table["likelihood"] >= SENSITIVE, "prior and data in conflict", "strong prior or weak data"
    )
    table["reading"] = np.where(table["prior"] < SENSITIVE, "informed by the data", weak)
    table.attrs = {"threshold": SENSITIVE}
    return table


def log_prior(model: Model, posterior: xr.DataTree) -> xr.Dataset:
    """Log density of each proper prior at the draws of a posterior, by the prior's name."""
    if model.name not in _PARAMETERS:
        raise DataError(f"model is {model.name!r}, expected a {' or a '.join(_PARAMETERS)} model")
    out = {}
    for name, values in _PARAMETERS[model.name](model, posterior["posterior"].to_dataset()).items():
        prior = getattr(model.priors, name)
        if prior.proper and values.size:
            density = values.copy(data=_log_density(model, name, values))
            out[name] = density.sum([dim for dim in density.dims if dim not in ("chain", "draw")])
    return xr.Dataset({name: value.reset_coords(drop=True) for name, value in out.items()})


def _log_density(model: Model, name: str, values: xr.DataArray) -> FloatArray:
    if model.name != "published" or name != "effect":
        return np.asarray(getattr(model.priors, name).logpdf(values.to_numpy()))
    # Each printed term may have a prior that is made from its own numbers.
    terms = model.data["term"].to_numpy().tolist()
    own = [prior_of(model, terms.index(term)) for term in values["term"].to_numpy()]
    return np.stack(
        [prior.logpdf(values.isel(term=k)) for k, prior in enumerate(own)], axis=values.dims.index("term")
    )


def _published(model: Model, draws: xr.Dataset) -> dict[str, xr.DataArray]:
    own = ~(model.data["pooled"] | model.data["flat"]).to_numpy()
    out = {"effect": draws["standardised"].isel(term=np.flatnonzero(own))}
    names = ["tau", "reference_share"] if model.options["reference"] else ["tau", "mu"]
    return out | {name: draws[name] for name in names if name in draws}


def _cohesion(model: Model, draws: xr.Dataset) -> dict[str, xr.DataArray]:
    names = ["mu", "tau", "effect", "tau_effect", "sigma", "baseline_mean", "baseline_tau", "baseline_sd"]
    out = {name: draws[name] for name in names if name in draws}
    if model.options["pooling"] == "none":
        out["intercept"] = draws["intercept"]
    if "coefficient" in draws:
        out["coefficient"] = draws["coefficient"] * model.data["control_scale"]
    if "nu" in draws:
        out["nu_minus_one"] = draws["nu"] - 1.0
    return out


_PARAMETERS: Mapping[str, Callable[[Model, xr.Dataset], dict[str, xr.DataArray]]] = {
    "published": _published,
    "cohesion": _cohesion,
}


def _terms(model: Model, posterior: xr.DataTree) -> xr.Dataset:
    if posterior.attrs.get("model") != model.name or "log_likelihood" not in posterior.children:
        raise DataError(
            f"posterior is of a {posterior.attrs.get('model')!r} model, expected what fit gives for the {model.name!r} model"
        )
    own = {"data_hash": data_hash(model.data), "priors": json.dumps(describe_priors(model.priors))}
    if any(posterior.attrs.get(name) != value for name, value in own.items()):
        raise DataError(
            "posterior is of other data or other priors than the model, expected what fit gives for it"
        )
    return posterior["posterior"].to_dataset()[model.terms[0]].rename("terms").to_dataset()
