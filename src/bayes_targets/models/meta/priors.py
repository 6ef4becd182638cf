"""Priors of several evaluations, and the steps of a selection by p-values: none has a unit of its own."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, require_number, shown
from ...priors import Beta, HalfCauchy, HalfNormal, Normal, Prior, require_prior

FloatArray = NDArray[np.float64]
SIDES = ("one", "two")
# Below this a stated weight of publication is taken as this.
SMALLEST_WEIGHT = 0.01
# Widths of default priors: of an effect, in units of the one hoped for, or of the size of the estimates and their errors (WIDE); of a
# spread, in these. A spread is wide at ten times their size: more would only move mass to where no effect can be.
_HOPED_WIDTH, WIDE, _WIDE_SPREAD = 5.0, 1000.0, 10.0
_SUPPORT = {
    "mu": "real",
    "tau": "positive",
    "tau_within": "positive",
    "coefficient": "real",
    "slope": "positive",
    "weight": "share",
}


@dataclass(frozen=True)
class MetaPriors:
    """Priors of `meta_model`, on the table's own scale (logs for ratios); what is None is taken from the table, see there.

    Attributes
    ----------
    mu : Prior, float or None
        Mean of the true effects; a number is a point, such as ``0.0`` for no effect on average. With ``pooling="none"``
        the prior of each effect.
    tau : Prior, float or None
        Standard deviation of the true effects (of the groups' means, with a group); ``0.0`` for equal effects.
    tau_within : Prior, float or None
        Standard deviation of the true effects within a group.
    coefficient : Prior or None
        Change of the effect for one standard deviation of a moderator.
    weight : Beta, float, tuple of float or None
        Probability of publication in each bin of p-values relative to the bin before. None is a cumulative Dirichlet
        distribution with all parameters 1: uniform with one step. Numbers are stated weights relative to the most
        significant bin, in order of p; below 0.01 they are taken as 0.01.
    slope : Prior or None
        Slope of the estimate on its standard error (``"pet"``) or its variance (``"peese"``), towards the favourable side,
        0 or more. None is ``HalfCauchy(1)``, for ``"peese"`` divided by the median standard error.

    Examples
    --------
    >>> from bayes_targets.priors import HalfNormal, Normal
    >>> print(MetaPriors(mu=Normal(0, 1), tau=HalfNormal(0.5)).tau)
    HalfNormal(0.5)
    """

    mu: Prior | float | None = None
    tau: Prior | float | None = None
    tau_within: Prior | float | None = None
    coefficient: Prior | None = None
    weight: Beta | float | tuple[float, ...] | None = None
    slope: Prior | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or isinstance(value, Prior):
                continue
            name = f"MetaPriors, {field.name}"
            if field.name in ("coefficient", "slope"):
                raise DataError(f"{name}: found {value!r}, expected a prior such as bt.Normal(0, 1)")
            numbers = value if field.name == "weight" and isinstance(value, tuple) else (value,)
            if not numbers:
                raise DataError(f"{name}: found {value!r}, expected a prior or numbers")
            for number in numbers:
                require_number(name, number, expected="a prior or a finite number")
            if field.name != "mu" and min(numbers) < 0:
                raise DataError(f"{name}: found {value!r}, expected 0 or more")
            if field.name == "weight" and max(numbers) > 1:
                raise DataError(f"{name}: found {value!r}, expected a probability relative to 1")


@dataclass(frozen=True)
class Steps:
    """Publication depends on the p-value, in steps: those between two cuts are equally likely to be printed.

    Parameters
    ----------
    cuts : tuple of float
        P-values at which the probability of publication falls, increasing; one-sided 0.025 is two-sided 0.05 on the
        favourable side.
    side : {"one", "two"}
        Whether only favourable results are preferred (p one-sided, towards `better`), or any significant ones.

    Examples
    --------
    >>> Steps((0.025, 0.05))
    Steps(cuts=(0.025, 0.05), side='one')
    """

    cuts: tuple[float, ...]
    side: str = "one"

    def __post_init__(self) -> None:
        try:
            cuts = tuple(np.ravel(np.asarray(self.cuts, dtype=float)).tolist())
        except (TypeError, ValueError):
            cuts = ()
        if not cuts or any(not 0 < cut < 1 for cut in cuts) or list(cuts) != sorted(set(cuts)):
            raise DataError(
                f"Steps: cuts are {shown(self.cuts)}, expected increasing p-values between 0 and 1, such as (0.025,)"
            )
        object.__setattr__(self, "cuts", cuts)
        if self.side not in SIDES:
            raise DataError(f"Steps: side is {self.side!r}, expected 'one' or 'two'")

    @property
    def labels(self) -> list[str]:
        """The bins after the most significant one, in order of p."""
        ends = [f"{cut:g}" for cut in self.cuts]
        return [f"{low} < p < {high}" for low, high in itertools.pairwise(ends)] + [f"p > {ends[-1]}"]


def resolved(
    given: MetaPriors | None,
    *,
    hoped: float | None,
    n: int | None,
    estimate: FloatArray,
    se: FloatArray,
    selection: Any,
) -> tuple[MetaPriors, dict[str, str]]:
    """Priors without a gap, and where each comes from: "given", "hoped", "n" or "table" (too wide for evidence)."""
    priors = given or MetaPriors()
    source, spread, tau = default_widths(hoped, estimate, se)
    if hoped is None and n is not None:
        # Unit information: the s.d. of one case, from all cases and the precision of all studies (Röver et al. 2021).
        source, spread = "n", float(math.sqrt(n / np.sum(se**-2.0)))
        tau = 0.25 * spread
    defaults: dict[str, Any] = {
        "mu": Normal(0.0, spread),
        "tau": HalfNormal(tau),
        "tau_within": HalfNormal(tau),
        "coefficient": Normal(0.0, spread),
        "slope": HalfCauchy(1.0 / float(np.median(se)) if selection == "peese" else 1.0),
    }
    missing = {name: prior for name, prior in defaults.items() if getattr(priors, name) is None}
    sources = {name: source if name in missing else "given" for name in defaults if name != "slope"}
    filled = replace(priors, **missing)
    for name, support in _SUPPORT.items():
        prior = getattr(filled, name)
        if isinstance(prior, Prior):
            require_prior(name, prior, support, proper=name == "weight")
    return filled, sources


def default_widths(hoped: float | None, estimate: FloatArray, se: FloatArray) -> tuple[str, float, float]:
    """Where default priors come from, and the widths of those of an effect and of a spread, without a number of cases."""
    if hoped is not None:
        return "hoped", _HOPED_WIDTH * abs(hoped), 0.5 * _HOPED_WIDTH * abs(hoped)
    size = float(np.sqrt(np.mean(estimate**2 + se**2)))
    return "table", WIDE * size, _WIDE_SPREAD * size


def is_point(prior: object) -> bool:
    """Whether a prior is a number rather than a distribution."""
    return not isinstance(prior, Prior)
