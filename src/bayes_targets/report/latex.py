"""Tables for a paper: booktabs, one file that compiles by itself and can be put into a document."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

_LONG = 28  # characters from which a column is set in lines of its own
_HEADING = 14  # and from which a heading is broken into lines
_CROWDED = 120  # characters that fit a line of landscape paper in a small font
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "^": r"\textasciicircum{}",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "%": r"\%",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": r"{-}",  # never the ligature of a dash
    "\N{MINUS SIGN}": r"$-$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{SUPERSCRIPT TWO}": r"$^2$",
    "\N{DEGREE SIGN}": r"$^\circ$",
    "\N{POUND SIGN}": r"\pounds{}",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
}
_HEAD = r"""% Compiles by itself. In a paper: \input this file; the preamble needs \usepackage[T1]{fontenc}
% and the packages textcomp, booktabs, array and longtable.
\providecommand{\targetsend}{}
\expandafter\ifx\csname @nodocument\endcsname\relax\else
\documentclass[10pt,a4paper,landscape]{article}
\usepackage[margin=2cm]{geometry}
\usepackage[T1]{fontenc}
\usepackage{textcomp,booktabs,array,longtable}
\renewcommand{\targetsend}{\end{document}}
\begin{document}
\fi
% A character that pdfLaTeX has no glyph for: its number there, itself in XeLaTeX and LuaLaTeX.
\providecommand{\targetschar}[2]{\ifdefined\Umathchar#2\else\texttt{[U+#1]}\fi}
"""


def latex_table(
    caption: str, headings: Sequence[str], numeric: Sequence[bool], rows: Sequence[Sequence[str]], label: str
) -> bytes:
    r"""A table of texts as LaTeX, every text escaped; `numeric` columns are flush right, `label` is for ``\ref``, after ``tab:``.

    Examples
    --------
    >>> table = latex_table("Shares", ["area", "mean"], [False, True], [["R&D", "0.5"]], "shares").decode()
    >>> print(table[table.index(r"\toprule"):table.index(r"\endfirsthead")], r"R\&D & 0.5" in table)
    \toprule
    area & mean \\
    \midrule
     True
    """
    heads = [textwrap.wrap(heading, _HEADING) or [""] for heading in headings]
    cells = [[row[i] for row in rows] for i in range(len(headings))]
    widths = [max(map(len, [*head, *column])) for head, column in zip(heads, cells, strict=True)]
    wide = [width > _LONG and not number for width, number in zip(widths, numeric, strict=True)]
    each = 0.62 / max(1, sum(wide))
    columns = "".join(
        rf">{{\raggedright\arraybackslash}}p{{{each:.2f}\linewidth}}" if long else "r" if number else "l"
        for long, number in zip(wide, numeric, strict=True)
    )
    crowded = sum(min(width, _LONG) + 2 for width in widths) > _CROWDED
    size = r"\scriptsize\setlength{\tabcolsep}{3pt}" if crowded else r"\small"
    told, anchor = escape_latex(caption), rf"\label{{tab:{_plain(label)}}} \\"
    head = [r"\toprule", _line(map(_heading, heads)), r"\midrule"]
    table = [
        rf"\begingroup{size}",
        rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
        rf"\caption{{{told}}} {anchor}" if told else anchor,
        *head,
        r"\endfirsthead",
        *([rf"\caption[]{{{told}}} \\"] if told else []),
        *head,
        r"\endhead",
        r"\midrule",
        rf"\multicolumn{{{max(1, len(headings))}}}{{r}}{{Continued on next page}} \\",
        r"\midrule",
        r"\endfoot",
        r"\bottomrule",
        r"\endlastfoot",
        *(_line(map(escape_latex, row)) for row in rows),
        r"\end{longtable}",
        r"\endgroup",
        r"\targetsend",
    ]
    return (_HEAD + "\n".join(table) + "\n").encode()


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _heading(lines: Sequence[str]) -> str:
    told = r"\\".join(map(escape_latex, lines))
    return rf"\shortstack{{{told}}}" if len(lines) > 1 else told


def escape_latex(text: str) -> str:
    r"""Text that LaTeX prints as it stands.

    Examples
    --------
    >>> print(escape_latex("50% of R&D_1"), escape_latex("ש"))
    50\% of R\&D\_1 \targetschar{05E9}{ש}
    """
    return "".join(_escaped(character) for character in " ".join(text.split()))


def _escaped(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    # Latin letters with accents are in the T1 fonts; control and direction characters have nothing to print.
    if unicodedata.category(character)[0] == "C":
        return ""
    if " " <= character <= "~" or "À" <= character <= "ÿ":
        return character
    return rf"\targetschar{{{ord(character):04X}}}{{{character}}}"


def _plain(label: str) -> str:
    return "".join(character if character.isascii() and character.isalnum() else "-" for character in label)
