"""`runners.new`: its files pass lint, types and tests unchanged; a refused request leaves no file."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runners.engine import scaffold
from tests.resources import commands
from tests.resources.commands import ROOT, within

pytestmark = pytest.mark.thorough


def tracked() -> list[str]:
    """Files that git tracks or would add; all files outside a git checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


@pytest.fixture
def checkout(tmp_path):
    for name in tracked():
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """The folders of a checkout and the golden script, for commands in this process."""
    folder = tmp_path / "bare"
    for name in ("strategies", "tests/strategies", "tests/resources"):
        (folder / name).mkdir(parents=True)
    (folder / scaffold.GOLDEN_SCRIPT).touch()
    monkeypatch.setattr(scaffold, "ROOT", folder)
    return folder


def python(*words, cwd, **variables):
    """Run Python in a copy of the checkout, importing only from there."""
    return commands.python(*words, cwd=cwd, **{"PYTHONPATH": "", **variables})


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def passes(checkout: Path, names: list[str], *, prices: str) -> str:
    """Run the tests of these strategies and the contract suite."""
    tests = ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "tests/strategies", "-k", " or ".join(names)]
    done = python(*tests, cwd=checkout, DEEPSEEK_PRICES=prices, CI="")
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_both_kinds_pass_their_tests_as_they_are(checkout, market_data):
    before = files(checkout)
    one = python("-m", "runners.new", "my_idea", "--symbols", "NVDA,SPY,IEF", cwd=checkout)
    other = python("-m", "runners.new", "old_idea", "--plain", cwd=checkout)
    assert (one.returncode, one.stderr, other.returncode, other.stderr) == (0, "", 0, "")
    assert set(files(checkout)) - set(before) == {
        "strategies/my_idea.py",
        "tests/strategies/test_my_idea.py",
        "tests/resources/recipes/my_idea.py",
        "strategies/old_idea.py",
        "tests/strategies/test_old_idea.py",
    }
    assert {name: content for name, content in files(checkout).items() if name in before} == before
    result = passes(checkout, ["my_idea", "old_idea"], prices=str(market_data))
    # 3 + 2 tests of their own, and the contract suite, one of whose tests runs in three modes.
    contract = len(re.findall(r"^def test_", (ROOT / "tests/strategies/test_contract.py").read_text(), re.MULTILINE))
    assert f"{5 + contract + 2} passed" in result
    listed = python("-m", "runners.deepseek", "--list", cwd=checkout)
    assert "my_idea" in listed.stdout and "TEMPLATE" in listed.stdout


def test_the_files_pass_ruff(checkout):
    pytest.importorskip("ruff", reason="ruff is installed where style is checked")
    many = ",".join(f"NAME{number}" for number in range(20))
    for name, *words in (["m" * 40, "--symbols", many], ["n" * 40, "--plain", "--symbols", "SPY"]):
        assert python("-m", "runners.new", name, *words, cwd=checkout).returncode == 0
    for words in (["check", "--no-cache", "."], ["format", "--no-cache", "--check", "."]):
        done = python("-m", "ruff", *words, cwd=checkout)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_files_pass_mypy(checkout, tmp_path):
    pytest.importorskip("mypy", reason="mypy is installed where types are checked")
    assert python("-m", "runners.new", "my_idea", cwd=checkout).returncode == 0
    assert python("-m", "runners.new", "old_idea", "--plain", cwd=checkout).returncode == 0
    done = python("-m", "mypy", "--cache-dir", tmp_path / "types", cwd=checkout)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_three_suggested_commands_work(checkout, market_data):
    stdout = python("-m", "runners.new", "my_idea", cwd=checkout).stdout.split("next:\n")[1]
    commands = [line.split("#")[0].strip() for line in stdout.splitlines()]
    assert [line.removeprefix("python ").split()[:3] for line in commands] == [
        ["-m", "pytest", "tests/strategies"],
        ["-m", "runners.deepseek", "my_idea"],
        ["tests/resources/make_golden.py", "DIR", "my_idea"],
    ]
    run = python(*commands[1].split()[1:], "--source", "sample", "--no-evidence", cwd=checkout)
    assert (run.returncode, run.stderr) == (0, "")
    before = (checkout / "tests/resources/golden/d.csv").read_text()
    frozen = python(*commands[2].replace("DIR", str(market_data)).split()[1:], cwd=checkout)
    assert frozen.returncode == 0, frozen.stderr
    after = (checkout / "tests/resources/golden/d.csv").read_text()
    assert after.startswith(before) and after.removeprefix(before).count("my_idea,") == 6
    assert (checkout / "tests/resources/golden/my_idea.csv").is_file()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["MyIdea"], "'MyIdea' cannot name a strategy; use lower-case letters and underscores, as in my_idea"),
        (["../idea"], "'../idea' cannot name a strategy"),
        (["class"], "'class' cannot name a strategy"),
        (["x" * 41], "has 41 characters; use at most 40"),
        (["gpu_bubble"], "'gpu_bubble' is taken by a reading"),
        (["base"], "'base' is taken"),
        (["pandas"], "'pandas' is the name of an installed module"),
        (["my_idea", "--symbols", "spy,ief"], "'spy' is not a symbol; write capitals"),
        (["my_idea", "--symbols", "SPY,,IEF"], "'' is not a symbol"),
        (["my_idea", "--symbols", "SPY,SPY"], "has a symbol twice; list each once"),
        (["my_idea", "--symbols", "SPY"], "a reading compares symbols; give two or more, or use --plain"),
        (["my_idea", "--out", "nowhere/idea.py"], "there is no folder nowhere; create it first"),
        (["my_idea", "--out", "my-idea.py"], "my-idea.py cannot be imported"),
    ],
)
def test_a_wrong_request_is_one_line_and_leaves_nothing(words, complaint, bare):
    before = files(bare)
    done = within("new", *words, cwd=bare)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and complaint in done.stderr
    assert files(bare) == before


def test_an_existing_file_is_named_and_not_overwritten(bare):
    there = bare / "tests/resources/recipes/my_idea.py"
    there.parent.mkdir()
    there.write_text("mine")
    before = files(bare)
    done = within("new", "my_idea", cwd=bare)
    assert done.returncode == 2 and "tests/resources/recipes/my_idea.py exists; choose another name" in done.stderr
    assert files(bare) == before


def test_if_one_file_cannot_be_written_none_is(bare):
    (bare / "tests/resources/recipes").touch()  # a file instead of the folder of the last one
    before = files(bare)
    done = within("new", "my_idea", cwd=bare)
    assert (done.returncode, done.stdout) == (2, "")
    reason = os.strerror(errno.EEXIST)
    assert done.stderr == (
        f"error: tests/resources/recipes/my_idea.py cannot be written ({reason}); nothing was written\n"
    )
    assert files(bare) == before


READING = ["strategies/my_idea.py", "tests/strategies/test_my_idea.py", "tests/resources/recipes/my_idea.py"]
TESTED = "python -m pytest tests/strategies -k my_idea"
RUN = "python -m runners.deepseek"
SWEPT = "python -m runners.sweep"


@pytest.mark.parametrize(
    ("words", "written", "told"),
    [
        ((), READING, [TESTED, f"{RUN} my_idea", f"python {scaffold.GOLDEN_SCRIPT} DIR my_idea "]),
        (("--plain",), READING[:2], [TESTED, f"{RUN} my_idea --no-evidence"]),
        (("--out", "."), ["my_idea.py"], [f"{RUN} my_idea.py:MyIdea", f"{SWEPT} my_idea.py:MyIdea -p lookback=20,60"]),
        (("--plain", "--out", "mine.py"), ["mine.py"], [f"{SWEPT} mine.py:MyIdea -p period=20,50"]),
    ],
)
def test_it_prints_the_files_and_the_next_commands(bare, words, written, told):
    before = set(files(bare))
    done = within("new", "my_idea", *words, cwd=bare)
    assert (done.returncode, done.stderr) == (0, "")
    first, _, after = done.stdout.partition("\nnext:\n")
    assert first.splitlines() == [f"wrote {name}" for name in written]
    assert set(files(bare)) - before == set(written)
    for command in told:
        assert f"  {command}" in after
    for name in written:
        compile((bare / name).read_text(encoding="utf-8"), name, "exec")


def test_an_installed_copy_suggests_writing_only_the_strategy(bare):
    (bare / scaffold.GOLDEN_SCRIPT).unlink()
    done = within("new", "my_idea", cwd=bare)
    assert done.returncode == 2 and "write only the strategy with --out ." in done.stderr
    assert files(bare) == {}


@pytest.mark.slow
def test_without_tests_it_writes_a_single_file_that_runs(checkout, tmp_path):
    shutil.rmtree(checkout / "tests")
    done = python("-m", "runners.new", "my_idea", cwd=tmp_path, PYTHONPATH=str(checkout))
    assert done.returncode == 2 and "--out ." in done.stderr
    done = python("-m", "runners.new", "my_idea", "--out", ".", cwd=tmp_path, PYTHONPATH=str(checkout))
    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.split("next:\n")[1].splitlines()[0].split()
    assert first == ["python", "-m", "runners.deepseek", "my_idea.py:MyIdea", "--no-evidence"]
    run = python(*first[1:], "--source", "sample", "--out", "out", cwd=tmp_path, PYTHONPATH=str(checkout))
    assert (run.returncode, run.stderr) == (0, "")
    assert "TEMPLATE" in (tmp_path / "out" / "MyIdea.html").read_text()
