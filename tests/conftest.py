"""Shared fixtures: real prices, which live outside the project, and small hand-made ones."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

import strategies
from data import calendar
from data.prices import Prices
from runners.engine.drawing import PRELOAD
from runners.engine.execution.processes import preload
from runners.engine.study import prepare
from tests.resources.commands import within

# Port 9 is the one that throws away what it gets; nobody listens there.
NOWHERE = "http://127.0.0.1:9"
# No test depends on how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("any machine"), max_examples=5000)
settings.load_profile("any machine")
BESIDE = Path(__file__).parents[2] / "shared" / "market-data" / "daily"


@pytest.fixture(scope="session", autouse=True)
def _ledger_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, nor a command that it starts, counts its trials in the user's own ledger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPSEEK_TRIALS", str(tmp_path_factory.mktemp("ledger") / "trials.sqlite"))
        yield


@pytest.fixture(scope="session", autouse=True)
def networked() -> Iterator[dict[str, str]]:
    """Commands that tests start ask a proxy that is not there for any other host; pytest-socket guards the rest.

    Gives the environment as it was, for what installs packages.
    """
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, NOWHERE)
            patch.setenv(name.upper(), NOWHERE)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,::1,localhost")
        yield before


@pytest.fixture(scope="session", autouse=True)
def _server_of_workers(_ledger_of_tests: None, networked: dict[str, str]) -> None:
    """Where all tests run, the server that forks workers has what sheets need: else each worker would import it."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        preload(PRELOAD)


@pytest.fixture(autouse=True)
def _commands_hear_an_interrupt() -> None:
    """Commands that tests start would inherit deafness to Ctrl-C, from a shell's background or an earlier test."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of real prices: DEEPSEEK_PRICES, else the one beside the checkout; without it CI fails."""
    folder = Path(os.environ.get("DEEPSEEK_PRICES", BESIDE))
    if folder.is_dir():
        return folder
    reason = f"no real prices in {folder}; set DEEPSEEK_PRICES to a folder of CSVs as Yahoo writes them"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def market_history(market_data: Path) -> Path:
    """The folder of long histories beside that of real prices."""
    folder = market_data.parent / "history"
    if not folder.is_dir():
        pytest.skip(f"no long histories in {folder}")
    return folder


@pytest.fixture(scope="session")
def real_prices(market_data: Path) -> Prices:
    """Real prices of every symbol that a reading or its comparator needs."""
    studies = [prepare(name, strategies.load(name), "SPY") for name in strategies.names()]
    symbols = dict.fromkeys(symbol for study in studies for symbol in (*study.required_symbols, "SPY", "QQQ"))
    from data import load_prices

    return load_prices(tuple(symbols), source=str(market_data))


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, str]]:
    """Run a command once for all tests and workers of pytest.

    Gives the folder in which it ran and what it printed. The folder is shared: a test that changes files copies them.
    """
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared

    def run(name: str, *words: object) -> tuple[Path, str]:
        place = shared / f"run-{sha256(repr((name, *map(str, words))).encode()).hexdigest()[:12]}"
        with FileLock(place.with_suffix(".lock")), pytest.MonkeyPatch.context() as patch:
            if not (place / "printed").exists():
                shutil.rmtree(place, ignore_errors=True)
                (place / "work").mkdir(parents=True)
                # A ledger of its own: what other tests try would be counted, and told.
                patch.setenv("DEEPSEEK_TRIALS", str(place / "trials.sqlite"))
                done = within(name, *words, cwd=place / "work")
                assert (done.returncode, done.stderr) == (0, ""), (name, *words)
                (place / "printed").write_text(done.stdout, encoding="utf-8")
        return place / "work", (place / "printed").read_text(encoding="utf-8")

    return run


@pytest.fixture
def make_prices():
    """Prices from columns of closes (and opens, else equal to closes), on sessions from a first one on."""

    def make(
        closes: dict[str, list[float]], opens: dict[str, list[float]] | None = None, first: str = "2025-01-27"
    ) -> Prices:
        close = np.array(list(closes.values()), dtype=float).T
        opened = close if opens is None else np.array([opens.get(name, closes[name]) for name in closes], dtype=float).T
        place = calendar.calendar_index(first)
        sessions = calendar.xnys()[place : place + len(close)]
        high, low = np.fmax(opened, close), np.fmin(opened, close)
        flat = np.where(np.isnan(close), np.nan, 1.0)
        return Prices(sessions, tuple(closes), opened, high, low, close, volume=flat * 1000, factor=flat)

    return make


@pytest.fixture(scope="session")
def random_prices():
    """Prices of random walks with gaps at the open, seeded."""

    def make(symbols: tuple[str, ...], sessions: int = 320, seed: int = 7, first: str = "2024-01-02") -> Prices:
        rng = np.random.default_rng(seed)
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (sessions, len(symbols))), axis=0))
        opened = close * np.exp(rng.normal(0, 0.01, close.shape))
        place = calendar.calendar_index(first)
        days: pd.DatetimeIndex = calendar.xnys()[place : place + sessions]
        high, low = np.maximum(opened, close) * 1.003, np.minimum(opened, close) * 0.997
        return Prices(days, symbols, opened, high, low, close, np.full(close.shape, 1e6), np.ones(close.shape))

    return make
