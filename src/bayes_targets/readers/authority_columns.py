"""Which column of a user's table holds what: the mapping to our names, the controls, the further outcomes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import DataError, did_you_mean

LABELS = ("authority", "authority_type")
NUMBERS = (
    "baseline",
    "outcome",
    "change",
    "target",
    "stretch",
    "baseline_se",
    "outcome_se",
    "n_baseline",
    "n_outcome",
)
# Names that a regression table or the Dataset gives to something else.
_TAKEN = ("target", "stretch", "constant", "authority", "authority_type", "control", "controls")


@dataclass(frozen=True)
class Columns:
    """Where to find what.

    Parameters
    ----------
    ours : mapping of str to str
        Our name to the table's column.
    controls : mapping of str to str
        Name of each control to the table's column.
    further : tuple of str
        Columns that are further outcomes, under their own names.
    shadowed : tuple of str
        Columns that bear one of our names but were set aside, since another one was mapped to it.
    """

    ours: Mapping[str, str]
    controls: Mapping[str, str]
    further: tuple[str, ...]
    shadowed: tuple[str, ...]


def as_names(value: Sequence[str] | None, argument: str) -> tuple[str, ...]:
    """Turn an argument that lists names into a tuple.

    Raises
    ------
    DataError
        If it is one text, not a list, or holds something else than text.

    Examples
    --------
    >>> as_names(["population"], "controls"), as_names(None, "controls")
    (('population',), ())
    """
    if isinstance(value, str):
        raise DataError(f"{argument}: found {value!r}, expected a list of names such as [{value!r}]")
    names = tuple(value or ())
    for name in names:
        if not isinstance(name, str):
            raise DataError(f"{argument}: found {name!r}, expected a list of names")
    return names


def locate_columns(
    found: Sequence[str],
    *,
    columns: Mapping[str, str] | None,
    controls: Sequence[str],
    further: Sequence[str],
    label: str,
) -> tuple[Columns, list[str]]:
    """Find every column that is needed, and say what is missing, misspelt or asked for twice.

    Parameters
    ----------
    found : sequence of str
        The table's columns.
    columns : mapping of str to str, optional
        The table's name to our name.
    controls, further : sequence of str
        Columns by the table's names, or by ours.
    label : str
        The table, for the messages.

    Returns
    -------
    columns : Columns
        As far as they were found.
    problems : list of str

    Examples
    --------
    >>> located, problems = locate_columns(["authority", "kind", "change"], columns={"kind": "authority_typ"},
    ...                                    controls=[], further=[], label="m.csv")
    >>> problems[0]
    "m.csv, columns: 'authority_typ' is not a column of ours; did you mean 'authority_type'?"
    """
    ours, problems = _mapped(found, columns or {}, label)
    shadowed = tuple(name for name in ours if name in found and ours[name] != name)
    control_columns, control_problems = _asked_for(found, ours, controls, "controls", label)
    further_columns, further_problems = _asked_for(found, ours, further, "further_outcomes", label)
    problems += control_problems + further_problems
    problems += [
        f"{label}, further_outcomes: {name!r} is a name of ours, expected a column beside them"
        for name in further_columns
        if name in (*NUMBERS, *_TAKEN)
    ]
    used = {*ours.values(), *control_columns.values(), *further_columns.values()}
    problems += _missing(ours, [name for name in found if name not in used], label)
    return Columns(ours, control_columns, tuple(further_columns), shadowed), problems


def _mapped(found: Sequence[str], columns: Mapping[str, str], label: str) -> tuple[dict[str, str], list[str]]:
    ours: dict[str, str] = {}
    problems = []
    for theirs, name in columns.items():
        if theirs not in found:
            problems.append(
                f"{label}, columns: no column {theirs!r}; {did_you_mean(str(theirs), list(found))}"
            )
        if name not in (*LABELS, *NUMBERS):
            hint = did_you_mean(str(name), [*LABELS, *NUMBERS])
            problems.append(f"{label}, columns: {name!r} is not a column of ours; {hint}")
        elif name in ours:
            problems.append(
                f"{label}, columns: {ours[name]!r} and {theirs!r} both become {name!r}, expected one"
            )
        else:
            ours[name] = theirs
    # A column that is mapped away no longer stands under its own name.
    named = {n: n for n in (*LABELS, *NUMBERS) if n in found and n not in columns and n not in ours}
    return ours | named, problems


def _asked_for(
    found: Sequence[str], ours: Mapping[str, str], names: Sequence[str], argument: str, label: str
) -> tuple[dict[str, str], list[str]]:
    where: dict[str, str] = {}
    problems = []
    for name in names:
        if name in where:
            problems.append(f"{label}, {argument}: {name!r} is listed twice, expected each name once")
        elif name in _TAKEN:
            problems.append(f"{label}, {argument}: {name!r} is a name of ours, expected another name")
        elif name in found:
            where[name] = name
        elif name in ours:
            where[name] = ours[name]
        else:
            problems.append(f"{label}, {argument}: no column {name!r}; {did_you_mean(name, list(found))}")
    return where, problems


def _missing(ours: Mapping[str, str], unused: Sequence[str], label: str) -> list[str]:
    problems = []
    absent = [name for name in (*LABELS, *NUMBERS) if name not in ours]
    for theirs in unused:
        near = difflib.get_close_matches(theirs.casefold(), [*LABELS, *NUMBERS], n=1, cutoff=0.85)
        if near and near[0] in absent:
            problems.append(
                f"{label}, column {theirs!r}: not a column of ours; did you mean {near[0]!r}? "
                f"Then pass columns={{{theirs!r}: {near[0]!r}}}"
            )

    def lacks(name: str, why: str) -> None:
        problems.append(f"{label}, column {name!r}: missing, expected {why}")

    for name in LABELS:
        if name not in ours:
            lacks(name, "it in every table (or mapped by columns)")
    if "change" not in ours and "outcome" not in ours:
        lacks("outcome", "baseline and outcome, or change, or (for a cross-section) outcome alone")
    if "baseline" in ours and "change" not in ours and "outcome" not in ours:
        lacks("change", "outcome or change beside baseline")
    if "stretch" in ours and "target" not in ours:
        lacks("target", "target (0 or 1) beside stretch")
    for part, score in [
        ("baseline_se", "baseline"),
        ("n_baseline", "baseline"),
        ("outcome_se", "outcome"),
        ("n_outcome", "outcome"),
    ]:
        if part in ours and score not in ours:
            lacks(score, f"the score beside {part}")
    return problems
