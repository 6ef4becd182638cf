"""The card of `cohesion_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..words import Words, capital
from .card import POOLED, ModelCard, Node, PriorNote


def cohesion_card(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    """Describe a posterior of single units.

    Parameters
    ----------
    options : mapping of str to object
        Of the model: ``effect``, ``pooling``, ``slopes``, ``noise`` and ``measurement_error``; and ``words``, where the
        analysis has its own.
    priors : mapping of str to str
        Name of the prior to its distribution.

    Returns
    -------
    ModelCard
    """
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
        _graph(options["pooling"], by_type, effect is not None),
    )


def _graph(pooling: str, by_type: bool, slope: bool) -> tuple[Node, ...]:
    above = {
        "partial": [Node("μ", "parameter", 0, 0), Node("τ", "parameter", 1, 0)],
        "complete": [Node("μ", "parameter", 0.5, 0)],
        "none": [],
    }[pooling]
    parents = tuple(node.symbol for node in above)
    kind = "derived" if pooling == "complete" else "parameter"
    slopes = (
        [
            Node("β", "parameter", 2, 0),
            Node("ω", "parameter", 3, 0),
            Node("β_j", "parameter", 2, 1, "type j", ("β", "ω")),
        ]
        if by_type
        else [Node("β", "parameter", 2, 1)]
        if slope
        else []
    )
    effect = ("β_j" if by_type else "β",) if slope else ()
    known = (Node("t", "known", 0.8, 2.3, "unit i"),) if slope else ()
    return (
        *above,
        *slopes,
        Node("α_j", kind, 0.5, 1, "type j", parents),
        Node("γ", "parameter", 3.2, 1),
        Node("σ", "parameter", 4.2, 1),
        *known,
        Node("x", "known", 3.2, 2.3, "unit i"),
        Node(
            "y",
            "observed",
            2,
            2.3,
            "unit i",
            ("α_j", *effect, "γ", "σ", *(node.symbol for node in known), "x"),
        ),
    )
