"""Check the wheel that is installed beside this Python: `python -I tests/wheel.py CHECKOUT`, from a folder elsewhere.

It must hold the tracked files of its packages, nothing else, and be imported from where it was installed.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

DISTRIBUTION = "deepseek-readings"
ROOMS = ("data", "reports", "runners", "strategies")
DATA_FILES = (
    "data/facts/*.csv",
    "data/facts/*.json",
    "data/facts/*.toml",
    "data/facts/events/*.toml",
    "reports/templates/*",
    "reports/static/*",
    "reports/static/*/*",
    "runners/engine/templates/*",
)


def installed_files() -> set[str]:
    """Files of the wheel without its metadata, as posix paths."""
    files = distribution(DISTRIBUTION).files or []
    own = {file.as_posix() for file in files if file.suffix != ".pyc"}
    return {path for path in own if not path.split("/")[0].endswith(".dist-info")}


def expected_files(checkout: Path) -> set[str]:
    """Sources and data files of the rooms that git knows, or would after `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *ROOMS],
        cwd=checkout,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    paths = [Path(line) for line in listed.stdout.splitlines() if (checkout / line).is_file()]
    return {path.as_posix() for path in paths if path.suffix == ".py" or any(map(path.match, DATA_FILES))}


def main() -> None:
    checkout = Path(sys.argv[1]).resolve()
    wheel, source = installed_files(), expected_files(checkout)
    problems = [f"missing from the wheel: {path}" for path in sorted(source - wheel)]
    problems += [f"stray in the wheel: {path}" for path in sorted(wheel - source)]
    for room in ROOMS:
        spec = find_spec(room)
        if spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(sys.prefix):
            problems.append(f"{room} is not imported from the wheel but from {spec and spec.origin}")
    if problems:
        sys.exit("\n".join(problems))
    print(f"the wheel holds the {len(wheel)} files it should")


if __name__ == "__main__":
    main()
