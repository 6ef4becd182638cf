"""The layouts in which estimates are printed: one row per term, or slopes with their brackets below and one column per model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
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
from .rows import PRINTED, REFERENCE_WORDS, UNCERTAINTY, PrintedRow
from .table import TableOptions, read_table, read_text

_UNCERTAINTY = ("se", "variance", "t", "p", "interval")
_KEPT = (*PRINTED, "scale", "group", *ARMS, "r", "n")
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

    def texts(self, name: str) -> list[str]:
        """The cells of a column."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def with_point(self, number: str) -> str:
        """A printed number with a point before its decimals, and nothing between thousands."""
        return cells.with_point(number, self.decimal or ".")

    def pair(self, text: str) -> tuple[str, str] | None:
        """The ends of a printed interval, None where a text is none."""
        return cells.pair(text, self.decimal or ".")

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
# What metafor prints of a model: its coefficients, of which one alone has no name.
_POOLED = re.compile(r"^(\S[^\n]*? Model) \(k = (\d+)", re.MULTILINE)
_COEFFICIENTS = re.compile(r"^ *estimate +se [^\n]*\n+(?:[^\n]+\n?)+", re.MULTILINE)
_NAMELESS = re.compile(r"[^\n]*\n+ *(-?[\d.]+) +([\d.]+)\b")
_TEXTS = (".txt", ".text", ".md", ".log", ".out", ".tex")


def sheet_of(source: Any, options: TableOptions | None = None, *, name: str | None = None) -> Sheet:
    """The cells of a file, a frame or copied text, as text."""
    options = options or TableOptions()
    suffix = Path(source).suffix.lower() if isinstance(source, str | Path) and "\n" not in str(source) else ""
    text = source if isinstance(source, str) and "\n" in source else None
    if suffix in _TEXTS:
        name = name or Path(source).name
        text = read_text(Path(source), name, options.encoding)
    found = None
    if text is not None:
        text = _table_of_model(text, name or "text")
        found = read_page_text(text) if options.separator is None else None
    if text is not None and found is not None:
        comments = [line for line in text.splitlines() if line.startswith("#")]
        comments += _said_by_output(text, comments)
        lines = [*comments, *(f"# {line}" for line in found.around), *("\t".join(row) for row in found.rows)]
        text = "\n".join(lines) + "\n"
        options = replace(options, separator="\t", header=len(lines) - len(found.rows) + 1)
    elif isinstance(source, pd.DataFrame):
        source, name = _with_terms(source), name or str(source.attrs.get("file", "a DataFrame"))
    ragged = text is not None or suffix in (".tsv", ".tab")
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


def _table_of_model(text: str, label: str) -> str:
    """The coefficients in what R prints of a meta-analysis; the estimate of one without moderators is none of a table."""
    model = _POOLED.search(text)
    table = _COEFFICIENTS.search(text, model.end()) if model else None
    if model is None or table is None:
        return text
    if row := _NAMELESS.match(table[0]):
        raise DataError(
            f"{label}: this is what R prints of a pooled model ({model[1]} of {model[2]} estimates), expected a table; to pool them "
            "here, give the estimates themselves, one row each with the columns study, estimate and se; to judge the pooled one alone, "
            f"give two lines: 'term,estimate,se' and 'pooled,{row[1]},{row[2]}'"
        )
    return "".join([*re.findall(r"^#[^\n]*\n", text, re.MULTILINE), table[0]])


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
    if label_word == "term" and not renamed and _models_in_rows(sheet):
        models = read_models(_turned(sheet), {}, brackets, level)
        return [replace(model, notes=(*model.notes, _TURNED)) for model in models]
    sheet = _with_counts_apart(sheet, renamed)
    meanings = canonical_columns(sheet.header, dict(renamed), CANONICAL, sheet.label)
    place = _label_place(sheet, meanings, label_word)
    sheet = _plain_sheet(sheet, place)
    found = {name: heading for name, heading in meanings.items() if sheet.header.index(name) != place}
    if not any(heading.quantity in ARMS for heading in found.values()):
        by_arm = arm_columns([name for name in found if name not in renamed])
        found |= {name: found[name]._replace(quantity=quantity) for name, quantity in by_arm.items()}
    if "" in found:
        found[""] = Heading("", "star" if _all_stars(sheet.texts("")) else None)
    found |= {
        name: heading._replace(quantity="star")
        for name, heading in found.items()
        if heading.quantity == "p" and _all_stars(sheet.texts(name))
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
        others = [name for name in found if found[name].quantity is None and _is_numeric(sheet.texts(name))]
        meant = {others[0]: "estimate"} if len(others) == 1 else None
        raise DataError(
            f"{sheet.label}: no column of estimates: {side_by_side(sheet.header, 'estimate', meant)}"
        )
    return _wide(sheet, meanings, place, brackets, level)


def _alike(sheet: Sheet, found: Mapping[str, Heading]) -> bool:
    """Whether columns called A, B, C hold slopes with brackets alike, so that B is a model and no name of slopes."""
    letters = [sheet.texts(name) for name in found if len(name) == 1]
    return sum(_is_numeric(texts) and any("(" in text for text in texts) for texts in letters) > 1


def _is_numeric(texts: Sequence[str]) -> bool:
    """Whether every filled cell of a column begins with a number."""
    found = [cells.take_apart(text) for text in texts if text]
    return bool(found) and all(cell is not None and cell.number for cell in found)


def _all_stars(texts: Sequence[str]) -> bool:
    """Whether a column holds stars and nothing else."""
    filled = [text for text in texts if text]
    return bool(filled) and all(set(text) <= set("*+†‡^\\ ") for text in filled)


_A_MODEL = re.compile(r"(?:model|spec(?:ification)?)\.?\s*\(?[\divx]+[a-z]?\)?|\(\d+[a-z]?\)", re.IGNORECASE)
_TURNED = "The table has a model in each row and a term in each column, and was read so."


def _models_in_rows(sheet: Sheet) -> bool:
    """Whether each row is a model and each column a term, with slopes and brackets in its cells."""
    labels, terms = [row[0] for row in sheet.rows], sheet.header[1:]
    inline = [cells.take_apart(cells.plain(text)) for row in sheet.rows for text in row[1:]]
    return (
        all(_A_MODEL.fullmatch(label) for label in labels)
        and len(set(labels)) == len(labels)
        and not any(_A_MODEL.fullmatch(term) or not term for term in terms)
        and all(_statistic(term) is not None or read_heading(term).quantity is None for term in terms)
        and any(cell is not None and cell.number and cell.bracket for cell in inline)
    )


def _turned(sheet: Sheet) -> Sheet:
    """The sheet with its rows as columns."""
    rows = [[name, *(row[i] for row in sheet.rows)] for i, name in enumerate(sheet.header) if i]
    header = ["term", *(row[0] for row in sheet.rows)]
    return replace(sheet, header=header, rows=rows, numbers=list(range(1, len(rows) + 1)))


_COUNTS_APART = re.compile(r"(\d[\d,]*)\s*/\s*(\d[\d,]*)")
_APART = re.compile(r"[\s,]*\(?\bn\s*/\s*N\b\)?\s*$", re.IGNORECASE)


def _with_counts_apart(sheet: Sheet, renamed: Mapping[str, str]) -> Sheet:
    """The sheet with events and n in columns of their own, where two arms print them as 4/123 instead of an estimate."""
    quantities = {renamed.get(name, read_heading(name).quantity) for name in sheet.header}
    parts = {
        name: [_COUNTS_APART.fullmatch(text.strip()) for text in sheet.texts(name)]
        for name in sheet.header
        if name and name not in renamed
    }
    arms = {name: found for name, found in parts.items() if all(found)}
    if len(arms) != 2 or quantities & {"estimate", *RATIO_HEADINGS}:
        return sheet
    named = {name: [f"{_APART.sub('', name)} {part}" for part in ("events", "n")] for name in arms}
    header = [part for name in sheet.header for part in named.get(name, [name])]
    if not arm_columns(header):
        treated, control = arms
        raise UnclearError(
            f"{sheet.label}: columns {treated!r} and {control!r} hold counts such as {sheet.texts(treated)[0]!r}; say which are "
            "those of the control: call its column 'control n/N' and the other one 'treated n/N'"
        )
    rows = []
    for k, row in enumerate(sheet.rows):
        split = {name: list(found[k].groups()) for name, found in arms.items()}  # type: ignore[union-attr]
        rows.append(
            [part for name, text in zip(sheet.header, row, strict=True) for part in split.get(name, [text])]
        )
    return replace(sheet, header=header, rows=rows)


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
        places = [i for i, text in enumerate(sheet.header) if meanings[text].quantity == name]
        if places:
            exact = [i for i in places if sheet.header[i] == name]
            named = [i for i in places if _are_names([row[i] for row in sheet.rows])]
            return (exact or named or places)[0]
    first = [cells.plain(row[0]) for row in sheet.rows]
    if not any(cell and cells.take_apart(cell) is None for cell in first):
        raise DataError(f"{sheet.label}: no column of {word}s: {side_by_side(sheet.header, word)}")
    return 0


def _are_names(texts: Sequence[str]) -> bool:
    """Whether every text is there once and is no number."""
    return len(set(texts)) == len(texts) and not any(cells.take_apart(cells.plain(text)) for text in texts)


def _brackets_below(sheet: Sheet, place: int) -> bool:
    """Whether rows without a label hold numbers in brackets."""
    below = [cells.take_apart(text) for row in sheet.rows if not row[place] for text in row if text]
    return any(cell is not None and cell.bracket and not cell.number for cell in below)


def _one_level(headings: Iterable[Heading], level: float | None, label: str) -> float | None:
    """The level of intervals that headings and option agree on."""
    levels = {heading.level for heading in headings if heading.level is not None}
    if len(levels) > 1:
        raise DataError(
            f"{label}: found intervals of several levels ({', '.join(f'{x:g}' for x in sorted(levels))}), expected one"
        )
    found = next(iter(levels), None)
    if found is not None and level is not None and abs(found - level) > 1e-9:
        raise DataError(f"{label}: level is {level:g}, but a heading says {found:g}; expected one of them")
    return found


# ---- the cells of a row -----------------------------------------------------------------------------------

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ANY_BRACKET = ("(", "[", "{", "±")
_WORDS = {
    "se": "standard error",
    "t": "t or z",
    "p": "p-value",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
}


@dataclass
class _RowCells:
    """Plain texts of one printed row by canonical column, stars and brackets taken off; one text of each."""

    sheet: Sheet
    number: int
    found: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: str, column: str) -> None:
        """Keep a text, unless another one is there already."""
        if self.found.get(name, value) != value:
            expected = f"one {name} a row; {self.found[name]!r} stands there too"
            raise self.sheet.wrong(self.number, column, value, expected)
        self.found[name] = value

    def put_columns(self, row: Sequence[str], places: Mapping[str, int], kinds: Mapping[str, str]) -> None:
        """Keep what stands in some columns, each of which holds one quantity."""
        for quantity, place in places.items():
            text, column = row[place], self.sheet.header[place]
            if not text or quantity not in (*_KEPT, "interval"):
                continue
            if quantity == "star":
                self.put("star", text.replace("\\", "").replace(" ", ""), column)
            elif quantity == "interval":
                self.put_interval(text, column)
            elif quantity == "estimate":
                self.put_estimate(text, kinds, column)
            else:
                cell = None if quantity == "group" else cells.take_apart(text)
                if cell is None or (cell.number and cell.bracket):
                    self.found[quantity] = text
                    continue
                self.found[quantity] = self.sheet.with_point(cell.number or cell.inner)
                if cell.star:
                    self.put("star", cell.star, column)

    def put_interval(self, text: str, column: str) -> None:
        """Keep both ends of an interval."""
        ends = self.sheet.pair(text)
        if ends is None:
            raise self.sheet.wrong(self.number, column, text, "an interval such as .83 to .89")
        for name, end in zip(("low", "high"), ends, strict=True):
            self.put(name, self.sheet.with_point(end), column)

    def put_estimate(self, text: str, kinds: Mapping[str, str], column: str) -> None:
        """Keep an estimate, with its stars and what stands in brackets behind it."""
        cell = cells.take_apart(text)
        if cell is None:
            self.found["estimate"] = text
            return
        if not cell.number:
            expected = "an estimate; is this a negative number, or an uncertainty?"
            raise self.sheet.wrong(self.number, column, text, expected)
        self.found["estimate"] = self.sheet.with_point(cell.number)
        if cell.star:
            self.put("star", cell.star, column)
        if cell.bracket:
            self.put_bracket(cell, kinds, column)

    def put_bracket(self, cell: cells.Cell, kinds: Mapping[str, str], column: str) -> None:
        """Keep what stands in brackets: two numbers are an interval, one is what heading, note or option says."""
        if self.sheet.pair(cell.inner) is not None:
            self.put_interval(cell.inner, column)
            return
        if cell.inner.lower() in REFERENCE_WORDS:
            self.found["se"] = cell.inner
            return
        kind = kinds.get(cell.bracket)
        if kind is None or kind == "interval":
            raise self.sheet.wrong(
                self.number,
                column,
                f"{cell.bracket}{cell.inner}{_CLOSING.get(cell.bracket, '')}",
                "to know what stands in brackets or behind ±: give "
                f"{option('brackets', 'se', 't', 'p')} (in the file: # brackets: se)",
                UnclearError,
            )
        self.put(kind, self.sheet.with_point(cell.inner), column)


# ---- one row per term -------------------------------------------------------------------------------------


def _long(
    sheet: Sheet, meanings: Mapping[str, Heading], place: int, brackets: str | None, level: float | None
) -> list[PrintedTable]:
    """One row per term, one column per quantity."""
    columns, unused, notes = _chosen_columns(sheet, meanings)
    stated = _one_level(columns.values(), level, sheet.label)
    places = {quantity: sheet.header.index(heading.text) for quantity, heading in columns.items()}
    estimate = columns.get("estimate", Heading("", None))
    if "df" in places and all(row[places["df"]] in ("", "1") for row in sheet.rows):
        notes.append(
            f"Column {sheet.header[places.pop('df')]!r} holds 1 throughout: not read as degrees of freedom of an error."
        )
    groups, n, left = _rows_by_model(sheet, place, places, estimate.bracket or brackets, unused)
    if left:
        notes.append(f"Rows without an estimate and its uncertainty are not read: {', '.join(left)}.")
    if n is not None:
        notes.append(f"Observations are read at the foot: {n:,}.")
    if "t" in columns and (df := DF_OF_T.fullmatch(columns["t"].text)):
        groups = {
            model: [row._replace(cells={"df": df[1], **row.cells}) for row in rows]
            for model, rows in groups.items()
        }
    heading = estimate.text.lower()
    logs = "se" if columns.get("se", estimate).quantity == "se of log" else None
    return [
        PrintedTable(
            model or None,
            tuple(rows),
            n=n,
            level=stated,
            # Also where the user has called the column an estimate: that does not say that its numbers are slopes.
            needs_ratio=estimate.text if read_heading(estimate.text).quantity in RATIO_HEADINGS else None,
            logs="both" if heading.startswith(("ln", "log")) else logs,
            beta=heading in ("beta", "β"),
            unused=unused,
            notes=tuple(notes),
        )
        for model, rows in groups.items()
    ]


def _rows_by_model(
    sheet: Sheet, place: int, places: Mapping[str, int], inner: str | None, unused: Sequence[str]
) -> tuple[dict[str, list[PrintedRow]], int | None, list[str]]:
    """The rows of each model, the observations at the foot, and labels of rows that hold no estimate."""
    groups: dict[str, list[PrintedRow]] = {}
    n: int | None = None
    left: list[str] = []
    kinds = dict.fromkeys(_ANY_BRACKET, inner) if inner else {}
    beside = ("model", "group", "scale")
    for number, row in zip(sheet.numbers, sheet.rows, strict=True):
        if not any(row):
            continue
        term = row[place]
        if not term:
            raise sheet.wrong(number, sheet.header[place], "", "the name of the term")
        statistic = _statistic(term)
        if statistic == "n" and n is None and (digits := _whole_number(row, place, sheet)):
            n = digits
            continue
        held = any(row[i] for quantity, i in places.items() if quantity not in beside)
        if not held or (statistic is not None and not _has_uncertainty(row, places, inner)):
            left.append(term)
            continue
        texts = _RowCells(sheet, number)
        texts.put_columns(row, places, kinds)
        others = {name: row[sheet.header.index(name)] for name in unused}
        model = row[places["model"]] if "model" in places else ""
        groups.setdefault(model, []).append(PrintedRow(term, number, texts.found, others))
    if not groups:
        raise DataError(f"{sheet.label}: found a header and no rows, expected a row for each term")
    if "" in groups and len(groups) > 1:
        raise sheet.wrong(groups[""][0].row, "model", "", "the model of every row")
    return groups, n, left


_BETA = re.compile(r"\bbeta\b|β|\bstandardi[sz]ed coef", re.IGNORECASE)


def _statistic(label: str) -> str | None:
    """What a label means at the foot of a table: observations, clusters, another statistic of fit, or (None) a term."""
    for text in (label, label.partition("/")[0]):
        bare = re.sub(r"[^a-z0-9²]", "", text.lower())
        if bare in _STATISTIC:
            return _STATISTIC[bare]
    return None


def _whole_number(row: Sequence[str], place: int, sheet: Sheet) -> int | None:
    """The one whole number of a row, None where it has several cells or another."""
    filled = [text for i, text in enumerate(row) if text and i != place]
    digits = sheet.with_point(filled[0]) if len(filled) == 1 else ""
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


# ---- slopes with their brackets below ---------------------------------------------------------------------

_PANEL = re.compile(r"panel\b", re.IGNORECASE)


@dataclass
class _Column:
    """A printed model while it is read: where its numbers are, and its rows so far."""

    heading: str
    places: dict[str, int]
    rows: list[PrintedRow] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def place(self) -> int:
        """Where its estimates are."""
        return self.places["estimate"]


def _wide(
    sheet: Sheet, meanings: Mapping[str, Heading], place: int, brackets: str | None, level: float | None
) -> list[PrintedTable]:
    """One column per model; below each slope its uncertainty, in brackets; N and R² at the foot."""
    columns = _model_columns(sheet, meanings, place)
    headings = [*(meanings[sheet.header[c.place]] for c in columns), meanings[sheet.header[place]]]
    stated = _one_level(headings, level, sheet.label)
    kinds = _bracket_kinds(sheet, headings, brackets)
    columns, others = _filled_columns(sheet, columns, kinds, place)
    for column in columns:
        bare = [row for row in column.rows if _is_bare(row)]
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
    return [
        PrintedTable(
            None if one else c.heading,
            tuple(c.rows),
            n=c.counts.get("n"),
            clusters=c.counts.get("clusters"),
            level=stated,
            needs_ratio=next((h.text for h in headings[:-1] if h.quantity in RATIO_HEADINGS), None),
            notes=notes,
        )
        for c in columns
    ]


def _filled_columns(
    sheet: Sheet, printed: list[_Column], kinds: Mapping[str, str], place: int
) -> tuple[list[_Column], list[str]]:
    """The models with their rows, those of each panel apart, and labels of rows that hold no estimate."""
    columns, done, others = printed, list[_Column](), list[str]()
    label, foot = "", False
    for number, row in zip(sheet.numbers, sheet.rows, strict=True):
        label, below = row[place] or label, not row[place]
        statistic = None if below else _statistic(label)
        foot = foot or statistic is not None
        if not below and _PANEL.match(label) and not any(text for i, text in enumerate(row) if i != place):
            done, foot = [*done, *columns], False
            columns = [_Column(f"{c.heading}, {label}", c.places) for c in printed]
            continue
        filled = [c for c in columns if any(row[i] for i in c.places.values())]
        if below and not label:
            if filled and any(re.search(r"\d", text) for text in row):
                raise sheet.wrong(number, sheet.header[place], "", "the name of the term")
            continue  # names of outcomes below those of models
        own = statistic is None and not below
        if own and (foot or not any(_is_printed(row[c.place]) for c in filled)):
            others += [label] if filled else []
            continue
        for column in filled:
            if statistic is not None:
                _put_count(column, statistic, row, sheet, number)
            elif below:
                _put_below(column, row, kinds, sheet, number)
            else:
                texts = _own_cells(column, row, kinds, sheet, number)
                column.rows.append(PrintedRow(label, number, texts))
    return [*done, *columns], others


def _is_bare(row: PrintedRow) -> bool:
    """Whether a row has a number and no uncertainty of it."""
    return row.cells.keys() <= {"estimate"} and row.cells.get("estimate", "").lower() not in REFERENCE_WORDS


def _model_columns(sheet: Sheet, meanings: Mapping[str, Heading], place: int) -> list[_Column]:
    """A column of estimates for each model; beside it, under the same name, its uncertainty or its stars."""
    columns: dict[str, _Column] = {}
    last: _Column | None = None
    parts = {text: _model_and_quantity(text) for i, text in enumerate(sheet.header) if text and i != place}
    # "Model B" is slopes of "Model" only where "Model SE" or the like stands beside it.
    of_several = {model for model, quantity in parts.values() if quantity != "estimate"}
    for i, text in enumerate(sheet.header):
        if i == place:
            continue
        if not text:
            below = [row[i] for row in sheet.rows if row[i]]
            if last is not None and _all_stars(below):
                last.places["star"] = i
            elif below:
                raise DataError(f"{sheet.label}: column {i + 1} has no heading, expected the model's")
            continue
        model, quantity = parts[text]
        if quantity == "estimate" and model not in of_several:
            model = text
        if quantity != "estimate" and model not in columns:
            model, quantity = text, "estimate"
        last = columns.setdefault(model, _Column(model, {}))
        if quantity in last.places:
            raise DataError(
                f"{sheet.label}: columns {sheet.header[last.places[quantity]]!r} and {text!r} both hold {quantity} of {model!r}"
            )
        last.places[quantity] = i
    return [column for column in columns.values() if "estimate" in column.places]


def _model_and_quantity(text: str) -> tuple[str, str]:
    """Split ``Model 1 SE`` into the model and what its column holds."""
    words = text.split(" ")
    for k in range(1, len(words)):
        found = read_heading(" ".join(words[k:]))
        if found.quantity in ("estimate", "se", "t", "p", "low", "high", "interval", "star", "variance"):
            return " ".join(words[:k]), found.quantity
    return text, "estimate"


def _bracket_kinds(sheet: Sheet, headings: Sequence[Heading], given: str | None) -> dict[str, str]:
    """What each kind of bracket holds: as given, else by a heading, else by a note around the table."""
    found = [cells.take_apart(text) for row in sheet.rows for text in row[1:] if text]
    used = {c.bracket for c in found if c is not None and c.bracket and sheet.pair(c.inner) is None}
    kinds = {sign: kind for sign, kind in brackets_in(sheet.around).items() if kind != "interval"}
    if "?" in kinds:
        free = sorted(used - kinds.keys())
        kinds |= {free[0]: kinds["?"]} if len(free) == 1 else {}
    stated = next((h.bracket for h in headings if h.bracket is not None), None)
    for kind in (None if stated == "interval" else stated, given):
        if kind is not None:
            kinds |= dict.fromkeys(used, kind) if len(used) == 1 else {"(": kind}
    return {sign: kind for sign, kind in kinds.items() if sign in used} | ({"": given} if given else {})


def _is_printed(text: str) -> bool:
    """Whether a cell holds an estimate: a number first, or the word for a reference category."""
    cell = cells.take_apart(text)
    return (cell is not None and bool(cell.number)) or text.lower() in REFERENCE_WORDS


def _put_count(column: _Column, statistic: str, row: Sequence[str], sheet: Sheet, number: int) -> None:
    """Keep N and clusters of a model; other statistics of fit are not used."""
    text = row[column.place]
    if not statistic or not text:
        return
    digits = sheet.with_point(text)
    if not digits.isdecimal() or statistic in column.counts:
        expected = "one whole number of observations" if statistic == "n" else "one whole number of clusters"
        raise sheet.wrong(number, column.heading, text, expected)
    column.counts[statistic] = int(digits)


def _own_cells(
    column: _Column, row: Sequence[str], kinds: Mapping[str, str], sheet: Sheet, number: int
) -> dict[str, str]:
    """Cells of a model in the row that has the label."""
    if row[column.place].lower() in REFERENCE_WORDS:
        return {"estimate": row[column.place]}
    texts, beside = _RowCells(sheet, number), _RowCells(sheet, number)
    texts.put_estimate(row[column.place], kinds, sheet.header[column.place])
    beside.put_columns(row, {name: i for name, i in column.places.items() if i != column.place}, {})
    for quantity, text in beside.found.items():
        texts.put(quantity, text, column.heading)
    return texts.found


def _put_below(
    column: _Column, row: Sequence[str], kinds: Mapping[str, str], sheet: Sheet, number: int
) -> None:
    """What is printed below an estimate belongs to the last labelled row, if that has one in this column."""
    text = row[column.place]
    if not text:
        return
    cell = cells.take_apart(text)
    if not column.rows or cell is None or (cell.number and cell.bracket):
        raise sheet.wrong(number, column.heading, text, "an uncertainty in brackets, below its estimate")
    texts = _RowCells(sheet, number, dict(column.rows[-1].cells))
    texts.put_bracket(cell if cell.bracket else cell._replace(inner=cell.number), kinds, column.heading)
    if cell.star:
        texts.put("star", cell.star, column.heading)
    column.rows[-1] = column.rows[-1]._replace(cells=texts.found)


def _wide_notes(
    columns: Sequence[_Column], kinds: Mapping[str, str], others: Sequence[str]
) -> tuple[str, ...]:
    names = {"(": "round brackets", "[": "square brackets"}
    notes = [
        f"Numbers in {names.get(sign, 'brackets')} are read as {_WORDS.get(kind, kind)}."
        for sign, kind in kinds.items()
        if sign
    ]
    for name, words in (("n", "Observations"), ("clusters", "Clusters")):
        counts = [f"{column.heading}: {column.counts[name]:,}" for column in columns if name in column.counts]
        if counts:
            notes.append(f"{words} are read at the foot ({'; '.join(counts)}).")
    if others:
        notes.append(f"Rows not read, as no uncertainty belongs to them: {', '.join(dict.fromkeys(others))}.")
    return tuple(notes)
