"""One candidate data set: fixed 0/1 columns, and numbers that can be moved without leaving their printed range.

A measured variable sits between its printed minimum and maximum as ``low + (high - low) * logistic(position)``,
so that no move of its position can carry it out. Two authorities hold the minimum and the maximum themselves.
The outcome follows from the baseline and a latent change, squeezed smoothly into its printed range.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .arrays import BoolArray, FloatArray, IntArray, logistic
from .columns import Column
from .publication import Publication, Regression

# Within about this many points of the printed ends an outcome is bent back (scores differ by tenths of a point).
_BEND = 0.4


@dataclass(frozen=True, eq=False)
class World:
    """One candidate data set of n authorities; moving it gives a new one that shares what did not move.

    Parameters
    ----------
    kind : array of shape (n,)
        Index of each authority's type.
    ones : dict of str to array of shape (n,)
        Every column that does not move: 0/1 controls, type dummies, ``"target"``.
    known : array of shape (n,)
        Whether the stretch is known.
    low, high, spread, position, free, fixed : arrays of shape (n, columns)
        Ends, scale of a unit move, position, whether it may move, and the value where it may not.
    change : array of shape (n,)
        Latent percentage change.
    columns : tuple of Column
        Measured controls, baseline, outcome and, where there is one, stretch.
    values : array of shape (n, columns)
        The variables on the scale of the regressions; follows from the others.
    """

    columns: tuple[Column, ...]
    kind: IntArray
    ones: dict[str, FloatArray]
    known: BoolArray
    low: FloatArray
    high: FloatArray
    spread: FloatArray
    free: BoolArray
    fixed: FloatArray
    position: FloatArray
    change: FloatArray
    values: FloatArray

    def index(self, name: str) -> int:
        """Place of a column."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def observed_change(self) -> FloatArray:
        """Percentage change from baseline to outcome."""
        baseline, outcome = self.values[:, self.index("baseline")], self.values[:, self.index("outcome")]
        return np.asarray(100 * (outcome - baseline) / baseline)

    @property
    def unbent(self) -> FloatArray:
        """The outcome before it is squeezed into its range."""
        return np.asarray(self.values[:, self.index("baseline")] * (1 + self.change / 100))

    def moved(self, position: FloatArray, change: FloatArray) -> World:
        """The same authorities with other positions and latent changes."""
        values = np.where(self.free, self.low + (self.high - self.low) * logistic(position), self.fixed)
        world = replace(self, position=position, change=change, values=values)
        o = self.index("outcome")
        bent = bend(world.unbent, self.columns[o].low, self.columns[o].high)
        values[:, o] = np.where(self.free[:, o], bent, self.fixed[:, o])
        return world

    def step_sizes(self) -> FloatArray:
        """Derivative of each value by its position in units of its spread, shape (n, columns); 0 if not free."""
        width = np.where(self.free, self.high - self.low, 1.0)
        share = (self.values - self.low) / width
        sizes = self.spread * width * share * (1 - share) * self.free
        sizes[:, self.index("outcome")] = 0.0
        return np.asarray(sizes)


def bend(values: FloatArray, low: float, high: float) -> FloatArray:
    """Squeeze values smoothly between two ends; well inside they stay as they are.

    Examples
    --------
    >>> bend(np.array([40.0, 60, 80]), 50, 70).round(3)
    array([50., 60., 70.])
    """
    above = np.logaddexp(0, (values - low) / _BEND) - np.logaddexp(0, (values - high) / _BEND)
    return np.asarray(low + _BEND * above)


def bend_slope(values: FloatArray, low: float, high: float) -> FloatArray:
    """Derivative of `bend`."""
    return logistic((values - low) / _BEND) - logistic((values - high) / _BEND)


def design(
    world: World, regression: Regression, publication: Publication
) -> tuple[FloatArray, IntArray, BoolArray]:
    """Matrix of a regression, which of its columns can move, and the authorities used.

    Returns
    -------
    matrix : array of shape (n used, terms)
    moving : array of shape (terms,)
        Place among the world's columns; -1 for a term that is fixed.
    rows : array of shape (n,)
    """
    rows = world.known if regression.effect == "stretch" else np.ones(len(world.kind), dtype=bool)
    names = world.names
    columns, moving = [], []
    for i, term in enumerate(regression.terms):
        name = regression.effect if regression.effect is not None and i == 1 else term
        if term == publication.constant:
            columns.append(np.ones(len(world.kind)))
            moving.append(-1)
        elif name in names:
            moving.append(names.index(name))
            columns.append(world.values[:, moving[-1]])
        else:
            columns.append(world.ones[name])
            moving.append(-1)
    return np.column_stack(columns)[rows], np.array(moving), rows
