"""One printed estimate where print depends on its result, against brute force."""

import numpy as np
import pytest
from scipy import stats

import bayes_targets as bt
from bayes_targets.models.published.selection import selected_posterior, selection_sweep, tipping_weight


@pytest.mark.parametrize(
    ("weight", "mean"),
    [(1.0, 0.495050), (0.5, 0.459968), (0.1, 0.390801), (0.01, 0.342854), (None, 0.440435)],
)
def test_the_mean_of_half_with_standard_error_a_fifth(weight, mean):
    found = selected_posterior(0.5, 0.2, bt.Normal(0, 2), weight)
    assert found.mean() == pytest.approx(mean, abs=5e-6)


@pytest.mark.parametrize(
    ("estimate", "df", "tails", "side"),
    [(0.5, np.inf, 2, 1), (0.2, np.inf, 2, 1), (-0.5, 6.0, 1, -1), (0.3, 6.0, 1, 1)],
)
@pytest.mark.parametrize("weight", [0.1, None])
def test_brute_force_agrees(estimate, df, tails, side, weight):
    x = np.linspace(-8, 8, 400_001)
    error = stats.norm if np.isinf(df) else stats.t(df)
    cut = 0.2 * error.ppf(1 - 0.05 / tails)
    share = error.sf((cut - side * x) / 0.2) + (error.sf((cut + side * x) / 0.2) if tails == 2 else 0)
    printed = 1.0 if (abs(estimate) > cut if tails == 2 else side * estimate > cut) else None
    at = np.linspace(0.0005, 0.9995, 1000) if weight is None else np.array([weight])
    kept = np.zeros_like(x)
    for w in at:
        kept += (w if printed is None else printed) / (share + w * (1 - share))
    density = stats.norm.pdf(x, 0, 1) * error.pdf((estimate - x) / 0.2) * kept
    density /= density.sum()
    found = selected_posterior(estimate, 0.2, bt.Normal(0, 1), weight, df=df, tails=tails, side=side)
    assert found.mean() == pytest.approx(density @ x, abs=2e-5 if weight else 3e-4)
    assert found.probability_below(0.1) == pytest.approx(density[x < 0.1].sum(), abs=1e-4 if weight else 3e-3)


def test_less_print_of_what_is_insignificant_says_less_of_what_was_printed():
    sweep = selection_sweep(0.5, 0.2, bt.Normal(0, 2), smallest=0.1)
    assert sweep["mean"].is_monotonic_decreasing and sweep["prob_better"].is_monotonic_decreasing
    assert (sweep["prob_worth"] < sweep["prob_better"]).all()
    lower = selection_sweep(-0.5, 0.2, bt.Normal(0, 2), better="lower", smallest=0.1)
    assert lower["prob_worth"].to_numpy() == pytest.approx(sweep["prob_worth"].to_numpy())


def test_the_weight_at_which_the_answer_falls():
    weight = tipping_weight(-3.6, 1.4, bt.Flat(), better="lower", df=5.0)
    weights = [weight * 1.01, weight * 0.99]
    at = selection_sweep(-3.6, 1.4, bt.Flat(), better="lower", df=5.0, weights=weights)["prob_better"]
    assert at.iloc[0] > 0.95 > at.iloc[1]
    assert tipping_weight(0.952, 0.659, bt.Flat(), better="higher") == 1.0
    assert tipping_weight(0.651, 0.09, bt.Flat(), better="higher") == 0.0


@pytest.mark.parametrize("settings", [{"weight": 0.0}, {"weight": 1.5}, {"weight": 0.5, "level": 2.0}])
def test_settings_out_of_range_are_told(settings):
    with pytest.raises(bt.DataError, match=r"expected a (number|probability)"):
        selected_posterior(0.5, 0.2, bt.Normal(0, 2), **settings)
