"""The layouts in which estimates are printed: one row per term, or slopes with their brackets below and one column per model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DataError, cell_message
from . import printed_cells as cells
from .headings import ARMS, CANONICAL, RATIO_HEADINGS, Heading, canonical_columns
from .rows import PrintedRow

_UNCERTAINTY = ("se", "variance", "t", "p", "interval")
_KEPT = (
    "estimate",
    "se",
    "variance",
    "t",
    "p",
    "low",
    "high",
    "star",
    "df",
    "scale",
    "group",
    *ARMS,
    "r",
    "n",
)
_STATISTICS = {
    "n": "n obs observations numobs nobs numberofobservations noofobservations noobservations samplesize ncases cases",
    "clusters": "clusters numberofclusters noofclusters numclusters nclusters",
    "": "r2 r² rsquared rsq adjr2 adjr² r2adj r²adj adjrsquared adjustedr2 adjustedr² adjustedrsquared r2within r²within withinr2 "
    "pseudor2 pseudor² pseudorsquared f fstatistic fstat fvalue probf aic bic rmse loglik loglikelihood ll chi2 waldchi2 lrchi2 "
    "deviance stderrors standarderrors df residualdf dfresid controls fixedeffects yearfe meandepvar meanofdepvar sigma rho",
}
_STATISTIC = {word: name for name, words in _STATISTICS.items() for word in words.split()}
_WHERE = r"\b[^;.]*?\b(?:in|within)\s+(parenthes[ei]s|(?:square |round )?brackets?)"
_BRACKET_NOTES = {
    kind: re.compile(words + _WHERE, re.IGNORECASE)
    for kind, words in {
        "se": r"(?:standard errors?|s\.\s?e\.s?|std\.? err(?:or)?s?)",
        "t": r"\b[tz](?:[- ]?(?:statistics?|stats?|values?|ratios?))?",
        "p": r"p[- ]?values?",
        "interval": r"(?:confidence intervals?|\bCIs?)",
    }.items()
}
_STAR_NOTE = re.compile(r"(\*+|\++|†+|‡+)\s*:?\s*p?\s*(?:<=|≤|<|=)?\s*(0?\.\d+|\d+\s?%)")


@dataclass(frozen=True)
class Sheet:
    """A table as text: its header, rows of cells, lines around it."""

    label: str
    header: list[str]
    rows: list[list[str]]
    comments: list[str] = field(default_factory=list)
    decimal: str | None = None
    exact: bool = False


@dataclass(frozen=True)
class PrintedTable:
    """One printed model: its rows in plain text, and what is printed around them."""

    heading: str | None
    rows: tuple[PrintedRow, ...]
    n: int | None = None
    clusters: int | None = None
    level: float | None = None
    needs_ratio: str | None = None
    logs: str | None = None
    beta: bool = False
    notes: tuple[str, ...] = ()


def stars_in(comments: Sequence[str]) -> dict[str, float]:
    """Levels of stars from notes such as ``* p < 0.05, ** p < 0.01``."""
    levels: dict[str, float] = {}
    for line in comments:
        for star, level in _STAR_NOTE.findall(line):
            value = float(level.rstrip("% ")) / 100 if "%" in level else float(level)
            if 0 < value < 0.5:
                levels.setdefault(star, value)
    return dict(sorted(levels.items(), key=lambda item: -item[1]))


def brackets_in(comments: Sequence[str]) -> dict[str, str]:
    """What round and square brackets hold, from notes such as ``Standard errors in parentheses``."""
    found: dict[str, str] = {}
    for line in comments:
        for kind, pattern in _BRACKET_NOTES.items():
            for match in pattern.finditer(line):
                word = match[1].lower()
                sign = (
                    "(" if word.startswith(("paren", "round")) else "[" if word.startswith("square") else "?"
                )
                found.setdefault(sign, kind)
    return found


# ---- from a source to a sheet -----------------------------------------------------------------------------


def sheet_of(
    source: Any,
    *,
    sheet: str | int | None = None,
    decimal: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
) -> Sheet:
    """The cells of a file, a frame or copied text."""
    if isinstance(source, pd.DataFrame):
        return _frame_sheet(source)
    if isinstance(source, str) and "\n" in source:
        label, text = "text", source
    else:
        path = Path(source)
        label = path.name
        try:
            text = path.read_text(encoding=encoding or "utf-8-sig")
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    return _text_sheet(text, label, separator, decimal)


def _frame_sheet(frame: pd.DataFrame) -> Sheet:
    label = str(frame.attrs.get("file", "a DataFrame"))
    if isinstance(frame.index, pd.MultiIndex) or isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{label}: found an index of several levels, expected one (reset_index)")
    header = [str(c) for c in frame.columns]
    if not isinstance(frame.index, pd.RangeIndex) and not {"term", "study"} & set(header):
        frame = frame.reset_index(names=str(frame.index.name or "term"))
    return Sheet(
        label,
        [str(c) for c in frame.columns],
        [[cell_text(x) for x in row] for row in frame.itertuples(index=False)],
    )


def cell_text(value: object) -> str:
    """A cell of a frame as text: the shortest that gives the number back, nothing for a missing value."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return "0" if value == 0 else repr(float(value))
    return str(value)


def _text_sheet(text: str, label: str, separator: str | None, decimal: str | None) -> Sheet:
    import csv
    import io

    lines = text.splitlines()
    comments = [line.lstrip("#").strip() for line in lines if line.startswith("#")]
    body = [line for line in lines if line.strip() and not line.startswith("#")]
    if not body:
        raise DataError(f"{label}: found no table, expected a header and a row for each term")
    sign = separator or max("\t;,|", key=lambda s: body[0].count(s))
    rows = list(csv.reader(io.StringIO("\n".join(body)), delimiter=sign))
    return Sheet(label, [cell.strip() for cell in rows[0]], rows[1:], comments, decimal)


# ---- from a sheet to models -------------------------------------------------------------------------------


def read_models(
    sheet: Sheet,
    renamed: Mapping[str, str],
    brackets: str | None,
    level: float | None,
    label_word: str = "term",
) -> list[PrintedTable]:
    """The printed models of a sheet, each with its rows in plain text.

    Parameters
    ----------
    sheet : Sheet
    renamed : mapping of str to str
        Heading to canonical name, as the user says.
    brackets : {"se", "t", "p"} or None
        What single numbers in brackets are.
    level : float or None
        Level that the user gives; it must not contradict a heading.
    label_word : {"term", "study"}

    Raises
    ------
    DataError
        If the layout is not understood, or a cell in brackets could be several things.
    """
    repeated = sorted({name for name in sheet.header if sheet.header.count(name) > 1 and name})
    meanings = canonical_columns(sheet.header, dict(renamed), CANONICAL, sheet.label)
    sheet = _plain_sheet(sheet)
    place = _label_place(sheet, meanings, label_word)
    found = {name: heading for name, heading in meanings.items() if sheet.header.index(name) != place}
    if any(
        h.quantity == "estimate" or h.quantity in RATIO_HEADINGS for h in found.values()
    ) and not _brackets_below(sheet, place):
        if repeated:
            raise DataError(f"{sheet.label}: heading {repeated[0]!r} stands twice, expected each once")
        return _long(sheet, found, place, brackets, level)
    return _wide(sheet, meanings, place, brackets, level)


def _plain_sheet(sheet: Sheet) -> Sheet:
    """The sheet with plain cells: one kind of minus, of space, of decimal mark."""
    width = len(sheet.header)
    rows = [[cells.plain(cell) for cell in row] for row in sheet.rows]
    too_long = next((i for i, row in enumerate(rows, 1) if any(row[width:])), None)
    if too_long is not None:
        raise DataError(
            f"{sheet.label}, row {too_long}: found {len(rows[too_long - 1])} cells, expected {width} (quote cells that hold the separator)"
        )
    padded = [(row + [""] * width)[:width] for row in rows]
    decimal = sheet.decimal or cells.decimal_mark((cell for row in padded for cell in row[1:]), sheet.label)
    return replace(sheet, rows=padded, decimal=decimal)


def _label_place(sheet: Sheet, meanings: Mapping[str, Heading], word: str) -> int:
    """Place of the column that holds the labels: the one called so, else the first, if it holds text."""
    for name in (word, "term", "study"):
        if any(h.quantity == name for h in meanings.values()):
            places = [i for i, text in enumerate(sheet.header) if meanings[text].quantity == name]
            exact = [i for i in places if sheet.header[i] == name]
            return (exact or places)[0]
    first = [row[0] for row in sheet.rows]
    texts = [cell for cell in first if cell and cells.take_apart(cell) is None]
    if not texts:
        raise DataError(
            f"{sheet.label}, header {', '.join(map(repr, sheet.header))}: found no column of {word}s, expected one called {word!r} "
            "(columns= renames)"
        )
    return 0


def _brackets_below(sheet: Sheet, place: int) -> bool:
    """Whether rows without a label hold numbers in brackets."""
    return any(
        not row[place]
        and any((cell := cells.take_apart(text)) and cell.bracket and not cell.number for text in row if text)
        for row in sheet.rows
    )


def _one_level(levels: set[float], level: float | None, label: str) -> float | None:
    """The level of intervals that heading and option agree on."""
    if len(levels) > 1:
        raise DataError(
            f"{label}: found intervals of several levels ({', '.join(f'{x:g}' for x in sorted(levels))}), expected one"
        )
    found = next(iter(levels), None)
    if found is not None and level is not None and abs(found - level) > 1e-9:
        raise DataError(f"{label}: level is {level:g}, but a heading says {found:g}; expected one of them")
    return found


def _long(
    sheet: Sheet, meanings: Mapping[str, Heading], place: int, brackets: str | None, level: float | None
) -> list[PrintedTable]:
    """One row per term, one column per quantity."""
    columns, notes = _chosen_columns(sheet, meanings)
    levels = {heading.level for heading in columns.values() if heading.level is not None}
    stated = _one_level(levels, level, sheet.label)
    places = {quantity: sheet.header.index(heading.text) for quantity, heading in columns.items()}
    ratio_heading = columns["estimate"].text if columns["estimate"].quantity in RATIO_HEADINGS else None
    inner = columns["estimate"].bracket or brackets
    groups: dict[str, list[PrintedRow]] = {}
    for number, row in enumerate(sheet.rows, start=1):
        if not any(row):
            continue
        term = row[place]
        if not term:
            raise DataError(
                cell_message(
                    file=sheet.label,
                    row=number,
                    column=sheet.header[place],
                    value="",
                    expected="the name of the term",
                )
            )
        texts = _row_cells(sheet, number, row, places, inner)
        model = row[places["model"]] if "model" in places else ""
        groups.setdefault(model, []).append(PrintedRow(term, number, texts))
    if not groups:
        raise DataError(f"{sheet.label}: found a header and no rows, expected a row for each term")
    if "" in groups and len(groups) > 1:
        raise DataError(
            cell_message(
                file=sheet.label,
                row=groups[""][0].row,
                column="model",
                value="",
                expected="the model of every row",
            )
        )
    heading = columns["estimate"].text.lower()
    logs = (
        "both"
        if re.match(r"(ln|log)", heading)
        else ("se" if columns.get("se", columns["estimate"]).quantity == "se of log" else None)
    )
    return [
        PrintedTable(
            model or None,
            tuple(rows),
            level=stated,
            needs_ratio=ratio_heading,
            logs=logs,
            beta=heading in ("beta", "β"),
            notes=tuple(notes),
        )
        for model, rows in groups.items()
    ]


def _chosen_columns(sheet: Sheet, meanings: Mapping[str, Heading]) -> tuple[dict[str, Heading], list[str]]:
    """One column for each quantity: the canonical name wins over synonyms, and two synonyms are asked about."""
    by_quantity: dict[str, list[Heading]] = {}
    read = []
    for heading in meanings.values():
        quantity = "estimate" if heading.quantity in RATIO_HEADINGS else heading.quantity
        quantity = "se" if quantity == "se of log" else quantity
        if quantity is not None and quantity not in ("term", "study"):
            by_quantity.setdefault(quantity, []).append(heading)
    chosen = {}
    for quantity, headings in by_quantity.items():
        exact = [heading for heading in headings if heading.text == quantity]
        if len(headings) > 1 and not exact:
            names = " and ".join(repr(heading.text) for heading in headings)
            raise DataError(
                f"{sheet.label}: columns {names} may both be {quantity!r}; say which (columns={{{headings[0].text!r}: {quantity!r}}})"
            )
        chosen[quantity] = (exact or headings)[0]
        if chosen[quantity].text.lower() != quantity:
            read.append(f"{chosen[quantity].text!r} as {_WORDS.get(quantity, quantity)}")
    used = {heading.text for heading in chosen.values()}
    notes = [f"Columns are read by their names: {', '.join(read)}."] if read else []
    unused = [
        name for name in meanings if name not in used and meanings[name].quantity not in ("term", "study")
    ]
    if unused:
        notes.append(f"Columns not used: {', '.join(unused)}.")
    return chosen, notes


_WORDS = {
    "se": "standard error",
    "t": "t or z",
    "p": "p-value",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
}


def _row_cells(
    sheet: Sheet, number: int, row: Sequence[str], places: Mapping[str, int], inner: str | None
) -> dict[str, str]:
    """Plain texts of one row by canonical column, stars and brackets taken off."""
    texts: dict[str, str] = {}
    for quantity, place in places.items():
        text, column = row[place], sheet.header[place]
        if not text or quantity not in (*_KEPT, "interval"):
            continue
        if quantity == "star":
            _put(texts, "star", text.replace("\\", "").replace(" ", ""), sheet, number, column)
        elif quantity == "interval":
            _put_interval(texts, text, sheet, number, column)
        elif quantity == "group":
            texts[quantity] = text
        elif quantity == "estimate":
            _put_estimate(texts, text, inner, sheet, number, column)
        else:
            cell = cells.take_apart(text)
            if cell is None or (cell.number and cell.bracket):
                texts[quantity] = text
                continue
            texts[quantity] = cells.with_point(cell.number or cell.inner, sheet.decimal or ".")
            if cell.star:
                _put(texts, "star", cell.star, sheet, number, column)
    return texts


def _put(texts: dict[str, str], name: str, value: str, sheet: Sheet, number: int, column: str) -> None:
    """Keep a value, unless another one is there already."""
    if texts.get(name, value) != value:
        raise DataError(
            cell_message(
                file=sheet.label,
                row=number,
                column=column,
                value=value,
                expected=f"one {name} a row; {texts[name]!r} stands there too",
            )
        )
    texts[name] = value


def _put_interval(texts: dict[str, str], text: str, sheet: Sheet, number: int, column: str) -> None:
    ends = cells.pair(text)
    if ends is None:
        raise DataError(
            cell_message(
                file=sheet.label,
                row=number,
                column=column,
                value=text,
                expected="an interval such as .83 to .89",
            )
        )
    for name, end in zip(("low", "high"), ends, strict=True):
        _put(texts, name, cells.with_point(end, sheet.decimal or "."), sheet, number, column)


def _put_estimate(
    texts: dict[str, str], text: str, inner: str | None, sheet: Sheet, number: int, column: str
) -> None:
    """An estimate, with its stars and what stands in brackets behind it."""
    cell = cells.take_apart(text)
    if cell is None:
        texts["estimate"] = text
        return
    if not cell.number:
        raise DataError(
            cell_message(
                file=sheet.label,
                row=number,
                column=column,
                value=text,
                expected="an estimate; is this a negative number, or an uncertainty?",
            )
        )
    texts["estimate"] = cells.with_point(cell.number, sheet.decimal or ".")
    if cell.star:
        _put(texts, "star", cell.star, sheet, number, column)
    if cell.bracket:
        _put_bracket(texts, cell, inner, sheet, number, column)


def _put_bracket(
    texts: dict[str, str], cell: cells.Cell, kind: str | None, sheet: Sheet, number: int, column: str
) -> None:
    """What stands in brackets: two numbers are an interval, one is what heading, note or option says."""
    if cells.pair(cell.inner) is not None:
        _put_interval(texts, cell.inner, sheet, number, column)
        return
    if kind is None or kind == "interval":
        raise DataError(
            cell_message(
                file=sheet.label,
                row=number,
                column=column,
                value=f"{cell.bracket}{cell.inner}{')' if cell.bracket == '(' else ']'}",
                expected="to know what stands in brackets: give brackets='se', 't' or 'p' (in the file: # brackets: se)",
            )
        )
    _put(texts, kind, cells.with_point(cell.inner, sheet.decimal or "."), sheet, number, column)


# ---- slopes with their brackets below ---------------------------------------------------------------------


def _wide(
    sheet: Sheet, meanings: Mapping[str, Heading], place: int, brackets: str | None, level: float | None
) -> list[PrintedTable]:
    """One column per model; below each slope its uncertainty, in brackets; N and R² at the foot."""
    raise DataError(
        f"{sheet.label}, header {', '.join(map(repr, sheet.header))}: found no column of estimates, "
        "expected one called 'estimate' (columns= renames)"
    )
