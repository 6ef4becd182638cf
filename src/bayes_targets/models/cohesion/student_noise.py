"""Student-t noise by importance sampling from the exact engine, fast enough for thousands of fits.

A normal model with the weights of the Student-t mode has an exact posterior, whose draws are reweighted; where k-hat is above 0.7 the
weights cannot be trusted, and NUTS has to do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...inference.leave_one_out import smoothed
from ...model import Model
from ...priors import Prior
from .equation import fitted_values
from .exact import cohesion_hierarchy, draw_hierarchy

FloatArray = NDArray[np.float64]

K_HAT_LIMIT = 0.7
_DEGREES = np.array([2.5, 4.0, 6.0, 10.0, 18.0, 40.0, 120.0])
_STEPS = 10
# The proposal is drawn a little wider than the mode's curvature says, so that it has the heavier tails.
_WIDER = 1.1
# A little ridge, as the priors would give, keeps the first guess defined whatever the columns.
_RIDGE = 0.3
_FINE = np.linspace(np.log(0.5), np.log(300.0), 400)


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws of the slope with importance weights."""

    effect: FloatArray
    weights: FloatArray
    k_hat: float
    stats: Mapping[str, float]

    @property
    def ess(self) -> float:
        """Effective number of draws, ``1 / sum(weights**2)``."""
        return float(1.0 / (self.weights**2).sum())


def solve_student_t(
    model: Model, effects: Mapping[str, Prior], size: int, rng: np.random.Generator
) -> dict[str, Weighted]:
    """The slope of a cohesion model with Student-t noise, under one or more priors of the slope."""
    priors = model.priors
    design, outcome = _design(model)
    profile, mode_weights, mode_sigma = _modes(design, outcome)
    nu, log_q, best = _propose_degrees(profile, priors.nu_minus_one, size, rng)
    # Curvature of the Student-t likelihood, on average over the cases, beside that of the weighted squares.
    curvature = (_DEGREES[best] + 1) / (_DEGREES[best] + 3)
    weights = mode_weights[best] * curvature / _WIDER
    normal = replace(model, options={**model.options, "noise": "normal"})
    hierarchy = cohesion_hierarchy(normal, weights)
    values, draws = draw_hierarchy(normal, hierarchy, size, rng)
    residual = outcome - fitted_values(model.data, values, model.options["effect"])
    sigma = values["sigma"]
    at = np.exp(np.interp(np.log(nu - 1), np.log(_DEGREES - 1), np.log(mode_sigma)))
    scale = at / np.exp(np.log(sigma).mean())
    log_ratio = (
        _log_student_t(residual, nu, scale * sigma)
        - (-hierarchy.n * np.log(sigma) - 0.5 * (residual**2 @ weights) / sigma**2)
        + (priors.sigma.logpdf(scale * sigma) - priors.sigma.logpdf(sigma) + np.log(scale))
        + (priors.nu_minus_one.logpdf(nu - 1) + np.log(nu - 1) - log_q)
    )
    effect, own = values["effect"], priors.effect.logpdf(values["effect"])
    return {
        name: Weighted(effect, *smoothed(log_ratio + prior.logpdf(effect) - own), draws.stats)
        for name, prior in effects.items()
    }


def _design(model: Model) -> tuple[FloatArray, FloatArray]:
    """Columns of the regression as if nothing were pooled, and the outcome."""
    data, options = model.data, model.options
    kind, types = data["type_index"].to_numpy(), data.sizes["authority_type"]
    own = (kind[:, None] == np.arange(types)).astype(float)
    x = data[options["effect"]].to_numpy()[:, None]
    columns = [np.ones_like(x) if options["pooling"] == "complete" else own]
    columns.append(own * x if options["slopes"] == "by_type" else x)
    if "controls" in data:
        block = (data["controls"] - data["control_mean"]) / data["control_scale"]
        columns.append(block.transpose("authority", "control").to_numpy())
    return np.column_stack(columns), data[options["response"]].to_numpy()


def _modes(design: FloatArray, outcome: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log likelihood, weights and scale at the mode for each of `_DEGREES`, all at once."""
    nu, ridge = _DEGREES[:, None], _RIDGE * np.eye(design.shape[1])
    weights = np.ones((nu.size, outcome.size))
    for _ in range(_STEPS):
        heavy = design * weights[..., None]
        right = heavy.swapaxes(1, 2) @ outcome
        beta = np.linalg.solve(design.T @ heavy + ridge, right[..., None])
        residual = outcome - (design @ beta)[..., 0]
        sigma = np.sqrt(np.vecdot(weights, residual**2) / outcome.size)
        weights = (nu + 1) / (nu + (residual / sigma[:, None]) ** 2)
    return _log_student_t(residual, _DEGREES, sigma), weights, sigma


def _propose_degrees(
    profile: FloatArray, prior: Any, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, int]:
    """Degrees of freedom drawn by their profile likelihood, their log density by log(nu - 1), and the best node."""
    log_q = 0.8 * np.interp(_FINE, np.log(_DEGREES - 1), profile - profile.max())
    log_q = log_q + prior.logpdf(np.exp(_FINE)) + _FINE
    q = np.exp(log_q - log_q.max())
    q /= q.sum()
    node, step = rng.choice(q.size, size, p=q), _FINE[1] - _FINE[0]
    place = _FINE[node] + step * (rng.random(size) - 0.5)
    best = int(np.argmax(np.interp(np.log(_DEGREES - 1), _FINE, q)))
    return 1.0 + np.exp(place), np.log(q[node] / step), best


def _log_student_t(residual: FloatArray, nu: FloatArray, sigma: FloatArray) -> FloatArray:
    from scipy import special

    n = residual.shape[1]
    constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    tails = np.log1p((residual / sigma[:, None]) ** 2 / nu[:, None]).sum(axis=1)
    return np.asarray(n * (constant - np.log(sigma)) - (nu + 1) / 2 * tails)
