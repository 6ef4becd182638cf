"""Several processes: what is written, said and raised is what one process writes, says and raises."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bayes_targets.errors import DataError
from bayes_targets.inference.ensemble import Pool
from bayes_targets.workflow import catalogue, run_folder
from bayes_targets.workflow.analysis import Outcome, Settings, conduct, plan

HEAD = '''"""Title of {name}."""
import multiprocessing, os, pathlib, signal, time
from bayes_targets.errors import DataError, DiagnosticsError
from bayes_targets.report.result import Result

def analyse(run):
'''
PLAIN = """
run.say(f"{run.name}: at work")
return Result(answer=f"An answer of {run.name}.")
"""
GATE = 'raise DiagnosticsError("the posterior is not reported: R-hat is 1.2 (at most 1.01)")'
SECONDS = re.compile(rb"<dt>Seconds</dt><dd>[\d.]+</dd>|\"seconds\": [\d.]+|\"(report.html|seal)\": \"\w+\"")


class House:
    """A folder that stands for that of the shipped analyses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []

    def script(self, name: str, body: str = PLAIN, *needs: str) -> str:
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        text = HEAD.format(name=name) + lines + (f"\nNEEDS = {needs!r}\n" if needs else "")
        (self.folder / f"{name}.py").write_text(text, encoding="utf-8")
        return name

    def run(self, *names: str, processes: int = 2, out: str = "out", **settings: object) -> Outcome:
        self.said.clear()
        given = Settings(out=self.folder / out, **settings)  # type: ignore[arg-type]
        with Pool(processes) as pool:
            return conduct(names, given, say=self.said.append, pool=pool)

    def contents(self, out: str) -> dict[str, bytes]:
        place = self.folder / out
        files = (path for path in sorted(place.rglob("*")) if path.is_file() and path.name != "run.json")
        return {str(path.relative_to(place)): SECONDS.sub(b"", path.read_bytes()) for path in files}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(catalogue, "analyses_folder", lambda: tmp_path)
    return House(tmp_path)


def test_one_process_and_several_write_the_same_bytes_and_say_the_same(house):
    names = [
        house.script("a"),
        house.script("b", "return Result(answer=run.need('a').answer + ' Needed.')", "a"),
        house.script("c", GATE),
        house.script("d", "run.need('c')", "c"),
        house.script("e", "return Result(answer=run.need('b').answer)", "b", "a"),
    ]
    outcomes = {n: house.run(*names, processes=n, out=f"out{n}") for n in (1, 2, 3)}
    said = set(house.said)
    for n in (2, 3):
        assert outcomes[n].conclusions == outcomes[1].conclusions
        assert outcomes[n].failed == outcomes[1].failed == ["c", "d"]
        assert house.contents(f"out{n}") == house.contents("out1")
    assert outcomes[1].conclusions[4] == "Title of e: An answer of a. Needed."
    house.run(*names, processes=1, out="out1")
    assert set(house.said) == said


def test_analyses_are_made_at_the_same_time(house):
    flag = "pathlib.Path({!r})"
    a, b = (flag.format(str(house.folder / name)) for name in ("a is here", "b is here"))
    meets = "{0}.touch()\nwhile not {1}.exists():\n    time.sleep(0.01)\nreturn Result(answer='They met.')"
    outcome = house.run(house.script("a", meets.format(a, b)), house.script("b", meets.format(b, a)))
    assert outcome.conclusions == ["Title of a: They met.", "Title of b: They met."]


def test_no_worker_waits_for_what_is_written(house, monkeypatch):
    flag, write = house.folder / "c has begun", run_folder.write_result

    def slow(out: Path, name: str, files: dict[str, bytes]) -> Path:
        until = time.monotonic() + 20
        while name == "a" and not flag.exists():
            assert time.monotonic() < until, "c begins while a is written"
            time.sleep(0.01)
        return write(out, name, files)

    monkeypatch.setattr(run_folder, "write_result", slow)
    waits = f"while not pathlib.Path({str(flag)!r}).exists():\n    time.sleep(0.01)\n{PLAIN}"
    touches = f"pathlib.Path({str(flag)!r}).touch()\n{PLAIN}"
    names = [house.script("a"), house.script("b", waits), house.script("c", touches)]
    assert house.run(*names).status == 0


def test_what_takes_longest_begins_first_and_so_does_what_it_waits_for(house):
    names = [house.script("a"), house.script("b"), house.script("c"), house.script("d", PLAIN, "b")]
    for name, seconds in (("c", 3), ("d", 2.5)):
        with (house.folder / f"{name}.py").open("a") as script:
            script.write(f"\nSECONDS = {seconds}\n")
    begun = {n: [] for n in (1, 2)}
    for n in begun:
        house.run(*names, processes=n, out=f"out{n}")
        begun[n] = [line.split()[-1] for line in house.said if line.startswith("[")]
    assert begun[1] == ["a", "b", "c", "d"]
    assert begun[2][:2] == ["b", "c"]
    with (house.folder / "a.py").open("a") as script:
        script.write("\nSECONDS = 'long'\n")
    with pytest.raises(DataError, match="SECONDS is 'long', expected a number"):
        catalogue.find_analysis("a")


def test_what_is_needed_is_made_before_though_nobody_asked_for_it(house):
    house.script("a")
    house.script("b", PLAIN, "a")
    outcome = house.run(house.script("c", "return Result(answer=run.need('b').answer)", "b"))
    assert outcome.conclusions == ["Title of c: An answer of b."]
    assert {path.name for path in (house.folder / "out").iterdir()} == {
        "a",
        "b",
        "c",
        "index.html",
        "run.json",
    }
    assert list(plan([catalogue.find_analysis("c")])) == ["a", "b", "c"]


def test_a_process_that_is_killed_costs_its_analysis_a_second_start_and_the_run_nothing(house):
    mark = str(house.folder / "was killed")
    killed = f"""
if not pathlib.Path({mark!r}).exists():
    pathlib.Path({mark!r}).touch()
    os.kill(os.getpid(), signal.SIGKILL)
return Result(answer="Made in the end.")
"""
    outcome = house.run(house.script("a", killed), house.script("b"), house.script("c"))
    assert (outcome.status, outcome.conclusions[0]) == (0, "Title of a: Made in the end.")
    assert Path(mark).exists()
    Path(mark).unlink()
    assert house.run("a", "b", processes=2, out="again").status == 0


def test_an_analysis_that_kills_its_process_each_time_is_a_fault_and_the_others_are_kept(house):
    names = [house.script("a"), house.script("b", "os.kill(os.getpid(), signal.SIGKILL)"), house.script("c")]
    with pytest.raises(RuntimeError, match="its process ended with status -9"):
        house.run(*names)
    assert "a" in {path.parent.name for path in house.folder.glob("out/*/summary.json")}


def test_the_first_error_in_the_order_of_the_run_ends_it_and_what_comes_before_is_kept(house):
    names = [
        house.script("a", "time.sleep(0.3)\n" + PLAIN),
        house.script("b", "time.sleep(0.3)\nraise DataError('b is bad')"),
        house.script("c", "raise DataError('c is bad')"),
        house.script("d"),
    ]
    for processes in (1, 2):
        with pytest.raises(DataError, match=r"^b is bad$"):
            house.run(*names, processes=processes, out=f"out{processes}")
        made = {path.parent.name for path in house.folder.glob(f"out{processes}/*/summary.json")}
        assert made == {"a"}


def test_what_is_kept_is_not_made_again(house):
    names = [house.script("a"), house.script("b", "return Result(answer=run.need('a').answer)", "a")]
    house.run(*names)
    before = house.contents("out")
    outcome = house.run(*names, resume=True)
    assert outcome.conclusions[1] == "Title of b: An answer of a."
    assert [line for line in house.said if "kept" not in line] == ["[1/2] Title of a", "[2/2] Title of b"]
    assert house.contents("out") == before


@pytest.mark.slow
def test_the_command_runs_analyses_side_by_side_and_leaves_no_process(tmp_path):
    names = ["audit", "lpsa_kind_and_finish"]
    for workers in ("1", "2"):
        call = [
            sys.executable,
            "-m",
            "bayes_targets",
            *names,
            "--workers",
            workers,
            "--out",
            str(tmp_path / workers),
        ]
        done = subprocess.run(call, capture_output=True, text=True, check=True, env=os.environ)
        assert "Traceback" not in done.stderr
    for name in names:
        for file in (tmp_path / "1" / name).glob("*.csv"):
            assert file.read_bytes() == (tmp_path / "2" / name / file.name).read_bytes()
