"""Measured scores with known standard errors: what they say of the true ones, and their joint density."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_NODES = 9
_MIXING_NODES = 48


def true_baseline_given_measured(measured: Any, mean: Any, sd: Any, se: Any) -> tuple[Any, Any]:
    """Mean and variance of the true baseline given the measured one."""
    weight = sd**2 / (sd**2 + se**2)
    return mean + weight * (measured - mean), weight * se**2


def scores_log_likelihood(
    data: xr.Dataset, draws: xr.Dataset, fitted: xr.DataArray, nu: xr.DataArray | None, *, percent: bool
) -> xr.DataArray:
    """Log of the joint density of each authority's measured scores, true scores integrated out."""
    # The measured baseline is normal. Given it, the outcome's density is an integral over the true baseline B of N(o; B (1 + f / 100),
    # se^2 + (B sigma / 100)^2) p(B | b), by Gauss-Hermite quadrature around its peak; with a change in points, of N(o; B + f, se^2 +
    # sigma^2), for which the same quadrature is exact. Student-t noise is normal with variance sigma^2 / w, w a Gamma variable.
    from scipy import special

    kind = data["type_index"].to_numpy()
    by_type = draws["baseline_by_type"].transpose("chain", "draw", "authority_type").to_numpy()[..., kind]
    sigma, sd = (
        draws[name].transpose("chain", "draw").to_numpy()[..., None] for name in ("sigma", "baseline_sd")
    )
    b, o, se_b, se_o = (
        data[name].to_numpy() for name in ("baseline", "outcome", "baseline_se", "outcome_se")
    )
    growth = 1 + fitted.to_numpy() / 100 if percent else np.ones(fitted.shape)
    if not percent:
        # Less the expected change, the outcome is the true baseline and errors.
        o = o - fitted.to_numpy()
    expected, own = true_baseline_given_measured(b, by_type, sd, se_b)
    total = _log_normal(b - by_type, sd**2 + se_b**2)
    if nu is None:
        given = _outcome_log_density(o, expected, own, growth, se_o, sigma**2, percent)
        return fitted.copy(data=total + given)
    df = nu.transpose("chain", "draw").to_numpy()[..., None]
    scale = expected * sigma / 100 if percent else sigma
    lowest, step = _mixing_grid(df, (o - expected * growth) / scale)
    mixed = np.full(total.shape, -np.inf)
    for k in range(_MIXING_NODES):
        log_w = lowest + k * step
        density = df / 2 * (np.log(df / 2) + log_w - np.exp(log_w)) - special.gammaln(df / 2) + np.log(step)
        given = _outcome_log_density(o, expected, own, growth, se_o, sigma**2 / np.exp(log_w), percent)
        mixed = np.logaddexp(mixed, density + given)
    return fitted.copy(data=total + mixed)


def _outcome_log_density(
    o: FloatArray,
    expected: FloatArray,
    own: FloatArray,
    growth: FloatArray,
    se: FloatArray,
    noise: FloatArray,
    percent: bool,
) -> FloatArray:
    """Log density of the outcome given the measured baseline, noise of the change with variance `noise`."""
    # Were the noise the same for every B, B given both scores would be normal, with this mean and variance.
    error = se**2 + ((expected / 100) ** 2 if percent else 1.0) * noise
    gain = own * growth / (own * growth**2 + error)
    peak = expected + gain * (o - expected * growth)
    width = np.sqrt(own * (1 - gain * growth))
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    parts = []
    for node, weight in zip(nodes, weights, strict=True):
        true = peak + width * node
        variance = se**2 + ((true / 100) ** 2 if percent else 1.0) * noise
        outcome = _log_normal(o - true * growth, variance)
        correction = np.log(weight * width) + 0.5 * node**2
        parts.append(outcome + _log_normal(true - expected, own) + correction)
    return np.asarray(np.logaddexp.reduce(parts, axis=0))


def _mixing_grid(df: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """First node and step of a grid over log w that holds all mass of w (to about 1e-6) given a residual z."""
    # Without sampling error w would be a Gamma variable with this shape and mode; with it, w moves towards 1.
    shape = (df + 1) / 2
    mode = np.minimum(np.log((df + 1) / (df + z**2)), 0.0)
    lowest = mode - 14 / shape - np.sqrt(28 / shape)
    highest = np.log1p(28 / df + np.sqrt(56 / df))
    return lowest, (highest - lowest) / (_MIXING_NODES - 1)


def _log_normal(residual: FloatArray, variance: FloatArray) -> FloatArray:
    return np.asarray(-0.5 * (residual**2 / variance + np.log(2 * np.pi * variance)))
