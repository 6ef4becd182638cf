"""Draws and evidence of a density in four or more dimensions, by importance sampling from t distributions around its mode.

Derivation: docs/quadrature.md, "Four dimensions and more". Where k-hat, the shape of the weights' tail (Vehtari et al. 2024, JMLR 25),
is above 0.7 there is no posterior.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..model import NotExactError
from .leave_one_out import pareto_k
from .quadrature import Axis, Draws, LogDensity, map_axes

FloatArray = NDArray[np.float64]

MOST_K = 0.7
# Degrees of freedom of the proposal's marginals: the first, and those of heavier tails where the first are too light.
_FREEDOM, _HEAVIER = 4.0, 2.0
# Places where to look first; draws by which a proposal is fitted, rounds of it at most, and the share of weighted draws that
# count at which it is good enough; weighted draws for each that is kept, if all counted.
_SCAN, _PILOT, _ROUNDS, _GOOD, _FOR_EACH = 64, 1024, 5, 0.5, 1.2
_SEED = 2014


@dataclass(frozen=True, eq=False)
class Proposal:
    """Independent t distributions in coordinates u, with x = mean + root u: mean of shape (D,), lower triangular root (D, D).

    Unlike a multivariate t distribution it has a heavy tail along each direction by itself, however many there are: standard
    deviations near 0 need that.
    """

    mean: FloatArray
    root: FloatArray
    freedom: float = _FREEDOM

    @staticmethod
    def fitted(x: FloatArray, log_w: FloatArray) -> Proposal:
        """The distribution with the weighted mean and covariance of x, shape (S, D)."""
        # Weights that a few draws dominate would fit these few: temper until a tenth of the draws count.
        for power in (1.0, 0.7, 0.5, 0.3, 0.2, 0.1):
            w = np.exp(power * (log_w - log_w.max()))
            if w.sum() ** 2 > 0.1 * len(w) * (w**2).sum():
                break
        w /= w.sum()
        mean = w @ x
        return Proposal(mean, np.linalg.cholesky(((x - mean).T * w) @ (x - mean)))

    def draw(self, size: int) -> FloatArray:
        """Evenly spread draws, the same whenever it is called."""
        from scipy.stats import qmc

        places = qmc.Sobol(self.mean.size, scramble=True, rng=_SEED)
        u = places.random_base2(math.ceil(math.log2(size)))[:size].clip(1e-12, 1.0 - 1e-12)
        return np.asarray(self.mean + _t_quantile(u, self.freedom) @ self.root.T)

    def log_density(self, x: FloatArray) -> FloatArray:
        """Log density at x of shape (S, D)."""
        u, nu = np.linalg.solve(self.root, (x - self.mean).T), self.freedom
        constant = math.lgamma(0.5 * (nu + 1.0)) - math.lgamma(0.5 * nu) - 0.5 * math.log(math.pi * nu)
        log_volume = self.mean.size * constant - float(np.log(np.diag(self.root)).sum())
        return np.asarray(log_volume - 0.5 * (nu + 1.0) * np.log1p(u**2 / nu).sum(axis=0))


@dataclass(frozen=True, eq=False)
class Sample:
    """Weighted draws of coordinates: x of shape (S, D), log density and log weight of shape (S,)."""

    x: FloatArray
    log_p: FloatArray
    log_w: FloatArray

    @property
    def weights(self) -> FloatArray:
        """Weights that add up to 1."""
        w = np.exp(self.log_w - self.log_w.max())
        return np.asarray(w / w.sum())

    @property
    def effective(self) -> float:
        """How many independent draws the weighted ones are worth."""
        return float(1.0 / (self.weights**2).sum())

    @property
    def log_evidence(self) -> float:
        """Log of the integral of the density."""
        top = float(self.log_w.max())
        return top + math.log(float(np.exp(self.log_w - top).mean()))

    @property
    def evidence_mcse(self) -> float:
        """Monte Carlo standard error of the log evidence, as if draws were random; evenly spread ones have a smaller one."""
        return math.sqrt(max(1.0 / self.effective - 1.0 / len(self.x), 0.0))

    def pick(self, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Which draws stand for the density, in random order; which ones they are does not depend on `rng`."""
        places = np.searchsorted(np.cumsum(self.weights), (np.arange(size) + 0.5) / size)
        return np.asarray(rng.permutation(places.clip(0, len(self.x) - 1)))

    def require(self, size: int, what: str) -> float:
        """k-hat of the weights, if they can be trusted for so many draws."""
        tail = pareto_k(self.log_w)
        if not tail < MOST_K or self.effective < size:
            raise NotExactError(
                f"importance sampling of {what} failed (k-hat {tail:.2f}, expected below {MOST_K}; "
                f"{self.effective:.0f} effective of {size} draws); use engine 'nuts'"
            )
        return tail


def weigh(log_density: LogDensity, proposal: Proposal, size: int) -> Sample:
    """Weighted draws that are worth `size` independent ones; with heavier tails of the proposal where they need them."""
    found = _enough(log_density, proposal, size)
    if not pareto_k(found.log_w) < MOST_K:
        found = _enough(log_density, replace(proposal, freedom=_HEAVIER), size)
    return found


def _enough(log_density: LogDensity, proposal: Proposal, size: int) -> Sample:
    found = _weighted(log_density, proposal, _PILOT)
    count = math.ceil(_FOR_EACH * size * _PILOT / max(found.effective, 0.2 * _PILOT))
    found = _weighted(log_density, proposal, max(count, 2 * _PILOT), found)
    if found.effective < size:
        found = _weighted(log_density, proposal, 2 * count, found)
    return found


def _weighted(log_density: LogDensity, proposal: Proposal, size: int, before: Sample | None = None) -> Sample:
    """Weighted draws; a longer sequence begins with the shorter one `before`, whose densities are known."""
    x, known = proposal.draw(size), 0 if before is None else len(before.x)
    log_p = log_density(x[known:])
    if before is not None:
        log_p = np.concatenate([before.log_p, log_p])
    return Sample(x, log_p, log_p - proposal.log_density(x))


def _t_quantile(prob: FloatArray, freedom: float) -> FloatArray:
    """Quantiles of Student's t with 2 or 4 degrees of freedom (Shaw 2006, Journal of Computational Finance 9)."""
    alpha = 4.0 * prob * (1.0 - prob)
    if freedom == _HEAVIER:
        return 2.0 * (prob - 0.5) * np.sqrt(2.0 / alpha)
    root = np.sqrt(alpha)
    return np.sign(prob - 0.5) * 2.0 * np.sqrt(np.maximum(np.cos(np.arccos(root) / 3.0) / root - 1.0, 0.0))


def refine(log_density: LogDensity, proposal: Proposal) -> Proposal:
    """The proposal fitted to the density, in a few rounds of weighted draws."""
    for _ in range(_ROUNDS):
        sample = _weighted(log_density, proposal, _PILOT)
        proposal = Proposal.fitted(sample.x, sample.log_w)
        if sample.effective > _GOOD * _PILOT:
            break
    return proposal


def find_proposal(log_density: LogDensity, axes: Sequence[Axis]) -> Proposal:
    """A t distribution around the mode of a density of coordinates, from nothing but where to look first."""
    from scipy.optimize import minimize

    ends = np.array([axis.ends for axis in axes])
    centre, half = ends.mean(axis=1), np.ptp(ends, axis=1) / 2.0
    x = Proposal(centre, np.diag(half / 4.0)).draw(_SCAN)
    log_p = log_density(x)
    if not np.isfinite(log_p.max()):
        raise NotExactError("the density is not a number anywhere near its mode; engine 'nuts' may serve")
    steps = 1e-4 * np.eye(len(axes))

    def down(at: FloatArray) -> tuple[float, FloatArray]:
        found = -log_density(np.concatenate([at[None], at + steps, at - steps]))
        gradient = (found[1 : 1 + len(axes)] - found[1 + len(axes) :]) / 2e-4
        return float(found[0]), np.where(np.isfinite(gradient), gradient, 0.0)

    found = minimize(down, x[log_p.argmax()], jac=True, method="L-BFGS-B")
    inverse = _covariance(log_density, found.x)
    return refine(log_density, Proposal(found.x, np.linalg.cholesky(inverse * 1.5)))


def sample_density(
    log_density: LogDensity, axes: Sequence[Axis], size: int, rough: LogDensity | None = None
) -> Sample:
    """Weighted draws of the coordinates of `axes`, worth `size` independent ones.

    `log_density` takes hyperparameters of shape (S, D), as `quadrature.solve` does; a `rough` one, which is faster, finds the
    proposal.
    """
    proposal = find_proposal(in_coordinates(rough or log_density, axes), axes)
    return weigh(in_coordinates(log_density, axes), proposal, size)


def solve_by_importance(
    log_density: LogDensity, axes: Sequence[Axis], size: int, rng: np.random.Generator
) -> Draws:
    """As `quadrature.solve`, for any number of axes."""
    return draws_of(sample_density(log_density, axes, size), axes, size, rng)


def draws_of(sample: Sample, axes: Sequence[Axis], size: int, rng: np.random.Generator) -> Draws:
    """Draws that weighted ones stand for, if these can be trusted."""
    tail = sample.require(size, "what areas share")
    kept = sample.pick(size, rng)
    values, log_slope = map_axes(axes, sample.x[kept])
    return Draws(
        {axis.name: values[:, d] for d, axis in enumerate(axes)},
        sample.log_p[kept] - log_slope,
        _sample_stats(sample, tail, size),
    )


def _sample_stats(sample: Sample, tail: float, size: int) -> dict[str, float]:
    """Statistics of the exact engine: a grid's, with proposals for nodes, and those of importance sampling.

    ``refinement_change`` is how far the mean of any coordinate moves when the second half of the proposals is left out, in Monte Carlo
    standard errors of the draws; ``edge_mass`` is 0, as proposals have no edge.
    """
    first = slice(len(sample.x) // 2)
    half = Sample(sample.x[first], sample.log_p[first], sample.log_w[first])
    mean = sample.weights @ sample.x
    sd = np.sqrt(sample.weights @ (sample.x - mean) ** 2)
    # As with a grid, the error of the whole is about the square of what leaving out a half changes.
    change = float((np.abs(half.weights @ half.x - mean) / sd).max())
    return {
        "log_evidence": sample.log_evidence,
        "log_evidence_mcse": sample.evidence_mcse,
        "acceptance": sample.effective / len(sample.x),
        "grid_size": float(len(sample.x)),
        "edge_mass": 0.0,
        "refinement_change": change**2 * math.sqrt(size),
        "importance_ess": sample.effective,
        "pareto_k": tail,
    }


def in_coordinates(log_density: LogDensity, axes: Sequence[Axis]) -> LogDensity:
    """The density of coordinates on the whole line; minus infinity where it is not a number."""

    def of_x(x: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            values, log_slope = map_axes(axes, x)
            out = log_density(values) + log_slope
        return np.where(np.isnan(out), -np.inf, out)

    return of_x


def axis_values(axes: Sequence[Axis], x: FloatArray) -> dict[str, FloatArray]:
    """Hyperparameters by name at coordinates of shape (S, D)."""
    return {axis.name: axis.both(x[:, d])[0] for d, axis in enumerate(axes)}


def _covariance(log_density: LogDensity, mode: FloatArray) -> FloatArray:
    """Inverse of the curvature at a mode, by differences; directions in which there is none are taken as wide."""
    d, step = mode.size, 1e-2
    shifts = [(i, j, a, b) for i in range(d) for j in range(d) for a in (-1, 1) for b in (-1, 1)]
    places = np.tile(mode, (len(shifts), 1))
    for row, (i, j, a, b) in enumerate(shifts):
        places[row, i] += a * step
        places[row, j] += b * step
    signs = np.array([a * b for *_, a, b in shifts])
    curvature = -(signs * log_density(places)).reshape(d, d, 4).sum(axis=2) / (4.0 * step**2)
    value, vector = np.linalg.eigh(
        np.where(np.isfinite(curvature), 0.5 * (curvature + curvature.T), np.eye(d))
    )
    return np.asarray((vector / np.clip(value, 0.05, None)) @ vector.T)
