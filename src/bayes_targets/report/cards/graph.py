"""The graph of a model as SVG: circles for parameters, a filled one for data, boxes around what is repeated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .card import Node

_STEP_X, _STEP_Y, _RADIUS, _EDGE = 78.0, 74.0, 19.0, 32.0
_KNOWN = 15.0
_WORDS = {"parameter": "unknown", "observed": "data", "known": "known", "derived": "given by its parents"}


def draw_graph(nodes: Sequence[Node]) -> str:
    """An ``<svg>`` element with a text alternative; colours are those of the page.

    Parameters
    ----------
    nodes : sequence of Node
        What the graph is made of.

    Returns
    -------
    str
        Nothing of the nodes' texts is read as markup.

    Examples
    --------
    >>> graph = draw_graph([Node("μ", "parameter", 0, 0), Node("y", "observed", 0, 1, "area", ("μ",))])
    >>> graph.count("<circle"), graph.count("<rect"), "y (data, for each area) depends on μ" in graph
    (2, 1, True)
    """
    place = {node.symbol: _centre(node) for node in nodes}
    width = max(x for x, _ in place.values()) + _RADIUS + _EDGE
    height = max(y for _, y in place.values()) + _RADIUS + _EDGE + 8
    parts = [_plate(name, nodes, place) for name in dict.fromkeys(n.plate for n in nodes if n.plate)]
    parts += [
        _arrow(place[parent], place[node.symbol], _known(parent, nodes))
        for node in nodes
        for parent in node.parents
    ]
    parts += [_shape(node, *place[node.symbol]) for node in nodes]
    return (
        f'<svg class="graph" role="img" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        f'aria-label="{escape(_words(nodes))}">{"".join(parts)}</svg>'
    )


def _centre(node: Node) -> tuple[float, float]:
    return _EDGE + _RADIUS + _STEP_X * node.column, _EDGE + _RADIUS + _STEP_Y * node.row


def _known(symbol: str, nodes: Sequence[Node]) -> bool:
    return any(node.symbol == symbol and node.kind == "known" for node in nodes)


def _plate(name: str, nodes: Sequence[Node], place: dict[str, tuple[float, float]]) -> str:
    inside = [place[node.symbol] for node in nodes if node.plate == name]
    left, right = (pick(x for x, _ in inside) for pick in (min, max))
    top, bottom = (pick(y for _, y in inside) for pick in (min, max))
    room = _RADIUS + 9
    wide = max(right - left + 2 * room, 7.2 * len(name) + 14)
    start = 0.5 * (left + right - wide)
    return (
        f'<rect class="plate" x="{start:.1f}" y="{top - room:.1f}" width="{wide:.1f}" '
        f'height="{bottom - top + 2 * room + 14:.1f}" rx="8"/>'
        f'<text class="label" x="{start + wide - 7:.1f}" y="{bottom + room + 9:.1f}" text-anchor="end">{escape(name)}</text>'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float], known: bool) -> str:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy)
    ux, uy = dx / length, dy / length
    away = _KNOWN * 1.25 if known else _RADIUS
    x1, y1 = start[0] + away * ux, start[1] + away * uy
    x2, y2 = end[0] - (_RADIUS + 2) * ux, end[1] - (_RADIUS + 2) * uy
    head = " ".join(
        f"{x2 - 8 * ux + side * 3.5 * uy:.1f},{y2 - 8 * uy - side * 3.5 * ux:.1f}" for side in (1, -1)
    )
    return (
        f'<path class="arrow" d="M{x1:.1f} {y1:.1f}L{x2 - 6 * ux:.1f} {y2 - 6 * uy:.1f}"/>'
        f'<polygon class="head" points="{x2:.1f},{y2:.1f} {head}"/>'
    )


def _shape(node: Node, x: float, y: float) -> str:
    symbol, _, sub = node.symbol.partition("_")
    text = escape(symbol) + (f'<tspan dy="4" font-size="11">{escape(sub)}</tspan>' if sub else "")
    text = (
        f'<text class="symbol {node.kind}" x="{x:.1f}" y="{y + 5.5:.1f}" text-anchor="middle">{text}</text>'
    )
    if node.kind == "known":
        side = 2 * _KNOWN
        return f'<path class="known" d="M{x - _KNOWN:.1f} {y - _KNOWN:.1f}h{side:.0f}v{side:.0f}h-{side:.0f}z"/>{text}'
    return f'<circle class="{node.kind}" cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS:.0f}"/>{text}'


def _words(nodes: Sequence[Node]) -> str:
    told = []
    for node in nodes:
        kind = _WORDS[node.kind] + (f", for each {node.plate}" if node.plate else "")
        told.append(
            f"{node.symbol} ({kind})" + (f" depends on {', '.join(node.parents)}" if node.parents else "")
        )
    return f"Graph of the model: {'; '.join(told)}."
