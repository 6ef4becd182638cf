"""All benchmarks, one after the other, each in a process of its own; those whose result is there are left out.

uv run --group bench python benchmarks/run_all.py [--quick] [--again] [--out FOLDER]
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
STEPS = {"startup": "startup.csv", "scaling": "scaling.csv", "refits": "refits.csv", "speed": "speed.csv"}
PACKAGES = (
    "bayes-targets",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "pymc",
    "nutpie",
    "numba",
    "bambi",
    "numpyro",
    "jax",
    "distributed",
)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def r_version(name: str) -> str:
    code = f'cat(as.character(packageVersion("{name}")))'
    try:
        return subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "not installed"


def machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    told = {"processor": processor(), "cores": str(os.cpu_count()), "memory": f"{memory:.0f} GiB"}
    told |= {"system": platform.system(), "python": platform.python_version()}
    told |= {"date": time.strftime("%Y-%m-%d"), "load when started": f"{os.getloadavg()[0]:.1f}"}
    told |= {name: version(name) for name in PACKAGES}
    return told | {f"R {name}": r_version(name) for name in ("rstan", "rstanarm", "brms")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a try of each, in a folder of its own")
    parser.add_argument("--again", action="store_true", help="also those whose result is there")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    out = (given.out / "quick" if given.quick else given.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    told = machine()
    pd.Series(told, name="value").rename_axis("what").to_csv(out / "machine.csv", lineterminator="\n")
    failed = []
    for step, result in STEPS.items():
        if (out / result).is_file() and not given.again:
            print(f"== {step}: there already", flush=True)
            continue
        print(f"== {step}", flush=True)
        command = [sys.executable, HERE / f"{step}.py", "--out", out, *(["--quick"] if given.quick else [])]
        if subprocess.run(command, cwd=HERE).returncode:
            failed.append(step)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
