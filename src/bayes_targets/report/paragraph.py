"""A paragraph to paste into a report: question, model, priors, result, thresholds, and how to cite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .cards import model_card
from .result import Result

_HOW = {
    "exact": "computed exactly",
    "nuts": "sampled by NUTS",
    "smc": "sampled by sequential Monte Carlo",
}
_USED = ("python", "numpy", "xarray")


def paragraph_of(result: Result, question: str) -> str:
    """The paragraph of a result whose analysis has none of its own; empty where nothing was fitted."""
    attrs = next((tree.attrs for tree in result.posteriors.values()), {})
    card = model_card(attrs)
    if card is None:
        return ""
    priors = [
        f"Prior of the {note.meaning.removeprefix('the ')}: {note.prior} ({note.unit})."
        for note in card.priors
    ]
    return " ".join(
        [
            question,
            f"Model: {card.title}.",
            *priors,
            result.answer,
            *result.points,
            computed_and_cited(attrs, "the source of the data"),
        ]
    )


def computed_and_cited(attrs: Mapping[Any, Any], source: str) -> str:
    """How a posterior with these attrs was computed and put in words, with what, and what to cite."""
    versions = json.loads(attrs.get("versions", "{}"))
    ours = f"bayes_targets {versions.get('bayes-targets', '')}"
    used = ", ".join([ours, *(f"{name} {versions[name]}" for name in _USED if name in versions)])
    return (
        "Probabilities were put in words by the IPCC's scale (Mastrandrea et al. 2010). "
        f"The posterior was {_HOW.get(str(attrs.get('engine')), 'computed')} with {used}. "
        f"To cite: The bayes_targets developers, {ours}; and {source}."
    )
