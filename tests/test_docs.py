"""What the site shows is what a user gets: commands, outputs, options, and every key of the files of results."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from tests.resources.commands import MULTIVERSE, ROOT, RUN, python, runner, shown

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SAMPLE = ("--source", "sample")
COMMANDS = ("calibrate", "compare", "deepseek", "multiverse", "new", "prices", "sweep", "trials")


def blocks(text: str) -> list[tuple[str, str, str]]:
    """Fenced blocks in their order: language, title, content."""
    return re.findall(r'^```(\w+)(?: title="(.*?)")?\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)


def run(words: list[str], folder: Path) -> str:
    done = python(*words, cwd=folder, PYTHONPATH=os.pathsep.join((str(ROOT), str(folder))))
    assert (done.returncode, done.stderr) == (0, ""), words
    return done.stdout


def follow(text: str, folder: Path) -> int:
    """Do what a page says, block by block, and hold it to the output that it shows; how many outputs were compared.

    Commands run within this process, and import from `folder`.
    """
    printed, compared = "", 0
    for language, title, content in blocks(text):
        if title:
            (folder / title).write_text(content, encoding="utf-8")
        elif language == "python":
            printed = run(["-c", content], folder)
        elif language == "sh":
            printed = "".join(printed_by(line, folder) for line in commands(content))
        elif language == "text":
            assert content in printed
            compared += 1
    return compared


def printed_by(line: str, folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        done = shown(line, cwd=folder)
    assert (done.returncode, done.stderr) == (0, ""), line
    return done.stdout


def commands(block: str) -> list[str]:
    lines = [line.partition(" #")[0].strip() for line in block.splitlines()]
    return [line for line in lines if line.startswith(".venv/bin/python -m")]


def tutorial() -> tuple[str, str]:
    """The part on the sample and the part on real prices."""
    first, heading, second = (DOCS / "tutorial.md").read_text(encoding="utf-8").partition("## The real run")
    assert heading
    return first, second


@pytest.mark.thorough
def test_the_tutorial_does_what_it_shows_on_the_sample(tmp_path):
    assert follow(tutorial()[0], tmp_path) == 2


@pytest.mark.slow
def test_the_tutorial_does_what_it_shows_on_real_prices(market_data, tmp_path):
    first, second = tutorial()
    ((title, code),) = [(title, content) for _, title, content in blocks(first) if title]
    (tmp_path / title).write_text(code, encoding="utf-8")
    (tmp_path / "prices").mkdir()
    for path in market_data.glob("*.csv"):
        (tmp_path / "prices" / path.name).symlink_to(path)
    assert follow(second, tmp_path) == 3


@pytest.mark.thorough
def test_the_launches_of_the_python_interface_have_the_shape_that_is_shown(tmp_path):
    assert follow((DOCS / "api.md").read_text(encoding="utf-8"), tmp_path) == 1


# --- how-to pages ---------------------------------------------------------------


def options(name: str) -> set[str]:
    asked = [each for each in runner(name).params if isinstance(each, click.Option)]
    return {"--help", *(flag for each in asked for flag in (*each.opts, *each.secondary_opts))}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_page_that_names_every_option_and_no_other(name):
    text = (DOCS / "howto" / f"{name}.md").read_text(encoding="utf-8")
    cells = "\n".join(re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE))
    assert set(re.findall(r"`(--?[a-z-]+)", cells)) == options(name) - {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_option_of_a_command_that_is_shown_exists(page):
    for language, _, content in blocks(page.read_text(encoding="utf-8")):
        for line in commands(content) if language == "sh" else []:
            _, _, module, *words = shlex.split(line)
            given = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert given <= options(module.removeprefix("runners.")), line


def examples() -> Iterator[str]:
    """Commands of the how-to pages that run on the sample, without a cluster."""
    for page in sorted((DOCS / "howto").glob("*.md")):
        for language, _, content in blocks(page.read_text(encoding="utf-8")):
            if language == "sh":
                yield from (line for line in commands(content) if "sample" in line and "--dask" not in line)


Ran = Callable[[str], Path]


@pytest.fixture
def ran(run_once) -> Ran:
    """Runs a command of ours, once, in a folder of its own; gives that folder."""

    def run(line: str) -> Path:
        _, _, module, *words = shlex.split(line)
        place, printed = run_once(module.removeprefix("runners."), *words)
        assert printed, line
        return place

    return run


@pytest.mark.thorough
@pytest.mark.parametrize("command", list(examples()))
def test_an_example_on_the_sample_runs(command, ran):
    ran(command)


# --- the reference of files -----------------------------------------------------

Kinds = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def kinds() -> Kinds:
    """What docs/files.md documents: by kind of object, its keys and their types."""
    text = (DOCS / "files.md").read_text(encoding="utf-8").partition("## Tables")[0]
    found = {}
    for name, body in re.findall(r"^### `(.*?)`\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE):
        found[name] = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", body, re.MULTILINE))
    return found


@pytest.fixture
def folders(run_once) -> dict[str, Path]:
    """A real folder of each kind, from the sample: what the examples wrote."""
    made = {
        "run": RUN,
        "grid": ("sweep", "gpu_bubble", "-p", "hold=20,60,252", "-p", "rebalance=5,20", *SAMPLE),
        "search": ("sweep", "gpu_bubble", "-p", "hold=5..99", "--search", "optuna", "--budget", "20", *SAMPLE),
        "multiverse": MULTIVERSE,
    }
    places = {"run": "latest", "grid": "sweep", "search": "sweep", "multiverse": "multiverse"}
    return {name: run_once(*words)[0] / "reports" / places[name] for name, words in made.items()}


PLAIN = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": int | float,
    "null": type(None),
    "any": object,
}


class Reader:
    """Holds values to documented kinds, and remembers which keys it has seen."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.seen: set[tuple[str, str]] = set()

    def require(self, value: object, kind: str, where: str) -> None:
        assert any(self.fits(value, option, where) for option in options_of(kind)), f"{where}: {value!r} is no {kind}"

    def fits(self, value: object, kind: str, where: str) -> bool:
        if kind in PLAIN:
            return isinstance(value, PLAIN[kind]) and (kind in ("boolean", "any") or not isinstance(value, bool))
        if kind == "unavailable":
            return isinstance(value, dict) and set(value) == {"not_available"}
        if kind.startswith("list of "):
            return isinstance(value, list) and self.all(enumerate(value), kind.removeprefix("list of "), where)
        if kind.startswith("map of "):
            return isinstance(value, dict) and self.all(value.items(), kind.removeprefix("map of "), where)
        return isinstance(value, dict) and set(value) != {"not_available"} and self.object(value, kind, where)

    def all(self, items, kind: str, where: str) -> bool:
        for key, value in items:
            self.require(value, kind, f"{where}.{key}")
        return True

    def object(self, value: dict[str, object], kind: str, where: str) -> bool:
        for key, item in value.items():
            assert key in self.kinds[kind], f"{where}.{key} is not in docs/files.md under {kind}"
            self.seen.add((kind, key))
            self.require(item, self.kinds[kind][key], f"{where}.{key}")
        return True


def options_of(kind: str) -> list[str]:
    """`a or b` apart, but not inside parentheses; parentheses around the whole are taken off."""
    kind = kind.removeprefix("(").removesuffix(")") if kind.startswith("(") else kind
    return re.split(r" or (?![^(]*\))", kind)


@pytest.mark.thorough
def test_every_key_of_the_files_of_results_is_documented_and_no_other(kinds, folders):
    reader = Reader(kinds)
    for name, folder in folders.items():
        top = {"run": "run", "multiverse": "multiverse"}.get(name, "sweep")
        reader.require(json.loads((folder / "results.json").read_text(encoding="utf-8")), top, top)
        reader.require(json.loads((folder / "manifest.json").read_text(encoding="utf-8")), "manifest", "manifest")
    for file in (folders["run"] / "base_rates.json", ROOT / "data" / "facts" / "base-rates.json"):
        reader.require(json.loads(file.read_text(encoding="utf-8")), "base rates", "base rates")
    assert documented(kinds, but=CALIBRATED) - reader.seen == set()


CALIBRATED = {"calibration", "errors", "count", "planted", "point", "coverage", "resampled"}


def documented(kinds: Kinds, but: set[str]) -> set[tuple[str, str]]:
    keys = {(kind, key) for kind, keys in kinds.items() if kind not in but for key in keys}
    return keys - {("manifest", "calibration")}


@pytest.mark.slow
def test_every_key_of_a_calibration_is_documented_and_no_other(kinds, tmp_path):
    run(["-m", "runners.calibrate", "--markets", "2", "--out", "calibration"], tmp_path)
    reader = Reader(kinds)
    found = json.loads((tmp_path / "calibration" / "results.json").read_text(encoding="utf-8"))
    reader.require(found, "calibration", "calibration")
    assert {(kind, key) for kind, key in documented(kinds, but=set(kinds) - CALIBRATED)} == reader.seen


def columns(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").partition("\n")[0].split(",")


@pytest.mark.thorough
def test_the_files_of_a_folder_and_the_columns_of_its_tables_are_those_that_are_told(kinds, folders):
    text = (DOCS / "files.md").read_text(encoding="utf-8")
    overview = set(re.findall(r"`([\w.]+)`", text.partition("Rules for all of them")[0]))
    for folder in folders.values():
        assert {path.name for path in folder.iterdir() if path.suffix != ".html"} <= overview
    for table in ("fills.csv", "decisions.csv", "shocks.csv"):
        (body,) = re.findall(rf"^### `{table}`\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
        assert columns(folders["run"] / table) == re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE)
    assert columns(folders["run"] / "returns.csv") == ["date", *RUN[1:4], "SPY"]
    figures = [key for key in kinds["spec"] if key not in ("rank", "spec", "knobs", "first", "last")]
    swept = ["spec", "hold", "rebalance", "first_session", "last_session", *figures, "failed"]
    assert columns(folders["grid"] / "sweep.csv") == swept
    specs = columns(folders["multiverse"] / "specs.csv")
    assert (specs[0], specs[-2:]) == ("reading", ["used", "d"])
    assert {"entry", "costs", "borrow"} <= set(specs)


@pytest.fixture
def gallery():
    """The script docs/gallery.py."""
    spec = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_gallery_shows_the_bundled_base_rates(gallery):
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    table = gallery.base_rate_table()
    assert table in page and gallery.filled(page, {"base-rates": table}) == page


@pytest.mark.slow
def test_the_tables_of_the_gallery_are_those_of_real_prices(gallery, market_data, tmp_path):
    for name in gallery.RUNS:
        gallery.run(name, market_data.resolve(), tmp_path)
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    made = gallery.tables(tmp_path)
    assert all(f"<!-- table: {name} -->" in page for name in made)
    assert gallery.filled(page, made) == page
