"""One set of targets of which only margins are printed (by area, kind, finish year): an ordinal model, and binomials beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean, require_choice, shown
from ...inference.quadrature import together
from ...model import Model, priors_of_kind, require_fit_of
from ...priors import HalfNormal, Normal, Prior
from ...readers.counts import holds_counts
from .equation import describe
from .estimands import status_share
from .exact import solve_success
from .model import SuccessPriors, checked_priors, with_covariates
from .shares import expit

_DIMS = ("attribute", "status")


def solve_margins(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws from the posterior, with the engine's statistics: given the totals, tables share no parameter."""
    draws, stats = solve_success(_areas(model), size, rng)
    members = model.data["members"].stack(area=_DIMS)
    others = (model.data["status_targets"] - model.data["members"]).stack(area=_DIMS)
    count = np.column_stack([members.to_numpy(), others.to_numpy()])
    table = xr.Dataset(
        {"count": (("area", "status"), count)},
        coords={"area": [" ".join(label) for label in members["area"].to_numpy()], "status": ["in", "out"]},
    )
    own = SuccessPriors(share=model.priors.member)
    parts = describe(table, "binomial", pooling="none", priors=own, success=("in",))
    member, member_stats = solve_success(parts, size, rng)
    shape = (size, model.data.sizes["attribute"], model.data.sizes["status"])
    draws = draws.assign(member=(("sample", *_DIMS), member["share"].to_numpy().reshape(shape)))
    draws = draws.assign_coords({dim: model.data[dim].to_numpy() for dim in _DIMS})
    return draws[list(model.variables)], together([stats, member_stats])


@dataclass(frozen=True)
class MarginsPriors:
    """Priors of `margins_model`, on log-odds; `mu`, `split` and `member` also as a Beta on the share itself.

    Attributes
    ----------
    mu, split, tau : Prior
        As in `SuccessPriors`: shares of the statuses in a typical area, and their spread between areas.
    member : Prior
        Log-odds that a target of one status belongs to the second group of an attribute (is local, ends in
        2006), for each status by itself. ``Normal(0, 1.5)`` leaves 95% between 5% and 95%.
    effect : Prior
        As in `SuccessPriors`, where the areas have covariates.

    Examples
    --------
    >>> print(MarginsPriors(member=Normal(0, 1)).member)
    Normal(0, 1)
    """

    mu: Prior = Normal(0.0, 1.5)
    tau: Prior = HalfNormal(1.0)
    split: Prior = Normal(0.0, 1.5)
    member: Prior = Normal(0.0, 1.5)
    effect: Prior = Normal(0.0, 1.0)


def margins_model(
    areas: xr.Dataset,
    attributes: Mapping[str, xr.Dataset],
    *,
    pooling: str = "partial",
    priors: MarginsPriors | None = None,
) -> Model:
    r"""Joint model of one set of targets, known by the margins area x status and attribute x status.

    The status of a target follows the ordinal model of `success_model` given its area; and an attribute (local
    or national; finish in 2005 or 2006) follows its status,

    .. math:: y_{js} \mid n_j \sim \text{ordinal}, \qquad m_{as} \sim \mathrm{Binomial}(t_{as}, \kappa_{as})

    with :math:`m_{as}` of the :math:`t_{as}` targets of status s in the second group of attribute a. *Area and
    attributes are independent given the status.* So the statuses are counted once, and
    each table enters as printed even where its totals are misprinted: only its composition within a status is used.

    **What margins cannot identify**: how area, kind and finish year hang together among targets of one status.
    If, say, most environment targets are local, then the advantage of local targets may be that of environment targets, and no
    margin tells. Shares of areas (`share`) and of groups (`group_shares`) do not rest on the independence; shares of a cell
    (`cell_share`: local environment targets that end in 2006) rest on it wholly.

    Parameters
    ----------
    areas : xarray.Dataset
        Counts by area and status, from `read_counts`.
    attributes : mapping of str to Dataset
        Counts by group and status of the same targets, two groups each, e.g. ``{"kind": ..., "finish": ...}``.
    pooling : {"partial", "complete"}
        Of the areas.
    priors : MarginsPriors, optional
        On the log-odds.

    Returns
    -------
    Model
        Posterior variables of the ordinal model, and ``member (attribute, status)``, the share of the second
        group among the targets of a status.

    Raises
    ------
    DataError
        If an attribute has not two groups, statuses differ between tables, or areas are not pooled.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayes_targets.readers.counts import read_counts
    >>> areas = read_counts(pd.DataFrame({"area": ["Fire", "Health"], "green": [1, 3], "amber": [1, 5], "red": [1, 3]}))
    >>> kind = read_counts(pd.DataFrame({"area": ["national", "local"], "green": [1, 3], "amber": [3, 3], "red": [3, 1]}))
    >>> margins_model(areas, {"kind": kind}).variables[-1]
    'member'
    """
    require_choice("pooling", pooling, ("partial", "complete"))
    if not isinstance(attributes, Mapping) or not attributes:
        raise DataError(
            f"attributes: found {shown(attributes)}, expected a dict of names to tables of two groups"
        )
    for name, counts in {"areas": areas, **attributes}.items():
        if not holds_counts(counts):
            raise DataError(
                f"{name}: found {shown(counts)}, expected counts by area and status, as read_counts returns"
            )
    priors = priors_of_kind(priors, MarginsPriors)
    areas = with_covariates(areas, None)
    count = areas["count"].transpose("area", "status").to_numpy().astype(float)
    predictor = areas["predictor"].transpose("area", "covariate") if "predictor" in areas else None
    priors = checked_priors(priors, count, outcome="ordinal", pooling=pooling, predictor=predictor)
    base = describe(areas, "ordinal", pooling=pooling, priors=priors)
    parts = [_attribute(name, table, areas) for name, table in attributes.items()]
    data = base.data.merge(xr.concat(parts, dim="attribute"), join="exact")
    data.attrs = dict(areas.attrs)
    return replace(
        base,
        name="success_margins",
        data=data,
        options={**base.options, "outcome": "margins", "attributes": list(attributes)},
        observed=("count", "members"),
        variables=(*base.variables, "member"),
        build=_build,
        draw_prior=_draw_prior,
        log_likelihood=_log_likelihood,
        predict=_predict,
        exact=solve_margins,
    )


def _attribute(name: str, table: xr.Dataset, areas: xr.Dataset) -> xr.Dataset:
    if table.sizes["area"] != 2:
        raise DataError(f"attribute {name!r}: found {table.sizes['area']} groups, expected two")
    if set(table["status"].to_numpy()) != set(areas["status"].to_numpy()):
        raise DataError(f"attribute {name!r}: its statuses are not those of the areas")
    count = table["count"].sel(status=areas["status"])
    first, second = (str(group) for group in table["area"].to_numpy())
    return xr.Dataset(
        {
            "members": count.isel(area=1, drop=True),
            "status_targets": count.sum("area"),
            "first_group": first,
            "second_group": second,
        }
    ).expand_dims(attribute=[name])


def _areas(model: Model) -> Model:
    """The ordinal model of the areas, without the attributes."""
    own = model.data.drop_dims("attribute")
    return describe(own, "ordinal", pooling=model.options["pooling"], priors=model.priors)


def _members_and_targets(model: Model) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Targets of the second groups, and all of each status, of shape (attribute, status)."""
    members, targets = (
        model.data[name].transpose(*_DIMS).to_numpy() for name in ("members", "status_targets")
    )
    return members, targets


def _build(model: Model) -> Any:
    import pymc as pm

    graph = _areas(model).to_pymc()
    members, targets = _members_and_targets(model)
    with graph:
        graph.add_coord("attribute", model.data["attribute"].to_numpy())
        logit = model.priors.member.to_pymc("member_logit", dims=_DIMS)
        pm.Deterministic("member", pm.math.sigmoid(logit), dims=_DIMS)
        pm.Binomial("members", n=targets, logit_p=logit, observed=members, dims=_DIMS)
    return graph


def _draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    prior = _areas(model).draw_prior(_areas(model), rng, size)
    if prior is None or not model.priors.member.proper:
        return None
    shape = (size, model.data.sizes["attribute"], model.data.sizes["status"])
    member = expit(model.priors.member.draw(rng, shape))
    return prior.assign(member=(("sample", *_DIMS), member)).assign_coords(attribute=model.data["attribute"])


def _log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    from scipy import stats

    own = _areas(model)
    member = draws["member"].transpose("chain", "draw", *_DIMS)
    value = stats.binom.logpmf(*_members_and_targets(model), member.to_numpy())
    return own.log_likelihood(own, draws).assign(members=member.copy(data=value))


def _predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    own = _areas(model)
    member = draws["member"].transpose("chain", "draw", *_DIMS)
    drawn = rng.binomial(_members_and_targets(model)[1], np.clip(member.to_numpy(), 0.0, 1.0))
    return own.predict(own, draws, rng).assign(members=member.copy(data=drawn))


def group_shares(posterior: xr.DataTree) -> xr.DataTree:
    """Shares of the statuses in the groups of each attribute, as a posterior that the estimands take.

    By Bayes' rule from the overall shares of the statuses and the share of each group among them.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `margins_model`.

    Returns
    -------
    xarray.DataTree
        Group ``posterior`` with ``share (area, status)``, the groups as areas, and ``overall_share (status)``.

    Examples
    --------
    >>> import bayes_targets as bt, pandas as pd
    >>> areas = bt.read_counts(pd.DataFrame({"area": ["Fire", "Health"], "green": [1, 3], "amber": [1, 5], "red": [1, 3]}))
    >>> kind = bt.read_counts(pd.DataFrame({"area": ["national", "local"], "green": [1, 3], "amber": [3, 3], "red": [3, 1]}))
    >>> posterior = bt.fit(bt.margins_model(areas, {"kind": kind}), seed=1)
    >>> share = group_shares(posterior)["posterior"]["share"].mean(("chain", "draw"))
    >>> bool(share.sel(area="local", status="green") > share.sel(area="national", status="green"))
    True
    """
    members = _group_members(posterior)
    overall = posterior["posterior"].to_dataset()["overall_share"]
    shares = []
    for groups in members.values():
        for group, member in groups.items():
            joint = overall * member
            shares.append((joint / joint.sum("status")).expand_dims(area=[group]))
    share = xr.concat(shares, dim="area").transpose("chain", "draw", "area", "status")
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"share": share, "overall_share": overall})})
    tree.attrs = dict(posterior.attrs)
    return tree


def cell_share(posterior: xr.DataTree, groups: Mapping[str, str]) -> xr.DataArray:
    """Shares of the statuses by area among the targets of certain groups, if these are independent given status.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `margins_model`.
    groups : mapping of str to str
        Attribute to group, e.g. ``{"kind": "local"}``.

    Returns
    -------
    xarray.DataArray
        Dims ``chain``, ``draw``, ``area``, ``status``; shares from 0 to 1 that add up to 1 over the statuses.

    Raises
    ------
    DataError
        If an attribute or a group is not known.

    Examples
    --------
    >>> import bayes_targets as bt, pandas as pd
    >>> areas = bt.read_counts(pd.DataFrame({"area": ["Fire", "Health"], "green": [1, 3], "amber": [1, 5], "red": [1, 3]}))
    >>> kind = bt.read_counts(pd.DataFrame({"area": ["national", "local"], "green": [1, 3], "amber": [3, 3], "red": [3, 1]}))
    >>> posterior = bt.fit(bt.margins_model(areas, {"kind": kind}), seed=1)
    >>> share = cell_share(posterior, {"kind": "local"}).mean(("chain", "draw"))
    >>> bool((abs(share.sum("status") - 1) < 1e-9).all())
    True
    """
    known = _group_members(posterior)
    if not isinstance(groups, Mapping):
        raise DataError(f"groups: found {shown(groups)}, expected a dict of attributes to groups")
    joint = posterior["posterior"].to_dataset()["share"]
    for attribute, group in groups.items():
        if attribute not in known:
            raise DataError(f"groups: no attribute {attribute!r}, {did_you_mean(attribute, list(known))}")
        members = known[attribute]
        if group not in members:
            raise DataError(
                f"groups, {attribute!r}: no group {group!r}, {did_you_mean(group, list(members))}"
            )
        joint = joint * members[group]
    return (joint / joint.sum("status")).transpose("chain", "draw", "area", "status")


def _group_members(posterior: xr.DataTree) -> dict[str, dict[str, xr.DataArray]]:
    """By attribute and group, the share of the group among the targets of each status."""
    require_fit_of(posterior, "success_margins", "margins_model")
    draws, constant = (posterior[group].to_dataset() for group in ("posterior", "constant_data"))
    out = {}
    for attribute in draws["attribute"].to_numpy():
        second, of = draws["member"].sel(attribute=attribute, drop=True), constant.sel(attribute=attribute)
        out[str(attribute)] = {of["first_group"].item(): 1.0 - second, of["second_group"].item(): second}
    return out


def composition_bound(
    posterior: xr.DataTree, counts: xr.Dataset, size: int, *, success: Sequence[str] | str
) -> xr.DataArray:
    """Largest difference in success between a group and the rest that the mix of areas alone could make.

    The group gets the targets of the areas with the highest shares; within an area both succeed equally often.
    """
    targets = counts["count"].sum("status")
    total = int(targets.sum())
    if not 0 < size < total:
        raise DataError(f"size is {size}, expected a number of targets between 1 and {total - 1}")
    share = status_share(posterior, success).transpose("chain", "draw", "area")
    order = np.argsort(-share.to_numpy(), axis=-1)
    ranked = np.take_along_axis(share.to_numpy(), order, axis=-1)
    numbers = targets.sel(area=share["area"]).to_numpy()[order]
    inside = np.clip(size - (np.cumsum(numbers, axis=-1) - numbers), 0, numbers)
    best = (inside * ranked).sum(axis=-1) / size
    rest = ((numbers - inside) * ranked).sum(axis=-1) / (total - size)
    return share.isel(area=0, drop=True).copy(data=best - rest).rename("composition_bound")
