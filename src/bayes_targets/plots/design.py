"""The design of a new evaluation: chance of a convincing answer, and exaggeration, by number of authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import DataError
from ._rows import note, numbers, require_rows
from ._sheet import finish, new_figure
from ._style import BLUE, DARK, DASHES, DOTS, ORANGE, direction, number, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# By effect: line and marker of simulations, and colour.
_LOOKS: tuple[tuple[Any, str, str], ...] = (
    ("-", "o", BLUE), ((0, (5, 2)), "s", ORANGE), ("-.", "D", DARK), (":", "^", "#009E73")
)  # fmt: skip


@styled
def plot_design(
    table: pd.DataFrame,
    *,
    chance: float = 0.8,
    mark: int | None = None,
    title: str | None = None,
    subtitle: str | None = None,
    unit: str = "percentage points",
) -> Figure:
    r"""Chance of a convincing posterior, and exaggeration where it convinces, against the number of authorities.

    Parameters
    ----------
    table : pandas.DataFrame
        From `design_analysis`; a line for each effect (four at most), dots for simulations where there are any.
    chance : float
        Wanted chance of a convincing answer, drawn as a line.
    mark : int, optional
        A number of authorities to mark, such as that of the study.
    title, subtitle, unit : str, optional
        The message in at most ten words; what, where, when and of how many; the unit of the effect.

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
    ['chance of convincing\n← worse  |  better →', 'exaggeration, times\n← better  |  worse →']
    """
    require_rows(table, ["effect", "n_authorities", "convincing", "type_m"], "design", labelled=False)
    effects = list(dict.fromkeys(table["effect"]))
    if not 1 <= len(effects) <= len(_LOOKS):
        raise DataError(f"design: found {len(effects)} effects, expected 1 to {len(_LOOKS)}")
    figure = new_figure(4.0)
    chances, sizes = figure.subplots(2, 1)
    simulated = "simulated_convincing" in table.columns
    for effect, (line, marker, colour) in zip(effects, _LOOKS, strict=False):
        part = table[table["effect"] == effect]
        n = numbers(part, "n_authorities", "design")
        named = f"true effect {number(effect)}" if effect == effects[0] else number(effect)
        for ax, column, text in ((chances, "convincing", number(effect)), (sizes, "type_m", named)):
            values = numbers(part, column, "design")
            ax.plot(n, values, color=colour, linestyle=line, linewidth=1.8, label=f"{effect:g}")
            note(ax, text, (n[0], values[0]), (5, 4), color=colour)
            if simulated:
                ax.plot(n, part[f"simulated_{column}"], color=colour, marker=marker, linestyle="none")
    chances.axhline(chance, color=DARK, linewidth=1.0, linestyle=DASHES)
    sizes.axhline(1.0, color=DARK, linewidth=1.0)
    ticks = sorted(set(table["n_authorities"].astype(int)))
    kept = ticks[:: max(len(ticks) // 5, 1)]
    for ax in (chances, sizes):
        ax.set_xscale("log")
        ax.set_xticks(kept, [f"{tick:,}" for tick in kept])
        ax.xaxis.minorticks_off()
        ax.grid(axis="both")
        if mark is not None:
            ax.axvline(mark, color="#999999", linewidth=1.0, linestyle=DOTS)
    if mark is not None:
        note(chances, f"here: {mark:,}", (mark, 0), (3, 3), "x", va="bottom")
    chances.set_ylim(0, 1.06)
    chances.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    chances.set_ylabel(f"chance of convincing\n{direction('higher')}")
    sizes.set_ylabel(f"exaggeration, times\n{direction('lower')}")
    dots = ", dots: SIMULATED evaluations" if simulated else ""
    return finish(
        figure,
        title or _message(table, chance),
        subtitle=subtitle or f"By true effect, in {unit}; lines: exact{dots}",
        ways="← fewer  |  more →",
        xlabel="number of authorities",
    )


def _message(table: pd.DataFrame, chance: float) -> str:
    """How many authorities the middle one of the effects needs for the chance wanted."""
    effects = list(dict.fromkeys(table["effect"]))
    effect = effects[len(effects) // 2]
    enough = table[(table["effect"] == effect) & (table["convincing"] >= chance)]["n_authorities"]
    if enough.empty:
        return f"An effect of {number(effect)} reaches no {100 * chance:g}% chance here"
    return f"An effect of {number(effect)} needs {enough.min():,.0f} authorities for {100 * chance:g}% chance"
