"""Processor time, memory and size of `authorities` and `counts` by the size of the user's file.

    python benchmarks/rows.py [--repeats 5] [--quick] [--out FOLDER]

Each run is the whole command in a process of its own, on made-up data with a fixed seed: reading, fits, checks, figures, page.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = (10_000, 150_000, 1_000_000)
CONTROLS, TYPES = 3, 40
AREAS, STATUSES = 300, (3, 4, 5)
# CPU seconds, memory and size of posterior.nc that are asked for; MB are millions of bytes.
LIMITS = {
    "authorities, 10000 rows": (20, 1_000, 40),
    "authorities, 150000 rows": (90, 2_000, 40),
    "authorities, 1000000 rows": (240, 6_000, 40),
    "counts, 300 areas of 5 statuses": (10, np.nan, 40),
}


def units(rows: int) -> pd.DataFrame:
    """Scores before and after of units of 40 types, half of them with a target, and three controls."""
    rng = np.random.default_rng(7)
    kind, target = rng.integers(0, TYPES, rows), rng.integers(0, 2, rows)
    controls, before = rng.normal(size=(rows, CONTROLS)).round(3), rng.normal(60, 10, rows)
    after = before + 3 + rng.normal(0, 2, TYPES)[kind] + 2 * target + controls @ [1.0, -0.5, 0.2]
    frame = pd.DataFrame(
        {
            "authority": [f"U{place:07d}" for place in range(rows)],
            "authority_type": [f"Type {place:02d}" for place in kind],
            "baseline": before.round(2),
            "outcome": (after + rng.normal(0, 5, rows)).round(2),
            "target": target,
        }
    )
    return frame.assign(**{f"control {k + 1}": controls[:, k] for k in range(CONTROLS)})


def counted(statuses: int) -> pd.DataFrame:
    """Counts of 5 to 39 targets in each of 300 areas, from an ordinal model."""
    rng = np.random.default_rng(1)
    better = 1 / (1 + np.exp(rng.normal(0, 0.5, (AREAS, 1)) - np.linspace(-1.5, 1.5, statuses - 1)))
    share = np.diff(np.hstack([np.zeros((AREAS, 1)), better, np.ones((AREAS, 1))]), axis=1)
    count = [rng.multinomial(rng.integers(5, 40), own) for own in share]
    frame = pd.DataFrame(count, columns=[f"status {k + 1}" for k in range(statuses)])
    frame.insert(0, "area", [f"Area {place + 1}" for place in range(AREAS)])
    return frame


def spent(words: list[str], folder: Path) -> dict[str, float]:
    """CPU seconds and peak memory of one command, and the size of its posteriors."""
    out = Path(tempfile.mkdtemp(dir=folder))
    command = [
        sys.executable,
        "-m",
        "bayes_targets.run",
        *words,
        "--out",
        str(out),
        "--workers",
        "1",
        "--quiet",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return {
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss * 1024 / 1e6,
        "posterior_mb": sum(file.stat().st_size for file in out.glob("*/posterior.nc")) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="once, without a million rows")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    controls = [f"control {k + 1}" for k in range(CONTROLS)]
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = {
            f"authorities, {rows} rows": (units(rows), ["authorities", "--controls", *controls])
            for rows in (ROWS[:2] if given.quick else ROWS)
        }
        for statuses in STATUSES:
            frame = counted(statuses)
            words = ["counts", "--statuses", *frame.columns[1:]]
            cases[f"counts, {AREAS} areas of {statuses} statuses"] = (frame, words)
        for what, (frame, words) in cases.items():
            file = folder / "data.csv"
            frame.to_csv(file, index=False)
            runs = pd.DataFrame(
                [
                    spent([*words, "--data", str(file)], folder)
                    for _ in range(1 if given.quick else given.repeats)
                ]
            )
            limits = LIMITS.get(what, (np.nan,) * 3)
            row = {"what": what, "repeats": len(runs), **runs.median().to_dict()}
            row |= {"cpu_least": runs["cpu_seconds"].min(), "cpu_most": runs["cpu_seconds"].max()}
            row |= dict(zip(("cpu_limit", "mb_limit", "posterior_limit"), limits, strict=True))
            found.append(row)
            print(pd.DataFrame([row]).to_string(index=False, header=len(found) == 1), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(found).to_csv(given.out / "rows.csv", index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
