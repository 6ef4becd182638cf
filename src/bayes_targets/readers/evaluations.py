"""A table of several evaluations, one row each, becomes an `Evaluation` whose estimates are by study."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, UnclearError, did_you_mean, option, quoted, require_choice
from ..evaluation import Evaluation
from .columns import as_mapping
from .estimates import Options, as_matrix, asked_of, evaluation_of, numeric_cell, options_among
from .printed_table import PrintedTable, Sheet, read_models, sheet_of
from .table import TableOptions
from .uncertainty import figure


def read_evaluations(
    source: Any,
    *,
    better: str | None = None,
    unit: str | None = None,
    smallest: float | None = None,
    hoped: float | None = None,
    ratio: str | None = None,
    effect: str | None = None,
    continuity: float | None = None,
    moderators: str | Sequence[str] | None = None,
    group: str | None = None,
    correlation: float | None = None,
    covariance: Any = None,
    level: float | None = None,
    stars: str | Mapping[str, float] | None = None,
    tails: int | None = None,
    df: float | None = None,
    logs: str | None = None,
    incomplete: str = "refuse",
    columns: Mapping[str, str] | None = None,
    sheet: str | int | None = None,
    decimal: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    header: int | None = None,
    missing: Iterable[str] = (),
) -> Evaluation:
    r"""Read several evaluations, one row per study, ready to be pooled.

    Parameters
    ----------
    source : str, Path or DataFrame
        A CSV, TSV, Excel or Parquet file, a DataFrame, or the text of a table.
    better : {"higher", "lower"}, optional
        Which direction is favourable; it is never inferred from the numbers.
    ratio : {"odds ratio", "risk ratio", "hazard ratio", "rate ratio", "none"}, optional
        What the estimates are, or what to compute from counts, where they are ratios; estimates are then logarithms.
    effect : {"risk difference", "mean difference", "standardised difference", "Fisher z"}, optional
        What to compute from counts, means or correlations.
    moderators : str or sequence of str, optional
        Columns that describe the studies; by default every other column of numbers. An empty list is none.
    group : str, optional
        Column whose rows of the same text belong together (several estimates of one study).
    correlation : float, optional
        Known or assumed correlation of the errors within a group.
    covariance : DataFrame or matrix, optional
        Covariance of the estimates, in the order of the rows or labelled by study.
    incomplete : {"refuse", "drop"}
        What to do with studies of which no standard error is known but a bound at most, such as from "p < .05": refuse the table,
        or leave them out, which `notes` say.
    unit, smallest, hoped, continuity, level, stars, tails, df, logs, columns, sheet, decimal, separator, encoding, header, missing
        As in `read_estimates`.

    Returns
    -------
    Evaluation
        Its `estimates` are indexed by ``study``, with ``group`` and moderators as columns.

    Raises
    ------
    DataError
        If the table cannot be read, or a number in it could mean two things; the message says which option decides.

    Notes
    -----
    An estimate with any uncertainty wins over counts, means and correlations of the same row. The effects that are computed from
    these have the standard errors of the large-sample formulas (Hedges and Olkin, 1985; Borenstein et al., 2009).

    References
    ----------
    Borenstein, M., Hedges, L. V., Higgins, J. P. T. & Rothstein, H. R. (2009). Introduction to Meta-Analysis. Wiley.

    Examples
    --------
    >>> text = "study,events_treated,n_treated,events_control,n_control\nAronson,4,123,11,139\nHart,62,13598,248,12867\n"
    >>> read_evaluations(text, ratio="risk ratio", better="lower").estimates[["estimate", "se"]].round(3)
             estimate     se
    study
    Aronson    -0.889  0.571
    Hart       -1.442  0.141
    """
    given = options_among(locals())
    page = sheet_of(source, TableOptions(separator, decimal, encoding, header, sheet, missing))
    asked = asked_of(given, page)
    renamed = as_mapping(columns, "columns")
    if asked.group is not None:
        renamed |= {asked.group: "group"}
    try:
        models = read_models(page, renamed, asked.brackets, asked.level, "study")
        if len(models) > 1:
            names = quoted(model.heading for model in models)
            raise DataError(f"{page.label}: found several models ({names}), expected one row per study")
        model, asked = _without_pooled(models[0], asked, page)
        model, columns_of_numbers = _moderators(model, asked, page.label)
        read = evaluation_of(model, replace(asked, covariance=None), page, "study")
    except UnclearError as error:
        error.said = asked.said
        raise
    estimates, left_out = _complete(
        read.estimates.assign(**columns_of_numbers), model, incomplete, page.label
    )
    if left_out.any() and asked.covariance is not None:
        asked = replace(asked, covariance=_without(asked.covariance, read.estimates.index, left_out))
    known, words = _covariance(estimates, asked, page.label)
    if left_out.any():
        names = ", ".join(read.estimates.index[left_out])
        words = [f"Left out, as no standard error is known of them: {names}.", *words]
    return replace(
        read,
        estimates=estimates,
        printed=read.printed.loc[~left_out],
        covariance=known,
        moderators=tuple(columns_of_numbers),
        notes=tuple(dict.fromkeys((*read.notes, *words))),
    )


_POOLED = re.compile(
    r"(?:pooled|overall|summary|(?:sub-?)?total|combined|average|mean|all studies|meta[- ]?analysis|"
    r"(?:random|fixed|common)[- ]effects?(?: model)?|(?:re|fe) model)"
    r"(?: (?:effect|estimate|result|mean|average))?(?: \(.*\))?",
    re.IGNORECASE,
)


def _without_pooled(model: PrintedTable, asked: Options, page: Sheet) -> tuple[PrintedTable, Options]:
    """The studies without a row of their pooled result, which a table for a forest plot has at its foot."""
    named = [row for row in model.rows if _POOLED.fullmatch(row.term.strip(" :."))]
    if not named or len(model.rows) < 3:
        return model, asked
    read = evaluation_of(model, replace(asked, covariance=None), page, "study").estimates
    terms = [row.term for row in named]
    others = read.drop(terms)
    for row in named:
        estimate, se = read.loc[row.term, ["estimate", "se"]].to_numpy(float)
        within = others["estimate"].min() <= estimate <= others["estimate"].max()
        if not (within and se < others["se"].median()):
            raise DataError(
                f"{page.label}, row {row.row}, column 'study': found {row.term!r}, expected a study, and this is called as a pooled "
                "result is; take the row out, or give it another name"
            )
    kept = tuple(row for row in model.rows if row not in named)
    note = f"Not read as a study, as it is a pooled result by its name and its numbers: {', '.join(terms)}."
    return replace(model, rows=kept), replace(asked, note=(*(asked.note or ()), note))


def _complete(
    estimates: pd.DataFrame, model: PrintedTable, incomplete: str, label: str
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """The studies with a standard error, and which rows have none; these are refused unless they are to be left out."""
    require_choice("incomplete", incomplete, ("refuse", "drop"))
    lacking = estimates["se"].isna().to_numpy()
    if lacking.all():
        raise DataError(f"{label}: no study has a standard error, expected one of each")
    if incomplete == "drop" or not lacking.any():
        return estimates.loc[~lacking], lacking
    numbers = {row.term: row.row for row in model.rows}
    rows = [
        f"row {numbers[str(name)]} ({name}: {_bound(row['se_high'], row['se_from'])})"
        for name, row in estimates.loc[lacking].iterrows()
    ]
    raise DataError(
        f"{label}: no standard error is known of {'; '.join(rows[:10])}{'; ...' if len(rows) > 10 else ''}; expected one of every study "
        f"that is pooled: give it, or leave such rows out ({option('incomplete', 'drop')}), which favours what was printed in full"
    )


def _bound(high: float, origin: str) -> str:
    return f"at most {high:.3g}, {origin}" if np.isfinite(high) else origin


def _without(matrix: Any, studies: pd.Index[Any], left_out: NDArray[np.bool_]) -> Any:
    """A covariance, labelled or in the order of the rows, without some studies."""
    kept = np.flatnonzero(~left_out)
    if isinstance(matrix, pd.DataFrame):
        names = [label for label in studies[left_out] if label in matrix.index and label in matrix.columns]
        return matrix.drop(index=names, columns=names)
    values = as_matrix(matrix)
    return values[np.ix_(kept, kept)] if values.shape == (len(left_out),) * 2 else matrix


def _moderators(
    model: PrintedTable, asked: Options, label: str
) -> tuple[PrintedTable, dict[str, list[float]]]:
    """Columns that describe the studies, as numbers; the model without them among its unused columns."""
    names = list(model.unused)
    if asked.moderators is not None:
        for name in asked.moderators:
            if name not in names:
                raise DataError(
                    f"{label}: no column {name!r} ({option('moderators')}); {did_you_mean(name, names)}"
                )
        names = list(asked.moderators)
    else:
        names = [name for name in names if not _is_another_effect(name) and _is_numeric(model, name)]
    clash = [
        name
        for name in names
        if name in ("estimate", "se", "se_low", "se_high", "se_from", "df", "group", "scale")
    ]
    if clash:
        raise DataError(
            f"{label}: a moderator is called {clash[0]!r}, which is a column of the estimates; expected another name"
        )
    found = {name: [numeric_cell(row, name, row.others[name], label) for row in model.rows] for name in names}
    for name, values in found.items():
        if asked.moderators is not None and not np.isfinite(values).all():
            row = model.rows[int(np.flatnonzero(~np.isfinite(values))[0])]
            raise DataError(
                f"{label}, row {row.row}, column {name!r}: found nothing, expected a number for every study"
            )
    return replace(model, unused=tuple(name for name in model.unused if name not in found)), found


def _is_another_effect(name: str) -> bool:
    """Whether a column is another effect or its standard error by its name, which describes no study."""
    words = name.lower().replace("_", " ").replace(".", " ").split()
    return bool({"se", "d", "g", "smd", "var", "ci"} & set(words))


def _is_numeric(model: PrintedTable, name: str) -> bool:
    """Whether every study has a number in a column."""
    return all(figure(row.others[name]) is not None for row in model.rows)


def _covariance(estimates: pd.DataFrame, asked: Options, label: str) -> tuple[pd.DataFrame | None, list[str]]:
    """Covariance as given, or from a correlation within groups."""
    index, se = estimates.index, estimates["se"].to_numpy(float)
    if asked.covariance is not None:
        values, words = (
            _given(asked.covariance, index, se, label),
            "The covariance of the estimates is given.",
        )
    elif asked.correlation is not None:
        values = _within_groups(estimates, se, asked.correlation, label)
        words = f"Errors within a group are taken to correlate by {asked.correlation:g}."
    else:
        return None, []
    return pd.DataFrame(values, index=index, columns=index), [words]


def _given(matrix: Any, index: pd.Index[Any], se: NDArray[np.float64], label: str) -> NDArray[np.float64]:
    """A covariance in the order of the rows, once it is one, and that of these estimates."""
    if isinstance(matrix, pd.DataFrame):
        matrix = matrix.set_axis(matrix.index.astype(str)).set_axis(matrix.columns.astype(str), axis=1)
        if set(matrix.index) != set(index) or set(matrix.columns) != set(index):
            raise DataError(
                f"{label}: the labels of covariance are not the studies of the table, expected each study once"
            )
        matrix = matrix.loc[index, index]
    values, n = as_matrix(matrix), len(index)
    symmetric = values.shape == (n, n) and np.isfinite(values).all() and np.allclose(values, values.T)
    if not symmetric or np.linalg.eigvalsh(values).min() <= 0:
        raise DataError(
            f"{label}: covariance is no symmetric, positive definite matrix of {n} by {n} numbers"
        )
    if not np.allclose(np.sqrt(np.diag(values)), se, rtol=0.05):
        raise DataError(
            f"{label}: the diagonal of covariance does not agree with the standard errors, expected their squares"
        )
    return values


def _within_groups(
    estimates: pd.DataFrame, se: NDArray[np.float64], correlation: float, label: str
) -> NDArray[np.float64]:
    """The covariance of errors that correlate alike within every group."""
    if not -1 < correlation < 1:
        raise DataError(f"correlation is {correlation:g}, expected a number between -1 and 1")
    if "group" not in estimates.columns:
        raise DataError(
            f"{label}: a correlation is given and no groups; expected a column 'group' or {option('group')}"
        )
    groups = estimates["group"].to_numpy()
    same = (groups[:, None] == groups[None, :]) & (groups != "")[:, None]
    values: NDArray[np.float64] = np.where(same, correlation, 0.0) * np.outer(se, se)
    np.fill_diagonal(values, se**2)
    if np.linalg.eigvalsh(values).min() <= 0:
        raise DataError(
            f"correlation is {correlation:g}, which is impossible in groups of this size; expected one nearer 0"
        )
    return values
