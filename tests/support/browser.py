"""A real browser, and pages whose every request and complaint is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import FAR_AWAY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""The browser itself is to ask nobody for anything, and runs in containers too."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Watched:
    """A page with what it asked for and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def strangers(self, *known: str) -> list[str]:
        """Return the addresses asked for that start with none of the known ones."""
        inside = (*known, "data:", "blob:", "about:")
        return [address for address in self.requests if not address.startswith(inside)]


class Watcher:
    """Opens watched pages."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def open(self, address: str, **how: Any) -> Watched:
        """Open an address in a new context; ``how`` is what Playwright's ``new_context`` takes."""
        watched = Watched(page=self.browser.new_context(**how).new_page())
        page = watched.page
        page.set_default_timeout(1000 * FAR_AWAY)
        page.on("request", lambda request: watched.requests.append(request.url))
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on(
            "console",
            lambda line: watched.complaints.append(line.text) if line.type == "error" else None,
        )
        page.goto(address)
        return watched


def browser_path() -> str | None:
    """Return the program; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Watcher]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser_path(), args=FLAGS)
        yield Watcher(chromium)
        chromium.close()
