"""Time of the exact posterior by number of authorities and types, beside one pass of X'X over the same data (the floor).

python benchmarks/scaling.py [--repeats 5] [--quick] [--out FOLDER]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from problems import authorities, cohesion_data

import bayes_targets as bt
from bayes_targets.inference.ensemble import one_thread

SIZES = (150, 1_500, 15_000, 150_000)
DRAWS = 4000


def seconds(function) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def one_pass(model) -> float:
    """X'X of the columns that the model uses, types as indicators, which anybody has to look at."""
    data = cohesion_data(model)
    kinds = np.eye(data["kind"].max() + 1)[data["kind"]]
    matrix = np.column_stack([kinds, data["x"], data["controls"], data["change"]])
    return seconds(lambda: matrix.T @ matrix)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two repeats of the two smallest")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    repeats, sizes = (2, SIZES[:2]) if given.quick else (given.repeats, SIZES)
    models = {}
    for types in (4, 40):
        for size in sizes:
            counts = {f"t{k:02}": size // types + (k < size % types) for k in range(types)}
            for slopes in ("common", "by_type"):
                models[size, types, slopes] = bt.cohesion_model(authorities(counts), slopes=slopes)
    rows = []
    with one_thread():
        for repeat in range(-1, repeats):  # the first warms up
            for (size, types, slopes), model in models.items():
                rng = np.random.default_rng(repeat + 1)
                found = {
                    "exact": seconds(lambda m=model, r=rng: m.exact(m, DRAWS, r)),
                    "one_pass": one_pass(model),
                }
                if repeat >= 0:
                    rows.append({"authorities": size, "types": types, "slopes": slopes} | found)
    runs = pd.DataFrame(rows)
    keys = ["authorities", "types", "slopes"]
    table = runs.groupby(keys, sort=False).agg(
        repeats=("exact", "size"),
        exact=("exact", "median"),
        exact_least=("exact", "min"),
        exact_most=("exact", "max"),
        one_pass=("one_pass", "median"),
    )
    smallest = runs[runs["authorities"] == 150].groupby(["types", "slopes"])["exact"].median()
    bases = [smallest[types, slopes] for _, types, slopes in table.index]
    # What grows with the data is to cost at most three passes over them: a share of that limit, at most 1.
    table["share_of_limit"] = table["exact"] / (table["one_pass"] * 3 + bases)
    given.out.mkdir(parents=True, exist_ok=True)
    table.reset_index().to_csv(
        given.out / "scaling.csv", index=False, float_format="%.4g", lineterminator="\n"
    )
    print(table.to_string())


if __name__ == "__main__":
    main()
