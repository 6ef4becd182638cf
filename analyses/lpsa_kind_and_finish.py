"""LPSA targets: local or national, early or late finish?

Were local targets more often on course than national ones, were authorities that finish in 2005 less hopeful than those
with another year to go, and how many targets will be hit in the end? ODPM (2005), chapter 8, Tables 1 and 2.
"""

import bayes_targets as bt
from bayes_targets.comparison.claims import adverb, percent_text, words_for
from bayes_targets.models.success.margins import composition_bound
from bayes_targets.report.result import Result
from bayes_targets.report.success import contrast_rows, contrast_words
from bayes_targets.studies import odpm2005 as report
from bayes_targets.studies import odpm2005_contrasts as page

SECONDS = 1.5
LOCAL = ("Local targets", "National targets")
PAIRS = {
    "kind": {"local minus national": LOCAL},
    "finish": {"2006 minus 2005": ("2006 finish", "2005 finish")},
}
SUCCESS = {"green": report.GREEN, "not_red": report.NOT_RED}


def analyse(run):
    study = run.study(report.NAME)
    areas, counts = report.counts(study, "policy_area"), {name: report.counts(study, name) for name in PAIRS}
    models = {}
    for name, data in counts.items():
        for word, success in SUCCESS.items():
            models[f"{name}_{word}"] = bt.success_model(data, success=success, pooling="none")
        models[f"{name}_ordinal"] = bt.success_model(data, outcome="ordinal", pooling="none")
    models["margins"] = bt.margins_model(areas, counts)
    posteriors = {name: run.fit(name, model, page.LABELS[name]) for name, model in models.items()}
    moved = bt.nearest_tables(counts["kind"], areas["count"].sum("area").to_series().to_dict())
    misprints = {}
    for table in moved["table"].to_numpy():
        model = bt.success_model(moved.sel(table=table), success=report.GREEN, pooling="none")
        misprints[table] = run.fit(f"kind_green, {table}", model, f"{page.LABELS['kind_green']}; {table}")
    contrasts = contrast_rows(posteriors, counts, PAIRS, SUCCESS)
    local, late = (contrasts.loc[name].iloc[0] for name in ("local minus national", "2006 minus 2005"))
    size = int(counts["kind"]["count"].sel(area=LOCAL[0]).sum())
    mix = composition_bound(posteriors["margins"], areas, size, success=report.GREEN)
    hits = report.hits_by_optimism(study, counts["finish"], posteriors["finish_ordinal"])
    tables, pictures = page.group_tables(posteriors, counts, SUCCESS, contrasts)
    more, histogram = page.hits_tables(hits, now=int(areas["count"].sel(status="green").sum()))
    survey = study.tables["survey"].set_index("id")["statement"]
    end = more["hits"].frame.query("quantity == 'total_hits'")
    tables |= more | {
        "misprint": page.misprint_table(local, misprints, moved["weight"].to_series(), LOCAL),
        "mix": page.mix_table(posteriors["kind_green"], mix, LOCAL, success=report.GREEN),
        "survey": page.survey_table(bt.survey_shares(study.tables["survey"]), survey),
    }
    return Result(
        answer=(
            f"Local targets were {adverb(words_for(float(local['prob_positive'])))} more often on course than "
            f"national ones ({percent_text(float(local['prob_positive']))})."
        ),
        points=(
            f"Local minus national: {contrast_words(local)}.",
            f"Mix of policy areas: it alone could make a difference of {100 * float(mix.mean()):.0f} points.",
            f"Finish in 2006 minus finish in 2005: {contrast_words(late)}.",
            f"Hit in the end: {end['mean'].iloc[0]:.0f} of {int(areas['count'].sum())} targets ({end['low'].iloc[0]:.0f} to "
            f"{end['high'].iloc[0]:.0f}) if forecasts are taken at their word; {end['mean'].iloc[-1]:.0f} ({end['low'].iloc[-1]:.0f} to "
            f"{end['high'].iloc[-1]:.0f}) if all lose another year's optimism.",
        ),
        labels=page.LABELS,
        terms=report.TERMS,
        tables=tables,
        pictures=pictures | histogram,
        posteriors=posteriors,
        methods=(*page.METHODS, *report.HITS_METHODS),
        limits=(*report.LIMITS, report.MARGINS_LIMIT),
    )  # fmt: skip
