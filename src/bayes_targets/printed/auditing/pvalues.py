"""p-values and stars: what a printed ratio of estimate to standard error is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...errors import DataError


def p_value(t: float, df: float | None = None, tails: int = 2) -> float:
    """Probability of a ratio at least as far from zero, if the true effect is zero.

    Parameters
    ----------
    t : float
        Estimate over standard error; only its size counts.
    df : float, optional
        Degrees of freedom of Student's t; without it the standard normal, its limit, is the reference.
    tails : {1, 2}
        One tail means the tail on the side of `t`: the direction is taken as foretold.

    Returns
    -------
    float

    Raises
    ------
    DataError
        If `tails` is neither 1 nor 2, or `df` is not positive.

    Examples
    --------
    >>> round(p_value(1.96), 3), round(p_value(-1.96, tails=1), 3)
    (0.05, 0.025)
    >>> round(p_value(-1.802 / 1.117, df=118, tails=1), 4)
    0.0547
    """
    from scipy.special import ndtr, stdtr

    if tails not in (1, 2):
        raise DataError(f"tails: found {tails!r}, expected 1 or 2")
    if df is not None and not df > 0:
        raise DataError(f"df: found {df!r}, expected a positive number of degrees of freedom")
    one_tail = ndtr(-abs(t)) if df is None else stdtr(df, -abs(t))
    return float(tails * one_tail)


def critical_ratio(p: float, df: float | None = None, tails: int = 2) -> float:
    """Ratio of estimate to standard error that `p_value` takes to `p`.

    Parameters
    ----------
    p : float
        A probability of at most 0.5 a tail.
    df, tails
        As in `p_value`.

    Returns
    -------
    float

    Examples
    --------
    >>> round(critical_ratio(0.05), 2), round(critical_ratio(0.01, df=138, tails=1), 3)
    (1.96, 2.354)
    """
    from scipy.special import ndtri, stdtrit

    return float(-ndtri(p / tails) if df is None else -stdtrit(df, p / tails))


def upper_f(f: float, df1: int, df2: int) -> float:
    """Probability that a classical F with `df1` and `df2` degrees of freedom is at least `f`.

    Examples
    --------
    >>> round(upper_f(2.33, 12, 137), 4)
    0.0096
    """
    from scipy.special import fdtrc

    return 0.0 if math.isinf(f) else float(fdtrc(df1, df2, f))


def critical_f(p: float, df1: int, df2: int) -> float:
    """F that `upper_f` takes to `p`.

    Examples
    --------
    >>> round(critical_f(0.05, 12, 137), 2)
    1.82
    """
    from scipy.special import fdtri

    return float(fdtri(df1, df2, 1 - p))


def stars(p: float, levels: Mapping[str, float]) -> str:
    """Symbol of the smallest level that `p` reaches.

    Parameters
    ----------
    p : float
    levels : mapping of str to float
        Symbol to level, e.g. ``{"+": 0.10, "*": 0.05, "**": 0.01}``; a level is reached when ``p <= level``.

    Returns
    -------
    str
        The symbol; the empty string where no level is reached.

    Examples
    --------
    >>> levels = {"+": 0.10, "*": 0.05, "**": 0.01}
    >>> [stars(p, levels) for p in (0.2, 0.0547, 0.05, 0.001)]
    ['', '+', '*', '**']
    """
    reached = [(level, symbol) for symbol, level in levels.items() if p <= level]
    return min(reached)[1] if reached else ""
