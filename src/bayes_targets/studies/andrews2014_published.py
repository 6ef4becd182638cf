"""What only Andrews et al. (2014) has, beside the page that any printed table gets: other priors, authority types, standardised slopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import xarray as xr

from ..comparison.claims import adverb, percent_text, words_for
from ..comparison.compare import clear_of_zero, compare
from ..evaluation import Evaluation
from ..model import Model
from ..models.published.model import published_model
from ..models.published.priors import PublishedPriors
from ..plots import plot_forest
from ..priors import Flat
from ..readers.package import Study
from ..report.result import Picture, Result, Table
from ..report.table import table_result
from . import andrews2014 as paper

ON, STRETCH = paper.ON, paper.STRETCH
# The package's evaluations by the names that the claims give their posteriors, the headline first.
MODELS = {"model_2": "target", "model_3": "stretch", "model_1": "controls"}
LABELS = {
    f"model_{number}{kind}": f"{what}{said}"
    for number, what in ((2, "target (Model 2)"), (3, "stretch (Model 3)"), (1, "controls alone (Model 1)"))
    for kind, said in (
        ("", ", default prior"),
        ("_flat", ", flat priors"),
        ("_types", ", types partially pooled"),
    )
}
PLAIN = {ON: "having a target", STRETCH: "stretch"}
SHOWN = [
    "posterior", "published_estimate", "published_low", "published_high", "mean", "low", "high", "prob_better", "rope_above",
]  # fmt: skip


def evaluations(study: Study) -> dict[str, Evaluation]:
    """The three printed models, by the names of their posteriors."""
    return {name: study.evaluations[described] for name, described in MODELS.items()}


def models(study: Study) -> dict[str, Model]:
    """Each printed model under its default priors, flat ones, and with partially pooled authority types."""
    found: dict[str, Model] = {}
    for name, evaluation in evaluations(study).items():
        found |= {
            name: published_model(evaluation),
            f"{name}_flat": published_model(evaluation, priors=PublishedPriors(effect=Flat())),
            f"{name}_types": published_model(evaluation, pooling="partial"),
        }
    return found


def published_result(study: Study, posteriors: Mapping[str, xr.DataTree]) -> Result:
    """The result of the analysis of the printed regressions."""
    asked = evaluations(study)
    result = table_result(asked, {name: posteriors[name] for name in asked}, names=PLAIN)
    tables = {
        f"{name}{kind}": compare(posteriors[f"{name}{kind}"], evaluation).join(
            paper.ols(study, model=int(name[-1]))[["p_one_tailed", "p_two_tailed"]]
        )
        for name, evaluation in asked.items()
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
        "types": Table(paper.type_table(posteriors["model_1_types"]), paper.TYPE_CAPTION),
    }
    rest = {name: table for name, table in result.tables.items() if name not in beside}
    first = {name: comparison[comparison["posterior"] == name] for name in ("model_2", "model_3")}
    chance = float(first["model_2"]["prob_positive"].loc[[ON]].iloc[0])
    return replace(
        result,
        answer=f"Places with a cohesion target {adverb(words_for(chance))} improved more than places without one "
        f"({percent_text(chance)}).",
        points=(
            f"Having a target: {percent_text(chance)} under the default prior, "
            f"{_chance(tables['model_2_flat'].loc[[ON]])} under a flat one.",
            f"Tougher targets: areas whose target lay further above the score of 2006 {_likely(first['model_3'].loc[[STRETCH]])} improved "
            "more.",
            f"How much: {_size(first['model_2'].loc[[ON]])} more with a target, and {_size(first['model_3'].loc[[STRETCH]])} more for each "
            "point of stretch, in per cent of the score of 2006.",
            f"More than half a per cent, the smallest worth having: {_worth(first['model_2'].loc[[ON]])} with a target, "
            f"{_worth(first['model_3'].loc[[STRETCH]])} for one s.d. of stretch.",
            *result.points,
        ),
        labels=LABELS,
        terms=paper.PAGE_TERMS,
        tables=beside | rest,
        pictures={"forest": _forest(study, posteriors), "masses": result.pictures["masses"]},
        posteriors=posteriors,
        methods=(*result.methods, *paper.METHODS),
        limits=(*paper.LIMITS, *result.limits[1:]),
        title="",
        question="",
    )


def _likely(rows: pd.DataFrame) -> str:
    probability = float(rows["prob_positive"].iloc[0])
    return f"{adverb(words_for(probability))} ({percent_text(probability)})"


def _chance(rows: pd.DataFrame) -> str:
    return percent_text(float(rows["prob_positive"].iloc[0]))


def _size(rows: pd.DataFrame) -> str:
    mean, low, high = (float(rows[name].iloc[0]) for name in ("mean", "low", "high"))
    return f"{mean:.2f} (95% interval {low:.2f} to {high:.2f})".replace("-", "\N{MINUS SIGN}")


def _worth(rows: pd.DataFrame) -> str:
    return percent_text(float(rows["rope_above"].iloc[0]))


def _forest(study: Study, posteriors: Mapping[str, xr.DataTree]) -> Picture:
    """The slopes of the two models with targets for one s.d. of the predictor, which puts them on one axis."""
    names = {term: plain.capitalize() for term, plain in PLAIN.items()}
    panels = {
        f"Model {model}": compare(
            posteriors[f"model_{model}"],
            paper.ols(study, model=model, standardised=True),
            rope=paper.ROPE,
            variables=["standardised"],
        ).rename(index=names)
        for model in (2, 3)
    }
    clear = "; ".join(f"{name}: {', '.join(clear_of_zero(panels[name])) or 'none'}" for name in panels)
    return Picture(
        plot_forest(
            panels,
            subtitle=paper.FOREST_SUBTITLE,
            focus=list(names.values()),
            xlabel=paper.FOREST_X,
        ),
        f"Dashed: published OLS. Solid: posterior. The grey band marks effects under half a per cent. Clear of zero: {clear}.",
        f"Forest plot of all slopes of two models, per standard deviation. Terms whose interval excludes zero: {clear}.",
    )
