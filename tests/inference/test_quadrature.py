"""The exact engine against closed forms, brute force, NUTS, and its own calibration; its gate fails closed."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayes_targets as bt
from bayes_targets.inference import engines as sampling
from bayes_targets.inference.quadrature import Areas, Axis, Hierarchy, cross_products, grid, solve
from bayes_targets.inference.quadrature import integrate as integrate_grid
from bayes_targets.model import NotExactError
from bayes_targets.models.cohesion.model import CohesionPriors, cohesion_model
from bayes_targets.models.cohesion.simulate import simulate_authorities
from bayes_targets.models.success.model import SuccessPriors
from bayes_targets.models.success.shares import cutpoints, multinomial_log_density, ordinal_log_share
from bayes_targets.priors import GammaPrecision, LogFlat
from bayes_targets.readers.posterior import posterior_bytes

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CONTRASTS = pd.DataFrame(
    {
        "term": ["LAA (target on)", "London", "Metropolitan", "County", "Unitary"],
        "estimate": [0.952, -0.404, -2.702, -1.299, 0.0],
        "se": [0.659, 1.473, 1.092, 1.223, 0.0],
        "group": ["", "type", "type", "type", "type"],
    }
)
COUNTS = pd.DataFrame(
    {
        "area": list("abcdef"),
        "green": [1, 3, 5, 0, 7, 2],
        "amber": [1, 5, 5, 2, 1, 4],
        "red": [1, 3, 3, 4, 0, 9],
    }
)


@pytest.fixture(scope="module")
def authorities():
    return simulate_authorities(
        {"a": 12, "b": 9, "c": 15, "d": 4},
        coefficients={"x": 0.6, "w": -0.4},
        slope=2.0,
        slope_sd=1.5,
        tau=1.5,
        seed=3,
    )


def evidence(model, size=100, seed=1):
    return float(model.exact(model, size, np.random.default_rng(seed))[1]["log_evidence"])


def draws_of(model, size=4000, seed=1):
    return model.exact(model, size, np.random.default_rng(seed))[0]


# --- the grid ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("support", ["real", "positive", "spread", "share"])
def test_the_slope_of_an_axis_is_the_derivative_of_its_value(support):
    axis, x = (
        Axis("a", support, centre=0.5 if support == "real" else 0.0, scale=2.0),
        np.linspace(-1.5, 2.5, 9),
    )
    slope = (axis.both(x + 1e-6)[0] - axis.both(x - 1e-6)[0]) / 2e-6
    assert np.exp(axis.both(x)[1]) == pytest.approx(slope, rel=1e-7)


DENSITIES = {
    "a normal far off and narrow": (Axis("a", "real"), stats.norm(1e4, 1e-3)),
    "Student-t tails": (Axis("a", "real"), stats.t(3)),
    "a half-normal, highest at its hard edge": (Axis("a", "spread"), stats.halfnorm(scale=0.7)),
    "the same in a scale 100 times too large": (Axis("a", "spread", scale=100.0), stats.halfnorm(scale=0.7)),
    "an exponential, with a slope at the edge": (Axis("a", "spread"), stats.expon(scale=3.0)),
    "a half-Cauchy, with no mean": (Axis("a", "spread"), stats.halfcauchy(scale=5.0)),
    "a gamma that is infinite at the edge": (Axis("a", "spread"), stats.gamma(0.5)),
    "a lognormal": (Axis("a", "positive"), stats.lognorm(0.05, scale=4.0)),
    "a beta": (Axis("a", "share"), stats.beta(2, 2)),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_integral_and_draws_of_known_densities(name):
    axis, known = DENSITIES[name]
    found = solve(lambda v: known.logpdf(v[:, 0]), [axis], 20_000, np.random.default_rng(1))
    assert found.stats["log_evidence"] == pytest.approx(0.0, abs=2e-6)
    assert found.stats["edge_mass"] < 1e-6 and found.stats["refinement_change"] < 0.1
    assert found.stats["acceptance"] > 0.8
    assert stats.kstest(found.values["a"], known.cdf).pvalue > 1e-3
    assert found.lp == pytest.approx(known.logpdf(found.values["a"]), abs=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.8])
def test_three_correlated_dimensions(correlation):
    covariance = np.full((3, 3), correlation if correlation > 0 else 0.0) + np.diag(
        [1 - max(correlation, 0.0)] * 3
    )
    if correlation < 0:
        covariance[0, 1] = covariance[1, 0] = correlation
    known = stats.multivariate_normal([1.0, -2.0, 0.0], covariance)
    axes = [Axis(name, "real") for name in "abc"]
    found = solve(known.logpdf, axes, 20_000, np.random.default_rng(1))
    assert found.stats["log_evidence"] == pytest.approx(0.0, abs=1e-5)
    values = np.column_stack([found.values[name] for name in "abc"])
    assert values.mean(axis=0) == pytest.approx([1.0, -2.0, 0.0], abs=4 / np.sqrt(20_000))
    assert np.cov(values.T) == pytest.approx(covariance, abs=0.05)
    # The squared distance has a known distribution: the joint shape is right, not only margins.
    distance = np.einsum("si,ij,sj->s", values - known.mean, np.linalg.inv(covariance), values - known.mean)
    assert stats.kstest(distance, stats.chi2(3).cdf).pvalue > 1e-3


@pytest.mark.parametrize("correlation", [0.9, 0.999, -0.999])
def test_a_narrow_ridge_is_sheared_upright(correlation):
    known = stats.multivariate_normal([3.0, -2.0], [[1, correlation], [correlation, 1]])
    axes = [Axis("a", "real", centre=3.2, scale=4.0), Axis("b", "real", centre=-2.3, scale=4.0)]
    found = solve(known.logpdf, axes, 4000, np.random.default_rng(1))
    assert found.stats["log_evidence"] == pytest.approx(0.0, abs=1e-5)
    assert found.stats["grid_size"] < 1500 and found.stats["acceptance"] > 0.7


def bent_ridge(width):
    """A density where b is normal around the square of a, which no shear makes upright."""

    def log_density(v):
        return stats.norm.logpdf(v[:, 0]) + stats.norm(v[:, 0] ** 2, width).logpdf(v[:, 1])

    return log_density, [Axis("a", "real"), Axis("b", "real")]


@pytest.mark.parametrize("width", [0.5, 0.2])
def test_a_bent_ridge_is_resolved(width):
    found = solve(*bent_ridge(width), 20_000, np.random.default_rng(1))
    assert found.stats["log_evidence"] == pytest.approx(0.0, abs=1e-5)
    assert found.stats["refinement_change"] < 0.1 and found.stats["acceptance"] > 0.2
    a, b = found.values["a"], found.values["b"]
    assert stats.kstest(a, "norm").pvalue > 1e-3 and stats.kstest((b - a**2) / width, "norm").pvalue > 1e-3


def test_a_ridge_too_thin_for_its_bend_is_refused():
    with pytest.raises(NotExactError, match=r"engine 'nuts' may serve"):
        solve(*bent_ridge(0.05), 20_000, np.random.default_rng(1))


def test_moments_by_the_grid_have_no_monte_carlo_error():
    known = stats.gamma(3.0)
    found = integrate_grid(lambda v: known.logpdf(v[:, 0]), [Axis("a", "spread")])
    value, weight = found.values()[:, 0], found.weights
    assert weight @ value == pytest.approx(3.0, abs=1e-6)
    assert weight @ (value - 3.0) ** 2 == pytest.approx(3.0, abs=1e-6)


def test_halving_the_grid_bounds_its_error():
    known = stats.gamma(2.0)
    for tolerance in (1e-1, 1e-2, 1e-3):
        found = integrate_grid(lambda v: known.logpdf(v[:, 0]), [Axis("a", "spread")], tolerance)
        assert abs(found.log_evidence) < found.changes(together=False).max() <= tolerance


def test_a_density_that_is_no_number_is_refused():
    with pytest.raises(NotExactError, match="not a number"), np.errstate(all="ignore"):
        solve(lambda v: np.full(len(v), np.nan), [Axis("a", "real")], 10, np.random.default_rng(1))


# --- the Gaussian hierarchy -------------------------------------------------------------------------------------


def hierarchy_and_dense(seed=1, n=24, types=3):
    """A hierarchy, and a function that gives the same model's covariance and mean as dense matrices."""
    rng = np.random.default_rng(seed)
    kind, x, control, y = rng.integers(0, types, n), rng.random(n), rng.normal(5, 2, n), rng.normal(3, 2, n)
    products = cross_products([np.ones(n), x, control, y], kind, types, np.array([0, 0, 5.0, 0]))
    mean, precision = np.array([1.0, -0.5, 0.3]), np.array([0.04, 0.2, 1.0])
    found = Hierarchy.of(products, np.broadcast_to(np.eye(4), products.shape), mean, precision)
    design = np.column_stack([np.ones(n), x, control - 5.0])
    groups = np.concatenate([np.eye(types)[kind], np.eye(types)[kind] * x[:, None]], axis=1)

    def joint(sigma, spread):
        """Mean and covariance of (coefficients, deviations, y)."""
        prior = np.diag(np.concatenate([1 / precision, np.repeat(np.square(spread), types)]))
        both = np.column_stack([design, groups])
        cross = prior @ both.T
        whole = np.block([[prior, cross], [cross.T, both @ cross + sigma**2 * np.eye(n)]])
        return np.concatenate([mean, np.zeros(2 * types), design @ mean]), whole

    return found, joint, y


@pytest.mark.parametrize("spread", [(0.0, 0.0), (1.3, 0.0), (0.0, 0.7), (1.3, 0.7), (1e-9, 50.0)])
def test_the_marginal_likelihood_is_that_of_the_dense_normal(spread):
    found, joint, y = hierarchy_and_dense()
    for sigma in (0.5, 2.0):
        mean, whole = joint(sigma, spread)
        expected = stats.multivariate_normal(mean[-y.size :], whole[-y.size :, -y.size :]).logpdf(y)
        assert found.log_likelihood(np.array([sigma]), np.array([spread]))[0] == pytest.approx(
            expected, abs=1e-8
        )


def test_coefficients_and_deviations_have_the_dense_conditional_distribution():
    found, joint, y = hierarchy_and_dense()
    sigma, spread, size = 1.5, (1.3, 0.7), 40_000
    mean, whole = joint(sigma, spread)
    first = mean.size - y.size
    gain = whole[:first, first:] @ np.linalg.inv(whole[first:, first:])
    expected = mean[:first] + gain @ (y - mean[first:])
    covariance = whole[:first, :first] - gain @ whole[first:, :first]
    beta, own = found.draw(np.full(size, sigma), np.tile(spread, (size, 1)), np.random.default_rng(1))
    draws = np.column_stack([beta, own[:, :, 0], own[:, :, 1]])
    assert np.abs((draws.mean(axis=0) - expected) / np.sqrt(np.diag(covariance) / size)).max() < 4
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (draws - expected).T)
    assert np.cov(whitened) == pytest.approx(np.eye(first), abs=0.03)


def test_rows_in_another_order_tell_the_same(authorities):
    shuffled = authorities.isel(
        authority=np.random.default_rng(1).permutation(authorities.sizes["authority"])
    )
    one, other = (draws_of(cohesion_model(data), 200) for data in (authorities, shuffled))
    assert one["regression"].to_numpy() == pytest.approx(other["regression"].to_numpy(), abs=1e-8)


# --- areas ------------------------------------------------------------------------------------------------------


def area(y, n, cut, shift, tau):
    return Areas(
        np.array([y], float), np.array([n], float), np.array([[cut]]), np.array([[shift]]), np.array([[tau]])
    )


AREAS = [
    ([0], [50], [0.3], -1.0, 1.0),
    ([50], [50], [0.3], -3.0, 3.0),
    ([1], [3], [-1.0], 0.0, 0.3),
    ([5], [2000], [0.0], -4.0, 1.0),
    ([3, 10], [10, 50], [0.3, -1.2], 0.0, 2.0),
    ([0, 0], [0, 40], [0.3, -1.2], 0.5, 0.05),
]


@pytest.mark.parametrize("case", AREAS)
def test_the_integral_of_an_area_agrees_with_a_fine_sum(case):
    y, n, cut, shift, tau = case
    z = np.linspace(-30, 30, 400_001)
    eta = shift + tau * z[:, None] - np.array(cut)
    value = (np.array(y) * eta - np.array(n) * np.logaddexp(0, eta)).sum(axis=1) + stats.norm.logpdf(z)
    expected = value.max() + np.log(np.exp(value - value.max()).sum() * (z[1] - z[0]))
    assert area(*case).log_likelihood()[0, 0] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("tau", [1e4, 1e12])
def test_an_area_needs_no_memory_at_a_spread_from_the_far_tail_of_a_proposal(tau):
    """All of 3 of 3, or none: half of the areas are far above every cut. Some of both: none are."""
    assert area([3], [3], [0.0], 0.0, tau).log_likelihood()[0, 0] == pytest.approx(np.log(0.5), abs=1e-3)
    assert area([1], [3], [0.0], 0.0, tau).log_likelihood()[0, 0] < -8


@pytest.mark.parametrize("case", AREAS)
def test_draws_of_an_area_follow_its_density(case):
    y, n, cut, shift, tau = case
    size, z = 5000, np.linspace(-12, 12, 20_001)
    eta = shift + tau * z[:, None] - np.array(cut)
    value = (np.array(y) * eta - np.array(n) * np.logaddexp(0, eta)).sum(axis=1) + stats.norm.logpdf(z)
    distribution = np.cumsum(np.exp(value - value.max()))
    many = replace(
        area(*case),
        cut=np.tile(cut, (size, 1, 1)),
        shift=np.full((size, 1), shift),
        tau=np.full((size, 1), tau),
    )
    theta = many.draw(np.random.default_rng(1))[:, 0]
    uniform = np.interp((theta - shift) / tau, z, distribution / distribution[-1])
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3


# --- published estimates ----------------------------------------------------------------------------------------


def test_eight_schools_agree_with_one_dimensional_integration(eight_schools):
    """posteriordb, eight_schools-eight_schools_noncentered: mu 4.41 (s.d. 3.31), tau 3.60 (s.d. 3.20)."""
    y, se = eight_schools["estimate"].to_numpy(), eight_schools["se"].to_numpy()

    def density(tau):
        covariance = np.diag(se**2 + tau**2) + 25.0
        return stats.multivariate_normal(np.zeros(8), covariance).pdf(y) * stats.halfcauchy(scale=5).pdf(tau)

    total = integrate.quad(density, 0, np.inf, epsabs=0)[0]
    priors = bt.PublishedPriors(mu=bt.Normal(0, 5), tau=bt.HalfCauchy(5))
    model = bt.published_model(eight_schools, pooling="partial", priors=priors)
    assert evidence(model) == pytest.approx(math.log(total), abs=1e-6)
    draws = draws_of(model, 100_000)
    for q in QUANTILES:
        below = integrate.quad(density, 0, float(draws["tau"].quantile(q)), epsabs=0)[0] / total
        assert below == pytest.approx(q, abs=4 * math.sqrt(q * (1 - q) / 100_000))
    found = [
        float(value)
        for value in (draws["mu"].mean(), draws["mu"].std(), draws["tau"].mean(), draws["tau"].std())
    ]
    assert found == pytest.approx([4.41, 3.31, 3.60, 3.20], abs=0.06)


def test_terms_that_are_not_pooled_have_their_closed_forms():
    table = pd.DataFrame({"term": ["a", "b", "c"], "estimate": [0.952, -3.0, 40.0], "se": [0.659, 2.0, 9.0]})
    table["scale"] = [1.0, 0.5, np.nan]
    model = bt.published_model(table, hoped=1.0)
    weight = 25 / (25 + (table["scale"] * table["se"])[:2] ** 2)
    mean = [*(weight * table["estimate"][:2]), 40.0]
    sd = [*(np.sqrt(weight) * table["se"][:2]), 9.0]
    draws = draws_of(model, 50_000)["effect"].to_numpy()
    for k in range(3):
        assert stats.kstest(draws[:, k], stats.norm(mean[k], sd[k]).cdf).pvalue > 1e-3
    marginal = stats.norm(0, np.hypot(5 / table["scale"][:2], table["se"][:2])).logpdf(table["estimate"][:2])
    assert evidence(model) == pytest.approx(marginal.sum())


@pytest.mark.parametrize("prior", [bt.StudentT(3, 0, 0.5), bt.HalfNormal(2.0), bt.Beta(2, 3)])
def test_a_term_with_any_other_prior_agrees_with_integration(prior):
    table = pd.DataFrame({"term": ["a"], "estimate": [0.6], "se": [0.5], "scale": [2.0]})
    model = bt.published_model(table, priors=bt.PublishedPriors(effect=prior))

    def density(standardised):
        return float(np.exp(prior.logpdf(standardised))) * stats.norm(standardised, 1.0).pdf(1.2) * 2.0

    low, high = (
        (-np.inf if isinstance(prior, bt.StudentT) else 0),
        (1 if isinstance(prior, bt.Beta) else np.inf),
    )
    total = integrate.quad(density, low, high)[0]
    assert evidence(model) == pytest.approx(math.log(total), abs=1e-6)
    median = float(draws_of(model, 40_000)["standardised"].median())
    assert integrate.quad(density, low, median)[0] / total == pytest.approx(0.5, abs=0.01)


def test_the_evidence_with_a_shared_reference_agrees_with_the_dense_normal():
    y, se = (CONTRASTS[name].to_numpy()[:4] for name in ("estimate", "se"))

    node, weight = np.polynomial.legendre.leggauss(40)
    share, tau = (node + 1) / 2, 7.5 * (node + 1)
    errors = np.diag(se[1:] ** 2) + np.multiply.outer(share * se[1:].min() ** 2, 1 - np.eye(3))
    covariance = errors[:, None] + np.multiply.outer(tau**2, 1 + np.eye(3))
    distance = y[1:] @ np.linalg.solve(covariance, y[1:][:, None])
    inside = np.exp(-0.5 * distance[..., 0]) / np.sqrt(np.linalg.det(2 * np.pi * covariance))
    pooled = (
        (weight / 2 * stats.beta(2, 2).pdf(share))
        @ inside
        @ (7.5 * weight * stats.halfnorm(scale=2.5).pdf(tau))
    )
    own = stats.norm(0, math.hypot(5, se[0])).logpdf(y[0])
    assert evidence(bt.published_model(CONTRASTS, pooling="partial", hoped=1.0)) == pytest.approx(
        math.log(pooled) + own, abs=1e-6
    )


def test_a_prior_that_piles_up_near_zero_is_followed_there(eight_schools):
    """Gamma(.001, .001) precision: most of the mass within a few hundredths of 0, where the mean is that of complete pooling."""
    priors = bt.PublishedPriors(mu=bt.Flat(), tau=GammaPrecision(0.001, 0.001))
    model = bt.published_model(eight_schools, pooling="partial", priors=priors)
    draws, found = model.exact(model, 20_000, np.random.default_rng(1))
    y, se = eight_schools["estimate"].to_numpy(), eight_schools["se"].to_numpy()

    def density(log_tau):
        weight = 1 / (se**2 + math.exp(2 * log_tau))
        mean = weight @ y / weight.sum()
        likelihood = (
            np.sqrt(weight).prod() / math.sqrt(weight.sum()) * math.exp(-0.5 * weight @ (y - mean) ** 2)
        )
        return likelihood * math.exp(float(priors.tau.logpdf(math.exp(log_tau))) + log_tau)

    total = integrate.quad(density, -6, 8, limit=200)[0]
    small = integrate.quad(density, -6, math.log(0.5), limit=200)[0] / total
    assert float((draws["tau"] < 0.5).mean()) == pytest.approx(
        small, abs=4 * math.sqrt(small * (1 - small) / 20_000)
    )
    assert float(found["edge_mass"]) < 1e-6 and float(found["acceptance"]) > 0.5


# --- cohesion ---------------------------------------------------------------------------------------------------


def least_squares(model):
    """Design (a column a type, effect, standardised controls), outcome, and prior standard deviations."""
    data, kind = model.data, model.data["type_index"].to_numpy()
    columns = [np.eye(kind.max() + 1)[kind], data[model.options["effect"]].to_numpy()[:, None]]
    if "controls" in data:
        columns.append(((data["controls"] - data["control_mean"]) / data["control_scale"]).to_numpy())
    return np.column_stack(columns), data["change"].to_numpy(), kind


def test_flat_priors_give_back_least_squares(authorities):
    """Coefficients Flat, sigma LogFlat: Student's t around the estimates, and an evidence in closed form."""
    flat = bt.Flat()
    priors = CohesionPriors(intercept=flat, effect=flat, coefficient=flat, sigma=LogFlat())
    model = cohesion_model(authorities, pooling="none", priors=priors)
    design, y, _ = least_squares(model)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    square, freedom = float(((y - design @ beta) ** 2).sum()), y.size - beta.size
    _, log_det = np.linalg.slogdet(design.T @ design)
    expected = math.lgamma(freedom / 2) - math.log(2) - freedom / 2 * math.log(math.pi * square) - log_det / 2
    assert evidence(model) == pytest.approx(expected, abs=1e-6)
    draws = draws_of(model, 20_000)
    known = stats.t(freedom, beta[4], math.sqrt(square / freedom * inverse[4, 4]))
    assert stats.kstest(draws["effect"].to_numpy(), known.cdf).pvalue > 1e-3
    precision = square / draws["sigma"].to_numpy() ** 2
    assert stats.kstest(precision, stats.chi2(freedom).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("pooling", "slopes"), [("partial", "common"), ("complete", "by_type"), ("none", "common")]
)
def test_the_evidence_agrees_with_brute_force(authorities, pooling, slopes):
    """Gauss-Legendre over sigma and a spread, the dense normal density of all changes at each point."""
    model = cohesion_model(authorities, pooling=pooling, slopes=slopes)
    design, y, kind = least_squares(model)
    types = kind.max() + 1
    free = np.column_stack([design[:, types] * 5.0, design[:, types + 1 :] * 2.5])
    free = np.column_stack([free, design[:, :types] * 5.0 if pooling == "none" else np.full(y.size, 5.0)])
    group = design[:, :types] if pooling == "partial" else design[:, :types] * design[:, [types]]
    node, weight = np.polynomial.legendre.leggauss(40)
    sigma = 2.0 + 9.0 * (node + 1) / 2
    tau = 20.0 * (node + 1) / 2 if pooling == "partial" or slopes == "by_type" else np.array([0.0])
    log_p = np.empty((sigma.size, tau.size))
    for i, j in np.ndindex(*log_p.shape):
        covariance = free @ free.T + tau[j] ** 2 * group @ group.T + sigma[i] ** 2 * np.eye(y.size)
        log_p[i, j] = stats.multivariate_normal(np.zeros(y.size), covariance).logpdf(y)
    log_p += stats.halfnorm(scale=7.5).logpdf(sigma)[:, None] + np.log(4.5 * weight)[:, None]
    if tau.size > 1:
        log_p += stats.halfnorm(scale=2.5).logpdf(tau) + np.log(10.0 * weight)
    expected = log_p.max() + math.log(np.exp(log_p - log_p.max()).sum())
    assert evidence(model) == pytest.approx(expected, abs=1e-5)


def test_partial_pooling_without_spread_is_complete_pooling(authorities):
    tiny = CohesionPriors(tau=bt.HalfNormal(1e-6))
    partial, complete = (
        cohesion_model(authorities, pooling=name, priors=tiny) for name in ("partial", "complete")
    )
    assert evidence(partial) == pytest.approx(evidence(complete), abs=1e-5)
    narrow = SuccessPriors(tau=bt.HalfNormal(1e-6))
    for outcome in ("binomial", "ordinal"):
        given = {"outcome": outcome, "priors": narrow}
        partial, complete = (
            bt.success_model(COUNTS, pooling=name, **given) for name in ("partial", "complete")
        )
        assert evidence(partial) == pytest.approx(evidence(complete), abs=1e-5)


def test_forty_types_and_many_controls_recover_the_truth():
    truth = {f"c{i}": 0.4 for i in range(15)}
    data = simulate_authorities(
        {f"t{i}": 40 for i in range(40)}, coefficients=truth, slope=2.0, slope_sd=1.5, tau=1.0, seed=5
    )
    draws = draws_of(cohesion_model(data, slopes="by_type"))
    for name, value in {"effect": 2.0, "tau_effect": 1.5, "tau": 1.0, "sigma": 4.0}.items():
        assert abs(float(draws[name].mean()) - value) < 4 * float(draws[name].std())
    own = np.array(list(data.attrs["truth"]["effect_by_type"].values()))
    z = (draws["effect_by_type"].mean("sample") - own) / draws["effect_by_type"].std("sample")
    assert float((z**2).mean()) == pytest.approx(1.0, abs=4 * math.sqrt(2 / 40))


# --- success ----------------------------------------------------------------------------------------------------


def test_the_binomial_evidence_agrees_with_brute_force():
    model = bt.success_model(COUNTS.iloc[:3])
    y, n = model.data["successes"].to_numpy(), model.data["targets"].to_numpy()
    mu, tau, z = np.linspace(-9, 9, 121), (np.arange(120) + 0.5) / 20, np.linspace(-8, 8, 81)
    eta = mu[:, None, None] + tau[:, None] * z
    total = np.ones(eta.shape[:2])
    for successes, targets in zip(y, n, strict=True):
        inside = stats.binom.pmf(successes, targets, 1 / (1 + np.exp(-eta)))
        total *= (inside * stats.norm.pdf(z)).sum(axis=2) * (z[1] - z[0])
    total *= stats.norm.pdf(mu, 0, 1.5)[:, None] * stats.halfnorm.pdf(tau)
    assert evidence(model) == pytest.approx(math.log(total.sum() * (mu[1] - mu[0]) / 20), abs=2e-4)


def test_the_ordinal_evidence_agrees_with_brute_force():
    model = bt.success_model(COUNTS.iloc[:2], outcome="ordinal")
    count = model.data["count"].to_numpy()
    splits, tau, z = np.linspace(-7.5, 7.5, 51), (np.arange(40) + 0.5) / 10, np.linspace(-6, 6, 41)
    pairs = np.stack(np.meshgrid(splits, splits, indexing="ij"), axis=-1).reshape(-1, 2)
    cut = cutpoints(pairs)
    total = stats.norm.pdf(pairs, 0, 1.5).prod(axis=1)[:, None] * stats.halfnorm.pdf(tau)
    for t in range(tau.size):
        log_share = ordinal_log_share(np.broadcast_to(tau[t] * z, (len(cut), z.size)), cut)
        for row in count:
            inside = np.exp(multinomial_log_density(row, log_share))
            total[:, t] *= (inside * stats.norm.pdf(z)).sum(axis=1) * (z[1] - z[0])
    volume = (splits[1] - splits[0]) ** 2 * 0.1
    assert evidence(model) == pytest.approx(math.log(total.sum() * volume), abs=1e-3)


def test_a_best_status_that_nobody_has_needs_no_more_nodes_than_any_other():
    """Its cutpoint is known by the prior alone on one side, so that the grid is refined again and again."""
    counts = pd.DataFrame({"green": 0, "amber": [1, 0, 3, 0, 2, 2], "red": [2, 11, 10, 6, 6, 13]})
    model = bt.success_model(counts.assign(area=list("abcdef")), outcome="ordinal")
    found = model.exact(model, 99, np.random.default_rng(1))[1]
    assert float(found["grid_size"]) < 40_000 and float(found["edge_mass"]) < 1e-6


@pytest.mark.parametrize("pooling", ["partial", "complete", "none"])
def test_an_ordinal_model_of_two_statuses_is_the_binomial(pooling):
    two = COUNTS.drop(columns="red")
    binomial, ordinal = (
        bt.success_model(two, outcome=name, pooling=pooling) for name in ("binomial", "ordinal")
    )
    assert evidence(binomial) == pytest.approx(evidence(ordinal), abs=1e-9)
    one, other = draws_of(binomial, 8000, seed=1), draws_of(ordinal, 8000, seed=2)
    gap = one["share"].mean("sample") - other["share"].sel(status="green").mean("sample")
    assert float(np.abs(gap / one["share"].std("sample")).max()) < 4 * math.sqrt(2 / 8000)


# --- both engines -----------------------------------------------------------------------------------------------


def options(authorities):
    """Every model with every option that has an exact posterior."""
    found = {
        "published none": bt.published_model(CONTRASTS, hoped=1.0),
        "published partial": bt.published_model(
            CONTRASTS.iloc[1:4].drop(columns="group"), pooling="partial", hoped=1.0
        ),
        "published partial with a reference": bt.published_model(CONTRASTS, pooling="partial", hoped=1.0),
    }
    for pooling in ("partial", "complete", "none"):
        for outcome in ("binomial", "ordinal"):
            found[f"{outcome} {pooling}"] = bt.success_model(COUNTS, outcome=outcome, pooling=pooling)
        for slopes in ("common", "by_type"):
            found[f"cohesion {pooling} {slopes}"] = cohesion_model(
                authorities, pooling=pooling, slopes=slopes
            )
    return found


OPTIONS = (
    "published none",
    "published partial",
    "published partial with a reference",
    *(f"{o} {p}" for p in ("partial", "complete", "none") for o in ("binomial", "ordinal")),
    *(f"cohesion {p} {s}" for p in ("partial", "complete", "none") for s in ("common", "by_type")),
)
# Functions of the other variables: they would only be compared twice.
DERIVED = {"standardised", "deviation", "overall_share", "regression"}


def distances(exact: xr.DataArray, nuts: xr.DataArray) -> np.ndarray:
    """Differences of mean, s.d. and quantiles of one element, in Monte Carlo standard errors of both."""
    import arviz_stats

    def mcse(x, **what):
        return float(arviz_stats.mcse(x, **what))

    one, other = exact.to_numpy(), nuts.to_numpy()
    gaps = [(np.mean, {"method": "mean"}), (np.std, {"method": "sd"})]
    found = [(f(one) - f(other)) / math.hypot(mcse(one, **how), mcse(other, **how)) for f, how in gaps]
    for q in QUANTILES:
        errors = [mcse(x, method="quantile", prob=q) for x in (one, other)]
        found.append((np.quantile(one, q) - np.quantile(other, q)) / math.hypot(*errors))
    return np.abs(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_both_engines_give_one_posterior(authorities, name):
    model = options(authorities)[name]
    exact = bt.fit(model, engine="exact", draws=5000, seed=1, progress=False)
    nuts = bt.fit(model, engine="nuts", draws=1500, tune=800, seed=2, progress=False)
    assert bt.diagnose(exact)["passed"].all()
    for group in set(nuts.children) - {"sample_stats"}:
        one, other = exact[group].to_dataset(), nuts[group].to_dataset()
        assert list(one.data_vars) == list(other.data_vars) and set(one.coords) == set(other.coords)
        for variable in other.data_vars:
            assert one[variable].dims == other[variable].dims and one[variable].dtype == other[variable].dtype
        for coord in set(other.coords) - {"draw"}:
            assert one[coord].to_numpy().tolist() == other[coord].to_numpy().tolist()
    for variable in set(model.variables) - DERIVED:
        one, other = (
            exact["posterior"][variable],
            nuts["posterior"][variable].transpose(*exact["posterior"][variable].dims),
        )
        own = [dim for dim in one.dims if dim not in ("chain", "draw")]
        for place in np.ndindex(*(one.sizes[dim] for dim in own)):
            at = dict(zip(own, place, strict=True))
            assert distances(one.isel(at), other.isel(at)).max() < 4, (variable, at)


# --- calibration ------------------------------------------------------------------------------------------------


def uniform_ranks(ranks: list[int], draws: int, bins: int = 10) -> float:
    """p-value of the chi-squared test that ranks among `draws` draws are uniform."""
    counts, _ = np.histogram(ranks, bins=bins, range=(-0.5, draws + 0.5))
    return float(stats.chisquare(counts).pvalue)


def test_published_posteriors_are_calibrated():
    se, rng, ranks = (
        np.array([1.0, 0.7, 1.5, 2.0]),
        np.random.default_rng(8),
        {"mu": [], "tau": [], "effect": []},
    )
    priors = bt.PublishedPriors(mu=bt.Normal(0, 2), tau=bt.HalfNormal(1.5))
    for _ in range(100):
        mu, tau = rng.normal(0, 2), abs(rng.normal(0, 1.5))
        theta = rng.normal(mu, tau, 4)
        frame = pd.DataFrame({"term": list("abcd"), "estimate": rng.normal(theta, se), "se": se})
        model = bt.published_model(frame, pooling="partial", priors=priors)
        draws = model.exact(model, 99, rng)[0]
        for name, truth in {"mu": mu, "tau": tau, "effect": theta[0]}.items():
            own = draws[name] if name != "effect" else draws[name].isel(term=0)
            ranks[name].append(int((own < truth).sum()))
    assert min(uniform_ranks(found, 99) for found in ranks.values()) > 1e-3


@pytest.mark.parametrize(
    ("pooling", "slopes"),
    [
        ("partial", "common"),
        ("complete", "by_type"),
        pytest.param("partial", "by_type", marks=pytest.mark.slow),
    ],
)
def test_cohesion_posteriors_are_calibrated(authorities, pooling, slopes):
    """Parameters from the prior, changes from them, for one design of 40 authorities."""
    base = cohesion_model(authorities, pooling=pooling, slopes=slopes)
    rng = np.random.default_rng(9)
    prior = base.draw_prior(base, rng, 100).rename(sample="draw").expand_dims(chain=[0])
    changes = base.predict(base, prior, rng)["change"]
    names = [name for name in base.variables if prior[name].ndim == 2]
    ranks = {name: [] for name in names}
    for i in range(100):
        data = base.data.assign(change=("authority", changes[0, i].to_numpy()))
        draws = base.exact(replace(base, data=data), 99, rng)[0]
        for name in names:
            ranks[name].append(int((draws[name] < float(prior[name][0, i])).sum()))
    assert min(uniform_ranks(found, 99) for found in ranks.values()) > 1e-3


@pytest.mark.parametrize("outcome", ["binomial", pytest.param("ordinal", marks=pytest.mark.slow)])
def test_success_posteriors_are_calibrated(outcome):
    base = bt.success_model(COUNTS, outcome=outcome)
    rng = np.random.default_rng(10)
    prior = base.draw_prior(base, rng, 100).rename(sample="draw").expand_dims(chain=[0])
    counts = base.predict(base, prior.transpose("chain", "draw", ...), rng)[base.observed[0]]
    ranks = {"mu": [], "tau": []}
    for i in range(100):
        data = base.data.assign({base.observed[0]: counts.isel(chain=0, draw=i, drop=True)})
        draws = base.exact(replace(base, data=data), 99, rng)[0]
        for name, found in ranks.items():
            found.append(int((draws[name] < float(prior[name][0, i])).sum()))
    assert min(uniform_ranks(found, 99) for found in ranks.values()) > 1e-3


# --- fit, and the gate ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(authorities):
    return bt.fit(cohesion_model(authorities), engine="exact", seed=1, progress=False)


def failed(posterior):
    checks = bt.diagnose(posterior)
    with pytest.raises(bt.DiagnosticsError, match="the posterior is not reported"):
        bt.require(checks)
    return checks.loc[~checks["passed"], "quantity"].tolist()


def test_an_exact_posterior_tells_how_it_was_made_and_passes(tree):
    assert tree.attrs["engine"] == "exact" and "engine_note" not in tree.attrs
    stats_of = tree["sample_stats"]
    assert {"log_evidence", "acceptance", "grid_size", "edge_mass", "refinement_change"} <= set(stats_of)
    assert stats_of["lp"].dims == ("chain", "draw")
    assert bt.diagnose(tree)["passed"].all() and bt.require(bt.diagnose(tree)) is None
    assert posterior_bytes({"cohesion": tree})


def test_values_for_each_draw_and_observation_are_left_out_where_they_are_too_many(
    tree, authorities, monkeypatch
):
    monkeypatch.setattr(sampling, "_MOST_ROWS", 39)
    lean = bt.fit(cohesion_model(authorities), engine="exact", seed=1, progress=False)
    assert set(lean.children) == {"posterior", "sample_stats", "prior", "observed_data", "constant_data"}
    assert "log_likelihood" in lean.attrs["left_out"] and "40 observations" in lean.attrs["left_out"]
    assert lean["posterior"].to_dataset().equals(tree["posterior"].to_dataset())
    assert "left_out" not in tree.attrs and bt.diagnose(lean)["passed"].all()


@pytest.mark.parametrize(
    ("name", "value", "quantity"),
    [
        ("edge_mass", 2e-6, "mass at the edge of the grid"),
        ("refinement_change", 0.11, "change on refinement, in Monte Carlo s.e."),
        ("acceptance", 0.19, "acceptance"),
        ("log_evidence", np.inf, "log evidence"),
        ("log_evidence", np.nan, "log evidence"),
        ("grid_size", 0.0, "nodes of the grid"),
        ("edge_mass", np.nan, "mass at the edge of the grid"),
    ],
)
def test_each_statistic_out_of_its_limit_fails(tree, name, value, quantity):
    changed = tree.copy(deep=True)
    changed["sample_stats"][name] = value
    assert failed(changed) == [quantity]


def test_a_missing_statistic_fails(tree):
    for name in ("log_evidence", "acceptance", "grid_size", "edge_mass", "refinement_change"):
        changed = tree.copy(deep=True)
        changed["sample_stats"] = xr.DataTree(changed["sample_stats"].to_dataset().drop_vars(name))
        assert f"sample statistics missing ({name})" in failed(changed)
    changed = tree.copy(deep=True)
    del changed["sample_stats"]
    assert len(failed(changed)) >= 6


def test_draws_that_depend_on_one_another_fail(tree):
    quantity = "dependence between draws, in s.e."
    for spoil in (np.sort, lambda x: np.repeat(x[:, ::2], 2, axis=1), lambda x: x + 0.5 * np.eye(4, 1)):
        changed = tree.copy(deep=True)
        changed["posterior"]["sigma"][:] = spoil(tree["posterior"]["sigma"].to_numpy())
        assert quantity in failed(changed)


def test_a_draw_that_is_not_finite_and_too_few_draws_fail(tree, authorities):
    changed = tree.copy(deep=True)
    changed["posterior"]["sigma"][0, 3] = np.nan
    assert "draws not finite" in failed(changed)
    few = bt.fit(cohesion_model(authorities), engine="exact", draws=50, seed=1, progress=False)
    assert "draws" in failed(few)


def test_without_its_engine_a_posterior_fails(tree):
    changed = tree.copy()
    changed.attrs = {name: value for name, value in tree.attrs.items() if name != "engine"}
    assert "divergences" in failed(changed)


def test_a_grid_that_is_too_small_is_caught(authorities, monkeypatch):
    monkeypatch.setattr(grid, "_DEPTH", 8.0)
    tree = bt.fit(cohesion_model(authorities), engine="exact", seed=1, progress=False)
    assert "mass at the edge of the grid" in failed(tree)


def test_a_grid_that_is_too_coarse_is_caught(authorities, monkeypatch):
    monkeypatch.setattr(grid, "_STEP", dict.fromkeys(grid._STEP, 1.5))
    monkeypatch.setattr(grid, "_CHANGE", 1.0)
    monkeypatch.setattr(grid, "_CHANGE_SE", 100.0)
    tree = bt.fit(cohesion_model(authorities), engine="exact", seed=1, progress=False)
    assert "change on refinement, in Monte Carlo s.e." in failed(tree)


def test_the_same_seed_gives_the_same_bytes_in_any_process(run_python):
    code = (
        "import os; os.environ['OPENBLAS_NUM_THREADS'] = '{threads}'\n"
        "import hashlib; import bayes_targets as bt\n"
        "from bayes_targets.models.cohesion.model import cohesion_model\n"
        "from bayes_targets.readers.posterior import posterior_bytes\n"
        "from bayes_targets.models.cohesion.simulate import simulate_authorities\n"
        "data = simulate_authorities(dict(a=50, b=60, c=40), coefficients=dict(x=.6, w=-.4), seed=3)\n"
        "model = cohesion_model(data, slopes='by_type')\n"
        "tree = bt.fit(model, engine='exact', seed=7, progress=False)\n"
        "print(hashlib.sha256(posterior_bytes(dict(a=tree))).hexdigest())"
    )
    assert len({run_python(code.format(threads=threads)) for threads in (1, 2)}) == 1


# Where `sparse` is installed, xarray loads it by itself, and numba with it: what pandas and xarray load does not count.
LIBRARIES = (
    "import sys, pandas, xarray; xarray.DataArray([1.0], dict(x=[0])).mean(); theirs = set(sys.modules)\n"
)


def test_the_exact_route_from_a_file_to_its_comparison_loads_nothing_heavy(run_python, tmp_path):
    rows = [f"{i},{'ab'[i % 2]},{60 + i % 7},{62 + i % 5},{i % 3 % 2}" for i in range(30)]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["authority,authority_type,baseline,outcome,target", *rows]))
    heavy = {"pymc", "pytensor", "nutpie", "numba", "arviz", "arviz_plots", "arviz_stats", "matplotlib"}
    heavy |= {"statsmodels", "pandera", "scipy.stats", "scipy.optimize"}
    code = LIBRARIES + (
        f"import bayes_targets as bt; authorities = bt.read_authorities({str(file)!r})\n"
        "tree = bt.fit(bt.cohesion_model(authorities), engine='exact', seed=7)\n"
        "bt.require(bt.diagnose(tree)); bt.compare(tree, bt.fit_ols(authorities)).to_string()\n"
        f"print(sorted({heavy!r} & set(sys.modules) - theirs))"
    )
    assert run_python(code) == "[]"


def test_shares_by_the_exact_route_load_nothing_heavy(run_python):
    code = LIBRARIES + (
        "import bayes_targets as bt; import pandas as pd\n"
        "counts = bt.read_counts(pd.DataFrame({'area': ['a', 'b'], 'green': [3, 5], 'red': [2, 8]}))\n"
        "tree = bt.fit(bt.success_model(counts, success='green'), engine='exact', seed=7)\n"
        "bt.require(bt.diagnose(tree)); bt.compare(tree, bt.raw_shares(counts, success='green'))\n"
        "print(sorted({'pymc', 'nutpie', 'numba', 'arviz_stats', 'statsmodels', 'scipy.stats'} & set(sys.modules) - theirs))"
    )
    assert run_python(code) == "[]"


def many_statuses(number):
    names = [f"status {k}" for k in range(number)]
    table = pd.DataFrame(np.arange(2 * number).reshape(2, number), columns=names).assign(area=["a", "b"])
    return bt.read_counts(table, statuses=names)


NOT_EXACT = {
    "Student-t noise": lambda a: cohesion_model(a, noise="student_t"),
    "priors, coefficient: StudentT": lambda a: cohesion_model(
        a, priors=CohesionPriors(coefficient=bt.StudentT(3, 0, 1))
    ),
    "priors, mu: StudentT": lambda a: cohesion_model(a, priors=CohesionPriors(mu=bt.StudentT(3, 0, 1))),
    "priors, share: StudentT": lambda a: bt.success_model(
        COUNTS, pooling="none", priors=SuccessPriors(share=bt.StudentT(3, 0, 1))
    ),
    "6 statuses with correlated effects": lambda a: bt.success_model(many_statuses(6), outcome="multinomial"),
    "no more authorities than terms": lambda a: cohesion_model(a.isel(authority=[0, 1, 12, 13, 21, 22, 36])),
    "share 13 parameters": lambda a: bt.success_model(many_statuses(13), outcome="ordinal"),
}


@pytest.mark.parametrize("reason", NOT_EXACT)
def test_what_has_no_exact_posterior_is_told(authorities, reason):
    with pytest.raises(NotExactError, match=reason):
        bt.fit(NOT_EXACT[reason](authorities), engine="exact", progress=False)


def test_auto_falls_back_to_nuts_and_says_so(authorities, monkeypatch):
    exact = cohesion_model(authorities)
    other = cohesion_model(authorities, priors=CohesionPriors(mu=bt.StudentT(3, 0, 5)))
    sampled = []

    def nuts(model, *, draws, chains, **_settings):
        sampled.append(model)
        return sampling._draw_exact(exact, draws=draws, chains=chains, seed=np.random.SeedSequence(1))

    monkeypatch.setattr(sampling, "compile_nuts", lambda model: model)
    monkeypatch.setattr(sampling, "sample_nuts", nuts)
    assert bt.fit(exact, seed=1, progress=False).attrs["engine"] == "exact" and sampled == []
    tree = bt.fit(other, seed=1, progress=False)
    assert sampled == [other] and tree.attrs["engine"] == "nuts"
    assert "priors, mu: StudentT(3, 0, 5) has no exact posterior" in tree.attrs["engine_note"]


@pytest.mark.parametrize("axes", [1, 2])
def test_a_narrow_peak_far_from_where_the_grid_looks_is_not_missed_in_silence(axes):
    def log_density(v):
        # Half of the mass in a peak 8000 widths away from the other one.
        return np.logaddexp(
            stats.norm.logpdf(v[:, 0], 8.0, 1.0), stats.norm.logpdf(v[:, 0], 0.0, 1e-3)
        ) - sum(0.5 * v[:, d] ** 2 for d in range(1, axes))

    more = [Axis(str(d), "real") for d in range(1, axes)]
    told = [Axis("mu", "real", centre=8.0, peaks=((0.0, 1e-3),)), *more]
    with pytest.raises(NotExactError, match="misses a peak of the density at mu = 0"):
        solve(log_density, told, 1000, np.random.default_rng(1))


def test_a_narrow_prior_that_the_grid_has_seen_is_served():
    table = pd.DataFrame({"area": ["a"], "green": [248], "red": [152]})
    priors = bt.SuccessPriors(mu=bt.StudentT(4, 0, 0.0167))
    draws = bt.fit(
        bt.success_model(table, pooling="complete", priors=priors), engine="exact", seed=1, pointwise=False
    )
    x = np.linspace(-1, 1.5, 200_001)
    log_p = stats.binom.logpmf(248, 400, 1 / (1 + np.exp(-x))) + priors.mu.logpdf(x)
    weight = np.exp(log_p - log_p.max()) / np.exp(log_p - log_p.max()).sum()
    mu = draws["posterior"]["mu"].to_numpy()
    assert (mu > 0.2).mean() == pytest.approx(weight[x > 0.2].sum(), abs=0.002)
