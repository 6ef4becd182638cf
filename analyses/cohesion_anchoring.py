"""Cohesion: were targets set after the fact?

How much of the printed effect of stretch can be arithmetic, if targets were set looking at a later score than that of 2006,
and stretch and change share one noisy survey? A sensitivity analysis of Andrews, Downe & Guarneros-Meza (2014), from the
printed statistics alone.
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.report.result import Picture, Result, Table
from bayes_targets.studies import andrews2014_anchoring as paper
from bayes_targets.studies.andrews2014 import TERMS

SECONDS = 2.5
LEVELS = (0.9, 0.5)


def analyse(run):
    study = run.study("andrews2014")
    summary = paper.anchoring_summary(study)
    printed = summary.loc["slope", "value"]
    posterior = run.fit("anchoring", bt.anchoring_model(summary))
    bands = {name: bt.slope_by_weight(posterior, error_seen=seen) for name, seen in paper.SEEN.items()}
    tips = pd.DataFrame({name: bt.tipping_points(band, LEVELS) for name, band in bands.items()}).T
    tips = tips.rename_axis("assumed")
    noise = bt.noise_alone(posterior, seed=run.settings.seed)
    gap = paper.regression_to_mean(study, posterior, seed=run.settings.seed)
    check = bt.check_summary(posterior)
    band = pd.concat(bands, names=["assumed"]).reset_index("assumed")
    shown = band[band.index.isin([0.0, 0.25, 0.5, 0.75, 1.0])].drop(columns="n_draws", errors="ignore")
    answer, points = paper.answer(printed, bands, tips, noise, gap)
    return Result(
        answer=answer,
        points=points,
        labels=paper.LABELS,
        terms=TERMS,
        tables={
            "slope_by_weight": Table(band, paper.CAPTIONS["slope_by_weight"], shown=shown),
            "tipping_points": Table(tips.rename(columns=str), paper.CAPTIONS["tipping_points"]),
            "noise_alone": Table(noise, paper.CAPTIONS["noise_alone"]),
            "regression_to_mean": Table(gap, paper.CAPTIONS["regression_to_mean"]),
            "summary_check": Table(check, paper.CAPTIONS["summary_check"]),
            "parameters": Table(paper.parameter_table(posterior), paper.CAPTIONS["parameters"]),
        },
        pictures={
            "slope_by_weight": Picture(
                bt.plot_slope_by_weight(bands, printed=printed, tips=tips, xlabel=paper.WEIGHT_AXIS),
                paper.CAPTIONS["band_figure"],
                paper.band_alt(bands),
            ),
            "summary_check": Picture(
                bt.plot_summary_check(check), paper.CAPTIONS["check_figure"], paper.check_alt(check)
            ),
        },
        posteriors={"anchoring": posterior},
        methods=paper.METHODS,
        limits=paper.LIMITS,
    )
