"""Kinds of arrays, and the function that keeps numbers between their printed ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


def logistic(x: FloatArray) -> FloatArray:
    """Logistic function, without overflow.

    Examples
    --------
    >>> logistic(np.array([-1000.0, 0, 1000]))
    array([0. , 0.5, 1. ])
    """
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))
