"""The equation of `cohesion_model` in NumPy: expected outcome, prior draws, likelihood, replication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.quadrature import multiply
from ...model import Model
from .scores import scores_log_likelihood, true_baseline_given_measured

FloatArray = NDArray[np.float64]
# Multiplications at a time; OpenBLAS takes more threads than one from 2^18 on.
_AT_ONCE = 2**17


def draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    """Prior draws of every variable whose prior is proper."""
    data, priors, options = model.data, model.priors, model.options
    wide = (size, data.sizes["authority_type"])
    out: dict[str, FloatArray] = {}

    def draw(name: str, prior: Any, shape: int | tuple[int, ...] = size) -> bool:
        if prior.proper:
            out[name] = prior.draw(rng, shape)
        return bool(prior.proper)

    def draw_group(name: str, mean: str, spread: str) -> None:
        if mean in out:
            out[name] = out[mean][:, None] + out[spread][:, None] * rng.standard_normal(wide)

    if options["pooling"] == "none":
        draw("intercept", priors.intercept, wide)
    elif draw("mu", priors.mu) and options["pooling"] == "complete":
        out["intercept"] = np.repeat(out["mu"][:, None], wide[1], axis=1)
    if options["pooling"] == "partial" and draw("tau", priors.tau):
        draw_group("intercept", "mu", "tau")
    if options["effect"] is not None:
        draw("effect", priors.effect)
    if options["slopes"] == "by_type" and draw("tau_effect", priors.tau_effect):
        draw_group("effect_by_type", "effect", "tau_effect")
    if "control" in data.dims and draw("coefficient", priors.coefficient, (size, data.sizes["control"])):
        out["coefficient"] = out["coefficient"] / data["control_scale"].to_numpy()
    draw("sigma", priors.sigma)
    if options["noise"] == "student_t" and draw("nu", priors.nu_minus_one):
        out["nu"] = out["nu"] + 1.0
    if options["measurement_error"]:
        for name in ("baseline_mean", "baseline_tau", "baseline_sd"):
            draw(name, getattr(priors, name))
        draw_group("baseline_by_type", "baseline_mean", "baseline_tau")
    return labelled(model, out) if out else None


def labelled(model: Model, draws: dict[str, FloatArray]) -> xr.Dataset:
    """Draws as a Dataset with dim ``sample``, and the regression's terms where all they need is there."""
    labels, matrix = term_matrix(model)
    coords = {
        name: model.data[name].to_numpy() for name in ("authority_type", "control") if name in model.data.dims
    }
    effect = [] if model.options["effect"] is None else ["effect"]
    needed = [*effect, "intercept", *(["coefficient"] if "control" in coords else [])]
    if all(name in draws for name in needed):
        parameters = np.column_stack([draws[name] for name in needed])
        draws = draws | {"regression": multiply(parameters, matrix.T)}
        coords["term"] = np.array(labels, dtype=np.str_)
    own = {"coefficient": ("control",), "regression": ("term",)}
    own |= dict.fromkeys(("intercept", "effect_by_type", "baseline_by_type"), ("authority_type",))
    variables = {
        name: (("sample", *own.get(name, ())), draws[name]) for name in model.variables if name in draws
    }
    return xr.Dataset(variables, coords=coords)


def effect_values(data: xr.Dataset, effect: str | None) -> FloatArray:
    """Target or stretch of each unit; 0 where the model has no slope."""
    return np.zeros(data.sizes["authority"]) if effect is None else data[effect].to_numpy()


def fitted_change(data: xr.Dataset, draws: xr.Dataset, effect: str | None) -> xr.DataArray:
    """Expected outcome of each unit in each draw."""
    # Plain arrays: aligning labels takes longer than this much arithmetic.
    names = ("intercept", "effect", "effect_by_type", "coefficient")
    shape = (draws.sizes["chain"], draws.sizes["draw"], data.sizes["authority"])
    values = {
        name: draws[name].transpose("chain", "draw", ...).to_numpy().reshape(shape[0] * shape[1], -1)
        for name in names
        if name in draws
    }
    mean = fitted_values(data, values, effect)
    coords = {name: draws[name] for name in ("chain", "draw") if name in draws.coords}
    coords |= {"authority": data["authority"]} if "authority" in data.coords else {}
    return xr.DataArray(mean.reshape(shape), dims=("chain", "draw", "authority"), coords=coords)


def fitted_values(data: xr.Dataset, draws: Mapping[str, FloatArray], effect: str | None) -> FloatArray:
    """Expected outcomes of shape (sample, unit) from draws with one leading dim."""
    kind, x = data["type_index"].to_numpy(), effect_values(data, effect)
    group, slope = draws["intercept"], np.zeros((len(draws["intercept"]), 1))
    if effect is not None:
        slope = draws["effect"].reshape(len(group), 1)
    own, centred = np.empty((len(group), 0)), np.empty((0, kind.size))
    if "controls" in data:
        centred = (data["controls"] - data["control_mean"]).transpose("control", "authority").to_numpy()
        own = draws["coefficient"]
    mean = np.empty((len(group), kind.size))
    # Some draws at a time: they stay in the cache, and are too few for BLAS to share out among threads, on whose number the last
    # digits would depend.
    rows = max(_AT_ONCE // (kind.size * (1 + len(centred))), 1)
    for start in range(0, len(group), rows):
        piece = slice(start, start + rows)
        part = group[piece][:, kind]
        part += (draws["effect_by_type"][piece][:, kind] if "effect_by_type" in draws else slope[piece]) * x
        part += own[piece] @ centred
        mean[piece] = part
    return mean


def log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log density of each authority's data in each draw."""
    return pointwise(model.data, model.options, draws)


def pointwise(data: xr.Dataset, options: Mapping[str, Any], draws: xr.Dataset) -> xr.Dataset:
    """The same from a model's data, or some of it, and options."""
    response = str(options["response"])
    fitted = fitted_change(data, draws, options["effect"])
    nu = draws["nu"] if "nu" in draws else None
    if options["measurement_error"]:
        percent = options["change"] == "percent"
        return xr.Dataset({"scores": scores_log_likelihood(data, draws, fitted, nu, percent=percent)})
    if nu is None:
        sigma = draws["sigma"].transpose("chain", "draw").to_numpy()[..., None]
        z = data[response].to_numpy() - fitted.to_numpy()
        z /= sigma
        z *= z
        z += np.log(2 * np.pi * sigma**2)
        z *= -0.5
        value = fitted.copy(data=z)
    else:
        z = (data[response] - fitted) / draws["sigma"]
        from scipy import special

        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
        value = constant - np.log(draws["sigma"]) - (nu + 1) / 2 * np.log1p(z**2 / nu)
    return xr.Dataset({response: value.transpose("chain", "draw", "authority")})


def noise(draws: xr.Dataset, rng: np.random.Generator, size: int) -> FloatArray:
    """Noise of `size` units in each draw, of shape (chain, draw, size)."""
    sigma = draws["sigma"].transpose("chain", "draw").to_numpy()[..., None]
    shape = (*sigma.shape[:2], size)
    if "nu" not in draws:
        z = rng.standard_normal(shape)
        z *= sigma
        return z
    nu = draws["nu"].transpose("chain", "draw").to_numpy()[..., None]
    return np.asarray(sigma * rng.standard_t(np.broadcast_to(nu, shape)))


def predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Replicated outcomes of the same units."""
    data = model.data
    change = fitted_change(data, draws, model.options["effect"])
    change.data += noise(draws, rng, data.sizes["authority"])
    if not model.options["measurement_error"]:
        return xr.Dataset({str(model.options["response"]): change})
    by_type = draws["baseline_by_type"].isel(authority_type=data["type_index"].drop_vars("authority"))
    by_type = by_type.drop_vars("authority_type")
    expected, own = true_baseline_given_measured(
        data["baseline"], by_type, draws["baseline_sd"], data["baseline_se"]
    )
    expected, own = (part.transpose("chain", "draw", "authority") for part in (expected, own))
    true = expected + np.sqrt(own) * rng.standard_normal(change.shape)
    error = data["outcome_se"] * xr.DataArray(rng.standard_normal(change.shape), dims=change.dims)
    percent = model.options["change"] == "percent"
    outcome = (true * (1 + change / 100) if percent else true + change) + error
    again = outcome - data["baseline"]
    again = 100 * again / data["baseline"] if percent else again
    return xr.Dataset({"change": again.transpose(*change.dims), "outcome": outcome.transpose(*change.dims)})


def term_matrix(model: Model) -> tuple[list[str], FloatArray]:
    """The terms of the regression as linear functions of the parameters."""
    data, options = model.data, model.options
    types = [str(name) for name in data["authority_type"].to_numpy()]
    controls = [str(name) for name in data["control"].to_numpy()] if "control" in data.dims else []
    others = [] if options["pooling"] == "complete" else [t for t in types if t != options["reference"]]
    effect = [] if options["effect"] is None else [str(options["effect"])]
    labels, first = [*effect, *others, *controls, "constant"], len(effect)
    unit = np.eye(first + len(types) + len(controls))
    reference, slopes = unit[first + types.index(options["reference"])], unit[first + len(types) :]
    contrasts = unit[[first + types.index(name) for name in others]] - reference
    constant = reference - (data["control_mean"].to_numpy() @ slopes if controls else 0.0)
    return labels, np.vstack([unit[:first], contrasts, slopes, constant])
