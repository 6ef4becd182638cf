"""The page on robustness: one table that an adviser can read, and the figures beside it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..comparison.claims import allowed_text, percent_text
from ..evaluation import Evaluation
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
from ..sensitivity.prior_influence import grid_of_estimate, prior_families
from . import andrews2014 as paper
from .andrews2014_anchoring import below

NAMES = {"target": "Having a target", "stretch": "A point of stretch"}
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


@dataclass(frozen=True)
class _Effect:
    """One of the two printed effects, and its specifications."""

    name: str
    evaluation: Evaluation
    universe: Multiverse

    @property
    def term(self) -> str:
        return self.evaluation.focal_terms[0]

    @cached_property
    def printed(self) -> dict[Hashable, float]:
        """Its estimate, se, df and scale (one s.d. of the predictor, or 1)."""
        return self.evaluation.estimates.to_dict("index")[self.term]

    @cached_property
    def grid(self) -> pd.DataFrame:
        """The effect for one `scale` of the predictor under nine priors."""
        estimate, se = (self.printed[name] * self.printed["scale"] for name in ("estimate", "se"))
        return grid_of_estimate(estimate, se, prior_families(paper.HOPED, neutral_sd=5.0))

    @property
    def passed(self) -> pd.DataFrame:
        """The specifications that passed their checks."""
        table = self.universe.table
        return table[table["passed"].astype(bool)]

    @property
    def convincing(self) -> str:
        """In how many specifications the sign is more than 95% probable, from the fewest to the most that simulation error allows."""
        table = self.passed
        error = 2 * table["prob_error"] if "prob_error" in table else 0.0
        few, many = (int((table["prob_positive"] + step * error > 0.95).sum()) for step in (-1, 1))
        return f"{few} of {len(table)}" if few == many else f"{few} to {many} of {len(table)}"

    @property
    def range_words(self) -> str:
        """Least and greatest mean and probability over the specifications, in the digits that their simulation errors allow."""
        means, probs = (
            self.passed.sort_values(name).iloc[[0, -1]].to_dict("records")
            for name in ("mean", "prob_positive")
        )
        from_to = " to ".join(allowed_text(row["mean"], row.get("mean_error", 0.0)) for row in means)
        above = [percent_text(row["prob_positive"], error=row.get("prob_error", 0.0)) for row in probs]
        return f"{from_to}; P(above 0) {' to '.join(above)}; above 95% in {self.convincing} specifications"


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
    """What the analysis of targets set after the fact says of both effects, by name.

    Examples
    --------
    >>> tips = pd.DataFrame({"0.9": [0.4], "0.5": [float("nan")]})
    >>> words = tipping_words(tips, pd.DataFrame({"gap": [3.2], "gap_in_sd": [0.5]}))
    >>> words["stretch"]
    'The probability of a positive slope is below 90% once the later score has a weight of about 40%; never below 50%'
    """
    least = gap.sort_values("gap").iloc[0]
    return {
        "stretch": f"The probability of a positive slope is {'; '.join(below(tips.iloc[-1]))}",
        "target": f"Regression to the mean alone would do if areas with a target had scored about {least['gap']:.0f} points "
        f"({least['gap_in_sd']:.1f} s.d.) lower in 2006",
    }


def sensitivity_result(
    study: Study,
    universes: Mapping[str, Multiverse],
    *,
    sd_change: pd.Series[float],
    tipping: Mapping[str, str],
) -> Result:
    """Table, figures and words of the analysis of robustness; `sd_change`, of the outcome, by reconstructed data set."""
    effects = {
        effect: _Effect(NAMES[effect], study.evaluations[effect], universe)
        for effect, universe in universes.items()
    }
    table = _robustness_table(effects, sd_change, tipping)
    target, stretch = (table.attrs["numbers"][effect] for effect in ("target", "stretch"))
    design = design_analysis(_DESIGN_EFFECTS, _DESIGN_NUMBERS, **_DESIGN)
    needed = needed_authorities(1.0, **_DESIGN)
    grid = pd.concat({e.name: e.grid for e in effects.values()}, names=["effect"]).reset_index("effect")
    influence = pd.concat(
        {e.name: e.universe.influence for e in effects.values()}, names=["effect"]
    ).reset_index()
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
        pictures=_pictures(effects, design, needed),
        methods=METHODS,
        limits=LIMITS,
        terms=paper.PAGE_TERMS,
    )  # fmt: skip


def _robustness_table(
    effects: Mapping[str, _Effect], sd_change: pd.Series[float], tipping: Mapping[str, str]
) -> pd.DataFrame:
    """What would change the answer to the two printed effects, one row per question."""
    columns, numbers = {}, {}
    for key, effect in effects.items():
        rows, numbers[key] = _answers(effect, sd_change)
        if key in tipping:
            rows["Tipping point: targets set after the fact"] = tipping[key]
        columns[effect.name] = rows
    table = pd.DataFrame(columns).rename_axis("question")
    table.attrs["numbers"] = numbers
    return table


def _answers(effect: _Effect, sd_change: pd.Series[float]) -> tuple[dict[str, str], dict[str, float]]:
    """The rows of one effect, as text and as numbers."""
    estimate, se, df, scale = (effect.printed[name] for name in ("estimate", "se", "df", "scale"))
    credible = reverse_bayes(estimate, se, tails=1)
    robust = robustness_value(estimate / se, df)
    controls = effect.evaluation.estimates.drop(index=[effect.term, *effect.evaluation.constants])
    t = (controls["estimate"] / controls["se"]).abs()
    bound = confounder_bounds(estimate, se, df, benchmark_outcome=float(t.max() ** 2 / (t.max() ** 2 + df)))
    ratios = [
        e_value(*approximate_risk_ratio(estimate, se, sd, step=scale))
        for sd in (sd_change.mean(), *sd_change)
    ]
    grid = effect.grid.set_index(["attitude", "family"])["prob_positive"]
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
        "Range over the multiverse": effect.range_words,
    }  # fmt: skip
    numbers = {name: value for name, value in asdict(credible).items() if isinstance(value, float)}
    numbers |= {
        "rv": robust.rv,
        "sceptical": float(grid["sceptical", "normal"]),
        "neutral": float(grid["neutral", "normal"]),
        **{str(name): float(value) for name, value in effect.universe.summary.items()},
    }
    return rows, numbers


def _with_error(values: Sequence[float]) -> str:
    """The first of some values, in the digits that the differences between the others allow."""
    others = np.array(values[1:])
    return allowed_text(values[0], others.std(ddof=1) / math.sqrt(len(others)) if len(others) > 1 else 0.0)


def _odds(bayes_factor: float) -> str:
    odds = math.inf if bayes_factor == 0 else 1 / bayes_factor
    return f"{odds:.1f} to 1" if odds < 1000 else "more than 1000 to 1"


def _pictures(effects: Mapping[str, _Effect], design: pd.DataFrame, needed: int) -> dict[str, Picture]:
    curves = {
        effect.name: prior_curve(effect.printed["estimate"], effect.printed["se"])
        for effect in effects.values()
    }
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
    for key, effect in effects.items():
        summary = effect.universe.summary
        pictures[f"specifications_{key}"] = Picture(
            plot_specifications(
                effect.universe.table,
                title=f"{effect.name}: sign convincing in {effect.convincing} specifications",
                subtitle=f"Posterior mean (line) and 95% equal-tailed interval; {_WHERE}",
                ylabel="percentage points of change in cohesion",
            ),
            "Each vertical line is a posterior; blue where its sign is more than 95% probable. Below: its choices.",
            f"Specification curve of {summary['passed']:.0f} posteriors, means from {summary['mean_min']:.2f} to "
            f"{summary['mean_max']:.2f}.",
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
