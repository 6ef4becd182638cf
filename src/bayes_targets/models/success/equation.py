"""The equations of `success_model`: description, PyMC graph, prior draws, likelihood, replication, an area without data."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...model import Model
from .shares import (
    FloatArray,
    correlation_root,
    correlations,
    cutpoints,
    expit,
    multinomial_log_density,
    ordinal_log_share,
    sequential_log_share,
)

_TERMS = {
    "binomial": ("share", "coefficient"),
    "ordinal": ("cutpoint", "area_effect", "coefficient"),
    "multinomial": ("overall_share",),
}


def describe(
    table: xr.Dataset, outcome: str, *, pooling: str, priors: Any, success: Sequence[str] = ()
) -> Model:
    """Describe a success model, whose arguments are checked already; its exact solution is added by who needs it."""
    statuses = [str(status) for status in table["status"].to_numpy()]
    count, binomial = table["count"], outcome == "binomial"
    if binomial:
        data = table.drop_vars("count").drop_dims("status")
        data = data.assign(successes=count.sel(status=list(success)).sum("status"))
    else:
        data = table
    wanted = {
        "mu": pooling != "none",
        "tau": pooling == "partial",
        "area_effect": outcome == "ordinal" and pooling != "complete",
        "correlation": outcome == "multinomial" and pooling == "partial" and len(statuses) > 2,
        "coefficient": "predictor" in table,
        "cutpoint": outcome == "ordinal",
        "share": True,
        "overall_share": True,
    }
    return Model(
        name="success",
        data=data.assign(targets=count.sum("status")),
        priors=priors,
        options={"outcome": outcome, "pooling": pooling}
        | ({"success": list(success)} if binomial else {"statuses": statuses}),
        terms=tuple(name for name in _TERMS[outcome] if wanted[name]),
        observed=("successes",) if binomial else ("count",),
        variables=tuple(name for name, there in wanted.items() if there),
        build=build,
        draw_prior=draw_prior,
        log_likelihood=log_likelihood,
        predict=predict,
    )


def status_counts(model: Model) -> FloatArray:
    """Counts of shape (area, status), best first; of a binomial, successes and failures."""
    data = model.data
    if model.options["outcome"] == "binomial":
        successes = data["successes"].to_numpy()
        return np.column_stack([successes, data["targets"].to_numpy() - successes]).astype(float)
    return np.asarray(data["count"].transpose("area", "status").to_numpy(), dtype=float)


def some_areas(model: Model, kept: NDArray[np.bool_]) -> Model:
    """The model of some of its areas, with covariates on the same scale."""
    return replace(model, data=model.data.isel(area=np.flatnonzero(kept)))


def scaled_predictors(data: xr.Dataset) -> FloatArray:
    """Covariates of shape (area, covariate), centred, in units of their scale."""
    scaled = (data["predictor"] - data["predictor_mean"]) / data["predictor_scale"]
    return np.asarray(scaled.transpose("area", "covariate").to_numpy())


def labels(model: Model) -> dict[str, Any]:
    """Coords of a model's variables: a contrast is named for the status set against all worse ones, cuts go up from the worst."""
    dims = ("area", "status", "covariate")
    out: dict[str, Any] = {dim: model.data[dim].to_numpy() for dim in dims if dim in model.data.dims}
    if "status" in out:
        statuses = [str(status) for status in out["status"]]
        out["contrast"] = statuses[:-1]
        out["cut"] = [f"{low}|{high}" for low, high in itertools.pairwise(statuses[::-1])]
        if len(statuses) > 2:
            out["further"] = statuses[1:-1]
            out["pair"] = [f"{a}, {b}" for i, b in enumerate(statuses[:-1]) for a in statuses[:i]]
    return out


def labelled(model: Model, values: Mapping[str, FloatArray]) -> xr.Dataset:
    """Draws as a Dataset with dim ``sample``, and the average share over all targets."""
    targets = model.data["targets"].to_numpy()
    overall = np.einsum("sa...,a->s...", values["share"], targets / targets.sum())
    status = () if model.options["outcome"] == "binomial" else ("status",)
    split = ("contrast",) if model.options["outcome"] == "multinomial" else ()
    dims: dict[str, tuple[str, ...]] = {
        "mu": split,
        "tau": split,
        "area_effect": ("area",),
        "correlation": ("pair",),
        "coefficient": ("covariate", *split),
        "cutpoint": ("cut",),
        "share": ("area", *status),
        "overall_share": status,
    }
    all_values = {**values, "overall_share": overall}
    found = xr.Dataset({name: (("sample", *dims[name]), all_values[name]) for name in model.variables})
    return found.assign_coords({dim: of for dim, of in labels(model).items() if dim in found.dims})


def build(model: Model) -> Any:
    """The PyMC model, its counts in `pymc.Data` so that they can be swapped."""
    import pymc as pm

    add = {"binomial": _add_binomial, "ordinal": _add_ordinal, "multinomial": _add_multinomial}
    with pm.Model(coords=labels(model)) as graph:
        add[model.options["outcome"]](model)
    return graph


def _add_binomial(model: Model) -> None:
    import pymc as pm

    data, priors, pooling = model.data, model.priors, model.options["pooling"]
    held = swapped_data(data)
    targets = pm.Data("targets_data", held["targets_data"], dims="area")
    successes = pm.Data("successes_data", held["successes_data"], dims="area")
    if pooling == "none":
        logit = priors.share.to_pymc("logit", dims="area")
    else:
        # Ones keep one logit an area, so that all poolings have one form.
        logit = priors.mu.to_pymc("mu") * np.ones(data.sizes["area"]) + _add_effects(model)
        if pooling == "partial":
            logit = logit + priors.tau.to_pymc("tau") * pm.Normal("z", dims="area")
    share = pm.Deterministic("share", pm.math.sigmoid(logit), dims="area")
    pm.Deterministic("overall_share", (share * targets).sum() / targets.sum())
    pm.Binomial("successes", n=targets, logit_p=logit, observed=successes, dims="area")


def _add_ordinal(model: Model) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    data, priors, pooling = model.data, model.priors, model.options["pooling"]
    cuts = data.sizes["status"] - 1
    further = [priors.split.to_pymc("split", dims="further")] if cuts > 1 else []
    # Without pooling no area is typical: areas have log-odds of their own, and the cuts' distances come
    # from the splits of an area at even odds.
    first = pt.zeros(1) if pooling == "none" else priors.mu.to_pymc("mu")[None]
    cut = cutpoints(pt.specify_shape(pt.concatenate([first, *further]), (cuts,)), pt)
    if pooling == "none":
        effect = priors.share.to_pymc("logit", dims="area")
        centre = effect.mean()
        pm.Deterministic("area_effect", effect - centre, dims="area")
    else:
        effect, centre = np.zeros(data.sizes["area"]) + _add_effects(model), 0.0
        if pooling == "partial":
            tau = priors.tau.to_pymc("tau")
            own = pm.Deterministic("area_effect", tau * pm.Normal("z", dims="area"), dims="area")
            effect = effect + own
        effect = pt.as_tensor(effect)
    pm.Deterministic("cutpoint", cut[::-1] - centre, dims="cut")
    _add_counts(model, pt.exp(ordinal_log_share(effect, cut, pt)))


def _add_multinomial(model: Model) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    data, priors, pooling = model.data, model.priors, model.options["pooling"]
    contrasts = data.sizes["status"] - 1
    if pooling == "none":
        parts = [priors.share.to_pymc("best_logit", dims="area")[:, None]]
        if contrasts > 1:
            parts.append(priors.split.to_pymc("further_logit", dims=("area", "further")))
        splits = pt.concatenate(parts, axis=1)
    else:
        first = priors.mu.to_pymc("mu_best")[None]
        further = [priors.split.to_pymc("mu_further", dims="further")] if contrasts > 1 else []
        mu = pm.Deterministic("mu", pt.concatenate([first, *further]), dims="contrast")
        splits = mu[None, :] + np.zeros((data.sizes["area"], 1)) + _add_effects(model, ("contrast",))
        if pooling == "partial":
            tau = priors.tau.to_pymc("tau", dims="contrast")
            z = pm.Normal("z", dims=("area", "contrast"))
            if contrasts > 1:
                # The prior is about the correlation moved from (-1, 1) to (0, 1).
                partial = 2.0 * priors.correlation.to_pymc("correlation_position", dims="pair") - 1.0
                root = correlation_root(partial, contrasts, pt)
                pm.Deterministic("correlation", correlations(root, contrasts, pt), dims="pair")
                z = pt.dot(z, root.T)
            splits = splits + tau * z
    splits = pt.specify_shape(splits, (data.sizes["area"], contrasts))
    _add_counts(model, pt.exp(sequential_log_share(splits, pt)))


def _add_effects(model: Model, dims: tuple[str, ...] = ()) -> Any:
    """Covariate effects in a graph, shape (area, *dims); 0 without covariates."""
    import pymc as pm
    import pytensor.tensor as pt

    if "predictor" not in model.data:
        return 0.0
    own = model.priors.effect.to_pymc("effect", dims=("covariate", *dims))
    scale = model.data["predictor_scale"].to_numpy()
    pm.Deterministic("coefficient", (own.T / scale).T, dims=("covariate", *dims))
    return pt.dot(scaled_predictors(model.data), own)


def _add_counts(model: Model, share: Any) -> None:
    """Shares (area, status), their average over all targets and the observed counts."""
    import pymc as pm

    held = swapped_data(model.data)
    targets = pm.Data("targets_data", held["targets_data"], dims="area")
    count = pm.Data("count_data", held["count_data"], dims=("area", "status"))
    share = pm.Deterministic("share", share, dims=("area", "status"))
    pm.Deterministic("overall_share", (share * targets[:, None]).sum(axis=0) / targets.sum(), dims="status")
    pm.Multinomial("count", n=targets, p=share, observed=count, dims=("area", "status"))


def swapped_data(data: xr.Dataset) -> dict[str, NDArray[np.int64]]:
    """Named values that a graph holds as data, so that a compiled one can be given other counts."""
    names = (name for name in ("successes", "count", "targets") if name in data)
    return {f"{name}_data": data[name].to_numpy() for name in names}


def draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    """Prior draws of all variables; None where a prior that the model uses is improper."""
    priors, outcome, pooling = model.priors, model.options["outcome"], model.options["pooling"]
    alone, further, areas = pooling == "none", status_counts(model).shape[1] - 2, model.data.sizes["area"]
    used = [priors.share if alone else priors.mu, *([priors.split] if further else [])]
    used += [priors.tau] if pooling == "partial" else []
    used += [priors.effect] if "predictor" in model.data else []
    if not all(prior.proper for prior in used):
        return None

    def with_further(first: FloatArray) -> FloatArray:
        """The first split and draws of the others, on a last axis."""
        others = [priors.split.draw(rng, (*first.shape, further))] if further else []
        return np.concatenate([first[..., None], *others], axis=-1)

    out: dict[str, FloatArray] = {}
    if outcome == "ordinal":
        first = np.zeros(size) if alone else priors.mu.draw(rng, size)
        cut, centre = cutpoints(with_further(first)), np.zeros((size, 1))
        if alone:
            effect = priors.share.draw(rng, (size, areas))
            centre = effect.mean(axis=1, keepdims=True)
            out = {"area_effect": effect - centre}
        else:
            effect, out = _draw_effects(model, rng, size)
        out |= {"mu": first, "cutpoint": cut[:, ::-1] - centre}
        share = np.exp(ordinal_log_share(effect, cut))
    else:
        level = used[0].draw(rng, (size, areas) if alone else size)
        splits = () if outcome == "binomial" else (further + 1,)
        level = with_further(level) if splits else level
        if not alone:
            effect, out = _draw_effects(model, rng, size, *splits)
            out["mu"] = level
            level = level[:, None] + effect
        share = np.exp(sequential_log_share(level)) if splits else expit(level)
    return labelled(model, {**out, "share": share})


def _draw_effects(
    model: Model, rng: np.random.Generator, size: int, *splits: int
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Prior draws of how areas depart from the typical one, shape (sample, area, *splits), and of what that comes from."""
    data, priors = model.data, model.priors
    theta, out = np.zeros((size, data.sizes["area"], *splits)), {}
    if "predictor" in data:
        own = priors.effect.draw(rng, (size, data.sizes["covariate"], *splits))
        out["coefficient"] = own / data["predictor_scale"].to_numpy().reshape(-1, *(1 for _ in splits))
        theta = theta + np.einsum("jc,sc...->sj...", scaled_predictors(data), own)
    if model.options["pooling"] == "partial":
        tau = out["tau"] = priors.tau.draw(rng, (size, *splits))
        z = rng.standard_normal(theta.shape)
        if "correlation" in model.variables:
            (contrasts,) = splits
            partial = 2.0 * priors.correlation.draw(rng, (size, math.comb(contrasts, 2))) - 1.0
            root = correlation_root(partial, contrasts)
            out["correlation"] = correlations(root, contrasts)
            z = np.einsum("saj,sij->sai", z, root)
        out["area_effect"] = tau[:, None] * z
        theta = theta + out["area_effect"]
    return theta, out


def log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log probability of each area's counts given its shares, coefficient included."""
    share = draws["share"].transpose("chain", "draw", "area", ...)
    binomial = model.options["outcome"] == "binomial"
    values = share.to_numpy()
    values = np.stack([values, 1.0 - values], axis=-1) if binomial else values
    # A share at the float's edge of 0 or 1 has a log of minus infinity, which counts only where a target is.
    with np.errstate(divide="ignore"):
        density = multinomial_log_density(status_counts(model), np.log(values))
    like = share if binomial else share.isel(status=0, drop=True)
    return xr.Dataset({"successes" if binomial else "count": like.copy(data=density)})


def predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Counts of the same areas drawn again and, with pooling, shares in a new area with average covariates."""
    share = draws["share"].transpose("chain", "draw", "area", ...)
    targets, binomial = model.data["targets"].to_numpy(), model.options["outcome"] == "binomial"
    # Shares at the float's edge of 0 or 1 are still shares.
    inside = np.clip(share.to_numpy(), 0.0, 1.0)
    if binomial:
        out = {"successes": share.copy(data=rng.binomial(targets, inside))}
    else:
        inside = inside / inside.sum(axis=-1, keepdims=True)
        out = {"count": share.copy(data=rng.multinomial(targets, inside))}
    if "mu" in draws:
        hyper = hyperparameters(model, draws)
        size, effects = hyper["mu"].shape if "mu" in hyper else (len(hyper["cut"]), 1)
        new = np.exp(new_area_log_share(hyper, 0.0, rng.standard_normal((size, 1, effects))))[:, 0]
        like = draws["overall_share"].transpose("chain", "draw", ...)
        out["new_area_share"] = like.copy(data=(new[:, 0] if binomial else new).reshape(like.shape))
    return xr.Dataset(out)


def hyperparameters(model: Model, draws: xr.Dataset) -> dict[str, FloatArray]:
    """What areas share, one leading dim of draws: cutpoints ``cut``, best first, or ``mu``, and the ``root`` of effects' covariance."""
    if model.options["outcome"] == "ordinal":
        out = {"cut": stacked(draws["cutpoint"])[:, ::-1]}
    else:
        mu = stacked(draws["mu"])
        out = {"mu": mu.reshape(len(mu), -1)}
    if "tau" not in draws:
        return out
    root = np.ones((1, 1))
    if "correlation" in draws:
        correlation, contrasts = stacked(draws["correlation"]), draws.sizes["contrast"]
        matrix = np.tile(np.eye(contrasts), (len(correlation), 1, 1))
        row, column = np.tril_indices(contrasts, -1)
        matrix[:, row, column] = matrix[:, column, row] = correlation
        # Correlations at the float's edge of one are still correlations.
        root = np.linalg.cholesky((1.0 - 1e-12) * matrix + 1e-12 * np.eye(contrasts))
    tau = stacked(draws["tau"])
    return out | {"root": tau.reshape(len(tau), -1, 1) * root}


def new_area_log_share(hyper: Mapping[str, FloatArray], shifted: Any, nodes: FloatArray) -> FloatArray:
    """Log shares (sample, node, status) in an area without data, of standard normal effects `nodes` ([sample,] node, effect)."""
    # `shifted` is what covariates add, of shape (sample, 1, effect).
    spread = 0.0 * nodes
    if "root" in hyper:
        spread = np.einsum("mj,sij->smi" if nodes.ndim == 2 else "smj,sij->smi", nodes, hyper["root"])
    if "cut" in hyper:
        return np.asarray(ordinal_log_share((shifted + spread)[..., 0], hyper["cut"]))
    return np.asarray(sequential_log_share(hyper["mu"][:, None] + shifted + spread))


def stacked(variable: xr.DataArray) -> FloatArray:
    """Draws as one leading dim, the others in order."""
    return np.asarray(variable.stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy())
