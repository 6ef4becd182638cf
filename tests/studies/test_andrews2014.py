"""The printed regressions of Andrews et al. (2014) go through the page that any printed table gets."""

import pytest

import bayes_targets as bt
from bayes_targets.studies import andrews2014 as paper


@pytest.fixture(scope="module")
def result():
    study = bt.load_study("andrews2014")
    posteriors = {name: bt.fit(model, seed=1) for name, model in paper.models(study).items()}
    return paper.published_result(study, posteriors)


def test_priors_are_five_times_the_effect_hoped_for_and_the_unitary_type_is_the_reference():
    study = bt.load_study("andrews2014")
    for model in paper.MODELS:
        described = bt.published_model(paper.evaluation(study, model), pooling="partial")
        assert described.options["reference"] == "Unitary authority"
        assert described.data["pooled"].sum() == 3
        assert str(bt.published_model(paper.evaluation(study, model)).priors.effect) == "Normal(0, 5)"
    with pytest.raises(bt.DataError, match=r"model is 4, expected one of \[1, 2, 3\]"):
        paper.evaluation(study, 4)


def test_the_flagship_claim_has_its_exact_digits(result):
    """P(above 0) of having a target: .9240 under Normal(0, 5), .92396 in closed form; more than half a per cent: .748."""
    row = result.tables["comparison"].frame.set_index("posterior", append=True).loc[(paper.ON, "model_2")]
    assert row["prob_positive"] == 0.924
    assert row["rope_above"] == pytest.approx(0.748, abs=5e-4)
    assert row["mean"] == pytest.approx(0.936, abs=5e-4) and row["high"] == pytest.approx(2.216, abs=2e-3)
    assert (
        result.answer
        == "Places with a cohesion target very likely improved more than places without one (92%)."
    )
    said = " ".join(result.points)
    assert "0.94 (95% interval −0.35 to 2.22) more with a target" in said and "75% with a target" in said


def test_stretch_is_about_one_standard_deviation(result):
    row = (
        result.tables["comparison"].frame.set_index("posterior", append=True).loc[(paper.STRETCH, "model_3")]
    )
    assert row["rope_above"] > 0.99 and "> 99% for one s.d. of stretch" in " ".join(result.points)


def test_posteriors_keep_the_names_that_the_claims_use(result):
    assert next(iter(result.posteriors)) == "model_2"
    assert set(result.posteriors) == {
        f"model_{n}{kind}" for n in (1, 2, 3) for kind in ("", "_flat", "_types")
    }
    assert set(result.tables) >= {"comparison", "types", "robustness", "claims", "audit"}


def test_the_two_target_effects_stand_alone_with_their_data():
    study = bt.load_study("andrews2014")
    fitted = {
        name: bt.fit(model, seed=1)
        for name, model in paper.models(study).items()
        if name in ("model_2", "model_3")
    }
    alone = paper.headline(fitted)
    assert list(alone["posterior"]["term"].to_numpy()) == ["LAA (target on)", "LAA (target stretch)"]
    assert alone["observed_data"]["estimate"].to_numpy().tolist() == [0.952, 0.651]
