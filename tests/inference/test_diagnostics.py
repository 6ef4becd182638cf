"""The gate fails closed: whatever is wrong or missing, nothing is let through."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt
from bayes_targets.inference.diagnostics import exact_rows


def tree(chains=4, draws=1000, seed=1, **change):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((chains, draws))
    vector = rng.standard_normal((chains, draws, 3))
    change.get("edit", lambda a, b: None)(values, vector)
    posterior = xr.Dataset({"mu": (("chain", "draw"), values), "share": (("chain", "draw", "area"), vector)})
    stats = xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.zeros((chains, draws), bool)),
            "energy": (("chain", "draw"), rng.standard_normal((chains, draws))),
        }
    )
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


def failed(posterior):
    checks = bt.diagnose(posterior)
    with pytest.raises(bt.DiagnosticsError, match="the posterior is not reported"):
        bt.require(checks)
    return checks.loc[~checks["passed"], "quantity"].tolist()


def test_independent_draws_pass():
    checks = bt.diagnose(tree())
    assert checks.columns.tolist() == ["quantity", "value", "limit", "passed", "kind"]
    assert checks["passed"].all()
    assert bt.require(checks) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_single_draw_that_is_not_finite_fails(bad):
    def edit(values, vector):
        vector[2, 500, 1] = bad

    quantities = failed(tree(edit=edit))
    assert "draws not finite" in quantities and "R-hat of share" in quantities


def test_a_constant_chain_fails():
    def edit(values, vector):
        values[1] = 0.25

    assert "constant chains" in failed(tree(edit=edit))


def test_a_chain_that_is_constant_in_one_element_fails():
    def edit(values, vector):
        vector[0, :, 2] = 1.0

    assert "constant chains" in failed(tree(edit=edit))


def test_missing_sample_stats_fail():
    posterior = xr.DataTree.from_dict({"posterior": tree()["posterior"].to_dataset()})
    quantities = failed(posterior)
    assert any(quantity.startswith("sample statistics missing") for quantity in quantities)
    assert "divergences" in quantities and "E-BFMI, smallest over the chains" in quantities


@pytest.mark.parametrize("name", ["diverging", "energy"])
def test_one_missing_statistic_fails(name):
    posterior = tree()
    posterior["sample_stats"] = xr.DataTree(posterior["sample_stats"].to_dataset().drop_vars(name))
    assert f"sample statistics missing ({name})" in failed(posterior)


def test_one_divergence_fails():
    posterior = tree()
    posterior["sample_stats"]["diverging"][3, 999] = True
    assert failed(posterior) == ["divergences"]


def test_chains_that_disagree_fail_r_hat():
    def edit(values, vector):
        values[0] += 1.0

    assert "R-hat of mu" in failed(tree(edit=edit))


def test_few_effective_draws_fail():
    def edit(values, vector):
        for i in range(1, values.shape[1]):
            values[:, i] = 0.97 * values[:, i - 1] + np.sqrt(1 - 0.97**2) * values[:, i]

    assert "bulk ESS of mu" in failed(tree(edit=edit))


def test_ess_limit_grows_with_the_chains():
    checks = bt.diagnose(tree(chains=8)).set_index("quantity")
    assert checks.loc["bulk ESS of mu", "limit"] == "at least 800"


def test_low_bfmi_fails():
    posterior = tree()
    walk = np.cumsum(np.random.default_rng(1).standard_normal((4, 1000)), axis=1)
    posterior["sample_stats"]["energy"][:] = walk
    assert failed(posterior) == ["E-BFMI, smallest over the chains"]


def test_energy_that_is_not_a_number_fails():
    posterior = tree()
    posterior["sample_stats"]["energy"][0, 0] = np.nan
    assert failed(posterior) == ["E-BFMI, smallest over the chains"]


def test_fewer_than_four_chains_fail():
    assert failed(tree(chains=3)) == ["chains"]


def test_no_posterior_at_all_fails():
    assert failed(xr.DataTree()) == ["posterior group missing"]
    assert failed(xr.DataTree.from_dict({"posterior": xr.Dataset()})) == ["posterior group missing"]


def test_draws_without_chains_fail():
    assert failed(xr.DataTree.from_dict({"posterior": xr.Dataset({"mu": ("x", [1.0])})})) == [
        "dims chain and draw missing"
    ]


@pytest.mark.parametrize("nothing", [None, xr.Dataset(), {}, 3])
def test_what_is_no_tree_is_told(nothing):
    with pytest.raises(bt.DataError, match="expected the DataTree that fit returns"):
        bt.diagnose(nothing)


def test_a_handful_of_draws_fails_instead_of_raising():
    assert "R-hat of mu" in failed(tree(draws=2))


def test_an_empty_table_of_checks_lets_nothing_through():
    with pytest.raises(bt.DiagnosticsError, match="no check was made"):
        bt.require(pd.DataFrame(columns=["quantity", "value", "limit", "passed"]))


@pytest.mark.parametrize("passed", [None, float("nan"), "True", 0])
def test_only_a_true_counts_as_passed(passed):
    checks = pd.DataFrame([{"quantity": "x", "value": 1.0, "limit": "at most 2", "passed": passed}]).astype(
        object
    )
    with pytest.raises(bt.DiagnosticsError):
        bt.require(checks)


def test_the_message_names_quantity_value_and_limit():
    posterior = tree()
    posterior["sample_stats"]["diverging"][:, :2] = True
    with pytest.raises(bt.DiagnosticsError, match=r"divergences is 8 \(at most 0\)"):
        bt.require(bt.diagnose(posterior))


@pytest.mark.parametrize(
    "checks",
    [None, [], "passed", pd.DataFrame({"quantity": ["x"], "value": [1.0], "limit": ["at most 2"]})],
    ids=["nothing", "a list", "text", "no column passed"],
)
def test_what_is_no_table_of_checks_lets_nothing_through(checks):
    with pytest.raises(bt.DiagnosticsError, match="the posterior is not reported: found"):
        bt.require(checks)


def test_a_note_is_told_and_lets_through():
    posterior = tree()
    posterior.attrs["prior_conflict"] = '{"a": 0.5, "b": -3.5}'
    note = bt.diagnose(posterior).iloc[-1]
    assert (note["kind"], note["value"], note["passed"]) == ("note", 3.5, False)
    assert note["quantity"].startswith("prior and data in conflict")
    bt.require(bt.diagnose(posterior))


def test_notes_alone_let_nothing_through():
    checks = bt.diagnose(tree()).assign(kind="note")
    with pytest.raises(bt.DiagnosticsError, match="no check was made"):
        bt.require(checks)


# Hostile posteriors, engine by engine: each is a valid one with one thing wrong. All of them must fail.


def valid(engine, seed=1, chains=4, draws=500):
    """A posterior that passes the gate of its engine."""
    rng = np.random.default_rng(seed)
    dims = ("chain", "draw")
    coords = {"chain": np.arange(chains), "draw": np.arange(draws), "area": list("abc")}
    posterior = xr.Dataset(
        {
            "mu": (dims, rng.standard_normal((chains, draws))),
            "share": ((*dims, "area"), rng.uniform(size=(chains, draws, 3))),
        },
        coords,
    )
    per_draw = {"lp": (dims, rng.standard_normal((chains, draws)))}
    stats = {
        "nuts": per_draw
        | {
            "diverging": (dims, np.zeros((chains, draws), bool)),
            "energy": (dims, rng.standard_normal((chains, draws))),
        },
        "exact": per_draw
        | {"log_evidence": -3.2, "grid_size": 40.0, "edge_mass": 1e-9, "refinement_change": 0.02}
        | {"acceptance": 0.8},
        "smc": {
            "exponent": ("chain", np.ones(chains)),
            "acceptance": ("chain", np.full(chains, 0.25)),
            "likelihood_bias": ("chain", np.full(chains, 0.1)),
            "likelihood_spread": ("chain", np.full(chains, 0.1)),
        },
    }[engine]
    labels = {dim: coords[dim] for dim in dims}
    groups = {
        "posterior": posterior,
        "sample_stats": xr.Dataset(stats, labels if engine != "smc" else {"chain": labels["chain"]}),
        "observed_data": xr.Dataset({"y": ("area", [0.1, -0.4, 0.3])}, {"area": list("abc")}),
        "posterior_predictive": xr.Dataset(
            {"y": ((*dims, "area"), rng.standard_normal((chains, draws, 3)))}, coords
        ),
    }
    made = xr.DataTree.from_dict(groups)
    made.attrs["engine"] = engine
    return made


def changed(engine, group, name, values):
    """A valid posterior with one variable of one group replaced: by an array, by (dims, array), or by nothing (None)."""
    made = valid(engine)
    data = made[group].to_dataset()
    own = values if isinstance(values, tuple) or values is None else (made[group][name].dims, values)
    data = data.drop_vars(name)
    if own is not None:
        resized = [
            dim
            for dim, size in zip(own[0], np.shape(own[1]), strict=True)
            if data.sizes.get(dim, size) != size
        ]
        data = data.drop_dims(resized).assign({name: own})
    made[group] = xr.DataTree(data)
    return made


def copied(engine, kind):
    """Chains that are copies of one another, in every variable."""
    made = valid(engine)
    draws = made["posterior"].to_dataset()
    rng = np.random.default_rng(3)
    for name in draws.data_vars:
        values = draws[name].to_numpy().copy()
        if kind == "all":
            values[:] = values[:1]
        elif kind == "one":
            values[1] = values[0]
        elif kind == "two pairs":
            values[1], values[3] = values[0], values[2]
        elif kind == "tiled":
            values[:, 250:] = values[:, :250]
        elif kind == "repeated":
            values[:] = np.repeat(values[:, :250], 2, axis=1)
        elif kind == "shuffled":
            values[1] = rng.permutation(values[0])
        elif kind == "backwards":
            values[1] = values[0, ::-1]
        elif kind == "with a little noise":
            values[1] = values[0] + 1e-6 * rng.standard_normal(values[0].shape)
        draws[name] = (draws[name].dims, values)
    made["posterior"] = xr.DataTree(draws)
    return made


COPIES = ("all", "one", "two pairs", "tiled", "repeated", "shuffled", "backwards", "with a little noise")
ONE = np.zeros((4, 500))
ONE[2, 7] = 1.0
CANCEL = ONE.copy()
CANCEL[0, 0] = -1.0
HOSTILE_STATS = {
    "nuts": {
        "diverging": [
            ONE, CANCEL, -ONE, ONE * np.nan, ONE * 1e-9, ONE.astype(str), ONE.astype(complex) * 1j,
            np.zeros((4, 0)), np.zeros((0, 500)), np.zeros((4, 499)), np.zeros((3, 500)), None,
            (("chain",), np.zeros(4)), (("draw",), np.zeros(500)), ((), 0.0), (("chain", "draw", "x"), np.zeros((4, 500, 0))),
        ],
        "energy": [
            np.where(ONE > 0, np.nan, 0.1), np.where(ONE > 0, np.inf, 0.1), np.zeros((4, 500)), np.zeros((4, 499)), np.zeros((4, 0)), None,
            (("chain",), np.zeros(4)), np.full((4, 500), "a"), np.full((4, 500), 1j), np.cumsum(np.ones((4, 500)), axis=1),
        ],
    },
    "exact": {
        "log_evidence": [np.nan, np.inf, -np.inf, None, "a", 1j, True, np.array([1.0, 2.0]), np.datetime64("2020-01-01")],
        "grid_size": [np.nan, np.inf, 0.0, -1.0, None, "a", True],
        "edge_mass": [np.nan, np.inf, -1.0, -1e-9, 1e-3, None, "a", False, 1j],
        "refinement_change": [np.nan, np.inf, -0.01, 0.2, -np.inf, None, "a", False],
        "acceptance": [np.nan, np.inf, -0.5, 0.1, 1.5, None, "a", True],
    },
    "smc": {
        "exponent": [0.99, 1.01, np.nan, np.inf, -1.0, None],
        "acceptance": [0.05, -0.1, 1.1, np.nan, np.inf, None],
        "likelihood_bias": [0.3, -0.1, -5.0, np.nan, np.inf, None],
        "likelihood_spread": [0.3, -0.1, -5.0, np.nan, np.inf, None],
    },
}  # fmt: skip


def hostile_statistics():
    for engine, statistics in HOSTILE_STATS.items():
        for name, cases in statistics.items():
            for k, case in enumerate(cases):
                values = case
                if engine == "exact" and case is not None:
                    values = (("x",), case) if np.ndim(case) else ((), np.array(case))
                if engine == "smc" and case is not None:
                    values = np.full(4, 0.1 if name.startswith("likelihood") else 1.0)
                    values[2] = case
                yield f"{engine}, {name} {k}", partial(changed, engine, "sample_stats", name, values)
    for shape in ((3,), (0,), (5,)):
        yield f"smc, exponent of {shape}", partial(changed, "smc", "sample_stats", "exponent", np.ones(shape))


def hostile_draws(engine):
    chain, draw = np.arange(4)[:, None], np.arange(500)[None]
    noise = np.random.default_rng(2).standard_normal((4, 500))
    for name, values in {
        "complex": noise + 0j,
        "complex with a part": noise + 1j,
        "datetime": np.datetime64("2020-01-01") + (chain + draw).astype("timedelta64[D]"),
        "timedelta": (chain * 7 + draw).astype("timedelta64[D]"),
        "boolean": noise > 0,
        "text": noise.astype(str),
        "objects": noise.astype(object),
        "not a number": np.where(draw == 3, np.nan, noise),
        "infinite": np.where(draw == 3, np.inf, noise),
        "constant": np.ones((4, 500)),
        "one constant chain": np.where(chain == 1, 0.5, noise),
        "no chain": (("draw",), noise[0]),
        "no draw": (("chain",), noise[:, 0]),
        "neither": ((), 1.0),
        "no element": (("chain", "draw", "none"), np.zeros((4, 500, 0))),
        "sorted": np.sort(noise, axis=None).reshape(4, 500),
        "a chain elsewhere": noise + 5.0 * (chain == 0),
        "a walk": np.cumsum(noise, axis=1),
    }.items():
        yield f"{engine}, {name}", partial(changed, engine, "posterior", "mu", values)
    for kind in COPIES:
        yield f"{engine}, copies: {kind}", partial(copied, engine, kind)
    whole = valid(engine)
    for name, some in {
        "no chains": {"chain": slice(0)},
        "no draws": {"draw": slice(0)},
        "one chain": {"chain": slice(1)},
        "three chains": {"chain": slice(3)},
        "three draws": {"draw": slice(3)},
        "few draws": {"draw": slice(50)},
    }.items():
        groups = {
            group: tree.to_dataset().isel({dim: part for dim, part in some.items() if dim in tree.dims})
            for group, tree in whole.children.items()
        }
        made = xr.DataTree.from_dict(groups)
        made.attrs = dict(whole.attrs)
        yield f"{engine}, {name}", made.copy
    groups = {group: tree.to_dataset() for group, tree in whole.children.items()}
    for group in ("posterior", "sample_stats"):
        made = xr.DataTree.from_dict({name: data for name, data in groups.items() if name != group})
        made.attrs = dict(whole.attrs)
        yield f"{engine}, no {group}", made.copy
    shifted = groups["sample_stats"].assign_coords(chain=np.arange(4) + 1)
    made = xr.DataTree.from_dict(groups | {"sample_stats": shifted})
    made.attrs = dict(whole.attrs)
    yield f"{engine}, statistics of other chains", made.copy


def hostile_predictions():
    seen = np.array([0.1, -0.4, 0.3])
    again = np.random.default_rng(4).standard_normal((4, 500, 3))
    for name, values in {
        "far": seen + 20,
        "not a number": seen * np.nan,
        "text": seen.astype(str),
        "complex": seen * 1j,
    }.items():
        yield f"smc, observed {name}", partial(changed, "smc", "observed_data", "y", values)
    for name, values in {
        "not a number": again * np.nan,
        "one not a number": np.where(np.arange(3) == 1, np.nan, again),
        "text": again.astype(str),
        "without areas": (("chain", "draw"), again[..., 0]),
        "none": None,
    }.items():
        yield f"smc, replicated {name}", partial(changed, "smc", "posterior_predictive", "y", values)


HOSTILE = dict(
    [*hostile_statistics(), *hostile_predictions()]
    + [case for engine in HOSTILE_STATS for case in hostile_draws(engine)]
)


@pytest.mark.parametrize("engine", ["nuts", "exact", "smc", None, "EXACT", 3])
def test_a_valid_posterior_passes(engine):
    made = valid(engine if engine in HOSTILE_STATS else "nuts")
    made.attrs["engine"] = engine
    checks = bt.diagnose(made)
    bt.require(checks)
    assert checks["passed"].all()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_posterior_fails(name):
    checks = bt.diagnose(HOSTILE[name]())
    with pytest.raises(bt.DiagnosticsError, match="the posterior is not reported"):
        bt.require(checks)


def test_enough_hostile_posteriors_are_tried():
    assert len(HOSTILE) > 150


def test_two_extreme_draws_at_one_place_are_no_copies():
    """Posteriors with the tails of Student's t, df 1, have such: correlations of chains are looked for without the tails."""

    def edit(values, vector):
        values[:2, 500] = 1e6

    assert bt.require(bt.diagnose(tree(edit=edit))) is None


def test_weighted_draws_pass_by_their_weights_and_not_by_how_many_were_needed():
    stats = {"log_evidence": -9.0, "grid_size": 40_000.0, "edge_mass": 0.0, "refinement_change": 0.01}
    stats |= {"acceptance": 0.1, "importance_ess": 4_100.0, "pareto_k": 0.4}

    def passes(**changed):
        return all(row["passed"] for row in exact_rows(xr.Dataset(stats | changed)))

    assert passes()
    assert not passes(pareto_k=0.8) and not passes(pareto_k=np.nan) and not passes(importance_ess=50.0)
    assert not passes(acceptance=0.001)
    without = {name: value for name, value in stats.items() if name != "pareto_k"}
    assert not all(row["passed"] for row in exact_rows(xr.Dataset(without)))
