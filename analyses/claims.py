"""Claims: how probable is each published claim?

Every claim of both publications, in our words, with what was tested of it, the posterior probability that it holds, and the lowest
probability among the alternatives tried.
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.comparison.claims import SCALE_KEY, adverb, headlines, percent_text
from bayes_targets.report.result import Result, Table
from bayes_targets.studies import andrews2014, andrews2014_anchoring, andrews2014_sensitivity, odpm2005

NEEDS = (
    "cohesion_published",
    "lpsa_policy_areas",
    "lpsa_kind_and_finish",
    "cohesion_anchoring",
    "sensitivity",
)
SOURCES = {andrews2014: ("cohesion_published",), odpm2005: ("lpsa_policy_areas", "lpsa_kind_and_finish")}
SHOWN = [
    "claim", "tested", "locator", "published", "probability", "reading", "lowest", "lowest_reading", "lowest_under",
    "lowest_error",
]  # fmt: skip
# Which of the multiverses of the analysis `sensitivity` is about which estimand.
UNIVERSES = {
    "target": f"model_2:effect[{andrews2014.ON}]",
    "stretch": f"model_3:effect[{andrews2014.STRETCH}]",
}

# Claims that answer the question of the first page, and what a reader in a hurry must know of each.
HEADLINES = {
    "target-effect": "An association: targets were negotiated, not drawn by lot.",
    "stretch-effect": "Partly arithmetic: both start from the same 2006 score.",
    "local-above-national": "As the authorities themselves judged in 2004.",
    "brought-benefits": "The tables hold forecasts, and no targets outside the agreements.",
}
LINKS = {
    "target-effect": "cohesion_published/report.html#figure-masses",
    "stretch-effect": "cohesion_anchoring/report.html#figure-slope_by_weight",
    "local-above-national": "lpsa_kind_and_finish/report.html#figure-shares",
    "brought-benefits": "claims/report.html#limits",
}


def analyse(run):
    ledger = pd.concat(
        {source.SHORT: judged(run, source) for source in SOURCES}, names=["study"]
    ).reset_index()
    told = ledger.set_index("id")
    known = ledger["probability"].dropna()
    target, stretch, local = (
        likely(told.loc[claim]) for claim in ("target-effect", "stretch-effect", "local-above-national")
    )
    notes = {claim: f"{note} {lowest(told.loc[claim])}".strip() for claim, note in HEADLINES.items()}
    return Result(
        answer=(
            f"Places with a cohesion target {target[0]} improved more than others ({target[1]}), and those with tougher targets "
            f"{stretch[0]} did ({stretch[1]})."
        ),
        points=(
            f"Local targets were {local[0]} more often on course than national ones ({local[1]}).",
            f"What would change that: {run.need('sensitivity').answer.replace('An', 'an', 1)}",
            "What cannot be known: whether the targets were the cause. The tables of these two studies cannot show it.",
            f"Of {len(ledger)} published claims the tables can speak to {len(known)}: {(known >= 0.9).sum()} are at least very likely "
            f"true, {(known <= 0.33).sum()} unlikely.",
        ),
        headlines=headlines(told, notes, LINKS),
        terms=(*andrews2014.TERMS, *odpm2005.TERMS),
        cover="cohesion_published/masses",
        cover_text=andrews2014.COVER,
        ledger="claims",
        tables={
            "claims": Table(
                ledger,
                "The claims ledger. Tested as: what was tested of the claim, in the quantities of the printed tables. Probability: "
                "posterior probability, under the default priors, that it holds. Lowest of the alternatives tried: the smallest of "
                "that and of the probabilities under a sceptical prior, the priors and specifications of the analysis of robustness, "
                "targets set after the fact, another mix of policy areas, or misplaced targets, where these apply. The CSV holds each. "
                f"After \N{PLUS-MINUS SIGN}: twice the simulation error. {SCALE_KEY}",
                shown=ledger[SHOWN],
            )
        },
        limits=(
            "A probability is about the estimand as written in the CSV, given the printed numbers and the default priors; it is not a "
            "verdict on the authors.",
            "The lowest of the alternatives tried is not the lowest that there is: other priors and models could give less.",
            "That targets came with improvement does not show that they were its cause: targets were negotiated, not drawn by lot.",
        ),
    )


def judged(run, source):
    """Every claim of one publication with its probabilities and its place in print."""
    study = run.study(source.NAME)
    posteriors = {}
    for analysis in SOURCES[source]:
        posteriors |= run.need(analysis).posteriors
    models = source.sceptical_models(study)
    others = run.fit_all({f"{name}, sceptical": model for name, model in models.items()})
    alternatives = {"sceptical prior": dict(zip(models, others.values(), strict=True))}
    if source is andrews2014:
        anchored = andrews2014.anchored(run.need("cohesion_anchoring").posteriors["anchoring"], study)
        alternatives["targets set after the fact"] = anchored
        tried = tried_for_cohesion(run)
    else:
        tried = tried_for_local(run)
    ledger = bt.judge_claims(study, posteriors, alternatives=alternatives, **tried)
    return ledger.join(study.claims.set_index("id")["locator"])


def likely(row):
    """A probability as an adverb, and in per cent."""
    return adverb(str(row["reading"])), percent_text(row["probability"])


def lowest(row):
    """The lowest of the alternatives tried, with its name."""
    if pd.isna(row["lowest"]):
        return ""
    return f"Lowest tried: {percent_text(row['lowest'], error=row['lowest_error'])} ({row['lowest_under']})."


def tried_for_cohesion(run):
    """Both effects under other priors, specifications, and ways to set targets."""
    tables, weights = run.need("sensitivity").tables, run.need("cohesion_anchoring").tables["slope_by_weight"]
    found = andrews2014_sensitivity.tried_priors(tables["prior_grid"].frame)
    for claim, tried in andrews2014_anchoring.tried_weights(weights.frame).items():
        found[claim] |= tried
    universes = {
        reference: tables[f"specifications_{effect}"].frame for effect, reference in UNIVERSES.items()
    }
    return {"multiverse": universes, "probabilities": found}


def tried_for_local(run):
    """Local against national targets with the mix of policy areas taken off, and wherever misplaced targets belong."""
    tables = run.need("lpsa_kind_and_finish").tables
    mix, moved = tables["mix"].frame["prob_positive"], tables["misprint"].frame["prob_positive"]
    tried = {"the mix of policy areas taken off": float(mix["difference left"])}
    tried |= {f"misplaced targets: {name}": float(p) for name, p in moved.items() if name != "as printed"}
    return {"probabilities": {"local-above-national": tried}}
