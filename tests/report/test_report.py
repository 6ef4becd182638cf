"""The pages: whole, readable without a network, and deaf to whatever a name or a caption tries to say in HTML."""

import base64
import json
import math
import re
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_targets as bt
from bayes_targets.comparison.claims import Headline
from bayes_targets.model import describe_priors
from bayes_targets.report import models as page_models
from bayes_targets.report import page as report
from bayes_targets.report.cards import ModelCard, model_card
from bayes_targets.report.cells import table_cells
from bayes_targets.report.latex import latex_table
from bayes_targets.report.result import Picture, Result, Table

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "R&D &amp; <b>bold</b>",
    "{{ 7 * 7 }}{% raw %}",
    "שלום \u202eevil\u202c مرحبا",
    "</title></style></main><script>",
)
MANIFEST = {"command": "", "settings": {"seed": 1}, "reproducibility": "", "status": 0}
VOID = {"meta", "img", "br", "hr", "link", "input", "wbr", "col", "source"}


class Page(HTMLParser):
    """The elements of a page; raises where one is closed that is not open."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(content.decode())
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes what is not open"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def one_line(text: str) -> str:
    return " ".join(text.split())


def summary(text: str, **changes: object) -> dict[str, object]:
    whole = {
        "name": "mine",
        "title": text,
        "question": text,
        "asked_as": text,
        "options": [text],
        "answer": text,
        "passed": True,
        "seconds": 1.0,
        "inputs": {f"{text}/ols.csv": "0" * 64},
    }
    return whole | changes


def checks(*, passed: bool = True, posterior: str = "model_2") -> pd.DataFrame:
    rows = [
        ("R-hat of mu, largest", 1.001 if passed else 1.2, "at most 1.01", passed),
        ("bulk ESS of mu, smallest", 2000.0, "at least 400", True),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "limit", "passed"]).assign(posterior=posterior)


def analysis_page(text: str, **changes: object) -> Page:
    """A page with `text` in every place that a user's data or script reaches."""
    frame = pd.DataFrame({text: [1.0, 2.0], "note": [text, text]}, index=pd.Index([text, "b"], name="term"))
    result = Result(
        answer=text,
        tables={"comparison": Table(frame, text)},
        pictures={"forest": Picture(figure=None, caption=text, alt=text)},  # type: ignore[arg-type]
        limits=(text,),
        methods=(text,),
    )
    figures = {"forest": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
    return Page(
        report.analysis_page(
            summary(text, **changes), result, checks(passed="failed" not in text, posterior=text), figures
        )
    )


def published(observed: list[float] | None = None) -> xr.DataTree:
    """A posterior of the published model: N(0, 1) for two terms, and a prior ten times as wide."""
    rng, terms = np.random.default_rng(1), {"term": ["a", "b"]}

    def drawn(scale: float) -> xr.Dataset:
        return xr.Dataset(
            {"estimate": (("chain", "draw", "term"), scale * rng.normal(size=(1, 500, 2)))}, terms
        )

    groups = {
        "observed_data": xr.Dataset({"estimate": ("term", observed or [0.0, 0.5])}, terms),
        "posterior_predictive": drawn(1.0),
        "prior_predictive": drawn(10.0),
    }
    tree = xr.DataTree.from_dict(groups)
    priors = {"effect": "Normal(0, 2)", "mu": "", "tau": "", "reference_share": ""}
    options = {"pooling": "none", "reference": ""}
    tree.attrs = {"model": "published", "options": json.dumps(options), "priors": json.dumps(priors)}
    return tree


def card_of(model: bt.Model) -> ModelCard:
    options, priors = json.dumps(dict(model.options)), json.dumps(describe_priors(model.priors))
    card = model_card({"model": model.name, "options": options, "priors": priors})
    assert card is not None
    return card


def ledger(text: str) -> pd.DataFrame:
    row = {"study": text, "claim": text, "published": text, "reading": text, "probability": 0.934}
    return pd.DataFrame([row, row | {"probability": math.nan}])


def index_page(text: str, *, status: int | None = 0, **changes: object) -> Page:
    """A page with `text` wherever a user's data, script or command line reaches."""
    manifest = {
        "command": text,
        "settings": {"seed": 1},
        "reproducibility": text,
        "status": status,
    }
    summaries = [summary(text) | changes, summary(text) | {"name": "claims"} | changes]
    return Page(report.index_page(summaries, manifest, ledger(text)))


# What a page is


@pytest.mark.parametrize("make", [analysis_page, index_page])
def test_a_page_has_language_title_one_heading_and_a_viewport(make):
    page = make("Cohesion")
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert {"charset": "utf-8"} in page.all("meta")
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


@pytest.mark.parametrize("make", [analysis_page, index_page])
def test_a_page_asks_nothing_of_the_network(make):
    for tag, attrs in make("Cohesion").elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert tag != "script" or attrs == {}, "the one script is in the page"
        for name, value in attrs.items():
            if name in {"src", "href", "srcset", "action", "data"}:
                assert value is not None
                if tag == "img" and value.startswith("data:image/svg+xml;base64,"):
                    continue
                assert ":" not in value, f"{tag} {name}"
                assert not value.startswith("//")


def test_every_picture_has_a_text_alternative():
    assert [figure["alt"] for figure in analysis_page("Cohesion").all("img")] == ["Cohesion"]


def test_every_table_has_headings_with_a_scope():
    for page in (analysis_page("Cohesion"), index_page("Cohesion")):
        assert page.all("table")
        assert all(heading.get("scope") in ("col", "row") for heading in page.all("th"))
        assert len(page.all("caption")) == len(page.all("table"))


@pytest.mark.parametrize("make", [analysis_page, index_page])
def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(make):
    regions = [attrs for attrs in make("Cohesion").all("div") if attrs.get("class") == "scroll"]
    assert regions
    for region in regions:
        assert region["tabindex"] == "0" and region["role"] == "region" and region["aria-label"]


@pytest.mark.parametrize("make", [analysis_page, index_page])
def test_every_link_within_a_page_leads_somewhere_and_no_id_is_there_twice(make):
    page = make("Cohesion")
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [str(attrs["href"])[1:] for attrs in page.all("a") if str(attrs["href"]).startswith("#")]
    assert "content" in links
    assert set(links) <= set(ids)


# Hostile strings


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("make", [analysis_page, index_page])
def test_a_hostile_string_is_text_and_nothing_else(make, text):
    page, plain = make(text), make("x")
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements], "no element is added"
    assert [set(attrs) for _, attrs in page.elements] == [set(attrs) for _, attrs in plain.elements]
    assert one_line(text) in page.words


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_alternative_stays_in_its_attribute(text):
    assert analysis_page(text).all("img")[0]["alt"] == text


def test_a_hostile_name_is_quoted_in_links():
    page = index_page("x", name='"><script>/..')
    links = [attrs["href"] for attrs in page.all("a")]
    assert page.all("script") == [{}]
    assert all(link is not None and '"' not in link and "<" not in link for link in links)


# What it says


def test_the_index_holds_the_claims_ledger():
    page = index_page("Cohesion")
    assert "93%" in page.words
    assert [attrs["style"] for attrs in page.all("span") if "style" in attrs] == ["width: 93%"]


def test_the_index_begins_with_the_headlines_and_their_probabilities():
    told = [
        asdict(Headline("targets went with more", 0.934, "very likely", "an association")),
        asdict(Headline("they brought benefits", None, "cannot be judged")),
    ]
    page = index_page("the answer", headlines=told, ledger="claims")
    assert (
        "93% · very likely targets went with more an association cannot be judged they brought benefits"
        in page.words
    )
    assert page.words.index("targets went with more") < page.words.index("Every published claim")
    assert {"class": "bar none", "aria-hidden": "true"} in page.all("span")


def test_a_claim_without_a_probability_is_told_with_its_reason_and_without_a_meter():
    frame = ledger("x").iloc[[1]].assign(claim="all targets matter", reading="no estimand in the tables")
    manifest = {"command": "", "settings": {"seed": 1}, "reproducibility": "", "status": 0}
    page = Page(report.index_page([], manifest, frame))
    assert "all targets matter" in page.words
    assert "no estimand in the tables" in page.words
    assert not [span for span in page.all("span") if "style" in span]


def test_the_index_without_a_ledger_is_whole():
    manifest = {"command": "", "settings": {"seed": 1}, "reproducibility": "", "status": 0}
    assert "Every published claim" not in Page(report.index_page([summary("x")], manifest, None)).words


def test_the_index_of_one_analysis_begins_with_its_own_title_answer_and_picture():
    manifest = {"command": "", "settings": {"seed": 1}, "reproducibility": "", "status": 0}
    one = summary("x") | {
        "title": "13 evaluations together", "answer": "The mean is 0.49.", "question": "What do they say?",
        "points": ["In a new place: better with 86%."], "cover": "pool/forest", "cover_text": "Each evaluation.",
    }  # fmt: skip
    page = Page(report.index_page([one], manifest, None))
    assert "targets" not in page.words
    parts = [one[name] for name in ("title", "question", "answer", "cover_text")]
    assert sorted(parts, key=page.words.index) == parts
    assert [attrs["src"] for attrs in page.all("img")] == ["pool/forest.svg"]


def test_a_page_explains_the_terms_that_it_uses_and_no_other():
    words = analysis_page("three cutpoints, OLSX, a robust guess").words
    terms = words.partition("Terms and abbreviations on this page ")[2].partition(" Figures ")[0]
    assert "cutpoint where one status ends" in terms
    assert "OLS" not in terms
    assert "robustness value" not in terms


def test_a_failed_gate_is_told_on_both_pages_and_no_answer_is_framed():
    page = analysis_page("it failed", passed=False)
    assert "No posterior is reported." in page.words
    assert "The gate failed: it failed: R-hat of mu, largest is 1.20 (at most 1.01)" in page.words
    index = index_page("R-hat is 1.2", status=1, passed=False)
    assert "Not reported. R-hat is 1.2" in index.words
    assert "A diagnostics gate failed in this run" in index.words
    assert "A diagnostics gate failed in this run" in index.words
    for made in (page, index):
        assert {"class": "answer"} not in made.all("div")


def test_a_run_that_did_not_end_says_so():
    assert "This run is not at its end" in index_page("x", status=None).words
    assert "This run is not at its end" not in index_page("x", status=0).words


def test_results_of_an_earlier_run_are_marked():
    page = index_page("x", earlier=True)
    assert "(earlier run)" in page.words


def test_passed_checks_are_summed_up():
    words = analysis_page("x").words
    assert "All 2 checks of 1 posterior passed" in words
    assert "Largest R-hat 1.001 (limit 1.01); smallest bulk effective sample size 2,000 (limit 400)" in words


def test_a_table_shows_every_level_of_its_index_and_no_empty_column():
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["area", "year"])
    frame = pd.DataFrame({"mean": [0.5, np.nan], "nothing": [np.nan, np.nan]}, index=index)
    result = Result(answer="", tables={"t": Table(frame, "")})
    page = Page(report.analysis_page(summary("x"), result, None, {}))
    assert "Area Year Posterior mean a 1 0.500 b 2 –" in page.words
    assert "Posterior mean nothing" not in page.words


def test_claims_that_an_analysis_judges_stand_on_its_page():
    page = Page(
        report.analysis_page(summary("x"), Result(answer=""), None, {}, ledger("targets matter").iloc[[0]])
    )
    assert "targets matter targets matter 93% targets matter" in page.words
    assert {"href": "#claims"} in page.all("a")


def test_the_guidelines_are_answered_by_links_to_what_is_there_and_hidden_where_nothing_was_fitted():
    bare = Page(report.analysis_page(summary("x"), Result(answer=""), None, {}))
    assert "guidelines" not in bare.words
    fitted = Page(
        report.analysis_page(summary("x"), Result(answer="", posteriors={"m": published()}), checks(), {})
    )
    assert "Convergence of chains Diagnostics : R-hat of every parameter" in fitted.words
    assert "Posterior predictive check Predictive checks : observed values" in fitted.words
    assert "Not used: the reader has the costs" in fitted.words


def test_the_model_stands_on_the_page_as_equation_and_priors():
    page = Page(
        report.analysis_page(summary("x"), Result(answer="", posteriors={"m": published()}), checks(), {})
    )
    assert len(page.all("math")) == 3
    assert "Normal(0, 2)" in page.words, "the prior that was used, not the default"


def test_predictive_checks_count_observed_values_in_their_intervals():
    table = page_models.predictive_checks({"m": published(observed=[0.0, 9.0])})
    row = table.iloc[0]
    assert (row["n"], row["posterior_95"], row["prior_95"]) == (2, 1, 2), (
        "9 is far from the posterior, not from the prior"
    )


def test_models_with_the_same_options_and_priors_share_a_card():
    cards = page_models.model_cards({"a": published(), "b": published(), "c": xr.DataTree()})
    assert [card["names"] for card in cards] == [["a", "b"]]


@pytest.mark.parametrize("outcome", ["binomial", "ordinal", "multinomial"])
@pytest.mark.parametrize("pooling", ["partial", "complete", "none"])
def test_every_success_model_has_a_card_with_each_of_its_priors(outcome, pooling):
    counts = pd.DataFrame({"area": ["a", "b"], "green": [1, 2], "amber": [2, 2], "red": [1, 3]})
    card = card_of(bt.success_model(counts, outcome=outcome, pooling=pooling))
    tau = [note for note in card.priors if note.symbol == "τ"]
    assert len(tau) == (pooling == "partial")


@pytest.mark.parametrize("pooling", ["partial", "complete", "none"])
@pytest.mark.parametrize("slopes", ["common", "by_type"])
def test_every_cohesion_model_has_a_card(pooling, slopes):
    data = bt.simulate_authorities({"county": 9, "unitary": 9}, seed=1)
    card = card_of(bt.cohesion_model(data, pooling=pooling, slopes=slopes))
    symbols = {note.symbol for note in card.priors}
    assert {"β", "σ"} <= symbols
    assert ("ω" in symbols) == (slopes == "by_type")


def test_the_anchoring_model_has_a_card_with_each_of_its_priors():
    model = bt.anchoring_model(bt.simulate_anchoring(seed=1))
    assert len(card_of(model).priors) == len(model.variables)


def test_what_moves_between_models_is_told_under_sensitivity():
    frame = pd.DataFrame(
        {"posterior": ["default", "flat"], "mean": [1.0, 2.0], "low": [0.0, -1.0], "high": [2.0, 5.0]},
        index=pd.Index(["target", "target"], name="term"),
    )
    page = Page(report.analysis_page(summary("x"), Result("", {"comparison": Table(frame, "")}), None, {}))
    assert "target 2 1.00 2.00 −1.00 5.00" in page.words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.00"), (-0.0, "0.00"), (0.5, "0.500"), (123.456, "123"), (1e-9, "< 0.0001"), (1, "1"), (12345, "12,345"),
        (-3, "−3"), (-1e-9, "> −0.0001"), (3e9, "3,000,000,000"),
        (math.inf, "inf"), (-math.inf, "−inf"), (math.nan, "–"), (None, "–"), (pd.NA, "–"), (pd.NaT, "–"),
        (True, "yes"), (np.bool_(False), "no"), (np.float64(2.345), "2.35"), (np.int64(1200), "1,200"), ("<b>", "<b>"),
    ],
)  # fmt: skip
def test_a_number_is_shown_to_three_digits(value, shown):
    assert report.number(value) == shown


# Figures in a page


def test_a_figure_is_an_image_of_the_page_itself_where_nothing_can_act():
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
    result = Result(answer="", pictures={"forest": Picture(None, "x", "a line")})  # type: ignore[arg-type]
    page = Page(report.analysis_page(summary("x"), result, None, {"forest": drawing}))
    source = page.all("img")[0]["src"]
    assert (
        source is not None and base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")) == drawing
    )
    assert not page.all("svg") and page.all("script") == [{}]


# Tables for a paper


def test_a_table_for_a_paper_has_the_rules_of_booktabs_and_the_cells_of_the_page():
    frame = pd.DataFrame({"mean": [0.5, -0.25]}, index=pd.Index(["R&D", "50%_x"], name="term"))
    tex = report.table_file("comparison", Table(frame, "Slopes, 95% equal-tailed")).decode()
    for line in (
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\caption{Slopes, 95\% equal{-}tailed} \label{tab:comparison} \\",
    ):
        assert line in tex
    assert "Term & Posterior mean \\\\\n" in tex
    assert "R\\&D & 0.500 \\\\\n50\\%\\_x & $-$0.250 \\\\\n" in tex


@pytest.mark.parametrize("text", [*HOSTILE, r"\input{/etc/passwd} $x^2$ #1 ~ %", "a & b \\\\ c", "±≥é“”…"])
def test_no_text_is_a_command_in_a_table_for_a_paper(text):
    plain, hostile = (
        report.table_file(
            "t", Table(pd.DataFrame({"note": [told]}, index=pd.Index([told], name="term")), told)
        ).decode()
        for told in ("x" * 40, text)
    )
    assert commands(hostile) - commands(plain) <= PRINTABLE
    assert hostile.count("\n") == plain.count("\n")
    assert [line.count("&") - line.count(r"\&") for line in hostile.splitlines()] == [
        line.count("&") for line in plain.splitlines()
    ]


PRINTABLE = {
    r"\textbackslash", r"\textasciicircum", r"\textasciitilde", r"\textless", r"\textgreater", r"\textbar", r"\textquotedbl",
    r"\textquotesingle", r"\textasciigrave", r"\times", r"\pm", r"\geq", r"\leq", r"\ldots", r"\pounds", r"\targetschar",
    r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}",
}  # fmt: skip


def commands(tex: str) -> set[str]:
    return set(re.findall(r"\\(?:[A-Za-z]+|.)", tex))


def test_a_long_table_is_folded_and_a_short_one_is_not():
    def folded(rows: int) -> bool:
        table = Table(pd.DataFrame({"mean": np.arange(float(rows))}), "All of them. In points.")
        page = Page(report.analysis_page(summary("x"), Result("", {"t": table}), None, {}))
        return f"All of them ({rows} rows)" in page.words

    assert folded(31)
    assert not folded(30)


def test_a_negative_number_in_an_answer_has_a_minus_sign_and_words_keep_their_hyphens():
    page = Page(
        report.index_page(
            [summary("x", name="one", answer="from -0.3, 2006-2008, well-known")], MANIFEST, None
        )
    )
    assert "from −0.3, 2006-2008, well-known" in page.words


def test_numbers_of_like_size_line_up_and_a_small_one_among_large_ones_keeps_its_digits():
    like = table_cells(pd.DataFrame({"mean": [0.5, 1.25, -2.0]}))
    assert like["rows"] == [["0.50"], ["1.25"], ["−2.00"]]
    unlike = table_cells(pd.DataFrame({"mean": [77.3, 0.651, 0.09, 15.0]}))
    assert unlike["rows"] == [["77.3"], ["0.651"], ["0.09"], ["15.0"]]


def test_a_latex_table_has_a_caption_on_each_page_and_none_where_there_is_none():
    table = latex_table("R&D", ["area", "share"], [False, True], [["a_b", "50%"]], "shares").decode()
    assert table.count(r"\caption{R\&D} \label{tab:shares} \\") == table.count(r"\caption[]{R\&D} \\") == 1
    assert table.count("area & share \\\\\n\\midrule\n") == 2
    assert "\\endlastfoot\na\\_b & 50\\% \\\\\n\\end{longtable}\n" in table
    bare = latex_table("", ["area"], [False], [], "shares").decode()
    assert "\\caption" not in bare
    assert r"\multicolumn{1}{r}" in bare
