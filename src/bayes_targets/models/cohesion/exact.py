"""The exact posterior of `cohesion_model` with normal noise: quadrature over sigma and the spreads between types."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.quadrature import Axis, Draws, Hierarchy, cross_products, solve
from ...model import Model, NotExactError
from ...priors import Flat, Normal, Prior
from .equation import labelled

FloatArray = NDArray[np.float64]


def solve_cohesion(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws from the posterior, with the engine's statistics.

    Given sigma, tau and tau_effect the model is a `Hierarchy` with deviations of the types from the mean intercept (tau) and
    the mean slope (tau_effect). Without pooling, the intercepts of the types are coefficients like the others.
    """
    values, draws = draw_parameters(model, size, rng)
    return labelled(model, values), draws.sample_stats()


def draw_parameters(model: Model, size: int, rng: np.random.Generator) -> tuple[dict[str, FloatArray], Draws]:
    """Independent draws as plain arrays, by the names of the posterior."""
    require_gaussian(model)
    return draw_hierarchy(model, cohesion_hierarchy(model), size, rng)


def draw_hierarchy(
    model: Model, hierarchy: Hierarchy, size: int, rng: np.random.Generator
) -> tuple[dict[str, FloatArray], Draws]:
    """Draws of a model's parameters, given the hierarchy of its data, perhaps a weighted one."""
    priors, options = model.priors, model.options
    scale = float(model.data[options["response"]].to_numpy().std())
    axes = [Axis("sigma", "positive", scale=scale)]
    if options["pooling"] == "partial":
        axes.append(Axis("tau", "spread", scale=scale))
    if options["slopes"] == "by_type":
        x_scale = float(np.sqrt(np.mean(model.data[options["effect"]].to_numpy() ** 2)))
        axes.append(Axis("tau_effect", "spread", scale=scale / x_scale))

    def log_density(nodes: FloatArray) -> FloatArray:
        log_prior = sum(getattr(priors, axis.name).logpdf(nodes[:, d]) for d, axis in enumerate(axes))
        return np.asarray(hierarchy.log_likelihood(nodes[:, 0], nodes[:, 1:]) + log_prior)

    draws = solve(log_density, axes, size, rng)
    spreads = np.stack([draws.values[axis.name] for axis in axes[1:]] or [np.empty((size, 0)).T], axis=-1)
    beta, deviation = hierarchy.draw(draws.values["sigma"], spreads.reshape(size, -1), rng)
    return dict(draws.values) | _parameters(model, beta, deviation), draws


def cohesion_hierarchy(model: Model, weights: FloatArray | None = None) -> Hierarchy:
    """The cross-products and priors of a model's coefficients."""
    data, priors, effect = model.data, model.priors, model.options["effect"]
    types = data.sizes["authority_type"]
    columns = [np.ones(data.sizes["authority"]), *([] if effect is None else [data[effect].to_numpy()])]
    lead = len(columns)
    centre, unit = np.zeros(0), np.zeros(0)
    if "controls" in data:
        columns.append(data["controls"].transpose("authority", "control").to_numpy())
        centre, unit = data["control_mean"].to_numpy(), data["control_scale"].to_numpy()
    columns.append(data[model.options["response"]].to_numpy())
    centre, unit = (np.concatenate([np.full(lead, k), of, [k]]) for k, of in ((0.0, centre), (1.0, unit)))
    kind = data["type_index"].to_numpy()
    if weights is None:
        by_type = cross_products(columns, kind, types, centre)
    else:
        block = (np.column_stack(columns) - centre) * np.sqrt(weights)[:, None]
        by_type = cross_products([block], kind, types, np.zeros_like(centre))
    by_type = by_type / (unit[:, None] * unit)
    own: list[Prior] = [priors.effect] * (lead - 1) + [priors.coefficient] * (unit.size - lead - 1)
    if model.options["pooling"] == "none":
        chosen, coefficients = _intercept_columns(types, by_type.shape[1]), [priors.intercept] * types + own
    else:
        chosen, coefficients = np.broadcast_to(np.eye(unit.size), by_type.shape), [priors.mu, *own]
    varies = {0: model.options["pooling"] == "partial", 1: model.options["slopes"] == "by_type"}
    return Hierarchy.of(
        by_type, chosen, *normal_terms(coefficients), varies=tuple(k for k in varies if varies[k])
    )  # fmt: skip


def normal_terms(coefficients: Sequence[Prior]) -> tuple[FloatArray, FloatArray]:
    """Mean and precision of each coefficient's prior, both 0 where it is flat."""
    mean = [prior.mu if isinstance(prior, Normal) else 0.0 for prior in coefficients]
    precision = [prior.sigma**-2 if isinstance(prior, Normal) else 0.0 for prior in coefficients]
    return np.array(mean), np.array(precision)


def _intercept_columns(types: int, m: int) -> FloatArray:
    """For each type, the matrix that turns its columns (1, x, ...) into (one for each type, x, ...)."""
    chosen = np.zeros((types, m, types + m - 1))
    chosen[np.arange(types), 0, np.arange(types)] = 1.0
    chosen[:, np.arange(1, m), types + np.arange(m - 1)] = 1.0
    return chosen


def _parameters(model: Model, beta: FloatArray, deviation: FloatArray) -> dict[str, FloatArray]:
    """Draws by the names of the posterior, coefficients on the controls' own scale."""
    options, types = model.options, model.data.sizes["authority_type"]
    first = types if options["pooling"] == "none" else 1
    effect = 0 if options["effect"] is None else 1
    out = {"effect": beta[:, first]} if effect else {}
    if options["pooling"] == "none":
        out["intercept"] = beta[:, :types]
    else:
        own = deviation[:, :, 0] if options["pooling"] == "partial" else np.zeros((len(beta), types))
        out |= {"mu": beta[:, 0], "intercept": beta[:, :1] + own}
    if options["slopes"] == "by_type":
        out["effect_by_type"] = beta[:, [first]] + deviation[:, :, -1]
    if "control" in model.data.dims:
        out["coefficient"] = beta[:, first + effect :] / model.data["control_scale"].to_numpy()
    return out


def require_gaussian(model: Model) -> None:
    """Raise `NotExactError` unless all of a model but its standard deviations integrates out in closed form."""
    options, priors = model.options, model.priors
    if options["noise"] != "normal":
        raise NotExactError("no exact posterior with Student-t noise; use engine 'nuts'")
    if options["measurement_error"]:
        raise NotExactError("no exact posterior with measurement error; use engine 'nuts'")
    types, pooling = model.data.sizes["authority_type"], options["pooling"]
    slopes = 0 if options["effect"] is None else types if options["slopes"] == "by_type" else 1
    terms = (1 if pooling == "complete" else types) + slopes
    if model.data.sizes["authority"] <= terms + model.data.sizes.get("control", 0):
        raise NotExactError("no exact posterior with no more authorities than terms; use engine 'nuts'")
    used = [] if options["effect"] is None else ["effect"]
    used += ["intercept" if pooling == "none" else "mu"]
    used += ["coefficient"] if "control" in model.data.dims else []
    for name in used:
        prior = getattr(priors, name)
        if not isinstance(prior, Normal | Flat):
            raise NotExactError(
                f"priors, {name}: {prior} has no exact posterior, expected Normal or Flat; use engine 'nuts'"
            )
