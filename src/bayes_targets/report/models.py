"""How the models of an analysis are told: cards, predictive checks, how far answers move, the paragraph to paste."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from .cards import ModelCard, mathml, model_card
from .cells import number
from .result import Result

_MOST_ROWS = 15
_CHECKED = ["posterior", "data", "n", "observed", "prior_range", "prior_95", "posterior_50", "posterior_95"]
_HOW = {
    "exact": "computed exactly",
    "nuts": "sampled by NUTS",
    "smc": "sampled by sequential Monte Carlo",
}
_USED = ("python", "numpy", "xarray")


def model_cards(posteriors: Mapping[str, xr.DataTree]) -> list[dict[str, Any]]:
    """The different models among some posteriors, the first first: texts, and equations and the priors' signs as HTML."""
    cards: dict[ModelCard, list[str]] = {}
    for name, posterior in posteriors.items():
        card = model_card(posterior.attrs)
        if card is not None:
            cards.setdefault(card, []).append(name)
    return [
        {
            "title": card.title,
            "where": card.where,
            "priors": [vars(note) | {"symbol": mathml(note.symbol)} for note in card.priors],
            "names": names,
            "equation": [mathml(line) for line in card.equation],
        }
        for card, names in cards.items()
    ]


def predictive_checks(posteriors: Mapping[str, xr.DataTree]) -> pd.DataFrame:
    """How many observed values lie in their predictive intervals, of the prior and of the posterior.

    One row per posterior and variable; posteriors without ``observed_data`` and ``posterior_predictive`` are left out.
    """
    rows = []
    for name, posterior in posteriors.items():
        if not {"observed_data", "posterior_predictive"} <= set(posterior.children):
            continue
        groups = {group: posterior[group].to_dataset() for group in posterior.children}
        for variable, observed in groups["observed_data"].data_vars.items():
            row = _check(observed, str(variable), groups)
            if row is not None:
                rows.append({"posterior": name, "data": str(variable)} | row)
    return pd.DataFrame(rows, columns=_CHECKED)


def _check(observed: xr.DataArray, name: str, groups: Mapping[str, xr.Dataset]) -> dict[str, Any] | None:
    after = groups["posterior_predictive"].get(name)
    if after is None or set(after.dims) != {"chain", "draw", *observed.dims}:
        return None
    row: dict[str, Any] = {
        "n": int(observed.size),
        "observed": _range(float(observed.min()), float(observed.max())),
        "prior_range": None,
        "prior_95": np.nan,
        **dict(zip(("posterior_95", "posterior_50"), _inside(observed, after, 0.95, 0.5), strict=True)),
    }
    before = groups["prior_predictive"].get(name) if "prior_predictive" in groups else None
    if before is not None:
        row["prior_range"] = _range(*(float(before.quantile(q)) for q in (0.025, 0.975)))
        (row["prior_95"],) = _inside(observed, before, 0.95)
    return row


def _range(*ends: float) -> str:
    return " to ".join(number(int(end) if end.is_integer() else end) for end in ends)


def _inside(observed: xr.DataArray, replicated: xr.DataArray, *probs: float) -> list[int]:
    """How many observed values lie in their equal-tailed intervals of each probability."""
    values = replicated.transpose(*observed.dims, "chain", "draw").to_numpy()
    ends = [end for prob in probs for end in ((1 - prob) / 2, (1 + prob) / 2)]
    found = np.quantile(values.reshape(*observed.shape, -1), ends, axis=-1)
    seen = observed.to_numpy()
    return [
        int(((seen >= low) & (seen <= high)).sum()) for low, high in zip(found[::2], found[1::2], strict=True)
    ]


def how_far(frame: pd.DataFrame, shown: pd.DataFrame | None = None) -> pd.DataFrame | None:
    """How far each term's posterior moves between the models and priors of a comparison.

    None where no term has two posteriors. A column ``success`` says what a share is of, so that shares of different things are not
    set beside one another; only terms that the page shows are told.

    Examples
    --------
    >>> frame = pd.DataFrame({"posterior": ["a", "b"], "mean": [1.0, 1.5], "low": [0.0, 0.1], "high": [2.0, 3.0]},
    ...                      index=pd.Index(["target", "target"], name="term"))
    >>> how_far(frame).loc["target"].tolist()
    [2.0, 1.0, 1.5, 0.0, 3.0]
    """
    if not {"posterior", "mean", "low", "high"} <= set(frame.columns) or frame.index.nlevels > 1:
        return None
    terms = frame if shown is None else frame[frame.index.isin(shown.index)]
    if "success" in terms:
        terms = terms.set_index(terms.index.astype(str) + ": " + terms["success"].astype(str))
        terms.index.name = frame.index.name
    groups = terms.groupby(level=0, sort=False)
    table = pd.DataFrame(
        {
            "models": groups["posterior"].nunique(),
            "mean_least": groups["mean"].min(),
            "mean_most": groups["mean"].max(),
            "low_least": groups["low"].min(),
            "high_most": groups["high"].max(),
        }
    )
    if "prob_positive" in frame and not (frame["prob_positive"] == 1).all():
        table["prob_positive_least"] = groups["prob_positive"].min()
        table["prob_positive_most"] = groups["prob_positive"].max()
    table = table[table["models"] > 1].head(_MOST_ROWS)
    return None if table.empty else table


def paragraph_of(result: Result, question: str) -> str:
    """The paragraph of a result whose analysis has none of its own; empty where nothing was fitted."""
    attrs = next((tree.attrs for tree in result.posteriors.values()), {})
    card = model_card(attrs)
    if card is None:
        return ""
    priors = (
        f"Prior of the {note.meaning.removeprefix('the ')}: {note.prior} ({note.unit})."
        for note in card.priors
    )
    told = [question, f"Model: {card.title}.", *priors, result.answer, *result.points]
    return " ".join([*told, computed_and_cited(attrs, "the source of the data")])


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
