"""The cards of `cohesion_model` and `anchoring_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..cells import capital
from ..words import Words
from .card import POOLED, ModelCard, PriorNote


def cohesion_card(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    """Describe a posterior of single units, in the analysis' own `words` where its options have them."""
    words = Words.read(options.get("words"), options)
    by_type, heavy, effect = (
        options["slopes"] == "by_type",
        options["noise"] == "student_t",
        options["effect"],
    )
    slope = "" if effect is None else " + β_{j [ i ]} t_i" if by_type else " + β t_i"
    error = "StudentT ( ν , 0 , σ )" if heavy else "Normal ( 0 , σ )"
    lines = [f"y_i = α_{{j [ i ]}}{slope} + γ x_i + ε_i", f"ε_i ~ {error}"]
    unit, what, group = words.measure, words.what, words.group
    notes = {
        "partial": [
            PriorNote("μ", f"{what}, average {group}", unit, priors["mu"]),
            PriorNote("τ", f"s.d. between {words.groups}", unit, priors["tau"]),
        ],
        "complete": [PriorNote("μ", f"{what}, every {group}", unit, priors["mu"])],
        "none": [PriorNote("α_j", f"{what} of each {group} by itself", unit, priors["intercept"])],
    }[options["pooling"]]
    lines += {
        "partial": ["α_j ~ Normal ( μ , τ )"],
        "complete": ["α_j = μ"],
        "none": [f'α_j ~ "{priors["intercept"]}"'],
    }[options["pooling"]]
    if effect is not None:
        kind = words.target if effect == "target" else "a point of stretch"
        notes.append(PriorNote("β", f"slope of {kind}", unit, priors["effect"]))
    if by_type:
        lines.append("β_j ~ Normal ( β , ω )")
        notes.append(PriorNote("ω", f"s.d. of the slope between {words.groups}", unit, priors["tau_effect"]))
    notes += [
        PriorNote("γ", "slope of each control, for one s.d.", unit, priors["coefficient"]),
        PriorNote("σ", "s.d. (scale) of the noise", unit, priors["sigma"]),
    ]
    if heavy:
        notes.append(
            PriorNote("ν − 1", "degrees of freedom of the noise, less one", "number", priors["nu_minus_one"])
        )
    known = {"target": f"t whether it has {words.target}, ", "stretch": "t its stretch, "}.get(
        str(effect), ""
    )
    where = f"y is the {what} of {words.unit} i in {unit}, j its {group}, {known}and x its controls less their means, if there are any."
    if options["measurement_error"]:
        where += (
            " Both scores carry the sampling error that was given; the change is that of the true scores."
        )
    return ModelCard(
        f"{capital(words.units)} by {group}, {POOLED[options['pooling']]}"
        + (f", slopes by {group}" if by_type else ""),
        tuple(lines),
        where,
        tuple(notes),
    )


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


def anchoring_card(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard:
    """Describe a posterior of `anchoring_model`."""
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
