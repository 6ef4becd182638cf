"""Reading authorities: a user's table becomes the labelled Dataset, or one message says all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ..errors import DataError, cell_message, did_you_mean
from .authority_cells import (
    cell_limits,
    duplicate_problems,
    half_unit,
    misspelt_type_problems,
    read_labels,
    read_numbers,
    shortest,
    unknown_type_problems,
)
from .authority_columns import NUMBERS, Columns, as_names, locate_columns
from .authority_dataset import ORIGINS, authority_dataset
from .authority_files import raise_problems, read_raw
from .design_matrix import choose_reference, dependent_columns, type_dummies

FloatArray = npt.NDArray[np.float64]


@dataclass
class _Reading:
    """What has been read so far, and every problem met, by variable (``"control x"`` for a control x)."""

    label: str
    theirs: Mapping[str, str]
    authority: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    values: dict[str, FloatArray] = field(default_factory=dict)
    controls: dict[str, FloatArray] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, key: str, problems: Sequence[str]) -> None:
        if problems:
            self.problems.setdefault(key, []).extend(problems)

    def clean(self, *names: str) -> bool:
        """Whether all these variables are there and no cell of them is wrong."""
        return all(name in self.values and name not in self.problems for name in names)

    def add_cells(self, name: str, wrong: npt.NDArray[np.bool_], expected: Sequence[str]) -> None:
        """Say of a variable's wrong cells what was expected there."""
        self.add(
            name,
            [
                cell_message(
                    file=self.label,
                    row=i + 1,
                    column=self.theirs.get(name, name),
                    value=shortest(self.values[name][i]),
                    expected=expected[i],
                )
                for i in np.flatnonzero(wrong).tolist()
            ],
        )


def read_authorities(
    source: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    controls: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    log: Sequence[str] = (),
    further_outcomes: Sequence[str] = (),
    design_effect: float = 1.0,
    allow_one_type: bool = False,
    origin: str = "observed",
    name: str | None = None,
) -> xr.Dataset:
    """Read a table of authorities, one row each, and check every cell of it.

    Parameters
    ----------
    source : str, Path or DataFrame
        A CSV file (UTF-8, commas, empty cell = missing; a byte order mark is tolerated), a Parquet file
        (needs the package pyarrow) or a frame.
    columns : mapping of str to str, optional
        The table's column names to ours: ``authority``, ``authority_type``, ``baseline``, ``outcome``,
        ``change``, ``target``, ``stretch``, ``baseline_se``, ``outcome_se``, ``n_baseline``, ``n_outcome``. A
        column that already bears our name needs no entry. Columns that are not asked for are ignored.
    controls : sequence of str, optional
        Columns to control for, any number; none by default.
    types : sequence of str, optional
        The authority types that may occur, in the order in which results show them. Without it every
        label is a type, in order of appearance, and labels that look like another one misspelt are errors.
    log : sequence of str, optional
        Controls to take the natural logarithm of; ``"population"`` becomes ``"population (log)"``, as in
        Andrews, Downe & Guarneros-Meza (2014), Table 2.
    further_outcomes : sequence of str, optional
        More percentages to carry along as variables under their own names.
    design_effect : float, default 1
        Factor on the sampling variance where standard errors come from survey sizes.
    allow_one_type : bool, default False
        Whether all authorities may be of one type (then nothing is there to pool).
    origin : {"observed", "reconstructed", "simulated"}
        Where the rows come from; every table and figure made of them repeats it.
    name : str, optional
        What to call the table in messages and in ``attrs["source"]``.

    Returns
    -------
    xarray.Dataset
        Dims ``authority`` and ``control``; coords ``authority``, ``authority_type`` (on dim ``authority``)
        and ``control``; variables, each where the table has it and absent where it has not: ``baseline``,
        ``outcome`` (percentages), ``change`` (percentage change from the baseline), ``target`` (0 or 1),
        ``stretch`` (percentage points; 0 where there is no target, NaN where it is not known),
        ``baseline_se``, ``outcome_se`` (percentage points), the further outcomes, and always ``controls``
        ``(authority, control)``. Units stand in each variable's ``attrs["units"]``; attrs are ``origin``,
        ``source``, ``sha256`` (of the file, or of the frame's CSV text), ``types``, ``n_missing_stretch``
        and ``notes``.

    Raises
    ------
    DataError
        With every violation at once (the first 20 are listed), each with row, column, value and what was
        expected: cells that are missing (a stretch may be), not numbers or infinite; percentages outside 0
        to 100; a baseline of 0; a target other than 0 or 1; a stretch without a target; a change that
        contradicts the scores; authorities that occur twice; types that are unknown or misspelt; columns
        that are missing, misspelt, constant or collinear; not more authorities than regression terms; one
        type only. A file whose shape is broken (empty, not UTF-8, ragged, header with duplicates) is told
        alone, since its cells cannot be placed.

    Notes
    -----
    Where baseline and outcome are there, ``change = 100 (outcome - baseline) / baseline``; a given change
    must agree with that within the rounding of the three columns, and the computed one is used.

    Survey sizes n become standard errors ``sqrt(design_effect * p (100 - p) / n)`` in percentage points.
    With the default design effect of 1 that is a simple random sample's; a weighted or clustered survey
    has a larger error, so pass its design effect, or the published standard errors, where they are known.

    Examples
    --------
    >>> frame = pd.DataFrame({
    ...     "authority": list("ABCDEF"), "authority_type": ["county", "unitary"] * 3,
    ...     "score_2006": [80.0, 75, 70, 78, 82, 60], "score_2008": [78.0, 75, 71, 76, 80, 63],
    ...     "target": [1, 0, 1, 0, 0, 1]})
    >>> authorities = read_authorities(frame, columns={"score_2006": "baseline", "score_2008": "outcome"})
    >>> authorities["change"].values.round(2)
    array([-2.5 ,  0.  ,  1.43, -2.56, -2.44,  5.  ])
    >>> authorities.attrs["types"]
    ['county', 'unitary']
    """
    control_names, further = as_names(controls, "controls"), as_names(further_outcomes, "further_outcomes")
    logged, allowed = as_names(log, "log"), as_names(types, "types")
    _check_settings(control_names, logged, design_effect, origin)
    raw = read_raw(source, name)
    located, problems = locate_columns(
        list(raw.cells.columns), columns=columns, controls=control_names, further=further, label=raw.label
    )
    reading = _Reading(raw.label, located.ours)
    reading.add("columns", problems)
    _read_cells(reading, raw.cells, located)
    _check_types(reading, allowed, allow_one_type)
    _compute_change(reading, raw.cells)
    _compute_standard_errors(reading, design_effect)
    _check_variation(reading)
    _take_logs(reading, located, logged)
    _check_terms(reading)
    everything = [text for texts in reading.problems.values() for text in texts]
    raise_problems(list(dict.fromkeys(everything)), raw.label)
    _write_notes(reading, located)
    present = [label.strip() for label in reading.types]
    return authority_dataset(
        [label.strip() for label in reading.authority],
        present,
        reading.values,
        controls={f"{name} (log)" if name in logged else name: v for name, v in reading.controls.items()},
        types=[known for known in allowed or dict.fromkeys(present) if known in present],
        origin=origin,
        source=raw.label,
        sha256=raw.sha256,
        units=dict.fromkeys(further, "% of respondents"),
        notes=reading.notes,
    )


def _check_settings(
    controls: Sequence[str], logged: Sequence[str], design_effect: float, origin: str
) -> None:
    for name in logged:
        if name not in controls:
            raise DataError(f"log: {name!r} is not one of the controls; {did_you_mean(name, list(controls))}")
    if not (np.isfinite(design_effect) and design_effect > 0):
        raise DataError(f"design_effect: found {design_effect!r}, expected a number above 0")
    if origin not in ORIGINS:
        raise DataError(f"origin: found {origin!r}; {did_you_mean(str(origin), list(ORIGINS))}")


def _read_cells(reading: _Reading, cells: pd.DataFrame, located: Columns) -> None:
    """Read every column that was found as labels or numbers, and check the cells one by one."""
    label, ours = reading.label, {name: column for name, column in located.ours.items() if column in cells}
    if "authority" in ours:
        column = ours["authority"]
        reading.authority, problems = read_labels(cells[column], name=column, label=label)
        reading.add("authority", problems)
        reading.add("authority", duplicate_problems(reading.authority, name=column, label=label))
    if "authority_type" in ours:
        column = ours["authority_type"]
        reading.types, problems = read_labels(cells[column], name=column, label=label)
        reading.add("authority_type", problems)
    numbers = {name: ours[name] for name in NUMBERS if name in ours} | {
        name: name for name in located.further
    }
    for name, column in numbers.items():
        reading.values[name], problems = read_numbers(
            cells[column], name=column, label=label, optional=name == "stretch"
        )
        reading.add(name, problems)
    for name, column in located.controls.items():
        if column in cells:
            reading.controls[name], problems = read_numbers(cells[column], name=column, label=label)
            reading.add(f"control {name}", problems)
    frame = pd.DataFrame(reading.values, index=cells.index, dtype=float)
    for name, problems in cell_limits(frame, names=located.ours, label=label).items():
        reading.add(name, problems)
    if reading.clean("stretch", "target"):
        unknown, target = np.isnan(reading.values["stretch"]), reading.values["target"]
        reading.values["stretch"] = np.where(unknown & (target == 0), 0.0, reading.values["stretch"])


def _check_types(reading: _Reading, allowed: Sequence[str], allow_one_type: bool) -> None:
    if not reading.types:
        return
    column, label = reading.theirs["authority_type"], reading.label
    if allowed:
        problems = unknown_type_problems(reading.types, allowed, name=column, label=label)
    else:
        problems = misspelt_type_problems(reading.types, name=column, label=label)
    reading.add("authority_type", problems)
    present = {found.strip() for found in reading.types if found}
    if len(present) == 1 and not allow_one_type:
        only = f"{label}, column {column!r}: found one type only, {present.pop()!r}"
        reading.add(
            "authority_type",
            [f"{only}, expected two or more to pool (or allow_one_type=True)"],
        )
    for name in reading.controls:
        if name in present:
            reading.add(f"control {name}", [f"{label}, controls: {name!r} is an authority type too"])


def _compute_change(reading: _Reading, cells: pd.DataFrame) -> None:
    """Compute the percentage change where both scores are there; a given one must agree with it."""
    if not reading.clean("baseline", "outcome"):
        return
    before, after = reading.values["baseline"], reading.values["outcome"]
    with np.errstate(over="ignore"):
        change = 100 * (after - before) / before
    tiny = ~np.isfinite(change)
    reading.add_cells("baseline", tiny, ["a score large enough to compute a change from"] * len(change))
    if tiny.any():
        return
    if reading.clean("change"):
        half = {name: half_unit(cells[reading.theirs[name]]) for name in ("baseline", "outcome", "change")}
        # Each printed score may be off by half a unit; to first order the errors of the change add up.
        slack = 100 * (half["outcome"] + half["baseline"] * after / before) / before + half["change"]
        off = np.abs(change - reading.values["change"]) > 1.01 * slack + 1e-9
        expected = [f"{value:.4g}, the change from baseline to outcome" for value in change]
        reading.add_cells("change", off, expected)
    if "change" not in reading.problems:
        reading.values["change"] = change


def _compute_standard_errors(reading: _Reading, design_effect: float) -> None:
    """Turn survey sizes into standard errors, in percentage points, where no errors are given."""
    for score in ("baseline", "outcome"):
        size, error = f"n_{score}", f"{score}_se"
        if error not in reading.values and reading.clean(score, size):
            share, n = reading.values[score], reading.values[size]
            expected = ["a score above 0 and below 100, since its standard error comes from a survey size"]
            reading.values[error] = np.sqrt(design_effect * share * (100 - share) / n)
            reading.add_cells(score, reading.values[error] == 0, expected * len(share))
            reading.notes.append(f"{error} computed from {size} with design effect {design_effect:g}")
        elif error in reading.values and size in reading.values:
            reading.notes.append(f"{error} read as it is; {size} set aside")
    for score in ("baseline", "outcome"):
        reading.values.pop(f"n_{score}", None)


def _take_logs(reading: _Reading, located: Columns, logged: Sequence[str]) -> None:
    for name in logged:
        values = reading.controls.get(name)
        if values is None:
            continue
        problems = [
            cell_message(
                file=reading.label,
                row=i + 1,
                column=located.controls[name],
                value=shortest(values[i]),
                expected="a number above 0, to take the logarithm of",
            )
            for i in np.flatnonzero(values <= 0).tolist()
        ]
        reading.add(f"control {name}", problems)
        if not problems:
            reading.controls[name] = np.log(values)
            reading.notes.append(f"natural logarithm taken of control {name!r}")


def _check_variation(reading: _Reading) -> None:
    """Check that outcome, effects and controls are not constant."""
    outcome = next((name for name in ("change", "outcome") if reading.clean(name)), "outcome")
    columns = {n: reading.values[n] for n in (outcome, "target", "stretch") if reading.clean(n)}
    places = {n: f"column {reading.theirs.get(n, n)!r}" for n in columns}
    for name, values in reading.controls.items():
        key = f"control {name}"
        if key not in reading.problems:
            columns[key], places[key] = values, f"control {name!r}"
    for key, values in columns.items():
        known = values[~np.isnan(values)]
        if known.size == 0 or np.all(known == known[0]):
            found = f"every value is {shortest(known[0])}" if known.size else "no value is known"
            reading.add(key, [f"{reading.label}, {places[key]}: {found}, expected some variation"])


def _check_terms(reading: _Reading) -> None:
    """Check that a regression has more authorities than terms, and that no term is collinear."""
    if not reading.types or "authority_type" in reading.problems:
        return
    types, label = [found.strip() for found in reading.types], reading.label
    dummies = type_dummies(types, list(dict.fromkeys(types)), choose_reference(types))
    effect = bool(reading.values.keys() & {"target", "stretch"})
    terms = 1 + dummies.shape[1] + len(reading.controls) + effect
    enough = len(types) > terms
    if not enough:
        problem = (
            f"{label}: found {len(types)} authorities, expected more than the {terms} regression terms "
            "(constant, types, controls, effect)"
        )
        reading.add("rows", [problem])
    matrix = dummies.add_prefix("type ").assign(
        **{f"control {n}": v for n, v in reading.controls.items() if f"control {n}" not in reading.problems}
    )
    if reading.clean("target"):
        matrix["target"] = reading.values["target"]
    for name, others in dependent_columns(matrix).items() if enough else ():
        if others:
            problem = (
                f"{label}, {reading.theirs.get(name, name)}: an exact linear combination of "
                f"{', '.join(others)} (and a constant), expected columns that can be told apart"
            )
            reading.add(name, [problem])


def _write_notes(reading: _Reading, located: Columns) -> None:
    for name in located.shadowed:
        mapped = located.ours[name]
        reading.notes.append(f"column {name!r} set aside, since {mapped!r} was mapped to {name!r}")
    missing = int(np.isnan(reading.values.get("stretch", np.zeros(0))).sum())
    if missing:
        reading.notes.append(f"stretch not known for {missing} authorities with a target; kept as missing")
    for name in ("baseline", "outcome"):
        if name in reading.values and reading.values[name].max() <= 1:
            reading.notes.append(f"every value of {name!r} is at most 1: is it a share, not a percentage?")
