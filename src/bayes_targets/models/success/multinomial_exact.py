r"""The exact posterior of `success_model`, multinomial: splits are binomials, which only their areas' effects tie together.

The splits of a target's status are answered one after the other, so that the likelihood is a product of binomials, one a
split. Without correlated effects their posteriors are independent. With three statuses and partial pooling the two effects
of an area integrate out (see `Pair`); what areas share, :math:`\phi` (two means, two spreads, a correlation, coefficients), is drawn
by importance sampling from a multivariate t distribution that is fitted to it in coordinates on the whole line.

`Pair` integrates and draws the two correlated effects of each area: with :math:`L_{jk}(z)` the binomial likelihood of
split k in area j at log-odds :math:`\mu_k + x_j \beta_k + \tau_k z`, and
:math:`r = \sqrt{1 - \rho^2}`, an area has

.. math:: \int\!\!\int L_{j1}(z)\, L_{j2}(\rho z + r e)\, N(z)\, N(e)\, dz\, de
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ...inference.quadrature import Areas, Axis
from ...inference.quadrature.independent_parts import together
from ...inference.smc import resample
from ...model import Model, NotExactError
from .binomial import binomial_model
from .exact import solve_success
from .parts import FloatArray, log_ways, scaled_predictors, sequential_log_share, with_shares

# Points a dim of the Gauss-Hermite rule around the mode of an area's two effects.
_POINTS = 9
# What the slope of the tangent, a difference quotient, may leave above it.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Pair:
    """Binomials of two splits in J areas under S sets of hyperparameters.

    Attributes
    ----------
    successes, trials : array of shape (J, 2)
        Counts of each split.
    centre : array of shape (S, J, 2)
        Log-odds of each split without an effect of the area.
    tau : array of shape (S, 1, 2)
        Standard deviations of the effects.
    rho : array of shape (S, 1)
        Their correlation.
    """

    successes: FloatArray
    trials: FloatArray
    centre: FloatArray
    tau: FloatArray
    rho: FloatArray

    def log_likelihood(self, points: int = _POINTS) -> FloatArray:
        """Log of each area's double integral, shape (S, J), by Gauss-Hermite around its mode with so many points a dim."""
        z, e, (aa, ab, bb) = self._mode()
        # Curvature is C C' with C lower triangular; (z, e) = mode + inv(C)' t has unit curvature in t.
        c11 = np.sqrt(aa)
        c21, c22 = ab / c11, np.sqrt(bb - ab**2 / aa)
        t, weight = np.polynomial.hermite_e.hermegauss(points)
        top = self._log_density(z, e)
        total = np.zeros_like(z)
        for t1, w1 in zip(t, weight, strict=True):
            for t2, w2 in zip(t, weight, strict=True):
                e_shift = t2 / c22
                z_shift = (t1 - c21 * e_shift) / c11
                value = self._log_density(z + z_shift, e + e_shift)
                total += w1 * w2 * np.exp(value - top + 0.5 * (t1**2 + t2**2))
        return np.asarray(top + np.log(total / (2.0 * math.pi * c11 * c22)))

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """One draw of both log-odds of each area, shape (S, J, 2), by exact rejection.

        What the second split has at z, :math:`I_2(z)`, is log-concave, so it lies below its tangent at the mode,
        :math:`e^{g z}` but for a factor. With the tangent in its place, z has the density of the first split alone with a
        normal of mean g; a draw of that is kept with the probability of :math:`I_2` over the tangent, and then e is drawn.
        """
        mode, _, _ = self._mode()
        at_mode = self._second(mode).log_likelihood()
        step = 1e-4
        slope = (self._second(mode + step).log_likelihood() - self._second(mode - step).log_likelihood()) / (
            2 * step
        )
        theta = np.empty((*mode.shape, 2))
        todo = np.ones(mode.shape, dtype=bool)
        while todo.any():
            at = np.flatnonzero(todo.any(axis=1))
            some = self.rows(at)
            centre, tau = some.centre[..., 0], some.tau[..., 0]
            first = some._areas(0, centre + tau * slope[at], tau).draw(rng)
            z = (first - centre) / tau
            second = some._second(z)
            log_keep = second.log_likelihood() - at_mode[at] - slope[at] * (z - mode[at]) - _ROUNDING
            kept = todo[at] & (np.log(rng.random(z.shape)) < log_keep)
            drawn = np.stack([first, second.draw(rng)], axis=-1)
            theta[at] = np.where(kept[..., None], drawn, theta[at])
            todo[at] &= ~kept
        return theta

    def rows(self, rows: Any) -> Pair:
        """The same under some of the sets of hyperparameters, chosen by index."""
        return replace(self, centre=self.centre[rows], tau=self.tau[rows], rho=self.rho[rows])

    def _second(self, z: FloatArray) -> Areas:
        """The second split where the first effect is z."""
        centre = self.centre[..., 1] + self.tau[..., 1] * self.rho * z
        return self._areas(1, centre, self.tau[..., 1] * np.sqrt(1.0 - self.rho**2))

    def _areas(self, split: int, centre: FloatArray, tau: FloatArray) -> Areas:
        cut = np.zeros((len(self.rho), 1, 1))
        return Areas(self.successes[:, [split]], self.trials[:, [split]], cut, centre, tau)

    def _theta(self, z: FloatArray, e: FloatArray) -> tuple[FloatArray, FloatArray]:
        own = self.rho * z + np.sqrt(1.0 - self.rho**2) * e
        return self.centre[..., 0] + self.tau[..., 0] * z, self.centre[..., 1] + self.tau[..., 1] * own

    def _log_density(self, z: FloatArray, e: FloatArray) -> FloatArray:
        out = -0.5 * (z**2 + e**2)
        for k, theta in enumerate(self._theta(z, e)):
            softplus = np.maximum(theta, 0.0) + np.log(1.0 + np.exp(-np.abs(theta)))
            out += self.successes[:, k] * theta - self.trials[:, k] * softplus
        return np.asarray(out)

    def _mode(self) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray, FloatArray]]:
        """Mode in (z, e) and minus the second derivatives there, by Newton's method with bounded steps."""
        z, e = np.zeros(self.centre.shape[:2]), np.zeros(self.centre.shape[:2])
        t1, t2 = self.tau[..., 0], self.tau[..., 1]
        r = np.sqrt(1.0 - self.rho**2)
        for _ in range(40):
            share = [0.5 * (1.0 + np.tanh(0.5 * theta)) for theta in self._theta(z, e)]
            slope = [self.successes[:, k] - self.trials[:, k] * share[k] for k in (0, 1)]
            bend = [self.trials[:, k] * share[k] * (1.0 - share[k]) for k in (0, 1)]
            gz = t1 * slope[0] + t2 * self.rho * slope[1] - z
            ge = t2 * r * slope[1] - e
            aa = 1.0 + t1**2 * bend[0] + (t2 * self.rho) ** 2 * bend[1]
            ab = t2**2 * self.rho * r * bend[1]
            bb = 1.0 + (t2 * r) ** 2 * bend[1]
            det = aa * bb - ab**2
            dz, de = (bb * gz - ab * ge) / det, (aa * ge - ab * gz) / det
            far = np.maximum(np.hypot(dz, de), 1.0)
            z, e = z + dz / far, e + de / far
            if max(np.abs(dz).max(), np.abs(de).max()) < 1e-6:
                break
        return z, e, (aa, ab, bb)


# Draws and rounds by which the proposal is fitted, its degrees of freedom, and by how much its variance exceeds theirs: its
# tails are to be heavier than the posterior's, and than those of the posterior without any one area.
_PILOT, _ROUNDS, _FREEDOM, _WIDER = 1_000, 3, 5.0, 2.0
# Proposals for each draw; of so many, half count.
_PROPOSALS, _MOST_K = 4, 0.7
# Draws for which the rule in two dimensions is checked against one with more points, and what may differ on average.
_CHECKED, _FINER, _MOST_ROUNDING = 200, 17, 0.01
_CHUNK = 256
_SPREAD = Axis("tau", "spread")


def solve_multinomial(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Independent draws from the posterior, with the engine's statistics."""
    contrasts = model.data.sizes["status"] - 1
    tied = model.options["pooling"] == "partial" and contrasts > 1
    if tied and contrasts > 2:
        raise NotExactError(
            f"no exact posterior of {contrasts + 1} statuses with correlated effects; use engine 'nuts'"
        )
    if not tied:
        parts = [solve_success(_split(model, k), size, rng) for k in range(contrasts)]
        share = np.stack([draws["share"].to_numpy() for draws, _ in parts], axis=-1)
        values = _by_split([draws for draws, _ in parts])
        return _labelled(model, values, _log_odds(share)), together([stats for _, stats in parts])
    return _solve_pair(model, size, rng)


def _solve_pair(model: Model, size: int, rng: np.random.Generator) -> tuple[xr.Dataset, xr.Dataset]:
    """Three statuses: importance sampling of what areas share, then an exact draw of each area's effects."""
    from scipy.special import logsumexp

    start = [solve_success(_split(model, k), _PILOT, rng) for k in (0, 1)]
    proposal = _fit_proposal(model, [draws for draws, _ in start], rng)
    x = proposal.draw(_PROPOSALS * size + _PILOT, rng)
    log_p = _log_density(model, x)
    log_w = log_p - proposal.log_density(x)
    w = np.exp(log_w - logsumexp(log_w))
    effective, tail = float(1.0 / (w**2).sum()), pareto_k(log_w)
    if not tail < _MOST_K or effective < size:
        raise NotExactError(
            f"importance sampling of the multinomial's shared parameters failed (k-hat {tail:.2f}, expected below {_MOST_K}; "
            f"{effective:.0f} effective of {size} draws); use engine 'nuts'"
        )
    kept = resample(w, size, rng)
    values = _values(model, x[kept])
    pair = _pair(model, values)
    some = pair.rows(slice(0, _CHECKED))
    rounding = np.abs((some.log_likelihood(_FINER) - some.log_likelihood()).sum(axis=1)).mean()
    if not rounding < _MOST_ROUNDING:
        raise NotExactError(
            f"the rule for an area's two effects is off by {rounding:.3f} in log density, expected below {_MOST_ROUNDING}; "
            "use engine 'nuts'"
        )
    stats = together([stats.isel(sample=slice(size)) for _, stats in start]).drop_vars("lp")
    stats = stats.assign(
        lp=("sample", log_p[kept] - _log_slope(x[kept])),
        log_evidence=float(logsumexp(log_w) - math.log(len(x))),
        log_evidence_mcse=math.sqrt(1.0 / effective - 1.0 / len(x)),
        acceptance=min(float(stats["acceptance"]), effective / len(x)),
        importance_ess=effective,
        pareto_k=tail,
    )
    return _labelled(model, values, pair.draw(rng)), stats


def pareto_k(log_w: FloatArray) -> float:
    """Shape of the generalised Pareto distribution of the largest weights (k-hat; Vehtari et al. 2024).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> bool(pareto_k(rng.standard_exponential(20_000) * 0.5) < 0.7), bool(pareto_k(rng.standard_exponential(20_000)) > 0.7)
    (True, True)
    """
    size = len(log_w)
    if not np.isfinite(log_w.max()):
        return math.nan
    w = np.sort(np.exp(log_w - log_w.max()))
    count = int(min(0.2 * size, 3.0 * math.sqrt(size)))
    excess = w[-count:] - w[-count - 1]
    grid = 30 + int(math.sqrt(count))
    quarter = excess[int(count / 4 + 0.5) - 1]
    if not quarter > 0:
        return math.nan
    theta = (1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3.0 * quarter) + 1.0 / excess[-1]
    k = np.log1p(-theta[:, None] * excess).mean(axis=1)
    profile = count * (np.log(-theta / k) - k - 1.0)
    weight = 1.0 / np.exp(profile - profile[:, None]).sum(axis=1)
    shape = float(np.log1p(-(theta @ weight) * excess).mean())
    return (shape * count + 5.0) / (count + 10.0)


def leave_areas_out(model: Model, size: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    r"""Log predictive density of each area's counts from the others, and its Monte Carlo standard error.

    The evidence of all areas over that of all but one, both by the same importance sample of what areas share, in which
    each area's effects are integrated out.
    """
    if model.data.sizes["status"] != 3:
        raise NotExactError("areas are left out exactly with three statuses")
    parts = [solve_success(_split(model, k), _PILOT, rng)[0] for k in (0, 1)]
    proposal = _fit_proposal(model, parts, rng)
    x = proposal.draw(_PROPOSALS * size + _PILOT, rng)
    log_w = _log_density(model, x) - proposal.log_density(x)
    areas = _log_areas(model, x)
    without = np.where(np.isfinite(areas), log_w[:, None] - areas, -np.inf)
    tails = [pareto_k(column) for column in (log_w, *without.T)]
    if not max(tails) < _MOST_K:
        raise NotExactError(f"importance sampling without one area failed (k-hat {max(tails):.2f})")
    w = np.exp(log_w - log_w.max())
    rest = np.exp(without - without.max(axis=0))
    elpd = log_w.max() + np.log(w.mean()) - without.max(axis=0) - np.log(rest.mean(axis=0))
    ratio = w[:, None] / w.mean() - rest / rest.mean(axis=0)
    return np.asarray(elpd), np.asarray(ratio.std(axis=0, ddof=1) / math.sqrt(len(x)))


def _fit_proposal(model: Model, parts: list[xr.Dataset], rng: np.random.Generator) -> _Proposal:
    """A t distribution near the posterior of what areas share, from draws as if the splits were independent."""
    values = _by_split(parts)
    tau = values["tau"]
    # Coordinate of a spread: the inverse of its map, by Newton's method from the straight end.
    place = np.log(np.maximum(tau, 1e-6))
    for _ in range(50):
        place = place - (place - np.exp(-place) - np.log(np.maximum(tau, 1e-6))) / (1.0 + np.exp(-place))
    columns = [values["mu"], place, np.arctanh(2.0 * model.priors.correlation.draw(rng, (_PILOT, 1)) - 1.0)]
    if "coefficient" in values:
        own = values["coefficient"] * model.data["predictor_scale"].to_numpy()[:, None]
        columns.append(own.reshape(_PILOT, -1))
    x = np.concatenate(columns, axis=1)
    proposal = _Proposal.fitted(x, np.zeros(_PILOT))
    for _ in range(_ROUNDS):
        x = proposal.draw(_PILOT, rng)
        proposal = _Proposal.fitted(x, _log_density(model, x) - proposal.log_density(x))
    return proposal


@dataclass(frozen=True, eq=False)
class _Proposal:
    """Multivariate t distribution: mean of shape (D,), and the Cholesky factor of its scale matrix, shape (D, D)."""

    mean: FloatArray
    root: FloatArray

    @staticmethod
    def fitted(x: FloatArray, log_w: FloatArray) -> _Proposal:
        """The distribution with the weighted mean and covariance of x, shape (S, D)."""
        # Weights that a few draws dominate would fit these few: temper until a tenth of the draws count.
        for power in (1.0, 0.7, 0.5, 0.3, 0.2, 0.1):
            w = np.exp(power * (log_w - log_w.max()))
            if w.sum() ** 2 > 0.1 * len(w) * (w**2).sum():
                break
        w /= w.sum()
        mean = w @ x
        covariance = ((x - mean).T * w) @ (x - mean)
        return _Proposal(mean, np.linalg.cholesky(covariance * (_FREEDOM - 2.0) / _FREEDOM * _WIDER))

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        normal = rng.standard_normal((size, self.mean.size))
        scale = np.sqrt(rng.chisquare(_FREEDOM, size) / _FREEDOM)
        return np.asarray(self.mean + (normal @ self.root.T) / scale[:, None])

    def log_density(self, x: FloatArray) -> FloatArray:
        d = self.mean.size
        t = np.linalg.solve(self.root, (x - self.mean).T)
        constant = (
            math.lgamma(0.5 * (_FREEDOM + d))
            - math.lgamma(0.5 * _FREEDOM)
            - 0.5 * d * math.log(math.pi * _FREEDOM)
        )
        log_det = float(np.log(np.diag(self.root)).sum())
        return np.asarray(constant - log_det - 0.5 * (_FREEDOM + d) * np.log1p((t**2).sum(axis=0) / _FREEDOM))


def _by_split(parts: list[xr.Dataset]) -> dict[str, FloatArray]:
    names = [name for name in ("mu", "tau", "coefficient") if name in parts[0]]
    return {name: np.stack([part[name].to_numpy() for part in parts], axis=-1) for name in names}


def _values(model: Model, x: FloatArray) -> dict[str, FloatArray]:
    """What areas share at coordinates of shape (S, D): two means, spreads, a correlation, coefficients."""
    values = {"mu": x[:, :2], "tau": _SPREAD.value(x[:, 2:4]), "correlation": np.tanh(x[:, 4:5])}
    if x.shape[1] > 5:
        scale = model.data["predictor_scale"].to_numpy()
        values["coefficient"] = x[:, 5:].reshape(len(x), -1, 2) / scale[:, None]
    return values


def _log_slope(x: FloatArray) -> FloatArray:
    """Log of the volume of shared parameters for a unit of x."""
    # d tanh(x) = (1 - tanh^2) dx; coefficients are in units of their prior.
    rho = 2.0 * (math.log(2.0) - np.logaddexp(x[:, 4], -x[:, 4]))
    return np.asarray(_SPREAD.log_slope(x[:, 2:4]).sum(axis=1) + rho)


def _pair(model: Model, values: Mapping[str, FloatArray]) -> Pair:
    count = model.data["count"].transpose("area", "status").to_numpy().astype(float)
    trials = np.column_stack([count.sum(axis=1), count[:, 1:].sum(axis=1)])
    centre = values["mu"][:, None, :] + np.zeros((len(count), 1))
    if "coefficient" in values:
        own = values["coefficient"] * model.data["predictor_scale"].to_numpy()[:, None]
        centre = centre + np.einsum("jc,sck->sjk", scaled_predictors(model.data), own)
    return Pair(count[:, :2], trials, centre, values["tau"][:, None, :], values["correlation"])


def _log_density(model: Model, x: FloatArray) -> FloatArray:
    """Log density of the counts and the coordinates, shape (S,)."""
    priors, values = model.priors, _values(model, x)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        out = _log_areas(model, x).sum(axis=1) + _log_slope(x)
        out += (
            priors.mu.logpdf(x[:, 0])
            + priors.split.logpdf(x[:, 1])
            + priors.tau.logpdf(values["tau"]).sum(axis=1)
        )
        # The prior is about the correlation moved to (0, 1), half the length.
        out += priors.correlation.logpdf(0.5 * (1.0 + values["correlation"][:, 0])) - math.log(2.0)
        out += priors.effect.logpdf(x[:, 5:]).sum(axis=1)
    # With absurd spreads the rule overflows; their prior is nothing.
    return np.where(np.isfinite(out), out, -np.inf)


def _log_areas(model: Model, x: FloatArray) -> FloatArray:
    """Log probability of each area's counts, its effects integrated out, shape (S, J)."""
    pair = _pair(model, _values(model, x))
    count = model.data["count"].transpose("area", "status").to_numpy()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        pieces = [pair.rows(slice(i, i + _CHUNK)).log_likelihood() for i in range(0, len(x), _CHUNK)]
    return np.asarray(np.concatenate(pieces) + log_ways(count))


def _split(model: Model, k: int) -> Model:
    """The binomial model of one split: this status, among the targets that have none of the better ones."""
    priors, count = model.priors, model.data["count"].transpose("area", "status")
    table = model.data.drop_dims("status").drop_vars("targets")
    better = np.stack([count[:, k].to_numpy(), count[:, k + 1 :].sum("status").to_numpy()], axis=1)
    table = table.assign_coords(status=["yes", "no"]).assign(count=(("area", "status"), better))
    own = priors if k == 0 else replace(priors, mu=priors.split, share=priors.split)
    return binomial_model(table, success=("yes",), pooling=model.options["pooling"], priors=own)


def _log_odds(share: FloatArray) -> FloatArray:
    smallest = np.finfo(float).tiny
    return np.asarray(np.log(np.maximum(share, smallest)) - np.log(np.maximum(1.0 - share, smallest)))


def _labelled(model: Model, values: Mapping[str, FloatArray], log_odds: FloatArray) -> xr.Dataset:
    """Draws by the names of the posterior, from log-odds of shape (sample, area, split)."""
    statuses = [str(status) for status in model.data["status"].to_numpy()]
    coords: dict[str, Any] = {
        "area": model.data["area"].to_numpy(),
        "status": statuses,
        "contrast": statuses[:-1],
    }
    dims = {
        "mu": ("contrast",),
        "tau": ("contrast",),
        "coefficient": ("covariate", "contrast"),
        "correlation": ("pair",),
    }
    out = {name: (("sample", *dims[name]), value) for name, value in values.items()}
    if "coefficient" in out:
        coords["covariate"] = model.data["covariate"].to_numpy()
    if "correlation" in out:
        coords["pair"] = [f"{statuses[0]}, {statuses[1]}"]
    share = np.exp(sequential_log_share(log_odds))
    return with_shares(model, xr.Dataset(out), share, coords)[list(model.variables)]
