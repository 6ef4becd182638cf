"""Hyperparameters, each with a coordinate on the whole line in which densities fall off smoothly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def _real(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.sinh(x), np.logaddexp(x, -x) - math.log(2.0)


def _spread(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    fall = np.exp(-x)
    return np.exp(x - fall), x - fall + np.log1p(fall)


def _share(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    return 0.5 + 0.5 * np.tanh(0.5 * x), -np.logaddexp(0.0, x) - np.logaddexp(0.0, -x)


def _weight(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    # A logistic function of sinh: log densities of shares fall off as fast as exponentials of exponentials.
    inner = 0.5 * math.pi * np.sinh(np.clip(x, -6.0, 6.0))
    log_slope = -np.logaddexp(0.0, inner) - np.logaddexp(0.0, -inner) + np.log(0.5 * math.pi * np.cosh(x))
    return np.exp(-np.logaddexp(0.0, -inner)), log_slope


# By support: what gives the hyperparameter at x, in units of its scale, with the log of its derivative; where to look first.
_MAPS: dict[str, tuple[Callable[[FloatArray], tuple[FloatArray, FloatArray]], float, float]] = {
    "real": (_real, -2.0, 2.0),
    "positive": (lambda x: (np.exp(x), x), -2.0, 2.0),
    "spread": (_spread, -3.0, 2.0),
    "share": (_share, -4.0, 4.0),
    "weight": (_weight, -3.0, 3.0),
}


@dataclass(frozen=True)
class Axis:
    r"""A hyperparameter and the coordinate in which its grid is regular.

    ======== ======================================== ==============================================
    support  value at x                               for
    ======== ======================================== ==============================================
    real     :math:`c + s \sinh x`                    a mean: straight where the data tell, compressed far out
    positive :math:`s e^x`                            a standard deviation that the data keep off 0
    spread   :math:`s \exp(x - e^{-x})`               a standard deviation that may be near 0
    share    :math:`1 / (1 + e^{-x})`                 a share
    weight   :math:`1 / (1 + e^{-\pi \sinh(x) / 2})`   a share whose density does not vanish at 0 or 1
    ======== ======================================== ==============================================

    with `centre` c and `scale` s saying where to look first. `peaks`, a centre and a width each in units of the
    hyperparameter, are further places where the density may be high: narrow priors, of which `solve` makes sure that the grid
    has seen them. A spread has a hard edge at 0, where its density may be
    largest. In x the edge is infinitely far, and the density falls off doubly exponentially towards it, so that no node
    lies on the edge and none needs half weight.

    Examples
    --------
    >>> Axis("tau", "spread", scale=2.0).value(np.array([-3.0, 0.0, 3.0])).round(4).tolist()
    [0.0, 0.7358, 38.22]
    """

    name: str
    support: str
    centre: float = 0.0
    scale: float = 1.0
    peaks: tuple[tuple[float, float], ...] = ()

    def value(self, x: FloatArray) -> FloatArray:
        """The hyperparameter at x."""
        return self.both(x)[0]

    def log_slope(self, x: FloatArray) -> FloatArray:
        """Log of the derivative of the hyperparameter at x."""
        return self.both(x)[1]

    def both(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The hyperparameter at x and the log of its derivative."""
        value, log_slope = _MAPS[self.support][0](x)
        return self.centre + self.scale * value, math.log(self.scale) + log_slope

    @property
    def ends(self) -> tuple[float, float]:
        """Between which x to look first."""
        return _MAPS[self.support][1:]
