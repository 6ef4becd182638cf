r"""Areas with two binomial counts each, whose effects are correlated: an integral and a draw in two dimensions an area.

With :math:`L_{jk}(z)` the binomial likelihood of split k in area j at log-odds :math:`\mu_k + x_j \beta_k + \tau_k z`, and
:math:`r = \sqrt{1 - \rho^2}`, an area has

.. math:: \int\!\!\int L_{j1}(z)\, L_{j2}(\rho z + r e)\, N(z)\, N(e)\, dz\, de
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...inference.quadrature import Areas
from .parts import FloatArray

# Points a dim of the Gauss-Hermite rule around the mode of an area's two effects.
_POINTS = 9
# What the slope of the tangent, a difference quotient, may leave above it.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Pair:
    """Binomials of two splits in J areas under S sets of hyperparameters.

    Attributes
    ----------
    successes, trials : array of shape (J, 2)
        Counts of each split.
    centre : array of shape (S, J, 2)
        Log-odds of each split without an effect of the area.
    tau : array of shape (S, 1, 2)
        Standard deviations of the effects.
    rho : array of shape (S, 1)
        Their correlation.
    """

    successes: FloatArray
    trials: FloatArray
    centre: FloatArray
    tau: FloatArray
    rho: FloatArray

    def log_likelihood(self, points: int = _POINTS) -> FloatArray:
        """Log of each area's double integral, shape (S, J), by Gauss-Hermite around its mode with so many points a dim."""
        z, e, (aa, ab, bb) = self._mode()
        # Curvature is C C' with C lower triangular; (z, e) = mode + inv(C)' t has unit curvature in t.
        c11 = np.sqrt(aa)
        c21, c22 = ab / c11, np.sqrt(bb - ab**2 / aa)
        t, weight = np.polynomial.hermite_e.hermegauss(points)
        top = self._log_density(z, e)
        total = np.zeros_like(z)
        for t1, w1 in zip(t, weight, strict=True):
            for t2, w2 in zip(t, weight, strict=True):
                e_shift = t2 / c22
                z_shift = (t1 - c21 * e_shift) / c11
                value = self._log_density(z + z_shift, e + e_shift)
                total += w1 * w2 * np.exp(value - top + 0.5 * (t1**2 + t2**2))
        return np.asarray(top + np.log(total / (2.0 * math.pi * c11 * c22)))

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """One draw of both log-odds of each area, shape (S, J, 2), by exact rejection.

        What the second split has at z, :math:`I_2(z)`, is log-concave, so it lies below its tangent at the mode,
        :math:`e^{g z}` but for a factor. With the tangent in its place, z has the density of the first split alone with a
        normal of mean g; a draw of that is kept with the probability of :math:`I_2` over the tangent, and then e is drawn.
        """
        mode, _, _ = self._mode()
        at_mode = self._second(mode).log_likelihood()
        step = 1e-4
        slope = (self._second(mode + step).log_likelihood() - self._second(mode - step).log_likelihood()) / (
            2 * step
        )
        theta = np.empty((*mode.shape, 2))
        todo = np.ones(mode.shape, dtype=bool)
        while todo.any():
            at = np.flatnonzero(todo.any(axis=1))
            some = self.rows(at)
            centre, tau = some.centre[..., 0], some.tau[..., 0]
            first = some._areas(0, centre + tau * slope[at], tau).draw(rng)
            z = (first - centre) / tau
            second = some._second(z)
            log_keep = second.log_likelihood() - at_mode[at] - slope[at] * (z - mode[at]) - _ROUNDING
            kept = todo[at] & (np.log(rng.random(z.shape)) < log_keep)
            drawn = np.stack([first, second.draw(rng)], axis=-1)
            theta[at] = np.where(kept[..., None], drawn, theta[at])
            todo[at] &= ~kept
        return theta

    def rows(self, rows: Any) -> Pair:
        """The same under some of the sets of hyperparameters, chosen by index."""
        return replace(self, centre=self.centre[rows], tau=self.tau[rows], rho=self.rho[rows])

    def _second(self, z: FloatArray) -> Areas:
        """The second split where the first effect is z."""
        centre = self.centre[..., 1] + self.tau[..., 1] * self.rho * z
        return self._areas(1, centre, self.tau[..., 1] * np.sqrt(1.0 - self.rho**2))

    def _areas(self, split: int, centre: FloatArray, tau: FloatArray) -> Areas:
        cut = np.zeros((len(self.rho), 1, 1))
        return Areas(self.successes[:, [split]], self.trials[:, [split]], cut, centre, tau)

    def _theta(self, z: FloatArray, e: FloatArray) -> tuple[FloatArray, FloatArray]:
        own = self.rho * z + np.sqrt(1.0 - self.rho**2) * e
        return self.centre[..., 0] + self.tau[..., 0] * z, self.centre[..., 1] + self.tau[..., 1] * own

    def _log_density(self, z: FloatArray, e: FloatArray) -> FloatArray:
        out = -0.5 * (z**2 + e**2)
        for k, theta in enumerate(self._theta(z, e)):
            softplus = np.maximum(theta, 0.0) + np.log(1.0 + np.exp(-np.abs(theta)))
            out += self.successes[:, k] * theta - self.trials[:, k] * softplus
        return np.asarray(out)

    def _mode(self) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray, FloatArray]]:
        """Mode in (z, e) and minus the second derivatives there, by Newton's method with bounded steps."""
        z, e = np.zeros(self.centre.shape[:2]), np.zeros(self.centre.shape[:2])
        t1, t2 = self.tau[..., 0], self.tau[..., 1]
        r = np.sqrt(1.0 - self.rho**2)
        for _ in range(40):
            share = [0.5 * (1.0 + np.tanh(0.5 * theta)) for theta in self._theta(z, e)]
            slope = [self.successes[:, k] - self.trials[:, k] * share[k] for k in (0, 1)]
            bend = [self.trials[:, k] * share[k] * (1.0 - share[k]) for k in (0, 1)]
            gz = t1 * slope[0] + t2 * self.rho * slope[1] - z
            ge = t2 * r * slope[1] - e
            aa = 1.0 + t1**2 * bend[0] + (t2 * self.rho) ** 2 * bend[1]
            ab = t2**2 * self.rho * r * bend[1]
            bb = 1.0 + (t2 * r) ** 2 * bend[1]
            det = aa * bb - ab**2
            dz, de = (bb * gz - ab * ge) / det, (aa * ge - ab * gz) / det
            far = np.maximum(np.hypot(dz, de), 1.0)
            z, e = z + dz / far, e + de / far
            if max(np.abs(dz).max(), np.abs(de).max()) < 1e-6:
                break
        return z, e, (aa, ab, bb)
