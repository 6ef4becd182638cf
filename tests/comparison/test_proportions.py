"""The frequentist side of success agrees with published values and closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import bayes_targets as bt
from bayes_targets.comparison.proportional_odds import fit_proportional_odds
from bayes_targets.comparison.proportions import chi_square, fisher_tests, raw_shares
from bayes_targets.readers.counts import read_counts, with_covariate
from bayes_targets.studies import odpm2005


def counts(rows, statuses=("green", "amber", "red")):
    frame = pd.DataFrame(list(rows.values()), columns=list(statuses))
    return read_counts(frame.assign(area=list(rows)), statuses=list(statuses))


@pytest.fixture(scope="module")
def study():
    return bt.load_study("odpm2005")


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_newcombe(hits, n, low, high):
    """Newcombe (1998), Statistics in Medicine 17, Table I, method 3."""
    found = raw_shares(counts({"a": [hits, n - hits]}, ("yes", "no")), success="yes").loc["a"]
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([low, high], abs=5e-5)


def test_fisher_agrees_with_the_hypergeometric_sum():
    found = fisher_tests(
        counts({"a": [7, 3], "b": [2, 9]}, ("y", "n")), {"a-b": ("a", "b")}, success="y"
    ).loc["a-b"]
    table = stats.hypergeom(21, 9, 10)
    same = [k for k in range(10) if table.pmf(k) <= table.pmf(7) * (1 + 1e-9)]
    assert found["p_fisher"] == pytest.approx(sum(table.pmf(k) for k in same))
    assert found["estimate"] == pytest.approx(np.log(7 * 9 / (3 * 2)))
    assert found["se"] == pytest.approx(np.sqrt(1 / 7 + 1 / 3 + 1 / 2 + 1 / 9))
    assert found["difference"] == pytest.approx(0.7 - 2 / 11)
    assert found["ci_low"] < found["estimate"] < found["ci_high"]


def test_fisher_interval_ends_where_the_one_sided_test_turns():
    """The exact interval's lower end is the odds ratio at which 7 or more successes have probability 2.5%."""
    found = fisher_tests(
        counts({"a": [7, 3], "b": [2, 9]}, ("y", "n")), {"a-b": ("a", "b")}, success="y"
    ).loc["a-b"]
    tail = stats.nchypergeom_fisher(21, 9, 10, np.exp(found["ci_low"])).sf(6)
    assert tail == pytest.approx(0.025, abs=1e-4)


def test_an_empty_cell_is_told_not_hidden():
    found = fisher_tests(counts({"a": [3, 0], "b": [1, 2]}, ("y", "n")), {"x": ("a", "b")}, success="y").loc[
        "x"
    ]
    assert found["estimate"] == np.inf
    assert "a cell is 0" in found["note"]
    assert 0 < found["p_fisher"] <= 1


def test_chi_square_warns_of_small_expected_counts(study):
    areas = chi_square(odpm2005.counts(study, "policy_area")).iloc[0]
    assert areas["df"] == 22
    assert areas["cells_below_5"] == 25
    assert "25 of 36 expected counts are below 5" in areas["note"]
    kind = chi_square(odpm2005.counts(study, "kind")).iloc[0]
    expected = np.outer([111, 44], [61, 55, 39]) / 155
    observed = np.array([[37, 41, 33], [24, 14, 6]])
    assert kind["statistic"] == pytest.approx(((observed - expected) ** 2 / expected).sum())
    assert kind["note"] == ""


def test_chi_square_of_one_area_is_refused():
    with pytest.raises(bt.DataError, match="found 1 areas"):
        chi_square(counts({"a": [1, 2, 3]}))


def log_likelihood(table, cut, effect):
    """Cumulative logit, statuses best first, cut from worst to best; written out apart from the package."""
    best_first = np.concatenate([[0.0], 1 / (1 + np.exp(-(effect - np.array(cut)[::-1]))), [1.0]])
    return float((table * np.log(np.diff(best_first))).sum())


def test_maximum_is_the_maximum_of_the_likelihood():
    table = {"a": [10, 9, 16], "b": [17, 7, 2], "c": [3, 5, 6]}
    found = fit_proportional_odds(counts(table))

    def minus(x):
        effects = [x[2], x[3], -x[2] - x[3]]
        return -sum(
            log_likelihood(np.array(row), x[:2], e) for row, e in zip(table.values(), effects, strict=True)
        )

    best = optimize.minimize(
        minus, [-1, 1, 0, 0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 8000}
    )
    assert found["estimate"].to_numpy() == pytest.approx([*best.x, -best.x[2] - best.x[3]], abs=1e-5)
    hessian = np.array([[numeric(minus, best.x, i, j) for j in range(4)] for i in range(4)])
    assert found["se"].to_numpy()[:4] == pytest.approx(np.sqrt(np.diag(np.linalg.inv(hessian))), rel=1e-3)
    assert list(found.index) == ["red|amber", "amber|green", "a", "b", "c"]


def numeric(function, x, i, j, step=1e-4):
    unit = np.eye(len(x)) * step
    corners = [function(x + a * unit[i] + b * unit[j]) * a * b for a in (1, -1) for b in (1, -1)]
    return sum(corners) / (4 * step**2)


def test_two_statuses_and_two_areas_give_the_log_odds_ratio():
    pair = counts({"national": [37, 74], "local": [24, 20]}, ("green", "rest"))
    by_area = fit_proportional_odds(pair)
    assert 2 * by_area.loc["local", "estimate"] == pytest.approx(np.log(24 * 74 / (37 * 20)), abs=1e-9)
    local = fit_proportional_odds(with_covariate(pair, "is local", {"national": 0, "local": 1}))
    assert local.loc["is local", "estimate"] == pytest.approx(np.log(24 * 74 / (37 * 20)), abs=1e-9)
    assert local.loc["is local", "se"] == pytest.approx(np.sqrt(1 / 24 + 1 / 74 + 1 / 37 + 1 / 20), rel=1e-9)
    # The cutpoint is that of an area with average covariates.
    assert local.loc["rest|green", "estimate"] == pytest.approx(
        by_area.loc["rest|green", "estimate"], abs=1e-9
    )


def test_a_better_area_has_a_larger_effect():
    found = fit_proportional_odds(counts({"good": [8, 2, 1], "poor": [1, 2, 8]}))
    assert found.loc["good", "estimate"] > 0 > found.loc["poor", "estimate"]


def test_separated_areas_are_told_and_the_rest_is_estimated():
    rest = {"b": [2, 2, 1], "c": [1, 1, 1]}
    found = fit_proportional_odds(counts({"a": [3, 0, 0], **rest, "d": [0, 0, 2]}))
    assert [found.loc["a", "estimate"], found.loc["d", "estimate"]] == [np.inf, -np.inf]
    assert "all targets are of the best status" in found.loc["a", "note"]
    alone = fit_proportional_odds(counts(rest))
    assert found.loc[["b", "c"], "estimate"].to_numpy() == pytest.approx(
        alone.loc[["b", "c"], "estimate"].to_numpy()
    )


def test_where_nothing_is_left_to_estimate_the_note_tells():
    found = fit_proportional_odds(counts({"a": [3, 0, 0], "b": [1, 2, 3]}))
    assert found["estimate"].isna().all()
    assert (found["note"] == "no finite maximum of the likelihood was found").all()


def test_a_covariate_that_separates_the_statuses_is_told():
    apart = with_covariate(counts({"a": [5, 0], "b": [0, 5]}, ("y", "n")), "x", {"a": 1, "b": 0})
    found = fit_proportional_odds(apart)
    assert found["estimate"].isna().all()
    assert found["note"].str.contains("no finite maximum").all()


def test_a_status_without_targets_is_refused():
    with pytest.raises(bt.DataError, match="status 'amber' has no target; leave it out"):
        fit_proportional_odds(counts({"a": [3, 0, 2], "b": [1, 0, 3]}))
    with pytest.raises(bt.DataError, match="found one area"):
        fit_proportional_odds(counts({"a": [3, 1, 2]}))


def test_unknown_statuses_and_areas_are_refused():
    with pytest.raises(bt.DataError, match="no status 'blue'"):
        raw_shares(counts({"a": [3, 1, 2]}), success="blue")
    with pytest.raises(bt.DataError, match="no area 'z'"):
        fisher_tests(counts({"a": [3, 1, 2]}), {"x": ("a", "z")}, success="green")
