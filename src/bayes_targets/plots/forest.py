"""The forest: OLS and the posterior of every term in one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..comparison.claims import percent_text
from ..errors import DataError
from ._rows import (
    Floats,
    draw_rows,
    fit_ticks,
    intervals,
    label_rows,
    named_frames,
    numbers,
    offsets,
    pick,
    reference_line,
    require_rows,
    row_height,
    row_label,
    sizes,
    small_keys,
    span,
    text_column,
)
from ._sheet import WIDTH, finish, new_figure
from ._style import (
    DATA_ALONE,
    MUTED,
    PALE,
    POSTERIOR,
    SMALL_SAMPLE,
    classical_percent,
    direction,
    estimate_text,
    interval_words,
    key,
    number,
    origin_of,
    patch_key,
    plain,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OLS = ("ols_estimate", "ols_low", "ols_high")
_POSTERIOR = ("mean", "low", "high")
_ROPE = ("rope_low", "rope_high")
_MOST_PANELS = 4
_ONE_SCALE = 20.0
"""Terms whose intervals reach more than this many times as far from zero as another's get their own axis."""


@styled
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
    tables = {name: _as_ols(each) for name, each in named_frames(table, "table", _MOST_PANELS).items()}
    for name, each in tables.items():
        require_rows(each, [*_OLS, *_POSTERIOR, "prob_positive"], name or "table")
    known = list(dict.fromkeys(term for each in tables.values() for term in each.index))
    if focus is None:
        named = [term for each in tables.values() for term in each.attrs.get("focus") or []]
    else:
        named = pick(known, focus, "focus") if focus else []
    in_focus = [term for term in dict.fromkeys(named) if term in known]
    chosen = pick(known, terms or [*in_focus, *(term for term in known if term not in in_focus)], "table")
    in_focus = [term for term in chosen if term in in_focus]
    first = next(iter(tables.values()))
    _check_alike(tables, first.attrs)
    panels = {name: _read(each, chosen, name or "table") for name, each in tables.items()}
    drawn = pd.concat(panels.values())
    ends = drawn[[*_OLS, *_POSTERIOR]].abs().max(axis=1)
    blocks = scale_blocks(ends.groupby(level=0, sort=False).max().loc[chosen])

    bold = ", those in question in bold" if 0 < len(in_focus) < len(chosen) else ""
    n = f"; n = {first.attrs['n']:,}" if first.attrs.get("n") else ""
    return finish(
        _draw(panels, blocks, in_focus),
        title or _message(drawn, in_focus),
        origin_of(origin, *(each.attrs for each in tables.values())),
        subtitle=subtitle or f"{len(chosen)} term{'s' if len(chosen) > 1 else ''}{bold}{n}",
        ways=_direction(first, in_focus),
        xlabel=xlabel or "effect, in units of the outcome for each unit of the term",
        note="(each block has its own scale)" if len(blocks) > 1 else "",
        handles=_legend(drawn, first.attrs),
    )


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


def _check_alike(tables: Mapping[str, pd.DataFrame], first: Mapping[Any, Any]) -> None:
    """Raise unless all tables speak of the same intervals and region."""
    for name, each in tables.items():
        interval_words(each.attrs, name or "table")
        for kind in ("interval", "prob", "rope"):
            if _plain(each.attrs.get(kind)) != _plain(first.get(kind)):
                raise DataError(
                    f"{name}: attrs[{kind!r}] differs from the first table's, expected one kind in a figure"
                )


def _plain(value: object) -> object:
    """Make an attribute comparable; regions that differ by term may differ by table too."""
    return tuple(value) if isinstance(value, list) else "by term" if isinstance(value, Mapping) else value


def _read(table: pd.DataFrame, chosen: Sequence[Any], name: str) -> pd.DataFrame:
    """The numbers of the terms chosen: estimates, probability, sample size, and region of practical equivalence."""
    rows = table.loc[[term for term in chosen if term in table.index]]
    values = [
        *intervals(rows, _OLS, name, missing=True),
        *intervals(rows, _POSTERIOR, name),
        numbers(rows, "prob_positive", name, missing=True),
        sizes(rows.get("n"), rows.index, name),
        *np.array([_rope(table.attrs.get("rope"), str(term)) for term in rows.index]).reshape(-1, 2).T,
    ]
    columns = [*_OLS, *_POSTERIOR, "prob_positive", "n", *_ROPE]
    panel = pd.DataFrame(dict(zip(columns, values, strict=True)), index=rows.index)
    panel.attrs = dict(table.attrs)
    return panel


def _rope(rope: object, term: str) -> tuple[float, float]:
    """The region of practical equivalence of a term by a table's attrs; NaN where it has none."""
    region: Any = rope.get(term) if isinstance(rope, Mapping) else rope
    if region is None:
        return np.nan, np.nan
    try:
        low, high = (float(end) for end in region)
    except (TypeError, ValueError):
        raise DataError(f"table: attrs['rope'] has {region!r}, expected two numbers or None") from None
    if not low < high:
        raise DataError(f"table: attrs['rope'] has {region!r}, expected low < high")
    return low, high


def _message(drawn: pd.DataFrame, focus: Sequence[Any]) -> str:
    """Which of the terms in question have intervals clear of zero, or how many of all."""
    clear = (drawn["low"] > 0) | (drawn["high"] < 0)
    if not 0 < len(focus) <= 2:
        return f"{clear.sum() or 'None'} of {len(drawn)} slopes clear of zero"
    sides = [[plain(term) for term in focus if clear[[term]].all() == side] for side in (True, False)]
    parts = [" and ".join(names) for names in sides]
    if all(parts):
        return f"Clear of zero: {parts[0]}; not: {parts[1]}"
    return f"{parts[0] or parts[1]}: {'' if parts[0] else 'not '}clear of zero"


def _direction(table: pd.DataFrame, focus: Sequence[Any]) -> str:
    """Which way is better, below the axis: for all terms, or for those in question."""
    told = direction(table.attrs.get("better"))
    if not table.attrs.get("better") or not focus or len(focus) == len(table):
        return told
    return f"{plain(focus[0])}: {told}" if len(focus) == 1 else f"in bold: {told}"


def _draw(panels: Mapping[str, pd.DataFrame], blocks: list[list[Any]], focus: Sequence[Any]) -> Figure:
    """Draw the panels and their blocks below one another; the same block of each has the same axis."""
    parts = [
        (name if b == 0 else "", b, panel.attrs, panel[panel.index.isin(block)])
        for name, panel in panels.items()
        for b, block in enumerate(blocks)
        if panel.index.isin(block).any()
    ]
    labels = [_labels(part, focus, ratio=bool(attrs.get("ratio"))) for *_, attrs, part in parts]
    height = row_height([label for rows in labels for label in rows])
    figure = new_figure(height * sum(map(len, labels)))
    heights = {"height_ratios": [len(rows) for rows in labels]}
    axes = figure.subplots(len(parts), 1, squeeze=False, gridspec_kw=heights)[:, 0]
    for ax, (name, block, attrs, part), rows in zip(axes, parts, labels, strict=True):
        label_rows(ax, rows)
        _draw_part(ax, part, offsets(height), focus)
        header = ("P(better)" if attrs.get("better") else "P(>0)") if name or ax is axes[0] else None
        text_column(ax, [percent_text(p) for p in part["prob_positive"]], header)
        if name:
            ax.set_title(plain(name), fontweight="bold")
        ax.set_xlim(*_limits([other for _, at, _, other in parts if at == block]))
        fit_ticks(ax, WIDTH - 2.2, ratio=bool(attrs.get("ratio")))
    return figure


def _labels(part: pd.DataFrame, focus: Sequence[Any], *, ratio: bool) -> list[str]:
    """Each term with its sample size, and its numbers below it where it is in question."""
    labels = []
    for term, row in part.iterrows():
        label = row_label(term, row["n"], 22)
        if term in focus:
            label += f"\n{estimate_text(*row[[*_POSTERIOR]], ratio=ratio)}"
        labels.append(label)
    return labels


def _draw_part(ax: Axes, part: pd.DataFrame, shift: Floats, focus: Sequence[Any]) -> None:
    """The region of practical equivalence, the zero line and both estimates of every term of one axes."""
    _draw_ropes(ax, part[[*_ROPE]].to_numpy())
    reference_line(ax, 0.0, "zero line")
    focal = part.index.isin(list(focus))
    small = (part["n"] < SMALL_SAMPLE).to_numpy()
    for rows, muted in ((~focal, bool(focus)), (focal, False)):
        size = 6.0 if not focus else 5.0 if muted else 7.5
        for look, columns, at, name, hollow in (
            (DATA_ALONE, _OLS, shift[0], "OLS", False),
            (POSTERIOR, _POSTERIOR, shift[1], "posterior", small),
        ):
            values = np.where(rows, part[[*columns]].to_numpy().T, np.nan)
            draw_rows(ax, at, values, MUTED[look] if muted else look, name, hollow=hollow, size=size)
    if focal.any() and not focal.all():
        for label, bold in zip(ax.get_yticklabels(), focal, strict=True):
            label.set_fontweight("bold" if bold else "normal")


def _draw_ropes(ax: Axes, ropes: Floats) -> None:
    """Shade the region of practical equivalence: one band, or one a row where it differs by term."""
    if np.isfinite(ropes).all() and (ropes == ropes[0]).all():
        ax.axvspan(*ropes[0], facecolor=PALE, edgecolor="none", zorder=0.5, label="rope")
        return
    for i, (low, high) in enumerate(ropes):
        if np.isfinite(low):
            ax.barh(i, high - low, left=low, height=1.0, color=PALE, linewidth=0, zorder=0.5, label="rope")


def _limits(parts: Sequence[pd.DataFrame]) -> tuple[float, float]:
    """Limits of an axis for all intervals and zero; regions too, unless they would dwarf them."""
    part = pd.concat(parts)
    estimates, regions = part[[*_OLS, *_POSTERIOR]].to_numpy(), part[[*_ROPE]].to_numpy()
    low, high = span([estimates], 0.0)
    whole = [low, high, *regions.ravel()]
    dwarfed = np.nanmax(whole) - np.nanmin(whole) > 2 * (high - low)
    return (low, high) if dwarfed else span([estimates, regions], 0.0)


def _legend(drawn: pd.DataFrame, attrs: Mapping[Any, Any]) -> list[Artist]:
    """Explain the marks, the band and the dagger."""
    classical = "published" if attrs.get("published") else "OLS"
    handles: list[Artist] = [
        key(DATA_ALONE, f"{classical}, {classical_percent(attrs, 'table')} confidence interval"),
        key(POSTERIOR, f"posterior mean, {interval_words(attrs, 'table')}"),
    ]
    regions = drawn[[*_ROPE]].dropna().drop_duplicates().to_numpy()
    if len(regions):
        low, high = np.exp(regions[0]) if attrs.get("ratio") else regions[0]
        limits = f": {number(low)} to {number(high)}" if len(regions) == 1 else " (its width differs by term)"
        handles.append(patch_key(PALE, f"practically {'none' if attrs.get('ratio') else 'zero'}{limits}"))
    return [*handles, *small_keys(drawn["n"].to_numpy())]
