"""Files: read only if they are files, written whole or not at all."""

import errno
import os
from pathlib import Path

import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets import files
from bayes_targets.errors import DataError
from bayes_targets.report.result import Table, read_table


def complaint(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def full_disk(monkeypatch):
    """Every write fails, as on a full disk."""

    def fsync(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"\x00\xff" * 70_000)
    assert files.read_file(tmp_path / "a") == b"\x00\xff" * 70_000


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero")):
        assert "is no regular file" in complaint(lambda place=place: files.read_file(place))
    assert "Is a directory" in complaint(lambda: files.read_file(tmp_path))
    assert complaint(lambda: files.read_file(tmp_path / "none", what="--data ")) == (
        f"--data {tmp_path / 'none'}: cannot be read (No such file or directory)"
    )
    assert "no name of a file" in complaint(lambda: files.read_file("a\0b"))


def test_a_name_that_is_not_utf8_can_be_shown():
    assert files.shown(Path(os.fsdecode(b"caf\xe9.csv"))) == "caf\N{REPLACEMENT CHARACTER}.csv"


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    files.write_file(tmp_path / "run.json", b"old")
    files.write_file(tmp_path / "run.json", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("run.json", b"new")]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, full_disk):
    (tmp_path / "run.json").write_bytes(b"old")
    message = complaint(lambda: files.write_file(tmp_path / "run.json", b"new"))
    assert message == f"{tmp_path / 'run.json'}: cannot be written (No space left on device)"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("run.json", b"old")]


def test_a_folder_that_cannot_be_written_leaves_the_old_one(tmp_path, full_disk):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "a.csv").write_bytes(b"old")
    assert "cannot be written (No space left" in complaint(
        lambda: files.write_folder(tmp_path / "audit", {"a": b"b"})
    )
    assert [path.name for path in tmp_path.rglob("*")] == ["audit", "a.csv"]


def test_what_is_written_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    done = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(handle: int) -> None:
        done.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    def noted_rename(self: Path, target: Path) -> Path:
        done.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    files.write_folder(tmp_path / "audit", {"a.csv": b"1", "b.csv": b"2"})
    assert done == ["a.csv", "b.csv", ".bayes_targets-partial-audit", "rename", tmp_path.name]


FORMULAS = [
    "=1+1",
    "+A1",
    "-A1",
    "@SUM(A1)",
    "-2+3+cmd|' /C calc'!A0",
    "\t=1",
    "'=1",
    "=",
    "-",
    "+44 20 7946",
]
NUMBERS = [
    "-0.5",
    "+3",
    "-.151 (.526)",
    "-2.481** (s.e. 1.055)",
    "-1e-05",
    "-inf",
    "-1,234.5",
    "+0.1 (-0.2 to 0.4)",
    "+3%",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_takes_for_a_formula_is_marked_and_the_mark_taken_off_again(text):
    assert files.guarded(text) == f"'{text}"
    assert files.unguarded(files.guarded(text)) == text


@pytest.mark.parametrize("text", [*NUMBERS, "Leeds", "'tis", "", "a=b"])
def test_numbers_as_they_are_printed_and_other_texts_are_left_as_they_are(text):
    assert files.guarded(text) == text == files.unguarded(text)


def test_labels_of_a_table_are_marked_in_its_csv_and_read_again_without_the_mark(tmp_path):
    frame = pd.DataFrame(
        {"=total": [-1.5, 2.0], "note": ["-1+1", "a, b"]},
        index=pd.Index(["=cmd|'/C calc'!A0", "-0.5"], name="area"),
    )
    (tmp_path / "t.csv").write_bytes(Table(frame, "").to_csv())
    assert (tmp_path / "t.csv").read_text() == (
        "area,'=total,note\n'=cmd|'/C calc'!A0,-1.5,'-1+1\n-0.5,2,\"a, b\"\n"
    )
    assert read_table(tmp_path / "t.csv", {"caption": "", "index": ["area"]}).frame.equals(frame)
    assert bt.read_counts(_counts(tmp_path))["area"].to_numpy().tolist() == ["=a", "b"]


def _counts(folder: Path) -> Path:
    counts = pd.DataFrame({"green": [1, 2], "red": [3, 4]}, index=pd.Index(["=a", "b"], name="area"))
    (folder / "counts.csv").write_bytes(Table(counts, "").to_csv())
    assert b"'=a,1,3" in (folder / "counts.csv").read_bytes()
    return folder / "counts.csv"
