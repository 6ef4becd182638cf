"""Read a data package: published tables as printed, checked cell by cell, with units and sources attached.

A package is a folder with a ``datapackage.json`` (Data Package v2) beside UTF-8 CSV files. Every file is
checked for form, types, limits and keys before its seal (size and SHA-256) is compared, so that the message
tells what is wrong rather than only that something is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from ..errors import DataError, did_you_mean
from ..evaluation import Evaluation
from ..files import write_file
from .claims import CLAIM_COLUMNS, read_claims
from .descriptor import FILE_NAME, Descriptor, Resource, read_descriptor
from .package_evaluations import package_evaluations
from .roles import check_role
from .schema import CsvText, read_csv_text, typed_frame

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
    """Names of the studies that come with the library.

    Examples
    --------
    >>> study_names()
    ['andrews2014', 'islam2019', 'odpm2005']
    """
    return sorted(file.parent.name for file in data_folder().glob(f"*/{FILE_NAME}"))


def data_folder() -> Path:
    """Folder of the studies: inside the installed package, or at the top of a checkout.

    Examples
    --------
    >>> data_folder().name
    'data'
    """
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
    r"""Write the size and the SHA-256 of every table into the descriptor, after a change that was meant.

    The tables are checked first, all but their seals, and hold what their roles need, so a broken table cannot be sealed. The descriptor is
    written anew (two spaces of indent, keys in their order), whole or not at all.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> description = {"name": "mine", "resources": [{"name": "areas", "path": "areas.csv",
    ...     "schema": {"fields": [{"name": "area", "type": "string"}, {"name": "hit", "type": "integer"}]}}]}
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "areas.csv").write_bytes(b"area,hit\nTransport,3\n")
    ...     _ = (Path(folder) / "datapackage.json").write_text(json.dumps(description), encoding="utf-8")
    ...     seal(folder), seal(folder)
    (['areas'], [])
    """
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
