"""Ordinary least squares: fitted to authorities with robust errors, or read from a printed table.

The regression is a QR decomposition in NumPy, which the tests hold against statsmodels and published results: importing
statsmodels takes several times as long as all else that a regression beside an exact posterior needs.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ..errors import DataError, cell_message, did_you_mean
from ..inference.distributions import t_quantile, t_upper_tail
from ..readers.design_matrix import choose_reference, dependent_columns, type_dummies

Effect = Literal["target", "stretch"]
CovType = Literal["nonrobust", "HC0", "HC1", "HC2", "HC3"]

_COV_TYPES = ["nonrobust", "HC0", "HC1", "HC2", "HC3"]
_CONSTANT = "constant"


def fit_ols(
    authorities: xr.Dataset,
    *,
    effect: Effect = "target",
    cov_type: CovType = "HC3",
    reference: str | None = None,
    prob: float = 0.95,
    controls: bool = True,
) -> pd.DataFrame:
    """Regress the change of each authority on its target or stretch, its type and the controls.

    Parameters
    ----------
    authorities : xarray.Dataset
        As `read_authorities` gives it: ``change`` and the effect's variable on dim ``authority``, and
        ``controls`` ``(authority, control)``.
    effect : {"target", "stretch"}, default "target"
        The variable whose slope is asked for. Authorities whose stretch is not known are left out.
    cov_type : {"nonrobust", "HC0", "HC1", "HC2", "HC3"}, default "HC3"
        Classical or heteroskedasticity-consistent standard errors.
    reference : str, optional
        The authority type that has no dummy; ``"unitary authority"`` (or ``"unitary"``) by default where
        there is such a type, else the type with most authorities.
    prob : float, default 0.95
        Probability of the confidence interval.
    controls : bool, default True
        Whether the controls are in the regression. The type dummies always are.

    Returns
    -------
    DataFrame
        Indexed by ``term`` (the effect, each other type, each control, ``constant``), columns ``estimate``,
        ``se``, ``t``, ``p_one_tailed``, ``p_two_tailed``, ``ci_low``, ``ci_high``. The effect is in % of the
        baseline score, for having the target or for each percentage point of stretch. The one-tailed p is
        that of the tail which the estimate's own sign points to: half of the two-tailed p. The attrs are
        ``r2``, ``r2_without_effect`` (of the same authorities), ``n``, ``df`` (residual degrees of
        freedom, of every t), ``cov_type``, ``reference``, ``prob``, ``sigma`` (residual standard deviation),
        ``effect``, ``origin`` and ``n_dropped`` (authorities left out for want of a stretch).

    Raises
    ------
    DataError
        If the change or the effect is missing (a cross-section has no change), does not vary, or is fitted
        exactly; if terms are collinear, or not fewer than authorities; if HC2 or HC3 is asked for and one
        authority alone decides a term, so that they are not defined.

    Notes
    -----
    Andrews, Downe & Guarneros-Meza (2014), Table 2, is such a regression, with unitary authorities as the
    reference and one-tailed tests on robust standard errors. HC1 is ``n / df`` times HC0; HC2 and HC3 divide
    each squared residual by ``1 - h`` and ``(1 - h)**2``, where h is the leverage (MacKinnon & White, 1985).
    p values and intervals use Student's t, not the normal.

    Examples
    --------
    >>> authorities = xr.Dataset(
    ...     {"change": ("authority", [2.0, 0, 3, -1, 4, 1, -2, -4, 0, -3, 1, -1]),
    ...      "target": ("authority", [1.0, 0] * 6)},
    ...     coords={"authority_type": ("authority", ["county"] * 6 + ["unitary"] * 6)})
    >>> table = fit_ols(authorities, cov_type="nonrobust")
    >>> table["estimate"].round(3).to_dict()
    {'target': 2.667, 'county': 3.0, 'constant': -2.833}
    >>> table.attrs["reference"], table.attrs["df"]
    ('unitary', 9)
    """
    _one_of("effect", effect, ["target", "stretch"])
    _one_of("cov_type", cov_type, _COV_TYPES)
    _check_prob(prob)
    _check_dataset(authorities, effect)
    known = np.isfinite(authorities[effect].to_numpy()) if effect == "stretch" else slice(None)
    rows = authorities.isel(authority=known)
    chosen = choose_reference([str(kind) for kind in rows["authority_type"].values], reference)
    matrix = _design(rows, effect, chosen, controls)
    change = rows["change"].to_numpy().astype(float)
    _check_design(matrix, change)

    if cov_type in {"HC2", "HC3"}:
        _check_leverage(matrix, rows)

    fit = _least_squares(matrix.to_numpy(), change, cov_type)
    total = float(((change - change.mean()) ** 2).sum())
    if fit.square <= 1e-20 * total:
        raise DataError("authorities: the terms fit 'change' exactly, expected some residual variation")
    without = _least_squares(matrix.drop(columns=effect).to_numpy(), change, "nonrobust")
    df = len(change) - matrix.shape[1]
    table = _t_table(list(matrix.columns), fit.estimate, fit.se, df=df, prob=prob)
    table.attrs = {
        "r2": 1.0 - fit.square / total,
        "r2_without_effect": 1.0 - without.square / total,
        "n": len(change),
        "df": df,
        "cov_type": cov_type,
        "reference": chosen,
        "prob": prob,
        "sigma": math.sqrt(fit.square / df),
        "effect": effect,
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
    The target's slope in Andrews, Downe & Guarneros-Meza (2014), Table 2, Model 2: 150 areas, 13
    coefficients.

    >>> printed = pd.DataFrame({"term": ["target"], "estimate": [0.952], "se": [0.659]})
    >>> ols_from_estimates(printed, df=150 - 13).round(4)[["t", "p_one_tailed", "ci_low", "ci_high"]]
                 t  p_one_tailed  ci_low  ci_high
    term
    target  1.4446        0.0754 -0.3511   2.2551
    """
    _check_prob(prob)
    if not (np.isfinite(df) and df > 0):
        raise DataError(f"df: found {df!r}, expected a number of degrees of freedom above 0")
    for column in ("term", "estimate", "se"):
        if column not in estimates.columns:
            hint = did_you_mean(column, [str(name) for name in estimates.columns])
            raise DataError(f"estimates, column {column!r}: missing; {hint}")
    terms: list[str] = []
    values: list[float] = []
    errors: list[float] = []
    for row, (term, estimate, se) in enumerate(
        estimates[["term", "estimate", "se"]].itertuples(index=False, name=None), 1
    ):
        _check_estimate(row, term, estimate, se, terms)
        if se != 0:
            terms.append(term)
            values.append(float(estimate))
            errors.append(float(se))
    if not terms:
        raise DataError("estimates: found no row with a standard error above 0, expected at least one")
    table = _t_table(terms, np.array(values), np.array(errors), df=float(df), prob=prob)
    table.attrs = {"df": df, "prob": prob}
    return table


def _one_of(argument: str, value: str, known: list[str]) -> None:
    if value not in known:
        raise DataError(f"{argument}: found {value!r}; {did_you_mean(str(value), known)}")


def _check_prob(prob: float) -> None:
    if not 0 < prob < 1:
        raise DataError(f"prob: found {prob!r}, expected a probability between 0 and 1")


def _check_dataset(authorities: xr.Dataset, effect: str) -> None:
    if "dataset" in authorities.dims:
        raise DataError("authorities: found an ensemble, expected one data set, e.g. .isel(dataset=0)")
    if "change" not in authorities:
        raise DataError(
            "authorities: no variable 'change' (a cross-section?), expected baseline and outcome, or change"
        )
    if effect not in authorities:
        found = ", ".join(repr(str(name)) for name in authorities.data_vars)
        raise DataError(f"authorities: no variable {effect!r}, expected it as the effect; found {found}")


def _design(authorities: xr.Dataset, effect: str, reference: str, controls: bool) -> pd.DataFrame:
    """One row an authority; columns: effect, type dummies, controls, constant."""
    types = [str(kind) for kind in authorities["authority_type"].values]
    order = list(dict.fromkeys([*authorities.attrs.get("types", []), *types]))
    parts = [
        pd.DataFrame({effect: authorities[effect].to_numpy().astype(float)}),
        type_dummies(types, order, reference),
    ]
    if controls and "controls" in authorities:
        block = authorities["controls"].transpose("authority", "control")
        parts.append(pd.DataFrame(block.to_numpy(), columns=[str(name) for name in block["control"].values]))
    matrix = pd.concat(parts, axis=1).assign(**{_CONSTANT: 1.0})
    names = list(matrix.columns)
    for name in names:
        if names.count(name) > 1 or (name == _CONSTANT and names[-1] != name):
            raise DataError(f"authorities: two terms are named {name!r}, expected each term once")
    return matrix


def _check_design(matrix: pd.DataFrame, change: npt.NDArray[np.float64]) -> None:
    n, terms = matrix.shape
    if n <= terms:
        raise DataError(f"authorities: found {n} that can be used, expected more than the {terms} terms")
    for name, values in (("change", pd.Series(change)), *matrix.items()):
        if not np.isfinite(values).all():
            raise DataError(f"authorities, {name!r}: found a missing or infinite value, expected none")
    if np.all(change == change[0]):
        raise DataError("authorities, 'change': every value is the same, expected some variation")
    # The effect comes last, so that it is the one named where it follows from types and controls.
    columns = matrix.drop(columns=_CONSTANT)
    for name, others in dependent_columns(columns[[*columns.columns[1:], columns.columns[0]]]).items():
        made_of = (
            f"a linear combination of {', '.join(map(repr, others))} and a constant" if others else "constant"
        )
        raise DataError(f"authorities, {name!r}: {made_of}, expected terms that can be told apart")


def _check_leverage(matrix: pd.DataFrame, authorities: xr.Dataset) -> None:
    """HC2 and HC3 divide by 1 - leverage, which is 0 for an authority that is alone of its type."""
    basis = np.linalg.qr((matrix / matrix.abs().max()).to_numpy())[0]
    leverage = (basis**2).sum(axis=1)
    if leverage.max() < 1 - 1e-10:
        return
    row = int(leverage.argmax())
    named = "authority" in authorities.coords
    place = repr(str(authorities["authority"].values[row])) if named else f"row {row + 1}"
    raise DataError(
        f"authorities, {place}: it alone decides one term (the only one of its type?), so HC2 and HC3 are "
        "not defined; use cov_type HC1 or nonrobust"
    )


class _Fit(NamedTuple):
    """Estimates and standard errors, and the sum of squared residuals."""

    estimate: npt.NDArray[np.float64]
    se: npt.NDArray[np.float64]
    square: float


def _least_squares(matrix: npt.NDArray[np.float64], y: npt.NDArray[np.float64], cov_type: str) -> _Fit:
    r"""Regress y on a matrix X = QR of full rank.

    :math:`b = R^{-1} Q' y`, and :math:`\mathrm{var}(b) = A\, \mathrm{diag}(w) A'` with :math:`A = R^{-1} Q'` and w the
    squared residuals as `cov_type` scales them, or their mean.
    """
    n, terms = matrix.shape
    scale = np.abs(matrix).max(axis=0)
    q, r = np.linalg.qr(matrix / scale)
    left = np.linalg.solve(r, q.T) / scale[:, None]
    estimate = left @ y
    squares = (y - matrix @ estimate) ** 2
    leverage = (q**2).sum(axis=1)
    kept = 1.0 - leverage if cov_type in {"HC2", "HC3"} else np.ones(n)
    weights = {
        "nonrobust": np.full(n, squares.sum() / (n - terms)),
        "HC0": squares,
        "HC1": squares * n / (n - terms),
        "HC2": squares / kept,
        "HC3": squares / kept**2,
    }[cov_type]
    return _Fit(estimate, np.sqrt(left**2 @ weights), float(squares.sum()))


def _check_estimate(row: int, term: object, estimate: object, se: object, before: list[str]) -> None:
    def wrong(column: str, value: object, expected: str) -> DataError:
        return DataError(
            cell_message(file="estimates", row=row, column=column, value=value, expected=expected)
        )

    if not isinstance(term, str) or not term.strip():
        raise wrong("term", term, "a name")
    if term in before:
        raise wrong("term", term, "each term once")
    for column, value in (("estimate", estimate), ("se", se)):
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise wrong(column, value, "a finite number")
    if se < 0 or (se == 0 and estimate != 0):  # type: ignore[operator]
        raise wrong(
            "se", se, "a standard error above 0 (0 only beside an estimate of 0, a reference category)"
        )


def _t_table(
    terms: list[str],
    estimate: npt.NDArray[np.float64],
    se: npt.NDArray[np.float64],
    *,
    df: float,
    prob: float,
) -> pd.DataFrame:
    """Build the table of estimates with t as the reference distribution."""
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
