"""Quantiles of the normal, and tails and quantiles of Student's t, are SciPy's, and exact where there is a closed form."""

import numpy as np
import pytest
from scipy import special

from bayes_targets.inference.distributions import normal_quantile, t_quantile, t_upper_tail

T = np.concatenate([[1e-3], np.linspace(0.1, 40, 100), [1e3, 1e5, 1e20, 1e150]])


def test_normal_quantiles_are_those_of_scipy():
    prob = np.concatenate([[1e-300, 1e-20, 1e-9], np.linspace(0.001, 0.999, 999), [1 - 1e-9]])
    np.testing.assert_allclose(normal_quantile(prob), special.ndtri(prob), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("df", [0.05, 0.5, 1, 2.5, 7, 30, 134, 199, 201, 1000, 149_985])
def test_tails_and_quantiles_are_those_of_scipy(df):
    known = special.stdtr(df, -T)
    told = known > 1e-290
    np.testing.assert_allclose(t_upper_tail(T, df)[told], known[told], rtol=1e-10)
    for prob in (0.025, 0.5 + 1e-12, 0.6, 0.975, 0.9999):
        assert t_quantile(prob, df) == pytest.approx(special.stdtrit(df, prob), rel=1e-10)


def test_closed_forms_are_met_to_the_last_digits():
    two = 0.5 - T[:90] / (2 * np.sqrt(2 + T[:90] ** 2))
    np.testing.assert_allclose(t_upper_tail(T[:90], 2), two, atol=1e-15)
    assert t_upper_tail(3.0, 1) == pytest.approx(0.5 - np.arctan(3.0) / np.pi, rel=1e-14)
    assert t_quantile(0.9, 1) == pytest.approx(np.tan(0.4 * np.pi), rel=1e-13)
    assert t_quantile(0.1, 5) == pytest.approx(-t_quantile(0.9, 5), rel=1e-14)
    assert t_quantile(0.5, 5) == pytest.approx(0.0, abs=1e-14)


def test_what_is_infinite_or_not_a_number():
    np.testing.assert_allclose(t_upper_tail([0.0, np.inf], 9), [0.5, 0.0], atol=1e-14)
    assert np.isnan(t_upper_tail(np.nan, 9))
    assert t_quantile(1.0, 9) == t_quantile(1.0) == np.inf and t_quantile(0.0, 9) == -np.inf
