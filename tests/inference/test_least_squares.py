"""One kernel fits every regression: whole, and one slope beside others in many data sets at once."""

import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS

from bayes_targets.inference.least_squares import COV_TYPES, least_squares, slopes_beside

RNG = np.random.default_rng(1)
CONTROLS = np.column_stack([np.ones(30), RNG.normal(size=(30, 2))])
X, Y = RNG.normal(size=(2, 5, 30))


def test_a_slope_beside_controls_is_that_of_the_whole_regression():
    slope, se, residual = slopes_beside(X, Y, np.linalg.qr(CONTROLS)[0])
    for i in range(5):
        fit = least_squares(np.column_stack([X[i], CONTROLS]), Y[i])
        assert slope[i] == pytest.approx(fit.estimate[0])
        assert se[i] == pytest.approx(np.sqrt(fit.covariance("HC1")[0, 0]))
        assert residual[i] == pytest.approx(fit.residual)


@pytest.mark.parametrize("cov_type", COV_TYPES)
def test_covariances_agree_with_statsmodels_in_any_units(cov_type):
    matrix = np.column_stack([X[0], CONTROLS]) * [1e-6, 1.0, 1e6, 1.0]
    theirs = OLS(Y[0], matrix).fit(method="qr", cov_type=cov_type)
    assert least_squares(matrix, Y[0]).covariance(cov_type) == pytest.approx(theirs.cov_params(), rel=1e-8)
