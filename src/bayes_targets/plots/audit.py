"""The audit at a glance: how many checks of each table held."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError
from ._rows import label_rows, require_rows, row_height, text_column
from ._sheet import finish, new_figure
from ._style import AMBER, DARK, origin_of, patch_key, plain, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VERDICTS = {"consistent": ("#B8D4E8", ""), "only if": (AMBER, "////"), "inconsistent": (DARK, "")}


@styled
def plot_audit(
    audit: pd.DataFrame, *, title: str | None = None, subtitle: str | None = None, origin: str | None = None
) -> Figure:
    """Stacked bars of the verdicts: a bar for each kind of check that did not always hold, by table.

    What always held shares one bar a table, so that a reader sees what did not.

    Parameters
    ----------
    audit : pandas.DataFrame
        What :func:`bayes_targets.audit` gives: columns ``check``, ``locator`` and ``verdict``
        (``consistent``, ``inconsistent``, or a text that begins with ``only if``). The table is the locator
        up to the first number of a table, or to its first comma. A further column ``study`` keeps the
        audits of several studies apart.
    title, subtitle, origin : str, optional
        The message in at most ten words; what, where, when and of how many; where the data come from.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the frame is empty, lacks a column, or has another verdict.

    Examples
    --------
    >>> audit = pd.DataFrame(
    ...     {"check": ["stars", "stars"], "locator": ["Table 2, Model 3, age", "Table 2, Model 3, London"],
    ...      "verdict": ["consistent", "inconsistent"]})
    >>> figure = plot_audit(audit)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1 of 2 inconsistent']
    """
    from matplotlib.ticker import MaxNLocator

    require_rows(audit, ["locator", "check", "verdict"], "audit", labelled=False)
    counts = merge_consistent(count_verdicts(audit))
    total, wrong = int(counts.to_numpy().sum()), int(counts["inconsistent"].sum())
    message = (
        f"{wrong} of {total:,} checks of printed numbers do not hold"
        if wrong
        else "The printed numbers agree with one another"
    )
    labels = np.array(
        [wrapped(f"{table}: {check}" if table else check, 28) for _, table, check in counts.index]
    )
    found = np.array([_summary(row) for _, row in counts.iterrows()])
    studies = counts.index.get_level_values("study")
    parts = {study: studies == study for study in dict.fromkeys(studies)}
    figure = new_figure(row_height([*labels, *found], 1) * len(labels))
    heights = {"height_ratios": [part.sum() for part in parts.values()]}
    axes = figure.subplots(len(parts), sharex=True, squeeze=False, gridspec_kw=heights)[:, 0]
    for ax, (study, part) in zip(axes, parts.items(), strict=True):
        _draw_bars(ax, counts[part], labels[part].tolist())
        text_column(ax, found[part].tolist())
        if len(parts) > 1:
            ax.set_title(plain(study), fontweight="bold")
    axes[-1].set_xlim(0, 1.02 * counts.sum(axis=1).max())
    axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    words = {"only if": "consistent only if …"}
    return finish(
        figure,
        title or message,
        origin_of(origin, audit.attrs),
        subtitle=f"Each check over the rounding of what is printed; {total:,} checks"
        if subtitle is None
        else subtitle,
        ways="",
        xlabel="number of checks",
        handles=[
            patch_key(colour, words.get(verdict, verdict), hatch=hatch, edgecolor=DARK, linewidth=0.6)
            for verdict, (colour, hatch) in _VERDICTS.items()
        ],
    )


def count_verdicts(audit: pd.DataFrame) -> pd.DataFrame:
    """Count checks by study, table and kind of check (rows, as they first occur) and verdict (columns)."""
    for column in ("check", "locator", "verdict"):
        if column not in audit.columns:
            raise DataError(f"audit: column {column!r} is missing; found {[str(c) for c in audit.columns]}")
    if audit.empty:
        raise DataError("audit: has no rows, expected at least one check")
    verdicts = [_verdict(i, str(verdict)) for i, verdict in enumerate(audit["verdict"], start=1)]
    counts = pd.DataFrame({known: [int(verdict == known) for verdict in verdicts] for known in _VERDICTS})
    keys = {
        "study": audit["study"].astype(str).tolist() if "study" in audit else [""] * len(audit),
        "table": [_table(str(locator)) for locator in audit["locator"]],
        "check": audit["check"].astype(str).tolist(),
    }
    return counts.groupby([pd.Series(values, name=name) for name, values in keys.items()], sort=False).sum()


def merge_consistent(counts: pd.DataFrame) -> pd.DataFrame:
    """Merge the kinds of check that always held into one row for each table, below those that did not."""
    rows = []
    for (study, table), part in counts.groupby(["study", "table"], sort=False):
        held = part["consistent"] == part.sum(axis=1)
        rows.append(part[~held])
        if held.sum() == 1:
            rows.append(part[held])
        elif held.any():
            name = f"{'all' if held.all() else 'other'} checks ({held.sum()} kinds)"
            index = pd.MultiIndex.from_tuples([(study, table, name)], names=part.index.names)
            rows.append(pd.DataFrame([part[held].sum()], index=index))
    return pd.concat(rows)


def _table(locator: str) -> str:
    found = re.match(r".*?\bTable \w+", locator)
    return found.group() if found else locator.partition(",")[0].strip()


def _draw_bars(ax: Axes, counts: pd.DataFrame, labels: list[str]) -> None:
    label_rows(ax, labels)
    left = np.zeros(len(labels))
    for verdict, (colour, hatch) in _VERDICTS.items():
        widths = counts[verdict].to_numpy(dtype=np.float64)
        some = np.flatnonzero(widths)
        bars = ax.barh(
            some, widths[some], left=left[some], height=0.62, color=colour, hatch=hatch, label=verdict
        )
        for bar in bars:
            bar.set(edgecolor=DARK, linewidth=0.6)
        left += widths


def _verdict(row: int, text: str) -> str:
    for verdict in _VERDICTS:
        if text.startswith(verdict):
            return verdict
    raise DataError(f"audit, row {row}, column 'verdict': found {text!r}, expected one of {list(_VERDICTS)}")


def _summary(row: pd.Series) -> str:
    """Say in words what did not hold in a bar, since one check among many is too narrow to see."""
    words = {"inconsistent": "inconsistent", "only if": "only if …"}
    parts = [f"{row[verdict]} {word}" for verdict, word in words.items() if row[verdict]]
    if not parts:
        return f"all {row.sum()} consistent" if row.sum() > 1 else "consistent"
    first, _, rest = parts[0].partition(" ")
    return "; \n".join([f"{first} of {row.sum()} {rest}", *parts[1:]])
