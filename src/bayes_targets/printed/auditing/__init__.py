"""Arithmetic and logic that printed tables must obey, checked over the rounding of every printed number.

Each table of a study is checked by its role. A check compares what is printed with what the other printed
numbers imply, not at the printed values but for all values that would print the same: an inconsistency stands
only where no unrounded number could give what is printed.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from ...evaluation import Evaluation
from ..table import HasTables, Tables, tables_of
from .counts import check_counts
from .descriptives import check_descriptives
from .estimates import check_estimates
from .findings import Check
from .fit import check_regression_fit
from .regression import check_regression
from .shares import check_bases, check_shares

__all__ = ["audit"]

_CHECKS: dict[str, Callable[[str, Tables], list[Check]]] = {
    "descriptives": check_descriptives,
    "regression": check_regression,
    "regression_fit": check_regression_fit,
    "counts": check_counts,
    "shares": check_shares,
    "bases": check_bases,
}


def audit(study: HasTables | Evaluation) -> pd.DataFrame:
    """Check every table of a study against the arithmetic and logic it must obey.

    Parameters
    ----------
    study : Study or Evaluation
        An evaluation's slopes, standard errors, t, p, intervals and stars are held against one another. Of a study, or anything
        with `name` and `tables`, each table's ``attrs["role"]`` (``"descriptives"``, ``"regression"``, ``"regression_fit"``,
        ``"counts"``, ``"shares"``, ``"bases"``) decides its checks, and a table of another role is passed over.

    Returns
    -------
    DataFrame
        One row per check, in the order of the tables, all text:

        ``check``
            What is checked.
        ``locator``
            Where the figures stand in print.
        ``printed``
            The figures, as printed.
        ``recomputed``
            What the other printed figures imply, with the interval over their rounding.
        ``verdict``
            ``consistent``: some unrounded values satisfy the check (for a star: all of them give it);
            ``inconsistent``: none does; or ``only if …``, with the condition in words. For an evaluation also ``not checked: …``,
            with what is missing.

    Raises
    ------
    DataError
        If a table lacks a column or a property that its role promises, or holds a cell that cannot be read.

    Notes
    -----
    The rounding box of a check is the product of the rounding intervals of its printed inputs. Nearly every
    quantity recomputed here is monotone in each input over the box, so that its extremes lie at corners. The
    exceptions are variances as functions of the mean, concave or convex with a turning point half way between
    the ends: they are taken at the point of the interval nearest to it. Counts and percentages are compared
    in exact fractions.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> table = pd.DataFrame({"area": ["North"], "green": [7], "red": [3], "total": [11]})
    >>> table.attrs = {"role": "counts", "label": "area", "statuses": ["green", "red"], "total": "total"}
    >>> audit(SimpleNamespace(name="mine", tables={"areas": table}))[["printed", "recomputed", "verdict"]]
                printed recomputed       verdict
    0  7 / 3, total 11     sum 10  inconsistent
    """
    checks: list[Check] = []
    if isinstance(study, Evaluation):
        checks = check_estimates(study)
    else:
        tables = tables_of(study)
        for name, table in tables.items():
            check_table = _CHECKS.get(str(table.attrs.get("role")))
            if check_table is not None:
                checks += check_table(name, tables)
    # A lone surrogate in a cell has no place in a table that is to be written.
    rows = [[text.encode("utf-8", "replace").decode() for text in check] for check in checks]
    return pd.DataFrame(rows, columns=list(Check._fields), dtype=str)
