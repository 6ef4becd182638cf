"""Several evaluations in one table become estimates by study."""

import math

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from cases import CASES, besides, case

TRIALS = "study,events_treated,n_treated,events_control,n_control\n"
ARMS = "study,mean_treated,sd_treated,n_treated,mean_control,sd_control,n_control\nA,5.2,2,30,4,2.4,25\n"


def numbers(evaluation, study):
    return evaluation.estimates.loc[study, ["estimate", "se"]].astype(float).tolist()


def test_estimates_with_standard_errors_are_read_by_study():
    several = bt.read_evaluations(case("evaluations/norway_diagnoses.csv"), better="lower")
    assert several.estimates.index.name == "study"
    assert numbers(several, "Asthma") == [-0.006, 0.005]
    assert (several.better, several.moderators, several.focus) == ("lower", (), None)


def test_counts_by_arm_become_log_risk_ratios_and_the_rest_moderators():
    trials = bt.read_evaluations(case("evaluations/bcg.csv"), ratio="risk ratio", better="lower")
    # Colditz et al. (1994), as metafor's dat.bcg gives them.
    assert numbers(trials, "Aronson 1948") == pytest.approx([-0.8893, math.sqrt(0.3256)], abs=1e-4)
    assert numbers(trials, "Comstock et al 1976") == pytest.approx([-0.0173, math.sqrt(0.0714)], abs=1e-4)
    assert trials.moderators == ("latitude",)
    assert trials.estimates.loc["TPT Madras 1980", "latitude"] == 13


def test_an_estimate_with_its_error_wins_over_correlation_and_n():
    studies = bt.read_evaluations(
        "study,r,n,estimate,se\nKim (2001),0.02,208,0.020002667306849582,0.06984302957695782\n"
    )
    assert numbers(studies, "Kim (2001)") == [0.020002667306849582, 0.06984302957695782]
    assert studies.moderators == ()


def test_correlations_alone_become_fishers_z():
    studies = bt.read_evaluations("study,r,n\nA,.21,115\n")
    assert numbers(studies, "A") == pytest.approx([0.21317134656485978, 0.0944911182523068])
    assert any("Fisher's z" in note for note in studies.notes)


@besides("cases/evaluations/passive_smoking.csv")
def test_negative_ratios_are_logarithms_already():
    studies = bt.read_evaluations(
        CASES / "evaluations/passive_smoking.csv", ratio="odds ratio", better="lower"
    )
    assert numbers(studies, "Chan 1982") == pytest.approx([-0.287682, 0.282233], abs=1e-6)
    assert "The table prints logarithms of odds ratios." in studies.notes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # 4 of 123 against 11 of 139
        (
            {"ratio": "odds ratio"},
            [math.log(4 * 128 / (119 * 11)), math.sqrt(1 / 4 + 1 / 119 + 1 / 11 + 1 / 128)],
        ),
        (
            {"effect": "risk difference"},
            [4 / 123 - 11 / 139, math.sqrt(4 * 119 / 123**3 + 11 * 128 / 139**3)],
        ),
    ],
)
def test_counts_give_the_effect_that_is_asked_for(options, expected):
    assert numbers(bt.read_evaluations(TRIALS + "A,4,123,11,139\n", **options), "A") == pytest.approx(
        expected
    )


def test_a_zero_cell_gets_the_correction_and_the_other_trials_do_not():
    trials = bt.read_evaluations(TRIALS + "A,0,10,5,10\nB,4,123,11,139\n", ratio="odds ratio")
    assert numbers(trials, "A")[0] == pytest.approx(math.log((0.5 / 10.5) / (5.5 / 5.5)))
    assert numbers(trials, "B")[0] == pytest.approx(math.log(4 * 128 / (119 * 11)))
    assert any("0.5 is added to all four cells where one is empty: A." in note for note in trials.notes)
    smaller = bt.read_evaluations(TRIALS + "A,0,10,5,10\n", ratio="odds ratio", continuity=0.1)
    assert numbers(smaller, "A")[0] == pytest.approx(math.log(0.1 / 10.1))


def test_means_by_arm_become_a_difference_with_welchs_degrees_of_freedom():
    study = bt.read_evaluations(ARMS)
    variances = np.array([4 / 30, 2.4**2 / 25])
    assert numbers(study, "A") == pytest.approx([1.2, math.sqrt(variances.sum())])
    df = variances.sum() ** 2 / (variances**2 / [29, 24]).sum()
    assert study.estimates.loc["A", "df"] == pytest.approx(df)


def test_a_standardised_difference_has_hedges_exact_correction():
    study = bt.read_evaluations(ARMS, effect="standardised difference")
    pooled = math.sqrt((29 * 4 + 24 * 2.4**2) / 53)
    g = (1 - 3 / (4 * 53 - 1)) * 1.2 / pooled  # the usual approximation of the exact factor
    assert numbers(study, "A") == pytest.approx([g, math.sqrt(1 / 30 + 1 / 25 + g**2 / 110)], abs=2e-4)


def test_a_correlation_within_groups_gives_the_covariance():
    text = "study,estimate,se,group\nA1,.1,.2,A\nA2,.3,.1,A\nB,.2,.3,B\n"
    several = bt.read_evaluations(text, correlation=0.5)
    np.testing.assert_allclose(several.covariance, [[0.04, 0.01, 0], [0.01, 0.01, 0], [0, 0, 0.09]])
    assert several.estimates["group"].tolist() == ["A", "A", "B"]


def test_a_covariance_is_taken_by_its_labels():
    text = "study,estimate,se\nA,.1,.2\nB,.3,.1\n"
    matrix = pd.DataFrame([[0.01, 0.004], [0.004, 0.04]], index=["B", "A"], columns=["B", "A"])
    assert bt.read_evaluations(text, covariance=matrix).covariance.loc["A", "A"] == 0.04


@pytest.mark.parametrize(
    ("text", "options", "asks"),
    [
        (TRIALS + "A,4,123,11,139\n", {}, "ratio='risk ratio'"),
        (TRIALS + "A,124,123,11,139\n", {"ratio": "risk ratio"}, "at most n_treated"),
        (TRIALS + "A,4.5,123,11,139\n", {"ratio": "risk ratio"}, "whole number"),
        (TRIALS + "A,0,123,11,139\n", {"ratio": "risk ratio", "continuity": 0}, "continuity above 0"),
        ("study,r,n\nA,1.2,40\n", {}, "between -1 and 1"),
        ("study,estimate,se\nA,1,.1\nA,2,.1\n", {}, "each study once"),
        ("study,estimate,se,year\nA,1,.1,\n", {"moderators": ["year"]}, "expected a number for every study"),
        ("study,estimate,se\nA,1,.1\n", {"moderators": ["yaer"]}, "no column 'yaer'"),
        ("study,estimate,se\nA,1,.1\nB,1,.1\n", {"correlation": 0.5}, "no groups"),
        ("study,estimate,se\nA,1,.1\nB,1,.1\n", {"covariance": [[1, 2], [2, 1]]}, "positive definite"),
    ],
)  # fmt: skip
def test_what_is_wrong_or_missing_is_named(text, options, asks):
    with pytest.raises(bt.DataError, match=asks):
        bt.read_evaluations(text, **options)


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("bcg.csv", {"ratio": "risk ratio", "better": "lower", "smallest": 0.9}),
        ("norway_diagnoses.csv", {"unit": "visits"}),
    ],
)
def test_what_is_written_is_read_again(file, options, tmp_path):
    before = bt.read_evaluations(case(f"evaluations/{file}"), **options)
    before.to_csv(tmp_path / "again.csv")
    after = bt.read_evaluations(tmp_path / "again.csv")
    pd.testing.assert_frame_equal(after.estimates, before.estimates)
    fields = "better unit smallest ratio moderators notes"
    assert [getattr(after, f) for f in fields.split()] == [getattr(before, f) for f in fields.split()]


@pytest.mark.parametrize("name", ["Overall", "Pooled effect", "Random-effects model (REML)", "Total:"])
def test_the_pooled_row_of_a_forest_plot_is_no_study(name):
    read = bt.read_evaluations(f"study,estimate,se\nA,1,.5\nB,2,.4\n{name},1.61,.31\n")
    assert list(read.estimates.index) == ["A", "B"]
    assert f"{name}." in next(note for note in read.notes if note.startswith("Not read as a study"))


def test_pooled_rows_of_subgroups_are_no_studies():
    groups = "A,1,.5\nB,2,.4\nSubtotal (I-squared = 0%),1.61,.31\nC,.1,.5\nD,.2,.5\nSub-total,.15,.35\nOverall,.97,.23\n"
    assert list(bt.read_evaluations(f"study,estimate,se\n{groups}").estimates.index) == ["A", "B", "C", "D"]


def test_a_row_called_total_that_is_no_pooled_result_is_asked_about():
    with pytest.raises(bt.DataError, match="row 3, column 'study': found 'Total', expected a study"):
        bt.read_evaluations("study,estimate,se\nA,1,.5\nB,2,.4\nTotal,1.61,.6\n")


def test_a_study_with_a_bound_alone_is_refused_by_name_or_left_out():
    text = "study,estimate,p\nA,.42,.03\nB,.3,<.05\nC,.1,.4\n"
    with pytest.raises(bt.DataError) as caught:
        bt.read_evaluations(text)
    message = str(caught.value)
    assert (
        "no standard error is known of row 2 (B: at most 0.179, from the estimate and p (normal))" in message
    )
    assert "leave such rows out (incomplete='drop')" in message
    for covariance in (None, np.diag([0.1935, 1.0, 0.1188]) ** 2):
        read = bt.read_evaluations(text, incomplete="drop", covariance=covariance)
        assert read.estimates.index.tolist() == read.printed.index.tolist() == ["A", "C"]
        assert "Left out, as no standard error is known of them: B." in read.notes
        assert covariance is None or read.covariance.shape == (2, 2)
    with pytest.raises(bt.DataError, match="no study has a standard error"):
        bt.read_evaluations("study,estimate,p\nB,.3,<.05\n", incomplete="drop")
    with pytest.raises(bt.DataError, match="incomplete is 'maybe'"):
        bt.read_evaluations(text, incomplete="maybe")


def test_repr_shows_what_was_read():
    read = bt.read_evaluations("study,estimate,vi\nA,.42,.03\nB,.3,.02\n", better="higher", unit="points")
    assert repr(read).splitlines() == [
        "<Evaluation text: 2 studies; better higher; unit points",
        "  - Columns are read by their names: 'vi' as variance.",
        "  - Standard errors computed from the variance: all 2.>",
    ]
    read = bt.read_estimates("term,estimate,p\nTarget,.4,<.05\n")
    assert repr(read).startswith("<Evaluation text: 1 term; no standard error: Target\n")
