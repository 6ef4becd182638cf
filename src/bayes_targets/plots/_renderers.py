"""Canvases that keep the sizes of texts: the layout and the files of figures measure the same ones again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.font_manager import FontProperties

type _Size = tuple[float, float, float]
_MOST = 4096
_sizes: dict[object, _Size] = {}


def _kept(
    measure: Callable[[str, FontProperties, Any], _Size],
    dpi: float,
    text: str,
    font: FontProperties,
    ismath: Any,
) -> _Size:
    """The width, height and descent of a text, measured once for all that they depend on."""
    settings = matplotlib.rcParams
    told = (settings["text.hinting"], *settings["font.sans-serif"])
    key = (measure.__qualname__, dpi, text, font, ismath, told)
    size = _sizes.get(key)
    if size is None:
        if len(_sizes) >= _MOST:
            _sizes.clear()
        size = measure(text, font, ismath)
        _sizes[measure.__qualname__, dpi, text, font.copy(), ismath, told] = size  # fonts can be changed
    return size


class _Agg(RendererAgg):
    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> _Size:
        return _kept(super().get_text_width_height_descent, self.dpi, s, prop, ismath)


class _Svg(RendererSVG):
    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> _Size:
        return _kept(super().get_text_width_height_descent, 72, s, prop, ismath)


class AggCanvas(FigureCanvasAgg):
    """The canvas a figure is laid out on and saved from as PNG."""

    _size: tuple[float, float, float] | None = None

    def get_renderer(self) -> Any:
        """The renderer of the figure's size, kept while that stays."""
        size = (*self.get_width_height(physical=True), self.figure.dpi)
        if self._size != size:
            self._size, self.renderer = size, _Agg(*size)  # type: ignore[no-untyped-call]
        return self.renderer


class SvgCanvas(FigureCanvasSVG):
    """The canvas a figure is saved from as SVG."""

    def print_svg(
        self, filename: Any, *, bbox_inches_restore: Any = None, metadata: Any = None, **_: Any
    ) -> None:
        """Draw the figure into a stream of text, as matplotlib does."""
        dpi, self.figure.dpi = self.figure.dpi, 72
        width, height = self.figure.get_size_inches()
        svg: Any = _Svg(72 * width, 72 * height, filename, image_dpi=dpi, metadata=metadata)  # type: ignore[no-untyped-call]
        renderer: Any = MixedModeRenderer(  # type: ignore[no-untyped-call]
            self.figure, width, height, dpi, svg, bbox_inches_restore=bbox_inches_restore
        )
        self.figure.draw(renderer)
        renderer.finalize()
