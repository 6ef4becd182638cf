"""Counts, means or correlations become an effect with its standard error: what is printed by arm instead of an estimate."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import DataError, UnclearError, option, wrong_cell
from .rows import PrintedRow, ReadRows, Terms, in_frames
from .uncertainty import Spread, figure

COUNTS = ("events_treated", "n_treated", "events_control", "n_control")
CELLS = ("events_treated", "others_treated", "events_control", "others_control")
MEANS = ("mean_treated", "sd_treated", "n_treated", "mean_control", "sd_control", "n_control")
CORRELATIONS = ("r", "n")
EFFECTS = ("risk difference", "mean difference", "standardised difference", "Fisher z")
_QUANTITIES = {
    "events": {"events", "event", "cases", "case", "deaths", "successes", "responders", "hits"},
    "n": {"n", "total", "number", "size", "patients", "participants"},
    "mean": {"mean", "m", "average"},
    "sd": {"sd", "stddev"},
}
_QUANTITY = {word: name for name, words in _QUANTITIES.items() for word in words}
_CONTROL = re.compile("controls?|ctrl|comparison|placebo|untreated|unvaccinated|unexposed|c")
_BY_CELL = (("tpos", "tneg", "cpos", "cneg"), ("ai", "bi", "ci", "di"))
_METAFOR = {
    "ai": "events_treated", "n1i": "n_treated", "ci": "events_control", "n2i": "n_control", "m1i": "mean_treated", "sd1i": "sd_treated",
    "m2i": "mean_control", "sd2i": "sd_control", "ri": "r", "ni": "n",
}  # fmt: skip


class _Effect(NamedTuple):
    """An effect, its standard error and degrees of freedom."""

    estimate: float
    se: float
    df: float = math.inf


def arm_columns(header: Sequence[str]) -> dict[str, str]:
    """Recognise columns by arm from their names, such as ``vaccinated_cases`` beside ``control_n``; empty where they are none."""
    low = {name.lower(): name for name in header}
    for four in _BY_CELL:
        if set(four) <= low.keys():
            return dict(zip((low[part] for part in four), CELLS, strict=True))
    names = {name: _METAFOR[name.lower()] for name in header if name.lower() in _METAFOR}
    if names and any(set(names.values()) >= set(needed) for needed in (COUNTS, MEANS, CORRELATIONS)):
        return names
    parts: dict[str, tuple[str, str]] = {}
    for name in header:
        words = [word for word in re.split(r"[\s_.\-]+", name.lower()) if word]
        for i in (0, -1):
            if len(words) > 1 and words[i] in _QUANTITY:
                parts[name] = (_QUANTITY[words[i]], " ".join(words[1:] if i == 0 else words[:-1]))
    arms = dict.fromkeys(arm for _, arm in parts.values())
    control = [arm for arm in arms if _CONTROL.fullmatch(arm)]
    if len(arms) != 2 or len(control) != 1:
        return {}
    found = {
        name: f"{quantity}_{'control' if arm == control[0] else 'treated'}"
        for name, (quantity, arm) in parts.items()
    }
    return found if len(set(found.values())) == len(found) else {}


def kind_of(rows: Sequence[PrintedRow]) -> tuple[str, ...] | None:
    """The columns from which an effect can be computed: counts, means or correlations; None where there are none."""
    present = {name for row in rows for name, text in row.cells.items() if text}
    if present >= set(CELLS):
        return COUNTS
    return next((needed for needed in (COUNTS, MEANS, CORRELATIONS) if present >= set(needed)), None)


def read_arms(
    rows: Sequence[PrintedRow],
    needed: tuple[str, ...],
    known: Terms,
    effect: str | None,
    continuity: float,
    label: str,
) -> tuple[ReadRows, str]:
    """Compute one effect per row from what is printed by arm."""
    chosen = _chosen(needed, effect if known.ratio is None else known.ratio, label)
    values = [_values(row, needed, label) for row in rows]
    compute, named = _EFFECTS[chosen]
    effects = [compute(v, continuity) for v in values]
    notes = [f"{named} computed from {_SOURCES[needed]}."]
    corrected = [
        row.term for row, v in zip(rows, values, strict=True) if needed == COUNTS and _has_empty_cell(v)
    ]
    if corrected:
        notes.append(f"{continuity:g} is added to all four cells where one is empty: {', '.join(corrected)}.")
    for row, computed in zip(rows, effects, strict=True):
        if not (math.isfinite(computed.estimate) and math.isfinite(computed.se) and computed.se > 0):
            what = "no standard error: its cells are empty or its s.d.s are 0"
            raise DataError(
                f"{label}, row {row.row}: {row.term!r} leaves {what}; expected other counts, or continuity above 0"
            )
    spreads = [Spread(c.se, c.se, c.se, f"from {_SOURCES[needed]}") for c in effects]
    columns = CELLS if any("others_treated" in row.cells for row in rows) else needed
    estimates, printed = in_frames(
        rows, [c.estimate for c in effects], spreads, [c.df for c in effects], columns, known.word
    )
    return ReadRows(estimates, printed, (), tuple(notes)), chosen


def _chosen(needed: tuple[str, ...], asked: str | None, label: str) -> str:
    """The effect to compute; of counts it must be said."""
    allowed = {
        COUNTS: ("risk difference", "risk ratio", "odds ratio"),
        MEANS: EFFECTS[1:3],
        CORRELATIONS: EFFECTS[3:],
    }[needed]
    if asked is not None and asked not in allowed:
        raise DataError(
            f"{label}: from {_SOURCES[needed]} no {asked} can be computed, expected {' or '.join(map(repr, allowed))}"
        )
    if asked is None and needed == COUNTS:
        raise UnclearError(
            f"{label}: counts by arm give several effects; say which: {option('ratio', 'risk ratio', 'odds ratio')} or "
            f"{option('effect', 'risk difference')}"
        )
    return asked or allowed[0]


def _values(row: PrintedRow, needed: tuple[str, ...], label: str) -> dict[str, float]:
    values: dict[str, float] = {}
    by_cell = needed == COUNTS and "others_treated" in row.cells
    for name in CELLS if by_cell else needed:
        text = row.cells.get(name, "")
        read = figure(text)
        expected = _wrong(name, None if read is None else read.value)
        if expected:
            raise wrong_cell(label, row.row, name, text, expected)
        values[name] = read.value if read is not None else math.nan
    for arm in ("treated", "control"):
        if by_cell:
            values[f"n_{arm}"] = values[f"events_{arm}"] + values.pop(f"others_{arm}")
        elif needed == COUNTS and values[f"events_{arm}"] > values[f"n_{arm}"]:
            text = row.cells[f"events_{arm}"]
            expected = f"at most n_{arm} ({row.cells[f'n_{arm}']})"
            raise wrong_cell(label, row.row, f"events_{arm}", text, expected)
    return values


def _wrong(name: str, value: float | None) -> str:
    """What a cell should have been; empty where it is that."""
    if value is None:
        return "a number"
    if name.startswith(("events", "others", "n")):
        least = 0 if name.startswith(("events", "others")) else 4 if name == "n" else 1
        return "" if value == int(value) and value >= least else f"a whole number of at least {least}"
    if name.startswith("sd"):
        return "" if value >= 0 else "a standard deviation of at least 0"
    return "a correlation between -1 and 1" if name == "r" and not -1 < value < 1 else ""


def _has_empty_cell(v: Mapping[str, float]) -> bool:
    a, n1, c, n2 = (v[name] for name in COUNTS)
    return min(a, n1 - a, c, n2 - c) == 0


def _cells(v: Mapping[str, float], continuity: float) -> tuple[float, float, float, float]:
    """The four cells of a row, with the continuity correction where one is empty."""
    more = continuity if _has_empty_cell(v) else 0.0
    a, n1, c, n2 = (v[name] for name in COUNTS)
    return a + more, n1 - a + more, c + more, n2 - c + more


def _risk_ratio(v: Mapping[str, float], continuity: float) -> _Effect:
    a, b, c, d = _cells(v, continuity)
    if not min(a, c) > 0:
        return _Effect(math.nan, math.nan)
    return _Effect(
        math.log(a / (a + b)) - math.log(c / (c + d)), math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    )


def _odds_ratio(v: Mapping[str, float], continuity: float) -> _Effect:
    cells = _cells(v, continuity)
    if not min(cells) > 0:
        return _Effect(math.nan, math.nan)
    a, b, c, d = cells
    return _Effect(
        math.log(a) - math.log(b) - math.log(c) + math.log(d), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    )


def _risk_difference(v: Mapping[str, float], continuity: float) -> _Effect:
    a, b, c, d = _cells(v, continuity)
    n1, n2 = a + b, c + d
    return _Effect(a / n1 - c / n2, math.sqrt(a * b / n1**3 + c * d / n2**3))


def _mean_difference(v: Mapping[str, float], _: float) -> _Effect:
    m1, s1, n1, m2, s2, n2 = (v[name] for name in MEANS)
    parts = (s1**2 / n1, s2**2 / n2)
    variance = sum(parts)
    below = sum(part**2 / (n - 1) for part, n in zip(parts, (n1, n2), strict=True) if n > 1)
    return _Effect(m1 - m2, math.sqrt(variance), variance**2 / below if below > 0 else math.inf)


def _standardised_difference(v: Mapping[str, float], _: float) -> _Effect:
    m1, s1, n1, m2, s2, n2 = (v[name] for name in MEANS)
    df = n1 + n2 - 2
    pooled = math.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / df) if df > 0 else 0.0
    if not pooled > 0:
        return _Effect(math.nan, math.nan)
    correction = (
        math.exp(math.lgamma(df / 2) - 0.5 * math.log(df / 2) - math.lgamma((df - 1) / 2))
        if df > 1
        else math.nan
    )
    g = correction * (m1 - m2) / pooled
    return _Effect(g, math.sqrt(1 / n1 + 1 / n2 + g**2 / (2 * (n1 + n2))))


def _fisher_z(v: Mapping[str, float], _: float) -> _Effect:
    return _Effect(float(np.arctanh(v["r"])), 1 / math.sqrt(v["n"] - 3))


# Each effect with how notes name it.
_EFFECTS: Mapping[str, tuple[Callable[[Mapping[str, float], float], _Effect], str]] = {
    "risk ratio": (_risk_ratio, "Log risk ratios"),
    "odds ratio": (_odds_ratio, "Log odds ratios"),
    "risk difference": (_risk_difference, "Differences of risks"),
    "mean difference": (_mean_difference, "Differences of means (with Welch's degrees of freedom)"),
    "standardised difference": (
        _standardised_difference,
        "Standardised differences of means with Hedges' correction",
    ),
    "Fisher z": (_fisher_z, "Fisher's z (the inverse hyperbolic tangent of the correlation)"),
}
_SOURCES = {COUNTS: "counts by arm", MEANS: "means, s.d.s and n by arm", CORRELATIONS: "correlations and n"}
