"""Debian's chromium, driven by playwright: quiet, offline and without a sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.support.needs import find_program

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Root in a container has no sandbox; the rest keeps the browser off the network."""


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Run a headless chromium with these and `more` arguments."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_program("chromium"), args=[*ARGUMENTS, *more]
        )
        try:
            yield browser
        finally:
            browser.close()
