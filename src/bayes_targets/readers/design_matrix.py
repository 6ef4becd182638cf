"""The right-hand side of a regression on authorities: type dummies, and columns that say a thing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean

FloatArray = NDArray[np.float64]
# Columns are standardised before they are compared, so one tolerance serves shares and populations alike.
_TOLERANCE = 1e-8


def choose_reference(labels: Sequence[str], reference: str | None = None) -> str:
    """Choose the authority type that the others are compared with.

    Examples
    --------
    >>> choose_reference(["county", "county", "district"])
    'county'
    """
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
    """One 0/1 column a type, the reference and types without an authority left out.

    Examples
    --------
    >>> type_dummies(["county", "unitary", "county"], ["county", "unitary"], "unitary")
       county
    0     1.0
    1     0.0
    2     1.0
    """
    given = np.asarray(labels, dtype=object)
    columns = {name: (given == name).astype(float) for name in order if name != reference and name in labels}
    return pd.DataFrame(columns, index=range(len(given)), dtype=float)


def dependent_columns(matrix: pd.DataFrame) -> dict[str, list[str]]:
    """Columns that are a constant or an exact linear combination of a constant and columns before them.

    Examples
    --------
    >>> matrix = pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [0.0, 1, 0, 1]})
    >>> dependent_columns(matrix.assign(c=matrix["a"] - 2 * matrix["b"] + 7, d=4.0))
    {'c': ['a', 'b'], 'd': []}
    """
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
    if standard and not _clearly_independent(np.column_stack(list(standard.values()))):
        dependent |= _combinations(standard)
    return {name: dependent[name] for name in matrix.columns if name in dependent}


def _clearly_independent(units: FloatArray) -> bool:
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
