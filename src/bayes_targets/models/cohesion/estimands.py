"""What the posterior of `cohesion_model` says: by type, for new types and units, explained, counterfactual."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ...errors import DataError, did_you_mean, require_number, shown
from ...model import require_fit_of
from .equation import noise

FloatArray = NDArray[np.float64]


def effect_by_type(posterior: xr.DataTree) -> xr.DataArray:
    """Slope of the target or of stretch in each type, dims chain, draw, authority_type; the same where slopes are common."""
    draws, _, _ = parts_of(posterior, slope=True)
    if "effect_by_type" in draws:
        return draws["effect_by_type"]
    slope = draws["effect"].expand_dims(authority_type=draws["authority_type"].to_numpy(), axis=-1)
    return slope.rename("effect_by_type")


def predict_new_type(posterior: xr.DataTree, *, seed: int) -> xr.Dataset:
    """Intercept and slope of a type that is not in the data.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model` with pooling partial or complete.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    xarray.Dataset
        ``intercept`` (outcome without a target, at the mean of the controls) and, where the model has a slope,
        ``effect``; dims ``chain``, ``draw``, in units of the outcome. With complete pooling a new type is like the others;
        with a common slope it has that slope.

    Raises
    ------
    DataError
        Without pooling, since types that stand alone say nothing of another one.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> schools = bt.simulate_authorities({"rural": 30, "urban": 40, "coastal": 20}, seed=1)
    >>> posterior = bt.fit(bt.cohesion_model(schools), engine="exact", draws=500, seed=1)
    >>> new = predict_new_type(posterior, seed=1)
    >>> bool(new["intercept"].std() > posterior["posterior"]["mu"].std())
    True
    """
    draws, _, _ = parts_of(posterior)
    if "mu" not in draws:
        raise DataError(
            "a new type cannot be predicted without pooling, expected pooling partial or complete"
        )
    rng = np.random.default_rng(seed)
    out = {"intercept": draws["mu"]} | ({"effect": draws["effect"]} if "effect" in draws else {})
    for name, spread in (("intercept", "tau"), ("effect", "tau_effect")):
        if spread in draws:
            out[name] = out[name] + draws[spread] * rng.standard_normal(draws[spread].shape)
    return xr.Dataset(out)


def predict_new_authority(
    posterior: xr.DataTree,
    *,
    value: float = 0.0,
    authority_type: str | None = None,
    controls: Mapping[str, float] | None = None,
    seed: int,
) -> xr.DataArray:
    """Outcome of a unit that is not in the data, its noise included.

    Parameters
    ----------
    posterior : xarray.DataTree
        From `fit` of a `cohesion_model`.
    value : float, default 0
        Its target (0 or 1) or stretch; 0 where the model has no slope.
    authority_type : str, optional
        Its type; without one it is of a new type.
    controls : mapping of str to float, optional
        Its controls on their own scale; those not named are at their mean.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    xarray.DataArray
        Dims ``chain``, ``draw``, in units of the outcome (the true change, where the scores have measurement error).

    Raises
    ------
    DataError
        If the type or a control is not known, a value is not finite, or a value is given where there is no slope.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> schools = bt.simulate_authorities({"rural": 30, "urban": 40}, slope=2.0, seed=1)
    >>> posterior = bt.fit(bt.cohesion_model(schools), engine="exact", draws=500, seed=1)
    >>> change = predict_new_authority(posterior, value=1, authority_type="rural", seed=1)
    >>> change.dims, bool(3 < change.std() < 5)
    (('chain', 'draw'), True)
    """
    draws, data, _ = parts_of(posterior)
    if not isinstance(controls, Mapping | None):
        raise DataError(f"controls: found {shown(controls)}, expected a dict of controls to numbers")
    given = dict(controls or {})
    for name, number in (("value", value), *given.items()):
        require_number(str(name), number)
    known = [str(name) for name in data["control"].to_numpy()] if "control" in data.dims else []
    types = [str(name) for name in draws["authority_type"].to_numpy()]
    for name in given:
        if name not in known:
            raise DataError(f"controls: no control {name!r}, {did_you_mean(name, known)}")
    if "effect" not in draws and value != 0:
        raise DataError(f"value is {value!r}, expected none: the model has no target and no stretch")
    if authority_type is None:
        own = predict_new_type(posterior, seed=seed)
        change = own["intercept"] + (own["effect"] * value if "effect" in own else 0.0)
    elif authority_type in types:
        change = draws["intercept"].sel(authority_type=authority_type, drop=True)
        if "effect" in draws:
            change = change + effect_by_type(posterior).sel(authority_type=authority_type, drop=True) * value
    else:
        raise DataError(f"authority_type: no type {authority_type!r}, {did_you_mean(authority_type, types)}")
    for name, number in given.items():
        away = number - float(data["control_mean"].sel(control=name))
        change = change + draws["coefficient"].sel(control=name, drop=True) * away
    # A stream of its own, so that the noise does not repeat the draws of the new type.
    rng = np.random.default_rng([seed, 1])
    return (change.transpose("chain", "draw") + noise(draws, rng, 1)[..., 0]).rename(response_of(posterior))


def counterfactual_change(posterior: xr.DataTree) -> xr.Dataset:
    """Mean outcome had every unit had the target, or a point more of stretch."""
    draws, data, effect = parts_of(posterior, slope=True)
    x, kind, types = data[str(effect)].to_numpy(), data["type_index"].to_numpy(), data.sizes["authority_type"]
    # Means are linear in the parameters: those of each type are all that is needed, however many the units.
    share = np.bincount(kind, minlength=types) / kind.size
    held = np.bincount(kind, x, minlength=types) / kind.size
    slope = effect_by_type(posterior).transpose("chain", "draw", "authority_type").to_numpy()
    intercept = draws["intercept"].transpose("chain", "draw", "authority_type").to_numpy()
    without = intercept @ share
    added = share - held if effect == "target" else share
    like = draws["sigma"].transpose("chain", "draw")
    expected, difference = without + slope @ held, slope @ added
    found = {
        "expected": expected,
        "counterfactual": expected + difference,
        "difference": difference,
        "without": without,
    }
    return xr.Dataset({name: like.copy(data=values) for name, values in found.items()})


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

    References
    ----------
    Gelman, A., & Pardoe, I. (2006). Bayesian measures of explained variance and pooling in multilevel (hierarchical) models.
    *Technometrics*, 48(2), 241-251.

    Examples
    --------
    >>> import bayes_targets as bt
    >>> schools = bt.simulate_authorities({"rural": 30, "urban": 40, "coastal": 20}, tau=0.2, seed=1)
    >>> posterior = bt.fit(bt.cohesion_model(schools), engine="exact", draws=500, seed=1)
    >>> bool(pooling_factors(posterior).loc["intercept", "pooling_factor"] > 0.5)
    True
    """
    draws, _, _ = parts_of(posterior)
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
    """Bayesian R² (Gelman, Goodrich, Gabry & Vehtari, 2019), and the part of it that the target or stretch adds."""
    # The variance over units of expected changes f, over itself and that of the noise as modelled, infinite with nu of 2 or less. It
    # splits into what least squares of f on type dummies and controls reproduces (``without_effect``) and the rest (``added``).
    draws, data, effect = parts_of(posterior)
    kind, types = data["type_index"].to_numpy(), data.sizes["authority_type"]
    dummies = np.eye(types)[kind]
    # With complete pooling types do not differ, so nothing but a constant and the controls is there without x.
    complete = json.loads(posterior.attrs["options"])["pooling"] == "complete"
    columns, parameters = [dummies], [draws["intercept"]]
    blocks = [np.ones((kind.size, 1)) if complete else dummies]
    if "controls" in data:
        centred = (data["controls"] - data["control_mean"]).transpose("authority", "control").to_numpy()
        columns.append(centred)
        parameters.append(draws["coefficient"])
        blocks.append(centred / data["control_scale"].to_numpy())
    if effect is not None:
        by_type = "effect_by_type" in draws
        x = data[effect].to_numpy()[:, None]
        columns.append(dummies * x if by_type else x)
        slope = draws["effect_by_type"] if by_type else draws["effect"].expand_dims("one", axis=-1)
        parameters.append(slope)
    # Both variances are quadratic in the parameters, so that the units are passed over once and not in each draw.
    matrix = np.hstack(columns)
    theta = np.concatenate([part.transpose("chain", "draw", ...).to_numpy() for part in parameters], axis=-1)
    matrix = matrix - matrix.mean(axis=0)
    basis, size, _ = np.linalg.svd(np.hstack(blocks), full_matrices=False)
    basis = basis[:, size > 1e-10 * size.max()]
    left = matrix - basis @ (basis.T @ matrix)
    whole, needs_effect = (
        np.einsum("cdi,cdi->cd", theta @ (part.T @ part), theta) / (kind.size - 1) for part in (matrix, left)
    )
    residual = draws["sigma"].transpose("chain", "draw").to_numpy() ** 2
    if "nu" in draws:
        nu = draws["nu"].transpose("chain", "draw").to_numpy()
        residual = np.where(nu > 2, residual * nu / np.where(nu > 2, nu - 2, 1.0), np.inf)
    shares = {"r2": whole, "without_effect": whole - needs_effect, "added": needs_effect}
    like = draws["sigma"].transpose("chain", "draw")
    return xr.Dataset({name: like.copy(data=part / (whole + residual)) for name, part in shares.items()})


def response_of(posterior: xr.DataTree) -> str:
    """Name of what a posterior explains: ``"change"`` or ``"outcome"``."""
    return str(json.loads(posterior.attrs["options"]).get("response", "change"))


def parts_of(posterior: xr.DataTree, *, slope: bool = False) -> tuple[xr.Dataset, xr.Dataset, str | None]:
    """Draws, data and the effect's name of a posterior of `cohesion_model`."""
    require_fit_of(posterior, "cohesion", "cohesion_model")
    effect = json.loads(posterior.attrs["options"])["effect"]
    if slope and effect is None:
        raise DataError("posterior: the model has no target and no stretch, expected one with a slope")
    return posterior["posterior"].to_dataset(), posterior["constant_data"].to_dataset(), effect
