"""Audit: do the printed numbers agree with one another?

Every printed table is held against the arithmetic and logic it must obey: significance stars against slope and standard
error, R² against F, percentages against counts, margins of one table against another's. Each check is made over the
whole rounding interval of every printed number.
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.report.result import Picture, Result, Table
from bayes_targets.studies import andrews2014, odpm2005

STUDIES = (andrews2014, odpm2005)


def by_study(run, make):
    """One table from each study, below one another."""
    frames = {source.CITED: make(run.study(source.NAME)) for source in STUDIES}
    return pd.concat(frames, names=["study"]).reset_index("study").reset_index(drop=True)


def analyse(run):
    audit = by_study(run, bt.audit)
    noted = by_study(run, lambda study: study.tables["discrepancies"])
    wrong = audit[audit["verdict"].str.startswith("inconsistent")]
    conditional = audit[audit["verdict"].str.startswith("only if")]
    kinds = ", ".join(f"{check} ({count})" for check, count in wrong["check"].value_counts().items())
    answer = (
        f"Of {len(audit)} checks of the printed numbers, {len(audit) - len(wrong) - len(conditional)} agree, {len(conditional)} agree "
        f"under a condition and {len(wrong)} disagree whatever the rounding."
    )
    touched = "touched" if wrong["locator"].str.contains("LAA").any() else "not touched"
    points = (
        f"What disagrees: {kinds}; b is a slope, s.e. its standard error, F the test of the whole regression.",
        f"Slopes and standard errors of the two target measures: {touched}.",
    )
    columns = ["study", "check", "locator", "printed", "recomputed", "verdict"]
    return Result(
        answer=answer,
        points=points,
        terms=(*andrews2014.TERMS, *odpm2005.TERMS),
        tables={
            "audit": Table(
                audit[columns],
                "Checks that fail, or hold only under a condition. The CSV file holds every check. Recomputed: what follows from the other "
                "printed numbers, with the range that their rounding leaves.",
                shown=pd.concat([wrong, conditional])[columns],
            ),
            "discrepancies": Table(
                noted,
                "Contradictions in wording. Noted while the sources were transcribed; arithmetic cannot find them.",
                shown=noted.drop(columns=["id", "bears_on"]),
            ),
        },
        pictures={
            "audit": Picture(
                bt.plot_audit(audit),
                "Checks of each kind by verdict. Dark: inconsistent whatever the rounding. Hatched: consistent under a condition, see the "
                "table below.",
                f"Bars of checks by kind and verdict: {len(wrong)} inconsistent, {len(conditional)} conditional, "
                f"{len(audit)} in all.",
            )
        },
        limits=("A consistent table can still be wrong, and a misprinted star does not make a slope wrong.",),
    )
