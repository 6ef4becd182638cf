"""One data set that agrees with the publication: drawn from the prior, moved onto the printed table, relaxed on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from .arrays import FloatArray
from .columns import Column
from .predictors import Given
from .prior import Draw, draw_from_prior
from .projection import Attempt, approach
from .publication import Publication, Regression
from .statistics import Goals
from .world import World, design

_ATTEMPTS = 12
# Sum of squared scaled misfits; searches that end well rarely have 100 left after their first part.
_HOPELESS = 300.0
_RELAXATIONS = 3
# Data sets are brought this share of a rounding range inside it, so that they stay there.
_EDGE = 0.01


@dataclass(frozen=True, eq=False)
class Task:
    """What every data set of an ensemble shares.

    Parameters
    ----------
    publication : Publication
    columns : tuple of Column
    given : Given
    goals : Goals
    enforced : array of bool, shape (statistics,)
        The statistics that must print as published.
    main : Regression
        The regression that the change is drawn from.
    concentration : float
    """

    publication: Publication
    columns: tuple[Column, ...]
    given: Given
    goals: Goals
    enforced: np.ndarray
    main: Regression
    concentration: float


def find_world(task: Task, seed: np.random.SeedSequence) -> World:
    """Draw data sets from the prior until one can be made to agree.

    Parameters
    ----------
    task : Task
    seed : numpy.random.SeedSequence
        Decides everything.

    Returns
    -------
    World

    Raises
    ------
    DataError
        If 12 draws in a row could not be made to agree; it names the statistic that was furthest from print.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Thousands of small matrices: more threads would only wait for one another, and round differently.
    with threadpool_limits(limits=1, user_api="blas"):
        return _search(task, np.random.default_rng(seed))


def _search(task: Task, rng: np.random.Generator) -> World:
    best: Attempt | None = None
    for _ in range(_ATTEMPTS):
        draw = draw_from_prior(
            rng,
            task.publication,
            task.columns,
            task.given,
            concentration=task.concentration,
            weigh=bool(task.enforced.all()),
            main=task.main,
        )
        attempt = _project(task, draw, rng)
        if attempt.reached:
            return _relax(task, draw, attempt.world, rng)
        if best is None or _worst(task, attempt)[1] < _worst(task, best)[1]:
            best = attempt
    assert best is not None
    place, _ = _worst(task, best)
    goals = task.goals
    raise DataError(
        f"reconstruct: in {_ATTEMPTS} attempts no data set agreed with the tables of {task.publication.name!r}; "
        f"furthest from print is {goals.names[place]}: {best.values[place]:.6g}, expected "
        f"{goals.low[place]:.6g} to {goals.high[place]:.6g}"
    )


def _worst(task: Task, attempt: Attempt) -> tuple[int, float]:
    goals = task.goals
    misfit = np.abs(np.clip(attempt.values, goals.low, goals.high) - attempt.values) / goals.scale
    misfit = np.where(task.enforced & np.isfinite(attempt.values), misfit, 0.0)
    return int(np.argmax(misfit)), float(misfit.max())


def _ends(task: Task, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ends of what is enforced and printed; none for the rest."""
    asked = task.enforced & np.isfinite(task.goals.low)
    return np.where(asked, low, -np.inf), np.where(asked, high, np.inf)


def _widths(goals: Goals) -> FloatArray:
    """Widths of the rounding ranges; 0 for what is not printed."""
    return np.where(np.isfinite(goals.low), goals.high - goals.low, 0.0)


def _project(task: Task, draw: Draw, rng: np.random.Generator) -> Attempt:
    """Towards a random point of the printed ranges first, so that what rounding hides varies; then into them."""
    goals = task.goals
    aim = goals.low + _widths(goals) * rng.uniform(_EDGE, 1 - _EDGE, size=len(goals))
    for i, (model, term) in enumerate(zip(goals.models, goals.terms, strict=True)):
        if model is not None and goals.kinds[i] in {"slope", "constant"}:
            aim[i] = draw.coefficients[model][term]
    low, high = _ends(task, aim, aim)
    near = approach(
        draw.world,
        task.publication,
        goals,
        draw.metric,
        low=low,
        high=high,
        damping=0.1,
        max_steps=60,
        close_enough=1e-3,
        least_gain=0.03,
    )
    return near if _far(task, near) else _into_range(task, draw, near.world)


def _far(task: Task, attempt: Attempt) -> bool:
    """Whether the first search ended where the second would only waste time."""
    goals = task.goals
    misfit = (np.clip(attempt.values, goals.low, goals.high) - attempt.values) / goals.scale
    return not float(np.sum(misfit[task.enforced] ** 2)) < _HOPELESS


def _into_range(task: Task, draw: Draw, world: World) -> Attempt:
    goals = task.goals
    edge = _EDGE * _widths(goals)
    low, high = _ends(task, goals.low + edge, goals.high - edge)
    return approach(
        world, task.publication, goals, draw.metric, low=low, high=high, damping=0.01, max_steps=60
    )


def _relax(task: Task, draw: Draw, world: World, rng: np.random.Generator) -> World:
    """Draw the residuals afresh a few times: the first move onto the table leaves outliers that no prior asked for."""
    for _ in range(_RELAXATIONS):
        attempt = _into_range(task, draw, redraw_residuals(task, draw, world, rng))
        if attempt.reached:
            world = attempt.world
    return world


def redraw_residuals(task: Task, draw: Draw, world: World, rng: np.random.Generator) -> World:
    """Other residuals under which slopes, R² and the link of change and baseline stay what they are.

    New noise replaces the part of the old residuals that is orthogonal to every regression's terms and to the
    baseline, at the same length. Only the robust errors and F change by that, and the scores' s.d. a little.

    Parameters
    ----------
    task : Task
    draw : Draw
    world : World
    rng : numpy.random.Generator

    Returns
    -------
    World
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
