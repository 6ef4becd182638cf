"""Binomial success: a target is one of the successes or not. See `success_model` for the equation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ...model import Model
from .parts import (
    FloatArray,
    can_draw_prior,
    expit,
    graph_coords,
    graph_effects,
    multinomial_log_density,
    prior_effects,
    sequential_log_share,
    stacked,
    swapped_data,
)

OWN = {"partial": ("mu", "tau"), "complete": ("mu",), "none": ()}


def binomial_model(table: xr.Dataset, *, success: tuple[str, ...], pooling: str, priors: Any) -> Model:
    """Describe the model of `success_model` with ``outcome="binomial"``; the arguments are checked there."""
    count = table["count"]
    data = (
        table.drop_vars("count")
        .drop_dims("status")
        .assign(successes=count.sel(status=list(success)).sum("status"), targets=count.sum("status"))
    )
    coefficient = ("coefficient",) if "predictor" in data else ()
    return Model(
        name="success",
        data=data,
        priors=priors,
        options={"outcome": "binomial", "pooling": pooling, "success": list(success)},
        terms=("share", *coefficient),
        observed=("successes",),
        variables=(*OWN[pooling], *coefficient, "share", "overall_share"),
        build=_build,
        draw_prior=_draw_prior,
        log_likelihood=_log_likelihood,
        predict=_predict,
    )


def _build(model: Model) -> Any:
    import pymc as pm

    data, priors, pooling = model.data, model.priors, model.options["pooling"]
    held = swapped_data(data)
    with pm.Model(coords=graph_coords(model)) as graph:
        targets = pm.Data("targets_data", held["targets_data"], dims="area")
        successes = pm.Data("successes_data", held["successes_data"], dims="area")
        if pooling == "none":
            logit = priors.share.to_pymc("logit", dims="area")
        else:
            # Ones keep one logit an area, so that all poolings have one form.
            logit = priors.mu.to_pymc("mu") * np.ones(data.sizes["area"]) + graph_effects(model)
            if pooling == "partial":
                logit = logit + priors.tau.to_pymc("tau") * pm.Normal("z", dims="area")
        share = pm.Deterministic("share", pm.math.sigmoid(logit), dims="area")
        pm.Deterministic("overall_share", (share * targets).sum() / targets.sum())
        pm.Binomial("successes", n=targets, logit_p=logit, observed=successes, dims="area")
    return graph


def _draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    priors, pooling = model.priors, model.options["pooling"]
    if not can_draw_prior(model, further=False):
        return None
    areas, targets = model.data.sizes["area"], model.data["targets"]
    out: dict[str, Any] = {}
    if pooling == "none":
        logit = priors.share.draw(rng, (size, areas))
    else:
        mu = priors.mu.draw(rng, size)
        effects, coefficient = prior_effects(model, rng, size)
        out["mu"] = ("sample", mu)
        out |= {name: (("sample", "covariate"), values) for name, values in coefficient.items()}
        logit = np.repeat(mu[:, None], areas, axis=1) + effects
        if pooling == "partial":
            tau = priors.tau.draw(rng, size)
            out["tau"] = ("sample", tau)
            logit = logit + tau[:, None] * rng.standard_normal((size, areas))
    share = xr.DataArray(expit(logit), dims=("sample", "area"), coords={"area": model.data["area"]})
    out["share"] = share
    out["overall_share"] = (share * targets).sum("area") / targets.sum()
    coords = {"covariate": model.data["covariate"]} if "coefficient" in out else {}
    return xr.Dataset(out, coords=coords)


def _log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    share = draws["share"].transpose("chain", "draw", "area")
    successes, targets = (model.data[name].to_numpy() for name in ("successes", "targets"))
    count = np.stack([successes, targets - successes], axis=-1)
    # A share at the float's edge of 0 or 1 has a log of minus infinity, which counts only where a target is.
    with np.errstate(divide="ignore"):
        log_share = np.log(np.stack([share.to_numpy(), 1.0 - share.to_numpy()], axis=-1))
    return xr.Dataset({"successes": share.copy(data=multinomial_log_density(count, log_share))})


def _predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    share = draws["share"].transpose("chain", "draw", "area")
    # Shares at the float's edge of 0 or 1 are still shares.
    replicated = rng.binomial(model.data["targets"].to_numpy(), np.clip(share.to_numpy(), 0.0, 1.0))
    out = {"successes": share.copy(data=replicated)}
    if "mu" in draws:
        nodes = rng.standard_normal((draws["mu"].size, 1, 1))
        new = np.exp(new_area_log_share(hyperparameters(draws), 0.0, nodes))[:, 0, 0]
        out["new_area_share"] = draws["mu"].copy(data=new.reshape(draws["mu"].shape))
    return xr.Dataset(out)


def hyperparameters(draws: xr.Dataset) -> dict[str, FloatArray]:
    """Draws of what areas share, one leading dim."""
    return {name: stacked(draws[name]) for name in ("mu", "tau") if name in draws}


def new_area_log_share(hyper: Mapping[str, FloatArray], shifted: Any, nodes: FloatArray) -> FloatArray:
    """Log shares of success and failure in an area without data."""
    centre = (hyper["mu"] + shifted)[:, None, None]
    spread = hyper["tau"][:, None, None] * nodes if "tau" in hyper else 0.0 * nodes
    return np.asarray(sequential_log_share(centre + spread))
