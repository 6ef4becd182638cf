"""The whole multiverse of Andrews, Downe & Guarneros-Meza (2014): both slopes under all defensible choices.

Writes ``results/multiverse_target.csv``, ``results/multiverse_stretch.csv`` (a row a specification) and
``results/multiverse_timing.csv``. Run it with ``python benchmarks/multiverse.py [workers]``.
"""

import os
import sys
import time
from pathlib import Path

import pandas as pd

import bayes_targets as bt

DATASETS = 11
SEED = 2014
# One percentage point of change: for having a target, or for one s.d. (3.93) of stretch.
HOPED = {"target": 1.0, "stretch": 1 / 3.93}
FOLDER = Path(__file__).parent / "results"


def main(workers):
    ensemble = bt.reconstruct(bt.load_study("andrews2014"), n_datasets=DATASETS, seed=SEED)
    timing = []
    for effect, hoped in HOPED.items():
        load, started = os.getloadavg()[0], time.perf_counter()
        found = bt.multiverse(ensemble, effect=effect, hoped=hoped, seed=SEED, workers=workers)
        seconds = time.perf_counter() - started
        numbers = found.table.select_dtypes("float").columns
        found.table.assign(**found.table[numbers].round(4)).to_csv(
            FOLDER / f"multiverse_{effect}.csv", index=False, lineterminator="\n"
        )
        row = {
            "effect": effect,
            "workers": workers,
            "seconds": round(seconds, 1),
            "load_before": round(load, 1),
        }
        timing.append(row | found.summary.round(4).to_dict())
        print(
            found.summary.to_string(),
            found.influence.to_string(),
            f"{seconds:.1f} s with a load of {load:.1f} before",
            sep="\n",
        )
    pd.DataFrame(timing).to_csv(FOLDER / "multiverse_timing.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
