"""The specification curve: every specification's answer in order, and the choices that made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError, did_you_mean
from ._rows import intervals, numbers, require_rows
from ._sheet import finish, new_figure
from ._style import BLUE, DARK, ORANGE, balanced, direction, interval_words, origin_of, percent, plain, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._rows import Floats

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
    require_rows(table.reset_index(drop=True), columns, "specifications")
    told = origin_of(origin, [table.attrs])
    words = interval_words(table.attrs, "specifications")
    shown = table[table["passed"].astype(bool)].sort_values("mean", kind="stable").reset_index(drop=True)
    if shown.empty:
        raise DataError("specifications: none passed its checks, expected at least one to draw")
    shown.attrs = table.attrs
    values = intervals(shown, ("mean", "low", "high"), "specifications")
    positive = numbers(shown, "prob_positive", "specifications")
    rows = _choice_rows(shown, choices)
    with style():
        ratios = [2.2, 0.19 * max(len(rows), 1)]
        figure = new_figure(sum(ratios))
        curve, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": ratios})
        _draw_curve(curve, values, positive, float(table.attrs["prob"]))
        curve.set_ylabel(f"{balanced(ylabel, 28)}\n{direction(table.attrs.get('better'))}")
        _draw_choices(below, shown, rows)
        finish(
            figure,
            title or _message(positive, float(table.attrs["prob"])),
            told,
            subtitle=subtitle or _told(shown, len(table) - len(shown), words),
            xlabel=f"← smallest slope  |  largest →\n{len(shown):,} specifications",
            along=[below],
            handles=_legend(percent(table.attrs, "prob", "specifications")),
        )
    return figure


def _message(positive: Floats, prob: float) -> str:
    convincing = int(((positive > prob) | (positive < 1 - prob)).sum())
    return f"The sign is convincing in {convincing:,} of {positive.size:,} specifications"


def _told(shown: pd.DataFrame, left_out: int, words: str) -> str:
    without = f"; {left_out:,} without a sound posterior left out" if left_out else ""
    return f"Posterior mean (line) and {words} of {len(shown):,} specifications{without}"


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


def _draw_curve(ax: Axes, values: Floats, positive: Floats, prob: float) -> None:
    place = np.arange(values.shape[1], dtype=np.float64)
    convincing = (positive > prob) | (positive < 1 - prob)
    for rows, colour, alpha, name in (
        (~convincing, ORANGE, 0.3, "open"), (convincing, BLUE, 0.6, "convincing")
    ):  # fmt: skip
        if rows.any():
            # Thin lines that touch make a band; where there are few, they stay lines.
            width = min(max(300.0 / values.shape[1], 0.4), 3.0)
            ax.vlines(
                place[rows],
                values[1, rows],
                values[2, rows],
                color=colour,
                alpha=alpha,
                linewidth=width,
                label=name,
            )
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


def _legend(prob: str) -> list[Artist]:
    from matplotlib.patches import Patch

    return [
        Patch(color=BLUE, alpha=0.6, label=f"sign more than {prob} probable"),
        Patch(color=ORANGE, alpha=0.3, label="sign in doubt"),
    ]
