"""Several evaluations: time and accuracy of the exact engine, beside nutpie, bayesmeta, metafor and PyMARE on the same data.

Each row of the result is one task and one way to do it: random effects of 8 and of 37 studies (posterior of the mean, the spread and
every effect), one, two and three steps of selection, the 36 models of RoBMA-PSMA averaged, 861 studies with two steps, and the
classical estimates. Beside the time stands what was found: means of the mean effect and the spread, the log evidence or the
maximised log likelihood, and the 95% interval of a new effect. Errors are against values computed by other code (``EXPECTED``).
``fresh process`` is imports, model and fit; with empty caches as on the first day, when NUTS compiles.

bayesmeta and metafor are timed by ``meta.R`` where R has metafor (on Debian: r-cran-metafor, r-cran-mvtnorm, r-cran-numderiv);
bayesmeta itself may be the folder of its source. Writes ``benchmarks/results/meta.csv``.

    python benchmarks/meta.py [--repeats 5] [--quick] [--bayesmeta FOLDER] [--pymare PYTHON] [--environments FOLDER]
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from environments import python_of, variables

import bayes_targets as bt

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
ONE, TWO, THREE = (bt.Steps(cuts) for cuts in ((0.025,), (0.025, 0.05), (0.025, 0.05, 0.5)))
# Prior s.d. of the mean and of the spread by data.
WIDTHS = {"reform": (0.05, 0.01), "37 studies": (1.0, 0.5), "861 studies": (1.0, 0.5)}
# Log evidence and mean of mu, computed by other code.
EXPECTED = {"reform, random effects": (25.3841776, -0.0028737), "reform, one step": (24.638415, -0.002264)}
CLASSICAL = {"REML": {}, "ML with one step": {"method": "ml", "selection": ONE}}
FRESH = """
import json, pandas as pd, bayes_targets as bt
table = pd.DataFrame(json.loads({table!r}))
several = bt.Evaluation(estimates=table, printed=table.astype(str), better="lower")
priors = bt.MetaPriors(mu=bt.Normal(0, {mu}), tau=bt.HalfNormal({tau}))
bt.fit(bt.meta_model(several, priors=priors), engine={engine!r}, seed=1, progress=False, pointwise=False)
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


def data() -> dict[str, bt.Evaluation]:
    """Evaluations by name."""
    reform = bt.load_study("islam2019").evaluations["diagnoses"]
    return {"reform": reform, "37 studies": simulated(37), "861 studies": simulated(861)}


def priors(name: str) -> bt.MetaPriors:
    mu, tau = WIDTHS[name]
    return bt.MetaPriors(mu=bt.Normal(0, mu), tau=bt.HalfNormal(tau))


def tasks() -> dict[str, bt.Model]:
    """Models by name."""
    tried = {
        "reform": {"random effects": None, "one step": ONE},
        "37 studies": {"random effects": None, "one step": ONE, "two steps": TWO, "three steps": THREE},
        "861 studies": {"two steps": TWO},
    }
    read = data()
    return {
        f"{name}, {what}": bt.meta_model(read[name], priors=priors(name), selection=selection)
        for name, each in tried.items()
        for what, selection in each.items()
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
                own = bt.MetaPriors(mu=mu, tau=tau, slope=slope)
                out[f"{mu}, {tau}, {selection}"] = bt.meta_model(several, selection=selection, priors=own)
    return out


def fit(model: bt.Model, engine: str) -> object:
    return bt.fit(model, engine=engine, seed=1, progress=False, pointwise=False)


def average(models: dict[str, bt.Model]) -> object:
    return bt.average_models({name: fit(model, "exact") for name, model in models.items()})


def timed(repeats: int, function, *arguments, **options) -> tuple[float, object]:
    """Median time, and what was found last."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = function(*arguments, **options)
        times.append(time.perf_counter() - start)
    return float(np.median(times)), found


def in_process(repeats: int, *, quick: bool) -> list[dict[str, object]]:
    rows = []
    for name, model in tasks().items():
        for engine in ("exact", "nuts") if not quick and "861" not in name else ("exact",):
            seconds, posterior = timed(repeats if engine == "exact" else 2, fit, model, engine)
            draws = posterior["posterior"]
            row = {"task": name, "peer": engine, "seconds": seconds}
            row |= {what: float(draws[what].mean()) for what in ("mu", "tau")}
            row["new_low"], row["new_high"] = np.quantile(draws["new_effect"], (0.025, 0.975))
            if engine == "exact":
                row["log_evidence"] = float(posterior["sample_stats"]["log_evidence"])
            rows.append(row)
    seconds, _ = timed(repeats, average, family())
    rows.append({"task": "36 models averaged", "peer": "exact", "seconds": seconds})
    for name, several in data().items():
        for what, options in CLASSICAL.items():
            if (name, what) == ("reform", "ML with one step"):  # no result is in the first bin
                continue
            seconds, found = timed(repeats, bt.fit_meta, several, **options)
            row = {"task": f"{name}, {what}", "peer": "fit_meta", "seconds": seconds}
            row |= {"mu": float(found.loc["mu", "estimate"])}
            rows.append(row | {each: found.attrs[each] for each in ("tau", "log_likelihood")})
    return rows


def fresh(repeats: int, python: str) -> list[dict[str, object]]:
    """New processes, in which this one's caches of compiled code are found or not."""
    rows, table = [], data()["reform"].estimates[["estimate", "se"]].reset_index(drop=True)
    for engine, empty in (("exact", False), ("nuts", False), ("nuts", True)):
        mu, tau = WIDTHS["reform"]
        code = FRESH.format(table=json.dumps(table.to_dict("list")), mu=mu, tau=tau, engine=engine)
        times = []
        for _ in range(repeats if not empty else 2):
            with tempfile.TemporaryDirectory() as folder:
                caches = {"PYTENSOR_FLAGS": f"base_compiledir={folder}", "NUMBA_CACHE_DIR": folder}
                own = variables() | ({**caches, "XDG_CACHE_HOME": folder} if empty else {})
                times.append(timed(1, subprocess.run, [python, "-c", code], check=True, env=own)[0])
        task = "reform, fresh process" + (", empty caches" if empty else "")
        rows.append({"task": task, "peer": engine, "seconds": float(np.median(times))})
    return rows


def in_r(repeats: int, bayesmeta: Path | None) -> list[dict[str, object]]:
    """What R's packages find: bayesmeta, which takes seconds to minutes, and metafor."""
    parts = [
        several.estimates[["estimate", "se"]].assign(task=name, mu_sd=WIDTHS[name][0], tau_sd=WIDTHS[name][1])
        for name, several in data().items()
        if not name.startswith("861")
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        pd.concat(parts).to_csv(file, index=False)
        command = [
            "Rscript",
            HERE / "meta.R",
            file,
            str(min(repeats, 3)),
            *([bayesmeta] if bayesmeta else []),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return pd.read_csv(io.StringIO(done.stdout)).to_dict("records")


def pymare(python: str, repeats: int) -> list[dict[str, object]]:
    """REML by PyMARE, in its own environment."""
    frame = data()["reform"].estimates
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
    return [{"task": "reform, REML", "peer": "PyMARE", "seconds": float(done.stdout.strip())}]


def compared(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Tasks together, errors where other code's values are known, and how many times as long as ours each takes."""
    table = pd.DataFrame(rows)
    known = table["task"].map(EXPECTED)
    table["error_of_evidence"] = table["log_evidence"] - known.str[0]
    table["error_of_mu"] = table["mu"] - known.str[1]
    ours = table[table["peer"].isin(["exact", "fit_meta"])].set_index("task")["seconds"]
    same = table["task"].str.replace(", empty caches", "")
    table["times_ours"] = table["seconds"] / same.map(ours)
    order = {task: place for place, task in enumerate(table["task"].unique())}
    return table.sort_values("task", key=lambda tasks: tasks.map(order), kind="stable")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="the exact engine alone, once; nothing written")
    parser.add_argument(
        "--bayesmeta", type=Path, help="folder of bayesmeta's source, where R does not have it"
    )
    parser.add_argument("--pymare", metavar="PYTHON", help="an interpreter that has PyMARE")
    parser.add_argument(
        "--environments",
        type=Path,
        help="folder of environments: fresh processes then have the package alone",
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = in_process(1 if given.quick else given.repeats, quick=given.quick)
    if not given.quick:
        python = python_of("package", given.environments) if given.environments else sys.executable
        rows += fresh(given.repeats, str(python))
        if shutil.which("Rscript"):
            rows += in_r(given.repeats, given.bayesmeta)
    if given.pymare:
        rows += pymare(given.pymare, given.repeats)
    table = compared(rows)
    print(table.to_string(index=False))
    if not given.quick:
        table.to_csv(given.out / "meta.csv", index=False, float_format="%.6g", lineterminator="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
