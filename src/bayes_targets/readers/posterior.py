"""Several posteriors in one NetCDF file: the headline at the root, every other below its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from ..errors import DataError

_HEADLINE = "headline"
# What is kept of the others: draws and sampler statistics. All groups of all posteriors would take most of a run's time.
_KEPT = ("posterior", "sample_stats")


def posterior_bytes(posteriors: Mapping[str, xr.DataTree]) -> bytes:
    """The content of a ``posterior.nc``.

    Parameters
    ----------
    posteriors : mapping of str to xarray.DataTree
        By name. The first is the headline: its groups stand at the root, so that ArviZ opens the file as it is; of the
        others draws and sampler statistics stand each in a group of its name.

    Returns
    -------
    bytes
        NetCDF-4. Equal posteriors give equal bytes.

    Raises
    ------
    DataError
        If a name cannot be that of a group beside the headline's own.
    """
    taken = {str(group) for tree in list(posteriors.values())[:1] for group in tree.children}
    for name in list(posteriors)[1:]:
        if not name or "/" in name or name in (".", "..") or name in taken:
            raise DataError(
                f"a posterior cannot be named {name!r}, expected neither '/' nor one of {sorted(taken)}"
            )
    groups: dict[str, xr.Dataset] = {}
    attrs: dict[str, dict[Any, Any]] = {}
    for position, (name, tree) in enumerate(posteriors.items()):
        prefix = "" if position == 0 else f"{name}/"
        kept = [group for group in tree.children if position == 0 or group in _KEPT]
        groups |= {f"{prefix}{group}": tree[group].to_dataset() for group in kept}
        attrs[prefix.rstrip("/")] = dict(tree.attrs) | ({_HEADLINE: name} if position == 0 else {})
    whole = xr.DataTree.from_dict(groups)
    for path, values in attrs.items():
        (whole[path] if path else whole).attrs = values
    return bytes(whole.to_netcdf(engine="h5netcdf"))


def read_posteriors(path: Path) -> dict[str, xr.DataTree]:
    """The posteriors of a ``posterior.nc``, by name, the headline first.

    Parameters
    ----------
    path : pathlib.Path
        A file that `posterior_bytes` made.

    Returns
    -------
    dict of str to xarray.DataTree

    Raises
    ------
    DataError
        If the file cannot be read as such.
    """
    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            whole = opened.load()
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as posteriors ({error})") from None
    if _HEADLINE not in whole.attrs:
        raise DataError(f"{path}: no attribute {_HEADLINE!r}, expected a posterior.nc of this library")
    named = {name: node for name, node in whole.children.items() if "posterior" in node.children}
    attrs = {name: value for name, value in whole.attrs.items() if name != _HEADLINE}
    root = {name: node.to_dataset() for name, node in whole.children.items() if name not in named}
    headline = xr.DataTree.from_dict(root)
    headline.attrs = attrs
    return {str(whole.attrs[_HEADLINE]): headline} | {name: node.copy() for name, node in named.items()}
