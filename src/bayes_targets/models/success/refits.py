"""Many fits of one success model: compiled once, counts swapped, every fit behind the gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...errors import DataError, DiagnosticsError
from ...inference.diagnostics import diagnose, require
from ...inference.engines import CompiledNuts, compile_nuts, sample_nuts
from ...model import Model
from .parts import swapped_data

# Refits see few areas, so their posteriors have long necks; such small graphs afford small steps.
_TARGET_ACCEPT = 0.99


@dataclass(frozen=True, eq=False)
class Refits:
    """A success model whose graph is compiled, ready for other counts in the same areas and statuses.

    Attributes
    ----------
    compiled : CompiledNuts
        The model, from `success_model`, with its compiled graph; its own counts play no part in a refit.
    draws, tune, chains : int
        As in `fit`.
    """

    compiled: CompiledNuts
    draws: int = 1000
    tune: int = 1000
    chains: int = 4

    @property
    def model(self) -> Model:
        """The model that was compiled."""
        return self.compiled.model


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
    return Refits(compile_nuts(model), draws, tune, chains)


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
    model = refits.model
    for dim in ("area", "status"):
        if dim in model.data.dims and not np.array_equal(model.data[dim], data[dim]):
            raise DataError(f"refit: the dim {dim!r} is not that of the compiled model")
    posterior, stats = sample_nuts(
        refits.compiled,
        data=swapped_data(data),
        draws=refits.draws,
        tune=refits.tune,
        chains=refits.chains,
        seed=seed,
        target_accept=_TARGET_ACCEPT,
    )
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
