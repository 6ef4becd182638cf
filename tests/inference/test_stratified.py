"""Stratified draws: the same set for any seed, each draw and each pair of columns as if independent."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_targets as bt
from bayes_targets.inference.quadrature import Axis, solve, stratified_normal, stratified_uniform
from bayes_targets.models.cohesion.simulate import simulate_authorities


@pytest.mark.parametrize("draw", [stratified_normal, stratified_uniform])
def test_the_set_is_the_same_for_any_seed_and_the_order_is_not(draw):
    first, second = (draw(np.random.default_rng(seed), (500, 3)) for seed in (1, 2))
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first, axis=0), np.sort(second, axis=0))


def test_probabilities_of_one_column_are_exact_to_one_over_n():
    z = stratified_normal(np.random.default_rng(1), 4000)
    for end in (-2.0, -0.5, 0.0, 1.432):
        assert abs((z > end).mean() - stats.norm.sf(end)) < 1 / 4000


def test_columns_are_in_orders_of_their_own():
    z = stratified_normal(np.random.default_rng(1), (4000, 4, 5)).reshape(4000, -1)
    off = np.corrcoef(z.T)[np.triu_indices(20, 1)]
    assert np.abs(off).max() < 5 / np.sqrt(4000)
    successive = (z[1:] * z[:-1]).mean(axis=0)
    assert np.abs(successive).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("size", [1, (1, 2), (5, 0), 0])
def test_small_sizes_have_their_shape(size):
    shape = (size,) if isinstance(size, int) else size
    assert stratified_normal(np.random.default_rng(1), size).shape == shape
    assert np.isfinite(stratified_normal(np.random.default_rng(1), size)).all()


def test_draws_of_a_grid_are_stratified():
    def bell(v):
        return -0.5 * (v[:, 0] ** 2 + (v[:, 1] - 0.8 * v[:, 0]) ** 2 / 0.36)

    axes = [Axis("a", "real"), Axis("b", "real")]
    draws = solve(bell, axes, 4000, np.random.default_rng(1)).values
    share = np.linspace(0.02, 0.98, 97)
    for name in ("a", "b"):
        found = (draws[name][:, None] > stats.norm.isf(share)).mean(axis=0)
        error = (found - share) / np.sqrt(share * (1 - share) / 4000)
        assert np.sqrt((error**2).mean()) < 0.5  # of independent draws: 1
    assert np.corrcoef(draws["a"], draws["b"])[0, 1] == pytest.approx(0.8, abs=0.005)
    again = solve(bell, axes, 4000, np.random.default_rng(2)).values
    assert not np.array_equal(again["a"], draws["a"])
    assert np.array_equal(np.sort(again["a"]), np.sort(draws["a"]))


TABLE = pd.DataFrame(
    {"area": list("abcd"), "green": [1, 3, 5, 9], "amber": [1, 5, 5, 2], "red": [1, 3, 3, 0]}
)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bt.success_model(TABLE),
        lambda: bt.success_model(TABLE, outcome="ordinal"),
        lambda: bt.cohesion_model(simulate_authorities({"a": 20, "b": 25, "c": 20}, seed=1)),
    ],
    ids=["binomial", "ordinal", "cohesion"],
)
def test_an_exact_posterior_is_the_same_for_any_seed(make):
    first, second = (bt.fit(make(), seed=seed) for seed in (1, 2))
    for group in ("posterior", "log_likelihood", "posterior_predictive", "sample_stats", "prior"):
        assert first[group].equals(second[group]), group
    for tree in (first, second):
        bt.require(bt.diagnose(tree))


def test_other_data_have_draws_of_their_own():
    first = bt.fit(bt.success_model(TABLE), seed=1, pointwise=False)["posterior"]["mu"].to_numpy().ravel()
    moved = bt.success_model(TABLE.assign(green=[2, 3, 5, 8]))
    second = bt.fit(moved, seed=1, pointwise=False)["posterior"]["mu"].to_numpy().ravel()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
