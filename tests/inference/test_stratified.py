"""Stratified draws: the same set for any seed, each draw and each pair of columns as if independent."""

import numpy as np
import pytest
from scipy import stats

from bayes_targets.inference.quadrature import stratified_normal, stratified_uniform


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
