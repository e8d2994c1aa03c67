"""A browser, and folders of pages as the commands write them on the bundled sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser

from tests.resources.chromium import launched, opened, required
from tests.resources.commands import within

COMMANDS = {
    "run": ("deepseek", "gpu_bubble", "ai_software", "policy_winners", "--source", "sample"),
    "sweep": ("sweep", "gpu_bubble", "-p", "hold=20,60", "-p", "rebalance=5,20", "--source", "sample"),
    "multiverse": ("multiverse", "us_over_china", "--source", "sample"),
    "calibration": ("calibrate", "--markets", "2"),
}


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
def folders(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one folder a command in it, made by the first of the workers that needs it."""
    shared = (
        tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else tmp_path_factory.getbasetemp()
    )
    out = shared / "pages"
    with FileLock(out.with_suffix(".lock")):
        if not out.exists():
            made = tmp_path_factory.mktemp("made")
            for name, (command, *words) in COMMANDS.items():
                done = within(command, *words, "--out", made / name)
                assert done.returncode == 0, done.stderr
            made.rename(out)
    return out
