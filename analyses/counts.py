"""Your own counts by status: which areas are on course?

Targets (or inspections, or complaints) counted by area (service, region, agency) and status. Small areas are pooled as far as
the data ask for it; two areas are compared with one another.
"""

import bayes_targets as bt
from bayes_targets.report import success as page
from bayes_targets.report.cells import capital
from bayes_targets.report.words import CountWords

DATA = "counts"
# Areas, at most and at least, for a multinomial model and for leaving one area out at a time, every model refitted.
MOST, LEAST = 100, 3


def analyse(run):
    counts, settings = run.counts(), run.settings
    statuses = [str(status) for status in counts["status"].to_numpy()]
    chosen = settings.modelling.get("success") or statuses[:1]
    success = [part for text in chosen for part in ([text] if text in statuses else text.split("+"))]
    words = CountWords.of(counts, success)
    bare, areas = counts.drop_dims("covariate", errors="ignore"), counts.sizes["area"]
    labels = page.labels(words, {})
    fits = {page.SHARE: run.fit(page.SHARE, bt.success_model(counts, success=success), labels[page.SHARE])}
    others = {
        name: bt.success_model(bare, success=success, pooling=pooling)
        for name, pooling in ((page.NONE, "none"), (page.COMPLETE, "complete"))
    }
    if areas == 2:  # whose contrast is the answer
        fits[page.NONE] = run.fit(page.NONE, others.pop(page.NONE), labels[page.NONE])
    made = {}
    if len(statuses) > 2:
        outcomes = (page.ORDINAL, page.MULTINOMIAL) if LEAST <= areas <= MOST else (page.ORDINAL,)
        made = {outcome: bt.success_model(counts, outcome=outcome) for outcome in outcomes}
    fits |= run.try_all(others | made)
    models, why = compared(made, fits, areas, words, settings.seed) if made else (None, "")
    read = f"Success is {words.success}; the statuses from best to worst are {', '.join(statuses)}."
    n = int(counts["count"].sum())
    return page.area_result(
        counts,
        fits,
        models,
        words=words,
        success=success,
        title=capital(f"{words.items} {words.success}, by {words.area}"),
        question=f"Which share of {words.items} is {words.success} in each {words.area}, and how sure is it? {n:,} {words.items} of "
        f"{words.many(areas)}; {settings.source}.",
        notes=tuple(filter(None, (read, why))),
    )


def compared(made, fits, areas, words, seed):
    """The models of all statuses by leaving one area out, and why not, where they are not compared."""
    if not LEAST <= areas <= MOST:
        return None, (
            f"With {words.many(areas)} only the ordinal model of all statuses was fitted, not the multinomial one, so there "
            f"are not two models to compare by leaving one {words.area} out."
        )
    labels, how = page.labels(words, {}), f"by leaving one {words.area} out"
    if lost := [labels[outcome] for outcome in made if outcome not in fits]:
        return None, f"Without {' and '.join(lost)}, models were not compared {how}."
    if any(fits[outcome].attrs["engine"] == "nuts" for outcome in made):
        return None, f"As they were sampled, the models of all statuses were not compared {how}."
    try:
        left_out = {outcome: bt.leave_one_area_out(model, seed=seed) for outcome, model in made.items()}
        return bt.compare_models(left_out), ""
    except bt.DiagnosticsError as error:
        return None, f"The models of all statuses were not compared {how}: {error}."
