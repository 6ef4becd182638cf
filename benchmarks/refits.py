"""A thousand refits of the 150-authority model: exact and NUTS, one process, two, and a Dask cluster of two.

Every exact refit is of another outcome of the same design and gives 1,000 draws. Each repeat of each way is a fresh process, in
an environment with the package alone, or with the package and Dask. Times with workers include starting them; for the first
ensemble of a process (*first*) that is also the server from which they are forked, or importing the package in the cluster's
workers. NUTS is timed on a few refits and extrapolated, which the table says.

    python benchmarks/refits.py [--refits 1000] [--repeats 5] [--quick] [--out FOLDER] [--environments FOLDER]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
from environments import python_of, variables

HERE = Path(__file__).resolve().parent
WAYS = {
    "exact, in a batch": "package",
    "exact, one process": "package",
    "exact, two workers": "package",
    "exact, two Dask workers": "cluster",
    "NUTS, compiled once": "package",
    "NUTS, rebuilt": "package",
}
WITH_WORKERS = ("exact, two workers", "exact, two Dask workers")
ONCE = ("NUTS, rebuilt",)


def one_run(way: str, refits: int, environments: Path) -> dict:
    command = [python_of(WAYS[way], environments), HERE / "refit_ways.py", way, str(refits)]
    done = subprocess.run(command, env=variables(), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(given: argparse.Namespace, environments: Path) -> pd.DataFrame:
    """A row a run, and a further one for the first ensemble of a process where that differs."""
    rows, means = [], set()
    for repeat in range(given.repeats):
        for way in WAYS:
            if way in ONCE and repeat > 0:
                continue
            found = one_run(way, given.refits, environments)
            means |= {found["mean"]} - {None}
            rows.append({"way": way, "seconds": found["last"], "timed": found["timed"]})
            if way in WITH_WORKERS:
                rows.append({"way": f"{way}, first", "seconds": found["first"], "timed": found["timed"]})
            print(f"{repeat + 1}/{given.repeats} {way}: {found['last']:.2f} s", flush=True)
    if len(means) > 1:
        raise RuntimeError(f"the ways differ in their results: {sorted(means)}")
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two repeats of 20 refits")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--environments", type=Path, help="folder of `run_all.py`'s environments")
    given = parser.parse_args()
    if given.quick:
        given.refits, given.repeats = 20, 2
    with tempfile.TemporaryDirectory() as folder:
        runs = measure(given, given.environments or Path(folder))
    table = runs.groupby("way", sort=False).agg(
        repeats=("seconds", "size"),
        median=("seconds", "median"),
        least=("seconds", "min"),
        most=("seconds", "max"),
        timed=("timed", "first"),
    )
    table.insert(0, "refits", given.refits)
    table["extrapolated"] = table["timed"] < given.refits
    table["faster_than_one_process"] = table.loc["exact, one process", "median"] / table["median"]
    given.out.mkdir(parents=True, exist_ok=True)
    table.reset_index().to_csv(
        given.out / "refits.csv", index=False, float_format="%.4g", lineterminator="\n"
    )
    print(table.to_string())


if __name__ == "__main__":
    main()
