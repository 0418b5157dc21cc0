"""The history's charts in a real browser: readable in both colour schemes and on a telephone, and told in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_querycache.reports.html import html_report
from tests.reports.test_history_chart import with_charts
from tests.reports.test_page_in_browser import (
    CHROMEDRIVER,
    CHROMIUM,
    FLAGS,
    NARROW,
    Browser,
    pytestmark,
    webdriver,
)

__all__ = ["pytestmark"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with a page of three charts."""
    folder: Path = tmp_path_factory.mktemp("history")
    (folder / "page.html").write_text(html_report(with_charts()), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=CHROMEDRIVER))
    yield Browser(driver, (folder / "page.html").as_uri())
    driver.quit()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, 1200])
def test_everything_lies_inside_and_can_be_seen(browser: Browser, scheme: str, width: int) -> None:
    """No line, dot or label leaves its chart, all stand out from the ground, and no label covers a dot."""
    browser.open(width=width, scheme=scheme)
    outside, covered, contrast, wide = browser.run(
        "const box = (e) => e.getBoundingClientRect();"
        "const light = (text) => { const c = text.match(/[0-9.]+/g).slice(0, 3).map(Number).map((v) => v / 255)"
        ".map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);"
        "return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]; };"
        "const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);"
        "const charts = [...document.querySelectorAll('.history svg')];"
        "const ground = light(getComputedStyle(charts[0]).backgroundColor);"
        "const off = (a, b) => a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 "
        "|| a.bottom > b.bottom + 1;"
        "const over = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;"
        "const outside = charts.flatMap((c) => [...c.querySelectorAll('line, polyline, circle, text')]"
        ".filter((e) => e.getBBox().width + e.getBBox().height > 0 && off(box(e), box(c))));"
        "const covered = charts.flatMap((c) => [...c.querySelectorAll('text')].filter((t) => t.textContent &&"
        "[...c.querySelectorAll('circle')].some((d) => over(box(t), box(d)))));"
        "const inks = charts.flatMap((c) => [...c.querySelectorAll('text')].map((t) => getComputedStyle(t).fill));"
        "return [outside.length, covered.length, Math.min(...inks.map((i) => ratio(light(i), ground))),"
        "document.documentElement.scrollWidth]"
    )
    assert (outside, covered) == (0, 0)
    assert contrast >= 4.5
    assert wide <= width
    assert browser.complaints() == []


def test_the_chart_in_words(browser: Browser) -> None:
    """A screen reader is given the chart's name and its description."""
    browser.open()
    node = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    charts = [each for each in node if "over 46 runs" in each.get("name", {}).get("value", "")]
    assert {each["role"]["value"] for each in charts} <= {"image", "img"}
    (chart,) = charts
    assert "The baseline is 1.20 MB. The limit is 1.56 MB." in chart["description"]["value"]
