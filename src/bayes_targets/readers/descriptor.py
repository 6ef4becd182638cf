"""The descriptor of a data package, `datapackage.json`, read and checked before any table is opened.

The format is Data Package v2 with the tables in CSV files. Of each resource's own properties this library
reads the object `bayes_targets`; of each field `unit` and `printed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn

from ..errors import DataError
from .cells import is_number
from .table import check_ordinary

FILE_NAME = "datapackage.json"
FIELD_TYPES = ("string", "number", "integer", "boolean")
_CONSTRAINTS = ("required", "unique", "minimum", "maximum", "enum", "pattern")
_SEAL = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Field:
    """A column: its type, its limits, its unit."""

    name: str
    type: str
    unit: str  # in words; empty where there is none
    # Whether the text of the numbers is kept beside their values, so that the rounding is known
    printed: bool
    constraints: Mapping[str, Any]  # required, unique, minimum, maximum, enum, pattern, as in a Table Schema
    true_values: tuple[str, ...]  # texts that a boolean may be written in
    false_values: tuple[str, ...]

    @property
    def required(self) -> bool:
        """Whether no cell may be empty."""
        return bool(self.constraints.get("required", False))


@dataclass(frozen=True)
class Resource:
    """A table of the package, not yet read."""

    name: str
    file: Path  # where it is
    label: str  # what messages call it: the package's folder and the file
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...]  # columns that together name a row; may be empty
    source: str
    locator: str
    licence: str
    sealed_hash: str | None  # what the descriptor says the file is; None where it does not say
    sealed_bytes: int | None
    extras: Mapping[str, Any]  # the resource's own object bayes_targets


@dataclass(frozen=True)
class Descriptor:
    """A data package's description, checked."""

    file: Path  # the descriptor itself
    name: str
    citation: str
    resources: tuple[Resource, ...]
    document: dict[str, Any]  # the JSON as read


class _Node:
    """An object of the JSON that knows its place, so that every complaint names file and key."""

    def __init__(self, value: object, place: str, label: str) -> None:
        self.place, self.label = place, label
        if not isinstance(value, dict):
            self.fail("", value, "an object")
        self.value: dict[str, Any] = value

    def inside(self, key: str) -> str:
        return ".".join(part for part in (self.place, key) if part)

    def fail(self, key: str, found: object, expected: str) -> NoReturn:
        where = self.inside(key) or "the whole file"
        raise DataError(f"{self.label}, {where}: found {_short(found)}, expected {expected}")

    def get(self, key: str, kind: type, words: str, default: Any = ...) -> Any:
        if key not in self.value and default is not ...:
            return default
        found = self.value.get(key, ...)
        # A boolean is an int to Python, not to whoever wrote the descriptor.
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            self.fail(key, found, words)
        return found

    def child(self, key: str) -> _Node:
        return _Node(self.value.get(key, ...), self.inside(key), self.label)

    def children(self, key: str) -> list[_Node]:
        items = self.get(key, list, "a list")
        if not items:
            self.fail(key, items, "at least one entry")
        return [_Node(item, f"{self.inside(key)}[{i}]", self.label) for i, item in enumerate(items)]


def read_descriptor(path: str | Path) -> Descriptor:
    """Read and check the description of a data package."""
    if not isinstance(path, str | Path) or "\0" in str(path):
        raise DataError(f"found {path!r}, expected the path of a data package (a folder with {FILE_NAME})")
    path = Path(path)
    file = path if path.suffix == ".json" and not path.is_dir() else path / FILE_NAME
    if not file.parent.is_dir():
        raise DataError(f"{file.parent}: no such folder, expected a data package (a folder with {FILE_NAME})")
    folder = file.parent.resolve()
    label = f"{folder.name}/{file.name}".encode("utf-8", "backslashreplace").decode()
    root = _Node(_load_json(file, label), "", label)
    nodes = root.children("resources")
    resources = tuple(_resource(node, root, folder) for node in nodes)
    for node, resource in zip(nodes, resources, strict=True):
        if [other.name for other in resources].count(resource.name) > 1:
            node.fail("name", resource.name, "a name that no other resource has")
    name = root.get("name", str, "the package's name")
    return Descriptor(file, name, root.get("citation", str, "a text", ""), resources, root.value)


def _load_json(file: Path, label: str) -> object:
    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in found]
        for key in keys:
            if keys.count(key) > 1:
                raise DataError(
                    f"{label}: found the key {_short(key)} twice in one object, expected each key once"
                )
        return dict(found)

    def constant(text: str) -> object:
        raise DataError(f"{label}: found {text}, expected JSON (a finite number)")

    try:
        if file.exists():
            check_ordinary(file, label)
        text = file.read_bytes().decode("utf-8")
        document = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
        # A lone surrogate can be written in JSON, and nowhere else.
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except DataError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{label}{_json_fault(error)}") from None
    return document


def _json_fault(error: Exception) -> str:
    """What is wrong with a file of JSON, after its name."""
    match error:
        case FileNotFoundError():
            return f": no such file; a data package is described by a {FILE_NAME}"
        case OSError():
            return f": the file cannot be read ({error.strerror or error})"
        case UnicodeDecodeError():
            return f": found byte {error.start} that is not UTF-8, expected UTF-8"
        case UnicodeEncodeError():
            return ": found half a surrogate pair, expected characters that can be written"
        case json.JSONDecodeError():
            return f", line {error.lineno}, place {error.colno}: expected JSON ({error.msg})"
        case RecursionError():
            return ": found objects within objects without end, expected a description"
    return f": expected JSON with numbers of ordinary size ({error})"


def _resource(node: _Node, root: _Node, folder: Path) -> Resource:
    path = node.get("path", str, "the path of one CSV file")
    if not _stays_inside(path, folder):
        node.fail("path", path, "a path inside the package's folder, without '..'")
    for key, only in (("encoding", "utf-8"), ("format", "csv"), ("dialect", None)):
        if node.value.get(key, only) != only:
            node.fail(key, node.value[key], repr(only) if only else "none: cells are separated by commas")
    schema = node.child("schema")
    if schema.value.get("missingValues", [""]) != [""]:
        schema.fail("missingValues", schema.value["missingValues"], '[""]: an empty cell is a missing value')
    seal = node.get("hash", str, "'sha256:' and 64 hexadecimal digits", None)
    if seal is not None and not _SEAL.fullmatch(seal):
        node.fail("hash", seal, "'sha256:' and 64 hexadecimal digits")
    sources = _first(node, root, "sources")
    licence = _first(node, root, "licenses")
    return Resource(
        name=node.get("name", str, "the table's name"),
        file=folder / path,
        label=f"{folder.name}/{path}",
        fields=_fields(schema),
        primary_key=_primary_key(schema),
        source=str(sources.get("title", "")),
        locator=str(sources.get("locator", "")),
        licence=str(licence.get("title", licence.get("name", ""))),
        sealed_hash=seal,
        sealed_bytes=node.get("bytes", int, "a whole number", None),
        extras=node.get("bayes_targets", dict, "an object", {}),
    )


def _stays_inside(path: str, folder: Path) -> bool:
    kinds = (PurePosixPath(path), PureWindowsPath(path))
    if (
        not path
        or "\0" in path
        or any(kind.is_absolute() or kind.drive or ".." in kind.parts for kind in kinds)
    ):
        return False
    try:
        # A symbolic link may lead out as well.
        return (folder / path).resolve().is_relative_to(folder)
    except (OSError, RuntimeError):
        return False


def _first(node: _Node, root: _Node, key: str) -> Mapping[str, Any]:
    """Give the first source or licence of the resource, or of the package where the resource names none."""
    owner = node if node.value.get(key) else root
    return owner.children(key)[0].value if owner.value.get(key) else {}


def _fields(schema: _Node) -> tuple[Field, ...]:
    fields = tuple(_field(node) for node in schema.children("fields"))
    columns = [f.name for f in fields] + [f"{f.name}_printed" for f in fields if f.printed]
    for name in columns:
        if columns.count(name) > 1:
            schema.fail("fields", name, "column names that differ ('x_printed' is made for each printed x)")
    return fields


def _field(node: _Node) -> Field:
    name = node.get("name", str, "the column's name")
    kind = node.get("type", str, "one of " + ", ".join(FIELD_TYPES))
    if kind not in FIELD_TYPES:
        node.fail("type", kind, "one of " + ", ".join(FIELD_TYPES))
    printed = node.get("printed", bool, "true or false", False)
    if printed and kind != "number":
        node.fail("printed", True, "printed only where the type is number")
    constraints = node.get("constraints", dict, "an object", {})
    _check_constraints(node, kind, constraints)
    return Field(
        name=name,
        type=kind,
        unit=node.get("unit", str, "words", ""),
        printed=printed,
        constraints=constraints,
        true_values=tuple(node.get("trueValues", list, "a list", ["true", "True", "TRUE", "1"])),
        false_values=tuple(node.get("falseValues", list, "a list", ["false", "False", "FALSE", "0"])),
    )


def _check_constraints(node: _Node, kind: str, constraints: Mapping[str, Any]) -> None:
    """Refuse what would otherwise be ignored: a limit that is not known, or that the type cannot have."""
    numeric = kind in ("number", "integer")
    for key, value in constraints.items():
        match key:
            case "required" | "unique":
                fits, expected = isinstance(value, bool), "true or false"
            case "minimum" | "maximum":
                fits = numeric and is_number(value)
                expected = "a number of ordinary size, on a column of numbers"
            case "enum":
                types = int | float if numeric else str
                fits = isinstance(value, list) and bool(value) and all(isinstance(v, types) for v in value)
                expected = "a list of the values allowed, of the column's type"
            case "pattern":
                fits = kind == "string" and isinstance(value, str) and _compiles(value)
                expected = "a regular expression, on a column of texts"
            case _:
                fits, expected = False, "one of the constraints " + ", ".join(_CONSTRAINTS)
        if not fits:
            node.fail(f"constraints.{key}", value, expected)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _primary_key(schema: _Node) -> tuple[str, ...]:
    key = schema.value.get("primaryKey", [])
    names = [key] if isinstance(key, str) else key
    known = [item.get("name") for item in schema.value["fields"]]
    if not isinstance(names, list) or any(name not in known for name in names):
        schema.fail("primaryKey", key, "names of columns of this table")
    return tuple(names)


def _short(found: object) -> str:
    if found is ...:
        return "nothing"
    try:
        text = repr(found)
    except (ValueError, RecursionError):  # a number of thousands of digits, or objects within objects
        return f"a {type(found).__name__} that is too long to print"
    return text if len(text) <= 60 else text[:57] + "..."
