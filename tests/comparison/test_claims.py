"""Claims: expressions, probabilities and words."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt
from bayes_targets.comparison.claims import COLUMNS, SCALE, estimand_draws, posteriors_named, words_for


def tree(**variables):
    data = {}
    for name, values in variables.items():
        dims = ("chain", "draw", "term") if np.ndim(values) == 3 else ("chain", "draw")
        data[name] = (dims, np.asarray(values, float))
    return xr.DataTree.from_dict({"posterior": xr.Dataset(data, coords={"term": ["a - b", "c (d)"]})})


@pytest.fixture
def posteriors():
    rng = np.random.default_rng(1)
    return {
        "one": tree(effect=rng.normal([1, -3], 1, (4, 1000, 2)), mu=rng.normal(0, 1, (4, 1000))),
        "two": tree(effect=rng.normal([0, 0], 1, (4, 1000, 2)), mu=rng.normal(2, 1, (4, 1000))),
    }


def study(**claim):
    base = {
        "id": "x", "claim": "It works.", "locator": "Table 1", "estimand": "one:mu", "direction": "above",
        "threshold": 0.0, "threshold_high": np.nan, "published": ".5", "true_if": "mu is above 0",
    }  # fmt: skip
    claims = pd.DataFrame([base | claim])
    return bt.Study(name="s", citation="c", tables={"claims": claims}, claims=claims)


def test_a_label_may_hold_hyphens_and_brackets(posteriors):
    draws = estimand_draws("one:effect[a - b]", posteriors)
    assert np.array_equal(draws, posteriors["one"]["posterior"]["effect"].sel(term="a - b"))
    assert np.array_equal(
        estimand_draws("one:effect[c (d)]", posteriors), posteriors["one"]["posterior"]["effect"][..., 1]
    )


def test_a_difference_pairs_the_draws(posteriors):
    draws = estimand_draws("one:effect[a - b] - two:mu", posteriors)
    expected = posteriors["one"]["posterior"]["effect"][..., 0] - posteriors["two"]["posterior"]["mu"]
    assert np.allclose(draws, expected)


def test_extremes_are_taken_draw_by_draw(posteriors):
    effect = posteriors["one"]["posterior"]["effect"].to_numpy()
    assert np.allclose(
        estimand_draws("max_abs(one:effect[a - b; c (d)])", posteriors), np.abs(effect).max(-1)
    )
    assert np.allclose(estimand_draws("max(one:effect[a - b; c (d)])", posteriors), effect.max(-1))
    assert np.allclose(estimand_draws("min(one:effect[a - b; c (d)]) - one:mu", posteriors).shape, (4, 1000))


def test_the_posteriors_an_estimand_needs_are_known():
    assert posteriors_named("max_abs(one:effect[a]) - two:mu") == ["one", "two"]


@pytest.mark.parametrize(
    ("direction", "low", "high", "expected"),
    [("above", 0.0, np.nan, 0.5), ("below", 1.0, np.nan, 0.841), ("within", -1.0, 1.0, 0.683)],
)
def test_probability_is_the_posterior_mass_where_the_claim_holds(posteriors, direction, low, high, expected):
    ledger = bt.judge_claims(study(direction=direction, threshold=low, threshold_high=high), posteriors)
    assert tuple(ledger.columns) == COLUMNS
    assert ledger.loc["x", "probability"] == pytest.approx(expected, abs=0.03)
    assert ledger.loc["x", "reading"] == words_for(ledger.loc["x", "probability"])


def test_other_priors_and_specifications_stand_beside_the_default(posteriors):
    specifications = pd.DataFrame(
        {
            "mean": [1.0, -1.0, 9.0],
            "sd": [1.0, 2.0, 1.0],
            "prob_positive": [0.8, 0.3, 1.0],
            "passed": [True, True, False],
        }
    )
    claim = study(estimand="one:mu", threshold=0.0)
    row = bt.judge_claims(
        claim,
        posteriors,
        sceptical={"one": tree(effect=np.zeros((4, 10, 2)), mu=np.full((4, 10), -1.0))},
        anchored={"one": posteriors["two"]},
        multiverse={"one:mu": specifications},
    ).loc["x"]
    assert row["sceptical"] == 0.0
    assert row["anchored"] == pytest.approx(0.977, abs=0.02)
    assert (row["multiverse_low"], row["multiverse_high"]) == (0.3, 0.8)
    assert row["at_worst"] == "exceptionally unlikely (sceptical prior)"
    for direction, low, high, expected in [
        ("above", 1.0, np.nan, (0.1587, 0.5)),
        ("below", 1.0, np.nan, (0.5, 0.8413)),
        ("within", -1.0, 1.0, (0.3413, 0.4772)),
    ]:
        claim = study(direction=direction, threshold=low, threshold_high=high)
        row = bt.judge_claims(claim, posteriors, multiverse={"one:mu": specifications}).loc["x"]
        assert (row["multiverse_low"], row["multiverse_high"]) == pytest.approx(expected, abs=1e-3)


def test_what_does_not_apply_is_left_open(posteriors):
    row = bt.judge_claims(study(estimand="one:mu"), posteriors, anchored={"two": posteriors["two"]}).loc["x"]
    assert row[["sceptical", "anchored", "multiverse_low", "multiverse_high"]].isna().all()
    assert row["at_worst"] == "about as likely as not (default prior)"
    mixed = study(estimand="one:mu - two:mu", threshold=-1.0)
    row = bt.judge_claims(mixed, posteriors, anchored={"two": posteriors["one"]}).loc["x"]
    assert row["anchored"] == 1.0  # of one and itself


def test_the_anchored_slope_takes_the_place_of_the_printed_one():
    from bayes_targets.studies import andrews2014

    package = bt.load_study("andrews2014")
    slope = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"causal_slope": (("chain", "draw"), np.full((4, 50), 0.2))})}
    )
    trees = andrews2014.anchored(slope, package)
    ledger = bt.judge_claims(package, {}, anchored=trees)
    assert ledger.loc["stretch-effect", "anchored"] == 1.0
    assert ledger.loc["stretch-size", "anchored"] == 0.0
    assert np.isnan(ledger.loc["target-effect", "anchored"])
    assert float(trees["model_3"]["posterior"]["standardised"].mean()) == pytest.approx(0.2 * 3.93)
    with pytest.raises(bt.DataError, match="no variable 'causal_slope'"):
        andrews2014.anchored(xr.DataTree(), package)


def test_what_the_tables_cannot_speak_to_is_said(posteriors):
    row = bt.judge_claims(
        study(direction="none", estimand="", true_if="Later counts would show it."), posteriors
    ).loc["x"]
    assert np.isnan(row["probability"])
    assert row["reading"] == "cannot be judged from the tables: Later counts would show it."


def test_a_posterior_that_was_not_made_is_no_error(posteriors):
    row = bt.judge_claims(study(estimand="three:mu"), posteriors).loc["x"]
    assert np.isnan(row["probability"]) and row["reading"] == "not judged: needs the posterior 'three'"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("one:efect[a - b]", "no variable 'efect', did you mean 'effect'"),
        ("one:effect[c (e)]", "no label 'c .e.', did you mean 'c .d.'"),
        ("one:effect", "expected one label a dim"),
        ("one:mu[a]", "expected one label a dim"),
        ("one:effect[a - b; c (d)]", "several labels"),
        ("one:mu + two:mu", "cannot be read"),
        ("mu", "cannot be read"),
        ("max(one:effect[a - b]", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_an_expression_that_cannot_be_read_is_told(posteriors, expression, message):
    with pytest.raises(bt.DataError, match=message):
        estimand_draws(expression, posteriors)


def test_words_cover_every_probability():
    assert [words_for(p) for p in (0, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.995, 1)] == [
        "exceptionally unlikely", "exceptionally unlikely", "very unlikely", "unlikely", "about as likely as not",
        "likely", "very likely", "virtually certain", "virtually certain",
    ]  # fmt: skip
    assert SCALE[-1][0] == 1
    with pytest.raises(bt.DataError, match="expected a number from 0 to 1"):
        words_for(float("nan"))


@pytest.mark.parametrize("name", ["andrews2014", "odpm2005"])
def test_every_shipped_estimand_can_be_read(name):
    """Each expression splits into references; the analyses' tests fit what they name."""
    for claim in bt.load_study(name).claims.to_dict("records"):
        if claim["direction"] != "none":
            assert posteriors_named(claim["estimand"]), claim["id"]
            assert claim["threshold"] == claim["threshold"], claim["id"]
