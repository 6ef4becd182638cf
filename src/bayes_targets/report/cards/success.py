"""The card of `success_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..words import CountWords
from .card import POOLED, ModelCard, PriorNote


def success_card(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard | None:
    """Describe a posterior of `success_model`, in the analysis' own `words` where its options have them."""
    makers = {"binomial": _binomial, "ordinal": _ordinal, "multinomial": _multinomial}
    make = makers.get(options["outcome"])
    return None if make is None else make(options, priors)


def _areas(options: Mapping[str, Any], priors: Mapping[str, str]) -> tuple[str, list[PriorNote]]:
    """Line of the equation and priors of how areas differ, which the three outcomes share."""
    words = _words(options)
    mu = PriorNote("μ", f"typical {words.area}", "log-odds", priors["mu"])
    tau = PriorNote("τ", f"s.d. between {words.areas}", "log-odds", priors["tau"])
    if options["pooling"] == "partial":
        return "η_j ~ Normal ( μ , τ )", [mu, tau]
    if options["pooling"] == "complete":
        note = PriorNote("μ", f"every {words.area}", "log-odds", priors["mu"])
        return "η_j = μ", [note]
    own = PriorNote("η_j", f"each {words.area} by itself", "log-odds", priors["share"])
    return f'η_j ~ "{priors["share"]}"', [own]


def _binomial(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    line, notes = _areas(options, priors)
    words = _words(options)
    return ModelCard(
        f"Shares from counts, binomial, {POOLED[options['pooling']]}",
        ("y_j ~ Binomial ( n_j , p_j )", "logit ( p_j ) = η_j", line),
        f"y is the number of {words.items} of {words.area} j that count as success "
        f"({' or '.join(options.get('success') or ['the best status'])}), n the number of its {words.items}.",
        tuple(notes),
    )


def _ordinal(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    line, notes = _areas(options, priors)
    words = _words(options)
    return ModelCard(
        f"Shares from counts, cumulative logit, {POOLED[options['pooling']]}",
        ("y_j ~ Multinomial ( n_j , p_j )", 'logit P ( "status k or better" ) = η_j − c_k', line),
        f"y are the {words.items} of {words.area} j by status, n their number; the cutpoints c lie between the statuses and are the same "
        f"in all {words.areas}, so that one effect moves a {words.area} along all statuses. The cutpoint to the best status is taken up "
        "by μ.",
        (
            *notes,
            PriorNote(
                "split", "next status, of those that lack the better ones", "log-odds", priors["split"]
            ),
        ),
    )


def _multinomial(options: Mapping[str, Any], priors: Mapping[str, str]) -> ModelCard:
    line, notes = _areas(options, priors)
    words = _words(options)
    return ModelCard(
        f"Shares from counts, multinomial, {POOLED[options['pooling']]}",
        (
            "y_j ~ Multinomial ( n_j , p_j )",
            'logit P ( "k, of k or worse" ) = η_{jk}',
            line.replace("η_j", "η_{jk}"),
        ),
        f"y are the {words.items} of {words.area} j by status, n their number; every split between statuses has an effect of its own, and "
        f"with partial pooling the effects of a {words.area} are correlated.",
        (
            *notes,
            PriorNote(
                "split", "next status, of those that lack the better ones", "log-odds", priors["split"]
            ),
            PriorNote("R", "correlation of effects, moved to 0 to 1", "share, 0 to 1", priors["correlation"]),
        ),
    )


def _words(options: Mapping[str, Any]) -> CountWords:
    return CountWords(**options["words"]) if options.get("words") else CountWords()
