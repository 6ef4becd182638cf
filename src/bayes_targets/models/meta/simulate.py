"""Prior draws, replicated data and pointwise likelihoods of `meta_model`, selection included."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...model import Model
from ...priors import Normal, Prior, StudentT
from .priors import is_point
from .problem import Problem, labelled, precision_mixture, problem_of
from .selection import bin_probabilities

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)


def draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    """Prior draws; effects are those of published studies. None where a prior is improper."""
    problem = problem_of(model)
    count, p = problem.y.size, problem.columns.shape[1]
    partial = problem.pooling == "partial"
    there = {
        "mu": True,
        "tau": partial,
        "tau_within": partial and problem.group is not None,
        "slope": problem.bias is not None,
        "coefficient": p > 0,
    }
    priors = {name: getattr(problem.priors, name) for name, used in there.items() if used}
    if any(isinstance(prior, Prior) and not prior.proper for prior in priors.values()):
        return None

    def drawn(name: str, columns: int = 1) -> FloatArray:
        """Values of shape (size, columns); 0 of what the model has not."""
        prior = priors.get(name, 0.0)
        if is_point(prior):
            return np.full((size, columns), float(prior))
        return np.stack([prior.draw(rng, size) for _ in range(columns)], axis=1)

    if problem.pooling == "none":
        return labelled(model, {"effect": drawn("mu", count)})
    mu, tau, within, slope = (drawn(name) for name in ("mu", "tau", "tau_within", "slope"))
    coefficient = drawn("coefficient", p)
    sticks = np.column_stack([stick.draw(rng, size) for stick in problem.sticks] or [np.empty((size, 0))])
    weights = problem.weights_of(sticks)
    centre, spread = mu + coefficient @ problem.columns.T, tau
    if problem.group is not None:
        shared = tau * rng.standard_normal((size, problem.member.shape[1]))
        centre, spread = centre + shared[:, problem.group], within
    effect = _published_effects(problem, centre, spread, weights, rng)
    new = np.hypot(tau, within) * rng.standard_normal((size, 1))
    values = {"mu": mu, "tau": tau, "tau_within": within, "slope": slope, "new_effect": mu + new}
    values = {name: value[:, 0] for name, value in values.items()}
    values |= {"effect": effect, "weight": weights[:, 1:], "coefficient": coefficient / problem.sd}
    return labelled(model, values)


def log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log density of each estimate given the parameters (and, where errors are correlated, given the others)."""
    problem, flat = problem_of(model), _flat(draws)
    residual = problem.y - _mean(problem, flat)
    if problem.covariance is not None:
        precision = np.linalg.inv(problem.covariance)
        own = np.diag(precision)
        value = 0.5 * np.log(own) - 0.5 * _LOG_2_PI - 0.5 * (residual @ precision) ** 2 / own
    else:
        errors = zip(problem.se, problem.df, problem.student, strict=True)
        priors = [StudentT(df, 0.0, se) if t else Normal(0.0, se) for se, df, t in errors]
        columns = [prior.logpdf(left) for prior, left in zip(priors, residual.T, strict=True)]
        value = np.stack(columns, axis=1)
    if problem.bounds is not None:
        weights = flat["weights"]
        centre, sd = _before_selection(problem, flat)
        nodes, mass = precision_mixture(problem.df)
        total = np.sqrt(sd[..., None] ** 2 + problem.se[:, None] ** 2 / nodes)
        bins = bin_probabilities(problem, centre[..., None], total, mass)
        with np.errstate(divide="ignore"):
            value = value + np.log(weights[:, problem.bin]) - np.log((bins * weights[:, :, None]).sum(axis=1))
    return _as_dataset(value, draws)


def predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Estimates of the same studies anew, of the same effects and as published as the printed ones."""
    problem, flat = problem_of(model), _flat(draws)
    mean = _mean(problem, flat)
    if problem.covariance is not None:
        noise = rng.standard_normal(mean.shape) @ np.linalg.cholesky(problem.covariance).T
        return _as_dataset(mean + noise, draws)
    sd = problem.se / np.sqrt(_precisions(problem, rng, mean.shape))
    if problem.bounds is None:
        return _as_dataset(mean + sd * rng.standard_normal(mean.shape), draws)
    return _as_dataset(_published(problem, mean, sd, flat["weights"], rng), draws)


def _flat(draws: xr.Dataset) -> dict[str, FloatArray]:
    """Draws with chains joined; what a model lacks is 0 (weights: 1)."""
    lead = [dim for dim in ("chain", "draw", "sample") if dim in draws.dims]
    size = int(np.prod([draws.sizes[dim] for dim in lead]))
    out = {name: np.zeros(size) for name in ("mu", "tau", "tau_within", "slope")}
    for name in draws.data_vars:
        values = draws[name].transpose(*lead, ...).to_numpy()
        out[str(name)] = values.reshape(size, *values.shape[len(lead) :])
    if "weight" in out:
        out["weights"] = np.concatenate([np.ones((size, 1)), out["weight"]], axis=1)
    return out


def _mean(problem: Problem, flat: dict[str, FloatArray]) -> FloatArray:
    """Means of the estimates: true effects, and what PET or PEESE adds."""
    bias = 0.0 if problem.bias is None else flat["slope"][:, None] * problem.bias
    return np.asarray(flat["effect"] + bias)


def _as_dataset(value: FloatArray, draws: xr.Dataset) -> xr.Dataset:
    shape = (draws.sizes["chain"], draws.sizes["draw"], value.shape[1])
    coords = {"chain": draws["chain"], "draw": draws["draw"], "study": draws["study"]}
    return xr.Dataset({"estimate": (("chain", "draw", "study"), value.reshape(shape))}, coords=coords)


def _before_selection(problem: Problem, flat: dict[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Mean and s.d. of the true effects that selection is relative to (with groups: given the effects' own group)."""
    centre, tau, within = (flat[name][:, None] for name in ("mu", "tau", "tau_within"))
    centre = centre + np.zeros(problem.y.size)
    if "coefficient" in flat:
        centre = centre + (flat["coefficient"] * problem.sd) @ problem.columns.T
    if problem.group is None:
        return centre, tau
    # The group's own effect is not kept: its mean given the effects of its members.
    member, variance = problem.member, np.maximum(within**2, 1e-300)
    left = (flat["effect"] - centre) @ member
    share = tau**2 / (1.0 + tau**2 * member.sum(axis=0) / variance) / variance
    return centre + (share * left) @ member.T, within


def _precisions(problem: Problem, rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    nu = np.where(problem.student, problem.df, 1.0)
    drawn = rng.gamma(nu / 2, 2.0 / nu, shape)
    return np.where(problem.student, drawn, 1.0)


def _published_effects(
    problem: Problem, centre: FloatArray, tau: FloatArray, weights: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """True effects of studies that are published: all of them where there is no selection."""
    if problem.bounds is None:
        return np.asarray(centre + tau * rng.standard_normal(centre.shape))
    error = problem.se**2 / _precisions(problem, rng, centre.shape)
    total = np.sqrt(tau**2 + error)
    estimate = _published(problem, centre, total, weights, rng)
    noise = tau * np.sqrt(error) / total * rng.standard_normal(centre.shape)
    return np.asarray(centre + (tau / total) ** 2 * (estimate - centre) + noise)


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
        place = (problem.seen(found)[:, None] < problem.bounds[studies]).sum(axis=1)
        kept = rng.random(rows.size) < weights[rows, place]
        out[rows[kept], studies[kept]] = found[kept]
        todo[rows[kept], studies[kept]] = False
    # So rarely published that no such study is seen: the nearest significant result.
    rows, studies = np.nonzero(todo)
    out[rows, studies] = problem.direction * problem.bounds[studies, 0]
    return out
