"""Which rows of a user's table are units: totals among them, names that occur twice, spellings of one type, tables in long form."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import did_you_mean, option, options, quoted, was
from .cells import Problems, cell_text, read_number

_TOTAL = re.compile(
    r"(?:(?:grand|sub|overall|council|national|county|regional|england|all|uk|column|trust)[\s-]*)?totals?\b.*|.*\btotals?|"
    r"england|wales|scotland|northern ireland|great britain|united kingdom|uk|gb|england (?:and|&) wales|"
    r"all|overall|sum|mean|average|median|(?:national|england|overall|council|county|group|regional) (?:average|mean|median|figure)|"
    r"all (?:areas|authorities|schools|trusts|services|regions|units|providers|hospitals|councils|agencies|departments|districts)",
    re.IGNORECASE,
)
_MARK = re.compile(r"\s*(?:\[[a-z0-9]{1,2}\]|[\u2020\u2021\u00a7\u00b9\u00b2\u00b3]+|(?<=\w{3})\s?\*+)$")
_PERIODS = re.compile(r"year|date|period|time|month|quarter|wave|round|term", re.IGNORECASE)


def says_total(name: str) -> bool:
    """Whether a name is one that totals and averages bear."""
    return _TOTAL.fullmatch(name.strip()) is not None


def total_rows(
    names: Sequence[str],
    numbers: pd.DataFrame,
    *,
    sums: Sequence[str],
    means: Sequence[str],
    told: Sequence[str] | None,
    column: str,
    problems: Problems,
) -> list[int]:
    """Rows that are a total or an average of the others, and not units."""
    if told is not None:
        known = {name.casefold() for name in told}
        present = {name.casefold() for name in names}
        for name in told:
            if name.casefold() not in present:
                problems.say(
                    f"{problems.label}, totals: no row {name!r}; {did_you_mean(name, dict.fromkeys(names))}"
                )
        return [i for i, name in enumerate(names) if name.casefold() in known]
    named = [i for i, name in enumerate(names) if name and says_total(name)]
    sure, likely = _agreeing(numbers, sums, means, named)
    totals = []
    for i in sorted({*named, *sure, *likely}):
        last = i == len(names) - 1 and len(names) > 4
        if i in sure and (i in named or last):
            totals.append(i)
            continue
        why = "its numbers are the sum or mean of the others, its name does not say so"
        if i in named:
            why = "its name says so, its numbers are not the sum or mean of the others"
        problems.cell(
            numbers.index[i],
            column,
            names[i],
            f"a unit, and this looks like a total ({why}): give {option('totals', [names[i]])} to leave it out, or "
            f"{option('totals', [])} to keep it",
            "what may be totals",
        )
    return totals


def _agreeing(
    numbers: pd.DataFrame, sums: Sequence[str], means: Sequence[str], named: Sequence[int]
) -> tuple[set[int], set[int]]:
    """Rows whose numbers are for sure the sum or mean of those of the other rows, and rows where it may be chance."""
    n = len(numbers)
    if n < 3:
        return set(), set()
    values = {name: numbers[name].to_numpy(dtype=float) for name in numbers.columns}
    unit = np.ones(n, dtype=bool)
    unit[list(named)] = False
    candidates = {*named, n - 1}
    if not means:
        # A row that is the sum of the others is half of the column's sum, wherever it is.
        half = np.ones(n, dtype=bool)
        for name in sums:
            half &= np.isclose(2 * values[name], np.nansum(values[name]), rtol=1e-9)
        candidates |= set(np.flatnonzero(half).tolist())
    sure, likely = set(), set()
    for i in candidates:
        rest = unit.copy()
        rest[i] = False
        above = max((j for j in named if j < i), default=-1) + 1
        blocks = [np.flatnonzero(rest), np.arange(above, i)]
        if not means:
            agree = any(_adds_up(values, sums, block, i) for block in blocks if len(block) > 1)
        else:
            agree = any(_adds_up(values, [name], blocks[0], i) for name in sums)
            agree |= i in named and all(_is_mean(values, name, rest, i, weighted=True) for name in means)
        if agree:
            sure.add(i)
        elif len(means) > 1 and all(_is_mean(values, name, rest, i, weighted=False) for name in means):
            likely.add(i)
    return sure, likely


def _is_mean(
    values: dict[str, NDArray[np.float64]], name: str, rest: NDArray[np.bool_], i: int, *, weighted: bool
) -> bool:
    """Whether a row holds the mean of the others in a column, plain or weighted by another column, within its rounding."""
    column = values[name]
    used = rest & np.isfinite(column)
    spread = column[used].std() if used.sum() > 2 else 0.0
    slack = 1.01 * 0.5 * 10.0 ** -_decimals(column[i]) + 1e-9
    if spread == 0 or slack > (0.2 if weighted else 0.05) * spread:
        return False
    if abs(column[i] - column[used].mean()) <= slack:
        return True
    for other, weight in values.items() if weighted else ():
        both = used & np.isfinite(weight)
        usable = other != name and both.sum() > 2 and (weight[both] > 0).all()
        if usable and abs(column[i] - np.average(column[both], weights=weight[both])) <= slack:
            return True
    return False


def _adds_up(
    values: dict[str, NDArray[np.float64]], sums: Sequence[str], block: NDArray[np.int64], i: int
) -> bool:
    """Whether a row holds the sum of a block of rows in every column."""
    totals = {name: np.nansum(values[name][block]) for name in sums}
    agree = all(abs(values[name][i] - total) <= 1e-9 + 1e-6 * abs(total) for name, total in totals.items())
    return bool(totals and agree and sum(totals.values()) > 0)


def _decimals(number: float) -> int:
    return len(repr(float(number)).partition(".")[2].rstrip("0")) if np.isfinite(number) else 0


# --- names that occur twice, and long form


def _plain(text: str) -> str:
    """Capitals, spaces, underscores and hyphens made alike; other signs (as in grades A+ and A) are kept."""
    return " ".join(re.sub(r"_|(?<=\w)[-\u2010-\u2015](?=\w)", " ", text.casefold()).split())


def repeats(keys: Sequence[str]) -> list[tuple[int, int]]:
    """Positions at which a key is there again, each with the position where it is first; an empty key is none."""
    first: dict[str, int] = {}
    for i, key in enumerate(keys):
        first.setdefault(key, i)
    return [(i, first[key]) for i, key in enumerate(keys) if key and first[key] < i]


def repeated_names(names: Sequence[str], column: str, cells: pd.DataFrame, problems: Problems) -> None:
    """Note names that occur twice; where the rows differ in a period, say that the table is in long form."""
    again = repeats([_plain(name) for name in names])
    hint = long_form(names, cells, column) if again else ""
    if hint:
        problems.say(f"{problems.label}: {hint}", column)
        return
    for i, first in again:
        expected = f"each authority once (it stands in row {cells.index[first]} too)"
        kind = "names that occur more than once"
        problems.cell(cells.index[i], column, cells[column].iloc[i], expected, kind)


def long_form(names: Sequence[str], cells: pd.DataFrame, column: str) -> str:
    """Words that say how to read a table in long form, where one column tells apart the rows of a name."""
    counts = Counter(name for name in names if name)
    if len(counts) < 2 or len(counts) > 0.67 * len(names):
        return ""
    candidates = []
    for other in cells.columns:
        if not other or other == column:
            continue
        texts = [cell_text(cell) for cell in cells[other]]
        values = set(texts)
        pairs = set(zip(names, texts, strict=True))
        if 2 <= len(values) <= 60 and len(pairs) == len(names):
            candidates.append((not _PERIODS.search(str(other)), len(values), str(other), values))
    if not candidates:
        return ""
    _, _, period, values = min(candidates, key=lambda found: found[:2])
    ordered = ordered_periods(values)
    shown = ", ".join(ordered[:6]) + (", ..." if len(ordered) > 6 else "")
    given = {"period": period, "before": ordered[0], "after": ordered[-1]}
    return (
        f"looks like long form, since {len(counts):,} names have {len(names):,} rows, which differ in column {period!r} "
        f"({shown}); give {options(given)}"
    )


def ordered_periods(values: Sequence[str] | set[str]) -> list[str]:
    """Periods in order: numbers by size, texts by the alphabet."""
    numbers = {value: read_number(value) for value in values}
    if all(number is not None for number in numbers.values()):
        return sorted(values, key=lambda value: numbers[value].value)  # type: ignore[union-attr]
    return sorted(values)


# --- types


def say_alike(cells: Iterable[object], labels: Sequence[str], notes: list[str], column: str) -> None:
    """Say which labels are written in several ways that look alike, as with spaces at the ends."""
    ways: dict[str, set[str]] = defaultdict(set)
    for cell, label in zip(cells, labels, strict=True):
        if isinstance(cell, str) and label:
            ways[label].add(cell)
    alike = [label for label, written in ways.items() if len(written) > 1]
    if alike:
        notes.append(
            f"In column {column!r}, {quoted(alike, 5)} {'is' if len(alike) == 1 else 'are'} written in several ways that look alike "
            "(spaces, or forms of accented letters); each was read as one."
        )


def one_spelling(types: Sequence[str], notes: list[str], column: str) -> list[str]:
    """Give labels that differ by capitals, spaces, hyphens or footnote marks the commonest spelling, and say so."""
    counts = Counter(label for label in types if label)
    groups: dict[str, list[str]] = defaultdict(list)
    for label in counts:
        groups[_plain(_MARK.sub("", label))].append(label)
    spelling: dict[str, str] = {}
    for group in groups.values():
        bare = [label for label in group if not _MARK.search(label)] or [_MARK.sub("", group[0])]
        best = max(bare, key=lambda label: counts[label])
        spelling |= dict.fromkeys(group, best)
        others = [label for label in group if label != best]
        if others:
            words = " and ".join(repr(label) for label in others[:5])
            notes.append(f"In column {column!r}, {words} {was(len(others))} read as {best!r}.")
    return [spelling.get(label, "") for label in types]


def check_spelling(
    types: Sequence[str], rows: Sequence[object], column: str, allowed: Sequence[str], problems: Problems
) -> None:
    """Note types that are not among those allowed or, without such a list, that look like another one misspelt."""
    if allowed:
        for row, label in zip(rows, types, strict=True):
            if label and label not in allowed:
                expected = f"one of types; {did_you_mean(label, allowed)}"
                problems.cell(row, column, label, expected, "unknown types")
        return
    counts = Counter(label for label in types if label)
    first: dict[str, object] = {}
    for row, label in zip(rows, types, strict=True):
        first.setdefault(label, row)
    for label, other in _misspelt(counts):
        expected = f"one spelling of each type; did you mean {other!r}?"
        problems.cell(first[label], column, label, expected, "types that look misspelt")


def _misspelt(counts: Counter[str]) -> list[tuple[str, str]]:
    """Labels that occur once and are one letter away, in one long word, from another; found by deletions, not by pairs."""
    places: dict[tuple[object, ...], list[str]] = defaultdict(list)
    found = []
    for label in sorted(counts, key=lambda label: -counts[label]):
        words = _plain(label).split()
        keys = []
        for i, word in enumerate(words):
            if len(word) >= 4 and word.isalpha():
                forms = {word[:j] + word[j + 1 :] for j in range(len(word))} | {word}
                keys += [(len(words), i, *words[:i], form, *words[i + 1 :]) for form in forms]
        if counts[label] == 1:
            near = (other for key in keys for other in places.get(key, ()))
            meant = next((other for other in near if _near(label, other)), None)
            if meant is not None:
                found.append((label, meant))
                continue
        for key in keys:
            places[key].append(label)
    return found


def _near(found: str, other: str) -> bool:
    pairs = list(zip(_plain(found).split(), _plain(other).split(), strict=False))
    differing = [(a, b) for a, b in pairs if a != b]
    if len(differing) != 1:
        return False
    a, b = differing[0]
    return min(len(a), len(b)) >= 5 and a.isalpha() and b.isalpha() and _one_slip(a, b)


def _one_slip(a: str, b: str) -> bool:
    """Whether one letter dropped, added, changed or swapped with the next turns one word into the other."""
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) > 1:
        return False
    i = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    if len(short) < len(long):
        return short[i:] == long[i + 1 :]
    swapped = short[:i] + short[i + 1 : i + 2] + short[i : i + 1] + short[i + 2 :]
    return short[i + 1 :] == long[i + 1 :] or swapped == long
