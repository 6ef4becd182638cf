"""Several posteriors in one NetCDF file: the headline at the root, every other below its name.

Written by h5py in one pass, as NetCDF-4 stores things in HDF5: a group a group, dims as dimension scales. xarray takes ten times
as long over the same bytes, most of it in asking what it has just written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DataError

_HEADLINE, _LEFT_OUT = "headline", "not_written"
# What is kept of the others: draws and sampler statistics. All groups of all posteriors would take most of a run's time.
_KEPT = ("posterior", "sample_stats")
# A file of more is written without the headline's other groups, whose data stand in the user's own file, and then without the
# largest variables of the other posteriors.
_MOST_BYTES = 39_000_000
# NetCDF's mark of a dim that has no labels.
_NO_LABELS = "This is a netCDF dimension but not a netCDF variable.{:10d}"


def posterior_bytes(posteriors: Mapping[str, xr.DataTree]) -> bytes:
    """The content of a ``posterior.nc``."""
    import h5py

    taken = {str(group) for tree in list(posteriors.values())[:1] for group in tree.children}
    for name in list(posteriors)[1:]:
        if not name or "/" in name or name in (".", "..") or name in taken:
            raise DataError(
                f"a posterior cannot be named {name!r}, expected neither '/' nor one of {sorted(taken)}"
            )
    with h5py.File("posterior.nc", "w", driver="core", backing_store=False, track_order=True) as file:
        kept, left = _kept(posteriors)
        for position, (name, groups) in enumerate(kept.items()):
            node = file if position == 0 else file.create_group(name, track_order=True)
            for group, data in groups.items():
                _write(node.create_group(group, track_order=True), data)
            attrs = dict(posteriors[name].attrs) | ({_HEADLINE: name} if position == 0 else {})
            _write_attrs(node, attrs | ({_LEFT_OUT: left[name]} if name in left else {}))
        file.flush()
        return bytes(file.id.get_file_image())


def _kept(posteriors: Mapping[str, xr.DataTree]) -> tuple[dict[str, dict[str, xr.Dataset]], dict[str, str]]:
    """The groups of each posterior that are written, and by posterior what of the usual ones is left out as too large."""
    headline = next(iter(posteriors))
    kept = {
        name: {
            str(group): child.to_dataset()
            for group, child in tree.children.items()
            if name == headline or group in _KEPT
        }
        for name, tree in posteriors.items()
    }
    left: dict[str, str] = {}
    over = sum(data.nbytes for groups in kept.values() for data in groups.values()) - _MOST_BYTES
    more = [group for group in kept[headline] if group not in _KEPT]
    if over > 0 and more:
        over -= sum(kept[headline].pop(group).nbytes for group in more)
        left[headline] = f"groups {', '.join(more)}"
    others = [
        (variable.nbytes, name, variable.name)
        for name in list(kept)[1:]
        for variable in kept[name].get("posterior", xr.Dataset()).data_vars.values()
    ]
    for size, name, variable in sorted(others, key=lambda each: -each[0]):
        if over > 0:
            over -= size
            kept[name]["posterior"] = kept[name]["posterior"].drop_vars(str(variable))
            left[name] = f"{left[name]}, {variable}" if name in left else f"variables {variable}"
    return kept, left


def _write(group: Any, data: xr.Dataset) -> None:
    """One group: dims as scales, labelled or not, then the variables on them."""
    import h5py

    scales = {}
    for number, (dim, size) in enumerate(data.sizes.items()):
        if dim in data.variables:
            scales[dim] = _write_variable(group, str(dim), data.variables[dim])
            scales[dim].make_scale(str(dim))
        else:
            scales[dim] = group.create_dataset(str(dim), shape=(size,), dtype=">f4")
            scales[dim].make_scale(_NO_LABELS.format(size))
        scales[dim].attrs["_Netcdf4Dimid"] = np.int32(number)
    for name, variable in data.variables.items():
        if name in scales:
            continue
        stored = _write_variable(group, str(name), variable)
        for axis, dim in enumerate(variable.dims):
            h5py.h5ds.attach_scale(stored.id, scales[dim].id, axis)
    _write_attrs(group, dict(data.attrs))
    extra = [str(name) for name in data.coords if name not in data.dims]
    if extra:
        group.attrs["coordinates"] = " ".join(extra)


def _write_variable(group: Any, name: str, variable: xr.Variable) -> Any:
    import h5py

    values, kind = variable.to_numpy(), None
    if values.dtype.kind in "OUST":
        values, kind = (
            np.vectorize(str, otypes=[object])(values) if values.size else values.astype(object),
            h5py.string_dtype(),
        )
    elif values.dtype == bool:
        values = values.astype(np.int8)
    stored = group.create_dataset(name, data=values, dtype=kind)
    _write_attrs(stored, dict(variable.attrs) | ({"dtype": "bool"} if variable.dtype == bool else {}))
    return stored


def _write_attrs(place: Any, attrs: Mapping[Any, Any]) -> None:
    for name, value in attrs.items():
        place.attrs[str(name)] = value


def read_posteriors(path: Path) -> dict[str, xr.DataTree]:
    """The posteriors of a ``posterior.nc``, by name, the headline first."""
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
