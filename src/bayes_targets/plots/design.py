"""The design of a new evaluation: chance of a convincing answer, and exaggeration, by number of authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import DataError, did_you_mean
from ._rows import numbers
from ._sheet import finish, new_figure
from ._style import BLUE, DARK, ORANGE, balanced, number, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_LINES: tuple[tuple[Any, str], ...] = (("-", "o"), ((0, (5, 2)), "s"), ("-.", "D"), (":", "^"))
_COLOURS = (BLUE, ORANGE, DARK, "#009E73")


def plot_design(
    table: pd.DataFrame,
    *,
    chance: float = 0.8,
    mark: int | None = None,
    title: str = "How many authorities a new evaluation needs",
    unit: str = "percentage points",
) -> Figure:
    """Chance of a convincing posterior, and exaggeration where it convinces, against the number of authorities.

    Parameters
    ----------
    table : pandas.DataFrame
        From `design_analysis`; a line for each effect (four at most), dots for simulations where there are any.
    chance : float
        Wanted chance of a convincing answer, drawn as a line.
    mark : int, optional
        A number of authorities to mark, such as that of the study.
    title, unit : str
        What is shown, and the unit of the effect.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If a column is missing, or there are more effects than can be told apart.

    Examples
    --------
    >>> table = pd.DataFrame({"effect": [1.0, 1.0], "n_authorities": [75, 150], "convincing": [0.3, 0.4],
    ...                       "type_m": [2.1, 1.6]})
    >>> [ax.get_ylabel() for ax in plot_design(table).axes]
    ['chance of a convincing answer', 'exaggeration, times the true effect']
    """
    for column in ("effect", "n_authorities", "convincing", "type_m"):
        if column not in table.columns:
            known = [str(name) for name in table.columns]
            raise DataError(f"design: column {column!r} is missing; {did_you_mean(column, known)}")
    effects = list(dict.fromkeys(table["effect"]))
    if not 1 <= len(effects) <= len(_LINES):
        raise DataError(f"design: found {len(effects)} effects, expected 1 to {len(_LINES)}")
    with style():
        figure = new_figure(2.9)
        left, right = figure.subplots(1, 2)
        for effect, (line, marker), colour in zip(effects, _LINES, _COLOURS, strict=False):
            part = table[table["effect"] == effect]
            n = numbers(part, "n_authorities", "design")
            looks = {"color": colour, "linestyle": line, "linewidth": 1.8, "label": f"{effect:g}"}
            left.plot(n, numbers(part, "convincing", "design"), **looks)
            right.plot(n, numbers(part, "type_m", "design"), **looks)
            if "simulated_convincing" in part.columns:
                left.plot(n, part["simulated_convincing"], color=colour, marker=marker, linestyle="none")
                right.plot(n, part["simulated_type_m"], color=colour, marker=marker, linestyle="none")
        left.axhline(chance, color=DARK, linewidth=1.0, linestyle=(0, (4, 3)))
        right.axhline(1.0, color=DARK, linewidth=1.0)
        for ax in (left, right):
            ax.set_xscale("log")
            ticks = sorted(set(table["n_authorities"].astype(int)))
            ax.set_xticks(
                ticks[:: max(len(ticks) // 5, 1)], [f"{tick:,}" for tick in ticks[:: max(len(ticks) // 5, 1)]]
            )
            ax.xaxis.minorticks_off()
            ax.grid(axis="both")
            if mark is not None:
                ax.axvline(mark, color="#999999", linewidth=1.0, linestyle=":")
        left.set_ylim(0, 1.02)
        left.set_ylabel("chance of a convincing answer")
        right.set_ylabel("exaggeration, times the true effect")
        xlabel = "number of authorities" + (f" (dotted line: {mark})" if mark is not None else "")
        finish(
            figure, title, None, xlabel=balanced(xlabel, 85), along=[left, right],
            handles=_legend(effects, unit, chance, "simulated_convincing" in table.columns),
        )  # fmt: skip
    return figure


def _legend(effects: list[float], unit: str, chance: float, simulated: bool) -> list[Artist]:
    from matplotlib.lines import Line2D

    handles: list[Artist] = [
        Line2D(
            [], [], color=colour, linestyle=line, linewidth=1.8, label=f"true effect {number(effect)} {unit}"
        )
        for effect, (line, _), colour in zip(effects, _LINES, _COLOURS, strict=False)
    ]
    handles.append(
        Line2D([], [], color=DARK, linewidth=1.0, linestyle=(0, (4, 3)), label=f"chance of {100 * chance:g}%")
    )
    if simulated:
        handles.append(
            Line2D([], [], color=DARK, marker="o", linestyle="none", label="simulated evaluations")
        )
    return handles
