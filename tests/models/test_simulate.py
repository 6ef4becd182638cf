"""Simulated authorities follow the model that they are said to come from."""

import numpy as np
import pytest

from bayes_targets.comparison.ols import fit_ols
from bayes_targets.errors import DataError
from bayes_targets.models.cohesion.simulate import simulate_authorities

TYPES = {"county": 27, "metropolitan": 36, "London": 32, "unitary": 55}


def test_the_same_seed_gives_the_same_authorities_and_another_seed_others():
    first, again, other = (simulate_authorities(TYPES, seed=seed) for seed in (1, 1, 2))
    assert first.identical(again)
    assert not np.allclose(first["change"], other["change"])


def test_the_counts_are_those_asked_for():
    ds = simulate_authorities(TYPES, n_missing_stretch=19, seed=1)
    assert ds.sizes["authority"] == 150
    assert ds.attrs["types"] == list(TYPES)
    assert ds["target"].sum() == 86
    assert ds.attrs["n_missing_stretch"] == 19
    assert set(ds["target"].values[np.isnan(ds["stretch"].values)]) == {1.0}
    assert (ds["stretch"].values[ds["target"].values == 0] == 0).all()
    assert ds.attrs["origin"] == "simulated"
    assert len(set(ds["authority"].values)) == 150


@pytest.mark.parametrize("effect", ["target", "stretch"])
def test_what_is_left_after_the_true_terms_is_noise_of_the_true_size(effect):
    ds = simulate_authorities(
        {"a": 2000, "b": 2000},
        effect=effect,
        slope=0.8,
        slope_sd=0.5,
        tau=3.0,
        sigma=2.0,
        coefficients={"x": 1.5},
        seed=3,
    )
    truth = ds.attrs["truth"]
    kind = ds["authority_type"].values
    fitted = (
        np.array([truth["intercept"][k] for k in kind])
        + np.array([truth["effect_by_type"][k] for k in kind]) * ds[effect].values
        + truth["coefficient"]["x"] * ds["controls"].sel(control="x").values
    )
    noise = ds["change"].values - fitted
    assert abs(noise.mean()) < 4 * 2.0 / np.sqrt(4000)
    assert noise.std() == pytest.approx(2.0, rel=4 / np.sqrt(2 * 4000))
    assert abs(np.corrcoef(noise, ds[effect].values)[0, 1]) < 4 / np.sqrt(4000)


def test_intercepts_spread_between_types_as_tau_says():
    ds = simulate_authorities({f"type {i}": 1 for i in range(400)}, mu=-1.0, tau=2.0, sigma=0.1, seed=5)
    intercepts = np.array(list(ds.attrs["truth"]["intercept"].values()))
    assert intercepts.mean() == pytest.approx(-1.0, abs=4 * 2 / 20)
    assert intercepts.std() == pytest.approx(2.0, rel=4 / np.sqrt(800))


def test_student_noise_has_heavier_tails_than_normal_noise():
    def kurtosis(nu):
        ds = simulate_authorities({"a": 3000}, slope=0.0, tau=0.0, sigma=1.5, nu=nu, seed=6)
        z = (ds["change"] - ds["change"].mean()) / ds["change"].std()
        return float((z**4).mean())

    assert kurtosis(None) == pytest.approx(3.0, abs=0.4)
    assert kurtosis(4.0) > 4.0


def test_the_change_is_the_percentage_change_of_the_scores():
    ds = simulate_authorities(TYPES, survey_se=2.0, seed=7)
    assert np.allclose(ds["change"], 100 * (ds["outcome"] - ds["baseline"]) / ds["baseline"])
    assert (ds["baseline_se"] == 2.0).all()
    assert (ds["outcome_se"] == 2.0).all()
    assert "baseline_se" not in simulate_authorities(TYPES, seed=7)


def test_targets_set_from_a_noisy_baseline_make_a_null_effect_look_real():
    slopes = {}
    for targets in ("random", "low_baseline"):
        many = simulate_authorities(
            {"a": 2000, "b": 2000}, slope=0.0, sigma=2.0, targets=targets, survey_se=3.0, seed=8
        )
        slopes[targets] = fit_ols(many).loc["target"]
    assert slopes["random"]["ci_low"] < 0 < slopes["random"]["ci_high"]
    # Nothing was done by the target: the lowest measured baselines rise by themselves.
    assert slopes["low_baseline"]["ci_low"] > 1
    without_noise = simulate_authorities(
        {"a": 2000, "b": 2000}, slope=0.0, sigma=2.0, targets="low_baseline", seed=8
    )
    assert abs(fit_ols(without_noise).loc["target", "t"]) < 4


def test_stretch_from_a_low_baseline_brings_all_to_one_level():
    ds = simulate_authorities(TYPES, targets="low_baseline", seed=9)
    chosen = ds["target"].values == 1
    level = (ds["baseline"] + ds["stretch"]).values[chosen]
    assert np.ptp(level) == pytest.approx(0, abs=1e-9)
    assert ds["baseline"].values[chosen].max() < ds["baseline"].values[~chosen].min()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effect": "targets"}, "effect is 'targets', did you mean 'target'"),
        ({"targets": "low"}, "targets is 'low'"),
        ({"sigma": 0.0}, "sigma is 0.0, expected a number above 0"),
        ({"tau": -1.0}, "tau is -1.0, expected 0 or more"),
        ({"nu": 0.0}, "nu is 0.0, expected a number above 0, or None"),
        ({"share_with_target": 1.0}, "share_with_target is 1.0"),
        ({"survey_se": float("nan")}, "survey_se is nan"),
        ({"n_missing_stretch": 151}, "n_missing_stretch: found 151, expected 0 to 86"),
        ({"sigma": 500.0}, "a score left 0 to 100"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        simulate_authorities(TYPES, seed=1, **options)


@pytest.mark.parametrize("n_by_type", [{}, {"a": 1}, {"a": 0, "b": 5}, {"a": 1.5, "b": 5}])
def test_too_few_authorities_are_refused(n_by_type):
    with pytest.raises(DataError, match="n_by_type"):
        simulate_authorities(n_by_type, seed=1)
