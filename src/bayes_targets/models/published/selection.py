r"""One printed estimate, where print depends on its result.

Suppose that an estimate is printed for certain where it is significant, and otherwise with probability w. Of a true effect
:math:`\theta` the share :math:`A(\theta) = S(\theta) + w (1 - S(\theta))` is then printed, with :math:`S` the probability of
significance, and the estimate that is seen has the density

.. math:: p(b \mid \theta, \mathrm{printed}) = \frac{f(b \mid \theta)\, w(b)}{A(\theta)}

One estimate says nothing about w: it is assumed, and its values are gone through.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
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
    estimate: float,
    se: float,
    prior: Prior,
    weight: float | None,
    *,
    df: float = math.inf,
    level: float = 0.05,
    tails: int = 2,
    side: int = 1,
) -> Line:
    """Posterior of an effect whose estimate was printed for certain if significant, and otherwise with probability `weight`.

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
    require_number("level", level, above=0.0, below=1.0)
    if weight is not None:
        weight = require_number("weight", weight, above=0.0)
        if weight > 1:
            raise DataError(f"weight is {weight!r}, expected a probability above 0 and at most 1")
    error, cut = error_of(se, df), se * t_quantile(1 - level / tails, df)
    cdf = partial(special.stdtr, df) if math.isfinite(df) else special.ndtr
    significant = abs(estimate) > cut if tails == 2 else side * estimate > cut

    def log_density(x: FloatArray) -> FloatArray:
        share = np.clip(share_beyond(side * x, se, cut, tails == 2, cdf), 1e-300, 1.0)
        likelihood = error.logpdf(estimate - x) + prior.logpdf(x)
        return np.asarray(likelihood + _log_print(share, weight, significant=bool(significant)))

    peaks, low, high = peaks_of(prior, estimate, se)
    return integrate_line(log_density, [*peaks, (0.0, se)], low=low, high=high)


def selection_sweep(
    estimate: float,
    se: float,
    prior: Prior,
    *,
    better: str = "higher",
    smallest: float = 0.0,
    df: float = math.inf,
    weights: Sequence[float] = WEIGHTS,
) -> pd.DataFrame:
    """What one printed estimate says under less and less print of what is not significant (two-sided 5%); 95% intervals."""
    side = 1 if better == "higher" else -1
    rows = {}
    for weight in weights:
        found = selected_posterior(estimate, se, prior, weight, df=df, side=side)
        low, high = found.quantile([0.025, 0.975])
        rows[weight] = {
            "mean": found.mean(),
            "low": float(low),
            "high": float(high),
            "prob_better": beyond(found, 0.0, side),
            "prob_worth": beyond(found, smallest, side),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("weight")


def tipping_weight(
    estimate: float, se: float, prior: Prior, *, better: str, df: float = math.inf, prob: float = 0.95
) -> float:
    """The largest probability of print of what is not significant at which P(better) is below `prob`."""
    side = 1 if better == "higher" else -1

    def enough(log_weight: float) -> bool:
        found = selected_posterior(estimate, se, prior, math.exp(log_weight), df=df, side=side)
        return beyond(found, 0.0, side) >= prob

    low, high = math.log(1e-4), 0.0
    if not enough(high):
        return 1.0
    if enough(low):
        return 0.0
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return math.exp(low)


def beyond(found: Line, distance: float, side: int) -> float:
    """Probability of an effect of more than `distance` on one side of none."""
    below = found.probability_below(side * distance)
    return 1.0 - below if side > 0 else below


def _log_print(share: FloatArray, weight: float | None, *, significant: bool) -> FloatArray:
    """Log of the probability of print of what was printed, over that of anything, where a share is significant."""
    if weight is not None:
        return -np.log(share + weight * (1.0 - share))
    # Averaged over weights from 0 to 1.
    rest = np.maximum(1.0 - share, 1e-12)
    log_share = np.log(share)
    averaged = -log_share / rest if significant else (1.0 + share * log_share / rest) / rest
    return np.asarray(np.log(np.maximum(averaged, 1e-300)))
