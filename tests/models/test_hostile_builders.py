"""Builders of models, and what compares them, raise our error and no other, whatever they are given."""

import math
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt

VALUES = [
    None, 0, -1, 2.5, 1e300, 10**400, math.nan, True, "", "x", "partial", b"x", 1j, [], ["x"], [None], [[1]], (), {}, {"x": 1}, object(),
    np.float32(0.3), np.int64(3), np.array([1.0, 2.0]), pd.NA, pd.DataFrame(), pd.DataFrame({"a": [1]}), pd.Series([1.0]),
    xr.Dataset(), xr.DataTree(), bt.Normal(0, 1), bt.Beta(1, 1), bt.Flat(), bt.LogFlat(), bt.HalfNormal(1), "none", "normal", "target",
]  # fmt: skip
CELLS = [
    None,
    math.nan,
    math.inf,
    "",
    " ",
    "x",
    "1",
    "1e400",
    -1,
    0,
    1e308,
    1e-320,
    10**400,
    True,
    [1],
    {},
    pd.NaT,
    b"1",
    1j,
    "a\x00",
]


@cache
def estimates():
    return pd.DataFrame(
        {
            "term": ["a", "b", "c"],
            "estimate": [1.0, 0.5, -0.2],
            "se": [0.5, 0.4, 0.3],
            "scale": [1.0, 2.0, 1.0],
        }
    )


@cache
def counts():
    return bt.read_counts(pd.DataFrame({"area": ["a", "b"], "green": [3, 4], "amber": [2, 1], "red": [1, 2]}))


@cache
def authorities():
    return bt.simulate_authorities({"county": 8, "unitary": 9}, slope=1.0, seed=1)


@cache
def several():
    frame = pd.DataFrame(
        {
            "study": ["a", "b", "c"],
            "estimate": [0.1, 0.3, 0.2],
            "se": [0.1, 0.2, 0.1],
            "size": [1.0, 2.0, 4.0],
        }
    )
    return bt.read_evaluations(frame, better="higher", moderators=["size"])


@cache
def posterior():
    return bt.fit(bt.published_model(estimates().iloc[:3]), draws=100, seed=1)


@cache
def kinds():
    frame = pd.DataFrame({"area": ["national", "local"], "green": [4, 3], "amber": [2, 1], "red": [1, 2]})
    return {"kind": bt.read_counts(frame)}


@cache
def fitted(name):
    models = {
        "anchoring": lambda: bt.anchoring_model(bt.simulate_anchoring(seed=1)),
        "cohesion": lambda: bt.cohesion_model(authorities()),
        "margins": lambda: bt.margins_model(counts(), kinds()),
        "success": lambda: bt.success_model(counts()),
    }
    return bt.fit(models[name](), draws=300, seed=1)


@cache
def left_out():
    return {
        name: bt.leave_one_area_out(bt.success_model(counts(), outcome=name))
        for name in ("binomial", "ordinal")
    }


CALLS = {
    "margins_model": (
        bt.margins_model,
        lambda: {"areas": counts(), "attributes": kinds(), "pooling": "partial", "priors": bt.MarginsPriors()},
    ),
    "scaled_priors": (bt.scaled_priors, lambda: {"authorities": authorities(), "response": "change"}),
    "leave_one_area_out": (
        bt.leave_one_area_out, lambda: {"model": bt.success_model(counts()), "engine": "exact", "draws": 1000},
    ),
    "log_evidence": (bt.log_evidence, lambda: {"model": bt.success_model(counts()), "engine": "exact", "draws": 1000}),
    "compare_models": (bt.compare_models, lambda: {"left_out": left_out(), "evidence": None}),
    "group_shares": (bt.group_shares, lambda: {"posterior": fitted("margins")}),
    "cell_share": (bt.cell_share, lambda: {"posterior": fitted("margins"), "groups": {"kind": "local"}}),
    "eventual_hits": (
        partial(bt.eventual_hits, seed=1),
        lambda: {
            "counts": counts(), "calibration": dict.fromkeys(("green", "amber", "red"), bt.StatusCalibration(0.2, 0.4)),
            "rule": bt.RewardRule(), "draws": 10,
        },
    ),
    "rank_probabilities": (bt.rank_probabilities, lambda: {"share": fitted("success")["posterior"]["share"]}),
    "slope_by_weight": (
        bt.slope_by_weight, lambda: {"posterior": fitted("anchoring"), "weights": [0.5], "error_seen": 0.5, "prob": 0.95},
    ),
    "tipping_points": (bt.tipping_points, lambda: {"band": pd.DataFrame({"prob_positive": [0.9, 0.4]}), "levels": [0.5]}),
    "check_summary": (bt.check_summary, lambda: {"posterior": fitted("anchoring"), "prob": 0.95}),
    "check_change_by_type": (bt.check_change_by_type, lambda: {"posterior": fitted("cohesion"), "prob": 0.95}),
    "pooling_factors": (bt.pooling_factors, lambda: {"posterior": fitted("cohesion")}),
    "predict_new_authority": (
        partial(bt.predict_new_authority, seed=1),
        lambda: {"posterior": fitted("cohesion"), "value": 1.0, "authority_type": "county", "controls": None},
    ),
    "compare_pooling": (
        bt.compare_pooling, lambda: {"posteriors": {"one": fitted("cohesion"), "two": fitted("cohesion")}},
    ),
    "simulate_authorities": (
        partial(bt.simulate_authorities, seed=1),
        lambda: {"n_by_type": {"a": 8}, "effect": "target", "slope": 1.0, "tau": 1.0, "nu": 4.0, "n_missing_stretch": 1, "survey_se": 0.1},
    ),
    "simulate_anchoring": (
        partial(bt.simulate_anchoring, seed=1), lambda: {"n_simulations": 1, "design": None, "causal_slope": 0.5, "drift_sd": 1.0},
    ),
    "anchoring_model": (bt.anchoring_model, lambda: {"summary": bt.simulate_anchoring(seed=1), "priors": bt.AnchoringPriors()}),
    "published_model": (
        bt.published_model,
        lambda: {"estimates": estimates(), "pooling": "none", "priors": bt.PublishedPriors(), "hoped": None, "n": None},
    ),
    "success_model": (
        bt.success_model,
        lambda: {"counts": counts(), "success": "green", "outcome": "binomial", "pooling": "partial", "priors": bt.SuccessPriors()},
    ),
    "cohesion_model": (
        bt.cohesion_model,
        lambda: {"authorities": authorities(), "effect": "target", "pooling": "partial", "slopes": "common", "noise": "normal"},
    ),
    "meta_model": (
        bt.meta_model,
        lambda: {"several": several(), "pooling": "partial", "moderators": (), "group": None, "selection": None, "priors": None},
    ),
    "fit_meta": (bt.fit_meta, lambda: {"several": several(), "method": "reml", "moderators": (), "selection": None, "prob": 0.95}),
    "fit_ols": (bt.fit_ols, lambda: {"authorities": authorities(), "effect": "target", "cov_type": "HC3", "reference": None, "prob": 0.9}),
    "ols_from_estimates": (bt.ols_from_estimates, lambda: {"estimates": estimates(), "df": 9, "prob": 0.95}),
    "compare": (
        bt.compare,
        lambda: {
            "posterior": posterior(), "estimates": estimates().iloc[:3], "prob": 0.95, "interval": "eti",
            "rope": (-0.5, 0.5), "variables": None,
        },
    ),
    "raw_shares": (bt.raw_shares, lambda: {"counts": counts(), "success": "green", "prob": 0.95}),
    "read_counts": (
        bt.read_counts,
        lambda: {"counts": pd.DataFrame({"area": ["a"], "green": [1], "red": [2]}), "statuses": ["green", "red"], "columns": {}},
    ),
    "multiverse": (
        bt.multiverse,
        lambda: {
            "authorities": authorities(), "effect": "target", "hoped": 1.0, "choices": {"pooling": ["none"], "controls": ["none"]},
            "draws": 100, "prob": 0.95, "seed": 1, "workers": 1, "progress": False, "fallback": False,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_no_argument_makes_a_builder_raise_anything_but_our_error(name):
    """80 calls of each, one or two arguments replaced by a value of another kind."""
    function, usual = CALLS[name][0], CALLS[name][1]()
    assert function(**usual) is not None
    rng, refused = np.random.default_rng(1), 0
    for _ in range(80):
        given = dict(usual)
        keys = [key for key in usual if key != "progress"]
        for key in rng.choice(keys, min(rng.integers(1, 3), len(keys)), replace=False):
            given[str(key)] = VALUES[rng.integers(len(VALUES))]
        try:
            function(**given)
        except bt.DataError as error:
            refused += 1
            assert 0 < len(str(error)) < 2_000
    assert refused > 30


@pytest.mark.parametrize("name", ["published_model", "ols_from_estimates"])
def test_no_frame_makes_a_builder_raise_anything_but_our_error(name):
    """150 frames of estimates with cells of another kind, columns dropped or repeated, rows repeated."""
    function = {
        "published_model": bt.published_model,
        "ols_from_estimates": lambda frame: bt.ols_from_estimates(frame, df=9),
    }[name]
    rng, refused = np.random.default_rng(2), 0
    for _ in range(150):
        frame = estimates().astype(object)
        for _ in range(rng.integers(1, 4)):
            kind, column = rng.integers(5), str(rng.choice(frame.columns)) if len(frame.columns) else ""
            if kind <= 2 and column and not frame.columns.duplicated().any():
                cells = list(frame[column])
                cells[rng.integers(len(cells))] = CELLS[rng.integers(len(CELLS))]
                frame[column] = pd.Series(cells, dtype=object, index=frame.index)
            elif kind == 3 and column:
                frame = frame.drop(columns=column)
            else:
                frame = pd.concat([frame, frame], axis=int(rng.integers(2)))
        try:
            function(frame)
        except bt.DataError as error:
            refused += 1
            assert 0 < len(str(error)) < 2_000
    assert refused > 60
