"""The printed statistics as functions of a data set, with their derivatives by every number in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...inference.least_squares import LeastSquares, least_squares
from ...readers.cells import Number
from .columns import Column
from .publication import FloatArray, Publication
from .world import World, bend_slope, design


@dataclass(frozen=True, eq=False)
class Goals:
    """Every printed statistic that a data set is to have, each with the values that print as it does."""

    names: tuple[str, ...]  # e.g. "Model 2, LAA (target on), robust s.e."
    kinds: tuple[str, ...]  # mean, sd, slope, constant, se, r2 or f
    models: tuple[int | None, ...]  # the regression it belongs to
    terms: tuple[str, ...]  # empty for R² and F
    low: FloatArray  # standard errors and F widened by the tolerance
    high: FloatArray
    scale: FloatArray  # a misfit that would be large, so that different ones add up

    def __len__(self) -> int:
        return len(self.names)

    def misfit(self, values: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
        """How far statistics are outside some ranges, scaled so that they compare."""
        return np.asarray((np.clip(values, low, high) - values) / self.scale)


def make_goals(publication: Publication, columns: Iterable[Column], tolerance: float) -> Goals:
    """List the statistics in the order in which `evaluate` computes them."""
    entries: list[tuple[str, str, int | None, str, Number | None, float]] = []
    for column in columns:
        described, unit = column.described, 0.05 * column.described.sd.value
        entries.append((f"{described.name}, mean", "mean", None, column.name, described.mean, unit))
        entries.append((f"{described.name}, s.d.", "sd", None, column.name, described.sd, unit))
    for r in publication.regressions:
        at = f"Model {r.model}"
        for term, slope in r.estimates.items():
            kind, unit = "constant" if term == publication.constant else "slope", 0.2 * r.errors[term].value
            entries.append((f"{at}, {term}, slope", kind, r.model, term, slope, unit))
        for term, error in r.errors.items():
            entries.append((f"{at}, {term}, robust s.e.", "se", r.model, term, error, 0.05 * error.value))
        entries.append((f"{at}, R²", "r2", r.model, "", r.r2, 0.01))
        entries.append((f"{at}, F", "f", r.model, "", r.f, 0.1 * r.f.value if r.f else 1.0))
    names, kinds, models, terms, printed, scale = zip(*entries, strict=True)
    boxes = [_box(kind, number, tolerance) for kind, number in zip(kinds, printed, strict=True)]
    low, high = np.array(boxes).T
    return Goals(names, kinds, models, terms, low, high, np.array(scale))


def _box(kind: str, printed: Number | None, tolerance: float) -> tuple[float, float]:
    if printed is None:
        return -np.inf, np.inf
    slack = tolerance * abs(printed.value) if kind in {"se", "f"} else 0.0
    return printed.low - slack, printed.high + slack


def evaluate(world: World, publication: Publication) -> FloatArray:
    """All statistics of a data set, in the order of `make_goals`."""
    parts = [_moments(world)[0]]
    change = world.observed_change
    for regression in publication.regressions:
        matrix, _, rows = design(world, regression, publication)
        parts.append(ols_statistics(matrix, change[rows]))
    return np.concatenate(parts)


def derivatives(world: World, publication: Publication) -> FloatArray:
    """Derivatives of all statistics by every value, of shape (statistics, authorities, columns)."""
    blocks = [_moments(world)[1]]
    change, n, k = world.observed_change, len(world.kind), len(world.columns)
    b, o = world.index("baseline"), world.index("outcome")
    baseline, outcome = world.values[:, b], world.values[:, o]
    for regression in publication.regressions:
        matrix, moving, rows = design(world, regression, publication)
        chosen = np.flatnonzero(moving >= 0)
        by_change, by_matrix = ols_derivatives(matrix, change[rows], chosen)
        block = np.zeros((len(by_change), n, k))
        used = np.flatnonzero(rows)
        block[:, used[:, None], moving[chosen][None, :]] = by_matrix
        block[:, used, o] += by_change * 100 / baseline[used]
        block[:, used, b] -= by_change * 100 * outcome[used] / baseline[used] ** 2
        blocks.append(block)
    return np.concatenate(blocks)


def _moments(world: World) -> tuple[FloatArray, FloatArray]:
    """Mean and s.d. of each column as it is printed (unlogged), and their derivatives."""
    k = len(world.columns)
    values, slopes = np.empty(2 * k), np.zeros((2 * k, *world.values.shape))
    for i, column in enumerate(world.columns):
        rows = world.known if column.name == "stretch" else slice(None)
        x = world.values[rows, i]
        raw = np.exp(x) if column.logged else x
        n, mean, sd = len(raw), raw.mean(), raw.std(ddof=1)
        by_value = raw if column.logged else np.ones(n)
        values[2 * i : 2 * i + 2] = mean, sd
        slopes[2 * i, rows, i] = by_value / n
        slopes[2 * i + 1, rows, i] = (raw - mean) / ((n - 1) * sd) * by_value
    return values, slopes


def ols_statistics(matrix: FloatArray, change: FloatArray) -> FloatArray:
    """Slopes, HC1 standard errors, R² and the robust F of all slopes but the first column's.

    The word "robust" in Stata means HC1, and its F is the Wald statistic with that covariance divided by p - 1.

    Examples
    --------
    >>> matrix = np.column_stack([np.ones(4), [0.0, 1, 2, 3]])
    >>> ols_statistics(matrix, np.array([0.0, 2, 1, 3])).round(3)
    array([0.3  , 0.8  , 0.609, 0.255, 0.64 , 9.877])
    """
    return _ols(matrix, change)[0]


def _ols(matrix: FloatArray, change: FloatArray) -> tuple[FloatArray, LeastSquares, FloatArray]:
    """The statistics, the regression, and the direction of the slopes of which F is the ratio."""
    fit = least_squares(matrix, change)
    p, e, centred = matrix.shape[1], fit.residual, change - change.mean()
    covariance = fit.covariance("HC1")
    direction = np.zeros(p)
    direction[1:] = np.linalg.solve(covariance[1:, 1:], fit.estimate[1:])
    r2 = 1 - (e @ e) / (centred @ centred)
    f = fit.estimate @ direction / (p - 1)
    return np.concatenate([fit.estimate, np.sqrt(np.diag(covariance)), [r2, f]]), fit, direction


def ols_derivatives(
    matrix: FloatArray, change: FloatArray, chosen: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """Derivatives of `ols_statistics` by the outcome and by the chosen columns of the matrix.

    Notes
    -----
    With A = X (X'X)^-1, residuals e and a direction d, the squared standard error of the contrast d is
    ``c sum_i (a_i'd)^2 e_i^2``; standard errors are the directions of the axes, and F changes as the contrast
    ``V^-1 b`` with that direction held.
    """
    n, p = matrix.shape
    values, fit, d = _ols(matrix, change)
    q, influence, slopes, e = fit
    bread, errors = influence.T @ influence, values[p : 2 * p]
    some = slopes[chosen]
    by_change = np.empty((2 * p + 2, n))
    by_matrix = np.empty((2 * p + 2, n, len(chosen)))
    by_change[:p] = influence.T
    by_matrix[:p] = bread[:, None, chosen] * e[None, :, None] - influence.T[:, :, None] * some

    directions = np.column_stack([np.eye(p), d])
    a = influence @ directions
    f, h = a**2 * e[:, None], a * e[:, None] ** 2
    f_free, h_free = f - q @ (q.T @ f), h - q @ (q.T @ h)
    f_in, h_in = (influence.T @ f)[chosen], (influence.T @ h)[chosen]
    weights = (bread @ directions)[chosen]
    c = 2 * n / (n - p)
    square_by_change = c * f_free.T
    square_by_matrix = c * (
        h_free.T[:, :, None] * weights.T[:, None, :]
        - f_free.T[:, :, None] * some
        - e[None, :, None] * f_in.T[:, None, :]
        - a.T[:, :, None] * h_in.T[:, None, :]
    )
    by_change[p : 2 * p] = square_by_change[:p] / (2 * errors[:, None])
    by_matrix[p : 2 * p] = square_by_matrix[:p] / (2 * errors[:, None, None])

    centred = change - change.mean()
    total, unexplained = centred @ centred, e @ e
    by_change[2 * p] = -2 * e / total + 2 * centred * unexplained / total**2
    by_matrix[2 * p] = 2 * e[:, None] * some / total
    by_change[-1] = (2 * d @ by_change[:p] - square_by_change[p]) / (p - 1)
    by_matrix[-1] = (2 * np.tensordot(d, by_matrix[:p], 1) - square_by_matrix[p]) / (p - 1)
    return by_change, by_matrix


def outcome_slopes(world: World) -> tuple[FloatArray, FloatArray]:
    """Derivatives of the outcome by the latent change and by the baseline, each of shape (n,)."""
    o, b = world.index("outcome"), world.index("baseline")
    slope = bend_slope(world.unbent, world.columns[o].low, world.columns[o].high) * world.free[:, o]
    return slope * world.values[:, b] / 100, slope * (1 + world.change / 100)
