"""Ordinal models with four statuses and more: importance sampling of what areas share, against NUTS, sums and refits."""

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.inference import importance
from bayes_targets.inference.quadrature import Axis, integrate
from bayes_targets.models.success import exact
from bayes_targets.models.success.equation import some_areas
from bayes_targets.models.success.loo import leave_one_area_out, log_evidence

FOUR = pd.DataFrame(
    {
        "area": ["North", "South", "East", "West", "Isles"],
        "outstanding": [4, 1, 9, 2, 0],
        "good": [11, 5, 12, 3, 1],
        "poor": [6, 4, 3, 0, 1],
        "bad": [2, 3, 1, 1, 0],
    }
)


def ordinal(table):
    statuses = [str(name) for name in table.columns if name != "area"]
    return bt.success_model(bt.read_counts(table, statuses=statuses), outcome="ordinal")


@pytest.fixture(scope="module")
def model():
    return ordinal(FOUR)


@pytest.fixture(scope="module")
def posterior(model):
    return bt.fit(model, seed=1, progress=False)


def test_four_statuses_are_solved_without_a_sampler_and_pass_the_gate(posterior):
    assert posterior.attrs["engine"] == "exact"
    bt.require(bt.diagnose(posterior))


def test_what_areas_share_is_the_same_for_any_seed(model, posterior):
    other = bt.fit(model, seed=2, progress=False)
    for name in ("mu", "tau"):
        a, b = (np.sort(tree["posterior"][name].to_numpy().ravel()) for tree in (posterior, other))
        assert a.mean() == pytest.approx(b.mean(), abs=2e-3)


def test_evidence_agrees_with_a_grid_where_both_can_be_had():
    """With three statuses the three shared parameters are on a grid too."""
    axes, _, log_density = exact._shared(ordinal(FOUR.drop(columns="bad")))
    sample = importance.sample_density(log_density, axes, 4_000)
    assert sample.log_evidence == pytest.approx(integrate(log_density, axes).log_evidence, abs=0.01)


def test_a_density_with_known_integral_in_six_dimensions():
    axes = [Axis(f"a{d}", "real") for d in range(6)]
    draws = importance.solve_by_importance(
        lambda v: -0.5 * ((v - 1.0) ** 2).sum(axis=1), axes, 2_000, np.random.default_rng(1)
    )
    assert draws.stats["log_evidence"] == pytest.approx(3.0 * np.log(2.0 * np.pi), abs=0.02)
    for value in draws.values.values():
        assert value.mean() == pytest.approx(1.0, abs=0.05)
        assert value.std() == pytest.approx(1.0, abs=0.05)


def test_a_tail_that_the_proposal_lacks_is_refused():
    """A density with half a Cauchy in each direction has no moments that a t distribution of four degrees holds."""
    sample = importance.Sample(
        np.zeros((5_000, 1)), np.zeros(5_000), np.random.default_rng(1).exponential(1.5, 5_000)
    )
    with pytest.raises(bt.DataError, match=r"k-hat .* use engine 'nuts'"):
        sample.require(100, "it")


def test_leaving_out_all_areas_one_by_one_agrees_with_evidences(model):
    table = leave_one_area_out(model, engine="exact")
    whole = exact.success_evidence(model)[0]
    for place, area in enumerate(FOUR["area"]):
        others = np.arange(len(FOUR)) != place
        assert table["elpd"][area] == pytest.approx(
            whole - exact.success_evidence(some_areas(model, others))[0], abs=0.02
        )


def test_the_evidence_adds_up_over_the_areas(model):
    assert log_evidence(model)["log_density"].sum() == pytest.approx(
        exact.success_evidence(model)[0], abs=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("statuses", [4, 5])
def test_the_posterior_agrees_with_nuts(statuses):
    table = FOUR if statuses == 4 else FOUR.assign(closed=[1, 0, 0, 1, 0])
    model = ordinal(table)
    ours = bt.fit(model, seed=1, draws=2500, progress=False)
    nuts = bt.fit(model, seed=2, draws=2500, engine="nuts", progress=False)
    assert ours.attrs["engine"] == "exact"
    for name in model.variables:
        a, b = (tree["posterior"][name] for tree in (ours, nuts))
        gap = np.abs(a.mean(("chain", "draw")) - b.mean(("chain", "draw"))) / b.std(("chain", "draw"))
        assert float(gap.max()) < 4.5 * np.sqrt(2 / 4000), name


@pytest.mark.parametrize(("outcome", "statuses"), [("ordinal", 3), ("ordinal", 4), ("multinomial", 3)])
def test_no_printed_number_depends_on_the_seed(outcome, statuses):
    """Draws and their order come from the data."""
    columns = ["outstanding", "good", "poor", "bad"][:statuses]
    model = bt.success_model(bt.read_counts(FOUR[["area", *columns]], statuses=columns), outcome=outcome)
    one, other = (bt.fit(model, seed=seed, draws=250, progress=False) for seed in (1, 2))
    for group in ("posterior", "posterior_predictive"):
        assert one[group].to_dataset().identical(other[group].to_dataset()), group
