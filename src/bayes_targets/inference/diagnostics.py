"""The gate: what must hold of a posterior before anything of it is reported. It fails closed.

Every property is a number with the exact range in which it is admissible. Whatever lies outside fails, and so does whatever
cannot be computed, because a comparison with NaN is false.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DiagnosticsError, require_kind
from .convergence import mixing

FloatArray = NDArray[np.float64]
# A row of `diagnose`.
Check = dict[str, object]

# How far prior and data may be apart, in s.d., before a reader is told.
CONFLICT_LIMIT = 3.0
# Draws at a time: few enough for the processor's cache.
_CHUNK = 2**14


class Limit(NamedTuple):
    """The range in which a property is admissible, both ends included, and what a reader is told of it."""

    low: float
    high: float
    text: str


def _at_most(limit: float) -> Limit:
    """What cannot be negative, such as a share, a distance or a number of faults."""
    return Limit(0.0, limit, f"at most {limit:g}")


def _at_least(limit: float, most: float = np.finfo(float).max) -> Limit:
    return Limit(limit, most, f"at least {limit:g}")


# By quantity; of whatever is not here, there must be none. Those of any engine first, then of the exact one, NUTS and SMC.
_LIMITS = {
    "chains": _at_least(4),
    "draws that repeat another one, largest share": _at_most(0.1),
    "correlation between chains, largest": _at_most(0.6),
    "dependence between draws, in s.e.": _at_most(6.0),
    # The mean square of successive differences is at most four times the variance.
    "E-BFMI, smallest over the chains": _at_least(0.3, 4.1),
    "predictive p-value, smallest over what was observed": _at_least(0.002, 1.0),
    "prior and data in conflict, largest distance in s.d.": _at_most(CONFLICT_LIMIT),
}
_NONE, _R_HAT, _LEAST_DRAWS, _LEAST_PER_CHAIN = _at_most(0), _at_most(1.01), 400, 100
# Statistics that each engine must give, one number each: what a reader is told of them, and their range.
_EXACT = {
    "log_evidence": ("log evidence", Limit(-np.finfo(float).max, np.finfo(float).max, "finite")),
    "grid_size": ("nodes of the grid", _at_least(1, 1e9)),
    "edge_mass": ("mass at the edge of the grid", _at_most(1e-6)),
    "refinement_change": ("change on refinement, in Monte Carlo s.e.", _at_most(0.1)),
    "acceptance": ("acceptance", _at_least(0.2, 1.0)),
}
# Instead, where nodes are weighted draws: they need not be many for each that counts, but their weights must have a light tail.
_IMPORTANCE = {
    "acceptance": ("weighted draws that count", _at_least(0.02, 1.0)),
    "importance_ess": ("weighted draws, in independent ones", _at_least(_LEAST_DRAWS, 1e9)),
    "pareto_k": ("k-hat of the weights", Limit(-10.0, 0.7, "at most 0.7")),
}
# The same for each population of particles, and for a likelihood that is learnt from simulations.
_SMC = {
    "exponent": ("exponent reached, smallest over the chains", Limit(1.0, 1.0, "at least 1")),
    "acceptance": ("moves accepted, smallest over the chains", _at_least(0.1, 1.0)),
    "likelihood_bias": ("bias of the learnt likelihood, in s.d.", _at_most(0.25)),
    "likelihood_spread": ("error of the learnt likelihood's s.d.", _at_most(0.25)),
}
_NUTS = ("diverging", "energy")


def diagnose(posterior: xr.DataTree) -> pd.DataFrame:
    """Check a posterior, property by property.

    ArviZ has a function of this name that reports problems and lets everything pass; this one is for `require`.

    Parameters
    ----------
    posterior : xarray.DataTree
        Groups ``posterior`` and ``sample_stats`` with dims ``chain`` and ``draw``, as `fit` gives them.

    Returns
    -------
    pandas.DataFrame
        One row per check. Columns ``quantity`` (text), ``value`` (float), ``limit`` (text), ``passed`` (bool) and ``kind``:
        ``"gate"`` for what `require` insists on, ``"note"`` for what a reader must be told. A value that cannot be computed
        is NaN and does not pass.

        For every engine: groups, dims and statistics that must be there, in the shape of the draws; draws that are real
        numbers, and finite; at least four chains; no constant chain; no more than a tenth of the draws equal to another
        draw, and no correlation between chains beyond 0.6, as copies of a chain would have.

        *NUTS*: no divergences; E-BFMI of at least 0.3 in every chain; for each variable the largest rank-normalised split
        R-hat (at most 1.01) and the smallest bulk and tail effective sample size (at least 400, and 100 per chain).

        *Exact* (``attrs["engine"]``): a finite log evidence; mass at the edge of the grid (at most 1e-6); change on
        refinement of the grid (at most 0.1 Monte Carlo standard errors); acceptance (at least 0.2); number of draws; and
        their dependence, the largest sign correlation of successive draws or deviation of a chain from the common median
        over all variables (at most 6 standard errors).

        *SMC*: the exponent that every population reached (1: the posterior itself); acceptance of the last moves (at least
        0.1); standardised errors of the learnt likelihood over new simulations from the posterior, whose mean is at most
        0.25 from 0 and whose standard deviation at most 0.25 from 1; the smallest two-sided posterior predictive p-value
        of what was observed (at least 0.002); R-hat and effective sample sizes.

        The note: whether prior and data are in conflict, the largest distance of an estimate from its prior mean over the
        root of their summed variances (at most 3), where the model can tell.

    Raises
    ------
    DataError
        If `posterior` is not a DataTree.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), "Rank-normalization, folding, and localization", Bayesian Analysis
    16. Betancourt (2016), "Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo", arXiv:1604.00695.
    Box (1980), "Sampling and Bayes' inference in scientific modelling and robustness", JRSS A 143 (prior and data).

    Examples
    --------
    >>> import bayes_targets as bt
    >>> table = pd.DataFrame({"term": ["target"], "estimate": [0.952], "se": [0.659]})
    >>> posterior = bt.fit(bt.published_model(table, priors=bt.PublishedPriors(effect=bt.Normal(0, 5))), seed=1)
    >>> checks = bt.diagnose(posterior)
    >>> checks["kind"].unique().tolist(), bool(checks["passed"].all()), bt.require(checks)
    (['gate', 'note'], True, None)
    """
    require_kind("posterior", posterior, xr.DataTree, "the DataTree that fit returns")
    if "posterior" not in posterior.children or not posterior["posterior"].data_vars:
        return _table([_row("posterior group missing", 1.0)])
    draws = posterior["posterior"].to_dataset()
    stats = posterior["sample_stats"].to_dataset() if "sample_stats" in posterior.children else xr.Dataset()
    if not {"chain", "draw"} <= set(draws.sizes):
        return _table([_row("dims chain and draw missing", 1.0)])
    engine = posterior.attrs.get("engine")
    with np.errstate(all="ignore"):
        values, rows, dependence = _draws(draws, _points(posterior))
        shape = (draws.sizes["chain"], draws.sizes["draw"])
        if engine == "exact":
            rows = [*exact_rows(stats), *rows]
            # A model of points alone has no draws that could depend on one another.
            if values or not _points(posterior):
                rows.append(_row("draws", math.prod(shape), _enough(shape[0])))
                rows.append(_row("dependence between draws, in s.e.", dependence))
        elif engine == "smc":
            rows = [
                *_smc_rows(stats, shape[0]),
                _predictive_row(posterior),
                *rows,
                *_mixing_rows(values, shape),
            ]
        else:
            rows = [
                _presence_row(stats, _NUTS),
                *rows,
                *_nuts_rows(stats, shape),
                *_mixing_rows(values, shape),
            ]
        rows.append(_row("statistics of another shape than the draws", _misshapen(stats, draws)))
    return _table([*rows, *_notes(posterior)])


def require(checks: pd.DataFrame) -> None:
    """Let a posterior through only if every gate of it passed.

    Parameters
    ----------
    checks : pandas.DataFrame
        From `diagnose`. Rows whose ``kind`` is ``"note"`` do not count; any other row does.

    Raises
    ------
    DiagnosticsError
        If a check failed, or if there is none; the message names each with value and limit.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"quantity": "divergences", "value": 3.0, "limit": "at most 0", "passed": False}
    >>> require(pd.DataFrame([row]))
    Traceback (most recent call last):
        ...
    bayes_targets.errors.DiagnosticsError: the posterior is not reported: divergences is 3 (at most 0)
    """
    needed = {"quantity", "value", "limit", "passed"}
    if not isinstance(checks, pd.DataFrame) or not needed <= set(checks.columns):
        missing = needed - set(checks.columns) if isinstance(checks, pd.DataFrame) else set()
        found = f"a table without {', '.join(sorted(missing))}" if missing else type(checks).__name__
        raise DiagnosticsError(
            f"the posterior is not reported: found {found}, expected the checks of diagnose"
        )
    checks = gates(checks)
    if checks.empty:
        raise DiagnosticsError("the posterior is not reported: no check was made of it")
    failed = checks[~checks["passed"].map(lambda passed: bool(passed is True or passed is np.True_))]
    if failed.empty:
        return
    rows = failed[["quantity", "value", "limit"]].itertuples(index=False, name=None)
    reasons = [f"{quantity} is {_shown(value)} ({limit})" for quantity, value, limit in rows]
    shown = "; ".join(reasons[:6]) + (f"; and {len(reasons) - 6} more" if len(reasons) > 6 else "")
    raise DiagnosticsError(f"the posterior is not reported: {shown}")


def gates(checks: pd.DataFrame) -> pd.DataFrame:
    """The rows of `diagnose` that decide; without a column ``kind``, all of them."""
    return checks[checks["kind"].ne("note")] if "kind" in checks.columns else checks


def exact_rows(stats: xr.Dataset | Mapping[str, float]) -> list[Check]:
    """Checks of the statistics of `solve`, which `diagnose` makes of an exact posterior."""
    wanted = _EXACT | (_IMPORTANCE if {"importance_ess", "pareto_k"} & set(map(str, stats)) else {})
    rows = [_presence_row(stats, wanted)]
    for name, (quantity, limit) in wanted.items():
        found = _real(stats.get(name))
        rows.append(
            _row(quantity, found.item() if found is not None and found.size == 1 else math.nan, limit)
        )
    return rows


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else repr(value)


def _enough(chains: int) -> Limit:
    """How many effective draws so many chains must give."""
    return _at_least(max(_LEAST_DRAWS, _LEAST_PER_CHAIN * chains))


def _table(rows: list[Check]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["quantity", "value", "limit", "passed", "kind"])


def _row(quantity: str, value: float, limit: Limit | None = None, kind: str = "gate") -> Check:
    limit = limit or _LIMITS.get(quantity, _NONE)
    # A comparison with NaN is false: what cannot be computed does not pass.
    passed = bool(limit.low <= value <= limit.high)
    return {"quantity": quantity, "value": float(value), "limit": limit.text, "passed": passed, "kind": kind}


def _real(variable: Any) -> FloatArray | None:
    """The values as floats where they are integers or floats; None for anything else."""
    values = None if variable is None else np.asarray(variable)
    return None if values is None or values.dtype.kind not in "iuf" else values.astype(float, copy=False)


def _presence_row(stats: Iterable[Any], needed: Iterable[str]) -> Check:
    missing = [name for name in needed if name not in stats]
    label = "sample statistics missing" + (f" ({', '.join(missing)})" if missing else "")
    return _row(label, len(missing))


def _misshapen(stats: xr.Dataset, draws: xr.Dataset) -> int:
    """Number of statistics whose chains or draws are not those of the draws."""

    def differs(dim: str) -> bool:
        if stats.sizes.get(dim, draws.sizes[dim]) != draws.sizes[dim]:
            return True
        labelled = dim in stats.coords and dim in draws.coords
        return labelled and not np.array_equal(stats[dim].to_numpy(), draws[dim].to_numpy())

    wrong = {dim for dim in ("chain", "draw") if differs(dim)}
    return sum(bool(wrong & set(variable.dims)) for variable in stats.data_vars.values())


def _points(posterior: xr.DataTree) -> set[str]:
    """Variables that the model's description says are one number, such as a mean of 0 in a model without an effect."""
    try:
        return set(json.loads(json.loads(posterior.attrs["options"])["points"]))
    except (KeyError, TypeError, ValueError):
        return set()


def _draws(draws: xr.Dataset, points: set[str]) -> tuple[dict[str, FloatArray], list[Check], float]:
    """Each variable as numbers of shape (element, chain, draw), checks of them under any engine, and dependence between draws.

    Points are no draws: they must be finite and constant, and nothing else is asked of them.
    """
    values: dict[str, FloatArray] = {}
    shapeless = unreal = not_finite = constant = varying = 0
    worst = np.zeros(3)
    for name, variable in draws.data_vars.items():
        if not {"chain", "draw"} <= set(variable.dims) or (
            variable.dtype.kind in "iuf" and not variable.size
        ):
            shapeless += 1
            continue
        found = _real(variable.transpose("chain", "draw", ...))
        if found is None:
            unreal += 1
            continue
        own = np.ascontiguousarray(found.reshape(*found.shape[:2], -1).transpose(2, 0, 1))
        finite = np.isfinite(own)
        not_finite += own.size - int(np.count_nonzero(finite))
        if name in points:
            varying += int((np.ptp(own, axis=(1, 2)) != 0).sum())
            continue
        values[str(name)] = own
        # A chain that never moves, in any element; NaN chains are counted above.
        moving = own if finite.all() else np.where(finite, own, 0.0)
        constant += int((moving.max(axis=2) == moving.min(axis=2)).sum())
        # max of NumPy keeps NaN.
        worst = np.max([worst, _properties(own)], axis=0)
    if not values and not points:
        worst[:] = math.nan
    repeated, correlation, dependence = worst.tolist()
    rows = [
        *([_row("points that vary", varying)] if points else []),
        _row("variables without chains, draws or elements", shapeless),
        _row("variables that are not real numbers", unreal),
        _row("chains", draws.sizes["chain"]),
        _row("draws not finite", not_finite),
        _row("constant chains", constant),
        _row("draws that repeat another one, largest share", repeated),
        _row("correlation between chains, largest", correlation),
    ]
    return values, rows, dependence


def _properties(values: FloatArray) -> FloatArray:
    """Largest over elements: share of draws that repeat another one, correlation of two chains, dependence between draws."""
    step = max(1, _CHUNK // values[0].size)
    pieces = []
    for start in range(0, len(values), step):
        piece = values[start : start + step]
        ascending = np.sort(piece.reshape(len(piece), -1), axis=1)
        found = _repeated(ascending), _chain_correlation(piece, ascending), _dependence(piece, ascending)
        pieces.append([measure.max() for measure in found])
    return np.asarray(np.max(pieces, axis=0))


def _repeated(ascending: FloatArray) -> FloatArray:
    """Share of draws that have the value of another draw; 0 and 1 may be a share's ends."""
    value = ascending[:, 1:]
    again = (value == ascending[:, :-1]) & (value != 0.0) & (value != 1.0)
    return np.asarray(again.sum(axis=1) / ascending.shape[1])


def _chain_correlation(values: FloatArray, ascending: FloatArray) -> FloatArray:
    """Largest correlation between two chains, draw by draw, tails cut off; chains that are constant have none."""
    cut = ascending.shape[1] // 50
    values = np.clip(values, ascending[:, cut, None, None], ascending[:, -1 - cut, None, None])
    centred = values - values.mean(axis=2, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=2, keepdims=True))
    unit = np.where(spread > 0, centred / spread, 0.0)
    first, second = np.triu_indices(values.shape[1], 1)
    off = (unit @ unit.transpose(0, 2, 1))[:, first, second]
    return np.where(np.isfinite(off).all(axis=1), off.max(axis=1, initial=0.0), math.nan)


def _dependence(values: FloatArray, ascending: FloatArray) -> FloatArray:
    """How far signs around the median are from those of independent draws, in standard errors."""
    if values.shape[2] < 4:
        return np.full(1, math.nan)
    size = ascending.shape[1]
    median = ascending[:, [(size - 1) // 2, size // 2]].mean(axis=1)
    signs = np.where(values > median[:, None, None], 1.0, -1.0)
    # Where many draws are the median itself, such as a mean of 0 in some of several models, signs are not balanced.
    signs -= signs.mean(axis=(1, 2), keepdims=True)
    signs /= np.maximum(np.sqrt((signs**2).mean(axis=(1, 2), keepdims=True)), 1e-300)
    pairs = signs[..., 1:] * signs[..., :-1]
    successive = pairs.mean(axis=(1, 2)) * math.sqrt(pairs[0].size)
    chain = signs.mean(axis=2) * math.sqrt(signs.shape[2])
    return np.asarray(np.maximum(np.abs(successive), np.abs(chain).max(axis=1)))


def _nuts_rows(stats: xr.Dataset, shape: tuple[int, int]) -> list[Check]:
    divergences = bfmi = math.nan
    if "diverging" in stats and set(stats["diverging"].dims) == {"chain", "draw"}:
        flags = stats["diverging"].to_numpy()
        if flags.size and flags.size == math.prod(shape):
            # Whatever is not a plain no counts as a divergence: NaN, negative, text.
            plain = flags.dtype.kind in "biuf"
            divergences = float(np.count_nonzero(flags != 0) if plain else flags.size)
    if "energy" in stats and set(stats["energy"].dims) == {"chain", "draw"}:
        energy = _real(stats["energy"].transpose("chain", "draw"))
        bfmi = math.nan if energy is None else _smallest_bfmi(energy)
    return [
        _row("divergences", divergences),
        _row("E-BFMI, smallest over the chains", bfmi),
    ]


def _smallest_bfmi(energy: FloatArray) -> float:
    if energy.shape[0] == 0 or energy.shape[1] < 2 or not np.isfinite(energy).all():
        return math.nan
    variance = energy.var(axis=1, ddof=1)
    if (variance == 0).any():
        return math.nan
    return float((np.mean(np.diff(energy, axis=1) ** 2, axis=1) / variance).min())


def _smc_rows(stats: xr.Dataset, chains: int) -> list[Check]:
    rows = [_presence_row(stats, _SMC)]
    for name, (quantity, limit) in _SMC.items():
        found = _real(stats.get(name))
        value = math.nan
        if found is not None and stats[name].dims == ("chain",) and found.size == chains and chains:
            # The worst of the chains: one outside the range, else the one nearest its end; min and max keep NaN.
            worst = found.min() if limit.low > 0 else found.max()
            outside = found[~((found >= limit.low) & (found <= limit.high))]
            value = float(outside[0]) if outside.size else float(worst)
        rows.append(_row(quantity, value, limit))
    return rows


def _predictive_row(posterior: xr.DataTree) -> Check:
    """How far what was observed lies in the tails of what the posterior predicts."""
    p_values: list[float] = []
    if {"observed_data", "posterior_predictive"} <= set(posterior.children):
        observed, replicated = (
            posterior[group].to_dataset() for group in ("observed_data", "posterior_predictive")
        )
        for name in map(str, observed.data_vars):
            p_values.append(_p_value(observed[name], replicated[name]) if name in replicated else math.nan)
    smallest = float(np.min(p_values)) if p_values else math.nan
    return _row("predictive p-value, smallest over what was observed", smallest)


def _p_value(observed: xr.DataArray, replicated: xr.DataArray) -> float:
    own = {dim: size for dim, size in replicated.sizes.items() if dim not in ("chain", "draw")}
    if own != dict(observed.sizes) or not {"chain", "draw"} <= set(replicated.dims):
        return math.nan
    seen, again = _real(observed), _real(replicated.transpose("chain", "draw", *observed.dims))
    if seen is None or again is None or not again.size:
        return math.nan
    if not (np.isfinite(seen).all() and np.isfinite(again).all()):
        return math.nan
    below = (again <= seen).mean(axis=(0, 1))
    return float(np.min(2 * np.minimum(below, 1 - below)))


def _mixing_rows(values: dict[str, FloatArray], shape: tuple[int, int]) -> list[Check]:
    enough, rows = _enough(shape[0]), []
    for name, own in values.items():
        # max and min of NumPy keep NaN, so one element that cannot be computed fails its variable.
        r_hat, bulk, tail = mixing(own)
        for quantity, worst, limit in (
            ("R-hat", r_hat.max(), _R_HAT),
            ("bulk ESS", bulk.min(), enough),
            ("tail ESS", tail.min(), enough),
        ):
            rows.append(_row(f"{quantity} of {name}", worst if shape[0] > 1 else math.nan, limit))
    return rows


def _notes(posterior: xr.DataTree) -> list[Check]:
    """Whether prior and data are in conflict, where the model told of it at the fit."""
    told = posterior.attrs.get("prior_conflict")
    if not told:
        return []
    try:
        distances = [abs(float(value)) for value in json.loads(told).values()]
    except (TypeError, ValueError, AttributeError):
        distances = [math.nan]
    quantity = "prior and data in conflict, largest distance in s.d."
    return [_row(quantity, float(np.max(distances)), kind="note")] if distances else []
