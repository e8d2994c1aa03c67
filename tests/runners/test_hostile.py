"""Untrusted text on the terminal and in file names is shown escaped or refused, never interpreted."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
import unicodedata
from functools import cache
from io import StringIO
from pathlib import Path

import backtrader as bt
import pytest
from rich.text import Text

import runners
from data import file_names
from data.errors import RequestError
from data.sources.cache import Cache
from runners import calibrate, compare, deepseek, multiverse, new, prices, sweep, trials
from runners.cli import console
from runners.cli.tables import PlainConsole, PlainTable
from runners.engine.story import docstring_story
from runners.engine.study import prepare
from runners.engine.tracebacks import describe_failure
from tests.resources.commands import within

ROOT = Path(__file__).parents[2]
ROOMS = ("data", "reports", "runners", "strategies")
ESCAPE = "\x1b[31m\x1b]0;owned\x07\x9b2J"
TURNED = "\u202egnp.exe\u202c"
HINDI = "\u0939\u093f\u0928\u094d\u0926\u0940"  # letters with combining marks
LONG = "a" * 10_000

PACKAGE = '''\
"""A {escape}red title {turned} <img src=x onerror=alert(1)> {{{{ 7*7 }}}} [red]x[/red] :bomb:

Claim: "quoted" & {escape}
Refuted: never
"""
from strategies.base import Reading


class Fine(Reading):
    symbols = ("SPY",)
    params = (("label", "<i>{escape}{turned}\\ud800"),)
    __doc__ = __doc__

    def weights(self, past):
        return {{"SPY": 1.0}}


class Fails(Fine):
    def weights(self, past):
        raise ValueError("</pre><b>{escape}{turned}[bold]" + "w" * 10_000)


class Reaches(Fine):
    symbols = ("../../ETC/PASSWD",)
'''
NAMES = (
    "fine_one",
    "../x",
    "a/b",
    "..",
    "",
    "x" * 300,
    "index",
    "Side-by-side",
    "date",
    "CON",
    "a\x1bb",
    "<b>",
    TURNED,
)


def leave(command, *words, capsys, monkeypatch):
    """Run a command in this process; returns status, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", ["", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        console.run_command(command)
    out, err = capsys.readouterr()
    return left.value.code, out, err


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda command, *words: leave(command, *words, capsys=capsys, monkeypatch=monkeypatch)


def require_tame(text):
    """Assert that a text has no control characters except newlines."""
    assert {sign for sign in text if unicodedata.category(sign).startswith("C")} <= {"\n"}, ascii(text)


def require_refused(done, *words):
    status, out, err = done
    assert (status, out) == (2, ""), err
    assert err.startswith("error: ") and len(err.splitlines()) == 1 and len(err) < 1000
    assert all(word in err for word in words), err
    require_tame(err)


# --- the terminal ---------------------------------------------------------------------------------------------------


def test_a_screen_shows_escapes_and_markup_as_they_are_written():
    screen = PlainConsole()
    screen.file, screen.width = StringIO(), 200
    table = PlainTable("[bold]", "")
    table.add_row(f"[blink]{ESCAPE}[/blink]", Text(f"{TURNED} :bomb:", "red"))
    screen.print(table, f"[red]{ESCAPE}", Text(TURNED, "bold"), "[/]", ":bomb:")
    shown = screen.file.getvalue()
    require_tame(shown)
    assert shown.count("\\x1b[31m\\x1b]0;owned") == 2 and shown.count("\\u202egnp.exe\\u202c") == 2
    assert "[blink]" in shown and "[bold]" in shown and "[/]" in shown and shown.count(":bomb:") == 2


def test_on_a_terminal_only_our_own_colours_are_left():
    screen = PlainConsole()
    screen.file, screen._force_terminal, screen._color_system = StringIO(), True, None
    screen.print(Text(f"{ESCAPE} words", "bold"))
    assert "\x1b[31m" not in screen.file.getvalue() and "\\x1b[31m" in screen.file.getvalue()


def test_lines_and_json_are_escaped_and_json_keeps_its_meaning(capsys):
    console.echo(f"{ESCAPE}{TURNED}\nnext")
    console.echo_json('{"a": "\x7f\u202e"}\n')
    out, _ = capsys.readouterr()
    require_tame(out)
    assert out.splitlines()[1] == "next"
    assert json.loads(out.splitlines()[2]) == {"a": "\x7f\u202e"}


def test_a_docstring_is_shown_printable_and_shortened():
    spec = {"__doc__": f"A {ESCAPE} title {TURNED} {LONG}\n\nClaim: {ESCAPE} {LONG}\n"}
    story = docstring_story(type("Mine", (bt.Strategy,), spec))
    require_tame(story.title + story.claim)
    assert story.title.startswith("A \\x1b[31m") and len(story.title) < 400 and len(story.claim) < 3000


def test_an_error_is_shown_printable_and_shortened():
    class UntellableError(Exception):
        def __str__(self):
            raise RuntimeError

    failure = describe_failure(ValueError(f"{ESCAPE}{TURNED}\ud800{LONG}"))
    require_tame(failure.summary + failure.traceback)
    assert "ValueError: \\x1b[31m" in failure.summary and "\\ud800" in failure.traceback
    assert len(failure.summary) < 2000 and len(failure.traceback) < 3000
    assert describe_failure(UntellableError()).summary.startswith("UntellableError: ")


# --- what is asked for ----------------------------------------------------------------------------------------------

WRITING = {
    deepseek.deepseek: ("fomc_tilt", "--source", "sample"),
    sweep.sweep: ("fomc_tilt", "-p", "hold=5", "--source", "sample"),
    multiverse.multiverse: ("fomc_tilt", "--source", "sample"),
    calibrate.calibrate: ("--markets", "2"),
    compare.compare: ("one", "other"),
    new.new: ("some_idea",),
}


OUTS = {
    "long": (LONG, "File name too long"),
    "deep": ("a/" * 5000, "File name too long"),
    "bytes": ("\u00e9" * 128, "File name too long"),  # 256 of 255
    "sequence": (f"re{ESCAPE}d", "unprintable characters"),
    "turned": (TURNED, "unprintable characters"),
    "lines": ("two\nlines", "unprintable characters"),
    "nul": ("nul\0", "unprintable characters"),
    "half": ("\udcff", "unprintable characters"),
    "circle": ("circle", "symbolic links"),
    "in-circle": ("circle/out", "symbolic links"),
    "in-file": ("file/out", "file"),
    "file": ("file", "file"),
}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        *((deepseek.deepseek, kind) for kind in OUTS),
        *((command, "nul") for command in WRITING if command is not deepseek.deepseek),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_an_impossible_out_is_refused_before_any_work(run, tmp_path, command, kind):
    out, reason = OUTS[kind]
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").write_text("mine")
    require_refused(run(command, *WRITING[command], "--out", out), reason)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "file"]


ENDLESS = {
    "reading": (deepseek.deepseek, LONG),
    "file": (deepseek.deepseek, f"{LONG}.py:Mine"),
    "module": (deepseek.deepseek, f"{LONG}:Mine"),
    "event": (deepseek.deepseek, "--event", f"{LONG}.toml"),
    "source": (deepseek.deepseek, "fomc_tilt", "--source", LONG),
    "hold": (deepseek.deepseek, "fomc_tilt", "--hold", "9" * 10_000),
    "entry": (deepseek.deepseek, "fomc_tilt", "--entry", LONG),
    "start": (deepseek.deepseek, "fomc_tilt", "--source", "sample", "--start", LONG),
    "benchmark": (deepseek.deepseek, "fomc_tilt", "--source", "sample", "--benchmark", LONG),
    "symbol": (prices.prices, LONG, "--source", "sample"),
    "knob": (sweep.sweep, "fomc_tilt", "-p", LONG, "--source", "sample"),
    "value": (sweep.sweep, "fomc_tilt", "-p", f"hold={'9' * 10_000}", "--source", "sample"),
    "scheduler": (sweep.sweep, "fomc_tilt", "-p", "hold=5", "--source", "sample", "--dask", f"tcp://{LONG}:1"),
    "run": (compare.compare, LONG, LONG),
    "name": (new.new, LONG),
    "option": (trials.trials, f"--{LONG}"),
    "spaces": (deepseek.deepseek, "a " * 5000),
}


@pytest.mark.parametrize("words", ENDLESS.values(), ids=ENDLESS)
def test_a_very_long_value_is_refused_in_a_shortened_line(run, words):
    status, out, err = run(*words)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert len(err) < 2500 and re.search(r"(a|9|a )\.\.\.", err)


@pytest.mark.parametrize("symbol", ["../../etc/passwd", "<b>", "a b", "x\0", ESCAPE, TURNED, "-x", "", "A" * 16, "."])
def test_an_invalid_symbol_is_refused(run, symbol):
    for words in ((prices.prices, "--", symbol), (deepseek.deepseek, "fomc_tilt", "--benchmark", symbol)):
        require_refused(run(words[0], "--source", "sample", *words[1:]), "is not a symbol")


@pytest.mark.parametrize("value", [f"re{ESCAPE}d", TURNED, "w" * 301, "\udcff"])
def test_a_text_that_cannot_head_a_table_is_no_parameter_value(site, run, monkeypatch, value):
    monkeypatch.syspath_prepend(str(site))
    require_refused(run(sweep.sweep, "fine_one", "-p", f"label={value}", "--source", "sample"), "no value for label")


# --- names of files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        ("BRK-B", "BRK-B.parquet"),
        ("^GSPC", "^GSPC.parquet"),
        ("CON", "%43ON.parquet"),  # Concentra, a reserved device name on Windows
        ("nul", "%6Eul.parquet"),
        ("COM1.X", "%43OM1.X.parquet"),
        ("CONX", "CONX.parquet"),
        ("../x", "..%2Fx.parquet"),
        ("a\0b\\", "a%00b%5C.parquet"),
        ("%43ON", "%2543ON.parquet"),
    ],
)
def test_a_cached_symbol_has_a_file_of_its_own_in_the_cache(tmp_path, symbol, file):
    assert Cache(tmp_path).path(symbol) == tmp_path / "prices" / file


@pytest.mark.parametrize("name", ["gpu_bubble", "my reading", "v1.2-b", "\u05e9\u05dc\u05d5\u05dd", HINDI])
def test_a_valid_name_can_name_pages(name):
    assert file_names.file_name_fault(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            ".x",
            "x.",
            "x ",
            "a/b",
            "a\\b",
            "a:b",
            "a\n",
            "\x1b",
            "<b>",
            "\u202ex",
            "{{x}}",
            "'",
            "\ud800",
        ),
        *("CON", "con", "nul.txt", "LPT9", "COM\xb9", "x" * 201, "\u4e2d" * 67),
    ],
)
def test_an_invalid_name_cannot_name_pages(name):
    assert file_names.file_name_fault(name) is not None


def test_a_class_created_with_an_invalid_name_is_refused():
    evil = type("<img src=x>", (bt.Strategy,), {"symbols": ("SPY",)})
    with pytest.raises(RequestError, match="'<img src=x>' cannot name a reading"):
        prepare("__main__:x", evil, "SPY")
    with pytest.raises(RequestError, match="cannot name a reading"):
        runners.run(evil, source="sample")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An installed package whose entry points have all kinds of names."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "evil-1.0.dist-info"
    info.mkdir()
    (folder / "evil.py").write_text(PACKAGE.format(escape="\\x1b[31m\\x9b2J", turned="\\u202egnp\\u202c"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    offered = [*(f"{name} = evil:Fine" for name in NAMES), "fails = evil:Fails", "reaches = evil:Reaches"]
    (info / "entry_points.txt").write_text("\n".join(["[deepseek_readings.strategies]", *offered]), encoding="utf-8")
    return folder


def test_entry_points_of_a_package_are_listed_and_hide_nothing(site, run, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("COLUMNS", "100")
    status, out, err = run(deepseek.deepseek, "--list")
    assert (status, err) == (0, "")
    require_tame(out)
    shown = " ".join(out.split())
    assert "gpu_bubble" in shown and "Short the flagship" in shown
    assert "A \\x1b[31m" in shown and "[red]x[/red]" in shown and ":bomb:" in shown
    titles = {row["name"]: row["title"] for row in json.loads(run(deepseek.deepseek, "--list", "--json")[1])}
    fine = {"fine_one", "index", "Side-by-side", "date", "fails", "reaches"}
    for name in NAMES:
        assert ("cannot name a reading" in titles[name]) == (name not in fine), name


@pytest.mark.parametrize("name", [name for name in NAMES if name != "fine_one"], ids=ascii)
def test_a_name_that_no_page_can_have_is_refused(site, run, tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(str(site))
    done = run(deepseek.deepseek, name, "--source", "sample", "--no-evidence", "--out", tmp_path / "deep" / "out")
    reason = {"index": "overwrite", "Side-by-side": "overwrite", "date": "two columns date"}
    require_refused(done, reason.get(name, "cannot name a reading"))
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_strategy_stops_no_other_and_its_text_is_escaped(site, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    words = ("fine_one", "fails", "--source", "sample", "--no-evidence", "--out", "out")
    done = within("deepseek", *words, cwd=tmp_path)
    assert done.returncode == 1 and "fine_one" in done.stdout and "<b>" in done.stderr
    require_tame(done.stdout + done.stderr)
    for file in sorted((tmp_path / "out").iterdir()):
        require_tame(file.read_text(encoding="utf-8").replace("\t", ""))
    written = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert written["parameters"]["fine_one"]["label"] == "<i>\x1b[31m\x9b2J\u202egnp\u202c\ud800"


def test_a_symbol_of_a_strategy_reaches_no_file(site, run, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    require_refused(run(deepseek.deepseek, "reaches", "--source", "sample"), "'../../ETC/PASSWD' is not a symbol")


# --- the source -----------------------------------------------------------------------------------------------------

# Functions that run or build code from data, allowed only in these files:
FORBIDDEN = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "xmlrpc", "pty"}
CALLS = {"eval", "exec", "__import__", "system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}
OF_MODULES = {"np.load", "numpy.load", "compile", "builtins.compile"}  # whose last part alone has other meanings
KNOWN = {
    # Between our own processes, over their pipes.
    ("runners/engine/execution/executor.py", "pickle"),
    ("runners/engine/execution/processes.py", "pickle"),
    # Between machines that trust each other, see docs/howto/machines.md.
    ("runners/engine/execution/dask.py", "pickle"),
    # NumPy's own arrays from the user's cache, with pickles refused.
    ("data/histories_cache.py", "np.load"),
    ("data/histories_cache.py", "allow_pickle="),
    # Written to see what a strategy has changed; never read.
    ("runners/engine/isolation.py", "pickle"),
}


def dotted(node):
    """`a.b.c` for a name or attribute, else an empty text."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def dangerous(name):
    return name in OF_MODULES or (last := name.rpartition(".")[2]) in CALLS or last.endswith("_pickle")


def dangers(tree):
    """Forbidden imports, calls and keyword arguments in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in FORBIDDEN)
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if dangerous(alias.name))
            if node.module and node.module.partition(".")[0] in FORBIDDEN:
                yield node.module
        elif isinstance(node, ast.Call):
            if dangerous(name := dotted(node.func)):
                yield name
            yield from (f"{each.arg}=" for each in node.keywords if each.arg in ("shell", "allow_pickle"))


@cache
def modules():
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
    }


def test_no_code_is_created_from_data():
    values = {(file, danger) for file, tree in modules().items() for danger in dangers(tree)}
    assert values == KNOWN


def test_the_check_finds_forbidden_calls():
    calls = "eval('1'), os.system('x'), run(x, shell=True), np.load(f, allow_pickle=1)"
    violations = set(dangers(ast.parse(f"import yaml.x\nfrom pickle import loads\n{calls}")))
    assert violations == {"yaml.x", "pickle", "eval", "os.system", "shell=", "np.load", "allow_pickle="}
    imports = "from os import system\nfrom pandas import read_pickle\n"
    violations = set(dangers(ast.parse(f"{imports}subprocess.getoutput(x), builtins.eval(x), frame.eval(x)")))
    assert violations == {"system", "read_pickle", "subprocess.getoutput", "builtins.eval", "frame.eval"}


def test_commands_print_in_two_places_only():
    printing = {"click.echo", "click.secho", "print", "Console", "rich.print", "sys.stdout.write", "sys.stderr.write"}
    values = {
        (file, dotted(node.func))
        for file, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) in printing
    }
    assert values == {("runners/cli/console.py", "click.echo")}
    assert importlib.util.find_spec("runners.cli.tables") is not None
