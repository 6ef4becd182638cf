"""What would change the answer of a printed estimate: one table, a row a question, each with its sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..comparison.claims import percent_text
from ..comparison.compare import scale_of, smallest_effect, term_draws
from ..errors import DataError, did_you_mean, option_name, require_kind, require_number
from ..evaluation import Evaluation
from ..inference.distributions import t_quantile
from ..models.published.selection import WEIGHTS, selected_prob_better, tipping_weight
from ..priors import NO_EVIDENCE, Flat, Normal, Prior
from .credibility import (
    Credibility,
    bayes_factor,
    confounder_bounds,
    e_value,
    reverse_bayes,
    robustness_value,
)
from .design import retrodesign

FloatArray = NDArray[np.float64]
COLUMNS = ("value", "low", "high", "unit", "sentence")
_CHANCE = 0.8
_RARE = ("risk ratio", "rate ratio")


def _risk_of_hazards(ratio: float) -> float:
    """The risk ratio near a hazard ratio of a common outcome (of an odds ratio it is near the square root)."""
    root = math.sqrt(ratio)
    return (1 - float(0.5**root)) / (1 - float(0.5 ** (1 / root)))


@dataclass(frozen=True)
class Answer:
    """One row: a value with its range and unit, and a sentence; without a value the sentence is the reason."""

    sentence: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    unit: str = ""


@dataclass(frozen=True)
class _Case:
    """One term in question, with all that the questions need."""

    term: str
    estimate: float
    se: float
    df: float
    side: int
    smallest: float
    evaluation: Evaluation
    prior: Prior | None
    draws: FloatArray
    prob: float
    tails: int

    @property
    def needed(self) -> float:
        """Distance from 0, in standard errors, from which on the estimate is significant."""
        p = 1 - (1 - self.prob) / self.tails
        return t_quantile(p, self.df)

    @cached_property
    def found(self) -> Credibility:
        """What the estimate says to a sceptic."""
        return reverse_bayes(self.estimate, self.se, prob=self.prob, tails=self.tails, df=self.known_df)

    @property
    def sure(self) -> str:
        """What counts as convincing, in words."""
        return f"{100 * self.prob:.3g}%"

    @property
    def sides(self) -> str:
        """The same with its number of tails."""
        return f"{self.sure}, {'two-sided' if self.tails == 2 else 'one-sided'}"

    @property
    def prob_better(self) -> float:
        """Posterior probability of the favourable direction."""
        return float((self.side * self.draws > 0).mean())

    @property
    def known_df(self) -> float | None:
        """Degrees of freedom for functions that take none for a normal."""
        return self.df if math.isfinite(self.df) and self.df < 100 else None

    @property
    def unit(self) -> str:
        """Unit of an effect, in words."""
        return self.evaluation.ratio or self.evaluation.unit or "units of the outcome"

    def shown(self, effect: float) -> str:
        """An effect as a reader sees it: ratios as ratios, a unit where it is known."""
        if self.evaluation.ratio:
            return f"{self.evaluation.a_ratio} of {_number(self.outward(effect))}"
        return f"{_number(effect)} {self.evaluation.unit}" if self.evaluation.unit else _number(effect)

    def outward(self, effect: float) -> float:
        """An effect on the scale on which it is shown."""
        return math.exp(min(effect, 700.0)) if self.evaluation.ratio else effect


def robustness(
    posterior: xr.DataTree, evaluation: Evaluation, *, prob: float = 0.95, tails: int = 2
) -> pd.DataFrame:
    r"""What would change the answer: sceptics, omitted causes, cases, publication, chance, and further studies.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of `published_model` on this evaluation.
    evaluation : Evaluation
        With `focus`, `better` and `smallest`.
    prob : float
        Probability that counts as convincing.
    tails : {2, 1}
        Whether a central interval must exclude no effect, or the probability of the sign must exceed `prob`. It is about the
        sceptic's questions and about significance; `prob` itself is also the posterior probability asked of publication and of
        a next study, on the favourable side.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``question`` (with several focal terms by ``term`` and ``question``). ``value``, ``low`` and ``high`` are
        numbers in ``unit`` (ratios as ratios), missing where a question has no such number, and ``sentence`` answers the
        question, or says why it cannot be answered and what is missing.

        ========================= ==========================================================================================
        sceptical_limit           effect beyond which a reader must believe to be convinced (Matthews 2018)
        advocacy_limit            effect that an advocate must have believed in for a finding that does not convince
        intrinsic_credibility     p-value against the sceptical prior made from the estimate itself (Held 2019)
        fail_safe                 further evaluations with exactly no effect that would overturn it (Rosenberg 2005)
        bayes_factor              no effect against an effect of the size that was hoped for; `low`: against any normal prior
        robustness_value          share of variance that an omitted cause must explain; `low`: to lose significance
        e_value                   the same for ratios, as a risk ratio; `low`: for the interval
        cases_replaced            cases to be replaced by ones without an effect, or with one, to change significance
        benchmark                 the estimate with an omitted cause as strong as the strongest printed control
        publication               probability of print of insignificant results below which the answer falls
        exaggeration, wrong_sign  of a significant estimate, if the true effect is the smallest worth having
        next_study                cases of a next study that would convince with 80% chance
        replication               probability that a study of the same size is significant on the favourable side
        ========================= ==========================================================================================

    Raises
    ------
    DataError
        If focus, better or smallest is missing (one message names all), or a focal term has no posterior.

    References
    ----------
    Matthews (2018), *Royal Society Open Science* 5, 171047. Held (2019), *Royal Society Open Science* 6, 181534. Rosenberg
    (2005), *Evolution* 59, 464-468. Held & Ott (2018), *Annual Review of Statistics and Its Application* 5, 393-419. Cinelli
    & Hazlett (2020), *Journal of the Royal Statistical Society B* 82, 39-67. VanderWeele & Ding (2017), *Annals of Internal
    Medicine* 167, 268-274. Frank, Maroulis, Duong & Kelcey (2013), What would it take to change an inference?, *Educational
    Evaluation and Policy Analysis* 35, 437-460. Hedges (1992), *Statistical Science* 7, 246-255. Gelman & Carlin (2014),
    *Perspectives on Psychological Science* 9, 641-651. Spiegelhalter, Abrams & Myles (2004), *Bayesian Approaches to Clinical
    Trials*, chapter 6 (predictive probabilities).

    Examples
    --------
    >>> import bayes_targets as bt
    >>> table = pd.DataFrame({"term": ["Target"], "estimate": ["0.952"], "se": ["0.659"]})
    >>> asked = bt.read_estimates(table, focus="Target", better="higher", smallest=0.5, hoped=1, n=150)
    >>> answers = robustness(bt.fit(bt.published_model(asked), seed=1), asked)
    >>> answers.loc["bayes_factor", ["value", "low"]].astype(float).round(2).tolist()
    [2.74, 0.84]
    >>> print(answers.loc["cases_replaced", "sentence"])
    Of the 150 cases 41 (27%) without an effect would have to be replaced by cases with one for the estimate to be significant.
    """
    require_question(evaluation, "robustness")
    prob = require_number("prob", prob, above=0.5, below=1.0)
    if tails not in (1, 2) or isinstance(tails, bool):
        raise DataError(f"tails is {tails!r}, expected 1 or 2")
    tables = {
        term: _answers(_case(posterior, evaluation, term, prob, tails)) for term in evaluation.focal_terms
    }
    return pd.concat(tables, names=["term"]) if len(tables) > 1 else next(iter(tables.values()))


# What no default can know of a question.
QUESTION = {
    "focus": "the term in question",
    "better": "the favourable direction",
    "smallest": "the smallest effect worth having",
}


def require_question(evaluation: Evaluation, what: str) -> None:
    """Raise unless an evaluation says what is asked of it; one message names all that is missing."""
    require_kind("evaluation", evaluation, Evaluation, "an Evaluation (bt.read_estimates)")
    terms = ", ".join(map(repr, [str(term) for term in evaluation.estimates.index][:8]))
    size = f"above 0, in {evaluation.unit or 'units of the outcome'}"
    if evaluation.ratio:
        size = f"as the {evaluation.ratio} itself, such as 0.95 or 1.05"
    details = {
        "focus": f"one of {terms}{', …' if len(evaluation.estimates) > 8 else ''}",
        "better": "'higher' or 'lower'",
        "smallest": size,
    }
    # Several evaluations are one question: there no term is in focus.
    asked = [name for name in QUESTION if name != "focus" or evaluation.estimates.index.name != "study"]
    missing = [
        f"{option_name(name)}, {QUESTION[name]} ({details[name]})"
        for name in asked
        if getattr(evaluation, name) is None
    ]
    if missing:
        raise DataError(f"{evaluation.source}: {what} needs {'; '.join(missing)}")


def _case(posterior: xr.DataTree, evaluation: Evaluation, term: str, prob: float, tails: int) -> _Case:
    draws = term_draws(posterior)
    known = [str(label) for label in draws["term"].to_numpy()]
    row: dict[str, Any] = evaluation.estimates.loc[[term]].to_dict("records")[0]  # type: ignore[assignment]
    if term not in known:
        left_out = json.loads(posterior.attrs.get("options", "{}")).get("not_fitted", "")
        why = left_out if f"{term}: " in left_out else did_you_mean(term, known)
        raise DataError(f"{evaluation.source}: the term in question, {term!r}, has no posterior; {why}")
    smallest = smallest_effect(evaluation, term)
    assert smallest is not None
    return _Case(
        term=term,
        estimate=float(row["estimate"]),
        se=float(row["se"]),
        df=float(row.get("df", math.inf)),
        side=evaluation.side,
        smallest=smallest,
        evaluation=evaluation,
        prior=_prior(posterior, term),
        draws=draws.sel(term=term).to_numpy().ravel(),
        prob=prob,
        tails=tails,
    )


def _prior(posterior: xr.DataTree, term: str) -> Prior | None:
    """The normal or flat prior of a term; None where it has another, or is pooled."""
    constant = (
        posterior["constant_data"].to_dataset() if "constant_data" in posterior.children else xr.Dataset()
    )
    if "prior_sd" not in constant or term not in constant["term"].to_numpy():
        return None
    row = constant.sel(term=term)
    if bool(row["pooled"]):
        return None
    text = str(json.loads(posterior.attrs.get("priors", "{}")).get("effect", ""))
    if bool(row["flat"]) or text.startswith("Flat"):
        return Flat()
    mean, sd = float(row["prior_mean"]), float(row["prior_sd"])
    return Normal(mean, sd) if math.isfinite(sd) and not text.startswith("StudentT") else None


def _answers(case: _Case) -> pd.DataFrame:
    questions: Mapping[str, Callable[[_Case], Answer]] = {
        "sceptical_limit": _sceptical_limit,
        "advocacy_limit": _advocacy_limit,
        "intrinsic_credibility": _intrinsic,
        "fail_safe": _fail_safe,
        "bayes_factor": _bayes_factor,
        "robustness_value": _robustness_value,
        "e_value": _e_value,
        "cases_replaced": _cases_replaced,
        "benchmark": _benchmark,
        "publication": _publication,
        "exaggeration": _exaggeration,
        "wrong_sign": _wrong_sign,
        "next_study": _next_study,
        "replication": _replication,
    }
    rows = {name: vars(ask(case)) for name, ask in questions.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).rename_axis("question")


def _sceptical_limit(case: _Case) -> Answer:
    found = case.found
    if not found.convincing:
        sure = max(found.prob_positive, 1 - found.prob_positive)
        direction = "" if case.estimate * case.side > 0 else ", and it is the unfavourable one"
        return Answer(
            f"Not convincing: even a reader with no prior doubts is only {percent_text(sure)} sure of the direction{direction}, where "
            f"{case.sides}, asks for {100 * (1 - (1 - case.prob) / case.tails):.3g}%."
        )
    wrong = "" if case.estimate * case.side > 0 else " It is the unfavourable direction that convinces."
    return Answer(
        f"Convincing ({case.sides}) except for a reader who held effects beyond {case.shown(found.sceptical_limit)} for "
        f"improbable beforehand.{wrong}",
        case.outward(found.sceptical_limit),
        unit=case.unit,
    )


def _advocacy_limit(case: _Case) -> Answer:
    found = case.found
    if found.convincing:
        return Answer("Convincing without any advocacy.")
    if case.estimate == 0:
        return Answer("The estimate has no direction that could be advocated.")
    if not math.isfinite(found.advocacy_limit):
        return Answer(
            f"Convincing ({case.sides}) for any reader who already held effects of its direction for likely."
        )
    return Answer(
        f"Convincing ({case.sides}) only for a reader who already held effects between none and "
        f"{case.shown(found.advocacy_limit)} for likely.",
        case.outward(found.advocacy_limit),
        unit=case.unit,
    )


def _intrinsic(case: _Case) -> Answer:
    verdict = "contradicts" if case.found.intrinsically_credible else "does not contradict"
    p = case.found.p_intrinsic
    equals = f"p {_number(p)}" if _number(p).startswith("under") else f"p = {_number(p)}"
    return Answer(
        f"The estimate {verdict} even the sceptical prior made from itself ({equals} for intrinsic credibility; below "
        f"{_number(1 - case.prob)} it does).",
        p,
        unit="p-value",
    )


def _fail_safe(case: _Case) -> Answer:
    if not case.found.convincing:
        return Answer("None is needed: the estimate does not convince by itself.", 0.0, unit="evaluations")
    number = case.found.fail_safe_n
    nulls = (
        "Less than one further evaluation of the same precision that finds exactly no effect"
        if number < 1
        else f"{_number(number)} further evaluations of the same precision that find exactly no effect"
    )
    return Answer(f"{nulls} would overturn it ({case.sides}).", number, unit="evaluations")


def _bayes_factor(case: _Case) -> Answer:
    evaluation, least = case.evaluation, case.found.bf_normal
    best = f"Whatever the spread of such a prior, at best {_odds(least)}."
    if evaluation.hoped is not None:
        hoped = evaluation.hoped / scale_of(evaluation, case.term)
        value = bayes_factor(case.estimate, case.se, hoped=hoped, df=case.known_df)
        prior = f"whose standard deviation is 5 times the effect hoped for ({case.shown(hoped)})"
    elif evaluation.n is not None:
        value = bayes_factor(case.estimate, case.se, n=evaluation.n, df=case.known_df)
        prior = f"that weighs as much as one of the {evaluation.n:,} cases"
    else:
        return Answer(
            f"Refused: {NO_EVIDENCE}. {best}", low=least, unit="Bayes factor, no effect against an effect"
        )
    return Answer(
        f"Against effects from a normal prior around none {prior}, the table is evidence {_odds(value)}. {best}",
        value,
        low=least,
        unit="Bayes factor, no effect against an effect",
    )


def _odds(factor: float) -> str:
    if factor >= 1:
        return f"{_number(factor)} to 1 for no effect"
    return f"{_number(1 / max(factor, 1e-300))} to 1 for an effect"


def _needs_linear(case: _Case) -> str | None:
    if case.evaluation.ratio:
        return f"For slopes of linear regressions; of {case.evaluation.a_ratio} see the E-value."
    if not math.isfinite(case.df):
        return "Not answered: needs the degrees of freedom; give n (cases) or df."
    return "Not answered: needs more than one degree of freedom." if case.df <= 1 else None


def _robustness_value(case: _Case) -> Answer:
    if reason := _needs_linear(case):
        return Answer(reason)
    found = robustness_value(case.estimate / case.se, case.df, alpha=1 - case.prob)
    if found.rv_alpha > 0:
        loses = f"{percent_text(found.rv_alpha)} are enough to lose significance"
    elif abs(case.estimate) > case.needed * case.se:
        loses = "it is so near the edge of significance that any further predictor may take it over"
    else:
        loses = "it is not significant to begin with"
    return Answer(
        f"An omitted cause would have to explain {percent_text(found.rv)} of what is left of both the outcome and the predictor to "
        f"account for all of the estimate; {loses} ({case.sure}, two-sided).",
        found.rv,
        low=found.rv_alpha,
        unit="share of residual variance",
    )


def _e_value(case: _Case) -> Answer:
    kind = case.evaluation.ratio
    if kind is None:
        return Answer("For ratios; of a slope or difference see the robustness value.")
    reach = case.needed * case.se
    ends = [max(case.outward(case.estimate + step), 1e-300) for step in (-reach, 0.0, reach)]
    found = e_value(ends[1], ends[0], ends[2])
    common = ""
    if kind not in _RARE:
        turned = _risk_of_hazards if kind == "hazard ratio" else math.sqrt
        other = e_value(*(turned(end) for end in (ends[1], ends[0], ends[2])))
        common = f"; if the outcome is common (above 15%), {_number(other.point)}"
    interval = f"{case.sure} interval"
    reaches = (
        f"and by {_number(found.limit)} for its {interval} to include none"
        if found.limit > 1
        else f"whose {interval} includes none already"
    )
    return Answer(
        f"An omitted cause would have to go with both exposure and outcome by a risk ratio of {_number(found.point)} to account for "
        f"the estimate, {reaches}{common}.",
        found.point,
        low=found.limit,
        unit="risk ratio",
    )


def _cases_replaced(case: _Case) -> Answer:
    edge, size = case.needed * case.se, abs(case.estimate)
    if size == 0:
        return Answer("The estimate is exactly none.")
    significant = size > edge
    share = 1 - edge / size if significant else 1 - size / edge
    n = case.evaluation.n
    change = (
        "would have to be replaced by cases without an effect for the estimate to lose significance"
        if significant
        else "without an effect would have to be replaced by cases with one for the estimate to be significant"
    )
    if n is None:
        missing = "how many these are needs n (number of cases)"
        return Answer(f"{percent_text(share)} of the cases {change}; {missing}.", unit="cases")
    cases = math.ceil(round(share * n, 9))
    return Answer(
        f"Of the {n:,} cases {cases:,} ({percent_text(share)}) {change}.", float(cases), unit="cases"
    )


def _benchmark(case: _Case) -> Answer:
    if reason := _needs_linear(case):
        return Answer(reason)
    table = case.evaluation.estimates
    aside = {*case.evaluation.focal_terms, *case.evaluation.constants}
    # Of a standard error that is only bounded the bound: the control is then at least as strong.
    se = table["se"].where(table["se"].gt(0), table["se_high"] if "se_high" in table.columns else np.nan)
    usable = se.gt(0) & ~table.index.astype(str).isin(aside)
    if not usable.any():
        return Answer("Not answered: no other term with a standard error is printed.")
    t = (table["estimate"] / se)[usable].abs()
    strongest, own = str(t.idxmax()), float(t.max())
    share = own**2 / (own**2 + case.df)
    try:
        found = confounder_bounds(case.estimate, case.se, case.df, benchmark_outcome=share)
    except DataError:
        return Answer(
            f"{strongest}, the strongest printed control, explains {percent_text(share)} of what is left of the outcome: an omitted "
            "cause as strong as that, for the predictor too, could account for any estimate."
        )
    reach = case.needed * found.se
    return Answer(
        f"An omitted cause as strong as {strongest}, the strongest printed control ({percent_text(share)} of what is left of the "
        f"outcome, and as much of the predictor), would leave {case.shown(found.estimate)}.",
        found.estimate,
        found.estimate - reach,
        found.estimate + reach,
        unit=case.unit,
    )


def _publication(case: _Case) -> Answer:
    if case.prior is None:
        return Answer("Not answered: for a term with a normal or flat prior that is not pooled.")
    given = (case.estimate, case.se, case.prior)
    known: Any = {"side": case.side, "df": case.df if case.known_df else math.inf}
    at = {weight: selected_prob_better(*given, weight, **known) for weight in WEIGHTS}
    path = "; ".join(f"{percent_text(at[w])} at {w:g}" for w in (1.0, 0.5, 0.1, 0.01))
    assumed = f"If results that are not significant (5%, two-sided) were printed with an assumed probability of 1, .5, .1 or .01: {path}."
    if at[1.0] < case.prob:
        return Answer(
            f"Below {case.sure} already if everything was printed. {assumed}",
            low=min(at.values()),
            high=at[1.0],
            unit="probability",
        )
    weight = tipping_weight(*given, prob=case.prob, **known)
    if weight == 0:
        words = f"No assumed selection brings the probability of a favourable effect below {case.sure}."
    else:
        words = f"Below {case.sure} only if insignificant results were printed with a probability under {_number(weight)}."
    return Answer(
        f"{words} {assumed}", weight, low=min(at.values()), high=at[1.0], unit="probability of print"
    )


def _design(case: _Case) -> tuple[str, float, float]:
    found = retrodesign(case.smallest, case.se, prob=case.prob, df=case.known_df)
    given = (
        f"If the true effect is {case.shown(case.side * case.smallest)}, the smallest worth having, an evaluation of this "
        f"precision finds significance with {percent_text(found.power)} chance"
    )
    return given, found.type_s, found.type_m


def _exaggeration(case: _Case) -> Answer:
    if case.known_df is not None and case.known_df <= 1:
        return Answer("Not answered: with one degree of freedom the exaggeration is infinite.")
    given, _, exaggeration = _design(case)
    return Answer(
        f"{given}. A significant estimate is then {_number(exaggeration)} times as large as the effect on average.",
        exaggeration,
        unit="times the true effect",
    )


def _wrong_sign(case: _Case) -> Answer:
    if case.known_df is not None and case.known_df <= 1:
        return Answer("Not answered: with one degree of freedom.")
    given, wrong, _ = _design(case)
    words = f"{percent_text(wrong)} of the significant estimates have the wrong sign"
    return Answer(f"{given}. {words}.", wrong, unit="probability")


def _next_study(case: _Case) -> Answer:
    mean, sd = case.side * float(case.draws.mean()), float(case.draws.std())
    n = case.evaluation.n
    unit = "cases" if n is not None else "times the size of this evaluation"
    if case.prob_better >= case.prob:
        already = f"the favourable direction is already {percent_text(case.prob_better)} probable"
        return Answer(f"None is needed: {already}.", 0.0, unit=unit)
    needed, chance = t_quantile(case.prob), t_quantile(_CHANCE)
    if mean <= 0:
        words = "None of any size, if the effect is as estimated: it points the unfavourable way."
        return Answer(words, math.inf, unit=unit)

    def enough(times: float) -> bool:
        """Whether both together convince with the wanted chance, if the effect is the posterior mean."""
        own, new = sd**-2, times * case.se**-2
        return mean * math.sqrt(own + new) - chance * math.sqrt(new / (own + new)) >= needed

    low, high = 1e-3, 1e6
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    size = high if n is None else float(math.ceil(round(high * n, 6)))
    words = (
        f"{_number(high)} times the size of this one"
        if n is None
        else f"{size:,.0f} cases (this one has {n:,})"
    )
    return Answer(
        f"If the effect is as estimated, a next evaluation of {words} would, together with this one, make the favourable direction "
        f"{case.sure} probable with {_CHANCE:.0%} chance.",
        size,
        unit=unit,
    )


def _replication(case: _Case) -> Answer:
    from scipy import special

    def above(edge: float) -> float:
        z = (case.side * case.draws - edge) / case.se
        return float((special.stdtr(case.df, z) if math.isfinite(case.df) else special.ndtr(z)).mean())

    same, significant = above(0.0), above(case.needed * case.se)
    return Answer(
        f"An evaluation of the same precision would point the favourable way with {percent_text(same)} probability, and be "
        f"significant there ({case.sides}) with {percent_text(significant)}.",
        significant,
        high=same,
        unit="probability",
    )


def _number(value: float) -> str:
    """Three significant digits, with a proper minus sign, and no exponents for what is read aloud."""
    if not math.isfinite(value) or abs(value) >= 1e7:
        return "over 10 million" if value > 0 else "under −10 million"
    if 0 < abs(value) < 1e-4:
        return "under 0.0001" if value > 0 else f"{value:.3g}".replace("-", "−")
    digits = 2 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")
