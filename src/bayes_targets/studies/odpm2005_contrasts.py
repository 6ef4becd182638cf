"""ODPM (2005): tables and figures of the contrasts between local and national targets, and early and late ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from ..comparison.compare import compare
from ..comparison.proportional_odds import fit_proportional_odds
from ..comparison.proportions import raw_shares
from ..inference.quadrature.stratified import independent_pairs
from ..inference.summary import summarise_draws
from ..models.success.estimands import status_share
from ..models.success.hits import summarise_hits
from ..plots import plot_hits, plot_shares
from ..report.result import Picture, Table
from ..report.success import CONTRASTS, SHARES

_INTERVAL = "95% equal-tailed interval"
LABELS = {
    f"{table}_{kind}": f"{word}: {said}"
    for table, word in (("kind", "kind of target"), ("finish", "finish year"))
    for kind, said in (("green", "green"), ("not_red", "green or amber"), ("ordinal", "all statuses"))
} | {"margins": "the three tables together", "total_hits": "targets hit", "share_hit": "share hit"}
METHODS = (
    "Groups are few, so each has a share of its own: log-odds Normal(0, 1.5), which leaves 95% of the prior between shares of 5% and "
    "95%. Beside the posterior: raw shares with Wilson intervals, Fisher's exact test, and proportional odds by maximum likelihood.",
    "The joint model of the three margins takes each target's status from its policy area (ordinal, partial pooling) and its kind and "
    "finish year from its status. Area, kind and finish are independent given the status: the tables do not cross them, so nothing "
    "in them can test that.",
)


def group_tables(
    posteriors: Mapping[str, xr.DataTree],
    counts: Mapping[str, xr.Dataset],
    success: Mapping[str, tuple[str, ...]],
    contrasts: pd.DataFrame,
) -> tuple[dict[str, Table], dict[str, Picture]]:
    """Tables and figure of the groups' shares and their contrasts."""
    frames = {}
    for table, data in counts.items():
        for word, statuses in success.items():
            raw = raw_shares(data, success=statuses)
            compared = compare(posteriors[f"{table}_{word}"], raw)
            frames[f"{table}_{word}"] = compared.assign(n=raw["n"], success=" or ".join(statuses))
    first = next(iter(success))
    shown = pd.concat([frames[f"{table}_{first}"] for table in counts])
    shown.attrs = next(iter(frames.values())).attrs
    odds = pd.concat({table: fit_proportional_odds(data) for table, data in counts.items()}, names=["table"])
    tables = {
        "comparison": Table(
            pd.concat(frames, names=["posterior"]).reset_index("posterior"),
            f"Share of targets green, by group: raw share with its 95% Wilson interval beside the posterior share with its {_INTERVAL}. "
            "The CSV file adds the share green or amber (not red).",
            shown=shown[["n", "ols_estimate", "ols_low", "ols_high", "mean", "low", "high"]],
            headings={"term": "Targets", "ols_estimate": "Raw share"},
            shares=SHARES,
        ),
        "contrasts": Table(contrasts, CONTRASTS, headings={"mean": "Difference"}, shares=SHARES),
        "proportional_odds": Table(
            odds.reset_index("table"),
            "Proportional odds by maximum likelihood: cutpoints, and each group's log odds ratio against the average group (95% Wald).",
        ),
    }
    picture = Picture(
        plot_shares(
            shown,
            title=f"{shown['mean'].idxmax()} are most often on course, {shown['mean'].max():.0%}",
            subtitle="Local public service agreement targets that are green, by kind and finish year, "
            f"England 2005; n = {shown['n'].iloc[:2].sum():,.0f}",
            xlabel="share on course, per cent of targets",
        ),
        "Local targets and those with another year to go are more often on course.",
        "Shares on course: local and national targets, 2006 and 2005 finish, raw and posterior.",
    )
    return tables, {"shares": picture}


def _difference(draws: ArrayLike) -> dict[str, float]:
    """Mean, interval and probability above 0 of draws."""
    values = np.ravel(draws)
    row = summarise_draws(xr.DataArray(values[None], dims=("chain", "draw"), name="difference")).iloc[0]
    return {name: float(row[name]) for name in ("mean", "low", "high")} | {
        "prob_positive": float((values > 0).mean())
    }


def misprint_table(
    as_printed: pd.Series[float],
    others: Mapping[str, xr.DataTree],
    weight: pd.Series[float],
    pair: tuple[str, str],
) -> Table:
    """Contrast of two groups, wherever the three targets that are misplaced in print belong."""
    numbers = {name: float(as_printed[name]) for name in ("mean", "low", "high", "prob_positive")}
    rows = {"as printed": {"weight": float("nan"), **numbers}}
    for name, posterior in others.items():
        share = posterior["posterior"]["share"]
        gap = share.sel(area=pair[0], drop=True) - share.sel(area=pair[1], drop=True)
        rows[name] = {"weight": float(weight[name]), **_difference(gap)}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("table")
    return Table(
        frame,
        f"{pair[0]} minus {pair[1].lower()}, wherever three misplaced targets belong. Difference in the share green, {_INTERVAL}, for the "
        "printed table and for each table with the margins that the other two print: three targets moved from red. Weight: share of the "
        "ways to move them.",
        headings={"mean": "Difference"},
        shares=("weight", *SHARES),
    )


def mix_table(
    posterior: xr.DataTree, bound: xr.DataArray, pair: tuple[str, str], *, success: tuple[str, ...]
) -> Table:
    """Contrast of two groups beyond what the mix of policy areas alone could make."""
    share = status_share(posterior, success)
    gap, mix = independent_pairs(
        (share.sel(area=pair[0]) - share.sel(area=pair[1])).to_numpy(), bound.to_numpy()
    )
    rows = {
        "difference": gap,
        "largest that the mix of policy areas could make": mix,
        "difference left": gap - mix,
    }
    frame = pd.DataFrame({name: _difference(values) for name, values in rows.items()}).T
    return Table(
        frame.rename_axis("quantity"),
        f"{pair[0]} minus {pair[1].lower()}, and what the mix of policy areas could make of it. Difference in the share "
        f"{' or '.join(success)}, {_INTERVAL}; the mix could make most of it if {pair[0].lower()} were all in the most successful areas.",
        headings={"mean": "Difference"},
        shares=SHARES,
    )


def hits_tables(settings: Mapping[str, xr.Dataset], now: int) -> tuple[dict[str, Table], dict[str, Picture]]:
    """Table and figure of the targets hit in the end."""
    frames: dict[str, Any] = {name: summarise_hits(data) for name, data in settings.items()}
    table = pd.concat(frames, names=["setting"]).reset_index()
    total = int(next(iter(settings.values()))["targets"].sum())
    means = [float(frames[name].loc["total_hits", "mean"]) for name in frames]
    return (
        {
            "hits": Table(
                table,
                f"Targets hit in the end, SIMULATED. Their share, and the share of the reward that is paid; {_INTERVAL}, with the "
                "uncertainty of what each colour means.",
                shown=_in_per_cent(table),
            )
        },
        {
            "hits": Picture(
                plot_hits(
                    settings,
                    title=f"As forecast, {means[0]:.0f} of {total:,} targets would be hit",
                    subtitle=f"Local public service agreements, England 2005, {total:,} targets; mean and {_INTERVAL}",
                    now=now,
                    now_label="were green",
                ),
                f"Histograms of the predicted number of targets hit. Taken at its word the forecast means {means[0]:.0f} hits; the more "
                f"optimism is taken off, the fewer, down to {min(means):.0f}.",
                "Histograms of predicted hits under settings of optimism, with means and intervals.",
            )
        },
    )


def _in_per_cent(hits: pd.DataFrame) -> pd.DataFrame:
    """Hits as they are, shares in per cent, as texts."""
    numbers = ["mean", "low", "high"]
    share = hits["quantity"].ne("total_hits")
    shown = hits[["setting", "quantity", *numbers]].astype(dict.fromkeys(numbers, object))
    for name in numbers:
        shown[name] = [
            f"{value:.0%}" if per_cent else f"{value:.0f}"
            for value, per_cent in zip(hits[name], share, strict=True)
        ]
    return shown


def survey_table(shares: pd.DataFrame, statements: pd.Series[str]) -> Table:
    """Survey shares with what their bases leave open."""
    frame = shares.assign(statement=statements.reindex(shares.index))
    shown = frame.loc[frame["mean"].notna(), ["statement", "mean", "low", "high", "base", "note"]]
    return Table(
        frame,
        f"Survey of coordinators and target owners: posterior share (beta-binomial, uniform prior, {_INTERVAL}), with the range of bases "
        "where none is printed. The CSV file lists also the shares whose base could be anything.",
        shown=shown.reset_index(drop=True),
        headings={"mean": "Posterior share"},
        shares=SHARES,
    )
