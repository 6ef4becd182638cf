"""Fitting: groups, labels, seeds and settings."""

import json

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.inference.engines import compile_nuts, sample_nuts
from bayes_targets.models.success.equation import swapped_data

COUNTS = pd.DataFrame(
    {"area": ["Fire", "Health", "Crime"], "green": [1, 3, 5], "amber": [1, 5, 5], "red": [1, 3, 3]}
)


@pytest.fixture(scope="module")
def model():
    return bt.success_model(COUNTS)


@pytest.fixture(scope="module")
def compiled(model):
    return compile_nuts(model)


def fit_compiled(model, compiled):
    """By the graph that is compiled already, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayes_targets.inference.engines.compile_nuts", lambda _: compiled)
        return bt.fit(model, engine="nuts", seed=7, progress=False)


@pytest.fixture(scope="module")
def posterior(model, compiled):
    return fit_compiled(model, compiled)


def test_all_groups_of_the_schema_are_there(posterior):
    assert set(posterior.children) == {
        "posterior", "sample_stats", "log_likelihood", "posterior_predictive", "prior", "prior_predictive",
        "observed_data", "constant_data",
    }  # fmt: skip


def test_every_dim_is_labelled(posterior):
    for name, group in posterior.children.items():
        for dim in group.to_dataset().dims:
            assert dim in group.coords, f"{name} has no labels for {dim}"


def test_arviz_reads_the_tree(posterior):
    import arviz_stats

    summary = arviz_stats.summary(posterior, var_names=["mu", "share"])
    assert "share[Fire]" in summary.index


def test_attrs_tell_how_it_was_made(posterior):
    attrs = posterior.attrs
    assert (attrs["model"], attrs["engine"], attrs["seed"], attrs["origin"]) == (
        "success",
        "nuts",
        7,
        "observed",
    )
    assert {"pymc", "nutpie", "python"} <= set(json.loads(attrs["versions"]))
    assert json.loads(attrs["priors"])["tau"] == "HalfNormal(1)"
    assert len(attrs["data_hash"]) == 64


def test_the_same_seed_gives_the_same_draws(model, compiled, posterior):
    again = fit_compiled(model, compiled)
    for name, group in posterior.children.items():
        for variable, values in group.to_dataset().data_vars.items():
            assert values.equals(again[name][variable]), f"{name}/{variable}"


def test_another_seed_gives_others_that_agree(compiled, posterior):
    other = sample_nuts(compiled, draws=1000, tune=1000, chains=4, seed=8)[0]["share"]
    mine = posterior["posterior"]["share"]
    assert not np.array_equal(other, mine)
    gap = np.abs(other.mean(("chain", "draw")) - mine.mean(("chain", "draw")))
    assert (gap < 4 * np.sqrt(2) * mine.std(("chain", "draw")) / np.sqrt(1000)).all()


def test_without_a_seed_the_one_drawn_is_kept(model):
    first, second = (bt.fit(model, draws=10, progress=False) for _ in range(2))
    assert first.attrs["seed"] != second.attrs["seed"]
    again = bt.fit(model, draws=10, seed=first.attrs["seed"], progress=False)
    assert np.array_equal(first["posterior"]["mu"], again["posterior"]["mu"])


def test_a_user_may_extend_and_sample_the_graph(model):
    import pymc as pm

    with model.to_pymc() as graph:
        pm.Deterministic("odds", pm.math.exp(graph["mu"]))
        tree = pm.sample(
            50, tune=50, chains=1, random_seed=1, progressbar=False, compute_convergence_checks=False,
            compile_kwargs={"mode": "FAST_COMPILE"},
        )  # fmt: skip
    assert np.allclose(np.exp(tree["posterior"]["mu"]), tree["posterior"]["odds"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "nut"}, "did you mean 'nuts'"),
        ({"draws": 0}, "draws is 0"),
        ({"tune": -1}, "tune is -1"),
        ({"chains": 2.5}, "chains is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": "a"}, "seed is 'a'"),
        ({"draws": True}, "draws is True"),
    ],
)
def test_settings_out_of_range_are_told(model, settings, message):
    with pytest.raises(bt.DataError, match=message):
        bt.fit(model, **settings)


def test_anything_but_a_model_is_refused(model):
    with pytest.raises(bt.DataError, match="found Dataset, expected a Model"):
        bt.fit(model.data)


@pytest.mark.slow
def test_a_compiled_graph_with_other_data_gives_the_draws_of_their_own_model_compiled_anew(compiled):
    other = bt.success_model(COUNTS.assign(green=[2, 2, 6]))
    settings = {"draws": 50, "tune": 100, "chains": 2, "seed": 3}
    own, _ = sample_nuts(compile_nuts(other), **settings)
    swapped, stats = sample_nuts(compiled, data=swapped_data(other.data), **settings)
    assert swapped.equals(own)
    assert stats["diverging"].shape == (2, 50)
