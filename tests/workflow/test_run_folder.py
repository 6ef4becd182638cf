"""The results folder: written whole or not at all, and nothing of anybody else's is ever replaced."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_targets.errors import DataError
from bayes_targets.workflow import run_folder

OLD = {"summary.json": b"{}", "a.csv": b"old\n"}
NEW = {"summary.json": b"{}", "a.csv": b"new\n", "b.csv": b"more\n"}


def content(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden files too."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def complaint(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fail_at(monkeypatch: pytest.MonkeyPatch, method: str, name: str, error: BaseException) -> None:
    """Let a method of Path raise when it is called on a path of that name."""
    real = getattr(Path, method)

    def failing(self: Path, *arguments: object) -> object:
        if self.name == name:
            raise error
        return real(self, *arguments)

    monkeypatch.setattr(Path, method, failing)


def disk_full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A folder that cannot be written to, whoever runs the tests."""
    if os.geteuid() == 0:
        return Path("/proc/bayes_targets")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    return folder


# prepare


def test_the_results_folder_is_made_with_its_parents_and_stays_empty(tmp_path):
    out = tmp_path / "some where" / "résultats"
    run_folder.prepare(out)
    assert out.is_dir()
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_place_of_the_results_folder_is_told(tmp_path, below):
    file = tmp_path / "results"
    file.write_text("mine")
    assert complaint(lambda: run_folder.prepare(file / below)).endswith(
        "is a file, or lies below one; expected a folder"
    )
    assert file.read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_told(unwritable):
    assert "cannot be written to (" in complaint(lambda: run_folder.prepare(unwritable / "results"))


def test_a_name_too_long_for_the_system_is_told(tmp_path):
    assert "cannot be written to (" in complaint(lambda: run_folder.prepare(tmp_path / ("x" * 300)))


def test_a_foreign_folder_of_an_analysis_name_is_told_before_any_work(tmp_path):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "thesis.tex").write_text("mine")
    message = complaint(lambda: run_folder.prepare(tmp_path, ["claims", "audit"]))
    assert "audit: holds no summary.json, so it is not an earlier result and is not replaced" in message
    assert content(tmp_path) == {"audit/thesis.tex": b"mine"}


def test_a_link_that_leads_nowhere_is_not_replaced(tmp_path):
    (tmp_path / "audit").symlink_to(tmp_path / "unplugged")
    assert "is not replaced" in complaint(lambda: run_folder.prepare(tmp_path, ["audit"]))
    assert (tmp_path / "audit").is_symlink()


def test_a_foreign_index_page_is_not_replaced(tmp_path):
    (tmp_path / "index.html").write_text("my home page")
    assert "is not an earlier result and not replaced" in complaint(lambda: run_folder.prepare(tmp_path))
    (tmp_path / "run.json").write_text("{}")
    run_folder.prepare(tmp_path)


def test_what_a_killed_run_left_is_removed_and_other_hidden_things_stay(tmp_path):
    run_folder.write_folder(tmp_path, "audit", OLD)
    (tmp_path / ".partial-claims").mkdir()
    (tmp_path / ".partial-claims" / "half.csv").write_text("x")
    (tmp_path / ".partial-index.html").write_text("half a page")
    (tmp_path / ".replaced-audit").mkdir()
    (tmp_path / ".git").mkdir()
    run_folder.prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "audit"]


def test_an_old_result_whose_successor_never_came_is_put_back(tmp_path):
    run_folder.write_folder(tmp_path, "audit", OLD)
    (tmp_path / "audit").rename(tmp_path / ".replaced-audit")
    run_folder.prepare(tmp_path)
    assert content(tmp_path / "audit") == OLD


def test_tidying_removes_a_link_and_not_what_it_leads_to(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    (out / ".partial-audit").symlink_to(elsewhere)
    run_folder.tidy(out)
    assert list(out.iterdir()) == []
    assert (elsewhere / "mine.txt").is_file()


def test_tidying_a_folder_that_is_not_there_makes_none(tmp_path):
    run_folder.tidy(tmp_path / "results")
    assert list(tmp_path.iterdir()) == []


# write_folder


def test_a_folder_replaces_an_earlier_one_with_nothing_of_it_left(tmp_path):
    run_folder.write_folder(tmp_path, "audit", OLD | {"gone.csv": b""})
    assert run_folder.write_folder(tmp_path, "audit", NEW) == tmp_path / "audit"
    assert content(tmp_path) == {f"audit/{name}": text for name, text in NEW.items()}


@pytest.mark.parametrize("error", [disk_full(), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
@pytest.mark.parametrize("before", [{}, OLD], ids=["first run", "second run"])
def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path, monkeypatch, error, before):
    if before:
        run_folder.write_folder(tmp_path, "audit", before)
    fail_at(monkeypatch, "write_bytes", "b.csv", error)
    with pytest.raises((DataError, KeyboardInterrupt)) as caught:
        run_folder.write_folder(tmp_path, "audit", NEW)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{tmp_path / 'audit'}: cannot be written (No space left on device)"
    assert content(tmp_path) == {f"audit/{name}": text for name, text in before.items()}
    assert len(list(tmp_path.iterdir())) == bool(before), "no hidden folder is left either"


@pytest.mark.parametrize("error", [disk_full(), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
def test_a_failure_between_the_two_renamings_puts_the_old_folder_back(tmp_path, monkeypatch, error):
    run_folder.write_folder(tmp_path, "audit", OLD)
    fail_at(monkeypatch, "rename", ".partial-audit", error)
    with pytest.raises((DataError, KeyboardInterrupt)):
        run_folder.write_folder(tmp_path, "audit", NEW)
    assert content(tmp_path) == {f"audit/{name}": text for name, text in OLD.items()}


def test_a_foreign_folder_that_appeared_meanwhile_is_not_replaced(tmp_path):
    (tmp_path / "audit").mkdir()
    assert "is not replaced" in complaint(lambda: run_folder.write_folder(tmp_path, "audit", NEW))
    assert list((tmp_path / "audit").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../outside.csv", "/etc/x.csv", "a/b.csv", ".hidden", "", "..", "a\nb.csv", 'a".csv']
)
def test_a_file_name_that_is_more_than_a_name_is_refused(tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    message = complaint(lambda: run_folder.write_folder(out, "audit", {"summary.json": b"{}", name: b"x"}))
    assert f"a file cannot be named {name!r}" in message
    assert content(tmp_path) == {}


# write_file


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    run_folder.write_file(tmp_path, "run.json", b"old")
    fail_at(monkeypatch, "write_bytes", ".partial-run.json", disk_full())
    message = complaint(lambda: run_folder.write_file(tmp_path, "run.json", b"new"))
    assert message == f"{tmp_path / 'run.json'}: cannot be written (No space left on device)"
    assert content(tmp_path) == {"run.json": b"old"}


def test_a_file_is_replaced(tmp_path):
    run_folder.write_file(tmp_path, "run.json", b"old")
    run_folder.write_file(tmp_path, "run.json", b"new")
    assert content(tmp_path) == {"run.json": b"new"}


# Reading it again


def summary(name: str) -> dict[str, object]:
    return {"name": name, "title": "T", "answer": "A", "passed": True, "key": "k", "files": {}}


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"\xff", b'{"name": "audit"}', json.dumps(summary("claims")).encode()],
    ids=["empty", "cut", "a list", "not UTF-8", "keys missing", "of another folder"],
)
def test_what_is_not_a_summary_of_this_folder_counts_as_none(tmp_path, text):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "summary.json").write_bytes(text)
    assert run_folder.read_summary(tmp_path / "audit") is None
    assert run_folder.earlier_summaries(tmp_path) == []


def test_summaries_of_all_results_are_found(tmp_path):
    for name in ("b", "a"):
        files = {"summary.json": json.dumps(summary(name)).encode()}
        run_folder.write_folder(tmp_path, name, files)
    (tmp_path / "notes").mkdir()
    assert [found["name"] for found in run_folder.earlier_summaries(tmp_path)] == ["a", "b"]


def test_a_changed_or_a_missing_file_is_noticed(tmp_path):
    folder = run_folder.write_folder(tmp_path, "audit", OLD)
    expected = run_folder.digests(OLD)
    assert run_folder.is_unchanged(folder, expected)
    (folder / "a.csv").write_bytes(b"old \n")
    assert not run_folder.is_unchanged(folder, expected)
    (folder / "a.csv").unlink()
    assert not run_folder.is_unchanged(folder, expected)
