"""The one look of all figures: colours, marks, safe text, and words for numbers and intervals."""

from __future__ import annotations

import functools
import math
import re
import textwrap
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import DataError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

SMALL_SAMPLE = 5
"""Rows that rest on fewer cases than this are marked."""

# Okabe and Ito's palette, which colour-blind readers can tell apart.
DARK, BLUE, ORANGE, AMBER, PALE, GRID = "#333333", "#0072B2", "#D55E00", "#E69F00", "#E2E2E2", "#EBEBEB"
DASHES, DOTS = (0, (5, 2.5)), ":"
PRIOR: dict[str, Any] = {"color": DARK, "linewidth": 1.3, "linestyle": DASHES}
"""How the curve of a prior is drawn."""

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.edgecolor": DARK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "figure.titlesize": 11.0,
    "figure.titleweight": "bold",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.7,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "text.color": "black",
    "text.hinting": "none",
}


@dataclass(frozen=True)
class Look:
    """How one kind of estimate is drawn; line style and marker tell it apart where colour does not."""

    colour: str
    line: Literal["-", "-.", ":", "none"] | tuple[float, tuple[float, ...]]
    marker: str
    width: float
    filled: bool


DATA_ALONE = Look(DARK, (0, (2.5, 1.5)), "s", 1.1, filled=False)
POSTERIOR = Look(BLUE, "-", "o", 2.0, filled=True)
MUTED = {
    DATA_ALONE: Look("#8A8A8A", (0, (2.5, 1.5)), "s", 0.9, filled=False),
    POSTERIOR: Look("#7FB8D8", "-", "o", 1.5, filled=True),
}
"""The looks of rows that are not in question, where others are."""
LOOKS = (POSTERIOR, Look(ORANGE, "-.", "D", 1.6, filled=True), Look(DARK, ":", "^", 1.6, filled=True))
"""The looks of several posteriors in one figure."""


def style() -> AbstractContextManager[None]:
    """Matplotlib's own defaults and ours on top, for the length of a ``with`` block."""
    import matplotlib.style

    return matplotlib.style.context(["default", _SETTINGS])


def styled[**P, T](draw: Callable[P, T]) -> Callable[P, T]:
    """Make a function draw in our style, whatever the settings of matplotlib are where it is called."""

    @functools.wraps(draw)
    def within(*args: P.args, **options: P.kwargs) -> T:
        with style():
            return draw(*args, **options)

    return within


def plain(text: object) -> str:
    r"""Make text that matplotlib draws as it stands: no formulas, no line breaks, no control characters.

    Examples
    --------
    >>> print(plain("cost of $x$"))
    cost of \$x\$
    """
    # Categories C* are what has no glyph and no place in an SVG: control, format, surrogate, unassigned.
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text))
    return re.sub(r" {2,}", " ", shown).strip().replace("$", r"\$")


def wrapped(text: object, width: int, *, max_lines: int = 4) -> str:
    """Break plain text into lines of `width` characters; beyond `max_lines` it ends in an ellipsis."""
    return "\n".join(textwrap.wrap(plain(text), width, max_lines=max_lines, placeholder=" …"))


def balanced(text: object, width: int) -> str:
    """Break plain text into as few lines of `width` characters as it takes, of about the same length.

    Examples
    --------
    >>> print(balanced("percentage points for one s.d. of the predictor (or from 0 to 1)", 60))
    percentage points for one s.d. of
    the predictor (or from 0 to 1)
    """
    lines = wrapped(text, width)
    breaks = lines.count("\n")
    if not 1 <= breaks <= 2:
        return lines
    while wrapped(text, width - 1).count("\n") == breaks:
        width -= 1
    return wrapped(text, width)


def origin_of(origin: str | None, *attrs: Mapping[Any, Any]) -> str | None:
    """Find the origin of the data, as told or else in the tables' attrs; None where nothing says made-up."""
    known = ["observed", "published", "reconstructed", "simulated"]
    told = [origin] if origin is not None else [a["origin"] for a in attrs if a.get("origin") is not None]
    for name in told:
        if name not in known:
            raise DataError(
                f"origin: found {name!r}, expected one of {known}; {did_you_mean(str(name), known)}"
            )
    made_up = sorted({str(name) for name in told} - {"observed", "published"})
    return " and ".join(made_up) or None


def interval_words(attrs: Mapping[Any, Any], name: str) -> str:
    """Kind and probability of the posterior intervals, in words, from a table's attrs.

    Examples
    --------
    >>> interval_words({"interval": "eti", "prob": 0.95}, "table")
    '95% equal-tailed interval'
    """
    kinds = {"eti": "equal-tailed interval", "hdi": "highest-density interval"}
    kind = attrs.get("interval")
    if kind not in kinds:
        raise DataError(f"{name}: attrs['interval'] is {kind!r}, expected 'eti' or 'hdi'")
    return f"{percent(attrs, 'prob', name)} {kinds[kind]}"


def percent(attrs: Mapping[Any, Any], key: str, name: str) -> str:
    """Write a probability in a table's attrs as a percentage, e.g. ``'95%'``."""
    prob = attrs.get(key)
    if not isinstance(prob, int | float) or not 0 < prob < 1:
        raise DataError(f"{name}: attrs[{key!r}] is {prob!r}, expected a probability between 0 and 1")
    return f"{100 * prob:.4g}%"


def classical_percent(attrs: Mapping[Any, Any], name: str) -> str:
    """Write the probability of the intervals of OLS or counts: that of the posterior, unless attrs have another."""
    return percent(attrs, "ols_prob" if "ols_prob" in attrs else "prob", name)


def direction(better: object = None) -> str:
    """Which way along the axis is better, in words, or only higher where that is not known.

    Examples
    --------
    >>> direction("higher")
    '← worse  |  better →'
    """
    return {"higher": "← worse  |  better →", "lower": "← better  |  worse →"}.get(
        str(better), "← lower  |  higher →"
    )


def estimate_text(middle: float, low: float, high: float, *, ratio: bool = False) -> str:
    """Write an estimate and its interval to two digits of the wider end, a third if the estimate has none; of logs, the ratios.

    Examples
    --------
    >>> estimate_text(0.936, -0.345, 2.22), estimate_text(-0.048, -1.44, 1.35)
    ('0.9 (−0.3 to 2.2)', '−0.05 (−1.44 to 1.35)')
    """
    if ratio:
        middle, low, high = math.exp(middle), math.exp(low), math.exp(high)
    if low == high:  # a point has no interval
        return number(middle)
    digits = 2 if ratio else max(0, 1 - math.floor(math.log10(max(abs(low), abs(high)))))
    digits += 0 < abs(middle) < 10.0**-digits
    parts = (f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") for value in (middle, low, high))
    return "{} ({} to {})".format(*parts)


def number(value: float) -> str:
    """Write a short number with a proper minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def key(look: Look, label: str, *, hollow: bool = False, line: bool = True) -> Line2D:
    """Make the legend entry of a look."""
    return line_key(
        label, color=look.colour, linestyle=look.line if line else "none", linewidth=look.width, marker=look.marker,
        markersize=6, markerfacecolor=look.colour if look.filled and not hollow else "white",
    )  # fmt: skip


def line_key(label: str, **looks: Any) -> Line2D:
    """Make the legend entry of a line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **looks)


def patch_key(colour: str, label: str, **looks: Any) -> Patch:
    """Make the legend entry of an area."""
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, label=label, **looks)


def small_note(items: str = "cases") -> str:
    """Explain the dagger."""
    return f"† fewer than {SMALL_SAMPLE} {items}: read with care"


def small_sample_key() -> Line2D:
    """Make the legend entry that explains dagger and hollow marker."""
    return key(POSTERIOR, small_note(), hollow=True, line=False)
