"""Whom a printed effect convinces, how much evidence it is, and how strong an omitted cause must be to explain it away."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import DataError, require_count, require_number
from ..inference.distributions import t_quantile
from .estimate import (
    FloatArray,
    below,
    likelihood_nodes,
    require_df,
    require_estimate,
    require_size,
    require_tails,
)


@dataclass(frozen=True)
class Credibility:
    """What an estimate and its standard error say to a sceptic; see `reverse_bayes`.

    Attributes
    ----------
    estimate, se : float
        As given.
    df : float or None
        Degrees of freedom of the standard error; None where the likelihood is normal.
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
        Smallest Bayes factor over all alternatives, attained by the estimate itself.
    bf_p : float
        Smallest Bayes factor from the p-value alone, ``-e p log p``; 1 for p above 1/e.
    """

    estimate: float
    se: float
    df: float | None
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


def reverse_bayes(
    estimate: float, se: float, *, prob: float = 0.95, tails: int = 2, df: float | None = None
) -> Credibility:
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
    df : float, optional
        Degrees of freedom of the standard error. The estimate is then Student's t around the true effect, and every answer is
        found numerically from that exact likelihood; of several spreads that leave the posterior on the verge, the
        narrowest is reported.

    Returns
    -------
    Credibility
        Limits and standard deviations in the unit of the estimate. Bayes factors below 1 speak against no effect.

    Raises
    ------
    DataError
        If a number is not finite or out of its range.

    References
    ----------
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
    estimate, se = require_estimate(estimate, se)
    prob = require_number("prob", prob, above=0.5, below=1.0)
    tails, df = require_tails(tails), require_df(df)
    z, needed = estimate / se, 1 - (1 - prob) / tails
    convincing = abs(z) > t_quantile(needed, df)
    sd = _sceptical_sd(abs(z), needed, df) if convincing else math.nan
    p = tails * below(-abs(z), df)
    p_intrinsic = _intrinsic_p(abs(z), tails, df)
    best_sd, best = _smallest_bayes_factor(abs(z), tails, df)
    return Credibility(
        estimate=estimate,
        se=se,
        df=df,
        prob=prob,
        tails=tails,
        z=z,
        p=p,
        prob_positive=below(z, df),
        convincing=convincing,
        sceptical_sd=sd * se,
        sceptical_limit=math.copysign(t_quantile(needed) * sd * se, z),
        advocacy_limit=math.nan if convincing else _advocacy_limit(z, needed, df) * se,
        fail_safe_n=sd**-2 if convincing else 0.0,
        p_intrinsic=p_intrinsic,
        intrinsically_credible=p_intrinsic < 1 - prob,
        bf_normal=best,
        bf_normal_sd=best_sd * se,
        bf_simple=math.exp(-0.5 * z * z)
        if df is None
        else math.exp(-0.5 * (df + 1) * math.log1p(z * z / df)),
        bf_p=-math.e * p * math.log(p) if 0 < p < 1 / math.e else float(p > 0),
    )


def bayes_factor(
    estimate: float,
    se: float,
    prior_sd: float | None = None,
    *,
    hoped: float | None = None,
    n: int | None = None,
    tails: int = 2,
    df: float | None = None,
) -> float:
    r"""Bayes factor of no effect against an effect from a normal prior around 0.

    .. math:: \mathrm{BF}_{01} = \sqrt{1 + g}\, \exp\left(-\frac{z^2}{2} \frac{g}{1 + g}\right), \qquad
              g = \frac{\tau^2}{\mathrm{se}^2}

    and with ``tails=1``, for a prior folded to the side of the estimate, divided by
    :math:`2 \Phi(|z| \sqrt{g / (1 + g)})`. ArviZ's `bayes_factor` is another thing: the density ratio at a point of a
    posterior that was sampled.

    Parameters
    ----------
    estimate, se : float
        A printed effect and its standard error.
    prior_sd : float, optional
        Standard deviation of the prior of the effect, :math:`\tau`, in the unit of the estimate. A Bayes factor has no default
        for it: without it `hoped` or `n` must be given.
    hoped : float, optional
        The effect that was hoped for: the prior's standard deviation is five times that.
    n : int, optional
        Number of cases: the prior is as wide as one case is informative, ``se * sqrt(n)``.
    tails : {2, 1}
        Normal, or half-normal on the side of the estimate.
    df : float, optional
        Degrees of freedom of the standard error: the estimate is then Student's t around the effect.

    Returns
    -------
    float
        Below 1: the data are less probable with no effect.

    Raises
    ------
    DataError
        If a number is not finite or not positive, or nothing says how wide the prior is.

    References
    ----------
    Held & Ott (2018), *Annual Review of Statistics and Its Application* 5, 393-419, section 2; the half-normal is the normal
    prior with the density doubled and the other side cut off. Unit information: Kass & Wasserman (1995), *Journal of the
    American Statistical Association* 90, 928-934.

    Examples
    --------
    >>> round(bayes_factor(0.952, 0.659, prior_sd=5.0), 2)
    2.74
    >>> round(bayes_factor(0.952, 0.659, n=150), 2)
    4.36
    """
    estimate, se = require_estimate(estimate, se)
    if sum(given is None for given in (prior_sd, hoped, n)) != 2:
        raise DataError(
            "prior_sd is not given, expected one of prior_sd (in the unit of the estimate), hoped (the effect that was hoped "
            "for) or n (number of cases): a Bayes factor depends on how large effects are expected to be"
        )
    if n is not None:
        prior_sd = se * math.sqrt(require_number("n", require_count("n", n, 2), below=1e15))
    elif hoped is not None:
        prior_sd = 5 * abs(require_number("hoped", hoped))
    width = require_size("prior_sd" if hoped is None else "hoped", prior_sd)
    log = _log_bayes_factor(abs(estimate / se), width / se, require_tails(tails), require_df(df))
    return math.exp(log) if log < 709 else math.inf


def _log_bayes_factor(z: float, relative_sd: float, tails: int, df: float | None) -> float:
    """Log Bayes factor of no effect; a t likelihood is a mixture of normal ones."""
    weights, precisions = likelihood_nodes(df)
    g = precisions * relative_sd**2
    log_null = np.log(weights) + 0.5 * np.log(precisions) - 0.5 * z * z * precisions
    # ratio of the marginal density to that of no effect, node by node
    weight = g / (1 + g)
    log_gain = 0.5 * z * z * precisions * weight - 0.5 * np.log1p(g)
    if tails == 1:
        from scipy import special

        log_gain = log_gain + math.log(2) + special.log_ndtr(z * np.sqrt(precisions * weight))
    return float(np.logaddexp.reduce(log_null) - np.logaddexp.reduce(log_null + log_gain))


def _smallest_bayes_factor(z: float, tails: int, df: float | None) -> tuple[float, float]:
    """Prior s.d. in standard errors that gives the smallest Bayes factor, and that factor."""
    if tails == 2 and df is None:
        if z <= 1:
            return 0.0, 1.0
        return math.sqrt((z - 1) * (z + 1)), z * math.exp(0.5 * (1 - z * z))
    from scipy import optimize

    # The best spread lies near the estimate's size; the log keeps the search on positive numbers.
    found = optimize.minimize_scalar(
        lambda log_sd: _log_bayes_factor(z, math.exp(log_sd), tails, df),
        bounds=(math.log(1e-3), math.log(10 * z + 10)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return (math.exp(found.x), math.exp(found.fun)) if found.fun < 0 else (0.0, 1.0)


def _sure_of_sign(z: float, means: FloatArray, sds: FloatArray, df: float) -> FloatArray:
    """Posterior probability of an effect above 0 under normal priors, with a t likelihood, all in standard errors."""
    from scipy import special

    weights, precisions = likelihood_nodes(df)
    variance = sds[:, None] ** 2 + 1 / precisions
    log_joint = np.log(weights) - 0.5 * (np.log(variance) + (z - means[:, None]) ** 2 / variance)
    share = sds[:, None] ** 2 / variance
    centre, spread = means[:, None] + share * (z - means[:, None]), np.sqrt(share / precisions)
    joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return np.asarray((joint * special.ndtr(centre / spread)).sum(axis=1) / joint.sum(axis=1))


def _sceptical_sd(z: float, needed: float, df: float | None) -> float:
    """Spread, in standard errors, of the narrowest prior around 0 that lets the effect convince."""
    if df is None:
        z_star = t_quantile(needed)
        return z_star / math.sqrt((z - z_star) * (z + z_star))
    root = _first_root(lambda sds: _sure_of_sign(z, 0.0 * sds, sds, df) - needed)
    return math.inf if math.isnan(root) else root


def _advocacy_limit(z: float, needed: float, df: float | None) -> float:
    """Matthews' limit for a finding that is not convincing, in standard errors, with the sign of z.

    With a normal likelihood it is -(U + L)(U - L)^2 / (2 U L), where L U < 0.
    """
    z_star = t_quantile(needed)
    if z == 0:
        return math.nan
    if df is None:
        low, high = z - z_star, z + z_star
        return math.nan if low * high == 0 else -(high + low) * (high - low) ** 2 / (2 * high * low)
    limit = _first_root(lambda x: needed - _sure_of_sign(abs(z), x / 2, x / 2 / z_star, df))
    return math.copysign(limit, z)


def _intrinsic_p(z: float, tails: int, df: float | None) -> float:
    """Level at which the estimate is just in conflict with the sceptical prior made from itself."""
    if df is None:
        return tails * below(-z / math.sqrt(2))
    from scipy import optimize, special

    weights, precisions = likelihood_nodes(df)

    def excess(log_level: float) -> float:
        level = math.exp(log_level)
        sd = _sceptical_sd(z, 1 - level / tails, df)
        conflict = tails * float(weights @ special.ndtr(-z / np.sqrt(1 / precisions + sd**2)))
        return conflict - level

    largest, smallest = tails / 2, tails * below(-z, df)
    levels = np.geomspace(smallest, largest, 20)[1:-1] if smallest > 0 else np.empty(0)
    inside = [k for k, level in enumerate(levels) if excess(math.log(level)) <= 0]
    if not inside or inside[0] == 0:
        return largest if not inside else float(levels[0])
    ends = [math.log(levels[k]) for k in (inside[0] - 1, inside[0])]
    return math.exp(optimize.brentq(excess, *ends, xtol=1e-9))


def _first_root(function: Callable[[FloatArray], FloatArray]) -> float:
    """The first place on a logarithmic grid where a function that starts below 0 reaches it; NaN where none does."""
    from scipy import optimize

    grid = np.geomspace(1e-3, 1e6, 80)
    above = np.flatnonzero(function(grid) >= 0)
    if not above.size:
        return math.nan
    if above[0] == 0:
        return float(grid[0])
    ends = grid[above[0] - 1 : above[0] + 1]
    return float(optimize.brentq(lambda x: float(function(np.array([x]))[0]), *ends, rtol=1e-12))


@dataclass(frozen=True)
class Robustness:
    """How strong an omitted cause must be; see `robustness_value`. Shares of variance, from 0 to 1.

    Attributes
    ----------
    t, df : float
        As given.
    q, alpha : float
        As given.
    partial_r2 : float
        Share of the outcome's residual variance that the predictor explains. Also: a confounder that explained *all* of the
        outcome's residual variance would have to explain this share of the predictor's to bring the effect to 0.
    rv : float
        Robustness value: an omitted cause that explains this share of the residual variance of the predictor *and* of the
        outcome brings the estimate down by the share q; a weaker one does not.
    rv_alpha : float
        The same for bringing it down so far that it is no longer significant at alpha (two-tailed).
    """

    t: float
    df: float
    q: float
    alpha: float
    partial_r2: float
    rv: float
    rv_alpha: float


@dataclass(frozen=True)
class Adjusted:
    """An effect as it would be with a confounder of stated strength accounted for; see `confounder_bounds`.

    Attributes
    ----------
    r2_treatment, r2_outcome : float
        Share of the residual variance of the predictor, and of the outcome, that the confounder explains.
    estimate, se, t : float
        Estimate, standard error and t with the confounder accounted for.
    """

    r2_treatment: float
    r2_outcome: float
    estimate: float
    se: float
    t: float


@dataclass(frozen=True)
class EValue:
    """How strong, as risk ratios, a confounder must be; see `e_value`.

    Attributes
    ----------
    ratio : float
        The risk ratio that is to be explained away.
    point : float
        E-value of the ratio.
    limit : float
        E-value of the confidence limit nearer to 1; 1 where the interval holds 1, NaN where none is given.
    """

    ratio: float
    point: float
    limit: float


def robustness_value(t: float, df: float, *, q: float = 1.0, alpha: float = 0.05) -> Robustness:
    r"""How strong an omitted cause must be to explain away the slope of a linear regression.

    With :math:`f = |t| / \sqrt{df}`, :math:`f_q = q f` and :math:`f_* = t_{\alpha/2, df-1} / \sqrt{df - 1}`,

    .. math:: R^2 = \frac{t^2}{t^2 + df}, \quad RV_q = \tfrac12 \left(\sqrt{f_q^4 + 4 f_q^2} - f_q^2\right), \quad
              RV_{q,\alpha}: \; f_q \to f_q - f_*

    and :math:`RV_{q,\alpha} = 0` where :math:`f_q < f_*`, and :math:`(f_q^2 - f_*^2) / (1 + f_q^2)` where
    :math:`f_q > 1 / f_*`.

    Parameters
    ----------
    t : float
        t statistic of the slope. The algebra is that of the *classical* standard error. With a printed robust standard
        error the numbers are those of a regression whose classical standard error had that size: `partial_r2` then is not
        exactly the R² that the predictor adds, but the reading (as strong as this, compared with what sampling error
        allows) stays. Where the added R² is printed as well, compare the two.
    df : float
        Residual degrees of freedom.
    q : float
        Share of the estimate that is to be explained away; 1 is all of it.
    alpha : float
        Level of the two-tailed test for `rv_alpha`.

    Returns
    -------
    Robustness

    Raises
    ------
    DataError
        If a number is not finite or out of its range.

    References
    ----------
    Cinelli & Hazlett (2020), Making sense of sensitivity: extending omitted variable bias, *Journal of the Royal
    Statistical Society B* 82, 39-67, sections 4.1 to 4.3.

    Examples
    --------
    Their running example, attitudes after violence in Darfur (Table 1: estimate .097, s.e. .023, df 783):

    >>> darfur = robustness_value(t=0.09731582 / 0.02325654, df=783)
    >>> round(darfur.partial_r2, 3), round(darfur.rv, 3), round(darfur.rv_alpha, 3)
    (0.022, 0.139, 0.076)
    """
    t = require_number("t", require_number("t", t), above=-1e100, below=1e100)
    df = require_number("df", df, above=1.0)
    q = require_size("q", q)
    alpha = require_number("alpha", alpha, above=0.0, below=1.0)
    f = q * abs(t) / math.sqrt(df)
    critical = -t_quantile(alpha / 2, df - 1) / math.sqrt(df - 1)
    if f <= critical:
        rv_alpha = 0.0
    elif f >= 1 / critical:
        rv_alpha = (f**2 - critical**2) / (1 + f**2)
    else:
        rv_alpha = _strength(f - critical)
    return Robustness(t, df, q, alpha, t * t / (t * t + df), _strength(f), rv_alpha)


def confounder_bounds(
    estimate: float,
    se: float,
    df: float,
    *,
    benchmark_outcome: float,
    benchmark_treatment: float | None = None,
    times: float = 1.0,
) -> Adjusted:
    """The effect with an omitted cause accounted for that is `times` as strong as a measured one.

    Parameters
    ----------
    estimate, se : float
        The printed slope and its standard error.
    df : float
        Residual degrees of freedom.
    benchmark_outcome : float
        Partial R² of a measured covariate with the outcome: from its printed t, ``t**2 / (t**2 + df)``.
    benchmark_treatment : float, optional
        Partial R² of that covariate with the predictor of interest, other covariates given. A table of outcomes does not
        print it; without one it is taken to be as large as `benchmark_outcome`.
    times : float
        How many times as strong as the covariate, both for the predictor and for the outcome.

    Returns
    -------
    Adjusted
        The largest move towards 0 (or beyond) that such a confounder can make.

    Raises
    ------
    DataError
        If a number is out of range, or no confounder can be as strong as that.

    References
    ----------
    Cinelli & Hazlett (2020), section 4.4 and its appendix; the shares of the three rows of their Darfur example ("1x, 2x,
    3x female") are in the tests.

    Examples
    --------
    >>> twice = confounder_bounds(0.952, 0.659, 137, benchmark_outcome=0.0428, times=2)
    >>> round(twice.estimate, 2), round(twice.t, 2)
    (0.19, 0.3)
    """
    estimate, se = require_estimate(estimate, se)
    df = require_number("df", df, above=1.0)
    outcome = require_number("benchmark_outcome", benchmark_outcome, above=-1e-300, below=1.0)
    given = outcome if benchmark_treatment is None else benchmark_treatment
    treatment = require_number("benchmark_treatment", given, above=-1e-300, below=1.0)
    times = require_number("times", times, above=0.0)
    r2_treatment = times * treatment / (1 - treatment)
    if r2_treatment >= 1 or times * treatment >= 1:
        raise DataError(
            f"times is {times:g}: a confounder that strong would explain more than all of the predictor; "
            f"expected less than {(1 - treatment) / treatment:g}"
        )
    both = times * treatment**2 / ((1 - times * treatment) * (1 - treatment))
    r2_outcome = ((math.sqrt(times) + math.sqrt(both)) ** 2 / (1 - both)) * outcome / (1 - outcome)
    if r2_outcome >= 1:
        raise DataError(
            f"times is {times:g}: a confounder that strong would explain more than all of the outcome, expected less"
        )
    bias = se * math.sqrt(df) * math.sqrt(r2_outcome * r2_treatment / (1 - r2_treatment))
    left = math.copysign(1.0, estimate) * (abs(estimate) - bias)
    adjusted_se = se * math.sqrt((1 - r2_outcome) / (1 - r2_treatment) * df / (df - 1))
    return Adjusted(r2_treatment, r2_outcome, left, adjusted_se, left / adjusted_se)


def e_value(ratio: float, low: float | None = None, high: float | None = None) -> EValue:
    r"""The smallest association, as a risk ratio, with which a confounder could explain a risk ratio away.

    .. math:: E = RR + \sqrt{RR\,(RR - 1)}

    for a ratio of at least 1, and of one over it otherwise. The confounder must have this ratio with the exposure *and* with
    the outcome.

    Parameters
    ----------
    ratio : float
        Risk ratio, or what `approximate_risk_ratio` gives for a difference of means.
    low, high : float, optional
        Its confidence limits.

    Returns
    -------
    EValue

    Raises
    ------
    DataError
        If a ratio is not above 0, or the limits do not hold the ratio between them.

    References
    ----------
    VanderWeele & Ding (2017), Sensitivity analysis in observational research: introducing the E-value, *Annals of
    Internal Medicine* 167, 268-274.

    Examples
    --------
    Their first example, breast-feeding and deaths from respiratory infection, RR 3.9 (95% CI 1.8 to 8.7):

    >>> found = e_value(3.9, 1.8, 8.7)
    >>> round(found.point, 2), round(found.limit, 1)
    (7.26, 3.0)
    """
    ratio = require_number("ratio", ratio, above=0.0)
    low, high = (None if end is None else require_number("limit", end, above=0.0) for end in (low, high))
    if (low is not None and low > ratio) or (high is not None and high < ratio):
        raise DataError(f"ratio is {ratio:g}, expected it between the limits {low!r} and {high!r}")
    near = low if ratio >= 1 else high
    if near is None:
        limit = math.nan
    else:
        limit = 1.0 if near <= 1 <= ratio or ratio <= 1 <= near else _e_value(near)
    return EValue(ratio, _e_value(ratio), limit)


def approximate_risk_ratio(
    estimate: float, se: float, sd: float, *, step: float = 1.0
) -> tuple[float, float, float]:
    r"""The risk ratio that a difference of means, or a slope, comes to approximately, with 95% limits.

    .. math:: d = \mathrm{step} \cdot \mathrm{estimate} / \mathrm{sd}, \qquad
              RR \approx e^{0.91 d}, \quad e^{0.91 d \pm 1.78 s_d}

    Parameters
    ----------
    estimate, se : float
        Difference of means or slope, and its standard error, in the unit of the outcome.
    sd : float
        Standard deviation of the outcome.
    step : float
        By how much the predictor is moved; 1 for a 0/1 predictor.

    Returns
    -------
    tuple of float
        Ratio, lower and upper limit, as `e_value` takes them.

    Raises
    ------
    DataError
        If a number is not finite or not positive.

    References
    ----------
    VanderWeele & Ding (2017), table of approximations: it holds for an outcome that is about normal and cut anywhere but
    far out. For a slope that is small beside the outcome's standard deviation it is rough; the robustness value needs no
    such step.

    Examples
    --------
    >>> [round(x, 2) for x in approximate_risk_ratio(0.952, 0.659, sd=4.3)]
    [1.22, 0.93, 1.61]
    """
    estimate, se = require_estimate(estimate, se)
    unit = require_number("step", step, above=0.0) / require_number("sd", sd, above=0.0)
    d, reach = 0.91 * unit * estimate, 1.78 * unit * se
    if abs(d) + reach > 700:
        raise DataError(
            f"estimate is {estimate:g} with an s.d. of {sd:g}: such a difference has no risk ratio that could be written"
        )
    return math.exp(d), math.exp(d - reach), math.exp(d + reach)


def _strength(f: float) -> float:
    return 2 * f / (math.sqrt(f**2 + 4) + f)


def _e_value(ratio: float) -> float:
    larger = max(ratio, 1 / ratio)
    return larger + math.sqrt(larger * (larger - 1))
