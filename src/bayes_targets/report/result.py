"""What an analysis returns: words, tables, figures, posteriors."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from ..comparison.claims import Headline
from ..files import guarded, map_cells, read_file, unguarded
from .cells import table_cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with what to see in it, its text alternative, and the section of the page where it stands."""

    figure: Figure
    caption: str
    alt: str
    section: str = "results"


@dataclass(frozen=True, eq=False)
class Table:
    """A table with a caption.

    Attributes
    ----------
    frame : pandas.DataFrame
        Written as CSV in full.
    caption : str
        What the rows and columns are, units and interval included.
    shown : pandas.DataFrame or None
        What the page shows instead, where the full table is too long to read.
    section : {"results", "sensitivity"}
        Where on the page it stands.
    headings : mapping of str to str
        Headings of columns on the page, where those of `report.cells.HEADINGS` would not be true.
    shares : tuple of str
        Columns of shares, which the page shows in per cent.
    """

    frame: pd.DataFrame
    caption: str
    shown: pd.DataFrame | None = None
    section: str = "results"
    headings: Mapping[str, str] = field(default_factory=dict)
    shares: tuple[str, ...] = ()

    def cells(self, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What the page shows of it, as texts; see `table_cells`."""
        shown = self.frame if self.shown is None else self.shown
        return table_cells(shown, self.headings, labels, self.shares)

    def to_csv(self) -> bytes:
        """The full table as a CSV file, with its index where that has a name.

        Texts that a spreadsheet would take for formulas have a mark before them; see `bayes_targets.files.guarded`.
        """
        named = self.frame.index.names != [None]
        text = self.frame.to_csv(index=named, float_format="%.6g", lineterminator="\n")
        return map_cells(text, guarded).encode("utf-8", "replace")

    def as_record(self) -> dict[str, Any]:
        """What `read_table` needs beside the CSV file."""
        names = list(self.frame.index.names)
        return {"caption": self.caption, "index": None if names == [None] else names}


@dataclass(frozen=True, eq=False)
class Result:
    """What one analysis found.

    Attributes
    ----------
    answer : str
        The answer to the analysis' question, in one sentence.
    tables : mapping of str to Table
        By file name without ending; ``comparison`` is the posterior beside the frequentist estimates.
    pictures : mapping of str to Picture
        By file name without ending.
    posteriors : mapping of str to xarray.DataTree
        By name; the first is the headline.
    limits : tuple of str
        What cannot be concluded, a sentence each.
    methods : tuple of str
        How the model is built, a paragraph each.
    headlines : tuple of Headline
        What the first page of a run shows before anything else.
    ledger : str
        Name of the table that holds the claims of studies with their probabilities, which the first page of a run shows.
    notes : tuple of str
        What was recognised, assumed or left out in reading the input, a sentence each; all of it stands on the page.
    points : tuple of str
        What a reader must hear right after the answer, a line each.
    paragraph : str
        A paragraph to paste into a report: model, prior, estimate, thresholds, versions, how to cite.
    labels : mapping of str to str
        Names of posteriors in words, for the page.
    terms : tuple of (str, str)
        Words that a reader of the first page of a run needs, each with what it means.
    cover : str
        The picture on the first page of a run: analysis and picture, such as ``"cohesion_published/masses"``; what to see in it
        stands in `cover_text`.
    cover_text : str
        Caption and text alternative of it.
    title, question : str
        What was analysed and asked, where the first lines of the script do not say it: for a user's own file.
    """

    answer: str
    tables: Mapping[str, Table] = field(default_factory=dict)
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    posteriors: Mapping[str, xr.DataTree] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    ledger: str = ""
    notes: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    paragraph: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    terms: tuple[tuple[str, str], ...] = ()
    cover: str = ""
    cover_text: str = ""
    title: str = ""
    question: str = ""


def read_table(file: Path, record: Mapping[str, Any]) -> Table:
    """A table from the CSV file that was made of it; numbers have six digits and attrs are gone."""
    text = map_cells(read_file(file).decode(), unguarded)
    return Table(pd.read_csv(io.StringIO(text), index_col=record["index"]), record["caption"])
