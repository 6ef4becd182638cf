"""Real covariates that a user hands over in place of simulated ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...errors import DataError, cell_message, did_you_mean
from ...readers.design_matrix import dependent_columns
from .arrays import FloatArray
from .predictors import Given
from .publication import Publication

_FRAME = "covariates"


def no_covariates(publication: Publication) -> Given:
    """Nameless authorities, type by type in the order of the table of types.

    Parameters
    ----------
    publication : Publication

    Returns
    -------
    Given
    """
    digits = len(str(publication.n))
    names = tuple(f"reconstructed {i:0{digits}d}" for i in range(1, publication.n + 1))
    kind = np.repeat(np.arange(len(publication.types)), list(publication.types.values()))
    return Given(names, kind, {})


def read_covariates(publication: Publication, covariates: pd.DataFrame) -> Given:
    """Check a user's covariates and bring them to the scale of the regressions.

    Parameters
    ----------
    publication : Publication
    covariates : DataFrame
        One row an authority: ``authority``, ``authority_type`` (the publication's names of the types) and any of
        the controls, under their name in the regressions or in the table of descriptive statistics; of a
        control that the regressions log, the latter is the number itself.

    Returns
    -------
    Given

    Raises
    ------
    DataError
        If the number of rows is not N, or a column or a cell cannot be used.
    """
    if not isinstance(covariates, pd.DataFrame):
        raise DataError(f"{_FRAME}: found {type(covariates).__name__}, expected a DataFrame")
    for column in ("authority", "authority_type"):
        if column not in covariates:
            hint = did_you_mean(column, [str(name) for name in covariates.columns])
            raise DataError(f"{_FRAME}: no column {column!r}; {hint}")
    if len(covariates) != publication.n:
        raise DataError(
            f"{_FRAME}: found {len(covariates)} rows, expected {publication.n}, one for each authority of the study"
        )
    names = [str(name) for name in covariates["authority"]]
    for row, name in enumerate(names, 1):
        if name in names[: row - 1]:
            raise DataError(
                cell_message(
                    file=_FRAME, row=row, column="authority", value=name, expected="each authority once"
                )
            )
    controls = {}
    for column in covariates.columns:
        if column not in ("authority", "authority_type"):
            term, logged = _term(publication, str(column))
            if term in controls:
                raise DataError(f"{_FRAME}, column {column!r}: {term!r} is given twice")
            controls[term] = _numbers(publication, covariates[column], term, logged)
    given = Given(tuple(names), _kinds(publication, covariates["authority_type"]), controls)
    _check_rank(publication, given)
    return given


def _term(publication: Publication, column: str) -> tuple[str, bool]:
    """The control that a column is, and whether its logarithm has to be taken."""
    if column in publication.controls:
        return column, False
    for term, described in publication.measured.items():
        if described.name == column:
            return term, described.logged
    known = [*publication.controls, *(d.name for d in publication.measured.values())]
    raise DataError(f"{_FRAME}: column {column!r} is no control of the study; {did_you_mean(column, known)}")


def _kinds(publication: Publication, column: pd.Series) -> np.ndarray:
    types = list(publication.types)
    for row, name in enumerate(column, 1):
        if name not in types:
            raise DataError(
                cell_message(
                    file=_FRAME,
                    row=row,
                    column="authority_type",
                    value=name,
                    expected="one of the study's types; " + did_you_mean(str(name), types),
                )
            )
    absent = [name for name in types if name not in set(column)]
    if absent:
        raise DataError(f"{_FRAME}, column 'authority_type': no authority is a {absent[0]}")
    return np.array([types.index(name) for name in column])


def _numbers(publication: Publication, column: pd.Series, term: str, logged: bool) -> FloatArray:
    binary = term in publication.binary
    expected = "0 or 1" if binary else "a number above 0" if logged else "a number"
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = ~np.isfinite(numbers)
    if binary:
        wrong |= ~np.isin(numbers, (0.0, 1.0))
    elif logged:
        wrong |= numbers <= 0
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            cell_message(
                file=_FRAME, row=row + 1, column=str(column.name), value=column.iloc[row], expected=expected
            )
        )
    return np.asarray(np.log(numbers) if logged else numbers)


def _check_rank(publication: Publication, given: Given) -> None:
    types = list(publication.types)
    dummies = {t: (given.kind == types.index(t)).astype(float) for t in publication.contrasts}
    for name, others in dependent_columns(pd.DataFrame(dummies | dict(given.controls))).items():
        made_of = f"a linear combination of {', '.join(others)}" if others else "constant"
        raise DataError(f"{_FRAME}: control {name!r} is {made_of}; leave it out and it is simulated")
