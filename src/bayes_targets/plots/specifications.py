"""The specification curve: every specification's answer in order, and the choices that made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, did_you_mean
from ._rows import Floats, intervals, numbers, require_rows
from ._sheet import finish, new_figure
from ._style import (
    BLUE,
    DARK,
    ORANGE,
    balanced,
    direction,
    interval_words,
    origin_of,
    patch_key,
    percent,
    plain,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WORDS = {
    "partial": "partly pooled",
    "complete": "types alike",
    "none": "none",
    "common": "one slope",
    "by_type": "slope by type",
    "normal": "normal noise",
    "student_t": "Student-t noise",
    "without_extremes": "without extremes",
}


@styled
def plot_specifications(
    table: pd.DataFrame,
    *,
    choices: Sequence[str] | None = None,
    title: str | None = None,
    subtitle: str | None = None,
    ylabel: str = "slope",
    origin: str | None = None,
) -> Figure:
    """Posterior mean and interval of every specification, smallest first, above the choices that made each.

    Parameters
    ----------
    table : pandas.DataFrame
        ``Multiverse.table``: columns ``mean, low, high, prob_positive, passed`` and the choices; attrs ``interval``,
        ``prob``. Specifications that did not pass are left out, and the legend says how many.
    choices : sequence of str, optional
        Which columns to show below the curve, in this order; by default all that vary, but the data set.
    title, subtitle, ylabel, origin : str, optional
        The message in at most ten words; what, where, when and of how many; the unit; where the data come from.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If no specification passed, a column is missing, or a number is not finite.

    Examples
    --------
    >>> table = pd.DataFrame({"pooling": ["none", "partial"], "mean": [0.9, 0.7], "low": [-0.3, -0.4],
    ...                       "high": [2.1, 1.8], "prob_positive": [0.93, 0.88], "passed": [True, True]})
    >>> table.attrs = {"interval": "eti", "prob": 0.95}
    >>> len(plot_specifications(table).axes)
    2
    """
    columns = ["mean", "low", "high", "prob_positive", "passed"]
    require_rows(table, columns, "specifications", labelled=False)
    words, level = (
        interval_words(table.attrs, "specifications"),
        percent(table.attrs, "prob", "specifications"),
    )
    prob = float(table.attrs["prob"])
    shown = table[table["passed"].astype(bool)].sort_values("mean", kind="stable").reset_index(drop=True)
    if shown.empty:
        raise DataError("specifications: none passed its checks, expected at least one to draw")
    values = intervals(shown, ("mean", "low", "high"), "specifications")
    positive = numbers(shown, "prob_positive", "specifications")
    convincing = (positive > prob) | (positive < 1 - prob)
    rows = _choice_rows(shown, choices)

    ratios = [2.2, 0.19 * max(len(rows), 1)]
    figure = new_figure(sum(ratios))
    curve, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": ratios})
    _draw_curve(curve, values, convincing)
    curve.set_ylabel(f"{balanced(ylabel, 28)}\n{direction(table.attrs.get('better'))}")
    _draw_choices(below, shown, rows)
    left_out = len(table) - len(shown)
    without = f"; {left_out:,} without a sound posterior left out" if left_out else ""
    return finish(
        figure,
        title or f"The sign is convincing in {convincing.sum():,} of {len(shown):,} specifications",
        origin_of(origin, table.attrs),
        subtitle=subtitle or f"Posterior mean (line) and {words} of {len(shown):,} specifications{without}",
        ways="← smallest slope  |  largest →",
        xlabel=f"{len(shown):,} specifications",
        handles=[
            patch_key(BLUE, f"sign more than {level} probable", edgecolor=BLUE, alpha=0.6),
            patch_key(ORANGE, "sign in doubt", edgecolor=ORANGE, alpha=0.3),
        ],
    )


def _choice_rows(shown: pd.DataFrame, choices: Sequence[str] | None) -> list[tuple[str, str]]:
    """The options that vary, a row each, as (choice, option)."""
    if choices is None:
        known = ["pooling", "slopes", "noise", "prior", "controls", "authorities"]
        choices = [name for name in known if name in shown.columns and len(set(shown[name])) > 1]
    for name in choices:
        if name not in shown.columns:
            found = [str(column) for column in shown.columns]
            raise DataError(f"specifications: no choice {name!r}; {did_you_mean(name, found)}")
    return [(name, str(option)) for name in choices for option in dict.fromkeys(shown[name])]


def _draw_curve(ax: Axes, values: Floats, convincing: NDArray[np.bool_]) -> None:
    place = np.arange(values.shape[1], dtype=np.float64)
    # Thin lines that touch make a band; where there are few, they stay lines.
    width = min(max(300.0 / place.size, 0.4), 3.0)
    for rows, colour, alpha, name in (
        (~convincing, ORANGE, 0.3, "open"), (convincing, BLUE, 0.6, "convincing")
    ):  # fmt: skip
        if rows.any():
            ax.vlines(place[rows], *values[1:, rows], color=colour, alpha=alpha, linewidth=width, label=name)
    ax.plot(place, values[0], color=DARK, linewidth=1.6, label="mean")
    ax.axhline(0.0, color=DARK, linewidth=0.8, label="zero line")
    ax.set_xlim(-0.01 * place.size - 0.5, 1.01 * place.size - 0.5)
    ax.grid(axis="y")


def _draw_choices(ax: Axes, shown: pd.DataFrame, rows: list[tuple[str, str]]) -> None:
    for y, (name, option) in enumerate(rows):
        here = np.flatnonzero(shown[name].astype(str).to_numpy() == option)
        ax.plot(
            here, np.full(here.size, y), linestyle="none", marker="|", markersize=6, color=DARK, alpha=0.6
        )
    labels = [f"{plain(name)}: {_WORDS.get(option, option).replace('_', ' ')}" for name, option in rows]
    ax.set_yticks(range(len(rows)), labels)
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    last = [y for y in range(1, len(rows)) if rows[y][0] != rows[y - 1][0]]
    for y in last:
        ax.axhline(y - 0.5, color="#CCCCCC", linewidth=0.6)
