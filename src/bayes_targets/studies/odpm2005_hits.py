"""ODPM (2005): what the report's colours say of eventual hits, and how forecasts fade."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from ..errors import DataError
from ..model import data_hash
from ..models.success.hits import StatusCalibration, eventual_hits, optimism_transition
from ..priors import Beta
from ..readers.package import Study

EARLY, LATE = "2005 finish", "2006 finish"
RED = Beta(1.0, 19.0)
HITS_METHODS = (
    "Eventual hits: each colour has one unknown chance for all its targets. Green: uniform between 75% and 100% of a "
    "full hit; amber: uniform between 50% and 75%; red: the chance of reaching even 60% of the target is Beta(1, 19), "
    "mean 5%. What no colour states is uniform: the share of misses (green, amber) that reach 60%, and the share of "
    "red targets reaching 60% that are hit. A target between 60% and 100% achieves anything between with equal "
    "probability, and is paid pro rata; below 60% nothing is paid.",
    "Optimism: the targets that end in 2006 lose the one year's optimism by which they are ahead of those that end in "
    "2005, by the posterior of the contrast. Those that end in 2005 lose none, unless said.",
)


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
