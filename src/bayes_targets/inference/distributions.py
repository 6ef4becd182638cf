r"""Quantiles of the normal, tails and quantiles of Student's t, without SciPy: its import takes longer than an exact posterior.

The normal's are Wichura's rational approximations (1988, Applied Statistics algorithm 241), good to 1e-16. For Student's t, with
:math:`t = \sqrt{\nu} \sinh s` the tail beyond t is

.. math:: \frac{1}{B(\nu/2, 1/2)} \int_s^\infty \cosh(r)^{-\nu} dr

whose integrand falls at least exponentially. The double-exponential rule (Takahasi & Mori 1974), with nodes at
:math:`r - s = \lambda \exp(\frac{\pi}{2} \sinh k h)`, has it to the last digits at any t and :math:`\nu`, deep in the tail too.
The tests hold all of it against SciPy.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
# Numerators and denominators, highest power first: of (p - 1/2)^2 in the centre, of sqrt(-log p) outside.
# fmt: off
_CENTRE = (
    (2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987,
     13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665),
    (5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597,
     5394.196021424751, 687.1870074920579, 42.31333070160091, 1.0),
)
_SIDE = (
    (0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
     3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835),
    (1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
     0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0),
)
_TAIL = (
    (2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784, 0.026532189526576124,
     0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103),
    (2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133,
     0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0),
)
# fmt: on
# From this many degrees of freedom on Student's t is as good as normal.
NORMAL_DF = 100.0
_STEP = 1 / 16
_NODES = np.arange(-4.0, 4.0, _STEP)
_REACH = np.exp(0.5 * math.pi * np.sinh(_NODES))
_WEIGHTS = _STEP * 0.5 * math.pi * np.cosh(_NODES) * _REACH


def normal_quantile(prob: ArrayLike) -> FloatArray:
    """Values below which a standard normal draw lies with given probabilities, elementwise.

    Examples
    --------
    >>> normal_quantile([0.5, 0.975]).round(6).tolist()
    [0.0, 1.959964]
    """
    p = np.asarray(prob, dtype=float)
    q = p - 0.5
    central = np.abs(q) <= 0.425
    r = np.sqrt(-np.log(np.where(central, 0.5, np.minimum(p, 1.0 - p))))
    outside = np.where(r <= 5.0, _rational(_SIDE, r - 1.6), _rational(_TAIL, r - 5.0))
    return np.where(central, q * _rational(_CENTRE, 0.180625 - q * q), np.copysign(outside, q))


def t_upper_tail(t: ArrayLike, df: float | None = None) -> FloatArray:
    """Probability of more than `t`, elementwise; of a normal without degrees of freedom, or with infinitely many.

    Examples
    --------
    >>> t_upper_tail([0.0, 1.0], 1).round(12).tolist()  # Cauchy
    [0.5, 0.25]
    """
    if df is None or math.isinf(df):
        erfc = np.vectorize(math.erfc, otypes=[float])
        return np.asarray(0.5 * erfc(np.asarray(t, dtype=float) / math.sqrt(2.0)))
    ratio = np.asarray(t, dtype=float) / math.sqrt(df)
    slope = np.tanh(np.arcsinh(ratio))
    length = 1.0 / (df * slope + min(df, math.sqrt(df)))
    reach = length[..., None] * _REACH
    near = np.minimum(reach, 700.0)
    # log cosh(s + r) - log cosh(s), in a form that does not cancel; far out, where sinh would overflow, a straight line.
    fall = np.log1p(2.0 * np.sinh(near / 2) ** 2 + slope[..., None] * np.sinh(near)) + (reach - near)
    log_cosh = np.where(ratio < 1, 0.5 * np.log1p(np.minimum(ratio, 1) ** 2), np.log(np.hypot(1, ratio)))
    log_front = -df * log_cosh - _log_beta_half(df / 2)
    with np.errstate(under="ignore"):
        return np.asarray(length * (np.exp(-df * fall) @ _WEIGHTS) * np.exp(log_front))


def t_quantile(prob: float, df: float | None = None) -> float:
    """The value below which a draw lies with probability `prob`; of a normal without degrees of freedom, or with infinitely many.

    Examples
    --------
    >>> round(t_quantile(0.75, 1), 12), round(t_quantile(0.975, 137), 6)
    (1.0, 1.977431)
    """
    if prob in (0.0, 1.0):
        return math.copysign(math.inf, prob - 0.5)
    if df is None or math.isinf(df):
        return float(normal_quantile(prob))
    if abs(prob - 0.5) < 1e-8:
        # Over the density in the middle: no probability is told apart from 1/2 by less than a float's last digit.
        return (prob - 0.5) * math.sqrt(df) * math.exp(_log_beta_half(df / 2))
    tail = min(prob, 1.0 - prob)
    # Newton's method for the log of the tail as a function of log t, from where the lighter tail of the normal has it.
    log_t = math.log(abs(float(normal_quantile(tail))))
    for _ in range(100):
        t = math.exp(log_t)
        above = float(t_upper_tail(t, df))
        log_density = -_log_beta_half(df / 2) - 0.5 * math.log(df) - (df + 1) / 2 * math.log1p(t * t / df)
        step = above / math.exp(log_density + log_t) * math.log(above / tail)
        log_t = min(log_t + step, 300.0)  # no farther than a float's square
        if abs(step) <= 1e-14:
            break
    return math.copysign(math.exp(log_t), prob - 0.5)


@lru_cache(maxsize=64)
def gamma_nodes(shape: float) -> tuple[FloatArray, FloatArray]:
    """Weights and precisions that stand for a Gamma variable with mean 1, by the trapezoid rule over its logarithm.

    The rule converges geometrically, and reaches so far down that a mixture of normals by it has the tails of Student's t.
    """
    step = min(0.5, 1 / math.sqrt(shape))
    low = max(-650 / shape, -80.0) - 1.0
    logs = np.arange(low, math.log1p((9 * math.sqrt(shape) + 40) / shape), step)
    log_weights = shape * (logs - np.exp(logs))
    weights = np.exp(log_weights - np.logaddexp.reduce(log_weights))
    kept = weights > 0
    return weights[kept], np.exp(logs[kept])


def _log_beta_half(a: float) -> float:
    """Log of B(a, 1/2); beyond 100 by its series, as log gammas would cancel."""
    if a < 100:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    return 0.5 * math.log(math.pi / a) + 1 / (8 * a) - 1 / (192 * a**3) + 1 / (640 * a**5)


def _rational(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: FloatArray) -> FloatArray:
    above, below = (np.polyval(part, x) for part in coefficients)
    return np.asarray(above / below)
