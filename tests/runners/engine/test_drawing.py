"""Tearsheets drawn in worker processes: drawing, reuse, and the death of a worker."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

import runners
from data.errors import WorkError
from reports.folders import run as run_folder
from reports.pages.tearsheet import inputs_key
from runners.engine import drawing
from runners.engine.drawing import draw_tearsheets, unchanged_page
from runners.engine.execution.executor import WorkerDiedError, no_progress
from tests.resources import workers


@pytest.fixture(scope="module")
def run():
    return runners.run(["bad_news", "gpu_bubble"], source="sample", hold=60)


def test_only_pages_that_have_changed_are_drawn(run, tmp_path):
    finished: list[str] = []
    pages = draw_tearsheets(run, None, 2, finished.append)
    assert list(pages) == ["bad_news", "gpu_bubble"] and sorted(finished) == ["bad_news", "gpu_bubble"]
    kept = pages["gpu_bubble"] + b"<!-- kept -->"  # which drawing never gives
    run_folder.write(run, {"bad_news": b"damaged", "gpu_bubble": kept}, tmp_path / "out")
    finished.clear()
    assert draw_tearsheets(run, tmp_path / "out", 1, finished.append) == {**pages, "gpu_bubble": kept}
    assert finished == ["gpu_bubble", "bad_news"]


def test_a_page_is_reused_while_its_inputs_and_its_bytes_are_the_same(run, tmp_path):
    key = inputs_key(run.results[0], run)
    content = f'<meta name="inputs" content="{key}">'.encode()
    known = sha256(content).hexdigest()
    (tmp_path / "page.html").write_bytes(content)
    os.mkfifo(tmp_path / "pipe.html")
    assert unchanged_page(tmp_path / "page.html", key, known) == content
    assert unchanged_page(tmp_path / "page.html", key, "0" * 64) is None
    assert unchanged_page(tmp_path / "page.html", "0" * 64, known) is None
    assert unchanged_page(tmp_path / "gone.html", key, known) is None
    assert unchanged_page(tmp_path / "pipe.html", key, known) is None


def test_a_reading_that_cannot_be_drawn_is_named(run):
    equity = run.results[0].equity.copy()
    equity.iloc[7] = np.nan
    broken = replace(run.results[0], name="broken", equity=equity)
    with pytest.raises(WorkError, match=r"^broken failed: ValueError: broken: no return on"):
        draw_tearsheets(replace(run, results=(broken,)), None, 1, no_progress)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_page_whose_worker_dies_is_drawn_once_more(monkeypatch, tmp_path):
    monkeypatch.setattr(drawing, "_draw", workers.draw_or_die)
    assert drawing._draw_all(tmp_path, ["a", "once", "b", "c"], 2, no_progress) == [b"a", b"once", b"b", b"c"]
    with pytest.raises(WorkerDiedError, match=r"^always: its worker process died"):
        drawing._draw_all(tmp_path, ["a", "always"], 2, no_progress)
