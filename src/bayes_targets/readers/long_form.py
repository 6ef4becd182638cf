"""From one row per unit and period to one row per unit."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ..errors import DataError, did_you_mean, option, option_name
from .cells import Problems, cell_text
from .columns import Columns
from .table import RawTable
from .units import ordered_periods


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
    cells, label, ours = table.cells, table.label, located.ours
    if not isinstance(period, str) or period not in cells.columns:
        raise DataError(
            f"{label}, period: no column {period!r}; {did_you_mean(str(period), [str(c) for c in cells.columns])}"
        )
    if "authority" not in ours or "outcome" not in ours or "baseline" in ours:
        raise DataError(
            f"{label}: with a period, expected the columns 'authority' and 'outcome' (the score of either period) and no "
            f"'baseline'; found the columns {', '.join(repr(str(c)) for c in cells.columns)}; "
            f"give {option('columns', {'COLUMN': 'outcome'})}"
        )
    times = pd.Series([cell_text(cell) for cell in cells[period]], index=cells.index, dtype=object)
    known = ordered_periods(set(times[times != ""]))
    chosen = [cell_text(before) if before is not None else "", cell_text(after) if after is not None else ""]
    if chosen == ["", ""] and len(known) == 2:
        chosen = known
        notes.append(
            f"Column {period!r} holds two periods: {known[0]!r} was read as before and {known[1]!r} as after."
        )
    for name, found in zip(("before", "after"), chosen, strict=True):
        if found not in known:
            listed_periods = ", ".join(repr(one) for one in known[:12])
            raise DataError(
                f"{label}, column {period!r}: {option_name(name)} is {found!r}, expected one of {listed_periods}"
            )
    if chosen[0] == chosen[1]:
        raise DataError(f"{label}: before and after are both {chosen[0]!r}, expected two periods")
    names = pd.Series([cell_text(cell) for cell in cells[ours["authority"]]], index=cells.index, dtype=object)
    parts = []
    for when in chosen:
        part = cells[times == when].copy()
        part.index = pd.Index(names[times == when])
        again = names[times == when]
        for row, name in again[again.duplicated() & (again != "")].items():
            problems.cell(
                row,
                ours["authority"],
                name,
                f"each unit once in period {when!r}",
                "units that occur twice in a period",
            )
        parts.append(part[~part.index.duplicated()])
    first, last = parts
    order = list(dict.fromkeys(name for name in names if name))
    order = [name for name in order if name in first.index or name in last.index]
    first_rows = {name: row for row, name in reversed(list(names.items()))}
    wide = last.reindex(order)
    wide[ours["authority"]] = order
    # What describes a unit is taken from the period before, so that no control is a consequence of the target.
    for column in {
        *located.controls.values(),
        *([ours["authority_type"]] if "authority_type" in ours else []),
    }:
        if column not in ("", ours["outcome"], period):
            earlier = first[column].reindex(order)
            both = earlier.notna() & wide[column].notna()
            differ = int((earlier[both].map(cell_text) != wide[column][both].map(cell_text)).sum())
            if differ:
                notes.append(
                    f"Column {column!r} differs between the periods for {differ:,} units; its value of {chosen[0]!r} was used."
                )
            wide[column] = earlier.where(earlier.notna(), wide[column])
    moved = dict(ours)
    for later, earlier_name in (
        ("outcome", "baseline"),
        ("outcome_se", "baseline_se"),
        ("n_outcome", "n_baseline"),
    ):
        if later in ours:
            column = ours[later]
            after_name, before_name = f"{column} ({chosen[1]})", f"{column} ({chosen[0]})"
            wide[after_name], wide[before_name] = wide[column], first[column].reindex(order)
            moved[later], moved[earlier_name] = after_name, before_name
    wide = wide.astype(object).where(wide.notna(), None)
    wide.index = pd.Index([first_rows[name] for name in order])
    others = len(known) - 2
    if others:
        notes.append(
            f"Rows of {others} other period{'s' if others > 1 else ''} in column {period!r} were left out."
        )
    shown = {"before_words": chosen[0], "after_words": chosen[1], "outcome_words": ours["outcome"]}
    return wide, replace(located, ours=moved), shown
