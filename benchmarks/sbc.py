"""Simulation-based calibration of every model, option and engine.

Parameters are drawn from the priors, data from the parameters, and the posterior from the data; the rank of each true
value among the posterior's draws is then uniform, if and only if model and engine agree (Talts et al. 2018). The log
likelihood of the data is ranked too, as it catches what no single parameter shows (Modrák et al. 2023). Ranks are
judged by the largest departure of their distribution function from a straight line, with a band that holds all points
of all quantities of a panel at once in 95% of correct runs (Säilynoja et al. 2022).

Finished blocks are kept in a folder, so that a run that was stopped goes on where it was. Writes
``benchmarks/results/sbc.csv`` and ``sbc.png``; of a part, its rows, the others as they are, and a figure ``sbc_NAME.png``.

    python benchmarks/sbc.py [--exact 1000] [--nuts 200] [--workers 2] [--only NAME] [--keep FOLDER]
        [--minutes M] [--quick]
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayes_targets as bt
from bayes_targets.inference.engines import CompiledNuts, compile_nuts, sample_nuts
from bayes_targets.inference.ensemble import run_ensemble
from bayes_targets.model import Model
from bayes_targets.models.cohesion.graph import arrays
from bayes_targets.models.success.equation import swapped_data
from bayes_targets.studies import odpm2005

BLOCK = 10
EXACT_DRAWS = 999
# Thinned to 100 draws that hardly depend on one another.
NUTS = {"draws": 500, "tune": 600, "chains": 2}
NUTS_THIN = 10
BAND = 0.95
# Not part of a task, as what is kept must not depend on it.
UNTIL, LATE = "SBC_UNTIL", "the time is up"
RESULTS = Path(__file__).parent / "results"
TYPES = {"county": 8, "metropolitan": 10, "London": 9, "unitary": 13}
# The defaults' baselines may fall below 0%.
SCORES = bt.CohesionPriors(
    baseline_mean=bt.Normal(60.0, 5.0), baseline_tau=bt.HalfNormal(3.0), baseline_sd=bt.HalfNormal(5.0)
)


@dataclass(frozen=True)
class Case:
    """A model with its options, and the engines that have its posterior."""

    model: Callable[[], Model]
    engines: tuple[str, ...] = ("exact", "nuts")


def published(*, pooling: str, reference: bool = False, df: float | None = None) -> Model:
    se = np.array([0.7, 1.1, 0.9, 1.6, 0.5, 1.2])
    frame = pd.DataFrame({"term": list("abcdef"), "estimate": 0.0, "se": se, "scale": [1, 1, 1, 1, 2.0, 0.5]})
    if pooling == "partial":
        frame["group"] = ["type"] * 4 + ["", ""]
    if reference:
        row = {"term": "r", "estimate": 0.0, "se": 0.0, "scale": 1.0, "group": "type"}
        frame = pd.concat([frame, pd.DataFrame([row])], ignore_index=True)
    if df is not None:
        frame["df"] = df
    return bt.published_model(frame, pooling=pooling, hoped=1.0)


def cohesion(*, measurement_error: bool = False, **options: str) -> Model:
    controls = {"deprivation": 0.0, "density": 0.0}
    se = 2.0 if measurement_error else 0.0
    design = bt.simulate_authorities(TYPES, coefficients=controls, survey_se=se, seed=1)
    priors = SCORES if measurement_error else None
    return bt.cohesion_model(design, measurement_error=measurement_error, priors=priors, **options)


def success(outcome: str, pooling: str = "partial") -> Model:
    counts = odpm2005.counts(bt.load_study(odpm2005.NAME), "policy_area")
    return bt.success_model(counts, outcome=outcome, pooling=pooling)


def statuses(outcome: str, number: int) -> Model:
    """Five areas of 2 to 25 targets with so many statuses; a simulation draws their counts."""
    targets = np.array([25, 12, 8, 5, 2])
    frame = pd.DataFrame({f"status {k}": (targets + k) // number for k in range(number)})
    frame.insert(0, "area", list("abcde"))
    return bt.success_model(bt.read_counts(frame, statuses=list(frame.columns[1:])), outcome=outcome)


def meta(*, few: bool = False, **options: object) -> Model:
    """Eight studies in three groups, by year; with `few`, of few degrees of freedom."""
    se = np.array([0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.20, 0.15])
    year = [2001.0, 2003, 2004, 2008, 2011, 2012, 2015, 2020]
    frame = pd.DataFrame({"estimate": 0.0, "se": se, "year": year, "group": list("aabbbcca")})
    frame.index = pd.Index([f"study {k}" for k in range(len(se))], name="study")
    if few:
        frame["df"] = [4.0, 6, 9, 15, 30, 5, 8, 12]
    several = bt.Evaluation(estimates=frame, printed=frame.astype(str), better="higher")
    priors = bt.MetaPriors(
        mu=bt.Normal(0, 0.5),
        tau=bt.HalfNormal(0.3),
        tau_within=bt.HalfNormal(0.2),
        coefficient=bt.Normal(0, 0.3),
    )
    return bt.meta_model(several, priors=priors, **options)


STEPS = {
    "one": bt.Steps((0.025,)),
    "two": bt.Steps((0.05, 0.10), side="two"),
    "three": bt.Steps((0.025, 0.05, 0.5)),
}

CASES = {
    "published, none": Case(lambda: published(pooling="none")),
    "published, partial": Case(lambda: published(pooling="partial")),
    "published, reference": Case(lambda: published(pooling="partial", reference=True)),
    "published, t": Case(lambda: published(pooling="none", df=4.0), ("exact",)),
    "published, t partial": Case(lambda: published(pooling="partial", df=4.0), ("exact",)),
    "published, t reference": Case(lambda: published(pooling="partial", reference=True, df=4.0), ("exact",)),
    "cohesion, partial": Case(lambda: cohesion()),
    "cohesion, none": Case(lambda: cohesion(pooling="none")),
    "cohesion, complete": Case(lambda: cohesion(pooling="complete")),
    "cohesion, by type": Case(lambda: cohesion(slopes="by_type")),
    "cohesion, Student-t": Case(lambda: cohesion(noise="student_t"), ("nuts",)),
    "cohesion, measured": Case(lambda: cohesion(measurement_error=True), ("nuts",)),
    "meta, partial": Case(lambda: meta()),
    "meta, complete": Case(lambda: meta(pooling="complete"), ("exact",)),
    "meta, moderator": Case(lambda: meta(moderators=["year"]), ("exact",)),
    "meta, groups": Case(lambda: meta(group="group")),
    "meta, correlated groups": Case(lambda: meta(group="group", correlation=0.5), ("exact",)),
    "meta, Student-t": Case(lambda: meta(few=True), ("exact",)),
    "meta, one step": Case(lambda: meta(selection=STEPS["one"])),
    "meta, two steps, two-sided": Case(lambda: meta(selection=STEPS["two"]), ("exact",)),
    "meta, three steps": Case(lambda: meta(selection=STEPS["three"]), ("exact",)),
    "meta, groups and one step": Case(lambda: meta(group="group", selection=STEPS["one"]), ("exact",)),
    "meta, PET": Case(lambda: meta(selection="pet")),
    "success, binomial": Case(lambda: success("binomial")),
    "success, ordinal": Case(lambda: success("ordinal")),
    "success, multinomial": Case(lambda: success("multinomial")),
    "success, ordinal, four statuses": Case(lambda: statuses("ordinal", 4), ("exact",)),
    "success, ordinal, five statuses": Case(lambda: statuses("ordinal", 5), ("exact",)),
    "success, multinomial, three statuses": Case(lambda: statuses("multinomial", 3), ("exact",)),
    "success, multinomial, four statuses": Case(lambda: statuses("multinomial", 4), ("exact",)),
}


def simulate(model: Model, rng: np.random.Generator) -> tuple[Model, xr.Dataset]:
    """The model with simulated data, and the parameters that they come from (dims chain and draw of length 1)."""
    drawn = model.draw_prior(model, rng, 1)
    truth = drawn.rename(sample="draw").expand_dims("chain").transpose("chain", "draw", ...)
    data = model.data
    if model.options.get("measurement_error"):
        data = data.assign(baseline=("authority", measured_baseline(model, truth, rng)))
    made = model.predict(replace(model, data=data), truth, rng).isel(chain=0, draw=0, drop=True)
    data = data.assign(
        {name: (data[name].dims, made[name].to_numpy()) for name in made.data_vars if name in data}
    )
    return replace(model, data=data), truth


def measured_baseline(model: Model, truth: xr.Dataset, rng: np.random.Generator) -> np.ndarray:
    by_type = truth["baseline_by_type"].to_numpy()[0, 0][model.data["type_index"].to_numpy()]
    sd = np.hypot(float(truth["baseline_sd"].squeeze()), model.data["baseline_se"].to_numpy())
    return rng.normal(by_type, sd)


def quantities(model: Model, draws: xr.Dataset) -> dict[str, np.ndarray]:
    """Every parameter, element by element, and the log likelihood, each of shape (draws,)."""
    out = {}
    for name in model.variables:
        if name in ("regression", "standardised"):  # the other parameters in other units
            continue
        values = draws[name].transpose("chain", "draw", ...).to_numpy()
        flat = values.reshape(values.shape[0] * values.shape[1], -1)
        out |= {name if flat.shape[1] == 1 else f"{name}[{k}]": flat[:, k] for k in range(flat.shape[1])}
    terms = model.log_likelihood(model, draws).data_vars.values()
    total = sum(term.sum([dim for dim in term.dims if dim not in ("chain", "draw")]) for term in terms)
    return out | {"log likelihood": total.to_numpy().ravel()}


@cache
def case_model(name: str) -> Model:
    return CASES[name].model()


@cache
def compiled(name: str) -> CompiledNuts:
    return compile_nuts(case_model(name))


def graph_data(model: Model) -> dict[str, np.ndarray]:
    """What a compiled graph of the same model is given."""
    if model.name in ("published", "meta"):
        return {"printed_estimate": model.data["estimate"].to_numpy()}
    if model.name == "cohesion":
        return {name: values for name, (values, _) in arrays(model).items()}
    return swapped_data(model.data)


def posterior(case: str, engine: str, model: Model, seed: np.random.SeedSequence) -> tuple[xr.Dataset, int]:
    """Draws that hardly depend on one another, and the number of divergences."""
    if engine == "exact":
        draws, _ = model.exact(model, EXACT_DRAWS, np.random.default_rng(seed))
        return draws.rename(sample="draw").expand_dims("chain"), 0
    number = int(seed.generate_state(1)[0])
    draws, stats = sample_nuts(compiled(case), data=graph_data(model), seed=number, **NUTS)
    return draws.isel(draw=slice(None, None, NUTS_THIN)), int(stats["diverging"].sum())


def do_block(task: dict, seed: np.random.SeedSequence) -> dict:
    """Ranks of some replications: shares of the draws below the truth, ties split at random."""
    if time.time() > float(os.environ.get(UNTIL, "inf")):
        raise TimeoutError(LATE)
    ranks, divergences = {}, 0
    for own in seed.spawn(task["replications"]):
        data_seed, fit_seed, tie_seed = own.spawn(3)
        model, truth = simulate(case_model(task["case"]), np.random.default_rng(data_seed))
        draws, diverging = posterior(task["case"], task["engine"], model, fit_seed)
        divergences += diverging
        real, ties = quantities(model, truth), np.random.default_rng(tie_seed)
        for name, values in quantities(model, draws).items():
            below, same = (values < real[name]).sum(), (values == real[name]).sum()
            rank = below + ties.integers(0, same + 1)
            # Uniform on (0, 1), whatever the number of draws.
            ranks.setdefault(name, []).append((rank + ties.random()) / (values.size + 1))
    return {"ranks": ranks, "divergences": divergences}


def departures(ranks: np.ndarray) -> np.ndarray:
    """For each row of uniform ranks, the smallest two-sided binomial probability among all points of its ECDF."""
    from scipy import stats

    n = ranks.shape[1]
    points = np.linspace(0, 1, min(n, 100) + 1)[1:-1]
    counts = np.stack([(ranks <= point).sum(axis=1) for point in points], axis=1)
    low, high = stats.binom.cdf(counts, n, points), stats.binom.sf(counts - 1, n, points)
    return np.minimum(2 * np.minimum(low, high), 1.0).min(axis=1)


@cache
def null_departures(n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    return np.sort(np.concatenate([departures(rng.random((500, n))) for _ in range(40)]))


def p_value(ranks: np.ndarray) -> float:
    null, found = null_departures(ranks.size), departures(ranks[None])[0]
    return float((np.searchsorted(null, found, side="right") + 1) / (null.size + 1))


def summarise(case: str, engine: str, ranks: dict[str, np.ndarray], divergences: int) -> list[dict]:
    from scipy import stats

    rows = []
    for name, values in ranks.items():
        counts = np.histogram(values, bins=20, range=(0, 1))[0]
        p = p_value(values)
        row = {"model": case, "engine": engine, "quantity": name, "replications": values.size}
        row |= {"mean_rank": values.mean(), "chi_square_p": stats.chisquare(counts).pvalue, "ecdf_p": p}
        # Bonferroni over a panel's quantities: 5% of correct panels have one outside.
        rows.append(row | {"within_band": p > (1 - BAND) / len(ranks), "divergences": divergences})
    return rows


def draw_figure(found: dict[tuple[str, str], dict[str, np.ndarray]], file: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from scipy import stats

    columns = 4
    rows = -(-len(found) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(11, 1.75 * rows), sharex=True, sharey="row", layout="constrained"
    )
    for axis in axes.ravel()[len(found) :]:
        axis.set_axis_off()
    for axis, ((case, engine), ranks) in zip(axes.ravel(), found.items(), strict=False):
        n = len(next(iter(ranks.values())))
        points = np.linspace(0, 1, 101)
        level = np.quantile(null_departures(n), (1 - BAND) / len(ranks))
        low, high = (stats.binom.ppf(q, n, points) / n - points for q in (level / 2, 1 - level / 2))
        axis.fill_between(points, low, high, color="0.88", lw=0)
        axis.axhline(0, color="0.6", lw=0.6)
        for name, values in ranks.items():
            line = (values[:, None] <= points).mean(axis=0) - points
            style = (
                {"color": "#b3541e", "lw": 1.1}
                if name == "log likelihood"
                else {"color": "#1f5a85", "lw": 0.6}
            )
            axis.plot(points, line, **style)
        axis.set_title(f"{case}\n{engine}, {n} replications", fontsize=8)
        axis.tick_params(labelsize=7)
    figure.supxlabel("rank of the truth among the posterior's draws (share)", fontsize=9)
    figure.supylabel("ECDF less uniform", fontsize=9)
    figure.suptitle(
        "Simulation-based calibration: parameters in blue, log likelihood in red; grey holds all lines of a panel in "
        f"{BAND:.0%} of correct runs",
        fontsize=9,
    )
    figure.savefig(file, dpi=80)
    plt.close(figure)


def blocks(replications: dict[str, int], only: str) -> dict[str, dict]:
    """Tasks by name, the engines and cases mixed, so that a run that was stopped knows something of each."""
    out = {}
    for number in range(max(replications.values()) // BLOCK):
        for case, entry in CASES.items():
            for engine in entry.engines:
                if number < replications[engine] // BLOCK and only in f"{case}, {engine}":
                    task = {"case": case, "engine": engine, "replications": BLOCK}
                    out[f"{case}/{engine}/{number}"] = task
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--exact", type=int, default=1000, help="replications of the exact engine")
    parser.add_argument("--nuts", type=int, default=200, help="replications of NUTS")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="cases and engines whose name has this in it")
    parser.add_argument("--seed", type=int, default=2014)
    parser.add_argument(
        "--keep", type=Path, default=Path("sbc_blocks"), help="where finished blocks are kept"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--minutes", type=float, help="time to compute; then what is there is summarised")
    parser.add_argument(
        "--quick", action="store_true", help="20 replications each, nothing written to results"
    )
    given = parser.parse_args()
    counts = {"exact": 20, "nuts": 20} if given.quick else {"exact": given.exact, "nuts": given.nuts}
    out = given.keep if given.quick else given.out
    tasks, started = blocks(counts, given.only), time.monotonic()
    if given.minutes is not None:
        os.environ[UNTIL] = str(time.time() + 60 * given.minutes)
    done = run_ensemble(do_block, tasks, seed=given.seed, workers=given.workers, keep=given.keep)
    failures = {name: words for name, words in done.failures.items() if LATE not in words}
    for name, words in failures.items():
        print(f"{name}: {words}", file=sys.stderr)
    found, divergences = {}, {}
    for name, block in done.results.items():
        case, engine, _ = name.split("/")
        ranks = found.setdefault((case, engine), {})
        divergences[case, engine] = divergences.get((case, engine), 0) + block["divergences"]
        for quantity, values in block["ranks"].items():
            ranks[quantity] = np.append(ranks.get(quantity, []), values)
    ordered = {
        (case, engine): found[case, engine]
        for case, entry in CASES.items()
        for engine in entry.engines
        if (case, engine) in found
    }
    rows = [row for key, ranks in ordered.items() for row in summarise(*key, ranks, divergences[key])]
    table = pd.DataFrame(rows)
    out.mkdir(parents=True, exist_ok=True)
    file = out / "sbc.csv"
    whole = table
    if given.only and file.exists():
        earlier = pd.read_csv(file)
        again = set(zip(table["model"], table["engine"], strict=True))
        kept = [key not in again for key in zip(earlier["model"], earlier["engine"], strict=True)]
        whole = pd.concat([earlier[kept], table])
    draw_figure(ordered, out / (f"sbc_{given.only}.png" if given.only else "sbc.png"))
    whole.to_csv(file, index=False, float_format="%.4g", lineterminator="\n")
    worst = table.groupby(["model", "engine"], sort=False)
    print(
        worst.agg(
            replications=("replications", "first"),
            quantities=("quantity", "size"),
            smallest_p=("ecdf_p", "min"),
            outside=("within_band", lambda inside: int((~inside).sum())),
            divergences=("divergences", "first"),
        ).to_string()
    )
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if failures or not table["within_band"].all() else 0


if __name__ == "__main__":
    sys.exit(main())
