"""What the printed statistics come near to in large samples: closed form, up to what dividing by the score adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .world import Design, log_scale


def expected_statistics(p: Mapping[str, Any], design: Design, math: Any) -> dict[str, Any]:
    """First approximation of `transform`ed statistics; those that are not named are near a constant.

    Variances and covariances of target less measured score (what stretch is made of) and of the change in the
    measured score, within areas with and without a target, all in percentage points; then the regression of the
    second on the first over both groups.

    Parameters
    ----------
    p : mapping
        Parameters by name, arrays or graph variables.
    design : Design
        Numbers of areas and the survey error.
    math : module
        Holds ``log``, ``sqrt`` and ``exp``: `numpy`, or `pytensor.tensor`.

    Returns
    -------
    dict
        By name of statistic.
    """
    w, b, seen = p["anchor_weight"], p["causal_slope"], p["error_seen"]
    noise, ambition, control = design.survey_se**2, p["ambition_sd"] ** 2, p["control_sd"] ** 2
    _, log_sd, _, log_drift = log_scale(p, math)
    low, low_2008 = 100 - p["score_2006"], 100 - p["score_2008"]
    log_variance = log_sd**2
    heading = low_2008**2 * (math.exp(p["carry_over"] ** 2 * log_variance + log_drift**2) - 1)
    common = low * low_2008 * (math.exp(p["carry_over"] * log_variance) - 1)
    moved = p["spread_2006"] ** 2 + heading - 2 * common

    # How much of each survey's error is in target less score, and in the change.
    in_gap, in_change = (1 - (1 - w) * seen, w * seen), (1 - b * seen * (1 - w), 1 + b * seen * w)
    gap = w**2 * moved + ambition + noise * (in_gap[0] ** 2 + in_gap[1] ** 2)
    change = (1 + b * w) ** 2 * moved + b**2 * ambition + noise * (in_change[0] ** 2 + in_change[1] ** 2)
    both = w * (1 + b * w) * moved + b * ambition
    both = both + noise * (in_gap[0] * in_change[0] + in_gap[1] * in_change[1])
    asked = w * (p["score_2008"] - p["score_2006"]) + p["ambition_mean"]

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
    spread_2008 = heading + control + noise + overall * extra + overall * (1 - overall) * (b * asked) ** 2
    n, k = len(design.used), design.n_controls
    free = {"with": (n - k - 2) / (n - 1), "without": 1 - k / (design.n_authorities - 1)}
    unit = 100 / p["score_2006"]
    return {
        "mean_2006": p["score_2006"],
        "sd_2006": 0.5 * math.log(p["spread_2006"] ** 2 + noise),
        "mean_2008": p["score_2008"] + overall * b * asked,
        "sd_2008": 0.5 * math.log(spread_2008),
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
