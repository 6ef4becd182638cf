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
    """A table with a caption, which says what rows and columns are, units and interval included."""

    frame: pd.DataFrame  # written as CSV in full
    caption: str
    shown: pd.DataFrame | None = None  # what the page shows instead, where the full table is too long to read
    section: str = "results"  # or "sensitivity": where on the page it stands
    # Headings of columns on the page, where those of `report.cells.HEADINGS` would not be true.
    headings: Mapping[str, str] = field(default_factory=dict)
    shares: tuple[str, ...] = ()  # columns that the page shows in per cent
    _cells: dict[Any, dict[str, Any]] = field(default_factory=dict, init=False, repr=False)

    def cells(self, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What the page and the LaTeX file show of it, as texts; see `table_cells`. Not to be changed: they share it."""
        known = tuple((labels or {}).items())
        if known not in self._cells:
            shown = self.frame if self.shown is None else self.shown
            self._cells[known] = table_cells(shown, self.headings, labels, self.shares)
        return self._cells[known]

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
    """What one analysis found; tables, pictures and posteriors by name, which is that of their files without ending."""

    answer: str  # to the analysis' question, in one sentence
    tables: Mapping[str, Table] = field(
        default_factory=dict
    )  # ``comparison``: the posterior beside classical estimates
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    posteriors: Mapping[str, xr.DataTree] = field(default_factory=dict)  # the first is the headline
    limits: tuple[str, ...] = ()  # what cannot be concluded, a sentence each
    methods: tuple[str, ...] = ()  # how the model is built, a paragraph each
    headlines: tuple[Headline, ...] = ()  # what the first page of a run shows before anything else
    ledger: str = ""  # the table of claims with their probabilities, which the first page of a run shows
    notes: tuple[str, ...] = ()  # what was recognised, assumed or left out in reading, a sentence each
    points: tuple[str, ...] = ()  # what a reader must hear right after the answer, a line each
    paragraph: str = ""  # to paste into a report: model, prior, estimate, thresholds, versions, how to cite
    labels: Mapping[str, str] = field(default_factory=dict)  # names of posteriors in words, for the page
    terms: tuple[tuple[str, str], ...] = ()  # words that a reader needs, each with what it means
    # The picture on the first page of a run, analysis and picture, such as "cohesion_published/masses"; its caption and alternative.
    cover: str = ""
    cover_text: str = ""
    # What was analysed and asked, where the first lines of the script do not say it: for a user's own file.
    title: str = ""
    question: str = ""
    # Alternatives to the answer that are not reported, by the name of their posterior, and why.
    lost: Mapping[str, str] = field(default_factory=dict)


def read_table(file: Path, record: Mapping[str, Any]) -> Table:
    """A table from the CSV file that was made of it; numbers have six digits and attrs are gone."""
    text = map_cells(read_file(file).decode(), unguarded)
    return Table(pd.read_csv(io.StringIO(text), index_col=record["index"]), record["caption"])
