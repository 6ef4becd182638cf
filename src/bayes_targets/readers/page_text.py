"""Tables in plain text, as Stata's esttab, R and statsmodels print them, and in Markdown: from lines to cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import DataError
from .cells import pair, plain, take_apart

_RULE = re.compile(r"(?=.*[-=_─━═]{3})[-=_─━═+|:\s]+")
_MARKDOWN = re.compile(r"\s*\|.*\|\s*")
_ESTIMATES, _ERRORS = (
    re.compile(r"\b(coef|coefficient|estimate)\b", re.IGNORECASE),
    re.compile(r"\bstd\b|\bs\.e\.", re.IGNORECASE),
)
_LABEL_AND_NUMBER = re.compile(r"\S\s+[-+(\[]?\d*\.\d+[)\]*+]*$|^[(\[][-+]?\d*\.\d+")
_ALONE = re.compile(r" {8,}\S")
# What a tibble prints below its names; rules under a part of the columns, or of underscores.
_TYPES = re.compile(r"\s*(?:<\w+>\s*)+")
_PART_RULE = re.compile(r" {3,}-{3,}(?: +-{3,})*|_{3,}(?: +_{3,})*")
# Runs of dashes over each column, which say where columns begin.
_RULER = re.compile(r" ?[-_=]{3,}(?: {1,2}[-_=]{3,})+")
_AS_DEPENDENT = re.compile(r"\s*Dependent Var")
_GAP = re.compile(r"\S(?: {2,})\S")


class PageTable(NamedTuple):
    """Cells of a table in plain text, the header first, and the lines around it."""

    rows: list[list[str]]
    around: list[str]


def read_page_text(text: str) -> PageTable | None:
    r"""The cells of a Markdown table or of one in columns of fixed width; None where the text is neither."""
    # One tab or two, as R prints beside its R², divide no columns.
    printed = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    tabbed = sum("\t" in line for line in printed) > len(printed) / 4
    lines = [] if tabbed else [line.rstrip() for line in text.expandtabs(1).splitlines() if line[:1] != "#"]
    if _LATEX.search(text):
        return _latex(text)
    tables = [line for line in lines if _MARKDOWN.fullmatch(line)]
    if len(tables) >= 3:
        return _markdown(lines)
    # Bars between cells and none at the ends, as R's parameters prints them.
    bars = Counter(line.count("|") for line in lines if line and not _RULE.fullmatch(line))
    count, times = max(bars.items(), key=lambda item: item[1], default=(0, 0))
    if count > 1 and times > max(1, 0.6 * bars.total()):
        return _markdown([f"|{line}|" if line.count("|") == count else line for line in lines])
    return _fixed_width(lines)


_LATEX = re.compile(r"\\begin\{(?:tabular|longtable|tabulary)|&.*\\\\\s*(?:\[|\\|$)", re.MULTILINE)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(?:tabular[xy*]?|tabulary|longtable|tblr)\*?\}")
_ARGUMENT = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
_LATEX_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot)\b|"
    r"\\(?:cline|cmidrule|addlinespace|specialrule)(?:\([a-z]*\)|\[[^\]]*\]|\{[^{}]*\})*"
)
_LATEX_SIGNS = {
    r"\%": "%", r"\&": "&", r"\_": "_", r"\#": "#", "~": " ", r"\,": " ", r"\;": " ", "{,}": ",", r"\pm": "±", r"\dagger": "†",
    r"\ddagger": "‡", r"\ast": "*", r"\beta": "β", r"\leq": "≤", r"\geq": "≥", r"\times": "×", r"\cdot": "·", r"\textless": "<",
    r"\(": "", r"\)": "", "$": "",
}  # fmt: skip


def _latex(text: str) -> PageTable:
    """Rows of a tabular: cells between &, rows between double backslashes; notes are rows of one wide cell, or outside."""
    text = re.sub(r"(?<!\\)%.*", "", text)
    parts = _ENVIRONMENT.split(text)
    inside = "".join(part for kind, part in zip(parts[1::2], parts[2::2], strict=True) if kind == "begin")
    outside = "\n".join(
        [parts[0], *(p for kind, p in zip(parts[1::2], parts[2::2], strict=True) if kind == "end")]
    )
    inside = re.sub(rf"^(?:\[[^\]]*\]|{_ARGUMENT})+", "", inside) if inside else text
    rows = []
    for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline", inside):
        line = _LATEX_RULES.sub("", line).strip()
        cells = []
        for cell in re.split(r"(?<!\\)&", line) if line else []:
            wide = re.search(r"\\multicolumn\s*\{(\d+)\}", cell)
            across = int(wide[1]) if wide else 1
            cells += [_latex_text(cell)] + [_latex_text(cell) if len(line) > len(cell) else ""] * (across - 1)
        rows += [cells] if any(cells) else []
    width = max((len(row) for row in rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    start = next((i for i, row in enumerate(rows) if _holds_numbers(row[1:])), len(rows))
    notes = [row[0] for row in rows if row[0] and not any(row[1:]) and len(row[0].split()) > 2]
    head = [row for row in rows[:start] if any(row[1:])]
    body = [row for row in rows[start:] if row[0] not in notes]
    lines = [_latex_text(line) for line in outside.splitlines()]
    return PageTable(
        [_header(head) if head else [""] * width, *body],
        [*notes, *(line for line in lines if len(line.split()) > 2)],
    )


def _holds_numbers(cells: Sequence[str]) -> bool:
    """Whether a row holds estimates: numbers other than those of models (1, 2) or years, which are headings."""
    filled = [
        cell
        for cell in cells
        if cell and not re.fullmatch(r"(?:0?\.5|1|2\.5|5|10|9[059](?:\.5)?|97\.5)\s?%", cell)
    ]
    counted = [str(i + 1) for i in range(len(filled))]
    headings = filled == counted or all(re.fullmatch(r"(19|20)\d\d", cell) for cell in filled)
    return not headings and any((found := take_apart(cell)) is not None and found.number for cell in filled)


def _latex_text(cell: str) -> str:
    """What a cell of LaTeX prints."""
    cell = re.sub(r"\\multicolumn\s*\{\d+\}\s*\{[^{}]*\}", "", cell)
    cell = re.sub(r"\\multirow\s*\{[^{}]*\}\s*\{[^{}]*\}", "", cell)
    cell = re.sub(r"\^\s*\{?\s*((?:\*|\\ast|\\dagger|\\ddagger|\+)+)\s*\}?", r"\1", cell)
    for sign in sorted(_LATEX_SIGNS, key=len, reverse=True):
        cell = re.sub(
            re.escape(sign) + (r"(?![a-zA-Z])" if sign[-1].isalpha() else ""), _LATEX_SIGNS[sign], cell
        )
    cell = re.sub(r"\\(?:begin|end|label|vspace|hspace|setlength)\s*(?:\{[^{}]*\})+", "", cell)
    cell = re.sub(r"\\[a-zA-Z]+\*?\s*(?:\[[^\]]*\])?", "", cell)
    return plain(re.sub(r"\^(?=\{?\d)", "", cell).replace("{", "").replace("}", "").replace("--", "-"))


def _markdown(lines: Sequence[str]) -> PageTable:
    rows, around = [], []
    for line in lines:
        if _RULE.fullmatch(line) or not line:
            continue
        if _MARKDOWN.fullmatch(line):
            line = re.sub(r"(>\s?)\|([tz])\|", r"\1\\|\2\\|", line)
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append(
                [re.sub(r"^\*\*([^*]+)\*\*$", r"\1", plain(cell)).replace("\\", "") for cell in cells]
            )
        else:
            around.append(line.strip())
    return PageTable(rows, around)


def _fixed_width(lines: Sequence[str]) -> PageTable | None:
    """Columns with blanks between them in every line."""
    full = [line for line in lines if line and not _TYPES.fullmatch(line) and not _PART_RULE.fullmatch(line)]
    gaps = sum(bool(_GAP.search(line) or _ALONE.match(line)) for line in full if not _RULE.fullmatch(line))
    # A comma between digits may be a decimal one.
    separated = sum(bool(re.search(r";(?! )|,(?!\d)|(?<!\d),", line)) for line in full)
    if len(full) < 2 or gaps < 0.4 * len(full) or separated > 0.6 * len(full):
        return None
    # Stata divides labels from numbers by a bar.
    full = [re.sub(r"^([^|]*) \|( |$)", r"\1  \2", line) for line in full]
    head, body, around = _parts(full)
    if not head or not body:
        return None
    ruler = next((line for line in lines if _RULER.fullmatch(line)), "")
    starts = [0, *(run.start() for run in list(re.finditer(r"[-=_]+", ruler))[1:])]
    bounds = list(zip(starts, [*starts[1:], 10_000], strict=True)) if ruler else _bounds([*head, *body], 2)
    if ruler:
        head = [line for line in head if not _AS_DEPENDENT.match(line)]
    elif len(bounds) < 2 or _unclear(body, bounds):
        bounds = _with_whole_labels(body, _bounds(body, 1))
    if len(bounds) < 2:
        return None
    if _unclear(body, bounds):
        raise DataError(
            "text: its columns cannot be told apart, expected two blanks between them, tabs, or commas"
        )
    cells = [_slices(line, bounds) for line in body]
    if [row[0].partition(" ")[0] for row in cells] == [str(i + 1) for i in range(len(cells))]:
        cells = [[row[0].partition(" ")[2], *row[1:]] for row in cells]  # numbers of rows that R prints
    names = _spaced(head[0], len(bounds)) if len(head) == 1 else None
    names = names or _header([_slices(line, bounds) for line in head])
    return PageTable([[name or _star_name(cells, j) for j, name in enumerate(names)], *cells], around)


def _unclear(lines: Sequence[str], bounds: Sequence[tuple[int, int]]) -> bool:
    """Whether cells hold several things, as where two columns were not told apart."""
    rows = [_slices(line, bounds) for line in lines]
    return any(_LABEL_AND_NUMBER.search(row[0]) or any(_odd(cell) for cell in row[1:]) for row in rows)


def _with_whole_labels(lines: Sequence[str], bounds: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Columns of words at the left belong to the labels, which may hold blanks."""
    rows = [_slices(line, bounds) for line in lines]
    k = 1
    while k < len(bounds) and not any(re.search(r"\d", row[k]) for row in rows):
        k += 1
    return [(0, bounds[k - 1][1]), *bounds[k:]] if bounds else []


def _spaced(line: str, count: int) -> list[str] | None:
    """Headings that two blanks divide, where there is one for each column; Stata has one for both ends of an interval."""
    names: list[str] = []
    for name in re.split(r" {2,}", line.strip()):
        ends = re.fullmatch(r"\[?(\d+)% conf\.? interval\]?", name, re.IGNORECASE)
        names += [f"{ends[1]}% low", f"{ends[1]}% high"] if ends else [plain(name)]
    if len(names) == count - 1 and line[:1] == " ":
        names = ["", *names]
    return names if len(names) == count else None


def _star_name(rows: Sequence[Sequence[str]], place: int) -> str:
    """The name of a nameless column, where it holds stars alone."""
    found = {cell for row in rows if (cell := row[place])}
    return "star" if place and found and all(set(cell) <= set("*+†‡^ ") for cell in found) else ""


def _parts(lines: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Lines of the header, of the table below it, and around both; rules of dashes divide them."""

    def without_rules(some: Sequence[str]) -> list[str]:
        return [line for line in some if not _RULE.fullmatch(line)]

    rules = [i for i, line in enumerate(lines) if _RULE.fullmatch(line)]
    for i, line in enumerate(lines):
        if _ESTIMATES.search(line) and _ERRORS.search(line):
            # A model's summary holds several tables: the one of coefficients ends at the next double rule.
            end = next((rule for rule in rules if rule > i + 1), len(lines))
            around = [line.strip() for line in without_rules(lines[end:])]
            return [line], without_rules(lines[i + 1 : end]), around
    if len(rules) >= 2:
        first, second = rules[:2]
        if second == first + 1:
            first, second = second, rules[2] if len(rules) > 2 else len(lines)
        last = rules[-1] if len(rules) > 2 else len(lines)
        around = [line.strip() for line in (*lines[:first], *lines[last + 1 :])]
        return list(lines[first + 1 : second]), without_rules(lines[second + 1 : last]), around
    body = without_rules(lines)
    prose = (i > 1 and not _GAP.search(line.strip()) and len(line.split()) > 3 for i, line in enumerate(body))
    end = next((i for i, found in enumerate(prose) if found), len(body))
    return body[:1], body[1:end], [line.strip() for line in body[end:]]


def _bounds(lines: Sequence[str], width: int) -> list[tuple[int, int]]:
    """Columns as stretches between blanks that all lines share, `width` wide at least."""
    places = range(max(map(len, lines)))
    shared = "".join(" " if all(line[i : i + 1] in ("", " ") for line in lines) else "#" for i in places)
    gaps = re.finditer(rf"(?<=#) {{{width},}}", shared + " " * width)
    # Each column begins where the one before it ends, so that wider headings are cut at the same places.
    ends = [gap.start() for gap in gaps][:-1]
    return list(zip([0, *ends], [*ends, 10_000], strict=True))


def _slices(line: str, bounds: Sequence[tuple[int, int]]) -> list[str]:
    return [plain(line[start:end]) for start, end in bounds]


def _odd(cell: str) -> bool:
    """Whether a cell holds several things, as where two columns were not told apart."""
    several = bool(cell) and take_apart(cell) is None and len(re.findall(r"\d*\.\d+", cell)) > 1
    return several and (pair(cell) is None or re.fullmatch(r"\S+ \S+", cell) is not None)


def _header(names: Sequence[Sequence[str]]) -> list[str]:
    """One name per column: the first line's where these differ, else all lines joined."""
    first = list(names[0])
    if len(names) == 1 or (all(first[1:]) and len(set(first[1:])) == len(first[1:])):
        return first
    return [" ".join(part for part in parts if part) for parts in zip(*names, strict=True)]
