"""Tables of counts that a printed one may have been meant to be: same rows, the margins it should have had."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean


def nearest_tables(counts: xr.Dataset, totals: Mapping[str, int]) -> xr.Dataset:
    """All tables with the same rows and other status totals that the fewest moves of targets reach.

    Table 2 of ODPM (2005), chapter 8, adds up to 61 green, 55 amber and 39 red targets, Tables 1 and 3 of the
    same targets to 63, 56 and 36: three targets stand as red that should be green (two) and amber (one). Each
    of the 44 local and 111 national ones may be among them, which leaves six tables.

    Parameters
    ----------
    counts : xarray.Dataset
        From `read_counts`.
    totals : mapping of str to int
        What each status should add up to; together as many targets as the table has.

    Returns
    -------
    xarray.Dataset
        ``count (table, area, status)``, ``weight (table)``, coords as before and ``table`` in words (what is
        moved where). Weights add up to 1: they are the probabilities of the tables if every way to pick the
        misplaced targets and to place them were equally probable. Each ``isel(table=i)`` goes into
        `success_model`.

    Raises
    ------
    DataError
        If a status is missing or unknown, or the totals are negative or of another number of targets.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayes_targets.readers.counts import read_counts
    >>> printed = pd.DataFrame({"area": ["national", "local"], "green": [3, 2], "red": [3, 1]})
    >>> tables = nearest_tables(read_counts(printed), {"green": 6, "red": 3})
    >>> tables["table"].values.tolist(), tables["weight"].values.tolist()
    (['local: red -1, green +1', 'national: red -1, green +1'], [0.25, 0.75])
    """
    values = counts["count"].transpose("area", "status").to_numpy()
    statuses = [str(status) for status in counts["status"].to_numpy()]
    areas = [str(area) for area in counts["area"].to_numpy()]
    for status in totals:
        if status not in statuses:
            raise DataError(f"totals: no status {status!r}, {did_you_mean(status, statuses)}")
    for status in statuses:
        if totals.get(status, -1) < 0:
            found = totals.get(status, "nothing")
            raise DataError(f"totals, status {status!r}: found {found}, expected a whole number of 0 or more")
    wanted = np.array([totals[status] for status in statuses])
    if wanted.sum() != values.sum():
        raise DataError(f"totals: add up to {wanted.sum()}, expected the table's {values.sum()} targets")
    moves = list(_moves(values, wanted - values.sum(axis=0)))
    ways = np.array([_ways(values, move) for move in moves], dtype=float)
    data = xr.Dataset(
        {
            "count": (("table", "area", "status"), values + np.array(moves)),
            "weight": ("table", ways / ways.sum()),
        },
        coords={
            "table": np.array([_in_words(move, areas, statuses) for move in moves], dtype=str),
            "area": counts["area"],
            "status": counts["status"],
        },
        attrs=dict(counts.attrs),
    )
    # Covariates describe the areas, whichever table is the right one.
    return data.assign({name: counts[name] for name in counts.data_vars if name != "count"})


def _moves(values: NDArray[np.int64], change: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Changes of cells that leave rows as they are, and of which each status takes part in one direction only."""
    spreads = [list(_spread(int(abs(step)), len(values))) for step in change]
    for chosen in itertools.product(*spreads):
        move = np.sign(change) * np.array(chosen).T
        if not move.sum(axis=1).any() and (values + move >= 0).all():
            yield move


def _spread(number: int, rows: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a number as an ordered sum of so many whole numbers of 0 or more."""
    if rows == 1:
        yield (number,)
        return
    for first in range(number + 1):
        for rest in _spread(number - first, rows - 1):
            yield (first, *rest)


def _ways(values: NDArray[np.int64], move: NDArray[np.int64]) -> int:
    """In how many ways the targets of a move can be picked and placed."""
    ways = 1
    for row, steps in zip(values.tolist(), move.tolist(), strict=True):
        for count, step in zip(row, steps, strict=True):
            ways *= math.comb(count, -step) if step < 0 else 1
        placed = [step for step in steps if step > 0]
        ways *= math.factorial(sum(placed)) // math.prod(math.factorial(step) for step in placed)
    return ways


def _in_words(move: NDArray[np.int64], areas: list[str], statuses: list[str]) -> str:
    parts = []
    for area, steps in zip(areas, move.tolist(), strict=True):
        named = sorted((step, status) for step, status in zip(steps, statuses, strict=True) if step)
        if named:
            parts.append(f"{area}: " + ", ".join(f"{status} {step:+d}" for step, status in named))
    return "; ".join(parts) or "as printed"
