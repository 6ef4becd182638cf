"""What headings, printed numbers and names of columns mean, piece by piece."""

import math

import pytest

from bayes_targets.readers.arms import arm_columns
from bayes_targets.readers.headings import Heading, read_heading, told_apart
from bayes_targets.readers.page_text import read_page_text
from bayes_targets.readers.uncertainty import critical, figure, p_figure


def test_headings_of_programs_and_journals_are_known():
    assert read_heading("Std. Error").quantity == "se"
    assert read_heading("97.5 %") == Heading("97.5 %", "high", None, 0.95)
    assert read_heading("OR (90% CI)") == Heading("OR (90% CI)", "odds ratio", "interval", 0.9)


def test_headings_that_several_models_have_are_told_apart():
    one = ["", "Model 1", "SE", "Model 2", "SE"]
    assert told_apart(one) == ["", "Model 1", "Model 1 SE", "Model 2", "Model 2 SE"]
    assert told_apart(["term", "b", "SE", "b", "SE"])[3:] == ["(2) b", "(2) SE"]


def test_a_printed_number_has_the_interval_of_its_rounding():
    assert figure("-.0004").value == -0.0004 and figure("41")[1:] == (40.5, 41.5) and figure("n.a.") is None
    for text, high in (("<.001", 0.001), (".000", 0.0005)):
        p = p_figure(text)
        assert (math.isnan(p.value), p.low, p.high) == (True, 0.0, high)


def test_a_p_value_belongs_to_one_size_of_t():
    assert (critical(0.05), critical(0.05, df=5)) == (
        pytest.approx(1.96, abs=5e-4),
        pytest.approx(2.571, abs=5e-4),
    )


def test_columns_by_arm_are_known_by_their_names():
    names = ["study", "control_n", "control_cases", "vaccinated_n", "vaccinated_cases"]
    assert arm_columns(names)["vaccinated_cases"] == "events_treated"


def test_a_markdown_table_has_its_cells():
    assert read_page_text("| | (1) |\n|---|---|\n| mpg | -1.2* |\n| | (0.5) |\n").rows == [
        ["", "(1)"],
        ["mpg", "-1.2*"],
        ["", "(0.5)"],
    ]
