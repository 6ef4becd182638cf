"""Equations as MathML, which browsers draw by themselves, in the page's own colour: no script and no network.

Reads as much of TeX as these docs and docstrings use. A command that it does not know fails the build.
"""

import re
from html import escape

from docutils import nodes

_GREEK = (
    "alpha α beta β gamma γ delta δ epsilon ϵ eta η theta θ kappa κ lambda λ mu μ nu ν pi π rho ρ sigma σ tau τ phi ϕ "
    "omega ω Lambda Λ Sigma Σ Phi Φ partial ∂"
)
_OPERATORS = "sim ∼ mid ∣ sum ∑ int ∫ prod ∏ le ≤ ge ≥ in ∈ to → pm ± approx ≈ cdot ⋅ cdots ⋯ infty ∞ propto ∝ { { } } | ‖"
SIGNS = dict(zip(_GREEK.split()[::2], _GREEK.split()[1::2], strict=True))
OPERATORS = dict(zip(_OPERATORS.split()[::2], _OPERATORS.split()[1::2], strict=True))
FUNCTIONS = {"log", "exp", "sinh", "cosh", "min", "max"}
SPACES = {",": 0.17, ";": 0.28, "!": -0.17, "quad": 1, "qquad": 2, " ": 0.25}
ACCENTS = {"hat": "^", "bar": "¯", "overline": "¯"}
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")


class UnknownMathError(ValueError):
    """TeX that this reader has no MathML for."""


def mathml(tex: str, display: bool = False) -> str:
    r"""One equation as a ``<math>`` element.

    Examples
    --------
    >>> mathml(r"\tau^2")
    '<math><msup><mi>τ</mi><mn>2</mn></msup></math>'
    """
    # Text keeps its spaces, everything else loses them.
    texts = re.findall(r"\\(?:text|mathrm)\{([^{}]*)\}", tex)
    tokens = TOKEN.findall(re.sub(r"\\(?:text|mathrm)\{[^{}]*\}", r" \\text ", tex))
    tokens.reverse()
    texts.reverse()
    body = _row(tokens, texts, set())
    if tokens:
        raise UnknownMathError(f"{tokens[-1]!r} closes nothing in {tex!r}")
    return f'<math display="block">{body}</math>' if display else f"<math>{body}</math>"


def _row(tokens: list[str], texts: list[str], ends: set[str]) -> str:
    parts = []
    while tokens and tokens[-1] not in ends and tokens[-1] != "}":
        parts.append(_scripted(tokens, texts))
    return "".join(parts)


def _scripted(tokens: list[str], texts: list[str]) -> str:
    big = tokens[-1] in (r"\sum", r"\int", r"\prod")
    base = _atom(tokens, texts)
    below = above = ""
    while tokens and tokens[-1] in ("_", "^", "'"):
        if tokens[-1] == "'":
            above += "<mo>′</mo>"
            tokens.pop()
        elif tokens.pop() == "_":
            below = _argument(tokens, texts)
        else:
            above += _argument(tokens, texts)
    above = f"<mrow>{above}</mrow>" if above.count("</m") > 1 and not above.startswith("<mrow>") else above
    if not below and not above:
        return base
    tag = ("munder", "mover", "munderover") if big else ("msub", "msup", "msubsup")
    kind = tag[2] if below and above else tag[0] if below else tag[1]
    return f"<{kind}>{base}{below}{above}</{kind}>"


def _atom(tokens: list[str], texts: list[str]) -> str:
    token = tokens.pop()
    if token == "{":
        inside = _row(tokens, texts, set())
        _close(tokens, "}")
        return f"<mrow>{inside}</mrow>"
    if not token.startswith("\\") or token[1:] in OPERATORS:
        return _plain(OPERATORS.get(token[1:], token) if token.startswith("\\") else token)
    name = token[1:]
    if name in SIGNS:
        return f"<mi>{SIGNS[name]}</mi>"
    if name in FUNCTIONS:
        room = '<mspace width="0.17em"></mspace>' if tokens and tokens[-1] not in "_^(" else ""
        return f"<mi>{name}</mi>{room}"
    if name in SPACES:
        return f'<mspace width="{SPACES[name]}em"></mspace>'
    if name == "text":
        return f"<mtext>{escape(texts.pop())}</mtext>"
    if name in ("frac", "tfrac"):
        over, under = _argument(tokens, texts), _argument(tokens, texts)
        fraction = f"<mfrac>{over}{under}</mfrac>"
        return f'<mstyle displaystyle="false">{fraction}</mstyle>' if name == "tfrac" else fraction
    if name == "sqrt":
        return f"<msqrt>{_argument(tokens, texts)}</msqrt>"
    if name in ACCENTS:
        return f'<mover accent="true">{_atom(tokens, texts)}<mo stretchy="{str(name == "overline").lower()}">{ACCENTS[name]}</mo></mover>'
    if name == "left":
        opening = _fence(tokens.pop())
        inside = _row(tokens, texts, {r"\right"})
        _close(tokens, r"\right")
        return f"<mrow>{opening}{inside}{_fence(tokens.pop())}</mrow>"
    if name in ("Big", "big"):
        return f'<mo minsize="1.8em" maxsize="1.8em">{escape(tokens.pop().lstrip(chr(92)))}</mo>'
    raise UnknownMathError(f"no MathML for {token!r}: add it to {__name__}")


def _argument(tokens: list[str], texts: list[str]) -> str:
    """Of a fraction, a root or a script: one group, or one character."""
    if len(tokens[-1]) > 1 and tokens[-1][0].isdigit():
        number = tokens.pop()
        tokens += [number[1:], number[0]]
    return _atom(tokens, texts)


def _plain(token: str) -> str:
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{escape(token)}</mi>"
    stretch = ' stretchy="false"' if token in "()[]{}" else ""
    if token in "|‖":
        stretch = ' stretchy="false" lspace="0" rspace="0"'
    return f"<mo{stretch}>{escape('−' if token == '-' else token)}</mo>"


def _fence(token: str) -> str:
    return "" if token == "." else f"<mo>{escape(token.lstrip(chr(92)))}</mo>"


def _close(tokens: list[str], end: str) -> None:
    if not tokens or tokens.pop() != end:
        raise UnknownMathError(f"{end!r} is missing")


def _inline(translator, node) -> None:
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator, node) -> None:
    translator.body.append(f'<div class="math">{mathml(node.astext(), display=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    """Register the renderer under the name that ``html_math_renderer`` gives."""
    app.add_html_math_renderer("offline", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
