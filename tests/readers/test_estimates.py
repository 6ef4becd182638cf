"""Printed tables of every form become the numbers that stand in them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt

TABLES = Path(__file__).parents[2] / ".." / "shared" / "cases" / "tables"


def row(evaluation, term):
    return evaluation.estimates.loc[term, ["estimate", "se", "se_low", "se_high", "df"]].astype(float)


# ---- the shared tables ----


def test_a_slope_with_its_standard_error_and_star():
    beds = bt.read_estimates(
        TABLES / "norway_beds.csv",
        focus="Reform x treat",
        better="lower",
        smallest=0.01,
        clusters=430,
        stars="*:.10 **:.05 ***:.01",
        tails=1,
    )
    assert row(beds, "Reform x treat").tolist() == pytest.approx([-0.0314, 0.0190, 0.01895, 0.01905, 429])
    assert beds.printed.loc["Reform x treat"].tolist() == ["-.0314", ".0190", "**"]
    assert (beds.stars, beds.tails) == ({"*": 0.10, "**": 0.05, "***": 0.01}, 1)


def test_t_in_brackets_gives_the_standard_error_over_the_rounding_of_both():
    table = bt.read_estimates(TABLES / "relative_targets_t.csv", focus="Contractibility", n=244)
    assert row(table, "Contractibility").round(4).tolist() == [0.049, 0.0214, 0.0212, 0.0216, 239]


def test_the_interval_of_an_odds_ratio_is_symmetric_in_logs():
    table = bt.read_estimates(TABLES / "qof_odds_ratios.csv", ratio="odds ratio", smallest=0.95)
    assert row(table, "25-50%").round(5).tolist()[:2] == [-0.14850, 0.01805]
    assert table.ratio == "odds ratio"


def test_an_interval_gives_the_standard_error():
    assert row(bt.read_estimates(TABLES / "knowsley_did.csv"), "DiD")["se"] == pytest.approx(0.921, abs=5e-4)


def test_few_clusters_leave_few_degrees_of_freedom():
    few = bt.read_estimates(TABLES / "few_clusters.csv", clusters=6)
    assert row(few, "England x post").tolist() == pytest.approx([-3.6, 1.4, 1.35, 1.45, 5])
    assert any("Stars are not checked" in note for note in few.notes)


def test_p_gives_the_standard_error_and_a_bound_gives_a_bound():
    betas = bt.read_estimates(TABLES / "betas_p.csv", n=147)
    assert row(betas, "Target").round(4).tolist() == [0.21, 0.0970, 0.0944, 0.0996, 143]
    bound = row(betas, "Deprivation")
    assert np.isnan(bound["se"])
    assert (bound["se_low"], round(bound["se_high"], 4)) == (0, 0.1057)


def test_the_names_of_broom_are_known():
    table = bt.read_estimates(TABLES / "broom.csv")
    assert table.constants == ("(Intercept)",)
    assert table.printed.loc["target"].tolist() == ["1.2", "0.45", "2.667", "0.0085", "0.31", "2.09"]


def test_a_frame_of_numbers_and_one_of_texts_are_read():
    numbers = pd.DataFrame({"estimate": [0.952], "se": [0.659]}, index=pd.Index(["Target"], name="term"))
    assert row(bt.read_estimates(numbers), "Target").tolist()[:4] == pytest.approx(
        [0.952, 0.659, 0.6585, 0.6595]
    )
    texts = pd.DataFrame({"term": ["Target"], "estimate": [".950"], "se": [".66"]})
    assert bt.read_estimates(texts).printed.loc["Target"].tolist() == [".950", ".66"]


def test_header_lines_say_the_same_as_options_which_win():
    text = "# focus: Target\n# better: lower\n# smallest: .5\n# clusters: 6\nterm,estimate,se\nTarget,1,2\n"
    table = bt.read_estimates(text, better="higher")
    assert (table.focus, table.better, table.smallest, table.clusters) == ("Target", "higher", 0.5, 6)


def test_a_fitted_model_keeps_its_covariance():
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    x = pd.DataFrame({"const": 1.0, "target": rng.normal(size=40), "size": rng.normal(size=40)})
    fitted = sm.OLS(x["target"] + rng.normal(size=40), x).fit()
    table = bt.read_estimates(fitted, focus="target")
    np.testing.assert_allclose(table.estimates["se"], fitted.bse)
    np.testing.assert_allclose(table.covariance, fitted.cov_params())
    assert (table.n, row(table, "target")["df"], table.constants) == (40, 37, ("const",))
    assert row(table, "target")["se_low"] == row(table, "target")["se_high"]


@pytest.mark.parametrize(
    ("file", "options"),
    [
        (
            "norway_beds.csv",
            {"focus": "Treat", "stars": "*:.1 **:.05 ***:.01", "tails": 1, "better": "lower"},
        ),
        ("qof_odds_ratios.csv", {"ratio": "odds ratio", "hoped": 0.9, "smallest": 0.95}),
        ("betas_p.csv", {"n": 147}),
        ("broom.csv", {"focus": ("target", "deprivation")}),
    ],
)
def test_a_written_evaluation_is_read_again_as_it_was(file, options, tmp_path):
    before = bt.read_estimates(TABLES / file, **options)
    before.to_csv(tmp_path / "again.csv")
    after = bt.read_estimates(tmp_path / "again.csv")
    pd.testing.assert_frame_equal(after.estimates, before.estimates)
    pd.testing.assert_frame_equal(after.printed, before.printed)
    fields = "focus better unit smallest hoped ratio n clusters df level stars tails reference source notes"
    assert {f: getattr(after, f) for f in fields.split()} == {f: getattr(before, f) for f in fields.split()}


# ---- what is asked about ----


@pytest.mark.parametrize(
    ("text", "options", "asks"),
    [
        ("term,OR,low,high\nA,.9,.8,1.01\n", {}, "ratio="),
        ("term,OR,se\nA,.9,.1\n", {"ratio": "odds ratio"}, "logs="),
        ("term,estimate\nA,.9*\n", {}, "stars="),
        ("term,estimate\nA,.9 (.1)\n", {}, "brackets="),
        ("term,estimate,se\nA,.9,.1\n", {"focus": "B"}, "focus"),
        ("term,estimate,se\nA,.9,-2.1\n", {}, "row 1, column 'se'"),
        ("term,estimate,se\nA,1,.1\nA,2,.1\n", {}, "row 2, column 'term'"),
        ('term,estimate,se\nA,"1,234",1\n', {}, "decimal="),
    ],
)
def test_a_number_with_two_meanings_is_asked_about(text, options, asks):
    with pytest.raises(bt.DataError, match=asks):
        bt.read_estimates(text, **options)
