"""Pareto smoothing and leave-one-out are ArviZ's, whatever the number of observations at a time."""

import numpy as np
import pytest
import xarray as xr

from bayes_targets.inference.leave_one_out import leave_one_out, pareto_k, smoothed, stacking_weights


@pytest.fixture(scope="module", autouse=True)
def accessor():
    """ArviZ's accessor of DataArray; here, as it loads much, and every worker reads this file."""
    import arviz_stats  # noqa: F401


def log_likelihoods(observations, draws, seed=4):
    """From observations that no draw is far from to ones that few draws are near."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(0.05, 2.5, observations)[:, None]
    return (
        -0.5
        * (2.0 * rng.normal(size=(observations, 1)) - spread * rng.normal(size=(observations, draws))) ** 2
    )


@pytest.mark.parametrize(("draws", "relative"), [(4000, 1.0), (4000, 0.6), (1000, 1.1), (200, 1.0)])
def test_leaving_one_out_is_that_of_arviz(draws, relative):
    own = log_likelihoods(30, draws)
    found = leave_one_out([own[:7].T, own[7:8].T, own[8:].T], relative)
    array = xr.DataArray(own.reshape(30, 4, -1), dims=("unit", "chain", "draw"))
    elpd, k_hat, p = array.azstats.loo(sample_dims=["chain", "draw"], r_eff=relative)
    np.testing.assert_allclose(found.elpd, elpd, rtol=1e-10)
    np.testing.assert_allclose(found.k_hat, k_hat, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.p, p, rtol=1e-8, atol=1e-10)
    assert found.k_hat.max() > 0.7 and found.k_hat.min() < 0.3


def test_smoothed_weights_are_those_of_arviz():
    own = log_likelihoods(5, 4000)
    for each in own:
        weights, k_hat = smoothed(-each)
        log_w, k = xr.DataArray(each, dims="sample").azstats.psislw(dim="sample")
        np.testing.assert_allclose(weights, np.exp(log_w), rtol=1e-9)
        assert k_hat == pytest.approx(float(k), abs=1e-10)
        assert pareto_k(-each) == pytest.approx(float(k), abs=1e-10)


def test_a_likelihood_that_no_draw_changes_has_no_tail():
    found = leave_one_out([np.full((500, 1), -2.0)])
    assert np.isnan(found.k_hat).all()
    assert found.elpd == pytest.approx(-2.0) and found.p == pytest.approx(0.0)


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_k_hat_finds_the_tail_of_pareto_weights(k):
    rng = np.random.default_rng(3)
    log_w = np.log(rng.pareto(1 / k, 100_000) + 1.0)
    assert pareto_k(log_w) == pytest.approx(k, abs=0.1)


def test_stacking_takes_the_mixture_that_predicts_best():
    elpd = np.log([[0.8, 0.2], [0.6, 0.5], [0.1, 0.7]])
    weight = stacking_weights(elpd)
    grid = np.linspace(0, 1, 1001)
    score = [np.log(np.exp(elpd) @ [w, 1 - w]).sum() for w in grid]
    assert weight[0] == pytest.approx(grid[int(np.argmax(score))], abs=0.002)
