"""The sheet a figure is drawn on: its size, the texts around the axes, and saving it to bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ._style import DARK, ORANGE, balanced, direction, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

WIDTH = 5.2
"""Published width of every figure, in inches: a column of print, and on a telephone 11 pixels a letter are still 9."""
DPI = 110
"""Dots per inch of a PNG, for pasting."""
_EDGE = 0.1
_GAP = 0.1


def new_figure(height: float) -> Figure:
    """Make a white figure of the published width, for axes of so many inches; `finish` adds what is around them."""
    from matplotlib.figure import Figure

    from ._renderers import AggCanvas

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    figure.subplots_adjust(0.3, 0.0, 0.9, 1.0, hspace=0.0)  # about as large as they will be when measured
    AggCanvas(figure)
    return figure


def finish(
    figure: Figure,
    title: str,
    origin: str | None = None,
    *,
    subtitle: str = "",
    ways: str | None = None,
    xlabel: str = "",
    note: str = "",
    handles: Sequence[Artist] = (),
) -> Figure:
    """Set title, subtitle, legend and the label of the x axes, make room for them, and lay the figure out once and for all.

    The label is of all axes: which way is which (lower and higher by default), the unit, and a note in lines already.
    """
    heading = _write_title(figure, title, origin)
    below = figure.text(0.012, 1, balanced(subtitle, 72), ha="left", va="top", color=DARK)
    lowest = next(ax for ax in figure.axes if ax.get_subplotspec().is_last_row())  # type: ignore[union-attr]
    label = lowest.xaxis.label
    parts = (direction() if ways is None else ways, balanced(xlabel, 60), note)
    label.set(text="\n".join(part for part in parts if part))
    label.set(horizontalalignment="center", verticalalignment="top", position=(0, 0))
    along_height = _inches(label)
    label.set_visible(False)  # it must not narrow its axes
    legend = _write_legend(figure, handles) if handles else None
    head = _EDGE + _inches(heading) + (0.05 + _inches(below) if subtitle else 0) + _GAP
    foot = _EDGE + (_inches(legend) + _GAP if legend else 0)
    _place_axes(figure, head, foot + along_height + 0.04)

    height = figure.get_figheight()
    heading.set_y(1 - _EDGE / height)
    below.set_y(1 - (_EDGE + _inches(heading) + 0.05) / height)
    if legend:
        legend.set_bbox_to_anchor((0.012, _EDGE / height))
    label.set_visible(True)
    half = 0.5 * label.get_window_extent().width / figure.bbox.width + 0.01
    boxes = [ax.get_position() for ax in figure.axes]
    middle = 0.5 * (min(box.x0 for box in boxes) + max(box.x1 for box in boxes))
    middle = min(max(middle, half), 1 - half)
    lowest.xaxis.set_label_coords(middle, (foot + along_height) / height, transform=figure.transFigure)
    return figure


def _inches(artist: Text | Legend) -> float:
    return float(artist.get_window_extent().height) / DPI


def _write_title(figure: Figure, title: str, origin: str | None) -> Text:
    """Write the title flush left, in as few lines as fit; data that were not observed say so in capitals before."""
    warning = "" if origin is None else f"{origin.upper()} DATA, NOT OBSERVED\n"
    text = figure.suptitle("", x=0.012, y=1, ha="left", va="top", color="black" if origin is None else ORANGE)
    for width in (56, 50, 44, 38, 32):
        text.set_text(warning + balanced(title, width))
        if text.get_window_extent().width <= 0.97 * figure.bbox.width:
            break
    return text


def _write_legend(figure: Figure, handles: Sequence[Artist]) -> Legend:
    """Write the legend below the axes, in as many columns as its words have room for."""
    room = [0.65 + 0.075 * max(map(len, str(handle.get_label()).split("\n"))) for handle in handles]
    columns = len(handles) if sum(room) <= WIDTH else 2 if 2 * max(room) <= WIDTH else 1
    return figure.legend(
        handles=list(handles), loc="lower left", ncols=columns, handlelength=2.6, columnspacing=1.5,
        borderpad=0, borderaxespad=0,
    )  # fmt: skip


def _place_axes(figure: Figure, head: float, foot: float) -> None:
    """Put the axes between head and foot with room for their labels; their height is the figure's until here.

    Where labels of axes are is fixed too: matplotlib would look for a place for them at each drawing.
    """
    grid = figure.axes[0].get_subplotspec().get_gridspec()  # type: ignore[union-attr]
    ratios = np.array(grid.get_height_ratios(), dtype=np.float64)
    inner = figure.get_figheight() * ratios / ratios.sum()
    left, right = np.zeros(grid.ncols), np.zeros(grid.ncols)
    above, below = np.zeros(grid.nrows), np.zeros(grid.nrows)
    placed = []
    for ax in figure.axes:
        spec = ax.get_subplotspec()
        row, column = spec.rowspan.start, spec.colspan.start  # type: ignore[union-attr]
        box = ax.get_window_extent()
        tight = ax.get_tightbbox(for_layout_only=True) or box
        left[column] = max(left[column], (box.x0 - tight.x0) / DPI)
        right[column] = max(right[column], (tight.x1 - box.x1) / DPI)
        above[row] = max(above[row], (tight.y1 - box.y1) / DPI)
        below[row] = max(below[row], (box.y0 - tight.y0) / DPI)
        apart = (ax.yaxis.label.get_position()[0] - box.x0, ax.xaxis.label.get_position()[1] - box.y0)
        placed.append((ax, row, column, np.array(apart) / DPI))
    height = float(head + foot + (inner + above + below).sum() + _GAP * (grid.nrows - 1))
    width = float(WIDTH - 2 * _EDGE - (left + right).sum() - _GAP * (grid.ncols - 1)) / grid.ncols
    figure.set_figheight(height)
    for ax, row, column, (x, y) in placed:
        start = _EDGE + left[: column + 1].sum() + column * (width + _GAP) + right[:column].sum()
        top = head + above[: row + 1].sum() + (inner + below)[:row].sum() + row * _GAP
        bottom = height - top - inner[row]
        ax.set_position((start / WIDTH, bottom / height, width / WIDTH, inner[row] / height))
        ax.xaxis.set_label_coords(0.5, y / inner[row])
        ax.yaxis.set_label_coords(x / width, 0.5)


def save_bytes(figure: Figure, kind: str) -> bytes:
    """Save a figure as the bytes of a file; the same figure gives the same bytes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> save_bytes(Figure(), "png")[1:4]
    b'PNG'
    """
    if kind not in ("png", "svg"):
        raise DataError(f"kind: found {kind!r}, expected 'png' or 'svg'")
    stream = io.BytesIO()
    with style():
        (_save_svg if kind == "svg" else _save_png)(figure, stream)
    return stream.getvalue()


def _save_svg(figure: Figure, stream: io.BytesIO) -> None:
    import matplotlib

    from ._renderers import SvgCanvas

    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "bayes_targets",
            "svg.fonttype": "none",
            "font.sans-serif": ["DejaVu Sans", "Verdana"],
        }
    )
    text, canvas = io.StringIO(), figure.canvas
    metadata = {"Date": None, "Creator": "bayes_targets"}
    try:
        SvgCanvas(figure).print_figure(text, format="svg", facecolor="white", metadata=metadata)
    finally:
        figure.set_canvas(canvas)
    stream.write(text.getvalue().encode())


def _save_png(figure: Figure, stream: io.BytesIO) -> None:
    """Save in at most 128 colours: a third of the bytes in half of the time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.dpi = DPI
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    image = Image.fromarray(drawn).convert("RGB")
    image = image.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    image.save(stream, "png", dpi=(DPI, DPI))
