"""`runners.compare`: exit statuses, one-line errors, output, and runs of the sample."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.resources.commands import ROOT, within
from tests.resources.saved import edit, swap


def command(name, *words, cwd=ROOT):
    done = within(name, *words, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def folders(run_once, tmp_path_factory):
    """Two equal runs and one with another hold, on the bundled sample."""
    place = tmp_path_factory.mktemp("runs")
    # The same inputs give the same bytes: see test_deepseek.py.
    for name, hold in (("a", 60), ("b", 60), ("c", 20)):
        words = ("gpu_bubble", "bad_news", "us_over_china", "--source", "sample", "--no-evidence", "--hold", hold)
        shutil.copytree(run_once("deepseek", *words)[0] / "reports" / "latest", place / name)
    return place


def called(*words):
    return command("compare", *words)


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_a_closed_pipe_does_not_change_the_status(folders, json_too):
    for other, wanted in (("b", 0), ("c", 1)):
        words = [sys.executable, "-m", "runners.compare", str(folders / "a"), str(folders / other), *json_too]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            assert (process.stderr.read(), process.wait(60)) == (b"", wanted)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_cannot_be_printed_is_no_difference(folders):
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "runners.compare", str(folders / "a"), str(folders / "b")]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2 and "cannot be printed (No space left on device)" in done.stderr


def test_equal_runs_exit_with_0_and_write_nothing(folders, tmp_path):
    status, out, err = command("compare", folders / "a", folders / "b", cwd=tmp_path)
    assert (status, err) == (0, "")
    assert "Equal: the same settings, prices and results of 3 readings." in out
    assert list(tmp_path.iterdir()) == []


def test_another_hold_exits_with_1_and_shows_its_effects(folders):
    status, out, err = called(folders / "a", folders / "c")
    assert (status, err) == (1, "")
    assert out.index("Inputs") < out.index("request.hold") < out.index("Results")
    assert "no metric is better or worse" in out and "higher is better" not in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.startswith(("gpu_", "bad_", "us_"))}
    assert set(rows) == {"gpu_bubble", "bad_news", "us_over_china"}
    values = {place: json.loads((folders / place / "results.json").read_text())["readings"] for place in "ac"}
    change = values["c"]["gpu_bubble"]["metrics"]["costs"] - values["a"]["gpu_bubble"]["metrics"]["costs"]
    assert f"{change:+,.0f}" in out
    assert f"exit: {values['a']['gpu_bubble']['exit']} -> {values['c']['gpu_bubble']['exit']}: all 3 readings" in out
    assert all(len(line) <= 80 for line in out.splitlines() if str(folders) not in line)


def test_one_changed_fill_is_found_with_both_sides(folders, tmp_path):
    other = shutil.copytree(folders / "a", tmp_path / "other")
    line = next(line for line in (other / "fills.csv").read_text().splitlines() if line.startswith("bad_news"))
    reading, session, symbol, size, price, *_ = line.split(",")
    start = f"{reading},{session},{symbol},{size}"
    swap(other, "fills.csv", f"{start},{price}", f"{start},{float(price) + 0.01}")
    status, out, _ = called(folders / "a", other)
    assert status == 1 and "Different: results of 1 reading." in out
    assert f"bad_news {session} {symbol} " in " ".join(out.split())
    assert "fills.csv was changed after the run" in " ".join(out.split())
    assert called(folders / "a", other, "--tolerance", "0.01")[0] == 0


def test_three_runs_are_compared_with_the_first_as_json_and_page(folders, tmp_path):
    page = tmp_path / "compared.html"
    status, out, _ = called(folders / "a", folders / "b", folders / "c", "--json", "--out", page)
    results = json.loads(out)
    assert status == 1 and [each["equal"] for each in results["comparisons"]] == [True, False]
    assert [each["other"] for each in results["comparisons"]] == [str(folders / "b"), str(folders / "c")]
    first = page.read_bytes()
    assert called(folders / "a", folders / "b", folders / "c", "--out", page)[0] == 1
    assert page.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["compared.html"]


def test_wrong_requests_are_status_2_in_one_line(folders, tmp_path):
    (tmp_path / "thesis.html").write_text("years of work")
    os.mkfifo(tmp_path / "pipe.html")
    a, b = folders / "a", folders / "b"
    for words, complaint in (
        ((), "0 run folders named; name two or more"),
        ((a,), "1 run folder named; name two or more"),
        ((a, tmp_path / "missing"), "missing is not a folder; name a folder that python -m runners.deepseek wrote"),
        ((a, tmp_path), "results.json: no such file; name the folder of a finished run"),
        ((a, b, "--tolerance", "nan"), "--tolerance nan is not a fraction"),
        ((a, b, "--tolerance", "-1"), "--tolerance -1.0 is not a fraction"),
        ((a, b, "--out", tmp_path), "is a folder; name a file in it"),
        ((a, b, "--out", tmp_path / "pipe.html"), "pipe.html is not a file; name another one"),
        ((a, b, "--out", os.devnull), "is not a file; name another one"),
        ((a, os.devnull), "is not a folder"),
        ((a, b, "--out", a / "page.html"), "is in a run folder"),
        ((a, b, "--out", tmp_path / "no" / "page.html"), "cannot write in"),
        ((a, b, "--out", tmp_path / "thesis.html"), "exists and is not a comparison; move it away"),
    ):
        status, out, err = called(*words)
        assert (status, out) == (2, ""), words
        assert err.startswith("error: ") and err.count("\n") == 1 and complaint in err
    assert (tmp_path / "thesis.html").read_text() == "years of work"


def test_a_damaged_folder_is_status_2(folders, tmp_path):
    other = shutil.copytree(folders / "a", tmp_path / "other")
    edit(other, "results.json", lambda results: results.update(schema=1))
    status, out, err = called(folders / "a", other)
    assert (status, out) == (2, "")
    assert err == f"error: {other / 'results.json'}: schema '1', expected 2; run it again with this version\n"


def test_help_is_quick_and_fits():
    code = (
        "import sys; import runners.compare; print(sorted({'numpy', 'pandas', 'backtrader', 'rich'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    status, out, _ = command("compare", "--help")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "Exit status: 0 equal, 1 different, 2 wrong request." in out
