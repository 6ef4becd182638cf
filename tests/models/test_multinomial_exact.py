"""The exact engine's multinomial: two correlated effects an area, against sums, closed forms and NUTS."""

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.model import NotExactError
from bayes_targets.models.success.multinomial_exact import Effects, solve_multinomial

COUNTS = pd.DataFrame(
    {
        "area": ["Education", "Drugs", "Housing", "Fire", "Single"],
        "green": [10, 2, 17, 1, 0],
        "amber": [9, 1, 7, 1, 1],
        "red": [16, 0, 2, 1, 0],
    }
)


def read(table):
    """Counts whose statuses are in the order of the columns."""
    return bt.read_counts(table, statuses=[str(name) for name in table.columns if name != "area"])


TAU = np.array([[0.5, 1.5], [2.0, 0.05], [1.0, 0.8]])
RHO = np.array([0.9, -0.5, 0.0])
PAIR = Effects(
    successes=np.array([[10.0, 9.0], [2.0, 1.0], [3.0, 0.0], [0.0, 1.0]]),
    trials=np.array([[35.0, 25.0], [3.0, 1.0], [3.0, 0.0], [1.0, 1.0]]),
    centre=np.array([[[-0.4, 0.7]] * 4, [[0.5, -1.0]] * 4, [[0.0, 0.0]] * 4]),
    root=np.array(
        [[[t[0], 0.0], [t[1] * r, t[1] * np.sqrt(1 - r**2)]] for t, r in zip(TAU, RHO, strict=True)]
    ),
)


def density(s, j, reach=9.0, points=801):
    """The integrand of one area on a fine grid of both effects, times the area of a cell."""
    line = np.linspace(-reach, reach, points)
    z, e = np.meshgrid(line, line, indexing="ij")
    theta = [
        PAIR.centre[s, j, 0] + TAU[s, 0] * z,
        PAIR.centre[s, j, 1] + TAU[s, 1] * (RHO[s] * z + np.sqrt(1 - RHO[s] ** 2) * e),
    ]
    log_p = -0.5 * (z**2 + e**2) - np.log(2 * np.pi)
    for k in (0, 1):
        log_p += PAIR.successes[j, k] * theta[k] - PAIR.trials[j, k] * np.logaddexp(0, theta[k])
    return np.exp(log_p) * (line[1] - line[0]) ** 2, theta


@pytest.mark.parametrize("s", range(3))
@pytest.mark.parametrize("j", range(4))
def test_the_integral_over_both_effects_agrees_with_a_fine_sum(s, j):
    assert PAIR.log_likelihood()[s, j] == pytest.approx(np.log(density(s, j)[0].sum()), abs=1e-3)


def test_draws_of_both_effects_have_the_moments_of_their_density():
    many = Effects(
        PAIR.successes, PAIR.trials, *(np.repeat(x, 20_000, axis=0) for x in (PAIR.centre, PAIR.root))
    )
    drawn = many.draw(np.random.default_rng(1)).reshape(3, 20_000, 4, 2)
    for s in range(3):
        for j in range(4):
            p, theta = density(s, j)
            p = p / p.sum()
            first, second = ((p * t).sum() for t in theta)
            sds = [np.sqrt((p * (t - m) ** 2).sum()) for t, m in zip(theta, (first, second), strict=True)]
            cross = (p * (theta[0] - first) * (theta[1] - second)).sum() / (sds[0] * sds[1])
            own = drawn[s, :, j]
            assert own.mean(axis=0) == pytest.approx([first, second], abs=4.5 * max(sds) / np.sqrt(20_000))
            assert own.std(axis=0) == pytest.approx(sds, rel=0.04)
            assert np.corrcoef(own.T)[0, 1] == pytest.approx(cross, abs=0.035)


def test_without_correlation_the_evidence_is_that_of_two_binomials():
    priors = bt.SuccessPriors(correlation=bt.Beta(1e6, 1e6))
    model = bt.success_model(COUNTS, outcome="multinomial", priors=priors)
    _, stats = solve_multinomial(model, 1000, np.random.default_rng(1))
    parts = 0.0
    for best, rest in (("green", ["amber", "red"]), ("amber", ["red"])):
        table = pd.DataFrame({"area": COUNTS["area"], "yes": COUNTS[best], "no": COUNTS[rest].sum(axis=1)})
        counts = bt.success_model(bt.read_counts(table.query("yes + no > 0"), statuses=["yes", "no"]))
        parts += float(counts.exact(counts, 100, np.random.default_rng(1))[1]["log_evidence"])
    assert float(stats["log_evidence"]) == pytest.approx(parts, abs=5 * float(stats["log_evidence_mcse"]))
    assert float(stats["log_evidence_mcse"]) < 0.05


def test_effects_of_an_area_that_says_much_have_the_moments_of_their_density():
    """Few proposals of unit variance would be kept: one of many is taken by its weight."""
    size, tau = 20_000, 1.5
    area = Effects(
        np.array([[300.0, 120.0]]),
        np.array([[500.0, 200.0]]),
        np.zeros((size, 1, 2)),
        np.full((size, 2, 2), 0.0),
    )
    area.root[:] = tau * np.eye(2)
    drawn = area.draw(np.random.default_rng(1))[:, 0]
    line = np.linspace(-9, 9, 20_001)
    for k in (0, 1):
        theta = tau * line
        log_p = -0.5 * line**2 + area.successes[0, k] * theta - area.trials[0, k] * np.logaddexp(0, theta)
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        mean = p @ theta
        sd = np.sqrt(p @ (theta - mean) ** 2)
        assert drawn[:, k].mean() == pytest.approx(mean, abs=4.5 * sd / np.sqrt(size))
        assert drawn[:, k].std() == pytest.approx(sd, rel=0.02)


def test_six_statuses_are_left_to_nuts_which_says_why():
    six = read(COUNTS.assign(black=[1, 0, 0, 1, 0], grey=1, white=[0, 1, 0, 0, 2]))
    with pytest.raises(NotExactError, match=r"6 statuses.*nuts"):
        bt.fit(bt.success_model(six, outcome="multinomial"), engine="exact", seed=1)


def test_four_statuses_with_correlated_effects_are_exact():
    four = read(COUNTS.assign(black=[1, 0, 0, 1, 0]))
    posterior = bt.fit(bt.success_model(four, outcome="multinomial"), engine="exact", seed=1)
    bt.require(bt.diagnose(posterior))
    assert posterior["posterior"]["correlation"].sizes["pair"] == 3
    assert float(posterior["posterior"]["share"].sum("status").mean()) == pytest.approx(1.0)


def test_four_statuses_without_correlated_effects_are_exact():
    four = bt.read_counts(COUNTS.assign(black=[1, 0, 0, 1, 0]), statuses=["green", "amber", "red", "black"])
    posterior = bt.fit(bt.success_model(four, outcome="multinomial", pooling="complete"), seed=1)
    assert posterior.attrs["engine"] == "exact"
    bt.require(bt.diagnose(posterior))


def test_the_same_seed_gives_the_same_draws_and_passes_the_gate():
    model = bt.success_model(COUNTS, outcome="multinomial")
    first, second = (bt.fit(model, seed=7, draws=300) for _ in range(2))
    assert first["posterior"].to_dataset().identical(second["posterior"].to_dataset())
    assert first.attrs["engine"] == "exact"
    bt.require(bt.diagnose(first))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["plain", "covariate", "four statuses"])
def test_the_exact_multinomial_agrees_with_nuts(case):
    table = COUNTS.assign(black=[1, 0, 0, 1, 0]) if case == "four statuses" else COUNTS
    counts = read(table)
    if case == "covariate":
        counts = bt.with_covariate(counts, "x", {a: i for i, a in enumerate(COUNTS["area"])})
    model = bt.success_model(counts, outcome="multinomial")
    exact = bt.fit(model, seed=1, draws=2500)
    nuts = bt.fit(model, seed=2, draws=2500, engine="nuts", progress=False)
    assert exact.attrs["engine"] == "exact"
    for name in model.variables:
        a, b = (tree["posterior"][name] for tree in (exact, nuts))
        sd = b.std(("chain", "draw"))
        # About 5,000 effective draws on either side.
        gap = np.abs(a.mean(("chain", "draw")) - b.mean(("chain", "draw"))) / (sd * np.sqrt(2 / 5000))
        assert float(gap.max()) < 4.5, name
        for q in (0.05, 0.25, 0.5, 0.75, 0.95):
            off = np.abs(a.quantile(q, ("chain", "draw")) - b.quantile(q, ("chain", "draw"))) / sd
            assert float(off.max()) < 0.15, (name, q)
