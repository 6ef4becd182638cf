"""One way to a thousand refits, as a process of its own that tells its seconds as a line of JSON. Started by ``refits.py``.

python benchmarks/refit_ways.py WAY REFITS
"""

import json
import sys
import time
from dataclasses import replace
from functools import cache

import numpy as np
from problems import problem

from bayes_targets.inference.ensemble import one_thread, run_ensemble
from bayes_targets.model import Model

DRAWS = 1000
FEW = 5


@cache
def base() -> Model:
    return problem("cohesion")


@cache
def compiled():
    from bayes_targets.inference.engines import compile_nuts

    return compile_nuts(base())


def with_outcome(number: int) -> Model:
    """The model with another outcome of the same design."""
    rng = np.random.default_rng(number)
    data = base().data
    change = data["change"] + rng.normal(0, 4.0, data.sizes["authority"])
    return replace(base(), data=data.assign(change=change))


def exact_refit(number: int, seed: np.random.SeedSequence) -> float:
    model = with_outcome(number)
    draws, _ = model.exact(model, DRAWS, np.random.default_rng(seed))
    return float(draws["effect"].mean())


def nuts_refit(number: int, seed: np.random.SeedSequence) -> float:
    from bayes_targets.inference.engines import sample_nuts
    from bayes_targets.models.cohesion.graph import arrays

    data = {name: values for name, (values, _) in arrays(with_outcome(number)).items()}
    word = int(seed.generate_state(1)[0])
    draws, _ = sample_nuts(compiled(), data=data, draws=250, tune=500, chains=4, seed=word)
    return float(draws["effect"].mean())


def rebuilt_refit(number: int, seed: np.random.SeedSequence) -> float:
    from bayes_targets.inference.engines import compile_nuts, sample_nuts

    model, word = with_outcome(number), int(seed.generate_state(1)[0])
    draws, _ = sample_nuts(compile_nuts(model), draws=250, tune=500, chains=4, seed=word)
    return float(draws["effect"].mean())


def ensemble(function, count: int, **settings) -> tuple[float, float]:
    """Seconds for `count` refits, and the mean of their results, which is to be the same in all ways."""
    tasks = {str(number): number for number in range(count)}
    started = time.perf_counter()
    done = run_ensemble(function, tasks, seed=1, progress=False, **settings)
    seconds = time.perf_counter() - started
    if done.failures:
        raise RuntimeError(next(iter(done.failures.values())))
    return seconds, float(np.mean(list(done.results.values())))


def batched(refits: int) -> tuple[float, None]:
    """All outcomes at once: moments, evidence and probability integral transforms, no draws."""
    from exact_refits import refit_exact

    outcomes = np.stack([with_outcome(number).data["change"].to_numpy() for number in range(refits)])
    truth = {"effect": np.zeros(refits)}
    started = time.perf_counter()
    with one_thread():
        refit_exact(base(), outcomes, truth)
    return time.perf_counter() - started, None


def on_a_cluster(refits: int) -> list[tuple[float, float]]:
    """Two workers of Dask, to which the package is new the first time."""
    from distributed import LocalCluster

    own = {"host": "127.0.0.1", "dashboard_address": None, "threads_per_worker": 1}
    with LocalCluster(n_workers=2, **own) as cluster:
        address = cluster.scheduler_address
        return [ensemble(exact_refit, refits, scheduler=address) for _ in range(2)]


def timed(way: str, refits: int) -> dict:
    base()
    if way == "exact, in a batch":
        batched(2)
        found = [batched(refits)]
    elif way == "exact, one process":
        ensemble(exact_refit, 2)
        found = [ensemble(exact_refit, refits)]
    elif way == "exact, two workers":
        found = [ensemble(exact_refit, refits, workers=2) for _ in range(2)]
    elif way == "exact, two Dask workers":
        found = on_a_cluster(refits)
    else:
        function = {"NUTS, compiled once": nuts_refit, "NUTS, rebuilt": rebuilt_refit}[way]
        ensemble(function, 1)
        count = min(FEW, max(refits // 20, 1))
        few = ensemble(function, count)[0] * refits / count
        return {"first": few, "last": few, "timed": count, "mean": None}
    return {"first": found[0][0], "last": found[-1][0], "timed": refits, "mean": found[-1][1]}


if __name__ == "__main__":
    print(json.dumps(timed(sys.argv[1], int(sys.argv[2]))))
