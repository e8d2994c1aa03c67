"""A browser, and folders of pages as the commands write them on the bundled sample."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.resources.chromium import launched, opened, required
from tests.resources.commands import MULTIVERSE, RUN, SWEEP

COMMANDS = {
    "run": RUN,
    "sweep": SWEEP,
    "multiverse": MULTIVERSE,
    "calibration": ("calibrate", "--markets", "1", "--draws", "40"),
}

FOLDERS = {"run": "latest"}  # under reports/, where it is not that of the command


@pytest.fixture(scope="session")
def chromium() -> str:
    return required()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One for a module: while it lives, no other test of this process could use asyncio."""
    with launched(chromium) as found:
        yield found


@pytest.fixture
def opening(browser):
    return partial(opened, browser)


@pytest.fixture(scope="session")
def folders(chromium: str, run_once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one folder a command in it."""
    place = tmp_path_factory.mktemp("pages")
    for name, words in COMMANDS.items():
        ran, _ = run_once(*words)
        (place / name).symlink_to(ran / "reports" / FOLDERS.get(name, name))
    return place
