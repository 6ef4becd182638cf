"""Whom does a printed effect convince? The prior that would just overturn it, and the evidence against no effect."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .inputs import require_estimate, require_number, require_tails


@dataclass(frozen=True)
class Credibility:
    """What an estimate and its standard error say to a sceptic; see `reverse_bayes`.

    Attributes
    ----------
    estimate, se : float
        As given.
    prob : float
        Probability that counts as convincing.
    tails : int
        2: the central posterior interval of probability `prob` must exclude 0; 1: the posterior probability of the
        estimate's sign must exceed `prob`.
    z, p : float
        Estimate over standard error, and its p-value (one-tailed: of the tail that the sign points to).
    prob_positive : float
        Posterior probability of an effect above 0 under a flat prior.
    convincing : bool
        Whether a flat prior is convinced; where not, there is nothing for a sceptic to overturn.
    sceptical_sd : float
        Standard deviation of the normal prior around 0 that just overturns the effect; NaN where not convincing.
    sceptical_limit : float
        Scepticism limit: that prior holds effects beyond it (on the estimate's side) for improbable, with
        probability ``(1 - prob) / tails``; it has the sign of the estimate. Who believed in larger effects beforehand may
        be convinced, who did not is not.
    advocacy_limit : float
        Where not convincing: a normal prior that is centred on half of this limit and holds effects below 0 (and beyond the
        limit) for improbable, each with probability ``(1 - prob) / tails``, just makes the effect convincing. NaN where
        convincing, or for an estimate of 0.
    fail_safe_n : float
        How many further evaluations of the same precision, each with an estimate of exactly 0, would overturn the effect
        when all are combined. 0 where not convincing.
    p_intrinsic : float
        p-value for intrinsic credibility.
    intrinsically_credible : bool
        Whether the estimate contradicts even the sceptical prior made from itself.
    bf_normal : float
        Smallest Bayes factor, no effect against some effect, over all normal priors around 0 (tails=1: half-normal, on the
        estimate's side). 1/10 means ten times the evidence for some effect, at most.
    bf_normal_sd : float
        Standard deviation of the prior that attains it; 0 where none does better than no effect.
    bf_simple : float
        Smallest Bayes factor over all alternatives whatever, attained by the estimate itself.
    bf_p : float
        Smallest Bayes factor from the p-value alone, ``-e p log p``; 1 for p above 1/e.
    """

    estimate: float
    se: float
    prob: float
    tails: int
    z: float
    p: float
    prob_positive: float
    convincing: bool
    sceptical_sd: float
    sceptical_limit: float
    advocacy_limit: float
    fail_safe_n: float
    p_intrinsic: float
    intrinsically_credible: bool
    bf_normal: float
    bf_normal_sd: float
    bf_simple: float
    bf_p: float


def reverse_bayes(estimate: float, se: float, *, prob: float = 0.95, tails: int = 2) -> Credibility:
    r"""The sceptical prior that would just overturn an effect, and Bayes factors, from estimate and s.e. alone.

    With the estimate normal around the true effect, :math:`z = \mathrm{estimate} / \mathrm{se}`, and :math:`z_*` the
    normal quantile of what counts as convincing, a prior :math:`N(0, \tau^2)` leaves the posterior on the verge where

    .. math:: \tau^2 = \frac{\mathrm{se}^2}{z^2 / z_*^2 - 1}, \qquad \mathrm{SL} = z_* \tau, \qquad
              N_{fs} = \frac{\mathrm{se}^2}{\tau^2} = \frac{z^2}{z_*^2} - 1

    Such a prior weighs as much as :math:`N_{fs}` evaluations that found exactly nothing, hence the fail-safe number.
    The estimate is intrinsically credible if it is in conflict even with this prior, which holds where
    :math:`|z| > \sqrt2\, z_*`; the p-value for intrinsic credibility is that of :math:`z / \sqrt 2`.

    Parameters
    ----------
    estimate, se : float
        A printed effect and its standard error, in any unit.
    prob : float
        Probability that counts as convincing.
    tails : {2, 1}
        Whether a central interval must exclude 0, or the probability of the sign must exceed `prob`.

    Returns
    -------
    Credibility
        Limits and standard deviations in the unit of the estimate. Bayes factors below 1 speak against no effect.

    Raises
    ------
    DataError
        If a number is not finite or out of its range.

    Notes
    -----
    Scepticism and advocacy limits: Matthews (2018), *Royal Society Open Science* 5, 171047. Intrinsic credibility: Held
    (2019), *Royal Society Open Science* 6, 181534, whose threshold of p < 0.0056 for 95% is reproduced in the tests.
    The fail-safe number is that of Rosenberg (2005), *Evolution* 59, 464-468, for studies of one precision, derived here
    from the sceptical prior. Minimum Bayes factors: Held & Ott (2018), *Annual Review of Statistics and Its
    Application* 5, 393-419; for normal priors :math:`|z|\, e^{(1 - z^2) / 2}` where :math:`|z| > 1`; over all
    alternatives :math:`e^{-z^2/2}`; from the p-value :math:`-e\, p \log p` (Sellke, Bayarri & Berger, 2001, *American
    Statistician* 55, 62-71). The half-normal one has no closed form and is minimised numerically.

    Examples
    --------
    The slope of stretch in Andrews, Downe & Guarneros-Meza (2014), Table 2, as printed, and that of having a target:

    >>> stretch = reverse_bayes(0.651, 0.090)
    >>> round(stretch.sceptical_limit, 3), round(stretch.fail_safe_n, 1), stretch.intrinsically_credible
    (0.05, 12.6, True)
    >>> target = reverse_bayes(0.952, 0.659)
    >>> target.convincing, round(target.prob_positive, 3), round(target.advocacy_limit, 1)
    (False, 0.926, 8.3)
    """
    from scipy import stats

    estimate, se = require_estimate(estimate, se)
    prob = require_number("prob", prob, above=0.5, below=1.0)
    tails = require_tails(tails)
    z, z_star = estimate / se, float(stats.norm.ppf(1 - (1 - prob) / tails))
    convincing = abs(z) > z_star
    fail_safe_n = (z / z_star) ** 2 - 1 if convincing else 0.0
    sd = se / math.sqrt(fail_safe_n) if convincing else math.nan
    p = tails * float(stats.norm.sf(abs(z)))
    best_sd, best = _smallest_bayes_factor(abs(z), tails)
    return Credibility(
        estimate=estimate,
        se=se,
        prob=prob,
        tails=tails,
        z=z,
        p=p,
        prob_positive=float(stats.norm.cdf(z)),
        convincing=convincing,
        sceptical_sd=sd,
        sceptical_limit=math.copysign(z_star * sd, z),
        advocacy_limit=math.nan if convincing else _advocacy_limit(estimate, se, z_star),
        fail_safe_n=fail_safe_n,
        p_intrinsic=tails * float(stats.norm.sf(abs(z) / math.sqrt(2))),
        intrinsically_credible=abs(z) > math.sqrt(2) * z_star,
        bf_normal=best,
        bf_normal_sd=best_sd * se,
        bf_simple=math.exp(-0.5 * z * z),
        bf_p=-math.e * p * math.log(p) if 0 < p < 1 / math.e else float(p > 0),
    )


def bayes_factor(estimate: float, se: float, prior_sd: float, *, tails: int = 2) -> float:
    r"""Bayes factor of no effect against an effect from a normal prior around 0.

    .. math:: \mathrm{BF}_{01} = \sqrt{1 + g}\, \exp\left(-\frac{z^2}{2} \frac{g}{1 + g}\right), \qquad
              g = \frac{\tau^2}{\mathrm{se}^2}

    and with ``tails=1``, for a prior folded to the side of the estimate, divided by
    :math:`2 \Phi(|z| \sqrt{g / (1 + g)})`.

    Parameters
    ----------
    estimate, se : float
        A printed effect and its standard error.
    prior_sd : float
        Standard deviation of the prior of the effect, :math:`\tau`, in the unit of the estimate.
    tails : {2, 1}
        Normal, or half-normal on the side of the estimate.

    Returns
    -------
    float
        Below 1: the data are less probable with no effect.

    Raises
    ------
    DataError
        If a number is not finite or not positive.

    Notes
    -----
    Held & Ott (2018), section 2; the half-normal is the normal one with the density doubled and the other side cut off.

    Examples
    --------
    >>> round(bayes_factor(0.952, 0.659, prior_sd=5.0), 2)
    2.74
    """
    estimate, se = require_estimate(estimate, se)
    return _bayes_factor(
        abs(estimate / se), require_number("prior_sd", prior_sd, above=0.0) / se, require_tails(tails)
    )


def _bayes_factor(z: float, relative_sd: float, tails: int) -> float:
    from scipy import stats

    g = relative_sd**2
    weight = g / (1 + g)
    value = math.sqrt(1 + g) * math.exp(-0.5 * z * z * weight)
    return value if tails == 2 else value / (2 * float(stats.norm.cdf(z * math.sqrt(weight))))


def _smallest_bayes_factor(z: float, tails: int) -> tuple[float, float]:
    """Prior s.d. in standard errors that gives the smallest Bayes factor, and that factor."""
    if tails == 2:
        if z <= 1:
            return 0.0, 1.0
        return math.sqrt(z * z - 1), z * math.exp(0.5 * (1 - z * z))
    from scipy import optimize

    # The half-normal's best spread lies near the estimate's size; the log keeps the search on positive numbers.
    found = optimize.minimize_scalar(
        lambda log_sd: math.log(_bayes_factor(z, math.exp(log_sd), 1)),
        bounds=(math.log(1e-3), math.log(10 * z + 10)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    smallest = math.exp(found.fun)
    return (math.exp(found.x), smallest) if smallest < 1 else (0.0, 1.0)


def _advocacy_limit(estimate: float, se: float, z_star: float) -> float:
    """Matthews' limit for a finding that is not convincing: -(U + L)(U - L)^2 / (2 U L), where L U < 0."""
    low, high = estimate - z_star * se, estimate + z_star * se
    if estimate == 0 or low * high == 0:
        return math.nan
    return -(high + low) * (high - low) ** 2 / (2 * high * low)
