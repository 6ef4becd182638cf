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

from ..errors import DataError, counted, did_you_mean, option, quoted, require_kind, was
from .cells import (
    TWO_READINGS,
    Problems,
    cell_text,
    decimal_of,
    indicators,
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
from .units import repeats, total_rows

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
_PERCENT = re.compile(r"%|\bper ?cent|\bpct\b", re.IGNORECASE)
_NO_STATUS = re.compile(r"\byear\b|\bdate\b|\bquarter\b", re.IGNORECASE)
_STATUS = re.compile(
    r"status|rating|rag\b|grade|outcome|result|judge?ment|achieved|performance", re.IGNORECASE
)


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


@dataclass(eq=False)
class _Counting:
    """A table on its way to counts: areas with the row where each is first, and numbers by what may be a status."""

    table: RawTable
    asked: _Asked
    problems: Problems
    notes: list[str]
    areas: list[str]
    rows: list[Any]
    numbers: dict[str, FloatArray]
    decimal: str | None = None
    # Of a table in long form: the row where each status is first, and which areas have a row of which status.
    status_rows: dict[str, Any] | None = None
    seen: set[tuple[str, str]] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    @property
    def wide(self) -> bool:
        """Whether a status is a column."""
        return self.status_rows is None

    def sums(self, statuses: Iterable[str]) -> FloatArray:
        """The sum of some statuses by area, 0 for none."""
        none = np.zeros(len(self.areas))
        return np.sum([none, *(self.numbers[status] for status in statuses)], axis=0)


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
    given = locals()
    require_kind("counts", counts, pd.DataFrame | str | Path, "a DataFrame or the path of a CSV file")
    attrs: Mapping[Any, Any] = counts.attrs if isinstance(counts, pd.DataFrame) else {}
    if isinstance(counts, pd.DataFrame):
        name = name or str(attrs.get("file", "counts"))
        if counts.empty:
            raise DataError(f"{name}: no rows, expected an area a row")
    table = read_table(counts, TableOptions(separator, decimal, encoding, header, sheet, missing), name=name)
    asked = _asked(table, attrs, given)
    read = _read_long if "status" in asked.cells.columns else _read_wide
    counting = read(table, asked)
    chosen = _choose_statuses(counting)
    gone = _count_strictly(counting, chosen)
    kept = _without_totals(counting, chosen)
    kept &= _complete(counting, chosen, gone, kept)
    return _dataset(counting, chosen, kept)


def _asked(table: RawTable, attrs: Mapping[Any, Any], given: Mapping[str, Any]) -> _Asked:
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


def _dataset(counting: _Counting, chosen: Sequence[str], kept: NDArray[np.bool_]) -> xr.Dataset:
    """The counts of the areas that are kept, once nothing is wrong with the table."""
    table, asked = counting.table, counting.asked
    places = np.flatnonzero(kept)
    areas, rows = ([each[i] for i in places] for each in (counting.areas, counting.rows))
    predictors = _predictors(counting, areas, rows)
    counting.problems.check()
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
    return data.assign(predictor=_predictor(data, predictors)) if predictors else data


def holds_counts(counts: object) -> bool:
    """Whether something is what `read_counts` returns."""
    return isinstance(counts, xr.Dataset) and {"count", "status", "area"} <= set(map(str, counts.variables))


def require_counts(counts: xr.Dataset) -> xr.Dataset:
    """Counts, if they are what `read_counts` returns."""
    if not holds_counts(counts):
        found = type(counts).__name__
        raise DataError(f"counts: found {found}, expected counts by area and status, from read_counts")
    return counts


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
    areas = [str(area) for area in require_counts(counts)["area"].to_numpy()]
    for area in require_kind("values", values, Mapping, "a number for each area, by its name"):
        if area not in areas:
            raise DataError(f"covariate {name!r}: no area {area!r}, {did_you_mean(area, areas)}")
    for area in areas:
        if area not in values or not np.isfinite(values[area]):
            found = values.get(area, "nothing")
            raise DataError(f"covariate {name!r}, area {area!r}: found {found}, expected a finite number")
    predictor = _predictor(counts, {name: np.array([float(values[area]) for area in areas])})
    if "predictor" in counts:
        if name in counts["covariate"]:
            raise DataError(f"covariate {name!r}: there is one of this name already")
        predictor = xr.concat([counts["predictor"], predictor], "covariate")
    return counts.drop_dims("covariate", errors="ignore").assign(predictor=predictor)


def _predictor(data: xr.Dataset, columns: Mapping[str, FloatArray]) -> xr.DataArray:
    coords = {"area": data["area"], "covariate": np.array(list(columns), dtype=str)}
    return xr.DataArray(np.column_stack(list(columns.values())), coords, dims=("area", "covariate"))


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
    cells, label, skipped, marks = asked.cells, asked.label, asked.skipped, table.missing
    problems = Problems(table.label)
    areas, _ = read_labels(cells[label], label, problems, required=True)
    _refuse_long_form(table, asked, areas)
    for i, first in repeats(areas):
        expected = f"each area once (it stands in row {cells.index[first]} too)"
        kind = "areas that occur more than once"
        problems.cell(cells.index[i], label, cells[label].iloc[i], expected, kind)
    wanted = {tidy(status).casefold() for status in asked.statuses} or {
        name for f in _KNOWN for names in f for name in names
    }
    candidates = [
        column
        for column in _named_columns(cells)
        if column not in (label, *skipped)
        and not column.endswith("_printed")
        and (column.casefold() in wanted or _holds_numbers(cells[column], marks))
    ]
    if not candidates:
        _refuse_without_numbers(table, asked)
    decimal = settle_decimal(cells, candidates, table.decimal, problems)
    # Loosely for now: only of a status is it known that its numbers are whole.
    loose = {
        column: read_numbers(cells[column], column, Problems(""), decimal=decimal or ".", marks=marks).values
        for column in candidates
    }
    return _Counting(table, asked, problems, list(table.notes), areas, list(cells.index), loose, decimal)


def _read_long(table: RawTable, asked: _Asked) -> _Counting:
    """Read a table with a row for each area and status, or for each target; a combination without a row is 0."""
    cells, label = asked.cells, asked.label
    problems, notes = Problems(table.label), list(table.notes)
    names, _ = read_labels(cells[label], label, problems, required=True)
    found, unrated = read_labels(cells["status"], "status", problems, marks=table.missing)
    if unrated.any():
        n = int(unrated.sum())
        notes.append(f"{counted(n, 'row')} without a status {was(n)} left out.")
    numbers = np.ones(len(cells))
    if "count" in cells.columns:
        decimal = settle_decimal(cells, ["count"], table.decimal, problems)
        numbers, gone = _whole_numbers(cells["count"], "count", problems, decimal, table.missing)
        for i in np.flatnonzero(gone & ~unrated).tolist():
            problems.cell(cells.index[i], "count", "", _WHOLE, "nothing")
    else:
        notes.append(f"Each of the {int((~unrated).sum()):,} rows with a status was counted as one target.")
    # The known spelling of a status is that of `statuses`, else the commonest.
    spelt = {tidy(status).casefold(): status for status in asked.statuses}
    for status, _ in Counter(status for status in found if status).most_common():
        spelt.setdefault(status.casefold(), status)
    statuses = [spelt.get(status.casefold(), "") for status in found]
    rows = pd.DataFrame({"row": cells.index, "area": names, "status": statuses, "number": numbers})
    rows = rows[(rows["area"] != "") & (rows["status"] != "")]
    if "count" in cells.columns:
        for row, status in rows.loc[rows.duplicated(["area", "status"]), ["row", "status"]].to_numpy():
            kind = "statuses that occur twice in an area"
            problems.cell(row, "status", status, "each status once an area", kind)
    first_rows = {key: rows.drop_duplicates(key).set_index(key)["row"] for key in ("area", "status")}
    areas, known = (first_rows[key].index.tolist() for key in ("area", "status"))
    summed = rows.groupby(["area", "status"])["number"].sum(skipna=False)
    summed = summed.reindex(pd.MultiIndex.from_product([areas, known]), fill_value=0.0)
    values = summed.to_numpy(dtype=float).reshape(len(areas), len(known))
    return _Counting(
        table,
        asked,
        problems,
        notes,
        areas=areas,
        rows=first_rows["area"].tolist(),
        numbers=dict(zip(known, values.T, strict=True)),
        status_rows=dict(zip(known, first_rows["status"], strict=True)),
        seen=set(zip(rows["area"], rows["status"], strict=True)),
    )


def _held(cells: pd.Series[Any], marks: frozenset[str]) -> list[str]:
    return [cell_text(cell) for cell in cells if not is_missing(cell, marks)]


def _refuse_long_form(table: RawTable, asked: _Asked, areas: Sequence[str]) -> None:
    """Say how to count a table with a row for each target, where this looks like one."""
    cells, label, marks = asked.cells, asked.label, table.missing
    free = [column for column in _named_columns(cells) if column not in (label, *asked.skipped)]
    if len(set(areas)) > 0.67 * len(areas):
        return
    found = []
    for column in free:
        texts = _held(cells[column], marks)
        if 2 <= len(set(texts)) <= 8 and all(read_number(text) is None for text in texts):
            found.append((not _STATUS.search(column), len(column), column))
    if not found:
        return
    status = min(found)[2]
    pairs = {label: "area", status: "status"} if label != "area" else {status: "status"}
    whole = [c for c in free if c != status and _all_whole(cells[c], marks)]
    one = len({(a, cell_text(s)) for a, s in zip(areas, cells[status], strict=True)}) == len(areas)
    if one and len(whole) == 1:
        pairs[whole[0]] = "count"
    kind = "one row for each area and status" if one else "one row for each target"
    raise DataError(
        f"{table.label}: looks like long form, {kind}, since {len(set(areas)):,} names have {len(areas):,} rows; if column "
        f"{status!r} holds the status, give {option('columns', pairs)}"
    )


def _refuse_without_numbers(table: RawTable, asked: _Asked) -> None:
    """Say how to count a table without numbers, in which each row may be a target."""
    cells = asked.cells
    columns = [column for column in _named_columns(cells) if column not in asked.skipped]
    texts = {column: _held(cells[column], table.missing) for column in columns}
    kinds = [column for column, held in texts.items() if 2 <= len(set(held)) <= max(2, len(held) // 2)]
    known = [c for c in kinds if len(_known_order(sorted({text.casefold() for text in texts[c]}))) > 1]
    rated = known or [column for column in kinds if _STATUS.search(column)]
    if not rated:
        return
    pairs = {rated[0]: "status"}
    areas = [column for column in kinds if column != rated[0]]
    if areas and "area" not in cells.columns:
        pairs = {areas[0]: "area"} | pairs
    raise DataError(
        f"{table.label}: found no column of numbers in {quoted(columns)}; if each row is a target, give {option('columns', pairs)}"
    )


def _all_whole(cells: pd.Series[Any], marks: frozenset[str]) -> bool:
    numbers = [read_number(cell) for cell in cells if not is_missing(cell, marks)]
    return all(
        n is not None and n.value >= 0 and n.value == round(n.value)
        for n in numbers
        if n is None or np.isfinite(n.value)
    )


# --- statuses and totals


def _choose_statuses(counting: _Counting) -> list[str]:
    """The statuses, best first: as given, else in a known order; every other column of numbers is accounted for."""
    file, present, named = counting.table.label, list(counting.numbers), counting.asked.statuses
    total = str(counting.asked.attrs.get("total") or "total")
    chosen = _as_named(counting) if named else _known_order(present)
    rest = [name for name in present if name not in chosen]
    _refuse_percentages(counting, chosen or rest)
    if not chosen:
        every = counting.sums(rest)
        # A total is the sum of all others: half of the sum of all columns.
        totals = [name for name in rest if (_TOTAL.fullmatch(name) or name == total) and len(rest) > 2]
        likely = [
            name
            for name in rest
            if not (name in totals and np.array_equal(2 * counting.numbers[name], every))
            and not (counting.wide and (_PERCENT.search(name) or _NO_STATUS.search(name)))
        ]
        if len(likely) < 2:
            raise DataError(
                f"{file}: found statuses {', '.join(likely) or 'none'}; expected two or more, each once"
            )
        nouns = "columns of numbers" if counting.wide else "statuses"
        raise DataError(
            f"{file}: found the {nouns} {quoted(likely)}, whose order from best to worst is not known; "
            f"give the statuses, best first: {option('statuses', likely)} in the right order"
        )
    unknown = _account_for(counting, chosen, rest, total)
    if unknown:
        hold, it = ("holds", "it") if len(unknown) == 1 else ("hold", "them")
        counting.problems.say(
            f"{file}: beside the statuses {quoted(chosen)}, {quoted(unknown)} {hold} numbers; give "
            f"{option('statuses', list(chosen))} to leave {it} out, or name {it} as a status, or as a covariate"
        )
    return chosen


def _refuse_percentages(counting: _Counting, names: Sequence[str]) -> None:
    """Refuse columns that are percentages by their names; where they were named as statuses, by their numbers as well."""
    percents = [name for name in names if _PERCENT.search(name)] if counting.wide else []
    others = [name for name in names if name not in percents and not _TOTAL.fullmatch(name)]
    if len(percents) < 2 or len(others) > 1:
        return
    numbers = np.array([counting.numbers[name] for name in percents])
    hundreds = np.abs(numbers.sum(axis=0) - 100) < 2
    if counting.asked.statuses and (numbers % 1 == 0).all() and hundreds.mean() < 0.5:
        return  # counts by classes such as "50 to 90%"
    base = next((name for name in counting.numbers if _TOTAL.fullmatch(name) and name not in percents), None)
    times = repr(base) if base else "the area's number of targets"
    raise DataError(
        f"{counting.table.label}: found percentages ({quoted(percents)}), expected counts of targets by status, as 50% of 2 targets "
        f"say less than 50% of 200; give columns of whole numbers: the percentage times {times} over 100"
    )


def _as_named(counting: _Counting) -> list[str]:
    """The columns or statuses that were named, best first."""
    file, present, named = counting.table.label, list(counting.numbers), counting.asked.statuses
    alike = {tidy(name).casefold(): name for name in present}
    chosen = []
    for status in named:
        name = status if status in present else alike.get(tidy(status).casefold())
        if name is None and counting.wide:
            cells, label = counting.asked.cells, counting.asked.label
            hint = did_you_mean(status, [column for column in _named_columns(cells) if column != label])
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


def _account_for(counting: _Counting, chosen: Sequence[str], rest: Sequence[str], total: str) -> list[str]:
    """Tell totals from other numbers beside the statuses; return what must be asked about."""
    numbers, notes, named, unknown = counting.numbers, counting.notes, counting.asked.statuses, []
    sums = counting.sums(chosen)
    every = sums + counting.sums(name for name in rest if not _TOTAL.fullmatch(name))
    complete = np.isfinite(sums)
    spelt = {status.casefold(): status for status in chosen}
    for name in rest:
        values, says = numbers[name], name == total or _TOTAL.fullmatch(name) is not None
        agrees = complete.any() and any(np.array_equal(values[complete], s[complete]) for s in (sums, every))
        if agrees and (says or name == rest[-1] == list(numbers)[-1]):
            if name != total:
                noun = "Column" if counting.wide else "Status"
                notes.append(f"{noun} {name!r} was left out, since it holds the sum of the statuses.")
        elif says and (not named or name == total):
            for i in np.flatnonzero(complete & (values != sums)).tolist():
                cell = counting.asked.cells[name].iloc[i] if counting.wide else shortest(values[i])
                expected = f"the sum of the statuses, {sums[i]:g}"
                kind = "numbers that are not the sum of the statuses"
                counting.problems.cell(counting.rows[i], name, cell_text(cell), expected, kind)
        elif not named:
            unknown.append(name)
        elif counting.status_rows is None:
            notes.append(f"Column {name!r} was left out, since it is not among the statuses that were named.")
        elif meant := difflib.get_close_matches(name.casefold(), spelt, n=1, cutoff=0.79):
            expected = f"a known status; did you mean {spelt[meant[0]]!r}?"
            counting.problems.cell(counting.status_rows[name], "status", name, expected, "unknown statuses")
        else:
            targets = counted(int(np.nansum(values)), "target")
            notes.append(
                f"Status {name!r} ({targets}) was left out, since it is not among those that were named."
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
        hint = f"; {TWO_READINGS}: give {option('decimal', '.', ',')}" if open_ else ""
        kind = "text" if read_number(cell) is None else "other numbers"
        problems.cell(cells.index[i], column, cell, _WHOLE + hint, kind)
    return np.where(whole, values, np.nan), found.missing


def _count_strictly(counting: _Counting, chosen: Sequence[str]) -> NDArray[np.bool_]:
    """Read the statuses of a wide table as counts (in a long one what has no row is 0); return which areas lack one."""
    gone = np.zeros(len(counting.areas), dtype=bool)
    if not counting.wide:
        empty = sum((area, status) not in counting.seen for area in counting.areas for status in chosen)
        if empty:
            words = f"{counted(empty, 'combination')} of area and status without a row {was(empty)}"
            counting.notes.append(f"{words} read as 0.")
        return gone
    cells, marks = counting.asked.cells, counting.table.missing
    for status in chosen:
        counting.numbers[status], missing = _whole_numbers(
            cells[status], status, counting.problems, counting.decimal, marks
        )
        gone |= missing
    return gone


def _without_totals(counting: _Counting, chosen: Sequence[str]) -> NDArray[np.bool_]:
    """Which rows are areas and not totals of the others."""
    asked, told = counting.asked, counting.asked.totals
    if told is None and asked.attrs.get("total_label") is not None:
        told = tuple(area for area in [str(asked.attrs["total_label"])] if area in counting.areas)
    numbers = pd.DataFrame({status: counting.numbers[status] for status in chosen}, index=counting.rows)
    left = total_rows(
        counting.areas, numbers, sums=list(chosen), means=(), told=told, column=asked.label, problems=counting.problems
    )  # fmt: skip
    kept = np.ones(len(counting.areas), dtype=bool)
    kept[left] = False
    for i in left:
        counting.notes.append(f"Row {counting.areas[i]!r} was left out as a total of the others.")
        counting.left_out.append(f"{counting.areas[i]}: a total of the other rows")
    return kept


def _complete(
    counting: _Counting, chosen: Sequence[str], gone: NDArray[np.bool_], kept: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which areas have every count and at least one target; the others are left out, or refused."""
    empty = counting.sums(chosen) == 0
    if counting.asked.incomplete == "refuse":
        for i in np.flatnonzero(empty & kept).tolist():
            expected = "at least one target in the area, found none"
            counting.problems.cell(
                counting.rows[i], counting.asked.label, counting.areas[i], expected, "areas without a target"
            )
        for i in np.flatnonzero(gone & kept).tolist():
            for status in chosen:
                if np.isnan(counting.numbers[status][i]):
                    counting.problems.cell(counting.rows[i], status, "", _WHOLE, "nothing")
        return np.ones(len(gone), dtype=bool)
    for reason, places in {"no target in these statuses": empty, "a count is missing": gone}.items():
        names = [counting.areas[i] for i in np.flatnonzero(places & kept)]
        if names:
            n = len(names)
            counting.notes.append(f"{counted(n, 'area')} {was(n)} left out ({reason}): {quoted(names, 5)}.")
            counting.left_out += [f"{name}: {reason}" for name in names]
    complete: NDArray[np.bool_] = ~(empty | gone)
    return complete


def _predictors(counting: _Counting, areas: Sequence[str], rows: Sequence[Any]) -> dict[str, FloatArray]:
    """Covariates as numbers, by name."""
    asked, problems, marks = counting.asked, counting.problems, counting.table.missing
    cells, columns = asked.cells, dict[str, FloatArray]()
    own = pd.Series([cell_text(cell) for cell in cells[asked.label]], index=cells.index)
    for name in asked.covariates:
        if not counting.wide:
            texts = pd.Series([cell_text(cell) for cell in cells[name]], index=cells.index)
            values = texts.groupby(own).nunique()
            for area in areas:
                if values.get(area, 1) > 1:
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
            columns[name] = numbers.values
        elif any(read_number(cell, decimal or ".") is not None for cell in found):
            read_numbers(found, name, problems, decimal=decimal, marks=marks)
        else:
            words, _ = read_labels(found, name, problems)
            columns |= indicators(
                f"Covariate {name!r}", name, words, words[0] if words else "", counting.notes
            )
    return columns


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
    values = require_counts(counts)["count"].transpose("area", "status").to_numpy()
    statuses = [str(status) for status in counts["status"].to_numpy()]
    areas = [str(area) for area in counts["area"].to_numpy()]
    for status in require_kind("totals", totals, Mapping, "a total for each status, by its name"):
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
    rows = len(values)
    spreads = []
    for step in np.abs(change).tolist():
        places = reversed(list(itertools.combinations_with_replacement(range(rows), step)))
        spreads.append([np.bincount(np.array(chosen, dtype=int), minlength=rows) for chosen in places])
    for chosen in itertools.product(*spreads):
        move = np.sign(change) * np.array(chosen).T
        if not move.sum(axis=1).any() and (values + move >= 0).all():
            yield move


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
