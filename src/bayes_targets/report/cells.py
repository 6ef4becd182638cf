"""Tables as texts for readers: headings in words, digits that line up, an en dash for what is not there."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..comparison.claims import percent_text
from ..evaluation import Evaluation

# Column names of the library's tables, in words for a page. Of others, underscores become spaces.
HEADINGS = {
    **dict.fromkeys(("published_se", "ols_se", "se"), "s.e."),
    **dict.fromkeys(("published_low", "ols_low", "gap_low", "ci_low", "odds_low"), "Low"),
    **dict.fromkeys(("published_high", "ols_high", "gap_high", "ci_high", "odds_high"), "High"),
    **dict.fromkeys(("sign_error", "type_s"), "Wrong sign, if convincing"),
    **dict.fromkeys(("exaggeration", "type_m"), "Exaggeration, if convincing"),
    **dict.fromkeys(("one_says", "other_says"), "says"),
    **{name: name for name in ("n", "p", "t", "z", "elpd")},
    "ols_estimate": "OLS estimate",
    "mean": "Posterior mean",
    "sd": "s.d.",
    "prob_positive": "P(above 0)",
    "prob_better": "P(better)",
    "rope_below": "P(worse by more than the smallest)",
    "rope_inside": "P(practically none)",
    "rope_above": "P(better by more than the smallest)",
    "shift_in_se": "Shift (s.e.)",
    "sd_ratio": "s.d. / s.e.",
    "p_one_tailed": "p, one-tailed",
    "p_two_tailed": "p, two-tailed",
    "locator": "Where",
    "tested": "Tested as",
    "lowest": "Lowest of the alternatives tried",
    "lowest_reading": "In words",
    "lowest_under": "Under",
    "lowest_error": "Its simulation error",
    "mean_error": "Simulation error of the mean",
    "prob_error": "Simulation error of P(above 0)",
    "prob_best": "P(best)",
    "prob_worst": "P(worst)",
    "prior_range": "Priors alone: 95%",
    "prior_95": "In prior 95%",
    "posterior_50": "In posterior 50%",
    "posterior_95": "In posterior 95%",
    "models": "Posteriors",
    "mean_least": "Mean, least",
    "mcse": "Monte Carlo s.e.",
    "mcse_interval": "Monte Carlo s.e. of the ends",
    "mean_most": "Mean, greatest",
    "low_least": "Low, lowest",
    "high_most": "High, highest",
    "prob_positive_least": "P(above 0), least",
    "prob_positive_most": "P(above 0), greatest",
    "between_share": "Variance between data sets",
    "determined": "Determined by the table",
    "p_value": "Predictive p",
    "alone": "By itself",
    "ols": "OLS",
    "choice": "Pooling",
    "elpd_diff": "elpd, difference",
    "se_diff": "s.e. of difference",
    "p_loo": "Effective parameters",
    "k_hat_max": "k-hat, largest",
    "k_hat_high": "k-hat above its limit",
    "slope_low": "Slope, low",
    "slope_high": "Slope, high",
    "assumed": "Target setters saw",
    "0.9": "Falls below 90% at",
    "0.5": "Falls below 50% at",
    "set_from": "Targets set from",
    "share_of_printed": "Share of the printed slope",
    "cause": "Regression to the mean from",
    "reversion": "Change in % for each point",
    "gap": "Gap, points",
    "gap_in_sd": "Gap, s.d. of 2006",
    "share_of_largest": "Share of the largest possible gap",
    "success": "Counted as success",
    "p_fisher": "Fisher's p",
    "setting": "Forecasts",
    "prob_above_average": "P(above average)",
    "difference_se": "s.e. of difference",
    "prob_zero": "P(no effect at all)",
    "n_authorities": "Authorities",
    "convincing": "Chance of a convincing answer",
    "df": "d.f.",
    "level_1": "Statistic",
    "variance_share": "Share of the variance",
    "reconstructed_mean": "Reconstructed, mean",
    "reconstructed_low": "Lowest",
    "reconstructed_high": "Highest",
    "printed_low": "Printed, low",
    "printed_high": "Printed, high",
    "smallest_expected": "Smallest count expected",
    "prior_conflict": "Prior against data, s.d.",
    "other_place": "Another place",
}

# What a page explains where it uses it: terms (more of them in docs/glossary.md), and abbreviations.
GLOSSARY = {
    "posterior": "what is known of a quantity after the data were seen: a distribution",
    "prior": "what was taken for possible before the data were seen",
    "likelihood": "how probable the data are, for each value that a quantity could have",
    "HalfNormal": "the upper half of a normal distribution around zero: for quantities that cannot be negative",
    "Bayes factor": "how many times as probable the data are under one model as under another",
    "sceptic": "a reader who expects no effect, or a small one, before seeing the data",
    "hierarchical model": "a model in which groups share a distribution",
    "partial pooling": "groups share a distribution, so that a group with little data leans on the others",
    "complete pooling": "all groups are taken to be the same",
    "no pooling": "each group stands alone",
    "shrinkage": "how far partial pooling moves a group towards the average",
    "random effects": "evaluations differ in their true effects, which share a distribution",
    "I²": "the share of the differences between estimates that is not chance",
    "log-odds": "the logarithm of the chance of success against that of failure",
    "odds ratio": "how many times as large the odds of success are in one group as in another",
    "ordinal": "of statuses that have an order",
    "multinomial": "of statuses whose order counts for nothing",
    "cutpoint": "where one status ends and the next begins, in log-odds",
    "proportional odds": "one effect moves a group along all statuses",
    "Wilson interval": "a classical interval of a share, which serves for small counts too",
    "robustness value": "how much of what is left unexplained an omitted cause would have to explain to account for the estimate",
    "fail-safe number": "how many evaluations that found nothing would undo the answer",
    "multiverse": "all defensible specifications of one analysis, side by side",
    "predictive": "of data that the model would give, beside those that were seen",
    "leave-one-out": "each case is predicted from all the others",
    "effective sample size": "how many independent draws the draws are worth",
    "Monte Carlo": "by random draws, so with an error that more of them make smaller",
}
ABBREVIATIONS = {
    "OLS": "ordinary least squares, the usual linear regression",
    "s.d.": "standard deviation",
    "s.e.": "standard error",
    "d.f.": "degrees of freedom",
    "ROPE": "region of practical equivalence: effects too small to matter",
    "E-value": "how strongly an omitted cause would have to go with both target and outcome, as a risk ratio",
    "elpd": "expected log predictive density: how well a model predicts what it has not seen",
    "PSIS-LOO": "leave-one-out cross-validation by Pareto-smoothed importance sampling",
    "pseudo-BMA+": "weights of models by how well they predict",
    "k-hat": "whether that computation can be trusted: at most 0.7",
    "mcse": "Monte Carlo standard error",
    "R-hat": "whether chains agree: close to 1",
    "HC1": "standard errors that allow for unequal noise",
    "HC3": "standard errors that allow for unequal noise",
    "IPCC": "the Intergovernmental Panel on Climate Change, whose words for probabilities are used",
    "REML": "restricted maximum likelihood, the usual classical estimate of how much effects differ",
    "PET": "precision-effect test: what is left of the mean if estimates rise with their standard errors",
    "PEESE": "precision-effect estimate with standard error: the same, if they rise with its square",
    "P(": "posterior probability of what stands in the brackets",
}
# Columns whose cells are names in the code, and what the page says instead of them.
_NAMED = {
    "posterior", "data", "quantity", "parameter", "statistic", "model", "effect", "family", "choice", "slopes", "noise", "pooling", "Model",
}  # fmt: skip
_CELLS = {
    "estimate": "slopes",
    "total_hits": "targets hit",
    "share_hit": "share hit",
    "student_t": "Student-t",
    "spike": "even chance of none",
    "by_type": "slope by type",
    "none": "no pooling",
    "partial": "partial pooling",
    "complete": "complete pooling",
    "min": "smallest",
    "max": "largest",
    "sd": "s.d.",
    "mean": "mean",
}
# Characters from which a cell is a sentence.
_LONG = 60
_PROBABILITIES = ("prob", "rope_", "sceptical", "lowest", "new_prob", "multiverse_", "least fav", "most fav")


def number(value: object) -> str:
    """A cell for readers: three significant digits, an en dash for what is not there.

    Examples
    --------
    >>> number(0.65123), number(1329718), number(float("nan")), number("text"), number(-0.0004)
    ('0.651', '1,329,718', '–', 'text', '−0.0004')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if (isinstance(value, float) and math.isnan(value)) or value is None or value is pd.NA or value is pd.NaT:
        return "–"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        if 0 < abs(value) < 1e-4:
            return "< 0.0001" if value > 0 else "> −0.0001"
        digits = 2 if value == 0 or math.isinf(value) else max(0, 2 - math.floor(math.log10(abs(value))))
        text = f"{_rounded(value):,.{digits}f}"
        text = text.rstrip("0").rstrip(".") if digits > 3 else text
        return text.replace("-", "−")
    return str(value)


def effect_text(evaluation: Evaluation, value: float) -> str:
    """An effect for readers: a ratio as a ratio."""
    return number(math.exp(value) if evaluation.ratio else value)


def capital(text: str) -> str:
    """The same with its first letter a capital."""
    return text[:1].upper() + text[1:]


def _rounded(value: float) -> float:
    return (
        round(value, 2 - math.floor(math.log10(abs(value))))
        if value and math.isfinite(value)
        else value + 0.0
    )


def named(text: str, labels: Mapping[str, str] | None = None) -> str:
    """A name in the code in words for a page.

    Examples
    --------
    >>> named("anchor_weight"), named("model_2", {"model_2": "a target"})
    ('anchor weight', 'a target')
    """
    text = str(text)
    if labels and text in labels:
        return labels[text]
    return _CELLS.get(text, text.replace("_", " "))


def table_cells(
    frame: pd.DataFrame,
    headings: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    shares: Collection[str] = (),
) -> dict[str, Any]:
    """The texts of a table, its index first where that has a name; columns that hold nothing are left out.

    Gives `headings`, what is `numeric` and what `long` (sentences) a column, and `rows` of cells. `headings` count before those in
    `HEADINGS`; `labels` are words for names of posteriors; `shares` are columns that are shown in per cent.

    Examples
    --------
    >>> table_cells(pd.DataFrame({"mean": [0.5]}, index=pd.Index(["a"], name="term")))
    {'headings': ['Term', 'Posterior mean'], 'numeric': [False, True], 'long': [False, False], 'rows': [['a', '0.500']]}
    """
    shown = frame if frame.index.names == [None] else frame.reset_index()
    shown = shown.loc[:, (shown.notna() & (shown != "")).any()]
    columns = [str(column) for column in shown.columns]
    numeric = [pd.api.types.is_numeric_dtype(shown[column]) for column in shown.columns]
    formats = [
        share_cell if name in shares else _format(name, shown[column], labels or {})
        for name, column in zip(columns, shown.columns, strict=True)
    ]
    rows = [
        [form(value) for form, value in zip(formats, row, strict=True)]
        for row in shown.itertuples(index=False, name=None)
    ]
    known = HEADINGS | dict(headings or {})
    return {
        "headings": [known.get(c, capital(c.replace("_", " "))) for c in columns],
        "numeric": numeric,
        "long": [max(map(len, cells), default=0) > _LONG for cells in zip(*rows, strict=True)],
        "rows": rows,
    }


def _format(name: str, column: pd.Series[Any], labels: Mapping[str, str]) -> Callable[[object], str]:
    if name.startswith(_PROBABILITIES) and pd.api.types.is_numeric_dtype(column):
        return probability_cell
    if name in _NAMED and not pd.api.types.is_numeric_dtype(column):
        return lambda value: number(value) if pd.isna(value) else named(str(value), labels)  # type: ignore[call-overload]
    form = _column_format(column)
    return (lambda value: factor_cell(value, form)) if name == "bayes_factor" else form


def _column_format(column: pd.Series[Any]) -> Callable[[object], str]:
    """One number of decimals for a column of like sizes, so that its digits line up; else each cell its own."""
    if not pd.api.types.is_float_dtype(column):
        return number
    values = np.abs(column.to_numpy(float, na_value=np.nan))
    sizes = values[values > 0]
    if not sizes.size or not 1e-3 < np.median(sizes) < 1e4 or sizes.max() > 30 * np.quantile(sizes, 0.25):
        return number
    decimals = max(0, 2 - math.floor(math.log10(sizes.max())))

    def fixed(value: object) -> str:
        if not isinstance(value, float) or not math.isfinite(value):
            return number(value)
        if 0 < abs(value) < 0.5 * 10**-decimals:
            return f"< {10**-decimals:.{decimals}f}" if value > 0 else f"> −{10**-decimals:.{decimals}f}"
        return f"{value:,.{decimals}f}".replace("-", "−")

    return fixed


def factor_cell(value: object, form: Callable[[object], str] = number) -> str:
    """A Bayes factor as a cell: beyond ten million its digits say nothing.

    Examples
    --------
    >>> factor_cell(2.74), factor_cell(float("inf")), factor_cell(float("nan"))
    ('2.74', 'over 10 million', '–')
    """
    return "over 10 million" if isinstance(value, float) and value > 1e7 else form(value)


def share_cell(value: object) -> str:
    """A share as a cell in per cent.

    Examples
    --------
    >>> share_cell(0.286), share_cell(0.002), share_cell(-0.0072), share_cell(float("nan"))
    ('29%', '< 1%', '−1%', '–')
    """
    if not isinstance(value, float | int) or math.isnan(value):
        return number(value)
    if 0 < abs(value) < 0.005:
        return "< 1%" if value > 0 else "> −1%"
    return f"{value:.0%}".replace("-", "−")


def probability_cell(value: object) -> str:
    """A probability as a cell in per cent, an en dash where there is none."""
    known = isinstance(value, float | int) and not math.isnan(value)
    return percent_text(float(value)) if known else "–"  # type: ignore[arg-type]
