"""One parser of numbers, and one list of problems."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_targets.errors import DataError
from bayes_targets.readers.cells import (
    Number,
    Problems,
    cell_text,
    decimal_of,
    is_missing,
    missing_marks,
    pair,
    plain_decimal,
    plain_number,
    read_label,
    read_labels,
    read_number,
    read_numbers,
    settle_decimal,
    smallest_half_width,
    take_apart,
    with_point,
)


@pytest.mark.parametrize(
    ("text", "value", "half_width"),
    [
        ("62%", 62, 0.5),
        ("62.5 %", 62.5, 0.05),
        ("1,234", 1234, 0.5),
        ("1 234", 1234, 0.5),
        ("1\u00a0234.5", 1234.5, 0.05),
        ("1'234'567", 1234567, 0.5),
        ("£1,234", 1234, 0.5),
        ("-£1,234.50", -1234.5, 0.005),
        ("£-3", -3, 0.5),
        ("1,234 €", 1234, 0.5),
        ("\u22120.3", -0.3, 0.05),
        ("\u20133", -3, 0.5),
        (".05", 0.05, 0.005),
        ("+.5", 0.5, 0.05),
        ("5.", 5, 0.5),
        ("1e-3", 0.001, 0.0005),
        (" 7 ", 7, 0.5),
        (7, 7, 0.5),
        (np.int64(7), 7, 0.5),
        (np.float32(0.5), 0.5, 0.05),
        (True, 1, 0.5),
    ],
)
def test_a_number_is_read_in_any_of_its_notations_with_its_rounding(text, value, half_width):
    number = read_number(text)
    assert (number.value, number.half_width) == (pytest.approx(value), pytest.approx(half_width))
    assert number.plain


def test_stars_brackets_bounds_and_per_cent_signs_are_kept_apart():
    assert read_number("0.651**") == Number(0.651, 0.0005, "0.651**", stars="**")
    assert read_number("0.952+").stars == "+" and read_number("1.2 \u2020").stars == "\u2020"
    assert read_number("62.1 [p]").stars == "[p]"
    assert read_number("(0.090)") == Number(0.09, 0.0005, "(0.090)", bracketed="(")
    assert (read_number("[\u22121.5]").bracketed, read_number("[\u22121.5]").value) == ("[", -1.5)
    assert read_number("(.12**)").stars == read_number("(.12)**").stars == "**"
    assert read_number("<.001") == Number(0.001, 0.0005, "<.001", bound="<")
    assert read_number("\u2265 5").bound == ">="
    assert read_number("62%").percent and not read_number("62").percent
    assert (read_number(".952").low, read_number(".952").high) == pytest.approx((0.9515, 0.9525))


@pytest.mark.parametrize(
    "cell",
    ["", "x", "1,23", "12,345,6", "1.2.3", "--1", "1_000", "٣", "0x1", "1 2", "(1", "1)", "(1]", "1-2", "5 to 7", "1/2", "2024-01-01",
     "1" * 200, None, (), 1j, b"7", float("nan"), pd.NaT, pd.Timestamp(0), [1]],
)  # fmt: skip
def test_what_is_no_number_is_none(cell):
    assert read_number(cell) is None


def test_a_cell_of_up_to_a_hundred_characters_may_hold_a_number_and_a_plain_one_of_forty():
    long, plain = "0." + "3" * 60, "0." + "3" * 38
    assert read_number(long).value == read_number(plain).value == pytest.approx(1 / 3)
    assert take_apart(f"{long} (.1)").number == long
    assert read_number("0." + "3" * 99) is None
    assert plain_decimal(plain).text == plain
    with pytest.raises(DataError, match="plain decimal number"):
        plain_decimal(f"{plain}3")


def test_a_decimal_comma_turns_the_signs_around():
    assert read_number("64,65", ",") == Number(64.65, 0.005, "64,65")
    assert read_number("1.234,5", ",").value == 1234.5 and read_number("1.234", ",").value == 1234
    assert read_number("64.65", ",") is None
    assert read_number("1.234").value == 1.234


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("64.6", "."), ("0.123", "."), (".5", "."), ("1234.567", "."), ("1,234.5", "."), ("1,234,567", "."),
        ("64,6", ","), ("0,123", ","), ("1.234,5", ","), ("1.234.567", ","), ("(0,12)**", ","), ("£1,5", ","),
        ("1.234", "either"), ("1,234", "either"), ("-12,345%", "either"), ("12", ""), ("Leeds", ""),
        ("Ward 1,5", ""), ("v1.2", ""), ("a, b", ""), ("1.2.3", ""), ("1\u202f408,43", ","), ("1'408.5", "."), ("1 408,435", ","),
    ],
)  # fmt: skip
def test_what_a_text_says_about_the_decimal_sign(text, sign):
    assert decimal_of(text) == sign


def settled(**columns):
    problems = Problems("m.csv")
    frame = pd.DataFrame(columns, dtype=object)
    return settle_decimal(frame, list(columns)[:1], None, problems), problems


def test_the_decimal_sign_of_a_table_is_what_its_numbers_allow():
    assert settled(score=["64.6", "1,234"])[0] == "."
    assert settled(score=["64,6", "1.234"])[0] == ","
    assert settled(score=["1.234", "2.345"], other=["0.5", "1.5"])[0] == "."
    assert settled(score=["1,234", "950"])[0] == "."
    assert settled(score=["1.234", "2.345"])[0] is None
    assert settled(score=["1,234", "5678"])[0] is None
    _, problems = settled(score=["64.6", "64,6"])
    assert problems.sentences() == [
        "m.csv: found '64.6' in column 'score' and '64,6' in column 'score', expected one decimal sign; "
        "give decimal='.' or ','"
    ]


def test_a_number_with_two_readings_is_asked_about_where_nothing_decides():
    problems = Problems("m.csv")
    read_numbers(pd.Series(["1.234", "2.345"], index=[1, 2]), "score", problems, decimal=None)
    assert problems.sentences() == [
        "m.csv, column 'score': holds numbers that can be read in two ways in 2 rows, first row 1: '1.234'; "
        "expected one reading; it can be a thousand or a thousandth: give decimal='.' or ','"
    ]
    for decimal, value in ((".", 1.234), (",", 1234)):
        column = read_numbers(pd.Series(["1.234"], index=[1]), "score", Problems("m"), decimal=decimal)
        assert column.values[0] == value


def test_known_marks_of_a_missing_value_and_those_given():
    marks = missing_marks(["-99", 7])
    for cell in (
        "NA",
        "n/a",
        "-",
        "\u2013",
        "..",
        ":",
        "[c]",
        "[x]",
        "SUPP",
        "",
        " ",
        None,
        np.nan,
        pd.NA,
        pd.NaT,
        "-99",
        "7",
    ):
        assert is_missing(cell, marks), cell
    for cell in ("0", "x", 0, "-1", "no", False):
        assert not is_missing(cell, marks), cell


def test_problems_are_grouped_by_column_and_kind():
    problems = Problems("m.csv")
    cells = pd.Series(["1", *["Acute"] * 1263, "inf", "(5)"], index=range(1, 1267))
    read_numbers(cells, "region", problems)
    assert problems.sentences() == [
        "m.csv, column 'region': holds text in 1,263 rows, first row 2: 'Acute'; expected a number",
        "m.csv, row 1265, column 'region': found 'inf', expected a finite number",
        "m.csv, row 1266, column 'region': found '(5)', expected a number",
    ]
    with pytest.raises(DataError, match=r"m\.csv: 3 problems\n- m\.csv, column"):
        problems.check()


def test_a_long_list_of_problems_is_cut_at_20():
    problems = Problems("m.csv")
    for i in range(25):
        problems.say(f"m.csv: fault {i}")
    with pytest.raises(DataError, match="fault 19\nand 5 more"):
        problems.check()


def test_typed_and_mixed_columns_are_read_alike():
    for cells in ([1.5, np.nan, 3], ["1.5", "", "3"], [1.5, None, "3"], ["1.5", "..", 3]):
        column = read_numbers(pd.Series(cells, index=[1, 2, 3]), "x", Problems("m"))
        np.testing.assert_array_equal(column.values, [1.5, np.nan, 3])
        assert column.missing.tolist() == [False, True, False]
    assert smallest_half_width(pd.Series(["75", "75.25", "-"])) == pytest.approx(0.005)


def test_names_are_unified_and_what_is_none_is_told():
    assert read_label(" St\u00a0 Ives ") == "St Ives" and read_label(12) == "12"
    assert read_label("E\u0301vry") == "\u00c9vry"
    for cell in (1.5, True, [1], pd.Timestamp(0), "a\0b", "\ud800"):
        assert read_label(cell) is None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.text(max_size=12),
        st.text("0123456789.,'-+%£()[]<*eE \u2212", max_size=12),
        st.floats(),
        st.integers(),
    ),
    st.sampled_from(".,"),
)
def test_whatever_cell_comes_is_a_number_or_none(cell, decimal):
    number = read_number(cell, decimal)
    assert number is None or (not math.isnan(number.value) and number.half_width >= 0)
    assert isinstance(cell_text(cell), str) and isinstance(is_missing(cell), bool)
    decimal_of(str(cell))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(".,"))
def test_what_python_writes_is_read_back(value, decimal):
    assert read_number(repr(value).replace(".", decimal), decimal).value == value


def test_a_cell_as_text_is_what_a_person_sees():
    assert [cell_text(cell) for cell in (None, 3.0, 0.25, " a ", True)] == ["", "3", "0.25", "a", "True"]


def test_a_number_in_print_with_nothing_beside_it_has_its_rounding():
    number = plain_decimal("-.0004")
    assert (number.value, number.low, number.high, number.decimals) == (
        -0.0004,
        pytest.approx(-0.00045),
        pytest.approx(-0.00035),
        4,
    )
    assert [plain_number(text) for text in ("-.25", "1e-3", "1,234")] == [-0.25, None, None]
    assert plain_number("1e-3", exponent=True) == 0.001


def test_a_printed_cell_is_taken_apart():
    assert take_apart("-3.6*** (1.4)") == ("-3.6", "***", "(", "1.4")
    assert take_apart("[.3, .9]") == ("", "", "[", ".3, .9")


@pytest.mark.parametrize(
    ("text", "decimal", "ends"),
    [
        (".3,.9", ".", (".3", ".9")), ("1,234", ".", None), ("0,16", ",", None), ("0,1 - 0,6", ",", ("0,1", "0,6")),
        (".24 1.66", ".", (".24", "1.66")), ("[-5.4 1.0%]", ".", ("-5.4%", "1.0%")), ("0,24 1,66", ",", ("0,24", "1,66")),
        ("-4.1, -0.5", ".", ("-4.1", "-0.5")), ("-4.1 -0.5", ".", None), ("0.2 - 0.5", ".", ("0.2", "0.5")),
        ("1 234", ".", None), ("1 234.5", ".", None), ("1.234 567", ",", None),
    ],
)  # fmt: skip
def test_two_numbers_are_the_ends_of_an_interval(text, decimal, ends):
    assert pair(text, decimal) == ends


def test_a_number_is_written_with_a_point():
    assert (with_point("-1.234,5", ","), with_point("1,234", ".")) == ("-1234.5", "1234")


def test_names_of_a_column_are_read_or_told():
    problems = Problems("m.csv")
    names, missing = read_labels(pd.Series(["Leeds ", 7, 1.5], index=[1, 2, 3]), "area", problems)
    assert (names, missing.tolist()) == (["Leeds", "7", ""], [False] * 3)
    assert problems.sentences() == ["m.csv, row 3, column 'area': found '1.5', expected a name"]
