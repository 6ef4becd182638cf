"""Sensitivity functions raise our error, and no other, whatever they are given."""

import math

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt

VALUES = [
    0, 1, 2, -1, 0.5, 1e-300, 1e300, -1e300, 10**400, 10**5000, math.nan, math.inf, -math.inf, True, None, "1", b"1", 1j, [1], (), {},
    np.float32(0.3), np.int8(3), np.float64(40.0), np.array([0.5, 1.0]), np.array(2.0), pd.NA, pd.Series([1.0]), object(), 150, 1e-9,
]  # fmt: skip
CALLS = {
    "reverse_bayes": (bt.reverse_bayes, {"estimate": 0.6, "se": 0.2, "prob": 0.95, "tails": 1, "df": 9}),
    "bayes_factor": (bt.bayes_factor, {"estimate": 0.6, "se": 0.2, "prior_sd": 1.0, "tails": 1, "df": 9}),
    "bayes_factor from n": (bt.bayes_factor, {"estimate": 0.6, "se": 0.2, "n": 50, "hoped": None}),
    "retrodesign": (bt.retrodesign, {"effect": 0.6, "se": 0.2, "prob": 0.95, "df": 9}),
    "robustness_value": (bt.robustness_value, {"t": 2.0, "df": 99, "q": 1.0, "alpha": 0.05}),
    "confounder_bounds": (
        bt.confounder_bounds,
        {"estimate": 0.6, "se": 0.2, "df": 99, "benchmark_outcome": 0.1, "benchmark_treatment": 0.1, "times": 2},
    ),
    "e_value": (bt.e_value, {"ratio": 2.0, "low": 1.1, "high": 3.0}),
    "approximate_risk_ratio": (bt.approximate_risk_ratio, {"estimate": 0.6, "se": 0.2, "sd": 2.0, "step": 1.0}),
    "prior_curve": (bt.prior_curve, {"estimate": 0.6, "se": 0.2, "sds": [0.1, 1.0], "threshold": 0.0, "df": 9}),
    "design_analysis": (
        bt.design_analysis,
        {"effects": [1.0], "n_authorities": [150], "sigma": 4.0, "share_with_target": 0.5, "n_types": 4, "prior_sd": 5.0, "prob": 0.9},
    ),
    "needed_authorities": (bt.needed_authorities, {"effect": 1.0, "chance": 0.8, "sigma": 4.0, "n_types": 4, "prior_sd": 5.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_no_value_makes_a_sensitivity_function_raise_anything_but_our_error(name):
    """100 calls of each of 11, one to three arguments replaced by a value of another kind or size."""
    function, usual = CALLS[name]
    rng, refused = np.random.default_rng(1), 0
    for _ in range(100):
        given = dict(usual)
        for key in rng.choice(list(usual), rng.integers(1, min(4, len(usual) + 1)), replace=False):
            given[str(key)] = VALUES[rng.integers(len(VALUES))]
        try:
            function(**given)
        except bt.DataError as error:
            refused += 1
            assert 0 < len(str(error)) < 1_000
    assert refused > 30
