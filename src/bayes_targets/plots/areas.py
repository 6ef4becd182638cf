"""Areas: shares as counted and pooled, ranks, how far pooling moves each, and counts by status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import DataError, did_you_mean, require_kind
from ._rows import (
    Floats,
    counted,
    draw_rows,
    intervals,
    label_rows,
    named_frames,
    new_rows,
    numbers,
    reference_line,
    require_rows,
    row_height,
    row_labels,
    sizes,
    small_keys,
    span,
)
from ._sheet import finish, new_figure
from ._style import (
    AMBER,
    DARK,
    DATA_ALONE,
    LOOKS,
    ORANGE,
    PALE,
    POSTERIOR,
    SMALL_SAMPLE,
    classical_percent,
    direction,
    interval_words,
    key,
    line_key,
    number,
    origin_of,
    patch_key,
    plain,
    small_note,
    styled,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RAW = ("ols_estimate", "ols_low", "ols_high")
_POOLED = ("mean", "low", "high")
_COLUMNS = ("observed", "mean", "low", "high")
# From best to worst; the panels are named, so that no reader needs the colours.
_SHADES = ("#009E73", AMBER, ORANGE, "#CC79A7", "#56B4E9", PALE)
_MOST_NUMBERED = 15
"""With more ranks than this the cells are too narrow for a figure in each."""


@styled
def plot_shares(
    table: pd.DataFrame,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str = "share, per cent",
    overall: float | None = None,
    origin: str | None = None,
) -> Figure:
    """Raw share with its Wilson interval beside the pooled posterior share, the rows as they come.

    Parameters
    ----------
    table : pandas.DataFrame
        What :func:`bayes_targets.compare` makes of a success model and :func:`bayes_targets.raw_shares`:
        index the areas; columns ``ols_estimate, ols_low, ols_high`` (the share as counted and its Wilson
        interval) and ``mean, low, high`` (the posterior share), all between 0 and 1, and a column ``n`` added
        to them (cases). The counted shares may be missing (a new area). Attrs ``interval`` and ``prob``;
        ``ols_prob`` where the Wilson interval has another probability.
    title, subtitle, xlabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit.
    overall : float, optional
        Share over all areas, between 0 and 1, drawn as a line; by default ``table.attrs["overall"]``, if any.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the table is empty, lacks a column or the kind of its intervals, or a share is not between 0 and 1.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"ols_estimate": [1 / 3], "ols_low": [0.06], "ols_high": [0.79],
    ...      "mean": [0.40], "low": [0.2], "high": [0.63], "n": [3]}, index=["Fire"])
    >>> table.attrs = {"interval": "eti", "prob": 0.95}
    >>> figure = plot_shares(table, overall=0.41)
    >>> figure.axes[0].get_xlabel().splitlines()
    ['← lower  |  higher →', 'share, per cent']
    """
    require_rows(table, [*_RAW, *_POOLED, "n"], "shares")
    raw, pooled = _shares(table, _RAW, missing=True), _shares(table, _POOLED)
    cases = sizes(table["n"], table.index, "shares")
    overall = table.attrs.get("overall") if overall is None else overall
    if overall is not None and not 0 <= overall <= 1:
        raise DataError(f"shares: the overall share is {overall:g}, expected a share between 0 and 1")
    classical, posterior = classical_percent(table.attrs, "shares"), interval_words(table.attrs, "shares")

    figure, ax, (first, second) = new_rows(row_labels(table.index, cases, 24))
    draw_rows(ax, first, 100 * raw, DATA_ALONE, "raw")
    draw_rows(ax, second, 100 * pooled, POSTERIOR, "pooled", hollow=cases < SMALL_SAMPLE)
    if overall is not None:
        reference_line(ax, 100 * overall, "overall", dashed=True, text=f"all: {100 * overall:.0f}%")
    ax.set_xlim(-1.5, 101.5)
    ax.set_xticks(range(0, 101, 20))
    ax.xaxis.set_major_formatter("{x:.0f}%")
    best = _short(table["mean"].idxmax())
    return finish(
        figure,
        title or (f"{best}: the highest of {len(table)} shares" if len(table) > 1 else best),
        origin_of(origin, table.attrs),
        subtitle=subtitle or counted(cases, "area"),
        xlabel=xlabel,
        handles=[
            key(DATA_ALONE, f"as counted, {classical} Wilson interval"),
            key(POSTERIOR, f"allowing for small numbers, {posterior}"),
            *small_keys(cases),
        ],
    )


def _short(label: object) -> str:
    """A label within a title."""
    return wrapped(label, 40, max_lines=1)


def _shares(table: pd.DataFrame, columns: tuple[str, str, str], *, missing: bool = False) -> Floats:
    """Read share, low and high of every row, shape (3, rows), each between 0 and 1."""
    values = intervals(table, columns, "shares", missing=missing)
    for i, row in np.argwhere((values < -1e-9) | (values > 1 + 1e-9)):
        raise DataError(
            f"shares, row {str(table.index[row])!r}, column {columns[i]!r}: found {values[i, row]:g},"
            " expected a share between 0 and 1"
        )
    return values


@styled
def plot_ranks(
    ranks: pd.DataFrame,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str = "rank (1 = highest)",
    n: pd.Series | None = None,
    origin: str | None = None,
) -> Figure:
    """Heat map of the posterior probability that an area has a rank; the best expected rank on top.

    Parameters
    ----------
    ranks : pandas.DataFrame
        Index the areas, columns the ranks 1 to J, values probabilities; each row adds up to 1.
    title, subtitle, xlabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit.
    n : pandas.Series, optional
        Sample size of each area.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the frame is empty, a value is no probability, or a row does not add up to 1.

    Examples
    --------
    >>> ranks = pd.DataFrame({1: [0.9, 0.1], 2: [0.1, 0.9]}, index=["Fire", "Transport"])
    >>> figure = plot_ranks(ranks)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['90', '10', '10', '90']
    """
    require_rows(ranks, [], "ranks")
    if ranks.shape[1] == 0:
        raise DataError("ranks: has no columns, expected one for each rank")
    probabilities = np.stack([numbers(ranks, column, "ranks") for column in ranks.columns], axis=1)
    _check_probabilities(ranks, probabilities)
    order = np.argsort(probabilities @ np.arange(1, ranks.shape[1] + 1), kind="stable")
    areas, probabilities = ranks.index[order], probabilities[order]
    cases = sizes(n, areas, "n")
    labels = row_labels(areas, cases, 24)
    figure = new_figure(row_height(labels, 1) * len(areas))
    ax = figure.subplots()
    _draw_cells(ax, probabilities)
    ax.set_xticks(range(ranks.shape[1]), [plain(column) for column in ranks.columns])
    ax.set_yticks(range(len(areas)), labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return finish(
        figure,
        title or f"{_short(areas[0])} is first with a probability of {100 * probabilities[0, 0]:.0f}%",
        origin_of(origin, ranks.attrs),
        subtitle=subtitle or f"Probability of each rank, per cent; {counted(cases, 'area')}",
        ways=direction("lower"),
        xlabel=xlabel,
        note=small_note() if (cases < SMALL_SAMPLE).any() else "",
    )


def _check_probabilities(ranks: pd.DataFrame, values: Floats) -> None:
    for label, row in zip(ranks.index, values, strict=True):
        if row.min() < 0 or row.max() > 1 + 1e-9:
            raise DataError(
                f"ranks, row {str(label)!r}: found {row.min():g} to {row.max():g}, expected 0 to 1"
            )
        if abs(row.sum() - 1) > 0.01:
            raise DataError(f"ranks, row {str(label)!r}: adds up to {row.sum():g}, expected 1")


def _draw_cells(ax: Axes, values: Floats) -> None:
    """Cells from white to dark blue (a scale that is even in grey), with the percentage in each."""
    top = max(0.5, float(values.max()))
    ax.imshow(values, cmap="Blues", vmin=0.0, vmax=top, aspect="auto")
    ax.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    if values.shape[1] > _MOST_NUMBERED:
        return
    for (i, j), p in np.ndenumerate(values):
        shown = "<1" if p < 0.0095 else ">99" if p > 0.995 else f"{100 * p:.0f}"
        ax.text(j, i, shown, ha="center", va="center", color="white" if p > 0.6 * top else "black")


@styled
def plot_shrinkage(
    raw: pd.Series,
    pooled: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    average: float | None = None,
    title: str | None = None,
    subtitle: str | None = None,
    xlabel: str = "estimate, in units of the outcome",
    n: pd.Series | None = None,
    origin: str | None = None,
    percent_axis: bool = False,
) -> Figure:
    """Raw estimate and pooled estimate of each group, joined by an arrow; the highest pooled mean on top.

    Parameters
    ----------
    raw : pandas.Series
        Estimates without pooling, indexed by label.
    pooled : pandas.DataFrame or mapping of str to pandas.DataFrame
        Posterior summaries by name, e.g. ``{"partial pooling": table}`` (three at most): the same labels,
        columns ``mean, low, high``, attrs ``interval`` and ``prob``. A single frame is taken for partial
        pooling. Arrows lead to the first and the first gives the order.
    average : float, optional
        Of all groups, drawn as a line.
    title, subtitle, xlabel : str, optional
        The message in at most ten words; what, where, when and of how many; the unit.
    n : pandas.Series, optional
        Sample size of each label; by default the first pooled frame's column ``n``, where it has one.
    origin : {"observed", "reconstructed", "simulated"}, optional
        Where the data come from; by default what the attrs say.
    percent_axis : bool
        The estimates are shares between 0 and 1, and are shown in per cent.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If labels do not match, or a frame is empty, lacks a column, a finite number or the kind of its
        intervals.

    Examples
    --------
    >>> raw = pd.Series({"Fire": 1 / 3, "Education": 10 / 35})
    >>> pooled = pd.DataFrame({"mean": [0.40, 0.31], "low": [0.2, 0.2], "high": [0.6, 0.4]}, index=raw.index)
    >>> pooled.attrs = {"interval": "eti", "prob": 0.95}
    >>> figure = plot_shrinkage(raw, pooled, average=0.41, n=pd.Series({"Fire": 3, "Education": 35}))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['Fire (n = 3) †', 'Education (n = 35)']
    """
    frames = named_frames(pooled, "pooled", len(LOOKS), "partial pooling")
    require_rows(require_kind("raw", raw, pd.Series, "a pandas Series").to_frame("raw"), ["raw"], "raw")
    for name, frame in frames.items():
        require_rows(frame, [*_POOLED], name)
        _same_labels(raw, frame, name)
    headline, first = next(iter(frames.items()))
    numbers(first, "mean", headline)
    order = list(first.sort_values("mean", ascending=False, kind="stable").index)
    scale = 100.0 if percent_axis else 1.0
    start = scale * numbers(raw.loc[order], "raw", "raw")
    ends = {name: scale * intervals(each.loc[order], _POOLED, name) for name, each in frames.items()}
    middles = ends[headline][0]
    cases = sizes(n if n is not None else first.get("n"), order, "n")

    figure, ax, shift = new_rows(row_labels(order, cases, 24), 1 + len(frames))
    line = [] if average is None else [scale * average]
    ax.set_xlim(*span([start, *ends.values()], *line))
    _draw_arrows(ax, start, middles, shift)
    for (name, values), look, at in zip(ends.items(), LOOKS, shift[1:], strict=False):
        draw_rows(ax, at, values, look, name, hollow=cases < SMALL_SAMPLE)
    draw_rows(ax, shift[0], start[None], DATA_ALONE, "raw")
    for x in line:
        shown = f"{x:.0f}%" if percent_axis else number(x)
        reference_line(ax, x, "average", dashed=True, text=f"average: {shown}")
    if percent_axis:
        ax.xaxis.set_major_formatter("{x:.0f}%")
    apart = [number(float(np.ptp(values))) for values in (middles, start)]
    return finish(
        figure,
        title or f"Pooled, groups lie {apart[0]} apart instead of {apart[1]}",
        origin_of(origin, raw.attrs, *(frame.attrs for frame in frames.values())),
        subtitle=subtitle or counted(cases, "group"),
        xlabel=xlabel,
        handles=[key(DATA_ALONE, "no pooling", line=False), *_pooling_keys(frames), *small_keys(cases)],
    )


def _same_labels(raw: pd.Series, frame: pd.DataFrame, name: str) -> None:
    for label in raw.index.symmetric_difference(frame.index, sort=False):
        where, other = (name, frame.index) if label in raw.index else ("raw", raw.index)
        raise DataError(
            f"{where}: no row {str(label)!r}; {did_you_mean(str(label), [str(x) for x in other])}"
        )


def _draw_arrows(ax: Axes, start: Floats, target: Floats, shift: Floats) -> None:
    """Draw an arrow from each raw mark to the pooled one."""
    low, high = ax.get_xlim()
    for i, (tail, head) in enumerate(zip(start, target, strict=True)):
        if abs(head - tail) > 0.03 * (high - low):  # a shorter arrow would hide below the marks
            arrow = {"arrowstyle": "-|>", "color": DARK, "linewidth": 0.9, "shrinkA": 3.5, "shrinkB": 3.5}
            ax.annotate("", (head, i + shift[1]), (tail, i + shift[0]), arrowprops=arrow)


def _pooling_keys(frames: Mapping[str, pd.DataFrame]) -> Iterator[Artist]:
    """The legend of the poolings, each kind of interval said once."""
    said: set[str] = set()
    for (name, frame), look in zip(frames.items(), LOOKS, strict=False):
        words = interval_words(frame.attrs, name)
        yield key(look, wrapped(name if words in said else f"{name}, {words}", 80))
        said.add(words)


@styled
def plot_status_bars(
    table: pd.DataFrame,
    *,
    title: str | None = None,
    subtitle: str | None = None,
    origin: str | None = None,
    items: str = "targets",
) -> Figure:
    """Observed counts as bars, posterior predictive counts as dots with intervals; a panel a status.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`bayes_targets.models.success.estimands.predictive_counts`: index ``area`` and ``status`` (best
        first); columns ``observed, mean, low, high`` (numbers of targets); attrs ``interval`` and ``prob``.
    title, subtitle, origin : str, optional
        The message in at most ten words; what, where, when and of how many; where the data come from.
    items : str
        What is counted.

    Returns
    -------
    matplotlib.figure.Figure
        A row an area, in the order of the table.

    Raises
    ------
    DataError
        If the table is empty, lacks a column, an index level or the kind of its intervals, an area lacks a status,
        or there are more than six statuses.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([["Fire"], ["green", "red"]], names=["area", "status"])
    >>> table = pd.DataFrame({"observed": [1, 2], "mean": [1.2, 1.8], "low": [0, 0], "high": [3, 3]}, index=index)
    >>> table.attrs = {"interval": "eti", "prob": 0.95}
    >>> [axes.get_title() for axes in plot_status_bars(table).axes]
    ['green (best)', 'red (worst)']
    """
    from matplotlib.ticker import MaxNLocator

    require_rows(table, list(_COLUMNS), "status bars")
    if list(table.index.names) != ["area", "status"]:
        raise DataError(f"status bars: index {list(table.index.names)}, expected ['area', 'status']")
    areas, statuses = (list(dict.fromkeys(table.index.get_level_values(k))) for k in ("area", "status"))
    if len(table) != len(areas) * len(statuses):
        raise DataError("status bars: not every area has every status once")
    if len(statuses) > len(_SHADES):
        raise DataError(f"status bars: found {len(statuses)} statuses, expected at most {len(_SHADES)}")
    shape = (len(areas), len(statuses))
    values = {name: numbers(table, name, "status bars").reshape(shape) for name in _COLUMNS}
    cases = values["observed"].sum(axis=1)
    words = interval_words(table.attrs, "status bars")
    labels = row_labels(areas, cases, 20)
    figure = new_figure(row_height(labels) * len(areas))
    panels = figure.subplots(1, len(statuses), sharey=True, sharex=True, squeeze=False)[0]
    for k, (ax, status) in enumerate(zip(panels, statuses, strict=True)):
        _draw_status(ax, {name: value[:, k] for name, value in values.items()}, _SHADES[k])
        end = {0: " (best)", len(statuses) - 1: " (worst)"}.get(k, "")
        ax.set_title(wrapped(f"{status}{end}", 40 // len(statuses)), loc="center", fontsize=9.0)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=max(1, 6 // len(statuses)), integer=True))
    label_rows(panels[0], labels)
    panels[0].set_xlim(0, 1.06 * max(values["observed"].max(), values["high"].max()))
    return finish(
        figure,
        title or fit_message(table),
        origin_of(origin, table.attrs),
        subtitle=subtitle or f"{counted(cases, 'area')} {items}; statuses from best to worst",
        ways="← fewer  |  more →",
        xlabel=f"number of {items}",
        note=small_note(items) if (cases < SMALL_SAMPLE).any() else "",
        handles=[
            patch_key(PALE, "observed", edgecolor=DARK, linewidth=0.6),
            line_key(
                f"model: mean, {words}", color=DARK, marker="o", markersize=4.5, markerfacecolor="white"
            ),
        ],
    )


def _draw_status(ax: Axes, values: dict[str, Floats], shade: str) -> None:
    y = np.arange(len(values["mean"]))
    ax.barh(y, values["observed"], height=0.62, color=shade, edgecolor=DARK, linewidth=0.6)
    ax.hlines(y, values["low"], values["high"], color=DARK, linewidth=1.4)
    ax.plot(
        values["mean"], y, linestyle="none", marker="o", markersize=4.5, color=DARK, markerfacecolor="white"
    )
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def count_outside(table: pd.DataFrame) -> int:
    """How many counts lie outside their predictive intervals."""
    return int(((table["observed"] < table["low"]) | (table["observed"] > table["high"])).sum())


def fit_message(table: pd.DataFrame) -> str:
    """How many counts lie outside what the model expects, in words."""
    outside = count_outside(table)
    return f"{outside or 'None'} of {len(table)} counts lie{'s' if outside == 1 else ''} outside what the model expects"
