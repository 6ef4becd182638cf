"""Slopes behind the printed digits: drawn within their rounding so that constants and regressions fit together.

A printed constant is the mean of the change less slopes times means; with means as large as 8,800 it tells further
digits of a slope printed as -.007. And where a regression with the target (or stretch) stands beside one without,
the shift of the other slopes is the slope of the target on those terms, times the target's own slope. That regression
cannot explain more of the target than there is, which binds the digits of the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import FloatArray
from .publication import Publication, Regression

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
    """Draw the slopes of all regressions together.

    Parameters
    ----------
    rng : numpy.random.Generator
    publication : Publication
    terms : mapping of str to array of shape (n,)
        Controls and type dummies on the scale of the regressions.
    level : mapping of int to float
        Mean of the change, by model.

    Returns
    -------
    dict of int to dict of str to float
        Coefficients by model and term, each within its rounding.

    Notes
    -----
    Bounded least squares towards a random point of the rounding ranges, in units of their half widths, with further
    rows for the constants and for the shifts.
    """
    from scipy.optimize import lsq_linear

    places = _places(publication)
    low, high, drawn = np.empty(len(places)), np.empty(len(places)), np.empty(len(places))
    for (model, term), i in places.items():
        printed = _by_model(publication, model).estimates[term]
        low[i], high[i] = printed.low, printed.high
        drawn[i] = rng.uniform(printed.low, printed.high)
    half = (high - low) / 2
    rows, aims = [np.eye(len(places))], [(drawn - low) / half - 1]
    for regression in publication.regressions:
        row, aim = _constant_row(publication, regression, terms, level[regression.model], places)
        rows.append(row * half / _CONSTANT)
        aims.append((aim - row @ (low + half)) / _CONSTANT)
        block = _shift_rows(publication, regression, terms, places, drawn)
        if block is not None:
            rows.append(block * half)
            aims.append(rng.normal(size=len(block)) - block @ (low + half))
    fit = lsq_linear(
        np.vstack(rows), np.concatenate([np.atleast_1d(aim) for aim in aims]), bounds=(-0.98, 0.98)
    )
    solved = low + half * (1 + fit.x)
    return {r.model: {t: float(solved[places[r.model, t]]) for t in r.terms} for r in publication.regressions}


def _places(publication: Publication) -> dict[tuple[int, str], int]:
    pairs = [(r.model, term) for r in publication.regressions for term in r.terms]
    return {pair: i for i, pair in enumerate(pairs)}


def _by_model(publication: Publication, model: int) -> Regression:
    return next(r for r in publication.regressions if r.model == model)


def _constant_row(
    publication: Publication,
    regression: Regression,
    terms: Mapping[str, FloatArray],
    level: float,
    places: Mapping[tuple[int, str], int],
) -> tuple[FloatArray, float]:
    """Constant plus slopes times means, which is the mean of the change."""
    row = np.zeros(len(places))
    for term in regression.terms:
        if term == publication.constant:
            mean = 1.0
        elif term in terms:
            mean = float(terms[term].mean())
        elif regression.effect == "stretch" and publication.stretch is not None:
            mean = publication.stretch.mean.value
        else:
            mean = publication.n_target / publication.n
        row[places[regression.model, term]] = mean
    return row, level


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
    if regression.effect == "stretch" and publication.stretch is not None:
        variance = publication.stretch.sd.value**2
    else:
        share = publication.n_target / publication.n
        variance = share * (1 - share)
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
