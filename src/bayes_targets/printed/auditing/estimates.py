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
    span,
    stars,
)

_NORMAL = "the normal distribution is the reference"
_TAILS = {1: "one-tailed", 2: "two-tailed"}
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
        recomputed = f"b/s.e. = {_with_box(ratio)}"
        found.append(
            Check(
                "t against b/s.e.",
                where,
                _shown(text, "estimate", "se", "t"),
                recomputed,
                _meeting(ratio, _either_sign(figures["t"], ratio)),
            )
        )
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
    smallest = max(below.low, 0.0)
    corners = [
        x / y if y > 0 else math.copysign(math.inf, x) if x else 0.0
        for x in top[1:]
        for y in (smallest, below.high)
    ]
    value = top.value / below.value if below.value > 0 else math.nan
    return Figure(value, min(corners), max(corners))


def _either_sign(t: Figure, ratio: Figure) -> Figure:
    """A t that is printed without its sign has that of the ratio."""
    return Figure(-t.value, -t.high, -t.low) if t.value > 0 > ratio.value and ratio.high < 0 else t


def _size(x: Figure) -> Interval:
    ends = sorted((abs(x.low), abs(x.high)))
    return Interval(0.0 if x.low <= 0 <= x.high else ends[0], ends[1])


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
    verdict = _meeting(square, row.figures["variance"])
    return Check(
        "variance against s.e.",
        where,
        _shown(text, "se", "variance"),
        f"s.e. squared = {_with_box(square)}",
        verdict,
    )


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


def _p(p: Figure, size: Interval, text: Mapping[str, str], where: str, df: float, tails: int) -> Check:
    """Whether the printed p can come from the sizes that t can have."""
    box, printed = _ps(size, df, tails), Interval(p.low, p.high)
    reference = "normal" if math.isinf(df) else f"t with {df:g} df"
    words = f"{_TAILS[tails]} p = {probability_span(box)} ({reference})".replace("= <", "<")
    normal, other = _ps(size, math.inf, tails), _ps(size, df, 3 - tails)
    if box.meets(printed):
        verdict = CONSISTENT
    elif math.isfinite(df) and normal.meets(printed):
        verdict = only_if(_NORMAL)
    elif other.meets(printed):
        verdict = only_if(f"the test is {_TAILS[3 - tails]}")
    elif math.isinf(df) and printed.high > box.high:
        verdict = only_if("degrees of freedom are few, which are not known")
    else:
        verdict = INCONSISTENT
    return Check("p against b/s.e.", where, _shown(text, "estimate", "se", "t", "p"), words, verdict)


def _stars_of(size: Interval, df: float, tails: int, levels: Mapping[str, float]) -> list[str]:
    """Every star that the box allows, the weakest first."""
    known = ["", *sorted(levels, key=lambda symbol: -levels[symbol])]
    weakest, strongest = (known.index(stars(p_value(t, df, tails), levels)) for t in size)
    return known[weakest : strongest + 1]


def _star(
    star: str, size: Interval, text: Mapping[str, str], where: str, df: float, evaluation: Evaluation
) -> Check:
    levels, tails = evaluation.stars, evaluation.tails
    box = _ps(size, df, tails)
    reference = "normal" if math.isinf(df) else f"t with {df:g} df"
    words = f"{_TAILS[tails]} p = {probability_span(box)} ({reference})".replace("= <", "<")
    printed = _shown(text, "estimate", "se", "t", "star") + ("" if star else ", no star")
    if star and star not in levels:
        return Check(
            "star against b/s.e.", where, printed, words, f"not checked: the level of {star!r} is not given"
        )
    allowed = _stars_of(size, df, tails, levels)
    if allowed == [star]:
        verdict = CONSISTENT
    elif star in allowed:
        verdict = only_if(_star_condition(star, df, tails, levels))
    elif math.isfinite(df) and star in _stars_of(size, math.inf, tails, levels):
        verdict = only_if(_NORMAL)
    else:
        verdict = INCONSISTENT
        other = _stars_of(size, df, 3 - tails, levels)
        if star in other:
            words += f"; {_TAILS[3 - tails]} levels would give the printed star"
        else:
            given = " or ".join(symbol or "no star" for symbol in other)
            words += f"; {_TAILS[3 - tails]} levels do not explain it: they give {given}"
    return Check("star against b/s.e.", where, printed, words, verdict)


def _star_condition(star: str, df: float, tails: int, levels: Mapping[str, float]) -> str:
    """For which unrounded sizes of t a star holds."""
    high = levels[star] if star else 1.0
    low = max((level for level in levels.values() if level < high), default=0.0)
    least, most = critical(high, df, tails), critical(low, df, tails)
    parts = [f"at least {number(least)}"] if least > 0 else []
    parts += [f"below {number(most)}"] if math.isfinite(most) else []
    return f"the unrounded |b/s.e.| is {' and '.join(parts)}"


def _stars_as_a_whole(rows: Sequence[Row], evaluation: Evaluation) -> list[Check]:
    """Under how many tails the stars are possible, all together."""
    if not evaluation.stars or "star" not in evaluation.printed.columns:
        return []
    boxes = []
    for row in rows:
        df = float(evaluation.estimates["df"].get(row.term, math.inf))
        size = _sizes(row, df, evaluation.level)
        if size is not None and (not row.star or row.star in evaluation.stars):
            boxes.append((row.star, size, df))
    if not boxes:
        return []
    agree = {
        tails: sum(star in _stars_of(size, df, tails, evaluation.stars) for star, size, df in boxes)
        for tails in (1, 2)
    }
    tails, other = evaluation.tails, 3 - evaluation.tails
    words = f"{agree[tails]} of {len(boxes)} stars are possible under {_TAILS[tails]} levels, {agree[other]} under {_TAILS[other]} ones"
    if agree[tails] >= agree[other]:
        verdict = CONSISTENT
    else:
        verdict = only_if(f"the levels are {_TAILS[other]}") if agree[other] == len(boxes) else INCONSISTENT
    return [Check("tails of the stars", _place(evaluation), f"{_TAILS[tails]} levels", words, verdict)]


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
