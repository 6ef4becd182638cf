"""The public names: each is documented with an example that runs (as a doctest)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt

CALLABLES = [name for name in bt.__all__ if callable(getattr(bt, name))]


@pytest.mark.parametrize("name", CALLABLES)
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(getattr(bt, name)) or "")


@pytest.mark.parametrize("name", [name for name in bt.__all__ if name.startswith("plot_")])
def test_every_figure_says_what_it_takes_and_gives(name: str) -> None:
    documented = inspect.getdoc(getattr(bt, name)) or ""
    assert [part for part in ("Parameters", "Returns", "Examples") if f"{part}\n---" not in documented] == []


@pytest.fixture(scope="module")
def objects() -> Mapping[str, object]:
    """Things that a function may be handed by mistake, what it wants itself among them."""
    table = "term,estimate,se\nA,1,.5\nB,2,.4\n"
    evaluation = bt.read_estimates(table, focus="A", better="higher", smallest=0.3, hoped=1.0, n=100)
    model = bt.published_model(evaluation)
    posterior = bt.fit(model, seed=1, draws=200, pointwise=False)
    return {
        "nothing": None, "a number": 1.0, "text": "x", "a list": [1, 2], "names": {}, "a number by name": {"a": 1},
        "a comparison": bt.compare(posterior, evaluation), "an empty table": pd.DataFrame(), "an evaluation": evaluation,
        "a model": model, "a posterior": posterior, "no posterior": xr.DataTree(), "no data": xr.Dataset(),
        "numbers": np.arange(3.0), "draws": posterior["posterior"]["effect"], "a prior": bt.Normal(0.0, 1.0),
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in CALLABLES if not name.endswith("Error")])
def test_an_object_of_the_wrong_kind_is_a_data_error(name: str, objects: Mapping[str, object]) -> None:
    function = getattr(bt, name)
    needed = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    first, *others = [each for each in needed if each.kind is each.POSITIONAL_OR_KEYWORD] or [None]
    options = {each.name: 1 for each in needed if each.kind is each.KEYWORD_ONLY}
    for what, given in objects.items() if first else ():
        for second in (given, objects["an evaluation"])[: 1 + bool(others)]:
            try:
                function(given, *[second] * len(others), **options)
            except (bt.DataError, bt.DiagnosticsError) as error:
                assert len(str(error)) > 20, f"{name} of {what}"
            except Exception as error:
                pytest.fail(f"{name} of {what}: {type(error).__name__}: {error}")
