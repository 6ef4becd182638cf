"""Wall clock and processor time of the main job on the shipped data, with the workers of this machine and with one.

    python benchmarks/main_job.py [--repeats 5] [--quick] [--out FOLDER]

Each run is the whole command in a process of its own, bytecode kept, after one run that is not counted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from environments import variables

# Options of the command, and the wall clock and CPU seconds that are asked for on two quiet cores.
CASES = {"the workers there are": ([], 13, np.nan), "one worker": (["--workers", "1"], np.nan, 24)}


def spent(options: list[str], folder: Path) -> dict[str, float]:
    """Wall clock and CPU seconds of one run; those of workers, which a server starts, are not in them."""
    out = tempfile.mkdtemp(dir=folder)
    command = [sys.executable, "-m", "bayes_targets.run", *options, "--out", out, "--quiet"]
    before, started = os.times(), time.perf_counter()
    subprocess.run(command, check=True, env=variables())
    wall, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": wall, "cpu": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="once each")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as name:
        spent([], Path(name))
        for what, (options, wall_limit, cpu_limit) in CASES.items():
            runs = pd.DataFrame(
                [spent(options, Path(name)) for _ in range(1 if given.quick else given.repeats)]
            )
            row = {"what": what, "repeats": len(runs)}
            for kind, limit in (("wall", wall_limit), ("cpu", cpu_limit)):
                seconds = runs[kind] if kind == "wall" or options else pd.Series([np.nan])
                row |= {f"{kind}_median": seconds.median(), f"{kind}_least": seconds.min()}
                row |= {f"{kind}_most": seconds.max(), f"{kind}_limit": limit}
            found.append(row)
            print(pd.DataFrame([row]).to_string(index=False), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(found)
    table.to_csv(given.out / "main_job.csv", index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
