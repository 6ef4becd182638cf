"""The words of errors."""

from fractions import Fraction

import numpy as np
import pytest

import bayes_targets as bt
from bayes_targets.errors import (
    cell_message,
    counted,
    did_you_mean,
    option,
    option_words,
    options_as_flags,
    quoted,
    require_choice,
    require_count,
    require_number,
    require_texts,
    shown,
    was,
)


def test_a_message_names_place_value_and_expectation():
    message = cell_message(file="a.csv", row=2, column="x", value="y", expected="a number")
    assert message == "a.csv, row 2, column 'x': found 'y', expected a number"


def test_what_is_not_known_is_left_out():
    assert cell_message(file="a.csv", expected="rows") == "a.csv: expected rows"


def test_the_nearest_name_is_suggested_or_all_are_told():
    assert did_you_mean("adit", ["audit", "claims"]) == "did you mean 'audit'?"
    assert did_you_mean("x", ["audit", "claims"]) == "known: 'audit', 'claims'"


@pytest.mark.parametrize(
    "value", [3, 3.0, np.int64(3), np.int8(3), np.uint16(3), np.float32(3), np.float64(3), Fraction(3)]
)
def test_numbers_of_every_kind_are_numbers(value):
    found = require_number("df", value, above=2)
    assert (found, type(found)) == (3.0, float)
    assert bt.Normal(value, value) == bt.Normal(3, 3)


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.True_,
        "3",
        None,
        3 + 0j,
        float("nan"),
        np.float32("inf"),
        10**400,
        [3],
        np.array([3.0]),
    ],
)
def test_nothing_else_is_a_number(value):
    with pytest.raises(bt.DataError, match=r"df is .*, expected a number above 2"):
        require_number("df", value, above=2)
    with pytest.raises(bt.DataError):
        bt.Normal(value, 1)


@pytest.mark.parametrize("value", [7, np.int64(7), np.uint8(7)])
def test_whole_numbers_of_every_width_count(value):
    assert (require_count("n", value), type(require_count("n", value))) == (7, int)


@pytest.mark.parametrize("value", [True, 7.0, np.float64(7), "7", None, 0, -1])
def test_nothing_else_counts(value):
    with pytest.raises(bt.DataError, match=r"n is .*, expected a whole number of 1 or more"):
        require_count("n", value)


def test_a_number_too_long_to_be_written_is_told_all_the_same():
    with pytest.raises(bt.DataError, match="df is a value of type int, expected a finite number"):
        require_number("df", 10**5000)


@pytest.mark.parametrize(
    ("table", "in_python", "as_flags"),
    [
        ("term,estimate\nTarget,.42 (.1)\n", "give brackets='se', 't' or 'p'", "give --brackets se, t or p"),
        (
            "term,estimate\nTarget,.42**\n",
            "stars='*:.05 **:.01' and tails=2",
            "--stars '*:.05 **:.01' and --tails 2",
        ),
        (
            'term,estimate,se\nTarget,"1,234","1,111"\n',
            "say which (decimal='.' or ',')",
            "say which (--decimal . or ,)",
        ),
        ("term,OR,se\nTarget,1.4,.2\n", "or ratio='none' for slopes", "or --ratio none for slopes"),
        ("term,a\nTarget,x\n", "columns={'COLUMN': 'estimate'} says", "--columns COLUMN=estimate says"),
        ("term,b,coef,se\nx,1,2,3\n", "(columns={'b': 'estimate'})", "(--columns b=estimate)"),
    ],
)
def test_what_is_asked_for_is_spelled_as_its_caller_gives_it(table, in_python, as_flags):
    with pytest.raises(bt.DataError) as from_python:
        bt.read_estimates(table)
    with options_as_flags(), pytest.raises(bt.DataError) as from_the_command_line:
        bt.read_estimates(table)
    assert in_python in str(from_python.value)
    assert as_flags in str(from_the_command_line.value)


def test_options_are_written_as_whoever_gives_them_writes_them():
    assert option("brackets", "se", "t", "p") == "brackets='se', 't' or 'p'"
    assert option("columns", {"coef": "estimate"}) == "columns={'coef': 'estimate'}"
    assert option("columns") == "columns="
    assert option_words("n", 4) == ["--n", "4"]
    with options_as_flags():
        assert option("brackets", "se", "t", "p") == "--brackets se, t or p"
        assert option("columns", {"my coef": "estimate"}) == "--columns 'my coef=estimate'"
        assert option("columns") == "--columns"


def test_lists_and_numbers_of_things_are_worded_in_one_way():
    assert quoted(["a", "b"]) == quoted(["a", "b"], 2) == "'a', 'b'" and quoted("abc", 2) == "'a', 'b', ..."
    assert (counted(1, "row"), was(1)) == ("1 row", "was")
    assert (counted(1263, "row"), was(1263)) == ("1,263 rows", "were")


def test_options_of_words_and_long_values_are_checked_and_shown():
    assert require_choice("pooling", "none", ["none", "partial"]) == "none"
    with pytest.raises(bt.DataError, match=r"pooling is 'nome', did you mean 'none'\?"):
        require_choice("pooling", "nome", ["none", "partial"])
    with pytest.raises(bt.DataError, match="pooling is 3, expected one of 'none', 'partial'"):
        require_choice("pooling", 3, ["none", "partial"])
    assert require_texts("moderators", "size") == ("size",)
    assert require_texts("moderators", ["size", "year"]) == ("size", "year")
    assert (shown(2.5), len(shown("x" * 1000))) == ("2.5", 80)
