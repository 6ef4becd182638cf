"""The noun of the library: one question put to printed estimates."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import DataError, did_you_mean, require_choice, require_count, require_number
from .files import guarded, write_file

BETTER = ("higher", "lower")
RATIOS = ("odds ratio", "risk ratio", "hazard ratio", "rate ratio")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Estimates as printed, and what a reader must say before they can answer a question.

    Attributes
    ----------
    estimates : pandas.DataFrame
        Indexed by ``term`` (several evaluations: by ``study``). Columns ``estimate`` and ``se``, on the log scale where
        `ratio` is given; ``se_low`` and ``se_high``, what rounding leaves open; ``se_from``, how the standard error came
        about; ``df``, degrees of freedom (infinite where they are not known). ``se`` is missing where the table gives only a
        bound. There may be ``scale``, one scale of the predictor (its s.d., or 1; missing for a constant): `smallest` and
        `hoped` are then effects of one scale. Terms of one ``group`` are alternatives of one reference category; of several
        evaluations a group is a study with more than one estimate, and moderators are further columns.
    printed : pandas.DataFrame
        The cells as read, as text, with the same index: what an audit and a page show.
    focus : str, tuple of str or None
        The term or terms in question.
    better : {"higher", "lower"} or None
        Direction of the outcome that is favourable. It turns probabilities and sentences, never an estimate.
    unit : str or None
        Unit of the outcome.
    smallest : float or None
        Smallest effect worth having, more than 0, in `unit`; for a ratio the ratio itself (0.95, or 1.05).
    hoped : float or None
        Effect that was hoped for, on the scale of `estimates` (a logarithm where `ratio` is given: the reader takes the ratio
        itself); it sets the scale of default priors.
    ratio : str or None
        One of `RATIOS`; estimates are then logs.
    n, clusters : int or None
        Observations, and clusters of them.
    df : float or None
        Degrees of freedom of the standard errors, where they are given as such.
    level : float
        Level of the printed intervals.
    stars : mapping of str to float
        Level of each star, such as ``{"*": 0.05}``; empty where levels are not known.
    tails : {1, 2}
        Tails of printed p-values and stars.
    covariance : pandas.DataFrame or None
        Covariance of the estimates, where it is known; labelled as `estimates` on both sides.
    reference : tuple of str
        Terms printed as reference categories (0 without an error); they are in no row of `estimates`.
    assignment : str or None
        How units came to be treated, such as "lot" or "difference in differences".
    source : str
        Where the estimates come from.
    heading : str or None
        Heading of the printed model.
    moderators : tuple of str
        Columns of `estimates` that describe the studies.
    reading : mapping of str to str
        Options with which the print was read and that it does not show by itself, such as ``logs`` (where logarithms are
        printed) or ``effect`` (what was computed from counts by arm); `to_csv` writes them.
    notes : tuple of str
        What was recognised, derived or assumed in reading, a sentence each; all of it stands on the page.

    Examples
    --------
    >>> from bayes_targets.readers.estimates import read_estimates
    >>> table = pd.DataFrame({"term": ["Target"], "estimate": [0.952], "se": [0.659]})
    >>> evaluation = read_estimates(table, focus="Target", better="higher", smallest=0.5)
    >>> evaluation.focal_terms, evaluation.better
    (('Target',), 'higher')
    """

    estimates: pd.DataFrame
    printed: pd.DataFrame
    focus: str | tuple[str, ...] | None = None
    better: str | None = None
    unit: str | None = None
    smallest: float | None = None
    hoped: float | None = None
    ratio: str | None = None
    n: int | None = None
    clusters: int | None = None
    df: float | None = None
    level: float = 0.95
    stars: Mapping[str, float] = field(default_factory=dict)
    tails: int = 2
    covariance: pd.DataFrame | None = None
    reference: tuple[str, ...] = ()
    assignment: str | None = None
    source: str = "estimates"
    heading: str | None = None
    moderators: tuple[str, ...] = ()
    reading: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.estimates, pd.DataFrame) or not isinstance(self.printed, pd.DataFrame):
            raise DataError(
                "an Evaluation needs the frames `estimates` and `printed` (bt.read_estimates makes them)"
            )
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(name, value))
        object.__setattr__(self, "focus", self._checked_focus())
        if self.tails not in (1, 2):
            raise DataError(f"tails is {self.tails!r}, expected 1 or 2")
        if self.hoped == 0:
            raise DataError("hoped is 0, expected the effect that was hoped for")
        if self.ratio is not None and self.smallest == 1:
            raise DataError(
                f"smallest is 1, which is no effect, expected {self.a_ratio} such as 0.95 or 1.05"
            )

    def _checked_focus(self) -> str | tuple[str, ...] | None:
        terms = tuple(self.focal_terms)
        require_terms(terms, self.estimates.index, self.source)
        return terms[0] if len(terms) == 1 else terms or None

    @property
    def focal_terms(self) -> tuple[str, ...]:
        """The terms in question, none where nothing was said."""
        if self.focus is None:
            return ()
        return (self.focus,) if isinstance(self.focus, str) else self.focus

    @property
    def side(self) -> int:
        """The sign of a favourable effect: -1 where lower is better, else 1."""
        return -1 if self.better == "lower" else 1

    @property
    def constants(self) -> tuple[str, ...]:
        """Terms that are constants by their name, such as ``(Intercept)`` or ``_cons``."""
        return tuple(str(term) for term in self.estimates.index if is_constant(str(term)))

    @property
    def a_ratio(self) -> str:
        """The kind of ratio with its article, "an odds ratio"; empty where the estimates are none."""
        return f"{'an' if self.ratio[0] == 'o' else 'a'} {self.ratio}" if self.ratio else ""

    def __repr__(self) -> str:
        one, many = ("study", "studies") if self.estimates.index.name == "study" else ("term", "terms")
        rows = f"{len(self.estimates)} {one if len(self.estimates) == 1 else many}"
        said = {name: getattr(self, name) for name in ("better", "smallest", "unit", "ratio")}
        said = {"focus": ", ".join(self.focal_terms) or None} | said
        words = [f"{name} {value}" for name, value in said.items() if value is not None]
        heading = f", {self.heading}" if self.heading else ""
        bounds = [str(term) for term in self.estimates.index[self.estimates["se"].isna()]]
        if bounds:
            words.append(f"no standard error: {', '.join(bounds)}")
        lines = "".join(f"\n  - {note}" for note in self.notes)
        return f"<Evaluation {self.source}{heading}: {'; '.join([rows, *words])}{lines}>"

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """Write the table as printed, with header lines from which `read_estimates` makes the same evaluation again.

        Examples
        --------
        >>> import bayes_targets as bt
        >>> frame = pd.DataFrame({"term": ["Target"], "estimate": ["1.04"], "se": [".92"]})
        >>> print(bt.read_estimates(frame, focus="Target", better="lower").to_csv())
        # focus: Target
        # better: lower
        # level: 0.95
        # source: a DataFrame
        # note: Degrees of freedom are not known: the normal distribution is used.
        term,estimate,se
        Target,1.04,.92
        <BLANKLINE>
        """
        text = "".join(f"# {key}: {value}\n" for key, value in self._header_lines()) + self._rows_as_printed()
        if path is None:
            return text
        write_file(Path(path), text.encode())
        return None

    def _header_lines(self) -> list[tuple[str, str]]:
        lines = [("focus", term) for term in self.focal_terms]
        for name in ("better", "unit", "smallest", "hoped", "ratio", "n", "clusters", "df", "level"):
            value = getattr(self, name)
            if name == "hoped" and value is not None and self.ratio is not None:
                value = math.exp(value)
            if value is not None:
                lines.append((name, f"{value!r}" if isinstance(value, float) else str(value)))
        if self.stars:
            lines.append(("stars", " ".join(f"{star}:{level!r}" for star, level in self.stars.items())))
        if self.tails != 2:
            lines.append(("tails", str(self.tails)))
        for name in ("assignment", "source", "heading"):
            lines += [(name, getattr(self, name))] if getattr(self, name) else []
        lines += [*(("moderators", name) for name in self.moderators), *self.reading.items()]
        if self.covariance is not None:
            lines.append(("covariance", json.dumps(self.covariance.to_numpy(float).tolist())))
        lines += [("note", note) for note in self.notes]
        return [(key, " ".join(str(value).split())) for key, value in lines]

    def _rows_as_printed(self) -> str:
        beside = [c for c in self.estimates.columns if c not in (*_DERIVED, *self.printed.columns)]
        frame = pd.concat([self.printed, self.estimates[beside]], axis=1)
        references = pd.DataFrame(
            {"estimate": "Ref"}, index=pd.Index(self.reference, name=frame.index.name, dtype="str")
        )
        if self.reference:
            frame = pd.concat([frame, references])
        frame = frame.set_axis([guarded(str(label)) for label in frame.index])
        if "group" in frame.columns:
            frame = frame.assign(group=[guarded(str(group)) for group in frame["group"].fillna("")])
        return str(frame.to_csv(index_label=str(self.estimates.index.name or "term"), lineterminator="\n"))


_DERIVED = ("estimate", "se", "se_low", "se_high", "se_from", "df")
_CONSTANTS = {"constant", "intercept", "cons", "const"}


def require_terms(terms: Iterable[str], known: Iterable[object], source: str) -> None:
    """Raise unless every term in question is in a table."""
    labels = [str(label) for label in known]
    for term in terms:
        if term not in labels:
            raise DataError(
                f"{source}: focus is {term!r}, which is no term of the table; {did_you_mean(str(term), labels)}"
            )


def is_constant(term: str) -> bool:
    """Whether a term is a constant by its name."""
    return re.sub(r"\W|_", "", term).lower() in _CONSTANTS


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "better": lambda name, value: require_choice(name, value, BETTER),
    "ratio": lambda name, value: require_choice(name, value, RATIOS),
    "smallest": lambda name, value: require_number(name, value, above=0.0),
    "hoped": require_number,
    "n": lambda name, value: require_count(name, value, 2),
    "clusters": lambda name, value: require_count(name, value, 2),
    "df": lambda name, value: value if value == math.inf else require_number(name, value, above=0.0),
    "level": lambda name, value: require_number(name, value, above=0.0, below=1.0),
}
