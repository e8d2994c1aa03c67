"""What pyproject.toml, the locks, the README and CI say about each other."""

from __future__ import annotations

import configparser
import importlib.metadata
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
TESTS = [Requirement(line) for line in PROJECT["dependency-groups"]["test"]]


# Licences as old metadata call them, and as SPDX does.
LICENCES = {
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


def pins(file: str) -> dict[str, set[Version]]:
    """Versions that a lock allows, by name; several where they depend on the Python."""
    found: dict[str, set[Version]] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if line and not line.lstrip().startswith("#"):
            pin = Requirement(line)
            (only,) = pin.specifier
            assert only.operator == "==", line
            found.setdefault(canonicalize_name(pin.name), set()).add(Version(only.version))
    return found


def floor(requirement: Requirement) -> Version:
    (bound,) = [Version(part.version) for part in requirement.specifier if part.operator == ">="]
    return bound


def code_blocks(file: str) -> list[str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return [line.strip() for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *TESTS], ids=lambda requirement: requirement.name)
def test_the_lowest_lock_holds_the_floors(requirement):
    assert min(pins("constraints-lowest.txt")[canonicalize_name(requirement.name)]) == floor(requirement)


@pytest.mark.parametrize("requirement", [*DEPENDENCIES, *TESTS], ids=lambda requirement: requirement.name)
def test_the_lock_is_inside_the_ranges(requirement):
    locked = pins("constraints.txt")[canonicalize_name(requirement.name)]
    assert all(version in requirement.specifier for version in locked)


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-lowest.txt"])
def test_locks_name_no_host_and_no_path(file):
    assert not re.search(r"https?:|file:|--|/(home|tmp)/", (ROOT / file).read_text(encoding="utf-8"))


def test_every_package_is_listed():
    rooms = ("data", "reports", "runners", "strategies")
    folders = {path.parent.relative_to(ROOT) for room in rooms for path in (ROOT / room).rglob("*.py")}
    assert sorted(".".join(folder.parts) for folder in folders) == PROJECT["tool"]["setuptools"]["packages"]


def test_every_package_is_a_regular_one():
    folders = [ROOT / package.replace(".", "/") for package in PROJECT["tool"]["setuptools"]["packages"]]
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_ci_runs_the_readmes_test_command():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    (tests,) = [line for line in lines if line.startswith("python3 -m venv") and line.endswith("tox run")]
    assert tests in code_blocks("README.md")
    assert tests in code_blocks("CONTRIBUTING.md")
    (thorough,) = [line for line in lines if line.endswith("tox run -e thorough")]
    assert thorough in code_blocks("README.md")


@pytest.mark.parametrize(
    ("says", "fails", "required", "status", "word"),
    [
        ("No known vulnerabilities found", 0, "required", 0, "OK"),
        ("Found 2 known vulnerabilities in 1 package", 1, "", 1, "FAILED"),
        ("ServiceError: connection refused", 1, "", 0, "SKIPPED"),
        ("ServiceError: connection refused", 1, "required", 1, "SKIPPED"),
    ],
    ids=["clean", "vulnerable", "unreachable", "unreachable and required"],
)
def test_what_was_not_audited_does_not_look_like_audited(says, fails, required, status, word):
    command = ["sh", "-c", f"echo '{says}'; exit {fails}"]
    done = subprocess.run(
        [ROOT / ".ci" / "audit", *command],
        env={**os.environ, "AUDIT": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status and re.findall(r"audit: (\w+)", done.stdout + done.stderr) == [word]


def test_every_environment_of_tox_is_explained():
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    explained = set(re.findall(r"^\| `(\w+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE))
    declared = {section.removeprefix("testenv:") for section in tox.sections() if section.startswith("testenv:")}
    assert declared | {"py311", "py"} == explained


def rows_of_dependencies() -> dict[str, list[tuple[str, str]]]:
    """Names and licences in each table of docs/dependencies.md, by heading."""
    sections = re.split(r"^## ", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    row = re.compile(r"^\| `([^`]+)` \|[^|]+\|[^|]*\| ([^|]+) \| \S+, \d{4}-\d\d-\d\d \|$", re.MULTILINE)
    return {section.partition("\n")[0]: row.findall(section) for section in sections[1:]}


def test_every_dependency_is_justified():
    groups = PROJECT["dependency-groups"]
    others = [line for name, lines in groups.items() if name != "test" for line in lines if isinstance(line, str)]
    asked = {
        "What runs need": PROJECT["project"]["dependencies"],
        "What some runs need": [
            line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines
        ],
        "What tests need": groups["test"],
        "What the makers need": others,
    }
    expected = {heading: sorted({Requirement(line).name for line in lines}) for heading, lines in asked.items()}
    rows = rows_of_dependencies()
    assert {heading: sorted(name for name, _ in rows[heading]) for heading in asked} == expected


def declared(name: str) -> str | None:
    """The SPDX licence in the metadata of an installed package; None where it is absent or told in prose."""
    metadata = importlib.metadata.metadata(name)
    if (expression := metadata.get("License-Expression")) is not None:
        return expression
    classified = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if "License ::" in line]
    return LICENCES.get(classified[0]) if classified else None


def pinned(name: str) -> bool:
    """Whether the version that is installed is the one of the lock; floors may have had another licence."""
    try:
        return Version(importlib.metadata.version(name)) in pins("constraints.txt")[canonicalize_name(name)]
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return False


LISTED = {row for rows in rows_of_dependencies().values() for row in rows if pinned(row[0])}


@pytest.mark.parametrize(("name", "licence"), sorted(LISTED))
def test_licences_are_those_that_packages_declare(name, licence):
    # "BSD-3-Clause AND MIT AND ...": the first is the package's own, the others of code that it carries.
    told = declared(name)
    assert told is None or told.split(" AND ")[0] == licence


def test_the_lock_with_hashes_pins_what_runs_need_as_the_constraints_do():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    bare = [line for line in lines if "--hash=sha256:" not in line]
    assert bare == []
    locked: dict[str, set[Version]] = {}
    for line in lines:
        pin = Requirement(line.partition("--hash")[0])
        (only,) = pin.specifier
        locked.setdefault(canonicalize_name(pin.name), set()).add(Version(only.version))
    constrained = pins("constraints.txt")
    assert {name for name in locked if locked[name] != constrained[name]} == set()
    assert {canonicalize_name(requirement.name) for requirement in DEPENDENCIES} <= set(locked)
