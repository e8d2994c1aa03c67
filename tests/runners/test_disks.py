"""Full and read-only disks: a one-line error names the path, finished files stay, nothing is half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data import calendar
from data.sources.cache import Cache, CacheEntry
from data.sources.yahoo import HISTORY
from reports.folders import atomic
from runners.engine.execution.checkpoint import Checkpoint
from tests.resources import disks
from tests.resources.killing_commands import MainJob, snapshot
from tests.resources.machines import ROOT
from tests.resources.yahoo_stub import invented_bars, serving, with_adjusted_close

pytestmark = [pytest.mark.thorough, pytest.mark.skipif(not disks.available(), reason="no mount namespaces here")]

SESSIONS = calendar.sessions_between("2024-06-03", "2025-12-30")
COMMANDS = {
    "deepseek": ("runners.deepseek", "bad_news", "--no-evidence", "--source", "sample"),
    "sweep": ("runners.sweep", "bad_news", "-p", "hold=5,10", "--source", "sample"),
    "multiverse": ("runners.multiverse", "bad_news", "--source", "sample"),
    "calibrate": ("runners.calibrate", "--markets", "1", "--draws", "40"),
}
EACH = [pytest.param(words, id=name, marks=[pytest.mark.slow] * (name != "sweep")) for name, words in COMMANDS.items()]
KINDS = [
    pytest.param(disks.FULL, "No space left on device", id="full"),
    pytest.param(disks.READ_ONLY, "Read-only file system", id="read-only"),
]


OWN = {"runners.deepseek": "returns.csv", "runners.sweep": "sweep.csv", "runners.multiverse": "specs.csv"}


@pytest.fixture
def disk(tmp_path, request):
    """A folder with an earlier run of the command under test."""
    words = request.node.callspec.params.get("words", ()) if hasattr(request.node, "callspec") else ()
    files = {"results.json": b"{}", **{name: b"" for command, name in OWN.items() if command in words}}
    atomic.write_folder(atomic.with_manifest(files, {}), tmp_path / "disk" / "out")
    return tmp_path / "disk"


def held(disk: Path) -> dict[str, bytes]:
    return {f"out/{name}": content for name, content in snapshot(disk / "out").items()}


@pytest.mark.parametrize("words", EACH)
def test_a_full_disk_costs_one_line_and_keeps_the_earlier_run(disk, words, tmp_path):
    done = disks.run(disks.FULL, disk, *words, "--out", disk / "out", room="40k")
    assert done.status == 1
    line = (
        f"error: --out {disk / 'out'} cannot be written (No space left on device), the earlier run stays: make room "
        f"there, or name another"
    )
    if "runners.sweep" in words:
        kept, parts = disk / ".out.sweep", tmp_path / "parts"
        line += f"; all results are saved in {kept}: the same command writes them without running again"
        parts.write_bytes(done.files.pop(kept.name))
        assert len(Checkpoint(parts).contents) == 1
    assert done.told == f"{line}\n"
    assert done.files == held(disk)


@pytest.mark.parametrize("words", EACH)
def test_a_read_only_folder_is_refused_before_any_work(disk, words):
    done = disks.run(disks.READ_ONLY, disk, *words, "--out", disk / "out")
    assert (done.status, done.printed) == (2, "")
    assert done.told == f"error: --out {disk / 'out'}: cannot write in {disk}; name another folder\n"
    assert done.files == held(disk)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_one_line():
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "runners.trials"]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be printed (No space left on device); redirect it elsewhere\n"


@pytest.mark.parametrize(("kind", "reason"), KINDS)
def test_a_new_strategy_is_written_completely_or_not_at_all(tmp_path, kind, reason):
    (tmp_path / "notes").write_text("mine")
    done = disks.run(kind, tmp_path, "runners.new", "my_idea", "--out", tmp_path)
    assert (done.status, done.printed) == (2, "")
    assert done.told == f"error: {tmp_path / 'my_idea.py'} cannot be written ({reason}); nothing was written\n"
    assert done.files == {"notes": b"mine"}


@pytest.mark.slow
def test_a_comparison_is_written_completely_or_not_at_all(tmp_path):
    disk, run = tmp_path / "disk", tmp_path / "run"
    disk.mkdir()
    (disk / "notes").write_text("mine")
    assert disks.run(disks.READ_ONLY, disk, *COMMANDS["deepseek"], "--out", run).status == 0
    page = disk / "page.html"
    done = disks.run(disks.FULL, disk, "runners.compare", run, run, "--out", page)
    assert done.told == f"error: --out {page} cannot be written (No space left on device); free space or name another\n"
    assert (done.status, done.files) == (2, {"notes": b"mine"})
    done = disks.run(disks.READ_ONLY, disk, "runners.compare", run, run, "--out", page)
    assert done.told == f"error: --out {page}: cannot write in {disk}; name a file in another folder\n"
    assert (done.status, done.files) == (2, {"notes": b"mine"})


@pytest.fixture
def yahoo():
    market = {name: with_adjusted_close(invented_bars(SESSIONS, seed)) for seed, name in enumerate(MainJob.SYMBOLS)}
    with serving(market) as stub:
        yield stub


def main_job(address: str, now: str, out: Path) -> tuple[object, ...]:
    at = ("tests.resources.at_yahoo", address, f"{now} 22:00")
    return (*at, "runners.deepseek", "bad_news", "--no-evidence", "--source", "yahoo", "--out", out)


@pytest.mark.slow
@pytest.mark.parametrize(("room", "place"), [("4k", "yfinance could not use its notes in"), ("240k", "the cache in")])
def test_a_cache_on_a_full_disk_is_named_and_keeps_its_content(tmp_path, yahoo, room, place):
    disk, wide = (
        tmp_path / "disk",
        with_adjusted_close(invented_bars(calendar.sessions_between("2000-01-03", "2025-12-30"))),
    )
    disk.mkdir()
    (disk / "notes").write_text("mine")
    yahoo.market = dict.fromkeys(yahoo.market, wide)
    words = (*main_job(yahoo.address, "2025-05-01", tmp_path / "out"), "--start", "2000-01-03")
    done = disks.run(disks.FULL, disk, *words, room=room, DEEPSEEK_CACHE=str(disk))
    assert (done.status, done.told.count("\n")) == (1, 1)
    assert done.told.startswith(f"error: {place} {disk}") and "make room there" in done.told
    assert done.files["notes"] == b"mine"
    assert not [name for name in done.files if name.endswith(".part")]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_read_only_cache_is_used(tmp_path, yahoo):
    disk, last = tmp_path / "disk", "2025-04-30"
    for symbol, bars in yahoo.market.items():
        Cache(disk).write(symbol, CacheEntry(HISTORY, bars[:last]))
    before = {path.name: path.read_bytes() for path in (disk / "prices").iterdir()}
    words = main_job(yahoo.address, "2025-05-01", tmp_path / "out")
    done = disks.run(disks.READ_ONLY, disk, *words, DEEPSEEK_CACHE=str(disk))
    assert (done.status, done.told) == (0, "")
    output = " ".join(done.printed.split())
    assert f"cached prices, to {last}: the cache in {disk} cannot be written (Read-only file system)" in output
    assert done.files == {f"prices/{name}": content for name, content in before.items()}
    # A complete cache needs no write, so there is no notice.
    words = main_job(yahoo.address, last, tmp_path / "out")
    assert "cannot be written" not in disks.run(disks.READ_ONLY, disk, *words, DEEPSEEK_CACHE=str(disk)).printed


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "reason"), KINDS)
def test_a_ledger_that_cannot_be_written_is_a_notice_and_stops_no_run(tmp_path, yahoo, kind, reason):
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    (disk / "notes").write_text("mine")
    words, places = main_job(yahoo.address, "2025-05-01", out), {"DEEPSEEK_CACHE": str(tmp_path / "cache")}
    done = disks.run(kind, disk, *words, DEEPSEEK_TRIALS=str(disk / "trials.sqlite"), **places)
    assert (done.status, done.told) == (0, "")
    line = f"Trials are not counted: the trial ledger {disk / 'trials.sqlite'} cannot be written ({reason})"
    assert line in " ".join(done.printed.split()) and line in (out / "results.json").read_text()
    assert done.files["notes"] == b"mine" and not done.files.get("trials.sqlite")
