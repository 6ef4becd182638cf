"""A printed table of estimates, in whatever form it is printed, becomes an `Evaluation`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import DataError, UnclearError, did_you_mean, option, quoted, require_number, wrong_cell
from ..evaluation import BETTER, RATIOS, Evaluation, is_constant, require_terms
from .arms import EFFECTS, kind_of, read_arms
from .columns import as_mapping
from .printed_table import PrintedTable, Sheet, read_models, sheet_of, stars_in
from .results import fitted_models, is_result, read_result
from .rows import PrintedRow, ReadRows, Terms, read_rows, signs_of_per_cent, split_reference
from .table import TableOptions
from .uncertainty import figure

_RATIO_WORDS = {
    "or": "odds ratio",
    "rr": "risk ratio",
    "hr": "hazard ratio",
    "irr": "rate ratio",
    "relative risk": "risk ratio",
}


@dataclass(frozen=True)
class Options:
    """What a user says of a table, by argument or in its header lines; None where nothing was said."""

    focus: tuple[str, ...] | None = None
    better: str | None = None
    smallest: float | None = None
    hoped: float | None = None
    unit: str | None = None
    n: int | None = None
    clusters: int | None = None
    df: float | None = None
    ratio: str | None = None
    model: str | None = None
    level: float | None = None
    brackets: str | None = None
    stars: Mapping[str, float] | None = None
    tails: int | None = None
    logs: str | None = None
    effect: str | None = None
    continuity: float | None = None
    assignment: str | None = None
    source: str | None = None
    heading: str | None = None
    moderators: tuple[str, ...] | None = None
    group: str | None = None
    correlation: float | None = None
    covariance: Any = None
    exact: str | None = None
    note: tuple[str, ...] | None = None

    @property
    def said(self) -> frozenset[str]:
        """Names of what was said."""
        return frozenset(f.name for f in fields(self) if getattr(self, f.name) is not None)


def read_estimates(
    source: Any,
    *,
    focus: str | Sequence[str] | None = None,
    better: str | None = None,
    smallest: float | None = None,
    hoped: float | None = None,
    unit: str | None = None,
    n: int | None = None,
    clusters: int | None = None,
    df: float | None = None,
    ratio: str | None = None,
    model: str | None = None,
    level: float | None = None,
    brackets: str | None = None,
    stars: str | Mapping[str, float] | None = None,
    tails: int | None = None,
    logs: str | None = None,
    effect: str | None = None,
    continuity: float | None = None,
    columns: Mapping[str, str] | None = None,
    sheet: str | int | None = None,
    decimal: str | None = None,
    separator: str | None = None,
    encoding: str | None = None,
    header: int | None = None,
    missing: Iterable[str] = (),
    assignment: str | None = None,
) -> Evaluation | dict[str, Evaluation]:
    r"""Read a printed table of estimates, from a file, a frame, copied text or a fitted model.

    Parameters
    ----------
    source : str, Path, DataFrame or fitted model
        A CSV, TSV, text, Markdown, Excel or Parquet file; a DataFrame; text as copied from a page (more than one line); or an
        object with ``params``, ``bse`` and ``cov_params()`` or with ``tidy()``, whose covariance is kept.
    focus : str or sequence of str, optional
        The term or terms in question. With several models each goes to the models that hold it.
    better : {"higher", "lower"}, optional
        Which direction of the outcome is favourable.
    smallest, hoped : float, optional
        Smallest effect worth having, and the effect that was hoped for, in `unit`; for ratios the ratio itself.
    unit : str, optional
        Unit of the outcome, in words.
    n, clusters : int, optional
        Observations, and clusters of them: degrees of freedom are clusters less one, else n less terms and constant.
    df : float, optional
        Degrees of freedom of the standard errors, where they are known as such.
    ratio : {"odds ratio", "risk ratio", "hazard ratio", "rate ratio", "none"}, optional
        What the estimates are, where they are ratios; estimates are then logarithms. "none" says that numbers which look like
        ratios are none.
    model : str, optional
        Heading of the one printed model to read.
    level : float, optional
        Level of printed intervals; by default that of their heading, else 0.95.
    brackets : {"se", "t", "p"}, optional
        What single numbers in brackets are, where neither a heading nor a note in the file says so.
    stars : str or mapping, optional
        Levels of stars, ``"*:.05 **:.01"`` or ``{"*": 0.05, "**": 0.01}``.
    tails : {1, 2}, optional
        Tails of printed p-values and stars, 2 by default.
    logs : {"none", "se", "both"}, optional
        For ratios: printed with their own standard errors ("none"), with those of their logarithms ("se"), or as logarithms
        with theirs ("both"). By default read from the table, asked about where it does not tell.
    effect : {"risk difference", "mean difference", "standardised difference", "Fisher z"}, optional
        What to compute where counts, means or correlations are printed by arm instead of an estimate.
    continuity : float, optional
        Added to all four counts of a row with an empty cell, 0.5 by default.
    columns : mapping of str to str, optional
        Heading to canonical name: ``term``, ``estimate``, ``se``, ``variance``, ``t``, ``p``, ``low``, ``high``, ``star``,
        ``model``, ``df``, ``scale``, ``group``, or the names of counts and means by arm.
    sheet, decimal, separator, encoding, header, missing : optional
        How the table is written, where it cannot be told from it: as for `read_authorities`.
    assignment : str, optional
        How units came to be treated, such as "lot" or "difference in differences".

    Returns
    -------
    Evaluation or dict of str to Evaluation
        One evaluation, or one for each model by its heading.

    Raises
    ------
    DataError
        If the table cannot be read, or a number in it could mean two things; the message says which option decides.

    Notes
    -----
    Header lines in the file, such as ``# focus: Target``, say the same as the options, which win. A printed standard error is
    used as it is; else the one is computed (from variance, interval, t or p) that rounding leaves the least open. The column
    ``se_from`` says which, and ``notes`` says what was recognised, derived or assumed.

    Examples
    --------
    >>> evaluation = read_estimates("term,estimate,t\nContractibility,.049,(2.287)\n", n=244, better="higher")
    >>> evaluation.estimates.loc["Contractibility", ["estimate", "se", "se_low", "se_high", "df"]].astype(float).round(4).tolist()
    [0.049, 0.0214, 0.0212, 0.0216, 242.0]
    """
    said = options_among(locals())
    if is_result(source):
        return _of_result(source, Options(**checked(said)))
    page = sheet_of(source, TableOptions(separator, decimal, encoding, header, sheet, missing))
    asked = asked_of(said, page)
    try:
        models = read_models(page, as_mapping(columns, "columns"), asked.brackets, asked.level)
        wanted = [model for model in models if str(model.heading) == asked.model] or models
        return _chosen([evaluation_of(model, asked, page) for model in wanted], asked, page.label)
    except UnclearError as error:
        error.said = asked.said
        raise


# ---- options and header lines -----------------------------------------------------------------------------


def options_among(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the arguments of a reader say of a table, apart from how it is written."""
    names = [field.name for field in fields(Options) if field.name != "source"]  # which is the table itself
    return {name: arguments[name] for name in names if name in arguments}


def asked_of(given: Mapping[str, Any], page: Sheet) -> Options:
    """Options as given, checked, and where nothing is given the file's own header lines."""
    said = options_in(page)
    notes = (*page.notes, *_nearly_said(page), *(said.note or ()))
    return merge(Options(**checked(given)), replace(said, note=notes or None))


def _nearly_said(page: Sheet) -> Iterable[str]:
    """Notes on header lines that are nearly one that counts, such as ``# smalest: 0.5``."""
    known = [field.name for field in fields(Options)]
    for key in page.said:
        near = [] if {key, key.removesuffix("s")} & set(known) else get_close_matches(key, known, 1, 0.85)
        if near:
            yield f"The line '# {key}: ...' at the top of the file was not read; did you mean '# {near[0]}: ...'?"


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Each option in its type."""
    return {
        name: None if value is None else _READERS.get(name, _words)(name, value)
        for name, value in given.items()
    }


def options_in(page: Sheet) -> Options:
    """What the header lines of a file say, such as ``# focus: Target``."""
    found: dict[str, Any] = {}
    for key in {field.name for field in fields(Options)} & page.said.keys():
        lines = tuple(line for line in page.said[key] if line)
        if key in ("focus", "moderators", "note"):
            found[key] = lines or None
        elif len(set(lines)) > 1:
            raise DataError(
                f"{page.label}: header lines say {key} twice ({lines[0]!r} and {lines[1]!r}), expected it once"
            )
        elif lines:
            try:
                found |= checked({key: lines[0]})
            except DataError as error:
                raise DataError(f"{page.label}, header line {key!r}: {error}") from None
    return Options(**found)


def merge(given: Options, said: Options) -> Options:
    """Options, where nothing is given the header lines; clusters that are given also win over degrees of freedom there."""
    if given.clusters is not None:
        said = replace(said, df=None)
    return replace(said, **{name: getattr(given, name) for name in given.said})


def _several(name: str, value: object) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    return tuple(str(term) for term in names)


def _words(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise DataError(f"{name} is {value!r}, expected words")
    return value


def _real(name: str, value: object) -> float:
    if isinstance(value, str):
        text = value.replace("\u2212", "-")
        try:
            return require_number(name, float(f"{text[:-1]}e-2" if text.endswith("%") else text))
        except ValueError:
            raise DataError(f"{name} is {value!r}, expected a number") from None
    return require_number(name, value, expected="a number")


def _whole(name: str, value: object) -> int:
    number = _real(name, value)
    if number != int(number):
        raise DataError(f"{name} is {value!r}, expected a whole number")
    return int(number)


def _df(name: str, value: object) -> float:
    """Degrees of freedom; infinite for tests by the normal distribution."""
    infinite = value == "inf" or (isinstance(value, float) and value == math.inf)
    return math.inf if infinite else _real(name, value)


def _one_of(known: Sequence[str], also: Mapping[str, str] | None = None) -> Callable[[str, object], str]:
    """A reader of one of some words, in any capitals, with other words for them."""
    words = {word.lower(): word for word in known} | dict(also or {})

    def choice(name: str, value: object) -> str:
        if not isinstance(value, str) or value.lower() not in words:
            raise DataError(f"{name} is {value!r}, expected one of {quoted(known)}")
        return words[value.lower()]

    return choice


def _stars(name: str, value: object) -> Mapping[str, float]:
    """Levels by star, from a mapping or from words such as ``*:.05 **:.01``."""
    pairs: list[Any] = list(value.items()) if isinstance(value, Mapping) else []
    if isinstance(value, str):
        pairs = [part.rpartition(":")[::2] for part in value.replace(",", " ").split()]
    levels: dict[str, float] = {}
    for star, text in pairs:
        level = _real(f"the level of {star!r} in stars", text) if star else None
        if level is None or not 0 < level < 0.5:
            raise DataError(f"{name} is {value!r}, expected levels between 0 and .5, such as '*:.05 **:.01'")
        levels[str(star)] = level
    if not levels or len(set(levels.values())) < len(levels):
        raise DataError(
            f"{name} is {value!r}, expected a level of its own for each symbol, such as '*:.05 **:.01'"
        )
    return dict(sorted(levels.items(), key=lambda item: -item[1]))


def _covariance(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise DataError(
            f"{name} is {value[:40]!r}, expected rows of numbers such as [[1, 0], [0, 1]]"
        ) from None


_READERS: Mapping[str, Callable[[str, Any], Any]] = (
    dict.fromkeys(("smallest", "hoped", "level", "correlation", "continuity"), _real)
    | dict.fromkeys(("n", "clusters", "tails"), _whole)
    | dict.fromkeys(("focus", "moderators", "note"), _several)
    | {
        "df": _df,
        "better": _one_of(BETTER),
        "model": lambda _, value: str(value),
        "ratio": _one_of((*RATIOS, "none"), _RATIO_WORDS),
        "stars": _stars,
        "brackets": _one_of(("se", "t", "p"), {"s.e.": "se", "z": "t"}),
        "logs": _one_of(("none", "se", "both")),
        "effect": _one_of(EFFECTS, {"standardized difference": "standardised difference"}),
        "covariance": _covariance,
    }
)


# ---- evaluations ------------------------------------------------------------------------------------------


def _chosen(made: list[Evaluation], asked: Options, label: str) -> Evaluation | dict[str, Evaluation]:
    """The one evaluation, or all by heading, of the models that are asked for."""
    if asked.model is not None:
        headings = [str(evaluation.heading) for evaluation in made if evaluation.heading]
        if asked.model not in headings:
            known = (
                did_you_mean(asked.model, headings) if headings else "the table prints one, without a heading"
            )
            raise DataError(f"{label}: no model {asked.model!r}; {known}")
        made = [evaluation for evaluation in made if str(evaluation.heading) == asked.model]
    terms = dict.fromkeys(str(term) for evaluation in made for term in evaluation.estimates.index)
    require_terms(asked.focus or (), terms, label)
    return made[0] if len(made) == 1 else {str(evaluation.heading): evaluation for evaluation in made}


def _of_result(source: Any, given: Options) -> Evaluation | dict[str, Evaluation]:
    """The evaluation of a fitted model, whose numbers are not rounded, or one of each of several."""
    label, models = type(source).__name__, fitted_models(source)
    made = []
    for heading, result in models.items():
        fitted = read_result(result)
        page = replace(sheet_of(fitted.frame), label=label, exact=True)
        said = Options(
            n=fitted.n,
            df=fitted.df,
            covariance=fitted.covariance,
            logs="both" if given.ratio not in (None, "none") else None,
            heading=heading or None,
            exact="yes",
            note=fitted.notes,
        )
        asked = merge(given, said)
        made += [evaluation_of(model, asked, page) for model in read_models(page, {}, None, None)]
    return _chosen(made, given, label)


def evaluation_of(model: PrintedTable, asked: Options, page: Sheet, word: str = "term") -> Evaluation:
    """One evaluation from the rows of a printed model and from what is said of it."""
    n, clusters = asked.n or model.n, asked.clusters or model.clusters
    by_arm = None if _has_estimates(model.rows) else kind_of(model.rows)
    df, df_note = (None, "") if by_arm else _degrees_of_freedom(model, asked, n, clusters, word)
    known = Terms(
        ratio=None if asked.ratio == "none" else asked.ratio,
        logs=asked.logs or model.logs or ("none" if asked.ratio == "none" else None),
        level=asked.level or model.level or 0.95,
        stars=asked.stars if asked.stars is not None else stars_in(page.around),
        tails=asked.tails or 2,
        df=math.inf if df is None else df,
        exact=page.exact or asked.exact == "yes",
        needs_ratio=model.needs_ratio,
        word=word,
        header=page.header,
    )
    reading = {"exact": "yes"} if known.exact else {}
    reading |= {"ratio": "none"} if asked.ratio == "none" else {}
    if by_arm:
        more = 0.5 if asked.continuity is None else asked.continuity
        read, effect = read_arms(model.rows, by_arm, known, asked.effect, more, page.label)
        reading |= {} if effect == known.ratio else {"effect": effect}
        reading |= {} if more == 0.5 else {"continuity": f"{more:g}"}
    else:
        read = read_rows(model.rows, known, page.label)
        reading |= {"logs": read.logs} if read.logs else {}
    estimates = _with_columns(read.estimates, model, page.label)
    percent = known.ratio is None and bool(signs_of_per_cent(model.rows))
    notes = [
        *(asked.note or ()),
        *model.notes,
        *(["Estimates are printed in per cent, and are read so."] if percent else []),
        *read.notes,
        df_note,
        *_other_notes(model, asked, read, known),
    ]
    return Evaluation(
        estimates=estimates,
        printed=read.printed,
        focus=tuple(term for term in asked.focus or () if term in read.estimates.index) or None,
        better=asked.better,
        unit=asked.unit or ("per cent" if percent else None),
        smallest=asked.smallest,
        hoped=_hoped(asked.hoped, known.ratio),
        ratio=known.ratio,
        n=n,
        clusters=clusters,
        df=asked.df,
        level=known.level,
        stars=known.stars,
        tails=known.tails,
        covariance=_labelled(asked.covariance, estimates.index, page.label),
        reference=read.reference,
        assignment=asked.assignment,
        source=asked.source or page.label,
        heading=model.heading or asked.heading,
        reading=reading,
        notes=tuple(dict.fromkeys(note for note in notes if note)),
    )


def _has_estimates(rows: Sequence[PrintedRow]) -> bool:
    """Whether a row has an estimate and an uncertainty, which win over counts and means by arm."""
    signs = ("se", "variance", "t", "p", "low", "star")
    return any(row.cells.get("estimate") and any(row.cells.get(name) for name in signs) for row in rows)


def _with_columns(estimates: pd.DataFrame, model: PrintedTable, label: str) -> pd.DataFrame:
    """The estimates with what else is known of each row: its group, and the scale of its predictor."""
    rows = {row.term: row for row in model.rows}
    chosen = [rows[str(term)] for term in estimates.index]
    if any(row.cells.get("group") for row in chosen):
        estimates = estimates.assign(
            group=pd.array([row.cells.get("group", "") for row in chosen], dtype="str")
        )
    if any(row.cells.get("scale") for row in chosen):
        values = [numeric_cell(row, "scale", row.cells.get("scale", ""), label) for row in chosen]
        if any(value <= 0 for value in values):
            raise DataError(
                f"{label}, column 'scale': found a value of 0 or less, expected an s.d. of the predictor above 0, or nothing"
            )
        estimates = estimates.assign(scale=values)
    return estimates


def numeric_cell(row: PrintedRow, column: str, text: str, label: str) -> float:
    """A number of another column, NaN where the cell is empty."""
    read = figure(text)
    if text and read is None:
        raise wrong_cell(label, row.row, column, text, "a number, or nothing")
    return math.nan if read is None else read.value


def _hoped(hoped: float | None, ratio: str | None) -> float | None:
    if hoped is None or ratio is None:
        return hoped
    if hoped <= 0 or hoped == 1:
        raise DataError(f"hoped is {hoped:g}, expected one above 0 and other than 1 ({ratio})")
    return math.log(hoped)


def as_matrix(values: Any) -> NDArray[np.float64]:
    """Rows of numbers as an array; an empty one where they are none."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return np.empty(0)


def _labelled(matrix: Any, index: pd.Index[Any], label: str) -> pd.DataFrame | None:
    """A covariance with the terms on both sides."""
    if matrix is None or isinstance(matrix, pd.DataFrame):
        return matrix
    values = as_matrix(matrix)
    if values.shape != (len(index), len(index)) or not np.isfinite(values).all():
        raise DataError(
            f"{label}: covariance is no matrix of {len(index)} by {len(index)} numbers, expected one row and column for each term"
        )
    return pd.DataFrame(values, index=index, columns=index)


def _degrees_of_freedom(
    model: PrintedTable, asked: Options, n: int | None, clusters: int | None, word: str
) -> tuple[float | None, str]:
    """Degrees of freedom as given, else clusters less one, else n less terms and constant; and how that came about."""
    if asked.df == math.inf:
        return None, "Degrees of freedom are said to be infinite: the normal distribution is used."
    if asked.df is not None:
        return asked.df, f"Degrees of freedom are given: {asked.df:g}."
    if word == "study":
        return None, ""
    if clusters is not None:
        return clusters - 1.0, f"Degrees of freedom: {clusters - 1}, one less than the {clusters} clusters."
    if n is None:
        return None, "Degrees of freedom are not known: the normal distribution is used."
    kept, _ = split_reference(model.rows, asked.ratio)
    slopes = sum(not is_constant(row.term) for row in kept if row.cells.get("estimate"))
    df = n - slopes - 1
    if df < 1:
        raise DataError(
            f"n is {n}, but {slopes} terms and a constant are printed; expected more observations than terms"
        )
    return (
        float(df),
        f"Degrees of freedom: {df}, {n} observations less {slopes} printed terms and a constant ({option('df')} says otherwise).",
    )


def _other_notes(model: PrintedTable, asked: Options, read: ReadRows, known: Terms) -> list[str]:
    notes = []
    if model.unused:
        notes.append(f"Columns not used: {', '.join(model.unused)}.")
    if read.reference:
        notes.append(f"Reference categories: {', '.join(read.reference)}.")
    if "low" in read.printed.columns and asked.level is None and model.level is None:
        notes.append(f"Intervals are taken as {100 * known.level:g}% intervals: no heading says otherwise.")
    if model.beta:
        notes.append("Slopes are taken as standardised: the heading is beta.")
    constants = [str(term) for term in read.estimates.index if is_constant(str(term))]
    if constants:
        notes.append(f"Taken as the constant: {', '.join(constants)}.")
    if known.stars and asked.stars is None:
        levels = ", ".join(f"{star} {level:g}" for star, level in known.stars.items())
        notes.append(f"Levels of stars are read from a note: {levels}.")
    elif not known.stars and "star" in read.printed.columns:
        notes.append("Stars are not checked: their levels are not given.")
    if known.ratio and asked.better and asked.smallest and (asked.smallest < 1) == (asked.better == "higher"):
        notes.append(
            f"The smallest effect worth having is given as {asked.smallest:g}, and {asked.better} is favourable: taken as "
            f"{1 / asked.smallest:.4g}, as large an effect in the favourable direction."
        )
    return notes
