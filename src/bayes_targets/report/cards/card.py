"""What a page tells of a model: its equation, shown by the browser as MathML, and its priors in units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

_TOKEN = re.compile(
    r"(?P<base>\"[^\"]*\"|[^\W\d_]+|\d+(?:\.\d+)?|[^\w\s])"
    r"(?:_(?P<sub>\{[^}]*\}|\w))?(?:\^(?P<sup>\{[^}]*\}|[^\s{]))?"
)
POOLED = {"none": "no pooling", "complete": "complete pooling", "partial": "partial pooling"}


@dataclass(frozen=True)
class PriorNote:
    """One prior, as a row of a table: `symbol` as in the equation, `prior` as it was used, e.g. ``"Normal(0, 5)"``."""

    symbol: str
    meaning: str
    unit: str
    prior: str


@dataclass(frozen=True)
class ModelCard:
    """A model in the words and signs of a page: lines of `mathml`, what signs mean `where` they are no parameters, priors."""

    title: str
    equation: tuple[str, ...]
    where: str
    priors: tuple[PriorNote, ...]


def mathml(equation: str) -> str:
    r"""An equation or a sign as a ``<math>`` element; nothing of it is read as HTML.

    Words, numbers and signs have spaces between them; ``_`` and ``^`` set what follows (a character, or a group in braces)
    below and above; words of several letters stand upright, and so does text in double quotes.

    Examples
    --------
    >>> mathml("b_k ~ N")
    '<math><msub><mi>b</mi><mi>k</mi></msub><mo lspace="0.3em" rspace="0.3em">~</mo><mi>N</mi></math>'
    """
    return f"<math>{_row(equation)}</math>"


def _row(text: str) -> str:
    return "".join(_scripted(match) for match in _TOKEN.finditer(text))


def _scripted(match: re.Match[str]) -> str:
    base, sub, sup = _atom(match["base"]), match["sub"], match["sup"]
    if sub and sup:
        return f"<msubsup>{base}{_group(sub)}{_group(sup)}</msubsup>"
    if sub:
        return f"<msub>{base}{_group(sub)}</msub>"
    return f"<msup>{base}{_group(sup)}</msup>" if sup else base


def _group(text: str) -> str:
    return f"<mrow>{_row(text[1:-1])}</mrow>" if text.startswith("{") else _atom(text)


def _atom(text: str) -> str:
    if text.startswith('"'):
        return f"<mtext>{escape(text[1:-1])}</mtext>"
    if text[0].isdigit():
        return f"<mn>{escape(text)}</mn>"
    if text[0].isalpha():
        return f"<mi>{escape(text)}</mi>"
    # Browsers know how much room a plus takes, not how much this sign does.
    room = ' lspace="0.3em" rspace="0.3em"' if text == "~" else ""
    return f"<mo{room}>{escape(text)}</mo>"
