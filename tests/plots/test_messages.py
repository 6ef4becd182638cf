"""What every figure says: its message in ten words, what and how many below, which way is better, in type that can be read."""

from __future__ import annotations

import functools

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

import bayes_targets as bt
from bayes_targets.plots.masses import Effect, plot_masses
from bayes_targets.plots.priors import exact_curves

SMALLEST = 11 * 72 / 96
"""Points of 11 pixels at the published size."""


def areas() -> pd.DataFrame:
    """Green targets of two areas (ODPM 2005), with made-up intervals."""
    table = pd.DataFrame(
        {"n": [35, 26], "ols_estimate": [10 / 35, 17 / 26], "ols_low": [0.2, 0.4], "ols_high": [0.5, 0.8]},
        index=pd.Index(["Education", "Environment & housing"], name="area"),
    )
    table["mean"], table["low"], table["high"] = [0.33, 0.54], [0.2, 0.37], [0.46, 0.72]
    table.attrs = {"interval": "eti", "prob": 0.95, "overall": 0.41}
    return table


def statuses() -> pd.DataFrame:
    index = pd.MultiIndex.from_product([["Fire"], ["green", "red"]], names=["area", "status"])
    table = pd.DataFrame({"observed": [1, 9], "mean": [1.2, 2.0], "low": [0, 0], "high": [3, 3]}, index=index)
    table.attrs = {"interval": "eti", "prob": 0.95}
    return table


@functools.cache
def published() -> tuple[xr.DataTree, bt.Evaluation]:
    """The printed target effect (Andrews et al. 2014, Table 2) beside a made-up control."""
    table = pd.DataFrame({"term": ["Size", "Target"], "estimate": [0.2, 0.952], "se": [0.3, 0.659]})
    evaluation = bt.read_estimates(table, focus="Target", better="higher", smallest=0.5, hoped=1.0, n=150)
    return bt.fit(bt.published_model(evaluation), seed=1), evaluation


@functools.cache
def figures() -> dict[str, Figure]:
    posterior, evaluation = published()
    shares = areas()
    ranks = pd.DataFrame([[0.9, 0.1], [0.1, 0.9]], index=["Fire", "Health"], columns=[1, 2])
    band = pd.DataFrame({"median": [0.6, 0.2], "low": [0.4, -0.1], "high": [0.8, 0.5]}, index=[0.0, 1.0])
    band.attrs = {"interval": "eti", "prob": 0.95}
    check = pd.DataFrame({"printed": [0.5], "median": [0.4], "low": [0.1], "high": [0.9]}, index=["slope"])
    check.attrs = {"prob": 0.95}
    options = pd.DataFrame(
        {"pooling": ["none", "partial"], "mean": [0.9, 0.7], "low": [-0.3, 0.1], "high": [2.1, 1.8]}
        | {"prob_positive": [0.93, 0.98], "passed": [True, True]}
    )
    options.attrs = {"interval": "eti", "prob": 0.95, "origin": "reconstructed"}
    hits = xr.Dataset({"total_hits": ("sample", [4, 5, 5, 6]), "targets": ("area", [10])})
    audit = pd.DataFrame({"check": ["stars"], "locator": ["Table 2, age"], "verdict": ["inconsistent"]})
    draws = np.random.default_rng(1).normal(0.9, 0.6, 1000)
    return {
        "forest": bt.plot_forest(bt.compare(posterior, evaluation)),
        "masses": plot_masses(
            {"Target": Effect(draws, 0.5, "higher")}, title="Very likely higher (93%)",
            subtitle="One term, n = 150", xlabel="points",
        ),
        "prior and posterior": bt.plot_prior_posterior(posterior, "effect"),
        "prior curve": bt.plot_prior_curve(bt.prior_curve(0.952, 0.659), subtitle="Cohesion, n = 150"),
        "shares": bt.plot_shares(shares),
        "ranks": bt.plot_ranks(ranks, n=pd.Series({"Fire": 3, "Health": 11})),
        "shrinkage": bt.plot_shrinkage(shares["ols_estimate"], shares),
        "statuses": bt.plot_status_bars(statuses()),
        "audit": bt.plot_audit(audit),
        "specifications": bt.plot_specifications(options),
        "slope by weight": bt.plot_slope_by_weight({"any": band}, printed=0.651),
        "summary check": bt.plot_summary_check(check),
        "hits": bt.plot_hits({"as forecast": hits}, now=5),
        "design": bt.plot_design(bt.design_analysis([0.5, 1.0], [50, 100, 200], sigma=4.0)),
    }  # fmt: skip


NAMES = (
    "forest", "masses", "prior and posterior", "prior curve", "shares", "ranks", "shrinkage", "statuses", "audit",
    "specifications", "slope by weight", "summary check", "hits", "design",
)  # fmt: skip


def subtitle(figure: Figure) -> str:
    return figure.texts[-1].get_text().replace("\n", " ")


@pytest.mark.parametrize("name", NAMES)
def test_title_says_the_message_in_ten_words_and_the_subtitle_what(name: str) -> None:
    title = figures()[name].get_suptitle().split("NOT OBSERVED")[-1]
    assert 2 <= len(title.split()) <= 10, title
    assert len(subtitle(figures()[name]).split()) >= 4


@pytest.mark.parametrize("name", ["forest", "shares", "ranks", "shrinkage", "statuses", "audit", "hits"])
def test_the_subtitle_says_of_how_many(name: str) -> None:
    assert any(word.strip("(),.").isdigit() for word in subtitle(figures()[name]).split()), subtitle(
        figures()[name]
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "audit"])
def test_arrows_at_the_axis_say_which_way_is_which(name: str) -> None:
    assert any("←" in ax.get_xlabel() and "→" in ax.get_xlabel() for ax in figures()[name].axes)


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_under_eleven_pixels_at_the_published_size(name: str) -> None:
    texts = figures()[name].findobj(matplotlib.text.Text)
    assert min(text.get_fontsize() for text in texts if text.get_text().strip()) >= SMALLEST


@pytest.mark.parametrize(
    ("name", "word"),
    [("specifications", "RECONSTRUCTED"), ("hits", "SIMULATED"), ("summary check", "SIMULATED")],
)
def test_what_was_not_observed_says_so(name: str, word: str) -> None:
    assert word in f"{figures()[name].get_suptitle()} {subtitle(figures()[name])}"


def test_the_term_in_question_comes_first_bold_and_with_its_numbers_and_the_rest_is_muted() -> None:
    figure = figures()["forest"]
    labels = figure.axes[0].get_yticklabels()
    assert [(label.get_text(), label.get_fontweight()) for label in labels] == [
        ("Target\n0.9 (−0.3 to 2.2)", "bold"), ("Size", "normal")
    ]  # fmt: skip
    assert next(text.get_text() for text in figure.axes[0].texts) == "92%"
    assert "n = 150" in subtitle(figure)
    assert "Target: ← worse" in figure.axes[0].get_xlabel()
    sizes = {
        line.get_color(): line.get_markersize()
        for line in figure.axes[0].lines
        if line.get_label() == "posterior"
    }
    assert sizes["#0072B2"] > sizes["#7FB8D8"]


def test_a_curve_in_closed_form_is_drawn_exactly() -> None:
    posterior, _ = published()
    curves = exact_curves(posterior, "Target")
    assert curves is not None
    precision = 0.659**-2 + 5.0**-2
    assert curves.prior == (0.0, 5.0)
    assert curves.posterior == pytest.approx((0.952 * 0.659**-2 / precision, precision**-0.5))
    (line,) = [
        line for line in figures()["prior and posterior"].axes[1].lines if line.get_label() == "posterior"
    ]
    x, y = (np.asarray(values, float) for values in line.get_data())
    middle, sd = curves.posterior
    np.testing.assert_allclose(
        y, np.exp(-0.5 * ((x - middle) / sd) ** 2) / (sd * np.sqrt(2 * np.pi)), rtol=1e-9, atol=1e-300
    )


def test_panels_of_one_unit_share_their_axis() -> None:
    first, second = figures()["prior and posterior"].axes
    assert first.get_xlim() == second.get_xlim()


@pytest.mark.parametrize("exact", [True, False])
def test_a_posterior_that_is_narrow_beside_the_smallest_effect_is_still_drawn(exact: bool) -> None:
    """Of points so far apart as the axis is wide, none would be near it."""
    draws = 0.0333 + 1e-4 * np.random.default_rng(1).standard_normal(4000)
    effect = Effect(draws, smallest=1.0, better="higher", exact=(0.0333, 1e-4) if exact else None)
    (ax,) = plot_masses({"a": effect}, title="Nothing", xlabel="points").axes
    line = ax.get_lines()[0]
    peak = np.asarray(line.get_ydata()).argmax()
    assert np.asarray(line.get_xdata())[peak] == pytest.approx(0.0333, abs=2e-4)
    assert (
        ax.get_ylim()[1] == pytest.approx(1.54 * np.max(line.get_ydata())) and np.max(line.get_ydata()) > 3000
    )


def test_masses_of_effects_on_one_scale_share_their_axis_unless_one_would_be_a_sliver() -> None:
    rng = np.random.default_rng(1)
    near = {
        "a": Effect(rng.normal(0.9, 0.6, 500), 0.5, "higher"),
        "b": Effect(rng.normal(2.5, 0.3, 500), 0.5, "higher"),
    }
    far = {"a": near["a"], "b": Effect(rng.normal(300, 30, 500), 50, "higher")}
    for effects, shared in ((near, True), (far, False)):
        one, other = plot_masses(effects, title="Two effects", xlabel="points").axes
        assert (one.get_xlim() == other.get_xlim()) is shared
