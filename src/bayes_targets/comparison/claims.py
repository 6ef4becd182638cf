"""The probability of each published claim, from posterior draws, and what that means in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError, did_you_mean, require_kind, require_number, shown
from ..inference.convergence import mixing
from ..inference.quadrature.stratified import FloatArray, independent_pairs
from ..readers.claims import Claim, Estimand, Reference, parse_estimand, read_claims
from ..readers.package import Study

COLUMNS = (
    "claim", "tested", "estimand", "published", "probability", "reading", "lowest", "lowest_reading", "lowest_under", "lowest_error",
)  # fmt: skip
LEAST, MOST = "least favourable specification", "most favourable specification"
_DEFAULT = "default prior"
# A probability, and its simulation error.
_Judged = tuple[float, float]
_NOT_JUDGED: _Judged = (math.nan, 0.0)

# The calibrated language of the IPCC (Mastrandrea et al. 2010), each word with its range. A probability of at least 66% is likely,
# and so on up; one of at most 33% is unlikely, and so on down; so a boundary belongs to the stronger word.
SCALE = (
    ("virtually certain", "99% or more"),
    ("very likely", "90 to below 99%"),
    ("likely", "66 to below 90%"),
    ("about as likely as not", "between 33 and 66%"),
    ("unlikely", "33 down to above 10%"),
    ("very unlikely", "10 down to above 1%"),
    ("exceptionally unlikely", "1% or less"),
)
_AT_LEAST, _AT_MOST = (0.66, 0.90, 0.99), (0.33, 0.10, 0.01)
_NAMED = [f"{word}, {share}" for word, share in SCALE]
SCALE_KEY = (
    f"Words for probabilities (IPCC): {'; '.join(_NAMED[:4])}. Less than that: {'; '.join(_NAMED[4:])}."
)
_REDUCE = {
    "max_abs": lambda x: np.abs(x).max("label"),
    "max": lambda x: x.max("label"),
    "min": lambda x: x.min("label"),
}


@dataclass(frozen=True)
class Headline:
    """One answer for a reader in a hurry: the first page of a run shows it with its probability."""

    text: str  # what is claimed, a short sentence
    probability: float | None  # posterior probability that it holds; None where the data cannot tell
    reading: str  # the probability in words
    note: str = ""  # what one must know to read it rightly
    link: str = ""  # where its figure is, from the folder of the run


def judge_claims(
    study: Study,
    posteriors: Mapping[str, xr.DataTree],
    *,
    alternatives: Mapping[str, Mapping[str, xr.DataTree]] | None = None,
    multiverse: Mapping[str, pd.DataFrame] | None = None,
    probabilities: Mapping[str, Mapping[str, float | tuple[float, float]]] | None = None,
) -> pd.DataFrame:
    """How probable each published claim is, and how low its probability falls among the alternatives tried.

    Parameters
    ----------
    study : Study
        Its ``claims`` say of each claim which estimand would make it true, and above, below or within what.
    posteriors : mapping of str to xarray.DataTree
        The posteriors that the estimands name, e.g. ``{"model_2": posterior}``. One that is named for an evaluation of the study
        is also known by that evaluation's heading; names match in lower case with underscores (``"Model 2"`` is ``model_2``).
    alternatives : mapping of str to mapping of str to xarray.DataTree, optional
        Name of an alternative in words, e.g. ``"sceptical prior"``, to posteriors by the same names. An alternative applies to
        the claims that name one of its posteriors; what such a claim names beside them is taken from `posteriors`.
    multiverse : mapping of str to pandas.DataFrame, optional
        By the estimand as the claims write it, e.g. ``"model_2:effect[LAA (target on)]"``: what `multiverse` returns as
        ``table`` (a column ``prob_error`` is the simulation error). It applies to the claims whose estimand is just that.
    probabilities : mapping of str to mapping of str to float, optional
        Alternatives that were computed elsewhere: id of a claim to the name of an alternative to its probability, or to a
        probability and its simulation error.

    Returns
    -------
    pandas.DataFrame
        Indexed by the claim's ``id``; columns ``claim`` (in our words), ``tested`` (what would make it true), ``estimand`` (with
        its threshold), ``published`` (the printed reading), ``probability`` (posterior probability that what was tested
        holds; NaN where it cannot be judged), ``reading`` (in words, see `words_for`); ``lowest``, the lowest of that and of all
        alternatives tried, ``lowest_reading`` and ``lowest_under``, its words and its name (blank where none was tried), and
        ``lowest_error``, its simulation error (0 where it was computed exactly; a posterior without ``attrs["engine"]`` counts as
        simulated);
        then one column per alternative, NaN where it does not apply. A probability over specifications is the share of the
        draws above 0, and for other thresholds that of a normal distribution with the specification's mean and s.d.

    Raises
    ------
    DataError
        If a claim is malformed, or names a variable or label that its posterior does not have. A posterior that is not given
        is no error: the claim is then read as not judged.

    Examples
    --------
    >>> study = Study("mine", "A table", {}, pd.DataFrame([{"id": "up", "claim": "It rose.", "locator": "Table 1",
    ...     "estimand": "model_1:effect[target]", "direction": "above", "threshold": 0.0, "threshold_high": None,
    ...     "published": ".95 (.66)", "true_if": "The slope of having a target is above zero."}]))
    >>> def posterior(mean):
    ...     draws = mean + 0.66 * np.random.default_rng(1).standard_normal((4, 1000, 1))
    ...     effect = xr.DataArray(draws, dims=("chain", "draw", "term"), coords={"term": ["target"]})
    ...     return xr.DataTree.from_dict({"posterior": xr.Dataset({"effect": effect})})
    >>> ledger = judge_claims(study, {"model_1": posterior(0.95)}, alternatives={"sceptical prior": {"model_1": posterior(0.4)}})
    >>> ledger.loc["up", ["reading", "lowest_reading", "lowest_under"]].tolist()
    ['very likely', 'likely', 'sceptical prior']
    """
    require_kind("study", study, Study, "a Study, from load_study")
    require_kind("posteriors", posteriors, Mapping, "posteriors by name")
    posteriors = _by_every_name(study, posteriors)
    alternatives = {name: _by_every_name(study, trees) for name, trees in (alternatives or {}).items()}
    rows = {}
    names = [*alternatives]
    for each in (probabilities or {}).values():
        names += [name for name in each if name not in names]
    if multiverse:
        names += [LEAST, MOST]
    for claim in read_claims(study.claims, str(study.claims.attrs.get("file", "claims"))):
        found, reading = _judge(claim, posteriors)
        tried = dict.fromkeys(names, _NOT_JUDGED)
        for name, trees in alternatives.items():
            if claim.estimand and set(claim.estimand.posteriors) & set(trees):
                tried[name], _ = _judge(claim, {**posteriors, **trees})
        for name, given in (probabilities or {}).get(claim.id, {}).items():
            value, error = given if isinstance(given, tuple) else (given, 0.0)
            what = f"probability of {claim.id!r}, {name}"
            tried[name] = require_number(what, value, above=-1e-9, below=1 + 1e-9), error
        if multiverse:
            tried[LEAST], tried[MOST] = _range(claim, multiverse)
        head = (claim.claim, claim.true_if, claim.condition, claim.published, found[0], reading)
        rows[claim.id] = dict(zip(COLUMNS[:6], head, strict=True)) | _lowest(found, tried)
        rows[claim.id] |= {name: value for name, (value, _) in tried.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*COLUMNS, *names])
    return table.astype(dict.fromkeys(["probability", "lowest", "lowest_error", *names], float)).rename_axis(
        "id"
    )


def headlines(
    ledger: pd.DataFrame, notes: Mapping[str, str], links: Mapping[str, str] | None = None
) -> tuple[Headline, ...]:
    """The claims that a reader in a hurry sees first.

    Examples
    --------
    >>> ledger = pd.DataFrame({"claim": ["It rose."], "probability": [0.92], "reading": ["very likely"]}, index=["up"])
    >>> headlines(ledger, {"up": "From two scores."})
    (Headline(text='It rose.', probability=0.92, reading='very likely', note='From two scores.', link=''),)
    """
    found = []
    for claim, note in notes.items():
        if claim not in ledger.index:
            raise DataError(
                f"claims: no claim {claim!r}, {did_you_mean(claim, [str(c) for c in ledger.index])}"
            )
        row: Mapping[Any, Any] = ledger.loc[[claim]].to_dict("records")[0]
        known = not pd.isna(row["probability"])
        probability = float(row["probability"]) if known else None
        reading = str(row["reading"]) if known else "cannot be judged"
        link = (links or {}).get(claim, "")
        found.append(Headline(str(row["claim"]), probability, reading, note, link))
    return tuple(found)


def words_for(probability: float, *, error: float = 0.0) -> str:
    """The words for a probability: the calibrated scale of the IPCC's assessment reports.

    References
    ----------
    Mastrandrea et al. (2010), *Guidance Note for Lead Authors of the IPCC Fifth Assessment Report on Consistent Treatment of
    Uncertainties*.

    Examples
    --------
    >>> words_for(0.92), words_for(0.5), words_for(0.004)
    ('very likely', 'about as likely as not', 'exceptionally unlikely')
    >>> words_for(0.905, error=0.004)
    'very likely (within simulation error of likely)'
    """
    if not 0 <= probability <= 1:
        raise DataError(f"probability is {probability!r}, expected a number from 0 to 1")
    words = _words(probability)
    near = [_words(min(max(probability + step * error, 0.0), 1.0)) for step in (-2, 2)]
    others = [each for each in dict.fromkeys(near) if each != words]
    return f"{words} (within simulation error of {' and of '.join(others)})" if others else words


def adverb(words: str) -> str:
    """The words for a probability as they stand before a verb.

    Examples
    --------
    >>> adverb("virtually certain"), adverb("very likely")
    ('virtually certainly', 'very likely')
    """
    return words.replace("certain", "certainly")


def probability_text(probability: float) -> str:
    """A probability in digits that agree with its words, and never claim a certainty.

    Two decimals; a third where two would round it into the neighbouring word's range of the scale.

    Parameters
    ----------
    probability : float
        Between 0 and 1; a NaN gives the empty string.

    Returns
    -------
    str

    Examples
    --------
    >>> [probability_text(p) for p in (0.927, 0.9893, 0.991, 1.0, 0.0)]
    ['0.93', '0.989', '0.99', '> 0.99', '< 0.01']
    """
    return _digits(probability, 1, 2, "")


def percent_text(probability: float, *, error: float = 0.0) -> str:
    """A probability in per cent, in digits that agree with its words, with twice its simulation error where that shows.

    Examples
    --------
    >>> [percent_text(p) for p in (0.927, 0.9893, 0.991, 1.0, 0.6596)]
    ['93%', '98.9%', '99%', '> 99%', '< 66%']
    >>> percent_text(0.936, error=0.011)
    '94% ± 2'
    """
    if 2 * error >= 0.005:
        return f"{100 * probability:.0f}% \N{PLUS-MINUS SIGN} {200 * error:.0f}"
    return _digits(probability, 100, 0, "%")


def allowed_text(value: float, error: float, decimals: int = 2) -> str:
    """A number with no more digits than its simulation error allows: the last one is worth at least two errors.

    Examples
    --------
    >>> allowed_text(0.2431, 0.001), allowed_text(0.2431, 0.02), allowed_text(72.4, 1.8)
    ('0.24', '0.2', '70')
    """
    while 10.0**-decimals < 2 * error:
        decimals -= 1
    return f"{round(value, decimals) + 0.0:.{max(decimals, 0)}f}"


def estimand_draws(expression: str | Estimand, posteriors: Mapping[str, xr.DataTree]) -> xr.DataArray:
    """Posterior draws of an estimand.

    Examples
    --------
    >>> draws = xr.DataArray([[[1.0, -3.0]]], dims=("chain", "draw", "term"), coords={"term": ["a", "b"]})
    >>> tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"effect": draws})})
    >>> estimand_draws("max_abs(m:effect[a; b]) - m:effect[a]", {"m": tree}).item()
    2.0
    """
    estimand = parse_estimand(expression) if isinstance(expression, str) else expression
    value = _reference_draws(estimand.first, estimand, posteriors)
    if estimand.second is not None:
        other = _reference_draws(estimand.second, estimand, posteriors)
        apart = estimand.first.posterior != estimand.second.posterior
        exact = is_exact(*(posteriors[name] for name in estimand.posteriors))
        value = _difference(value, other, independent=apart and exact)
    if value.size == 0 or not np.isfinite(value.to_numpy().astype(float)).all():
        raise DataError(f"estimand {shown(estimand.text)} has draws that are not finite numbers, or none")
    return value


def is_exact(*posteriors: xr.DataTree) -> bool:
    """Whether all posteriors were solved exactly; one that does not say how it was computed counts as simulated."""
    return all(tree.attrs.get("engine") == "exact" for tree in posteriors)


def simulation_error(holds: xr.DataArray, *posteriors: xr.DataTree) -> float:
    """Monte Carlo standard error of the share of draws where something holds; 0 where all the posteriors are exact."""
    if is_exact(*posteriors):
        return 0.0
    values = holds.transpose("chain", "draw").to_numpy().astype(float)
    share = float(values.mean())
    if share in (0.0, 1.0) or values.shape[1] < 4:
        return 1 / values.size
    size = float(mixing(values).ess_bulk)
    return math.sqrt(share * (1 - share) / (size if math.isfinite(size) and size >= 1 else 1.0))


def _by_every_name(study: Study, posteriors: Mapping[str, xr.DataTree]) -> dict[str, xr.DataTree]:
    """The posteriors by their own names, and where these are free by how estimands write them and their evaluations' headings."""
    found = dict(posteriors)
    for name, tree in posteriors.items():
        evaluation = study.evaluations.get(name)
        heading = (evaluation.heading or "") if evaluation is not None else ""
        # "Table 2, Model 3" is also Model 3
        for alias in (name, heading, heading.rpartition(", ")[2]):
            found.setdefault(re.sub(r"\W+", "_", alias).strip("_").lower(), tree)
    return found


def _judge(claim: Claim, posteriors: Mapping[str, xr.DataTree]) -> tuple[_Judged, str]:
    """The probability of a claim with its simulation error, and its words."""
    if claim.estimand is None:
        return _NOT_JUDGED, f"cannot be judged from the tables: {claim.true_if}"
    absent = [name for name in claim.estimand.posteriors if name not in posteriors]
    if absent:
        return _NOT_JUDGED, f"not judged: needs the posterior {absent[0]!r}"
    draws = estimand_draws(claim.estimand, posteriors)
    holds = draws < claim.low if claim.direction == "below" else draws > claim.low
    if claim.direction == "within":
        holds = holds & (draws < claim.high)
    probability = float(holds.mean())
    error = simulation_error(holds, *(posteriors[name] for name in claim.estimand.posteriors))
    return (probability, error), words_for(probability, error=error)


def _range(claim: Claim, multiverse: Mapping[str, pd.DataFrame]) -> tuple[_Judged, _Judged]:
    """Smallest and largest probability of a claim over the specifications that passed, with their simulation errors."""
    if claim.estimand is None or claim.estimand.text not in multiverse:
        return _NOT_JUDGED, _NOT_JUDGED
    table = multiverse[claim.estimand.text]
    passed = table[table["passed"].astype(bool)]
    if passed.empty:
        return _NOT_JUDGED, _NOT_JUDGED
    about_sign = claim.low == 0 and claim.direction != "within"
    name = "prob_error" if about_sign else "mean_error"
    error = passed[name].to_numpy(float) if name in passed else np.zeros(len(passed))
    if about_sign:
        above = passed["prob_positive"].to_numpy(float)
        holds = above if claim.direction == "above" else 1.0 - above
    else:
        # All ends by the same normal distribution, so that a difference is not negative; the error is that of its mean.
        holds = _share_that_holds(passed, claim)
        error = np.abs(_share_that_holds(passed, claim, error) - _share_that_holds(passed, claim, -error)) / 2
    least, most = int(holds.argmin()), int(holds.argmax())
    return (float(holds[least]), float(error[least])), (float(holds[most]), float(error[most]))


def _share_that_holds(table: pd.DataFrame, claim: Claim, moved: FloatArray | float = 0.0) -> FloatArray:
    """Probability of a claim under a normal distribution with each specification's mean, moved a little, and s.d."""
    from scipy import special

    mean, sd = table["mean"].to_numpy(float) + moved, table["sd"].to_numpy(float)
    below = np.asarray(special.ndtr((claim.low - mean) / sd))
    if claim.direction == "within":
        return np.asarray(special.ndtr((claim.high - mean) / sd) - below)
    return 1.0 - below if claim.direction == "above" else below


def _lowest(probability: _Judged, tried: Mapping[str, _Judged]) -> dict[str, Any]:
    """The lowest of the default and the alternatives tried, its words and its name."""
    found = {name: value for name, value in tried.items() if not math.isnan(value[0])}
    judged = not math.isnan(probability[0])
    if not found:
        none = "no alternative tried" if judged else ""
        return {"lowest": math.nan, "lowest_reading": "", "lowest_under": none, "lowest_error": math.nan}
    if judged:
        found = {_DEFAULT: probability} | found
    least = min(found, key=lambda name: found[name][0])
    value, error = found[least]
    words = words_for(value, error=error)
    return {"lowest": value, "lowest_reading": words, "lowest_under": least, "lowest_error": error}


def _difference(first: xr.DataArray, second: xr.DataArray, *, independent: bool) -> xr.DataArray:
    """The difference of two quantities, draw by draw by position; of independent ones, each known by stratified draws, in even pairs."""
    if independent:
        one, two = (each[None] for each in independent_pairs(first.to_numpy(), second.to_numpy()))
    else:
        one, two = (each.transpose("chain", "draw").to_numpy() for each in (first, second))
        if one.shape != two.shape:
            size = min(one.size, two.size)
            one, two = (each.reshape(1, -1)[:, :size] for each in (one, two))
    return xr.DataArray(one - two, dims=("chain", "draw"))


def _words(probability: float) -> str:
    place = 3 - sum(probability >= end for end in _AT_LEAST) + sum(probability <= end for end in _AT_MOST)
    return SCALE[place][0]


def _digits(probability: Any, of: int, decimals: int, sign: str) -> str:
    if isinstance(probability, float) and np.isnan(probability):
        return ""
    ends = {"above": math.nextafter(0.0, -1.0), "below": math.nextafter(1.0, 2.0)}
    probability = require_number("probability", probability, **ends, expected="a number from 0 to 1")
    if probability >= 0.995 or probability <= 0.005:
        end, side = (0.99, ">") if probability > 0.5 else (0.01, "<")
        return f"{side} {of * end:.{decimals}f}{sign}"
    words = _words(probability)
    for more in (0, 1):
        text = f"{of * probability:.{decimals + more}f}"
        # a text such as 0.66 is read as the number it shows
        if _words(round(float(text) / of, 6)) == words:
            return f"{text}{sign}"
    near = f"{of * probability:.{decimals}f}"
    return f"{'<' if float(near) / of > probability else '>'} {near}{sign}"


def _reference_draws(
    reference: Reference, estimand: Estimand, posteriors: Mapping[str, xr.DataTree]
) -> xr.DataArray:
    whole = f"estimand {shown(estimand.text)}"
    if reference.posterior not in posteriors:
        hint = did_you_mean(reference.posterior, list(posteriors))
        raise DataError(f"{whole}: no posterior {reference.posterior!r}, {hint}")
    tree = posteriors[reference.posterior]
    group = tree["posterior"].to_dataset() if "posterior" in tree.children else xr.Dataset()
    if reference.variable not in group:
        hint = did_you_mean(reference.variable, [str(name) for name in group.data_vars])
        raise DataError(f"{whole}: no variable {reference.variable!r}, {hint}")
    variable = group[reference.variable]
    own = [dim for dim in variable.dims if dim not in ("chain", "draw")]
    if len(own) != min(len(reference.labels), 1):
        raise DataError(f"{whole}: {reference.variable!r} has dims {own}, expected one label for each dim")
    if not own:
        return variable
    known = [str(label) for label in variable[own[0]].to_numpy()]
    for label in reference.labels:
        if label not in known:
            raise DataError(f"{whole}: no label {label!r}, {did_you_mean(label, known)}")
    chosen = variable.rename({own[0]: "label"}).assign_coords(label=known).sel(label=list(reference.labels))
    if reference.function:
        reduced: xr.DataArray = _REDUCE[reference.function](chosen)
        return reduced
    if len(reference.labels) > 1:
        raise DataError(f"{whole}: several labels, expected them inside max_abs(), max() or min()")
    return chosen.isel(label=0, drop=True)
