"""Targets set looking at a later score: the simulated areas, the learnt likelihood, and what is concluded from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt
from bayes_targets.inference.smc import temper
from bayes_targets.models.anchoring.answers import gap_for_regression_to_mean
from bayes_targets.models.anchoring.likelihood import closed_form, transform
from bayes_targets.models.anchoring.world import (
    PARAMETERS,
    STATISTICS,
    Design,
    controls_of,
    print_statistics,
    simulate_areas,
)
from bayes_targets.plots import plot_anchoring, plot_slope_by_weight, plot_summary_check
from bayes_targets.studies import andrews2014_anchoring as paper

AFTER_THE_FACT = {
    "anchor_weight": 1.0,
    "causal_slope": 0.0,
    "ambition_mean": 3.6,
    "ambition_sd": 2.6,
    "score_after": 75.2,
    "carry_over": 0.84,
    "drift_sd": 2.2,
}


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return paper.anchoring_summary(bt.load_study("andrews2014"))


@pytest.fixture(scope="module")
def posterior(summary) -> xr.DataTree:
    return bt.fit(bt.anchoring_model(summary), seed=4, progress=False)


def means(**settings: object) -> pd.Series[float]:
    """Mean of each printed statistic over 1,000 simulated studies."""
    return bt.simulate_anchoring(n_simulations=1000, seed=5, **settings).mean(axis=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("slope", [0.0, 0.65])
def test_without_survey_error_a_target_set_from_2006_gives_the_causal_slope(slope):
    found = bt.simulate_anchoring(
        n_simulations=2000, seed=1, design=Design(survey_se=0.0), causal_slope=slope
    ).loc["slope"]
    assert abs(found.mean() - slope) < 4 * found.std() / np.sqrt(len(found)) + 0.003


def test_survey_noise_alone_gives_the_share_of_noise_in_stretch():
    """Stretch less ambition is minus the error of 2006, which the change contains too."""
    truth = {"causal_slope": 0.0, "error_seen": 0.0, "ambition_mean": 0.0, "ambition_sd": 3.8}
    noise = Design().survey_se ** 2
    assert means(**truth)["slope"] == pytest.approx(noise / (noise + 3.8**2), abs=0.015)
    assert means(**truth | {"error_seen": 1.0})["slope"] == pytest.approx(0.0, abs=0.015)


def test_targets_set_after_the_fact_print_nearly_what_is_printed_without_any_effect():
    found = means(**AFTER_THE_FACT)
    assert 0.5 < found["slope"] < 0.65
    assert 0.3 < found["r2_with"] < 0.45
    assert 0.7 < found["mean_stretch"] < 1.3
    assert found["sd_stretch"] == pytest.approx(3.93, abs=0.3)
    assert -13 < found["min_stretch"] < -9 and 14 < found["max_stretch"] < 19


def test_more_weight_on_the_later_score_gives_more_slope_without_any_effect():
    slopes = [means(**AFTER_THE_FACT | {"anchor_weight": w})["slope"] for w in (0.0, 0.5, 1.0)]
    assert slopes[0] == pytest.approx(0.0, abs=0.03)
    assert slopes == sorted(slopes) and slopes[2] - slopes[1] > 0.1


@pytest.mark.parametrize("truth", [{}, AFTER_THE_FACT, {"error_seen": 0.0, "anchor_weight": 0.5}])
def test_the_closed_form_comes_near_the_simulated_statistics(truth):
    studies = bt.simulate_anchoring(n_simulations=2000, seed=2, **truth)
    values = np.array([[studies.attrs["truth"][name] for name in PARAMETERS]])
    expected = dict(zip(STATISTICS, closed_form(values, Design())[0], strict=True))
    found = transform({name: studies.loc[name].to_numpy() for name in STATISTICS})
    for i, name in enumerate(STATISTICS):
        if not name.startswith(("min", "max")):
            assert abs(found[:, i].mean() - expected[name]) < 0.8 * found[:, i].std(), name


def test_statistics_are_those_of_ordinary_regression():
    design = Design(n_authorities=40, n_targets=25, n_missing=5, n_controls=3)
    truth = bt.simulate_anchoring(seed=1).attrs["truth"]
    areas = simulate_areas({name: [value] for name, value in truth.items()}, design, np.random.default_rng(3))
    found = print_statistics(areas, design)
    used, y = design.used, areas["change"][0][design.used]
    assert len(used) == 35 and np.all(areas["stretch"][0][25:] == 0)
    x = np.column_stack([controls_of(design)[0][used], areas["stretch"][0][used]])
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    error, inverse = y - x @ slopes, np.linalg.inv(x.T @ x)
    covariance = 35 / (35 - 5) * inverse @ (x.T * error**2) @ x @ inverse  # HC1
    assert found["slope"][0] == pytest.approx(slopes[-1])
    assert found["slope_se"][0] == pytest.approx(np.sqrt(covariance[-1, -1]))
    assert found["r2_with"][0] == pytest.approx(1 - (error**2).sum() / ((y - y.mean()) ** 2).sum())
    assert found["sd_stretch"][0] == pytest.approx(np.std(areas["stretch"][0][used], ddof=1))


def test_the_summary_is_what_the_paper_prints(summary):
    design = summary.attrs["design"]
    assert (design.n_authorities, design.n_targets, design.n_missing, design.n_controls) == (150, 86, 19, 11)
    assert len(design.used) == 131 and design.survey_se == pytest.approx(1.53, abs=0.001)
    assert summary.loc[
        ["mean_before", "max_after", "sd_stretch", "r2_with", "r2_without"], "value"
    ].tolist() == [
        77.32,
        87.60,
        3.93,
        0.49,
        0.12,
    ]


def test_particles_find_a_known_posterior_and_its_evidence():
    """Start N(0, 3^2), target exp(-(x - 2)^2 / 2): evidence sqrt(2 pi) over that of exp(-x^2 / 18)."""
    rng = np.random.default_rng(8)
    found = temper(
        rng.normal(0, 3, (4000, 2)), lambda x: -(x**2).sum(1) / 18, lambda x: -((x - 2) ** 2).sum(1) / 2, rng
    )
    assert found.exponent == 1.0
    assert found.values.mean(axis=0) == pytest.approx([2, 2], abs=0.1)
    assert found.values.std(axis=0) == pytest.approx([1, 1], abs=0.07)
    assert found.log_evidence == pytest.approx(-2 * np.log(3), abs=0.1)


def test_particles_do_not_claim_to_have_arrived_where_there_is_no_density():
    found = temper(
        np.zeros((50, 1)) + np.arange(50)[:, None],
        lambda x: np.zeros(len(x)),
        lambda x: np.full(len(x), -np.inf),
        np.random.default_rng(1),
    )
    assert found.exponent < 1


def test_the_printed_statistics_pass_the_gate(posterior):
    checks = bt.diagnose(posterior)
    bt.require(checks)
    assert posterior.attrs["engine"] == "smc" and posterior.attrs["origin"] == "published"
    assert {"exponent reached, smallest over the chains", "bias of the learnt likelihood, in s.d."} <= set(
        checks["quantity"]
    )


def test_the_same_seed_gives_the_same_draws(summary, posterior):
    again = bt.fit(bt.anchoring_model(summary), seed=4, progress=False)
    xr.testing.assert_identical(again["posterior"].to_dataset(), posterior["posterior"].to_dataset())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("exponent", 0.9, "exponent reached"),
        ("acceptance", 0.01, "moves accepted"),
        ("likelihood_bias", 0.5, "bias of the learnt likelihood"),
        ("likelihood_spread", np.nan, "error of the learnt likelihood"),
        ("exponent", None, "sample statistics missing"),
    ],
)
def test_the_gate_fails_closed(posterior, name, value, reason):
    broken = posterior.copy(deep=True)
    stats = broken["sample_stats"].to_dataset()
    broken["sample_stats"] = (
        stats.drop_vars(name) if value is None else stats.assign({name: stats[name] * 0 + value})
    )
    with pytest.raises(bt.DiagnosticsError, match=reason):
        bt.require(bt.diagnose(broken))


def test_the_gate_stops_what_the_model_cannot_print(posterior):
    broken = posterior.copy(deep=True)
    observed = broken["observed_data"].to_dataset()
    broken["observed_data"] = observed.assign(printed=observed["printed"] * 2)
    with pytest.raises(bt.DiagnosticsError, match="predictive p-value"):
        bt.require(bt.diagnose(broken))


def test_every_printed_statistic_lies_inside_its_predictive_interval(posterior):
    check = bt.check_summary(posterior)
    assert len(check) == 16 and check["p_value"].between(0.05, 1).all()
    assert ((check["low"] < check["printed"]) & (check["printed"] < check["high"])).all()


def test_the_printed_statistics_do_not_tell_what_targets_were_set_from(posterior):
    low, high = posterior["posterior"]["anchor_weight"].quantile([0.05, 0.95]).to_numpy()
    assert low < 0.15 and high > 0.85


def test_the_causal_slope_falls_as_the_weight_rises_and_more_with_published_figures(posterior):
    band = bt.slope_by_weight(posterior)
    assert band.loc[0.0, "low"] > 0.35 and 0.5 < band.loc[0.0, "median"] < 0.7
    assert band.loc[1.0, "low"] < 0 < band.loc[1.0, "median"] < 0.35
    assert (band["median"].diff().dropna() < 0.01).all()
    assert (band[["mcse", "prob_error"]] < 0.03).all(axis=None)  # four populations agree
    assert (band["mcse_interval"] < 0.06).all()
    seen = bt.slope_by_weight(posterior, [1.0], error_seen=1.0).iloc[0]
    known = bt.slope_by_weight(posterior, [1.0], error_seen=0.0).iloc[0]
    assert seen["median"] < known["median"] and seen["prob_positive"] < known["prob_positive"]


def test_the_prior_of_the_weight_plays_no_part_in_the_slope_at_a_weight(summary, posterior):
    priors = bt.AnchoringPriors(anchor_weight=bt.Beta(2, 1))
    other = bt.fit(bt.anchoring_model(summary, priors=priors), seed=9, progress=False)
    a, b = (bt.slope_by_weight(tree, [0.6]).iloc[0] for tree in (posterior, other))
    assert a["median"] == pytest.approx(b["median"], abs=0.03)
    assert a["low"] == pytest.approx(b["low"], abs=0.06)
    assert float(other["posterior"]["anchor_weight"].mean()) > float(
        posterior["posterior"]["anchor_weight"].mean()
    )


def test_a_tipping_point_lies_between_the_weights_around_it():
    band = pd.DataFrame({"prob_positive": [0.99, 0.94, 0.7, 0.4]}, index=[0.0, 0.3, 0.6, 0.9])
    tips = bt.tipping_points(band, [0.999, 0.82, 0.5, 0.1])
    assert tips.iloc[0] == 0 and tips.iloc[1] == pytest.approx(0.45) and 0.6 < tips.iloc[2] < 0.9
    assert np.isnan(tips.iloc[3])


def test_noise_explains_a_fifth_of_the_printed_slope_at_most(posterior):
    noise = bt.noise_alone(posterior, seed=1)
    spread = (0.7732 * 3.93) ** 2  # of stretch, in points
    expected = 67 / 131 * Design().survey_se ** 2 / spread
    assert noise.loc["the true level", "mean"] == pytest.approx(expected, abs=0.02)
    assert noise.loc["the true level", "share_of_printed"] == pytest.approx(0.2, abs=0.04)
    assert abs(noise.loc["the survey's figure", "mean"]) < 0.02


def test_survey_error_alone_cannot_give_the_effect_of_having_a_target(posterior):
    """Reversion is 100 se^2 / (sd^2 mean); the largest gap is that of the 86 lowest of 150 normal scores."""
    gap = gap_for_regression_to_mean(posterior, 0.952, 0.659, seed=1)
    error = gap.loc["survey error alone"]
    reversion = 100 * Design().survey_se ** 2 / 6.94**2 / 77.32
    assert error["gap"] == pytest.approx(0.952 / reversion, rel=0.01) and error["share_of_largest"] > 1
    lowest = np.sort(np.random.default_rng(1).normal(0, 6.94, (2000, 150)), axis=1)
    assert gap.attrs["largest_gap"] == pytest.approx(
        (lowest[:, 86:].mean() - lowest[:, :86].mean()), rel=0.02
    )
    drift = gap.loc["survey error and drift to the middle"]
    assert 4 < drift["gap"] < 10 and drift["gap_low"] < 0 < drift["gap_high"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"r2_with": 1.2}, "between 0 and 1"),
        ({"sd_before": 0.0}, "above 0"),
        ({"min_stretch": 2.0}, "below the mean"),
        ({"mean_after": np.nan}, "between 0 and 100"),
    ],
)
def test_a_statistic_that_cannot_be_is_refused(summary, change, message):
    name, value = next(iter(change.items()))
    wrong = summary.copy()
    wrong.attrs = summary.attrs
    wrong.loc[name, "value"] = value
    with pytest.raises(bt.DataError, match=message):
        bt.anchoring_model(wrong)


def test_what_is_missing_or_not_known_is_named(summary):
    without = summary.drop(index="slope_se")
    without.attrs = summary.attrs
    with pytest.raises(bt.DataError, match="no statistic 'slope_se'"):
        bt.anchoring_model(without)
    with pytest.raises(bt.DataError, match="design"):
        bt.anchoring_model(pd.DataFrame({"value": summary["value"]}))
    with pytest.raises(bt.DataError, match="anchor_weight"):
        bt.simulate_anchoring(seed=1, anchor_wieght=1.0)
    with pytest.raises(bt.DataError, match="n_missing"):
        Design(n_missing=86)


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"causal_slope": bt.Flat()}, "proper"),
        ({"anchor_weight": bt.HalfNormal(1)}, "outside 0 to 1"),
        ({"ambition_sd": bt.Normal(0, 1)}, "below 0"),
    ],
)
def test_a_prior_that_leaves_the_range_is_refused(summary, priors, message):
    with pytest.raises(bt.DataError, match=message):
        bt.anchoring_model(summary, priors=bt.AnchoringPriors(**priors))


def test_a_model_without_particles_says_so(eight_schools):
    with pytest.raises(bt.DataError, match="no engine 'smc'"):
        bt.fit(bt.published_model(eight_schools), engine="smc", seed=1)


def test_the_figures_say_that_this_is_a_sensitivity_analysis(posterior):
    bands = {
        "any": bt.slope_by_weight(posterior),
        "survey figures": bt.slope_by_weight(posterior, error_seen=1.0),
    }
    tips = pd.DataFrame({name: bt.tipping_points(band, [0.97]) for name, band in bands.items()}).T
    figures = [
        plot_slope_by_weight(bands, printed=0.651, tips=tips),
        plot_anchoring(posterior, printed=0.651),
    ]
    for figure in figures:
        assert "sensitivity analysis" in figure.texts[-1].get_text()
        assert "printed: 0.651" in [text.get_text() for text in figure.axes[0].texts]
    assert {"any", "survey figures"} <= {text.get_text() for text in figures[0].axes[0].texts}
    told = figures[0].texts[-1].get_text().replace("\n", " ")
    assert "falls below 97% at" in told
    check = plot_summary_check(bt.check_summary(posterior))
    assert "95% equal-tailed" in check.texts[-1].get_text() and "SIMULATED" in check.texts[-1].get_text()
    assert len(check.axes[0].get_yticklabels()) == 16
    made_up = plot_anchoring(posterior, origin="simulated")
    assert made_up.get_suptitle().startswith("SIMULATED DATA")


@pytest.mark.slow
def test_nuts_agrees_with_the_particles(summary, posterior):
    # With 1,000 draws a chain the Monte Carlo error of a tail is a third of the tolerance.
    nuts = bt.fit(bt.anchoring_model(summary), engine="nuts", seed=1, draws=3000, progress=False)
    for name in PARAMETERS:
        a, b = (np.quantile(tree["posterior"][name], [0.1, 0.5, 0.9]) for tree in (posterior, nuts))
        assert a == pytest.approx(b, abs=0.15 * float(posterior["posterior"][name].std())), name
