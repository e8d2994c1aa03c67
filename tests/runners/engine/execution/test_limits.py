"""Limits of starting processes, which hold in code that never returns."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from runners.engine.execution.limits import START_LIMIT
from tests.resources.commands import ROOT, python

NEVER_READY = """\
import os
from pathlib import Path
Path({mark!r}).write_text(str(os.getpid()))
while True:
    pass
"""
COMMAND = """\
import signal
from runners.engine.execution.processes import preload
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # a shell's background ignores some
preload(["never_ready"])
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the server ends when its imports do, or reach a limit")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_server_that_never_gets_ready_ends_with_its_command(tmp_path, number):
    mark = tmp_path / "pid"
    os.mkfifo(mark)
    (tmp_path / "never_ready.py").write_text(NEVER_READY.format(mark=str(mark)))
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path)))},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as command:
        server = os.pidfd_open(int(mark.read_text()))
        command.send_signal(number)
        assert command.stdout is not None and command.stdout.read() == b"", "a pipe behind it ends"
    ended = select.poll()
    ended.register(server, select.POLLIN)
    assert ended.poll(600_000), "the server still runs"
    os.close(server)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_start_that_takes_too_long_is_ended():
    code = "from runners.engine.execution.limits import *; set_processor_limit(0.05)\nwhile True: pass"
    assert python("-c", code).returncode == -signal.SIGPROF


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_only_imports_of_the_server_are_limited():
    code = """\
import signal
import runners.engine.execution.server_starting
print(signal.getitimer(signal.ITIMER_PROF)[0])
import runners.engine.execution.server_ready
print(signal.getitimer(signal.ITIMER_PROF)[0])
"""
    starting, ready = map(float, python("-c", code).stdout.split())
    assert 0 < starting < START_LIMIT + 1 and ready == 0  # its clock has steps of milliseconds
