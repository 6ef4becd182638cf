"""Priors: mixtures in closed form, grids by both ways, power-scaling against the analytic normal-normal answer."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayes_targets as bt
from bayes_targets.sensitivity import as_mixture, normal_posterior, prior_families, scale_powers
from bayes_targets.sensitivity.prior_influence import grid_of_estimate, grid_of_model, log_prior

Y, SE = 0.952, 0.659


def one_term(**priors):
    table = pd.DataFrame({"term": ["x"], "estimate": [Y], "se": [SE]})
    return bt.published_model(table, priors=bt.PublishedPriors(**priors))


@pytest.fixture(scope="module")
def authorities():
    return bt.simulate_authorities({"county": 20, "district": 30, "unitary": 30}, slope=0.8, seed=3)


def test_a_normal_prior_gives_the_conjugate_posterior():
    found = normal_posterior(Y, SE, as_mixture(bt.Normal(0.4, 1.5)))
    precision = SE**-2 + 1.5**-2
    mean = (Y / SE**2 + 0.4 / 1.5**2) / precision
    assert (found.mean(), float(found.sds[0])) == pytest.approx((mean, precision**-0.5))
    assert found.quantile(0.975) == pytest.approx(stats.norm.ppf(0.975, mean, precision**-0.5))
    assert found.log_evidence == pytest.approx(stats.norm.logpdf(Y, 0.4, np.hypot(SE, 1.5)))


@pytest.mark.parametrize(("mu", "scale"), [(0.0, 0.425), (0.0, 5.0), (1.0, 0.425)])
def test_a_student_t_prior_agrees_with_quadrature(mu, scale):
    found = normal_posterior(Y, SE, as_mixture(bt.StudentT(3, mu, scale)))

    def joint(x):
        return stats.norm.pdf(Y, x, SE) * stats.t.pdf(x, 3, mu, scale)

    total = integrate.quad(joint, -30, 30, points=[0, 1], limit=200)[0]
    above = integrate.quad(joint, 0, 30, points=[1], limit=200)[0]
    assert found.prob_above(0) == pytest.approx(above / total, abs=1e-4)
    assert found.log_evidence == pytest.approx(np.log(total), abs=1e-3)


def test_a_student_t_prior_has_its_tails_far_from_its_middle():
    """Estimate 12, s.e. 2, hoped-for 1: by quadrature 10.38 (5.93 to 14.61); Gaussian tails would give 6.78."""
    grid = grid_of_estimate(12.0, 2.0, prior_families(1.0, neutral_sd=5.0))
    row = grid.set_index(["attitude", "family"]).loc[("sceptical", "student_t")]
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((10.38, 5.93, 14.61), abs=0.01)
    far = normal_posterior(1e5, 1.0, as_mixture(bt.StudentT(3, 0, 1)))
    assert far.mean() == pytest.approx(1e5, rel=1e-4)
    assert far.log_evidence == pytest.approx(stats.t.logpdf(1e5, 3), abs=1e-3)


@pytest.mark.parametrize(("estimate", "df"), [(1.4, 3), (-8.0, 1.5), (2.5, 40)])
def test_a_t_likelihood_agrees_with_quadrature(estimate, df):
    found = normal_posterior(estimate, 0.7, as_mixture(bt.Normal(0.5, 2.0)), df=df)
    effect = np.linspace(-40, 40, 400_001)
    mass = stats.t.pdf((estimate - effect) / 0.7, df) / 0.7 * stats.norm.pdf(effect, 0.5, 2.0)
    assert found.prob_above(0) == pytest.approx(mass[effect > 0].sum() / mass.sum(), abs=1e-4)
    assert found.log_evidence == pytest.approx(np.log(mass.sum() * 2e-4), abs=1e-4)


def test_a_spike_has_the_probability_that_the_bayes_factor_gives():
    found = normal_posterior(Y, SE, as_mixture(bt.Normal(0, 2.0), prob_zero=0.3))
    odds = bt.bayes_factor(Y, SE, 2.0) * 0.3 / 0.7
    assert found.prob_zero() == pytest.approx(odds / (1 + odds))
    below = found.weights[1] * stats.norm.cdf(0, found.means[1], found.sds[1])
    assert found.prob_above(0) == pytest.approx(1 - found.prob_zero() - below)
    assert found.quantile(0.2) == 0.0


def test_attitudes_are_what_they_are_called():
    priors = prior_families(1.0, neutral_sd=5.0)
    sceptical, keen = priors["sceptical", "normal"], priors["enthusiastic", "normal"]
    assert stats.norm.sf(1.0, 0, sceptical.sds[0]) == pytest.approx(0.05)
    assert stats.norm.cdf(0.0, keen.means[0], keen.sds[0]) == pytest.approx(0.05)
    heavy = priors["sceptical", "student_t"]
    tail = stats.norm.sf(1.0, 0, np.array(heavy.sds)) @ np.array(heavy.weights)
    assert tail == pytest.approx(0.05, abs=1e-3)


def test_more_scepticism_never_makes_the_effect_more_probable():
    grid = grid_of_estimate(Y, SE, prior_families(1.0, neutral_sd=5.0))
    by = grid.set_index(["attitude", "family"])["prob_positive"].unstack("family")
    assert (by.loc["sceptical"] < by.loc["enthusiastic"]).all()
    curve = bt.prior_curve(Y, SE)
    assert (np.diff(curve["probability"]) > 0).all()
    assert curve["probability"].iloc[-1] == pytest.approx(stats.norm.cdf(Y / SE), abs=1e-3)


def test_the_curve_meets_the_sceptical_prior_where_it_should():
    found = bt.reverse_bayes(0.651, 0.09, tails=1)
    curve = bt.prior_curve(0.651, 0.09, sds=[found.sceptical_sd])
    assert curve["probability"].item() == pytest.approx(0.95)


def test_the_exact_engine_agrees_with_the_closed_form(authorities):
    """The slope's estimate and s.e. with everything else flat, and sigma known, would be sufficient; so is OLS nearly."""
    flat = bt.CohesionPriors(intercept=bt.Flat(), coefficient=bt.Flat())
    model = bt.cohesion_model(authorities, pooling="none", priors=flat)
    priors = prior_families(1.0, neutral_sd=5.0)
    priors = {
        key: priors[key] for key in [("neutral", "spike"), ("sceptical", "spike"), ("sceptical", "normal")]
    }
    exact = grid_of_model(model, priors, draws=4000)
    ols = bt.fit_ols(authorities, cov_type="nonrobust").loc["target"]
    closed = grid_of_estimate(float(ols["estimate"]), float(ols["se"]), priors)
    assert np.allclose(exact[["mean"]], closed[["mean"]], atol=0.06)
    assert np.allclose(
        exact[["prob_positive", "prob_zero"]], closed[["prob_positive", "prob_zero"]], atol=0.04
    )
    evidence = [table["log_evidence"] - table["log_evidence"].iloc[0] for table in (exact, closed)]
    assert np.allclose(*evidence, atol=0.15)


def test_a_narrower_spike_changes_nothing(authorities):
    model = bt.cohesion_model(authorities)
    found = []
    for sd in (1e-3, 1e-5):
        one = replace(model, priors=replace(model.priors, effect=bt.Normal(0, sd)))
        found.append(float(one.exact(one, 100, np.random.default_rng(1))[1]["log_evidence"]))
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def analytic_sensitivity(prior_sd, power_of):
    """Power-scaling sensitivity of a normal-normal posterior, by integrals over its distribution functions."""

    def posterior(prior_power, likelihood_power):
        precision = prior_power * prior_sd**-2 + likelihood_power * SE**-2
        return likelihood_power * Y * SE**-2 / precision, precision**-0.5

    base = posterior(1, 1)
    x = np.linspace(base[0] - 4 * base[1], base[0] + 4 * base[1], 40001)

    def distance(p, q):
        def part(a, b):
            return integrate.trapezoid(a * np.log2(2 * a / (a + b)), x) + 0.5 / np.log(
                2
            ) * integrate.trapezoid(b - a, x)

        return np.sqrt((part(p, q) + part(q, p)) / integrate.trapezoid(p + q, x))

    total = 0.0
    for alpha in (0.99, 1.01):
        scaled = posterior(alpha, 1) if power_of == "prior" else posterior(1, alpha)
        cdfs = [
            [stats.norm.cdf(sign * x, sign * mean, sd)[::sign] for mean, sd in (base, scaled)]
            for sign in (1, -1)
        ]
        sides = [distance(p, q) for p, q in cdfs]
        total += max(sides) / abs(np.log2(alpha)) / 2
    return total


@pytest.mark.parametrize("prior_sd", [0.5, 2.0])
def test_power_scaling_agrees_with_the_normal_normal_answer(prior_sd):
    model = one_term(effect=bt.Normal(0, prior_sd))
    table = scale_powers(model, bt.fit(model, draws=4000, seed=1))
    assert table.loc["x", "prior"] == pytest.approx(analytic_sensitivity(prior_sd, "prior"), rel=0.15)
    assert table.loc["x", "likelihood"] == pytest.approx(
        analytic_sensitivity(prior_sd, "likelihood"), rel=0.15
    )
    assert table.loc["x", "prior"] == table.loc["x", "prior: effect"]


def test_a_narrow_prior_far_off_is_in_conflict_with_the_data():
    clash, wide = one_term(effect=bt.Normal(-2, 0.5)), one_term()
    assert scale_powers(clash, bt.fit(clash, seed=1)).loc["x", "reading"] == "prior and data in conflict"
    assert scale_powers(wide, bt.fit(wide, seed=1)).loc["x", "reading"] == "informed by the data"


def test_every_proper_prior_has_its_log_density(authorities):
    model = bt.cohesion_model(authorities)
    posterior = bt.fit(model, draws=200, seed=1)
    density = log_prior(model, posterior)
    assert set(density.data_vars) == {"mu", "tau", "effect", "sigma"}
    assert np.allclose(density["tau"], bt.HalfNormal(2.5).logpdf(posterior["posterior"]["tau"]))
    alone = bt.cohesion_model(authorities, pooling="none")
    own = bt.fit(alone, draws=200, seed=1)
    expected = bt.Normal(0, 5).logpdf(own["posterior"]["intercept"].to_numpy()).sum(-1)
    assert np.allclose(log_prior(alone, own)["intercept"], expected)


def pooled_terms(**more):
    table = pd.DataFrame({"term": ["x", "y", "z"], "estimate": [2.0, 1.0, 0.4], "se": [0.5, 0.6, 0.4]})
    return bt.published_model(table, pooling="partial", **more)


def test_a_pooled_term_keeps_its_pooling_under_every_prior():
    """The grid varies the prior of the mean; neutral is the model's own prior, so that row is the posterior itself."""
    priors = bt.PublishedPriors(mu=bt.Normal(0, 5.0), tau=bt.HalfNormal(1.0))
    model = pooled_terms(priors=priors)
    found = bt.prior_sensitivity(model, hoped=1.0, term="x")
    grid = found.grid.set_index(["attitude", "family"])
    posterior = bt.fit(model, draws=4000, seed=1)["posterior"]["effect"].sel(term="x")
    assert grid.loc[("neutral", "normal"), "mean"] == pytest.approx(float(posterior.mean()), abs=0.03)
    assert grid.loc[("sceptical", "normal"), "mean"] < grid.loc[("neutral", "normal"), "mean"] < 1.85
    assert found.curve is None


def test_a_posterior_of_another_table_is_refused():
    model, other = one_term(), pooled_terms()
    moved = bt.published_model(pd.DataFrame({"term": ["x"], "estimate": [9.0], "se": [SE]}))
    with pytest.raises(bt.DataError, match="of other data or other priors"):
        bt.prior_sensitivity(model, bt.fit(moved, draws=100, seed=1), hoped=1.0)
    with pytest.raises(bt.DataError, match="of other data or other priors"):
        scale_powers(one_term(effect=bt.Normal(0, 1)), bt.fit(model, draws=100, seed=1))
    with pytest.raises(bt.DataError, match="of other data or other priors"):
        scale_powers(model, bt.fit(other, draws=100, seed=1))


def test_a_flat_prior_has_no_power_to_scale():
    model = one_term(effect=bt.Flat())
    found = bt.prior_sensitivity(model, bt.fit(model, seed=1), hoped=1.0)
    assert found.power_scaling.loc["x", "prior"] == 0.0
    assert found.power_scaling.loc["x", "reading"] == "informed by the data"


def test_the_three_answers_come_together():
    model = one_term()
    found = bt.prior_sensitivity(model, bt.fit(model, seed=1), hoped=1.0)
    assert list(found.power_scaling.index) == ["x"] and len(found.grid) == 9 and len(found.curve) == 121
    assert found.grid.attrs == {"interval": "eti", "prob": 0.95}


def test_what_cannot_be_is_told(authorities):
    with pytest.raises(bt.DataError, match="expected a published or a cohesion model"):
        bt.prior_sensitivity(replace(one_term(), name="other"), hoped=1.0)
    with pytest.raises(bt.DataError, match="no exact posterior with Student-t noise"):
        bt.prior_sensitivity(bt.cohesion_model(authorities, noise="student_t"), hoped=1.0)
    with pytest.raises(bt.DataError, match="no term 'y'"):
        bt.prior_sensitivity(one_term(), hoped=1.0, term="y")
    with pytest.raises(bt.DataError, match="hoped is 0"):
        bt.prior_sensitivity(one_term(), hoped=0)
    with pytest.raises(bt.DataError, match="expected Normal or StudentT"):
        as_mixture(bt.HalfNormal(1))
    with pytest.raises(bt.DataError, match="expected what fit gives"):
        scale_powers(one_term(), xr.DataTree())
    with pytest.raises(bt.DataError, match="prior_sd is 0"):
        bt.prior_curve(1.0, 1.0, sds=[0])
