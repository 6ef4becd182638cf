"""Wall clock and processor time of the two commands of the README: the main job on the shipped data, and the tests.

    python benchmarks/main_job.py [--repeats 5] [--quick] [--tests] [--out FOLDER]

Each run is the whole command in a process of its own, bytecode and caches of compiled code kept, after one run that is not counted.
Before each, `import pandas` is timed in a fresh process: it tells how fast the machine is at the time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from environments import variables
from startup import seconds as timed

ROOT = Path(__file__).resolve().parents[1]
OUT = "a folder of its own"
RUN = ["-m", "bayes_targets.run", "--quiet", "--out", OUT]
# What is measured: the command, and the seconds of wall clock or of processor time that are asked for on two quiet cores.
CASES = {
    "main job, wall clock": (RUN, "wall", 13),
    "main job, CPU with one worker": ([*RUN, "--workers", "1"], "cpu", 24),
}
TESTS = {"tests, wall clock": (["-m", "pytest", "-q"], "wall", 150)}


def spent(words: list[str], folder: Path) -> dict[str, float]:
    """Seconds of one run, of wall clock and of processor time."""
    own = tempfile.mkdtemp(dir=folder)
    command = [sys.executable, *(own if word == OUT else word for word in words)]
    before = os.times()
    subprocess.run(command, check=True, env=variables(), cwd=ROOT, stdout=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": after.elapsed - before.elapsed, "cpu": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="once each")
    parser.add_argument("--tests", action="store_true", help="the tests too, in this environment")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as name:
        spent(RUN, Path(name))
        for what, (words, kind, limit) in (CASES | (TESTS if given.tests else {})).items():
            runs = [
                {"import_pandas": timed("import pandas"), **spent(words, Path(name))}
                for _ in range(1 if given.quick else given.repeats)
            ]
            table = pd.DataFrame(runs)
            seconds = table[kind]
            row = {"what": what, "repeats": len(seconds), "median": seconds.median()}
            row |= {"least": seconds.min(), "most": seconds.max(), "limit": limit}
            row["times_import_pandas"] = (seconds / table["import_pandas"]).median()
            found.append(row)
            print(pd.DataFrame([row]).to_string(index=False, header=len(found) == 1), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(found).to_csv(
        given.out / "main_job.csv", index=False, float_format="%.4g", lineterminator="\n"
    )


if __name__ == "__main__":
    main()
