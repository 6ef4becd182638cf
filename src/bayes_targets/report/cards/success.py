"""The card of `success_model`."""

from __future__ import annotations

from collections.abc import Mapping

from .card import POOLED, ModelCard, Node, PriorNote


def success_card(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard | None:
    """Describe a posterior of shares from counts.

    Parameters
    ----------
    options : mapping of str to str
        Of the model: ``outcome``, ``pooling`` and, for the binomial, ``success``.
    priors : mapping of str to str
        Name of the prior to its distribution.

    Returns
    -------
    ModelCard or None
        None for an outcome that has no card.
    """
    makers = {"binomial": _binomial, "ordinal": _ordinal, "multinomial": _multinomial}
    make = makers.get(options["outcome"])
    return None if make is None else make(options, priors)


def _areas(options: Mapping[str, str], priors: Mapping[str, str]) -> tuple[str, list[PriorNote], list[Node]]:
    """Line of the equation, priors and nodes of how areas differ, which the three outcomes share."""
    mu = PriorNote("μ", "typical area", "log-odds", priors["mu"])
    tau = PriorNote("τ", "s.d. between areas", "log-odds", priors["tau"])
    if options["pooling"] == "partial":
        nodes = [
            Node("μ", "parameter", 0, 0),
            Node("τ", "parameter", 1, 0),
            Node("η", "parameter", 0.5, 1, "area j", ("μ", "τ")),
        ]
        return "η_j ~ Normal ( μ , τ )", [mu, tau], nodes
    if options["pooling"] == "complete":
        note = PriorNote("μ", "every area", "log-odds", priors["mu"])
        return (
            "η_j = μ",
            [note],
            [Node("μ", "parameter", 0.5, 0), Node("η", "derived", 0.5, 1, "area j", ("μ",))],
        )
    own = PriorNote("η_j", "each area by itself", "log-odds", priors["share"])
    return f'η_j ~ "{priors["share"]}"', [own], [Node("η", "parameter", 0.5, 1, "area j")]


def _binomial(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard:
    line, notes, nodes = _areas(options, priors)
    return ModelCard(
        f"Shares from counts, binomial, {POOLED[options['pooling']]}",
        ("y_j ~ Binomial ( n_j , p_j )", "logit ( p_j ) = η_j", line),
        f"y is the number of targets of area j that count as success ({options.get('success') or 'the best status'}), n the number of "
        "its targets.",
        tuple(notes),
        (
            *nodes,
            Node("n", "known", 1.5, 1, "area j"),
            Node("y", "observed", 1, 2, "area j", ("η", "n")),
        ),
    )


def _ordinal(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard:
    line, notes, nodes = _areas(options, priors)
    return ModelCard(
        f"Shares from counts, cumulative logit, {POOLED[options['pooling']]}",
        ("y_j ~ Multinomial ( n_j , p_j )", 'logit P ( "status k or better" ) = η_j − c_k', line),
        "y are the targets of area j by status, n their number; the cutpoints c lie between the statuses and are the same in all areas, "
        "so that one effect moves an area along all statuses. The cutpoint to the best status is taken up by μ.",
        (
            *notes,
            PriorNote(
                "split", "next status, of those that lack the better ones", "log-odds", priors["split"]
            ),
        ),
        (
            *nodes,
            Node("c", "parameter", 1.5, 0, "status k"),
            Node("n", "known", 1.5, 1, "area j"),
            Node("y", "observed", 1, 2, "area j", ("η", "n", "c")),
        ),
    )


def _multinomial(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard:
    line, notes, nodes = _areas(options, priors)
    return ModelCard(
        f"Shares from counts, multinomial, {POOLED[options['pooling']]}",
        (
            "y_j ~ Multinomial ( n_j , p_j )",
            'logit P ( "k, of k or worse" ) = η_{jk}',
            line.replace("η_j", "η_{jk}"),
        ),
        "y are the targets of area j by status, n their number; every split between statuses has an effect of its own, and with partial "
        "pooling the effects of an area are correlated.",
        (
            *notes,
            PriorNote(
                "split", "next status, of those that lack the better ones", "log-odds", priors["split"]
            ),
            PriorNote("R", "correlation of effects, moved to 0 to 1", "share, 0 to 1", priors["correlation"]),
        ),
        (*nodes, Node("n", "known", 1.5, 1, "area j"), Node("y", "observed", 1, 2, "area j", ("η", "n"))),
    )
