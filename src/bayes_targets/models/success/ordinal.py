"""Ordered statuses: a cumulative logit whose cutpoints all areas share. See `success_model` for the equation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ...model import Model
from .parts import (
    FloatArray,
    can_draw_prior,
    cutpoints,
    graph_coords,
    graph_effects,
    labelled_by_draw,
    observe_statuses,
    ordinal_log_share,
    prior_effects,
    replicated,
    stacked,
    status_log_likelihood,
    with_shares,
)

OWN = {"partial": ("mu", "tau", "area_effect"), "complete": ("mu",), "none": ("area_effect",)}


def ordinal_model(table: xr.Dataset, *, pooling: str, priors: Any) -> Model:
    """Describe the model of `success_model` with ``outcome="ordinal"``; the arguments are checked there."""
    statuses = [str(status) for status in table["status"].to_numpy()]
    coefficient = ("coefficient",) if "predictor" in table else ()
    effect = ("area_effect",) if pooling != "complete" else ()
    return Model(
        name="success",
        data=table.assign(targets=table["count"].sum("status")),
        priors=priors,
        options={"outcome": "ordinal", "pooling": pooling, "statuses": list(statuses)},
        terms=("cutpoint", *effect, *coefficient),
        observed=("count",),
        variables=(*OWN[pooling], *coefficient, "cutpoint", "share", "overall_share"),
        build=_build,
        draw_prior=_draw_prior,
        log_likelihood=status_log_likelihood,
        predict=_predict,
    )


def cut_labels(model: Model) -> list[str]:
    """Cutpoints from worst to best, e.g. ``["red|amber", "amber|green"]``."""
    worst_first = [str(status) for status in model.data["status"].to_numpy()[::-1]]
    return [f"{low}|{high}" for low, high in itertools.pairwise(worst_first)]


def _build(model: Model) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    data, priors, pooling = model.data, model.priors, model.options["pooling"]
    labels = cut_labels(model)
    coords = graph_coords(model) | {"cut": labels}
    if labels[1:]:
        coords["further"] = data["status"].to_numpy()[1:-1]
    with pm.Model(coords=coords) as graph:
        further = [priors.split.to_pymc("split", dims="further")] if labels[1:] else []
        # Without pooling no area is typical: areas have log-odds of their own, and the cuts' distances come
        # from the splits of an area at even odds.
        first = pt.zeros(1) if pooling == "none" else priors.mu.to_pymc("mu")[None]
        cut = cutpoints(pt.specify_shape(pt.concatenate([first, *further]), (len(labels),)), pt)
        if pooling == "none":
            effect = priors.share.to_pymc("logit", dims="area")
            centre = effect.mean()
            pm.Deterministic("area_effect", effect - centre, dims="area")
        else:
            effect, centre = np.zeros(data.sizes["area"]) + graph_effects(model), 0.0
            if pooling == "partial":
                tau = priors.tau.to_pymc("tau")
                own = pm.Deterministic("area_effect", tau * pm.Normal("z", dims="area"), dims="area")
                effect = effect + own
            effect = pt.as_tensor(effect)
        pm.Deterministic("cutpoint", cut[::-1] - centre, dims="cut")
        observe_statuses(model, pt.exp(ordinal_log_share(effect, cut, pt)))
    return graph


def _draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    data, priors, pooling = model.data, model.priors, model.options["pooling"]
    further, areas = data.sizes["status"] - 2, data.sizes["area"]
    if not can_draw_prior(model, further=further > 0):
        return None
    out: dict[str, Any] = {}
    first = np.zeros(size)
    if pooling != "none":
        first = priors.mu.draw(rng, size)
        out["mu"] = ("sample", first)
    splits = priors.split.draw(rng, (size, further)) if further else np.empty((size, 0))
    cut = cutpoints(np.column_stack([first, splits]))
    centre: Any = 0.0
    if pooling == "none":
        effect = priors.share.draw(rng, (size, areas))
        centre = effect.mean(axis=1, keepdims=True)
        out["area_effect"] = (("sample", "area"), effect - centre)
    else:
        effects, coefficient = prior_effects(model, rng, size)
        out |= {name: (("sample", "covariate"), values) for name, values in coefficient.items()}
        effect = np.zeros((size, areas)) + effects
        if pooling == "partial":
            tau = priors.tau.draw(rng, size)
            own = tau[:, None] * rng.standard_normal((size, areas))
            out |= {"tau": ("sample", tau), "area_effect": (("sample", "area"), own)}
            effect = effect + own
    out["cutpoint"] = (("sample", "cut"), cut[:, ::-1] - centre)
    coords = graph_coords(model) | {"cut": cut_labels(model)}
    return with_shares(model, xr.Dataset(out), np.exp(ordinal_log_share(effect, cut)), coords)


def _predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    out = {"count": replicated(model, draws, rng)}
    if "mu" in draws:
        nodes = rng.standard_normal((draws["mu"].size, 1, 1))
        new = np.exp(new_area_log_share(hyperparameters(draws), 0.0, nodes))[:, 0, :]
        out["new_area_share"] = labelled_by_draw(new, draws, model)
    return xr.Dataset(out)


def hyperparameters(draws: xr.Dataset) -> dict[str, FloatArray]:
    """Draws of what areas share, one leading dim; cutpoints best first."""
    cut = stacked(draws["cutpoint"])[:, ::-1]
    return {"cut": cut} | ({"tau": stacked(draws["tau"])} if "tau" in draws else {})


def new_area_log_share(hyper: Mapping[str, FloatArray], shifted: Any, nodes: FloatArray) -> FloatArray:
    """Log shares of the statuses in an area without data."""
    draws = len(hyper["cut"])
    spread = hyper["tau"][:, None] * nodes[..., 0] if "tau" in hyper else 0.0 * nodes[..., 0]
    effect = np.zeros((draws, 1)) + np.reshape(shifted, (-1, 1)) + spread
    return np.asarray(ordinal_log_share(effect, hyper["cut"]))
