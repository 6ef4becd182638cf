"""From the tables of a study to what a reconstruction needs of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from ...errors import DataError, cell_message, did_you_mean
from ...readers.package import Study
from ..numbers import Printed
from .contradictions import check_publication
from .publication import Described, Effect, Publication, Regression, possible_counts


def read_publication(study: Study) -> Publication:
    """Collect what the tables ``descriptives``, ``ols``, ``ols_fit`` and ``authority_types`` of a study print.

    Parameters
    ----------
    study : Study
        Its ``ols`` has a column ``kind`` (``control``, ``authority type``, ``effect``, ``constant``) and
        ``attrs["logged"]`` (term to described variable); its ``descriptives`` has ``attrs["binary"]``,
        ``attrs["n"]`` and, where they differ, ``attrs["n_by_variable"]`` and ``attrs["reported_counts"]``.
        The two described variables that no regression uses are the scores; the earlier year is the baseline,
        unless ``attrs["scores"]`` names ``{"baseline": ..., "outcome": ...}``.

    Returns
    -------
    Publication

    Raises
    ------
    DataError
        If a table, a term or a number is missing, or numbers contradict one another.

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


def _printed(table: pd.DataFrame, row: int, column: str) -> Printed:
    text = str(table[f"{column}_printed"].iloc[row]) if f"{column}_printed" in table else ""
    if not text:
        raise DataError(
            cell_message(
                file=table.attrs.get("file", "table"), row=row + 1, column=column, expected="a printed number"
            )
        )
    return Printed(text)


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
