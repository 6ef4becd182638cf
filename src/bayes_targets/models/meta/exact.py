"""The exact posterior of `meta_model`: quadrature over spreads and weights, all else normal given them."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.quadrature import Draws, even_normals, even_points, on_mesh, solve_tensor, together
from ...model import Model, NotExactError
from ...priors import Flat, Normal
from .gaussian import Gaussian
from .problem import Problem, labelled, problem_of
from .selection import Selected

FloatArray = NDArray[np.float64]
# With more axes some data need more nodes than there is room for.
_MOST_AXES = 5


def solve_meta(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Draws from the posterior, the same for every seed, with the engine's statistics."""
    problem = problem_of(model)
    if problem.pooling == "none":
        effect, stats = (_apart if problem.covariance is None else _apart_with_covariance)(problem, size)
        return labelled(model, {"effect": effect}), stats
    values, draws = solve_together(problem, size)
    values["coefficient"] = values["coefficient"] / problem.sd
    values["new_effect"] = values["mu"] + values["new"]
    return labelled(model, values), draws.sample_stats()


def solvable(model: Model) -> bool:
    """Whether the exact engine serves a model on a grid of moderate size."""
    problem = problem_of(model)
    try:
        return Gaussian(problem).fits or len(Selected(problem).axes()) <= _MOST_AXES
    except NotExactError:
        return False


def solve_together(problem: Problem, size: int) -> tuple[dict[str, FloatArray], Draws]:
    """Draws of a problem's parameters and true effects by name, and the engine's."""
    gaussian = Gaussian(problem)
    density = gaussian if gaussian.fits else Selected(problem)
    axes, (leading, further) = density.axes(), density.dims
    leading += len(axes)
    order = zlib.crc32(problem.y.tobytes())
    unit = even_points(size, leading + further, first=min(6, leading), order=order)
    own, rest = unit[:, : len(axes)], unit[:, len(axes) :]
    draws = solve_tensor(density.tensor, density.at_points, axes, size, unit=own)
    values = np.column_stack([draws.values[axis.name] for axis in axes] or [np.empty((size, 0))])
    return density.draw(values, rest), draws


def _apart(problem: Problem, size: int) -> tuple[FloatArray, xr.Dataset]:
    """Effects that share nothing: each has the prior of `mu`, and an exact posterior of its own."""
    effect, stats = np.empty((size, problem.y.size)), []
    for k in range(problem.y.size):
        arrays = {name: getattr(problem, name)[k : k + 1] for name in ("y", "se", "df")}
        own = replace(problem, **arrays, columns=np.zeros((1, 0)), sd=np.zeros(0), pooling="complete")
        values, draws = solve_together(own, size)
        # Effects are independent, so that their even points must not be the same ones.
        order = np.random.default_rng(k).permutation(size)
        effect[:, k] = values["mu"][order]
        stats.append(draws.sample_stats().isel(sample=order))
    return effect, together(stats)


def _apart_with_covariance(problem: Problem, size: int) -> tuple[FloatArray, xr.Dataset]:
    """Effects that share nothing but their errors: one multivariate normal distribution."""
    prior, covariance = problem.priors.mu, problem.covariance
    if not isinstance(prior, Normal | Flat) or covariance is None:
        raise NotExactError(
            f"priors, mu: {prior} has no exact posterior together with a covariance; use engine 'nuts'"
        )
    centre, q = getattr(prior, "mu", 0.0), getattr(prior, "sigma", np.inf) ** -2.0
    one = np.eye(problem.y.size)
    left, total = problem.y - centre, np.linalg.inv(covariance) + q * one
    mean = centre + np.linalg.solve(total, np.linalg.solve(covariance, left))
    z = even_normals(even_points(size, problem.y.size))
    effect = mean + np.linalg.solve(np.linalg.cholesky(total).T, z.T).T
    log_evidence = 0.0
    if q:
        marginal = covariance + one / q
        log_det = np.linalg.slogdet(2 * np.pi * marginal)[1]
        log_evidence = -0.5 * float(left @ np.linalg.solve(marginal, left) + log_det)

    def constant(values: FloatArray) -> FloatArray:
        return np.full(len(values), log_evidence)

    draws = solve_tensor(on_mesh(constant), constant, [], size, unit=z[:, :0])
    return effect, draws.sample_stats()
