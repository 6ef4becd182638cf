"""What would change the answer: each row against its closed form, and what is missing is said."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_targets as bt
from cases import case

QUESTIONS = [
    "sceptical_limit", "advocacy_limit", "intrinsic_credibility", "fail_safe", "bayes_factor", "robustness_value", "e_value",
    "cases_replaced", "benchmark", "publication", "exaggeration", "wrong_sign", "next_study", "replication",
]  # fmt: skip


def asked(estimate="0.952", se="0.659", **options):
    frame = pd.DataFrame(
        {"term": ["Target", "Deprivation"], "estimate": [estimate, "-0.043"], "se": [se, "0.066"]}
    )
    given = {"focus": "Target", "better": "higher", "smallest": 0.5} | options
    return bt.read_estimates(frame, **given)


def answered(evaluation, **options):
    return bt.robustness(bt.fit(bt.published_model(evaluation), seed=1), evaluation, **options)


@pytest.fixture(scope="module")
def target():
    return answered(asked(hoped=1.0, n=150, df=137))


def test_every_question_has_its_row_and_a_sentence(target):
    assert target.index.tolist() == QUESTIONS and target.index.name == "question"
    assert target.columns.tolist() == ["value", "low", "high", "unit", "sentence"]
    assert target["sentence"].str.endswith(".").all()


def test_values_are_those_of_the_single_functions(target):
    found = bt.reverse_bayes(0.952, 0.659)
    assert target.loc["advocacy_limit", "value"] == pytest.approx(found.advocacy_limit)
    assert np.isnan(target.loc["sceptical_limit", "value"])
    assert (
        "Not convincing: even a reader with no prior doubts is only 93% sure"
        in target.loc["sceptical_limit", "sentence"]
    )
    assert target.loc["bayes_factor", "value"] == pytest.approx(bt.bayes_factor(0.952, 0.659, 5.0))
    assert target.loc["robustness_value", "value"] == pytest.approx(
        bt.robustness_value(0.952 / 0.659, 137).rv
    )
    design = bt.retrodesign(0.5, 0.659)
    assert target.loc["exaggeration", "value"] == pytest.approx(design.type_m)
    assert target.loc["wrong_sign", "value"] == pytest.approx(design.type_s)
    share = (0.043 / 0.066) ** 2 / ((0.043 / 0.066) ** 2 + 137)
    left = bt.confounder_bounds(0.952, 0.659, 137, benchmark_outcome=share)
    assert target.loc["benchmark", "value"] == pytest.approx(left.estimate)


def test_cases_to_be_replaced_are_franks():
    """Frank et al. (2013): a share 1 - (critical t x s.e.) / estimate of the cases, 3 of 4 for a t of 7.86 and 1.96."""
    found = answered(asked("7.857", "1.0", n=200, df=10**7))
    assert found.loc["cases_replaced", "value"] == math.ceil(200 * (1 - stats.norm.ppf(0.975) / 7.857))
    assert "150 cases 41 (27%)" in answered(asked(hoped=1.0, n=150)).loc["cases_replaced", "sentence"]
    assert "needs n" in answered(asked()).loc["cases_replaced", "sentence"]


def test_a_replication_has_its_predictive_probability(target):
    weight = 25 / (25 + 0.659**2)
    predictive = stats.norm(0.952 * weight, math.sqrt(weight * 0.659**2 + 0.659**2))
    # the likelihood is normal with 137 degrees of freedom, significance is t
    assert target.loc["replication", "high"] == pytest.approx(predictive.sf(0), abs=2e-3)
    edge = stats.t(137).ppf(0.975) * 0.659
    assert target.loc["replication", "value"] == pytest.approx(predictive.sf(edge), abs=5e-3)


def test_a_next_study_of_the_size_named_convinces_with_the_chance_named(target):
    """Simulated: the effect as estimated, a study with the precision of that many cases, both together."""
    cases, rng = target.loc["next_study", "value"], np.random.default_rng(1)
    weight = 25 / (25 + 0.659**2)
    mean, sd = 0.952 * weight, 0.659 * math.sqrt(weight)
    new = 0.659 * math.sqrt(150 / cases)
    y = rng.normal(mean, new, 200_000)
    precision = sd**-2 + new**-2
    z = (mean / sd**2 + y / new**2) / math.sqrt(precision)
    assert (z > stats.norm.ppf(0.95)).mean() == pytest.approx(0.8, abs=0.01)


def test_publication_goes_through_assumed_weights_and_estimates_none(target):
    row = target.loc["publication"]
    assert "assumed probability of 1, .5, .1 or .01" in row["sentence"] and row["low"] < row["high"] < 0.95
    few = answered(
        bt.read_estimates(
            case("tables/few_clusters.csv"), focus="England x post", better="lower", smallest=1, clusters=6
        )
    )
    assert few.loc["publication", "value"] == pytest.approx(0.148, abs=0.002)


def test_ratios_are_answered_as_ratios():
    found = answered(
        bt.read_estimates(
            case("tables/qof_odds_ratios.csv"),
            focus="25-50%",
            better="lower",
            smallest=0.95,
            ratio="odds ratio",
        )
    )
    assert found.loc["sceptical_limit", "value"] == pytest.approx(
        math.exp(bt.reverse_bayes(-0.1485, 0.01805).sceptical_limit), abs=1e-4
    )
    assert found.loc["e_value", "value"] == pytest.approx(
        1 / 0.862 + math.sqrt(1 / 0.862 * (1 / 0.862 - 1)), abs=0.002
    )
    assert "an odds ratio of 0.95" in found.loc["exaggeration", "sentence"]
    assert "see the E-value" in found.loc["robustness_value", "sentence"]


def test_at_the_edge_of_significance_the_sentences_agree_with_one_another():
    table = "term,estimate,se\nTarget,-3.6,1.4\nOther,1.2,.9\n"
    few = answered(bt.read_estimates(table, focus="Target", better="lower", smallest=1, clusters=6))
    assert few.loc["robustness_value", "low"] == 0  # one predictor more takes a degree of freedom
    assert "near the edge of significance" in few.loc["robustness_value", "sentence"]
    assert few.loc["fail_safe", "sentence"].startswith("Less than one further evaluation")


def test_an_interval_that_includes_none_needs_no_omitted_cause():
    table = "term,RR,low,high\nTarget,1.2,.9,1.6\n"
    found = answered(
        bt.read_estimates(table, focus="Target", better="higher", smallest=1.1, ratio="risk ratio")
    )
    assert found.loc["e_value", "sentence"].endswith("whose 95% interval includes none already.")
    assert "of a risk ratio see" in found.loc["robustness_value", "sentence"]


def test_a_hazard_ratio_of_a_common_outcome_is_turned_into_a_risk_ratio():
    table = "term,HR,low,high\nTarget,.70,.52,.94\n"
    found = answered(
        bt.read_estimates(table, focus="Target", better="lower", smallest=0.9, ratio="hazard ratio")
    )
    # VanderWeele & Ding (2017): RR = (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)) = 0.781 = 1 / 1.280.
    expected = 1.2801 + math.sqrt(1.2801 * 0.2801)
    assert f"if the outcome is common (above 15%), {expected:.2f}." in found.loc["e_value", "sentence"]


def test_a_bayes_factor_is_refused_where_nothing_says_how_large_effects_are():
    row = answered(asked("250", "40")).loc["bayes_factor"]
    assert np.isnan(row["value"]) and "give hoped" in row["sentence"] and row["low"] > 0
    unit = answered(asked("250", "40", n=100)).loc["bayes_factor"]
    assert unit["value"] == pytest.approx(bt.bayes_factor(250, 40, n=100, df=97))


@pytest.mark.parametrize("known", [{}, {"hoped": 10.0}, {"n": 100}])
def test_an_overwhelming_estimate_has_every_answer(known):
    found = answered(asked("250", "1.5", **known))
    assert "over 10 million to 1 for an effect" in found.loc["bayes_factor", "sentence"]
    assert found["sentence"].str.endswith(".").all()


@pytest.mark.parametrize(
    ("clusters", "words"),
    [
        (2, "for any reader who already held effects of its direction"),
        (6, "none and a risk ratio of over 10 million for likely."),
    ],
)
def test_a_limit_beyond_all_ratios_is_said_in_words(clusters, words):
    """The interval ends just below 1 by any degrees of freedom, so that the limit is far beyond what a ratio can be."""
    table = "term,RR,low,high\nTarget,1.62697,.999855,2.64743\n"
    edge = bt.read_estimates(
        table, focus="Target", better="lower", smallest=2.0, ratio="risk ratio", clusters=clusters
    )
    assert words in answered(edge).loc["advocacy_limit", "sentence"]


def test_a_bounded_standard_error_is_still_a_benchmark():
    found = answered(
        bt.read_estimates(case("tables/betas_p.csv"), focus="Target", better="higher", smallest=0.1, n=147)
    )
    assert "as strong as Deprivation" in found.loc["benchmark", "sentence"]


def test_all_that_is_missing_is_asked_for_at_once():
    frame = pd.DataFrame({"term": ["Target", "Size"], "estimate": ["1.0", "2.0"], "se": ["0.5", "1.0"]})
    bare = bt.read_estimates(frame)
    with pytest.raises(bt.DataError) as caught:
        answered(bare)
    for part in ("focus, the term in question (one of 'Target', 'Size')", "better", "smallest"):
        assert part in str(caught.value)
    with pytest.raises(bt.DataError, match="robustness needs smallest, the smallest effect worth having"):
        answered(bt.read_estimates(frame, focus="Target", better="higher"))


def test_several_terms_in_question_each_have_their_rows():
    both = answered(asked(focus=["Target", "Deprivation"], hoped=1.0))
    assert both.index.names == ["term", "question"] and len(both) == 2 * len(QUESTIONS)
