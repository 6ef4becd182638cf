"""Published claims: each with the quantity that decides it, read and checked before anything is fitted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..errors import DataError, did_you_mean, require_number, shown

CLAIM_COLUMNS = (
    "id",
    "claim",
    "locator",
    "estimand",
    "direction",
    "threshold",
    "threshold_high",
    "published",
    "true_if",
)
DIRECTIONS = ("above", "below", "within", "none")
FUNCTIONS = ("max_abs", "max", "min")
_LONGEST = 10_000
_HEAD = re.compile(rf"\s*+(?:({'|'.join(FUNCTIONS)})\s*+\()?\s*+([\w.]++)\s*+:\s*+(\w++)\s*+")
_LABEL = re.compile(r'\s*+(?:"((?:[^"]|"")*+)"\s*+|([^";\]][^;\]]*+|))([;\]])')
_CLOSING = re.compile(r"\s*\)")


@dataclass(frozen=True)
class Reference:
    """A variable of one posterior, at some of its labels, perhaps reduced by a function."""

    posterior: str  # names
    variable: str
    labels: tuple[str, ...] = ()  # labels along the variable's one dim; none for a scalar
    function: str = ""  # one of FUNCTIONS, or the empty string


@dataclass(frozen=True)
class Estimand:
    """A reference, or the difference of two; `text` as it was written."""

    text: str
    first: Reference
    second: Reference | None = None

    @property
    def posteriors(self) -> tuple[str, ...]:
        """Names of the posteriors that it needs, in order."""
        both = (self.first,) if self.second is None else (self.first, self.second)
        return tuple(dict.fromkeys(reference.posterior for reference in both))


@dataclass(frozen=True)
class Claim:
    """One published claim."""

    # As in the table: a name, the claim in our words, the printed reading, and what would make it true
    id: str
    claim: str
    published: str
    true_if: str
    estimand: Estimand | None  # the quantity that decides it; None where the tables cannot
    direction: str  # where the estimand must lie
    low: float = math.nan  # the threshold, and the upper one of "within"; NaN where there is none
    high: float = math.nan

    @property
    def condition(self) -> str:
        """The estimand with its threshold, as text."""
        if self.estimand is None:
            return ""
        if self.direction == "within":
            return f"{self.estimand.text} between {self.low:g} and {self.high:g}"
        return f"{self.estimand.text} {self.direction} {self.low:g}"


def read_claims(claims: pd.DataFrame, file: str = "claims") -> list[Claim]:
    """Read a table of claims, and refuse what could not be judged as it was meant."""
    missing = [column for column in CLAIM_COLUMNS if column not in claims.columns]
    if missing:
        raise DataError(f"{file}: found no column {missing[0]!r}, expected {', '.join(CLAIM_COLUMNS)}")
    found: dict[str, Claim] = {}
    for number, row in enumerate(claims.to_dict("records"), start=1):
        claim = _read_claim({str(key): value for key, value in row.items()}, f"{file}, row {number}", file)
        if claim.id in found:
            raise DataError(
                f"{file}, row {number}: the claim {shown(claim.id)} stands twice, expected each id once"
            )
        found[claim.id] = claim
    return list(found.values())


def parse_estimand(text: str) -> Estimand:
    """Read an estimand: a reference, or the difference of two."""
    if len(text) > _LONGEST:
        raise DataError(
            f"estimand {shown(text)} is {len(text):,} characters long, expected at most {_LONGEST:,}"
        )
    first, at = _reference(text, 0)
    rest = text[at:].strip()
    if not rest:
        return Estimand(text.strip(), first)
    if not rest.startswith("-"):
        raise _unreadable(text)
    second, end = _reference(text, text.index("-", at) + 1)
    if text[end:].strip():
        raise _unreadable(text)
    return Estimand(text.strip(), first, second)


def _read_claim(row: Mapping[str, Any], place: str, file: str) -> Claim:
    name = _text(row["id"])
    if not name:
        raise DataError(f"{place}: the id is blank, expected a name for the claim")
    where = f"{file}, claim {shown(name)}"
    direction, text = _text(row["direction"]), _text(row["estimand"])
    if direction not in DIRECTIONS:
        raise DataError(
            f"{where}: direction is {shown(direction)}, {did_you_mean(direction, list(DIRECTIONS))}"
        )
    head = (name, _text(row["claim"]), _text(row["published"]), _text(row["true_if"]))
    if direction == "none":
        return Claim(*head, None, direction)
    if not text:
        raise DataError(
            f"{where}: the estimand is blank, expected one for the direction {direction!r}, or 'none'"
        )
    try:
        estimand = parse_estimand(text)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    low = _threshold(row["threshold"], "threshold", where, direction)
    if direction != "within":
        if not _blank(row["threshold_high"]):
            raise DataError(
                f"{where}: threshold_high is {shown(row['threshold_high'])}, expected a blank for the direction {direction!r}"
            )
        return Claim(*head, estimand, direction, low)
    high = _threshold(row["threshold_high"], "threshold_high", where, direction)
    if not low < high:
        raise DataError(
            f"{where}: within {low:g} to {high:g} holds no number, expected the lower threshold first"
        )
    return Claim(*head, estimand, direction, low, high)


def _threshold(value: object, column: str, where: str, direction: str) -> float:
    if _blank(value):
        raise DataError(f"{where}: {column} is blank, expected a number for the direction {direction!r}")
    return require_number(f"{where}: {column}", value)


def _blank(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and (bool(pd.isna(value)) or value == "")


def _text(value: Any) -> str:
    return "" if _blank(value) else str(value).strip()


def _reference(text: str, at: int) -> tuple[Reference, int]:
    """The reference that begins at a place, and the place behind it."""
    head = _HEAD.match(text, at)
    if head is None:
        raise _unreadable(text)
    function, posterior, variable = head.groups("")
    labels, at = [], head.end()
    sign, at = (";", at + 1) if text[at : at + 1] == "[" else ("", at)
    while sign == ";":
        label = _LABEL.match(text, at)
        if label is None:
            raise _unreadable(text)
        quoted, plain, sign = label.groups()
        labels.append(plain.strip() if quoted is None else quoted.replace('""', '"'))
        at = label.end()
    if function:
        closing = _CLOSING.match(text, at)
        if closing is None:
            raise _unreadable(text)
        at = closing.end()
    return Reference(posterior, variable, tuple(labels), function), at


def _unreadable(text: str) -> DataError:
    return DataError(
        f"estimand {shown(text)} cannot be read, expected posterior:variable[label], optionally inside max_abs(), max() or "
        "min(), or a difference of two such"
    )
