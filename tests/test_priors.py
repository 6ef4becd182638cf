"""Each prior's density, draws and PyMC counterpart are the same distribution."""

import numpy as np
import pytest
from scipy import stats

import bayes_targets as bt

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
    assert pm.logp(variable, x).eval() == pytest.approx(prior.logpdf(x), abs=1e-6)


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
