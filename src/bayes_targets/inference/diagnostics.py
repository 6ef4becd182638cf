"""The gate: what must hold of a posterior before anything of it is reported. It fails closed.

A quantity that is missing or not a number counts as failed, never as passed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DiagnosticsError
from .convergence import mixing

R_HAT_LIMIT = 1.01
ESS_LIMIT = 400
ESS_PER_CHAIN_LIMIT = 100
BFMI_LIMIT = 0.3
CHAINS_LIMIT = 4
_NEEDED_STATS = ("diverging", "energy")
# The exact engine's own: quadrature, rejection sampling, and draws that must be independent.
EDGE_MASS_LIMIT = 1e-6
REFINEMENT_LIMIT = 0.1
ACCEPTANCE_LIMIT = 0.2
DEPENDENCE_LIMIT = 6.0
# Sequential Monte Carlo's own, and those of a likelihood that is learnt from simulations.
MOVES_LIMIT = 0.1
LIKELIHOOD_BIAS_LIMIT = 0.25
LIKELIHOOD_SPREAD_LIMIT = 0.25
PREDICTIVE_LIMIT = 0.002
_NEEDED_SMC_STATS = ("exponent", "acceptance", "likelihood_bias", "likelihood_spread")
_NEEDED_EXACT_STATS = ("log_evidence", "acceptance", "grid_size", "edge_mass", "refinement_change")


def diagnose(posterior: xr.DataTree) -> pd.DataFrame:
    """Check a posterior, quantity by quantity.

    Parameters
    ----------
    posterior : xarray.DataTree
        Groups ``posterior`` and ``sample_stats`` with dims ``chain`` and ``draw``, as `fit` gives them.

    Returns
    -------
    pandas.DataFrame
        Columns ``quantity`` (text), ``value`` (float), ``limit`` (text) and ``passed`` (bool), a row a
        check: groups and statistics that must be there; number of chains; draws that are not finite;
        constant chains; divergences; E-BFMI (smallest over the chains); and for each variable the largest
        rank-normalised split R-hat and the smallest bulk and tail effective sample size (Vehtari et al.
        2021). A value that cannot be computed is NaN and does not pass.

        A posterior whose attrs say ``engine = "exact"`` has no chains to mix. In place of divergences, E-BFMI, R-hat and
        effective sample size stand: a log evidence that is finite; mass at the edge of the grid (at most 1e-6); change
        on refinement of the grid (at most 0.1 Monte Carlo standard errors); acceptance of the rejection sampler (at
        least 0.2); number of draws; and their dependence, the largest sign correlation of successive draws or
        deviation of a chain from the common median over all variables (at most 6 standard errors).

        With ``engine = "smc"`` chains are independent populations. In place of divergences and E-BFMI stand: the exponent
        that every population reached (1: the posterior itself); acceptance of the last moves (at least 0.1);
        standardised errors of the learnt likelihood over new simulations from the posterior, whose mean is at most 0.25
        from 0 and whose standard deviation at most 0.25 from 1; and the smallest posterior predictive p-value of what
        was observed (two-sided, at least 0.002).
    """
    if "posterior" not in posterior.children or not posterior["posterior"].data_vars:
        return _table([_row("posterior group missing", 1.0, "at most 0", passed=False)])
    draws = posterior["posterior"].to_dataset()
    stats = posterior["sample_stats"].to_dataset() if "sample_stats" in posterior.children else xr.Dataset()
    if not {"chain", "draw"} <= set(draws.sizes):
        return _table([_row("dims chain and draw missing", 1.0, "at most 0", passed=False)])
    if posterior.attrs.get("engine") == "exact":
        own = [*_presence_rows(stats, _NEEDED_EXACT_STATS), *_exact_rows(stats, draws)]
        return _table([*own, *_draw_rows(draws)])
    if posterior.attrs.get("engine") == "smc":
        own = [*_presence_rows(stats, _NEEDED_SMC_STATS), *_smc_rows(stats), *_predictive_rows(posterior)]
        return _table([*own, *_draw_rows(draws), *_mixing_rows(draws)])
    return _table(
        [
            *_presence_rows(stats, _NEEDED_STATS),
            *_draw_rows(draws),
            *_sampler_rows(stats),
            *_mixing_rows(draws),
        ]
    )


def require(checks: pd.DataFrame) -> None:
    """Let a posterior through only if every check of it passed.

    Parameters
    ----------
    checks : pandas.DataFrame
        From `diagnose`.

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
    if checks.empty:
        raise DiagnosticsError("the posterior is not reported: no check was made of it")
    failed = checks[~checks["passed"].map(lambda passed: bool(passed is True or passed is np.True_))]
    if failed.empty:
        return
    reasons = [f"{row.quantity} is {row.value:.4g} ({row.limit})" for row in failed.itertuples()]
    shown = "; ".join(reasons[:6]) + (f"; and {len(reasons) - 6} more" if len(reasons) > 6 else "")
    raise DiagnosticsError(f"the posterior is not reported: {shown}")


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["quantity", "value", "limit", "passed"])


def _row(quantity: str, value: float, limit: str, *, passed: bool) -> dict[str, object]:
    return {"quantity": quantity, "value": float(value), "limit": limit, "passed": bool(passed)}


def _at_most(quantity: str, value: float, limit: float) -> dict[str, object]:
    # A comparison with NaN is false: what cannot be computed does not pass.
    return _row(quantity, value, f"at most {limit:g}", passed=bool(value <= limit))


def _at_least(quantity: str, value: float, limit: float) -> dict[str, object]:
    return _row(quantity, value, f"at least {limit:g}", passed=bool(value >= limit))


def _presence_rows(stats: xr.Dataset, needed: tuple[str, ...]) -> list[dict[str, object]]:
    missing = [name for name in needed if name not in stats]
    label = "sample statistics missing" + (f" ({', '.join(missing)})" if missing else "")
    return [_at_most(label, len(missing), 0)]


def _draw_rows(draws: xr.Dataset) -> list[dict[str, object]]:
    not_finite = 0
    constant = 0
    for variable in draws.data_vars.values():
        values = variable.transpose("chain", "draw", ...).to_numpy().astype(float)
        finite = np.isfinite(values)
        not_finite += int((~finite).sum())
        # A chain that never moves, in any element; NaN chains are counted above.
        spread = np.ptp(np.where(finite, values, 0.0), axis=1)
        constant += int((spread == 0).sum())
    return [
        _at_least("chains", draws.sizes["chain"], CHAINS_LIMIT),
        _at_most("draws not finite", not_finite, 0),
        _at_most("constant chains", constant, 0),
    ]


def _sampler_rows(stats: xr.Dataset) -> list[dict[str, object]]:
    divergences = float(stats["diverging"].sum()) if "diverging" in stats else np.nan
    bfmi = _smallest_bfmi(stats["energy"]) if "energy" in stats else np.nan
    return [
        _at_most("divergences", divergences, 0),
        _at_least("E-BFMI, smallest over the chains", bfmi, BFMI_LIMIT),
    ]


def _exact_rows(stats: xr.Dataset, draws: xr.Dataset) -> list[dict[str, object]]:
    found = {
        name: float(stats[name]) if name in stats and stats[name].size == 1 else np.nan
        for name in _NEEDED_EXACT_STATS
    }
    finite = bool(np.isfinite(found["log_evidence"]))
    size = draws.sizes["chain"] * draws.sizes["draw"]
    return [
        _row("log evidence", found["log_evidence"], "finite", passed=finite),
        _at_least("nodes of the grid", found["grid_size"], 1),
        _at_most("mass at the edge of the grid", found["edge_mass"], EDGE_MASS_LIMIT),
        _at_most("change on refinement, in Monte Carlo s.e.", found["refinement_change"], REFINEMENT_LIMIT),
        _at_least("acceptance", found["acceptance"], ACCEPTANCE_LIMIT),
        _at_least("draws", size, max(ESS_LIMIT, ESS_PER_CHAIN_LIMIT * draws.sizes["chain"])),
        _at_most("dependence between draws, in s.e.", _largest_dependence(draws), DEPENDENCE_LIMIT),
    ]


def _smc_rows(stats: xr.Dataset) -> list[dict[str, object]]:
    # max and min of NumPy keep NaN.
    found = {
        name: stats[name].to_numpy().astype(float)
        if name in stats and stats[name].size
        else np.array([np.nan])
        for name in _NEEDED_SMC_STATS
    }
    return [
        _at_least("exponent reached, smallest over the chains", found["exponent"].min(), 1),
        _at_least("moves accepted, smallest over the chains", found["acceptance"].min(), MOVES_LIMIT),
        _at_most(
            "bias of the learnt likelihood, in s.d.", found["likelihood_bias"].max(), LIKELIHOOD_BIAS_LIMIT
        ),
        _at_most(
            "error of the learnt likelihood's s.d.", found["likelihood_spread"].max(), LIKELIHOOD_SPREAD_LIMIT
        ),
    ]


def _predictive_rows(posterior: xr.DataTree) -> list[dict[str, object]]:
    """How far what was observed lies in the tails of what the posterior predicts."""
    smallest = np.nan
    if {"observed_data", "posterior_predictive"} <= set(posterior.children):
        observed, replicated = posterior["observed_data"], posterior["posterior_predictive"]
        p_values = []
        for name in map(str, observed.data_vars):
            below = (replicated[name] <= observed[name]).mean(("chain", "draw")).to_numpy()
            p_values.append(
                np.min(2 * np.minimum(below, 1 - below)) if np.isfinite(observed[name]).all() else np.nan
            )
        smallest = float(np.min(p_values)) if p_values else np.nan
    return [_at_least("predictive p-value, smallest over what was observed", smallest, PREDICTIVE_LIMIT)]


def _largest_dependence(draws: xr.Dataset) -> float:
    """How far signs around the median are from those of independent draws, over all variables."""
    largest = 0.0 if draws.sizes["draw"] >= 4 else np.nan
    for variable in draws.data_vars.values():
        values = variable.transpose("chain", "draw", ...).to_numpy().astype(float)
        signs = np.where(values > np.median(values, axis=(0, 1)), 1.0, -1.0)
        pairs = signs[:, 1:] * signs[:, :-1]
        successive = pairs.mean(axis=(0, 1)) * np.sqrt(pairs.shape[0] * pairs.shape[1])
        chain = signs.mean(axis=1) * np.sqrt(signs.shape[1])
        # max of NumPy keeps NaN.
        largest = float(np.max([largest, np.abs(successive).max(), np.abs(chain).max()]))
    return largest


def _smallest_bfmi(energy: xr.DataArray) -> float:
    values = energy.transpose("chain", "draw").to_numpy().astype(float)
    if values.shape[1] < 2 or not np.isfinite(values).all():
        return np.nan
    variance = values.var(axis=1, ddof=1)
    if (variance == 0).any():
        return np.nan
    return float((np.mean(np.diff(values, axis=1) ** 2, axis=1) / variance).min())


def _mixing_rows(draws: xr.Dataset) -> list[dict[str, object]]:
    ess_limit = max(ESS_LIMIT, ESS_PER_CHAIN_LIMIT * draws.sizes["chain"])
    rows = []
    for name, variable in draws.data_vars.items():
        values = variable.transpose("chain", "draw", ...).to_numpy().astype(float)
        elements = np.moveaxis(values.reshape(*values.shape[:2], -1), 2, 0)
        found = np.array([mixing(element) for element in elements])
        # max and min of NumPy keep NaN, so one element that cannot be computed fails its variable.
        worst = found[:, 0].max(), *found[:, 1:].min(axis=0)
        if len(values) < 2:
            worst = (np.nan,) * 3
        rows.append(_at_most(f"R-hat of {name}", worst[0], R_HAT_LIMIT))
        rows.append(_at_least(f"bulk ESS of {name}", worst[1], ess_limit))
        rows.append(_at_least(f"tail ESS of {name}", worst[2], ess_limit))
    return rows
