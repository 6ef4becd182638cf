"""What a published model is given: a frame or an evaluation, every cell checked, as one plain table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError, require_kind, wrong_cell
from ...evaluation import Evaluation
from ...inference.distributions import NORMAL_DF
from ..meta.model import checked_covariance

FloatArray = NDArray[np.float64]
_POSITIVE = "a standard error above 0 (0 only for the reference category of a group, with estimate 0)"


@dataclass(frozen=True, eq=False)
class Printed:
    """Estimates ready for a model."""

    # Columns term, estimate, se, df (infinite where the error is normal), scale, flat, pooled
    frame: pd.DataFrame
    covariance: FloatArray | None = None  # where it is known
    reference: str = ""  # label of the pooled terms' reference category; empty without one
    not_fitted: tuple[str, ...] = ()  # rows that have no standard error, each with the reason
    focus: tuple[str, ...] = ()  # terms in question
    has_scale: bool = False  # whether the table says of each predictor what one scale of it is
    origin: str = "published"  # where the numbers come from
    ratio: str = ""  # kind of ratio, empty where the estimates are no logs


def printed_table(estimates: Evaluation | pd.DataFrame, *, pooling: str) -> Printed:
    """Check a frame or an evaluation, and bring it into one form."""
    if isinstance(estimates, Evaluation):
        return _of_evaluation(estimates, pooling)
    require_kind("estimates", estimates, pd.DataFrame, "a DataFrame or an Evaluation")
    file = str(estimates.attrs.get("file", "estimates"))
    frame = _checked(_named(estimates, file), file, "columns term, estimate, se")
    reference = frame["se"].eq(0.0)
    pooled = _pooled_rows(frame, pooling, reference)
    _require_grouped(frame, reference, pooled, file)
    label = str(frame.loc[pooled & reference, "term"].iloc[0]) if (pooled & reference).any() else ""
    return Printed(
        _finished(frame[~reference], pooled[~reference], file),
        reference=label,
        has_scale="scale" in frame.columns,
        origin=str(estimates.attrs.get("origin", "published")),
    )


def _of_evaluation(evaluation: Evaluation, pooling: str) -> Printed:
    source = evaluation.source
    whole = _named(evaluation.estimates, source)
    _require_columns(whole, source, "columns estimate and se")
    usable = whole["estimate"].notna() & whole["se"].gt(0)
    left_out = tuple(_why_not(row) for row in whole[~usable].to_dict("records"))
    if not usable.any():
        raise DataError(
            f"{source}: no term has a standard error ({'; '.join(left_out) or 'no rows'}), expected at least one"
        )
    frame = _checked(whole[usable].reset_index(drop=True), source, "columns estimate and se")
    pooled = _pooled_rows(frame, pooling, pd.Series(False, index=frame.index))
    reference = ""
    if pooled.any() and evaluation.reference:
        if len(evaluation.reference) > 1 and "group" not in frame.columns:
            raise DataError(
                f"{source}: {len(evaluation.reference)} reference categories ({', '.join(evaluation.reference)}), expected a column "
                "'group' that says which terms are pooled with which"
            )
        reference = str(evaluation.reference[0]) if len(evaluation.reference) == 1 else ""
    covariance = None
    if evaluation.covariance is not None:
        covariance = checked_covariance(evaluation.covariance, frame.set_index("term")["se"], source)
    return Printed(
        _finished(frame, pooled, source),
        covariance=covariance,
        reference=reference,
        not_fitted=left_out,
        focus=tuple(str(term) for term in evaluation.focal_terms),
        has_scale="scale" in frame.columns,
        ratio=evaluation.ratio or "",
    )


def _why_not(row: dict[Any, Any]) -> str:
    term, bound = str(row["term"]), row.get("se_high")
    if isinstance(bound, float) and math.isfinite(bound) and bound > 0:
        return f"{term}: the table gives only a bound, a standard error of at most {bound:.3g}"
    return f"{term}: no standard error above 0 is printed"


def _refuse(wrong: pd.Series[bool], file: str, column: str, expected: str, values: Any = None) -> None:
    """Refuse the first row that is wrong, if there is one."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise wrong_cell(file, row + 1, column, None if values is None else values.iloc[row], expected)


def _named(estimates: pd.DataFrame, file: str) -> pd.DataFrame:
    """The frame with a `term` column of unique names."""
    twice = estimates.columns[estimates.columns.duplicated()]
    if len(twice):
        raise DataError(f"{file}: column {str(twice[0])!r} stands twice, expected it once")
    frame = estimates.reset_index(drop=True) if "term" in estimates.columns else estimates.reset_index()
    if "term" not in frame.columns:
        if "study" not in frame.columns:
            raise DataError(f"{file}: no column 'term', expected columns term, estimate, se")
        frame = frame.rename(columns={"study": "term"})
    terms = frame["term"].astype(str)
    _refuse(frame["term"].isna() | terms.str.strip().eq(""), file, "term", "a name for the term")
    _refuse(terms.duplicated(), file, "term", "each term once (choose one printed model)", terms)
    return frame.assign(term=terms)


def _require_columns(frame: pd.DataFrame, file: str, expected: str) -> None:
    for column in ("estimate", "se"):
        if column not in frame.columns:
            raise DataError(f"{file}: no column {column!r}, expected {expected}")


def _checked(frame: pd.DataFrame, file: str, expected: str) -> pd.DataFrame:
    """The frame with numbers as floats, every cell validated."""
    _require_columns(frame, file, expected)
    numbers = [name for name in ("estimate", "se", "scale", "df") if name in frame.columns]
    frame = frame.assign(**{column: _numbers(frame, column, file) for column in numbers})
    bad = (frame["se"] < 0) | (frame["se"].eq(0) & frame["estimate"].ne(0))
    _refuse(bad, file, "se", _POSITIVE, frame["se"])
    return frame


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
    _refuse(wrong, file, column, expected, frame[column])
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
    expected = (
        "a standard error above 0: with more digits, or in other units; the reference category of a group has the group's name in "
        "column 'group'"
    )
    _refuse(reference & ~grouped & ~pooled, file, "se", expected, frame["se"])


def _finished(frame: pd.DataFrame, pooled: pd.Series[bool], file: str) -> pd.DataFrame:
    if frame.empty:
        raise DataError(f"{file}: no term with a standard error above 0, expected at least one")
    scale, df = (
        frame.get(name, pd.Series(value, index=frame.index))
        for name, value in (("scale", 1.0), ("df", math.inf))
    )
    done = frame[["term", "estimate", "se"]].assign(
        df=df.where(df < NORMAL_DF, math.inf), scale=scale.fillna(1.0), flat=scale.isna(), pooled=pooled
    )
    return done.reset_index(drop=True)
