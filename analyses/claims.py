"""Claims: how probable is each thing the two evaluations said?

Every claim of both publications, in our words, with what would make it true and the posterior probability that it is.
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.comparison.claims import headlines
from bayes_targets.report.result import Result, Table
from bayes_targets.studies import andrews2014, odpm2005

NEEDS = {
    andrews2014: ("cohesion_published",),
    odpm2005: ("lpsa_policy_areas", "lpsa_kind_and_finish"),
}
SHOWN = [
    "claim", "locator", "published", "probability", "reading", "sceptical", "anchored", "multiverse_low", "multiverse_high", "at_worst",
    "true_if",
]  # fmt: skip
# Which of the multiverses of the analysis `sensitivity` is about which estimand.
UNIVERSES = {
    "target": f"model_2:effect[{andrews2014.ON}]",
    "stretch": f"model_3:effect[{andrews2014.STRETCH}]",
}

# Claims that answer the question of the first page, and what a reader in a hurry must know of each.
HEADLINES = {
    "target-effect": "An association: targets were negotiated, not drawn by lot.",
    "stretch-effect": "Part of it is arithmetic: stretch and change are both measured from the same 2006 score.",
    "local-above-national": "Of targets judged on course by their own authorities in 2004, before anyone knew.",
    "brought-benefits": "The printed tables cannot say: they hold forecasts, and no targets outside the agreements.",
}


def analyse(run):
    ledgers = {}
    for source, analyses in NEEDS.items():
        study = run.study(source.NAME)
        posteriors = {}
        for analysis in analyses:
            posteriors |= run.need(analysis).posteriors
        others = run.fit_all(
            {f"{name}, sceptical": model for name, model in source.sceptical_models(study).items()}
        )
        sceptical = {name.removesuffix(", sceptical"): tree for name, tree in others.items()}
        universes, anchored = {}, {}
        if source is andrews2014:
            after = run.need("cohesion_anchoring").posteriors["anchoring"]
            anchored = andrews2014.anchored(after, study)
            tables = run.need("sensitivity").tables
            universes = {
                reference: tables[f"specifications_{effect}"].frame for effect, reference in UNIVERSES.items()
            }
        places = study.claims.set_index("id")[["locator", "true_if"]]
        ledgers[source.SHORT] = bt.judge_claims(
            study, posteriors, sceptical=sceptical, anchored=anchored, multiverse=universes
        ).join(places)
    ledger = pd.concat(ledgers, names=["study"]).reset_index()
    judged = ledger["probability"].dropna()
    told = ledger.set_index("id")
    on, stretch = (told.loc[claim] for claim in ("target-effect", "stretch-effect"))
    worst_on, worst_stretch = (str(row["at_worst"]).split(" (")[0] for row in (on, stretch))
    return Result(
        answer=(
            f"That places with a target did better is {on['reading']} (probability {bt.probability_text(on['probability'])}; at worst "
            f"{worst_on}), and that tougher targets went with more improvement is {stretch['reading']} "
            f"({bt.probability_text(stretch['probability'])}; at worst {worst_stretch}); that "
            f"the targets caused it, these tables cannot show. Of {len(ledger)} published claims they can speak to {len(judged)}: "
            f"{(judged > 0.9).sum()} are at least very likely true, {(judged < 0.33).sum()} unlikely."
        ),
        headlines=headlines(told, HEADLINES),
        tables={
            "claims": Table(
                ledger,
                "The claims ledger. Probability: posterior probability, under the default priors, that the estimand lies where the claim "
                "puts it. Reading: the IPCC's calibrated words. Sceptical: under a prior that holds effects of more than a point (or "
                "large differences between groups) for improbable. Set after the fact: with the causal slope of stretch from the analysis "
                "of targets set after the fact. Multiverse: smallest and largest over all specifications of the "
                "slope. At worst: the smallest of these, in words.",
                shown=ledger[SHOWN],
            )
        },
        limits=(
            "A probability is about the estimand as written in the CSV, given the printed numbers and the default priors; it is not a "
            "verdict on the authors.",
            "That targets came with improvement does not show that they caused it: targets were negotiated, not drawn by lot.",
        ),
    )
