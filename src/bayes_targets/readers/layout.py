"""Where the table is among the rows of a file: its header, titles above it, footnotes below, and rows that are none."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from ..errors import DataError, cell_message, counted, option, was
from .cells import Problems, cell_text, is_missing, missing_marks, plain, read_number, take_apart, tidy

_NOTE = re.compile(
    r"(?:(?:sources?|(?:foot)?notes?|data|key|contact|published)\s*(?:[:.\d-]|$)|note that\b|crown copyright|copyright\b|"
    r"last updated|end of |this table|figures (?:are|in|may)|(?:robust |clustered )?standard errors|"
    r".*\b(?:in|within) (?:parenthes[ei]s|(?:square |round )?brackets)|signif|[+*\u2020]+ ?p ?[<=]|"
    r"p ?<|\u00a9|[*\u2020\u2021]|\[(?:note )?[a-z0-9]{1,2}\]|\(?[a-z0-9]{1,2}[.)]\s)",
    re.IGNORECASE,
)
_UNITS = re.compile(
    r"\(?(%|per ?cent|percentage|£|£m|£000s?|n|no\.?|number|count|rate|pp|points|ratio|mean|s\.?d\.?)\)?",
    re.I,
)
_MODEL = re.compile(r"\(\d{1,2}\)")
# Rows with their places in the file.
_Rows = list[tuple[int, list[Any]]]
_YEAR = re.compile(r"(19|20)\d\d([/-]\d{2,4})?")


def is_blank(cell: object) -> bool:
    """Whether a cell holds nothing, not even a mark of a missing value."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def filled_width(row: Sequence[object]) -> int:
    """Number of cells up to the last one that is not blank."""
    return max((i + 1 for i, cell in enumerate(row) if not is_blank(cell)), default=0)


def full_cells(row: Sequence[object]) -> int:
    """Number of cells that are not blank."""
    return sum(not is_blank(cell) for cell in row)


def _is_text(cell: object) -> bool:
    if is_blank(cell) or not isinstance(cell, str):
        return False
    return read_number(cell) is None and read_number(cell, ",") is None


def _is_name(cell: object) -> bool:
    """Whether a cell may be the name of a column: nothing, a text without an estimate, or a model's number."""
    printed = take_apart(plain(cell_text(cell)))
    estimate = printed is not None and bool(printed.number)
    return (
        is_blank(cell) or (_is_text(cell) and not estimate) or _MODEL.fullmatch(cell_text(cell)) is not None
    )


def under_header(
    records: list[list[Any]],
    given: list[int] | None,
    label: str,
    notes: list[str],
    ragged: bool,
    tell_apart: Callable[[Sequence[str]], list[str]],
) -> tuple[pd.DataFrame, list[str]]:
    """Find the header, and the rows that belong to the table below it; the lines around it are footnotes."""
    filled = [(i, row) for i, row in enumerate(records) if any(not is_blank(cell) for cell in row)]
    if not filled:
        raise DataError(f"{label}: found an empty file, expected a header and one row per unit")
    places = _find_header(filled, given, records, label)
    titles = [_joined(row) for i, row in filled if i < places[0]]
    if titles and given is None:
        notes.append(
            f"{counted(len(titles), 'line')} above the table {was(len(titles))} taken for a title: {_cut(titles[0])}."
        )
    body = [(i - places[-1], row) for i, row in filled if i > places[-1]]
    head = [records[i] for i in places]
    names = tell_apart(_names(head, label))
    if titles or len(head) > 1:
        rows = _number_list([i + 1 for i in places])
        notes.append(
            f"The names of the columns were read from row{'s' if len(head) > 1 else ''} {rows} of the file."
        )
    check_names(names, label)
    body, below = _without_footnotes(body, len(names))
    if below:
        notes.append(
            f"{counted(len(below), 'line')} below the table {was(len(below))} taken for footnotes: {_cut(below[0])}."
        )
    body, again = _without_headers(body, head)
    if again:
        notes.append(f"{counted(again, 'row')} that only repeated the header {was(again)} left out.")
    if not body:
        raise DataError(f"{label}: found a header and no rows, expected one row per unit")
    blank = body[-1][0] - body[0][0] + 1 - len(body) - again
    if blank > 0:
        notes.append(f"{counted(blank, 'blank row')} among the others {was(blank)} left out.")
    width = len(names)
    _check_widths(body, width, label, ragged)
    frame = pd.DataFrame(
        [row if len(row) == width else row[:width] + [""] * (width - len(row)) for _, row in body],
        columns=pd.Index(names, dtype=object),
        index=pd.Index([i for i, _ in body]),
        dtype=object,
    )
    return frame, [*titles, *below]


def _without_headers(body: _Rows, head: list[list[Any]]) -> tuple[_Rows, int]:
    """The rows that do not repeat a header of one row, as at the top of a printed page, and how many did."""
    if len(head) > 1:
        return body, 0
    texts = [cell_text(cell) for cell in head[0]]
    first = next((j for j, text in enumerate(texts) if text), 0)
    kept = [
        (i, row)
        for i, row in body
        # The first name alone tells most rows from the header.
        if len(row) <= first or cell_text(row[first]) != texts[first] or [cell_text(c) for c in row] != texts
    ]
    return kept, len(body) - len(kept)


def _find_header(filled: _Rows, given: list[int] | None, records: list[list[Any]], label: str) -> list[int]:
    """Places of the header's rows among the records."""
    if given is not None:
        if given[-1] > len(records) or not full_cells(records[given[0] - 1]):
            raise DataError(
                f"{label}: row {given[0]} is blank or beyond the end, expected the names of the columns"
            )
        return [row - 1 for row in given]
    sample = filled[:200]
    place = _place_of_names(sample)
    first, row = sample[place]
    years = [cell for cell in row if _YEAR.fullmatch(cell_text(cell))]
    if not any(_is_text(cell) for cell in row) and any(
        not is_blank(cell) and not _MODEL.fullmatch(cell_text(cell)) and cell not in years for cell in row
    ):
        raise DataError(
            f"{label}, row {first + 1} of the file: found {_cut(_joined(row))}, expected the names of the columns; "
            f"give {option('header')} and the number of the row that holds them"
        )
    above, names_above = sample[place - 1] if place else (-1, [])
    if place and above == first - 1 and all(map(_is_name, names_above)):
        named = all(_is_name(cell) or cell in years for cell in row) and full_cells(row) > 2
        if not named and not all(map(_is_name, row)) and is_blank(names_above[0]):
            return [above]  # above the only model of a table its name may stand alone
        again = Counter(cell_text(cell) for cell in row if not is_blank(cell)).most_common(1)[0][1] > 1
        if again and full_cells(names_above) > 1:
            return [above, first]
    if place + 2 < len(sample) and _second_header(
        row, sample[place + 1], first, [r for _, r in sample[place + 2 :]]
    ):
        return [first, sample[place + 1][0]]
    return [first]


def _place_of_names(sample: _Rows) -> int:
    """Where the first row is that may hold the names of the columns."""
    counts = sorted(full_cells(row) for _, row in sample if full_cells(row) > 1)
    usual = counts[len(counts) // 2] if counts else 1
    needed = max(min(2, usual), (usual + 1) // 2)
    place = next((k for k, (_, row) in enumerate(sample) if full_cells(row) >= needed), 0)
    row = sample[place][1]
    if full_cells(row) + is_blank(row[0]) >= usual:  # the labels' own column needs no name
        return place
    # A title with a comma in it may look like names; a whole row of names soon after it is the header.
    for k in range(place + 1, min(place + 6, len(sample) - 1)):
        names = [cell_text(cell) for cell in sample[k][1] if not is_blank(cell)]
        numbers_below = any(not is_blank(cell) and not _is_text(cell) for cell in sample[k + 1][1])
        different = len(names) >= usual and len(set(names)) == len(names)
        if different and all(map(_is_text, names)) and numbers_below:
            return k
    return place


def _second_header(
    head: list[Any], following: tuple[int, list[Any]], first: int, body: list[list[Any]]
) -> bool:
    """Whether the row below the header belongs to it: it fills its gaps, or names units above columns of numbers."""
    place, second = following
    if place != first + 1:
        return False
    width, marks = max(filled_width(head), filled_width(second)), missing_marks()
    upper, lower, *rows = ([*row[:width], *[None] * (width - len(row))] for row in (head, second, *body))
    columns = list(zip(*rows, strict=True))
    present = [sum(not is_blank(cell) for cell in column) for column in columns]
    used = [n >= 0.5 * len(body) for n in present]
    names = [cell_text(cell) for cell in upper if not is_blank(cell)]
    gaps = [
        j for j in range(width) if used[j] and (is_blank(upper[j]) or names.count(cell_text(upper[j])) > 1)
    ]
    numeric = [
        used[j] and sum(_is_text(cell) for cell in column if not is_missing(cell, marks)) <= 0.1 * present[j]
        for j, column in enumerate(columns)
    ]
    # A row of data has a name in the first column of texts; a second header leaves it empty.
    bare = any(used[j] and not numeric[j] and is_blank(lower[j]) for j in range(width))
    filled = all(not is_blank(lower[j]) for j in gaps)
    if gaps and filled and (bare or all(_is_text(lower[j]) for j in gaps if numeric[j])):
        return bare or any(numeric[j] for j in gaps)
    over = [lower[j] for j in range(width) if numeric[j] and not is_blank(lower[j])]
    if not over or not all(isinstance(cell, str) for cell in over):
        return False
    units = all(_UNITS.fullmatch(cell.strip()) for cell in over)
    words = all(_is_text(cell) or _YEAR.fullmatch(cell.strip()) for cell in over)
    return units or (bare and words and any(map(_is_text, over)))


def _names(head: list[list[Any]], label: str) -> list[str]:
    width = max(filled_width(row) for row in head)
    rows = [[column_name(row[j], label) if j < len(row) else "" for j in range(width)] for row in head]
    if len(rows) == 1:
        return rows[0]
    for above, below in pairwise(rows):
        # A merged cell names the columns to its right as well, as far as the row below has names there.
        for j in range(1, width):
            if not above[j] and below[j]:
                above[j] = above[j - 1]
    return [" ".join(dict.fromkeys(row[j] for row in rows if row[j])) for j in range(width)]


def _without_footnotes(body: _Rows, width: int) -> tuple[_Rows, list[str]]:
    """Take lines of prose off the end of a table: after a blank row, or long, or beginning as a note does."""
    start = len(body)
    while start > 0:
        i, row = body[start - 1]
        noted = _noted(row)
        if not _is_prose(row, width, noted):
            break
        after_gap = start > 1 and body[start - 2][0] < i - 1
        after_gap |= any(body[k][0] - body[k - 1][0] > 1 for k in range(start, len(body)))
        if not (noted or after_gap or _leads_to_gap(body, start, width)):
            break
        start -= 1
    return body[:start], [_joined(row) for _, row in body[start:]]


def _noted(row: Sequence[object]) -> bool:
    """Whether a line is long, or begins as a note does."""
    text = next((str(cell).strip() for cell in row if not is_blank(cell)), "")
    return bool(_NOTE.match(text)) or len(text) > 60


def _is_prose(row: Sequence[object], width: int, noted: bool) -> bool:
    """Whether a row holds texts alone, and few for a table of this width; a comma may have divided them."""
    few = full_cells(row) == 1 or full_cells(row) < (width if noted else (width + 1) // 2)
    return width > 1 and few and all(_is_text(cell) for cell in row if not is_blank(cell))


def _leads_to_gap(body: _Rows, start: int, width: int) -> bool:
    """Whether the lines just above, all of them prose, begin below a blank row."""
    for k in range(start - 1, 0, -1):
        if not _is_prose(body[k][1], width, _noted(body[k][1])):
            return False
        if body[k][0] - body[k - 1][0] > 1:
            return True
    return False


def names_of_rows(records: list[list[Any]], notes: list[str]) -> list[list[Any]]:
    """The records with a name for the first column, where the header has one cell less than every row, as R writes it."""
    filled = [i for i, row in enumerate(records) if any(not is_blank(cell) for cell in row)]
    widths = {len(records[i]) for i in filled[1:]}
    if (
        not filled
        or widths != {len(records[filled[0]]) + 1}
        or all(is_blank(records[i][-1]) for i in filled[1:])
    ):
        return records
    notes.append("The first column has no name, and was taken for the names of the rows, as R writes them.")
    return [["row", *row] if i == filled[0] else row for i, row in enumerate(records)]


def _check_widths(body: _Rows, width: int, label: str, ragged: bool) -> None:
    """Refuse rows with more cells than the header, and with fewer unless the ends of rows may be missing."""
    problems = Problems(label)
    for i, row in body:
        if (len(row) < width and not ragged) or filled_width(row) > width:
            found, expected = f"{len(row)} cells", f"{width}, as many as the header has"
            problems.say(cell_message(file=label, row=i, value=found, expected=expected))
    problems.check()


def _joined(row: Sequence[object]) -> str:
    return tidy(", ".join(cell_text(cell) for cell in row if not is_blank(cell)))


def _cut(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _number_list(numbers: Sequence[int]) -> str:
    *rest, last = [str(number) for number in numbers]
    return f"{', '.join(rest)} and {last}" if rest else last


def column_name(found: object, label: str) -> str:
    """A column's name, spaces unified."""
    name = tidy(cell_text(found))
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise DataError(f"{label}, header: found {name!a}, expected a name that can be printed")
    return name


def check_names(names: Sequence[str], label: str) -> None:
    """Refuse duplicates; nameless columns cannot be asked for, so they may repeat."""
    problems = Problems(label)
    for name, times in Counter(name for name in names if name).items():
        if times > 1:
            problems.say(f"{label}, header: found {name!r} {times} times, expected each column name once")
    problems.check()
