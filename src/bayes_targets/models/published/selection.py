r"""One printed estimate, where print depends on its result.

Suppose that an estimate is printed for certain where it is significant, and otherwise with probability w. Of a true effect
:math:`\theta` the share :math:`A(\theta) = S(\theta) + w (1 - S(\theta))` is then printed, with :math:`S` the probability of
significance, and the estimate that is seen has the density

.. math:: p(b \mid \theta, \mathrm{printed}) = \frac{f(b \mid \theta)\, w(b)}{A(\theta)}

One estimate says nothing about w: it is assumed, and its values are gone through.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, require_number
from ...inference.distributions import t_quantile
from ...inference.quadrature.line import Line, integrate_line
from ...priors import Prior
from ..meta.problem import share_beyond
from .exact import error_of
from .priors import peaks_of

FloatArray = NDArray[np.float64]
WEIGHTS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)


def selected_posterior(
    estimate: float, se: float, prior: Prior, weight: float, *, df: float = math.inf
) -> Line:
    """Posterior of an effect whose estimate was printed for certain if significant (two-sided 5%), else with probability `weight`.

    References
    ----------
    Hedges (1992), Modeling publication selection effects in meta-analysis, *Statistical Science* 7, 246-255, for one study.

    Examples
    --------
    >>> from bayes_targets.priors import Normal
    >>> [round(selected_posterior(0.5, 0.2, Normal(0, 2), w).mean(), 4) for w in (1.0, 0.1, 0.01)]
    [0.495, 0.3908, 0.3429]
    """
    from scipy import special

    estimate, se = require_number("estimate", estimate), require_number("se", se, above=0.0)
    if not 0 < require_number("weight", weight) <= 1:
        raise DataError(f"weight is {weight!r}, expected a probability above 0 and at most 1")
    error, cut = error_of(se, df), se * t_quantile(0.975, df)
    cdf = partial(special.stdtr, df) if math.isfinite(df) else special.ndtr

    def log_density(x: FloatArray) -> FloatArray:
        share = np.clip(share_beyond(x, se, cut, True, cdf), 1e-300, 1.0)
        likelihood = error.logpdf(estimate - x) + prior.logpdf(x)
        return np.asarray(likelihood - np.log(share + weight * (1.0 - share)))

    peaks, low, high = peaks_of(prior, estimate, se)
    return integrate_line(log_density, [*peaks, (0.0, se)], low=low, high=high)


def selected_prob_better(
    estimate: float, se: float, prior: Prior, weight: float, *, side: int, df: float = math.inf
) -> float:
    """Probability of an effect on the favourable side, 1 or -1, under such a selection."""
    below = selected_posterior(estimate, se, prior, weight, df=df).probability_below(0.0)
    return 1.0 - below if side > 0 else below


def tipping_weight(
    estimate: float, se: float, prior: Prior, *, side: int, df: float = math.inf, prob: float = 0.95
) -> float:
    """The largest probability of print of what is not significant at which P(better) is below `prob`."""

    def enough(log_weight: float) -> bool:
        return selected_prob_better(estimate, se, prior, math.exp(log_weight), side=side, df=df) >= prob

    low, high = math.log(1e-4), 0.0
    if not enough(high):
        return 1.0
    if enough(low):
        return 0.0
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return math.exp(low)
