"""Printed tables of every form become the numbers that stand in them."""

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.evaluation import is_constant
from cases import case


def row(evaluation, term):
    return evaluation.estimates.loc[term, ["estimate", "se", "se_low", "se_high", "df"]].astype(float)


# ---- the shared tables ----


def test_a_slope_with_its_standard_error_and_star():
    beds = bt.read_estimates(
        case("tables/norway_beds.csv"),
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
    table = bt.read_estimates(case("tables/relative_targets_t.csv"), focus="Contractibility", n=244)
    assert row(table, "Contractibility").round(4).tolist() == [0.049, 0.0214, 0.0212, 0.0216, 239]


def test_the_interval_of_an_odds_ratio_is_symmetric_in_logs():
    table = bt.read_estimates(case("tables/qof_odds_ratios.csv"), ratio="odds ratio", smallest=0.95)
    assert row(table, "25-50%").round(5).tolist()[:2] == [-0.14850, 0.01805]
    assert table.ratio == "odds ratio"


def test_an_interval_gives_the_standard_error():
    assert row(bt.read_estimates(case("tables/knowsley_did.csv")), "DiD")["se"] == pytest.approx(
        0.921, abs=5e-4
    )


def test_few_clusters_leave_few_degrees_of_freedom():
    few = bt.read_estimates(case("tables/few_clusters.csv"), clusters=6)
    assert row(few, "England x post").tolist() == pytest.approx([-3.6, 1.4, 1.35, 1.45, 5])
    assert any("Stars are not checked" in note for note in few.notes)


def test_p_gives_the_standard_error_and_a_bound_gives_a_bound():
    betas = bt.read_estimates(case("tables/betas_p.csv"), n=147)
    assert row(betas, "Target").round(4).tolist() == [0.21, 0.0970, 0.0944, 0.0996, 143]
    bound = row(betas, "Deprivation")
    assert np.isnan(bound["se"])
    assert (bound["se_low"], round(bound["se_high"], 4)) == (0, 0.1057)


def test_the_names_of_broom_are_known():
    table = bt.read_estimates(case("tables/broom.csv"))
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


def test_a_regression_table_as_copied_from_a_page_holds_a_model_a_column():
    models = bt.read_estimates(
        case("tables/regression_as_printed.tsv"), brackets="se", focus=["Target", "Stretch"]
    )
    assert list(models) == ["Model 1", "Model 2"]
    one, two = models["Model 1"], models["Model 2"]
    assert (one.focus, one.n, two.focus, two.n) == ("Target", 150, "Stretch", 131)
    assert row(one, "Target").tolist()[:2] == [0.952, 0.659]
    assert row(two, "Stretch").tolist()[:2] == [0.651, 0.090]
    assert row(two, "Deprivation").tolist()[:2] == [-0.007, 0.047]
    assert (one.printed.loc["Target", "star"], two.printed.loc["Stretch", "star"]) == ("+", "**")
    chosen = bt.read_estimates(case("tables/regression_as_printed.tsv"), brackets="se", model="Model 2")
    assert chosen.heading == "Model 2"


ESTTAB = """\
------------------------------------------------------------
                      (1)             (2)
                    price           price
------------------------------------------------------------
mpg                -238.9***       -49.51
                  (-4.50)         (-0.57)

weight                              1.747**
                                   (2.72)

_cons             11253.1***       1946.1
                   (9.59)          (0.54)
------------------------------------------------------------
N                      74              74
------------------------------------------------------------
t statistics in parentheses
* p<0.05, ** p<0.01, *** p<0.001
"""
MODELSUMMARY = """\
|             | (1)       | (2)       |
|:------------|:---------:|:---------:|
| (Intercept) | 37.285*** | 39.686*** |
|             | (1.878)   | (1.715)   |
| wt          | -5.344\\*\\*\\* | -3.191*** |
|             | (0.559)   | (0.757)   |
| Num.Obs.    | 32        | 32        |
| R2          | 0.753     | 0.830     |

Standard errors in parentheses
"""
R_SUMMARY = """
            Estimate Std. Error t value Pr(>|t|)
(Intercept) 37.22727    1.59879  23.285  < 2e-16 ***
wt          -3.87783    0.63273  -6.129 1.12e-06 ***
hp          -0.03177    0.00903  -3.519  0.00145 **
---
Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1
"""


def test_esttab_says_in_its_note_what_stands_in_brackets_and_what_stars_mean():
    models = bt.read_estimates(ESTTAB)
    assert list(models) == ["(1)", "(2)"]
    assert row(models["(2)"], "weight")["se"] == pytest.approx(1.747 / 2.72)
    assert models["(1)"].stars == {"*": 0.05, "**": 0.01, "***": 0.001}
    assert "weight" not in models["(1)"].estimates.index
    assert (models["(1)"].n, models["(1)"].constants) == (74, ("_cons",))


def test_markdown_of_modelsummary_is_read_with_its_escaped_stars():
    model = bt.read_estimates(MODELSUMMARY)["(1)"]
    assert row(model, "wt").tolist() == pytest.approx([-5.344, 0.559, 0.5585, 0.5595, 30])
    assert model.printed.loc["wt", "star"] == "***"


def test_the_summary_that_r_prints_is_read():
    model = bt.read_estimates(R_SUMMARY)
    assert row(model, "hp").tolist()[:2] == [-0.03177, 0.00903]
    assert model.printed.loc["(Intercept)"].tolist() == ["37.22727", "1.59879", "23.285", "< 2e-16", "***"]
    assert model.stars == {"*": 0.05, "**": 0.01, "***": 0.001}


STATA = """\
------------------------------------------------------------------------------
       price | Coefficient  Std. err.      t    P>|t|     [90% conf. interval]
-------------+----------------------------------------------------------------
         mpg |  -49.51222   86.15604    -0.57   0.567    -193.1      94.1
      weight |   1.746559   .6413538     2.72   0.008      .6777      2.815
       _cons |   1946.069    3597.05     0.54   0.590    -4048.6     7940.7
------------------------------------------------------------------------------
"""
SUMMARY_COL = """
=====================================
                 y I          y II
-------------------------------------
const          1.2340***    1.3000***
               (0.1230)     (0.2000)
target         0.4560**
               (0.2000)
R-squared      0.1432       0.4921
R-squared Adj. 0.1300       0.4800
N              150          131
=====================================
Standard errors in parentheses.
* p<.1, ** p<.05, ***p<.01
"""
ETABLE = """\
                        m1                 m2
Dependent Var.:          y                  y

(Intercept)     1.234*** (0.123)   2.345** (0.789)
target          0.456* (0.200)     0.321 (0.250)
_______________ ________________   _______________
S.E. type                    IID              HC1
Observations                 150              131
R2                       0.14321          0.49210
"""


def test_what_stata_prints_is_read_with_the_level_of_its_intervals():
    model = bt.read_estimates(STATA)
    assert row(model, "weight").tolist()[:2] == [1.746559, 0.6413538]
    assert model.printed.loc["mpg"].tolist() == ["-49.51222", "86.15604", "-0.57", "0.567", "-193.1", "94.1"]
    assert (model.level, model.constants) == (0.9, ("_cons",))


def test_labels_that_touch_their_numbers_are_kept_apart_from_them():
    models = bt.read_estimates(SUMMARY_COL)
    assert list(models["y I"].estimates.index) == ["const", "target"]
    assert row(models["y II"], "const").tolist()[:2] == [1.3, 0.2]
    assert (models["y I"].n, models["y II"].n) == (150, 131)


def test_slopes_with_their_brackets_beside_them_are_read_by_model():
    models = bt.read_estimates(ETABLE, brackets="se")
    assert row(models["m2"], "target").tolist()[:2] == [0.321, 0.250]
    assert any("Rows not read" in note and "S.E. type" in note for note in models["m1"].notes)


def test_the_summary_that_statsmodels_prints_is_read():
    import statsmodels.api as sm

    x = np.column_stack([np.ones(30), np.arange(30.0)])
    fitted = sm.OLS(np.arange(30.0) * 2 + np.tile([1.0, -1.0], 15), x).fit()
    read = bt.read_estimates(str(fitted.summary()))
    assert read.estimates["estimate"].tolist() == pytest.approx(fitted.params, abs=1e-3)
    assert read.estimates["se"].tolist() == pytest.approx(fitted.bse, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("term,b (s.e.)\nTarget,.95* (.66)\n", {}, [0.95, 0.66]),
        ("term\tOR (95% CI)\nTarget\t0.50 (0.25–1.00)\n", {"ratio": "odds ratio"}, [-0.693147, 0.353653]),
        ("term,Coef.,90% CI\nTarget,1.0,.5 to 1.5\n", {}, [1.0, 0.303978]),
        ("term,estimate,variance\nTarget,1.0,.25\n", {}, [1.0, 0.5]),
        ("Variable,Model 1 b,Model 1 SE\nTarget,.95,.66\n", {}, [0.95, 0.66]),
        ("term;estimate;se\nTarget;0,95;0,66\n", {}, [0.95, 0.66]),
        ("term,estimate,se\nTarget,\u22121.5***,(0.5)\n", {}, [-1.5, 0.5]),
        ('term,estimate,se\nTarget,"1,234.5",100\n', {}, [1234.5, 100]),
        ("name,beta,p\nTarget,1.0,.05\n", {"df": 10, "columns": {"name": "term"}}, [1.0, 1 / 2.228139]),
    ],
)
def test_each_form_of_a_cell_gives_its_number(text, options, expected):
    assert row(bt.read_estimates(text, **options), "Target").tolist()[:2] == pytest.approx(expected, abs=1e-5)


def test_stars_alone_give_bounds_where_their_levels_are_given():
    table = bt.read_estimates("term,estimate\nA,1.00*\nB,1.00\nC,1.00**\n", stars="*:.05 **:.01", df=1000)
    low, high = table.estimates["se_low"], table.estimates["se_high"]
    assert table.estimates["se"].isna().all()
    assert (low["A"], high["A"]) == pytest.approx((0.995 / 2.5808, 1.005 / 1.9623), abs=1e-4)
    assert (low["B"], high["B"]) == (pytest.approx(0.995 / 1.9623, abs=1e-4), np.inf)
    assert low["C"] == 0


def test_a_p_of_000_is_a_bound_and_never_zero():
    table = bt.read_estimates("term,estimate,p\nA,1.00,.000\nB,1.00,ns\n")
    assert table.estimates["se"].isna().all()
    assert table.estimates.loc["A", "se_high"] == pytest.approx(1.005 / 3.4808, abs=1e-3)
    assert table.estimates.loc["B", "se_low"] == pytest.approx(0.995 / 1.96, abs=1e-3)


def test_reference_categories_are_no_slopes_and_a_rounded_zero_is():
    table = bt.read_estimates("term,estimate,se\nA,.5,.2\nUnitary,0,0\nB,Ref,\nC,0.00,0.00\n")
    assert table.reference == ("Unitary", "B")
    assert np.isnan(table.estimates.loc["C", "se"])
    assert table.estimates.loc["C", "se_high"] == pytest.approx(0.005)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".xlsx", ".parquet"])
def test_every_kind_of_file_gives_the_same_estimates(suffix, tmp_path):
    frame = pd.DataFrame({"term": ["Target", "Size"], "estimate": [0.952, -3.5], "std.error": [0.659, 0.125]})
    file = tmp_path / f"table{suffix}"
    if suffix == ".xlsx":
        frame.to_excel(file, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_csv(file, sep="\t" if suffix == ".tsv" else ",", index=False)
    read = bt.read_estimates(file).estimates
    assert read[["estimate", "se"]].to_numpy().tolist() == [[0.952, 0.659], [-3.5, 0.125]]


def test_a_fitted_model_that_only_tidies_is_read_with_its_covariance():
    class Fitted:
        _vcov, _N = np.diag([0.04, 0.01]), 50

        def tidy(self):
            index = pd.Index(["target", "size"], name="Coefficient")
            return pd.DataFrame({"Estimate": [1.2, 0.3], "Std. Error": [0.2, 0.1]}, index=index)

    read = bt.read_estimates(Fitted(), focus="target")
    assert row(read, "target").tolist() == pytest.approx([1.2, 0.2, 0.2, 0.2, 47])
    assert read.covariance.loc["size", "size"] == 0.01


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
    before = bt.read_estimates(case(f"tables/{file}"), **options)
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


def test_a_model_may_be_called_like_a_column_of_estimates():
    text = "term\tModel A\tModel B\nTarget\t.95 (.66)\t.42 (.20)\n"
    models = bt.read_estimates(text, brackets="se")
    assert list(models) == ["Model A", "Model B"]
    assert models["Model B"].estimates.loc["Target", "se"] == 0.20
    beside = bt.read_estimates(
        "term\tModel 1 b\tModel 1 SE\tModel 2 b\tModel 2 SE\nTarget\t.95\t.66\t.42\t.20\n"
    )
    assert {name: each.estimates.loc["Target", "se"] for name, each in beside.items()} == {
        "Model 1": 0.66,
        "Model 2": 0.20,
    }


def test_a_fitted_model_that_tests_by_the_normal_distribution_keeps_it():
    class Logit:
        params = pd.Series({"Intercept": 0.07, "Target": 0.15})
        bse = pd.Series({"Intercept": 0.33, "Target": 0.50})
        nobs, df_resid, use_t = 80, 78.0, False

    evaluation = bt.read_estimates(Logit(), focus="Target")
    assert np.isinf(evaluation.estimates["df"]).all()
    assert not [note for note in evaluation.notes if "less 1 printed" in note]
    assert bt.read_estimates(Logit(), df=78).estimates["df"].tolist() == [78, 78]
    again = bt.read_estimates(evaluation.to_csv())
    assert np.isinf(again.estimates["df"]).all()


def test_the_ratio_that_a_heading_names_is_the_one_suggested():
    with pytest.raises(bt.DataError, match="# ratio: hazard ratio"):
        bt.read_estimates("term,HR,low,high\nTarget,.78,.65,.94\n")


def test_degrees_of_freedom_are_read_from_the_output_of_software():
    r = """            Estimate Std. Error t value Pr(>|t|)
(Intercept)  37.2851     1.8776  19.858  < 2e-16 ***
wt           -5.3445     0.5591  -9.559 1.29e-10 ***
---
Residual standard error: 3.046 on 30 degrees of freedom
"""
    evaluation = bt.read_estimates(r)
    assert evaluation.estimates["df"].tolist() == [30, 30]
    assert "Read around the table: df 30." in evaluation.notes
    assert bt.read_estimates(r, clusters=8).estimates["df"].tolist() == [7, 7]
    stata = """ Linear regression        Number of obs   =      1,074
           y |      Coef.   Std. Err.      t    P>|t|     [95% Conf. Interval]
-------------+------
     treat |   2.10   1.00     2.10   0.037     .13   4.07
     _cons |   10.0   0.50     20.0   0.000     9.0   11.0
"""
    assert bt.read_estimates(stata).n == 1074
    assert bt.read_estimates(stata).estimates["df"].tolist() == [1072, 1072]
    logit = bt.read_estimates(stata.replace("P>|t|", "P>|z|"))
    assert logit.n == 1074
    assert np.isinf(logit.estimates["df"]).all()


def test_a_header_line_that_is_wrong_is_named_with_its_file_and_a_misspelt_one_is_noted():
    with pytest.raises(
        bt.DataError, match="text, header line 'smallest': smallest is '0,5', expected a number"
    ):
        bt.read_estimates("# smallest: 0,5\nterm,estimate,se\nTarget,1,.5\n")
    read = bt.read_estimates("# smalest: 0.5\n# Better: Lower\nterm;estimate;se\nTarget;1;.5\n")
    assert read.better == "lower" and read.smallest is None
    assert any("did you mean '# smallest: ...'" in note for note in read.notes)
    assert "Cells were taken to be separated by semicolons." in read.notes


class _Fitted:
    """A fitted model as pyfixest names its parts."""

    def __init__(self, term, nobs):
        self.table, self._N = pd.DataFrame({"Estimate": [1.0], "Std. Error": [0.5]}, index=[term]), nobs

    def tidy(self):
        return self.table.rename_axis("Coefficient")


def test_several_fitted_models_in_one_object_are_read_by_their_formulas():
    several = type("FixestMulti", (), {"tidy": lambda self: None})()
    several.all_fitted_models = {"y~a": _Fitted("a", 50), "y~b": _Fitted("b", 40)}
    read = bt.read_estimates(several, focus="b", better="higher")
    assert list(read) == ["y~a", "y~b"] and [read[name].n for name in read] == [50, 40]
    assert read["y~b"].focus == "b" and read["y~a"].focus is None
    assert bt.read_estimates(several, model="y~a").heading == "y~a"
    with pytest.raises(bt.DataError, match="no model 'y~c'; did you mean"):
        bt.read_estimates(several, model="y~c")


def test_a_model_asked_of_a_table_without_headings_is_said_to_have_none():
    with pytest.raises(bt.DataError, match="no model 'B'; the table prints one, without a heading"):
        bt.read_estimates("term,estimate,se\nTarget,1,.5\n", model="B")


def test_a_row_with_more_cells_than_the_header_is_refused_in_copied_text_too():
    with pytest.raises(bt.DataError, match="row 1: found '4 cells', expected 3"):
        bt.read_estimates("term,estimate,se\nTarget,1,2,5\n")


def test_what_r_writes_with_names_of_rows_and_tabs_is_read(tmp_path):
    (tmp_path / "r.tsv").write_text('"Estimate"\t"Std. Error"\n"Target"\t0.53\t0.19\n"x"\t0.2\t0.1\n')
    read = bt.read_estimates(tmp_path / "r.tsv")
    assert read.estimates.loc["Target", ["estimate", "se"]].tolist() == [0.53, 0.19]
    summary = """
Coefficients:
            Estimate Std. Error t value Pr(>|t|)
(Intercept)   0.9166     0.1357   6.757 5.81e-10 ***
Target        0.5308     0.1906   2.784  0.00625 **
---
Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1

Residual standard error: 1.044 on 117 degrees of freedom
Multiple R-squared:  0.09612,\tAdjusted R-squared:  0.08067
"""
    assert bt.read_estimates(summary).estimates.loc["Target", ["se", "df"]].tolist() == [0.1906, 117.0]


def test_a_point_between_semicolons_may_group_thousands_and_is_asked_about():
    with pytest.raises(
        bt.DataError, match=r"'1\.234' may be 1234 or 1\.234; say which \(decimal='\.' or ','\)"
    ):
        bt.read_estimates("term;estimate;se\nTarget;1.234;2.567\n")
    for text, options, expected in [
        ("term;estimate;se\nTarget;1.234;2.567\n", {"decimal": ","}, [1234.0, 2567.0]),
        ("term;estimate;se\nTarget;1.234;0.567\n", {}, [1.234, 0.567]),
        ("term,estimate,se\nTarget,1.234,2.567\n", {}, [1.234, 2.567]),
    ]:
        read = bt.read_estimates(text, **options)
        assert read.estimates.loc["Target", ["estimate", "se"]].tolist() == expected


def test_constants_are_known_by_their_name():
    terms = ("(Intercept)", "_cons", "Constant", "Target")
    assert [is_constant(term) for term in terms] == [True, True, True, False]


@pytest.mark.parametrize(
    ("better", "smallest", "taken"),
    [("higher", 0.8, "1.25"), ("lower", 1.25, "0.8"), ("higher", 1.25, None), ("lower", 0.8, None)],
)
def test_a_smallest_ratio_on_the_unfavourable_side_is_turned_round_and_said(better, smallest, taken):
    table = "term,OR,low,high\nTarget,1.4,1.1,1.8\n"
    read = bt.read_estimates(table, ratio="odds ratio", better=better, smallest=smallest)
    said = [note for note in read.notes if "smallest" in note]
    assert said == (
        [
            f"The smallest effect worth having is given as {smallest:g}, and {better} is favourable: taken as {taken}, as large an "
            "effect in the favourable direction."
        ]
        if taken
        else []
    )
