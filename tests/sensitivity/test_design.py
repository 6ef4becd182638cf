"""Design analysis against Gelman & Carlin's examples, brute force and whole simulated evaluations."""

import numpy as np
import pytest
from scipy import stats

import bayes_targets as bt
from bayes_targets.sensitivity import needed_authorities

# The noise, and the share with a target, of Andrews et al. (2014).
PAPER = {"sigma": 4.0, "share_with_target": 86 / 150, "prior_sd": 5.0}


@pytest.mark.parametrize(
    ("effect", "se", "power", "type_s", "type_m"),
    [
        (2.8, 1.0, 0.80, 1.2e-6, 1.12),
        (0.1, 3.28, 0.050, 0.46, 77),
        (0.3, 3.28, 0.051, 0.40, 25),
        (1.0, 3.28, 0.060, 0.19, 8),
        (2.0, 8.1, 0.06, 0.24, 9.7),
    ],
)
def test_the_examples_of_gelman_and_carlin(effect, se, power, type_s, type_m):
    """Gelman & Carlin (2014), pp. 643-645; the exaggeration there is simulated, so it is rounded."""
    found = bt.retrodesign(effect, se)
    assert found.power == pytest.approx(power, abs=0.006)
    assert found.type_s == pytest.approx(type_s, rel=0.06)
    assert found.type_m == pytest.approx(type_m, rel=0.05)


def test_the_closed_form_is_what_replications_give():
    draws = np.random.default_rng(1).normal(0.8, 1.0, 2_000_000)
    significant = draws[np.abs(draws) > stats.norm.isf(0.025)]
    found = bt.retrodesign(-0.8, 1.0)
    assert found.power == pytest.approx(significant.size / draws.size, abs=1e-3)
    assert found.type_s == pytest.approx((significant < 0).mean(), abs=1e-3)
    assert found.type_m == pytest.approx(np.abs(significant).mean() / 0.8, rel=2e-3)


def test_with_few_degrees_of_freedom_a_design_is_that_of_student_s_t():
    """Brute force: estimates are t around the effect, and significant beyond the t quantile."""
    draws = 0.8 + np.random.default_rng(1).standard_t(4, 2_000_000)
    significant = draws[np.abs(draws) > stats.t.isf(0.025, 4)]
    found = bt.retrodesign(0.8, 1.0, df=4)
    assert found.power == pytest.approx(significant.size / draws.size, abs=1e-3)
    assert found.type_s == pytest.approx((significant < 0).mean(), abs=2e-3)
    assert found.type_m == pytest.approx(np.abs(significant).mean() / 0.8, rel=5e-3)
    assert bt.retrodesign(0.8, 1.0, df=1e9) == bt.retrodesign(0.8, 1.0)


def test_one_number_and_arrays_are_designs_too():
    lists = bt.design_analysis([1.0, 2.0], [150], sigma=4)
    arrays = bt.design_analysis(np.array([1.0, 2.0], np.float32), np.array([150]), sigma=np.int64(4))
    assert lists.equals(arrays)
    assert bt.design_analysis(1, 150, sigma=4)["convincing"].item() == lists["convincing"][0]


def test_a_design_that_nothing_can_convince_has_its_numbers():
    """A prior far narrower than the standard error: the chance is nought, and a convincing answer would be shrunk."""
    row = bt.design_analysis(1.0, 150, sigma=4, prior_sd=0.03).iloc[0]
    assert row["convincing"] < 1e-100 and 0 <= row["type_s"] <= 0.5
    assert np.isfinite(row["type_m"]) and row["type_m"] < 0.06
    hoped = bt.design_analysis(1.0, 150, sigma=4, hoped=1.0)
    assert hoped.equals(bt.design_analysis(1.0, 150, sigma=4, prior_sd=5.0))


def test_with_known_noise_the_design_is_that_of_a_normal_mean():
    """Flat prior: convincing is a one-sided z test; the shrunken answer is worked out by brute force."""
    table = bt.design_analysis(1.0, [150], n_types=1, sigma=4.0)
    se = 4.0 / np.sqrt(150 * 0.25) * np.sqrt(150 / 148)
    assert table["convincing"].item() == pytest.approx(stats.norm.sf(1.645 - 1 / se), abs=1e-4)
    assert table["width"].item() == pytest.approx(2 * 1.96 * se, rel=1e-4)
    shrunk = bt.design_analysis(1.0, [150], prior_sd=0.6, n_types=1, sigma=4.0)
    estimate = np.random.default_rng(2).normal(1.0, se, 1_000_000)
    weight = 0.36 / (0.36 + se**2)
    convincing = stats.norm.cdf(weight * estimate / (se * np.sqrt(weight))) > 0.95
    assert shrunk["convincing"].item() == pytest.approx(convincing.mean(), abs=2e-3)
    assert shrunk["type_m"].item() == pytest.approx(weight * estimate[convincing].mean(), rel=5e-3)
    assert shrunk["contrary"].item() == pytest.approx(
        (stats.norm.cdf(weight * estimate / (se * np.sqrt(weight))) < 0.05).mean(), abs=1e-3
    )


def test_the_closed_form_agrees_with_whole_simulated_evaluations():
    table = bt.design_analysis([1.0, 2.0], [60, 150], simulations=60, seed=1, progress=False, **PAPER)
    reach = 3.5 * np.sqrt(table["convincing"] * (1 - table["convincing"]) / 60) + 0.02
    assert (np.abs(table["simulated_convincing"] - table["convincing"]) < reach).all()
    assert np.allclose(table["simulated_width"], table["width"], rtol=0.08)
    assert np.allclose(table["simulated_type_m"], table["type_m"], rtol=0.25)


def test_simulations_are_the_same_for_the_same_seed():
    one, other = (
        bt.design_analysis(1.0, [40], simulations=5, seed=seed, progress=False, sigma=4.0)[
            "simulated_width"
        ].item()
        for seed in (1, 1)
    )
    assert one == other
    assert (
        one
        != bt.design_analysis(1.0, [40], simulations=5, seed=2, progress=False, sigma=4.0)[
            "simulated_width"
        ].item()
    )


def test_more_authorities_convince_more_and_exaggerate_less():
    table = bt.design_analysis(0.952, [75, 150, 300, 600, 1200], **PAPER)
    assert (np.diff(table["convincing"]) > 0).all() and (np.diff(table["width"]) < 0).all()
    assert (np.diff(table["type_m"]) < 0).all() and (np.diff(table["type_s"]) < 0).all()


@pytest.mark.parametrize("chance", [0.5, 0.8, 0.95])
def test_one_authority_fewer_than_needed_is_too_few(chance):
    n = needed_authorities(1.0, chance=chance, **PAPER)
    table = bt.design_analysis(1.0, [n - 1, n], **PAPER)["convincing"]
    assert table[0] < chance <= table[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bt.retrodesign(0, 1), "effect is 0"),
        (lambda: bt.design_analysis(-1.0), "effect is -1"),
        (lambda: bt.design_analysis(1.0), "sigma is not given"),
        (lambda: bt.design_analysis(1.0, sigma=4, prior_sd=1, hoped=1), "both given"),
        (lambda: bt.retrodesign(1, 1, df=1), "df is 1, expected more than 1"),
        (
            lambda: bt.design_analysis(1.0, [5], sigma=4),
            "n_authorities is 5, expected a whole number of 10 or more",
        ),
        (lambda: bt.design_analysis(1.0, sigma=4, share_with_target=1.0), "share_with_target is 1"),
        (lambda: needed_authorities(1e-5, sigma=4), "10,000,000 authorities are not enough"),
    ],
)
def test_a_design_that_cannot_be_is_told(call, message):
    with pytest.raises(bt.DataError, match=message):
        call()
