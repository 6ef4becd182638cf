"""The page on robustness and its figures."""

import numpy as np
import pandas as pd
import pytest

import bayes_targets as bt
from bayes_targets.plots import save_bytes
from bayes_targets.studies.andrews2014_sensitivity import sensitivity_result


def specifications(n=40, shift=0.5):
    rng = np.random.default_rng(1)
    mean, sd = rng.normal(shift, 0.4, n), rng.uniform(0.3, 0.8, n)
    table = pd.DataFrame(
        {
            "dataset": "0",
            "pooling": np.tile(["partial", "none"], n // 2),
            "slopes": "common",
            "noise": np.repeat(["normal", "student_t"], n // 2),
            "prior": "flat",
            "controls": "all",
            "authorities": "all",
            "mean": mean,
            "sd": sd,
            "low": mean - 2 * sd,
            "high": mean + 2 * sd,
            "prob_positive": np.clip(0.5 + mean / 2, 0.01, 0.999),
            "engine": "exact",
            "k_hat": np.nan,
            "passed": [*([True] * (n - 1)), False],
        }
    )
    table.attrs = {"interval": "eti", "prob": 0.95, "origin": "reconstructed"}
    return table


def universe(shift):
    from bayes_targets.sensitivity.specifications import (
        Multiverse,
        influence_of_choices,
        summarise_specifications,
    )

    table = specifications(shift=shift)
    return Multiverse(table, summarise_specifications(table), influence_of_choices(table))


@pytest.fixture(scope="module")
def study():
    return bt.load_study("andrews2014")


def test_the_table_tells_what_would_have_to_be_so(study):
    universes = {"target": universe(0.5), "stretch": universe(0.6)}
    found = sensitivity_result(study, universes, sd_change=pd.Series([4.3]), tipping={"stretch": "w = 0.6"})
    table = found.tables["robustness"].frame
    assert table.columns.tolist() == ["Having a target", "A point of stretch"]
    assert table.loc["Printed slope (standard error)"].tolist() == ["0.952 (0.659)", "0.651 (0.090)"]
    limits = table.loc["Sceptical limit (one-sided 95%)"]
    assert limits.iloc[0].startswith("No sceptic needed") and "beyond 0.035" in limits.iloc[1]
    robust = table.loc["Robustness value: what an omitted cause must explain of both"]
    assert robust.tolist() == ["12% (to lose significance: 0%)", "48% (to lose significance: 38%)"]
    assert table.loc["Tipping point: targets set after the fact", "A point of stretch"] == "w = 0.6"
    numbers = table.attrs["numbers"]["stretch"]
    assert numbers["specifications"] == 40 and numbers["passed"] == 39
    assert numbers["fail_safe_n"] == pytest.approx((0.651 / 0.09 / 1.6449) ** 2 - 1, rel=1e-3)


def test_the_page_has_its_tables_and_figures(study):
    found = sensitivity_result(
        study, {"target": universe(0.5), "stretch": universe(0.6)}, sd_change=pd.Series([4.3]), tipping={}
    )
    assert {
        "robustness",
        "prior_grid",
        "influence",
        "design",
        "specifications_target",
        "specifications_stretch",
    } == set(found.tables)
    assert set(found.pictures) == {"prior_curve", "specifications_target", "specifications_stretch", "design"}
    assert any("412 authorities" in point for point in found.points)
    for table in found.tables.values():
        assert table.to_csv().endswith(b"\n")


def test_the_curve_draws_every_specification_that_passed():
    figure = bt.plot_specifications(specifications())
    curve, below = figure.axes
    assert len(curve.lines[0].get_xdata()) == 39
    drawn = sum(len(lines.get_segments()) for lines in curve.collections)
    assert drawn == 39
    assert np.all(np.diff(curve.lines[0].get_ydata()) >= 0)
    labels = [label.get_text() for label in below.get_yticklabels()]
    assert sorted(labels) == sorted(
        ["pooling: partly pooled", "pooling: none", "noise: normal noise", "noise: Student-t noise"]
    )
    assert "1 without a sound posterior left out" in figure.texts[-1].get_text().replace("\n", " ")
    assert "NOT OBSERVED" in figure.get_suptitle()
    assert save_bytes(figure, "svg") == save_bytes(figure, "svg")


def test_the_sceptic_is_marked_where_the_curve_crosses():
    found = bt.reverse_bayes(0.651, 0.09, tails=1)
    figure = bt.plot_prior_curve({"a": bt.prior_curve(0.952, 0.659), "b": bt.prior_curve(0.651, 0.09)})
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["95%: convincing", "never convincing:\nat most 93%"]
    assert figure.get_suptitle() == "a never convinces; b does"
    mark = next(line for line in right.lines if line.get_label() == "sceptic")
    assert mark.get_xdata()[0] == pytest.approx(found.sceptical_sd, rel=0.02)


def test_the_design_draws_a_line_an_effect():
    table = bt.design_analysis([0.5, 1.0], [50, 100, 200], sigma=4.0)
    left, right = bt.plot_design(table, mark=150).axes
    assert left.lines[1].get_ydata().tolist() == table.query("effect == 1")["convincing"].tolist()
    assert right.lines[0].get_ydata().tolist() == table.query("effect == 0.5")["type_m"].tolist()
    dots = bt.plot_design(table.assign(simulated_convincing=0.5, simulated_type_m=1.1))
    assert any(line.get_marker() == "o" for line in dots.axes[0].lines)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bt.plot_specifications(specifications().drop(columns="low")), "column 'low' is missing"),
        (lambda: bt.plot_specifications(specifications().assign(passed=False)), "none passed its checks"),
        (lambda: bt.plot_specifications(specifications(), choices=["poling"]), "did you mean 'pooling'"),
        (lambda: bt.plot_prior_curve({}), "expected 1 to 3"),
        (lambda: bt.plot_prior_curve(pd.DataFrame({"prior_sd": [1.0]})), "expected rows with columns"),
        (lambda: bt.plot_prior_curve(bt.prior_curve(1.0, 1.0), prob=0.3), "prob is 0.3"),
        (lambda: bt.plot_design(pd.DataFrame({"effect": [1.0]})), "column 'n_authorities' is missing"),
        (lambda: bt.plot_design(bt.design_analysis([1.0, 2, 3, 4, 5], [50], sigma=4.0)), "found 5 effects"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_told(call, message):
    with pytest.raises(bt.DataError, match=message):
        call()
