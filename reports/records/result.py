"""Results of a run: arrays and tables per reading, and what the readings share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from reports.records.base_rates import BaseRates
    from reports.records.evidence import EvidenceReport

HORIZONS = (5, 20, 60, 120, 252)


@dataclass(frozen=True)
class Horizon:
    """Outcome at the close of the n-th session (the entry session is the first), before the costs of an exit.

    `net_return` and `excess_benchmark` (net return less the benchmark's return) are fractions. `d` is
    log(1 + net return) less log(1 + net return of the comparator).
    """

    net_return: float
    excess_benchmark: float
    d: float


@dataclass(frozen=True)
class Story:
    """Sections of the docstring of a reading."""

    title: str
    claim: str
    rule: str
    trades: str
    refuted: str


@dataclass(frozen=True, eq=False)
class Result:
    """Result of one reading.

    `equity` (USD at each close) and `gross` (gross exposure as a fraction of equity) share one index of sessions that
    begins with the close before the entry, where equity is the starting capital. `comparator` is the wealth of one
    unit in the comparator, on the same index. `fills` has the columns session, symbol, size (shares, negative when
    sold), price, commission, spread_cost (USD); `decisions` has session, symbol, weight (fraction of equity). `exit` is
    None while the reading is still open at the end of the prices. `interest` holds USD over the run: cash (received),
    debit (paid), borrow (paid). `refuted` says whether the reading's own criterion of refutation was met at the end of
    the holding period (None if it has none); `outcome` describes in one or two sentences what happened. `ruined` is the
    session on which equity was lost. `holdings` has a column per symbol on the sessions of `equity`: fractions of
    equity at each close, negative when short, whose absolute values sum to `gross`. `last_prices` are the last closes
    of the run by symbol, in the units of `fills` (USD a share).
    """

    name: str
    claims: tuple[str, ...]
    story: Story
    parameters: Mapping[str, object]
    symbols: tuple[str, ...]
    entry: pd.Timestamp
    exit: pd.Timestamp | None
    d: float
    equity: pd.Series[float]
    gross: pd.Series[float]
    comparator: pd.Series[float]
    comparator_name: str
    fills: pd.DataFrame
    decisions: pd.DataFrame
    interest: Mapping[str, float]
    horizons: Mapping[int, Horizon]
    refuted: bool | None
    outcome: str
    ruined: pd.Timestamp | None = None
    warnings: tuple[str, ...] = ()
    holdings: pd.DataFrame = field(default_factory=pd.DataFrame)
    last_prices: Mapping[str, float] = field(default_factory=dict)

    @property
    def returns(self) -> pd.Series[float]:
        """Daily net simple returns, from the entry session on."""
        return self.equity.pct_change().iloc[1:].rename(self.name)


@dataclass(frozen=True)
class Failure:
    """Error of a strategy: one line, and its author's traceback; `lacking` is True if it had too few prices."""

    summary: str
    traceback: str
    lacking: bool = False


@dataclass(frozen=True, eq=False)
class Run:
    """All readings of one command, over one window.

    `benchmark` holds the daily simple returns of `benchmark_name`, held without costs, on the index of every
    `Result.returns`. `risk_free` is the middle of the policy range on the same sessions, a fraction a year.
    `origin` names the source of the prices; `notices` are sentences that every page must show (a reconstructed
    sample, an entry with hindsight). `marks` are dates for the charts with a label and a kind (event, fomc, calendar).
    `settings` are the choices of the run in plain words (hold, rebalance, entry, costs); `manifest` is the content of
    manifest.json except the digests of the files. `claims` explains the numbers of claims, empty where there are none.
    `with_evidence` is True where the evidence was computed, also in a copy for drawing, which has no `evidence_report`.
    `failed` holds the readings that their own code stopped, by name. `base_rates` are those of the readings that have
    a general form, and `base_rates_note` says where they come from or why there are none. `remarks` are sentences about
    single prices, shown once.
    """

    results: tuple[Result, ...]
    benchmark_name: str
    benchmark: pd.Series[float]
    risk_free: pd.Series[float]
    origin: str
    real: bool
    title: str
    notices: tuple[str, ...]
    marks: tuple[tuple[pd.Timestamp, str, str], ...]
    settings: Mapping[str, str]
    frictions: Mapping[str, object]
    claims: str = ""
    with_evidence: bool = False
    evidence_report: EvidenceReport | None = None
    manifest: Mapping[str, object] = field(default_factory=dict)
    failed: Mapping[str, Failure] = field(default_factory=dict)
    base_rates: BaseRates | None = None
    base_rates_note: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def returns(self) -> pd.DataFrame:
        """Daily net simple returns: a column per reading, and the benchmark last."""
        columns = [*(result.returns for result in self.results), self.benchmark.rename(self.benchmark_name)]
        return pd.concat(columns, axis=1)
