"""The command line: what it prints where, how it ends, and that it never ends in a traceback."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_targets.run import main
from bayes_targets.workflow import run_folder
from bayes_targets.workflow.catalogue import list_analyses

COMMAND = [sys.executable, "-m", "bayes_targets.run"]
# Ctrl-C is ignored in what is started in the background of a script, as tests may be.
AS_FROM_A_TERMINAL = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("bayes_targets.run", run_name="__main__", alter_sys=True)
"""
PLAIN = '''"""A title with R² – naïve.

A question?
"""
import pandas as pd
from bayes_targets.report.result import Result, Table

def analyse(run):
    frame = pd.DataFrame({"mean": [1.0]}, index=pd.Index(["a"], name="term"))
    return Result(answer="An answer with R².", tables={"comparison": Table(frame, "A table.")})
'''
SLEEP = '''"""Sleeps."""
import time
from pathlib import Path

def analyse(run):
    run.say("asleep")
    while True:  # as a library does that swallows what it does not know
        try:
            time.sleep(60)
        except BaseException:
            pass
'''
FIT = '''"""A fit."""
import pandas as pd
import bayes_targets as bt
from bayes_targets.report.result import Result, Table

def analyse(run):
    estimates = pd.DataFrame({"term": ["a", "b"], "estimate": [1.0, -0.5], "se": [0.5, 0.8]})
    posterior = run.fit("tiny", bt.published_model(estimates))
    table = Table(bt.compare(posterior, bt.ols_from_estimates(estimates, df=20)), "A table.")
    return Result(answer="Done.", tables={"comparison": table}, posteriors={"tiny": posterior})
'''


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Write an analysis and give its path."""

    def write(name: str = "mine", text: str = PLAIN) -> str:
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def one_line(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail with status 2 and one line on stderr; give the line."""

    def run(*arguments: str | Path) -> str:
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if line.startswith("bayes_targets: ")]
        progress = [line for line in err.splitlines() if " s  " in line[:12]]
        assert len(lines) == 1 and len(lines) + len(progress) == len(err.splitlines())
        assert out == ""
        return lines[0].removeprefix("bayes_targets: ")

    return run


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Asking what there is


@pytest.mark.parametrize("option", ["--help", "--list", "-h"])
def test_help_and_list_load_no_heavy_library(run_python, option):
    code = f"""
import sys
from bayes_targets.run import main
assert main([{option!r}]) == 0
heavy = {{"pymc", "pytensor", "matplotlib", "numpy", "pandas", "xarray", "numba", "scipy", "arviz", "jinja2"}}
print("loaded:", sorted(heavy & set(sys.modules)))
"""
    assert run_python(code).splitlines()[-1] == "loaded: []"


def test_help_tells_options_and_exit_statuses(capsys):
    assert main(["--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for option in (
        "--out",
        "--seed",
        "--draws",
        "--tune",
        "--chains",
        "--engine",
        "--workers",
        "--scheduler",
        "--resume",
        "--list",
        "--quiet",
    ):
        assert option in words
    assert "0 all done; 1 a diagnostics gate failed; 2 bad input or usage; 3 a fault of the program" in words


def test_the_list_has_a_line_an_analysis_and_those_for_own_data_apart(capsys):
    assert main(["--list"]) == 0
    text = capsys.readouterr().out
    shipped, _, own = text.partition("Your own data")
    for part, expected in ((shipped, False), (own, True)):
        listed = [line.split()[0] for line in part.splitlines() if line.startswith("  ")]
        assert listed == [entry.name for entry in list_analyses() if entry.own is expected]
    assert all(len(line) <= 79 for line in text.splitlines()) and "…" not in text


# Bad usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--draws", "0"], "--draws: found '0', expected a whole number from 1 to 1000000"),
        (["--draws", "1.5"], "--draws: found '1.5'"),
        (["--draws", "1000000000"], "--draws: found '1000000000'"),
        (["--tune", ""], "--tune: found ''"),
        (["--seed", "x"], "--seed: found 'x', expected a whole number from 0 to 4294967295"),
        (["--seed", "-1"], "--seed: found '-1'"),
        (["--seed", "9" * 5000], "--seed: found '999"),
        (["--seed", "٣"], "--seed: found '٣'"),
        (["--chains", "-1"], "--chains: found '-1'"),
        (["--chains"], "--chains: expected one argument"),
        (["--engine", "stan"], "--engine: invalid choice: 'stan'"),
        (["--drws", "5"], "unrecognized arguments: --drws: did you mean --draws?"),
        (["list"], "no analysis is named 'list': did you mean --list?"),
        (["--out", ""], "--out: found an empty name, expected a folder"),
        (["--data", ""], "--data: found an empty name, expected a file"),
        (["--data", "mine.csv"], "--data: name the analysis that the file is for: "),
        (["audit", "--data", "mine.csv"], "--data: the analysis 'audit' takes no file; those that do: "),
        (["audit", "--focus", "a"], "--focus says what a file holds, expected --data FILE with it"),
        (
            ["lpsa_policy_areas", "--data", "mine.csv", "--focus", "a"],
            "--focus: 'lpsa_policy_areas' does not take it; those that do: table",
        ),
        (["lpsa_policy_areas", "--data", "mine.csv", "--columns", "a"], "found 'a', expected OLD=NEW"),
        (["lpsa_policy_areas", "--data", "none.csv"], "--data none.csv: cannot be read"),
        (["lpsa_policy_areas", "--data", "/dev/zero"], "--data /dev/zero: is no regular file"),
        (["--smallest", "nan"], "--smallest: found 'nan', expected a number above 0"),
        (["--stars", "*"], "--stars: found '*', expected a star and its level"),
        (["--selection", "three:.05"], "--selection: found 'three:.05', expected one:P,..."),
        (["--prior", "mu=Gamma(1)"], "--prior: mu: found 'Gamma(1)', expected a number or one of Beta, "),
        (["--prior", "mu=Normal(0, -1)"], "--prior: mu: found 'Normal(0, -1)': Normal: sigma is -1"),
        (["--prior", "mu=exit()"], "--prior: mu: found 'exit()', expected a number or one of"),
        (["--template", "tabel"], "no template is named 'tabel': did you mean 'table'?"),
        (["--dra", "5"], "unrecognized arguments: --dra"),
        (["--workers", "0"], "--workers: found '0', expected a whole number from 1 to 1000"),
        (["--workers", "2", "--scheduler", "tcp://a:1"], "--scheduler: not allowed with argument --workers"),
        (["cohesion_publshed"], "did you mean 'cohesion_published'?"),
        (["no_such_thing_at_all"], "known: 'audit'"),
        (["none.py"], "none.py: cannot be read"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(one_line, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert words in one_line(*arguments)
    assert names(tmp_path) == set()


def test_a_misspelt_name_is_told_before_the_slow_imports(run_python):
    code = """
import sys
from bayes_targets.run import main
print(main(["audit", "cohesion_publshed"]), sorted({"numpy", "pymc"} & set(sys.modules)))
"""
    assert run_python(code) == "2 []"


def test_the_place_of_the_results_must_be_a_folder_that_can_be_written_to(one_line, script, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    assert "is a file, or lies below one" in one_line(script(), "--out", file)
    assert "is a file, or lies below one" in one_line(script(), "--out", file / "below")
    assert "cannot be written to" in one_line(script(), "--out", tmp_path / ("x" * 300))
    assert file.read_text() == "mine"


def test_somebody_elses_folder_is_not_overwritten(one_line, tmp_path):
    out = tmp_path / "out"
    (out / "audit").mkdir(parents=True)
    (out / "audit" / "thesis.tex").write_text("mine")
    assert "is not replaced" in one_line("audit", "--out", out)
    assert names(out) == {"audit"} and names(out / "audit") == {"thesis.tex"}


# A run


def test_conclusions_go_to_stdout_and_progress_to_stderr(capsys, script, tmp_path):
    assert main([script(), "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "",
        "A title with R² – naïve: An answer with R².",
        "",
        f"Page: {tmp_path / 'out' / 'index.html'}",
    ]
    progress = [line.strip().split(" s  ") for line in err.splitlines()]
    assert [words for _, words in progress] == [
        "loading the libraries",
        "[1/1] A title with R² – naïve",
        "mine: writing the page",
    ]
    assert all(float(seconds) >= 0 for seconds, _ in progress)


def test_quiet_prints_nothing_on_success(capsys, script, tmp_path):
    assert main([script(), "--quiet", "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr() == ("", "")


def test_quiet_still_tells_of_a_failed_gate_and_of_errors(capsys, script, tmp_path):
    gate = 'from bayes_targets.errors import DiagnosticsError\n\ndef analyse(run):\n    raise DiagnosticsError("R-hat is 2")\n'
    bad = script("bad", '"""Bad."""\n' + gate)
    assert main([bad, "--quiet", "--out", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "bayes_targets: bad: not reported, a diagnostics gate failed\n")
    assert main(["--quiet", "--draws", "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_name_given_twice_is_done_once(capsys, script, tmp_path):
    mine = script()
    assert main([mine, mine, "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.count("An answer") == 1


def test_any_working_folder_and_any_name_of_the_results_folder_will_do(capsys, script, tmp_path, monkeypatch):
    mine = script()
    (tmp_path / "somewhere").mkdir()
    monkeypatch.chdir(tmp_path / "somewhere")
    place = Path("my résultats & “co” مرحبا") / "<b>"
    assert main([mine, "--out", str(place)]) == 0
    assert names(tmp_path / "somewhere") == {place.parent.name}
    page = (place / "index.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert str(place / "index.html") in capsys.readouterr().out


def test_the_audit_runs_by_its_name(capsys, tmp_path):
    assert main(["audit", "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "audit"
    assert {"audit.csv", "report.html", "summary.json"} <= names(folder)
    assert any(path.suffix == ".svg" for path in folder.iterdir())
    assert "145 agree" in capsys.readouterr().out


def test_a_full_disk_is_one_line_and_the_old_result_stays(one_line, script, tmp_path, monkeypatch):
    mine, out = script(), tmp_path / "out"
    assert main([mine, "--out", str(out), "--quiet"]) == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert one_line(mine, "--out", out) == f"{out / 'mine'}: cannot be written (No space left on device)"
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert names(out) == {"mine", "index.html", "run.json"}


def test_a_fault_of_the_program_is_status_3_and_one_line_that_says_where_the_traceback_is(
    capsys, tmp_path, monkeypatch
):
    broken = tmp_path / "shipped"
    broken.mkdir()
    (broken / "audit.py").write_text(
        '"""Audit."""\n\ndef analyse(run):\n    raise StopIteration("one\\ntwo")\n'
    )
    monkeypatch.setattr("bayes_targets.workflow.catalogue.analyses_folder", lambda: broken)
    assert main(["audit", "--out", str(tmp_path / "out"), "--quiet"]) == 3
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("bayes_targets: a fault of the program: StopIteration: one two (traceback: ")
    traceback = Path(err.rstrip(")\n").split("traceback: ")[1])
    assert "raise StopIteration" in traceback.read_text()
    traceback.unlink()


@pytest.mark.parametrize("kind", ["zero", "pipe", "folder", "a name that is not UTF-8", "missing"])
def test_what_is_no_file_to_read_is_refused_at_once(one_line, tmp_path, kind):
    place = tmp_path / "data"
    if kind == "zero":
        place = Path("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind.startswith("a name"):
        place = tmp_path / os.fsdecode(b"caf\xe9.csv")
    message = one_line("lpsa_policy_areas", "--data", place, "--out", tmp_path / "out")
    assert "data" in message
    assert not (tmp_path / "out").exists() or names(tmp_path / "out") == set()


def test_a_file_whose_name_is_not_utf8_is_read(tmp_path, script, capsys):
    mine = script("mine", PLAIN.replace("import pandas", 'DATA = "counts"\nimport pandas'))
    file = tmp_path / os.fsdecode(b"caf\xe9.csv")
    file.write_text("area,green,red\na,1,2\nb,4,2\n")
    assert main([mine, "--data", str(file), "--out", str(tmp_path / "out")]) == 0
    assert "caf�.csv" in (tmp_path / "out" / "run.json").read_text(encoding="utf-8")
    ordered = ["--statuses", "green", "red", "--draws", "250", "--word"]
    assert main(["counts", "--data", str(file), "--out", str(tmp_path / "own"), *ordered]) == 0
    assert "caf�.csv" in (tmp_path / "own" / "counts" / "report.html").read_text(encoding="utf-8")


def test_notes_of_reading_are_said_and_stand_in_the_manifest_and_on_the_page(tmp_path, script, capsys):
    text = PLAIN.replace("    frame =", '    run._note(["column b looks like a share"])\n    frame =')
    assert main([script("mine", text), "--out", str(tmp_path / "out")]) == 0
    assert "mine: note: column b looks like a share" in capsys.readouterr().err
    for file in ("run.json", "mine/summary.json", "mine/report.html"):
        assert "column b looks like a share" in (tmp_path / "out" / file).read_text(encoding="utf-8")


def test_the_traceback_is_there_for_who_asks_for_it(script, tmp_path):
    bad = script("bad", '"""Bad."""\n\ndef analyse(run):\n    return 1 / 0\n')
    calls = [
        [sys.executable, *flags, "-m", "bayes_targets.run", bad, "--out", str(tmp_path / "out")]
        for flags in ([], ["-X", "dev", "-W", "ignore"])
    ]
    short, long = (subprocess.run(call, capture_output=True, text=True, check=False) for call in calls)
    assert short.returncode == long.returncode == 2
    assert "Traceback" not in short.stderr
    assert "Traceback" in long.stderr and "return 1 / 0" in long.stderr
    assert short.stderr.splitlines()[-1] == long.stderr.splitlines()[-1]
    assert short.stderr.endswith("bad.py, line 4: ZeroDivisionError: division by zero\n")


# Streams


@pytest.mark.parametrize("arguments", [["--list"], ["--help"], ["SCRIPT"]])
def test_a_reader_who_leaves_does_no_harm(script, tmp_path, arguments):
    call = [script() if argument == "SCRIPT" else argument for argument in arguments]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, *call, "--out", str(tmp_path / "out")], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert done.returncode == 0
    assert b"Error" not in done.stderr and b"Exception" not in done.stderr


def test_a_run_whose_progress_nobody_reads_goes_on(script, tmp_path):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, script(), "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=write,
        check=False,
    )
    os.close(write)
    assert done.returncode == 0
    assert b"An answer" in done.stdout


def test_stdout_that_cannot_be_written_to_is_told(tmp_path):
    file = tmp_path / "read only"
    file.write_text("")
    with file.open("rb") as closed:
        done = subprocess.run([*COMMAND, "--list"], stdout=closed, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr == b"bayes_targets: standard output cannot be written to (Bad file descriptor)\n"


def test_a_stdout_without_the_letters_shows_question_marks(script, tmp_path):
    done = subprocess.run(
        [*COMMAND, script(), "--out", str(tmp_path / "out")],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert b"A title with R? ? na?ve: An answer with R?." in done.stdout


# Interrupts


def test_an_interrupt_inside_of_a_call_is_status_130(capsys, script, tmp_path):
    call = [script("stop", '"""Stop."""\n\ndef analyse(run):\n    raise KeyboardInterrupt\n')]
    assert main([script(), *call, "--out", str(tmp_path / "out"), "--quiet"]) == 130
    assert capsys.readouterr().err == "bayes_targets: interrupted; what was finished before is kept\n"
    assert names(tmp_path / "out") == {"mine", "index.html", "run.json"}


def start(*arguments: str, until: str) -> tuple[subprocess.Popen[str], list[str]]:
    """Start a command and wait for a line of progress."""
    process = subprocess.Popen(
        [sys.executable, "-c", AS_FROM_A_TERMINAL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if until in line:
            return process, lines
    raise AssertionError(f"ended before {until!r}: {lines}")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_a_run_at_once_with_one_line_and_keeps_what_is_finished(script, tmp_path, workers):
    out = tmp_path / "out"
    call = [script(), script("sleep", SLEEP), "--workers", workers, "--out", str(out)]
    process, _ = start(*call, until="asleep")
    # What an interrupt in the middle of a write would find.
    (out / ".bayes_targets-partial-sleep").mkdir()
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    # The other worker may still have said what it was about.
    said = [line for line in errors.splitlines() if "  mine: " not in line]
    assert said == ["bayes_targets: interrupted; what was finished before is kept"]
    assert printed == ""
    if workers == "2":
        assert names(out) <= {"mine", "index.html", "run.json"}
        return
    assert names(out) == {"mine", "index.html", "run.json"}
    assert "A title with R²" in (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_ctrl_c_ends_a_long_fit_at_once(script, tmp_path):
    out = tmp_path / "out"
    call = [script("fit", FIT), "--engine", "nuts", "--draws", "1000000", "--out", str(out)]
    process, _ = start(*call, until="fit: tiny")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=8)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "bayes_targets: interrupted; what was finished before is kept\n"
    assert names(out) == set()


def test_an_ignored_ctrl_c_stays_ignored(script, tmp_path):
    code = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from bayes_targets.run import main
sys.argv[1:] = [{script()!r}, "--out", {str(tmp_path / "out")!r}, "--quiet"]
assert main() == 0
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    done = subprocess.run([sys.executable, "-c", code], check=True)
    assert done.returncode == 0


def test_what_a_killed_run_left_is_gone_after_the_next_one(script, tmp_path):
    out = tmp_path / "out"
    call = [script(), script("sleep", SLEEP), "--workers", "1", "--out", str(out)]
    process, _ = start(*call, until="asleep")
    (out / ".bayes_targets-partial-sleep").mkdir()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert names(out) == {".bayes_targets-partial-sleep", "mine", "index.html", "run.json"}
    assert "A title with R²" in (out / "index.html").read_text(encoding="utf-8")
    assert main([script(), "--out", str(out), "--quiet"]) == 0
    assert names(out) == {"mine", "index.html", "run.json"}


# Any machine


def test_where_the_home_takes_no_files_the_compilers_keep_theirs_in_the_results_folder(script, tmp_path):
    home, out = tmp_path / "home", tmp_path / "out"
    home.write_text("a file")
    where = '''"""Where?"""
import matplotlib.font_manager
import pytensor
from bayes_targets.report.result import Result

def analyse(run):
    assert pytensor.config.base_compiledir.is_dir()
    return Result(answer=f"{pytensor.config.base_compiledir} {matplotlib.get_configdir()}")
'''
    done = subprocess.run(
        [*COMMAND, script("where", where), "--out", str(out)],
        env={"PATH": str(tmp_path), "HOME": str(home)}
        | {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count(str(out / run_folder.CACHE)) == 2
    assert all(" s  " in line for line in done.stderr.splitlines()), "no library says anything"
    assert names(out) == {"where", "index.html", "run.json"}, "and it is swept"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "nuts"])
def test_the_same_seed_in_fresh_processes_gives_the_same_bytes_without_a_compiler_and_a_word(
    script, tmp_path, engine
):
    call = [*COMMAND, script("fit", FIT), "--engine", engine, "--quiet", "--seed", "1", "--out"]
    environment = os.environ | {"PATH": str(tmp_path)}
    for name in ("one", "two"):
        done = subprocess.run(
            [*call, str(tmp_path / name)], env=environment, capture_output=True, text=True, check=True
        )
        assert (done.stdout, done.stderr) == ("", "")
    one, two = (tmp_path / name / "fit" for name in ("one", "two"))
    for name in ("comparison.csv", "checks.csv", "posterior.nc"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
