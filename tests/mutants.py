"""Mutation testing by module: changes each function in small ways and counts the changes that its tests notice.

`tox run -e mutation` tries every module of MODULES that has changed since its line in the record was written, and
`tox run -e mutation -- data/quality.py` those that are named. A run that is stopped goes on after the last whole module.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "tests" / "resources" / "mutants.txt"
PRICES = ROOT.parent / "shared" / "market-data" / "daily"
ROOMS = ("data", "reports", "runners", "strategies")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]
# Exit codes of mutmut 3: the tests fail (1), pytest stops over an error (3), no test comes by (33), nothing notices (0).
SURVIVED, UNTESTED, NOT_TRIED = 0, (5, 33), (None, 2, 34)


@dataclass(frozen=True)
class Count:
    """What became of the mutants of one module."""

    module: str
    source: str
    mutants: int
    killed: int
    survivors: tuple[str, ...]

    def line(self) -> str:
        return " ".join([self.module, self.source, str(self.mutants), str(self.killed), *self.survivors])

    @classmethod
    def read(cls, line: str) -> Count:
        module, source, mutants, killed, *survivors = line.split()
        return cls(module, source, int(mutants), int(killed), tuple(survivors))


def digest(module: str) -> str:
    """What ties a count to the text of a module and of its tests."""
    texts = [(ROOT / name).read_bytes() for name in (module, *SETTINGS[module])]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]


def recorded() -> dict[str, Count]:
    if not RECORD.exists():
        return {}
    lines = RECORD.read_text(encoding="utf-8").splitlines()
    return {count.module: count for count in map(Count.read, (line for line in lines if not line.startswith("#")))}


def record(count: Count) -> None:
    counts = {**recorded(), count.module: count}
    head = "# Made by tests/mutants.py: module, digest of it and its tests, mutants, killed, survivors.\n"
    RECORD.write_text(head + "".join(counts[name].line() + "\n" for name in sorted(counts)), encoding="utf-8")


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
        "use_git_change_detection": False,
        "track_dependencies": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "pyproject.toml").write_text(project + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n", encoding="utf-8")


def tried(module: str, jobs: int) -> Count:
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        folder = Path(place)
        workplace(module, folder)
        environment = {"DEEPSEEK_PRICES": str(PRICES), **os.environ}
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs)]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        kept = folder / "mutants" / f"{module}.meta"
        if not kept.exists():
            raise SystemExit(f"{module}: mutmut ended with {ended.returncode}\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
        codes = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
        if any(code in NOT_TRIED for code in codes.values()):
            raise SystemExit(f"{module}: not all mutants were tried\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
        survivors = sorted(name for name, code in codes.items() if code == SURVIVED or code in UNTESTED)
        for name in survivors:
            shown = subprocess.run([*command[:3], "show", name], cwd=folder, capture_output=True, text=True, check=False)
            print(shown.stdout, flush=True)
    return Count(module, digest(module), len(codes), len(codes) - len(survivors), tuple(survivors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as data/quality.py; all without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    known = recorded()
    for module in asked.modules or SETTINGS:
        if not asked.modules and module in known and known[module].source == digest(module):
            continue
        count = tried(module, asked.jobs)
        record(count)
        print(f"{count.module}: {count.killed} of {count.mutants} mutants killed", flush=True)


if __name__ == "__main__":
    main()
