"""Kills a writer at random moments and looks at what is left.

    python -m tests.resources.killing WRITER FOLDER KILLS SEED

A child is forked for each kill, so that it writes at once; it writes one content after another until SIGKILL ends it.
After each kill what is there must be whole, and after the last one a writer that is left alone must get to its end.
Prints how many contents were written, and how often the kill came between the two steps of an exchange in two.
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

LONGEST = 0.02  # seconds that a child lives, at most, after its first write


class RunFolder:
    """The folder of a run, replaced again and again."""

    def __init__(self, place: Path) -> None:
        self.out = place / "out"

    def write(self, number: int) -> None:
        files = {"results.json": str(number).encode(), "page.html": bytes(200_000) + str(number).encode()}
        atomic.write_folder(atomic.with_manifest(files, {"number": number}), self.out)

    def read(self) -> int:
        if not self.out.exists():
            assert isinstance(self, RunFolderInTwoSteps), "an exchange in one step left nothing"
            self.between += 1
            atomic.recover_folder(self.out)  # as the next start does
        manifest = json.loads((self.out / "manifest.json").read_text())
        found = {path.name: sha256(path.read_bytes()).hexdigest() for path in self.out.iterdir()}
        found.pop("manifest.json")
        assert found == manifest["files"], "the folder is not that of one run"
        return int(manifest["number"])

    def tidy(self) -> bool:
        return [path.name for path in self.out.parent.iterdir()] == ["out"]


class RunFolderInTwoSteps(RunFolder):
    """The same where the system cannot exchange two folders in one step; between the two, a kill finds it often."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.between = 0
        atomic.exchange = lambda one, other: False
        rename = Path.rename

        def slowly(path: Path, target: Path) -> Path:
            renamed = rename(path, target)
            time.sleep(LONGEST / 4 if path == self.out else 0)
            return renamed

        Path.rename = slowly


class CacheFile:
    """The cached prices of a symbol, fetched again and again."""

    def __init__(self, place: Path) -> None:
        self.cache = Cache(place)

    def write(self, number: int) -> None:
        sessions = pd.bdate_range("2020-01-01", periods=2_000)
        bars = pd.DataFrame(float(number), index=sessions, columns=list(COLUMNS))
        with self.cache.locked():
            self.cache.write("SPY", CacheEntry(sessions[0], bars))

    def read(self) -> int:
        entry = self.cache.read("SPY")  # refuses what is not as its checksum says
        assert entry is not None
        return int(entry.bars.to_numpy().max())

    def tidy(self) -> bool:
        return [path.name for path in (self.cache.root / "prices").iterdir()] == ["SPY.parquet"]


class ManyTrials:
    """The ledger, to which many trials are added at once."""

    SIZE = 500

    def __init__(self, place: Path) -> None:
        self.ledger = TrialLedger(place / "trials.sqlite")

    def write(self, number: int) -> None:
        self.ledger.add(
            [Trial(sha256(f"{number} {place}".encode()).hexdigest(), "one", 0.1) for place in range(self.SIZE)]
        )

    def read(self) -> int:
        found = len(self.ledger.read())
        assert found % self.SIZE == 0, "what was added at once is there in part"
        return found // self.SIZE - 1

    def tidy(self) -> bool:
        return sorted(path.name for path in self.ledger.path.parent.iterdir()) == ["trials.sqlite"]


class CheckpointParts:
    """What is finished of a sweep, part after part."""

    def __init__(self, place: Path) -> None:
        self.path = place / ".sweep"

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
    """The process number of a writer that has begun."""
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
    """Kill, look, and kill again."""
    kind, place, kills, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    writer, chance = WRITERS[kind](place), np.random.default_rng(seed)
    writer.write(0)
    last, ahead = writer.read(), 0
    for _ in range(kills):
        process = child(writer, last + 1)
        time.sleep(chance.uniform(0, LONGEST))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        now = writer.read()
        assert now > last, "what was written before the kill is lost"
        ahead += now - last
        last = now
    writer.write(last + 1)
    assert writer.read() == last + 1, "the next writer did not get to its end"
    assert writer.tidy(), "something unfinished was left"
    print(json.dumps({"kills": kills, "written": ahead, "between": getattr(writer, "between", 0)}))


if __name__ == "__main__":
    main()
