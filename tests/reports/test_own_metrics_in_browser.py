"""A page with hundreds of own metrics in a real browser: the table can be read, and each metric drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_querycache.reports.html import html_report
from tests.reports.test_page_in_browser import (
    CHROMEDRIVER,
    CHROMIUM,
    FLAGS,
    Browser,
    pytestmark,
    webdriver,
)
from tests.reports.test_page_records import with_own_metrics

__all__ = ["pytestmark"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with a page of 200 tests, each of which has a metric of its own."""
    folder: Path = tmp_path_factory.mktemp("own")
    (folder / "page.html").write_text(html_report(with_own_metrics(200)), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=CHROMEDRIVER))
    yield Browser(driver, (folder / "page.html").as_uri())
    driver.quit()


def test_columns(browser: Browser) -> None:
    """The table begins with a few of the metrics; each of the others is shown on request, with what it was."""
    browser.open()
    assert len(browser.driver.find_elements("css selector", "#records thead th")) < 30
    browser.element("#search").send_keys("test[0100]")
    browser.element("#columns summary").click()
    (box,) = (
        label.find_element("css selector", "input")
        for label in browser.driver.find_elements("css selector", "#column-list label")
        if label.text.strip() == "latency_0100"
    )
    box.click()
    last = browser.element("#records tbody tr td:last-child")
    assert last.text.split() == ["600", "µs", "400", "µs", "·", "1.50x"]
    assert browser.complaints() == []


def test_the_scatter(browser: Browser) -> None:
    """Every metric that the baseline knows too can be drawn, and each is one dot."""
    browser.open()
    options = browser.driver.find_elements("css selector", "#scatter-metric option")
    assert len(options) == 1 + 100
    options[-1].click()
    assert browser.run("return document.querySelectorAll('#scatter path').length") == 1
    assert (
        browser.run("return document.querySelector('#scatter path').getAttribute('d').split('M').length") == 2
    )
    assert browser.complaints() == []
