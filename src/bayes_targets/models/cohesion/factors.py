"""What all outcomes of one cohesion design share in a batch of exact refits; the algebra stands in `cohesion_refits`."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...inference.quadrature import Axis
from ...model import Model, NotExactError
from .exact import normal_terms

FloatArray = NDArray[np.float64]
_LOG_2_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class Design:
    """X and Z side by side, which spread each column belongs to, and the parameters as functions of theta.

    Attributes
    ----------
    model : Model
        Of the priors.
    columns : array of shape (N, d)
        X and Z.
    mean, precision : array of shape (d,)
        Prior of beta; 0 for v.
    spreads : list of str
        ``tau`` and ``tau_effect``, as far as the model has them.
    owner : array of int of shape (d,)
        Number of the spread that a column of Z belongs to; -1 for X.
    labels : list of str
        Parameters that are linear in beta and u.
    weights : array of shape (parameters, d)
        These functions.
    """

    model: Model
    columns: FloatArray
    mean: FloatArray
    precision: FloatArray
    spreads: list[str]
    owner: NDArray[np.int64]
    labels: list[str]
    weights: FloatArray

    @staticmethod
    def of(model: Model) -> Design:
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
        return Design(
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
class Factors:
    r"""What all outcomes share: for each of K nodes of the spreads in units of sigma, A and its factors.

    Attributes
    ----------
    design : Design
        What is factored.
    shape : tuple of int
        Nodes along each spread.
    ratio : array of shape (K, spreads)
        The nodes rho.
    log_measure : array of shape (K,)
        Log volume of rho that each stands for.
    project : array of shape (K, d, d)
        From [X, Z]'y to w.
    shrink : array of shape (K, d)
        E.
    pull : array of shape (K, d)
        :math:`U' L^{-1} \Lambda m`.
    back : array of shape (K, parameters, d)
        From :math:`M \theta` to the parameters.
    log_det : array of shape (K,)
        :math:`\log |A|`.
    """

    design: Design
    shape: tuple[int, ...]
    ratio: FloatArray
    log_measure: FloatArray
    project: FloatArray
    shrink: FloatArray
    pull: FloatArray
    back: FloatArray
    log_det: FloatArray

    @staticmethod
    def of(design: Design, coordinates: list[FloatArray]) -> Factors:
        """The factors at all combinations of nodes, given along each spread in the coordinate of its `Axis`."""
        axis = Axis("ratio", "spread")
        mesh = np.meshgrid(*coordinates, indexing="ij")
        nodes = np.stack([m.ravel() for m in mesh], axis=1) if coordinates else np.zeros((1, 0))
        log_measure = axis.log_slope(nodes).sum(axis=1)
        log_measure += sum(math.log(own[1] - own[0]) for own in coordinates)
        ratio = axis.value(nodes)
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
        return Factors(
            design, shape, ratio, log_measure, turn * scale[:, None, :], np.maximum(shrink, 0.0), pull, back, log_det
        )  # fmt: skip

    def at(self, some: NDArray[Any]) -> Factors:
        """The same at some of the nodes, given by number or by a mask."""
        parts = [getattr(self, name)[some] for name in list(self.__dataclass_fields__)[2:]]
        return Factors(self.design, (), *parts)

    def log_p(self, w: FloatArray, left: FloatArray, log_sigma: FloatArray) -> FloatArray:
        r"""Log density of y and the coordinates, :math:`\log \sigma` and those of the spreads.

        .. math:: -\tfrac12 \Big[ 2 (N - p) \log \sigma + \log|A| + \textstyle\sum_k \log(1 + \sigma^2 E_k)
                  + \frac{y'y - |w|^2}{\sigma^2} + m' \Lambda m
                  + \sum_k \frac{E_k w_k^2 - 2 w_k e_k - \sigma^2 e_k^2}{1 + \sigma^2 E_k} + \ldots \Big]

        Parameters
        ----------
        w : array of shape (R, K, d)
            Projections of each outcome.
        left : array of shape (R, K)
            :math:`y'y - |w|^2`.
        log_sigma : array of shape (R, S)
            Nodes of each outcome.

        Returns
        -------
        array of shape (R, S, K)
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
