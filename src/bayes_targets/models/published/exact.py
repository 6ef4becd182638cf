"""The exact posterior of `published_model`: normal in closed form, given the spread and the shared error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ...inference.quadrature import Axis, Draws, solve
from ...inference.quadrature.independent_parts import together
from ...model import Model, NotExactError
from ...priors import Beta, Flat, Normal, Prior

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)


def solve_published(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws from the posterior, with the engine's statistics.

    Terms that are not pooled are independent of all others: normal with a normal or flat prior, and one integral each with
    any other prior.

    Parameters
    ----------
    model : Model
        From `published_model`.
    size : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    xarray.Dataset, xarray.Dataset
        The variables of the posterior, dim ``sample``; statistics of `solve`.

    Raises
    ------
    NotExactError
        If the mean of pooled terms has a prior that is not normal or flat, or a spread or share one off its range.
    """
    data, priors = model.data, model.priors
    pooled, scale = data["pooled"].to_numpy(), data["scale"].to_numpy()
    effect = np.empty((size, pooled.size))
    values: dict[str, Any] = {}
    parts = []
    if pooled.any():
        values, effect[:, pooled], draws = _solve_pooled(model, size, rng)
        parts.append(draws)
    for k in np.flatnonzero(~pooled):
        prior: Prior = Flat() if data["flat"].to_numpy()[k] else priors.effect
        y, se = float(data["estimate"][k]) * scale[k], float(data["se"][k]) * scale[k]
        standardised, draws = _solve_term(y, se, prior, size, rng)
        effect[:, k] = standardised / scale[k]
        # The density of an estimate is by its own unit, not that of one scale.
        draws = Draws(
            {}, draws.lp, {**draws.stats, "log_evidence": draws.stats["log_evidence"] + math.log(scale[k])}
        )
        parts.append(draws)
    values |= {"effect": (("sample", "term"), effect), "standardised": (("sample", "term"), effect * scale)}
    coords = {"term": data["term"].to_numpy()}
    if "deviation" in values:
        terms = data["term"].to_numpy()[pooled]
        coords["category"] = np.array([*terms.tolist(), model.options["reference"]])
    return xr.Dataset(values, coords=coords)[list(model.variables)], together(
        [part.sample_stats() for part in parts]
    )


def _solve_term(
    y: float, se: float, prior: Prior, size: int, rng: np.random.Generator
) -> tuple[FloatArray, Draws]:
    """One standardised effect by itself."""
    if isinstance(prior, Normal | Flat):
        precision = 0.0 if isinstance(prior, Flat) else prior.sigma**-2
        centre = 0.0 if isinstance(prior, Flat) else prior.mu
        total = se**-2 + precision
        mean = (y * se**-2 + centre * precision) / total
        log_evidence = (
            0.0 if isinstance(prior, Flat) else float(Normal(centre, math.hypot(prior.sigma, se)).logpdf(y))
        )
        draws = solve(lambda nodes: np.full(len(nodes), log_evidence), [], size, rng)
        return mean + rng.standard_normal(size) / math.sqrt(total), draws
    support = "real" if prior.logpdf(-1.0) > -np.inf else "spread" if prior.logpdf(2.0) > -np.inf else "share"
    axis = (
        Axis("effect", support, centre=y, scale=se)
        if support == "real"
        else Axis("effect", support, scale=se)
    )
    estimate = Normal(y, se)

    def log_density(nodes: FloatArray) -> FloatArray:
        # The normal density is symmetric in the estimate and its mean.
        return np.asarray(estimate.logpdf(nodes[:, 0]) + prior.logpdf(nodes[:, 0]))

    draws = solve(log_density, [axis], size, rng)
    return draws.values["effect"], draws


def _solve_pooled(
    model: Model, size: int, rng: np.random.Generator
) -> tuple[dict[str, Any], FloatArray, Draws]:
    r"""Pooled terms: quadrature over tau, and over the reference's share of the error where there is one.

    With :math:`y_k = M + a_k + \epsilon_k`, where :math:`a_k \sim N(0, \tau)` and the term's own error has variance
    :math:`d_k`, all that terms share is M: the mean :math:`\mu`, or, with a reference, :math:`\mu = -a_{ref} \sim
    N(0, \tau)` and the reference's error with variance :math:`v_0`. Given :math:`\tau` and :math:`v_0` everything is
    normal, with weights :math:`w_k = 1 / (\tau^2 + d_k)`.
    """
    data, priors, reference = model.data, model.priors, model.options["reference"]
    rows = data["pooled"].to_numpy()
    y, variance = data["estimate"].to_numpy()[rows], data["se"].to_numpy()[rows] ** 2
    _require_pooled(model)
    axes = [Axis("tau", "spread", scale=float(np.sqrt(variance.mean() + y.var())))]
    if reference:
        axes.append(Axis("reference_share", "share"))

    def moments(nodes: FloatArray) -> tuple[FloatArray, ...]:
        """Variances v_0 and d, weights w, precision and mean of M, all with a leading axis of nodes."""
        tau = nodes[:, :1]
        shared = nodes[:, 1:] * variance.min() if reference else np.zeros_like(tau)
        own = variance - shared
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
        return np.asarray(moments(nodes)[-1] + log_prior)

    draws = solve(log_density, axes, size, rng)
    tau = draws.values["tau"][:, None]
    shared, own, weight, total, mean, _ = moments(np.column_stack([draws.values[axis.name] for axis in axes]))
    common = mean + rng.standard_normal(mean.shape) / np.sqrt(total)
    noise = rng.standard_normal((size, y.size))
    deviation = tau**2 * weight * (y - common) + tau * np.sqrt(own * weight) * noise
    mu = common
    if reference:
        spread = np.sqrt(tau**2 + shared)
        mu = (tau / spread) ** 2 * common + tau * np.sqrt(shared) / spread * rng.standard_normal(mean.shape)
    values: dict[str, Any] = {name: ("sample", value) for name, value in draws.values.items()}
    values["mu"] = ("sample", mu[:, 0])
    if reference:
        values["deviation"] = (("sample", "category"), np.column_stack([deviation, -mu]))
    return values, mu + deviation, draws


def _require_pooled(model: Model) -> None:
    priors = model.priors
    needed = {"tau": priors.tau.logpdf(-1.0) == -np.inf}
    if model.options["reference"]:
        needed["reference_share"] = isinstance(priors.reference_share, Beta)
    else:
        needed["mu"] = isinstance(priors.mu, Normal | Flat)
    for name, fits in needed.items():
        if not fits:
            raise NotExactError(
                f"priors, {name}: {getattr(priors, name)} has no exact posterior; use engine 'nuts'"
            )
