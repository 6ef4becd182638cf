"""The words of errors."""

from bayes_targets.errors import cell_message, did_you_mean


def test_a_message_names_place_value_and_expectation():
    message = cell_message(file="a.csv", row=2, column="x", value="y", expected="a number")
    assert message == "a.csv, row 2, column 'x': found 'y', expected a number"


def test_what_is_not_known_is_left_out():
    assert cell_message(file="a.csv", expected="rows") == "a.csv: expected rows"


def test_the_nearest_name_is_suggested_or_all_are_told():
    assert did_you_mean("adit", ["audit", "claims"]) == "did you mean 'audit'?"
    assert did_you_mean("x", ["audit", "claims"]) == "known: 'audit', 'claims'"
