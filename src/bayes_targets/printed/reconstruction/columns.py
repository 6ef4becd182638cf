"""What each data set draws first: distributions of measured variables, printed slopes, correlations, predictors.

Derivation: docs/models.md, "Only a printed table".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from .publication import Described, FloatArray, IntArray, Publication, Regression, logistic, possible_ones


@dataclass(frozen=True)
class Column:
    """A measured variable on the scale of the regressions, with the logit-normal distribution it is drawn from."""

    name: str  # term of a control; "baseline", "outcome" or "stretch"
    described: Described
    low: float  # printed minimum (its logarithm, where the variable is logged)
    high: float
    location: float  # mean of the normal distribution of its position
    spread: float  # standard deviation of that
    sd: float  # standard deviation on the scale of the regressions that this implies

    @property
    def logged(self) -> bool:
        """Whether the regressions use the variable's logarithm."""
        return self.described.logged

    def values(self, latent: FloatArray) -> FloatArray:
        """Values where a standard normal variable gives the positions."""
        position = self.location + self.spread * latent
        return np.asarray(self.low + (self.high - self.low) * logistic(position))


def make_columns(publication: Publication) -> tuple[Column, ...]:
    """Fit a distribution to each measured variable's printed mean, s.d., minimum and maximum."""
    described = {
        **publication.measured,
        "baseline": publication.baseline,
        "outcome": publication.outcome,
    }
    columns = [_fit(name, v, v.mean.value, v.sd.value) for name, v in described.items()]
    if publication.stretch is not None:
        mean, sd = stretch_among_targets(publication)
        columns.append(_fit("stretch", publication.stretch, mean, sd))
    return tuple(columns)


def stretch_among_targets(publication: Publication) -> tuple[float, float]:
    """Mean and standard deviation of the stretch where there is a target and the stretch is known.

    The printed ones count every authority without a target as 0.
    """
    stretch = publication.stretch
    assert stretch is not None
    n, k = publication.n_known, publication.n_target - (publication.n - publication.n_known)
    mean = n * stretch.mean.value / k
    squares = (n - 1) * stretch.sd.value**2 + n * stretch.mean.value**2 - k * mean**2
    if squares <= 0:
        raise DataError(
            f"{stretch.name!r}: with 0 for the {n - k} of {n} without a target, the mean {stretch.mean.text} alone "
            f"makes the s.d. larger than the printed {stretch.sd.text}"
        )
    return mean, math.sqrt(squares / (k - 1))


def _fit(name: str, described: Described, mean: float, sd: float) -> Column:
    """Logit-normal distribution on [min, max] (of the logarithm, where logged) with this mean and s.d."""
    from scipy.optimize import least_squares

    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    ends = np.array([described.low.value, described.high.value])
    low, high = np.log(ends) if described.logged else ends

    def scaled(parameters: FloatArray) -> FloatArray:
        return np.asarray(low + (high - low) * logistic(parameters[0] + np.exp(parameters[1]) * nodes))

    def misfit(parameters: FloatArray) -> list[float]:
        x = np.exp(scaled(parameters)) if described.logged else scaled(parameters)
        m = float(weights @ x)
        s = math.sqrt(max(float(weights @ (x - m) ** 2), 1e-300))
        return [(m - mean) / sd, s / sd - 1]

    fit = least_squares(misfit, np.zeros(2))
    if fit.cost > 1e-4:
        raise DataError(
            f"{described.name!r}: found no distribution between {described.low.text} and {described.high.text} "
            f"with mean {mean:.6g} and s.d. {sd:.6g}"
        )
    x = scaled(fit.x)
    spread = math.sqrt(float(weights @ (x - weights @ x) ** 2))
    return Column(name, described, float(low), float(high), float(fit.x[0]), float(np.exp(fit.x[1])), spread)


# How closely a constant has to be met before data exist to meet it exactly, in % of the baseline score.
_CONSTANT = 0.02
# Share of the variance of target and stretch that controls and types explain, a priori.
_EXPLAINED = 0.1


def draw_coefficients(
    rng: np.random.Generator,
    publication: Publication,
    terms: Mapping[str, FloatArray],
    level: Mapping[int, float],
) -> dict[int, dict[str, float]]:
    """Draw the slopes of all regressions together: bounded least squares towards a random point of the rounding ranges.

    In units of their half widths, with further rows for the constants and for the shifts.
    """
    from scipy.optimize import lsq_linear

    pairs = [(regression, term) for regression in publication.regressions for term in regression.terms]
    places = {(regression.model, term): i for i, (regression, term) in enumerate(pairs)}
    printed = [regression.estimates[term] for regression, term in pairs]
    low, high = np.array([(number.low, number.high) for number in printed]).T
    drawn = rng.uniform(low, high)
    half = (high - low) / 2
    rows, aims = [np.eye(len(places))], [(drawn - low) / half - 1]
    for regression in publication.regressions:
        row = _constant_row(publication, regression, terms, places)
        rows.append(row * half / _CONSTANT)
        aims.append(np.atleast_1d((level[regression.model] - row @ (low + half)) / _CONSTANT))
        block = _shift_rows(publication, regression, terms, places, drawn)
        if block is not None:
            rows.append(block * half)
            aims.append(rng.normal(size=len(block)) - block @ (low + half))
    fit = lsq_linear(np.vstack(rows), np.concatenate(aims), bounds=(-0.98, 0.98))
    solved = low + half * (1 + fit.x)
    return {r.model: {t: float(solved[places[r.model, t]]) for t in r.terms} for r in publication.regressions}


def _constant_row(
    publication: Publication,
    regression: Regression,
    terms: Mapping[str, FloatArray],
    places: Mapping[tuple[int, str], int],
) -> FloatArray:
    """Constant plus slopes times means, which is the mean of the change."""
    row = np.zeros(len(places))
    for term in regression.terms:
        if term == publication.constant:
            mean = 1.0
        elif term in terms:
            mean = float(terms[term].mean())
        else:
            mean, _ = publication.effect_moments(regression.effect)
        row[places[regression.model, term]] = mean
    return row


def _shift_rows(
    publication: Publication,
    regression: Regression,
    terms: Mapping[str, FloatArray],
    places: Mapping[tuple[int, str], int],
    drawn: FloatArray,
) -> FloatArray | None:
    """Each independent part of what the terms explain of the effect's variable, in units of what is expected of it."""
    without = publication.regression(None)
    if regression.effect is None or without is None:
        return None
    _, variance = publication.effect_moments(regression.effect)
    names = [term for term in without.terms if term != publication.constant]
    x = np.column_stack([terms[name] - terms[name].mean() for name in names]) / np.sqrt(len(terms[names[0]]))
    whitened = np.linalg.qr(x, mode="r")
    slope = drawn[places[regression.model, regression.terms[1]]]
    scale = slope * np.sqrt(_EXPLAINED * variance / len(names))
    block = np.zeros((len(names), len(places)))
    for j, name in enumerate(names):
        block[:, places[without.model, name]] += whitened[:, j] / scale
        block[:, places[regression.model, name]] -= whitened[:, j] / scale
    return block


# Robust and classical errors of one term may differ by a sixth or so: a third in the logarithm of the variance.
_SLACK = 0.35
_CANDIDATES = 5000


def lkj_factors(
    rng: np.random.Generator, fixed: FloatArray, size: int, concentration: float, count: int
) -> FloatArray:
    """Cholesky factors of correlation matrices from an LKJ distribution, given their first block.

    Row by row ("onion"; Lewandowski, Kurowicka & Joe, 2009): row j points in a uniform direction, and the share of
    its variance that the j variables before it explain is Beta(j / 2, concentration + (size - 1 - j) / 2).
    """
    k = len(fixed)
    factors = np.zeros((count, size, size))
    factors[:, :k, :k] = np.linalg.cholesky(fixed)
    for j in range(k, size):
        share = rng.beta(j / 2, concentration + (size - 1 - j) / 2, size=count) if j else np.zeros(count)
        direction = rng.normal(size=(count, j))
        length = np.linalg.norm(direction, axis=1, keepdims=True) if j else np.ones((count, 1))
        factors[:, j, :j] = np.sqrt(share)[:, None] * direction / length
        factors[:, j, j] = np.sqrt(1 - share)
    return factors


def draw_correlations(
    rng: np.random.Generator,
    publication: Publication,
    terms: list[str],
    sds: FloatArray,
    *,
    fixed: FloatArray,
    size: int,
    concentration: float,
    weigh: bool,
) -> tuple[FloatArray, dict[int, float]]:
    """Draw correlations from the LKJ prior, given those that are known and in the light of the printed errors.

    As lower Cholesky factor, controls and type dummies first, with the residual s.d. by model that goes with it (in % of the
    baseline score; none where nothing was weighed).
    """
    count = _CANDIDATES if weigh else 1
    factors = lkj_factors(rng, fixed, size, concentration, count)
    if not weigh:
        return factors[0], {}
    k = len(terms)
    block = factors[:, :k, :k]
    inflation = (np.linalg.inv(block) ** 2).sum(axis=1)
    log_weight = np.zeros(count)
    residual = {}
    for regression in publication.regressions:
        errors = np.array([regression.errors[term].value for term in terms])
        gap = np.log(inflation) - np.log(errors**2 * sds**2 * (regression.n - 1))
        level = gap.mean(axis=1)
        residual[regression.model] = np.exp(-level / 2)
        log_weight -= (
            0.5 * ((gap - level[:, None]) ** 2).sum(axis=1) / _SLACK**2 / len(publication.regressions)
        )
    plain = publication.regression(None)
    if plain is not None:
        log_weight -= 0.5 * (_explained_gap(plain, terms, sds, block, residual[plain.model]) / _SLACK) ** 2
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    chosen = int(rng.choice(count, p=weight))
    return factors[chosen], {model: float(values[chosen]) for model, values in residual.items()}


def _explained_gap(
    regression: Regression, terms: list[str], sds: FloatArray, block: FloatArray, residual: FloatArray
) -> FloatArray:
    """Log ratio of the variance that the slopes explain under each candidate to the one that R² asks for."""
    slopes = np.array([regression.estimates[term].value for term in terms]) * sds
    explained = (np.einsum("kij,i->kj", block, slopes) ** 2).sum(axis=1)
    wanted = residual**2 * regression.explained / (1 - regression.explained)
    return np.asarray(np.log(explained) - np.log(wanted))


_OTHERS = ("target", "baseline", "stretch")


@dataclass(frozen=True, eq=False)
class Given:
    """What is known of the authorities, in place of what would be drawn."""

    authority: tuple[str, ...]
    kind: IntArray  # index of each authority's type
    controls: Mapping[str, FloatArray]  # known ones by term, on the scale of the regressions


@dataclass(frozen=True, eq=False)
class Predictors:
    """What was drawn, each of shape (n,)."""

    latent: dict[
        str, FloatArray
    ]  # normal variables behind controls, baseline, stretch, and the other reasons for a target
    scaled: dict[str, FloatArray]  # controls and type dummies on the scale of the regressions
    residual: dict[int, float]  # by model; empty where the printed errors were not used


def draw_predictors(
    rng: np.random.Generator,
    publication: Publication,
    columns: tuple[Column, ...],
    given: Given,
    *,
    concentration: float,
    weigh: bool,
) -> Predictors:
    """Draw correlations, then variables that have them exactly, and bring these to their printed form."""
    kind, n = given.kind, len(given.kind)
    measured = {column.name: column for column in columns}
    place = {name: i for i, name in enumerate(publication.types)}
    known = {t: (kind == place[t]).astype(float) for t in publication.contrasts} | dict(given.controls)
    terms = [*known, *(term for term in publication.controls if term not in known)]
    shown = np.column_stack([standard(x) for x in known.values()])
    factor, residual = draw_correlations(
        rng,
        publication,
        terms,
        np.array([_sd(publication, measured, known, term) for term in terms]),
        fixed=shown.T @ shown / n,
        size=len(terms) + len(_OTHERS),
        concentration=concentration,
        weigh=weigh,
    )
    basis = _whitened(rng, shown, factor)
    latent = dict(zip([*terms, *_OTHERS], (basis @ factor.T).T, strict=True))
    latent["target"] = basis[:, len(terms)]
    scaled = dict(known)
    for term in terms[len(known) :]:
        if term in publication.binary:
            scaled[term] = top(latent[term], int(rng.choice(possible_ones(publication.binary[term]))))
        else:
            scaled[term] = measured[term].values(latent[term])
    return Predictors(latent, scaled, residual)


def standard(x: FloatArray) -> FloatArray:
    """Mean 0 and variance 1."""
    return np.asarray((x - x.mean()) / x.std())


def top(x: FloatArray, count: int) -> FloatArray:
    """1 for the largest of x, else 0."""
    ones = np.zeros(len(x))
    ones[np.argsort(-x)[:count]] = 1.0
    return ones


def _sd(
    publication: Publication, measured: Mapping[str, Column], known: Mapping[str, FloatArray], term: str
) -> float:
    """Standard deviation on the scale of the regressions."""
    if term in known:
        return float(known[term].std(ddof=1))
    if term in publication.binary:
        return publication.binary[term].sd.value
    return measured[term].sd


def _whitened(rng: np.random.Generator, shown: FloatArray, factor: FloatArray) -> FloatArray:
    """Orthogonal variables that the factor turns into the correlated ones, those that are known included."""
    n, k = shown.shape
    basis = np.linalg.solve(factor[:k, :k], shown.T).T
    q, r = np.linalg.qr(np.column_stack([np.ones(n), basis, rng.normal(size=(n, len(factor) - k))]))
    fresh = (q * np.sign(np.diag(r)))[:, k + 1 :] * np.sqrt(n)
    return np.column_stack([basis, fresh])
