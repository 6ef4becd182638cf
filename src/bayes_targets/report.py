"""Results become pages that open without a network; every string that came from data is escaped."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from .claims import probability_text
from .result import Result

# Column names of the library's tables, in words for a page. Others are shown as they are.
HEADINGS = {
    "term": "Term",
    "model": "Model",
    "ols_estimate": "Published estimate",
    "ols_se": "s.e.",
    "ols_low": "Low",
    "ols_high": "High",
    "mean": "Posterior mean",
    "sd": "s.d.",
    "low": "Low",
    "high": "High",
    "prob_positive": "P(above 0)",
    "rope_below": "P(below ROPE)",
    "rope_inside": "P(in ROPE)",
    "rope_above": "P(above ROPE)",
    "shift_in_se": "Shift (s.e.)",
    "sd_ratio": "s.d. / s.e.",
    "p_one_tailed": "p, one-tailed",
    "p_two_tailed": "p, two-tailed",
    "claim": "Claim",
    "locator": "Where",
    "estimand": "Estimand",
    "published": "Published",
    "probability": "Probability",
    "reading": "Reading",
    "check": "Check",
    "printed": "Printed",
    "recomputed": "Recomputed",
    "verdict": "Verdict",
    "prob_best": "P(best)",
    "prob_worst": "P(worst)",
    "n": "n",
}
_PROBABILITIES = ("prob", "rope_", "p_one", "p_two")


def analysis_page(
    summary: Mapping[str, Any], result: Result, checks: pd.DataFrame | None, figures: Mapping[str, bytes]
) -> bytes:
    """The page of one analysis.

    Parameters
    ----------
    summary : mapping
        What the run folder's ``summary.json`` holds: title, question, answer, settings, input hashes.
    result : Result
        Tables, pictures, methods and limits.
    checks : pandas.DataFrame or None
        Diagnostics, a row a check; None where nothing was fitted.
    figures : mapping of str to bytes
        SVG of each picture, by its name; they are put into the page.

    Returns
    -------
    bytes
        UTF-8 HTML, complete in itself.
    """
    pictures = [
        {"name": name, "source": _data_uri(figures[name]), "caption": picture.caption, "alt": picture.alt}
        for name, picture in result.pictures.items()
    ]
    tables = [
        {
            "name": name,
            "caption": table.caption,
            **_cells(table.frame if table.shown is None else table.shown),
        }
        for name, table in result.tables.items()
    ]
    return _render(
        "analysis.html",
        summary=summary,
        methods=result.methods,
        limits=result.limits,
        pictures=pictures,
        tables=tables,
        checks=None if checks is None else _check_summary(checks),
        has_posterior=bool(result.posteriors),
    )


def index_page(
    summaries: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any], ledger: pd.DataFrame | None
) -> bytes:
    """The page of a run: what was asked, the answers, the claims ledger and links.

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
    return _render("index.html", summaries=summaries, manifest=manifest, studies=studies)


def number(value: object) -> str:
    """A cell for readers: three significant digits, an en dash for what is not there.

    Examples
    --------
    >>> number(0.65123), number(1329718), number(float("nan")), number("text"), number(-0.0004)
    ('0.651', '1,329,718', '–', 'text', '−0.0004')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if (isinstance(value, float) and math.isnan(value)) or value is None or value is pd.NA or value is pd.NaT:
        return "–"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        if value == 0 or 1e-4 <= abs(value) < 1e7:
            digits = 2 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
            rounded = round(value, 2 - math.floor(math.log10(abs(value)))) if value else 0.0
            text = f"{rounded:,.{digits}f}"
            text = text.rstrip("0").rstrip(".") if digits > 3 else text
        else:
            text = f"{value:.3g}"
        return text.replace("-", "−")
    return str(value)


def _cells(frame: pd.DataFrame) -> dict[str, Any]:
    shown = frame if frame.index.names == [None] else frame.reset_index()
    shown = shown.dropna(axis="columns", how="all")
    columns = [str(column) for column in shown.columns]
    numeric = [pd.api.types.is_numeric_dtype(shown[column]) for column in shown.columns]
    formats = [
        _probability if name.startswith(_PROBABILITIES) else _column_format(shown[column])
        for name, column in zip(columns, shown.columns, strict=True)
    ]
    rows = [
        [form(value) for form, value in zip(formats, row, strict=True)]
        for row in shown.itertuples(index=False, name=None)
    ]
    return {"headings": [HEADINGS.get(c, c) for c in columns], "numeric": numeric, "rows": rows}


def _column_format(column: pd.Series[Any]) -> Callable[[object], str]:
    """One number of decimals for a column of like sizes, so that its digits line up; else each cell its own."""
    if not pd.api.types.is_float_dtype(column):
        return number
    sizes = column.abs()[column.abs() > 0].dropna()
    if sizes.empty or not 1e-3 < sizes.median() < 1e4 or sizes.max() > 300 * sizes.median():
        return number
    decimals = max(0, 2 - math.floor(math.log10(sizes.max())))

    def fixed(value: object) -> str:
        known = isinstance(value, float) and math.isfinite(value)
        return f"{value:,.{decimals}f}".replace("-", "−") if known else number(value)

    return fixed


def _probability(value: object) -> str:
    known = isinstance(value, float | int) and not math.isnan(value)
    return probability_text(float(value)) if known else "–"  # type: ignore[arg-type]


def _check_summary(checks: pd.DataFrame) -> dict[str, Any]:
    passed = checks["passed"].astype(bool)
    return {
        "count": len(checks),
        "posteriors": checks["posterior"].nunique(),
        "failed": [
            f"{row['posterior']}: {row['quantity']} is {number(float(row['value']))} ({row['limit']})"
            for row in checks[~passed].to_dict("records")
        ],
        "worst": "; ".join(_worst(checks, *told) for told in _TOLD if _told(checks, told[0]).any()),
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
        **row,
        "shown": _probability(value),
        "percent": round(100 * value) if known else None,
    }


def _data_uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


def _render(template: str, **values: Any) -> bytes:
    return str(_environment().get_template(template).render(**values)).encode()


@cache
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("bayes_targets"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
