"""Posteriors that are made of independent parts, each solved by the exact engine by itself."""

from __future__ import annotations

from typing import Any

import xarray as xr


def together(stats: list[xr.Dataset]) -> xr.Dataset:
    """Statistics of independent parts of one posterior: evidence and density add up, the rest is that of the worst part."""
    joint: dict[str, Any] = {"lp": sum(part["lp"] for part in stats)}
    for name in (str(name) for name in stats[0].data_vars if name != "lp"):
        values = [float(part[name]) for part in stats]
        combine = sum if name in ("log_evidence", "grid_size") else min if name == "acceptance" else max
        joint[name] = combine(values)
    return xr.Dataset(joint)
