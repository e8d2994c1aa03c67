"""Run folders on disk for comparisons: written by the real writer, then edited."""

from __future__ import annotations

import json

from reports.folders import run as run_folder

MANIFEST = {
    "command": "python -m runners.deepseek --source=here",
    "request": {"readings": ["first", "second"], "hold": 252, "rebalance": 20},
    "parameters": {"first": {"gross": 1.0}, "second": {}},
    "frictions": {"commission_bps": 1.0},
    "source": "made up",
    "versions": {"numpy": "2.4.6"},
    "code": "c" * 64,
    "prices": {
        "AAA": {"rows": 500, "first": "2024-01-02", "last": "2026-02-03", "sha256": "a" * 64},
        "SPY": {"rows": 500, "first": "2024-01-02", "last": "2026-02-03", "sha256": "5" * 64},
    },
}


def save(run, out, **manifest):
    """Write the folder of a run with a manifest of its inputs."""
    run_folder.write(type(run)(**{**vars(run), "manifest": {**MANIFEST, **manifest}}), {}, out)
    return out


def edit(folder, name, change):
    """Apply `change` to a JSON file of a folder."""
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    change(content)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def swap(folder, name, old, new, count=1):
    """Replace a text in a table; it must occur."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, count), encoding="utf-8")
