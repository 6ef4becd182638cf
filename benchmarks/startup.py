"""A fresh process that reads a CSV of authorities, fits exactly and prints the comparison, beside imports alone.

    python benchmarks/startup.py [--repeats 11] [--quick] [--out FOLDER]

Run by an interpreter that has the package alone, as `run_all.py` does: what else is installed is imported too.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from environments import variables
from problems import CONTROLS, write_data

FIT = """
import bayes_targets as bt
authorities = bt.read_authorities({file!r}, controls={controls!r})
posterior = bt.fit(bt.cohesion_model(authorities), engine="exact", seed=1, progress=False)
print(bt.compare(posterior, bt.fit_ols(authorities)).to_string())
"""


def seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=variables())
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="two repeats")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "authorities.csv"
        write_data("cohesion", file)
        codes = {
            "python -c pass": "pass",
            "import pandas": "import pandas",
            "import xarray": "import xarray",
            "read, fit exactly, compare": FIT.format(file=str(file), controls=CONTROLS),
        }
        rows = []
        for repeat in range(-1, 2 if given.quick else given.repeats):  # the first fills the caches
            for what, code in codes.items():
                took = seconds(code)
                if repeat >= 0:
                    rows.append({"what": what, "seconds": took})
    table = pd.DataFrame(rows).groupby("what", sort=False)["seconds"].agg(["size", "median", "min", "max"])
    table["times_import_pandas"] = table["median"] / table.loc["import pandas", "median"]
    given.out.mkdir(parents=True, exist_ok=True)
    table.reset_index().to_csv(
        given.out / "startup.csv", index=False, float_format="%.4g", lineterminator="\n"
    )
    print(table.to_string())


if __name__ == "__main__":
    main()
