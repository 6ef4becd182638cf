"""Checks of one printed table of estimates: slope, s.e., t, p, interval and stars against one another, over all rounding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...evaluation import Evaluation
from ...readers import uncertainty
from ...readers.rows import Row, printed_rows
from ...readers.uncertainty import Figure, critical
from ..intervals import Interval, quotient, size_of
from .findings import Check, judge, number, span
from .stars import TAILS, Convention, Starred, check_star, check_tails, p_box, p_words

_NORMAL = "the normal distribution is the reference"
_FEW = "degrees of freedom are few, which are not known"
_NEEDS = {
    "t against b/s.e.": ("t", "a standard error and a t"),
    "p against b/s.e.": ("p", "a p-value, and a standard error, a t or an interval"),
    "interval against b and s.e.": ("low", "an interval, and a standard error or a t"),
    "estimate midway in its interval": ("low", "an interval"),
    "star against b/s.e.": ("star", "stars"),
}


@dataclass(frozen=True)
class _Line:
    """One row of the table: its figures, the cells that they were read from, and its degrees of freedom."""

    evaluation: Evaluation
    row: Row
    cells: Mapping[str, object]
    df: float

    @property
    def figures(self) -> Mapping[str, Figure]:
        return self.row.figures

    @property
    def where(self) -> str:
        return _place(self.evaluation, self.row.term)

    @property
    def reference(self) -> str:
        """The distribution that the ratio is held against."""
        return "normal" if math.isinf(self.df) else f"t with {self.df:g} df"

    def has(self, *names: str) -> bool:
        return self.figures.keys() >= set(names)

    def told(self, *names: str) -> str:
        """The cells of some names as printed, those that are."""
        words = {"estimate": "b", "se": "s.e.", "low": "interval"}
        cells = {name: self.cells.get(name) for name in names}
        if "low" in names:
            cells["low"] = f"{self.cells['low']} to {self.cells['high']}"
        return ", ".join(f"{words.get(name, name)} {cell}" for name, cell in cells.items() if cell)

    @cached_property
    def size(self) -> Interval | None:
        """Sizes that t can have: from the s.e., else t itself, else the width of the interval."""
        figures = self.figures
        if self.has("se"):
            spread = uncertainty.from_se(figures["se"])
        elif self.has("variance"):
            spread = uncertainty.from_variance(figures["variance"])
        elif self.has("t"):
            return size_of(_ends(figures["t"]))
        elif self.has("low", "high"):
            level = self.evaluation.level
            spread = uncertainty.from_interval(figures["low"], figures["high"], level, self.df)
        else:
            return None
        return size_of(quotient(_ends(figures["estimate"]), Interval(spread.low, spread.high)))


def check_estimates(evaluation: Evaluation) -> list[Check]:
    """All checks that the rows of a printed table allow, a row a check and term, then those that could not be made.

    A finding is inconsistent only if no unrounded numbers would print as they do. Where degrees of freedom are not known, p,
    intervals and stars are held against the normal distribution first, and against Student's t of any degrees of freedom next.
    """
    if "estimate" not in evaluation.printed.columns:
        what = "what is printed by arm is the only source of the estimates: there is nothing to hold them against"
        return [Check("estimates", _place(evaluation), "", "", f"not checked: {what}")]
    rows = printed_rows(
        evaluation.printed,
        ratio=evaluation.ratio,
        logs=evaluation.reading.get("logs"),
        exact=evaluation.reading.get("exact") == "yes",
        label=evaluation.source,
    )
    cells = dict(zip(evaluation.printed.index, evaluation.printed.to_dict("records"), strict=True))
    df = evaluation.estimates["df"].to_dict()
    lines = [_Line(evaluation, row, cells[row.term], float(df.get(row.term, math.inf))) for row in rows]
    checks = [check for line in lines for check in _line_checks(line)]
    checks += _stars_as_a_whole(lines, evaluation)
    return checks + _not_made(checks, evaluation)


def _place(evaluation: Evaluation, term: str = "") -> str:
    return ", ".join(part for part in (evaluation.heading or evaluation.source, term) if part)


def _line_checks(line: _Line) -> list[Check]:
    evaluation, size, found = line.evaluation, line.size, []
    if line.has("se", "variance"):
        found.append(_variance(line))
    if line.has("t"):
        found += _t(line)
    if line.has("low", "high"):
        found.append(_midway(line))
        if line.has("se") or line.has("t"):
            found.append(_interval(line))
    if line.has("p") and size is not None:
        found.append(_p(line, size))
    if evaluation.stars and "star" in evaluation.printed.columns and size is not None:
        found.append(_star(line, size))
    return found


# ---- figures ----------------------------------------------------------------------------------------------


def _ends(x: Figure) -> Interval:
    return Interval(x.low, x.high)


def _quotient(top: Figure, below: Figure) -> Figure:
    """Every quotient over the rounding of both; the divisor is positive."""
    value = top.value / below.value if below.value > 0 else math.nan
    return Figure(value, *quotient(_ends(top), _ends(below)))


def _with_box(x: Figure) -> str:
    """A figure with its interval, to three digits of the smaller end."""
    sizes = [abs(end) for end in x[1:] if end and math.isfinite(end)]
    decimals = max(3, 2 - math.floor(math.log10(min(sizes)))) if sizes else 3
    return span(_ends(x), min(decimals, 6), value=x.value)


# ---- checks -----------------------------------------------------------------------------------------------


def _variance(line: _Line) -> Check:
    se = line.figures["se"]
    square = Figure(se.value**2, max(se.low, 0.0) ** 2, se.high**2)
    verdict, words = judge(square.meets(line.figures["variance"])), f"s.e. squared = {_with_box(square)}"
    return Check("variance against s.e.", line.where, line.told("se", "variance"), words, verdict)


def _t(line: _Line) -> list[Check]:
    estimate, t, check = line.figures["estimate"], line.figures["t"], "t against b/s.e."
    if line.has("se"):
        ratio = _quotient(estimate, line.figures["se"])
        # A t that is printed without its sign has that of the ratio.
        if t.value > 0 > ratio.value and ratio.high < 0:
            t = Figure(-t.value, -t.high, -t.low)
        printed, words = line.told("estimate", "se", "t"), f"b/s.e. = {_with_box(ratio)}"
        return [Check(check, line.where, printed, words, judge(ratio.meets(t)))]
    # Without its sign a t is positive: a negative one beside a positive estimate is wrong.
    wrong = estimate.low > 0 > t.high
    printed = line.told("estimate", "t")
    return [Check(check, line.where, printed, "b/s.e. is positive", judge(False))] if wrong else []


def _midway(line: _Line) -> Check:
    """Whether the estimate is the middle of its interval, for ratios on the log scale."""
    evaluation = line.evaluation
    estimate, low, high = (line.figures[name] for name in ("estimate", "low", "high"))
    middle = shown = low.midway(high)
    other_scale, kind = (False, ""), ""
    if evaluation.ratio is not None and evaluation.reading.get("logs") != "both":
        shown, kind = middle.exp(), " (geometric)"
        plain = (
            f"the interval was computed on the scale of the {evaluation.ratio} itself, not of its logarithm"
        )
        other_scale = low.exp().midway(high.exp()).meets(estimate.exp()), plain
    verdict, printed = judge(middle.meets(estimate), other_scale), line.told("estimate", "low")
    words = f"middle {_with_box(shown)}{kind}"
    return Check("estimate midway in its interval", line.where, printed, words, verdict)


def _interval(line: _Line) -> Check:
    """Whether the interval reaches as far as the quantile of its level says."""
    figures, df, level = line.figures, line.df, line.evaluation.level
    name, se = "se", figures.get("se")
    if se is None:
        name, se = "t", Figure(*uncertainty.from_t(figures["estimate"], figures["t"])[:3])
    low, high = figures["low"], figures["high"]
    widths = (high.value - low.value, max(high.low - low.high, 0.0), high.high - low.low)
    reach = _quotient(Figure(*(0.5 * width for width in widths)), se)

    def is_reached(x: float) -> bool:
        return Figure(x, x, x).meets(reach)

    expected, normal = critical(1 - level, df), critical(1 - level)
    holds = is_reached(expected)
    usual = [x for x in (0.8, 0.9, 0.95, 0.99) if abs(x - level) > 1e-9 and not holds]
    others = [x for x in usual if is_reached(critical(1 - x, df))]
    verdict = judge(
        holds,
        (math.isfinite(df) and is_reached(normal), _NORMAL),
        (math.isinf(df) and normal < reach.high and reach.low < critical(1 - level, 1.0), _FEW),
        *((True, f"it is a {100 * other:g}% interval") for other in others),
    )
    words = f"half its width is {_with_box(reach)} standard errors, {number(expected)} expected"
    words += f" ({100 * level:g}% interval, {line.reference})"
    printed = line.told("estimate", name, "low")
    return Check("interval against b and s.e.", line.where, printed, words, verdict)


def _p_words(line: _Line, size: Interval) -> str:
    return f"{p_words(size, line.df, line.evaluation.tails)} ({line.reference})"


def _p(line: _Line, size: Interval) -> Check:
    """Whether the printed p can come from the sizes that t can have."""
    df, tails, printed = line.df, line.evaluation.tails, _ends(line.figures["p"])
    own, normal, other = (p_box(size, *way) for way in ((df, tails), (math.inf, tails), (df, 3 - tails)))
    verdict = judge(
        own.meets(printed),
        (math.isfinite(df) and normal.meets(printed), _NORMAL),
        (other.meets(printed), f"the test is {TAILS[3 - tails]}"),
        (math.isinf(df) and printed.high > own.high, _FEW),
    )
    told = line.told("estimate", "se", "t", "p")
    return Check("p against b/s.e.", line.where, told, _p_words(line, size), verdict)


def _convention(evaluation: Evaluation) -> Convention:
    return Convention(evaluation.tails, evaluation.stars)


def _star(line: _Line, size: Interval) -> Check:
    star, words = line.row.star, _p_words(line, size)
    convention = _convention(line.evaluation)
    printed = line.told("estimate", "se", "t", "star") + ("" if star else ", no star")
    if star in convention.symbols:
        return check_star(line.where, Starred(star, size, line.df), convention, printed, words)
    verdict = f"not checked: the level of {star!r} is not given"
    return Check("star against b/s.e.", line.where, printed, words, verdict)


def _stars_as_a_whole(lines: Iterable[_Line], evaluation: Evaluation) -> list[Check]:
    """Under how many tails the stars are possible, all together."""
    if not evaluation.stars or "star" not in evaluation.printed.columns:
        return []
    convention = _convention(evaluation)
    starred = [
        Starred(line.row.star, size, line.df)
        for line in lines
        if (size := line.size) is not None and line.row.star in convention.symbols
    ]
    return check_tails(_place(evaluation), starred, convention)


def _not_made(made: Sequence[Check], evaluation: Evaluation) -> list[Check]:
    """Kinds of checks that no row allows, with what is missing."""
    done = {check.check for check in made}
    found = []
    for check, (column, needs) in _NEEDS.items():
        if check in done:
            continue
        missing, printed = f"{needs} would be needed", ""
        if column == "star" and "star" in evaluation.printed.columns and not evaluation.stars:
            printed = ", ".join(f"{term} {star}" for term, star in evaluation.printed["star"].items() if star)
            missing = "levels not given"
        found.append(Check(check, _place(evaluation), printed, "", f"not checked: {missing}"))
    return found
