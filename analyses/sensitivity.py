"""Robustness: what would change the answer.

How sceptical must one be, how strong an omitted cause, how odd a specification, for the two printed effects of Andrews, Downe &
Guarneros-Meza (2014) to go away? And how many authorities would a new evaluation need?
"""

import bayes_targets as bt
from bayes_targets.sensitivity.specifications import pool_specifications
from bayes_targets.studies import andrews2014 as paper
from bayes_targets.studies.andrews2014_sensitivity import sensitivity_result, tipping_words

NEEDS = ("cohesion_anchoring",)
SECONDS = 4
# A small multiverse; benchmarks/multiverse.py runs more than two thousand specifications of each effect.
DATASETS = 3
CHOICES = {
    "pooling": ["partial", "complete", "none"],
    "slopes": ["common", "by_type"],
    "noise": ["normal", "student_t"],
    "prior": ["sceptical", "default", "flat"],
    "controls": ["all", "none"],
}


def analyse(run):
    study, settings = run.study(paper.NAME), run.settings
    ensemble = bt.reconstruct(study, n_datasets=DATASETS, seed=settings.seed)
    scales = {"target": 1.0, "stretch": paper.scale_of_stretch(study)}
    universes = {}
    for effect, scale in scales.items():
        run.say(f"{run.name}: specifications of the {effect}")
        universe = bt.multiverse(
            ensemble, effect=effect, hoped=paper.HOPED / scale, choices=CHOICES, seed=settings.seed, workers=settings.workers,
            scheduler=settings.scheduler, fallback=False, progress=settings.progress,
        )  # fmt: skip
        universes[effect] = pool_specifications(universe)
    after = run.need("cohesion_anchoring").tables
    tipping = tipping_words(after["tipping_points"].frame, after["regression_to_mean"].frame)
    return sensitivity_result(
        study, universes, sd_change=ensemble["change"].std("authority").to_series(), tipping=tipping
    )
