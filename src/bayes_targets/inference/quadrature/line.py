"""A density on a line: its integral and its quantiles, wherever its peaks lie.

Gauss-Legendre rules in panels, narrow near the places where a peak may be and ever wider outwards; one that its two halves do not confirm
is halved. Quantiles are then draws without Monte Carlo error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...model import NotExactError
from .axis import NOT_A_NUMBER, Draws, FloatArray, LogDensity
from .stratified import stratified_uniform

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_OUTWARDS = np.sinh(np.linspace(-24.0, 24.0, 129))
_INWARDS = np.exp(np.linspace(-36.0, 24.0, 121))
_TOLERANCE = 1e-12
_MOST_MASS = 1 / 256
_ROUNDS = 60


@dataclass(frozen=True)
class Line:
    """A density in panels."""

    ends: FloatArray  # of the panels, increasing, shape (P + 1,)
    cumulative: FloatArray  # distribution function there
    density: FloatArray  # normalised density there
    log_evidence: float
    error: float  # how much halving all panels changes the integral, as a share of it

    def quantile(self, prob: ArrayLike) -> FloatArray:
        """Values below which the mass is `prob`, elementwise; `prob` is above 0 and below 1."""
        wanted = np.asarray(prob, dtype=float)
        place = np.clip(np.searchsorted(self.cumulative, wanted, side="right") - 1, 0, self.ends.size - 2)
        below = self._below(place)
        low, high = np.zeros_like(wanted), np.ones_like(wanted)
        for _ in range(50):
            t = 0.5 * (low + high)
            short = below(t) < wanted
            low, high = np.where(short, t, low), np.where(short, high, t)
        return np.asarray(self.ends[place] + np.diff(self.ends)[place] * 0.5 * (low + high))

    def probability_below(self, x: float) -> float:
        """Mass below a value."""
        if x <= self.ends[0]:
            return 0.0
        if x >= self.ends[-1]:
            return 1.0
        k = int(np.searchsorted(self.ends, x, side="right")) - 1
        share = (x - self.ends[k]) / (self.ends[k + 1] - self.ends[k])
        return min(max(float(self._below(k)(share)), 0.0), 1.0)

    def _below(self, panel: Any) -> Callable[[Any], Any]:
        """The mass below shares t of panels: the cubic with the distribution function's values and slopes at both ends."""
        width, first = np.diff(self.ends)[panel], self.cumulative[panel]
        whole = self.cumulative[panel + 1] - first
        rise, end_rise = width * self.density[panel], width * self.density[panel + 1]
        return lambda t: first + whole * t**2 * (3 - 2 * t) + t * (1 - t) * ((1 - t) * rise - t * end_rise)

    def mean(self) -> float:
        """Mean, by Simpson's rule over each panel's distribution function."""
        width, mass = np.diff(self.ends), np.diff(self.cumulative)
        # With the cubic distribution function: by parts, half the width less the mean of the function within the panel.
        inside = 0.5 * mass + width * (self.density[:-1] - self.density[1:]) / 12
        with np.errstate(divide="ignore", invalid="ignore"):
            lean = np.where(mass > 0, width * (0.5 - inside / mass), 0.0)
        middle = 0.5 * (self.ends[1:] + self.ends[:-1])
        return float(mass @ (middle + np.clip(lean, -0.5 * width, 0.5 * width)))

    def draws(self, name: str, log_density: LogDensity, size: int, rng: np.random.Generator) -> Draws:
        """Quantiles at the middles of `size` equal shares, in random order, with the engine's statistics."""
        values = self.quantile(stratified_uniform(rng, size))
        ends = np.diff(self.cumulative)[[0, -1]]
        known = {
            "log_evidence": self.log_evidence,
            "acceptance": 1.0,
            "grid_size": float(_NODES.size * (self.ends.size - 1)),
            "edge_mass": float(ends.sum()),
            "refinement_change": self.error * math.sqrt(size),
        }
        return Draws({name: values}, log_density(values), known)


def integrate_line(
    log_density: LogDensity,
    peaks: Sequence[tuple[float, float]],
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> Line:
    """Integrate a density over a line.

    Examples
    --------
    >>> line = integrate_line(lambda x: -0.5 * x**2, [(0.0, 1.0)])
    >>> round(line.log_evidence, 9) == round(0.5 * math.log(2 * math.pi), 9), line.quantile([0.5, 0.975]).round(6).tolist()
    (True, [0.0, 1.959964])
    """

    def safe(x: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            found = np.asarray(log_density(x.ravel()), dtype=float).reshape(x.shape)
        return np.where(np.isnan(found), -np.inf, found)

    ends = _first_ends(peaks, low, high)
    top = float(safe(ends[1:-1]).max())
    if not math.isfinite(top):
        raise NotExactError(NOT_A_NUMBER)

    def masses(start: FloatArray, width: FloatArray) -> FloatArray:
        nodes = start[:, None] + 0.5 * width[:, None] * (1.0 + _NODES)
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(0.5 * width * (np.exp(safe(nodes) - top) @ _WEIGHTS))

    start, width = ends[:-1], np.diff(ends)
    mass = masses(start, width)
    done: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    error = 0.0
    for _ in range(_ROUNDS):
        half = 0.5 * width
        left, right = masses(start, half), masses(start + half, half)
        total = sum(float(part[2].sum()) for part in done) + float((left + right).sum())
        if not math.isfinite(total):
            raise NotExactError(
                "the exact engine met a density without a finite integral; engine 'nuts' may serve"
            )
        change = np.abs(left + right - mass)
        poor = (change > _TOLERANCE * total) | (left + right > 2 * _MOST_MASS * total)
        error += float(change[~poor].sum())
        done += [(start[~poor], half[~poor], left[~poor]), ((start + half)[~poor], half[~poor], right[~poor])]
        if not poor.any():
            break
        start = np.concatenate([start[poor], (start + half)[poor]])
        mass, width = np.concatenate([left[poor], right[poor]]), np.tile(half[poor], 2)
    else:
        raise NotExactError("the exact engine cannot integrate the density; engine 'nuts' may serve")
    starts, widths, parts = (np.concatenate([piece[i] for piece in done]) for i in range(3))
    order = np.argsort(starts, kind="stable")
    total = float(parts.sum())
    ends = np.append(starts[order], starts[order][-1] + widths[order][-1])
    with np.errstate(over="ignore", under="ignore"):
        density = np.exp(safe(ends) - top) / total
    cumulative = np.append(0.0, np.cumsum(parts[order])) / total
    return Line(
        ends, cumulative, np.where(np.isfinite(density), density, 0.0), top + math.log(total), error / total
    )


def _first_ends(peaks: Sequence[tuple[float, float]], low: float, high: float) -> FloatArray:
    """Ends of the first panels: dense near each peak and near each end of the support."""
    parts = [centre + width * _OUTWARDS for centre, width in peaks]
    widest = max(width for _, width in peaks)
    if math.isfinite(low):
        parts.append(low + widest * _INWARDS)
    if math.isfinite(high):
        parts.append(high - widest * _INWARDS)
    ends = np.unique(np.concatenate(parts))
    ends = ends[(ends > low) & (ends < high)]
    return np.concatenate([[low] * math.isfinite(low), ends, [high] * math.isfinite(high)]).astype(float)
