"""How a reconstruction compares with what is printed, computed afresh from its data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DataError, require_kind
from ...readers.cells import Number
from ...readers.package import Study
from .publication import FloatArray, Publication, Regression, read_publication
from .statistics import fit_robust


@dataclass(frozen=True)
class _Line:
    """One printed statistic, its value in each data set, and how far that may be beyond the rounding (relative)."""

    statistic: str
    printed: Number
    values: FloatArray
    slack: float = 0.0

    @property
    def row(self) -> dict[str, object]:
        spare = self.slack * abs(self.printed.value)
        inside = (self.values >= self.printed.low - spare) & (self.values <= self.printed.high + spare)
        some = f"{100 * inside.mean():.0f}% of data sets"
        return {
            "statistic": self.statistic,
            "printed": self.printed.text,
            "reconstructed_mean": float(self.values.mean()),
            "reconstructed_low": float(self.values.min()),
            "reconstructed_high": float(self.values.max()),
            "agrees": "yes" if inside.all() else some if inside.any() else "no",
        }

    @property
    def departure(self) -> float:
        """Largest relative distance from the rounding range."""
        outside = np.abs(np.clip(self.values, self.printed.low, self.printed.high) - self.values)
        return float(outside.max()) / self.printed.value


def reconstruction_table(datasets: xr.Dataset, study: Study) -> pd.DataFrame:
    """Compare every printed statistic with the data sets of a reconstruction.

    Parameters
    ----------
    datasets : xarray.Dataset
        As `reconstruct` gives it, or one data set of it.
    study : Study
        The study it was made from.

    Returns
    -------
    DataFrame
        A row for each printed statistic: ``statistic``, ``printed`` (as in print), ``reconstructed_mean``,
        ``reconstructed_low``, ``reconstructed_high`` (mean and range over the data sets) and ``agrees``: ``"yes"``
        where all data sets print the same, ``"no"`` where none does, else the share that does. Robust standard
        errors and F agree where they are within ``attrs["tolerance"]`` (relative) of their rounding range.
        ``attrs`` further hold ``standard_errors``, ``n_datasets`` and ``largest_se_departure``: the largest
        relative distance of a standard error from its rounding range, over terms and data sets.

    Raises
    ------
    DataError
        If the data sets are not a reconstruction, or lack a control of the study.

    Notes
    -----
    The regressions are fitted anew from the columns of the data sets, with HC1 standard errors.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> from bayes_targets.printed.reconstruction import reconstruct
    >>> study = load_study("andrews2014")
    >>> table = reconstruction_table(reconstruct(study, n_datasets=1, seed=1), study)
    >>> table.loc[table["statistic"] == "Model 2, LAA (target on), robust s.e.", ["printed", "agrees"]]
        printed agrees
    ... .659    yes
    """
    publication = read_publication(study)
    require_kind("datasets", datasets, xr.Dataset, "the data sets that reconstruct gives")
    ensemble = datasets if "dataset" in datasets.dims else datasets.expand_dims("dataset")
    if ensemble.attrs.get("origin") != "reconstructed":
        raise DataError(f"datasets: origin is {ensemble.attrs.get('origin')!r}, expected a reconstruction")
    absent = [term for term in publication.controls if term not in ensemble["control"].values]
    if absent:
        raise DataError(f"datasets: no control {absent[0]!r}, which {study.name!r} has")
    tolerance = float(ensemble.attrs.get("tolerance", 0.0))
    lines = [*_counts(ensemble, publication), *_descriptives(ensemble, publication)]
    for regression in publication.regressions:
        lines += _regression(ensemble, publication, regression, tolerance)
    table = pd.DataFrame([line.row for line in lines])
    errors = [line for line in lines if line.statistic.endswith("robust s.e.")]
    table.attrs = {
        "origin": "reconstructed",
        "tolerance": tolerance,
        "standard_errors": "HC1",
        "n_datasets": int(ensemble.sizes["dataset"]),
        "largest_se_departure": max((line.departure for line in errors), default=0.0),
    }
    return table


def _count(name: str, printed: int, values: xr.DataArray | FloatArray) -> _Line:
    return _Line(name, Number(printed, 0.0, str(printed)), np.asarray(values, dtype=float))


def _counts(ensemble: xr.Dataset, publication: Publication) -> Iterator[_Line]:
    every = np.ones(ensemble.sizes["dataset"])
    yield _count("Authorities", publication.n, every * ensemble.sizes["authority"])
    for name, count in publication.types.items():
        found = int((ensemble["authority_type"] == name).sum())
        yield _count(f"Authorities of type {name}", count, every * found)
    target = ensemble["target"]
    yield _count("Authorities with a target", publication.n_target, target.sum("authority"))
    if publication.stretch is not None:
        stretch = ensemble["stretch"]
        known = stretch.notnull().sum("authority")
        yield _count("Authorities with known stretch", publication.n_known, known)
        stray = ((target == 0) & (stretch != 0)).sum("authority")
        yield _count("Stretch other than 0 without a target", 0, stray)


def _descriptives(ensemble: xr.Dataset, publication: Publication) -> Iterator[_Line]:
    """Mean, min, max and s.d., unlogged where the table of descriptive statistics is."""
    found = [
        (publication.target, ensemble["target"].values),
        (publication.outcome, ensemble["outcome"].values),
        (publication.baseline, ensemble["baseline"].values),
    ]
    if publication.stretch is not None:
        found.append((publication.stretch, ensemble["stretch"].values))
    controls = {**publication.measured, **publication.binary}
    for term in publication.controls:
        values = ensemble["controls"].sel(control=term).values
        found.append((controls[term], np.exp(values) if controls[term].logged else values))
    for described, values in found:
        at = described.name
        yield _Line(f"{at}, mean", described.mean, np.nanmean(values, axis=1))
        yield _Line(f"{at}, min", described.low, np.nanmin(values, axis=1))
        yield _Line(f"{at}, max", described.high, np.nanmax(values, axis=1))
        yield _Line(f"{at}, s.d.", described.sd, np.nanstd(values, axis=1, ddof=1))


def _regression(
    ensemble: xr.Dataset, publication: Publication, regression: Regression, tolerance: float
) -> Iterator[_Line]:
    data_sets = [ensemble.isel(dataset=i) for i in range(ensemble.sizes["dataset"])]
    cases, fits = zip(*(_fit(one, publication, regression) for one in data_sets), strict=True)
    values, p = np.array(fits).T, len(regression.terms)
    at = f"Model {regression.model}"
    for i, term in enumerate(regression.terms):
        label = "" if term == publication.constant else ", slope"
        yield _Line(f"{at}, {term}{label}", regression.estimates[term], values[i])
        yield _Line(f"{at}, {term}, robust s.e.", regression.errors[term], values[p + i], tolerance)
    yield _Line(f"{at}, R²", regression.r2, values[2 * p])
    if regression.f is not None:
        yield _Line(f"{at}, F", regression.f, values[-1], tolerance)
    yield _count(f"{at}, N", regression.n, np.array(cases))


def _fit(one: xr.Dataset, publication: Publication, regression: Regression) -> tuple[int, FloatArray]:
    """Cases and statistics of a regression on one data set."""
    if regression.effect == "stretch":
        one = one.isel(authority=one["stretch"].notnull().values)
    columns = []
    for i, term in enumerate(regression.terms):
        if term == publication.constant:
            columns.append(np.ones(one.sizes["authority"]))
        elif regression.effect is not None and i == 1:
            columns.append(one[regression.effect].values)
        elif term in publication.controls:
            columns.append(one["controls"].sel(control=term).values)
        else:
            columns.append((one["authority_type"] == term).values.astype(float))
    return one.sizes["authority"], fit_robust(np.column_stack(columns), one["change"].to_numpy()).values
