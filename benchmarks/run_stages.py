"""Where the processor time of a run goes: CPU seconds of each stage of the main job, in one process.

    python benchmarks/run_stages.py [--out FOLDER] [--details] [NAME ...]

A timer of processor time interrupts the run every few milliseconds; what has been used since goes to the stage in which the
innermost frame is that stands in `STAGES`. CPU seconds are the same on a busy machine as on a quiet one, roughly.
"""

import argparse
import csv
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType

# Each stage with the places that are it: a part of a file's path, and functions in it where not all are.
STAGES: dict[str, tuple[tuple[str, frozenset[str]], ...]] = {
    "imports": (("<frozen importlib", frozenset()),),
    "reading": (
        ("bayes_targets/readers/package", frozenset()),
        ("bayes_targets/readers/table.py", frozenset()),
    ),
    "NetCDF": (("bayes_targets/readers/posterior.py", frozenset()),),
    "leaving out": (("models/success/loo.py", frozenset()),),
    "reconstruction": (("bayes_targets/printed/reconstruction", frozenset()),),
    "audit": (("bayes_targets/printed/auditing", frozenset()),),
    "multiverse": (("bayes_targets/sensitivity/specifications.py", frozenset()),),
    "prior sensitivity": (("bayes_targets/sensitivity/", frozenset()),),
    "comparison of poolings": (("models/cohesion/checks.py", frozenset()),),
    "fits": (("bayes_targets/inference/engines.py", frozenset({"fit"})),),
    "diagnostics": (("inference/diagnostics.py", frozenset()), ("inference/convergence.py", frozenset())),
    "figures: PNG and SVG": (
        ("bayes_targets/plots/_sheet.py", frozenset({"save_bytes", "_save_png", "_save_svg"})),
        ("bayes_targets/plots/_renderers.py", frozenset({"print_svg"})),
    ),
    "figures: layout": (
        ("matplotlib/constrained", frozenset()),
        ("bayes_targets/plots/_sheet.py", frozenset()),
        ("bayes_targets/plots/_renderers.py", frozenset()),
    ),
    "figures: build": (("bayes_targets/plots/", frozenset()),),
    "LaTeX": (("bayes_targets/report/latex.py", frozenset()),),
    "HTML": (("bayes_targets/report/page.py", frozenset()),),
    "claims": (("bayes_targets/comparison/claims.py", frozenset()),),
}
_OTHER = "the rest"
_STEP = 0.004


def stage_of(frame: FrameType | None) -> str:
    """The stage of the innermost frame that belongs to one; an import within a stage is an import."""
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        for stage, places in STAGES.items():
            if any(part in file and (not names or name in names) for part, names in places):
                return stage
        frame = frame.f_back
    return _OTHER


def place_of(frame: FrameType | None) -> str:
    """The innermost function of ours, for ``--details``."""
    while frame is not None:
        file = frame.f_code.co_filename
        if "bayes_targets" in file or "analyses" in file:
            return f"{Path(file).parent.name}/{Path(file).name}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "before all"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="analyses; without any, all of the shipped studies"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--details", action="store_true", help="also print the functions that take most")
    given = parser.parse_args()
    spent: Counter[str] = Counter()
    places: Counter[str] = Counter()
    last = 0.0

    def take(_signal: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.process_time()
        spent[stage_of(frame)] += now - last
        if given.details:
            places[place_of(frame)] += now - last
        last = time.process_time()

    signal.signal(signal.SIGPROF, take)
    signal.setitimer(signal.ITIMER_PROF, _STEP, _STEP)
    with tempfile.TemporaryDirectory() as folder:
        from bayes_targets.run import main as run

        status = run([*given.names, "--out", f"{folder}/run", "--workers", "1", "--quiet"])
    signal.setitimer(signal.ITIMER_PROF, 0)
    whole = time.process_time()
    rows = [(stage, spent[stage]) for stage in [*STAGES, _OTHER]]
    # The sampler's own time stands in no stage.
    rows += [("sum of the stages", sum(spent.values())), ("the process, sampler included", whole)]
    for stage, seconds in rows:
        print(f"{stage:32}{seconds:8.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory, MB':32}{peak:8.0f}")
    for place, seconds in places.most_common(40):
        print(f"    {place:70}{seconds:7.2f}")
    if not given.names:
        given.out.mkdir(parents=True, exist_ok=True)
        with (given.out / "run_stages.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["stage", "cpu_seconds"])
            writer.writerows((stage, f"{seconds:.2f}") for stage, seconds in rows)
    sys.exit(status)


if __name__ == "__main__":
    main()
