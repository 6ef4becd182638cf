"""The exact posterior of `success_model`, binomial or ordinal: one integral in each area, given what areas share.

Up to three parameters that areas share are on a grid; more of them (four statuses and more) are drawn by importance sampling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.importance import (
    MOST_K,
    Proposal,
    Sample,
    axis_values,
    in_coordinates,
    refine,
    sample_density,
    solve_by_importance,
    weigh,
)
from ...inference.leave_one_out import pareto_k
from ...inference.quadrature import Areas, Axis, Grid, LogDensity, integrate, solve, stratified_uniform
from ...model import Model, NotExactError
from ...priors import LogOdds, Normal, StudentT
from .equation import labelled, scaled_predictors, some_areas, status_counts
from .shares import FloatArray, expit, log_ways, ordinal_log_share

_MOST_AXES, _MOST_SHARED = 3, 12
# Draws that evidences by importance sampling are worth, at least.
EVIDENCE_DRAWS = 4_000


def solve_success(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws from the posterior, with the engine's statistics; a binomial is the ordinal model of two statuses."""
    if model.options["pooling"] == "none" and isinstance(model.priors.share, LogOdds):
        return _solve_beta(model, size, rng)
    axes, areas, log_density = _shared(model)
    engine = solve if len(axes) <= _MOST_AXES else solve_by_importance
    draws = engine(log_density, axes, size, rng)
    values = dict(draws.values)
    given = areas(values, size)
    effect, cut = given.draw(rng), given.cut[:, 0, :]
    if "predictor" in model.data:
        own = np.stack([values[f"effect_{c}"] for c in range(model.data.sizes["covariate"])], axis=1)
        values["coefficient"] = own / model.data["predictor_scale"].to_numpy()
    if model.options["outcome"] == "binomial":
        return labelled(model, {**values, "share": expit(effect - cut)}), draws.sample_stats()
    # Without pooling areas depart from the average one.
    alone = model.options["pooling"] == "none"
    centre = effect.mean(axis=1, keepdims=True) if alone else 0.0
    values["area_effect"] = effect - (centre if alone else given.shift)
    values["cutpoint"] = cut[:, ::-1] - centre
    values["share"] = np.exp(ordinal_log_share(effect, cut))
    return labelled(model, values), draws.sample_stats()


def _solve_beta(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Areas by themselves with a Beta prior of their shares: Beta posteriors in closed form."""
    from scipy.special import betaincinv, betaln

    if model.options["outcome"] != "binomial":
        raise NotExactError(f"priors, share: {model.priors.share} has no exact posterior; use engine 'nuts'")
    count, prior = status_counts(model), model.priors.share.share
    alpha, beta = prior.alpha + count[:, 0], prior.beta + count[:, 1]
    evidence = float((betaln(alpha, beta) - betaln(prior.alpha, prior.beta) + log_ways(count)).sum())
    draws = solve(lambda nodes: np.full(len(nodes), evidence), [], size, rng)
    share = betaincinv(alpha, beta, stratified_uniform(rng, (size, len(count))))
    return labelled(model, {"share": share}), draws.sample_stats()


def success_evidence(model: Model) -> tuple[float, float]:
    """Log marginal likelihood of the counts and its Monte Carlo error, 0 of up to three shared parameters."""
    axes, _, log_density = _shared(model)
    if len(axes) > _MOST_AXES:
        sample = sample_density(log_density, axes, EVIDENCE_DRAWS)
        sample.require(EVIDENCE_DRAWS, "what areas share")
        return sample.log_evidence, sample.evidence_mcse
    return _evidence(integrate(log_density, axes)), 0.0


def left_out_densities(model: Model) -> tuple[FloatArray, FloatArray]:
    """Log predictive density of each area's counts given the others', and its Monte Carlo standard error, each of shape (area,)."""
    axes, areas, log_density = _shared(model)
    count = status_counts(model)

    def own_terms(values: dict[str, FloatArray]) -> FloatArray:
        """Log probability of each area's counts at each set of shared parameters, shape (S, J)."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            own = areas(values, len(values[axes[0].name])).log_likelihood() + log_ways(count)
            for k in range(1, count.shape[1] - 1):
                own += np.log(-np.expm1(-values[f"gap_{k}"]))[:, None] * count[:, k]
        return np.asarray(own)

    if len(axes) > _MOST_AXES:
        sample = sample_density(log_density, axes, EVIDENCE_DRAWS)
        sample.require(EVIDENCE_DRAWS, "what areas share")
        own = own_terms(axis_values(axes, sample.x))
        return leave_out_by_importance(
            sample, axes, own, lambda kept: _shared(some_areas(model, kept))[2], EVIDENCE_DRAWS
        )
    # The evidence without an area is that with it, divided by what the area has at each node; where the grid of all areas does not
    # hold its mass, it gets a grid of its own.
    whole = integrate(log_density, axes)
    own = own_terms({axis.name: of for axis, of in zip(axes, whole.values().T, strict=True)})
    out = np.empty(len(count))
    for j in range(len(count)):
        log_p = whole.log_p.copy()
        log_p[whole.there] -= own[:, j]
        rest = replace(whole, log_p=np.where(np.isfinite(log_p), log_p, -np.inf))
        others = np.arange(len(count)) != j
        out[j] = rest.log_evidence if _holds(rest, 0.001) else success_evidence(some_areas(model, others))[0]
    return _evidence(whole) - out, np.zeros(len(count))


def leave_out_by_importance(
    sample: Sample,
    axes: list[Axis],
    own: FloatArray,
    density_of: Callable[[NDArray[np.bool_]], LogDensity],
    worth: int,
) -> tuple[FloatArray, FloatArray]:
    """The same from weighted draws, and the log probability `own` (draw, area) of each area's counts at them."""
    elpd, mcse = np.empty(own.shape[1]), np.empty(own.shape[1])
    for j in range(own.shape[1]):
        log_w = np.where(np.isfinite(own[:, j]), sample.log_w - own[:, j], -np.inf)
        rest = Sample(sample.x, sample.log_p, log_w)
        # An area without which the weights fail, or are worth few draws, gets draws of its own.
        if not pareto_k(log_w) < MOST_K or rest.effective < worth / 2:
            without = in_coordinates(density_of(np.arange(own.shape[1]) != j), axes)
            rest = weigh(without, refine(without, Proposal.fitted(sample.x, log_w)), EVIDENCE_DRAWS)
            rest.require(worth, "what areas share but one")
        elpd[j] = sample.log_evidence - rest.log_evidence
        mcse[j] = math.hypot(sample.evidence_mcse, rest.evidence_mcse)
    return elpd, mcse


def _evidence(grid: Grid) -> float:
    if not _holds(grid, 0.01):
        raise NotExactError(
            f"the log evidence is {grid.log_evidence:.4g} with {grid.edge_mass:.1g} of the mass at the edge of the "
            f"grid, and changes by {grid.changes(together=True).max(initial=0.0):.1g} on refinement; use engine 'nuts'"
        )
    return grid.log_evidence


def _holds(grid: Grid, change: float) -> bool:
    """Whether a grid holds the mass and resolves it."""
    resolved = float(grid.changes(together=True).max(initial=0.0)) < change
    return bool(math.isfinite(grid.log_evidence) and grid.edge_mass < 1e-6 and resolved)


def _shared(
    model: Model,
) -> tuple[list[Axis], Callable[[dict[str, FloatArray], int], Areas], Callable[[FloatArray], FloatArray]]:
    """Axes of what areas share, the areas given it, and its log density together with the counts."""
    priors, pooling = model.priors, model.options["pooling"]
    count = status_counts(model)
    # In the order of the axes.
    chosen = {} if pooling == "none" else {"mu": priors.mu}
    chosen |= {f"gap_{k}": priors.split for k in range(1, count.shape[1] - 1)}
    chosen |= {f"effect_{c}": priors.effect for c in range(model.data.sizes.get("covariate", 0))}
    chosen |= {"tau": priors.tau} if pooling == "partial" else {}
    _require_quadrature(model, chosen)
    predictors = scaled_predictors(model.data) if "predictor" in model.data else np.zeros((len(count), 0))
    total = count.sum(axis=0)
    axes = [_axis(name, total, prior) for name, prior in chosen.items()]

    def areas(values: dict[str, FloatArray], nodes: int) -> Areas:
        effects = [values[f"effect_{c}"] for c in range(predictors.shape[1])]
        shift = np.stack(effects, axis=1) @ predictors.T if effects else np.zeros((nodes, 1))
        tau = values.get("tau", np.zeros(nodes))
        if pooling == "none":
            shift, tau = shift + priors.share.mu, tau + priors.share.sigma
        below = [values[f"gap_{k}"] for k in range(1, total.size - 1)]
        cut = -np.cumsum([values.get("mu", np.zeros(nodes)), *below], axis=0).T
        return Areas(count[:, :-1], count[:, :-1] + count[:, 1:], cut[:, None, :], shift, tau[:, None])

    def log_density(nodes: FloatArray) -> FloatArray:
        values = {axis.name: nodes[:, d] for d, axis in enumerate(axes)}
        given = areas(values, len(nodes))
        out = given.log_likelihood().sum(axis=1) + ways
        for name, value in values.items():
            if name.startswith("gap"):
                # With cuts c_1 = -mu, c_k = c_k-1 - g_k, split k is -c_k - log(1 + exp(-c_k-1)) + log(1 - exp(-g_k)), and its
                # derivative by g_k is 1 / (1 - exp(-g_k)). The data tell gaps apart from mu, as they do not tell splits.
                k = int(name.removeprefix("gap_"))
                cut, between = given.cut[:, 0, :], np.log(-np.expm1(-value))
                split = between - cut[:, k] - np.logaddexp(0.0, -cut[:, k - 1])
                out += total[k] * between + chosen[name].logpdf(split) - between
            else:
                out += chosen[name].logpdf(value)
        return np.asarray(out)

    ways = float(log_ways(count).sum())
    return axes, areas, log_density


def _axis(name: str, total: FloatArray, prior: Any) -> Axis:
    if name == "tau":
        return Axis(name, "spread")
    if name.startswith("gap"):
        return Axis(name, "positive")
    centre = math.log((total[0] + 0.5) / (total[1:].sum() + 0.5)) if name == "mu" else 0.0
    # A narrow prior with long tails may have a peak of its own, far from that of the likelihood.
    peaks = ((prior.mu, prior.sigma),) if isinstance(prior, StudentT) else ()
    return Axis(name, "real", centre=centre, peaks=peaks)


def _require_quadrature(model: Model, chosen: dict[str, Any]) -> None:
    if len(chosen) > _MOST_SHARED:
        raise NotExactError(
            f"areas share {len(chosen)} parameters, more than the {_MOST_SHARED} of an exact posterior; use engine 'nuts'"
        )
    if model.options["pooling"] == "none" and not isinstance(model.priors.share, Normal):
        raise NotExactError(
            f"priors, share: {model.priors.share} has no exact posterior, expected Normal; use engine 'nuts'"
        )
    for name, prior in chosen.items():
        if (prior.logpdf(-1.0) > -np.inf) == (name == "tau"):
            raise NotExactError(f"priors, {name}: {prior} has no exact posterior; use engine 'nuts'")
