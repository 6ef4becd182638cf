"""Numbers that are spread as evenly as random ones are on average, so that means of them have little noise or none.

One draw in each of n equally probable cells, in random order: a mean over n independent draws is off by something like
``1 / sqrt(n)``; one over stratified draws, of a function of one of them, by ``1 / n`` (Owen 2013, Monte Carlo theory, methods and examples,
chapter 10). Each draw by itself has the distribution that it should have, and columns are put in random order independently of one another
(Latin hypercube sampling; McKay, Beckman & Conover 1979, Technometrics 21, 239-245).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..distributions import normal_quantile

FloatArray = NDArray[np.float64]
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
# Degree, coefficients and first direction numbers of Sobol's primitive polynomials (Joe & Kuo 2008), by dimension.
_SOBOL: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (0, 0, ()), (1, 0, (1,)), (2, 1, (1, 3)), (3, 1, (1, 3, 1)), (3, 2, (1, 1, 1)), (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)), (5, 2, (1, 1, 5, 5, 17)),
)  # fmt: skip


def stratified_uniform(rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
    """Uniform numbers between 0 and 1 whose set along the first axis is the same for any source of randomness.

    Examples
    --------
    >>> sorted(stratified_uniform(np.random.default_rng(1), 4).tolist())
    [0.125, 0.375, 0.625, 0.875]
    """
    return _in_random_order(rng, size, _middles)


def stratified_normal(rng: np.random.Generator, size: int | tuple[int, ...]) -> FloatArray:
    """Standard normal numbers whose set along the first axis is the same for any source of randomness.

    Examples
    --------
    >>> z = stratified_normal(np.random.default_rng(1), (1000, 2))
    >>> np.abs(z.mean(axis=0)).round(6).tolist(), z.std(axis=0).round(6).tolist()
    ([0.0, 0.0], [1.0, 1.0])
    """
    return _in_random_order(rng, size, _normal_cells)


def _middles(n: int) -> FloatArray:
    return (np.arange(n) + 0.5) / max(n, 1)


@lru_cache(maxsize=16)
def _normal_cells(n: int) -> FloatArray:
    z = normal_quantile(_middles(n))
    return z / z.std() if z.size > 1 else z


def _in_random_order(
    rng: np.random.Generator, size: int | tuple[int, ...], of_cells: Callable[[int], FloatArray]
) -> FloatArray:
    shape = (size,) if isinstance(size, int) else tuple(size)
    n, columns = shape[0], math.prod(shape[1:])
    return rng.permuted(np.broadcast_to(of_cells(n), (columns, n)), axis=1).T.reshape(shape)


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
    one, two = (np.quantile(each, _middles(size), method="hazen") for each in (first, second))
    return one, two[np.argsort(np.argsort((np.arange(size) * _GOLDEN) % 1.0))]


@lru_cache(maxsize=16)
def even_points(size: int, dims: int, *, first: int = 6, order: int = 0) -> FloatArray:
    """Points of the unit cube, the same on every call: every coordinate takes each of `size` levels once.

    The first coordinates together are Sobol's sequence, the others permuted at random; so is the order of the points. `order` should
    be a number by data: what many data share would be an error of all.

    Examples
    --------
    >>> even_points(4, 3).mean(axis=0).tolist()
    [0.5, 0.5, 0.5]
    """
    rng = np.random.default_rng(order)
    joint = min(first, dims, len(_SOBOL))
    sequence = np.column_stack([_sobol(size, d) for d in range(joint)])
    level = sequence.argsort(axis=0).argsort(axis=0)[rng.permutation(size)]
    others = [rng.permutation(size) for _ in range(dims - joint)]
    points = np.asarray((np.column_stack([level, *others]) + 0.5) / size)
    # One array for all who ask.
    points.flags.writeable = False
    return points


def even_normals(unit: FloatArray) -> FloatArray:
    """Standard normal values from coordinates of `even_points`."""
    levels = normal_quantile(_middles(len(unit)))
    return np.asarray(levels[(unit * len(unit)).astype(int)])


def _sobol(size: int, dimension: int) -> NDArray[np.int_]:
    """Coordinates of Sobol's points 1 to `size`, in units of 2^-32."""
    degree, polynomial, first = _SOBOL[dimension]
    numbers = list(first) or [1] * 32
    for k in range(len(numbers), 32):
        value = numbers[k - degree] ^ (numbers[k - degree] << degree)
        for j in range(1, degree):
            value ^= ((polynomial >> (degree - 1 - j)) & 1) * (numbers[k - j] << j)
        numbers.append(value)
    index = np.arange(1, size + 1)
    gray, out = index ^ (index >> 1), np.zeros(size, dtype=int)
    for k, number in enumerate(numbers[: max(1, size.bit_length())]):
        out ^= np.where((gray >> k) & 1 == 1, number << (31 - k), 0)
    return out
