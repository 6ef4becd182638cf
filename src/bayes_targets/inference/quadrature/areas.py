r"""Areas with counts of successes and one normal effect each: an integral and a draw in one dimension an area.

Derivation: docs/quadrature.md, "Counts".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .stratified import stratified_uniform

FloatArray = NDArray[np.float64]

# Distance of the nodes in units of 1 / sqrt(K) and of 1 / tau (the nearest pole of f is pi / tau off the real line).
_STEP, _POLE = 1.15, 1.25
# How far the nodes reach at first; the density at their ends, as a share of the largest, that makes them reach farther.
_REACH, _EDGE, _FARTHEST = 5.5, 1e-6, 200.0
# Steps of Newton's method towards the mode.
_MOST_STEPS = 60
_MOST_NODES = 2**17
# Values at a time: few enough for the processor's cache.
_CHUNK = 2**16


@dataclass(frozen=True)
class Areas:
    """J areas under S sets of hyperparameters, with C cuts."""

    successes: FloatArray  # y of each area and cut, shape (J, C), or (S, 1, C) with one area a set
    trials: FloatArray  # n, of the same shape
    cut: FloatArray  # thresholds k, shape (S, 1, C)
    shift: FloatArray  # centre of each area's effect, shape (S, J) or (S, 1)
    tau: FloatArray  # standard deviation of the effects, shape (S, 1); 0 for none

    def log_likelihood(self) -> FloatArray:
        r"""Log of each area's integral, :math:`\log \int e^{f_j(z)}\, dz / \sqrt{2 \pi}`, shape (S, J)."""
        if not self.tau.any():
            return self._log_density(np.zeros_like(self.tau)) - self._fixed()
        out = np.empty((len(self.tau), self.successes.shape[-2]))
        bend = 1.0 + self.tau[:, 0] ** 2 * (self.trials.sum(axis=-1).max(axis=-1).ravel() / 4.0)
        step = np.minimum(_STEP / np.sqrt(bend), _POLE / np.maximum(self.tau[:, 0], 1e-300))
        # A standard deviation of thousands, where a draw from a proposal's far tail has one, is not worth more nodes.
        step = np.maximum(step, 2.0 * _REACH / _MOST_NODES)
        todo, reach = np.argsort(-step), _REACH
        while todo.size:
            farther = [todo[:0]]
            for rows in _pieces(todo, 2.0 * reach / step[todo] * out.shape[1]):
                nodes = math.ceil(2.0 * reach / step[rows[-1]]) + 1
                z = reach * np.linspace(-1.0, 1.0, nodes)
                f = self._rows(rows)._log_density(z[:, None, None])
                top = f.max(axis=0)
                f -= top
                p = np.exp(f, out=f)
                out[rows] = np.log(p.sum(axis=0) * ((z[1] - z[0]) / math.sqrt(2.0 * math.pi))) + top
                if reach < _FARTHEST:
                    farther.append(rows[(np.maximum(p[0], p[-1]) > _EDGE).any(axis=1)])
            todo, reach = np.concatenate(farther), 1.5 * reach
        return out - self._fixed()

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """One draw of each area's effect, shape (S, J), by exact rejection.

        A log-concave density lies below its tangents: the envelope has the height of the mode in the middle, and on either side the
        tangent at 1.4 standard deviations or so, an exponential tail.
        """
        shape = (len(self.tau), self.successes.shape[-2])
        if not self.tau.any():
            return np.asarray(self.shift + np.zeros(shape))
        mode, slope, bend, near = self._mode(np.zeros(shape))
        # From a point next to the mode, f is nowhere higher than this.
        top = self._density_at(mode) + 0.5 * slope**2
        ends, scales = [], []
        for sign in (-1.0, 1.0):
            touch = mode + sign * np.sqrt(2.0 / bend)
            steep = self._slopes(touch)[0]
            reached = touch + (top - self._density_at(touch)) / steep
            ends.append(np.minimum(reached, mode) if sign < 0 else np.maximum(reached, mode))
            scales.append(1.0 / np.abs(steep))
        box = ends[1] - ends[0]
        place = stratified_uniform(rng, shape) * (scales[0] + box + scales[1]) - scales[0]
        tail = np.where((place < 0) | (place > box), -np.log(rng.random(shape)), 0.0)
        z = ends[0] + np.where(place < 0, -tail * scales[0], np.minimum(place, box) + tail * scales[1])
        # The few whose mode is not found yet have their turn among those that were not kept.
        kept = near & (np.log(rng.random(shape)) < self._density_at(z) - top + tail)
        theta = self.shift + self.tau * z
        again = np.nonzero(~kept)
        if again[0].size:
            theta[again] = self._pick(again).draw(rng)[:, 0]
        return np.asarray(theta)

    def _mode(self, z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
        """Next to the mode of f, by Newton's method in bounds; `_slopes` there; where it is within half an s.d."""
        slope, bend = self._slopes(z)
        # As -f'' is at least 1, the mode is no farther than the slope is steep.
        low, high = z + np.minimum(slope, 0.0), z + np.maximum(slope, 0.0)
        before = np.full_like(z, np.inf)
        for _ in range(_MOST_STEPS):
            new = z + slope / bend
            # Where Newton's step leads astray, or the last one hardly helped, the bounds are halved.
            poor = (new < low) | (new > high) | (np.abs(slope) > 0.5 * before)
            z, before = np.where(poor, 0.5 * (low + high), new), np.abs(slope)
            slope, bend = self._slopes(z)
            near = slope**2 * bend < 0.25
            if near.mean() > 0.9:
                break
            low, high = np.where(slope > 0.0, z, low), np.where(slope > 0.0, high, z)
        return z, slope, bend, near

    def _pick(self, at: tuple[NDArray[Any], ...]) -> Areas:
        """Single areas under single sets of hyperparameters, a set each."""
        s, j = at
        shift = np.broadcast_to(self.shift, (len(self.tau), self.successes.shape[-2]))[at]
        y, n = (
            (part[j] if part.ndim == 2 else part[s, j])[:, None] for part in (self.successes, self.trials)
        )
        return Areas(y, n, self.cut[s], shift[:, None], self.tau[s])

    def _rows(self, rows: NDArray[Any] | slice) -> Areas:
        y, n = (part if part.ndim == 2 else part[rows] for part in (self.successes, self.trials))
        return Areas(y, n, self.cut[rows], self.shift[rows], self.tau[rows])

    def _log_density(self, z: FloatArray) -> FloatArray:
        """Values of f at z of shape (..., S, J) or (..., 1), but for what does not depend on z (`_fixed`)."""
        # Beyond these log-odds nothing changes that a float could show, and exponentials would overflow.
        theta = np.minimum(np.maximum(self.shift + self.tau * z, -300.0), 300.0)
        cut = np.minimum(np.maximum(self.cut, -300.0), 300.0)
        terms = [theta, -0.5 * z**2]
        for c in range(cut.shape[-1]):
            odds = theta - cut[..., c]
            np.exp(odds, out=odds)
            odds += 1.0
            terms.append(np.log(odds, out=odds))
        weights = [
            self.successes.sum(axis=-1)[..., None],
            np.ones((*self.trials.shape[:-1], 1)),
            -self.trials,
        ]
        weight = np.concatenate(weights, axis=-1)
        if theta.shape[-1] == 1 and weight.ndim == 2:
            terms[1] = np.broadcast_to(terms[1], theta.shape)
            return np.asarray(np.concatenate(terms, axis=-1) @ weight.T)
        out = terms[0] * weight[..., 0]
        out += terms[1]
        for c, term in enumerate(terms[2:], 2):
            out += term * weight[..., c]
        return np.asarray(out)

    def _density_at(self, z: FloatArray) -> FloatArray:
        """`_log_density` at z of shape (S, J), a few rows at a time."""
        out = np.empty_like(z)
        for rows in _blocks(z):
            out[rows] = self._rows(rows)._log_density(z[rows])
        return out

    def _fixed(self) -> FloatArray:
        cut = np.clip(self.cut, -300.0, 300.0)
        return np.asarray(sum(cut[..., c] * self.successes[..., c] for c in range(cut.shape[-1])))

    def _slopes(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First derivative of f, and minus the second, which is at least 1, at z of shape (S, J)."""
        slope, bend = np.empty_like(z), np.empty_like(z)
        for rows in _blocks(z):
            slope[rows], bend[rows] = self._rows(rows)._own_slopes(z[rows])
        return slope, bend

    def _own_slopes(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        theta = self.shift + self.tau * z
        slope, bend = -z, np.zeros_like(z)
        for c in range(self.trials.shape[-1]):
            share = np.tanh(0.5 * (theta - self.cut[..., c]))
            share *= 0.5
            share += 0.5
            expected = self.trials[..., c] * share
            slope += self.tau * (self.successes[..., c] - expected)
            expected *= 1.0 - share
            bend += expected
        return slope, 1.0 + self.tau**2 * bend


def _pieces(rows: NDArray[Any], cells: FloatArray) -> Iterator[NDArray[Any]]:
    """Rows in their order, so many at a time that the cells fill the cache."""
    ends = np.flatnonzero(np.diff(np.cumsum(cells) // _CHUNK)) + 1
    start = 0
    for end in [*ends.tolist(), len(rows)]:
        yield rows[start:end]
        start = end


def _blocks(z: FloatArray) -> Iterator[slice]:
    """Rows, so many at a time that they fill the cache."""
    step = max(1, _CHUNK // (4 * max(z.shape[1], 1)))
    return (slice(start, start + step) for start in range(0, len(z), step))
