"""The distribution that each measured variable is drawn from, fitted to what is printed of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...errors import DataError
from .arrays import FloatArray, logistic
from .publication import Described, Publication


@dataclass(frozen=True)
class Column:
    """A measured variable on the scale of the regressions, with the distribution it is drawn from.

    Parameters
    ----------
    name : str
        Term of a control; ``"baseline"``, ``"outcome"`` or ``"stretch"``.
    described : Described
    low, high : float
        Printed minimum and maximum (their logarithms, where the variable is logged).
    location, spread : float
        Mean and standard deviation of the normal distribution of its position (a logit-normal variable).
    sd : float
        Standard deviation on the scale of the regressions that this implies.
    """

    name: str
    described: Described
    low: float
    high: float
    location: float
    spread: float
    sd: float

    @property
    def logged(self) -> bool:
        """Whether the regressions use the variable's logarithm."""
        return self.described.logged


def make_columns(publication: Publication) -> tuple[Column, ...]:
    """Fit a distribution to each measured variable's printed mean, s.d., minimum and maximum.

    Parameters
    ----------
    publication : Publication

    Returns
    -------
    tuple of Column

    Raises
    ------
    DataError
        If no bounded distribution has the printed mean and standard deviation.
    """
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

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> from bayes_targets.printed.reconstruction.reading import read_publication
    >>> mean, sd = stretch_among_targets(read_publication(load_study("andrews2014")))
    >>> round(mean, 2), round(sd, 2)
    (1.74, 5.38)
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
