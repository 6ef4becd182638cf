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
    return bt.fit(bt.published_model(contrasts, pooling="partial"), seed=2, draws=3000, progress=False)


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
    model = bt.published_model(contrasts, pooling="partial")
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
    model = bt.published_model(contrasts, pooling="partial")
    graph = model.to_pymc()
    point = {name: np.zeros_like(value) for name, value in graph.initial_point().items()}
    whole = float(graph.compile_logp()(point))
    at_prior = float(graph.compile_logp(vars=list(graph.free_RVs))(point))
    se = contrasts["se"].to_numpy()[:4]
    pooled = np.array([0.0, 1, 1, 1])
    shared = 0.5 * se[1:].min() ** 2  # the logit of reference_share is 0
    covariance = np.diag(se**2 - shared * pooled) + shared * np.outer(pooled, pooled)
    y = contrasts["estimate"].to_numpy()[:4]
    expected = stats.multivariate_normal(np.zeros(4), covariance).logpdf(y)
    assert whole - at_prior == pytest.approx(expected)


def test_prior_draws_match_the_graphs(contrasts):
    import pymc as pm

    model = bt.published_model(contrasts, pooling="partial")
    ours = model.draw_prior(model, np.random.default_rng(1), 4000)
    with model.to_pymc():
        theirs = pm.sample_prior_predictive(4000, random_seed=2)["prior"]
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


def test_a_missing_scale_means_a_flat_prior():
    frame = table(term=["constant"], estimate=[68.578], se=[64.979], scale=[np.nan])
    effect = bt.fit(bt.published_model(frame), seed=1, progress=False)["posterior"]["effect"].isel(term=0)
    assert float(effect.mean()) == pytest.approx(68.578, abs=4 * mcse(effect))


def test_building_twice_gives_independent_graphs(contrasts):
    model = bt.published_model(contrasts, pooling="partial")
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


def test_a_compiled_graph_takes_other_estimates():
    from bayes_targets.inference.engines import compile_nuts, sample_nuts

    table = pd.DataFrame({"term": ["a", "b"], "estimate": [1.0, -0.5], "se": [0.5, 0.8]})
    model = bt.published_model(table, priors=bt.PublishedPriors(effect=bt.Flat()))
    other = {"printed_estimate": np.array([100.0, 200.0])}
    draws, _ = sample_nuts(compile_nuts(model), data=other, draws=500, tune=500, chains=2, seed=1)
    assert draws["effect"].mean(("chain", "draw")).to_numpy() == pytest.approx([100.0, 200.0], abs=0.2)
