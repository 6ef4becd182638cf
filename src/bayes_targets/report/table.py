"""The page of printed estimates: answer, published beside posterior, claims, and what would change the answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..comparison.claims import SCALE_KEY, is_exact, percent_text, simulation_error, words_for
from ..comparison.compare import compare, scale_of, smallest_effect, term_draws
from ..errors import DataError
from ..evaluation import Evaluation
from ..inference.diagnostics import CONFLICT_LIMIT
from ..inference.distributions import NORMAL_DF
from ..plots import plot_forest
from ..plots.masses import Effect, plot_masses
from ..plots.priors import exact_curves
from ..printed.auditing import audit
from ..priors import Normal
from ..sensitivity import Mixture, as_mixture, normal_posterior, prior_families
from ..sensitivity.robustness import require_question, robustness
from .cells import capital, effect_text, number
from .models import computed_and_cited
from .result import Picture, Result, Table

_MOST_TERMS = 40
_MOST_MASSES = 4
_MOST_CHECKS = 12
_EACH_ONE = ", for one s.d. of the term (or from 0 to 1)"
_QUESTIONS = {
    "sceptical_limit": "Which sceptic stays unconvinced?",
    "advocacy_limit": "Whom would it convince?",
    "intrinsic_credibility": "Does it stand against a sceptic made from itself?",
    "fail_safe": "How many evaluations without an effect would overturn it?",
    "bayes_factor": "Evidence for or against no effect?",
    "robustness_value": "How strong must an omitted cause be?",
    "e_value": "The same, for a ratio?",
    "cases_replaced": "How many cases would have to be replaced?",
    "benchmark": "What if a cause as strong as the strongest printed control was omitted?",
    "publication": "What if only significant results were printed?",
    "exaggeration": "By how much would significance exaggerate?",
    "wrong_sign": "How often would significance have the wrong sign?",
    "next_study": "How large must a next evaluation be?",
    "replication": "What would a replication find?",
}
_ASSIGNED = {
    "lot": "Who was treated was drawn by lot, so that a difference is an effect of treatment, or chance.",
    "difference in differences": "A difference in differences is an effect of treatment only if both groups would otherwise have "
    "changed alike. The table cannot show that.",
    "negotiated": "Who was treated was negotiated: those that agreed may differ in ways that the table does not hold, so that "
    "the estimate is an association.",
}
_UNKNOWN = (
    "How units came to be treated is not stated (assignment). Unless by lot, the estimate is an association, and whether treatment was "
    "the cause this table cannot show."
)
# Groups of the headline's posterior, which stand beside the other posteriors in one file.
_GROUPS = (
    "constant_data", "log_likelihood", "observed_data", "posterior", "posterior_predictive", "prior", "prior_predictive", "sample_stats",
)  # fmt: skip
_PRIORS = {
    "neutral": "Default prior",
    "sceptical": "Sceptical",
    "enthusiastic": "Enthusiastic",
    "even_chance": "Even chance of none",
}
_DESCRIBED = {
    "Sceptical": "normal around none, with 5% beyond the effect hoped for.",
    "Enthusiastic": "normal around the effect hoped for, with 5% on the other side of none.",
    "Even chance of none": "exactly no effect with probability one half, otherwise the default prior.",
}


@dataclass(frozen=True, eq=False)
class _Asked:
    """One term in question, of one model."""

    model: str
    term: str
    evaluation: Evaluation
    posterior: xr.DataTree
    row: Mapping[str, Any]  # of the comparison
    said: str  # what the term is called in sentences
    name: str  # what tells it from the others in question; nothing where there is no other

    @property
    def scale(self) -> float:
        """One s.d. of the term's predictor, where the table says so."""
        return scale_of(self.evaluation, self.term)

    @property
    def hoped(self) -> float | None:
        """The effect hoped for, of one unit of the term."""
        return None if self.evaluation.hoped is None else self.evaluation.hoped / self.scale

    @property
    def draws(self) -> xr.DataArray:
        """Draws of the effect, turned so that more is better."""
        return self.evaluation.side * term_draws(self.posterior).sel(term=self.term)

    @property
    def smallest(self) -> float:
        found = smallest_effect(self.evaluation, self.term)
        assert found is not None
        return found

    @property
    def worth(self) -> float:
        """Probability of more than the smallest effect worth having."""
        return float(self.row["rope_above" if self.evaluation.side > 0 else "rope_below"])

    @property
    def df(self) -> float:
        """Degrees of freedom of the estimate; infinite where they are not known."""
        row: dict[str, Any] = self.evaluation.estimates.loc[[self.term]].to_dict("records")[0]  # type: ignore[assignment]
        return float(row.get("df", math.inf))

    @property
    def prior(self) -> tuple[float, float]:
        """Mean and standard deviation of the term's normal prior, NaN without one."""
        row = self.posterior["constant_data"].to_dataset().sel(term=self.term)
        return float(row["prior_mean"]), float(row["prior_sd"])

    @property
    def prior_from(self) -> str:
        """Where the prior comes from."""
        return str(_options(self.posterior).get("prior_from"))

    @cached_property
    def answers(self) -> pd.DataFrame:
        """What would change the answer, by question."""
        return robustness(self.posterior, replace(self.evaluation, focus=self.term))

    @property
    def unit(self) -> str:
        ratio = self.evaluation.ratio
        return f"{ratio}s" if ratio else self.evaluation.unit or "units of the outcome"

    def shown(self, value: float) -> str:
        return effect_text(self.evaluation, value)

    def interval(self, low: str, high: str, centre: str) -> str:
        """An estimate with its interval, from columns of the comparison."""
        values = [self.shown(float(self.row[name])) for name in (centre, low, high)]
        return f"{values[0]} ({values[1]} to {values[2]})"

    @property
    def negligible(self) -> str:
        """Effects that are practically none, in words."""
        if self.evaluation.ratio:
            ends = [_as_given(math.exp(step * self.smallest)) for step in (-1, 1)]
            return f"{self.evaluation.a_ratio} between {ends[0]} and {ends[1]}"
        return f"less than {self.threshold.removeprefix('by more than ')} either way"

    @property
    def threshold(self) -> str:
        """The smallest effect worth having, in words that follow a direction."""
        if self.evaluation.ratio:
            edge = math.exp(self.evaluation.side * self.smallest)
            return f"beyond {self.evaluation.a_ratio} of {_as_given(edge)}"
        unit = f" {self.evaluation.unit}" if self.evaluation.unit else ""
        each = (
            f" ({_as_given(self.smallest * self.scale)} for one s.d. of the term)" if self.scale != 1 else ""
        )
        return f"by more than {_as_given(self.smallest)}{unit}{each}"


def _options(posterior: xr.DataTree) -> dict[str, Any]:
    return dict(json.loads(posterior.attrs.get("options", "{}")))


def _as_given(value: float) -> str:
    """A stated number without zeros that nobody stated."""
    return f"{float(f'{value:.4g}'):g}".replace("-", "−")


def plain_names(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Evaluations by names that posteriors can have in one file, such as "M2-b" for the heading "M2/b"."""
    names: dict[str, Evaluation] = {}
    for heading, evaluation in evaluations.items():
        name = heading.replace("/", "-").strip(". ") or "table"
        if name in (*_GROUPS, *names):
            name = f"{name} ({len(names) + 1})"
        names[name] = evaluation
    return names


def require_answerable(evaluations: Mapping[str, Evaluation]) -> None:
    """Raise unless at least one evaluation has a term in question and each that has one says what is asked of it."""
    asked = [each for each in evaluations.values() if each.focal_terms] or list(evaluations.values())
    for evaluation in asked:
        require_question(evaluation, "the page")


def table_result(
    evaluations: Mapping[str, Evaluation],
    posteriors: Mapping[str, xr.DataTree],
    *,
    names: Mapping[str, str] | None = None,
    forest: Picture | None = None,
) -> Result:
    """What printed estimates say, for a page; `DataError` if nothing is in question.

    `evaluations` and `posteriors` (of `published_model`) go by the name of the model. `names`: what terms in question are called in
    sentences, where that is not the printed term. `forest`: a picture to show in place of the one of all terms.
    """
    require_answerable(evaluations)
    tables = {name: compare(posteriors[name], each) for name, each in evaluations.items()}
    terms = [(model, term) for model, each in evaluations.items() for term in each.focal_terms]
    asked = []
    for model, term in terms:
        said = (names or {}).get(term, term)
        twice = [other for _, other in terms].count(term) > 1
        name = "" if len(terms) == 1 else f"{said} ({model})" if twice else said
        row = _row(tables[model], term)
        asked.append(_Asked(model, term, evaluations[model], posteriors[model], row, said, name))
    first = asked[0]
    return Result(
        answer=" ".join(map(_answer, asked)),
        points=_points(asked),
        paragraph=_paragraph(asked),
        tables={
            "comparison": _comparison(tables, asked),
            "claims": _claims(asked),
            "robustness": _robustness(asked),
            "audit": _audit(evaluations),
        },
        pictures={"masses": _masses(asked), "forest": forest or _forest(tables, asked, evaluations)},
        posteriors=posteriors,
        methods=_methods(asked),
        limits=_limits(asked, evaluations),
        notes=_notes(evaluations, posteriors),
        title=f"{', '.join(dict.fromkeys(each.term for each in asked))}: what the printed table says",
        question=f"Is the outcome {first.evaluation.better} with {first.term}, and {first.threshold}? From {first.evaluation.source}, with "
        "its estimates and standard errors alone.",
    )


def _row(table: pd.DataFrame, term: str) -> dict[str, Any]:
    if term not in table.index:
        raise DataError(
            f"{term!r} is in question and has no standard error (only a bound, or none), expected one that can be fitted"
        )
    return {str(name): value for name, value in table.loc[[term]].to_dict("records")[0].items()}


def _answer(asked: _Asked) -> str:
    better = str(asked.evaluation.better)
    worth = f"{asked.threshold}: {percent_text(asked.worth)}"
    if asked.row["prob_better"] >= 0.5:
        words = f"{_sure(asked)}, {worth}."
    else:
        words = f"{_sure(asked, ', the unfavourable way')}; {better} {worth}."
    return f"{asked.name}: {words}" if asked.name else capital(words)


def _sure(asked: _Asked, aside: str = "") -> str:
    """The more probable direction, with its probability in words and in per cent."""
    better, probability = str(asked.evaluation.better), float(asked.row["prob_better"])
    if probability < 0.5:
        better, probability = "higher" if better == "lower" else "lower", 1 - probability
    error = simulation_error(asked.draws > 0, asked.posterior)
    return f"{words_for(probability, error=error)} {better}{aside} ({percent_text(probability, error=error)})"


def _points(asked: Sequence[_Asked]) -> tuple[str, ...]:
    lines = []
    for each in asked:
        found, name = each.answers["sentence"], f" ({each.name})" if each.name else ""
        if not name:
            lines.append(f"What a sceptic would say: {found['sceptical_limit']}")
        account = "e_value" if each.evaluation.ratio else "robustness_value"
        if each.answers["value"].isna()[account]:
            account = "cases_replaced"
        lines.append(f"What would account for it{name}: {found[account]}")
        conflict = float(each.row["prior_conflict"])
        if conflict > CONFLICT_LIMIT:
            lines.append(
                f"Prior and data are in conflict{name}: the estimate lies {number(conflict)} standard deviations from what the prior "
                "expects. Read the posterior with care, or state another hoped-for effect."
            )
    return (*lines, _assigned(asked[0].evaluation))


def _assigned(evaluation: Evaluation) -> str:
    """What the way in which units came to be treated leaves open."""
    given = evaluation.assignment or ""
    if given and given not in _ASSIGNED:
        return f"Units came to be treated by {given}: whether that leaves the estimate an association, readers must judge."
    return _ASSIGNED.get(given, _UNKNOWN)


def _comparison(tables: Mapping[str, pd.DataFrame], asked: Sequence[_Asked]) -> Table:
    rows = []
    for each in asked:
        below, inside, above = (float(each.row[f"rope_{part}"]) for part in ("below", "inside", "above"))
        good, bad = (above, below) if each.evaluation.side > 0 else (below, above)
        rows.append(
            {
                "Term": each.term,
                "Model": each.model,
                "Published (95% interval)": each.interval(
                    "published_low", "published_high", "published_estimate"
                ),
                "Posterior (95% interval)": each.interval("low", "high", "mean"),
                f"Any effect, {each.evaluation.better}": percent_text(float(each.row["prob_better"])),
                "Worth having": percent_text(good),
                "Practically none": percent_text(inside),
                "As much the other way": percent_text(bad),
            }
        )
    whole, shown = next(iter(tables.values())), pd.DataFrame(rows)
    if len(tables) > 1:
        whole = pd.concat(tables, names=["model"]).reset_index("model")
    else:
        shown = shown.drop(columns="Model")
    first = asked[0]
    return Table(
        whole,
        f"Published beside posterior for what is in question, in {first.unit}. Published: estimate and 95% confidence interval; "
        "posterior: mean and 95% equal-tailed interval. Worth having: "
        f"{first.evaluation.better} {first.threshold}; practically none: {first.negligible}. The CSV holds every fitted term, "
        "with the posterior mass below, in and above that range (ROPE)"
        + (", on the scale of logs and as ratios." if first.evaluation.ratio else "."),
        shown=shown,
    )


def _claims(asked: Sequence[_Asked]) -> Table:
    frame = pd.DataFrame([row for each in asked for row in _claims_of(each)]).set_index("claim")
    shown = frame.reset_index().rename(
        columns={"claim": "Claim", "term": "Term", "reading": "In words"} | _PRIORS
    )
    for name in _PRIORS.values():
        shown[name] = [percent_text(float(p)) for p in shown[name]]
    unknown = [title for name, title in _PRIORS.items() if frame[name].isna().all()]
    shown = shown.drop(columns=[*unknown, "model", *(["Term"] if len(asked) == 1 else [])])
    described = "".join(f" {title}: {text}" for title, text in _DESCRIBED.items() if title not in unknown)
    if unknown:
        described += f" {', '.join(unknown)}: not given, as nothing says which effect was hoped for (hoped)."
    return Table(
        frame,
        f"How probable each claim is, under different priors of the effect. Default: {_prior_words(asked[0])}.{described}",
        shown=shown,
    )


def _claims_of(asked: _Asked) -> list[dict[str, Any]]:
    """Three claims under four priors, with all effects turned so that more is better."""
    better = str(asked.evaluation.better).capitalize()
    y, se = asked.evaluation.side * float(asked.row["published_estimate"]), float(asked.row["published_se"])
    df, draws, size = asked.df, asked.draws, asked.smallest
    held = (draws > 0, draws > size, abs(draws) <= size)
    found = {"neutral": [float(holds.mean()) for holds in held]}
    for name, prior in _priors(asked).items():
        posterior = normal_posterior(y, se, prior, df=df if df < NORMAL_DF else None)
        above, worth = posterior.prob_above(0.0), posterior.prob_above(size)
        # A spike at the lower end counts as inside.
        at_least = float(posterior.prob_above(np.nextafter(-size, -math.inf)))
        found[name] = [above, worth, 1 - worth - (1 - at_least)]
    claims = (f"{better} at all", f"{better} {asked.threshold}", f"Practically none: {asked.negligible}")
    return [
        {
            "claim": claim,
            "term": asked.term,
            "model": asked.model,
            **{name: min(max(found[name][k], 0.0), 1.0) if name in found else math.nan for name in _PRIORS},
            "reading": words_for(found["neutral"][k], error=simulation_error(held[k], asked.posterior)),
        }
        for k, claim in enumerate(claims)
    ]


def _priors(asked: _Asked) -> dict[str, Mixture]:
    """Priors beside the model's own, as far as the evaluation says how large effects are."""
    sd = asked.prior[1]
    known = math.isfinite(sd) and asked.prior_from != "table"
    if asked.hoped is None:
        unit_information = known and asked.evaluation.n
        return {"even_chance": as_mixture(Normal(0.0, sd), prob_zero=0.5)} if unit_information else {}
    hoped = abs(asked.hoped)
    families = prior_families(hoped, neutral_sd=sd if known else 5 * hoped)
    return {
        "sceptical": families["sceptical", "normal"],
        "enthusiastic": families["enthusiastic", "normal"],
        "even_chance": families["neutral", "spike"],
    }


def _robustness(asked: Sequence[_Asked]) -> Table:
    frame, terms = asked[0].answers, []
    if len(asked) > 1:
        frame = pd.concat({(each.model, each.term): each.answers for each in asked}, names=["model", "term"])
        terms = ["Term"]
    shown = frame.reset_index()
    # For a slope or a difference the E-value's row only says to see the row above it.
    shown = shown[shown["question"].ne("e_value") | shown["value"].notna()]
    shown = shown.assign(Question=shown["question"].astype(str).map(_QUESTIONS))
    shown = shown.rename(columns={"sentence": "Answer", "term": "Term"})
    return Table(
        frame,
        "Question by question. What counts as convincing is 95%. The CSV file holds the numbers behind each sentence and their units.",
        shown=shown[[*terms, "Question", "Answer"]],
        section="sensitivity",
    )


def _audit(evaluations: Mapping[str, Evaluation]) -> Table:
    checks = {name: audit(each) for name, each in evaluations.items()}
    frame = next(iter(checks.values()))
    if len(checks) > 1:
        frame = pd.concat(checks, names=["model"]).reset_index(level=0).reset_index(drop=True)
    left = frame["verdict"].str.startswith("not checked")
    made, missing = frame[~left], frame[left]
    wrong = int(made["verdict"].eq("inconsistent").sum())
    told = (
        f"{len(made)} checks, {wrong} inconsistent whatever the rounding."
        if len(made)
        else "No check could be made."
    )
    shown = made
    if len(made) > _MOST_CHECKS:
        shown = made[made["verdict"].ne("consistent")]
        told += f" The {len(made) - len(shown)} consistent ones are in the CSV."
    if len(missing):
        reasons = [
            f"{check} ({why.removeprefix('not checked: ')})"
            for check, why in dict(zip(missing["check"], missing["verdict"], strict=True)).items()
        ]
        told += f" Not checked: {'; '.join(reasons)}."
    return Table(
        frame, f"Printed numbers against one another, over the rounding of each. {told}", shown=shown
    )


def _masses(asked: Sequence[_Asked]) -> Picture:
    """Posteriors of what is in question, cut at the smallest effect worth having."""
    first, effects = asked[0], {}
    for each in asked[:_MOST_MASSES]:
        one, curves, prior = each.scale, exact_curves(each.posterior, each.term), each.prior
        known = all(map(math.isfinite, prior)) and each.prior_from != "table"
        effects[capital(each.name or each.said)] = Effect(
            one * term_draws(each.posterior).sel(term=each.term).to_numpy().ravel(),
            one * each.smallest,
            str(each.evaluation.better),
            (one * prior[0], one * prior[1]) if known else None,
            each.evaluation.ratio is not None,
            (one * curves.posterior[0], one * curves.posterior[1]) if curves else None,
        )
    worth = "cut at what is worth having"
    if len(asked) == 1:
        worth = f"{first.evaluation.better} {first.threshold}: {percent_text(first.worth)}"
    return Picture(
        plot_masses(
            effects,
            title=f"{first.term}: {_sure(first)}" if len(asked) == 1 else _worth_title(effects),
            subtitle=f"{_source(first)}{worth}{_cases(asked)}",
            xlabel=first.unit + (_EACH_ONE if any(each.scale != 1 for each in asked) else ""),
        ),
        f"Posterior of what is in question, in {first.unit}, cut at the smallest effect worth having ({first.threshold}).",
        f"Density of the posterior: {_answer(replace(first, name=''))}",
    )


def _forest(
    tables: Mapping[str, pd.DataFrame], asked: Sequence[_Asked], evaluations: Mapping[str, Evaluation]
) -> Picture:
    """Published beside posterior, those in question first."""
    first = asked[0]
    standardised = any(
        scale_of(evaluations[name], str(term)) != 1 for name in tables for term in tables[name].index
    )
    shown = {}
    for name, whole in list(tables.items())[:4]:
        shown[name] = whole.head(_MOST_TERMS)
        shown[name].attrs = whole.attrs
        if standardised:
            shown[name] = _per_scale(shown[name], evaluations[name])
    drawn = list(dict.fromkeys(term for table in shown.values() for term in table.index))
    focal = list(dict.fromkeys(each.term for each in asked))
    terms = [*focal, *(term for term in drawn if term not in focal)]
    return Picture(
        plot_forest(
            shown if len(shown) > 1 else next(iter(shown.values())),
            title=_forest_title(list(tables.values())),
            subtitle=f"{_source(first)}{len(terms)} terms, those in question in bold{_cases(asked)}",
            xlabel=first.unit + (_EACH_ONE if standardised else ", for each term's own unit"),
            terms=[term for term in terms if term in drawn],
        ),
        f"Dashed: published estimate and 95% confidence interval. Solid: posterior mean and 95% equal-tailed interval. In {first.unit}.",
        f"Forest plot of {len(terms)} terms, published beside posterior; the first is {focal[0]}.",
    )


def _per_scale(table: pd.DataFrame, evaluation: Evaluation) -> pd.DataFrame:
    """Estimates and intervals for one s.d. of each predictor, where the table says what that is, so that widths compare."""
    scale = np.array([scale_of(evaluation, str(term)) for term in table.index])
    columns = ["published_estimate", "published_low", "published_high", "mean", "low", "high"]
    shown = table.assign(**{name: table[name].to_numpy(float) * scale for name in columns})
    known = dict(zip(map(str, table.index), scale, strict=True))
    regions = (table.attrs.get("rope") or {}).items()
    rope = {term: tuple(known.get(term, 1.0) * end for end in region) for term, region in regions}
    shown.attrs = table.attrs | {"rope": rope}
    return shown


def _source(asked: _Asked) -> str:
    return f"{asked.evaluation.source}; " if asked.evaluation.source else ""


def _cases(asked: Sequence[_Asked]) -> str:
    numbers = dict.fromkeys(f"{each.evaluation.n:,}" for each in asked if each.evaluation.n)
    return f"; n = {' and '.join(numbers)}" if numbers else ""


def _forest_title(tables: Sequence[pd.DataFrame]) -> str:
    """How far the priors moved what was published."""
    moved = max(float(table["shift_in_se"].abs().max()) for table in tables)
    if moved < 0.1:
        return "Priors hardly move what was published"
    return f"Priors move what was published by up to {moved:.1f} s.e."


def _worth_title(effects: Mapping[str, Effect]) -> str:
    """How probable it is that each effect is worth having."""
    signs = {"higher": 1.0, "lower": -1.0}
    shares = {name: (signs[e.better] * e.draws > e.smallest).mean() for name, e in effects.items()}
    told = f"Worth having: {', '.join(f'{name} ({percent_text(p)})' for name, p in shares.items())}"
    if len(told.split()) <= 10:
        return told
    low, high = (percent_text(end) for end in (min(shares.values()), max(shares.values())))
    return f"Worth having, with a probability of {low} to {high}"


def _prior_words(asked: _Asked) -> str:
    priors = json.loads(asked.posterior.attrs.get("priors", "{}"))
    effect, hoped = priors.get("effect", ""), asked.evaluation.hoped
    of = " for one s.d. of the term" if asked.scale != 1 else ""
    effect = f"{effect} on the scale of logs" if asked.evaluation.ratio else effect
    return {
        "hoped": f"{effect}, five times the effect hoped for ({asked.shown(hoped) if hoped is not None else ''}){of}",
        "n": f"{effect}, as informative as one of the {asked.evaluation.n} cases",
        "table": "normal around none, so wide on the table's own scale that it shrinks nothing",
    }.get(asked.prior_from, f"{effect}, as given")


def _error_words(asked: _Asked) -> str:
    if asked.df < NORMAL_DF:
        return f"Student's t with {asked.df:g} degrees of freedom"
    return "normally distributed"


def _methods(asked: Sequence[_Asked]) -> tuple[str, ...]:
    first = asked[0]
    ratio = first.evaluation.ratio
    scale = f" {ratio.capitalize()}s are analysed as logarithms and shown as ratios." if ratio else ""
    how = "computed exactly" if is_exact(*(each.posterior for each in asked)) else "sampled by NUTS"
    return (
        f"Each printed estimate is taken as {_error_words(first)} around the true effect, with its printed standard error as known.{scale} "
        f"Prior of the effect in question: {_prior_words(first)}. Every term stands by itself. The posterior is {how}.",
        SCALE_KEY,
    )


def _limits(asked: Sequence[_Asked], evaluations: Mapping[str, Evaluation]) -> tuple[str, ...]:
    lines = [
        _assigned(asked[0].evaluation),
        "Whether the printed model is right: its outcome, its controls and its standard errors are taken as they stand.",
    ]
    if len(asked) > 1:
        lines.append(
            f"{len(asked)} effects are in question. Each probability is about its effect alone; that at least one stands out by chance is "
            "likelier the more one looks at."
        )
    if len(asked) > 1 and all(each.covariance is None for each in evaluations.values()):
        lines.append(
            "How the effects in question go together: the table prints no covariances, so that their errors are taken as independent."
        )
    return tuple(lines)


def _notes(evaluations: Mapping[str, Evaluation], posteriors: Mapping[str, xr.DataTree]) -> tuple[str, ...]:
    everywhere = set.intersection(*(set(each.notes) for each in evaluations.values()))
    lines = [
        note if note in everywhere else f"{each.heading or name}: {note}"
        for name, each in evaluations.items()
        for note in each.notes
    ]
    for name in evaluations:
        left_out = _options(posteriors[name]).get("not_fitted", "")
        lines += [f"Not fitted: {part}." for part in left_out.split("; ") if part]
    derived = [
        f"{term}: {row['se']:.4g} ({row['se_low']:.4g} to {row['se_high']:.4g}), {row['se_from']}"
        for each in evaluations.values()
        if {"se_low", "se_high", "se_from"} <= set(each.estimates.columns)
        for term, row in each.estimates.iterrows()
        if str(row["se_from"]) != "printed" and row["se"] > 0 and term in each.focal_terms
    ]
    lines += [f"Standard error of {line} (in brackets: what rounding leaves open)." for line in derived]
    return tuple(dict.fromkeys(lines))


def _paragraph(asked: Sequence[_Asked]) -> str:
    first = asked[0]
    source = f"the source of the estimates ({first.evaluation.source})"
    return " ".join([*map(_re_analysed, asked), computed_and_cited(first.posterior.attrs, source)])


def _re_analysed(asked: _Asked) -> str:
    published = asked.interval("published_low", "published_high", "published_estimate")
    return (
        f"We re-analysed the printed estimate of {asked.said} ({asked.evaluation.source}): {published}, with its 95% confidence interval "
        f"in brackets, in {asked.unit}. The estimate was taken as {_error_words(asked)} around the true effect, with known "
        f"standard error; the prior was {_prior_words(asked)}. Posterior mean and 95% equal-tailed interval: "
        f"{asked.interval('low', 'high', 'mean')}. The effect is {asked.evaluation.better} with probability "
        f"{percent_text(float(asked.row['prob_better']))}, and {asked.threshold}, the smallest effect held to be worth having, with "
        f"{percent_text(asked.worth)}."
    )
