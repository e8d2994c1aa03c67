"""Holds branches alone to the floor of pyproject.toml, and names the files that have gaps: `tox run -e coverage`.

`python tests/branches.py FILE`, where `coverage json -o FILE` has written: coverage itself counts lines and branches
together, and lines are the easier half.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> str | None:
    counted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    floor = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]["report"]
    for name, file in sorted(counted["files"].items()):
        if file["missing_branches"] or file["missing_lines"]:
            lines = f"lines {', '.join(map(str, file['missing_lines']))}" if file["missing_lines"] else ""
            ways = ", ".join(f"{start}->{'exit' if end < 0 else end}" for start, end in file["missing_branches"])
            print(f"{name}: {'; '.join(filter(None, (lines, ways and f'branches {ways}')))}")
    taken, of = (counted["totals"][key] for key in ("covered_branches", "num_branches"))
    print(f"branches: {taken:,} of {of:,} taken, {taken / of:.1%}")
    return (
        None if 100 * taken >= floor["fail_under"] * of else f"fewer than {floor['fail_under']} % of branches are taken"
    )


if __name__ == "__main__":
    sys.exit(main())
