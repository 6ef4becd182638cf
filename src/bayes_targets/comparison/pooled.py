"""What a posterior of several evaluations says: quantities, studies, and how the answer moves under other assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..evaluation import Evaluation
from ..inference.summary import mean_interval, summarise_draws
from ..model import Model
from ..models.meta.exact import solvable
from ..models.meta.model import meta_model
from ..models.meta.priors import MetaPriors, Steps, resolved
from ..models.meta.problem import SPREADS
from ..priors import Normal, Prior
from .averaging import Average, average_models
from .compare import smallest_effect
from .meta import typical_variance

FloatArray = NDArray[np.float64]
# Beyond this many studies none is left out in turn.
MOST_LEFT_OUT = 200
# Selections that a page tries, by what a reader is told.
NO_SELECTION = "no selection"
SELECTIONS: dict[str, Any] = {
    NO_SELECTION: None,
    "fewer printed above one-sided p .025": Steps((0.025,)),
    "fewer above one-sided p .025, fewer still above .05": Steps((0.025, 0.05)),
    "fewer printed above two-sided p .05": Steps((0.05,), side="two"),
    "estimates rise with the standard error (PET)": "pet",
    "estimates rise with the variance (PEESE)": "peese",
}
# Stated probabilities of printing what is not significant and favourable, relative to what is.
WEIGHTS = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
# Covariances that are inverted for weights.
_MATRICES = 100


@dataclass(frozen=True, eq=False)
class Question:
    """Several evaluations and how they are pooled: what `meta_model` is given."""

    several: Evaluation
    options: Mapping[str, Any] = field(default_factory=dict)  # further arguments of `meta_model`

    def model(self, **changed: Any) -> Model:
        """The model, with some arguments changed."""
        return meta_model(changed.pop("several", self.several), **{**self.options, **changed})

    @property
    def priors(self) -> tuple[MetaPriors, dict[str, str]]:
        """Priors without a gap, and where each comes from."""
        frame = self.several.estimates
        return resolved(
            self.options.get("priors"),
            hoped=self.several.hoped,
            n=self.several.n,
            estimate=frame["estimate"].to_numpy(float),
            se=frame["se"].to_numpy(float),
            selection=self.options.get("selection"),
        )

    @property
    def has_evidence(self) -> bool:
        """Whether the priors of mean and spread are such that evidences mean something."""
        priors, sources = self.priors
        chosen = [getattr(priors, name) for name in ("mu", "tau")]
        known = all(sources[name] != "table" for name in ("mu", "tau"))
        return known and all(isinstance(prior, Prior) and prior.proper for prior in chosen)

    @property
    def allows_steps(self) -> bool:
        """Whether selection by steps has an exact and proper posterior: independent errors, a proper prior of the mean."""
        mean = self.priors[0].mu
        proper = not isinstance(mean, Prior) or mean.proper
        return self.several.covariance is None and self.options.get("correlation") is None and proper

    def left_out(self) -> dict[str, Model]:
        """The model without each study in turn; nothing where there are too few or too many."""
        frame = self.several.estimates
        if not 3 <= len(frame) <= MOST_LEFT_OUT:
            return {}
        return {str(study): self._without([study]) for study in frame.index}

    def _without(self, studies: Sequence[Any]) -> Model:
        frame = self.several.estimates.drop(index=list(studies))
        covariance = self.several.covariance
        if covariance is not None:
            covariance = covariance.drop(index=list(studies), columns=list(studies))
        priors, _ = self.priors
        few = replace(self.several, estimates=frame, covariance=covariance)
        # The priors stay those of all studies, and a moderator that no longer varies is left out.
        names = [own for own in self.options.get("moderators", ()) if frame[own].min() < frame[own].max()]
        names = names if len(frame) > len(names) + 1 else []
        return self.model(several=few, priors=priors, moderators=names)

    def cumulative(self, by: str) -> dict[str, Model]:
        """The model of the first two studies, the first three and so on in the order of a column."""
        ordered = self.several.estimates.sort_values(by, kind="stable")
        models = {}
        for count in range(2, len(ordered)):
            label = f"to {ordered[by].iloc[count - 1]:g}: {count} studies"
            models[label] = self._without(ordered.index[count:].tolist())
        return models

    def selections(self) -> dict[str, Model]:
        """The model under each selection that it allows and that has an exact posterior."""
        allowed = {
            name: self.model(selection=selection)
            for name, selection in SELECTIONS.items()
            if self.allows_steps or not isinstance(selection, Steps)
        }
        return {name: model for name, model in allowed.items() if solvable(model)}

    def stated_weights(self) -> dict[str, Model]:
        """The model with a stated probability of printing what is not significant and favourable."""
        if not self.allows_steps:
            return {}
        priors, _ = self.priors
        models = {
            f"{weight:g}": self.model(selection=Steps((0.025,)), priors=replace(priors, weight=weight))
            for weight in WEIGHTS
        }
        return {name: model for name, model in models.items() if solvable(model)}

    def family(self) -> dict[str, Model]:
        """Models with and without effect, spread and selection."""
        priors, _ = self.priors
        tried = self.selections()
        effects = {"an effect": priors.mu, "no effect": 0.0}
        spreads = {"effects differ": priors.tau, "effects are equal": 0.0}
        return {
            f"{effect}, {spread}, {selection}": self.model(
                selection=SELECTIONS[selection], priors=replace(priors, mu=mu, tau=tau, slope=None)
            )
            for effect, mu in effects.items()
            for spread, tau in spreads.items()
            for selection in tried
        }

    def swept(self) -> dict[str, Model]:
        """The model with the prior of the mean narrower and wider."""
        priors, _ = self.priors
        if not isinstance(priors.mu, Normal):
            return {}
        wider = [Normal(priors.mu.mu, priors.mu.sigma * scale) for scale in SCALES]
        return {str(mu): self.model(priors=replace(priors, mu=mu)) for mu in wider}


def summarise(posterior: xr.DataTree, several: Evaluation) -> pd.DataFrame:
    """One row per quantity of a posterior of `meta_model`; 95% equal-tailed intervals."""
    draws = posterior["posterior"].to_dataset()
    quantities = {name: draws[name] for name in ("mu", "new_effect", *SPREADS) if name in draws}
    if "tau" in draws:
        quantities["i2"] = i2_draws(posterior)
    for name, dim in (("coefficient", "moderator"), ("weight", "step")):
        if name in draws:
            quantities |= {f"{name} ({own})": draws[name].sel({dim: own}) for own in draws[dim].to_numpy()}
    if "slope" in draws:
        quantities["slope"] = draws["slope"]
    rows, smallest = {}, smallest_effect(several)
    for name, values in quantities.items():
        mean, low, high = mean_interval(values)
        row = {"mean": mean, "sd": float(values.std()), "low": low, "high": high}
        if name in ("mu", "new_effect") and several.better is not None:
            row["prob_better"] = _prob_beyond(values, 0.0, several)
            if smallest is not None:
                row["prob_more"] = _prob_beyond(values, smallest, several)
        if several.ratio and name in ("mu", "new_effect"):
            row |= {f"ratio_{end}": math.exp(min(row[end], 700.0)) for end in ("mean", "low", "high")}
        rows[name] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")
    table.attrs = {"interval": "eti", "prob": 0.95, "origin": several.source}
    return table


def _prob_beyond(values: Any, distance: float, several: Evaluation) -> float:
    """Share of the draws that are more than a distance on the favourable side."""
    return float((several.side * values > distance).mean())


def i2_draws(posterior: xr.DataTree) -> xr.DataArray:
    """Share of the variance of estimates that lies between true effects, draw by draw (Higgins & Thompson 2002)."""
    variance = _variance(posterior["posterior"].to_dataset())
    return variance / (variance + typical_variance(posterior["constant_data"]["se"].to_numpy()))


def _variance(draws: xr.Dataset) -> xr.DataArray:
    """Variance of true effects in each draw, between groups and within them."""
    return draws["tau"] ** 2 + draws.get("tau_within", 0.0) ** 2


def _shares_of_mean(posterior: xr.DataTree) -> FloatArray:
    """What each estimate weighs in the mean, draw by draw, up to a constant: the inverse covariance's row sums."""
    draws, data = posterior["posterior"].to_dataset(), posterior["constant_data"].to_dataset()
    tau = draws["tau"].to_numpy().ravel()
    within = draws["tau_within"].to_numpy().ravel() if "tau_within" in draws else 0.0 * tau
    variance, count = data["se"].to_numpy() ** 2, data.sizes["study"]
    group = data["group"].to_numpy() if "group" in data else np.arange(count)
    same = np.equal.outer(group, group).astype(float)
    if "covariance" in data:
        # A few draws, evenly over the posterior, as each needs a matrix.
        chosen = np.lexsort((within, tau))[:: max(1, tau.size // _MATRICES)][:, None, None]
        spread = tau[chosen] ** 2 * same + within[chosen] ** 2 * np.eye(count)
        return np.linalg.solve(data["covariance"].to_numpy() + spread, np.ones((count, 1)))[..., 0]
    if "group" not in data:
        return np.asarray(1.0 / (tau[:, None] ** 2 + variance))
    own = 1.0 / (within[:, None] ** 2 + variance)
    return np.asarray(own / (1.0 + tau[:, None] ** 2 * (own @ same)))


def study_table(
    posterior: xr.DataTree, several: Evaluation, left_out: Mapping[str, xr.DataTree] | None = None
) -> pd.DataFrame:
    """One row per study: what it found, its effect in the light of all, its weight, and the answer without it."""
    draws = posterior["posterior"].to_dataset()
    table = several.estimates[["estimate", "se"]].astype(float)
    table.index = table.index.astype(str).rename("study")
    table[["mean", "low", "high"]] = summarise_draws(draws["effect"])[["mean", "low", "high"]].to_numpy()
    if "tau" in draws:
        share = _shares_of_mean(posterior)
        table["weight"] = 100 * (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        variance = table["se"].to_numpy() ** 2
        table["shrinkage"] = (variance / (_variance(draws).to_numpy().ravel()[:, None] + variance)).mean(
            axis=0
        )
    if left_out:
        found = [
            mean_interval(left_out[study]["posterior"]["mu"]) if study in left_out else [math.nan] * 3
            for study in table.index
        ]
        table[["mean_without", "low_without", "high_without"]] = found
    return table


def moved(
    posteriors: Mapping[str, xr.DataTree], several: Evaluation, *, against: xr.DataTree | None = None
) -> pd.DataFrame:
    """The answer under several assumptions, one row each, with Bayes factors against one of them, if that is given."""
    rows = {}
    for name, tree in posteriors.items():
        draws = tree["posterior"].to_dataset()
        mean, low, high = mean_interval(draws["mu"])
        rows[name] = {
            "mean": mean,
            "low": low,
            "high": high,
            "prob_better": _prob_beyond(draws["mu"], 0.0, several),
            "new_prob_better": _prob_beyond(draws["new_effect"], 0.0, several),
            "tau": float(draws["tau"].mean()),
            "weight": float(draws["weight"][..., -1].mean()) if "weight" in draws else math.nan,
            "slope": float(draws["slope"].mean()) if "slope" in draws else math.nan,
        }
        if against is not None:
            log_factor = tree["sample_stats"]["log_evidence"] - against["sample_stats"]["log_evidence"]
            rows[name]["bayes_factor"] = math.exp(min(log_factor, 700.0))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("assumption")


def weight_at_no_effect(table: pd.DataFrame, several: Evaluation) -> float:
    """The stated weight of publication at which the mean effect falls to 0, between those tried; NaN where none does."""
    ordered = table.assign(at=table.index.astype(float)).sort_values("at", ascending=False)
    at, mean = ordered["at"].to_numpy(), several.side * ordered["mean"].to_numpy()
    if mean[0] <= 0:
        return 1.0
    for k in range(1, at.size):
        if mean[k] <= 0:
            share = mean[k - 1] / (mean[k - 1] - mean[k])
            return float(math.exp(math.log(at[k - 1]) + share * math.log(at[k] / at[k - 1])))
    return math.nan


def bayes_factors(posteriors: Mapping[str, xr.DataTree]) -> Average:
    """The models of `Question.family`, averaged: half of the prior probability is that of no selection."""
    plain = [name for name in posteriors if name.endswith(f", {NO_SELECTION}")]
    others = len(posteriors) - len(plain)
    # Up to a constant, so that both add up to the same.
    weights = {name: others or 1 if name in plain else len(plain) or 1 for name in posteriors}
    return average_models(posteriors, prior_weights=weights)
