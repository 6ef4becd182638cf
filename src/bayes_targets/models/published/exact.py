"""The exact posterior of `published_model`: normal in closed form, given the spread, the shared error, and the precision of t errors.

Draws are quantiles in equally probable cells (one random number each, a Latin hypercube), put together in an order that is the same
for any seed. So the numbers that are printed of them do not depend on it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.quadrature import Axis, Draws, solve, stratified_normal, together
from ...inference.quadrature.line import integrate_line
from ...model import Model, NotExactError
from ...priors import Beta, Flat, Normal, Prior, StudentT
from ..meta.exact import solve_together
from ..meta.priors import MetaPriors
from ..meta.problem import Problem
from .priors import peaks_of

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# The order of draws within a posterior; what is printed is the same for any number here, to the digits that are printed.
_ORDER = 20140101


def solve_published(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Draws from the posterior, with the engine's statistics.

    Terms that are not pooled, and whose covariance is not known, are independent of all others: normal with a normal or flat
    prior and a normal error, and one integral each otherwise.
    """
    data = model.data
    pooled, scale = data["pooled"].to_numpy(), data["scale"].to_numpy()
    inner = np.random.default_rng(_ORDER)
    effect = np.empty((size, pooled.size))
    values: dict[str, Any] = {}
    parts = []
    if "covariance" in data:
        values, effect[:], draws = _solve_joint(model, size, inner)
        parts.append(draws)
    else:
        if pooled.any():
            solve_pooled = _solve_contrasts if model.options["reference"] else _solve_pooled
            values, effect[:, pooled], draws = solve_pooled(model, size, inner)
            parts.append(draws)
        for k in np.flatnonzero(~pooled).tolist():
            y, se = float(data["estimate"][k]) * scale[k], float(data["se"][k]) * scale[k]
            standardised, draws = _solve_term(y, se, float(data["df"][k]), prior_of(model, k), size, inner)
            effect[:, k] = standardised / scale[k]
            # The density of an estimate is by its own unit, not that of one scale.
            own = {**draws.stats, "log_evidence": draws.stats["log_evidence"] + math.log(scale[k])}
            parts.append(Draws({}, draws.lp, own))
    values |= {"effect": (("sample", "term"), effect), "standardised": (("sample", "term"), effect * scale)}
    coords = {"term": data["term"].to_numpy()}
    if "deviation" in values:
        terms = data["term"].to_numpy()[pooled]
        coords["category"] = np.array([*terms.tolist(), model.options["reference"]])
    shuffled = {"sample": rng.permutation(size)}
    found = xr.Dataset(values, coords=coords)[list(model.variables)].isel(shuffled)
    return found, together([part.sample_stats() for part in parts]).isel(shuffled)


def has_shared_error(data: xr.Dataset, reference: str) -> bool:
    """Whether contrasts contain the unknown error of one reference category."""
    return bool(reference) and "covariance" not in data


def has_error_precision(data: xr.Dataset, reference: str) -> bool:
    """Whether correlated errors are t: normal, with one precision that is a Gamma variable."""
    return math.isfinite(common_df(data, reference))


def common_df(data: xr.Dataset, reference: str) -> float:
    """Degrees of freedom of correlated errors; infinite where they are normal, or where none are correlated."""
    df = data["df"].to_numpy()
    if "covariance" not in data:
        df = df[data["pooled"].to_numpy()] if reference else df[:0]
    return float(df.min(initial=np.inf))


def prior_of(model: Model, k: int) -> Prior:
    """The prior of the standardised effect of one term that is not pooled."""
    row = model.data.isel(term=k)
    if bool(row["flat"]):
        return Flat()
    if bool(row["own_prior"]):
        scale = float(row["scale"])
        return Normal(float(row["prior_mean"]) * scale, float(row["prior_sd"]) * scale)
    prior: Prior = model.priors.effect
    return prior


def error_of(se: float, df: float) -> Prior:
    """The distribution of an estimate's error: normal, or Student's t."""
    return StudentT(df, 0.0, se) if math.isfinite(df) else Normal(0.0, se)


def _moments(prior: Prior) -> tuple[float, float]:
    """Mean and s.d. of a normal prior; an infinite one of a flat prior."""
    return getattr(prior, "mu", 0.0), getattr(prior, "sigma", math.inf)


def _constant(log_evidence: float, size: int, rng: np.random.Generator) -> Draws:
    """What the engine says of a posterior in closed form."""
    return solve(lambda nodes: np.full(len(nodes), log_evidence), [], size, rng)


def _solve_term(
    y: float, se: float, df: float, prior: Prior, size: int, rng: np.random.Generator
) -> tuple[FloatArray, Draws]:
    """One standardised effect by itself."""
    if isinstance(prior, Normal | Flat) and not math.isfinite(df):
        centre, sd = _moments(prior)
        total = se**-2 + sd**-2
        mean = (y * se**-2 + centre * sd**-2) / total
        evidence = float(Normal(centre, math.hypot(sd, se)).logpdf(y)) if math.isfinite(sd) else 0.0
        return mean + stratified_normal(rng, size) / math.sqrt(total), _constant(evidence, size, rng)
    error = error_of(se, df)

    def log_density(x: FloatArray) -> FloatArray:
        return np.asarray(error.logpdf(y - x) + prior.logpdf(x))

    peaks, low, high = peaks_of(prior, y, se)
    line = integrate_line(log_density, peaks, low=low, high=high)
    draws = line.draws("effect", log_density, size, rng)
    return draws.values["effect"], draws


def _solve_joint(
    model: Model, size: int, rng: np.random.Generator
) -> tuple[dict[str, Any], FloatArray, Draws]:
    r"""Terms with a known covariance :math:`\Sigma = L L'` and independent normal or flat priors.

    With prior precisions D, and :math:`L' D L = Q a Q'`, the elements of :math:`v = Q' L^{-1} \theta` are independent, with
    precisions w + a and means :math:`(w c + g) / (w + a)`, where :math:`c = Q' L^{-1} b` and :math:`g = Q' L' D m`. w is 1 for
    normal errors; for t errors it is a Gamma variable, and the one integral that is left.
    """
    data = model.data
    if data["pooled"].any():
        raise NotExactError("terms with a known covariance are pooled: no exact posterior; use engine 'nuts'")
    scale, estimate = data["scale"].to_numpy(), data["estimate"].to_numpy()
    priors = [prior_of(model, k) for k in range(scale.size)]
    for prior in priors:
        if not isinstance(prior, Normal | Flat):
            raise NotExactError(
                f"priors, effect: {prior} has no exact posterior where the covariance is known; use engine 'nuts'"
            )
    mean, sd = np.array([_moments(prior) for prior in priors]).T
    precision, centre = (scale / sd) ** 2, mean / scale
    factor = np.linalg.cholesky(data["covariance"].to_numpy())
    a, rotation = np.linalg.eigh(factor.T @ (precision[:, None] * factor))
    a = np.maximum(a, 0.0)
    c = rotation.T @ np.linalg.solve(factor, estimate)
    g = rotation.T @ (factor.T @ (precision * centre))
    proper = precision > 0
    constant = 0.5 * (
        np.log(precision[proper]).sum() - (precision * centre**2).sum() - proper.sum() * _LOG_2_PI
    )
    df = common_df(data, "")

    def log_density(w: FloatArray) -> FloatArray:
        total = w[:, None] + a
        square = ((w[:, None] * c + g) ** 2 / total).sum(axis=1) - w * (c @ c)
        value = 0.5 * (c.size * np.log(w) - np.log(total).sum(axis=1) + square) + constant
        return np.asarray(value + _log_gamma(w, df))

    values: dict[str, Any] = {}
    if math.isfinite(df):
        line = integrate_line(log_density, [(1.0, math.sqrt(2.0 / df))], low=0.0)
        draws = line.draws("error_precision", log_density, size, rng)
        w = draws.values["error_precision"]
        values["error_precision"] = ("sample", w)
    else:
        w = np.ones(size)
        draws = _constant(float(log_density(np.ones(1))[0]), size, rng)
    total = w[:, None] + a
    v = (w[:, None] * c + g) / total + stratified_normal(rng, total.shape) / np.sqrt(total)
    return values, v @ (factor @ rotation).T, draws


def _log_gamma(w: FloatArray, df: float) -> FloatArray | float:
    """Log density of the precision of t errors, Gamma with mean 1; nothing where errors are normal."""
    if not math.isfinite(df):
        return 0.0
    half = 0.5 * df
    return np.asarray(half * math.log(half) - math.lgamma(half) + (half - 1.0) * np.log(w) - half * w)


def _solve_pooled(
    model: Model, size: int, rng: np.random.Generator
) -> tuple[dict[str, Any], FloatArray, Draws]:
    """Pooled terms without a reference: effects from one distribution, as those of several evaluations."""
    data, rows = model.data, model.data["pooled"].to_numpy()
    y, se, df = (data[name].to_numpy()[rows] for name in ("estimate", "se", "df"))
    priors = MetaPriors(mu=model.priors.mu, tau=model.priors.tau)
    none = np.empty((y.size, 0))
    problem = Problem(y, se, df, columns=none, sd=none[0], priors=priors, pooling="partial")
    values, draws = solve_together(problem, size)
    return {name: ("sample", values[name]) for name in ("tau", "mu")}, values["effect"], draws


def _solve_contrasts(
    model: Model, size: int, rng: np.random.Generator
) -> tuple[dict[str, Any], FloatArray, Draws]:
    r"""Pooled contrasts with a reference: quadrature over tau, and over the reference's share of the error.

    With :math:`y_k = M + a_k + \epsilon_k`, where :math:`a_k \sim N(0, \tau)` and the term's own error has variance
    :math:`d_k`, all that terms share is M: :math:`\mu = -a_{ref} \sim N(0, \tau)` and the reference's error with variance
    :math:`v_0`. Given :math:`\tau` and :math:`v_0` everything is normal, with weights :math:`w_k = 1 / (\tau^2 + d_k)`. Errors that
    are t have one more integral: all variances are divided by one Gamma variable.
    """
    data, priors = model.data, model.priors
    if not isinstance(priors.reference_share, Beta):
        raise NotExactError(
            f"priors, reference_share: {priors.reference_share} has no exact posterior; use engine 'nuts'"
        )
    rows = data["pooled"].to_numpy()
    y, variance = data["estimate"].to_numpy()[rows], data["se"].to_numpy()[rows] ** 2
    df = common_df(data, model.options["reference"])
    axes = [
        Axis("tau", "spread", scale=float(np.sqrt(variance.mean() + y.var()))),
        Axis("reference_share", "share"),
    ]
    if math.isfinite(df):
        axes.append(Axis("error_precision", "positive"))

    def moments(nodes: FloatArray) -> tuple[FloatArray, ...]:
        """Variances v_0 and d, weights w, precision and mean of M, log density, all with a leading axis of nodes."""
        tau, share = nodes[:, :1], nodes[:, 1:2]
        divided = variance / nodes[:, 2:] if math.isfinite(df) else variance
        shared = share * divided.min(axis=-1, keepdims=True)
        own = divided - shared
        weight, prior = 1.0 / (tau**2 + own), 1.0 / (tau**2 + shared)
        total = prior + weight.sum(axis=1, keepdims=True)
        mean = (weight * y).sum(axis=1, keepdims=True) / total
        square = (weight * (y - mean) ** 2).sum(axis=1) + (prior * mean**2)[:, 0]
        log_det = np.log(weight).sum(axis=1) + (np.log(prior) - np.log(total))[:, 0]
        return shared, own, weight, total, mean, 0.5 * (log_det - square - y.size * _LOG_2_PI)

    def log_density(nodes: FloatArray) -> FloatArray:
        log_prior = priors.tau.logpdf(nodes[:, 0]) + priors.reference_share.logpdf(nodes[:, 1])
        return np.asarray(moments(nodes)[-1] + (log_prior + _log_gamma(nodes[:, -1], df)))

    draws = solve(log_density, axes, size, rng)
    tau = draws.values["tau"][:, None]
    shared, own, weight, total, mean, _ = moments(np.column_stack([draws.values[axis.name] for axis in axes]))
    common = mean + stratified_normal(rng, mean.shape) / np.sqrt(total)
    noise = stratified_normal(rng, (size, y.size))
    deviation = tau**2 * weight * (y - common) + tau * np.sqrt(own * weight) * noise
    spread = np.sqrt(tau**2 + shared)
    mu = (tau / spread) ** 2 * common + tau * np.sqrt(shared) / spread * stratified_normal(rng, mean.shape)
    values: dict[str, Any] = {name: ("sample", value) for name, value in draws.values.items()}
    values["mu"] = ("sample", mu[:, 0])
    values["deviation"] = (("sample", "category"), np.column_stack([deviation, -mu]))
    return values, mu + deviation, draws
