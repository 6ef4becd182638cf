"""The command line under hostile words, and runs that are killed: statuses 0, 1 and 2 only, and nothing half-written or lost."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bayes_targets.run import main
from bayes_targets.workflow import catalogue, command_line, run_folder
from bayes_targets.workflow.analysis import Settings, conduct

SCRIPT = '''"""Title of {name}."""
import pandas as pd
from bayes_targets.report.result import Result, Table
{constants}

def analyse(run):
    frame = pd.DataFrame({{"mean": [float(run.settings.seed)] * {rows}}})
    tables = {{f"table_{{i}}": Table(frame + i, "A table.") for i in range({tables})}}
    return Result(answer="An answer.", tables=tables)
'''
VALUES = [
    "",
    "-",
    "--",
    "=",
    "a=b",
    "0",
    "-1",
    "1.5",
    "nan",
    "1e999",
    "9" * 400,
    "é",
    "\udce9",
    "\n",
    "a b",
    "*:.05",
    "one:.025",
    "pet",
]
VALUES += [
    "mu=Normal(0, 1)",
    "mu=",
    "((((",
    "none.csv",
    "/dev/zero",
    "/proc/self/mem",
    ".",
    "..",
    "/",
    "counts.csv",
    "lower",
    "%s",
    "{}",
]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder of tiny analyses in the place of the shipped ones, with a file for them, where the test works."""
    constants = {kind: f'DATA = "{kind}"' for kind in catalogue.READER_OPTIONS}
    constants |= {"first": "", "second": 'NEEDS = ("first",)'}
    (tmp_path / "analyses").mkdir()
    for name, words in constants.items():
        text = SCRIPT.format(name=name, constants=words, tables=1, rows=2)
        (tmp_path / "analyses" / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "counts.csv").write_text("area,green,red\na,1,2\nb,3,4\n")
    monkeypatch.setattr(catalogue, "analyses_folder", lambda: tmp_path / "analyses")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hostile_words(rng: random.Random) -> list[str]:
    options = [action for action in command_line.parser()._actions if action.option_strings]
    names = ["first", "second", "table", "counts", "lists", "first.py", "analyses/first.py", *VALUES]
    words = [rng.choice(names) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        option = rng.choice(options)
        flag = rng.choice(option.option_strings)
        if option.dest in ("workers", "scheduler"):
            continue  # processes and addresses are tried elsewhere
        if rng.random() < 0.1:
            flag = flag[:-1]
        words.append(flag)
        if option.nargs != 0:
            words += [rng.choice(VALUES) for _ in range(rng.choice((0, 1, 1, 1, 2)))]
    return words


def test_whatever_the_words_the_status_is_0_or_2_and_an_error_is_one_line(house, capsys):
    rng = random.Random(16)
    statuses = {0: 0, 2: 0}
    for _ in range(400):
        words = hostile_words(rng)
        status = main(words)
        out, err = capsys.readouterr()
        assert status in statuses, (words, err)
        statuses[status] += 1
        errors = [line for line in err.splitlines() if line.startswith("bayes_targets: ")]
        assert len(errors) == (status != 0), (words, err)
        assert "Traceback" not in out + err, words
    assert min(statuses.values()) >= 20, statuses


def whole(out: Path) -> None:
    """Assert that a results folder holds whole results, and what is its owner's."""
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / ".partial-mine").read_text() == "mine"
    for folder in out.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            summary = run_folder.read_summary(folder)
            assert summary is not None and run_folder.is_unchanged(folder, summary["files"]), folder
            assert {path.name for path in folder.iterdir()} == {*summary["files"], "summary.json"}


LOOP = """
import sys
from pathlib import Path
from bayes_targets.workflow.analysis import Settings, conduct
names, out = sys.argv[2:], Path(sys.argv[1])
print("ready", flush=True)
seed = 0
while True:
    seed += 1
    conduct(names, Settings(out=out, seed=seed))
"""


def killed_at_random(folder: Path, scripts: list[str], kills: int) -> set[str]:
    """Kill runs at random moments; assert after each that the results folder is whole; name what is in it."""
    out, rng = folder / "out", random.Random(12)
    out.mkdir()
    for name in ("notes.txt", ".partial-mine"):
        (out / name).write_text("mine")
    for _ in range(kills):
        call = [sys.executable, "-c", LOOP, str(out), *scripts]
        with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.0, 1.0))
            process.kill()
        assert process.returncode == -9, "killed in the middle"
        with run_folder.locked(out):
            run_folder.prepare(out, [Path(name).stem for name in scripts], resume=True, say=print)
        whole(out)
    conduct(scripts, Settings(out=out), say=print)
    (out / "one" / "table_3.csv").unlink()
    conduct(scripts, Settings(out=out, resume=True))
    conduct(scripts, Settings(out=folder / "fresh"))
    whole(out)
    for file in sorted((folder / "fresh").rglob("*.csv")):
        assert (out / file.relative_to(folder / "fresh")).read_bytes() == file.read_bytes()
    return {path.name for path in out.iterdir()}


OURS_AND_MINE = {"one", "two", "index.html", "run.json", "notes.txt", ".partial-mine"}


@pytest.fixture
def scripts(tmp_path) -> list[str]:
    paths = [tmp_path / "one.py", tmp_path / "two.py"]
    for path, needs in zip(paths, ("", f"NEEDS = ({str(paths[0])!r},)"), strict=True):
        path.write_text(SCRIPT.format(name=path.stem, constants=needs, tables=12, rows=200), encoding="utf-8")
    return [str(path) for path in paths]


def test_a_run_that_is_killed_twice_leaves_whole_results_and_resumes_to_the_same_bytes(tmp_path, scripts):
    assert killed_at_random(tmp_path, scripts, 2) == OURS_AND_MINE


@pytest.mark.slow
def test_a_run_that_is_killed_fifty_times_leaves_whole_results_and_resumes_to_the_same_bytes(
    tmp_path, scripts
):
    assert killed_at_random(tmp_path, scripts, 50) == OURS_AND_MINE


@pytest.mark.slow
def test_of_two_runs_into_one_folder_one_is_refused_and_the_other_is_whole(tmp_path, scripts):
    out = tmp_path / "out"
    call = [
        sys.executable,
        "-m",
        "bayes_targets.run",
        *scripts,
        "--out",
        str(out),
        "--quiet",
        "--workers",
        "1",
    ]
    for _ in range(5):
        runs = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        errors = [run.communicate()[1] for run in runs]
        statuses = [run.returncode for run in runs]
        assert 0 in statuses and set(statuses) <= {0, 2}, errors
        assert all(
            ("another run is writing into it" in e) == (s == 2) for e, s in zip(errors, statuses, strict=True)
        )
        for name in ("one", "two"):
            summary = run_folder.read_summary(out / name)
            assert summary is not None and run_folder.is_unchanged(out / name, summary["files"])
