"""Calibration of the anchoring model: what it finds in studies that were simulated with a known truth.

Studies of 150 areas are simulated with the paper's numbers of areas and about its spreads: with targets set from 2006 and
a causal slope of .65, and with targets set from 2008 and no effect at all. Of each study only the sixteen printed
statistics are kept. For each the posterior is asked twice: with the weight of the later score unknown, and with that weight
known (the row of `slope_by_weight` at the true weight). Truths at the ends of the weight's range lie at the
edge of what the prior holds possible, so that intervals need not hold them at the nominal rate when the weight is unknown.

A third part draws truths from where the posterior of the paper itself lies, at any weight: there intervals of a correct
posterior hold the truth at about their nominal rate. Writes ``benchmarks/results/calibration_anchoring.csv``.

    python benchmarks/calibration_anchoring.py [--datasets 50] [--seed 2014] [--out FILE]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_targets as bt
from bayes_targets.models.anchoring.world import PARAMETERS
from bayes_targets.studies import andrews2014_anchoring as paper

SCENARIOS = {
    "set from 2006, slope .65": {"anchor_weight": 0.0, "causal_slope": 0.65},
    "set from 2008, no effect": {
        "anchor_weight": 1.0,
        "causal_slope": 0.0,
        "ambition_mean": 3.6,
        "ambition_sd": 2.6,
        "score_after": 75.2,
        "carry_over": 0.84,
        "drift_sd": 2.2,
    },
}
ANY = "any weight, as the paper's posterior has it"


def truths(datasets: int, seed: int) -> dict[str, list[dict[str, float]]]:
    """Parameters of every simulated study, by scenario."""
    published = bt.anchoring_model(paper.anchoring_summary(bt.load_study("andrews2014")))
    posterior = bt.fit(published, seed=seed, progress=False)["posterior"].to_dataset()
    rows = np.stack([posterior[name].to_numpy().ravel() for name in PARAMETERS], axis=1)
    chosen = rows[np.random.default_rng(seed).choice(len(rows), datasets, replace=False)]
    drawn = [dict(zip(PARAMETERS, row.tolist(), strict=True)) for row in chosen]
    return {name: [truth] * datasets for name, truth in SCENARIOS.items()} | {ANY: drawn}


def examine(truth: dict[str, float], seed: int) -> dict[str, float]:
    """One simulated study, its posterior and whether the gate let it through."""
    summary = bt.simulate_anchoring(seed=seed, **truth)
    posterior = bt.fit(bt.anchoring_model(summary), seed=seed, progress=False)
    passed = bool(bt.diagnose(posterior)["passed"].all())
    w, b = (posterior["posterior"][name].to_numpy().ravel() for name in ("anchor_weight", "causal_slope"))
    weight, slope = truth["anchor_weight"], truth["causal_slope"]
    low, high = np.quantile(b, [0.025, 0.975])
    near = (np.abs(w - weight) <= 0.1).sum()
    band = bt.slope_by_weight(posterior, [weight]).iloc[0] if near >= 100 else None
    return {
        "true_weight": weight,
        "true_slope": slope,
        "printed_slope": summary.loc["slope", "value"],
        "gate_passed": passed,
        "weight_median": np.median(w),
        "prob_weight_above_half": (w > 0.5).mean(),
        "weight_rank": (w < weight).mean(),
        "slope_median": np.median(b),
        "slope_low": low,
        "slope_high": high,
        "slope_rank": (b < slope).mean(),
        "prob_slope_positive": (b > 0).mean(),
        "known_low": np.nan if band is None else band["low"],
        "known_high": np.nan if band is None else band["high"],
    }


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Rates by scenario."""
    slope = table["true_slope"]
    rates = table.assign(
        covers=(table["slope_low"] <= slope) & (slope <= table["slope_high"]),
        excludes_0=(table["slope_low"] > 0) | (table["slope_high"] < 0),
        known_covers=(table["known_low"] <= slope) & (slope <= table["known_high"]),
        known_excludes_0=(table["known_low"] > 0) | (table["known_high"] < 0),
        weight_more_than_half=table["prob_weight_above_half"] > 0.5,
        covers_50=table["slope_rank"].between(0.25, 0.75),
        weight_covers_50=table["weight_rank"].between(0.25, 0.75),
        weight_covers=table["weight_rank"].between(0.025, 0.975),
    )
    columns = [
        "gate_passed",
        "prob_weight_above_half",
        "weight_more_than_half",
        "prob_slope_positive",
        "covers_50",
        "covers",
        "excludes_0",
        "weight_covers_50",
        "weight_covers",
        "known_covers",
        "known_excludes_0",
    ]
    return rates.groupby("scenario", sort=False)[columns].mean().round(3).T


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--datasets", type=int, default=50)
    parser.add_argument("--seed", type=int, default=2014)
    default = Path(__file__).parent / "results" / "calibration_anchoring.csv"
    parser.add_argument("--out", type=Path, default=default)
    given = parser.parse_args()
    rows, started = [], time.perf_counter()
    for scenario, all_truths in truths(given.datasets, given.seed).items():
        for number, truth in enumerate(all_truths):
            seed = int(np.random.SeedSequence([given.seed, len(rows)]).generate_state(1)[0])
            rows.append({"scenario": scenario, "study": number, **examine(truth, seed)})
            if sys.stderr.isatty():
                print(f"\r{len(rows)} of {3 * given.datasets}", end="", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(given.out, index=False)
    print(summarise(table).to_string())
    print(f"{(time.perf_counter() - started) / len(rows):.1f} seconds a study")
    return 0


if __name__ == "__main__":
    sys.exit(main())
