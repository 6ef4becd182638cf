"""Many fits of one success model: compiled once, counts swapped, every fit behind the gate."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ..diagnostics import diagnose, require
from ..errors import DataError, DiagnosticsError
from ..model import Model
from .success_parts import swapped_data

# Refits see few areas, so their posteriors have long necks; such small graphs afford small steps.
_TARGET_ACCEPT = 0.99


@dataclass(frozen=True, eq=False)
class Refits:
    """A success model whose graph is compiled, ready for other counts in the same areas and statuses.

    Attributes
    ----------
    model : Model
        From `success_model`; its own counts play no part in a refit.
    compiled : object
        The compiled graph.
    draws, tune, chains : int
        As in `fit`.
    """

    model: Model
    compiled: Any
    draws: int = 1000
    tune: int = 1000
    chains: int = 4


def compile_refits(model: Model, *, draws: int = 1000, tune: int = 1000, chains: int = 4) -> Refits:
    """Compile a success model once.

    Parameters
    ----------
    model : Model
        From `success_model`.
    draws, tune, chains : int
        Of each refit, as in `fit`.

    Returns
    -------
    Refits
    """
    import nutpie

    return Refits(model, nutpie.compile_pymc_model(model.to_pymc()), draws, tune, chains)


def refit(refits: Refits, data: xr.Dataset, *, seed: int, what: str = "refit") -> xr.Dataset:
    """Posterior draws under other counts, let through only by the gate.

    Parameters
    ----------
    refits : Refits
        From `compile_refits`.
    data : xarray.Dataset
        Like ``refits.model.data``, with other counts. An area whose counts and targets are 0 is one that
        nothing is known of: its draws are those of a new area.
    seed : int
        Seed of the sampler.
    what : str
        Name of this fit, for the message if the gate stops it.

    Returns
    -------
    xarray.Dataset
        The model's posterior variables.

    Raises
    ------
    DataError
        If areas or statuses are not those of the model.
    DiagnosticsError
        If a check of `diagnose` failed.
    """
    tree = sample_refit(refits, data, seed=seed)
    try:
        require(diagnose(tree))
    except DiagnosticsError as error:
        raise DiagnosticsError(f"{what}: {error}") from None
    return tree["posterior"].to_dataset()


def sample_refit(refits: Refits, data: xr.Dataset, *, seed: int) -> xr.DataTree:
    """Posterior draws and sampler statistics under other counts, not yet checked; see `refit`."""
    import nutpie

    model = refits.model
    for dim in ("area", "status"):
        if dim in model.data.dims and not np.array_equal(model.data[dim], data[dim]):
            raise DataError(f"refit: the dim {dim!r} is not that of the compiled model")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    trace = nutpie.sample(
        refits.compiled.with_data(**swapped_data(data)),
        draws=refits.draws,
        tune=refits.tune,
        chains=refits.chains,
        cores=min(refits.chains, available),
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=_TARGET_ACCEPT,
    )
    posterior: xr.Dataset = trace["posterior"].to_dataset()[list(model.variables)]
    if posterior.sizes["draw"] < refits.draws:
        # The sampler swallows Ctrl-C and hands back what it has.
        raise KeyboardInterrupt
    stats = trace["sample_stats"].to_dataset()[["diverging", "energy"]]
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
