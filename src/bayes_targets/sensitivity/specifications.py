"""The multiverse: one question under every combination of defensible choices, each a posterior."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError, did_you_mean, require_count, require_kind, require_number, shown
from ..inference.diagnostics import diagnose, exact_rows, gates
from ..inference.engines import fit
from ..inference.ensemble import run_ensemble
from ..inference.summary import tails, weighted_quantiles
from ..model import Model, NotExactError, data_hash
from ..models.cohesion.exact import draw_parameters
from ..models.cohesion.model import cohesion_model
from ..models.cohesion.student_noise import K_HAT_LIMIT, solve_student_t
from ..priors import Flat, Normal, Prior
from .estimate import FloatArray

ESS_LIMIT = 100
CHOICES: Mapping[str, tuple[str, ...]] = {
    "pooling": ("partial", "complete", "none"),
    "slopes": ("common", "by_type"),
    "noise": ("normal", "student_t"),
    "prior": ("sceptical", "default", "enthusiastic", "flat"),
    "controls": ("all", "none"),
    "authorities": ("all", "without_extremes"),
}
RESULTS = ("mean", "sd", "low", "high", "prob_positive", "engine", "k_hat", "passed")
# Choices in the order of the table's rows, but for the prior.
_SHAPES = tuple(name for name in CHOICES if name != "prior")


@dataclass(frozen=True, eq=False)
class Multiverse:
    """The answers of all specifications; see `multiverse`.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per specification: ``dataset`` and every choice; posterior ``mean``, ``sd``, ``low``, ``high`` (equal-tailed) and
        ``prob_positive`` of the slope; ``engine`` (``"exact"``, ``"exact, reweighted"`` or ``"nuts"``); ``k_hat`` (of the
        weights, where reweighted); ``passed``: whether the posterior passed its checks. Attrs ``interval``, ``prob``,
        ``effect``, ``origin``, ``seed``.
    summary : pandas.Series
        Over the specifications that passed: ``specifications``, ``passed``, ``share_positive`` (share with a mean above 0),
        ``share_convincing`` (P(above 0) above `prob`), ``share_contrary`` (P(below 0) above `prob`), smallest, median and
        largest ``mean`` and ``prob_positive``.
    influence : pandas.DataFrame
        One row per choice, the most influential first: ``variance_share`` (share of the variance of the means between the
        averages of the choice's options), ``largest_difference`` (between those averages), ``lowest`` and ``highest`` (the
        options that give them).
    """

    table: pd.DataFrame
    summary: pd.Series
    influence: pd.DataFrame


def multiverse(
    authorities: xr.Dataset,
    *,
    effect: str = "target",
    hoped: float,
    choices: Mapping[str, Sequence[str]] | None = None,
    draws: int = 1000,
    prob: float = 0.95,
    seed: int,
    workers: int = 1,
    scheduler: str | None = None,
    fallback: bool = True,
    progress: bool = True,
) -> Multiverse:
    """The slope under every combination of choices and every data set.

    Parameters
    ----------
    authorities : xarray.Dataset
        One data set, or an ensemble with dim ``dataset`` such as `reconstruct` gives: the data set is a choice like the
        others.
    effect : {"target", "stretch"}
        As in `cohesion_model`.
    hoped : float
        The effect that would have been worth hoping for, for one unit of the predictor: the sceptical prior of the slope is
        normal around 0 with 5% above it, the enthusiastic one around it with 5% below 0.
    choices : mapping of str to sequence of str, optional
        Options of each choice, by default all of `CHOICES`; a choice that is left out keeps its first option in
        `CHOICES` (prior: default). ``controls`` may also be ``"without <name>"``.
    draws : int
        Draws of each posterior (twice as many are drawn where they are reweighted).
    prob : float
        Probability of the intervals, and of what counts as convincing.
    seed : int
        Seed of the specifications that NUTS samples; all others are the same for any seed.
    workers : int
        Processes to run at a time; with more than 1 a script needs ``if __name__ == "__main__":``.
    scheduler : str, optional
        Address of a Dask scheduler that does the work instead, see `run_ensemble`.
    fallback : bool
        Whether NUTS does what the exact engine cannot (a few seconds each); otherwise such a specification has not passed.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Multiverse

    Raises
    ------
    DataError
        If a choice or option is not known, or the data are not as described.

    References
    ----------
    Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), *Perspectives on Psychological Science* 11, 702-712; specification curve:
    Simonsohn, Simmons & Nelson (2020), *Nature Human Behaviour* 4, 1208-1214.

    Notes
    -----
    The options:

    - pooling, slopes, noise: as in `cohesion_model`;
    - prior of the slope: sceptical, the model's default, enthusiastic, flat;
    - controls: all, none, or without one (where the authorities have none, that is one option);
    - authorities: all, or without the lowest and the highest change (and, for stretch, stretch).

    The reference type is no choice here: the slope's posterior does not depend on it at all (it only names the contrasts of
    types), so that counting references would inflate the number of specifications without adding one.

    Normal noise has an exact posterior. Student-t noise is reweighted from it by Pareto-smoothed importance sampling, and
    falls back to NUTS where k-hat is above 0.7 or fewer than 100 effective draws are left.

    Examples
    --------
    >>> from bayes_targets.models.cohesion.simulate import simulate_authorities
    >>> authorities = simulate_authorities({"county": 27, "unitary": 55}, slope=2.0, seed=1)
    >>> found = multiverse(authorities, hoped=1.0, choices={"pooling": ["partial", "none"], "prior": ["sceptical", "flat"]},
    ...                    seed=1, progress=False)
    >>> len(found.table), found.influence.index[0]
    (4, 'prior')
    """
    chosen = _chosen(choices)
    if not _has_controls(authorities) and set(chosen["controls"]) <= {"all", "none"}:
        # With nothing to control for these are one specification, which must not count twice.
        chosen["controls"] = ("none",)
    require_number("prob", prob, above=0.5, below=1.0)
    require_count("draws", draws, 100)
    priors = _effect_priors(require_number("hoped", hoped, above=0.0))
    setting = _Setting(
        effect, {name: priors[name] for name in chosen["prior"]}, chosen, draws, prob, fallback
    )
    tasks = {
        " / ".join((label, *options)): (label, data, *options, setting)
        for label, data in _datasets(authorities).items()
        for options in itertools.product(chosen["controls"], chosen["authorities"])
    }
    done = run_ensemble(
        solve_specifications, tasks, seed=seed, workers=workers, scheduler=scheduler, progress=progress
    )
    if done.failures:
        name, reason = next(iter(done.failures.items()))
        raise DataError(f"multiverse, {name}: {reason}")
    rows = pd.DataFrame(
        [row for found in done.results.values() for row in found], columns=["dataset", *CHOICES, *RESULTS]
    )
    places = {name: {option: i for i, option in enumerate(options)} for name, options in chosen.items()}
    places["dataset"] = {label: i for i, label in enumerate(dict.fromkeys(rows["dataset"]))}
    # A row's place is that of its options, the prior's last.
    by = ["dataset", *_SHAPES, "prior"]
    table = rows.sort_values(by, key=lambda column: column.map(places[str(column.name)]), ignore_index=True)
    table.attrs = {
        "interval": "eti",
        "prob": prob,
        "effect": effect,
        "origin": str(authorities.attrs.get("origin", "observed")),
        "seed": seed,
    }
    return Multiverse(table, summarise_specifications(table), influence_of_choices(table))


class _Setting(NamedTuple):
    """What the specifications of a multiverse share."""

    effect: str
    priors: Mapping[str, Prior | None]
    chosen: Mapping[str, tuple[str, ...]]
    draws: int
    prob: float
    fallback: bool


def solve_specifications(
    task: tuple[str, xr.Dataset, str, str, _Setting], seed: np.random.SeedSequence
) -> list[dict[str, Any]]:
    """The posteriors of the slope under all other choices, for one choice of data set, controls and authorities."""
    label, data, controls, authorities, setting = task
    used = _with_authorities(_with_controls(data, controls), setting.effect, authorities)
    # The data are checked and standardised once: of them all of these models are.
    base = cohesion_model(used, effect=setting.effect)  # type: ignore[arg-type]
    whole = int(data_hash(base.data)[:32], 16)
    rows = []
    for kind in itertools.product(*(setting.chosen[name] for name in ("pooling", "slopes", "noise"))):
        own = dict(zip(("pooling", "slopes", "noise"), kind, strict=True))
        model = replace(base, options={**base.options, **own})
        # What is exact is the same for any seed.
        found = _under_priors(model, setting, np.random.default_rng(whole))
        for name, row in found.items():
            if not row["passed"] and setting.fallback:
                prior = setting.priors[name] or base.priors.effect
                priors = replace(base.priors, effect=prior)
                other = cohesion_model(used, effect=setting.effect, priors=priors, **own)  # type: ignore[arg-type]
                row |= _nuts(other, setting.prob, int(seed.generate_state(1)[0]))
            options = {**own, "controls": controls, "authorities": authorities}
            rows.append({"dataset": label, **options, "prior": name, **row})
    return rows


def _under_priors(model: Model, setting: _Setting, rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """The exact posterior of the slope of a model under each prior of it."""
    effects = {name: prior or model.priors.effect for name, prior in setting.priors.items()}
    models = {
        name: replace(model, priors=replace(model.priors, effect=prior)) for name, prior in effects.items()
    }
    if model.options["noise"] == "normal":
        return {name: _exact(own, setting, rng) for name, own in models.items()}
    found = _reweighted(model, effects, setting.draws, setting.prob, rng)
    for name, own in models.items():
        for times in (1, 4):
            # A prior that moves the posterior far needs a proposal of its own, and perhaps more draws.
            if not found[name]["passed"]:
                again = {name: effects[name]}
                found |= _reweighted(own, again, times * setting.draws, setting.prob, rng)
    return found


def pool_specifications(universe: Multiverse) -> Multiverse:
    """Each specification over all its data sets, as `pool_datasets` does with draws.

    The data set is then no choice: a reconstruction leaves it open, and a posterior is the mixture over what is open. The table
    has ``mean_error`` and ``prob_error`` more, the simulation errors (s.e.) that the number of data sets leaves.
    """
    table = universe.table.assign(within=universe.table["sd"] ** 2)
    groups = table.groupby(list(CHOICES), sort=False)
    m, spread = groups.size(), groups["mean"].var()
    average = groups[["mean", "low", "high", "within", "prob_positive"]].mean()
    sd = np.sqrt(average["within"] + (1 + 1 / m) * spread)
    wider = sd / np.sqrt(average["within"])
    pooled = pd.DataFrame(
        {
            "dataset": m.map("{} data sets together".format),
            "mean": average["mean"],
            "sd": sd,
            "low": average["mean"] + wider * (average["low"] - average["mean"]),
            "high": average["mean"] + wider * (average["high"] - average["mean"]),
            "prob_positive": average["prob_positive"],
            "engine": groups["engine"].first(),
            "k_hat": groups["k_hat"].max(),
            "passed": groups["passed"].all(),
            "mean_error": np.sqrt(spread / m),
            "prob_error": groups["prob_positive"].sem(),
        }
    ).reset_index()
    pooled = pooled[[*universe.table.columns, "mean_error", "prob_error"]]
    pooled.attrs = universe.table.attrs
    return Multiverse(pooled, summarise_specifications(pooled), influence_of_choices(pooled))


def summarise_specifications(table: pd.DataFrame) -> pd.Series:
    """Shares and ranges over the specifications that passed; see `Multiverse`."""
    passed = table[table["passed"].astype(bool)]
    prob, mean, positive = table.attrs["prob"], passed["mean"], passed["prob_positive"]
    return pd.Series(
        {
            "specifications": len(table),
            "passed": len(passed),
            "share_positive": float((mean > 0).mean()),
            "share_convincing": float((positive > prob).mean()),
            "share_contrary": float((positive < 1 - prob).mean()),
            "mean_min": mean.min(),
            "mean_median": mean.median(),
            "mean_max": mean.max(),
            "prob_positive_min": positive.min(),
            "prob_positive_median": positive.median(),
            "prob_positive_max": positive.max(),
        }
    )


def influence_of_choices(table: pd.DataFrame) -> pd.DataFrame:
    """How far each choice moves the posterior mean, averaged over all others; see `Multiverse`."""
    passed = table[table["passed"].astype(bool)]
    total = float(passed["mean"].var(ddof=0))
    rows = {}
    for name in ("dataset", *CHOICES):
        groups = passed.groupby(name, sort=False)["mean"]
        averages, sizes = groups.mean(), groups.size()
        if len(averages) < 2:
            continue
        spread = float(np.average((averages - np.average(averages, weights=sizes)) ** 2, weights=sizes))
        rows[name] = {
            "variance_share": spread / total if total > 0 else 0.0,
            "largest_difference": float(averages.max() - averages.min()),
            "lowest": str(averages.idxmin()),
            "highest": str(averages.idxmax()),
        }
    columns = ["variance_share", "largest_difference", "lowest", "highest"]
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("choice")
    return found.sort_values("variance_share", ascending=False, kind="stable")


def _chosen(choices: Mapping[str, Sequence[str]] | None) -> dict[str, tuple[str, ...]]:
    if choices is None:
        return {name: tuple(options) for name, options in CHOICES.items()}
    if not isinstance(choices, Mapping):
        raise DataError(f"choices is {shown(choices)}, expected each choice with a list of its options")
    for name, options in choices.items():
        if name not in CHOICES:
            raise DataError(f"choices: {name!r} is not known, {did_you_mean(name, list(CHOICES))}")
        if isinstance(options, str) or not options or len(set(options)) < len(options):
            raise DataError(f"choices, {name}: found {options!r}, expected different options in a list")
        for option in options:
            named = name == "controls" and str(option).startswith("without ")
            if option not in CHOICES[name] and not named:
                raise DataError(f"choices, {name}: {did_you_mean(str(option), list(CHOICES[name]))}")
    first = {name: options[:1] for name, options in CHOICES.items()} | {"prior": ("default",)}
    return {name: tuple(choices.get(name, first[name])) for name in CHOICES}


def _effect_priors(hoped: float) -> dict[str, Prior | None]:
    """Priors of the slope by name; None is the model's own."""
    sd = hoped / 1.6448536269514722  # 5% of a normal lie above this many standard deviations
    return {
        "sceptical": Normal(0.0, sd),
        "default": None,
        "enthusiastic": Normal(hoped, sd),
        "flat": Flat(),
    }


def _datasets(authorities: xr.Dataset) -> dict[str, xr.Dataset]:
    require_kind("authorities", authorities, xr.Dataset, "a Dataset of authorities")
    if "dataset" not in authorities.dims:
        return {"0": authorities}
    labels = authorities["dataset"].to_numpy()
    return {str(label): authorities.isel(dataset=i, drop=True) for i, label in enumerate(labels)}


def _has_controls(data: xr.Dataset) -> bool:
    return isinstance(data, xr.Dataset) and "controls" in data and data.sizes.get("control", 0) > 0


def _with_controls(data: xr.Dataset, option: str) -> xr.Dataset:
    name, there = option.removeprefix("without "), _has_controls(data)
    if option in ("all", "none"):
        return data.drop_vars(["controls", "control"]) if there and option == "none" else data
    if not there:
        raise DataError(f"choices, controls: found {option!r}, and the authorities have no controls")
    known = [str(control) for control in data["control"].to_numpy()]
    if name not in known:
        raise DataError(f"choices, controls: no control {name!r}, {did_you_mean(name, known)}")
    return data.sel(control=[control for control in known if control != name])


def _with_authorities(data: xr.Dataset, effect: str, option: str) -> xr.Dataset:
    if option == "all":
        return data
    dropped = set()
    for name in ("change", *(["stretch"] if effect == "stretch" else [])):
        values = data[name].to_numpy()
        dropped |= {int(np.nanargmin(values)), int(np.nanargmax(values))}
    return data.isel(authority=[i for i in range(data.sizes["authority"]) if i not in dropped])


def _exact(model: Model, setting: _Setting, rng: np.random.Generator) -> dict[str, Any]:
    try:
        values, found = draw_parameters(model, setting.draws, rng)
    except NotExactError:
        return _not_solved("exact")
    return _row(values["effect"], None, setting.prob, "exact", passed=_sound(found.stats))


def _reweighted(
    model: Model, effects: Mapping[str, Prior], draws: int, prob: float, rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    engine = "exact, reweighted"
    try:
        found = solve_student_t(model, effects, 2 * draws, rng)
    except NotExactError:
        return {name: _not_solved(engine) for name in effects}
    rows = {}
    for name, each in found.items():
        passed = _sound(each.stats) and each.k_hat <= K_HAT_LIMIT and each.ess >= ESS_LIMIT
        rows[name] = _row(each.effect, each.weights, prob, engine, each.k_hat, passed=passed)
    return rows


def _nuts(model: Model, prob: float, seed: int) -> dict[str, Any]:
    posterior = fit(model, engine="nuts", seed=seed, progress=False)
    passed = bool(gates(diagnose(posterior))["passed"].all())
    return _row(posterior["posterior"]["effect"].to_numpy().ravel(), None, prob, "nuts", passed=passed)


def _row(
    effect: FloatArray,
    weights: FloatArray | None,
    prob: float,
    engine: str,
    k_hat: float = math.nan,
    *,
    passed: bool,
) -> dict[str, Any]:
    if weights is None:
        weights = np.full(effect.size, 1.0 / effect.size)
    low, high = weighted_quantiles(effect, weights, tails(prob))
    mean = float(weights @ effect)
    sd = float(np.sqrt(weights @ (effect - mean) ** 2))
    above = float(weights[effect > 0].sum())
    values = (mean, sd, low, high, min(above, 1.0), engine, k_hat, passed)
    return dict(zip(RESULTS, values, strict=True))


def _not_solved(engine: str) -> dict[str, Any]:
    return {**dict.fromkeys(RESULTS, np.nan), "engine": engine, "passed": False}


def _sound(stats: Mapping[str, float]) -> bool:
    """The checks of an exact posterior that `diagnose` makes of its statistics."""
    return all(bool(row["passed"]) for row in exact_rows(stats))
