"""The labelled Dataset of authorities that models, reconstructions and simulations share, and its regression's columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..errors import DataError, did_you_mean


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
    """Put columns that were already checked, or made, into the Dataset of authorities."""
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


# --- the right-hand side of a regression


FloatArray = NDArray[np.float64]
# Columns are standardised before they are compared, so one tolerance serves shares and populations alike.
_TOLERANCE = 1e-8


def choose_reference(labels: Sequence[str], reference: str | None = None) -> str:
    """Choose the authority type that the others are compared with."""
    counts = Counter(labels)
    known = list(counts)
    if reference is not None:
        if reference not in known:
            raise DataError(f"reference type {reference!r}: no such type; {did_you_mean(reference, known)}")
        return reference
    return max(known, key=counts.__getitem__)


def usual_reference(authorities: xr.Dataset, labels: Sequence[str], effect: str | None) -> str | None:
    """The reference type of a data set: what its attrs name; the first type where types are all that is compared."""
    wanted = authorities.attrs.get("reference")
    if wanted in labels:
        return str(wanted)
    order = [str(name) for name in authorities.attrs.get("types", [])] if effect is None else []
    return next((name for name in [*order, *labels[: effect is None]] if name in labels), None)


def type_dummies(labels: Sequence[str], order: Sequence[str], reference: str) -> pd.DataFrame:
    """One 0/1 column a type, the reference and types without an authority left out."""
    given = np.asarray(labels, dtype=object)
    columns = {name: (given == name).astype(float) for name in order if name != reference and name in labels}
    return pd.DataFrame(columns, index=range(len(given)), dtype=float)


def dependent_columns(matrix: pd.DataFrame) -> dict[str, list[str]]:
    """Columns that are a constant or an exact linear combination of a constant and columns before them."""
    standard: dict[str, FloatArray] = {}
    dependent: dict[str, list[str]] = {}
    for name in matrix.columns:
        column = matrix[name].to_numpy(dtype=float)
        # Powers of two scale without rounding, so that huge numbers do not overflow nor tiny ones vanish.
        column = np.ldexp(column, -int(np.frexp(np.abs(column).max(initial=0.0))[1]))
        centred = column - column.mean()
        length = float(np.linalg.norm(centred))
        if length <= _TOLERANCE * 1e-4 * float(np.linalg.norm(column)):
            dependent[name] = []
        else:
            standard[name] = centred / length
    if standard and not clearly_independent(np.column_stack(list(standard.values()))):
        dependent |= _combinations(standard)
    return {name: dependent[name] for name in matrix.columns if name in dependent}


def clearly_independent(units: FloatArray) -> bool:
    """Whether every column of length 1 is well away from what those before it span: one decomposition, for the usual case."""
    if units.shape[0] < units.shape[1]:
        return False
    away = np.abs(np.diag(np.linalg.qr(units, mode="r")))
    return bool(away.min() > 100 * _TOLERANCE)


def _combinations(standard: dict[str, FloatArray]) -> dict[str, list[str]]:
    """Columns of length 1 that are made up of those before them."""
    kept: list[str] = []
    dependent: dict[str, list[str]] = {}
    for name, unit in standard.items():
        if kept:
            basis = np.column_stack([standard[other] for other in kept])
            weights = np.linalg.lstsq(basis, unit, rcond=None)[0]
            if np.linalg.norm(unit - basis @ weights) <= _TOLERANCE:
                dependent[name] = [
                    other for other, w in zip(kept, weights, strict=True) if abs(w) > np.sqrt(_TOLERANCE)
                ]
                continue
        kept.append(name)
    return dependent
