"""Check that intervals of the success models cover the truth as often as they say.

For each outcome, data sets of twelve areas with the printed numbers of targets are simulated from the default
priors, so that the true coverage of a correct posterior is exactly the nominal one. Each model is compiled
once and its counts are swapped. Writes ``benchmarks/results/coverage_success.csv``.

    python benchmarks/coverage_success.py [--datasets 200] [--seed 2005] [--out FILE]
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayes_targets as bt
from bayes_targets.inference.engines import compile_nuts, sample_nuts
from bayes_targets.model import Model
from bayes_targets.models.success.equation import swapped_data
from bayes_targets.studies import odpm2005

PROBS = (0.5, 0.9)
SETTINGS = {"draws": 500, "tune": 500, "chains": 4, "target_accept": 0.99}


def printed_counts() -> xr.Dataset:
    return odpm2005.counts(bt.load_study(odpm2005.NAME), "policy_area")


def simulated(model: Model, datasets: int, seed: int) -> tuple[xr.Dataset, xr.Dataset]:
    """True values and counts, dim ``draw`` numbering the data sets."""
    rng = np.random.default_rng(seed)
    truth = model.draw_prior(model, rng, datasets).rename(sample="draw").expand_dims("chain")
    counts = model.predict(model, truth.transpose("chain", "draw", ...), rng)
    return truth.isel(chain=0), counts.isel(chain=0)


def covered(draws: xr.DataArray, truth: xr.DataArray, prob: float) -> np.ndarray:
    low, high = draws.quantile([(1 - prob) / 2, (1 + prob) / 2], ("chain", "draw")).to_numpy()
    value = truth.transpose(*(dim for dim in draws.dims if dim not in ("chain", "draw"))).to_numpy()
    return np.atleast_1d((low <= value) & (value <= high))


def coverage(outcome: str, *, datasets: int, seed: int) -> pd.DataFrame:
    """Coverage by variable and probability for one outcome."""
    model = bt.success_model(printed_counts(), outcome=outcome)
    compiled = compile_nuts(model)
    truth, counts = simulated(model, datasets, seed)
    seeds = np.random.SeedSequence(seed).generate_state(datasets)
    hits: dict[tuple[str, float], list[np.ndarray]] = {}
    divergences, started = 0, time.perf_counter()
    for number in range(datasets):
        data = model.data.assign({name: counts[name].isel(draw=number) for name in model.observed})
        seed = int(seeds[number])
        posterior, stats = sample_nuts(compiled, data=swapped_data(data), seed=seed, **SETTINGS)
        divergences += int(stats["diverging"].sum() > 0)
        for name in model.variables:
            for prob in PROBS:
                inside = covered(posterior[name], truth[name].isel(draw=number), prob)
                hits.setdefault((name, prob), []).append(inside)
    rows = []
    for (name, prob), inside in hits.items():
        each = np.array([part.mean() for part in inside])
        rows.append(
            {
                "outcome": outcome,
                "variable": name,
                "nominal": prob,
                "coverage": each.mean(),
                # Intervals of one data set hang together, so the error is that of means of data sets.
                "se": each.std(ddof=1) / np.sqrt(len(each)),
                "datasets": datasets,
                "with_divergences": divergences,
                "seconds": round(time.perf_counter() - started, 1),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2005)
    default = Path(__file__).parent / "results" / "coverage_success.csv"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    tables = []
    for outcome in ("binomial", "ordinal", "multinomial"):
        tables.append(coverage(outcome, datasets=options.datasets, seed=options.seed))
        print(tables[-1].to_string(index=False), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    pd.concat(tables).to_csv(options.out, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
