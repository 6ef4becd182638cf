"""Published estimates with known standard errors, with or without partial pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, require_choice
from ...evaluation import Evaluation
from ...model import Model
from ...priors import NO_EVIDENCE, Flat, Prior
from .exact import common_df, has_error_precision, has_shared_error, solve_published
from .priors import (
    PublishedPriors,
    UnitInformation,
    Wide,
    moments_of,
    prior_conflict,
    resolved,
    term_prior,
)
from .table import Printed, printed_table

FloatArray = NDArray[np.float64]
_POOLINGS = ("none", "partial")
_MANY = 20  # pooled terms from which on their mean is sampled as such, not as a multiple of tau
_NEARLY_NORMAL = 1e6  # degrees of freedom of a term whose error is normal, where its neighbours' are not


def published_model(
    estimates: Evaluation | pd.DataFrame,
    *,
    pooling: str = "none",
    priors: PublishedPriors | None = None,
    hoped: float | None = None,
    n: int | None = None,
) -> Model:
    r"""Posterior of a printed table of estimates with their standard errors.

    Without pooling, each term stands by itself:

    .. math:: b_k \sim N(\theta_k, s_k^2) \;\text{or}\; t_{\nu_k}(\theta_k, s_k), \qquad \theta_k\, \mathrm{scale}_k \sim \text{prior}

    so that a flat prior gives back the printed estimate and its interval. The likelihood is Student's t where the degrees of
    freedom are known and under 100, otherwise normal. Where the covariance of the estimates is known they are jointly normal
    (or t). With partial pooling the terms of one group share a distribution, :math:`\theta_k \sim N(\mu, \tau)`. Where the
    group's terms are contrasts with a reference category, all categories, the reference included, are exchangeable,

    .. math:: a_j \sim N(0, \tau), \quad \theta_k = a_k - a_{ref}, \quad \mu = -a_{ref}, \quad
              b \sim N(\theta, \Sigma), \quad \Sigma_{kl} = v_0 + \delta_{kl} (s_k^2 - v_0)

    because every contrast contains the sampling error of the one reference, of variance
    :math:`v_0 = \mathrm{share} \cdot \min_k s_k^2`. The model does not depend on which category was chosen as the
    reference. Errors are otherwise taken as independent: a table prints no covariances. Pooled terms whose covariance is known
    have no exact posterior, so that `fit` samples them by NUTS.

    Parameters
    ----------
    estimates : Evaluation or pandas.DataFrame
        From `read_estimates`; or a frame with columns ``term`` (unique labels; may be the index), ``estimate`` and ``se``
        (standard error, more than 0). Optional columns: ``df`` (degrees of freedom of the standard error), ``scale`` (s.d. of
        the predictor, or 1; a missing scale gives the term a flat prior, as suits a constant), and ``group`` (for
        ``pooling="partial"``: terms with the same text are pooled, terms without one are not; without the column all terms
        are pooled). A row of a group with estimate 0 and standard error 0 is its reference category.
    pooling : {"none", "partial"}
        Whether terms of a group share a distribution.
    priors : PublishedPriors, optional
        In units of the outcome. What is not given comes from `hoped`, from `n`, or from the table.
    hoped : float, optional
        Effect that was hoped for, in units of the outcome (a log for ratios); default: that of the evaluation, or the frame's
        ``attrs["hoped"]``. The prior of an effect is then Normal(0, 5 × hoped). An evaluation's `hoped` is about its focal terms
        alone, unless it has scales.
    n : int, optional
        Number of cases; default: that of the evaluation. Without `hoped` the prior of each term is as informative as one case:
        Normal(0, s.e. × √n). Without both it is so wide that it shrinks nothing, and the evidence of the model means nothing.

    Returns
    -------
    Model
        Posterior variables ``effect (term)`` on the printed scale (logs for ratios) and ``standardised (term)``, the effect of
        one `scale`; with partial pooling ``tau`` and ``mu`` (mean of the pooled terms: with a reference, how far the
        average category is above it), and with a reference ``deviation (category)`` from the average
        category, the reference included, and ``reference_share``. ``options["not_fitted"]`` names the rows that have a bound
        instead of a standard error.

    Raises
    ------
    DataError
        If the frame lacks a column, a term has no name or is repeated, a number is not finite, a standard error is not
        positive, or a prior cannot be one.

    References
    ----------
    Kass & Wasserman (1995), A reference Bayesian test for nested hypotheses, *Journal of the American Statistical
    Association* 90, 928-934 (unit information).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"term": ["LAA (target on)"], "estimate": [0.952], "se": [0.659]})
    >>> model = published_model(table, hoped=1.0)
    >>> model.name, str(model.priors.effect), model.data.sizes["term"]
    ('published', 'Normal(0, 5)', 1)
    """
    require_choice("pooling", pooling, _POOLINGS)
    if priors is not None and not isinstance(priors, PublishedPriors):
        raise DataError(f"priors is {type(priors).__name__}, expected PublishedPriors")
    table = printed_table(estimates, pooling=pooling)
    if isinstance(estimates, Evaluation):
        hoped, n = estimates.hoped if hoped is None else hoped, estimates.n if n is None else n
    elif hoped is None and n is None:
        hoped = estimates.attrs.get("hoped")
    frame = table.frame
    pooled = frame["pooled"].to_numpy()
    about = frame[pooled] if pooled.any() else frame
    filled, source = resolved(
        priors, hoped=hoped, n=n, estimate=about["estimate"].to_numpy(), se=about["se"].to_numpy()
    )
    own = _own_priors(table, filled, source, n)
    wide = any(isinstance(prior, Wide) for prior in own) or (source == "table" and pooled.any())
    data = _dataset(table, filled, own)
    return Model(
        name="published",
        data=data,
        priors=filled,
        options={
            "pooling": pooling,
            "reference": table.reference,
            "prior_from": source,
            "other_prior": next((str(prior) for prior in own if prior not in (None, filled.effect)), ""),
            # So wide that an evidence would only say how wide.
            "evidence": NO_EVIDENCE if wide else "",
            "ratio": table.ratio,
            "scaled": "yes" if table.has_scale else "",
            "errors": _errors(data),
            "not_fitted": "; ".join(table.not_fitted),
        },
        terms=("effect",),
        observed=("estimate",),
        variables=_variables(data, table.reference),
        build=_build,
        draw_prior=_draw_prior,
        log_likelihood=_log_likelihood,
        predict=_predict,
        exact=solve_published,
        conflict=prior_conflict,
    )


def _errors(data: xr.Dataset) -> str:
    """Kind of the printed errors, for the record."""
    df = data["df"].to_numpy()
    kind = "normal" if not np.isfinite(df).any() else "t" if np.isfinite(df).all() else "normal or t"
    return f"{kind}, with known covariance" if "covariance" in data else kind


def _own_priors(table: Printed, priors: PublishedPriors, source: str, n: int | None) -> list[Prior | None]:
    """Priors of single terms that are made from their own numbers; None where the prior of all effects holds."""
    if source == "hoped" and table.focus and not table.has_scale:
        # What was hoped for is about the terms in question; of the others nothing was said.
        other = UnitInformation(float(n)) if n is not None else Wide()
        own: list[Prior | None] = [None if term in table.focus else other for term in table.frame["term"]]
    else:
        each = priors.effect if isinstance(priors.effect, UnitInformation | Wide) else None
        own = [each] * len(table.frame)
    apart = table.frame["flat"] | table.frame["pooled"]
    return [None if skip else prior for prior, skip in zip(own, apart, strict=True)]


def _dataset(table: Printed, priors: PublishedPriors, own: list[Prior | None]) -> xr.Dataset:
    frame, terms = table.frame, table.frame["term"].to_numpy(dtype=str)
    estimate, se, scale = (frame[name].to_numpy(float) for name in ("estimate", "se", "scale"))
    assert priors.effect is not None
    each = [
        term_prior(priors.effect if prior is None else prior, b * d, s * d, flat=flat)
        for prior, b, s, d, flat in zip(own, estimate, se, scale, frame["flat"], strict=True)
    ]
    moments = np.array([moments_of(prior) for prior in each]) / scale[:, None]
    pooled = frame["pooled"].to_numpy()
    moments[pooled] = math.nan
    variables: dict[str, Any] = {
        "estimate": estimate,
        "se": se,
        # A missing scale means a flat prior; the standardised effect is then the effect itself.
        "scale": scale,
        "flat": frame["flat"].to_numpy(),
        "pooled": pooled,
        "df": frame["df"].to_numpy(float),
        # Of the effect of one unit; where `own_prior` says so this normal is the prior, made from the term's own numbers.
        "prior_mean": moments[:, 0],
        "prior_sd": moments[:, 1],
        "own_prior": np.array([prior is not None for prior in own]),
    }
    data = xr.Dataset(
        {name: ("term", value) for name, value in variables.items()},
        coords={"term": terms},
        attrs={"origin": table.origin},
    )
    if table.covariance is not None:
        data = data.assign(covariance=(("term", "other_term"), table.covariance))
        data = data.assign_coords(other_term=terms)
    return data


def _variables(data: xr.Dataset, reference: str) -> tuple[str, ...]:
    names = ["mu", "tau"] if data["pooled"].any() else []
    names += ["effect", "standardised"]
    names += ["deviation"] * bool(reference) + ["reference_share"] * has_shared_error(data, reference)
    return (*names, *["error_precision"] * has_error_precision(data, reference))


def _categories(model: Model) -> list[str]:
    """Pooled categories, the reference last."""
    data = model.data
    return [*data["term"].to_numpy()[data["pooled"].to_numpy()].tolist(), model.options["reference"]]


def _build(model: Model) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    data, priors, reference = model.data, model.priors, model.options["reference"]
    terms = data["term"].to_numpy()
    pooled, own = data["pooled"].to_numpy(), data["own_prior"].to_numpy()
    flat = data["flat"].to_numpy() | (~own & (not priors.effect.proper))
    rows = [
        np.flatnonzero(chosen) for chosen in (~pooled & ~own & ~flat, ~pooled & own, ~pooled & flat, pooled)
    ]
    scale, se, estimate = (data[name].to_numpy() for name in ("scale", "se", "estimate"))
    names = ("proper_term", "own_term", "flat_term", "pooled_term")
    coords: dict[str, Any] = {"term": terms} | {
        name: terms[chosen] for name, chosen in zip(names, rows, strict=True) if chosen.size
    }
    if reference:
        coords["category"] = _categories(model)
    shared_error, precision = has_shared_error(data, reference), has_error_precision(data, reference)
    with pm.Model(coords=coords) as graph:
        printed = pm.Data("printed_estimate", estimate, dims="term")
        parts = []
        if rows[0].size:
            parts.append(priors.effect.to_pymc("own", dims="proper_term") / scale[rows[0]])
        if rows[1].size:
            at = data.isel(term=rows[1])
            z = pm.Normal("wide", dims="own_term")
            parts.append(at["prior_mean"].to_numpy() + at["prior_sd"].to_numpy() * z)
        if rows[2].size:
            parts.append(Flat().to_pymc("free", dims="flat_term"))
        if rows[3].size:
            parts.append(_pooled_effects(model))
        order = np.argsort(np.concatenate(rows))
        effect = pm.Deterministic("effect", pt.concatenate(parts)[order], dims="term")
        pm.Deterministic("standardised", effect * scale, dims="term")
        squares = se**2
        if precision:
            half = 0.5 * common_df(data, reference)
            w = pm.Gamma("error_precision", half, half)
            squares = squares / (1.0 + (w - 1.0) * (pooled | ("covariance" in data)))
        if "covariance" in data:
            factor = pt.as_tensor(np.linalg.cholesky(data["covariance"].to_numpy()))
            chol = factor / pt.sqrt(w) if precision else factor
            pm.MvNormal("estimate", effect, chol=chol, observed=printed, dims="term")
            return graph
        mean, spread = effect, pt.sqrt(squares)
        if shared_error:
            # The reference's sampling error is common to all contrasts. Integrated out, it leaves each contrast
            # normal given those before it: same density as the correlated normal, no matrix, no funnel.
            share = priors.reference_share.to_pymc("reference_share")
            smallest = np.min(se[pooled] ** 2) / (w if precision else 1.0)
            shared = share * smallest * pooled
            left = squares - shared
            before = 1 + shared * (pt.cumsum(pooled / left) - pooled / left)
            residual = pooled * (printed - effect) / left
            mean = effect + shared * (pt.cumsum(residual) - residual) / before
            spread = pt.sqrt(left + shared / before)
        df = _own_df(data, reference)
        if np.isfinite(df).any():
            nu = np.where(np.isfinite(df), df, _NEARLY_NORMAL)
            pm.StudentT("estimate", nu=nu, mu=mean, sigma=spread, observed=printed, dims="term")
        else:
            pm.Normal("estimate", mean, spread, observed=printed, dims="term")
    return graph


def _pooled_effects(model: Model) -> Any:
    """The pooled effects: around their mean where the data are many and precise, otherwise as multiples of tau."""
    import pymc as pm

    data, priors = model.data, model.priors
    tau = priors.tau.to_pymc("tau")
    if model.options["reference"]:
        z = pm.Normal("z", dims="category")
        deviation = pm.Deterministic("deviation", tau * z, dims="category")
        pm.Deterministic("mu", -deviation[-1])
        return deviation[:-1] - deviation[-1]
    mu = priors.mu.to_pymc("mu")
    rows = data["pooled"].to_numpy()
    y, variance = data["estimate"].to_numpy()[rows], data["se"].to_numpy()[rows] ** 2
    if y.size >= _MANY and y.var(ddof=1) > 2 * variance.mean():
        return pm.Normal("pooled", mu, tau, dims="pooled_term")
    return mu + tau * pm.Normal("z", dims="pooled_term")


def _own_df(data: xr.Dataset, reference: str) -> FloatArray:
    """Degrees of freedom of errors that no other term shares; infinite for the others."""
    df = data["df"].to_numpy()
    if "covariance" in data:
        return np.full(df.shape, np.inf)
    return np.where(data["pooled"].to_numpy(), np.inf, df) if reference else df


def _draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    """Prior draws of every term whose prior is proper; None where there is no such term."""
    data, priors = model.data, model.priors
    pooled, flat, own = (data[name].to_numpy() for name in ("pooled", "flat", "own_prior"))
    reference = model.options["reference"]
    common = ~pooled & ~own & ~flat & priors.effect.proper
    shared = pooled & (priors.tau.proper and (bool(reference) or priors.mu.proper))
    kept = common | own | shared
    if not kept.any():
        return None
    scale = data["scale"].to_numpy()
    effect = np.empty((size, pooled.size))
    if common.any():
        effect[:, common] = priors.effect.draw(rng, (size, int(common.sum()))) / scale[common]
    if own.any():
        at = data.isel(term=np.flatnonzero(own))
        z = rng.standard_normal((size, int(own.sum())))
        effect[:, own] = at["prior_mean"].to_numpy() + at["prior_sd"].to_numpy() * z
    out: dict[str, Any] = {}
    coords: dict[str, Any] = {"term": data["term"].to_numpy()[kept]}
    if shared.any():
        tau = priors.tau.draw(rng, size)
        z = rng.standard_normal((size, int(shared.sum()) + bool(reference)))
        if reference:
            deviation = tau[:, None] * z
            mu = -deviation[:, -1]
            effect[:, shared] = deviation[:, :-1] + mu[:, None]
            out["deviation"] = (("sample", "category"), deviation)
            if has_shared_error(data, reference):
                out["reference_share"] = ("sample", priors.reference_share.draw(rng, size))
            coords["category"] = _categories(model)
        else:
            mu = priors.mu.draw(rng, size)
            effect[:, shared] = mu[:, None] + tau[:, None] * z
        out |= {"mu": ("sample", mu), "tau": ("sample", tau)}
    if has_error_precision(data, reference):
        half = 0.5 * common_df(data, reference)
        out["error_precision"] = ("sample", rng.gamma(half, 1.0 / half, size))
    out["effect"] = (("sample", "term"), effect[:, kept])
    out["standardised"] = (("sample", "term"), effect[:, kept] * scale[kept])
    return xr.Dataset(out, coords=coords)[[name for name in model.variables if name in out]]


def _error_terms(model: Model, draws: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Variance of the reference's error in each draw, and what is left of each term's own variance."""
    pooled, variance = model.data["pooled"], model.data["se"] ** 2
    if "reference_share" not in draws:
        return xr.zeros_like(draws["effect"].isel(term=0, drop=True)), variance
    precision = draws.get("error_precision", 1.0)
    variance = variance / (1.0 + (precision - 1.0) * pooled)
    smallest = (model.data["se"] ** 2).where(pooled).min() / precision
    shared = draws["reference_share"] * smallest
    return shared, variance - shared * pooled


def _log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log density of each estimate given the others and the parameters, which is what LOO needs.

    With a shared reference the estimates are correlated; the inverse of their covariance has a closed form
    (a diagonal plus a rank one), from which the conditional densities follow.
    """
    data, pooled = model.data, model.data["pooled"]
    residual = data["estimate"] - draws["effect"]
    divided: Any = draws.get("error_precision", 1.0)
    if "covariance" in data:
        inverse = np.linalg.inv(data["covariance"].to_numpy())
        residual = residual.transpose("chain", "draw", "term")
        weighted: xr.DataArray = residual.copy(data=residual.to_numpy() @ inverse) * divided
        precision: Any = xr.DataArray(np.diag(inverse), dims="term") * divided
    else:
        shared, own = _error_terms(model, draws)
        residual, weight = residual / own, 1.0 / own
        total = 1.0 + shared * weight.where(pooled, 0.0).sum("term")
        sum_residual = residual.where(pooled, 0.0).sum("term")
        gain = (shared / total) * pooled
        precision = weight - gain * weight**2
        weighted = residual - gain * weight * sum_residual
    z2 = weighted**2 / precision
    value: Any = (np.log(precision) - math.log(2 * math.pi) - z2) * 0.5
    df = _own_df(data, model.options["reference"])
    if np.isfinite(df).any():
        # Student's t in place of the normal, each with the same spread.
        safe = np.where(np.isfinite(df), df, _NEARLY_NORMAL)
        constant = [math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - 0.5 * math.log(nu / 2) for nu in safe]
        nu = xr.DataArray(safe, dims="term")
        value = value + z2 * 0.5 + xr.DataArray(constant, dims="term") - np.log1p(z2 / nu) * (nu + 1) * 0.5
    return xr.Dataset({"estimate": value.transpose("chain", "draw", "term")})


def _predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    data, reference = model.data, model.options["reference"]
    effect = draws["effect"].transpose("chain", "draw", "term")
    noise = rng.standard_normal(effect.shape)
    if "covariance" in data:
        factor = np.linalg.cholesky(data["covariance"].to_numpy())
        joint = xr.DataArray(noise @ factor.T, dims=effect.dims) / draws.get("error_precision", 1.0) ** 0.5
        return xr.Dataset({"estimate": (effect + joint).transpose("chain", "draw", "term")})
    df = _own_df(data, reference)
    heavy = np.isfinite(df)
    if heavy.any():
        noise[..., heavy] /= np.sqrt(
            rng.chisquare(df[heavy], (*effect.shape[:-1], int(heavy.sum()))) / df[heavy]
        )
    shared, own = _error_terms(model, draws)
    common = np.sqrt(shared) * rng.standard_normal(shared.shape) * data["pooled"]
    # The reference's error enters every contrast with it with the same sign, hence the correlation.
    error: Any = np.sqrt(own) * xr.DataArray(noise, dims=effect.dims)
    return xr.Dataset({"estimate": (effect + error + common).transpose("chain", "draw", "term")})
