"""A search through ranges: seeded, independent of the number of workers, resumable, every trial counted."""

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

PARAMETERS = ("gross=0.1..1.0", "hold=5..120", "rebalance=5,20")


def sweep_request(*parameters, budget=40, **changes):
    return sweep.SweepRequest(
        DEEPSEEK, "gpu_bubble", parameters or PARAMETERS, search="optuna", budget=budget, **changes
    )


def searched(request, prices, out, executor=Serial()):
    space = sweep.prepare_space(request)
    with Checkpoint.next_to(out) as checkpoint:
        outcome, record = sweep.run_sweep(request, space, prices, executor, checkpoint)
    return outcome, record, space


def test_without_the_extra_a_search_is_refused(monkeypatch):
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"needs the packages of the extra `search`: pip install .*\[search\]"):
        sweep.prepare_space(sweep_request())


def test_a_search_needs_something_to_choose():
    with pytest.raises(RequestError, match=r"has nothing to choose; give a range such as -p hold=5\.\.252"):
        sweep.prepare_space(sweep_request("hold=20"))


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna", reason="the extra `search` is not installed")


def test_values_stay_inside_their_ranges_and_keep_their_types(optuna, real_prices, tmp_path):
    outcome, record, space = searched(sweep_request(), real_prices, tmp_path / "out")
    assert record.budget == 40 and record.distinct == len(outcome.variants) <= 40
    assert record.ranges == {"gross": "0.1..1", "hold": "5..120"}
    for gross, hold, rebalance in outcome.variants:
        assert type(gross) is float and 0.1 <= gross <= 1.0 and round(gross, 4) == gross
        assert type(hold) is int and 5 <= hold <= 120
        assert rebalance in (5, 20)
    assert len({space.text(variant) for variant in outcome.variants}) == len(outcome.variants)


def test_trials_do_not_depend_on_workers_and_interruptions(optuna, real_prices, tmp_path):
    whole, _, _ = searched(sweep_request(), real_prices, tmp_path / "whole")
    spread, _, _ = searched(sweep_request(), real_prices, tmp_path / "spread", Processes(2))
    searched(sweep_request(budget=24), real_prices, tmp_path / "parts")
    before = len(Checkpoint(tmp_path / ".parts.sweep").contents)
    resumed, _, _ = searched(sweep_request(), real_prices, tmp_path / "parts")
    for other in (spread, resumed):
        assert other.variants == whole.variants
        assert other.table.tobytes() == whole.table.tobytes()
    assert before == 2
    assert len(Checkpoint(tmp_path / ".parts.sweep").contents) < 2 + 3, "the first batch was not run again"


def test_a_search_beats_chance(optuna, real_prices, tmp_path):
    outcome, _, _ = searched(sweep_request(budget=96), real_prices, tmp_path / "out")
    d = outcome.column("d")
    assert np.nanmean(d[-40:]) > np.nanmean(d[:16])


def test_every_trial_is_counted(optuna, real_prices, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    request = sweep_request()
    outcome, record, space = searched(request, real_prices, tmp_path / "out")
    result = sweep.sweep_result(request, space, real_prices, outcome, record, (), "command")
    assert len(TrialLedger().read()) == len(outcome.variants) == result.sharpe.trials
    assert result.codes.shape == (len(outcome.variants), 3)
    assert [result.labels(index) for index in range(len(result))] == [
        space.labels(variant) for variant in outcome.variants
    ]
    assert list(result.parameters[1].labels) == sorted(result.parameters[1].labels, key=int)


def test_a_failing_trial_does_not_stop_the_search(optuna, real_prices, tmp_path):
    outcome, _, _ = searched(sweep_request("gross=0.5..1.5", "hold=5..20", budget=32), real_prices, tmp_path / "out")
    bad = [index for index, (gross, _) in enumerate(outcome.variants) if gross > 1]
    assert sorted(outcome.failed) == bad and 0 < len(bad) < len(outcome.variants)
