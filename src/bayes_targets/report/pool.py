"""The page of several evaluations: one answer, what it rests on, and what would move it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..comparison.averaging import Average
from ..comparison.claims import percent_text, simulation_error, words_for
from ..comparison.compare import compare, smallest_effect
from ..comparison.meta import Worst, fit_meta, worst_case
from ..comparison.pooled import (
    SELECTIONS,
    Question,
    bayes_factors,
    moved,
    study_table,
    summarise,
    weight_at_no_effect,
)
from ..errors import DataError, did_you_mean, option
from ..evaluation import Evaluation
from ..model import Model
from ..models.meta.model import notes_of
from ..models.meta.priors import MetaPriors, Steps
from ..plots import plot_bubble, plot_funnel, plot_pooled
from ..printed.auditing import audit
from ..priors import NO_EVIDENCE
from .cells import number
from .result import Picture, Result, Table

_PRIORS = ("mu", "tau", "tau_within", "coefficient", "weight", "slope")
_QUANTITIES = {
    "mu": "Mean effect",
    "new_effect": "Effect in a new place",
    "tau": "Standard deviation of effects (between groups, where there are)",
    "tau_within": "Standard deviation of effects within a group",
    "i2": "Share of the variance that lies between effects (I², %)",
    "slope": "Slope on the error",
}
_HEADINGS = {
    "mean": "Mean",
    "prob_better": "P(better)",
    "prob_more": "P(better by more than the smallest)",
    "new_prob_better": "P(better in a new place)",
    "estimate": "Printed",
    "se": "s.e.",
    "weight": "Weight (%)",
    "shrinkage": "Drawn to the mean",
    "mean_without": "Mean effect without it",
    "low_without": "Low",
    "high_without": "High",
    "ratio_mean": "Ratio",
    "ratio_low": "Ratio, low",
    "ratio_high": "Ratio, high",
    "assumption": "If",
    "bayes_factor": "Bayes factor",
    "tau": "s.d. of effects",
    "component": "What",
    "prob_prior": "Prior probability",
    "probability": "Probability",
    "log_evidence": "Log evidence",
}
# Selections as conditions in a sentence.
_SAID = {
    "fewer printed above one-sided p .025": "results that are not significant and favourable were printed less often",
    "fewer above one-sided p .025, fewer still above .05": "results were printed the less often the weaker they are",
    "fewer printed above two-sided p .05": "results that are not significant were printed less often",
    "estimates rise with the standard error (PET)": "estimates rise with their standard errors",
    "estimates rise with the variance (PEESE)": "estimates rise with their variances",
}
_COMPARED = ("published_estimate", "published_low", "published_high", "mean", "low", "high", "prob_better")
# No study is left out, and nothing else tried, of more than this many.
_MOST_TRIED = 2_000


def options_of(
    several: Evaluation, reading: Mapping[str, Any], modelling: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments of `meta_model` from the options of a run.

    Parameters
    ----------
    several : Evaluation
        What was read.
    reading, modelling : mapping
        As in `workflow.settings.Settings`.

    Returns
    -------
    dict

    Raises
    ------
    DataError
        If a prior's name is not known.
    """
    options: dict[str, Any] = {"pooling": modelling.get("pooling", "partial")}
    moderators = reading.get("moderators")
    if moderators:
        options["moderators"] = [moderators] if isinstance(moderators, str) else list(moderators)
    if reading.get("group") is not None and "group" in several.estimates:
        options["group"] = "group"
    kind, _, cuts = str(modelling.get("selection") or "none").partition(":")
    if kind in ("one", "two"):
        options["selection"] = Steps(tuple(float(cut) for cut in cuts.split(",")), side=kind)
    elif kind != "none":
        options["selection"] = kind
    priors = dict(modelling.get("priors") or {})
    for name in priors:
        if name not in _PRIORS:
            raise DataError(
                f"--prior {name}: not a parameter of this model; {did_you_mean(name, list(_PRIORS))}"
            )
    if priors:
        options["priors"] = MetaPriors(**priors)
    return options


def require_question(question: Question) -> None:
    """Refuse a table without what no default can know."""
    if question.several.better is None:
        raise DataError(
            f"{question.several.source}: which direction is favourable is not known, expected {option('better', 'higher', 'lower')} (or a "
            "line '# better: higher' at the top of the file)"
        )


def further_models(question: Question) -> dict[str, dict[str, Model]]:
    """Models that show how the answer moves, by what is changed.

    Returns
    -------
    dict of str to dict of str to Model
        ``without``, ``selection``, ``weight``, ``prior``, ``no effect`` and ``family``; those that this question allows.
    """
    pooling = question.options.get("pooling", "partial")
    if pooling == "none" or len(question.several.estimates) > _MOST_TRIED:
        return {}
    models = {
        "without": question.left_out(),
        "selection": question.selections(),
        "weight": question.stated_weights(),
        "prior": question.swept(),
    }
    if question.has_evidence:
        priors, _ = question.priors
        models["no effect"] = {"none": question.model(priors=replace(priors, mu=0.0))}
        models["family"] = (
            question.family()[0] if pooling == "partial" and len(question.several.estimates) > 1 else {}
        )
    by = next((own for own in question.several.estimates.columns if str(own).casefold() == "year"), None)
    if by is not None and 3 <= len(question.several.estimates) <= 60:
        models["cumulative"] = question.cumulative(str(by))
    return models


def pool_result(
    question: Question,
    pooled: xr.DataTree,
    more: Mapping[str, Mapping[str, xr.DataTree]],
    *,
    source: str = "",
) -> Result:
    """The result of the analysis ``pool``.

    Parameters
    ----------
    question : Question
        What was asked.
    pooled : xarray.DataTree
        The posterior that the answer is from.
    more : mapping of str to mapping
        Posteriors of `further_models`, each named ``"kind: name"``.
    source : str
        Name of the file.

    Returns
    -------
    Result
    """
    several = question.several
    found = {
        kind: {name.partition(": ")[2]: tree for name, tree in trees.items()} for kind, trees in more.items()
    }
    summary, studies = summarise(pooled, several), study_table(pooled, several, found.get("without"))
    selection, weights, average = _selections(question, found)
    tables = _tables(question, pooled, summary, studies) | _audit_tables(several)
    tables |= _moved_tables(question, found, selection, weights, average)
    answer, points = _answer(several, summary, selection, studies, pooled)
    return Result(
        answer=answer,
        points=points,
        tables=tables,
        pictures=_pictures(question, pooled, summary),
        posteriors={"pooled": pooled},
        limits=_limits(several, worst_case(several), weights, average, question),
        methods=_methods(question, pooled, found.get("selection", {})),
        notes=tuple(dict.fromkeys([*notes_of(question.model()), *_prior_notes(question)])),
        title="One evaluation" if len(studies) == 1 else f"{len(studies)} evaluations together",
        question=f"What do the evaluations in {source} say together, and would it work in a new place?",
    )


def _selections(
    question: Question, found: Mapping[str, Mapping[str, xr.DataTree]]
) -> tuple[pd.DataFrame | None, pd.DataFrame | None, Average | None]:
    """The answer by selection, by stated weights of publication, and averaged; None of what was not tried."""
    several, evidence = question.several, question.has_evidence
    selection, weights = None, None
    if "selection" in found:
        selection = moved(found["selection"], several, evidence=evidence)
        if "weight" in found:
            whole = {"1": found["selection"]["no selection"], **found["weight"]}
            weights = moved(whole, several, evidence=evidence).drop(columns=["weight", "slope"])
    return selection, weights, bayes_factors(question, found["family"]) if "family" in found else None


def _tables(
    question: Question, pooled: xr.DataTree, summary: pd.DataFrame, studies: pd.DataFrame
) -> dict[str, Table]:
    """What the evaluations say together, and what each says."""
    several, comparison = question.several, compare(pooled, question.several).rename_axis("study")
    tables = {}
    if len(summary):
        tables["summary"] = Table(
            summary,
            f"What the evaluations say together, in {_unit(several)}; 95% equal-tailed intervals. "
            + _classical_words(several, question),
            shown=_summary_shown(summary),
            headings=_HEADINGS,
        )
    tables["weights"] = Table(
        studies,
        "Every evaluation: as printed, its effect in the light of all of them, its share of the mean, and the mean without it; "
        f"in {_unit(several)}; 95% equal-tailed intervals.",
        shares=("shrinkage",),
        headings=_HEADINGS,
    )
    tables["comparison"] = _aside(
        comparison,
        "The effect of every evaluation beside what it printed.",
        shown=comparison[[name for name in _COMPARED if name in comparison]],
        headings={"prob_better": "P(better)"},
    )
    return tables


def _audit_tables(several: Evaluation) -> dict[str, Table]:
    """What is printed of each row against the rest of it, and what was derived."""
    findings = audit(several)
    rows = _aside(_rows(several), "Every row as printed, and what was derived from it.")
    if findings.empty:
        return {"audit": rows}
    caption = "Slope, standard error, t, p, interval and stars of every row against one another, over the rounding of each."
    return {"audit": _aside(findings, caption), "rows": rows}


def _moved_tables(
    question: Question,
    found: Mapping[str, Mapping[str, xr.DataTree]],
    selection: pd.DataFrame | None,
    weights: pd.DataFrame | None,
    average: Average | None,
) -> dict[str, Table]:
    """How the answer moves, a table for each thing that was changed."""
    several, tables = question.several, {}
    if selection is not None:
        tables["selection"] = _aside(
            selection.drop(columns=["new_prob_better"]),
            "The mean effect under several ways in which results may have been chosen for print."
            + " A Bayes factor above 1 says that the estimates fit that selection better than none."
            * question.has_evidence,
            shown=selection.drop(columns=["slope", "weight"]),
        )
    if weights is not None:
        tables["stated_weights"] = _aside(
            weights,
            "The mean effect if other results were less likely to be printed. Probability of print of a result that is not significant "
            "and favourable, relative to one that is.",
            headings={**_HEADINGS, "assumption": "Probability of print"},
        )
    if average is not None:
        likeliest = average.weights.sort_values("probability", ascending=False).head(12)
        tables["average"] = _aside(
            average.weights,
            "Models with and without an effect, differences and selection: what each says of the mean effect, beside its "
            "probability.",
            shown=likeliest[["probability", "mean", "low", "high"]],
        )
        tables["inclusion"] = _aside(
            average.inclusion,
            "Bayes factors for an effect, for differences between effects and for selection, over all models.",
            shown=average.inclusion.rename(columns={"prior": "prob_prior"}),
        )
    if "prior" in found:
        sweep = _sweep(found["prior"], found.get("no effect"), several)
        end = ". The Bayes factor is that of an effect against none." if "bayes_factor" in sweep else "."
        tables["priors"] = _aside(
            sweep,
            f"The answer under narrower and wider priors of the mean effect{end}",
            headings={**_HEADINGS, "assumption": "Prior of the mean"},
        )
    if "cumulative" in found:
        after = moved(found["cumulative"], several, evidence=False)
        tables["cumulative"] = _aside(
            after[["mean", "low", "high", "prob_better", "tau"]],
            "The answer as it would have been after each year.",
        )
    return tables


def _aside(
    frame: pd.DataFrame,
    caption: str,
    *,
    shown: pd.DataFrame | None = None,
    headings: Mapping[str, str] = _HEADINGS,
) -> Table:
    """A table of the part that says what would change the answer."""
    return Table(frame, caption, shown=shown, section="sensitivity", headings=headings)


def _unit(several: Evaluation) -> str:
    if several.ratio:
        return f"logs of the {several.ratio}"
    return several.unit or "units of the outcome"


def _value(several: Evaluation, value: float) -> str:
    """An effect for a reader: a ratio as a ratio."""
    return number(math.exp(value) if several.ratio else value)


def _row(table: pd.DataFrame, label: str) -> dict[str, float]:
    """A row of numbers by column."""
    return {str(name): float(table[name][label]) for name in table.columns}


def _answer(
    several: Evaluation,
    summary: pd.DataFrame,
    selection: pd.DataFrame | None,
    studies: pd.DataFrame,
    pooled: xr.DataTree,
) -> tuple[str, tuple[str, ...]]:
    """The first sentence, and what a reader must hear right after it."""
    if "mu" not in summary.index:
        return f"The {len(studies)} evaluations are not pooled: each speaks for itself.", ()
    mean, new = _row(summary, "mu"), _row(summary, "new_effect")
    unit = "" if several.ratio or not several.unit else f" {several.unit}"
    fixed = mean["low"] == mean["high"]
    answer = (
        f"The mean {several.ratio or 'effect'} of {_count(studies)} is taken to be {_value(several, mean['mean'])}{unit}, as its "
        f"prior says ({several.better} is better)."
        if fixed
        else f"Over {_count(studies)} the mean {several.ratio or 'effect'} is {_value(several, mean['mean'])}{unit} (95% interval "
        f"{_value(several, mean['low'])} to {_value(several, mean['high'])}; {several.better} is better)."
    )
    error = simulation_error(pooled["posterior"].to_dataset()["mu"] > 0, pooled)
    sure = f"{words_for(mean['prob_better'], error=error)} ({percent_text(mean['prob_better'], error=error)})"
    points = [] if fixed else [f"Is it favourable on average? That is {sure}."]
    text = f"In a new place: better with {percent_text(new['prob_better'])}"
    if several.smallest is not None:
        size = number(several.smallest)
        more = f", better than a ratio of {size} with" if several.ratio else f", by more than {size} with"
        text += f"{more} {percent_text(new['prob_more'])}"
    points.append(f"{text} (95% interval {_value(several, new['low'])} to {_value(several, new['high'])}).")
    points += [each for each in [_heterogeneity(summary, len(studies))] if each]
    for label in [str(name) for name in summary.index if str(name).startswith("coefficient (")]:
        own, name = _row(summary, label), label[len("coefficient (") : -1]
        points.append(
            f"For one unit more of {name} the {f'log {several.ratio}' if several.ratio else 'effect'} differs by "
            f"{number(own['mean'])} (95% interval {number(own['low'])} to {number(own['high'])})."
        )
    if fixed or selection is None or len(selection) < 2:
        return answer, tuple(points)
    sign = -1.0 if several.better == "lower" else 1.0
    weakest = str(selection.index[int((sign * selection["mean"]).to_numpy().argmin())])
    if weakest == "no selection":
        return answer, (*points, "No selection of results that was tried makes it weaker.")
    found = _row(selection, weakest)
    points.append(
        f"What was printed may be a choice: if {_SAID.get(weakest, weakest)}, the mean is {_value(several, found['mean'])}, "
        f"favourable with {percent_text(found['prob_better'])}."
    )
    return answer, tuple(points)


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def _count(studies: pd.DataFrame) -> str:
    return "one evaluation" if len(studies) == 1 else f"{len(studies)} evaluations"


def _heterogeneity(summary: pd.DataFrame, count: int) -> str:
    """How much effects differ, in words."""
    tau, share = _row(summary, "tau"), _row(summary, "i2")
    if tau["high"] == 0:
        return "Effects are taken to be equal everywhere."
    if count < 3:
        return f"{'One evaluation says' if count == 1 else 'Two evaluations say'} next to nothing of how much effects differ."
    return (
        f"Effects differ from place to place by a standard deviation of {number(tau['mean'])} ({number(tau['low'])} to "
        f"{number(tau['high'])}); about {share['mean']:.0%} of the differences between estimates lie between places, the rest is "
        "chance."
    )


def _classical_words(several: Evaluation, question: Question) -> str:
    """Common effect, REML, Q and I² in a sentence."""
    if several.covariance is not None or len(several.estimates) < 2:
        return ""
    common = fit_meta(several, method="common")
    moderators = question.options.get("moderators", ())
    if len(several.estimates) < 3 + len(moderators):
        return ""
    reml = fit_meta(several, moderators=moderators)
    return (
        f"Without priors: a common effect of {number(common.loc['mu', 'estimate'])} (s.e. {number(common.loc['mu', 'se'])}); "
        f"random effects (REML) {number(reml.loc['mu', 'estimate'])} (s.e. {number(reml.loc['mu', 'se'])}), standard deviation "
        f"{number(reml.attrs['tau'])}; Q = {common.attrs['q']:.2f} on {common.attrs['q_df']} degrees of freedom, p "
        f"{_p_text(common.attrs['q_p'])}; I² {common.attrs['i2']:.0%}."
    )


def _summary_shown(summary: pd.DataFrame) -> pd.DataFrame:
    shown = summary.drop(columns=["sd"])
    if "i2" in shown.index:
        shown.loc["i2", ["mean", "low", "high"]] *= 100
    names = [_QUANTITIES.get(str(name), str(name)) for name in shown.index]
    shown.index = pd.Index(
        [f"For one unit more of {n[13:-1]}" if n.startswith("coefficient (") else n for n in names],
        name="quantity",
    )
    return shown


def _rows(several: Evaluation) -> pd.DataFrame:
    """The cells as read beside what was derived, and z and p of each row."""
    from ..inference.distributions import normal_quantile

    frame = several.estimates
    table = several.printed.reindex(frame.index).add_suffix(" (printed)").copy()
    table.index = table.index.astype(str).rename("study")
    z = frame["estimate"].to_numpy(float) / frame["se"].to_numpy(float)
    reach = float(normal_quantile(0.975))
    table["estimate"], table["se"] = frame["estimate"].to_numpy(float), frame["se"].to_numpy(float)
    if "se_from" in frame:
        table["standard error from"] = frame["se_from"].astype(str).to_numpy()
    table["z"] = z
    table["p, two-sided"] = [math.erfc(abs(own) / math.sqrt(2)) for own in z]
    table["significant at 5%"] = np.abs(z) > reach
    return table


def _sweep(
    trees: Mapping[str, xr.DataTree], none: Mapping[str, xr.DataTree] | None, several: Evaluation
) -> pd.DataFrame:
    table = moved(trees, several, evidence=False)[["mean", "low", "high", "prob_better", "new_prob_better"]]
    if none:
        base = float(next(iter(none.values()))["sample_stats"]["log_evidence"])
        table["bayes_factor"] = [
            math.exp(float(tree["sample_stats"]["log_evidence"]) - base) for tree in trees.values()
        ]
    return table


def _pictures(question: Question, pooled: xr.DataTree, summary: pd.DataFrame) -> dict[str, Picture]:
    several = question.several
    count = len(several.estimates)
    title = "What each evaluation found"
    if "mu" in summary.index:
        mean, new = (percent_text(_row(summary, name)["prob_better"]) for name in ("mu", "new_effect"))
        title = f"Mean favourable: {mean} sure; in a new place: {new}"
    pictures = {
        "forest": Picture(
            plot_pooled(pooled, several, title=title),
            "Each evaluation as printed (squares, by precision) and in the light of all of them (circles); below, the mean effect "
            "as a diamond and the effect in a new place as a bar. 95% intervals.",
            f"Forest plot of {count} evaluations with intervals, the mean effect and the prediction for a new place.",
        )
    }
    if "mu" in summary.index and count > 2:
        pictures["funnel"] = Picture(
            plot_funnel(several, pooled),
            "Estimates by their standard errors; the shaded region holds what is not significant. If small evaluations lie only to one "
            "side, results may have been chosen for print.",
            f"Funnel plot of {count} estimates against their standard errors, with contours of significance.",
            section="sensitivity",
        )
    for name in question.options.get("moderators", ()):
        pictures[f"bubble_{''.join(c if c.isalnum() else '_' for c in name)}"] = Picture(
            plot_bubble(pooled, several, name),
            f"Effects by {name}: larger circles are more precise evaluations; the line is the fitted mean with its 95% band.",
            f"Bubble plot of {count} estimates against {name} with a fitted line.",
        )
    return pictures


def _limits(
    several: Evaluation,
    worst: Worst,
    weights: pd.DataFrame | None,
    average: Average | None,
    question: Question,
) -> tuple[str, ...]:
    limits = [
        "A new place is one like those evaluated: that the next is drawn from the same distribution is assumed, not found.",
        "Whether what was evaluated was the cause of a difference is decided by how each evaluation was made, not by pooling them.",
    ]
    kind = "significant and favourable (two-sided p below .05)"
    if worst.others == 0:
        limits.append(f"All results are {kind}: nothing is left if only others are believed.")
    else:
        text = (
            f"{worst.significant} of {worst.significant + worst.others} results are {kind}. The others alone have a mean of "
            f"{number(worst.estimate)} ({number(worst.low)} to {number(worst.high)}): the answer under the worst selection. "
        )
        if worst.ratio == 1.0:
            text += "The weighted mean is not favourable even without selection."
        elif math.isinf(worst.ratio):
            text += "No such selection would bring the mean to 0."
        else:
            text += f"Such results would have to be {worst.ratio:.3g} times as likely to be printed for the mean to be 0."
        limits.append(text)
    if weights is not None:
        at = weight_at_no_effect(weights, several)
        if math.isnan(at):
            limits.append(
                "With the priors as stated the mean stays favourable even if other results were 0.01 times as likely to be printed."
            )
        elif at < 1:
            known = str(weights.index[int(np.abs(weights.index.astype(float).to_numpy() - at).argmin())])
            factor = (
                f"; the estimates support a probability of {known} against no selection by a Bayes factor of "
                f"{number(_row(weights, known)['bayes_factor'])}"
                if "bayes_factor" in weights
                else ""
            )
            limits.append(
                f"The posterior mean falls to 0 if other results were {at:.2g} times as likely to be printed{factor}."
            )
    if average is not None:
        factors = average.inclusion["bayes_factor"]
        limits.append(
            "Averaged over models with and without it, the Bayes factor of "
            + ", ".join(f"{name} is {number(float(value))}" for name, value in factors.items())
            + "; they depend on the priors, as the table of priors shows."
        )
    elif not question.has_evidence:
        limits.append(f"Bayes factors are not given: {NO_EVIDENCE}.")
    return tuple(limits)


def _methods(question: Question, pooled: xr.DataTree, tried: Mapping[str, xr.DataTree]) -> tuple[str, ...]:
    exact = pooled.attrs["engine"] == "exact"
    how = "solved by quadrature; draws are evenly spread and the same for every seed"
    methods = [
        f"{len(question.several.estimates)} estimates with their standard errors: random effects, "
        f"{how if exact else 'sampled by NUTS'}.",
        "The worst case of selection is that of Mathur & VanderWeele (2020).",
    ]
    if not exact:
        methods.append(
            "Without an exact posterior no evaluation is left out in turn, and no selection is tried."
        )
    names, untried = (", ".join(n for n in SELECTIONS if (n in tried) == there) for there in (True, False))
    if tried:
        methods.append(
            f"Selection is tried as: {names}. Sources: Vevea & Hedges (1995), Stanley & Doucouliagos (2014), Maier, Bartoš & "
            "Wagenmakers (2023)."
        )
    if tried and untried:
        methods.append(f"Not tried, as this model has no exact posterior under it: {untried}.")
    return tuple(methods)


def _prior_notes(question: Question) -> list[str]:
    priors, sources = question.priors
    said = {
        "given": "as given",
        "hoped": "from the effect that was hoped for",
        "n": "unit information, from the number of cases",
        "table": "so wide on the table's own scale that it shrinks nothing",
    }
    chosen = ["mu"] + (["tau"] if question.options.get("pooling", "partial") == "partial" else [])
    words = {"mu": "the mean effect", "tau": "the standard deviation of effects"}
    notes = [f"Prior of {words[name]}: {getattr(priors, name)} ({said[sources[name]]})." for name in chosen]
    if smallest_effect(question.several) is None:
        notes.append("No smallest effect worth having was given (--smallest), so nothing is said of one.")
    return notes
