"""The conductor: what is asked is done once, gated, written whole, and kept only while nothing has changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_targets.errors import DataError
from bayes_targets.provenance import seed_for
from bayes_targets.readers import package as tables
from bayes_targets.workflow import settings
from bayes_targets.workflow.analysis import Outcome, Settings, conduct

HEAD = '''"""Title of {name}.

Question of {name}?
"""

import pandas as pd

import bayes_targets as bt
from bayes_targets.errors import DataError, DiagnosticsError
from bayes_targets.report.result import Result, Table

def analyse(run):
    with open({log!r}, "a") as log:
        log.write("{name}\\n")
'''
FIT = """
estimates = pd.DataFrame({"term": ["a", "b"], "estimate": [1.0, -0.5], "se": [0.5, 0.8]})
posterior = run.fit("tiny", bt.published_model(estimates))
table = Table(bt.compare(posterior, bt.ols_from_estimates(estimates, df=20)), "A table.")
return Result(answer="An answer.", tables={"comparison": table}, posteriors={"tiny": posterior})
"""
PLAIN = """
frame = pd.DataFrame({"mean": [run.settings.seed / 3, 2.0]}, index=pd.Index(["a", "b"], name="term"))
return Result(answer="An answer.", tables={"comparison": Table(frame, "A table.")})
"""
GATE = 'raise DiagnosticsError("mine: the posterior is not reported: R-hat is 1.2 (at most 1.01)")'


class Bench:
    """A folder of scripts, a results folder, and a log of which scripts were run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.log = folder / "log.txt"

    def script(self, name: str, body: str = PLAIN, needs: str | None = None) -> str:
        path = self.folder / f"{name}.py"
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        end = "" if needs is None else f"\nNEEDS = ({needs!r},)\n"
        path.write_text(HEAD.format(name=name, log=str(self.log)) + lines + end, encoding="utf-8")
        return str(path)

    def run(self, *names: str, **settings: object) -> Outcome:
        return conduct(names, Settings(out=self.out, **settings), command="python -m bayes_targets.run")  # type: ignore[arg-type]

    def fails(self, *names: str, **settings: object) -> str:
        with pytest.raises(DataError) as caught:
            self.run(*names, **settings)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    @property
    def runs(self) -> list[str]:
        """Scripts that were run, in order; asking empties the log."""
        ran = self.log.read_text().split() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return ran

    def manifest(self) -> dict[str, object]:
        return json.loads((self.out / "run.json").read_text(encoding="utf-8"))

    def index(self) -> str:
        return (self.out / "index.html").read_text(encoding="utf-8")

    def content(self) -> dict[str, bytes]:
        files = (path for path in sorted(self.out.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.out)): path.read_bytes() for path in files}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A user's own data package."""
    return Path(shutil.copytree(tables.data_folder() / "andrews2014", tmp_path / "mine"))


def edit(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content, "the test must change the file"
    file.write_bytes(content.replace(old, new, 1))


# What a run writes


def test_a_result_is_a_folder_with_its_page_and_the_run_has_a_manifest_and_a_page(bench):
    outcome = bench.run(bench.script("one"))
    assert (outcome.status, outcome.failed) == (0, [])
    assert outcome.conclusions == ["Title of one: An answer."]
    assert outcome.page == bench.out / "index.html"
    assert set(bench.content()) == {
        "index.html",
        "run.json",
        "one/comparison.csv",
        "one/comparison.tex",
        "one/report.html",
        "one/summary.json",
    }
    assert (bench.out / "one" / "comparison.csv").read_bytes() == b"term,mean\na,671.333\nb,2\n"
    assert "Title of one" in bench.index()


def test_a_shipped_study_is_read_once_and_each_analysis_has_tables_of_its_own(bench, monkeypatch):
    read = []
    monkeypatch.setattr(settings, "load_study", lambda name: read.append(name) or tables.load_study(name))
    settings._read_once.cache_clear()
    spoil = "study = run.study('odpm2005')\nstudy.tables['kind'].loc[:, 'total'] = 0\nstudy.claims.loc[:, 'id'] = ''\n"
    look = "study = run.study('odpm2005')\nassert study.tables['kind']['total'].min() > 0 and study.claims['id'].all()\n"
    outcome = bench.run(bench.script("one", spoil + PLAIN), bench.script("two", look + PLAIN))
    assert (outcome.status, read) == (0, ["odpm2005"])
    assert bench.manifest()["inputs"]["odpm2005/kind.csv"]


def test_the_manifest_tells_how_to_get_the_same_again(bench, package):
    script = bench.script("one", f"run.study({str(package)!r})\nrun.study('odpm2005')\n" + PLAIN)
    bench.run(script, seed=7, draws=11)
    manifest = bench.manifest()
    assert manifest["command"] == "python -m bayes_targets.run"
    assert manifest["settings"] == {"seed": 7, "draws": 11, "tune": 1000, "chains": 4, "engine": "auto"}
    assert {"python", "bayes-targets", "pymc", "nutpie", "numpy"} <= manifest["versions"].keys()
    assert manifest["platform"]
    assert manifest["git_commit"] is None or len(manifest["git_commit"].split()[0]) == 40
    assert manifest["seconds"]["one"] >= 0
    assert manifest["status"] == 0
    assert manifest["reproducibility"]
    inputs = manifest["inputs"]
    assert inputs["mine/ols.csv"] == tables.load_study(package).tables["ols"].attrs["sha256"]
    assert {
        "one.py",
        "mine/datapackage.json",
        "odpm2005/datapackage.json",
        "odpm2005/kind.csv",
    } <= inputs.keys()
    assert all(len(value) == 64 for value in inputs.values())


def test_the_time_of_an_analysis_is_without_that_of_those_it_asks_for(bench):
    slow = bench.script("slow", "import time\ntime.sleep(0.5)\n" + PLAIN)
    asks = bench.script("asks", f"run.need({slow!r})\n" + PLAIN, slow)
    bench.run(asks)
    seconds = bench.manifest()["seconds"]
    assert seconds["slow"] >= 0.5
    assert 0 <= seconds["asks"] < seconds["slow"]


def test_results_of_an_earlier_run_stay_on_the_page_and_are_marked(bench):
    bench.run(bench.script("one"))
    bench.run(bench.script("two"))
    assert 'Title of one</a> <span class="soft">(earlier run)</span>' in bench.index()
    assert bench.index().count("(earlier run)") == 1


def test_folders_of_other_programs_in_the_results_folder_do_no_harm(bench):
    for name, text in {"notes": "{}", "claims": "not json", "third": '["a"]'}.items():
        (bench.out / name).mkdir(parents=True)
        (bench.out / name / "summary.json").write_text(text)
        (bench.out / name / "claims.csv").write_text("a,b\n1,2\n")
    before = bench.content()
    assert bench.run(bench.script("one")).status == 0
    assert before.items() <= bench.content().items()


def test_nothing_but_the_results_folder_is_written_to(bench, package):
    bench.script("one", f"run.study({str(package)!r})\n" + PLAIN)
    before = {path: path.stat().st_mtime_ns for path in bench.folder.rglob("*")}
    bench.run(str(bench.folder / "one.py"))
    bench.log.unlink()
    after = {
        path: path.stat().st_mtime_ns
        for path in bench.folder.rglob("*")
        if bench.out not in (path, *path.parents)
    }
    assert after == before


# Analyses that ask for one another


def test_what_several_ask_for_is_done_once(bench):
    base = bench.script("base")
    one = bench.script("one", f"run.need({base!r})\n" + PLAIN, base)
    two = bench.script("two", f"run.need({base!r})\n" + PLAIN, base)
    bench.run(one, two, base)
    assert sorted(bench.runs) == ["base", "one", "two"]


def test_a_circle_is_told(bench):
    one, two = bench.folder / "one.py", bench.folder / "two.py"
    bench.script("one", f"run.need({str(two)!r})\n" + PLAIN, str(two))
    bench.script("two", f"run.need({str(one)!r})\n" + PLAIN, str(one))
    assert bench.fails(str(one)) == "analyses need one another in a circle: one > two > one"
    assert not bench.out.exists(), "told before anything is done"


def test_what_a_script_needs_and_does_not_declare_is_told(bench):
    base = bench.script("base")
    message = bench.fails(base, bench.script("one", f"run.need({base!r})\n" + PLAIN))
    assert message == f"one: needs {base!r}, expected it among the names in NEEDS at the top of the script"
    bench.script("one", PLAIN)
    (bench.folder / "one.py").write_text('"""One."""\nNEEDS = "audit"\n')
    assert "NEEDS is 'audit', expected names of analyses" in bench.fails(str(bench.folder / "one.py"))


def test_two_scripts_of_one_name_are_told(bench):
    (bench.folder / "other").mkdir()
    mine = bench.script("one")
    other = Bench(bench.folder / "other").script("one")
    message = bench.fails(mine, other)
    assert message.startswith("two analyses are named 'one'") and other in message


# The gate


def test_a_failed_gate_takes_down_what_depends_on_it_and_nothing_else(bench):
    bad = bench.script("bad", GATE)
    asks = bench.script("asks", f"run.need({bad!r})\n" + PLAIN, bad)
    good = bench.script("good")
    outcome = bench.run(bad, asks, good)
    assert outcome.status == 1
    assert sorted(outcome.failed) == ["asks", "bad"]
    assert ["NOT REPORTED" in line for line in outcome.conclusions] == [True, True, False]
    assert bench.runs == ["bad", "asks", "good"]
    for name in ("bad", "asks"):
        assert {path.name for path in (bench.out / name).iterdir()} == {"report.html", "summary.json"}
        assert "No posterior is reported." in (bench.out / name / "report.html").read_text()
    assert bench.manifest()["status"] == 1


def test_a_failed_gate_replaces_the_result_of_an_earlier_run(bench):
    bench.run(bench.script("one"))
    bench.run(bench.script("one", GATE))
    assert not (bench.out / "one" / "comparison.csv").exists()


def test_twenty_draws_of_two_chains_are_not_reported_and_their_checks_are_kept(bench):
    outcome = bench.run(bench.script("tiny", FIT), draws=20, chains=2, seed=1, engine="nuts")
    assert outcome.status == 1
    assert {path.name for path in (bench.out / "tiny").iterdir()} == {
        "checks.csv",
        "report.html",
        "summary.json",
    }
    checks = pd.read_csv(bench.out / "tiny" / "checks.csv")
    assert set(checks["posterior"]) == {"tiny"}
    failed = checks.loc[~checks["passed"], "quantity"]
    assert "chains" in set(failed) and failed.str.contains("ESS").any()


# Errors leave everything as it was


def test_a_mistake_in_a_script_ends_the_run_with_one_line_and_writes_nothing(bench):
    script = bench.script("one", "return 1 / 0")
    assert bench.fails(script) == f"{script}, line 15: ZeroDivisionError: division by zero"
    script = bench.script("one", "return pd.DataFrame()")
    assert bench.fails(script) == f"{script}: analyse() gave DataFrame, expected a Result"
    assert bench.content() == {}


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".hidden"])
def test_a_table_cannot_be_written_outside_of_its_folder(bench, name):
    script = bench.script("one", f"return Result(answer='', tables={{{name!r}: Table(pd.DataFrame(), '')}})")
    assert "a file cannot be named" in bench.fails(script)
    assert bench.content() == {}


CORRUPTIONS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed digit": (
        lambda p: edit(p / "ols.csv", b".952", b".953"),
        "ols.csv: the file has been changed",
    ),
    "a wrong type": (
        lambda p: edit(p / "ols.csv", b".952", b"many"),
        "row 13, column 'estimate': found 'many'",
    ),
    "a missing column": (lambda p: edit(p / "ols.csv", b",se,", b",es,"), "ols.csv"),
    "a cut file": (lambda p: (p / "ols.csv").write_bytes((p / "ols.csv").read_bytes()[:-40]), "ols.csv"),
    "a BOM": (
        lambda p: (p / "ols.csv").write_bytes(b"\xef\xbb\xbf" + (p / "ols.csv").read_bytes()),
        "ols.csv",
    ),
    "CRLF": (
        lambda p: (p / "ols.csv").write_bytes((p / "ols.csv").read_bytes().replace(b"\n", b"\r\n")),
        "ols.csv",
    ),
    "Latin-1": (lambda p: edit(p / "ols.csv", b"LAA", b"L\xe9A"), "ols.csv"),
    "a missing file": (lambda p: (p / "ols.csv").unlink(), "ols.csv"),
    "a missing descriptor": (lambda p: (p / "datapackage.json").unlink(), "datapackage.json"),
    "a broken descriptor": (lambda p: edit(p / "datapackage.json", b"{", b""), "datapackage.json"),
    "a missing folder": (shutil.rmtree, "mine"),
}


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_corrupted_data_ends_the_run_with_the_place_and_leaves_earlier_results(bench, package, kind):
    first = bench.script("first")
    second = bench.script("second", f"run.study({str(package)!r})\n" + PLAIN)
    bench.run(first, second)
    before = bench.content()
    corrupt, words = CORRUPTIONS[kind]
    corrupt(package)
    assert words in bench.fails(second)
    assert bench.content() == before


def test_what_was_finished_before_bad_data_is_kept_and_listed_and_the_page_tells_of_the_end(bench):
    bad = bench.script("bad", "raise DataError('mine.csv, row 3: found x, expected a number')")
    assert bench.fails(bench.script("first"), bad, bench.script("third")).startswith("mine.csv, row 3")
    assert bench.runs == ["first", "bad"]
    assert {path.name for path in bench.out.iterdir()} == {"first", "index.html", "run.json"}
    assert "Title of first" in bench.index()
    assert "This run is not at its end" in bench.index()
    assert bench.manifest()["status"] is None


def test_an_interrupt_leaves_what_was_finished_and_nothing_half_written(bench):
    with pytest.raises(KeyboardInterrupt):
        bench.run(bench.script("first"), bench.script("second", "raise KeyboardInterrupt"))
    assert {path.name for path in bench.out.iterdir()} == {"first", "index.html", "run.json"}
    assert "Title of first" in bench.index()


def test_a_missing_data_folder_is_told(bench, monkeypatch):
    monkeypatch.setattr(tables, "__file__", str(bench.folder / "a" / "b" / "tables.py"))
    assert "the data folder of bayes_targets is missing" in bench.fails("audit")
    assert bench.content() == {}


def test_a_foreign_folder_of_an_analysis_name_ends_the_run_before_it_begins(bench):
    (bench.out / "second").mkdir(parents=True)
    (bench.out / "second" / "thesis.tex").write_text("mine")
    assert "is not replaced" in bench.fails(bench.script("first"), bench.script("second"))
    assert bench.runs == []
    assert bench.content() == {"second/thesis.tex": b"mine"}


def test_a_file_of_somebodys_in_an_earlier_result_ends_the_run_before_it_begins(bench):
    one = bench.script("one")
    bench.run(one)
    (bench.out / "one" / "notes.txt").write_text("mine")
    before = bench.content()
    message = bench.fails(bench.script("first"), one)
    assert message == (
        f"{bench.out / 'one' / 'notes.txt'}: is no file of the earlier result around it, which is therefore not replaced: "
        "move it elsewhere"
    )
    assert "is no file of the earlier result" in bench.fails(bench.script("asks", PLAIN, one), resume=True)
    assert bench.runs == ["one"] and bench.content() == before


def test_a_result_that_somebody_has_changed_is_not_replaced_and_with_resume_set_aside(bench):
    one = bench.script("one")
    bench.run(one)
    edit(bench.out / "one" / "report.html", b"An answer.", b"An answer. (Shown to the board.)")
    before = bench.content()
    assert "report.html: was changed after it was written, so " in bench.fails(one)
    assert bench.content() == before
    assert bench.run(one, resume=True).status == 0
    assert bench.content()["one.changed-1/report.html"] == before["one/report.html"]
    assert b"Shown to the board" not in bench.content()["one/report.html"]


DAMAGES = {
    "an emptied table": lambda folder: (folder / "comparison.csv").write_bytes(b""),
    "an emptied page": lambda folder: (folder / "report.html").write_bytes(b""),
    "an emptied summary": lambda folder: (folder / "summary.json").write_bytes(b""),
    "a missing summary": lambda folder: (folder / "summary.json").unlink(),
    "an answer that is no text": lambda folder: edit(folder / "summary.json", b'"An answer."', b"5"),
    "deep nesting": lambda folder: (folder / "summary.json").write_text("[" * 100_000 + "]" * 100_000),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_result_is_said_and_made_anew_and_stops_no_other(bench, kind):
    one, two = bench.script("one"), bench.script("two")
    bench.run(one)
    whole = bench.content()["one/comparison.csv"]
    DAMAGES[kind](bench.out / "one")
    said = []
    assert conduct([two], Settings(out=bench.out), say=said.append).status == 0
    assert said[0] == "one: an earlier result, left out of the page: its files are not as they were written"
    assert "Title of one" not in bench.index()
    said.clear()
    assert conduct([one], Settings(out=bench.out), say=said.append).status == 0
    assert said[0].startswith("one: ") and said[0].endswith("of the earlier result is damaged; made anew")
    assert bench.content()["one/comparison.csv"] == whole
    assert "Title of one" in bench.index() and "Title of two" in bench.index()


def test_a_summary_that_was_edited_by_hand_is_not_kept(bench):
    one = bench.script("one")
    bench.run(one)
    edit(bench.out / "one" / "summary.json", b"An answer.", b"Another answer.")
    assert bench.run(one, resume=True).conclusions == ["Title of one: An answer."]
    assert bench.runs == ["one", "one"]


@pytest.mark.parametrize("name", ["run.json", "index.html"])
def test_a_page_or_manifest_of_somebodys_is_not_replaced(bench, name):
    one = bench.script("one")
    bench.out.mkdir()
    (bench.out / name).write_text("{}")
    assert f"{bench.out / name}: " in bench.fails(one)
    assert bench.content() == {name: b"{}"} and bench.runs == []
    (bench.out / name).unlink()
    bench.run(one)
    edit(bench.out / name, b"one", b"two")
    before = bench.content()
    assert f"{bench.out / name}: " in bench.fails(one)
    assert bench.content() == before


def test_two_runs_do_not_write_into_one_folder(bench):
    one = bench.script("one")
    inner = f"""
from pathlib import Path
from bayes_targets.workflow.analysis import Settings, conduct
try:
    conduct([{one!r}], Settings(out=Path({str(bench.out)!r})))
except DataError as error:
    return Result(answer=str(error))
"""
    (conclusion,) = bench.run(bench.script("other", inner)).conclusions
    assert "another run is writing into it" in conclusion
    assert bench.runs == ["other"]
    assert bench.run(one).status == 0


# Resuming


def test_an_analysis_of_which_nothing_has_changed_is_kept_to_the_byte(bench, package):
    script = bench.script("one", f"run.study({str(package)!r})\n" + PLAIN)
    bench.run(script)
    before = {name: text for name, text in bench.content().items() if name.startswith("one/")}
    again = bench.run(script, resume=True)
    assert again.conclusions == ["Title of one: An answer."]
    assert bench.runs == ["one"]
    assert before.items() <= bench.content().items()
    assert "(earlier run)" not in bench.index()
    assert "mine/ols.csv" in bench.manifest()["inputs"]


def test_without_resume_everything_is_made_anew(bench):
    script = bench.script("one")
    bench.run(script)
    bench.run(script)
    assert bench.runs == ["one", "one"]


CHANGES: dict[str, Callable[[Bench, Path], object]] = {
    "the script": lambda bench, package: edit(bench.folder / "one.py", b"A table.", b"Another table."),
    "the data": lambda bench, package: (
        edit(package / "ols.csv", b".952", b".953"),
        tables.seal(package),
    ),
    "a missing file": lambda bench, package: (bench.out / "one" / "comparison.csv").unlink(),
    "a tampered file": lambda bench, package: edit(bench.out / "one" / "comparison.csv", b"2", b"3"),
    "a broken summary": lambda bench, package: (bench.out / "one" / "summary.json").write_text("{"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_an_analysis_is_made_anew_after_a_change_of(bench, package, kind):
    script = bench.script("one", f"run.study({str(package)!r})\n" + PLAIN)
    bench.run(script)
    CHANGES[kind](bench, package)
    bench.run(script, resume=True)
    assert bench.runs == ["one", "one"]
    bench.run(script, resume=True)
    assert bench.runs == []


@pytest.mark.parametrize("setting", ["seed", "draws", "tune", "chains"])
def test_an_analysis_is_made_anew_after_a_change_of_setting(bench, setting):
    script = bench.script("one")
    bench.run(script)
    bench.run(script, resume=True, **{setting: 5})
    assert bench.runs == ["one", "one"]


def test_an_analysis_is_made_anew_when_one_that_it_asks_for_gives_something_else(bench):
    base = bench.script("base")
    asks = bench.script("asks", f"run.need({base!r})\n" + PLAIN, base)
    bench.run(base, asks)
    bench.script("base", PLAIN.replace("2.0", "3.0"))
    bench.run(asks, base, resume=True)
    assert bench.runs == ["base", "asks", "base", "asks"]
    bench.run(asks, base, resume=True)
    assert bench.runs == []


def test_an_analysis_that_failed_the_gate_is_tried_again(bench):
    script = bench.script("one", GATE)
    bench.run(script)
    assert bench.run(script, resume=True).status == 1
    assert bench.runs == ["one", "one"]


def test_corrupted_data_is_told_also_when_resuming(bench, package):
    script = bench.script("one", f"run.study({str(package)!r})\n" + PLAIN)
    bench.run(script)
    before = bench.content()
    edit(package / "ols.csv", b".952", b"many")
    assert "row 13, column 'estimate'" in bench.fails(script, resume=True)
    assert bench.content() == before


def test_a_kept_table_has_its_index_again(bench):
    base = bench.script("base")
    bench.run(base)
    body = f"assert run.need({base!r}).tables['comparison'].frame.loc['b', 'mean'] == 2\n" + PLAIN
    assert bench.run(bench.script("asks", body, base), resume=True).status == 0
    assert bench.runs == ["base", "asks"]


def test_a_kept_posterior_gives_the_same_result_as_a_fresh_one_and_a_missing_one_is_made_anew(bench):
    tiny = bench.script("tiny", FIT)
    asks = bench.script(
        "asks",
        f"""
draws = run.need({tiny!r}).posteriors["tiny"]["posterior"]["effect"]
frame = draws.mean(["chain", "draw"]).to_dataframe(name="mean")
return Result(answer="", tables={{"means": Table(frame, "")}})
""",
        tiny,
    )
    assert bench.run(tiny, asks, seed=1).status == 0
    before = bench.content()
    shutil.rmtree(bench.out / "asks")
    bench.run(tiny, asks, seed=1, resume=True)
    assert bench.runs == ["tiny", "asks", "asks"]
    assert bench.content()["asks/means.csv"] == before["asks/means.csv"]
    (bench.out / "tiny" / "posterior.nc").unlink()
    bench.run(tiny, asks, seed=1, resume=True)
    assert bench.runs == ["tiny"], "the posterior is the same, so what was made of it is kept"
    for name in ("tiny/posterior.nc", "tiny/comparison.csv", "tiny/checks.csv", "asks/means.csv"):
        assert bench.content()[name] == before[name]


# Seeds


def test_every_fit_has_a_seed_of_its_own():
    seeds = {seed_for(seed, name) for seed in (0, 1, 2**32 - 1) for name in ("a/b", "a/c", "b/b")}
    assert len(seeds) == 9
    assert seed_for(1, "a") == seed_for(1, "a")


@pytest.mark.parametrize("workers", [1, 2])
def test_fits_that_are_shared_out_are_those_of_a_run_alone(bench, workers):
    both = FIT.replace(
        'posterior = run.fit("tiny", bt.published_model(estimates))',
        "model = bt.published_model(estimates)\n"
        'posterior = run.fit("tiny", model)\n'
        'shared = run.fit_all({"other": model, "tiny": model})\n'
        'assert list(shared) == ["other", "tiny"] and shared["tiny"].identical(posterior)\n'
        'assert shared["other"]["posterior"].identical(posterior["posterior"])\n'
        'assert list(run.checks) == ["tiny", "other"]',
    )
    assert bench.run(bench.script("one", both), workers=workers).status == 0


def test_a_fit_that_fails_among_many_is_told(bench):
    body = 'run.fit_all({"mine": None, "other": None})'
    told = bench.fails(bench.script("one", body))
    assert "one, mine: DataError: model: found None, expected a Model" in told


def test_another_seed_changes_no_number_of_what_is_solved_exactly(bench):
    tiny = bench.script("tiny", FIT)
    bench.run(tiny, seed=1)
    one = pd.read_csv(bench.out / "tiny" / "comparison.csv", index_col="term")
    bench.run(tiny, seed=2)
    two = pd.read_csv(bench.out / "tiny" / "comparison.csv", index_col="term")
    assert np.array_equal(one[["mean", "sd", "low", "high"]], two[["mean", "sd", "low", "high"]])


@pytest.mark.slow
def test_another_seed_changes_sampled_numbers_within_monte_carlo_error(bench):
    tiny = bench.script("tiny", FIT)
    read = lambda: pd.read_csv(bench.out / "tiny" / "comparison.csv", index_col="term")  # noqa: E731
    bench.run(tiny, seed=1, engine="nuts")
    one = read()
    bench.run(tiny, seed=2, engine="nuts")
    two = read()
    assert not np.array_equal(one["mean"], two["mean"])
    error = np.hypot(one["sd"] / np.sqrt(one["ess_bulk"]), two["sd"] / np.sqrt(two["ess_bulk"]))
    assert (abs(one["mean"] - two["mean"]) < 4 * error).all()
