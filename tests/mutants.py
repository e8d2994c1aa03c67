"""Mutation testing by module: changes each function in small ways and counts the changes that its tests notice.

`tox run -e mutation` tries every module of [tool.mutants] that has changed, or whose tests have, since it was counted;
`tox run -e mutation -- data/quality.py` those that are named. What was stopped goes on after the last whole module.
A survivor is written down as the line that it makes; REASONS gives, by pattern, why no test can or need notice it:
of one kind or another, as in `time alone: two ways to the same peaks`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "tests" / "resources" / "mutants.txt"
REASONS = ROOT / "tests" / "resources" / "survivors.txt"
PRICES = ROOT.parent / "shared" / "market-data" / "daily"
ROOMS = ("data", "reports", "runners", "strategies")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]
# Exit codes of mutmut 3: no test notices (0) or comes by (5, 33); stopped or never begun (None, 2, 34).
SURVIVED, NOT_TRIED = (0, 5, 33), (None, 2, 34)
STOPPED = (-24, 24, 36, 152, 255)  # never came to an end, which counts as noticed
HEAD = "# Made by tests/mutants.py: module, digest of it and its tests, killed / mutants; below, the survivors."


@dataclass(frozen=True)
class Count:
    """What became of the mutants of one module; `survivors` as lines of function and changed code."""

    module: str
    digest: str
    mutants: int
    survivors: tuple[str, ...]

    @property
    def killed(self) -> int:
        return self.mutants - len(self.survivors)

    def lines(self) -> list[str]:
        head = f"{self.module} {self.digest} {self.killed} / {self.mutants}"
        return [head, *(f"    {survivor}" for survivor in self.survivors)]


def digest(module: str) -> str:
    """What ties a count to the text of a module and of its tests."""
    texts = [(ROOT / name.partition("::")[0]).read_bytes() for name in (module, *SETTINGS[module])]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]


def recorded() -> dict[str, Count]:
    if not RECORD.exists():
        return {}
    blocks = re.split(r"\n(?=\S)", RECORD.read_text(encoding="utf-8").rstrip())[1:]
    counts = []
    for head, *survivors in (block.splitlines() for block in blocks):
        module, of, _, _, mutants = head.split()
        counts.append(Count(module, of, int(mutants), tuple(line.strip() for line in survivors)))
    return {count.module: count for count in counts}


def record(count: Count) -> None:
    counts = {**recorded(), count.module: count}
    lines = [HEAD, *(line for module in sorted(counts) for line in counts[module].lines())]
    RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")


def workplace(module: str, folder: Path) -> None:
    """A copy of the project in which mutmut finds one module and its tests."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for room in (*ROOMS, "tests", "docs"):
        shutil.copytree(ROOT / room, folder / room, ignore=unwanted)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings = {
        "source_paths": list(ROOMS),
        "only_mutate": [module],
        "also_copy": ["docs"],
        "pytest_add_cli_args": ["-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0", "-x"],
        "pytest_add_cli_args_test_selection": list(SETTINGS[module]),
        "process_isolation": "forkserver",  # pandas and Backtrader are imported once, and not for every mutant
        "timeout_multiplier": 8,
        "timeout_constant": 4,  # seconds: on a busy machine the first run may have been the fast one
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "pyproject.toml").write_text(project + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8")


def mutmut(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"DEEPSEEK_PRICES": str(PRICES), **os.environ}
    command = [sys.executable, "-m", "mutmut", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def described(folder: Path, module: str, names: list[str]) -> list[str]:
    """The function that each mutant changes, and the line that it makes."""
    # One process for all: mutmut's own `show` takes a second for each.
    show = "import sys; from mutmut.mutation.diff_apply import get_diff_for_mutant as diff; "
    show += "print(*(diff(name, path=sys.argv[1]) for name in sys.argv[2:]), sep='\\0')"
    command = [sys.executable, "-c", show, module, *names]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.split("\0")
    return [_line(name, text) for name, text in zip(names, shown, strict=True)] if names else []


def _line(name: str, diff: str) -> str:
    function = re.sub(
        r"ǁ(\w+)ǁ", r"\1.", name.rsplit(".", 1)[1].partition("__mutmut_")[0].removeprefix("x").lstrip("_")
    )
    lines = diff.splitlines()
    made = [line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++")]
    gone = [line[1:].strip() for line in lines if line.startswith("-") and not line.startswith("---")]
    return f"{function}: {' '.join(made) or 'without ' + ' '.join(gone)}"


def codes(folder: Path, module: str) -> dict[str, int | None]:
    """What became of each mutant, by its name; None where it was not tried."""
    kept = folder / "mutants" / f"{module}.meta"
    if not kept.exists():
        return {"": None}
    found: dict[str, int | None] = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def tried(module: str, jobs: int, again: bool = False) -> Count:
    """The count of a module: of all its mutants, or `again` of those alone that survived the last time."""
    of = digest(module)
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        folder = Path(place)
        workplace(module, folder)
        asked = survivors_of(folder, module) if again else []
        ended = mutmut(folder, "run", "--max-children", str(jobs), *asked) if asked or not again else None
        found = codes(folder, module)
        names = asked if again else list(found)
        if ended and any(found[name] in NOT_TRIED for name in names):
            raise SystemExit(f"{module}: not every mutant was tried\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
        stopped = sum(found[name] in STOPPED for name in names)
        print(f"{module}: {len(names)} tried, {stopped} stopped for their time", flush=True)
        survivors = described(folder, module, [name for name in names if found[name] in SURVIVED])
    return Count(module, of, len(found), tuple(sorted(survivors)))


def survivors_of(folder: Path, module: str) -> list[str]:
    """Names of the mutants that survived the last time. Stops where the module is not the one that was counted."""
    before = recorded()[module]
    mutmut(folder, "run", "no such mutant")  # it makes all of them before it looks for the name
    names = list(codes(folder, module))
    alike = len(names) == before.mutants
    lines = dict(zip(names, described(folder, module, names), strict=True)) if alike else {}
    if set(before.survivors) - set(lines.values()):
        raise SystemExit(f"{module} has changed since its mutants were counted; try all of them")
    return [name for name in names if lines[name] in before.survivors]


def reasons() -> list[tuple[re.Pattern[str], str]]:
    """Pattern of survivors (module and line) and why they live, from lines `PATTERN  # REASON`."""
    lines = REASONS.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("  # ", 1) for line in lines if line and not line.startswith("#")]
    return [(re.compile(pattern), reason) for pattern, reason in pairs]


def explained(count: Count) -> list[tuple[str, str | None]]:
    """Every survivor with the first reason that fits, None where none does."""
    known = reasons()
    lines = [f"{count.module} {survivor}" for survivor in count.survivors]
    return [(line, next((reason for pattern, reason in known if pattern.search(line)), None)) for line in lines]


def unexplained(count: Count) -> list[str]:
    return [line for line, reason in explained(count) if reason is None]


def report(counts: list[Count]) -> None:
    for count in counts:
        open_ones = len(unexplained(count))
        share = count.killed / count.mutants
        since = "" if count.digest == digest(count.module) else "; it, or its tests, changed since"
        killed = f"{count.killed:6} of {count.mutants:4} killed {share:6.1%}"
        print(f"{count.module:34}{killed}, {open_ones} unexplained{since}")
    mutants, killed = sum(count.mutants for count in counts), sum(count.killed for count in counts)
    if mutants:
        share = f"{killed:6} of {mutants:4} killed {killed / mutants:6.1%}"
        print(f"{'together':34}{share}; {len(counts)} of {len(SETTINGS)} modules")
    print("survivors:", ", ".join(f"{number} {kind}" for kind, number in kinds(counts).most_common()))


def kinds(counts: Iterable[Count]) -> Counter[str]:
    """How many survivors have a reason of each kind, or none."""
    return Counter((reason or "unexplained:").partition(":")[0] for count in counts for _, reason in explained(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as data/quality.py; all without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="survivors alone: where nothing but tests were added")
    parser.add_argument("--report", action="store_true", help="print what is on record and try nothing")
    asked = parser.parse_args()
    known = recorded()
    stale = [module for module in SETTINGS if module not in known or known[module].digest != digest(module)]
    for module in [] if asked.report else asked.modules or stale:
        record(tried(module, asked.jobs, asked.again))
        print(f"{module} done", flush=True)
    report(list(recorded().values()))


if __name__ == "__main__":
    main()
