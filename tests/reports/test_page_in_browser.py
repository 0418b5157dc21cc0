"""The page in a real browser: it sorts, filters and answers to keys, asks for nothing, and complains of nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_querycache.model.baseline import Entry, Figure
from pytest_querycache.model.record import Record
from pytest_querycache.reports.html import html_report
from tests.accounts import LIST, account
from tests.reports.test_html import HOSTILE

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not CHROMIUM or not CHROMEDRIVER, reason="needs Debian's packages chromium and chromium-driver"
)

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
NARROW = 360


def page_text() -> str:
    """A page with hundreds of records, hostile names among them."""
    whole = account()
    assert whole.section is not None
    for number in range(300):
        name = f"tests/test_many.py::test_{number}"
        cost = 1_000 * (number * 37 % 301 + 1)
        whole.run.records[name] = Record(node_id=name, values={"wall_time": cost, "allocated_bytes": cost})
        whole.section.entries[name] = Entry(
            [("wall_time", Figure(cost * 1.1)), ("allocated_bytes", Figure(64))]
        )
    for name in HOSTILE:
        whole.run.records[name] = Record(node_id=name, values={"wall_time": 5})
    return html_report(whole)


class Browser:
    """A driven browser with a page in it."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        self.address = address

    def run(self, script: str) -> Any:
        """What a piece of script gives."""
        return self.driver.execute_script(script)

    def open(self, *, width: int = 1200, scheme: str = "light") -> None:
        """Load the page anew, in a window of this width and a colour scheme."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(self.address)

    def column(self, number: int) -> list[str]:
        """The first lines of the cells of a column of the table of all records, as they are shown."""
        script = (
            "return [...document.querySelectorAll('#records tbody tr')]"
            ".map((row) => row.children[%d].firstChild?.textContent.toWellFormed())"
        )
        cells: list[str] = self.run(script % number)
        return cells

    def element(self, selector: str) -> Any:
        """An element of the page."""
        return self.driver.find_element("css selector", selector)

    def complaints(self) -> list[dict[str, Any]]:
        """What the console holds."""
        found: list[dict[str, Any]] = self.driver.get_log("browser")
        return found

    def requests(self) -> set[str]:
        """Every address that was asked for on the page's behalf; a browser's own first window asks for more."""
        events = [json.loads(each["message"])["message"] for each in self.driver.get_log("performance")]
        asked = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return {each["request"]["url"] for each in asked if each["documentURL"].startswith(self.address)}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with a profile of its own."""
    folder: Path = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(page_text(), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=CHROMEDRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield Browser(driver, (folder / "page.html").as_uri())
    driver.quit()


@pytest.fixture
def browser(started: Browser) -> Iterator[Browser]:
    """The browser with the page fresh in it; a test in which the page complained or asked for more fails."""
    started.requests()
    started.open()
    yield started
    assert started.complaints() == []
    assert {address.partition("#")[0] for address in started.requests()} == {started.address}


def test_sorts(browser: Browser) -> None:
    """A click on a metric puts its largest first, the next click its smallest, and unmeasured ones stay last."""
    button = "#records thead th:nth-child(3) button"
    browser.element(button).click()
    assert browser.column(2)[:3] == ["250 ms", "4.00 ms", "301 µs"]
    assert browser.element("#records thead th:nth-child(3)").get_attribute("aria-sort") == "descending"
    browser.element(button).click()
    assert browser.column(2)[0] == "5 ns"
    while browser.element("#more").is_displayed():
        browser.element("#more").click()
    assert browser.column(2)[-1] is None
    assert len(browser.column(0)) == 311


def test_searches_and_filters(browser: Browser) -> None:
    """Every word of a search must be in the name, and a verdict can be asked for."""
    browser.element("#search").send_keys("MANY test_29")
    assert sorted(browser.column(0)) == [
        f"tests/test_many.py::test_{number}" for number in (29, *range(290, 300))
    ]
    assert browser.element("#found").text == "11 of 311"
    browser.element("#search").clear()
    browser.run(
        "const s = document.getElementById('verdict'); s.value = '0'; s.dispatchEvent(new Event('change'))"
    )
    assert browser.column(0) == [LIST]


def test_columns_can_be_chosen(browser: Browser) -> None:
    """A metric that is context is shown on request."""
    assert "rows_per_s (rows/s)" in browser.element("#records thead").text
    browser.element("#columns summary").click()
    boxes = browser.driver.find_elements("css selector", "#column-list input")
    unchecked = [box for box in boxes if not box.is_selected()]
    before = len(browser.driver.find_elements("css selector", "#records thead th"))
    unchecked[0].click()
    assert len(browser.driver.find_elements("css selector", "#records thead th")) == before + 1


def test_the_scatter_names_and_filters(browser: Browser) -> None:
    """Pointing at a record names it with its figures, and a click shows it alone in the table."""
    place = browser.run(
        "const svg = document.getElementById('scatter'); svg.scrollIntoView();"
        "const [x, y] = svg.querySelector('path.worse').getAttribute('d').match(/[0-9.]+/g);"
        "const box = svg.getBoundingClientRect(), scale = box.width / 640;"
        "const at = {clientX: box.left + x * scale, clientY: box.top + y * scale, bubbles: true};"
        "svg.dispatchEvent(new PointerEvent('pointermove', at));"
        "const said = document.getElementById('scatter-said').textContent;"
        "svg.dispatchEvent(new MouseEvent('click', at)); return said"
    )
    assert place == f"{LIST} 2.00 ms → 4.00 ms (2.00x), regressed"
    assert browser.column(0) == [LIST]


def test_the_keyboard_alone_is_enough(browser: Browser) -> None:
    """Arrow keys walk through the scatter, Enter shows the record, and sorting keeps its heading in focus."""
    keys = webdriver.Keys
    scatter = browser.element("#scatter")
    scatter.send_keys(keys.ARROW_RIGHT)
    first = browser.element("#scatter-said").text
    scatter.send_keys(keys.ARROW_RIGHT)
    assert browser.element("#scatter-said").text != first
    scatter.send_keys(keys.ARROW_LEFT, keys.ENTER)
    assert browser.column(0) == [first.split(" ")[0]]
    browser.element("#records thead button").send_keys(keys.ENTER)
    assert browser.run("return document.activeElement.textContent") == "test ↑"


def test_another_metric_in_the_scatter(browser: Browser) -> None:
    """The scatter draws any metric that both sides know."""
    before = browser.element("#scatter").get_attribute("innerHTML")
    browser.element("#scatter-metric option:nth-child(2)").click()
    assert browser.element("#scatter").get_attribute("innerHTML") != before


def test_hostile_names_are_only_text(browser: Browser) -> None:
    """Names with tags and quotes are shown as they are, and nothing of them becomes an element."""
    browser.element("#search").send_keys("t.py::t[")
    shown = browser.column(0)
    assert set(HOSTILE[:-1]) <= set(shown)
    assert (
        browser.run("return document.querySelectorAll('#records script, #records img, #records b').length")
        == 0
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes(browser: Browser, scheme: str) -> None:
    """The ground is light or dark as the reader's system is, and the text has the contrast WCAG AA asks for."""
    browser.open(scheme=scheme)
    contrast = browser.run(
        "const light = (text) => { const c = text.match(/[0-9.]+/g).slice(0, 3).map(Number).map((v) => v / 255)"
        ".map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);"
        "return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };"
        "const style = (s) => getComputedStyle(document.querySelector(s));"
        "const ground = light(style('body').backgroundColor);"
        "const all = ['body', '.quiet', '.ratio', '.note', 'a'].map((s) => light(style(s).color));"
        "return [ground, Math.min(...all.map((l) => "
        "(Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05)))]"
    )
    assert (contrast[0] > 0.5) == (scheme == "light")
    assert contrast[1] >= 4.5


def test_a_telephone(browser: Browser) -> None:
    """At 360 pixels nothing but the tables is wider than the window, and those scroll by themselves."""
    browser.open(width=NARROW)
    assert browser.run("return document.documentElement.scrollWidth") <= NARROW
    assert browser.run(
        "const s = document.querySelector('#all .scroll'); return s.scrollWidth > s.clientWidth"
    )
