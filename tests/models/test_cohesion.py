"""The model of single authorities: closed forms, PyMC itself, recovery of truth, regression to the mean."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats

import bayes_targets as bt
from bayes_targets.comparison.ols import fit_ols
from bayes_targets.models.cohesion.checks import check_change_by_type, compare_pooling
from bayes_targets.models.cohesion.equation import fitted_change, term_matrix
from bayes_targets.models.cohesion.estimands import (
    counterfactual_change,
    effect_by_type,
    pooling_factors,
    predict_new_authority,
    predict_new_type,
    r_squared,
)
from bayes_targets.models.cohesion.graph import arrays
from bayes_targets.models.cohesion.model import CohesionPriors, cohesion_model
from bayes_targets.models.cohesion.simulate import simulate_authorities
from bayes_targets.priors import LogFlat
from cases import CASES, besides

# What holds for one engine holds for the other; a sampler's graph compiles for seconds.
each_engine = pytest.mark.parametrize("engine", ["exact", pytest.param("nuts", marks=pytest.mark.slow)])
TYPES = {"county": 27, "metropolitan": 36, "London": 32, "unitary": 55}
CONTROLS = {"deprivation": 1.0, "density": -0.5}
FLAT = CohesionPriors(
    mu=bt.Flat(), intercept=bt.Flat(), effect=bt.Flat(), coefficient=bt.Flat(), sigma=LogFlat()
)
VARIANTS = {
    "default": {},
    "by_type": {"slopes": "by_type"},
    "student_t": {"noise": "student_t", "pooling": "complete"},
    "none": {"pooling": "none", "slopes": "by_type"},
    "complete by_type": {"pooling": "complete", "slopes": "by_type", "effect": "stretch"},
    "scores": {"measurement_error": True},
    "scores student_t": {"measurement_error": True, "noise": "student_t"},
}


@pytest.fixture(scope="module")
def authorities():
    return simulate_authorities(TYPES, coefficients=CONTROLS, survey_se=1.5, seed=1)


@pytest.fixture(scope="module")
def small():
    types = {"a": 3, "b": 4, "c": 2}
    return simulate_authorities(types, coefficients={"deprivation": 1.0}, survey_se=1.5, seed=2)


def sample(compiled, model, *, seed, draws=1000, tune=1000):
    """Draws and number of divergences of a compiled graph with this model's data."""
    import nutpie

    data = {name: values for name, (values, _) in arrays(model).items()}
    trace = nutpie.sample(
        compiled.with_data(**data),
        draws=draws,
        tune=tune,
        chains=4,
        cores=2,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=0.95,
    )
    return trace["posterior"].to_dataset(), int(trace["sample_stats"]["diverging"].sum())


def prior_draws(model, size, seed=1):
    draws = model.draw_prior(model, np.random.default_rng(seed), size)
    return draws.rename(sample="draw").expand_dims("chain").transpose("chain", "draw", ...)


def tree_of(model, draws, seed=3):
    """The parts of a posterior that estimands and checks read, around given draws."""
    rng = np.random.default_rng(seed)
    tree = xr.DataTree.from_dict(
        {
            "posterior": draws,
            "log_likelihood": model.log_likelihood(model, draws),
            "posterior_predictive": model.predict(model, draws, rng),
            "observed_data": model.data[list(model.observed)],
            "constant_data": model.data.drop_vars(list(model.observed)),
        }
    )
    tree.attrs = {
        "model": "cohesion",
        "options": json.dumps(dict(model.options)),
        "terms": json.dumps(list(model.terms)),
        "origin": model.data.attrs["origin"],
        "data_hash": "one" if "change" in model.observed else "other",
    }
    return tree


def classical(model, size=4000, seed=4):
    """Independent draws from the classical posterior (flat priors, pooling none or complete)."""
    rng = np.random.default_rng(seed)
    data, pooling = model.data, model.options["pooling"]
    kind, types = data["type_index"].to_numpy(), data.sizes["authority_type"]
    dummies = np.ones((kind.size, 1)) if pooling == "complete" else np.eye(types)[kind]
    x = data[model.options["effect"]].to_numpy()[:, None]
    centred = (
        (data["controls"] - data["control_mean"]).to_numpy()
        if "controls" in data
        else np.empty((kind.size, 0))
    )
    matrix, change = np.hstack([dummies, x, centred]), data["change"].to_numpy()
    estimate, rss, *_ = np.linalg.lstsq(matrix, change, rcond=None)
    df = change.size - matrix.shape[1]
    sigma = np.sqrt(rss / rng.chisquare(df, size))
    root = np.linalg.cholesky(np.linalg.inv(matrix.T @ matrix))
    beta = estimate + sigma[:, None] * (rng.standard_normal((size, estimate.size)) @ root.T)
    first = dummies.shape[1]
    intercept = beta[:, :first] if first > 1 else np.repeat(beta[:, :1], types, axis=1)
    parameters = np.column_stack([beta[:, first], intercept, beta[:, first + 1 :]])
    labels, weights = term_matrix(model)
    variables = {
        "intercept": (("draw", "authority_type"), intercept),
        "effect": ("draw", beta[:, first]),
        "sigma": ("draw", sigma),
        "regression": (("draw", "term"), parameters @ weights.T),
    }
    if centred.shape[1]:
        variables["coefficient"] = (("draw", "control"), beta[:, first + 1 :])
    if pooling == "complete":
        variables["mu"] = ("draw", beta[:, 0])
    coords = {"authority_type": data["authority_type"].to_numpy(), "term": labels}
    if centred.shape[1]:
        coords["control"] = data["control"].to_numpy()
    draws = xr.Dataset(variables, coords=coords).assign_coords(draw=np.arange(size))
    return draws.expand_dims(chain=[0, 1, 2, 3]).isel(draw=slice(None, size // 4))


# --- the description -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effect": "strech"}, "effect is 'strech', did you mean 'stretch'"),
        ({"pooling": "full"}, "pooling is 'full'"),
        ({"slopes": "by type"}, "slopes is 'by type', did you mean 'by_type'"),
        ({"noise": "t"}, "noise is 't'"),
        ({"priors": bt.PublishedPriors()}, "found PublishedPriors, expected CohesionPriors"),
        ({"priors": CohesionPriors(mu=3)}, "priors, mu: found 3, expected a distribution"),
        ({"priors": CohesionPriors(tau=bt.Normal(0, 1))}, r"did you mean HalfNormal\(1\)\?"),
        ({"priors": CohesionPriors(tau=LogFlat())}, r"priors, tau: LogFlat\(\) is improper"),
        (
            {"priors": CohesionPriors(mu=LogFlat())},
            r"priors, mu: LogFlat\(\) is of positive numbers alone",
        ),
    ],
)
def test_options_and_priors_that_cannot_be_are_told(small, options, message):
    with pytest.raises(bt.DataError, match=message):
        cohesion_model(small, **options)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda ds: ds.to_dataframe(), {}, "found DataFrame, expected a Dataset"),
        (lambda ds: ds.expand_dims("dataset"), {}, "found an ensemble"),
        (lambda ds: ds.drop_vars(["change", "outcome"]), {}, "no variable 'change'"),
        (lambda ds: ds.drop_vars("stretch"), {"effect": "stretch"}, "no variable 'stretch'"),
        (lambda ds: ds.drop_vars("authority_type"), {}, "no coord 'authority_type'"),
        (
            lambda ds: ds.drop_vars("outcome_se"),
            {"measurement_error": True},
            "no variable 'outcome_se'; measurement_error needs",
        ),
        (
            lambda ds: ds.assign(baseline_se=ds["baseline_se"] * 0),
            {"measurement_error": True},
            "'baseline_se' is 0, expected more than 0",
        ),
        (lambda ds: ds.assign(target=ds["target"] * 0 + 1), {}, "'target': every value is the same"),
        (lambda ds: ds.assign(change=ds["change"] / 0), {}, "'change' is (-?inf|nan), expected a finite"),
        (lambda ds: ds.assign(controls=ds["controls"] * 0), {}, "control 'deprivation': every value is the"),
        (lambda ds: ds.assign_coords(control=["target"]), {}, "two terms are named 'target'"),
        (
            lambda ds: ds.assign(controls=ds["controls"] * 0 + ds["target"]),
            {"priors": FLAT},
            "'target': a combination of 'deprivation'; with flat priors",
        ),
        (
            lambda ds: ds.isel(authority=[0, 1, 3, 4]),
            {"priors": FLAT},
            "found 4, expected more than the 4 terms",
        ),
    ],
)
def test_data_that_cannot_be_used_are_told(small, change, options, message):
    with np.errstate(divide="ignore"), pytest.raises(bt.DataError, match=message):
        cohesion_model(change(small), **options)


def test_authorities_whose_stretch_is_not_known_are_left_out_of_stretch_models_and_counted():
    authorities = simulate_authorities(TYPES, n_missing_stretch=19, seed=1)
    stretch, target = (cohesion_model(authorities, effect=effect) for effect in ("stretch", "target"))
    assert stretch.data.sizes["authority"] == 131
    assert stretch.data.attrs["n_dropped"] == 19
    assert target.data.sizes["authority"] == 150
    assert target.data.attrs["origin"] == "simulated"


def test_without_controls_there_is_no_coefficient_and_with_one_there_is_one(authorities):
    none = cohesion_model(authorities.drop_vars(["controls", "control"]))
    empty = cohesion_model(authorities.isel(control=[]))
    one = cohesion_model(authorities.isel(control=[0]))
    assert none.variables == empty.variables == ("mu", "tau", "intercept", "effect", "sigma", "regression")
    assert "control" not in empty.data.dims
    assert "coefficient" in one.variables
    assert prior_draws(one, 5)["coefficient"].sizes["control"] == 1
    assert empty.log_likelihood(empty, prior_draws(empty, 5))["change"].sizes["authority"] == 150
    for model in (none, one):
        assert [v.name for v in model.to_pymc().observed_RVs] == ["change"]


def test_two_builds_are_independent(small):
    one, two = cohesion_model(small), cohesion_model(small)
    one.data["change"][0] = 99.0
    assert float(two.data["change"][0]) != 99.0
    assert float(small["change"][0]) != 99.0
    assert one.to_pymc() is not one.to_pymc()


def test_the_terms_are_those_of_ols_in_its_order_and_complete_pooling_has_no_contrasts(authorities):
    ols = fit_ols(authorities)
    assert term_matrix(cohesion_model(authorities))[0] == list(ols.index)
    labels, _ = term_matrix(cohesion_model(authorities, pooling="complete"))
    assert labels == ["target", "deprivation", "density", "constant"]


# --- agreement with PyMC and with closed forms ---------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_prior_draws_are_those_of_the_graph(small, variant):
    import pymc as pm
    import pytensor

    model = cohesion_model(small, **VARIANTS[variant])
    size = 500  # of the graph's, which are slow to draw
    ours = prior_draws(model, 20_000)
    with model.to_pymc(), pytensor.config.change_flags(mode="FAST_COMPILE"):
        names = list(model.variables)
        theirs = pm.sample_prior_predictive(size, var_names=names, random_seed=6)["prior"].to_dataset()
    for name in names:
        a, b = (draws[name].isel(chain=0).to_numpy() for draws in (ours, theirs))
        assert a.shape[1:] == b.shape[1:]
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
        for column in range(a.shape[1]):
            # The same distribution: two samples of it differ so much in 1 test of 100,000.
            assert stats.ks_2samp(a[:, column], b[:, column]).pvalue > 1e-5, name


@pytest.mark.parametrize("variant", ["default", "by_type", "student_t", "none"])
def test_log_likelihood_is_that_of_the_graph(small, variant):
    import pymc as pm
    import pytensor

    model = cohesion_model(small, **VARIANTS[variant])
    with model.to_pymc() as graph, pytensor.config.change_flags(mode="FAST_COMPILE"):
        free = [rv.name for rv in graph.free_RVs]
        names = [*free, *(name for name in model.variables if name not in free)]
        prior = pm.sample_prior_predictive(20, var_names=names, random_seed=5)
        tree = xr.DataTree.from_dict({"posterior": prior["prior"].to_dataset()})
        theirs = pm.compute_log_likelihood(tree, extend_inferencedata=False, progressbar=False)
    ours = model.log_likelihood(model, prior["prior"].to_dataset()[list(model.variables)])
    np.testing.assert_allclose(ours["change"], theirs["change"], rtol=1e-9)


def test_the_graphs_density_is_prior_times_likelihood_whatever_the_form_it_samples_in(small):
    """Group values are sampled as z; the density of the values themselves is that of the equation."""
    import pytensor

    model = cohesion_model(small, slopes="by_type")
    graph = model.to_pymc()
    names = [value.name for value in graph.value_vars]
    own = ["mu", "effect", "intercept", "effect_by_type", "coefficient"]
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        log_density = graph.compile_logp(jacobian=False)
        outputs = graph.replace_rvs_by_values([graph[name] for name in own])
        read = graph.compile_fn(outputs, inputs=graph.value_vars, point_fn=False, on_unused_input="ignore")

    def values_at(point):
        found = read(*[np.asarray(point[name]) for name in names])
        return {name: np.asarray(value) for name, value in zip(own, found, strict=True)}

    rng, pairs = np.random.default_rng(6), []
    for _ in range(5):
        spreads = {name: np.array(rng.uniform(0.3, 3.0)) for name in ("tau", "tau_effect", "sigma")}
        point = {f"{name}_log__": np.log(value) for name, value in spreads.items()}
        point |= {"mu_z": np.array(rng.normal()), "effect_z": np.array(rng.normal())}
        point |= {"intercept_z": rng.normal(size=3), "effect_by_type_z": rng.normal(size=3)}
        point |= {"standard_coefficient": rng.normal(size=1)}
        values, log_jacobian = values_at(point), 0.0
        for name in own[:4]:
            # Each is a linear function of its z, given what was drawn before it.
            moved = values_at(point | {f"{name}_z": point[f"{name}_z"] + 1.0})[name]
            log_jacobian += np.log(np.abs(moved - values[name])).sum()
        expected = log_joint(model, values | spreads)
        pairs.append((float(log_density(point)) - log_jacobian, expected))
    ours, theirs = np.array(pairs).T
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def log_joint(model, values):
    """Prior times likelihood, written out; slopes by type."""
    dims = {"intercept": "authority_type", "effect_by_type": "authority_type", "coefficient": "control"}
    variables = {
        name: (("chain", "draw", *([dims[name]] if name in dims else [])), value[None, None])
        for name, value in values.items()
    }
    coords = {name: model.data[name].to_numpy() for name in set(dims.values())}
    total = float(model.log_likelihood(model, xr.Dataset(variables, coords=coords))["change"].sum())
    for name in ("mu", "effect", "tau", "tau_effect", "sigma"):
        total += float(getattr(model.priors, name).logpdf(values[name]))
    standard = values["coefficient"] * model.data["control_scale"].to_numpy()
    total += float(model.priors.coefficient.logpdf(standard).sum())
    total += stats.norm.logpdf(values["intercept"], values["mu"], values["tau"]).sum()
    return total + stats.norm.logpdf(values["effect_by_type"], values["effect"], values["tau_effect"]).sum()


@pytest.mark.parametrize("change", ["percent", "points"])
@pytest.mark.parametrize("noise", ["normal", "student_t"])
def test_the_density_of_measured_scores_is_the_integral_over_the_true_ones(small, noise, change):
    small = small.assign_attrs(change=change)
    if change == "points":
        small = small.assign(change=small["outcome"] - small["baseline"])
    errors = small.assign(outcome_se=small["outcome_se"] * [0.1, 0.3, 1, 1, 2, 1, 1, 1, 1])
    shifted = errors["outcome"].to_numpy().copy()
    shifted[2] += 15
    model = cohesion_model(errors.assign(outcome=("authority", shifted)), measurement_error=True, noise=noise)
    draws = prior_draws(model, 3, seed=7)
    fitted = fitted_change(model.data, draws, "target").to_numpy()
    ours = model.log_likelihood(model, draws)["scores"].to_numpy()
    for draw in range(3):
        now = {
            name: float(draws[name][0, draw])
            for name in ("sigma", "baseline_sd", *(["nu"] if noise != "normal" else []))
        }
        for i in range(model.data.sizes["authority"]):
            row = model.data.isel(authority=i)
            centre = float(draws["baseline_by_type"][0, draw, int(row["type_index"])])
            b, o, se_b, se_o = (
                float(row[name]) for name in ("baseline", "outcome", "baseline_se", "outcome_se")
            )
            growth = 1 + fitted[0, draw, i] / 100 if change == "percent" else 1.0
            o -= 0.0 if change == "percent" else fitted[0, draw, i]
            # True baselines within 12 standard errors of the measured one, on a fine grid.
            true = np.linspace(b - 12 * se_b, b + 12 * se_b, 401)
            scale = true * now["sigma"] / 100 if change == "percent" else now["sigma"] + 0 * true
            if noise == "normal":
                given = stats.norm.pdf(o, true * growth, np.hypot(se_o, scale))
            else:
                error = np.linspace(-9 * se_o, 9 * se_o, 401)
                residual = (o - true * growth)[:, None] - error
                density = stats.t.pdf(residual / scale[:, None], now["nu"]) / scale[:, None]
                given = integrate.trapezoid(density * stats.norm.pdf(error, 0, se_o), error)
            joint = given * stats.norm.pdf(b, true, se_b) * stats.norm.pdf(true, centre, now["baseline_sd"])
            assert ours[0, draw, i] == pytest.approx(np.log(integrate.trapezoid(joint, true)), abs=1e-4)


def test_the_priors_say_what_their_docstring_says():
    design = simulate_authorities(TYPES, coefficients={f"control {i}": 0.0 for i in range(8)}, seed=2)
    outside = {}
    for effect in ("target", "stretch"):
        model = cohesion_model(design, effect=effect)
        draws = prior_draws(model, 8000)
        size = np.abs(model.predict(model, draws, np.random.default_rng(2))["change"].to_numpy())
        half, most = np.quantile(size, [0.5, 0.95])
        assert half == pytest.approx(7.7, abs=0.4)
        assert most == pytest.approx(24.5, abs=1.0)
        outside[effect] = float((size > 30).mean())
    assert all(share == pytest.approx(0.021, abs=0.004) for share in outside.values())
    tau, sigma = CohesionPriors().tau, CohesionPriors().sigma
    assert stats.halfnorm(scale=tau.sigma).ppf([0.5, 0.95]).round(1).tolist() == [1.7, 4.9]
    assert stats.halfnorm(scale=sigma.sigma).ppf([0.5, 0.95]).round(1).tolist() == [5.1, 14.7]


@each_engine
@pytest.mark.parametrize(
    ("types", "pooling"), [({"unitary": 40}, "partial"), ({"county": 14, "unitary": 26}, "none")]
)
def test_flat_priors_give_the_classical_posterior_of_least_squares(types, pooling, engine):
    """Student's t around each OLS estimate with its classical error; also with one type, where pooling is idle."""
    import arviz_stats

    authorities = simulate_authorities(types, coefficients={"deprivation": 1.0}, seed=3)
    ols = fit_ols(authorities, cov_type="nonrobust")
    model = cohesion_model(authorities, pooling=pooling, priors=FLAT)
    posterior = bt.fit(model, engine=engine, draws=2500, seed=8, progress=False)
    bt.require(bt.diagnose(posterior))
    table = bt.compare(posterior, ols)
    df = ols.attrs["df"]
    draws = posterior["posterior"]["regression"].sel(term=list(ols.index))
    for term in ols.index:
        one = draws.sel(term=term)
        error = float(arviz_stats.mcse(one, method="mean"))
        assert table.loc[term, "mean"] == pytest.approx(ols.loc[term, "estimate"], abs=4 * error)
        error = float(arviz_stats.mcse(one, method="sd"))
        assert table.loc[term, "sd"] == pytest.approx(
            ols.loc[term, "se"] * np.sqrt(df / (df - 2)), abs=4 * error
        )
        for prob in (0.05, 0.95):
            expected = ols.loc[term, "estimate"] + stats.t.ppf(prob, df) * ols.loc[term, "se"]
            error = float(arviz_stats.mcse(one, method="quantile", prob=prob))
            assert float(one.quantile(prob)) == pytest.approx(expected, abs=4 * error)
    sigma = posterior["posterior"]["sigma"]
    expected = ols.attrs["sigma"] * np.sqrt(df / stats.chi2.ppf(0.5, df))
    error = float(arviz_stats.mcse(sigma, method="median"))
    assert float(sigma.median()) == pytest.approx(expected, abs=4 * error)


# --- recovery ------------------------------------------------------------------------------------------------


@each_engine
def test_the_truth_is_recovered_and_the_posterior_passes_the_gate_and_stands_beside_ols(engine):
    authorities = simulate_authorities(
        {f"type {i}": 40 for i in range(12)},
        effect="stretch",
        slope=0.6,
        slope_sd=0.3,
        tau=2.0,
        coefficients=CONTROLS,
        n_missing_stretch=20,
        seed=9,
    )
    model = cohesion_model(authorities, effect="stretch", slopes="by_type")
    posterior = bt.fit(model, engine=engine, seed=9, progress=False)
    bt.require(bt.diagnose(posterior))
    draws, truth = posterior["posterior"], authorities.attrs["truth"]
    expected = {"effect": 0.6, "tau_effect": 0.3, "tau": 2.0, "mu": -2.0, "sigma": 4.0}
    for name, value in expected.items():
        away = (value - float(draws[name].mean())) / float(draws[name].std())
        assert abs(away) < 3.5, name
    for name, dim in (
        ("effect_by_type", "authority_type"),
        ("intercept", "authority_type"),
        ("coefficient", "control"),
    ):
        key = {"effect_by_type": "effect_by_type", "intercept": "intercept", "coefficient": "coefficient"}[
            name
        ]
        own = draws[name]
        value = np.array([truth[key][str(label)] for label in own[dim].to_numpy()])
        if name == "intercept":
            means = model.data["control_mean"].to_numpy()
            value = value + means @ np.array([CONTROLS[str(c)] for c in model.data["control"].to_numpy()])
        away = (value - own.mean(("chain", "draw"))) / own.std(("chain", "draw"))
        assert float(abs(away).max()) < 4.0, name
        assert float(abs(value - own.mean(("chain", "draw"))).mean()) < 1.0, name
    table = bt.compare(posterior, fit_ols(authorities, effect="stretch"))
    assert table.index[0] == "stretch"
    assert table.attrs["origin"] == "simulated"
    assert table[["mean", "sd", "r_hat"]].notna().all().all()


@pytest.mark.slow
def test_student_noise_holds_the_slope_where_least_squares_follows_outliers():
    authorities = simulate_authorities({"county": 20, "unitary": 20}, slope=1.0, sigma=2.0, tau=0.5, seed=10)
    change = authorities["change"].to_numpy().copy()
    with_target = np.flatnonzero(authorities["target"].to_numpy() == 1)
    change[with_target[:3]] += 40.0
    planted = authorities.assign(change=("authority", change))
    model = cohesion_model(planted, noise="student_t")
    posterior = bt.fit(model, engine="nuts", draws=1500, tune=1000, seed=10, progress=False)
    bt.require(bt.diagnose(posterior))
    slope = float(posterior["posterior"]["effect"].mean())
    ols = float(fit_ols(planted).loc["target", "estimate"])
    assert ols - 1.0 > 3.0
    assert abs(slope - 1.0) < 1.0 < 0.5 * abs(ols - 1.0)
    assert float(posterior["posterior"]["nu"].mean()) < 5.0


@pytest.mark.slow
def test_regression_to_the_mean_is_an_effect_to_ols_and_to_the_plain_model_but_not_with_measurement_error():
    """No true effect; targets where the measured baseline is low; surveys with a standard error of 3 points."""
    import nutpie

    compiled, found = {}, {"ols": [], "plain": [], "scores": []}
    for seed in range(8):
        authorities = simulate_authorities(TYPES, slope=0.0, targets="low_baseline", survey_se=3.0, seed=seed)
        found["ols"].append(float(fit_ols(authorities).loc["target", "estimate"]))
        for name in ("plain", "scores"):
            model = cohesion_model(authorities, measurement_error=name == "scores")
            compiled[name] = compiled.get(name) or nutpie.compile_pymc_model(model.to_pymc())
            draws, divergences = sample(compiled[name], model, seed=seed, draws=500, tune=500)
            assert divergences == 0
            found[name].append((float(draws["effect"].mean()), float(draws["effect"].std())))
    ols = np.array(found["ols"])
    plain, scores = np.array(found["plain"]), np.array(found["scores"])
    error = ols.std(ddof=1) / np.sqrt(len(ols))
    assert ols.mean() > 4 * error
    assert plain[:, 0].mean() > 4 * error
    assert abs(scores[:, 0].mean()) < 0.35 * min(ols.mean(), plain[:, 0].mean())
    # Without effect, 90% intervals of the plain model miss 0 more often than not; the other's hold it.
    assert (np.abs(scores[:, 0]) < 1.645 * scores[:, 1]).sum() >= 6
    assert (np.abs(plain[:, 0]) < 1.645 * plain[:, 1]).sum() <= 4


SHAPES = {
    "four types of three": dict.fromkeys("abcd", 3),
    "two types": dict.fromkeys("ab", 20),
    "forty types of three": {f"type {i}": 3 for i in range(40)},
    "from one to two hundred": {f"type {i}": n for i, n in enumerate([1, 1, 2, 3, 5, 10, 20, 50, 100, 200])},
}


@pytest.mark.slow
@pytest.mark.parametrize("slopes", ["common", "by_type"])
def test_no_divergence_whatever_the_number_and_size_of_types_and_their_spread(slopes):
    import nutpie

    for name, types in SHAPES.items():
        compiled = None
        for spread in (0.0, 1.0, 4.0):
            authorities = simulate_authorities(types, tau=spread, slope_sd=spread / 2, sigma=4.0, seed=11)
            model = cohesion_model(authorities, slopes=slopes)
            compiled = compiled or nutpie.compile_pymc_model(model.to_pymc())
            _, divergences = sample(compiled, model, seed=11)
            assert divergences == 0, f"{name}, spread {spread}"


@pytest.mark.slow
@pytest.mark.parametrize("effect", ["target", "stretch"])
def test_intervals_hold_the_truth_as_often_as_they_say(effect):
    path = Path(__file__).parents[2] / "benchmarks" / "coverage_cohesion.py"
    spec = importlib.util.spec_from_file_location("coverage_cohesion", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    table = benchmark.coverage(effect, datasets=40, seed=12)
    assert table["within"].all(), table.to_string()
    assert (table["divergences"] == 0).all()


# --- what the posterior says ---------------------------------------------------------------------------------


def test_r_squared_under_flat_priors_is_that_of_ols_whole_and_added(authorities):
    tree = tree_of(model := cohesion_model(authorities, pooling="none"), classical(model))
    shares, ols = r_squared(tree), fit_ols(authorities)
    np.testing.assert_allclose(shares["r2"], shares["without_effect"] + shares["added"], rtol=1e-12)
    n, terms = 150, len(ols)
    # In expectation the fitted variance gains sigma^2 for each fitted term; both are known here.
    slope = tree["posterior"]["effect"]
    x = model.data["target"].to_numpy()
    others = np.column_stack([np.eye(4)[model.data["type_index"]], model.data["controls"].to_numpy()])
    rest = x - others @ np.linalg.lstsq(others, x, rcond=None)[0]
    fitted = fitted_change(model.data, tree["posterior"].to_dataset(), "target").var("authority", ddof=1)
    total = fitted + tree["posterior"]["sigma"] ** 2
    np.testing.assert_allclose(shares["added"], slope**2 * (rest @ rest) / (n - 1) / total, rtol=1e-9)
    added = ols.attrs["r2"] - ols.attrs["r2_without_effect"]
    assert float(shares["added"].mean()) == pytest.approx(added, abs=3 / n)
    assert float(shares["r2"].mean()) == pytest.approx(ols.attrs["r2"], abs=2 * terms / n)


def test_r_squared_is_zero_where_the_noise_has_no_finite_variance(authorities):
    model = cohesion_model(authorities, noise="student_t", pooling="complete")
    draws = prior_draws(model, 50).assign(
        nu=(("chain", "draw"), np.r_[np.full(25, 1.5), np.full(25, 6.0)][None])
    )
    shares = r_squared(tree_of(model, draws))
    assert (shares["r2"].isel(draw=slice(25)) == 0).all()
    fitted = fitted_change(model.data, draws, "target").var("authority", ddof=1)
    expected = fitted / (fitted + draws["sigma"] ** 2 * 6 / 4)
    np.testing.assert_allclose(shares["r2"].isel(draw=slice(25, None)), expected.isel(draw=slice(25, None)))


def test_pooling_factor_is_0_where_types_are_known_and_1_where_draws_are_the_prior(authorities):
    model = cohesion_model(authorities, slopes="by_type")
    draws = prior_draws(model, 4000).copy()
    draws["intercept"] = draws["mu"] + xr.DataArray([-3.0, 0.0, 1.0, 2.0], dims="authority_type")
    table = pooling_factors(tree_of(model, draws))
    assert table.loc["intercept", "pooling_factor"] == pytest.approx(0.0, abs=1e-9)
    assert table.loc["effect", "pooling_factor"] == pytest.approx(1.0, abs=0.01)
    assert (table["types"] == 4).all()
    one = cohesion_model(simulate_authorities({"a": 9}, seed=1))
    assert np.isnan(pooling_factors(tree_of(one, prior_draws(one, 9))).loc["intercept", "pooling_factor"])
    none = cohesion_model(authorities, pooling="none")
    assert pooling_factors(tree_of(none, classical(none))).empty


def test_had_every_authority_had_the_target_those_without_gain_their_slope(authorities):
    model = cohesion_model(authorities, slopes="by_type")
    draws = prior_draws(model, 30)
    what_if = counterfactual_change(tree_of(model, draws))
    slopes = draws["effect_by_type"].to_numpy()[0]
    kind, target = model.data["type_index"].to_numpy(), model.data["target"].to_numpy()
    by_hand = (slopes[:, kind] * (1 - target)).mean(axis=1)
    np.testing.assert_allclose(what_if["difference"][0], by_hand)
    np.testing.assert_allclose(what_if["counterfactual"], what_if["expected"] + what_if["difference"])
    np.testing.assert_allclose(
        what_if["counterfactual"] - what_if["without"], slopes[:, kind].mean(axis=1)[None], rtol=1e-9
    )


def test_a_point_more_of_stretch_for_all_is_worth_the_slope(authorities):
    model = cohesion_model(authorities, effect="stretch")
    draws = prior_draws(model, 30)
    tree = tree_of(model, draws)
    np.testing.assert_allclose(counterfactual_change(tree)["difference"], draws["effect"])


def test_a_new_type_has_the_spread_between_types_and_a_new_authority_the_noise_too(authorities):
    model = cohesion_model(authorities, slopes="by_type")
    draws = prior_draws(model, 40_000)
    fixed = {"mu": -2.0, "tau": 1.5, "effect": 1.0, "tau_effect": 0.5, "sigma": 3.0}
    draws = draws.assign({name: xr.full_like(draws[name], value) for name, value in fixed.items()})
    draws["coefficient"] = xr.zeros_like(draws["coefficient"]) + 2.0
    small = draws[
        ["mu", "tau", "intercept", "effect", "tau_effect", "effect_by_type", "coefficient", "sigma"]
    ]
    tree = xr.DataTree.from_dict({"posterior": small, "constant_data": model.data.drop_vars("change")})
    tree.attrs = {"model": "cohesion", "options": json.dumps(dict(model.options))}
    new = predict_new_type(tree, seed=1)
    for name, mean, sd in (("intercept", -2.0, 1.5), ("effect", 1.0, 0.5)):
        assert float(new[name].mean()) == pytest.approx(mean, abs=4 * sd / 200)
        assert float(new[name].std()) == pytest.approx(sd, rel=4 / np.sqrt(80_000))
    at = float(model.data["control_mean"].sel(control="density"))
    change = predict_new_authority(tree, value=2.0, controls={"density": at + 1.0}, seed=1)
    sd = np.sqrt(1.5**2 + 4 * 0.5**2 + 3.0**2)
    assert float(change.mean()) == pytest.approx(-2.0 + 2.0 + 2.0, abs=4 * sd / 200)
    assert float(change.std()) == pytest.approx(sd, rel=4 / np.sqrt(80_000))
    assert change.identical(predict_new_authority(tree, value=2.0, controls={"density": at + 1.0}, seed=1))
    known = predict_new_authority(tree, value=0.0, authority_type="London", seed=1)
    away = known - small["intercept"].sel(authority_type="London", drop=True)
    assert float(away.std()) == pytest.approx(3.0, rel=4 / np.sqrt(80_000))


def test_what_cannot_be_predicted_is_told(authorities):
    model = cohesion_model(authorities, pooling="none")
    tree = tree_of(model, classical(model, 400))
    with pytest.raises(bt.DataError, match="cannot be predicted without pooling"):
        predict_new_type(tree, seed=1)
    with pytest.raises(bt.DataError, match="no type 'Londn', did you mean 'London'"):
        predict_new_authority(tree, value=1, authority_type="Londn", seed=1)
    with pytest.raises(bt.DataError, match="no control 'densty', did you mean 'density'"):
        predict_new_authority(tree, value=1, authority_type="London", controls={"densty": 1.0}, seed=1)
    with pytest.raises(bt.DataError, match="value is inf"):
        predict_new_authority(tree, value=np.inf, authority_type="London", seed=1)
    with pytest.raises(bt.DataError, match="expected what fit gives for a cohesion_model"):
        r_squared(xr.DataTree())


def test_one_slope_is_the_slope_of_every_type(authorities):
    model = cohesion_model(authorities, pooling="none")
    slopes = effect_by_type(tree_of(model, classical(model, 400)))
    assert slopes.dims == ("chain", "draw", "authority_type")
    assert (slopes == slopes.isel(authority_type=0)).all()


def test_the_check_by_type_flags_an_outlier_and_nothing_in_data_from_the_model(authorities):
    model = cohesion_model(authorities, pooling="none")
    fits = check_change_by_type(tree_of(model, classical(model)))
    assert fits["p_value"].between(0.005, 0.995).all()
    assert fits.loc[("all", "mean"), "n"] == 150
    change = authorities["change"].to_numpy().copy()
    change[3] = 60.0
    odd = cohesion_model(authorities.assign(change=("authority", change)), pooling="none")
    flagged = check_change_by_type(tree_of(odd, classical(odd)))
    assert flagged.loc[("county", "max"), "p_value"] < 0.01
    assert flagged.loc[("London", "max"), "p_value"] > 0.01


def test_the_check_with_measurement_error_is_of_the_measured_change(small):
    model = cohesion_model(small, measurement_error=True)
    table = check_change_by_type(tree_of(model, prior_draws(model, 200)))
    assert table.loc[("all", "mean"), "observed"] == pytest.approx(float(small["change"].mean()))


def test_leave_one_out_prefers_separate_types_where_they_are_far_apart_and_one_where_they_are_alike():
    found = {}
    for spread in (0.0, 8.0):
        authorities = simulate_authorities({"a": 50, "b": 50, "c": 50}, tau=spread, seed=14)
        models = {pooling: cohesion_model(authorities, pooling=pooling) for pooling in ("none", "complete")}
        table = compare_pooling({name: tree_of(model, classical(model)) for name, model in models.items()})
        found[spread] = table
        assert table["weight"].sum() == pytest.approx(1.0)
        assert (table["k_hat_high"] == 0).all()
    assert list(found[8.0].index) == ["none", "complete"]
    assert found[8.0].loc["complete", "elpd_diff"] < -10
    assert list(found[0.0].index) == ["complete", "none"]
    # Intercepts, slope and sigma: three more and two fewer terms show in the effective numbers.
    gap = found[0.0].loc["none", "p_loo"] - found[0.0].loc["complete", "p_loo"]
    assert gap == pytest.approx(2.0, abs=0.8)


def test_choices_of_different_data_are_not_compared(authorities):
    model = cohesion_model(authorities, pooling="none")
    one, two = (tree_of(model, classical(model, 400)) for _ in range(2))
    two.attrs["data_hash"] = "another"
    with pytest.raises(bt.DataError, match="'two' and 'one' differ in data"):
        compare_pooling({"one": one, "two": two})
    with pytest.raises(bt.DataError, match="found 1, expected two or more"):
        compare_pooling({"one": one})


def test_a_posterior_beside_ols_in_every_pooling(authorities):
    ols = fit_ols(authorities, cov_type="nonrobust")
    none = cohesion_model(authorities, pooling="none")
    table = bt.compare(tree_of(none, classical(none)), ols)
    assert list(table.index) == list(ols.index)
    np.testing.assert_allclose(table["shift_in_se"], 0, atol=4 / np.sqrt(4000))
    complete = cohesion_model(authorities, pooling="complete")
    contrasts = [name for name in TYPES if name != ols.attrs["reference"]]
    table = bt.compare(tree_of(complete, classical(complete)), ols.drop(index=contrasts))
    assert list(table.index) == ["target", "deprivation", "density", "constant"]
    assert isinstance(table, pd.DataFrame)


def test_default_priors_follow_the_outcomes_own_scale():
    """A table in pounds: OLS and posterior agree, whatever the unit; priors made for per cent of a score would pull 240 to 20."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "authority": [f"council {i}" for i in range(60)],
            "authority_type": ["district", "county", "borough"] * 20,
            "target": rng.permutation([0, 1] * 30),
        }
    )
    frame["change"] = 240 + 60 * frame["target"] + rng.normal(0, 40, 60)
    found = {}
    for unit in (1.0, 1000.0):
        council = bt.read_authorities(frame.assign(change=frame["change"] * unit))
        model = cohesion_model(council)
        table = bt.compare(bt.fit(model, engine="exact", draws=1000, seed=1), bt.fit_ols(council))
        found[unit] = table.loc["target", "mean"] / unit
        assert table.loc["target", "mean"] == pytest.approx(table.loc["target", "ols_estimate"], rel=0.03)
    assert found[1.0] == pytest.approx(found[1000.0], rel=1e-3)
    assert str(cohesion_model(council).priors.mu).startswith(
        "Normal(2"
    )  # in thousands of pence: centred on the mean


@besides("cases/files/recycling_cross_section.csv")
def test_a_cross_section_is_explained_by_types_and_controls_alone():
    frame = pd.read_csv(CASES / "files/recycling_cross_section.csv").rename(
        columns={"local_authority": "authority", "collection_type": "authority_type"}
    )
    councils = bt.read_authorities(
        frame.assign(outcome=100 * frame["household_recycle_rate"]), controls=["rurality"]
    )
    alone = councils.drop_dims("control")
    ols = bt.fit_ols(alone, effect=None)
    assert ols.attrs["reference"] == "Co-Mingled" and ols.attrs["response"] == "outcome"
    assert ols.loc["Two Stream", ["estimate", "se"]].round(2).tolist() == [-2.33, 4.34]
    assert ols.loc["Multi-Stream", ["estimate", "se"]].round(2).tolist() == [1.94, 3.81]
    model = cohesion_model(councils, effect=None)
    posterior = bt.fit(model, engine="exact", draws=500, seed=1)
    table = bt.compare(posterior, bt.fit_ols(councils, effect=None))
    assert list(table.index) == ["Two Stream", "Multi-Stream", "rurality", "constant"]
    # Pooled towards one another, and on the side of OLS.
    assert -2.3 < table.loc["Two Stream", "mean"] < 0
    assert set(posterior["posterior_predictive"].data_vars) == {"outcome"}
    assert float(r_squared(posterior)["added"].max()) < 1e-9
    assert bt.predict_new_authority(posterior, seed=1).name == "outcome"
    for message, call in {
        "has no target and no stretch": lambda: counterfactual_change(posterior),
        "expected none: the model has no target": lambda: bt.predict_new_authority(
            posterior, value=1, seed=1
        ),
        "there is no slope": lambda: cohesion_model(councils, effect=None, slopes="by_type"),
        "no variable 'target'; give effect=None where types": lambda: cohesion_model(councils),
    }.items():
        with pytest.raises(bt.DataError, match=message):
            call()


@pytest.mark.slow
def test_a_model_without_a_slope_is_sampled_as_it_is_integrated():
    design = simulate_authorities(TYPES, coefficients={"age": 1.0}, seed=3)
    model = cohesion_model(design, effect=None)
    exact, nuts = (
        bt.fit(model, engine=engine, draws=1000, seed=1, progress=False)["posterior"].to_dataset()
        for engine in ("exact", "nuts")
    )
    for name in ("mu", "sigma", "tau", "coefficient"):
        assert float(nuts[name].mean()) == pytest.approx(
            float(exact[name].mean()), abs=0.1 * float(exact[name].std())
        )


def test_replicated_outcomes_are_made_where_a_posterior_is_too_large_to_hold_them():
    model = cohesion_model(simulate_authorities(TYPES, seed=2))
    whole, bare = (bt.fit(model, engine="exact", draws=500, seed=1, pointwise=p) for p in (True, False))
    one, other = (bt.check_change_by_type(tree) for tree in (whole, bare))
    assert one.index.equals(other.index)
    assert np.allclose(one["replicated"], other["replicated"], atol=1.0)
