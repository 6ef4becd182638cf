"""Moving a data set, as little as it takes, until its statistics print as the publication's do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import FloatArray
from .publication import Publication
from .statistics import Goals, evaluate, jacobian, outcome_slopes
from .world import World

_LARGEST_STEP = 0.8
_ACTIVE_SET_STEPS = 40
_DAMPING = (1e-12, 1e5)


@dataclass(frozen=True, eq=False)
class Metric:
    """What counts as a small move: one spread of a variable, or one residual s.d. of the change.

    Parameters
    ----------
    slopes : array of shape (columns,)
        Slope of the change on each column: where a predictor moves, the latent change moves along, so that
        the authority's residual stays what it was.
    residual : float
        Residual standard deviation, in % of the baseline score.
    """

    slopes: FloatArray
    residual: float


@dataclass(frozen=True, eq=False)
class Attempt:
    """Where a search ended: the data set, its statistics, and whether all are in range."""

    world: World
    values: FloatArray
    reached: bool


def approach(
    world: World,
    publication: Publication,
    goals: Goals,
    metric: Metric,
    *,
    low: FloatArray,
    high: FloatArray,
    damping: float,
    max_steps: int,
    close_enough: float = 0.0,
    least_gain: float = 0.0,
) -> Attempt:
    """Move a data set until each statistic lies between its ends.

    Parameters
    ----------
    world : World
    publication : Publication
    goals : Goals
        Their ``low`` and ``high`` decide whether the end was reached; their ``scale`` weighs the misfits.
    metric : Metric
    low, high : arrays of shape (statistics,)
        Where to bring each statistic; equal ends aim at a point, infinite ones ask for nothing.
    damping : float
        Levenberg-Marquardt damping to begin with.
    max_steps : int
    close_enough : float
        Sum of squared scaled misfits at which to stop.
    least_gain : float
        Relative gain under which to stop.

    Returns
    -------
    Attempt

    Notes
    -----
    Each step is the shortest that brings every statistic into its range to first order, in the space of positions
    and residuals (about 100 conditions on 1,500 numbers), with Levenberg-Marquardt damping.
    """
    asked = np.flatnonzero(np.isfinite(low) | np.isfinite(high))
    scale = goals.scale[asked]
    values, derivatives = jacobian(world, publication)
    cost = _cost(values, low, high, goals)
    for _ in range(max_steps):
        if cost <= close_enough or (close_enough == 0 and in_range(values, goals, asked)):
            break
        tangent = _tangent(world, derivatives[asked], metric) / scale[:, None]
        gram = tangent @ tangent.T
        to_low, to_high = (low[asked] - values[asked]) / scale, (high[asked] - values[asked]) / scale
        before = cost
        while damping < _DAMPING[1]:
            step = tangent.T @ multipliers(gram, to_low, to_high, damping)
            candidate = _take(world, step, metric)
            cost = _cost(evaluate(candidate, publication), low, high, goals)
            if cost < before:
                break
            damping *= 6
        if not cost < before:
            break
        damping = max(damping / (10 if cost < 0.3 * before else 3), _DAMPING[0])
        world = candidate
        values, derivatives = jacobian(world, publication)
        if before - cost < least_gain * before:
            break
    values = evaluate(world, publication)
    return Attempt(world, values, in_range(values, goals, asked))


def multipliers(gram: FloatArray, to_low: FloatArray, to_high: FloatArray, damping: float) -> FloatArray:
    """How far to go along each condition's gradient, for the shortest step that meets all conditions.

    Parameters
    ----------
    gram : array of shape (k, k)
        Inner products of the gradients.
    to_low, to_high : arrays of shape (k,)
        Distance of each statistic to the ends of its range; negative if it is beyond.
    damping : float
        Added to the diagonal.

    Returns
    -------
    array of shape (k,)
        0 for conditions that the step meets anyway.

    Notes
    -----
    Primal-dual active set method for the quadratic programme "least length, each statistic within its ends".

    Examples
    --------
    The second condition would be met by the step that the first one needs, so it pulls nothing.

    >>> gram = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> multipliers(gram, np.array([1.0, 0.2]), np.array([2.0, 3.0]), 0.0)
    array([1., 0.])
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


def in_range(values: FloatArray, goals: Goals, asked: np.ndarray) -> bool:
    """Whether every statistic that is asked for prints as it should, with a little to spare."""
    margin = 0.005 * (goals.high - goals.low)[asked]
    inside = (values[asked] >= goals.low[asked] + margin) & (values[asked] <= goals.high[asked] - margin)
    return bool(inside.all())


def _cost(values: FloatArray, low: FloatArray, high: FloatArray, goals: Goals) -> float:
    """Sum of squared scaled misfits; infinite where a statistic is not defined."""
    misfit = (np.clip(values, low, high) - values) / goals.scale
    cost = float(misfit @ misfit)
    return cost if np.isfinite(cost) else np.inf


def _tangent(world: World, derivatives: FloatArray, metric: Metric) -> FloatArray:
    """Derivatives by unit moves: of each position, and of each residual (in the outcome's place)."""
    b, o = world.index("baseline"), world.index("outcome")
    by_change, by_baseline = outcome_slopes(world)
    through_change = derivatives[:, :, o] * by_change
    moves = derivatives + through_change[:, :, None] * metric.slopes
    moves[:, :, b] += derivatives[:, :, o] * by_baseline
    moves *= world.step_sizes()
    moves[:, :, o] = through_change * metric.residual
    return moves.reshape(len(derivatives), -1)


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
