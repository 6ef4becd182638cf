"""Eventual hits and printed shares: exact where there is a closed form, stated rules elsewhere."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayes_targets as bt
from bayes_targets.models.success.hits import (
    RewardRule,
    StatusCalibration,
    eventual_hits,
    monotone_transition,
    optimism_transition,
    summarise_hits,
)
from bayes_targets.models.success.survey import share_mixture, survey_shares
from bayes_targets.readers.counts import read_counts
from bayes_targets.studies import odpm2005

STATUSES = ["green", "amber", "red"]
SURE = {
    "green": StatusCalibration(1, 1),
    "amber": StatusCalibration(0.5, 0.5, rest=bt.Beta(1e-6, 1e6)),
    "red": StatusCalibration(0, 0, rest=bt.Beta(1e-6, 1e6)),
}


@pytest.fixture(scope="module")
def study():
    return bt.load_study("odpm2005")


@pytest.fixture(scope="module")
def finish(study):
    return odpm2005.counts(study, "finish")


def finish_tree(late, early=(0.35, 0.38, 0.27)):
    share = xr.DataArray(
        np.array([early, late], float)[None, None],
        dims=("chain", "draw", "area", "status"),
        coords={"area": [odpm2005.EARLY, odpm2005.LATE], "status": STATUSES},
    )
    return xr.DataTree.from_dict({"posterior": xr.Dataset({"share": share})})


def test_the_calibration_is_the_printed_one(study):
    chances = odpm2005.calibration(study)
    assert (chances["green"].low, chances["green"].high, chances["green"].of) == (0.75, 1.0, "hit")
    assert (chances["amber"].low, chances["amber"].high) == (0.5, 0.75)
    hit, reach = chances["red"].draw(np.random.default_rng(1), 50_000)
    assert reach.mean() == pytest.approx(0.05, abs=0.001)
    assert np.quantile(reach, 0.95) == pytest.approx(0.146, abs=0.004)
    assert (hit <= reach).all()
    hit, reach = chances["amber"].draw(np.random.default_rng(1), 1000)
    assert (hit >= 0.5).all() and (hit <= 0.75).all() and (reach >= hit).all() and (reach <= 1).all()


def test_known_chances_give_the_binomial_distribution(finish):
    hits = eventual_hits(finish, SURE, seed=1, draws=20_000)
    expected = 63 + stats.binom(56, 0.5).pmf(np.arange(57))
    found = np.bincount(hits["total_hits"].to_numpy() - 63, minlength=57) / 20_000
    assert found == pytest.approx(expected - 63, abs=0.006)
    assert hits["hits"].sel(area="2005 finish").mean().item() == pytest.approx(35 + 19, abs=0.1)


def test_a_common_chance_is_not_averaged_out(study, finish):
    """Mean by the calibration's means; variance mostly that of the common chances: 63² and 56² times 1/16 over 12."""
    hits = eventual_hits(finish, odpm2005.calibration(study), seed=1, draws=40_000)["total_hits"]
    assert float(hits.mean()) == pytest.approx(63 * 0.875 + 56 * 0.625 + 36 * 0.025, abs=0.2)
    chance = np.array([1 / 16 / 12, 1 / 16 / 12])
    p = np.array([0.875, 0.625])
    n = np.array([63, 56])
    within = (n * (p * (1 - p) - chance)).sum()
    between = (n**2 * chance).sum()
    red = stats.beta(1, 19).var() / 3 + stats.beta(1, 19).mean() ** 2 / 12
    extra = 36**2 * red + 36 * (0.025 - (red + 0.025**2))
    assert float(hits.var()) == pytest.approx(within + between + extra, rel=0.04)


def test_reward_is_nothing_below_the_threshold_and_pro_rata_above():
    rule, from_nothing = RewardRule(), RewardRule(at_threshold=0)
    achieved = np.array([0.0, 0.599, 0.6, 0.8, 1.0, 1.3])
    assert rule.payment(achieved) == pytest.approx([0, 0, 0.6, 0.8, 1, 1])
    assert from_nothing.payment(achieved) == pytest.approx([0, 0, 0, 0.5, 1, 1])


def test_partial_hits_are_paid_for_what_they_achieve():
    """All ten targets reach the threshold and none is hit: uniform between 60% and 100%, so 80% on average."""
    table = read_counts(pd.DataFrame({"area": ["a"], "amber": [10], "red": [0]}))
    calibration = {
        "amber": StatusCalibration(0, 0, rest=bt.Beta(1e6, 1e-6)),
        "red": StatusCalibration(0, 0),
    }
    paid = eventual_hits(table, calibration, seed=1, draws=20_000)
    assert paid["total_hits"].max().item() == 0
    assert paid["payable_share"].mean().item() == pytest.approx(0.8, abs=0.002)
    assert paid["payable_share"].std().item() == pytest.approx(0.4 / np.sqrt(12 * 10), rel=0.03)


def test_the_same_seed_gives_the_same_hits(study, finish):
    calibration = odpm2005.calibration(study)
    one, two, other = (eventual_hits(finish, calibration, seed=seed, draws=50) for seed in (3, 3, 4))
    assert one.identical(two)
    assert not one["total_hits"].equals(other["total_hits"])


def test_replicated_counts_of_a_posterior_stand_for_another_set_of_targets():
    count = xr.DataArray(
        np.array([[[[2, 0, 0]], [[0, 0, 2]]]]),
        dims=("chain", "draw", "area", "status"),
        coords={"area": ["a"], "status": STATUSES},
    )
    posterior = xr.DataTree.from_dict({"posterior_predictive": xr.Dataset({"count": count})})
    hits = eventual_hits(posterior, SURE, seed=1, draws=2000)["total_hits"].to_numpy()
    assert set(hits.tolist()) == {0, 2}
    assert hits.mean() == pytest.approx(1, abs=0.1)


def test_a_year_of_optimism_brings_the_later_ones_to_where_the_earlier_ones_are():
    """With one common shift the later distribution becomes the earlier one exactly, and no colour brightens."""
    early = np.array([0.35, 0.38, 0.27])
    log_odds = np.log(np.cumsum(early)[:-1]) - np.log(1 - np.cumsum(early)[:-1]) + 0.65
    late = np.diff(np.concatenate([[0], 1 / (1 + np.exp(-log_odds)), [1]]))
    transition = odpm2005.optimism(finish_tree(late))
    matrix = transition.sel(area=odpm2005.LATE).to_numpy()[0, 0]
    assert late @ matrix == pytest.approx(early)
    assert np.allclose(np.tril(matrix, -1), 0)
    assert transition.sel(area=odpm2005.EARLY).to_numpy()[0, 0] == pytest.approx(np.eye(3))
    further = odpm2005.optimism(finish_tree(late), early_years=1).sel(area=odpm2005.EARLY).to_numpy()[0, 0]
    odds = np.cumsum(early @ further)[:-1]
    assert np.log(odds / (1 - odds)) == pytest.approx(log_odds - 1.3)


def test_optimism_lowers_the_number_of_hits(study, finish):
    calibration = odpm2005.calibration(study)
    plain = eventual_hits(finish, calibration, seed=1)["total_hits"].mean().item()
    faded = eventual_hits(
        finish, calibration, seed=1, transition=odpm2005.optimism(finish_tree((0.51, 0.33, 0.16)))
    )
    assert 3 < plain - faded["total_hits"].mean().item() < 8
    assert faded["targets"].values.tolist() == [100, 55]


@pytest.mark.parametrize("seed", range(3))
def test_transitions_keep_the_order_and_the_distributions(seed):
    before, after = np.random.default_rng(seed).dirichlet([1, 1, 1, 1], (2, 20))
    matrix = monotone_transition(before, after)
    assert matrix.sum(axis=-1) == pytest.approx(1)
    assert np.einsum("ik,ikl->il", before, matrix) == pytest.approx(after)
    # A worse status never ends better than a better one may.
    last = (matrix > 0)[:, :, ::-1].argmax(axis=-1)
    first = (matrix > 0).argmax(axis=-1)
    assert (3 - last[:, :-1] <= first[:, 1:]).all()


def test_a_status_that_nobody_has_stays():
    assert monotone_transition([1.0, 0.0], [0.5, 0.5]).tolist() == [[0.5, 0.5], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: StatusCalibration(0.8, 0.5), "range is 0.8 to 0.5"),
        (lambda: StatusCalibration(0, 1, of="miss"), "of is 'miss', expected 'hit' or 'reach'"),
        (lambda: RewardRule(threshold=1.0), "expected shares from 0 to 1"),
        (lambda: odpm2005.optimism(finish_tree((0.5, 0.3, 0.2)), early_years=-1), "early_years is -1"),
        (
            lambda: optimism_transition(
                finish_tree((0.5, 0.3, 0.2)), early="2005 finish", late="2007", years={}
            ),
            "expected exactly the groups 2005 finish, 2006 finish",
        ),
    ],
)
def test_impossible_settings_are_told(call, message):
    with pytest.raises(bt.DataError, match=message):
        call()


def test_every_status_needs_a_calibration(finish):
    with pytest.raises(bt.DataError, match="none for status 'red'"):
        eventual_hits(finish, {"green": SURE["green"], "amber": SURE["amber"]}, seed=1)
    with pytest.raises(bt.DataError, match="draws is 0"):
        eventual_hits(finish, SURE, seed=1, draws=0)


def test_summary_names_interval_and_origin(finish):
    table = summarise_hits(eventual_hits(finish, SURE, seed=1))
    assert list(table.index) == ["total_hits", "hit_share", "payable_share"]
    assert (table.attrs["prob"], table.attrs["interval"], table.attrs["origin"]) == (0.95, "eti", "simulated")
    assert table.loc["hit_share", "mean"] == pytest.approx(table.loc["total_hits", "mean"] / 155)


def test_a_share_with_one_numerator_is_a_beta_distribution():
    """Only 3 of 10 prints as 30%: with Jeffreys' prior the posterior is Beta(3.5, 7.5)."""
    found = share_mixture((Fraction("29.5"), Fraction("30.5")), range(10, 11), bt.Beta(0.5, 0.5))
    beta = stats.beta(3.5, 7.5)
    assert (found.mean, found.sd) == pytest.approx((beta.mean(), beta.std()))
    assert found.quantile(0.025) == pytest.approx(beta.ppf(0.025))


def test_unknown_bases_and_numerators_are_averaged_by_bayes_rule():
    """Against simulation: share from the prior, base and numerator at random, kept where they print as told."""
    rng = np.random.default_rng(1)
    share = rng.beta(1, 1, 3_000_000)
    base = rng.integers(5, 31, share.size)
    count = rng.binomial(base, share)
    kept = (100 * count / base >= 75) & (100 * count / base <= 85)
    found = share_mixture((Fraction(75), Fraction(85)), range(5, 31), bt.Beta(1, 1))
    assert found.mean == pytest.approx(share[kept].mean(), abs=0.001)
    assert found.sd == pytest.approx(share[kept].std(), abs=0.001)
    assert found.quantile(0.1) == pytest.approx(np.quantile(share[kept], 0.1), abs=0.002)
    assert float(found.weight @ found.base) == pytest.approx(base[kept].mean(), abs=0.1)


def test_every_survey_share_is_answered_for(study):
    table = survey_shares(study.tables["survey"])
    assert len(table) == 20
    known = table.dropna(subset="mean")
    assert len(known) == 13
    assert ((known["low"] < known["mean"]) & (known["mean"] < known["high"])).all()
    fits = table.loc["local-priorities"]
    assert (fits["base"], fits["numerators"]) == ("643", "595 to 601")
    assert fits["mean"] == pytest.approx(598.5 / 645, abs=0.002)
    assert "base carried through from 643 to 840" in table.loc["partners-influential", "note"]
    assert "48 of these 52 bases can give the share" in table.loc["pump-priming-helpful", "note"]
    unknown = table.loc["lsp-involved"]
    assert np.isnan(unknown["mean"])
    assert "neither base nor a range of bases is known" in unknown["note"]
    assert (unknown["printed_low"], unknown["printed_high"]) == (0.5, 1.0)


def test_an_impossible_share_is_told():
    table = pd.DataFrame(
        {
            "id": ["x"],
            "share": [50.0],
            "share_printed": ["50.0"],
            "base": pd.array([3], "Int64"),
            "base_low": pd.NA,
            "base_high": pd.NA,
        }
    )
    assert survey_shares(table).loc["x", "note"].startswith("no posterior: no whole number of respondents")
    with pytest.raises(bt.DataError, match="no column 'base_low'"):
        survey_shares(table.drop(columns="base_low"))
