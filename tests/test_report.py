"""The pages: whole, readable without a network, and deaf to whatever a name or a caption tries to say in HTML."""

import math
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from bayes_targets import report
from bayes_targets.result import Picture, Result, Table

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "R&D &amp; <b>bold</b>",
    "{{ 7 * 7 }}{% raw %}",
    "שלום \u202eevil\u202c مرحبا",
    "</title></style></main><script>",
)
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
        if not self.open or self.open[-1] != "style":
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
        "options": text,
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
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}
        for name, value in attrs.items():
            if name in {"src", "href", "srcset", "action", "data"}:
                assert value is not None
                assert value.startswith("data:image/svg+xml;base64,") or ":" not in value, f"{tag} {name}"
                assert not value.startswith("//")


def test_every_picture_has_a_text_alternative():
    images = analysis_page("Cohesion").all("img")
    assert [image["alt"] for image in images] == ["Cohesion"]


def test_every_table_has_headings_with_a_scope():
    for page in (analysis_page("Cohesion"), index_page("Cohesion")):
        assert page.all("table")
        assert all(heading.get("scope") == "col" for heading in page.all("th"))


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
    assert not page.all("script")
    assert all(link is not None and '"' not in link and "<" not in link for link in links)


# What it says


def test_the_index_holds_the_claims_ledger():
    page = index_page("Cohesion")
    assert "0.93" in page.words
    assert [attrs["style"] for attrs in page.all("span") if "style" in attrs] == ["width: 93%"]


def test_a_claim_without_a_probability_is_told_with_its_reason_and_without_a_meter():
    frame = ledger("x").iloc[[1]].assign(claim="all targets matter", reading="no estimand in the tables")
    manifest = {"command": "", "settings": {"seed": 1}, "reproducibility": "", "status": 0}
    page = Page(report.index_page([], manifest, frame))
    assert "all targets matter" in page.words
    assert "no estimand in the tables" in page.words
    assert not [span for span in page.all("span") if "style" in span]


def test_the_index_without_a_ledger_is_whole():
    manifest = {"command": "", "settings": {"seed": 1}, "reproducibility": "", "status": 0}
    assert "Claims ledger" not in Page(report.index_page([summary("x")], manifest, None)).words


def test_a_failed_gate_is_told_on_both_pages_and_no_answer_is_framed():
    page = analysis_page("it failed", passed=False)
    assert "No posterior is reported." in page.words
    assert "The gate failed: it failed: R-hat of mu, largest is 1.20 (at most 1.01)" in page.words
    index = index_page("R-hat is 1.2", status=1, passed=False)
    assert "Not reported. R-hat is 1.2" in index.words
    assert "The claims are not judged. R-hat is 1.2" in index.words
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
    assert "All 2 checks of 1 posteriors passed" in words
    assert "largest R-hat 1.001 (limit 1.01); smallest bulk effective sample size 2,000 (limit 400)" in words


def test_a_table_shows_every_level_of_its_index_and_no_empty_column():
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["area", "year"])
    frame = pd.DataFrame({"mean": [0.5, np.nan], "nothing": [np.nan, np.nan]}, index=index)
    result = Result(answer="", tables={"t": Table(frame, "")})
    page = Page(report.analysis_page(summary("x"), result, None, {}))
    assert "area year Posterior mean a 1 0.500 b 2 –" in page.words
    assert "nothing" not in page.words


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.00"), (-0.0, "0.00"), (0.5, "0.500"), (123.456, "123"), (1e-9, "1e−09"), (1, "1"), (12345, "12,345"),
        (-3, "−3"), (math.inf, "inf"), (-math.inf, "−inf"), (math.nan, "–"), (None, "–"), (pd.NA, "–"), (pd.NaT, "–"),
        (True, "yes"), (np.bool_(False), "no"), (np.float64(2.345), "2.35"), (np.int64(1200), "1,200"), ("<b>", "<b>"),
    ],
)  # fmt: skip
def test_a_number_is_shown_to_three_digits(value, shown):
    assert report.number(value) == shown
