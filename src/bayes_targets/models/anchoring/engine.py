"""Engines of the anchoring model: particles, and the same likelihood as a PyMC graph; prior draws and replications."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from ...inference.smc import temper
from ...model import Model
from .emulator import Emulator, Region, simulate_statistics, transform
from .moments import expected_statistics
from .world import PARAMETERS, STATISTICS, Design, print_statistics, simulate_areas

FloatArray = npt.NDArray[np.float64]

_BELOW_100 = ("score_2006", "score_2008")
_FEWEST = 1000
_MOST_AT_ONCE = 2000


def design_of(model: Model) -> Design:
    """Numbers of areas and survey error, from a model's data."""
    return Design(**{name: model.data[name].item() for name in Design.__dataclass_fields__})


def log_prior(priors: Any, parameters: FloatArray) -> FloatArray:
    """Log density of `AnchoringPriors` at rows of parameters; minus infinity outside their ranges."""
    total: FloatArray = np.zeros(len(parameters))
    for i, name in enumerate(PARAMETERS):
        total = total + getattr(priors, name).logpdf(parameters[:, i])
        if name in _BELOW_100:
            total = np.where(parameters[:, i] < 100, total, -np.inf)
    return np.asarray(total)


def sample(
    model: Model, size: int, rng: np.random.Generator, emulator: Emulator, region: Region
) -> tuple[xr.Dataset, xr.Dataset]:
    """One population of particles as draws (dim ``sample``), and how it went.

    The statistics tell how far the posterior was reached (``exponent``), and whether the likelihood fits new
    simulations from the posterior: largest absolute mean of standardised errors over the printed statistics
    (``likelihood_bias``), and largest absolute deviation of their standard deviation from 1 (``likelihood_spread``).
    """
    printed = _transformed(model)

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
    error = emulator.standardised_errors(simulate_statistics(tested, emulator.design, rng), tested)
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


def build(model: Model, emulator: Emulator) -> Any:
    """The PyMC graph of prior and synthetic likelihood."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model(coords={"statistic": list(STATISTICS)}) as graph:
        p = {name: getattr(model.priors, name).to_pymc(name) for name in PARAMETERS}
        z = pt.dot(emulator.inverse_root, pt.stack([p[name] for name in PARAMETERS]) - emulator.centre)
        i, j = np.triu_indices(len(PARAMETERS))
        features = pt.concatenate([[1.0], z, z[i] * z[j]])
        known = expected_statistics(p, emulator.design, pt)
        expected = pt.stack([known.get(name, pt.constant(0.0)) for name in STATISTICS])
        residual = _transformed(model) - expected - pt.dot(features, emulator.mean)
        link = emulator.link[0] + sum(z[n] * emulator.link[1 + n] for n in range(len(emulator.link) - 1))
        log_variance = pt.dot(features, emulator.log_variance)
        error = (residual - pt.dot(link, residual)) * pt.exp(-0.5 * log_variance)
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


def log_likelihood(model: Model, draws: xr.Dataset, emulator: Emulator) -> xr.Dataset:
    """Log likelihood of all printed statistics at once: they come from the same areas."""
    shape = draws["anchor_weight"].shape
    values = emulator.log_density(_transformed(model), parameters_of(draws))
    return xr.Dataset({"printed": (("chain", "draw"), values.reshape(shape))}, coords=_labels(draws))


def predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Statistics that a study of the same design would print, one simulated study a draw; no emulation."""
    design = design_of(model)
    parts = []
    rows = parameters_of(draws)
    for some in np.array_split(rows, max(1, len(rows) // _MOST_AT_ONCE)):
        areas = simulate_areas(dict(zip(PARAMETERS, some.T, strict=True)), design, rng)
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
