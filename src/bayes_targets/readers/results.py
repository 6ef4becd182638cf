"""Fitted models of other libraries: their estimates, standard errors and covariance, read by their public names."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import DataError, option


class FittedModel(NamedTuple):
    """What a fitted model says: a frame of estimates, its covariance, observations and degrees of freedom."""

    frame: pd.DataFrame
    covariance: pd.DataFrame | None
    n: int | None
    df: float | None
    notes: tuple[str, ...]


def is_result(source: Any) -> bool:
    """Whether an object is a fitted model: it has ``params`` and standard errors, or ``tidy()``."""
    if isinstance(source, pd.DataFrame | str):
        return False
    return callable(getattr(source, "tidy", None)) or hasattr(source, "params")


def fitted_models(source: Any) -> dict[str, Any]:
    """The fitted models of one object, by their formulas where it holds several (pyfixest)."""
    several = getattr(source, "all_fitted_models", None)
    if isinstance(several, dict) and several:
        return {str(name): model for name, model in several.items()}
    return {"": source}


def read_result(result: Any) -> FittedModel:
    """Read a fitted model of statsmodels, linearmodels, pyfixest or anything that names its parts like them."""
    kind = type(result).__name__
    if hasattr(result, "params"):
        params = _by_term(result.params, _names(result), "params", kind)
        errors = next(
            (getattr(result, name) for name in ("bse", "std_errors") if hasattr(result, name)), None
        )
        covariance = _covariance_of(result, params.index, kind)
        if errors is None and covariance is None:
            raise DataError(f"{kind}: found params and no standard errors, expected bse or cov_params()")
        if errors is None and covariance is not None:
            errors = pd.Series(np.sqrt(np.diag(covariance)), index=params.index)
        se = _by_term(errors, [str(term) for term in params.index], "standard errors", kind)
        frame = pd.DataFrame({"term": params.index, "estimate": params.to_numpy(), "se": se.to_numpy()})
    else:
        frame = result.tidy()
        if not isinstance(frame, pd.DataFrame):
            raise DataError(f"{kind}: tidy() gives a {type(frame).__name__}, expected a DataFrame of pandas")
        if not isinstance(frame.index, pd.RangeIndex):
            frame = frame.reset_index(names=str(frame.index.name or "term"))
        covariance = _covariance_of(result, pd.Index(frame.iloc[:, 0].astype(str)), kind)
    df, words = _df(result)
    known = "" if covariance is None else ", with their covariance"
    return FittedModel(
        frame,
        covariance,
        _count(result),
        df,
        (f"Estimates and standard errors are those of a {kind}{known}.", *words),
    )


def _names(result: Any) -> list[str] | None:
    names = getattr(getattr(result, "model", None), "exog_names", None)
    return [str(name) for name in names] if isinstance(names, list | tuple) else None


def _by_term(values: Any, names: list[str] | None, what: str, kind: str) -> pd.Series[float]:
    """Numbers by term, from a Series or from an array and names."""
    if isinstance(values, pd.Series):
        return pd.Series(values.to_numpy(float), index=[str(label) for label in values.index])
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or names is None or len(names) != array.size:
        raise DataError(
            f"{kind}: {what} is an array of shape {array.shape} without names, expected a Series by term"
        )
    return pd.Series(array, index=names)


def _covariance_of(result: Any, index: pd.Index[Any], kind: str) -> pd.DataFrame | None:
    """Covariance by term: ``cov_params()``, ``cov`` (linearmodels) or ``_vcov`` (pyfixest)."""
    method = getattr(result, "cov_params", None)
    found = method() if callable(method) else getattr(result, "cov", getattr(result, "_vcov", None))
    if found is None or callable(found):
        return None
    matrix = np.asarray(found, dtype=float)
    if matrix.shape != (len(index), len(index)) or not np.isfinite(matrix).all():
        raise DataError(
            f"{kind}: covariance of shape {matrix.shape}, expected {len(index)} by {len(index)} finite numbers"
        )
    labels = index.astype(str)
    if isinstance(found, pd.DataFrame):
        found = found.set_axis(found.index.astype(str)).set_axis(found.columns.astype(str), axis=1)
        return found.reindex(index=labels, columns=labels).astype(float)
    return pd.DataFrame(matrix, index=labels, columns=labels)


def _count(result: Any) -> int | None:
    n = next((value for name in ("nobs", "_N") if (value := getattr(result, name, None)) is not None), None)
    return int(n) if isinstance(n, int | float | np.number) and math.isfinite(n) and n >= 2 else None


def _df(result: Any) -> tuple[float | None, tuple[str, ...]]:
    """Degrees of freedom of its own tests: infinite where the library uses the normal distribution."""
    if getattr(result, "use_t", None) is False:
        return math.inf, (
            f"The fitted model tests by the normal distribution ({option('df')} says otherwise).",
        )
    for name in ("df_resid_inference", "df_resid", "_df_t"):
        df = getattr(result, name, None)
        if isinstance(df, int | float | np.number) and df > 0:
            return float(df), ()
    return None, ()
