"""What a publication prints of its authorities: descriptive statistics, regressions, counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..numbers import Printed

Effect = Literal["target", "stretch"]
EFFECTS: tuple[Effect, ...] = ("target", "stretch")


@dataclass(frozen=True)
class Described:
    """One variable of the table of descriptive statistics.

    Parameters
    ----------
    name : str
        As it stands in that table.
    mean, sd, low, high : Printed
        Printed mean, standard deviation (divisor n - 1), smallest and largest value.
    n : int
        Cases that the four numbers are of.
    logged : bool
        Whether the regressions use its natural logarithm.
    """

    name: str
    mean: Printed
    sd: Printed
    low: Printed
    high: Printed
    n: int
    logged: bool = False


@dataclass(frozen=True)
class Regression:
    """One printed regression of the change in the score.

    Parameters
    ----------
    model : int
        Its number in the table.
    effect : {"target", "stretch"} or None
        Which of the two stands in it beside controls and types.
    n : int
        Cases used.
    terms : tuple of str
        The constant, the effect where there is one, the controls, the types but the reference.
    estimates, errors : mapping of str to Printed
        By term.
    r2 : Printed
    f : Printed or None
    """

    model: int
    effect: Effect | None
    n: int
    terms: tuple[str, ...]
    estimates: Mapping[str, Printed]
    errors: Mapping[str, Printed]
    r2: Printed
    f: Printed | None


@dataclass(frozen=True)
class Publication:
    """All that is printed, in the shape that a reconstruction needs.

    Parameters
    ----------
    name, citation : str
    n, n_target, n_known : int
        Authorities; those with a target; those whose stretch is known (0 without a target counts as known).
    types : mapping of str to int
        Number of authorities of each type, in the order of the table.
    reference : str
        The type without a dummy.
    constant : str
        Name of the constant's term.
    controls : tuple of str
        Terms that are neither effect, type nor constant, in the order of the regressions.
    measured : mapping of str to Described
        The controls that are not 0/1, by term.
    binary : mapping of str to Described
        The controls that are 0/1, by term.
    baseline, outcome, target : Described
    stretch : Described or None
    regressions : tuple of Regression
    extremes : tuple of (str, str, str or None)
        Authorities that the text names: group (``"toughest"`` or ``"easiest"``), name, type where it is told.
    """

    name: str
    citation: str
    n: int
    n_target: int
    n_known: int
    types: Mapping[str, int]
    reference: str
    constant: str
    controls: tuple[str, ...]
    measured: Mapping[str, Described]
    binary: Mapping[str, Described]
    baseline: Described
    outcome: Described
    target: Described
    stretch: Described | None
    regressions: tuple[Regression, ...]
    extremes: tuple[tuple[str, str, str | None], ...]

    def regression(self, effect: Effect | None) -> Regression | None:
        """The regression with this effect (None: with controls and types only), or None where there is none."""
        return next((r for r in self.regressions if r.effect == effect), None)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The types that have a dummy, in the order of the table of types."""
        return tuple(name for name in self.types if name != self.reference)


def possible_counts(variable: Described) -> list[int]:
    """Numbers of ones whose mean and standard deviation print as those of a 0/1 variable do.

    Parameters
    ----------
    variable : Described

    Returns
    -------
    list of int

    Examples
    --------
    >>> nrf = Described("NRF area", Printed(".47"), Printed(".50"), Printed("0"), Printed("1"), n=150)
    >>> possible_counts(nrf)
    [70, 71]
    """
    n = variable.n
    counts = []
    for ones in range(1, n):
        mean = ones / n
        sd = math.sqrt(mean * (1 - mean) * n / (n - 1))
        if variable.mean.low <= mean <= variable.mean.high and variable.sd.low <= sd <= variable.sd.high:
            counts.append(ones)
    return counts
