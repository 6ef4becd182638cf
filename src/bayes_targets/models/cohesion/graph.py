"""The PyMC graph of `cohesion_model`, in a form that samples without divergences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model import Model
from ...priors import Flat, Normal, Prior, StudentT
from .equation import effect_values, term_matrix
from .scores import true_baseline_given_measured

FloatArray = NDArray[np.float64]


def build(model: Model) -> Any:
    """The PyMC model, its data in `pymc.Data` so that they can be swapped."""
    import pymc as pm
    import pytensor.tensor as pt

    priors, options = model.priors, model.options
    own = arrays(model)
    coords = {name: values.to_numpy() for name, values in model.data.coords.items()}
    coords |= {"term": term_matrix(model)[0], "parameter": np.arange(own["term_matrix"][0].shape[1])}
    with pm.Model(coords=coords) as graph:
        given = {name: pm.Data(name, values, dims=dims) for name, (values, dims) in own.items()}
        effect, slope, intercept = _add_lines(model, given)
        kind = given["type_index"]
        mean, parameters = intercept[kind], [intercept]
        if effect is not None:
            mean = mean + (slope[kind] if slope.ndim else slope) * given["x"]
            parameters = [effect[None], intercept]
        if "standardised" in given:
            standard = priors.coefficient.to_pymc("standard_coefficient", dims="control")
            mean = mean + given["standardised"] @ standard
            parameters.append(standard / given["control_scale"])
            pm.Deterministic("coefficient", parameters[-1], dims="control")
        pm.Deterministic("regression", given["term_matrix"] @ pt.concatenate(parameters), dims="term")
        sigma, nu = priors.sigma.to_pymc("sigma"), None
        if options["noise"] == "student_t":
            nu = pm.Deterministic("nu", 1.0 + priors.nu_minus_one.to_pymc("nu_minus_one"))
        if options["measurement_error"]:
            _add_scores(model, given, mean, sigma, nu)
        else:
            name, observed = str(options["response"]), given[f"measured_{options['response']}"]
            if nu is None:
                pm.Normal(name, mean, sigma, observed=observed, dims="authority")
            else:
                pm.StudentT(name, nu=nu, mu=mean, sigma=sigma, observed=observed, dims="authority")
    return graph


_GUESSES = ("type_mean", "type_precision", "x_mean", "slope_guess", "slope_precision")


def _add_lines(model: Model, given: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Effect, slope (one, or one a type) and intercepts, each with its prior."""
    # The posterior of a group level is a funnel. Mean and values are therefore sampled as z, in units and from an origin that suit the
    # data and the current spreads (`_add_mean`, `_add_values`): the non-centred form where the spread is near 0, the centred one where
    # it is large, and the same distribution. What the data say of each value is given those that were drawn before it.
    import pymc as pm

    priors, pooling = model.priors, model.options["pooling"]
    guesses: list[Any] = [given.get(name) for name in _GUESSES]
    type_mean, precision, x_mean, own_slope, own_precision = guesses
    tau: Any = priors.tau.to_pymc("tau") if pooling == "partial" else 0.0
    # How precisely a type tells of the height of its line: once its own intercept is not known, less.
    height: Any = None if precision is None else precision / (1 + tau**2 * precision)
    if model.options["effect"] is None:
        effect, height_of_mean = None, height
    elif own_slope is None:
        effect, height_of_mean = priors.effect.to_pymc("effect"), height
    else:
        tau_effect = priors.tau_effect.to_pymc("tau_effect")
        effect = _add_mean(
            "effect", priors.effect, own_slope, own_precision / (1 + tau_effect**2 * own_precision)
        )
        height_of_mean = None if height is None else height / (1 + (tau_effect * x_mean) ** 2 * height)
    if pooling == "none":
        intercept = priors.intercept.to_pymc("intercept", dims="authority_type")
    elif pooling == "complete":
        mu = priors.mu.to_pymc("mu")
        ones = np.ones(model.data.sizes["authority_type"])
        intercept = pm.Deterministic("intercept", mu * ones, dims="authority_type")
    else:
        mu = _add_mean(
            "mu", priors.mu, type_mean - (x_mean * effect if effect is not None else 0.0), height_of_mean
        )
    slope = effect
    if own_slope is not None:
        told, guess = own_precision, own_slope
        if pooling != "none":
            # Where the intercept is all but known, the height of the type's line tells of its slope too.
            told = own_precision + x_mean**2 * height
            guess = own_precision * own_slope + x_mean * height * (type_mean - mu)
            guess = guess / (told + 1e-12)
        slope = _add_values("effect_by_type", effect, tau_effect, guess, told)
    if pooling == "partial":
        lifted = x_mean * slope if slope is not None else 0.0
        intercept = _add_values("intercept", mu, tau, type_mean - lifted, precision)
    return effect, slope, intercept


def _add_mean(name: str, prior: Prior, guess: Any, precision: Any) -> Any:
    """A mean of types with its prior, given a guess from each type and the precision of that."""
    import pymc as pm

    if not isinstance(prior, Normal | StudentT | Flat):
        return prior.to_pymc(name)
    # Moved and scaled, these families stay what they are, so that z can have the prior itself.
    # (Of a flat prior any unit will do; this one stays finite where no type tells of the mean.)
    own = 1e-4 if isinstance(prior, Flat) else prior.sigma**-2
    origin = 0.0 if isinstance(prior, Flat) else prior.mu
    total = own + precision.sum()
    middle = (own * origin + (precision * guess).sum()) / total
    unit = total**-0.5
    if isinstance(prior, Flat):
        z = pm.Flat(f"{name}_z")
        pm.Potential(f"{name}_unit", pm.math.log(unit))
    elif isinstance(prior, Normal):
        z = pm.Normal(f"{name}_z", (origin - middle) / unit, prior.sigma / unit)
    else:
        z = pm.StudentT(f"{name}_z", nu=prior.nu, mu=(origin - middle) / unit, sigma=prior.sigma / unit)
    return pm.Deterministic(name, middle + unit * z)


def _add_values(name: str, mean: Any, spread: Any, guess: Any, precision: Any) -> Any:
    """Values of the types, normal around `mean` with s.d. `spread`, given a guess of each and its precision."""
    import pymc as pm

    gap = guess - mean
    widening = pm.math.sqrt(1 + spread**2 * precision)
    z = pm.Normal(f"{name}_z", -gap * spread * precision / widening, widening, dims="authority_type")
    moved = mean + gap * spread**2 * precision / widening**2
    return pm.Deterministic(name, moved + spread / widening * z, dims="authority_type")


def _add_scores(model: Model, given: dict[str, Any], change: Any, sigma: Any, nu: Any) -> None:
    """Measured scores around the true ones; the change goes from true baseline to true outcome."""
    import pymc as pm

    priors = model.priors
    tau = priors.baseline_tau.to_pymc("baseline_tau")
    guess, precision = given["baseline_guess"], given["baseline_precision"]
    mean = _add_mean("baseline_mean", priors.baseline_mean, guess, precision / (1 + tau**2 * precision))
    by_type = _add_values("baseline_by_type", mean, tau, guess, precision)[given["type_index"]]
    sd = priors.baseline_sd.to_pymc("baseline_sd")
    se = given["baseline_se"]
    # Joint density of true and measured baseline, factored the other way round: the measured one, then the true
    # one given it. It is the same density without the funnel of a latent score for each authority.
    baseline = pm.Normal(
        "baseline",
        by_type,
        pm.math.sqrt(sd**2 + se**2),
        observed=given["measured_baseline"],
        dims="authority",
    )
    z = pm.Normal("true_baseline_z", dims="authority")
    expected, own = true_baseline_given_measured(baseline, by_type, sd, se)
    true = expected + pm.math.sqrt(own) * z
    measured, error = given["measured_outcome"], given["outcome_se"]
    percent = model.options["change"] == "percent"
    scale, expected = (true * sigma / 100, true * (1 + change / 100)) if percent else (sigma, true + change)
    if nu is None:
        # Noise of the change and sampling error of the outcome add up to one normal.
        error = pm.math.sqrt(error**2 + scale**2)
    else:
        # Noise in units and from an origin that suit the measured outcome, as in `_add_values`.
        weight = scale**2 / (scale**2 + error**2)
        origin, unit = weight * (measured - expected), pm.math.sqrt(weight) * error
        noise = pm.StudentT("noise_z", nu=nu, mu=-origin / unit, sigma=scale / unit, dims="authority")
        expected = expected + origin + unit * noise
    pm.Normal("outcome", expected, error, observed=measured, dims="authority")


def arrays(model: Model) -> dict[str, tuple[NDArray[Any], tuple[str, ...]]]:
    """What the graph is given, by the name of each `pymc.Data`, with its dims; a compiled graph takes other data by these names."""
    data = model.data
    names = {"type_index": "type_index"}
    if model.options["effect"] is not None:
        names["x"] = str(model.options["effect"])
    if model.options["measurement_error"]:
        names |= {"measured_baseline": "baseline", "measured_outcome": "outcome"}
        names |= {"baseline_se": "baseline_se", "outcome_se": "outcome_se"}
    else:
        names[f"measured_{model.options['response']}"] = str(model.options["response"])
    out: dict[str, tuple[NDArray[Any], tuple[str, ...]]] = {
        ours: (data[theirs].to_numpy(), ("authority",)) for ours, theirs in names.items()
    }
    if "controls" in data:
        standardised = (data["controls"] - data["control_mean"]) / data["control_scale"]
        out["standardised"] = (standardised.to_numpy(), ("authority", "control"))
        out["control_scale"] = (data["control_scale"].to_numpy(), ("control",))
    out |= {name: (values, ("authority_type",)) for name, values in _first_guesses(model).items()}
    out["term_matrix"] = (term_matrix(model)[1], ("term", "parameter"))
    return out


def _first_guesses(model: Model) -> dict[str, FloatArray]:
    """What each type's own data say, by least squares; only the speed of sampling depends on it, never the posterior."""
    data, options = model.data, model.options
    kind, types = data["type_index"].to_numpy(), data.sizes["authority_type"]
    counts = np.bincount(kind, minlength=types)

    def means(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(kind, values, minlength=types) / counts)

    x, change = effect_values(data, options["effect"]), data[options["response"]].to_numpy()
    columns = [x]
    if "controls" in data:
        centred = data["controls"] - data["control_mean"]
        columns += list(centred.transpose("control", "authority").to_numpy())
    within = np.column_stack([column - means(column)[kind] for column in columns])
    weights, *_ = np.linalg.lstsq(within, change - means(change)[kind], rcond=None)
    left = change - sum(weight * column for weight, column in zip(weights[1:], columns[1:], strict=True))
    own = left - means(left)[kind] - weights[0] * within[:, 0]
    noise = _variance(own, types + weights.size)
    # Only what the graph takes up: other data could not be swapped in it.
    by_type, out = options["slopes"] == "by_type", {}
    if options["pooling"] == "partial" or (options["pooling"] == "complete" and by_type):
        out = {"type_mean": means(left), "type_precision": counts / noise}
        out |= {} if options["effect"] is None else {"x_mean": means(x)}
    if by_type:
        spread = np.bincount(kind, within[:, 0] ** 2, minlength=types)
        moved = np.bincount(kind, within[:, 0] * own, minlength=types)
        slope = weights[0] + np.divide(moved, spread, out=np.zeros(types), where=spread > 0)
        out |= {"slope_guess": slope, "slope_precision": spread / noise}
    if options["measurement_error"]:
        baseline = data["baseline"].to_numpy()
        precision = counts / _variance(baseline - means(baseline)[kind], types)
        out |= {"baseline_guess": means(baseline), "baseline_precision": precision}
    return out


def _variance(residual: FloatArray, terms: int) -> float:
    """Residual variance; where nothing is left over to tell it, something of its size."""
    left = float((residual**2).sum()) / max(residual.size - terms, 1)
    return left if left > 0 else 1.0
