"""The change of each authority, as it is drawn: a printed regression and residuals of which little is printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .arrays import FloatArray, IntArray
from .predictors import standard
from .publication import Publication, Regression
from .world import World, bend

# Tails of the residuals: Student-t with 1 / nu uniform from 0 (normal) to this.
_HEAVIEST = 0.25
# Half-normal s.d. between types of the effect's slope, in slopes (or standard errors of it, if these are larger).
_BETWEEN_TYPES = 0.5


@dataclass(frozen=True, eq=False)
class Noise:
    """Where residuals come from: Student-t noise, and effects that differ by type.

    Parameters
    ----------
    degrees : float
        Degrees of freedom of the noise; infinite for normal noise.
    sd : float
        Its standard deviation, in % of the baseline score.
    by_type : array of shape (types,)
        Departure of each type's slope of the effect from the common one.
    exposure : array of shape (n,)
        The effect's variable, stretch that is not known included.
    """

    degrees: float
    sd: float
    by_type: FloatArray
    exposure: FloatArray

    def draw(self, rng: np.random.Generator, kind: IntArray) -> FloatArray:
        """Residuals of all authorities, with mean 0, given the index of each authority's type."""
        n = len(kind)
        noise = rng.standard_t(self.degrees, size=n) if np.isfinite(self.degrees) else rng.normal(size=n)
        varied = self.by_type[kind] * self.exposure
        return np.asarray(self.sd * standard(noise) + varied - varied.mean())


def draw_noise(
    rng: np.random.Generator, regression: Regression, exposure: FloatArray, sd: float, n_types: int
) -> Noise:
    """Draw the tails and how far the effect differs by type; neither is printed.

    Parameters
    ----------
    rng : numpy.random.Generator
    regression : Regression
    exposure : array of shape (n,)
    sd : float
    n_types : int

    Returns
    -------
    Noise
    """
    inverse = rng.uniform(0, _HEAVIEST)
    effect = regression.terms[1]
    slope, error = regression.estimates[effect].value, regression.errors[effect].value
    between = abs(rng.normal(0, _BETWEEN_TYPES * max(abs(slope), error)))
    degrees = 1 / inverse if inverse > 0.005 else np.inf
    return Noise(degrees, sd, between * rng.normal(size=n_types), exposure)


def change_and_baseline(publication: Publication, variance: float) -> tuple[float, float]:
    """Mean of the change, and its covariance with the baseline, that the printed scores imply.

    Parameters
    ----------
    publication : Publication
    variance : float
        Of the change, in squared % of the baseline score.

    Returns
    -------
    tuple of float
        To second order in the coefficients of variation.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> from bayes_targets.printed.reconstruction.reading import read_publication
    >>> level, covariance = change_and_baseline(read_publication(load_study("andrews2014")), 3.5**2)
    >>> round(level, 2), round(covariance / (3.5 * 6.94), 2)
    (-2.71, -0.25)
    """
    b, o = publication.baseline, publication.outcome
    ratio = o.mean.value / b.mean.value
    vb, vo = (b.sd.value / b.mean.value) ** 2, (o.sd.value / o.mean.value) ** 2
    both = 0.5 * (vb + vo - variance / (100 * ratio) ** 2)
    return float(100 * (ratio * (1 + vb - both) - 1)), float(100 * ratio * b.mean.value * (both - vb))


def implied_variance(publication: Publication, regression: Regression, residual: float | None) -> float:
    """Variance of the change that residual s.d. and R² imply.

    Parameters
    ----------
    publication : Publication
    regression : Regression
    residual : float or None
        Where it is not known, the change is taken to have a third of the score's s.d.

    Returns
    -------
    float
        In squared % of the baseline score.
    """
    if residual is None:
        return (0.3 * publication.outcome.sd.value) ** 2
    return residual**2 / (1 - _r2(regression))


def _r2(regression: Regression) -> float:
    return min(max(regression.r2.value, 0.005), 0.995)


def draw_change(
    rng: np.random.Generator,
    publication: Publication,
    regression: Regression,
    coefficients: Mapping[str, float],
    residual: float | None,
    world: World,
    exposure: FloatArray,
) -> tuple[World, Noise]:
    """Draw the changes, with residuals whose link to the baseline leaves the outcome its printed s.d.

    Parameters
    ----------
    rng : numpy.random.Generator
    publication : Publication
    regression : Regression
        The one that the changes follow.
    coefficients : mapping of str to float
    residual : float or None
        Residual s.d. in % of the baseline score; from R² where it is not known.
    world : World
    exposure : array of shape (n,)
        The effect's variable.

    Returns
    -------
    world : World
        With changes and outcomes.
    noise : Noise
    """
    fitted = coefficients[regression.terms[1]] * exposure
    for term in regression.terms:
        if term in publication.controls or term in publication.contrasts:
            x = world.ones[term] if term in world.ones else world.values[:, world.index(term)]
            fitted = fitted + coefficients[term] * x
    fitted = fitted - fitted.mean()
    r2 = _r2(regression)
    sd = residual if residual is not None else float(fitted.std() * np.sqrt((1 - r2) / r2))
    noise = draw_noise(rng, regression, exposure, sd, len(publication.types))
    level, covariance = change_and_baseline(publication, fitted.var() + sd**2)
    baseline = standard(world.values[:, world.index("baseline")])
    missing = covariance / publication.baseline.sd.value - float(np.mean(baseline * fitted))
    toward = float(np.clip(missing / sd, -0.8, 0.8))
    drawn = toward * sd * baseline + np.sqrt(1 - toward**2) * noise.draw(rng, world.kind)
    return _put(world, level + fitted + drawn), noise


def _put(world: World, change: FloatArray) -> World:
    """Put changes into the world; the smallest and the largest outcome go to the printed ends."""
    o = world.index("outcome")
    column = world.columns[o]
    baseline = world.values[:, world.index("baseline")]
    outcome = baseline * (1 + change / 100)
    free, fixed = world.free.copy(), world.fixed.copy()
    free[:, o] = True
    for place, end in ((np.argmin(outcome), column.low), (np.argmax(outcome), column.high)):
        free[place, o], fixed[place, o] = False, end
    # A change that would carry the outcome far out of its range starts from where the outcome is bent back to.
    inside = bend(outcome, column.low, column.high)
    return replace(world, free=free, fixed=fixed).moved(world.position, 100 * (inside / baseline - 1))
