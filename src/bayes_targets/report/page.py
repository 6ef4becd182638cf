"""Results become pages that open without a network; every string that came from data is escaped."""

from __future__ import annotations

import base64
import csv
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from ..comparison.claims import SCALE, percent_text
from ..inference.diagnostics import gates
from .cells import ABBREVIATIONS, GLOSSARY, capital, named, number, probability_cell, table_cells
from .latex import latex_table
from .models import how_far, model_cards, predictive_checks
from .result import Result, Table

# The sections of an analysis' page: id, title. A part of a section has an id too, which the last table links to.
_SECTIONS = {
    "claims": "Claims",
    "figures": "Figures",
    "tables": "Tables",
    "paragraph": "A paragraph to paste",
    "limits": "What cannot be concluded",
    "sensitivity": "What would change the answer",
    "read": "What was read",
    "model": "How the model is built",
    "diagnostics": "Diagnostics",
    "provenance": "Provenance",
    "guidelines": "Reporting guidelines",
}
# What the guidelines ask for and no section answers: where on the page, and its title.
_PARTS = {
    "question": ("question", "Question"),
    "why": ("why", "Why Bayesian"),
    "equation": ("equation", "Equation"),
    "priors": ("priors", "Priors"),
    "exact": ("diagnostics", "Diagnostics"),
    "prior-predictive": ("predictive", "Predictive checks"),
    "posterior-predictive": ("predictive", "Predictive checks"),
    "bayes-factors": ("tables", "Tables"),
    "decisions": ("claims", "Claims"),
    "rope": ("tables", "Tables"),
}
# Where the reporting guidelines are from; their items, in our words, stand in guidelines.csv.
_SOURCE = (
    "Kruschke, J. K. (2021). Bayesian analysis reporting guidelines. Nature Human Behaviour 5, 1282–1291. "
    "doi:10.1038/s41562-021-01177-7"
)
# A caption's first sentence, which stands as its title: not one that ends in an abbreviation or within brackets.
_SENTENCE = re.compile(r"((?:[^(]|\([^)]*\))+?)(?:(?<!s\.d)(?<!s\.e)\. |: )")
_INTERVAL = re.compile(r"95% equal-tailed (posterior predictive |posterior |predictive )?interval")
_TAG = re.compile(r"<(style|script)\b.*?</\1>|<[^>]+>", re.DOTALL)
_NEGATIVE = re.compile(r"(?<![\w.-])-(?=\.?\d)")
# Where the terms that a page uses are put in, once the rest of it is there: no string from data holds it, `<` is escaped.
_HERE = "<terms>\n"
# A sign that must not end a line: it belongs to the number after it.
_SIGNED = re.compile(r"([<>±]) (?=\d)")
_MOVES = (
    "How far each term moves between the models and priors that were fitted. Least and greatest posterior mean, lowest and highest end "
    "of the 95% intervals, and least and greatest probability of a term above 0."
)
_PREDICTIVE = (
    "Observed values in predictive intervals, of the priors alone and of the posterior. About 95 in 100 should lie in a 95% interval, "
    "and more where the posterior has seen the same data; far fewer mean that the model does not give what was seen."
)


def analysis_page(
    summary: Mapping[str, Any],
    result: Result,
    checks: pd.DataFrame | None,
    figures: Mapping[str, bytes],
    ledger: pd.DataFrame | None = None,
) -> bytes:
    """The page of one analysis, complete in itself.

    `summary` is what the run folder's ``summary.json`` holds; `checks` are the diagnostics (None where nothing was fitted); `figures`
    the SVG of each picture, put into the page as images, which cannot act; `ledger` the claims that this analysis' posteriors judge.
    """
    cards = [
        card | {"names": "; ".join(named(name, result.labels) for name in card["names"])}
        for card in model_cards(result.posteriors)
    ]
    predictive = predictive_checks(result.posteriors)
    sensitivity = {
        "tables": [*_tables(result, "sensitivity"), *_moves(result)],
        "figures": _pictures(result, figures, "sensitivity"),
    }
    parts: dict[str, Any] = {
        "claims": _by_study(_ledger_of(result) if ledger is None else ledger),
        "figures": _pictures(result, figures, "results"),
        "tables": _tables(result, "results"),
        "paragraph": result.paragraph,
        "limits": result.limits,
        "sensitivity": sensitivity if any(sensitivity.values()) else None,
        "read": result.notes,
        "model": cards or result.methods,
        "diagnostics": None if checks is None else _check_summary(checks, result),
        "provenance": True,
        "guidelines": checks is not None,
    }
    there = {name for name, part in parts.items() if part}
    captions = [picture.caption for picture in result.pictures.values()]
    captions += [table.caption for table in result.tables.values()]
    told = parts | {
        "summary": summary,
        "sections": {name: title for name, title in _SECTIONS.items() if name in there},
        "cards": cards,
        "methods": result.methods,
        "alone": summary.get("alone") or [],
        "points": result.points,
        "alternatives": ledger is None,
        "scale": SCALE,
        "predictive": _titled(_PREDICTIVE) | table_cells(predictive, labels=result.labels)
        if len(predictive)
        else None,
        "guidelines": _guidelines(there, result, cards, predictive, checks),
        "guidelines_source": _SOURCE,
        "has_posterior": bool(result.posteriors),
        "has_intervals": any("interval" in caption for caption in captions),
    }
    before, after = _render("analysis.html", **told).decode().split(_HERE)
    text = _TAG.sub(" ", before + after)
    known = [*result.terms, *GLOSSARY.items(), *ABBREVIATIONS.items()]
    used = [term for term in known if _is_used(term[0], text)]
    glossary = _render("terms.html", terms=used) + b"\n" if used else b""
    return before.encode() + glossary + after.encode()


def _is_used(term: str, text: str) -> bool:
    """Whether a text has a term, or several of it; abbreviations are in capitals."""
    word = re.escape(term.removesuffix(":").partition(" (")[0])
    end = r"s?(?!\w)" if word[-1].isalnum() else ""
    return re.search(rf"(?<!\w){word}{end}", text, re.IGNORECASE if term.lower() == term else 0) is not None


def index_page(
    summaries: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], ledger: pd.DataFrame | None
) -> bytes:
    """The page of a run: the answer with its probabilities, the claims ledger, and links.

    `summaries`: one an analysis (``earlier`` marks those of an earlier run); `manifest`: what ``run.json`` holds; `ledger`: the claims of
    all studies as text.
    """
    verdict = next((summary for summary in summaries if summary.get("ledger")), None)
    lead = verdict or (summaries[0] if len(summaries) == 1 and ledger is None else None)
    title, heading = "Did government targets work?", "Did targets work, and how sure can one be?"
    if not verdict and ledger is None:
        title = heading = lead["title"] if lead else "What each analysis found"
    return _render(
        "index.html",
        title=title,
        heading=heading,
        verdict=verdict,
        lead=lead,
        headlines=[_headline(each) for each in (verdict or {}).get("headlines", [])],
        others=[summary for summary in summaries if summary is not lead],
        manifest=manifest,
        studies=_by_study(ledger),
        scale=SCALE,
    )


def table_file(name: str, table: Table, labels: Mapping[str, str] | None = None) -> bytes:
    """A table as LaTeX for a paper: what the page shows of it, with its caption; `name` is also its label."""
    cells = table.cells(labels)
    return latex_table(table.caption, cells["headings"], cells["numeric"], cells["rows"], name)


def _pictures(result: Result, figures: Mapping[str, bytes], section: str) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "source": f"data:image/svg+xml;base64,{base64.b64encode(figures[name]).decode()}",
            "caption": _short(picture.caption),
            "alt": picture.alt,
        }
        for name, picture in result.pictures.items()
        if picture.section == section
    ]


def _tables(result: Result, section: str) -> list[dict[str, Any]]:
    return [
        {"name": name, **_titled(table.caption or named(name)), **table.cells(result.labels)}
        for name, table in result.tables.items()
        if table.section == section and name != result.ledger
    ]


def _moves(result: Result) -> list[dict[str, Any]]:
    table = result.tables.get("comparison")
    moved = None if table is None else how_far(table.frame, table.shown)
    if table is None or moved is None:
        return []
    shares = [name for name in map(str, moved) if name.rpartition("_")[0] in table.shares]
    return [{"name": "", **_titled(_MOVES), **table_cells(moved, shares=shares)}]


def _titled(caption: str) -> dict[str, str]:
    """A caption as a title and what is to be known beside it."""
    text = _short(caption)
    found = _SENTENCE.match(text)
    if found is None:
        return {"title": text.removesuffix("."), "beside": ""}
    return {"title": found[1], "beside": capital(text[found.end() :])}


def _short(text: str) -> str:
    """The kind of the intervals is said once on each page."""
    return _INTERVAL.sub(lambda match: f"95% {match[1] or ''}interval", text)


def _ledger_of(result: Result) -> pd.DataFrame | None:
    return result.tables[result.ledger].frame if result.ledger else None


def _by_study(ledger: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The claims of each study, those that were judged and those that could not be."""
    if ledger is None:
        return []
    studies = []
    groups = ledger.groupby("study", sort=False) if "study" in ledger else [("", ledger)]
    for study, rows in groups:
        claims = [_claim(row) for row in rows.to_dict("records")]
        judged = [claim for claim in claims if claim["percent"] is not None]
        studies.append(
            {"name": study, "judged": judged, "open": [each for each in claims if each["percent"] is None]}
        )
    return studies


def _guidelines(
    there: set[str],
    result: Result,
    cards: Sequence[Mapping[str, Any]],
    predictive: pd.DataFrame,
    checks: pd.DataFrame | None,
) -> list[dict[str, str]]:
    """Where this page answers each item of the reporting guidelines, or why it does not."""
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
    sections = there | {name for name, known in held.items() if known}
    places = {name: (name, title) for name, title in _SECTIONS.items()} | _PARTS
    rows = []
    for item in _items():
        answered = item["section"] in sections
        note = item["note"] if answered else item["otherwise"]
        if answered or note:
            section, title = places[item["section"]] if answered else ("", "")
            rows.append(item | {"section": section, "title": title, "note": note})
    return rows


@cache
def _items() -> list[dict[str, str]]:
    text = (files(__package__) / "guidelines.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _holds_bayes_factors(frame: pd.DataFrame) -> bool:
    """Whether a table has evidences, probabilities of no effect at all, or a row about Bayes factors."""
    if not {"log_evidence", "prob_zero", "bayes_factor"}.isdisjoint(map(str, frame.columns)):
        return True
    asked = frame.index.astype(str) if frame.index.name == "question" else pd.Index([], dtype=str)
    return bool(asked.str.contains("bayes|odds", case=False).any())


def _check_summary(checks: pd.DataFrame, result: Result) -> dict[str, Any]:
    labels, checks = result.labels, gates(checks[~checks["posterior"].isin(list(result.lost))])
    passed = checks["passed"].astype(bool)
    worst = "; ".join(_worst(checks, *told) for told in _TOLD if _told(checks, told[0]).any())
    return {
        "count": len(checks),
        "posteriors": checks["posterior"].nunique(),
        "failed": [
            f"{named(row['posterior'], labels)}: {row['quantity']} is {number(float(row['value']))} ({row['limit']})"
            for row in checks[~passed].to_dict("records")
        ],
        "worst": capital(worst),
        "lost": [f"{capital(named(name, labels))}: {reason}" for name, reason in result.lost.items()],
    }


# What a reader is told of the checks that passed: beginning of the quantity's name, which extreme, words.
_TOLD = (
    ("divergences", "max", "divergences {:.0f}"),
    ("R-hat", "max", "largest R-hat {:.3f} (limit 1.01)"),
    ("bulk ESS", "min", "smallest bulk effective sample size {:,.0f} (limit 400)"),
    ("tail ESS", "min", "smallest tail effective sample size {:,.0f} (limit 400)"),
    ("mass at the edge", "max", "exact engine: largest share of the posterior beyond the grid {} (limit 1 in a million)"),
    ("change on refinement", "max", "largest change when the grid is refined {:.3f} Monte Carlo s.e. (limit 0.1)"),
    ("acceptance", "min", "smallest acceptance {:.2f} (limit 0.2)"),
    ("bias of the learnt", "max", "learnt likelihood: largest bias {:.2f} s.d. (limit 0.25)"),
    ("predictive p-value", "min", "smallest posterior predictive p-value {:.3f} (limit 0.002)"),
)  # fmt: skip


def _told(checks: pd.DataFrame, start: str) -> pd.Series[bool]:
    return checks["quantity"].str.startswith(start)


def _worst(checks: pd.DataFrame, start: str, extreme: str, words: str) -> str:
    values = checks.loc[_told(checks, start), "value"]
    value = float(values.max() if extreme == "max" else values.min())
    return words.format(_one_in(value) if "{}" in words else value)


def _one_in(share: float) -> str:
    return "none" if share < 1e-15 else f"1 in {number(int(float(f'{1 / share:.1g}')))}"


def _claim(row: Mapping[Any, Any]) -> dict[str, Any]:
    value = float(row["probability"]) if str(row["probability"]) not in ("", "nan") else math.nan
    known = not math.isnan(value)
    return {
        "tested": "",
        "published": "",
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
    error = float(row.get("lowest_error") or 0.0)
    return f"{percent_text(float(text), error=error)}: {row['lowest_under']}"


def _headline(told: Mapping[str, Any]) -> dict[str, Any]:
    return {**told, "shown": None, "percent": None} if told["probability"] is None else _claim(told)


def _typeset(text: str) -> str:
    """A text with minus signs for hyphens before numbers, and no line break after a sign."""
    return _SIGNED.sub("\\1\N{NO-BREAK SPACE}", _NEGATIVE.sub("\N{MINUS SIGN}", text))


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
    environment.filters["short"] = _short
    environment.filters["minus"] = _typeset
    return environment
