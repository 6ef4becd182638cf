"""The exact posterior of `success_model`, multinomial: splits are binomials, which only their areas' effects tie together.

Without correlated effects the posteriors of the splits are independent. With partial pooling the effects of an area integrate out by
a Gauss-Hermite rule around their mode (see `Effects`), and what areas share is drawn by importance sampling.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import xarray as xr

from ...inference.importance import Sample, axis_values, draws_of, sample_density
from ...inference.quadrature import Axis, together
from ...model import Model, NotExactError
from .equation import describe, labelled, scaled_predictors, some_areas, status_counts
from .exact import (
    EVIDENCE_DRAWS,
    leave_out_by_importance,
    left_out_densities,
    solve_success,
    success_evidence,
)
from .shares import FloatArray, correlation_root, correlations, log_ways, sequential_log_share

# Points for each effect of the Gauss-Hermite rule around the mode of an area's effects, by their number; and of a finer one that
# checks it for some draws, with what may differ on average; and of the one by which proposals are fitted.
_POINTS, _FINER, _ROUGH = {2: 7, 3: 5, 4: 4}, {2: 15, 3: 9, 4: 7}, 3
_CHECKED, _MOST_ROUNDING = 50, 0.02
# Share of proposals with unit variance that are kept, from which effects are drawn by rejection; else so many are weighted.
_KEPT, _CANDIDATES = 0.03, 64
# Values at a time.
_CHUNK = 2**15


@dataclass(frozen=True, eq=False)
class Effects:
    """Binomials of C splits in J areas under S sets of shared parameters."""

    # With root A of the effects' covariance and log-odds c + A z of the splits, an area has the integral of N(z) and its binomials over
    # z, whose integrand is log-concave, with curvature of at least I.
    successes: FloatArray  # (J, C)
    trials: FloatArray  # (J, C)
    centre: FloatArray  # (S, J, C), log-odds without an effect of the area
    root: FloatArray  # (S, C, C), lower triangular

    def log_likelihood(self, points: int | None = None) -> FloatArray:
        """Log of each area's integral, shape (S, J), by Gauss-Hermite around its mode with so many points for each effect."""
        splits = self.centre.shape[-1]
        t, weight = np.polynomial.hermite_e.hermegauss(points or _POINTS[splits])
        rows = max(1, _CHUNK // max(self.centre[0].size, 1))
        pieces = [self.rows(slice(i, i + rows)) for i in range(0, len(self.centre), rows)]
        return np.concatenate([piece._integral(t, weight) for piece in pieces])

    def _integral(self, t: FloatArray, weight: FloatArray) -> FloatArray:
        splits = self.centre.shape[-1]
        mode, curvature = self._mode()
        root = np.linalg.cholesky(curvature)
        # Columns of the inverse's transpose turn a step with unit curvature into one of z, and by A into one of log-odds.
        step = np.swapaxes(np.linalg.inv(root), -1, -2)
        odds = self._log_odds(mode)
        top = self._terms(mode, odds, self.successes, self.trials)
        total = np.zeros_like(top)
        # Splits in front: each operation is one pass over contiguous values.
        z, theta = _splits_first(mode), _splits_first(odds)
        z_step, theta_step = _splits_first(step), _splits_first(self.root[:, None] @ step)
        y, n = _splits_first(self.successes), _splits_first(self.trials)
        for nodes in itertools.product(range(len(t)), repeat=splits):
            own = t[list(nodes)]
            value = 0.5 * float(own @ own) - top
            for k in range(splits):
                at = theta[k] + sum(theta_step[i, k] * float(own[i]) for i in range(splits))
                value += y[k] * at
                # log(1 + e^theta), which for odds that no float tells from certainty is theta itself.
                np.exp(np.minimum(at, 300.0, out=at), out=at)
                at += 1.0
                value -= n[k] * np.log(at, out=at)
                at = z[k] + sum(z_step[i, k] * float(own[i]) for i in range(splits))
                value -= 0.5 * np.square(at, out=at)
            total += float(weight[list(nodes)].prod()) * np.exp(value, out=value)
        log_det = np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
        return np.asarray(top + np.log(total) - log_det - 0.5 * splits * math.log(2.0 * math.pi))

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """One draw of the log-odds of each area, shape (S, J, C)."""
        # A log-concave likelihood lies below its tangent at the mode m, so that the integrand lies below N(m, I) but for a factor:
        # draws from that are kept by rejection, exactly. Where the data say so much that few would be kept, the integrand is near
        # normal, and one of many draws from the normal around the mode is taken by its weight.
        mode, curvature = self._mode()
        top = self._terms(mode, self._log_odds(mode), self.successes, self.trials)
        log_det = np.linalg.slogdet(curvature)[1]
        many = 0.5 * log_det > -math.log(_KEPT)
        z = np.empty_like(mode)
        todo = ~many
        while todo.any():
            s, j = np.nonzero(todo)
            noise = rng.standard_normal((len(s), mode.shape[-1]))
            found = mode[s, j] + noise
            log_keep = self._log_density_at(found, s, j) - top[s, j] + 0.5 * (noise**2).sum(axis=-1)
            kept = np.log(rng.random(len(s))) < log_keep
            z[s[kept], j[kept]] = found[kept]
            todo[s[kept], j[kept]] = False
        s, j = np.nonzero(many)
        for start in range(0, len(s), 4096):
            piece = slice(start, start + 4096)
            z[s[piece], j[piece]] = self._weighted_draw(mode, curvature, s[piece], j[piece], rng)
        return self._log_odds(z)

    def rows(self, rows: Any) -> Effects:
        """The same under some of the sets of shared parameters, chosen by index."""
        return replace(self, centre=self.centre[rows], root=self.root[rows])

    def _weighted_draw(
        self, mode: FloatArray, curvature: FloatArray, s: Any, j: Any, rng: np.random.Generator
    ) -> FloatArray:
        root = np.linalg.cholesky(curvature[s, j])
        noise = rng.standard_normal((_CANDIDATES, len(s), mode.shape[-1]))
        step = 1.1 * np.einsum("nba,mnb->mna", np.linalg.inv(root), noise)
        found = mode[s, j] + step
        log_w = np.stack([self._log_density_at(one, s, j) for one in found]) + 0.5 * (noise**2).sum(axis=-1)
        # The largest of log weight plus Gumbel noise is a draw by weight.
        chosen = (log_w + rng.gumbel(size=log_w.shape)).argmax(axis=0)
        return np.asarray(found[chosen, np.arange(len(s))])

    def _log_odds(self, z: FloatArray) -> FloatArray:
        return np.asarray(self.centre + np.einsum("sij,saj->sai", self.root, z))

    def _log_density_at(self, z: FloatArray, s: Any, j: Any) -> FloatArray:
        """Log integrand at z of shape (n, C), but for the constant of N, for single areas under single sets."""
        theta = self.centre[s, j] + np.einsum("nij,nj->ni", self.root[s], z)
        return self._terms(z, theta, self.successes[j], self.trials[j])

    def _terms(self, z: FloatArray, theta: FloatArray, y: FloatArray, n: FloatArray) -> FloatArray:
        # log(1 + e^theta), which for odds that no float tells from certainty is theta itself.
        soft = np.log1p(np.exp(np.minimum(theta, 300.0)))
        out = np.einsum("...k,...k->...", y, theta) - np.einsum("...k,...k->...", n, soft)
        return np.asarray(out - 0.5 * np.einsum("...k,...k->...", z, z))

    def _mode(self) -> tuple[FloatArray, FloatArray]:
        """Mode of each integrand, shape (S, J, C), and its curvature there, (S, J, C, C), by damped Newton steps."""
        # All integrands stand on the last axis, and those that are done are left out of the next step.
        shape, splits = self.centre.shape[:2], self.centre.shape[2]
        centre, successes, trials = (
            np.moveaxis(np.broadcast_to(each, self.centre.shape), -1, 0).reshape(splits, -1)
            for each in (self.centre, self.successes, self.trials)
        )
        roots = np.repeat(np.moveaxis(self.root, 0, -1), shape[1], axis=-1)
        z, unit = np.zeros_like(centre), np.eye(splits)[:, :, None]
        curvature = np.empty((splits, *z.shape))
        todo = np.arange(z.shape[1])
        for _ in range(40):
            root, own, trial = roots[:, :, todo], z[:, todo], trials[:, todo]
            share = 0.5 * (1.0 + np.tanh(0.5 * (centre[:, todo] + (root * own).sum(axis=1))))
            slope = (root * (successes[:, todo] - trial * share)[:, None]).sum(axis=0) - own
            bent = root * (trial * share * (1.0 - share))[:, None]
            bend = unit + (root[:, :, None] * bent[:, None]).sum(axis=0)
            step = _solved(bend, slope)
            curvature[:, :, todo] = bend
            z[:, todo] = own + step / np.maximum(np.sqrt((step**2).sum(axis=0)), 1.0)
            todo = todo[np.abs(step).max(axis=0) >= 1e-6]
            if not todo.size:
                break
        back = np.moveaxis(curvature.reshape(splits, splits, *shape), (0, 1), (2, 3))
        return np.ascontiguousarray(np.moveaxis(z.reshape(splits, *shape), 0, 2)), np.ascontiguousarray(back)


def _splits_first(values: FloatArray) -> FloatArray:
    """The last axis in front, of matrices (..., i, k) both of the last: shape (C, ...) or (C of k, C of i, ...)."""
    dims = 1 if values.ndim < 4 else 2
    return np.ascontiguousarray(np.moveaxis(values, range(-1, -1 - dims, -1), range(dims)))


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solutions of few equations each, which stand on the last axis; matrices of shape (C, C, n) are positive definite."""
    a, x = matrix.copy(), right.copy()
    size = len(x)
    for k in range(size):
        for i in range(k + 1, size):
            factor = a[i, k] / a[k, k]
            a[i, k:] -= factor * a[k, k:]
            x[i] -= factor * x[k]
    for k in reversed(range(size)):
        x[k] = (x[k] - (a[k, k + 1 :] * x[k + 1 :]).sum(axis=0)) / a[k, k]
    return x


def solve_multinomial(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws from the posterior, with the engine's statistics."""
    contrasts = model.data.sizes["status"] - 1
    if splits := _independent_splits(model):
        parts = [solve_success(split, size, rng) for split in splits]
        names = [name for name in ("mu", "tau", "coefficient", "share") if name in parts[0][0]]
        found = {name: np.stack([draws[name].to_numpy() for draws, _ in parts], axis=-1) for name in names}
        found["share"] = np.exp(sequential_log_share(_log_odds(found["share"])))
        return labelled(model, found), together([stats for _, stats in parts])
    axes = _axes(model)
    draws = draws_of(_sample(model, size), axes, size, rng)
    values = dict(draws.values)
    effects = _effects(model, values)
    some = effects.rows(slice(0, _CHECKED))
    rounding = np.abs((some.log_likelihood(_FINER[contrasts]) - some.log_likelihood()).sum(axis=1)).mean()
    if not rounding < _MOST_ROUNDING:
        raise NotExactError(
            f"the rule for an area's effects is off by {rounding:.3f} in log density, expected below {_MOST_ROUNDING}; "
            "use engine 'nuts'"
        )
    found = {name: _columns(values, name) for name in ("mu", "tau")}
    found["correlation"] = correlations(_correlation_root(values), contrasts)
    if "predictor" in model.data:
        own = _columns(values, "effect").reshape(size, -1, contrasts)
        found["coefficient"] = own / model.data["predictor_scale"].to_numpy()[:, None]
    found["share"] = np.exp(sequential_log_share(effects.draw(rng)))
    return labelled(model, found), draws.sample_stats()


def left_out_by_split(model: Model) -> tuple[FloatArray, FloatArray]:
    """What `left_out_densities` gives, for correlated effects, which are integrated out at each draw of what areas share."""
    if splits := _independent_splits(model):
        parts = np.array([left_out_densities(split) for split in splits])
        return parts[:, 0].sum(axis=0), np.hypot.reduce(parts[:, 1])
    axes = _axes(model)
    sample = _sample(model, EVIDENCE_DRAWS)
    sample.require(EVIDENCE_DRAWS, "what areas share")
    own = _log_areas(model, axis_values(axes, sample.x))
    return leave_out_by_importance(
        sample,
        axes,
        own,
        lambda kept: partial(_log_density, some_areas(model, kept), axes),
        EVIDENCE_DRAWS // 2,
    )


def multinomial_evidence(model: Model) -> tuple[float, float]:
    """Log marginal likelihood of the counts, and its Monte Carlo standard error."""
    if splits := _independent_splits(model):
        parts = np.array([success_evidence(split) for split in splits])
        return float(parts[:, 0].sum()), float(np.hypot.reduce(parts[:, 1]))
    sample = _weighted(model, EVIDENCE_DRAWS)
    sample.require(EVIDENCE_DRAWS, "what areas share")
    return sample.log_evidence, sample.evidence_mcse


@lru_cache(maxsize=1)
def _sample(model: Model, size: int) -> Sample:
    """Weighted draws of what areas share; a fit's are those by which its areas are left out."""
    return _weighted(model, size)


def _weighted(model: Model, size: int) -> Sample:
    statuses = model.data.sizes["status"]
    if statuses - 1 not in _POINTS:
        raise NotExactError(
            f"no exact posterior of {statuses} statuses with correlated effects, expected at most {max(_POINTS) + 1}; "
            "use engine 'nuts'"
        )
    axes = _axes(model)
    density = partial(_log_density, model, axes)
    return sample_density(density, axes, size, rough=partial(density, points=_ROUGH))


def _axes(model: Model) -> list[Axis]:
    """What areas share: means, spreads, positions of partial correlations, and coefficients, a split after the other."""
    total = status_counts(model).sum(axis=0)
    splits, covariates = range(len(total) - 1), range(model.data.sizes.get("covariate", 0))
    start = [math.log((total[k] + 0.5) / (total[k + 1 :].sum() + 0.5)) for k in splits]
    return [
        *(Axis(f"mu_{k}", "real", centre=start[k]) for k in splits),
        *(Axis(f"tau_{k}", "spread") for k in splits),
        *(Axis(f"position_{i}_{j}", "share") for i in splits for j in range(i)),
        *(Axis(f"effect_{c}_{k}", "real") for c in covariates for k in splits),
    ]


# The prior of each of these, by the first that the name begins with.
_PRIORS = {"mu_0": "mu", "mu": "split", "tau": "tau", "position": "correlation", "effect": "effect"}


def _columns(values: Mapping[str, FloatArray], what: str) -> FloatArray:
    """Parameters of one kind, shape (S, n)."""
    return np.stack([value for name, value in values.items() if name.startswith(f"{what}_")], axis=1)


def _correlation_root(values: Mapping[str, FloatArray]) -> FloatArray:
    return np.asarray(
        correlation_root(2.0 * _columns(values, "position") - 1.0, _columns(values, "tau").shape[1])
    )


def _effects(model: Model, values: Mapping[str, FloatArray]) -> Effects:
    count = status_counts(model)
    trials = np.cumsum(count[:, ::-1], axis=1)[:, :0:-1]
    mu, tau = _columns(values, "mu"), _columns(values, "tau")
    centre = mu[:, None, :] + np.zeros((len(count), 1))
    if "predictor" in model.data:
        own = _columns(values, "effect").reshape(len(mu), -1, mu.shape[1])
        centre = centre + np.einsum("jc,sck->sjk", scaled_predictors(model.data), own)
    return Effects(count[:, :-1], trials, centre, tau[:, :, None] * _correlation_root(values))


def _log_density(model: Model, axes: list[Axis], nodes: FloatArray, points: int | None = None) -> FloatArray:
    """Log density of the counts and of what areas share, shape (S,)."""
    values = {axis.name: nodes[:, d] for d, axis in enumerate(axes)}
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        out = _log_areas(model, values, points).sum(axis=1)
        for name, value in values.items():
            prior = next(prior for start, prior in _PRIORS.items() if name.startswith(start))
            out = out + getattr(model.priors, prior).logpdf(value)
    # With absurd spreads the rule overflows; their prior is nothing.
    return np.where(np.isfinite(out), out, -np.inf)


def _log_areas(model: Model, values: Mapping[str, FloatArray], points: int | None = None) -> FloatArray:
    """Log probability of each area's counts, its effects integrated out, shape (S, J)."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return np.asarray(_effects(model, values).log_likelihood(points) + log_ways(status_counts(model)))


def _independent_splits(model: Model) -> list[Model]:
    """A binomial model of each split where no effects tie them together."""
    contrasts = model.data.sizes["status"] - 1
    tied = model.options["pooling"] == "partial" and contrasts > 1
    return [] if tied else [_split(model, k) for k in range(contrasts)]


def _split(model: Model, k: int) -> Model:
    """The binomial model of one split: this status, among the targets that have none of the better ones."""
    priors, count = model.priors, model.data["count"].transpose("area", "status")
    table = model.data.drop_dims("status").drop_vars("targets")
    better = np.stack([count[:, k].to_numpy(), count[:, k + 1 :].sum("status").to_numpy()], axis=1)
    table = table.assign_coords(status=["yes", "no"]).assign(count=(("area", "status"), better))
    own = priors if k == 0 else replace(priors, mu=priors.split, share=priors.split)
    return describe(table, "binomial", pooling=model.options["pooling"], priors=own, success=("yes",))


def _log_odds(share: FloatArray) -> FloatArray:
    smallest = np.finfo(float).tiny
    return np.asarray(np.log(np.maximum(share, smallest)) - np.log(np.maximum(1.0 - share, smallest)))
