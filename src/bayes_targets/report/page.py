"""Results become pages that open without a network; every string that came from data is escaped."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from ..comparison.claims import SCALE_KEY, percent_text
from ..inference.diagnostics import gates
from . import guidelines
from .cells import number, probability_cell, table_cells
from .latex import latex_table
from .models import how_far, model_cards, predictive_checks
from .result import Result, Table
from .svg import inline_svg

# The sections of an analysis' page: id, title. A part of a section has an id too, which the last table links to.
_SECTIONS = {
    "read": "What was read",
    "claims": "Claims",
    "figures": "Figures",
    "tables": "Tables",
    "model": "How the model is built",
    "diagnostics": "Diagnostics",
    "sensitivity": "What would change the answer",
    "paragraph": "A paragraph to paste",
    "limits": "What cannot be concluded",
    "provenance": "Provenance",
    "guidelines": "Reporting guidelines",
}
_PARTS = {
    "question": "Question",
    "why": "Why Bayesian",
    "equation": "Equation",
    "priors": "Priors",
    "exact": "Diagnostics",
    "prior-predictive": "Predictive checks",
    "posterior-predictive": "Predictive checks",
    "bayes-factors": "Tables",
    "decisions": "Claims",
    "rope": "Tables",
}
_ANCHORS = {
    "exact": "diagnostics",
    "prior-predictive": "predictive",
    "posterior-predictive": "predictive",
    "bayes-factors": "tables",
    "decisions": "claims",
    "rope": "tables",
}
_NEGATIVE = re.compile(r"(?<![\w.-])-(?=\d)")
_MOVES = (
    "How far each term moves between the models and priors that were fitted: least and greatest posterior mean, lowest and highest end "
    "of the 95% equal-tailed intervals, and least and greatest probability of a term above 0."
)


def analysis_page(
    summary: Mapping[str, Any],
    result: Result,
    checks: pd.DataFrame | None,
    figures: Mapping[str, bytes],
    ledger: pd.DataFrame | None = None,
) -> bytes:
    """The page of one analysis.

    Parameters
    ----------
    summary : mapping
        What the run folder's ``summary.json`` holds: title, question, answer, settings, input hashes.
    result : Result
        Tables, pictures, posteriors, methods and limits.
    checks : pandas.DataFrame or None
        Diagnostics, a row a check; None where nothing was fitted.
    figures : mapping of str to bytes
        SVG of each picture, by its name; they are put into the page.
    ledger : pandas.DataFrame, optional
        The published claims that this analysis' posteriors judge: ``claim, published, probability, reading``.

    Returns
    -------
    bytes
        UTF-8 HTML, complete in itself.
    """
    cards = model_cards(result.posteriors)
    predictive = predictive_checks(result.posteriors)
    moves = _moves(result)
    parts: dict[str, Any] = {
        "read": result.notes,
        "claims": [] if ledger is None else [_claim(row) for row in ledger.to_dict("records")],
        "figures": _pictures(result, figures, "results"),
        "tables": _tables(result, "results"),
        "model": cards or result.methods,
        "diagnostics": None if checks is None else _check_summary(checks),
        "sensitivity": [
            *_tables(result, "sensitivity"),
            *_pictures(result, figures, "sensitivity"),
            *([moves] if moves else []),
        ],
        "paragraph": result.paragraph,
        "limits": result.limits,
        "provenance": True,
        "guidelines": True,
    }
    there = {name for name, part in parts.items() if part}
    return _render(
        "analysis.html",
        summary=summary,
        sections={name: title for name, title in _SECTIONS.items() if name in there},
        cards=cards,
        methods=result.methods,
        limits=result.limits,
        notes=result.notes,
        alone=bool(summary.get("alone")),
        points=result.points,
        paragraph=result.paragraph,
        claims=parts["claims"],
        scale=SCALE_KEY,
        pictures=parts["figures"],
        tables=parts["tables"],
        more_tables=_tables(result, "sensitivity"),
        more_pictures=_pictures(result, figures, "sensitivity"),
        moves=moves,
        predictive=table_cells(predictive) if len(predictive) else None,
        checks=parts["diagnostics"],
        guidelines=_guidelines(there, result, cards, predictive, checks),
        guidelines_source=guidelines.SOURCE,
        has_posterior=bool(result.posteriors),
    )


def index_page(
    summaries: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], ledger: pd.DataFrame | None
) -> bytes:
    """The page of a run: the answer with its probabilities, the claims ledger, and links.

    Parameters
    ----------
    summaries : sequence of mapping
        One an analysis, see `analysis_page`; ``earlier`` marks those of an earlier run.
    manifest : mapping
        What ``run.json`` holds.
    ledger : pandas.DataFrame or None
        The claims of all studies with columns ``study, claim, published, probability, reading`` as text.

    Returns
    -------
    bytes
        UTF-8 HTML, complete in itself.
    """
    studies = []
    if ledger is not None:
        for study, rows in ledger.groupby("study", sort=False):
            claims = [_claim(row) for row in rows.to_dict("records")]
            judged = [claim for claim in claims if claim["percent"] is not None]
            open_ = [claim for claim in claims if claim["percent"] is None]
            studies.append({"name": study, "judged": judged, "open": open_})
    verdict = next((summary for summary in summaries if summary.get("ledger")), None)
    return _render(
        "index.html",
        verdict=verdict,
        headlines=[_headline(each) for each in (verdict or {}).get("headlines", [])],
        others=[summary for summary in summaries if summary is not verdict],
        manifest=manifest,
        studies=studies,
        scale=SCALE_KEY,
    )


def table_file(name: str, table: Table) -> bytes:
    """A table as LaTeX for a paper: what the page shows of it, with its caption.

    Parameters
    ----------
    name : str
        File name without ending; also the label.
    table : Table
        From a `Result`.

    Returns
    -------
    bytes
    """
    cells = table_cells(table.frame if table.shown is None else table.shown, table.headings)
    return latex_table(table.caption, cells["headings"], cells["numeric"], cells["rows"], name)


def _pictures(result: Result, figures: Mapping[str, bytes], section: str) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "svg": inline_svg(figures[name], name, picture.alt),
            "caption": picture.caption,
            "alt": picture.alt,
        }
        for name, picture in result.pictures.items()
        if picture.section == section
    ]


def _tables(result: Result, section: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "caption": table.caption,
            **table_cells(table.frame if table.shown is None else table.shown, table.headings),
        }
        for name, table in result.tables.items()
        if table.section == section
    ]


def _moves(result: Result) -> dict[str, Any] | None:
    table = result.tables.get("comparison")
    moved = None if table is None else how_far(table.frame, table.shown)
    return None if moved is None else {"caption": _MOVES, **table_cells(moved)}


def _guidelines(
    there: set[str],
    result: Result,
    cards: Sequence[Mapping[str, Any]],
    predictive: pd.DataFrame,
    checks: pd.DataFrame | None,
) -> list[dict[str, str]]:
    """Where this page answers each item of the reporting guidelines."""
    columns = [str(column) for table in result.tables.values() for column in table.frame.columns]
    held = {
        "question": True,
        "why": "model" in there,
        "equation": bool(cards),
        "priors": bool(cards),
        "exact": checks is not None and bool(_told(checks, "mass at the edge").any()),
        "prior-predictive": bool(predictive["prior_95"].notna().any()),
        "posterior-predictive": len(predictive) > 0,
        "bayes-factors": any(_holds_bayes_factors(table.frame) for table in result.tables.values()),
        "decisions": "claims" in there,
        "rope": "tables" in there and any(column.startswith("rope_") for column in columns),
    }
    rows = guidelines.answered(there | {name for name, known in held.items() if known}, _SECTIONS | _PARTS)
    return [row | {"section": _ANCHORS.get(row["section"], row["section"])} for row in rows]


def _holds_bayes_factors(frame: pd.DataFrame) -> bool:
    """Whether a table has evidences, probabilities of no effect at all, or a row about Bayes factors."""
    named = {str(column) for column in frame.columns} & {"log_evidence", "prob_zero", "bayes_factor"}
    if frame.index.name == "question":
        asked = frame.index.astype(str).str.lower()
        return bool(named) or bool((asked.str.contains("bayes") | asked.str.contains("odds")).any())
    return bool(named)


def _check_summary(checks: pd.DataFrame) -> dict[str, Any]:
    checks = gates(checks)
    passed = checks["passed"].astype(bool)
    worst = "; ".join(_worst(checks, *told) for told in _TOLD if _told(checks, told[0]).any())
    return {
        "count": len(checks),
        "posteriors": checks["posterior"].nunique(),
        "failed": [
            f"{row['posterior']}: {row['quantity']} is {number(float(row['value']))} ({row['limit']})"
            for row in checks[~passed].to_dict("records")
        ],
        "worst": worst[:1].upper() + worst[1:],
    }


# What a reader is told of the checks that passed: beginning of the quantity's name, which extreme, words.
_TOLD = (
    ("divergences", "max", "divergences {:.0f}"),
    ("R-hat", "max", "largest R-hat {:.3f} (limit 1.01)"),
    ("bulk ESS", "min", "smallest bulk effective sample size {:,.0f} (limit 400)"),
    ("tail ESS", "min", "smallest tail effective sample size {:,.0f} (limit 400)"),
    ("mass at the edge", "max", "exact engine: largest mass beyond the grid {:.1g} (limit 1e-06)"),
    (
        "change on refinement",
        "max",
        "largest change when the grid is refined {:.3f} Monte Carlo s.e. (limit 0.1)",
    ),
    ("acceptance", "min", "smallest acceptance {:.2f} (limit 0.2)"),
    ("bias of the learnt", "max", "learnt likelihood: largest bias {:.2f} s.d. (limit 0.25)"),
    ("predictive p-value", "min", "smallest posterior predictive p-value {:.3f} (limit 0.002)"),
)


def _told(checks: pd.DataFrame, start: str) -> pd.Series[bool]:
    return checks["quantity"].str.startswith(start)


def _worst(checks: pd.DataFrame, start: str, extreme: str, words: str) -> str:
    values = checks.loc[_told(checks, start), "value"]
    return words.format(values.max() if extreme == "max" else values.min())


def _claim(row: Mapping[Any, Any]) -> dict[str, Any]:
    value = float(row["probability"]) if str(row["probability"]) not in ("", "nan") else math.nan
    known = not math.isnan(value)
    return {
        "tested": "",
        **row,
        "shown": probability_cell(value),
        "percent": round(100 * value) if known else None,
        "lowest_shown": _lowest(row),
    }


def _lowest(row: Mapping[Any, Any]) -> str:
    """The lowest of the alternatives tried, with its name; empty where none was."""
    text = str(row.get("lowest", ""))
    if text in ("", "nan"):
        return str(row.get("lowest_under", ""))
    return f"{percent_text(float(text))}: {row['lowest_under']}"


def _headline(told: Mapping[str, Any]) -> dict[str, Any]:
    return {**told, "shown": None, "percent": None} if told["probability"] is None else _claim(told)


def _render(template: str, **values: Any) -> bytes:
    return str(_environment().get_template(template).render(**values)).encode()


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bayes_targets.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["minus"] = lambda text: _NEGATIVE.sub("\N{MINUS SIGN}", text)
    return environment
