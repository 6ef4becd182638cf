"""Two processes: what is written, said and raised is what one process writes, says and raises."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bayes_targets.errors import DataError
from bayes_targets.workflow import ahead, catalogue
from bayes_targets.workflow.ahead import Ahead, in_order
from bayes_targets.workflow.analysis import Outcome, Settings, conduct
from bayes_targets.workflow.catalogue import list_analyses, read_entry

HEAD = '''"""Title of {name}."""
import multiprocessing, os, signal
import pandas as pd
from bayes_targets.errors import DataError, DiagnosticsError
from bayes_targets.report.result import Result, Table

def analyse(run):
'''
PLAIN = """
run.say(f"{run.name}: at work")
second = multiprocessing.parent_process() is not None
return Result(answer=f"Made in the {'second' if second else 'first'} process.")
"""
NEEDS = """
return Result(answer=f"{run.need('{other}').answer} Needed.")
"""
GATE = 'raise DiagnosticsError("the posterior is not reported: R-hat is 1.2 (at most 1.01)")'
BAD = 'raise DataError("bad data")'
MISTAKE = "return 1 / 0"
KILLED = """
if multiprocessing.parent_process() is not None:
    os.kill(os.getpid(), signal.SIGKILL)
return Result(answer="Made in the first process.")
"""
SECONDS = re.compile(rb"<dt>Seconds</dt><dd>[\d.]+</dd>|\"seconds\": [\d.]+|\"report.html\": \"\w+\"")


class House:
    """A folder that stands for that of the shipped analyses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []

    def script(self, name: str, body: str = PLAIN) -> str:
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        (self.folder / f"{name}.py").write_text(HEAD.format(name=name) + lines, encoding="utf-8")
        return name

    def run(self, *names: str, processes: int = 2, **settings: object) -> Outcome:
        out = Settings(out=self.folder / "out", **settings)  # type: ignore[arg-type]
        self.said.clear()
        if processes == 1:
            return conduct(names, out, say=self.said.append)
        with Ahead() as second:
            return conduct(names, out, say=self.said.append, ahead=second)

    @property
    def made(self) -> set[str]:
        return {path.parent.name for path in self.folder.glob("out/*/summary.json")}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    for module in (catalogue, ahead):
        monkeypatch.setattr(module, "analyses_folder", lambda: tmp_path)
    return House(tmp_path)


def contents(out: Path) -> dict[str, bytes]:
    files = (path for path in sorted(out.rglob("*")) if path.is_file() and path.name != "run.json")
    return {str(path.relative_to(out)): SECONDS.sub(b"", path.read_bytes()) for path in files}


# What is made


def test_one_process_and_two_write_the_same_bytes(tmp_path):
    names = ("audit", "lpsa_kind_and_finish")
    one = conduct(names, Settings(out=tmp_path / "one"))
    with Ahead() as second:
        two = conduct(names, Settings(out=tmp_path / "two"), ahead=second)
    assert (one.status, one.conclusions) == (two.status, two.conclusions)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_each_process_makes_what_is_not_begun_and_neither_waits(house):
    made = house.folder / "c is made"
    waits = f"""
import pathlib, time
while multiprocessing.parent_process() is not None and not pathlib.Path({str(made)!r}).exists():
    time.sleep(0.05)
"""
    tells = f"import pathlib; pathlib.Path({str(made)!r}).touch()"
    names = [house.script("a"), house.script("b", waits + PLAIN), house.script("c", tells + PLAIN)]
    outcome = house.run(*names)
    processes = [conclusion.removesuffix(" process.").split()[-1] for conclusion in outcome.conclusions]
    assert processes == ["first", "second", "first"]
    assert house.said.count("c: at work") == 1, "what was made meanwhile is not made again"


def test_what_another_needs_is_made_by_the_same_process_and_handed_on(house):
    names = [house.script("a"), house.script("b"), house.script("c", NEEDS.replace("{other}", "b"))]
    outcome = house.run(*names)
    assert outcome.conclusions[2] == "Title of c: Made in the second process. Needed."
    summary = (house.folder / "out" / "c" / "summary.json").read_text(encoding="utf-8")
    assert house.run(*names, processes=1).status == 0
    assert len(re.findall('"needed": {\n    "b"', summary)) == 1


def test_what_is_made_ahead_and_when(house, tmp_path):
    scripts = {
        "a": PLAIN,
        "b": PLAIN,
        "c": "return run.need('a')",
        "d": "return run.need(run.name[0])",
        "e": PLAIN,
    }
    scripts["f"] = "return run.need('elsewhere')"
    for name, body in scripts.items():
        house.script(name, body)
    (tmp_path / "mine").mkdir()
    own = tmp_path / "mine" / "own.py"
    own.write_text('"""Own."""', encoding="utf-8")
    order = [entry.name for entry in in_order([*list_analyses(), read_entry(own)])]
    assert order == ["a", "c", "b", "e"], "not what needs we know not what, nor a user's script"


def test_of_the_shipped_analyses_only_the_claims_wait_for_the_others():
    names = [entry.name for entry in in_order(catalogue.list_analyses())]
    assert set(names) == {entry.name for entry in catalogue.list_analyses()} - {"claims"}
    assert names[:2] == ["cohesion_anchoring", "sensitivity"]


def test_what_is_kept_is_not_made_ahead(house):
    names = [house.script(name) for name in "ab"]
    house.run(*names)
    before = contents(house.folder / "out")
    assert house.run(*names, resume=True).status == 0
    assert contents(house.folder / "out") == before
    assert [line for line in house.said if "at work" in line] == []


def test_every_title_is_said_once_and_every_line_names_its_analysis(house):
    names = [house.script(name) for name in "abc"]
    house.run(*names)
    assert sorted(line for line in house.said if line[0] == "[") == [
        f"[{place}/3] Title of {name}" for place, name in enumerate(names, 1)
    ]
    for name in names:
        assert house.said.count(f"{name}: at work") == 1


# What goes wrong


@pytest.mark.parametrize("body", [BAD, MISTAKE])
def test_an_error_in_the_second_process_is_that_of_one_process(house, body):
    names = [house.script("a"), house.script("b", body), house.script("c", NEEDS.replace("{other}", "b"))]
    told = []
    for processes in (1, 2):
        with pytest.raises(DataError) as caught:
            house.run(*names, processes=processes)
        assert not any("has ended" in line for line in house.said)
        told.append(str(caught.value))
        assert house.made == {"a"}
    assert told[0] == told[1]
    assert multiprocessing.active_children() == []


def test_the_error_that_is_told_is_the_first_in_order(house):
    names = [
        house.script("a"),
        house.script("b", "import time; time.sleep(1)\n" + MISTAKE),
        house.script("c", BAD),
    ]
    with pytest.raises(DataError, match="ZeroDivisionError"):
        house.run(*names)


def test_a_failed_gate_in_the_second_process_takes_down_what_depends_on_it_and_nothing_else(house):
    names = [house.script("a"), house.script("b", GATE), house.script("c", NEEDS.replace("{other}", "b"))]
    names.append(house.script("d"))
    two, one = (house.run(*names, processes=processes) for processes in (2, 1))
    assert (two.status, two.failed) == (one.status, one.failed) == (1, ["b", "c"])
    assert two.conclusions[1:3] == one.conclusions[1:3]
    assert house.made == set(names)


def test_what_a_killed_process_leaves_undone_is_done_by_the_other_and_told(house):
    names = [house.script("a"), house.script("b", KILLED), house.script("c")]
    outcome = house.run(*names)
    assert outcome.status == 0
    assert outcome.conclusions[1:] == [f"Title of {name}: Made in the first process." for name in "bc"]
    assert house.said.count("b: the second process has ended, so the first goes on alone") == 1
    assert house.made == set(names)


def test_where_no_process_can_be_started_one_does_it_all(tmp_path):
    code = """
import bayes_targets.workflow.ahead, runpy
def refuse(*_):
    raise OSError(11, "Resource temporarily unavailable")
bayes_targets.workflow.ahead.Ahead.__init__ = refuse
runpy.run_module("bayes_targets.run", run_name="__main__", alter_sys=True)
"""
    call = [
        sys.executable,
        "-c",
        code,
        "audit",
        "cohesion_published",
        "--quiet",
        "--out",
        str(tmp_path / "out"),
    ]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups")
def test_ctrl_c_at_a_terminal_ends_both_processes_with_one_line(tmp_path):
    code = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("bayes_targets.run", run_name="__main__", alter_sys=True)
"""
    call = [sys.executable, "-c", code, "audit", "cohesion_anchoring", "cohesion_authorities"]
    process = subprocess.Popen(
        [*call, "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "5 reconstructed data sets" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    # This waits for the second process too, which has the same streams.
    printed, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [line for line in errors.splitlines() if " s  " not in line] == [
        "bayes_targets: interrupted; what was finished before is kept"
    ]
    assert printed == ""
    assert not list((tmp_path / "out").glob(".*"))
