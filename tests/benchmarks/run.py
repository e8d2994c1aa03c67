"""Every claim about speed, measured against its peer in one run.

Usage: python tests/benchmarks/run.py [NAME ...] [--prices DIR] [--json FILE]

Prints a row for each claim and writes records {name, ours_s, peer, peer_s, ratio, floor, unit, n}. The ratio is
peer_s / ours_s; a peer called "limit" is an absolute bound; n counts the runs or scenarios on which the peer was timed.
Ends with status 1 when a ratio lies below its floor. Machines are noisy: a pair is measured in turn, and medians are
compared. `tox run -e bench` installs the peers; benchmarks of a missing peer are skipped with a notice.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from peers import MissingPeerError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PRICES = ROOT.parent / "shared" / "market-data" / "daily"

sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(HERE))

Record = dict[str, object]
# Engine, figures computed, and the floor. The claim is 20 at equal work: ours include Sharpe ratio, drawdown, costs
# and exposure. Engines that compute less, or are compiled ahead of time, are shown for comparison.
VECTORBT = (("numba", "figures", 20), ("numba", "terminal", 12), ("rust", "figures", 15), ("rust", "terminal", 5))
A_SCENARIO, A_MONTHLY = "s a scenario of gpu_bubble, 60 sessions", "s a backtest of 20 symbols x 1,000 sessions"


def record(
    name: str, ours: list[float], peer: str, peers: list[float], floor: float, unit: str, n: int | None = None
) -> Record:
    """Medians of both sides and their ratio; n is the longer of them unless given."""
    ours_s, peer_s = statistics.median(ours), statistics.median(peers)
    return {
        "name": name,
        "ours_s": ours_s,
        "peer": peer,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "floor": floor,
        "unit": unit,
        "n": n or max(len(ours), len(peers)),
    }


def timed(command: list[str], folder: Path = ROOT) -> float:
    """Seconds of a command as a whole process. Raises CalledProcessError when it fails."""
    began = monotonic()
    subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, check=True, capture_output=True, text=True
    )
    return monotonic() - began


def job_command(prices: Path, out: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "runners.deepseek", "--source", str(prices), "--out", str(out), *options]


def job(prices: Path) -> list[Record]:
    """runners.deepseek without evidence, which the peer lacks, from cold and after one reading was changed."""
    plain, cold, again = [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            plain.append(
                timed([sys.executable, "-W", "ignore", str(HERE / "plain.py"), str(prices), str(folder / "plain")])
            )
            checkout = copy_checkout(folder / "checkout")
            command = job_command(prices, folder / "out", "--no-evidence")
            cold.append(timed(command, checkout))
            change_one_reading(checkout)
            again.append(timed(command, checkout))
    return [
        record("job", cold, "plain script", plain, 2.2, "s a run of all readings"),
        record("job again", again, "plain script", plain, 5.0, "s a run after one reading was changed"),
    ]


def copy_checkout(target: Path) -> Path:
    """A copy of our packages that may be changed."""
    for room in ("data", "strategies", "runners", "reports"):
        shutil.copytree(ROOT / room, target / room, ignore=shutil.ignore_patterns("__pycache__", "latest"))
    timed([sys.executable, "-m", "compileall", "-q", "."], target)
    return target


def change_one_reading(checkout: Path) -> None:
    path = checkout / "strategies" / "gpu_bubble.py"
    before = path.read_text(encoding="utf-8")
    after = before.replace("self.p.gross / 2", "self.p.gross / 2.5")
    if after == before:
        raise AssertionError("the text to change in gpu_bubble.py is gone; adapt this benchmark")
    path.write_text(after, encoding="utf-8")


def evidence(prices: Path) -> list[Record]:
    """The time that evidence adds to a run: with and without it, in turn."""
    added = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as scratch:
            without = timed(job_command(prices, Path(scratch) / "plain", "--no-evidence"))
            added.append(timed(job_command(prices, Path(scratch) / "judged")) - without)
    return [record("evidence", added, "limit", [10], 1.0, "s that the evidence on all readings adds")]


def single(prices: Path) -> list[Record]:
    """One backtest of 20 symbols x 1,000 sessions with identical fills and equity."""
    import single as benchmark

    ours, peers = benchmark.measure()
    return [record("single", ours, "stock backtrader", peers, 4, A_MONTHLY)]


def placebos(prices: Path) -> list[Record]:
    """10,000 placebo entries against the same Reading in a stock Cerebro."""
    import batches

    ours, peers = batches.placebos_against_stock(prices)
    return [record("placebos", ours, "stock backtrader", peers, 5_000, A_SCENARIO)]


def placebos_vectorbt(prices: Path) -> list[Record]:
    """All scenarios in one warm call of vectorbt's `from_orders`, on each engine.

    Once with terminal values only, once with all figures of ours.
    """
    import batches

    records = []
    for engine, question, floor in VECTORBT:
        ours, peers = batches.placebos_against_vectorbt(prices, engine, question)
        name = "placebos" if question == "terminal" else f"placebos, {question}"
        records.append(record(name, ours, f"vectorbt {engine}", peers, floor, A_SCENARIO, batches.PLACEBOS))
    return records


def million(prices: Path) -> list[Record]:
    """A million entries x settings on one core: seconds and peak memory."""
    command = [sys.executable, str(HERE / "million.py"), str(prices)]
    spent = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return [
        record("million", [spent["seconds"]], "limit", [15], 1, "s for a million entries x settings, one core"),
        record("million, memory", [spent["peak_gb"]], "limit", [1.5], 1, "GB at its peak"),
    ]


def readings(prices: Path) -> list[Record]:
    """All readings at every admissible date and three holds; means, since scenarios differ."""
    import batches

    ours, peers = batches.readings_against_stock(prices)
    unit = "s a scenario of all readings, dates and holds"
    return [record("readings", [ours], "stock backtrader", [statistics.mean(peers)], 500, unit, len(peers))]


def monthly_bt(prices: Path) -> list[Record]:
    """The work of `single` as a Reading in `run_batch`, against bt."""
    import monthly

    ours, peers = monthly.against("bt", rounds=9)
    return [record("monthly", ours, "bt", peers, 20, A_MONTHLY)]


def monthly_vectorbt(prices: Path) -> list[Record]:
    """`monthly` against warm vectorbt, on each engine."""
    import monthly

    records = []
    for engine in ("numba", "rust"):
        ours, peers = monthly.against("vectorbt", engine, rounds=30)
        records.append(record("monthly", ours, f"vectorbt {engine}", peers, 1.5, A_MONTHLY))
    return records


def monthly_zipline(prices: Path) -> list[Record]:
    """`monthly` against zipline-reloaded."""
    import monthly

    ours, peers = monthly.against("zipline", rounds=5)
    return [record("monthly", ours, "zipline", peers, 20, A_MONTHLY)]


def curve(prices: Path) -> list[Record]:
    """Seconds a scenario at every size of batch, against those at 10,000: they should not grow."""
    import batches

    costs = batches.costs_by_size(prices)
    return [
        record(
            f"curve, {size:,}", seconds, "itself at 10,000", costs[10_000], 0.8 if size == 1_000_000 else 0, A_SCENARIO
        )
        for size, seconds in costs.items()
    ]


def scaling(prices: Path) -> list[Record]:
    """Scenarios in Backtrader on a Dask cluster of local workers, and the overhead of a task.

    The last record is an extrapolation, not a measurement, as its name says.
    """
    try:
        import scaling as benchmark
    except ImportError as error:
        raise MissingPeerError(f"{error}; pip install '.[cluster]'") from None
    one, two, tasks, client, many = benchmark.measure(prices)
    peer, unit = "itself on 1 worker", "s a scenario of gpu_bubble in backtrader"
    return [
        record("scaling, 2 workers", two, peer, one, 1.3, unit),
        record("scaling, a task", tasks, "limit", [0.01], 1, "s of overhead a task"),
        record("scaling, the client", client, "limit", [0.0001], 1, "s of the client a scenario"),
        record(f"scaling, {benchmark.MANY} (estimate)", [many], peer, one, 0, unit),
    ]


def help_text(prices: Path) -> list[Record]:
    """`--help` within half a second."""
    ours = [timed([sys.executable, "-m", "runners.deepseek", "--help"]) for _ in range(7)]
    return [record("help", ours, "limit", [0.5], 1.0, "s for --help")]


def memory(prices: Path) -> list[Record]:
    """Peak memory of a run."""
    with tempfile.TemporaryDirectory() as scratch:
        peak = peak_gigabytes(job_command(prices, Path(scratch) / "out"))
    return [record("memory", [peak], "limit", [1.5], 1.0, "GB at the peak of a run")]


def peak_gigabytes(command: list[str]) -> float:
    """Peak memory of a command, all its processes together (proportional set size, Linux only)."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(proportional_bytes, processes_of(process.pid))))
        sleep(0.05)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak / 1e9


def history(prices: Path) -> Path:
    """The folder of long histories beside that of the prices."""
    folder = prices.parent / "history"
    if not folder.is_dir():
        raise MissingPeerError(f"there are no long histories in {folder}")
    return folder


def base_rates(prices: Path) -> list[Record]:
    """A launch of one form, of all after every session of every group; means, since launches differ.

    The floor is half of the 5,000 and 5,700 that were measured on a busy machine.
    """
    import base_rates as benchmark

    ours, peers = benchmark.against_stock(history(prices))
    unit = f"s a launch of {benchmark.READING}, {benchmark.HOLD} sessions"
    return [record("base rates", [ours], "stock backtrader", [statistics.mean(peers)], 2_500, unit, len(peers))]


def base_rates_pandas(prices: Path) -> list[Record]:
    """Means over all shocks, equal to those of a loop in plain pandas.

    The floor is half of the 3.5 and 4.9 that were measured on a busy machine.
    """
    import base_rates as benchmark

    ours, peers = benchmark.against_pandas(history(prices))
    return [record("base rates, means", ours, "plain pandas", peers, 2, "s for means of 5 readings after all shocks")]


def base_rates_limits(prices: Path) -> list[Record]:
    """The whole class as a command with the histories kept, and the reading of all files without and with them."""
    folder = history(prices)
    read = [sys.executable, str(HERE / "histories.py"), str(folder)]
    command = [sys.executable, "-m", "runners.base_rates", "--source", str(folder), "--out"]
    cold, again, whole = [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as scratch, cache_in(scratch):
            cold.append(printed_number(read))
            again.append(printed_number(read))
    with tempfile.TemporaryDirectory() as scratch, cache_in(scratch):
        peak = peak_gigabytes([*command, f"{scratch}/out"])  # keeps the histories for the runs that are timed
        whole = [timed([*command, f"{scratch}/out"]) for _ in range(3)]
    return [
        record("base rates, all", whole, "limit", [30], 1, "s for the whole class, histories kept"),
        record("base rates, memory", [peak], "limit", [2], 1, "GB at its peak"),
        record("histories", cold, "limit", [5], 1, "s to read all files"),
        record("histories again", again, "limit", [0.5], 1, "s to read them again"),
    ]


@contextmanager
def cache_in(folder: str) -> Iterator[None]:
    """What the commands inside keep goes to `folder`."""
    before = os.environ.get("DEEPSEEK_CACHE")
    os.environ["DEEPSEEK_CACHE"] = folder
    try:
        yield
    finally:
        os.environ.pop("DEEPSEEK_CACHE") if before is None else os.environ.update(DEEPSEEK_CACHE=before)


def printed_number(command: list[str]) -> float:
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


# CPU seconds and GB that each step of `universe` may take; the prices alone are 1.2 GB.
UNIVERSE = {
    "build": (10, 1.5),
    "load": (150, 6),
    "bt-20": (2, 1.5),
    "bt-1000": (90, 2.5),
    "batch": (15, 4.5),
}


def universe(prices: Path) -> list[Record]:
    """10,000 symbols x 10 years: CPU seconds and peak memory of each step, each in its own process."""
    records = []
    for step, (seconds, gigabytes) in UNIVERSE.items():
        command = [sys.executable, str(HERE / "universe.py"), step]
        spent = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        records += [
            record(f"universe {step}", [spent["seconds"]], "limit", [seconds], 1, "CPU s, 10,000 symbols x 10 years"),
            record(f"{step}, memory", [spent["peak_gb"]], "limit", [gigabytes], 1, "GB at its peak"),
        ]
    return records


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
    "monthly-bt": monthly_bt,
    "monthly-vectorbt": monthly_vectorbt,
    "monthly-zipline": monthly_zipline,
    "placebos": placebos,
    "placebos-vectorbt": placebos_vectorbt,
    "readings": readings,
    "base-rates": base_rates,
    "base-rates-pandas": base_rates_pandas,
    "base-rates-limits": base_rates_limits,
    "million": million,
    "curve": curve,
    "scaling": scaling,
    "help": help_text,
    "memory": memory,
    "universe": universe,
    "job": job,
    "evidence": evidence,
}


def measured(name: str, prices: Path) -> list[Record]:
    """The records of one benchmark; none, and a notice, where its peer is missing."""
    try:
        return BENCHMARKS[name](prices)
    except MissingPeerError as missing:
        print(f"SKIPPED {name}: {missing}", file=sys.stderr, flush=True)
        return []


def show(records: list[Record]) -> None:
    """Print a row for each record, with a mark where it is below its floor."""
    print(f"{'name':<20}{'ours':>10}{'peer':>10}{'ratio':>9}{'floor':>8}  against, unit")
    for entry in records:
        row = "{name:<20}{ours_s:>10.3g}{peer_s:>10.3g}{ratio:>9.2f}{floor:>8g}  {peer}, {unit}, n={n:,}"
        print(row.format(**entry) + (" BELOW ITS FLOOR" if below(entry) else ""))


def below(entry: Record) -> bool:
    return entry["ratio"] < entry["floor"]


def main() -> int:
    """Run the benchmarks named; returns 1 when a ratio lies below its floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--prices", type=Path, default=Path(os.environ.get("DEEPSEEK_PRICES", PRICES)))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["DEEPSEEK_TRIALS"] = str(Path(scratch) / "trials.txt")  # not the user's own
        return run(parser, options)


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Measure, show and write the records."""
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {sorted(unknown)[0]!r}; choose from {', '.join(BENCHMARKS)}")
    records = [entry for name in options.names or BENCHMARKS for entry in measured(name, options.prices.resolve())]
    show(records)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
    return int(any(map(below, records)))


if __name__ == "__main__":
    sys.exit(main())
