"""Random numbers without the noise of random numbers: one draw in each of n equally probable cells, in random order.

A mean over n independent draws is off by something like ``1 / sqrt(n)``; one over stratified draws, of a function of one of
them, by ``1 / n`` (Owen 2013, Monte Carlo theory, methods and examples, chapter 10). Each draw by itself has the distribution
that it should have, and columns are put in random order independently of one another (Latin hypercube sampling; McKay,
Beckman & Conover 1979, Technometrics 21, 239-245).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..distributions import normal_quantile

FloatArray = NDArray[np.float64]
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def stratified_uniform(rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
    """Uniform numbers between 0 and 1 whose set along the first axis is the same for any source of randomness.

    Examples
    --------
    >>> sorted(stratified_uniform(np.random.default_rng(1), 4).tolist())
    [0.125, 0.375, 0.625, 0.875]
    """
    return _in_random_order(rng, size, lambda cells: cells)


def stratified_normal(rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
    """Standard normal numbers whose set along the first axis is the same for any source of randomness.

    Examples
    --------
    >>> z = stratified_normal(np.random.default_rng(1), (1000, 2))
    >>> np.abs(z.mean(axis=0)).round(6).tolist(), z.std(axis=0).round(6).tolist()
    ([0.0, 0.0], [1.0, 1.0])
    """
    return _in_random_order(rng, size, _normal_cells)


def independent_pairs(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two independent quantities, each known by stratified draws, in pairs that no seed puts together.

    In ascending order of the first, the second goes through its quantiles in steps of the golden ratio (Weyl's sequence), so that
    any few successive pairs hold all of it.

    Examples
    --------
    >>> one, two = independent_pairs(np.arange(4.0), np.arange(8.0))
    >>> one.tolist(), two.tolist()
    ([0.0, 1.0, 2.0, 3.0], [0.5, 4.5, 2.5, 6.5])
    """
    size = min(first.size, second.size)
    middles = (np.arange(size) + 0.5) / size
    one, two = (np.quantile(each, middles, method="hazen") for each in (first, second))
    return one, two[np.argsort(np.argsort((np.arange(size) * _GOLDEN) % 1.0))]


def _normal_cells(cells: FloatArray) -> FloatArray:
    z = normal_quantile(cells)
    return z / z.std() if z.size > 1 else z


def _in_random_order(
    rng: np.random.Generator, size: int | tuple[int, ...], of_cells: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    shape = (size,) if isinstance(size, int) else tuple(size)
    n, columns = shape[0], math.prod(shape[1:])
    values = of_cells((np.arange(n) + 0.5) / max(n, 1))
    return rng.permuted(np.broadcast_to(values, (columns, n)), axis=1).T.reshape(shape)
