"""Each prior's density, draws and PyMC counterpart are the same distribution."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayes_targets as bt
from bayes_targets.models.cohesion.simulate import simulate_authorities
from bayes_targets.models.success.margins import MarginsPriors
from bayes_targets.priors import LogOdds

CASES = {
    "normal": (bt.Normal(1, 2), stats.norm(1, 2)),
    "student t": (bt.StudentT(3, 0.5, 2.5), stats.t(3, 0.5, 2.5)),
    "half-normal": (bt.HalfNormal(2), stats.halfnorm(scale=2)),
    "half-Cauchy": (bt.HalfCauchy(5), stats.halfcauchy(scale=5)),
    "exponential": (bt.Exponential(0.5), stats.expon(scale=2)),
    "beta": (bt.Beta(2, 3), stats.beta(2, 3)),
    "inverse gamma": (bt.InverseGamma(1, 0.075), stats.invgamma(1, scale=0.075)),
}


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return CASES[request.param]


def test_log_density_agrees_with_scipy(case):
    prior, reference = case
    x = np.concatenate([reference.ppf(np.linspace(0.01, 0.99, 25)), [-0.7, -3.0]])
    assert prior.logpdf(x) == pytest.approx(reference.logpdf(x), abs=1e-12)


def test_half_student_t_is_a_folded_student_t():
    x = np.linspace(0, 20, 50)
    assert bt.HalfStudentT(3, 2).logpdf(x) == pytest.approx(np.log(2) + stats.t(3, 0, 2).logpdf(x))
    assert bt.HalfStudentT(3, 2).logpdf(-0.1) == -np.inf


def test_draws_follow_the_distribution(case):
    prior, reference = case
    draws = prior.draw(np.random.default_rng(1), 5000)
    assert stats.kstest(draws, reference.cdf).pvalue > 1e-4


def test_half_student_t_draws_follow_its_density():
    draws = bt.HalfStudentT(4, 2).draw(np.random.default_rng(1), 5000)
    assert stats.kstest(draws, lambda x: 2 * stats.t(4, 0, 2).cdf(x) - 1).pvalue > 1e-4


@pytest.mark.parametrize("prior", [*[prior for prior, _ in CASES.values()], bt.HalfStudentT(3, 2)], ids=str)
def test_pymc_counterpart_has_the_same_density(prior):
    import pymc as pm

    x = np.array([0.05, 0.3, 0.9])
    with pm.Model():
        variable = prior.to_pymc("x")
    found = pm.logp(variable, x).eval(mode="FAST_COMPILE")
    assert found == pytest.approx(prior.logpdf(x), abs=1e-6)


def test_flat_is_improper_and_constant():
    assert not bt.Flat().proper
    assert bt.Flat().logpdf([-1e6, 0, 1e6]).tolist() == [0, 0, 0]
    with pytest.raises(TypeError, match="cannot be drawn from"):
        bt.Flat().draw(np.random.default_rng(1), 3)


def test_half_flat_is_constant_above_zero():
    assert not bt.HalfFlat().proper
    assert bt.HalfFlat().logpdf([-1e-9, 1e-9, 1e6]).tolist() == [-np.inf, 0, 0]


@pytest.mark.parametrize("make", [lambda: bt.Normal(0, 0), lambda: bt.HalfCauchy(-1), lambda: bt.Beta(0, 1)])
def test_a_scale_must_be_positive(make):
    with pytest.raises(bt.DataError, match="expected more than 0"):
        make()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None])
def test_parameters_must_be_finite_numbers(value):
    with pytest.raises(bt.DataError, match=r"mu is .*, expected a finite number"):
        bt.Normal(value, 1)


def test_priors_print_as_they_are_written():
    assert [str(prior) for prior in (bt.Normal(0, 2.5), bt.HalfCauchy(5), bt.Flat())] == [
        "Normal(0, 2.5)",
        "HalfCauchy(5)",
        "Flat()",
    ]


def test_each_prior_knows_its_support():
    assert {prior.support for prior in (bt.Normal(0, 1), bt.StudentT(3, 0, 1), bt.Flat())} == {"real"}
    positive = (
        bt.HalfNormal(1),
        bt.HalfCauchy(1),
        bt.Exponential(1),
        bt.GammaPrecision(1, 1),
        bt.LogFlat(),
        bt.HalfFlat(),
        bt.InverseGamma(1, 1),
    )
    assert {prior.support for prior in positive} == {"positive"}
    assert bt.Beta(1, 2).support == "share"


def test_log_odds_of_a_share_have_the_density_and_the_draws_of_the_share():
    prior, p = LogOdds(bt.Beta(2, 3)), np.array([0.05, 0.5, 0.9])
    slope = p * (1 - p)
    assert np.exp(prior.logpdf(np.log(p / (1 - p)))) == pytest.approx(stats.beta(2, 3).pdf(p) * slope)
    draws = prior.draw(np.random.default_rng(1), 5000)
    assert stats.kstest(1 / (1 + np.exp(-draws)), stats.beta(2, 3).cdf).pvalue > 1e-4
    assert np.isfinite(LogOdds(bt.Beta(0.001, 0.001)).draw(np.random.default_rng(1), 1000)).all()


# Every model asks the same function: what cannot be a prior of a parameter, and what a user is told.
COUNTS = pd.DataFrame(
    {"area": ["Fire", "Health", "Crime"], "green": [1, 3, 5], "amber": [1, 5, 5], "red": [1, 3, 3]}
)


AUTHORITIES, SUMMARY = simulate_authorities({"a": 20, "b": 20}, seed=1), bt.simulate_anchoring(seed=1)
EFFECTS = pd.DataFrame({"term": ["a", "b", "c"], "estimate": [0.5, 1.0, 0.2], "se": [0.4, 0.5, 0.6]})


# Read once: what is asked of the priors is asked hundreds of times.
READ = bt.read_counts(COUNTS)
KIND = bt.read_counts(pd.DataFrame({"area": ["x", "y"], "green": [4, 5], "amber": [5, 6], "red": [3, 4]}))
SEVERAL = bt.read_evaluations(EFFECTS.rename(columns={"term": "study"}), better="higher")


def published(**priors):
    return bt.published_model(EFFECTS, pooling="partial", priors=bt.PublishedPriors(**priors))


def meta(**priors):
    return bt.meta_model(SEVERAL, priors=bt.MetaPriors(**priors))


def success(**priors):
    return bt.success_model(READ, priors=bt.SuccessPriors(**priors))


def cohesion(**priors):
    return bt.cohesion_model(AUTHORITIES, priors=bt.CohesionPriors(**priors))


def anchoring(**priors):
    return bt.anchoring_model(SUMMARY, priors=bt.AnchoringPriors(**priors))


def margins(**priors):
    return bt.margins_model(READ, {"kind": KIND}, priors=MarginsPriors(**priors))


@pytest.mark.parametrize(
    ("model", "priors", "message"),
    [
        (published, {"tau": bt.Normal(0, 5)}, r"did you mean HalfNormal\(5\)\?"),
        (published, {"tau": bt.LogFlat()}, r"LogFlat\(\) is improper"),
        (published, {"tau": bt.Flat()}, "allows numbers below 0"),
        (published, {"tau": 1.0}, "found 1.0, expected a distribution of numbers above 0"),
        (published, {"effect": bt.LogFlat()}, "of positive numbers alone"),
        (published, {"reference_share": bt.Normal(0, 1)}, "allows numbers outside 0 to 1"),
        (meta, {"tau": bt.Normal(0, 5)}, r"did you mean HalfNormal\(5\)\?"),
        (meta, {"tau": bt.LogFlat()}, r"LogFlat\(\) is improper"),
        (meta, {"slope": bt.Normal(0, 1)}, "allows numbers below 0"),
        (success, {"tau": bt.Normal(0, 1)}, r"did you mean HalfNormal\(1\)\?"),
        (success, {"tau": bt.StudentT(3, 0, 1)}, r"did you mean HalfStudentT\(3, 1\)\?"),
        (success, {"tau": 1.0}, "found 1.0, expected a distribution of numbers above 0"),
        (success, {"tau": bt.LogFlat()}, "LogFlat.. is improper"),
        (success, {"mu": "Normal(0, 1)"}, "of log-odds, such as Normal.* or of a share, such as Beta"),
        (success, {"correlation": bt.Normal(0, 1)}, "allows numbers outside 0 to 1"),
        (success, {"effect": None}, "priors, effect: found None"),
        (cohesion, {"sigma": bt.Normal(0, 5)}, r"did you mean HalfNormal\(5\)\?"),
        (cohesion, {"tau": bt.LogFlat()}, "LogFlat.. is improper"),
        (cohesion, {"tau": bt.HalfFlat(), "mu": bt.Flat()}, "improper with 2 values"),
        (cohesion, {"mu": 0.0}, "found 0.0, expected a distribution of any number"),
        (cohesion, {"mu": bt.LogFlat()}, "of positive numbers alone"),
        (cohesion, {"nu_minus_one": bt.HalfFlat()}, "improper"),
        (anchoring, {"drift_sd": bt.Normal(0, 5)}, r"did you mean HalfNormal\(5\)\?"),
        (anchoring, {"anchor_weight": bt.HalfNormal(1)}, "allows numbers outside 0 to 1"),
        (anchoring, {"causal_slope": bt.Flat()}, "parameters are drawn from it"),
        (anchoring, {"causal_slope": 1}, "found 1, expected a distribution"),
        (margins, {"tau": bt.Normal(0, 1)}, r"did you mean HalfNormal\(1\)\?"),
        (margins, {"member": bt.Flat()}, "improper"),
        (margins, {"member": 0.5}, "found 0.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_prior_is_refused(model, priors, message):
    with pytest.raises(bt.DataError, match=message):
        model(**priors)


@pytest.mark.parametrize("model", [success, cohesion, published, meta])
def test_a_uniform_spread_is_taken_where_the_posterior_is_proper(model):
    if model is not cohesion:
        assert str(model(tau=bt.HalfFlat()).priors.tau) == "HalfFlat()"
        return
    draws = bt.fit(cohesion(tau=bt.HalfFlat()), seed=1, pointwise=False)
    assert draws.attrs["engine"] == "exact"
    bt.require(bt.diagnose(draws))


@pytest.mark.parametrize(
    ("green", "prior"), [([0, 0, 0], {"mu": bt.Flat()}), ([0, 3, 5], {"tau": bt.HalfFlat(), "mu": bt.Flat()})]
)
def test_flat_priors_need_counts_that_make_up_for_them(green, prior):
    table = COUNTS.assign(green=green)
    with pytest.raises(bt.DataError, match="improper"):
        bt.success_model(table, priors=bt.SuccessPriors(**prior))
    bt.success_model(COUNTS, priors=bt.SuccessPriors(**prior))


def test_a_beta_is_a_prior_of_the_share():
    table = pd.DataFrame({"area": ["Fire", "Health"], "green": [3, 4], "red": [5, 6]})
    priors = bt.SuccessPriors(share=bt.Beta(1, 1))
    posterior = bt.fit(bt.success_model(table, pooling="none", priors=priors), seed=1)
    mean = posterior["posterior"]["share"].mean(("chain", "draw")).to_numpy()
    assert mean == pytest.approx([4 / 10, 5 / 12], abs=2e-4)
    assert json.loads(posterior.attrs["priors"])["share"] == "Beta(1, 1) on the share"
    bt.require(bt.diagnose(posterior))


def test_a_beta_on_the_typical_share_is_one_too():
    table = pd.DataFrame({"area": ["Fire", "Health"], "green": [3, 4], "red": [5, 6]})
    model = bt.success_model(table, pooling="complete", priors=bt.SuccessPriors(mu=bt.Beta(1, 1)))
    posterior = bt.fit(model, seed=1, pointwise=False)
    assert float(posterior["posterior"]["share"].mean()) == pytest.approx(8 / 20, abs=0.005)


def test_nuts_takes_a_beta_on_the_share_as_the_exact_engine_does():
    import pymc as pm

    table = pd.DataFrame({"area": ["Fire", "Health"], "green": [3, 4], "red": [5, 6]})
    model = bt.success_model(table, pooling="complete", priors=bt.SuccessPriors(mu=bt.Beta(2, 1)))
    with model.to_pymc() as graph:
        draws = pm.draw(graph["mu"], 2000, random_seed=1)
    assert stats.kstest(1 / (1 + np.exp(-draws)), stats.beta(2, 1).cdf).pvalue > 1e-4


# Nothing but our own error, whatever stands in a field of priors or in a setting of `fit`.
HOSTILE = [
    None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**400, 1 + 2j, "", "x", b"x", [], [1], (), ("a",), {}, {"a": 1},
    set(), object(), np.array([]), np.array([1.0, 2.0]), np.array("x"), pd.DataFrame(), pd.Series([1.0]), xr.Dataset(),
    bt.Normal(0, 1), bt.Flat(), bt.LogFlat(), bt.HalfFlat(), bt.Beta(1, 1), bt.PublishedPriors(), int, "\x00", "a" * 1000,
]  # fmt: skip
PRIORS = {
    bt.SuccessPriors: success,
    bt.CohesionPriors: cohesion,
    bt.AnchoringPriors: anchoring,
    bt.PublishedPriors: published,
    bt.MetaPriors: meta,
    MarginsPriors: margins,
}


@pytest.mark.parametrize("priors", PRIORS, ids=lambda priors: priors.__name__)
def test_no_value_of_a_prior_raises_anything_but_our_error(priors):
    refused = 0
    for name in priors.__dataclass_fields__:
        for value in HOSTILE:
            try:
                PRIORS[priors](**{name: value})
            except bt.DataError as error:
                refused += 1
                assert 0 < len(str(error)) < 2_000
    assert refused > 20 * len(priors.__dataclass_fields__)


@pytest.mark.parametrize(
    "setting", ["model", "engine", "draws", "tune", "chains", "seed", "progress", "pointwise"]
)
def test_no_setting_of_fit_raises_anything_but_our_error(setting):
    model, refused = success(), 0
    for value in HOSTILE:
        try:
            bt.fit(**{"model": model, "draws": 20, "seed": 1, "pointwise": False, setting: value})
        except bt.DataError as error:
            refused += 1
            assert 0 < len(str(error)) < 2_000
    assert refused > 25
