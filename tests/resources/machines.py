"""A Dask cluster on this machine, started as a user would: dask scheduler, dask worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

ROOT = Path(__file__).parents[2]
SECONDS = 300.0  # after which a scheduler or worker counts as hanging
LOOPBACK = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")  # no test uses port 8787

Process = subprocess.Popen[bytes]


class Machines:
    """A scheduler and workers; each process leads its own session, as if on a machine of its own.

    Logs and other files go to `folder`; `options` apply to all processes. A task is given up after killing two workers.
    A nanny starts a worker again; it is a process of its own, and takes a second.
    """

    def __init__(
        self,
        folder: Path,
        workers: int,
        options: tuple[str, ...] = (),
        protocol: str = "tcp",
        nannies: bool = True,
    ) -> None:
        self.folder, self.options = folder, options
        self.nannies = () if nannies else ("--no-nanny",)
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
        """Start a worker with one thread that imports this project from `path`."""
        options = ("--nthreads", "1", "--local-directory", str(self.folder), *self.nannies, *self.options, *options)
        return self._start("worker", self.address, *LOOPBACK, *options, path=path)

    def wait(self, count: int) -> None:
        """Wait until `count` workers have joined."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=SECONDS)

    def kill(self, process: Process) -> None:
        """Kill a machine: its worker and the nanny that would restart it."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(SECONDS)

    def stop(self) -> None:
        """Stop all processes, the scheduler last, since workers are slow to exit without it."""
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
                cwd=self.folder,  # not the checkout, so that only `path` matters
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
            except (FileNotFoundError, json.JSONDecodeError):  # missing or incomplete
                sleep(0.05)
        raise TimeoutError(f"no scheduler within {SECONDS:g} s; see {self.folder}")
