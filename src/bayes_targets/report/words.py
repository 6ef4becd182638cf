"""A user's own words for what was analysed, as the reader of a file notes them in the attrs of its data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import xarray as xr

from .cells import number

_PERCENT = ("%", "per cent", "percent", "percentage")


@dataclass(frozen=True)
class Words:
    """What units, their groups and the outcome are called, and what the outcome is measured in.

    `unit` has a row, such as school; `group` is what units are grouped by, such as region; `outcome` was measured in `measure` (such as
    ``"percentage points"``, ``"pounds"``, ``"per cent of the baseline"``). `change`: whether its change is explained, and not the outcome
    itself. `target` is what some units have and others have not; `period` from when to when, empty where it is not known.
    """

    unit: str = "authority"
    units: str = "authorities"
    group: str = "type"
    groups: str = "types"
    outcome: str = "score"
    measure: str = "points"
    change: bool = True
    target: str = "the target"
    period: str = ""

    @staticmethod
    def of(data: xr.Dataset) -> Words:
        """The words of a table of units; what its attrs do not say gets a plain name.

        Examples
        --------
        >>> data = xr.Dataset({"change": ("authority", [1.0])}, attrs={"unit_word": "school", "change": "points",
        ...                   "outcome_words": "pass rate", "outcome_unit": "%"})
        >>> words = Words.of(data)
        >>> words.units, words.what, words.measure
        ('schools', 'change in pass rate', 'percentage points')
        """
        attrs = data.attrs
        unit, group = (str(attrs.get(name) or usual) for name, usual in _USUAL.items())
        changed = "change" in data
        unit_of = str(attrs.get("outcome_unit") or "points")
        measure = "percentage points" if unit_of.casefold().startswith(_PERCENT) else unit_of
        if changed and attrs.get("change", "percent") == "percent":
            measure = "per cent of the baseline"
        outcome = str(attrs.get("outcome_words") or "score")
        target = str(attrs.get("target_words") or "target")
        target = "the target" if target.casefold() == "target" else target
        before, after = (str(attrs.get(f"{when}_words") or when) for when in ("before", "after"))
        known = changed and (before, after) != ("before", "after")
        period = f"from {before} to {after}" if known else ""
        return Words(unit, plural(unit), group, plural(group), outcome, measure, changed, target, period)

    @property
    def what(self) -> str:
        """What is explained."""
        return f"change in {self.outcome}" if self.change else self.outcome

    @property
    def what_when(self) -> str:
        """What is explained, and from when to when it changed where that is known."""
        return f"{self.what} {self.period}" if self.period else self.what

    def level(self, value: float) -> str:
        """A value of what is explained, with its unit.

        Examples
        --------
        >>> Words(measure="percentage points").level(43.21), Words(measure="pounds").level(250.0)
        ('43.2%', '250 pounds')
        """
        return number(value) + ("%" if self.measure == "percentage points" else f" {self.measure}")

    @property
    def axis(self) -> str:
        """Label of an axis."""
        return f"{self.what}, {self.measure}"

    @staticmethod
    def read(record: Mapping[str, Any] | None, options: Mapping[str, Any]) -> Words:
        """The words that a posterior's attrs hold; plain names by the model's options where there are none."""
        if record:
            return Words(**record)
        changed = options.get("response", "change") == "change"
        percent = changed and options.get("change") == "percent"
        return Words(
            measure="per cent of the baseline" if percent else "units of the outcome", change=changed
        )


@dataclass(frozen=True)
class CountWords:
    """What is counted (such as inspections), what it is counted by (such as regions), and the statuses that count as `success`."""

    item: str = "target"
    items: str = "targets"
    area: str = "area"
    areas: str = "areas"
    success: str = "the best status"

    @staticmethod
    def of(counts: xr.Dataset, success: Sequence[str]) -> CountWords:
        """The words of a table of counts; what its attrs do not say gets a plain name.

        Examples
        --------
        >>> counts = xr.Dataset(attrs={"unit_word": "service"})
        >>> words = CountWords.of(counts, ["green", "amber"])
        >>> words.areas, words.items, words.success
        ('services', 'targets', 'green or amber')
        """
        item = str(counts.attrs.get("target_words") or "target")
        area = str(counts.attrs.get("unit_word") or "area")
        return CountWords(item, plural(item), area, plural(area), " or ".join(success).replace("_", " "))

    def many(self, areas: int) -> str:
        """A number of areas.

        Examples
        --------
        >>> CountWords().many(1), CountWords().many(1200)
        ('one area', '1,200 areas')
        """
        return f"{areas:,} {self.areas}" if areas > 1 else f"one {self.area}"


def stamp(words: Words | CountWords, posteriors: Mapping[str, xr.DataTree]) -> None:
    """Write the words into the attrs of posteriors, for the cards of their models."""
    for tree in posteriors.values():
        tree.attrs["words"] = json.dumps(asdict(words))


_USUAL = {"unit_word": "authority", "type_word": "type"}


def a(word: str) -> str:
    """A noun with its indefinite article.

    Examples
    --------
    >>> a("trust"), a("authority"), a("university")
    ('a trust', 'an authority', 'a university')
    """
    vowel = word[:1].lower() in tuple("aeiou") and not word.lower().startswith(("uni", "use", "eu", "one"))
    return f"{'an' if vowel else 'a'} {word}"


def plural(word: str) -> str:
    """A noun for several.

    Examples
    --------
    >>> [plural(word) for word in ("authority", "school", "class", "trust", "agency", "boy")]
    ['authorities', 'schools', 'classes', 'trusts', 'agencies', 'boys']
    """
    if word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")
