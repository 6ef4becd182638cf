"""Several evaluations of yours: what do they say?

One row per evaluation. Effects are pooled as far as they agree; the answer is tried under selection of what was published, and
without each evaluation in turn.
"""

from bayes_targets.comparison.pooled import Question
from bayes_targets.report import pool as page

DATA = "pool"


def analyse(run):
    several, settings = run.several(), run.settings
    question = Question(several, page.options_of(several, settings.reading, settings.modelling))
    page.require_question(question)
    pooled = run.fit("pooled", question.model())
    # What NUTS would need for each of the other models is minutes: the answer is then given as it is.
    further = page.further_models(question) if pooled.attrs["engine"] == "exact" else {}
    more = {
        kind: run.try_all(
            {f"{kind}: {name}": model for name, model in models.items()}, pointwise=False, exact=True
        )
        for kind, models in further.items()
        if models
    }
    return page.pool_result(question, pooled, more, lost=run.lost, source=settings.source)
