"""The page in a browser: no errors, no network, nothing that axe finds; sorting, filtering and players work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from changed_bundles import changed
from report_bundles import disputed, hostile, sounding

from edge_export.report.page import write_report

WIDTHS = (390, 1024, 1600)
LOG_STARTS = """
window.starts = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...times) {
  window.starts.push(times);
  return start.apply(this, times);
};
"""
GAINS = "players[0].gains.map((gain) => Math.round(gain.gain.value * 100) / 100)"


def wait_until(page, expression: str) -> None:
    """Playwright's own `wait_for_function` needs eval, which the page's policy refuses."""
    for _ in range(1200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"{expression} does not come true")


@pytest.fixture(scope="module")
def pages(small_bundle, tmp_path_factory):
    """Three pages, by name: pictures, sounds, and a bundle full of a stranger's texts."""
    folder = tmp_path_factory.mktemp("pages")
    bundles = {
        "pictures": disputed(small_bundle, folder / "pictures"),
        "sounds": sounding(small_bundle, folder / "sounds"),
        "hostile": changed(small_bundle, folder / "hostile", hostile),
    }
    for name, bundle in bundles.items():
        write_report(bundle, folder / f"{name}.html")
    return {name: (folder / f"{name}.html").as_uri() for name in bundles}


@pytest.fixture
def visit(browser, pages):
    """Opens a page; what it logs and what it asks of a network must stay nothing."""

    @contextmanager
    def opened(name: str, **options: object) -> Iterator[object]:
        page = browser.new_page(**options)
        page.set_default_timeout(120_000)
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith("data:") or wrong.append(asked.url))
        page.add_init_script(LOG_STARTS)
        page.goto(pages[name])
        yield page
        page.close()
        assert wrong == [pages[name]]

    return opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["pictures", "sounds", "hostile"])
def test_everyone_can_read_it_at_every_width(name, scheme, visit):
    from axe_playwright_python.sync_playwright import Axe

    with visit(name, color_scheme=scheme) as page:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response
        assert [each["id"] for each in found["passes"] if each["id"] == "color-contrast"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
        plots = page.locator("svg.plot")
        assert plots.count() == 4
        assert all(plots.nth(index).bounding_box()["height"] > 100 for index in range(4))
        assert page.locator("svg.plot .mark").count() > 10
        assert page.evaluate("window.taken") is None


def test_its_policy_refuses_every_request(browser, pages):
    page = browser.new_page()
    page.goto(pages["pictures"])
    asked = "fetch('data:text/plain,x').then(() => 'loaded', () => 'refused')"
    assert page.evaluate(asked) == "refused"
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.taken = 1'}))")
    assert page.evaluate("window.taken") is None
    page.close()


def test_the_table_sorts_and_filters(visit):
    with visit("pictures") as page:
        column = "[...document.querySelectorAll('#table tbody tr:not([hidden])')].map((row) => row.cells[{}].{})"
        head = page.locator("#table thead button")
        head.nth(2).focus()
        page.keyboard.press("Enter")
        sizes = page.evaluate(column.format(2, "dataset.value"))
        known = [int(size) for size in sizes if size]
        assert known == sorted(known)
        assert sizes[-1] == "", "what has no number is last"
        assert page.locator("#table thead th").nth(2).get_attribute("aria-sort") == "ascending"
        head.nth(2).click()
        sizes = page.evaluate(column.format(2, "dataset.value"))
        assert [int(size) for size in sizes if size] == known[::-1]
        assert sizes[-1] == ""

        page.locator("#of-member").select_option("w1.0")
        assert set(page.evaluate(column.format(0, "textContent"))) == {"w1.0"}
        assert page.locator("#shown").text_content() == "3 of 7"
        page.locator("#of-status").select_option("failed")
        assert page.locator("#shown").text_content() == "1 of 7"
        page.locator("#find").fill("no such word")
        assert page.locator("#shown").text_content() == "0 of 7"
        page.locator("#of-member").select_option("")
        page.locator("#of-status").select_option("")
        page.locator("#find").fill("BELOW 90")
        assert page.locator("#shown").text_content() == "1 of 7"


def test_players_switch_at_the_same_instant(visit):
    with visit("sounds") as page:
        first = page.locator(".excerpt").first
        first.locator("input[type=range]").fill("0.25")
        first.locator(".play").click()
        wait_until(page, "players[0].sources.length === 7 && players[0].position > 0.25")
        starts = page.evaluate("window.starts")
        assert len(starts) == 7
        assert all(each == starts[0] for each in starts), "all tracks run in step"
        assert starts[0][1] == 0.25
        wait_until(page, f"{GAINS}.join() === '1,0,0,0,0,0,0'")

        first.locator("input[type=radio]").first.focus()
        page.keyboard.press("ArrowDown")
        wait_until(page, f"{GAINS}.join() === '0,1,0,0,0,0,0'")
        assert len(page.evaluate("window.starts")) == 7, "nothing starts anew"
        loudest = "players[0].buffers.map((buffer) => Math.max(...buffer.getChannelData(0).map(Math.abs)))"
        assert min(page.evaluate(loudest)) > 0.01

        page.locator(".excerpt").nth(1).locator(".play").click()
        wait_until(page, "players[1].sources.length === 7 && players[0].sources.length === 0")
        assert first.locator(".play").text_content() == "Play"
        page.keyboard.press("Space")
        wait_until(page, "players[1].sources.length === 0")
