"""The design of a new evaluation: how many authorities it needs, and what a small one would mislead into."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError, require_count, require_number
from ..inference.distributions import t_quantile
from ..inference.ensemble import run_ensemble
from ..inference.summary import equal_tails
from ..models.cohesion.exact import draw_parameters
from ..models.cohesion.model import CohesionPriors, cohesion_model
from ..models.cohesion.simulate import simulate_authorities
from ..priors import Flat, Normal, StudentT
from .estimate import below, require_df, require_estimate, require_list, require_size

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


def retrodesign(effect: float, se: float, *, prob: float = 0.95, df: float | None = None) -> Retrodesign:
    """Power, sign error and exaggeration of an estimate with a known standard error.

    Parameters
    ----------
    effect : float
        The true effect, not 0: from outside knowledge, never the estimate itself.
    se : float
        Standard error of the design.
    prob : float
        Probability of the central interval that must exclude 0 (two-sided).
    df : float, optional
        Degrees of freedom of the standard error, more than 1: the estimate is then Student's t around the effect.

    Returns
    -------
    Retrodesign

    Raises
    ------
    DataError
        If a number is not finite, or the effect is 0.

    References
    ----------
    Gelman & Carlin (2014), Beyond power calculations, *Perspectives on Psychological Science* 9, 641-651. They simulate the
    exaggeration; here it is in closed form, the mean of a normal or a t that is cut off between -z and z.

    Examples
    --------
    Their two examples, sex ratios (true difference 0.1 points, s.e. 3.3) and votes (2 points, s.e. 8.1):

    >>> votes = retrodesign(2.0, 8.1)
    >>> round(votes.power, 2), round(votes.type_s, 2), round(votes.type_m, 1)
    (0.06, 0.24, 9.5)
    """
    effect, se = require_estimate(effect, se, name="effect")
    if effect == 0:
        raise DataError("effect is 0, expected the size of a true effect: of no effect every sign is wrong")
    df = require_df(df)
    if df is not None and df <= 1:
        raise DataError(f"df is {df:g}, expected more than 1: with fewer the exaggeration is infinite")
    z = -t_quantile((1 - require_number("prob", prob, above=0.0, below=1.0)) / 2, df)
    size = abs(effect) / se
    right, wrong = below(size - z, df), below(-size - z, df)
    power = right + wrong
    moment = size * (right - wrong) + _mean_beyond(z - size, df) + _mean_beyond(z + size, df)
    return Retrodesign(power, wrong / power, moment / (size * power))


def _mean_beyond(edge: float, df: float | None) -> float:
    """Integral of x times its density, from an edge on."""
    if df is None:
        return float(np.exp(Normal(0.0, 1.0).logpdf(edge)))
    return (df + edge**2) / (df - 1) * float(np.exp(StudentT(df, 0.0, 1.0).logpdf(edge)))


def design_analysis(
    effects: float | Sequence[float],
    n_authorities: int | Sequence[int] = (75, 150, 300, 600, 1200),
    *,
    sigma: float | None = None,
    share_with_target: float = 0.5,
    n_types: int = 4,
    tau: float | None = None,
    prior_sd: float | None = None,
    hoped: float | None = None,
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
    P(effect > 0) > prob, where the estimate exceeds :math:`z s / \sqrt{w}`, :math:`w = \tau_0^2 / (\tau_0^2 + s^2)`. This is
    a one-sided criterion. From the normal distribution of the estimate everything follows in closed form; `simulations`
    checks it with whole data sets and the exact posterior of the hierarchical model.

    Parameters
    ----------
    effects : float or sequence of float
        True effects to consider, above 0, in the unit of the outcome.
    n_authorities : int or sequence of int
        Numbers of authorities to consider.
    sigma : float
        Standard deviation of the outcome between authorities that are alike, in the same unit. It has no default: a printed
        standard error s of a yes-or-no predictor implies :math:`s \sqrt{n p (1 - p)}`.
    share_with_target : float
        Share of authorities with a target.
    n_types : int
        Number of authority types, of equal size as far as possible (the simulations only take it in whole).
    tau : float, optional
        Standard deviation between types (for the simulations); by default a quarter of `sigma`.
    prior_sd : float, optional
        Standard deviation of the prior of the effect; without it, or `hoped`, the prior is flat.
    hoped : float, optional
        The effect that is hoped for: the prior's standard deviation is five times that.
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
        One row per pair of ``effect`` and ``n_authorities``: ``convincing`` (chance of P(effect > 0) > prob), ``contrary``
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
    As large as the noise in Andrews, Downe & Guarneros-Meza (2014), who printed a standard error of .659 with 86 of 150
    authorities that had a target:

    >>> design_analysis([1.0, 2.0], [150, 600], sigma=4.0, share_with_target=86 / 150, prior_sd=5.0).round(2)
       effect  n_authorities  convincing  contrary  width  type_s  type_m
    0     1.0            150        0.43       0.0   2.61     0.0    1.58
    1     1.0            600        0.91       0.0   1.30     0.0    1.05
    2     2.0            150        0.91       0.0   2.61     0.0    1.04
    3     2.0            600        1.00       0.0   1.30     0.0    1.00
    """
    truths = [require_size("effect", truth) for truth in require_list("effects", effects)]
    setting = _setting(sigma, share_with_target, n_types, tau, prior_sd, hoped, prob)
    least = 2 * setting.n_types + 2
    numbers = [require_count("n_authorities", n, least) for n in require_list("n_authorities", n_authorities)]
    require_count("simulations", simulations, 0)
    pairs = list(itertools.product(truths, numbers))
    rows = [_closed_form(truth, n, setting) for truth, n in pairs]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if simulations:
        tasks = {
            f"{truth} / {n} / {i}": (truth, n, setting) for truth, n in pairs for i in range(simulations)
        }
        done = run_ensemble(simulate_design, tasks, seed=seed, workers=workers, progress=progress)
        if done.failures:
            raise DataError(f"design_analysis: {next(iter(done.failures.values()))}")
        found = list(done.results.values())
        blocks = [found[i : i + simulations] for i in range(0, len(found), simulations)]
        more = [_summary(block, truth) for block, (truth, _) in zip(blocks, pairs, strict=True)]
        table = table.join(pd.DataFrame(more, columns=list(SIMULATED)))
    table.attrs = {"prob": prob, "interval": "eti", "sigma": setting.sigma, "simulations": simulations}
    return table


def needed_authorities(
    effect: float,
    *,
    chance: float = 0.8,
    sigma: float | None = None,
    share_with_target: float = 0.5,
    n_types: int = 4,
    prior_sd: float | None = None,
    hoped: float | None = None,
    prob: float = 0.95,
) -> int:
    """The smallest number of authorities that gives a convincing answer with a stated chance.

    Parameters
    ----------
    effect : float
        The true effect, above 0.
    chance : float
        Wanted probability of a convincing posterior, P(effect > 0) > prob (one-sided).
    sigma, share_with_target, n_types, prior_sd, hoped, prob
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
    >>> noise = {"sigma": 4.0, "share_with_target": 86 / 150, "prior_sd": 5.0}
    >>> needed_authorities(1.0, **noise), needed_authorities(2.0, **noise)
    (412, 108)
    """
    effect = require_size("effect", effect)
    chance = require_number("chance", chance, above=0.0, below=1.0)
    setting = _setting(sigma, share_with_target, n_types, None, prior_sd, hoped, prob)
    low, high = 2 * setting.n_types + 1, _MOST_AUTHORITIES
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


def _setting(
    sigma: object,
    share: object,
    n_types: object,
    tau: object,
    prior_sd: object,
    hoped: object,
    prob: object,
) -> _Setting:
    """The checked setting of a design; what no default can know is asked for."""
    if sigma is None:
        raise DataError(
            "sigma is not given, expected the standard deviation of the outcome between authorities that are alike, in the "
            "unit of the effects (a printed standard error s of a yes-or-no predictor implies s * sqrt(n * p * (1 - p)))"
        )
    if prior_sd is not None and hoped is not None:
        raise DataError("prior_sd and hoped are both given, expected one of them")
    noise = require_size("sigma", sigma)
    width = None
    if prior_sd is not None:
        width = require_size("prior_sd", prior_sd)
    elif hoped is not None:
        width = 5 * require_size("hoped", hoped)
    return _Setting(
        n_types=int(require_number("n_types", require_count("n_types", n_types), below=1e6)),
        sigma=noise,
        tau=noise / 4 if tau is None else require_size("tau", tau),
        share=require_number("share_with_target", share, above=1e-9, below=1.0 - 1e-9),
        prior_sd=width,
        prob=require_number("prob", prob, above=0.5, below=1.0),
    )


def _closed_form(effect: float, n: int, setting: _Setting) -> tuple[float, ...]:
    from scipy import special

    se = setting.sigma / math.sqrt(n * setting.share * (1 - setting.share))
    se *= math.sqrt(n / (n - setting.n_types - 1))
    # the weight of the data, written so that neither a narrow nor a wide prior overflows
    weight = 1.0 if setting.prior_sd is None else 1 / (1 + (se / setting.prior_sd) ** 2)
    z = t_quantile(setting.prob)
    edge, size = z / math.sqrt(weight), effect / se
    log_right, log_wrong = (float(special.log_ndtr(x)) for x in (size - edge, -size - edge))
    # Mean of a normal above the edge, shrunk by the prior; the ratio of density to tail in logs, for tails of nothing.
    log_density = -0.5 * (edge - size) ** 2 - 0.5 * math.log(2 * math.pi)
    # Far out the ratio is the edge itself, and the logs would differ by nothing but rounding.
    hazard = math.exp(log_density - log_right) if edge - size < 1e4 else edge - size
    exaggeration = weight * (size + hazard) / size
    reach = 2 * t_quantile((1 + setting.prob) / 2)
    type_s = float(special.expit(log_wrong - log_right))
    return (
        effect,
        n,
        math.exp(log_right),
        math.exp(log_wrong),
        reach * se * math.sqrt(weight),
        type_s,
        exaggeration,
    )


def simulate_design(task: tuple[float, int, _Setting], seed: np.random.SeedSequence) -> tuple[float, ...]:
    """One simulated evaluation and its exact posterior."""
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
    draws = draw_parameters(model, 1000, np.random.default_rng(fit_seed))[0]["effect"]
    ends = equal_tails(draws, setting.prob)
    # The posterior is so nearly normal that its moments tell the probability with less noise than counting.
    above = below(draws.mean() / draws.std(ddof=1))
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
