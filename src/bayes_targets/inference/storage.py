"""Results in one file without code in it: plain values, arrays and labelled data, as text and arrays in an ``.npz``.

A pickle would hold anything, but reading one runs whatever its writer chose. What is not plain is refused instead.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError

_PLAIN = (
    "plain values, lists, tuples, dicts with text as keys, NumPy arrays, DataFrames, Datasets and DataTrees"
)


def to_bytes(value: Any) -> bytes:
    """What `from_bytes` reads back.

    Parameters
    ----------
    value : object
        None, a truth value, a number, text, a list, a tuple, a dict with text as keys, a NumPy array or number (no
        objects but text), a DataFrame with one plain index, a Dataset or a DataTree; or any nesting of these.

    Returns
    -------
    bytes
        The content of an ``.npz`` file.

    Raises
    ------
    DataError
        If there is something else in it.

    Examples
    --------
    >>> from_bytes(to_bytes({"mean": np.array([1.0, 2.0]), "names": ("a", None)}))
    {'mean': array([1., 2.]), 'names': ('a', None)}
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_flatten(value, arrays, described=False))
    file = io.BytesIO()
    np.savez(file, text=np.array(text), **{f"a{place}": array for place, array in enumerate(arrays)})  # type: ignore[arg-type]
    return file.getvalue()


def from_bytes(content: bytes) -> Any:
    """Read what `to_bytes` wrote.

    Parameters
    ----------
    content : bytes
        From `to_bytes`.

    Returns
    -------
    object
        Equal to what was written, of the same type.

    Raises
    ------
    DataError
        If the content is not one of `to_bytes`, or cut short.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return _restore(json.loads(str(file["text"])), file)
    except Exception as error:  # a damaged archive fails in as many ways as it has parts
        raise DataError(f"a stored result cannot be read ({type(error).__name__}: {error})") from None


def digest_of(value: Any) -> str:
    """Hash of what a value says, the same in every process.

    Parameters
    ----------
    value : object
        As in `to_bytes`; also functions and classes (by their name), dataclasses, paths, and whatever can be pickled.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).

    Examples
    --------
    >>> digest_of({"a": 1.0}) == digest_of({"a": 1.0}), digest_of((1, 2)) == digest_of([1, 2])
    (True, False)
    """
    arrays: list[np.ndarray] = []
    digest = hashlib.sha256(json.dumps(_flatten(value, arrays, described=True)).encode())
    for array in arrays:
        digest.update(f"|{array.dtype.str}{array.shape}|".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _flatten(value: Any, arrays: list[np.ndarray], *, described: bool) -> Any:
    """A value as JSON with tags, its arrays put in a list; `described` where nobody is going to read it back."""

    def flat(part: Any) -> Any:
        return _flatten(part, arrays, described=described)

    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        return {type(value).__name__ if described else _tag(value): [flat(part) for part in value]}
    if isinstance(value, np.ndarray | np.generic):
        return _flatten_array(np.asarray(value), arrays, scalar=isinstance(value, np.generic))
    if isinstance(value, xr.DataTree):
        nodes = {node.path: node.to_dataset(inherit=False) for node in value.subtree}
        return {"tree": [[path, flat(data)] for path, data in nodes.items()]}
    if isinstance(value, xr.Dataset):
        parts = [
            [str(name), list(data.dims), name in value.coords, flat(dict(data.attrs)), flat(data.to_numpy())]
            for name, data in value.variables.items()
        ]
        return {"dataset": [parts, flat(dict(value.attrs))]}
    if isinstance(value, pd.DataFrame) and value.index.nlevels == value.columns.nlevels == 1:
        columns = [
            [str(name), str(column.dtype), flat(column.to_numpy())]
            for name, column in [("", value.index.to_series()), *value.items()]
        ]
        return {"frame": [columns, value.index.name, flat(dict(value.attrs))]}
    if isinstance(value, Mapping if described else dict) and all(isinstance(key, str) for key in value):
        return {"dict": [[key, flat(part)] for key, part in value.items()]}
    if described:
        return _describe(value, flat)
    raise DataError(f"a result of type {type(value).__name__} cannot be stored, expected {_PLAIN}")


def _tag(value: list[Any] | tuple[Any, ...]) -> str:
    if type(value) not in (list, tuple):
        raise DataError(f"a result of type {type(value).__name__} cannot be stored, expected {_PLAIN}")
    return type(value).__name__


def _flatten_array(array: np.ndarray, arrays: list[np.ndarray], *, scalar: bool) -> Any:
    text = array.dtype == object or array.dtype.kind == "T"
    if text and not all(isinstance(part, str) for part in array.ravel()):
        raise DataError(f"an array of objects other than text cannot be stored, expected {_PLAIN}")
    arrays.append(array.astype(str) if text else array)
    return {"array": [len(arrays) - 1, array.dtype.str if text else "", scalar]}


def _describe(value: Any, flat: Any) -> Any:
    if isinstance(value, FunctionType | type):
        return {"code": f"{value.__module__}.{value.__qualname__}"}
    if is_dataclass(value):
        parts = [[field.name, flat(getattr(value, field.name))] for field in fields(value)]
        return {f"{type(value).__module__}.{type(value).__qualname__}": parts}
    if isinstance(value, PurePath):
        return {"path": str(value)}
    if isinstance(value, set | frozenset):
        return {"set": sorted(digest_of(part) for part in value)}
    return {"pickle": hashlib.sha256(pickle.dumps(value, 5)).hexdigest()}


def _restore(flat: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(flat, dict):
        return flat
    ((kind, content),) = flat.items()

    def restored(part: Any) -> Any:
        return _restore(part, arrays)

    if kind in ("list", "tuple"):
        parts = [restored(part) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {key: restored(part) for key, part in content}
    if kind == "array":
        place, text, scalar = content
        array = arrays[f"a{place}"]
        array = array.astype(object if text == "|O" else np.dtype(text)) if text else array
        return array[()] if scalar else array
    if kind == "tree":
        return xr.DataTree.from_dict({path: restored(data) for path, data in content})
    if kind == "dataset":
        parts, attrs = content
        made = {name: (dims, restored(data), restored(own)) for name, dims, _, own, data in parts}
        coords = {name: made.pop(name) for name, _, is_coord, _, _ in parts if is_coord}
        return xr.Dataset(made, coords=coords, attrs=restored(attrs))
    columns, index_name, attrs = content
    (_, kind_of_index, labels), *rest = columns
    index = pd.Index(restored(labels), dtype=kind_of_index, name=index_name)
    frame = pd.DataFrame(
        {name: pd.Series(restored(data), index=index, dtype=dtype) for name, dtype, data in rest}, index=index
    )
    frame.attrs = restored(attrs)
    return frame
