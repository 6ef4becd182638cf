"""The numbers of one printed row are held against one another, and nobody is accused of rounding."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_targets as bt
from cases import case

LEVELS = "*:.10 **:.05 ***:.01"


def findings(text, check, **options):
    """Verdicts of one check, in the order of the rows."""
    table = bt.audit(bt.read_estimates(text, **options))
    return table.loc[table["check"] == check, "verdict"].tolist()


def test_a_t_that_no_rounding_explains_is_inconsistent():
    table = bt.audit(bt.read_estimates(case("tables/t_against_slope.csv")))
    of_t = table[table["check"] == "t against b/s.e."]
    assert of_t["verdict"].tolist() == ["inconsistent", "inconsistent", "consistent"]
    assert "-1.055 to -1.036" in of_t["recomputed"].iloc[0]
    assert "1.301 to 1.325" in of_t["recomputed"].iloc[1]


def test_stars_that_hold_one_tailed_only_are_told():
    options = {"clusters": 430, "stars": LEVELS}
    one, two = (
        bt.audit(bt.read_estimates(case("tables/norway_beds.csv"), tails=tails, **options))
        for tails in (1, 2)
    )
    assert not one["verdict"].eq("inconsistent").any()
    focal = two[two["locator"].str.endswith("Reform x treat")].iloc[0]
    assert focal["verdict"] == "inconsistent"
    assert "one-tailed levels would give the printed star" in focal["recomputed"]
    assert two.loc[two["check"] == "tails of the stars", "verdict"].tolist() == [
        "only if the levels are one-tailed"
    ]


def test_stars_without_levels_are_not_checked_and_said_so():
    table = bt.audit(bt.read_estimates(case("tables/few_clusters.csv"), clusters=6))
    row = table[table["check"] == "star against b/s.e."].iloc[0]
    assert (row["printed"], row["verdict"]) == ("England x post ***", "not checked: levels not given")


@pytest.mark.parametrize(
    ("text", "options", "verdict"),
    [
        ("term,estimate,low,high\nA,.50,.25,1.00\n", {"ratio": "odds ratio"}, "consistent"),
        ("term,estimate,low,high\nA,.50,.30,.95\n", {"ratio": "odds ratio"}, "inconsistent"),
        (
            "term,estimate,low,high\nA,1.50,1.00,2.00\n",
            {"ratio": "odds ratio", "logs": "se"},
            "only if the interval",
        ),
        ("term,estimate,low,high\nA,1.00,.50,1.50\n", {}, "consistent"),
        ("term,estimate,low,high\nA,1.00,.50,1.70\n", {}, "inconsistent"),
    ],
)
def test_an_estimate_lies_midway_in_its_interval_on_its_own_scale(text, options, verdict):
    assert findings(text, "estimate midway in its interval", **options)[0].startswith(verdict)


@pytest.mark.parametrize(
    ("p", "options", "verdict"),
    [
        (".046", {}, "consistent"),  # t = 2, normal
        (".030", {}, "inconsistent"),
        (".023", {}, "only if the test is one-tailed"),
        (".102", {}, "only if degrees of freedom are few"),  # t with 5 df
        (".102", {"df": 5}, "consistent"),
        (".046", {"df": 5}, "only if the normal distribution is the reference"),
        ("<.05", {}, "consistent"),
        ("<.01", {}, "inconsistent"),
        ("ns", {}, "inconsistent"),
        (".000", {}, "inconsistent"),
    ],
)
def test_p_is_held_against_the_ratio(p, options, verdict):
    text = f"term,estimate,se,p\nA,1.000,.500,{p}\n"
    if p == "ns":
        verdict = "only if degrees of freedom are few"
    assert findings(text, "p against b/s.e.", **options)[0].startswith(verdict)


@pytest.mark.parametrize(
    ("low", "high", "options", "verdict"),
    [
        (".020", "1.980", {}, "consistent"),
        ("-.285", "2.285", {"df": 5}, "consistent"),
        (".020", "1.980", {"df": 5}, "only if the normal distribution"),
        (".178", "1.822", {}, "only if it is a 90% interval"),
        (".500", "1.500", {}, "inconsistent"),
    ],
)
def test_an_interval_is_held_against_the_standard_error(low, high, options, verdict):
    text = f"term,estimate,se,low,high\nA,1.000,.500,{low},{high}\n"
    assert findings(text, "interval against b and s.e.", **options)[0].startswith(verdict)


@pytest.mark.parametrize("decimals", [1, 2, 3])
def test_a_table_that_was_only_rounded_is_never_accused(decimals):
    rng = np.random.default_rng(decimals)
    size, df = 150, 12
    b, se = rng.normal(0, 2, size), rng.uniform(0.2, 3, size)
    t = b / se
    p = 2 * stats.t.sf(abs(t), df)
    reach = stats.t.ppf(0.975, df) * se

    def shown(values):
        return [f"{x:.{decimals}f}" for x in values]

    stars = ["***" if x <= 0.01 else "**" if x <= 0.05 else "*" if x <= 0.1 else "" for x in p]
    frame = pd.DataFrame(
        {
            "term": [f"x{i}" for i in range(size)],
            "estimate": shown(b),
            "se": shown(se),
            "t": shown(t),
            "p": shown(p),
        }
        | {"low": shown(b - reach), "high": shown(b + reach), "star": stars}
    )
    table = bt.audit(bt.read_estimates(frame, df=df, stars=LEVELS))
    assert len(table) > 5 * size
    accused = table[~table["verdict"].str.startswith(("consistent", "only if the unrounded"))]
    assert accused.empty, accused.to_string()


def test_a_wrong_digit_in_three_decimals_is_found():
    rng = np.random.default_rng(7)
    b, se = rng.uniform(1, 2, 100), rng.uniform(0.3, 0.6, 100)
    t = b / se + 0.1
    frame = pd.DataFrame(
        {"term": [f"x{i}" for i in range(100)]}
        | {n: [f"{x:.3f}" for x in v] for n, v in (("estimate", b), ("se", se), ("t", t))}
    )
    assert findings(frame, "t against b/s.e.") == ["inconsistent"] * 100


def test_what_could_not_be_checked_says_what_is_missing():
    table = bt.audit(bt.read_estimates("term,estimate,se\nA,1,.5\n"))
    assert table["verdict"].str.startswith("not checked: ").all()
    assert set(table["check"]) >= {"t against b/s.e.", "p against b/s.e.", "star against b/s.e."}


def test_effects_computed_from_counts_have_nothing_to_be_held_against():
    several = bt.read_evaluations(
        "study,events_treated,n_treated,events_control,n_control\nA,4,123,11,139\n", ratio="risk ratio"
    )
    assert bt.audit(several)["verdict"].str.startswith("not checked").all()
    assert math.isfinite(several.estimates["se"].iloc[0])


def test_a_negative_t_of_a_positive_estimate_is_inconsistent_and_a_t_without_its_sign_is_not():
    found = bt.audit(bt.read_estimates("term,estimate,t\nA,1.2,-2.0\nB,-1.0,2.0\n", n=100))
    assert found["verdict"].iloc[0] == "inconsistent" and found["locator"].iloc[0].endswith("A")
    assert not found["locator"].str.endswith("B").any()
