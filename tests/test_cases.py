"""What tests have typed is what stands in the files, where those are."""

import pytest

from bayes_targets.readers.table import read_table
from cases import CASES, TYPED, besides, case


@besides("cases")
@pytest.mark.parametrize("name", TYPED)
def test_typed_rows_are_those_of_the_file(name):
    assert case(name).read_text("utf-8") == (CASES / name).read_text("utf-8")


@pytest.mark.parametrize("name", TYPED)
def test_typed_rows_are_a_table(name):
    assert len(read_table(case(name)).cells) >= 2
