"""From a model's description to its posterior: one function, `fit`, and the NUTS engine behind it."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, require_choice, require_count, require_kind, shown
from ..model import Model, NotExactError, data_hash, describe_priors

ENGINES = ("auto", "exact", "smc", "nuts")

# nutpie's names of what ArviZ's schema calls otherwise; anything else it reports is left out.
_SAMPLE_STATS = {
    "diverging": "diverging",
    "energy": "energy",
    "logp": "lp",
    "depth": "tree_depth",
    "n_steps": "n_steps",
    "maxdepth_reached": "reached_max_treedepth",
    "step_size": "step_size",
    "mean_tree_accept": "acceptance_rate",
}

# Beyond so many observations (64 MB in each group by default), or so many values, what is known of every draw and observation
# is left out.
_MOST_ROWS, _MOST_POINTWISE = 2_000, 40_000_000
_LEFT_OUT = "log_likelihood, posterior_predictive and prior_predictive: {:,} observations, of which each would have a value in each draw"

# Smaller steps than the usual 0.8 cost little on models of this size and keep narrow necks divergence-free.
_TARGET_ACCEPT = 0.95


def fit(
    model: Model,
    *,
    engine: str = "auto",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int | None = None,
    progress: bool = True,
    pointwise: bool = True,
) -> xr.DataTree:
    """Compute the posterior of a model.

    Parameters
    ----------
    model : Model
        From one of the builders, e.g. `published_model`.
    engine : {"auto", "exact", "smc", "nuts"}
        ``"nuts"`` samples with the No-U-Turn sampler of nutpie; ``"exact"`` integrates by quadrature and draws
        independently, where the model and its priors allow it; ``"smc"`` is sequential Monte Carlo, for models whose
        likelihood is learnt from simulations, each chain a population of its own; ``"auto"`` takes the best there is for the model, and
        says in ``attrs["engine_note"]`` why an exact posterior was not possible.
    draws, tune : int
        Kept draws and warm-up draws of each chain (the exact engine needs no warm-up).
    chains : int
        Number of chains; the gate of `require` asks for at least 4.
    seed : int, optional
        Seed of everything random here. The same seed, versions and machine give the same draws; without
        one a fresh seed is drawn, and kept in ``attrs["seed"]``. An exact posterior is the same for any seed: stratified
        draws, in an order that follows from the data. Other seeds say nothing of their Monte Carlo error.
    progress : bool
        Show a progress bar while sampling.
    pointwise : bool
        Give the groups that hold a value for each draw and observation, and the prior's; without them an exact fit takes
        less than half the time. The posterior is the same.

    Returns
    -------
    xarray.DataTree
        ArviZ's schema: groups ``posterior``, ``sample_stats``, ``log_likelihood``,
        ``posterior_predictive``, ``prior`` (of what has a proper prior), ``prior_predictive`` (where every
        prior is proper), ``observed_data``, ``constant_data``; dims ``chain``, ``draw`` and the model's own, all
        labelled. With more than 2,000 observations the groups that hold a value for each draw and observation are left
        out, as ``attrs["left_out"]`` says. Attrs ``model``, ``engine`` (the one that was
        used), ``seed``, ``origin``, ``versions``, ``data_hash``, ``priors``.

    Raises
    ------
    DataError
        If a setting is out of range.
    NotExactError
        If ``engine="exact"`` cannot serve the model, its priors or its data.

    References
    ----------
    Hoffman & Gelman (2014), "The No-U-Turn sampler", Journal of Machine Learning Research 15. Del Moral, Doucet & Jasra (2006),
    "Sequential Monte Carlo samplers", JRSS B 68. Quadrature: page "Exact posteriors" of the documentation.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayes_targets import success_model
    >>> counts = pd.DataFrame({"area": ["Fire", "Health"], "green": [3, 4], "red": [5, 6]})
    >>> posterior = fit(success_model(counts, pooling="complete"), seed=1)
    >>> posterior.attrs["engine"], dict(posterior["posterior"]["mu"].sizes)
    ('exact', {'chain': 4, 'draw': 1000})
    """
    require_kind("model", model, Model, "a Model, from one of the model builders")
    require_choice("engine", engine, ENGINES)
    if seed is not None:
        require_count("seed", seed, 0)
    for name, count in (("draws", draws), ("tune", tune), ("chains", chains)):
        require_count(name, count)
    for name, value in (("progress", progress), ("pointwise", pointwise)):
        if not isinstance(value, bool | np.bool_):
            raise DataError(f"{name} is {shown(value)}, expected True or False")
    entropy = int(seed) if seed is not None else int(np.random.SeedSequence().generate_state(1)[0])
    own = data_hash(model.data)
    # An exact posterior, its order, and what is drawn beside it are the same for any seed.
    seeds = np.random.SeedSequence(entropy), np.random.SeedSequence(int(own[:32], 16))
    used, note, posterior, stats = _draw(
        model, engine, draws=draws, tune=tune, chains=chains, seeds=seeds, progress=progress
    )
    _, prior_seed, predictive_seed = seeds[used == "exact"].spawn(3)
    rows = max(model.data[name].size for name in model.observed)
    whole = rows <= _MOST_ROWS and draws * chains * rows <= _MOST_POINTWISE
    more: dict[str, xr.Dataset] = {}
    if pointwise and whole:
        more = {
            "log_likelihood": model.log_likelihood(model, posterior),
            "posterior_predictive": model.predict(model, posterior, np.random.default_rng(predictive_seed)),
        }
    if pointwise:
        more |= _prior_groups(model, prior_seed, draws, predicted=whole)
    if used == "exact":
        order = np.random.default_rng(seeds[1]).permutation(draws * chains)
        shuffled = ("log_likelihood", "posterior_predictive")
        more |= {name: _in_order(more[name], order) for name in shuffled if name in more}
        posterior, stats = _in_order(posterior, order), _in_order(stats, order)
    plain = model.data.drop_attrs()
    groups: dict[str, xr.Dataset] = {
        "posterior": posterior,
        "sample_stats": stats,
        **more,
        "observed_data": plain[list(model.observed)],
        "constant_data": plain.drop_vars(list(model.observed)),
    }
    tree = xr.DataTree.from_dict(groups)
    how: dict[str, Any] = {"engine": used} | ({"engine_note": note} if note else {})
    if not (pointwise and whole):
        how["left_out"] = (
            _LEFT_OUT.format(rows) if pointwise else "all groups but the posterior's, as was asked for"
        )
    how |= {"seed": entropy, "draws": draws, "tune": tune, "chains": chains}
    tree.attrs = {"model": model.name, **how, **_described(model, own)}
    return tree


def _draw(
    model: Model,
    engine: str,
    *,
    draws: int,
    tune: int,
    chains: int,
    seeds: tuple[np.random.SeedSequence, np.random.SeedSequence],
    progress: bool,
) -> tuple[str, str, xr.Dataset, xr.Dataset]:
    """The engine that was used, why not a better one, and what it gave: posterior and statistics."""
    note, seed = "", seeds[0].spawn(1)[0]
    if engine == "smc" or (engine == "auto" and model.exact is None and model.particles is not None):
        return "smc", note, *_draw_particles(model, draws=draws, chains=chains, seed=seed)
    if engine != "nuts":
        try:
            return "exact", note, *_draw_exact(model, draws=draws, chains=chains, seed=seeds[1])
        except NotExactError as error:
            if engine == "exact":
                raise
            note = str(error)
    number = int(seed.generate_state(1)[0])
    settings = {"draws": draws, "tune": tune, "chains": chains, "seed": number, "progress": progress}
    return "nuts", note, *sample_nuts(compile_nuts(model), **settings)  # type: ignore[arg-type]


def _described(model: Model, own: str) -> dict[str, str]:
    """What a posterior's attrs tell of its model, and of the versions behind it."""
    conflict = {} if model.conflict is None else dict(model.conflict(model))
    return ({"prior_conflict": json.dumps(conflict)} if conflict else {}) | {
        "origin": model.data.attrs.get("origin", "observed"),
        "options": json.dumps(dict(model.options)),
        "priors": json.dumps(describe_priors(model.priors)),
        "terms": json.dumps(list(model.terms)),
        "data_hash": own,
        "versions": json.dumps(versions()),
    }


def versions() -> dict[str, str]:
    """Versions that a posterior depends on."""
    names = [
        "bayes-targets",
        "pymc",
        "pytensor",
        "nutpie",
        "numba",
        "arviz",
        "numpy",
        "scipy",
        "pandas",
        "xarray",
    ]
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


@cache
def _version(name: str) -> str:
    # The line itself: parsing all that a package says of itself takes several times as long.
    told = metadata.distribution(name).read_text("METADATA") or ""
    found = re.search(r"^Version: *(.+)$", told, re.MULTILINE)
    return found[1].strip() if found else metadata.version(name)


def _draw_exact(
    model: Model, *, draws: int, chains: int, seed: np.random.SeedSequence
) -> tuple[xr.Dataset, xr.Dataset]:
    """Posterior and statistics; independent draws are arranged as chains."""
    if model.exact is None:
        raise NotExactError(f"model {model.name!r} has no exact posterior; use engine 'nuts'")
    found = model.exact(model, draws * chains, np.random.default_rng(seed))
    return tuple(_as_chains(part, draws, chains) for part in found)  # type: ignore[return-value]


def _draw_particles(
    model: Model, *, draws: int, chains: int, seed: np.random.SeedSequence
) -> tuple[xr.Dataset, xr.Dataset]:
    """Posterior and statistics; each chain is a population that knows nothing of the others."""
    if model.particles is None:
        raise DataError(f"model {model.name!r} has no engine 'smc'; use 'auto'")
    found = [model.particles(model, draws, np.random.default_rng(own)) for own in seed.spawn(chains)]
    labels = {"chain": np.arange(chains), "draw": np.arange(draws)}
    posterior = xr.concat([part for part, _ in found], "chain").rename(sample="draw")
    stats = xr.concat([part for _, part in found], "chain")
    return posterior.assign_coords(labels), stats.assign_coords(chain=labels["chain"])


def _in_order(data: xr.Dataset, order: NDArray[np.int64]) -> xr.Dataset:
    """The same draws in another order, chains being nothing but places; labels stay."""

    def moved(variable: xr.DataArray) -> NDArray[Any]:
        values = variable.to_numpy()
        if variable.dims[:2] != ("chain", "draw"):
            return values
        return values.reshape(order.size, *values.shape[2:])[order].reshape(values.shape)

    return data.copy(data={name: moved(variable) for name, variable in data.data_vars.items()})


def _as_chains(data: xr.Dataset, draws: int, chains: int) -> xr.Dataset:
    variables = {
        name: (
            ("chain", "draw", *variable.dims[1:]),
            variable.to_numpy().reshape(chains, draws, *variable.shape[1:]),
        )
        if "sample" in variable.dims
        else variable
        for name, variable in data.data_vars.items()
    }
    labels = {"chain": np.arange(chains), "draw": np.arange(draws)}
    return xr.Dataset(variables, coords={**labels, **data.coords})


class CompiledNuts(NamedTuple):
    """A model with its graph as nutpie compiled it, to be sampled with its own data or with others of the same shape."""

    model: Model
    graph: Any


def compile_nuts(model: Model) -> CompiledNuts:
    """Compile a model's graph, once for however many fits."""
    import nutpie

    return CompiledNuts(model, nutpie.compile_pymc_model(model.to_pymc()))


def sample_nuts(
    compiled: CompiledNuts,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    data: Mapping[str, NDArray[Any]] | None = None,
    target_accept: float = _TARGET_ACCEPT,
    progress: bool = False,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Draws of the No-U-Turn sampler."""
    import nutpie

    from .ensemble.pool import cores

    sampler = nutpie.sample(
        compiled.graph.with_data(**data) if data else compiled.graph,
        draws=draws,
        tune=tune,
        chains=chains,
        # A 2-core machine may count as one where cores are counted as physical ones: take what the process may use.
        cores=min(chains, cores()),
        seed=seed,
        save_warmup=False,
        progress_bar=progress and sys.stderr.isatty(),
        target_accept=target_accept,
        blocking=False,
    )
    # Blocking calls turn Ctrl-C into a shorter posterior without a word; this one cancels and lets it through.
    trace: xr.DataTree | None = None
    try:
        while trace is None:
            with suppress(TimeoutError):
                trace = sampler.wait(timeout=0.5)
    except BaseException:
        sampler.cancel()
        raise
    posterior, stats = (trace[group].to_dataset() for group in ("posterior", "sample_stats"))
    kept = {theirs: ours for theirs, ours in _SAMPLE_STATS.items() if theirs in stats}
    # Without time stamps, which would make equal runs differ.
    return (
        posterior[list(compiled.model.variables)].drop_attrs(),
        stats[list(kept)].rename(kept).drop_attrs(),
    )


def _prior_groups(
    model: Model, seed: np.random.SeedSequence, size: int, *, predicted: bool
) -> dict[str, xr.Dataset]:
    rng = np.random.default_rng(seed)
    prior = model.draw_prior(model, rng, size)
    if prior is None:
        return {}
    prior = prior.rename(sample="draw").expand_dims("chain").assign_coords(chain=[0], draw=np.arange(size))
    prior = prior.transpose("chain", "draw", ...)
    whole = (
        predicted
        and set(model.variables) <= set(prior.data_vars)
        and all(prior.sizes[dim] == length for dim, length in model.data.sizes.items() if dim in prior.sizes)
    )
    # Data can be predicted from the prior only where every parameter has a proper one.
    return {"prior": prior} | ({"prior_predictive": model.predict(model, prior, rng)} if whole else {})
