"""One printed estimate where print depends on its result, against brute force."""

import numpy as np
import pytest
from scipy import stats

import bayes_targets as bt
from bayes_targets.models.published.selection import (
    WEIGHTS,
    selected_posterior,
    selected_prob_better,
    tipping_weight,
)


@pytest.mark.parametrize(
    ("weight", "mean"),
    [(1.0, 0.495050), (0.5, 0.459968), (0.1, 0.390801), (0.01, 0.342854)],
)
def test_the_mean_of_half_with_standard_error_a_fifth(weight, mean):
    found = selected_posterior(0.5, 0.2, bt.Normal(0, 2), weight)
    assert found.mean() == pytest.approx(mean, abs=5e-6)


@pytest.mark.parametrize(("estimate", "df"), [(0.5, np.inf), (0.2, np.inf), (-0.5, 6.0), (0.3, 6.0)])
@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_brute_force_agrees(estimate, df, weight):
    x = np.linspace(-8, 8, 400_001)
    error = stats.norm if np.isinf(df) else stats.t(df)
    cut = 0.2 * error.ppf(0.975)
    share = error.sf((cut - x) / 0.2) + error.sf((cut + x) / 0.2)
    density = stats.norm.pdf(x, 0, 1) * error.pdf((estimate - x) / 0.2) / (share + weight * (1 - share))
    density /= density.sum()
    found = selected_posterior(estimate, 0.2, bt.Normal(0, 1), weight, df=df)
    assert found.mean() == pytest.approx(density @ x, abs=2e-5)
    assert found.probability_below(0.1) == pytest.approx(density[x < 0.1].sum(), abs=1e-4)


def test_less_print_of_what_is_insignificant_says_less_of_what_was_printed():
    lines = [selected_posterior(0.5, 0.2, bt.Normal(0, 2), weight) for weight in WEIGHTS]
    means = [line.mean() for line in lines]
    better = [selected_prob_better(0.5, 0.2, bt.Normal(0, 2), weight, side=1) for weight in WEIGHTS]
    assert means == sorted(means, reverse=True) and better == sorted(better, reverse=True)
    assert all(1 - line.probability_below(0.1) < above for line, above in zip(lines, better, strict=True))
    lower = [selected_prob_better(-0.5, 0.2, bt.Normal(0, 2), weight, side=-1) for weight in WEIGHTS]
    assert lower == pytest.approx(better)


def test_the_weight_at_which_the_answer_falls():
    weight = tipping_weight(-3.6, 1.4, bt.Flat(), side=-1, df=5.0)
    assert 0 < weight < 1
    above, below = (
        selected_prob_better(-3.6, 1.4, bt.Flat(), weight * times, side=-1, df=5.0) for times in (1.01, 0.99)
    )
    assert above > 0.95 > below
    assert tipping_weight(0.952, 0.659, bt.Flat(), side=1) == 1.0
    assert tipping_weight(0.651, 0.09, bt.Flat(), side=1) == 0.0


@pytest.mark.parametrize("settings", [{"weight": 0.0}, {"weight": 1.5}])
def test_settings_out_of_range_are_told(settings):
    with pytest.raises(bt.DataError, match=r"expected a (number|probability)"):
        selected_posterior(0.5, 0.2, bt.Normal(0, 2), **settings)
