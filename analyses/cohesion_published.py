"""Cohesion: what the printed regressions support.

Did a Local Area Agreement with a cohesion target, and a tougher target, go with more social cohesion in 150 English authorities
between 2006 and 2008? The posterior of every printed slope of Andrews, Downe & Guarneros-Meza (2014), Table 2, beside the
printed estimate.
"""

from bayes_targets.studies import andrews2014 as paper

SECONDS = 2.5


def analyse(run):
    study = run.study(paper.NAME)
    posteriors = {
        name: run.fit(name, model, paper.LABELS[name]) for name, model in paper.models(study).items()
    }
    return paper.published_result(study, posteriors)
