"""The arrays of a model of several evaluations: what the exact engine, the graph and the checks compute with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model import Model
from ...priors import Beta, Prior
from .priors import SMALLEST_WEIGHT, MetaPriors, is_point

FloatArray = NDArray[np.float64]
# From this many degrees of freedom on the likelihood is normal.
NORMAL_DF = 100.0


@dataclass(frozen=True, eq=False)
class Problem:
    """K studies, p moderators, J bins of p-values.

    Attributes
    ----------
    y, se, df : array of shape (K,)
        Estimates, standard errors and degrees of freedom.
    columns : array of shape (K, p)
        Moderators, centred and divided by `sd`.
    sd : array of shape (p,)
        Their standard deviations.
    group : array of shape (K,) or None
        Number of each study's group.
    covariance : array of shape (K, K) or None
        Of the estimates' errors, where it is not diagonal.
    direction : float
        1 where higher is favourable, -1 where lower is.
    bias : array of shape (K,) or None
        Regressor of PET or PEESE, with the sign of `direction`.
    bounds : array of shape (K, J - 1) or None
        Estimates (times `direction`) at the cuts of the p-value, decreasing.
    two_sided : bool
        Whether the bins are of the estimate's size.
    bin : array of shape (K,)
        Bin of each study, 0 for the most significant.
    priors : MetaPriors
        Without a gap.
    """

    y: FloatArray
    se: FloatArray
    df: FloatArray
    columns: FloatArray
    sd: FloatArray
    group: NDArray[np.int_] | None
    covariance: FloatArray | None
    direction: float
    bias: FloatArray | None
    bounds: FloatArray | None
    two_sided: bool
    bin: NDArray[np.int_]
    priors: MetaPriors
    pooling: str

    @property
    def student(self) -> NDArray[np.bool_]:
        """Studies with a Student-t likelihood."""
        return np.asarray(self.df < NORMAL_DF)

    @property
    def bins(self) -> int:
        """Number of bins, 1 without selection."""
        return 1 if self.bounds is None else self.bounds.shape[1] + 1

    @property
    def fixed_weights(self) -> FloatArray | None:
        """Stated weights of all bins; None where they are estimated."""
        weight = self.priors.weight
        if self.bounds is None or weight is None or isinstance(weight, Prior):
            return None
        stated = np.broadcast_to(np.asarray(weight, dtype=float), self.bins - 1)
        return np.concatenate([[1.0], np.maximum(stated, SMALLEST_WEIGHT)])

    @property
    def sticks(self) -> list[Beta]:
        """Priors of each bin's weight relative to the bin before; none where they are stated."""
        if self.bounds is None or self.fixed_weights is not None:
            return []
        own = self.priors.weight
        count = self.bins - 1
        return [own if isinstance(own, Beta) else Beta(float(count - k), 1.0) for k in range(count)]

    def weights_of(self, sticks: FloatArray) -> FloatArray:
        """Weights of all bins, shape (..., J), from sticks of shape (..., J - 1)."""
        if self.fixed_weights is not None:
            return np.broadcast_to(self.fixed_weights, (*sticks.shape[:-1], self.bins))
        ones = np.ones((*sticks.shape[:-1], 1))
        return np.concatenate([ones, np.cumprod(sticks, axis=-1)], axis=-1)

    def point(self, name: str) -> float | None:
        """The value of a parameter that is a point, None of one with a distribution."""
        if name == "tau" and self.pooling == "complete":
            return 0.0
        if name == "tau_within" and (self.group is None or self.pooling == "complete"):
            return 0.0
        prior = getattr(self.priors, name)
        return float(prior) if is_point(prior) else None


def problem_of(model: Model) -> Problem:
    """The arrays behind a description."""
    data = model.data
    y, se, df = (data[name].to_numpy() for name in ("estimate", "se", "df"))
    columns, sd = np.zeros((y.size, 0)), np.zeros(0)
    if "moderators" in data:
        raw = data["moderators"].to_numpy()
        sd = raw.std(axis=0)
        columns = (raw - raw.mean(axis=0)) / sd
    direction = -1.0 if model.options["better"] == "lower" else 1.0
    selection = model.options["selection"]
    bias = {"pet": direction * se, "peese": direction * se**2}.get(selection)
    bounds, two_sided, place = None, False, np.zeros(y.size, dtype=int)
    if "cut" in data:
        two_sided = model.options["side"] == "two"
        bounds = bounds_of(data["cut"].to_numpy(), se, df, two_sided=two_sided)
        seen = np.abs(y) if two_sided else direction * y
        place = (seen[:, None] < bounds).sum(axis=1)
    return Problem(
        y=y,
        se=se,
        df=df,
        columns=columns,
        sd=sd,
        group=data["group"].to_numpy() if "group" in data else None,
        covariance=data["covariance"].to_numpy() if "covariance" in data else None,
        direction=1.0 if two_sided else direction,
        bias=bias,
        bounds=bounds,
        two_sided=two_sided,
        bin=place,
        priors=model.priors,
        pooling=model.options["pooling"],
    )


def bounds_of(cuts: FloatArray, se: FloatArray, df: FloatArray, *, two_sided: bool) -> FloatArray:
    """Estimates with p-values at the cuts, shape (K, cuts): by each study's own degrees of freedom, where below 100."""
    from scipy.special import ndtri, stdtrit

    tail = np.asarray(cuts) / (2.0 if two_sided else 1.0)
    z = np.where((df < NORMAL_DF)[:, None], stdtrit(df[:, None], 1.0 - tail), ndtri(1.0 - tail))
    return np.asarray(se[:, None] * z)


def precision_mixture(df: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Student's t as a mixture of normals with variance :math:`s^2 / \lambda`: nodes and weights, shape (K, L).

    The trapezoidal rule in :math:`\log \lambda`, where the gamma density and its product with any normal density are smooth
    and fall off exponentially. A study with a normal likelihood has all weight on 1.
    """
    student = df < NORMAL_DF
    if not student.any():
        return np.ones((df.size, 1)), np.ones((df.size, 1))
    parts = []
    for nu in df[student]:
        line = np.linspace(-90.0, 5.0, 9501)
        log_p = 0.5 * nu * (line - np.exp(line) + 1.0)
        inside = line[log_p > -20.0]
        step = 0.55 * min(1.0, math.sqrt(2.0 / nu))
        x = np.arange(inside[0] - 2.0 / (1.0 + nu / 10.0), inside[-1] + step, step)
        weight = np.exp(0.5 * nu * (x - np.exp(x) + 1.0))
        parts.append((np.exp(x), weight / weight.sum()))
    length = max(x.size for x, _ in parts)
    nodes, weights = np.ones((df.size, length)), np.zeros((df.size, length))
    weights[~student, 0] = 1.0
    for k, (x, weight) in zip(np.flatnonzero(student), parts, strict=True):
        nodes[k, : x.size], weights[k, : x.size] = x, weight
    return nodes, weights
