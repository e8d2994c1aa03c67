"""What pyproject.toml, the locks, the README and CI say about each other."""

from __future__ import annotations

import configparser
import re
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
    command = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert "tox" in command
    assert command in code_blocks("README.md")
    assert command in code_blocks("CONTRIBUTING.md")


def test_every_environment_of_tox_is_explained():
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    explained = set(re.findall(r"^\| `(\w+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE))
    declared = {section.removeprefix("testenv:") for section in tox.sections() if section.startswith("testenv:")}
    assert declared | {"py311", "py"} == explained
