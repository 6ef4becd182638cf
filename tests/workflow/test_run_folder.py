"""The results folder: written whole or not at all, and nothing of anybody else's is ever replaced."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_targets.errors import DataError
from bayes_targets.workflow import run_folder


def result(name: str = "audit", **tables: bytes) -> dict[str, bytes]:
    """The files of a result, sealed as the conductor does it."""
    files = {f"{table}.csv": text for table, text in tables.items()}
    summary = {
        "name": name, "title": "T", "answer": "A", "passed": True, "key": "k", "seconds": 0.1, "inputs": {}, "needed": {}, "studies": [],
        "tables": {}, "notes": [], "files": run_folder.digests(files),
    }  # fmt: skip
    return files | {"summary.json": run_folder.json_bytes(run_folder.seal(summary))}


OLD = result(a=b"old\n")
NEW = result(a=b"new\n", b=b"more\n")


def prepare(out: Path, *names: str, resume: bool = False) -> list[str]:
    """Prepare a results folder; give what is said."""
    said: list[str] = []
    with run_folder.locked(out):
        run_folder.prepare(out, names, resume=resume, say=said.append)
    return said


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

    def failing(self: Path, *arguments: object, **options: object) -> object:
        if self.name == name:
            raise error
        return real(self, *arguments, **options)

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
    prepare(out)
    assert out.is_dir()
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_place_of_the_results_folder_is_told(tmp_path, below):
    file = tmp_path / "results"
    file.write_text("mine")
    assert complaint(lambda: prepare(file / below)).endswith(
        "is a file, or lies below one; expected a folder"
    )
    assert file.read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_told(unwritable):
    assert "cannot be written to (" in complaint(lambda: prepare(unwritable / "results"))


def test_a_name_too_long_for_the_system_is_told(tmp_path):
    assert "cannot be written to (" in complaint(lambda: prepare(tmp_path / ("x" * 300)))


def test_a_foreign_folder_of_an_analysis_name_is_told_before_any_work(tmp_path):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "thesis.tex").write_text("mine")
    message = complaint(lambda: prepare(tmp_path, "claims", "audit"))
    assert (
        "audit: holds no summary.json that this program wrote, so it is not an earlier result and is not replaced"
        in message
    )
    assert content(tmp_path) == {"audit/thesis.tex": b"mine"}


def test_a_link_that_leads_nowhere_is_not_replaced(tmp_path):
    (tmp_path / "audit").symlink_to(tmp_path / "unplugged")
    assert "is not replaced" in complaint(lambda: prepare(tmp_path, "audit"))
    assert (tmp_path / "audit").is_symlink()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "audit", "files": {}}', "[" * 100_000])
def test_a_users_folder_with_a_summary_of_its_own_is_not_replaced(tmp_path, text):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "summary.json").write_text(text)
    assert "is not replaced" in complaint(lambda: prepare(tmp_path, "audit"))
    assert content(tmp_path) == {"audit/summary.json": text.encode()}


@pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe"])
def test_anything_unnamed_in_an_earlier_result_is_named_and_left(tmp_path, kind):
    place = run_folder.write_result(tmp_path, "audit", OLD) / "my notes"
    {
        "file": place.touch,
        "folder": place.mkdir,
        "link": lambda: place.symlink_to("a.csv"),
        "pipe": lambda: os.mkfifo(place),
    }[kind]()
    assert complaint(lambda: prepare(tmp_path, "audit")).startswith(
        f"{place}: is no file of the earlier result"
    )
    assert complaint(lambda: run_folder.write_result(tmp_path, "audit", NEW)).startswith(f"{place}: ")
    assert os.path.lexists(place) and (tmp_path / "audit" / "a.csv").read_bytes() == b"old\n"


def test_a_link_in_the_place_of_one_of_our_files_is_not_ours(tmp_path):
    folder = run_folder.write_result(tmp_path / ".", "audit", OLD)
    (tmp_path / "mine.csv").write_bytes(b"old\n")
    (folder / "a.csv").unlink()
    (folder / "a.csv").symlink_to(tmp_path / "mine.csv")
    assert "a.csv: is no file of the earlier result" in complaint(lambda: prepare(tmp_path, "audit"))


def test_a_changed_file_is_named_and_with_resume_set_aside(tmp_path):
    folder = run_folder.write_result(tmp_path, "audit", OLD)
    (folder / "a.csv").write_bytes(b"mine\n")
    assert complaint(lambda: prepare(tmp_path, "audit")) == (
        f"{folder / 'a.csv'}: was changed after it was written, so {folder} is not replaced: move it elsewhere, or use --resume, "
        "which sets it aside"
    )
    assert prepare(tmp_path, "audit", resume=True) == ["audit: a.csv was changed; made anew"]
    run_folder.write_result(tmp_path, "audit", NEW)
    assert content(tmp_path / "audit.changed-1") == OLD | {"a.csv": b"mine\n"}
    assert content(tmp_path / "audit") == NEW


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"")])
def test_a_missing_or_an_empty_file_is_said_and_made_anew(tmp_path, damage):
    damage(run_folder.write_result(tmp_path, "audit", OLD) / "a.csv")
    assert prepare(tmp_path, "audit") == ["audit: a.csv of the earlier result is damaged; made anew"]
    run_folder.write_result(tmp_path, "audit", NEW)
    assert content(tmp_path) == {f"audit/{name}": text for name, text in NEW.items()}


def test_the_page_and_the_manifest_are_ours_only_if_the_manifest_says_so(tmp_path):
    page, manifest = tmp_path / "index.html", tmp_path / "run.json"
    page.write_text("my home page")
    assert "does not say that this program wrote it" in complaint(lambda: prepare(tmp_path))
    manifest.write_text("{}")
    assert "run.json: was not written by this program" in complaint(lambda: prepare(tmp_path))
    assert content(tmp_path) == {"index.html": b"my home page", "run.json": b"{}"}
    page.unlink()
    manifest.unlink()
    run_folder.write_top(tmp_path, {"status": 0}, b"one")
    run_folder.write_top(tmp_path, {"status": 0}, b"two")
    prepare(tmp_path)
    page.write_bytes(b"one")  # as a kill between the two leaves it
    prepare(tmp_path)
    page.write_bytes(b"one, and my own words")
    assert "does not say that this program wrote it" in complaint(lambda: prepare(tmp_path))


def test_what_a_killed_run_left_is_removed_and_what_others_hid_stays(tmp_path):
    run_folder.write_result(tmp_path, "audit", OLD)
    for name in (
        ".bayes_targets-partial-claims",
        ".bayes_targets-replaced-audit",
        ".partial-mine",
        ".replaced-audit",
        ".git",
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half.csv").write_text("x")
    (tmp_path / ".bayes_targets-partial-7-index.html").write_text("half a page")
    prepare(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".git",
        ".partial-mine",
        ".replaced-audit",
        "audit",
    ]


def test_an_old_result_whose_successor_never_came_is_put_back(tmp_path):
    run_folder.write_result(tmp_path, "audit", OLD)
    (tmp_path / "audit").rename(tmp_path / ".bayes_targets-replaced-audit")
    prepare(tmp_path)
    assert content(tmp_path / "audit") == OLD


def test_a_second_writer_is_refused_and_a_third_after_the_first_is_not(tmp_path):
    with run_folder.locked(tmp_path):
        assert "another run is writing into it" in complaint(lambda: prepare(tmp_path))
    prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_let_go_of_within_a_moment_is_waited_for(tmp_path):
    held = run_folder.locked(tmp_path)
    held.__enter__()
    let_go = threading.Timer(0.1, held.__exit__, (None, None, None))
    let_go.start()
    prepare(tmp_path)
    assert let_go.finished.is_set() and list(tmp_path.iterdir()) == []


def test_tidying_removes_a_link_and_not_what_it_leads_to(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    (out / ".bayes_targets-partial-audit").symlink_to(elsewhere)
    run_folder.tidy(out)
    assert list(out.iterdir()) == []
    assert (elsewhere / "mine.txt").is_file()


def test_tidying_a_folder_that_is_not_there_makes_none(tmp_path):
    run_folder.tidy(tmp_path / "results")
    assert list(tmp_path.iterdir()) == []


# write_folder


def test_a_folder_replaces_an_earlier_one_with_nothing_of_it_left(tmp_path):
    run_folder.write_result(tmp_path, "audit", result(a=b"old", gone=b""))
    assert run_folder.write_result(tmp_path, "audit", NEW) == tmp_path / "audit"
    assert content(tmp_path) == {f"audit/{name}": text for name, text in NEW.items()}


@pytest.mark.parametrize("error", [disk_full(), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
@pytest.mark.parametrize("before", [{}, OLD], ids=["first run", "second run"])
def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path, monkeypatch, error, before):
    if before:
        run_folder.write_result(tmp_path, "audit", before)
    fail_at(monkeypatch, "open", "b.csv", error)
    with pytest.raises((DataError, KeyboardInterrupt)) as caught:
        run_folder.write_result(tmp_path, "audit", NEW)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{tmp_path / 'audit'}: cannot be written (No space left on device)"
    assert content(tmp_path) == {f"audit/{name}": text for name, text in before.items()}
    assert len(list(tmp_path.iterdir())) == bool(before), "no hidden folder is left either"


@pytest.mark.parametrize("error", [disk_full(), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
def test_a_failure_between_the_two_renamings_puts_the_old_folder_back(tmp_path, monkeypatch, error):
    run_folder.write_result(tmp_path, "audit", OLD)
    fail_at(monkeypatch, "rename", ".bayes_targets-partial-audit", error)
    with pytest.raises((DataError, KeyboardInterrupt)):
        run_folder.write_result(tmp_path, "audit", NEW)
    assert content(tmp_path) == {f"audit/{name}": text for name, text in OLD.items()}


def test_a_foreign_folder_that_appeared_meanwhile_is_not_replaced(tmp_path):
    (tmp_path / "audit").mkdir()
    assert "is not replaced" in complaint(lambda: run_folder.write_result(tmp_path, "audit", NEW))
    assert list((tmp_path / "audit").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../outside.csv", "/etc/x.csv", "a/b.csv", ".hidden", "", "..", "a\nb.csv", 'a".csv']
)
def test_a_file_name_that_is_more_than_a_name_is_refused(tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    message = complaint(lambda: run_folder.write_result(out, "audit", {"summary.json": b"{}", name: b"x"}))
    assert f"a file cannot be named {name!r}" in message
    assert content(tmp_path) == {}


# Reading it again


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"name": "audit"}',
        result("claims")["summary.json"],
        b"[" * 100_000,
        OLD["summary.json"].replace(b'"A"', b'"B"'),
        run_folder.json_bytes(run_folder.seal({"name": "audit", "answer": 5})),
    ],
    ids=[
        "empty",
        "cut",
        "a list",
        "not UTF-8",
        "not sealed",
        "of another folder",
        "deep",
        "edited",
        "keys missing",
    ],
)
def test_what_is_not_a_summary_of_this_folder_counts_as_none(tmp_path, text):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "summary.json").write_bytes(text)
    assert run_folder.read_summary(tmp_path / "audit") is None
    assert run_folder.earlier_results(tmp_path).summaries == {}


def test_results_that_are_whole_are_found_and_others_named(tmp_path):
    for name in ("b", "a", "c"):
        run_folder.write_result(tmp_path, name, result(name, t=b"1\n"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "c" / "t.csv").write_bytes(b"")
    found = run_folder.earlier_results(tmp_path)
    assert list(found.summaries) == ["a", "b"]
    assert found.broken == {"c": "its files are not as they were written"}


def test_a_changed_or_a_missing_file_is_noticed(tmp_path):
    folder = run_folder.write_result(tmp_path, "audit", OLD)
    expected = run_folder.digests(OLD)
    assert run_folder.is_unchanged(folder, expected)
    (folder / "a.csv").write_bytes(b"old \n")
    assert not run_folder.is_unchanged(folder, expected)
    (folder / "a.csv").unlink()
    assert not run_folder.is_unchanged(folder, expected)
