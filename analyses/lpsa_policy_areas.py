"""LPSA targets by policy area: which areas are on course?

Of 155 targets of Local Public Service Agreements, which share was on course (green) in each of twelve policy areas, once
tiny counts are pooled as far as the data ask for it? ODPM (2005), chapter 8, Table 3.
"""

from dataclasses import replace
from pathlib import Path
from runpy import run_path

import bayes_targets as bt
from bayes_targets.report import success as page
from bayes_targets.report.words import CountWords
from bayes_targets.studies import odpm2005 as report

DATA = "counts"
SECONDS = 3
# The names of the claims ledger.
NAMES = {
    page.SHARE: "area_green",
    page.NONE: "area_green_none",
    page.COMPLETE: "area_green_complete",
    page.NOT_WORST: "area_not_red",
    page.ORDINAL: "area_ordinal",
    page.MULTINOMIAL: "area_multinomial",
}
WORDS = CountWords(area="policy area", areas="policy areas", success="green")


def analyse(run):
    if run.settings.data is not None:
        run.say(f"{run.name}: for your own file this analysis is now called counts")
        return run_path(str(Path(__file__).with_name("counts.py")))["analyse"](run)
    counts = report.counts(run.study(report.NAME), "policy_area")
    models = {
        page.SHARE: bt.success_model(counts, success=report.GREEN),
        page.NONE: bt.success_model(counts, success=report.GREEN, pooling="none"),
        page.COMPLETE: bt.success_model(counts, success=report.GREEN, pooling="complete"),
        page.NOT_WORST: bt.success_model(counts, success=report.NOT_RED),
        page.ORDINAL: bt.success_model(counts, outcome="ordinal"),
        page.MULTINOMIAL: bt.success_model(counts, outcome="multinomial"),
    }
    labels = page.labels(WORDS, NAMES)
    posteriors = {name: run.fit(NAMES[name], model, labels[NAMES[name]]) for name, model in models.items()}
    left_out = {
        outcome: bt.leave_one_area_out(models[outcome], seed=run.settings.seed)
        for outcome in (page.ORDINAL, page.MULTINOMIAL)
    }
    result = page.area_result(
        counts,
        posteriors,
        bt.compare_models(left_out),
        words=WORDS,
        success=report.GREEN,
        title="Targets on course by policy area",
        names=NAMES,
        limits=report.LIMITS,
    )
    return replace(result, terms=report.TERMS)
