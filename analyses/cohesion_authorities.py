"""Cohesion: hierarchical models of single authorities.

Did authorities with a cohesion target, or a tougher one, improve more, once authority types are partially pooled? On
reconstructed authorities that agree with everything Andrews et al. (2014) print.
"""

from dataclasses import replace
from pathlib import Path
from runpy import run_path

import bayes_targets as bt
from bayes_targets.comparison import authority_tables as tables
from bayes_targets.report.authorities import authority_result
from bayes_targets.report.words import Words
from bayes_targets.studies import andrews2014 as paper

DATA = "authorities"
SECONDS = 4.5
DATASETS = 5
POOLINGS = ("partial", "none", "complete")
NAMES = {"target": "LAA (target on)", "stretch": "LAA (target stretch)", "constant": "Constant"}


WORDS = Words(
    group="authority type",
    groups="authority types",
    outcome="the cohesion score",
    measure="per cent of the score",
)


def analyse(run):
    if run.settings.data is None:
        return reconstructed(run)
    run.say(f"{run.name}: for your own file this analysis is now called authorities")
    return run_path(str(Path(__file__).with_name("authorities.py")))["analyse"](run)


def reconstructed(run):
    study = run.study(paper.NAME)
    posteriors, comparison, types, choices, scales = {}, {}, {}, {}, {}
    run.say(f"{run.name}: {DATASETS} reconstructed data sets")
    # The same data sets serve both effects: each agrees with all regressions that are printed.
    ensemble = bt.reconstruct(study, n_datasets=DATASETS, seed=run.settings.seed)
    agreement = {"target and stretch": bt.reconstruction_table(ensemble, study)}
    sets = [ensemble.isel(dataset=i) for i in range(DATASETS)]
    for effect, model in (("target", 2), ("stretch", 3)):
        options = {p: {"pooling": p} for p in POOLINGS} | {"by_type": {"slopes": "by_type"}}
        models = {
            f"{effect}_{name}_{i}": bt.cohesion_model(one, effect=effect, **chosen)
            for name, chosen in options.items()
            for i, one in enumerate(sets)
        }
        # Poolings are compared on the first data set; of the others only the draws are needed.
        first = {name: model for name, model in models.items() if name.endswith("_0")}
        rest = {name: model for name, model in models.items() if name not in first}
        trees = run.fit_all(first) | run.fit_all(rest, pointwise=False)
        own = {name: [trees[f"{effect}_{name}_{i}"] for i in range(DATASETS)] for name in options}
        choices[effect] = bt.compare_pooling({name: trees[0] for name, trees in own.items()})
        stacked = {name: tables.stack_datasets(trees) for name, trees in own.items()}
        comparison[effect] = tables.pooled_comparison(
            stacked["partial"], paper.ols(study, model=model), NAMES
        )
        printed = paper.evaluation(study, model)
        comparison[effect].attrs["n"] = printed.n
        scales |= printed.estimates["scale"].dropna().to_dict()
        types |= {f"{effect}, {p}": tables.summarise_types(stacked[p], "intercept") for p in POOLINGS}
        types[f"{effect}, slope"] = tables.summarise_types(stacked["by_type"], "effect_by_type")
        posteriors |= {f"{effect}_{name}": tree for name, tree in stacked.items()}
    result = authority_result(
        comparison, types, choices, posteriors, {"agreement": agreement}, WORDS, scales=scales
    )
    return replace(result, points=(*result.points, paper.QUOTE), terms=paper.PAGE_TERMS)
