"""Counts of targets by status: a printed or a user's own table becomes labelled, checked data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean
from .authority_cells import is_missing, parse_number
from .authority_files import raise_problems, read_raw
from .count_cells import Layout, is_long, predictors, read_long, read_wide, row_problems


def read_counts(
    counts: pd.DataFrame | str | Path,
    *,
    label: str | None = None,
    statuses: Sequence[str] | None = None,
    covariates: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Labelled counts from a table with a row an area and a column a status.

    Parameters
    ----------
    counts : pandas.DataFrame, str or Path
        A table, or the path of a CSV or Parquet file that holds one. Wide: one column that names the rows,
        one column of whole numbers a status (ordered from best to worst), and optionally a column ``total``
        that must be their sum. Long: columns for the label, ``status`` and ``count``. Tables of a study say
        in their ``attrs`` which columns these are (``label``, ``statuses``, ``total``) and which row is the
        printed total (``total_label``: left out).
    label : str, optional
        Column that names the rows; default: from ``attrs``, else ``"area"``, else the first text column.
    statuses : sequence of str, optional
        The statuses, best first; default: from ``attrs``, else (wide) every other column but the total and
        the covariates, (long) as they first appear.
    covariates : sequence of str, optional
        Columns that describe the areas. Numbers are taken as they are; a column of words gives a 0/1
        covariate for every word but the first that occurs, named ``column: word``.
    columns : mapping of str to str, optional
        Their name and our name of columns that are called otherwise, e.g. ``{"service": "area"}``.

    Returns
    -------
    xarray.Dataset
        Variable ``count (area, status)``, whole numbers; with covariates also ``predictor (area,
        covariate)``; coords ``area`` and ``status``, best first; attrs ``origin``.

    Raises
    ------
    DataError
        Every violation at once, each with row, column and value: empty table, missing or unknown column,
        unknown status, duplicate or empty area, a count that is missing, negative or not whole, a total that
        disagrees, a total row among the areas, an area without any target, an empty covariate.

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
    name = str(attrs.get("file", "counts")) if isinstance(counts, pd.DataFrame) else None
    if isinstance(counts, pd.DataFrame) and counts.empty:
        raise DataError(f"{name}: no rows, expected an area a row")
    raw = read_raw(counts, name)
    cells, file = _renamed(raw.cells, columns or {}, raw.label), raw.label
    layout = _layout(cells, file, attrs, label, statuses, covariates)
    counted = (read_long if is_long(cells) else read_wide)(cells, layout)
    predictor, names, more = predictors(cells, layout, counted)
    raise_problems([*counted.problems, *row_problems(layout, counted), *more], file)
    data = xr.Dataset(
        {"count": (("area", "status"), counted.values.astype(np.int64))},
        coords={"area": np.array(counted.areas, dtype=str), "status": np.array(layout.statuses, dtype=str)},
        attrs={"origin": attrs.get("origin", "observed")},
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


def _layout(
    cells: pd.DataFrame,
    file: str,
    attrs: Mapping[Any, Any],
    label: str | None,
    statuses: Sequence[str] | None,
    covariates: Sequence[str],
) -> Layout:
    columns = [str(column) for column in cells.columns]
    label = label or attrs.get("label") or _label_column(cells, file)
    total = str(attrs.get("total") or "total")
    for wanted in (label, *covariates):
        if wanted not in columns:
            raise DataError(f"{file}: no column {wanted!r}, {did_you_mean(wanted, columns)}")
    known = list(statuses or attrs.get("statuses") or [])
    percents = [str(column) for column in dict(attrs.get("percents") or {}).values()]
    if is_long(cells):
        known = known or list(dict.fromkeys(str(c).strip() for c in cells["status"] if not is_missing(c)))
    else:
        known = known or [c for c in columns if c not in (label, total, *covariates, *percents)]
        missing = [status for status in known if status not in columns]
        if missing:
            raise DataError(
                f"{file}: no column {missing[0]!r}, expected one column a status: {', '.join(known)}"
            )
    if len(set(known)) < 2 or len(set(known)) < len(known):
        raise DataError(
            f"{file}: found statuses {', '.join(known) or 'none'}; expected two or more, each once"
        )
    return Layout(file, label, known, list(covariates), total, attrs.get("total_label"), percents)


def _renamed(cells: pd.DataFrame, columns: Mapping[str, str], file: str) -> pd.DataFrame:
    known = [str(column) for column in cells.columns]
    for theirs, ours in columns.items():
        if theirs not in known:
            raise DataError(f"{file}: no column {theirs!r}, {did_you_mean(theirs, known)}")
        if ours in known and ours not in columns:
            raise DataError(
                f"{file}: {theirs!r} cannot become {ours!r}, there is a column of that name already"
            )
    return cells.rename(columns=dict(columns))


def _label_column(cells: pd.DataFrame, file: str) -> str:
    if "area" in cells.columns:
        return "area"
    for column in cells.columns:
        if any(not is_missing(cell) and parse_number(cell) is None for cell in cells[column]):
            return str(column)
    raise DataError(f"{file}: no column of names, expected a column 'area'")
