"""What all integrators take and give: hyperparameters with a coordinate on the whole line, and draws of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
# Hyperparameters of shape (S, D) to log densities of shape (S,).
LogDensity = Callable[[FloatArray], FloatArray]
NOT_A_NUMBER = "the exact engine met a density that is not a number; engine 'nuts' may serve"


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
    """A hyperparameter and the coordinate in which its grid is regular; docs/quadrature.md lists what each `support` is for.

    `centre` and `scale` say where to look first. `peaks`, a centre and a width each in units of the hyperparameter, are further places
    where the density may be high: narrow priors, of which `solve` makes sure that the grid has seen them.

    Examples
    --------
    >>> Axis("tau", "spread", scale=2.0).both(np.array([-3.0, 0.0, 3.0]))[0].round(4).tolist()
    [0.0, 0.7358, 38.22]
    """

    name: str
    support: str
    centre: float = 0.0
    scale: float = 1.0
    peaks: tuple[tuple[float, float], ...] = ()

    def both(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The hyperparameter at x and the log of its derivative."""
        value, log_slope = _MAPS[self.support][0](x)
        return self.centre + self.scale * value, math.log(self.scale) + log_slope

    @property
    def ends(self) -> tuple[float, float]:
        """Between which x to look first."""
        return _MAPS[self.support][1:]


def map_axes(axes: Sequence[Axis], x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Hyperparameters at coordinates, both of shape (S, D), and the log volume of them for a unit of x, shape (S,)."""
    parts = [axis.both(x[:, d]) for d, axis in enumerate(axes)]
    return np.stack([value for value, _ in parts], axis=1), np.sum([slope for _, slope in parts], axis=0)


@dataclass(frozen=True)
class Draws:
    """Draws of the hyperparameters by name, their log density `lp` (data included), and how well computing them went.

    `stats` has ``log_evidence``; ``acceptance``, the mean ratio of density to proposal over the largest; ``grid_size``, nodes;
    ``edge_mass``, the share of the mass at the grid's edge; ``refinement_change``, what leaving out every second node changes, in Monte
    Carlo standard errors of as many independent draws.
    """

    values: Mapping[str, FloatArray]
    lp: FloatArray
    stats: Mapping[str, float]

    @staticmethod
    def without_axes(log_density: LogDensity, size: int) -> Draws:
        """Of a density that has no hyperparameters."""
        lp = float(log_density(np.empty((1, 0)))[0])
        known = {"log_evidence": lp, "acceptance": 1.0, "grid_size": 1.0}
        return Draws({}, np.full(size, lp), known | {"edge_mass": 0.0, "refinement_change": 0.0})

    def sample_stats(self) -> xr.Dataset:
        """`lp` with dim ``sample``, and each of `stats`."""
        return xr.Dataset({"lp": ("sample", self.lp), **self.stats})


def change(whole: FloatArray, half: FloatArray) -> float:
    """Largest change of log mass, mean and s.d. (in s.d.) between the masses of all nodes and of every second one."""
    found = []
    for mass, stride in ((whole, 1), (half, 2)):
        weight, place = mass / max(float(mass.sum()), 1e-300), stride * np.arange(mass.size)
        mean = float(weight @ place)
        found.append((mean, math.sqrt(float(weight @ (place - mean) ** 2))))
    (mean, sd), (half_mean, half_sd) = found
    share = float(half.sum() / whole.sum())
    if not (sd > 0 and share > 0):
        return math.inf
    return max(abs(math.log(share)), abs(half_mean - mean) / sd, abs(half_sd / sd - 1.0))


def together(stats: list[xr.Dataset]) -> xr.Dataset:
    """Statistics of independent parts of one posterior: evidence and density add up, the rest is that of the worst part."""
    joint: dict[str, Any] = {"lp": sum(part["lp"] for part in stats)}
    for name in (str(name) for name in stats[0].data_vars if name != "lp"):
        values = [float(part[name]) for part in stats]
        combine = sum if name in ("log_evidence", "grid_size") else min if name == "acceptance" else max
        joint[name] = combine(values)
    return xr.Dataset(joint)
