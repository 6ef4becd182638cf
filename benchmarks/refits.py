"""A thousand refits of the 150-authority model: exact and NUTS, one process, two, and a Dask cluster of two.

Every exact refit is of another outcome of the same design and gives 1,000 draws. NUTS is timed on a few refits and
extrapolated, which the table says.

    python benchmarks/refits.py [--refits 1000] [--repeats 5] [--quick] [--out FOLDER]
"""

import argparse
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from problems import problem

from bayes_targets.ensemble import run_ensemble
from bayes_targets.ensemble.jobs import one_thread
from bayes_targets.model import Model
from bayes_targets.models.cohesion_graph import arrays
from bayes_targets.models.cohesion_refits import refit_exact
from bayes_targets.sampling import compile_nuts, sample_nuts

DRAWS = 1000
FEW = 5


@cache
def base() -> Model:
    return problem("cohesion")


@cache
def compiled():
    return compile_nuts(base())


def with_outcome(number: int) -> Model:
    """The model with another outcome of the same design."""
    from dataclasses import replace

    rng = np.random.default_rng(number)
    data = base().data
    change = data["change"] + rng.normal(0, 4.0, data.sizes["authority"])
    return replace(base(), data=data.assign(change=change))


def exact_refit(number: int, seed: np.random.SeedSequence) -> float:
    model = with_outcome(number)
    draws, _ = model.exact(model, DRAWS, np.random.default_rng(seed))
    return float(draws["effect"].mean())


def nuts_refit(number: int, seed: np.random.SeedSequence) -> float:
    data = {name: values for name, (values, _) in arrays(with_outcome(number)).items()}
    word = int(seed.generate_state(1)[0])
    draws, _ = sample_nuts(compiled(), data=data, draws=250, tune=500, chains=4, seed=word)
    return float(draws["effect"].mean())


def rebuilt_refit(number: int, seed: np.random.SeedSequence) -> float:
    model, word = with_outcome(number), int(seed.generate_state(1)[0])
    draws, _ = sample_nuts(compile_nuts(model), draws=250, tune=500, chains=4, seed=word)
    return float(draws["effect"].mean())


def timed(function, count: int, refits: int, **settings) -> dict:
    """Seconds for `count` refits, scaled to all of them."""
    tasks = {str(number): number for number in range(count)}
    started = time.perf_counter()
    done = run_ensemble(function, tasks, seed=1, progress=False, **settings)
    seconds = time.perf_counter() - started
    if done.failures:
        raise RuntimeError(next(iter(done.failures.values())))
    return {"seconds": seconds * refits / count, "timed": count}


def batched(refits: int) -> dict:
    """All outcomes at once: moments, evidence and probability integral transforms, no draws."""
    outcomes = np.stack([with_outcome(number).data["change"].to_numpy() for number in range(refits)])
    truth = {"effect": np.zeros(refits)}
    started = time.perf_counter()
    with one_thread():
        refit_exact(base(), outcomes, truth)
    return {"seconds": time.perf_counter() - started, "timed": refits}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two repeats of 20 refits")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    refits, repeats = (20, 2) if given.quick else (given.refits, given.repeats)
    compiled()
    from distributed import LocalCluster

    own = {"host": "127.0.0.1", "dashboard_address": None, "threads_per_worker": 1}
    rows = []
    with LocalCluster(n_workers=2, **own) as cluster:
        address = cluster.scheduler_address
        ways = {
            "exact, in a batch": lambda: batched(refits),
            "exact, one process": lambda: timed(exact_refit, refits, refits),
            "exact, two workers": lambda: timed(exact_refit, refits, refits, workers=2),
            "exact, two Dask workers": lambda: timed(exact_refit, refits, refits, scheduler=address),
            "NUTS, compiled once": lambda: timed(nuts_refit, FEW, refits),
            "NUTS, rebuilt": lambda: timed(rebuilt_refit, FEW, refits),
        }
        for repeat in range(repeats):
            for way, function in ways.items():
                if way == "NUTS, rebuilt" and repeat > 0:
                    continue
                found = function()
                rows.append({"way": way, "repeat": repeat} | found)
                print(f"{repeat + 1}/{repeats} {way}: {found['seconds']:.1f} s", flush=True)
    runs = pd.DataFrame(rows)
    table = runs.groupby("way", sort=False).agg(
        repeats=("seconds", "size"),
        median=("seconds", "median"),
        least=("seconds", "min"),
        most=("seconds", "max"),
        timed=("timed", "first"),
    )
    table.insert(0, "refits", refits)
    table["extrapolated"] = table["timed"] < refits
    table["faster_than_one_process"] = table.loc["exact, one process", "median"] / table["median"]
    given.out.mkdir(parents=True, exist_ok=True)
    table.reset_index().to_csv(
        given.out / "refits.csv", index=False, float_format="%.4g", lineterminator="\n"
    )
    print(table.to_string())


if __name__ == "__main__":
    main()
