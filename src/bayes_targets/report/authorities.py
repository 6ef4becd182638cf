"""The page of an analysis of single units: tables, figures and words, of a user's own file or of a reconstruction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..comparison.authority_tables import NOT_DETERMINED, marked, summarise_fit, summarise_types
from ..comparison.claims import is_exact, percent_text, words_for
from ..comparison.compare import clear_of_zero, compare
from ..comparison.ols import fit_ols
from ..errors import DataError
from ..inference.summary import equal_tails
from ..models.cohesion.checks import check_change_by_type, compare_pooling, left_out_draws
from ..plots import plot_forest, plot_shrinkage
from .cells import capital, number
from .result import Picture, Result, Table
from .words import Words, a, stamp

# Tables by effect: "target", "stretch", or "types" where there is neither.
ByEffect = Mapping[str, pd.DataFrame]

# Groups that a figure or a table of the page can show; of more, those at both ends.
MANY = 24
# Where predictive p-values are said in the answer.
POOR = 0.005
_NOT_SHOWN = [
    "ols_se", "sd", "p_one_tailed", "p_two_tailed", "shift_in_se", "sd_ratio", "ess_bulk", "ess_tail", "r_hat",
]  # fmt: skip
_RECONSTRUCTION = (
    "These authorities are RECONSTRUCTED: made to agree with every statistic that the paper prints, and otherwise drawn from a stated "
    "prior. They are not the authorities that were observed, and no row of them is a real place.",
    "What differs between data sets that all agree with the table is not determined by it. The variance between data sets is how much "
    f"of an estimate's variance that is; over one half, the estimate is marked '{NOT_DETERMINED}'. A probability has twice its "
    "simulation error after \N{PLUS-MINUS SIGN}: what so few data sets leave open.",
)


def units_result(
    units: xr.Dataset, fits: Mapping[str | None, Mapping[str, xr.DataTree]], *, source: str = ""
) -> Result:
    """The result of an analysis of a user's own units, in the words that the data's attrs hold.

    `fits`: effect (``"target"``, ``"stretch"``, None where there is neither) to posteriors by name: ``partial``, and of the others those
    that passed the gate: ``none``, ``complete``, with a slope ``by_type``, ``scores`` (with sampling error). `source`: name of the file.
    """
    words, notes = Words.of(units), list[str]()
    comparison, types, choices = (dict[str, pd.DataFrame]() for _ in range(3))
    more: dict[str, dict[str, pd.DataFrame]] = {"fit": {}, "checks_by_type": {}}
    posteriors: dict[str, xr.DataTree] = {}
    for effect, own in fits.items():
        key, partial = effect or "types", own["partial"]
        ols, note = _ols(units, effect, words)
        notes += note
        comparison[key] = _with_error(compare(partial, ols), partial)
        for pooling in ("partial", "none", "complete"):
            if pooling in own:
                types[f"{key}, {pooling}"] = summarise_types(own[pooling], "intercept")
        if "by_type" in own:
            types[f"{key}, slope"] = summarise_types(own["by_type"], "effect_by_type")
        draws = partial["posterior"].sizes
        compared = {name: tree for name, tree in own.items() if name != "scores"}
        n = partial["constant_data"].sizes["authority"]
        large = not left_out_draws(n, draws["chain"] * draws["draw"])
        if len(compared) > 1 and not large:
            choices[key] = compare_pooling(compared)
        notes += _sized(partial, choices.get(key), words, large=large)
        more["checks_by_type"][key] = check_change_by_type(partial)
        more["fit"][key] = _fit_table(partial, ols, effect, words)
        if "scores" in own:
            more.setdefault("measured", {})[key] = _measured(own, words)
        posteriors |= {f"{key}_{name}": tree for name, tree in own.items()}
    result = authority_result(
        comparison, types, choices, posteriors, more, words, steps=_steps(units), scales=_scales(units)
    )
    own_tables = {name: _own_column(table, words) for name, table in result.tables.items()}
    return replace(
        result,
        notes=tuple(dict.fromkeys(notes)),
        tables={**own_tables, **left_out_table(units, words.unit, words.units)},
        title=_title(words, comparison),
        question=_question(units, words, comparison, source),
    )


def _ols(units: xr.Dataset, effect: str | None, words: Words) -> tuple[pd.DataFrame, list[str]]:
    """OLS with HC3, or HC1 where a type has one unit; and what has to be said of it."""
    try:
        return fit_ols(units, effect=effect), []  # type: ignore[arg-type]
    except DataError as error:
        if "HC2 and HC3 are not" not in str(error):
            raise
    note = (
        f"{capital(a(words.group))} has one {words.unit} alone, so OLS has HC1 and not HC3 standard errors."
    )
    return fit_ols(units, effect=effect, cov_type="HC1"), [note]  # type: ignore[arg-type]


def _sized(posterior: xr.DataTree, choices: pd.DataFrame | None, words: Words, *, large: bool) -> list[str]:
    """What is done with fewer draws, or not at all, because the table is large: too large for leave-one-out, or for all of it."""
    draws, n = posterior["posterior"].sizes, posterior["constant_data"].sizes["authority"]
    whole, told = draws["chain"] * draws["draw"], []
    if large:
        told = ["pooling choices are not compared by leave-one-out"]
    elif choices is not None and choices.attrs["draws"] < whole:
        told = [
            f"pooling choices are compared by leave-one-out with {choices.attrs['draws']:,} of {whole:,} draws"
        ]
    if "posterior_predictive" not in posterior.children:
        told.append("200 draws are replicated for the predictive checks")
    return [f"With {n:,} {words.units} {' and '.join(told)}."] if told else []


def _with_error(table: pd.DataFrame, posterior: xr.DataTree) -> pd.DataFrame:
    """The same with the simulation error of each probability, where the posterior was sampled."""
    if is_exact(posterior):
        return table
    p, attrs = table["prob_positive"], table.attrs
    table = table.assign(prob_error=(p * (1 - p) / table["ess_bulk"]) ** 0.5)
    table.attrs = attrs
    return table


def _fit_table(posterior: xr.DataTree, ols: pd.DataFrame, effect: str | None, words: Words) -> pd.DataFrame:
    """R² and the counterfactual, under names that are true of the data."""
    named = _named(str(effect), words)
    done = f"had all had {words.target}" if effect == "target" else "had all had one point more stretch"
    names = {
        "R² without target or stretch": f"R² without {named}",
        "R² added": f"R² added by {named}",
        "mean change as things were": f"mean {words.what} as things were",
        "mean change had all had the target, or one point more stretch": f"mean {words.what} {done}",
    }
    return summarise_fit(posterior, ols, effect=effect).rename(index=names)


def _measured(own: Mapping[str, xr.DataTree], words: Words) -> pd.DataFrame:
    """The slope with and without the sampling error of the scores."""
    rows = {}
    labels = {"partial": "scores as they are", "scores": "sampling error of the scores modelled"}
    for name, label in labels.items():
        draws = own[name]["posterior"]["effect"].to_numpy()
        low, high = equal_tails(draws)
        share = float((draws > 0).mean())
        rows[label] = {"mean": draws.mean(), "low": low, "high": high, "prob_positive": share}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _steps(units: xr.Dataset) -> dict[str, float]:
    """A round step of each control whose standard deviation is far from 1, so that slopes keep their digits."""
    steps = {}
    for name in units["control"].to_numpy() if "control" in units.dims else ():
        spread = float(units["controls"].sel(control=name).std())
        if spread > 0 and not 0.1 <= spread <= 10:
            steps[str(name)] = 10.0 ** round(float(np.log10(spread)))
    return steps


def _scales(units: xr.Dataset) -> dict[str, float]:
    """Standard deviation of stretch and of each control, 1 of those that are yes or no."""
    scales = {"target": 1.0}
    if "stretch" in units and "target" in units:
        scales["stretch"] = float(units["stretch"].where(units["target"] > 0).std(ddof=1))
    for name in units["control"].to_numpy() if "control" in units.dims else ():
        values = units["controls"].sel(control=name)
        scales[str(name)] = 1.0 if bool(values.isin([0, 1]).all()) else float(values.std(ddof=1))
    return scales


def _own_column(table: Table, words: Words) -> Table:
    """A table whose column of groups bears the user's own word for them."""

    def own(frame: pd.DataFrame) -> pd.DataFrame:
        names = [words.group if name == "authority_type" else name for name in frame.index.names]
        return frame.rename_axis(names).rename(columns={"authority_type": words.group})

    return replace(
        table,
        frame=own(table.frame),
        shown=None if table.shown is None else own(table.shown),
        headings={**table.headings, words.group: capital(words.group)},
    )


def left_out_table(data: xr.Dataset, one: str, several: str) -> dict[str, Table]:
    """Rows of the user's file that were left out, by name and reason; nothing where none was."""
    left: list[str] = list(data.attrs.get("left_out") or [])
    if not left:
        return {}
    frame = pd.DataFrame([text.partition(": ")[::2] for text in left], columns=[one, "reason"])
    count = f"1 {one} was" if len(left) == 1 else f"{len(left):,} {several} were"
    few = f" The first {MANY} of them; all are in the CSV file." if len(left) > MANY else ""
    return {"left_out": Table(frame, f"{count} left out, for the reason given.{few}", shown=frame.head(MANY))}


def authority_result(
    comparison: ByEffect,
    types: Mapping[str, pd.DataFrame],
    choices: ByEffect,
    posteriors: Mapping[str, xr.DataTree],
    more: Mapping[str, ByEffect],
    words: Words,
    *,
    steps: Mapping[str, float] | None = None,
    scales: Mapping[str, float] | None = None,
) -> Result:
    """The result of an analysis of single units; with "RECONSTRUCTED" in words and titles where the data are.

    `comparison`: the posterior beside OLS, by term. `types`: ``"target, partial"`` and so on to the outcome of each type under a
    pooling, ``"target, slope"`` to the slope by type. `choices`: the comparison of poolings. `posteriors`: the headline first. `more`:
    further tables by name. `steps`: step of each control that the page shows slopes for. `scales`: s.d. of each term, which figures
    show slopes for.
    """
    origin = next(iter(comparison.values())).attrs["origin"]
    made_up = origin == "reconstructed"
    stamp(words, posteriors)
    shown, drawn = dict[str, pd.DataFrame](), dict[str, pd.DataFrame]()
    for effect, table in comparison.items():
        groups = types[f"{effect}, partial"].index
        shown[effect] = _shown(table, steps or {}, groups, words)
        # Where the s.d. of every term is known, figures show slopes for one s.d.: that makes widths compare.
        known = set(table.index) <= {*groups, *(scales or {}), "constant", "Constant"}
        drawn[effect] = _shown(table, scales or {}, groups, words, named=False) if known else shown[effect]
        drawn[effect].attrs["per_sd"] = known
    group = {"authority_type": capital(words.group)}
    tables = {
        "comparison": Table(
            _joined(comparison, "effect", always=True),
            _comparison_caption(words, made_up, max(len(comparison[e]) - len(shown[e]) for e in shown)),
            shown=_joined(shown, "effect"),
            headings={"ols_estimate": "Published estimate" if made_up else "OLS estimate"},
            shares=("between_share",),
        ),
        "types": Table(
            _joined(types, "quantity", always=True),
            f"{capital(words.what)} of each {words.group}. By itself and partially pooled, at average controls"
            + ("" if "types" in comparison else f" and without {words.target}")
            + f", and the slope by {words.group} where there is one. In {words.measure}; 95% equal-tailed intervals; {origin} data.",
            shown=_types_shown(types, comparison),
            headings=group,
        ),
    }
    if choices:
        bare = {effect: table.drop(columns="weight", errors="ignore") for effect, table in choices.items()}
        tables["pooling"] = Table(
            _joined(choices, "effect", always=True),
            "Pooling choices by leave-one-out cross-validation. The expected log predictive density (elpd) is how well a choice predicts "
            "what it has not seen: higher is better, and a difference under 4 is no reason to prefer one. The CSV adds weights."
            + (" Of the first reconstructed data set." if made_up else ""),
            shown=_joined(bare, "effect"),
            section="sensitivity",
        )
    for name, frames in more.items():
        whole = pd.concat(dict(frames), names=["effect"]).reset_index()
        few = _checks_shown(whole) if name == "checks_by_type" else whole
        few = few if len(frames) > 1 else few.drop(columns="effect")
        caption = f"{_caption(name, words)} {capital(origin)} data."
        tables[name] = Table(whole, caption, shown=few, headings=group)
    answer, points = _answer(comparison, types, more, words, made_up)
    return Result(
        answer=answer,
        points=points,
        labels=_labels(posteriors, words),
        tables=tables,
        pictures=_pictures(drawn, shown, types, words, origin, _size(posteriors, types)),
        posteriors=posteriors,
        methods=_methods(words, comparison),
        limits=(*(_RECONSTRUCTION if made_up else ()), *_limits(words, comparison, made_up)),
    )


def _joined(frames: ByEffect, name: str, *, always: bool = False) -> pd.DataFrame:
    """Tables below one another, told apart by a column of this name; one alone needs none, unless always."""
    if len(frames) == 1 and not always:
        return next(iter(frames.values()))
    return pd.concat(dict(frames), names=[name]).reset_index(name)


def _shown(
    table: pd.DataFrame, steps: Mapping[str, float], types: pd.Index, words: Words, *, named: bool = True
) -> pd.DataFrame:
    """What a page shows of a comparison: few contrasts of types, controls by a round step, the user's word for the target."""
    shown = table.drop(columns=_NOT_SHOWN, errors="ignore")
    contrasts = [name for name in shown.index if name in types]
    if len(contrasts) > MANY // 2:
        shown = shown.drop(index=contrasts)
    numbers = ["ols_estimate", "ols_low", "ols_high", "mean", "low", "high"]
    numbers += ["mean_error"] if "mean_error" in shown else []
    labels = {"target": words.target.removeprefix("the ")}
    for name, step in steps.items():
        if name in shown.index:
            shown.loc[name, numbers] = shown.loc[name, numbers] * step
            labels |= {name: f"{name} (per {step:,g})"} if named else {}
    shown = shown.rename(index=labels)
    shown.attrs = dict(table.attrs)
    return marked(shown).drop(columns="determined") if "determined" in shown else shown


def _named(effect: str, words: Words) -> str:
    return words.target if effect == "target" else f"the {effect}"


def ends(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of a table by their mean, of many those at both ends; and words in brackets that say so."""
    ordered = table.sort_values("mean", ascending=False, kind="stable")
    half, said = MANY // 2, ""
    if len(table) > MANY:
        ordered = pd.concat([ordered.head(half), ordered.tail(half)])
        said = f" ({half} highest and {half} lowest of {len(table):,})"
    ordered.attrs = table.attrs
    return ordered, said


def _types_shown(types: Mapping[str, pd.DataFrame], comparison: ByEffect) -> pd.DataFrame:
    """One row per group: by itself, pooled, and its slope."""
    parts = {}
    for effect in comparison:
        table = types[f"{effect}, partial"][["mean", "low", "high"]].copy()
        if f"{effect}, none" in types:
            table.insert(0, "alone", types[f"{effect}, none"]["mean"])
        if f"{effect}, slope" in types:
            slope = types[f"{effect}, slope"]
            table[["slope", "slope_low", "slope_high"]] = slope[["mean", "low", "high"]]
        parts[effect] = ends(table)[0]
    return _joined(parts, "effect")


def _checks_shown(checks: pd.DataFrame) -> pd.DataFrame:
    """The checks of all units and, of many groups, the worst."""
    if len(checks) <= 4 * MANY:
        return checks
    whole = checks["authority_type"] == "all"
    worst = (checks["p_value"] - 0.5).abs().where(~whole).nlargest(MANY).index
    return pd.concat([checks[whole], checks.loc[worst]])


def _caption(name: str, words: Words) -> str:
    return {
        "fit": f"How well the regression fits. Bayesian R² beside that of OLS, and the mean {words.what} in {words.measure}; 95% "
        "equal-tailed intervals.",
        "checks_by_type": f"Posterior predictive check: observed and replicated mean, s.d., least and largest {words.what} of each "
        f"{words.group}; p-values near 0 or 1 mean that the model does not give what was seen.",
        "agreement": "Printed statistics and their values in the reconstructed data sets. Mean and range.",
        "measured": f"Slope with and without the sampling error of the scores. In {words.measure}; 95% equal-tailed intervals.",
    }[name]


def _comparison_caption(words: Words, made_up: bool, left: int) -> str:
    ols = "the printed OLS" if made_up else "OLS with robust (HC3) standard errors"
    data = "pooled over the reconstructed data sets" if made_up else "of the hierarchical model"
    text = (
        f"Posterior {data} beside {ols}. {capital(words.what)} in {words.measure} for one unit of the term, or for the step in "
        "brackets; 95% equal-tailed intervals, t for OLS."
    )
    return text + (f" The {left:,} contrasts of {words.groups} are in the CSV file." if left else "")


def _digits(row: Any) -> Callable[[float], str]:
    """Numbers of a row with as many decimals as its interval is worth."""
    width = max(float(row["high"] - row["low"]), 1e-12)
    decimals = max(0, 1 - math.floor(math.log10(width) - 0.5))
    if error := 2 * float(row.get("mean_error", 0.0)):
        decimals = max(0, min(decimals, math.floor(-math.log10(error))))

    def text(value: float) -> str:
        # Nothing is "-0.00".
        return f"{round(float(value), decimals) + 0.0:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")

    return text


def _labels(posteriors: Mapping[str, xr.DataTree], words: Words) -> dict[str, str]:
    """The posteriors in words, and what may have been left out."""
    said = {
        "partial": "partial pooling",
        "none": "no pooling",
        "complete": "complete pooling",
        "by_type": f"slope by {words.group}",
        "scores": "with the sampling error of the scores",
    }
    told = {}
    effects = dict.fromkeys(name.partition("_")[0] for name in posteriors)
    for name in dict.fromkeys([*posteriors, *(f"{effect}_{kind}" for effect in effects for kind in said)]):
        effect, _, kind = name.partition("_")
        told[name] = f"{words.groups if effect == 'types' else _named(effect, words)}, {said.get(kind, kind)}"
    return told


def _answer(
    comparison: ByEffect,
    types: Mapping[str, pd.DataFrame],
    more: Mapping[str, ByEffect],
    words: Words,
    made_up: bool,
) -> tuple[str, tuple[str, ...]]:
    """The first sentence, and the points."""
    leads, points = list[str](), list[str]()
    for effect, table in comparison.items():
        row: Any = table.iloc[0]
        if effect == "types":
            leads.append(_types_answer(types["types, partial"], words))
            continue
        lead = "for each point of stretch"
        if effect == "target":
            lead = f"in {words.units} with {words.target} than in comparable ones without it"
        p, text, error = float(row["prob_positive"]), _digits(row), float(row.get("prob_error", 0.0))
        side, p = ("higher", p) if row["mean"] >= 0 else ("lower", 1 - p)
        leads.append(
            f"The {words.what_when} was {text(abs(row['mean']))} {words.measure} {side} {lead}; that it was {side} is "
            f"{words_for(p, error=error)} ({percent_text(p, error=error)})."
        )
        points.append(
            f"{capital(_named(effect, words))}: {text(row['mean'])} (95% equal-tailed interval {text(row['low'])} to {text(row['high'])}); "
            f"{'the published OLS' if made_up else 'OLS'} gives {text(row['ols_estimate'])}."
        )
        if made_up:
            share = float(row["between_share"])
            left = "almost nothing" if share < 0.05 else f"{share:.0%} of the variance"
            points.append(f"What the printed table leaves open ({_named(effect, words)}): {left}.")
    points += _failures(more.get("checks_by_type", {}), words)
    if "types" in comparison:
        points.append(f"A cross-section cannot show a change, nor why {words.groups} differ.")
    elif not made_up:
        points.append(f"Whether {words.target} was the cause, this table cannot show.")
    if made_up:
        leads[0] = f"On RECONSTRUCTED authorities: {leads[0][:1].lower()}{leads[0][1:]}"
    return leads[0], (*leads[1:], *points)


def _types_answer(table: pd.DataFrame, words: Words) -> str:
    best, worst = str(table["mean"].idxmax()), str(table["mean"].idxmin())
    ends: list[Any] = [table.loc[name] for name in (best, worst)]
    each = " and ".join(
        f"{word} in {name} ({words.level(float(row['mean']))}, 95% equal-tailed interval {number(float(row['low']))} to "
        f"{words.level(float(row['high']))})"
        for word, name, row in zip(("highest", "lowest"), (best, worst), ends, strict=True)
    )
    return f"At average controls and partially pooled, the {words.what} is {each} of {len(table):,} {words.groups}."


def _failures(checks: Mapping[str, pd.DataFrame], words: Words) -> list[str]:
    """What the model does not give, of all units together."""
    named = {"mean": "mean", "sd": "spread", "min": "lowest value", "max": "highest value"}
    wrong = []
    for table in checks.values():
        whole = table.xs("all", level="authority_type")
        bad = whole[(whole["p_value"] < POOR) | (whole["p_value"] > 1 - POOR)]
        wrong += [f"{named[str(name)]} (predictive p {p:.3f})" for name, p in bad["p_value"].items()]
    if not wrong:
        return []
    return [
        f"The model does not give the {' nor the '.join(dict.fromkeys(wrong))} that was seen: some {words.units} lie too far "
        "off for normal noise, so look at them before trusting the intervals."
    ]


def _methods(words: Words, comparison: ByEffect) -> tuple[str, ...]:
    slope, slopes = "", ""
    if "types" not in comparison:
        slope = f", {' or '.join(_named(effect, words) for effect in comparison)} times its slope"
        slopes = f"; slopes are common, or differ by {words.group} and are partially pooled"
    return (
        f"The {words.what} of {a(words.unit)} is the sum of what its {words.group} has in common{slope}, the controls, and normal noise. "
        f"{capital(words.groups)} share a normal distribution (partial pooling), are the same (complete) or stand alone (none){slopes}. "
        f"Priors are in {words.measure} and stand below.",
        "Pooling choices are compared by leave-one-out cross-validation (PSIS-LOO). Intervals are 95% equal-tailed.",
    )


def _limits(words: Words, comparison: ByEffect, made_up: bool) -> tuple[str, ...]:
    if "types" in comparison:
        return (
            f"Any change: there is no earlier {words.outcome}, so what {words.groups} have in common may have been there before.",
            f"Why {words.groups} differ: {words.units} of another {words.group} may differ in much that no control measures.",
        )
    if not words.change:
        return (
            f"Any change: there is no earlier {words.outcome}, so {words.units} with {words.target} may have differed before they had it.",
            f"Whether {words.target} was the cause: a cross-section compares those that have it with those that have not, as they are.",
        )
    cause = "targets" if words.target == "the target" else words.target
    why = (
        "targets were negotiated, not drawn by lot"
        if made_up
        else f"unless {words.units} got it by lot, those that have it may differ in other ways"
    )
    return (
        f"Whether {cause} {'were' if cause == 'targets' else 'was'} the cause of the change: {why}. Where the first "
        f"{words.outcome.removeprefix('the ')} is low by chance, the second tends to be higher whatever is done.",
    )


def _title(words: Words, comparison: ByEffect) -> str:
    if "types" in comparison:
        return capital(f"{words.outcome} of {words.units}, by {words.group}")
    return capital(f"{words.what} of {words.units}, with and without {words.target}")


def _question(units: xr.Dataset, words: Words, comparison: ByEffect, source: str) -> str:
    n, kinds = units.sizes["authority"], len(set(units["authority_type"].to_numpy().tolist()))
    what = (
        f"How far does the {words.what} differ between {words.groups}"
        if "types" in comparison
        else f"Did the {words.what_when} differ between {words.units} with {words.target} and the others"
    )
    named = f"; {source}" if source else ""
    pooled = f"once {words.groups} are pooled as far as the data ask for it"
    return f"{what}, {pooled}? {n:,} {words.units} of {kinds:,} {words.groups}{named}."


def _size(posteriors: Mapping[str, xr.DataTree], types: Mapping[str, pd.DataFrame]) -> int:
    """Number of units that were analysed; 0 where neither posteriors nor tables hold it."""
    for tree in posteriors.values():
        if "observed_data" in tree.children and "authority" in tree["observed_data"].sizes:
            return int(tree["observed_data"].sizes["authority"])
    return max((int(table["n"].sum()) for table in types.values() if "n" in table), default=0)


def _pictures(
    drawn: ByEffect, shown: ByEffect, types: Mapping[str, pd.DataFrame], words: Words, origin: str, n: int
) -> dict[str, Picture]:
    """Of each effect the forest of its terms, each group by itself and pooled, and the slopes of the groups."""
    pictures = {}
    for effect, table in drawn.items():
        n = table.attrs.get("n", n)
        many = f"{capital(words.what_when)}{f'; {n:,} {words.units}' if n else ''}"
        rows = table.drop(index=["constant", "Constant"], errors="ignore")
        rows.attrs = table.attrs
        if len(rows):
            pictures[f"forest_{effect}"] = _forest(effect, rows, table.iloc[0], words, origin, many)
        if f"{effect}, none" in types:
            pictures[f"types_{effect}"] = _shrinkage(effect, types, words, origin, many)
        if f"{effect}, slope" in types:
            slope = types[f"{effect}, slope"]
            pictures[f"slopes_{effect}"] = _slopes(effect, shown[effect], slope, words, origin, many)
    return pictures


def _forest(effect: str, rows: pd.DataFrame, first: Any, words: Words, origin: str, many: str) -> Picture:
    per_sd = rows.attrs["per_sd"]
    if effect == "types":
        title = f"{len(clear_of_zero(rows)) or 'None'} of {len(rows)} terms clear of zero"
    else:
        lead, each = words.target.removeprefix("the "), ""
        if effect == "stretch":
            lead, each = "stretch", " per s.d." if per_sd else " per point"
        side = "higher" if first["mean"] >= 0 else "lower"
        title = f"{capital(lead)}: {_digits(first)(abs(first['mean']))} {words.measure} {side}{each}"
    unit = (
        "one s.d. of the term (or from 0 to 1)" if per_sd else "one unit of the term or the step in brackets"
    )
    figure = plot_forest(
        rows,
        title=title,
        subtitle=f"{many}; OLS beside the hierarchical model",
        focus=[] if effect == "types" else [rows.index[0]],
        xlabel=f"{words.axis}, for {unit}",
    )
    scales = "" if per_sd else " Terms on very different scales have an axis of their own."
    return Picture(
        figure,
        f"Dashed: OLS. Solid: the hierarchical model.{scales}",
        f"Forest plot of OLS and posterior: {title} ({origin} data).",
    )


def _shrinkage(
    effect: str, types: Mapping[str, pd.DataFrame], words: Words, origin: str, many: str
) -> Picture:
    pooled, alone = types[f"{effect}, partial"], types[f"{effect}, none"]["mean"]
    few, said = ends(pooled)
    text = _digits({"mean": np.ptp(alone), "low": 0.0, "high": np.ptp(alone)})
    without = "" if effect == "types" else f", without {words.target}"
    complete = types.get(f"{effect}, complete")
    figure = plot_shrinkage(
        alone.loc[few.index],
        few,
        average=None if complete is None else float(complete["mean"].iloc[0]),
        title=f"Pooled, {words.groups} lie {text(np.ptp(pooled['mean']))} apart instead of {text(np.ptp(alone))}",
        subtitle=f"{many}, by {words.group}{said}",
        xlabel=f"{words.axis}{without}, at average controls",
        origin=origin,
    )
    return Picture(
        figure,
        f"Open squares: each {words.group} by itself. Arrows lead to the partially pooled value"
        f"{'' if complete is None else '; dashed: if all were alike'}.",
        f"{capital(words.what)} of each {words.group} by itself and partially pooled ({origin} data).",
    )


def _slopes(
    effect: str, shown: pd.DataFrame, slopes: pd.DataFrame, words: Words, origin: str, many: str
) -> Picture:
    slope, said = ends(slopes)
    text = _digits(shown.iloc[0])
    # OLS has one slope for all, so that it is drawn once, beside the one slope of the model
    every = f"All {words.groups}"
    drawn = pd.concat([shown.iloc[[0]].set_axis([every]), slope])
    drawn.attrs = slope.attrs
    figure = plot_forest(
        drawn,
        terms=[every, *slope.index],
        title=f"Slopes by {words.group}: {text(slope['mean'].min())} to {text(slope['mean'].max())}",
        subtitle=f"{many}; slope of {_named(effect, words)} by {words.group}{said}",
        focus=[every],
        xlabel=f"{words.axis}, for {words.target if effect == 'target' else 'a point of stretch'}",
    )
    return Picture(
        figure,
        f"Solid: the one slope of all {words.groups}, then that of each, partially pooled. Dashed: the one slope of OLS.",
        f"Slopes of {_named(effect, words)} by {words.group} ({origin} data).",
    )
