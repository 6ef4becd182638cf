"""Classical estimates of several evaluations against metafor's, and models averaged against RoBMA's."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.comparison.meta import worst_case
from cases import CASES, TYPED, besides, case


def read(name, **known):
    file = f"evaluations/{name}.csv"
    frame = pd.read_csv(case(file) if file in TYPED else CASES / file).set_index("study")
    return bt.Evaluation(estimates=frame, printed=frame.astype(str), **known)


@pytest.fixture(scope="module")
def bcg():
    several = read("bcg", better="lower", ratio="risk ratio")
    a, n, c, m = (several.estimates[name] for name in several.estimates.columns[:4])
    frame = several.estimates.assign(
        estimate=np.log(a / n / (c / m)), se=np.sqrt(1 / a - 1 / n + 1 / c - 1 / m)
    )
    return replace(several, estimates=frame)


def test_common_effect_of_the_reform():
    found = bt.fit_meta(read("norway_diagnoses"), method="common")
    assert found.loc["mu", ["estimate", "se"]].to_numpy(float) == pytest.approx([-0.00269, 0.00199], abs=1e-5)
    assert found.attrs["q"] == pytest.approx(5.99, abs=0.005)
    assert found.attrs["i2"] == 0.0


def test_reml_of_the_trials(bcg):
    found = bt.fit_meta(bcg)
    assert found.loc["mu", ["estimate", "se"]].to_numpy(float) == pytest.approx([-0.7145, 0.1798], abs=1e-4)
    assert found.attrs["tau2"] == pytest.approx(0.3132, abs=1e-4)
    assert sum(found.attrs["weights"].values()) == pytest.approx(100)


def test_reml_with_latitude(bcg):
    found = bt.fit_meta(bcg, moderators=["latitude"])
    assert found.loc["latitude", ["estimate", "se"]].to_numpy(float) == pytest.approx(
        [-0.0291, 0.0072], abs=1e-4
    )
    assert found.attrs["tau2"] == pytest.approx(0.0764, abs=1e-4)


@besides("cases/evaluations/passive_smoking.csv")
def test_selection_by_maximum_likelihood():
    found = bt.fit_meta(read("passive_smoking", better="higher"), method="ml", selection=bt.Steps((0.025,)))
    assert found.loc["mu", "estimate"] == pytest.approx(0.194402, abs=1e-5)
    assert found.attrs["tau"] == pytest.approx(0.128929, abs=1e-5)
    assert found.loc["weight (p > 0.025)", "estimate"] == pytest.approx(0.764395, abs=1e-4)
    assert found.attrs["log_likelihood"] == pytest.approx(-10.09008, abs=1e-5)


def test_equal_estimates_have_no_spread():
    frame = pd.DataFrame({"estimate": [0.3] * 4, "se": [0.1, 0.2, 0.1, 1e5]}, index=list("abcd"))
    found = bt.fit_meta(bt.Evaluation(estimates=frame, printed=frame.astype(str)))
    assert found.attrs["tau"] == 0.0
    assert found.loc["mu", "estimate"] == pytest.approx(0.3)


def test_the_worst_selection_by_hand():
    frame = pd.DataFrame({"estimate": [0.5, 0.4, -0.1, 0.05], "se": [0.1] * 4}, index=list("abcd"))
    several = bt.Evaluation(estimates=frame, printed=frame.astype(str), better="higher")
    found = worst_case(several)
    assert (found.significant, found.others) == (2, 2)
    assert found.estimate == pytest.approx(-0.025)
    # Equal weights: 0.9 from the significant ones, and eta times -0.05 from the others.
    assert found.ratio == pytest.approx(18.0)
    assert math.isinf(
        worst_case(replace(several, estimates=frame.assign(estimate=abs(frame["estimate"])))).ratio
    )


STEPS = {
    "two-sided .05": bt.Steps((0.05,), "two"),
    "two-sided .05, .10": bt.Steps((0.05, 0.1), "two"),
    "one-sided .05": bt.Steps((0.05,)),
    "one-sided .025, .05": bt.Steps((0.025, 0.05)),
    "one-sided .05, .5": bt.Steps((0.05, 0.5)),
    "one-sided .025, .05, .5": bt.Steps((0.025, 0.05, 0.5)),
}


def average_of_36(several):
    posteriors, prior = {}, {}
    selections = {"none": (None, 1 / 8), **{name: (steps, 1 / 96) for name, steps in STEPS.items()}}
    selections |= {"pet": ("pet", 1 / 32), "peese": ("peese", 1 / 32)}
    for mu in (bt.Normal(0, 0.5), 0.0):
        for tau in (bt.InverseGamma(1, 0.075), 0.0):
            for name, (selection, weight) in selections.items():
                slope = bt.HalfCauchy(10) if name == "peese" else bt.HalfCauchy(1)
                priors = bt.MetaPriors(mu=mu, tau=tau, slope=slope)
                model = bt.meta_model(several, selection=selection, priors=priors)
                key = f"{mu}, {tau}, {name}"
                posteriors[key] = bt.fit(model, engine="exact", seed=1, progress=False, pointwise=False)
                prior[key] = weight
    return bt.average_models(posteriors, prior_weights=prior)


@besides("cases/evaluations/acculturation.csv")
@pytest.mark.parametrize(
    ("name", "factors", "mu", "tau", "log_z"),
    [
        ("acculturation", (1.232, 19131, 5.428), 0.0984, 0.1642, 1.571),
        ("precognition", (0.4827, 0.1446, 16.49), 0.0189, 0.00526, 13.563),
    ],
)
def test_thirty_six_models_averaged(name, factors, mu, tau, log_z):
    average = average_of_36(read(name, better="higher"))
    assert average.inclusion["bayes_factor"].to_numpy() == pytest.approx(factors, rel=2e-3)
    draws = average.posterior["posterior"]
    assert float(draws["mu"].mean()) == pytest.approx(mu, abs=1.5e-3)
    assert float(draws["tau"].mean()) == pytest.approx(tau, abs=1.5e-3)
    assert float(average.posterior["sample_stats"]["log_evidence"]) == pytest.approx(log_z, abs=2e-3)
    assert average.weights["probability"].sum() == pytest.approx(1)
    bt.require(bt.diagnose(average.posterior))


def test_a_wide_default_is_no_evidence():
    several = read("norway_diagnoses", better="lower")
    posteriors = {
        "effect": bt.fit(bt.meta_model(several), seed=1, progress=False),
        "none": bt.fit(bt.meta_model(several, priors=bt.MetaPriors(mu=0.0)), seed=1, progress=False),
    }
    with pytest.raises(bt.DataError, match=r"give hoped \(.*\), n \(.*\), or priors"):
        bt.average_models(posteriors)


def test_models_of_other_estimates_are_not_averaged():
    several = read("norway_diagnoses", better="lower", hoped=-0.01)
    part = replace(several, estimates=several.estimates.iloc[1:])
    posteriors = {
        str(k): bt.fit(bt.meta_model(own), seed=1, progress=False) for k, own in enumerate((several, part))
    }
    with pytest.raises(bt.DataError, match="different estimates"):
        bt.average_models(posteriors)
