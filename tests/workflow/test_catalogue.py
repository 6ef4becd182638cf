"""The list of analyses: read without running them, and with a hint where a name is misspelt."""

from pathlib import Path

import pytest

from bayes_targets.errors import DataError, DiagnosticsError
from bayes_targets.workflow import catalogue


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(name: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        catalogue.find_analysis(str(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_shipped_script_is_listed_once_with_title_and_question():
    entries = catalogue.list_analyses()
    scripts = {path.stem for path in catalogue.analyses_folder().glob("*.py")}
    assert sorted(entry.name for entry in entries) == sorted(scripts)
    assert all(entry.title and entry.question for entry in entries)


def test_claims_come_last_as_they_need_the_rest():
    shipped = [entry for entry in catalogue.list_analyses() if not entry.own]
    assert shipped[-1].name == "claims"


def test_an_analysis_of_tomorrow_is_listed_after_those_with_a_place(tmp_path, monkeypatch):
    for name in ("zebra", "claims", "audit"):
        write(tmp_path, f"{name}.py", f'"""{name.title()}."""')
    monkeypatch.setattr(catalogue, "analyses_folder", lambda: tmp_path)
    assert [entry.name for entry in catalogue.list_analyses()] == ["audit", "claims", "zebra"]


def test_a_misspelt_name_is_answered_with_the_nearest():
    assert complaint("cohesion_publshed") == (
        "no analysis is named 'cohesion_publshed': did you mean 'cohesion_published'?"
    )


def test_a_name_near_to_none_is_answered_with_all():
    assert "known: 'audit'" in complaint("xyz")


def test_a_missing_folder_of_analyses_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "a" / "b" / "catalogue.py"))
    with pytest.raises(DataError, match="the folder 'analyses' is missing"):
        catalogue.list_analyses()


def test_title_and_question_come_from_the_docstring_of_a_script_that_is_not_run(tmp_path):
    script = write(tmp_path, "mine.py", '"""A title.\n\nA question\nover two lines?\n"""\nraise SystemExit\n')
    entry = catalogue.find_analysis(str(script))
    assert entry == catalogue.Entry("mine", "A title", "A question over two lines?", script)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "no docstring"),
        ('"""   """', "no docstring"),
        ("", "no docstring"),
        ('"""Title."""\ndef (:', "not a Python script"),
        (b'"""R\xe9sum\xe9."""', "not a Python script"),
        (b'"""Title."""\0', "not a Python script"),
    ],
)
def test_what_is_not_an_analysis_script_is_told(tmp_path, text, words):
    script = write(tmp_path, "mine.py", text)
    assert complaint(script).startswith(f"{script}: {words}")


def test_a_script_that_is_not_there_or_is_a_folder_is_told(tmp_path):
    (tmp_path / "folder.py").mkdir()
    for name in ("none.py", "folder.py"):
        assert complaint(tmp_path / name).startswith(f"{tmp_path / name}: cannot be read (")


@pytest.mark.parametrize("name", ["run.json.py", "index.html.py", ".py", ".hidden.py", "a b.py"])
def test_a_script_whose_name_cannot_be_a_results_folder_is_told(tmp_path, name):
    assert "the name is that of a results folder too" in complaint(write(tmp_path, name, '"""Title."""'))


def test_a_script_is_loaded_with_nothing_left_beside_it(tmp_path):
    text = '''"""Title."""
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Point:
    x: float

def analyse(run):
    return Point(1.0)
'''
    entry = catalogue.find_analysis(str(write(tmp_path, "mine.py", text)))
    assert catalogue.call_script(entry, None).x == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("analyse = 1", ": no function 'analyse'"),
        ("def analyse():\n    pass", ": TypeError: analyse() takes 0 positional arguments"),
        ("def analyse(run):\n    return {}[run]", ", line 3: KeyError: 1"),
        ("import no_such_library", ", line 2: ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit('two\\nlines')", ", line 2: SystemExit: two lines"),
    ],
)
def test_a_mistake_in_a_script_is_one_line_with_its_place(tmp_path, text, words):
    script = write(tmp_path, "mine.py", f'"""Title."""\n{text}\n')
    with pytest.raises(DataError) as caught:
        catalogue.call_script(catalogue.find_analysis(str(script)), 1)
    assert str(caught.value).startswith(f"{script}{words}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [DataError("mine.csv, row 3: found x"), DiagnosticsError("R-hat is 2")])
def test_the_errors_of_the_library_pass_as_they_are(tmp_path, error):
    text = f'"""Title."""\nfrom bayes_targets.errors import *\ndef analyse(run): raise {error!r}\n'
    entry = catalogue.find_analysis(str(write(tmp_path, "mine.py", text)))
    with pytest.raises(type(error)) as caught:
        catalogue.call_script(entry, None)
    assert str(caught.value) == str(error)
    assert caught.value.__cause__ is None
