"""Coverage of the cohesion model: how often its intervals hold the truth.

For a model of the target and one of stretch, data sets of 150 authorities of the four English types with two
controls are simulated with parameters from the default priors, so that the true coverage of a correct posterior
is exactly the nominal one. Who has a target, the stretch and the controls are drawn anew for each data set.
Each model is compiled once and its data are swapped. Writes ``benchmarks/results/coverage_cohesion.csv``.

    python benchmarks/coverage_cohesion.py [--datasets 200] [--seed 2014] [--slopes common|by_type] [--out FILE]
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from bayes_targets.model import Model
from bayes_targets.models.cohesion.graph import arrays
from bayes_targets.models.cohesion.model import cohesion_model
from bayes_targets.models.cohesion.simulate import simulate_authorities

TYPES = {"county": 27, "metropolitan": 36, "London": 32, "unitary": 55}
EFFECTS = ("target", "stretch")
PROBS = (0.5, 0.9)
DRAWS, TUNE, CHAINS = 1000, 1000, 4
# With two-sided error 1 in 1,000 for each row, one of sixteen correct rows is outside in 1 run of 60.
BINOMIAL_ERROR = 1e-3


def simulated(effect: str, slopes: str, number: int, seed: int) -> tuple[Model, xr.Dataset]:
    """One data set as a model, and the parameters that it comes from."""
    design_seed, rng_seed = np.random.SeedSequence([seed, number]).generate_state(2)
    controls = {"deprivation": 0.0, "density": 0.0}
    design = simulate_authorities(TYPES, effect=effect, coefficients=controls, seed=int(design_seed))
    model, rng = cohesion_model(design, effect=effect, slopes=slopes), np.random.default_rng(rng_seed)
    truth = model.draw_prior(model, rng, 1).rename(sample="draw").expand_dims("chain")
    change = model.predict(model, truth.transpose("chain", "draw", ...), rng)["change"]
    drawn = design.assign(change=change.isel(chain=0, draw=0, drop=True))
    return cohesion_model(drawn, effect=effect, slopes=slopes), truth.isel(chain=0, draw=0)


def sampled(compiled, model: Model, seed: int) -> tuple[xr.Dataset, int]:
    """Draws and number of divergences of a compiled graph with another model's data."""
    import nutpie

    data = {name: values for name, (values, _) in arrays(model).items()}
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    trace = nutpie.sample(
        compiled.with_data(**data),
        draws=DRAWS,
        tune=TUNE,
        chains=CHAINS,
        cores=min(CHAINS, available),
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=0.95,
    )
    return trace["posterior"].to_dataset(), int(trace["sample_stats"]["diverging"].sum())


def coverage(effect: str, *, datasets: int, seed: int, slopes: str = "common") -> pd.DataFrame:
    """Coverage of each parameter's equal-tailed intervals, with the range that binomial error allows."""
    import nutpie
    from scipy import stats

    names = ["effect", "tau", "sigma", *(["tau_effect"] if slopes == "by_type" else [])]
    hits = {(name, prob): 0 for name in names for prob in PROBS}
    started = time.perf_counter()
    compiled, divergences = None, 0
    for number in range(datasets):
        model, truth = simulated(effect, slopes, number, seed)
        compiled = compiled or nutpie.compile_pymc_model(model.to_pymc())
        posterior, diverging = sampled(compiled, model, seed + number)
        divergences += diverging
        for name, prob in hits:
            low, high = posterior[name].quantile([(1 - prob) / 2, (1 + prob) / 2]).to_numpy()
            hits[name, prob] += int(low <= float(truth[name]) <= high)
        if sys.stderr.isatty():
            print(f"\r{effect}: {number + 1} of {datasets}", end="", file=sys.stderr, flush=True)
    rows = []
    for (name, prob), covered in hits.items():
        low, high = stats.binom.ppf([BINOMIAL_ERROR / 2, 1 - BINOMIAL_ERROR / 2], datasets, prob) / datasets
        label = f"{effect} slope" if name == "effect" else name
        row = {"model": effect, "slopes": slopes, "parameter": label, "prob": prob, "datasets": datasets}
        row |= {
            "covered": covered,
            "coverage": covered / datasets,
            "binomial_low": low,
            "binomial_high": high,
        }
        row |= {"within": low <= covered / datasets <= high, "divergences": divergences}
        rows.append(row | {"seconds_per_dataset": round((time.perf_counter() - started) / datasets, 2)})
    return pd.DataFrame(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2014)
    parser.add_argument("--slopes", choices=["common", "by_type"], default="common")
    default = Path(__file__).parent / "results" / "coverage_cohesion.csv"
    parser.add_argument("--out", type=Path, default=default)
    given = parser.parse_args()
    parts = [
        coverage(effect, datasets=given.datasets, seed=given.seed, slopes=given.slopes) for effect in EFFECTS
    ]
    table = pd.concat(parts, ignore_index=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out, index=False)
    print(table.to_string(index=False))
    return 0 if table["within"].all() else 1


if __name__ == "__main__":
    sys.exit(main())
