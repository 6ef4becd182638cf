"""Checks of one printed table of estimates: slope, s.e., t, p, interval and stars against one another, over all rounding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ...evaluation import Evaluation
from ...readers.rows import Row, printed_rows
from ...readers.uncertainty import Figure, critical, p_value
from .findings import (
    CONSISTENT,
    INCONSISTENT,
    Check,
    Interval,
    number,
    only_if,
    probability_span,
    quotient,
    size_of,
    span,
)
from .stars import TAILS, Convention, check_tails, other_tails, star_verdict

_NORMAL = "the normal distribution is the reference"
_NEEDS = {
    "t against b/s.e.": ("t", "a standard error and a t"),
    "p against b/s.e.": ("p", "a p-value, and a standard error, a t or an interval"),
    "interval against b and s.e.": ("low", "an interval, and a standard error or a t"),
    "estimate midway in its interval": ("low", "an interval"),
    "star against b/s.e.": ("star", "stars"),
}


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
    checks: list[Check] = []
    for row in rows:
        df = float(evaluation.estimates["df"].get(row.term, math.inf))
        checks += _row_checks(row, df, evaluation)
    checks += _stars_as_a_whole(rows, evaluation)
    return checks + _not_made(checks, evaluation)


def _place(evaluation: Evaluation, term: str = "") -> str:
    return ", ".join(part for part in (evaluation.heading or evaluation.source, term) if part)


def _row_checks(row: Row, df: float, evaluation: Evaluation) -> list[Check]:
    figures, text = row.figures, {str(k): str(v) for k, v in evaluation.printed.loc[row.term].items()}
    where, found = _place(evaluation, row.term), []
    estimate = figures["estimate"]
    size = _sizes(row, df, evaluation.level)
    if "se" in figures and "variance" in figures:
        found.append(_variance(row, text, where))
    if "t" in figures and "se" in figures:
        ratio = _quotient(estimate, figures["se"])
        shown, words = _shown(text, "estimate", "se", "t"), f"b/s.e. = {_with_box(ratio)}"
        verdict = _meeting(ratio, _either_sign(figures["t"], ratio))
        found.append(Check("t against b/s.e.", where, shown, words, verdict))
    elif "t" in figures and estimate.low > 0 > figures["t"].high:
        # Without its sign a t is positive: this one is negative, and the estimate is not.
        shown = _shown(text, "estimate", "t")
        found.append(Check("t against b/s.e.", where, shown, "b/s.e. is positive", "inconsistent"))
    if "low" in figures and "high" in figures:
        found.append(_midway(row, text, where, evaluation))
        if "se" in figures or "t" in figures:
            found.append(_interval(row, text, where, df, evaluation.level))
    if "p" in figures and size is not None:
        found.append(_p(figures["p"], size, text, where, df, evaluation.tails))
    if evaluation.stars and "star" in evaluation.printed.columns and size is not None:
        found.append(_star(row.star, size, text, where, df, evaluation))
    return found


# ---- boxes ------------------------------------------------------------------------------------------------


def _quotient(top: Figure, below: Figure) -> Figure:
    """Every quotient over the rounding of both; the divisor is positive."""
    value = top.value / below.value if below.value > 0 else math.nan
    return Figure(value, *quotient(Interval(*top[1:]), Interval(*below[1:])))


def _either_sign(t: Figure, ratio: Figure) -> Figure:
    """A t that is printed without its sign has that of the ratio."""
    return Figure(-t.value, -t.high, -t.low) if t.value > 0 > ratio.value and ratio.high < 0 else t


def _size(x: Figure) -> Interval:
    return size_of(Interval(x.low, x.high))


def _sizes(row: Row, df: float, level: float) -> Interval | None:
    """Sizes that t can have: from the s.e., else t itself, else the width of the interval."""
    figures = row.figures
    if "se" in figures:
        return _size(_quotient(figures["estimate"], figures["se"]))
    if "variance" in figures:
        roots = Figure(*(math.sqrt(max(x, 0.0)) for x in figures["variance"]))
        return _size(_quotient(figures["estimate"], roots))
    if "t" in figures:
        return _size(figures["t"])
    if "low" in figures and "high" in figures:
        low, high, twice = figures["low"], figures["high"], 2 * critical(1 - level, df)
        width = Figure(
            (high.value - low.value) / twice,
            max(high.low - low.high, 0.0) / twice,
            (high.high - low.low) / twice,
        )
        return _size(_quotient(figures["estimate"], width))
    return None


def _ps(size: Interval, df: float, tails: int) -> Interval:
    """P falls as the size of t grows, so the ends change places."""
    return Interval(p_value(size.high, df, tails), p_value(size.low, df, tails))


# ---- words ------------------------------------------------------------------------------------------------


def _shown(text: Mapping[str, str], *names: str) -> str:
    words = {"estimate": "b", "se": "s.e.", "star": "star", "variance": "variance"}
    if {"low", "high"} <= set(names):
        names = tuple(name for name in names if name != "high")
    parts = []
    for name in names:
        if name == "low":
            parts.append(f"interval {text['low']} to {text['high']}")
        elif text.get(name):
            parts.append(f"{words.get(name, name)} {text[name]}")
    return ", ".join(parts)


def _meeting(one: Figure, other: Figure) -> str:
    return CONSISTENT if one.meets(other) else INCONSISTENT


def _decimals(x: Iterable[float]) -> int:
    """Decimals that show three digits of the smallest of some numbers."""
    sizes = [abs(value) for value in x if value and math.isfinite(value)]
    return max(3, 2 - math.floor(math.log10(min(sizes)))) if sizes else 3


def _with_box(x: Figure) -> str:
    decimals = min(_decimals((x.low, x.high)), 6)
    words = span(Interval(x.low, x.high), decimals)
    value = number(x.value, decimals) if math.isfinite(x.value) else ""
    return words if not value or value == words else f"{value} ({words})"


# ---- checks -----------------------------------------------------------------------------------------------


def _variance(row: Row, text: Mapping[str, str], where: str) -> Check:
    se = row.figures["se"]
    square = Figure(se.value**2, max(se.low, 0.0) ** 2, se.high**2)
    verdict, words = _meeting(square, row.figures["variance"]), f"s.e. squared = {_with_box(square)}"
    return Check("variance against s.e.", where, _shown(text, "se", "variance"), words, verdict)


def _midway(row: Row, text: Mapping[str, str], where: str, evaluation: Evaluation) -> Check:
    """Whether the estimate is the middle of its interval, for ratios on the log scale."""
    estimate, low, high = (row.figures[name] for name in ("estimate", "low", "high"))
    middle = Figure(0.5 * (low.value + high.value), 0.5 * (low.low + high.low), 0.5 * (low.high + high.high))
    verdict, shown = _meeting(middle, estimate), middle
    if evaluation.ratio is not None and evaluation.reading.get("logs") != "both":
        shown = Figure(*(math.exp(x) for x in middle))
        plain = [Figure(*(math.exp(x) for x in figure)) for figure in (estimate, low, high)]
        line = Figure(*(0.5 * (plain[1][i] + plain[2][i]) for i in range(3)))
        if verdict == INCONSISTENT and line.meets(plain[0]):
            verdict = only_if(
                f"the interval was computed on the scale of the {evaluation.ratio} itself, not of its logarithm"
            )
    words = f"middle {_with_box(shown)}" + (" (geometric)" if shown is not middle else "")
    return Check(
        "estimate midway in its interval", where, _shown(text, "estimate", "low", "high"), words, verdict
    )


def _interval(row: Row, text: Mapping[str, str], where: str, df: float, level: float) -> Check:
    """Whether the interval reaches as far as the quantile of its level says."""
    figures = row.figures
    name = "se" if "se" in figures else "t"
    se = figures["se"] if name == "se" else _standard_error(figures)
    half = Figure(
        0.5 * (figures["high"].value - figures["low"].value),
        0.5 * max(figures["high"].low - figures["low"].high, 0.0),
        0.5 * (figures["high"].high - figures["low"].low),
    )
    reach = _quotient(half, se)
    printed = _shown(text, "estimate", name, "low", "high")
    expected, normal = critical(1 - level, df), critical(1 - level)
    words = f"half its width is {_with_box(reach)} standard errors, {number(expected)} expected"
    words += f" ({100 * level:g}% interval, " + ("normal)" if math.isinf(df) else f"t with {df:g} df)")
    if _within(expected, reach):
        verdict = CONSISTENT
    elif math.isfinite(df) and _within(normal, reach):
        verdict = only_if(_NORMAL)
    elif math.isinf(df) and normal < reach.high and reach.low < critical(1 - level, 1.0):
        verdict = only_if("degrees of freedom are few, which are not known")
    else:
        other = [
            x for x in (0.8, 0.9, 0.95, 0.99) if abs(x - level) > 1e-9 and _within(critical(1 - x, df), reach)
        ]
        verdict = only_if(f"it is a {100 * other[0]:g}% interval") if other else INCONSISTENT
    return Check("interval against b and s.e.", where, printed, words, verdict)


def _within(x: float, box: Figure) -> bool:
    return Figure(x, x, x).meets(box)


def _standard_error(figures: Mapping[str, Figure]) -> Figure:
    size, t = _size(figures["estimate"]), _size(figures["t"])
    value = abs(figures["estimate"].value / figures["t"].value) if figures["t"].value else math.nan
    return Figure(
        value, size.low / t.high if t.high > 0 else 0.0, size.high / t.low if t.low > 0 else math.inf
    )


def _p_words(size: Interval, df: float, tails: int) -> str:
    reference = "normal" if math.isinf(df) else f"t with {df:g} df"
    return f"{TAILS[tails]} p = {probability_span(_ps(size, df, tails))} ({reference})".replace("= <", "<")


def _p(p: Figure, size: Interval, text: Mapping[str, str], where: str, df: float, tails: int) -> Check:
    """Whether the printed p can come from the sizes that t can have."""
    box, printed = _ps(size, df, tails), Interval(p.low, p.high)
    words = _p_words(size, df, tails)
    normal, other = _ps(size, math.inf, tails), _ps(size, df, 3 - tails)
    if box.meets(printed):
        verdict = CONSISTENT
    elif math.isfinite(df) and normal.meets(printed):
        verdict = only_if(_NORMAL)
    elif other.meets(printed):
        verdict = only_if(f"the test is {TAILS[3 - tails]}")
    elif math.isinf(df) and printed.high > box.high:
        verdict = only_if("degrees of freedom are few, which are not known")
    else:
        verdict = INCONSISTENT
    return Check("p against b/s.e.", where, _shown(text, "estimate", "se", "t", "p"), words, verdict)


def _star(
    star: str, size: Interval, text: Mapping[str, str], where: str, df: float, evaluation: Evaluation
) -> Check:
    convention = Convention(evaluation.tails, evaluation.stars)
    words = _p_words(size, df, evaluation.tails)
    printed = _shown(text, "estimate", "se", "t", "star") + ("" if star else ", no star")
    verdict = f"not checked: the level of {star!r} is not given"
    if star in convention.symbols:
        verdict = star_verdict(star, size, df, convention)
        words += f"; {other_tails(star, size, df, convention)}" if verdict == INCONSISTENT else ""
    return Check("star against b/s.e.", where, printed, words, verdict)


def _stars_as_a_whole(rows: Sequence[Row], evaluation: Evaluation) -> list[Check]:
    """Under how many tails the stars are possible, all together."""
    if not evaluation.stars or "star" not in evaluation.printed.columns:
        return []
    convention, pairs = Convention(evaluation.tails, evaluation.stars), []
    for row in rows:
        df = float(evaluation.estimates["df"].get(row.term, math.inf))
        size = _sizes(row, df, evaluation.level)
        if size is not None and row.star in convention.symbols:
            pairs.append((row.star, size, df))
    return check_tails(_place(evaluation), pairs, convention)


def _not_made(made: Sequence[Check], evaluation: Evaluation) -> list[Check]:
    """Kinds of checks that no row allows, with what is missing."""
    done = {check.check for check in made}
    found = []
    for check, (column, needs) in _NEEDS.items():
        if check in done:
            continue
        missing = f"{needs} would be needed"
        printed = ""
        if column == "star" and "star" in evaluation.printed.columns and not evaluation.stars:
            printed = ", ".join(f"{term} {star}" for term, star in evaluation.printed["star"].items() if star)
            missing = "levels not given"
        found.append(Check(check, _place(evaluation), printed, "", f"not checked: {missing}"))
    return found
