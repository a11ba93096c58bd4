"""A real browser without a window, for tests of pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str:
    """Where Chromium is; the test is skipped, and says so, where there is none, but fails in CI."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return found
    message = "there is no Chromium on this machine: scripts/install-programs brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def opened(**settings) -> Iterator[tuple[Page, list[str], list[str]]]:
    """A page, what its console says and what goes wrong in it, and what it asks for."""
    path = executable()
    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        # Tests may run as root, where Chromium's sandbox does not work.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            page = browser.new_page(**settings)
            page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error: said.append(f"error: {error}"))
            page.on("request", lambda request: asked.append(request.url))
            yield page, said, asked
        finally:
            browser.close()
