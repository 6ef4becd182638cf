"""What an authority-level analysis hands back: tables, figures and words, of one data set or of a reconstruction."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from ..comparison.authority_tables import NOT_DETERMINED, marked
from ..comparison.claims import probability_text
from ..plots import plot_forest, plot_shrinkage
from .result import Picture, Result, Table

OUTCOME = "percentage points of change in the score"
METHODS = (
    "The change of an authority is the sum of its type's own change, the target (or stretch) times its slope, the controls, and "
    "normal noise. Types share a normal distribution (partial pooling), are the same (complete) or stand alone (none); slopes are "
    "common, or differ by type and are partially pooled. Priors are in percentage points of change: Normal(0, 5) for the average type "
    "and for a target, Normal(0, 1) for a point of stretch, HalfNormal(2.5) for the s.d. between types.",
    "Pooling choices are compared by leave-one-out cross-validation (PSIS-LOO). Intervals are 95% equal-tailed.",
)
_RECONSTRUCTION = (
    "These authorities are RECONSTRUCTED: made to agree with every statistic that the paper prints, and otherwise drawn from a stated "
    "prior. They are not the authorities that were observed, and no row of them is a real place.",
    "What differs between data sets that all agree with the table is not determined by it; the column 'between share' tells how "
    f"much of an estimate's variance that is, and over one half it is marked '{NOT_DETERMINED}'.",
)
_CAUSE = (
    "Whether targets caused the change: targets were negotiated, not drawn by lot, and a low first score tends to be followed by a "
    "higher one whatever is done. With standard errors of the scores, cohesion_model(measurement_error=True) models that.",
)
_NOT_SHOWN = [
    "ols_se",
    "sd",
    "p_one_tailed",
    "p_two_tailed",
    "shift_in_se",
    "sd_ratio",
    "ess_bulk",
    "ess_tail",
    "r_hat",
]
_CAPTIONS = {
    "fit": "Bayesian R² beside that of OLS, the part the target or stretch adds, and the mean change had every authority had the "
    "target, or one point more stretch; 95% equal-tailed intervals.",
    "checks_by_type": "Posterior predictive check: observed and replicated mean, s.d., least and largest change of each type; p-values "
    "near 0 or 1 mean that the model does not give what was seen.",
    "agreement": "Every printed statistic and its value in the reconstructed data sets: mean and range.",
}


def authority_result(
    comparison: Mapping[str, pd.DataFrame],
    types: Mapping[str, pd.DataFrame],
    choices: Mapping[str, pd.DataFrame],
    posteriors: Mapping[str, xr.DataTree],
    more: Mapping[str, Mapping[str, pd.DataFrame]],
) -> Result:
    """The result of an authority-level analysis.

    Parameters
    ----------
    comparison : mapping of str to pandas.DataFrame
        Effect ("target", "stretch") to the posterior beside OLS, by term.
    types : mapping of str to pandas.DataFrame
        ``"target, partial"`` and so on to the change of each type under a pooling; ``"target, slope"`` to the slope by type.
    choices : mapping of str to pandas.DataFrame
        Effect to the comparison of poolings.
    posteriors : mapping of str to xarray.DataTree
        The headline first.
    more : mapping of str to mapping
        Further tables by name, by effect.

    Returns
    -------
    Result
        With "RECONSTRUCTED" in words and titles where the data are.
    """
    origin = next(iter(comparison.values())).attrs["origin"]
    made_up = origin == "reconstructed"
    whole = pd.concat(dict(comparison), names=["effect"]).reset_index("effect")
    shown = whole.drop(columns=_NOT_SHOWN, errors="ignore")
    if "determined" in shown:
        shown["determined"] = shown["determined"].ne(NOT_DETERMINED)
    tables = {
        "comparison": Table(whole, _comparison_caption(made_up), shown=shown),
        "types": Table(
            pd.concat(dict(types), names=["quantity"]).reset_index("quantity"),
            f"Change of each authority type by pooling, at average controls and without target or stretch, and the slope by type; "
            f"{OUTCOME}; 95% equal-tailed intervals. Data: {origin}.",
        ),
        "pooling": Table(
            pd.concat(dict(choices), names=["effect"]).reset_index("effect"),
            "Pooling choices by leave-one-out cross-validation (elpd: higher is better; a difference under 4 is no reason to prefer one)."
            + (" Of the first reconstructed data set." if made_up else ""),
            section="sensitivity",
        ),
    }
    for name, frames in more.items():
        joined = pd.concat(dict(frames), names=["effect"])
        tables[name] = Table(joined.reset_index(), f"{_CAPTIONS[name]} Data: {origin}.")
    return Result(
        answer=_answer(comparison, made_up),
        tables=tables,
        pictures=_pictures(comparison, types, origin),
        posteriors=posteriors,
        methods=METHODS,
        limits=(*(_RECONSTRUCTION if made_up else ()), *_CAUSE),
    )


def _comparison_caption(made_up: bool) -> str:
    ols = "the printed OLS" if made_up else "OLS with HC3 standard errors"
    data = "pooled over the reconstructed data sets" if made_up else "of the hierarchical model"
    return f"Posterior {data} beside {ols}, {OUTCOME} for one unit of the term; 95% equal-tailed intervals, t for OLS."


def _answer(comparison: Mapping[str, pd.DataFrame], made_up: bool) -> str:
    words = {"target": "Having a target", "stretch": "A point of stretch"}
    sentences = []
    for effect, table in comparison.items():
        row = table.iloc[0]
        sentence = (
            f"{words[effect]} goes with {row['mean']:.2f} {OUTCOME} (95% equal-tailed interval {row['low']:.2f} to {row['high']:.2f}; "
            f"probability {probability_text(row['prob_positive'])} of more than nothing), beside {row['ols_estimate']:.2f} by OLS"
        )
        if made_up:
            sentence += f"; {row['between_share']:.0%} of its variance is what the printed table leaves open"
        sentences.append(sentence + ".")
    lead = "On RECONSTRUCTED authorities, not observed ones: " if made_up else ""
    return lead + " ".join(sentences)


def _pictures(
    comparison: Mapping[str, pd.DataFrame], types: Mapping[str, pd.DataFrame], origin: str
) -> dict[str, Picture]:
    pictures = {}
    for effect, table in comparison.items():
        rows = (marked(table) if "determined" in table else table).drop(
            index=["constant", "Constant"], errors="ignore"
        )
        rows.attrs = table.attrs
        pictures[f"forest_{effect}"] = Picture(
            plot_forest(
                rows,
                title=f"{effect.capitalize()}, types and controls: OLS and posterior",
                xlabel=f"{OUTCOME}, for one unit",
            ),
            "Dashed: OLS. Solid: the hierarchical model. Terms on very different scales have an axis of their own.",
            f"Forest plot of OLS and posterior for the {effect} model ({origin} data).",
        )
        pooled = {p: types[f"{effect}, {p}"] for p in ("partial", "complete")}
        pictures[f"types_{effect}"] = Picture(
            plot_shrinkage(
                types[f"{effect}, none"]["mean"],
                {f"{p} pooling": frame for p, frame in pooled.items()},
                title="Change by authority type: no, partial and complete pooling",
                xlabel=f"{OUTCOME}, without a target, at average controls",
                origin=origin,
            ),
            "Open squares: each type by itself. Arrows lead to the partially pooled change; complete pooling gives all one.",
            f"Change of each type under three poolings ({origin} data).",
        )
        slope = types[f"{effect}, slope"]
        common = table.iloc[0]
        beside = slope.assign(
            ols_estimate=common["ols_estimate"],
            ols_low=common["ols_low"],
            ols_high=common["ols_high"],
        )
        beside.attrs = slope.attrs
        pictures[f"slopes_{effect}"] = Picture(
            plot_forest(
                beside,
                title=f"Slope of the {effect} by authority type",
                xlabel=f"{OUTCOME}, for {'having a target' if effect == 'target' else 'a point of stretch'}",
            ),
            "Solid: slope of each type, partially pooled. Dashed: the one slope of OLS, the same in every row.",
            f"Slopes of the {effect} by type ({origin} data).",
        )
    return pictures
