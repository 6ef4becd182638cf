"""The layouts in which estimates are printed: one row per term, or slopes with their brackets below and one column per model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import DataError, UnclearError, option, wrong_cell
from . import cells
from .arms import CELLS, CORRELATIONS, COUNTS, MEANS, arm_columns
from .cells import cell_text, is_missing, read_label, tidy
from .headings import (
    ARMS,
    CANONICAL,
    DF_OF_T,
    RATIO_HEADINGS,
    Heading,
    canonical_columns,
    read_heading,
    side_by_side,
    told_apart,
)
from .page_text import read_page_text
from .rows import REFERENCE_WORDS, UNCERTAINTY, PrintedRow
from .table import TableOptions, read_table, read_text

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
_WHERE = r"(?:\b|(?<=\.))[^;.]*?\b(?:in|within)\s+(parenthes[ei]s|(?:square |round )?brackets?)"
_BRACKET_NOTES = {
    kind: re.compile(words + _WHERE, re.IGNORECASE)
    for kind, words in {
        "se": r"(?:standard errors?|s\.\s?e\.s?|std\.? err(?:or)?s?)",
        "t": r"\b[tz](?:[- ]?(?:statistics?|stats?|values?|ratios?))?",
        "p": r"p[- ]?values?",
        "interval": r"(?:confidence intervals?|\bCIs?)",
    }.items()
}
_LONGEST = 500  # characters of a note that are looked at
_STAR_NOTE = re.compile(r"(\*+|\++|†+|‡+)['’]?\s*:?\s*p?\s*(?:<=|≤|<|=)?\s*(0?\.\d+|\d+\s?%)")
# "** significant at 5%", "*, ** and *** denote significance at the 10%, 5% and 1% levels"
_STARS_LISTED = re.compile(
    r"([*†‡+]+(?:(?:,| and|, and)?\s[*†‡+]+)*)\s?(?:\w+\s)?(?:statistical(?:ly)?\s)?(?:signific\w+\s)?at\s(?:the\s)?"
    r"(\d+(?:\.\d+)?(?:\s?(?:%|per ?cent))?(?:(?:,| and|, and)\s\d+(?:\.\d+)?(?:\s?(?:%|per ?cent))?)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sheet:
    """A table as text: its header, rows of cells with their numbers, header lines by key, all lines around it."""

    label: str
    header: list[str]
    rows: list[list[str]]
    numbers: list[int]
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    around: tuple[str, ...] = ()
    decimal: str | None = None
    missing: frozenset[str] = frozenset({""})
    exact: bool = False
    notes: tuple[str, ...] = ()
    semicolons: bool = False

    def wrong(
        self, row: int, column: str, value: object, expected: str, kind: type[DataError] = DataError
    ) -> DataError:
        """The error that says which cell is wrong, and what was expected."""
        return wrong_cell(self.label, row, column, value, expected, kind)


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
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def stars_in(comments: Sequence[str]) -> dict[str, float]:
    """Levels of stars from notes such as ``* p < 0.05, ** p < 0.01``."""
    levels: dict[str, float] = {}
    for line in (line[:_LONGEST] for line in comments):
        found = [
            (star, float(level.rstrip("% ")) / 100 if "%" in level else float(level))
            for star, level in _STAR_NOTE.findall(line)
        ]
        for listed in _STARS_LISTED.finditer(line):
            stars, shares = re.findall(r"[*†‡+]+", listed[1]), re.findall(r"\d+(?:\.\d+)?", listed[2])
            if len(stars) == len(shares):
                found += [(star, float(share) / 100) for star, share in zip(stars, shares, strict=True)]
        for star, value in found:
            if 0 < value < 0.5:
                levels.setdefault(star, value)
    return dict(sorted(levels.items(), key=lambda item: -item[1]))


def brackets_in(comments: Sequence[str]) -> dict[str, str]:
    """What round and square brackets hold, from notes such as ``Standard errors in parentheses``."""
    found: dict[str, str] = {}
    for line in (line[:_LONGEST] for line in comments):
        for kind, pattern in _BRACKET_NOTES.items():
            for match in pattern.finditer(line):
                word = match[1].lower()
                sign = (
                    "(" if word.startswith(("paren", "round")) else "[" if word.startswith("square") else "?"
                )
                found.setdefault(sign, kind)
    return found


# ---- from a source to a sheet -----------------------------------------------------------------------------

# What R, Stata and Python print around the coefficients of one model.
_OUTPUT = {
    "n": re.compile(r"(?:Number of obs|No\. Observations)\s*[=:]\s*([\d,]+)"),
    "df": re.compile(r"(?:\bon (\d+) degrees of freedom|\bDf Residuals:\s*(\d+))"),
}
_BY_NORMAL = re.compile(r"P(?:r\()?>\s?\|z\|")
_TEXTS = (".txt", ".text", ".md", ".log", ".out", ".tex")


def sheet_of(source: Any, options: TableOptions | None = None, *, name: str | None = None) -> Sheet:
    """The cells of a file, a frame or copied text, as text."""
    options = options or TableOptions()
    text = source if isinstance(source, str) and "\n" in source else None
    if text is None and isinstance(source, str | Path) and Path(source).suffix.lower() in _TEXTS:
        name = name or Path(source).name
        text = read_text(Path(source), name, options.encoding)
    found = None if text is None or options.separator is not None else read_page_text(text)
    if found is not None:
        comments = [line for line in (text or "").splitlines() if line.startswith("#")]
        comments += _said_by_output(text or "", comments)
        lines = [*comments, *(f"# {line}" for line in found.around), *("\t".join(row) for row in found.rows)]
        text = "\n".join(lines) + "\n"
        options = replace(options, separator="\t", header=len(lines) - len(found.rows) + 1)
    elif isinstance(source, pd.DataFrame):
        source, name = _with_terms(source), name or str(source.attrs.get("file", "a DataFrame"))
    ragged = text is not None or (
        isinstance(source, str | Path) and Path(source).suffix.lower() in (".tsv", ".tab")
    )
    table = read_table(
        source if text is None else text, options, name=name, ragged=ragged, tell_apart=told_apart
    )
    said = [line for value in table.header.values() for line in value.splitlines()]
    return Sheet(
        label=table.label,
        header=[str(c) for c in table.cells.columns],
        rows=[[_cell_text(cell) for cell in row] for row in table.cells.itertuples(index=False)],
        numbers=[int(row) for row in table.cells.index],
        said={key: tuple(value.splitlines()) for key, value in table.header.items()},
        # What is commented out twice, as in a template, says nothing.
        around=tuple(line for line in (*table.footnotes, *said) if not line.startswith("#")),
        decimal=table.decimal,
        missing=table.missing,
        notes=() if found is not None else table.notes,
        semicolons=options.separator == ";" or any("semicolons" in note for note in table.notes),
    )


def _said_by_output(text: str, comments: Sequence[str]) -> list[str]:
    """Header lines for the observations and degrees of freedom that software prints around one model."""
    found = {}
    for name, pattern in _OUTPUT.items():
        values = {"".join(match.groups("")).replace(",", "") for match in pattern.finditer(text)}
        if len(values) == 1:
            found[name] = values.pop()
    if _BY_NORMAL.search(text):
        found["df"] = "inf"
    said = {line.lstrip("# ").partition(":")[0].strip() for line in comments}
    if "df" in found and said & {"df", "clusters"}:
        del found["df"]
    found = {name: value for name, value in found.items() if name not in said}
    words = ", ".join(f"{name} {value}" for name, value in found.items())
    note = [f"# note: Read around the table: {words}."] if found else []
    return [*(f"# {name}: {value}" for name, value in found.items()), *note]


def _with_terms(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with its labels as a column, and names of columns as text."""
    if isinstance(frame.index, pd.MultiIndex) or isinstance(frame.columns, pd.MultiIndex):
        raise DataError("a DataFrame: found an index of several levels, expected one (reset_index)")
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    if isinstance(frame.index, pd.RangeIndex) or {"term", "study"} & set(frame.columns):
        return frame.reset_index(drop=True)
    return frame.reset_index(names=str(frame.index.name or "term"))


def _cell_text(value: object) -> str:
    """A cell as text; a float keeps one decimal at least, so that it is not taken as printed to the nearest whole number."""
    if isinstance(value, float):
        return "0" if value == 0 else repr(float(value))
    return cell_text(value)


# ---- from a sheet to models -------------------------------------------------------------------------------


def read_models(
    sheet: Sheet,
    renamed: Mapping[str, str],
    brackets: str | None,
    level: float | None,
    label_word: str = "term",
) -> list[PrintedTable]:
    """The printed models of a sheet, each with its rows in plain text."""
    meanings = canonical_columns(sheet.header, dict(renamed), CANONICAL, sheet.label)
    place = _label_place(sheet, meanings, label_word)
    sheet = _plain_sheet(sheet, place)
    found = {name: heading for name, heading in meanings.items() if sheet.header.index(name) != place}
    if not any(heading.quantity in ARMS for heading in found.values()):
        by_arm = arm_columns([name for name in found if name not in renamed])
        found |= {name: found[name]._replace(quantity=quantity) for name, quantity in by_arm.items()}
    if "" in found:
        nameless = sheet.header.index("")
        found[""] = Heading("", "star" if _all_stars(sheet, nameless) else None)
    found |= {
        name: heading._replace(quantity="star")
        for name, heading in found.items()
        if heading.quantity == "p" and _all_stars(sheet, sheet.header.index(name))
    }
    quantities = {heading.quantity for heading in found.values()}
    by_arms = any(quantities >= set(needed) for needed in (COUNTS, CELLS, MEANS, CORRELATIONS))
    if (by_arms or quantities & {"estimate", *RATIO_HEADINGS}) and not (
        _brackets_below(sheet, place) or _alike(sheet, found)
    ):
        return _long(sheet, found, place, brackets, level)
    if label_word == "study":
        wanted = f"estimate and {UNCERTAINTY}, or counts, means or correlations by arm"
        raise DataError(f"{sheet.label}: no effects: {side_by_side(sheet.header, wanted)}")
    if quantities & {*_UNCERTAINTY, "low", "high"} and not any(
        "(" in cell or "[" in cell for row in sheet.rows for cell in row
    ):
        others = [name for name in found if found[name].quantity is None and _is_numeric(sheet, name)]
        meant = {others[0]: "estimate"} if len(others) == 1 else None
        raise DataError(
            f"{sheet.label}: no column of estimates: {side_by_side(sheet.header, 'estimate', meant)}"
        )
    return _wide(sheet, meanings, place, brackets, level)


def _alike(sheet: Sheet, found: Mapping[str, Heading]) -> bool:
    """Whether columns called A, B, C hold slopes with brackets alike, so that B is a model and no name of slopes."""
    letters = [name for name in found if len(name) == 1]
    inline = [
        name
        for name in letters
        if _is_numeric(sheet, name) and any("(" in row[sheet.header.index(name)] for row in sheet.rows)
    ]
    return len(inline) > 1


def _is_numeric(sheet: Sheet, name: str) -> bool:
    """Whether every cell of a column begins with a number."""
    found = [cells.take_apart(text) for row in sheet.rows if (text := row[sheet.header.index(name)])]
    return bool(found) and all(cell is not None and cell.number for cell in found)


def _plain_sheet(sheet: Sheet, place: int) -> Sheet:
    """The sheet with labels that can be printed, and elsewhere one kind of minus, of space, and nothing for a missing cell."""
    rows = []
    for number, row in zip(sheet.numbers, sheet.rows, strict=True):
        kept = ["" if is_missing(cell, sheet.missing) else cells.plain(cell) for cell in row]
        kept[place] = tidy(row[place])
        if kept[place] and read_label(row[place]) is None:
            raise sheet.wrong(number, sheet.header[place], ascii(row[place]), "a name that can be printed")
        rows.append(kept)
    numbers = [cell for row in rows for i, cell in enumerate(row) if i != place]
    return replace(
        sheet,
        rows=rows,
        decimal=sheet.decimal or cells.decimal_mark(numbers, sheet.label, semicolons=sheet.semicolons),
    )


def _label_place(sheet: Sheet, meanings: Mapping[str, Heading], word: str) -> int:
    """Place of the column that holds the labels: the one called so, else the first, if it holds text."""
    for name in (word, "term", "study"):
        if any(h.quantity == name for h in meanings.values()):
            places = [i for i, text in enumerate(sheet.header) if meanings[text].quantity == name]
            exact = [i for i in places if sheet.header[i] == name]
            named = [i for i in places if _are_names([row[i] for row in sheet.rows])]
            return (exact or named or places)[0]
    first = [cells.plain(row[0]) for row in sheet.rows]
    texts = [cell for cell in first if cell and cells.take_apart(cell) is None]
    if not texts:
        raise DataError(f"{sheet.label}: no column of {word}s: {side_by_side(sheet.header, word)}")
    return 0


def _are_names(texts: Sequence[str]) -> bool:
    """Whether every text is there once and is no number."""
    return len(set(texts)) == len(texts) and not any(cells.take_apart(cells.plain(text)) for text in texts)


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
    columns, unused, notes = _chosen_columns(sheet, meanings)
    levels = {heading.level for heading in columns.values() if heading.level is not None}
    stated = _one_level(levels, level, sheet.label)
    places = {quantity: sheet.header.index(heading.text) for quantity, heading in columns.items()}
    estimate = columns.get("estimate", Heading("", None))
    # Also where the user has called the column an estimate: that does not say that its numbers are slopes.
    if "df" in places and all(row[places["df"]] in ("", "1") for row in sheet.rows):
        notes.append(
            f"Column {sheet.header[places.pop('df')]!r} holds 1 throughout: not read as degrees of freedom of an error."
        )
    ratio_heading = estimate.text if read_heading(estimate.text).quantity in RATIO_HEADINGS else None
    df_of_t = DF_OF_T.fullmatch(columns["t"].text) if "t" in columns else None
    inner = estimate.bracket or brackets
    others = {name: sheet.header.index(name) for name in unused}
    groups: dict[str, list[PrintedRow]] = {}
    empty: list[str] = []
    counts: dict[str, int] = {}
    for number, row in zip(sheet.numbers, sheet.rows, strict=True):
        if not any(row):
            continue
        term = row[place]
        if not term:
            raise sheet.wrong(number, sheet.header[place], "", "the name of the term")
        if _statistic(term) == "n" and not counts and (digits := _whole_number(row, place, sheet)):
            counts["n"] = digits
            continue
        if _statistic(term) is not None and not _has_uncertainty(row, places, inner):
            empty.append(term)
            continue
        if not any(row[i] for quantity, i in places.items() if quantity not in ("model", "group", "scale")):
            empty.append(term)
            continue
        texts = _row_cells(sheet, number, row, places, inner)
        if df_of_t is not None:
            texts.setdefault("df", df_of_t[1])
        model = row[places["model"]] if "model" in places else ""
        groups.setdefault(model, []).append(
            PrintedRow(term, number, texts, {name: row[i] for name, i in others.items()})
        )
    if not groups:
        raise DataError(f"{sheet.label}: found a header and no rows, expected a row for each term")
    if "" in groups and len(groups) > 1:
        raise sheet.wrong(groups[""][0].row, "model", "", "the model of every row")
    if empty:
        notes.append(f"Rows without an estimate and its uncertainty are not read: {', '.join(empty)}.")
    if counts:
        notes.append(f"Observations are read at the foot: {counts['n']:,}.")
    heading = estimate.text.lower()
    logs = (
        "both"
        if re.match(r"(ln|log)", heading)
        else ("se" if columns.get("se", estimate).quantity == "se of log" else None)
    )
    return [
        PrintedTable(
            model or None,
            tuple(rows),
            n=counts.get("n"),
            level=stated,
            needs_ratio=ratio_heading,
            logs=logs,
            beta=heading in ("beta", "β"),
            unused=unused,
            notes=tuple(notes),
        )
        for model, rows in groups.items()
    ]


_BETA = re.compile(r"\bbeta\b|β|\bstandardi[sz]ed coef", re.IGNORECASE)


def _statistic(label: str) -> str | None:
    """What a label means at the foot of a table: observations, clusters, another statistic of fit, or (None) a term."""
    found = _STATISTIC.get(_bare(label))
    return found if found is not None or "/" not in label else _STATISTIC.get(_bare(label.partition("/")[0]))


def _whole_number(row: Sequence[str], place: int, sheet: Sheet) -> int | None:
    """The one whole number of a row, None where it has several cells or another."""
    filled = [text for i, text in enumerate(row) if text and i != place]
    digits = cells.with_point(filled[0], sheet.decimal or ".") if len(filled) == 1 else ""
    return int(digits) if digits.isdecimal() and int(digits) > 1 else None


def _has_uncertainty(row: Sequence[str], places: Mapping[str, int], inner: str | None) -> bool:
    """Whether a row has an estimate's s.e., t, p or interval, in its own cell or in brackets."""
    beside = any(row[places[name]] for name in (*_UNCERTAINTY, "low", "high") if name in places)
    cell = cells.take_apart(row[places["estimate"]]) if "estimate" in places else None
    return beside or (cell is not None and bool(cell.bracket)) or any(name in places for name in (*ARMS, "r"))


def _chosen_columns(
    sheet: Sheet, meanings: Mapping[str, Heading]
) -> tuple[dict[str, Heading], tuple[str, ...], list[str]]:
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
        if quantity == "estimate" and not exact:
            # A standardised slope beside the slope (SPSS) has no standard error of its own.
            exact = [heading for heading in headings if not _BETA.search(heading.text)][:2]
            exact = exact if len(exact) == 1 else []
        at = [sheet.header.index(heading.text) for heading in headings]
        if not exact and all(len({row[i] for i in at}) == 1 for row in sheet.rows):
            exact = headings  # Excel prints its 95% limits twice
        if len(headings) > 1 and not exact:
            names = " and ".join(repr(heading.text) for heading in headings)
            raise DataError(
                f"{sheet.label}: columns {names} may both be {quantity!r}; say which ({option('columns', {headings[0].text: quantity})})"
            )
        chosen[quantity] = (exact or headings)[0]
        if chosen[quantity].text.lower() not in (quantity, ""):
            read.append(f"{chosen[quantity].text!r} as {_WORDS.get(quantity, quantity)}")
    used = {heading.text for heading in chosen.values()}
    notes = [f"Columns are read by their names: {', '.join(read)}."] if read else []
    unused = tuple(
        name
        for name in meanings
        if name and name not in used and meanings[name].quantity not in ("term", "study")
    )
    return chosen, unused, notes


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
        raise sheet.wrong(number, column, value, f"one {name} a row; {texts[name]!r} stands there too")
    texts[name] = value


def _put_interval(texts: dict[str, str], text: str, sheet: Sheet, number: int, column: str) -> None:
    ends = cells.pair(text, sheet.decimal or ".")
    if ends is None:
        raise sheet.wrong(number, column, text, "an interval such as .83 to .89")
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
        raise sheet.wrong(number, column, text, "an estimate; is this a negative number, or an uncertainty?")
    texts["estimate"] = cells.with_point(cell.number, sheet.decimal or ".")
    if cell.star:
        _put(texts, "star", cell.star, sheet, number, column)
    if cell.bracket:
        _put_bracket(texts, cell, inner, sheet, number, column)


_PANEL = re.compile(r"panel\b", re.IGNORECASE)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


def _put_bracket(
    texts: dict[str, str], cell: cells.Cell, kind: str | None, sheet: Sheet, number: int, column: str
) -> None:
    """What stands in brackets: two numbers are an interval, one is what heading, note or option says."""
    if cells.pair(cell.inner, sheet.decimal or ".") is not None:
        _put_interval(texts, cell.inner, sheet, number, column)
        return
    if cell.inner.lower() in REFERENCE_WORDS:
        texts["se"] = cell.inner
        return
    if kind is None or kind == "interval":
        raise sheet.wrong(
            number,
            column,
            f"{cell.bracket}{cell.inner}{_CLOSING.get(cell.bracket, '')}",
            "to know what stands in brackets or behind ±: give "
            f"{option('brackets', 'se', 't', 'p')} (in the file: # brackets: se)",
            UnclearError,
        )
    _put(texts, kind, cells.with_point(cell.inner, sheet.decimal or "."), sheet, number, column)


# ---- slopes with their brackets below ---------------------------------------------------------------------


@dataclass
class _Column:
    """A printed model while it is read: where its numbers are, and its rows so far."""

    heading: str
    places: dict[str, int]
    rows: list[PrintedRow] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def _wide(
    sheet: Sheet, meanings: Mapping[str, Heading], place: int, brackets: str | None, level: float | None
) -> list[PrintedTable]:
    """One column per model; below each slope its uncertainty, in brackets; N and R² at the foot."""
    columns = _model_columns(sheet, meanings, place)
    headings = [meanings[sheet.header[c.places["estimate"]]] for c in columns]
    stated = _one_level(
        {h.level for h in (*headings, meanings[sheet.header[place]]) if h.level is not None},
        level,
        sheet.label,
    )
    kinds = _bracket_kinds(sheet, [*headings, meanings[sheet.header[place]]], brackets)
    printed, done = columns, list[_Column]()
    label, others, foot = "", [], False
    for number, row in zip(sheet.numbers, sheet.rows, strict=True):
        label, below = row[place] or label, not row[place]
        statistic = None if below else _statistic(label)
        foot = foot or statistic is not None
        if not below and _PANEL.match(label) and not any(text for i, text in enumerate(row) if i != place):
            done, foot = [*done, *columns], False
            columns = [_Column(f"{c.heading}, {label}", c.places) for c in printed]
            continue
        filled = [c for c in columns if any(row[i] for i in c.places.values())]
        if below and not label and not any(re.search(r"\d", text) for text in row):
            continue  # names of outcomes below those of models
        if below and not label and filled:
            raise sheet.wrong(number, sheet.header[place], "", "the name of the term")
        if (
            statistic is None
            and not below
            and (foot or not any(_is_printed(row[c.places["estimate"]]) for c in filled))
        ):
            others += [label] if filled else []
            continue
        for column in filled:
            if statistic is not None:
                _put_count(column, statistic, row, sheet, number)
            elif below:
                _put_below(column, row, kinds, sheet, number)
            else:
                column.rows.append(PrintedRow(label, number, _own_cells(column, row, kinds, sheet, number)))
    columns = [*done, *columns]
    for column in columns:
        bare = [
            row
            for row in column.rows
            if row.cells.keys() <= {"estimate"} and row.cells["estimate"].lower() not in REFERENCE_WORDS
        ]
        if len(bare) < len(column.rows) and any(
            row.cells.keys() - {"estimate", "star"} for row in column.rows
        ):
            others += [row.term for row in bare]
            column.rows = [row for row in column.rows if row not in bare]
    columns = [column for column in columns if column.rows]
    if not columns:
        wanted = f"estimate and {UNCERTAINTY}"
        raise DataError(f"{sheet.label}: no column of estimates: {side_by_side(sheet.header, wanted)}")
    notes = _wide_notes(columns, kinds, others)
    one = len(columns) == 1 and meanings.get(columns[0].heading, Heading("", None)).quantity is not None
    ratio = next((h.text for h in headings if h.quantity in RATIO_HEADINGS), None)
    return [
        PrintedTable(
            None if one else c.heading,
            tuple(c.rows),
            n=c.counts.get("n"),
            clusters=c.counts.get("clusters"),
            level=stated,
            needs_ratio=ratio,
            notes=notes,
        )
        for c in columns
    ]


def _model_columns(sheet: Sheet, meanings: Mapping[str, Heading], place: int) -> list[_Column]:
    """A column of estimates for each model; beside it, under the same name, its uncertainty or its stars."""
    columns: dict[str, _Column] = {}
    last: _Column | None = None
    parts = {
        _model_and_quantity(text, meanings[text])
        for i, text in enumerate(sheet.header)
        if text and i != place
    }
    # "Model B" is slopes of "Model" only where "Model SE" or the like stands beside it.
    of_several = {model for model, quantity in parts if quantity != "estimate"}
    for i, text in enumerate(sheet.header):
        if i == place:
            continue
        cells_below = [row[i] for row in sheet.rows if row[i]]
        if not text:
            if last is not None and cells_below and all(set(cell) <= set("*+†‡^\\ ") for cell in cells_below):
                last.places["star"] = i
            elif cells_below:
                raise DataError(f"{sheet.label}: column {i + 1} has no heading, expected the model's")
            continue
        model, quantity = _model_and_quantity(text, meanings[text])
        if quantity == "estimate" and model not in of_several:
            model = text
        if quantity != "estimate" and model not in columns:
            model = text
            quantity = "estimate"
        column = columns.setdefault(model, _Column(model, {}))
        if quantity in column.places:
            raise DataError(
                f"{sheet.label}: columns {sheet.header[column.places[quantity]]!r} and {text!r} both hold {quantity} of {model!r}"
            )
        column.places[quantity] = i
        last = column
    return [column for column in columns.values() if "estimate" in column.places]


def _all_stars(sheet: Sheet, place: int) -> bool:
    """Whether a column holds stars and nothing else."""
    found = [row[place] for row in sheet.rows if row[place]]
    return bool(found) and all(set(cell) <= set("*+†‡^\\ ") for cell in found)


def _model_and_quantity(text: str, heading: Heading) -> tuple[str, str]:
    """Split ``Model 1 SE`` into the model and what its column holds."""
    words = text.split(" ")
    for k in range(1, len(words)):
        found = read_heading(" ".join(words[k:]))
        if found.quantity in ("estimate", "se", "t", "p", "low", "high", "interval", "star", "variance"):
            return " ".join(words[:k]), found.quantity
    return text, "estimate"


def _bracket_kinds(sheet: Sheet, headings: Sequence[Heading], given: str | None) -> dict[str, str]:
    """What each kind of bracket holds: as given, else by a heading, else by a note around the table."""
    used: set[str] = set()
    for row in sheet.rows:
        for text in row[1:]:
            cell = cells.take_apart(text) if text else None
            if cell is not None and cell.bracket and cells.pair(cell.inner, sheet.decimal or ".") is None:
                used.add(cell.bracket)
    kinds = {sign: kind for sign, kind in brackets_in(sheet.around).items() if kind != "interval"}
    if "?" in kinds:
        free = sorted(used - kinds.keys())
        kinds |= {free[0]: kinds["?"]} if len(free) == 1 else {}
    stated = next((h.bracket for h in headings if h.bracket is not None), None)
    if stated is not None and stated != "interval":
        kinds |= dict.fromkeys(used, stated) if len(used) == 1 else {"(": stated}
    if given is not None:
        kinds |= dict.fromkeys(used, given) if len(used) == 1 else {"(": given}
    return {sign: kind for sign, kind in kinds.items() if sign in used} | ({"": given} if given else {})


def _is_printed(text: str) -> bool:
    """Whether a cell holds an estimate: a number first, or the word for a reference category."""
    cell = cells.take_apart(text)
    return (cell is not None and bool(cell.number)) or text.lower() in REFERENCE_WORDS


def _bare(label: str) -> str:
    return re.sub(r"[^a-z0-9²]", "", label.lower().replace("\u00b2", "²"))


def _put_count(column: _Column, statistic: str, row: Sequence[str], sheet: Sheet, number: int) -> None:
    """Keep N and clusters of a model; other statistics of fit are not used."""
    text = row[column.places["estimate"]]
    if not statistic or not text:
        return
    digits = cells.with_point(text, sheet.decimal or ".")
    if not digits.isdecimal() or statistic in column.counts:
        expected = "one whole number of observations" if statistic == "n" else "one whole number of clusters"
        raise sheet.wrong(number, column.heading, text, expected)
    column.counts[statistic] = int(digits)


def _own_cells(
    column: _Column, row: Sequence[str], kinds: Mapping[str, str], sheet: Sheet, number: int
) -> dict[str, str]:
    """Cells of a model in the row that has the label."""
    texts: dict[str, str] = {}
    estimate = row[column.places["estimate"]]
    if estimate.lower() in REFERENCE_WORDS:
        return {"estimate": estimate}
    cell = cells.take_apart(estimate) if estimate else None
    _put_estimate(
        texts,
        estimate,
        kinds.get(cell.bracket) if cell else None,
        sheet,
        number,
        sheet.header[column.places["estimate"]],
    )
    beside = {quantity: i for quantity, i in column.places.items() if quantity != "estimate"}
    for quantity, text in _row_cells(sheet, number, row, beside, None).items():
        _put(texts, quantity, text, sheet, number, column.heading)
    return texts


def _put_below(
    column: _Column, row: Sequence[str], kinds: Mapping[str, str], sheet: Sheet, number: int
) -> None:
    """What is printed below an estimate belongs to the last labelled row, if that has one in this column."""
    text = row[column.places["estimate"]]
    if not text:
        return
    cell = cells.take_apart(text)
    if not column.rows or cell is None or (cell.number and cell.bracket):
        raise sheet.wrong(number, column.heading, text, "an uncertainty in brackets, below its estimate")
    texts = dict(column.rows[-1].cells)
    inside = cell if cell.bracket else cell._replace(inner=cell.number)
    _put_bracket(texts, inside, kinds.get(cell.bracket), sheet, number, column.heading)
    if cell.star:
        _put(texts, "star", cell.star, sheet, number, column.heading)
    column.rows[-1] = column.rows[-1]._replace(cells=texts)


def _wide_notes(
    columns: Sequence[_Column], kinds: Mapping[str, str], others: Sequence[str]
) -> tuple[str, ...]:
    notes = []
    names = {"(": "round brackets", "[": "square brackets", "": "numbers below an estimate"}
    for sign, kind in kinds.items():
        if sign:
            notes.append(f"Numbers in {names.get(sign, 'brackets')} are read as {_WORDS.get(kind, kind)}.")
    for name, words in (("n", "Observations"), ("clusters", "Clusters")):
        counts = [f"{column.heading}: {column.counts[name]:,}" for column in columns if name in column.counts]
        if counts:
            notes.append(f"{words} are read at the foot ({'; '.join(counts)}).")
    if others:
        notes.append(f"Rows not read, as no uncertainty belongs to them: {', '.join(dict.fromkeys(others))}.")
    return tuple(notes)
