"""The synthetic likelihood: how printed statistics are distributed for given parameters, learnt from simulations.

Transformed statistics are near normal around a mean that `expected_statistics` nearly gives, corrected by a quadratic function of the
parameters; the residuals' variances and dependence are fitted too (Wood 2010, Nature 466; Price et al. 2018, JCGS 27).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from ...inference.smc import temper
from ...model import Model
from .world import (
    PARAMETERS,
    STATISTICS,
    Design,
    by_name,
    expected_statistics,
    print_statistics,
    simulate_areas,
)

FloatArray = npt.NDArray[np.float64]

# Fixed, so that the likelihood is a function of the description; fits have their own seeds.
_SEED = 2014
_FIRST, _SECOND = 8_000, 20_000
_KERNELS, _WIDTH = 100, 1.0
# Dependence between residuals changes with the first two parameters: anchor weight and causal slope.
_LINKED = 2
_FARTHEST = 5.0
_BELOW_100 = ("score_before", "score_after")
_FEWEST, _MOST_AT_ONCE = 1000, 2000


@dataclass(frozen=True, eq=False)
class Emulator:
    """Mean, variances and dependence of the transformed statistics as functions of the parameters."""

    design: Design
    # Parameters are standardised as inverse_root (parameters - centre).
    centre: FloatArray
    inverse_root: FloatArray
    # Coefficients of the quadratic features, shape (features, statistics): of the correction, and of the innovations' log variance.
    mean: FloatArray
    log_variance: FloatArray
    # How a residual depends on those before it: at the centre, and how that changes with the first two standardised parameters.
    link: FloatArray

    def log_density(self, printed: FloatArray, parameters: FloatArray) -> FloatArray:
        """Log density of transformed statistics (broadcast) at rows of parameters."""
        error, log_variance = self.errors(printed - closed_form(parameters, self.design), parameters)
        return np.asarray(-0.5 * (error**2 + log_variance + np.log(2 * np.pi)).sum(axis=1))

    def errors(self, off: Any, parameters: Any, m: Any = np) -> tuple[Any, Any]:
        """Errors of statistics that are `off` their closed form, standard normal if the likelihood is right, and log variances before.

        `m`: NumPy, for rows, or PyTensor.
        """
        z = self.standardise(parameters)
        features = quadratic(z, m)
        residual = off - features @ self.mean
        log_variance = features @ self.log_variance
        error = residual - _linked(self.link, z, residual)
        return error * m.exp(-0.5 * log_variance), log_variance

    def standardise(self, parameters: Any) -> Any:
        """Parameters in units of the region that was simulated."""
        return (parameters - self.centre) @ self.inverse_root.T


@dataclass(frozen=True, eq=False)
class Region:
    """A cloud of normal kernels that covers the posterior: where the last simulations were made and fits start."""

    kernels: FloatArray
    root: FloatArray

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent draws, shape (size, parameters); some may lie outside the parameters' ranges."""
        chosen = self.kernels[rng.integers(len(self.kernels), size=size)]
        return np.asarray(chosen + rng.standard_normal(chosen.shape) @ self.root.T)

    def log_density(self, parameters: FloatArray) -> FloatArray:
        """Log density of rows, up to a constant."""
        inverse = np.linalg.inv(self.root)
        a, k = parameters @ inverse.T, self.kernels @ inverse.T
        distance = (a**2).sum(axis=1)[:, None] + (k**2).sum(axis=1) - 2 * a @ k.T
        nearest = distance.min(axis=1, keepdims=True)
        return np.asarray(-0.5 * nearest[:, 0] + np.log(np.exp(-0.5 * (distance - nearest)).sum(axis=1)))


def learnt(model: Model) -> tuple[Emulator, Region]:
    """The likelihood of a model and the region of its posterior; the same model description gives the same."""
    printed = tuple(float(value) for value in model.data["printed"].to_numpy())
    return _learnt(printed, design_of(model.data), model.priors)


@lru_cache(maxsize=4)
def _learnt(values: tuple[float, ...], design: Design, priors: Any) -> tuple[Emulator, Region]:
    named = dict(zip(STATISTICS, values, strict=True))
    printed, (low, high) = transform(named), _box(named, design)
    rng = np.random.default_rng(_SEED)
    start = rng.uniform(low, high, (_FIRST, len(low)))
    first = _fitted(
        start, simulate_statistics(start, design, rng), design, 0.5 * (low + high), np.diag((high - low) / 2)
    )

    def inside(x: FloatArray) -> FloatArray:
        return np.where(((x >= low) & (x <= high)).all(axis=1), 0.0, -np.inf)

    found = temper(
        start[:1000],
        inside,
        lambda x: log_prior(priors, x) + inside(x) + first.log_density(printed, x),
        rng,
        moves=6,
        last_moves=20,
    ).values
    root = np.linalg.cholesky(np.cov(found.T))
    region = Region(rng.permutation(found)[:_KERNELS], _WIDTH * root)
    points = region.draw(3 * _SECOND, rng)
    points = points[np.isfinite(log_prior(priors, points))][:_SECOND]
    return _fitted(points, simulate_statistics(points, design, rng), design, found.mean(axis=0), root), region


def _box(printed: dict[str, float], design: Design) -> tuple[FloatArray, FloatArray]:
    """Where the first simulations are made: wide around the moments that the printed numbers give."""
    share = (design.n_targets - design.n_missing) / len(design.used)
    unit = printed["mean_before"] / 100
    asked = unit * printed["mean_stretch"] / share
    square = (printed["sd_stretch"] ** 2 + printed["mean_stretch"] ** 2) * unit**2 / share
    asked_sd = np.sqrt(max(square - asked**2, 0.1 * square))
    moved = printed["mean_before"] - printed["mean_after"]
    sd, sd_after = printed["sd_before"], printed["sd_after"]
    ranges = {
        "anchor_weight": (0.0, 1.0),
        "causal_slope": (printed["slope"] - 1.5, printed["slope"] + 0.9),
        "error_seen": (0.0, 1.0),
        "ambition_mean": (asked + min(0.0, moved) - asked_sd, asked + max(0.0, moved) + asked_sd),
        "ambition_sd": (0.1 * asked_sd, 1.6 * asked_sd),
        "score_before": (printed["mean_before"] - 0.45 * sd, min(printed["mean_before"] + 0.45 * sd, 99.0)),
        "spread_before": (0.65 * sd, 1.35 * sd),
        "score_after": (
            printed["mean_after"] - 0.6 * sd_after,
            min(printed["mean_after"] + 0.6 * sd_after, 99.0),
        ),
        "carry_over": (0.4, 1.2),
        "drift_sd": (0.01 * sd, 0.65 * sd),
        "control_sd": (0.0, 0.3 * sd),
    }
    low, high = np.array([ranges[name] for name in PARAMETERS]).T
    return low, high


def transform(printed: Mapping[str, npt.ArrayLike]) -> FloatArray:
    """Statistics on scales where they are near normal, shape (..., statistics): logs, and Fisher's z of multiple correlations."""
    s = {name: np.asarray(printed[name], dtype=float) for name in STATISTICS}
    found = dict(s)
    for of in ("before", "after", "stretch"):
        mean, sd = s[f"mean_{of}"], s[f"sd_{of}"]
        found[f"sd_{of}"] = np.log(sd)
        found[f"min_{of}"] = np.log((mean - s[f"min_{of}"]) / sd)
        found[f"max_{of}"] = np.log((s[f"max_{of}"] - mean) / sd)
    found["slope_se"] = np.log(s["slope_se"])
    found |= {name: np.arctanh(np.sqrt(s[name])) for name in ("r2_with", "r2_without")}
    return np.stack([found[name] for name in STATISTICS], axis=-1)


def simulate_statistics(parameters: FloatArray, design: Design, rng: np.random.Generator) -> FloatArray:
    """Transformed statistics of one simulated study for each row of parameters."""
    parts = []
    for rows in np.array_split(parameters, max(1, len(parameters) // 4000)):
        parts.append(transform(print_statistics(simulate_areas(by_name(rows), design, rng), design)))
    return np.concatenate(parts)


def closed_form(parameters: FloatArray, design: Design) -> FloatArray:
    """`expected_statistics` of rows of parameters, 0 for statistics without one; shape (rows, statistics)."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        known = expected_statistics(by_name(parameters), design, np)
    blank = np.zeros(len(parameters))
    return np.stack([known.get(name, blank) for name in STATISTICS], axis=-1)


def quadratic(z: Any, m: Any = np) -> Any:
    """Constant, linear and quadratic features of rows."""
    i, j = np.triu_indices(len(PARAMETERS))
    return m.concatenate([m.ones_like(z[..., :1]), z, z[..., i] * z[..., j]], axis=-1)


def _fitted(
    parameters: FloatArray, statistics: FloatArray, design: Design, centre: FloatArray, root: FloatArray
) -> Emulator:
    """Least squares for the mean and the dependence of residuals, then for the log variance of what is left."""
    usable = np.isfinite(statistics).all(axis=1)
    parameters, statistics = parameters[usable], statistics[usable]
    blank = Emulator(design, centre, np.linalg.inv(root), np.zeros(0), np.zeros(0), np.zeros(0))
    z = blank.standardise(parameters)
    features = quadratic(z)
    target = statistics - closed_form(parameters, design)
    mean = _least_squares(features, target)
    residual = target - features @ mean
    # One simulated area in a million has a score near 0 and a change of thousands per cent.
    spread = residual.std(axis=0)
    residual = residual.clip(-_FARTHEST * spread, _FARTHEST * spread)
    k = statistics.shape[1]
    link = np.zeros((1 + _LINKED, k, k))
    scales = features[:, : 1 + _LINKED]
    for j in range(1, k):
        before = (scales[:, :, None] * residual[:, None, :j]).reshape(len(z), -1)
        link[:, j, :j] = _least_squares(before, residual[:, j]).reshape(-1, j)
    error = residual - _linked(link, z, residual)
    log_variance = _least_squares(features, np.log(error**2 + 1e-12))
    # Regression of the logarithm finds the shape; the level makes the standardised squares average 1.
    log_variance[0] += np.log(np.mean(error**2 * np.exp(-features @ log_variance), axis=0))
    return Emulator(design, centre, np.linalg.inv(root), mean, log_variance, link)


def _least_squares(x: FloatArray, y: FloatArray) -> FloatArray:
    """Normal equations: the features are standardised, and many rows make them well conditioned."""
    return np.asarray(np.linalg.solve(x.T @ x + 1e-9 * len(x) * np.eye(x.shape[1]), x.T @ y))


def _linked(link: FloatArray, z: Any, residual: Any) -> Any:
    """What residuals lead to expect of the ones after them."""
    expected = residual @ link[0].T
    for i in range(_LINKED):
        expected = expected + z[..., i : i + 1] * (residual @ link[1 + i].T)
    return expected


def design_of(data: xr.Dataset) -> Design:
    """Numbers of areas and survey error, from a model's data."""
    return Design(**{name: data[name].item() for name in Design.__dataclass_fields__})


def log_prior(priors: Any, parameters: FloatArray) -> FloatArray:
    """Log density of `AnchoringPriors` at rows of parameters; minus infinity outside their ranges."""
    total: FloatArray = np.zeros(len(parameters))
    for i, name in enumerate(PARAMETERS):
        total = total + getattr(priors, name).logpdf(parameters[:, i])
        if name in _BELOW_100:
            total = np.where(parameters[:, i] < 100, total, -np.inf)
    return np.asarray(total)


def sample(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """One population of particles as draws (dim ``sample``), and how it went: errors are those of new simulations from the posterior."""
    printed, (emulator, region) = _transformed(model), learnt(model)

    def log_target(x: FloatArray) -> FloatArray:
        prior = log_prior(model.priors, x)
        density = np.full(len(x), -np.inf)
        inside = np.isfinite(prior)
        density[inside] = emulator.log_density(printed, x[inside])
        return np.asarray(prior + density)

    start = region.draw(max(size, _FEWEST), rng)
    found = temper(start, region.log_density, log_target, rng)
    draws = found.values[:size]
    tested = found.values[:_MOST_AT_ONCE]
    off = simulate_statistics(tested, emulator.design, rng) - closed_form(tested, emulator.design)
    error, _ = emulator.errors(off, tested)
    error = error[np.isfinite(error).all(axis=1)]
    stats = {
        "exponent": found.exponent,
        "stages": float(found.stages),
        "acceptance": found.acceptance,
        "log_evidence": found.log_evidence,
        "likelihood_bias": np.abs(error.mean(axis=0)).max(),
        "likelihood_spread": np.abs(error.std(axis=0) - 1).max(),
    }
    named = {name: ("sample", draws[:, i]) for i, name in enumerate(PARAMETERS)}
    return xr.Dataset(named), xr.Dataset(stats)


def build(model: Model) -> Any:
    """The PyMC graph of prior and synthetic likelihood."""
    import pymc as pm
    import pytensor.tensor as pt

    emulator, _ = learnt(model)
    with pm.Model(coords={"statistic": list(STATISTICS)}) as graph:
        p = {name: getattr(model.priors, name).to_pymc(name) for name in PARAMETERS}
        known = expected_statistics(p, emulator.design, pt)
        expected = pt.stack([known.get(name, pt.constant(0.0)) for name in STATISTICS])
        parameters = pt.stack([p[name] for name in PARAMETERS])
        error, log_variance = emulator.errors(_transformed(model) - expected, parameters, pt)
        pm.Potential("printed", -0.5 * (error**2 + log_variance + np.log(2 * np.pi)).sum())
    return graph


def draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset:
    """Prior draws; scores of 100 and more are drawn again."""
    found = {}
    for name in PARAMETERS:
        prior = getattr(model.priors, name)
        values = prior.draw(rng, size)
        while name in _BELOW_100 and (values >= 100).any():
            again = values >= 100
            values[again] = prior.draw(rng, int(again.sum()))
        found[name] = ("sample", values)
    return xr.Dataset(found)


def log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log likelihood of all printed statistics at once: they come from the same areas."""
    shape = draws["anchor_weight"].shape
    values = learnt(model)[0].log_density(_transformed(model), parameters_of(draws))
    return xr.Dataset({"printed": (("chain", "draw"), values.reshape(shape))}, coords=_labels(draws))


def predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Statistics that a study of the same design would print, one simulated study a draw; no emulation."""
    design = design_of(model.data)
    rows, parts = parameters_of(draws), []
    for some in np.array_split(rows, max(1, len(rows) // _MOST_AT_ONCE)):
        areas = simulate_areas(by_name(some), design, rng)
        parts.append(np.stack(list(print_statistics(areas, design).values()), axis=-1))
    shape = (*draws["anchor_weight"].shape, len(STATISTICS))
    return xr.Dataset(
        {"printed": (("chain", "draw", "statistic"), np.concatenate(parts).reshape(shape))},
        coords={**_labels(draws), "statistic": np.array(STATISTICS)},
    )


def parameters_of(draws: xr.Dataset) -> FloatArray:
    """Draws as rows of parameters."""
    return np.stack([draws[name].to_numpy().ravel() for name in PARAMETERS], axis=1)


def _labels(draws: xr.Dataset) -> dict[str, Any]:
    return {dim: draws[dim].to_numpy() for dim in ("chain", "draw")}


def _transformed(model: Model) -> FloatArray:
    return transform(dict(zip(STATISTICS, model.data["printed"].to_numpy(), strict=True)))
