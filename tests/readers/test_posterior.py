"""One NetCDF file holds several posteriors and gives each back as it was."""

import json

import numpy as np
import pytest
import xarray as xr

from bayes_targets.errors import DataError
from bayes_targets.readers.posterior import posterior_bytes, read_posteriors


def tree(seed: int, dim: str, labels: list[str]) -> xr.DataTree:
    """What `fit` gives, in small: labelled draws, statistics, data and attrs."""
    rng = np.random.default_rng(seed)
    coords = {"chain": range(2), "draw": range(5), dim: labels}
    draws = xr.Dataset({"effect": (("chain", "draw", dim), rng.normal(size=(2, 5, len(labels))))}, coords)
    groups = {
        "posterior": draws,
        "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 5), bool))}),
        "observed_data": xr.Dataset({"estimate": (dim, rng.normal(size=len(labels)))}, {dim: labels}),
    }
    made = xr.DataTree.from_dict(groups)
    made.attrs = {
        "seed": seed,
        "model": "published",
        "origin": "observed",
        "priors": json.dumps({"mu": "N(0, 5²)"}),
    }
    return made


@pytest.fixture
def posteriors() -> dict[str, xr.DataTree]:
    return {
        "model_2": tree(1, "term", ["LAA (target on)", "<b>&'\"", "مرحبا"]),
        "model_2 flat": tree(2, "term", ["LAA (target on)"]),
        "areas": tree(3, "area", ["Transport"]),
    }


def test_every_posterior_comes_back_in_its_order_the_headline_with_all_its_groups(tmp_path, posteriors):
    (tmp_path / "posterior.nc").write_bytes(posterior_bytes(posteriors))
    again = read_posteriors(tmp_path / "posterior.nc")
    assert list(again) == list(posteriors)
    for name, posterior in posteriors.items():
        xr.testing.assert_identical(
            again[name]["posterior"].to_dataset(), posterior["posterior"].to_dataset()
        )
        headline = name == next(iter(posteriors))
        kept = (
            set(posterior.children) if headline else set(posterior.children) & {"posterior", "sample_stats"}
        )
        assert set(again[name].children) == kept
        assert dict(again[name].attrs) == dict(posterior.attrs)


def test_arviz_and_xarray_find_the_headline_at_the_root(tmp_path, posteriors):
    import arviz

    file = tmp_path / "posterior.nc"
    file.write_bytes(posterior_bytes(posteriors))
    opened = arviz.from_netcdf(file)
    assert list(opened["posterior"]["effect"].coords["term"].values) == [
        "LAA (target on)",
        "<b>&'\"",
        "مرحبا",
    ]
    assert bool((opened["posterior"]["effect"] == posteriors["model_2"]["posterior"]["effect"]).all())
    opened.close()


def test_equal_posteriors_give_equal_bytes(posteriors):
    copies = {name: posterior.copy(deep=True) for name, posterior in posteriors.items()}
    assert posterior_bytes(posteriors) == posterior_bytes(copies)


def test_of_large_posteriors_the_draws_are_kept_and_the_rest_is_said(tmp_path, posteriors, monkeypatch):
    file = tmp_path / "posterior.nc"
    size = sum(
        tree[group].to_dataset().nbytes
        for tree in posteriors.values()
        for group in ("posterior", "sample_stats")
    )
    monkeypatch.setattr("bayes_targets.readers.posterior._MOST_BYTES", size)
    file.write_bytes(posterior_bytes(posteriors))
    again = read_posteriors(file)
    assert set(again["model_2"].children) == {"posterior", "sample_stats"}
    assert again["model_2"].attrs["not_written"].startswith("groups ")
    assert all("effect" in tree["posterior"] for tree in again.values())
    monkeypatch.setattr("bayes_targets.readers.posterior._MOST_BYTES", size - 1)
    file.write_bytes(posterior_bytes(posteriors))
    again = read_posteriors(file)
    assert [name for name, tree in again.items() if "effect" not in tree["posterior"]] == ["model_2 flat"]
    assert again["model_2 flat"].attrs["not_written"] == "variables effect"


def test_one_posterior_is_enough(tmp_path, posteriors):
    file = tmp_path / "posterior.nc"
    file.write_bytes(posterior_bytes({"only": posteriors["areas"]}))
    assert list(read_posteriors(file)) == ["only"]


@pytest.mark.parametrize("name", ["posterior", "sample_stats", "a/b", "", "."])
def test_a_name_that_would_hide_a_group_or_nest_is_refused(posteriors, name):
    clash = {"headline": posteriors["model_2"], name: posteriors["areas"]}
    with pytest.raises(DataError, match="a posterior cannot be named"):
        posterior_bytes(clash)


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut"])
def test_a_file_that_is_not_whole_is_told(tmp_path, posteriors, kind):
    file = tmp_path / "posterior.nc"
    whole = posterior_bytes(posteriors)
    if kind != "missing":
        file.write_bytes({"empty": b"", "text": b"hello" * 500, "cut": whole[: len(whole) // 2]}[kind])
    with pytest.raises(DataError, match="cannot be read as posteriors") as caught:
        read_posteriors(file)
    assert "\n" not in str(caught.value)


def test_a_netcdf_file_of_another_program_is_told(tmp_path):
    file = tmp_path / "other.nc"
    xr.DataTree.from_dict({"posterior": xr.Dataset({"x": 1.0})}).to_netcdf(file, engine="h5netcdf")
    with pytest.raises(DataError, match="no attribute 'headline'"):
        read_posteriors(file)
