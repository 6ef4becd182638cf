"""Claims: expressions, probabilities and words."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayes_targets as bt
from bayes_targets.comparison.claims import (
    COLUMNS,
    LEAST,
    MOST,
    estimand_draws,
    percent_text,
    words_for,
)
from bayes_targets.readers.claims import parse_estimand


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
    assert parse_estimand("max_abs(one:effect[a]) - two:mu").posteriors == ("one", "two")


@pytest.mark.parametrize(
    ("direction", "low", "high", "expected"),
    [("above", 0.0, np.nan, 0.5), ("below", 1.0, np.nan, 0.841), ("within", -1.0, 1.0, 0.683)],
)
def test_probability_is_the_posterior_mass_where_the_claim_holds(posteriors, direction, low, high, expected):
    ledger = bt.judge_claims(study(direction=direction, threshold=low, threshold_high=high), posteriors)
    assert tuple(ledger.columns) == COLUMNS
    assert ledger.loc["x", "probability"] == pytest.approx(expected, abs=0.03)
    assert ledger.loc["x", "reading"] == words_for(ledger.loc["x", "probability"])


SPECIFICATIONS = pd.DataFrame(
    {
        "mean": [1.0, -1.0, 9.0],
        "sd": [1.0, 2.0, 1.0],
        "prob_positive": [0.8, 0.3, 1.0],
        "passed": [True, True, False],
    }
)


def test_the_lowest_of_all_alternatives_tried_is_told_with_its_name(posteriors):
    sceptic = {"one": tree(effect=np.zeros((4, 10, 2)), mu=np.full((4, 10), -1.0))}
    sceptic["one"].attrs["engine"] = "exact"
    ledger = bt.judge_claims(
        study(estimand="one:mu"),
        posteriors,
        alternatives={"sceptical prior": sceptic, "targets set after the fact": {"one": posteriors["two"]}},
        multiverse={"one:mu": SPECIFICATIONS},
        probabilities={"x": {"even chance of no effect": 0.25}, "other": {"not of this claim": 0.1}},
    )
    row = ledger.loc["x"]
    assert tuple(ledger.columns[: len(COLUMNS)]) == COLUMNS
    assert row["sceptical prior"] == 0.0
    assert row["targets set after the fact"] == pytest.approx(0.977, abs=0.02)
    assert (row[LEAST], row[MOST]) == (0.3, 0.8)
    assert row["even chance of no effect"] == 0.25 and np.isnan(row["not of this claim"])
    assert (row["lowest"], row["lowest_under"]) == (0.0, "sceptical prior")
    assert row["lowest_reading"] == "exceptionally unlikely"
    assert row["tested"] == "mu is above 0" and row["estimand"] == "one:mu above 0"


@pytest.mark.parametrize(
    ("direction", "low", "high", "expected"),
    [
        ("above", 1.0, np.nan, (0.1587, 0.5)),
        ("below", 1.0, np.nan, (0.5, 0.8413)),
        ("below", 0.0, np.nan, (0.2, 0.7)),
        ("within", -1.0, 1.0, (0.3413, 0.4772)),
    ],
)
def test_a_threshold_is_judged_over_all_specifications(posteriors, direction, low, high, expected):
    claim = study(direction=direction, threshold=low, threshold_high=high)
    row = bt.judge_claims(claim, posteriors, multiverse={"one:mu": SPECIFICATIONS}).loc["x"]
    assert (row[LEAST], row[MOST]) == pytest.approx(expected, abs=1e-3)


def test_what_was_simulated_has_words_with_its_error(posteriors):
    claim = study(estimand="one:mu", direction="above", threshold=0.0)
    near = SPECIFICATIONS.assign(prob_positive=0.34, prob_error=0.01)
    row = bt.judge_claims(claim, posteriors, multiverse={"one:mu": near}).loc["x"]
    assert row["lowest_reading"] == "about as likely as not (within simulation error of unlikely)"
    assert row["lowest_error"] == 0.01
    further = study(estimand="one:mu", direction="above", threshold=1.0)
    moved = SPECIFICATIONS.assign(mean=[1.0, 0.5, 9.0], mean_error=[0.1, 0.2, 0.1], prob_error=0.2)
    row = bt.judge_claims(further, {}, multiverse={"one:mu": moved}).loc["x"]
    slope = stats.norm.pdf((1.0 - 0.5) / 2.0) / 2.0  # of that probability by the mean
    assert row["lowest_error"] == pytest.approx(0.2 * slope, rel=0.01)
    row = bt.judge_claims(
        claim, posteriors, probabilities={"x": {"particles": (0.09, 0.02), "grid": 0.5}}
    ).loc["x"]
    assert row["lowest_reading"] == "very unlikely (within simulation error of unlikely)"
    assert percent_text(row["lowest"], error=row["lowest_error"]) == "9% ± 4"


def test_an_interval_that_begins_at_nothing_has_no_negative_probability(posteriors):
    """A share of draws above 0 less a normal tail could be below 0; both ends are of one distribution."""
    odd = SPECIFICATIONS.assign(prob_positive=0.05)
    claim = study(direction="within", threshold=0.0, threshold_high=0.5)
    row = bt.judge_claims(claim, posteriors, multiverse={"one:mu": odd}).loc["x"]
    assert 0 < row[LEAST] <= row[MOST] < 1


def test_what_does_not_apply_is_left_open(posteriors):
    after = {"after": {"two": posteriors["two"]}}
    row = bt.judge_claims(study(estimand="one:mu"), posteriors, alternatives=after).loc["x"]
    assert np.isnan(row["after"]) and np.isnan(row["lowest"])
    assert row["lowest_under"] == "no alternative tried"
    mixed = study(estimand="one:mu - two:mu", threshold=-1.0)
    after = {"after": {"two": posteriors["one"]}}
    row = bt.judge_claims(mixed, posteriors, alternatives=after).loc["x"]
    assert row["after"] == 1.0  # of one and itself
    assert row["lowest_under"] == "default prior"
    with pytest.raises(bt.DataError, match=r"probability of 'x', odd is 1\.2"):
        bt.judge_claims(mixed, posteriors, probabilities={"x": {"odd": 1.2}})


def test_a_word_near_its_boundary_says_so_where_it_was_simulated():
    """18 in 20 above 0 is at the boundary of likely; draws that repeat carry less, an exact posterior carries no noise."""
    draws = np.where(np.arange(400) % 20 < 18, 1.0, -1.0).reshape(4, 100)
    simulated, exact = tree(mu=draws), tree(mu=draws)
    simulated.attrs["engine"], exact.attrs["engine"] = "nuts", "exact"
    readings = [bt.judge_claims(study(), {"one": each}).loc["x", "reading"] for each in (simulated, exact)]
    assert readings == ["very likely (within simulation error of likely)", "very likely"]
    assert words_for(0.92, error=0.001) == "very likely"
    assert (
        words_for(0.5, error=0.1)
        == "about as likely as not (within simulation error of unlikely and of likely)"
    )


def test_the_anchored_slope_takes_the_place_of_the_printed_one():
    from bayes_targets.studies import andrews2014

    package = bt.load_study("andrews2014")
    slope = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"causal_slope": (("chain", "draw"), np.full((4, 50), 0.2))})}
    )
    trees = andrews2014.anchored(slope, package)
    ledger = bt.judge_claims(package, {}, alternatives={"anchored": trees})
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
        ("one:effect", "expected one label for each dim"),
        ("one:mu[a]", "expected one label for each dim"),
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
    assert [words_for(p) for p in (0, 0.01, 0.05, 0.1, 0.2, 0.33, 0.5, 0.66, 0.8, 0.9, 0.95, 0.99, 0.995, 1)] == [
        "exceptionally unlikely", "exceptionally unlikely", "very unlikely", "very unlikely", "unlikely", "unlikely",
        "about as likely as not", "likely", "likely", "very likely", "very likely", "virtually certain", "virtually certain",
        "virtually certain",
    ]  # fmt: skip
    with pytest.raises(bt.DataError, match="expected a number from 0 to 1"):
        words_for(float("nan"))


@pytest.mark.parametrize(
    ("p", "digits", "percent"),
    [
        (0.66, "0.66", "66%"),
        (0.6596, "< 0.66", "< 66%"),
        (0.657, "0.657", "65.7%"),
        (0.9893, "0.989", "98.9%"),
        (0.99, "0.99", "99%"),
        (0.991, "0.99", "99%"),
        (0.9951, "> 0.99", "> 99%"),
        (0.8997, "< 0.90", "< 90%"),
        (0.3304, "> 0.33", "> 33%"),
        (0.004, "< 0.01", "< 1%"),
        (0.9240, "0.92", "92%"),
    ],
)
def test_digits_say_what_words_say(p, digits, percent):
    assert (bt.probability_text(p), percent_text(p)) == (digits, percent)


def test_digits_never_contradict_the_word():
    """Whatever the probability: the number that is shown has the word of the number that is meant, or lies beyond it."""
    for p in np.r_[np.linspace(0, 1, 20001), 0.66 - 1e-9, 0.33 + 1e-9, 0.9 - 1e-12, 0.99 - 1e-12]:
        for text, of in ((bt.probability_text(p), 1), (percent_text(p), 100)):
            number = float(text.strip("<>% ")) / of
            if text[0] in "<>":
                assert (number > p) == (text[0] == "<"), (p, text)
            else:
                assert words_for(round(number, 6)) == words_for(p), (p, text)
    assert bt.probability_text(float("nan")) == ""


@pytest.mark.parametrize("name", ["andrews2014", "odpm2005"])
def test_every_shipped_estimand_can_be_read(name):
    """Each expression splits into references; the analyses' tests fit what they name."""
    for claim in bt.load_study(name).claims.to_dict("records"):
        if claim["direction"] != "none":
            assert parse_estimand(claim["estimand"]).posteriors, claim["id"]
            assert claim["threshold"] == claim["threshold"], claim["id"]


def test_draws_are_paired_by_place_whatever_they_are_called(posteriors):
    group = posteriors["two"]["posterior"].to_dataset().isel(draw=slice(0, 10))
    short = xr.DataTree.from_dict({"posterior": group.assign_coords(draw=np.arange(10) + 5000)})
    assert estimand_draws("one:mu - two:mu", {**posteriors, "two": short}).shape == (1, 40)
    with pytest.raises(bt.DataError, match="not finite numbers"):
        estimand_draws("bad:mu", {"bad": tree(mu=np.full((2, 5), np.nan))})


def test_a_posterior_is_known_by_its_evaluation_s_heading_too(posteriors):
    """Claims of a package are judged whatever the analysis calls its posteriors."""
    package = bt.load_study("andrews2014")
    target = bt.fit(bt.published_model(package.evaluations["target"]), seed=1)
    ledger = bt.judge_claims(package, {"target": target})
    assert ledger.loc["target-effect", "reading"] == "very likely"
    assert ledger.loc["stretch-effect", "reading"] == "not judged: needs the posterior 'model_3'"
    row = bt.judge_claims(study(estimand="the_one:mu"), {"The one": posteriors["one"]}).loc["x"]
    assert 0.4 < row["probability"] < 0.6


def test_two_exact_posteriors_are_compared_without_the_noise_of_a_seed():
    first = pd.DataFrame({"term": ["a"], "estimate": [1.0], "se": [0.4]})
    second = pd.DataFrame({"term": ["a"], "estimate": [0.2], "se": [0.3]})
    flat = bt.PublishedPriors(effect=bt.Flat())
    found = []
    for seed in (1, 2):
        trees = {
            "one": bt.fit(bt.published_model(first, priors=flat), seed=seed),
            "two": bt.fit(bt.published_model(second, priors=flat), seed=seed + 10),
        }
        found.append(float((estimand_draws("one:effect[a] - two:effect[a]", trees) > 0).mean()))
    assert found[0] == found[1] == pytest.approx(stats.norm.cdf(0.8 / 0.5), abs=0.001)
