"""Classical estimates of several evaluations: common effect, random effects by REML or maximum likelihood, with selection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, require_choice, require_number, require_texts
from ..evaluation import Evaluation
from ..inference.distributions import t_quantile
from ..models.meta.model import meta_model
from ..models.meta.priors import MetaPriors, Steps
from ..models.meta.problem import Problem, problem_of
from ..models.meta.selection import bin_probabilities
from ..priors import Flat, HalfNormal, Normal
from .ols import t_table

FloatArray = NDArray[np.float64]
METHODS = ("reml", "ml", "common")
_LOG_2_PI = math.log(2.0 * math.pi)
# A description checks the table; its priors are not used here.
_UNUSED = MetaPriors(mu=Normal(0.0, 1.0), tau=HalfNormal(1.0), coefficient=Flat())


def fit_meta(
    several: Evaluation,
    *,
    method: str = "reml",
    moderators: Sequence[str] = (),
    selection: Steps | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    r"""Estimate the mean of several effects without priors.

    Weights are :math:`1 / (\tau^2 + s_i^2)`, with :math:`\tau = 0` for a common effect. With `selection` mean,
    :math:`\tau` and the probabilities of publication maximise the likelihood of Vevea & Hedges (1995) together.

    Parameters
    ----------
    several : Evaluation
        From `read_evaluations`.
    method : {"reml", "ml", "common"}
        Restricted or full maximum likelihood of the variance between studies, or none.
    moderators : sequence of str
        Numeric columns; `mu` is then the effect at their means.
    selection : Steps, optional
        Needs ``method="ml"``.
    prob : float
        Probability of the intervals.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``term``: ``mu``, each moderator (per unit of the column) and, with selection, each weight of
        publication. Columns ``estimate``, ``se``, ``z``, ``p_two_tailed``, ``ci_low``, ``ci_high``. Attrs: ``tau``, ``tau2``;
        ``q``, ``q_df``, ``q_p`` (residual heterogeneity around the common effect); ``i2``, the share of the variance that
        is between studies; ``log_likelihood``; ``prediction``, the interval of a new effect; ``weights``, each study's share
        of the mean, in per cent; ``method``, ``prob``.

    Raises
    ------
    DataError
        If an option is not known, or there are not enough studies.

    References
    ----------
    Viechtbauer (2005), *Journal of Educational and Behavioral Statistics* 30, 261-293 (REML). Higgins & Thompson (2002),
    *Statistics in Medicine* 21, 1539-1558 (Q, I²). Vevea & Hedges (1995), *Psychometrika* 60, 419-435.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> table = pd.DataFrame({"estimate": [0.10, 0.30, 0.35, 0.80], "se": [0.10, 0.15, 0.20, 0.20]}, index=list("abcd"))
    >>> several = bt.Evaluation(estimates=table, printed=table.astype(str), better="higher")
    >>> found = fit_meta(several, method="common")
    >>> found.loc["mu", ["estimate", "se"]].round(3).tolist(), round(found.attrs["q"], 2), round(found.attrs["i2"], 2)
    ([0.268, 0.072], 10.11, 0.7)
    """
    from scipy.special import chdtrc

    require_choice("method", method, METHODS)
    prob = require_number("prob", prob, above=0.0, below=1.0, expected="a probability between 0 and 1")
    if selection is not None and not (isinstance(selection, Steps) and method == "ml"):
        raise DataError("selection: expected bt.Steps((0.025,)) together with method='ml'")
    names = require_texts("moderators", moderators)
    if getattr(several, "covariance", None) is not None:
        raise DataError("fit_meta: a covariance of the errors is not taken into account; use meta_model")
    problem = problem_of(meta_model(several, moderators=names, selection=selection, priors=_UNUSED))
    y, se = problem.y, problem.se
    design = np.column_stack([np.ones(y.size), problem.columns])
    if method != "common" and y.size <= design.shape[1]:
        raise DataError(
            f"method {method!r}: {y.size} studies for {design.shape[1]} coefficients, expected more studies"
        )
    tau = 0.0 if method == "common" else _spread(y, se, design, method)
    found = _at(y, se, design, tau, method)
    labels, scale = ["mu", *names], np.concatenate([[1.0], 1.0 / problem.sd])
    if selection is not None:
        found, tau = _with_selection(problem, design, found.estimate, tau)
        labels += [f"weight ({label})" for label in selection.labels]
        scale = np.concatenate([scale, np.ones(len(selection.labels))])
    errors = np.sqrt(np.diag(found.covariance)) * scale
    table = t_table(labels, found.estimate * scale, errors, df=math.inf, prob=prob)
    table = table.rename(columns={"t": "z"}).drop(columns="p_one_tailed")
    reach = t_quantile((1 + prob) / 2, math.inf) * math.hypot(float(table["se"].iloc[0]), tau)
    middle = float(table["estimate"].iloc[0])
    weight = 1.0 / (tau**2 + se**2)
    square, df = _at(y, se, design, 0.0, "common").square, y.size - design.shape[1]
    between = tau**2 / (tau**2 + typical_variance(se))
    if method == "common" and square > 0:
        between = max(0.0, 1 - df / square)
    table.attrs = {
        "method": method,
        "prob": prob,
        "tau": tau,
        "tau2": tau**2,
        "q": square,
        "q_df": df,
        "q_p": float(chdtrc(df, square)) if df > 0 else math.nan,
        "i2": between,
        "log_likelihood": found.log_likelihood,
        "prediction": (middle - reach, middle + reach),
        "weights": dict(zip(several.estimates.index.astype(str), 100 * weight / weight.sum(), strict=True)),
        "origin": several.source,
    }
    return table


def typical_variance(se: FloatArray) -> float:
    """The errors' variance that I² compares the variance between studies with (Higgins & Thompson 2002)."""
    weight = se**-2.0
    if se.size < 2:
        return float(se[0] ** 2)
    total = weight.sum()
    # (K - 1) W / (W^2 - sum w^2), in a form that does not cancel where one weight is all.
    pairs = total**2 * (1.0 - float(((weight / total) ** 2).sum()))
    return float((se.size - 1) * total / max(pairs, 1e-300))


@dataclass(frozen=True)
class Worst:
    """What is left when only results that are not significant and favourable count."""

    # Mean over results that are not significant in the favourable direction, random effects; NaN where there is none
    estimate: float
    low: float
    high: float
    # How many times likelier a significant favourable result must be to be published for the mean to be 0: infinite where no such
    # ratio does it, 1 where the mean is not favourable anyway; and the same for the end of the interval that is nearer 0
    ratio: float
    ratio_low: float
    # Numbers of results
    significant: int
    others: int


def worst_case(several: Evaluation) -> Worst:
    r"""The mean under the worst selection by significance, and how strong a selection would bring it to 0; 95% intervals.

    A favourable result with a two-sided p below 0.05 is taken to be :math:`\eta` times as likely to be published as any other.
    Whatever the distribution of effects, weighting the others by :math:`\eta` undoes that; the *S-value* is the
    :math:`\eta` at which the weighted mean is 0.

    References
    ----------
    Mathur & VanderWeele (2020), *Journal of the Royal Statistical Society C* 69, 1091-1119.
    """
    if several.better is None:
        raise DataError("worst_case: which direction is favourable is not known, expected better=")
    # One-sided 0.025 towards the favourable side; errors are taken as independent.
    apart = replace(several, covariance=None)
    problem = problem_of(meta_model(apart, selection=Steps((0.025,)), priors=_UNUSED))
    y, chosen = problem.direction * problem.y, problem.bin == 0
    weight = 1.0 / (_random_effects(problem.y, problem.se)[1] ** 2 + problem.se**2)
    reach = t_quantile(0.975, math.inf)

    def end(ratio: float, level: float) -> float:
        """Weighted mean less `level` robust standard errors."""
        own = np.where(chosen, 1.0, ratio) * weight
        mean = float(own @ y / own.sum())
        size = y.size / max(y.size - 1, 1)
        return mean - level * math.sqrt(size * float(own**2 @ (y - mean) ** 2)) / float(own.sum())

    def crossing(level: float) -> float:
        if end(1.0, level) <= 0:
            return 1.0
        if end(1e9, level) > 0:
            return math.inf
        low, high = 0.0, math.log(1e9)
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if end(math.exp(middle), level) > 0 else (low, middle)
        return math.exp(0.5 * (low + high))

    estimate = error = math.nan
    if not chosen.all():
        found, _ = _random_effects(problem.y[~chosen], problem.se[~chosen])
        estimate, error = float(found.estimate[0]), reach * math.sqrt(float(found.covariance[0, 0]))
    significant = int(chosen.sum())
    return Worst(
        estimate,
        estimate - error,
        estimate + error,
        crossing(0.0),
        crossing(reach),
        significant,
        y.size - significant,
    )


@dataclass(frozen=True)
class _Fit:
    estimate: FloatArray
    covariance: FloatArray
    square: float
    log_likelihood: float


def _random_effects(y: FloatArray, se: FloatArray) -> tuple[_Fit, float]:
    """The mean of all estimates by REML, with tau."""
    design = np.ones((y.size, 1))
    tau = _spread(y, se, design, "reml") if y.size > 1 else 0.0
    return _at(y, se, design, tau, "reml"), tau


def _at(y: FloatArray, se: FloatArray, design: FloatArray, tau: float, method: str) -> _Fit:
    """Weighted least squares at one tau."""
    weight = 1.0 / (tau**2 + se**2)
    precision = design.T @ (weight[:, None] * design)
    covariance = np.linalg.inv(precision)
    estimate = covariance @ (design.T @ (weight * y))
    square = float(weight @ (y - design @ estimate) ** 2)
    value = 0.5 * (np.log(weight).sum() - square - y.size * _LOG_2_PI)
    if method == "reml":
        log_det = np.linalg.slogdet(design.T @ design)[1] - np.linalg.slogdet(precision)[1]
        value += 0.5 * (log_det + design.shape[1] * _LOG_2_PI)
    return _Fit(estimate, covariance, square, float(value))


def _spread(y: FloatArray, se: FloatArray, design: FloatArray, method: str) -> float:
    """Find tau at the largest (restricted) likelihood: a coarse search over its size, then golden sections."""
    top = 3.0 * float(np.abs(y - design @ np.linalg.lstsq(design, y)[0]).max()) + 1e-300

    def value(log_tau: float) -> float:
        return _at(y, se, design, math.exp(log_tau), method).log_likelihood

    line = np.linspace(math.log(top) - 14.0, math.log(top), 57)
    values = [value(own) for own in line]
    best = int(np.argmax(values))
    if best == 0 or _at(y, se, design, 0.0, method).log_likelihood >= values[best]:
        return 0.0
    low, high = line[max(best - 1, 0)], line[min(best + 1, line.size - 1)]
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    for _ in range(80):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if value(left) > value(right) else (left, high)
    return math.exp(0.5 * (low + high))


def _with_selection(
    problem: Problem, design: FloatArray, start: FloatArray, tau: float
) -> tuple[_Fit, float]:
    """Coefficients and weights where the likelihood is largest, and tau there."""
    from scipy import optimize

    place = problem.bin
    counts = np.bincount(place, minlength=problem.bins)
    if (counts == 0).any():
        raise DataError(
            f"selection by maximum likelihood: {', '.join(map(str, counts))} estimates in the bins of p-values, expected some in "
            "each; meta_model gives an answer with a prior"
        )
    p, unit, one = design.shape[1], float(np.median(problem.se)), np.ones((problem.y.size, 1))

    def log_likelihood(values: FloatArray) -> float:
        mean = design @ values[:p] * unit
        variance = (values[p] * unit) ** 2 + problem.se**2
        weights = np.concatenate([[1.0], values[p + 1 :]])
        bins = bin_probabilities(problem, mean[None, :, None], np.sqrt(variance)[None, :, None], one)[0]
        density = -0.5 * ((problem.y - mean) ** 2 / variance + np.log(variance) + _LOG_2_PI)
        return float((density + np.log(weights[place]) - np.log(weights @ bins)).sum())

    bounds: list[tuple[Any, Any]] = [(None, None)] * p + [(0.0, None)] + [(1e-6, 1e4)] * (problem.bins - 1)
    fits = [
        optimize.minimize(
            lambda v: -log_likelihood(v),
            np.concatenate([start / unit, [first_tau], np.full(problem.bins - 1, first_weight)]),
            method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000},
        )
        for first_tau, first_weight in ((tau / unit, 0.5), (tau / unit, 1.0), (0.1, 0.2), (2.0, 1.0))
    ]  # fmt: skip
    best = min(fits, key=lambda found: float(found.fun))
    free = np.array([own != p or best.x[p] > 1e-6 for own in range(best.x.size)])
    covariance = np.full((best.x.size, best.x.size), np.nan)
    covariance[np.ix_(free, free)] = np.linalg.inv(-_hessian(log_likelihood, best.x, free))
    scale = np.concatenate([np.full(p, unit), np.ones(problem.bins - 1)])
    kept = np.delete(np.delete(covariance, p, axis=0), p, axis=1) * np.outer(scale, scale)
    return _Fit(np.delete(best.x, p) * scale, kept, math.nan, float(-best.fun)), float(best.x[p] * unit)


def _hessian(function: Any, at: FloatArray, free: NDArray[np.bool_]) -> FloatArray:
    """Second derivatives by central differences, of the free parameters."""
    places, step = np.flatnonzero(free), np.diag(1e-4 * np.maximum(np.abs(at), 0.1))
    out = np.empty((places.size, places.size))
    for i, a in enumerate(places):
        for j, b in enumerate(places[: i + 1]):
            corners = [(s, t) for s in (1, -1) for t in (1, -1)]
            total = sum(s * t * function(at + s * step[a] + t * step[b]) for s, t in corners)
            out[i, j] = out[j, i] = total / (4 * step[a, a] * step[b, b])
    return out
