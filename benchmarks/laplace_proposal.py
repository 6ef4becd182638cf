"""Whether importance sampling from a Laplace approximation could stand in for NUTS where no exact posterior is.

For models with Student-t noise, with measurement error, and for multinomial success, on simulated data (and on the ODPM
counts), 4,000 draws of a multivariate t with 5 degrees of freedom around the mode of the unconstrained posterior are weighted,
and the weights' Pareto k-hat and effective sample size written to ``benchmarks/results/laplace_proposal.csv``. A k-hat
above 0.7 means that the weights cannot be trusted (Vehtari et al. 2024).

    python benchmarks/laplace_proposal.py [--datasets 3] [--seed 2014] [--out FILE]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from arviz_stats.base import array_stats
from pymc.blocking import DictToArrayBijection, RaveledVars
from scipy import optimize

import bayes_targets as bt
from bayes_targets.model import Model
from bayes_targets.models.cohesion.model import cohesion_model
from bayes_targets.models.cohesion.simulate import simulate_authorities
from bayes_targets.models.success.model import success_model
from bayes_targets.studies import odpm2005

TYPES = {"county": 27, "metropolitan": 36, "London": 32, "unitary": 55}
DRAWS, FREEDOM, K_HAT_LIMIT = 4000, 5, 0.7


def models(datasets: int, seed: int) -> dict[str, Model]:
    """The models in question by name."""
    found = {}
    for i in range(datasets):
        data = simulate_authorities(TYPES, survey_se=1.0, seed=seed + i)
        found[f"Student-t noise, data set {i + 1}"] = cohesion_model(data, noise="student_t")
        found[f"measurement error, data set {i + 1}"] = cohesion_model(data, measurement_error=True)
    counts = odpm2005.counts(bt.load_study("odpm2005"), "policy_area")
    return found | {"multinomial, ODPM policy areas": success_model(counts, outcome="multinomial")}


def try_laplace(model: Model, seed: int) -> dict[str, float]:
    """k-hat and effective sample size of weighted draws from around the mode."""
    graph = model.to_pymc()
    start = graph.initial_point()
    first = DictToArrayBijection.map(start)
    joint, slope = graph.compile_logp(), graph.compile_dlogp()

    def point(x: np.ndarray) -> dict[str, np.ndarray]:
        return DictToArrayBijection.rmap(RaveledVars(x, first.point_map_info), start_point=start)

    def minus_log_p(x: np.ndarray) -> float:
        value = float(joint(point(x)))
        return -value if np.isfinite(value) else 1e100

    def gradient(x: np.ndarray) -> np.ndarray:
        return -np.asarray(slope(point(x)))

    began = time.perf_counter()
    mode = optimize.minimize(
        minus_log_p, first.data, jac=gradient, method="BFGS", options={"maxiter": 2000}
    ).x
    size, step = mode.size, 1e-4
    shifts = step * np.eye(size)
    hessian = np.array([(gradient(mode + d) - gradient(mode - d)) / (2 * step) for d in shifts])
    values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
    root = vectors / np.sqrt(np.maximum(values, 1e-3))
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((DRAWS, size)) / np.sqrt(rng.chisquare(FREEDOM, (DRAWS, 1)) / FREEDOM)
    log_q = -0.5 * (FREEDOM + size) * np.log1p((z**2).sum(axis=1) / FREEDOM)
    log_w = np.array([-minus_log_p(mode + root @ one) for one in z]) - log_q
    # The function wants minus the log ratios; one that is 0 in floating point says nothing of the tail.
    log_w, k_hat = array_stats.psislw(-np.maximum(log_w - log_w.max(), -700.0))
    weight = np.exp(log_w - log_w.max())
    return {
        "parameters": size,
        "k_hat": round(float(k_hat), 2),
        "effective_draws": round(float(weight.sum() ** 2 / (weight**2).sum())),
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> None:
    """Try every model and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--datasets", type=int, default=3)
    parser.add_argument("--seed", type=int, default=2014)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "laplace_proposal.csv"
    )
    options = parser.parse_args()
    found = {name: try_laplace(m, options.seed) for name, m in models(options.datasets, options.seed).items()}
    table = pd.DataFrame(found).T.rename_axis("model")
    table.insert(2, "trusted", table["k_hat"] <= K_HAT_LIMIT)
    table.astype({"parameters": int, "effective_draws": int}).to_csv(options.out, lineterminator="\n")
    print(table.to_string())


if __name__ == "__main__":
    main()
