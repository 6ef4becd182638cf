"""Counts of targets by status: a printed or a user's own table becomes labelled, checked data."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, option
from .cells import (
    Problems,
    cell_text,
    decimal_of,
    is_missing,
    read_labels,
    read_number,
    read_numbers,
    settle_decimal,
    shortest,
    tidy,
)
from .columns import as_mapping, as_names, listed, mapped, own_words, plain_word
from .table import RawTable, TableOptions, read_table
from .units import total_rows

FloatArray = NDArray[np.float64]
_WHOLE = "a whole number of 0 or more"
# Orders that are known, best first; every other set of statuses must be given in order.
_KNOWN = (
    (("green",), ("amber", "yellow"), ("red",)),
    (
        ("on target", "on track"),
        (
            "within tolerance",
            "within target",
            "within target tolerance",
            "near target",
            "slightly off target",
        ),
        ("off target", "off track"),
    ),
)
_TOTAL = re.compile(
    r"(?:grand |overall |row )?totals?\b.*|.*\btotals?|all|all targets|sum|n|number|count|overall|base|targets|number of .*",
    re.IGNORECASE,
)
_NO_STATUS = re.compile(r"%|\bper ?cent|\byear\b|\bdate\b|\bquarter\b", re.IGNORECASE)
_STATUS = re.compile(
    r"status|rating|rag\b|grade|outcome|result|judge?ment|achieved|performance", re.IGNORECASE
)


@dataclass(eq=False)
class _Counting:
    """A table on its way to counts: areas with the row where each is first, and numbers by what may be a status."""

    table: RawTable
    label: str
    problems: Problems
    areas: list[str]
    rows: list[Any]
    numbers: dict[str, FloatArray]
    notes: list[str]
    cells: pd.DataFrame | None = None
    decimal: str | None = None
    status_rows: dict[str, Any] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    @property
    def noun(self) -> str:
        """What a status is in this table."""
        return "column" if self.cells is not None else "status"


def read_counts(
    counts: pd.DataFrame | str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    statuses: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    label: str | None = None,
    totals: Sequence[str] | None = None,
    incomplete: str = "drop",
    words: Mapping[str, str] | None = None,
    name: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: int | Sequence[int] | None = None,
    sheet: str | int | None = None,
    missing: Iterable[object] = (),
) -> xr.Dataset:
    """Read counts of targets by area and status.

    Parameters
    ----------
    counts : pandas.DataFrame, str or Path
        A table, or the path of a text file, workbook, Parquet or Feather file that holds one. Wide: one row per area
        and one column of whole numbers per status. Long: columns for the area and ``status``, and either ``count`` or
        one row per target. Tables of a study say in their ``attrs`` which columns these are. Lines ``# key: value``
        at the top of a file say the same as the options, which win.
    columns : mapping of str to str, optional
        The table's names to ours: ``area``, ``status``, ``count``, ``total``; e.g. ``{"service": "area"}``.
    statuses : sequence of str, optional
        The statuses, best first. Needed unless they are red, amber and green, or on, within and off target. Other
        columns of numbers and other statuses are then left out, which the notes say.
    covariates : sequence of str, optional
        Columns that describe the areas. Numbers are taken as they are; a column of words gives a 0/1 covariate for
        every word but the first that occurs, named ``column: word``.
    label : str, optional
        Column that names the areas; default: from ``attrs``, else ``"area"``, else the first column of text.
    totals : sequence of str, optional
        Names of rows that are totals; an empty list says that there is none. Without it a row is left out where it is
        the sum of the others and its name or place says so.
    incomplete : {"drop", "refuse"}
        What to do with areas that lack a count or have no target: leave them out, which `notes` and `left_out` say,
        or refuse the table.
    words : mapping of str to str, optional
        The user's own words: ``unit`` for an area ("service"), ``target`` for what is counted ("inspection").
    name : str, optional
        What to call the table in messages.
    separator, decimal, encoding, header, sheet, missing : optional
        As for `read_authorities`.

    Returns
    -------
    xarray.Dataset
        Variable ``count (area, status)``, whole numbers; with covariates also ``predictor (area, covariate)``; coords
        ``area`` and ``status``, best first; attrs ``origin``, ``source``, ``sha256``, ``unit_word``, ``target_words``,
        ``notes`` and ``left_out`` (``"name: reason"``).

    Raises
    ------
    DataError
        Every violation at once, grouped by column and kind: statuses whose order is not known, a column of numbers or
        a row that may be a total, a count that is negative or not whole, a total that disagrees, an area twice.

    Examples
    --------
    >>> table = pd.DataFrame({"area": ["Fire", "Health"], "green": [1, 3], "amber": [1, 5], "red": [1, 3]})
    >>> read_counts(table)["count"].sum("status").values
    array([ 3, 11])
    """
    if not isinstance(counts, pd.DataFrame | str | Path):
        raise DataError(
            f"counts: found {type(counts).__name__}, expected a DataFrame or the path of a CSV file"
        )
    attrs: Mapping[Any, Any] = counts.attrs if isinstance(counts, pd.DataFrame) else {}
    if isinstance(counts, pd.DataFrame):
        name = name or str(attrs.get("file", "counts"))
        if counts.empty:
            raise DataError(f"{name}: no rows, expected an area a row")
    table = read_table(counts, TableOptions(separator, decimal, encoding, header, sheet, missing), name=name)
    asked = _asked(
        table, attrs, columns=columns, statuses=statuses, covariates=covariates, label=label, totals=totals, incomplete=incomplete,
        words=words,
    )  # fmt: skip
    read = _read_long if "status" in asked.cells.columns else _read_wide
    counting = read(table, asked)
    chosen = _choose_statuses(counting, asked.statuses, str(attrs.get("total") or "total"))
    gone = _count_strictly(counting, chosen)
    kept = _without_totals(counting, chosen, _told_totals(asked, counting.areas))
    kept &= _complete(counting, chosen, gone, kept, asked.incomplete)
    return _dataset(counting, asked, chosen, kept)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked for, by argument, in the file's header lines or in the attrs of a study's table."""

    cells: pd.DataFrame
    label: str
    unit: str
    statuses: tuple[str, ...]
    covariates: tuple[str, ...]
    totals: tuple[str, ...] | None
    incomplete: str
    words: dict[str, str]
    attrs: Mapping[Any, Any]

    @property
    def skipped(self) -> list[str]:
        """Columns that hold no status."""
        return [*self.covariates, *(str(name) for name in dict(self.attrs.get("percents") or {}).values())]


def _asked(table: RawTable, attrs: Mapping[Any, Any], **given: Any) -> _Asked:
    """Options as given, else as header lines or attrs say, checked against the table."""
    lines = table.header
    if given["incomplete"] not in ("drop", "refuse"):
        raise DataError(f"incomplete: found {given['incomplete']!r}, expected 'drop' or 'refuse'")
    statuses = as_names(given["statuses"], "statuses") or tuple(listed(lines.get("statuses", "")))
    totals = listed(lines["totals"]) if given["totals"] is None and lines.get("totals") else given["totals"]
    theirs = as_mapping(given["columns"], "columns") or mapped(lines.get("columns", ""))
    cells = _renamed(table.cells, theirs, table.label)
    label = str(given["label"] or attrs.get("label") or _label_column(cells, table))
    asked = _Asked(
        cells=cells,
        label=label,
        unit=next((old for old, new in theirs.items() if new == "area"), label),
        statuses=statuses or tuple(str(status) for status in attrs.get("statuses") or ()),
        covariates=as_names(given["covariates"], "covariates") or tuple(listed(lines.get("controls", ""))),
        totals=None if totals is None else as_names(totals, "totals"),
        incomplete=given["incomplete"],
        words=own_words(given["words"], lines),
        attrs=attrs,
    )
    for wanted in (label, *asked.covariates):
        if wanted not in cells.columns:
            raise DataError(
                f"{table.label}: no column {wanted!r}, {did_you_mean(wanted, _named_columns(cells))}"
            )
    return asked


def _told_totals(asked: _Asked, areas: Sequence[str]) -> tuple[str, ...] | None:
    """Rows that are said to be totals; of a study's table the one that its attrs name."""
    named = asked.attrs.get("total_label")
    if asked.totals is not None or named is None:
        return asked.totals
    return tuple(area for area in [str(named)] if area in areas)


def _dataset(
    counting: _Counting, asked: _Asked, chosen: Sequence[str], kept: NDArray[np.bool_]
) -> xr.Dataset:
    """The counts of the areas that are kept, once nothing is wrong with the table."""
    rows = [row for row, keep in zip(counting.rows, kept, strict=True) if keep]
    areas = [area for area, keep in zip(counting.areas, kept, strict=True) if keep]
    predictor, names = _predictors(asked.cells, counting, areas, rows, asked.covariates)
    counting.problems.check()
    table = counting.table
    if not areas:
        raise DataError(f"{table.label}: no area has a target in these statuses, expected an area a row")
    values = np.column_stack([counting.numbers[status][kept] for status in chosen]).astype(np.int64)
    data = xr.Dataset(
        {"count": (("area", "status"), values)},
        coords={"area": np.array(areas, dtype=str), "status": np.array(chosen, dtype=str)},
        attrs={
            "origin": asked.attrs.get("origin", "observed"),
            "source": table.label,
            "notes": counting.notes,
            "left_out": counting.left_out,
            "sha256": table.sha256,
            "unit_word": asked.words.get("unit_word") or plain_word(asked.unit, "area"),
            "target_words": asked.words.get("target_words") or "target",
        },
    )
    return _with_predictor(data, names, predictor) if names else data


def with_covariate(counts: xr.Dataset, name: str, values: Mapping[str, float]) -> xr.Dataset:
    """Add a covariate of the areas to counts.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`.
    name : str
        Name of the covariate, e.g. ``"local"``.
    values : mapping of str to float
        A number for each area, e.g. ``{"Local targets": 1, "National targets": 0}``.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    DataError
        If an area has no value, a value belongs to no area or is no finite number, or the name is taken.

    Examples
    --------
    >>> table = pd.DataFrame({"area": ["national", "local"], "green": [37, 24], "red": [33, 6]})
    >>> counts = with_covariate(read_counts(table), "is local", {"national": 0, "local": 1})
    >>> counts["predictor"].sel(covariate="is local").values
    array([0., 1.])
    """
    areas = [str(area) for area in counts["area"].to_numpy()]
    for area in values:
        if area not in areas:
            raise DataError(f"covariate {name!r}: no area {area!r}, {did_you_mean(area, areas)}")
    for area in areas:
        if area not in values or not np.isfinite(values[area]):
            found = values.get(area, "nothing")
            raise DataError(f"covariate {name!r}, area {area!r}: found {found}, expected a finite number")
    old = counts["predictor"].to_numpy() if "predictor" in counts else np.empty((len(areas), 0))
    names = [str(known) for known in counts["covariate"].to_numpy()] if "predictor" in counts else []
    if name in names:
        raise DataError(f"covariate {name!r}: there is one of this name already")
    column = np.array([[float(values[area])] for area in areas])
    bare = counts.drop_dims("covariate", errors="ignore")
    return _with_predictor(bare, [*names, name], np.hstack([old, column]))


def _with_predictor(data: xr.Dataset, names: list[str], values: NDArray[np.float64]) -> xr.Dataset:
    labelled = data.assign_coords(covariate=np.array(names, dtype=str))
    return labelled.assign(predictor=(("area", "covariate"), values))


def _renamed(cells: pd.DataFrame, columns: Mapping[str, str], file: str) -> pd.DataFrame:
    known = _named_columns(cells)
    for theirs, ours in columns.items():
        if theirs not in known:
            raise DataError(f"{file}: no column {theirs!r}, {did_you_mean(theirs, known)}")
        if ours in known and ours not in columns:
            raise DataError(
                f"{file}: {theirs!r} cannot become {ours!r}, there is a column of that name already"
            )
    if len(set(columns.values())) < len(columns):
        raise DataError(f"{file}, columns: two columns get one name, expected a name of its own for each")
    return cells.rename(columns=dict(columns))


def _named_columns(cells: pd.DataFrame) -> list[str]:
    return [str(column) for column in cells.columns if column]


def _label_column(cells: pd.DataFrame, table: RawTable) -> str:
    if "area" in cells.columns:
        return "area"
    for column in _named_columns(cells):
        held = (cell for cell in cells[column] if not is_missing(cell, table.missing))
        if column != "status" and any(read_number(cell) is None for cell in held):
            return column
    raise DataError(f"{table.label}: no column of names, expected a column 'area'")


def _holds_numbers(cells: pd.Series[Any], marks: frozenset[str]) -> bool:
    held = [cell for cell in cells if not is_missing(cell, marks)]
    numbers = sum(read_number(cell) is not None or read_number(cell, ",") is not None for cell in held)
    return 2 * numbers > len(held)


# --- wide and long


def _read_wide(table: RawTable, asked: _Asked) -> _Counting:
    """Read a table with a column for each status: its areas, and the numbers of every column that may be one."""
    cells, label, skipped = asked.cells, asked.label, asked.skipped
    problems = Problems(table.label)
    areas, _ = read_labels(cells[label], label, problems, required=True)
    hint = _looks_like_targets(cells, label, areas, skipped, table)
    if hint:
        raise DataError(hint)
    first: dict[str, int] = {}
    for i, area in enumerate(areas):
        if area and area in first:
            expected = f"each area once (it stands in row {cells.index[first[area]]} too)"
            problems.cell(
                cells.index[i], label, cells[label].iloc[i], expected, "areas that occur more than once"
            )
        first.setdefault(area, i)
    wanted = {tidy(status).casefold() for status in asked.statuses} or {
        name for f in _KNOWN for names in f for name in names
    }
    candidates = [
        column
        for column in _named_columns(cells)
        if column not in (label, *skipped)
        and not column.endswith("_printed")
        and (column.casefold() in wanted or _holds_numbers(cells[column], table.missing))
    ]
    if not candidates:
        hint = _targets_without_numbers(cells, skipped, table)
        if hint:
            raise DataError(hint)
    decimal = settle_decimal(cells, candidates, table.decimal, problems)
    # Loosely for now: only of a status is it known that its numbers are whole.
    loose = {
        column: read_numbers(
            cells[column], column, Problems(""), decimal=decimal or ".", marks=table.missing
        ).values
        for column in candidates
    }
    return _Counting(
        table, label, problems, areas, list(cells.index), loose, list(table.notes), cells, decimal
    )


def _read_long(table: RawTable, asked: _Asked) -> _Counting:
    """Read a table with a row for each area and status, or for each target; a combination without a row is 0."""
    cells, label = asked.cells, asked.label
    problems, marks, notes = Problems(table.label), table.missing, list(table.notes)
    names, _ = read_labels(cells[label], label, problems, required=True)
    found, unrated = read_labels(cells["status"], "status", problems, marks=marks)
    if unrated.any():
        n = int(unrated.sum())
        notes.append(
            f"{n:,} row{'s' if n > 1 else ''} without a status {'were' if n > 1 else 'was'} left out."
        )
    if "count" in cells.columns:
        decimal = settle_decimal(cells, ["count"], table.decimal, problems)
        numbers, gone = _whole_numbers(cells["count"], "count", problems, decimal, marks)
        for i in np.flatnonzero(gone & ~unrated).tolist():
            problems.cell(cells.index[i], "count", "", _WHOLE, "nothing")
    else:
        numbers = np.ones(len(cells))
        notes.append(f"Each of the {int((~unrated).sum()):,} rows with a status was counted as one target.")
    areas = list(dict.fromkeys(name for name, status in zip(names, found, strict=True) if name and status))
    # The known spelling of a status is that of `statuses`, else the commonest.
    spelt = {tidy(status).casefold(): status for status in asked.statuses}
    for status, _ in Counter(status for status in found if status).most_common():
        spelt.setdefault(status.casefold(), status)
    known = list(dict.fromkeys(spelt[status.casefold()] for status in found if status))
    place = {area: i for i, area in enumerate(areas)}
    values = {status: np.zeros(len(areas)) for status in known}
    seen: set[tuple[str, str]] = set()
    rows: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for row, area, status, number in zip(cells.index, names, found, numbers, strict=True):
        if not area or not status:
            continue
        status = spelt[status.casefold()]
        rows.setdefault(area, row)
        first.setdefault(status, row)
        if "count" in cells.columns and (area, status) in seen:
            problems.cell(
                row, "status", status, "each status once an area", "statuses that occur twice in an area"
            )
        seen.add((area, status))
        values[status][place[area]] += number
    return _Counting(
        table,
        label,
        problems,
        areas,
        [rows[area] for area in areas],
        values,
        notes,
        status_rows=first,
        seen=seen,
    )


def _looks_like_targets(
    cells: pd.DataFrame, label: str, areas: Sequence[str], skipped: Sequence[str], table: RawTable
) -> str:
    """A sentence that says how to count a table with a row for each target, where this looks like one."""
    if len(set(areas)) > 0.67 * len(areas):
        return ""
    found = []
    for column in _named_columns(cells):
        texts = [cell_text(cell) for cell in cells[column] if not is_missing(cell, table.missing)]
        if (
            column not in (label, *skipped)
            and 2 <= len(set(texts)) <= 8
            and all(read_number(text) is None for text in texts)
        ):
            found.append((not _STATUS.search(column), len(column), column))
    if not found:
        return ""
    status = min(found)[2]
    pairs = {label: "area", status: "status"} if label != "area" else {status: "status"}
    whole = [
        c
        for c in _named_columns(cells)
        if c not in (label, status, *skipped) and _all_whole(cells[c], table.missing)
    ]
    one = len({(a, cell_text(s)) for a, s in zip(areas, cells[status], strict=True)}) == len(areas)
    if one and len(whole) == 1:
        pairs[whole[0]] = "count"
    kind = "one row for each area and status" if one else "one row for each target"
    return (
        f"{table.label}: looks like long form, {kind}, since {len(set(areas)):,} names have {len(areas):,} rows; if column "
        f"{status!r} holds the status, give {option('columns', pairs)}"
    )


def _targets_without_numbers(cells: pd.DataFrame, skipped: Sequence[str], table: RawTable) -> str:
    """A sentence for a table without numbers, in which each row may be a target."""
    texts = {
        column: [cell_text(cell) for cell in cells[column] if not is_missing(cell, table.missing)]
        for column in _named_columns(cells)
        if column not in skipped
    }
    kinds = [column for column, held in texts.items() if 2 <= len(set(held)) <= max(2, len(held) // 2)]
    known = [
        column
        for column in kinds
        if len(_known_order(sorted({text.casefold() for text in texts[column]}))) > 1
    ]
    rated = known or [column for column in kinds if _STATUS.search(column)]
    if not rated:
        return ""
    pairs = {rated[0]: "status"}
    areas = [column for column in kinds if column != rated[0]]
    if areas and "area" not in cells.columns:
        pairs = {areas[0]: "area"} | pairs
    return (
        f"{table.label}: found no column of numbers in {', '.join(map(repr, texts))}; if each row is a target, give "
        f"{option('columns', pairs)}"
    )


def _all_whole(cells: pd.Series[Any], marks: frozenset[str]) -> bool:
    numbers = [read_number(cell) for cell in cells if not is_missing(cell, marks)]
    return all(
        n is not None and n.value >= 0 and n.value == round(n.value)
        for n in numbers
        if n is None or np.isfinite(n.value)
    )


# --- statuses and totals


def _choose_statuses(counting: _Counting, named: Sequence[str], total: str) -> list[str]:
    """The statuses, best first: as given, else in a known order; every other column of numbers is accounted for."""
    file, present = counting.table.label, list(counting.numbers)
    if named:
        chosen = _as_named(counting, named)
    else:
        chosen = _known_order(present)
    rest = [name for name in present if name not in chosen]
    if not chosen:
        every = np.sum([counting.numbers[name] for name in rest] or [np.zeros(0)], axis=0)
        # A total is the sum of all others: half of the sum of all columns.
        totals = [name for name in rest if (_TOTAL.fullmatch(name) or name == total) and len(rest) > 2]
        likely = [
            name
            for name in rest
            if not (name in totals and np.array_equal(2 * counting.numbers[name], every))
            and not (counting.cells is not None and _NO_STATUS.search(name))
        ]
        if len(likely) < 2:
            raise DataError(
                f"{file}: found statuses {', '.join(likely) or 'none'}; expected two or more, each once"
            )
        nouns = "columns of numbers" if counting.cells is not None else "statuses"
        raise DataError(
            f"{file}: found the {nouns} {', '.join(repr(name) for name in likely)}, whose order from best to worst is not known; "
            f"give the statuses, best first: {option('statuses', likely)} in the right order"
        )
    unknown = _account_for(counting, chosen, rest, total, bool(named))
    if unknown:
        one = len(unknown) == 1
        counting.problems.say(
            f"{file}: beside the statuses {', '.join(map(repr, chosen))}, {', '.join(map(repr, unknown))} "
            f"{'holds' if one else 'hold'} numbers; give {option('statuses', list(chosen))} to leave "
            f"{'it' if one else 'them'} out, or name {'it' if one else 'them'} as a status, or as a covariate"
        )
    return chosen


def _as_named(counting: _Counting, named: Sequence[str]) -> list[str]:
    file, present = counting.table.label, list(counting.numbers)
    alike = {tidy(name).casefold(): name for name in present}
    chosen = []
    for status in named:
        name = status if status in present else alike.get(tidy(status).casefold())
        if name is None and counting.cells is not None:
            known = [column for column in _named_columns(counting.cells) if column != counting.label]
            hint = did_you_mean(status, known)
            raise DataError(
                f"{file}: no column {status!r}, expected one column a status: {', '.join(named)}; {hint}"
            )
        if name is None:
            raise DataError(f"{file}: no row has the status {status!r}; {did_you_mean(status, present)}")
        chosen.append(name)
    if len(set(chosen)) < 2 or len(set(chosen)) < len(chosen):
        raise DataError(f"{file}: found statuses {', '.join(named)}; expected two or more, each once")
    return chosen


def _known_order(present: Sequence[str]) -> list[str]:
    """Those of some names that are red, amber and green, or on, within and off target, best first; none if fewer than two are."""
    for family in _KNOWN:
        places = {
            name: i for name in present for i, names in enumerate(family) if tidy(name).casefold() in names
        }
        if len(places) > 1 and len(set(places.values())) == len(places):
            return sorted(places, key=lambda name: places[name])
    return []


def _account_for(
    counting: _Counting, chosen: Sequence[str], rest: Sequence[str], total: str, named: bool
) -> list[str]:
    """Tell totals from other numbers beside the statuses; return what must be asked about."""
    numbers, notes, unknown = counting.numbers, counting.notes, []
    sums = np.sum([numbers[status] for status in chosen], axis=0)
    every = sums + np.sum(
        [numbers[name] for name in rest if not _TOTAL.fullmatch(name)] or [0 * sums], axis=0
    )
    complete = np.isfinite(sums)
    for name in rest:
        values = numbers[name]
        says = name == total or _TOTAL.fullmatch(name) is not None
        agrees = bool(complete.any()) and any(
            np.array_equal(values[complete], s[complete]) for s in (sums, every)
        )
        if agrees and (says or name == rest[-1] == list(numbers)[-1]):
            if name != total:
                notes.append(
                    f"{counting.noun.capitalize()} {name!r} was left out, since it holds the sum of the statuses."
                )
        elif says and (not named or name == total):
            for i in np.flatnonzero(complete & (values != sums)).tolist():
                found = (
                    cell_text(counting.cells[name].iloc[i])
                    if counting.cells is not None
                    else shortest(values[i])
                )
                expected = f"the sum of the statuses, {sums[i]:g}"
                counting.problems.cell(
                    counting.rows[i], name, found, expected, "numbers that are not the sum of the statuses"
                )
        elif not named:
            unknown.append(name)
        elif counting.cells is not None:
            notes.append(f"Column {name!r} was left out, since it is not among the statuses that were named.")
        else:
            near = difflib.get_close_matches(
                name.casefold(), [status.casefold() for status in chosen], n=1, cutoff=0.79
            )
            if near:
                meant = next(status for status in chosen if status.casefold() == near[0])
                expected = f"a known status; did you mean {meant!r}?"
                counting.problems.cell(
                    counting.status_rows[name], "status", name, expected, "unknown statuses"
                )
            else:
                n = int(np.nansum(values))
                notes.append(
                    f"Status {name!r} ({n:,} target{'' if n == 1 else 's'}) was left out, since it is not among those that were named."
                )
    return unknown


def _whole_numbers(
    cells: pd.Series[Any], column: str, problems: Problems, decimal: str | None, marks: frozenset[str]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Read the counts in a column: NaN where a cell is wrong or missing, and which cells are missing."""
    found = read_numbers(cells, column, Problems(""), decimal=decimal, marks=marks)
    flags = np.array([isinstance(cell, bool | np.bool_) for cell in cells])
    values = found.values
    with np.errstate(invalid="ignore"):
        whole = (values >= 0) & (values < 2**53) & (values == np.round(values)) & ~flags & ~found.percent
    for i in np.flatnonzero(~whole & ~found.missing).tolist():
        cell = cells.iloc[i]
        open_ = decimal is None and isinstance(cell, str) and decimal_of(cell) == "either"
        hint = f"; it can be a thousand or a thousandth: give {option('decimal', '.', ',')}" if open_ else ""
        kind = "text" if read_number(cell) is None else "other numbers"
        problems.cell(cells.index[i], column, cell, _WHOLE + hint, kind)
    return np.where(whole, values, np.nan), found.missing


def _count_strictly(counting: _Counting, chosen: Sequence[str]) -> NDArray[np.bool_]:
    """Read the statuses of a wide table as counts (in a long one what has no row is 0); return which areas lack one."""
    gone = np.zeros(len(counting.areas), dtype=bool)
    if counting.cells is None:
        empty = sum((area, status) not in counting.seen for area in counting.areas for status in chosen)
        if empty:
            words = (
                "1 combination of area and status without a row was"
                if empty == 1
                else (f"{empty:,} combinations of area and status without a row were")
            )
            counting.notes.append(f"{words} read as 0.")
        return gone
    for status in chosen:
        counting.numbers[status], missing = _whole_numbers(
            counting.cells[status], status, counting.problems, counting.decimal, counting.table.missing
        )
        gone |= missing
    return gone


def _without_totals(
    counting: _Counting, chosen: Sequence[str], told: Sequence[str] | None
) -> NDArray[np.bool_]:
    """Which rows are areas and not totals of the others."""
    numbers = pd.DataFrame({status: counting.numbers[status] for status in chosen}, index=counting.rows)
    left = total_rows(
        counting.areas, numbers, sums=list(chosen), means=(), told=told, column=counting.label, problems=counting.problems
    )  # fmt: skip
    kept = np.ones(len(counting.areas), dtype=bool)
    kept[left] = False
    for i in left:
        counting.notes.append(f"Row {counting.areas[i]!r} was left out as a total of the others.")
        counting.left_out.append(f"{counting.areas[i]}: a total of the other rows")
    return kept


def _complete(
    counting: _Counting,
    chosen: Sequence[str],
    gone: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    incomplete: str,
) -> NDArray[np.bool_]:
    """Which areas have every count and at least one target; the others are left out, or refused."""
    totals = np.sum([counting.numbers[status] for status in chosen], axis=0)
    reasons = {"no target in these statuses": totals == 0, "a count is missing": gone}
    complete = np.ones(len(gone), dtype=bool)
    for reason, places in reasons.items():
        found = np.flatnonzero(places & kept)
        if incomplete == "refuse":
            for i in found.tolist():
                if reason == "a count is missing":
                    empty = [s for s in chosen if np.isnan(counting.numbers[s][i])]
                    for status in empty:
                        counting.problems.cell(counting.rows[i], status, "", _WHOLE, "nothing")
                else:
                    counting.problems.cell(
                        counting.rows[i], counting.label, counting.areas[i],
                        "at least one target in the area, found none", "areas without a target",
                    )  # fmt: skip
            continue
        if len(found):
            names = ", ".join(repr(counting.areas[i]) for i in found[:5]) + (
                ", ..." if len(found) > 5 else ""
            )
            n = len(found)
            counting.notes.append(
                f"{n:,} area{'s' if n > 1 else ''} {'were' if n > 1 else 'was'} left out ({reason}): {names}."
            )
            counting.left_out += [f"{counting.areas[i]}: {reason}" for i in found.tolist()]
        complete &= ~places
    return complete


def _predictors(
    cells: pd.DataFrame,
    counting: _Counting,
    areas: Sequence[str],
    rows: Sequence[Any],
    covariates: Sequence[str],
) -> tuple[FloatArray, list[str]]:
    """Read covariates as numbers: their values and their names."""
    problems, marks = counting.problems, counting.table.missing
    columns: list[FloatArray] = []
    names: list[str] = []
    own = pd.Series([cell_text(cell) for cell in cells[counting.label]], index=cells.index)
    for name in covariates:
        if counting.cells is None:
            texts = (
                pd.Series([cell_text(cell) for cell in cells[name]], index=cells.index).groupby(own).nunique()
            )
            for area in areas:
                if texts.get(area, 1) > 1:
                    problems.say(
                        f"{problems.label}, column {name!r}: area {area!r} has several values, expected one",
                        name,
                    )
        found = cells[name].loc[list(rows)]
        empty = [row for row, cell in found.items() if is_missing(cell, marks)]
        for row in empty:
            problems.cell(row, name, "", "a value for the area", "nothing")
        if empty:
            continue
        decimal = settle_decimal(cells, [name], counting.table.decimal, problems)
        quiet = Problems(problems.label)
        numbers = read_numbers(found, name, quiet, decimal=decimal, marks=marks)
        if not quiet:
            columns.append(numbers.values)
            names.append(name)
            continue
        if any(read_number(cell, decimal or ".") is not None for cell in found):
            read_numbers(found, name, problems, decimal=decimal, marks=marks)
            continue
        words, _ = read_labels(found, name, problems)
        others = list(dict.fromkeys(words))[1:]
        for word in others:
            columns.append(np.array([float(one == word) for one in words]))
            names.append(f"{name}: {word}")
        if words:
            counting.notes.append(
                f"Covariate {name!r} holds words: {len(others)} of its {len(others) + 1} became columns of 0 and 1, beside {words[0]!r}."
            )
    return np.array(columns, dtype=float).reshape(len(names), len(areas)).T, names


# --- tables that a printed one may have been meant to be


def nearest_tables(counts: xr.Dataset, totals: Mapping[str, int]) -> xr.Dataset:
    """All tables with the same rows and other status totals that the fewest moves of targets reach.

    Table 2 of ODPM (2005), chapter 8, adds up to 61 green, 55 amber and 39 red targets, Tables 1 and 3 of the
    same targets to 63, 56 and 36: three targets stand as red that should be green (two) and amber (one). Each
    of the 44 local and 111 national ones may be among them, which leaves six tables.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`.
    totals : mapping of str to int
        What each status should add up to; together as many targets as the table has.

    Returns
    -------
    xarray.Dataset
        ``count (table, area, status)``, ``weight (table)``, coords as before and ``table`` in words (what is
        moved where). Weights add up to 1: they are the probabilities of the tables if every way to pick the
        misplaced targets and to place them were equally probable. Each ``isel(table=i)`` goes into
        `success_model`.

    Raises
    ------
    DataError
        If a status is missing or unknown, or the totals are negative or of another number of targets.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayes_targets.readers.counts import read_counts
    >>> printed = pd.DataFrame({"area": ["national", "local"], "green": [3, 2], "red": [3, 1]})
    >>> tables = nearest_tables(read_counts(printed), {"green": 6, "red": 3})
    >>> tables["table"].values.tolist(), tables["weight"].values.tolist()
    (['local: red -1, green +1', 'national: red -1, green +1'], [0.25, 0.75])
    """
    values = counts["count"].transpose("area", "status").to_numpy()
    statuses = [str(status) for status in counts["status"].to_numpy()]
    areas = [str(area) for area in counts["area"].to_numpy()]
    for status in totals:
        if status not in statuses:
            raise DataError(f"totals: no status {status!r}, {did_you_mean(status, statuses)}")
    for status in statuses:
        if totals.get(status, -1) < 0:
            found = totals.get(status, "nothing")
            raise DataError(f"totals, status {status!r}: found {found}, expected a whole number of 0 or more")
    wanted = np.array([totals[status] for status in statuses])
    if wanted.sum() != values.sum():
        raise DataError(f"totals: add up to {wanted.sum()}, expected the table's {values.sum()} targets")
    moves = list(_moves(values, wanted - values.sum(axis=0)))
    ways = np.array([_ways(values, move) for move in moves], dtype=float)
    data = xr.Dataset(
        {
            "count": (("table", "area", "status"), values + np.array(moves)),
            "weight": ("table", ways / ways.sum()),
        },
        coords={
            "table": np.array([_in_words(move, areas, statuses) for move in moves], dtype=str),
            "area": counts["area"],
            "status": counts["status"],
        },
        attrs=dict(counts.attrs),
    )
    # Covariates describe the areas, whichever table is the right one.
    return data.assign({name: counts[name] for name in counts.data_vars if name != "count"})


def _moves(values: NDArray[np.int64], change: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Changes of cells that leave rows as they are, and of which each status takes part in one direction only."""
    spreads = [list(_spread(int(abs(step)), len(values))) for step in change]
    for chosen in itertools.product(*spreads):
        move = np.sign(change) * np.array(chosen).T
        if not move.sum(axis=1).any() and (values + move >= 0).all():
            yield move


def _spread(number: int, rows: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a number as an ordered sum of so many whole numbers of 0 or more."""
    if rows == 1:
        yield (number,)
        return
    for first in range(number + 1):
        for rest in _spread(number - first, rows - 1):
            yield (first, *rest)


def _ways(values: NDArray[np.int64], move: NDArray[np.int64]) -> int:
    """In how many ways the targets of a move can be picked and placed."""
    ways = 1
    for row, steps in zip(values.tolist(), move.tolist(), strict=True):
        for count, step in zip(row, steps, strict=True):
            ways *= math.comb(count, -step) if step < 0 else 1
        placed = [step for step in steps if step > 0]
        ways *= math.factorial(sum(placed)) // math.prod(math.factorial(step) for step in placed)
    return ways


def _in_words(move: NDArray[np.int64], areas: list[str], statuses: list[str]) -> str:
    parts = []
    for area, steps in zip(areas, move.tolist(), strict=True):
        named = sorted((step, status) for step, status in zip(steps, statuses, strict=True) if step)
        if named:
            parts.append(f"{area}: " + ", ".join(f"{status} {step:+d}" for step, status in named))
    return "; ".join(parts) or "as printed"
