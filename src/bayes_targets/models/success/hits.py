"""From forecasts by colour to targets hit in the end, and to the share of the reward that is paid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, require_count, require_number, shown
from ...inference.summary import summarise_draws
from ...priors import Beta, require_prior
from ...readers.counts import holds_counts
from .equation import stacked
from .shares import FloatArray, expit


@dataclass(frozen=True)
class StatusCalibration:
    """What a status says of the chance of a target, which is common to all its targets: more of them do not average it out.

    Attributes
    ----------
    low, high : float
        Range of the chance that the status states.
    of : {"hit", "reach"}
        Chance of what: of hitting the target fully, or of reaching at least the threshold from which reward is paid.
    within : Beta
        Where in the range the chance lies; with range 0 to 1 it is the prior of the chance itself.
    rest : Beta
        For ``"hit"`` the share of misses that reach the threshold; for ``"reach"`` the share of those reaching it that are hit.

    Raises
    ------
    DataError
        If the range is not inside 0 to 1, or `of` is another word.

    Examples
    --------
    >>> amber = StatusCalibration(0.5, 0.8, of="reach")
    >>> hit, reach = amber.draw(np.random.default_rng(1), 1000)
    >>> bool((hit <= reach).all()), bool(0.5 <= reach.min() and reach.max() <= 0.8)
    (True, True)
    """

    low: float
    high: float
    of: str = "hit"
    within: Beta = Beta(1.0, 1.0)
    rest: Beta = Beta(1.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            require_number(f"calibration, {name},", getattr(self, name))
        if not 0 <= self.low <= self.high <= 1:
            raise DataError(
                f"calibration: range is {self.low} to {self.high}, expected 0 <= low <= high <= 1"
            )
        for name in ("within", "rest"):
            require_prior(name, getattr(self, name), "share", proper=True)
        if self.of not in ("hit", "reach"):
            raise DataError(f"calibration: of is {self.of!r}, expected 'hit' or 'reach'")

    def draw(self, rng: np.random.Generator, size: int) -> tuple[FloatArray, FloatArray]:
        """Chances of hitting fully and of reaching the threshold, the second never below the first."""
        stated = self.low + (self.high - self.low) * self.within.draw(rng, size)
        rest = self.rest.draw(rng, size)
        return (stated, stated + (1.0 - stated) * rest) if self.of == "hit" else (stated * rest, stated)


@dataclass(frozen=True)
class RewardRule:
    """Share of the reward that is paid for a share of a target.

    Attributes
    ----------
    threshold : float
        Share of the target below which nothing is paid.
    at_threshold : float
        Share of the reward at the threshold, from where it rises in a straight line to all of it for the whole target.

    Examples
    --------
    >>> RewardRule().payment(np.array([0.5, 0.6, 0.8, 1.2])).round(2).tolist()
    [0.0, 0.6, 0.8, 1.0]
    """

    threshold: float = 0.6
    at_threshold: float = 0.6

    def __post_init__(self) -> None:
        for name in ("threshold", "at_threshold"):
            require_number(f"reward, {name},", getattr(self, name))
        if not (0 <= self.threshold < 1 and 0 <= self.at_threshold <= 1):
            raise DataError(f"reward: found {self}, expected shares from 0 to 1, the threshold below 1")

    def payment(self, achievement: FloatArray) -> FloatArray:
        """Share of the reward for these shares of a target."""
        along = np.clip((achievement - self.threshold) / (1.0 - self.threshold), 0.0, 1.0)
        paid = self.at_threshold + (1.0 - self.at_threshold) * along
        return np.asarray(np.where(achievement >= self.threshold, paid, 0.0))


def eventual_hits(
    counts: xr.Dataset | xr.DataTree,
    calibration: Mapping[str, StatusCalibration],
    *,
    seed: int,
    transition: xr.DataArray | None = None,
    rule: RewardRule | None = None,
    draws: int = 4000,
) -> xr.Dataset:
    """Posterior predictive number of targets hit in the end, and share of the reward paid.

    In each draw every status has one chance of a full hit and one of reaching the threshold; targets of it are hit independently
    with it. A target that reaches the threshold and is not hit achieves anything between the two with the same probability
    (no source tells), and is paid for by the rule. Rewards of all targets count the same.

    Parameters
    ----------
    counts : xarray.Dataset or xarray.DataTree
        Counts by area and status, taken as they are; or a posterior of `success_model` (ordinal or multinomial),
        whose replicated counts stand for another set of targets of the same areas.
    calibration : mapping of str to StatusCalibration
        For every status.
    seed : int
        Seed of the simulation.
    transition : xarray.DataArray, optional
        Probability that a target of one status ends up as one of another, dims ``chain, draw, area, status,
        new_status``, e.g. from `optimism_transition`.
    rule : RewardRule, optional
        Default: pro rata from 60%.
    draws : int
        Number of draws.

    Returns
    -------
    xarray.Dataset
        Dims ``sample``, ``area``, ``status``: ``hits (sample, area)``, ``payable (sample, area)`` (rewards paid, in
        targets), ``total_hits``, ``hit_share``, ``payable_share`` (sample); ``hit_chance``, ``reach_chance``
        (sample, status); ``targets (area)``. Attrs ``origin`` (simulated), ``seed``.

    Raises
    ------
    DataError
        If a status has no calibration, or draws is below 1.

    Examples
    --------
    >>> from bayes_targets.readers.counts import read_counts
    >>> counts = read_counts(pd.DataFrame({"area": ["Fire"], "green": [6], "red": [4]}))
    >>> chances = {"green": StatusCalibration(0.7, 0.9, "hit"), "red": StatusCalibration(0.1, 0.3, "hit")}
    >>> made = eventual_hits(counts, chances, seed=1, draws=1000)
    >>> made["total_hits"].sizes["sample"], bool(0.3 < made["hit_share"].mean() < 0.8)
    (1000, True)
    """
    draws = require_count("draws", draws)
    rule, rng = RewardRule() if rule is None else rule, np.random.default_rng(seed)
    if not isinstance(rule, RewardRule):
        raise DataError(f"rule: found {shown(rule)}, expected a RewardRule")
    table = _count_draws(counts, rng, draws)
    statuses = [str(status) for status in table["status"].to_numpy()]
    if not isinstance(calibration, Mapping):
        raise DataError(f"calibration: found {shown(calibration)}, expected one for each of {statuses}")
    for status in statuses:
        if not isinstance(calibration.get(status), StatusCalibration):
            raise DataError(f"calibration: none for status {status!r}, expected one for each of {statuses}")
    values = table.to_numpy()
    if transition is not None:
        values = _moved(values, transition, table, rng)
    chances = [calibration[status].draw(rng, draws) for status in statuses]
    hit, reach = (np.stack([chance[i] for chance in chances], axis=1) for i in (0, 1))
    fully = rng.binomial(values, hit[:, None, :])
    room = np.where(hit < 1.0, 1.0 - hit, 1.0)
    partly = rng.binomial(values - fully, np.clip((reach - hit) / room, 0.0, 1.0)[:, None, :]).sum(axis=2)
    hits = fully.sum(axis=2)
    payable = hits + _partial_payments(partly, rule, rng)
    total = values.sum(axis=(1, 2))
    return xr.Dataset(
        {
            "hits": (("sample", "area"), hits),
            "payable": (("sample", "area"), payable),
            "total_hits": ("sample", hits.sum(axis=1)),
            "hit_share": ("sample", hits.sum(axis=1) / total),
            "payable_share": ("sample", payable.sum(axis=1) / total),
            "hit_chance": (("sample", "status"), hit),
            "reach_chance": (("sample", "status"), reach),
            "targets": ("area", values[0].sum(axis=1)),
        },
        coords={"area": table["area"].to_numpy(), "status": statuses},
        attrs={"origin": "simulated", "seed": seed},
    )


def summarise_hits(hits: xr.Dataset) -> pd.DataFrame:
    """Mean, s.d., median and 95% interval of the totals of `eventual_hits`."""
    draws = hits.rename(sample="draw").expand_dims("chain")
    totals = ("total_hits", "hit_share", "payable_share")
    table = pd.concat([summarise_draws(draws[name]) for name in totals]).rename_axis("quantity")
    table.attrs = {"interval": "eti", "prob": 0.95, "origin": "simulated"}
    return table


def optimism_transition(
    posterior: xr.DataTree, *, early: str, late: str, years: Mapping[str, float]
) -> xr.DataArray:
    """How colours fade as the end comes near, from the contrast of two finish years.

    Targets that end a year later are a year's optimism ahead, and they lose it: a group that loses y years has its cumulative log-odds
    lowered by y times the mean over cuts of the difference between the late and the early group. More years than one extrapolate.
    Targets keep their order, so that the fewest change colour; where a draw has the early group ahead, colours brighten.
    """
    share = posterior["posterior"].to_dataset()["share"].transpose("chain", "draw", "area", "status")
    areas = [str(area) for area in share["area"].to_numpy()]
    for group in (early, late, *years, *areas):
        if group not in areas or group not in years:
            raise DataError(f"years: group {group!r}, expected exactly the groups {', '.join(areas)}")
    better = np.clip(np.cumsum(share.to_numpy(), axis=-1)[..., :-1], 1e-12, 1 - 1e-12)
    log_odds = np.log(better) - np.log1p(-better)
    delta = (log_odds[..., areas.index(late), :] - log_odds[..., areas.index(early), :]).mean(axis=-1)
    lost = np.array([float(years[area]) for area in areas])
    faded = expit(log_odds - delta[..., None, None] * lost[:, None])
    after = np.diff(faded, axis=-1, prepend=0.0, append=1.0)
    return xr.DataArray(
        monotone_transition(share.to_numpy(), after),
        dims=("chain", "draw", "area", "status", "new_status"),
        coords={**share.coords, "new_status": share["status"].to_numpy()},
    )


def monotone_transition(before: Any, after: Any) -> FloatArray:
    """Transition matrix (..., K, K) from one distribution (..., K) to another that keeps the order."""
    old, new = (_ends(np.asarray(shares, dtype=float)) for shares in (before, after))
    high = np.minimum(old[..., 1:, None], new[..., None, 1:])
    low = np.maximum(old[..., :-1, None], new[..., None, :-1])
    overlap = np.clip(high - low, 0.0, None)
    width = overlap.sum(axis=-1, keepdims=True)
    # A status that nobody has goes nowhere; it stays, so that rows add up to 1.
    stay = np.broadcast_to(np.eye(overlap.shape[-1]), overlap.shape)
    return np.where(width > 0, overlap / np.where(width > 0, width, 1.0), stay)


def _ends(shares: FloatArray) -> FloatArray:
    """Where statuses begin and end when they are laid side by side from 0 to 1."""
    ends = np.concatenate([np.zeros((*shares.shape[:-1], 1)), np.cumsum(shares, axis=-1)], axis=-1)
    ends[..., -1] = 1.0
    return ends


def _count_draws(counts: xr.Dataset | xr.DataTree, rng: np.random.Generator, draws: int) -> xr.DataArray:
    """Counts with dims sample, area and status: repeated, or drawn from replicated ones."""
    if holds_counts(counts):
        return counts["count"].transpose("area", "status").expand_dims(sample=draws)
    if not isinstance(counts, xr.DataTree):
        raise DataError(f"counts: found {shown(counts)}, expected what read_counts returns, or a posterior")
    found = counts.get("posterior_predictive")
    group = found.to_dataset() if isinstance(found, xr.DataTree) else xr.Dataset()
    if "count" not in group:
        raise DataError("the posterior holds no counts by status, expected an ordinal or multinomial one")
    flat = group["count"].stack(sample=("chain", "draw")).transpose("sample", "area", "status")
    chosen = rng.integers(flat.sizes["sample"], size=draws)
    return flat.isel(sample=chosen).drop_vars(("sample", "chain", "draw"))


def _moved(
    values: NDArray[np.int64], transition: xr.DataArray, table: xr.DataArray, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Counts after every target has moved to its new status."""
    order = {"area": table["area"].to_numpy(), "status": table["status"].to_numpy()}
    matrix = stacked(
        transition.sel(order | {"new_status": order["status"]}).transpose(..., "area", "status", "new_status")
    )
    matrix = matrix[rng.integers(len(matrix), size=len(values))]
    matrix = matrix / matrix.sum(axis=-1, keepdims=True)
    return np.asarray(rng.multinomial(values, matrix).sum(axis=-2))


def _partial_payments(partly: NDArray[np.int64], rule: RewardRule, rng: np.random.Generator) -> FloatArray:
    """Reward of so many targets between threshold and full hit, dims (sample, area)."""
    paid = np.zeros(partly.shape)
    for area in range(partly.shape[1]):
        most = int(partly[:, area].max(initial=0))
        achievement = rule.threshold + (1.0 - rule.threshold) * rng.random((len(partly), most))
        counted = np.arange(most) < partly[:, [area]]
        paid[:, area] = (rule.payment(achievement) * counted).sum(axis=1)
    return paid
