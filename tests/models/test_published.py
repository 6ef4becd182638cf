"""The published model against closed forms and published posteriors."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayes_targets as bt

FLAT = bt.PublishedPriors(effect=bt.Flat())


def mcse(draws: xr.DataArray) -> float:
    import arviz_stats

    return float(draws.std() / np.sqrt(arviz_stats.ess(draws)))


def table(**columns):
    base = {"term": ["target"], "estimate": [0.952], "se": [0.659]}
    return pd.DataFrame(base | columns)


@pytest.fixture(scope="module")
def contrasts():
    """Three contrasts with a shared reference, and a term beside them: Andrews et al. (2014), Table 2, Model 2."""
    return pd.DataFrame(
        {
            "term": [
                "LAA (target on)",
                "London borough",
                "Metropolitan borough",
                "County council",
                "Unitary authority",
            ],
            "estimate": [0.952, -0.404, -2.702, -1.299, 0.0],
            "se": [0.659, 1.473, 1.092, 1.223, 0.0],
            "group": ["", "authority type", "authority type", "authority type", "authority type"],
        }
    )


@pytest.fixture(scope="module")
def contrast_posterior(contrasts):
    return bt.fit(
        bt.published_model(contrasts, pooling="partial", hoped=1.0), seed=2, draws=3000, progress=False
    )


def test_flat_prior_gives_back_the_printed_normal():
    effect = bt.fit(bt.published_model(table(), priors=FLAT), seed=1, draws=4000, progress=False)[
        "posterior"
    ]["effect"].isel(term=0)
    assert float(effect.mean()) == pytest.approx(0.952, abs=4 * mcse(effect))
    assert float(effect.std()) == pytest.approx(0.659, rel=0.03)
    quantiles = effect.quantile([0.05, 0.25, 0.75, 0.95]).to_numpy()
    assert quantiles == pytest.approx(stats.norm(0.952, 0.659).ppf([0.05, 0.25, 0.75, 0.95]), abs=0.05)


def test_normal_prior_gives_the_closed_form_precision_weighted_mean():
    s, se, b = 0.5, 0.659, 0.952
    priors = bt.PublishedPriors(effect=bt.Normal(0, s))
    effect = bt.fit(bt.published_model(table(), priors=priors), seed=1, draws=4000, progress=False)[
        "posterior"
    ]["effect"].isel(term=0)
    weight = s**2 / (s**2 + se**2)
    assert float(effect.mean()) == pytest.approx(weight * b, abs=4 * mcse(effect))
    assert float(effect.std()) == pytest.approx(np.sqrt(weight) * se, rel=0.03)


def test_the_prior_is_about_one_scale_of_the_predictor():
    """A slope per unit with s.d. 2000 and prior N(0, s) for one s.d. is the closed form with prior N(0, s / 2000)."""
    frame = table(estimate=[-0.0004], se=[0.0004], scale=[2000.0])
    priors = bt.PublishedPriors(effect=bt.Normal(0, 0.5))
    posterior = (
        bt.fit(bt.published_model(frame, priors=priors), seed=3, draws=4000, progress=False)["posterior"]
        .to_dataset()
        .isel(term=0)
    )
    weight = 0.25 / (0.25 + 0.8**2)
    assert float(posterior["standardised"].mean()) == pytest.approx(
        -0.8 * weight, abs=4 * mcse(posterior["standardised"])
    )
    assert np.allclose(posterior["effect"] * 2000, posterior["standardised"])


def test_eight_schools_agree_with_the_published_reference(eight_schools_posterior):
    """posteriordb, eight_schools-eight_schools_noncentered: mu 4.41 (s.d. 3.31), tau 3.60 (s.d. 3.20)."""
    draws = eight_schools_posterior["posterior"]
    assert float(draws["mu"].mean()) == pytest.approx(4.41, abs=0.12)
    assert float(draws["mu"].std()) == pytest.approx(3.31, abs=0.12)
    assert float(draws["tau"].mean()) == pytest.approx(3.60, abs=0.15)
    assert float(draws["tau"].std()) == pytest.approx(3.20, abs=0.25)
    assert bt.diagnose(eight_schools_posterior)["passed"].all()


def test_eight_schools_agree_with_numerical_integration(eight_schools, eight_schools_posterior):
    """Given tau, mu and the effects are normal: the posterior of tau is a one-dimensional integral."""
    y, se = eight_schools["estimate"].to_numpy(), eight_schools["se"].to_numpy()

    def density(tau):
        covariance = np.diag(se**2 + tau**2) + 25.0
        return stats.multivariate_normal(np.zeros(8), covariance).pdf(y) / (1 + (tau / 5) ** 2)

    norm = integrate.quad(density, 0, 200)[0]
    mean = integrate.quad(lambda t: t * density(t), 0, 200)[0] / norm
    median_mass = (
        integrate.quad(density, 0, float(eight_schools_posterior["posterior"]["tau"].median()))[0] / norm
    )
    tau = eight_schools_posterior["posterior"]["tau"]
    assert float(tau.mean()) == pytest.approx(mean, abs=4 * mcse(tau))
    assert median_mass == pytest.approx(0.5, abs=0.02)


def test_shared_reference_agrees_with_brute_force(contrasts, contrast_posterior):
    """Importance sampling from the prior with the full covariance matrix, which shares no code with the model."""
    rng = np.random.default_rng(1)
    size = 400_000
    tau = np.abs(rng.normal(0, 2.5, size))
    deviation = tau[:, None] * rng.standard_normal((size, 4))
    effect = deviation[:, :3] - deviation[:, [3]]
    se = contrasts["se"].to_numpy()[1:4]
    b = contrasts["estimate"].to_numpy()[1:4]
    shared = rng.beta(2, 2, size) * se.min() ** 2
    covariance = np.einsum("i,jk->ijk", shared, np.ones((3, 3)) - np.eye(3)) + np.diag(se**2)
    residual = b - effect
    solved = np.linalg.solve(covariance, residual[:, :, None])[:, :, 0]
    log_weight = -0.5 * (residual * solved).sum(1) - 0.5 * np.linalg.slogdet(covariance)[1]
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    draws = contrast_posterior["posterior"]
    pooled = draws["effect"].sel(term=contrasts["term"].tolist()[1:4])
    assert pooled.mean(("chain", "draw")).to_numpy() == pytest.approx(weight @ effect, abs=0.06)
    assert float(draws["tau"].mean()) == pytest.approx(weight @ tau, abs=0.06)
    assert draws["deviation"].mean(("chain", "draw")).to_numpy() == pytest.approx(
        weight @ deviation, abs=0.06
    )


def test_the_reference_type_is_estimated_too(contrast_posterior):
    draws = contrast_posterior["posterior"]
    assert draws["deviation"]["category"].to_numpy().tolist()[-1] == "Unitary authority"
    assert np.allclose(draws["mu"], -draws["deviation"].sel(category="Unitary authority"))
    gap = draws["deviation"].sel(category="County council") - draws["deviation"].sel(
        category="Unitary authority"
    )
    assert np.allclose(gap, draws["effect"].sel(term="County council"))


def test_pooling_does_not_depend_on_the_reference(contrasts):
    """With equal contrast errors that share half their variance, either of two references tells the same story."""
    from bayes_targets.models.published.model import _log_likelihood

    frame = contrasts.iloc[[1, 4]].assign(term=["a", "ref"], estimate=[1.0, 0.0], se=[1.0, 0.0])
    with pytest.raises(bt.DataError, match="fewer than two terms"):
        bt.published_model(frame, pooling="partial")
    model = bt.published_model(contrasts, pooling="partial", hoped=1.0)
    draws = xr.Dataset(
        {
            "effect": (("chain", "draw", "term"), np.zeros((1, 1, 4))),
            "reference_share": (("chain", "draw"), np.full((1, 1), 0.5)),
        },
        coords={"term": model.data["term"]},
    )
    assert np.isfinite(_log_likelihood(model, draws)["estimate"]).all()


def test_log_likelihood_is_each_estimates_density_given_the_others(contrasts, contrast_posterior):
    draws = contrast_posterior["posterior"].isel(chain=0, draw=7)
    se = contrasts["se"].to_numpy()[:4]
    y = contrasts["estimate"].to_numpy()[:4]
    shared = float(draws["reference_share"]) * se[1:].min() ** 2
    pooled = np.array([0.0, 1, 1, 1])
    covariance = np.diag(se**2 - shared * pooled) + shared * np.outer(pooled, pooled)
    effect = draws["effect"].to_numpy()
    found = contrast_posterior["log_likelihood"]["estimate"].isel(chain=0, draw=7).to_numpy()
    for k in range(4):
        others = [i for i in range(4) if i != k]
        gain = covariance[k, others] @ np.linalg.inv(covariance[np.ix_(others, others)])
        mean = effect[k] + gain @ (y[others] - effect[others])
        sd = np.sqrt(covariance[k, k] - gain @ covariance[others, k])
        assert found[k] == pytest.approx(stats.norm(mean, sd).logpdf(y[k]))


def test_the_graph_has_the_density_of_the_correlated_normal(contrasts):
    model = bt.published_model(contrasts, pooling="partial", hoped=1.0)
    graph = model.to_pymc()
    point = {name: np.zeros_like(value) for name, value in graph.initial_point().items()}
    whole = float(graph.compile_logp(mode="FAST_COMPILE")(point))
    at_prior = float(graph.compile_logp(vars=list(graph.free_RVs), mode="FAST_COMPILE")(point))
    se = contrasts["se"].to_numpy()[:4]
    pooled = np.array([0.0, 1, 1, 1])
    shared = 0.5 * se[1:].min() ** 2  # the logit of reference_share is 0
    covariance = np.diag(se**2 - shared * pooled) + shared * np.outer(pooled, pooled)
    y = contrasts["estimate"].to_numpy()[:4]
    expected = stats.multivariate_normal(np.zeros(4), covariance).logpdf(y)
    assert whole - at_prior == pytest.approx(expected)


def test_prior_draws_match_the_graphs(contrasts):
    import pymc as pm
    import pytensor

    model = bt.published_model(contrasts, pooling="partial", hoped=1.0)
    ours = model.draw_prior(model, np.random.default_rng(1), 4000)
    with model.to_pymc(), pytensor.config.change_flags(mode="FAST_COMPILE"):
        theirs = pm.sample_prior_predictive(1000, random_seed=2)["prior"]
    for name in ("tau", "mu", "effect", "deviation", "reference_share"):
        mine, other = ours[name].to_numpy().ravel(), theirs[name].to_numpy().ravel()
        assert stats.ks_2samp(mine, other).pvalue > 1e-4, name


def test_replicated_estimates_have_the_stated_errors(contrasts, contrast_posterior):
    error = contrast_posterior["posterior_predictive"]["estimate"] - contrast_posterior["posterior"]["effect"]
    flat = error.stack(sample=("chain", "draw")).to_numpy()
    assert flat.std(axis=1) == pytest.approx(contrasts["se"].to_numpy()[:4], rel=0.04)
    share = float(contrast_posterior["posterior"]["reference_share"].mean())
    expected = share * contrasts["se"].to_numpy()[1:4].min() ** 2
    assert np.cov(flat)[1, 3] == pytest.approx(expected, rel=0.2)


def test_prior_draws_reckon_with_no_memory_that_nobody_filled(monkeypatch):
    model = bt.published_model(
        table(term=["a", "b"], estimate=[1.0, 2.0], se=[0.5, 0.5], scale=[np.nan, 2.0])
    )

    plain = np.empty

    def unfilled(shape, dtype=None):
        """What is no number, so that reckoning with it warns."""
        return plain(shape, dtype) if dtype else np.full(shape, 0x7FF0000000000001, np.uint64).view(float)

    monkeypatch.setattr("bayes_targets.models.published.model.np.empty", unfilled)
    draws = model.draw_prior(model, np.random.default_rng(1), 50)
    assert draws["term"].values.tolist() == ["b"]
    assert np.allclose(draws["standardised"], draws["effect"] * 2.0)


def test_a_missing_scale_means_a_flat_prior():
    frame = table(term=["constant"], estimate=[68.578], se=[64.979], scale=[np.nan])
    effect = bt.fit(bt.published_model(frame, hoped=1.0), seed=1, progress=False)["posterior"]["effect"].isel(
        term=0
    )
    assert float(effect.mean()) == pytest.approx(68.578, abs=4 * mcse(effect))


def test_building_twice_gives_independent_graphs(contrasts):
    model = bt.published_model(contrasts, pooling="partial", hoped=1.0)
    first, second = model.to_pymc(), model.to_pymc()
    assert first is not second and not set(first.free_RVs) & set(second.free_RVs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"se": [0.0]}, "row 1, column 'se': found '0.0', expected a standard error above 0"),
        ({"se": [-1.0]}, "expected a standard error above 0"),
        ({"estimate": [np.inf]}, "column 'estimate': found 'inf', expected a finite number"),
        ({"estimate": ["x"]}, "column 'estimate': found 'x', expected a finite number"),
        ({"scale": [0.0]}, "column 'scale': found '0.0', expected a number above 0"),
    ],
)
def test_bad_tables_are_told_in_one_line(change, message):
    with pytest.raises(bt.DataError) as caught:
        bt.published_model(table(**change))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_repeated_terms_and_missing_columns_are_told(eight_schools):
    with pytest.raises(bt.DataError, match="row 2, column 'term': found 'A', expected each term once"):
        bt.published_model(eight_schools.assign(term="A"))
    with pytest.raises(bt.DataError, match="no column 'se'"):
        bt.published_model(eight_schools.drop(columns="se"))
    with pytest.raises(bt.DataError, match="pooling is 'full'"):
        bt.published_model(eight_schools, pooling="full")
    with pytest.raises(bt.DataError, match="expected a DataFrame"):
        bt.published_model([1, 2, 3])


@pytest.mark.slow
def test_a_compiled_graph_takes_other_estimates():
    from bayes_targets.inference.engines import compile_nuts, sample_nuts

    table = pd.DataFrame({"term": ["a", "b"], "estimate": [1.0, -0.5], "se": [0.5, 0.8]})
    model = bt.published_model(table, priors=bt.PublishedPriors(effect=bt.Flat()))
    other = {"printed_estimate": np.array([100.0, 200.0])}
    draws, _ = sample_nuts(compile_nuts(model), data=other, draws=500, tune=500, chains=2, seed=1)
    assert draws["effect"].mean(("chain", "draw")).to_numpy() == pytest.approx([100.0, 200.0], abs=0.2)


def fitted(frame, *, draws=1000, seed=1, **options):
    model = bt.published_model(frame, **options)
    return bt.fit(model, engine="exact", draws=draws, seed=seed, progress=False)


def effect_of(tree):
    return tree["posterior"]["effect"].isel(term=0).to_numpy().ravel()


@pytest.mark.parametrize("scale", [1.0, 250.0, 1e-4])
def test_a_default_prior_has_no_unit_of_its_own(scale):
    """250 (40) pounds shrank to 3.9 under Normal(0, 5); in whatever unit, the table's own numbers come out."""
    tree = fitted(table(estimate=[6.25 * scale], se=[scale]))
    assert effect_of(tree).mean() == pytest.approx(6.25 * scale, rel=1e-6)
    assert effect_of(tree).std() == pytest.approx(scale, rel=1e-3)


def test_the_default_prior_comes_from_what_was_hoped_for_then_from_n():
    frame = table(estimate=[250.0], se=[40.0])
    hoped, unit = bt.published_model(frame, hoped=50.0, n=100), bt.published_model(frame, n=100)
    assert str(hoped.priors.effect) == "Normal(0, 250)" and hoped.options["prior_from"] == "hoped"
    assert str(unit.priors.effect) == "Normal(0, s.e. × √100)" and unit.options["prior_from"] == "n"
    # A prior that weighs as much as one of 100 cases.
    assert effect_of(fitted(frame, n=100)).mean() == pytest.approx(250 * 100 / 101)
    assert hoped.options["evidence"] == unit.options["evidence"] == ""
    assert "give hoped" in bt.published_model(frame).options["evidence"]


def test_five_estimates_of_some_hundred_pool_to_some_hundred():
    frame = pd.DataFrame({"term": list("abcde"), "estimate": [300.0, 450, 500, 650, 400], "se": 100.0})
    assert float(fitted(frame, pooling="partial")["posterior"]["mu"].mean()) == pytest.approx(460, abs=3)


def test_few_degrees_of_freedom_give_students_t():
    """Two slopes with 6 clusters: -7.199 to -.001 and .975, where a normal says -6.34 to -.86 and .995."""
    draws = effect_of(fitted(table(estimate=[-3.6], se=[1.4], df=[5])))
    exact = stats.t(5, -3.6, 1.4)
    assert np.quantile(draws, [0.025, 0.5, 0.975], method="hazen") == pytest.approx(
        exact.ppf([0.025, 0.5, 0.975]), abs=1e-3 * 1.4
    )
    assert (draws < 0).mean() == pytest.approx(exact.cdf(0), abs=1 / 4000)
    assert bt.published_model(table(df=[137.0])).data["df"].item() == np.inf


@pytest.mark.parametrize("prior", [bt.Normal(0, 2), bt.StudentT(3, 1, 0.7), bt.HalfNormal(3.0)])
def test_a_t_likelihood_agrees_with_integration(prior):
    frame = table(estimate=[1.5], se=[0.8], df=[4.0], scale=[2.0])
    tree = fitted(frame, priors=bt.PublishedPriors(effect=prior))

    def density(x):
        return stats.t.pdf(3.0, 4, x, 1.6) * np.exp(prior.logpdf(x)) * 2.0

    low = 0.0 if isinstance(prior, bt.HalfNormal) else -np.inf
    total = integrate.quad(density, low, np.inf)[0]
    assert float(tree["sample_stats"]["log_evidence"]) == pytest.approx(np.log(total), abs=1e-7)
    draws = tree["posterior"]["standardised"].to_numpy().ravel()
    for q in (0.03, 0.5, 0.9):
        end = np.quantile(draws, q, method="hazen")
        assert integrate.quad(density, low, end)[0] / total == pytest.approx(q, abs=1e-5)


def test_a_narrow_prior_far_from_the_estimate_is_integrated_too():
    """8000 (1000) under StudentT(4, 0, 1): by brute force P = .547 and median .137; a grid around the estimate said 1.000."""
    tree = fitted(
        table(estimate=[8000.0], se=[1000.0]), priors=bt.PublishedPriors(effect=bt.StudentT(4, 0, 1))
    )
    grid = np.concatenate([np.linspace(-60, 60, 600_001), np.geomspace(60, 20_000, 400_000)])
    weight = np.exp(stats.norm.logpdf(8000, grid, 1000) + bt.StudentT(4, 0, 1).logpdf(grid)) * np.gradient(
        grid
    )
    assert (effect_of(tree) > 0).mean() == pytest.approx(weight[grid > 0].sum() / weight.sum(), abs=5e-4)
    assert np.median(effect_of(tree)) == pytest.approx(0.137, abs=0.001)
    clash = bt.published_model(table(estimate=[8000.0], se=[1000.0]), hoped=1.0)
    assert clash.conflict(clash) == pytest.approx({"target": 8000 / np.hypot(1000, 5)})


def test_the_seed_changes_no_number_that_is_printed(contrasts, eight_schools):
    priors = bt.PublishedPriors(mu=bt.Normal(0, 5), tau=bt.HalfCauchy(5))
    for frame, options in (
        (table(), {"hoped": 1.0}),
        (table(df=[6.0]), {"hoped": 1.0}),
        (contrasts, {"hoped": 1.0, "pooling": "partial"}),
        (eight_schools, {"priors": priors, "pooling": "partial"}),
    ):
        told = [fitted(frame, seed=seed, **options)["posterior"].to_dataset() for seed in (1, 2)]
        assert told[0].equals(told[1])
    assert (effect_of(fitted(table(), hoped=1.0)) > 0).mean() == 0.924  # exact .92396


def test_a_known_covariance_is_used(contrasts):
    """Two estimates with correlation .8 and normal priors, against the conjugate normal; and t errors against brute force."""
    estimate, se = np.array([0.952, -2.702]), np.array([0.659, 1.092])
    covariance = np.diag(se**2) + 0.8 * se.prod() * (1 - np.eye(2))
    terms = ["target", "metropolitan"]
    shown = pd.DataFrame({"estimate": estimate, "se": se, "df": np.inf}, index=pd.Index(terms, name="term"))
    known = bt_evaluation(shown, covariance=pd.DataFrame(covariance, terms, terms), hoped=1.0)
    found = fitted(known, draws=4000, priors=bt.PublishedPriors(effect=bt.Normal(0.5, 2)))
    precision = np.linalg.inv(covariance) + np.eye(2) / 4
    mean = np.linalg.solve(precision, np.linalg.solve(covariance, estimate) + 0.5 / 4)
    draws = found["posterior"]["effect"].to_numpy().reshape(-1, 2)
    assert draws.mean(axis=0) == pytest.approx(mean, abs=2e-3)
    assert np.cov(draws.T) == pytest.approx(np.linalg.inv(precision), abs=0.03)
    evidence = stats.multivariate_normal([0.5, 0.5], covariance + 4 * np.eye(2)).logpdf(estimate)
    assert float(found["sample_stats"]["log_evidence"]) == pytest.approx(evidence)

    few = bt_evaluation(shown.assign(df=4.0), covariance=known.covariance)
    heavy = fitted(few, draws=4000, priors=bt.PublishedPriors(effect=bt.Normal(0.5, 2)))
    rng = np.random.default_rng(3)
    theta = rng.normal(0.5, 2.0, (200_000, 2))
    weight = stats.multivariate_t(estimate, covariance, df=4).pdf(theta)
    assert float(heavy["sample_stats"]["log_evidence"]) == pytest.approx(np.log(weight.mean()), abs=0.02)
    expected = weight @ theta / weight.sum()
    assert heavy["posterior"]["effect"].mean(("chain", "draw")).to_numpy() == pytest.approx(
        expected, abs=0.03
    )
    assert np.isfinite(heavy["log_likelihood"]["estimate"]).all()
    for df in (2.0, 5.0, 17.0, 37.0, 61.0, 97.0):  # rounding once made the mass at the edge less than none
        few = bt_evaluation(shown.assign(df=df), covariance=known.covariance)
        assert bt.diagnose(fitted(few, n=40))["passed"].all()


def bt_evaluation(estimates, **more):
    from bayes_targets.evaluation import Evaluation

    return Evaluation(estimates, estimates.astype(str), **more)


def test_pooled_t_errors_agree_with_importance_sampling(eight_schools):
    priors = bt.PublishedPriors(mu=bt.Normal(0, 5), tau=bt.HalfNormal(10))
    df = np.array([3.0, np.inf, 8, 5, 2, 20, 30, 50])
    found = fitted(eight_schools.assign(df=df), pooling="partial", priors=priors, draws=2000)
    rng = np.random.default_rng(1)
    tau, mu = np.abs(rng.normal(0, 10, 20_000)), rng.normal(0, 5, 20_000)
    y, se = eight_schools["estimate"].to_numpy(), eight_schools["se"].to_numpy()
    effect = mu[:, None, None] + tau[:, None, None] * rng.standard_normal((20_000, 30, 1))
    each = stats.t.pdf(y, np.where(np.isfinite(df), df, 1e7), effect, se).mean(axis=1)
    weight = each.prod(axis=1)
    draws = found["posterior"]
    assert float(draws["mu"].mean()) == pytest.approx(weight @ mu / weight.sum(), abs=0.12)
    assert float(draws["tau"].mean()) == pytest.approx(weight @ tau / weight.sum(), abs=0.25)
    assert float(found["sample_stats"]["log_evidence"]) == pytest.approx(np.log(weight.mean()), abs=0.05)
    assert bt.diagnose(found)["passed"].all()


def test_only_the_terms_in_question_are_hoped_for():
    shown = pd.DataFrame(
        {"estimate": [-0.0314, 0.7419, 4.0], "se": [0.019, 0.0211, 0.5], "df": np.inf},
        index=pd.Index(["Reform x treat", "Treat", "Constant"], name="term"),
    )
    model = bt.published_model(bt_evaluation(shown, focus="Reform x treat", hoped=0.02))
    assert model.data["prior_sd"].to_numpy()[0] == pytest.approx(0.1)
    effect = bt.fit(model, seed=1, progress=False)["posterior"]["effect"].mean(("chain", "draw"))
    assert effect.to_numpy()[1:] == pytest.approx([0.7419, 4.0], abs=1e-6)
    assert max(model.conflict(model).values()) < 3


def test_rows_with_a_bound_are_not_fitted_and_said():
    """p < .001 beside a slope of -.35: the standard error is at most .1057, which is no number to fit."""
    shown = pd.DataFrame(
        {"estimate": [0.21, -0.35], "se": [0.097, np.nan], "se_high": [0.0996, 0.1057], "df": np.inf},
        index=pd.Index(["Target", "Deprivation"], name="term"),
    )
    model = bt.published_model(bt_evaluation(shown, focus="Target"))
    assert model.data["term"].to_numpy().tolist() == ["Target"]
    assert (
        model.options["not_fitted"]
        == "Deprivation: the table gives only a bound, a standard error of at most 0.106"
    )
    with pytest.raises(bt.DataError, match="no term has a standard error"):
        bt.published_model(bt_evaluation(shown.iloc[1:]))


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (table(term=["Target", None], estimate=[1, 2], se=[1, 1]), {}, "row 2, column 'term': expected a name"),
        (table(term=["a", "b"], estimate=[1.0, 0], se=[1.0, 0]), {}, "column 'se': found '0.0', expected a standard error above 0: with"),
        (table(term=list("abcd"), estimate=[1.0, 2, 0, 0], se=[1.0, 1, 0, 0]), {"pooling": "partial"}, "more than one reference row"),
        (table(df=[0.0]), {}, "column 'df': found '0.0', expected degrees of freedom above 0"),
        (table(), {"hoped": 0.0}, "hoped is 0"),
        (table(), {"n": 1}, "n is 1, expected a whole number of 2 or more"),
        (table(), {"priors": bt.Normal(0, 5)}, "priors is Normal, expected PublishedPriors"),
        (table(), {"priors": bt.PublishedPriors(tau=bt.Normal(0, 5))}, r"did you mean HalfNormal\(5\)"),
        (table(), {"priors": bt.PublishedPriors(tau=bt.LogFlat())}, "LogFlat.* is improper"),
        (table(), {"priors": bt.PublishedPriors(tau=bt.Flat())}, "Flat.* is improper"),
    ],
)  # fmt: skip
def test_what_was_misread_or_lost_is_told(frame, options, message):
    with pytest.raises(bt.DataError, match=message):
        bt.published_model(frame, **options)


def test_labels_keep_their_length_and_whole_numbers_are_labels():
    frame = pd.DataFrame({"term": ["2006", "London borough"], "estimate": [1.0, 2], "se": [1.0, 1]})
    assert bt.published_model(frame).data["term"].to_numpy().tolist() == ["2006", "London borough"]


@pytest.mark.slow
def test_t_likelihoods_agree_with_the_sampler(eight_schools, contrasts):
    few = contrasts.assign(df=6.0)
    priors = bt.PublishedPriors(mu=bt.Normal(0, 5), tau=bt.HalfNormal(5), effect=bt.Normal(0, 5))
    shown = contrasts.iloc[:3].set_index("term")[["estimate", "se"]].assign(df=5.0)
    correlated = np.diag(shown["se"]) @ (0.6 + 0.4 * np.eye(3)) @ np.diag(shown["se"])
    known = bt_evaluation(shown, covariance=pd.DataFrame(correlated, shown.index, shown.index))
    for frame, options in (
        (table(df=[4.0]), {"pooling": "none"}),
        (eight_schools.assign(df=4.0), {"pooling": "partial"}),
        (few, {"pooling": "partial"}),
        (known, {"pooling": "none"}),
    ):
        model = bt.published_model(frame, priors=priors, **options)
        exact = bt.fit(model, engine="exact", draws=2000, seed=1, progress=False)["posterior"]
        sampled = bt.fit(model, engine="nuts", draws=2000, seed=1, progress=False)["posterior"]
        for name in model.variables:
            spread = exact[name].std(("chain", "draw"))
            off = (exact[name].mean(("chain", "draw")) - sampled[name].mean(("chain", "draw"))) / spread
            assert float(np.abs(off).max()) < 0.08, (options, name)
            assert np.allclose(sampled[name].std(("chain", "draw")) / spread, 1, atol=0.12), (options, name)


@pytest.mark.slow
def test_many_precise_terms_are_sampled_well():
    """56 terms that differ by more than their errors: with multiples of tau only 570 of 10,000 draws counted."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"term": [f"s{i}" for i in range(56)], "se": rng.uniform(0.05, 0.2, 56)})
    frame["estimate"] = rng.normal(0.1, 0.4, 56) + frame["se"] * rng.standard_normal(56)
    priors = bt.PublishedPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(1))
    tree = bt.fit(
        bt.published_model(frame, pooling="partial", priors=priors), engine="nuts", seed=1, progress=False
    )
    checks = bt.diagnose(tree).set_index("quantity")["value"]
    assert checks[[name for name in checks.index if "ESS" in name]].min() > 1500
