"""What a page tells of each model (its equation, shown as MathML, and its priors in units), from what its posterior carries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from .cells import capital
from .words import CountWords, Words

_TOKEN = re.compile(
    r"(?P<base>\"[^\"]*\"|[^\W\d_]+|\d+(?:\.\d+)?|[^\w\s])"
    r"(?:_(?P<sub>\{[^}]*\}|\w))?(?:\^(?P<sup>\{[^}]*\}|[^\s{]))?"
)
_POOLED = {"none": "no pooling", "complete": "complete pooling", "partial": "partial pooling"}


@dataclass(frozen=True)
class PriorNote:
    """One prior, as a row of a table: `symbol` as in the equation, `prior` as it was used, e.g. ``"Normal(0, 5)"``."""

    symbol: str
    meaning: str
    unit: str
    prior: str


@dataclass(frozen=True)
class ModelCard:
    """A model in the words and signs of a page: lines of `mathml`, what signs mean `where` they are no parameters, priors."""

    title: str
    equation: tuple[str, ...]
    where: str
    priors: tuple[PriorNote, ...]


def model_card(attrs: Mapping[Any, Any]) -> ModelCard | None:
    """The card of the model that a posterior with these attrs is of; None where it has none, such as a user's own."""
    make = _CARDS.get(str(attrs.get("model")))
    if make is None or "options" not in attrs or "priors" not in attrs:
        return None
    options, priors = json.loads(attrs["options"]), json.loads(attrs["priors"])
    if attrs.get("words"):
        options["words"] = json.loads(attrs["words"])
    return make(options, priors)


def mathml(equation: str) -> str:
    r"""An equation or a sign as a ``<math>`` element; nothing of it is read as HTML.

    Words, numbers and signs have spaces between them; ``_`` and ``^`` set what follows (a character, or a group in braces)
    below and above; words of several letters stand upright, and so does text in double quotes.

    Examples
    --------
    >>> mathml("b_k ~ N")
    '<math><msub><mi>b</mi><mi>k</mi></msub><mo lspace="0.3em" rspace="0.3em">~</mo><mi>N</mi></math>'
    """
    return f"<math>{_row(equation)}</math>"


def _row(text: str) -> str:
    return "".join(_scripted(match) for match in _TOKEN.finditer(text))


def _scripted(match: re.Match[str]) -> str:
    base, sub, sup = _atom(match["base"]), match["sub"], match["sup"]
    if sub and sup:
        return f"<msubsup>{base}{_group(sub)}{_group(sup)}</msubsup>"
    if sub:
        return f"<msub>{base}{_group(sub)}</msub>"
    return f"<msup>{base}{_group(sup)}</msup>" if sup else base


def _group(text: str) -> str:
    return f"<mrow>{_row(text[1:-1])}</mrow>" if text.startswith("{") else _atom(text)


def _atom(text: str) -> str:
    if text.startswith('"'):
        return f"<mtext>{escape(text[1:-1])}</mtext>"
    if text[0].isdigit():
        return f"<mn>{escape(text)}</mn>"
    if text[0].isalpha():
        return f"<mi>{escape(text)}</mi>"
    # Browsers know how much room a plus takes, not how much this sign does.
    room = ' lspace="0.3em" rspace="0.3em"' if text == "~" else ""
    return f"<mo{room}>{escape(text)}</mo>"


def _level(
    sign: str,
    pooling: str,
    meanings: tuple[str, str, str],
    groups: str,
    unit: str,
    own: str,
    priors: Mapping[str, str],
) -> tuple[str, list[PriorNote]]:
    """How groups differ, in a line of the equation and its priors; `meanings` of the average one, every one, and each by itself."""
    typical, every, alone = meanings
    if pooling == "partial":
        spread = PriorNote("τ", f"s.d. between {groups}", unit, priors["tau"])
        return f"{sign}_j ~ Normal ( μ , τ )", [PriorNote("μ", typical, unit, priors["mu"]), spread]
    if pooling == "complete":
        return f"{sign}_j = μ", [PriorNote("μ", every, unit, priors["mu"])]
    return f'{sign}_j ~ "{priors[own]}"', [PriorNote(f"{sign}_j", alone, unit, priors[own])]


def _published(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    errors = options.get("errors", "normal")
    effect, one, scale = "θ_k", "one unit of the term", ""
    if options.get("scaled"):
        effect, one = "θ_k d_k", "one s.d. of the predictor (or from 0 to 1)"
        scale = " and d the scale of its predictor; a term without a scale, such as the constant, has a flat prior"
    unit = f"units of the outcome, for {one}"
    own = PriorNote(effect, "true effect of a term that is not pooled", unit, priors["effect"])
    error, where = _ERRORS.get(errors, _ERRORS["t, with known covariance"])
    if options["pooling"] == "none":
        return ModelCard(
            f"Printed estimates, no pooling, {errors} errors",
            (error, f'{effect} ~ "{priors["effect"]}"'),
            f"b is the printed estimate of term k, s its printed standard error (taken as known){where}{scale}.",
            (own,),
        )
    spread = PriorNote("τ", "s.d. between the terms that are pooled", "units of the outcome", priors["tau"])
    if not options["reference"]:
        mean = PriorNote("μ", "mean of the terms that are pooled", "units of the outcome", priors["mu"])
        return ModelCard(
            "Printed estimates, partially pooled",
            (error, "θ_k ~ Normal ( μ , τ )"),
            f"b is the printed estimate of term k and s its printed standard error, taken as known{where}.",
            (mean, spread, own),
        )
    what = "variance of the reference's error, as a share of the smallest printed variance"
    return ModelCard(
        "Printed estimates, categories partially pooled",
        (
            "a_j ~ Normal ( 0 , τ )",
            "θ_k = a_k − a_{ref}",
            "b ~ Normal ( θ , Σ )",
            "Σ_{kk} = s_k^2 , Σ_{kl} = r min ( s^2 )",
        ),
        f"b are the printed contrasts with the reference ({options['reference']}), s their printed standard errors; every category j, "
        "the reference included, departs from the average category by a. All contrasts contain the one error of the reference, which "
        "correlates them. Terms outside the group are not pooled.",
        (spread, PriorNote("r", what, "share, 0 to 1", priors["reference_share"]), own),
    )


_T = "b_k ~ StudentT ( ν_k , θ_k , s_k )"
# The line of the printed estimate in the equation, and what its signs mean beside b and s.
_ERRORS = {
    "normal": ("b_k ~ Normal ( θ_k , s_k )", ""),
    "normal, with known covariance": (
        "b ~ Normal ( θ , Σ )",
        ", Σ the known covariance of the estimates",
    ),
    "t, with known covariance": (
        "b ~ StudentT ( ν , θ , Σ )",
        ", Σ the known covariance of the estimates, ν the degrees of freedom",
    ),
    "t": (_T, ", ν its degrees of freedom"),
    "normal or t": (_T, ", ν its degrees of freedom (normal where they are not known)"),
}


_SELECTED = {
    "steps": "An estimate is printed with a probability w that depends on the bin of its p-value; the most significant have 1.",
    "pet": "Estimates rise with their standard error, towards the favourable side; μ is what a study without error would find.",
    "peese": "Estimates rise with their variance, towards the favourable side; μ is what a study without error would find.",
}
_BIAS = {"pet": " + β s_k", "peese": " + β s_k^2"}


def _meta(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    unit = f"logs of the {options['ratio']}" if options.get("ratio") else "units of the outcome"
    selection, partial = options.get("selection", "none"), options["pooling"] == "partial"
    where = "y is what study k printed and s its standard error, taken as known."
    if options["pooling"] == "none":
        return ModelCard(
            "Several evaluations, each by itself",
            ("y_k ~ Normal ( θ_k , s_k )",),
            where,
            (PriorNote("θ_k", "effect of each study", unit, priors["mu"]),),
        )
    notes = [PriorNote("μ", "mean of the effects", unit, priors["mu"])]
    if partial:
        notes.append(PriorNote("τ", "s.d. of the effects", unit, priors["tau"]))
    if selection in _BIAS:
        what = "slope on the error, towards the favourable side"
        notes.append(PriorNote("β", what, "0 or more", priors["slope"]))
    if selection == "steps":
        prior = priors["weight"] if priors["weight"] != "None" else "cumulative Dirichlet(1, ..., 1)"
        notes.append(PriorNote("w", "probability of print relative to the most significant", "0 to 1", prior))
    effects = "θ_k ~ Normal ( μ , τ )" if partial else "θ_k = μ"
    return ModelCard(
        f"Several evaluations, {'partially pooled' if partial else 'one effect for all'}",
        (f"y_k ~ Normal ( θ_k{_BIAS.get(selection, '')} , s_k )", effects),
        f"{where} {_SELECTED.get(selection, '')}".strip(),
        tuple(notes),
    )


def _cohesion(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    """In the analysis' own words where the options have them."""
    words, effect, pooling = Words.read(options.get("words"), options), options["effect"], options["pooling"]
    by_type, heavy = options["slopes"] == "by_type", options["noise"] == "student_t"
    unit, what, group = words.measure, words.what, words.group
    slope = "" if effect is None else " + β_{j [ i ]} t_i" if by_type else " + β t_i"
    error = "StudentT ( ν , 0 , σ )" if heavy else "Normal ( 0 , σ )"
    meanings = f"{what}, average {group}", f"{what}, every {group}", f"{what} of each {group} by itself"
    line, notes = _level("α", pooling, meanings, words.groups, unit, "intercept", priors)
    lines = [f"y_i = α_{{j [ i ]}}{slope} + γ x_i + ε_i", f"ε_i ~ {error}", line]
    if effect is not None:
        kind = words.target if effect == "target" else "a point of stretch"
        notes.append(PriorNote("β", f"slope of {kind}", unit, priors["effect"]))
    if by_type:
        lines.append("β_j ~ Normal ( β , ω )")
        notes.append(PriorNote("ω", f"s.d. of the slope between {words.groups}", unit, priors["tau_effect"]))
    notes.append(PriorNote("γ", "slope of each control, for one s.d.", unit, priors["coefficient"]))
    notes.append(PriorNote("σ", "s.d. (scale) of the noise", unit, priors["sigma"]))
    if heavy:
        of = "degrees of freedom of the noise, less one"
        notes.append(PriorNote("ν − 1", of, "number", priors["nu_minus_one"]))
    known = {"target": f"t whether it has {words.target}, ", "stretch": "t its stretch, "}.get(effect, "")
    where = f"y is the {what} of {words.unit} i in {unit}, j its {group}, {known}and x its controls less their means, if there are any."
    if options["measurement_error"]:
        where += (
            " Both scores carry the sampling error that was given; the change is that of the true scores."
        )
    title = f"{capital(words.units)} by {group}, {_POOLED[pooling]}"
    return ModelCard(f"{title}, slopes by {group}" if by_type else title, tuple(lines), where, tuple(notes))


def _success(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard | None:
    """In the analysis' own words where the options have them."""
    words = CountWords(**options.get("words") or {})
    outcome, pooling, area = options["outcome"], options["pooling"], words.area
    if outcome not in _SUCCESS:
        return None
    title, likelihood, share, where = _SUCCESS[outcome]
    success = " or ".join(options.get("success") or ["the best status"])
    told = {"items": words.items, "area": area, "areas": words.areas, "success": success}
    meanings = f"typical {area}", f"every {area}", f"each {area} by itself"
    line, notes = _level("η", pooling, meanings, words.areas, "log-odds", "share", priors)
    if outcome != "binomial":
        of = "next status, of those that lack the better ones"
        notes.append(PriorNote("split", of, "log-odds", priors["split"]))
    if outcome == "multinomial":
        line, of = line.replace("η_j", "η_{jk}"), "correlation of effects, moved to 0 to 1"
        notes.append(PriorNote("R", of, "share, 0 to 1", priors["correlation"]))
    return ModelCard(
        f"Shares from counts, {title}, {_POOLED[pooling]}",
        (likelihood, share, line),
        where.format(**told),
        tuple(notes),
    )


_STATUSES = "y are the {items} of {area} j by status, n their number; "
# Name of the likelihood, its lines, and what its signs mean.
_SUCCESS = {
    "binomial": (
        "binomial",
        "y_j ~ Binomial ( n_j , p_j )",
        "logit ( p_j ) = η_j",
        "y is the number of {items} of {area} j that count as success ({success}), n the number of its {items}.",
    ),
    "ordinal": (
        "cumulative logit",
        "y_j ~ Multinomial ( n_j , p_j )",
        'logit P ( "status k or better" ) = η_j − c_k',
        _STATUSES
        + "the cutpoints c lie between the statuses and are the same in all {areas}, so that one effect moves a {area} along "
        "all statuses. The cutpoint to the best status is taken up by μ.",
    ),
    "multinomial": (
        "multinomial",
        "y_j ~ Multinomial ( n_j , p_j )",
        'logit P ( "k, of k or worse" ) = η_{jk}',
        _STATUSES
        + "every split between statuses has an effect of its own, and with partial pooling the effects of a {area} are "
        "correlated.",
    ),
}


_POINTS = "percentage points of the score"
_MEANINGS = {
    "anchor_weight": ("w", "weight of the later score in what targets were set from", "share, 0 to 1"),
    "causal_slope": (
        "b",
        "rise of the true score for a point that the target lies above it",
        "points a point",
    ),
    "error_seen": ("k", "share of the survey error that target setters saw", "share, 0 to 1"),
    "ambition_mean": ("d", "mean of target less the score it was set from", _POINTS),
    "ambition_sd": ("s", "s.d. of that between areas", _POINTS),
    "score_before": ("m_{0}", "mean true score before", _POINTS),
    "spread_before": ("v", "s.d. of the true score between areas before", _POINTS),
    "score_after": ("m_{1}", "mean later score without targets", _POINTS),
    "carry_over": ("c", "how far the score before carries over to the score after", "slope of log shares"),
    "drift_sd": ("u", "s.d. of true change that the score before does not foretell", _POINTS),
    "control_sd": ("g", "s.d. of what the controls add to the change", _POINTS),
}


def _anchoring(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    del options
    return ModelCard(
        "Targets set with a look at a later score",
        (
            "T_i = ( 1 − w ) ( X_{0} + k e_{0} ) + w ( H_{1} + k e_{1} ) + a_i",
            "a_i ~ Normal ( d , s )",
            "X_{1} = H_{1} + b ( T_i − X_{0} )",
            "Y_t = X_t + e_t",
        ),
        "T is the target of an area, X its true score, H its later score had it had no target, e the error of a survey and Y the score "
        "that was measured. Stretch and change are made from T and Y. No area is known: the data are the printed statistics S of all "
        "areas, whose distribution is learnt from simulated studies (a synthetic likelihood).",
        tuple(PriorNote(*_MEANINGS[name], prior) for name, prior in priors.items()),
    )


_CARDS: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], ModelCard | None]] = {
    "anchoring": _anchoring,
    "cohesion": _cohesion,
    "meta": _meta,
    "published": _published,
    "success": _success,
}
