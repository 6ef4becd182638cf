"""Whether `cohesion_model` fits: replicated outcomes by type, and pooling choices by leave-one-out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, shown
from ...inference.convergence import mean_sizes
from ...inference.leave_one_out import LeaveOneOut, good_k, leave_one_out, stacking_weights
from ...inference.summary import equal_tails, tails
from .equation import fitted_change, noise, pointwise
from .estimands import parts_of, response_of

_STATISTICS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "sd": partial(np.std, ddof=1),
    "min": np.min,
    "max": np.max,
}
# Draws that are replicated where a posterior holds none, and numbers at a time.
_REPLICATIONS, _AT_ONCE = 200, 4_000_000
# Log likelihoods (units times draws) that leave-one-out computes for one posterior, at most, and draws that it needs, at least.
_MOST_POINTWISE, _FEWEST_DRAWS = 160_000_000, 1_000


def check_change_by_type(posterior: xr.DataTree, *, prob: float = 0.95) -> pd.DataFrame:
    """Posterior predictive check: mean, s.d., smallest and largest outcome of each type, observed and replicated.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`. Where it was too large for a ``posterior_predictive`` group, 200 of its draws are
        replicated here, some at a time.
    prob : float, default 0.95
        Probability of the equal-tailed interval of the replicated statistic.

    Returns
    -------
    pandas.DataFrame
        Index ``authority_type`` (and a row ``all``) and ``statistic``; columns ``n`` (units), ``observed``,
        ``replicated`` (mean over draws), ``low``, ``high``, and ``p_value``: the probability that a replicated
        statistic is at least the observed one, ties counted half. Near 0 or 1, the model does not give what was
        seen. A type with one unit has no s.d. and so no row for it.

    Raises
    ------
    DataError
        If `prob` is not a probability, or the posterior is not one of a `cohesion_model`.

    References
    ----------
    Gelman, A., Meng, X.-L., & Stern, H. (1996). Posterior predictive assessment of model fitness via realized discrepancies.
    *Statistica Sinica*, 6(4), 733-760.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> schools = bt.simulate_authorities({"rural": 30, "urban": 40}, seed=1)
    >>> table = check_change_by_type(bt.fit(bt.cohesion_model(schools), engine="exact", draws=500, seed=1))
    >>> bool(table.loc[("all", "mean"), "p_value"] > 0.1)
    True
    """
    tails(prob)
    (_, data, _), name = parts_of(posterior), response_of(posterior)
    # With measurement error the scores are the observed data, and the change between them is kept beside.
    observed = (data if name in data else posterior["observed_data"].to_dataset())[name].to_numpy()
    kind = data["type_index"].to_numpy()
    members = {str(of): np.flatnonzero(kind == i) for i, of in enumerate(data["authority_type"].to_numpy())}
    members["all"] = np.arange(kind.size)
    again: dict[tuple[str, str], list[Any]] = {}
    for replicated in _replicated(posterior):
        for name, own in members.items():
            values = replicated[:, own]
            for statistic, compute in _STATISTICS.items():
                if statistic != "sd" or own.size > 1:
                    again.setdefault((name, statistic), []).append(compute(values, axis=1))
    rows = []
    for (name, statistic), parts in again.items():
        own, draws = members[name], np.concatenate(parts)
        seen = float(_STATISTICS[statistic](observed[own]))
        low, high = equal_tails(draws, prob)
        p_value = float((draws > seen).mean() + 0.5 * (draws == seen).mean())
        rows.append((name, statistic, own.size, seen, float(draws.mean()), low, high, p_value))
    columns = ["authority_type", "statistic", "n", "observed", "replicated", "low", "high", "p_value"]
    table = pd.DataFrame(rows, columns=columns).set_index(["authority_type", "statistic"])
    table.attrs = {"interval": "eti", "prob": prob, "origin": posterior.attrs.get("origin", "observed")}
    return table


def _replicated(posterior: xr.DataTree) -> Iterator[NDArray[np.float64]]:
    """Replicated outcomes, draws by units, as they stand in the posterior or some draws at a time."""
    if "posterior_predictive" in posterior.children:
        whole = posterior["posterior_predictive"][response_of(posterior)].stack(sample=("chain", "draw"))
        yield whole.transpose("sample", "authority").to_numpy()
        return
    if json.loads(posterior.attrs["options"]).get("measurement_error"):
        raise DataError("posterior: expected replicated changes, the group posterior_predictive")
    draws, data, effect = parts_of(posterior)
    each = max(draws.sizes["draw"] * draws.sizes["chain"] // _REPLICATIONS, 1)
    draws, rng = draws.isel(draw=slice(None, None, each)), np.random.default_rng(0)
    step = max(_AT_ONCE // (data.sizes["authority"] * draws.sizes["chain"]), 1)
    for start in range(0, draws.sizes["draw"], step):
        some = draws.isel(draw=slice(start, start + step))
        values = fitted_change(data, some, effect).to_numpy()
        values = values + noise(some, rng, data.sizes["authority"])
        yield values.reshape(-1, data.sizes["authority"])


def compare_pooling(posteriors: Mapping[str, xr.DataTree]) -> pd.DataFrame:
    """Pooling (or other) choices of one model on the same data, by leave-one-out cross-validation.

    Parameters
    ----------
    posteriors : mapping of str to xarray.DataTree
        Name of each choice to its posterior from `fit`, two or more.

    Returns
    -------
    pandas.DataFrame
        Index ``choice``, best first. Columns ``elpd`` (expected log predictive density of an authority left out,
        summed over authorities), ``se``; ``elpd_diff`` from the best and ``se_diff``; ``p_loo`` (effective number of
        parameters); ``weight`` (stacking); ``k_hat_max`` and ``k_hat_high``: the largest Pareto k-hat, and the
        number of authorities whose k-hat is above the limit for this number of draws, for whom the
        approximation is not to be trusted (Vehtari, Gelman & Gabry, 2017). A difference below 4, or not
        large against its standard error, is no reason to prefer a choice. Of more than 40,000 units not all of 4,000 draws
        are used; ``attrs["draws"]`` says how many.

    Raises
    ------
    DataError
        If there are fewer than two posteriors, they are not of the same data and likelihood, or there are more than 160,000
        units.

    References
    ----------
    Vehtari, A., Gelman, A., & Gabry, J. (2017). Practical Bayesian model evaluation using leave-one-out cross-validation
    and WAIC. *Statistics and Computing*, 27, 1413-1432.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> schools = bt.simulate_authorities({"rural": 30, "urban": 40}, tau=5.0, seed=2)
    >>> choices = {
    ...     pooling: bt.fit(bt.cohesion_model(schools, pooling=pooling), engine="exact", draws=500, seed=1)
    ...     for pooling in ("partial", "complete")
    ... }
    >>> compare_pooling(choices).index.tolist()
    ['partial', 'complete']
    """
    if not isinstance(posteriors, Mapping):
        raise DataError(f"posteriors: found {shown(posteriors)}, expected a dict of names to posteriors")
    if len(posteriors) < 2:
        raise DataError(f"posteriors: found {len(posteriors)}, expected two or more choices to compare")
    _check_same_data(posteriors)
    each = [_left_out(name, tree) for name, tree in posteriors.items()]
    elpd = np.column_stack([found.elpd for found, _ in each])
    total = elpd.sum(axis=0)
    gap = elpd - elpd[:, [int(total.argmax())]]
    limit = good_k(each[0][1])
    table = pd.DataFrame(
        {
            "elpd": total,
            "se": [found.se for found, _ in each],
            "elpd_diff": gap.sum(axis=0),
            "se_diff": np.sqrt(len(gap)) * gap.std(axis=0),
            "p_loo": [found.p.sum() for found, _ in each],
            "weight": stacking_weights(elpd),
            "k_hat_max": [found.k_hat.max() for found, _ in each],
            "k_hat_high": [int((found.k_hat > limit).sum()) for found, _ in each],
        },
        index=pd.Index(list(posteriors), name="choice"),
    )
    table.attrs = {"draws": each[0][1]}
    return table.sort_values("elpd", ascending=False, kind="stable")


def left_out_draws(units: int, draws: int) -> int:
    """Of how many draws leave-one-out makes use with so many units; 0 where even the fewest would take too long."""
    used = draws // max(math.ceil(units * draws / _MOST_POINTWISE), 1)
    return used if used >= min(draws, _FEWEST_DRAWS) else 0


def _left_out(name: str, posterior: xr.DataTree) -> tuple[LeaveOneOut, int]:
    """Leave-one-out of one posterior and the number of draws it rests on, some units at a time."""
    options = json.loads(posterior.attrs["options"])
    draws = posterior["posterior"].to_dataset()
    data = xr.merge([posterior[group].to_dataset() for group in ("constant_data", "observed_data")])
    units, chains = data.sizes["authority"], draws.sizes["chain"]
    used = left_out_draws(units, chains * draws.sizes["draw"])
    if not used:
        raise DataError(
            f"posteriors, {name!r}: {units:,} units are too many for leave-one-out with {_FEWEST_DRAWS:,} draws"
        )
    draws = draws.isel(draw=slice(None, None, chains * draws.sizes["draw"] // used))
    sizes = [
        mean_sizes(
            np.moveaxis(draws[each].transpose("chain", "draw", ...).to_numpy(), (0, 1), (-2, -1))
        ).ravel()
        for each in draws.data_vars
    ]
    size = chains * draws.sizes["draw"]
    step = max(_AT_ONCE // (2 * size), 1)

    def pieces() -> Iterator[NDArray[np.float64]]:
        for start in range(0, units, step):
            some = data.isel(authority=slice(start, start + step))
            (value,) = pointwise(some, options, draws).data_vars.values()
            yield value.to_numpy().reshape(size, -1)

    return leave_one_out(pieces(), np.concatenate(sizes).mean() / size if chains > 1 else 1.0), size


def _check_same_data(posteriors: Mapping[str, xr.DataTree]) -> None:
    first = next(iter(posteriors))
    facts = {}
    for name, tree in posteriors.items():
        parts_of(tree)
        options = json.loads(tree.attrs["options"])
        facts[name] = (tree.attrs.get("data_hash"), options["effect"], options["measurement_error"])
        if facts[name] != facts[first]:
            raise DataError(
                f"posteriors: {name!r} and {first!r} differ in data, effect or likelihood; their predictive "
                "densities cannot be compared, expected choices for one model of the same data"
            )
