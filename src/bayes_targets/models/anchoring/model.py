"""Targets that may have been set looking at a later score: what a printed slope of stretch then says of its effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...errors import DataError, wrong_cell
from ...model import Model, priors_of_kind
from ...priors import Beta, HalfNormal, Normal, Prior, require_prior
from .likelihood import build, draw_prior, log_likelihood, predict, sample
from .world import PARAMETERS, STATISTICS, Design

FloatArray = npt.NDArray[np.float64]

_UNIT = ("anchor_weight", "error_seen")
_POSITIVE = ("ambition_sd", "spread_before", "drift_sd", "control_sd")


@dataclass(frozen=True)
class AnchoringPriors:
    """Priors of `anchoring_model`, in percentage points of the score unless told otherwise.

    Attributes
    ----------
    anchor_weight : Prior
        Weight of the later score in what targets were set from: 0 the score before, 1 the score after. The answer is best read
        for each weight (`slope_by_weight`), where this prior plays no part.
    causal_slope : Prior
        Points by which the true later score rises for each point that the target lies above the true score before; 1 means
        that all that is asked for is delivered.
    error_seen : Prior
        Share of the survey error that was in the scores that targets were set from: 0 where partnerships knew their true
        level, 1 where they took the survey's figures.
    ambition_mean, ambition_sd : Prior
        Mean and standard deviation between areas of target less the score it was set from.
    score_before, spread_before : Prior
        Mean (below 100) and standard deviation between areas of the true score before; the printed ones say far more.
    score_after : Prior
        Mean later score, below 100, that areas were heading to without their targets.
    carry_over : Prior
        Slope of the logarithm of the share that does not agree after on that before: below 1, scores drift to the middle.
    drift_sd, control_sd : Prior
        Standard deviations of true change that the score before does not foretell, and of what the controls add to it.

    Examples
    --------
    >>> AnchoringPriors(anchor_weight=Beta(2, 2)).anchor_weight
    Beta(alpha=2.0, beta=2.0)
    """

    anchor_weight: Prior = Beta(1.0, 1.0)
    causal_slope: Prior = Normal(0.0, 1.0)
    error_seen: Prior = Beta(1.0, 1.0)
    ambition_mean: Prior = Normal(2.0, 3.0)
    ambition_sd: Prior = HalfNormal(5.0)
    score_before: Prior = Normal(75.0, 10.0)
    spread_before: Prior = HalfNormal(10.0)
    score_after: Prior = Normal(75.0, 10.0)
    carry_over: Prior = Normal(1.0, 0.25)
    drift_sd: Prior = HalfNormal(4.0)
    control_sd: Prior = HalfNormal(2.0)


def anchoring_model(summary: pd.DataFrame, *, priors: AnchoringPriors | None = None) -> Model:
    r"""How targets were set and what they caused, from printed statistics alone: a sensitivity analysis.

    In percentage points, for area i with true score :math:`X`, survey error :math:`e_t \sim N(0, \mathrm{se})` and
    measured score :math:`Y_t = X_t + e_t`:

    .. math:: T_i = (1 - w)(X_{0} + k e_{0}) + w (H_{1} + k e_{1}) + a_i, \quad a_i \sim N(d, s^2), \qquad
              X_{1} = H_{1} + b\,(T_i - X_{0})

    with anchor weight w, share k of the survey error in what target setters saw, ambition a, and causal slope b.
    :math:`H_{1}` is where the area would have been later without its target: targets look at that, not at what they
    cause themselves, so that there is no circle at w > 0. Areas without a target have :math:`X_{1} = H_{1}`. Stretch
    is :math:`100 (T - Y_{0}) / Y_{0}` (0 without a target), change :math:`100 (Y_{1} - Y_{0}) / Y_{0}`: both
    contain the same :math:`e_{0}`. The share that does not agree, 100 less the score, is lognormal before, and

    .. math:: \log (100 - H_{1}) = \mathrm{const} + c\, \log (100 - X_{0}) + \text{drift}

    to which the controls add an effect that has nothing to do with targets. Who has a target, and whose target is
    unknown, has nothing to do with scores either.

    No area is known, so that the likelihood is that of the printed statistics, whose distribution is learnt from simulations of
    whole studies (a synthetic likelihood; no tolerance is involved). `fit` uses sequential Monte Carlo, or NUTS.

    Parameters
    ----------
    summary : pandas.DataFrame
        Index ``statistic``: mean, sd, min and max of ``before``, ``after`` (scores, %) and ``stretch`` (% of the first
        score) as ``mean_before`` and so on; ``slope`` and robust ``slope_se`` of stretch, ``r2_with`` it and ``r2_without``
        it. Column ``value``. ``attrs["design"]``: a `Design`. From `anchoring_summary` or `simulate_anchoring`.
    priors : AnchoringPriors, optional
        In percentage points.

    Returns
    -------
    Model
        Posterior variables by the names of `AnchoringPriors`; replicated data ``printed (statistic)``.

    Raises
    ------
    DataError
        If a statistic is missing or impossible, or a prior is improper or leaves its parameter's range.

    Notes
    -----
    Wood (2010), "Statistical inference for noisy nonlinear ecological dynamic systems", Nature 466; Price, Drovandi,
    Lee & Nott (2018), "Bayesian synthetic likelihood", Journal of Computational and Graphical Statistics 27.
    Robust standard errors are taken for HC1; the paper does not say which they are.

    Examples
    --------
    >>> from bayes_targets.models.anchoring.world import simulate_anchoring
    >>> model = anchoring_model(simulate_anchoring(seed=1))
    >>> model.name, model.data.sizes["statistic"], model.variables[:2]
    ('anchoring', 16, ('anchor_weight', 'causal_slope'))
    """
    design, values = _checked(summary)
    priors = priors_of_kind(priors, AnchoringPriors)
    for name in PARAMETERS:
        support = "share" if name in _UNIT else "positive" if name in _POSITIVE else "real"
        needs = "parameters are drawn from it"
        require_prior(name, getattr(priors, name), support, proper=True, needs=needs)
    data = xr.Dataset(
        {"printed": ("statistic", values)}
        | {name: ((), getattr(design, name)) for name in Design.__dataclass_fields__},
        coords={"statistic": np.array(STATISTICS)},
        attrs={"origin": str(summary.attrs.get("origin", "published"))},
    )
    return Model(
        name="anchoring",
        data=data,
        priors=priors,
        options={"likelihood": "synthetic"},
        terms=("causal_slope",),
        observed=("printed",),
        variables=PARAMETERS,
        build=build,
        draw_prior=draw_prior,
        log_likelihood=log_likelihood,
        predict=predict,
        particles=sample,
    )


def _checked(summary: pd.DataFrame) -> tuple[Design, FloatArray]:
    if not isinstance(summary, pd.DataFrame) or "value" not in summary.columns:
        raise DataError("summary: expected a DataFrame with index 'statistic' and a column 'value'")
    design = summary.attrs.get("design")
    if not isinstance(design, Design):
        raise DataError("summary: attrs['design'] is missing, expected a Design with the numbers of areas")
    file = str(summary.attrs.get("file", "summary"))
    missing = [name for name in STATISTICS if name not in summary.index]
    if missing:
        raise DataError(f"{file}: no statistic {missing[0]!r}, expected {', '.join(STATISTICS)}")
    values = pd.to_numeric(summary["value"], errors="coerce")
    printed = {name: float(values[name]) for name in STATISTICS}
    for name, value in printed.items():
        expected, fits = _expected(name, printed)
        if not fits:
            raise wrong_cell(file, list(summary.index).index(name) + 1, name, value, expected)
    return design, np.array(list(printed.values()))


def _expected(name: str, printed: dict[str, float]) -> tuple[str, bool]:
    """What a printed statistic is expected to be, and whether it is."""
    value, of = printed[name], name.rsplit("_", 1)[-1]
    if name.startswith("r2_"):
        return "a number between 0 and 1", 0 < value < 1
    if name.startswith(("sd_", "slope_se")):
        return "a finite number above 0", 0 < value < np.inf
    if of in ("before", "after") and not 0 < value < 100:
        return "a score between 0 and 100", False
    if not np.isfinite(value):
        return "a finite number", False
    mean = printed.get(f"mean_{of}", np.nan)
    if name.startswith("min_"):
        return f"a number below the mean, {mean:g}", value < mean
    if name.startswith("max_"):
        return f"a number above the mean, {mean:g}", value > mean
    return "a finite number", True
