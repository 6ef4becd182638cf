"""What a publication prints of its authorities: descriptive statistics, regressions, counts, read from its tables.

Numbers that contradict one another are found here, before a search for data would find nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DataError, did_you_mean, require_kind
from ...readers.cells import Number
from ...readers.package import Study
from ..intervals import Interval, binary_sd, box, exact_box, possible_counts, sd_bounds
from ..table import Printed

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

    @property
    def explained(self) -> float:
        """R² as printed, kept off 0 and 1."""
        return min(max(self.r2.value, 0.005), 0.995)


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

    def effect_moments(self, effect: Effect | None) -> tuple[float, float]:
        """Mean and variance of the target or the stretch over all authorities that its regression uses."""
        if effect == "stretch" and self.stretch is not None:
            return self.stretch.mean.value, self.stretch.sd.value**2
        share = self.n_target / self.n
        return share, share * (1 - share)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """The types that have a dummy, in the order of the table of types."""
        return tuple(name for name in self.types if name != self.reference)


def possible_ones(variable: Described) -> list[int]:
    """Numbers of ones whose mean and standard deviation print as those of a 0/1 variable do.

    Examples
    --------
    >>> from bayes_targets.readers.cells import plain_decimal
    >>> nrf = Described("NRF area", plain_decimal(".47"), plain_decimal(".50"), plain_decimal("0"), plain_decimal("1"), n=150)
    >>> possible_ones(nrf)
    [70, 71]
    """
    n, sd = variable.n, box(variable.sd)
    counts = possible_counts(exact_box(variable.mean), n)
    return [k for k in counts if 0 < k < n and binary_sd(Interval(k / n, k / n), n).meets(sd)]


def check_publication(publication: Publication, file: str) -> None:
    """Stop at contradictions that no data set can resolve."""
    if sum(publication.types.values()) != publication.n:
        found = sum(publication.types.values())
        raise DataError(f"authority_types: the counts add up to {found}, expected N = {publication.n}")
    variables = [*publication.measured.values(), publication.baseline, publication.outcome]
    for variable in [*variables, publication.stretch] if publication.stretch else variables:
        _check_moments(variable, file)
    for variable in publication.binary.values():
        if not possible_ones(variable):
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
    where, low, high = f"{file}, {variable.name!r}", variable.low.value, variable.high.value
    if not low < variable.mean.value < high:
        raise DataError(f"{where}: mean {variable.mean.text} does not lie between min and max")
    if variable.logged and low <= 0:
        raise DataError(
            f"{where}: min {variable.low.text}, expected a number above 0 of a variable that is logged"
        )
    # Two authorities hold the printed ends themselves.
    possible = sd_bounds(box(variable.mean), Interval(low, low), Interval(high, high), variable.n)
    if not possible.meets(box(variable.sd)):
        raise DataError(
            f"{where}: s.d. {variable.sd.text} is impossible; with this mean, min, max and n = {variable.n} it lies "
            f"between {possible.low:.4g} and {possible.high:.4g}"
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
    require_kind("study", study, Study, "a Study, from load_study")
    table, ols, fit, type_table = (
        _table(study, name) for name in ("descriptives", "ols", "ols_fit", "authority_types")
    )
    kinds = ols.frame.drop_duplicates("term").set_index("term")["kind"]
    logged = dict(ols.mapping("logged"))
    described = _described(table, set(logged.values()))
    effects = _effects(table, kinds)
    controls = tuple(str(term) for term in kinds.index[kinds.eq("control")])
    by_term = {term: _of(described, logged.get(term, term), table) for term in controls}
    is_binary = set(table.listed("binary"))
    baseline, outcome = _scores(table, described, {v.name for v in by_term.values()} | set(effects.values()))
    types = dict(zip(type_table.texts("authority_type"), type_table.frame["count"].astype(int), strict=True))
    stretch = described.get(effects["stretch"]) if "stretch" in effects else None
    n = int(table.attr("n"))
    publication = Publication(
        name=study.name,
        citation=study.citation,
        n=n,
        n_target=_target_count(table, described[effects["target"]]),
        n_known=stretch.n if stretch is not None else n,
        types=types,
        reference=_reference(list(types), kinds),
        constant=str(ols.attr("constant", "Constant")),
        controls=controls,
        measured={t: v for t, v in by_term.items() if v.name not in is_binary},
        binary={t: v for t, v in by_term.items() if v.name in is_binary},
        baseline=baseline,
        outcome=outcome,
        target=described[effects["target"]],
        stretch=stretch,
        regressions=tuple(_regressions(ols, fit, effects)),
        extremes=tuple(_extremes(study)),
    )
    check_publication(publication, table.file)
    return publication


def _table(study: Study, name: str) -> Printed:
    if name not in study.tables:
        hint = did_you_mean(name, sorted(study.tables))
        raise DataError(f"study {study.name!r} has no table {name!r}, which a reconstruction needs; {hint}")
    return Printed(name, study.tables[name])


def _number(table: Printed, column: str, row: int) -> Number:
    printed = table.number(column, row)
    if printed is None:
        raise table.wrong_cell(row, column, None, "a printed number")
    return printed


def _described(table: Printed, logged: set[str]) -> dict[str, Described]:
    cases, described = table.mapping("n_by_variable"), {}
    for row, name in enumerate(table.texts("variable")):
        mean, sd, low, high = (_number(table, column, row) for column in ("mean", "sd", "min", "max"))
        n = int(cases.get(name, table.attr("n")))
        described[name] = Described(name, mean, sd, low, high, n, name in logged)
    return described


def _of(described: Mapping[str, Described], name: str, table: Printed) -> Described:
    if name not in described:
        hint = did_you_mean(name, list(described))
        raise DataError(f"{table.file}: no row for {name!r}, which a regression uses; {hint}")
    return described[name]


def _effects(table: Printed, kinds: pd.Series) -> dict[Effect, str]:
    """The described name of the target (0/1) and of the stretch; the target need not be in a regression."""
    binary = [str(name) for name in table.listed("binary")]
    names = [str(term) for term in kinds.index[kinds.eq("effect")]]
    effects: dict[Effect, str] = {("target" if name in binary else "stretch"): name for name in names}
    spare = [name for name in binary if name not in kinds.index]
    if "target" not in effects and len(spare) == 1:
        effects["target"] = spare[0]
    if "target" not in effects or len(effects) < len(names):
        raise DataError(
            f"ols: found the effects {names} and the 0/1 variables {binary}, "
            "expected one 0/1 variable that is the target, and at most one other effect"
        )
    for name in effects.values():
        if name not in table.texts("variable"):
            raise DataError(f"{table.file}: no row for the effect {name!r}")
    return effects


def _scores(
    table: Printed, described: Mapping[str, Described], used: set[str]
) -> tuple[Described, Described]:
    """The scores before and after: as stated, else the two variables that no regression uses, by their years."""
    named = table.mapping("scores")
    if named:
        return _of(described, named["baseline"], table), _of(described, named["outcome"], table)
    rest = [name for name in described if name not in used]
    years = {name: found.group() for name in rest if (found := re.search(r"\d{4}", name))}
    if len(rest) != 2 or len(years) != 2:
        raise DataError(
            f"{table.file}: found {rest} as variables that no regression uses, expected two scores with their years"
        )
    first, second = sorted(rest, key=years.__getitem__)
    return described[first], described[second]


def _target_count(table: Printed, target: Described) -> int:
    counts = possible_ones(target)
    reported = table.mapping("reported_counts").get(target.name)
    if reported is None and counts:
        return counts[len(counts) // 2]
    if reported not in counts:
        raise DataError(
            f"{table.file}, {target.name!r}: {reported} of {target.n} do not have the "
            f"printed mean {target.mean.text} and s.d. {target.sd.text}"
        )
    return int(reported)


def _reference(types: list[str], kinds: pd.Series) -> str:
    dummies = [str(term) for term in kinds.index[kinds.eq("authority type")]]
    rest = [name for name in types if name not in dummies]
    if len(rest) != 1 or len(dummies) != len(types) - 1:
        raise DataError(f"ols: found the types {dummies}, expected all but one of {types}")
    return rest[0]


def _regressions(ols: Printed, fit: Printed, effects: Mapping[Effect, str]) -> Iterator[Regression]:
    order = ["constant", "effect", "control", "authority type"]
    effect_of = {name: effect for effect, name in effects.items()}
    terms, kinds, models = ols.texts("term"), ols.texts("kind"), ols.frame["model"].tolist()
    for row, model in enumerate(fit.frame["model"]):
        rows = [i for i in ols.rows if models[i] == model]
        rows.sort(key=lambda i: order.index(kinds[i]))
        own = tuple(terms[i] for i in rows)
        yield Regression(
            model=int(model),
            effect=next((effect_of[term] for term in own if term in effect_of), None),
            n=int(fit.frame["n"].iloc[row]),
            terms=own,
            estimates={terms[i]: _number(ols, "estimate", i) for i in rows},
            errors={terms[i]: _number(ols, "se", i) for i in rows},
            r2=_number(fit, "r2", row),
            f=fit.number("f", row),
        )


def _extremes(study: Study) -> Iterator[tuple[str, str, str | None]]:
    if "extreme_targets" in study.tables:
        table = Printed("extreme_targets", study.tables["extreme_targets"])
        for row in table.rows:
            kind = table.text("authority_type", row) or None
            yield table.text("group", row), table.text("authority", row), kind
