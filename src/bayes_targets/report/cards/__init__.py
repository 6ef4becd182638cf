"""What a page tells of each model, from the name, options and priors that its posterior carries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .card import ModelCard, PriorNote, mathml
from .cohesion import anchoring_card, cohesion_card
from .published import meta_card, published_card
from .success import success_card

__all__ = ["ModelCard", "PriorNote", "mathml", "model_card"]

_CARDS: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], ModelCard | None]] = {
    "anchoring": anchoring_card,
    "cohesion": cohesion_card,
    "meta": meta_card,
    "published": published_card,
    "success": success_card,
}


def model_card(attrs: Mapping[Any, Any]) -> ModelCard | None:
    """The card of the model that a posterior with these attrs is of; None where it has none, such as a user's own."""
    make = _CARDS.get(str(attrs.get("model")))
    if make is None or "options" not in attrs or "priors" not in attrs:
        return None
    options, priors = json.loads(attrs["options"]), json.loads(attrs["priors"])
    if attrs.get("words"):
        options["words"] = json.loads(attrs["words"])
    return make(options, priors)
