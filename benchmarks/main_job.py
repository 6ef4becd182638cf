"""Wall clock and processor time of the main job on the shipped data, with the workers of this machine and with one.

    python benchmarks/main_job.py [--repeats 5] [--quick] [--out FOLDER]

Each run is the whole command in a process of its own, bytecode kept, after one run that is not counted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from environments import variables

# What is measured, with the options of the command and the seconds that are asked for on two quiet cores.
CASES = {"wall clock, the workers there are": ([], 13), "CPU, one worker": (["--workers", "1"], 24)}


def spent(options: list[str], folder: Path) -> float:
    """Wall clock seconds of one run, or CPU seconds where one process does all."""
    out = tempfile.mkdtemp(dir=folder)
    command = [sys.executable, "-m", "bayes_targets.run", *options, "--out", out, "--quiet"]
    before = os.times()
    subprocess.run(command, check=True, env=variables())
    after = os.times()
    if not options:
        return after.elapsed - before.elapsed
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="once each")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as name:
        spent([], Path(name))
        for what, (options, limit) in CASES.items():
            seconds = pd.Series(
                [spent(options, Path(name)) for _ in range(1 if given.quick else given.repeats)]
            )
            row = {"what": what, "repeats": len(seconds), "median": seconds.median()}
            found.append(row | {"least": seconds.min(), "most": seconds.max(), "limit": limit})
    table = pd.DataFrame(found)
    print(table.to_string(index=False))
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "main_job.csv", index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
