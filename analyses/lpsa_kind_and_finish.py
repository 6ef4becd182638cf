"""LPSA targets by kind and finish year: local against national, early against late.

Were local targets more often on course than national ones, and were authorities that finish in 2005 less hopeful than those
with another year to go? ODPM (2005), chapter 8, Tables 1 and 2.
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.result import Picture, Result, Table
from bayes_targets.studies import odpm2005 as report


def analyse(run):
    study = run.study(report.NAME)
    posteriors, tables = {}, {}
    for table in ("kind", "finish"):
        counts = report.counts(study, table)
        for suffix, success in (("green", report.GREEN), ("not_red", report.NOT_RED)):
            name = f"{table}_{suffix}"
            # Two groups say next to nothing about a spread between groups: no pooling.
            posteriors[name] = run.fit(name, bt.success_model(counts, success=success, pooling="none"))
            raw = bt.raw_shares(counts, success=success)
            tables[name] = bt.compare(posteriors[name], raw).assign(n=raw["n"])
    kind = report.contrast(posteriors["kind_green"], "Local targets", "National targets")
    finish = report.contrast(posteriors["finish_green"], "2006 finish", "2005 finish")
    green = pd.concat([tables["kind_green"], tables["finish_green"]])
    green.attrs = tables["kind_green"].attrs
    return Result(
        answer=(
            f"Local targets were on course more often than national ones: by {100 * kind['mean']:.0f} percentage points (95% "
            f"equal-tailed interval {100 * kind['low']:.0f} to {100 * kind['high']:.0f}), "
            f"probability {bt.probability_text(kind['prob_positive'])} of any advantage. "
            f"Authorities finishing in 2006 were more hopeful than those finishing in 2005 by {100 * finish['mean']:.0f} points "
            f"({round(100 * finish['low']) + 0} to {100 * finish['high']:.0f}), probability {bt.probability_text(finish['prob_positive'])}."
        ),
        tables={
            "comparison": Table(
                pd.concat(tables, names=["posterior"]).reset_index("posterior"),
                "Share of targets green, and green or amber (not red), by kind of target and by finish year: raw share with its 95% "
                "Wilson interval beside the posterior share with its 95% equal-tailed interval.",
            ),
            "contrasts": Table(
                pd.DataFrame({"local minus national": kind, "2006 minus 2005": finish}).T.rename_axis(
                    "contrast"
                ),
                "Differences in the share of green targets; 95% equal-tailed interval.",
            ),
        },
        pictures={
            "shares": Picture(
                bt.plot_shares(green, title="Targets on course by kind and by finish year"),
                "Local targets and those with another year to go are more often on course.",
                "Shares on course: local above national, 2006 finish above 2005 finish.",
            )
        },
        posteriors=posteriors,
        methods=report.METHODS,
        limits=(*report.LIMITS, report.MARGINS_LIMIT),
    )
