"""What the posterior of `cohesion_model` says: by type, for new types and authorities, explained, counterfactual."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean
from .equation import fitted_change, noise, slope_of_authorities

FloatArray = NDArray[np.float64]


def effect_by_type(posterior: xr.DataTree) -> xr.DataArray:
    """Slope of the target or of stretch in each type.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`.

    Returns
    -------
    xarray.DataArray
        Dims ``chain``, ``draw``, ``authority_type``; percentage points of change for having the target, or for
        each point of stretch. With a common slope all types have the same.
    """
    draws, _, _ = _parts(posterior)
    if "effect_by_type" in draws:
        return draws["effect_by_type"]
    slope = draws["effect"].expand_dims(authority_type=draws["authority_type"].to_numpy(), axis=-1)
    return slope.rename("effect_by_type")


def predict_new_type(posterior: xr.DataTree, *, seed: int) -> xr.Dataset:
    """Intercept and slope of an authority type that is not in the data.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model` with pooling partial or complete.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    xarray.Dataset
        ``intercept`` (change without a target, at the mean of the controls) and ``effect``, dims ``chain``,
        ``draw``. With complete pooling a new type is like the others; with a common slope it has that slope.

    Raises
    ------
    DataError
        Without pooling, since types that stand alone say nothing of another one.
    """
    draws, _, _ = _parts(posterior)
    if "mu" not in draws:
        raise DataError(
            "a new type cannot be predicted without pooling, expected pooling partial or complete"
        )
    rng = np.random.default_rng(seed)
    out = {"intercept": draws["mu"], "effect": draws["effect"]}
    for name, spread in (("intercept", "tau"), ("effect", "tau_effect")):
        if spread in draws:
            out[name] = out[name] + draws[spread] * rng.standard_normal(draws[spread].shape)
    return xr.Dataset(out)


def predict_new_authority(
    posterior: xr.DataTree,
    *,
    value: float,
    authority_type: str | None = None,
    controls: Mapping[str, float] | None = None,
    seed: int,
) -> xr.DataArray:
    """Change of an authority that is not in the data, its noise included.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`.
    value : float
        Its target (0 or 1) or stretch.
    authority_type : str, optional
        Its type; without one it is of a new type.
    controls : mapping of str to float, optional
        Its controls on their own scale; those not named are at their mean.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    xarray.DataArray
        Dims ``chain``, ``draw``; percentage points of change (the true change, where the scores have
        measurement error).

    Raises
    ------
    DataError
        If the type or a control is not known, or a value is not finite.
    """
    draws, data, _ = _parts(posterior)
    given = dict(controls or {})
    for name, number in (("value", value), *given.items()):
        if not np.isfinite(number):
            raise DataError(f"{name} is {number!r}, expected a finite number")
    known = [str(name) for name in data["control"].to_numpy()] if "control" in data.dims else []
    types = [str(name) for name in draws["authority_type"].to_numpy()]
    for name in given:
        if name not in known:
            raise DataError(f"controls: no control {name!r}, {did_you_mean(name, known)}")
    if authority_type is None:
        own = predict_new_type(posterior, seed=seed)
        change = own["intercept"] + own["effect"] * value
    elif authority_type in types:
        slope = effect_by_type(posterior).sel(authority_type=authority_type, drop=True)
        change = draws["intercept"].sel(authority_type=authority_type, drop=True) + slope * value
    else:
        raise DataError(f"authority_type: no type {authority_type!r}, {did_you_mean(authority_type, types)}")
    for name, number in given.items():
        away = number - float(data["control_mean"].sel(control=name))
        change = change + draws["coefficient"].sel(control=name, drop=True) * away
    # A stream of its own, so that the noise does not repeat the draws of the new type.
    rng = np.random.default_rng([seed, 1])
    return (change.transpose("chain", "draw") + noise(draws, rng, 1)[..., 0]).rename("change")


def counterfactual_change(posterior: xr.DataTree, *, more: float = 1.0) -> xr.Dataset:
    """Mean change had every authority had the target, or more stretch.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`.
    more : float, default 1
        Points of stretch that every authority is given on top of its own (stretch models only; a target is
        either there or not).

    Returns
    -------
    xarray.Dataset
        Over the authorities of the data, dims ``chain``, ``draw``: ``expected`` (mean expected change as things
        were), ``counterfactual`` (had every authority had the target, or `more` stretch), ``difference`` between
        them, and ``without`` (had none had a target, or any stretch). The authorities' slopes and other terms
        stay as they are; it is the effect of the target only as far as the regression's slope is.

    Raises
    ------
    DataError
        If `more` is not finite.
    """
    if not np.isfinite(more):
        raise DataError(f"more is {more!r}, expected a finite number of points of stretch")
    draws, data, effect = _parts(posterior)
    x = data[effect]
    slope = slope_of_authorities(data, draws)
    expected = fitted_change(data, draws, effect).mean("authority")
    added = (1.0 - x) if effect == "target" else xr.full_like(x, more)
    difference = (slope * added).mean("authority")
    return xr.Dataset(
        {
            "expected": expected,
            "counterfactual": expected + difference,
            "difference": difference,
            "without": expected - (slope * x).mean("authority"),
        }
    )


def pooling_factors(posterior: xr.DataTree) -> pd.DataFrame:
    r"""How far intercepts and slopes of the types are pooled towards their mean.

    .. math:: \lambda = 1 - \frac{V_t(E(\epsilon_t))}{E(V_t(\epsilon_t))}

    of Gelman & Pardoe (2006), where :math:`\epsilon_t` is a type's deviation from the mean of its distribution,
    V the variance over types and E the posterior mean. Near 0 each type is estimated by itself; near 1 all
    are pulled to the mean; over 0.5 there is more pooling than not.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`.

    Returns
    -------
    pandas.DataFrame
        Index ``quantity`` (``intercept``, ``effect``: those that are partially pooled), columns ``pooling_factor`` and
        ``types`` (their number). With one type the factor is not defined (NaN).
    """
    draws, _, _ = _parts(posterior)
    levels = {"intercept": ("intercept", "mu", "tau"), "effect": ("effect_by_type", "effect", "tau_effect")}
    rows = {}
    for quantity, (values, mean, spread) in levels.items():
        if spread in draws:
            deviation = draws[values] - draws[mean]
            types = deviation.sizes["authority_type"]
            between = deviation.mean(("chain", "draw")).var("authority_type", ddof=1)
            total = deviation.var("authority_type", ddof=1).mean(("chain", "draw")) if types > 1 else np.nan
            rows[quantity] = {"pooling_factor": 1 - float(between) / float(total), "types": types}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["pooling_factor", "types"])
    return table.rename_axis("quantity")


def r_squared(posterior: xr.DataTree) -> xr.Dataset:
    r"""Bayesian R², and the part of it that the target or stretch adds.

    In each draw :math:`R^2 = V_i(f_i) / (V_i(f_i) + \mathrm{noise})`, with the expected changes :math:`f_i` of the
    authorities, V the variance over them, and the variance of the noise as modelled:
    :math:`\sigma^2`, or :math:`\sigma^2 \nu / (\nu - 2)` (Gelman, Goodrich, Gabry & Vehtari, 2019). Where
    :math:`\nu \le 2` that is infinite and R² is 0.

    The variance of f splits into what type dummies and controls could reproduce (the least-squares projection
    of f on them) and the rest, which needs the target or stretch: ``without_effect`` and ``added`` are their
    shares, and add up to R². For a flat prior this is what least squares calls the R² without the effect and
    the R² added by it.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`.

    Returns
    -------
    xarray.Dataset
        ``r2``, ``without_effect``, ``added``, dims ``chain``, ``draw``. With measurement error they tell of the
        true change. Set against `fit_ols`: ``attrs["r2"]`` and ``attrs["r2_without_effect"]``.
    """
    draws, data, effect = _parts(posterior)
    fitted = fitted_change(data, draws, effect).to_numpy()
    kind, types = data["type_index"].to_numpy(), data.sizes["authority_type"]
    # With complete pooling types do not differ, so nothing but a constant and the controls is there without x.
    complete = json.loads(posterior.attrs["options"])["pooling"] == "complete"
    dummies = np.ones((kind.size, 1)) if complete else np.eye(types)[kind]
    blocks = [dummies]
    if "controls" in data:
        standardised = (data["controls"] - data["control_mean"]) / data["control_scale"]
        blocks.append(standardised.transpose("authority", "control").to_numpy())
    u, singular, _ = np.linalg.svd(np.column_stack(blocks), full_matrices=False)
    basis = u[:, singular > 1e-10 * singular.max()]
    rest = fitted - (fitted @ basis) @ basis.T
    whole = fitted.var(axis=-1, ddof=1)
    needs_effect = (rest**2).sum(axis=-1) / (kind.size - 1)
    residual = draws["sigma"].transpose("chain", "draw").to_numpy() ** 2
    if "nu" in draws:
        nu = draws["nu"].transpose("chain", "draw").to_numpy()
        residual = np.where(nu > 2, residual * nu / np.where(nu > 2, nu - 2, 1.0), np.inf)
    shares = {"r2": whole, "without_effect": whole - needs_effect, "added": needs_effect}
    like = draws["sigma"].transpose("chain", "draw")
    return xr.Dataset({name: like.copy(data=part / (whole + residual)) for name, part in shares.items()})


def _parts(posterior: xr.DataTree) -> tuple[xr.Dataset, xr.Dataset, str]:
    """Draws, data and the effect's name of a cohesion posterior."""
    if not isinstance(posterior, xr.DataTree) or posterior.attrs.get("model") != "cohesion":
        found = (
            posterior.attrs.get("model") if isinstance(posterior, xr.DataTree) else type(posterior).__name__
        )
        raise DataError(f"posterior: found {found!r}, expected what fit gives for a cohesion_model")
    effect = str(json.loads(posterior.attrs["options"])["effect"])
    return posterior["posterior"].to_dataset(), posterior["constant_data"].to_dataset(), effect
