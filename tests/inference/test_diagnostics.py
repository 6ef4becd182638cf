"""The gate fails closed: whatever is wrong or missing, nothing is let through."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt


def tree(chains=4, draws=1000, seed=1, **change):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((chains, draws))
    vector = rng.standard_normal((chains, draws, 3))
    change.get("edit", lambda a, b: None)(values, vector)
    posterior = xr.Dataset({"mu": (("chain", "draw"), values), "share": (("chain", "draw", "area"), vector)})
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros((chains, draws), bool)),
            "energy": (("chain", "draw"), rng.standard_normal((chains, draws))),
        }
    )
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


def failed(posterior):
    checks = bt.diagnose(posterior)
    with pytest.raises(bt.DiagnosticsError, match="the posterior is not reported"):
        bt.require(checks)
    return checks.loc[~checks["passed"], "quantity"].tolist()


def test_independent_draws_pass():
    checks = bt.diagnose(tree())
    assert checks.columns.tolist() == ["quantity", "value", "limit", "passed"]
    assert checks["passed"].all()
    assert bt.require(checks) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_draw_that_is_not_finite_fails(bad):
    def edit(values, vector):
        vector[2, 500, 1] = bad

    quantities = failed(tree(edit=edit))
    assert "draws not finite" in quantities and "R-hat of share" in quantities


def test_a_constant_chain_fails():
    def edit(values, vector):
        values[1] = 0.25

    assert "constant chains" in failed(tree(edit=edit))


def test_a_chain_that_is_constant_in_one_element_fails():
    def edit(values, vector):
        vector[0, :, 2] = 1.0

    assert "constant chains" in failed(tree(edit=edit))


def test_missing_sample_stats_fail():
    posterior = xr.DataTree.from_dict({"posterior": tree()["posterior"].to_dataset()})
    quantities = failed(posterior)
    assert any(quantity.startswith("sample statistics missing") for quantity in quantities)
    assert "divergences" in quantities and "E-BFMI, smallest over the chains" in quantities


@pytest.mark.parametrize("name", ["diverging", "energy"])
def test_one_missing_statistic_fails(name):
    posterior = tree()
    posterior["sample_stats"] = xr.DataTree(posterior["sample_stats"].to_dataset().drop_vars(name))
    assert f"sample statistics missing ({name})" in failed(posterior)


def test_one_divergence_fails():
    posterior = tree()
    posterior["sample_stats"]["diverging"][3, 999] = True
    assert failed(posterior) == ["divergences"]


def test_chains_that_disagree_fail_r_hat():
    def edit(values, vector):
        values[0] += 1.0

    assert "R-hat of mu" in failed(tree(edit=edit))


def test_few_effective_draws_fail():
    def edit(values, vector):
        for i in range(1, values.shape[1]):
            values[:, i] = 0.97 * values[:, i - 1] + np.sqrt(1 - 0.97**2) * values[:, i]

    assert "bulk ESS of mu" in failed(tree(edit=edit))


def test_ess_limit_grows_with_the_chains():
    checks = bt.diagnose(tree(chains=8)).set_index("quantity")
    assert checks.loc["bulk ESS of mu", "limit"] == "at least 800"


def test_low_bfmi_fails():
    posterior = tree()
    walk = np.cumsum(np.random.default_rng(1).standard_normal((4, 1000)), axis=1)
    posterior["sample_stats"]["energy"][:] = walk
    assert failed(posterior) == ["E-BFMI, smallest over the chains"]


def test_energy_that_is_not_a_number_fails():
    posterior = tree()
    posterior["sample_stats"]["energy"][0, 0] = np.nan
    assert failed(posterior) == ["E-BFMI, smallest over the chains"]


def test_fewer_than_four_chains_fail():
    assert failed(tree(chains=3)) == ["chains"]


def test_no_posterior_at_all_fails():
    assert failed(xr.DataTree()) == ["posterior group missing"]
    assert failed(xr.DataTree.from_dict({"posterior": xr.Dataset()})) == ["posterior group missing"]


def test_draws_without_chains_fail():
    assert failed(xr.DataTree.from_dict({"posterior": xr.Dataset({"mu": ("x", [1.0])})})) == [
        "dims chain and draw missing"
    ]


def test_a_handful_of_draws_fails_instead_of_raising():
    assert "R-hat of mu" in failed(tree(draws=2))


def test_an_empty_table_of_checks_lets_nothing_through():
    with pytest.raises(bt.DiagnosticsError, match="no check was made"):
        bt.require(pd.DataFrame(columns=["quantity", "value", "limit", "passed"]))


@pytest.mark.parametrize("passed", [None, float("nan"), "True", 0])
def test_only_a_true_counts_as_passed(passed):
    checks = pd.DataFrame([{"quantity": "x", "value": 1.0, "limit": "at most 2", "passed": passed}]).astype(
        object
    )
    with pytest.raises(bt.DiagnosticsError):
        bt.require(checks)


def test_the_message_names_quantity_value_and_limit():
    posterior = tree()
    posterior["sample_stats"]["diverging"][:, :2] = True
    with pytest.raises(bt.DiagnosticsError, match=r"divergences is 8 \(at most 0\)"):
        bt.require(bt.diagnose(posterior))
