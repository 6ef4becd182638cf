"""Many exact refits in one batch, as the benchmarks make them, are the fits one by one."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import bayes_targets as bt
from bayes_targets.model import NotExactError
from bayes_targets.models.cohesion.model import CohesionPriors, cohesion_model
from bayes_targets.models.cohesion.simulate import simulate_authorities
from bayes_targets.priors import LogFlat

_FILE = Path(__file__).parents[2] / "benchmarks" / "exact_refits.py"
_SPEC = importlib.util.spec_from_file_location("exact_refits", _FILE)
benchmark = sys.modules["exact_refits"] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)
refit_exact = benchmark.refit_exact

TYPES = {"a": 12, "b": 9, "c": 15, "d": 4}
FLAT = CohesionPriors(
    mu=bt.Flat(), intercept=bt.Flat(), effect=bt.Flat(), coefficient=bt.Flat(), sigma=LogFlat()
)


def authorities(controls=("x", "w")):
    coefficients = dict.fromkeys(controls, 0.5) or None
    return simulate_authorities(TYPES, coefficients=coefficients, slope=2.0, tau=1.5, seed=3)


def from_prior(model, size, seed=9):
    """True values from the prior, and an outcome of each."""
    rng = np.random.default_rng(seed)
    prior = model.draw_prior(model, rng, size)
    draws = prior.rename(sample="draw").expand_dims(chain=[0]).transpose("chain", "draw", ...)
    truth = {str(name): values.to_numpy() for name, values in prior.data_vars.items()}
    return truth, model.predict(model, draws, rng)["change"].to_numpy()[0]


def drawn(draws, label):
    """Draws of one parameter by its label here."""
    name, _, place = str(label).removesuffix("]").partition("[")
    return (draws[name].sel({draws[name].dims[1]: place}) if place else draws[name]).to_numpy()


OPTIONS = {
    "partial": {},
    "no controls": {"controls": ()},
    "complete": {"pooling": "complete"},
    "none": {"pooling": "none"},
    "one slope a type": {"pooling": "complete", "slopes": "by_type"},
    "one slope a type, no pooling": {"pooling": "none", "slopes": "by_type"},
    "flat priors": {"priors": FLAT},
    "priors off centre": {"priors": CohesionPriors(mu=bt.Normal(4, 0.5), effect=bt.Normal(-3, 0.2))},
    "two spreads": {"slopes": "by_type"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_moments_evidence_and_probabilities_are_those_of_single_fits(name):
    options = dict(OPTIONS[name])
    model = cohesion_model(authorities(options.pop("controls", ("x", "w"))), **options)
    rng = np.random.default_rng(4)
    outcomes = model.data["change"].to_numpy() + rng.normal(0.0, 3.0, (6, model.data.sizes["authority"]))
    one = replace(model, data=model.data.assign(change=("authority", outcomes[4])))
    draws, sample_stats = one.exact(one, 20_000, rng)
    labels = refit_exact(model, outcomes[:1])["parameter"].to_numpy()
    exact = {label: drawn(draws, label) for label in labels}
    truth = {}
    for label, values in exact.items():
        truth.setdefault(str(label).split("[")[0], []).append(np.quantile(values, 0.3))
    found = refit_exact(model, outcomes, {key: np.tile(q, (6, 1)) for key, q in truth.items()}).isel(refit=4)
    assert float(found["log_evidence"]) == pytest.approx(float(sample_stats["log_evidence"]), abs=1e-5)
    for label, values in exact.items():
        own = found.sel(parameter=label)
        assert abs(values.mean() - float(own["mean"])) < 4.5 * values.std() / np.sqrt(20_000), label
        assert values.std() == pytest.approx(float(own["sd"]), rel=0.05), label
        assert float(own["pit"]) == pytest.approx(0.3, abs=4.5 * np.sqrt(0.21 / 20_000)), label


@pytest.mark.parametrize("controls", [(), ("x", "w")])
def test_probabilities_of_the_truth_are_uniform(controls):
    model = cohesion_model(authorities(controls))
    truth, outcomes = from_prior(model, 400)
    found = refit_exact(model, outcomes, truth)
    assert found.attrs["edge_mass"] < 1e-8 and found.attrs["refinement_change"] < 1e-3
    assert min(stats.kstest(pit, "uniform").pvalue for pit in found["pit"].to_numpy().T) > 1e-3


def test_a_refit_does_not_depend_on_the_others():
    model = cohesion_model(authorities())
    _, outcomes = from_prior(model, 30)
    together, alone = refit_exact(model, outcomes), refit_exact(model, outcomes[7:8])
    assert float(alone["log_evidence"][0]) == pytest.approx(float(together["log_evidence"][7]), abs=1e-6)
    for name in ("mean", "sd"):
        gap = np.abs(alone[name][0] - together[name][7]) / together["sd"][7]
        assert float(gap.max()) < 1e-4, name


def test_what_was_not_told_has_no_probability():
    found = refit_exact(
        cohesion_model(authorities()), np.random.default_rng(1).normal(size=(2, 40)), {"tau": [1.0, 2.0]}
    )
    told = found["pit"].notnull().all("refit")
    assert found["parameter"].to_numpy()[told.to_numpy()].tolist() == ["tau"]


def test_what_does_not_fit_the_model_is_told():
    model = cohesion_model(authorities())
    with pytest.raises(bt.DataError, match=r"outcomes: found shape \(40,\)"):
        refit_exact(model, np.zeros(40))
    with pytest.raises(bt.DataError, match=r"truth, 'effect': found shape \(2,\), expected \(3, 1\)"):
        refit_exact(model, np.ones((3, 40)) + np.arange(40), {"effect": [1.0, 2.0]})
    with pytest.raises(bt.DataError, match="truth, 'slope': no such parameter"):
        refit_exact(model, np.ones((3, 40)) + np.arange(40), {"slope": np.zeros(3)})
    with pytest.raises(NotExactError, match="Student-t noise"):
        refit_exact(cohesion_model(authorities(), noise="student_t"), np.zeros((2, 40)))
