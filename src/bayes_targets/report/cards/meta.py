"""The card of `meta_model`."""

from __future__ import annotations

from collections.abc import Mapping

from .card import ModelCard, Node, PriorNote

_SELECTED = {
    "steps": "An estimate is printed with a probability w that depends on the bin of its p-value; the most significant have 1.",
    "pet": "Estimates rise with their standard error, towards the favourable side; μ is what a study without error would find.",
    "peese": "Estimates rise with their variance, towards the favourable side; μ is what a study without error would find.",
}
_BIAS = {"pet": " + β s_k", "peese": " + β s_k^2"}


def meta_card(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard | None:
    """Describe a posterior of several evaluations.

    Parameters
    ----------
    options : mapping of str to str
        Of the model: ``pooling``, ``selection`` and so on.
    priors : mapping of str to str
        Name of the prior to its distribution.

    Returns
    -------
    ModelCard or None
    """
    unit = f"logs of the {options['ratio']}" if options.get("ratio") else "units of the outcome"
    selection = options.get("selection", "none")
    where = "y is what study k printed and s its standard error, taken as known."
    if options["pooling"] == "none":
        return ModelCard(
            "Several evaluations, each by itself",
            ("y_k ~ Normal ( θ_k , s_k )",),
            where,
            (PriorNote("θ_k", "effect of each study", unit, priors["mu"]),),
            (Node("θ", "parameter", 0, 0, "study k"), Node("y", "observed", 0, 1, "study k", ("θ",))),
        )
    notes = [PriorNote("μ", "mean of the effects", unit, priors["mu"])]
    nodes = [Node("μ", "parameter", 0, 0), Node("s", "known", 1.5, 1, "study k")]
    if options["pooling"] == "partial":
        notes.append(PriorNote("τ", "s.d. of the effects", unit, priors["tau"]))
        nodes.append(Node("τ", "parameter", 1, 0))
    parents = ("μ", "τ") if options["pooling"] == "partial" else ("μ",)
    nodes += [
        Node("θ", "parameter", 0.5, 1, "study k", parents),
        Node("y", "observed", 1, 2, "study k", ("θ", "s")),
    ]
    if selection in _BIAS:
        notes.append(
            PriorNote("β", "slope on the error, towards the favourable side", "0 or more", priors["slope"])
        )
    if selection == "steps":
        prior = priors["weight"] if priors["weight"] != "None" else "cumulative Dirichlet(1, ..., 1)"
        notes.append(PriorNote("w", "probability of print relative to the most significant", "0 to 1", prior))
    effects = "θ_k ~ Normal ( μ , τ )" if options["pooling"] == "partial" else "θ_k = μ"
    return ModelCard(
        "Several evaluations, "
        + ("partially pooled" if options["pooling"] == "partial" else "one effect for all"),
        (f"y_k ~ Normal ( θ_k{_BIAS.get(selection, '')} , s_k )", effects),
        f"{where} {_SELECTED.get(selection, '')}".strip(),
        tuple(notes),
        tuple(nodes),
    )
