"""Power-scaling: whether the posterior moves when a prior, or the likelihood, counts a little more or less."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError
from ..model import Model, data_hash, describe_priors
from ..models.published.exact import prior_of
from .prior_grid import grid_of, prior_curve, scaled_estimate, term_row

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
    grid = grid_of(model, hoped=hoped, term=term, prob=prob)
    curve = None
    if model.name == "published":
        row = term_row(model, term)
        if not row["pooled"]:
            estimate, se, df = scaled_estimate(row)
            curve = prior_curve(estimate, se, df=df)
    scaled = None if posterior is None else scale_powers(model, posterior)
    return PriorSensitivity(scaled, grid, curve)


def scale_powers(model: Model, posterior: xr.DataTree) -> pd.DataFrame:
    """Sensitivity of every term to power-scaling each prior, and the likelihood.

    References
    ----------
    Kallioinen, Paananen, Bürkner & Vehtari (2023), *Statistics and Computing* 34, 57, with ArviZ's importance sampling. What
    is scaled is the prior of each parameter without a parent; the distribution of types around their mean is part of the
    model and is left alone, as the authors advise.
    """
    import arviz_stats

    terms = _terms(model, posterior)
    priors = log_prior(model, posterior)
    likelihood = posterior["log_likelihood"].to_dataset()
    groups = {"posterior": terms, "log_likelihood": likelihood, "log_prior": priors}
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
    table["reading"] = [
        _reading(prior, data) for prior, data in zip(table["prior"], table["likelihood"], strict=True)
    ]
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


def _log_density(model: Model, name: str, values: xr.DataArray) -> NDArray[np.float64]:
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
    if posterior.attrs.get("data_hash") != data_hash(model.data) or posterior.attrs.get(
        "priors"
    ) != json.dumps(describe_priors(model.priors)):
        raise DataError(
            "posterior is of other data or other priors than the model, expected what fit gives for it"
        )
    terms = posterior["posterior"].to_dataset()[model.terms[0]]
    return terms.rename("terms").to_dataset()


def _reading(prior: float, likelihood: float) -> str:
    if prior < SENSITIVE:
        return "informed by the data"
    return "prior and data in conflict" if likelihood >= SENSITIVE else "strong prior or weak data"
