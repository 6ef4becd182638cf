"""The synthetic likelihood: how printed statistics are distributed for given parameters, learnt from simulations.

Transformed statistics are near normal around a mean that the closed form of `expected_statistics` nearly gives; a
quadratic function of the parameters corrects it, and the residuals' variances and dependence are fitted too (Wood
2010, Nature 466; Price et al. 2018, JCGS 27). Simulations are made in two rounds: over a box around the printed numbers,
and then where the posterior of the first round is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...inference.smc import temper
from .moments import expected_statistics
from .world import PARAMETERS, STATISTICS, Design, print_statistics, simulate_areas

FloatArray = npt.NDArray[np.float64]

# Fixed, so that the likelihood is a function of the description; fits have their own seeds.
_SEED = 2014
_FIRST, _SECOND = 8_000, 20_000
_KERNELS, _WIDTH = 100, 1.0
# Dependence between residuals changes with the first two parameters: anchor weight and causal slope.
_LINKED = 2
_FARTHEST = 5.0


@dataclass(frozen=True, eq=False)
class Emulator:
    """Mean, variances and dependence of the transformed statistics as functions of the parameters.

    Attributes
    ----------
    centre, inverse_root : ndarray, shape (parameters,) and (parameters, parameters)
        Parameters are standardised as ``inverse_root (parameters - centre)``.
    mean, log_variance : ndarray, shape (features, statistics)
        Coefficients of the quadratic features: of the correction, and of the innovations' log variance.
    link : ndarray, shape (3, statistics, statistics)
        How a residual depends on those before it: at the centre, and how that changes with the first two
        standardised parameters, which are about anchor weight and causal slope.
    """

    design: Design
    centre: FloatArray
    inverse_root: FloatArray
    mean: FloatArray
    log_variance: FloatArray
    link: FloatArray

    def log_density(self, printed: FloatArray, parameters: FloatArray) -> FloatArray:
        """Log density of transformed statistics (broadcast) at rows of parameters."""
        error, log_variance = self._errors(printed, parameters)
        return np.asarray(-0.5 * (error**2 + log_variance + np.log(2 * np.pi)).sum(axis=1))

    def standardised_errors(self, statistics: FloatArray, parameters: FloatArray) -> FloatArray:
        """Independent standard normal errors, if the likelihood is right; shape (rows, statistics)."""
        return self._errors(statistics, parameters)[0]

    def _errors(self, statistics: FloatArray, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        z = self.standardise(parameters)
        features = quadratic(z)
        residual = statistics - closed_form(parameters, self.design) - features @ self.mean
        log_variance = features @ self.log_variance
        error = residual - _linked(self.link, z, residual)
        return error * np.exp(-0.5 * log_variance), log_variance

    def standardise(self, parameters: FloatArray) -> FloatArray:
        """Parameters in units of the region that was simulated."""
        return np.asarray((parameters - self.centre) @ self.inverse_root.T)


@dataclass(frozen=True, eq=False)
class Region:
    """A cloud of normal kernels that covers the posterior: where the last simulations were made and fits start."""

    kernels: FloatArray
    root: FloatArray

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Independent draws, shape (size, parameters); some may lie outside the parameters' ranges."""
        chosen = self.kernels[rng.integers(len(self.kernels), size=size)]
        return np.asarray(chosen + rng.standard_normal(chosen.shape) @ self.root.T)

    def log_density(self, parameters: FloatArray) -> FloatArray:
        """Log density of rows, up to a constant."""
        inverse = np.linalg.inv(self.root)
        a, k = parameters @ inverse.T, self.kernels @ inverse.T
        distance = (a**2).sum(axis=1)[:, None] + (k**2).sum(axis=1) - 2 * a @ k.T
        nearest = distance.min(axis=1, keepdims=True)
        return np.asarray(-0.5 * nearest[:, 0] + np.log(np.exp(-0.5 * (distance - nearest)).sum(axis=1)))


def learn(
    printed: FloatArray,
    design: Design,
    box: tuple[FloatArray, FloatArray],
    log_prior: Callable[[FloatArray], FloatArray],
) -> tuple[Emulator, Region]:
    """Learn the likelihood of printed statistics from simulations.

    Parameters
    ----------
    printed : ndarray, shape (statistics,)
        Transformed statistics.
    design : Design
        Numbers of areas and the survey error.
    box : tuple of ndarray
        Lowest and highest parameters of the first round.
    log_prior : callable
        Log prior density of rows of parameters, minus infinity outside their ranges.

    Returns
    -------
    Emulator
        Good where the posterior is.
    Region
        Where that is.
    """
    rng = np.random.default_rng(_SEED)
    low, high = box
    start = rng.uniform(low, high, (_FIRST, len(low)))
    first = _fitted(
        start, simulate_statistics(start, design, rng), design, 0.5 * (low + high), np.diag((high - low) / 2)
    )

    def inside(x: FloatArray) -> FloatArray:
        return np.where(((x >= low) & (x <= high)).all(axis=1), 0.0, -np.inf)

    found = temper(
        start[:1000],
        inside,
        lambda x: log_prior(x) + inside(x) + first.log_density(printed, x),
        rng,
        moves=6,
        last_moves=20,
    ).values
    root = np.linalg.cholesky(np.cov(found.T))
    region = Region(rng.permutation(found)[:_KERNELS], _WIDTH * root)
    points = region.draw(3 * _SECOND, rng)
    points = points[np.isfinite(log_prior(points))][:_SECOND]
    return _fitted(points, simulate_statistics(points, design, rng), design, found.mean(axis=0), root), region


def transform(printed: Mapping[str, npt.ArrayLike]) -> FloatArray:
    """Statistics on scales where they are near normal, shape (..., statistics).

    Means and the slope as they are; log of standard deviations and of the standard error; log of the distance of
    an extreme from the mean, in standard deviations; Fisher's z of multiple correlations.
    """
    s = {name: np.asarray(printed[name], dtype=float) for name in STATISTICS}
    found = {name: s[name] for name in STATISTICS}
    for of in ("2006", "2008", "stretch"):
        mean, sd = s[f"mean_{of}"], s[f"sd_{of}"]
        found[f"sd_{of}"] = np.log(sd)
        found[f"min_{of}"], found[f"max_{of}"] = (
            np.log((mean - s[f"min_{of}"]) / sd),
            np.log((s[f"max_{of}"] - mean) / sd),
        )
    found["slope_se"] = np.log(s["slope_se"])
    found |= {name: np.arctanh(np.sqrt(s[name])) for name in ("r2_with", "r2_without")}
    return np.stack([found[name] for name in STATISTICS], axis=-1)


def simulate_statistics(parameters: FloatArray, design: Design, rng: np.random.Generator) -> FloatArray:
    """Transformed statistics of one simulated study for each row of parameters."""
    parts = []
    for rows in np.array_split(parameters, max(1, len(parameters) // 4000)):
        named = dict(zip(PARAMETERS, rows.T, strict=True))
        parts.append(transform(print_statistics(simulate_areas(named, design, rng), design)))
    return np.concatenate(parts)


def closed_form(parameters: FloatArray, design: Design) -> FloatArray:
    """`expected_statistics` of rows of parameters, 0 for statistics without one; shape (rows, statistics)."""
    named = dict(zip(PARAMETERS, parameters.T, strict=True))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        known = expected_statistics(named, design, np)
    blank = np.zeros(len(parameters))
    return np.stack([known.get(name, blank) for name in STATISTICS], axis=-1)


def quadratic(z: FloatArray) -> FloatArray:
    """Constant, linear and quadratic features of rows."""
    i, j = np.triu_indices(z.shape[1])
    return np.concatenate([np.ones((len(z), 1)), z, z[:, i] * z[:, j]], axis=1)


def _fitted(
    parameters: FloatArray, statistics: FloatArray, design: Design, centre: FloatArray, root: FloatArray
) -> Emulator:
    """Least squares for the mean and the dependence of residuals, then for the log variance of what is left."""
    usable = np.isfinite(statistics).all(axis=1)
    parameters, statistics = parameters[usable], statistics[usable]
    blank = Emulator(design, centre, np.linalg.inv(root), np.zeros(0), np.zeros(0), np.zeros(0))
    z = blank.standardise(parameters)
    features = quadratic(z)
    target = statistics - closed_form(parameters, design)
    mean = _least_squares(features, target)
    residual = target - features @ mean
    # One simulated area in a million has a score near 0 and a change of thousands per cent.
    spread = residual.std(axis=0)
    residual = residual.clip(-_FARTHEST * spread, _FARTHEST * spread)
    k = statistics.shape[1]
    link = np.zeros((1 + _LINKED, k, k))
    scales = features[:, : 1 + _LINKED]
    for j in range(1, k):
        before = (scales[:, :, None] * residual[:, None, :j]).reshape(len(z), -1)
        link[:, j, :j] = _least_squares(before, residual[:, j]).reshape(-1, j)
    error = residual - _linked(link, z, residual)
    log_variance = _least_squares(features, np.log(error**2 + 1e-12))
    # Regression of the logarithm finds the shape; the level makes the standardised squares average 1.
    log_variance[0] += np.log(np.mean(error**2 * np.exp(-features @ log_variance), axis=0))
    return Emulator(design, centre, np.linalg.inv(root), mean, log_variance, link)


def _least_squares(x: FloatArray, y: FloatArray) -> FloatArray:
    """Normal equations: the features are standardised, and many rows make them well conditioned."""
    return np.asarray(np.linalg.solve(x.T @ x + 1e-9 * len(x) * np.eye(x.shape[1]), x.T @ y))


def _linked(link: FloatArray, z: FloatArray, residual: FloatArray) -> FloatArray:
    """What residuals lead to expect of the ones after them."""
    expected = residual @ link[0].T
    for i in range(_LINKED):
        expected += z[:, [i]] * (residual @ link[1 + i].T)
    return np.asarray(expected)
