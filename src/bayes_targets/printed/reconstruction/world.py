"""One candidate data set, and how its targets, stretch and change are drawn.

A measured variable sits between its printed minimum and maximum as ``low + (high - low) * logistic(position)``, so that no move
can carry it out. Two authorities hold the ends themselves. Derivation: docs/models.md, "Only a printed table".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .columns import Column, Given, Predictors, standard, stretch_among_targets, top
from .publication import BoolArray, Effect, FloatArray, IntArray, Publication, Regression, logistic

# Within about this many points of the printed ends an outcome is bent back (scores differ by tenths of a point).
_BEND = 0.4


@dataclass(frozen=True, eq=False)
class World:
    """One candidate data set of n authorities; moving it gives a new one that shares what did not move."""

    columns: tuple[Column, ...]
    kind: IntArray  # index of each authority's type
    ones: dict[str, FloatArray]  # what does not move: 0/1 controls, type dummies, "target"
    known: BoolArray  # whether the stretch is known
    low: FloatArray  # from here to values each of shape (n, columns)
    high: FloatArray
    spread: FloatArray  # scale of a unit move
    free: BoolArray  # whether a position may move
    fixed: FloatArray  # the value where it may not
    position: FloatArray
    change: FloatArray  # latent percentage change, of shape (n,)
    values: FloatArray  # on the scale of the regressions; follows from the others

    def index(self, name: str) -> int:
        """Place of a column."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def of(self, name: str) -> FloatArray:
        """Values of a variable, whether it moves or not."""
        return self.ones[name] if name in self.ones else self.values[:, self.index(name)]

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def observed_change(self) -> FloatArray:
        """Percentage change from baseline to outcome."""
        baseline = self.of("baseline")
        return np.asarray(100 * (self.of("outcome") - baseline) / baseline)

    @property
    def unbent(self) -> FloatArray:
        """The outcome before it is squeezed into its range."""
        return np.asarray(self.of("baseline") * (1 + self.change / 100))

    def moved(self, position: FloatArray, change: FloatArray) -> World:
        """The same authorities with other positions and latent changes."""
        values = np.where(self.free, self.low + (self.high - self.low) * logistic(position), self.fixed)
        world = replace(self, position=position, change=change, values=values)
        o = self.index("outcome")
        bent = bend(world.unbent, self.columns[o].low, self.columns[o].high)
        values[:, o] = np.where(self.free[:, o], bent, self.fixed[:, o])
        return world

    def step_sizes(self) -> FloatArray:
        """Derivative of each value by its position in units of its spread, shape (n, columns); 0 if not free."""
        width = np.where(self.free, self.high - self.low, 1.0)
        share = (self.values - self.low) / width
        sizes = self.spread * width * share * (1 - share) * self.free
        sizes[:, self.index("outcome")] = 0.0
        return np.asarray(sizes)


def hold_ends(
    free: BoolArray, fixed: FloatArray, column: Column, smallest: np.intp, largest: np.intp
) -> None:
    """Keep two authorities at the printed ends of a variable."""
    free[[smallest, largest]], fixed[[smallest, largest]] = False, (column.low, column.high)


def bend(values: FloatArray, low: float, high: float) -> FloatArray:
    """Squeeze values smoothly between two ends; well inside they stay as they are."""
    above = np.logaddexp(0, (values - low) / _BEND) - np.logaddexp(0, (values - high) / _BEND)
    return np.asarray(low + _BEND * above)


def bend_slope(values: FloatArray, low: float, high: float) -> FloatArray:
    """Derivative of `bend`."""
    return logistic((values - low) / _BEND) - logistic((values - high) / _BEND)


def design(
    world: World, regression: Regression, publication: Publication
) -> tuple[FloatArray, IntArray, BoolArray]:
    """Matrix of a regression, which of its columns can move, and the authorities used."""
    n, names = len(world.kind), world.names
    rows = world.known if regression.effect == "stretch" else np.ones(n, dtype=bool)
    terms = list(regression.terms)
    if regression.effect is not None:
        terms[1] = regression.effect
    columns = [np.ones(n) if term == publication.constant else world.of(term) for term in terms]
    moving = [names.index(term) if term in names else -1 for term in terms]
    return np.column_stack(columns)[rows], np.array(moving), rows


Coefficients = Mapping[int, Mapping[str, float]]
Extremes = Mapping[str, list[int]]


def place_extremes(rng: np.random.Generator, publication: Publication, given: Given) -> dict[str, list[int]]:
    """Places of the authorities that the text names as having the toughest and the easiest targets."""
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
    """Who has the target, and whose stretch is known."""
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
    """Stretch of the authorities with a target."""
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
    whole = np.where(on, column.values(latent), 0.0)
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
    hold_ends(free[:, s], fixed[:, s], column, order[0], order[-1])
    width = (high - low)[:, s]
    share = np.clip((whole - low[:, s]) / width, 0.02, 0.98)
    position[:, s] = np.log(share / (1 - share))
    spread[:, s] = column.spread * (column.high - column.low) / width
    world = replace(world, free=free, fixed=fixed, low=low, high=high, spread=spread)
    return world.moved(position, world.change)


# Tails of the residuals: Student-t with 1 / nu uniform from 0 (normal) to this.
_HEAVIEST = 0.25
# Half-normal s.d. between types of the effect's slope, in slopes (or standard errors of it, if these are larger).
_BETWEEN_TYPES = 0.5


@dataclass(frozen=True, eq=False)
class Noise:
    """Where residuals come from: Student-t noise, and effects that differ by type."""

    degrees: float  # infinite for normal noise
    sd: float  # in % of the baseline score
    by_type: FloatArray  # departure of each type's slope of the effect from the common one
    exposure: FloatArray  # the effect's variable, stretch that is not known included

    def draw(self, rng: np.random.Generator, kind: IntArray) -> FloatArray:
        """Residuals of all authorities, with mean 0, given the index of each authority's type."""
        n = len(kind)
        noise = rng.standard_t(self.degrees, size=n) if np.isfinite(self.degrees) else rng.normal(size=n)
        varied = self.by_type[kind] * self.exposure
        return np.asarray(self.sd * standard(noise) + varied - varied.mean())


def draw_noise(
    rng: np.random.Generator, regression: Regression, exposure: FloatArray, sd: float, n_types: int
) -> Noise:
    """Draw the tails and how far the effect differs by type; neither is printed."""
    inverse = rng.uniform(0, _HEAVIEST)
    effect = regression.terms[1]
    slope, error = regression.estimates[effect].value, regression.errors[effect].value
    between = abs(rng.normal(0, _BETWEEN_TYPES * max(abs(slope), error)))
    degrees = 1 / inverse if inverse > 0.005 else np.inf
    return Noise(degrees, sd, between * rng.normal(size=n_types), exposure)


def change_and_baseline(publication: Publication, variance: float) -> tuple[float, float]:
    """Mean of the change, and its covariance with the baseline, that the printed scores imply."""
    b, o = publication.baseline, publication.outcome
    ratio = o.mean.value / b.mean.value
    vb, vo = (b.sd.value / b.mean.value) ** 2, (o.sd.value / o.mean.value) ** 2
    both = 0.5 * (vb + vo - variance / (100 * ratio) ** 2)
    return float(100 * (ratio * (1 + vb - both) - 1)), float(100 * ratio * b.mean.value * (both - vb))


def implied_variance(publication: Publication, regression: Regression, residual: float | None) -> float:
    """Variance of the change that residual s.d. and R² imply."""
    if residual is None:
        return (0.3 * publication.outcome.sd.value) ** 2
    return residual**2 / (1 - regression.explained)


def draw_change(
    rng: np.random.Generator,
    publication: Publication,
    regression: Regression,
    coefficients: Mapping[str, float],
    residual: float | None,
    world: World,
    exposure: FloatArray,
) -> tuple[World, Noise]:
    """Draw the changes, with residuals whose link to the baseline leaves the outcome its printed s.d."""
    fitted = coefficients[regression.terms[1]] * exposure
    for term in regression.terms:
        if term in publication.controls or term in publication.contrasts:
            fitted = fitted + coefficients[term] * world.of(term)
    fitted = fitted - fitted.mean()
    r2 = regression.explained
    sd = residual if residual is not None else float(fitted.std() * np.sqrt((1 - r2) / r2))
    noise = draw_noise(rng, regression, exposure, sd, len(publication.types))
    level, covariance = change_and_baseline(publication, fitted.var() + sd**2)
    baseline = standard(world.of("baseline"))
    missing = covariance / publication.baseline.sd.value - float(np.mean(baseline * fitted))
    toward = float(np.clip(missing / sd, -0.8, 0.8))
    drawn = toward * sd * baseline + np.sqrt(1 - toward**2) * noise.draw(rng, world.kind)
    return _put_score(world, level + fitted + drawn), noise


def _put_score(world: World, change: FloatArray) -> World:
    """Put changes into the world; the smallest and the largest outcome go to the printed ends."""
    o = world.index("outcome")
    column = world.columns[o]
    baseline = world.of("baseline")
    outcome = baseline * (1 + change / 100)
    free, fixed = world.free.copy(), world.fixed.copy()
    free[:, o] = True
    hold_ends(free[:, o], fixed[:, o], column, np.argmin(outcome), np.argmax(outcome))
    # A change that would carry the outcome far out of its range starts from where the outcome is bent back to.
    inside = bend(outcome, column.low, column.high)
    return replace(world, free=free, fixed=fixed).moved(world.position, 100 * (inside / baseline - 1))
