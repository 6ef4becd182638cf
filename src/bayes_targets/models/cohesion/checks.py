"""Whether `cohesion_model` fits: replicated outcomes by type, and pooling choices by leave-one-out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError
from ...inference.summary import equal_tails
from .equation import fitted_change, noise
from .estimands import response_of

_STATISTICS: dict[str, Callable[..., Any]] = {"mean": np.mean, "sd": np.std, "min": np.min, "max": np.max}
# Draws that are replicated where a posterior holds none, and numbers at a time.
_REPLICATIONS, _AT_ONCE = 200, 4_000_000


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
    >>> from bayes_targets.inference.engines import fit
    >>> from bayes_targets.models.cohesion.model import cohesion_model
    >>> from bayes_targets.models.cohesion.simulate import simulate_authorities
    >>> schools = simulate_authorities({"rural": 30, "urban": 40}, seed=1)
    >>> table = check_change_by_type(fit(cohesion_model(schools), engine="exact", draws=500, seed=1))
    >>> bool(table.loc[("all", "mean"), "p_value"] > 0.1)
    True
    """
    if not 0 < prob < 1:
        raise DataError(f"prob is {prob!r}, expected a probability between 0 and 1")
    observed, kind, types = _observed(posterior)
    members = {name: np.flatnonzero(kind == i) for i, name in enumerate(types)}
    members["all"] = np.arange(kind.size)
    again: dict[tuple[str, str], list[Any]] = {}
    for replicated in _replicated(posterior):
        for name, own in members.items():
            values = replicated[:, own]
            for statistic in _statistics_of(own.size):
                again.setdefault((name, statistic), []).append(_compute(statistic, values, axis=1))
    rows = []
    for (name, statistic), parts in again.items():
        own, draws = members[name], np.concatenate(parts)
        seen = float(_compute(statistic, observed[own], axis=0))
        low, high = equal_tails(draws, prob)
        p_value = float((draws > seen).mean() + 0.5 * (draws == seen).mean())
        rows.append((name, statistic, own.size, seen, float(draws.mean()), low, high, p_value))
    columns = ["authority_type", "statistic", "n", "observed", "replicated", "low", "high", "p_value"]
    table = pd.DataFrame(rows, columns=columns).set_index(["authority_type", "statistic"])
    table.attrs = {"interval": "eti", "prob": prob, "origin": posterior.attrs.get("origin", "observed")}
    return table


def _statistics_of(size: int) -> list[str]:
    return [name for name in _STATISTICS if name != "sd" or size > 1]


def _compute(statistic: str, values: NDArray[np.float64], axis: int) -> Any:
    more = {"ddof": 1} if statistic == "sd" else {}
    return _STATISTICS[statistic](values, axis=axis, **more)


def _observed(posterior: xr.DataTree) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    if posterior.attrs.get("model") != "cohesion":
        raise DataError("posterior: expected what fit gives for a cohesion_model")
    data, name = posterior["constant_data"].to_dataset(), response_of(posterior)
    # With measurement error the scores are the observed data, and the change between them is kept beside.
    seen = data if name in data else posterior["observed_data"].to_dataset()
    types = [str(kind) for kind in data["authority_type"].to_numpy()]
    return seen[name].to_numpy(), data["type_index"].to_numpy(), types


def _replicated(posterior: xr.DataTree) -> Iterator[NDArray[np.float64]]:
    """Replicated outcomes, draws by units, as they stand in the posterior or some draws at a time."""
    if "posterior_predictive" in posterior.children:
        whole = posterior["posterior_predictive"][response_of(posterior)].stack(sample=("chain", "draw"))
        yield whole.transpose("sample", "authority").to_numpy()
        return
    options = json.loads(posterior.attrs["options"])
    if options.get("measurement_error"):
        raise DataError("posterior: expected replicated changes, the group posterior_predictive")
    draws, data = posterior["posterior"].to_dataset(), posterior["constant_data"].to_dataset()
    each = max(draws.sizes["draw"] * draws.sizes["chain"] // _REPLICATIONS, 1)
    draws, rng = draws.isel(draw=slice(None, None, each)), np.random.default_rng(0)
    step = max(_AT_ONCE // (data.sizes["authority"] * draws.sizes["chain"]), 1)
    for start in range(0, draws.sizes["draw"], step):
        some = draws.isel(draw=slice(start, start + step))
        values = fitted_change(data, some, options["effect"]).to_numpy()
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
        large against its standard error, is no reason to prefer a choice.

    Raises
    ------
    DataError
        If there are fewer than two posteriors, or they are not of the same data and likelihood.

    References
    ----------
    Vehtari, A., Gelman, A., & Gabry, J. (2017). Practical Bayesian model evaluation using leave-one-out cross-validation
    and WAIC. *Statistics and Computing*, 27, 1413-1432.

    Examples
    --------
    >>> from bayes_targets.inference.engines import fit
    >>> from bayes_targets.models.cohesion.model import cohesion_model
    >>> from bayes_targets.models.cohesion.simulate import simulate_authorities
    >>> schools = simulate_authorities({"rural": 30, "urban": 40}, tau=5.0, seed=2)
    >>> choices = {
    ...     pooling: fit(cohesion_model(schools, pooling=pooling), engine="exact", draws=500, seed=1)
    ...     for pooling in ("partial", "complete")
    ... }
    >>> compare_pooling(choices).index.tolist()
    ['partial', 'complete']
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
