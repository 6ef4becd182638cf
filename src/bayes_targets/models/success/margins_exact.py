"""The exact posterior of `margins_model`: the ordinal model of the areas, and a binomial for each group's part of a status."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from ...inference.quadrature.independent_parts import together
from ...model import Model
from ...priors import Prior
from .binomial import binomial_model
from .exact import solve_success
from .ordinal import ordinal_model


@dataclass(frozen=True)
class _MemberPrior:
    """The one prior of a binomial model without pooling: log-odds of each share."""

    share: Prior


def solve_margins(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws from the posterior, with the engine's statistics.

    Given the status totals, what the tables of attributes say has no parameter in common with what the areas say.

    Parameters
    ----------
    model : Model
        From `margins_model`.
    size : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    xarray.Dataset, xarray.Dataset
        The variables of the posterior, dim ``sample``; statistics as of `solve_success`, the worst of both parts.

    Raises
    ------
    NotExactError
        If a prior is not one that the quadrature can take.
    """
    own = model.data.drop_dims("attribute")
    areas = ordinal_model(own, pooling=model.options["pooling"], priors=model.priors)
    draws, stats = solve_success(areas, size, rng)
    members = model.data["members"].stack(area=("attribute", "status"))
    others = (model.data["status_targets"] - model.data["members"]).stack(area=("attribute", "status"))
    count = np.column_stack([members.to_numpy(), others.to_numpy()])
    table = xr.Dataset(
        {"count": (("area", "status"), count)},
        coords={"area": [" ".join(label) for label in members["area"].to_numpy()], "status": ["in", "out"]},
    )
    parts = binomial_model(table, success=("in",), pooling="none", priors=_MemberPrior(model.priors.member))
    member, member_stats = solve_success(parts, size, rng)
    shape = (size, model.data.sizes["attribute"], model.data.sizes["status"])
    draws = draws.assign(
        member=(("sample", "attribute", "status"), member["share"].to_numpy().reshape(shape))
    ).assign_coords(attribute=model.data["attribute"].to_numpy(), status=model.data["status"].to_numpy())
    return draws[list(model.variables)], together([stats, member_stats])
