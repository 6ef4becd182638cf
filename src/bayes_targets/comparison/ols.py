"""Ordinary least squares: fitted to a table of units with robust errors, or read from a printed table."""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean, require_choice, require_kind, require_number, shown, wrong_cell
from ..inference.distributions import t_quantile, t_upper_tail
from ..inference.least_squares import COV_TYPES, CovType, LeastSquares, least_squares
from ..readers.dataset import choose_reference, dependent_columns, type_dummies, usual_reference

Effect = Literal["target", "stretch"]

FloatArray = NDArray[np.float64]
_CONSTANT = "constant"


def fit_ols(
    authorities: xr.Dataset,
    *,
    effect: Effect | None = "target",
    cov_type: CovType = "HC3",
    reference: str | None = None,
    prob: float = 0.95,
    controls: bool = True,
    response: Literal["change", "outcome"] | None = None,
) -> pd.DataFrame:
    """Regress the change (or the outcome) of each unit on its target or stretch, its type and the controls.

    Parameters
    ----------
    authorities : xarray.Dataset
        As `read_authorities` gives it: ``change`` (or ``outcome``) and the effect's variable on dim ``authority``, and
        ``controls`` ``(authority, control)``.
    effect : {"target", "stretch"} or None, default "target"
        The variable whose slope is asked for; None where there is neither, so that types and controls alone explain the
        outcome. Units whose stretch is not known are left out.
    cov_type : {"nonrobust", "HC0", "HC1", "HC2", "HC3"}, default "HC3"
        Classical or heteroskedasticity-consistent standard errors.
    reference : str, optional
        The type that has no dummy; by default the one that ``authorities.attrs["reference"]`` names, else the type with
        most units (the first type where types are all that is compared, as `effect` is None).
    prob : float, default 0.95
        Probability of the confidence interval.
    controls : bool, default True
        Whether the controls are in the regression. The type dummies always are.
    response : {"change", "outcome"}, optional
        What is explained; by default the change, where there is one.

    Returns
    -------
    DataFrame
        Indexed by ``term`` (the effect, each other type, each control, ``constant``), columns ``estimate``,
        ``se``, ``t``, ``p_one_tailed``, ``p_two_tailed``, ``ci_low``, ``ci_high``, in units of the outcome for one unit of
        the term. The one-tailed p is that of the tail which the estimate's own sign points to: half of the two-tailed p.
        The attrs are ``r2``, ``r2_without_effect`` (of the same units), ``n``, ``df`` (residual degrees of
        freedom, of every t), ``cov_type``, ``reference``, ``prob``, ``sigma`` (residual standard deviation),
        ``effect``, ``response``, ``origin`` and ``n_dropped`` (units left out for want of a stretch).

    Raises
    ------
    DataError
        If the outcome or the effect is missing, does not vary, or is fitted
        exactly; if terms are collinear, or not fewer than units; if HC2 or HC3 is asked for and one
        unit alone decides a term, so that they are not defined.

    Notes
    -----
    HC1 is ``n / df`` times HC0; HC2 and HC3 divide each squared residual by ``1 - h`` and ``(1 - h)**2``, where h is the
    leverage. p values and intervals use Student's t, not the normal.

    References
    ----------
    MacKinnon, J. G., & White, H. (1985). Some heteroskedasticity-consistent covariance matrix estimators with improved
    finite sample properties. *Journal of Econometrics*, 29(3), 305-325.

    Examples
    --------
    >>> authorities = xr.Dataset(
    ...     {"change": ("authority", [2.0, 0, 3, -1, 4, 1, -2, -4, 0, -3, 1, -1]),
    ...      "target": ("authority", [1.0, 0] * 6)},
    ...     coords={"authority_type": ("authority", ["county"] * 6 + ["unitary"] * 6)},
    ...     attrs={"reference": "unitary"})
    >>> table = fit_ols(authorities, cov_type="nonrobust")
    >>> table["estimate"].round(3).to_dict()
    {'target': 2.667, 'county': 3.0, 'constant': -2.833}
    >>> table.attrs["reference"], table.attrs["df"]
    ('unitary', 9)
    """
    if effect is not None:
        require_choice("effect", effect, ["target", "stretch"])
    require_choice("cov_type", cov_type, COV_TYPES)
    _check_prob(prob)
    explained = _check_dataset(authorities, effect, response)
    known = np.isfinite(authorities[effect].to_numpy()) if effect == "stretch" else slice(None)
    rows = authorities.isel(authority=known)
    labels = [str(kind) for kind in rows["authority_type"].values]
    if reference is not None and not isinstance(reference, str):
        raise DataError(f"reference is {shown(reference)}, expected the name of a type")
    chosen = choose_reference(labels, reference or usual_reference(authorities, labels, effect))
    matrix = _design(rows, effect, chosen, controls)
    change = rows[explained].to_numpy().astype(float)
    _check_design(matrix, change, explained)

    fit = least_squares(matrix.to_numpy(), change)
    if cov_type in {"HC2", "HC3"}:
        _check_leverage(fit, rows)

    total = float(((change - change.mean()) ** 2).sum())
    unexplained = float(fit.residual @ fit.residual)
    if unexplained <= 1e-20 * total:
        raise DataError(f"authorities: the terms fit {explained!r} exactly, expected some residual variation")
    others = matrix if effect is None else matrix.drop(columns=effect)
    without = least_squares(others.to_numpy(), change).residual
    df = len(change) - matrix.shape[1]
    se = np.sqrt(np.diag(fit.covariance(cov_type)))
    table = t_table(list(matrix.columns), fit.estimate, se, df=df, prob=prob)
    table.attrs = {
        "r2": 1.0 - unexplained / total,
        "r2_without_effect": 1.0 - float(without @ without) / total,
        "n": len(change),
        "df": df,
        "cov_type": cov_type,
        "reference": chosen,
        "prob": prob,
        "sigma": math.sqrt(unexplained / df),
        "effect": effect,
        "response": explained,
        "origin": str(authorities.attrs.get("origin", "observed")),
        "n_dropped": int(authorities.sizes["authority"] - len(change)),
    }
    return table


def ols_from_estimates(estimates: pd.DataFrame, *, df: float, prob: float = 0.95) -> pd.DataFrame:
    """Rebuild t, p values and intervals from the estimates and standard errors of a printed table.

    Parameters
    ----------
    estimates : DataFrame
        Columns ``term``, ``estimate``, ``se`` (others are ignored). A row with estimate 0 and standard error
        0 stands for a reference category and is left out.
    df : float
        Residual degrees of freedom: number of cases less number of coefficients, the constant included.
    prob : float, default 0.95
        Probability of the confidence interval.

    Returns
    -------
    DataFrame
        Indexed by ``term``, columns as `fit_ols` gives; attrs ``df`` and ``prob``.

    Raises
    ------
    DataError
        If a column is missing, a term occurs twice or has no name, or an estimate or a standard error cannot
        be one.

    Examples
    --------
    A printed slope of 150 areas, in a regression with 13 coefficients:

    >>> printed = pd.DataFrame({"term": ["target"], "estimate": [0.952], "se": [0.659]})
    >>> ols_from_estimates(printed, df=150 - 13).round(4)[["t", "p_one_tailed", "ci_low", "ci_high"]]
                 t  p_one_tailed  ci_low  ci_high
    term
    target  1.4446        0.0754 -0.3511   2.2551
    """
    _check_prob(prob)
    df = require_number("df", df, above=0.0, below=1e15, expected="a number of degrees of freedom above 0")
    require_kind("estimates", estimates, pd.DataFrame, "a DataFrame")
    for column in ("term", "estimate", "se"):
        if column not in estimates.columns:
            hint = did_you_mean(column, [str(name) for name in estimates.columns])
            raise DataError(f"estimates, column {column!r}: missing; {hint}")
        if isinstance(estimates[column], pd.DataFrame):
            raise DataError(f"estimates, column {column!r}: stands twice, expected it once")
    rows = estimates[["term", "estimate", "se"]]
    cells = zip(rows.itertuples(index=False, name=None), rows["term"].duplicated(), strict=True)
    for row, ((term, estimate, se), again) in enumerate(cells, 1):
        _check_estimate(row, term, estimate, se, again)
    kept = rows[rows["se"] != 0]
    if kept.empty:
        raise DataError("estimates: found no row with a standard error above 0, expected at least one")
    values, errors = (kept[name].to_numpy(float) for name in ("estimate", "se"))
    table = t_table(kept["term"].tolist(), values, errors, df=float(df), prob=prob)
    table.attrs = {"df": df, "prob": prob}
    return table


def _check_prob(prob: float) -> None:
    require_number("prob", prob, above=0.0, below=1.0, expected="a probability between 0 and 1")


def _check_dataset(authorities: xr.Dataset, effect: str | None, response: str | None) -> str:
    """Raise unless outcome and effect are there; return the outcome's name."""
    require_kind("authorities", authorities, xr.Dataset, "a Dataset of authorities")
    if "dataset" in authorities.dims:
        raise DataError("authorities: found an ensemble, expected one data set, e.g. .isel(dataset=0)")
    if response is not None:
        require_choice("response", response, ["change", "outcome"])
    wanted = [response] if response else ["change", "outcome"]
    explained = next((name for name in wanted if name in authorities), None)
    if explained is None:
        raise DataError(f"authorities: no variable {wanted[0]!r}, expected baseline and outcome, or change")
    if effect is not None and effect not in authorities:
        found = ", ".join(repr(str(name)) for name in authorities.data_vars)
        raise DataError(
            f"authorities: no variable {effect!r}, expected it as the effect (None where there is none); found {found}"
        )
    return explained


def _design(authorities: xr.Dataset, effect: str | None, reference: str, controls: bool) -> pd.DataFrame:
    """One row per unit; columns: effect, type dummies, controls, constant."""
    types = [str(kind) for kind in authorities["authority_type"].values]
    order = list(dict.fromkeys([*authorities.attrs.get("types", []), *types]))
    parts = [type_dummies(types, order, reference)]
    if effect is not None:
        parts.insert(0, pd.DataFrame({effect: authorities[effect].to_numpy().astype(float)}))
    if controls and "controls" in authorities:
        block = authorities["controls"].transpose("authority", "control")
        parts.append(pd.DataFrame(block.to_numpy(), columns=[str(name) for name in block["control"].values]))
    matrix = pd.concat(parts, axis=1).assign(**{_CONSTANT: 1.0})
    names = list(matrix.columns)
    for name in names:
        if names.count(name) > 1 or (name == _CONSTANT and names[-1] != name):
            raise DataError(f"authorities: two terms are named {name!r}, expected each term once")
    return matrix


def _check_design(matrix: pd.DataFrame, change: FloatArray, explained: str) -> None:
    n, terms = matrix.shape
    if n <= terms:
        raise DataError(f"authorities: found {n} that can be used, expected more than the {terms} terms")
    for name, values in ((explained, pd.Series(change)), *matrix.items()):
        if not np.isfinite(values).all():
            raise DataError(f"authorities, {name!r}: found a missing or infinite value, expected none")
    if np.all(change == change[0]):
        raise DataError(f"authorities, {explained!r}: every value is the same, expected some variation")
    # The effect comes last, so that it is the one named where it follows from types and controls.
    columns = matrix.drop(columns=_CONSTANT)
    for name, others in dependent_columns(columns[[*columns.columns[1:], columns.columns[0]]]).items():
        made_of = (
            f"a linear combination of {', '.join(map(repr, others))} and a constant" if others else "constant"
        )
        raise DataError(f"authorities, {name!r}: {made_of}, expected terms that can be told apart")


def _check_leverage(fit: LeastSquares, authorities: xr.Dataset) -> None:
    """HC2 and HC3 divide by 1 - leverage, which is 0 for a unit that is alone of its type."""
    leverage = fit.leverage
    if leverage.max() < 1 - 1e-10:
        return
    row = int(leverage.argmax())
    named = "authority" in authorities.coords
    place = repr(str(authorities["authority"].values[row])) if named else f"row {row + 1}"
    raise DataError(
        f"authorities, {place}: it alone decides one term (the only one of its type?), so HC2 and HC3 are "
        "not defined; use cov_type HC1 or nonrobust"
    )


def _check_estimate(row: int, term: object, estimate: object, se: object, again: bool) -> None:
    wrong = partial(wrong_cell, "estimates", row)
    if not isinstance(term, str) or not term.strip():
        raise wrong("term", term, "a name")
    if again:
        raise wrong("term", term, "each term once")
    for column, value in (("estimate", estimate), ("se", se)):
        try:
            require_number(column, value)
        except DataError:
            raise wrong(column, value, "a finite number") from None
    if se != 0 and not math.isfinite(float(estimate) / float(se)):  # type: ignore[arg-type]
        raise wrong("se", se, "a standard error of the size of its estimate")
    if se < 0 or (se == 0 and estimate != 0):  # type: ignore[operator]
        raise wrong(
            "se", se, "a standard error above 0 (0 only beside an estimate of 0, a reference category)"
        )


def t_table(
    terms: list[str], estimate: FloatArray, se: FloatArray, *, df: float, prob: float
) -> pd.DataFrame:
    """The table of estimates with t as the reference distribution; with infinite `df` the normal."""
    t = estimate / se
    tail = t_upper_tail(np.abs(t), df)
    half = t_quantile(0.5 + prob / 2, df) * se
    columns = {
        "estimate": estimate,
        "se": se,
        "t": t,
        "p_one_tailed": tail,
        "p_two_tailed": 2 * tail,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
    }
    return pd.DataFrame(columns, index=pd.Index(terms, name="term"))
