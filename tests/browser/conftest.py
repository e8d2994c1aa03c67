"""A browser, and folders of pages as the commands write them on the bundled sample."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.resources.chromium import launched, opened, required

COMMANDS = {
    "run": ("deepseek", "gpu_bubble", "ai_software", "policy_winners", "--source", "sample"),
    "sweep": ("sweep", "gpu_bubble", "-p", "hold=20,60", "-p", "rebalance=5,20", "--source", "sample"),
    "multiverse": ("multiverse", "bad_news", "two_shocks", "--source", "sample"),
    "calibration": ("calibrate", "--markets", "2"),
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
