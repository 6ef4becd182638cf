"""Authorities whose targets may look at a later score than the baseline, and the statistics a paper would print of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DataError, did_you_mean, require_count, require_number, shown
from ...inference.least_squares import residuals, slopes_beside

FloatArray = npt.NDArray[np.float64]

# What the paper prints, or what brings a simulation near it: the truths of `simulate_anchoring`.
_DEFAULTS = {
    "anchor_weight": 0.0,
    "causal_slope": 0.65,
    "error_seen": 1.0,
    "ambition_mean": 1.3,
    "ambition_sd": 4.1,
    "score_before": 77.3,
    "spread_before": 6.8,
    "score_after": 74.6,
    "carry_over": 0.8,
    "drift_sd": 1.6,
    "control_sd": 0.7,
}
PARAMETERS = tuple(_DEFAULTS)
STATISTICS = (
    *(f"{what}_{of}" for of in ("before", "after", "stretch") for what in ("mean", "sd", "min", "max")),
    "slope",
    "slope_se",
    "r2_with",
    "r2_without",
)
_SEED_OF_CONTROLS = 2014


@dataclass(frozen=True)
class Design:
    """What is known of the areas apart from any parameter.

    Attributes
    ----------
    n_authorities, n_targets, n_missing : int
        Areas with both scores; those of them with a target; those of these whose target is not known, and so has no stretch.
    n_controls : int
        Controls of the regressions, authority types included.
    survey_se : float
        Standard error of a score, in percentage points.
    """

    n_authorities: int = 150
    n_targets: int = 86
    n_missing: int = 19
    n_controls: int = 11
    survey_se: float = 3 / 1.96

    def __post_init__(self) -> None:
        used = self.n_authorities - self.n_missing
        limits = {
            "n_controls": (
                0 <= self.n_controls <= used - 4,
                "0 or more, and fewer than the cases used less 3",
            ),
            "n_missing": (0 <= self.n_missing <= self.n_targets - 3, "0 or more, leaving 3 targets"),
            "n_targets": (3 <= self.n_targets <= self.n_authorities, "3 or more, up to all authorities"),
            "survey_se": (0 <= self.survey_se < np.inf, "0 or more percentage points"),
        }
        for name, (fits, expected) in limits.items():
            if not fits:
                raise DataError(f"anchoring, {name}: found {getattr(self, name)!r}, expected {expected}")

    @property
    def has_target(self) -> npt.NDArray[np.bool_]:
        """Areas are exchangeable, so that the first have the target."""
        return np.arange(self.n_authorities) < self.n_targets

    @property
    def used(self) -> npt.NDArray[np.int64]:
        """Areas of the stretch regression: all but those with an unknown target."""
        known = np.arange(self.n_authorities)
        return known[(known < self.n_targets - self.n_missing) | (known >= self.n_targets)]


def by_name(rows: FloatArray) -> dict[str, FloatArray]:
    """Rows of parameters as a column for each."""
    return dict(zip(PARAMETERS, rows.T, strict=True))


def simulate_areas(
    parameters: Mapping[str, npt.ArrayLike], design: Design, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Measured scores, stretch and change of all areas, for many parameter values at once."""
    p = {name: np.asarray(parameters[name], dtype=float).reshape(-1, 1) for name in PARAMETERS}
    size, n = len(p["anchor_weight"]), design.n_authorities
    z = rng.standard_normal((5, size, n))
    log_mean, log_sd, log_mean_after, log_drift = log_scale(p, np)
    log_before = log_sd * z[0]
    before = 100 - np.exp(log_mean + log_before)
    # Where the area would have been later without its target.
    heading = 100 - np.exp(log_mean_after + p["carry_over"] * log_before + log_drift * z[1])
    heading += p["control_sd"] * controls_of(design)[2]
    error_before, error_after = design.survey_se * z[2], design.survey_se * z[3]
    w, seen = p["anchor_weight"], p["error_seen"]
    looked_at = (1 - w) * (before + seen * error_before) + w * (heading + seen * error_after)
    target = looked_at + p["ambition_mean"] + p["ambition_sd"] * z[4]
    after = heading + np.where(design.has_target, p["causal_slope"] * (target - before), 0.0)
    score_before, score_after = before + error_before, after + error_after
    return {
        "score_before": score_before,
        "score_after": score_after,
        "stretch": np.where(design.has_target, 100 * (target - score_before) / score_before, 0.0),
        "change": 100 * (score_after - score_before) / score_before,
    }


def print_statistics(areas: Mapping[str, FloatArray], design: Design) -> dict[str, FloatArray]:
    """What a paper would print of simulated areas: `STATISTICS`, each of shape (size,); the robust standard error is HC1."""
    basis, basis_used, _ = controls_of(design)
    used = design.used
    stretch, change = areas["stretch"][:, used], areas["change"][:, used]
    found = {}
    of_what = {"before": areas["score_before"], "after": areas["score_after"], "stretch": stretch}
    for of, values in of_what.items():
        found[f"mean_{of}"], found[f"sd_{of}"] = values.mean(axis=1), values.std(axis=1, ddof=1)
        found[f"min_{of}"], found[f"max_{of}"] = values.min(axis=1), values.max(axis=1)
    found["slope"], found["slope_se"], error = slopes_beside(stretch, change, basis_used)
    for name, moved, left in (
        ("r2_with", change, error),
        ("r2_without", areas["change"], residuals(areas["change"], basis)),
    ):
        centred = moved - moved.mean(axis=1, keepdims=True)
        found[name] = 1 - (left**2).sum(axis=1) / (centred**2).sum(axis=1)
    return {name: found[name] for name in STATISTICS}


def simulate_anchoring(
    *, n_simulations: int = 1, seed: int, design: Design | None = None, **truth: float
) -> pd.DataFrame:
    """Simulate what a paper would print of areas whose targets were set in a known way.

    Parameters
    ----------
    n_simulations : int
        Number of simulated papers.
    seed : int
        Seed of the random numbers.
    design : Design, optional
        Numbers of areas and the survey error; by default those of Andrews, Downe & Guarneros-Meza (2014).
    **truth : float
        Parameters that differ from the defaults (no anchoring at a later score, causal slope .65, and otherwise
        numbers near the paper's), by their names in the posterior of `anchoring_model`.

    Returns
    -------
    pandas.DataFrame
        Index ``statistic``; a column ``value``, or columns 0, 1, ... for several simulations. Attrs: ``design``,
        ``origin`` ("simulated"), ``truth``.

    Raises
    ------
    DataError
        If a parameter is not known or cannot be one.

    Examples
    --------
    >>> summary = simulate_anchoring(seed=1, anchor_weight=1.0, causal_slope=0.0, ambition_sd=2.8)
    >>> summary.attrs["origin"], len(summary), summary.attrs["truth"]["anchor_weight"]
    ('simulated', 16, 1.0)
    """
    for name, value in truth.items():
        if name not in PARAMETERS:
            raise DataError(f"simulate_anchoring: {name!r}: {did_you_mean(name, list(PARAMETERS))}")
        least = -np.inf if name in ("causal_slope", "ambition_mean") else -1e-300
        require_number(
            f"simulate_anchoring, {name},", value, above=least, expected="a finite number, not below 0"
        )
    require_count("n_simulations", n_simulations)
    known = _DEFAULTS | truth
    design = Design() if design is None else design
    if not isinstance(design, Design):
        raise DataError(f"simulate_anchoring: design is {shown(design)}, expected a Design")
    parameters = {name: np.full(n_simulations, value) for name, value in known.items()}
    areas = simulate_areas(parameters, design, np.random.default_rng(seed))
    columns = ["value"] if n_simulations == 1 else list(range(n_simulations))
    values = np.array(list(print_statistics(areas, design).values()))
    frame = pd.DataFrame(values, index=pd.Index(STATISTICS, name="statistic"), columns=columns)
    frame.attrs = {"design": design, "origin": "simulated", "truth": known}
    return frame


def log_scale(
    p: Mapping[str, FloatArray], math: object
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Log mean and s.d. of the share that does not agree before, log mean after and s.d. of the drift; `math`: NumPy or PyTensor."""
    # The share is lognormal, which keeps scores below 100 and gives them the long lower tail that is printed.
    log, sqrt = math.log, math.sqrt  # type: ignore[attr-defined]
    variance = log(1 + (p["spread_before"] / (100 - p["score_before"])) ** 2)
    drift = log(1 + (p["drift_sd"] / (100 - p["score_after"])) ** 2)
    log_mean = log(100 - p["score_before"]) - variance / 2
    log_mean_after = log(100 - p["score_after"]) - (p["carry_over"] ** 2 * variance + drift) / 2
    return log_mean, sqrt(variance), log_mean_after, sqrt(drift)


@cache
def controls_of(design: Design) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Orthonormal bases of constant and controls, over all areas and over those used; and the controls' effect, with s.d. 1."""
    rng = np.random.default_rng(_SEED_OF_CONTROLS)
    columns = rng.standard_normal((design.n_authorities, design.n_controls))
    whole = np.column_stack([np.ones(design.n_authorities), columns])
    basis = np.linalg.qr(whole)[0]
    effect = basis[:, 1:].sum(axis=1) * np.sqrt(design.n_authorities / max(design.n_controls, 1))
    return basis, np.linalg.qr(whole[design.used])[0], effect


def expected_statistics(p: Mapping[str, Any], design: Design, math: Any) -> dict[str, Any]:
    """First approximation of `transform`ed statistics; those that are not named are near a constant."""
    # Variances and covariances of target less measured score (what stretch is made of) and of the change in the measured score, within
    # areas with and without a target; then the regression of the second on the first over both groups.
    w, b, seen = p["anchor_weight"], p["causal_slope"], p["error_seen"]
    noise, ambition, control = design.survey_se**2, p["ambition_sd"] ** 2, p["control_sd"] ** 2
    _, log_sd, _, log_drift = log_scale(p, math)
    low, low_after = 100 - p["score_before"], 100 - p["score_after"]
    log_variance = log_sd**2
    heading = low_after**2 * (math.exp(p["carry_over"] ** 2 * log_variance + log_drift**2) - 1)
    common = low * low_after * (math.exp(p["carry_over"] * log_variance) - 1)
    moved = p["spread_before"] ** 2 + heading - 2 * common

    # How much of each survey's error is in target less score, and in the change.
    in_gap, in_change = (1 - (1 - w) * seen, w * seen), (1 - b * seen * (1 - w), 1 + b * seen * w)
    gap = w**2 * moved + ambition + noise * (in_gap[0] ** 2 + in_gap[1] ** 2)
    change = (1 + b * w) ** 2 * moved + b**2 * ambition + noise * (in_change[0] ** 2 + in_change[1] ** 2)
    both = w * (1 + b * w) * moved + b * ambition
    both = both + noise * (in_gap[0] * in_change[0] + in_gap[1] * in_change[1])
    asked = w * (p["score_after"] - p["score_before"]) + p["ambition_mean"]

    share = (design.n_targets - design.n_missing) / len(design.used)
    between = share * (1 - share) * asked**2
    spread = share * gap + between
    slope = (share * both + between * b) / spread
    left_on, left_off = change - 2 * slope * both + slope**2 * gap, moved + 2 * noise
    unexplained = share * left_on + (1 - share) * left_off + between * (b - slope) ** 2
    by_controls = control * (share * (1 + b * w) ** 2 + 1 - share)
    total = unexplained + slope**2 * spread + by_controls

    x_on, x_off = (1 - share) * asked, -share * asked
    e_on, e_off = x_on * (b - slope), x_off * (b - slope)
    cross = both - slope * gap
    fourth_on = (gap + x_on**2) * (left_on + e_on**2) + 2 * cross**2 + 4 * x_on * e_on * cross
    fourth = share * fourth_on + (1 - share) * x_off**2 * (left_off + e_off**2)

    overall = design.n_targets / design.n_authorities
    demand = w**2 * (moved + control) + ambition + noise * seen**2 * ((1 - w) ** 2 + w**2)
    extra = b**2 * demand + 2 * b * w * (heading + control - common + noise * seen)
    spread_after = heading + control + noise + overall * extra + overall * (1 - overall) * (b * asked) ** 2
    n, k = len(design.used), design.n_controls
    free = {"with": (n - k - 2) / (n - 1), "without": 1 - k / (design.n_authorities - 1)}
    unit = 100 / p["score_before"]
    return {
        "mean_before": p["score_before"],
        "sd_before": 0.5 * math.log(p["spread_before"] ** 2 + noise),
        "mean_after": p["score_after"] + overall * b * asked,
        "sd_after": 0.5 * math.log(spread_after),
        "mean_stretch": unit * share * asked,
        "sd_stretch": 0.5 * math.log(spread + share * control * w**2) + math.log(unit),
        "slope": slope,
        "slope_se": 0.5 * math.log(fourth / n) - math.log(spread),
        "r2_with": _fisher(1 - free["with"] * unexplained / total, math),
        "r2_without": _fisher(1 - free["without"] * (1 - by_controls / total), math),
    }


def _fisher(r2: Any, math: Any) -> Any:
    """Fisher's z of the multiple correlation, which spreads evenly where R squared does not."""
    r = math.sqrt(r2)
    return 0.5 * math.log((1 + r) / (1 - r))
