"""Matplotlib's SVG made part of a page: nothing in it that could act, ids of its own, colours that follow the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from xml.etree import ElementTree

from ..errors import DataError

# What matplotlib draws with; anything else (scripts, links, foreign objects) is left out.
_ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        "svg g defs path use clipPath rect circle ellipse line polygon polyline text tspan pattern image linearGradient "
        "radialGradient stop title desc",
    )
)
_DROPPED = re.compile(r"on\w+$", re.IGNORECASE)
_LINK = re.compile(r"url\(#([^)]+)\)")

# The colours of the figures' one look, as variables that base.html sets for light and dark.
_COLOURS = {
    "#ffffff": "paper",
    "white": "paper",
    "#000000": "ink",
    "#333333": "dark",
    "#0072b2": "blue",
    "#d55e00": "orange",
    "#e2e2e2": "pale",
    "#ebebeb": "grid",
    "#b8d4e8": "sky",
}
_COLOUR = re.compile(r"(fill|stroke)(\s*:\s*)(" + "|".join(_COLOURS) + r")\b", re.IGNORECASE)


def inline_svg(content: bytes, name: str, alt: str) -> str:
    """A figure as an ``<svg>`` element of a page.

    Parameters
    ----------
    content : bytes
        An SVG file.
    name : str
        What its ids begin with, so that two figures of a page have none in common.
    alt : str
        Text alternative.

    Returns
    -------
    str
        HTML without scripts, links or anything that asks the network.

    Raises
    ------
    DataError
        If it is not SVG.

    Examples
    --------
    >>> print(inline_svg(b"<svg><script/><path onclick='' id='a' fill='#0072B2'/></svg>", "f", "a line"))
    <svg role="img" aria-label="a line"><path id="f-a" fill="var(--fig-blue)"></path></svg>
    """
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise DataError(f"figure {name}: not SVG ({error})") from None
    if _local(root.tag) != "svg":
        raise DataError(f"figure {name}: found <{_local(root.tag)}>, expected <svg>")
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    own = f' role="img" aria-label="{escape(alt)}"'
    return "".join(_written(root, re.sub(r"\W", "-", name), own))


def _written(element: ElementTree.Element, prefix: str, more: str = "") -> Iterator[str]:
    tag = _local(element.tag)
    if tag not in _ELEMENTS:
        return
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in _attributes(element, prefix))
    yield f"<{tag}{more}{attributes}>{_text(element.text)}"
    for child in element:
        yield from _written(child, prefix)
        yield _text(child.tail)
    yield f"</{tag}>"


def _attributes(element: ElementTree.Element, prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        key = _local(name)
        if _DROPPED.match(key) or key in ("role", "aria-label"):
            continue
        if key == "id":
            value = f"{prefix}-{value}"
        elif key == "href":
            if not value.startswith(("#", "data:image/png;base64,")):
                continue
            value = f"#{prefix}-{value[1:]}" if value[0] == "#" else value
        value = _LINK.sub(rf"url(#{prefix}-\1)", value)
        if key == "style":
            value = _COLOUR.sub(lambda m: f"{m[1]}{m[2]}var(--fig-{_COLOURS[m[3].lower()]})", value)
        elif key in ("fill", "stroke") and value.lower() in _COLOURS:
            value = f"var(--fig-{_COLOURS[value.lower()]})"
        yield key, value


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _text(text: str | None) -> str:
    return escape(text) if text and text.strip() else ""
