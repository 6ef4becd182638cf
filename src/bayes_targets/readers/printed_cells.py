"""Cells of a printed table: numbers with stars, brackets and typographic minus signs, and which sign divides decimals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import DataError, option

_CHARACTERS = str.maketrans(
    dict.fromkeys("−‐‑‒–—﹣－", "-")
    | dict.fromkeys("\xa0\u2007\u2009\u200a\u202f\u2002\u2003\t", " ")
    | dict.fromkeys("\u200b\u200e\u200f\ufeff")
    | {"\u2217": "*", "\u204e": "*", "\uff0b": "+"}
)
_STAR = r"(?:\\?\*|[+†‡§#¶^])+"
_NUMBER = r"[+-]?\s?(?:\d[\d.,']*|[.,]\d+)(?:[eE][+-]?\d+)?"
_CELL = re.compile(
    rf"(?P<number>{_NUMBER})?\s*(?P<star>\s*{_STAR})?\s*"
    rf"(?:(?P<open>[(\[{{])(?P<inner>[^()\[\]{{}}]*)[)\]}}])?\s*(?P<last>{_STAR})?"
)
_PAIR = re.compile(rf"({_NUMBER})\s*(?:;|,\s|\bto\b|-|\||,)\s*({_NUMBER})")
_TOKEN = re.compile(r"(?<![\w.,])[+-]?\d*(?:[.,]\d+)+(?![\w.,])")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")


class Cell(NamedTuple):
    """A printed cell taken apart: its number, stars, kind of bracket and what stands inside the brackets."""

    number: str
    star: str
    bracket: str
    inner: str


def plain(text: str) -> str:
    """The cell with one kind of minus, of star and of space."""
    return " ".join(text.translate(_CHARACTERS).split())


def take_apart(text: str) -> Cell | None:
    """Split ``-3.6*** (1.4)``; None where the cell is anything else.

    Examples
    --------
    >>> take_apart("-3.6*** (1.4)"), take_apart("[.3, .9]")
    (Cell(number='-3.6', star='***', bracket='(', inner='1.4'), Cell(number='', star='', bracket='[', inner='.3, .9'))
    """
    match = _CELL.fullmatch(text)
    if match is None or not (match["number"] or match["open"]):
        return None
    stars = [re.sub(r"[\\\s^]", "", star) for star in (match["star"], match["last"]) if star]
    if len(stars) == 2 and all(stars):
        return None
    number = (match["number"] or "").replace(" ", "")
    return Cell(number, "".join(stars), match["open"] or "", (match["inner"] or "").strip())


def pair(text: str) -> tuple[str, str] | None:
    """The two ends of an interval such as ``.832 to .893`` or ``[-.77, 2.84]``; None for anything else."""
    match = _PAIR.fullmatch(text.strip("()[]{} "))
    return (match[1].replace(" ", ""), match[2].replace(" ", "")) if match else None


def decimal_mark(cells: Iterable[str], label: str) -> str:
    """The decimal mark that the numbers of a table use."""
    points, commas, either = [], [], []
    for cell in cells:
        for token in _TOKEN.findall(cell):
            if "," not in token:
                points.append(token)
            elif _THOUSANDS.fullmatch(token):
                either.append(token)
            elif token.count(",") == 1 and "." not in token:
                commas.append(token)
    if commas and points:
        raise DataError(
            f"{label}: found {commas[0]!r} and {points[0]!r}, expected one decimal mark (give {option('decimal', '.', ',')})"
        )
    if either and not points:
        raise DataError(
            f"{label}: {either[0]!r} may be {either[0].replace(',', '')} or {either[0].replace(',', '.')}; "
            f"say which ({option('decimal', '.', ',')})"
        )
    return "," if commas else "."


def with_point(number: str, decimal: str) -> str:
    """A number without thousands separators, and with a point before its decimals.

    Examples
    --------
    >>> with_point("-1.234,5", ","), with_point("1,234", ".")
    ('-1234.5', '1234')
    """
    if decimal == ",":
        return number.replace(".", "").replace("'", "").replace(",", ".")
    return number.replace(",", "").replace("'", "")
