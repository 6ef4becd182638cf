"""The page of several evaluations: one answer, what it rests on, and what would move it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..comparison.averaging import Average
from ..comparison.claims import is_exact, percent_text, simulation_error, words_for
from ..comparison.compare import compare, smallest_effect
from ..comparison.meta import fit_meta, worst_case
from ..comparison.ols import t_table
from ..comparison.pooled import (
    NO_SELECTION,
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
from ..inference.diagnostics import CONFLICT_LIMIT
from ..model import Model
from ..models.meta.model import notes_of
from ..models.meta.priors import MetaPriors, Steps
from ..plots import plot_bubble, plot_funnel, plot_pooled
from ..printed.auditing import audit
from ..priors import NO_EVIDENCE, Normal
from .cells import effect_text, factor_cell, number
from .lost import lost_words, with_lost
from .result import Picture, Result, Table

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
    "prob_more": "P(better by more than the smallest)",
    "new_prob_better": "P(better in a new place)",
    "estimate": "Printed",
    "weight": "Weight (%)",
    "shrinkage": "Drawn to the mean",
    "mean_without": "Mean effect without it",
    "low_without": "Low",
    "high_without": "High",
    "ratio_mean": "Ratio",
    "ratio_low": "Ratio, low",
    "ratio_high": "Ratio, high",
    "assumption": "If",
    "tau": "s.d. of effects",
    "component": "What",
    "prob_prior": "Prior probability",
}
# Selections as conditions in a sentence.
_SAID = {
    "fewer printed above one-sided p .025": "results that are not significant and favourable were printed less often",
    "fewer above one-sided p .025, fewer still above .05": "results were printed the less often the weaker they are",
    "fewer printed above two-sided p .05": "results that are not significant were printed less often",
    "estimates rise with the standard error (PET)": "estimates rise with their standard errors",
    "estimates rise with the variance (PEESE)": "estimates rise with their variances",
}
# What was tried, by kind: several of it, and how one is named that is not reported.
_TRIED = {
    "without": ("answers without one evaluation", "without {}"),
    "selection": ("selections", "{}"),
    "weight": ("stated probabilities of print", "other results printed {} times as likely"),
    "prior": ("priors of the mean", "prior {}"),
    "no effect": ("models without an effect", "no effect"),
    "family": ("models in the average", "{}"),
    "cumulative": ("answers by year", "{}"),
}
_COMPARED = ("published_estimate", "published_low", "published_high", "mean", "low", "high", "prob_better")
# No study is left out, and nothing else tried, of more than this many.
_MOST_TRIED = 2_000
_COEFFICIENT = "coefficient ("


def options_of(
    several: Evaluation, reading: Mapping[str, Any], modelling: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments of `meta_model` from the options of a run, as in `workflow.settings.Settings`."""
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
    priors, known = dict(modelling.get("priors") or {}), [field.name for field in fields(MetaPriors)]
    for name in priors:
        if name not in known:
            raise DataError(f"--prior {name}: not a parameter of this model; {did_you_mean(name, known)}")
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
    """Models that show how the answer moves, by what is changed; those that this question allows."""
    frame, pooling = question.several.estimates, question.options.get("pooling", "partial")
    if pooling == "none" or len(frame) > _MOST_TRIED:
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
        models["family"] = question.family() if pooling == "partial" and len(frame) > 1 else {}
    by = next((own for own in frame.columns if str(own).casefold() == "year"), None)
    if by is not None and 3 <= len(frame) <= 60:
        models["cumulative"] = question.cumulative(str(by))
    return models


@dataclass(frozen=True, eq=False)
class _Found:
    """What was asked, and the posteriors: that of the answer, and those of `further_models` by kind and name."""

    question: Question
    pooled: xr.DataTree
    more: Mapping[str, Mapping[str, xr.DataTree]]
    lost: Mapping[str, Mapping[str, str]]  # alternatives that are not reported, by kind and name, and why

    @property
    def several(self) -> Evaluation:
        return self.question.several

    @property
    def count(self) -> int:
        return len(self.several.estimates)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """What the evaluations say together; nothing where they are not pooled."""
        return summarise(self.pooled, self.several)

    @cached_property
    def selection(self) -> pd.DataFrame | None:
        """The answer by selection; None where none was tried."""
        tried = self.more.get("selection")
        return moved(tried, self.several, against=self._plain) if tried else None

    @cached_property
    def weights(self) -> pd.DataFrame | None:
        """The answer by stated weights of publication; None where none was tried."""
        stated = self.more.get("weight")
        if not stated:
            return None
        without = self.more.get("selection", {}).get(NO_SELECTION)
        whole = stated if without is None else {"1": without, **stated}
        return moved(whole, self.several, against=self._plain).drop(columns=["weight", "slope"])

    @cached_property
    def average(self) -> Average | None:
        """The models with and without an effect, a spread and selection, averaged."""
        family = self.more.get("family")
        return bayes_factors(family) if family else None

    @property
    def _plain(self) -> xr.DataTree | None:
        """What Bayes factors of selections are against."""
        return self.more.get("selection", {}).get(NO_SELECTION) if self.question.has_evidence else None

    def tried(self, kind: str) -> int:
        """How many alternatives of a kind were tried, reported or not."""
        return len(self.more.get(kind, {})) + len(self.lost.get(kind, {}))

    def with_lost(self, frame: pd.DataFrame, kind: str) -> pd.DataFrame:
        """A table of the alternatives of a kind, with rows for those that are not reported."""
        return with_lost(frame, self.lost.get(kind, {}))

    def of_those(self, kind: str) -> str:
        """What is averaged or compared, where not all of a kind are reported."""
        return (
            f" Of {self.tried(kind)} {_TRIED[kind][0]} {len(self.more[kind])} are reported."
            if kind in self.lost
            else ""
        )

    def row(self, name: str) -> dict[str, float]:
        """A quantity's numbers by column."""
        return _row(self.summary, name)

    def text(self, value: float) -> str:
        return effect_text(self.several, value)


def pool_result(
    question: Question,
    pooled: xr.DataTree,
    more: Mapping[str, Mapping[str, xr.DataTree]],
    *,
    lost: Mapping[str, str] | None = None,
    source: str = "",
) -> Result:
    """The result of the analysis ``pool``; posteriors of `further_models` are named ``"kind: name"``.

    `lost`: those that are not reported, by that name, and why.
    """
    left_out: dict[str, dict[str, str]] = {}
    for whole, reason in (lost or {}).items():
        kind, _, name = whole.partition(": ")
        left_out.setdefault(kind, {})[name] = reason
    found = _Found(
        question,
        pooled,
        {
            kind: {name.partition(": ")[2]: tree for name, tree in trees.items()}
            for kind, trees in more.items()
        },
        left_out,
    )
    answer, points = _answer(found)
    return Result(
        answer=answer,
        points=points,
        tables=_tables(found) | _audit_tables(found.several) | _moved_tables(found),
        pictures=_pictures(found),
        posteriors={"pooled": pooled},
        labels={whole: _lost_name(whole) for whole in lost or {}},
        limits=_limits(found),
        methods=_methods(found),
        notes=tuple(dict.fromkeys([*notes_of(question.model()), *_prior_notes(question)])),
        title="One evaluation" if found.count == 1 else f"{found.count} evaluations together",
        question=f"What do the evaluations in {source} say together, and would it work in a new place?",
    )


def _tables(found: _Found) -> dict[str, Table]:
    """What the evaluations say together, and what each says."""
    several, summary = found.several, found.summary
    unit = f"logs of the {several.ratio}" if several.ratio else several.unit or "units of the outcome"
    tables = {}
    if len(summary):
        tables["summary"] = Table(
            summary,
            f"What the evaluations say together, in {unit}; 95% equal-tailed intervals. {_classical_words(found)}",
            shown=_summary_shown(summary),
            headings=_HEADINGS,
        )
    studies = study_table(found.pooled, several, found.more.get("without"))
    if "without" in found.lost:
        told = {name: f"Not reported without it: {reason}." for name, reason in found.lost["without"].items()}
        studies["note"] = [told.get(str(study), "") for study in studies.index]
    tables["weights"] = Table(
        studies,
        "Every evaluation: as printed, its effect in the light of all of them, its share of the mean, and the mean without it; "
        f"in {unit}; 95% equal-tailed intervals.",
        shares=("shrinkage",),
        headings=_HEADINGS,
    )
    comparison = compare(found.pooled, several).rename_axis("study")
    tables["comparison"] = _aside(
        comparison,
        "The effect of every evaluation beside what it printed.",
        shown=comparison[[name for name in _COMPARED if name in comparison]],
        headings={},
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


def _moved_tables(found: _Found) -> dict[str, Table]:
    """How the answer moves, a table for each thing that was changed."""
    tables, evidence = {}, found.question.has_evidence
    if found.selection is not None:
        tables["selection"] = _aside(
            found.with_lost(found.selection.drop(columns=["new_prob_better"]), "selection"),
            "The mean effect under several ways in which results may have been chosen for print."
            + " A Bayes factor above 1 says that the estimates fit that selection better than none."
            * evidence,
            shown=found.with_lost(found.selection.drop(columns=["slope", "weight"]), "selection"),
        )
    if found.weights is not None:
        tables["stated_weights"] = _aside(
            found.with_lost(found.weights, "weight"),
            "The mean effect if other results were less likely to be printed. Probability of print of a result that is not significant "
            "and favourable, relative to one that is.",
            headings={**_HEADINGS, "assumption": "Probability of print"},
        )
    if found.average is not None:
        weights, inclusion = found.average.weights, found.average.inclusion
        of_those = found.of_those("family")
        likeliest = weights.sort_values("probability", ascending=False).head(12)
        tables["average"] = _aside(
            found.with_lost(weights, "family"),
            "Models with and without an effect, differences and selection: what each says of the mean effect, beside its "
            f"probability.{of_those}",
            shown=likeliest[["probability", "mean", "low", "high"]],
        )
        tables["inclusion"] = _aside(
            inclusion,
            f"Bayes factors for an effect, for differences between effects and for selection, over all models.{of_those}",
            shown=inclusion.rename(columns={"prior": "prob_prior"}),
        )
    if found.more.get("prior"):
        none = found.more.get("no effect", {}).get("none")
        sweep = moved(found.more["prior"], found.several, against=none)
        end = "." if none is None else ". The Bayes factor is that of an effect against none."
        tables["priors"] = _aside(
            found.with_lost(sweep.drop(columns=["tau", "weight", "slope"]), "prior"),
            f"The answer under narrower and wider priors of the mean effect{end}",
            headings={**_HEADINGS, "assumption": "Prior of the mean"},
        )
    if found.more.get("cumulative"):
        after = moved(found.more["cumulative"], found.several)
        tables["cumulative"] = _aside(
            found.with_lost(after[["mean", "low", "high", "prob_better", "tau"]], "cumulative"),
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


def _row(table: pd.DataFrame, label: str) -> dict[str, float]:
    """A row of numbers by column."""
    return {str(name): float(table[name][label]) for name in table.columns}


def _counted(count: int) -> str:
    return "one evaluation" if count == 1 else f"{count} evaluations"


def _answer(found: _Found) -> tuple[str, tuple[str, ...]]:
    """The first sentence, and what a reader must hear right after it."""
    several, summary = found.several, found.summary
    if "mu" not in summary.index:
        return f"The {found.count} evaluations are not pooled: each speaks for itself.", ()
    mean, kind = found.row("mu"), several.ratio or "effect"
    value = found.text(mean["mean"]) + ("" if several.ratio or not several.unit else f" {several.unit}")
    points = [*_conflict(found), _new_place(found), *_heterogeneity(found), *_moderators(found)]
    if mean["low"] == mean["high"]:
        answer = f"The mean {kind} of {_counted(found.count)} is taken to be {value}, as its prior says ({several.better} is better)."
        return answer, tuple(points)
    answer = (
        f"Over {_counted(found.count)} the mean {kind} is {value} (95% interval {found.text(mean['low'])} to "
        f"{found.text(mean['high'])}; {several.better} is better)."
    )
    error = simulation_error(found.pooled["posterior"].to_dataset()["mu"] > 0, found.pooled)
    sure = f"{words_for(mean['prob_better'], error=error)} ({percent_text(mean['prob_better'], error=error)})"
    return answer, (f"Is it favourable on average? That is {sure}.", *points, *_chosen(found))


def _conflict(found: _Found) -> list[str]:
    """Whether the evaluations contradict the prior of their mean, which a reader must hear first."""
    several, moderators = found.several, found.question.options.get("moderators", ())
    prior = found.question.priors[0].mu
    if not isinstance(prior, Normal) or several.covariance is not None:
        return []
    method = "reml" if found.count > 1 + len(moderators) else "common"
    plain = fit_meta(several, method=method, moderators=moderators if method == "reml" else ())
    mean, error = (float(plain[name]["mu"]) for name in ("estimate", "se"))
    distance = abs(mean - prior.mu) / math.hypot(prior.sigma, error)
    if distance <= CONFLICT_LIMIT:
        return []
    return [
        f"Prior and estimates are in conflict: without a prior the mean is {found.text(mean)}, {number(distance)} standard deviations "
        "from what the prior expects. The answer is pulled towards the prior, so ask whether the prior is right."
    ]


def _new_place(found: _Found) -> str:
    several, new = found.several, found.row("new_effect")
    text = f"In a new place: better with {percent_text(new['prob_better'])}"
    if several.smallest is not None:
        size = number(several.smallest)
        more = f", better than a ratio of {size} with" if several.ratio else f", by more than {size} with"
        text += f"{more} {percent_text(new['prob_more'])}"
    return f"{text} (95% interval {found.text(new['low'])} to {found.text(new['high'])})."


def _heterogeneity(found: _Found) -> list[str]:
    """How much effects differ, in words."""
    tau, share = found.row("tau"), found.row("i2")
    if tau["high"] == 0:
        return ["Effects are taken to be equal everywhere."]
    if found.count < 3:
        count = "One evaluation says" if found.count == 1 else "Two evaluations say"
        return [f"{count} next to nothing of how much effects differ."]
    return [
        f"Effects differ from place to place by a standard deviation of {number(tau['mean'])} ({number(tau['low'])} to "
        f"{number(tau['high'])}); about {share['mean']:.0%} of the differences between estimates lie between places, the rest is "
        "chance."
    ]


def _moderators(found: _Found) -> list[str]:
    """How the effect differs with each moderator."""
    ratio, lines = found.several.ratio, []
    for label in [str(name) for name in found.summary.index if str(name).startswith(_COEFFICIENT)]:
        own, name = found.row(label), label[len(_COEFFICIENT) : -1]
        lines.append(
            f"For one unit more of {name} the {f'log {ratio}' if ratio else 'effect'} differs by {number(own['mean'])} (95% interval "
            f"{number(own['low'])} to {number(own['high'])})."
        )
    return lines


def _chosen(found: _Found) -> list[str]:
    """What the answer is under the selection that weakens it most."""
    if found.selection is None or len(found.selection) < 2:
        return []
    means = (found.several.side * found.selection["mean"]).to_numpy()
    weakest = str(found.selection.index[int(means.argmin())])
    if weakest == NO_SELECTION:
        return [f"No selection of results that was tried makes it weaker.{found.of_those('selection')}"]
    row = _row(found.selection, weakest)
    return [
        f"What was printed may be a choice: if {_SAID.get(weakest, weakest)}, the mean is {found.text(row['mean'])}, favourable with "
        f"{percent_text(row['prob_better'])}.{found.of_those('selection')}"
    ]


def _classical_words(found: _Found) -> str:
    """Common effect, REML, Q and I² in a sentence."""
    several, moderators = found.several, found.question.options.get("moderators", ())
    if several.covariance is not None or found.count < 3 + len(moderators):
        return ""
    common, reml = fit_meta(several, method="common"), fit_meta(several, moderators=moderators)
    q, p = common.attrs["q"], common.attrs["q_p"]
    return (
        f"Without priors: a common effect of {number(common.loc['mu', 'estimate'])} (s.e. {number(common.loc['mu', 'se'])}); "
        f"random effects (REML) {number(reml.loc['mu', 'estimate'])} (s.e. {number(reml.loc['mu', 'se'])}), standard deviation "
        f"{number(reml.attrs['tau'])}; Q = {q:.2f} on {common.attrs['q_df']} degrees of freedom, p "
        f"{'< 0.001' if p < 0.001 else f'= {p:.2g}'}; I² {common.attrs['i2']:.0%}."
    )


def _summary_shown(summary: pd.DataFrame) -> pd.DataFrame:
    shown = summary.drop(columns=["sd"])
    if "i2" in shown.index:
        shown.loc["i2", ["mean", "low", "high"]] *= 100
    names = [
        f"For one unit more of {name[len(_COEFFICIENT) : -1]}"
        if name.startswith(_COEFFICIENT)
        else _QUANTITIES.get(name, name)
        for name in map(str, shown.index)
    ]
    shown.index = pd.Index(names, name="quantity")
    return shown


def _rows(several: Evaluation) -> pd.DataFrame:
    """The cells as read beside what was derived, and z and p of each row."""
    frame = several.estimates
    table = several.printed.reindex(frame.index).add_suffix(" (printed)").copy()
    table.index = table.index.astype(str).rename("study")
    estimate, se = (frame[name].to_numpy(float) for name in ("estimate", "se"))
    tested = t_table(list(table.index), estimate, se, df=math.inf, prob=0.95)
    table["estimate"], table["se"] = estimate, se
    if "se_from" in frame:
        table["standard error from"] = frame["se_from"].astype(str).to_numpy()
    table["z"], table["p, two-sided"] = tested["t"].to_numpy(), tested["p_two_tailed"].to_numpy()
    table["significant at 5%"] = ((tested["ci_low"] > 0) | (tested["ci_high"] < 0)).to_numpy()
    return table


def _pictures(found: _Found) -> dict[str, Picture]:
    several, pooled, count = found.several, found.pooled, found.count
    title = "What each evaluation found"
    if "mu" in found.summary.index:
        mean, new = (percent_text(found.row(name)["prob_better"]) for name in ("mu", "new_effect"))
        title = f"Mean favourable: {mean} sure; in a new place: {new}"
    pictures = {
        "forest": Picture(
            plot_pooled(pooled, several, title=title),
            "Each evaluation as printed (squares, by precision) and in the light of all of them (circles); below, the mean effect "
            "as a diamond and the effect in a new place as a bar. 95% intervals.",
            f"Forest plot of {count} evaluations with intervals, the mean effect and the prediction for a new place.",
        )
    }
    if "mu" in found.summary.index and count > 2:
        pictures["funnel"] = Picture(
            plot_funnel(several, pooled),
            "Estimates by their standard errors; the shaded region holds what is not significant. If small evaluations lie only to one "
            "side, results may have been chosen for print.",
            f"Funnel plot of {count} estimates against their standard errors, with contours of significance.",
            section="sensitivity",
        )
    for name in found.question.options.get("moderators", ()):
        pictures[f"bubble_{''.join(c if c.isalnum() else '_' for c in name)}"] = Picture(
            plot_bubble(pooled, several, name),
            f"Effects by {name}: larger circles are more precise evaluations; the line is the fitted mean with its 95% band.",
            f"Bubble plot of {count} estimates against {name} with a fitted line.",
        )
    return pictures


def _limits(found: _Found) -> tuple[str, ...]:
    limits = [
        "A new place is one like those evaluated: that the next is drawn from the same distribution is assumed, not found.",
        "Whether what was evaluated was the cause of a difference is decided by how each evaluation was made, not by pooling them.",
        _worst_words(found.several),
    ]
    if found.weights is not None:
        limits += _weight_words(found.weights, found.several)
    if found.average is not None:
        factors = found.average.inclusion["bayes_factor"]
        limits.append(
            "Averaged over models with and without it, the Bayes factor of "
            + ", ".join(f"{name} is {factor_cell(float(value))}" for name, value in factors.items())
            + "; they depend on the priors, as the table of priors shows."
            + found.of_those("family")
        )
    elif not found.question.has_evidence:
        limits.append(f"Bayes factors are not given: {NO_EVIDENCE}.")
    limits += [
        lost_words(
            {_TRIED[kind][1].format(name): why for name, why in own.items()},
            found.tried(kind),
            _TRIED[kind][0],
        )
        for kind, own in found.lost.items()
    ]
    return tuple(limits)


def _lost_name(whole: str) -> str:
    """What an alternative that is not reported is called on the page."""
    kind, _, name = whole.partition(": ")
    return f"{_TRIED[kind][0]}: {_TRIED[kind][1].format(name)}"


def _worst_words(several: Evaluation) -> str:
    """The answer under the worst selection, and how strong a selection would undo it."""
    worst, kind = worst_case(several), "significant and favourable (two-sided p below .05)"
    if worst.others == 0:
        return f"All results are {kind}: nothing is left if only others are believed."
    text = (
        f"{worst.significant} of {worst.significant + worst.others} results are {kind}. The others alone have a mean of "
        f"{number(worst.estimate)} ({number(worst.low)} to {number(worst.high)}): the answer under the worst selection. "
    )
    if worst.ratio == 1.0:
        return f"{text}The weighted mean is not favourable even without selection."
    if math.isinf(worst.ratio):
        return f"{text}No such selection would bring the mean to 0."
    return f"{text}Such results would have to be {worst.ratio:.3g} times as likely to be printed for the mean to be 0."


def _weight_words(weights: pd.DataFrame, several: Evaluation) -> list[str]:
    """The stated weight at which nothing is left of the mean; nothing where nothing is left without selection."""
    at = weight_at_no_effect(weights, several)
    if math.isnan(at):
        least = min(weights.index.astype(float))
        return [
            f"With the priors as stated the mean stays favourable even if other results were {least:g} times as likely to be printed."
        ]
    if at >= 1:
        return []
    factor = ""
    if "bayes_factor" in weights:
        known = str(weights.index[int(np.abs(weights.index.astype(float).to_numpy() - at).argmin())])
        factor = (
            f"; the estimates support a probability of {known} against no selection by a Bayes factor of "
            f"{factor_cell(_row(weights, known)['bayes_factor'])}"
        )
    return [
        f"The posterior mean falls to 0 if other results were {at:.2g} times as likely to be printed{factor}."
    ]


def _methods(found: _Found) -> tuple[str, ...]:
    exact, tried = (
        is_exact(found.pooled),
        {**found.more.get("selection", {}), **found.lost.get("selection", {})},
    )
    how = "solved by quadrature; draws are evenly spread and the same for every seed"
    methods = [
        f"{found.count} estimates with their standard errors: random effects, {how if exact else 'sampled by NUTS'}.",
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
    words = {"mu": "the mean effect"}
    if question.options.get("pooling", "partial") == "partial":
        words["tau"] = "the standard deviation of effects"
    notes = [
        f"Prior of {told}: {getattr(priors, name)} ({said[sources[name]]})." for name, told in words.items()
    ]
    if smallest_effect(question.several) is None:
        notes.append("No smallest effect worth having was given (--smallest), so nothing is said of one.")
    return notes
