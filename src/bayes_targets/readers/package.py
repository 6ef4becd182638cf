"""Read a data package: published tables as printed, checked cell by cell, with units and sources attached.

A package is a folder with a ``datapackage.json`` (Data Package v2) beside UTF-8 CSV files. Every file is
checked for form, types, limits and keys before its seal (size and SHA-256) is compared, so that the message
tells what is wrong rather than only that something is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ..errors import DataError, did_you_mean
from ..evaluation import Evaluation, require_terms
from ..files import write_file
from .cells import plain
from .claims import CLAIM_COLUMNS, read_claims
from .descriptor import FILE_NAME, Descriptor, Resource, read_descriptor
from .estimates import Options, checked, evaluation_of, merge
from .printed_table import PrintedTable, Sheet
from .rows import PRINTED, PrintedRow
from .schema import CsvText, check_role, read_csv_text, typed_frame

_OWN_ATTRS = ("source", "locator", "sha256", "units", "licence", "file")


@dataclass(frozen=True, eq=False)
class Study:
    """A published study: its tables as printed and its claims.

    Parameters
    ----------
    name : str
        Short name, e.g. ``"andrews2014"``.
    citation : str
        How to cite the publication.
    tables : mapping of str to DataFrame
        Each table by name. Numbers are float64, whole numbers int64 (Int64 where cells may be empty), texts
        never missing (an empty cell is ``""``). Beside a number column ``x`` that was kept as printed stands
        ``x_printed`` with its characters. ``attrs`` holds ``source``, ``locator``, ``licence``, ``file``,
        ``sha256``, ``units`` (column to unit) and what the package says of the table's role.
    claims : DataFrame
        The claims of the publication, a row each: columns `CLAIM_COLUMNS`; empty where the package has none.
    evaluations : mapping of str to Evaluation
        The questions that the package puts to its printed estimates, by name; without a list of its own, every model of a
        printed regression.

    Examples
    --------
    >>> study = load_study("andrews2014")
    >>> ols = study.tables["ols"]
    >>> ols.loc[ols.term == "LAA (target on)", ["model", "estimate", "estimate_printed", "se", "star"]]
        model  estimate estimate_printed     se star
    12      2     0.952             .952  0.659    +
    >>> ols.attrs["locator"]
    'Table 2'
    """

    name: str
    citation: str
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    claims: pd.DataFrame = field(repr=False)
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict, repr=False)


def load_study(name_or_path: str | Path) -> Study:
    """Load one of the studies that come with the library, or a data package of your own.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a study (see `study_names`), or the path of a data package: its folder or its
        ``datapackage.json``. A name is looked up before a path; give a `Path` to avoid that.

    Returns
    -------
    Study

    Raises
    ------
    DataError
        If there is no such study or package, or if anything in it is not as its descriptor says.

    Examples
    --------
    >>> load_study("odpm2005").tables["policy_area"].shape
    (13, 11)
    >>> load_study("andrews2041")
    Traceback (most recent call last):
    bayes_targets.errors.DataError: no study 'andrews2041' and no such folder; did you mean 'andrews2014'?
    """
    if not isinstance(name_or_path, str | Path):
        raise DataError(f"found {name_or_path!r}, expected the name of a study or the path of a data package")
    if isinstance(name_or_path, str):
        names = study_names()
        if name_or_path in names:
            return read_package(data_folder() / name_or_path)
        if not name_or_path or not Path(name_or_path).exists():
            hint = did_you_mean(name_or_path, names)
            raise DataError(f"no study {name_or_path!r} and no such folder; {hint}")
    return read_package(name_or_path)


def study_names() -> list[str]:
    """Names of the studies that come with the library."""
    return sorted(file.parent.name for file in data_folder().glob(f"*/{FILE_NAME}"))


def data_folder() -> Path:
    """Folder of the studies: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent.parent
    places = [package / "data"]
    # Two folders above an installed package is nobody's project, whatever lies there.
    if (checkout / "pyproject.toml").is_file():
        places.append(checkout / "data")
    for place in places:
        if place.is_dir():
            return place
    looked = " or ".join(str(place) for place in places)
    raise DataError(f"the data folder of bayes_targets is missing, expected {looked}; reinstall the package")


def read_package(path: str | Path) -> Study:
    """Read a data package and check everything its descriptor says."""
    descriptor = read_descriptor(path)
    tables = {resource.name: _read_table(resource, descriptor) for resource in descriptor.resources}
    claims = tables.get("claims", _no_claims())
    read_claims(claims, str(claims.attrs.get("file", "claims")))
    label = f"{descriptor.file.parent.resolve().name}/{descriptor.file.name}"
    evaluations = package_evaluations(descriptor.document, tables, label)
    return Study(
        descriptor.name, descriptor.citation, MappingProxyType(tables), claims, MappingProxyType(evaluations)
    )


def seal(path: str | Path) -> list[str]:
    """Check every table and write its size and SHA-256 into the descriptor, after a change that was meant."""
    descriptor = read_descriptor(path)
    changed = []
    for resource, entry in zip(descriptor.resources, descriptor.document["resources"], strict=True):
        text, frame = _read_unsealed(resource)
        frame.attrs.update(resource.extras, file=resource.label)
        check_role(resource.name, frame)
        if (resource.sealed_hash, resource.sealed_bytes) != (f"sha256:{text.sha256}", text.size):
            entry.update(hash=f"sha256:{text.sha256}", bytes=text.size)
            changed.append(resource.name)
    if changed:
        document = json.dumps(descriptor.document, indent=2, ensure_ascii=False) + "\n"
        write_file(descriptor.file, document.encode())
    return changed


def _no_claims() -> pd.DataFrame:
    empty = pd.DataFrame({column: pd.Series(dtype="str") for column in CLAIM_COLUMNS})
    return empty.astype({"threshold": "float64", "threshold_high": "float64"})


def _read_table(resource: Resource, descriptor: Descriptor) -> pd.DataFrame:
    text, frame = _read_unsealed(resource)
    _check_seal(resource, text, descriptor)
    clash = [key for key in _OWN_ATTRS if key in resource.extras]
    if clash:
        raise DataError(
            f"{descriptor.file.name}, table {resource.name!r}: found {clash[0]!r} in 'bayes_targets', "
            f"expected other names than {', '.join(_OWN_ATTRS)}"
        )
    units = {f.name: f.unit for f in resource.fields if f.unit}
    own = (resource.source, resource.locator, text.sha256, units, resource.licence, resource.label)
    frame.attrs.update(resource.extras)
    frame.attrs.update(zip(_OWN_ATTRS, own, strict=True))
    return frame


def _read_unsealed(resource: Resource) -> tuple[CsvText, pd.DataFrame]:
    text = read_csv_text(resource.file, resource.label, [f.name for f in resource.fields])
    return text, typed_frame(text.rows, resource.fields, resource.primary_key, resource.label)


def _check_seal(resource: Resource, text: CsvText, descriptor: Descriptor) -> None:
    problem = ""
    if resource.sealed_hash not in (None, f"sha256:{text.sha256}"):
        expected = str(resource.sealed_hash).removeprefix("sha256:")
        problem = f"expected sha256 {expected[:12]}..., found {text.sha256[:12]}..."
    elif resource.sealed_bytes not in (None, text.size):
        problem = f"expected {resource.sealed_bytes} bytes, found {text.size}"
    if problem:
        raise DataError(
            f"{resource.label}: the file has been changed since it was sealed ({problem}); if the change is "
            f"meant, run bayes_targets.readers.package.seal({str(descriptor.file.parent)!r})"
        )


# --- the questions that a package puts to its estimates


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
    rows = table[_mask(table, entry.get("rows", {}), f"{where}.rows")]
    if rows.empty:
        raise DataError(f"{where}.rows: no row has {entry.get('rows', {})!r}, expected one at least")
    texts = _texts(rows, entry, where)
    if entry.get("group"):
        name = ", ".join(str(value) for value in entry["group"].values())
        texts["group"] = _mask(rows, entry["group"], f"{where}.group").map({True: name, False: ""})
    if "scale" in entry:
        texts["scale"] = texts["term"].map(_scales(table, entry, tables, where)).fillna("")
    printed = [
        PrintedRow(cells.pop("term"), number + 1, {str(name): text for name, text in cells.items() if text})
        for number, cells in zip(rows.index.tolist(), texts.to_dict("records"), strict=True)
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
        require_terms(known.focus or (), evaluation.estimates.index, page.label)
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


def _mask(table: pd.DataFrame, wanted: Mapping[str, Any], where: str) -> pd.Series[bool]:
    """Which rows have the value that is wanted in every column."""
    chosen = pd.Series(True, index=table.index)
    for column, value in wanted.items():
        if column not in table.columns:
            raise DataError(f"{where}: no column {column!r}; {did_you_mean(column, table.columns)}")
        chosen &= table[column].astype(str) == str(value)
    return chosen


def _texts(rows: pd.DataFrame, entry: Mapping[str, Any], where: str) -> pd.DataFrame:
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
    kept = {name: rows.get(f"{column}_printed", rows[column]) for name, column in names.items()}
    return pd.DataFrame(
        {
            name: ["" if pd.isna(value) else plain(str(value)) for value in values]
            for name, values in kept.items()
            if name in ("term", *PRINTED)
        },
        index=rows.index,
    )


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
