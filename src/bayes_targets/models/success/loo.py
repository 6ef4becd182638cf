"""Which success model predicts an unseen area best: exact leave-one-area-out, evidence, weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, DiagnosticsError, require_choice, require_count, shown
from ...inference.convergence import mixing
from ...inference.diagnostics import diagnose, require
from ...inference.engines import compile_nuts, sample_nuts
from ...inference.leave_one_out import stacking_weights
from ...inference.quadrature.stratified import stratified_uniform
from ...model import Model, NotExactError
from .equation import (
    hyperparameters,
    new_area_log_share,
    some_areas,
    stacked,
    status_counts,
    swapped_data,
)
from .exact import left_out_densities, success_evidence
from .multinomial_exact import left_out_by_split, multinomial_evidence
from .shares import FloatArray, multinomial_log_density

FloatPair = tuple[FloatArray, FloatArray]
_ENGINES = ("auto", "exact", "nuts")
# Refits see few areas, so their posteriors have long necks; such small graphs afford small steps.
_SETTINGS: dict[str, Any] = {"tune": 1000, "chains": 4, "target_accept": 0.99}
# Fewest points a dim of the rule that integrates an area's effects out; wide enough for six s.d.s.
_POINTS = {1: 101, 2: 41, 3: 21}
_REACH = 6.5
_CHUNK = 4_000_000
_PRIOR_DRAWS = 20_000


def leave_one_area_out(
    model: Model, *, engine: str = "auto", draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    r"""Log predictive density of each area's counts from a fit without that area.

    Exact in the sense that each area is left out of a fit of its own (nothing is reweighted), and its density
    is that of a *new* area,

    .. math:: p(y_j \mid y_{-j}) = \int\!\!\int p(y_j \mid \theta_j, \phi)\, p(\theta_j \mid \phi)\, d\theta_j\;
              p(\phi \mid y_{-j})\, d\phi

    The exact engine needs no draws: :math:`\log p(y_j \mid y_{-j}) = \log p(y) - \log p(y_{-j})`, both by quadrature, or by
    importance sampling (multinomial, partial pooling; ordinal, four statuses and more). With NUTS the graph is compiled once,
    and each area left out of a refit behind the gate; the inner integral is a rule of equally spaced points (it converges faster
    than any power of their distance) and the outer one goes over the draws.

    Parameters
    ----------
    model : Model
        From `success_model`, with partial or complete pooling.
    engine : {"auto", "exact", "nuts"}
        ``"auto"`` refits by NUTS what has no exact posterior.
    draws : int
        Of each of the four chains of a refit by NUTS.
    seed : int
        Each area's refit gets a seed of its own from this one. The exact engine needs none.

    Returns
    -------
    pandas.DataFrame
        Index ``area``; columns ``elpd`` (log density, natural logarithm) and ``mcse`` (its Monte Carlo standard
        error, 0 by quadrature).

    Raises
    ------
    DataError
        If areas are not pooled, so that a new one could be anything.
    DiagnosticsError
        If a refit failed a check; the message names the area.
    NotExactError
        If the model has no exact posterior, and `engine` is ``"exact"``.

    Examples
    --------
    >>> from bayes_targets.models.success.model import success_model
    >>> table = pd.DataFrame({"area": ["a", "b", "c"], "green": [1, 3, 8], "red": [2, 2, 9]})
    >>> leave_one_area_out(success_model(table, success="green")).round(3)
           elpd  mcse
    area
    a    -1.147   0.0
    b    -1.516   0.0
    c    -2.462   0.0
    """
    areas = _checked_areas(model, engine, draws)
    seeds = np.random.SeedSequence(seed).generate_state(len(areas))
    others = ~np.eye(len(areas), dtype=bool)
    left_out = left_out_by_split if model.options["outcome"] == "multinomial" else left_out_densities
    elpd, mcse = _by_engine(
        engine, lambda: left_out(model), lambda: _refitted(model, others, "without", draws, seeds)
    )
    return pd.DataFrame({"elpd": elpd, "mcse": mcse}, index=areas)


def log_evidence(model: Model, *, engine: str = "auto", draws: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Log marginal likelihood of the counts, area by area: each given those before it.

    The rows add up to the log evidence, from which Bayes factors follow. It depends on the priors, also on
    those that the posterior hardly feels.

    Parameters
    ----------
    model, engine, draws
        As in `leave_one_area_out`.
    seed : int
        Of the draws from the prior, and of refits by NUTS; the exact engine needs none.

    Returns
    -------
    pandas.DataFrame
        Index ``area``, in the order of the counts; columns ``log_density`` and ``mcse``, as `compare_models` takes them.

    Raises
    ------
    DataError
        If areas are not pooled, or a prior is improper.
    DiagnosticsError
        If a refit failed a check; the message names the area.
    NotExactError
        If the model has no exact posterior, and `engine` is ``"exact"``.

    References
    ----------
    Kass, R. E., & Raftery, A. E. (1995). Bayes factors. *Journal of the American Statistical Association*, 90, 773-795.

    Examples
    --------
    >>> from bayes_targets.models.success.model import success_model
    >>> table = pd.DataFrame({"area": ["a", "b", "c"], "green": [1, 3, 8], "red": [2, 2, 9]})
    >>> round(float(log_evidence(success_model(table))["log_density"].sum()), 2)
    -5.62
    """
    areas = _checked_areas(model, engine, draws)
    seeds = np.random.SeedSequence(seed).generate_state(len(areas))
    prior = model.draw_prior(model, np.random.default_rng(seeds[0]), _PRIOR_DRAWS)
    if prior is None:
        raise DataError("log evidence: a prior is improper, which leaves the evidence undefined")

    def exactly() -> FloatPair:
        evidence = multinomial_evidence if model.options["outcome"] == "multinomial" else success_evidence
        firsts = (some_areas(model, kept) for kept in np.tri(len(areas), dtype=bool))
        value, error = np.array([evidence(first) for first in firsts]).T
        return np.diff(value, prepend=0.0), np.hypot(error, np.append(0.0, error[:-1]))

    def by_refits() -> FloatPair:
        before = prior.rename(sample="draw").expand_dims("chain")
        first = _log_mean(area_log_density(model, before, 0), before)
        others = np.tri(len(areas), k=-1, dtype=bool)[1:]
        log_density, error = _refitted(model, others, "before", draws, seeds[1:])
        return np.append(first[0], log_density), np.append(first[1], error)

    log_density, mcse = _by_engine(engine, exactly, by_refits)
    return pd.DataFrame({"log_density": log_density, "mcse": mcse}, index=areas)


def _by_engine(
    engine: str, exactly: Callable[[], FloatPair], by_refits: Callable[[], FloatPair]
) -> FloatPair:
    """What the exact engine gives, or refits by NUTS, where they are asked for or there is no exact posterior."""
    if engine != "nuts":
        try:
            return exactly()
        except NotExactError:
            if engine == "exact":
                raise
    return by_refits()


def _checked_areas(model: Model, engine: str, draws: int) -> pd.Index:
    if not isinstance(model, Model) or model.name != "success":
        found = model.name if isinstance(model, Model) else type(model).__name__
        raise DataError(f"model: found {found!r}, expected what success_model returns")
    require_choice("engine", engine, _ENGINES)
    require_count("draws", draws)
    if model.options["pooling"] == "none":
        raise DataError("leaving areas out needs pooling: without it the others say nothing about an area")
    return pd.Index([str(area) for area in model.data["area"].to_numpy()], name="area")


def compare_models(
    left_out: Mapping[str, pd.DataFrame],
    evidence: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Models beside one another by what they predict of areas that they have not seen.

    Parameters
    ----------
    left_out : mapping of str to DataFrame
        From `leave_one_area_out`, by model, over the same areas and the same counts.
    evidence : mapping of str to DataFrame, optional
        From `log_evidence`.

    Returns
    -------
    pandas.DataFrame
        A row a model, best first: ``elpd`` (sum over areas) and its Monte Carlo error ``mcse``; ``difference``
        from the best and the standard error ``difference_se`` of that sum over areas; ``stacking``, the weights
        of the mixture of models that predicts left-out areas best; ``pseudo_bma``, the pseudo-BMA+ weights (Yao
        et al. 2018), the mean over a Bayesian bootstrap of areas of weights proportional to ``exp(elpd)``; with
        `evidence` also ``log_evidence``, ``evidence_mcse`` and ``probability``, the posterior probability of
        the model if just these were possible and equally probable before.

    Raises
    ------
    DataError
        If the models were not compared on the same areas.

    Examples
    --------
    >>> areas = pd.Index(["a", "b"], name="area")
    >>> tables = {name: pd.DataFrame({"elpd": elpd, "mcse": 0.01}, index=areas)
    ...           for name, elpd in (("ordinal", [-1.0, -2.0]), ("multinomial", [-1.5, -2.5]))}
    >>> compare_models(tables)[["elpd", "difference", "stacking"]].round(2)
                 elpd  difference  stacking
    model
    ordinal      -3.0         0.0       1.0
    multinomial  -4.0        -1.0       0.0
    """
    for kind, given in {"left_out": left_out, "evidence": {} if evidence is None else evidence}.items():
        columns = {"elpd" if kind == "left_out" else "log_density", "mcse"}
        if not isinstance(given, Mapping) or any(
            not isinstance(table, pd.DataFrame) or not columns <= set(table.columns)
            for table in given.values()
        ):
            raise DataError(f"{kind}: found {shown(given)}, expected a table for each model, by its name")
    if not left_out or (evidence is not None and set(left_out) - set(evidence)):
        raise DataError("compare_models: found no table for some model, expected one for each")
    tables = list(left_out.values())
    if any(not table.index.equals(tables[0].index) for table in tables):
        raise DataError(
            "compare_models: the models were not left out the same areas, expected one set of areas"
        )
    elpd = np.column_stack([table["elpd"] for table in tables])
    best = int(elpd.sum(axis=0).argmax())
    gap = elpd - elpd[:, [best]]
    result = pd.DataFrame(
        {
            "elpd": elpd.sum(axis=0),
            "mcse": [float(np.sqrt((table["mcse"] ** 2).sum())) for table in tables],
            "difference": gap.sum(axis=0),
            "difference_se": np.sqrt(len(elpd)) * gap.std(axis=0, ddof=1),
            "stacking": stacking_weights(elpd),
            "pseudo_bma": _pseudo_bma(elpd),
        },
        index=pd.Index(list(left_out), name="model"),
    )
    if evidence is not None:
        log_p = np.array([float(evidence[name]["log_density"].sum()) for name in left_out])
        weight = np.exp(log_p - log_p.max())
        result["log_evidence"] = log_p
        result["evidence_mcse"] = [float(np.sqrt((evidence[name]["mcse"] ** 2).sum())) for name in left_out]
        result["probability"] = weight / weight.sum()
    return result.sort_values("elpd", ascending=False, kind="stable")


def _pseudo_bma(elpd: FloatArray) -> FloatArray:
    """Pseudo-BMA+ by a Bayesian bootstrap whose shares (exponentials of stratified draws) are the same for any seed."""
    areas = len(elpd)
    shares = -np.log(stratified_uniform(np.random.default_rng(0), (4000, areas)))
    shares /= shares.sum(axis=1, keepdims=True)
    total = areas * shares @ elpd
    weight = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray((weight / weight.sum(axis=1, keepdims=True)).mean(axis=0))


def _refitted(model: Model, kept: NDArray[np.bool_], word: str, draws: int, seeds: NDArray[Any]) -> FloatPair:
    """Log density and error of the last areas, each from a refit to those areas that its row of `kept` keeps."""
    compiled, areas = compile_nuts(model), model.data["area"].to_numpy()
    names = [name for name in ("count", "successes", "targets") if name in model.data]
    rows = []
    for place, own, seed in zip(range(len(areas) - len(kept), len(areas)), kept, seeds, strict=True):
        rest = model.data[names].where(xr.DataArray(own, dims="area"), 0)
        posterior, stats = sample_nuts(
            compiled, data=swapped_data(rest), draws=draws, seed=int(seed), **_SETTINGS
        )
        try:
            require(diagnose(xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})))
        except DiagnosticsError as failed:
            raise DiagnosticsError(f"{word} {areas[place]}: {failed}") from None
        rows.append(_log_mean(area_log_density(model, posterior, place), posterior))
    log_density, error = np.array(rows).T
    return log_density, error


def area_log_density(model: Model, draws: xr.Dataset, place: int) -> FloatArray:
    """Log density of one area's counts in each draw of what areas share, its own effects integrated out."""
    hyper, count = hyperparameters(model, draws), status_counts(model)[place]
    size = len(next(iter(hyper.values())))
    shifted = np.zeros((size, 1, 1))
    if "predictor" in model.data:
        centred = (model.data["predictor"] - model.data["predictor_mean"]).isel(area=place)
        shifted = stacked((centred * draws["coefficient"]).sum("covariate")).reshape(size, 1, -1)
    nodes, log_weight = _rule(hyper, int(count.sum()))
    step = max(1, _CHUNK // (len(nodes) * count.size))
    parts = []
    for start in range(0, size, step):
        piece = slice(start, start + step)
        some = {name: values[piece] for name, values in hyper.items()}
        log_share = new_area_log_share(some, shifted[piece], nodes)
        density = multinomial_log_density(count, log_share) + log_weight
        top = density.max(axis=1, keepdims=True)
        parts.append(top[:, 0] + np.log(np.exp(density - top).sum(axis=1)))
    return np.concatenate(parts)


def _rule(hyper: Mapping[str, FloatArray], targets: int) -> tuple[FloatArray, FloatArray]:
    """Points of shape (M, dims) and log weights that integrate over independent standard normals."""
    if "root" not in hyper:
        return np.zeros((1, 1)), np.zeros(1)
    root = hyper["root"]
    dims = root.shape[-1]
    if dims not in _POINTS:
        raise DataError(f"leaving areas out: found {dims + 1} statuses, expected at most four (multinomial)")
    spread = np.sqrt((root**2).sum(axis=-1)).max(axis=-1)
    # The likelihood's s.d. is at least 2 / sqrt(n) in log-odds; points closer than that lose nothing.
    wanted = np.ceil(_REACH * np.quantile(spread, 0.99) * np.sqrt(targets))
    points = int(np.clip(wanted, _POINTS[dims], 1001 if dims == 1 else 5 * _POINTS[dims]))
    line = np.linspace(-_REACH, _REACH, points)
    log_weight = -0.5 * line**2 - np.log(np.exp(-0.5 * line**2).sum())
    mesh = np.meshgrid(*[line] * dims, indexing="ij")
    weights = sum(np.meshgrid(*[log_weight] * dims, indexing="ij"))
    return np.stack([axis.ravel() for axis in mesh], axis=1), np.asarray(weights).ravel()


def _log_mean(log_density: FloatArray, draws: xr.Dataset) -> tuple[float, float]:
    """Log of the mean density over draws, and its Monte Carlo standard error."""
    top = log_density.max()
    density = np.exp(log_density - top)
    arranged = density.reshape(draws.sizes["chain"], draws.sizes["draw"])
    size = float(mixing(arranged).ess_bulk) if len(arranged) > 1 else float(density.size)
    error = density.std(ddof=1) / density.mean() / np.sqrt(size)
    return float(top + np.log(density.mean())), float(error)
