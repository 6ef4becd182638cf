r"""Many exact refits of one `cohesion_model`: other outcomes y, the same design and priors, all in one batch.

With the spreads measured in units of sigma, :math:`\tau = \rho \sigma`, and deviations :math:`u = \rho v`,

.. math:: y = D_\rho \theta + e, \quad D_\rho = [X, \rho Z], \quad \theta = (\beta, v), \quad
          \beta \sim N(m, \Lambda^{-1}), \; v \sim N(0, \sigma^2 I), \; e \sim N(0, \sigma^2 I)

so that the posterior precision is :math:`\sigma^{-2} (A_\rho + \sigma^2 \Lambda)` with :math:`A_\rho = D_\rho' D_\rho +
\mathrm{diag}(0, I)`, where neither y nor sigma is in A. From :math:`A = L L'` and :math:`L^{-1} \Lambda L'^{-1} = U E U'`
follows

.. math:: A + \sigma^2 \Lambda = M' (I + \sigma^2 E) M, \qquad M = U' L'

and all that depends on y are the projections :math:`w = U' L^{-1} D_\rho' y` and :math:`y'y`. All outcomes share one grid of
:math:`\rho` and one factorisation a node; each has a grid of its own of :math:`\log \sigma`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes_targets.errors import DataError, did_you_mean
from bayes_targets.inference.quadrature import Axis
from bayes_targets.model import Model, NotExactError
from bayes_targets.models.cohesion.exact import normal_terms, require_gaussian

FloatArray = NDArray[np.float64]
# Coordinates of the spreads: below, the map of `Axis` leaves nothing; above, the grid grows as the outcomes ask for it.
_LOW, _HIGH, _STEP = -3.0, 3.0, 0.3
# Nodes of log sigma when looking for it and in the end; how far they reach, in s.d.; and nodes at a time.
_SCAN, _NODES, _REACH, _CHUNK = 12, 23, (6.5, 8.0), 2**18
_NEGLIGIBLE, _NOTHING, _EDGE, _CHANGE = 1e-10, 1e-16, 1e-8, 1e-3
_LOG_2_PI = math.log(2.0 * math.pi)


def refit_exact(
    model: Model, outcomes: ArrayLike, truth: Mapping[str, ArrayLike] | None = None
) -> xr.Dataset:
    """Exact posterior moments of one model under many outcomes; no draws.

    Parameters
    ----------
    model : Model
        From `cohesion_model` with normal noise; its own outcome plays no part.
    outcomes : array of shape (refit, authority)
        The change of each authority, in the order of ``model.data``.
    truth : mapping of str to array of shape (refit,) or (refit, labels), optional
        True values of any of the parameters, for instance what ``model.draw_prior`` gave.

    Returns
    -------
    xarray.Dataset
        Dims ``refit`` and ``parameter`` (as ``"effect"`` or ``"intercept[county]"``): posterior ``mean`` and ``sd``;
        ``pit``, the posterior probability of less than the truth (NaN where none is told); ``log_evidence (refit)``. Attrs
        ``edge_mass``, ``refinement_change`` (of log evidence, mean and s.d. of the scales when every second node is left
        out, in s.d.; the error of the whole grid is about its square) and ``grid_size``, nodes a refit.

    Raises
    ------
    DataError
        If outcomes or truths do not fit the model.
    NotExactError
        As `fit` with engine ``"exact"``, if terms are collinear, or if the grid does not come to rest.

    Examples
    --------
    >>> from bayes_targets.models.cohesion.model import cohesion_model
    >>> from bayes_targets.models.cohesion.simulate import simulate_authorities
    >>> model = cohesion_model(simulate_authorities({"county": 27, "unitary": 55}, seed=1))
    >>> outcomes = np.random.default_rng(1).normal(2.0, 3.0, (100, 82))
    >>> found = refit_exact(model, outcomes, {"effect": np.zeros(100)})
    >>> dict(found.sizes), bool(abs(found["pit"].sel(parameter="effect").mean() - 0.5) < 0.1)
    ({'refit': 100, 'parameter': 6}, True)
    """
    require_gaussian(model)
    if model.options["effect"] is None:
        raise NotExactError("a model without a slope has no batch of exact refits; fit them one by one")
    y = np.asarray(outcomes, dtype=float)
    if y.ndim != 2 or y.shape[1] != model.data.sizes["authority"] or not np.isfinite(y).all():
        raise DataError(
            f"outcomes: found shape {y.shape}, expected finite numbers of shape (refit, {model.data.sizes['authority']})"
        )
    design = _Design.of(model)
    known = _truths(design, truth or {}, len(y))
    shared, nodes, found = _settled(design, y, known)
    edge, change = (float(np.max(part, initial=0.0)) for part in (found.edge, found.change))
    return xr.Dataset(
        {
            "mean": (("refit", "parameter"), found.mean),
            "sd": (("refit", "parameter"), found.sd),
            "pit": (("refit", "parameter"), found.pit),
            "log_evidence": ("refit", found.log_evidence),
        },
        coords={"parameter": [*design.labels, "sigma", *design.spreads]},
        attrs={
            "edge_mass": edge,
            "refinement_change": change,
            "grid_size": nodes * len(shared.ratio),
        },
    )


def _settled(design: _Design, y: FloatArray, truth: FloatArray) -> tuple[_Factors, int, _Found]:
    """Widen and refine the shared grid until it holds and resolves every refit; a few outcomes go first."""
    spreads = len(design.spreads)
    high, step = np.full(spreads, _HIGH), np.full(spreads, _STEP)
    # From the least noise to the most, as these ask most of a grid in units of sigma.
    basis, size, _ = np.linalg.svd(design.columns, full_matrices=False)
    explained = y @ basis[:, size > 1e-9 * size[0]]
    order = np.argsort((y**2).sum(axis=1) - (explained**2).sum(axis=1))
    rows = order[np.unique(np.linspace(0, len(y) - 1, 24).astype(int))]
    nodes, reach = _NODES, 1.0
    for _ in range(25):
        axes = [np.arange(_LOW, b + h / 2, h) for b, h in zip(high, step, strict=True)]
        shared = _Factors.of(design, axes)
        line = reach * np.linspace(-_REACH[0], _REACH[1], nodes)
        found = _integrate(shared, line, y[rows], truth[rows])
        edge, change = (part.max(axis=0) for part in (found.edge, found.change))
        if edge.max() < _EDGE and change.max() < _CHANGE:
            if len(rows) == len(y):
                back = np.argsort(rows)
                return (
                    shared,
                    nodes,
                    _Found(*(getattr(found, name)[back] for name in _Found.__dataclass_fields__)),
                )
            rows = order
        else:
            cut_off = edge[1:] >= _EDGE
            high = high + np.where(cut_off, 1.0, 0.0)
            # The logarithm of the error goes as a power of one over the step.
            shorter = (np.log(np.minimum(change[1:], 0.5)) / math.log(0.7 * _CHANGE)) ** 0.7
            nodes += nodes // 3 if change[0] >= _CHANGE else 0
            reach *= 1.25 if edge[0] >= _EDGE else 1.0
            coarse = (change[1:] >= _CHANGE) & ~cut_off
            step = np.where(coarse, np.clip(shorter, 0.5, 0.95), 1.0) * step
    raise NotExactError(
        f"the grid of many refits does not come to rest (edge mass {edge.max():.1g}, change {change.max():.1g}); "
        "fit them one by one"
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """What is known of each refit; parameters in the order of the design, then sigma, then the spreads."""

    log_evidence: FloatArray
    mean: FloatArray
    sd: FloatArray
    pit: FloatArray
    edge: FloatArray
    change: FloatArray


def _integrate(shared: _Factors, line: FloatArray, y: FloatArray, truth: FloatArray) -> _Found:
    """All refits, some at a time; the nodes of log sigma are `line` in s.d. from its mean."""
    rows = max(_CHUNK // (line.size * len(shared.ratio)), 1)
    parts = [_some(shared, line, y[i : i + rows], truth[i : i + rows]) for i in range(0, len(y), rows)]
    names = _Found.__dataclass_fields__
    return _Found(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _some(shared: _Factors, line: FloatArray, y: FloatArray, truth: FloatArray) -> _Found:
    w = np.einsum("kdc,rc->rkd", shared.project, y @ shared.design.columns, optimize=True)
    left = (y**2).sum(axis=1)[:, None] - (w**2).sum(axis=2)
    log_sigma, step, near = _scale_grid(shared, line, w, left)
    log_p = np.full((*log_sigma.shape, len(near)), -np.inf)
    log_p[:, :, near] = shared.at(near).log_p(w[:, near], left[:, near], log_sigma)
    top = log_p.max(axis=(1, 2))
    weight = np.exp(log_p - top[:, None, None])
    total = weight.sum(axis=(1, 2))
    weight /= total[:, None, None]
    linear = _linear(shared, w, log_sigma, weight, truth)
    scales = _scales(shared, log_sigma, step, weight, truth[:, -1 - len(shared.shape) :])
    mean, sd, pit = (np.concatenate(pair, axis=1) for pair in zip(linear, scales, strict=True))
    margins = [weight.sum(axis=2)]
    cube = weight.sum(axis=1).reshape(len(y), *shared.shape)
    for i in range(len(shared.shape)):
        margins.append(cube.sum(axis=tuple(1 + j for j in range(len(shared.shape)) if j != i)))
    # Below, a spread's map ends at 0: no mass can be lost there.
    edge = [margins[0][:, [0, -1]].sum(axis=1), *(margin[:, -1] for margin in margins[1:])]
    change = [_change(margin) for margin in margins]
    return _Found(top + np.log(total * step), mean, sd, pit, np.column_stack(edge), np.column_stack(change))


def _scale_grid(
    shared: _Factors, line: FloatArray, w: FloatArray, left: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Regular nodes of log sigma for each outcome, shape (R, S), and their distance, found on a coarser grid.

    Also which nodes of the spreads matter to any of the outcomes.
    """
    freedom = max(len(shared.design.columns) - int((shared.design.owner < 0).sum()), 1)
    centre = 0.5 * np.log(np.maximum(left.min(axis=1), 1e-300) / freedom)
    sd = np.full(len(w), 1.5 / math.sqrt(2.0 * freedom))
    few = np.arange(0, len(shared.ratio), 2 if len(shared.shape) == 1 else 1)
    some = shared.at(few)
    for _ in range(30):
        x = centre[:, None] + sd[:, None] * np.linspace(line[0], line[-1], _SCAN)
        log_p = some.log_p(w[:, few], left[:, few], x)
        mass = np.exp(log_p - log_p.max(axis=(1, 2), keepdims=True)).sum(axis=2)
        mass /= mass.sum(axis=1, keepdims=True)
        mean = (mass * x).sum(axis=1)
        own = np.sqrt((mass * (x - mean[:, None]) ** 2).sum(axis=1))
        off = np.abs(mean - centre) > 0.3 * sd
        new = np.clip(np.maximum(own, 0.3 * sd), None, 3.0 * sd)
        settled = not (off | (np.abs(new / sd - 1.0) > 0.25)).any()
        centre, sd = mean, new
        if settled:
            break
    # Nodes of the spreads that matter to none of these outcomes, nor do their neighbours.
    there = np.zeros(len(shared.ratio), dtype=bool)
    there[few] = (log_p.max(axis=1) > log_p.max(axis=(1, 2))[:, None] + math.log(_NOTHING)).any(axis=0)
    if len(shared.shape) == 1:
        there = np.convolve(there, np.ones(5), "same") > 0
    x = centre[:, None] + sd[:, None] * line
    return x, x[:, 1] - x[:, 0], there


def _linear(
    shared: _Factors, w: FloatArray, log_sigma: FloatArray, weight: FloatArray, truth: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, s.d. and probability below the truth of parameters that are normal given the scales: a mixture."""
    from scipy import special

    size, count = len(w), shared.back.shape[1]
    first, second, below = np.zeros((3, count, size))
    centre = np.zeros((size, count))
    for k in range(len(shared.ratio)):
        refit, node = np.nonzero(weight[:, :, k] > _NEGLIGIBLE)
        if not refit.size:
            continue
        mass, variance = weight[refit, node, k], np.exp(2.0 * log_sigma[refit, node])[:, None]
        share = 1.0 + variance * shared.shrink[k]
        mean = ((w[refit, k] + variance * shared.pull[k]) / share) @ shared.back[k].T
        spread = (variance / share) @ (shared.back[k] ** 2).T
        if not centre.any():
            np.copyto(centre, mean.mean(axis=0))
        away = mean - centre[refit]
        z = (truth[refit, :count] - mean) / np.sqrt(spread)
        for j in range(count):
            first[j] += np.bincount(refit, mass * away[:, j], size)
            second[j] += np.bincount(refit, mass * (spread[:, j] + away[:, j] ** 2), size)
            if not np.isnan(truth[0, j]):
                below[j] += np.bincount(refit, mass * special.ndtr(z[:, j]), size)
    pit = np.where(np.isnan(truth[:, :count]), np.nan, below.T)
    return centre + first.T, np.sqrt(second.T - first.T**2), pit


def _scales(
    shared: _Factors, log_sigma: FloatArray, step: FloatArray, weight: FloatArray, truth: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same for sigma and the spreads, from the masses of their nodes."""
    sigma, moments = np.exp(log_sigma)[:, :, None], []
    for ratio in (np.ones(len(shared.ratio)), *shared.ratio.T):
        value = sigma * ratio
        mean = (weight * value).sum(axis=(1, 2))
        square = (weight * (value - mean[:, None, None]) ** 2).sum(axis=(1, 2))
        moments.append((mean, np.sqrt(square)))
    pit = [_below(log_sigma, step, weight.sum(axis=2, keepdims=True), truth[:, 0], np.ones(1))]
    for i, ratio in enumerate(shared.ratio.T):
        pit.append(_below(log_sigma, step, weight, truth[:, 1 + i], ratio))
    mean, sd = (np.column_stack(part) for part in zip(*moments, strict=True))
    return mean, sd, np.column_stack(pit)


def _below(
    log_sigma: FloatArray, step: FloatArray, weight: FloatArray, truth: FloatArray, ratio: FloatArray
) -> FloatArray:
    r"""Probability of :math:`\rho \sigma` below the truth.

    A density known at regular nodes is the sum of their sinc functions, each of whose integrals is a sine integral; the
    formula converges as fast as the trapezoidal rule.
    """
    from scipy import special

    if np.isnan(truth).all():
        return np.full(len(weight), np.nan)
    edge = np.log(truth)[:, None] - np.log(ratio)
    z = (edge[:, None, :] - log_sigma[:, :, None]) / step[:, None, None]
    return np.asarray((weight * (0.5 + special.sici(math.pi * z)[0] / math.pi)).sum(axis=(1, 2)))


def _change(margin: FloatArray) -> FloatArray:
    """What leaving out every second node changes of each row's mass, mean and s.d., in s.d."""
    place = np.arange(margin.shape[1])
    half = margin * (2.0 * (place % 2 == 0))
    # A grid that misses the mass may leave nothing to divide by.
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = half.sum(axis=1)
        mean, half_mean = margin @ place, half @ place / mass
        sd, half_sd = (
            np.sqrt((of * (place - at[:, None]) ** 2).sum(axis=1))
            for of, at in ((margin, mean), (half / mass[:, None], half_mean))
        )
        parts = [np.abs(np.log(mass)), np.abs(half_mean - mean) / sd, np.abs(half_sd / sd - 1.0)]
    return np.nan_to_num(np.max(parts, axis=0), nan=np.inf)


def _truths(design: _Design, truth: Mapping[str, ArrayLike], size: int) -> FloatArray:
    """True values of shape (refit, parameter), NaN where none is told."""
    labels = [*design.labels, "sigma", *design.spreads]
    out = np.full((size, len(labels)), np.nan)
    for name, values in truth.items():
        own = [i for i, label in enumerate(labels) if label.split("[")[0] == name]
        given = (
            np.asarray(values, dtype=float).reshape(size, -1) if np.size(values) == size * len(own) else None
        )
        if not own:
            if name in design.model.variables:  # a function of the others, such as the regression's terms
                continue
            raise DataError(
                f"truth, {name!r}: no such parameter; {did_you_mean(name, list(design.model.variables))}"
            )
        if given is None:
            raise DataError(f"truth, {name!r}: found shape {np.shape(values)}, expected ({size}, {len(own)})")
        out[:, own] = given
    return out


@dataclass(frozen=True, eq=False)
class _Design:
    """X and Z side by side, which spread each column belongs to, and the parameters as functions of theta."""

    model: Model
    columns: FloatArray
    mean: FloatArray
    precision: FloatArray
    spreads: list[str]
    owner: NDArray[np.int64]
    labels: list[str]
    weights: FloatArray

    @staticmethod
    def of(model: Model) -> _Design:
        """The columns of a cohesion model with normal noise."""
        data, priors, options = model.data, model.priors, model.options
        x = data[options["effect"]].to_numpy()[:, None]
        types = [str(name) for name in data["authority_type"].to_numpy()]
        own = np.eye(len(types))[data["type_index"].to_numpy()]
        alone = options["pooling"] == "none"
        blocks = {"type" if alone else "mu": own if alone else np.ones_like(x), "effect": x}
        prior = [priors.intercept] * len(types) if alone else [priors.mu]
        prior.append(priors.effect)
        if "controls" in data:
            blocks["control"] = ((data["controls"] - data["control_mean"]) / data["control_scale"]).to_numpy()
            prior += [priors.coefficient] * data.sizes["control"]
        z = {"tau": own} if options["pooling"] == "partial" else {}
        z |= {"tau_effect": own * x} if options["slopes"] == "by_type" else {}
        # Where each block stands among the columns.
        ends = np.cumsum([0, *(block.shape[1] for block in (blocks | z).values())])
        at = {
            name: np.arange(a, b) for name, (a, b) in zip(blocks | z, itertools.pairwise(ends), strict=True)
        }
        unit, rows = np.eye(ends[-1]), {}
        if not alone:
            rows["mu"] = unit[at["mu"][0]]
        if options["pooling"] != "complete":
            first = unit[at["type"]] if alone else unit[at["mu"]] + unit[at["tau"]]
            rows |= {f"intercept[{name}]": row for name, row in zip(types, first, strict=True)}
        rows["effect"] = unit[at["effect"][0]]
        if "tau_effect" in z:
            slopes = unit[at["effect"]] + unit[at["tau_effect"]]
            rows |= {f"effect_by_type[{name}]": row for name, row in zip(types, slopes, strict=True)}
        if "control" in at:
            scaled = unit[at["control"]] / data["control_scale"].to_numpy()[:, None]
            rows |= {
                f"coefficient[{c}]": row for c, row in zip(data["control"].to_numpy(), scaled, strict=True)
            }
        rest = np.zeros(ends[-1] - len(prior))
        mean, precision = normal_terms(prior)
        return _Design(
            model,
            np.hstack(list((blocks | z).values())),
            np.append(mean, rest),
            np.append(precision, rest),
            list(z),
            np.concatenate([np.full(len(prior), -1), *(np.full(len(types), i) for i in range(len(z)))]),
            list(rows),
            np.array(list(rows.values())),
        )


@dataclass(frozen=True, eq=False)
class _Factors:
    r"""What all outcomes share: for each of K nodes of the spreads in units of sigma, A and its factors."""

    design: _Design
    shape: tuple[int, ...]
    ratio: FloatArray
    log_measure: FloatArray
    project: FloatArray
    shrink: FloatArray
    pull: FloatArray
    back: FloatArray
    log_det: FloatArray

    @staticmethod
    def of(design: _Design, coordinates: list[FloatArray]) -> _Factors:
        """The factors at all combinations of nodes, given along each spread in the coordinate of its `Axis`."""
        axis = Axis("ratio", "spread")
        mesh = np.meshgrid(*coordinates, indexing="ij")
        nodes = np.stack([m.ravel() for m in mesh], axis=1) if coordinates else np.zeros((1, 0))
        log_measure = axis.both(nodes)[1].sum(axis=1)
        log_measure += sum(math.log(own[1] - own[0]) for own in coordinates)
        ratio = axis.both(nodes)[0]
        scale = np.column_stack([ratio, np.ones(len(nodes))])[:, design.owner]
        gram = design.columns.T @ design.columns
        try:
            lower = np.linalg.cholesky(
                scale[:, :, None] * gram * scale[:, None, :] + np.diag(1.0 * (design.owner >= 0))
            )
        except np.linalg.LinAlgError:
            raise NotExactError(
                "terms are collinear: no batch of exact refits; fit them one by one"
            ) from None
        inverse = np.linalg.inv(lower)
        shrink, u = np.linalg.eigh((inverse * design.precision) @ inverse.swapaxes(1, 2))
        turn = u.swapaxes(1, 2) @ inverse
        back = (design.weights * scale[:, None, :]) @ turn.swapaxes(1, 2)
        log_det = 2.0 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        pull = turn @ (design.precision * design.mean)
        shape = tuple(len(own) for own in coordinates)
        return _Factors(
            design, shape, ratio, log_measure, turn * scale[:, None, :], np.maximum(shrink, 0.0), pull, back, log_det
        )  # fmt: skip

    def at(self, some: NDArray[Any]) -> _Factors:
        """The same at some of the nodes, given by number or by a mask."""
        parts = [getattr(self, name)[some] for name in list(self.__dataclass_fields__)[2:]]
        return _Factors(self.design, (), *parts)

    def log_p(self, w: FloatArray, left: FloatArray, log_sigma: FloatArray) -> FloatArray:
        r"""Log density of y and the coordinates, :math:`\log \sigma` and those of the spreads.

        .. math:: -\tfrac12 \Big[ 2 (N - p) \log \sigma + \log|A| + \textstyle\sum_k \log(1 + \sigma^2 E_k)
                  + \frac{y'y - |w|^2}{\sigma^2} + m' \Lambda m
                  + \sum_k \frac{E_k w_k^2 - 2 w_k e_k - \sigma^2 e_k^2}{1 + \sigma^2 E_k} + \ldots \Big]
        """
        design, priors = self.design, self.design.model.priors
        fixed = design.precision[design.owner < 0]
        proper = fixed > 0
        variance = np.exp(2.0 * log_sigma)[:, :, None]
        square = left[:, None, :] / variance
        product = np.ones_like(square)
        # Only as many of E are not 0 as there are coefficients with a proper prior; eigenvalues come sorted.
        for k in range(self.shrink.shape[1] - int(proper.sum()), self.shrink.shape[1]):
            share = 1.0 + variance * self.shrink[:, k]
            own = (self.shrink[:, k] * w[:, :, k] - 2.0 * self.pull[:, k]) * w[:, :, k]
            square += (own[:, None, :] - variance * self.pull[:, k] ** 2) / share
            product *= share
        n = len(design.columns)
        constant = n * _LOG_2_PI - np.log(fixed[proper]).sum() - (~proper).sum() * _LOG_2_PI
        constant += design.precision @ design.mean**2
        out = -0.5 * (square + np.log(product) + self.log_det + constant) + self.log_measure
        sigma = np.exp(log_sigma)
        own = priors.sigma.logpdf(sigma) - (n - fixed.size - 1 - len(design.spreads)) * log_sigma
        out += own[:, :, None]
        for i, name in enumerate(design.spreads):
            out += getattr(priors, name).logpdf(sigma[:, :, None] * self.ratio[:, i])
        return np.asarray(out)
