"""Which success model predicts an unseen area best: exact leave-one-area-out, evidence, weights.

Refits are compiled once, counts swapped, every fit behind the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DataError, DiagnosticsError
from ...inference.convergence import mixing
from ...inference.diagnostics import diagnose, require
from ...inference.engines import CompiledNuts, compile_nuts, sample_nuts
from ...inference.leave_one_out import stacking_weights
from ...inference.quadrature.stratified import stratified_uniform
from ...model import Model, NotExactError
from . import binomial as success_binomial
from . import multinomial as success_multinomial
from . import ordinal as success_ordinal
from .exact import left_out_densities, success_evidence
from .multinomial_exact import leave_areas_out
from .parts import FloatArray, multinomial_log_density, shift, stacked, swapped_data

# Refits see few areas, so their posteriors have long necks; such small graphs afford small steps.
_TARGET_ACCEPT = 0.99


@dataclass(frozen=True, eq=False)
class Refits:
    """A success model whose graph is compiled, ready for other counts in the same areas and statuses.

    Attributes
    ----------
    compiled : CompiledNuts
        The model, from `success_model`, with its compiled graph; its own counts play no part in a refit.
    draws, tune, chains : int
        As in `fit`.
    """

    compiled: CompiledNuts
    draws: int = 1000
    tune: int = 1000
    chains: int = 4

    @property
    def model(self) -> Model:
        """The model that was compiled."""
        return self.compiled.model


def compile_refits(model: Model, *, draws: int = 1000, tune: int = 1000, chains: int = 4) -> Refits:
    """Compile a success model once."""
    return Refits(compile_nuts(model), draws, tune, chains)


def refit(refits: Refits, data: xr.Dataset, *, seed: int, what: str = "refit") -> xr.Dataset:
    """Posterior draws under other counts, let through only by the gate."""
    tree = sample_refit(refits, data, seed=seed)
    try:
        require(diagnose(tree))
    except DiagnosticsError as error:
        raise DiagnosticsError(f"{what}: {error}") from None
    return tree["posterior"].to_dataset()


def sample_refit(refits: Refits, data: xr.Dataset, *, seed: int) -> xr.DataTree:
    """Posterior draws and sampler statistics under other counts, not yet checked; see `refit`."""
    model = refits.model
    for dim in ("area", "status"):
        if dim in model.data.dims and not np.array_equal(model.data[dim], data[dim]):
            raise DataError(f"refit: the dim {dim!r} is not that of the compiled model")
    posterior, stats = sample_nuts(
        refits.compiled,
        data=swapped_data(data),
        draws=refits.draws,
        tune=refits.tune,
        chains=refits.chains,
        seed=seed,
        target_accept=_TARGET_ACCEPT,
    )
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


_FORMS: dict[str, ModuleType] = {
    "binomial": success_binomial,
    "ordinal": success_ordinal,
    "multinomial": success_multinomial,
}
# Fewest points a dim of the rule that integrates an area's effects out; wide enough for six s.d.s.
_POINTS = {1: 101, 2: 41, 3: 21}
_REACH = 6.5
_CHUNK = 4_000_000
_PRIOR_DRAWS = 20_000


def leave_one_area_out(fits: Model | Refits, *, engine: str = "auto", seed: int = 0) -> pd.DataFrame:
    r"""Log predictive density of each area's counts from a fit without that area.

    Exact in the sense that each area is left out of a fit of its own (nothing is reweighted), and its density
    is that of a *new* area,

    .. math:: p(y_j \mid y_{-j}) = \int\!\!\int p(y_j \mid \theta_j, \phi)\, p(\theta_j \mid \phi)\, d\theta_j\;
              p(\phi \mid y_{-j})\, d\phi

    A `Model` that has an exact posterior needs no draws: :math:`\log p(y_j \mid y_{-j}) = \log p(y) - \log p(y_{-j})`,
    both by quadrature, or by importance sampling (multinomial, partial pooling). For `Refits` the inner integral is a rule
    of equally spaced points (it converges faster than any power of their distance) and the outer one goes over the draws
    of NUTS.

    Parameters
    ----------
    fits : Model or Refits
        A model from `success_model` with partial or complete pooling.
    engine : {"auto", "exact"}
        What to do with a `Model` that has no exact posterior: refit it by NUTS, or raise.
    seed : int
        Of the importance sample; each area's refit gets a seed of its own from this one. Quadrature needs none.

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
        If a `Model` is given that has no exact posterior, and `engine` is ``"exact"``.

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
    model = fits if isinstance(fits, Model) else fits.model
    _require_pooling(model)
    areas = [str(area) for area in model.data["area"].to_numpy()]
    if isinstance(fits, Model):
        try:
            return _left_out_exactly(fits, areas)
        except NotExactError:
            if engine == "exact":
                raise
            fits = compile_refits(fits)
    seeds = np.random.SeedSequence(seed).generate_state(len(areas))
    rows = []
    for place, (area, own) in enumerate(zip(areas, seeds, strict=True)):
        kept = xr.DataArray(np.arange(len(areas)) != place, dims="area")
        draws = refit(fits, _without(model.data, kept), seed=int(own), what=f"without {area}")
        rows.append(_log_mean(area_log_density(model, draws, place), draws))
    return pd.DataFrame(rows, index=pd.Index(areas, name="area"), columns=["elpd", "mcse"])


def _left_out_exactly(model: Model, areas: list[str]) -> pd.DataFrame:
    index = pd.Index(areas, name="area")
    if model.options["outcome"] == "multinomial" and "tau" in model.variables:
        elpd, mcse = leave_areas_out(model)
        return pd.DataFrame({"elpd": elpd, "mcse": mcse}, index=index)
    _require_exact(model)
    elpd = left_out_densities(model)
    return pd.DataFrame({"elpd": elpd, "mcse": 0.0}, index=index)


def log_evidence(fits: Model | Refits, *, seed: int = 0) -> pd.DataFrame:
    """Log marginal likelihood of the counts, area by area: each given those before it.

    The rows add up to the log evidence, from which Bayes factors follow. It depends on the priors, also on
    those that the posterior hardly feels.

    Parameters
    ----------
    fits : Model or Refits
        As in `leave_one_area_out`.
    seed : int
        Of the draws from the prior, and of refits by NUTS; a model with an exact posterior needs none.

    Returns
    -------
    pandas.DataFrame
        Index ``area``, in the order of the counts; columns ``log_density`` and ``mcse``, as `compare_models` takes them.

    Raises
    ------
    DataError
        If areas are not pooled, or a prior is improper.
    NotExactError
        If a `Model` is given that has no exact posterior.

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
    model = fits if isinstance(fits, Model) else fits.model
    _require_pooling(model)
    areas = [str(area) for area in model.data["area"].to_numpy()]
    first, *seeds = np.random.SeedSequence(seed).generate_state(len(areas))
    prior = model.draw_prior(model, np.random.default_rng(first), _PRIOR_DRAWS)
    if prior is None:
        raise DataError("log evidence: a prior is improper, which leaves the evidence undefined")
    if isinstance(fits, Model):
        _require_exact(model)
        first_ones = np.tri(len(areas), dtype=bool)
        steps = np.diff([success_evidence(model, kept) for kept in first_ones], prepend=0.0)
        return pd.DataFrame({"log_density": steps, "mcse": 0.0}, index=pd.Index(areas, name="area"))
    before = prior.rename(sample="draw").expand_dims("chain")
    rows = [_log_mean(area_log_density(model, before, 0), before)]
    for place, own in enumerate(seeds, 1):
        kept = xr.DataArray(np.arange(len(areas)) < place, dims="area")
        draws = refit(fits, _without(model.data, kept), seed=int(own), what=f"before {areas[place]}")
        rows.append(_log_mean(area_log_density(model, draws, place), draws))
    return pd.DataFrame(rows, index=pd.Index(areas, name="area"), columns=["log_density", "mcse"])


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


def _require_exact(model: Model) -> None:
    if model.exact is None:
        raise NotExactError(
            f"outcome {model.options['outcome']!r} has no exact posterior; expected Refits from compile_refits"
        )


def area_log_density(model: Model, draws: xr.Dataset, place: int) -> FloatArray:
    """Log density of one area's counts in each draw of what areas share, its own effects integrated out."""
    form = _FORMS[model.options["outcome"]]
    hyper: dict[str, FloatArray] = form.hyperparameters(draws)
    own = shift(model, draws)
    shifted = stacked(own.isel(area=place)) if isinstance(own, xr.DataArray) else np.zeros(1)
    shifted = shifted.reshape(len(shifted), -1) if model.options["outcome"] == "multinomial" else shifted
    count = _area_counts(model.data, place)
    nodes, log_weight = _rule(hyper, int(count.sum()))
    size = len(next(iter(hyper.values())))
    shifted = np.broadcast_to(shifted, (size, *shifted.shape[1:]))
    step = max(1, _CHUNK // (len(nodes) * count.size))
    parts = []
    for start in range(0, size, step):
        piece = slice(start, start + step)
        some = {name: values[piece] for name, values in hyper.items()}
        log_share = form.new_area_log_share(some, shifted[piece], nodes)
        density = multinomial_log_density(count, log_share) + log_weight
        top = density.max(axis=1, keepdims=True)
        parts.append(top[:, 0] + np.log(np.exp(density - top).sum(axis=1)))
    return np.concatenate(parts)


def _area_counts(data: xr.Dataset, place: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if "count" in data:
        return np.asarray(data["count"].isel(area=place).to_numpy())
    hits, targets = (int(data[name].isel(area=place)) for name in ("successes", "targets"))
    return np.array([hits, targets - hits])


def _rule(hyper: Mapping[str, FloatArray], targets: int) -> tuple[FloatArray, FloatArray]:
    """Points of shape (M, dims) and log weights that integrate over independent standard normals."""
    if "tau" not in hyper and "root" not in hyper:
        dims = hyper["mu"].shape[1] if hyper.get("mu", np.empty(0)).ndim == 2 else 1
        return np.zeros((1, dims)), np.zeros(1)
    spread = hyper["tau"] if "tau" in hyper else np.sqrt((hyper["root"] ** 2).sum(axis=-1)).max(axis=-1)
    dims = 1 if "tau" in hyper else hyper["root"].shape[1]
    if dims not in _POINTS:
        raise DataError(f"leaving areas out: found {dims + 1} statuses, expected at most four (multinomial)")
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


def _without(data: xr.Dataset, kept: xr.DataArray) -> xr.Dataset:
    """The same areas, with no target in those that are not kept."""
    names = [name for name in ("count", "successes", "targets") if name in data]
    return data.assign({name: data[name].where(kept, 0) for name in names})


def _require_pooling(model: Model) -> None:
    if model.options["pooling"] == "none":
        raise DataError("leaving areas out needs pooling: without it the others say nothing about an area")
