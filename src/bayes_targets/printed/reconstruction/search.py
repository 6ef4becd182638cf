"""One data set that agrees with the publication: drawn from the prior, moved onto the printed table, relaxed on it.

It is moved as little as it takes, until its statistics print as the publication's do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import DataError
from .columns import Column, Given, Predictors, draw_coefficients, draw_predictors
from .publication import BoolArray, FloatArray, IntArray, Publication, Regression
from .statistics import Goals, Statistics, measure, outcome_slopes
from .world import (
    Noise,
    World,
    change_and_baseline,
    design,
    draw_change,
    draw_stretch,
    draw_targets,
    hold_ends,
    implied_variance,
    place_extremes,
)

# A statistic is reached this share of its rounding range inside it.
_MARGIN = 0.005
_LARGEST_STEP = 0.8
_ACTIVE_SET_STEPS = 40
_MAX_STEPS = 60
_DAMPING = (1e-12, 1e5)


@dataclass(frozen=True, eq=False)
class Task:
    """What every data set of an ensemble shares."""

    publication: Publication
    columns: tuple[Column, ...]
    given: Given
    goals: Goals
    enforced: np.ndarray  # the statistics that must print as published
    main: Regression  # the regression that the change is drawn from
    concentration: float

    @cached_property
    def asked(self) -> IntArray:
        """Places of the statistics that are printed and must print as published."""
        return np.flatnonzero(self.enforced & np.isfinite(self.goals.low))

    def ranges(self, edge: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Rounding ranges of what is asked, without this share of them at each end."""
        low, high = self.goals.low[self.asked], self.goals.high[self.asked]
        return low + edge * (high - low), high - edge * (high - low)

    def misfit(self, at: Statistics, low: FloatArray, high: FloatArray) -> FloatArray:
        """How far the statistics that are asked lie outside some ranges, scaled so that they compare."""
        values = at.values[self.asked]
        return np.asarray((np.clip(values, low, high) - values) / self.goals.scale[self.asked])

    def cost(self, at: Statistics, low: FloatArray, high: FloatArray) -> float:
        """Sum of squared misfits; infinite where a statistic is not defined."""
        misfit = self.misfit(at, low, high)
        cost = float(misfit @ misfit)
        return cost if np.isfinite(cost) else np.inf

    def reached(self, at: Statistics) -> bool:
        """Whether every statistic that is asked prints as it should, with a little to spare."""
        (low, high), values = self.ranges(_MARGIN), at.values[self.asked]
        return bool(((values >= low) & (values <= high)).all())


@dataclass(frozen=True, eq=False)
class Metric:
    """What counts as a small move: one spread of a variable, or one residual s.d. of the change."""

    slopes: (
        FloatArray  # of the change on each column: it moves along with a predictor, and the residual stays
    )
    residual: float  # in % of the baseline score


def approach(
    world: World,
    task: Task,
    metric: Metric,
    *,
    low: FloatArray,
    high: FloatArray,
    damping: float,
    close_enough: float = 0.0,
    least_gain: float = 0.0,
) -> Statistics:
    """Move a data set until each statistic lies between its ends.

    Each step is the shortest that brings every statistic into its range to first order, in the space of positions
    and residuals (about 100 conditions on 1,500 numbers), with Levenberg-Marquardt damping.
    """
    asked, scale = task.asked, task.goals.scale[task.asked]
    at = measure(world, task.publication)
    cost = task.cost(at, low, high)
    for _ in range(_MAX_STEPS):
        if cost <= close_enough or (close_enough == 0 and task.reached(at)):
            break
        tangent = _tangent(at, metric)[asked]
        tangent /= scale[:, None]
        gram = tangent @ tangent.T
        to_low, to_high = ((end - at.values[asked]) / scale for end in (low, high))
        before = cost
        while damping < _DAMPING[1]:
            step = tangent.T @ multipliers(gram, to_low, to_high, damping)
            moved = measure(_take(at.world, step, metric), task.publication)
            cost = task.cost(moved, low, high)
            if cost < before:
                break
            damping *= 6
        if not cost < before:
            break
        damping = max(damping / (10 if cost < 0.3 * before else 3), _DAMPING[0])
        at = moved
        if before - cost < least_gain * before:
            break
    return at


def multipliers(gram: FloatArray, to_low: FloatArray, to_high: FloatArray, damping: float) -> FloatArray:
    """How far to go along each condition's gradient, for the shortest step that meets all conditions.

    Primal-dual active set method for the quadratic programme "least length, each statistic within its ends".
    """
    exact = to_low == to_high
    below, above = (to_low > 0) | exact, (to_high < 0) & ~exact
    result = np.zeros(len(gram))
    for _ in range(_ACTIVE_SET_STEPS):
        active = np.flatnonzero(below | above)
        wanted = np.where(below, to_low, to_high)[active]
        system = gram[np.ix_(active, active)] + damping * np.eye(len(active))
        result = np.zeros(len(gram))
        result[active] = np.linalg.solve(system, wanted)
        moved = gram @ result
        still_below = (below & ((result >= 0) | exact)) | (~below & ~above & (moved < to_low))
        still_above = (above & (result <= 0)) | (~below & ~above & (moved > to_high))
        if (still_below == below).all() and (still_above == above).all():
            break
        below, above = still_below, still_above
    return result


def _tangent(at: Statistics, metric: Metric) -> FloatArray:
    """Derivatives by unit moves: of each position, and of each residual (in the outcome's place)."""
    world, by_value = at.world, at.derivatives()
    b, o = world.index("baseline"), world.index("outcome")
    by_change, by_baseline = outcome_slopes(world)
    through_change = by_value[:, :, o] * by_change
    moves = by_value + through_change[:, :, None] * metric.slopes
    moves[:, :, b] += by_value[:, :, o] * by_baseline
    moves *= world.step_sizes()
    moves[:, :, o] = through_change * metric.residual
    return moves.reshape(len(by_value), -1)


def _take(world: World, step: FloatArray, metric: Metric) -> World:
    """Take a step, shortened where one authority would move too far, with residuals that follow the predictors."""
    o = world.index("outcome")
    moves = step.reshape(world.values.shape)
    moves = moves * min(1.0, _LARGEST_STEP / np.abs(moves).max())
    residual = metric.residual * moves[:, o]
    moves[:, o] = 0.0
    position = world.position + world.spread * moves
    predictors = world.moved(position, world.change)
    shift = (predictors.values - world.values) * (metric.slopes != 0)
    change = world.change + (residual + shift @ metric.slopes) * world.free[:, o]
    return predictors.moved(position, change)


@dataclass(frozen=True, eq=False)
class Draw:
    """A data set from the prior, and what is needed to move it and to draw its residuals afresh."""

    world: World
    coefficients: dict[int, dict[str, float]]  # within their rounding, by model and term
    noise: Noise
    metric: Metric


def draw_from_prior(rng: np.random.Generator, task: Task) -> Draw:
    """Draw one data set."""
    publication, columns, given, main = task.publication, task.columns, task.given, task.main
    weigh = bool(task.enforced.all())
    predictors = draw_predictors(
        rng, publication, columns, given, concentration=task.concentration, weigh=weigh
    )
    level = {}
    for regression in publication.regressions:
        variance = implied_variance(publication, regression, predictors.residual.get(regression.model))
        level[regression.model] = change_and_baseline(publication, variance)[0]
    coefficients = draw_coefficients(rng, publication, predictors.scaled, level)
    extremes = place_extremes(rng, publication, given)
    target, known = draw_targets(rng, publication, predictors, coefficients, extremes)
    world = _make_world(columns, given, predictors, target, known)
    exposure = target
    if publication.stretch is not None:
        world, stretch = draw_stretch(publication, predictors, coefficients, world, extremes)
        exposure = stretch if main.effect == "stretch" else target
    own = coefficients[main.model]
    residual = predictors.residual.get(main.model)
    world, noise = draw_change(rng, publication, main, own, residual, world, exposure)
    names = [main.terms[1] if name == main.effect else name for name in world.names]
    metric = Metric(np.array([own.get(name, 0.0) for name in names]), noise.sd)
    return Draw(world, coefficients, noise, metric)


def _make_world(
    columns: tuple[Column, ...], given: Given, predictors: Predictors, target: FloatArray, known: BoolArray
) -> World:
    """Put controls and baseline into a world, the smallest and the largest of each at its printed ends."""
    n = len(given.kind)
    shape = (n, len(columns))
    free, fixed, position = np.zeros(shape, dtype=bool), np.zeros(shape), np.zeros(shape)
    for i, column in enumerate(columns):
        if column.name in given.controls:
            fixed[:, i] = given.controls[column.name]
        elif column.name not in {"outcome", "stretch"}:
            latent = predictors.latent[column.name]
            position[:, i] = column.location + column.spread * latent
            free[:, i] = True
            hold_ends(free[:, i], fixed[:, i], column, np.argmin(latent), np.argmax(latent))
    moving = {column.name for column in columns}
    ones = {term: x for term, x in predictors.scaled.items() if term not in moving}
    world = World(
        columns=columns,
        kind=given.kind,
        ones=ones | {"target": target},
        known=known,
        low=np.tile([column.low for column in columns], (n, 1)),
        high=np.tile([column.high for column in columns], (n, 1)),
        spread=np.tile([column.spread for column in columns], (n, 1)),
        free=free,
        fixed=fixed,
        position=position,
        change=np.zeros(n),
        values=np.zeros(shape),
    )
    return world.moved(position, world.change)


_ATTEMPTS = 12
# Sum of squared scaled misfits; searches that end well rarely have 100 left after their first part.
_HOPELESS = 300.0
_RELAXATIONS = 3
# Data sets are brought this share of a rounding range inside it, so that they stay there.
_EDGE = 0.01


def find_world(task: Task, seed: np.random.SeedSequence) -> World:
    """Draw data sets from the prior until one can be made to agree."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Thousands of small matrices: more threads would only wait for one another, and round differently.
    with threadpool_limits(limits=1, user_api="blas"):
        return _search(task, np.random.default_rng(seed))


def _search(task: Task, rng: np.random.Generator) -> World:
    tried = []
    for _ in range(_ATTEMPTS):
        draw = draw_from_prior(rng, task)
        at = _project(task, draw, rng)
        if task.reached(at):
            return _relax(task, draw, at.world, rng)
        tried.append(at)
    misfits = [np.abs(task.misfit(at, *task.ranges())) for at in tried]
    misfits = [np.where(np.isfinite(misfit), misfit, 0.0) for misfit in misfits]
    best = int(np.argmin([misfit.max() for misfit in misfits]))
    place, goals = task.asked[misfits[best].argmax()], task.goals
    raise DataError(
        f"reconstruct: in {_ATTEMPTS} attempts no data set agreed with the tables of {task.publication.name!r}; "
        f"furthest from print is {goals.names[place]}: {tried[best].values[place]:.6g}, expected "
        f"{goals.low[place]:.6g} to {goals.high[place]:.6g}"
    )


def _project(task: Task, draw: Draw, rng: np.random.Generator) -> Statistics:
    """Towards a random point of the printed ranges first, so that what rounding hides varies; then into them."""
    goals, (low, high) = task.goals, task.ranges()
    aim = low + (high - low) * rng.uniform(_EDGE, 1 - _EDGE, size=len(goals))[task.asked]
    for place, i in enumerate(task.asked):
        model = goals.models[i]
        if model is not None and goals.kinds[i] in {"slope", "constant"}:
            aim[place] = draw.coefficients[model][goals.terms[i]]
    near = approach(
        draw.world, task, draw.metric, low=aim, high=aim, damping=0.1, close_enough=1e-3, least_gain=0.03
    )
    # Where the first search ends far away the second would only waste time.
    hopeless = not task.cost(near, low, high) < _HOPELESS
    return near if hopeless else _into_range(task, draw, near.world)


def _into_range(task: Task, draw: Draw, world: World) -> Statistics:
    low, high = task.ranges(_EDGE)
    return approach(world, task, draw.metric, low=low, high=high, damping=0.01)


def _relax(task: Task, draw: Draw, world: World, rng: np.random.Generator) -> World:
    """Draw the residuals afresh a few times: the first move onto the table leaves outliers that no prior asked for."""
    for _ in range(_RELAXATIONS):
        at = _into_range(task, draw, redraw_residuals(task, draw, world, rng))
        if task.reached(at):
            world = at.world
    return world


def redraw_residuals(task: Task, draw: Draw, world: World, rng: np.random.Generator) -> World:
    """Other residuals under which slopes, R² and the link of change and baseline stay what they are.

    New noise replaces the part of the old residuals that is orthogonal to every regression's terms and to the
    baseline, at the same length. Only the robust errors and F change by that, and the scores' s.d. a little.
    """
    o, b = world.index("outcome"), world.index("baseline")
    rows = world.known & world.free[:, o]
    terms = [world.values[rows, b]]
    for regression in task.publication.regressions:
        matrix, _, used = design(world, regression, task.publication)
        terms.append(matrix[rows[used]])
    matrix = np.column_stack(terms)
    u, size, _ = np.linalg.svd(matrix / np.abs(matrix).max(axis=0), full_matrices=False)
    u = u[:, size > 1e-10 * size[0]]
    change = world.observed_change
    old = change[rows] - u @ (u.T @ change[rows])
    new = draw.noise.draw(rng, world.kind)[rows]
    new = new - u @ (u.T @ new)
    latent = world.change.copy()
    latent[rows] = change[rows] - old + new * np.linalg.norm(old) / np.linalg.norm(new)
    return world.moved(world.position, latent)
