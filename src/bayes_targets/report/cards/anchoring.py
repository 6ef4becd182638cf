"""The card of `anchoring_model`."""

from __future__ import annotations

from collections.abc import Mapping

from .card import ModelCard, Node, PriorNote

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
    """Describe a posterior of how targets were set and what they caused.

    Parameters
    ----------
    options : mapping of str to str
        Of the model; not needed here.
    priors : mapping of str to str
        Name of the prior to its distribution.

    Returns
    -------
    ModelCard
    """
    del options
    area = "area i"
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
        (
            Node("X_06", "parameter", 0.6, 1, area),
            Node("H_08", "parameter", 2.2, 1, area, ("X_06",)),
            Node("T", "parameter", 1.4, 2, area, ("X_06", "H_08", "w", "k", "a")),
            Node("a", "parameter", 0.2, 2, area),
            Node("X_08", "parameter", 2.8, 2.2, area, ("H_08", "T", "b")),
            Node("w", "parameter", 1.0, 0),
            Node("k", "parameter", 1.8, 0),
            Node("b", "parameter", 4.0, 2.2),
            Node("S", "observed", 1.4, 3.4, "", ("T", "X_06", "X_08")),
        ),
    )
