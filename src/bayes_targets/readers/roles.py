"""What a table must hold for the role that a data package gives it, for sealing and for the audit alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ..errors import DataError, cell_message, did_you_mean
from .claims import CLAIM_COLUMNS, read_claims


@dataclass(frozen=True)
class Role:
    """What a role needs.

    Attributes
    ----------
    columns : tuple of str
        Columns that must be there.
    printed : tuple of str
        Columns that must be there together with ``<column>_printed``, the text as printed: without it the rounding is unknown.
    properties : mapping of str to str
        Properties in ``bayes_targets`` that must be there, and what they mean.
    """

    columns: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


ROLES: Mapping[str, Role] = {
    "descriptives": Role(("variable",), ("mean", "min", "max", "sd")),
    "regression": Role(("model", "term"), ("estimate", "se")),
    "regression_fit": Role(("model", "n"), ("f", "r2"), {"regression": "name of the table of coefficients"}),
    "counts": Role(
        properties={
            "label": "the column of the lines' names",
            "statuses": "the list of count columns",
            "total": "the column of the printed totals",
        }
    ),
    "shares": Role(("question",), ("share",)),
    "bases": Role(("id", "what", "unit"), ("value",)),
    "claims": Role(CLAIM_COLUMNS),
}


def check_role(name: str, table: pd.DataFrame) -> None:
    """Raise unless a table holds what its role needs; a table without a known role may hold anything.

    Examples
    --------
    >>> table = pd.DataFrame({"question": ["a"]})
    >>> table.attrs["role"] = "shares"
    >>> check_role("survey", table)
    Traceback (most recent call last):
    bayes_targets.errors.DataError: survey, column 'share': expected this column, which the role 'shares' needs; known: 'question'
    """
    role = ROLES.get(str(table.attrs.get("role")))
    if role is None:
        return
    for key, meaning in role.properties.items():
        require_property(name, table, key, meaning)
    # Stars say something only where their levels are stated.
    starred = ("star",) if table.attrs["role"] == "regression" and table.attrs.get("significance") else ()
    require_columns(name, table, (*role.columns, *starred), role.printed)
    if table.attrs["role"] == "claims":
        read_claims(table, file_of(name, table))


def file_of(name: str, table: pd.DataFrame) -> str:
    """File name for messages, or the table's name where it came from no file."""
    return str(table.attrs.get("file") or name)


def require_columns(
    name: str, table: pd.DataFrame, plain: Sequence[str], printed: Sequence[str] = ()
) -> None:
    """Raise one clear `DataError` unless columns are there, those of `printed` with their text as printed."""
    role = table.attrs.get("role")
    for column in (*plain, *printed):
        if column not in table.columns:
            hint = did_you_mean(column, [str(c) for c in table.columns])
            expected = f"this column, which the role {role!r} needs; {hint}"
            raise DataError(cell_message(file=file_of(name, table), column=column, expected=expected))
    for column in printed:
        if f"{column}_printed" not in table.columns:
            expected = f'this column, the text of {column!r} as printed (mark the field "printed": true)'
            raise DataError(
                cell_message(file=file_of(name, table), column=f"{column}_printed", expected=expected)
            )


def require_property(name: str, table: pd.DataFrame, key: str, meaning: str) -> object:
    """Look up a property (in attrs) that the role needs, or raise one clear `DataError`."""
    if table.attrs.get(key) is None:
        role = table.attrs.get("role")
        raise DataError(
            f"{file_of(name, table)}: expected the property {key!r} ({meaning}), "
            f"which the role {role!r} needs"
        )
    return table.attrs[key]
