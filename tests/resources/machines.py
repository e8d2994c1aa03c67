"""A Dask cluster on this machine, of processes that are started as a user would: dask scheduler, dask worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

ROOT = Path(__file__).parents[2]
SECONDS = 300.0  # after which a scheduler or worker is taken to hang
LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")  # no test takes 8787

Process = subprocess.Popen[bytes]


class Machines:
    """A scheduler with as many workers as are started; each is the leader of a session, as if alone on its machine.

    Logs and other files go to `folder`; `options` are given to all. A task is given up once two workers died of it.
    """

    def __init__(self, folder: Path, workers: int, options: tuple[str, ...] = (), protocol: str = "tcp") -> None:
        self.folder, self.options = folder, options
        self.processes: list[Process] = []
        self.file = folder / "scheduler.json"
        files = ("--port", "0", "--scheduler-file", str(self.file))
        self.scheduler = self._start("scheduler", *LOOPBACK, "--protocol", protocol, *files, *options)
        try:
            self.address = self._address()
            self.workers = [self.worker() for _ in range(workers)]
        except BaseException:
            self.stop()
            raise

    def worker(self, path: Path = ROOT, *options: str) -> Process:
        """Start a worker of one thread that imports our packages from `path`."""
        options = ("--nthreads", "1", "--local-directory", str(self.folder), *self.options, *options)
        return self._start("worker", self.address, *LOOPBACK, *options, path=path)

    def wait(self, count: int) -> None:
        """Until so many workers have joined."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=SECONDS)

    def kill(self, process: Process) -> None:
        """Let a machine vanish: its worker and the nanny that would start another one."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)

    def stop(self) -> None:
        """End everything, the scheduler last, without which workers take long to leave."""
        for processes in (self.processes[1:], self.processes[:1]):
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(SECONDS)
                except subprocess.TimeoutExpired:
                    self.kill(process)

    def _start(self, *arguments: str, path: Path = ROOT) -> Process:
        settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1", "PYTHONPATH": str(path)}
        with (self.folder / f"{arguments[0]}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                cwd=self.folder,  # not the checkout, so that `path` alone decides
                env={**os.environ, **settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def _address(self) -> str:
        began = monotonic()
        while monotonic() - began < SECONDS:
            try:
                return str(json.loads(self.file.read_text())["address"])
            except (FileNotFoundError, json.JSONDecodeError):  # not there, or not yet whole
                sleep(0.05)
        raise TimeoutError(f"no scheduler within {SECONDS:g} s; see {self.folder}")
