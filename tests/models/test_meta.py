"""Several evaluations: the exact engine against values computed by other code, by hand, and by NUTS."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import bayes_targets as bt
from cases import CASES, besides, case


def evaluation(frame: pd.DataFrame, **known) -> bt.Evaluation:
    frame = frame.set_index("study") if "study" in frame else frame
    return bt.Evaluation(estimates=frame, printed=frame.astype(str), **known)


def made(estimate, se, **known) -> bt.Evaluation:
    more = {name: known.pop(name) for name in ("df", "group", "year") if name in known}
    frame = pd.DataFrame({"estimate": estimate, "se": se, **more}, dtype=float)
    frame.index = pd.Index([f"study {k + 1}" for k in range(len(frame))], name="study")
    return evaluation(frame, **{"better": "higher"} | known)


@pytest.fixture(scope="module")
def norway():
    return evaluation(pd.read_csv(case("evaluations/norway_diagnoses.csv")), better="lower")


@pytest.fixture(scope="module")
def bcg():
    table = pd.read_csv(case("evaluations/bcg.csv"))
    a, n, c, m = (table[name] for name in table.columns[1:5])
    table = table.assign(estimate=np.log(a / n / (c / m)), se=np.sqrt(1 / a - 1 / n + 1 / c - 1 / m))
    return evaluation(table, better="lower", ratio="risk ratio")


@pytest.fixture(scope="module")
def smoking():
    return evaluation(
        pd.read_csv(CASES / "evaluations/passive_smoking.csv"), better="higher", ratio="odds ratio"
    )


NORWAY = bt.MetaPriors(mu=bt.Normal(0, 0.05), tau=bt.HalfNormal(0.01))
UNIT = bt.MetaPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(0.5))
ONE_STEP = bt.Steps((0.025,))


def fitted(model):
    posterior = bt.fit(model, engine="exact", seed=1, progress=False, pointwise=False)
    bt.require(bt.diagnose(posterior))
    return posterior["posterior"].to_dataset(), float(posterior["sample_stats"]["log_evidence"])


def agrees(draws, name, mean, sd=None):
    """Within a quarter of a standard error of as many independent draws, as the points are evenly spread."""
    values = draws[name]
    error = 0.25 * float(values.std()) / np.sqrt(values.size)
    assert float(values.mean()) == pytest.approx(mean, abs=max(4 * error, 1e-6))
    if sd is not None:
        assert float(values.std()) == pytest.approx(sd, rel=0.01)


def test_random_effects_of_the_reform(norway):
    draws, log_evidence = fitted(bt.meta_model(norway, priors=NORWAY))
    assert log_evidence == pytest.approx(25.3841776, abs=1e-6)
    agrees(draws, "mu", -0.0028737, 0.0026825)
    agrees(draws, "tau", 0.003342, 0.002772)


def test_complete_pooling_is_the_common_effect(norway):
    draws, log_evidence = fitted(bt.meta_model(norway, pooling="complete", priors=NORWAY))
    assert log_evidence == pytest.approx(26.3348181, abs=1e-6)
    agrees(draws, "mu", -0.0026844, 0.0019921)
    assert float(abs(draws["tau"]).max()) == 0.0


def test_a_new_place(norway):
    draws, _ = fitted(bt.meta_model(norway, priors=replace(NORWAY, mu=bt.Normal(0, 1))))
    assert float((draws["mu"] < 0).mean()) == pytest.approx(0.873, abs=2e-3)
    assert float(draws["new_effect"].std()) == pytest.approx(0.0051, abs=1e-4)
    assert float((draws["new_effect"] < 0).mean()) == pytest.approx(0.783, abs=3e-3)


@pytest.mark.parametrize(
    ("better", "mu", "sd", "log_z"),
    [("lower", -0.002264, 0.002553, 24.638415), ("higher", -0.003213, 0.002541, 25.073702)],
)
def test_selection_follows_the_favourable_side(norway, better, mu, sd, log_z):
    model = bt.meta_model(replace(norway, better=better), priors=NORWAY, selection=ONE_STEP)
    draws, log_evidence = fitted(model)
    assert log_evidence == pytest.approx(log_z, abs=1e-4)
    agrees(draws, "mu", mu, sd)


def test_risk_ratios_of_trials(bcg):
    priors = bt.MetaPriors(mu=bt.Normal(0, 4), tau=bt.HalfNormal(0.5))
    draws, log_evidence = fitted(bt.meta_model(bcg, priors=priors))
    assert log_evidence == pytest.approx(-17.0297671, abs=1e-6)
    agrees(draws, "mu", -0.7102866, 0.1870040)
    agrees(draws, "tau", 0.571763, 0.142962)
    assert draws["new_effect"].quantile([0.025, 0.975]).to_numpy() == pytest.approx([-1.956, 0.519], abs=0.02)
    complete, log_evidence = fitted(bt.meta_model(bcg, priors=priors, pooling="complete"))
    assert log_evidence == pytest.approx(-74.8221848, abs=1e-6)
    agrees(complete, "mu", -0.4302411, 0.0404967)


def test_selection_among_trials(bcg):
    draws, log_evidence = fitted(bt.meta_model(bcg, priors=UNIT, selection=ONE_STEP))
    assert log_evidence == pytest.approx(-15.9190721, abs=1e-4)
    agrees(draws, "mu", -0.5461062, 0.228418)
    agrees(draws, "tau", 0.5868360, 0.148026)
    agrees(draws, "weight", 0.576766, 0.23955)


@besides("cases/evaluations/passive_smoking.csv")
def test_selection_among_many_studies(smoking):
    draws, log_evidence = fitted(bt.meta_model(smoking, priors=UNIT))
    assert log_evidence == pytest.approx(-14.7193435, abs=1e-6)
    agrees(draws, "mu", 0.2176345, 0.0523773)
    draws, log_evidence = fitted(bt.meta_model(smoking, priors=UNIT, selection=ONE_STEP))
    assert log_evidence == pytest.approx(-15.1701952, abs=1e-4)
    agrees(draws, "mu", 0.1791596, 0.0549366)
    agrees(draws, "weight", 0.665294, 0.210063)


@besides("cases/evaluations/passive_smoking.csv")
def test_estimates_that_rise_with_their_error(smoking):
    draws, log_evidence = fitted(bt.meta_model(smoking, priors=UNIT, selection="pet"))
    assert log_evidence == pytest.approx(-13.538007, abs=1e-4)
    agrees(draws, "mu", 0.044809, 0.095046)
    agrees(draws, "slope", 0.74151)
    agrees(draws, "tau", 0.124825)


@besides("cases/evaluations/passive_smoking.csv")
@pytest.mark.parametrize(("z", "log_z"), [(1.955, -15.519), (1.965, -15.113)])
def test_a_result_next_to_the_cut_is_pointed_out(smoking, z, log_z):
    frame = smoking.estimates.copy()
    frame.loc["Hirayama 1984", "estimate"] = z * frame.loc["Hirayama 1984", "se"]
    model = bt.meta_model(replace(smoking, estimates=frame), priors=UNIT, selection=ONE_STEP)
    assert fitted(model)[1] == pytest.approx(log_z, abs=1e-3)
    assert "Hirayama 1984" in model.options["notes"]


@pytest.mark.parametrize(
    ("weight", "mean"),
    [(1.0, 0.495050), (0.5, 0.459968), (0.1, 0.390801), (0.01, 0.342854), (None, 0.440435)],
)
def test_one_estimate_under_selection(weight, mean):
    priors = bt.MetaPriors(mu=bt.Normal(0, 2), weight=weight)
    steps = bt.Steps((0.05,), side="two")
    draws, _ = fitted(bt.meta_model(made([0.5], [0.2]), pooling="complete", selection=steps, priors=priors))
    assert float(draws["mu"].mean()) == pytest.approx(mean, abs=1e-4)


def test_more_steps_agree_with_integration_of_another_kind(norway):
    """Two steps by Monte Carlo over the prior of the weights, and an ordinary grid over the mean with no spread."""
    steps = bt.Steps((0.1, 0.3))
    priors = bt.MetaPriors(mu=bt.Normal(0, 0.05), tau=0.0)
    draws, log_evidence = fitted(bt.meta_model(norway, priors=priors, selection=steps))
    y, se = -norway.estimates["estimate"].to_numpy(), norway.estimates["se"].to_numpy()
    mu = np.linspace(-0.03, 0.03, 1201)[:, None]
    cuts = stats.norm.isf(steps.cuts)
    above = [special.ndtr(mu / se - cut) for cut in cuts]
    bins = [above[0], above[1] - above[0], 1 - above[1]]
    place = (y[:, None] / se[:, None] < cuts).sum(axis=1)
    base = stats.norm.logpdf(y, mu, se).sum(axis=1) + stats.norm.logpdf(mu[:, 0], 0, 0.05)
    nodes, mass = np.polynomial.legendre.leggauss(40)
    v, m = (nodes + 1) / 2, mass / 2
    total, first = 0.0, 0.0
    for v1, m1 in zip(v, m, strict=True):
        for v2, m2 in zip(v, m, strict=True):
            w = np.array([1.0, v1, v1 * v2])
            sums = w[0] * bins[0] + w[1] * bins[1] + w[2] * bins[2]
            density = np.exp(base + np.log(w[place]).sum() - np.log(sums).sum(axis=1))
            share = 2 * v1 * m1 * m2 * density.sum() * (mu[1, 0] - mu[0, 0])
            total, first = total + share, first + share * v1
    assert log_evidence == pytest.approx(np.log(total), abs=1e-4)
    assert float(draws["weight"][..., 0].mean()) == pytest.approx(first / total, abs=2e-3)


def test_moderators_are_reported_by_their_own_unit(bcg):
    wide = bt.MetaPriors(mu=bt.Normal(0, 10), tau=bt.HalfNormal(0.5), coefficient=bt.Normal(0, 10))
    draws, _ = fitted(bt.meta_model(bcg, moderators=["latitude"], priors=wide))
    assert float(draws["coefficient"].mean()) == pytest.approx(-0.0291, abs=0.001)
    assert draws["coefficient"]["moderator"].to_numpy().tolist() == ["latitude"]
    scaled = bcg.estimates.assign(latitude=bcg.estimates["latitude"] * 60.0)
    again, _ = fitted(bt.meta_model(replace(bcg, estimates=scaled), moderators="latitude", priors=wide))
    assert float(again["coefficient"].mean() * 60) == pytest.approx(float(draws["coefficient"].mean()))


def test_a_covariance_without_correlation_changes_nothing(norway):
    se = norway.estimates["se"].to_numpy()
    covariance = np.diag(se**2)
    covariance[0, 1] = covariance[1, 0] = 1e-13
    draws, log_evidence = fitted(bt.meta_model(norway, priors=NORWAY, covariance=covariance))
    assert log_evidence == pytest.approx(25.3841776, abs=1e-5)
    agrees(draws, "mu", -0.0028737, 0.0026825)


def test_correlated_errors_agree_with_a_multivariate_normal():
    y, se = np.array([0.3, 0.5, 0.2]), np.array([0.1, 0.2, 0.15])
    covariance = 0.6 * np.outer(se, se) + 0.4 * np.diag(se**2)
    priors = bt.MetaPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(0.3))
    _, log_evidence = fitted(bt.meta_model(made(y, se), covariance=covariance, priors=priors))

    def density(tau):
        whole = covariance + tau**2 * np.eye(3) + 1.0
        return stats.multivariate_normal(np.zeros(3), whole).pdf(y) * stats.halfnorm(scale=0.3).pdf(tau)

    assert log_evidence == pytest.approx(np.log(integrate.quad(density, 0, 4)[0]), abs=1e-6)


def test_groups_agree_with_a_multivariate_normal():
    y, se, group = np.array([0.3, 0.5, 0.2, -0.1]), np.array([0.1, 0.2, 0.15, 0.2]), [0, 0, 1, 1]
    priors = bt.MetaPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(0.3), tau_within=bt.HalfNormal(0.2))
    same = np.equal.outer(group, group).astype(float)
    nodes, mass = np.polynomial.legendre.leggauss(60)

    def evidence(rho):
        errors = np.where(same > 0, rho, 0.0) * np.outer(se, se) + (1 - rho) * np.diag(se**2)

        total = 0.0
        for x, m in zip(nodes + 1, mass, strict=True):
            for u, v in zip(0.75 * (nodes + 1), 0.75 * mass, strict=True):
                whole = errors + u**2 * np.eye(4) + x**2 * same + 1.0
                prior = -0.5 * ((x / 0.3) ** 2 + (u / 0.2) ** 2) + np.log(2 / np.pi / 0.06)
                square = y @ np.linalg.solve(whole, y) + np.linalg.slogdet(2 * np.pi * whole)[1]
                total += m * v * np.exp(prior - 0.5 * square)
        return np.log(total)

    for rho in (None, 0.5):
        model = bt.meta_model(made(y, se, group=group), group="group", correlation=rho, priors=priors)
        draws, log_evidence = fitted(model)
        assert log_evidence == pytest.approx(evidence(rho or 0.0), abs=1e-5)
        assert {"tau", "tau_within"} <= set(draws.data_vars)


def test_few_degrees_of_freedom_have_a_student_t_likelihood():
    several = made([0.3, 0.9], [0.1, 0.2], df=[3.0, 7.0])
    priors = bt.MetaPriors(mu=bt.Normal(0, 1))
    draws, log_evidence = fitted(bt.meta_model(several, pooling="complete", priors=priors))
    mu = np.linspace(-4, 4, 16001)
    density = stats.norm.pdf(mu) * stats.t.pdf(0.3, 3, mu, 0.1) * stats.t.pdf(0.9, 7, mu, 0.2)
    total = integrate.trapezoid(density, mu)
    assert log_evidence == pytest.approx(np.log(total), abs=1e-6)
    agrees(draws, "mu", integrate.trapezoid(mu * density, mu) / total)


def test_without_pooling_each_study_speaks_for_itself(norway):
    flat = bt.MetaPriors(mu=bt.Flat())
    draws, _ = fitted(bt.meta_model(norway, pooling="none", priors=flat))
    assert draws["effect"].mean(("chain", "draw")).to_numpy() == pytest.approx(
        norway.estimates["estimate"].to_numpy(), abs=1e-6
    )
    assert list(draws.data_vars) == ["effect"]


@besides("cases/evaluations/passive_smoking.csv")
def test_draws_do_not_depend_on_the_seed(smoking):
    model = bt.meta_model(smoking, priors=UNIT, selection=ONE_STEP)
    one, two = (bt.fit(model, seed=seed, progress=False, pointwise=False)["posterior"] for seed in (1, 2))
    assert float(one["mu"].mean()) == pytest.approx(float(two["mu"].mean()), rel=1e-12)
    assert float((one["new_effect"] > 0).mean()) == float((two["new_effect"] > 0).mean())


def test_points_are_allowed_and_nothing_else_is_constant(norway):
    posterior = bt.fit(bt.meta_model(norway, priors=bt.MetaPriors(mu=0.0, tau=0.0)), seed=1, progress=False)
    assert bt.diagnose(posterior)["passed"].all()
    assert float(posterior["sample_stats"]["log_evidence"]) == pytest.approx(
        stats.norm.logpdf(norway.estimates["estimate"], 0, norway.estimates["se"]).sum()
    )
    frozen = bt.fit(bt.meta_model(norway, priors=NORWAY), seed=1, progress=False)
    frozen["posterior"] = frozen["posterior"].to_dataset().assign(mu=frozen["posterior"]["mu"] * 0.0)
    with pytest.raises(bt.DiagnosticsError, match="constant chains"):
        bt.require(bt.diagnose(frozen))


DEGENERATE = {
    "one study": made([0.3], [0.1]),
    "two studies": made([0.3, 0.5], [0.1, 0.2]),
    "equal estimates": made([0.3] * 5, [0.1] * 5),
    "errors from 0.001 to 1,000": made([1000.0, 2, 3, -1000], [1e-3, 1e3, 1, 1]),
    "all significant": made([0.3, 0.5, 0.8], [0.05, 0.1, 0.1]),
    "none significant": made([0.03, 0.05, -0.08], [0.05, 0.1, 0.1]),
    "three hundred": made(np.sin(np.arange(300.0)), np.full(300, 0.3)),
}


@pytest.mark.parametrize("several", DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.parametrize("selection", [None, ONE_STEP, bt.Steps((0.025, 0.05)), "pet"], ids=str)
def test_odd_input_has_an_answer(several, selection):
    draws, log_evidence = fitted(bt.meta_model(several, selection=selection))
    assert np.isfinite(log_evidence)
    assert all(np.isfinite(variable).all() for variable in draws.data_vars.values())


def test_a_bin_without_an_estimate_is_pointed_out():
    model = bt.meta_model(DEGENERATE["all significant"], selection=ONE_STEP)
    assert "No estimate has p > 0.025" in model.options["notes"]


@pytest.mark.parametrize("cuts", [(), (0.05, 0.025), (1.5,), ("a",), None])
def test_cuts_of_the_p_value_increase(cuts):
    with pytest.raises(bt.DataError, match="expected increasing p-values"):
        bt.Steps(cuts)


def test_a_stated_weight_is_no_prior_to_be_warned_of():
    stated = replace(UNIT, weight=0.3)
    model = bt.meta_model(DEGENERATE["all significant"], selection=ONE_STEP, priors=stated)
    assert model.options["notes"] == ""


CORRELATED = 1e-6 * (np.diag([81, 25, 9, 144, 64, 100, 36, 36]) + np.eye(8, k=1) + np.eye(8, k=-1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "some"}, "pooling is 'some'"),
        ({"moderators": ["size"]}, "no column 'size'"),
        ({"correlation": 0.5}, "expected group="),
        ({"selection": "trim"}, "selection is 'trim'"),
        ({"pooling": "none", "selection": "pet"}, "share nothing"),
        ({"covariance": np.eye(8)}, "expected the square of its standard error"),
        ({"priors": bt.MetaPriors(tau=bt.Normal(0, 1))}, "did you mean HalfNormal"),
        (
            {"priors": bt.MetaPriors(mu=bt.Flat()), "selection": ONE_STEP},
            "no proper posterior under selection",
        ),
        (
            {"priors": bt.MetaPriors(weight=(0.5, 0.2)), "selection": ONE_STEP},
            "expected one for each of 1 bins",
        ),
        (
            {"priors": bt.MetaPriors(weight=bt.Normal(0, 1)), "selection": ONE_STEP},  # type: ignore[arg-type]
            "allows numbers outside 0 to 1",
        ),
        ({"covariance": CORRELATED, "selection": ONE_STEP}, "takes errors as independent"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(norway, change, message):
    with pytest.raises(bt.DataError, match=message):
        bt.meta_model(norway, **change)


def test_selection_asks_for_the_favourable_side(norway):
    with pytest.raises(bt.DataError, match="better='higher' or 'lower'"):
        bt.meta_model(replace(norway, better=None), selection=ONE_STEP)
    bt.meta_model(replace(norway, better=None), selection=bt.Steps((0.05,), side="two"))


OPTIONS = {
    "partial": {},
    "complete": {"pooling": "complete"},
    "none": {"pooling": "none"},
    "moderator": {"moderators": ["year"]},
    "groups": {"group": "group"},
    "correlation": {"group": "group", "correlation": 0.4},
    "one step": {"selection": ONE_STEP},
    "two steps, two-sided": {"selection": bt.Steps((0.05, 0.3), side="two")},
    "stated weight": {"selection": ONE_STEP, "priors": replace(UNIT, weight=0.3)},
    "pet": {"selection": "pet"},
    "groups and a step": {"group": "group", "selection": ONE_STEP},
    "Student t and a step": {"selection": ONE_STEP, "df": [4.0, 9, np.inf, 6, 12, 5]},
}


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_graph_of_one_step_has_the_density_of_published_estimates(better):
    y, se = np.array([0.6, 0.1, 0.4, -0.1, 0.9, 0.2]), np.array([0.2, 0.15, 0.1, 0.2, 0.3, 0.25])
    graph = bt.meta_model(made(y, se, better=better), priors=UNIT, selection=ONE_STEP).to_pymc()
    density = graph.compile_logp(jacobian=False, mode="FAST_COMPILE")
    side = 1 if better == "higher" else -1
    cut = stats.norm.isf(0.025) * se
    for seed in range(5):
        rng = np.random.default_rng(seed)
        mu, tau, z, z_new, weight = rng.normal(), rng.gamma(2), rng.normal(size=6), rng.normal(), rng.random()
        prior = stats.norm.logpdf([mu, z_new, *z]).sum() + stats.halfnorm.logpdf(tau, scale=0.5)
        # Effects are integrated out and drawn afterwards, by z.
        whole = np.hypot(tau, se)
        sure = stats.norm.sf(cut, side * mu, whole)
        published = np.where(side * y > cut, 1, weight) / (sure + weight * (1 - sure))
        told = {"mu": mu, "tau_log__": np.log(tau), "z_new": z_new, "z": z}
        found = density(told | {"stick_0_logodds__": np.log(weight / (1 - weight))})
        expected = prior + (stats.norm.logpdf(y, mu, whole) + np.log(published)).sum()
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_nuts_agrees_with_the_exact_posterior(name):
    options = dict(OPTIONS[name])
    more = {"df": options.pop("df")} if "df" in options else {}
    several = made(
        [0.6, 0.1, 0.4, -0.1, 0.9, 0.2], [0.2, 0.15, 0.1, 0.2, 0.3, 0.25],
        group=[0, 0, 1, 1, 2, 2], year=[1.0, 2, 3, 5, 8, 9], **more,
    )  # fmt: skip
    priors = options.pop(
        "priors", replace(UNIT, tau_within=bt.HalfNormal(0.3), coefficient=bt.Normal(0, 0.5))
    )
    model = bt.meta_model(several, priors=priors, **options)
    exact = bt.fit(model, engine="exact", seed=1, progress=False)
    tune = 1500 if "Student t" in name else 700  # heavy tails take longer to learn
    nuts = bt.fit(model, engine="nuts", seed=1, draws=2500, tune=tune, progress=False)
    bt.require(bt.diagnose(nuts))
    points = set(json.loads(model.options["points"]))
    for variable in set(model.variables) - points:
        ours, theirs = exact["posterior"][variable], nuts["posterior"][variable]
        error = theirs.std(("chain", "draw")) / np.sqrt(0.2 * 2500 * 4)
        assert (abs(ours.mean(("chain", "draw")) - theirs.mean(("chain", "draw"))) < 4.5 * error).all(), (
            variable
        )
        assert (abs(np.log(ours.std(("chain", "draw")) / theirs.std(("chain", "draw")))) < 0.2).all(), (
            variable
        )
