"""The evaluations that a data package describes: which printed model, which term, and what a reader must know of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..errors import DataError, did_you_mean
from ..evaluation import Evaluation
from .cells import plain
from .estimates import Options, checked, evaluation_of, merge, require_focus
from .printed_table import PrintedTable, Sheet
from .rows import PRINTED, PrintedRow

_OWN = ("name", "table", "of", "rows", "columns", "scale", "group", "reference")
_SAID = (
    "focus", "better", "unit", "smallest", "hoped", "ratio", "n", "clusters", "df", "level", "stars", "tails", "logs", "assignment",
    "source", "heading",
)  # fmt: skip
Tables = Mapping[str, pd.DataFrame]


def package_evaluations(document: Mapping[str, Any], tables: Tables, label: str) -> dict[str, Evaluation]:
    """Read the list `evaluations` of a descriptor; without one, each model of a printed regression is an evaluation."""
    entries = document.get("evaluations")
    if entries is None:
        entries = _every_model(tables)
    if not isinstance(entries, list):
        raise DataError(f"{label}, evaluations: found {type(entries).__name__}, expected a list")
    found: dict[str, Evaluation] = {}
    for place, entry in enumerate(entries):
        where = f"{label}, evaluations[{place}]"
        _check_entry(entry, where, found)
        found[entry["name"]] = _evaluation(entry, tables, where)
    return found


def _every_model(tables: Tables) -> list[dict[str, Any]]:
    """An entry for each model of each printed regression, nothing said of it."""
    regressions = {name: table for name, table in tables.items() if table.attrs.get("role") == "regression"}
    entries = []
    for name, table in regressions.items():
        models = table["model"].drop_duplicates().tolist() if "model" in table.columns else [None]
        for model in models:
            words = "estimates" if model is None else f"Model {model}"
            entry = {"name": words if len(regressions) == 1 else f"{name}, {words}", "table": name}
            entries.append(entry | ({} if model is None else {"rows": {"model": model}}))
    return entries


def _check_entry(entry: object, where: str, found: Mapping[str, Evaluation]) -> None:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: found {type(entry).__name__}, expected an object with name and table")
    for key in ("name", "table"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise DataError(f"{where}.{key}: found {entry.get(key)!r}, expected a text")
    if entry["name"] in found:
        raise DataError(
            f"{where}.name: found {entry['name']!r}, expected a name that no other evaluation has"
        )
    for key in entry:
        if key not in (*_OWN, *_SAID):
            raise DataError(f"{where}: found {key!r}; {did_you_mean(str(key), [*_OWN, *_SAID])}")
    if entry.get("of", "terms") not in ("terms", "studies"):
        raise DataError(f"{where}.of: found {entry['of']!r}, expected 'terms' or 'studies'")
    for key in ("rows", "columns", "group"):
        if not isinstance(entry.get(key, {}), dict):
            raise DataError(f"{where}.{key}: found {entry[key]!r}, expected an object of columns and values")


def _evaluation(entry: Mapping[str, Any], tables: Tables, where: str) -> Evaluation:
    table = _table(entry["table"], tables, f"{where}.table")
    rows = _chosen(table, entry.get("rows", {}), f"{where}.rows")
    cells = _printed_rows(rows, entry, where)
    scales = _scales(table, entry, tables, where)
    grouped = _mask(rows, entry.get("group", {}), f"{where}.group")
    name = ", ".join(str(value) for value in entry.get("group", {}).values())
    printed = [
        PrintedRow(
            row.term,
            row.row,
            {
                **row.cells,
                **({"group": name} if member else {}),
                **({"scale": scales[row.term]} if row.term in scales else {}),
            },
        )
        for row, member in zip(cells, grouped, strict=True)
    ]
    references = entry.get("reference", table.attrs.get("reference", []))
    references = [references] if isinstance(references, str) else list(references)
    printed += [PrintedRow(str(term), 0, {"estimate": "Ref"}) for term in references]
    said = {key: entry[key] for key in _SAID if key in entry}
    page = Sheet(str(table.attrs.get("file") or entry["table"]), [], [], [])
    model = PrintedTable(_heading(entry, table), tuple(printed))
    try:
        known = merge(Options(**checked(said)), Options(**checked(_known_of(table, entry, tables))))
        evaluation = evaluation_of(model, known, page, "study" if entry.get("of") == "studies" else "term")
        require_focus(known.focus or (), [evaluation], page.label)
    except DataError as error:
        raise DataError(f"{where} ({entry['name']}): {error}") from None
    return evaluation


def _heading(entry: Mapping[str, Any], table: pd.DataFrame) -> str | None:
    model = entry.get("rows", {}).get("model")
    if model is None:
        return None
    words = f"Model {model}"
    return f"{table.attrs['locator']}, {words}" if table.attrs.get("locator") else words


def _table(name: object, tables: Tables, where: str) -> pd.DataFrame:
    if not isinstance(name, str) or name not in tables:
        raise DataError(f"{where}: no table {name!r}; {did_you_mean(str(name), list(tables))}")
    return tables[name]


def _mask(table: pd.DataFrame, wanted: Mapping[str, Any], where: str) -> list[bool]:
    """Rows in which every column has the value that is wanted; none where nothing is."""
    if not wanted:
        return [False] * len(table)
    chosen = pd.Series(True, index=table.index)
    for column, value in wanted.items():
        if column not in table.columns:
            raise DataError(
                f"{where}: no column {column!r}; {did_you_mean(column, [str(c) for c in table.columns])}"
            )
        chosen &= table[column].astype(str) == str(value)
    return [bool(x) for x in chosen]


def _chosen(table: pd.DataFrame, wanted: Mapping[str, Any], where: str) -> pd.DataFrame:
    rows = table[_mask(table, wanted, where)] if wanted else table
    if rows.empty:
        raise DataError(f"{where}: no row has {dict(wanted)!r}, expected one at least")
    return rows


def _printed_rows(rows: pd.DataFrame, entry: Mapping[str, Any], where: str) -> list[PrintedRow]:
    """Cells as printed by canonical column; a column that is kept as printed gives its own text."""
    renamed = entry.get("columns", {})
    names = {
        str(renamed.get(column, column)): str(column)
        for column in rows.columns
        if not str(column).endswith("_printed")
    }
    if "term" not in names or "estimate" not in names:
        raise DataError(
            f"{where}.columns: the table has {', '.join(names)}, expected columns term and estimate among them"
        )
    texts = {name: _texts(rows, column) for name, column in names.items() if name in ("term", *PRINTED)}
    return [
        PrintedRow(
            texts["term"][i],
            int(number) + 1,
            {name: column[i] for name, column in texts.items() if name != "term" and column[i]},
        )
        for i, number in enumerate(rows.index)
    ]


def _texts(rows: pd.DataFrame, column: str) -> list[str]:
    source = rows[f"{column}_printed"] if f"{column}_printed" in rows.columns else rows[column]
    return ["" if pd.isna(value) else plain(str(value)) for value in source]


def _known_of(table: pd.DataFrame, entry: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    """What the table itself says: levels of its stars, its source, and N from the table of fit that belongs to it."""
    known: dict[str, Any] = {"source": table.attrs.get("source") or None}
    significance = table.attrs.get("significance")
    if isinstance(significance, Mapping):
        known |= {"stars": significance.get("levels"), "tails": significance.get("tails")}
    model = entry.get("rows", {}).get("model")
    for fit in tables.values():
        if (
            fit.attrs.get("role") == "regression_fit"
            and fit.attrs.get("regression") == entry["table"]
            and {"model", "n"} <= set(fit.columns)
        ):
            counts = fit.loc[fit["model"].astype(str) == str(model), "n"]
            known |= {"n": int(counts.iloc[0])} if len(counts) == 1 and pd.notna(counts.iloc[0]) else {}
    return known


def _scales(table: pd.DataFrame, entry: Mapping[str, Any], tables: Tables, where: str) -> dict[str, str]:
    """One scale of each predictor: its s.d., 1 where it is 0 or 1, that of the log of a lognormal where it is logged."""
    if "scale" not in entry:
        return {}
    described = _table(entry["scale"], tables, f"{where}.scale")
    if not {"variable", "mean", "sd"} <= set(described.columns):
        raise DataError(
            f"{where}.scale: the table {entry['scale']!r} lacks columns, expected variable, mean and sd"
        )
    names = described["variable"].astype(str).tolist()
    mean = dict(zip(names, described["mean"].astype(float), strict=True))
    sd = dict(zip(names, described["sd"].astype(float), strict=True))
    scales = {name: value for name, value in sd.items() if value > 0}
    binary = [*_list(described.attrs.get("binary")), *_list(table.attrs.get("binary"))]
    scales |= dict.fromkeys(binary, 1.0)
    for logged, raw in dict(table.attrs.get("logged", {})).items():
        if raw in sd and mean[raw] > 0:
            scales[logged] = math.sqrt(math.log1p((sd[raw] / mean[raw]) ** 2))
    return {name: repr(float(value)) for name, value in scales.items()}


def _list(value: object) -> Sequence[str]:
    return [str(x) for x in value] if isinstance(value, list | tuple) else []
