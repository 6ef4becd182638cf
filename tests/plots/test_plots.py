"""Figures: what is drawn, what is said, and what is refused; asserted on the artists, not on pixels."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import matplotlib.text
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from bayes_targets.errors import DataError
from bayes_targets.plots import (
    plot_audit,
    plot_forest,
    plot_prior_posterior,
    plot_ranks,
    plot_shares,
    plot_shrinkage,
    save_bytes,
)
from bayes_targets.plots.audit import count_verdicts, merge_consistent
from bayes_targets.plots.forest import scale_blocks
from bayes_targets.plots.priors import density

HOSTILE = ["<script>$x$ & 50%_", r"\frac{1}{2} $$ ^_{}", "two\nlines\x00 and $one$ bell\x07", "long " * 40]
TERMS = ["stretch", "metropolitan", "London", "county"]


def comparison(terms: list[str] = TERMS, *, rope: object = (-0.5, 0.5)) -> pd.DataFrame:
    """OLS estimates of 0.65, -1.8, ... within 1.2 either way, and a posterior a little nearer to 0."""
    ols = np.resize([0.65, -1.80, -1.39, -1.14], len(terms))
    table = pd.DataFrame(
        {
            "ols_estimate": ols,
            "ols_low": ols - 1.2,
            "ols_high": ols + 1.2,
            "mean": 0.9 * ols,
            "low": 0.9 * ols - 1.1,
            "high": 0.9 * ols + 1.1,
            "prob_positive": np.where(ols > 0, 0.9996, 0.06),
        },
        index=pd.Index(terms, name="term"),
    )
    table.attrs = {"interval": "eti", "prob": 0.95, "rope": rope}
    return table


AREAS = {"Education": (35, 10), "Environment & housing": (26, 17), "Transport": (14, 3), "Fire": (3, 1)}


def shares() -> pd.DataFrame:
    """Green targets by policy area (ODPM 2005, chapter 8, Table 3), with made-up intervals."""
    table = pd.DataFrame(
        {"n": [n for n, _ in AREAS.values()], "ols_estimate": [green / n for n, green in AREAS.values()]},
        index=pd.Index(list(AREAS), name="area"),
    )
    table["ols_low"], table["ols_high"] = table["ols_estimate"] / 2, (1 + table["ols_estimate"]) / 2
    table["mean"] = (table["ols_estimate"] * table["n"] + 4) / (table["n"] + 10)
    table["low"], table["high"] = table["mean"] / 2, (1 + table["mean"]) / 2
    table.attrs = {"interval": "hdi", "prob": 0.9, "overall": 63 / 155}
    return table


def tree(n_terms: int = 2, *, prior: bool = True, origin: str | None = None) -> xr.DataTree:
    rng = np.random.default_rng(7)
    coords = {"term": [f"term {i}" for i in range(n_terms)]}

    def group(sd: float) -> xr.Dataset:
        draws = {
            "mu": (("chain", "draw"), rng.normal(0, sd, (2, 200))),
            "tau": (("chain", "draw"), np.abs(rng.normal(0, sd, (2, 200)))),
            "effect": (("chain", "draw", "term"), rng.normal(0, sd, (2, 200, n_terms))),
        }
        return xr.Dataset(draws, coords=coords)

    groups = {"posterior": group(1.0)} | ({"prior": group(5.0)} if prior else {})
    made = xr.DataTree.from_dict(groups)
    if origin is not None:
        made.attrs["origin"] = origin
    return made


def audit_frame() -> pd.DataFrame:
    rows = [
        ("stars", "Table 2, Model 3, age", "consistent"),
        ("stars", "Table 2, Model 3, London", "inconsistent"),
        ("stars", "Table 2, Model 3, metropolitan", "inconsistent"),
        ("R2 between 0 and 1", "Table 2, Model 1", "consistent"),
        ("F against R2", "Table 2, last rows", "only if F is not robust"),
        ("star of F", "Table 2, last rows", "consistent"),
        ("totals", "section 8, Table 1, all", "consistent"),
        ("response rate", "section 4, survey", "consistent"),
    ]
    return pd.DataFrame(rows, columns=["check", "locator", "verdict"])


def ranks(areas: list[str] | None = None) -> pd.DataFrame:
    areas = areas or ["worst", "best"]
    values = np.eye(len(areas))[::-1] * 0.9 + 0.1 / len(areas)
    return pd.DataFrame(values, index=areas, columns=range(1, len(areas) + 1))


@functools.cache
def every_figure(origin: str | None = None) -> dict[str, Figure]:
    """One figure of each kind; the tests only look at them."""
    return make_every_figure(origin)


def make_every_figure(origin: str | None = None) -> dict[str, Figure]:
    s = shares()
    return {
        "forest": plot_forest(comparison(), origin=origin),
        "forest of two models": plot_forest(
            {"Model 1": comparison(), "Model 2": comparison()}, origin=origin
        ),
        "shrinkage": plot_shrinkage(s["ols_estimate"], s, average=0.4, origin=origin),
        "prior and posterior": plot_prior_posterior(tree(), origin=origin),
        "shares": plot_shares(s, origin=origin),
        "ranks": plot_ranks(ranks(), origin=origin),
        "audit": plot_audit(audit_frame(), origin=origin),
    }


def row_labels(figure: Figure, axes: int = 0) -> list[str]:
    return [label.get_text() for label in figure.axes[axes].get_yticklabels()]


def flat(label: str) -> str:
    """A label in one line."""
    return label.replace("\n", " ")


def beside(figure: Figure, axes: int = 0) -> list[str]:
    """The texts to the right of the rows."""
    texts = figure.axes[axes].texts
    return [text.get_text() for text in texts if text.xy[0] == 1 and text.xycoords != "axes fraction"]


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def marks(figure: Figure, name: str) -> dict[float, bool]:
    """Positions of the marks of one kind on the first axes, and whether each is filled."""
    found = {}
    for line in figure.axes[0].lines:
        if line.get_label() == name:
            filled = matplotlib.colors.to_hex(line.get_markerfacecolor()) != "#ffffff"
            found.update({float(x): filled for x in np.asarray(line.get_xdata())})
    return found


def line_at(figure: Figure, name: str) -> float:
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == name]
    return float(np.asarray(line.get_xdata())[0])


def drawn_texts(figure: Figure) -> list[matplotlib.text.Text]:
    figure.draw_without_rendering()
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    beyond = {
        id(label)
        for axis in axes
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        for label in (tick.label1, tick.label2)
    }
    texts = figure.findobj(lambda artist: isinstance(artist, matplotlib.text.Text) and artist.get_visible())
    return [text for text in texts if text.get_text().strip() and id(text) not in beyond]


# The forest


def test_forest_draws_ols_and_posterior_of_every_term_at_their_values() -> None:
    table = comparison()
    figure = plot_forest(table)
    assert sorted(marks(figure, "OLS")) == pytest.approx(sorted(table["ols_estimate"]))
    assert sorted(marks(figure, "posterior")) == pytest.approx(sorted(table["mean"]))
    assert row_labels(figure) == TERMS


def test_forest_intervals_end_where_the_table_says() -> None:
    table = comparison()
    (lines,) = [c for c in plot_forest(table).axes[0].collections if c.get_label() == "posterior interval"]
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    np.testing.assert_allclose(ends, table[["low", "high"]].to_numpy())


def test_ols_and_posterior_differ_in_marker_and_line_style_not_only_in_colour() -> None:
    figure = plot_forest(comparison())
    ols, posterior = figure.legends[0].legend_handles[:2]
    assert ols.get_marker() != posterior.get_marker()
    assert ols.get_linestyle() != posterior.get_linestyle()


def test_forest_marks_zero_and_the_rope_where_they_are() -> None:
    figure = plot_forest(comparison(rope=(-0.5, 0.25)))
    assert line_at(figure, "zero line") == 0
    (band,) = [patch for patch in figure.axes[0].patches if patch.get_label() == "rope"]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-0.5, 0.25))
    assert any("−0.5 to 0.25" in text for text in legend_texts(figure))


def test_a_rope_that_differs_by_term_is_a_band_in_the_rows_that_have_one() -> None:
    figure = plot_forest(comparison(rope={"stretch": (-0.1, 0.1), "county": (-0.5, 0.5)}))
    bands = [patch for bars in figure.axes[0].containers for patch in bars if bars.get_label() == "rope"]
    rows = {round(band.get_y() + 0.5): (band.get_x(), band.get_x() + band.get_width()) for band in bands}
    assert rows == {0: pytest.approx((-0.1, 0.1)), 3: pytest.approx((-0.5, 0.5))}
    assert any("differs by term" in text for text in legend_texts(figure))


def test_forest_without_rope_has_no_band() -> None:
    figure = plot_forest(comparison(rope=None))
    assert not [patch for patch in figure.axes[0].patches if patch.get_label() == "rope"]
    assert not any("equivalent" in text for text in legend_texts(figure))


@pytest.mark.parametrize(("kind", "words"), [("eti", "equal-tailed"), ("hdi", "highest-density")])
def test_legend_names_kind_and_probability_of_the_intervals(kind: str, words: str) -> None:
    table = comparison()
    table.attrs |= {"interval": kind, "prob": 0.89, "ols_prob": 0.95}
    texts = legend_texts(plot_forest(table))
    assert f"posterior mean, 89% {words} interval" in texts
    assert "OLS, 95% confidence interval" in texts


def test_probabilities_stand_at_the_right_and_never_claim_certainty() -> None:
    figure = plot_forest(comparison())
    assert beside(figure) == ["> 99%", "6%", "6%", "6%"]
    assert any(text.get_text() == "P(>0)" for text in figure.axes[0].texts)


def test_sample_sizes_stand_beside_labels_and_small_ones_are_hollow_with_a_dagger() -> None:
    table = comparison()
    table["n"] = [1200, 5, 4, 3]
    figure = plot_forest(table)
    assert row_labels(figure) == [
        "stretch (n = 1,200)",
        "metropolitan (n = 5)",
        "London (n = 4) †",
        "county (n = 3) †",
    ]
    filled = marks(figure, "posterior")
    assert [filled[x] for x in table["mean"]] == [True, True, False, False]
    assert any(text.startswith("† fewer than 5") for text in legend_texts(figure))


def test_no_dagger_note_where_every_sample_is_large() -> None:
    table = comparison()
    table["n"] = 50
    assert not any("†" in text for text in legend_texts(plot_forest(table)))


def test_terms_are_selected_in_the_order_asked_for() -> None:
    assert row_labels(plot_forest(comparison(), terms=["county", "stretch"])) == ["county", "stretch"]


def test_unknown_term_is_met_with_the_nearest_one() -> None:
    with pytest.raises(DataError, match="no term 'metropolitn'; did you mean 'metropolitan'"):
        plot_forest(comparison(), terms=["metropolitn"])


def test_a_term_without_ols_has_a_posterior_mark_only() -> None:
    table = comparison()
    table.loc["county", ["ols_estimate", "ols_low", "ols_high"]] = np.nan
    figure = plot_forest(table)
    assert len(marks(figure, "OLS")) == 3
    assert len(marks(figure, "posterior")) == 4


def test_tables_below_one_another_share_the_axis_and_leave_absent_terms_out() -> None:
    figure = plot_forest({"Model 1": comparison(TERMS[1:]), "Model 2": comparison()})
    first, second = figure.axes
    assert [ax.get_title(loc="left") for ax in (first, second)] == ["Model 1", "Model 2"]
    assert first.get_xlim() == second.get_xlim()
    assert first.get_position().y0 > second.get_position().y1
    assert row_labels(figure) == TERMS[1:]
    assert sorted(row_labels(figure, 1)) == sorted(TERMS)
    assert len(marks(figure, "posterior")) == 3


def test_tables_of_different_intervals_are_not_drawn_in_one_figure() -> None:
    other = comparison()
    other.attrs["prob"] = 0.5
    with pytest.raises(DataError, match="'prob'"):
        plot_forest({"a": comparison(), "b": other})


def test_terms_of_very_different_scale_get_their_own_axis() -> None:
    table = comparison()
    columns = ["ols_estimate", "ols_low", "ols_high", "mean", "low", "high"]
    table.loc["metropolitan", columns] *= 100
    figure = plot_forest(table)
    blocks = [ax for ax in figure.axes if ax.get_yticklabels()[0].get_text() in TERMS]
    assert [[label.get_text() for label in ax.get_yticklabels()] for ax in blocks] == [
        ["stretch", "London", "county"],
        ["metropolitan"],
    ]
    assert "own scale" in blocks[-1].get_xlabel()
    assert all(any(line.get_label() == "zero line" for line in ax.lines) for ax in blocks)


def test_scale_blocks_keep_all_terms_once_and_like_scales_together() -> None:
    reach = pd.Series({"a": 1.0, "b": 500.0, "c": 0.0, "d": 19.0, "e": 0.001})
    blocks = scale_blocks(reach)
    assert sorted(term for block in blocks for term in block) == list("abcde")
    assert ["a", "d"] in blocks
    assert ["b"] in blocks


# Shrinkage and shares


def test_shrinkage_orders_by_pooled_mean_and_joins_raw_to_pooled() -> None:
    table = shares()
    figure = plot_shrinkage(table["ols_estimate"], table, average=0.4)
    assert [flat(label).split(" (")[0] for label in row_labels(figure)] == list(
        table["mean"].sort_values(ascending=False).index
    )
    assert sorted(marks(figure, "raw")) == pytest.approx(sorted(table["ols_estimate"]))
    assert sorted(marks(figure, "partial pooling")) == pytest.approx(sorted(table["mean"]))
    ends = {(a.xyann[0], a.xy[0]) for a in figure.axes[0].texts if not a.get_text()}
    assert ends <= set(zip(table["ols_estimate"], table["mean"], strict=True))
    assert len(ends) >= 3
    assert line_at(figure, "average") == 0.4


def test_shrinkage_in_per_cent_says_so_on_the_axis_and_in_the_legend() -> None:
    table = shares()
    figure = plot_shrinkage(table["ols_estimate"], table, average=63 / 155, percent_axis=True)
    assert line_at(figure, "average") == pytest.approx(100 * 63 / 155)
    assert any(text.get_text() == "average: 41%" for text in figure.axes[0].texts)
    assert figure.axes[0].xaxis.get_major_formatter()(40, 0) == "40%"


def test_shrinkage_shows_several_poolings_with_different_markers() -> None:
    table = shares()
    figure = plot_shrinkage(table["ols_estimate"], {"partial pooling": table, "complete pooling": table})
    _, partial, complete, *_ = figure.legends[0].legend_handles
    assert partial.get_marker() != complete.get_marker()
    assert "partial pooling, 90% highest-density interval" in legend_texts(figure)
    assert "complete pooling" in legend_texts(figure)


def test_shrinkage_refuses_labels_that_do_not_match() -> None:
    table = shares()
    with pytest.raises(DataError, match="partial pooling: no row 'Fires'; did you mean 'Fire'"):
        plot_shrinkage(table["ols_estimate"].rename({"Fire": "Fires"}), table)


def test_shares_draw_counted_and_pooled_per_cent_with_sizes_and_the_overall_line() -> None:
    table = shares()
    figure = plot_shares(table, title="Share on course")
    assert sorted(marks(figure, "raw")) == pytest.approx(sorted(100 * table["ols_estimate"]))
    assert not any(marks(figure, "raw").values())
    assert sorted(marks(figure, "pooled")) == pytest.approx(sorted(100 * table["mean"]))
    assert row_labels(figure)[-1] == "Fire (n = 3) †"
    assert line_at(figure, "overall") == pytest.approx(100 * 63 / 155)
    assert "as counted, 90% Wilson interval" in legend_texts(figure)
    assert any(text.get_text() == "all: 41%" for text in figure.axes[0].texts)


def test_shares_of_an_area_not_yet_counted_have_the_pooled_mark_only() -> None:
    table = shares()
    table.loc["Fire", ["ols_estimate", "ols_low", "ols_high"]] = np.nan
    figure = plot_shares(table)
    assert (len(marks(figure, "raw")), len(marks(figure, "pooled"))) == (3, 4)


def test_shares_given_in_per_cent_are_refused() -> None:
    table = shares()
    table["ols_high"] = 100 * table["ols_high"]
    with pytest.raises(DataError, match=r"row 'Education', column 'ols_high'.* between 0 and 1"):
        plot_shares(table)


# Prior and posterior


def test_every_panel_shows_prior_and_posterior() -> None:
    figure = plot_prior_posterior(tree())
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "mu",
        "tau",
        "effect: term 0",
        "effect: term 1",
    ]
    for ax in figure.axes:
        assert {"prior", "posterior"} <= {line.get_label() for line in ax.lines}
    assert legend_texts(figure) == ["prior density", "posterior density"]


def test_without_a_prior_group_each_panel_says_so() -> None:
    figure = plot_prior_posterior(tree(prior=False), ["mu", "tau"])
    assert all("prior flat" in ax.get_title(loc="left") for ax in figure.axes)
    assert not any(line.get_label() == "prior" for ax in figure.axes for line in ax.lines)
    assert legend_texts(figure) == ["posterior density"]


def test_at_most_twelve_panels_and_the_rest_are_named() -> None:
    figure = plot_prior_posterior(tree(13))
    assert len(figure.axes) == 12
    words = " ".join(" ".join(text.get_text() for text in drawn_texts(figure)).split())
    assert "12 of 15 quantities are shown" in words
    assert "effect: term 12" in words


def test_density_adds_up_to_one_and_nothing_leaks_below_zero() -> None:
    draws = np.abs(np.random.default_rng(3).normal(size=4000))
    grid = np.linspace(0, 6, 601)
    height = density(draws, grid, (0.0, np.inf))
    assert np.trapezoid(height, grid) == pytest.approx(1, abs=0.01)
    assert height[0] == pytest.approx(np.sqrt(2 / np.pi), rel=0.1)


def test_density_inside_the_panel_survives_a_heavy_tail_outside() -> None:
    draws = np.abs(np.random.default_rng(3).standard_cauchy(size=20_000))
    grid = np.linspace(0, 3, 301)
    np.testing.assert_allclose(density(draws, grid, (0.0, np.inf)), 2 / np.pi / (1 + grid**2), atol=0.03)


def test_a_scale_that_is_never_negative_gets_no_panel_below_zero() -> None:
    figure = plot_prior_posterior(tree(), "tau")
    assert figure.axes[0].get_xlim()[0] == 0


def test_a_constant_quantity_is_a_line_not_a_failure() -> None:
    made = tree()
    made["posterior"]["tau"][:] = 0.0
    figure = plot_prior_posterior(made, "tau")
    assert any(line.get_label() == "posterior, constant" for line in figure.axes[0].lines)


def test_units_of_the_variables_stand_on_the_axis() -> None:
    made = tree()
    for name in ("mu", "effect"):
        made["posterior"][name].attrs["units"] = "percentage points of change"
    figure = plot_prior_posterior(made, ["mu", "effect"])
    assert any(text.get_text().endswith("\npercentage points of change") for text in drawn_texts(figure))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda made: made["posterior"]["mu"].__setitem__((0, 0), np.nan),
            "mu: found a draw that is not finite",
        ),
        (lambda made: made.__delitem__("posterior"), "no group 'posterior'"),
    ],
)
def test_a_posterior_that_cannot_be_drawn_is_refused(break_it, message) -> None:
    made = tree()
    break_it(made)
    with pytest.raises(DataError, match=message):
        plot_prior_posterior(made)


def test_unknown_variable_is_met_with_the_nearest_one() -> None:
    with pytest.raises(DataError, match="no variable 'efect'; did you mean 'effect'"):
        plot_prior_posterior(tree(), "efect")


def test_a_variable_of_two_labelled_dims_is_refused() -> None:
    made = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"b": (("chain", "draw", "x", "y"), np.zeros((1, 2, 2, 2)))})}
    )
    with pytest.raises(DataError, match="at most one more"):
        plot_prior_posterior(made)


# Ranks and audit


def test_ranks_put_the_best_on_top_and_write_per_cent_in_each_cell() -> None:
    figure = plot_ranks(ranks(["worst", "best"]), n=pd.Series({"worst": 3, "best": 30}))
    assert row_labels(figure) == ["best (n = 30)", "worst (n = 3) †"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["95", "5", "5", "95"]
    assert "fewer than 5 cases" in figure.axes[0].get_xlabel()


def test_rank_colours_grow_darker_in_grey_with_the_probability() -> None:
    (image,) = plot_ranks(ranks()).axes[0].images
    grey = image.get_cmap()(np.linspace(0, 1, 50))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) < 0).all()


def test_rank_probabilities_must_add_up_to_one() -> None:
    with pytest.raises(DataError, match="row 'worst': adds up to"):
        plot_ranks(ranks() * [1.0, 0.5])


def test_audit_counts_verdicts_by_table_and_kind_of_check() -> None:
    counts = count_verdicts(audit_frame()).loc[""]
    assert counts.loc[("Table 2", "stars")].tolist() == [1, 0, 2]
    assert counts.loc[("Table 2", "F against R2")].tolist() == [0, 1, 0]
    assert counts.loc[("section 8, Table 1", "totals")].tolist() == [1, 0, 0]
    assert counts.loc[("section 4", "response rate")].tolist() == [1, 0, 0]
    assert counts.to_numpy().sum() == len(audit_frame())


def test_audit_merges_what_always_held_and_loses_no_check() -> None:
    counts = count_verdicts(audit_frame())
    merged = merge_consistent(counts)
    assert merged.loc[("", "Table 2", "other checks (2 kinds)")].tolist() == [2, 0, 0]
    assert merged.sum().tolist() == counts.sum().tolist()


def test_audit_bars_are_as_long_as_the_counts_and_say_in_words_what_failed() -> None:
    figure = plot_audit(audit_frame())
    lengths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in figure.axes[0].containers}
    assert lengths == {"consistent": [1, 2, 1, 1], "only if": [1], "inconsistent": [2]}
    assert dict(zip(map(flat, row_labels(figure)), beside(figure), strict=True)) == {
        "Table 2: stars": "2 of 3 inconsistent",
        "Table 2: F against R2": "1 of 1 only if …",
        "Table 2: other checks (2 kinds)": "all 2 consistent",
        "section 8, Table 1: totals": "consistent",
        "section 4: response rate": "consistent",
    }


def test_audits_of_several_studies_stand_in_blocks_under_their_names() -> None:
    both = pd.concat([audit_frame().assign(study="one"), audit_frame().assign(study="two")])
    figure = plot_audit(both)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["one", "two"]
    assert row_labels(figure, 0) == row_labels(figure, 1) == row_labels(plot_audit(audit_frame()))


def test_audit_refuses_a_verdict_it_does_not_know() -> None:
    frame = audit_frame()
    frame.loc[2, "verdict"] = "dubious"
    with pytest.raises(DataError, match="row 3, column 'verdict': found 'dubious'"):
        plot_audit(frame)


# Every figure


@pytest.mark.parametrize("origin", ["reconstructed", "simulated"])
def test_what_was_not_observed_says_so_in_capitals_in_every_title(origin: str) -> None:
    for name, figure in every_figure(origin).items():
        assert figure.get_suptitle().startswith(origin.upper()), name
        assert figure._suptitle.get_fontweight() == "bold", name


def test_observed_data_carry_no_warning() -> None:
    for name, figure in every_figure("observed").items():
        assert "DATA" not in figure.get_suptitle(), name


def test_the_origin_in_attrs_is_enough() -> None:
    table = comparison()
    table.attrs["origin"] = "reconstructed"
    assert "RECONSTRUCTED" in plot_forest(table).get_suptitle()
    assert "RECONSTRUCTED" in plot_forest({"a": comparison(), "b": table}).get_suptitle()
    assert "SIMULATED" in plot_prior_posterior(tree(origin="simulated")).get_suptitle()


def test_a_misspelt_origin_is_refused() -> None:
    with pytest.raises(DataError, match="did you mean 'reconstructed'"):
        plot_forest(comparison(), origin="reconstruced")


@pytest.mark.parametrize("kind", ["svg", pytest.param("png", marks=pytest.mark.slow)])
def test_the_same_figure_gives_the_same_bytes_and_so_does_one_made_anew(kind: str) -> None:
    for (name, figure), anew in zip(every_figure().items(), make_every_figure().values(), strict=True):
        first = save_bytes(figure, kind)
        assert save_bytes(figure, kind) == first, name
        assert save_bytes(anew, kind) == first, name


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_figure_is_laid_out_once_and_drawn_once_for_each_file(kind: str, monkeypatch) -> None:
    figure, drawn, draw = plot_forest(comparison()), [], Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: (drawn.append(kind), draw(self, renderer))[1])
    save_bytes(figure, kind)
    assert figure.get_layout_engine() is None
    assert drawn == [kind]


def test_svg_keeps_text_as_text_and_carries_no_date() -> None:
    svg = save_bytes(plot_forest(comparison(["metropolitan borough"])), "svg").decode()
    texts = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert "metropolitan borough" in texts
    assert "sans-serif" in svg
    assert "dc:date" not in svg


def test_an_unknown_kind_of_file_is_refused() -> None:
    with pytest.raises(DataError, match="'png' or 'svg'"):
        save_bytes(Figure(), "pdf")


def test_hostile_labels_are_drawn_as_plain_text_in_every_figure() -> None:
    table = shares().iloc[[0, 1, 2, 3]].set_axis(HOSTILE)
    table.attrs = shares().attrs
    draws = {"x": (("chain", "draw", "l"), np.random.default_rng(1).normal(size=(2, 99, 4)))}
    audit = pd.DataFrame({"check": HOSTILE, "locator": HOSTILE, "verdict": "consistent"})
    figures = [
        plot_forest(comparison(HOSTILE), title=HOSTILE[0], xlabel=HOSTILE[1]),
        plot_forest({HOSTILE[0]: comparison(HOSTILE), HOSTILE[1]: comparison(HOSTILE)}, title=HOSTILE[2]),
        plot_shrinkage(table["ols_estimate"], {HOSTILE[0]: table}, title=HOSTILE[1], xlabel=HOSTILE[0]),
        plot_shares(table, title=HOSTILE[0], xlabel=HOSTILE[1]),
        plot_ranks(ranks(HOSTILE), title=HOSTILE[0], xlabel=HOSTILE[1]),
        plot_prior_posterior(
            xr.DataTree.from_dict({"posterior": xr.Dataset(draws, coords={"l": HOSTILE})}), title=HOSTILE[0]
        ),
        plot_audit(audit, title=HOSTILE[0]),
    ]
    for figure in figures:
        svg = save_bytes(figure, "svg").decode()
        shown = [
            element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
        ]
        assert any("<script>$x$ & 50%_" in text for text in shown)
        assert any(r"\frac{1}{2} $$ ^_{}" in text.replace("\n", " ") for text in [*shown, " ".join(shown)])
        assert "<script" not in svg


def test_no_text_leaves_the_figure_and_rows_do_not_overlap() -> None:
    long = [f"A metropolitan district council with quite a long name, number {i}" for i in range(4)]
    table = comparison(long)
    table["n"] = 3
    title = "A title that goes on for longer than one line of the published width can hold, by a good deal"
    figures = [
        plot_forest(table, title=title, xlabel="percentage points of change in cohesion for each unit of it"),
        plot_forest({f"Model {i}": table for i in range(3)}, title=title, xlabel="percentage points " * 4),
        *every_figure("simulated").values(),
    ]
    for figure in figures:
        page = figure.bbox
        for text in drawn_texts(figure):
            box = text.get_window_extent()
            assert box.x0 >= page.x0 - 0.5 and box.x1 <= page.x1 + 0.5, text.get_text()
            assert box.y0 >= page.y0 - 0.5 and box.y1 <= page.y1 + 0.5, text.get_text()
        boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels() if label.get_text()]
        for upper, lower in itertools.pairwise(boxes):
            assert upper.y0 >= lower.y1 - 0.5


def test_legend_lies_below_the_axis_label() -> None:
    for name, figure in every_figure().items():
        if figure.legends:
            figure.draw_without_rendering()
            top = figure.findobj(Legend)[0].get_window_extent().y1
            labels = [ax.xaxis.label for ax in figure.axes if ax.get_xlabel()]
            assert labels, name
            assert all(label.get_window_extent().y0 >= top - 0.5 for label in labels), name


def test_figures_are_as_wide_as_published_and_taller_with_more_rows() -> None:
    few, many = plot_forest(comparison()), plot_forest(comparison([f"term {i}" for i in range(20)]))
    assert few.get_figwidth() == many.get_figwidth() == 5.2
    assert many.get_figheight() > few.get_figheight() + 16 * 0.25


def test_no_text_is_smaller_than_nine_points() -> None:
    for name, figure in every_figure().items():
        assert min(text.get_fontsize() for text in drawn_texts(figure)) >= 9, name


def test_settings_of_matplotlib_are_left_as_they_were_and_do_not_change_a_figure() -> None:
    usual = save_bytes(plot_forest(comparison()), "svg")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black"}):
        before = dict(matplotlib.rcParams)
        assert save_bytes(plot_forest(comparison()), "svg") == usual
        assert dict(matplotlib.rcParams) == before


def test_importing_the_plots_loads_no_matplotlib_and_drawing_no_pyplot() -> None:
    code = (
        "import sys, pandas as pd, bayes_targets.plots as plots\n"
        "assert 'matplotlib' not in sys.modules and 'scipy.stats' not in sys.modules\n"
        "frame = pd.DataFrame({'check': ['a'], 'locator': ['Table 1'], 'verdict': ['consistent']})\n"
        "plots.save_bytes(plots.plot_audit(frame), 'png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="mean"), "column 'mean' is missing"),
        (lambda t: t.iloc[:0], "has no rows"),
        (lambda t: pd.concat([t, t]), "occurs more than once"),
        (lambda t: t.assign(low=9.0), "expected low <= high"),
        (lambda t: t.assign(high=np.inf), "row 'stretch', column 'high': found inf"),
        (
            lambda t: t.assign(mean="much"),
            "row 'stretch', column 'mean': found 'much', expected a finite number",
        ),
        (lambda t: t.assign(n=2.5), "column 'n': found 2.5, expected a whole number"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_refused_with_its_place(change, message: str) -> None:
    table = change(comparison())
    table.attrs = comparison().attrs
    with pytest.raises(DataError, match=message):
        plot_forest(table)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("interval", None),
        ("interval", "ci"),
        ("prob", None),
        ("prob", 95),
        ("rope", (1, -1)),
        ("rope", "small"),
    ],
)
def test_intervals_that_do_not_say_what_they_are_are_refused(key: str, value: object) -> None:
    table = comparison()
    table.attrs[key] = value
    with pytest.raises(DataError, match=key):
        plot_forest(table)


def test_sample_sizes_must_cover_every_label() -> None:
    table = shares()
    with pytest.raises(DataError, match="no sample size for 'Fire'"):
        plot_shrinkage(table["ols_estimate"], table, n=table["n"].drop("Fire"))
