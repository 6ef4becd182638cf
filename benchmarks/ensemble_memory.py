"""Memory of an ensemble while it grows: peak of the process that owns it, and of its workers, by the number of exact fits.

Each row is a process of its own, in which ``refit_ways.py``'s exact refit of 150 authorities is made so many times, 1,000 draws each,
of which a number is kept.

    python benchmarks/ensemble_memory.py [--quick] [--out FOLDER]
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from environments import variables
from refit_ways import base, exact_refit

from bayes_targets.inference.ensemble import run_ensemble

FITS, WORKERS = (100, 1_000, 10_000), (1, 2)


def peak() -> float:
    """Largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def refit(number: int, seed: np.random.SeedSequence) -> float:
    """Make a fit, and tell the peak of the process that made it."""
    exact_refit(number, seed)
    return peak()


def grown(fits: int, workers: int) -> None:
    """Make the fits and print the peaks of this process and of the one that made the fits."""
    base()
    tasks = {str(number): number for number in range(fits)}
    done = run_ensemble(refit, tasks, seed=1, progress=False, workers=workers)
    print(peak(), max(done.results.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the largest")
    parser.add_argument("--one", type=int, nargs=2, metavar=("FITS", "WORKERS"), help="print one row's peaks")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    if given.one:
        grown(*given.one)
        return
    rows = []
    for workers in WORKERS:
        for fits in FITS[:-1] if given.quick else FITS:
            command = [sys.executable, __file__, "--one", str(fits), str(workers)]
            told = subprocess.run(
                command, check=True, env=variables(), stdout=subprocess.PIPE, text=True
            ).stdout
            own, worker = map(float, told.split())
            row = {"workers": workers, "fits": fits, "own_mb": own}
            rows.append(row | {"largest_worker_mb": worker if workers > 1 else None})
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "ensemble_memory.csv", index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
