"""What the ordinal and the multinomial model do alike once they have shares by area and status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ...model import Model
from .parts import FloatArray, multinomial_log_density, swapped_data


def observe_statuses(model: Model, share: Any) -> None:
    """Add shares (area, status), their average over all targets and the observed counts to a graph."""
    import pymc as pm

    held = swapped_data(model.data)
    targets = pm.Data("targets_data", held["targets_data"], dims="area")
    count = pm.Data("count_data", held["count_data"], dims=("area", "status"))
    share = pm.Deterministic("share", share, dims=("area", "status"))
    pm.Deterministic("overall_share", (share * targets[:, None]).sum(axis=0) / targets.sum(), dims="status")
    pm.Multinomial("count", n=targets, p=share, observed=count, dims=("area", "status"))


def with_shares(model: Model, draws: xr.Dataset, share: FloatArray, coords: Mapping[str, Any]) -> xr.Dataset:
    """Add shares (sample, area, status) and their average over all targets to prior draws, labelled."""
    targets = model.data["targets"].to_numpy()
    overall = np.einsum("sak,a->sk", share, targets / targets.sum())
    found = draws.assign(
        share=(("sample", "area", "status"), share), overall_share=(("sample", "status"), overall)
    )
    return found.assign_coords({dim: labels for dim, labels in coords.items() if dim in found.dims})


def status_log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log probability of each area's counts given its shares, multinomial coefficient included."""
    share = draws["share"].transpose("chain", "draw", "area", "status")
    with np.errstate(divide="ignore"):
        value = multinomial_log_density(model.data["count"].to_numpy(), np.log(share.to_numpy()))
    return xr.Dataset({"count": share.isel(status=0, drop=True).copy(data=value)})


def replicated(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.DataArray:
    """Counts (area, status) drawn again from the shares of each draw."""
    share = draws["share"].transpose("chain", "draw", "area", "status")
    probabilities = np.clip(share.to_numpy(), 0.0, 1.0)
    probabilities = probabilities / probabilities.sum(axis=-1, keepdims=True)
    return share.copy(data=rng.multinomial(model.data["targets"].to_numpy(), probabilities))


def labelled_by_draw(values: FloatArray, draws: xr.Dataset, model: Model) -> xr.DataArray:
    """Values (sample, status) as an array with dims chain, draw and status."""
    template = draws["overall_share"].transpose("chain", "draw", "status")
    return template.copy(data=values.reshape(template.shape)).assign_coords(status=model.data["status"])
