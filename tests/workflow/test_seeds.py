"""Three seeds of the main job: what is solved exactly says the same, file by file; what is random says how far it may be off."""

import html
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

SEEDS = (1, 2, 3)
EXACT = ("audit", "cohesion_published", "lpsa_kind_and_finish", "lpsa_policy_areas")
RANDOM = ("cohesion_anchoring", "cohesion_authorities", "sensitivity", "claims")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder and printed conclusions of the main job by seed."""
    found = {}
    for seed in SEEDS:
        out = tmp_path_factory.mktemp("seeds") / str(seed)
        call = [sys.executable, "-m", "bayes_targets.run", "--quiet", "--seed", str(seed), "--out", str(out)]
        subprocess.run(call, check=True, capture_output=True)
        found[seed] = out
    return found


def sentences(page: Path) -> list[str]:
    """The page's text but for the command that makes it, and the seconds that it took."""
    text = re.sub(r"<(style|script|svg)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = html.unescape(re.sub(r"<[^>]+>|data:[^\"']*", "\n", text)).splitlines()
    own = re.compile(r"python -m bayes_targets\.run .*--seed|^\d+\.\d+$")
    return [line.strip() for line in lines if line.strip() and not own.search(line.strip())]


@pytest.mark.slow
def test_what_is_solved_exactly_is_the_same_for_any_seed(runs):
    first = runs[SEEDS[0]]
    for name in EXACT:
        tables = sorted(path.name for path in (first / name).glob("*.csv"))
        assert tables
        for other in (runs[seed] / name for seed in SEEDS[1:]):
            for table in tables:
                assert (first / name / table).read_bytes() == (other / table).read_bytes(), f"{name}/{table}"
            assert sentences(first / name / "report.html") == sentences(other / "report.html"), name
    for seed in SEEDS[1:]:
        for table in ("prior_grid.csv", "design.csv"):
            assert (first / "sensitivity" / table).read_bytes() == (
                runs[seed] / "sensitivity" / table
            ).read_bytes()
        ledgers = [pd.read_csv(runs[s] / "claims" / "claims.csv", index_col="id") for s in (SEEDS[0], seed)]
        for column in ("probability", "reading", "sceptical prior"):
            assert ledgers[0][column].equals(ledgers[1][column]), column


@pytest.mark.slow
def test_what_is_random_stays_within_what_it_says(runs):
    """Probabilities of two seeds differ by no more than four of the simulation errors that stand beside them."""
    ledgers = [pd.read_csv(out / "claims" / "claims.csv", index_col="id") for out in runs.values()]
    effects = [pd.read_csv(out / "cohesion_authorities" / "comparison.csv") for out in runs.values()]
    for one, other in pairwise(ledgers):
        error = (one["lowest_error"] ** 2 + other["lowest_error"] ** 2) ** 0.5
        assert ((one["lowest"] - other["lowest"]).abs().dropna() <= 4 * error.dropna() + 0.02).all()
    for one, other in pairwise(effects):
        for value, name in (("mean", "mean_error"), ("prob_positive", "prob_error")):
            error = (one[name] ** 2 + other[name] ** 2) ** 0.5
            assert ((one[value] - other[value]).abs() <= 6 * error).mean() > 0.9, value
