"""The labelled Dataset of authorities that models, reconstructions and simulations share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike


def authority_dataset(
    authority: Sequence[str],
    authority_type: Sequence[str],
    variables: Mapping[str, ArrayLike],
    *,
    controls: Mapping[str, ArrayLike],
    types: Sequence[str],
    origin: str,
    source: str,
    sha256: str = "",
    units: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    left_out: Sequence[str] = (),
    change: str = "percent",
    outcome_unit: str = "% of respondents",
    words: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Put columns that were already checked, or made, into the Dataset of authorities.

    Examples
    --------
    >>> ds = authority_dataset(["A", "B"], ["x", "y"], {"change": [1.0, -2.0]}, controls={"age": [3.0, 4.0]},
    ...                        types=["x", "y"], origin="simulated", source="example")
    >>> dict(ds.sizes), ds["change"].attrs["units"], ds.attrs["n_missing_stretch"]
    ({'authority': 2, 'control': 1}, '% of the baseline score', 0)
    """
    points = "percentage points" if outcome_unit.startswith("%") else outcome_unit or "points"
    known = {
        "baseline": f"{outcome_unit or 'points'}, before",
        "outcome": f"{outcome_unit or 'points'}, after"
        if "baseline" in variables
        else outcome_unit or "points",
        "change": "% of the baseline score" if change == "percent" else points,
        "target": "1 where the authority has the target, else 0",
        "stretch": f"{points} that the target asks for",
        "baseline_se": points,
        "outcome_se": points,
    } | dict(units or {})
    data = {
        name: ("authority", np.asarray(values, dtype=float), {"units": known[name]})
        for name, values in variables.items()
    }
    columns = [np.asarray(values, dtype=float) for values in controls.values()]
    block = np.column_stack(columns) if columns else np.empty((len(authority), 0))
    stretch = np.asarray(variables.get("stretch", 0.0), dtype=float)
    defaults = {
        "unit_word": "authority",
        "type_word": "authority type",
        "outcome_words": "score",
        "target_words": "target",
        "before_words": "before",
        "after_words": "after",
    }
    return xr.Dataset(
        data | {"controls": (("authority", "control"), block, {"units": "each control on its own scale"})},
        coords={
            "authority": ("authority", np.array(list(authority), dtype=np.str_)),
            "authority_type": ("authority", np.array(list(authority_type), dtype=np.str_)),
            "control": ("control", np.array(list(controls), dtype=np.str_)),
        },
        attrs={
            "origin": origin,
            "source": source,
            # These come early, as they are what the table's repr must show.
            "notes": list(notes),
            "left_out": list(left_out),
            "design": "change" if "change" in variables else "cross-section",
            "change": change,
            "sha256": sha256,
            "types": list(types),
            "n_missing_stretch": int(np.isnan(stretch).sum()),
            "outcome_unit": outcome_unit,
        }
        | defaults
        | dict(words or {}),
    )
