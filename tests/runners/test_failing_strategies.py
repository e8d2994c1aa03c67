"""Strategies that crash: their authors see useful tracebacks, and the others still run."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from tests.resources.commands import command, within

BROKEN = """\
import backtrader as bt

from strategies.base import Reading


def helper(value):
    return 1 / value


class OfSpy(Reading):
    symbols = ("SPY",)


class Fine(OfSpy):
    def weights(self, past):
        return {"SPY": 1.0}


class Divides(OfSpy):
    def weights(self, past):
        return {"SPY": helper(0)}


class Leaves(OfSpy):
    def weights(self, past):
        raise SystemExit(7)


class Interrupts(OfSpy):
    def weights(self, past):
        raise KeyboardInterrupt


class Borrows(OfSpy):
    def weights(self, past):
        return {"SPY": 1.5}


class Lists(OfSpy):
    def weights(self, past):
        return [1.0]


class Earlier(OfSpy):
    def weights(self, past):
        if str(past.session).startswith("2023"):
            raise RuntimeError("<b>2023</b>")
        return {"SPY": 1.0}


class Begins(bt.Strategy):
    symbols = ("SPY",)

    def __init__(self):
        self.average = bt.indicators.SMA(self.data.close, period="ten")


class Steps(bt.Strategy):
    symbols = ("SPY",)

    def next(self):
        raise ValueError("<script>") from KeyError("first")


class Peeks(bt.Strategy):
    symbols = ("SPY",)

    def next(self):
        if self.data.close[1] > self.data.close[0]:
            self.buy()


class PeeksAhead(bt.Strategy):
    symbols = ("SPY",)

    def __init__(self):
        self.mean = bt.indicators.SMA(bt.indicators.SMA(self.data.close, period=3), period=3)

    def next(self):
        self.mean.get(ago=1, size=2)


class Ends(bt.Strategy):
    symbols = ("SPY",)

    def next(self):
        if not self.position:
            self.buy(size=100)
        elif self.data.datetime.date().isoformat() == "2025-04-08":
            self.env.runstop()


class Prints(bt.Strategy):
    symbols = ("SPY",)

    def __init__(self):
        print("NOISE")


class Midway(OfSpy):
    def weights(self, past):
        if past.held == 120:
            raise LookupError(f"after {past.held} sessions")
        return {"SPY": 1.0}


class Unknown(Fine):
    symbols = ("NOSUCH",)


class Remembers(Fine):
    history = 5000
"""


FILES = {"mine": BROKEN, "unfinished": "x = (\n", "needy": "import a_module_that_is_missing\n"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of broken strategies on the import path."""
    result = tmp_path_factory.mktemp("broken")
    for name, text in FILES.items():
        (result / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(result)
        yield result
    for name in FILES:
        sys.modules.pop(name, None)


def deepseek(folder, *words, out="out"):
    return within("deepseek", *words, "--source", "sample", "--out", out, "--no-evidence", cwd=folder)


def test_others_run_and_each_failure_is_shown_on_terminal_page_and_json(folder):
    names = ["Divides", "Leaves", "Borrows", "Lists", "Begins", "Steps", "Peeks", "PeeksAhead", "Ends", "Midway"]
    done = deepseek(folder, *(f"mine:{name}" for name in names), "unfinished:X", "needy:X", "mine:Fine", "gpu_bubble")
    assert done.returncode == 1
    assert "gpu_bubble" in done.stdout and "Fine" in done.stdout and "Divides" not in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: unfinished:X, needy:X, Divides, Leaves, ")
    results = json.loads((folder / "out" / "results.json").read_text())
    assert list(results["readings"]) == ["Fine", "gpu_bubble"]
    failed = results["failed"]
    assert set(failed) == {*names, "unfinished:X", "needy:X"}
    assert failed["Divides"].splitlines() == [
        "Traceback (most recent call last):",
        '  File "mine.py", line 21, in weights',
        '    return {"SPY": helper(0)}',
        '  File "mine.py", line 7, in helper',
        "    return 1 / value",
        "ZeroDivisionError: division by zero",
    ]
    assert 'File "mine.py", line 26' in failed["Leaves"] and failed["Leaves"].endswith("SystemExit: 7")
    assert "gross exposure 1.500000 of the targets exceeds 1" in failed["Borrows"]
    assert "weights(past) returned [1.0]; return a dict" in failed["Lists"]
    assert 'File "unfinished.py", line 1' in failed["unfinished:X"]
    assert failed["needy:X"].endswith("ModuleNotFoundError: No module named 'a_module_that_is_missing'")
    assert "KeyError: 'first'" in failed["Steps"], "what caused it is told as well"
    assert "in next\n    if self.data.close[1]" in failed["Peeks"]
    assert failed["Peeks"].endswith("line[1] lies in the future: [0] is this bar and [-1] 1 back; look back only")
    assert "line[1] lies in the future" in failed["PeeksAhead"]
    assert "Ends stopped the run on 2025-04-08, before its end on 2026-" in failed["Ends"]
    assert failed["Midway"].endswith("LookupError: after 120 sessions"), "half a run is none"
    assert all("backtrader/" not in text and "runners/" not in text for text in failed.values())
    page = (folder / "out" / "index.html").read_text()
    assert "ValueError: &lt;script&gt;" in page and "ValueError: <script>" not in page
    assert str(folder) not in page + json.dumps(results)


def test_if_all_fail_nothing_is_written_and_the_earlier_run_stays(folder):
    assert deepseek(folder, "mine:Fine").returncode == 0
    before = (folder / "out" / "manifest.json").read_bytes()
    done = deepseek(folder, "mine:Divides", "unfinished:X")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'File "mine.py", line 7, in helper' in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: unfinished:X failed: SyntaxError: ")
    assert (folder / "out" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(("broken", "lacking"), [("mine:Divides", "mine:Unknown"), ("unfinished:X", "mine:Remembers")])
def test_if_some_fail_and_the_others_lack_prices_each_is_reported(folder, broken, lacking):
    done = deepseek(folder, broken, lacking, out="none")
    assert (done.returncode, done.stdout) == (1, "")
    assert '  File "' in done.stderr and not (folder / "none").exists()
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: ") and last.endswith("nothing was written") and "; so did " in last
    assert all(name.removeprefix("mine:") in done.stderr for name in (broken, lacking))


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (("unfinished:X", "bad_news"), ("--end", "2030-13-01")),
        (("mine:Unknown", "bad_news"), ("--benchmark", "NOSUCH")),
        (("mine:Unknown",), ("--end", "2030-13-01")),
    ],
)
def test_a_wrong_request_is_not_a_failure_of_the_readings(folder, wrong, names):
    done = deepseek(folder, *names, *wrong, out="none")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert wrong[1] in done.stderr and "failed" not in done.stderr


def test_if_all_lack_prices_the_request_is_wrong_and_each_is_named(folder):
    done = deepseek(folder, "mine:Unknown", "mine:Remembers", out="none")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "NOSUCH" in done.stderr and "5000" in done.stderr and not (folder / "none").exists()


def test_a_wrong_request_is_refused_before_anything_runs(folder):
    done = deepseek(folder, "mine:Divides", "mine:Nowhere")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "mine has no class 'Nowhere'" in done.stderr


def test_a_reading_without_prices_stops_no_other_and_alone_is_a_wrong_request(folder):
    names = ("Unknown", "Remembers")
    done = deepseek(folder, *(f"mine:{name}" for name in names), "mine:Fine", out="lacking")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: Unknown, Remembers failed; everything else was run"
    results = json.loads((folder / "lacking" / "results.json").read_text())
    assert list(results["readings"]) == ["Fine"] and tuple(results["failed"]) == names
    for name, complaint in zip(names, ("NOSUCH", "5000"), strict=True):
        assert complaint in results["failed"][name] and "Traceback" not in results["failed"][name]
        alone = deepseek(folder, f"mine:{name}", out="alone")
        assert alone.returncode == 2 and complaint in alone.stderr and len(alone.stderr.splitlines()) == 1
    assert not (folder / "alone").exists()


def test_a_keyboard_interrupt_in_a_strategy_interrupts_the_run(folder):
    done = deepseek(folder, "mine:Interrupts", "mine:Fine")
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


@pytest.mark.slow
def test_a_failure_at_another_date_costs_one_reading_its_evidence(folder, market_data):
    words = ["mine:Earlier", "bad_news", "--source", market_data, "--out", "out"]
    done = within("deepseek", *words, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads((folder / "out" / "results.json").read_text())["readings"]
    reason = "a launch at another date failed: RuntimeError: <b>2023</b> (mine.py, line 47)"
    assert reason in results["Earlier"]["evidence"]["reason"]
    assert results["bad_news"]["evidence"]["p"] is not None
    assert "<b>2023</b>" not in (folder / "out" / "Earlier-evidence.html").read_text()


@pytest.mark.slow
def test_a_multiverse_runs_without_broken_readings(folder, market_data):
    words = ["mine:Divides", "needy:X", "bad_news", "--source", market_data, "--out", "survey", "--jobs", 1]
    done = within("multiverse", *words, cwd=folder)
    assert done.returncode == 1
    assert 'File "mine.py", line 7, in helper' in done.stderr
    results = json.loads((folder / "survey" / "results.json").read_text())
    assert list(results["readings"]) == ["bad_news"] and set(results["failed"]) == {"Divides", "needy:X"}
    assert "ZeroDivisionError: division by zero (mine.py, line 7)" in (folder / "survey" / "index.html").read_text()


@pytest.mark.slow
def test_a_multiverse_runs_without_readings_that_lack_prices(folder):
    words = ["unfinished:X", "mine:Unknown", "mine:Remembers"]
    where = ["--source", "sample", "--jobs", 1]
    done = within("multiverse", *words, "bad_news", *where, "--out", "survey", cwd=folder)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: unfinished:X, Unknown, Remembers failed; everything else was run"
    results = json.loads((folder / "survey" / "results.json").read_text())
    assert list(results["readings"]) == ["bad_news"] and set(results["failed"]) == {
        "unfinished:X",
        "Unknown",
        "Remembers",
    }
    done = within("multiverse", *words, *where, "--out", "none", cwd=folder)
    assert done.returncode == 1 and 'File "unfinished.py", line 1' in done.stderr
    assert "so did Unknown, Remembers; nothing was written" in done.stderr.splitlines()[-1]
    done = within("multiverse", *words[1:], *where, "--out", "none", cwd=folder)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "NOSUCH" in done.stderr and "5000" in done.stderr
    done = within("multiverse", *words, "bad_news", *where, "--end", "2030-13-01", "--out", "none", cwd=folder)
    assert done.returncode == 2 and "2030-13-01" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (folder / "none").exists()


def test_a_sweep_shows_its_authors_traceback(folder):
    done = within("sweep", "unfinished:X", "-p", "hold=5,20", "--source", "sample", "--out", "swept", cwd=folder)
    assert done.returncode == 1 and 'File "unfinished.py", line 1' in done.stderr
    done = within("sweep", "mine:Leaves", "-p", "hold=5,20", "--source", "sample", "--out", "swept", cwd=folder)
    assert "the first failed: SystemExit: 7 (mine.py, line 26)" in done.stderr


@pytest.mark.slow
def test_output_of_a_strategy_is_not_part_of_json(folder):
    for module, words in (("deepseek", ["--no-evidence"]), ("sweep", ["-p", "hold=5,20", "--jobs", 2])):
        where = ["mine:Prints", *words, "--source", "sample", "--out", "printed", "--json"]
        done = command(module, *where, cwd=folder)
        assert done.returncode == 0 and "NOISE" in done.stderr
        assert done.stdout == (folder / "printed" / "results.json").read_text()
        shutil.rmtree(folder / "printed")
