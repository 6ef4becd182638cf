"""The design of a new evaluation: how many authorities it needs, and what a small one would mislead into."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError
from ..inference.ensemble import run_ensemble
from ..models.cohesion.exact import solve_cohesion
from ..models.cohesion.model import CohesionPriors, cohesion_model
from ..models.cohesion.simulate import simulate_authorities
from ..priors import Flat, Normal
from .inputs import require_count, require_number

COLUMNS = ("effect", "n_authorities", "convincing", "contrary", "width", "type_s", "type_m")
SIMULATED = ("simulated_convincing", "simulated_width", "simulated_type_m", "mc_error")
_MOST_AUTHORITIES = 10_000_000


@dataclass(frozen=True)
class Retrodesign:
    """What a design can show; see `retrodesign`.

    Attributes
    ----------
    power : float
        Probability that the estimate is significant.
    type_s : float
        Probability that a significant estimate has the wrong sign.
    type_m : float
        Expected size of a significant estimate over the true effect: by how much it exaggerates.
    """

    power: float
    type_s: float
    type_m: float


def retrodesign(effect: float, se: float, *, prob: float = 0.95) -> Retrodesign:
    """Power, sign error and exaggeration of an estimate with a known standard error.

    Parameters
    ----------
    effect : float
        The true effect, not 0: from outside knowledge, never the estimate itself.
    se : float
        Standard error of the design.
    prob : float
        Probability of the central interval that must exclude 0.

    Returns
    -------
    Retrodesign

    Raises
    ------
    DataError
        If a number is not finite, or the effect is 0.

    Notes
    -----
    Gelman & Carlin (2014), Beyond power calculations, *Perspectives on Psychological Science* 9, 641-651. The
    exaggeration is in closed form: moments of a normal cut off between -z and z.

    Examples
    --------
    Their two examples, sex ratios (true difference 0.1 points, s.e. 3.3) and votes (2 points, s.e. 8.1):

    >>> votes = retrodesign(2.0, 8.1)
    >>> round(votes.power, 2), round(votes.type_s, 2), round(votes.type_m, 1)
    (0.06, 0.24, 9.5)
    """
    from scipy import stats

    effect, se = require_number("effect", effect), require_number("se", se, above=0.0)
    if effect == 0:
        raise DataError("effect is 0, expected the size of a true effect: of no effect every sign is wrong")
    z = float(stats.norm.isf((1 - require_number("prob", prob, above=0.0, below=1.0)) / 2))
    size = abs(effect) / se
    right, wrong = float(stats.norm.cdf(size - z)), float(stats.norm.cdf(-size - z))
    power = right + wrong
    moment = size * (right - wrong) + float(stats.norm.pdf(z - size) + stats.norm.pdf(z + size))
    return Retrodesign(power, wrong / power, moment / (size * power))


def design_analysis(
    effects: float | Sequence[float],
    n_authorities: Sequence[int] = (75, 150, 300, 600, 1200),
    *,
    n_types: int = 4,
    sigma: float = 4.0,
    tau: float = 1.0,
    share_with_target: float = 86 / 150,
    prior_sd: float | None = 5.0,
    prob: float = 0.95,
    simulations: int = 0,
    seed: int = 0,
    workers: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    r"""How probable a convincing answer is in an evaluation of so many authorities.

    An evaluation compares authorities that have a target with others of their type. With n authorities, a share p with a
    target and noise :math:`\sigma` the slope's standard error is about :math:`s = \sigma / \sqrt{n p (1 - p)}` (times
    :math:`\sqrt{n / (n - J - 1)}` for the J types), and with the prior :math:`N(0, \tau_0)` the posterior is convincing,
    P(effect > 0) > prob, where the estimate exceeds :math:`z s / \sqrt{w}`, :math:`w = \tau_0^2 / (\tau_0^2 + s^2)`. From
    the normal distribution of the estimate everything follows in closed form; `simulations` checks it with whole data sets
    and the exact posterior of the hierarchical model.

    Parameters
    ----------
    effects : float or sequence of float
        True effects to consider, percentage points of change, above 0.
    n_authorities : sequence of int
        Numbers of authorities to consider.
    n_types : int
        Number of authority types, of equal size as far as possible (the simulations only take it in whole).
    sigma : float
        Standard deviation of the change between authorities that are alike, percentage points. 4 is about what the
        printed standard error of the target's slope in Andrews, Downe & Guarneros-Meza (2014), Table 2, implies
        (:math:`.659 \sqrt{150 \cdot .57 \cdot .43} = 4.0`).
    tau : float
        Standard deviation between types, percentage points (for the simulations).
    share_with_target : float
        Share of authorities with a target; 86 of 150 in that study.
    prior_sd : float or None
        Standard deviation of the prior of the effect; None for a flat prior.
    prob : float
        Posterior probability that counts as convincing; also of the equal-tailed interval.
    simulations : int
        Simulated data sets for each pair of effect and number; 0 for the closed form alone.
    seed : int
        Seed of the simulations.
    workers : int
        Processes at a time.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row a pair of ``effect`` and ``n_authorities``: ``convincing`` (chance of P(effect > 0) > prob), ``contrary``
        (chance of P(effect < 0) > prob), ``width`` (expected width of the posterior interval), ``type_s`` (share of
        contrary answers among those that convince of either sign), ``type_m`` (expected posterior mean over the true effect,
        among convincing ones). With simulations also ``simulated_convincing``, ``simulated_width``,
        ``simulated_type_m`` and ``mc_error`` (Monte Carlo standard error of ``simulated_convincing``).

    Raises
    ------
    DataError
        If a number is out of its range.

    Examples
    --------
    >>> design_analysis([1.0, 2.0], [150, 600]).round(2)
       effect  n_authorities  convincing  contrary  width  type_s  type_m
    0     1.0            150        0.43       0.0   2.61     0.0    1.58
    1     1.0            600        0.91       0.0   1.30     0.0    1.05
    2     2.0            150        0.91       0.0   2.61     0.0    1.04
    3     2.0            600        1.00       0.0   1.30     0.0    1.00
    """
    truths = [effects] if isinstance(effects, int | float) else list(effects)
    for truth in truths:
        require_number("effect", truth, above=0.0)
    setting = _Setting(
        n_types=require_count("n_types", n_types),
        sigma=require_number("sigma", sigma, above=0.0),
        tau=require_number("tau", tau, above=0.0),
        share=require_number("share_with_target", share_with_target, above=0.0, below=1.0),
        prior_sd=None if prior_sd is None else require_number("prior_sd", prior_sd, above=0.0),
        prob=require_number("prob", prob, above=0.5, below=1.0),
    )
    for n in n_authorities:
        require_count("n_authorities", n, 2 * n_types + 2)
    require_count("simulations", simulations, 0)
    pairs = list(itertools.product(truths, n_authorities))
    rows = [_closed_form(float(truth), int(n), setting) for truth, n in pairs]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if simulations:
        tasks = {
            f"{truth} / {n} / {i}": (float(truth), int(n), setting)
            for truth, n in pairs
            for i in range(simulations)
        }
        done = run_ensemble(simulate_design, tasks, seed=seed, workers=workers, progress=progress)
        if done.failures:
            raise DataError(f"design_analysis: {next(iter(done.failures.values()))}")
        found = list(done.results.values())
        blocks = [found[i : i + simulations] for i in range(0, len(found), simulations)]
        more = [_summary(block, float(truth)) for block, (truth, _) in zip(blocks, pairs, strict=True)]
        table = table.join(pd.DataFrame(more, columns=list(SIMULATED)))
    table.attrs = {"prob": prob, "interval": "eti", "sigma": sigma, "simulations": simulations}
    return table


def needed_authorities(
    effect: float,
    *,
    chance: float = 0.8,
    sigma: float = 4.0,
    n_types: int = 4,
    share_with_target: float = 86 / 150,
    prior_sd: float | None = 5.0,
    prob: float = 0.95,
) -> int:
    """The smallest number of authorities that gives a convincing answer with a stated chance.

    Parameters
    ----------
    effect : float
        The true effect, above 0.
    chance : float
        Wanted probability of a convincing posterior.
    sigma, n_types, share_with_target, prior_sd, prob
        As in `design_analysis`, whose closed form is used.

    Returns
    -------
    int

    Raises
    ------
    DataError
        If ten million authorities are not enough, or a number is out of its range.

    Examples
    --------
    >>> needed_authorities(1.0), needed_authorities(2.0)
    (412, 108)
    """
    effect = require_number("effect", effect, above=0.0)
    chance = require_number("chance", chance, above=0.0, below=1.0)
    setting = _Setting(n_types, sigma, 1.0, share_with_target, prior_sd, prob)
    low, high = 2 * n_types + 1, _MOST_AUTHORITIES
    if _closed_form(effect, high, setting)[2] < chance:
        raise DataError(
            f"effect is {effect:g}: {high:,} authorities are not enough, expected a larger effect"
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _closed_form(effect, middle, setting)[2] >= chance else (middle, high)
    return high


@dataclass(frozen=True)
class _Setting:
    n_types: int
    sigma: float
    tau: float
    share: float
    prior_sd: float | None
    prob: float


def _closed_form(effect: float, n: int, setting: _Setting) -> tuple[float, ...]:
    from scipy import stats

    se = setting.sigma / math.sqrt(n * setting.share * (1 - setting.share))
    se *= math.sqrt(n / (n - setting.n_types - 1))
    weight = 1.0 if setting.prior_sd is None else setting.prior_sd**2 / (setting.prior_sd**2 + se**2)
    z = float(stats.norm.ppf(setting.prob))
    edge, size = z / math.sqrt(weight), effect / se
    right, wrong = float(stats.norm.sf(edge - size)), float(stats.norm.cdf(-edge - size))
    # Mean of a normal above the edge, shrunk by the prior.
    exaggeration = weight * (size + float(stats.norm.pdf(edge - size)) / right) / size
    reach = 2 * float(stats.norm.isf((1 - setting.prob) / 2))
    return effect, n, right, wrong, reach * se * math.sqrt(weight), wrong / (right + wrong), exaggeration


def simulate_design(task: tuple[float, int, _Setting], seed: np.random.SeedSequence) -> tuple[float, ...]:
    """One simulated evaluation and its exact posterior.

    Parameters
    ----------
    task : tuple
        True effect, number of authorities, and the setting of `design_analysis`.
    seed : numpy.random.SeedSequence
        For all that is random.

    Returns
    -------
    tuple of float
        P(effect > 0) less what counts as convincing, posterior mean, and width of the interval.
    """
    effect, n, setting = task
    data_seed, fit_seed = seed.spawn(2)
    names = [f"type {i + 1}" for i in range(setting.n_types)]
    sizes = {name: n // setting.n_types + (i < n % setting.n_types) for i, name in enumerate(names)}
    authorities = simulate_authorities(
        sizes,
        slope=effect,
        sigma=setting.sigma,
        tau=setting.tau,
        share_with_target=setting.share,
        seed=int(data_seed.generate_state(1)[0]),
    )
    prior = Flat() if setting.prior_sd is None else Normal(0.0, setting.prior_sd)
    model = cohesion_model(authorities, priors=CohesionPriors(effect=prior))
    draws = solve_cohesion(model, 1000, np.random.default_rng(fit_seed))[0]["effect"].to_numpy()
    ends = np.quantile(draws, [(1 - setting.prob) / 2, (1 + setting.prob) / 2])
    # The posterior is so nearly normal that its moments tell the probability with less noise than counting.
    from scipy import special

    above = float(special.ndtr(draws.mean() / draws.std(ddof=1)))
    return above - setting.prob, float(draws.mean()), float(ends[1] - ends[0])


def _summary(block: Sequence[tuple[float, ...]], effect: float) -> Mapping[str, Any]:
    margin, mean, width = (np.array(part) for part in zip(*block, strict=True))
    convincing = margin > 0
    share = float(convincing.mean())
    return {
        "simulated_convincing": share,
        "simulated_width": float(width.mean()),
        "simulated_type_m": float(mean[convincing].mean()) / effect if convincing.any() else math.nan,
        "mc_error": math.sqrt(share * (1 - share) / len(block)),
    }
