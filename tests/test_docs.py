"""The docs name what there is: every public function in the reference, every page in reach, every figure told in words."""

import re
from pathlib import Path

import pytest

import bayes_targets as bt

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts and "api" not in path.parts)


def test_the_reference_lists_every_public_name_once():
    listed = re.findall(r"^   (\w+)$", (DOCS / "reference.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(bt.__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_link_from_a_page_to_a_page_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_figure_of_a_page_has_a_text_alternative(page):
    cells = re.findall(r"```\{code-cell\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for cell in cells:
        drawn = re.search(r"^(bt\.plot_\w+|histogram)\(", cell, re.MULTILINE)
        assert not drawn or re.search(r'alt: "[^"]{20,}"', cell), cell


TERMS = (
    "ROPE",
    "R-hat",
    "k-hat",
    "E-value",
    "elpd",
    "robustness value",
    "exact engine",
    "Bayes factor",
    "partial pooling",
    "NUTS",
)
NOT_PROSE = re.compile(
    r"^(`{3,}).*?^\1|^#.*?$|`[^`]*`|\[[^\]]*\]\([^)]*\)|\*\*[^*]*\*\*|\*[^*]+\*", re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_a_page_that_uses_a_term_links_it_to_the_glossary(page):
    glossary = (DOCS / "glossary.md").read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    linked = {one or other for one, other in re.findall(r"\{term\}`(?:[^`<]*<([^`>]+)>|([^`<]+))`", text)}
    assert [term for term in linked if not re.search(rf"^{re.escape(term)}$", glossary, re.MULTILINE)] == []
    if page.name != "glossary.md":
        prose = NOT_PROSE.sub(" ", text)
        assert [t for t in TERMS if re.search(rf"(?<![\w-]){t}(?![\w-])", prose) and t not in linked] == []
