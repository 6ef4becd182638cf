"""Who has the target and with what stretch, as it is drawn.

Where a regression with the target (or stretch) stands beside one with the controls alone, the shift of the other
slopes, over the target's own, is the slope of the target on the controls. So that much is printed; the rest is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .arrays import BoolArray, FloatArray, logistic
from .columns import stretch_among_targets
from .predictors import Given, Predictors, standard, top
from .publication import Effect, Publication
from .world import World

Coefficients = Mapping[int, Mapping[str, float]]
Extremes = Mapping[str, list[int]]


def place_extremes(rng: np.random.Generator, publication: Publication, given: Given) -> dict[str, list[int]]:
    """Places of the authorities that the text names as having the toughest and the easiest targets.

    Parameters
    ----------
    rng : numpy.random.Generator
    publication : Publication
    given : Given

    Returns
    -------
    dict of str to list of int
        By name where names are known; else any of the type that is told; without either, none.
    """
    names, types = list(given.authority), list(publication.types)
    places: dict[str, list[int]] = {"toughest": [], "easiest": []}
    taken: set[int] = set()
    for group, name, kind in publication.extremes:
        found = _named(name, names)
        if found is not None:
            candidates = [found]
        elif kind in types:
            candidates = [int(i) for i in np.flatnonzero(given.kind == types.index(kind))]
        else:
            continue
        free = [i for i in candidates if i not in taken]
        if free and group in places:
            places[group].append(int(rng.choice(free)))
            taken.add(places[group][-1])
    return places


def _named(name: str, names: list[str]) -> int | None:
    """Place of an authority by name; ``Southend`` finds ``Southend-on-Sea`` where it is the only one to begin so."""
    if name in names:
        return names.index(name)
    longer = [i for i, other in enumerate(names) if other.startswith(name) and not other[len(name)].isalpha()]
    return longer[0] if len(longer) == 1 else None


def draw_targets(
    rng: np.random.Generator,
    publication: Publication,
    predictors: Predictors,
    coefficients: Coefficients,
    extremes: Extremes,
) -> tuple[FloatArray, BoolArray]:
    """Who has the target, and whose stretch is known.

    Parameters
    ----------
    rng : numpy.random.Generator
    publication : Publication
    predictors : Predictors
    coefficients : mapping of int to mapping of str to float
    extremes : mapping of str to list of int
        They have a target, of known stretch.

    Returns
    -------
    target : array of shape (n,)
    known : array of bool, shape (n,)
    """
    n = len(predictors.latent["target"])
    share = publication.n_target / n + _explained(publication, predictors, coefficients, "target")
    rank = (np.argsort(np.argsort(predictors.latent["target"])) + 0.5) / n
    named = [*extremes["toughest"], *extremes["easiest"]]
    score = share - rank
    score[named] = np.inf
    target = top(score, publication.n_target)
    known = np.ones(n, dtype=bool)
    could_lack = np.setdiff1d(np.flatnonzero(target), named)
    known[rng.choice(could_lack, publication.n - publication.n_known, replace=False)] = False
    return target, known


def _explained(
    publication: Publication, predictors: Predictors, coefficients: Coefficients, effect: Effect
) -> FloatArray:
    """What controls and types say of the target or the stretch, about its mean."""
    with_effect, without = publication.regression(effect), publication.regression(None)
    total = np.zeros(len(predictors.latent["target"]))
    if with_effect is None or without is None:
        return total
    slope = coefficients[with_effect.model][with_effect.terms[1]]
    for term in without.terms:
        if term != publication.constant:
            x = predictors.scaled[term]
            shift = coefficients[without.model][term] - coefficients[with_effect.model][term]
            total += shift / slope * (x - x.mean())
    return total


def draw_stretch(
    publication: Publication,
    predictors: Predictors,
    coefficients: Coefficients,
    world: World,
    extremes: Extremes,
) -> tuple[World, FloatArray]:
    """Stretch of the authorities with a target.

    Parameters
    ----------
    publication : Publication
    predictors : Predictors
    coefficients : mapping of int to mapping of str to float
    world : World
    extremes : mapping of str to list of int

    Returns
    -------
    world : World
        With the stretch where it is known.
    stretch : array of shape (n,)
        The whole of it, where it is not known included.
    """
    column = world.columns[world.index("stretch")]
    on = world.ones["target"] == 1
    # Only those with a target can have stretch, so the controls say as much more of it among them.
    explained = (
        _explained(publication, predictors, coefficients, "stretch") * publication.n / publication.n_target
    )
    explained = explained[on] - explained[on].mean()
    share = min(float(explained.var()) / stretch_among_targets(publication)[1] ** 2, 0.8)
    latent = np.zeros(len(on))
    latent[on] = standard(predictors.latent["stretch"][on])
    if share > 0:
        latent[on] = standard(np.sqrt(share) * standard(explained) + np.sqrt(1 - share) * latent[on])
    latent = _rank(latent, on & world.known, extremes)
    position = column.location + column.spread * latent
    whole = np.where(on, column.low + (column.high - column.low) * logistic(position), 0.0)
    return _put(world, whole, extremes), whole


def _rank(latent: FloatArray, among: BoolArray, extremes: Extremes) -> FloatArray:
    """Give the largest of the values to the authorities named as toughest, the smallest to the easiest."""
    tough, easy = extremes["toughest"], extremes["easiest"]
    named = {*tough, *easy}
    middle = [int(i) for i in np.flatnonzero(among) if i not in named]
    order = [i for group in (easy, middle, tough) for i in sorted(group, key=lambda i: float(latent[i]))]
    ranked = latent.copy()
    ranked[order] = np.sort(latent[order])
    return ranked


def _put(world: World, whole: FloatArray, extremes: Extremes) -> World:
    """Put the stretch into the world; two limits keep named authorities on the outer sides, all others between."""
    s = world.index("stretch")
    column = world.columns[s]
    on = (world.ones["target"] == 1) & world.known
    free, fixed, position = world.free.copy(), world.fixed.copy(), world.position.copy()
    low, high, spread = world.low.copy(), world.high.copy(), world.spread.copy()
    free[:, s], fixed[:, s] = on, 0.0
    order = np.argsort(np.where(on, whole, np.inf))[: int(on.sum())]
    easy, last = len(extremes["easiest"]), len(order) - len(extremes["toughest"])
    if easy:
        limit = whole[order[easy - 1 : easy + 1]].mean()
        high[order[:easy], s], low[order[easy:], s] = limit, limit
    if last < len(order):
        limit = whole[order[last - 1 : last + 1]].mean()
        high[order[easy:last], s], low[order[last:], s] = limit, limit
    for place, end in ((order[0], column.low), (order[-1], column.high)):
        free[place, s], fixed[place, s] = False, end
    width = (high - low)[:, s]
    share = np.clip((whole - low[:, s]) / width, 0.02, 0.98)
    position[:, s] = np.log(share / (1 - share))
    spread[:, s] = column.spread * (column.high - column.low) / width
    world = replace(world, free=free, fixed=fixed, low=low, high=high, spread=spread)
    return world.moved(position, world.change)
