"""What a heading of a printed table means: R, Stata, Python and journals in one list of names."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..errors import DataError, did_you_mean, option

# The table's own column names come first and win; synonyms are compared without case, spaces and points.
SYNONYMS = {
    "term": "term terms variable variables name predictor predictors parameter covariate covariates regressor coefficientname depvar",
    "estimate": "estimate estimates est est. b beta β coef coeff coefficient coefficients slope effect effectsize es yi parameter "
    "ate att itt late impact difference diff meandifference differenceinmeans smd md dydx ame marginaleffect treatmenteffect "
    "koeffizient koeffizienten regressionskoeffizient schätzer schätzwert effekt coeficiente estimación koeffisient "
    "koefficient coefficiente "
    "coëfficiënt pointestimate coefestimate logor lnor logrr lnrr loghr lnhr logoddsratio logriskratio loghazardratio lograteratio",
    "odds ratio": "or oddsratio oddsratios aor adjustedor adjustedoddsratio",
    "risk ratio": "rr riskratio relativerisk relativerisks riskratios",
    "hazard ratio": "hr hazardratio hazardratios ahr",
    "rate ratio": "irr rateratio incidencerateratio",
    "some ratio": "expb expcoef expβ",
    "se": "se stderr stderror standarderror standarderrors stderrors robustse robuststderr robuststandarderror bse sterr seb secoef sei "
    "standardfehler stdfehler erreurtype erreurstandard errorestándar errortípico errorestandar standardfeil standardfel standardfout "
    "standaardfout "
    "errorestandard",
    "se of log": "selog selogor selnor seoflog",
    "variance": "variance var vi",
    "t": "t z tvalue zvalue tstat zstat tstatistic zstatistic tstatistics statistic tratio zratio tstats "
    "teststatistic twert zwert valeurt statistiquet "
    "valort estadísticot",
    "p": "p pvalue pvalues pr>|t| pr>|z| p>|t| p>|z| sig pval pwert valeurp valorp pverdi pvärde pwaarde signifikanz",
    "low": "low lower conflow cilow cilower lowerci lcl lowercl asymplcl ll lowerlimit lowerbound lb cil lo untergrenze",
    "high": "high upper confhigh cihigh ciupper upperci ucl uppercl asympucl ul upperlimit upperbound ub ciu hi obergrenze",
    "interval": "ci cis confint confidenceinterval confidenceintervals confinterval interval konfidenzintervall ki "
    "intervalledeconfiance ic intervalodeconfianza",
    "star": "star stars signif",
    "model": "model models specification",
    "df": "df dof degreesoffreedom",
    "scale": "scale",
    "group": "group cluster",
    "study": "study studies studie estudio étude trial author authors evaluation experiment label",
    "r": "r correlation",
    "n": "n obs observations samplesize ni nobs",
}
ARMS = (
    "events_treated", "n_treated", "events_control", "n_control", "mean_treated", "sd_treated", "mean_control", "sd_control",
    "others_treated", "others_control",
)  # fmt: skip
CANONICAL = (
    "term", "study", "estimate", "se", "variance", "t", "p", "low", "high", "star", "model", "df", "scale", "group", *ARMS, "r", "n",
)  # fmt: skip
RATIO_HEADINGS = ("odds ratio", "risk ratio", "hazard ratio", "rate ratio", "some ratio")
_SLOPES = (None, "estimate", *RATIO_HEADINGS)
_MEANING = {word: name for name, words in SYNONYMS.items() for word in words.split()}
_QUALIFIED = (
    r"(?:(?:robust|cluster(?:ed|-robust)?|delta-?method|bootstrap(?:ped)?|hc\d|adjusted|did|itt|treatment|average|marginal|programme|"
    r"program|regression|point|pooled|effect)\s)+(.+)"
)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
DF_OF_T = re.compile(r"t ?\((\d+)\)")
_QUANTILE = re.compile(r"\[?(0?\.\d+)\]?")


class Heading(NamedTuple):
    """What stands in a column: its quantity, what stands in brackets after it, the level of an interval."""

    text: str
    quantity: str | None
    bracket: str | None = None
    level: float | None = None


def read_heading(text: str) -> Heading:
    """Recognise a heading such as ``std.error``, ``Pr(>|t|)``, ``97.5 %``, ``OR (95% CI)`` or ``b (s.e.)``."""
    plain = " ".join(text.replace("\u2212", "-").split())
    if plain in CANONICAL:
        return Heading(text, plain)
    if DF_OF_T.fullmatch(plain):
        return Heading(text, "t")
    plain = re.sub(r" ?\((?:%|pp|per cent|points|percentage points)\)$", "", plain, flags=re.IGNORECASE)
    plain = re.sub(r"^(un)?standardi[sz]ed coefficients? ", "", plain, flags=re.IGNORECASE)
    if split := re.fullmatch(r"(.*?)\s*(?:[(\[](.+)[)\]]|±\s*(.+))", plain):
        inner = read_heading(split[2] or split[3])
        if inner.quantity in ("se", "t", "p", "interval", "variance"):
            outer = read_heading(split[1]) if split[1] else inner
            return Heading(text, outer.quantity, inner.quantity if split[1] else None, inner.level)
    level = _level(plain)
    words = _squeeze(_PERCENT.sub("", plain)) if level is not None else _squeeze(plain)
    for known in (words, re.sub("^(?:ci|confidenceinterval)|(?:ci|confidenceinterval)$", "", words)):
        if known in _MEANING:
            return Heading(text, _MEANING[known], None, level)
    if qualified := re.fullmatch(_QUALIFIED, plain, re.IGNORECASE):
        inner = read_heading(qualified[1])
        if inner.quantity in ("estimate", "se"):
            return inner._replace(text=text)
    if quantile := _quantile(plain):
        return Heading(text, *quantile)
    return Heading(text, None, None, level)


def told_apart(names: Sequence[str]) -> list[str]:
    """Headings of which several models have one each, such as SE, with the model before them; others as they are."""
    counts = Counter(name for name in names if name)
    again = [name for name, times in counts.items() if times > 1]
    starts = [name for name in again if read_heading(name).quantity in _SLOPES]
    if len({counts[name] for name in again}) != 1 or len(starts) > 1:
        return list(names)
    found, model, number = [], "", 0
    for name in names:
        if name in starts:
            number += 1
            model = f"({number})"
        elif name not in again and not starts and name and read_heading(name).quantity in _SLOPES:
            model = name
        found.append(f"{model} {name}".strip() if name in again else name)
    return found if len(set(filter(None, found))) == len(list(filter(None, found))) else list(names)


def side_by_side(header: Sequence[str], wanted: str, meant: dict[str, str] | None = None) -> str:
    """Columns found and wanted, and what those may be whose names are nearly known."""
    words = {word: name for word, name in _MEANING.items() if len(word) > 2}
    meant = meant or {
        name: "estimate" if words[near[0]] in RATIO_HEADINGS else words[near[0]].removesuffix(" of log")
        for name in header
        if read_heading(name).quantity is None
        and (near := difflib.get_close_matches(_squeeze(name), words, n=1, cutoff=0.65))
    }
    meant = {name: quantity for name, quantity in meant.items() if list(meant.values()).count(quantity) == 1}
    given = option("columns", meant or {"COLUMN": "estimate" if "estimate" in wanted else "se"})
    hint = f"did you mean {given}?" if meant else f"{given} says what a column holds"
    return f"found the columns {', '.join(map(repr, header))}; wanted {wanted}; {hint}"


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
    said = set(renamed.values())
    meant = {name: read_heading(name) for name in names}
    return {
        name: heading._replace(quantity=renamed[name])
        if name in renamed
        else heading._replace(quantity=None)
        if _role(heading.quantity) in said
        else heading
        for name, heading in meant.items()
    }


def _role(quantity: str | None) -> str | None:
    """What a quantity is in a row: a ratio is an estimate, an s.e. of the logarithm an s.e."""
    return "estimate" if quantity in RATIO_HEADINGS else "se" if quantity == "se of log" else quantity
