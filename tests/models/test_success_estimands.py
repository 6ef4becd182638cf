"""Estimands of the success models are what they are called, from draws whose answer is known."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt
from bayes_targets.comparison.proportional_odds import fit_proportional_odds
from bayes_targets.comparison.proportions import area_shares, fisher_tests, raw_shares
from bayes_targets.inference.summary import summarise_draws
from bayes_targets.models.success.estimands import (
    area_contrasts,
    check_fit,
    collapse_statuses,
    contrast_table,
    predictive_counts,
    rank_probabilities,
    share_spread,
    status_share,
)
from bayes_targets.models.success.loo import compare_models, leave_one_area_out, log_evidence
from bayes_targets.models.success.margins import cell_share, composition_bound, group_shares, margins_model
from bayes_targets.models.success.model import success_model
from bayes_targets.readers.counts import read_counts
from bayes_targets.studies import odpm2005

STATUSES = ["green", "amber", "red"]


def counts(rows, statuses=STATUSES):
    frame = pd.DataFrame(list(rows.values()), columns=list(statuses))
    return read_counts(frame.assign(area=list(rows)), statuses=list(statuses))


def tree(share, table, *, predictive=None, **attrs):
    """A posterior of the given shares (draw, area, status) for these counts."""
    coords = {"area": table["area"].to_numpy(), "status": STATUSES}
    share = xr.DataArray(
        np.asarray(share, float)[None], dims=("chain", "draw", "area", "status"), coords=coords
    )
    weights = table["count"].sum("status") / int(table["count"].sum())
    overall = (share * weights).sum("area")
    groups = {
        "posterior": xr.Dataset({"share": share, "overall_share": overall}),
        "posterior_predictive": xr.Dataset({"new_area_share": overall}),
        "observed_data": xr.Dataset({"count": table["count"]}),
    }
    if predictive is not None:
        replicated = xr.DataArray(np.asarray(predictive)[None], dims=share.dims, coords=coords)
        groups["posterior_predictive"] = groups["posterior_predictive"].assign(count=replicated)
    found = xr.DataTree.from_dict(groups)
    found.attrs = {"options": json.dumps({"outcome": "ordinal"}), "terms": "[]", "origin": "observed"} | attrs
    return found


PAIR = counts({"a": [6, 3, 1], "b": [1, 1, 8]})
DRAWS = [
    [[0.6, 0.2, 0.2], [0.1, 0.3, 0.6]],
    [[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]],
    [[0.4, 0.4, 0.2], [0.5, 0.1, 0.4]],
    [[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]],
]


@pytest.fixture(scope="module")
def lpsa():
    return odpm2005.counts(bt.load_study("odpm2005"), "policy_area")


@pytest.fixture(scope="module", params=["exact", pytest.param("nuts", marks=pytest.mark.slow)])
def margins(lpsa, request):
    study = bt.load_study("odpm2005")
    others = {name: odpm2005.counts(study, name) for name in ("kind", "finish")}
    return bt.fit(margins_model(lpsa, others), engine=request.param, seed=1, progress=False)


def test_statuses_are_added_up():
    assert status_share(tree(DRAWS, PAIR), ["green", "amber"]).sel(area="a").values.tolist() == [
        [0.8, 0.8, 0.8, pytest.approx(0.9)]
    ]
    with pytest.raises(bt.DataError, match="no status 'grene', did you mean 'green'"):
        status_share(tree(DRAWS, PAIR), "grene")


def test_a_binomial_posterior_answers_for_its_own_statuses_only():
    share = xr.DataArray(np.full((1, 2, 2), 0.5), dims=("chain", "draw", "area"))
    binomial = xr.DataTree.from_dict({"posterior": xr.Dataset({"share": share})})
    binomial.attrs = {"options": json.dumps({"success": ["green", "amber"]})}
    assert status_share(binomial, ("amber", "green")) is not None
    with pytest.raises(bt.DataError, match="the posterior is of green or amber, not of green"):
        status_share(binomial, "green")
    with pytest.raises(bt.DataError, match="the posterior has no 'overall_share'"):
        status_share(binomial, "green", variable="overall_share")


def test_area_shares_hold_raw_pooled_shrinkage_and_ranks():
    table = area_shares(tree(DRAWS, PAIR), PAIR, success="green")
    assert table.loc["a", ["n", "ols_estimate", "mean"]].tolist() == pytest.approx([10, 0.6, 0.55])
    overall = np.mean([0.35, 0.35, 0.45, 0.45])
    assert table.loc["a", "shrinkage"] == pytest.approx((0.6 - 0.55) / (0.6 - overall))
    assert table.loc["a", ["prob_best", "prob_worst", "prob_above_average"]].tolist() == [0.75, 0.25, 0.75]
    assert table.loc["b", "prob_above_average"] == 0.25
    raw = raw_shares(PAIR, success="green")
    assert table["ols_low"].tolist() == raw["ci_low"].tolist()
    assert table.attrs["overall"] == pytest.approx(overall)
    assert bt.plot_shares(table).axes


def test_contrasts_are_differences_and_odds_ratios_of_the_same_draws():
    found = area_contrasts(tree(DRAWS, PAIR), {"a against b": ("a", "b")}, success="green")
    difference = found["posterior"]["difference"].values.ravel()
    assert difference == pytest.approx([0.5, 0.3, -0.1, 0.5])
    ratio = found["posterior"]["odds_ratio"].values.ravel()
    assert ratio == pytest.approx([0.6 * 0.9 / (0.4 * 0.1), 4.0, 0.4 / 0.6, 0.7 * 0.8 / (0.3 * 0.2)])
    table = contrast_table(found)
    assert table.loc[("a against b", "difference"), "mean"] == pytest.approx(0.3)
    assert table["prob_positive"].tolist() == [0.75, 0.75]
    with pytest.raises(bt.DataError, match="no area 'c'"):
        area_contrasts(tree(DRAWS, PAIR), {"x": ("a", "c")}, success="green")


def test_shares_of_zero_and_one_have_finite_odds():
    edge = [[[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]] * 4
    found = area_contrasts(tree(edge, PAIR), {"x": ("a", "b")}, success="green")
    assert np.isfinite(found["posterior"]["log_odds_ratio"]).all()


def test_spread_is_the_gap_between_the_outermost_areas():
    spread = share_spread(status_share(tree(DRAWS, PAIR), "green"))
    assert spread.values.ravel() == pytest.approx([0.5, 0.3, 0.1, 0.5])


def test_summaries_are_of_all_draws():
    draws = xr.DataArray(np.arange(1.0, 101).reshape(2, 50), dims=("chain", "draw"), name="x")
    found = summarise_draws(draws, prob=0.5).loc["x"]
    assert found[["mean", "median", "low", "high"]].tolist() == pytest.approx([50.5, 50.5, 25.5, 75.5])


def test_a_collapsed_posterior_is_taken_by_compare_and_by_claims():
    rng = np.random.default_rng(1)
    share = rng.dirichlet([4, 3, 3], (400, 2))
    collapsed = collapse_statuses(tree(share, PAIR), ("green", "amber"))
    table = bt.compare(collapsed, raw_shares(PAIR, success=("green", "amber")))
    assert table.loc["a", "mean"] == pytest.approx(share[:, 0, :2].sum(axis=1).mean())
    assert table.loc["a", "ols_estimate"] == pytest.approx(0.9)
    assert "new_area_share" in collapsed["posterior_predictive"]
    with pytest.raises(bt.DataError, match="of green or amber, not of green"):
        status_share(collapsed, "green")


def test_frequentist_tables_stand_beside_the_posterior(margins, lpsa):
    ml = fit_proportional_odds(lpsa)
    table = bt.compare(margins, ml)
    assert list(table.index[:3]) == ["red|amber", "amber|green", "Education"]
    # Pooling draws the effects towards the average, and never beyond their neighbourhood.
    areas = table.iloc[2:]
    assert (areas["mean"].abs() < areas["ols_estimate"].abs() + 0.1).all()
    kind = odpm2005.counts(bt.load_study("odpm2005"), "kind")
    pairs = {"local against national": ("Local targets", "National targets")}
    fisher = fisher_tests(kind, pairs, success="green")
    beside = bt.compare(area_contrasts(group_shares(margins), pairs, success="green"), fisher)
    assert beside["mean"].item() == pytest.approx(beside["ols_estimate"].item(), abs=0.15)


def test_a_model_that_fits_passes_its_check_and_one_that_does_not_fails():
    """Two areas with the same share of green, one all-or-nothing: no proportional odds can make both."""
    split = counts({"a": [20, 0, 20], "b": [20, 20, 0], "c": [20, 10, 10]})
    n, rng = 40, np.random.default_rng(1)
    right = np.array([[0.5, 0.01, 0.49], [0.5, 0.49, 0.01], [0.5, 0.25, 0.25]])
    wrong = np.full((3, 3), [0.5, 0.25, 0.25])
    checks = {}
    for name, shares in (("right", right), ("wrong", wrong)):
        repeated = np.repeat(shares[None], 500, axis=0)
        checks[name] = check_fit(tree(repeated, split, predictive=rng.multinomial(n, repeated)))["p_value"]
    assert checks["right"].min() > 0.2
    assert checks["wrong"].max() < 0.01


def test_predictive_counts_tell_each_cell():
    replicated = np.array(
        [[[6, 3, 1], [2, 1, 7]], [[5, 4, 1], [1, 1, 8]], [[7, 3, 0], [1, 2, 7]], [[6, 2, 2], [0, 2, 8]]]
    )
    cells = predictive_counts(tree(DRAWS, PAIR, predictive=replicated))
    assert cells.loc[("a", "green"), ["observed", "mean", "p_value"]].tolist() == [6, 6, 0.5]
    with pytest.raises(bt.DataError, match="holds no counts by status"):
        predictive_counts(xr.DataTree.from_dict({"observed_data": xr.Dataset()}))


def test_models_are_compared_by_area():
    areas = pd.Index(list("abc"), name="area")
    tables = {
        name: pd.DataFrame({"elpd": elpd, "mcse": 0.1}, index=areas)
        for name, elpd in (("one", [-1.0, -2.0, -3.0]), ("two", [-1.5, -1.5, -4.0]))
    }
    evidence = {
        name: pd.DataFrame({"log_density": [total], "mcse": [0.1]})
        for name, total in (("one", -6.0), ("two", -7.0))
    }
    found = compare_models(tables, evidence)
    assert list(found.index) == ["one", "two"]
    assert found.loc["two", "difference"] == pytest.approx(-1.0)
    assert found.loc["two", "difference_se"] == pytest.approx(np.sqrt(3) * np.std([-0.5, 0.5, -1.0], ddof=1))
    assert found.loc["one", "probability"] == pytest.approx(1 / (1 + np.exp(-1)))
    assert found["pseudo_bma"].sum() == pytest.approx(1)
    with pytest.raises(bt.DataError, match="expected one set of areas"):
        compare_models({"one": tables["one"], "two": tables["two"].iloc[:2]})


def test_leaving_out_needs_pooling_and_proper_priors(lpsa):
    alone = success_model(lpsa, pooling="none")
    with pytest.raises(bt.DataError, match="leaving areas out needs pooling"):
        leave_one_area_out(alone)
    improper = success_model(lpsa, priors=bt.SuccessPriors(mu=bt.Flat()))
    with pytest.raises(bt.DataError, match="a prior is improper"):
        log_evidence(improper)
    with pytest.raises(bt.DataError, match="engine is 'exat', did you mean 'exact'"):
        leave_one_area_out(success_model(lpsa), engine="exat")


def test_the_joint_model_keeps_the_margins(margins, lpsa):
    assert bt.diagnose(margins)["passed"].all()
    overall = margins["posterior"]["overall_share"].mean(("chain", "draw")).to_numpy()
    assert overall == pytest.approx(np.array([63, 56, 36]) / 155, abs=0.03)
    groups = group_shares(margins)
    share = groups["posterior"]["share"].mean(("chain", "draw"))
    assert np.allclose(share.sum("status"), 1)
    assert share.sel(area="Local targets", status="green").item() == pytest.approx(24 / 44, abs=0.04)
    assert share.sel(area="2005 finish", status="red").item() == pytest.approx(0.27, abs=0.04)


def test_cells_of_independent_attributes_follow_bayes_rule(margins):
    draws = margins["posterior"].to_dataset()
    local = cell_share(margins, {"kind": "Local targets"}).sel(area="Fire")
    member = draws["member"].sel(attribute="kind", drop=True)
    own = draws["share"].sel(area="Fire")
    expected = own * member / (own * member).sum("status")
    assert np.allclose(local, expected.transpose(*local.dims))
    # Weighted by how many of each kind there are, the cells add up to the area's own share.
    national = cell_share(margins, {"kind": "National targets"}).sel(area="Fire")
    weight = (own * member).sum("status")
    assert np.allclose(weight * local + (1 - weight) * national, own)
    with pytest.raises(bt.DataError, match="no group 'Locals', did you mean 'Local targets'"):
        cell_share(margins, {"kind": "Locals"})
    with pytest.raises(bt.DataError, match="no attribute 'kinds'"):
        cell_share(margins, {"kinds": "Local targets"})


def test_the_log_likelihood_of_the_joint_model_is_that_of_pymc(margins, lpsa):
    import pymc as pm
    import pytensor

    study = bt.load_study("odpm2005")
    model = margins_model(lpsa, {"kind": odpm2005.counts(study, "kind")}, pooling="complete")
    graph = model.to_pymc()
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        prior = pm.sample_prior_predictive(draws=20, model=graph, random_seed=1)["prior"].to_dataset()
        tree = xr.DataTree.from_dict({"posterior": prior})
        theirs = pm.compute_log_likelihood(tree, model=graph, progressbar=False)["log_likelihood"]
    ours = model.log_likelihood(model, prior)
    for name in ("count", "members"):
        assert ours[name].to_numpy() == pytest.approx(theirs[name].to_numpy(), abs=1e-8)
    drawn = model.draw_prior(model, np.random.default_rng(1), 5)
    assert set(drawn.data_vars) == set(model.variables)


def test_the_mix_of_areas_can_make_at_most_the_bound():
    """Best group of 12 out of a (10 targets) and b (10): all of a and two of b, in the draws where a is better."""
    bound = composition_bound(tree(DRAWS, PAIR), PAIR, 12, success="green").values.ravel()
    first = (10 * 0.6 + 2 * 0.1) / 12 - 0.1
    third = (10 * 0.5 + 2 * 0.4) / 12 - 0.4
    assert bound[[0, 2]] == pytest.approx([first, third])
    with pytest.raises(bt.DataError, match="size is 20, expected a number of targets between 1 and 19"):
        composition_bound(tree(DRAWS, PAIR), PAIR, 20, success="green")


@pytest.mark.parametrize(
    ("others", "options", "message"),
    [
        ({}, {}, r"attributes: found \{\}, expected a dict"),
        ({"kind": counts({"x": [1, 2, 3]})}, {}, "attribute 'kind': found 1 groups, expected two"),
        ({"kind": counts({"x": [1, 2], "y": [3, 4]}, ["green", "red"])}, {}, "its statuses are not those"),
        ({"kind": PAIR}, {"pooling": "none"}, "pooling is 'none'"),
    ],
)
def test_margins_that_do_not_belong_together_are_refused(others, options, message):
    with pytest.raises(bt.DataError, match=message):
        margins_model(PAIR, others, **options)


def test_margins_take_the_covariates_of_the_areas():
    areas = bt.with_covariate(PAIR, "x", {"a": 0, "b": 1})
    kind = counts({"national": [4, 2, 4], "local": [3, 2, 5]})
    joint, alone = (
        bt.fit(model, draws=500, seed=1)["posterior"]["coefficient"]
        for model in (
            margins_model(areas, {"kind": kind}, pooling="complete"),
            success_model(areas, outcome="ordinal", pooling="complete"),
        )
    )
    for of in (np.mean, np.std):
        assert of(joint.to_numpy()) == pytest.approx(of(alone.to_numpy()), abs=0.01)


def test_status_names_may_hold_a_comma():
    frame = pd.DataFrame(
        {"area": ["a", "b"], "on, or ahead": [7, 3], "behind": [3, 5], "far, far behind": [1, 2]}
    )
    counts = bt.read_counts(frame, statuses=["on, or ahead", "behind", "far, far behind"])
    good = ["on, or ahead", "behind"]
    one = bt.fit(bt.success_model(counts, success=good), draws=200, seed=1)
    share = status_share(one, good)
    assert share.sizes["area"] == 2
    with pytest.raises(bt.DataError, match="the posterior is of on, or ahead or behind, not of behind"):
        status_share(one, "behind")
    again = collapse_statuses(one, good)
    assert np.array_equal(status_share(again, good), share)


def test_ranks_of_many_areas_are_shares_of_draws_with_ties_split_evenly():
    values = np.random.default_rng(1).integers(0, 4, (200, 9)).astype(float)
    draws = xr.DataArray(values[None], dims=("chain", "draw", "area"), coords={"area": list("abcdefghi")})
    table = rank_probabilities(draws)
    for place in range(9):
        above, same = (values > values[:, [place]]).sum(axis=1), (values == values[:, [place]]).sum(axis=1)
        for rank in range(9):
            share = (((above <= rank) & (rank < above + same)) / same).mean()
            assert table.iloc[place, rank] == pytest.approx(share)
