"""Printed numbers and the intervals of values that print the same."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_targets.errors import DataError
from bayes_targets.printed.intervals import box, quotient
from bayes_targets.readers.cells import plain_decimal


@given(st.floats(-1e6, 1e6), st.integers(0, 6))
def test_the_true_value_lies_in_the_rounding_interval(value, decimals):
    printed = plain_decimal(f"{value:.{decimals}f}")
    slack = 1e-9 * max(1.0, abs(value))
    assert printed.low - slack <= value <= printed.high + slack
    assert printed.high - printed.low == pytest.approx(10.0**-decimals, abs=slack)


def test_leading_zero_may_be_missing_and_trailing_zeros_count():
    assert plain_decimal("-.0004").value == -0.0004
    assert plain_decimal(".50").half_width == pytest.approx(0.005)
    assert plain_decimal("35").half_width == 0.5


@pytest.mark.parametrize("text", ["", "1,000", "1e3", "nan", "−1", " 1", "1.2.3", "."])
def test_anything_but_a_plain_decimal_is_refused(text):
    with pytest.raises(DataError, match="expected a plain decimal number"):
        plain_decimal(text)


@given(st.integers(-900, 900), st.integers(1, 900), st.floats(-0.49, 0.49), st.floats(-0.49, 0.49))
def test_every_ratio_that_rounds_to_the_print_is_inside(top, bottom, a, b):
    low, high = quotient(*(box(plain_decimal(f"{x / 100:.2f}")) for x in (top, bottom)))
    ratio = (top / 100 + a / 100) / (bottom / 100 + b / 100)
    assert low - 1e-9 <= ratio <= high + 1e-9


def test_a_denominator_that_may_be_zero_gives_an_open_interval():
    low, high = quotient(box(plain_decimal(".1")), box(plain_decimal(".0")))
    assert low == pytest.approx(1.0) and high == math.inf
