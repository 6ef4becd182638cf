"""Controls and types of one data set, as they are drawn: correlated normal variables, cut and bent to the printed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .arrays import FloatArray, IntArray, logistic
from .columns import Column
from .correlations import draw_correlations
from .publication import Publication, possible_counts

_OTHERS = ("target", "baseline", "stretch")


@dataclass(frozen=True, eq=False)
class Given:
    """What is known of the authorities, in place of what would be drawn.

    Parameters
    ----------
    authority : tuple of str
    kind : array of shape (n,)
        Index of each authority's type.
    controls : mapping of str to array of shape (n,)
        Known controls by term, on the scale of the regressions.
    """

    authority: tuple[str, ...]
    kind: IntArray
    controls: Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Predictors:
    """What was drawn.

    Parameters
    ----------
    latent : dict of str to array of shape (n,)
        Standard normal variables behind each control, ``baseline``, ``stretch`` and ``target`` (the reasons for a
        target that have nothing to do with the controls).
    scaled : dict of str to array of shape (n,)
        Controls and type dummies on the scale of the regressions.
    residual : dict of int to float
        Residual s.d. that goes with the correlations, by model; empty where the printed errors were not used.
    """

    latent: dict[str, FloatArray]
    scaled: dict[str, FloatArray]
    residual: dict[int, float]


def draw_predictors(
    rng: np.random.Generator,
    publication: Publication,
    columns: tuple[Column, ...],
    given: Given,
    *,
    concentration: float,
    weigh: bool,
) -> Predictors:
    """Draw correlations, then variables that have them exactly, and bring these to their printed form.

    Parameters
    ----------
    rng : numpy.random.Generator
    publication : Publication
    columns : tuple of Column
    given : Given
    concentration : float
        Of the LKJ prior.
    weigh : bool
        Whether the printed standard errors weigh the correlations.

    Returns
    -------
    Predictors
    """
    kind, n = given.kind, len(given.kind)
    place = {name: i for i, name in enumerate(publication.types)}
    known = {t: (kind == place[t]).astype(float) for t in publication.contrasts} | dict(given.controls)
    terms = [*known, *(term for term in publication.controls if term not in known)]
    shown = np.column_stack([standard(x) for x in known.values()])
    correlations = draw_correlations(
        rng,
        publication,
        terms,
        np.array([_sd(publication, columns, known, term) for term in terms]),
        fixed=shown.T @ shown / n,
        size=len(terms) + len(_OTHERS),
        concentration=concentration,
        weigh=weigh,
    )
    basis = _whitened(rng, shown, correlations.factor)
    latent = dict(zip([*terms, *_OTHERS], (basis @ correlations.factor.T).T, strict=True))
    latent["target"] = basis[:, len(terms)]
    scaled = dict(known)
    for term in terms[len(known) :]:
        if term in publication.binary:
            scaled[term] = top(latent[term], int(rng.choice(possible_counts(publication.binary[term]))))
        else:
            scaled[term] = _bent(columns, term, latent[term])
    return Predictors(latent, scaled, correlations.residual)


def standard(x: FloatArray) -> FloatArray:
    """Mean 0 and variance 1."""
    return np.asarray((x - x.mean()) / x.std())


def top(x: FloatArray, count: int) -> FloatArray:
    """1 for the largest of x, else 0.

    Examples
    --------
    >>> top(np.array([3.0, 1, 2]), 2)
    array([1., 0., 1.])
    """
    ones = np.zeros(len(x))
    ones[np.argsort(-x)[:count]] = 1.0
    return ones


def _sd(
    publication: Publication, columns: tuple[Column, ...], known: Mapping[str, FloatArray], term: str
) -> float:
    """Standard deviation on the scale of the regressions."""
    if term in known:
        return float(known[term].std(ddof=1))
    if term in publication.binary:
        return publication.binary[term].sd.value
    return next(column.sd for column in columns if column.name == term)


def _whitened(rng: np.random.Generator, shown: FloatArray, factor: FloatArray) -> FloatArray:
    """Orthogonal variables that the factor turns into the correlated ones, those that are known included."""
    n, k = shown.shape
    basis = np.linalg.solve(factor[:k, :k], shown.T).T
    q, r = np.linalg.qr(np.column_stack([np.ones(n), basis, rng.normal(size=(n, len(factor) - k))]))
    fresh = (q * np.sign(np.diag(r)))[:, k + 1 :] * np.sqrt(n)
    return np.column_stack([basis, fresh])


def _bent(columns: tuple[Column, ...], term: str, latent: FloatArray) -> FloatArray:
    column = next(column for column in columns if column.name == term)
    position = column.location + column.spread * latent
    return np.asarray(column.low + (column.high - column.low) * logistic(position))
