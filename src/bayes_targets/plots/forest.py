"""The forest: OLS and the posterior of every term in one frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..comparison.claims import percent_text
from ..errors import DataError
from ._rows import (
    draw_rows,
    intervals,
    label_rows,
    numbers,
    offsets,
    pick,
    ratio_ticks,
    reference_line,
    require_rows,
    row_height,
    sizes,
    span,
    text_column,
    ticks_that_fit,
)
from ._sheet import WIDTH, finish, new_figure
from ._style import (
    DATA_ALONE,
    MUTED,
    PALE,
    POSTERIOR,
    SMALL_SAMPLE,
    balanced,
    direction,
    estimate_text,
    interval_words,
    key,
    number,
    origin_of,
    percent,
    plain,
    row_label,
    small_sample_key,
    style,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ._rows import Floats

_OLS = ("ols_estimate", "ols_low", "ols_high")
_POSTERIOR = ("mean", "low", "high")
_MOST_PANELS = 4
_ONE_SCALE = 20.0
"""Terms whose intervals reach more than this many times as far from zero as another's get their own axis."""


def plot_forest(
    table: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str | None = None,
    origin: str | None = None,
    terms: Sequence[str] | None = None,
    focus: Sequence[str] | None = None,
) -> Figure:
    """Posterior beside the published estimate or OLS for every term, with its probability to the right.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of str to pandas.DataFrame
        From :func:`bayes_targets.compare`: index the terms, columns ``ols_estimate, ols_low, ols_high, mean, low, high,
        prob_positive`` (OLS may be missing for a term; ``published_estimate, …`` of an evaluation), perhaps ``n`` (the
        sample size of each row), attrs ``interval``, ``prob`` and perhaps ``rope`` (one region, or one by term),
        ``origin``, ``ratio`` (the axis then shows ratios) and ``better`` (which way is better for the terms in ``focus``).
        Several named tables are drawn below one another (four at most), on the same axis.
    title, subtitle, xlabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit in words.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say. The title says so of what is not observed.
    terms : sequence of str, optional
        The terms to draw, in this order; by default all, those in focus first.
    focus : sequence of str, optional
        The terms in question, drawn large and with their numbers, the rest muted; by default those in attrs ``focus``.

    Returns
    -------
    matplotlib.figure.Figure
        Terms whose scales differ more than twentyfold are in blocks, each with an axis of its own.

    Raises
    ------
    DataError
        If a table is empty, lacks a column or a finite number, does not say what its intervals are, or has no such term.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"ols_estimate": [0.65], "ols_low": [0.47], "ols_high": [0.83],
    ...      "mean": [0.64], "low": [0.46], "high": [0.82], "prob_positive": [1.0]},
    ...     index=pd.Index(["target stretch"], name="term"))
    >>> table.attrs = {"interval": "eti", "prob": 0.95, "rope": (-0.1, 0.1)}
    >>> figure = plot_forest(table, title="One point of stretch")
    >>> figure.get_suptitle()
    'One point of stretch'
    """
    tables = {"": table} if isinstance(table, pd.DataFrame) else dict(table)
    tables = {name: _as_ols(each) for name, each in tables.items()}
    if not 1 <= len(tables) <= _MOST_PANELS:
        raise DataError(f"tables: found {len(tables)}, expected 1 to {_MOST_PANELS} to draw in one figure")
    for name, each in tables.items():
        require_rows(each, [*_OLS, *_POSTERIOR, "prob_positive"], name or "table")
    known = list(dict.fromkeys(term for each in tables.values() for term in each.index))
    named = _focus(tables) if focus is None else pick(known, focus, "focus") if focus else []
    in_focus = [term for term in named if term in known]
    chosen = pick(known, terms or [*in_focus, *(term for term in known if term not in in_focus)], "table")
    in_focus = [term for term in chosen if term in in_focus]
    panels = {name: each.reindex(chosen) for name, each in tables.items()}
    _check_panels(tables, panels)

    told = origin_of(origin, [each.attrs for each in tables.values()])
    blocks = scale_blocks(_reach(panels.values()))
    xlabel = balanced(xlabel or "effect, in units of the outcome for each unit of the term", 60)
    arrows = _direction(next(iter(tables.values())), in_focus)
    if len(blocks) > 1:
        xlabel += "\n(each block has its own scale)"
    with style():
        figure = _draw(panels, blocks, in_focus)
        finish(
            figure,
            title or _message(panels, in_focus),
            told,
            subtitle=subtitle or _subtitle(panels, in_focus),
            xlabel=f"{arrows}\n{xlabel}",
            along=[figure.axes[-1]],
            handles=_legend(panels),
        )
    return figure


def scale_blocks(reach: pd.Series) -> list[list[Any]]:
    """Terms in blocks of like scale: those that one axis can show.

    Examples
    --------
    >>> scale_blocks(pd.Series({"stretch": 0.8, "constant": 200.0, "metropolitan": 4.0}))
    [['stretch', 'metropolitan'], ['constant']]
    """
    block_of: dict[Any, int] = {}
    block, smallest = 0, 0.0
    for term, size in reach.sort_values(kind="stable").items():
        if smallest and size > _ONE_SCALE * smallest:
            block, smallest = block + 1, 0.0
        smallest = smallest or float(size)
        block_of[term] = block
    ordered = list(dict.fromkeys(block_of[term] for term in reach.index))
    return [[term for term in reach.index if block_of[term] == b] for b in ordered]


def _as_ols(table: pd.DataFrame) -> pd.DataFrame:
    """A table of an evaluation with the columns that OLS has; its attrs say that they are published."""
    if not isinstance(table, pd.DataFrame) or "published_estimate" not in table.columns:
        return table
    renamed = table.rename(columns=lambda name: str(name).replace("published_", "ols_"))
    if table.attrs.get("better"):
        # What is better is known of the terms in question only.
        focal = renamed.index.isin(table.attrs.get("focus") or list(renamed.index))
        renamed["prob_positive"] = renamed["prob_better"].where(focal)
    renamed.attrs = {**table.attrs, "published": True}
    return renamed


def _message(panels: Mapping[str, pd.DataFrame], focus: Sequence[Any]) -> str:
    """Which of the terms in question have intervals clear of zero, or how many of all."""
    drawn = pd.concat(panel.dropna(subset="mean") for panel in panels.values())
    clear = (drawn["low"] > 0) | (drawn["high"] < 0)
    if not 0 < len(focus) <= 2:
        return f"{clear.sum() or 'None'} of {len(drawn)} slopes clear of zero"
    sides = [[plain(term) for term in focus if clear[[term]].all() == side] for side in (True, False)]
    parts = [" and ".join(names) for names in sides]
    if all(parts):
        return f"Clear of zero: {parts[0]}; not: {parts[1]}"
    return f"{parts[0] or parts[1]}: {'' if parts[0] else 'not '}clear of zero"


def _focus(tables: Mapping[str, pd.DataFrame]) -> list[Any]:
    """The terms that any table says are in question."""
    return list(dict.fromkeys(term for each in tables.values() for term in each.attrs.get("focus") or []))


def _direction(table: pd.DataFrame, focus: Sequence[Any]) -> str:
    """Which way is better, below the axis: for all terms, or for those in question."""
    told = direction(table.attrs.get("better"))
    if not table.attrs.get("better") or not focus or len(focus) == len(table):
        return told
    return f"{plain(focus[0])}: {told}" if len(focus) == 1 else f"in bold: {told}"


def _subtitle(panels: Mapping[str, pd.DataFrame], focus: Sequence[Any]) -> str:
    """What is shown, of how many terms, and which of them are in question."""
    rows = len(next(iter(panels.values())))
    count = f"{rows} term{'s' if rows > 1 else ''}"
    bold = ", those in question in bold" if 0 < len(focus) < rows else ""
    n = next(iter(panels.values())).attrs.get("n")
    return f"{count}{bold}{f'; n = {n:,}' if n else ''}"


def _check_panels(tables: Mapping[str, pd.DataFrame], panels: Mapping[str, pd.DataFrame]) -> None:
    """Raise unless all tables speak of the same intervals and region, and hold numbers."""
    first = next(iter(tables.values()))
    for name, each in tables.items():
        interval_words(each.attrs, name or "table")
        for kind in ("interval", "prob", "rope"):
            if _plain(each.attrs.get(kind)) != _plain(first.attrs.get(kind)):
                raise DataError(
                    f"{name}: attrs[{kind!r}] differs from the first table's, expected one kind in a figure"
                )
        panels[name].attrs.update(each.attrs)
        here = each.loc[[term for term in panels[name].index if term in each.index]]
        intervals(here, _POSTERIOR, name or "table")
        intervals(here, _OLS, name or "table", missing=True)
        numbers(here, "prob_positive", name or "table", missing=True)
        _ropes(each)


def _plain(value: object) -> object:
    """Make an attribute comparable; regions that differ by term may differ by table too."""
    return tuple(value) if isinstance(value, list) else "by term" if isinstance(value, Mapping) else value


def _ropes(table: pd.DataFrame) -> list[tuple[float, float] | None]:
    """Read the region of practical equivalence of every row from a table's attrs."""
    rope = table.attrs.get("rope")
    by_term = rope if isinstance(rope, Mapping) else {str(term): rope for term in table.index}
    regions: list[tuple[float, float] | None] = []
    for term in table.index:
        region = by_term.get(str(term))
        if region is None:
            regions.append(None)
            continue
        try:
            low, high = (float(end) for end in region)
        except (TypeError, ValueError):
            raise DataError(f"table: attrs['rope'] has {region!r}, expected two numbers or None") from None
        if not low < high:
            raise DataError(f"table: attrs['rope'] has {region!r}, expected low < high")
        regions.append((low, high))
    return regions


def _values(panel: pd.DataFrame, columns: tuple[str, ...]) -> Floats:
    return panel[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan).T


def _reach(panels: Collection[pd.DataFrame]) -> pd.Series:
    ends = (*_OLS, *_POSTERIOR)
    distances = [np.abs(_values(panel, ends)) for panel in panels]
    return pd.Series(np.nanmax(np.concatenate(distances), axis=0), index=next(iter(panels)).index)


def _sizes(panel: pd.DataFrame) -> list[float | None]:
    return sizes(panel.get("n"), list(panel.index), "table")


def _draw(panels: Mapping[str, pd.DataFrame], blocks: list[list[Any]], focus: Sequence[Any]) -> Figure:
    """Draw the panels and their blocks below one another; the same block of each has the same axis."""
    parts = []
    for name, panel in panels.items():
        for b, block in enumerate(blocks):
            part = panel.loc[block].dropna(subset="mean")
            part.attrs.update(panel.attrs)
            if len(part):
                parts.append((name if b == 0 else "", b, part, _labels(part, focus)))
    height = row_height([label for *_, labels in parts for label in labels])
    figure = new_figure(height * sum(len(part) for *_, part, _ in parts))
    rows = [len(part) for *_, part, _ in parts]
    axes = figure.subplots(len(parts), 1, squeeze=False, gridspec_kw={"height_ratios": rows})[:, 0]
    for i, (ax, (name, b, part, labels)) in enumerate(zip(axes, parts, strict=True)):
        _draw_panel(ax, part, labels, offsets(height), focus)
        header = "P(better)" if part.attrs.get("better") else "P(>0)"
        text_column(ax, [percent_text(p) for p in part["prob_positive"]], header if name or i == 0 else None)
        if name:
            ax.set_title(plain(name), fontweight="bold")
        _limit(ax, [other for *_, at, other, _ in parts if at == b])
        (ratio_ticks if part.attrs.get("ratio") else ticks_that_fit)(ax, WIDTH - 2.2)
    return figure


def _labels(panel: pd.DataFrame, focus: Sequence[Any]) -> list[str]:
    """Each term with its sample size, and its numbers below it where it is in question."""
    labels = []
    for (term, n), (mean, low, high) in zip(
        zip(panel.index, _sizes(panel), strict=True), _values(panel, _POSTERIOR).T, strict=True
    ):
        label = row_label(term, n, 22)
        if term in focus:
            label += f"\n{estimate_text(mean, low, high, ratio=bool(panel.attrs.get('ratio')))}"
        labels.append(label)
    return labels


def _draw_panel(
    ax: Axes, panel: pd.DataFrame, labels: list[str], shift: Floats, focus: Sequence[Any]
) -> None:
    y = np.arange(len(panel), dtype=np.float64)
    small = np.array([n is not None and n < SMALL_SAMPLE for n in _sizes(panel)])
    label_rows(ax, labels)
    _draw_ropes(ax, panel)
    reference_line(ax, 0.0, "zero line")
    focal = np.isin(panel.index, list(focus))
    for rows, muted in ((~focal, bool(focus)), (focal, False)):
        if not rows.any():
            continue
        size = 6.0 if not focus else 5.0 if muted else 7.5
        for look, columns, at, name in (
            (DATA_ALONE, _OLS, shift[0], "OLS"),
            (POSTERIOR, _POSTERIOR, shift[1], "posterior"),
        ):
            values = _values(panel.loc[rows], columns)
            hollow = (small[rows] & (look is POSTERIOR)).tolist()
            draw_rows(ax, y[rows] + at, values, MUTED[look] if muted else look, hollow, name, size)
    if focal.any() and not focal.all():
        for label, bold in zip(ax.get_yticklabels(), focal, strict=True):
            label.set_fontweight("bold" if bold else "normal")


def _draw_ropes(ax: Axes, panel: pd.DataFrame) -> None:
    """Shade the region of practical equivalence: one band, or one a row where it differs by term."""
    ropes = _ropes(panel)
    if None not in ropes and len(set(ropes)) == 1:
        low, high = ropes[0] or (0.0, 0.0)
        ax.axvspan(low, high, facecolor=PALE, edgecolor="none", zorder=0.5, label="rope")
        return
    for i, rope in enumerate(ropes):
        if rope is not None:
            low, high = rope
            ax.barh(i, high - low, left=low, height=1.0, color=PALE, linewidth=0, zorder=0.5, label="rope")


def _limit(ax: Axes, parts: list[pd.DataFrame]) -> None:
    """Limit a block's axis to all intervals and zero; regions too, unless they would dwarf them."""
    values = [_values(part, columns) for part in parts for columns in (_OLS, _POSTERIOR)]
    low, high = span(values, 0.0)
    ends = [end for part in parts for rope in _ropes(part) if rope is not None for end in rope]
    if ends and max(*ends, high) - min(*ends, low) <= 2 * (high - low):
        low, high = span(values, 0.0, *ends)
    ax.set_xlim(low, high)


def _legend(panels: Mapping[str, pd.DataFrame]) -> list[Artist]:
    """Explain the marks, the band and the dagger."""
    from matplotlib.patches import Patch

    first = next(iter(panels.values()))
    ols_level = percent(first.attrs, "ols_prob" if "ols_prob" in first.attrs else "prob", "table")
    classical = "published" if first.attrs.get("published") else "OLS"
    handles: list[Artist] = [
        key(DATA_ALONE, f"{classical}, {ols_level} confidence interval"),
        key(POSTERIOR, f"posterior mean, {interval_words(first.attrs, 'table')}"),
    ]
    regions = {rope for panel in panels.values() for rope in _ropes(panel) if rope is not None}
    if regions:
        low, high = min(regions)
        if first.attrs.get("ratio"):
            low, high = float(np.exp(low)), float(np.exp(high))
        limits = f": {number(low)} to {number(high)}" if len(regions) == 1 else " (its width differs by term)"
        label = f"practically {'none' if first.attrs.get('ratio') else 'zero'}{limits}"
        handles.append(Patch(facecolor=PALE, label=label))
    if any(n is not None and n < SMALL_SAMPLE for panel in panels.values() for n in _sizes(panel)):
        handles.append(small_sample_key())
    return handles
