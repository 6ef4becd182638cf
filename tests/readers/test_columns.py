"""Which column of a user's table holds what, which rows are units, and in what words."""

import pytest

import bayes_targets as bt
from bayes_targets.readers.cells import Problems
from bayes_targets.readers.columns import as_names, common_words, locate_columns, own_words, plain_word
from bayes_targets.readers.units import one_spelling, says_total


def test_a_column_of_ours_that_is_misspelt_is_told():
    problems = Problems("m.csv")
    columns = ["authority", "kind", "change"]
    locate_columns(columns, columns={"kind": "authority_typ"}, controls=[], further=[], problems=problems)
    assert problems.sentences()[0] == (
        "m.csv, columns: 'authority_typ' is not a column of ours; did you mean 'authority_type'?"
    )


def test_an_argument_that_lists_names_is_a_list():
    assert as_names(["population"], "controls") == ("population",) and as_names(None, "controls") == ()
    for wrong in ("population", b"x", 3, ["a", 1]):
        with pytest.raises(bt.DataError, match=r"controls: found .*, expected a list of names"):
            as_names(wrong, "controls")


def test_the_users_words_win_over_those_of_the_file_and_of_the_columns():
    assert own_words({"unit": "school", "outcome": "pass rate"}, {"type": "region", "unit": "ward"}) == {
        "type_word": "region",
        "unit_word": "school",
        "outcome_words": "pass rate",
    }


@pytest.mark.parametrize(
    ("column", "word"),
    [("Region", "region"), ("lad21cd", "unit"), ("Trust name", "trust"), ("NHS", "NHS"), (None, "unit")],
)
def test_a_columns_name_is_a_word_unless_it_is_a_code(column, word):
    assert plain_word(column, "unit") == word


def test_two_scores_are_called_by_the_words_that_they_share():
    assert common_words("score_2006", "score_2008") == "score"
    assert common_words("baseline", "outcome") == common_words("score", None) == ""


def test_a_name_says_that_its_row_is_a_total():
    names = ("Council total", "England", "All Saints", "National targets")
    assert [says_total(name) for name in names] == [True, True, False, False]


def test_spellings_of_one_type_become_the_commonest_and_are_said():
    notes: list[str] = []
    assert one_spelling(["Acute", "Acute [r]", "acute", "Acute"], notes, "type") == ["Acute"] * 4
    assert notes == ["In column 'type', 'Acute [r]' and 'acute' were read as 'Acute'."]
