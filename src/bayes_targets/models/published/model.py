"""Published estimates with known standard errors, with or without partial pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DataError, cell_message
from ...model import Model
from ...priors import Beta, Flat, HalfNormal, Normal, Prior
from .exact import solve_published

_POOLINGS = ("none", "partial")


@dataclass(frozen=True)
class PublishedPriors:
    """Priors of `published_model`, in units of the outcome.

    For Andrews et al. (2014) the outcome is the percentage change of the cohesion score from 2006 to 2008.

    Attributes
    ----------
    effect : Prior
        Effect of a term that is not pooled: change of the outcome for one `scale` of its predictor (one
        standard deviation, or from 0 to 1). The default, ``Normal(0, 5)``, leaves 95% between -10 and +10:
        more than the scores moved between the two surveys, so it rules out only the absurd.
    mu : Prior
        Mean of pooled terms that have no shared reference.
    tau : Prior
        Standard deviation of the pooled terms' true values.
    reference_share : Prior
        Sampling variance of the shared reference category, as a share of the smallest printed variance of a
        contrast with it. A table does not print it; with n authorities of the category and m of the
        reference it is about ``n / (n + m)``, which ``Beta(2, 2)`` covers for any two sizes of the same order.
    """

    effect: Prior = Normal(0.0, 5.0)
    mu: Prior = Normal(0.0, 5.0)
    tau: Prior = HalfNormal(2.5)
    reference_share: Prior = Beta(2.0, 2.0)


def published_model(
    estimates: pd.DataFrame, *, pooling: str = "none", priors: PublishedPriors | None = None
) -> Model:
    r"""Posterior of a printed regression table: known standard errors, normal likelihood.

    Without pooling, each term stands by itself:

    .. math:: b_k \sim N(\theta_k, s_k^2), \qquad \theta_k\, \mathrm{scale}_k \sim \text{prior}

    so that a flat prior gives back :math:`N(b_k, s_k^2)`. With partial pooling the terms of one group share
    a distribution, :math:`\theta_k \sim N(\mu, \tau)`. Where the group's terms are contrasts with a
    reference category (a row with estimate 0 and standard error 0), all categories, the reference
    included, are exchangeable,

    .. math:: a_j \sim N(0, \tau), \quad \theta_k = a_k - a_{ref}, \quad \mu = -a_{ref}, \quad
              b \sim N(\theta, \Sigma), \quad \Sigma_{kl} = v_0 + \delta_{kl} (s_k^2 - v_0)

    because every contrast contains the sampling error of the one reference, of variance
    :math:`v_0 = \mathrm{share} \cdot \min_k s_k^2`. The model does not depend on which category was chosen as the
    reference. Errors of terms outside the group are taken as independent: a table prints no covariances.

    Parameters
    ----------
    estimates : pandas.DataFrame
        Columns ``term`` (unique labels; may be the index), ``estimate`` and ``se`` (standard error, more than 0
        except in a reference row). Optional: ``scale`` (s.d. of the predictor, or 1; a missing scale gives
        the term a flat prior, as suits a constant), and ``group`` (for ``pooling="partial"``: terms with the
        same text are pooled, terms without one are not; without the column all terms are pooled).
    pooling : {"none", "partial"}
        Whether terms of a group share a distribution.
    priors : PublishedPriors, optional
        In units of the outcome.

    Returns
    -------
    Model
        Posterior variables ``effect (term)`` on the printed scale and ``standardised (term)``, the effect of one
        `scale`; with partial pooling ``tau`` and ``mu`` (mean of the pooled terms: with a reference, how far the
        average category is above it), and with a reference ``deviation (category)`` from the average
        category, the reference included, and ``reference_share``.

    Raises
    ------
    DataError
        If the frame lacks a column, a term is repeated, a number is not finite, or a standard error is not
        positive.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"term": ["LAA (target on)"], "estimate": [0.952], "se": [0.659]})
    >>> model = published_model(table, priors=PublishedPriors(effect=Flat()))
    >>> model.name, model.options["pooling"], model.data.sizes["term"]
    ('published', 'none', 1)
    """
    if pooling not in _POOLINGS:
        raise DataError(f"pooling is {pooling!r}, expected one of {', '.join(map(repr, _POOLINGS))}")
    frame = _checked(estimates)
    pooled = _pooled_rows(frame, pooling)
    reference = frame["se"].eq(0.0)
    if pooling == "none" or not (pooled & reference).any():
        frame, pooled = frame[~reference], pooled[~reference]
        reference_label = ""
    else:
        reference_label = str(frame.loc[pooled & reference, "term"].iloc[0])
        frame, pooled = frame[~reference], pooled[~reference]
    if frame.empty:
        raise DataError("estimates: no term with a standard error above 0, expected at least one")
    data = _dataset(frame, pooled, estimates.attrs.get("origin", "published"))
    return Model(
        name="published",
        data=data,
        priors=priors or PublishedPriors(),
        options={"pooling": pooling, "reference": reference_label},
        terms=("effect",),
        observed=("estimate",),
        variables=_variables(pooling, reference_label),
        build=_build,
        draw_prior=_draw_prior,
        log_likelihood=_log_likelihood,
        predict=_predict,
        exact=solve_published,
    )


def _checked(estimates: pd.DataFrame) -> pd.DataFrame:
    """The frame with a `term` column, numbers as floats, every cell validated."""
    if not isinstance(estimates, pd.DataFrame):
        raise DataError(f"estimates: found {type(estimates).__name__}, expected a DataFrame")
    frame = estimates.reset_index() if "term" not in estimates.columns else estimates.reset_index(drop=True)
    file = str(estimates.attrs.get("file", "estimates"))
    for column in ("term", "estimate", "se"):
        if column not in frame.columns:
            raise DataError(f"{file}: no column {column!r}, expected columns term, estimate, se")
    frame = frame.assign(term=frame["term"].astype(str))
    repeated = frame["term"].duplicated()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise DataError(
            cell_message(
                file=file,
                row=row + 1,
                column="term",
                value=frame["term"].iloc[row],
                expected="each term once (choose one printed model)",
            )
        )
    for column in ("estimate", "se", *(["scale"] if "scale" in frame.columns else [])):
        frame[column] = _numbers(frame, column, file)
    bad = (frame["se"] < 0) | (frame["se"].eq(0) & frame["estimate"].ne(0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            cell_message(
                file=file,
                row=row + 1,
                column="se",
                value=frame["se"].iloc[row],
                expected="a standard error above 0 (0 only for a reference category with estimate 0)",
            )
        )
    return frame


def _numbers(frame: pd.DataFrame, column: str, file: str) -> pd.Series[float]:
    values = pd.to_numeric(frame[column], errors="coerce").astype(float)
    wrong = ~np.isfinite(values)
    if column == "scale":
        wrong = (wrong & frame[column].notna()) | (values <= 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        expected = "a number above 0, or nothing" if column == "scale" else "a finite number"
        raise DataError(
            cell_message(
                file=file, row=row + 1, column=column, value=frame[column].iloc[row], expected=expected
            )
        )
    return values


def _pooled_rows(frame: pd.DataFrame, pooling: str) -> pd.Series[bool]:
    if pooling == "none":
        return pd.Series(False, index=frame.index)
    if "group" not in frame.columns:
        return pd.Series(True, index=frame.index)
    groups = frame["group"].fillna("").astype(str)
    names = sorted(set(groups) - {""})
    if len(names) != 1:
        raise DataError(
            f"estimates, column 'group': found {len(names)} groups, expected one name shared by the pooled terms"
        )
    pooled = groups.eq(names[0])
    if (pooled & frame["se"].eq(0)).sum() > 1:
        raise DataError(
            "estimates: more than one reference row (estimate 0, se 0) in the group, expected one"
        )
    if (pooled & frame["se"].gt(0)).sum() < 2:
        raise DataError(
            f"estimates: group {names[0]!r} has fewer than two terms to pool, expected two or more"
        )
    return pooled


def _dataset(frame: pd.DataFrame, pooled: pd.Series[bool], origin: str) -> xr.Dataset:
    scale = frame["scale"] if "scale" in frame.columns else pd.Series(1.0, index=frame.index)
    return xr.Dataset(
        {
            "estimate": ("term", frame["estimate"].to_numpy()),
            "se": ("term", frame["se"].to_numpy()),
            # A missing scale means a flat prior; the standardised effect is then the effect itself.
            "scale": ("term", scale.fillna(1.0).to_numpy()),
            "flat": ("term", scale.isna().to_numpy()),
            "pooled": ("term", pooled.to_numpy()),
        },
        coords={"term": frame["term"].to_numpy(dtype=str)},
        attrs={"origin": origin},
    )


def _variables(pooling: str, reference: str) -> tuple[str, ...]:
    if pooling == "none":
        return ("effect", "standardised")
    if not reference:
        return ("mu", "tau", "effect", "standardised")
    return ("mu", "tau", "effect", "standardised", "deviation", "reference_share")


def _categories(model: Model) -> list[str]:
    """Pooled categories, the reference last."""
    data = model.data
    return [*data["term"].to_numpy()[data["pooled"].to_numpy()].tolist(), model.options["reference"]]


def _build(model: Model) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    data, priors = model.data, model.priors
    terms = data["term"].to_numpy()
    pooled, flat = data["pooled"].to_numpy(), data["flat"].to_numpy()
    reference = model.options["reference"]
    own_flat = flat | (not priors.effect.proper)
    proper_rows, flat_rows = np.flatnonzero(~pooled & ~own_flat), np.flatnonzero(~pooled & own_flat)
    pooled_rows = np.flatnonzero(pooled)
    scale, se, estimate = (data[name].to_numpy() for name in ("scale", "se", "estimate"))
    coords: dict[str, Any] = {"term": terms}
    parts, rows = [], [proper_rows, flat_rows, pooled_rows]
    coords |= {
        "proper_term": terms[proper_rows],
        "flat_term": terms[flat_rows],
        "pooled_term": terms[pooled_rows],
    }
    if reference:
        coords["category"] = _categories(model)
    with pm.Model(coords={k: v for k, v in coords.items() if len(v)}) as graph:
        estimate = pm.Data("printed_estimate", estimate, dims="term")
        if proper_rows.size:
            parts.append(priors.effect.to_pymc("own", dims="proper_term") / scale[proper_rows])
        if flat_rows.size:
            parts.append(Flat().to_pymc("free", dims="flat_term"))
        share = None
        if pooled_rows.size:
            tau = priors.tau.to_pymc("tau")
            if reference:
                share = priors.reference_share.to_pymc("reference_share")
                z = pm.Normal("z", dims="category")
                deviation = pm.Deterministic("deviation", tau * z, dims="category")
                pm.Deterministic("mu", -deviation[-1])
                parts.append(deviation[:-1] - deviation[-1])
            else:
                mu = priors.mu.to_pymc("mu")
                parts.append(mu + tau * pm.Normal("z", dims="pooled_term"))
        order = np.argsort(np.concatenate(rows))
        effect = pm.Deterministic("effect", pt.concatenate(parts)[order], dims="term")
        pm.Deterministic("standardised", effect * scale, dims="term")
        if share is None:
            mean, spread = effect, se
        else:
            # The reference's sampling error is common to all contrasts. Integrated out, it leaves each contrast
            # normal given those before it: same density as the correlated normal, no matrix, no funnel.
            shared = share * np.min(se[pooled] ** 2) * pooled
            own = se**2 - shared
            before = 1 + shared * (pt.cumsum(pooled / own) - pooled / own)
            residual = pooled * (estimate - effect) / own
            mean = effect + shared * (pt.cumsum(residual) - residual) / before
            spread = pt.sqrt(own + shared / before)
        pm.Normal("estimate", mean, spread, observed=estimate, dims="term")
    return graph


def _draw_prior(model: Model, rng: np.random.Generator, size: int) -> xr.Dataset | None:
    """Prior draws of every term whose prior is proper; None where there is no such term."""
    data, priors = model.data, model.priors
    pooled, flat = data["pooled"].to_numpy(), data["flat"].to_numpy()
    reference = model.options["reference"]
    own = ~pooled & ~flat & priors.effect.proper
    shared = pooled & (priors.tau.proper and (bool(reference) or priors.mu.proper))
    kept = own | shared
    if not kept.any():
        return None
    scale = data["scale"].to_numpy()
    effect = np.empty((size, pooled.size))
    if own.any():
        effect[:, own] = priors.effect.draw(rng, (size, int(own.sum()))) / scale[own]
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
            out["reference_share"] = ("sample", priors.reference_share.draw(rng, size))
            coords["category"] = _categories(model)
        else:
            mu = priors.mu.draw(rng, size)
            effect[:, shared] = mu[:, None] + tau[:, None] * z
        out |= {"mu": ("sample", mu), "tau": ("sample", tau)}
    out["effect"] = (("sample", "term"), effect[:, kept])
    out["standardised"] = (("sample", "term"), (effect * scale)[:, kept])
    return xr.Dataset(out, coords=coords)[[name for name in model.variables if name in out]]


def _error_terms(model: Model, draws: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Variance of the reference's error in each draw, and what is left of each term's own variance."""
    variance = model.data["se"] ** 2
    if not model.options["reference"]:
        return xr.zeros_like(draws["effect"].isel(term=0, drop=True)), variance
    smallest = variance.where(model.data["pooled"]).min()
    shared = draws["reference_share"] * smallest
    return shared, variance - shared.where(True) * model.data["pooled"]


def _log_likelihood(model: Model, draws: xr.Dataset) -> xr.Dataset:
    """Log density of each estimate given the others and the parameters, which is what LOO needs.

    With a shared reference the estimates are correlated; the inverse of their covariance has a closed form
    (a diagonal plus a rank one), from which the conditional densities follow.
    """
    shared, own = _error_terms(model, draws)
    pooled = model.data["pooled"]
    residual = (model.data["estimate"] - draws["effect"]) / own
    weight = 1.0 / own
    total = 1.0 + shared * weight.where(pooled, 0.0).sum("term")
    sum_residual = residual.where(pooled, 0.0).sum("term")
    gain = (shared / total) * pooled
    precision = weight - gain * weight**2
    weighted = residual - gain * weight * sum_residual
    value = 0.5 * np.log(precision) - 0.5 * np.log(2 * np.pi) - 0.5 * weighted**2 / precision
    return xr.Dataset({"estimate": value.transpose("chain", "draw", "term")})


def _predict(model: Model, draws: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    shared, own = _error_terms(model, draws)
    effect = draws["effect"].transpose("chain", "draw", "term")
    common = np.sqrt(shared) * rng.standard_normal(shared.shape) * model.data["pooled"]
    # The reference's error enters every contrast with it with the same sign, hence the correlation.
    noise = np.sqrt(own) * xr.DataArray(rng.standard_normal(effect.shape), dims=effect.dims)
    return xr.Dataset({"estimate": (effect + noise + common).transpose("chain", "draw", "term")})
