"""One reader of tables: what a file is, is recognised and said; what can be two things is asked about."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_targets.errors import DataError
from bayes_targets.readers.cells import Problems, settle_decimal
from bayes_targets.readers.table import RawTable, read_table, read_text

TABLE = "school,region,score\nA,north,61.5\nB,south,58.2\nC,north,70.1\n"
ROWS = [["A", "north", "61.5"], ["B", "south", "58.2"], ["C", "north", "70.1"]]


def written(tmp_path: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def complaint(source: object, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read_table(source, **options)  # type: ignore[arg-type]
    return str(caught.value)


def rows(table: RawTable) -> list[list[object]]:
    return table.cells.to_numpy().tolist()


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    book.save(path)
    return path


# --- what is recognised, and said


def test_a_plain_file_is_read_without_a_note(tmp_path):
    table = read_table(written(tmp_path, TABLE))
    assert list(table.cells.columns) == ["school", "region", "score"]
    assert rows(table) == ROWS and list(table.cells.index) == [1, 2, 3]
    assert (table.notes, table.footnotes, table.header, table.label) == ((), (), {}, "mine.csv")


@pytest.mark.parametrize(("mark", "words"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_other_separators_are_recognised_and_said(tmp_path, mark, words):
    table = read_table(written(tmp_path, TABLE.replace(",", mark)))
    assert rows(table) == ROWS and table.notes == (f"Cells were taken to be separated by {words}.",)
    assert rows(read_table(written(tmp_path, TABLE.replace(",", mark)), separator=mark)) == ROWS


def test_decimal_commas_do_not_separate_cells(tmp_path):
    table = read_table(written(tmp_path, TABLE.replace(",", ";").replace(".", ",")))
    assert rows(table)[0] == ["A", "north", "61,5"]
    assert settle_decimal(table.cells, ["score"], table.decimal, Problems("m")) == ","


def test_two_readings_of_the_separator_are_asked_about(tmp_path):
    message = complaint(written(tmp_path, "a,b;c\n1,2;3\n4,5;6\n"))
    assert message.endswith("separated by commas or semicolons; give separator=',' or another")
    assert list(read_table(tmp_path / "mine.csv", separator=";").cells.columns) == ["a,b", "c"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "windows-1252"]
)
def test_encodings_are_recognised(tmp_path, encoding):
    text = TABLE.replace("north", "Île-de-France")
    table = read_table(written(tmp_path, text.encode(encoding)))
    assert list(table.cells["region"]) == ["Île-de-France", "south", "Île-de-France"]
    said = {
        "windows-1252": "The file is not UTF-8 and was read as Windows-1252 (first: 'Île-de-France').",
        "utf-8": "",
    }
    assert encoding not in said or "".join(table.notes) == said[encoding]


@pytest.mark.parametrize("encoding", ["mac-roman", "windows-1251", "shift-jis"])
def test_bytes_that_could_be_several_encodings_are_asked_about(tmp_path, encoding):
    word = {"mac-roman": "Médecine", "windows-1251": "Москва", "shift-jis": "東京都"}[encoding]
    path = written(tmp_path, TABLE.replace("north", word).encode(encoding))
    assert "which is not UTF-8, and the file can be of several encodings; give encoding=" in complaint(path)
    assert read_table(path, encoding=encoding).cells.loc[1, "region"] == word


def test_title_blank_rows_footnotes_and_repeated_headers_are_found_and_said(tmp_path):
    text = (
        "Table 3: scores, by school\n\n" + TABLE + "\nschool,region,score\nD,south,66.0\n\n"
        "Source: made up\n* provisional, see the notes\n"
    )
    table = read_table(written(tmp_path, text))
    assert rows(table) == [*ROWS, ["D", "south", "66.0"]]
    assert list(table.cells.index) == [1, 2, 3, 6]
    assert table.footnotes == (
        "Table 3: scores, by school",
        "Source: made up",
        "* provisional, see the notes",
    )
    assert table.notes == (
        "1 line above the table was taken for a title: 'Table 3: scores, by school'.",
        "The names of the columns were read from row 3 of the file.",
        "2 lines below the table were taken for footnotes: 'Source: made up'.",
        "1 row that only repeated the header was left out.",
        "1 blank row among the others was left out.",
    )


def test_a_file_of_which_only_the_blanks_in_numbers_are_no_ascii_is_windows_1252(tmp_path):
    table = read_table(written(tmp_path, "school;score\nA;17\u00a0960\nB;31\u00a0061\n".encode("cp1252")))
    assert rows(table) == [["A", "17\u00a0960"], ["B", "31\u00a0061"]]
    assert "The file is not UTF-8 and was read as Windows-1252 (first: '17\\xa0960')." in table.notes


def test_footnotes_with_commas_are_footnotes(tmp_path):
    below = "\nNotes\n[note 1] Provisional, to be revised\n"
    table = read_table(
        written(tmp_path, "school,region,score,places\nA,north,61.5,20\nB,south,58.2,30\n" + below)
    )
    assert len(table.cells) == 2 and table.footnotes == ("Notes", "[note 1] Provisional, to be revised")


def test_years_below_a_merged_heading_are_names(tmp_path):
    book = workbook(
        tmp_path / "mine.xlsx",
        mine=[
            ["", "", "Score", ""],
            ["school", "region", "2006", "2008"],
            *[["A", "north", "61.5", "62"]] * 3,
        ],
    )
    assert list(read_table(book).cells.columns) == ["school", "region", "2006", "2008"]


def test_lines_may_end_as_on_old_macs(tmp_path):
    assert rows(read_table(written(tmp_path, TABLE.replace("\n", "\r")))) == ROWS
    assert read_text(written(tmp_path, "a\r\nb\rc"), "mine") == "a\nb\nc"


def test_a_last_row_with_one_name_is_a_row_and_not_a_footnote(tmp_path):
    assert rows(read_table(written(tmp_path, TABLE + "D,,\n")))[-1] == ["D", "", ""]
    assert "row 4: found '1 cells', expected 3" in complaint(written(tmp_path, TABLE + "D\n"))


@pytest.mark.parametrize(
    "head",
    [
        "school,region,score,\n,,2006,2008\n",
        "school,region,score,score\n,,2006,2008\n",
        "school,region,score 2006,score 2008\n,,%,%\n",
    ],
)
def test_two_header_rows_become_one_name(tmp_path, head):
    table = read_table(written(tmp_path, head + "A,north,61.5,62\nB,south,58.2,57\nC,north,70.1,71\n"))
    names = list(table.cells.columns)
    assert names[:2] == ["school", "region"]
    assert names[2].startswith("score 2006") and names[3].startswith("score 2008")
    assert "The names of the columns were read from rows 1 and 2 of the file." in table.notes
    assert len(table.cells) == 3


def test_the_header_can_be_given(tmp_path):
    path = written(tmp_path, "x,y,z\n" + TABLE)
    assert list(read_table(path, header=2).cells.columns) == ["school", "region", "score"]
    assert list(read_table(path, header=[1, 2]).cells.columns) == ["x school", "y region", "z score"]
    for wrong in (0, -1, True, "2", 1.5, [], [1, 3], 99):
        assert complaint(path, header=wrong)


def test_a_file_without_a_header_is_asked_about(tmp_path):
    assert "expected the names of the columns; give header= and the number of the row" in complaint(
        written(tmp_path, "1.5,2.5\n3.5,4.5\n")
    )


def test_header_lines_are_returned_by_key(tmp_path):
    text = "# focus: Reform x treat\n# better: lower\n# A remark.\n#\n\nterm,estimate,se\nReform x treat,-.03,.02\n"
    assert read_table(written(tmp_path, text)).header == {"focus": "Reform x treat", "better": "lower"}
    # Excel quotes a line with a comma, and adds separators up to the table's width.
    text = '"# focus: a, b",,\n# n: 244,,\nterm,estimate,se\nx,1,2\n'
    table = read_table(written(tmp_path, text))
    assert table.header == {"focus": "a, b", "n": "244"} and rows(table) == [["x", "1", "2"]]
    book = workbook(tmp_path / "b.xlsx", one=[["# focus: x"], ["term", "estimate"], ["x", 1.5], ["y", 2]])
    table = read_table(book)
    assert table.header == {"focus": "x"} and rows(table) == [["x", 1.5], ["y", 2]]


def test_the_mark_before_formula_cells_is_taken_off_again(tmp_path):
    table = read_table(written(tmp_path, "a,b\n'=SUM(A1),'-0.3\n'+x,'quoted\n'@y,''\n"))
    assert rows(table) == [["=SUM(A1)", "-0.3"], ["+x", "'quoted"], ["@y", "''"]]


# --- other files


def test_gzip_excel_ods_parquet_and_feather_say_the_same(tmp_path):
    frame = pd.DataFrame({"school": ["A", "B", "C"], "n": [10, 20, 30], "score": [61.5, 58.25, 70.0]})
    expected = [["A", 10, 61.5], ["B", 20, 58.25], ["C", 30, 70.0]]
    written(tmp_path, gzip.compress(frame.to_csv(index=False).encode()), "mine.csv.gz")
    frame.to_excel(tmp_path / "mine.xlsx", index=False)
    frame.to_parquet(tmp_path / "mine.parquet")
    frame.to_feather(tmp_path / "mine.feather")
    for name in ("mine.xlsx", "mine.parquet", "mine.feather"):
        assert rows(read_table(tmp_path / name)) == expected, name
    assert rows(read_table(frame)) == expected
    assert rows(read_table(tmp_path / "mine.csv.gz")) == [[str(cell) for cell in row] for row in expected]


def test_the_sheet_is_asked_for_where_several_hold_cells(tmp_path):
    lines = [["school", "score"], ["A", 61.5], ["B", 58]]
    book = workbook(tmp_path / "b.xlsx", Notes=[["About this table"]], Data=lines, Empty=[])
    assert "found the sheets 'Notes', 'Data', expected to be told which one" in complaint(book)
    for sheet in ("Data", 2, "2"):
        assert rows(read_table(book, sheet=sheet)) == lines[1:]
    assert "no sheet 'Dato'; did you mean 'Data'?" in complaint(book, sheet="Dato")
    alone = workbook(tmp_path / "c.xlsx", Empty=[], Data=lines)
    assert read_table(alone).notes == ("The sheet 'Data' was read, the only visible one with cells.",)


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "found a pipe or a device" in complaint(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    assert "found a pipe or a device" in complaint(tmp_path / "zero.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "Is a directory" in complaint(tmp_path / "folder.csv")
    assert "embedded null" in complaint("a\0b.csv")
    complaint(os.fsdecode(b"n\xff.csv")).encode("utf-8")
    assert "found int" in complaint(3)
    assert "found a .docx file, expected .csv" in complaint(written(tmp_path, "x", "mine.docx"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.xlsx", b"x" * 50, "mine.xlsx: not a workbook that can be read"),
        ("mine.xls", b"", "mine.xls: not a workbook that can be read"),
        ("mine.ods", b"PK\x03\x04", "mine.ods: not a workbook that can be read"),
        ("mine.parquet", b"x" * 50, "mine.parquet: not a Parquet file"),
        ("mine.feather", b"x" * 50, "mine.feather: not a Feather file"),
        ("mine.csv.gz", b"x" * 50, "mine.csv.gz: not a gzip file"),
        ("mine.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "mine.csv.gz: not a gzip file"),
        ("mine.csv", b"a,b\n1,\x002\n", "mine.csv, line 2: found a NUL byte"),
        ("mine.csv", b"", "mine.csv: found an empty file"),
        ("mine.csv", b"a,b\n", "mine.csv: found a header and no rows"),
        ("mine.csv", b"a,b,a\n1,2,3\n", "header: found 'a' 2 times"),
        ("mine.csv", b'a,b\n"1,2\n', "mine.csv, line 2: unexpected end of data"),
        ("mine.csv", b"a,b\n" + b"x" * 200_000 + b",1\n", "field larger than field limit"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, name, content, message):
    assert message in complaint(written(tmp_path, content, name))


@pytest.mark.parametrize(
    "options",
    [
        {"decimal": ";"}, {"decimal": 1}, {"separator": ""}, {"separator": "ab"}, {"separator": 3}, {"encoding": "utf-9"},
        {"encoding": 8}, {"encoding": "rot13"}, {"encoding": "ascii\0"}, {"missing": "x"}, {"missing": 3}, {"sheet": "x"},
    ],
)  # fmt: skip
def test_options_of_a_wrong_kind_are_refused(tmp_path, options):
    assert complaint(written(tmp_path, TABLE + "É,x,1\n"), **options)


def test_a_damaged_workbook_gives_only_a_data_error(tmp_path):
    whole = workbook(tmp_path / "b.xlsx", one=[["a", "b"], [1, 2]]).read_bytes()
    for cut in range(0, len(whole), len(whole) // 40):
        for junk in (b"", b"\0" * 8):
            path = written(tmp_path, whole[:cut] + junk + whole[cut + 8 :], "c.xlsx")
            try:
                read_table(path)
            except DataError as error:
                assert str(error)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    "school,region,score\n",
                    "A,north,1.5\n",
                    "\n",
                    ";",
                    '"',
                    "\t",
                    "# focus: x\n",
                    "\r",
                    "Total,,5\n",
                ]
            ),
            st.text(max_size=8),
        ),
        max_size=12,
    ),
    st.sampled_from(["utf-8", "utf-16", "windows-1252", "utf-32"]),
)
def test_whatever_text_comes_gives_a_table_or_a_data_error(tmp_path, parts, encoding):
    path = written(tmp_path, "".join(parts).encode(encoding, "ignore"))
    try:
        table = read_table(path)
    except DataError as error:
        assert str(error)
    else:
        assert len(table.cells) and table.cells.index.is_monotonic_increasing


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.binary(max_size=60), st.sampled_from(["mine.csv", "mine.tsv", "mine.csv.gz", "mine.ods", "mine.xls"])
)
def test_whatever_bytes_come_give_a_table_or_a_data_error(tmp_path, content, name):
    try:
        table = read_table(written(tmp_path, content, name))
    except DataError as error:
        assert str(error).encode("utf-8")
    else:
        assert len(table.cells)


def test_reading_needs_no_heavy_library():
    code = "import sys, bayes_targets.readers.table; print({'pymc', 'matplotlib', 'python_calamine'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
