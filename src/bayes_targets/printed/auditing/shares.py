"""Checks on survey shares: exhaustive answers, and shares that whole respondents can give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import pandas as pd

from ...errors import DataError, did_you_mean
from .findings import (
    Check,
    Tables,
    count_cell,
    either,
    file_of,
    locator_of,
    optional_text,
    printed_cell,
    require_columns,
    row_locator,
    text_cell,
)
from .percentages import check_shares_of_100, count_words, possible_counts, told_box


@dataclass(frozen=True)
class Share:
    """One printed percentage, and the exact box of values it stands for."""

    name: str
    question: str
    text: str
    box: tuple[Fraction, Fraction]
    base: int | None
    locator: str


def read_shares(name: str, table: pd.DataFrame) -> list[Share]:
    """Read the printed shares of a table with role ``"shares"``.

    Parameters
    ----------
    name : str
        Name of the table in its study.
    table : DataFrame
        Columns ``question`` and ``share`` (printed, a percentage); optionally ``id``, ``base`` (number of
        answers, blank where it is not printed), ``locator``, ``as_printed`` (words for it), ``half_width``
        (percentage points, where the share is told more coarsely than its digits), ``relation``
        (``"above"`` or ``"below"`` for a share of which only a limit is told).

    Returns
    -------
    list of Share
        Rows without a printed share are left out.
    """
    require_columns(name, table, ["question"], ["share"])
    shares = []
    for row in range(len(table)):
        printed = printed_cell(name, table, "share", row)
        if printed is None:
            continue
        question = text_cell(table, "question", row)
        shares.append(
            Share(
                name=optional_text(table, "id", row) or question,
                question=question,
                text=printed.text,
                box=told_box(name, table, row, printed),
                base=count_cell(name, table, "base", row) if "base" in table.columns else None,
                locator=row_locator(name, table, row, optional_text(table, "id", row) or question),
            )
        )
    return shares


def check_shares(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"shares"``.

    Parameters
    ----------
    name : str
        Name of the table.
    tables : mapping of str to DataFrame
        See `read_shares`; attrs ``exhaustive``: the questions whose answers are all there and exclude one
        another.

    Returns
    -------
    list of Check
    """
    table = tables[name]
    shares = read_shares(name, table)
    checks = []
    for share in shares:
        if share.base:
            counts = possible_counts(share.box, share.base, of=100)
            recomputed = f"{count_words(counts)} of {share.base} gives this share"
            checks.append(
                Check(
                    "share is possible with its base",
                    share.locator,
                    f"{share.text}% of {share.base}",
                    recomputed,
                    either(bool(counts)),
                )
            )
    for question in _exhaustive(name, table, shares):
        parts = [share for share in shares if share.question == question]
        asked = [text_cell(table, "question", row) for row in range(len(table))].count(question)
        if len(parts) == asked:
            checks.append(_check_exhaustive(name, table, question, parts))
    return checks


def _check_exhaustive(name: str, table: pd.DataFrame, question: str, parts: Sequence[Share]) -> Check:
    places = {share.locator.removesuffix(f", {share.name}") for share in parts}
    where = f"{places.pop()}, {question}" if len(places) == 1 else locator_of(name, table, question)
    texts, boxes = [share.text for share in parts], [share.box for share in parts]
    return check_shares_of_100("shares of all answers add up to 100", where, texts, boxes)


def _exhaustive(name: str, table: pd.DataFrame, shares: Sequence[Share]) -> list[str]:
    stated = [str(question) for question in table.attrs.get("exhaustive") or []]
    questions = sorted({share.question for share in shares})
    for question in stated:
        if question not in questions:
            raise DataError(
                f"{file_of(name, table)}, property 'exhaustive': found {question!r}, "
                f"expected a question of the table; {did_you_mean(question, questions)}"
            )
    return stated
