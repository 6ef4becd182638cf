"""From printed rows to the estimates of an `Evaluation`: numbers with their rounding, logs of ratios, standard errors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from ..errors import DataError, UnclearError, cell_message, option, wrong_cell
from ..evaluation import RATIOS
from . import uncertainty as unc
from .headings import read_heading, side_by_side
from .uncertainty import Figure, Spread
from .units import repeats

PRINTED = ("estimate", "se", "variance", "t", "p", "low", "high", "star", "df")
_ON_SCALE = {"estimate", "low", "high"}
_IN_UNIT = ("estimate", "se", "low", "high")
REFERENCE_WORDS = {"ref.", "(ref.)"} | {
    form for word in ("ref", "reference", "base", "omitted") for form in (word, f"({word})")
}
UNCERTAINTY = "one of se, variance, t, p, or low and high"
_LISTED = 10


class PrintedRow(NamedTuple):
    """One row of print: its label, its place in the file, plain texts by canonical column."""

    term: str
    row: int
    cells: Mapping[str, str]
    others: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Terms:
    """What must be known to read rows: ratio and where logarithms are printed, level, stars, df."""

    ratio: str | None = None
    logs: str | None = None
    level: float = 0.95
    stars: Mapping[str, float] = field(default_factory=dict)
    tails: int = 2
    df: float = math.inf
    exact: bool = False
    needs_ratio: str | None = None
    word: str = "term"
    header: Sequence[str] = ()


class ReadRows(NamedTuple):
    """Estimates and their print by term, terms of reference, and what was derived."""

    estimates: pd.DataFrame
    printed: pd.DataFrame
    reference: tuple[str, ...]
    notes: tuple[str, ...]
    logs: str | None = None


class Row(NamedTuple):
    """A row as figures, each with its rounding interval."""

    term: str
    row: int
    figures: Mapping[str, Figure]
    star: str


def split_reference(
    rows: Sequence[PrintedRow], ratio: str | None
) -> tuple[list[PrintedRow], tuple[str, ...]]:
    """Rows with an estimate, and terms that are printed as reference categories (0 or 1 without an error)."""
    kept, reference = [], []
    for row in rows:
        texts = {name: row.cells.get(name, "") for name in PRINTED}
        errors = [text for name in ("se", "variance") if (text := texts[name])]
        other = [text for name in ("t", "p", "low", "high", "star") if (text := texts[name])]
        estimate = texts["estimate"].lower()
        neutral = {"0"} if ratio is None else {"0", "1", "1.0", "1.00", "1.000"}
        named = estimate in REFERENCE_WORDS or any(
            text.lower() in REFERENCE_WORDS for text in (*errors, *other)
        )
        zero = estimate in neutral and all(text == "0" for text in errors) and not other
        if estimate and (named or zero):
            reference.append(row.term)
        else:
            kept.append(row)
    return kept, tuple(reference)


def read_rows(printed: Sequence[PrintedRow], known: Terms, label: str) -> ReadRows:
    """Turn rows of text into estimates with standard errors."""
    rows, reference = split_reference(printed, known.ratio)
    figures = _figures(rows, known, label)
    _refuse_repeated(rows, known.word, label)
    if not rows:
        raise DataError(f"{label}: no row with an estimate, expected at least one")
    notes: list[str] = []
    logs = None
    if known.ratio is None:
        _refuse_ratios(figures, known, label)
    else:
        figures, logs, notes = _to_logs(figures, known, label)
    spreads = [_spread(row, known, label) for row in figures]
    if all(spread is None for spread in spreads):
        raise _no_uncertainty(figures, known, label)
    notes += _spread_notes(figures, spreads, known)
    none = Spread(math.nan, 0.0, math.inf, "not printed")
    estimates, text = in_frames(
        rows,
        [row.figures["estimate"].value for row in figures],
        [spread or none for spread in spreads],
        [_df(row, known) for row in figures],
        [name for name in PRINTED if any(row.cells.get(name) for row in rows)],
        known.word,
    )
    return ReadRows(estimates, text, reference, tuple(notes), logs)


def in_frames(
    rows: Sequence[PrintedRow],
    estimates: Sequence[float],
    spreads: Sequence[Spread],
    df: Sequence[float],
    columns: Sequence[str],
    word: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates with their standard errors, and some columns of their print, by term."""
    index = pd.Index([row.term for row in rows], dtype="str", name=word)
    found = {
        "estimate": estimates,
        "se": [spread.se for spread in spreads],
        "se_low": [spread.low for spread in spreads],
        "se_high": [spread.high for spread in spreads],
        "se_from": pd.array([spread.origin for spread in spreads], dtype="str"),
        "df": df,
    }
    text = {name: [row.cells.get(name, "") for row in rows] for name in columns}
    return pd.DataFrame(found, index=index), pd.DataFrame(text, index=index, dtype="str")


def printed_rows(
    printed: pd.DataFrame, *, ratio: str | None, logs: str | None, exact: bool, label: str
) -> list[Row]:
    """The figures of a printed table on the scale of its estimates: logarithms of ratios, where it prints ratios."""
    rows = [
        PrintedRow(str(term), place, {str(name): str(text) for name, text in cells.items() if text})
        for place, (term, cells) in enumerate(printed.to_dict("index").items(), start=1)
    ]
    figures = _figures(rows, Terms(exact=exact), label)
    return figures if ratio is None or logs == "both" else [_log_row(row, logs or "se") for row in figures]


# ---- cells ------------------------------------------------------------------------------------------------


def _figures(rows: Sequence[PrintedRow], known: Terms, label: str) -> list[Row]:
    """Every cell as a figure, or one message that lists each that is none."""
    problems, read = list[str](), []
    signs = [] if known.ratio else signs_of_per_cent(rows)

    def wrong(row: PrintedRow, name: str, expected: str) -> None:
        value = row.cells.get(name, "")
        problems.append(cell_message(file=label, row=row.row, column=name, value=value, expected=expected))

    for row in rows:
        figures = {}
        for name in PRINTED:
            text = row.cells.get(name, "")
            if name == "star" or (not text and name != "estimate"):
                continue
            percent = bool(signs) and name in _IN_UNIT
            value = (
                unc.p_figure(text) if name == "p" else unc.figure(text, exact=known.exact, percent=percent)
            )
            expected = _expected(name, value, text)
            if percent and text and not text.endswith("%"):
                expected = f"a per cent sign here as well as in {signs[0]!r}, or in neither"
            if expected:
                wrong(row, name, expected)
            elif value is not None:
                figures[name] = value
        if {"low", "high"} <= figures.keys() and figures["low"].value > figures["high"].value:
            wrong(row, "low", f"at most high ({row.cells['high']})")
        read.append(Row(row.term, row.row, figures, row.cells.get("star", "")))
    if problems:
        more = len(problems) - _LISTED
        raise DataError(
            "\n".join([*problems[:_LISTED], *([f"{label}: and {more} more"] if more > 0 else [])])
        )
    return read


def signs_of_per_cent(rows: Sequence[PrintedRow]) -> list[str]:
    """Estimates, standard errors and ends of intervals that have a per cent sign."""
    return [text for row in rows for name in _IN_UNIT if (text := row.cells.get(name, "")).endswith("%")]


def _expected(name: str, value: Figure | None, text: str) -> str:
    """What a cell should have been; empty where it is that."""
    if name == "p":
        return "" if value is not None else "a p-value such as .032, <.001 or ns"
    if value is None and text.endswith("%"):
        return "a number without a per cent sign"
    if value is None:
        return "a number such as -.25 or 3.10" + ("" if text else " (every term needs its estimate)")
    if name == "se" and value.value < 0:
        return f"a standard error above 0 (a negative number may be a t value: name the column t, or give {option('brackets', 't')})"
    if name in ("variance", "df") and value.value < 0:
        return "a number above 0"
    return ""


def _refuse_repeated(rows: Sequence[PrintedRow], word: str, label: str) -> None:
    for i, first in repeats([row.term for row in rows]):
        hint = " (choose one printed model, or add a column 'model')" if word == "term" else ""
        expected = f"each {word} once; row {rows[first].row} has it already{hint}"
        raise wrong_cell(label, rows[i].row, word, rows[i].term, expected)


# ---- ratios -----------------------------------------------------------------------------------------------


def _midway(row: Row, *, log: bool) -> bool | None:
    """Whether the estimate lies midway in its interval, over all rounding; None where there is no interval."""
    if not {"low", "high"} <= row.figures.keys():
        return None
    estimate, low, high = (row.figures[name] for name in ("estimate", "low", "high"))
    if log:
        if min(estimate.value, low.value, high.value) <= 0:
            return False
        estimate, low, high = estimate.log(), low.log(), high.log()
    return estimate.meets(low.midway(high))


def _refuse_ratios(rows: Sequence[Row], known: Terms, label: str) -> None:
    """Ask before numbers that look like ratios are taken as slopes."""
    if known.logs == "none" or not (known.needs_ratio or _look_like_ratios(rows)):
        return
    why = "every estimate is above 0 and lies midway in its interval on the log scale only"
    if known.needs_ratio:
        why = f"the heading {known.needs_ratio!r}"
    named = read_heading(known.needs_ratio or "").quantity
    likely = named if named in RATIOS else RATIOS[0]
    raise UnclearError(
        f"{label}: these look like ratios ({why}); say which they are: {option('ratio', *RATIOS)}, or "
        f"{option('ratio', 'none')} for slopes (in the file: # ratio: {likely})"
    )


def _look_like_ratios(rows: Sequence[Row]) -> bool:
    names = ("estimate", "low", "high")
    positive = all(row.figures[name].value > 0 for row in rows for name in names if name in row.figures)
    on_log = [_midway(row, log=True) for row in rows]
    on_line = [_midway(row, log=False) for row in rows]
    return positive and all(x is not False for x in on_log) and any(x is False for x in on_line)


def _to_logs(rows: Sequence[Row], known: Terms, label: str) -> tuple[list[Row], str, list[str]]:
    """Every row on the log scale, where logarithms are printed, and what was found out about that."""
    ratio, logs, notes = known.ratio, known.logs, list[str]()
    below = any(row.figures[k].value < 0 for row in rows for k in _ON_SCALE & row.figures.keys())
    if below and logs is None and known.needs_ratio is None:
        logs, notes = "both", [f"Some estimates are below 0, as no {ratio} is."]
    if logs is None:
        logs, notes = _where_logs_are(rows, known, label)
    if logs == "both":
        return list(rows), logs, [*notes, f"The table prints logarithms of {ratio}s."]
    for row in rows:
        for name in _ON_SCALE & row.figures.keys():
            if row.figures[name].value <= 0:
                value = f"{row.figures[name].value:g}"
                raise wrong_cell(label, row.row, name, value, f"an {ratio} above 0")
    notes.append(f"The table prints {ratio}s; estimates and standard errors are on the log scale.")
    return [_log_row(row, logs) for row in rows], logs, notes


def _where_logs_are(rows: Sequence[Row], known: Terms, label: str) -> tuple[str, list[str]]:
    """Whether a printed s.e. is of the ratio or of its logarithm, as far as the rows tell it."""
    if any(_midway(row, log=True) is False for row in rows) and all(
        _midway(row, log=False) is not False for row in rows
    ):
        raise DataError(
            f"{label}: the intervals are symmetric around the estimates, not on the log scale; say whether the table prints "
            f"logarithms of {known.ratio}s ({option('logs', 'both')}) or {known.ratio}s ({option('logs', 'none')})"
        )
    if any(_sign_contradicts(row) for row in rows):
        raise DataError(
            f"{label}: the signs of t do not go with {known.ratio}s below and above 1; say whether the table prints logarithms "
            f"({option('logs', 'both')}) or ratios ({option('logs', 'none')})"
        )
    with_se = [row for row in rows if "se" in row.figures or "variance" in row.figures]
    if not with_se:
        return "se", []
    votes: Counter[str] = Counter()
    for row in with_se:
        printed = {logs: _candidates(_log_row(row, logs), known)[0] for logs in ("se", "none")}
        for other in _candidates(_log_row(row, "se"), known):
            if other.se > 0 and not _is_printed(other):
                votes.update(logs for logs, own in printed.items() if own.meets(other))
    if votes["se"] != votes["none"]:
        chosen = "se" if votes["se"] > votes["none"] else "none"
        of = "the logarithms" if chosen == "se" else f"the {known.ratio}s"
        return chosen, [f"Printed standard errors are of {of}: that agrees with the other columns."]
    raise UnclearError(
        f"{label}: a standard error beside {known.ratio}s may be of the ratio or of its logarithm; say which: "
        f"{option('logs', 'se')} (ratios with s.e.s of their logarithms), {option('logs', 'none')} (ratios with their own s.e.s) or "
        f"{option('logs', 'both')} (logarithms with theirs)"
    )


def _sign_contradicts(row: Row) -> bool:
    """Whether t has the sign that a ratio on the other side of 1 would have."""
    estimate, t = row.figures["estimate"], row.figures.get("t")
    if t is None or t.value == 0 or estimate.low <= 1 <= estimate.high:
        return False
    return (estimate.high < 1) != (t.value < 0)


def _log_row(row: Row, logs: str) -> Row:
    estimate = row.figures["estimate"]
    figures = dict(row.figures)
    for name in ("estimate", "low", "high"):
        if name in figures:
            figures[name] = figures[name].log()
    if logs == "none":
        for name, power in (("se", 1), ("variance", 2)):
            if name in figures:
                own = figures[name]
                ends = (max(estimate.low, 0.0), estimate.high)
                figures[name] = Figure(
                    own.value / estimate.value**power,
                    own.low / ends[1] ** power,
                    own.high / ends[0] ** power if ends[0] > 0 else math.inf,
                )
    return row._replace(figures=figures)


# ---- uncertainty ------------------------------------------------------------------------------------------


def _df(row: Row, known: Terms) -> float:
    return row.figures["df"].value if "df" in row.figures else known.df


def _candidates(row: Row, known: Terms) -> list[Spread]:
    """Every standard error that a row allows to compute, the printed one first."""
    figures, df = row.figures, _df(row, known)
    estimate = figures["estimate"]
    found = []
    if "se" in figures:
        found.append(unc.from_se(figures["se"]))
    if "variance" in figures:
        found.append(unc.from_variance(figures["variance"]))
    if "low" in figures and "high" in figures:
        found.append(unc.from_interval(figures["low"], figures["high"], known.level, df))
    if "t" in figures:
        found.append(unc.from_t(estimate, figures["t"]))
    if "p" in figures:
        found.append(unc.from_p(estimate, figures["p"], df, known.tails))
    return found


def _spread(row: Row, known: Terms, label: str) -> Spread | None:
    """The standard error of a row: the printed one, else the one that rounding leaves the least open, else bounds."""
    _refuse_outside(row, label)
    found = _candidates(row, known)
    numbers = [spread for spread in found if spread.se > 0]
    if numbers:
        printed = next(filter(_is_printed, numbers), None)
        return printed or min(numbers, key=lambda spread: spread.width)
    if not found and known.stars:
        found = [_star_spread(row, known, label)]
    if not found:
        return None
    low, high = max(s.low for s in found), min(s.high for s in found)
    if low > high:
        raise DataError(
            f"{label}, row {row.row}: what is printed of {row.term!r} leaves no standard error at all, expected bounds that agree"
        )
    return Spread(math.nan, low, high, " and ".join(dict.fromkeys(s.origin for s in found)))


def _is_printed(spread: Spread) -> bool:
    return spread.origin in ("printed", "from the variance")


def _star_spread(row: Row, known: Terms, label: str) -> Spread:
    if row.star and row.star not in known.stars:
        raise wrong_cell(
            label, row.row, "star", row.star, f"one of {' '.join(known.stars)} ({option('stars')})"
        )
    return unc.from_stars(row.figures["estimate"], row.star, known.stars, _df(row, known), known.tails)


def _refuse_outside(row: Row, label: str) -> None:
    estimate, low, high = (row.figures.get(name) for name in ("estimate", "low", "high"))
    if estimate and low and high and (estimate.high < low.low or estimate.low > high.high):
        raise DataError(
            f"{label}, row {row.row}: the estimate of {row.term!r} lies outside its own interval, expected it between low and high"
        )


def _no_uncertainty(rows: Sequence[Row], known: Terms, label: str) -> DataError:
    if any(row.star for row in rows):
        return UnclearError(
            f"{label}: stars are the only sign of uncertainty; give their levels, such as {option('stars', '*:.05 **:.01')} and "
            f"{option('tails', 2)} (in the file: # stars: *:.05 **:.01)"
        )
    return DataError(
        f"{label}: no {known.word} has an uncertainty: {side_by_side(known.header, UNCERTAINTY)}"
    )


def _spread_notes(rows: Sequence[Row], spreads: Sequence[Spread | None], known: Terms) -> list[str]:
    """A sentence for each way in which standard errors came about other than by being printed."""
    ways: dict[str, list[str]] = {}
    bounds, absent = [], []
    for row, spread in zip(rows, spreads, strict=True):
        if spread is None:
            absent.append(row.term)
        elif not spread.se > 0:
            bounds.append(f"{row.term} ({_bound_words(spread)}, {spread.origin})")
        elif spread.origin != "printed":
            ways.setdefault(spread.origin, []).append(row.term)
    notes = [
        f"Standard errors computed {origin}: {_listed(terms, len(rows))}." for origin, terms in ways.items()
    ]
    if bounds:
        notes.append(
            "Only bounds of the standard error are known: "
            + "; ".join(bounds[:_LISTED])
            + (f"; and {len(bounds) - _LISTED} more" if len(bounds) > _LISTED else "")
            + "."
        )
    if absent:
        notes.append(f"No uncertainty is printed of {_listed(absent, -1)}.")
    if any("p" in row.figures for row in rows) and any("from the estimate and p" in way for way in ways):
        notes.append(f"p-values are taken as {'two' if known.tails == 2 else 'one'}-tailed.")
    return notes


def _bound_words(spread: Spread) -> str:
    parts = [f"at least {spread.low:.4g}"] if spread.low > 0 else []
    if math.isfinite(spread.high):
        parts.append(f"at most {spread.high:.4g}")
    return ", ".join(parts) or "none"


def _listed(terms: Sequence[str], total: int) -> str:
    if len(terms) == total and total > 1:
        return f"all {total}"
    return ", ".join(terms[:_LISTED]) + (f" and {len(terms) - _LISTED} more" if len(terms) > _LISTED else "")
