"""Every claim about speed, measured against its peer in one run.

Usage: python tests/benchmarks/run.py [NAME ...] [--prices DIR] [--json FILE]

Prints a row a claim and writes records {name, ours_s, peer, peer_s, ratio, floor, unit, n}: ratio = peer_s / ours_s,
where a peer called "limit" is an absolute bound. Ends with status 1 when a ratio lies below its floor. Machines are
noisy: a pair is measured in turn, and medians are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PRICES = ROOT.parent / "shared" / "market-data" / "daily"

sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(HERE))

Record = dict[str, object]


def record(name: str, ours: list[float], peer: str, peers: list[float], floor: float, unit: str) -> Record:
    """Medians of both sides and their ratio."""
    ours_s, peer_s = statistics.median(ours), statistics.median(peers)
    return {
        "name": name,
        "ours_s": ours_s,
        "peer": peer,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "floor": floor,
        "unit": unit,
        "n": len(ours),
    }


def timed(command: list[str], folder: Path = ROOT) -> float:
    """Seconds of a command as a whole process. Raises CalledProcessError when it fails."""
    began = monotonic()
    subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, check=True, capture_output=True, text=True
    )
    return monotonic() - began


def job_command(prices: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "runners.deepseek", "--source", str(prices), "--out", str(out)]


def job(prices: Path) -> list[Record]:
    """The main job from cold, and again after one reading was changed, against a plain script."""
    plain, cold, again = [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            plain.append(
                timed([sys.executable, "-W", "ignore", str(HERE / "plain.py"), str(prices), str(folder / "plain")])
            )
            checkout = copy_checkout(folder / "checkout")
            cold.append(timed(job_command(prices, folder / "out"), checkout))
            change_one_reading(checkout)
            again.append(timed(job_command(prices, folder / "out"), checkout))
    return [
        record("job", cold, "plain script", plain, 2.2, "s a run of twelve readings"),
        record("job again", again, "plain script", plain, 5.0, "s a run after one reading was changed"),
    ]


def copy_checkout(target: Path) -> Path:
    """Our packages, somewhere they may be changed."""
    for room in ("data", "strategies", "runners", "reports"):
        shutil.copytree(ROOT / room, target / room, ignore=shutil.ignore_patterns("__pycache__", "latest"))
    timed([sys.executable, "-m", "compileall", "-q", "."], target)
    return target


def change_one_reading(checkout: Path) -> None:
    path = checkout / "strategies" / "gpu_bubble.py"
    before = path.read_text(encoding="utf-8")
    after = before.replace("self.p.gross / 2", "self.p.gross / 2.5")
    if after == before:
        raise AssertionError("the reading to be changed reads differently now")
    path.write_text(after, encoding="utf-8")


def single(prices: Path) -> list[Record]:
    """One backtest of 20 symbols x 1,000 sessions with identical fills and equity."""
    import single as benchmark

    ours, peers = benchmark.measure()
    return [record("single", ours, "stock backtrader", peers, 2.2, "s a backtest of 20 symbols x 1,000 sessions")]


def help_text(prices: Path) -> list[Record]:
    """`--help` within half a second."""
    ours = [timed([sys.executable, "-m", "runners.deepseek", "--help"]) for _ in range(7)]
    return [record("help", ours, "limit", [0.5], 1.0, "s for --help")]


def memory(prices: Path) -> list[Record]:
    """Peak memory of the whole main job, all its processes together (proportional set size, Linux only)."""
    with tempfile.TemporaryDirectory() as scratch:
        process = subprocess.Popen(
            job_command(prices, Path(scratch) / "out"), cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(map(proportional_bytes, processes_of(process.pid))))
            sleep(0.05)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "runners.deepseek")
    return [record("memory", [peak / 1e9], "limit", [1.5], 1.0, "GB at the peak of the main job")]


def processes_of(session: int) -> list[Path]:
    """The processes of a session, as folders of /proc."""
    return [folder for folder in Path("/proc").iterdir() if folder.name.isdigit() and session_of(folder) == session]


def session_of(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, ValueError):
        return None


def proportional_bytes(folder: Path) -> int:
    try:
        lines = (folder / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


BENCHMARKS: dict[str, Callable[[Path], list[Record]]] = {
    "single": single,
    "help": help_text,
    "memory": memory,
    "job": job,
}


def main() -> int:
    """Run what was asked for; 1 when a ratio lies below its floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--prices", type=Path, default=Path(os.environ.get("DEEPSEEK_PRICES", PRICES)))
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {sorted(unknown)[0]!r}; choose from {', '.join(BENCHMARKS)}")
    records = [entry for name in asked.names or BENCHMARKS for entry in BENCHMARKS[name](asked.prices.resolve())]
    print(f"{'name':<12}{'ours':>9}{'peer':>9}{'ratio':>8}{'floor':>8}  against, unit")
    for entry in records:
        print("{name:<12}{ours_s:>9.3f}{peer_s:>9.3f}{ratio:>8.2f}{floor:>8.2f}  {peer}, {unit}, n={n}".format(**entry))
    if asked.json:
        asked.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
    return int(any(entry["ratio"] < entry["floor"] for entry in records))


if __name__ == "__main__":
    sys.exit(main())
