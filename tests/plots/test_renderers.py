"""Sizes of texts are kept, and are those that matplotlib measures."""

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bayes_targets.plots import _renderers
from bayes_targets.plots._renderers import AggCanvas


def size(canvas, text, points=10.0):
    drawn = canvas.figure.text(0.1, 0.5, text, fontsize=points)
    box = drawn.get_window_extent(canvas.get_renderer())
    drawn.remove()
    return box.width, box.height


@pytest.mark.parametrize("dpi", [72, 110])
def test_kept_sizes_are_those_of_matplotlib_whatever_is_set_between(dpi):
    own, theirs = AggCanvas(Figure(dpi=dpi)), FigureCanvasAgg(Figure(dpi=dpi))
    for _ in range(2):
        for hinting in ("none", "force_autohint"):
            with matplotlib.rc_context({"text.hinting": hinting}):
                for text, points in (
                    ("Effect of a target", 10.0),
                    ("Effect of a target", 14.0),
                    ("$x^2$ pq", 10.0),
                ):
                    assert size(own, text, points) == size(theirs, text, points)


def test_no_more_texts_are_kept_than_fit(monkeypatch):
    monkeypatch.setattr(_renderers, "_MOST", 8)
    monkeypatch.setattr(_renderers, "_sizes", {})
    canvas = AggCanvas(Figure())
    for i in range(50):
        size(canvas, f"text {i}")
        assert len(_renderers._sizes) <= 8
