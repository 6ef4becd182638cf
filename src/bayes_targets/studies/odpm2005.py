"""ODPM (2005), National Evaluation of Local Public Service Agreements, first interim report: counts, and what colours say of hits."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from ..errors import DataError, require_choice
from ..model import Model, data_hash
from ..models.success.hits import StatusCalibration, eventual_hits, optimism_transition
from ..models.success.model import SuccessPriors, success_model
from ..priors import Beta, HalfNormal
from ..readers.counts import read_counts
from ..readers.package import Study

NAME = "odpm2005"
SHORT = "ODPM (2005), Local Public Service Agreements"
CITED = "ODPM (2005)"
TABLES = ("policy_area", "kind", "finish")
GREEN = ("green",)
NOT_RED = ("green", "amber")
EARLY, LATE = "2005 finish", "2006 finish"
RED = Beta(1.0, 19.0)
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
HITS_METHODS = (
    "Eventual hits: each colour has one unknown chance for all its targets. Green: uniform between 75% and 100% of a "
    "full hit; amber: uniform between 50% and 75%; red: the chance of reaching even 60% of the target is Beta(1, 19), "
    "mean 5%. What no colour states is uniform: the share of misses (green, amber) that reach 60%, and the share of "
    "red targets reaching 60% that are hit. A target between 60% and 100% achieves anything between with equal "
    "probability, and is paid pro rata; below 60% nothing is paid.",
    "Optimism: the targets that end in 2006 lose the one year's optimism by which they are ahead of those that end in "
    "2005, by the posterior of the contrast. Those that end in 2005 lose none, unless said.",
)


def counts(study: Study, table: str) -> xr.Dataset:
    """Targets by status in one of the three cross-tables of chapter 8, as printed.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> int(counts(load_study("odpm2005"), "policy_area")["count"].sum())
    155
    """
    return read_counts(study.tables[require_choice("table", table, TABLES)])


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


def calibration(study: Study, *, red: Beta = RED) -> dict[str, StatusCalibration]:
    """Calibration of the colours as the report prints it, with a prior where it prints none.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> chances = calibration(load_study("odpm2005"))
    >>> (chances["amber"].low, chances["amber"].high), chances["red"].of
    ((0.5, 0.75), 'reach')
    """
    result = {}
    for row in study.tables["status_meaning"].to_dict("records"):
        low, high = row["probability_low"], row["probability_high"]
        if pd.notna(high):
            result[str(row["status"])] = StatusCalibration(float(low), float(high))
        else:
            # No range is printed, only that 60% of the target is very unlikely.
            result[str(row["status"])] = StatusCalibration(0.0, 1.0, of="reach", within=red)
    return result


def optimism(finish: xr.DataTree, *, early_years: float = 0.0) -> xr.DataArray:
    """How the colours of both finish years fade: see `optimism_transition`."""
    if early_years < 0:
        raise DataError(f"early_years is {early_years}, expected 0 or more")
    years = {EARLY: early_years, LATE: early_years + 1.0}
    return optimism_transition(finish, early=EARLY, late=LATE, years=years)


def hits_by_optimism(study: Study, counts: xr.Dataset, finish: xr.DataTree) -> dict[str, xr.Dataset]:
    """Targets hit in the end, with less and less optimism in the forecasts; the same for any seed of a run."""
    chances, seed = calibration(study), int(data_hash(counts)[:8], 16)
    fading = {
        "forecasts taken at their word": None,
        "2006 finishers lose a year's optimism": optimism(finish),
        "all lose another year's optimism": optimism(finish, early_years=1.0),
    }
    return {
        name: eventual_hits(counts, chances, seed=seed, transition=transition)
        for name, transition in fading.items()
    }
