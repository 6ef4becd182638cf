"""The cards of `published_model` and `meta_model`."""

from __future__ import annotations

from collections.abc import Mapping

from .card import ModelCard, PriorNote

_UNIT = "units of the outcome, for one unit of the term"
_SCALED = "units of the outcome, for one s.d. of the predictor (or from 0 to 1)"


def published_card(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard:
    """Describe a posterior of `published_model`."""
    scaled, errors = bool(options.get("scaled")), options.get("errors", "normal")
    effect = "θ_k d_k" if scaled else "θ_k"
    own = PriorNote(
        effect, "true effect of a term that is not pooled", _SCALED if scaled else _UNIT, priors["effect"]
    )
    error, where = _error(errors)
    scale = (
        " and d the scale of its predictor; a term without a scale, such as the constant, has a flat prior"
        if scaled
        else ""
    )
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
    share = PriorNote(
        "r",
        "variance of the reference's error, as a share of the smallest printed variance",
        "share, 0 to 1",
        priors["reference_share"],
    )
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
        (spread, share, own),
    )


_SELECTED = {
    "steps": "An estimate is printed with a probability w that depends on the bin of its p-value; the most significant have 1.",
    "pet": "Estimates rise with their standard error, towards the favourable side; μ is what a study without error would find.",
    "peese": "Estimates rise with their variance, towards the favourable side; μ is what a study without error would find.",
}
_BIAS = {"pet": " + β s_k", "peese": " + β s_k^2"}


def meta_card(options: Mapping[str, str], priors: Mapping[str, str]) -> ModelCard | None:
    """Describe a posterior of `meta_model`."""
    unit = f"logs of the {options['ratio']}" if options.get("ratio") else "units of the outcome"
    selection = options.get("selection", "none")
    where = "y is what study k printed and s its standard error, taken as known."
    if options["pooling"] == "none":
        return ModelCard(
            "Several evaluations, each by itself",
            ("y_k ~ Normal ( θ_k , s_k )",),
            where,
            (PriorNote("θ_k", "effect of each study", unit, priors["mu"]),),
        )
    notes = [PriorNote("μ", "mean of the effects", unit, priors["mu"])]
    if options["pooling"] == "partial":
        notes.append(PriorNote("τ", "s.d. of the effects", unit, priors["tau"]))
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
    )


def _error(errors: str) -> tuple[str, str]:
    """The line of the printed estimate in the equation, and what its signs mean beside b and s."""
    if errors == "normal":
        return "b_k ~ Normal ( θ_k , s_k )", ""
    if errors == "normal, with known covariance":
        return "b ~ Normal ( θ , Σ )", ", Σ the known covariance of the estimates"
    if errors.endswith("covariance"):
        return (
            "b ~ StudentT ( ν , θ , Σ )",
            ", Σ the known covariance of the estimates, ν the degrees of freedom",
        )
    line = "b_k ~ StudentT ( ν_k , θ_k , s_k )"
    return line, ", ν its degrees of freedom" + (
        " (normal where they are not known)" if "normal" in errors else ""
    )
