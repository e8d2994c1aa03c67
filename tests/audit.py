"""Ask PyPI for known weaknesses of every pinned version: `python tests/audit.py [--required] [PIP_AUDIT_OPTION ...]`.

A weakness fails, and so does a version that could not be looked up. Where the list itself cannot be asked, as on a
machine without a network, that is said and passes, unless it is `--required`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

PINS = Path(__file__).parents[1] / "constraints.txt"
# A version with weaknesses: a mirror of packages has no such page, or one that names none.
LIST = "https://pypi.org/pypi/jinja2/2.4.1/json"
SECONDS = 10.0  # without an answer
# Strict: what could not be looked up is a failure, too. The pins are whole; nothing needs to be resolved.
AUDIT = ("pip_audit", "--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off")


def missing(address: str = LIST) -> str | None:
    """Why the list cannot be asked; None where it answers."""
    try:
        with urlopen(address, timeout=SECONDS) as answer:  # noqa: S310  (the address is ours)
            return None if json.load(answer).get("vulnerabilities") else "it names no weaknesses"
    except (OSError, HTTPException, ValueError, AttributeError) as error:
        return str(error)


def main(options: list[str]) -> int:
    required = "--required" in options
    options = [option for option in options if option != "--required"]
    if (reason := missing()) is not None:
        print(f"NOT AUDITED: {LIST} cannot be asked ({reason}); run this where it can be", file=sys.stderr)
        return int(required)
    return subprocess.run([sys.executable, "-m", *AUDIT, *options, "-r", str(PINS)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
