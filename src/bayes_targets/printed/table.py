"""A table that is to be audited: its cells and properties, where its figures stand, and the errors that name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import pandas as pd

from ..errors import DataError, did_you_mean, wrong_cell
from ..readers.cells import Number, plain_decimal
from ..readers.schema import check_role, file_of

MOST_CASES = 10**15

Tables = Mapping[str, pd.DataFrame]


class HasTables(Protocol):
    """What the audit needs of a study: its name, and its tables by name."""

    @property
    def name(self) -> str:
        """Name of the study."""

    @property
    def tables(self) -> Tables:
        """Its tables by name, each with its role and source in attrs."""


def tables_of(study: object) -> Tables:
    """The tables of a study."""
    tables = getattr(study, "tables", None)
    if not isinstance(tables, Mapping):
        raise DataError(f"study: found {type(study).__name__}, expected a Study, from load_study")
    return tables


@dataclass(frozen=True)
class Printed:
    """A table of a study as printed."""

    name: str
    frame: pd.DataFrame

    @classmethod
    def checked(cls, name: str, tables: Tables) -> Printed:
        """A table of a study, which has what its role needs."""
        check_role(name, tables[name])
        return cls(name, tables[name])

    @property
    def file(self) -> str:
        """What messages call it: its file, or its name where it came from none."""
        return file_of(self.name, self.frame)

    @property
    def rows(self) -> range:
        """Places of its rows."""
        return range(len(self.frame))

    def attr(self, key: str, default: Any = None) -> Any:
        """A property as it was stated."""
        return self.frame.attrs.get(key, default)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An optional property that holds names and values; empty where it is not there."""
        value = self.attr(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.wrong_property(key, value, "names and values")
        return value

    def listed(self, key: str) -> list[Any]:
        """An optional property that holds a list; empty where it is not there."""
        value = self.attr(key) or []
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise self.wrong_property(key, value, "a list")
        return list(value)

    def wrong_property(self, key: str, found: object, expected: str, *, of: str | None = None) -> DataError:
        """The error that names a property (and which part of it), what it holds and what was expected."""
        part = "" if of is None else f", {of!r}"
        return DataError(f"{self.file}, property {key!r}{part}: found {found!r}, expected {expected}")

    def require_known(self, key: str, named: Iterable[object], known: Sequence[object], what: str) -> None:
        """Raise unless all that a property names is known."""
        for name in named:
            if name not in known:
                hint = did_you_mean(str(name), [str(one) for one in known])
                raise self.wrong_property(key, name, f"{what}; {hint}")

    # ---- cells

    def text(self, column: str, row: int) -> str:
        """A cell as text; empty where it is blank, or where there is no such column."""
        if column not in self.frame.columns:
            return ""
        value = self.frame[column].iloc[row]
        return "" if pd.isna(value) else str(value).strip()

    def texts(self, column: str) -> list[str]:
        """All cells of a column as text."""
        return [self.text(column, row) for row in self.rows]

    def number(self, column: str, row: int) -> Number | None:
        """A cell as printed, with its rounding; `None` where nothing is printed."""
        text = self.text(f"{column}_printed", row)
        if not text:
            return None
        try:
            return plain_decimal(text)
        except DataError:
            expected = "a plain decimal number such as -.25 or 3.10"
            raise self.wrong_cell(row, column, text, expected) from None

    def count(self, column: str, row: int) -> int | None:
        """A cell that counts something: a whole number of at least 0, or `None` where nothing is printed."""
        value = self.frame[column].iloc[row] if column in self.frame.columns else None
        if pd.isna(value):
            return None
        try:
            number = Fraction(str(value))
        except (ValueError, OverflowError):
            number = Fraction(-1)
        if number.denominator != 1 or not 0 <= number < MOST_CASES:
            raise self.wrong_cell(row, column, value, "a whole number of at least 0")
        return int(number)

    def wrong_cell(self, row: int, column: str, value: object, expected: str) -> DataError:
        """The error that names a cell, what it holds and what was expected."""
        return wrong_cell(self.file, row + 1, column, value, expected)

    # ---- places in print

    def where(self, part: str = "") -> str:
        """Where the figures stand in print, e.g. ``"Table 2, Model 3, London borough"``."""
        return _place(str(self.attr("locator") or self.name), part)

    def where_row(self, row: int, part: str = "") -> str:
        """Where the figures of one row stand: its own cell `locator` where there is one, else the table's."""
        own = self.text("locator", row)
        return _place(own, part) if own else self.where(part)


def _place(place: str, part: str) -> str:
    return f"{place}, {part}" if part else place
