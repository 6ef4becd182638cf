"""Models averaged by how well they predicted the estimates: probabilities of models, and one posterior over all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError, require_kind
from ..inference.quadrature import together
from ..inference.summary import mean_interval
from ..priors import NO_EVIDENCE

# What may be in some models and not in others: question, and the variable or option that says so.
COMPONENTS = ("effect", "heterogeneity", "selection")
_PARAMETER = {"effect": "mu", "heterogeneity": "tau"}


@dataclass(frozen=True, eq=False)
class Average:
    """Several models of the same estimates, and what they say together.

    Attributes
    ----------
    weights : pandas.DataFrame
        Indexed by ``model``: ``prior`` and ``probability`` of the model; ``log_evidence``; whether it has an ``effect``,
        ``heterogeneity`` and ``selection``; and what it says by itself of the mean effect: ``mean``, ``low`` and ``high``
        (95% equal-tailed) and ``prob_positive``.
    inclusion : pandas.DataFrame
        Indexed by ``component`` (effect, heterogeneity, selection), for those that some models have and others not: ``prior``
        and ``probability`` of all models that have it, and ``bayes_factor``, the factor between their odds.
    posterior : xarray.DataTree
        Draws of ``mu``, ``tau``, ``effect`` and ``new_effect`` from the models in proportion to their probabilities; a mean or
        spread of 0 is part of it.

    Examples
    --------
    >>> weights = pd.DataFrame({"probability": [0.75, 0.25]}, index=pd.Index(["effect", "none"], name="model"))
    >>> Average(weights, pd.DataFrame(), xr.DataTree()).weights["probability"].idxmax()
    'effect'
    """

    weights: pd.DataFrame
    inclusion: pd.DataFrame
    posterior: xr.DataTree


def average_models(
    posteriors: Mapping[str, xr.DataTree], *, prior_weights: Mapping[str, float] | None = None
) -> Average:
    r"""Average models by their exact evidence.

    .. math:: p(M_m \mid y) \propto p(M_m)\, p(y \mid M_m)

    Parameters
    ----------
    posteriors : mapping of str to xarray.DataTree
        By the model's name, all from `fit` with the exact engine and from the same estimates.
    prior_weights : mapping of str to float, optional
        Prior probabilities of the models, up to a constant; equal without.

    Returns
    -------
    Average

    Raises
    ------
    DataError
        If a posterior has no exact evidence or is of other estimates; if a weight is missing or negative; or if models with
        and without a parameter are compared while its prior is improper or wide by default: their evidences would then say
        how wide it is and nothing else.

    References
    ----------
    Hoeting, Madigan, Raftery & Volinsky (1999), *Statistical Science* 14, 382-417. Bartoš, Maier, Wagenmakers, Doucouliagos
    & Stanley (2023), *Research Synthesis Methods* 14, 99-116, for selection models.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> table = pd.DataFrame({"estimate": [0.10, 0.30, 0.35], "se": [0.10, 0.15, 0.20]}, index=list("abc"))
    >>> several = bt.Evaluation(estimates=table, printed=table.astype(str), better="higher", hoped=0.2)
    >>> models = {name: bt.meta_model(several, pooling="complete", priors=bt.MetaPriors(mu=mu))
    ...           for name, mu in {"an effect": bt.Normal(0, 0.5), "none": 0.0}.items()}
    >>> average = average_models({name: bt.fit(model, seed=1, progress=False) for name, model in models.items()})
    >>> average.weights["probability"].round(2).to_dict(), round(float(average.inclusion["bayes_factor"]["effect"]), 1)
    ({'an effect': 0.75, 'none': 0.25}, 3.0)
    """
    if not require_kind("posteriors", posteriors, Mapping, "posteriors of meta_model by name"):
        raise DataError("average_models: no posterior, expected at least one")
    names = list(posteriors)
    _check_same(posteriors)
    prior = _prior(names, prior_weights)
    log_evidence = np.array([_log_evidence(name, posteriors[name]) for name in names])
    log_weight = np.log(np.maximum(prior, 1e-300)) + log_evidence
    probability = np.where(prior > 0, np.exp(log_weight - log_weight.max()), 0.0)
    probability /= probability.sum()
    table = pd.DataFrame(
        {"prior": prior, "log_evidence": log_evidence, "probability": probability},
        index=pd.Index(names, name="model"),
    )
    for component in COMPONENTS:
        table[component] = [_has(posteriors[name], component) for name in names]
    means = [posteriors[name]["posterior"]["mu"] for name in names]
    table[["mean", "low", "high"]] = [mean_interval(mu) for mu in means]
    table["prob_positive"] = [float((mu > 0).mean()) for mu in means]
    _check_priors(posteriors, table)
    total = float(log_weight.max() + math.log(np.exp(log_weight - log_weight.max()).sum()))
    return Average(table, _inclusion(table), _averaged(posteriors, probability, total))


def _check_same(posteriors: Mapping[str, xr.DataTree]) -> None:
    first: tuple[str, Any] | None = None
    for name, posterior in posteriors.items():
        if not isinstance(posterior, xr.DataTree) or posterior.attrs.get("model") != "meta":
            raise DataError(f"model {name!r}: expected a posterior of meta_model, from fit")
        own = (posterior["observed_data"]["estimate"].to_numpy(), posterior["constant_data"]["se"].to_numpy())
        if first is None:
            first = (name, own)
        elif not all(np.array_equal(a, b) for a, b in zip(first[1], own, strict=True)):
            raise DataError(f"models {first[0]!r} and {name!r} are of different estimates, expected the same")


def _prior(names: list[str], given: Mapping[str, float] | None) -> np.ndarray[Any, np.dtype[np.float64]]:
    if given is None:
        return np.full(len(names), 1.0 / len(names))
    missing, unknown = [n for n in names if n not in given], [n for n in given if n not in names]
    if missing or unknown:
        raise DataError(f"prior_weights: missing {missing}, unknown {unknown}, expected one for each model")
    prior = np.array([float(given[name]) for name in names])
    if not (np.isfinite(prior).all() and (prior >= 0).all() and prior.sum() > 0):
        raise DataError(f"prior_weights: found {prior.tolist()}, expected numbers of 0 or more")
    return np.asarray(prior / prior.sum())


def _log_evidence(name: str, posterior: xr.DataTree) -> float:
    if posterior.attrs.get("engine") != "exact":
        raise DataError(f"model {name!r}: no exact evidence, expected a posterior of engine 'exact'")
    return float(posterior["sample_stats"]["log_evidence"])


def _options(posterior: xr.DataTree) -> dict[str, str]:
    return dict(json.loads(posterior.attrs["options"]))


def _has(posterior: xr.DataTree, component: str) -> bool:
    options = _options(posterior)
    if component == "selection":
        return options["selection"] != "none"
    name = _PARAMETER[component]
    return not (name in json.loads(options["points"]) and float(posterior["posterior"][name].max()) == 0.0)


def _check_priors(posteriors: Mapping[str, xr.DataTree], table: pd.DataFrame) -> None:
    for component, name in _PARAMETER.items():
        if table[component].nunique() < 2:
            continue
        for model, posterior in posteriors.items():
            if not table.loc[model, component]:
                continue
            source = json.loads(_options(posterior)["prior_source"]).get(name)
            text = json.loads(posterior.attrs["priors"])[name]
            if source == "table" or text in ("Flat()", "HalfFlat()"):
                raise DataError(
                    f"model {model!r} against one without {component}, prior of {name} {text}: {NO_EVIDENCE}"
                )


def _inclusion(table: pd.DataFrame) -> pd.DataFrame:
    rows = {}
    for component in COMPONENTS:
        has = table[component].to_numpy(bool)
        if has.all() or not has.any():
            continue
        prior, posterior = (min(1.0, float(table[name][has].sum())) for name in ("prior", "probability"))
        rest = float(table["probability"][~has].sum())
        odds = posterior / rest if rest > 0 else math.inf
        rows[component] = (prior, posterior, odds * (1 - prior) / prior)
    columns = ["prior", "probability", "bayes_factor"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("component")


def _averaged(
    posteriors: Mapping[str, xr.DataTree], probability: np.ndarray[Any, Any], log_evidence: float
) -> xr.DataTree:
    trees = list(posteriors.values())
    first = trees[0]["posterior"].to_dataset()
    chains, draws = first.sizes["chain"], first.sizes["draw"]
    size = chains * draws
    shares = probability * size
    counts = np.floor(shares).astype(int)
    for k in np.argsort(counts - shares)[: size - counts.sum()]:
        counts[k] += 1
    order = np.random.default_rng(0).permutation(size)
    rows = [_spread_out(tree, int(count)) for tree, count in zip(trees, counts, strict=True)]
    variables: dict[str, Any] = {}
    for name in ("mu", "tau", "effect", "new_effect"):
        parts = []
        for tree, chosen in zip(trees, rows, strict=True):
            values = tree["posterior"][name].transpose("chain", "draw", ...).to_numpy()
            parts.append(values.reshape(-1, *values.shape[2:])[chosen])
        joined = np.concatenate(parts)[order].reshape(chains, draws, *parts[0].shape[1:])
        variables[name] = (first[name].dims, joined)
    coords = {name: first.coords[name] for name in ("chain", "draw", "study")}
    stats = together([own["sample_stats"].to_dataset() for own in trees])
    kept = stats[["acceptance", "grid_size", "edge_mass", "refinement_change"]]
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(variables, coords=coords),
            "sample_stats": kept.assign(log_evidence=log_evidence),
            "observed_data": trees[0]["observed_data"].to_dataset(),
            "constant_data": trees[0]["constant_data"].to_dataset()[["se"]],
        }
    )
    points = set.intersection(*(set(json.loads(_options(own)["points"])) for own in trees))
    options = {**_options(trees[0]), "selection": "averaged", "points": json.dumps(sorted(points))}
    tree.attrs = {**trees[0].attrs, "model": "meta average", "options": json.dumps(options)}
    return tree


def _spread_out(tree: xr.DataTree, count: int) -> np.ndarray[Any, np.dtype[np.int_]]:
    """Some draws of a model, evenly over the distribution of its mean: the same ones in whatever order they come."""
    mu, tau = (tree["posterior"][name].to_numpy().ravel() for name in ("mu", "tau"))
    if count > mu.size:
        raise DataError("average_models: expected as many draws of every model")
    places = ((np.arange(count) + 0.5) * mu.size / max(count, 1)).astype(int)
    return np.asarray(np.lexsort((tau, mu))[places])
