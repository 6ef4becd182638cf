"""All benchmarks of speed, one after the other, in environments of their own; those whose result is there are left out.

    python benchmarks/run_all.py [--quick] [--again] [--out FOLDER] [--environments FOLDER] [--bayesmeta FOLDER]

Needs uv and any Python. R's rstan, rstanarm, brms and metafor take part where they are installed (on Debian: r-cran-rstan,
r-cran-rstanarm, r-cran-brms, r-cran-metafor, r-cran-mvtnorm and r-cran-numderiv), bayesmeta from a folder of its source. The
environments are made in a temporary folder unless one is named, where they are kept.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from environments import python_of, variables

HERE = Path(__file__).resolve().parent
STEPS = {
    "startup": "startup.csv",
    "scaling": "scaling.csv",
    "main_job": "main_job.csv",
    "rows": "rows.csv",
    "refits": "refits.csv",
    "ensemble_memory": "ensemble_memory.csv",
    "meta": "meta.csv",
    "speed": "speed.csv",
}
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


def versions(python: Path) -> dict[str, str]:
    code = (
        "import json, platform; from importlib import metadata;"
        f"told = {{name: metadata.version(name) for name in {PACKAGES!r}}};"
        "print(json.dumps({'python': platform.python_version()} | told))"
    )
    return json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)


def r_version(name: str) -> str:
    code = f'cat(as.character(packageVersion("{name}")))'
    try:
        return subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "not installed"


def machine(folder: Path) -> dict[str, str]:
    told = {"processor": processor(), "cores": str(os.cpu_count())}
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        told["memory"] = f"{memory:.0f} GiB"
    told |= {"system": platform.system(), "date": time.strftime("%Y-%m-%d")}
    if hasattr(os, "getloadavg"):
        told["load when started"] = f"{os.getloadavg()[0]:.1f}"
    told |= versions(python_of("peers", folder))
    return told | {f"R {name}": r_version(name) for name in ("rstan", "rstanarm", "brms", "metafor")}


def note_machine(file: Path, made: Sequence[str], told: Mapping[str, str]) -> None:
    """Say on which machine these results were made; what was said of others stays."""
    rows = []
    if file.is_file():
        with file.open(newline="") as stream:
            for row in csv.DictReader(stream):
                if left := [name for name in row["results"].split() if name not in made]:
                    rows.append(row | {"results": " ".join(left)})
    rows += [{"results": " ".join(made), "what": what, "value": value} for what, value in told.items()]
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["results", "what", "value"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def run_steps(given: argparse.Namespace, folder: Path) -> list[str]:
    """Do what is not there yet; gives the steps that failed."""
    out = (given.out / "quick" if given.quick else given.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    told, made = machine(folder), list[str]()
    python, failed = python_of("package", folder), []
    for step, result in STEPS.items():
        if (out / result).is_file() and not given.again:
            print(f"== {step}: there already", flush=True)
            continue
        print(f"== {step}", flush=True)
        started = time.perf_counter()
        command = [python, HERE / f"{step}.py", "--out", out, *(["--quick"] if given.quick else [])]
        command += ["--environments", folder] if step in ("refits", "meta", "speed") else []
        command += ["--bayesmeta", given.bayesmeta] if step == "meta" and given.bayesmeta else []
        command += ["--again"] if step == "speed" and given.again else []
        if subprocess.run(command, cwd=HERE, env=variables()).returncode:
            failed.append(step)
        else:
            made.append(step)
            note_machine(out / "machine.csv", made, told)
        print(f"== {step}: {time.perf_counter() - started:.0f} seconds", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a try of each, in a folder of its own")
    parser.add_argument("--again", action="store_true", help="also those whose result is there")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--environments", type=Path, help="folder in which environments are kept")
    parser.add_argument("--bayesmeta", type=Path, help="folder of bayesmeta's source")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failed = run_steps(given, given.environments or Path(folder))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
