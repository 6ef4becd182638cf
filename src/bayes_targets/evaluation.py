"""The noun of the library: one question put to printed estimates."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .errors import DataError

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
        bound. Several evaluations may have ``group`` and moderators besides.
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
        Effect that was hoped for, on the table's own scale; it sets the scale of default priors.
    ratio : str or None
        One of `RATIOS`; estimates are then logs.
    n, clusters : int or None
        Observations, and clusters of them.
    df : float or None
        Degrees of freedom of the standard errors, where they are given as such.
    level : float
        Level of the printed intervals.
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
    notes : tuple of str
        What was recognised, derived or assumed in reading, a sentence each; all of it stands on the page.
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
    covariance: pd.DataFrame | None = None
    reference: tuple[str, ...] = ()
    assignment: str | None = None
    source: str = "estimates"
    heading: str | None = None
    moderators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.better is not None and self.better not in BETTER:
            raise DataError(f"better is {self.better!r}, expected 'higher' or 'lower'")
        if self.ratio is not None and self.ratio not in RATIOS:
            raise DataError(f"ratio is {self.ratio!r}, expected one of {', '.join(map(repr, RATIOS))}")

    @property
    def focal_terms(self) -> tuple[str, ...]:
        """The terms in question, none where nothing was said."""
        if self.focus is None:
            return ()
        return (self.focus,) if isinstance(self.focus, str) else self.focus
