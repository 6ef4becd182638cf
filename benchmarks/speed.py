"""Time to 4,000 effective draws of one posterior: exact engine and peers, same model, priors and data.

Each peer is a process (``peer.py``, ``peer.R``) in an environment as its users have it. For the figures in process all peers
of a problem wait, ready, and sample in turn. For those of a fresh process each is started anew, in turn, and charged for all
from the start of the interpreter to the posterior: imports, reading a CSV file, building the model, compiling what no cache
holds (a Stan program is compiled once and loaded, unless caches are cold). Effective draws are the smallest bulk ESS over all
quantities; a sampler that has fewer than 4,000 is charged for as many more draws as it needs, but never for warm-up
twice. Every posterior's means are compared with a long run of nutpie, in Monte Carlo standard errors.

Writes ``speed_runs.csv`` (one row a sample; a later call adds only what is missing) and ``speed.csv``.

    python benchmarks/speed.py [--repeats 5] [--quick] [--out FOLDER] [--environments FOLDER]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from environments import python_of, variables
from problems import COUNTS, QUANTITIES, cohesion_data, problem, success_counts, write_data

HERE = Path(__file__).resolve().parent
# pystan installs, but the wrapper in its wheels is compiled for Python 3.10, so that no program loads in a later one.
PYTHON = {"exact": "package", "nutpie": "package", "pymc": "package", "numpyro": "peers", "bambi": "peers"}
R = ("rstan", "rstanarm", "brms")
# Peers of a fresh process, by problem and kind; elsewhere only what is near the exact engine. brms compiles in every process.
FRESH = {
    ("cohesion", "fresh"): ("exact", "nutpie", "pymc", "numpyro", "bambi", "rstan", "rstanarm"),
    ("cohesion", "fresh, cold caches"): ("exact", "nutpie", "pymc", "rstan", "brms"),
    **{(name, "fresh"): ("exact", "nutpie", "rstan") for name in list(QUANTITIES)[1:]},
}
LEFT_OUT = {
    ("bambi", "ordinal"): "has no such prior",
    ("rstanarm", "ordinal"): "has no such prior",
    ("brms", "ordinal"): "has no such prior",
}
# Models of another prior on the spread of the types: timed, not compared.
OTHER_PRIOR = ("rstanarm",)
WANTED = 4000
# The largest departure among a problem's quantities, in standard errors, is to be below this in half of the repeats.
Z_MOST = 3.5


class Peer:
    """A process that answers a seed with a line of JSON."""

    def __init__(self, peer: str, name: str, given: argparse.Namespace, *, cold: bool = False) -> None:
        sizes, told = [str(given.draws), str(given.tune)], variables()
        self.caches = tempfile.TemporaryDirectory()
        if cold:
            told["R_USER_CACHE_DIR"] = self.caches.name
        if peer in R:
            command = ["Rscript", HERE / "peer.R", peer, name, given.data / f"{name}_r.csv", *sizes]
        else:
            python = python_of(PYTHON[peer], given.environments)
            command = [python, HERE / "peer.py", peer, name, given.data / f"{name}.csv"]
            command += ["--draws", sizes[0], "--tune", sizes[1], *(["--cold"] if cold else [])]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.born = time.time()
        self.process = subprocess.Popen(command, text=True, cwd=HERE, env=told, **pipes)
        self.ready = self.answer()["ready"] - self.born

    def answer(self) -> dict:
        """Wait for the next line."""
        line = self.process.stdout.readline()
        if not line:
            _, err = self.process.communicate()
            raise RuntimeError(" ".join(err.strip().splitlines()[-1:]) or "no answer")
        return json.loads(line)

    def sample(self, seed: int) -> dict:
        """One posterior."""
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.caches.cleanup()


def write_files(folder: Path) -> None:
    """The data of every problem, as users of Python and of R hand them over."""
    for name in QUANTITIES:
        write_data(name, folder / f"{name}.csv")
        r_frame(name).to_csv(folder / f"{name}_r.csv", index=False)


def r_frame(name: str) -> pd.DataFrame:
    model = problem(name)
    if name in COUNTS:
        count = success_counts(model)
        labels = [f"a{j:02}" for j in range(len(count))]
        frame = pd.DataFrame({"y": count[:, 0], "n": count.sum(axis=1), "area": labels, "one": 1})
        return frame.assign(**{f"k{k}": column for k, column in enumerate(count.T)})
    data = cohesion_data(model)
    frame = pd.DataFrame({f"c{k}": column for k, column in enumerate(data["controls"].T)})
    kinds = [f"t{k}" for k in data["kind"]]
    return frame.assign(x=data["x"], change=data["change"], kind=kinds, one=1)


def to_wanted(seconds: float, ess: float, draws: int, tune: int) -> float:
    """Seconds to 4,000 effective draws; warm-up is paid once."""
    share = tune / (draws + tune)
    return seconds * (share + (1 - share) * max(WANTED / ess, WANTED / (4 * draws)))


def reference(name: str, given: argparse.Namespace) -> dict:
    """Means, s.d.s and effective draws of a long run of nutpie."""
    file = given.out / f"speed_reference_{name}.json"
    if not file.is_file():
        longer = argparse.Namespace(**vars(given) | {"draws": given.reference, "tune": 2000})
        peer = Peer("nutpie", name, longer)
        file.write_text(json.dumps(peer.sample(99)["each"], indent=0))
        peer.close()
    return json.loads(file.read_text())


def largest_z(each: dict, known: dict) -> float:
    gaps = []
    for key, (mean, sd, ess) in each.items():
        mean_0, sd_0, ess_0 = known[key]
        gaps.append(abs(mean - mean_0) / np.hypot(sd / np.sqrt(ess), sd_0 / np.sqrt(ess_0)))
    return float(max(gaps))


def row_of(peer: str, name: str, kind: str, repeat: int, found: dict, given) -> dict:
    tune = 0 if peer == "exact" else given.tune
    sampled = to_wanted(found["seconds"], found["ess"], given.draws, tune)
    row = {"problem": name, "peer": peer, "kind": kind, "repeat": repeat, "seconds": found["seconds"]}
    row |= {"ess": found["ess"], "to_wanted": sampled, "refinement_sd": found.get("refinement_sd")}
    if kind != "in process":
        row["to_wanted"] = found["whole"] - found["seconds"] + sampled
        row["ready"] = found["ready"]
    if peer not in OTHER_PRIOR:
        row["largest_z"] = largest_z(found["each"], reference(name, given))
    return row


def in_process(name: str, peers: list[str], given, rows: list[dict]) -> None:
    """All peers wait, ready, and sample in turn."""
    crew = {}
    for peer in peers:
        try:
            crew[peer] = Peer(peer, name, given)
            crew[peer].sample(1000)  # the first may compile
        except (RuntimeError, OSError) as error:
            rows.append({"problem": name, "peer": peer, "kind": "in process", "note": str(error)[:200]})
            crew.pop(peer, None)
    for repeat in range(given.repeats):
        for peer, process in crew.items():
            found = process.sample(repeat + 1)
            rows.append(row_of(peer, name, "in process", repeat, found, given))
    for process in crew.values():
        process.close()


def fresh(name: str, peers: list[str], given, rows: list[dict], *, cold: bool) -> None:
    """Each peer is started anew, samples once, and ends."""
    kind, repeats = ("fresh, cold caches", given.cold_repeats) if cold else ("fresh", given.repeats)
    fallen: set[str] = set()
    for repeat in range(0 if cold else -1, repeats):  # the first fills the caches
        for peer in (peer for peer in peers if peer not in fallen):
            try:
                process = Peer(peer, name, given, cold=cold)
                found = process.sample(repeat + 1)
            except (RuntimeError, OSError) as error:
                rows.append({"problem": name, "peer": peer, "kind": kind, "note": str(error)[:200]})
                fallen.add(peer)
                continue
            process.close()
            if repeat >= 0:
                found |= {"whole": found["ended"] - process.born, "ready": process.ready}
                rows.append(row_of(peer, name, kind, repeat, found, given))


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    done = runs[runs["to_wanted"].notna()]
    by = done.groupby(["problem", "kind", "peer"], sort=False)
    table = by.agg(
        repeats=("to_wanted", "size"),
        median=("to_wanted", "median"),
        least=("to_wanted", "min"),
        most=("to_wanted", "max"),
        ess=("ess", "median"),
        largest_z=("largest_z", "median"),
        refinement_sd=("refinement_sd", "max"),
    ).reset_index()
    own = table[table["peer"] == "exact"].set_index(["problem", "kind"])["median"]
    table["times_exact"] = [
        median / own.get((name, kind), np.nan)
        for name, kind, median in table[["problem", "kind", "median"]].to_numpy()
    ]
    table["agrees"] = np.where(table["largest_z"].isna(), "other prior", table["largest_z"] < Z_MOST)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cold-repeats", type=int, default=3)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--reference", type=int, default=25_000, help="draws a chain of the reference")
    parser.add_argument("--problems", nargs="+", choices=QUANTITIES, default=list(QUANTITIES))
    parser.add_argument("--peers", nargs="+", choices=[*PYTHON, *R], default=[*PYTHON, *R])
    parser.add_argument("--kinds", nargs="+", default=["in process", "fresh", "fresh, cold caches"])
    parser.add_argument("--quick", action="store_true", help="two short repeats of one problem")
    parser.add_argument("--again", action="store_true", help="also what is in the file of runs")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--environments", type=Path, help="folder of `run_all.py`'s environments")
    given = parser.parse_args()
    given.out = given.out.resolve()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.quick:
        given.repeats, given.draws, given.tune, given.reference = 2, 300, 300, 1000
        given.cold_repeats, given.problems = 1, given.problems[:1]
    with tempfile.TemporaryDirectory() as folder:
        given.data = Path(folder)
        given.environments = given.environments or given.data
        write_files(given.data)
        table = summarise(measure(given))
    table.to_csv(given.out / "speed.csv", index=False, float_format="%.4g", lineterminator="\n")
    print(table.to_string(index=False))
    return 0


def measure(given: argparse.Namespace) -> pd.DataFrame:
    """Every run, a row each: those of the file and those that it lacks."""
    file = given.out / "speed_runs.csv"
    runs = (
        pd.read_csv(file)
        if file.is_file() and not given.again
        else pd.DataFrame(columns=["problem", "peer", "kind"])
    )
    for kind in given.kinds:
        for name in given.problems:
            known = set(runs.loc[(runs["problem"] == name) & (runs["kind"] == kind), "peer"])
            wanted = given.peers if kind == "in process" else FRESH.get((name, kind), ())
            peers = [p for p in given.peers if p in wanted and p not in known and (p, name) not in LEFT_OUT]
            if not peers:
                continue
            rows: list[dict] = []
            started = time.perf_counter()
            if kind == "in process":
                in_process(name, peers, given, rows)
            else:
                fresh(name, peers, given, rows, cold=kind != "fresh")
            runs = pd.concat([runs, pd.DataFrame(rows)], ignore_index=True) if rows else runs
            runs.to_csv(file, index=False, float_format="%.6g", lineterminator="\n")
            took = time.perf_counter() - started
            print(f"{kind}, {name}: {', '.join(peers)} ({took:.0f} seconds)", flush=True)
    return runs


if __name__ == "__main__":
    sys.exit(main())
