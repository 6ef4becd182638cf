"""Printed numbers that contradict one another, found before a search for data would find nothing."""

from __future__ import annotations

import math

from ...errors import DataError
from .publication import Described, Publication, Regression, possible_counts


def check_publication(publication: Publication, file: str) -> None:
    """Stop at contradictions that no data set can resolve.

    Parameters
    ----------
    publication : Publication
    file : str
        Name of the table of descriptive statistics, for messages.

    Raises
    ------
    DataError
        Naming the variable or the term, and what would be possible.
    """
    if sum(publication.types.values()) != publication.n:
        found = sum(publication.types.values())
        raise DataError(f"authority_types: the counts add up to {found}, expected N = {publication.n}")
    variables = [*publication.measured.values(), publication.baseline, publication.outcome]
    for variable in [*variables, publication.stretch] if publication.stretch else variables:
        _check_moments(variable, file)
    for variable in publication.binary.values():
        if not possible_counts(variable):
            raise DataError(
                f"{file}, {variable.name!r}: no number of ones among {variable.n} has mean {variable.mean.text} "
                f"and s.d. {variable.sd.text}"
            )
    for regression in publication.regressions:
        _check_regression(publication, regression)
    _check_nesting(publication)
    missing = publication.n - publication.n_known
    if not 0 <= missing < publication.n_target - 1:
        raise DataError(
            f"{file}: stretch is known for {publication.n_known} of {publication.n}, so {missing} of the "
            f"{publication.n_target} with a target lack it; expected at least two of them to have it"
        )


def _check_moments(variable: Described, file: str) -> None:
    n, where = variable.n, f"{file}, {variable.name!r}"
    low, high, mean = variable.low.value, variable.high.value, variable.mean.value
    if not low < mean < high:
        raise DataError(f"{where}: mean {variable.mean.text} does not lie between min and max")
    if variable.logged and low <= 0:
        raise DataError(
            f"{where}: min {variable.low.text}, expected a number above 0 of a variable that is logged"
        )
    largest = math.sqrt((variable.mean.high - low) * (high - variable.mean.low) * n / (n - 1))
    rest = (n * mean - low - high) / (n - 2)
    smallest = math.sqrt(
        max(((low - mean) ** 2 + (high - mean) ** 2 + (n - 2) * (rest - mean) ** 2) / (n - 1), 0.0)
    )
    if variable.sd.low > largest or variable.sd.high < smallest * (1 - 1e-3):
        raise DataError(
            f"{where}: s.d. {variable.sd.text} is impossible; with this mean, min, max and n = {n} it lies "
            f"between {smallest:.4g} and {largest:.4g}"
        )


def _check_regression(publication: Publication, regression: Regression) -> None:
    where = f"ols, model {regression.model}"
    expected = publication.n_known if regression.effect == "stretch" else publication.n
    if regression.n != expected:
        raise DataError(f"{where}: N = {regression.n}, expected {expected}")
    known = {publication.constant, *publication.controls, *publication.contrasts}
    if not known <= set(regression.terms):
        raise DataError(f"{where}: no row for {sorted(known - set(regression.terms))}")
    if regression.r2.high <= 0 or regression.r2.low >= 1:
        raise DataError(f"{where}: R² is {regression.r2.text}, expected a share between 0 and 1")
    for term, error in regression.errors.items():
        if error.value <= 0:
            raise DataError(f"{where}, {term!r}: standard error {error.text}, expected a number above 0")


def _check_nesting(publication: Publication) -> None:
    """R² of the same authorities cannot fall when a term is added."""
    without = publication.regression(None)
    for regression in publication.regressions:
        if without is None or regression is without or regression.n != without.n:
            continue
        if regression.r2.high < without.r2.low:
            raise DataError(
                f"ols: R² is {regression.r2.text} in model {regression.model} and {without.r2.text} in model "
                f"{without.model}, which has the same cases and fewer terms; expected it not to fall"
            )
