"""Andrews, Downe & Guarneros-Meza (2014), on Local Area Agreements and social cohesion."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pandas as pd
import xarray as xr

from ..comparison.ols import ols_from_estimates
from ..errors import DataError
from ..model import Model
from ..models.published.model import published_model
from ..models.published.priors import PublishedPriors
from ..priors import Normal
from ..readers.package import Study

NAME = "andrews2014"
SHORT = "Andrews, Downe & Guarneros-Meza (2014), social cohesion"
CITED = "Andrews et al. (2014)"
OUTCOME = "change in cohesion from 2006 to 2008, per cent of the score of 2006"
REFERENCE = "Unitary authority"
TYPE_GROUP = "authority type"

# Half a point: half of what the paper itself calls a comparatively small effect ("almost a whole percentage point"),
# and a sixth of the error of +/- 3 points that one survey score carries.
ROPE = (-0.5, 0.5)

FOREST_SUBTITLE = (
    "Change in cohesion, English authorities, 2006 to 2008; n = 150 (stretch: 131); target measures in bold"
)
FOREST_X = "per cent of the cohesion score of 2006, for one s.d. of the predictor (or from 0 to 1)"
PRIOR_X = "per cent of the cohesion score of 2006: with a target, or for one s.d. of stretch"
TYPE_CAPTION = (
    "Authority types, partially pooled (Model 1). Difference of each type from the average type, in per cent of the cohesion "
    "score of 2006, the reference type (unitary) included; posterior mean, s.d., 95% equal-tailed interval and probability above 0."
)
METHODS = (
    "Each printed slope is taken as normally distributed around the true one with the printed robust standard error as known. Without "
    "pooling every term has a prior of its own: Normal(0, 5) per cent of the cohesion score of 2006 for one standard deviation of "
    "the predictor (or from 0 to 1); the constant's is flat. Under flat priors the posterior repeats the printed numbers.",
    "With partial pooling the four authority types, the unitary reference included, share a distribution with standard deviation tau, "
    "HalfNormal(2.5). The three printed contrasts contain the same sampling error of the reference, so that their errors are "
    "correlated; its size is not printed and gets a prior.",
)
LIMITS = (
    "Whether targets were the cause of the change: they were negotiated, not drawn by lot, and places with low scores in 2006 "
    "may have been given "
    "(tougher) targets and have recovered anyway.",
    "Stretch and the outcome are both measured from the same, noisy 2006 score: part of the stretch slope is arithmetic. How large a "
    "part cannot be read off the table.",
    "The printed table has no covariances between slopes: joint statements about several terms take their errors as independent "
    "(except for the shared reference of the authority types).",
)

# What would have been worth hoping for, in percentage points of change in cohesion: for a target, or for one s.d. of stretch.
# It is about what the paper calls "almost a whole percentage point", and a third of one survey's error.
HOPED = 1.0
ON, STRETCH = "LAA (target on)", "LAA (target stretch)"

# What a reader of a first page must know of the study, and of its picture.
TERMS = (
    (
        "Cohesion:",
        "the share of residents who say that people of different backgrounds get on well together in their area.",
    ),
    (
        "LAA:",
        "a Local Area Agreement between an area and central government. 86 of 150 English areas chose a target for cohesion, from 2006 "
        "to 2008. Its stretch is how far the target lay above the score of 2006.",
    ),
)
PAGE_TERMS = (
    *TERMS,
    ("NRF area:", "an area with money from the Neighbourhood Renewal Fund, for deprived neighbourhoods."),
)
# Two pages answer one question.
QUOTE = (
    "Which answer to quote: that of the printed table (the page on the printed regressions), which needs no reconstruction. The numbers "
    "differ a little, because here authority types are pooled and the noise is the same everywhere; the printed standard errors allow "
    "for unequal noise."
)
COVER = (
    "How much more did cohesion improve with a target (above), and for one standard deviation of stretch, 3.9 points (below)? Dashed: "
    "the default prior. Curves: posteriors. Blue: more than the smallest improvement worth having."
)

# Predictors that Table 2 uses in another form than Table 1 describes.
_LOGGED = {"Population (log)": "Population", "Population density (log)": "Population density"}


def estimates(study: Study, *, model: int) -> pd.DataFrame:
    """The printed slopes of one model of Table 2, ready for `published_model`.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> frame = estimates(load_study("andrews2014"), model=2).set_index("term")
    >>> frame.loc["LAA (target on)", ["estimate", "se", "scale"]].tolist()
    [0.952, 0.659, 1.0]
    >>> frame.attrs["df"]
    137
    """
    table = study.tables["ols"]
    chosen = table[table["model"] == model]
    if chosen.empty:
        raise DataError(f"model is {model!r}, expected one of {sorted(table['model'].unique().tolist())}")
    frame = chosen[["term", "estimate", "se"]].reset_index(drop=True)
    scales = _scales(study)
    frame["scale"] = [scales.get(term, math.nan) for term in frame["term"]]
    is_type = chosen["kind"].eq("authority type").to_numpy()
    frame["group"] = [TYPE_GROUP if pooled else "" for pooled in is_type]
    reference = pd.DataFrame(
        {"term": [REFERENCE], "estimate": [0.0], "se": [0.0], "scale": [1.0], "group": [TYPE_GROUP]}
    )
    result = pd.concat([frame, reference], ignore_index=True)
    fits = study.tables["ols_fit"]
    n = int(fits.loc[fits["model"] == model, "n"].iloc[0])
    result.attrs = {**table.attrs, "origin": "published", "n": n, "df": n - len(frame), "hoped": HOPED}
    return result


def ols(study: Study, *, model: int, standardised: bool = False, prob: float = 0.95) -> pd.DataFrame:
    """The printed OLS of one model with t statistics, p-values and intervals, by term."""
    frame = estimates(study, model=model)
    df = frame.attrs["df"]
    if standardised:
        frame = frame.dropna(subset="scale")
        frame = frame.assign(estimate=frame["estimate"] * frame["scale"], se=frame["se"] * frame["scale"])
    return ols_from_estimates(frame, df=df, prob=prob)


def ropes(estimates: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """The region of practical equivalence of each term, in the units of its printed slope."""
    scaled = estimates.dropna(subset="scale").set_index("term")["scale"]
    return {str(term): (ROPE[0] / scale, ROPE[1] / scale) for term, scale in scaled.items()}


def type_table(posterior: xr.DataTree, prob: float = 0.95) -> pd.DataFrame:
    """How each authority type differs from the average type, under partial pooling."""
    draws = posterior["posterior"]["deviation"]
    low, high = (draws.quantile(q, ("chain", "draw")) for q in ((1 - prob) / 2, (1 + prob) / 2))
    return pd.DataFrame(
        {
            "mean": draws.mean(("chain", "draw")).to_numpy(),
            "sd": draws.std(("chain", "draw"), ddof=1).to_numpy(),
            "low": low.to_numpy(),
            "high": high.to_numpy(),
            "prob_positive": (draws > 0).mean(("chain", "draw")).to_numpy(),
        },
        index=pd.Index(draws["category"].to_numpy().astype(str), name="authority_type"),
    )


def headline(posteriors: Mapping[str, xr.DataTree]) -> xr.DataTree:
    """Prior and posterior of the two target effects alone, for a figure."""
    terms = {"model_2": "LAA (target on)", "model_3": "LAA (target stretch)"}
    groups = {}
    for group in ("prior", "posterior", "constant_data", "observed_data"):
        if all(group in posteriors[name].children for name in terms):
            parts = [posteriors[name][group].to_dataset().sel(term=[term]) for name, term in terms.items()]
            drawn = ["standardised"] if group in ("prior", "posterior") else list(parts[0].data_vars)
            groups[group] = xr.concat([part[drawn] for part in parts], dim="term")
    tree = xr.DataTree.from_dict(groups)
    options = next(iter(posteriors.values())).attrs.get("options", "{}")
    tree.attrs = {
        "model": "published", "origin": "published", "terms": json.dumps(["standardised"]), "options": options,
    }  # fmt: skip
    return tree


def sceptical_models(study: Study) -> dict[str, Model]:
    """The three printed models under a sceptical prior of every slope.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> str(sceptical_models(load_study("andrews2014"))["model_2"].priors.effect)
    'Normal(0, 0.607957)'
    """
    priors = PublishedPriors(effect=Normal(0.0, HOPED / 1.6448536269514722))
    return {
        f"model_{model}": published_model(estimates(study, model=model), priors=priors) for model in (1, 2, 3)
    }


def anchored(posterior: xr.DataTree, study: Study) -> dict[str, xr.DataTree]:
    """The causal slope of stretch from the anchoring model, by the name that the claims give the slope of stretch."""
    group = posterior["posterior"].to_dataset() if "posterior" in posterior.children else xr.Dataset()
    if "causal_slope" not in group:
        raise DataError("posterior has no variable 'causal_slope', expected one of the anchoring model")
    slope = group["causal_slope"].reset_coords(drop=True).expand_dims(term=[STRETCH])
    scaled = {"effect": slope, "standardised": slope * _scales(study)[STRETCH]}
    return {"model_3": xr.DataTree.from_dict({"posterior": xr.Dataset(scaled)})}


def _scales(study: Study) -> dict[str, float]:
    table = study.tables["descriptives"]
    names, binary = table["variable"].astype(str).tolist(), set(table.attrs["binary"])
    mean = dict(zip(names, table["mean"].to_numpy(float), strict=True))
    sd = dict(zip(names, table["sd"].to_numpy(float), strict=True))
    scales = {name: 1.0 if name in binary else sd[name] for name in names}
    for logged, raw in _LOGGED.items():
        scales[logged] = math.sqrt(math.log1p((sd[raw] / mean[raw]) ** 2))
    kinds = study.tables["ols"].drop_duplicates("term").set_index("term")["kind"]
    scales |= {str(term): 1.0 for term in kinds.index[kinds.eq("authority type")]}
    return scales
