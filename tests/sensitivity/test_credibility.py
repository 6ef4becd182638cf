"""Reverse-Bayes, Bayes factors, robustness values and E-values against published examples and closed forms."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import bayes_targets as bt
from bayes_targets.sensitivity import approximate_risk_ratio, confounder_bounds


def z_of(p, tails=2):
    return float(stats.norm.isf(p / tails))


def posterior(estimate, se, mean, sd):
    precision = se**-2 + sd**-2
    return (estimate / se**2 + mean / sd**2) / precision, precision**-0.5


@pytest.mark.parametrize(("tails", "prob"), [(2, 0.95), (1, 0.95), (2, 0.8), (1, 0.99)])
@pytest.mark.parametrize("estimate", [0.651, -0.4])
def test_the_sceptical_prior_leaves_the_posterior_just_on_the_verge(estimate, tails, prob):
    found = bt.reverse_bayes(estimate, 0.09, prob=prob, tails=tails)
    mean, sd = posterior(estimate, 0.09, 0.0, found.sceptical_sd)
    assert tails * stats.norm.sf(abs(mean) / sd) == pytest.approx(1 - prob)
    assert stats.norm.sf(abs(found.sceptical_limit) / found.sceptical_sd) == pytest.approx((1 - prob) / tails)
    assert math.copysign(1, found.sceptical_limit) == math.copysign(1, estimate)


@pytest.mark.parametrize("tails", [1, 2])
def test_the_advocate_s_prior_just_convinces(tails):
    found = bt.reverse_bayes(0.952, 0.659, tails=tails)
    centre = found.advocacy_limit / 2
    sd = centre / stats.norm.isf(0.05 / tails)
    mean, spread = posterior(0.952, 0.659, centre, sd)
    assert tails * stats.norm.sf(mean / spread) == pytest.approx(0.05)
    assert not found.convincing and math.isnan(found.sceptical_sd) and found.fail_safe_n == 0


def test_matthews_salmonella_example():
    """Matthews (2019, The American Statistician 73, 202-212): OR 2.03 (1.03 to 4.00) convinces only who believed in 10."""
    low, high = math.log(1.03), math.log(4.00)
    found = bt.reverse_bayes((low + high) / 2, (high - low) / (2 * stats.norm.isf(0.025)))
    assert math.exp(found.sceptical_limit) == pytest.approx(10, abs=0.5)
    assert found.sceptical_limit == pytest.approx((high - low) ** 2 / (4 * math.sqrt(high * low)))


def test_held_s_threshold_of_intrinsic_credibility():
    """Held (2019), abstract: p < .0056 at 95%, which is a ratio of the interval's ends of at most 5.8."""
    assert bt.reverse_bayes(z_of(0.0055), 1.0).intrinsically_credible
    assert not bt.reverse_bayes(z_of(0.0057), 1.0).intrinsically_credible
    assert bt.reverse_bayes(z_of(0.0056), 1.0).p_intrinsic == pytest.approx(0.05, abs=2e-4)
    edge, reach = math.sqrt(2) * z_of(0.05), z_of(0.05)
    assert (edge + reach) / (edge - reach) == pytest.approx(5.8, abs=0.05)


def test_intrinsic_credibility_is_box_s_conflict_with_the_sceptical_prior():
    for z in (2.3, 2.7, 2.8, 4.0):
        found = bt.reverse_bayes(z, 1.0)
        conflict = 2 * stats.norm.sf(z / math.hypot(1.0, found.sceptical_sd)) < 0.05
        assert found.intrinsically_credible == conflict


def test_fail_safe_number_is_that_of_combined_null_evaluations():
    """Fixed-effect combination of the estimate with N evaluations of the same precision that found 0."""
    found = bt.reverse_bayes(0.651, 0.09)
    n = found.fail_safe_n
    pooled, se = 0.651 / (1 + n), 0.09 / math.sqrt(1 + n)
    assert 2 * stats.norm.sf(pooled / se) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("p", "by_p", "simple"), [(0.05, 0.407, 0.15), (0.01, 0.125, 0.036), (0.001, 0.019, 0.005)]
)
def test_minimum_bayes_factors_of_the_literature(p, by_p, simple):
    """Sellke, Bayarri & Berger (2001), -e p log p; Goodman (1999, Annals 130, 1005-1013), exp(-z^2/2)."""
    found = bt.reverse_bayes(z_of(p), 1.0)
    assert found.bf_p == pytest.approx(by_p, abs=6e-4)
    assert found.bf_simple == pytest.approx(simple, abs=6e-3 if p == 0.05 else 6e-4)
    assert found.bf_simple < found.bf_normal


def test_the_bayes_factor_is_the_ratio_of_marginal_densities():
    estimate, se, sd = 0.952, 0.659, 1.3

    def marginal(prior, low):
        return integrate.quad(lambda x: stats.norm.pdf(estimate, x, se) * prior(x), low, 20, points=[0, 1])[0]

    null = stats.norm.pdf(estimate, 0, se)
    assert bt.bayes_factor(estimate, se, sd) == pytest.approx(null / marginal(stats.norm(0, sd).pdf, -20))
    assert bt.bayes_factor(estimate, se, sd, tails=1) == pytest.approx(
        null / marginal(stats.halfnorm(0, sd).pdf, 0)
    )


@pytest.mark.parametrize("tails", [1, 2])
@pytest.mark.parametrize("z", [0.5, 1.4446, 3.0, 7.0])
def test_no_normal_prior_has_a_smaller_bayes_factor(z, tails):
    found = bt.reverse_bayes(z, 1.0, tails=tails)
    grid = [bt.bayes_factor(z, 1.0, sd, tails=tails) for sd in np.geomspace(1e-3, 100, 2000)]
    assert found.bf_normal <= min(grid) * (1 + 1e-9)
    assert found.bf_normal == pytest.approx(min(grid), rel=1e-4)
    if found.bf_normal_sd:
        assert bt.bayes_factor(z, 1.0, found.bf_normal_sd, tails=tails) == pytest.approx(found.bf_normal)


def test_darfur_s_robustness_values():
    """Cinelli & Hazlett (2020), Table 1: partial R2 2.2%, RV 13.9%, RV at 5% 7.6% (estimate .097, s.e. .023, df 783)."""
    found = bt.robustness_value(0.09731582 / 0.02325654, 783)
    assert (found.partial_r2, found.rv, found.rv_alpha) == pytest.approx((0.022, 0.139, 0.076), abs=5e-4)


def test_a_confounder_as_strong_as_the_robustness_value_leaves_nothing():
    t, df = 7.2333, 118
    found = bt.robustness_value(t, df)
    bias = math.sqrt(found.rv * found.rv / (1 - found.rv)) * math.sqrt(df)  # in standard errors
    assert bias == pytest.approx(t)
    left = bt.robustness_value(t, df, alpha=0.05).rv_alpha
    adjusted = (t - math.sqrt(left * left / (1 - left)) * math.sqrt(df)) / math.sqrt(df / (df - 1))
    assert adjusted == pytest.approx(stats.t.isf(0.025, df - 1))
    assert bt.robustness_value(1.4446, 137).rv_alpha == 0


def test_confounders_as_strong_as_female_in_darfur():
    """Cinelli & Hazlett (2020), section 5: 1, 2 and 3 times as strong as "female" leave .0752, .0529 and .0304."""
    treatment = 0.00916429 / 1.00916429
    for times, estimate, t, r2 in [
        (1, 0.0752, 3.439, 0.1246),
        (2, 0.0529, 2.600, 0.2493),
        (3, 0.0304, 1.628, 0.3741),
    ]:
        found = confounder_bounds(
            0.09731582, 0.02325654, 783, benchmark_outcome=0.10903, benchmark_treatment=treatment, times=times
        )  # fmt: skip
        assert (found.estimate, found.t, found.r2_outcome) == pytest.approx((estimate, t, r2), rel=2e-3)


def test_confounders_move_negative_effects_towards_zero_too():
    up, down = (confounder_bounds(sign * 0.5, 0.2, 100, benchmark_outcome=0.05, times=2) for sign in (1, -1))
    assert down.estimate == -up.estimate and abs(up.estimate) < 0.5


def test_e_values_of_the_paper():
    """VanderWeele & Ding (2017): RR 3.9 (1.8 to 8.7) gives 7.26 and 3.0; RR .80 (.71 to .91) gives 1.81 and 1.43."""
    strong, protective = bt.e_value(3.9, 1.8, 8.7), bt.e_value(0.80, 0.71, 0.91)
    assert (strong.point, strong.limit) == pytest.approx((7.26, 3.0), abs=0.005)
    assert (protective.point, protective.limit) == pytest.approx((1.81, 1.43), abs=0.005)
    assert bt.e_value(1.2, 0.9, 1.6).limit == 1 and math.isnan(bt.e_value(2.0).limit)


def test_a_difference_of_no_spread_is_a_ratio_of_one():
    ratio, low, high = approximate_risk_ratio(1.0, 0.5, sd=2.0, step=2.0)
    assert math.log(ratio) == pytest.approx(0.91) and math.log(high / low) == pytest.approx(2 * 1.78 * 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bt.reverse_bayes(float("nan"), 1), "estimate is nan, expected a finite number"),
        (lambda: bt.reverse_bayes(1, 0), "se is 0, expected a number above 0"),
        (lambda: bt.reverse_bayes(1, 1, prob=0.4), "prob is 0.4, expected a number between 0.5 and 1"),
        (lambda: bt.reverse_bayes(1, 1, tails=3), "tails is 3, expected 1 or 2"),
        (lambda: bt.bayes_factor(1, 1, 0), "prior_sd is 0"),
        (lambda: bt.robustness_value("x", 10), "t is 'x', expected a finite number"),
        (lambda: bt.robustness_value(2, 1), "df is 1, expected a number above 1"),
        (lambda: bt.e_value(-1), "ratio is -1"),
        (lambda: bt.e_value(2, 3, 4), "expected it between the limits"),
        (
            lambda: confounder_bounds(1, 1, 50, benchmark_outcome=0.4, times=9),
            "more than all of the predictor",
        ),
        (
            lambda: confounder_bounds(1, 1, 50, benchmark_outcome=0.6, benchmark_treatment=0.01, times=9),
            "more than all of the outcome",
        ),
    ],
)
def test_input_that_cannot_be_is_told(call, message):
    with pytest.raises(bt.DataError, match=message):
        call()


@pytest.mark.parametrize(("estimate", "se", "df"), [(3.6, 1.4, 5), (-20.0, 1.0, 2), (1.0, 0.9, 3)])
@pytest.mark.parametrize("tails", [1, 2])
def test_few_degrees_of_freedom_are_student_s_t_exactly(estimate, se, df, tails):
    """The limits leave the posterior on the verge, by brute force over a t likelihood."""
    found = bt.reverse_bayes(estimate, se, df=df, tails=tails)
    effect = np.linspace(-500 * se, 500 * se, 400_001)
    likelihood = stats.t.pdf((estimate - effect) / se, df)
    right_side = np.sign(effect) == np.sign(estimate)
    assert found.p == pytest.approx(tails * stats.t.sf(abs(estimate / se), df))
    if found.convincing:
        mean, sd = 0.0, found.sceptical_sd
    else:
        mean, sd = found.advocacy_limit / 2, abs(found.advocacy_limit) / 2 / stats.norm.isf(0.05 / tails)
    mass = likelihood * stats.norm.pdf(effect, mean, sd)
    assert mass[right_side].sum() / mass.sum() == pytest.approx(1 - 0.05 / tails, abs=2e-4)
    own = likelihood * stats.norm.pdf(effect, 0, 2.0)
    marginal = (own if tails == 2 else 2 * own * right_side).sum() * (effect[1] - effect[0])
    odds = bt.bayes_factor(estimate, se, 2.0, df=df, tails=tails)
    assert odds == pytest.approx(stats.t.pdf(estimate / se, df) / se / marginal * se, rel=3e-3)


def test_intrinsic_credibility_with_a_t_is_conflict_with_the_prior_made_from_the_estimate():
    found = bt.reverse_bayes(3.6, 1.4, df=5)
    level = found.p_intrinsic
    sceptic = bt.reverse_bayes(3.6, 1.4, df=5, prob=1 - level).sceptical_sd
    rng = np.random.default_rng(1)
    predicted = 1.4 * rng.standard_t(5, 1_000_000) + sceptic * rng.standard_normal(1_000_000)
    assert (np.abs(predicted) > 3.6).mean() == pytest.approx(level, abs=3e-3)


def test_many_degrees_of_freedom_are_the_normal():
    near, normal = bt.reverse_bayes(0.651, 0.09, df=2e5), bt.reverse_bayes(0.651, 0.09)
    assert near.sceptical_limit == pytest.approx(normal.sceptical_limit, rel=1e-3)
    assert near.bf_normal == pytest.approx(normal.bf_normal, rel=1e-2)
    assert str(bt.reverse_bayes(0.651, 0.09, df=math.inf)) == str(normal)


def test_an_overwhelming_estimate_has_its_limits():
    found = bt.reverse_bayes(40, 1, tails=1)
    assert found.fail_safe_n == pytest.approx((40 / 1.6448536) ** 2 - 1)
    assert found.bf_normal == 0.0 and found.bf_normal_sd == pytest.approx(40, rel=1e-3)


def test_a_bayes_factor_asks_how_large_effects_are():
    with pytest.raises(bt.DataError, match="prior_sd is not given, expected one of prior_sd"):
        bt.bayes_factor(0.952, 0.659)
    assert bt.bayes_factor(0.952, 0.659, hoped=1.0) == bt.bayes_factor(0.952, 0.659, 5.0)
    assert bt.bayes_factor(0.952, 0.659, n=4) == bt.bayes_factor(0.952, 0.659, 2 * 0.659)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, int])
def test_numbers_of_any_kind_are_numbers(kind):
    two, nine, df = kind(2), kind(9), kind(137)
    assert str(bt.reverse_bayes(nine, two, df=df)) == str(bt.reverse_bayes(9.0, 2.0, df=137.0))
    assert bt.robustness_value(two, df) == bt.robustness_value(2.0, 137.0)
    assert bt.e_value(nine, two, kind(12)) == bt.e_value(9.0, 2.0, 12.0)
    assert bt.bayes_factor(two, nine, two) == bt.bayes_factor(2.0, 9.0, 2.0)
    assert bt.prior_curve(two, nine, sds=np.array([two])).equals(bt.prior_curve(2.0, 9.0, sds=[2.0]))
    bound = {"benchmark_outcome": 0.2, "times": two}
    assert bt.confounder_bounds(two, nine, df, **bound) == bt.confounder_bounds(2, 9, 137, **bound)
