"""The comparison table: posterior beside the frequentist estimates."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayes_targets as bt
from bayes_targets.comparison.compare import COLUMNS, term_draws


@pytest.fixture(scope="module")
def posterior():
    rng = np.random.default_rng(1)
    effect = rng.normal([1.0, -2.0], [0.5, 1.0], (4, 2500, 2))
    data = xr.Dataset(
        {
            "effect": (("chain", "draw", "term"), effect),
            "sigma": (("chain", "draw"), rng.gamma(9.0, 1.0, (4, 2500))),
        },
        coords={"term": ["a", "b"]},
    )
    tree = xr.DataTree.from_dict({"posterior": data})
    tree.attrs = {"terms": json.dumps(["effect"]), "origin": "simulated"}
    return tree


@pytest.fixture(scope="module")
def ols():
    return pd.DataFrame({"estimate": [-2.5, 1.2], "se": [0.8, 0.5]}, index=pd.Index(["b", "a"], name="term"))


def test_columns_and_attrs_are_the_contract(posterior, ols):
    table = bt.compare(posterior, ols)
    assert tuple(table.columns) == COLUMNS
    assert table.index.name == "term" and table.index.tolist() == ["b", "a"]
    assert table.attrs == {"interval": "eti", "prob": 0.95, "rope": None, "origin": "simulated"}


def test_rows_follow_the_terms_not_their_order(posterior, ols):
    table = bt.compare(posterior, ols)
    assert table["mean"].to_dict() == pytest.approx({"b": -2.0, "a": 1.0}, abs=0.05)
    assert table.loc["a", "ols_estimate"] == 1.2


def test_summaries_are_those_of_the_draws(posterior, ols):
    draws = posterior["posterior"]["effect"].sel(term="b").to_numpy().ravel()
    row = bt.compare(posterior, ols, prob=0.8).loc["b"]
    assert row["mean"] == pytest.approx(draws.mean()) and row["sd"] == pytest.approx(draws.std(ddof=1))
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(draws, [0.1, 0.9])), abs=0.01)
    assert row["prob_positive"] == (draws > 0).mean()
    assert row["shift_in_se"] == pytest.approx((draws.mean() + 2.5) / 0.8)
    assert row["sd_ratio"] == pytest.approx(draws.std(ddof=1) / 0.8)


def test_highest_density_interval_is_the_shortest():
    rng = np.random.default_rng(2)
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"x": (("chain", "draw"), rng.exponential(1, (4, 5000)))})}
    )
    ols = pd.DataFrame({"estimate": [1.0], "se": [1.0]}, index=pd.Index(["x"], name="term"))
    eti, hdi = (bt.compare(tree, ols, prob=0.9, interval=kind).loc["x"] for kind in ("eti", "hdi"))
    assert hdi["low"] == pytest.approx(0, abs=0.01) and hdi["high"] == pytest.approx(-np.log(0.1), abs=0.15)
    assert eti["low"] == pytest.approx(-np.log(0.95), abs=0.02)


def test_rope_gives_posterior_masses_that_add_to_one(posterior, ols):
    table = bt.compare(posterior, ols, rope=(-0.5, 0.5))
    masses = table[["rope_below", "rope_inside", "rope_above"]]
    assert masses.sum(axis=1).to_numpy() == pytest.approx([1, 1])
    assert table.loc["a", "rope_above"] == pytest.approx(stats.norm(1, 0.5).sf(0.5), abs=0.02)
    assert table.loc["b", "rope_below"] == pytest.approx(stats.norm(-2, 1).cdf(-0.5), abs=0.02)


def test_each_term_may_have_its_own_rope(posterior, ols):
    table = bt.compare(posterior, ols, rope={"a": (0.9, 1.1)})
    assert table.loc["a", "rope_inside"] > 0 and np.isnan(table.loc["b", "rope_inside"])


def test_without_a_rope_the_masses_are_missing(posterior, ols):
    assert bt.compare(posterior, ols)[["rope_below", "rope_inside", "rope_above"]].isna().all(axis=None)


def test_frequentist_interval_uses_t_where_df_are_known(posterior, ols):
    known = ols.copy()
    known.attrs["df"] = 10
    row = bt.compare(posterior, known, prob=0.9).loc["a"]
    assert row["ols_high"] - row["ols_low"] == pytest.approx(2 * stats.t(10).ppf(0.95) * 0.5)
    normal = bt.compare(posterior, ols, prob=0.9).loc["a"]
    assert normal["ols_high"] - normal["ols_low"] == pytest.approx(2 * stats.norm.ppf(0.95) * 0.5)


def test_a_given_interval_is_kept_where_its_probability_is_the_one_asked_for(posterior, ols):
    given = ols.assign(ci_low=-9.0, ci_high=9.0)
    given.attrs["prob"] = 0.95
    assert bt.compare(posterior, given).loc["a", "ols_low"] == -9
    assert bt.compare(posterior, given, prob=0.5).loc["a", "ols_low"] != -9


def test_a_term_column_serves_as_the_index(posterior, ols):
    assert bt.compare(posterior, ols.reset_index()).index.tolist() == ["b", "a"]


def test_a_missing_term_is_told_with_the_nearest():
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"stretch": (("chain", "draw"), np.zeros((4, 10)))})}
    )
    ols = pd.DataFrame({"estimate": [1.0], "se": [1.0]}, index=pd.Index(["strech"], name="term"))
    with pytest.raises(bt.DataError, match="no term 'strech': did you mean 'stretch'"):
        bt.compare(tree, ols)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prob": 1.0}, "prob is 1.0"),
        ({"interval": "ci"}, "interval is 'ci'"),
        ({"rope": (1, -1)}, "rope of 'b' is"),
        ({"variables": ["sigm"]}, "no variable 'sigm': did you mean 'sigma'"),
    ],
)
def test_settings_out_of_range_are_told(posterior, ols, settings, message):
    with pytest.raises(bt.DataError, match=message):
        bt.compare(posterior, ols, **settings)


def test_two_variables_with_one_label_are_refused():
    data = xr.Dataset(
        {name: (("chain", "draw", dim), np.zeros((1, 2, 1))) for name, dim in (("x", "i"), ("y", "j"))},
        coords={"i": ["same"], "j": ["same"]},
    )
    with pytest.raises(bt.DataError, match="two posterior terms are named 'same'"):
        term_draws(xr.DataTree.from_dict({"posterior": data}))


QOF = pd.DataFrame(
    {
        "term": ["<5%", "25-50%"],
        "OR": ["0.980", "0.862"],
        "low": ["0.966", "0.832"],
        "high": ["0.995", "0.893"],
    }
)


def test_a_ratio_stands_beside_its_posterior_as_a_ratio():
    """Odds ratio .862 (.832 to .893): the posterior under a wide prior is the same, and below 1 for certain."""
    asked = bt.read_estimates(QOF, focus="25-50%", better="lower", smallest=0.95, ratio="odds ratio")
    table = bt.compare(bt.fit(bt.published_model(asked), seed=1), asked)
    row = table.loc["25-50%"]
    assert row[["ratio_mean", "ratio_low", "ratio_high"]].astype(float).round(3).tolist() == [
        0.862,
        0.832,
        0.893,
    ]
    assert row["published_estimate"] == pytest.approx(np.log(0.862)) and row["prob_better"] > 0.999
    assert row["rope_below"] == pytest.approx(stats.norm(-0.1485, 0.01805).cdf(np.log(0.95)), abs=0.001)
    assert np.isnan(table.loc["<5%", "rope_below"])


def test_published_intervals_are_t_where_degrees_of_freedom_are_few():
    frame = pd.DataFrame({"term": ["England x post"], "estimate": ["-3.6"], "se": ["1.4"]})
    asked = bt.read_estimates(frame, focus="England x post", better="lower", smallest=1, clusters=6)
    row = bt.compare(bt.fit(bt.published_model(asked), seed=1), asked).iloc[0]
    exact = stats.t(5, -3.6, 1.4)
    assert (row["published_low"], row["published_high"]) == pytest.approx(exact.interval(0.95))
    assert (row["low"], row["high"]) == pytest.approx(exact.interval(0.95), abs=1e-3)
    assert row["prob_better"] == pytest.approx(0.975, abs=5e-4)


def test_prior_and_data_in_conflict_are_told():
    frame = pd.DataFrame({"term": ["a"], "estimate": ["250"], "se": ["40"]})
    asked = bt.read_estimates(frame, focus="a", better="higher", smallest=1, hoped=1)
    row = bt.compare(bt.fit(bt.published_model(asked), seed=1), asked).iloc[0]
    assert row["prior_conflict"] == pytest.approx(250 / np.hypot(40, 5))


def test_rows_that_were_not_fitted_have_no_row_and_other_missing_terms_are_told():
    frame = pd.DataFrame({"term": ["Target", "Deprivation"], "beta": [".21", "-.35"], "p": [".032", "<.001"]})
    asked = bt.read_estimates(frame, focus="Target", better="higher", smallest=0.1, n=147)
    posterior = bt.fit(bt.published_model(asked), seed=1)
    assert bt.compare(posterior, asked).index.tolist() == ["Target"]
    other = pd.DataFrame({"term": ["Targt"], "estimate": ["1"], "se": ["1"]})
    with pytest.raises(bt.DataError, match="no term 'Targt': did you mean 'Target'"):
        bt.compare(posterior, bt.read_estimates(other))


def test_whole_numbers_are_terms_too():
    frame = pd.DataFrame(
        {"estimate": [1.0, 2.0], "se": [1.0, 1.0]}, index=pd.Index([2006, 2008], name="term")
    )
    posterior = bt.fit(bt.published_model(frame), seed=1)
    assert bt.compare(posterior, frame)["mean"].round(3).to_dict() == {2006: 1.0, 2008: 2.0}


@pytest.mark.parametrize(
    ("estimates", "message"),
    [
        (2, "found int, expected an Evaluation, or a DataFrame"),
        (pd.DataFrame({"estimate": [1.0]}, index=pd.Index(["a"], name="term")), "no column 'se'"),
        (pd.DataFrame({"estimate": ["x"], "se": [1.0]}, index=pd.Index(["a"], name="term")), "holds what is no number"),
        (pd.DataFrame({"estimate": [1.0, 1], "se": [1.0, 1]}, index=pd.Index(["a", "a"], name="term")), "more than once"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_estimates_is_told(posterior, estimates, message):
    with pytest.raises(bt.DataError, match=message):
        bt.compare(posterior, estimates)
    with pytest.raises(bt.DataError, match="posterior group is missing"):
        bt.compare(1, QOF.assign(estimate=1.0, se=1.0))
