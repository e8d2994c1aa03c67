"""A kill at any moment loses nothing: earlier output stays, and the next run finishes."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.resources import killing, killing_commands
from tests.resources.machines import ROOT

pytestmark = pytest.mark.thorough

FEW, MANY = 8, 50
KILLS = [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]


@pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL")
@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("writer", killing.WRITERS)
def test_a_killed_writer_leaves_the_old_or_the_new_version(tmp_path, writer, kills):
    seed = str(np.random.default_rng().integers(2**32))  # different each time; shown on failure
    done = subprocess.run(
        [sys.executable, "-m", killing.__name__, writer, tmp_path, str(kills), seed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    results = json.loads(done.stdout)
    assert results["kills"] == kills and results["written"] >= kills
    if writer == "folder-in-two-steps" and kills == MANY:
        assert results["between"], "no kill came while the folder was not there"


@pytest.mark.slow  # a single kill: tests/runners/test_sweep.py
@pytest.mark.skipif(sys.platform == "win32", reason="process groups and SIGKILL")
@pytest.mark.parametrize(
    ("command", "whom", "kills"),
    [
        pytest.param(command, whom, kills, id=f"{command}-{whom}")
        for command in killing_commands.COMMANDS
        for whom, kills in (("group", 20), ("parent", 12))
    ],
)
def test_a_killed_command_loses_nothing_and_leaves_no_process(tmp_path, command, whom, kills):
    seed = str(np.random.default_rng().integers(2**32))
    done = subprocess.run(
        [sys.executable, "-m", killing_commands.__name__, command, tmp_path, str(kills), whom, seed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    results = json.loads(done.stdout)
    assert results["earlier"] + results["new"] == kills and results["killed"] > kills / 2, results
