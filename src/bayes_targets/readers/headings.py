"""What a heading of a printed table means: R, Stata, Python and journals in one list of names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import DataError, did_you_mean, option

# The table's own column names come first and win; synonyms are compared without case, spaces and points.
SYNONYMS = {
    "term": "term terms variable variables name predictor parameter covariate regressor coefficientname depvar",
    "estimate": "estimate est est. b beta β coef coeff coefficient coefficients slope effect effectsize es yi parameter pointestimate "
    "coefestimate logor lnor logrr lnrr loghr lnhr logoddsratio logriskratio loghazardratio lograteratio",
    "odds ratio": "or oddsratio oddsratios aor adjustedor adjustedoddsratio",
    "risk ratio": "rr riskratio relativerisk relativerisks riskratios",
    "hazard ratio": "hr hazardratio hazardratios ahr",
    "rate ratio": "irr rateratio incidencerateratio",
    "some ratio": "expb expcoef expβ",
    "se": "se stderr stderror standarderror standarderrors stderrors robustse robuststderr robuststandarderror bse sterr seb secoef sei",
    "se of log": "selog selogor selnor seoflog",
    "variance": "variance var vi",
    "t": "t z tvalue zvalue tstat zstat tstatistic zstatistic tstatistics statistic tratio zratio tstats teststatistic",
    "p": "p pvalue pvalues pr>|t| pr>|z| p>|t| p>|z| sig pval",
    "low": "low lower conflow cilow cilower lowerci lcl ll lowerlimit lowerbound lb cil lo",
    "high": "high upper confhigh cihigh ciupper upperci ucl ul upperlimit upperbound ub ciu hi",
    "interval": "ci confint confidenceinterval confinterval interval",
    "star": "star stars signif",
    "model": "model models specification",
    "df": "df dof degreesoffreedom",
    "scale": "scale",
    "group": "group cluster",
    "study": "study studies trial author authors evaluation experiment label",
    "r": "r correlation",
    "n": "n obs observations samplesize ni nobs",
}
ARMS = (
    "events_treated", "n_treated", "events_control", "n_control", "mean_treated", "sd_treated", "mean_control", "sd_control",
)  # fmt: skip
CANONICAL = (
    "term", "study", "estimate", "se", "variance", "t", "p", "low", "high", "star", "model", "df", "scale", "group", *ARMS, "r", "n",
)  # fmt: skip
RATIO_HEADINGS = ("odds ratio", "risk ratio", "hazard ratio", "rate ratio", "some ratio")
_MEANING = {word: name for name, words in SYNONYMS.items() for word in words.split()}
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_QUANTILE = re.compile(r"\[?(0?\.\d+)\]?")


class Heading(NamedTuple):
    """What stands in a column: its quantity, what stands in brackets after it, the level of an interval."""

    text: str
    quantity: str | None
    bracket: str | None = None
    level: float | None = None


def read_heading(text: str) -> Heading:
    """Recognise a heading such as ``std.error``, ``Pr(>|t|)``, ``97.5 %``, ``OR (95% CI)`` or ``b (s.e.)``.

    Examples
    --------
    >>> read_heading("Std. Error").quantity, read_heading("97.5 %")
    ('se', Heading(text='97.5 %', quantity='high', bracket=None, level=0.95))
    >>> read_heading("OR (90% CI)")
    Heading(text='OR (90% CI)', quantity='odds ratio', bracket='interval', level=0.9)
    """
    plain = " ".join(text.replace("\u2212", "-").split())
    if plain in CANONICAL:
        return Heading(text, plain)
    if split := re.fullmatch(r"(.*?)\s*[(\[](.+)[)\]]", plain):
        inner = read_heading(split[2])
        if inner.quantity in ("se", "t", "p", "interval", "variance"):
            outer = read_heading(split[1]) if split[1] else inner
            return Heading(text, outer.quantity, inner.quantity if split[1] else None, inner.level)
    level = _level(plain)
    words = _squeeze(_PERCENT.sub("", plain)) if level is not None else _squeeze(plain)
    if words in _MEANING:
        return Heading(text, _MEANING[words], None, level)
    if quantile := _quantile(plain):
        return Heading(text, *quantile)
    return Heading(text, None, None, level)


def _squeeze(text: str) -> str:
    """Lower case, without spaces, points and brackets: ``Pr(>|t|)`` is ``pr>|t|``, ``exp(coef)`` is ``expcoef``."""
    return re.sub(r"[\s._:\-()\[\]]", "", text.lower())


def _level(text: str) -> float | None:
    """Level of an interval from a heading such as "90% CI" or "Lower 95%"."""
    found = _PERCENT.search(text)
    if found is None or not re.search(r"[a-zA-Z]", text):
        return None
    value = float(found[1]) / 100
    return value if 0.5 <= value < 1 else None


def _quantile(text: str) -> tuple[str, None, float] | None:
    """Side and level of a quantile's heading: ``2.5 %``, ``97.5%``, ``[0.025``, ``0.975]``."""
    if percent := re.fullmatch(r"(?:q|conf\.?|ci)?\s*_?(\d+(?:\.\d+)?)\s*%", text, re.IGNORECASE):
        share = float(percent[1]) / 100
    elif quantile := _QUANTILE.fullmatch(text):
        share = float(quantile[1])
    else:
        return None
    if not 0 < share < 1 or share == 0.5:
        return None
    side = "low" if share < 0.5 else "high"
    return side, None, round(1 - 2 * min(share, 1 - share), 10)


def canonical_columns(
    header: Iterable[str], renamed: dict[str, str], allowed: Iterable[str], label: str
) -> dict[str, Heading]:
    """What each heading means: the user's word first, then the library's own names, then synonyms."""
    names = list(header)
    for old, new in renamed.items():
        if old not in names:
            raise DataError(f"{label}: no column {old!r} ({option('columns')}); {did_you_mean(old, names)}")
        if new not in allowed:
            raise DataError(f"{label}: {option('columns', {old: new})}; {did_you_mean(new, list(allowed))}")
    return {
        name: read_heading(name)._replace(quantity=renamed[name]) if name in renamed else read_heading(name)
        for name in names
    }
