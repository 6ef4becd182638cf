"""The page on robustness: one table that an adviser can read, and the figures beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ..comparison.claims import allowed_text, percent_text
from ..plots import plot_design, plot_prior_curve, plot_specifications
from ..readers.package import Study
from ..report.cells import named
from ..report.result import Picture, Result, Table
from ..sensitivity import (
    Multiverse,
    approximate_risk_ratio,
    confounder_bounds,
    design_analysis,
    e_value,
    needed_authorities,
    prior_curve,
    reverse_bayes,
    robustness_value,
)
from ..sensitivity.prior_grid import grid_of_estimate, prior_families
from . import andrews2014 as paper
from .andrews2014_anchoring import weight_text

NAMES = {"target": "Having a target", "stretch": "A point of stretch"}
_MODELS = {"target": 2, "stretch": 3}
_TERMS = {"target": paper.ON, "stretch": paper.STRETCH}
_WHERE = "change in cohesion, English authorities, 2006 to 2008, n = 150 (stretch: 131)"
_DESIGN_EFFECTS = (0.5, 1.0, 2.0)
_DESIGN_NUMBERS = (50, 75, 100, 150, 200, 300, 450, 600, 900, 1200, 2000)
# Noise between alike authorities that the printed standard error implies: .659 * sqrt(150 * .57 * .43) = 4.0.
_DESIGN: Mapping[str, Any] = {"sigma": 4.0, "share_with_target": 86 / 150, "prior_sd": 5.0}
_SHOWN = ["pooling", "slopes", "noise", "prior", "controls", "mean", "sd", "low", "high", "prob_positive"]
METHODS = (
    "Sceptic: a normal prior around no effect, and the narrowest one that still lets the effect convince (posterior probability of "
    "its sign above 95%, a one-sided criterion: a two-sided 95% interval that excludes zero asks for more). The fail-safe number "
    "counts evaluations of the same precision that found exactly nothing and weigh as much as this prior."
    " Matthews (2018), Held (2019), Held & Ott (2018).",
    "Omitted causes: the robustness value is the share of the residual variance, of the target measure and of the outcome alike, that "
    "something left out must explain to bring the slope to 0 (Cinelli & Hazlett 2020); E-values: VanderWeele & Ding (2017). "
    "The printed standard errors are robust; the algebra is that of classical ones.",
    "Multiverse: every combination of pooling, slopes, noise, prior of the slope and controls, each a posterior with its checks, pooled "
    "over reconstructed data sets. How these differ is simulation error: after \N{PLUS-MINUS SIGN} stands twice that error, and counts go "
    "from the fewest to the most specifications that it allows. The reference type is no choice: the slope does not depend on it.",
    "New evaluation: chance that P(effect > 0) exceeds 95% when the true effect is as stated, with noise of 4 points between alike "
    "authorities, which is what the printed standard error implies; in closed form, checked by simulation.",
)
LIMITS = (
    "None of this tells what happened in 2006 to 2008: it tells what would have to be so for the answer to change.",
    "A multiverse shows how far choices move an answer. It does not weigh them: its shares are no probabilities.",
    "That targets may have been set after the fact is another question: no prior and no specification here takes it away.",
)


def robustness_table(
    study: Study,
    universes: Mapping[str, Multiverse],
    *,
    sd_change: pd.Series[float],
    tipping: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """What would change the answer to the two printed effects, one row per question; `sd_change` by reconstructed data set."""
    columns, numbers = {}, {}
    for effect in universes:
        rows, found = _answers(study, effect, universes[effect], sd_change)
        if tipping and effect in tipping:
            rows["Tipping point: targets set after the fact"] = tipping[effect]
        columns[NAMES[effect]], numbers[effect] = rows, found
    table = pd.DataFrame(columns).rename_axis("question")
    table.attrs["numbers"] = numbers
    return table


def tried_priors(grid: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Probability of each effect above 0 under the priors of the grid, for the ledger of claims."""
    families = {
        "normal": "",
        "student_t": ", Student-t",
        "spike": ", no effect at all has an even chance beforehand",
    }
    return {
        claim: {
            f"{row['attitude']} prior{families[row['family']]}": float(row["prob_positive"])
            for row in grid[grid["effect"] == NAMES[effect]].to_dict("records")
        }
        for effect, claim in (("target", "target-effect"), ("stretch", "stretch-effect"))
    }


def tipping_words(tips: pd.DataFrame, gap: pd.DataFrame) -> dict[str, str]:
    """What the analysis of targets set after the fact says of both effects, for `robustness_table`.

    Examples
    --------
    >>> tips = pd.DataFrame({"0.9": [0.4], "0.5": [float("nan")]})
    >>> words = tipping_words(tips, pd.DataFrame({"gap": [3.2], "gap_in_sd": [0.5]}))
    >>> words["stretch"]
    'The probability of a positive slope is below 90% once the later score has a weight of about 40%; never below 50%'
    """
    falls = [
        f"never below {float(str(level)):.0%}"
        if math.isnan(weight)
        else f"below {float(str(level)):.0%} once the later score has a weight of about {weight_text(weight)}"
        for level, weight in tips.iloc[-1].astype(float).items()
    ]
    least = gap.sort_values("gap").iloc[0]
    return {
        "stretch": f"The probability of a positive slope is {'; '.join(falls)}",
        "target": f"Regression to the mean alone would do if areas with a target had scored about {least['gap']:.0f} points "
        f"({least['gap_in_sd']:.1f} s.d.) lower in 2006",
    }


def sensitivity_result(
    study: Study,
    universes: Mapping[str, Multiverse],
    *,
    sd_change: pd.Series[float],
    tipping: Mapping[str, str] | None = None,
) -> Result:
    """Table, figures and words of the analysis of robustness; see `robustness_table` for what it takes."""
    table = robustness_table(study, universes, sd_change=sd_change, tipping=tipping)
    numbers = table.attrs["numbers"]
    target, stretch = numbers["target"], numbers["stretch"]
    design = design_analysis(_DESIGN_EFFECTS, _DESIGN_NUMBERS, **_DESIGN)
    needed = needed_authorities(1.0, **_DESIGN)
    grid = pd.concat({NAMES[e]: _grid(study, e) for e in universes}, names=["effect"]).reset_index("effect")
    influence = pd.concat(
        {NAMES[e]: u.influence for e, u in universes.items()}, names=["effect"]
    ).reset_index()
    curves = {NAMES[e]: prior_curve(n["estimate"], n["se"]) for e, n in numbers.items()}
    return Result(
        answer=(
            f"An omitted cause that explains {target['rv']:.0%} of what is left unexplained would account for all that goes with having a "
            f"target; for tougher targets it would have to explain {stretch['rv']:.0%}."
        ),
        points=(
            f"Having a target: that places with one improved more is {percent_text(target['neutral'])} probable under the default prior, "
            f"{percent_text(target['prob_positive'])} under a flat one and {percent_text(target['sceptical'])} for a sceptic; 95% "
            "(one-sided) would be called convincing.",
            f"Tougher targets: {stretch['fail_safe_n']:.0f} further evaluations of that size that find nothing would be needed to overturn "
            f"the association. It is positive in {stretch['share_positive']:.0%} of {stretch['specifications']:.0f} specifications.",
            f"A new evaluation: about {needed} authorities have a chance of 80% to make one more than 95% sure of a true effect of one "
            f"point; 150 have a chance of {design.query('effect == 1 and n_authorities == 150')['convincing'].item():.0%}.",
        ),
        tables={
            "robustness": Table(
                table, "What would have to be so for the answer to change. Slopes in percentage points of change in cohesion."
            ),
            "prior_grid": Table(
                grid.round(4),
                "Both effects under nine priors. Stretch: for one s.d., 3.9 points. Sceptical, neutral (the default), enthusiastic; "
                "normal, Student-t, or an even chance of no effect. Posterior mean, 95% equal-tailed interval, probability above 0 and of "
                "exactly 0.",
                section="sensitivity",
            ),
            "influence": Table(
                influence,
                "Which choice moves the slope most. Share of the variance over specifications, and largest difference between averages.",
                shown=influence.assign(lowest=influence["lowest"].map(named), highest=influence["highest"].map(named)),
                section="sensitivity",
                headings={"choice": "Choice", "lowest": "Lowest with", "highest": "Highest with"},
                shares=("variance_share",),
            ),
            "design": Table(
                design,
                "What a new evaluation of so many authorities would find, by true effect. Chance of a convincing answer (more than "
                "95% sure of a positive effect, one-sided), expected width of the 95% equal-tailed interval, and how often a "
                "convincing answer has the wrong sign, or by how much it exaggerates.",
                headings={"effect": "True effect"},
                shares=("convincing", "sign_error"),
            ),
            **{
                f"specifications_{effect}": Table(
                    universe.table,
                    f"{NAMES[effect]}: least, middle and greatest posterior mean of all specifications. The CSV file holds every one, and "
                    "whether it passed its checks.",
                    shown=universe.table.sort_values("mean").iloc[[0, len(universe.table) // 2, -1]][_SHOWN],
                )
                for effect, universe in universes.items()
            },
        },
        pictures=_pictures(universes, curves, design, needed),
        methods=METHODS,
        limits=LIMITS,
        terms=paper.PAGE_TERMS,
    )  # fmt: skip


def _answers(
    study: Study, effect: str, universe: Multiverse, sd_change: pd.Series[float]
) -> tuple[dict[str, str], dict[str, float]]:
    """The rows of one effect, as text and as numbers."""
    printed = paper.ols(study, model=_MODELS[effect])
    estimate, se = printed["estimate"][_TERMS[effect]], printed["se"][_TERMS[effect]]
    df, scale = float(printed.attrs["df"]), _scale(study, effect)
    credible = reverse_bayes(estimate, se, tails=1)
    robust = robustness_value(estimate / se, df)
    controls = printed.drop(index=[_TERMS[effect], "Constant"], errors="ignore")
    t = (controls["estimate"] / controls["se"]).abs()
    bound = confounder_bounds(estimate, se, df, benchmark_outcome=float(t.max() ** 2 / (t.max() ** 2 + df)))
    ratios = [
        e_value(*approximate_risk_ratio(estimate, se, sd, step=scale))
        for sd in (sd_change.mean(), *sd_change)
    ]
    grid = _grid(study, effect).set_index(["attitude", "family"])["prob_positive"]
    universal = universe.summary
    sceptical = float(grid["sceptical", "normal"])
    rows = {
        "Printed slope (standard error)": f"{estimate:.3f} ({se:.3f})",
        "Probability that it is above 0: default (neutral), sceptical, enthusiastic prior": " / ".join(
            percent_text(float(grid[attitude, "normal"])) for attitude in ("neutral", "sceptical", "enthusiastic")
        ),
        "… if no effect at all had an even chance beforehand": percent_text(float(grid["neutral", "spike"])),
        "Sceptical limit (one-sided 95%)": (
            f"Only who held effects beyond {credible.sceptical_limit:.3f} for improbable (5%) stays unconvinced"
            if credible.convincing
            else "No sceptic needed: not convincing at 95% under any prior around 0. It would convince who beforehand was sure of "
            f"an effect of between 0 and {credible.advocacy_limit:.0f}"
        ),
        "Fail-safe number (one-sided 95%): evaluations of this size finding nothing that would overturn it": f"{credible.fail_safe_n:.1f}",
        "Most that the data can speak against no effect (odds, half-normal priors on its side)": _odds(credible.bf_normal),
        "Robustness value: what an omitted cause must explain of both": f"{robust.rv:.0%} (to lose significance: {robust.rv_alpha:.0%})",
        "Left by an omitted cause as strong as the strongest printed control": (
            f"{bound.estimate:.2f} (t {bound.t:.1f}; as strong as {t.idxmax()})"
        ),
        "E-value (its limit)": "{} ({})".format(*(
            _with_error(values) for values in ([one.point for one in ratios], [one.limit for one in ratios])
        )),
        "Range over the multiverse": _range_words(universe),
    }  # fmt: skip
    numbers = {name: value for name, value in asdict(credible).items() if isinstance(value, float)}
    numbers |= {
        "rv": robust.rv,
        "sceptical": sceptical,
        "neutral": float(grid["neutral", "normal"]),
        **{str(name): float(value) for name, value in universal.items()},
    }
    return rows, numbers


def _with_error(values: Sequence[float]) -> str:
    """The first of some values, in the digits that the differences between the others allow."""
    others = np.array(values[1:])
    return allowed_text(values[0], others.std(ddof=1) / math.sqrt(len(others)) if len(others) > 1 else 0.0)


def _range_words(universe: Multiverse) -> str:
    """Least and greatest mean and probability over the specifications, in the digits that their simulation errors allow."""
    table = universe.table[universe.table["passed"].astype(bool)]
    rows = {name: table.sort_values(name).to_dict("records") for name in ("mean", "prob_positive")}
    ends = [rows[name][place] for name in rows for place in (0, -1)]
    means = [allowed_text(row["mean"], row.get("mean_error", 0.0)) for row in ends[:2]]
    probs = [percent_text(row["prob_positive"], error=row.get("prob_error", 0.0)) for row in ends[2:]]
    return f"{means[0]} to {means[1]}; P(above 0) {probs[0]} to {probs[1]}; above 95% in {_convincing(universe)} specifications"


def _convincing(universe: Multiverse) -> str:
    """In how many specifications the sign is more than 95% probable, from the fewest to the most that simulation error allows."""
    table = universe.table[universe.table["passed"].astype(bool)]
    error = 2 * table["prob_error"] if "prob_error" in table else 0.0
    few, many = (int((table["prob_positive"] + step * error > 0.95).sum()) for step in (-1, 1))
    return f"{few} of {len(table)}" if few == many else f"{few} to {many} of {len(table)}"


def _scale(study: Study, effect: str) -> float:
    frame = paper.estimates(study, model=_MODELS[effect]).set_index("term")
    return float(frame["scale"][_TERMS[effect]])


def _grid(study: Study, effect: str) -> pd.DataFrame:
    """The effect for one `scale` of the predictor under nine priors."""
    printed, scale = paper.ols(study, model=_MODELS[effect]), _scale(study, effect)
    estimate, se = printed["estimate"][_TERMS[effect]], printed["se"][_TERMS[effect]]
    priors = prior_families(paper.HOPED, neutral_sd=5.0)
    return grid_of_estimate(float(estimate) * scale, float(se) * scale, priors)


def _odds(bayes_factor: float) -> str:
    odds = math.inf if bayes_factor == 0 else 1 / bayes_factor
    return f"{odds:.1f} to 1" if odds < 1000 else "more than 1000 to 1"


def _pictures(
    universes: Mapping[str, Multiverse],
    curves: Mapping[str, pd.DataFrame],
    design: pd.DataFrame,
    needed: int,
) -> dict[str, Picture]:
    pictures = {
        "prior_curve": Picture(
            plot_prior_curve(
                curves,
                subtitle=f"Probability of a positive effect, by width of the prior; {_WHERE}",
                xlabel="standard deviation of the prior, percentage points of change in cohesion",
            ),
            "The narrower the prior around no effect, the more scepticism. Having a target never reaches 95%, however wide the prior.",
            "Two curves of the posterior probability of a positive effect against the prior's standard deviation; that of the target "
            "levels off below 95%, that of stretch passes 95% at a very narrow prior.",
        )
    }
    for effect, universe in universes.items():
        sure = _convincing(universe)
        pictures[f"specifications_{effect}"] = Picture(
            plot_specifications(
                universe.table,
                title=f"{NAMES[effect]}: sign convincing in {sure} specifications",
                subtitle=f"Posterior mean (line) and 95% equal-tailed interval; {_WHERE}",
                ylabel="percentage points of change in cohesion",
            ),
            "Each vertical line is a posterior; blue where its sign is more than 95% probable. Below: its choices.",
            f"Specification curve of {universe.summary['passed']:.0f} posteriors, means from {universe.summary['mean_min']:.2f} to "
            f"{universe.summary['mean_max']:.2f}.",
        )
    pictures["design"] = Picture(
        plot_design(
            design,
            mark=150,
            title=f"An effect of 1 needs about {needed} authorities for 80% chance",
            subtitle="By true effect, in percentage points of change in cohesion, English authorities; lines: exact",
        ),
        "Chance of a convincing answer (more than 95% sure of a positive effect, one-sided) by number of authorities, and by how much "
        "a convincing answer then exaggerates.",
        "Two panels of curves by true effect: the chance rises and exaggeration falls with the number of authorities.",
    )
    return pictures
