"""A result as a Word document, and as Markdown: answer, what follows from it, tables, figures, and a paragraph to paste."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import DataError
from .result import Result, Table

_MOST_ROWS = 60


def word_document(result: Result, figures: Mapping[str, bytes], *, title: str, question: str) -> bytes:
    """A result as a Word document, with the PNG of each picture; the same result gives the same text, tables and figures."""
    require_word()
    import docx
    from docx.shared import Inches

    document = docx.Document()
    document.core_properties.title = title
    document.core_properties.author = "bayes_targets"
    document.add_heading(title, level=0)
    document.add_paragraph(question)
    document.add_paragraph().add_run(result.answer).bold = True
    for point in result.points:
        document.add_paragraph(point, style="List Bullet")
    for name, picture in result.pictures.items():
        document.add_picture(io.BytesIO(figures[name]), width=Inches(6.2))
        document.add_paragraph(picture.caption).style = document.styles["Caption"]
    for table in result.tables.values():
        document.add_paragraph(table.caption).style = document.styles["Caption"]
        _add_table(document, table.cells())
    for heading, lines in _sections(result):
        document.add_heading(heading, level=1)
        for line in lines:
            document.add_paragraph(line)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def require_word() -> None:
    """Raise unless Word documents can be written."""
    from importlib.util import find_spec

    if find_spec("docx") is None:
        raise DataError(
            "--word: writing Word documents needs python-docx, which is not installed; expected the extra 'word' "
            "(pip install 'bayes-targets[word]')"
        )


def to_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool] = ()) -> str:
    r"""A table of texts in Markdown; `numeric` columns are flush right.

    Examples
    --------
    >>> print(to_markdown(["area", "mean"], [["R|D", "0.5"]], [False, True]))
    | area | mean |
    | --- | ---: |
    | R\|D | 0.5 |
    """
    lines = [headings, ["---:" if right else "---" for right in numeric or [False] * len(headings)], *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def table_markdown(table: Table) -> str:
    """What a page shows of a table, in Markdown, with its caption."""
    cells = table.cells()
    return f"{table.caption}\n\n{to_markdown(cells['headings'], cells['rows'], cells['numeric'])}"


def result_markdown(result: Result, *, title: str, question: str) -> bytes:
    """Answer, tables and what is assumed as one Markdown file."""
    parts = [
        f"# {title}",
        question,
        f"**{result.answer}**",
        "\n".join(f"- {point}" for point in result.points),
    ]
    parts += [
        f"![{picture.alt}]({name}.png)\n\n{picture.caption}" for name, picture in result.pictures.items()
    ]
    parts += [table_markdown(table) for table in result.tables.values()]
    for heading, lines in _sections(result):
        parts += [f"## {heading}", *lines]
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def _sections(result: Result) -> Iterator[tuple[str, Sequence[str]]]:
    told = {
        "How it was computed": result.methods,
        "What was read and assumed": result.notes,
        "What cannot be concluded": result.limits,
        "A paragraph to paste": [result.paragraph] if result.paragraph else [],
    }
    yield from ((heading, lines) for heading, lines in told.items() if lines)


def _escaped(cell: str) -> str:
    return " ".join(str(cell).split()).replace("|", r"\|")


def _add_table(document: Any, cells: Mapping[str, Any]) -> None:
    rows = cells["rows"][:_MOST_ROWS]
    if not cells["headings"] or not rows:
        return
    grid = document.add_table(rows=1, cols=len(cells["headings"]), style="Light Grid Accent 1")
    for cell, heading in zip(grid.rows[0].cells, cells["headings"], strict=True):
        cell.text = heading
    for row in rows:
        for cell, text in zip(grid.add_row().cells, row, strict=True):
            cell.text = text
    if len(cells["rows"]) > _MOST_ROWS:
        document.add_paragraph(f"{len(cells['rows']) - _MOST_ROWS} more rows are in the CSV file.")
