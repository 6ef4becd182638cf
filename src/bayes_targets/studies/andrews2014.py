"""Andrews, Downe & Guarneros-Meza (2014), on Local Area Agreements and social cohesion: its printed regressions, and their page."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import replace

import pandas as pd
import xarray as xr

from ..comparison.claims import adverb, percent_text, words_for
from ..comparison.compare import clear_of_zero, compare
from ..comparison.ols import ols_from_estimates
from ..errors import DataError
from ..evaluation import Evaluation
from ..inference.summary import summarise_draws
from ..model import Model
from ..models.published.model import published_model
from ..models.published.priors import PublishedPriors
from ..plots import plot_forest
from ..priors import Flat, Normal
from ..readers.package import Study
from ..report.result import Picture, Result, Table
from ..report.table import table_result

NAME = "andrews2014"
SHORT = "Andrews, Downe & Guarneros-Meza (2014), social cohesion"
CITED = "Andrews et al. (2014)"
# The models of Table 2, by the names of the package's evaluations; the headline first.
MODELS = {2: "target", 3: "stretch", 1: "controls"}

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

PLAIN = {ON: "having a target", STRETCH: "stretch"}
LABELS = {
    f"model_{number}{kind}": f"{what}{said}"
    for number, what in ((2, "target (Model 2)"), (3, "stretch (Model 3)"), (1, "controls alone (Model 1)"))
    for kind, said in (
        ("", ", default prior"),
        ("_flat", ", flat priors"),
        ("_types", ", types partially pooled"),
    )
}
SHOWN = [
    "posterior", "published_estimate", "published_low", "published_high", "mean", "low", "high", "prob_better", "rope_above",
]  # fmt: skip


def evaluation(study: Study, model: int) -> Evaluation:
    """One model of Table 2.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> printed = evaluation(load_study("andrews2014"), 2)
    >>> printed.estimates.loc["LAA (target on)", ["estimate", "se", "scale", "df"]].tolist()
    [0.952, 0.659, 1.0, 137.0]
    """
    if model not in MODELS:
        raise DataError(f"model is {model!r}, expected one of {sorted(MODELS)}")
    return study.evaluations[MODELS[model]]


def ols(study: Study, *, model: int, standardised: bool = False, prob: float = 0.95) -> pd.DataFrame:
    """The printed OLS of one model with t statistics, p-values and intervals, by term."""
    frame = evaluation(study, model).estimates.reset_index()
    if standardised:
        frame = frame.dropna(subset="scale")
        frame = frame.assign(estimate=frame["estimate"] * frame["scale"], se=frame["se"] * frame["scale"])
    return ols_from_estimates(frame, df=int(frame["df"].iloc[0]), prob=prob)


def scale_of_stretch(study: Study) -> float:
    """One standard deviation of stretch, in points."""
    return float(evaluation(study, 3).estimates["scale"].loc[STRETCH])


def headline(posteriors: Mapping[str, xr.DataTree]) -> xr.DataTree:
    """Prior and posterior of the two target effects alone, for a figure."""
    terms = {"model_2": ON, "model_3": STRETCH}
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
    return {f"model_{model}": published_model(evaluation(study, model), priors=priors) for model in (1, 2, 3)}


def anchored(posterior: xr.DataTree, study: Study) -> dict[str, xr.DataTree]:
    """The causal slope of stretch from the anchoring model, by the name that the claims give the slope of stretch."""
    group = posterior["posterior"].to_dataset() if "posterior" in posterior.children else xr.Dataset()
    if "causal_slope" not in group:
        raise DataError("posterior has no variable 'causal_slope', expected one of the anchoring model")
    slope = group["causal_slope"].reset_coords(drop=True).expand_dims(term=[STRETCH])
    scaled = {"effect": slope, "standardised": slope * scale_of_stretch(study)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(scaled)})
    tree.attrs = dict(posterior.attrs)
    return {"model_3": tree}


# ---- the page of the printed regressions ------------------------------------------------------------------


def models(study: Study) -> dict[str, Model]:
    """Each printed model under its default priors, flat ones, and with partially pooled authority types."""
    found: dict[str, Model] = {}
    for model in MODELS:
        printed = evaluation(study, model)
        found |= {
            f"model_{model}": published_model(printed),
            f"model_{model}_flat": published_model(printed, priors=PublishedPriors(effect=Flat())),
            f"model_{model}_types": published_model(printed, pooling="partial"),
        }
    return found


def published_result(study: Study, posteriors: Mapping[str, xr.DataTree]) -> Result:
    """What only this paper has beside the page that any printed table gets: other priors, types, standardised slopes."""
    asked = {f"model_{model}": evaluation(study, model) for model in MODELS}
    result = table_result(
        asked, {name: posteriors[name] for name in asked}, names=PLAIN, forest=_forest(study, posteriors)
    )
    tables = {
        f"{name}{kind}": compare(posteriors[f"{name}{kind}"], printed).join(
            ols(study, model=model)[["p_one_tailed", "p_two_tailed"]]
        )
        for model, (name, printed) in zip(MODELS, asked.items(), strict=True)
        for kind in ("", "_flat", "_types")
    }
    comparison = pd.concat(tables, names=["posterior"]).reset_index("posterior")
    answer = result.tables["comparison"]
    beside = {
        "answer": replace(answer, frame=answer.frame if answer.shown is None else answer.shown),
        "comparison": Table(
            comparison,
            "The two target measures under other priors. Posterior beside the published OLS, in per cent of the cohesion score of 2006 for "
            "one unit of the term; both intervals 95% (equal-tailed; t for OLS). The smallest effect worth having: half a per cent for one "
            "s.d. of the predictor (or from 0 to 1). Rows: the default prior, flat priors, partially pooled authority types. The CSV file "
            "holds every term, both p-values and the rest.",
            shown=comparison.loc[comparison.index.isin([ON, STRETCH]), SHOWN],
        ),
        "types": Table(type_table(posteriors["model_1_types"]), TYPE_CAPTION),
    }
    target = tables["model_2"].to_dict("index")[ON]
    stretch = tables["model_3"].to_dict("index")[STRETCH]
    likely = {
        name: (adverb(words_for(row["prob_positive"])), percent_text(row["prob_positive"]))
        for name, row in (("target", target), ("stretch", stretch))
    }
    flat = percent_text(tables["model_2_flat"]["prob_positive"].loc[ON])
    return replace(
        result,
        answer=f"Places with a cohesion target {likely['target'][0]} improved more than places without one ({likely['target'][1]}).",
        points=(
            f"Having a target: {likely['target'][1]} under the default prior, {flat} under a flat one.",
            f"Tougher targets: areas whose target lay further above the score of 2006 {likely['stretch'][0]} ({likely['stretch'][1]}) "
            "improved more.",
            f"How much: {_size(target)} more with a target, and {_size(stretch)} more for each point of stretch, in per cent of the score "
            "of 2006.",
            f"More than half a per cent, the smallest worth having: {percent_text(target['rope_above'])} with a target, "
            f"{percent_text(stretch['rope_above'])} for one s.d. of stretch.",
            *result.points,
        ),
        labels=LABELS,
        terms=PAGE_TERMS,
        tables=beside | {name: table for name, table in result.tables.items() if name not in beside},
        pictures={name: result.pictures[name] for name in ("forest", "masses")},
        posteriors=posteriors,
        methods=(*result.methods, *METHODS),
        limits=(*LIMITS, *result.limits[1:]),
        title="",
        question="",
    )


def type_table(posterior: xr.DataTree, prob: float = 0.95) -> pd.DataFrame:
    """How each authority type differs from the average type, under partial pooling."""
    draws = posterior["posterior"].to_dataset()["deviation"]
    table = summarise_draws(draws, prob)[["mean", "sd", "low", "high"]].rename_axis("authority_type")
    return table.assign(prob_positive=(draws > 0).mean(("chain", "draw")).to_numpy())


def _size(row: Mapping[Hashable, float]) -> str:
    words = f"{row['mean']:.2f} (95% interval {row['low']:.2f} to {row['high']:.2f})"
    return words.replace("-", "\N{MINUS SIGN}")


def _forest(study: Study, posteriors: Mapping[str, xr.DataTree]) -> Picture:
    """The slopes of the two models with targets for one s.d. of the predictor, which puts them on one axis."""
    names = {term: plain.capitalize() for term, plain in PLAIN.items()}
    panels = {
        f"Model {model}": compare(
            posteriors[f"model_{model}"],
            ols(study, model=model, standardised=True),
            rope=ROPE,
            variables=["standardised"],
        ).rename(index=names)
        for model in (2, 3)
    }
    clear = "; ".join(f"{name}: {', '.join(clear_of_zero(panels[name])) or 'none'}" for name in panels)
    return Picture(
        plot_forest(panels, subtitle=FOREST_SUBTITLE, focus=list(names.values()), xlabel=FOREST_X),
        f"Dashed: published OLS. Solid: posterior. The grey band marks effects under half a per cent. Clear of zero: {clear}.",
        f"Forest plot of all slopes of two models, per standard deviation. Terms whose interval excludes zero: {clear}.",
    )
