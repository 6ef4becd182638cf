"""The page of an analysis of counts by area and status: tables, figures and words, of a user's own file or of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from ..comparison.claims import percent_text, simulation_error, words_for
from ..comparison.compare import compare
from ..comparison.proportional_odds import fit_proportional_odds
from ..comparison.proportions import area_shares, chi_square, fisher_tests, raw_shares
from ..errors import DataError
from ..inference.summary import summarise_draws
from ..models.success.estimands import (
    area_contrasts,
    check_fit,
    collapse_statuses,
    contrast_table,
    predictive_counts,
    rank_probabilities,
    share_spread,
    status_share,
)
from ..plots import plot_prior_posterior, plot_ranks, plot_shares, plot_status_bars
from ..plots._style import SMALL_SAMPLE
from ..plots.areas import count_outside, fit_message
from .authorities import MANY, POOR, ends, left_out_table
from .cells import capital
from .result import Picture, Result, Table
from .words import CountWords, a, stamp

# Statuses that can be drawn.
STATUSES = 6
# Areas up to which the likelihood of proportional odds is maximised, one parameter each.
_SEARCHED = 100
_INTERVAL = "95% equal-tailed interval"
_RAW = {"ols_estimate": "Raw share", "ols_low": "Low", "ols_high": "High"}
# Columns of tables of shares and of differences between them that hold shares.
SHARES = ("ols_estimate", "ols_low", "ols_high", "mean", "sd", "median", "low", "high", "raw_difference")
SHARE, NONE, COMPLETE, NOT_WORST = "share", "share_none", "share_complete", "not_worst"
ORDINAL, MULTINOMIAL = "ordinal", "multinomial"


def area_result(
    counts: xr.Dataset,
    posteriors: Mapping[str, xr.DataTree],
    models: pd.DataFrame | None,
    *,
    words: CountWords,
    success: Sequence[str],
    title: str = "",
    question: str = "",
    names: Mapping[str, str] | None = None,
    limits: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Result:
    """The result of an analysis of success by area: of two areas a contrast, of more a ranking.

    `counts`: best status first. `posteriors`: ``share`` (binomial, partial pooling: the headline), ``share_none``, ``share_complete``;
    with three statuses or more perhaps ``ordinal``, ``multinomial``; any others are kept. All but the headline, and of two areas
    ``share_none``, may be missing. `models`: ordinal against multinomial.
    `success`: the statuses that count as success. `names`: other names of posteriors in files. `limits`, `notes`: what cannot be
    concluded besides what holds for any counts, and what was assumed.
    """
    stamp(words, posteriors)
    named = dict(names or {})
    headline = posteriors[SHARE]
    areas = area_shares(headline, counts, success=success)
    tables = {"comparison": _comparison(posteriors, counts, success, areas, words, named)}
    pictures = {"shares": _shares_picture(areas, words, title)}
    if len(areas) == 1:
        more = _alone(areas, words)
    elif len(areas) == 2:
        more = _contrast(counts, posteriors, areas, success, words)
    else:
        more = _ranking(areas, headline, success, words)
    tables |= more.tables
    pictures |= more.pictures
    points = [*more.points, *_verdict(models)]
    if fitted := {name: posteriors[name] for name in (ORDINAL, MULTINOMIAL) if name in posteriors}:
        checks = {name: check_fit(tree) for name, tree in fitted.items()}
        statuses = {name: predictive_counts(tree) for name, tree in fitted.items()}
        points += _failures(checks, models, words)
        tables |= _status_tables(checks, statuses, models, words)
        if counts.sizes["status"] <= STATUSES:
            pictures["statuses"] = _status_picture(*next(iter(statuses.items())), words)
    tests, missing = _frequentist(counts, words)
    tables |= tests
    if len(areas) > 1:
        tables["spread"], pictures["spread"] = _spread(headline, success, words)
    tables |= left_out_table(counts, words.area, words.areas)
    return Result(
        answer=more.answer,
        points=tuple(points),
        labels=labels(words, named),
        tables=tables,
        pictures=pictures,
        posteriors={named.get(name, name): tree for name, tree in posteriors.items()},
        methods=_methods(words),
        limits=(*limits, *_limits(words)),
        notes=(*notes, *missing),
        title=title if question else "",
        question=question,
    )


def _methods(words: CountWords) -> tuple[str, ...]:
    area, areas = words.area, words.areas
    return (
        f"Counts of {a(area)} are binomial (success or not), ordinal (a cumulative logit: one effect moves {a(area)} along all "
        f"statuses) or multinomial (each status has an effect of its own). With partial pooling the effects of {areas} on the "
        "log-odds are drawn from a normal distribution; without pooling each stands alone; with complete pooling all share one. "
        "The priors stand below.",
        f"Ordinal and multinomial models are compared by what they predict of each {area} from a fit without it (leave one {area} "
        "out, every one refitted), and checked against counts replicated from them.",
        "Beside the posterior: raw shares with Wilson intervals, proportional odds by maximum likelihood, and Pearson's chi-square.",
    )


def _limits(words: CountWords) -> tuple[str, ...]:
    return (
        f"Two {words.items} of one {words.area} count as independent given the {words.area}, so where {words.items} hang together "
        "the intervals are too narrow.",
        f"Why {words.areas} differ: the counts hold no comparison with {words.items} that were set or managed otherwise.",
    )


def _hits(row: Any) -> int:
    """Successes of an area, by its raw share."""
    return round(float(row["ols_estimate"] * row["n"]))


def _alone(areas: Any, words: CountWords) -> Result:
    """One area: its share, with nothing to compare it with."""
    row = areas.iloc[0]
    return Result(
        f"{_hits(row):,} of {int(row['n']):,} {words.items} of {areas.index[0]} were {words.success} ({row['ols_estimate']:.0%}); allowing "
        f"for so few, {row['mean']:.0%} ({_INTERVAL} {row['low']:.0%} to {row['high']:.0%}).",
        points=(f"There is one {words.area}, so that nothing is compared.",),
    )


def _ranking(areas: Any, headline: xr.DataTree, success: Sequence[str], words: CountWords) -> Result:
    share = status_share(headline, success)
    ranks: Any = rank_probabilities(share)
    last = ranks.columns[-1]
    best, worst = str(ranks[1].idxmax()), str(ranks[last].idxmax())
    small = int((areas["n"] < SMALL_SAMPLE).sum())
    who, verb = (f"one {words.area}", "says") if small == 1 else (f"{small:,} {words.areas}", "say")
    few = f"Small numbers: the {who} with fewer than {SMALL_SAMPLE} {words.items} {verb} next to nothing."
    new = summarise_draws(status_share(headline, success, variable="new_area_share")).iloc[0]
    row = areas.loc[best]
    p = float(ranks.loc[best, 1])
    error = simulation_error(share.sel(area=best, drop=True) == share.max("area"), headline)
    answer = (
        f"{best} has the highest share {words.success}: {_hits(row):,} of {int(row['n']):,} {words.items} ({row['ols_estimate']:.0%}); "
        f"allowing for small numbers, {row['mean']:.0%} ({_INTERVAL} {row['low']:.0%} to {row['high']:.0%})."
    )
    points = (
        f"Overall: {areas.attrs['overall']:.0%}.",
        f"Is it the best of the {len(areas):,} {words.areas}? That is {words_for(p, error=error)} ({percent_text(p, error=error)}).",
        f"Most probably the last: {worst} ({percent_text(float(ranks.loc[worst, last]))}).",
        *([few] if small else []),
        f"A new {words.area}: anything from {new['low']:.0%} to {new['high']:.0%} ({_INTERVAL}).",
    )
    tables = {"ranks": _rank_table(ranks, words)}
    pictures = {}
    if len(ranks) <= MANY:
        pictures["ranks"] = Picture(
            plot_ranks(
                ranks, n=areas["n"], origin=headline.attrs.get("origin"),
                subtitle=f"Probability of each rank, per cent; {_counted(areas, words)}",
                xlabel=f"rank (1 = highest share {words.success})",
            ),
            f"Each row adds up to 100%. Dark cells are ranks that {a(words.area)} probably has; a row of pale cells could be anywhere.",
            f"Heat map of rank probabilities; {best} most probably first, {worst} last.",
        )  # fmt: skip
    return Result(answer, points=points, tables=tables, pictures=pictures)


def _rank_table(ranks: pd.DataFrame, words: CountWords) -> Table:
    """All probabilities as a file; on the page, of many areas, the rank that is expected and its interval."""
    caption = f"Probability of each rank. Rank 1 has the highest share {words.success}; partial pooling."
    headings = {"area": capital(words.area)}
    if len(ranks) <= MANY:
        return Table(ranks, caption, headings=headings, shares=tuple(str(rank) for rank in ranks))
    places, below = ranks.columns.to_numpy(dtype=float), ranks.cumsum(axis=1).to_numpy()
    shown = pd.DataFrame(
        {
            "expected rank": ranks.to_numpy() @ places,
            "low": places[(below < 0.025).sum(axis=1).clip(max=len(places) - 1)],
            "high": places[(below < 0.975).sum(axis=1).clip(max=len(places) - 1)],
            "prob_best": ranks[1],
            "prob_worst": ranks[ranks.columns[-1]],
        },
        index=ranks.index,
    ).sort_values("expected rank")
    shown = pd.concat([shown.head(MANY // 2), shown.tail(MANY // 2)])
    return Table(
        ranks,
        f"{caption} Here the expected rank and its 95% equal-tailed interval, of the {MANY // 2} first and the {MANY // 2} last of "
        f"{len(ranks):,} {words.areas}; all are in the CSV file.",
        shown=shown,
        headings=headings,
    )


def _contrast(
    counts: xr.Dataset,
    posteriors: Mapping[str, xr.DataTree],
    areas: Any,
    success: Sequence[str],
    words: CountWords,
) -> Result:
    """Two groups: a difference, an odds ratio and Fisher's test, each group with a share of its own."""
    one, other = (str(name) for name in areas.index)
    name = f"{one} minus {other}"
    rows = contrast_rows(
        {f"share_{words.success}": posteriors[NONE]},
        {"share": counts},
        {"share": {name: (one, other)}},
        {words.success: tuple(success)},
    )
    row: Any = rows.iloc[0]
    raw = areas["ols_estimate"]
    counted = " and ".join(
        f"{_hits(areas.loc[group]):,} of {int(areas.loc[group, 'n']):,} {words.items} of {group} ({raw[group]:.0%})"
        for group in areas.index
    )
    points = (
        f"{one} minus {other}: {contrast_words(row)}.",
        f"Odds ratio: {row['odds_ratio']:.2f} ({row['odds_low']:.2f} to {row['odds_high']:.2f}).",
        f"Fisher's exact test, two-tailed: p = {row['p_fisher']:.3f}.",
    )
    table = Table(rows, CONTRASTS, headings=CONTRAST_HEADINGS, shares=SHARES)
    return Result(f"{counted} were {words.success}.", points=points, tables={"contrasts": table})


CONTRASTS = (
    "Differences between groups. In percentage points of the share, and as an odds ratio (posterior median); "
    f"{_INTERVAL}. Beside them the raw difference and odds ratio, and the two-tailed p of Fisher's exact test."
)
CONTRAST_HEADINGS = {"success": "Success", "mean": "Difference"}


def labels(words: CountWords, names: Mapping[str, str]) -> dict[str, str]:
    """The posteriors in words."""
    told = {
        SHARE: f"share {words.success}, partial pooling",
        NONE: f"share {words.success}, no pooling",
        COMPLETE: f"share {words.success}, complete pooling",
        NOT_WORST: "share not of the worst status",
        ORDINAL: "all statuses, ordinal",
        MULTINOMIAL: "all statuses, multinomial",
    }
    return {names.get(name, name): said for name, said in told.items()}


def _verdict(models: Any) -> tuple[str, ...]:
    if models is None:
        return ()
    best, other = models.index[0], models.index[1]
    gap, error = -float(models.loc[other, "difference"]), float(models.loc[other, "difference_se"])
    found = "left open" if gap < 2.0 * error else best
    said = {
        "left open": "The counts leave it open.",
        "ordinal": "The counts bear it out.",
        "multinomial": "The counts contradict it.",
    }
    return (
        f"Does one level move all statuses (proportional odds)? {said[found]} The {best} model predicts what was left out better by "
        f"{gap:.1f} in log density (standard error {error:.1f}).",
    )


def _failures(checks: Mapping[str, pd.DataFrame], models: Any, words: CountWords) -> tuple[str, ...]:
    """Failing predictive checks of the model that the page prefers."""
    name = next(iter(checks)) if models is None else str(models.index[0])
    named = {
        "fit": f"how much the counts differ between {words.areas}",
        "cut distances": f"how the distances between statuses differ between {words.areas}",
    }
    bad = [f"{named[str(c)]} (predictive p {p:.3f})" for c, p in checks[name]["p_value"].items() if p < POOR]
    if not bad:
        return ()
    return (f"Even the {name} model does not give {' nor '.join(bad)}: read its intervals with care.",)


def _comparison(
    posteriors: Mapping[str, xr.DataTree],
    counts: xr.Dataset,
    success: Sequence[str],
    areas: pd.DataFrame,
    words: CountWords,
    names: Mapping[str, str],
) -> Table:
    raw = raw_shares(counts, success=success)
    frames = {}
    for name, posterior in posteriors.items():
        fitted = posterior["posterior"]["share"]
        if "status" in fitted.dims:
            frames[name] = compare(collapse_statuses(posterior, success), raw).assign(n=raw["n"])
        elif name.startswith(SHARE):
            frames[name] = compare(posterior, raw).assign(n=raw["n"])
    added = areas[["shrinkage", "prob_best", "prob_worst", "prob_above_average"]]
    frames[SHARE] = frames[SHARE].join(added)
    whole = pd.concat({names.get(name, name): frame for name, frame in frames.items()}, names=["posterior"])
    shown, said = ends(areas)
    if not said:
        shown = areas if len(areas) > 1 else areas.drop(columns=added.columns)
    return Table(
        whole.reset_index("posterior"),
        f"Share {words.success} by {words.area}{said}: raw share with its 95% Wilson interval beside the partially pooled posterior "
        f"share with its {_INTERVAL}; shrinkage is how far pooling moves it from the raw share towards the overall one (100%: all the "
        "way). The CSV file adds the other poolings, and the same shares under the ordinal and the multinomial model.",
        shown=shown,
        headings={**_RAW, "area": capital(words.area), "prob_worst": "P(last)"},
        shares=(*SHARES, "shrinkage"),
    )


def _shares_picture(areas: pd.DataFrame, words: CountWords, title: str) -> Picture:
    few, said = ends(areas)
    best: Any = few.iloc[0]
    return Picture(
        plot_shares(
            few,
            title=f"{best.name}{' is highest' if len(areas) > 1 else ''}: {best['mean']:.0%} {words.success}",
            subtitle=f"{title or capital(f'share {words.success} by {words.area}')}{said}; {_counted(areas, words)}",
            xlabel=f"share {words.success}, per cent of {words.items}",
        ),
        f"Open squares: raw shares {words.success} with Wilson intervals. Blue: partially pooled. Those with few {words.items} move far "
        "towards the average.",
        f"Shares {words.success} by {words.area}; {few.index[0]} is highest, {few.index[-1]} lowest.",
    )


def _status_tables(
    checks: Mapping[str, pd.DataFrame],
    statuses: Mapping[str, pd.DataFrame],
    models: pd.DataFrame | None,
    words: CountWords,
) -> dict[str, Table]:
    shown = next(iter(statuses.values())).reset_index()
    if len(shown) > 4 * MANY:
        shown = shown.loc[(shown["p_value"] - 0.5).abs().nlargest(MANY).index]
    found = {
        "statuses": Table(
            pd.concat(statuses, names=["model"]).reset_index(),
            f"{capital(words.items)} by {words.area} and status: observed, and replicated from each model (mean, {_INTERVAL}, mid "
            "p-value)"
            + (f"; the {MANY} that fit worst, all are in the CSV file." if len(shown) == MANY else "."),
            shown=shown,
            headings={"area": capital(words.area), "status": "Status", "mean": "Replicated"},
        ),
        "checks_by_model": Table(
            pd.concat(checks, names=["model"]).reset_index(),
            "Posterior predictive checks: Pearson's chi-square of all counts, and how much the distances between cutpoints vary between "
            f"{words.areas}; a small p-value speaks against the model (of the ordinal one, against proportional odds).",
            headings={"check": "Check"},
        ),
    }
    if models is not None:
        found["models"] = Table(
            models,
            f"Ordinal (proportional odds) against multinomial by leaving one {words.area} out, every one refitted: expected log "
            f"predictive density (elpd; higher is better), and the difference from the best with its standard error over {words.areas}. "
            "The CSV file adds weights for averaging the two.",
            shown=models[[c for c in models.columns if c not in ("stacking", "pseudo_bma", "weight")]],
        )
    return found


def _counted(areas: pd.DataFrame, words: CountWords) -> str:
    return f"{areas['n'].sum():,.0f} {words.items} in {words.many(len(areas))}"


def _status_picture(model: str, table: pd.DataFrame, words: CountWords) -> Picture:
    areas = list(dict.fromkeys(table.index.get_level_values("area")))
    drawn, said = table, ""
    if len(areas) > MANY:
        size = table["observed"].groupby(level="area").sum().nlargest(MANY).index
        drawn = table[table.index.get_level_values("area").isin(size)]
        drawn.attrs, said = table.attrs, f", the {MANY} largest of {len(areas):,}"
    return Picture(
        plot_status_bars(
            drawn,
            items=words.items,
            title=fit_message(table),
            subtitle=f"{table['observed'].sum():,.0f} {words.items} in {words.many(len(areas))} by status{said}; {model} model",
        ),
        f"Bars: observed counts. Dots and lines: replicated from the {model} model. {count_outside(table)} of {len(table)} counts lie "
        "outside their 95% equal-tailed interval.",
        f"Bars of observed counts by {words.area} and status with predictive intervals over them.",
    )


def _not_searched(counts: xr.Dataset, words: CountWords) -> str:
    """Why proportional odds are not searched for by maximum likelihood, of three statuses or more."""
    total = counts["count"].sum("area")
    empty = [str(status) for status in total["status"].to_numpy()[total.to_numpy() == 0]]
    if counts.sizes["area"] == 1:
        return f"there is one {words.area}"
    if empty:
        return f"no {words.area} has any of {' or '.join(empty)}"
    if counts.sizes["area"] > _SEARCHED:
        return f"each of the {counts.sizes['area']:,} {words.areas} would need a parameter of its own, at most {_SEARCHED} are searched for"
    return ""


def _frequentist(counts: xr.Dataset, words: CountWords) -> tuple[dict[str, Table], list[str]]:
    """Classical tests, and why there is none where one would be looked for."""
    tables, missing = dict[str, Table](), list[str]()
    try:
        tables["chi_square"] = Table(
            chi_square(counts), f"Pearson's chi-square test that all {words.areas} have the same shares."
        )
    except DataError:  # these counts have been read: they are too few to be compared
        missing.append(
            f"There is no chi-square test: the {words.items} are of one {words.area}, or of one status."
        )
    if counts.sizes["status"] == 2:
        return tables, missing
    if why := _not_searched(counts, words):
        missing.append(f"There is no table of proportional odds by maximum likelihood: {why}.")
    else:
        odds: Any = fit_proportional_odds(counts)
        if "note" in odds:
            odds["note"] = odds["note"].str.replace("targets", words.items)
        tables["proportional_odds"] = Table(
            odds,
            f"Proportional odds by maximum likelihood: cutpoints, and the log odds ratio of each {words.area} against the average one "
            "(95% Wald).",
            shown=odds if len(odds) <= 2 * MANY else pd.concat([odds.head(MANY), odds.tail(MANY // 2)]),
        )
    return tables, missing


def _spread(headline: xr.DataTree, success: Sequence[str], words: CountWords) -> tuple[Table, Picture]:
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
        tree,
        title=f"Best and last {words.area}: {100 * rows['posterior']['low']:.0f} to {100 * rows['posterior']['high']:.0f} points apart",
        subtitle=f"Gap between the highest and the lowest share {words.success}, before and after the data; {_INTERVAL}",
        xlabel="percentage points",
    )
    return (
        Table(
            table,
            f"Gap between the highest and the lowest share {words.success} of any {words.area}. In percentage points; {_INTERVAL}.",
            headings={"draws": "Before or after the data"},
            shares=SHARES,
        ),
        Picture(
            figure,
            f"Dashed: what the priors say about the gap between the best and the last {words.area}; the data leave "
            f"{rows['posterior']['low']:.0%} to {rows['posterior']['high']:.0%} ({_INTERVAL}).",
            f"Densities of the gap between the best and the last {words.area} under prior and posterior.",
        ),
    )


def contrast_rows(
    posteriors: Mapping[str, xr.DataTree],
    counts: Mapping[str, xr.Dataset],
    pairs: Mapping[str, Mapping[str, tuple[str, str]]],
    success: Mapping[str, tuple[str, ...]],
) -> pd.DataFrame:
    """Differences in share and odds ratios (median and interval) of pairs of groups, beside Fisher's exact test.

    `posteriors` are named ``<table>_<success>``, e.g. ``"kind_green"``; `pairs` holds by table the contrasts and their two groups,
    `success` the name of each way to succeed and its statuses.
    """
    parts: list[pd.DataFrame] = []
    for table, contrasts in pairs.items():
        for word, statuses in success.items():
            found = contrast_table(area_contrasts(posteriors[f"{table}_{word}"], contrasts, success=statuses))
            difference, ratio = (found.xs(kind, level=1) for kind in ("difference", "odds_ratio"))
            fisher = fisher_tests(counts[table], contrasts, success=statuses)
            part = difference[["mean", "low", "high"]].assign(
                odds_ratio=ratio["median"],
                odds_low=ratio["low"],
                odds_high=ratio["high"],
                prob_positive=difference["prob_positive"],
                raw_difference=fisher["difference"],
                raw_odds_ratio=fisher["odds_ratio"],
                p_fisher=fisher["p_fisher"],
            )
            part.insert(0, "success", word.replace("_", " "))
            parts.append(part.loc[list(contrasts)])
    result = pd.concat(parts).rename_axis("contrast")
    result.attrs = {"interval": "eti", "prob": 0.95}
    return result


def contrast_words(row: pd.Series[float]) -> str:
    """A difference in share in words, with interval and probability."""
    return (
        f"{100 * row['mean']:.0f} percentage points ({_INTERVAL} {round(100 * row['low']) + 0:d} to {100 * row['high']:.0f}); "
        f"above 0 with a probability of {percent_text(float(row['prob_positive']))}"
    )
