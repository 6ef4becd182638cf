"""One summary of draws."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayes_targets as bt
from bayes_targets.inference.quadrature import stratified_normal
from bayes_targets.inference.summary import equal_tails, quantiles, summarise_draws


def test_draws_that_are_quantiles_give_the_quantiles_of_the_distribution():
    z = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    assert equal_tails(z) == pytest.approx((-1.959964, 1.959964), abs=1e-4)
    assert quantiles(z, [0.1, 0.5, 0.99]) == pytest.approx(stats.norm.ppf([0.1, 0.5, 0.99]), abs=1e-4)


def test_a_summary_has_a_row_for_each_label():
    z = stratified_normal(np.random.default_rng(1), (4, 2000))
    draws = xr.DataArray(
        np.stack([z, 3 + 2 * z], axis=-1), dims=("chain", "draw", "area"), coords={"area": ["a", "b"]}
    )
    table = summarise_draws(draws.assign_coords(chain=range(4), draw=range(2000)), 0.8)
    assert table.columns.tolist() == ["mean", "sd", "median", "low", "high"]
    assert (table.attrs["interval"], table.attrs["prob"]) == ("eti", 0.8)
    assert (table.loc["b"] - 3).to_numpy()[[0, 2, 3, 4]] == pytest.approx(
        2 * table.loc["a"].to_numpy()[[0, 2, 3, 4]]
    )


@pytest.mark.parametrize("prob", [0, 1, 1.5, "0.9", None, True])
def test_what_is_no_probability_is_refused(prob):
    with pytest.raises(bt.DataError, match="expected a probability between 0 and 1"):
        equal_tails([1.0, 2.0], prob)
