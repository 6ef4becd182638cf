"""Units simulated from the hierarchical model, with the truth written beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from ...errors import DataError, require_choice, require_count, require_number, shown
from ...readers.dataset import authority_dataset
from .model import CHANGES

FloatArray = npt.NDArray[np.float64]

# Scores sit low enough that the change of hardly any authority would carry its score over 100%.
_BASELINE_MEAN, _BASELINE_SD = 60.0, 7.0
# Stretch of those with a target: mean and s.d. in points.
_STRETCH_MEAN, _STRETCH_SD = 1.56, 5.1
_TRIES = 100


def simulate_authorities(
    n_by_type: Mapping[str, int],
    *,
    effect: Literal["target", "stretch"] = "target",
    slope: float = 1.0,
    slope_sd: float = 0.0,
    mu: float = -2.0,
    tau: float = 1.0,
    sigma: float = 4.0,
    nu: float | None = None,
    coefficients: Mapping[str, float] | None = None,
    share_with_target: float = 4 / 7,
    targets: Literal["random", "low_baseline"] = "random",
    survey_se: float = 0.0,
    n_missing_stretch: int = 0,
    change: Literal["percent", "points"] = "percent",
    seed: int,
) -> xr.Dataset:
    """Simulate authorities whose change follows the hierarchical model.

    Parameters
    ----------
    n_by_type : mapping of str to int
        Number of authorities of each type.
    effect : {"target", "stretch"}, default "target"
        The variable x that moves the change; the other one has no effect beyond it.
    slope : float, default 1
        Mean of the slopes, in the unit of the change for having the target or for each percentage point of
        stretch.
    slope_sd : float, default 0
        Standard deviation of the slopes between types; 0 gives every type the same slope.
    mu, tau : float
        Mean and standard deviation, between types, of the change of an authority with x = 0 and average
        controls, in the unit of the change.
    sigma : float, default 4
        Standard deviation of the noise (with `nu`, its scale), in the unit of the change.
    nu : float, optional
        Degrees of freedom of Student-t noise; normal noise by default.
    coefficients : mapping of str to float, optional
        Name and coefficient of each control; controls are drawn from N(0, 1), independent of all else.
    share_with_target : float, default 4 / 7
        Share of units with a target, rounded to a whole number of them.
    targets : {"random", "low_baseline"}, default "random"
        ``"random"``: who has the target is drawn, and stretch from N(1.56, 5.1) in percentage points.
        ``"low_baseline"``: the authorities with the lowest *measured* baseline have it, and stretch is what
        would bring each to a common level, so that with survey noise the lucky look bad and the unlucky good:
        regression to the mean.
    survey_se : float, default 0
        Standard error of the measured baseline and outcome, in percentage points. If above 0 the Dataset
        holds the measured scores, their ``baseline_se`` and ``outcome_se``, and the change between them.
    n_missing_stretch : int, default 0
        Number of authorities with a target whose stretch is made unknown (NaN) after the change was drawn.
    change : {"percent", "points"}, default "percent"
        Whether the change is in per cent of the baseline, or in points of the score.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    xarray.Dataset
        As `read_authorities` gives it, with ``attrs["origin"] = "simulated"`` and ``attrs["truth"]``: a
        mapping with the names of the posterior, ``mu``, ``tau``, ``intercept`` (by type), ``effect``,
        ``tau_effect``, ``effect_by_type``, ``coefficient`` (by control), ``sigma``, ``nu``.

    Raises
    ------
    DataError
        If a setting cannot be one, or the changes are so large that scores leave 0 to 100 in each of 100
        tries (data sets with such a score are drawn afresh).

    Notes
    -----
    ``change_i = a[type_i] + b[type_i] x_i + X_i g + e_i`` with ``a ~ N(mu, tau)``,
    ``b ~ N(slope, slope_sd)``, ``e ~ N(0, sigma)`` or ``t_nu(0, sigma)``. The true outcome is
    ``baseline (1 + change / 100)``, or ``baseline + change``, with the true baseline from N(60, 7).

    Examples
    --------
    >>> authorities = simulate_authorities({"county": 27, "unitary": 55}, slope=2.0, seed=1)
    >>> authorities.attrs["origin"], int(authorities["target"].sum()), authorities.attrs["truth"]["effect"]
    ('simulated', 47, 2.0)
    """
    require_choice("effect", effect, ("target", "stretch"))
    require_choice("targets", targets, ("random", "low_baseline"))
    require_choice("change", change, CHANGES)
    if not isinstance(n_by_type, Mapping):
        raise DataError(
            f"n_by_type: found {shown(n_by_type)}, expected a dict of types to numbers of authorities"
        )
    for name, n in n_by_type.items():
        require_count(f"n_by_type, {name!r},", n)
    if sum(n_by_type.values()) < 2:
        raise DataError(f"n_by_type: found {dict(n_by_type)}, expected 2 authorities or more")
    ends, least = (-math.inf, math.inf), math.nextafter(0.0, -1.0)
    limits: dict[str, tuple[Any, tuple[float, float], str]] = {
        "slope": (slope, ends, "a finite number"),
        "slope_sd": (slope_sd, (least, math.inf), "0 or more"),
        "mu": (mu, ends, "a finite number"),
        "tau": (tau, (least, math.inf), "0 or more"),
        "sigma": (sigma, (0.0, math.inf), "a number above 0"),
        "nu": (1.0 if nu is None else nu, (0.0, math.inf), "a number above 0, or None"),
        "share_with_target": (share_with_target, (0.0, 1.0), "a share between 0 and 1"),
        "survey_se": (survey_se, (least, math.inf), "0 or more"),
    }
    for name, (value, (low, high), expected) in limits.items():
        require_number(name, value, above=low, below=high, expected=expected)
    # By the names of the posterior; what types have of their own is drawn.
    truth = {
        "mu": mu,
        "tau": tau,
        "intercept": {},
        "effect": slope,
        "tau_effect": slope_sd,
        "effect_by_type": {},
    }
    truth |= {"coefficient": dict(coefficients or {}), "sigma": sigma, "nu": nu}
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES):
        variables, controls = _draw(
            rng, n_by_type, truth, effect, share_with_target, targets, survey_se, percent=change == "percent"
        )
        scores = np.concatenate([variables["baseline"], variables["outcome"]])
        if scores.min() > 0 and scores.max() < 100:
            break
    else:
        raise DataError(
            f"simulate_authorities: a score left 0 to 100 in each of {_TRIES} data sets, expected smaller "
            "changes (slope, tau, sigma) or survey errors"
        )
    require_count("n_missing_stretch", n_missing_stretch, 0)
    with_target = np.flatnonzero(variables["target"])
    if n_missing_stretch > len(with_target):
        raise DataError(
            f"n_missing_stretch: found {n_missing_stretch}, expected 0 to {len(with_target)}, "
            "the number with a target"
        )
    variables["stretch"][rng.choice(with_target, n_missing_stretch, replace=False)] = np.nan
    dataset = authority_dataset(
        [f"{name} {i + 1}" for name, n in n_by_type.items() for i in range(n)],
        [name for name, n in n_by_type.items() for _ in range(n)],
        variables,
        controls=controls,
        types=list(n_by_type),
        origin="simulated",
        source=f"simulate_authorities, seed {seed}",
    )
    dataset.attrs |= {"truth": truth, "change": change}
    dataset["change"].attrs["units"] = "% of the baseline score" if change == "percent" else "points"
    return dataset


def _draw(
    rng: np.random.Generator,
    n_by_type: Mapping[str, int],
    truth: dict[str, Any],
    effect: str,
    share: float,
    targets: str,
    survey_se: float,
    *,
    percent: bool,
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Variables and controls of one data set; intercepts and slopes of the types are written into `truth`."""
    kind = np.repeat(np.arange(len(n_by_type)), list(n_by_type.values()))
    n = len(kind)
    intercepts = rng.normal(truth["mu"], truth["tau"], len(n_by_type))
    slopes = rng.normal(truth["effect"], truth["tau_effect"], len(n_by_type))
    truth["intercept"] = dict(zip(n_by_type, intercepts.tolist(), strict=True))
    truth["effect_by_type"] = dict(zip(n_by_type, slopes.tolist(), strict=True))
    controls = {name: rng.normal(size=n) for name in truth["coefficient"]}
    true_baseline = rng.normal(_BASELINE_MEAN, _BASELINE_SD, n)
    baseline = true_baseline + rng.normal(0, survey_se, n)
    x = _set_targets(rng, baseline, share, targets)
    noise = rng.normal(size=n) if truth["nu"] is None else rng.standard_t(truth["nu"], n)
    change = intercepts[kind] + slopes[kind] * x[effect] + truth["sigma"] * noise
    for name, coefficient in truth["coefficient"].items():
        change += coefficient * controls[name]
    after = true_baseline * (1 + change / 100) if percent else true_baseline + change
    outcome = after + rng.normal(0, survey_se, n)
    variables = {
        "baseline": baseline,
        "outcome": outcome,
        "change": 100 * (outcome - baseline) / baseline if percent else outcome - baseline,
        **x,
    }
    if survey_se > 0:
        variables |= {"baseline_se": np.full(n, survey_se), "outcome_se": np.full(n, survey_se)}
    return variables, controls


def _set_targets(
    rng: np.random.Generator, baseline: FloatArray, share: float, targets: str
) -> dict[str, FloatArray]:
    """Who has the target, and with what stretch."""
    n = len(baseline)
    k = min(max(round(share * n), 1), n - 1)
    if targets == "random":
        chosen = rng.choice(n, k, replace=False)
        asked = rng.normal(_STRETCH_MEAN, _STRETCH_SD, k)
    else:
        chosen = np.argsort(baseline)[:k]
        # All are to reach one level, set so that the mean stretch is the same as under random targets.
        asked = baseline[chosen].mean() + _STRETCH_MEAN - baseline[chosen]
    target, stretch = np.zeros(n), np.zeros(n)
    target[chosen], stretch[chosen] = 1.0, asked
    return {"target": target, "stretch": stretch}
