"""ODPM (2005), National Evaluation of Local Public Service Agreements, first interim report."""

from __future__ import annotations

import xarray as xr

from ..errors import DataError, did_you_mean
from ..model import Model
from ..models.success.model import SuccessPriors, success_model
from ..priors import HalfNormal
from ..readers.counts import read_counts
from ..readers.package import Study

NAME = "odpm2005"
SHORT = "ODPM (2005), Local Public Service Agreements"
CITED = "ODPM (2005)"
TABLES = ("policy_area", "kind", "finish")
GREEN = ("green",)
NOT_RED = ("green", "amber")
METHODS = (
    "The number of targets on course in an area is binomial. With partial pooling the areas' log-odds are drawn from a normal "
    "distribution with mean Normal(0, 1.5) and standard deviation HalfNormal(1); without pooling each area's log-odds are "
    "Normal(0, 1.5); with complete pooling all areas share one.",
)
LIMITS = (
    "Whether targets were hit: the colours are the authorities' own forecasts of 2004, and the report itself doubts that they are "
    "consistent between authorities.",
    "Whether the agreements were the cause of any success: there is no comparison with targets outside them.",
    "How targets of one authority hang together: the tables do not cross authorities, so all 155 targets count as independent, "
    "and the intervals are if anything too narrow.",
)
TERMS = (
    (
        "LPSA:",
        "a Local Public Service Agreement, in which an authority promised central government tougher targets for a reward. The study has "
        "155 of these targets.",
    ),
    (
        "On course (green):",
        "the authority itself gave the target a chance of more than 75% of being hit in full.",
    ),
)
MARGINS_LIMIT = (
    "The table by kind of target prints 61 green, 55 amber and 39 red, the others 63, 56 and 36: three targets are misplaced "
    "somewhere. Each table is taken as printed."
)


def counts(study: Study, table: str) -> xr.Dataset:
    """Targets by status in one of the three cross-tables of chapter 8, as printed.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> int(counts(load_study("odpm2005"), "policy_area")["count"].sum())
    155
    """
    if table not in TABLES:
        raise DataError(f"table is {table!r}, {did_you_mean(table, list(TABLES))}")
    return read_counts(study.tables[table])


def sceptical_models(study: Study) -> dict[str, Model]:
    """The posteriors that the claims are about, for a reader who doubts that groups of targets differ much."""
    priors = SuccessPriors(tau=HalfNormal(0.25))
    wanted = {
        "area_green": ("policy_area", GREEN),
        "area_not_red": ("policy_area", NOT_RED),
        "kind_green": ("kind", GREEN),
        "kind_not_red": ("kind", NOT_RED),
        "finish_green": ("finish", GREEN),
    }
    return {
        name: success_model(counts(study, table), success=success, priors=priors)
        for name, (table, success) in wanted.items()
    }
