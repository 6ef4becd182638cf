"""Cohesion: what the printed regressions support.

Did a Local Area Agreement with a cohesion target, and a tougher target, improve social cohesion in 150 English authorities
between 2006 and 2008? The posterior of every printed slope of Andrews, Downe & Guarneros-Meza (2014), Table 2, beside the
printed estimate.
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.result import Picture, Result, Table
from bayes_targets.studies import andrews2014 as paper

MODELS = (1, 2, 3)
ON, STRETCH = "LAA (target on)", "LAA (target stretch)"
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
    comparison = pd.concat(tables, names=["posterior"]).reset_index("posterior")
    on, stretch = tables["model_2"].loc[ON], tables["model_3"].loc[STRETCH]
    shown = [
        "posterior",
        "ols_estimate",
        "ols_low",
        "ols_high",
        "mean",
        "low",
        "high",
        "prob_positive",
        "rope_above",
    ]
    headline = comparison.loc[comparison.index.isin([ON, STRETCH]), shown]
    types = paper.type_table(posteriors["model_1_types"])
    order = [ON, STRETCH, *(term for term in panels["Model 1"].index)]
    clear = "; ".join(
        f"{name}: {', '.join(bt.clear_of_zero(panels[name])) or 'none'}" for name in sorted(panels)
    )
    return Result(
        answer=(
            f"Having a target: posterior mean {on['mean']:.2f} percentage points of change in cohesion (95% equal-tailed interval "
            f"{on['low']:.2f} to {on['high']:.2f}), probability {on['prob_positive']:.2f} that it helped at all and "
            f"{on['rope_above']:.2f} that it helped by more than half a point. A point of stretch: {stretch['mean']:.2f} "
            f"({stretch['low']:.2f} to {stretch['high']:.2f}), probability {bt.probability_text(stretch['prob_positive'])} of a "
            "positive association, if the printed standard error is taken as it stands."
        ),
        tables={
            "comparison": Table(
                comparison,
                "Posterior beside the published OLS for the two target measures, in percentage points of change in cohesion for one "
                "unit of the term. Both intervals 95%: equal-tailed posterior, t for OLS. ROPE: an effect within half a point for "
                "one s.d. of the predictor (or from 0 to 1). Rows: weakly informative priors, flat "
                "priors, partially pooled authority types. The CSV holds every term, both p-values and the rest.",
                shown=headline,
            ),
            "types": Table(types, paper.TYPE_CAPTION),
        },
        pictures={
            "forest": Picture(
                bt.plot_forest(
                    {name: panels[name] for name in sorted(panels)},
                    title=paper.FOREST_TITLE,
                    xlabel=paper.FOREST_X,
                    terms=order,
                ),
                f"Dashed: published OLS. Solid: posterior. The grey band marks effects under half a point. Clear of zero: {clear}.",
                f"Forest plot of all slopes of three models, per standard deviation. Terms whose interval excludes zero: {clear}.",
            ),
            "prior_posterior": Picture(
                bt.plot_prior_posterior(
                    paper.headline(posteriors), title="What the table adds to the prior", xlabel=paper.PRIOR_X
                ),
                "Prior (wide) and posterior (narrow) of the two target measures, in percentage points of change in cohesion: from no "
                "target to a target, and for one s.d. of stretch.",
                "Two panels with prior and posterior densities; both posteriors are far narrower than the prior.",
            ),
        },
        posteriors=posteriors,
        methods=paper.METHODS,
        limits=paper.LIMITS,
    )
