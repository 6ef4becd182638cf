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

from ...inference.quadrature import Axis, Draws, solve, stratified_normal, stratified_uniform
from ...inference.quadrature.grid import together
from ...inference.quadrature.line import integrate_line
from ...model import Model, NotExactError
from ...priors import Beta, Flat, Normal, Prior
from .priors import place_of, support_of

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)
# The order of draws within a posterior; what is printed is the same for any number here, to the digits that are printed.
_ORDER = 20140101
# Nodes over the precision of t errors: steps in s.d. of its logarithm, and log density at which they end.
_STEP, _DEPTH = 0.45, 36.0


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
        more, effect[:], draws = _solve_joint(model, size, inner)
        values |= more
        parts.append(draws)
    else:
        if pooled.any():
            student = np.isfinite(data["df"].to_numpy()[pooled]).any() and not model.options["reference"]
            solve_pooled = _solve_pooled_t if student else _solve_pooled
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


def _solve_term(
    y: float, se: float, df: float, prior: Prior, size: int, rng: np.random.Generator
) -> tuple[FloatArray, Draws]:
    """One standardised effect by itself."""
    if isinstance(prior, Normal | Flat) and not math.isfinite(df):
        precision = 0.0 if isinstance(prior, Flat) else prior.sigma**-2
        centre = 0.0 if isinstance(prior, Flat) else prior.mu
        total = se**-2 + precision
        mean = (y * se**-2 + centre * precision) / total
        log_evidence = (
            0.0 if isinstance(prior, Flat) else float(Normal(centre, math.hypot(prior.sigma, se)).logpdf(y))
        )
        draws = solve(lambda nodes: np.full(len(nodes), log_evidence), [], size, rng)
        return mean + stratified_normal(rng, size) / math.sqrt(total), draws

    def log_density(x: FloatArray) -> FloatArray:
        return np.asarray(log_error(y - x, se, df) + prior.logpdf(x))

    low, high = support_of(prior)
    peaks = [(y, se)] if isinstance(prior, Flat) else [(y, se), place_of(prior, se)]
    line = integrate_line(log_density, peaks, low=low, high=high)
    draws = line.draws("effect", log_density, size, rng)
    return draws.values["effect"], draws


def log_error(residual: FloatArray, se: float, df: float) -> FloatArray:
    """Log density of an estimate's error: normal, or Student's t."""
    z = residual / se
    if not math.isfinite(df):
        return np.asarray(-0.5 * z * z - 0.5 * _LOG_2_PI - math.log(se))
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi) - math.log(se)
    return np.asarray(constant - (df + 1) / 2 * np.log1p(z * z / df))


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
    precision = np.array([0.0 if isinstance(p, Flat) else (d / p.sigma) ** 2 for p, d in zip(priors, scale, strict=True)])  # type: ignore[attr-defined]  # fmt: skip
    centre = np.array([0.0 if isinstance(p, Flat) else p.mu / d for p, d in zip(priors, scale, strict=True)])  # type: ignore[attr-defined]  # fmt: skip
    factor = np.linalg.cholesky(data["covariance"].to_numpy())
    a, rotation = np.linalg.eigh(factor.T @ (precision[:, None] * factor))
    a = np.maximum(a, 0.0)
    c = rotation.T @ np.linalg.solve(factor, estimate)
    g = rotation.T @ (factor.T @ (precision * centre))
    proper = precision > 0
    constant = 0.5 * (
        np.log(precision[proper]).sum() - (precision * centre**2).sum() - proper.sum() * _LOG_2_PI
    )

    def log_density(w: FloatArray) -> FloatArray:
        total = w[:, None] + a
        square = ((w[:, None] * c + g) ** 2 / total).sum(axis=1) - w * (c @ c)
        return np.asarray(0.5 * (c.size * np.log(w) - np.log(total).sum(axis=1) + square) + constant)

    df = common_df(data, "")
    values: dict[str, Any] = {}
    if math.isfinite(df):

        def with_prior(w: FloatArray) -> FloatArray:
            return np.asarray(log_density(w) + _log_gamma(w, df))

        width = math.sqrt(2.0 / df)
        line = integrate_line(with_prior, [(1.0, width)], low=0.0)
        draws = line.draws("error_precision", with_prior, size, rng)
        w = draws.values["error_precision"]
        values["error_precision"] = ("sample", w)
    else:
        w = np.ones(size)
        draws = solve(lambda nodes: np.full(len(nodes), float(log_density(np.ones(1))[0])), [], size, rng)
    total = w[:, None] + a
    v = (w[:, None] * c + g) / total + stratified_normal(rng, total.shape) / np.sqrt(total)
    return values, v @ (factor @ rotation).T, draws


def _log_gamma(w: FloatArray, df: float) -> FloatArray:
    """Log density of the precision of t errors, Gamma with mean 1."""
    half = 0.5 * df
    return np.asarray(half * math.log(half) - math.lgamma(half) + (half - 1.0) * np.log(w) - half * w)


def _precisions(df: float) -> tuple[FloatArray, FloatArray]:
    r"""Nodes w and log weights such that :math:`t_\nu = \sum_m p_m N(0, 1 / w_m)`, by the trapezoidal rule over log w."""
    if not math.isfinite(df):
        return np.ones(1), np.zeros(1)
    half, step = 0.5 * df, _STEP * math.sqrt(2.0 / df)
    # The density of x = log w falls as exp(half x) to the left, and doubly exponentially to the right.
    left, right = -(_DEPTH / half + 1.5), math.log1p(_DEPTH / half + 3.0 * math.sqrt(_DEPTH / half))
    x = np.arange(left, right + step, step)
    log_weight = half * (math.log(half) + x - np.exp(x)) - math.lgamma(half) + math.log(step)
    return np.exp(x), log_weight


def _solve_pooled_t(
    model: Model, size: int, rng: np.random.Generator
) -> tuple[dict[str, Any], FloatArray, Draws]:
    """Pooled terms with t errors and no reference: quadrature over tau and mu; each error is a mixture of normals."""
    data, priors = model.data, model.priors
    _require_pooled(model, any_mean=True)
    rows = data["pooled"].to_numpy()
    y, se, df = (data[name].to_numpy()[rows] for name in ("estimate", "se", "df"))
    nodes_of = [_precisions(float(nu)) for nu in df]
    most = max(w.size for w, _ in nodes_of)
    variance = np.stack(
        [
            np.pad(s**2 / w, (0, most - w.size), constant_values=1.0)
            for s, (w, _) in zip(se, nodes_of, strict=True)
        ]
    )
    log_weight = np.stack([np.pad(p, (0, most - p.size), constant_values=-np.inf) for _, p in nodes_of])

    def components(tau: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Variances of what is printed, and log densities, with axes (node, term, component)."""
        spread = variance + tau[:, None, None] ** 2
        square = (y - mu[:, None])[:, :, None] ** 2 / spread
        return spread, log_weight - 0.5 * (square + np.log(spread) + _LOG_2_PI)

    def log_density(nodes: FloatArray) -> FloatArray:
        parts = []
        for piece in np.array_split(nodes, max(1, nodes.shape[0] * variance.size // 2_000_000)):
            _, log_p = components(piece[:, 0], piece[:, 1])
            parts.append(np.logaddexp.reduce(log_p, axis=2).sum(axis=1))
        return np.asarray(
            np.concatenate(parts) + priors.tau.logpdf(nodes[:, 0]) + priors.mu.logpdf(nodes[:, 1])
        )

    size_of = float(np.sqrt((se**2).mean() + y.var()))
    axes = [
        Axis("tau", "spread", scale=size_of),
        Axis("mu", "real", centre=float(np.median(y)), scale=size_of),
    ]
    draws = solve(log_density, axes, size, rng)
    tau, mu = draws.values["tau"], draws.values["mu"]
    effect = np.empty((size, y.size))
    picks, noise = stratified_uniform(rng, (size, y.size)), stratified_normal(rng, (size, y.size))
    for piece in np.array_split(np.arange(size), max(1, size * variance.size // 2_000_000)):
        spread, log_p = components(tau[piece], mu[piece])
        total = np.cumsum(np.exp(log_p - log_p.max(axis=2, keepdims=True)), axis=2)
        chosen = (total < picks[piece][:, :, None] * total[:, :, -1:]).sum(axis=2)[:, :, None]
        whole = np.take_along_axis(spread, chosen, axis=2)[:, :, 0]
        weight = tau[piece][:, None] ** 2 / whole
        own = np.sqrt(weight * (whole - tau[piece][:, None] ** 2))
        effect[piece] = mu[piece][:, None] + weight * (y - mu[piece][:, None]) + own * noise[piece]
    return {"tau": ("sample", tau), "mu": ("sample", mu)}, effect, draws


def _solve_pooled(
    model: Model, size: int, rng: np.random.Generator
) -> tuple[dict[str, Any], FloatArray, Draws]:
    r"""Pooled terms: quadrature over tau, and over the reference's share of the error where there is one.

    With :math:`y_k = M + a_k + \epsilon_k`, where :math:`a_k \sim N(0, \tau)` and the term's own error has variance
    :math:`d_k`, all that terms share is M: the mean :math:`\mu`, or, with a reference, :math:`\mu = -a_{ref} \sim
    N(0, \tau)` and the reference's error with variance :math:`v_0`. Given :math:`\tau` and :math:`v_0` everything is
    normal, with weights :math:`w_k = 1 / (\tau^2 + d_k)`. Errors that are t have one more integral: all variances are divided by
    one Gamma variable.
    """
    data, priors, reference = model.data, model.priors, model.options["reference"]
    rows = data["pooled"].to_numpy()
    y, variance = data["estimate"].to_numpy()[rows], data["se"].to_numpy()[rows] ** 2
    _require_pooled(model)
    df = common_df(data, reference)
    axes = [Axis("tau", "spread", scale=float(np.sqrt(variance.mean() + y.var())))]
    if reference:
        axes.append(Axis("reference_share", "share"))
    if math.isfinite(df):
        axes.append(Axis("error_precision", "positive"))

    def moments(nodes: FloatArray) -> tuple[FloatArray, ...]:
        """Variances v_0 and d, weights w, precision and mean of M, all with a leading axis of nodes."""
        tau = nodes[:, :1]
        divided = variance / nodes[:, 2:] if math.isfinite(df) else variance
        shared = nodes[:, 1:2] * divided.min(axis=-1, keepdims=True) if reference else np.zeros_like(tau)
        own = divided - shared
        weight = 1.0 / (tau**2 + own)
        if reference:
            centre, prior = 0.0, 1.0 / (tau**2 + shared)
        else:
            centre, prior = (
                (priors.mu.mu, np.full_like(tau, priors.mu.sigma**-2))
                if priors.mu.proper
                else (0.0, 0.0 * tau)
            )
        total = prior + weight.sum(axis=1, keepdims=True)
        mean = (prior * centre + (weight * y).sum(axis=1, keepdims=True)) / total
        log_prior = np.where(prior > 0, np.log(np.where(prior > 0, prior, 1.0)), _LOG_2_PI)
        square = (weight * (y - mean) ** 2).sum(axis=1) + (prior * (mean - centre) ** 2)[:, 0]
        log_det = np.log(weight).sum(axis=1) + (log_prior - np.log(total))[:, 0]
        return shared, own, weight, total, mean, 0.5 * (log_det - square - y.size * _LOG_2_PI)

    def log_density(nodes: FloatArray) -> FloatArray:
        log_prior = priors.tau.logpdf(nodes[:, 0])
        if reference:
            log_prior = log_prior + priors.reference_share.logpdf(nodes[:, 1])
        if math.isfinite(df):
            log_prior = log_prior + _log_gamma(nodes[:, 2], df)
        return np.asarray(moments(nodes)[-1] + log_prior)

    if reference:
        draws = solve(log_density, axes, size, rng)
    else:

        def along(tau: FloatArray) -> FloatArray:
            return log_density(tau[:, None])

        line = integrate_line(along, [(0.0, axes[0].scale), place_of(priors.tau, axes[0].scale)], low=0.0)
        draws = line.draws("tau", along, size, rng)
    tau = draws.values["tau"][:, None]
    shared, own, weight, total, mean, _ = moments(np.column_stack([draws.values[axis.name] for axis in axes]))
    common = mean + stratified_normal(rng, mean.shape) / np.sqrt(total)
    noise = stratified_normal(rng, (size, y.size))
    deviation = tau**2 * weight * (y - common) + tau * np.sqrt(own * weight) * noise
    mu = common
    if reference:
        spread = np.sqrt(tau**2 + shared)
        mu = (tau / spread) ** 2 * common + tau * np.sqrt(shared) / spread * stratified_normal(
            rng, mean.shape
        )
    values: dict[str, Any] = {name: ("sample", value) for name, value in draws.values.items()}
    values["mu"] = ("sample", mu[:, 0])
    if reference:
        values["deviation"] = (("sample", "category"), np.column_stack([deviation, -mu]))
    return values, mu + deviation, draws


def _require_pooled(model: Model, *, any_mean: bool = False) -> None:
    priors = model.priors
    needed = {"tau": priors.tau.logpdf(-1.0) == -np.inf}
    if model.options["reference"]:
        needed["reference_share"] = isinstance(priors.reference_share, Beta)
    elif not any_mean:
        needed["mu"] = isinstance(priors.mu, Normal | Flat)
    for name, fits in needed.items():
        if not fits:
            raise NotExactError(
                f"priors, {name}: {getattr(priors, name)} has no exact posterior; use engine 'nuts'"
            )
