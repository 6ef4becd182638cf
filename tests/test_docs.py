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
