"""Andrews, Downe & Guarneros-Meza (2014): might targets have been set looking at a later score? Numbers and words."""

from __future__ import annotations

import math

import pandas as pd
import xarray as xr

from ..comparison.claims import allowed_text
from ..inference.summary import summarise_draws
from ..models.anchoring.answers import gap_for_regression_to_mean
from ..models.anchoring.world import Design
from ..readers.package import Study
from .andrews2014 import ON, STRETCH, evaluation

# "Data and measures": 86 of the 150 partnerships had targets for cohesion; 1,100 answers in each area gave +/- 3 points at
# 95%. (At a score of 77% the binomial error of 1,100 answers is 1.27 points; weighting makes it larger.)
N_TARGETS = 86
SURVEY_SE = 3 / 1.96

# What target setters had before them, as the share of the survey error in it.
ANY, LEVELS, FIGURES = "whatever was seen", "true levels seen", "survey figures seen"
SEEN = {ANY: None, LEVELS: 0.0, FIGURES: 1.0}

POINT = "points of the true score in 2008 for each point of stretch"
WEIGHT_AXIS = "weight of the later score (0: targets set from the score of 2006, 1: from that of 2008)"

METHODS = (
    "150 areas are simulated with true scores in 2006 and 2008, survey errors of 1.53 points (3 / 1.96), and 86 targets. A "
    "target is (1 - w) x the score of 2006 + w x the score that the area was heading to in 2008 + ambition. The causal slope is "
    "how far the "
    "true score of 2008 rises for each point that the target lies above the true score of 2006. Target setters saw a share of the "
    "survey error between none (they knew the true level) and all (they took the published figures). Then the sixteen statistics "
    "are computed that the paper prints: mean, s.d., smallest and largest of both scores and of stretch, slope of stretch, its "
    "robust s.e. (taken for HC1), R² with and without it. 19 areas with a target have no stretch, as N falls from 150 to 131.",
    "The likelihood of those sixteen numbers is learnt from 28,000 simulated studies (a synthetic likelihood: normal on "
    "transformed scales, with mean, variances and dependence that follow the parameters). There is no tolerance. It is sampled "
    "by four independent populations of sequential Monte Carlo. The gate asks that they agree, and that the learnt likelihood fits "
    "new simulations from the posterior. It also asks that no printed statistic lies in the far tails of what the posterior predicts.",
    "Weight, share of error seen and causal slope have the priors Beta(1, 1), Beta(1, 1) and Normal(0, 1). The slope for a given "
    "weight rests on the posterior draws within 0.1 of it, moved to it along their regression: the prior of the weight plays no part.",
)
LIMITS = (
    "How targets were set. The printed statistics fit any weight of the later score nearly as well as any other: this is a sensitivity "
    "analysis, and no evidence that targets were or were not set after the fact.",
    "Whether ambition was given to areas that would have improved anyway: the model draws it without regard to the area. A "
    "positive causal slope means no more than that within this model.",
    "Who got a target, and why 19 areas drop out, is taken to have nothing to do with scores; controls likewise, whose own "
    "correlations with stretch are not printed.",
    "The survey error is taken as printed, 1.53 points in every area. A smaller one leaves more room for true change, and so for targets "
    "set from later scores.",
)


def anchoring_summary(study: Study) -> pd.DataFrame:
    """What the paper prints of both scores, stretch and its slope, ready for `anchoring_model`.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> summary = anchoring_summary(load_study("andrews2014"))
    >>> summary.loc[["slope", "slope_se", "min_stretch"], "value"].tolist(), summary.attrs["design"].n_missing
    ([0.651, 0.09, -14.34], 19)
    """
    described = study.tables["descriptives"].set_index("variable")
    rows = {"before": "Cohesion 2006", "after": "Cohesion 2008", "stretch": STRETCH}
    values = {
        f"{what}_{of}": described.loc[row, what]
        for of, row in rows.items()
        for what in ("mean", "sd", "min", "max")
    }
    fits, controls = study.tables["ols_fit"].set_index("model"), evaluation(study, 1)
    slope, n = evaluation(study, 3).estimates.to_dict("index")[STRETCH], fits["n"].astype(int)
    values |= {"slope": slope["estimate"], "slope_se": slope["se"]}
    values |= {"r2_with": fits.loc[3, "r2"], "r2_without": fits.loc[1, "r2"]}
    design = Design(
        n_authorities=int(n[1]),
        n_targets=N_TARGETS,
        n_missing=int(n[1] - n[3]),
        n_controls=len(controls.estimates) - len(controls.constants),
        survey_se=SURVEY_SE,
    )
    frame = pd.DataFrame({"value": values}, dtype=float).rename_axis("statistic")
    frame.attrs = {"design": design, "origin": "published", "file": "andrews2014, Tables 1 and 2"}
    return frame


def regression_to_mean(study: Study, posterior: xr.DataTree, *, seed: int) -> pd.DataFrame:
    """`gap_for_regression_to_mean` for the printed effect of having a target (Table 2, Model 2)."""
    on = evaluation(study, 2).estimates.to_dict("index")[ON]
    return gap_for_regression_to_mean(posterior, float(on["estimate"]), float(on["se"]), seed=seed)


def answer(
    printed: float, bands: dict[str, pd.DataFrame], tips: pd.DataFrame, noise: pd.DataFrame, gap: pd.DataFrame
) -> tuple[str, tuple[str, ...]]:
    """What the analysis found: a sentence, and the numbers as a list."""
    first, last, worst = bands[ANY].iloc[0], bands[ANY].iloc[-1], bands[FIGURES].iloc[-1]
    true = noise.loc["the true level"]
    drift, error = gap.loc["survey error and drift to the middle"], gap.loc["survey error alone"]
    alone = (
        "more than any choice of areas could give"
        if error["share_of_largest"] > 1
        else f"{error['gap_in_sd']:.1f} s.d."
    )
    shares = [
        allowed_text(100 * (1 - row["median"] / printed), 100 * row["mcse"] / printed, 0)
        for row in (first, worst)
    ]
    falls = " and ".join(below(tips.T[FIGURES], "falls "))
    sentence = (
        f"Between about {shares[0]}% and {shares[1]}% of the printed slope of stretch ({printed:g}) may be arithmetic, depending on "
        "which score the targets were set from; the printed statistics do not tell which."
    )
    return sentence, (
        f"Targets set from the score of 2006: a causal slope of {_interval(first)}, posterior median and 95% interval.",
        f"Targets set from the later score: {_interval(last)}, or {_interval(worst)} where target setters saw the published figures of "
        "2008.",
        f"Probability of a positive slope, if target setters saw the published figures: it {falls}.",
        f"Survey noise alone: with targets set from the true level of 2006 it gives a slope of {true['mean']:.2f}, "
        f"{100 * true['share_of_printed']:.0f}% of the printed one.",
        f"Having a target: regression to the mean alone gives the printed .952 if areas with a target scored about {drift['gap']:.0f} "
        f"points ({drift['gap_in_sd']:.1f} s.d.) lower in 2006. From survey error alone it takes {error['gap']:.0f} points, {alone}.",
    )


def _interval(row: pd.Series[float]) -> str:
    low, high = (allowed_text(row[name], row["mcse_interval"]) for name in ("low", "high"))
    return f"{allowed_text(row['median'], row['mcse'])} ({low} to {high})"


def below(tips: pd.Series[float], verb: str = "") -> list[str]:
    """For each level of a probability, the weight of the later score from which it lies (or `verb`) below.

    In per cent, to the nearest five: between the weights that were computed it is no surer than that.
    """
    return [
        f"never {verb}below {float(str(level)):.0%}"
        if math.isnan(weight)
        else f"{verb}below {float(str(level)):.0%} once the later score has a weight of about {5 * round(20 * weight)}%"
        for level, weight in tips.astype(float).items()
    ]


def parameter_table(posterior: xr.DataTree, prob: float = 0.95) -> pd.DataFrame:
    """Posterior mean, s.d. and equal-tailed interval of every parameter, with its unit."""
    draws = posterior["posterior"].to_dataset()
    table = pd.concat([summarise_draws(draws[name], prob) for name in PARAMETERS]).rename_axis("parameter")
    table = table.drop(columns="median").assign(unit=[unit for _, unit in PARAMETERS.values()])
    table.attrs = {"interval": "eti", "prob": prob}
    return table


def band_alt(bands: dict[str, pd.DataFrame]) -> str:
    """What the band shows, for readers who do not see it."""
    first, last = bands[ANY].iloc[0], bands[ANY].iloc[-1]
    return f"The causal slope falls from {_interval(first)} at a weight of 0 to {_interval(last)} at a weight of 1."


def check_alt(check: pd.DataFrame) -> str:
    """How many printed statistics lie inside, for readers who do not see it."""
    outside = check.index[(check["printed"] < check["low"]) | (check["printed"] > check["high"])]
    named = f"; outside: {', '.join(map(str, outside))}" if len(outside) else ""
    return f"{len(check) - len(outside)} of {len(check)} printed statistics lie inside their predictive interval{named}."


# What each parameter is called, and its unit.
PARAMETERS = {
    "anchor_weight": ("weight of the later score", "0: score of 2006; 1: of 2008"),
    "causal_slope": ("causal slope", "points for each point asked"),
    "error_seen": ("share of the survey error seen", "share of the survey error"),
    "ambition_mean": ("ambition, mean", "points above the score looked at"),
    "ambition_sd": ("ambition, s.d.", "points"),
    "score_before": ("score of 2006, mean", "% of respondents"),
    "spread_before": ("score of 2006, s.d.", "points"),
    "score_after": ("score of 2008 without targets", "% of respondents, without targets"),
    "carry_over": ("carry-over from 2006 to 2008", "log of the share not agreeing, on that of 2006"),
    "drift_sd": ("drift, s.d.", "points"),
    "control_sd": ("controls, s.d.", "points"),
}
LABELS = {
    **{name: label for name, (label, _) in PARAMETERS.items()},
    "slope": "slope of stretch",
    "slope_se": "its standard error",
    "r2_with": "R² with stretch",
    "r2_without": "R² without stretch",
    "anchoring": "targets set after the fact",
    **{
        f"{short}_{row}": f"{of}, {what}"
        for short, what in (("mean", "mean"), ("sd", "s.d."), ("min", "smallest"), ("max", "largest"))
        for row, of in (("before", "score of 2006"), ("after", "score of 2008"), ("stretch", "stretch"))
    },
}
CAPTIONS = {
    "slope_by_weight": f"Causal slope by the weight of the later score. In {POINT}, if target setters saw true levels, "
    "survey figures, or something between. Median, 95% equal-tailed interval, probability of a positive slope. "
    "The CSV holds every weight.",
    "tipping_points": "From which weight of the later score doubt begins. The smallest weight at which the probability of a "
    "positive causal slope falls below 90% "
    "and below 50%; empty where it does not up to a weight of 1.",
    "noise_alone": "What survey noise alone gives. Slope of stretch in simulated studies whose targets are set from 2006 and "
    "have no effect at all: mean, 95% "
    "equal-tailed interval of one study's slope, and the mean as a share of the printed .651. Where targets were set from "
    "the true level, stretch and change contain the same error of the 2006 survey; where from the survey's figure, stretch does not.",
    "regression_to_mean": "Regression to the mean as the whole of the printed .952. How much lower areas with a target would have had "
    "to score in 2006. Change in per cent for each point (reversion); gap in points with its 95% equal-tailed interval, the "
    "printed s.e. of .659 included; gap in s.d. of the 2006 scores. The last column is its share of the largest gap there can be, with "
    "targets for exactly the 86 lowest scores: more than 1 is impossible. The paper prints no scores of areas with and without a target.",
    "summary_check": "Printed and simulated statistics. Each printed statistic beside those of studies simulated from the "
    "posterior: median, 95% equal-tailed posterior "
    "predictive interval, two-sided posterior predictive p-value.",
    "parameters": "All parameters: posterior mean, s.d., 95% equal-tailed interval. The weight's interval covers nearly all of its range: "
    "the printed statistics do not tell what targets were set from.",
    "band_figure": "The more targets were set from the later score, the less of the printed slope (dashed) is left for a causal effect. "
    "All rests on simulated studies and on assumptions that the paper does not let one check.",
    "check_figure": "The model is able to print what was printed: squares inside the grey band.",
}


def tried_weights(bands: pd.DataFrame) -> dict[str, dict[str, tuple[float, float]]]:
    """The lowest probability of a causal slope of stretch above 0, by what target setters saw, with its simulation error."""
    table = bands if "weight" in bands else bands.reset_index()
    found = {}
    for assumed, rows in table.groupby("assumed", sort=False):
        least = rows.nsmallest(1, "prob_positive").iloc[0]
        found[f"targets set with a weight of {100 * least['weight']:.0f}% on the later score, {assumed}"] = (
            float(least["prob_positive"]),
            float(least["prob_error"]),
        )
    return {"stretch-effect": found}
