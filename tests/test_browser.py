"""The pages in a browser: headless Chromium, wide and narrow, light and dark. Run with -m browser."""

import html
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayes_targets.workflow.analysis import Settings, conduct

pytestmark = pytest.mark.browser

FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}
LOOKS = list(product(SIZES, ("light", "dark")))
HOSTILE = (
    "<script>document.title='owned'</script>",
    "\"'><img src=x onerror=document.title='owned'>",
    "שלום \u202eevil\u202c مرحبا",
    "R&D &amp; <b>bold</b>",
)
# What passed is not told, which takes most of the time.
AXE = {"resultTypes": ["violations"]}
PAGES = (
    "index.html",
    "claims/report.html",
    "cohesion_published/report.html",
    "lpsa_policy_areas/report.html",
    "cohesion_authorities/report.html",
    "cohesion_anchoring/report.html",
    "sensitivity/report.html",
)
# The first page in every look; of the others two that together hold every size and scheme.
SEEN = [(PAGES[0], *look) for look in LOOKS] + [
    (page, *look) for page in PAGES[1:] for look in (("desktop", "light"), ("phone", "dark"))
]


def hostile_file(folder: Path) -> Path:
    """Authorities whose types are what a careless page would run."""
    rng = np.random.default_rng(7)
    types = np.repeat(HOSTILE, 15)
    before = rng.normal(75, 5, types.size)
    target = rng.integers(0, 2, types.size)
    after = before * (1 + (rng.normal(-2, 4, types.size) + target) / 100)
    frame = pd.DataFrame(
        {
            "authority": [f"<i>{i}</i>" for i in range(types.size)],
            "authority_type": types,
            "baseline": before.round(2),
            "outcome": after.round(2),
            "target": target,
        }
    )
    path = folder / "hostile.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the claims and all that they need, and one on a hostile file, in one folder."""
    folder = tmp_path_factory.mktemp("browser")
    out = folder / "results"
    conduct(["cohesion_authorities"], Settings(out=out, draws=300, data=hostile_file(folder)))
    conduct(["claims"], Settings(out=out, draws=600))
    return out


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium is not None, "no Chromium: install the package 'chromium'"
    with sync_playwright() as playwright:
        # Playwright starts every browser with an empty profile of its own.
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS, chromium_sandbox=False)
        yield running
        running.close()


class Opened:
    """A page that was opened in a look, and what it said while it was."""

    def __init__(self, browser: Any, address: str, size: str, scheme: str) -> None:
        self.context = browser.new_context(viewport=SIZES[size], color_scheme=scheme)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.fixture
def opened(browser: Any, results: Path) -> Any:
    return lambda page, size="desktop", scheme="light": Opened(
        browser, (results / page).as_uri(), size, scheme
    )


@pytest.mark.parametrize(("page", "size", "scheme"), SEEN)
def test_a_page_is_silent_alone_not_too_wide_and_accessible(opened, results, page, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    with opened(page, size, scheme) as shown:
        assert shown.said == [], "nothing in the console"
        # its figures are in the page; the first page has one picture, which is a file beside it
        files = [address for address in shown.asked if not address.startswith("data:image/svg+xml")]
        beside = [(results / "cohesion_published" / "masses.svg").as_uri()] if page == PAGES[0] else []
        assert files == [(results / page).as_uri(), *beside], "nothing but the page itself"
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
        shown.page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        serious = [
            (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
            for violation in Axe().run(shown.page, options=AXE).response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == []


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_has_a_text_alternative_and_is_drawn(opened, page):
    with opened(page) as shown:
        figures = shown.page.locator("img")
        for i in range(figures.count()):
            figure = figures.nth(i)
            assert len(figure.get_attribute("alt") or "") > 10
            assert figure.evaluate("it => it.naturalWidth > 0 && it.getBoundingClientRect().height > 50")


def test_figures_stand_on_a_white_plate_in_the_dark(opened):
    plate = "getComputedStyle(document.querySelector('figure .plate')).backgroundColor"
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(PAGES[2], "desktop", "dark") as dark:
        assert dark.page.evaluate(plate) == "rgb(255, 255, 255)"
        assert dark.page.evaluate(ground) == "rgb(20, 24, 29)"


def test_a_button_copies_the_paragraph_and_another_the_table(opened, browser):
    with opened("cohesion_published/report.html") as shown:
        shown.context.grant_permissions(["clipboard-read", "clipboard-write"])
        paragraph = shown.page.locator("#paste")
        shown.page.get_by_text("Copy paragraph").click()
        shown.page.get_by_text("Copied").wait_for()
        assert shown.page.evaluate("navigator.clipboard.readText()") == paragraph.inner_text()
        shown.page.locator("button[data-copy='table-answer']").click()
        rows = shown.page.evaluate("navigator.clipboard.readText()").splitlines()
        assert rows[0].split("\t")[0] == "Term" and len(rows) == 3


def test_without_a_script_there_are_no_buttons_and_all_else_is_there(browser, results):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((results / "cohesion_published/report.html").as_uri())
    assert page.locator("button:visible").count() == 0
    assert page.locator("#paste").is_visible() and page.locator("table").count() > 5
    context.close()


def test_on_a_phone_the_ledger_is_blocks_and_the_picture_is_on_screen(opened):
    with opened("index.html", "phone") as shown:
        row = shown.page.locator(".ledger tbody tr").first
        assert row.evaluate("it => getComputedStyle(it).display") == "block"
        assert row.bounding_box()["width"] <= 360
        answer, picture, first = (
            shown.page.locator(name).first.bounding_box()
            for name in (".answer", ".cover img", ".headlines li")
        )
        assert picture["width"] <= 360
        # The answer, then the picture, then the rest: it begins on the first screen.
        assert answer["y"] + answer["height"] <= picture["y"] < 740
        assert picture["y"] + picture["height"] <= first["y"]


def test_links_between_the_pages_lead_there_and_back(opened, results):
    with opened("index.html") as shown:
        links = shown.page.locator("a[href$='report.html']").evaluate_all("all => all.map(a => a.href)")
        assert {Path(link).parent.name for link in links} == {
            file.parent.name for file in results.glob("*/report.html")
        }
        for link in sorted(set(links)):
            shown.page.goto(link)
            files = shown.page.locator("a:not([href^='#'])").evaluate_all("all => all.map(a => a.href)")
            missing = [file for file in files if not Path(file.removeprefix("file://")).is_file()]
            assert missing == []
            shown.page.get_by_text("All results of this run").click()
            assert shown.page.url == (results / "index.html").as_uri()


@pytest.mark.parametrize(("size", "lowest"), [("desktop", 800)])
def test_the_answer_and_every_headline_are_seen_without_scrolling(opened, size, lowest):
    with opened("index.html", size) as shown:
        headlines = shown.page.locator(".headlines li")
        assert headlines.count() == 4
        for part in (shown.page.locator(".answer"), *(headlines.nth(i) for i in range(4))):
            box = part.bounding_box()
            assert box is not None and box["y"] + box["height"] <= lowest
        assert "very likely improved more than others (92%)" in shown.page.locator(".answer").inner_text()
        for part in (".cover img", ".box", ".scale"):
            box = shown.page.locator(part).first.bounding_box()
            assert box is not None and box["y"] + box["height"] <= lowest, part


def test_the_first_stop_of_the_keyboard_skips_to_the_content(opened):
    with opened(PAGES[2]) as shown:
        shown.page.keyboard.press("Tab")
        assert shown.page.evaluate("document.activeElement.className") == "skip"
        shown.page.keyboard.press("Enter")
        assert shown.page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_from_a_file_is_shown_as_text(opened, results, name):
    with opened("cohesion_authorities/report.html") as shown:
        assert shown.page.title() != "owned"
        assert (
            shown.page.locator(
                "main script, main i, main b, main img:not([src^='data:image/svg+xml'])"
            ).count()
            == 0
        )
        cells = shown.page.locator("tbody th").all_inner_texts()
        assert name in cells, "as a row of a table"
    drawing = next((results / "cohesion_authorities").glob("types_*.svg")).read_text(encoding="utf-8")
    assert html.escape(name.split()[0].split("=")[0][:8], quote=False) in drawing, "as a label of a figure"


def test_on_paper_a_page_is_light_and_nothing_is_cut_off(browser, results):
    with Opened(browser, (results / PAGES[2]).as_uri(), "desktop", "dark") as shown:
        shown.page.emulate_media(media="print", color_scheme="light")
        assert shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert (
            shown.page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
        )
        assert len(shown.page.pdf(format="A4")) > 20_000


def test_on_paper_the_first_page_holds_the_answer(browser, results):
    with Opened(browser, (results / PAGES[0]).as_uri(), "desktop", "light") as shown:
        # an A4 page less its margins, at 96 dots an inch
        shown.page.set_viewport_size({"width": 688, "height": 1016})
        shown.page.emulate_media(media="print")
        for part in (".answer", ".headlines", ".cover img", ".box"):
            box = shown.page.locator(part).first.bounding_box()
            assert box is not None and box["y"] + box["height"] <= 1016, part


DOCS = Path(__file__).parents[1] / "docs" / "_build" / "html"


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_the_front_page_of_the_docs_is_silent_alone_not_too_wide_and_accessible(browser, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    front = DOCS / "index.html"
    assert front.is_file(), "build the docs first: uv run --group docs sphinx-build -W docs docs/_build/html"
    with Opened(browser, front.as_uri(), size, scheme) as shown:
        assert shown.said == []
        assert all(asked.startswith(("file:", "data:")) for asked in shown.asked), "nothing from the network"
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
        assert all(
            shown.page.locator("img").evaluate_all(
                "all => all.map(it => it.alt.length > 20 && it.naturalWidth > 0)"
            )
        )
        serious = [
            (violation["id"], [node["html"][:200] for node in violation["nodes"][:3]])
            for violation in Axe().run(shown.page, options=AXE).response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert serious == []
        links = shown.page.locator("main a[href]").evaluate_all("all => all.map(it => it.href.split('#')[0])")
        gone = [
            link
            for link in links
            if link.startswith("file:") and not Path(link.removeprefix("file://")).is_file()
        ]
        assert links and gone == []
