"""Holds branches alone to the floor of pyproject.toml, which coverage takes of lines and branches together.

`python tests/branches.py FILE`, where `coverage json -o FILE` has written; `tox run -e coverage` does both.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> str | None:
    totals = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["totals"]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]["report"]
    taken, of, floor = totals["covered_branches"], totals["num_branches"], settings["fail_under"]
    print(f"branches: {taken:,} of {of:,} taken, {taken / of:.1%}")
    return None if 100 * taken >= floor * of else f"fewer than {floor} % of branches are taken"


if __name__ == "__main__":
    sys.exit(main())
