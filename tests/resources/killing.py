"""Kill a writer at random moments and check what is left.

    python -m tests.resources.killing WRITER FOLDER KILLS SEED

For each kill a child is forked, which writes one version after another until SIGKILL. After each kill the stored
version must be complete, and after the last one an undisturbed writer must finish.
Prints how many versions were written, and how many kills came between the two steps of a two-step exchange.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from hashlib import sha256
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd

from data.sources.cache import COLUMNS, Cache, CacheEntry
from reports.folders import atomic
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.trial_ledger import Trial, TrialLedger

LONGEST = 0.02  # maximum seconds that a child lives after its first write


class RunFolder:
    """A run folder, replaced repeatedly."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"

    def write(self, number: int) -> None:
        files = {"results.json": str(number).encode(), "page.html": bytes(200_000) + str(number).encode()}
        atomic.write_folder(atomic.with_manifest(files, {"number": number}), self.out)

    def read(self) -> int:
        if not self.out.exists():
            assert isinstance(self, RunFolderInTwoSteps), "a one-step exchange left nothing"
            self.between += 1
            atomic.recover_folder(self.out)  # as the next command does
        manifest = json.loads((self.out / "manifest.json").read_text())
        checksums = {path.name: sha256(path.read_bytes()).hexdigest() for path in self.out.iterdir()}
        checksums.pop("manifest.json")
        assert checksums == manifest["files"], "the folder mixes runs"
        return int(manifest["number"])

    def tidy(self) -> bool:
        return [path.name for path in self.out.parent.iterdir()] == ["out"]


class RunFolderInTwoSteps(RunFolder):
    """A run folder on a system without one-step exchange, slowed down so that many kills come between the steps."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.between = 0
        atomic.exchange = lambda one, other: False
        rename = Path.rename

        def slowly(path: Path, target: Path) -> Path:
            renamed = rename(path, target)
            time.sleep(LONGEST / 4 if path == self.out else 0)
            return renamed

        Path.rename = slowly


class CacheFile:
    """The cached prices of a symbol, fetched repeatedly."""

    def __init__(self, folder: Path) -> None:
        self.cache = Cache(folder)

    def write(self, number: int) -> None:
        sessions = pd.bdate_range("2020-01-01", periods=2_000)
        bars = pd.DataFrame(float(number), index=sessions, columns=list(COLUMNS))
        with self.cache.locked():
            self.cache.write("SPY", CacheEntry(sessions[0], bars))

    def read(self) -> int:
        entry = self.cache.read("SPY")  # verifies the checksum
        assert entry is not None
        return int(entry.bars.to_numpy().max())

    def tidy(self) -> bool:
        return [path.name for path in (self.cache.root / "prices").iterdir()] == ["SPY.parquet"]


class ManyTrials:
    """The ledger, with many trials added at once."""

    SIZE = 500

    def __init__(self, folder: Path) -> None:
        self.ledger = TrialLedger(folder / "trials.sqlite")

    def write(self, number: int) -> None:
        self.ledger.add(
            [Trial(sha256(f"{number} {trial}".encode()).hexdigest(), "one", 0.1) for trial in range(self.SIZE)]
        )

    def read(self) -> int:
        trials = len(self.ledger.read())
        assert trials % self.SIZE == 0, "trials added at once are only partly there"
        return trials // self.SIZE - 1

    def tidy(self) -> bool:
        return sorted(path.name for path in self.ledger.path.parent.iterdir()) == ["trials.sqlite"]


class CheckpointParts:
    """The checkpoint of a sweep, part after part."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".sweep"

    def write(self, number: int) -> None:
        Checkpoint(self.path).add(f"{number:064x}", json.dumps([number] * 5_000))

    def read(self) -> int:
        contents = Checkpoint(self.path).contents
        assert all(json.loads(content) == [int(key, 16)] * 5_000 for key, content in contents.items())
        return max(int(key, 16) for key in contents)

    def tidy(self) -> bool:
        return [path.name for path in self.path.parent.iterdir()] == [self.path.name]


WRITERS = {
    "folder": RunFolder,
    "folder-in-two-steps": RunFolderInTwoSteps,
    "cache": CacheFile,
    "ledger": ManyTrials,
    "sweep": CheckpointParts,
}


def child(writer: RunFolder, first: int) -> int:
    """Fork a writer and return its process id after its first write."""
    reads, writes = os.pipe()
    process = os.fork()
    if process == 0:
        for number in count(first):
            writer.write(number)
            if number == first:
                os.write(writes, b".")
    os.read(reads, 1)
    os.close(reads)
    os.close(writes)
    return process


def main() -> None:
    """Kill and check repeatedly."""
    kind, folder, kills, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    writer, random = WRITERS[kind](folder), np.random.default_rng(seed)
    writer.write(0)
    last, written = writer.read(), 0
    for _ in range(kills):
        process = child(writer, last + 1)
        time.sleep(random.uniform(0, LONGEST))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        now = writer.read()
        assert now > last, "a version written before the kill is lost"
        written += now - last
        last = now
    writer.write(last + 1)
    assert writer.read() == last + 1, "the next writer did not finish"
    assert writer.tidy(), "temporary files were left"
    print(json.dumps({"kills": kills, "written": written, "between": getattr(writer, "between", 0)}))


if __name__ == "__main__":
    main()
