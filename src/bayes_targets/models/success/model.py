"""Shares of targets on course by policy area: binomial, ordinal or multinomial, pooled as far as asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DataError, did_you_mean, require_choice, require_texts
from ...model import Model, priors_of_kind
from ...priors import Beta, HalfNormal, Normal, Prior, require_prior, require_spread_prior
from ...readers.counts import holds_counts, read_counts
from .equation import describe
from .exact import solve_success
from .multinomial_exact import solve_multinomial
from .shares import FloatArray

_OUTCOMES = ("binomial", "ordinal", "multinomial")
_POOLINGS = ("none", "complete", "partial")


@dataclass(frozen=True)
class SuccessPriors:
    """Priors of `success_model`: of `mu`, `split` and `share` on log-odds, or as a Beta on the share itself.

    ``Normal(0, 1.5)`` is a prior of log-odds, ``Beta(1, 1)`` of a share: every share equally probable. What a posterior
    keeps of its priors says which, "Beta(1, 1) on the share".

    The shares of the statuses in a typical area have the same prior in all three models: the best status has a
    share with log-odds `mu`, the next takes of what is left a share with log-odds `split`, and so on. The
    models differ only in how areas depart from it.

    Attributes
    ----------
    mu : Prior
        Log-odds of success (binomial) or of the best status, in a typical area (partial pooling) or in every
        area (complete pooling). The default, ``Normal(0, 1.5)``, leaves 95% of the prior between shares of 5%
        and 95%.
    split : Prior
        Log-odds, in a typical area, that a target that has none of the better statuses has the next one. Only
        with three statuses or more.
    tau : Prior
        Standard deviation of the log-odds between areas (multinomial: of each contrast). Under
        ``HalfNormal(1)`` the median is 0.67: with a typical share of 40%, two thirds of areas between 25% and 57%.
    correlation : Prior
        Multinomial: correlation between areas of two contrasts, moved from (-1, 1) to (0, 1). ``Beta(2, 2)`` is
        the LKJ prior with shape 2 for two contrasts, with 95% between -0.81 and 0.81; of more contrasts each
        partial correlation has it.
    share : Prior
        Share of success or of the best status in an area when areas are not pooled: a distribution of its
        log-odds, or a Beta. Under ``Beta(1, 1)`` 3 of 8 give a posterior mean of .400, 4 of 10 of .417.
    effect : Prior
        Change of the log-odds for one standard deviation of a covariate, or from 0 to 1. ``Normal(0, 1)``
        leaves 95% between odds ratios of 1/7 and 7. In the multinomial each contrast has its own.

    Examples
    --------
    >>> from bayes_targets.priors import Normal
    >>> print(SuccessPriors(mu=Normal(0, 1)).mu)
    Normal(0, 1)
    """

    mu: Prior = Normal(0.0, 1.5)
    tau: Prior = HalfNormal(1.0)
    share: Prior = Normal(0.0, 1.5)
    split: Prior = Normal(0.0, 1.5)
    correlation: Prior = Beta(2.0, 2.0)
    effect: Prior = Normal(0.0, 1.0)


def success_model(
    counts: pd.DataFrame | xr.Dataset | str | Path,
    *,
    outcome: str = "binomial",
    pooling: str = "partial",
    success: tuple[str, ...] | list[str] | str | None = None,
    covariates: Sequence[str] | None = None,
    priors: SuccessPriors | None = None,
) -> Model:
    r"""Share of each status by area from counts.

    In every model area j departs from the typical area by :math:`\theta_j = x_j \beta + \tau z_j`, :math:`z_j
    \sim N(0, 1)`, and a larger :math:`\theta` is better. *Binomial*, success or not:

    .. math:: y_j \sim \mathrm{Binomial}(n_j, p_j), \qquad \mathrm{logit}\, p_j = \mu + \theta_j

    *Ordinal*, a cumulative logit (proportional odds): one effect moves an area along all statuses,

    .. math:: P(\text{target in } j \text{ has status } k \text{ or better}) = \mathrm{logit}^{-1}(\theta_j - c_k)

    with cutpoints that all areas share, rising from worst to best. The typical area has :math:`\theta = 0`, so
    its mean is in the cutpoints: the one to the best status is :math:`-\mu`, and the others lie below it as
    the splits of `SuccessPriors` say. *Multinomial*: every split has an effect of its own,

    .. math:: \mathrm{logit}\, P(k \mid k \text{ or worse}) = \mu_k + \theta_{jk}, \qquad
              \theta_j \sim N(0, \mathrm{diag}(\tau)\, R\, \mathrm{diag}(\tau))

    for when proportional odds fail: e.g. an area may have many green targets and many red ones. With two
    statuses the three are one model. With complete pooling :math:`\tau = 0`, and the last two are one model.
    Without pooling each area has log-odds of its own (ordinal: for its level, the distances of the cutpoints
    being common; then `cutpoint` is that of the average area). Targets of one area are taken as independent given the area.

    Parameters
    ----------
    counts : pandas.DataFrame, xarray.Dataset, str or Path
        Counts by area and status, best status first, see `read_counts`.
    outcome : {"binomial", "ordinal", "multinomial"}
        The likelihood, as above.
    pooling : {"partial", "complete", "none"}
        Whether areas share a distribution, are the same but for covariates, or stand alone.
    success : tuple of str, optional
        Binomial only: statuses that count as success; default: the first (best) one.
    covariates : sequence of str, optional
        Covariates of the areas to use; default: all that the counts carry. They need some pooling. A table of
        two groups with one 0/1 covariate and complete pooling is the contrast of the groups.
    priors : SuccessPriors, optional
        On the log-odds.

    Returns
    -------
    Model
        Posterior variables: ``share (area)`` or ``share (area, status)`` and ``overall_share`` (over all
        targets, weighted by their numbers); with pooling ``mu`` (multinomial: by contrast), with partial
        pooling ``tau``; ordinal ``cutpoint (cut)``, worst first, and ``area_effect (area)``, from the typical
        or average area; multinomial ``correlation (pair)``; with covariates ``coefficient (covariate)``,
        log odds ratio for one unit. The posterior predictive group holds the counts replicated and, with
        pooling, ``new_area_share``, for an area with average covariates.

    Raises
    ------
    DataError
        For bad counts (see `read_counts`), an unknown status, covariate or option.

    Examples
    --------
    >>> table = pd.DataFrame({"area": ["Fire", "Health"], "green": [1, 3], "amber": [1, 5], "red": [1, 3]})
    >>> model = success_model(table, success=("green", "amber"))
    >>> model.data["successes"].values, model.data["targets"].values
    (array([2, 8]), array([ 3, 11]))
    >>> success_model(table, outcome="ordinal").variables
    ('mu', 'tau', 'area_effect', 'cutpoint', 'share', 'overall_share')
    """
    require_choice("outcome", outcome, _OUTCOMES)
    require_choice("pooling", pooling, _POOLINGS)
    if isinstance(counts, xr.Dataset) and not holds_counts(counts):
        raise DataError(
            "counts: found a Dataset without counts by area and status, expected what read_counts returns"
        )
    table = with_covariates(counts if isinstance(counts, xr.Dataset) else read_counts(counts), covariates)
    if "predictor" in table and pooling == "none":
        raise DataError("covariates: areas that are not pooled take up all differences; use some pooling")
    priors = priors_of_kind(priors, SuccessPriors)
    if success is not None and outcome != "binomial":
        raise DataError(f"success is for outcome 'binomial'; outcome {outcome!r} keeps all statuses apart")
    count = table["count"].transpose("area", "status").to_numpy().astype(float)
    chosen = _successes(table, success) if outcome == "binomial" else ()
    if chosen:
        best = np.isin(table["status"].to_numpy().astype(str), chosen)
        count = np.column_stack([count[:, best].sum(axis=1), count[:, ~best].sum(axis=1)])
    predictor = table["predictor"].transpose("area", "covariate") if "predictor" in table else None
    priors = checked_priors(priors, count, outcome=outcome, pooling=pooling, predictor=predictor)
    model = describe(table, outcome, pooling=pooling, priors=priors, success=chosen)
    return replace(model, exact=solve_multinomial if outcome == "multinomial" else solve_success)


def _successes(table: xr.Dataset, success: Sequence[str] | str | None) -> tuple[str, ...]:
    statuses = [str(status) for status in table["status"].to_numpy()]
    chosen = (statuses[0],) if success is None else require_texts("success", success)
    unknown = [status for status in chosen if status not in statuses]
    if unknown:
        raise DataError(f"success: no status {unknown[0]!r}, {did_you_mean(unknown[0], statuses)}")
    if not 0 < len(set(chosen)) < len(statuses):
        raise DataError("success: found all or none of the statuses, expected some of them")
    return chosen


def with_covariates(table: xr.Dataset, covariates: Sequence[str] | None) -> xr.Dataset:
    """Select the covariates, with the centre and scale that their prior is about; none leaves no such variable."""
    table = table.copy(deep=True)
    known = [str(name) for name in table["covariate"].to_numpy()] if "predictor" in table else []
    chosen = known if covariates is None else list(require_texts("covariates", covariates))
    for name in chosen:
        if name not in known:
            raise DataError(f"covariates: the counts have no {name!r}, {did_you_mean(name, known)}")
    if not chosen:
        return table.drop_dims("covariate", errors="ignore")
    data = table.sel(covariate=chosen)
    values = data["predictor"].to_numpy()
    binary = np.isin(values, (0.0, 1.0)).all(axis=0)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(chosen))
    for name, width in zip(chosen, spread, strict=True):
        if not width > 0:
            raise DataError(f"covariate {name!r} is the same in every area, expected it to vary")
    return data.assign(
        predictor_mean=("covariate", values.mean(axis=0)),
        predictor_scale=("covariate", np.where(binary, 1.0, spread)),
    )


_SUPPORT = {"tau": "positive", "correlation": "share", "effect": "real"}


def checked_priors(
    priors: Any, count: FloatArray, *, outcome: str, pooling: str, predictor: Any = None
) -> Any:
    """Priors of a success model, those of shares turned into priors of log-odds; improper ones only where the counts allow them."""
    found = {}
    for name in (field.name for field in fields(priors)):
        proper = name in ("correlation", "member")
        support = _SUPPORT.get(name, "log-odds")
        found[name] = require_prior(name, getattr(priors, name), support, proper=proper)
    best, total = count[:, :-1], count.sum(axis=1)
    worse = total[:, None] - count.cumsum(axis=1)[:, :-1]
    columns = np.empty((len(count), 0)) if predictor is None else np.asarray(predictor)
    flat = 0 if found["effect"].proper else columns.shape[1]
    groups = [np.ones(len(count), dtype=bool)]
    if flat:
        binary = np.isin(columns, (0.0, 1.0)).all(axis=0)
        groups += [columns[:, c] == value for c in np.flatnonzero(binary) for value in (0.0, 1.0)]
    alone = pooling == "none"
    for k in range(best.shape[1]):
        name = "split" if k else "share" if alone else "mu"
        if alone and outcome == "ordinal" and k == 0:
            some, others = total - count[:, -1], total - count[:, 0]
        elif alone and (k == 0 or outcome == "multinomial"):
            some, others = best[:, k], worse[:, k]
        else:
            some, others = (np.array([of[rows, k].sum() for rows in groups]) for of in (best, worse))
        if some.min() <= 0 or others.min() <= 0:
            needs = "with no target, or every one, in a status its posterior would be improper"
            require_prior(name, found[name], "log-odds", proper=True, needs=needs)
            require_prior("effect", found["effect"], "real", proper=columns.shape[1] > 0, needs=needs)
    if pooling == "partial":
        several = (count > 0).sum(axis=1) > 1 if outcome == "ordinal" else (best > 0) & (worse > 0)
        require_spread_prior(
            "tau", found["tau"], int(several.sum(axis=0).min()), flat + (not found["mu"].proper)
        )
    return replace(priors, **found)
