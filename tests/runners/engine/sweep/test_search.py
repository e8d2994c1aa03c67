"""A search through ranges: seeded, the same for any number of workers, every trial counted, resumed."""

from __future__ import annotations

import numpy as np
import pytest

from data.errors import RequestError
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.sweep import search, sweep
from runners.engine.trial_ledger import TrialLedger
from tests.resources.events import DEEPSEEK

KNOBS = ("gross=0.1..1.0", "hold=5..120", "rebalance=5,20")


def wanted(*knobs, budget=40, **changes):
    return sweep.SweepRequest(DEEPSEEK, "gpu_bubble", knobs or KNOBS, search="optuna", budget=budget, **changes)


def searched(asked, prices, out, executor=Serial()):
    space = sweep.prepare_space(asked)
    with Checkpoint.next_to(out) as kept:
        found, how = sweep.run_sweep(asked, space, prices, executor, kept)
    return found, how, space


def test_without_the_extra_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"needs the packages of the extra `search`: pip install .*\[search\]"):
        sweep.prepare_space(wanted())


def test_a_search_needs_something_to_choose():
    with pytest.raises(RequestError, match=r"has nothing to choose; give a range such as -p hold=5\.\.252"):
        sweep.prepare_space(wanted("hold=20"))


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna", reason="the extra `search` is not installed")


def test_values_stay_inside_their_ranges_and_keep_their_types(optuna, real_prices, tmp_path):
    found, how, space = searched(wanted(), real_prices, tmp_path / "out")
    assert how.budget == 40 and how.distinct == len(found.specs) <= 40
    assert how.ranges == {"gross": "0.1..1", "hold": "5..120"}
    for gross, hold, rebalance in found.specs:
        assert type(gross) is float and 0.1 <= gross <= 1.0 and round(gross, 4) == gross
        assert type(hold) is int and 5 <= hold <= 120
        assert rebalance in (5, 20)
    assert len({space.text(spec) for spec in found.specs}) == len(found.specs)


def test_the_same_trials_whatever_the_workers_and_interruptions(optuna, real_prices, tmp_path):
    whole, _, _ = searched(wanted(), real_prices, tmp_path / "whole")
    spread, _, _ = searched(wanted(), real_prices, tmp_path / "spread", Processes(2))
    searched(wanted(budget=24), real_prices, tmp_path / "parts")
    before = len(Checkpoint(tmp_path / ".parts.sweep").contents)
    resumed, _, _ = searched(wanted(), real_prices, tmp_path / "parts")
    for other in (spread, resumed):
        assert other.specs == whole.specs
        assert other.table.tobytes() == whole.table.tobytes()
    assert before == 2
    assert len(Checkpoint(tmp_path / ".parts.sweep").contents) < 2 + 3, "the first batch was not run again"


def test_a_search_finds_more_than_chance_does(optuna, real_prices, tmp_path):
    found, _, _ = searched(wanted(budget=96), real_prices, tmp_path / "out")
    d = found.column("d")
    assert np.nanmean(d[-40:]) > np.nanmean(d[:16])


def test_every_trial_is_counted(optuna, real_prices, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    asked = wanted()
    found, how, space = searched(asked, real_prices, tmp_path / "out")
    told = sweep.sweep_result(asked, space, real_prices, found, how, (), "command")
    assert len(TrialLedger().read()) == len(found.specs) == told.sharpe.trials
    assert told.codes.shape == (len(found.specs), 3)
    assert [told.labels(place) for place in range(len(told))] == [space.labels(spec) for spec in found.specs]
    assert list(told.knobs[1].labels) == sorted(told.knobs[1].labels, key=int)


def test_a_trial_that_cannot_be_run_stops_no_search(optuna, real_prices, tmp_path):
    found, _, _ = searched(wanted("gross=0.5..1.5", "hold=5..20", budget=32), real_prices, tmp_path / "out")
    bad = [place for place, (gross, _) in enumerate(found.specs) if gross > 1]
    assert sorted(found.failed) == bad and 0 < len(bad) < len(found.specs)
