"""Whether the cohesion model fits: replicated changes by type, and pooling choices by leave-one-out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError

_STATISTICS: dict[str, Callable[..., Any]] = {"mean": np.mean, "sd": np.std, "min": np.min, "max": np.max}


def check_change_by_type(posterior: xr.DataTree, *, prob: float = 0.95) -> pd.DataFrame:
    """Posterior predictive check: mean, s.d., smallest and largest change of each type, observed and replicated.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`, with its ``posterior_predictive`` group.
    prob : float, default 0.95
        Probability of the equal-tailed interval of the replicated statistic.

    Returns
    -------
    pandas.DataFrame
        Index ``authority_type`` (and a row ``all``) and ``statistic``; columns ``n`` (authorities), ``observed``,
        ``replicated`` (mean over draws), ``low``, ``high``, and ``p_value``: the probability that a replicated
        statistic is at least the observed one, ties counted half. Near 0 or 1, the model does not give what was
        seen. A type with one authority has no s.d. and so no row for it.

    Raises
    ------
    DataError
        If `prob` is not a probability, or the posterior is not one of a `cohesion_model`.
    """
    if not 0 < prob < 1:
        raise DataError(f"prob is {prob!r}, expected a probability between 0 and 1")
    replicated, observed, kind, types = _replicated(posterior)
    members = {name: np.flatnonzero(kind == i) for i, name in enumerate(types)}
    members["all"] = np.arange(kind.size)
    rows = []
    for name, own in members.items():
        for statistic, compute in _STATISTICS.items():
            if statistic == "sd" and own.size < 2:
                continue
            more = {"ddof": 1} if statistic == "sd" else {}
            seen = float(compute(observed[own], **more))
            again = compute(replicated[:, own], axis=1, **more)
            low, high = np.quantile(again, [(1 - prob) / 2, (1 + prob) / 2])
            p_value = float((again > seen).mean() + 0.5 * (again == seen).mean())
            rows.append((name, statistic, own.size, seen, float(again.mean()), low, high, p_value))
    columns = ["authority_type", "statistic", "n", "observed", "replicated", "low", "high", "p_value"]
    table = pd.DataFrame(rows, columns=columns).set_index(["authority_type", "statistic"])
    table.attrs = {"interval": "eti", "prob": prob, "origin": posterior.attrs.get("origin", "observed")}
    return table


def _replicated(
    posterior: xr.DataTree,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], list[str]]:
    if posterior.attrs.get("model") != "cohesion" or "posterior_predictive" not in posterior.children:
        raise DataError("posterior: expected what fit gives for a cohesion_model, with replicated changes")
    replicated = posterior["posterior_predictive"]["change"].stack(sample=("chain", "draw"))
    data = posterior["constant_data"].to_dataset()
    # With measurement error the scores are the observed data, and the change between them is kept beside.
    seen = posterior["observed_data"].to_dataset() if "change" not in data else data
    types = [str(name) for name in data["authority_type"].to_numpy()]
    values = replicated.transpose("sample", "authority").to_numpy()
    return values, seen["change"].to_numpy(), data["type_index"].to_numpy(), types


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
        large against its standard error, is no reason to prefer a choice.

    Raises
    ------
    DataError
        If there are fewer than two posteriors, or they are not of the same data and likelihood.
    """
    import arviz_stats

    if len(posteriors) < 2:
        raise DataError(f"posteriors: found {len(posteriors)}, expected two or more choices to compare")
    _check_same_data(posteriors)
    with warnings.catch_warnings():
        # What ArviZ warns of stands in the columns k_hat_max and k_hat_high.
        warnings.simplefilter("ignore", UserWarning)
        loos = {name: arviz_stats.loo(tree, pointwise=True) for name, tree in posteriors.items()}
        ranked = arviz_stats.compare(loos, method="stacking", round_to="none")
    k_hat = {name: loo.pareto_k.to_numpy() for name, loo in loos.items()}
    table = pd.DataFrame(
        {
            "elpd": {name: float(loo.elpd) for name, loo in loos.items()},
            "se": {name: float(loo.se) for name, loo in loos.items()},
            "elpd_diff": ranked["elpd_diff"].astype(float),
            "se_diff": ranked["dse"].astype(float),
            "p_loo": {name: float(loo.p) for name, loo in loos.items()},
            "weight": ranked["weight"].astype(float),
            "k_hat_max": {name: float(values.max()) for name, values in k_hat.items()},
            "k_hat_high": {name: int((values > loos[name].good_k).sum()) for name, values in k_hat.items()},
        }
    )
    return table.loc[list(ranked.index)].rename_axis("choice")


def _check_same_data(posteriors: Mapping[str, xr.DataTree]) -> None:
    first = next(iter(posteriors))
    facts = {}
    for name, tree in posteriors.items():
        if "log_likelihood" not in tree.children:
            raise DataError(f"posteriors, {name!r}: no log_likelihood group, expected what fit gives")
        options = json.loads(tree.attrs.get("options", "{}"))
        variables = sorted(str(variable) for variable in tree["log_likelihood"].data_vars)
        facts[name] = (tree.attrs.get("data_hash"), options.get("effect"), variables)
        if facts[name] != facts[first]:
            raise DataError(
                f"posteriors: {name!r} and {first!r} differ in data, effect or likelihood; their predictive "
                "densities cannot be compared, expected choices for one model of the same data"
            )
