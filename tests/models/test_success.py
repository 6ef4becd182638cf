"""The success models against closed forms, published posteriors, numerical integration and PyMC itself."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayes_targets as bt
from bayes_targets.inference.engines import compile_nuts, sample_nuts
from bayes_targets.model import NotExactError
from bayes_targets.models.success.equation import swapped_data
from bayes_targets.models.success.loo import area_log_density, leave_one_area_out, log_evidence
from bayes_targets.models.success.model import SuccessPriors, success_model
from bayes_targets.models.success.shares import (
    correlation_root,
    cutpoints,
    ordinal_log_share,
    sequential_log_share,
)
from bayes_targets.priors import GammaPrecision
from bayes_targets.readers.counts import read_counts, with_covariate
from bayes_targets.studies import odpm2005

OUTCOMES = ("binomial", "ordinal", "multinomial")
POOLINGS = ("partial", "complete", "none")
FLAT = SuccessPriors(mu=bt.Flat(), share=bt.Flat(), split=bt.Flat())
# What holds for one engine holds for the other; a sampler's graph compiles for seconds.
each_engine = pytest.mark.parametrize("engine", ["exact", pytest.param("nuts", marks=pytest.mark.slow)])


def counts(rows, statuses=("green", "amber", "red")):
    frame = pd.DataFrame(list(rows.values()), columns=list(statuses))
    return read_counts(frame.assign(area=list(rows)), statuses=list(statuses))


def fit(model, **options):
    return bt.fit(model, **({"seed": 1, "draws": 2000, "progress": False} | options))


def mcse(draws):
    import arviz_stats

    return float(draws.std() / np.sqrt(arviz_stats.ess(draws)))


SMALL = counts({"a": [3, 1, 0], "b": [2, 5, 4], "c": [1, 0, 0]})


@pytest.fixture(scope="module")
def lpsa():
    return odpm2005.counts(bt.load_study("odpm2005"), "policy_area")


@pytest.fixture(scope="module", params=OUTCOMES)
def lpsa_posterior(request, lpsa):
    """The printed table, zero cells included: Drug treatment 2/1/0, E-government 2/1/0."""
    return bt.fit(success_model(lpsa, outcome=request.param), seed=1)


@each_engine
def test_surgical_mortality_agrees_with_the_published_posterior(engine):
    """BUGS examples volume 1, Surgical, random effects: population mean 0.073 (sd 0.010), sigma 0.40 (sd 0.15).

    The priors are the published ones: mean Normal with precision 1e-6, precision Gamma(0.001, 0.001).
    """
    n = np.array([47, 148, 119, 810, 211, 196, 148, 215, 207, 97, 256, 360])
    deaths = np.array([0, 18, 8, 46, 8, 13, 9, 31, 14, 8, 29, 24])
    hospitals = counts(
        dict(zip("ABCDEFGHIJKL", np.column_stack([deaths, n - deaths]), strict=True)), ("died", "survived")
    )
    priors = SuccessPriors(mu=bt.Normal(0, 1000), tau=GammaPrecision(0.001, 0.001))
    posterior = fit(success_model(hospitals, priors=priors), engine=engine, draws=4000, seed=3)
    assert bt.diagnose(posterior)["passed"].all()
    draws = posterior["posterior"].to_dataset()
    mean = 1 / (1 + np.exp(-draws["mu"]))
    assert float(mean.mean()) == pytest.approx(0.073, abs=0.001)
    assert float(mean.std()) == pytest.approx(0.010, abs=0.001)
    assert float(draws["tau"].mean()) == pytest.approx(0.40, abs=0.02)
    assert float(draws["tau"].std()) == pytest.approx(0.15, abs=0.02)
    assert np.isfinite(posterior["prior"]["tau"]).all()


def test_gamma_precision_is_the_distribution_of_a_standard_deviation():
    import pymc as pm

    prior = GammaPrecision(2, 3)
    x = np.array([0.3, 0.9, 4.0])
    assert prior.logpdf(x) == pytest.approx(stats.invgamma(2, scale=3).logpdf(x**2) + np.log(2 * x))
    assert prior.logpdf(-1.0) == -np.inf
    with pm.Model():
        variable = prior.to_pymc("tau")
    assert pm.logp(variable, x).eval(mode="FAST_COMPILE") == pytest.approx(prior.logpdf(x), abs=1e-5)
    draws = prior.draw(np.random.default_rng(1), 5000)
    assert stats.kstest(1 / draws**2, stats.gamma(2, scale=1 / 3).cdf).pvalue > 1e-4


@each_engine
def test_complete_pooling_agrees_with_quadrature(engine):
    """Splits are independent given the totals, so that each is an integral of one dimension."""
    total = SMALL["count"].sum("area").to_numpy()

    def moment(hits, misses, power):
        def density(s):
            p = 1 / (1 + np.exp(-s))
            return p ** (hits + power) * (1 - p) ** misses * stats.norm(0, 1.5).pdf(s)

        return integrate.quad(density, -15, 15)[0]

    best = [moment(total[0], total[1:].sum(), k) / moment(total[0], total[1:].sum(), 0) for k in (1, 2)]
    second = [moment(total[1], total[2], k) / moment(total[1], total[2], 0) for k in (1, 2)]
    tree = fit(success_model(SMALL, outcome="ordinal", pooling="complete"), engine=engine)
    share = tree["posterior"]["share"].sel(area="b")
    green, amber = share.sel(status="green"), share.sel(status="amber")
    assert float(green.mean()) == pytest.approx(best[0], abs=4 * mcse(green))
    assert float(green.var()) == pytest.approx(best[1] - best[0] ** 2, rel=0.08)
    assert float(amber.mean()) == pytest.approx((1 - best[0]) * second[0], abs=4 * mcse(amber))


@each_engine
def test_the_limit_of_flat_priors_is_the_beta_distribution(engine):
    """Complete pooling: Beta(y, n - y); the replicated counts of an area are then beta-binomial."""
    posterior = fit(success_model(SMALL, pooling="complete", priors=FLAT), engine=engine, draws=4000)
    hits, n = 6, 16
    share = posterior["posterior"]["share"].sel(area="b")
    beta = stats.beta(hits, n - hits)
    assert float(share.mean()) == pytest.approx(beta.mean(), abs=4 * mcse(share))
    assert share.quantile([0.05, 0.5, 0.95]).to_numpy() == pytest.approx(
        beta.ppf([0.05, 0.5, 0.95]), abs=0.01
    )
    replicated = posterior["posterior_predictive"]["successes"].sel(area="b").to_numpy().ravel()
    found = np.bincount(replicated, minlength=12) / replicated.size
    assert found == pytest.approx(stats.betabinom(11, hits, n - hits).pmf(np.arange(12)), abs=0.012)
    assert "prior" not in posterior.children


@each_engine
def test_the_limit_of_flat_priors_is_the_dirichlet_distribution(engine):
    """Multinomial, complete pooling: Dirichlet(y); an area's replicated counts are Dirichlet-multinomial."""
    model = success_model(SMALL, outcome="multinomial", pooling="complete", priors=FLAT)
    posterior = fit(model, engine=engine, draws=4000)
    share = posterior["posterior"]["overall_share"]
    dirichlet = stats.dirichlet([6, 6, 4])
    assert share.mean(("chain", "draw")).to_numpy() == pytest.approx(dirichlet.mean(), abs=0.006)
    assert share.var(("chain", "draw")).to_numpy() == pytest.approx(dirichlet.var(), rel=0.08)
    replicated = posterior["posterior_predictive"]["count"].sel(area="a").stack(sample=("chain", "draw"))
    for cell in ([4, 0, 0], [2, 1, 1], [1, 2, 1]):
        found = float((replicated == xr.DataArray(cell, dims="status")).all("status").mean())
        assert found == pytest.approx(stats.dirichlet_multinomial([6, 6, 4], 4).pmf(cell), abs=0.01)


def test_without_pooling_and_with_priors_that_say_nothing_each_area_stands_alone():
    inner = counts({"a": [3, 2, 1], "b": [2, 5, 4]})
    wide = SuccessPriors(share=bt.Normal(0, 100), split=bt.Normal(0, 100))
    model = success_model(inner, outcome="multinomial", pooling="none", priors=wide)
    posterior = fit(model, engine="exact", draws=1000)
    mean = posterior["posterior"]["share"].mean(("chain", "draw")).to_numpy()
    assert mean == pytest.approx(np.array([[3, 2, 1], [2, 5, 4]]) / [[6], [11]], abs=0.012)


def ordinal_grid(rows):
    """Posterior and evidence of the ordinal model by brute force: (mu, split, tau) on a grid, area effects inside."""
    mu, split = np.linspace(-5, 5, 61), np.linspace(-5, 5, 61)
    tau = (np.arange(60) + 0.5) * 0.075
    z, weight = np.polynomial.hermite_e.hermegauss(48)
    weight = weight / weight.sum()
    m, s, t = np.meshgrid(mu, split, tau, indexing="ij")
    best, next_ = 1 / (1 + np.exp(-m)), 1 / (1 + np.exp(-s))
    at_least = best + (1 - best) * next_
    cut_green, cut_amber = -np.log(best / (1 - best)), -np.log(at_least / (1 - at_least))
    log_like, mean_green = [], []
    for row in rows:
        ways = np.exp(stats.multinomial(sum(row), [1 / 3] * 3).logpmf(row) + sum(row) * np.log(3))
        total, green_total = 0.0, 0.0
        for node, w in zip(z, weight, strict=True):
            green = 1 / (1 + np.exp(-(t * node - cut_green)))
            amber = 1 / (1 + np.exp(-(t * node - cut_amber))) - green
            like = ways * w * green ** row[0] * amber ** row[1] * (1 - green - amber) ** row[2]
            total, green_total = total + like, green_total + like * green
        log_like.append(np.log(total))
        mean_green.append(green_total / total)
    prior = stats.norm(0, 1.5).pdf(m) * stats.norm(0, 1.5).pdf(s) * stats.halfnorm(scale=1).pdf(t)
    prior = prior / prior.sum()
    return {
        "prior": prior,
        "log_like": np.array(log_like),
        "green": mean_green,
        "mu": m,
        "tau": t,
        "cut": cut_amber,
    }


@pytest.fixture(scope="module")
def four_areas():
    """Four rows of counts, their grid, the joint density on it, and the ordinal model of them."""
    rows = [[3, 1, 0], [2, 5, 4], [1, 0, 0], [8, 3, 1]]
    grid = ordinal_grid(rows)
    joint = grid["prior"] * np.exp(grid["log_like"].sum(axis=0))
    return grid, joint, success_model(counts(dict(zip("abcd", rows, strict=True))), outcome="ordinal")


def distance_from_the_grid(draws, grid, joint):
    """Largest difference of posterior means: of the parameters, and of the shares of green."""
    drawn = {"mu": draws["mu"], "tau": draws["tau"], "cut": draws["cutpoint"].sel(cut="red|amber")}
    posterior = joint / joint.sum()
    parameters = [abs(float(drawn[name].mean()) - (posterior * grid[name]).sum()) for name in drawn]
    green = draws["share"].sel(status="green").mean(("chain", "draw")).to_numpy()
    shares = green - [(posterior * values).sum() for values in grid["green"]]
    return np.array([max(parameters), abs(shares).max()])


def test_the_exact_ordinal_posterior_agrees_with_numerical_integration(four_areas):
    grid, joint, model = four_areas
    draws = fit(model, engine="exact", draws=4000)["posterior"].to_dataset()
    assert (distance_from_the_grid(draws, grid, joint) < [0.03, 0.008]).all()


@pytest.mark.slow
def test_ordinal_posterior_and_left_out_areas_agree_with_numerical_integration(four_areas):
    grid, joint, model = four_areas
    draws, _ = sample_nuts(compile_nuts(model), draws=4000, tune=1000, chains=4, seed=1)
    assert (distance_from_the_grid(draws, grid, joint) < [0.03, 0.008]).all()
    without = [grid["prior"] * np.exp(grid["log_like"].sum(axis=0) - grid["log_like"][j]) for j in range(4)]
    exact = [np.log((np.exp(grid["log_like"][j]) * without[j]).sum() / without[j].sum()) for j in range(4)]
    left_out = leave_one_area_out(model, engine="nuts", draws=5000, seed=1)
    assert left_out["mcse"].max() < 0.03
    assert (np.abs(left_out["elpd"] - exact) < 5 * left_out["mcse"] + 0.003).all()
    evidence = log_evidence(model, engine="nuts", draws=5000, seed=2)
    assert evidence["log_density"].sum() == pytest.approx(np.log(joint.sum()), abs=0.06)


@pytest.mark.parametrize("rows", [[[3, 1, 0], [2, 5, 4], [1, 0, 0], [8, 3, 1]], [[0, 2, 1], [6, 1, 7]]])
def test_left_out_areas_by_quadrature_agree_with_a_fine_sum(rows):
    grid = ordinal_grid(rows)
    joint = grid["prior"] * np.exp(grid["log_like"].sum(axis=0))
    without = [grid["prior"] * np.exp(grid["log_like"].sum(axis=0) - own) for own in grid["log_like"]]
    known = [np.log(joint.sum() / other.sum()) for other in without]
    model = success_model(counts(dict(zip("abcd", rows, strict=False))), outcome="ordinal")
    left_out, evidence = leave_one_area_out(model), log_evidence(model)
    assert left_out["elpd"].to_numpy() == pytest.approx(known, abs=2e-3)
    assert evidence["log_density"].sum() == pytest.approx(np.log(joint.sum()), abs=5e-3)
    assert (left_out["mcse"] == 0).all() and (evidence["mcse"] == 0).all()


@pytest.mark.parametrize("pooling", ["partial", "complete"])
@pytest.mark.parametrize("outcome", ["binomial", "ordinal"])
def test_a_left_out_area_has_the_density_that_exact_draws_without_it_predict(outcome, pooling):
    table = counts({"a": [3, 1, 2], "b": [2, 5, 4], "c": [1, 0, 3]})
    model = success_model(table, outcome=outcome, pooling=pooling)
    without = fit(
        success_model(table.isel(area=[0, 2]), outcome=outcome, pooling=pooling), engine="exact", draws=10_000
    )
    density = np.exp(area_log_density(model, without["posterior"].to_dataset(), 1))
    error = density.std() / density.mean() / np.sqrt(density.size)
    assert leave_one_area_out(model).loc["b", "elpd"] == pytest.approx(np.log(density.mean()), abs=4 * error)


@pytest.mark.parametrize(
    "rows",
    [
        {"a": [3, 1, 2], "b": [2, 5, 4], "c": [1, 0, 3]},
        pytest.param({"a": [3, 1, 2, 1], "b": [2, 5, 4, 0], "c": [1, 0, 3, 2]}, marks=pytest.mark.slow),
    ],
    ids=["three statuses", "four statuses"],
)
def test_left_out_areas_of_a_multinomial_agree_with_evidences_with_and_without_them(rows):
    table = counts(rows, "wxyz"[: len(rows["a"])])
    left_out = leave_one_area_out(success_model(table, outcome="multinomial"))

    def evidence(counts):
        model = success_model(counts, outcome="multinomial")
        return fit(model, engine="exact", pointwise=False)["sample_stats"].to_dataset()

    whole = evidence(table)
    for place, area in enumerate("abc"):
        without = evidence(table.isel(area=[i for i in range(3) if i != place]))
        error = np.hypot(whole["log_evidence_mcse"], without["log_evidence_mcse"])
        expected = float(whole["log_evidence"] - without["log_evidence"])
        assert left_out.loc[area, "elpd"] == pytest.approx(expected, abs=4 * float(error))


@pytest.mark.parametrize("pooling", ["partial", "complete"])
def test_the_evidence_of_a_multinomial_is_that_of_its_fit(pooling):
    """It is not that of the ordinal model, whose areas have one effect each."""
    table = with_covariate(SMALL, "x", {"a": 0.5, "b": -1, "c": 4}) if pooling == "complete" else SMALL
    model = success_model(table, outcome="multinomial", pooling=pooling)
    _, stats = model.exact(model, 1000, np.random.default_rng(1))
    found = log_evidence(model)
    assert found["log_density"].sum() == pytest.approx(float(stats["log_evidence"]), abs=0.05)
    assert (found["mcse"] > 0).all() == (pooling == "partial")


def test_a_left_out_area_has_the_density_that_each_split_of_a_multinomial_predicts():
    table = with_covariate(SMALL, "x", {"a": 0.5, "b": -1, "c": 4})
    model = success_model(table, outcome="multinomial", pooling="complete")
    rest = success_model(table.isel(area=[0, 1]), outcome="multinomial", pooling="complete")
    # The prior of a coefficient is about the spread of all three areas.
    rest.data["predictor_mean"], rest.data["predictor_scale"] = (
        model.data[name] for name in ("predictor_mean", "predictor_scale")
    )
    _, whole = model.exact(model, 1000, np.random.default_rng(1))
    _, without = rest.exact(rest, 1000, np.random.default_rng(1))
    expected = float(whole["log_evidence"] - without["log_evidence"])
    assert leave_one_area_out(model).loc["c", "elpd"] == pytest.approx(expected, abs=0.01)


def test_areas_of_six_statuses_have_no_exact_leaving_out():
    six = counts({"a": [3, 1, 2, 1, 0, 1], "b": [2, 5, 4, 0, 1, 1]}, "uvwxyz")
    with pytest.raises(NotExactError, match="at most 5"):
        leave_one_area_out(success_model(six, outcome="multinomial"), engine="exact")


def test_with_two_statuses_all_outcomes_are_one_model():
    pair = counts({"a": [3, 1], "b": [2, 5], "c": [1, 0]}, ("hit", "missed"))
    point = {"mu": 0.3, "tau": 0.8, "z": np.array([0.5, -1.0, 0.2])}
    found = []
    for outcome in OUTCOMES:
        graph = success_model(pair, outcome=outcome).to_pymc()
        names = {"mu": "mu_best" if outcome == "multinomial" else "mu", "tau": "tau", "z": "z"}
        values = {}
        for name, own in names.items():
            variable = graph[own]
            value = graph.rvs_to_values[variable]
            shape = graph.initial_point()[value.name].shape
            raw = np.log(point[name]) if name == "tau" else point[name]
            values[value.name] = np.broadcast_to(
                np.reshape(raw, shape if name == "z" else (1,) * len(shape)), shape
            ).copy()
        found.append(float(graph.compile_logp(mode="FAST_COMPILE")(values)))
    assert found == pytest.approx([found[0]] * 3)


def test_shares_of_the_typical_area_are_the_splits():
    splits = np.array([0.4, -0.3, 1.2])
    p = 1 / (1 + np.exp(-splits))
    expected = [p[0], (1 - p[0]) * p[1], (1 - p[0]) * (1 - p[1]) * p[2], (1 - p[0]) * (1 - p[1]) * (1 - p[2])]
    assert np.exp(sequential_log_share(splits)) == pytest.approx(expected)
    assert np.exp(ordinal_log_share(np.zeros(1), cutpoints(splits)))[0] == pytest.approx(expected)
    assert (np.diff(cutpoints(splits)) < 0).all()


def test_ordinal_shares_are_differences_of_cumulative_ones_and_keep_their_digits():
    cut, effect = np.array([1.0, -0.5]), np.array([0.7])
    at_least = 1 / (1 + np.exp(-(effect - cut)))
    expected = [at_least[0], at_least[1] - at_least[0], 1 - at_least[1]]
    assert np.exp(ordinal_log_share(effect, cut))[0] == pytest.approx(expected)
    far = ordinal_log_share(np.array([-800.0, 800.0]), cut)
    assert np.isfinite(far).all()
    assert far[0, 0] == pytest.approx(-801.0)


def test_correlation_root_makes_correlation_matrices():
    partial = np.random.default_rng(1).uniform(-1, 1, (50, 3))
    root = correlation_root(partial, 3)
    matrix = root @ np.swapaxes(root, -1, -2)
    assert np.diagonal(matrix, axis1=-2, axis2=-1) == pytest.approx(1)
    assert (np.linalg.eigvalsh(matrix) > -1e-12).all()
    # The second partial correlation is that of the first and the third contrast, as such.
    assert matrix[:, 0, 2] == pytest.approx(partial[:, 1])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_prior_draws_and_log_likelihood_are_those_of_pymc(outcome, pooling):
    import pymc as pm
    import pytensor

    size = 500  # of the graph's, which are slow to draw
    table = SMALL if pooling == "none" else with_covariate(SMALL, "x", {"a": 0.5, "b": -1, "c": 4})
    model = success_model(table, outcome=outcome, pooling=pooling)
    graph = model.to_pymc()
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        theirs = pm.sample_prior_predictive(draws=size, model=graph, random_seed=1)["prior"].to_dataset()
        tree = xr.DataTree.from_dict({"posterior": theirs.isel(draw=slice(0, 30))})
        reference = pm.compute_log_likelihood(tree, model=graph, progressbar=False)["log_likelihood"]
    ours = model.draw_prior(model, np.random.default_rng(2), 10_000)
    assert set(ours.data_vars) == set(model.variables)
    for name in model.variables:
        own, other = ours[name].transpose("sample", ...).to_numpy(), theirs[name].isel(chain=0).to_numpy()
        assert own.shape[1:] == other.shape[1:]
        own, other = own.reshape(len(own), -1), other.reshape(size, -1)
        for column in range(own.shape[1]):
            assert stats.ks_2samp(own[:, column], other[:, column]).pvalue > 1e-5, name
    found = model.log_likelihood(model, tree["posterior"].to_dataset())
    for name in model.observed:
        assert found[name].dims == ("chain", "draw", "area")
        assert found[name].to_numpy() == pytest.approx(reference[name].to_numpy(), rel=1e-8, abs=1e-8)


def test_the_lpsa_table_passes_the_gate_at_the_defaults(lpsa_posterior):
    checks = bt.diagnose(lpsa_posterior)
    assert checks["passed"].all(), checks[~checks["passed"]]


def test_the_lpsa_posterior_has_the_promised_groups(lpsa_posterior, lpsa):
    posterior, predictive = lpsa_posterior["posterior"], lpsa_posterior["posterior_predictive"]
    share = posterior["share"]
    if "status" in share.dims:
        assert np.allclose(share.sum("status"), 1)
        assert (predictive["count"].sum("status") == lpsa["count"].sum("status")).all()
        assert predictive["new_area_share"].dims == ("chain", "draw", "status")
        assert np.allclose(predictive["new_area_share"].sum("status"), 1)
        assert lpsa_posterior["prior_predictive"]["count"].sizes["status"] == 3
    weights = lpsa["count"].sum("status") / 155
    assert np.allclose((share * weights).sum("area"), posterior["overall_share"])
    assert (posterior["tau"] > 0).all()


@pytest.mark.parametrize("outcome", OUTCOMES)
@each_engine
def test_zero_cells_and_single_targets_leave_no_divergence(outcome, lpsa, engine):
    """Fire with one target, a red one; an area with all green, one with all red; Drug treatment 2/1/0 as printed."""
    changed = lpsa.copy(deep=True)
    changed["count"].loc[{"area": "Fire"}] = [0, 0, 1]
    changed["count"].loc[{"area": "E-government"}] = [3, 0, 0]
    changed["count"].loc[{"area": "Transport"}] = [0, 0, 14]
    checks = bt.diagnose(fit(success_model(changed, outcome=outcome), engine=engine, draws=1000))
    assert checks["passed"].all(), checks[~checks["passed"]]


@each_engine
def test_a_larger_effect_is_better_and_the_best_status_comes_first(lpsa, engine):
    draws = fit(success_model(lpsa, outcome="ordinal"), engine=engine, draws=500)["posterior"].to_dataset()
    posterior = draws.mean(("chain", "draw"))
    effect = posterior["area_effect"]
    assert float(effect.sel(area="Environment & housing")) > float(effect.sel(area="Education"))
    order = draws["area_effect"].argsort(axis=-1)
    for status, sign in (("green", 1), ("red", -1)):
        ranked = np.take_along_axis(draws["share"].sel(status=status).to_numpy(), order.to_numpy(), axis=-1)
        assert (sign * np.diff(ranked) >= 0).all()
    assert posterior["cutpoint"]["cut"].values.tolist() == ["red|amber", "amber|green"]
    assert float(posterior["cutpoint"][0]) < float(posterior["cutpoint"][1])
    assert float(posterior["cutpoint"][1]) == pytest.approx(-float(posterior["mu"]))


@each_engine
def test_a_covariate_on_a_table_of_two_groups_is_their_contrast(engine):
    """Flat priors: the posterior of the log odds ratio is that of two independent beta distributions."""
    kind = counts({"national": [37, 74], "local": [24, 20]}, ("green", "rest"))
    kind = with_covariate(kind, "local", {"national": 0, "local": 1})
    priors = SuccessPriors(mu=bt.Flat(), effect=bt.Flat())
    tree = fit(success_model(kind, pooling="complete", priors=priors), engine=engine, draws=4000)
    draws = tree["posterior"].to_dataset()
    rng = np.random.default_rng(1)
    p, q = rng.beta(24, 20, 200_000), rng.beta(37, 74, 200_000)
    reference = np.log(p / (1 - p)) - np.log(q / (1 - q))
    coefficient = draws["coefficient"].sel(covariate="local")
    assert float(coefficient.mean()) == pytest.approx(reference.mean(), abs=4 * mcse(coefficient) + 0.002)
    assert float(coefficient.std()) == pytest.approx(reference.std(), rel=0.04)
    assert float(draws["share"].sel(area="local").mean()) == pytest.approx(24 / 44, abs=0.006)


def test_a_prior_on_a_covariate_is_about_one_standard_deviation_of_it():
    areas = counts({name: [i + 1, 8 - i] for i, name in enumerate("abcdefgh")}, ("y", "n"))
    size = with_covariate(areas, "size", {name: 1000.0 * i for i, name in enumerate("abcdefgh")})
    model = success_model(size, pooling="complete")
    sd = np.std(1000.0 * np.arange(8), ddof=1)
    assert model.data["predictor_scale"].item() == pytest.approx(sd)
    prior = model.draw_prior(model, np.random.default_rng(1), 4000)
    assert float(prior["coefficient"].std()) == pytest.approx(1 / sd, rel=0.05)


def test_priors_say_what_the_documentation_says():
    priors = SuccessPriors()
    rng = np.random.default_rng(1)
    share = 1 / (1 + np.exp(-priors.mu.draw(rng, 100_000)))
    assert np.quantile(share, [0.025, 0.975]) == pytest.approx([0.05, 0.95], abs=0.005)
    tau = priors.tau.draw(rng, 100_000)
    assert np.median(tau) == pytest.approx(0.67, abs=0.01)
    correlation = 2 * priors.correlation.draw(rng, 100_000) - 1
    assert np.quantile(correlation, [0.025, 0.975]) == pytest.approx([-0.81, 0.81], abs=0.01)
    assert 2 * stats.beta(2, 2).cdf(0.5) == 1
    ratio = np.exp(priors.effect.draw(rng, 100_000))
    assert np.quantile(ratio, [0.025, 0.975]) == pytest.approx([1 / 7.1, 7.1], rel=0.05)


def test_building_twice_gives_independent_models_and_graphs(lpsa):
    one, two = (success_model(lpsa, outcome="ordinal") for _ in range(2))
    one.data["count"][0, 0] = 99
    assert int(two.data["count"][0, 0]) == 10
    assert one.to_pymc() is not one.to_pymc()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outcome": "ordnal"}, "outcome is 'ordnal', did you mean 'ordinal'"),
        ({"pooling": "some"}, "pooling is 'some'"),
        ({"success": "gren"}, "no status 'gren', did you mean 'green'"),
        ({"success": ("green", "amber", "red")}, "found all or none of the statuses"),
        ({"outcome": "ordinal", "success": "green"}, "success is for outcome 'binomial'"),
        ({"covariates": ["size"]}, "the counts have no 'size'"),
    ],
)
def test_unknown_options_are_told(options, message):
    with pytest.raises(bt.DataError, match=message):
        success_model(SMALL, **options)


def test_covariates_need_pooling_and_variation():
    flat = with_covariate(SMALL, "x", {"a": 1, "b": 1, "c": 1})
    with pytest.raises(bt.DataError, match="covariate 'x' is the same in every area"):
        success_model(flat)
    varied = with_covariate(SMALL, "x", {"a": 1, "b": 0, "c": 1})
    with pytest.raises(bt.DataError, match="use some pooling"):
        success_model(varied, pooling="none")
    assert "predictor" not in success_model(varied, pooling="none", covariates=[]).data


@pytest.mark.slow
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_simulated_truth_is_covered(outcome, lpsa):
    """Truth drawn from the priors, areas of the printed sizes: intervals cover as often as they say."""
    model = success_model(lpsa, outcome=outcome)
    compiled = compile_nuts(model)
    settings = {"draws": 300, "tune": 400, "chains": 4, "target_accept": 0.99}
    rng = np.random.default_rng(5)
    datasets = 30
    truth = (
        model.draw_prior(model, rng, datasets)
        .rename(sample="draw")
        .expand_dims("chain")
        .transpose("chain", "draw", ...)
    )
    replicated = model.predict(model, truth, rng)
    inside = {name: [] for name in ("mu", "tau", "share")}
    for number in range(datasets):
        data = model.data.assign({name: replicated[name][0, number] for name in model.observed})
        draws, _ = sample_nuts(compiled, data=swapped_data(data), seed=number, **settings)
        for name, found in inside.items():
            low, high = draws[name].quantile([0.05, 0.95], ("chain", "draw"))
            value = truth[name][0, number]
            found.append(float(((low <= value) & (value <= high)).mean()))
    for name, found in inside.items():
        # 30 data sets: a proportion with mean 0.9 has standard error of at most 0.055.
        assert np.mean(found) == pytest.approx(0.9, abs=4 * 0.055), name
