"""The exact posterior of `meta_model`: quadrature over spreads and weights, all else normal given them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.quadrature import Draws, even_normals, even_points, on_mesh, solve_tensor
from ...inference.quadrature.grid import together
from ...model import Model, NotExactError
from ...priors import Flat, Normal
from .gaussian import Gaussian
from .problem import Problem, problem_of
from .selection import Selected

FloatArray = NDArray[np.float64]
# With more axes some data need more nodes than there is room for.
_MOST_AXES = 5


def solve_meta(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Draws from the posterior, the same for every seed, with the engine's statistics."""
    problem = problem_of(model)
    if problem.pooling == "none":
        return _apart(model, problem, size)
    values, draws = _together(problem, size)
    return _dataset(model, problem, values), draws.sample_stats()


def log_evidence(model: Model) -> float:
    """The log marginal likelihood alone, without draws."""
    return float(solve_meta(model, 2, np.random.default_rng(0))[1]["log_evidence"])


def solvable(model: Model) -> bool:
    """Whether the exact engine serves a model on a grid of moderate size."""
    problem = problem_of(model)
    if _is_gaussian(problem, Gaussian(problem)):
        return True
    try:
        return len(Selected(problem).axes()) <= _MOST_AXES
    except NotExactError:
        return False


def _is_gaussian(problem: Problem, gaussian: Gaussian) -> bool:
    """Whether all but spreads and a slope is normal given these."""
    return gaussian.fits and problem.bounds is None and not problem.student.any()


def _together(problem: Problem, size: int) -> tuple[dict[str, FloatArray], Draws]:
    gaussian = Gaussian(problem)
    count, order = problem.y.size, zlib.crc32(problem.y.tobytes())
    if _is_gaussian(problem, gaussian):
        axes, free = gaussian.axes(), gaussian.columns.shape[1]
        extra = count * (1 if problem.group is None else 2 if problem.covariance is None else 3)
        unit = even_points(
            size, len(axes) + free + 1 + extra, first=min(6, len(axes) + free + 1), order=order
        )
        draws = solve_tensor(
            on_mesh(gaussian.log_density), gaussian.log_density, axes, size, unit=unit[:, : len(axes)]
        )
        values = np.column_stack([draws.values[axis.name] for axis in axes] or [np.empty((size, 0))])
        found = gaussian.draw(values, even_normals(unit[:, len(axes) :]))
        out = {name: values[:, d] for d, name in enumerate(gaussian.names)}
        coefficients, mu = found["coefficients"], problem.point("mu")
        out["mu"] = coefficients[:, 0] if mu is None else np.full(size, mu)
        out["coefficients"] = coefficients if mu is not None else coefficients[:, 1:]
        for name in ("tau", "tau_within"):
            out.setdefault(name, np.full(size, problem.point(name)))
        out["effect"] = out["mu"][:, None] + out["coefficients"] @ problem.columns.T + found["deviation"]
        out["new"] = found["new"]
        return out, draws
    selected = Selected(problem)
    axes = selected.axes()
    unit = even_points(size, len(axes) + 1 + 2 * count, first=min(6, len(axes) + 1), order=order)
    draws = solve_tensor(selected.tensor, selected.points, axes, size, unit=unit[:, : len(axes)])
    values = np.column_stack([draws.values[axis.name] for axis in axes] or [np.empty((size, 0))])
    rest = unit[:, len(axes) :]
    return selected.draw(values, rest, even_normals(rest)), draws


def _apart(model: Model, problem: Problem, size: int) -> tuple[xr.Dataset, xr.Dataset]:
    """Effects that share nothing: each has the prior of `mu`, and an exact posterior of its own."""
    if problem.covariance is not None:
        return _apart_with_covariance(model, problem, size)
    effect, stats = np.empty((size, problem.y.size)), []
    for k in range(problem.y.size):
        rows = slice(k, k + 1)
        own = replace(
            problem,
            y=problem.y[rows],
            se=problem.se[rows],
            df=problem.df[rows],
            columns=np.zeros((1, 0)),
            sd=np.zeros(0),
            group=None,
            covariance=None,
            bias=None,
            bin=problem.bin[rows],
            pooling="complete",
        )
        values, draws = _together(own, size)
        # Effects are independent, so that their even points must not be the same ones.
        order = np.random.default_rng(k).permutation(size)
        effect[:, k] = values["mu"][order]
        stats.append(draws.sample_stats().isel(sample=order))
    coords = {"study": model.data["study"].to_numpy()}
    return xr.Dataset({"effect": (("sample", "study"), effect)}, coords=coords), together(stats)


def _apart_with_covariance(model: Model, problem: Problem, size: int) -> tuple[xr.Dataset, xr.Dataset]:
    """Effects that share nothing but their errors: one multivariate normal distribution."""
    prior, covariance = problem.priors.mu, problem.covariance
    if not isinstance(prior, Normal | Flat) or covariance is None:
        raise NotExactError(
            f"priors, mu: {prior} has no exact posterior together with a covariance; use engine 'nuts'"
        )
    centre, q = getattr(prior, "mu", 0.0), getattr(prior, "sigma", np.inf) ** -2.0
    inverse = np.linalg.inv(covariance)
    total = inverse + q * np.eye(problem.y.size)
    mean = centre + np.linalg.solve(total, inverse @ (problem.y - centre))
    z = even_normals(even_points(size, problem.y.size))
    effect = mean + np.linalg.solve(np.linalg.cholesky(total).T, z.T).T
    marginal = covariance + (np.eye(problem.y.size) / q if q else 0.0)
    left = problem.y - centre
    value = -0.5 * (left @ np.linalg.solve(marginal, left) + np.linalg.slogdet(2 * np.pi * marginal)[1])
    draws = solve_tensor(
        on_mesh(lambda v: np.full(len(v), value if q else 0.0)),
        lambda v: np.full(len(v), value if q else 0.0),
        [],
        size,
        unit=z[:, :0],
    )
    coords = {"study": model.data["study"].to_numpy()}
    return xr.Dataset({"effect": (("sample", "study"), effect)}, coords=coords), draws.sample_stats()


def _dataset(model: Model, problem: Problem, values: dict[str, FloatArray]) -> xr.Dataset:
    """Posterior variables by their names, coefficients per unit of the column."""
    every: dict[str, Any] = {
        "mu": ("sample", values["mu"]),
        "tau": ("sample", values["tau"]),
        "effect": (("sample", "study"), values["effect"]),
        "new_effect": ("sample", values["mu"] + values["new"]),
        "tau_within": ("sample", values["tau_within"]),
    }
    coords: dict[str, Any] = {"study": model.data["study"].to_numpy()}
    if problem.columns.shape[1]:
        every["coefficient"] = (("sample", "moderator"), values["coefficients"] / problem.sd)
        coords["moderator"] = model.data["moderator"].to_numpy()
    if problem.bounds is not None:
        every["weight"] = (("sample", "step"), values["weight"])
        coords["step"] = model.data["step"].to_numpy()
    if problem.bias is not None:
        every["slope"] = ("sample", values["slope"])
    return xr.Dataset({name: every[name] for name in model.variables}, coords=coords)
