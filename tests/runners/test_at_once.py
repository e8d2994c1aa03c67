"""Concurrent commands on the same folder, cache and ledger take turns, or one is refused."""

from __future__ import annotations

import signal
import sys
from contextlib import closing

import pytest

from runners.engine.trial_ledger import TrialLedger
from tests.resources.killing_commands import PATIENCE, MainJob, Sweep, snapshot, wait

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="process groups")]


def test_concurrent_runs_share_folder_cache_and_ledger(tmp_path):
    with closing(MainJob(tmp_path / "place")) as command:
        for process in [command.start(number) for number in (0, 0, 1, 1)]:
            _, stderr = process.communicate(timeout=PATIENCE)
            assert (process.returncode, stderr) == (0, "")
        number = command.number()
        assert number in (0, 1)
        command.check(1)
        assert len(TrialLedger(command.place / "trials.sqlite").read()) == 2
        # The second day has one more session; each session is fetched by one command.
        assert len(command.yahoo.asked) in (2, 4)
        assert command.left() == set()


def test_a_second_sweep_into_a_folder_is_refused_and_changes_nothing(tmp_path):
    with closing(Sweep(tmp_path / "place")) as command:
        first = command.start(0)
        wait(first, command.kept.exists)
        first.send_signal(signal.SIGSTOP)  # paused, so that the second may start slowly
        second = command.start(1)
        _, stderr = second.communicate(timeout=PATIENCE)
        first.send_signal(signal.SIGCONT)
        where = f"--out {command.out} is in use by another sweep"
        assert (second.returncode, stderr) == (2, f"error: {where}; wait for it or name another\n")
        _, stderr = first.communicate(timeout=PATIENCE)
        assert (first.returncode, stderr, command.number()) == (0, "", 0)
        assert len((command.place / "runs").read_text().split()) == command.SIZE
        assert command.left() == set()
        before = snapshot(command.out)
        command.finish(0)
        assert snapshot(command.out) == before
