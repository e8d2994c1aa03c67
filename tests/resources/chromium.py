"""The system's Chromium, driven by Playwright, and what a page must not do in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

VARIABLE = "DEEPSEEK_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ABSENT = f"no browser: none of {', '.join(NAMES)} is on the path; install Debian's chromium or name one in {VARIABLE}"
LOCAL = ("file:", "data:", "about:")
MILLISECONDS = 300_000  # after which a page is taken to hang


def executable() -> str | None:
    """Where the browser is: the variable first, then the path; Playwright's own ones are never downloaded."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)


def required() -> str:
    """Where the browser is; without one CI fails, and elsewhere nothing is run."""
    path = executable()
    if path is None and os.environ.get("CI"):
        pytest.fail(ABSENT)
    return path or pytest.skip(ABSENT)


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


def address(file: Path, fragment: str = "") -> str:
    return file.resolve().as_uri() + fragment


@contextmanager
def opened(
    browser: Browser, width: int = 1280, height: int = 900, scheme: str = "light", touch: bool = False
) -> Iterator[Page]:
    """A page that says at the end what it wrote to the console, what failed and what left the machine: nothing."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", has_touch=touch
    )
    context.set_default_timeout(MILLISECONDS)
    page, bad = context.new_page(), []
    page.on("dialog", lambda dialog: (bad.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("console", lambda message: bad.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: bad.append(f"error: {error}"))
    page.on("request", lambda request: request.url.startswith(LOCAL) or bad.append(f"request: {request.url}"))
    page.on("requestfailed", lambda request: bad.append(f"not loaded: {request.url}"))
    yield page
    context.close()
    assert bad == [], bad
