"""What a published model is given: a frame or an evaluation, every cell checked, as one plain table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError, cell_message
from ...evaluation import Evaluation

FloatArray = NDArray[np.float64]
T_LIMIT = 100.0  # from here on Student's t is as good as normal
_POSITIVE = "a standard error above 0 (0 only for the reference category of a group, with estimate 0)"


@dataclass(frozen=True, eq=False)
class Printed:
    """Estimates ready for a model.

    Attributes
    ----------
    frame : pandas.DataFrame
        Columns ``term, estimate, se, df`` (infinite where the error is normal), ``scale``, ``flat``, ``pooled``.
    covariance : array of shape (J, J) or None
        Where it is known.
    reference : str
        Label of the pooled terms' reference category; empty without one.
    not_fitted : tuple of str
        Rows that have no standard error, each with the reason.
    focus : tuple of str
        Terms in question.
    has_scale : bool
        Whether the table says of each predictor what one scale of it is.
    origin, ratio : str
        Where the numbers come from; kind of ratio, empty where the estimates are no logs.
    """

    frame: pd.DataFrame
    covariance: FloatArray | None = None
    reference: str = ""
    not_fitted: tuple[str, ...] = ()
    focus: tuple[str, ...] = ()
    has_scale: bool = False
    origin: str = "published"
    ratio: str = ""


def printed_table(estimates: Evaluation | pd.DataFrame, *, pooling: str) -> Printed:
    """Check a frame or an evaluation, and bring it into one form."""
    if isinstance(estimates, Evaluation):
        return _of_evaluation(estimates, pooling)
    if not isinstance(estimates, pd.DataFrame):
        raise DataError(f"estimates: found {type(estimates).__name__}, expected a DataFrame or an Evaluation")
    file = str(estimates.attrs.get("file", "estimates"))
    frame = _checked(estimates, file)
    reference = frame["se"].eq(0.0)
    pooled = _pooled_rows(frame, pooling, reference)
    _require_grouped(frame, reference, pooled, file)
    label = str(frame.loc[pooled & reference, "term"].iloc[0]) if (pooled & reference).any() else ""
    kept = ~reference
    return Printed(
        _finished(frame[kept], pooled[kept], file),
        reference=label,
        has_scale="scale" in frame.columns,
        origin=str(estimates.attrs.get("origin", "published")),
    )


def _of_evaluation(evaluation: Evaluation, pooling: str) -> Printed:
    table = evaluation.estimates
    whole = _named(table, evaluation.source)
    for column in ("estimate", "se"):
        if column not in whole.columns:
            raise DataError(f"{evaluation.source}: no column {column!r}, expected columns estimate and se")
    usable = whole["estimate"].notna() & whole["se"].gt(0)
    left_out = tuple(_why_not(row) for row in whole[~usable].to_dict("records"))
    if not usable.any():
        raise DataError(
            f"{evaluation.source}: no term has a standard error ({'; '.join(left_out) or 'no rows'}), expected at least one"
        )
    frame = _checked(whole[usable], evaluation.source)
    none = pd.Series(False, index=frame.index)
    pooled = _pooled_rows(frame, pooling, none)
    reference = ""
    if pooled.any() and evaluation.reference:
        if len(evaluation.reference) > 1 and "group" not in frame.columns:
            raise DataError(
                f"{evaluation.source}: {len(evaluation.reference)} reference categories "
                f"({', '.join(evaluation.reference)}), expected a column 'group' that says which terms are pooled with which"
            )
        reference = str(evaluation.reference[0]) if len(evaluation.reference) == 1 else ""
    covariance = None
    if evaluation.covariance is not None:
        terms = list(table.index[usable.to_numpy()])
        covariance = evaluation.covariance.loc[terms, terms].to_numpy(float)
        _require_covariance(covariance, frame["se"].to_numpy(float), evaluation.source)
    return Printed(
        _finished(frame, pooled, evaluation.source),
        covariance=covariance,
        reference=reference,
        not_fitted=left_out,
        focus=tuple(str(term) for term in evaluation.focal_terms),
        has_scale="scale" in frame.columns,
        ratio=evaluation.ratio or "",
    )


def _why_not(row: dict[object, object]) -> str:
    term, bound = str(row["term"]), row.get("se_high")
    if isinstance(bound, float) and math.isfinite(bound) and bound > 0:
        return f"{term}: the table gives only a bound, a standard error of at most {bound:.3g}"
    return f"{term}: no standard error above 0 is printed"


def _named(estimates: pd.DataFrame, file: str) -> pd.DataFrame:
    """The frame with a `term` column of unique names."""
    twice = estimates.columns[estimates.columns.duplicated()]
    if len(twice):
        raise DataError(f"{file}: column {str(twice[0])!r} stands twice, expected it once")
    frame = estimates.reset_index(drop=True) if "term" in estimates.columns else estimates.reset_index()
    if "term" not in frame.columns:
        label = "study" if "study" in frame.columns else None
        if label is None:
            raise DataError(f"{file}: no column 'term', expected columns term, estimate, se")
        frame = frame.rename(columns={label: "term"})
    missing = frame["term"].isna() | frame["term"].astype(str).str.strip().eq("")
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise DataError(cell_message(file=file, row=row + 1, column="term", expected="a name for the term"))
    frame = frame.assign(term=frame["term"].astype(str))
    repeated = frame["term"].duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise DataError(
            cell_message(
                file=file,
                row=row + 1,
                column="term",
                value=frame["term"].iloc[row],
                expected="each term once (choose one printed model)",
            )
        )
    return frame


def _checked(estimates: pd.DataFrame, file: str) -> pd.DataFrame:
    """The frame with a `term` column, numbers as floats, every cell validated."""
    frame = _named(estimates, file)
    for column in ("estimate", "se"):
        if column not in frame.columns:
            raise DataError(f"{file}: no column {column!r}, expected columns term, estimate, se")
    for column in ("estimate", "se", "scale", "df"):
        if column in frame.columns:
            frame[column] = _numbers(frame, column, file)
    bad = (frame["se"] < 0) | (frame["se"].eq(0) & frame["estimate"].ne(0))
    if bad.any():
        _refuse_se(frame, int(np.flatnonzero(bad)[0]), file)
    return frame


def _refuse_se(frame: pd.DataFrame, row: int, file: str, expected: str = _POSITIVE) -> None:
    value = frame["se"].iloc[row]
    raise DataError(cell_message(file=file, row=row + 1, column="se", value=value, expected=expected))


def _float(cell: object) -> float:
    """A cell as a number, NaN where it is none."""
    if isinstance(cell, bool) or not isinstance(cell, str | Real):
        return math.nan
    try:
        return float(cell)
    except (ValueError, OverflowError):
        return math.nan


def _numbers(frame: pd.DataFrame, column: str, file: str) -> pd.Series[float]:
    values = pd.Series([_float(cell) for cell in frame[column]], index=frame.index, dtype=float)
    wrong: pd.Series[bool] = ~values.abs().lt(math.inf)
    expected = "a finite number"
    if column == "scale":
        wrong, expected = (wrong & frame[column].notna()) | (values <= 0), "a number above 0, or nothing"
    elif column == "df":
        # Nothing, and without end, both mean that the error is normal.
        known = frame[column].notna() & values.ne(math.inf)
        wrong, expected = known & ~(values > 0), "degrees of freedom above 0, or nothing"
        values = values.fillna(math.inf)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            cell_message(
                file=file, row=row + 1, column=column, value=frame[column].iloc[row], expected=expected
            )
        )
    return values


def _pooled_rows(frame: pd.DataFrame, pooling: str, reference: pd.Series[bool]) -> pd.Series[bool]:
    if pooling == "none":
        return pd.Series(False, index=frame.index)
    pooled, name = pd.Series(True, index=frame.index), "all terms"
    if "group" in frame.columns and frame["group"].notna().any():
        groups = frame["group"].fillna("").astype(str)
        names = sorted(set(groups) - {""})
        if len(names) != 1:
            raise DataError(
                f"estimates, column 'group': found {len(names)} groups, expected one name shared by the pooled terms"
            )
        pooled, name = groups.eq(names[0]), f"group {names[0]!r}"
    if (pooled & reference).sum() > 1:
        raise DataError(
            f"estimates: more than one reference row (estimate 0, se 0) in {name}, expected one; the column 'group' says which terms "
            "belong together"
        )
    if (pooled & ~reference).sum() < 2:
        raise DataError(f"estimates: {name} has fewer than two terms to pool, expected two or more")
    return pooled


def _require_grouped(
    frame: pd.DataFrame, reference: pd.Series[bool], pooled: pd.Series[bool], file: str
) -> None:
    """A row 0 (0) of no group is a slope whose digits are all rounded away, not a reference."""
    grouped = frame["group"].fillna("").astype(str).ne("") if "group" in frame.columns else pooled
    lone = reference & ~grouped & ~pooled
    if lone.any():
        _refuse_se(
            frame,
            int(np.flatnonzero(lone)[0]),
            file,
            "a standard error above 0: with more digits, or in other units; the reference category of a group has the group's name in "
            "column 'group'",
        )
    if reference.all():
        raise DataError(f"{file}: no term with a standard error above 0, expected at least one")


def _require_covariance(covariance: FloatArray, se: FloatArray, file: str) -> None:
    fits = np.isfinite(covariance).all() and np.allclose(covariance, covariance.T)
    if not fits or not np.allclose(np.sqrt(np.abs(np.diag(covariance))), se, rtol=0.01):
        raise DataError(
            f"{file}: covariance is not symmetric with the squared standard errors on its diagonal, expected the covariance of the "
            "estimates"
        )
    if np.linalg.eigvalsh(covariance / np.outer(se, se)).min() < 1e-10:
        raise DataError(
            f"{file}: covariance is singular, expected estimates none of which follows from the others"
        )


def _finished(frame: pd.DataFrame, pooled: pd.Series[bool], file: str) -> pd.DataFrame:
    scale = frame["scale"] if "scale" in frame.columns else pd.Series(1.0, index=frame.index)
    df = frame["df"] if "df" in frame.columns else pd.Series(math.inf, index=frame.index)
    done = pd.DataFrame(
        {
            "term": frame["term"],
            "estimate": frame["estimate"],
            "se": frame["se"],
            "df": df.where(df < T_LIMIT, math.inf),
            "scale": scale.fillna(1.0),
            "flat": scale.isna(),
            "pooled": pooled,
        }
    )
    if done.empty:
        raise DataError(f"{file}: no term with a standard error above 0, expected at least one")
    return done.reset_index(drop=True)
