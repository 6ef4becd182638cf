r"""A change or an outcome of single units, partially pooled by type, with a slope of a target or of its stretch.

.. math:: y_i = a_{t(i)} + b_{t(i)}\, x_i + (X_i - \bar X)\, g + e_i

Units may be authorities, schools or hospitals; the package is named after the outcome it was first written for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DataError, did_you_mean, require_choice, require_kind
from ...model import Model, priors_of_kind
from ...priors import Exponential, HalfNormal, Normal, Prior, require_prior, require_spread_prior
from ...readers.dataset import choose_reference, dependent_columns, type_dummies, usual_reference
from .equation import draw_prior, log_likelihood, predict
from .exact import solve_cohesion
from .graph import build

_CHOICES = {
    "effect": ("target", "stretch"),
    "pooling": ("partial", "complete", "none"),
    "slopes": ("common", "by_type"),
    "noise": ("normal", "student_t"),
}
CHANGES = ("points", "percent")
_SCORES = ("baseline", "outcome", "baseline_se", "outcome_se")
_POSITIVE = ("tau", "tau_effect", "sigma", "nu_minus_one", "baseline_tau", "baseline_sd")
# A flat prior on these would leave the posterior improper, however many the data.
_MUST_BE_PROPER = ("nu_minus_one", "baseline_mean", "baseline_tau", "baseline_sd")


@dataclass(frozen=True)
class CohesionPriors:
    """Priors of `cohesion_model`, in units of the outcome.

    The defaults of this class are for changes of a survey score in per cent of it, and weakly informative there. For 150
    authorities of four types with eight controls, 57% of them with a target, half of the changes simulated from them alone
    lie between -7.7 and 7.7, and 95% between -24.5 and 24.5. For outcomes in other units use `scaled_priors`.

    Attributes
    ----------
    mu : Prior
        Mean over types of the outcome without a target, at the mean of the controls; with complete pooling the
        outcome of every type.
    tau : Prior
        Standard deviation of that outcome between types (partial pooling).
    intercept : Prior
        That outcome in each type by itself (pooling none).
    effect : Prior, optional
        Slope: of having a target, ``Normal(0, 5)`` where it is not given; or of a point of stretch,
        ``Normal(0, 1)``, where 1 means that all that is asked for is delivered.
    tau_effect : Prior, optional
        Standard deviation of the slope between types (slopes by type): ``HalfNormal(2.5)`` for a target,
        ``HalfNormal(0.5)`` for a point of stretch, where it is not given.
    coefficient : Prior
        Slope of one standard deviation of a control.
    sigma : Prior
        Standard deviation of the noise (its scale, with Student-t noise). With `LogFlat` here, and `Flat` on
        `intercept` (pooling none), `effect` and `coefficient`, the posterior is the classical one of least squares.
    nu_minus_one : Prior
        Degrees of freedom of Student-t noise, less 1; by default with mean 29, from a Cauchy's tails to practically normal ones.
    baseline_mean, baseline_tau, baseline_sd : Prior
        With measurement error: mean over types of the true baseline, standard deviation between types, and between
        units of one type.

    Examples
    --------
    >>> from bayes_targets.priors import Normal
    >>> print(CohesionPriors(effect=Normal(0, 2)).effect)
    Normal(0, 2)
    """

    mu: Prior = Normal(0.0, 5.0)
    tau: Prior = HalfNormal(2.5)
    intercept: Prior = Normal(0.0, 5.0)
    effect: Prior | None = None
    tau_effect: Prior | None = None
    coefficient: Prior = Normal(0.0, 2.5)
    sigma: Prior = HalfNormal(7.5)
    nu_minus_one: Prior = Exponential(1 / 29)
    baseline_mean: Prior = Normal(50.0, 25.0)
    baseline_tau: Prior = HalfNormal(10.0)
    baseline_sd: Prior = HalfNormal(15.0)


_SLOPE_PRIORS = {
    "target": (Normal(0.0, 5.0), HalfNormal(2.5)),
    "stretch": (Normal(0.0, 1.0), HalfNormal(0.5)),
}


def scaled_priors(
    authorities: xr.Dataset,
    *,
    effect: Literal["target", "stretch"] | None = "target",
    response: str | None = None,
) -> CohesionPriors:
    """Priors on the scale of an outcome: so wide that they hardly move what the data say.

    Parameters
    ----------
    authorities : xarray.Dataset
        From `read_authorities`.
    effect : {"target", "stretch"} or None
        As in `cohesion_model`.
    response : {"change", "outcome"}, optional
        As in `cohesion_model`.

    Returns
    -------
    CohesionPriors
        With s the standard deviation of the outcome over all units, and m its mean, both to two digits: ``mu`` and
        ``intercept`` Normal(m, 5 s), the slope of a target Normal(0, 5 s), of a point of stretch Normal(0, 5 s / d) with d
        the standard deviation of the stretch, ``coefficient`` Normal(0, 2.5 s), ``tau`` HalfNormal(s), ``sigma``
        HalfNormal(2.5 s), ``tau_effect`` a fifth of the slope's own.

    Raises
    ------
    DataError
        If there is no such outcome, or it does not vary.

    Examples
    --------
    >>> frame = pd.DataFrame({"authority": list("ABCDEF"), "authority_type": ["east", "west"] * 3,
    ...                       "change": [120.0, 80, 150, 60, 90, 100], "target": [1, 0, 0, 1, 1, 0]})
    >>> from bayes_targets.readers.authorities import read_authorities
    >>> priors = scaled_priors(read_authorities(frame))
    >>> str(priors.mu), str(priors.effect), str(priors.sigma)
    ('Normal(100, 160)', 'Normal(0, 160)', 'HalfNormal(80)')
    """
    name = _response(authorities, response)
    centre, scale = _centre_and_scale(authorities[name])
    if not scale > 0:
        raise DataError(f"authorities, {name!r}: every value is the same, expected some variation")
    step = 1.0
    if effect == "stretch":
        step = float(np.nanstd(authorities["stretch"].to_numpy().astype(float), ddof=1)) or 1.0
    slope = _two_digits(5 * scale / step)
    wide = _two_digits(5 * scale)
    more = {}
    if "baseline" in authorities:
        level, own = _centre_and_scale(authorities["baseline"])
        own = own or 1.0
        more = {
            "baseline_mean": Normal(level, _two_digits(5 * own)),
            "baseline_tau": HalfNormal(own),
            "baseline_sd": HalfNormal(_two_digits(2.5 * own)),
        }
    return CohesionPriors(
        mu=Normal(centre, wide),
        tau=HalfNormal(scale),
        intercept=Normal(centre, wide),
        effect=Normal(0.0, slope),
        tau_effect=HalfNormal(_two_digits(slope / 5)),
        coefficient=Normal(0.0, _two_digits(2.5 * scale)),
        sigma=HalfNormal(_two_digits(2.5 * scale)),
        **more,
    )


def _centre_and_scale(values: xr.DataArray) -> tuple[float, float]:
    """Mean, as exact as the first digit of the standard deviation, and that to two digits."""
    y = values.to_numpy().astype(float)
    scale = _two_digits(float(np.nanstd(y, ddof=1)))
    place = np.log10(scale) if scale > 0 else 0.0
    return round(float(np.nanmean(y)), -int(np.floor(place))) + 0.0, scale


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def cohesion_model(
    authorities: xr.Dataset,
    *,
    effect: Literal["target", "stretch"] | None = "target",
    pooling: Literal["partial", "complete", "none"] = "partial",
    slopes: Literal["common", "by_type"] = "common",
    noise: Literal["normal", "student_t"] = "normal",
    measurement_error: bool = False,
    priors: CohesionPriors | None = None,
    response: Literal["change", "outcome"] | None = None,
) -> Model:
    r"""Outcome of each unit from its type, its target or stretch, and controls.

    .. math:: y_i = a_{t(i)} + b_{t(i)}\, x_i + (X_i - \bar X)\, g + e_i, \qquad
              a_t \sim N(\mu, \tau), \quad b_t \sim N(\mathrm{effect}, \tau_{effect}), \quad e_i \sim N(0, \sigma)

    with one slope :math:`b_t = \mathrm{effect}` unless ``slopes="by_type"``, and
    :math:`e_i \sim t_\nu(0, \sigma)` with ``noise="student_t"``; y is the change from a first to a second score, in points or
    in per cent of the first, or the outcome itself in a cross-section. As x counts from 0 and controls from their mean,
    :math:`a_t` is the outcome of a unit of type t without a target (or with no stretch) and with average controls. Controls
    are standardised inside, where their prior is stated; coefficients are reported on the controls' own scale.

    With ``measurement_error=True`` the two scores are survey estimates with known standard errors, and the true
    change follows the regression:

    .. math:: b_i \sim N(B_i, \mathrm{se}_{b,i}), \quad o_i \sim N(O_i, \mathrm{se}_{o,i}), \quad
              O_i = B_i (1 + y_i / 100) \text{ or } B_i + y_i, \quad B_i \sim N(m_{t(i)}, s), \quad m_t \sim N(m, \tau_m)

    where the change is in per cent or in points. Regression to the mean is then modelled and not counted as an effect. This
    corrects the change for targets that were set from the *measured* baseline, type and controls. It does not correct the
    stretch itself, which contains the measured baseline: where targets were set from knowledge of the true score the slope is
    still biased; nor does it know of targets that were set looking at later scores.

    Parameters
    ----------
    authorities : xarray.Dataset
        From `read_authorities`, `reconstruct` or `simulate_authorities`: ``change`` (or ``outcome``) and the effect's
        variable on dim ``authority``, with coord ``authority_type``; optionally ``controls (authority, control)``; with
        measurement error also ``baseline``, ``outcome``, ``baseline_se``, ``outcome_se``. ``attrs["change"]`` says whether
        the change is in ``"points"`` or in ``"percent"`` of the baseline.
    effect : {"target", "stretch"} or None
        The variable whose slope is asked for; None where types and controls alone explain the outcome. Units whose stretch is
        not known are left out of a stretch model and counted in ``data.attrs["n_dropped"]``.
    pooling : {"partial", "complete", "none"}
        Whether types share a distribution, are the same, or stand alone.
    slopes : {"common", "by_type"}
        One slope, or one for each type, partially pooled.
    noise : {"normal", "student_t"}
        Student-t noise lets single units lie far off without moving the slope.
    measurement_error : bool
        Whether the scores carry sampling error that the model accounts for.
    priors : CohesionPriors, optional
        In units of the outcome. By default `scaled_priors` for observed data, and ``CohesionPriors()`` for reconstructed and
        simulated ones, which are changes in per cent of a survey score.
    response : {"change", "outcome"}, optional
        What is explained; by default the change, where there is one.

    Returns
    -------
    Model
        Posterior variables ``mu`` (unless pooling none), ``tau`` (partial pooling), ``intercept
        (authority_type)``, ``effect``; with slopes by type ``effect_by_type (authority_type)`` and ``tau_effect``;
        with controls ``coefficient (control)``; ``sigma``; with Student-t noise ``nu``; with measurement error
        ``baseline_mean``, ``baseline_tau``, ``baseline_sd``, ``baseline_by_type (authority_type)``; and
        ``regression (term)``: the same quantities as the rows of `fit_ols`, in its order (effect, contrasts of
        types with the reference type unless pooling is complete, controls, constant), which `compare` puts beside them. All in
        units of the outcome.

    Raises
    ------
    DataError
        If an option or prior cannot be one, a variable is missing, not finite or does not vary, or if flat
        priors would leave the posterior improper.

    References
    ----------
    Gelman, A., & Hill, J. (2007). *Data Analysis Using Regression and Multilevel/Hierarchical Models*. Cambridge
    University Press, chapters 12 and 13.

    Examples
    --------
    >>> from bayes_targets.models.cohesion.simulate import simulate_authorities
    >>> model = cohesion_model(simulate_authorities({"county": 27, "unitary": 55}, seed=1))
    >>> model.variables
    ('mu', 'tau', 'intercept', 'effect', 'sigma', 'regression')
    >>> model.data.attrs["origin"], model.options["reference"], model.options["change"]
    ('simulated', 'unitary', 'percent')
    """
    given = {"effect": effect, "pooling": pooling, "slopes": slopes, "noise": noise}
    for name, value in given.items():
        if not (name == "effect" and value is None):
            require_choice(name, value, _CHOICES[name])
    if effect is None and slopes == "by_type":
        raise DataError("slopes is 'by_type', expected 'common' where effect is None: there is no slope")
    if not isinstance(measurement_error, bool | np.bool_):
        raise DataError(f"measurement_error is {measurement_error!r}, expected True or False")
    error, explained = bool(measurement_error), _response(authorities, response)
    if "dataset" in authorities.dims:
        raise DataError("authorities: found an ensemble, expected one data set, e.g. .isel(dataset=0)")
    if error and explained != "change":
        raise DataError("measurement_error needs a baseline and an outcome, expected response 'change'")
    change = change_of(authorities)
    data = _model_data(authorities, effect, explained, error, change)
    made_up = explained == "change" and data.attrs["origin"] in ("reconstructed", "simulated")
    if priors is None and not made_up:
        priors = scaled_priors(authorities, effect=effect, response=explained)
    types = data["authority_type"].to_numpy().astype(str).tolist()
    labels = [types[i] for i in data["type_index"].to_numpy()]
    model = Model(
        name="cohesion",
        data=data,
        priors=_filled_priors(priors, effect),
        options={
            **given,
            "measurement_error": error,
            "response": explained,
            "change": change,
            "reference": choose_reference(labels, usual_reference(authorities, labels, effect)),
        },
        terms=("regression",),
        observed=("baseline", "outcome") if error else (explained,),
        variables=_variables(effect, pooling, slopes, noise, error, "control" in data.dims),
        build=build,
        draw_prior=draw_prior,
        log_likelihood=log_likelihood,
        predict=predict,
        exact=solve_cohesion,
    )
    _check_proper(model)
    return model


def change_of(authorities: xr.Dataset) -> str:
    """Whether a table's changes are in ``"points"`` or in ``"percent"`` of the baseline, as its attrs say."""
    change = str(authorities.attrs.get("change", "percent"))
    if change not in CHANGES:
        raise DataError(f"authorities, attrs['change']: found {change!r}, expected 'points' or 'percent'")
    return change


def _response(authorities: xr.Dataset, response: str | None) -> str:
    """Name of what is explained: the change, or in a cross-section the outcome."""
    require_kind("authorities", authorities, xr.Dataset, "a Dataset of authorities")
    if response is not None:
        require_choice("response", response, ("change", "outcome"))
    found = [name for name in ("change", "outcome") if name in authorities]
    if response is None and found:
        return found[0]
    if response in found:
        return str(response)
    names = [str(known) for known in authorities.data_vars]
    wanted = response or "change"
    raise DataError(f"authorities: no variable {wanted!r}; {did_you_mean(wanted, names)}")


def _variables(
    effect: str | None, pooling: str, slopes: str, noise: str, measurement_error: bool, controls: bool
) -> tuple[str, ...]:
    wanted = {
        "mu": pooling != "none",
        "tau": pooling == "partial",
        "intercept": True,
        "effect": effect is not None,
        "tau_effect": slopes == "by_type",
        "effect_by_type": slopes == "by_type",
        "coefficient": controls,
        "sigma": True,
        "nu": noise == "student_t",
        "baseline_mean": measurement_error,
        "baseline_tau": measurement_error,
        "baseline_sd": measurement_error,
        "baseline_by_type": measurement_error,
        "regression": True,
    }
    return tuple(name for name, there in wanted.items() if there)


def _model_data(
    authorities: xr.Dataset, effect: str | None, response: str, measurement_error: bool, change: str
) -> xr.Dataset:
    """The variables of the model alone, units without a known effect left out."""
    names = [response, *([] if effect is None else [effect]), *(_SCORES if measurement_error else ())]
    for name in names:
        if name not in authorities:
            found = [str(known) for known in authorities.data_vars]
            why = "measurement_error needs the scores and their errors; " if name in _SCORES else ""
            if name == effect:
                why = "give effect=None where types and controls alone explain the outcome; "
            raise DataError(f"authorities: no variable {name!r}; {why}{did_you_mean(name, found)}")
    if "authority_type" not in authorities.coords:
        raise DataError("authorities: no coord 'authority_type', expected the type of each authority")
    known = ~np.isnan(authorities[effect].to_numpy()) if effect == "stretch" else slice(None)
    rows = authorities.isel(authority=known)
    labels = rows["authority_type"].to_numpy().astype(str).tolist()
    present = dict.fromkeys(labels)
    types = [t for t in dict.fromkeys([*authorities.attrs.get("types", []), *present]) if t in present]
    authority = rows["authority"].to_numpy() if "authority" in rows.coords else np.arange(len(labels))
    data = xr.Dataset(
        {name: ("authority", rows[name].to_numpy().astype(float)) for name in names},
        coords={"authority": authority, "authority_type": np.array(types, dtype=np.str_)},
        attrs={
            "origin": str(authorities.attrs.get("origin", "observed")),
            "n_dropped": int(authorities.sizes["authority"] - len(labels)),
        },
    )
    data["type_index"] = ("authority", pd.Index(types).get_indexer(labels))
    _check_columns(data, names, change)
    return _with_controls(data, rows, {str(effect), "constant", *types})


def _check_columns(data: xr.Dataset, names: list[str], change: str) -> None:
    for name in names:
        values = data[name].to_numpy()
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            row = str(data["authority"].to_numpy()[wrong[0]])
            raise DataError(f"authorities, {row!r}: {name!r} is {values[wrong[0]]}, expected a finite number")
        if name.endswith("_se") or (name == "baseline" and change == "percent"):
            if values.min() <= 0:
                row = str(data["authority"].to_numpy()[int(values.argmin())])
                raise DataError(f"authorities, {row!r}: {name!r} is {values.min():g}, expected more than 0")
        elif values.size < 2 or np.all(values == values[0]):
            raise DataError(f"authorities, {name!r}: every value is the same, expected some variation")


def _with_controls(data: xr.Dataset, rows: xr.Dataset, taken: set[str]) -> xr.Dataset:
    """With no controls there is no such dim: an empty variable could not be summarised."""
    if "controls" not in rows or rows.sizes.get("control", 0) == 0:
        return data
    block = rows["controls"].transpose("authority", "control").to_numpy().astype(float)
    names = [str(name) for name in rows["control"].to_numpy()]
    for j, name in enumerate(names):
        if name in taken or names.count(name) > 1:
            raise DataError(f"authorities: two terms are named {name!r}, expected each term once")
        if not np.isfinite(block[:, j]).all():
            raise DataError(f"authorities, control {name!r}: a value is not finite, expected numbers only")
        if np.ptp(block[:, j]) == 0:
            raise DataError(
                f"authorities, control {name!r}: every value is the same, expected some variation"
            )
    return data.assign(
        controls=(("authority", "control"), block),
        control_mean=("control", block.mean(axis=0)),
        control_scale=("control", block.std(axis=0, ddof=1)),
    ).assign_coords(control=np.array(names, dtype=np.str_))


def _filled_priors(priors: CohesionPriors | None, effect: str | None) -> CohesionPriors:
    """The priors with those that depend on the effect filled in, each checked for its support."""
    priors = priors_of_kind(priors, CohesionPriors)
    slope, spread = _SLOPE_PRIORS[effect or "target"]
    filled = replace(
        priors,
        effect=slope if priors.effect is None else priors.effect,
        tau_effect=spread if priors.tau_effect is None else priors.tau_effect,
    )
    for name in (field.name for field in fields(filled)):
        support = "positive" if name in _POSITIVE else "real"
        require_prior(name, getattr(filled, name), support, proper=name in _MUST_BE_PROPER)
    return filled


def _check_proper(model: Model) -> None:
    """Flat priors need data that tell their terms apart, and more authorities than terms."""
    data, priors, effect = model.data, model.priors, model.options["effect"]
    types = [str(name) for name in data["authority_type"].to_numpy()]
    kind = data["type_index"].to_numpy()
    shared = 0 if priors.coefficient.proper else data.sizes.get("control", 0)
    flat_slope = not priors.effect.proper
    require_spread_prior("tau", priors.tau, len(types), shared + (not priors.mu.proper) + flat_slope)
    columns: dict[str, Any] = {}
    if model.options["pooling"] == "none" and not priors.intercept.proper:
        dummies = type_dummies([types[i] for i in kind], types, types[0])
        columns |= {name: dummies[name].to_numpy() for name in dummies.columns}
    if shared:
        block = data["controls"].transpose("control", "authority").to_numpy()
        columns |= dict(zip(data["control"].to_numpy().tolist(), block, strict=True))
    if effect is not None:
        x = data[effect].to_numpy()
        # Types within which x varies, and so tells of their slope.
        ends = np.full((2, len(types)), -np.inf)
        np.maximum.at(ends[0], kind, x)
        np.maximum.at(ends[1], kind, -x)
        telling = int((ends.sum(axis=0) > 0).sum())
        require_spread_prior("tau_effect", priors.tau_effect, telling, shared + flat_slope)
        columns |= {effect: x} if flat_slope else {}
    if columns:
        for name, others in dependent_columns(pd.DataFrame(columns)).items():
            made_of = f"a combination of {', '.join(map(repr, others))}" if others else "constant"
            raise DataError(f"authorities, {name!r}: {made_of}; with flat priors expected terms that differ")
    flat = len(columns) + 1
    # A scale that is flat on its logarithm needs residuals that no choice of the terms can bring to 0.
    slopes = len(types) if model.options["slopes"] == "by_type" else int(effect is not None)
    needed = flat if priors.sigma.proper else len(types) + slopes + data.sizes.get("control", 0)
    if (columns or not priors.sigma.proper) and data.sizes["authority"] <= needed:
        found = data.sizes["authority"]
        raise DataError(
            f"authorities: found {found}, expected more than the {needed} terms with improper priors"
        )
