"""The multiverse: each specification is its own posterior, seeds hold whatever the workers, influence adds up."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt
from bayes_targets.models.cohesion.student_noise import solve_student_t
from bayes_targets.sensitivity.specifications import (
    CHOICES,
    _with_authorities,
    influence_of_choices,
    pool_specifications,
    summarise_specifications,
)

SMALL = {"pooling": ["partial", "none"], "noise": ["normal", "student_t"], "prior": ["sceptical", "flat"]}


@pytest.fixture(scope="module")
def authorities():
    one = bt.simulate_authorities({"county": 20, "district": 30, "unitary": 30}, slope=1.5, nu=5.0, seed=3)
    other = bt.simulate_authorities({"county": 20, "district": 30, "unitary": 30}, slope=1.5, seed=4)
    return xr.concat([one, other], dim="dataset", join="override", combine_attrs="override").assign_coords(
        dataset=[0, 1]
    )


@pytest.fixture(scope="module")
def found(authorities):
    return bt.multiverse(authorities, hoped=1.0, choices=SMALL, seed=1, progress=False)


def test_every_combination_is_there_once(found):
    assert len(found.table) == 2 * 2 * 2 * 2
    assert not found.table.duplicated(["dataset", *CHOICES]).any()
    assert found.table["passed"].all()
    assert set(found.table["engine"]) == {"exact", "exact, reweighted"}
    assert found.table.attrs["prob"] == 0.95 and found.table.attrs["origin"] == "simulated"


def test_a_specification_is_the_posterior_of_that_model(authorities, found):
    row = found.table.query(
        "dataset == '1' and pooling == 'partial' and noise == 'normal' and prior == 'flat'"
    ).iloc[0]
    model = bt.cohesion_model(
        authorities.isel(dataset=1, drop=True), priors=bt.CohesionPriors(effect=bt.Flat())
    )
    effect = bt.fit(model, seed=5)["posterior"]["effect"]
    error = float(effect.std()) / np.sqrt(1000)
    assert row["mean"] == pytest.approx(float(effect.mean()), abs=4 * error)
    assert row["sd"] == pytest.approx(float(effect.std()), rel=0.1)
    assert row["low"] == pytest.approx(float(effect.quantile(0.025)), abs=10 * error)


def test_results_do_not_depend_on_the_number_of_workers(authorities, found):
    again = bt.multiverse(authorities, hoped=1.0, choices=SMALL, seed=1, workers=2, progress=False)
    pd.testing.assert_frame_equal(found.table, again.table)
    other = bt.multiverse(authorities.isel(dataset=[0]), hoped=1.0, choices=SMALL, seed=1, progress=False)
    pd.testing.assert_frame_equal(found.table[found.table["dataset"] == "0"], other.table)


def test_without_controls_no_specification_counts_twice():
    authorities = bt.simulate_authorities({"county": 20, "unitary": 25}, slope=1.0, seed=4)
    choices = {"pooling": ["partial", "none"], "controls": ["all", "none"]}
    found = bt.multiverse(authorities, hoped=1.0, choices=choices, seed=1, progress=False)
    assert found.table["controls"].tolist() == ["none", "none"]
    assert found.summary["specifications"] == 2 and "controls" not in found.influence.index
    with pytest.raises(bt.DataError, match="the authorities have no controls"):
        bt.multiverse(authorities, hoped=1.0, choices={"controls": ["without x"]}, seed=1, progress=False)


def test_scepticism_moves_towards_zero(found):
    by = found.table.groupby("prior")["mean"].mean()
    assert 0 < by["sceptical"] < by["flat"]


def test_the_reference_type_is_no_choice(authorities):
    """Types in another order have another reference where none is called unitary; the slope stays as it is."""
    one = authorities.isel(dataset=0, drop=True)
    names = {"county": "a", "district": "b", "unitary": "c"}
    swapped = {"county": "c", "district": "b", "unitary": "a"}
    slopes = []
    for mapping in (names, swapped):
        kinds = [mapping[str(kind)] for kind in one["authority_type"].to_numpy()]
        relabelled = one.assign_coords(authority_type=("authority", kinds))
        relabelled.attrs["types"] = [mapping[t] for t in ("county", "district", "unitary")]
        model = bt.cohesion_model(relabelled)
        slopes.append(bt.fit(model, seed=1)["posterior"]["effect"].to_numpy())
    quantiles = [np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95]) for draws in slopes]
    assert np.allclose(*quantiles, atol=0.05 * slopes[0].std())


def test_extremes_are_left_out(authorities):
    one = authorities.isel(dataset=0, drop=True)
    left = _with_authorities(one, "target", "without_extremes")
    assert left.sizes["authority"] == one.sizes["authority"] - 2
    assert float(left["change"].max()) < float(one["change"].max())
    assert float(left["change"].min()) > float(one["change"].min())


def additive():
    rows = [
        {"dataset": str(d), "pooling": p, "prior": q, "mean": d + shift + small, "prob_positive": 0.5 + 0.4 * d, "passed": True}
        for d in (0, 1)
        for p, shift in (("partial", 0.0), ("none", 3.0))
        for q, small in (("flat", 0.0), ("sceptical", -0.1))
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    for name in CHOICES:
        table[name] = table.get(name, "all")
    table.attrs["prob"] = 0.8
    return table


def test_influence_adds_up_where_choices_do():
    influence = influence_of_choices(additive())
    assert list(influence.index) == ["pooling", "dataset", "prior"]
    assert influence["variance_share"].sum() == pytest.approx(1.0)
    assert influence["largest_difference"].tolist() == pytest.approx([3.0, 1.0, 0.1])
    assert influence.loc["pooling", ["lowest", "highest"]].tolist() == ["partial", "none"]


def test_specifications_that_did_not_pass_are_counted_and_left_out():
    table = additive()
    table.loc[0, ["passed", "mean"]] = [False, -50.0]
    found = summarise_specifications(table)
    assert (found["specifications"], found["passed"]) == (8, 7)
    assert found["mean_min"] == pytest.approx(-0.1)
    assert found["share_convincing"] == pytest.approx(4 / 7)


@pytest.mark.slow
def test_reweighting_agrees_with_nuts(authorities):
    one = authorities.isel(dataset=0, drop=True)
    for slopes in ("common", "by_type"):
        model = bt.cohesion_model(one, noise="student_t", slopes=slopes)
        fast = solve_student_t(model, {"own": model.priors.effect}, 8000, np.random.default_rng(1))["own"]
        effect = bt.fit(model, engine="nuts", draws=2000, seed=1, progress=False)["posterior"]["effect"]
        error = float(effect.std()) * np.sqrt(1 / fast.ess + 1 / 3000)
        assert fast.k_hat < 0.7
        assert float(fast.weights @ fast.effect) == pytest.approx(float(effect.mean()), abs=4 * error)
        sd = np.sqrt(fast.weights @ (fast.effect - fast.weights @ fast.effect) ** 2)
        assert sd == pytest.approx(float(effect.std()), rel=0.1)


def test_with_many_degrees_of_freedom_student_t_noise_is_normal(authorities):
    """Under a prior that keeps nu above 200 the two must agree."""
    one = authorities.isel(dataset=1, drop=True)
    priors = bt.CohesionPriors(nu_minus_one=bt.GammaPrecision(100, 100 * 250.0**2))
    heavy = bt.cohesion_model(one, noise="student_t", priors=priors)
    found = solve_student_t(heavy, {"own": heavy.priors.effect}, 4000, np.random.default_rng(1))["own"]
    effect = bt.fit(bt.cohesion_model(one), draws=2000, seed=1)["posterior"]["effect"]
    assert float(found.weights @ found.effect) == pytest.approx(float(effect.mean()), abs=0.06)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"poling": ["none"]}, "'poling' is not known, did you mean 'pooling'"),
        ({"pooling": ["nune"]}, "did you mean 'none'"),
        ({"pooling": "none"}, "expected different options in a list"),
        ({"pooling": ["none", "none"]}, "expected different options in a list"),
    ],
)
def test_a_choice_that_cannot_be_is_told(authorities, choices, message):
    with pytest.raises(bt.DataError, match=message):
        bt.multiverse(authorities, hoped=1.0, choices=choices, seed=1)


def test_other_input_that_cannot_be_is_told(authorities):
    with pytest.raises(bt.DataError, match="expected a Dataset"):
        bt.multiverse("file.csv", hoped=1.0, seed=1)
    with pytest.raises(bt.DataError, match="hoped is 0"):
        bt.multiverse(authorities, hoped=0, seed=1)
    with pytest.raises(bt.DataError, match="seed is -1"):
        bt.multiverse(authorities, hoped=1.0, seed=-1)


def test_specifications_over_data_sets_are_pooled_with_their_simulation_error(found):
    """Law of total variance over two data sets, as `pool_datasets` has it for draws."""
    pooled = pool_specifications(found)
    assert len(pooled.table) == len(found.table) / 2 and "dataset" not in pooled.influence.index
    row = pooled.table.iloc[0]
    own = found.table[(found.table[list(CHOICES)] == row[list(CHOICES)]).all(axis=1)]
    spread = own["mean"].var()
    assert row["mean"] == pytest.approx(own["mean"].mean())
    assert row["sd"] == pytest.approx(np.sqrt((own["sd"] ** 2).mean() + 1.5 * spread))
    assert row["mean_error"] == pytest.approx(np.sqrt(spread / 2))
    assert row["prob_error"] == pytest.approx(own["prob_positive"].sem())
    assert row["low"] < own["low"].mean() and row["high"] > own["high"].mean()


def test_what_is_exact_is_the_same_for_any_seed(authorities, found):
    other = bt.multiverse(authorities, hoped=1.0, choices=SMALL, seed=2, progress=False)
    pd.testing.assert_frame_equal(found.table, other.table)
