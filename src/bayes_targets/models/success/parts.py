r"""What the success models share: from log-odds to shares, covariates, and the data that a refit swaps.

Statuses are ordered best first throughout. Their shares in a typical area are described by *splits*: the first
is the log-odds that a target has the best status, the next the log-odds of the second status among the
targets that have not the best, and so on. Any shares have splits and any splits give shares, so that a prior on
splits is a prior on shares, however the areas then differ.

Functions with a last argument `m` serve both engines: NumPy (with any leading dims for draws) and PyTensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean, require_texts
from ...model import Model
from ...priors import require_prior, require_spread_prior

FloatArray = NDArray[np.float64]


def softplus(x: Any, m: Any = np) -> Any:
    """``log(1 + exp(x))``: minus the log of the probability whose log-odds are ``-x``."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))) if m is np else m.softplus(x)


def expit(x: Any) -> FloatArray:
    """Turn log-odds into probabilities.

    Examples
    --------
    >>> expit(np.array([0.0, 800.0])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x))))


def cutpoints(splits: Any, m: Any = np) -> Any:
    r"""Cutpoints, best first, that give an area at 0 the shares of these splits.

    With :math:`S_k = \sum_{i \le k} \log(1 + e^{s_i})`, minus the log share of targets below status k, the
    log-odds of status k or better are :math:`\log(e^{S_k} - 1)`, and the cutpoint is minus that.

    Examples
    --------
    >>> cutpoints(np.array([0.0, 0.0])).round(3) + 0  # shares 1/2, 1/4, 1/4: at least the second, 3 to 1
    array([ 0.   , -1.099])
    """
    below = m.cumsum(softplus(splits, m), axis=-1)
    return -(below + m.log(-m.expm1(-below)))


def ordinal_log_share(effect: Any, cut: Any, m: Any = np) -> Any:
    r"""Log share of each status, best first, in areas with these effects.

    .. math:: P(\text{status } k \text{ or better}) = \mathrm{logit}^{-1}(\theta - c_k)

    A share between two cutpoints is a product, :math:`\sigma(\theta - c_k)\, \sigma(c_{k-1} - \theta)\, (1 -
    e^{c_k - c_{k-1}})`, which keeps its digits where the difference would lose them.
    """
    last = cut.shape[-1] if m is np else cut.type.shape[-1]
    parts = []
    for k in range(last + 1):
        part = 0.0 * effect
        if k < last:
            part = part - softplus(cut[..., None, k] - effect, m)
        if k > 0:
            part = part - softplus(effect - cut[..., None, k - 1], m)
        if 0 < k < last:
            part = part + m.log(-m.expm1(cut[..., None, k] - cut[..., None, k - 1]))
        parts.append(part)
    return m.stack(parts, axis=-1)


def sequential_log_share(splits: Any, m: Any = np) -> Any:
    """Log share of each status, best first, from splits of shape (..., K - 1); shape (..., K)."""
    last = splits.shape[-1] if m is np else splits.type.shape[-1]
    parts, rest = [], 0.0 * splits[..., 0]
    for k in range(last):
        parts.append(rest - softplus(-splits[..., k], m))
        rest = rest - softplus(splits[..., k], m)
    return m.stack([*parts, rest], axis=-1)


def log_ways(count: Any) -> FloatArray:
    """Log of the number of ways to have these counts (..., K), the multinomial coefficient.

    Examples
    --------
    >>> round(float(np.exp(log_ways([1, 1, 1]))), 4)
    6.0
    """
    from scipy import special

    count = np.asarray(count)
    return np.asarray(special.gammaln(count.sum(axis=-1) + 1.0) - special.gammaln(count + 1.0).sum(axis=-1))


def multinomial_log_density(count: Any, log_share: FloatArray) -> FloatArray:
    """Log probability of counts (..., K), coefficient included, given log shares (..., K).

    Examples
    --------
    >>> round(float(np.exp(multinomial_log_density([1, 1, 1], np.log([1 / 3] * 3)))), 4)  # 3! / 27
    0.2222
    """
    count = np.asarray(count)
    # No target of a status says nothing about the log of a share that may be minus infinity.
    seen = np.where(count > 0, log_share, 0.0)
    return np.asarray(log_ways(count) + np.einsum("...k,...k->...", count.astype(float), seen))


def area_data(table: xr.Dataset, covariates: Sequence[str] | None) -> xr.Dataset:
    """Select the covariates, with the centre and scale that their prior is about; none leaves no such variable."""
    table = table.copy(deep=True)
    known = [str(name) for name in table["covariate"].to_numpy()] if "predictor" in table else []
    chosen = known if covariates is None else list(require_texts("covariates", covariates))
    for name in chosen:
        if name not in known:
            raise DataError(f"covariates: the counts have no {name!r}, {did_you_mean(name, known)}")
    if not chosen:
        return table.drop_dims("covariate", errors="ignore")
    data = table.sel(covariate=chosen)
    values = data["predictor"].to_numpy()
    binary = np.isin(values, (0.0, 1.0)).all(axis=0)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(chosen))
    for name, width in zip(chosen, spread, strict=True):
        if not width > 0:
            raise DataError(f"covariate {name!r} is the same in every area, expected it to vary")
    return data.assign(
        predictor_mean=("covariate", values.mean(axis=0)),
        predictor_scale=("covariate", np.where(binary, 1.0, spread)),
    )


_SUPPORT = {"tau": "positive", "correlation": "share", "effect": "real"}


def checked_priors(
    priors: Any, count: FloatArray, *, outcome: str, pooling: str, predictor: Any = None
) -> Any:
    """Priors of a success model, those of shares turned into priors of log-odds."""
    found = {
        field.name: require_prior(
            field.name, getattr(priors, field.name), _SUPPORT.get(field.name, "log-odds")
        )
        for field in fields(priors)
    }
    for name in ("correlation", "member"):
        if name in found:
            require_prior(name, found[name], _SUPPORT.get(name, "log-odds"), proper=True)
    best = count[:, :-1]
    worse = count[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    columns = np.empty((len(count), 0)) if predictor is None else np.asarray(predictor)
    binary = np.isin(columns, (0.0, 1.0)).all(axis=0)
    groups = [np.ones(len(count), dtype=bool)]
    if not found["effect"].proper:
        groups += [columns[:, c] == value for c in np.flatnonzero(binary) for value in (0.0, 1.0)]
    flat = 0 if found["effect"].proper else columns.shape[1]
    for k in range(best.shape[1]):
        name = ("share" if pooling == "none" else "mu") if k == 0 else "split"
        alone = pooling == "none" and (k == 0 or outcome == "multinomial")
        own = [(best[rows, k].sum(), worse[rows, k].sum()) for rows in groups]
        if alone:
            own = (
                list(zip(count[:, 0], worse[:, k], strict=True))
                if k == 0
                else list(zip(best[:, k], worse[:, k], strict=True))
            )
            if outcome == "ordinal":
                own = list(
                    zip(count.sum(axis=1) - count[:, -1], count.sum(axis=1) - count[:, 0], strict=True)
                )
        if not all(some > 0 and others > 0 for some, others in own):
            needs = "with no target, or every one, in a status its posterior would be improper"
            require_prior(name, found[name], "log-odds", proper=True, needs=needs)
            require_prior("effect", found["effect"], "real", proper=columns.shape[1] > 0, needs=needs)
    mixed = int(((best > 0) & (worse > 0)).sum(axis=0).min())
    if outcome == "ordinal":
        mixed = int(((count > 0).sum(axis=1) > 1).sum())
    if pooling == "partial":
        require_spread_prior("tau", found["tau"], mixed, flat + (not found["mu"].proper))
    return replace(priors, **found)


def scaled_predictors(data: xr.Dataset) -> FloatArray:
    """Covariates of shape (area, covariate), centred, in units of their scale."""
    scaled = (data["predictor"] - data["predictor_mean"]) / data["predictor_scale"]
    return np.asarray(scaled.transpose("area", "covariate").to_numpy())


def shift(model: Model, draws: xr.Dataset) -> Any:
    """What the covariates add to each area's log-odds, dims as `draws` and ``area``; 0 without covariates."""
    if "predictor" not in model.data:
        return 0.0
    centred = model.data["predictor"] - model.data["predictor_mean"]
    return (centred * draws["coefficient"]).sum("covariate")


def graph_coords(model: Model) -> dict[str, Any]:
    """Labels of the dims that every graph of a success model has."""
    dims = ("area", "status", "covariate")
    return {dim: model.data[dim].to_numpy() for dim in dims if dim in model.data.dims}


def graph_effects(model: Model, dims: tuple[str, ...] = ()) -> Any:
    """Covariate effects in a graph, shape (area, *dims); 0 without covariates."""
    import pymc as pm
    import pytensor.tensor as pt

    if "predictor" not in model.data:
        return 0.0
    own = model.priors.effect.to_pymc("effect", dims=("covariate", *dims))
    scale = model.data["predictor_scale"].to_numpy()
    pm.Deterministic("coefficient", (own.T / scale).T, dims=("covariate", *dims))
    return pt.dot(scaled_predictors(model.data), own)


def can_draw_prior(model: Model, *, further: bool) -> bool:
    """Whether all priors that a model uses are proper; `further` if it has splits beyond the first."""
    priors, pooling = model.priors, model.options["pooling"]
    used = [priors.share if pooling == "none" else priors.mu]
    used += [priors.split] if further else []
    used += [priors.tau] if pooling == "partial" else []
    used += [priors.effect] if "predictor" in model.data else []
    return all(prior.proper for prior in used)


def prior_effects(
    model: Model, rng: np.random.Generator, size: int, *extra: int
) -> tuple[Any, dict[str, FloatArray]]:
    """Draw what `graph_effects` adds, and the coefficients; the same shapes behind a leading one of draws."""
    if "predictor" not in model.data:
        return 0.0, {}
    own = model.priors.effect.draw(rng, (size, model.data.sizes["covariate"], *extra))
    scale = model.data["predictor_scale"].to_numpy().reshape(-1, *(1 for _ in extra))
    return np.einsum("jc,sc...->sj...", scaled_predictors(model.data), own), {"coefficient": own / scale}


def swapped_data(data: xr.Dataset) -> dict[str, NDArray[np.int64]]:
    """Named values that a graph holds as data, so that a compiled one can be given other counts."""
    counts = {name: data[name].to_numpy() for name in ("successes", "count") if name in data}
    return {
        f"{name}_data": values for name, values in (counts | {"targets": data["targets"].to_numpy()}).items()
    }


def stacked(variable: xr.DataArray) -> FloatArray:
    """Draws as one leading dim, the others in order."""
    return np.asarray(variable.stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy())


def observe_statuses(model: Model, share: Any) -> None:
    """Add shares (area, status), their average over all targets and the observed counts to a graph."""
    import pymc as pm

    held = swapped_data(model.data)
    targets = pm.Data("targets_data", held["targets_data"], dims="area")
    count = pm.Data("count_data", held["count_data"], dims=("area", "status"))
    share = pm.Deterministic("share", share, dims=("area", "status"))
    pm.Deterministic("overall_share", (share * targets[:, None]).sum(axis=0) / targets.sum(), dims="status")
    pm.Multinomial("count", n=targets, p=share, observed=count, dims=("area", "status"))


def with_shares(model: Model, draws: xr.Dataset, share: FloatArray, coords: Mapping[str, Any]) -> xr.Dataset:
    """Add shares (sample, area, status) and their average over all targets to prior draws, labelled."""
    targets = model.data["targets"].to_numpy()
    overall = np.einsum("sak,a->sk", share, targets / targets.sum())
    found = draws.assign(
        share=(("sample", "area", "status"), share), overall_share=(("sample", "status"), overall)
    )
    return found.assign_coords({dim: labels for dim, labels in coords.items() if dim in found.dims})


def status_log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log probability of each area's counts given its shares, multinomial coefficient included."""
    share = draws["share"].transpose("chain", "draw", "area", "status")
    with np.errstate(divide="ignore"):
        value = multinomial_log_density(model.data["count"].to_numpy(), np.log(share.to_numpy()))
    return xr.Dataset({"count": share.isel(status=0, drop=True).copy(data=value)})


def replicated(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.DataArray:
    """Counts (area, status) drawn again from the shares of each draw."""
    share = draws["share"].transpose("chain", "draw", "area", "status")
    probabilities = np.clip(share.to_numpy(), 0.0, 1.0)
    probabilities = probabilities / probabilities.sum(axis=-1, keepdims=True)
    return share.copy(data=rng.multinomial(model.data["targets"].to_numpy(), probabilities))


def labelled_by_draw(values: FloatArray, draws: xr.Dataset, model: Model) -> xr.DataArray:
    """Values (sample, status) as an array with dims chain, draw and status."""
    template = draws["overall_share"].transpose("chain", "draw", "status")
    return template.copy(data=values.reshape(template.shape)).assign_coords(status=model.data["status"])
