"""Reading authorities: a user's table of units becomes the labelled Dataset, or one message says all that is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, counted, did_you_mean, option, was
from .cells import (
    Column,
    Problems,
    cell_text,
    indicators,
    is_missing,
    is_number,
    read_labels,
    read_number,
    read_numbers,
    settle_decimal,
    shortest,
    smallest_half_width,
)
from .columns import (
    FLAGS,
    NUMBERS,
    Columns,
    as_mapping,
    as_names,
    common_words,
    listed,
    locate_columns,
    mapped,
    missing_columns,
    named_by_content,
    own_words,
    pivoted,
    plain_word,
    with_header,
)
from .dataset import authority_dataset, choose_reference, clearly_independent, dependent_columns, type_dummies
from .table import RawTable, TableOptions, read_table
from .units import check_spelling, one_spelling, repeated_names, say_alike, says_total, total_rows

FloatArray = NDArray[np.float64]
ORIGINS = ("observed", "reconstructed", "simulated")
CHANGES = ("points", "percent")
_DATE = re.compile(
    r"\d{4}-\d{1,2}(?:-\d{1,2})?(?:[T ].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|(?:\d{1,2}\s)?[A-Za-z]{3,9}\.?,?\s(?:\d{1,2},\s)?\d{4}|"
    r"[A-Za-z]{3}-\d{2,4}"
)
_PERCENT = re.compile(r"%|\bper ?cent|\bpct\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_CODES = tuple(
    float(sign + digit * n) for n in (1, 2, 3, 4) for sign, digit in (("-", "9"), ("-", "8"), ("", "9"))
)


@dataclass(frozen=True)
class _Asked:
    """What is asked for, by argument or in the file's header lines."""

    columns: dict[str, str]
    controls: tuple[str, ...]
    further: tuple[str, ...]
    log: tuple[str, ...]
    types: tuple[str, ...]
    totals: tuple[str, ...] | None
    words: dict[str, str]
    change: str
    periods: tuple[Any, ...]
    design_effect: float
    allow_one_type: bool
    incomplete: str
    origin: str


@dataclass
class _Reading:
    """What has been read so far, and every problem met."""

    table: RawTable
    asked: _Asked
    cells: pd.DataFrame
    located: Columns
    problems: Problems
    decimal: str | None = None
    unit: str = ""
    authority: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    values: dict[str, FloatArray] = field(default_factory=dict)
    controls: dict[str, FloatArray] = field(default_factory=dict)
    percent: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    missing: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    known: dict[str, Column] = field(default_factory=dict)

    @property
    def rows(self) -> list[Any]:
        """Rows as people count them."""
        return list(self.cells.index)

    def theirs(self, name: str) -> str:
        """The table's name of one of our columns or of a control."""
        return self.located.ours.get(name, self.located.controls.get(name, name))

    def clean(self, *names: str) -> bool:
        """Whether all these variables are there and no cell of them is wrong."""
        return all(name in self.values and not self.problems.concerns(self.theirs(name)) for name in names)

    @property
    def sound_controls(self) -> dict[str, FloatArray]:
        """The controls of which no cell is wrong."""
        return {n: v for n, v in self.controls.items() if not self.problems.concerns(self.theirs(n))}

    def wrong(self, name: str, places: NDArray[np.bool_], expected: str | Sequence[str], kind: str) -> None:
        """Note a variable's wrong cells."""
        values = self.values.get(name, self.controls.get(name))
        for i in np.flatnonzero(places).tolist():
            words = expected if isinstance(expected, str) else expected[i]
            found = shortest(values[i]) if values is not None else ""
            self.problems.cell(self.cells.index[i], self.theirs(name), found, words, kind)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Keep some rows of everything that was read."""
        self.cells = self.cells.loc[kept]
        self.authority = [name for name, keep in zip(self.authority, kept, strict=True) if keep]
        self.types = [name for name, keep in zip(self.types, kept, strict=True) if keep] if self.types else []
        for arrays in (self.values, self.controls):
            arrays.update({name: values[kept] for name, values in arrays.items()})
        self.percent = {name: flags[kept] for name, flags in self.percent.items()}
        self.missing = {name: flags[kept] for name, flags in self.missing.items()}


def read_authorities(
    source: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    controls: Sequence[str] | None = None,
    change: str | None = None,
    period: str | None = None,
    before: object = None,
    after: object = None,
    types: Sequence[str] | None = None,
    log: Sequence[str] = (),
    further_outcomes: Sequence[str] = (),
    design_effect: float = 1.0,
    allow_one_type: bool = False,
    incomplete: str = "drop",
    totals: Sequence[str] | None = None,
    words: Mapping[str, str] | None = None,
    origin: str = "observed",
    name: str | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    header: int | Sequence[int] | None = None,
    sheet: str | int | None = None,
    missing: Iterable[object] = (),
) -> xr.Dataset:
    """Read a table of authorities or other units, one row each, and check every cell of it.

    Parameters
    ----------
    source : str, Path or DataFrame
        A text file (``.csv``, ``.tsv``, ``.txt``, also ``.gz``), a workbook (``.xlsx``, ``.xls``, ``.ods``), a Parquet or
        Feather file, or a frame. Lines ``# key: value`` at its top say the same as the options below, which win.
    columns : mapping of str to str, optional
        The table's column names to ours: ``authority``, ``authority_type``, ``baseline``, ``outcome``, ``change``,
        ``target``, ``stretch``, ``baseline_se``, ``outcome_se``, ``n_baseline``, ``n_outcome``. A column that already
        bears our name needs no entry. Columns that are not asked for are left alone.
    controls : sequence of str, optional
        Columns to control for. A column of words becomes one column of 0 and 1 for each word but the commonest.
    change : {"points", "percent"}, optional
        Whether the change is the outcome minus the baseline, in the outcome's own unit (default), or in per cent of
        the baseline.
    period, before, after : optional
        For a table in long form, with one row per unit and period: the column that holds the period, and the periods
        of baseline and outcome. The score's column is then mapped to ``outcome``.
    types : sequence of str, optional
        The types that may occur, in the order in which results show them. Without it every label is a type, in order
        of appearance, and labels that look like another one misspelt are errors.
    log : sequence of str, optional
        Controls to take the natural logarithm of; ``"population"`` becomes ``"population (log)"``.
    further_outcomes : sequence of str, optional
        More scores to carry along as variables under their own names.
    design_effect : float, default 1
        Factor on the sampling variance where standard errors come from survey sizes.
    allow_one_type : bool, default False
        Whether all units may be of one type (then nothing is there to pool).
    incomplete : {"drop", "refuse"}
        What to do with rows that lack a value: leave them out, which `notes` and `left_out` say, or refuse the table.
    totals : sequence of str, optional
        Names of rows that are totals or averages and no units; an empty list says that there is none. Without it a row
        is left out where its numbers agree with the others' sum or mean and its name or place says so.
    words : mapping of str to str, optional
        The user's own words: ``unit`` ("school"), ``type`` ("region"), ``outcome`` ("pass rate"), ``outcome_unit``
        ("%"), ``target``, ``before``, ``after``.
    origin : {"observed", "reconstructed", "simulated"}
        Where the rows come from; every table and figure made of them repeats it.
    name : str, optional
        What to call the table in messages and in ``attrs["source"]``.
    separator, decimal, encoding : str, optional
        How the text is written, such as ``";"``, ``","`` and ``"windows-1252"``; recognised where the file allows one
        reading only.
    header : int or sequence of int, optional
        Row of the file that holds the names of the columns, 1 for the first.
    sheet : str or int, optional
        Sheet of a workbook.
    missing : iterable of str
        Marks of a missing value beside the known ones (``NA``, ``-``, ``..``, ``:``, ``[c]``, ``SUPP``, ...).

    Returns
    -------
    xarray.Dataset
        Dims ``authority`` and ``control``; coords ``authority``, ``authority_type`` (on dim ``authority``) and
        ``control``; variables, each where the table has it: ``baseline``, ``outcome`` (shares of 0 to 1 are
        multiplied by 100), ``change`` (in the unit that ``attrs["change"]`` names), ``target`` (0 or 1), ``stretch``
        (0 where there is no target, NaN where it is not known), ``baseline_se``, ``outcome_se``, the further
        outcomes, and always ``controls`` ``(authority, control)``. A table with an outcome and no baseline has no
        ``change``, and ``attrs["design"]`` is ``"cross-section"`` (else ``"change"``). Units are in each variable's
        ``attrs["units"]``. Further attrs: ``origin``, ``source``, ``sha256``, ``types``, ``n_missing_stretch``,
        ``notes`` (what was recognised or assumed, a sentence each), ``left_out`` (``"name: reason"``), ``unit_word``,
        ``type_word``, ``outcome_words``, ``outcome_unit``, ``target_words``, ``before_words``, ``after_words``.

    Raises
    ------
    DataError
        With every violation at once, grouped by column and kind, each with row, column, value and what was expected.

    Notes
    -----
    A given change must agree with baseline and outcome within the rounding of the three columns, and the computed one
    is used.

    Survey sizes n become standard errors ``sqrt(design_effect * p (100 - p) / n)`` in percentage points. With the
    default design effect of 1 that is a simple random sample's; a weighted or clustered survey has a larger error.

    Examples
    --------
    >>> frame = pd.DataFrame({
    ...     "authority": list("ABCDEF"), "authority_type": ["county", "unitary"] * 3,
    ...     "score_2006": [80.0, 75, 70, 78, 82, 60], "score_2008": [78.0, 75, 71, 76, 80, 63],
    ...     "target": [1, 0, 1, 0, 0, 1]})
    >>> names = {"score_2006": "baseline", "score_2008": "outcome"}
    >>> read_authorities(frame, columns=names)["change"].values
    array([-2.,  0.,  1., -2., -2.,  3.])
    >>> read_authorities(frame, columns=names, change="percent")["change"].values.round(2)
    array([-2.5 ,  0.  ,  1.43, -2.56, -2.44,  5.  ])
    """
    given = locals()
    table = read_table(source, TableOptions(separator, decimal, encoding, header, sheet, missing), name=name)
    reading = _located(table, _asked(table.header, given))
    _read_cells(reading)
    _leave_out_incomplete(reading)
    _settle_scales(reading)
    _check_limits(reading)
    _check_types(reading)
    _compute_change(reading)
    _compute_standard_errors(reading)
    _check_variation(reading)
    _take_logs(reading)
    _check_terms(reading)
    reading.problems.check()
    _write_notes(reading)
    return _dataset(reading)


def _asked(lines: Mapping[str, str], given: dict[str, Any]) -> _Asked:
    """Options as given, else as the file's header lines say, checked."""
    for name in ("controls", "totals"):
        if given[name] is None and lines.get(name):
            given[name] = listed(lines[name])
    asked = _Asked(
        columns=as_mapping(given["columns"], "columns") or mapped(lines.get("columns", "")),
        controls=as_names(given["controls"], "controls"),
        further=as_names(given["further_outcomes"], "further_outcomes"),
        log=as_names(given["log"], "log"),
        types=as_names(given["types"], "types"),
        totals=None if given["totals"] is None else as_names(given["totals"], "totals"),
        words=own_words(given["words"], lines),
        change=with_header(given["change"], lines, "change") or "points",
        periods=tuple(with_header(given[name], lines, name) for name in ("period", "before", "after")),
        **{name: given[name] for name in ("design_effect", "allow_one_type", "incomplete", "origin")},
    )
    for name in asked.log:
        if name not in asked.controls:
            raise DataError(
                f"log: {name!r} is not one of the controls; {did_you_mean(name, list(asked.controls))}"
            )
    if not is_number(asked.design_effect) or asked.design_effect <= 0:
        raise DataError(f"design_effect: found {asked.design_effect!r}, expected a number above 0")
    for name, found, known in (
        ("origin", asked.origin, ORIGINS),
        ("change", asked.change, CHANGES),
        ("incomplete", asked.incomplete, ("drop", "refuse")),
    ):
        if found not in known or not isinstance(found, str):
            raise DataError(f"{name}: found {found!r}; {did_you_mean(str(found), list(known))}")
    return asked


def _located(table: RawTable, asked: _Asked) -> _Reading:
    """The table with each column that is needed found; one in long form made wide."""
    problems, notes, words = Problems(table.label), list(table.notes), asked.words
    located = locate_columns(
        [str(column) for column in table.cells.columns],
        columns=asked.columns,
        controls=asked.controls,
        further=asked.further,
        problems=problems,
    )
    cells = table.cells
    if any(given is not None for given in asked.periods):
        period, before, after = asked.periods
        cells, located, shown = pivoted(table, located, period, before, after, problems, notes)
        words = shown | words
    named_by_content(located, cells, notes)
    missing_columns(located, cells, problems)
    return _Reading(table, replace(asked, words=words), cells, located, problems, notes=notes)


def _dataset(reading: _Reading) -> xr.Dataset:
    asked, present = reading.asked, dict.fromkeys(reading.types)
    return authority_dataset(
        reading.authority,
        reading.types,
        reading.values,
        controls={f"{n} (log)" if n in asked.log else n: v for n, v in reading.controls.items()},
        types=[known for known in asked.types or present if known in present],
        origin=asked.origin,
        source=reading.table.label,
        sha256=reading.table.sha256,
        units=dict.fromkeys(asked.further, reading.unit or "points"),
        notes=reading.notes,
        left_out=reading.left_out,
        change=asked.change,
        outcome_unit=reading.unit,
        words=_words(reading.located, asked.words),
    )


# --- cells


def _read_cells(reading: _Reading) -> None:
    """Find the rows that are units, and read every column that was found as labels, flags or numbers."""
    ours, marks, problems = reading.located.ours, reading.table.missing, reading.problems
    numeric = [ours[name] for name in NUMBERS if ours.get(name) in reading.cells and name != "target"]
    numeric += [
        c for c in (*reading.located.controls.values(), *reading.located.further) if c in reading.cells
    ]
    numeric = list(dict.fromkeys(numeric))
    reading.decimal = settle_decimal(reading.cells, numeric, reading.table.decimal, problems)
    if reading.decimal == "," and reading.table.decimal is None and numeric:
        reading.notes.append(
            "The comma was taken as the decimal sign, the only reading that the numbers allow."
        )
    if ours.get("authority") in reading.cells:
        _leave_out_totals(reading, numeric)
        column = ours["authority"]
        reading.authority, _ = read_labels(reading.cells[column], column, problems, required=True)
        repeated_names(reading.authority, column, reading.cells, problems)
    else:
        reading.authority = [""] * len(reading.cells)
    if ours.get("authority_type") in reading.cells:
        column = ours["authority_type"]
        labels, gone = read_labels(reading.cells[column], column, problems, marks=marks)
        say_alike(reading.cells[column], labels, reading.notes, column)
        reading.types, reading.missing["authority_type"] = one_spelling(labels, reading.notes, column), gone
    for name in (*(n for n in NUMBERS if n in ours), *reading.located.further):
        column = reading.theirs(name)
        if column not in reading.cells:
            continue
        if name == "target":
            reading.values[name], gone = _read_target(reading, column)
            reading.missing[name] = gone
            continue
        found = _numbers(reading, column)
        reading.values[name], reading.percent[name] = found.values, found.percent
        if name != "stretch":
            reading.missing[name] = found.missing
    for name, column in list(reading.located.controls.items()):
        if column in reading.cells:
            _read_control(reading, name, column)
    if reading.clean("stretch", "target"):
        unknown, target = np.isnan(reading.values["stretch"]), reading.values["target"]
        reading.values["stretch"] = np.where(unknown & (target == 0), 0.0, reading.values["stretch"])


def _leave_out_totals(reading: _Reading, numeric: Sequence[str]) -> None:
    """Leave out rows that are totals or averages of the others."""
    ours, cells = reading.located.ours, reading.cells
    column = ours["authority"]
    names = [cell_text(cell) for cell in cells[column]]
    scores = [ours[name] for name in ("baseline", "outcome", "change") if ours.get(name) in cells]
    # Numbers that are read for nothing else may be the weights of an average, such as attendances.
    weights = (
        [str(c) for c in cells.columns if str(c) and c not in (column, *numeric)][:20]
        if any(map(says_total, names))
        else []
    )
    read: dict[str, FloatArray] = {}
    for c in (*numeric, *weights):
        quiet = Problems("")
        found = read_numbers(cells[c], c, quiet, decimal=reading.decimal or ".", marks=reading.table.missing)
        read[c] = found.values
        if not quiet and reading.decimal is not None:
            reading.known[c] = found
    numbers = pd.DataFrame(
        {c: v for c, v in read.items() if c in scores or np.isfinite(v).mean() > 0.8}, index=cells.index
    )
    flags = [c for c in numbers if set(np.unique(numbers[c].dropna())) <= {0.0, 1.0}]
    sums = [str(c) for c in numbers if c not in (*scores, *flags)]
    left = total_rows(
        names, numbers.drop(columns=flags), sums=sums, means=[c for c in scores if c not in flags], told=reading.asked.totals,
        column=column, problems=reading.problems,
    )  # fmt: skip
    if left:
        reading.known.clear()
        words = " and ".join(repr(names[i]) for i in left[:5]) + (" and others" if len(left) > 5 else "")
        rows, total = ("Row", "a total or average") if len(left) == 1 else ("Rows", "totals or averages")
        reading.notes.append(f"{rows} {words} {was(len(left))} left out as {total} of the others.")
        reading.left_out += [f"{names[i]}: a total or average of the other rows" for i in left]
        reading.cells = cells.drop(index=cells.index[left])


def _numbers(reading: _Reading, column: str) -> Column:
    """Numbers of a column; those that were read while totals were looked for are not read again."""
    found = reading.known.get(column)
    if found is None:
        cells, marks = reading.cells[column], reading.table.missing
        found = read_numbers(cells, column, reading.problems, decimal=reading.decimal, marks=marks)
    _ask_about_codes(reading, column, found.values)
    return found


def _ask_about_codes(reading: _Reading, column: str, values: FloatArray) -> None:
    """Ask about -99, 999 and the like far from all other numbers of a column: they often say that there is none."""
    coded = np.isin(values, _CODES)
    others = values[np.isfinite(values) & ~coded]
    if not coded.any() or others.size < 3:
        return
    low, high = others.min(), others.max()
    far = coded & (np.maximum(low - values, values - high) > 3 * (high - low))
    for i in np.flatnonzero(far).tolist():
        code = shortest(values[i])
        expected = f"a number near the others ({shortest(low)} to {shortest(high)}); if it says that there is none, give "
        reading.problems.cell(
            reading.rows[i],
            column,
            code,
            expected + option("missing", [code]),
            "what often stands for no value",
        )


def _read_target(reading: _Reading, column: str) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Read who has a target: yes or no in any of their forms, or the date since when."""
    cells = reading.cells[column]
    marks = reading.table.missing - set(FLAGS)
    values, gone = np.full(len(cells), np.nan), np.zeros(len(cells), dtype=bool)
    texts = ["" if is_missing(cell, marks) else cell_text(cell) for cell in cells]
    known = [text for text in texts if text]
    dated = [text for text in known if _DATE.fullmatch(text) or _YEAR.fullmatch(text)]
    if dated and all(text in dated or FLAGS.get(text.casefold()) == 0 for text in dict.fromkeys(known)):
        values = np.array([float(text in dated) for text in texts])
        reading.notes.append(
            f"Column {column!r} holds dates: the {int(values.sum()):,} units with a date were read as having a target, the "
            f"{int((values == 0).sum()):,} without one as having none."
        )
        return values, gone
    for i, (row, text, cell) in enumerate(zip(cells.index, texts, cells, strict=True)):
        flag = FLAGS.get(text.casefold())
        if flag is not None:
            values[i] = flag
        elif not text:
            gone[i] = True
        else:
            number = read_number(cell)
            words = (
                "0 or 1" if number is not None else "a number, 0 or 1 (or yes or no, or a date of adoption)"
            )
            reading.problems.cell(row, column, text, words, "other values than 0 and 1")
    return values, gone


def _read_control(reading: _Reading, name: str, column: str) -> None:
    """Read a control as numbers, or as one column of 0 and 1 for each word but the commonest."""
    cells, marks = reading.cells[column], reading.table.missing

    def held(some: pd.Series[Any]) -> Iterator[str]:
        return (cell_text(cell) for cell in some if not is_missing(cell, marks))

    sample = list(held(cells.iloc[:1000]))
    flags = bool(sample) and all(text.casefold() in FLAGS for text in held(cells))
    if not flags and (not sample or any(read_number(t, reading.decimal or ".") is not None for t in sample)):
        found = _numbers(reading, column)
        reading.controls[name], reading.missing[f"control {name}"] = found.values, found.missing
        return
    gone = np.array([is_missing(cell, marks) for cell in cells])
    reading.missing[f"control {name}"] = gone
    if flags:
        reading.controls[name] = np.full(len(cells), np.nan)
        reading.controls[name][~gone] = [FLAGS[text.casefold()] for text in held(cells)]
        return
    labels, _ = read_labels(cells, column, reading.problems, marks=marks)
    labels = one_spelling(labels, reading.notes, column)
    counts = Counter(label for label in labels if label)
    if counts:
        commonest = counts.most_common(1)[0][0]
        columns = indicators(f"Control {name!r}", name, labels, commonest, reading.notes)
        reading.controls |= columns
        reading.located.controls.update(dict.fromkeys(columns, column))


def _leave_out_incomplete(reading: _Reading) -> None:
    """Leave out rows that lack a value which a model needs, or refuse them."""
    lacking = {name: mask for name, mask in reading.missing.items() if mask.any()}
    if not lacking:
        return
    if reading.asked.incomplete == "refuse":
        for name, mask in lacking.items():
            expected = "a name" if name == "authority_type" else "a number, not an empty cell"
            column = reading.theirs(name.removeprefix("control "))
            for i in np.flatnonzero(mask).tolist():
                value = cell_text(reading.cells[column].iloc[i])
                reading.problems.cell(reading.cells.index[i], column, value, expected, "nothing")
        return
    gone = np.logical_or.reduce(list(lacking.values()))
    columns = {name: reading.theirs(name.removeprefix("control ")) for name in lacking}
    counts = ", ".join(f"{columns[name]!r} in {int(mask.sum()):,}" for name, mask in lacking.items())
    if gone.all():
        reading.problems.say(
            f"{reading.problems.label}: no row has a value in every column that is needed; missing: {counts}"
        )
        return
    n = int(gone.sum())
    reading.notes.append(
        f"{n:,} of {len(gone):,} rows lack a value that the model needs and {was(n)} left out (missing: {counts})."
    )
    for i in np.flatnonzero(gone).tolist():
        lacks = ", ".join(dict.fromkeys(columns[name] for name, mask in lacking.items() if mask[i]))
        reading.left_out.append(f"{reading.authority[i]}: no value of {lacks}")
    reading.keep(~gone)


# --- scales


def _settle_scales(reading: _Reading) -> None:
    """Refuse scores on two scales, multiply shares of 0 to 1 by 100, and find the unit of the outcome."""
    unit = reading.asked.words.get("outcome_unit")
    scores = [name for name in ("baseline", "outcome") if reading.clean(name)]
    signs = [name for name in scores if reading.percent[name].any()]
    shares = {name for name in scores if _is_share(reading.values[name]) and name not in signs}
    _refuse_two_scales(reading, scores, signs, shares)
    if unit is None or unit.startswith("%") or "per cent" in unit or "percent" in unit:
        _check_mixed(reading, scores)
    explicit = unit is not None and not re.match(r"%|per ?cent|percentage|points?$", unit)
    if shares and shares == set(scores) and not explicit:
        _multiply_shares(reading, scores)
        reading.unit = unit or "%"
    else:
        reading.unit = unit if unit is not None else "%" if signs else _unit_of_print(reading, scores)


def _refuse_two_scales(
    reading: _Reading, scores: Sequence[str], signs: Sequence[str], shares: set[str]
) -> None:
    """Note shares among numbers with a per cent sign, and one score in per cent beside the other in shares."""
    for name in signs:
        bare = ~reading.percent[name]
        small = bare & (np.abs(reading.values[name]) <= 1) & (reading.values[name] != 0)
        if small.any() and reading.values[name][~bare].max() > 1:
            expected = "a percentage, as where a per cent sign is printed (is it a share of 0 to 1?)"
            reading.wrong(name, small, expected, "shares")
    for name in shares:
        for other in (other for other in scores if other not in shares):
            large, small_one = (float(np.median(reading.values[score])) for score in (other, name))
            if large > 2 and large > 10 * small_one:
                most, least = (shortest(reading.values[score].max()) for score in (other, name))
                sentence = (
                    f"{reading.problems.label}: {reading.theirs(other)!r} goes up to {most} and {reading.theirs(name)!r} to {least}, "
                    "expected both in per cent or both as shares of 0 to 1"
                )
                reading.problems.say(sentence, reading.theirs(name))


def _multiply_shares(reading: _Reading, scores: Sequence[str]) -> None:
    """Make percentages of shares of 0 to 1, and of what belongs to them."""
    alike = [
        name for name in reading.asked.further if reading.clean(name) and _is_share(reading.values[name])
    ]
    if reading.clean("stretch") and np.nanmax(np.abs(reading.values["stretch"]), initial=0.0) <= 1:
        alike.append("stretch")
    for name in (*scores, *(f"{score}_se" for score in scores), *alike):
        if name in reading.values:
            reading.values[name] = 100 * reading.values[name]
    words = " and ".join(repr(reading.theirs(name)) for name in scores)
    reading.notes.append(
        f"{words} {'hold' if len(scores) > 1 else 'holds'} shares of 0 to 1, which were multiplied by 100."
    )


def _unit_of_print(reading: _Reading, scores: Sequence[str]) -> str:
    """The unit that names of columns or signs of currency show; empty where there is none."""
    percents = bool(scores) and all(_PERCENT.search(reading.theirs(name)) for name in scores)
    numbers = np.concatenate([np.zeros(0), *(reading.values[name] for name in scores)])
    if percents and ((numbers >= 0) & (numbers <= 100)).all():
        reading.notes.append("The scores were taken for percentages, as the names of their columns say.")
        return "%"
    cells = (cell for name in scores for cell in reading.cells[reading.theirs(name)].iloc[:50])
    first = (cell.strip()[:1] for cell in cells if isinstance(cell, str))
    return next((sign for sign in first if sign in ("£", "$", "€")), "")


def _is_share(values: FloatArray) -> bool:
    known = values[np.isfinite(values)]
    return bool(known.size and known.min() >= 0 and known.max() <= 1 and (known % 1 != 0).any())


def _check_mixed(reading: _Reading, scores: Sequence[str]) -> None:
    """Refuse shares of 0 to 1 in a column of percentages; what may be one, beside numbers of all sizes, is said."""
    for name in scores:
        values = reading.values[name]
        small = (values > 0) & (values < 1)
        rest = values[~small & np.isfinite(values)]
        if not small.any() or not rest.size or np.median(rest) <= 10:
            continue
        if rest.size > 4 and np.quantile(rest, 0.02) > 10 and rest.max() <= 100:
            expected = "a percentage like the others (is it a share of 0 to 1?)"
            reading.wrong(name, small, expected, "what look like shares")
        elif bare := np.flatnonzero(small & ~reading.percent[name]).tolist():
            i = bare[0]
            more = f", as {len(bare) - 1} more have numbers under 1" if len(bare) > 1 else ""
            reading.notes.append(
                f"{reading.authority[i]!r} (row {reading.rows[i]}) has {shortest(values[i])} in column {reading.theirs(name)!r}{more}, "
                f"where half of the others are above {np.median(rest):.4g}: read as it stands; correct it if it is a share of 0 to 1."
            )


def _check_limits(reading: _Reading) -> None:
    """Check numbers against what they can be."""
    values, none = reading.values, np.array(np.nan)
    share = "a percentage from 0 to 100, since its survey size is given"
    limits: list[tuple[str, NDArray[np.bool_], str, str]] = []
    for score in ("baseline", "outcome"):
        x, se, n = (values.get(name, none) for name in (score, f"{score}_se", f"n_{score}"))
        if f"n_{score}" in values and f"{score}_se" not in values:
            limits.append((score, (x < 0) | (x > 100), share, "other numbers"))
        limits.append((f"{score}_se", se <= 0, "a standard error above 0", "numbers of 0 or less"))
        limits.append((f"n_{score}", n < 1, "a number of respondents, 1 or more", "numbers under 1"))
    if reading.asked.change == "percent":
        above = "a score above 0, from which a percentage change is defined"
        least = "a percentage change of -100 or more"
        limits.append(("baseline", values.get("baseline", none) <= 0, above, "scores of 0 or less"))
        limits.append(("change", values.get("change", none) < -100, least, "changes under -100"))
    if "target" in values:
        stretch = np.nan_to_num(values.get("stretch", none))
        without = (stretch != 0) & (values["target"] == 0)
        limits.append(("stretch", without, "0 (or nothing) where target is 0", "other numbers than 0"))
    for name, wrong, expected, kind in limits:
        if name in values:
            reading.wrong(name, wrong, expected, kind)


def _check_types(reading: _Reading) -> None:
    if not reading.types:
        return
    column, label = reading.theirs("authority_type"), reading.problems.label
    check_spelling(reading.types, reading.rows, column, reading.asked.types, reading.problems)
    present = {found for found in reading.types if found}
    if len(present) == 1 and not reading.asked.allow_one_type:
        reading.problems.say(
            f"{label}, column {column!r}: found one type only, {present.pop()!r}, expected two or more to pool "
            "(in Python: allow_one_type=True)",
            column,
        )
    for name in reading.controls:
        if name in present:
            reading.problems.say(f"{label}, controls: {name!r} is an authority type too")


def _compute_change(reading: _Reading) -> None:
    """Compute the change where both scores are there; a given one must agree with it."""
    if not reading.clean("baseline", "outcome"):
        return
    before, after = reading.values["baseline"], reading.values["outcome"]
    per_before: FloatArray | float = 1.0
    per_after: FloatArray | float = 1.0
    if reading.asked.change == "points":
        computed = after - before
    else:
        with np.errstate(over="ignore"):
            computed = 100 * (after - before) / before
        per_before, per_after = 100 * np.abs(after / before) / before, 100 / before
    tiny = ~np.isfinite(computed)
    reading.wrong("baseline", tiny, "a score large enough to compute a change from", "scores too small")
    if tiny.any():
        return
    if reading.clean("change"):
        half = {
            n: smallest_half_width(reading.cells[reading.theirs(n)], reading.decimal)
            for n in ("baseline", "outcome", "change")
        }
        # Each printed score may be off by half a unit; to first order the errors of the change add up.
        slack = half["outcome"] * per_after + half["baseline"] * per_before + half["change"]
        off = np.abs(computed - reading.values["change"]) > 1.01 * slack + 1e-9
        words = [f"{value:.4g}, the change from baseline to outcome" for value in computed]
        reading.wrong("change", off, words, "changes that contradict the scores")
    if not reading.problems.concerns(reading.theirs("change")):
        reading.values["change"] = computed


def _compute_standard_errors(reading: _Reading) -> None:
    """Turn survey sizes into standard errors, in percentage points, where no errors are given."""
    design_effect = float(reading.asked.design_effect)
    for score in ("baseline", "outcome"):
        size, error = f"n_{score}", f"{score}_se"
        if error not in reading.values and reading.clean(score, size):
            share, n = reading.values[score], reading.values[size]
            reading.values[error] = np.sqrt(design_effect * share * (100 - share) / n)
            expected = "a score above 0 and below 100, since its standard error comes from a survey size"
            reading.wrong(score, reading.values[error] == 0, expected, "scores of 0 or 100")
            reading.notes.append(
                f"Standard errors of {reading.theirs(score)!r} were computed from {reading.theirs(size)!r} with a design effect "
                f"of {design_effect:g}."
            )
        elif error in reading.values and size in reading.values:
            reading.notes.append(
                f"Standard errors were read from {reading.theirs(error)!r}, and {reading.theirs(size)!r} was set aside."
            )
    for score in ("baseline", "outcome"):
        reading.values.pop(f"n_{score}", None)


def _take_logs(reading: _Reading) -> None:
    for name in reading.asked.log:
        values = reading.controls.get(name)
        if values is None:
            continue
        low = values <= 0
        reading.wrong(name, low, "a number above 0, to take the logarithm of", "numbers of 0 or less")
        if not low.any():
            reading.controls[name] = np.log(values)
            reading.notes.append(f"The natural logarithm was taken of control {name!r}.")


# --- what a regression needs


def _check_variation(reading: _Reading) -> None:
    """Check that outcome, effects and controls are not constant."""
    outcome = "change" if reading.clean("change") else "outcome"
    names = [name for name in (outcome, "target", "stretch") if reading.clean(name)]
    sound = [(name, f"column {reading.theirs(name)!r}", reading.values[name]) for name in names]
    sound += [(name, f"control {name!r}", values) for name, values in reading.sound_controls.items()]
    for name, place, values in sound:
        known = values[~np.isnan(values)]
        if not known.size or np.all(known == known[0]):
            found = f"every value is {shortest(known[0])}" if known.size else "no value is known"
            sentence = f"{reading.problems.label}, {place}: {found}, expected some variation"
            reading.problems.say(sentence, reading.theirs(name))


def _check_terms(reading: _Reading) -> None:
    """Check that a regression has more units than terms, and that no term is collinear."""
    problems, label = reading.problems, reading.problems.label
    if not reading.types or problems.concerns(reading.theirs("authority_type")):
        return
    types = reading.types
    n_types = len(set(types))
    effect = bool(reading.values.keys() & {"target", "stretch"})
    terms = n_types + len(reading.controls) + effect
    if len(types) <= terms:
        problems.say(
            f"{label}: found {len(types):,} authorities, expected more than the {terms:,} regression terms (constant, types, "
            "controls, effect)"
        )
        return
    usable = {f"control {name}": values for name, values in reading.sound_controls.items()}
    if reading.clean("target"):
        usable["target"] = reading.values["target"]
    matrix = pd.DataFrame(usable, index=range(len(types)))
    if matrix.isna().any(axis=None) or _independent_within_types(matrix, types):
        return
    dummies = type_dummies(types, list(dict.fromkeys(types)), choose_reference(types)).add_prefix("type ")
    for name, others in dependent_columns(pd.concat([dummies, matrix], axis=1)).items():
        if others:
            shown = others if len(others) <= 5 else [*others[:5], f"{len(others) - 5} more"]
            theirs = name if name.startswith("control ") else reading.theirs(name)
            problems.say(
                f"{label}, {theirs}: an exact linear combination of {', '.join(shown)} (and a constant), expected columns that can "
                "be told apart"
            )


def _independent_within_types(matrix: pd.DataFrame, types: Sequence[str]) -> bool:
    """Whether columns are clearly independent of one another and of the types: one decomposition of what types leave."""
    if matrix.empty:
        return True
    values = matrix / matrix.abs().max()
    within = values - values.groupby(np.array(types, dtype=object)).transform("mean")
    length, whole = (np.linalg.norm(each, axis=0) for each in (within, values - values.mean()))
    # A column of zeros has no length, nor has one that its types determine.
    return bool((length > 1e-6 * whole).all()) and clearly_independent(within.to_numpy() / length)


def _write_notes(reading: _Reading) -> None:
    for name in reading.located.shadowed:
        other = reading.located.ours[name]
        reading.notes.append(f"Column {name!r} was set aside, since {other!r} was mapped to {name!r}.")
    missing = int(np.isnan(reading.values.get("stretch", np.zeros(0))).sum())
    if missing:
        reading.notes.append(
            f"The stretch is not known for {counted(missing, 'unit')} with a target, and was kept as missing."
        )


def _words(located: Columns, own: Mapping[str, str]) -> dict[str, str]:
    """The user's words, and where none were given the names of the columns."""
    # A column that bears our own name says nothing of the user's.
    theirs = {name: column for name, column in located.ours.items() if column != name}
    before, after = located.ours.get("baseline"), located.ours.get("outcome")
    score = common_words(before, after) if before else theirs.get("outcome", "")
    unit, kind = theirs.get("authority"), theirs.get("authority_type")
    defaults = {
        "unit_word": plain_word(unit, "unit") if unit else "authority",
        "type_word": plain_word(kind, "group") if kind else "authority type",
        "outcome_words": re.sub(r"[\s_]+", " ", score).strip() or "score",
        "target_words": theirs.get("target", "target"),
        "before_words": theirs.get("baseline", "before"),
        "after_words": theirs.get("outcome", "after"),
    }
    return {name: str(own.get(name) or word) for name, word in defaults.items()}
