"""What an analysis of success by area hands back: tables, figures and words, of the shipped counts or a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from ..comparison.claims import probability_text
from ..comparison.compare import compare
from ..comparison.proportional_odds import fit_proportional_odds
from ..comparison.proportions import area_shares, chi_square, raw_shares
from ..models.success.estimands import (
    check_fit,
    collapse_statuses,
    predictive_counts,
    rank_probabilities,
    share_spread,
    status_share,
    summarise_draws,
)
from ..plots import plot_prior_posterior, plot_ranks, plot_shares, plot_shrinkage, plot_status_bars
from ..plots._style import SMALL_SAMPLE
from .result import Picture, Result, Table

METHODS = (
    "Counts of an area are binomial (success or not), ordinal (a cumulative logit: one effect moves an area along all statuses) or "
    "multinomial (each status has an effect of its own). With partial pooling the areas' effects on the log-odds are drawn from a "
    "normal distribution with standard deviation HalfNormal(1); a typical area's log-odds are Normal(0, 1.5), which leaves 95% of the "
    "prior between shares of 5% and 95%. Without pooling each area's log-odds are Normal(0, 1.5); with complete pooling all share one.",
    "Ordinal and multinomial models are compared by what they predict of each area from a fit without it (leave one area out, "
    "every area refitted), and checked against counts replicated from them.",
    "Beside the posterior: raw shares with Wilson intervals, proportional odds by maximum likelihood, and Pearson's chi-square.",
)
LIMITS = (
    "Two targets of one area count as independent given the area, so where targets hang together the intervals are too narrow.",
    "Why areas differ: the counts hold no comparison with targets that were set or managed otherwise.",
)
_INTERVAL = "95% equal-tailed interval"


def area_result(
    counts: xr.Dataset,
    posteriors: Mapping[str, xr.DataTree],
    models: pd.DataFrame | None,
    *,
    title: str,
    limits: tuple[str, ...] = LIMITS,
) -> Result:
    """The result of an analysis of success by area.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`, best status first; the best one is success.
    posteriors : mapping of str to xarray.DataTree
        ``area_green`` (binomial, partial pooling: the headline), ``area_green_none``, ``area_green_complete``; with three
        statuses or more ``area_ordinal``, ``area_multinomial``; any others are kept.
    models : pandas.DataFrame or None
        From `compare_models`, ordinal against multinomial.
    title : str
        What the shares are of, for figures.
    limits : tuple of str
        What cannot be concluded.

    Returns
    -------
    Result
    """
    success = str(counts["status"].to_numpy()[0])
    headline = posteriors["area_green"]
    areas = area_shares(headline, counts, success=success)
    ranks = rank_probabilities(status_share(headline, success))
    tables = {
        "comparison": _comparison(posteriors, counts, success, areas),
        "ranks": Table(
            ranks, f"Posterior probability of each rank (1: highest share {success}), partial pooling."
        ),
    }
    pictures = _share_pictures(areas, ranks, headline, title, success)
    if "area_ordinal" in posteriors:
        tables |= _status_tables(counts, posteriors, models)
        pictures["statuses"] = _status_picture(predictive_counts(posteriors["area_ordinal"]))
    tables |= _frequentist(counts)
    tables["spread"], pictures["spread"] = _spread(headline, success)
    return Result(
        answer=_answer(areas, ranks, headline, success) + _verdict(models),
        tables=tables,
        pictures=pictures,
        posteriors=posteriors,
        methods=METHODS,
        limits=limits,
    )


def _answer(areas: Any, ranks: Any, headline: xr.DataTree, success: str) -> str:
    last = ranks.columns[-1]
    best, worst = ranks[1].idxmax(), ranks[last].idxmax()
    raw, total = float(areas.loc[best, "ols_estimate"]), int(areas.loc[best, "n"])
    small = areas.index[areas["n"] < SMALL_SAMPLE]
    new = summarise_draws(status_share(headline, success, variable="new_area_share")).iloc[0]
    told = (
        f", and the {len(small)} areas with fewer than {SMALL_SAMPLE} targets tell next to nothing"
        if len(small)
        else ""
    )
    return (
        f"{best} leads: {round(raw * total)} of {total} ({raw:.0%}) were {success}; allowing for small numbers, "
        f"{areas.loc[best, 'mean']:.0%} ({_INTERVAL} {areas.loc[best, 'low']:.0%} to {areas.loc[best, 'high']:.0%}), against "
        f"{areas.attrs['overall']:.0%} overall; the probability that it is the best of the {len(areas)} areas is "
        f"{probability_text(ranks.loc[best, 1])}. {worst} is the most probable worst "
        f"({probability_text(ranks.loc[worst, last])}){told}: a new area could have anything from {new['low']:.0%} to {new['high']:.0%}."
    )  # fmt: skip


def _verdict(models: Any) -> str:
    if models is None:
        return ""
    ordinal = float(models.loc["ordinal", "pseudo_bma"])
    best, other = models.index[0], models.index[1]
    gap, error = -float(models.loc[other, "difference"]), float(models.loc[other, "difference_se"])
    told = "left open" if gap < 2.0 * error else "borne out" if best == "ordinal" else "contradicted"
    return (
        f" That areas differ by one level that moves all statuses (proportional odds) is {told}: the {best} model predicts "
        f"left-out areas better by {gap:.1f} in log density (standard error {error:.1f}), weight of proportional odds "
        f"{probability_text(ordinal)}."
    )


def _comparison(
    posteriors: Mapping[str, xr.DataTree], counts: xr.Dataset, success: str, areas: pd.DataFrame
) -> Table:
    raw = raw_shares(counts, success=success)
    frames = {}
    for name, posterior in posteriors.items():
        fitted = posterior["posterior"]["share"]
        if "status" in fitted.dims:
            frames[name] = compare(collapse_statuses(posterior, success), raw).assign(n=raw["n"])
        elif name.startswith("area_green"):
            frames[name] = compare(posterior, raw).assign(n=raw["n"])
    added = areas[["shrinkage", "prob_best", "prob_worst", "prob_above_average"]]
    frames["area_green"] = frames["area_green"].join(added)
    whole = pd.concat(frames, names=["posterior"]).reset_index("posterior")
    shown = areas.rename(columns={"ols_estimate": "raw_share", "ols_low": "raw_low", "ols_high": "raw_high"})
    return Table(
        whole,
        f"Share of targets {success} by area: raw share with its 95% Wilson interval beside the partially pooled posterior share with "
        f"its {_INTERVAL}; shrinkage is how far pooling moves it from the raw share towards the overall one (1: all the way). The CSV "
        "adds the other poolings, and the same shares under the ordinal and the multinomial model.",
        shown=shown,
    )


def _share_pictures(
    areas: pd.DataFrame, ranks: pd.DataFrame, headline: xr.DataTree, title: str, success: str
) -> dict[str, Picture]:
    ordered = areas.sort_values("mean", ascending=False)
    ordered.attrs = areas.attrs
    origin = headline.attrs.get("origin")
    return {
        "shares": Picture(
            plot_shares(ordered, title=title),
            f"Open squares: raw shares {success} with Wilson intervals. Blue: partially pooled. Small areas move far towards the average.",
            f"Shares {success} by area; {ordered.index[0]} is highest, {ordered.index[-1]} lowest; intervals of small areas are wide.",
        ),
        "shrinkage": Picture(
            plot_shrinkage(
                areas["ols_estimate"], {"partial pooling": areas}, average=areas.attrs["overall"], n=areas["n"],
                percent_axis=True, title="How far pooling moves each area", xlabel=f"share of targets {success}, per cent",
            ),
            "Each line runs from the raw share to the pooled one: the fewer targets, the longer the way to the average.",
            "Lines from raw to pooled shares; areas with few targets move most.",
        ),
        "ranks": Picture(
            plot_ranks(
                ranks, n=areas["n"], origin=origin, title="How sure is the ranking? Probability of each rank, per cent",
                xlabel=f"rank (1 = highest share {success})",
            ),
            "Each row adds up to 100%. Dark cells are ranks that an area probably has; a row of pale cells could be anywhere.",
            f"Heat map of rank probabilities; {ordered.index[0]} most probably first, {ordered.index[-1]} among the last.",
        ),
    }  # fmt: skip


def _status_tables(
    counts: xr.Dataset, posteriors: Mapping[str, xr.DataTree], models: pd.DataFrame | None
) -> dict[str, Table]:
    fitted = {name.removeprefix("area_"): posteriors[name] for name in ("area_ordinal", "area_multinomial")}
    checks = pd.concat({name: check_fit(tree) for name, tree in fitted.items()}, names=["model"])
    statuses = {name: predictive_counts(tree) for name, tree in fitted.items()}
    found = {
        "statuses": Table(
            pd.concat(statuses, names=["model"]).reset_index(),
            f"Targets by area and status: observed, and replicated from each model (mean, {_INTERVAL}, mid p-value).",
            shown=statuses["ordinal"].reset_index(),
        ),
        "checks_by_model": Table(
            checks.reset_index(),
            "Posterior predictive checks: Pearson's chi-square of all counts, and how much the distances between cutpoints vary between "
            "areas; a small p-value speaks against the model (of the ordinal one, against proportional odds).",
        ),
    }
    if models is not None:
        found["models"] = Table(
            models,
            "Ordinal (proportional odds) against multinomial by leaving one area out, every area refitted: expected log predictive density "
            "(elpd; higher is better), difference from the best with its standard error over areas, weights by stacking and pseudo-BMA+.",
        )
    return found


def _status_picture(table: pd.DataFrame) -> Picture:
    outside = int(((table["observed"] < table["low"]) | (table["observed"] > table["high"])).sum())
    return Picture(
        plot_status_bars(
            table, title="Targets by status: observed, and what the ordinal model would have them be"
        ),
        f"Bars: observed counts. Dots and lines: replicated from the ordinal model. {outside} of {len(table)} counts lie outside their "
        "95% equal-tailed interval.",
        "Bars of observed counts by area and status with predictive intervals over them.",
    )


def _frequentist(counts: xr.Dataset) -> dict[str, Table]:
    tables = {
        "chi_square": Table(
            chi_square(counts), "Pearson's chi-square test that all areas have the same shares; see the note."
        )
    }
    if counts.sizes["status"] > 2 and bool((counts["count"].sum("area") > 0).all()):
        tables["proportional_odds"] = Table(
            fit_proportional_odds(counts),
            "Proportional odds by maximum likelihood: cutpoints, and each area's log odds ratio against the average area (95% Wald).",
        )
    return tables


def _spread(headline: xr.DataTree, success: str) -> tuple[Table, Picture]:
    """What the priors say about the gap between best and worst area, and what the data make of it."""
    groups: dict[str, Any] = {}
    rows = {}
    for group in ("prior", "posterior"):
        draws = share_spread(status_share(headline, success, group=group))
        name = "gap between the highest and the lowest share"
        groups[group] = xr.Dataset({name: 100 * draws})
        rows[group] = summarise_draws(draws).iloc[0]
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {"origin": headline.attrs.get("origin", "observed")}
    table = pd.DataFrame(rows).T.rename_axis("draws")
    figure = plot_prior_posterior(
        tree, title="How far apart may areas lie? Prior predictive and posterior", xlabel="percentage points"
    )
    return (
        Table(table, f"Gap between the highest and the lowest share {success} of any area; {_INTERVAL}."),
        Picture(
            figure,
            f"Dashed: what the priors say about the gap between best and worst area; the data leave {rows['posterior']['low']:.0%} to "
            f"{rows['posterior']['high']:.0%} ({_INTERVAL}).",
            "Densities of the gap between best and worst area under prior and posterior.",
        ),
    )
