"""`from runners import run`: the objects of the command, without the command."""

from __future__ import annotations

import asyncio
import re
import runpy
from dataclasses import replace

import backtrader as bt
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from data import load_prices
from data.errors import RequestError
from reports.records.result import Failure
from runners import run
from runners.engine.backtest.frictions import Frictions
from runners.engine.trial_ledger import TrialLedger
from tests.resources.commands import ROOT, python
from tests.resources.damages import DAY, copied, invented, read_file

GUIDE = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
SCRIPT = """
import backtrader as bt
from runners import run

class Mine(bt.Strategy):
    '''Buy.'''
    def next(self):
        if not self.position:
            self.order_target_percent(target=0.9)

print("once")
whole = run([Mine], symbols=["SPY"], source="sample", evidence=True)
whole.write("out")
print(whole.results[0].evidence.verdict.text)
"""


@pytest.fixture(scope="module")
def two():
    return run(["gpu_bubble", "bad_news"], source="sample", hold=60)


@pytest.mark.slow
def test_the_folder_equals_that_of_the_command_byte_for_byte(tmp_path):
    run(["gpu_bubble", "bad_news"], source="sample", hold=60, evidence=True).write(tmp_path / "api")
    words = ("gpu_bubble", "bad_news", "--source", "sample", "--hold", 60, "--out", tmp_path / "command")
    done = python("-m", "runners.deepseek", *words)
    assert (done.returncode, done.stderr) == (0, "")
    files = {
        folder: {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("api", "command")
    }
    assert "gpu_bubble-evidence.html" in files["api"]
    assert files["api"] == files["command"]


def test_a_result_is_bound_to_its_run(two):
    assert [result.name for result in two] == ["gpu_bubble", "bad_news"]
    assert two["bad_news"].run is two
    assert two["bad_news"].metrics.total_return == pytest.approx((1 + two.returns["bad_news"]).prod() - 1, abs=1e-12)
    assert two.table.loc["bad_news", "d"] == two["bad_news"].d
    assert two["bad_news"].evidence is None
    with pytest.raises(KeyError, match="it has gpu_bubble, bad_news"):
        two["bad_new"]


def test_the_texts_show_the_figures(two):
    own = two["bad_news"]
    # 60 sessions from 31 January (1 + 19 + 21 + 19, Good Friday closed) end on 28 April; the open after it is the exit.
    net, d = (own.equity.iloc[-1] / own.equity.iloc[0] - 1) * 100, own.d
    assert (
        repr(own)
        .replace("\N{MINUS SIGN}", "-")
        .startswith(f"bad_news, 2025-01-30 to 2025-04-29: net {net:+.1f}%, d {d:+.3f} against")
    )
    assert "simulated in between" in repr(own) and "simulated in between" in repr(two)
    assert repr(own.metrics).splitlines()[0].split()[0] == "total_return"


def test_the_chart_draws_the_series_without_touching_pyplot(two):
    before = pyplot.get_fignums(), pyplot.get_backend()
    own = two["bad_news"]
    figure = own.plot()
    above, below = figure.axes
    drawn = {line.get_label(): np.asarray(line.get_ydata(), dtype=float) for line in above.lines}
    assert drawn["bad_news"] == pytest.approx((own.equity / 1e6).to_numpy())
    assert drawn[f"{own.comparator_name} (comparator)"] == pytest.approx(own.comparator.to_numpy())
    assert drawn["SPY (benchmark)"] == pytest.approx(np.concatenate(([1], np.cumprod(1 + two.benchmark.to_numpy()))))
    assert below.lines[0].get_ydata() == pytest.approx((own.equity / own.equity.cummax() - 1).to_numpy())
    assert (pyplot.get_fignums(), pyplot.get_backend()) == before
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert len([line for line in two.plot().axes[0].lines if len(line.get_xdata()) > 2]) == 3


def test_html_is_escaped():
    idle = type("Idle", (bt.Strategy,), {"symbols": ("SPY",), "next": lambda self: None, "__doc__": "Idle."})
    shown = replace(run([idle], source="sample"), title="<img src=x>\x1b[2J")
    for page in (shown._repr_html_(), shown.results[0]._repr_html_()):
        assert "<img" not in page
        assert "&lt;img src=x&gt;\\x1b[2J" in page
    assert repr(shown).startswith("<img src=x>\\x1b[2J\n")


@pytest.mark.slow
def test_a_script_without_a_guard_runs_a_class_of_its_own_once(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    done = python("script.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["once", "no verdict"]
    assert (tmp_path / "out" / "Mine-evidence.html").is_file()


def test_a_class_typed_at_a_prompt_runs_and_its_code_is_hashed():
    code = SCRIPT.partition("print(")[0] + "print(run(Mine, symbols=['SPY'], source='sample').run.manifest['code'])"
    one = python("-c", code).stdout
    again, other = python("-c", "\n\n" + code + "\n" + code.replace("0.9", "0.8")).stdout.splitlines(keepends=True)
    assert re.fullmatch("[0-9a-f]{64}\n", one)
    assert one == again != other


def test_prices_are_read_once_and_give_the_same(two):
    prices = load_prices(["NVDA", "AMD", "INTC", "SPY"], source="sample")
    own = run("gpu_bubble", source=prices, hold=60)
    pd.testing.assert_series_equal(own.returns, two["gpu_bubble"].returns)
    assert "not real" in repr(own)


def test_parameters_and_costs_reach_the_run(two):
    whole = two["gpu_bubble"]
    half = run("gpu_bubble", source="sample", hold=60, parameters={"gross": 0.5})
    assert half.gross.max() == pytest.approx(whole.gross.max() / 2, abs=0.1)
    assert (
        run("gpu_bubble", source="sample", hold=60, frictions=Frictions(0, 0)).metrics.costs == 0 < whole.metrics.costs
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hold": 0}, "^hold 0 is too short"),
        ({"entry": "2025-13-01"}, "not a date"),
        ({"parameters": {"gros": 1}}, "gpu_bubble has no parameter 'gros'; it has"),
        ({"source": "/nowhere"}, "nowhere"),
    ],
)
def test_errors_name_arguments_instead_of_options(options, message):
    with pytest.raises(RequestError, match=message):
        run("gpu_bubble", **{"source": "sample", **options})


def test_a_class_that_workers_cannot_import_is_refused():
    class Local(bt.Strategy):
        """Never trades."""

    with pytest.raises(RequestError, match="leave jobs out"):
        run(Local, symbols=["SPY"], source="sample", evidence=True, jobs=2)


def test_it_runs_inside_an_event_loop(two):
    async def cell():
        return run("bad_news", source="sample", hold=60)

    assert asyncio.run(cell()).d == two["bad_news"].d


def test_a_run_on_real_prices_is_a_trial_and_one_on_the_sample_is_none(market_data, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    run("gpu_bubble", source="sample")
    assert len(TrialLedger().read()) == 0
    whole = run("gpu_bubble", source=market_data)
    assert len(TrialLedger().read()) == 1
    assert whole.metrics.total_return == pytest.approx(0.28688390, abs=1e-8), "the end of its golden file"


@pytest.mark.parametrize(
    ("change", "told", "trials"),
    [
        (copied(DAY, 1), "SPY: the bar of 2025-02-11 repeats that of the day before", 1),
        (invented, "SPY: these closes are unrelated to the known ones of SPY", 0),
    ],
)
def test_notices_about_prices_reach_the_run(market_data, tmp_path, monkeypatch, change, told, trials):
    class One(bt.Strategy):
        """One share."""

        def next(self):
            if not self.position:
                self.buy(size=1)

    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.sqlite"))
    change(read_file(market_data, "SPY"), None).to_csv(tmp_path / "SPY.csv", date_format="%Y-%m-%d")
    result = run(One, symbols="SPY", source=tmp_path, hold=20)
    (notice,) = [text for text in (*result.run.notices, *result.run.remarks) if text.startswith("SPY: ")]
    assert notice.startswith(told)
    assert len(TrialLedger().read()) == trials


def test_importing_the_package_is_fast():
    code = "import sys; import runners; print({'pandas', 'numpy', 'backtrader', 'click'} & set(sys.modules))"
    assert python("-c", code).stdout == "set()\n"


def test_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells.py").write_text(
        "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)), encoding="utf-8"
    )
    runpy.run_path("cells.py")
    assert "total_return" in capsys.readouterr().out and (tmp_path / "out" / "index.html").is_file()


def test_an_empty_list_of_readings_is_refused():
    with pytest.raises(RequestError, match="no reading is named"):
        run([], source="sample")
    with pytest.raises(RequestError, match="3 is not a reading"):
        run(3, source="sample")


@pytest.mark.slow
def test_the_evidence_uses_the_given_parameters(market_data):
    hedged = run("ai_software", source=market_data, parameters={"hedge": True}, evidence=True)
    ranks = hedged.evidence.timing
    assert ranks["20"].effect == pytest.approx(hedged.horizons[20].d, abs=1e-9)
    plain = run("ai_software", source=market_data, evidence=True)
    assert ranks["20"].effect != pytest.approx(plain.evidence.timing["20"].effect, abs=1e-3)
    assert len(hedged.run.evidence_report.family) == len(plain.run.evidence_report.family) + 1, (
        "the declared variant is counted beside it"
    )
    assert "ai_software, as declared" in hedged.run.evidence_report.family


def test_failures_are_shown(two):
    broken = replace(two, failed={"mine": Failure("ValueError: no (mine.py, line 3)", "")})
    for shown in (repr(broken), broken._repr_html_()):
        assert "mine failed: ValueError: no (mine.py, line 3)" in shown
