"""Number shares of a survey as posteriors: rounding and unknown bases carried through, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import DataError, require_kind
from ...printed.auditing.shares import count_words, told_box
from ...printed.intervals import possible_counts
from ...printed.table import Printed
from ...priors import Beta
from ...readers.cells import plain_decimal

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShareMixture:
    """Posterior of a share: beta distributions, one for each base and numerator that print as it, by their posterior probabilities."""

    base: NDArray[np.int64]
    numerator: NDArray[np.int64]
    weight: FloatArray
    prior: Beta

    @property
    def mean(self) -> float:
        """Posterior mean of the share."""
        yes, no = self._counts()
        return float(self.weight @ (yes / (yes + no)))

    @property
    def sd(self) -> float:
        """Posterior standard deviation of the share."""
        yes, no = self._counts()
        squares = yes * (yes + 1.0) / ((yes + no) * (yes + no + 1.0))
        return float(np.sqrt(self.weight @ squares - self.mean**2))

    def quantile(self, probability: float) -> float:
        """Share that the posterior is below with this probability."""
        from scipy.optimize import brentq
        from scipy.special import betainc

        yes, no = self._counts()

        def excess(share: float) -> float:
            return float(self.weight @ betainc(yes, no, share)) - probability

        return float(brentq(excess, 0.0, 1.0, xtol=1e-10))

    def _counts(self) -> tuple[FloatArray, FloatArray]:
        """Parameters of the beta distributions: the prior's and the counts together."""
        yes = self.numerator.astype(np.float64)
        return self.prior.alpha + yes, self.prior.beta + self.base - yes


def share_mixture(box: tuple[Fraction, Fraction], bases: range, prior: Beta) -> ShareMixture | None:
    """Posterior of a share of which a rounding interval and a range of bases are known; None where no count gives it."""
    from scipy import special

    pairs = [(base, count) for base in bases for count in possible_counts(box, base, of=100)]
    if not pairs:
        return None
    base, numerator = np.array(pairs).T
    # Probability of the numerator before it is seen (beta-binomial), the same factor left out of all.
    log_weight = -np.log(base + 1.0) - special.betaln(base - numerator + 1.0, numerator + 1.0)
    log_weight = log_weight + special.betaln(numerator + prior.alpha, base - numerator + prior.beta)
    weight = np.exp(log_weight - log_weight.max())
    return ShareMixture(base, numerator, weight / weight.sum(), prior)


def survey_shares(table: pd.DataFrame, *, prior: Beta | None = None, prob: float = 0.95) -> pd.DataFrame:
    """Posterior of each printed share of a survey.

    The share is that of all who might have been asked, respondents being taken as drawn at random from them: what
    those who did not answer think, no base can tell. A printed percentage stands for every whole number of
    respondents that rounds to it; where the base is not printed, for every base from ``base_low`` to
    ``base_high`` too, equally probable at first. The posterior is exact: a mixture of beta distributions.

    Parameters
    ----------
    table : pandas.DataFrame
        Role ``"shares"``: ``id``, ``share`` (per cent, with ``share_printed``), ``base`` or ``base_low`` and
        ``base_high`` (may be missing), optionally ``relation``, ``half_width``, ``base_note``; e.g. table
        ``survey`` of study ``odpm2005``.
    prior : Beta, optional
        Of each share; default ``Beta(1, 1)``, uniform. Jeffreys' is ``Beta(0.5, 0.5)``.
    prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Index ``id``: ``printed_low, printed_high`` (rounding interval, from 0 to 1), ``mean, sd, low, high`` of the
        posterior (missing where no base is known), ``base`` (as used, in words), ``base_mean`` (posterior
        mean), ``numerators`` (in words), ``note``. Attrs ``interval``, ``prob``, ``prior``.

    Raises
    ------
    DataError
        If a column is missing.

    Examples
    --------
    >>> from bayes_targets.readers.package import load_study
    >>> survey = survey_shares(load_study("odpm2005").tables["survey"])
    >>> survey.loc["local-priorities", ["numerators", "base"]].tolist()
    ['595 to 601', '643']
    """
    require_kind("table", table, pd.DataFrame, "a table of role 'shares', such as load_study gives")
    for column in ("id", "share_printed", "base", "base_low", "base_high"):
        if column not in table.columns:
            raise DataError(
                f"{table.attrs.get('file', 'survey')}: no column {column!r}, expected role 'shares'"
            )
    prior = prior or Beta(1.0, 1.0)
    rows = {}
    for row in range(len(table)):
        cells = table.iloc[row]
        box = told_box(Printed("survey", table), row, plain_decimal(str(cells["share_printed"])))
        rows[str(cells["id"])] = _summary(box, cells, prior, prob)
    result = pd.DataFrame.from_dict(rows, orient="index").rename_axis("id")
    result.attrs = {"interval": "eti", "prob": prob, "prior": str(prior)}
    return result


def _summary(
    box: tuple[Fraction, Fraction], cells: pd.Series[Any], prior: Beta, prob: float
) -> dict[str, object]:
    row: dict[str, object] = {"printed_low": float(box[0] / 100), "printed_high": float(box[1] / 100)}
    row |= dict.fromkeys(("mean", "sd", "low", "high"), np.nan)
    row |= {"base": "unknown", "base_mean": np.nan, "numerators": "", "note": ""}
    low, high = (
        (cells["base"], cells["base"]) if pd.notna(cells["base"]) else cells[["base_low", "base_high"]]
    )
    told = list(filter(None, [str(cells.get("base_note", "") or "")]))
    if pd.isna(low) or pd.isna(high):
        return row | {"note": "; ".join(["no posterior: neither base nor a range of bases is known", *told])}
    bases = range(int(low), int(high) + 1)
    row["base"] = str(bases[0]) if len(bases) == 1 else f"{bases[0]} to {bases[-1]}"
    found = share_mixture(box, bases, prior)
    if found is None:
        return row | {"note": "no posterior: no whole number of respondents gives this share"}
    possible = len(np.unique(found.base))
    notes = [f"base carried through from {row['base']}"] if len(bases) > 1 else []
    notes += [f"{possible} of these {len(bases)} bases can give the share"] if possible < len(bases) else []
    single = possible_counts(box, bases[0], of=100) if len(bases) == 1 else None
    numerators = (
        f"{found.numerator.min()} to {found.numerator.max()}" if single is None else count_words(single)
    )
    return row | {
        "mean": found.mean,
        "sd": found.sd,
        "low": found.quantile((1 - prob) / 2),
        "high": found.quantile((1 + prob) / 2),
        "base_mean": float(found.weight @ found.base),
        "numerators": numerators,
        "note": "; ".join([*notes, *told]),
    }
