"""The page of several evaluations says what the posterior says, of the user's own studies."""

import math

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.comparison.pooled import Question, study_table, summarise, weight_at_no_effect
from bayes_targets.report.pool import further_models, options_of, pool_result, require_question
from bayes_targets.run import main
from cases import case

pytestmark = pytest.mark.usefixtures("undrawn")

NORWAY = case("evaluations/norway_diagnoses.csv")
PRIORS = {"mu": bt.Normal(0, 0.05), "tau": bt.HalfNormal(0.01)}


@pytest.fixture(scope="module")
def question():
    several = bt.read_evaluations(NORWAY, better="lower", smallest=0.005)
    return Question(several, options_of(several, {}, {"priors": PRIORS}))


def fit(model, draws=1000):
    posterior = bt.fit(model, seed=1, draws=draws, progress=False, pointwise=False)
    bt.require(bt.diagnose(posterior))
    return posterior


@pytest.fixture(scope="module")
def pooled(question):
    return fit(question.model())


@pytest.fixture(scope="module")
def result(question, pooled):
    more = {
        kind: {f"{kind}: {name}": fit(model, 200) for name, model in models.items()}
        for kind, models in further_models(question).items()
    }
    return pool_result(question, pooled, more, source="norway.csv")


def test_the_summary_is_of_the_new_place_too(question, pooled):
    table = summarise(pooled, question.several)
    assert table.loc["mu", "prob_better"] == pytest.approx(0.87, abs=0.005)
    assert table.loc["new_effect", "prob_better"] == pytest.approx(0.783, abs=0.005)
    assert table.loc["new_effect", "prob_more"] < table.loc["new_effect", "prob_better"]
    assert 0 < table.loc["i2", "mean"] < 1


def test_weights_add_up_and_shrinkage_is_strongest_where_errors_are_large(question, pooled):
    table = study_table(pooled, question.several)
    assert table["weight"].sum() == pytest.approx(100)
    assert table["shrinkage"].idxmax() == "COPD"
    assert table["shrinkage"].idxmin() == "Diabetes"


GROUPED = """study,estimate,se,group,age,size
A1,.6,.2,A,20,1
A2,.1,.15,A,25,3
B1,.4,.1,B,31,2
B2,-.1,.2,B,40,5
C,.9,.3,C,22,4
D,.2,.25,D,28,4
"""


@pytest.mark.parametrize("correlation", [None, 0.5])
def test_weights_of_grouped_estimates_are_those_of_the_mean(correlation):
    several = bt.read_evaluations(GROUPED, better="higher")
    priors = bt.MetaPriors(mu=bt.Normal(0, 1), tau=0.3, tau_within=0.1)
    model = bt.meta_model(several, group="group", correlation=correlation, priors=priors)
    se, same = several.estimates["se"].to_numpy(), np.equal.outer(list("AABBCD"), list("AABBCD"))
    covariance = np.where(same, correlation or 0, 0) * np.outer(se, se) + (1 - (correlation or 0)) * np.diag(
        se**2
    )
    weight = np.linalg.solve(covariance + 0.3**2 * same + 0.1**2 * np.eye(6), np.ones(6))
    table = study_table(fit(model, 100), several)
    assert table["weight"].to_numpy() == pytest.approx(100 * weight / weight.sum())


def test_a_selection_without_an_exact_posterior_is_not_tried_and_named():
    several = bt.read_evaluations(GROUPED, better="higher", hoped=0.3)
    question = Question(several, {"group": "group", "moderators": ["age"], "pooling": "partial"})
    tried = question.selections()
    assert "fewer printed above one-sided p .025" in tried
    assert "fewer above one-sided p .025, fewer still above .05" not in tried
    found = {f"selection: {name}": fit(model, 100) for name, model in list(tried.items())[:1]}
    result = pool_result(question, fit(question.model(), 100), {"selection": found}, source="t.csv")
    assert "no exact posterior under it" in result.methods[-1]
    assert "For one unit more of age" in result.tables["summary"].shown.index


def test_leaving_a_study_out_is_a_fit_without_it(question):
    model = question.left_out()["Asthma"]
    assert "Asthma" not in model.data["study"].to_numpy()
    assert model.data.sizes["study"] == 7
    assert str(model.priors.mu) == "Normal(0, 0.05)"


def test_the_page_answers_in_a_sentence_of_the_users_studies(result):
    assert "Over 8 evaluations the mean effect is −0.00287" in result.answer
    assert any(point.startswith("In a new place: better with 78%") for point in result.points)
    assert result.title == "8 evaluations together"
    for word in ("helped", "caused", "Andrews", "reduced"):
        assert word not in result.answer


def test_the_page_has_every_table_and_figure(result):
    expected = {
        "summary",
        "weights",
        "comparison",
        "selection",
        "stated_weights",
        "average",
        "inclusion",
        "priors",
        "audit",
    }
    assert expected <= set(result.tables)
    assert set(result.pictures) == {"forest", "funnel"}
    assert result.tables["weights"].frame.loc["Heart failure", "mean_without"] == pytest.approx(
        -0.0039, abs=2e-4
    )


def test_selection_moves_the_answer_as_the_exact_posterior_says(result):
    table = result.tables["selection"].frame
    assert table.loc["fewer printed above one-sided p .025", "mean"] == pytest.approx(-0.002264, abs=2e-5)
    assert table["bayes_factor"].iloc[0] == 1.0


def test_bayes_factors_depend_on_the_prior_and_say_so(result):
    sweep = result.tables["priors"].frame
    assert sweep["bayes_factor"].is_monotonic_decreasing
    assert any("depend on the priors" in limit for limit in result.limits)


def test_the_weight_at_which_nothing_is_left(result, question):
    table = result.tables["stated_weights"].frame
    at = weight_at_no_effect(table, question.several)
    assert 0.1 < at < 0.2  # the mean changes sign between these two


def test_wide_defaults_give_no_bayes_factor():
    several = bt.read_evaluations(NORWAY, better="lower")
    wide = Question(several)
    assert "family" not in further_models(wide)
    pooled = fit(wide.model())
    tables = pool_result(wide, pooled, {"selection": {"selection: no selection": pooled}}).tables
    assert "bayes_factor" not in tables["selection"].frame


def test_the_favourable_direction_is_asked_for():
    several = bt.read_evaluations(NORWAY)
    with pytest.raises(bt.DataError, match="better='higher' or 'lower'"):
        require_question(Question(several))


def test_options_of_the_command_line_are_those_of_the_model():
    frame = pd.DataFrame(
        {"study": list("abcd"), "estimate": [0.1, 0.2, 0.3, 0.1], "se": [0.1] * 4, "year": [1, 2, 3, 4]}
    )
    several = bt.read_evaluations(frame, better="higher")
    found = options_of(
        several, {"moderators": ["year"]}, {"selection": "two:0.05,0.1", "pooling": "complete"}
    )
    assert found["selection"] == bt.Steps((0.05, 0.1), "two")
    assert found["moderators"] == ["year"]
    assert found["pooling"] == "complete"
    with pytest.raises(bt.DataError, match="not a parameter of this model"):
        options_of(several, {}, {"priors": {"sigma": bt.Normal(0, 1)}})


def test_figures_show_ratios_and_moderators():
    frame = pd.DataFrame(
        {
            "study": list("abcd"),
            "estimate": [0.5, 0.8, 1.2, 0.6],
            "low": [0.3, 0.5, 0.7, 0.4],
            "high": [0.83, 1.28, 2.05, 0.9],
            "year": [1, 2, 3, 5],
        }
    )
    several = bt.read_evaluations(frame, better="lower", ratio="odds ratio", hoped=0.8, moderators=["year"])
    posterior = fit(bt.meta_model(several, moderators=["year"]))
    axis = bt.plot_pooled(posterior, several).axes[0].xaxis
    assert [np.exp(at) for at in axis.get_ticklocs()] == pytest.approx(
        [float(label.get_text()) for label in axis.get_ticklabels()]
    )
    assert bt.plot_funnel(several, posterior).axes[0].get_ylim()[1] == 0.0
    assert bt.plot_bubble(posterior, several, "year", title="By year").get_suptitle() == "By year"
    with pytest.raises(bt.DataError, match="no moderator 'size'"):
        bt.plot_bubble(posterior, several, "size")


def test_the_command_line_gives_the_same_numbers(tmp_path):
    """Selection asked for; the tables hold the answer without it too."""
    words = [
        "pool",
        "--data",
        str(NORWAY),
        "--better",
        "lower",
        "--selection",
        "one:.025",
        "--draws",
        "300",
        "--quiet",
    ]
    words += [
        "--prior",
        "mu=Normal(0, 0.05)",
        "tau=HalfNormal(0.01)",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 0
    folder = tmp_path / "out" / "pool"
    summary = pd.read_csv(folder / "summary.csv", index_col="quantity")
    assert summary.loc["mu", "mean"] == pytest.approx(-0.002264, abs=3e-5)
    assert summary.loc["weight (p > 0.025)", "mean"] == pytest.approx(0.689861, abs=0.01)
    selection = pd.read_csv(folder / "selection.csv", index_col="assumption")
    assert selection.loc["no selection", "mean"] == pytest.approx(-0.0028737, abs=3e-5)
    factor = selection.loc["fewer printed above one-sided p .025", "bayes_factor"]
    assert factor == pytest.approx(math.exp(24.638415 - 25.3841776), rel=1e-4)


def test_a_mean_that_is_assumed_is_no_finding():
    several = bt.read_evaluations("study,estimate,se\nA,.2,.1\nB,.3,.12\nC,.1,.2\n", better="higher")
    question = Question(several, {"priors": bt.MetaPriors(mu=0.0, tau=bt.HalfNormal(0.2))})
    result = pool_result(question, fit(question.model(), 200), {}, source="t.csv")
    assert (
        result.answer
        == "The mean effect of 3 evaluations is taken to be 0.00, as its prior says (higher is better)."
    )
    assert not any("favourable on average" in point for point in result.points)


# Two precise evaluations far apart: what estimates that rise with the variance leave of them has no end.
APART = "study,estimate,se\nA,0.37,0.0007\nB,0.637,0.0025\n"
LEFT_OUT = "estimates rise with the variance (PEESE)"


def run_pool(folder, text, *options):
    file = folder / "trials.csv"
    file.write_text(text, encoding="utf-8")
    arguments = ["pool", "--data", str(file), "--better", "higher", "--hoped", "0.05", "--draws", "200"]
    return main([*arguments, "--out", str(folder / "out"), *options]), folder / "out" / "pool"


def test_an_alternative_that_fails_its_gate_is_left_out_and_the_answer_stands(tmp_path):
    status, folder = run_pool(tmp_path, APART)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert status == 0
    assert "Over 2 evaluations the mean effect is 0.40" in page
    assert "1 of 6 selections was left out, so that what is said of selections is of the other 5." in page
    assert "too long a tail to be integrated (mass at the edge of the grid is 0.00" in page
    assert "Averaged over models" in page and "Of 24 models in the average 23 are reported." in page
    tried = pd.read_csv(folder / "selection.csv", index_col="assumption")
    assert np.isnan(tried.loc[LEFT_OUT, "mean"]) and tried["mean"].notna().sum() == 5
    assert tried.loc[LEFT_OUT, "note"].startswith("Not reported: its posterior")
    assert tried["note"].notna().sum() == 1
    average = pd.read_csv(folder / "average.csv", index_col="model")
    assert average["probability"].sum() == pytest.approx(1) and average["probability"].notna().sum() == 23
    checks = pd.read_csv(folder / "checks.csv")
    assert set(checks.loc[~checks["passed"] & (checks["kind"] == "gate"), "posterior"]) == {
        f"selection: {LEFT_OUT}",
        f"family: an effect, effects differ, {LEFT_OUT}",
    }


def test_an_answer_that_fails_its_gate_is_not_reported(tmp_path):
    status, folder = run_pool(tmp_path, APART, "--selection", "peese")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert status == 1
    assert "No posterior is reported" in page and "the mean effect is" not in page


def test_alternatives_without_an_exact_posterior_are_not_sampled(tmp_path):
    rows = "".join(
        f"{name},{estimate},{error}\n" for name, estimate, error in zip("abcde", FAR, FAR_SE, strict=True)
    )
    status, folder = run_pool(
        tmp_path, f"study,estimate,se\n{rows}", "--hoped", "-0.0005", "--better", "lower"
    )
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert status == 0
    assert (
        "6 of 6 stated probabilities of print were left out, so that no stated probabilities of print are"
        in page
    )
    assert "Prior and estimates are in conflict: without a prior the mean is 10.0" in page
    assert "over 10 million" in page


# Ten thousand standard errors from what was hoped for.
FAR, FAR_SE = (9.99921, 9.99908, 9.99815, 10.001, 9.99987), (0.00118, 0.00177, 0.00112, 0.00051, 0.00073)
