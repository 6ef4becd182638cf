"""The printed statistics as functions of a data set, with their derivatives by every number in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ...inference.least_squares import LeastSquares, least_squares
from ...readers.cells import Number
from .columns import Column
from .publication import BoolArray, FloatArray, IntArray, Publication
from .world import World, bend_slope, design


@dataclass(frozen=True, eq=False)
class Goals:
    """Every printed statistic that a data set is to have, each with the values that print as it does."""

    names: tuple[str, ...]  # e.g. "Model 2, Target, robust s.e."
    kinds: tuple[str, ...]  # mean, sd, slope, constant, se, r2 or f
    models: tuple[int | None, ...]  # the regression it belongs to
    terms: tuple[str, ...]  # empty for R² and F
    low: FloatArray  # standard errors and F widened by the tolerance
    high: FloatArray
    scale: FloatArray  # a misfit that would be large, so that different ones add up

    def __len__(self) -> int:
        return len(self.names)


def make_goals(publication: Publication, columns: Iterable[Column], tolerance: float) -> Goals:
    """List the statistics in the order in which `measure` computes them."""
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


@dataclass(frozen=True, eq=False)
class Statistics:
    """All statistics of a data set, in the order of `make_goals`."""

    world: World
    values: FloatArray
    regressions: tuple[
        tuple[RobustOls, IntArray, BoolArray], ...
    ]  # with what can move, and the authorities used

    def derivatives(self) -> FloatArray:
        """Derivatives by every value, of shape (statistics, authorities, columns)."""
        world = self.world
        blocks = [_moment_slopes(world)]
        b, o = world.index("baseline"), world.index("outcome")
        baseline, outcome = world.of("baseline"), world.of("outcome")
        for ols, moving, rows in self.regressions:
            chosen, used = np.flatnonzero(moving >= 0), np.flatnonzero(rows)
            by_change, by_matrix = ols.derivatives(chosen)
            block = np.zeros((len(by_change), *world.values.shape))
            block[:, used[:, None], moving[chosen][None, :]] = by_matrix
            block[:, used, o] += by_change * 100 / baseline[used]
            block[:, used, b] -= by_change * 100 * outcome[used] / baseline[used] ** 2
            blocks.append(block)
        return np.concatenate(blocks)


def measure(world: World, publication: Publication) -> Statistics:
    """Compute all statistics of a data set."""
    change, regressions = world.observed_change, []
    for regression in publication.regressions:
        matrix, moving, rows = design(world, regression, publication)
        regressions.append((fit_robust(matrix, change[rows]), moving, rows))
    moments = [moment for _, raw in _as_printed(world) for moment in (raw.mean(), raw.std(ddof=1))]
    values = np.concatenate([moments, *(ols.values for ols, _, _ in regressions)])
    return Statistics(world, values, tuple(regressions))


def _as_printed(world: World) -> Iterator[tuple[BoolArray | slice, FloatArray]]:
    """Authorities and values of each column of which moments are printed, unlogged."""
    for i, column in enumerate(world.columns):
        rows = world.known if column.name == "stretch" else slice(None)
        x = world.values[rows, i]
        yield rows, np.exp(x) if column.logged else x


def _moment_slopes(world: World) -> FloatArray:
    """Derivatives of mean and s.d. of each column."""
    slopes = np.zeros((2 * len(world.columns), *world.values.shape))
    for i, (rows, raw) in enumerate(_as_printed(world)):
        n, mean, sd = len(raw), raw.mean(), raw.std(ddof=1)
        by_value = raw if world.columns[i].logged else np.ones(n)
        slopes[2 * i, rows, i] = by_value / n
        slopes[2 * i + 1, rows, i] = (raw - mean) / ((n - 1) * sd) * by_value
    return slopes


@dataclass(frozen=True, eq=False)
class RobustOls:
    """A regression, its statistics (slopes, HC1 standard errors, R², robust F), and the direction of the slopes of which F is the ratio."""

    change: FloatArray
    fit: LeastSquares
    values: FloatArray
    direction: FloatArray

    def derivatives(self, chosen: IntArray) -> tuple[FloatArray, FloatArray]:
        """Derivatives of the statistics by the outcome and by the chosen columns of the matrix.

        Notes
        -----
        With A = X (X'X)^-1, residuals e and a direction d, the squared standard error of the contrast d is
        ``c sum_i (a_i'd)^2 e_i^2``; standard errors are the directions of the axes, and F changes as the contrast
        ``V^-1 b`` with that direction held.
        """
        q, influence, slopes, e = self.fit
        n, p = influence.shape
        d, errors = self.direction, self.values[p : 2 * p]
        bread = influence.T @ influence
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

        centred = self.change - self.change.mean()
        total, unexplained = centred @ centred, e @ e
        by_change[2 * p] = -2 * e / total + 2 * centred * unexplained / total**2
        by_matrix[2 * p] = 2 * e[:, None] * some / total
        by_change[-1] = (2 * d @ by_change[:p] - square_by_change[p]) / (p - 1)
        by_matrix[-1] = (2 * np.tensordot(d, by_matrix[:p], 1) - square_by_matrix[p]) / (p - 1)
        return by_change, by_matrix


def fit_robust(matrix: FloatArray, change: FloatArray) -> RobustOls:
    """Regress on the columns of a matrix, of which the first is the constant.

    The word "robust" in Stata means HC1, and its F is the Wald statistic with that covariance divided by p - 1.

    Examples
    --------
    >>> matrix = np.column_stack([np.ones(4), [0.0, 1, 2, 3]])
    >>> fit_robust(matrix, np.array([0.0, 2, 1, 3])).values.round(3)
    array([0.3  , 0.8  , 0.609, 0.255, 0.64 , 9.877])
    """
    fit = least_squares(matrix, change)
    p, e, centred = matrix.shape[1], fit.residual, change - change.mean()
    covariance = fit.covariance("HC1")
    direction = np.zeros(p)
    direction[1:] = np.linalg.solve(covariance[1:, 1:], fit.estimate[1:])
    r2 = 1 - (e @ e) / (centred @ centred)
    f = fit.estimate @ direction / (p - 1)
    values = np.concatenate([fit.estimate, np.sqrt(np.diag(covariance)), [r2, f]])
    return RobustOls(change, fit, values, direction)


def outcome_slopes(world: World) -> tuple[FloatArray, FloatArray]:
    """Derivatives of the outcome by the latent change and by the baseline, each of shape (n,)."""
    o, b = world.index("outcome"), world.index("baseline")
    slope = bend_slope(world.unbent, world.columns[o].low, world.columns[o].high) * world.free[:, o]
    return slope * world.values[:, b] / 100, slope * (1 + world.change / 100)
