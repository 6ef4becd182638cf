"""LPSA targets by policy area: which areas are on course?

Of 155 targets of Local Public Service Agreements, which share was on course (green) in each of twelve policy areas, once
tiny counts are pooled as far as the data ask for it? ODPM (2005), chapter 8, Table 3.
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.result import Picture, Result, Table
from bayes_targets.studies import odpm2005 as report


def analyse(run):
    study = run.study(report.NAME)
    counts = report.counts(study, "policy_area")
    raw = bt.raw_shares(counts, success=report.GREEN)
    posteriors = {"area_green": run.fit("area_green", bt.success_model(counts, success=report.GREEN))}
    for pooling in ("none", "complete"):
        name = f"area_green_{pooling}"
        posteriors[name] = run.fit(name, bt.success_model(counts, success=report.GREEN, pooling=pooling))
    posteriors["area_not_red"] = run.fit("area_not_red", bt.success_model(counts, success=report.NOT_RED))
    tables = {name: bt.compare(posteriors[name], raw).assign(n=raw["n"]) for name in list(posteriors)[:3]}
    draws = posteriors["area_green"]["posterior"]
    ranks = bt.rank_probabilities(draws["share"])
    tables["area_green"] = tables["area_green"].assign(prob_best=ranks[1], prob_worst=ranks[len(ranks)])
    pooled, new = tables["area_green"], posteriors["area_green"]["posterior_predictive"]["new_area_share"]
    best, worst = ranks[1].idxmax(), ranks[len(ranks)].idxmax()
    low, high = (float(new.quantile(q)) for q in (0.025, 0.975))
    overall = float(raw["successes"].sum() / raw["n"].sum())
    return Result(
        answer=(
            f"{best} leads: {pooled.loc[best, 'mean']:.0%} of its targets on course (95% equal-tailed interval "
            f"{pooled.loc[best, 'low']:.0%} to {pooled.loc[best, 'high']:.0%}), against {overall:.0%} overall; the probability that it is "
            f"the best of the twelve is {ranks[1][best]:.2f}. {worst} is the most probable worst ({ranks[len(ranks)][worst]:.2f}), and "
            f"areas with three targets tell next to nothing: a new area could have anything from {low:.0%} to {high:.0%}."
        ),
        tables={
            "comparison": Table(
                pd.concat(tables, names=["posterior"]).reset_index("posterior"),
                "Share of targets on course (green) by policy area: raw share with its 95% Wilson interval beside the partially pooled "
                "posterior share with its 95% equal-tailed interval. The CSV adds no and complete pooling.",
                shown=pooled[["n", "ols_estimate", "ols_low", "ols_high", "mean", "low", "high", "prob_best", "prob_worst"]],
            ),
            "ranks": Table(ranks, "Posterior probability of each rank (1: highest share on course), partial pooling."),
        },
        pictures={
            "shares": Picture(
                bt.plot_shares(pooled.sort_values("mean", ascending=False), title="Targets on course by policy area", overall=overall),
                "Open squares: raw shares with Wilson intervals. Filled: partially pooled. Small areas move far towards the average.",
                f"Shares on course by area; {best} is highest, {worst} lowest; intervals of small areas are wide.",
            ),
            "shrinkage": Picture(
                bt.plot_shrinkage(
                    raw["estimate"], {"partial pooling": pooled}, average=overall, n=raw["n"], percent_axis=True,
                    title="How far pooling moves each area", xlabel="share of targets on course, per cent",
                ),
                "Each line runs from the raw share to the pooled one: the fewer targets, the longer the way to the average.",
                "Lines from raw to pooled shares; areas with three targets move most.",
            ),
        },
        posteriors=posteriors,
        methods=report.METHODS,
        limits=report.LIMITS,
    )  # fmt: skip
