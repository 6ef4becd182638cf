"""A data set before it is made to agree: drawn from the prior, with what is printed used where a draw can use it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import BoolArray, FloatArray
from .change import Noise, change_and_baseline, draw_change, implied_variance
from .coefficients import draw_coefficients
from .columns import Column
from .predictors import Given, Predictors, draw_predictors
from .projection import Metric
from .publication import Publication, Regression
from .targets import draw_stretch, draw_targets, place_extremes
from .world import World


@dataclass(frozen=True, eq=False)
class Draw:
    """A data set from the prior, and what is needed to move it and to draw its residuals afresh.

    Parameters
    ----------
    world : World
    coefficients : dict of int to dict of str to float
        Slopes and constants within their rounding, by model and term.
    noise : Noise
    metric : Metric
    """

    world: World
    coefficients: dict[int, dict[str, float]]
    noise: Noise
    metric: Metric


def draw_from_prior(
    rng: np.random.Generator,
    publication: Publication,
    columns: tuple[Column, ...],
    given: Given,
    *,
    concentration: float,
    weigh: bool,
    main: Regression,
) -> Draw:
    """Draw one data set.

    Parameters
    ----------
    rng : numpy.random.Generator
    publication : Publication
    columns : tuple of Column
    given : Given
        Types always; controls where the user has them.
    concentration : float
        Of the LKJ prior on correlations.
    weigh : bool
        Whether the printed standard errors weigh the correlations.
    main : Regression
        The regression that the change is drawn from: the one with stretch where there is one.

    Returns
    -------
    Draw
    """
    predictors = draw_predictors(rng, publication, columns, given, concentration=concentration, weigh=weigh)
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
            for place, end in ((np.argmin(latent), column.low), (np.argmax(latent), column.high)):
                free[place, i], fixed[place, i] = False, end
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
