"""The audit finds what is wrong in printed tables, and lets pass what rounding alone explains."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bayes_targets.errors import DataError
from bayes_targets.printed.auditing import audit
from bayes_targets.printed.auditing.fit import critical_f, f_from_r2, f_of_addition, upper_f
from bayes_targets.printed.auditing.shares import rounding_rules
from bayes_targets.printed.auditing.stars import stars
from bayes_targets.printed.intervals import (
    Interval,
    binary_sd,
    exact_box,
    mean_bounds,
    possible_counts,
    sd_bounds,
)
from bayes_targets.readers.cells import plain_decimal
from bayes_targets.readers.package import load_study
from bayes_targets.readers.uncertainty import critical, p_value

LEVELS = {"+": 0.10, "*": 0.05, "**": 0.01}
untimed = settings(deadline=None)
SEEDS = st.integers(min_value=0, max_value=2**31)


# ---- small studies --------------------------------------------------------------------------------------


def table_of(rows, columns, printed, **attrs):
    """A frame such as `load_study` gives: printed columns as numbers with their text beside."""
    texts = pd.DataFrame(rows, columns=columns)
    frame = pd.DataFrame()
    for column in columns:
        frame[column] = (
            pd.to_numeric(texts[column].replace("", np.nan)) if column in printed else texts[column]
        )
        if column in printed:
            frame[f"{column}_printed"] = texts[column]
    frame.attrs = attrs
    return frame


def study_of(**tables):
    return SimpleNamespace(name="made_for_test", tables=tables)


def regression(rows, **attrs):
    columns = ["model", "term", "estimate", "se", "star"]
    stated = {
        "role": "regression",
        "locator": "Table 2",
        "constant": "Constant",
        "standard_errors": "robust",
        "significance": {"tails": 1, "levels": LEVELS},
    }
    return table_of(rows, columns, ["estimate", "se"], **(stated | attrs))


def regression_fit(rows, **attrs):
    stated = {"role": "regression_fit", "locator": "Table 2", "regression": "ols"}
    return table_of(rows, ["model", "f", "f_star", "r2", "n"], ["f", "r2"], **(stated | attrs))


def descriptives(rows, **attrs):
    stated = {"role": "descriptives", "locator": "Table 1"}
    columns = ["variable", "mean", "min", "max", "sd"]
    return table_of(rows, columns, columns[1:], **(stated | attrs))


STATUSES = ["green", "amber", "red"]
PERCENTS = {status: f"{status}_percent" for status in STATUSES}


def counts(rows, **attrs):
    stated = {
        "role": "counts",
        "label": "line",
        "statuses": STATUSES,
        "total": "total",
        "percents": PERCENTS,
        "population": "targets",
    }
    columns = ["line", *STATUSES, "total", *PERCENTS.values()]
    frame = table_of(rows, columns, list(PERCENTS.values()), **(stated | attrs))
    return frame.astype(dict.fromkeys([*STATUSES, "total"], "Int64"))


def verdicts(checks, check):
    """Verdicts of one kind of check, by the last part of the locator."""
    chosen = checks[checks["check"] == check]
    assert len(chosen), f"no check {check!r} among {sorted(set(checks['check']))}"
    return dict(zip(chosen["locator"].str.rpartition(", ")[2], chosen["verdict"], strict=True))


def row_of(checks, check, part):
    chosen = checks[(checks["check"] == check) & checks["locator"].str.contains(part, regex=False)]
    assert len(chosen) == 1
    return chosen.iloc[0]


# ---- p-values and stars ---------------------------------------------------------------------------------


def test_p_values_agree_with_published_points_of_t_and_normal():
    assert p_value(1.959964) == pytest.approx(0.05, abs=1e-6)
    assert p_value(2.228139, df=10) == pytest.approx(0.05, abs=1e-6)
    assert p_value(1.812461, df=10, tails=1) == pytest.approx(0.05, abs=1e-6)
    assert critical(0.05) == pytest.approx(1.959964)
    assert critical(0.05, 10) == pytest.approx(2.228139)


def test_f_agrees_with_published_points():
    assert critical_f(0.05, 10, 20) == pytest.approx(2.3479, abs=1e-4)
    assert upper_f(critical_f(0.01, 12, 137), 12, 137) == pytest.approx(0.01)
    assert f_from_r2(0.12, terms=11, df=138) == pytest.approx(1.7107, abs=1e-4)
    assert upper_f(math.inf, 3, 9) == 0 and f_from_r2(1.0, 3, 9) == math.inf


@untimed
@given(st.floats(-8, 8), st.one_of(st.just(math.inf), st.integers(1, 500)))
def test_two_tails_hold_twice_one_tail_and_the_sign_does_not_matter(t, df):
    assert p_value(t, df) == pytest.approx(2 * p_value(-t, df, tails=1))


def test_a_level_is_reached_at_the_level_itself():
    assert [stars(p, LEVELS) for p in (0.1001, 0.1, 0.05, 0.01, 0.0)] == ["", "+", "*", "**", "**"]


def test_a_test_has_one_tail_or_two():
    table = regression([(1, "x", "1.5", "1.0", "*")], significance={"tails": 3, "levels": LEVELS})
    with pytest.raises(DataError, match="expected tails 1 or 2"):
        audit(study_of(ols=table))


# ---- what is right is let pass --------------------------------------------------------------------------


def fitted_study(seed):
    """Two nested OLS models on simulated data, printed to three and two decimals."""
    import statsmodels.api as sm

    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(20, 200)), int(rng.integers(2, 6))
    x = rng.normal(size=(n, k))
    y = x @ rng.normal(scale=0.3, size=k) + rng.standard_t(4, size=n)
    rows, fit = [], []
    for model, terms in ((1, k - 1), (2, k)):
        ols = sm.OLS(y, sm.add_constant(x[:, :terms])).fit()
        names = ["Constant", *(f"x{i}" for i in range(terms))]
        for name, b, se, p in zip(names, ols.params, ols.bse, ols.pvalues, strict=True):
            rows.append((model, name, f"{b:.3f}", f"{se:.3f}", stars(p / 2, LEVELS)))
        fit.append((model, f"{ols.fvalue:.2f}", stars(ols.f_pvalue, LEVELS), f"{ols.rsquared:.2f}", n))
    return study_of(ols=regression(rows, standard_errors="classical"), fit=regression_fit(fit))


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_rounded_table_of_a_true_regression_is_never_called_inconsistent(seed):
    checks = audit(fitted_study(seed))
    assert "inconsistent" not in set(checks["verdict"]), checks.to_string()
    # What hangs on a condition is a star whose ratio was rounded across its critical value, nothing else.
    conditional = checks[checks["verdict"].str.startswith("only if")]
    assert set(conditional["check"]) <= {"star against b/s.e.", "star of F"}
    assert (
        conditional["verdict"]
        .str.startswith(("only if the unrounded |b/s.e.|", "only if the unrounded F"))
        .all()
    )


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_rounded_descriptives_of_a_true_sample_are_consistent(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    samples = {"heavy": rng.standard_t(2, size=n), "yes": (rng.random(n) < rng.random()).astype(float)}
    rows = [
        (name, *(f"{figure:.2f}" for figure in (x.mean(), x.min(), x.max(), x.std(ddof=1))))
        for name, x in samples.items()
    ]
    ones = {"yes": int(samples["yes"].sum())}
    checks = audit(
        study_of(d=descriptives(rows, n=n, binary=["yes"], reported_counts=ones, bounds={"yes": [0, 1]}))
    )
    assert set(checks["verdict"]) == {"consistent"}, checks.to_string()
    assert len(checks) == 8


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_a_true_table_of_counts_is_consistent_and_agrees_with_itself(seed):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 60, size=(4, 3)) + np.array([1, 0, 0])
    lines = [(f"line {i}", row) for i, row in enumerate(numbers)] + [("All", numbers.sum(axis=0))]
    rows = [
        (label, *row.tolist(), int(row.sum()), *(f"{100 * k / row.sum():.0f}" for k in row.tolist()))
        for label, row in lines
    ]
    checks = audit(study_of(a=counts(rows, total_label="All"), b=counts(rows, total_label="All")))
    assert set(checks["verdict"]) == {"consistent"}, checks.to_string()


# ---- what is wrong is found -----------------------------------------------------------------------------


def one_coefficient(star, estimate="1.500", se="1.000", **attrs):
    rows = [(1, "x", estimate, se, star), (1, "Constant", "5.000", "1.000", "**")]
    fit = regression_fit([(1, "2.00", "", ".04", 62)])
    return audit(study_of(ols=regression(rows, **attrs), fit=fit))


def test_a_planted_wrong_star_is_found():
    checks = one_coefficient("**")
    assert verdicts(checks, "star against b/s.e.") == {"x": "inconsistent", "Constant": "consistent"}


def test_a_star_that_the_other_tails_would_explain_is_inconsistent_and_says_so():
    # t = 1.80 with 60 df: p = .038 one-tailed, .077 two-tailed.
    row = row_of(one_coefficient("+", estimate="1.800"), "star against b/s.e.", "x")
    assert row["verdict"] == "inconsistent"
    assert "two-tailed levels would give the printed star" in row["recomputed"]


def test_stars_that_fit_two_tails_only_are_told_as_such_for_the_whole_table():
    rows = [(1, "x", "1.800", "1.000", "+"), (1, "z", "2.300", "1.000", "*")]
    fit = regression_fit([(1, "2.00", "", ".04", 62)])
    checks = audit(study_of(ols=regression(rows), fit=fit))
    assert row_of(checks, "tails of the stars", "")["verdict"] == "only if the levels are two-tailed"


def test_a_star_that_only_part_of_the_rounding_box_gives_names_the_ratio_it_needs():
    # .012/.006 may be anything from 1.77 to 2.27; with 60 df one-tailed, 1.671 and 2.390 are critical.
    assert verdicts(one_coefficient("*", ".012", ".006"), "star against b/s.e.")["x"] == "consistent"
    wide = verdicts(one_coefficient("*", ".12", ".07"), "star against b/s.e.")["x"]
    assert wide == "only if the unrounded |b/s.e.| is at least 1.671"


def test_without_a_printed_n_a_star_is_judged_by_the_normal_limit():
    rows = [(1, "x", "1.650", "1.000", "*")]
    checks = audit(study_of(ols=regression(rows)))
    assert verdicts(checks, "star against b/s.e.")["x"] == "only if N is large, as no N is printed"


def test_the_sign_of_a_coefficient_does_not_change_its_star():
    assert verdicts(one_coefficient("+", "-1.500"), "star against b/s.e.")["x"] == "consistent"


def test_zero_estimates_and_standard_errors_rounded_to_zero_are_judged_over_their_boxes():
    assert verdicts(one_coefficient("", ".000", ".100"), "star against b/s.e.")["x"] == "consistent"
    unbounded = verdicts(one_coefficient("**", ".010", ".000"), "star against b/s.e.")["x"]
    assert unbounded == "consistent"


def test_a_negative_standard_error_is_inconsistent():
    row = row_of(one_coefficient("", "1.000", "-1.000"), "standard error is positive", "x")
    assert row["verdict"] == "inconsistent"


def test_a_classical_f_must_follow_from_r2_but_a_robust_one_need_not():
    rows = [(1, "x", "1.500", "1.000", "+")]
    fit = regression_fit([(1, "9.00", "", ".04", 62)])
    check = "F against R², N and number of terms"
    for kind, verdict in (
        ("classical", "inconsistent"),
        ("robust", "only if the F is a robust (Wald) statistic"),
    ):
        checks = audit(study_of(ols=regression(rows, standard_errors=kind), fit=fit))
        assert verdicts(checks, check) == {"Model 1": verdict}


def nested(r2_small, r2_large, t, n=(100, 100), kind="classical", **attrs):
    rows = [(1, "x", "1.000", "1.000", ""), (2, "x", "1.000", "1.000", ""), (2, "added", t, "1.000", "")]
    fit = regression_fit([(1, "", "", r2_small, n[0]), (2, "", "", r2_large, n[1])])
    ols = regression(rows, standard_errors=kind, significance=None, **attrs)
    return audit(study_of(ols=ols, fit=fit))


def test_r2_that_falls_when_a_term_is_added_on_the_same_cases_is_inconsistent():
    check = "R² does not fall when terms are added"
    assert verdicts(nested(".30", ".28", "1.000"), check) == {"Model 1 to Model 2": "inconsistent"}
    assert verdicts(nested(".30", ".30", ".100"), check) == {"Model 1 to Model 2": "consistent"}
    assert check not in set(nested(".30", ".28", "1.000", n=(100, 90))["check"])


def test_the_t_of_an_added_term_must_match_the_added_r2_when_errors_are_classical():
    # R² from .20 to .30 with 97 residual df: t² = .10 / .70 * 97 = 13.9.
    check = "R² added against t of the added term"
    assert verdicts(nested(".20", ".30", "3.700"), check) == {"Model 1 to Model 2": "consistent"}
    assert verdicts(nested(".20", ".30", "2.000"), check) == {"Model 1 to Model 2": "inconsistent"}
    robust = verdicts(nested(".20", ".30", "2.000", kind="robust"), check)["Model 1 to Model 2"]
    assert robust == "only if the robust s.e. is 1.76 to 1.96 times the classical one"


def test_a_told_addition_is_held_against_the_difference_of_the_printed_r2():
    told = {"smaller": 1, "larger": 2, "value": "0.15", "locator": "text"}
    check = "R² added as told in the text"
    same_cases = nested(".20", ".30", "3.700", added_r2_reported=[told])
    assert verdicts(same_cases, check) == {"text": "inconsistent"}
    fewer_cases = nested(".20", ".30", "3.700", n=(100, 90), added_r2_reported=[told])
    assert verdicts(fewer_cases, check) == {
        "text": "only if the R² of Model 1 on the N = 90 cases is .140 to .160"
    }


# ---- rows that are no slopes, models that are blank, scales -----------------------------------------------


F_CHECK = "F against R², N and number of terms"


def one_model(rows, fit=(("1", "7.00", "", ".28", 20),), **attrs):
    """A table whose one slope gives F = 7.00 from R² .28 with N = 20; a second slope would give 3.31."""
    ols = regression(rows, significance=None, standard_errors="classical", **attrs)
    checks = audit(study_of(ols=ols, fit=regression_fit(list(fit))))
    return row_of(checks, F_CHECK, "")


@pytest.mark.parametrize("constant", ["(Constant)", "(Intercept)", "_cons", "Constant", "Intercept", "const"])
def test_a_constant_of_any_usual_name_is_no_slope(constant):
    rows = [("1", "x", "1.500", "0.567", ""), ("1", constant, "3.000", "1.000", "")]
    found = one_model(rows)
    assert found["verdict"] == "consistent" and found["recomputed"].startswith("classical F = 7.00")
    assert "F with 1 and 18 df" in found["recomputed"]


@pytest.mark.parametrize(("term", "zero"), [("Ref", "0"), ("North (reference)", "0.000"), ("North", "0")])
def test_a_reference_category_is_no_slope(term, zero):
    rows = [
        ("1", "x", "1.500", "0.567", ""),
        ("1", term, zero, zero, ""),
        ("1", "Constant", "3.0", "1.0", ""),
    ]
    assert one_model(rows)["recomputed"].startswith("classical F = 7.00")
    assert one_model(rows, reference=term)["verdict"] == "consistent"


def test_a_slope_that_rounds_to_nothing_is_a_slope():
    rows = [
        ("1", "x", "1.500", "0.567", ""),
        ("1", "y", "0.000", "0.000", ""),
        ("1", "Constant", "3.0", "1.0", ""),
    ]
    found = one_model(rows)
    assert found["verdict"] == "inconsistent" and found["recomputed"].startswith("classical F = 3.31")


def test_a_model_printed_once_above_its_terms_is_one_model():
    rows = [
        ("1", "x", "1.000", "1.000", ""),
        ("", "y", "1.000", "1.000", ""),
        ("", "z", "1.000", "1.000", ""),
    ]
    rows.append(("", "Constant", "1.000", "1.000", ""))
    assert "F with 3 and 16 df" in one_model(rows, fit=[("1", "2.07", "", ".28", 20)])["recomputed"]
    blank = [("", *row[1:]) for row in rows]
    assert "F with 3 and 16 df" in one_model(blank, fit=[("", "2.07", "", ".28", 20)])["recomputed"]
    with pytest.raises(DataError, match=r"row 1, column 'model'.*a model, since later rows name one"):
        one_model([("", *rows[0][1:]), *rows])


def test_a_model_twice_in_the_table_of_fit_is_refused():
    rows = [("1", "x", "1.500", "0.567", "")]
    with pytest.raises(DataError, match=r"row 2, column 'model'.*each model once"):
        one_model(rows, fit=[("1", "7.00", "", ".28", 20), ("1", "7.00", "", ".28", 200)])


def test_an_adjusted_r2_is_taken_for_what_it_is():
    """R² .28 with one term and N = 20 is .24 adjusted; taken for a plain R² it would not give the F."""
    rows = [("1", "x", "1.500", "0.567", ""), ("1", "Constant", "3.0", "1.0", "")]
    ols = regression(rows, significance=None, standard_errors="classical")
    for adjusted, verdict in ((True, "consistent"), (False, "inconsistent")):
        fit = regression_fit([("1", "7.00", "", ".240", 20)], adjusted=adjusted)
        assert row_of(audit(study_of(ols=ols, fit=fit)), F_CHECK, "")["verdict"] == verdict
    below = regression_fit([("1", "0.20", "", "-.04", 20)], adjusted=True)
    checks = audit(study_of(ols=ols, fit=below))
    assert verdicts(checks, "R² between 0 and 1") == {"Model 1": "consistent"}
    lower = regression_fit([("1", "0.20", "", "-.14", 20)], adjusted=True)
    assert verdicts(audit(study_of(ols=ols, fit=lower)), "R² between 0 and 1") == {"Model 1": "inconsistent"}


def test_two_symbols_of_one_level_are_refused():
    table = regression(
        [(1, "x", "1.5", "1.0", "*")], significance={"tails": 2, "levels": {"*": 0.05, "+": 0.05}}
    )
    with pytest.raises(DataError, match="a level of its own for each symbol"):
        audit(study_of(ols=table))


def test_a_table_without_stars_needs_none():
    table = regression([(1, "x", "1.5", "1.0", "")], significance=None)
    attrs = table.attrs
    table = table.drop(columns="star")
    table.attrs = attrs
    assert audit(study_of(ols=table)).empty


def on_a_scale(mean, sd, **more):
    table = descriptives([("score", mean, "", "", sd)], bounds={"score": [1, 5]}, n=100, **more)
    return audit(study_of(d=table))


def test_a_scale_bounds_mean_and_standard_deviation():
    """On a scale of 1 to 5 a mean is at most 5, and with mean 3 and N = 100 an s.d. at most 2.01."""
    assert verdicts(on_a_scale("5.3", "0.50"), "values lie on the scale") == {"score": "inconsistent"}
    wide = row_of(on_a_scale("3.0", "2.40"), "s.d. against mean and scale", "score")
    assert wide["verdict"] == "inconsistent" and "at most 2.010" in wide["recomputed"]
    assert verdicts(on_a_scale("3.00", "2.01"), "s.d. against mean and scale") == {"score": "consistent"}
    with pytest.raises(DataError, match="property 'bounds', 'score'"):
        audit(study_of(d=descriptives([("score", "3", "", "", "1")], bounds={"score": [5, 1]})))


def test_a_mean_of_whole_numbers_is_a_whole_sum():
    """Brown & Heathers (2017): 25 whole numbers have no mean of 2.37, but 2.36 and 2.40; two items each allow 2.38."""
    check = "mean of whole numbers is possible"

    def whole(mean, numbers, sd=""):
        return audit(study_of(d=descriptives([("score", mean, "", "", sd)], n=25, whole_numbers=numbers)))

    assert verdicts(whole("2.37", ["score"]), check) == {"score": "inconsistent"}
    assert verdicts(whole("2.36", ["score"]), check) == {"score": "consistent"}
    assert verdicts(whole("2.38", {"score": 2}), check) == {"score": "consistent"}
    with pytest.raises(DataError, match="number of items"):
        whole("2.36", {"score": 0})


@given(
    data=st.lists(st.integers(0, 9), min_size=2, max_size=30),
    items=st.integers(1, 3),
    decimals=st.integers(1, 3),
)
@untimed
def test_true_whole_numbers_are_never_called_impossible(data, items, decimals):
    values = np.array(data) / items
    mean, sd = f"{values.mean():.{decimals}f}", f"{values.std(ddof=1):.{decimals}f}"
    table = descriptives([("score", mean, "", "", sd)], n=len(data), whole_numbers={"score": items})
    assert set(audit(study_of(d=table))["verdict"]) == {"consistent"}


def test_a_standard_deviation_that_no_whole_numbers_have_is_found():
    """Anaya (2016): with N = 28 and mean 3.43 an s.d. of 1.64 would need an even sum of squares for a sum of 96."""
    possible = set()
    for squares in range(329, 600):
        if squares % 2 == 0:
            possible.add(f"{np.sqrt((squares - 96**2 / 28) / 27):.2f}")
    for sd, verdict in (
        ("1.26", "1.26" in possible),
        ("1.30", "1.30" in possible),
        ("1.28", "1.28" in possible),
    ):
        table = descriptives([("score", "3.43", "", "", sd)], n=28, whole_numbers=["score"])
        found = verdicts(audit(study_of(d=table)), "s.d. of whole numbers is possible")["score"]
        assert (found == "consistent") == verdict


def test_planted_wrong_means_and_standard_deviations_are_found():
    rows = [
        ("mean too high", "9.99", "0.00", "10.00", "1.00"),
        ("s.d. too high", "5.00", "0.00", "10.00", "5.30"),
        ("s.d. too low", "5.00", "0.00", "10.00", "0.50"),
        ("off the scale", "5.00", "0.00", "10.02", "2.00"),
        ("no count", ".57", ".00", "1.00", ".50"),
        ("wrong 0/1 s.d.", ".50", ".00", "1.00", ".45"),
    ]
    binary, told = ["no count", "wrong 0/1 s.d."], {"wrong 0/1 s.d.": 12}
    table = descriptives(rows, n=20, binary=binary, bounds={"off the scale": [0, 10]}, reported_counts=told)
    checks = audit(study_of(d=table))
    wrong = checks[checks["verdict"] == "inconsistent"]
    assert set(zip(wrong["locator"].str.removeprefix("Table 1, "), wrong["check"], strict=True)) == {
        ("mean too high", "mean between min and max"),
        ("mean too high", "s.d. against mean, min and max"),
        ("s.d. too high", "s.d. against mean, min and max"),
        ("s.d. too low", "s.d. against mean, min and max"),
        ("off the scale", "values lie on the scale"),
        ("no count", "mean of a 0/1 variable is a whole count"),
        ("wrong 0/1 s.d.", "s.d. of a 0/1 variable"),
        ("wrong 0/1 s.d.", "reported count against the mean"),
    }


def test_a_standard_deviation_that_divides_by_n_is_recognised():
    checks = audit(study_of(d=descriptives([("yes", ".500", "0", "1", ".500")], n=10, binary=["yes"])))
    verdict = verdicts(checks, "s.d. of a 0/1 variable")["yes"]
    assert verdict == "only if the s.d. divides by N, not by N - 1"


def test_planted_wrong_totals_and_percentages_are_found():
    rows = [
        ("wrong total", 5, 3, 2, 11, "45", "27", "18"),
        ("wrong percent", 5, 3, 2, 10, "50", "30", "21"),
        ("not 100", 5, 3, 2, 10, "50", "30", "25"),
        ("cut off", 2, 2, 2, 7, "28", "28", "28"),
        ("All", 17, 11, 8, 39, "44", "28", "21"),
    ]
    checks = audit(study_of(t=counts(rows, total_label="All")))
    assert verdicts(checks, "counts of a line add up to its total")["wrong total"] == "inconsistent"
    percents = verdicts(checks, "percentages against counts")
    assert percents["wrong percent"] == percents["not 100"] == "inconsistent"
    assert percents["cut off"] == "only if the percentages are cut off, not rounded"
    assert verdicts(checks, "percentages of a line add up to 100")["not 100"] == "inconsistent"
    row = row_of(checks, "lines add up to the total line", "All")
    assert row["verdict"] == "inconsistent"
    assert (row["printed"].split(" (")[0], row["recomputed"]) == ("17 / 11 / 8 / 39", "sums 17 / 11 / 8 / 38")


@pytest.mark.parametrize(
    ("percent", "rules"),
    [("13", {"half up"}), ("12", {"half even", "cut off"}), ("12.5", None), ("11", set())],
)
def test_a_tie_is_recognised_whichever_way_it_was_rounded(percent, rules):
    everything = {"half up", "half even", "cut off"}
    assert rounding_rules(1, 8, plain_decimal(percent)) == (everything if rules is None else rules)


def test_margins_are_compared_within_one_population_only():
    one = counts([("a", 5, 3, 2, 10, "", "", "")])
    two = counts([("b", 4, 4, 3, 11, "", "", "")])
    row = row_of(audit(study_of(one=one, two=two)), "margins of two tables of one population", "two")
    assert row["verdict"] == "inconsistent"
    assert row["recomputed"].endswith("differences -1 / +1 / +1")
    two.attrs["population"] = "other things"
    assert not audit(study_of(one=one, two=two))["check"].str.contains("two tables").any()


def shares(rows, **attrs):
    table = table_of(rows, ["id", "question", "share", "base"], ["share"], **({"role": "shares"} | attrs))
    return table.astype({"base": "Int64"})


def test_shares_of_all_answers_add_up_to_100_within_their_rounding():
    for last, verdict in (
        ("4", "consistent"),
        ("6", "consistent"),
        ("7", "inconsistent"),
        ("1", "inconsistent"),
    ):
        rows = [(i, "q", s, None) for i, s in enumerate(["14", "29", "53", last])]
        checks = audit(study_of(s=shares(rows, exhaustive=["q"])))
        assert list(checks["verdict"]) == [verdict]


def test_a_share_that_no_whole_count_gives_is_found():
    checks = audit(study_of(s=shares([("possible", "q", "53", 15), ("not", "q", "52", 15)])))
    assert verdicts(checks, "share is possible with its base") == {
        "possible": "consistent",
        "not": "inconsistent",
    }


def test_a_share_told_in_words_is_as_wide_as_the_words():
    rows = [("most", "q", "80", 11), ("over half", "q2", "50", 11)]
    table = shares(rows).assign(half_width=["5", ""], relation=["about", "above"])
    table.attrs = {"role": "shares"}
    assert list(audit(study_of(s=table))["recomputed"]) == [
        "9 of 11 gives this share",
        "6 to 11 of 11 gives this share",
    ]


def bases(*rows, **attrs):
    columns = ["id", "what", "value", "unit"]
    return table_of(list(rows), columns, ["value"], **({"role": "bases"} | attrs))


def test_one_figure_told_with_two_roundings_holds_only_where_both_do():
    told = [("a", "rate", "53", "per cent"), ("b", "rate", "53.5", "per cent")]
    row = audit(study_of(b=bases(*told))).iloc[0]
    assert row["verdict"] == "only if the unrounded figure is 53.45 to 53.50"
    told[1] = ("b", "rate", "53.2", "per cent")
    assert audit(study_of(b=bases(*told))).iloc[0]["verdict"] == "consistent"
    told[1] = ("b", "rate", "53.6", "per cent")
    assert audit(study_of(b=bases(*told))).iloc[0]["verdict"] == "inconsistent"


def test_a_figure_told_roughly_agrees_with_the_exact_one_within_its_own_width():
    for exact, verdict in (("41", "consistent"), ("47", "inconsistent")):
        table = bases(("a", "green", exact, "per cent"), ("b", "green", "40", "per cent"))
        table["half_width"] = ["", "5"]
        assert list(audit(study_of(b=table))["verdict"]) == [verdict]


def test_a_count_and_its_rates_tell_how_many_were_asked():
    rows = [
        ("answers", "answers", "840", "answers"),
        ("rate", "rate", "53", "per cent"),
        ("rate2", "rate", "53.5", "per cent"),
    ]
    checks = audit(study_of(b=bases(*rows, rates={"rate": "answers", "rate2": "answers"})))
    row = row_of(checks, "count of answers against the rate", "b")
    # 840 / 1571 is 53.47%; 1570 would give 53.503, 1572 would give 53.435.
    assert (row["recomputed"], row["verdict"]) == ("840 of 1571 gives every printed rate", "consistent")
    few = [("answers", "answers", "8", "answers"), ("rate", "rate", "53.5", "per cent")]
    checks = audit(study_of(b=bases(*few, rates={"rate": "answers"})))
    assert verdicts(checks, "count of answers against the rate") == {"b": "inconsistent"}


def test_groups_cannot_be_more_than_their_whole():
    rows = [(i, i, v, "answers") for i, v in (("all", "840"), ("a", "89"), ("b", "643"), ("c", "109"))]
    for parts, left, verdict in (("ab", 108, "consistent"), ("abc", -1, "inconsistent")):
        checks = audit(study_of(b=bases(*rows, parts={"all": list(parts)})))
        row = row_of(checks, "groups are no more than their whole", "b")
        assert row["verdict"] == verdict
        assert row["recomputed"].endswith(f"which leaves {left}")


# ---- the two published evaluations ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def andrews():
    return audit(load_study("andrews2014"))


@pytest.fixture(scope="module")
def odpm():
    return audit(load_study("odpm2005"))


def not_consistent(checks):
    found = checks[checks["verdict"] != "consistent"]
    places = found["locator"].str.replace(r"^.*?(?=Model \d)", "", regex=True)
    kinds = found["verdict"].where(~found["verdict"].str.startswith("only if"), "only if")
    return set(zip(found["check"], places, kinds, strict=True))


def test_the_cohesion_paper_has_these_oddities_and_no_others(andrews):
    assert not_consistent(andrews) == {
        ("star against b/s.e.", "Model 1, Metropolitan borough", "only if"),
        ("star against b/s.e.", "Model 3, London borough", "inconsistent"),
        ("star against b/s.e.", "Model 3, Metropolitan borough", "inconsistent"),
        ("star of F", "Model 2", "inconsistent"),
        ("star of F", "Model 3", "inconsistent"),
        ("F against R², N and number of terms", "Model 1", "only if"),
        ("F against R², N and number of terms", "Model 2", "only if"),
        ("F against R², N and number of terms", "Model 3", "only if"),
        ("R² added against t of the added term", "Model 1 to Model 3", "only if"),
        ("R² added as told in the text", "Statistical findings (about 35 per cent)", "only if"),
    }


def test_the_cohesion_paper_the_two_wrong_stars_of_model_3_are_wrong_under_either_tail(andrews):
    for term, p in (("London borough", ".0543 (.0542 to .0545)"), ("Metropolitan borough", ".0547")):
        row = row_of(andrews, "star against b/s.e.", f"Model 3, {term}")
        assert f"one-tailed p = {p}" in row["recomputed"]
        assert "two-tailed levels do not explain it" in row["recomputed"]


def test_the_cohesion_paper_one_star_of_model_1_needs_the_normal_limit(andrews):
    verdict = row_of(andrews, "star against b/s.e.", "Model 1, Metropolitan borough")["verdict"]
    assert verdict == "only if the normal distribution is the reference (t with 138 df gives *)"


def test_the_cohesion_paper_its_fs_are_wald_statistics_if_anything(andrews):
    chosen = andrews[andrews["check"] == "F against R², N and number of terms"]
    assert set(chosen["verdict"]) == {"only if the F is a robust (Wald) statistic"}
    assert list(chosen["recomputed"].str.extract(r"\((.*?)\)")[0]) == [
        "1.63 to 1.79",
        "1.78 to 1.94",
        "9.26 to 9.64",
    ]


def test_the_cohesion_paper_35_per_cent_added_needs_another_base_or_another_model(andrews):
    row = row_of(andrews, "R² added as told in the text", "35 per cent")
    assert row["verdict"] == "only if the R² of Model 1 on the N = 131 cases is .130 to .150"
    assert "the R² of Model 2 (.14), which is not nested in Model 3, would give" in row["recomputed"]


def test_the_cohesion_paper_the_stretch_slope_needs_a_wide_robust_error_or_another_base(andrews):
    # t² / 118 of (1 - .49) is what one term with a classical error of that size would add to R².
    row = row_of(andrews, "R² added against t of the added term", "Model 1 to Model 3")
    assert row["verdict"] == (
        "only if the robust s.e. is 1.25 to 1.31 times the classical one, "
        "or with equal s.e. the R² of Model 1 on the N = 131 cases is .254 to .274"
    )


def test_the_cohesion_paper_the_two_per_cent_of_the_target_agree_with_its_t(andrews):
    row = row_of(andrews, "R² added against t of the added term", "Model 1 to Model 2")
    assert row["verdict"] == "consistent"
    assert "classical |t| of LAA (target on) 1.26 to 2.19" in row["recomputed"]


def test_the_cohesion_paper_86_areas_with_a_target_fit_the_printed_mean(andrews):
    row = row_of(andrews, "reported count against the mean", "target on")
    assert row["recomputed"] == "86/150 = .5733; 85 or 86 of 150 gives the printed mean"


def test_the_interim_report_has_these_oddities_and_no_others(odpm):
    found = odpm[odpm["verdict"] != "consistent"]
    assert set(zip(found["check"], found["locator"], strict=True)) == {
        ("margins of two tables of one population", "section 8.1, Table 2 against section 8.1, Table 1"),
        ("margins of two tables of one population", "section 8.1, Table 3 against section 8.1, Table 2"),
        ("one figure told in several places", "section 1.1 and Appendix 2, response rate"),
    }


def test_the_interim_report_table_2_adds_up_to_other_margins_than_tables_1_and_3(odpm):
    row = row_of(odpm, "margins of two tables of one population", "Table 2 against section 8.1, Table 1")
    assert row["printed"].startswith("lines add up to 61 / 55 / 39 ")
    assert row["recomputed"].endswith("adds up to 63 / 56 / 36; differences -2 / -1 / +3")
    assert row["verdict"] == "inconsistent"


def test_the_interim_report_its_two_response_rates_leave_a_twentieth_of_a_point(odpm):
    row = row_of(odpm, "one figure told in several places", "response rate")
    assert row["verdict"] == "only if the unrounded figure is 53.45 to 53.50"


# ---- the bounds themselves ------------------------------------------------------------------------------


def point(x):
    return Interval(x, x)


@untimed
@given(st.integers(1, 30), st.integers(1, 30), st.floats(-100, 100), st.floats(0.1, 100))
def test_a_two_point_sample_attains_the_upper_bound_of_the_standard_deviation(
    low_cases, high_cases, a, width
):
    sample = np.repeat([a, a + width], [low_cases, high_cases])
    bounds = sd_bounds(point(sample.mean()), point(a), point(a + width), n=len(sample))
    assert bounds.high == pytest.approx(sample.std(ddof=1))


@untimed
@given(st.integers(3, 30), st.floats(0, 1), st.floats(-100, 100), st.floats(0.1, 100))
def test_a_sample_with_all_other_cases_in_one_place_attains_the_lower_bound(n, where, a, width):
    sample = np.array([a, a + width] + [a + where * width] * (n - 2))
    bounds = sd_bounds(point(sample.mean()), point(a), point(a + width), n=n)
    assert bounds.low == pytest.approx(sample.std(ddof=1))


@untimed
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=12), st.integers(0, 2))
@example([-11, 15, 15, 17, 17], 0)  # the mean's box reaches into that of the largest value
def test_no_sample_leaves_the_bounds_of_its_rounded_figures(values, decimals):
    sample = np.array(values) / 7
    boxes = [
        Interval(p.low, p.high)
        for p in (plain_decimal(f"{x:.{decimals}f}") for x in (sample.mean(), sample.min(), sample.max()))
    ]
    bounds = sd_bounds(*boxes, n=len(sample))
    assert bounds.low - 1e-9 <= sample.std(ddof=1) <= bounds.high + 1e-9
    means = mean_bounds(boxes[1], boxes[2], n=len(sample))
    assert means.low - 1e-9 <= sample.mean() <= means.high + 1e-9


INSIDE = st.tuples(*[st.floats(0, 1)] * 4)


@untimed
@given(INSIDE, INSIDE)
def test_no_point_of_a_rounding_box_leaves_the_interval_of_its_corners(ends, inside):
    boxes = [Interval(*sorted(pair)) for pair in itertools.batched(ends, 2)]
    (small, large) = (b.low + u * (b.high - b.low) for b, u in zip(boxes, inside, strict=False))
    slack = 1e-9
    if large < 1 - 1e-6 and boxes[1].high < 1:
        f = max(large - small, 0) / 2 / ((1 - large) / 50)
        bounds = f_of_addition(*boxes, added=2, df=50)
        assert bounds.low * (1 - slack) - slack <= f <= bounds.high * (1 + slack) + slack
    sd = np.sqrt(small * (1 - small) * 40 / 39)
    assert binary_sd(boxes[0], 40).low - slack <= sd <= binary_sd(boxes[0], 40).high + slack


@untimed
@given(st.integers(1, 400), st.data(), st.integers(0, 3))
def test_the_true_count_is_always_among_those_a_printed_mean_allows(n, data, decimals):
    count = data.draw(st.integers(0, n))
    assert count in possible_counts(exact_box(plain_decimal(f"{count / n:.{decimals}f}")), n)


# ---- a user's own tables --------------------------------------------------------------------------------


def test_the_audit_has_its_documented_form_and_passes_over_unknown_roles():
    other = pd.DataFrame({"x": [1]})
    other.attrs = {"role": "list"}
    empty = audit(study_of(other=other, none=pd.DataFrame({"y": [1]})))
    columns = ["check", "locator", "printed", "recomputed", "verdict"]
    assert list(empty.columns) == columns
    assert empty.empty
    checks = one_coefficient("**")
    assert list(checks.columns) == columns
    assert list(checks.index) == list(range(len(checks)))
    assert all(isinstance(cell, str) and cell for cell in checks.to_numpy().ravel())


def broken(table, *, drop=None, **attrs):
    changed = table.drop(columns=[drop]) if drop else table.copy()
    changed.attrs = table.attrs | {"file": "mine.csv"} | attrs
    return changed


MODEL = regression([(1, "x", "1.500", "1.000", "+")])
FIT = regression_fit([(1, "2.00", "", ".04", 62)])
DESCRIBED = descriptives([("x", "1.0", "0.0", "2.0", "0.5")])
COUNTED = counts([("a", 5, 3, 2, 10, "50", "30", "20")])
ASKED = shares([("a", "q", "50", 10)])


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"ols": broken(MODEL, drop="se")}, ["mine.csv", "'se'", "role 'regression'"]),
        ({"ols": broken(MODEL, drop="se_printed")}, ["mine.csv", "'se_printed'", "as printed"]),
        ({"ols": broken(MODEL, significance={"tails": 1, "levels": {"*": 5}})}, ["mine.csv", "significance"]),
        ({"ols": broken(MODEL, significance={"tails": 1, "levels": {"*": 0.05}})}, ["'+'", "'star'"]),
        ({"ols": broken(pd.concat([MODEL, MODEL]), **MODEL.attrs)}, ["row 2", "'term'", "'x'", "once"]),
        ({"ols": MODEL, "fit": broken(FIT, drop="r2")}, ["mine.csv", "'r2'"]),
        ({"ols": MODEL, "fit": broken(FIT.assign(n=2))}, ["N = 2", "more cases than terms"]),
        ({"ols": MODEL, "fit": broken(FIT.assign(model=7))}, ["mine.csv, row 1", "'model'", "'7'"]),
        ({"ols": MODEL, "fit": broken(FIT, regression="old")}, ["mine.csv", "'old'"]),
        ({"d": broken(DESCRIBED, drop="sd")}, ["mine.csv", "'sd'"]),
        ({"d": broken(DESCRIBED, binary=["z"])}, ["mine.csv", "'binary'", "'z'"]),
        ({"d": broken(DESCRIBED, binary=True)}, ["mine.csv", "'binary'", "a list"]),
        ({"d": broken(DESCRIBED, reported_counts={"x": "86"})}, ["'reported_counts', 'x'", "'86'", "whole"]),
        ({"d": broken(DESCRIBED, n="many")}, ["mine.csv", "'n'", "'many'"]),
        ({"d": broken(DESCRIBED.assign(sd_printed="1,5"))}, ["mine.csv, row 1", "'sd'", "'1,5'"]),
        ({"t": broken(COUNTED, drop="amber")}, ["mine.csv", "'amber'"]),
        ({"t": broken(COUNTED.assign(amber=2.5))}, ["mine.csv, row 1", "'amber'", "'2.5'", "whole number"]),
        ({"t": broken(COUNTED, statuses=None)}, ["mine.csv", "'statuses'"]),
        ({"t": broken(COUNTED, total_label="All")}, ["mine.csv", "'total_label'", "'All'"]),
        ({"t": broken(COUNTED, percents={"blue": "green_percent"})}, ["mine.csv", "'percents'", "'blue'"]),
        ({"s": broken(ASKED, drop="share")}, ["mine.csv", "'share'"]),
        ({"s": broken(ASKED, exhaustive=["p"])}, ["mine.csv", "'exhaustive'", "'p'"]),
    ],
)
def test_a_table_that_breaks_the_promise_of_its_role_gives_one_clear_line(tables, words):
    with pytest.raises(DataError) as caught:
        audit(study_of(**tables))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert "expected" in message


# ---- hostile tables -------------------------------------------------------------------------------------

CELLS = [
    "", " ", None, np.nan, np.inf, -0.0, 10**400, True, "0", "0.000", "-1", "1e5", "1,5", "−1", "١", "x", "1" * 400, b"1", [1], {},
    pd.NaT, pd.NA, 1j, "\x00", "\ud800", "9" * 30, ".", "-", "Ref", "Constant",
]  # fmt: skip
PROPERTIES = [
    None, True, 0, -1, 2.5, "x", "x" * 1000, [], ["x"], [None], [[]], {}, {"x": 1}, {"x": [1, 5]}, {"x": [5, 1]}, {"x": "1"}, {1: 2},
    {"tails": 3}, {"tails": 1, "levels": {}}, {"tails": 2, "levels": {"*": 0.05}}, {"tails": 2, "levels": [1]}, 10**400, float("nan"),
]  # fmt: skip


def hostile(table, rng):
    """The table with up to three cells, columns or properties of another kind."""
    frame, attrs = table.astype(object), dict(table.attrs)
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(5)
        if kind <= 2:
            row, column = rng.integers(len(frame)), rng.integers(len(frame.columns))
            cells = list(frame.iloc[:, column])
            cells[row] = CELLS[rng.integers(len(CELLS))]
            frame[frame.columns[column]] = pd.Series(cells, dtype=object)
        elif kind == 3 and len(frame.columns) > 1:
            frame = frame.drop(columns=frame.columns[rng.integers(len(frame.columns))])
        else:
            known = [key for key in attrs if key != "role"] + [
                "bounds",
                "n",
                "whole_numbers",
                "n_by_variable",
                "adjusted",
                "binary",
                "reported_counts",
                "exhaustive",
                "rates",
                "parts",
                "added_r2_reported",
            ]
            attrs[known[rng.integers(len(known))]] = PROPERTIES[rng.integers(len(PROPERTIES))]
    frame.attrs = attrs
    return frame


@pytest.mark.parametrize("number", [180, pytest.param(600, marks=pytest.mark.slow)])
def test_no_table_makes_the_audit_raise_anything_but_our_error(number):
    """Tables of every role, with cells, columns and properties of another kind."""
    figures = table_of(
        [("a", "q", "n", "50"), ("b", "q", "%", "50")], ["id", "what", "unit", "value"], ["value"]
    )
    figures.attrs = {"role": "bases", "rates": {"b": "a"}, "parts": {"a": ["a"]}}
    tables = {"ols": MODEL, "fit": FIT, "d": DESCRIBED, "t": COUNTED, "s": ASKED, "b": figures}
    rng, refused, found = np.random.default_rng(1), 0, 0
    for i in range(number):
        name = list(tables)[i % len(tables)]
        try:
            checks = audit(study_of(**(tables | {name: hostile(tables[name], rng)})))
        except DataError as error:
            refused += 1
            assert 0 < len(str(error)) < 2_000
        else:
            found += 1
            assert checks["verdict"].str.startswith(("consistent", "only if", "inconsistent")).all()
    assert refused > number / 4 and found > number / 6
