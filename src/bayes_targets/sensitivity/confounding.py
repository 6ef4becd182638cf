"""Omitted causes: how strong one must be to explain an effect away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import DataError
from .inputs import require_estimate, require_number


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

    Notes
    -----
    Cinelli & Hazlett (2020), Making sense of sensitivity: extending omitted variable bias, *Journal of the Royal
    Statistical Society B* 82, 39-67, sections 4.1 to 4.3.

    Examples
    --------
    Their running example, attitudes after violence in Darfur (Table 1: estimate .097, s.e. .023, df 783):

    >>> darfur = robustness_value(t=0.09731582 / 0.02325654, df=783)
    >>> round(darfur.partial_r2, 3), round(darfur.rv, 3), round(darfur.rv_alpha, 3)
    (0.022, 0.139, 0.076)
    """
    from scipy import stats

    t, df = require_number("t", t), require_number("df", df, above=1.0)
    q = require_number("q", q, above=0.0)
    alpha = require_number("alpha", alpha, above=0.0, below=1.0)
    f = q * abs(t) / math.sqrt(df)
    critical = float(stats.t.isf(alpha / 2, df - 1)) / math.sqrt(df - 1)
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

    Notes
    -----
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

    Notes
    -----
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
    for end in (low, high):
        if end is not None:
            require_number("limit", end, above=0.0)
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

    Notes
    -----
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
    return math.exp(d), math.exp(d - reach), math.exp(d + reach)


def _strength(f: float) -> float:
    return 0.5 * (math.sqrt(f**4 + 4 * f**2) - f**2)


def _e_value(ratio: float) -> float:
    larger = max(ratio, 1 / ratio)
    return larger + math.sqrt(larger * (larger - 1))
