"""The modules of an author: what they import is found by reading, not by running it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from runners.engine.dependencies import module_file, modules_reached

ROOT = Path(__file__).parents[3]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Files of an author, by name, in a folder that Python looks into; what is imported is forgotten afterwards."""
    folder = tmp_path / "author"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)

    def make(packages: dict[str, str] | None = None, **texts: str) -> Path:
        for name, text in {**(packages or {}), **texts}.items():
            path = folder / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()
        return folder

    yield make
    for name in set(sys.modules) - before:
        del sys.modules[name]


# --- where a module lies --------------------------------------------------------------------------------------------


def test_a_module_that_is_loaded_lies_where_it_was_loaded_from(tmp_path, monkeypatch):
    assert module_file("runners.engine.dependencies") == ROOT / "runners" / "engine" / "dependencies.py"
    assert module_file("runners") == ROOT / "runners" / "__init__.py"
    assert module_file("sys") is None
    for name, file in (("gone_one", tmp_path / "gone.py"), ("other_kind", tmp_path / "kind.so"), ("none_at_all", None)):
        module = ModuleType(name)
        module.__file__ = None if file is None else str(file)
        monkeypatch.setitem(sys.modules, name, module)
    (tmp_path / "kind.so").touch()
    assert [module_file(name) for name in ("gone_one", "other_kind", "none_at_all")] == [None] * 3


def test_a_module_that_is_not_loaded_lies_where_it_would_be_loaded_from(write):
    folder = write({"pack/__init__": "", "pack/inner": "", "bare/deep/inner": ""}, alone="", pack="")
    names = ("alone", "pack", "pack.inner", "bare.deep.inner", "bare", "missing", "pack.missing", "missing.inner")
    assert [module_file(name) for name in names] == [
        folder / "alone.py",
        folder / "pack" / "__init__.py",
        folder / "pack" / "inner.py",
        folder / "bare" / "deep" / "inner.py",
        *[None] * 4,
    ]
    assert not {"alone", "pack", "bare"} & set(sys.modules), "nothing was run"


def test_a_package_that_is_loaded_says_itself_where_its_modules_lie(write):
    folder = write({"pack/__init__": "__path__.append(__path__[0] + '/../beside')", "beside/inner": "", "pack/own": ""})
    importlib.import_module("pack")
    assert module_file("pack.inner") == folder / "beside" / "inner.py"
    assert module_file("pack.own") == folder / "pack" / "own.py"
    write(single="")
    importlib.import_module("single")
    assert module_file("single.inner") is None


# --- what a module imports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "import helper",
        "import json, helper",
        "import helper as other",
        "from helper import thing",
        "def later():\n    import helper",
        "try:\n    import nowhere\nexcept ImportError:\n    import helper",
        "import importlib\nimportlib.import_module('helper')",
        "from importlib import import_module\nimport_module('helper')",
        "__import__('helper')",
    ],
)
def test_an_import_is_found_wherever_it_stands(write, text):
    write(mine=text, helper="thing = 1")
    assert modules_reached(["mine"]) == {"mine", "helper"}


@pytest.mark.parametrize(
    "text",
    [
        "# import helper",
        "'import helper'",
        "print('helper')",
        "import importlib\nimportlib.import_module()",
        "import importlib\nimportlib.import_module(f'help{1}')",
        "import_module(3)",
        "(lambda: None)('helper')",
        "import helper oops",
    ],
)
def test_what_imports_nothing_reaches_nothing(write, text):
    write(mine=text, helper="")
    assert modules_reached(["mine"]) == {"mine"}


def test_imports_of_imports_are_found_once_and_in_circles(write):
    write(mine="import one", one="import two, mine", two="import one")
    assert modules_reached(["mine"]) == {"mine", "one", "two"}


def test_relative_imports_are_found_with_the_packages_around_them(write):
    write(
        {
            "pack/__init__": "from . import first",
            "pack/first": "from .sub import deep\nfrom ..nowhere import x",
            "pack/sub/__init__": "",
            "pack/sub/deep": "from ..second import thing\nimport importlib\nimportlib.import_module('.third')",
            "pack/second": "thing = 1",
            "pack/sub/third": "",
        }
    )
    whole = {"pack", "pack.first", "pack.sub", "pack.sub.deep", "pack.second", "pack.sub.third"}
    assert modules_reached(["pack.first"]) == whole
    assert modules_reached(["pack.sub.third"]) == whole, "the package around it is its own"


def test_relative_imports_of_the_module_of_a_package_begin_at_the_package(write):
    write({"pack/__init__": "from .inner import thing", "pack/inner": "thing = 1"}, inner="")
    assert modules_reached(["pack"]) == {"pack", "pack.inner"}


def test_a_relative_import_without_a_package_is_nothing(write):
    write(mine="from . import helper\nfrom .helper import x\nimport other", helper="", other="")
    assert modules_reached(["mine"]) == {"mine", "other"}


def test_a_name_made_while_the_code_runs_is_found_where_something_of_it_stays(write):
    write(
        mine="""
from importlib import import_module
whole = import_module(''.join(['who', 'le']))
One = import_module(''.join(['cla', 'sses'])).One
work = import_module(''.join(['func', 'tions'])).work
number = import_module(''.join(['am', 'ounts'])).number
""",
        whole="",
        classes="class One:\n    pass",
        functions="def work():\n    pass",
        amounts="number = 3",
    )
    assert modules_reached(["mine"]) == {"mine"}, "it is not loaded, and is not run"
    importlib.import_module("mine")
    assert modules_reached(["mine"]) == {"mine", "whole", "classes", "functions"}
    vars(sys.modules["mine"])["odd"] = type("Odd", (), {"__module__": None})
    vars(sys.modules["mine"])["worse"] = type("Worse", (), {"__module__": "no name/at all"})
    assert modules_reached(["mine"]) == {"mine", "whole", "classes", "functions"}


def test_the_package_that_a_module_was_loaded_into_counts(write):
    folder = write({"pack/__init__": "", "pack/inner": ""}, inner="")
    (folder / "loose.py").write_text("from . import inner")
    loose = ModuleType("loose")
    loose.__file__, loose.__package__ = str(folder / "loose.py"), "pack"
    sys.modules["loose"] = loose
    assert modules_reached(["loose"]) == {"loose", "pack", "pack.inner"}


# --- whose it is ----------------------------------------------------------------------------------------------------


def test_our_rooms_and_what_is_told_by_its_version_are_somebody_elses(write):
    write(
        mine="import json, numpy, pandas, backtrader, runners.api, strategies.base, data.prices, click, helper",
        helper="",
    )
    assert modules_reached(["mine"]) == {"mine", "helper"}


def test_ours_are_given_back_and_not_looked_into():
    given = {"runners.api", "backtrader.indicators.sma", "json"}
    assert modules_reached(given) == given
    assert modules_reached([]) == frozenset()


def test_a_file_of_the_checkout_outside_our_rooms_is_an_authors():
    assert "tests.resources.rules" in modules_reached(["tests.resources.rules"])
    assert "tests.resources.workers" in modules_reached(["tests.runners.engine.test_strategy_set"])


def test_installed_packages_are_an_authors_where_a_module_of_them_was_named(write):
    folder = write(mine="import own, other")
    place = folder / "site-packages"
    for name, text in (("own", "import own.rules, other"), ("other", "import third")):
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").write_text(text)
    (place / "own" / "rules.py").write_text("import helper")
    (place / "helper.py").write_text("")
    sys.path.insert(0, str(place))
    try:
        assert modules_reached(["mine"]) == {"mine"}
        assert modules_reached(["own.rules"]) == {"own", "own.rules"}
        assert modules_reached(["mine", "own"]) == {"mine", "own", "own.rules"}
    finally:
        sys.path.remove(str(place))


def test_a_warning_of_a_source_is_not_told_again(write, recwarn):
    write(mine="x = '\\d'\nimport helper", helper="")
    assert modules_reached(["mine"]) == {"mine", "helper"}
    assert not recwarn.list
