"""Cohesion: what the printed regressions support.

Did a Local Area Agreement with a cohesion target, and a tougher target, improve social cohesion in 150 English authorities
between 2006 and 2008? The posterior of every printed slope of Andrews, Downe & Guarneros-Meza (2014), Table 2, beside the
printed estimate.
"""

import bayes_targets as bt
from bayes_targets.studies import andrews2014 as paper
from bayes_targets.studies.andrews2014_published import published_result

FLAT = bt.PublishedPriors(effect=bt.Flat())


def analyse(run):
    study = run.study(paper.NAME)
    posteriors, tables, panels = {}, {}, {}
    for model in (2, 3, 1):
        estimates, ols = paper.estimates(study, model=model), paper.ols(study, model=model)
        fits = {
            f"model_{model}": bt.published_model(estimates),
            f"model_{model}_flat": bt.published_model(estimates, priors=FLAT),
            f"model_{model}_types": bt.published_model(estimates, pooling="partial"),
        }
        posteriors |= {name: run.fit(name, fit) for name, fit in fits.items()}
        for name in fits:
            table = bt.compare(posteriors[name], ols, rope=paper.ropes(estimates))
            tables[name] = table.assign(**ols[["p_one_tailed", "p_two_tailed"]])
        standardised = paper.ols(study, model=model, standardised=True)
        panels[f"Model {model}"] = bt.compare(
            posteriors[f"model_{model}"], standardised, rope=paper.ROPE, variables=["standardised"]
        )
    return published_result(posteriors, tables, panels)
