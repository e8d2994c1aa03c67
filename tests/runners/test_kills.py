"""Killed at any moment, nothing is lost: what was written before stays, and the next run gets to its end."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.resources import killing
from tests.resources.machines import ROOT

FEW, MANY = 8, 50
KILLS = [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]


@pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL")
@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("writer", killing.WRITERS)
def test_a_writer_killed_at_random_leaves_the_old_or_the_new(tmp_path, writer, kills):
    seed = str(np.random.default_rng().integers(2**32))  # another one each time; a failure names it
    done = subprocess.run(
        [sys.executable, "-m", killing.__name__, writer, tmp_path, str(kills), seed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    told = json.loads(done.stdout)
    assert told["kills"] == kills and told["written"] >= kills
