"""Your own printed table: what do its estimates support?

One row per term with an estimate and its standard error, t, p or interval, as printed in a paper or written by a program; what is in
question, which direction is favourable, and how large an effect must be to be worth having.
"""

import bayes_targets as bt
from bayes_targets.report.table import plain_names, require_answerable, table_result

DATA = "table"


def analyse(run):
    evaluations = plain_names(run.evaluations())
    require_answerable(evaluations)
    posteriors = {name: run.fit(name, bt.published_model(each)) for name, each in evaluations.items()}
    return table_result(evaluations, posteriors)
