"""The graph of `meta_model` for NUTS, from the same description as the exact engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...model import Model
from ...priors import Prior
from .problem import precision_mixture, problem_of


def build(model: Model) -> Any:
    """The `pymc.Model`: effects around their mean in units of their spread, estimates around the effects."""
    import pymc as pm
    import pytensor.tensor as pt

    problem, data = problem_of(model), model.data
    priors, studies = problem.priors, data["study"].to_numpy()
    coords: dict[str, Any] = {"study": studies}
    coords |= {dim: data[dim].to_numpy() for dim in ("moderator", "step") if dim in data.dims}
    with pm.Model(coords=coords) as graph:
        estimate = pm.Data("printed_estimate", problem.y, dims="study")
        if problem.pooling == "none":
            assert isinstance(priors.mu, Prior)
            effect = priors.mu.to_pymc("effect", dims="study")
        else:
            mu = _value("mu", problem.point("mu"), priors.mu)
            tau = _value("tau", problem.point("tau"), priors.tau)
            within: Any = 0.0
            if problem.group is not None:
                within = _value("tau_within", problem.point("tau_within"), priors.tau_within)
            centre = mu + pt.zeros(studies.size)
            if problem.columns.shape[1]:
                assert isinstance(priors.coefficient, Prior)
                scaled = priors.coefficient.to_pymc("scaled_coefficient", dims="moderator")
                pm.Deterministic("coefficient", scaled / problem.sd, dims="moderator")
                centre = centre + pt.dot(problem.columns, scaled)
            own_centre, own = centre, tau
            if problem.group is not None:
                groups = np.arange(problem.group.max() + 1)
                shared = pm.Normal("z_group", size=groups.size)
                own_centre, own = centre + (tau * shared)[problem.group], within
            effect = pm.Deterministic("effect", own_centre + own * pm.Normal("z", dims="study"), dims="study")
            pm.Deterministic("new_effect", mu + pt.sqrt(tau**2 + within**2) * pm.Normal("z_new"))
        mean = effect
        if problem.bias is not None:
            assert isinstance(priors.slope, Prior)
            mean = mean + priors.slope.to_pymc("slope") * problem.bias
        if problem.covariance is not None:
            root = np.linalg.cholesky(problem.covariance)
            pm.MvNormal("estimate", mean, chol=root, observed=estimate, dims="study")
        elif problem.student.any():
            normal = np.where(problem.student, problem.df, 1e8)
            pm.StudentT("estimate", nu=normal, mu=mean, sigma=problem.se, observed=estimate, dims="study")
        else:
            pm.Normal("estimate", mean, problem.se, observed=estimate, dims="study")
        if problem.bounds is not None:
            weights = _weights(problem)
            nodes, mass = precision_mixture(problem.df)
            spread = pt.sqrt(own**2 + problem.se[:, None] ** 2 / nodes)
            place = problem.direction * own_centre[:, None]
            above = []
            for k in range(problem.bounds.shape[1]):
                bound = problem.bounds[:, k, None]
                beyond = _normal_cdf((place - bound) / spread)
                if problem.two_sided:
                    beyond = beyond + _normal_cdf((-bound - place) / spread)
                above.append((beyond * mass).sum(axis=1))
            ends = [pt.zeros(studies.size), *above, pt.ones(studies.size)]
            sums = sum(weights[k] * (ends[k + 1] - ends[k]) for k in range(problem.bins))
            seen = pt.abs(estimate) if problem.two_sided else problem.direction * estimate
            bins = (seen[:, None] < problem.bounds).sum(axis=1)
            pm.Potential("publication", (pt.log(weights)[bins] - pt.log(sums)).sum())
    return graph


def _value(name: str, point: float | None, prior: Any) -> Any:
    """A parameter, or its point, by its name."""
    import pymc as pm
    import pytensor.tensor as pt

    if point is None:
        return prior.to_pymc(name)
    return pm.Deterministic(name, pt.as_tensor_variable(float(point)))


def _weights(problem: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    if problem.fixed_weights is not None:
        pm.Deterministic("weight", pt.as_tensor_variable(problem.fixed_weights[1:]), dims="step")
        return pt.as_tensor_variable(problem.fixed_weights)
    sticks = [prior.to_pymc(f"stick_{k}") for k, prior in enumerate(problem.sticks)]
    weight = pm.Deterministic("weight", pt.cumprod(pt.stack(sticks)), dims="step")
    return pt.concatenate([pt.ones(1), weight])


def _normal_cdf(z: Any) -> Any:
    import pytensor.tensor as pt

    return 0.5 * pt.erfc(-z / np.sqrt(2.0))
