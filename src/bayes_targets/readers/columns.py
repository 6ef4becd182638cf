"""Which column of a user's table holds what: the mapping to our names, the user's own words, and a guess where a name lacks."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, takewhile
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, counted, did_you_mean, option, option_name, quoted
from .cells import MISSING, Problems, cell_text, is_missing, read_number
from .table import RawTable
from .units import long_form, ordered_periods

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
FLAGS = {
    **dict.fromkeys(
        ["1", "1.0", "yes", "y", "true", "t", "ja", "oui", "si", "sí", "sì", "sim", "kyllä"], 1.0
    ),
    **dict.fromkeys(
        ["0", "0.0", "no", "n", "false", "f", "nein", "non", "nej", "nei", "nee", "não", "ei"], 0.0
    ),
}
"""Texts that mean that there is a target, or none."""


@dataclass(frozen=True)
class Columns:
    """Where to find what."""

    ours: dict[str, str]  # our name to the table's column
    controls: dict[str, str]  # name of each control to the table's column
    further: tuple[str, ...]  # columns that are further outcomes, under their own names
    # Columns that bear one of our names but were set aside, since another one was mapped to it
    shadowed: tuple[str, ...]

    def used(self) -> list[str]:
        """All columns of the table that are read."""
        return list(dict.fromkeys([*self.ours.values(), *self.controls.values(), *self.further]))


def as_names(value: Any, argument: str) -> tuple[str, ...]:
    """Turn an argument that lists names into a tuple."""
    if value is None:
        return ()
    if isinstance(value, str):
        raise DataError(f"{argument}: found {value!r}, expected a list of names such as [{value!r}]")
    is_list = isinstance(value, Sequence | np.ndarray | pd.Index | pd.Series) and not isinstance(value, bytes)
    names: tuple[Any, ...] = tuple(value) if is_list else (value,)
    for name in names:
        if not isinstance(name, str):
            raise DataError(f"{argument}: found {name!r}, expected a list of names")
    return tuple(map(str, names))


def as_mapping(value: object, argument: str) -> dict[str, str]:
    """Turn an argument that maps names to names into a dict."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DataError(f"{argument}: found {value!r}, expected a dict of names such as {{'Region': 'type'}}")
    for theirs, ours in value.items():
        if not isinstance(theirs, str) or not isinstance(ours, str):
            raise DataError(f"{argument}: found {theirs!r}: {ours!r}, expected names as text")
    return {str(theirs): str(ours) for theirs, ours in value.items()}


def listed(text: str) -> list[str]:
    """The items of a header line such as ``# controls: age, deprivation``."""
    return [item.strip() for item in re.split(r"[,;]", text) if item.strip()]


def mapped(text: str) -> dict[str, str]:
    """The pairs of a header line such as ``# columns: Region=authority_type, FT=target``; the last = divides."""
    pairs = (item.rpartition("=") for item in listed(text))
    return {theirs.strip(): ours.strip() for theirs, _, ours in pairs if theirs.strip()}


def with_header(given: object, header: Mapping[str, str], key: str) -> Any:
    """An option as given, else what a line of the file's header says."""
    return given if given is not None else header.get(key) or None


def locate_columns(
    found: Sequence[str],
    *,
    columns: Mapping[str, str],
    controls: Sequence[str],
    further: Sequence[str],
    problems: Problems,
) -> Columns:
    """Find every column that is needed, and say what is missing, misspelt or asked for twice."""
    label = problems.label
    ours = _mapped(found, columns, problems)
    shadowed = tuple(name for name in ours if name in found and ours[name] != name)
    control_columns = _asked_for(found, ours, controls, "controls", problems)
    further_columns = _asked_for(found, ours, further, "further_outcomes", problems)
    for name in further_columns:
        if name in (*NUMBERS, *_TAKEN):
            problems.say(
                f"{label}, further_outcomes: {name!r} is a name of ours, expected a column beside them"
            )
    return Columns(ours, control_columns, tuple(further_columns), shadowed)


def _mapped(found: Sequence[str], columns: Mapping[str, str], problems: Problems) -> dict[str, str]:
    ours: dict[str, str] = {}
    label = problems.label
    for theirs, name in columns.items():
        if theirs not in found:
            problems.say(f"{label}, columns: no column {theirs!r}; {did_you_mean(theirs, found)}")
        if name not in (*LABELS, *NUMBERS):
            hint = did_you_mean(name, [*LABELS, *NUMBERS])
            problems.say(f"{label}, columns: {name!r} is not a column of ours; {hint}")
        elif name in ours:
            problems.say(
                f"{label}, columns: {ours[name]!r} and {theirs!r} both become {name!r}, expected one"
            )
        else:
            ours[name] = theirs
    # A column that is mapped away is no longer read under its own name.
    away = {theirs for theirs, name in columns.items() if name in (*LABELS, *NUMBERS)}
    named = {n: n for n in (*LABELS, *NUMBERS) if n in found and n not in away and n not in ours}
    return ours | named


def _asked_for(
    found: Sequence[str], ours: Mapping[str, str], names: Sequence[str], argument: str, problems: Problems
) -> dict[str, str]:
    where: dict[str, str] = {}
    label = problems.label
    for name in names:
        if name in where:
            problems.say(f"{label}, {argument}: {name!r} is listed twice, expected each name once")
        elif name in _TAKEN:
            problems.say(f"{label}, {argument}: {name!r} is a name of ours, expected another name")
        elif name in found:
            where[name] = name
        elif name in ours:
            where[name] = ours[name]
        else:
            problems.say(f"{label}, {argument}: no column {name!r}; {did_you_mean(name, found)}")
    return where


def named_by_content(located: Columns, cells: pd.DataFrame, notes: list[str]) -> None:
    """Take the names of the units from a column of different words, where they are all that is missing; a note says so."""
    ours = located.ours
    if "authority" in ours or "authority_type" not in ours or not {"outcome", "change"} & ours.keys():
        return
    unused = [str(name) for name in cells.columns if name and name not in located.used()]
    for theirs, name in _guessed(cells, unused, ours).items():
        if name == "authority":
            ours[name] = theirs
            notes.append(f"Names are read from column {theirs!r}, which holds another one in each row.")


def missing_columns(located: Columns, cells: pd.DataFrame, problems: Problems) -> None:
    """Say which columns are missing, which ones nearly bear our names, and what could be mapped to what."""
    ours, label = located.ours, problems.label
    used = set(located.used())
    unused = [str(name) for name in cells.columns if name and name not in used]
    absent = [name for name in (*LABELS, *NUMBERS) if name not in ours]
    for theirs in unused:
        near = difflib.get_close_matches(theirs.casefold(), [*LABELS, *NUMBERS], n=1, cutoff=0.85)
        if near and near[0] in absent:
            problems.say(
                f"{label}, column {theirs!r}: not a column of ours; did you mean {near[0]!r}? "
                f"Then give {option('columns', {theirs: near[0]})}"
            )
    lacking = [(name, "it in every table (or mapped by columns)") for name in LABELS if name not in ours]
    if not {"change", "outcome"} & ours.keys():
        lacking.append(("outcome", "baseline and outcome, or change, or (for a cross-section) outcome alone"))
        if "baseline" in ours:
            lacking.append(("change", "outcome or change beside baseline"))
    if "stretch" in ours and "target" not in ours:
        lacking.append(("target", "target (0 or 1) beside stretch"))
    lacking += [
        (score, f"the score beside {part}")
        for score in ("baseline", "outcome")
        for part in (f"{score}_se", f"n_{score}")
        if part in ours and score not in ours
    ]
    for name, why in lacking:
        problems.say(f"{label}, column {name!r}: missing, expected {why}")
    if lacking and unused:
        problems.say(_columns_side_by_side(cells, unused, ours, label))


def _columns_side_by_side(
    cells: pd.DataFrame, unused: Sequence[str], ours: Mapping[str, str], label: str
) -> str:
    sentence = f"{label}: found the columns {quoted(unused, 20)}"
    guesses = _guessed(cells, unused, ours)
    long = "" if "authority" in {*ours, *guesses.values()} else _guessed_long(cells, unused)
    if long:
        return f"{sentence}; it {long}"
    if guesses:
        sentence += f"; if they are what they look like, give {option('columns', guesses)}"
    if not {"outcome", "change"} & {*ours, *guesses.values()}:
        sentence += "; name the column of the score too, as in COLUMN=outcome, and the one of the score before, COLUMN=baseline"
    return sentence


def _guessed_long(cells: pd.DataFrame, unused: Sequence[str]) -> str:
    """How to read a table in which the names of units occur once in each period, where this looks like one."""
    sample = cells.iloc[:5000]
    texts = {name: [cell_text(cell) for cell in sample[name]] for name in unused}
    for column in sorted(unused, key=lambda name: -len(set(texts[name]))):
        if all(read_number(text) is None for text in texts[column]):
            found = long_form(texts[column], sample, column)
            if found:
                columns = option("columns", {column: "authority", "COLUMN": "outcome"})
                return f"{found}; and give {columns}, where COLUMN holds the score"
    return ""


def _guessed(cells: pd.DataFrame, unused: Sequence[str], ours: Mapping[str, str]) -> dict[str, str]:
    """A guess which columns hold names, types, a target and scores, by what is in them."""
    names, types, flags, scores = [], [], [], []
    sample = cells.iloc[:2000]
    for column in unused:
        texts = [cell_text(cell) for cell in sample[column] if not is_missing(cell, MISSING)]
        distinct = len(set(texts))
        if distinct < 2:
            continue
        if {text.casefold() for text in texts} <= FLAGS.keys():
            flags.append(column)
        elif all(read_number(text) is not None or read_number(text, ",") is not None for text in texts):
            scores.append(column)
        elif distinct == len(texts):
            names.append(column)
        elif distinct <= max(2, len(texts) // 3):
            types.append(column)
    # Names are of more use to a reader than codes, which have digits or capitals only.
    names.sort(key=lambda column: np.mean([_is_code(cell_text(c)) for c in sample[column].iloc[:50]]) > 0.5)
    wanted = {"authority": names, "authority_type": types, "target": flags}
    guesses = {found[0]: name for name, found in wanted.items() if name not in ours and found}
    if not {"outcome", "change", "baseline"} & ours.keys():
        # Two scores of one thing have names that differ by a number only, such as a year.
        alike = (
            pair for pair in combinations(scores, 2) if len({re.sub(r"\d+", "#", name) for name in pair}) == 1
        )
        guesses |= dict(zip(next(alike, ()), ("baseline", "outcome"), strict=False))
        named = {column.casefold(): column for column in scores}
        if "before" in named and "after" in named:
            guesses |= {named["before"]: "baseline", named["after"]: "outcome"}
    return guesses


def _is_code(text: str) -> bool:
    return " " not in text and (text.isupper() or any(letter.isdigit() for letter in text))


# --- the user's own words

_WORDS = {
    "unit": "unit_word",
    "type": "type_word",
    "outcome": "outcome_words",
    "outcome_unit": "outcome_unit",
    "target": "target_words",
    "before": "before_words",
    "after": "after_words",
}


def own_words(given: object, header: Mapping[str, str]) -> dict[str, str]:
    """What the user calls things, by the name of the Dataset's attribute; lines of the file's header count too."""
    words = {
        attribute: header[key]
        for name, attribute in _WORDS.items()
        for key in (name, name.replace("_", " "))
        if name not in ("before", "after") and header.get(key)
    }
    for name, word in as_mapping(given, "words").items():
        key = name.strip().casefold().replace(" ", "_")
        if key not in _WORDS:
            raise DataError(f"words: {name!r} is not among the words; {did_you_mean(key, _WORDS)}")
        words[_WORDS[key]] = word.strip()
    return words


def plain_word(column: str | None, default: str) -> str:
    """A column's name as a word of prose, or a default where it is a code or abbreviation."""
    if column is None:
        return default
    words = re.sub(r"[\s_.]+", " ", re.sub(r"\[.*?\]|\(.*?\)", "", column)).strip()
    words = re.sub(r"\b(names?|labels?)$", "", words, flags=re.IGNORECASE).strip()
    if re.search(r"\b(?:codes?|ids?)$", words, re.IGNORECASE) or not re.fullmatch(
        r"[^\W\d_]{3,}(?: [^\W\d_]+){0,3}", words
    ):
        return default
    return words if words.isupper() else words.lower()


def common_words(before: str | None, after: str | None) -> str:
    """The words with which two names of scores begin, without years."""
    if before is None or after is None:
        return ""
    pairs = zip(re.split(r"[\s_]+", before), re.split(r"[\s_]+", after), strict=False)
    alike = takewhile(lambda pair: pair[0].casefold() == pair[1].casefold(), pairs)
    return " ".join(word for word, _ in alike)


# --- long form: one row per unit and period becomes one row per unit


def pivoted(
    table: RawTable,
    located: Columns,
    period: object,
    before: object,
    after: object,
    problems: Problems,
    notes: list[str],
) -> tuple[pd.DataFrame, Columns, dict[str, str]]:
    """A table with one row per unit and period becomes one with one row per unit, and its columns are located anew."""
    cells, ours = table.cells, located.ours
    _check_long_form(cells, ours, period, table.label)
    unit, time = ours["authority"], str(period)
    names, times = _texts(cells[unit]), _texts(cells[time])
    chosen = _two_periods(times, time, before, after, table.label, notes)
    first, last = (_rows_of(cells, unit, names, times, when, problems) for when in chosen)
    order = [name for name in dict.fromkeys(names) if name and (name in first.index or name in last.index)]
    wide = last.reindex(order)
    wide[unit] = order
    # What describes a unit is taken from the period before, so that no control is a consequence of the target.
    for column in dict.fromkeys([*located.controls.values(), ours.get("authority_type", "")]):
        if column not in ("", ours["outcome"], time):
            earlier = first[column].reindex(order)
            both = earlier.notna() & wide[column].notna()
            differ = int((earlier[both].map(cell_text) != wide[column][both].map(cell_text)).sum())
            if differ:
                notes.append(
                    f"Column {column!r} differs between the periods for {differ:,} units; its value of {chosen[0]!r} was used."
                )
            wide[column] = earlier.where(earlier.notna(), wide[column])
    moved = dict(ours)
    for after_name in ("outcome", "outcome_se", "n_outcome"):
        if after_name in ours:
            column, before_name = ours[after_name], after_name.replace("outcome", "baseline")
            moved[before_name], moved[after_name] = (f"{column} ({when})" for when in chosen)
            wide[moved[after_name]] = wide[column]
            wide[moved[before_name]] = first[column].reindex(order)
    wide = wide.astype(object).where(wide.notna(), None)
    first_rows = {name: row for row, name in reversed(list(names.items()))}
    wide.index = pd.Index([first_rows[name] for name in order])
    others = len(set(times) - {"", *chosen})
    if others:
        notes.append(f"Rows of {counted(others, 'other period')} in column {time!r} were left out.")
    shown = {"before_words": chosen[0], "after_words": chosen[1], "outcome_words": ours["outcome"]}
    return wide, replace(located, ours=moved), shown


def _texts(cells: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series([cell_text(cell) for cell in cells], index=cells.index, dtype=object)


def _check_long_form(cells: pd.DataFrame, ours: Mapping[str, str], period: object, label: str) -> None:
    """Refuse a table that has no such column of periods, or a column for each of them."""
    found = [str(column) for column in cells.columns]
    if not isinstance(period, str) or period not in found:
        raise DataError(f"{label}, period: no column {period!r}; {did_you_mean(str(period), found)}")
    if "authority" not in ours or "outcome" not in ours or "baseline" in ours:
        raise DataError(
            f"{label}: with a period, expected the columns 'authority' and 'outcome' (the score of either period) and no "
            f"'baseline'; found the columns {quoted(found)}; give {option('columns', {'COLUMN': 'outcome'})}"
        )


def _two_periods(
    times: pd.Series[Any], column: str, before: object, after: object, label: str, notes: list[str]
) -> list[str]:
    """The periods before and after: as given, or the only two that there are."""
    known = ordered_periods(set(times[times != ""]))
    chosen = ["" if given is None else cell_text(given) for given in (before, after)]
    if chosen == ["", ""] and len(known) == 2:
        chosen = known
        notes.append(
            f"Column {column!r} holds two periods: {known[0]!r} was read as before and {known[1]!r} as after."
        )
    for name, found in zip(("before", "after"), chosen, strict=True):
        if found not in known:
            listed_periods = ", ".join(map(repr, known[:12]))
            raise DataError(
                f"{label}, column {column!r}: {option_name(name)} is {found!r}, expected one of {listed_periods}"
            )
    if chosen[0] == chosen[1]:
        raise DataError(f"{label}: before and after are both {chosen[0]!r}, expected two periods")
    return chosen


def _rows_of(
    cells: pd.DataFrame,
    unit: str,
    names: pd.Series[Any],
    times: pd.Series[Any],
    when: str,
    problems: Problems,
) -> pd.DataFrame:
    """Rows of one period, by the name of their unit."""
    part, own = cells[times == when].copy(), names[times == when]
    for row, name in own[own.duplicated() & (own != "")].items():
        expected = f"each unit once in period {when!r}"
        problems.cell(row, unit, name, expected, "units that occur twice in a period")
    part.index = pd.Index(own)
    return part[~part.index.duplicated()]
