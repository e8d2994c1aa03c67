"""`runners.multiverse` as run in a shell."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from click.testing import CliRunner

import strategies
from runners.engine.request import PriceWindow
from runners.multiverse import multiverse, multiverse_command_line
from tests.resources.commands import MULTIVERSE, within
from tests.resources.events import DEEPSEEK


def command(*words: object) -> tuple[int, str, str]:
    done = within("multiverse", *words)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def folder(run_once):
    """Two readings on the bundled sample."""
    place, printed = run_once(*MULTIVERSE)
    return place / "reports" / "multiverse", printed


def test_the_folder_is_complete_and_nothing_else_is_written(folder):
    out, _ = folder
    pages = {"index.html", "bad_news.html", "two_shocks.html"}
    assert {path.name for path in out.iterdir()} == {*pages, "results.json", "specs.csv", "manifest.json"}
    assert list(out.parent.iterdir()) == [out]
    table, results = pd.read_csv(out / "specs.csv"), json.loads((out / "results.json").read_text())
    assert results["kind"] == "multiverse"
    for name, result in results["readings"].items():
        assert result["specs"]["all"] == (table["reading"] == name).sum()
    assert not table.duplicated([name for name in table.columns if name != "d"]).any()


def test_the_terminal_fits_80_columns_and_explains_itself(folder):
    out, printed = folder
    assert max(len(line.rstrip()) for line in printed.splitlines() if str(out.parent) not in line) <= 80
    words = " ".join(printed.split())
    assert "real closes on 46 dates, simulated in between" in words
    assert "the prices are a reconstruction, which gives no p on history" in words
    assert "A multiverse is not a thousand tests" in words
    assert "bad_news 1,188" in words


@pytest.mark.slow
def test_one_process_gives_the_same_bytes_and_json_is_the_file(folder, tmp_path):
    out, _ = folder
    status, printed, _ = command(*MULTIVERSE[1:], "--out", tmp_path / "again", "--jobs", 1, "--json")
    assert status == 0
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    assert printed == (out / "results.json").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gpu_bubbel",), "unknown reading 'gpu_bubbel'; did you mean gpu_bubble?"),
        (("gpu_bubble", "--source", "sample", "--end", "2025-02-03"), "before the latest entry of the multiverse"),
    ],
)
def test_a_wrong_request_is_one_line_and_writes_nothing(words, said, tmp_path):
    status, printed, err = command(*words, "--out", tmp_path / "out")
    assert (status, printed) == (2, "") and said in err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_all_choices_can_be_read_beforehand():
    printed = CliRunner().invoke(multiverse, ["--list"], standalone_mode=False).output
    assert max(map(len, printed.splitlines())) <= 80
    words = " ".join(printed.split())
    for result in (
        "* published",
        "shock day with hindsight",
        "without PLTR",
        "SOXX for SMH",
        "gpu_bubble: 2,376 specifications",
    ):
        assert result in words
    assert "rebalance: not varied, it trades on its own signals, never on a schedule" in words


def test_the_list_is_there_for_programs():
    listed = json.loads(CliRunner().invoke(multiverse, ["bad_news", "--list", "--json"], standalone_mode=False).output)
    assert listed["dimensions"]["entry"]["choices"]["shock day"]["hindsight"] is True
    assert listed["dimensions"]["costs"]["choices"]["30 bp"]["value"] == "10"
    assert listed["readings"]["bad_news"]["specs"] == 1584
    assert list(listed["readings"]["bad_news"]["dimensions"]) == ["basket"]


def test_a_basket_without_prices_is_left_out(tmp_path, market_data):
    (tmp_path / "prices").mkdir()
    for symbol in ("SMH", "IGV", "SPY", "QQQ"):
        (tmp_path / "prices" / f"{symbol}.csv").symlink_to(market_data / f"{symbol}.csv")
    status, printed, _ = command("sector_tailwind", "--source", tmp_path / "prices", "--out", tmp_path / "out")
    assert status == 0
    output = " ".join(printed.split())
    assert "Some baskets are left out for lack of prices: no prices for" in output
    assert "Adjusted p-values leave out gpu_bubble, ai_software, fomc_tilt," in output
    page = (tmp_path / "out" / "index.html").read_text()
    assert "accounts for 2 readings of the event, whichever are shown" in page and "which are all it has" not in page
    assert "basket" not in pd.read_csv(tmp_path / "out" / "specs.csv")


@pytest.mark.slow
def test_a_reading_without_prices_is_missing_whichever_are_named(market_data, tmp_path):
    (tmp_path / "prices").mkdir()
    for path in market_data.glob("*.csv"):
        if path.stem != "FXI":
            (tmp_path / "prices" / path.name).symlink_to(path)
    values = {}
    for out, names in (("one", ["bad_news"]), ("two", ["us_over_china", "bad_news"])):
        status, printed, _ = command(*names, "--source", tmp_path / "prices", "--out", tmp_path / out)
        assert status == (out == "two")
        assert "Adjusted p-values leave out us_over_china: prices lack or" in " ".join(printed.split())
        values[out] = json.loads((tmp_path / out / "results.json").read_text())["readings"]["bad_news"]
        page = (tmp_path / out / "index.html").read_text()
        assert "counts 11 readings of the family" in page and "by its own code" not in page
    assert values["one"] == values["two"]


@pytest.mark.slow
def test_p_is_adjusted_for_all_readings_even_if_one_is_named(market_data, tmp_path):
    values = {}
    for out, names in (("one", ["bad_news"]), ("two", ["us_over_china", "bad_news"])):
        status, printed, _ = command(*names, "--source", market_data, "--out", tmp_path / out)
        assert status == 0 and f"for all {len(strategies.names())} readings" in " ".join(printed.split())
        values[out] = json.loads((tmp_path / out / "results.json").read_text())["readings"]["bad_news"]
    assert values["one"] == values["two"]


def test_the_command_is_recorded_without_folder_and_workers():
    assert (
        multiverse_command_line(("gpu_bubble",), PriceWindow("sample", None, "2025-12-31"), True, DEEPSEEK)
        == "python -m runners.multiverse gpu_bubble --source=sample --end=2025-12-31 --all-dates"
    )
