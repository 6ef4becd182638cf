"""Prior draws, replicated data and pointwise likelihoods of `meta_model`, selection included."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...model import Model
from ...priors import Prior
from .problem import Problem, precision_mixture, problem_of
from .selection import bin_probabilities

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)


def draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    """Prior draws; effects are those of published studies. None where a prior is improper."""
    problem = problem_of(model)
    priors, count = problem.priors, problem.y.size
    needed = ["mu", *(["tau"] if problem.pooling == "partial" else [])]
    needed += ["tau_within"] if problem.group is not None and problem.pooling == "partial" else []
    needed += ["coefficient"] if problem.columns.shape[1] else []
    needed += ["slope"] if problem.bias is not None else []
    if not all(_proper(getattr(priors, name)) for name in needed):
        return None
    coords: dict[str, Any] = {"study": model.data["study"].to_numpy()}
    if problem.pooling == "none":
        effect = np.stack([_value(priors.mu, rng, size) for _ in range(count)], axis=1)
        return xr.Dataset({"effect": (("sample", "study"), effect)}, coords=coords)
    mu = _value(priors.mu, rng, size)
    partial = problem.pooling == "partial"
    tau = _value(priors.tau, rng, size) if partial else np.zeros(size)
    within = _value(priors.tau_within, rng, size) if partial and problem.group is not None else np.zeros(size)
    slope = _value(priors.slope, rng, size) if problem.bias is not None else np.zeros(size)
    p = problem.columns.shape[1]
    coefficients = (
        np.stack([_value(priors.coefficient, rng, size) for _ in range(p)], axis=1)
        if p
        else np.zeros((size, 0))
    )
    fixed = problem.fixed_weights
    if fixed is None and problem.bounds is not None:
        sticks = np.stack([prior.draw(rng, size) for prior in problem.sticks], axis=1)
    else:
        sticks = np.zeros((size, max(problem.bins - 1, 0)))
    weights = problem.weights_of(sticks)
    centre = mu[:, None] + coefficients @ problem.columns.T
    if problem.group is not None:
        groups = int(problem.group.max()) + 1
        centre_of = centre + (tau[:, None] * rng.standard_normal((size, groups)))[:, problem.group]
        own = within[:, None]
    else:
        centre_of, own = centre, tau[:, None]
    effect = _published_effects(problem, centre_of, own, slope, weights, rng)
    values: dict[str, Any] = {
        "mu": ("sample", mu),
        "tau": ("sample", tau),
        "effect": (("sample", "study"), effect),
        "new_effect": ("sample", mu + np.hypot(tau, within) * rng.standard_normal(size)),
        "tau_within": ("sample", within),
        "slope": ("sample", slope),
        "weight": (("sample", "step"), weights[:, 1:]),
    }
    if p:
        values["coefficient"] = (("sample", "moderator"), coefficients / problem.sd)
        coords["moderator"] = model.data["moderator"].to_numpy()
    if problem.bounds is not None:
        coords["step"] = model.data["step"].to_numpy()
    return xr.Dataset({name: values[name] for name in model.variables}, coords=coords)


def log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log density of each estimate given the parameters (and, where errors are correlated, given the others)."""
    problem = problem_of(model)
    flat = _flat(draws)
    mean = flat["effect"] + flat["slope"][:, None] * (0.0 if problem.bias is None else problem.bias)
    residual = problem.y - mean
    if problem.covariance is not None:
        precision = np.linalg.inv(problem.covariance)
        own = np.diag(precision)
        weighted = residual @ precision
        value = 0.5 * np.log(own) - 0.5 * _LOG_2_PI - 0.5 * weighted**2 / own
    else:
        value = _log_density(problem, residual)
    if problem.bounds is not None:
        weights = flat["weights"]
        centre, sd = _before_selection(problem, flat)
        sums = (_probabilities(problem, centre, sd) * weights[:, :, None]).sum(axis=1)
        with np.errstate(divide="ignore"):
            value = value + np.log(weights[:, problem.bin]) - np.log(sums)
    return _as_dataset(value, draws)


def predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Estimates of the same studies anew, of the same effects and as published as the printed ones."""
    problem = problem_of(model)
    flat = _flat(draws)
    mean = flat["effect"] + flat["slope"][:, None] * (0.0 if problem.bias is None else problem.bias)
    if problem.covariance is not None:
        noise = rng.standard_normal(mean.shape) @ np.linalg.cholesky(problem.covariance).T
        return _as_dataset(mean + noise, draws)
    sd = problem.se / np.sqrt(_precisions(problem, rng, mean.shape))
    if problem.bounds is None:
        return _as_dataset(mean + sd * rng.standard_normal(mean.shape), draws)
    return _as_dataset(_published(problem, mean, sd, flat["weights"], rng), draws)


def _log_density(problem: Problem, residual: FloatArray) -> FloatArray:
    z = residual / problem.se
    normal = -0.5 * z**2 - 0.5 * _LOG_2_PI - np.log(problem.se)
    if not problem.student.any():
        return np.asarray(normal)
    nu = np.where(problem.student, problem.df, 1.0)
    log_gamma = np.array([math.lgamma((v + 1) / 2) - math.lgamma(v / 2) for v in nu])
    student = log_gamma - 0.5 * np.log(nu * math.pi) - (nu + 1) / 2 * np.log1p(z**2 / nu) - np.log(problem.se)
    return np.where(problem.student, student, normal)


def _flat(draws: xr.Dataset) -> dict[str, FloatArray]:
    """Draws with chains joined; what a model lacks is 0 (weights: 1)."""
    lead = [dim for dim in ("chain", "draw", "sample") if dim in draws.dims]
    size = int(np.prod([draws.sizes[dim] for dim in lead]))
    out: dict[str, FloatArray] = {}
    for name in ("mu", "tau", "tau_within", "slope", "effect", "coefficient", "weight"):
        if name in draws:
            values = draws[name].transpose(*lead, ...).to_numpy()
            out[name] = values.reshape(size, *values.shape[len(lead) :])
        elif name not in ("effect", "coefficient", "weight"):
            out[name] = np.zeros(size)
    if "weight" in out:
        out["weights"] = np.concatenate([np.ones((size, 1)), out["weight"]], axis=1)
    return out


def _as_dataset(value: FloatArray, draws: xr.Dataset) -> xr.Dataset:
    shape = (draws.sizes["chain"], draws.sizes["draw"], value.shape[1])
    coords = {"chain": draws["chain"], "draw": draws["draw"], "study": draws["study"]}
    return xr.Dataset({"estimate": (("chain", "draw", "study"), value.reshape(shape))}, coords=coords)


def _before_selection(problem: Problem, flat: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean and s.d. of the true effects that selection is relative to (with groups: given the effects' own group)."""
    centre = flat["mu"][:, None] + np.zeros(problem.y.size)
    if "coefficient" in flat:
        centre = centre + (flat["coefficient"] * problem.sd) @ problem.columns.T
    if problem.group is None:
        return centre, flat["tau"][:, None]
    member = (problem.group[:, None] == np.arange(problem.group.max() + 1)).astype(float)
    within, tau = flat["tau_within"][:, None], flat["tau"][:, None]
    # The group's own effect is not kept: its mean given the effects of its members.
    left = (flat["effect"] - centre) @ member
    precision = member.sum(axis=0) / np.maximum(within**2, 1e-300)
    share = tau**2 / (1.0 + tau**2 * precision) / np.maximum(within**2, 1e-300)
    return centre + (share * left) @ member.T, within


def _probabilities(problem: Problem, centre: FloatArray, sd: FloatArray) -> FloatArray:
    nodes, mass = precision_mixture(problem.df)
    spread = np.sqrt(sd[..., None] ** 2 + problem.se[:, None] ** 2 / nodes)
    assert problem.bounds is not None
    return bin_probabilities(
        problem.direction * centre[..., None], spread, problem.bounds, problem.two_sided, mass
    )


def _precisions(problem: Problem, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    nu = np.where(problem.student, problem.df, 1.0)
    drawn = rng.gamma(nu / 2, 2.0 / nu, shape)
    return np.where(problem.student, drawn, 1.0)


def _published_effects(
    problem: Problem,
    centre: FloatArray,
    tau: FloatArray,
    slope: FloatArray,
    weights: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """True effects of studies that are published: all of them where there is no selection."""
    if problem.bounds is None:
        return np.asarray(centre + tau * rng.standard_normal(centre.shape))
    precision = _precisions(problem, rng, centre.shape)
    error = problem.se**2 / precision
    total = np.sqrt(tau**2 + error)
    bias = slope[:, None] * (0.0 if problem.bias is None else problem.bias)
    estimate = _published(problem, centre + bias, total, weights, rng)
    share = tau**2 / total**2
    noise = tau * np.sqrt(error) / total * rng.standard_normal(centre.shape)
    return np.asarray(centre + share * (estimate - bias - centre) + noise)


def _published(
    problem: Problem, mean: FloatArray, sd: FloatArray, weights: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Estimates from normals of shape (n, K), each kept with the probability of its bin, weights (n, J)."""
    assert problem.bounds is not None
    out, todo = np.empty(mean.shape), np.ones(mean.shape, dtype=bool)
    sd = np.broadcast_to(sd, mean.shape)
    for _ in range(200):
        rows, studies = np.nonzero(todo)
        if not rows.size:
            return out
        found = mean[rows, studies] + sd[rows, studies] * rng.standard_normal(rows.size)
        seen = np.abs(found) if problem.two_sided else problem.direction * found
        place = (seen[:, None] < problem.bounds[studies]).sum(axis=1)
        kept = rng.random(rows.size) < weights[rows, place]
        out[rows[kept], studies[kept]] = found[kept]
        todo[rows[kept], studies[kept]] = False
    # So rarely published that no such study is seen: the nearest significant result.
    rows, studies = np.nonzero(todo)
    out[rows, studies] = problem.direction * problem.bounds[studies, 0]
    return out


def _proper(prior: object) -> bool:
    return not isinstance(prior, Prior) or prior.proper


def _value(prior: object, rng: np.random.Generator, size: int) -> FloatArray:
    return prior.draw(rng, size) if isinstance(prior, Prior) else np.full(size, float(prior))  # type: ignore[arg-type]
