"""Where a cell becomes a number or a label: plain or as printed, missing or not, with one list of all that is wrong."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from functools import cache
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, cell_message, option, shown

_MISSING = (
    "|na|n/a|n.a.|nan|nat|<na>|none|null|nil|-|--|\u2013|\u2014|\u2212|.|..|...|\u2026|:|[c]|[x]|[z]|[w]|[low]|[n]|"
    "supp|suppressed|#n/a|missing|unknown|not available|not applicable|no data"
)
MISSING = frozenset(_MISSING.split("|"))
"""Texts that mean a missing value, in any capitals."""

TWO_READINGS = "it can be a thousand or a thousandth"
_LISTED = 20
_LONGEST = 100  # characters of a cell that may hold a number
_LONGEST_PLAIN = 40  # and of one that holds nothing else
_PLAIN = set("0123456789.+-")
# A mark behind a number: significance, or a footnote such as [p] for provisional.
_MARKS = r"(?P<stars>(?:\s*(?:\*+|\++|[\u2020\u2021\u00a7#^]+|\[[a-z]{1,2}\]))*)"
_BODY = {
    ".": r"(?:\d{1,3}(?:(?P<group>[, '\u2019])\d{3})(?:(?P=group)\d{3})*(?:\.\d*)?|\d+\.?\d*|\.\d+)",
    ",": r"(?:\d{1,3}(?:(?P<group>[. '\u2019])\d{3})(?:(?P=group)\d{3})*(?:,\d*)?|\d+,?\d*|,\d+)",
}
_CURRENCY = r"(?:[£$€¥]\s?)?"
_NUMBERS = {
    sign: re.compile(
        rf"(?P<open>[(\[])?\s*(?P<bound><=|>=|[<>\u2264\u2265])?\s*(?:(?P<sign>[+-])\s?)?{_CURRENCY}(?P<late>[+-])?"
        rf"(?P<body>{body}(?P<exponent>[eE][+-]?\d{{1,4}})?)\s?(?P<percent>%)?(?:\s?[£€])?"
        rf"{_MARKS}\s*(?P<close>[)\]])?{_MARKS.replace('stars', 'more')}",
        re.ASCII,
    )
    for sign, body in _BODY.items()
}
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_EITHER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_POINT = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)?\.\d+|\d{1,3}(?:,\d{3}){2,}", re.ASCII)
_COMMA = re.compile(r"(?:\d+|\d{1,3}(?:\.\d{3})+)?,\d+|\d{1,3}(?:\.\d{3}){2,}", re.ASCII)
_GROUPS = re.compile(r"(?<=\d)[ '\u2019\u00a0\u2009\u202f\u2007\u2002\u2003](?=\d\d\d(?!\d))", re.ASCII)
_BARE = re.compile("^[\\s£$€¥+\\-\u2010-\u2013\u2212(\\[<>\u2264\u2265]*|[\\s%£€)\\]*+\u2020\u2021]*$")


@dataclass(frozen=True)
class Number:
    """A number as it stands in a cell."""

    value: float  # the number; 62 for "62%", 0.12 for "(0.12)", 0.001 for "<.001"
    # Half a unit of the last printed place: every true value in value ± half_width prints as text
    half_width: float
    text: str  # the cell as it stands, without outer spaces
    stars: str = ""  # marks behind the number, such as "**" or "+"
    bracketed: str = ""  # "(" or "[" where the number stands in brackets, else empty
    bound: str = ""  # "<", ">", "<=" or ">=" where only a bound is printed, else empty
    percent: bool = False  # whether a per cent sign is printed

    @property
    def low(self) -> float:
        """Lower end of the rounding interval."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the rounding interval."""
        return self.value + self.half_width

    @property
    def decimals(self) -> int:
        """Number of printed decimals."""
        return len(self.text.partition(".")[2])

    @property
    def plain(self) -> bool:
        """Whether nothing but the number is printed: no bracket and no bound."""
        return not (self.bracketed or self.bound)


def printable(text: str) -> str:
    """A text with what cannot be written in UTF-8 escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def tidy(text: str) -> str:
    """Unify spaces and the forms of letters (NFC), and strip outer spaces."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def cell_text(cell: object) -> str:
    """A cell as text: an empty one is ``""``, a whole float has no ``.0``, a date is ISO."""
    if isinstance(cell, str):
        return cell.strip()
    if _is_empty(cell):
        return ""
    if isinstance(cell, float | np.floating):
        return shortest(float(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return str(cell)


def is_missing(cell: object, marks: frozenset[str] = frozenset({""})) -> bool:
    """Whether a cell holds no value: it is empty, or one of `marks`, which are in lower case."""
    if not isinstance(cell, str):
        return _is_empty(cell) or (len(marks) > 1 and cell_text(cell) in marks)
    text = cell.strip().casefold()
    return not text or text in marks or (text[-3:-2].isdigit() and text.removesuffix(".0") in marks)


def is_number(value: object) -> bool:
    """Whether an option is one finite number of Python or NumPy; a truth value is none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_empty(cell: object) -> bool:
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    if isinstance(cell, float | np.floating):
        return math.isnan(cell)
    return isinstance(cell, np.datetime64 | np.timedelta64) and bool(np.isnat(cell))


def missing_marks(more: Iterable[object] = ()) -> frozenset[str]:
    """The known marks of a missing value, and more of the user's own."""
    if isinstance(more, str | bytes) or not isinstance(more, Iterable):
        raise DataError(f"missing: found {more!r}, expected a list of marks such as ['x', '-99']")
    return MISSING | {cell_text(mark).casefold() for mark in more}


def read_number(cell: object, decimal: str = ".") -> Number | None:
    """Read the number in a cell, or return None where there is none."""
    if isinstance(cell, str):
        return _printed_number(cell.strip(), decimal)
    if isinstance(cell, Real | Decimal | np.bool_ | np.number) and not isinstance(cell, np.complexfloating):
        try:
            value = float(cell)
        except OverflowError:
            value = -math.inf if str(cell).startswith("-") else math.inf
        except ValueError:
            return None
        if math.isnan(value):
            return None
        return Number(value, _half_unit(shortest(value)), cell_text(cell))
    return None


def plain_decimal(text: str) -> Number:
    """Read a number that stands in print with nothing beside it, or raise a `DataError`."""
    number = read_number(text) if len(text) <= _LONGEST_PLAIN and set(text) <= _PLAIN else None
    if number is None:
        raise DataError(f"found {shown(text)}, expected a plain decimal number such as -.25 or 3.10")
    return number


def _printed_number(text: str, decimal: str) -> Number | None:
    if len(text) > _LONGEST:
        return None
    bare = plain(text)
    found = _NUMBERS[decimal].fullmatch(bare)
    if found is None:
        return Number(float(bare), 0.0, text) if _INFINITE.fullmatch(bare) else None
    part = found.groupdict()
    opened, closed = part["open"] or "", part["close"] or ""
    if opened + closed not in ("", "()", "[]") or (part["sign"] and part["late"]):
        return None
    body = part["body"].replace(part["group"] or " ", "").replace(decimal, ".")
    sign = part["sign"] or part["late"] or ""
    stars = "".join((part["stars"] + part["more"]).split())
    bound = (part["bound"] or "").replace("\u2264", "<=").replace("\u2265", ">=")
    return Number(
        float(sign + body), _half_unit(body), text, stars, opened, bound, part["percent"] is not None
    )


def _half_unit(digits: str) -> float:
    """Half a unit of the last place of a plain number."""
    body, _, exponent = digits.lower().partition("e")
    decimals = len(body.partition(".")[2])
    if not body.strip("+-").replace(".", "").isdigit():
        return 0.0
    return 0.5 * 10.0 ** min(int(exponent or 0) - decimals, 300)


def shortest(number: float) -> str:
    """Write a number in the fewest decimals that give it back, without a trailing .0."""
    return repr(float(number)).removesuffix(".0")


# --- cells of a printed table: a number with stars, and what stands in brackets behind it

_CHARACTERS = str.maketrans(
    dict.fromkeys("−‐‑‒–—﹣－", "-")
    | dict.fromkeys("\xa0\u2007\u2009\u200a\u202f\u2002\u2003\t", " ")
    | dict.fromkeys("\u200b\u200e\u200f\ufeff")
    | {"\u2217": "*", "\u204e": "*", "\uff0b": "+"}
)
_STAR = r"(?:\\?\*|[+†‡§#¶^])+"
_PRINTED = r"[+-]?\s?(?:\d{1,3}(?: \d{3})+(?!\d| \d)(?:[.,]\d+)?|\d(?:[\d.,']*\d)?\.?|[.,]\d+)(?:[eE][+-]?\d+)?(?:\s?%)?"
_FOOTNOTE = r"(?:\s?n\.?s\.?|\s?\^\{?[a-z]{1,2}\}?|[ᵃᵇᶜᵈᵉ¹²³]+)?"
_CELL = re.compile(
    rf"(?P<number>{_PRINTED})?{_FOOTNOTE}\s*(?P<star>\s*{_STAR})?\s*"
    rf"(?:(?P<open>[(\[{{])(?P<inner>[^()\[\]{{}}]*)[)\]}}]|(?P<plusminus>±)\s*(?P<half>{_PRINTED}))?{_FOOTNOTE}\s*(?P<last>{_STAR})?"
)
# A hyphen after a blank and before a digit is a sign: "-4.1 -0.5" may mean either.
_DASH, _TO = r"\s+-\s+|-\s*", r"\b(?:to|bis|à|a|til|till|tot)\b"
_ENDS = {
    ".": re.compile(rf"({_PRINTED})(?:\s*(?:;|{_TO}|\||,)\s*|{_DASH})({_PRINTED})"),
    ",": re.compile(rf"({_PRINTED})(?:\s*(?:;|,\s|{_TO}|\|)\s*|{_DASH})({_PRINTED})"),
}
# Two numbers with decimals and a blank between them, which no blank in thousands is.
_SPACED = {sign: re.compile(rf"([+-]?\d*\{sign}\d+%?) (\d*\{sign}\d+%?)") for sign in ".,"}
_TOKEN = re.compile(r"(?<![\w.,])[+-]?\d*(?:[.,]\d+)+(?![\w.,])")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
_TWO_WHOLE = re.compile(r"[(\[]\s*([+-]?\d+,\d+)\s*[)\]]")


class Cell(NamedTuple):
    """A printed cell taken apart: its number, stars, kind of bracket (or ±) and what stands inside the brackets."""

    number: str
    star: str
    bracket: str
    inner: str


def plain(text: str) -> str:
    """The cell with one kind of minus, of star and of space; a raised point divides decimals."""
    return re.sub(r"(?<!\w)·(?=\d)|(?<=\d)·(?=\d)", ".", " ".join(text.translate(_CHARACTERS).split()))


def take_apart(text: str) -> Cell | None:
    """Split ``-3.6*** (1.4)``; None where the cell is anything else."""
    match = _CELL.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None or not (match["number"] or match["open"]):
        return None
    stars = [re.sub(r"[\\\s^]", "", star) for star in (match["star"], match["last"]) if star]
    if len(stars) == 2 and all(stars):
        return None
    number = (match["number"] or "").replace(" ", "")
    inner = (match["inner"] or match["half"] or "").strip()
    return Cell(number, "".join(stars), match["open"] or match["plusminus"] or "", inner)


def pair(text: str, decimal: str = ".") -> tuple[str, str] | None:
    """The two ends of an interval such as ``.832 to .893``, ``[-.77, 2.84]`` or ``.24 1.66``, else None, as of ``1,234``."""
    bare = text.strip("()[]{} ")
    if len(bare) > _LONGEST or _THOUSANDS.fullmatch(bare):
        return None
    match = _ENDS[decimal].fullmatch(bare) or _SPACED[decimal].fullmatch(bare)
    if match is None:
        return None
    low, high = match[1].replace(" ", ""), match[2].replace(" ", "")
    return (f"{low}%" if high.endswith("%") and not low.endswith("%") else low), high


def decimal_mark(cells: Sequence[str], label: str, *, semicolons: bool = False) -> str:
    """The decimal mark that the numbers of a printed table use; between semicolons a point may group thousands."""
    tokens = [(token, decimal_of(token)) for cell in cells for token in _TOKEN.findall(cell)]
    points = [token for token, sign in tokens if sign == "." or (sign == "either" and "." in token)]
    commas = [token for token, sign in tokens if sign == ","]
    either = [token for token, sign in tokens if sign == "either" and "," in token]
    # Two whole numbers in brackets may be the ends of an interval: elsewhere a comma must show what it is.
    ends = [text for cell in cells for text in _TWO_WHOLE.findall(cell) if text not in either]
    told = len(commas) > len(ends)
    if commas and points:
        if not told:
            return "."
        raise DataError(
            f"{label}: found {commas[0]!r} and {points[0]!r}, expected one decimal mark (give {option('decimal', '.', ',')})"
        )
    if commas and not told:
        raise DataError(
            f"{label}: {commas[0]!r} in brackets may be {commas[0].replace(',', '.')} or an interval from "
            f"{commas[0].replace(',', ' to ')}; say which ({option('decimal', ',', '.')})"
        )
    grouped = semicolons and not commas and all(decimal_of(token) == "either" for token in points)
    if (either and not points and not commas) or (points and grouped):
        token = (points or either)[0]
        whole, decimal = token.replace(",", "").replace(".", ""), token.replace(",", ".")
        raise DataError(
            f"{label}: {token!r} may be {whole} or {decimal}; say which ({option('decimal', '.', ',')})"
        )
    return "," if commas else "."


def with_point(number: str, decimal: str) -> str:
    """A number without thousands separators, and with a point before its decimals."""
    bare = number.replace("'", "").replace(" ", "")
    return bare.replace(".", "").replace(",", ".") if decimal == "," else bare.replace(",", "")


# --- numbers of which nothing is left to interpret

_STRICT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?P<exponent>[eE][+-]?[0-9]+)?")


def plain_number(text: str, *, exponent: bool = False) -> float | None:
    """The number in a text of digits, sign and point alone, and where allowed an exponent; None where it is anything else."""
    match = _STRICT.fullmatch(text)
    return None if match is None or (match["exponent"] and not exponent) else float(text)


def decimal_of(text: str) -> str:
    """Decimal sign that the number in a text must have: ``"."``, ``","``, ``"either"`` or ``""`` (nothing to see)."""
    if "." not in text and "," not in text:
        return ""
    bare = _GROUPS.sub("", _BARE.sub("", text.strip()))
    if _EITHER.fullmatch(bare):
        return "either"
    if _POINT.fullmatch(bare):
        return "."
    return "," if _COMMA.fullmatch(bare) else ""


@dataclass(frozen=True, eq=False)
class Column:
    """Numbers of one column."""

    values: NDArray[np.float64]  # NaN where a cell is missing or wrong
    missing: NDArray[np.bool_]  # which cells are marked as missing
    percent: NDArray[np.bool_]  # which cells have a per cent sign


@dataclass(eq=False)
class Problems:
    """All that is wrong with a table, grouped by column and kind."""

    label: str  # the table; it opens every message
    _groups: dict[tuple[str, str], list[tuple[Any, object, str]]] = field(default_factory=dict)

    def cell(
        self, row: object, column: str, value: object, expected: str, kind: str = "other values"
    ) -> None:
        """Note one wrong cell; `kind` says in a word or two what the cells of its group hold."""
        self._groups.setdefault((column, kind), []).append((row, value, expected))

    def say(self, sentence: str, column: str = "") -> None:
        """Note a problem in words, which name the table themselves; once each."""
        self._groups.setdefault((column, f"\0{sentence}"), [])

    def concerns(self, column: str) -> bool:
        """Whether anything is wrong with a column."""
        return any(known == column for known, _ in self._groups)

    def __bool__(self) -> bool:
        return bool(self._groups)

    def sentences(self) -> list[str]:
        """One message for each column and kind."""
        return [self._sentence(column, kind, cells) for (column, kind), cells in self._groups.items()]

    def _sentence(self, column: str, kind: str, cells: list[tuple[Any, object, str]]) -> str:
        if kind.startswith("\0"):
            return kind[1:]
        row, value, expected = cells[0]
        if len(cells) == 1:
            return cell_message(file=self.label, row=row, column=column, value=value, expected=expected)
        return (
            f"{self.label}, column {column!r}: holds {kind} in {len(cells):,} rows, "
            f"first row {row}: {str(value)!r}; expected {expected}"
        )

    def check(self) -> None:
        """Raise one `DataError` with every message (the first 20), or do nothing where there is none."""
        told = self.sentences()
        if len(told) == 1:
            raise DataError(told[0])
        lines = [f"- {sentence}" for sentence in told[:_LISTED]]
        if len(told) > _LISTED:
            lines.append(f"and {len(told) - _LISTED} more")
        if told:
            raise DataError("\n".join([f"{self.label}: {len(told)} problems", *lines]))


def read_numbers(
    cells: pd.Series[Any],
    name: str,
    problems: Problems,
    *,
    decimal: str | None = ".",
    marks: frozenset[str] = MISSING,
) -> Column:
    """Read one column as finite numbers, and note every cell that is none."""
    values = _plain_numbers(cells, decimal)
    left = np.flatnonzero(~np.isfinite(values)).tolist()
    missing, percent = np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=bool)
    codes = [number.value for mark in marks if (number := read_number(mark)) is not None]
    if codes:
        missing = np.isin(values, codes)
        values[missing] = np.nan
    read = cache(lambda text: read_number(text, decimal or "."))
    rows, objects = cells.index, cells.to_numpy(dtype=object)
    for i in left:
        cell = objects[i]
        if is_missing(cell, marks):
            missing[i] = True
            continue
        if decimal is None and isinstance(cell, str) and decimal_of(cell) == "either":
            expected = f"one reading; {TWO_READINGS}: give {option('decimal', '.', ',')}"
            problems.cell(rows[i], name, cell, expected, "numbers that can be read in two ways")
            continue
        number = read(cell) if isinstance(cell, str) else read_number(cell)
        if number is None or not number.plain:
            kind = "text" if number is None else "numbers in brackets or bounds"
            problems.cell(rows[i], name, cell, "a number", kind)
        elif not math.isfinite(number.value):
            problems.cell(rows[i], name, cell, "a finite number", "infinite numbers")
        else:
            values[i], percent[i] = number.value, number.percent
    return Column(values, missing, percent)


def _plain_numbers(cells: pd.Series[Any], decimal: str | None) -> NDArray[np.float64]:
    """Numbers in columns of numbers, and those texts that pandas reads fast and in one way only; NaN elsewhere."""
    if cells.dtype != object and cells.dtype.kind in "iufb":
        return cells.to_numpy(dtype=float).copy()
    if decimal == ",":
        return np.full(len(cells), np.nan)
    taken = np.ones(len(cells), dtype=bool)
    if decimal is None or pd.api.types.infer_dtype(cells, skipna=False) != "string":
        one_way = (isinstance(cell, str) and (decimal is not None or "." not in cell) for cell in cells)
        taken = np.fromiter(one_way, dtype=bool, count=len(cells))
    quick = pd.to_numeric(cells if taken.all() else cells.where(taken), errors="coerce")
    return quick.to_numpy(dtype=float).copy()


def indicators(
    what: str, name: str, words: Sequence[str], reference: str, notes: list[str]
) -> dict[str, NDArray[np.float64]]:
    """A column of 0 and 1 for each word but one, NaN where the word is missing; a note says so."""
    known = list(dict.fromkeys(word for word in words if word))
    others = [word for word in known if word != reference]
    if known:
        notes.append(
            f"{what} holds words: {len(others)} of its {len(known)} became columns of 0 and 1, beside {reference!r}."
        )
    return {
        f"{name}: {word}": np.array([float(found == word) if found else np.nan for found in words])
        for word in others
    }


def smallest_half_width(cells: pd.Series[Any], decimal: str | None = ".") -> float:
    """Rounding half-width of the most finely printed number of a column."""
    numbers = (read_number(cell, decimal or ".") for cell in cells)
    return min((n.half_width for n in numbers if n is not None and n.half_width > 0), default=0.5)


def settle_decimal(
    cells: pd.DataFrame, used: Sequence[str], given: str | None, problems: Problems
) -> str | None:
    """Find the decimal sign of a table's texts: the one given, else the only one that its numbers allow."""
    if given is not None:
        return given
    seen: dict[str, tuple[str, str]] = {}
    for name in used:
        _look(cells[name], name, seen)
    if "." in seen and "," in seen:
        point, comma = seen["."], seen[","]
        problems.say(
            f"{problems.label}: found {point[1]!r} in column {point[0]!r} and {comma[1]!r} in column {comma[0]!r}, "
            f"expected one decimal sign; give {option('decimal', '.', ',')}"
        )
        return "."
    if not seen:
        for name in cells.columns:
            if name not in used:
                _look(cells[name], name, seen)
    if len(seen) == 1:
        return next(iter(seen))
    return None


def _look(cells: pd.Series[Any] | pd.DataFrame, name: str, seen: dict[str, tuple[str, str]]) -> None:
    """Note the first cell of a column that proves a decimal sign."""
    if isinstance(cells, pd.DataFrame) or cells.dtype != object:
        return
    texts = [cell for cell in cells if isinstance(cell, str)]
    for mark in (mark for mark in (",", ".") if mark not in seen):
        for cell in (cell for cell in texts if mark in cell and len(cell) < _LONGEST_PLAIN):
            found = decimal_of(cell)
            if found in (".", ","):
                seen.setdefault(found, (name, cell.strip()))
            if found == mark:
                break
    if seen:
        return
    # Whole numbers under 1,000 beside "1,234" leave one reading only: the comma separates thousands.
    grouped = [cell for cell in texts if "," in cell and decimal_of(cell) == "either"]
    if grouped:
        whole = [float(cell) for cell in texts if cell.strip().isdecimal()]
        if whole and max(whole) < 1000:
            seen["."] = (name, grouped[0].strip())


def read_label(cell: object) -> str | None:
    """The name in a cell, None where it holds no name: a code such as 12 is a name; a fraction, a date or a list is not."""
    if isinstance(cell, str):
        text = tidy(cell)
        odd = not text.isprintable() and any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)
        return None if odd else text or None
    if isinstance(cell, int | np.integer) and not isinstance(cell, bool):
        return str(int(cell)) if abs(int(cell)) < 10**18 else None
    return None


def read_labels(
    cells: pd.Series[Any],
    name: str,
    problems: Problems,
    *,
    marks: frozenset[str] = frozenset({""}),
    required: bool = False,
) -> tuple[list[str], NDArray[np.bool_]]:
    """Read one column as names, and where `required` note every empty cell."""
    labels: list[str] = []
    missing = np.zeros(len(cells), dtype=bool)
    known: dict[str, str] = {}
    for i, (row, cell) in enumerate(zip(cells.index, cells, strict=True)):
        if isinstance(cell, str) and cell in known:
            labels.append(known[cell])
            continue
        if is_missing(cell, marks):
            missing[i] = True
            labels.append("")
            if required:
                problems.cell(row, name, "", "a name", "nothing")
            continue
        label = read_label(cell)
        if label is None:
            found = cell if not isinstance(cell, str) else ascii(cell)
            problems.cell(row, name, found, "a name", "no name")
        elif isinstance(cell, str):
            known[cell] = label
        labels.append(label or "")
    return labels, missing
