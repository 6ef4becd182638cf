"""Posteriors of an ensemble of data sets, pooled: how much of the uncertainty is that of the reconstruction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DataError

NOT_DETERMINED = "not determined by the published table"
DETERMINED = "determined by the published table"


def pool_datasets(draws: xr.DataArray, *, prob: float = 0.95) -> pd.DataFrame:
    """Pool the posterior draws of several data sets, and split the variance within and between them.

    Parameters
    ----------
    draws : xarray.DataArray
        Dims ``dataset``, ``chain``, ``draw``, and any others (an estimand for each of their labels). Its name
        is the estimand's.
    prob : float, default 0.95
        Probability of the equal-tailed interval.

    Returns
    -------
    DataFrame
        Indexed by ``term`` (``name`` or ``name[label]``): ``mean``, ``sd``, ``low``, ``high`` of the pooled draws;
        ``within`` (mean posterior variance of a data set), ``between`` (variance of the posterior means, in the
        units of `within`), ``between_share`` and ``determined``, which says "not determined by the published
        table" where the between share exceeds one half. Attrs: ``interval = "eti"``, ``prob``,
        ``n_datasets``.

    Raises
    ------
    DataError
        If a dim is missing, there are fewer than two data sets, or a draw is not finite.

    Notes
    -----
    Law of total variance, for M data sets with means m_i and variances v_i: ``within = mean(v_i)``,
    ``between = (1 + 1/M) sum((m_i - m)^2) / (M - 1)``, the first factor because the mean of M data sets is itself
    uncertain (Rubin, 1987); ``sd^2 = within + between``. The interval is of the pooled draws with each data set's
    mean moved from m by the factor that gives them this variance, so that it covers the finite ensemble too.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> means = rng.normal(0, 2, size=(40, 1, 1))
    >>> draws = xr.DataArray(means + rng.normal(size=(40, 2, 500)), dims=("dataset", "chain", "draw"), name="slope")
    >>> table = pool_datasets(draws)
    >>> table["determined"].tolist(), table.loc["slope", "between_share"].round(1).item()
    (['not determined by the published table'], 0.8)
    """
    for dim in ("dataset", "chain", "draw"):
        if dim not in draws.dims:
            raise DataError(f"draws: no dim {dim!r}, expected dataset, chain and draw; found {draws.dims}")
    if draws.sizes["dataset"] < 2:
        raise DataError(f"draws: found {draws.sizes['dataset']} data set, expected two or more to pool")
    if not 0 < prob < 1:
        raise DataError(f"prob: found {prob!r}, expected a probability between 0 and 1")
    if not bool(np.isfinite(draws).all()):
        raise DataError("draws: found a draw that is not finite, expected numbers")
    name = str(draws.name) if draws.name is not None else "estimand"
    rest = [dim for dim in draws.dims if dim not in ("dataset", "chain", "draw")]
    stacked = draws.stack(_draw=("chain", "draw"), create_index=False)
    if not rest:
        rows = {name: _pool(stacked.transpose("dataset", "_draw").values, prob)}
    else:
        flat = stacked.stack(_term=rest, create_index=False).transpose("_term", "dataset", "_draw")
        rows = {
            f"{name}[{label}]": _pool(values, prob)
            for label, values in zip(_labels(draws, rest), flat.values, strict=True)
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "term"
    table.attrs = {"interval": "eti", "prob": prob, "n_datasets": int(draws.sizes["dataset"])}
    return table


def _labels(draws: xr.DataArray, dims: list[object]) -> list[str]:
    """Labels of the cells of the other dims, in the order in which xarray stacks them."""
    values = [[str(v) for v in draws[dim].values] for dim in dims]
    labels = [""]
    for level in values:
        labels = [f"{label}, {value}" if label else value for label in labels for value in level]
    return labels


def _pool(draws: np.ndarray, prob: float) -> dict[str, float | str]:
    """One estimand; draws of shape (data sets, draws)."""
    m = len(draws)
    means = draws.mean(axis=1)
    within = float(draws.var(axis=1, ddof=1).mean()) if draws.shape[1] > 1 else 0.0
    centre = float(means.mean())
    between = (1 + 1 / m) * float(means.var(ddof=1))
    # The pooled draws' own between variance is that of M points, sum / M; widen it to the corrected one.
    widened = centre + (means - centre) * np.sqrt((1 + 1 / m) * m / (m - 1))
    pooled = draws - means[:, None] + widened[:, None]
    low, high = np.quantile(pooled, [(1 - prob) / 2, (1 + prob) / 2])
    total = within + between
    share = between / total if total > 0 else 0.0
    return {
        "mean": centre,
        "sd": float(np.sqrt(total)),
        "low": float(low),
        "high": float(high),
        "within": within,
        "between": between,
        "between_share": share,
        "determined": NOT_DETERMINED if share > 0.5 else DETERMINED,
    }
