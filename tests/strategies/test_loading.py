"""Listing strategies imports none of them; loading passes their errors through."""

from __future__ import annotations

import builtins
import importlib
import pickle
import shutil
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import strategies
from data.errors import RequestError
from runners.engine.dependencies import module_file, modules_reached
from runners.engine.execution.processes import Processes
from strategies import author_imports, registry
from tests.resources.workers import call


def test_the_listing_has_the_exemplars_first():
    names = strategies.names()
    assert names[:3] == ("gpu_bubble", "ai_software", "fomc_tilt")
    assert len(names) == len(set(names)) >= 12


def test_the_listing_imports_no_strategy():
    code = (
        "import sys, strategies; strategies.names(); sys.exit('backtrader' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_packages_installed_or_removed_meanwhile_are_noticed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    calls = []
    monkeypatch.setattr(registry, "entry_points", lambda **options: calls.append(options) or entry_points(**options))
    before = strategies.names()
    assert strategies.names() == before and len(calls) == 1
    info = tmp_path / "visitor-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: visitor\nVersion: 1.0\n")
    listed = "[deepseek_readings.strategies]\nvisiting = backtrader.strategies:MA_CrossOver\n"
    (info / "entry_points.txt").write_text(listed)
    assert strategies.names() == (*before, "visiting")
    assert strategies.load("visiting").__name__ == "MA_CrossOver" and len(calls) == 2
    shutil.rmtree(info)
    assert strategies.names() == before


def test_an_unknown_name_gets_close_matches():
    with pytest.raises(RequestError, match="unknown reading 'gpu_buble'; did you mean gpu_bubble"):
        strategies.load("gpu_buble")


def test_a_path_loads_any_strategy_class():
    assert strategies.load("backtrader.strategies:MA_CrossOver").__name__ == "MA_CrossOver"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("no_such_package.module:Class", "no module 'no_such_package'"),
        ("strategies.gpu_bubble:GpuBuble", "has no class 'GpuBuble'; it has GpuBubble"),
        ("pathlib:Path", "not a backtrader strategy"),
        ("./mine:Idea", "is not a path to a class; write package.module:Class or path/to/file.py:Class"),
        ("./mine.py:Idea", "there is no file .*mine.py; name an existing one"),
        ("mine.py", "names a file without its class; write mine.py:MyStrategy"),
        (":Idea", "is not a path to a class"),
    ],
)
def test_a_wrong_path_is_explained(path, complaint):
    with pytest.raises(RequestError, match=complaint):
        strategies.load(path)


def test_an_import_error_inside_a_module_passes_through(tmp_path, monkeypatch):
    (tmp_path / "lacking_idea.py").write_text("import a_module_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_missing"):
        strategies.load("lacking_idea:Idea")


IDEA = "import backtrader as bt\n\n\nclass Idea(bt.Strategy):\n    symbols = ('SPY',)\n"


@pytest.fixture
def restored_path(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(builtins, "__import__", builtins.__import__)
    monkeypatch.setattr(author_imports, "_taken", {})
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_file_loads_from_any_folder_as_one_module(tmp_path, restored_path):
    (tmp_path / "an_idea_of_mine.py").write_text(IDEA)
    loaded = strategies.load(f"{tmp_path}/an_idea_of_mine.py:Idea")
    assert (loaded.__module__, loaded.__name__) == ("an_idea_of_mine", "Idea")
    assert strategies.load(f"{tmp_path}/an_idea_of_mine.py:Idea") is loaded
    assert pickle.loads(pickle.dumps(loaded)) is loaded  # noqa: S301  (pickled on this line)


def test_a_file_of_a_package_loads_as_its_module(restored_path):
    file = strategies.__file__.replace("__init__.py", "gpu_bubble.py")
    assert strategies.load(f"{file}:GpuBubble") is strategies.load("gpu_bubble")


@pytest.mark.parametrize("name", ["json", "my-idea", "my idea", "strategies/idea", "my-folder/idea", "data/sub/idea"])
def test_a_file_loads_whatever_it_and_its_folder_are_called(tmp_path, restored_path, name):
    file = tmp_path / f"{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    for package in (package for package in file.parents if package.is_relative_to(tmp_path) and package != tmp_path):
        (package / "__init__.py").touch()
    file.write_text(IDEA)
    loaded = strategies.load(f"{file}:Idea")
    assert loaded.__name__ == "Idea" and strategies.load(f"{file}:Idea") is loaded
    assert pickle.loads(pickle.dumps(loaded)) is loaded  # noqa: S301  (pickled on this line)
    assert importlib.import_module("json").__name__ == "json" and importlib.import_module("data").load_prices


def test_a_file_with_a_point_in_its_name_is_rejected(tmp_path, restored_path):
    (tmp_path / "my.idea.py").write_text(IDEA)
    with pytest.raises(RequestError, match=r"'my\.idea' has a point; rename it, as in my_idea\.py"):
        strategies.load(f"{tmp_path}/my.idea.py:Idea")


BESIDE = """\
import backtrader as bt
import data.rules
from data.rules import NAMES as same
from strategies import share
from strategies.base import Reading
from helper import NUMBER


class Idea(bt.Strategy):
    symbols = data.rules.NAMES

    @staticmethod
    def found():
        from data import rules
        from data.prices import Prices  # this project's, since there is no such module beside

        return rules.NAMES, same, share(), issubclass(Reading, bt.Strategy), Prices.__name__, NUMBER
"""


@pytest.fixture
def author(tmp_path):
    """Two folders with modules of the same names, two of them ours, and with prices in a folder that is no module."""
    for number, name in enumerate(("first", "second")):
        folder = tmp_path / name
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "rules.py").write_text(f"NAMES = ('{name}',)\n")
        (folder / "strategies").mkdir()
        (folder / "strategies" / "__init__.py").write_text(f"from data import rules\ndef share(): return {number}\n")
        (folder / "helper.py").write_text(f"NUMBER = {number}\n")
        (folder / "runners").mkdir()
        (folder / "runners" / "results.csv").touch()
        (folder / f"{name}_idea.py").write_text(BESIDE)
    return tmp_path


def test_modules_beside_a_file_are_its_own_though_ours_or_anothers_have_their_names(author, restored_path):
    for number, name in enumerate(("first", "second")):
        loaded = strategies.load(f"{author}/{name}/{name}_idea.py:Idea")
        assert loaded.found() == ((name,), (name,), number, True, "Prices", number)
        reached = {author_imports.plain_name(module) for module in modules_reached([loaded.__module__])}
        assert {"data.rules", "strategies", "helper"} < reached and "runners" not in reached
        for module in modules_reached([loaded.__module__]):
            file = module_file(module)
            assert file is None or file.is_relative_to(author / name)
    assert importlib.import_module("data.prices").Prices and strategies.names()


def test_workers_find_the_same_modules(author, restored_path):
    loaded = strategies.load(f"{author}/second/second_idea.py:Idea")
    assert Processes(1).map(call, (), [loaded.found]) == [loaded.found()]
