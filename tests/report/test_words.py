"""The words of the pages: no code names, no causal verbs, no sentence over 40 words, every abbreviation explained."""

import html
import re
from itertools import product
from pathlib import Path

import pytest

from bayes_targets.report.cells import ABBREVIATIONS
from bayes_targets.run import main
from bayes_targets.workflow.analysis import Settings, conduct

pytestmark = pytest.mark.usefixtures("undrawn")

QUICK = ("cohesion_published", "lpsa_policy_areas", "audit")
WHOLE = ("claims", "cohesion_authorities")
# Not read: what is for machines, and the parts that name files and commands.
UNREAD = re.compile(
    r"<(style|script|math|code)\b.*?</\1>"
    r'|<h2 id="(?:provenance|made)">.*?(?=<h2|</main>)',
    re.DOTALL,
)
# What the sources themselves print, and what they claimed, stands in tables and lists of claims.
CELLS = re.compile(r"<(td|th)\b.*?</\1>|<li><bdi>.*?</li>|<span class=\"claimed\">.*?</span>", re.DOTALL)
WITHIN = re.compile(r"</?(?:a|bdi|strong|span|b|i|em)\b[^>]*>")
CODE_NAME = re.compile(r"\b(?!bayes_targets\b)[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+\b")
RAW_NUMBER = re.compile(r"\d(?:\.\d+)?e[-−+]?\d+")
CAUSAL = re.compile(r"\b(?:helped|caused|led to|raised|reduced|improved by|thanks to)\b", re.IGNORECASE)
STUDIES = {
    "LAA": "a Local Area Agreement",
    "LPSA": "a Local Public Service Agreement",
    "NRF": "Neighbourhood Renewal Fund",
}
# Capitals are abbreviations: those that need no gloss, and where those that a page explains stand.
CAPITALS = re.compile(r"\b(?:[A-Z]{2,5}\d*|CrI)\b")
KNOWN = {"CSV", "SVG", "PNG", "SHA", "ODPM"}
TERMS = re.compile(r'<dl class="terms">.*?</dl>|<section class="box".*?</section>', re.DOTALL)
TITLE = re.compile(
    r"<caption><span><strong>(.*?)</strong>|<summary>([^<]*) \(\d+ rows\)</summary>", re.DOTALL
)
# Words of the shipped studies, which no page of a user's own data has.
FOREIGN = re.compile(
    r"\b(?:cohesion|LPSA|LAA|Andrews|ODPM|stretch|authorit\w+|councils?|local public)\b", re.IGNORECASE
)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("words") / "results"
    assert conduct(list(QUICK), Settings(out=out, draws=300)).status == 0
    return out


def blocks(page: str) -> list[str]:
    """The texts of a page, a string each paragraph, cell, caption, text alternative or label."""
    named = re.findall(r'(?:alt|aria-label)="([^"]*)"', page)
    text = WITHIN.sub(lambda tag: "\n" if 'class="tested"' in tag[0] else "", page)
    parts = [part for piece in re.split(r"<[^>]+>", text) for part in piece.split("\n\n")]
    return [" ".join(html.unescape(part).split()) for part in [*parts, *named] if part.strip()]


def sentences(block: str) -> list[str]:
    return re.split(r"(?<=[.!?:;])\s+(?=[A-Z\d…(])", block)


def faults(page: str) -> list[str]:
    """What a busy reader would stumble over."""
    read = UNREAD.sub(" ", page)
    texts, own = blocks(read), blocks(CELLS.sub(" ", read))
    found = [
        f"{kind}: {match[0]} in {text[:80]}"
        for kind, pattern, those in (
            ("code name", CODE_NAME, texts),
            ("raw number", RAW_NUMBER, texts),
            ("causal verb", CAUSAL, own),
        )
        for text in those
        for match in pattern.finditer(text)
    ]
    found += [
        f"{len(sentence.split())} words: {sentence[:80]}"
        for text in texts
        for sentence in sentences(text)
        if len(sentence.split()) > 40
    ]
    explained = " ".join(TERMS.findall(page))
    found += [
        f"not explained: {short}"
        for short in sorted({word for text in own for word in CAPITALS.findall(text)} - KNOWN)
        if not any(short in gloss for gloss in ABBREVIATIONS) and short not in explained
    ]
    titles = [html.unescape(one or other) for one, other in TITLE.findall(page)]
    found += [
        f"no title: {title}"
        for title in titles
        if title.endswith((".", ",")) or title.count("(") != title.count(")") or len(title.split()) > 20
    ]
    whole = " ".join(texts)
    for short, meaning in {**ABBREVIATIONS, **STUDIES}.items():
        if re.search(rf"(?<![\w(]){re.escape(short)}", whole) and meaning not in whole:
            found.append(f"not explained: {short}")
    return found


def test_the_check_finds_each_kind_of_fault():
    page = (
        "<p>model_2_flat led to 3.29e-37 by MCMC.</p><td>OLS</td><p>"
        + " ".join(["word"] * 41)
        + ".</p><caption><span><strong>Ranks (1</strong></span></caption><td>LPSAs led to them</td>"
    )
    kinds = [fault.split(":")[0] for fault in faults(page)]
    assert kinds == [
        "code name",
        "raw number",
        "causal verb",
        "41 words",
        "not explained",
        "no title",
        "not explained",
        "not explained",
    ]


@pytest.mark.parametrize("name", QUICK)
def test_a_page_of_the_studies_has_no_words_that_stop_a_reader(quick, name):
    assert faults((quick / name / "report.html").read_text(encoding="utf-8")) == []


SCHOOLS = [(kind, k) for kind, k in product(("primary", "secondary", "special"), range(12))]
# What users bring: a printed table, several evaluations, units with a score before and after, counts by area and status.
USERS = {
    "table": (
        "term,estimate,se\nReform x treat,-.0314,.0190\nReform,.0024,.0044\n",
        ["--focus", "Reform x treat", "--better", "lower", "--smallest", "0.01", "--clusters", "430"],
    ),
    "pool": (
        "study,estimate,se\nLeeds,.40,.20\nYork,.10,.15\nHull,.55,.30\nBath,-.05,.12\n",
        ["--better", "higher", "--smallest", "0.1", "--hoped", "0.3"],
    ),
    "authorities": (
        "School,Kind,Scheme,Before,After\n"
        + "".join(
            f"{kind} {k},{kind},{k % 2},{50 + (7 * k) % 11},{52 + (7 * k) % 11 + 3 * (k % 2) + (5 * k + len(kind)) % 4}\n"
            for kind, k in SCHOOLS
        ),
        [
            *("--columns", "School=authority", "Kind=authority_type", "Scheme=target", "Before=baseline", "After=outcome"),
            *("--words", "unit=school", "type=kind of school", "outcome=pass rate", "target=the scheme"),
        ],
    ),
    "counts": (
        "Service,Met,Partly,Missed\nTransport,6,3,1\nHousing,2,4,5\nParks,9,1,2\n",
        ["--columns", "Service=area", "--statuses", "Met", "Partly", "Missed", "--words", "unit=service", "target=standard"],
    ),
}  # fmt: skip


@pytest.fixture(scope="session", params=USERS)
def users_page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of one analysis of a user's own file."""
    text, options = USERS[request.param]
    folder = tmp_path_factory.mktemp("users")
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8")
    words = [request.param, "--data", str(file), *options, "--out", str(folder / "out")]
    assert main([*words, "--draws", "250", "--engine", "exact", "--quiet"]) == 0
    return (folder / "out" / request.param / "report.html").read_text(encoding="utf-8")


def test_a_page_of_a_users_own_data_has_no_words_that_stop_a_reader(users_page):
    assert faults(users_page) == []
    assert re.search(r'id="paste">[^<]*(?:Prior of the|the prior was)[^<]*To cite', users_page), (
        "a paragraph to paste"
    )
    assert [
        match[0] for text in blocks(UNREAD.sub(" ", users_page)) for match in FOREIGN.finditer(text)
    ] == []


@pytest.mark.parametrize("name", QUICK)
def test_an_answer_is_one_sentence_and_its_numbers_are_a_list(quick, name):
    page = (quick / name / "report.html").read_text(encoding="utf-8")
    answer = re.search(r'<div class="answer"><p class="first">(.*?)</p>\s*<ul>(.*?)</ul>', page, re.DOTALL)
    assert answer is not None
    assert len(re.findall(r"[.!?](?:\s|$)", html.unescape(answer[1]))) == 1
    assert answer[2].count("<li>") >= 2


@pytest.mark.slow
def test_no_page_of_the_main_job_has_words_that_stop_a_reader(tmp_path):
    conduct(list(WHOLE), Settings(out=tmp_path / "all", draws=600))
    pages = sorted((tmp_path / "all").rglob("*.html"))
    assert len(pages) == 8
    assert {str(page.parent.name): faults(page.read_text(encoding="utf-8")) for page in pages} == {
        page.parent.name: [] for page in pages
    }
    first = (tmp_path / "all" / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([\w/]+\.html)#([\w-]+)"', first)
    assert len(links) == 5, "each headline leads to its figure, and so does the picture"
    for file, part in links:
        assert f'id="{part}"' in (tmp_path / "all" / file).read_text(encoding="utf-8")
