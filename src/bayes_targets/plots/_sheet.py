"""The sheet a figure is drawn on: its size, the texts around the axes, and saving it to bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ._style import DARK, ORANGE, balanced, style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

WIDTH = 7.5
"""Published width of every figure, in inches."""
DPI = 110
"""Dots per inch of a PNG, for pasting."""


def new_figure(height: float) -> Figure:
    """Make a white figure of the published width; `finish` adds the height of the texts around the axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)  # its renderer keeps what it measured, from the layout to the drawing
    return figure


def finish(
    figure: Figure,
    title: str,
    origin: str | None,
    *,
    subtitle: str = "",
    xlabel: str = "",
    along: Sequence[Axes] = (),
    handles: Sequence[Artist] = (),
) -> None:
    """Set title, subtitle, axis label and legend, make room for them, and lay the figure out once and for all.

    `xlabel` is plain text in lines already; `along` holds the first and the last axes that it speaks of. The
    layout is frozen because constrained layout starts from where it last ended, so that a second saving would
    differ from the first.
    """
    if xlabel:
        # A stand-in of the same height: the label may be wider than its axes, and must not narrow them.
        along[0].set_xlabel("\n".join("x" for _ in xlabel.split("\n")))
    subtitle = balanced(subtitle, 100)
    text, heading, room = _set_title(figure, title, origin, subtitle)
    room += 0.17 * len(xlabel.splitlines())
    if handles:
        room += _set_legend(figure, handles)
    figure.set_figheight(figure.get_figheight() + room)
    engine = figure.get_layout_engine()
    assert engine is not None  # `new_figure` sets it
    engine.execute(figure)  # not the drawing that would follow: it is half of the time
    figure.set_layout_engine(None)  # not "none", with which each saving would draw twice
    if subtitle:
        text.set_text(heading)
        _set_subtitle(figure, text, subtitle)
    if xlabel:
        _centre_label(figure, along, xlabel)


def _set_title(figure: Figure, title: str, origin: str | None, subtitle: str) -> tuple[Text, str, float]:
    """Set the title flush left, in as few lines as fit, above blank lines for the subtitle; return its text and height in inches.

    Data that were not observed say so in capitals before anything else.
    """
    warning = "" if origin is None else f"{origin.upper()} DATA, NOT OBSERVED\n"
    text = figure.suptitle("", x=0.012, ha="left", color="black" if origin is None else ORANGE)
    for width in (88, 76, 64, 52, 40):
        text.set_text(warning + balanced(title, width))
        if text.get_window_extent().width <= 0.97 * figure.bbox.width:
            break
    heading = text.get_text()
    below = [" "] * len(subtitle.splitlines())
    text.set_text("\n".join([heading, *below]))
    return text, heading, 0.1 + 0.18 * (heading.count("\n") + 1 + len(below))


def _set_subtitle(figure: Figure, title: Text, subtitle: str) -> None:
    """Write the subtitle, in regular type, where blank lines of the title kept room for it."""
    box = title.get_window_extent()
    bottom = (box.y0 - 0.03 * figure.dpi) / figure.bbox.height
    figure.text(0.012, bottom, subtitle, ha="left", va="top", fontsize=9.5, color=DARK)


def _set_legend(figure: Figure, handles: Sequence[Artist]) -> float:
    """Set the legend below the axes, in as many columns as fit, and return its height in inches."""
    choices = [n for n in (4, 3, 2, 1) if n == 1 or (n <= len(handles) and (n == 2 or len(handles) == n))]
    for columns in choices:
        legend = figure.legend(
            handles=list(handles),
            loc="outside lower left",
            ncols=columns,
            handlelength=2.6,
            columnspacing=1.5,
        )
        extent = legend.get_window_extent()
        if columns == 1 or extent.width <= 0.98 * figure.bbox.width:
            break
        legend.remove()
    return float(extent.height / figure.dpi) + 0.05


def _centre_label(figure: Figure, along: Sequence[Axes], text: str) -> None:
    """Centre the axis label below its axes, but not beyond the edge of the figure."""
    first, last = along[0].get_position(), along[-1].get_position()
    label = along[0].xaxis.label
    label.set_text(text)
    half = 0.5 * label.get_window_extent().width / figure.bbox.width + 0.01
    middle = min(max(0.5 * (first.x0 + last.x1), half), 1 - half)
    label.set_x((middle - first.x0) / first.width)


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
        if kind == "svg":
            import matplotlib

            matplotlib.rcParams.update(
                {
                    "svg.hashsalt": "bayes_targets",
                    "svg.fonttype": "none",
                    "font.sans-serif": ["DejaVu Sans", "Verdana"],
                }
            )
            metadata = {"Date": None, "Creator": "bayes_targets"}
            figure.savefig(stream, format="svg", facecolor="white", metadata=metadata)
        else:
            _save_png(figure, stream)
    return stream.getvalue()


def _save_png(figure: Figure, stream: io.BytesIO) -> None:
    """Save in at most 128 colours: a third of the bytes in half of the time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.dpi = DPI
    canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image = image.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    image.save(stream, "png", dpi=(DPI, DPI))
