"""How a reconstruction compares with what is printed, computed afresh from its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DataError
from ...readers.cells import Number, plain_decimal
from ...readers.package import Study
from .publication import Described, FloatArray, Publication, Regression, read_publication
from .statistics import ols_statistics


@dataclass(frozen=True)
class _Line:
    statistic: str
    printed: str
    low: float
    high: float
    values: FloatArray


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
    ensemble = datasets if "dataset" in datasets.dims else datasets.expand_dims("dataset")
    if ensemble.attrs.get("origin") != "reconstructed":
        raise DataError(f"datasets: origin is {ensemble.attrs.get('origin')!r}, expected a reconstruction")
    absent = [term for term in publication.controls if term not in ensemble["control"].values]
    if absent:
        raise DataError(f"datasets: no control {absent[0]!r}, which {study.name!r} has")
    tolerance = float(ensemble.attrs.get("tolerance", 0.0))
    lines = [*_counts(ensemble, publication), *_descriptives(ensemble, publication)]
    departure = 0.0
    for regression in publication.regressions:
        found = list(_regression(ensemble, publication, regression, tolerance))
        lines += found
        departure = max(departure, _departure(found))
    table = pd.DataFrame([_row(line) for line in lines])
    table.attrs = {
        "origin": "reconstructed",
        "tolerance": tolerance,
        "standard_errors": "HC1",
        "n_datasets": int(ensemble.sizes["dataset"]),
        "largest_se_departure": departure,
    }
    return table


def _row(line: _Line) -> dict[str, object]:
    inside = (line.values >= line.low) & (line.values <= line.high)
    agrees = (
        "yes" if inside.all() else "no" if not inside.any() else f"{100 * inside.mean():.0f}% of data sets"
    )
    return {
        "statistic": line.statistic,
        "printed": line.printed,
        "reconstructed_mean": float(line.values.mean()),
        "reconstructed_low": float(line.values.min()),
        "reconstructed_high": float(line.values.max()),
        "agrees": agrees,
    }


def _count(name: str, printed: int, values: np.ndarray) -> _Line:
    return _Line(name, str(printed), printed, printed, np.atleast_1d(values).astype(float))


def _counts(ensemble: xr.Dataset, publication: Publication) -> Iterator[_Line]:
    size = ensemble.sizes["dataset"]
    yield _count("Authorities", publication.n, np.full(size, ensemble.sizes["authority"]))
    for name, count in publication.types.items():
        found = int((ensemble["authority_type"] == name).sum())
        yield _count(f"Authorities of type {name}", count, np.full(size, found))
    yield _count(
        "Authorities with a target", publication.n_target, ensemble["target"].sum("authority").values
    )
    if publication.stretch is not None:
        stretch = ensemble["stretch"]
        yield _count(
            "Authorities with known stretch", publication.n_known, stretch.notnull().sum("authority").values
        )
        stray = ((ensemble["target"] == 0) & (stretch != 0)).sum("authority").values
        yield _count("Stretch other than 0 without a target", 0, stray)


def _descriptives(ensemble: xr.Dataset, publication: Publication) -> Iterator[_Line]:
    """Mean, min, max and s.d., unlogged where the table of descriptive statistics is."""
    found: dict[str, tuple[Described, FloatArray]] = {
        "target": (publication.target, ensemble["target"].values),
        "outcome": (publication.outcome, ensemble["outcome"].values),
        "baseline": (publication.baseline, ensemble["baseline"].values),
    }
    if publication.stretch is not None:
        found["stretch"] = (publication.stretch, ensemble["stretch"].values)
    controls = {**publication.measured, **publication.binary}
    for term in publication.controls:
        described = controls[term]
        values = ensemble["controls"].sel(control=term).values
        found[term] = (described, np.exp(values) if described.logged else values)
    for described, values in found.values():
        for name, printed, statistic in (
            ("mean", described.mean, np.nanmean(values, axis=1)),
            ("min", described.low, np.nanmin(values, axis=1)),
            ("max", described.high, np.nanmax(values, axis=1)),
            ("s.d.", described.sd, np.nanstd(values, axis=1, ddof=1)),
        ):
            yield _Line(f"{described.name}, {name}", printed.text, printed.low, printed.high, statistic)


def _regression(
    ensemble: xr.Dataset, publication: Publication, regression: Regression, tolerance: float
) -> Iterator[_Line]:
    fits = [_fit(ensemble.isel(dataset=i), publication, regression) for i in range(ensemble.sizes["dataset"])]
    at = f"Model {regression.model}"

    def line(name: str, printed: Number, key: str, slack: float = 0.0) -> _Line:
        spare = slack * abs(printed.value)
        values = np.array([fit[key] for fit in fits])
        return _Line(f"{at}, {name}", printed.text, printed.low - spare, printed.high + spare, values)

    for i, term in enumerate(regression.terms):
        label = "" if term == publication.constant else ", slope"
        yield line(f"{term}{label}", regression.estimates[term], f"slope {i}")
        yield line(f"{term}, robust s.e.", regression.errors[term], f"se {i}", tolerance)
    yield line("R²", regression.r2, "r2")
    if regression.f is not None:
        yield line("F", regression.f, "f", tolerance)
    yield _count(f"{at}, N", regression.n, np.array([fit["n"] for fit in fits]))


def _fit(one: xr.Dataset, publication: Publication, regression: Regression) -> Mapping[str, float]:
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
    change = one["change"].to_numpy()
    values = ols_statistics(np.column_stack(columns), change)
    names = [f"{what} {i}" for what in ("slope", "se") for i in range(len(columns))]
    return dict(zip([*names, "r2", "f", "n"], [*values.tolist(), float(len(change))], strict=True))


def _departure(lines: list[_Line]) -> float:
    """Largest relative distance of a standard error from its own rounding range."""
    largest = 0.0
    for line in lines:
        if line.statistic.endswith("robust s.e."):
            printed = plain_decimal(line.printed)
            outside = np.abs(np.clip(line.values, printed.low, printed.high) - line.values)
            largest = max(largest, float(outside.max()) / printed.value)
    return largest
