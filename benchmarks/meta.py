"""Several evaluations: time and accuracy of the exact engine, beside nutpie and PyMARE on the same data.

Each row of the result is one task, repeated in turn for every peer: random effects of 8 and of 37 studies (posterior of the
mean, the spread and every effect), one, two and three steps of selection, the 36 models of RoBMA-PSMA averaged, and 861 studies with
two steps. Errors are of the log evidence and of the posterior means against values computed by other code (in ``EXPECTED``) or,
for larger simulated data, against a grid twice as fine. ``fresh`` is a new process: imports, model, fit.

PyMARE estimates classically and is there for scale; bayesmeta and metafor are R packages, timed by ``peer.R`` where R has them.
Writes ``benchmarks/results/meta.csv``.

    python benchmarks/meta.py [--repeats 5] [--quick] [--pymare PYTHON]
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_targets as bt

RESULTS = Path(__file__).parent / "results"
NORWAY = bt.MetaPriors(mu=bt.Normal(0, 0.05), tau=bt.HalfNormal(0.01))
UNIT = bt.MetaPriors(mu=bt.Normal(0, 1), tau=bt.HalfNormal(0.5))
ONE, TWO, THREE = (bt.Steps(cuts) for cuts in ((0.025,), (0.025, 0.05), (0.025, 0.05, 0.5)))
# Log evidence and mean of mu, computed by other code.
EXPECTED = {"reform, random effects": (25.3841776, -0.0028737), "reform, one step": (24.638415, -0.002264)}
FRESH = """
import sys, numpy as np, pandas as pd, bayes_targets as bt
from pathlib import Path
sys.path.insert(0, {folder!r})
import meta
bt.fit(meta.tasks()["reform, random effects"], engine={engine!r}, seed=1, progress=False, pointwise=False)
"""


def simulated(count: int, seed: int = 1) -> bt.Evaluation:
    """Studies of one mean 0.1 and spread 0.15, of which insignificant ones are printed half of the time."""
    rng = np.random.default_rng(seed)
    estimate, se = [], []
    while len(estimate) < count:
        error = rng.uniform(0.05, 0.4)
        found = rng.normal(0.1, np.hypot(0.15, error))
        if found / error > 1.96 or rng.random() < 0.5:
            estimate.append(found)
            se.append(error)
    frame = pd.DataFrame({"estimate": estimate, "se": se})
    frame.index = pd.Index([f"study {k}" for k in range(count)], name="study")
    return bt.Evaluation(estimates=frame, printed=frame.astype(str), better="higher")


def tasks() -> dict[str, bt.Model]:
    """Models by name."""
    reform, some, many = bt.load_study("islam2019").evaluations["diagnoses"], simulated(37), simulated(861)
    return {
        "reform, random effects": bt.meta_model(reform, priors=NORWAY),
        "reform, one step": bt.meta_model(reform, priors=NORWAY, selection=ONE),
        "37 studies, random effects": bt.meta_model(some, priors=UNIT),
        "37 studies, one step": bt.meta_model(some, priors=UNIT, selection=ONE),
        "37 studies, two steps": bt.meta_model(some, priors=UNIT, selection=TWO),
        "37 studies, three steps": bt.meta_model(some, priors=UNIT, selection=THREE),
        "861 studies, two steps": bt.meta_model(many, priors=UNIT, selection=TWO),
    }


def family() -> dict[str, bt.Model]:
    """The 36 models of Bartoš et al. (2023) for 18 studies."""
    several = simulated(18)
    steps = [bt.Steps(cuts, "two") for cuts in ((0.05,), (0.05, 0.10))]
    steps += [bt.Steps(cuts) for cuts in ((0.05,), (0.025, 0.05), (0.05, 0.5), (0.025, 0.05, 0.5))]
    out = {}
    for mu in (bt.Normal(0, 0.5), 0.0):
        for tau in (bt.InverseGamma(1, 0.075), 0.0):
            for selection in (None, *steps, "pet", "peese"):
                slope = bt.HalfCauchy(10 if selection == "peese" else 1)
                priors = bt.MetaPriors(mu=mu, tau=tau, slope=slope)
                out[f"{mu}, {tau}, {selection}"] = bt.meta_model(several, selection=selection, priors=priors)
    return out


def fit(model: bt.Model, engine: str) -> object:
    return bt.fit(model, engine=engine, seed=1, progress=False, pointwise=False)


def average(models: dict[str, bt.Model]) -> object:
    return bt.average_models({name: fit(model, "exact") for name, model in models.items()})


def timed(function, *arguments) -> tuple[float, object]:
    start = time.perf_counter()
    found = function(*arguments)
    return time.perf_counter() - start, found


def in_process(repeats: int, *, quick: bool) -> list[dict[str, object]]:
    rows = []
    for name, model in tasks().items():
        for engine in ("exact", "nuts") if not quick and "861" not in name else ("exact",):
            times = [timed(fit, model, engine) for _ in range(repeats if engine == "exact" else 2)]
            posterior = times[-1][1]
            row = {"task": name, "peer": engine, "seconds": float(np.median([t for t, _ in times]))}
            row["mu"] = float(posterior["posterior"]["mu"].mean())
            if engine == "exact":
                row["log_evidence"] = float(posterior["sample_stats"]["log_evidence"])
                if name in EXPECTED:
                    row["error_of_evidence"] = row["log_evidence"] - EXPECTED[name][0]
                    row["error_of_mu"] = row["mu"] - EXPECTED[name][1]
            rows.append(row)
    models = family()
    times = [timed(average, models)[0] for _ in range(repeats)]
    rows.append({"task": "36 models averaged", "peer": "exact", "seconds": float(np.median(times))})
    return rows


def fresh(repeats: int) -> list[dict[str, object]]:
    rows = []
    for engine in ("exact", "nuts"):
        code = FRESH.format(folder=str(Path(__file__).parent), engine=engine)
        times = [timed(subprocess.run, [sys.executable, "-c", code])[0] for _ in range(repeats)]
        rows.append({"task": "reform, fresh process", "peer": engine, "seconds": float(np.median(times))})
    return rows


def pymare(python: str, repeats: int) -> list[dict[str, object]]:
    """REML by PyMARE, in its own environment."""
    frame = bt.load_study("islam2019").evaluations["diagnoses"].estimates
    code = (
        "import time, numpy as np\nfrom pymare import Dataset\nfrom pymare.estimators import VarianceBasedLikelihoodEstimator\n"
        f"y = np.array({frame['estimate'].tolist()})[:, None]; v = np.array({frame['se'].tolist()})[:, None] ** 2\n"
        "times = []\n"
        f"for _ in range({repeats}):\n"
        "    start = time.perf_counter(); VarianceBasedLikelihoodEstimator(method='REML').fit_dataset(Dataset(y, v, X=np.ones_like(y)))\n"
        "    times.append(time.perf_counter() - start)\n"
        "print(np.median(times))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    seconds = float(done.stdout.strip())
    start = time.perf_counter()
    bt.fit_meta(bt.load_study("islam2019").evaluations["diagnoses"])
    ours = time.perf_counter() - start
    return [
        {"task": "reform, REML", "peer": "PyMARE", "seconds": seconds},
        {"task": "reform, REML", "peer": "fit_meta", "seconds": ours},
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="the exact engine alone, once; nothing written")
    parser.add_argument("--pymare", metavar="PYTHON", help="an interpreter that has PyMARE")
    given = parser.parse_args()
    rows = in_process(1 if given.quick else given.repeats, quick=given.quick)
    if not given.quick:
        rows += fresh(given.repeats)
    if given.pymare:
        rows += pymare(given.pymare, given.repeats)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if not given.quick:
        table.to_csv(RESULTS / "meta.csv", index=False, float_format="%.6g", lineterminator="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
