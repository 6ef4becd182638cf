"""What a publication prints of its authorities: descriptive statistics, regressions, counts, read from its tables.

Number numbers that contradict one another are found here, before a search for data would find nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DataError, cell_message, did_you_mean
from ...readers.cells import Number, plain_decimal
from ...readers.package import Study

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


def logistic(x: FloatArray) -> FloatArray:
    """Logistic function, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


Effect = Literal["target", "stretch"]
EFFECTS: tuple[Effect, ...] = ("target", "stretch")


@dataclass(frozen=True)
class Described:
    """One variable of the table of descriptive statistics."""

    name: str  # as it stands in that table
    mean: Number
    sd: Number  # divisor n - 1
    low: Number
    high: Number
    n: int  # cases that the four numbers are of
    logged: bool = False  # whether the regressions use its natural logarithm


@dataclass(frozen=True)
class Regression:
    """One printed regression of the change in the score."""

    model: int  # its number in the table
    effect: Effect | None  # which of the two stands in it beside controls and types
    n: int
    terms: tuple[str, ...]  # constant, effect, controls, types but the reference
    estimates: Mapping[str, Number]
    errors: Mapping[str, Number]
    r2: Number
    f: Number | None


@dataclass(frozen=True)
class Publication:
    """All that is printed, in the shape that a reconstruction needs."""

    name: str
    citation: str
    n: int
    n_target: int
    n_known: int  # with a known stretch (0 without a target is known)
    types: Mapping[str, int]  # authorities of each type, in the order of the table
    reference: str  # the type without a dummy
    constant: str  # name of the constant's term
    controls: tuple[str, ...]  # terms that are neither effect, type nor constant
    measured: Mapping[str, Described]  # controls that are not 0/1, by term
    binary: Mapping[str, Described]  # controls that are 0/1, by term
    baseline: Described
    outcome: Described
    target: Described
    stretch: Described | None
    regressions: tuple[Regression, ...]
    extremes: tuple[tuple[str, str, str | None], ...]  # "toughest" or "easiest", authority, type where told

    def regression(self, effect: Effect | None) -> Regression | None:
        """The regression with this effect (None: with controls and types only), or None where there is none."""
        return next((r for r in self.regressions if r.effect == effect), None)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The types that have a dummy, in the order of the table of types."""
        return tuple(name for name in self.types if name != self.reference)


def possible_counts(variable: Described) -> list[int]:
    """Numbers of ones whose mean and standard deviation print as those of a 0/1 variable do.

    Examples
    --------
    >>> nrf = Described("NRF area", plain_decimal(".47"), plain_decimal(".50"), plain_decimal("0"), plain_decimal("1"), n=150)
    >>> possible_counts(nrf)
    [70, 71]
    """
    n = variable.n
    counts = []
    for ones in range(1, n):
        mean = ones / n
        sd = math.sqrt(mean * (1 - mean) * n / (n - 1))
        if variable.mean.low <= mean <= variable.mean.high and variable.sd.low <= sd <= variable.sd.high:
            counts.append(ones)
    return counts


def check_publication(publication: Publication, file: str) -> None:
    """Stop at contradictions that no data set can resolve."""
    if sum(publication.types.values()) != publication.n:
        found = sum(publication.types.values())
        raise DataError(f"authority_types: the counts add up to {found}, expected N = {publication.n}")
    variables = [*publication.measured.values(), publication.baseline, publication.outcome]
    for variable in [*variables, publication.stretch] if publication.stretch else variables:
        _check_moments(variable, file)
    for variable in publication.binary.values():
        if not possible_counts(variable):
            raise DataError(
                f"{file}, {variable.name!r}: no number of ones among {variable.n} has mean {variable.mean.text} "
                f"and s.d. {variable.sd.text}"
            )
    for regression in publication.regressions:
        _check_regression(publication, regression)
    _check_nesting(publication)
    missing = publication.n - publication.n_known
    if not 0 <= missing < publication.n_target - 1:
        raise DataError(
            f"{file}: stretch is known for {publication.n_known} of {publication.n}, so {missing} of the "
            f"{publication.n_target} with a target lack it; expected at least two of them to have it"
        )


def _check_moments(variable: Described, file: str) -> None:
    n, where = variable.n, f"{file}, {variable.name!r}"
    low, high, mean = variable.low.value, variable.high.value, variable.mean.value
    if not low < mean < high:
        raise DataError(f"{where}: mean {variable.mean.text} does not lie between min and max")
    if variable.logged and low <= 0:
        raise DataError(
            f"{where}: min {variable.low.text}, expected a number above 0 of a variable that is logged"
        )
    largest = math.sqrt((variable.mean.high - low) * (high - variable.mean.low) * n / (n - 1))
    rest = (n * mean - low - high) / (n - 2)
    smallest = math.sqrt(
        max(((low - mean) ** 2 + (high - mean) ** 2 + (n - 2) * (rest - mean) ** 2) / (n - 1), 0.0)
    )
    if variable.sd.low > largest or variable.sd.high < smallest * (1 - 1e-3):
        raise DataError(
            f"{where}: s.d. {variable.sd.text} is impossible; with this mean, min, max and n = {n} it lies "
            f"between {smallest:.4g} and {largest:.4g}"
        )


def _check_regression(publication: Publication, regression: Regression) -> None:
    where = f"ols, model {regression.model}"
    expected = publication.n_known if regression.effect == "stretch" else publication.n
    if regression.n != expected:
        raise DataError(f"{where}: N = {regression.n}, expected {expected}")
    known = {publication.constant, *publication.controls, *publication.contrasts}
    if not known <= set(regression.terms):
        raise DataError(f"{where}: no row for {sorted(known - set(regression.terms))}")
    if regression.r2.high <= 0 or regression.r2.low >= 1:
        raise DataError(f"{where}: R² is {regression.r2.text}, expected a share between 0 and 1")
    for term, error in regression.errors.items():
        if error.value <= 0:
            raise DataError(f"{where}, {term!r}: standard error {error.text}, expected a number above 0")


def _check_nesting(publication: Publication) -> None:
    """R² of the same authorities cannot fall when a term is added."""
    without = publication.regression(None)
    for regression in publication.regressions:
        if without is None or regression is without or regression.n != without.n:
            continue
        if regression.r2.high < without.r2.low:
            raise DataError(
                f"ols: R² is {regression.r2.text} in model {regression.model} and {without.r2.text} in model "
                f"{without.model}, which has the same cases and fewer terms; expected it not to fall"
            )


def read_publication(study: Study) -> Publication:
    """Collect what the tables ``descriptives``, ``ols``, ``ols_fit`` and ``authority_types`` of a study print.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> publication = read_publication(load_study("andrews2014"))
    >>> publication.n, publication.n_target, publication.n_known, publication.baseline.name
    (150, 86, 131, 'Cohesion 2006')
    """
    described_table, ols = _table(study, "descriptives"), _table(study, "ols")
    fit, type_table = _table(study, "ols_fit"), _table(study, "authority_types")
    kinds = ols.drop_duplicates("term").set_index("term")["kind"]
    logged = dict(ols.attrs.get("logged", {}))
    described = _described(described_table, set(logged.values()))
    effects = _effects(described_table, kinds)
    controls = tuple(str(term) for term in kinds.index[kinds.eq("control")])
    by_term = {term: _of(described, logged.get(term, term), described_table) for term in controls}
    is_binary = set(described_table.attrs.get("binary", []))
    scores = _scores(described_table, described, {v.name for v in by_term.values()} | set(effects.values()))
    types = {str(t): int(n) for t, n in zip(type_table["authority_type"], type_table["count"], strict=True)}
    n = int(described_table.attrs["n"])
    stretch = described.get(effects["stretch"]) if "stretch" in effects else None
    publication = Publication(
        name=study.name,
        citation=study.citation,
        n=n,
        n_target=_target_count(described_table, described[effects["target"]]),
        n_known=stretch.n if stretch is not None else n,
        types=types,
        reference=_reference(type_table, kinds),
        constant=str(ols.attrs.get("constant", "Constant")),
        controls=controls,
        measured={t: v for t, v in by_term.items() if v.name not in is_binary},
        binary={t: v for t, v in by_term.items() if v.name in is_binary},
        baseline=scores[0],
        outcome=scores[1],
        target=described[effects["target"]],
        stretch=stretch,
        regressions=tuple(_regressions(ols, fit, effects)),
        extremes=_extremes(study),
    )
    check_publication(publication, described_table.attrs.get("file", "descriptives"))
    return publication


def _table(study: Study, name: str) -> pd.DataFrame:
    if name not in study.tables:
        hint = did_you_mean(name, sorted(study.tables))
        raise DataError(f"study {study.name!r} has no table {name!r}, which a reconstruction needs; {hint}")
    return study.tables[name]


def _printed(table: pd.DataFrame, row: int, column: str) -> Number:
    text = str(table[f"{column}_printed"].iloc[row]) if f"{column}_printed" in table else ""
    if not text:
        raise DataError(
            cell_message(
                file=table.attrs.get("file", "table"), row=row + 1, column=column, expected="a printed number"
            )
        )
    return plain_decimal(text)


def _described(table: pd.DataFrame, logged: set[str]) -> dict[str, Described]:
    cases = dict(table.attrs.get("n_by_variable", {}))
    described = {}
    for row, name in enumerate(table["variable"].astype(str)):
        mean, sd, low, high = (_printed(table, row, column) for column in ("mean", "sd", "min", "max"))
        n = int(cases.get(name, table.attrs["n"]))
        described[name] = Described(name, mean, sd, low, high, n, name in logged)
    return described


def _of(described: Mapping[str, Described], name: str, table: pd.DataFrame) -> Described:
    if name not in described:
        file = table.attrs.get("file", "descriptives")
        raise DataError(
            f"{file}: no row for {name!r}, which a regression uses; {did_you_mean(name, list(described))}"
        )
    return described[name]


def _effects(table: pd.DataFrame, kinds: pd.Series) -> dict[str, str]:
    """The described name of the target (0/1) and of the stretch; the target need not be in a regression."""
    binary = [str(name) for name in table.attrs.get("binary", [])]
    names = [str(term) for term in kinds.index[kinds.eq("effect")]]
    effects = {("target" if name in binary else "stretch"): name for name in names}
    spare = [name for name in binary if name not in kinds.index]
    if "target" not in effects and len(spare) == 1:
        effects["target"] = spare[0]
    if "target" not in effects or len(effects) < len(names):
        raise DataError(
            f"ols: found the effects {names} and the 0/1 variables {binary}, "
            "expected one 0/1 variable that is the target, and at most one other effect"
        )
    for name in effects.values():
        if name not in set(table["variable"]):
            raise DataError(f"{table.attrs.get('file', 'descriptives')}: no row for the effect {name!r}")
    return effects


def _scores(
    table: pd.DataFrame, described: Mapping[str, Described], used: set[str]
) -> tuple[Described, Described]:
    named = table.attrs.get("scores")
    if named:
        return _of(described, named["baseline"], table), _of(described, named["outcome"], table)
    rest = [name for name in described if name not in used]
    years = {name: re.search(r"\d{4}", name) for name in rest}
    if len(rest) != 2 or not all(years.values()):
        raise DataError(
            f"{table.attrs.get('file', 'descriptives')}: found {rest} as variables that no regression uses, "
            "expected two scores with their years"
        )
    first, second = sorted(rest, key=lambda name: years[name].group())  # type: ignore[union-attr]
    return described[first], described[second]


def _target_count(table: pd.DataFrame, target: Described) -> int:
    counts = possible_counts(target)
    reported = dict(table.attrs.get("reported_counts", {})).get(target.name)
    if reported is None and counts:
        return counts[len(counts) // 2]
    if reported not in counts:
        raise DataError(
            f"{table.attrs.get('file', 'descriptives')}, {target.name!r}: {reported} of {target.n} do not have the "
            f"printed mean {target.mean.text} and s.d. {target.sd.text}"
        )
    return int(reported)


def _reference(type_table: pd.DataFrame, kinds: pd.Series) -> str:
    names = [str(name) for name in type_table["authority_type"]]
    dummies = [str(term) for term in kinds.index[kinds.eq("authority type")]]
    rest = [name for name in names if name not in dummies]
    if len(rest) != 1 or len(dummies) != len(names) - 1:
        raise DataError(f"ols: found the types {dummies}, expected all but one of {names}")
    return rest[0]


def _regressions(ols: pd.DataFrame, fit: pd.DataFrame, effects: Mapping[str, str]) -> list[Regression]:
    order = ["constant", "effect", "control", "authority type"]
    role: dict[str, Effect] = {
        name: "target" if key == "target" else "stretch" for key, name in effects.items()
    }
    found = []
    for row, model in enumerate(fit["model"]):
        rows = [i for i in range(len(ols)) if ols["model"].iloc[i] == model]
        rows.sort(key=lambda i: order.index(str(ols["kind"].iloc[i])))
        terms = tuple(str(ols["term"].iloc[i]) for i in rows)
        f_there = "f_printed" in fit and str(fit["f_printed"].iloc[row]) != ""
        found.append(
            Regression(
                model=int(model),
                effect=next((role[term] for term in terms if term in role), None),
                n=int(fit["n"].iloc[row]),
                terms=terms,
                estimates={t: _printed(ols, i, "estimate") for t, i in zip(terms, rows, strict=True)},
                errors={t: _printed(ols, i, "se") for t, i in zip(terms, rows, strict=True)},
                r2=_printed(fit, row, "r2"),
                f=_printed(fit, row, "f") if f_there else None,
            )
        )
    return found


def _extremes(study: Study) -> tuple[tuple[str, str, str | None], ...]:
    table = study.tables.get("extreme_targets")
    if table is None:
        return ()
    kinds = table["authority_type"] if "authority_type" in table else [None] * len(table)
    return tuple(
        (str(group), str(name), None if kind is None else str(kind))
        for group, name, kind in zip(table["group"], table["authority"], kinds, strict=True)
    )
