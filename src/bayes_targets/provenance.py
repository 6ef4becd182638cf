"""What a result came from: hashes of files, of the package itself, and the commit of its checkout."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path, PurePath
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # workers are begun before it is loaded
    import numpy as np

REPRODUCIBILITY = (
    "The same seed, versions and machine give the same draws and byte-identical CSV files, whether a model is compiled "
    "afresh or taken from the cache of compiled models. On another kind of processor or with other versions the draws "
    "may differ in the last bits and then in full; estimates agree within Monte Carlo error."
)


def sha256(content: bytes) -> str:
    """Hash of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@cache
def package_digest() -> str:
    """Hash of the package's own code, by which results know the code that made them."""
    # Once a process: what is loaded does not change when a file does.
    package = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for file in sorted([*package.glob("**/*.py"), *package.glob("**/*.html")]):
        digest.update(str(file.relative_to(package)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def git_commit() -> str | None:
    """Commit of the checkout that holds the package, with a note where it has changes; None outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        # No optional locks: a look at the state must not write into the checkout.
        call = ["git", "--no-optional-locks", "-C", str(root), "status", "--porcelain=v2", "--branch"]
        lines = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    head = next(line.split()[-1] for line in lines if line.startswith("# branch.oid "))
    changed = any(not line.startswith("#") for line in lines)
    return None if head == "(initial)" else head + (" with uncommitted changes" if changed else "")


def seed_of(seed: int, name: str) -> np.random.SeedSequence:
    """Seed of one fit or task, by its name: a function of the whole's seed and the name alone."""
    import numpy as np

    # No word of it is 0, as zeros at the end do not count.
    return np.random.SeedSequence([seed, *(byte or 256 for byte in name.encode())])


def seed_for(seed: int, name: str) -> int:
    """The same as a number.

    Examples
    --------
    >>> seed_for(1, "a") == seed_for(1, "a"), seed_for(1, "a") == seed_for(1, "b")
    (True, False)
    """
    return int(seed_of(seed, name).generate_state(1)[0])


def digest_of(value: Any) -> str:
    """Hash of what a value says, the same in every process.

    Examples
    --------
    >>> digest_of({"a": 1.0}) == digest_of({"a": 1.0}), digest_of((1, 2)) == digest_of([1, 2])
    (True, False)
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(_described(value, digest)).encode())
    return digest.hexdigest()


def _described(value: Any, digest: Any) -> Any:
    """A value as JSON with tags; the content of its arrays goes into the digest."""
    import numpy as np
    import pandas as pd
    import xarray as xr

    def described(part: Any) -> Any:
        return _described(part, digest)

    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "OT":  # objects, and text of any length
            return {"objects": [array.shape, [described(part) for part in array.ravel().tolist()]]}
        digest.update(np.ascontiguousarray(array).tobytes())
        return {"array": [array.dtype.str, array.shape]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [described(part) for part in value]}
    if isinstance(value, xr.DataTree):
        return {"tree": [[node.path, described(node.to_dataset(inherit=False))] for node in value.subtree]}
    if isinstance(value, xr.Dataset):
        parts = [
            [
                str(name),
                list(data.dims),
                name in value.coords,
                described(dict(data.attrs)),
                described(data.to_numpy()),
            ]
            for name, data in value.variables.items()
        ]
        return {"dataset": [parts, described(dict(value.attrs))]}
    if isinstance(value, pd.DataFrame) and value.index.nlevels == value.columns.nlevels == 1:
        columns = [("", value.index.to_series()), *value.items()]
        parts = [[str(name), str(data.dtype), described(data.to_numpy())] for name, data in columns]
        return {"frame": [parts, value.index.name, described(dict(value.attrs))]}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": [[key, described(part)] for key, part in value.items()]}
    if isinstance(value, FunctionType | type):
        return {"code": f"{value.__module__}.{value.__qualname__}"}
    if is_dataclass(value):
        parts = [[field.name, described(getattr(value, field.name))] for field in fields(value)]
        return {f"{type(value).__module__}.{type(value).__qualname__}": parts}
    if isinstance(value, PurePath):
        return {"path": str(value)}
    if isinstance(value, set | frozenset):
        return {"set": sorted(digest_of(part) for part in value)}
    return {"pickle": sha256(pickle.dumps(value, 5))}
