"""The probability of each published claim, from posterior draws, and what that means in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError, did_you_mean
from ..readers.package import Study

COLUMNS = (
    "claim",
    "estimand",
    "published",
    "probability",
    "reading",
    "sceptical",
    "anchored",
    "multiverse_low",
    "multiverse_high",
    "at_worst",
)
_UNDER = {
    "probability": "default prior",
    "sceptical": "sceptical prior",
    "anchored": "targets set after the fact",
    "multiverse_low": "least favourable specification",
}

# The calibrated language of the IPCC (Mastrandrea et al. 2010): words for probabilities, a wording that readers of
# assessments know. Upper ends of the bands; a probability takes the first band that holds it.
SCALE = (
    (0.01, "exceptionally unlikely"),
    (0.10, "very unlikely"),
    (0.33, "unlikely"),
    (0.66, "about as likely as not"),
    (0.90, "likely"),
    (0.99, "very likely"),
    (1.00, "virtually certain"),
)

_REFERENCE = re.compile(
    r"(?:(?P<function>max_abs|max|min)\()?"
    r"\s*(?P<posterior>[\w.]+):(?P<variable>\w+)(?:\[(?P<labels>[^\]]*)\])?\s*(?P<close>\))?"
)
_REDUCE = {
    "max_abs": lambda x: np.abs(x).max("label"),
    "max": lambda x: x.max("label"),
    "min": lambda x: x.min("label"),
}


@dataclass(frozen=True)
class Headline:
    """One answer for a reader in a hurry: the first page of a run shows it with its probability.

    Attributes
    ----------
    text : str
        What is claimed, a short sentence.
    probability : float or None
        Posterior probability that it holds; None where the data cannot tell.
    reading : str
        The probability in words.
    note : str
        What one must know to read it rightly.
    """

    text: str
    probability: float | None
    reading: str
    note: str = ""


def judge_claims(
    study: Study,
    posteriors: Mapping[str, xr.DataTree],
    *,
    sceptical: Mapping[str, xr.DataTree] | None = None,
    anchored: Mapping[str, xr.DataTree] | None = None,
    multiverse: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """How probable each published claim is, and how far that depends on who asks.

    Parameters
    ----------
    study : Study
        Its ``claims`` say of each claim which estimand would make it true, and above, below or within what.
    posteriors : mapping of str to xarray.DataTree
        The posteriors that the estimands name, e.g. ``{"model_2": posterior}``.
    sceptical : mapping of str to xarray.DataTree, optional
        Posteriors under a sceptical prior, by the same names.
    anchored : mapping of str to xarray.DataTree, optional
        Posteriors by the same names from a model in which targets may have been set after the fact; it applies to the claims
        that name one of them. Posteriors that such a claim names beside them are the default ones.
    multiverse : mapping of str to pandas.DataFrame, optional
        By the reference as the estimands write it, e.g. ``"model_2:effect[LAA (target on)]"``: what `multiverse` gives as
        ``table``. It applies to the claims whose estimand is just that.

    Returns
    -------
    pandas.DataFrame
        Indexed by the claim's ``id``; columns ``claim`` (in our words), ``estimand`` (with its threshold),
        ``published`` (the printed reading), ``probability`` (posterior probability that the claim holds; NaN where it
        cannot be judged) and ``reading`` (in words, on the scale of `words_for`); ``sceptical`` and ``anchored``, the
        probability under these; ``multiverse_low`` and ``multiverse_high``, the smallest and the largest over all
        specifications that passed; NaN where they do not apply; and ``at_worst``: the smallest of all these in words, and
        what gives it. A probability of more than 0 in one specification is the share of its draws; of another threshold,
        that of a normal distribution with the specification's mean and standard deviation.

    Raises
    ------
    DataError
        If an estimand is malformed, or names a variable or label that its posterior does not have. A posterior that
        was not handed in is no error: the claim is then read as not judged.
    """
    records: list[dict[str, Any]] = study.claims.to_dict("records")  # type: ignore[assignment]
    rows = {}
    for claim in records:
        row = dict(zip(COLUMNS[:5], _judge(claim, posteriors), strict=True))
        row["sceptical"] = _probability(claim, sceptical or {})
        row["anchored"] = _anchored(claim, posteriors, anchored or {})
        low, high = _range(claim, multiverse or {})
        row |= {"multiverse_low": low, "multiverse_high": high}
        rows[claim["id"]] = row | {"at_worst": _at_worst(row)}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    numbers = ["probability", "sceptical", "anchored", "multiverse_low", "multiverse_high"]
    return table.astype(dict.fromkeys(numbers, float)).rename_axis("id")


def headlines(ledger: pd.DataFrame, notes: Mapping[str, str]) -> tuple[Headline, ...]:
    """The claims that a reader in a hurry sees first.

    Parameters
    ----------
    ledger : pandas.DataFrame
        Indexed by the claim's ``id``, from `judge_claims`.
    notes : mapping of str to str
        Id of each such claim to what one must know to read it rightly, in the order in which they are shown.

    Returns
    -------
    tuple of Headline
        Without a probability where the tables cannot decide.

    Raises
    ------
    DataError
        If the ledger has no such claim.

    Examples
    --------
    >>> ledger = pd.DataFrame({"claim": ["It rose."], "probability": [0.92], "reading": ["very likely"]}, index=["up"])
    >>> headlines(ledger, {"up": "From two scores."})
    (Headline(text='It rose.', probability=0.92, reading='very likely', note='From two scores.'),)
    """
    told = []
    for claim, note in notes.items():
        if claim not in ledger.index:
            raise DataError(
                f"claims: no claim {claim!r}, {did_you_mean(claim, [str(c) for c in ledger.index])}"
            )
        row: Mapping[Any, Any] = ledger.loc[[claim]].to_dict("records")[0]
        known = not pd.isna(row["probability"])
        probability = float(row["probability"]) if known else None
        told.append(
            Headline(
                str(row["claim"]), probability, str(row["reading"]) if known else "cannot be judged", note
            )
        )
    return tuple(told)


def words_for(probability: float) -> str:
    """The words for a probability: the calibrated scale of the IPCC's assessment reports.

    Parameters
    ----------
    probability : float
        Between 0 and 1.

    Returns
    -------
    str
        From "exceptionally unlikely" (at most 1%) over "about as likely as not" (33 to 66%) to "virtually certain"
        (more than 99%).

    Examples
    --------
    >>> words_for(0.92), words_for(0.5), words_for(0.004)
    ('very likely', 'about as likely as not', 'exceptionally unlikely')
    """
    if not 0 <= probability <= 1:
        raise DataError(f"probability is {probability!r}, expected a number from 0 to 1")
    return next(words for upper, words in SCALE if probability <= upper)


def probability_text(probability: float) -> str:
    """A probability with two decimals, never rounded to an impossible certainty.

    Parameters
    ----------
    probability : float
        Between 0 and 1.

    Returns
    -------
    str

    Examples
    --------
    >>> probability_text(0.927), probability_text(1.0), probability_text(0.0)
    ('0.93', '> 0.99', '< 0.01')
    """
    return "> 0.99" if probability > 0.995 else "< 0.01" if probability < 0.005 else f"{probability:.2f}"


def estimand_draws(expression: str, posteriors: Mapping[str, xr.DataTree]) -> xr.DataArray:
    """Posterior draws of an estimand.

    Parameters
    ----------
    expression : str
        ``posterior:variable[label]``, the label left out for a scalar; several labels as ``[a; b]`` inside
        ``max_abs(...)``, ``max(...)`` or ``min(...)``; and a difference of two such, as ``a - b``.
    posteriors : mapping of str to xarray.DataTree
        By the names used in the expression.

    Returns
    -------
    xarray.DataArray
        Dims ``chain`` and ``draw``. In a difference of two posteriors that were sampled apart, draws are paired as
        they come, which is right because they are independent.

    Raises
    ------
    DataError
        If the expression cannot be read or names what is not there.

    Examples
    --------
    >>> draws = xr.DataArray([[[1.0, -3.0]]], dims=("chain", "draw", "term"), coords={"term": ["a", "b"]})
    >>> tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"effect": draws})})
    >>> estimand_draws("max_abs(m:effect[a; b]) - m:effect[a]", {"m": tree}).item()
    2.0
    """
    first, sign, second = _split(expression)
    value = _reference_draws(first, expression, posteriors)
    return value - _reference_draws(second, expression, posteriors) if sign else value


def posteriors_named(expression: str) -> list[str]:
    """Names of the posteriors that an estimand needs, in order, e.g. ``["model_2"]``."""
    return list(dict.fromkeys(match["posterior"] for match in _REFERENCE.finditer(expression)))


def _judge(claim: Mapping[str, Any], posteriors: Mapping[str, xr.DataTree]) -> tuple[object, ...]:
    expression, direction = str(claim["estimand"] or ""), str(claim["direction"])
    head = (claim["claim"], _in_words(claim), claim["published"])
    if direction == "none" or not expression:
        return *head, np.nan, f"cannot be judged from the tables: {claim['true_if']}"
    absent = [name for name in posteriors_named(expression) if name not in posteriors]
    if absent:
        return *head, np.nan, f"not judged: needs the posterior {absent[0]!r}"
    probability = _probability(claim, posteriors)
    return *head, probability, words_for(probability)


def _probability(claim: Mapping[str, Any], posteriors: Mapping[str, xr.DataTree]) -> float:
    """Share of the draws where a claim holds; NaN where it cannot be judged."""
    expression, direction = str(claim["estimand"] or ""), str(claim["direction"])
    if direction == "none" or not expression:
        return np.nan
    if any(name not in posteriors for name in posteriors_named(expression)):
        return np.nan
    draws = estimand_draws(expression, posteriors)
    low, high = float(claim["threshold"]), float(claim["threshold_high"])
    holds = {"above": draws > low, "below": draws < low, "within": (draws > low) & (draws < high)}[direction]
    return float(holds.mean())


def _anchored(
    claim: Mapping[str, Any], posteriors: Mapping[str, xr.DataTree], anchored: Mapping[str, xr.DataTree]
) -> float:
    if not set(posteriors_named(str(claim["estimand"] or ""))) & set(anchored):
        return np.nan
    return _probability(claim, {**posteriors, **anchored})


def _range(claim: Mapping[str, Any], multiverse: Mapping[str, pd.DataFrame]) -> tuple[float, float]:
    """Smallest and largest probability of a claim over the specifications that passed."""
    if claim["estimand"] not in multiverse or claim["direction"] == "none":
        return np.nan, np.nan
    table = multiverse[claim["estimand"]]
    passed = table[table["passed"].astype(bool)]
    if passed.empty:
        return np.nan, np.nan
    low, high = float(claim["threshold"]), float(claim["threshold_high"])
    above = _share_above(passed, low)
    beyond = _share_above(passed, high) if claim["direction"] == "within" else 0.0
    holds = 1.0 - above if claim["direction"] == "below" else above - beyond
    return float(np.min(holds)), float(np.max(holds))


def _share_above(table: pd.DataFrame, threshold: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    from scipy import special

    if threshold == 0:
        return table["prob_positive"].to_numpy(float)
    mean, sd = table["mean"].to_numpy(float), table["sd"].to_numpy(float)
    return np.asarray(special.ndtr((mean - threshold) / sd))


def _at_worst(row: Mapping[str, Any]) -> str:
    found = {name: float(row[name]) for name in _UNDER if not np.isnan(float(row[name]))}
    if not found:
        return ""
    least = min(found, key=lambda name: found[name])
    return f"{words_for(found[least])} ({_UNDER[least]})"


def _in_words(claim: Mapping[str, Any]) -> str:
    expression, direction = claim["estimand"], claim["direction"]
    if not expression or direction == "none":
        return ""
    if direction == "within":
        return f"{expression} between {claim['threshold']:g} and {claim['threshold_high']:g}"
    return f"{expression} {direction} {claim['threshold']:g}"


def _split(expression: str) -> tuple[str, str, str]:
    """Both sides of a difference; labels may themselves hold hyphens, so look for it only between references."""
    matches = list(_REFERENCE.finditer(expression))
    if len(matches) == 1 and matches[0].span() == (0, len(expression)):
        return expression, "", ""
    if len(matches) == 2 and expression[matches[0].end() : matches[1].start()].strip() in ("-", ""):
        between = expression[matches[0].start() : matches[1].start()]
        if between.rstrip().endswith("-") and matches[1].end() == len(expression):
            return matches[0].group().strip(), "-", matches[1].group().strip()
    raise DataError(
        f"estimand {expression!r} cannot be read, expected posterior:variable[label], optionally inside "
        "max_abs(), max() or min(), or a difference of two such"
    )


def _reference_draws(text: str, expression: str, posteriors: Mapping[str, xr.DataTree]) -> xr.DataArray:
    match = _REFERENCE.fullmatch(text)
    if match is None or bool(match["function"]) != bool(match["close"]):
        raise DataError(f"estimand {expression!r}: {text!r} cannot be read")
    if match["posterior"] not in posteriors:
        hint = did_you_mean(match["posterior"], list(posteriors))
        raise DataError(f"estimand {expression!r}: no posterior {match['posterior']!r}, {hint}")
    group = posteriors[match["posterior"]]["posterior"].to_dataset()
    if match["variable"] not in group:
        hint = did_you_mean(match["variable"], [str(name) for name in group.data_vars])
        raise DataError(f"estimand {expression!r}: no variable {match['variable']!r}, {hint}")
    variable = group[match["variable"]]
    own = [dim for dim in variable.dims if dim not in ("chain", "draw")]
    labels = [label.strip() for label in match["labels"].split(";")] if match["labels"] is not None else []
    if len(own) != min(len(labels), 1):
        raise DataError(
            f"estimand {expression!r}: {match['variable']!r} has dims {own}, expected one label a dim"
        )
    if not own:
        return variable
    known = [str(label) for label in variable[own[0]].to_numpy()]
    for label in labels:
        if label not in known:
            raise DataError(f"estimand {expression!r}: no label {label!r}, {did_you_mean(label, known)}")
    chosen = variable.rename({own[0]: "label"}).assign_coords(label=known).sel(label=labels)
    if match["function"]:
        reduced: xr.DataArray = _REDUCE[match["function"]](chosen)
        return reduced
    if len(labels) > 1:
        raise DataError(
            f"estimand {expression!r}: several labels, expected them inside max_abs(), max() or min()"
        )
    return chosen.isel(label=0, drop=True)
