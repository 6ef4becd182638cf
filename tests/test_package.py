"""The public names: each is documented with an example that runs (as a doctest)."""

from __future__ import annotations

import inspect

import pytest

import bayes_targets as bt


@pytest.mark.parametrize("name", [name for name in bt.__all__ if callable(getattr(bt, name))])
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(getattr(bt, name)) or "")


@pytest.mark.parametrize("name", [name for name in bt.__all__ if name.startswith("plot_")])
def test_every_figure_says_what_it_takes_and_gives(name: str) -> None:
    documented = inspect.getdoc(getattr(bt, name)) or ""
    assert [part for part in ("Parameters", "Returns", "Examples") if f"{part}\n---" not in documented] == []
