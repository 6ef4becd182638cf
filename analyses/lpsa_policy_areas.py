"""LPSA targets by policy area: which areas are on course?

Of 155 targets of Local Public Service Agreements, which share was on course (green) in each of twelve policy areas, once
tiny counts are pooled as far as the data ask for it? ODPM (2005), chapter 8, Table 3; or your own counts (--data FILE).
"""

import bayes_targets as bt
from bayes_targets.models.success.loo import compare_models, leave_one_area_out
from bayes_targets.report.success import LIMITS, area_result
from bayes_targets.studies import odpm2005 as report

DATA = "counts"


def analyse(run):
    if run.settings.data is None:
        counts = report.counts(run.study(report.NAME), "policy_area")
        title, limits = "Targets on course by policy area", (*report.LIMITS, *LIMITS)
    else:
        counts, title, limits = run.counts(), "Share of the best status by area", LIMITS
    best, *others = counts["status"].to_numpy().tolist()
    # The names are those of the claims ledger: green is the best status, not red are all but the worst.
    posteriors = {"area_green": run.fit("area_green", bt.success_model(counts, success=best))}
    bare = counts.drop_dims("covariate", errors="ignore")
    for pooling in ("none", "complete"):
        name = f"area_green_{pooling}"
        posteriors[name] = run.fit(name, bt.success_model(bare, success=best, pooling=pooling))
    models = None
    if len(others) > 1:
        not_worst = [best, *others[:-1]]
        posteriors["area_not_red"] = run.fit("area_not_red", bt.success_model(counts, success=not_worst))
        left_out = {}
        for outcome in ("ordinal", "multinomial"):
            model = bt.success_model(counts, outcome=outcome)
            posteriors[f"area_{outcome}"] = run.fit(f"area_{outcome}", model)
            left_out[outcome] = leave_one_area_out(model, seed=run.settings.seed)
        models = compare_models(left_out, seed=run.settings.seed)
    return area_result(counts, posteriors, models, title=title, limits=limits)
