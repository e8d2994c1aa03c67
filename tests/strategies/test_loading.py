"""Listing strategies imports none of them; loading passes their errors through."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import strategies
from data.errors import RequestError
from strategies import registry


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
def restored_path(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_file_loads_from_any_folder_as_one_module(tmp_path, restored_path):
    (tmp_path / "an_idea_of_mine.py").write_text(IDEA)
    loaded = strategies.load(f"{tmp_path}/an_idea_of_mine.py:Idea")
    assert (loaded.__module__, loaded.__name__) == ("an_idea_of_mine", "Idea")
    assert strategies.load(f"{tmp_path}/an_idea_of_mine.py:Idea") is loaded
    assert pickle.loads(pickle.dumps(loaded)) is loaded  # noqa: S301  (pickled on this line)


def test_a_file_of_a_package_loads_as_its_module(restored_path):
    file = strategies.__file__.replace("__init__.py", "gpu_bubble.py")
    assert strategies.load(f"{file}:GpuBubble") is strategies.load("gpu_bubble")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("json.py", "'json' is the name of .*; rename the file"), ("my-idea.py", "cannot be imported under that name")],
)
def test_a_file_with_an_unusable_module_name_is_rejected(tmp_path, restored_path, name, complaint):
    (tmp_path / name).write_text(IDEA)
    with pytest.raises(RequestError, match=complaint):
        strategies.load(f"{tmp_path}/{name}:Idea")
