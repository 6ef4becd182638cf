"""R-hat and effective sample sizes are ArviZ's."""

import numpy as np
import pytest

from bayes_targets.inference.convergence import mixing


def chains(kind, shape):
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(shape)
    if kind.startswith("autoregressive"):
        weight = float(kind.split()[1])
        for t in range(1, shape[1]):
            noise[:, t] += weight * noise[:, t - 1]
    if kind == "heavy tails":
        noise = rng.standard_cauchy(shape)
    if kind == "one chain elsewhere":
        noise[0] += 2.0
    if kind == "one chain wider":
        noise[0] *= 4.0
    if kind == "few values":
        noise = noise.round()
    if kind == "a trend":
        noise += np.linspace(0, 8, shape[1])
    return noise


KINDS = (
    "independent",
    "autoregressive 0.9",
    "autoregressive -0.7",
    "autoregressive 1.0",
    "heavy tails",
    "one chain elsewhere",
    "one chain wider",
    "few values",
    "a trend",
)


@pytest.mark.parametrize("shape", [(4, 1000), (2, 7), (3, 4), (4, 501), (8, 16), (4, 5), (4, 6)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_those_of_arviz(kind, shape):
    draws = chains(kind, shape)
    # Beside other quantities, as it is computed.
    found = [values[1] for values in mixing(np.stack([-3.0 * draws, draws, np.ones(shape)]))]
    import arviz_stats  # here, as it loads much, and every worker reads this file

    assert found[0] == pytest.approx(float(arviz_stats.rhat(draws)), rel=1e-9)
    assert found[1] == pytest.approx(float(arviz_stats.ess(draws, method="bulk")), rel=1e-6)
    assert found[2] == pytest.approx(
        float(arviz_stats.ess(draws, method="tail", prob=(0.05, 0.95))), rel=1e-6
    )


def test_what_cannot_be_computed_is_not_a_number():
    one, few, wrong = np.zeros((1, 50)) + np.arange(50), np.ones((4, 3)), np.ones((4, 9))
    wrong[2, 3] = np.inf
    assert np.isnan([mixing(one).r_hat, *mixing(few), *mixing(wrong)]).all()
    assert np.isnan(mixing(np.stack([np.ones((4, 9)), wrong])).ess_tail).tolist() == [False, True]
