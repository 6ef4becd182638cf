"""Unordered use of the statuses: every split has an area effect of its own. See `success_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ...model import Model
from .parts import (
    FloatArray,
    can_draw_prior,
    graph_coords,
    graph_effects,
    labelled_by_draw,
    observe_statuses,
    prior_effects,
    replicated,
    sequential_log_share,
    stacked,
    status_log_likelihood,
    with_shares,
)

OWN = {"partial": ("mu", "tau"), "complete": ("mu",), "none": ()}


def multinomial_model(table: xr.Dataset, *, pooling: str, priors: Any) -> Model:
    """Describe the model of `success_model` with ``outcome="multinomial"``; the arguments are checked there."""
    statuses = [str(status) for status in table["status"].to_numpy()]
    coefficient = ("coefficient",) if "predictor" in table else ()
    correlation = ("correlation",) if pooling == "partial" and len(statuses) > 2 else ()
    return Model(
        name="success",
        data=table.assign(targets=table["count"].sum("status")),
        priors=priors,
        options={"outcome": "multinomial", "pooling": pooling, "statuses": list(statuses)},
        terms=("overall_share",),
        observed=("count",),
        variables=(*OWN[pooling], *correlation, *coefficient, "share", "overall_share"),
        build=_build,
        draw_prior=_draw_prior,
        log_likelihood=status_log_likelihood,
        predict=_predict,
    )


def _labels(model: Model) -> dict[str, Any]:
    """Coords of the graph: a contrast is named for the status that it sets against all worse ones."""
    contrasts = [str(status) for status in model.data["status"].to_numpy()[:-1]]
    pairs = [f"{a}, {b}" for i, b in enumerate(contrasts) for a in contrasts[:i]]
    coords = graph_coords(model) | {"contrast": contrasts}
    return coords | ({"pair": pairs, "further": contrasts[1:]} if pairs else {})


def correlation_root(partial: Any, contrasts: int, m: Any = np) -> Any:
    """Triangular root (..., C, C) of the correlation matrix with these partial correlations (..., pair).

    Each row has length one, and any values between -1 and 1 give a correlation matrix; for two contrasts the
    partial correlation is the correlation.

    Examples
    --------
    >>> root = correlation_root(np.array([0.6]), 2)
    >>> (root @ root.T).round(3).tolist()
    [[1.0, 0.6], [0.6, 1.0]]
    """
    zero = 0.0 * partial[..., 0]
    rows, place = [], 0
    for i in range(contrasts):
        row, left = [], zero + 1.0
        for _ in range(i):
            row.append(partial[..., place] * m.sqrt(left))
            left = left * (1.0 - partial[..., place] ** 2)
            place += 1
        rows.append(m.stack([*row, m.sqrt(left), *[zero] * (contrasts - 1 - i)], axis=-1))
    return m.stack(rows, axis=-2)


def _pairs(root: Any, contrasts: int, m: Any = np) -> Any:
    """Correlations (..., pair) from the root of their matrix, in the order of the labels."""
    entries = [(root[..., i, :] * root[..., j, :]).sum(axis=-1) for i in range(contrasts) for j in range(i)]
    return m.stack(entries, axis=-1)


def _build(model: Model) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    data, priors, pooling = model.data, model.priors, model.options["pooling"]
    coords = _labels(model)
    contrasts = len(coords["contrast"])
    with pm.Model(coords=coords) as graph:
        if pooling == "none":
            parts = [priors.share.to_pymc("best_logit", dims="area")[:, None]]
            if contrasts > 1:
                parts.append(priors.split.to_pymc("further_logit", dims=("area", "further")))
            splits = pt.concatenate(parts, axis=1)
        else:
            first = priors.mu.to_pymc("mu_best")[None]
            further = [priors.split.to_pymc("mu_further", dims="further")] if contrasts > 1 else []
            mu = pm.Deterministic("mu", pt.concatenate([first, *further]), dims="contrast")
            splits = mu[None, :] + np.zeros((data.sizes["area"], 1)) + graph_effects(model, ("contrast",))
            if pooling == "partial":
                tau = priors.tau.to_pymc("tau", dims="contrast")
                z = pm.Normal("z", dims=("area", "contrast"))
                if contrasts > 1:
                    # The prior is about the correlation moved from (-1, 1) to (0, 1).
                    partial = 2.0 * priors.correlation.to_pymc("correlation_position", dims="pair") - 1.0
                    root = correlation_root(partial, contrasts, pt)
                    pm.Deterministic("correlation", _pairs(root, contrasts, pt), dims="pair")
                    z = pt.dot(z, root.T)
                splits = splits + tau * z
        splits = pt.specify_shape(splits, (data.sizes["area"], contrasts))
        observe_statuses(model, pt.exp(sequential_log_share(splits, pt)))
    return graph


def _draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    priors, pooling = model.priors, model.options["pooling"]
    coords = _labels(model)
    areas, contrasts = model.data.sizes["area"], len(coords["contrast"])
    first = priors.share if pooling == "none" else priors.mu
    if not can_draw_prior(model, further=contrasts > 1):
        return None
    shape = (size, areas) if pooling == "none" else (size,)
    splits = first.draw(rng, shape)[..., None]
    if contrasts > 1:
        splits = np.concatenate([splits, priors.split.draw(rng, (*shape, contrasts - 1))], axis=-1)
    out: dict[str, Any] = {}
    if pooling != "none":
        out["mu"] = (("sample", "contrast"), splits)
        effects, coefficient = prior_effects(model, rng, size, contrasts)
        out |= {name: (("sample", "covariate", "contrast"), values) for name, values in coefficient.items()}
        splits = splits[:, None, :] + np.zeros((areas, 1)) + effects
    if pooling == "partial":
        tau = priors.tau.draw(rng, (size, contrasts))
        out["tau"] = (("sample", "contrast"), tau)
        z = rng.standard_normal((size, areas, contrasts))
        if contrasts > 1:
            partial = 2.0 * priors.correlation.draw(rng, (size, len(coords["pair"]))) - 1.0
            root = correlation_root(partial, contrasts)
            out["correlation"] = (("sample", "pair"), _pairs(root, contrasts))
            z = np.einsum("saj,sij->sai", z, root)
        splits = splits + tau[:, None, :] * z
    return with_shares(model, xr.Dataset(out), np.exp(sequential_log_share(splits)), coords)


def _predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    out = {"count": replicated(model, draws, rng)}
    if "mu" in draws:
        hyper = hyperparameters(draws)
        nodes = rng.standard_normal((len(hyper["mu"]), 1, hyper["mu"].shape[1]))
        new = np.exp(new_area_log_share(hyper, 0.0, nodes))[:, 0, :]
        out["new_area_share"] = labelled_by_draw(new, draws, model)
    return xr.Dataset(out)


def hyperparameters(draws: xr.Dataset) -> dict[str, FloatArray]:
    """Draws of what areas share, one leading dim; ``root`` is that of the covariance of the area effects."""
    mu = stacked(draws["mu"])
    if "tau" not in draws:
        return {"mu": mu}
    contrasts = mu.shape[1]
    matrix = np.broadcast_to(np.eye(contrasts), (len(mu), contrasts, contrasts)).copy()
    if "correlation" in draws:
        pairs = [(i, j) for i in range(contrasts) for j in range(i)]
        for (i, j), values in zip(pairs, stacked(draws["correlation"]).T, strict=True):
            matrix[:, i, j] = matrix[:, j, i] = values
    # Correlations at the float's edge of one are still correlations.
    matrix = (1.0 - 1e-12) * matrix + 1e-12 * np.eye(contrasts)
    return {"mu": mu, "root": stacked(draws["tau"])[:, :, None] * np.linalg.cholesky(matrix)}


def new_area_log_share(hyper: Mapping[str, FloatArray], shifted: Any, nodes: FloatArray) -> FloatArray:
    """Log shares of the statuses in an area without data."""
    centre = (hyper["mu"] + shifted)[:, None, :]
    if "root" not in hyper:
        return np.asarray(sequential_log_share(centre + 0.0 * nodes))
    spread = np.einsum("...mj,sij->smi" if nodes.ndim == 2 else "smj,sij->smi", nodes, hyper["root"])
    return np.asarray(sequential_log_share(centre + spread))
