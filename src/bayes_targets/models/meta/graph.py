"""The graph of `meta_model` for NUTS, from the same description as the exact engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...model import Model
from ...priors import Prior
from .problem import Problem, bin_shares, precision_mixture, problem_of


def build(model: Model) -> Any:
    """The `pymc.Model`.

    Where errors are normal the effects are integrated out: what is sampled of them are standard normal values that the data say
    nothing of (but for selection within groups), and effects follow from these, the estimates and the hyperparameters. With
    Student-t errors effects are sampled around their mean in units of their spread.
    """
    import pymc as pm
    import pytensor.tensor as pt

    problem, data = problem_of(model), model.data
    priors = problem.priors
    coords: dict[str, Any] = {"study": data["study"].to_numpy()}
    coords |= {dim: data[dim].to_numpy() for dim in ("moderator", "step") if dim in data.dims}
    with pm.Model(coords=coords) as graph:
        estimate = pm.Data("printed_estimate", problem.y, dims="study")
        if problem.pooling == "none":
            assert isinstance(priors.mu, Prior)
            _estimates(problem, estimate, priors.mu.to_pymc("effect", dims="study"))
            return graph
        mu, tau = _value(problem, "mu"), _value(problem, "tau")
        within = 0.0 if problem.group is None else _value(problem, "tau_within")
        centre = mu + pt.zeros(problem.y.size)
        if problem.columns.shape[1]:
            assert isinstance(priors.coefficient, Prior)
            scaled = priors.coefficient.to_pymc("scaled_coefficient", dims="moderator")
            pm.Deterministic("coefficient", scaled / problem.sd, dims="moderator")
            centre = centre + pt.dot(problem.columns, scaled)
        bias = 0.0 if problem.bias is None else _value(problem, "slope") * problem.bias
        pm.Deterministic("new_effect", mu + pt.sqrt(tau**2 + within**2 + 1e-300) * pm.Normal("z_new"))
        selected_centre, spread = centre, tau
        if problem.student.any():
            if problem.group is not None:
                shared = tau * pm.Normal("z_group", shape=problem.member.shape[1])
                selected_centre, spread = centre + shared[problem.group], within
            effect = selected_centre + spread * pm.Normal("z", dims="study")
            _estimates(problem, estimate, effect + bias)
        elif problem.covariance is None:
            if problem.group is not None:
                shared = _groups(problem, estimate, centre + bias, tau, within)
                selected_centre, spread = centre + shared[problem.group], within
            total = pt.sqrt(spread**2 + problem.se**2)
            if problem.group is None:
                pm.Normal("estimate", centre + bias, total, observed=estimate, dims="study")
            noise = spread * problem.se / total * pm.Normal("z", dims="study")
            effect = selected_centre + (spread / total) ** 2 * (estimate - bias - selected_centre) + noise
        else:
            effect = centre + _dependent(problem, estimate, centre + bias, tau, within)
        pm.Deterministic("effect", effect, dims="study")
        if problem.bounds is not None:
            _publication(problem, estimate, selected_centre, spread)
    return graph


def _estimates(problem: Problem, estimate: Any, mean: Any) -> None:
    """The estimates around the effects."""
    import pymc as pm

    if problem.covariance is not None:
        root = np.linalg.cholesky(problem.covariance)
        pm.MvNormal("estimate", mean, chol=root, observed=estimate, dims="study")
    elif problem.student.any():
        df = np.where(problem.student, problem.df, 1e8)
        pm.StudentT("estimate", nu=df, mu=mean, sigma=problem.se, observed=estimate, dims="study")
    else:
        pm.Normal("estimate", mean, problem.se, observed=estimate, dims="study")


def _groups(problem: Problem, estimate: Any, mean: Any, tau: Any, within: Any) -> Any:
    """The estimates with effects integrated out, and the groups' effects less their mean, given the estimates."""
    import pymc as pm
    import pytensor.tensor as pt

    member = problem.member
    weight = 1.0 / (within**2 + problem.se**2)
    covariance = pt.diag(1.0 / weight) + tau**2 * (member @ member.T)
    pm.MvNormal("estimate", mean, cov=covariance, observed=estimate, dims="study")
    total = pt.dot(weight, member)
    shrink = 1.0 / (1.0 + tau**2 * total)
    found = tau**2 * shrink * pt.dot(weight * (estimate - mean), member)
    return found + tau * pt.sqrt(shrink) * pm.Normal("z_group", shape=member.shape[1])


def _dependent(problem: Problem, estimate: Any, mean: Any, tau: Any, within: Any) -> Any:
    """The estimates with effects integrated out, where they depend on one another; and effects less their mean.

    A draw of effects and errors from the prior, moved by how far it is from the estimates (Matheron's rule).
    """
    import pymc as pm
    import pytensor.tensor as pt

    errors, count = problem.covariance, problem.y.size
    assert errors is not None
    group = np.arange(count) if problem.group is None else problem.group
    same = np.equal.outer(group, group).astype(float)
    effects = tau**2 * same + within**2 * np.eye(count)
    pm.MvNormal("estimate", mean, cov=errors + effects, observed=estimate, dims="study")
    own = (tau * pm.Normal("z_group", shape=int(group.max()) + 1))[group]
    if problem.group is not None:
        own = own + within * pm.Normal("z", dims="study")
    error = pt.dot(np.linalg.cholesky(errors), pm.Normal("z_error", dims="study"))
    return own + pt.dot(effects, pt.linalg.solve(errors + effects, estimate - mean - own - error))


def _publication(problem: Problem, estimate: Any, centre: Any, spread: Any) -> None:
    """Weights of publication, and the density of the estimates among those that are published."""
    import pymc as pm
    import pytensor.tensor as pt

    assert problem.bounds is not None
    weights = _weights(problem)
    nodes, mass = precision_mixture(problem.df)
    total = pt.sqrt(spread**2 + problem.se[:, None] ** 2 / nodes)
    place = problem.direction * centre[:, None]
    bins = bin_shares(place, total, problem.bounds, problem.two_sided, mass, _normal_cdf)
    sums = sum(weights[k] * share for k, share in enumerate(bins))
    seen = pt.abs(estimate) if problem.two_sided else problem.direction * estimate
    own = (seen[:, None] < problem.bounds).sum(axis=1)
    pm.Potential("publication", (pt.log(weights)[own] - pt.log(sums)).sum())


def _value(problem: Problem, name: str) -> Any:
    """A parameter, or its point, by its name."""
    import pymc as pm
    import pytensor.tensor as pt

    point = problem.point(name)
    if point is None:
        return getattr(problem.priors, name).to_pymc(name)
    return pm.Deterministic(name, pt.as_tensor_variable(point))


def _weights(problem: Problem) -> Any:
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
