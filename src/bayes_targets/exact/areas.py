r"""Areas with counts of successes and one normal effect each: an integral and a draw in one dimension an area.

Area j has the effect :math:`\theta_j = s_j + \tau z_j`, :math:`z_j \sim N(0, 1)`, and each cut c compares it with
a threshold:

.. math:: \ell_j(\theta) = \sum_c \left[ y_{jc} (\theta - k_c) - n_{jc} \log(1 + e^{\theta - k_c}) \right]

A binomial is one cut, with :math:`k = -\mu`. In a cumulative logit a count between two cutpoints is a success at the
lower one and a failure at the upper one, times a factor without :math:`\theta`. As every :math:`\ell` is concave, the density
of z, :math:`e^{f(z)}` with :math:`f(z) = \ell_j(s_j + \tau z) - z^2 / 2`, is log-concave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Trapezoidal rule in u, where z = mode + width sinh(u): dense around the mode, and far out in both tails.
_STEP, _REACH, _NEGLIGIBLE = 0.2, 3.6, 1e-10


@dataclass(frozen=True)
class Areas:
    """J areas under S sets of hyperparameters: shapes that broadcast to (S, J), with a last axis for the C cuts.

    Attributes
    ----------
    successes, trials : array of shape (J, C)
        y and n of each area and cut.
    cut : array of shape (S, 1, C)
        Thresholds k.
    shift : array of shape (S, J) or (S, 1)
        Centre of each area's effect.
    tau : array of shape (S, 1)
        Standard deviation of the effects; 0 for none.
    """

    successes: FloatArray
    trials: FloatArray
    cut: FloatArray
    shift: FloatArray
    tau: FloatArray

    def log_likelihood(self) -> FloatArray:
        r"""Log of each area's integral, :math:`\log \int e^{\ell_j(s_j + \tau z)} N(z; 0, 1)\, dz`, shape (S, J)."""
        if not self.tau.any():
            return self._log_density(np.zeros_like(self.tau))
        mode, width = self._mode(0.03)
        top = self._log_density(mode)
        total = np.ones_like(mode)
        for u in np.arange(_STEP, _REACH, _STEP):
            away = math.sinh(u) * width
            new = np.exp(self._log_density(mode - away) - top) + np.exp(self._log_density(mode + away) - top)
            total += math.cosh(u) * new
            # The density falls on both sides, and the faster the farther.
            if new.max() < _NEGLIGIBLE:
                break
        return np.asarray(top + np.log(total * width * (_STEP / math.sqrt(2.0 * math.pi))))

    def draw(self, rng: np.random.Generator) -> FloatArray:
        r"""One draw of each area's effect :math:`\theta`, shape (S, J), by exact rejection.

        A log-concave density lies below its tangents. The envelope has the height of the mode in the middle; on
        either side it is the tangent at :math:`\sqrt 2` standard deviations or so, an exponential tail.
        """
        if not self.tau.any():
            return np.asarray(self.shift + np.zeros(len(self.successes)))
        mode, width = self._mode(1e-8)
        top = self._log_density(mode)
        touch = mode + math.sqrt(2.0) * width * np.array([-1.0, 1.0])[:, None, None]
        slope = np.stack([self._slopes(side)[0] for side in touch])
        # Where the tangents reach the height of the mode.
        low, high = touch + (top - np.stack([self._log_density(side) for side in touch])) / slope
        left, right = 1.0 / np.abs(slope)
        z = np.empty_like(mode)
        todo = np.indices(mode.shape).reshape(2, -1)
        while todo.size:
            at = tuple(todo)
            box, place = high[at] - low[at], rng.random(todo.shape[1])
            place = place * (left[at] + box + right[at]) - left[at]
            tail = np.where((place < 0) | (place > box), rng.exponential(size=place.size), 0.0)
            new = np.where(place < 0, -tail * left[at], np.where(place > box, box + tail * right[at], place))
            new += low[at]
            log_ratio = self._pick(at)._log_density(new) - top[at] + tail
            kept = np.log(rng.random(new.size)) < log_ratio
            z[tuple(todo[:, kept])] = new[kept]
            todo = todo[:, ~kept]
        return np.asarray(self.shift + self.tau * z)

    def _pick(self, at: tuple[NDArray[Any], ...]) -> Areas:
        """Single areas under single sets of hyperparameters, shape (n,)."""
        s, j = at
        shift = np.broadcast_to(self.shift, (len(self.tau), len(self.successes)))[at]
        return Areas(self.successes[j], self.trials[j], self.cut[s, 0], shift, self.tau[s, 0])

    def _log_density(self, z: FloatArray) -> FloatArray:
        # Beyond these log-odds nothing changes that a float could show, and exponentials would overflow.
        theta = np.clip(self.shift + self.tau * z, -300.0, 300.0)
        cut = np.clip(self.cut, -300.0, 300.0)
        odds, at_cut = np.exp(theta), np.exp(-cut)
        out = -0.5 * z**2
        for c in range(self.trials.shape[-1]):
            log_one_more = np.log(1.0 + odds * at_cut[..., c])
            out = out + (self.successes[..., c] * (theta - cut[..., c]) - self.trials[..., c] * log_one_more)
        return np.asarray(out)

    def _slopes(self, z: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First and second derivative of f; the second is at most -1."""
        theta = self.shift + self.tau * z
        first, second = -z, -np.ones_like(z)
        for c in range(self.trials.shape[-1]):
            share = 0.5 + 0.5 * np.tanh(0.5 * (theta - self.cut[..., c]))
            first = first + self.tau * (self.successes[..., c] - self.trials[..., c] * share)
            second = second - self.tau**2 * self.trials[..., c] * share * (1.0 - share)
        return first, second

    def _mode(self, tolerance: float) -> tuple[FloatArray, FloatArray]:
        """Mode of f to within a tolerance, and the s.d. that its curvature there means, by Newton's method in bounds."""
        z = np.zeros(np.broadcast_shapes(self.shift.shape, self.tau.shape, self.successes.shape[:-1]))
        low, high, before = np.full_like(z, -np.inf), np.full_like(z, np.inf), np.full_like(z, np.inf)
        for _ in range(100):
            first, second = self._slopes(z)
            # With a curvature of at least 1 the mode is no farther than the slope is steep.
            low = np.maximum(low, np.where(first > 0, z, z + first))
            high = np.minimum(high, np.where(first > 0, z + first, z))
            new = z - first / second
            # Where Newton's step leads astray, or the last one hardly helped, halve the bounds.
            poor = (new < low) | (new > high) | (np.abs(first) > 0.5 * before)
            new, before = np.where(poor, 0.5 * (low + high), new), np.abs(first)
            moved, z = np.abs(new - z).max(), new
            if moved < tolerance:
                break
        first, second = self._slopes(z)
        # Where the search ended before the mode, as it may with absurd hyperparameters, nothing is claimed.
        return z, np.where(first**2 < -1e-2 * second, 1.0 / np.sqrt(-second), np.nan)
