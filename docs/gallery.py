"""Draw one small picture for each figure of the package: ``python docs/gallery.py`` writes them to ``docs/figures/``.

The gallery of examples and the API reference show them. Real studies, except where a picture says SIMULATED.
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import bayes_targets as bt
from bayes_targets.comparison.authority_tables import summarise_types
from bayes_targets.models.success.estimands import predictive_counts
from bayes_targets.plots import save_bytes
from bayes_targets.studies import andrews2014, odpm2005
from bayes_targets.studies import andrews2014_anchoring as paper

FOLDER = Path(__file__).parent / "figures"
SEED = 1
STUDY, COUNTED = bt.load_study("andrews2014"), bt.load_study("odpm2005")
BEDS = bt.load_study("islam2019").evaluations["diagnoses"]
SPREAD = {"mu": bt.Normal(0, 0.05), "tau": bt.HalfNormal(0.01)}


def counts(by: str = "policy_area"):
    return odpm2005.counts(COUNTED, by)


def published(model: int):
    return bt.fit(bt.published_model(andrews2014.evaluation(STUDY, model)), seed=SEED)


def pooled(**options):
    return bt.fit(bt.meta_model(BEDS, priors=bt.MetaPriors(**SPREAD), **options), seed=SEED)


def plot_forest() -> Figure:
    panels = {}
    for model in (2, 3):
        ols = andrews2014.ols(STUDY, model=model, standardised=True)
        panels[f"Model {model}"] = bt.compare(
            published(model), ols, rope=andrews2014.ROPE, variables=["standardised"]
        )
    return bt.plot_forest(
        panels, xlabel=andrews2014.FOREST_X, focus=["LAA (target on)", "LAA (target stretch)"]
    )


def plot_prior_posterior() -> Figure:
    return bt.plot_prior_posterior(
        andrews2014.headline({"model_2": published(2), "model_3": published(3)}),
        xlabel=andrews2014.PRIOR_X,
    )


def plot_prior_curve() -> Figure:
    target = andrews2014.ols(STUDY, model=2).loc["LAA (target on)"]
    return bt.plot_prior_curve(bt.prior_curve(target["estimate"], target["se"]))


def plot_pooled() -> Figure:
    return bt.plot_pooled(
        pooled(), BEDS, title="Probably fewer admissions, but the next diagnosis may differ"
    )


def plot_funnel() -> Figure:
    return bt.plot_funnel(BEDS, pooled())


def plot_bubble() -> Figure:
    table = pd.DataFrame(
        {
            "study": list("ABCDEF"),
            "estimate": [0.1, 0.2, 0.35, 0.3, 0.5, 0.6],
            "se": [0.1, 0.2, 0.1, 0.15, 0.2, 0.12],
        }
    ).assign(hours=[1, 2, 3, 4, 5, 6])
    several = bt.read_evaluations(table, better="higher")
    priors = bt.MetaPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(0.3))
    posterior = bt.fit(bt.meta_model(several, moderators=["hours"], priors=priors), seed=SEED)
    return bt.plot_bubble(posterior, several, "hours", title="SIMULATED: more hours go with a larger effect")


def plot_audit() -> Figure:
    return bt.plot_audit(pd.concat([bt.audit(STUDY), bt.audit(COUNTED)], ignore_index=True))


def plot_shares() -> Figure:
    raw = bt.raw_shares(counts(), success="green")
    shares = bt.compare(bt.fit(bt.success_model(counts(), success="green"), seed=SEED), raw).assign(
        n=raw["n"]
    )
    overall = float(raw["successes"].sum() / raw["n"].sum())
    return bt.plot_shares(shares.sort_values("mean", ascending=False), overall=overall)


def plot_ranks() -> Figure:
    posterior = bt.fit(bt.success_model(counts(), success="green"), seed=SEED)
    return bt.plot_ranks(bt.rank_probabilities(posterior["posterior"]["share"]))


def plot_status_bars() -> Figure:
    posterior = bt.fit(bt.success_model(counts(), outcome="ordinal"), seed=SEED)
    table = predictive_counts(posterior)
    return bt.plot_status_bars(table)


def plot_hits() -> Figure:
    areas, years = counts(), counts("finish")
    finish = bt.fit(bt.success_model(years, outcome="ordinal", pooling="none"), seed=SEED)
    settings = odpm2005.hits_by_optimism(COUNTED, years, finish)
    return bt.plot_hits(
        settings, now=int(areas["count"].sel(status="green").sum()), now_label="targets were green"
    )


def plot_shrinkage() -> Figure:
    made = bt.simulate_authorities(
        {"county": 27, "metropolitan": 36, "London": 32, "tiny": 4}, slope=1.0, tau=1.0, seed=8
    )
    types = {
        pooling: summarise_types(bt.fit(bt.cohesion_model(made, pooling=pooling), seed=SEED), "intercept")
        for pooling in ("none", "partial")
    }
    return bt.plot_shrinkage(
        types["none"]["mean"],
        types["partial"],
        xlabel="percentage points of change, without a target",
        origin="simulated",
    )


def plot_design() -> Figure:
    noise = {"sigma": 4.0, "share_with_target": 86 / 150, "hoped": 1.0}
    return bt.plot_design(bt.design_analysis([0.5, 1.0, 2.0], [75, 150, 300, 600, 1200], **noise), mark=150)


def plot_specifications() -> Figure:
    made = bt.simulate_authorities({"county": 27, "unitary": 55}, slope=2.0, seed=SEED)
    found = bt.multiverse(
        made,
        hoped=1.0,
        choices={"pooling": ["partial", "none", "complete"], "noise": ["normal"]},
        seed=SEED,
        progress=False,
    )
    return bt.plot_specifications(found.table, origin="simulated")


_ANCHORING: list = []


def anchoring():
    if not _ANCHORING:
        summary = paper.anchoring_summary(STUDY)
        _ANCHORING.append((summary, bt.fit(bt.anchoring_model(summary), seed=SEED, progress=False)))
    return _ANCHORING[0]


def plot_anchoring() -> Figure:
    summary, posterior = anchoring()
    return bt.plot_anchoring(posterior, printed=summary.loc["slope", "value"])


def plot_slope_by_weight() -> Figure:
    summary, posterior = anchoring()
    bands = {name: bt.slope_by_weight(posterior, error_seen=seen) for name, seen in paper.SEEN.items()}
    return bt.plot_slope_by_weight(bands, printed=summary.loc["slope", "value"], xlabel=paper.WEIGHT_AXIS)


def plot_summary_check() -> Figure:
    return bt.plot_summary_check(bt.check_summary(anchoring()[1]))


def main() -> None:
    """Write every picture, or those that are named."""
    for name in sys.argv[1:] or [name for name in bt.__all__ if name.startswith("plot_")]:
        (FOLDER / f"{name}.png").write_bytes(save_bytes(globals()[name](), "png"))


if __name__ == "__main__":
    main()
