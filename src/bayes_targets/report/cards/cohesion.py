"""The card of `cohesion_model`."""

from __future__ import annotations

from collections.abc import Mapping

from .card import POOLED, ModelCard, Node, PriorNote

_POINTS = "percentage points of change in the score"


def cohesion_card(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard:
    """Describe a posterior of authorities' change.

    Parameters
    ----------
    options : mapping of str to str
        Of the model: ``effect``, ``pooling``, ``slopes``, ``noise`` and ``measurement_error``.
    priors : mapping of str to str
        Name of the prior to its distribution.

    Returns
    -------
    ModelCard
    """
    by_type, heavy = options["slopes"] == "by_type", options["noise"] == "student_t"
    slope = "β_{j [ i ]}" if by_type else "β"
    error = "StudentT ( ν , 0 , σ )" if heavy else "Normal ( 0 , σ )"
    lines = [f"y_i = α_{{j [ i ]}} + {slope} t_i + γ x_i + ε_i", f"ε_i ~ {error}"]
    kind = "having a target" if options["effect"] == "target" else "a point of stretch"
    effect = PriorNote("β", f"slope of {kind}", _POINTS, priors["effect"])
    notes = {
        "partial": [
            PriorNote("μ", "change of the average type", _POINTS, priors["mu"]),
            PriorNote("τ", "s.d. between types", _POINTS, priors["tau"]),
        ],
        "complete": [PriorNote("μ", "change of every type", _POINTS, priors["mu"])],
        "none": [PriorNote("α_j", "change of each type by itself", _POINTS, priors["intercept"])],
    }[options["pooling"]]
    lines += {
        "partial": ["α_j ~ Normal ( μ , τ )"],
        "complete": ["α_j = μ"],
        "none": [f'α_j ~ "{priors["intercept"]}"'],
    }[options["pooling"]]
    notes = [*notes, effect]
    if by_type:
        lines.append("β_j ~ Normal ( β , ω )")
        notes.append(PriorNote("ω", "s.d. of the slope between types", _POINTS, priors["tau_effect"]))
    notes += [
        PriorNote("γ", "slope of each control, for one s.d.", _POINTS, priors["coefficient"]),
        PriorNote("σ", "s.d. (scale) of the noise", _POINTS, priors["sigma"]),
    ]
    if heavy:
        notes.append(
            PriorNote("ν − 1", "degrees of freedom of the noise, less one", "number", priors["nu_minus_one"])
        )
    where = "y is the change of authority i, j its type, t its target or stretch, and x its controls less their means, if there are any."
    if options["measurement_error"]:
        where += (
            " Both scores carry the sampling error that was given; the change is that of the true scores."
        )
    return ModelCard(
        f"Authorities by type, {POOLED[options['pooling']]}" + (", slopes by type" if by_type else ""),
        tuple(lines),
        where,
        tuple(notes),
        _graph(options["pooling"], by_type),
    )


def _graph(pooling: str, by_type: bool) -> tuple[Node, ...]:
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
    )
    return (
        *above,
        *slopes,
        Node("α_j", kind, 0.5, 1, "type j", parents),
        Node("γ", "parameter", 3.2, 1),
        Node("σ", "parameter", 4.2, 1),
        Node("t", "known", 0.8, 2.3, "authority i"),
        Node("x", "known", 3.2, 2.3, "authority i"),
        Node("y", "observed", 2, 2.3, "authority i", ("α_j", "β_j" if by_type else "β", "γ", "σ", "t", "x")),
    )
