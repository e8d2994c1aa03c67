"""Groups of stocks in one line of business, for the base rates of shocks to their leaders.

The bundled groups are those of `facts/peer-groups.toml`, chosen in 2026 among companies that are still listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from data.errors import RequestError
from data.toml_table import TomlTable, parse_toml, read_toml_file

LEAST_MEMBERS = 3  # of a group: a leader and two others
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class PeerGroup:
    """A named group of stocks; `title` says in words what they do. A stock may stand in several groups."""

    name: str
    title: str
    members: tuple[str, ...]


def bundled_groups() -> tuple[PeerGroup, ...]:
    """The groups of this project."""
    content = (files("data") / "facts" / "peer-groups.toml").read_bytes()
    return parse_groups(content, "peer-groups.toml")


def read_groups(path: Path) -> tuple[PeerGroup, ...]:
    """The groups of a file. Raises RequestError, naming file, group and remedy, for anything that is wrong in it."""
    return parse_groups(read_toml_file(path, "group file"), str(path))


def parse_groups(content: bytes, file: str) -> tuple[PeerGroup, ...]:
    """The groups in the TOML `content`: one table a group, with the keys `title` and `members`."""
    table = parse_toml(content, f"group file {file!r}", "docs/base-rates.md")
    if not table.values:
        raise RequestError(f"group file {file!r} holds no group; write a table for each, as in docs/base-rates.md")
    return tuple(_group(table, name) for name in table.values)


def _group(table: TomlTable, name: str) -> PeerGroup:
    if not NAME.fullmatch(name):
        table.refuse(name, "it is not a group name; use up to 40 lower-case letters, digits and _, a letter first")
    below = table.below(name, 'make it a table with title = "..." and members = ["...", "..."]')
    below.require_keys(("title", "members"))
    title = below.text("title", "say in a few words what the companies do")
    members = below.symbols("members")
    if len(members) < LEAST_MEMBERS:
        below.refuse("members", f"it has {len(members)}; list {LEAST_MEMBERS} stocks or more, or leave the group out")
    return PeerGroup(name, title, members)
