"""The arrays of a model of several evaluations: what the exact engine, the graph and the checks compute with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.distributions import NORMAL_DF, gamma_nodes
from ...inference.quadrature import Axis
from ...model import Model
from ...priors import Beta, Prior
from .priors import SMALLEST_WEIGHT, MetaPriors, is_point

FloatArray = NDArray[np.float64]
SPREADS = ("tau", "tau_within")
# Weights of a mixture, by its largest, that are left out.
_LEAST = 1e-10


@dataclass(frozen=True, eq=False)
class Problem:
    """K studies, p moderators, J bins of p-values."""

    # Estimates, standard errors and degrees of freedom, (K,)
    y: FloatArray
    se: FloatArray
    df: FloatArray
    columns: FloatArray  # moderators, centred and divided by `sd`, (K, p)
    sd: FloatArray  # their standard deviations, (p,)
    priors: MetaPriors  # without a gap
    pooling: str
    group: NDArray[np.int_] | None = None  # number of each study's group, (K,)
    covariance: FloatArray | None = None  # of the estimates' errors, where it is not diagonal, (K, K)
    direction: float = 1.0  # 1 where higher is favourable (or size counts), -1 where lower is
    bias: FloatArray | None = None  # regressor of PET or PEESE, with the sign of `direction`, (K,)
    bounds: FloatArray | None = (
        None  # estimates (times `direction`) at the cuts of the p-value, decreasing, (K, J - 1)
    )
    two_sided: bool = False  # whether the bins are of the estimate's size

    @property
    def student(self) -> NDArray[np.bool_]:
        """Studies with a Student-t likelihood."""
        return np.asarray(self.df < NORMAL_DF)

    @property
    def bins(self) -> int:
        """Number of bins, 1 without selection."""
        return 1 if self.bounds is None else self.bounds.shape[1] + 1

    @cached_property
    def member(self) -> FloatArray:
        """Studies by groups, 1 for a member."""
        assert self.group is not None
        return np.equal.outer(self.group, np.unique(self.group)).astype(float)

    @property
    def fixed_weights(self) -> FloatArray | None:
        """Stated weights of all bins; None where they are estimated."""
        weight = self.priors.weight
        if self.bounds is None or weight is None or isinstance(weight, Prior):
            return None
        stated = np.broadcast_to(np.asarray(weight, dtype=float), self.bins - 1)
        return np.concatenate([[1.0], np.maximum(stated, SMALLEST_WEIGHT)])

    @property
    def sticks(self) -> list[Prior]:
        """Priors of each bin's weight relative to the bin before; none where they are stated."""
        if self.bounds is None or self.fixed_weights is not None:
            return []
        own, count = self.priors.weight, self.bins - 1
        return [own if isinstance(own, Prior) else Beta(float(count - k), 1.0) for k in range(count)]

    def weights_of(self, sticks: FloatArray) -> FloatArray:
        """Weights of all bins, shape (..., J), from sticks of shape (..., J - 1)."""
        if self.fixed_weights is not None:
            return np.broadcast_to(self.fixed_weights, (*sticks.shape[:-1], self.bins))
        ones = np.ones((*sticks.shape[:-1], 1))
        return np.concatenate([ones, np.cumprod(sticks, axis=-1)], axis=-1)

    def seen(self, estimates: FloatArray) -> FloatArray:
        """Estimates in the direction in which bounds are."""
        return np.asarray(np.abs(estimates) if self.two_sided else self.direction * estimates)

    @property
    def bin(self) -> NDArray[np.int_]:
        """Bin of each study, 0 for the most significant."""
        if self.bounds is None:
            return np.zeros(self.y.size, dtype=int)
        return np.asarray((self.seen(self.y)[:, None] < self.bounds).sum(axis=1))

    def point(self, name: str) -> float | None:
        """The value of a parameter that is a point, or that the model has not; None of one with a distribution."""
        without = {
            "tau": self.pooling == "complete",
            "tau_within": self.group is None or self.pooling == "complete",
            "slope": self.bias is None,
        }
        if without.get(name):
            return 0.0
        prior = getattr(self.priors, name)
        return float(prior) if is_point(prior) else None


class Density:
    """What densities of a `Problem` over hyperparameters share; they have axes in the order of `names`."""

    def __init__(self, problem: Problem, names: list[str]) -> None:
        self.problem, self.names = problem, names

    def column(self, values: FloatArray, name: str) -> FloatArray:
        """A hyperparameter of n nodes, shape (n, 1), its point where it has no axis."""
        if name in self.names:
            return values[:, [self.names.index(name)]]
        return np.full((len(values), 1), self.problem.point(name))

    def spreads(self, values: FloatArray, normal: FloatArray) -> dict[str, FloatArray]:
        """Spreads and slope by name, and a new effect less its mean, from a standard normal value."""
        found = {name: self.column(values, name)[:, 0] for name in (*SPREADS, "slope")}
        return found | {"new": np.hypot(found["tau"], found["tau_within"]) * normal}

    def spread_axis(self, name: str) -> Axis:
        """The axis of a standard deviation of effects, or of a slope."""
        y, scale = self.problem.y, 1.0
        if name == "slope" and self.problem.bias is not None:
            scale = float(np.median(np.abs(self.problem.bias)))
        variance = np.median(self.problem.se**2) + np.median((y - np.median(y)) ** 2)
        return Axis(name, "spread", scale=math.sqrt(variance) / scale)


def problem_of(model: Model) -> Problem:
    """The arrays behind a description."""
    return arrays(model.data, model.priors, model.options)


def arrays(data: xr.Dataset, priors: MetaPriors, options: Mapping[str, Any]) -> Problem:
    """The arrays behind labelled data, priors and options of a description."""
    y, se, df = (data[name].to_numpy() for name in ("estimate", "se", "df"))
    raw = data["moderators"].to_numpy() if "moderators" in data else np.zeros((y.size, 0))
    sd = raw.std(axis=0)
    direction = -1.0 if options["better"] == "lower" else 1.0
    two_sided = options["side"] == "two"
    cut = data["cut"].to_numpy() if "cut" in data else None
    bounds = None if cut is None else bounds_of(cut, se, df, two_sided=two_sided)
    return Problem(
        y=y,
        se=se,
        df=df,
        columns=(raw - raw.mean(axis=0)) / sd,
        sd=sd,
        group=data["group"].to_numpy() if "group" in data else None,
        covariance=data["covariance"].to_numpy() if "covariance" in data else None,
        direction=1.0 if two_sided else direction,
        bias={"pet": direction * se, "peese": direction * se**2}.get(options["selection"]),
        bounds=bounds,
        two_sided=two_sided,
        priors=priors,
        pooling=options["pooling"],
    )


def labelled(model: Model, values: Mapping[str, FloatArray]) -> xr.Dataset:
    """The variables of a description, from their values by name."""
    own = {"effect": "study", "coefficient": "moderator", "weight": "step"}
    found = {
        name: (("sample", own[name]) if name in own else "sample", values[name]) for name in model.variables
    }
    coords = {dim: model.data[dim].to_numpy() for dim in own.values() if dim in model.data.dims}
    return xr.Dataset(found, coords=coords)


def bounds_of(cuts: FloatArray, se: FloatArray, df: FloatArray, *, two_sided: bool) -> FloatArray:
    """Estimates with p-values at the cuts, shape (K, cuts): by each study's own degrees of freedom, where below 100."""
    from scipy.special import ndtri, stdtrit

    tail = np.asarray(cuts) / (2.0 if two_sided else 1.0)
    z = np.where((df < NORMAL_DF)[:, None], stdtrit(df[:, None], 1.0 - tail), ndtri(1.0 - tail))
    return np.asarray(se[:, None] * z)


def share_beyond(mean: Any, sd: Any, bound: Any, two_sided: bool, cdf: Callable[[Any], Any]) -> Any:
    """Probability of an estimate above a bound, or beyond it on either side: of arrays, or of a graph's tensors."""
    above = cdf((mean - bound) / sd)
    return above + cdf((-bound - mean) / sd) if two_sided else above


def bin_shares(
    mean: Any, sd: Any, bounds: FloatArray, two_sided: bool, mass: FloatArray, cdf: Callable[[Any], Any]
) -> list[Any]:
    """Probabilities of the bins of p-values, (..., K) each: means and s.d. (..., K, L) averaged with weights (K, L)."""
    above = []
    for k in range(bounds.shape[1]):
        beyond = share_beyond(mean, sd, bounds[:, k, None], two_sided, cdf)
        above.append(beyond[..., 0] if mass.shape[1] == 1 else (beyond * mass).sum(axis=-1))
    return [high - low for low, high in itertools.pairwise([0.0, *above, 1.0])]


def precision_mixture(df: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Student's t as a mixture of normals with variance :math:`s^2 / \lambda`: nodes and weights, shape (K, L).

    A study with a normal likelihood has all weight on 1.
    """
    one = np.ones(1)
    parts = [gamma_nodes(nu / 2) if nu < NORMAL_DF else (one, one) for nu in df]
    parts = [
        (weight[weight > _LEAST * weight.max()], x[weight > _LEAST * weight.max()]) for weight, x in parts
    ]
    length = max(x.size for _, x in parts)
    nodes, weights = np.ones((df.size, length)), np.zeros((df.size, length))
    for k, (weight, x) in enumerate(parts):
        nodes[k, : x.size], weights[k, : x.size] = x, weight / weight.sum()
    return nodes, weights
