"""What a page tells of a model: its equation, its priors in units, and its graph."""

from __future__ import annotations

from dataclasses import dataclass

POOLED = {"none": "no pooling", "complete": "complete pooling", "partial": "partial pooling"}


@dataclass(frozen=True)
class PriorNote:
    """One prior, as a row of a table.

    Attributes
    ----------
    symbol : str
        As in the equation.
    meaning : str
        What it is.
    unit : str
        What it is measured in.
    prior : str
        The distribution as it was used, e.g. ``"Normal(0, 5)"``.
    """

    symbol: str
    meaning: str
    unit: str
    prior: str


@dataclass(frozen=True)
class Node:
    """A quantity in the graph of a model.

    Attributes
    ----------
    symbol : str
        As in the equation.
    kind : str
        ``"parameter"``, ``"observed"``, ``"known"`` or ``"derived"``.
    column, row : float
        Where it stands, in steps of the grid.
    plate : str
        What it is repeated over; empty for what is there once.
    parents : tuple of str
        Symbols that it depends on.
    """

    symbol: str
    kind: str
    column: float
    row: float
    plate: str = ""
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelCard:
    """A model in the words and signs of a page.

    Attributes
    ----------
    title : str
        What kind of model it is.
    equation : tuple of str
        Lines in the notation of `mathml`.
    where : str
        What the signs mean that are no parameters.
    priors : tuple of PriorNote
        Of every parameter that has one.
    nodes : tuple of Node
        The graph.
    """

    title: str
    equation: tuple[str, ...]
    where: str
    priors: tuple[PriorNote, ...]
    nodes: tuple[Node, ...]
