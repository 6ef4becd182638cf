"""Priors of printed estimates: none has a unit of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, require_count, require_number
from ...model import Model
from ...priors import Beta, Flat, HalfNormal, Normal, Prior, require_prior, require_spread_prior
from ..meta.priors import WIDE, default_widths

FloatArray = NDArray[np.float64]
# Ends of supports.
_ENDS = {"real": (-math.inf, math.inf), "positive": (0.0, math.inf), "share": (0.0, 1.0)}


@dataclass(frozen=True)
class PublishedPriors:
    """Priors of `published_model`; what is None is taken from the table, see there.

    Attributes
    ----------
    effect : Prior or None
        Effect of a term that is not pooled: change of the outcome for one `scale` of its predictor (one standard deviation,
        or from 0 to 1), or for one unit where the table has no column ``scale``.
    mu : Prior or None
        Mean of pooled terms that have no shared reference.
    tau : Prior or None
        Standard deviation of the pooled terms' true values: a distribution on numbers of 0 or more, proper unless it is
        `HalfFlat` and there are terms enough.
    reference_share : Prior
        Sampling variance of the shared reference category, as a share of the smallest printed variance of a contrast with
        it. A table does not print it; with n cases of the category and m of the reference it is about ``n / (n + m)``,
        which ``Beta(2, 2)`` covers for any two sizes of the same order.

    Examples
    --------
    >>> print(PublishedPriors(tau=HalfNormal(1.0)).tau)
    HalfNormal(1)
    """

    effect: Prior | None = None
    mu: Prior | None = None
    tau: Prior | None = None
    reference_share: Prior = Beta(2.0, 2.0)


@dataclass(frozen=True)
class UnitInformation(Prior):
    """Normal around 0 that weighs as much as one of the n cases: s.d. of each term its standard error times the root of n."""

    n: float

    def __str__(self) -> str:
        return f"Normal(0, s.e. × √{self.n:g})"

    def for_term(self, estimate: float, se: float) -> Normal:
        """The prior of one term."""
        return Normal(0.0, se * math.sqrt(self.n))


@dataclass(frozen=True)
class Wide(Prior):
    """Normal around 0, a thousand times as wide as the estimate and its standard error: it shrinks nothing."""

    times: float = WIDE

    def __str__(self) -> str:
        return f"Normal(0, {self.times:,.0f} × √(estimate² + s.e.²))"

    def for_term(self, estimate: float, se: float) -> Normal:
        """The prior of one term."""
        return Normal(0.0, self.times * math.hypot(estimate, se))


def resolved(
    given: PublishedPriors | None,
    *,
    hoped: float | None,
    n: int | None,
    estimate: FloatArray,
    se: FloatArray,
) -> tuple[PublishedPriors, str]:
    """Priors without a gap, and where those that were not given come from."""
    priors = PublishedPriors() if given is None else given
    for name, support in (("effect", "real"), ("mu", "real"), ("tau", "positive")):
        if getattr(priors, name) is not None:
            require_prior(name, getattr(priors, name), support)
    require_prior("reference_share", priors.reference_share, "share", proper=True)
    if hoped is not None:
        hoped = abs(require_number("hoped", hoped))
        if hoped == 0:
            raise DataError("hoped is 0, expected the size of the effect that was hoped for")
    source, spread, tau = default_widths(hoped, estimate, se)
    effect: Prior = Wide() if hoped is None else Normal(0.0, spread)
    if hoped is None and n is not None:
        effect = UnitInformation(float(require_count("n", n, 2)))
        source, spread = "n", float(np.sqrt(n * np.mean(se**2)))
        tau = 0.5 * spread
    filled = replace(
        priors,
        effect=priors.effect or effect,
        mu=priors.mu or Normal(0.0, spread),
        tau=priors.tau or HalfNormal(tau),
    )
    assert filled.mu is not None
    require_spread_prior("tau", filled.tau, estimate.size, int(not filled.mu.proper))
    return filled, source if priors.effect is None else "given"


def term_prior(prior: Prior, estimate: float, se: float, *, flat: bool = False) -> Prior:
    """The prior of one term: that of all terms, or what its own estimate and standard error make of it."""
    if flat:
        return Flat()
    return prior.for_term(estimate, se) if isinstance(prior, UnitInformation | Wide) else prior


def moments_of(prior: Prior) -> tuple[float, float]:
    """Mean and s.d. of a normal or Student-t prior; NaN where there is none, or of another family."""
    mu, sigma, nu = (getattr(prior, name, math.nan) for name in ("mu", "sigma", "nu"))
    if math.isnan(mu):
        return math.nan, math.nan
    if not math.isnan(nu):
        sigma = sigma * math.sqrt(nu / (nu - 2)) if nu > 2 else math.inf
    return mu, sigma


def prior_conflict(model: Model) -> dict[str, float]:
    """How far each printed estimate lies from its prior mean: in roots of the summed variances of prior and estimate."""
    data = model.data
    distance = abs(data["estimate"] - data["prior_mean"]) / (data["se"] ** 2 + data["prior_sd"] ** 2) ** 0.5
    told = zip(data["term"].to_numpy(), distance.to_numpy(), strict=True)
    return {str(term): float(value) for term, value in told if math.isfinite(value)}


def peaks_of(prior: Prior, estimate: float, se: float) -> tuple[list[tuple[float, float]], float, float]:
    """Where the posterior of an effect may have a peak, each with a width, and the ends of the prior's support."""
    low, high = _ENDS[prior.support]
    if isinstance(prior, Flat):
        return [(estimate, se)], low, high
    width: float = getattr(prior, "sigma", None) or getattr(prior, "beta", None) or se
    if hasattr(prior, "lam"):
        width = 1.0 / prior.lam
    return [(estimate, se), (getattr(prior, "mu", 0.0), width)], low, high
