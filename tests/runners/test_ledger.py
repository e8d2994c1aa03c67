"""The trial ledger: what counts as one variant, and a file that outlives crashes, damage and concurrent runs."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from data import cache
from runners.engine import ledger
from runners.engine.backtest import Launch
from runners.engine.frictions import Frictions
from runners.engine.ledger import Ledger, LedgerError, Trial, Trials, trial_key, window_fingerprint
from strategies.base import Past, Reading, Weights

PUBLISHED = Launch(pd.Timestamp("2025-01-31"), 252, 20, pd.Timestamp("2025-01-27"))
PRICES = "ab" * 32


def key(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def trial(number: int, sharpe: float | None = 0.0625, name: str = "gpu_bubble") -> Trial:
    return Trial(key(number), name, sharpe)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "data" / "trials.txt")


# What is counted


def test_what_was_added_is_read_in_order_and_to_the_last_bit(book: Ledger) -> None:
    added = [trial(3, 0.1 + 0.2), trial(1, None, "fomc_tilt"), trial(2, -1e-300, "Мой strategy %")]
    assert book.add(added) == 3
    assert list(book.read().values()) == added
    assert book.read() == Trials({each.key: each for each in added})


def test_a_ledger_that_was_never_written_is_empty(book: Ledger) -> None:
    assert book.read() == Trials()
    assert not book.path.parent.exists()


def test_running_again_adds_nothing(book: Ledger) -> None:
    book.add([trial(1), trial(2)])
    before = book.path.read_bytes()
    assert book.add([trial(2, 0.5), trial(1), trial(1)]) == 0
    assert book.path.read_bytes() == before
    assert book.add([trial(2), trial(3)]) == 1
    assert book.path.read_bytes().startswith(before)
    assert list(book.read()) == [key(1), key(2), key(3)]


def test_a_trial_is_a_line_that_a_person_can_read(book: Ledger) -> None:
    book.add([trial(1, 0.0625), trial(2, None)])
    lines = [line.split(" ") for line in book.path.read_text().splitlines()]
    assert [line[:3] for line in lines] == [[key(1), "gpu_bubble", "0.0625"], [key(2), "gpu_bubble", "-"]]


def test_a_line_of_known_checksum(book: Ledger) -> None:
    # The checksum that gzip writes for the text before it.
    book.path.parent.mkdir()
    book.path.write_text(f"{'0' * 64} gpu_bubble 0.0625 1786b750\n")
    assert list(book.read().values()) == [Trial("0" * 64, "gpu_bubble", 0.0625)]


def test_n_is_the_same_before_and_after_the_run_was_counted(book: Ledger) -> None:
    book.add([trial(1, 0.1), trial(2, None)])
    own = [trial(2, 0.3), trial(3, 0.2)]
    first = book.read().union(own)
    book.add(own)
    again = book.read().union(own)
    assert (len(first), first.sharpes) == (3, (0.1, 0.3, 0.2))
    assert (list(again), again.sharpes) == (list(first), first.sharpes)


def test_a_run_changes_nothing_of_what_was_forgotten_or_damaged() -> None:
    known = Trials({key(1): trial(1, 0.1)}, 3, (2, 5))
    assert known.union([trial(2, 0.2)]) == Trials({key(1): trial(1, 0.1), key(2): trial(2, 0.2)}, 3, (2, 5))


def test_ledgers_that_were_joined_add_up(book: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "other.txt")
    for some, numbers, sharpe in ((book, (1, 2), 0.1), (other, (2, 3), 0.2)):
        some.add([trial(9)])
        some.forget()
        some.add([trial(number, sharpe) for number in numbers])
    joined = Ledger(tmp_path / "joined.txt")
    joined.path.write_bytes(book.path.read_bytes() + other.path.read_bytes())
    assert list(joined.read()) == [key(1), key(2), key(3)]
    assert joined.read().sharpes == (0.1, 0.1, 0.2)
    assert joined.read().forgotten == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("ab", "x", 0.1), "trial_key"),
        ((key(1).upper(), "x", 0.1), "SHA-256"),
        ((key(1), "", 0.1), "name"),
        ((key(1), "x", float("nan")), "None"),
        ((key(1), "x", float("inf")), "None"),
    ],
)
def test_a_wrong_trial_is_refused_at_birth(wrong: tuple[str, str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Trial(*wrong)


# Forgetting


def test_forgetting_leaves_how_many_there_were_and_adds_up(book: Ledger) -> None:
    book.add([trial(1), trial(2)])
    assert book.forget() == 2
    assert (len(book.read()), book.read().forgotten) == (0, 2)
    assert book.forget() == 0
    book.add([trial(1), trial(3), trial(4)])
    assert book.read().in_words == "3 trials; 2 earlier ones were deleted"
    book.forget()
    assert book.read() == Trials(forgotten=5)
    assert book.path.read_text().startswith("forgotten 5 ")
    assert [path.name for path in book.path.parent.iterdir() if path.suffix == ".part"] == []


def test_forgetting_nothing_writes_nothing(book: Ledger) -> None:
    assert book.forget() == 0
    assert not book.path.exists()


def test_forgetting_keeps_permissions_and_follows_links(book: Ledger, tmp_path: Path) -> None:
    book.add([trial(1)])
    book.path.chmod(0o640)
    link = tmp_path / "link.txt"
    try:
        link.symlink_to(book.path)
    except OSError:
        pytest.skip("no symbolic links here")
    mode = stat.S_IMODE(book.path.stat().st_mode)
    Ledger(link).forget()
    assert link.is_symlink()
    assert book.read().forgotten == 1
    assert stat.S_IMODE(book.path.stat().st_mode) == mode


def test_counts_in_words() -> None:
    assert Trials().in_words == "0 trials"
    assert Trials({key(1): trial(1)}, forgotten=1).in_words == "1 trial; 1 earlier one was deleted"
    assert Trials(forgotten=1234).in_words == "0 trials; 1,234 earlier ones were deleted"


# Damage


def test_a_line_torn_anywhere_is_passed_over_and_the_next_one_stands_by_itself(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "trials.txt")
    book.add([trial(1), trial(2, None), trial(3)])
    whole = book.path.read_bytes()
    kept = len(b"".join(whole.splitlines(keepends=True)[:2]))
    for length in range(kept, len(whole)):
        book.path.write_bytes(whole[:length])
        complete = length == len(whole) - 1  # only the end of the line is missing
        torn = () if complete or length == kept else (3,)
        found = book.read()
        assert list(found) == [key(1), key(2), key(3)][: 2 + complete], length
        assert found.damaged == torn
        assert book.add([trial(3), trial(4)]) == 2 - complete
        assert set(book.read()) == {key(1), key(2), key(3), key(4)}
        assert book.read().damaged == torn


def test_a_flipped_bit_is_never_trusted(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "trials.txt")
    book.add([trial(8), trial(9)])
    book.forget()
    book.add([trial(1), trial(2, None), trial(3, -0.125)])
    whole, before = book.path.read_bytes(), book.read()
    for place in range(len(whole) - 1):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            found = ledger._parsed(bytes(flipped))
            assert found.damaged, (place, bit)
            assert found.items() <= before.items()
            assert found.forgotten in (0, 2)


@pytest.mark.parametrize(
    "content",
    [b"\0" * 4096, b"\xff\xfe", b"not a ledger\n" * 3, b" \n", b"forgotten many 4a2bb1d3\n", b"PK\x03\x04 \r\n\r\n"],
)
def test_a_file_that_is_no_ledger_stops_nothing(book: Ledger, content: bytes) -> None:
    book.path.parent.mkdir()
    book.path.write_bytes(content)
    assert len(book.read()) == 0
    assert bool(book.read().damaged) == bool(content.strip())
    assert book.add([trial(1)]) == 1
    assert list(book.read()) == [key(1)]
    assert book.path.read_bytes().startswith(content)


def test_a_sound_checksum_makes_no_trial_of_other_words() -> None:
    for text in (f"{key(1)}\tx 0.5", f"{key(1)}  x 0.5", "forgotten\t5", "forgotten 5 6", "remembered 5"):
        assert ledger._parsed(ledger._sealed(text)) == Trials(damaged=(1,)), text


def test_a_line_that_is_being_written_is_waited_for(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    line = ledger._line(trial(1))
    contents = iter((line[:20], line))
    monkeypatch.setattr(Ledger, "_content", lambda ledger: next(contents))
    assert book.read() == Trials({key(1): trial(1)})


def test_line_ends_of_windows_do_no_harm(book: Ledger) -> None:
    book.add([trial(1), trial(2)])
    book.path.write_bytes(book.path.read_bytes().replace(b"\n", b"\r\n"))
    assert (list(book.read()), book.read().damaged) == ([key(1), key(2)], ())


def test_forgetting_clears_damage_away(book: Ledger) -> None:
    book.add([trial(1)])
    with book.path.open("ab") as file:
        file.write(b"half a li")
    assert book.read().damaged == (2,)
    assert book.forget() == 1
    assert book.read() == Trials(forgotten=1)


# Files that cannot be read or written


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"cannot be read .*DEEPSEEK_TRIALS") as raised:
        Ledger(tmp_path).read()
    assert str(tmp_path) in str(raised.value)
    with pytest.raises(LedgerError):
        Ledger(tmp_path).add([trial(1)])


def test_a_file_in_place_of_its_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    book = Ledger(tmp_path / "file" / "trials.txt")
    with pytest.raises(LedgerError, match=r"ledger .* cannot be (read|written) "):
        book.add([trial(1)])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_without_the_right_to_write(book: Ledger) -> None:
    book.add([trial(1)])
    book.path.chmod(0o444)
    (book.path.parent / "trials.txt.lock").unlink(missing_ok=True)
    book.path.parent.chmod(0o555)
    try:
        assert book.add([trial(1)]) == 0, "what is there already needs no right to write"
        with pytest.raises(LedgerError, match=r"cannot be written .*DEEPSEEK_TRIALS"):
            book.add([trial(2)])
        with pytest.raises(LedgerError, match="cannot be written"):
            book.forget()
    finally:
        book.path.parent.chmod(0o755)


def test_a_read_only_home_stops_only_what_would_be_new(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    book.add([trial(1)])

    def read_only(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", read_only)
    assert book.add([trial(1)]) == 0
    with pytest.raises(LedgerError, match=r"cannot be written \(Read-only file system\)"):
        book.add([trial(2)])
    with book.path.open("ab") as file:
        file.write(b"torn")
    assert list(book.read()) == [key(1)]


def test_a_swap_that_dies_forgets_nothing(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    book.add([trial(1)])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(LedgerError, match="No space left"):
            book.forget()
        with pytest.raises(LedgerError, match="No space left"):
            book.add([trial(2)])
    assert list(book.read()) == [key(1)]
    assert {path.name for path in book.path.parent.iterdir()} <= {"trials.txt", "trials.txt.lock"}


def test_a_process_that_keeps_the_ledger_is_not_waited_for_without_end(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LOCK_SECONDS", 0.1)
    with book._locked(), pytest.raises(LedgerError, match=r"another process has kept .* for 0.1 s"):
        Ledger(book.path).add([trial(1)])
    assert book.add([trial(1)]) == 1


# Where it lies


def test_no_test_writes_the_ledger_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Ledger().path.is_relative_to(tmp_path_factory.getbasetemp())


def test_the_variable_names_the_file_else_it_is_among_the_users_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "mine.txt"))
    assert Ledger().path == tmp_path / "mine.txt"
    monkeypatch.setattr("platformdirs.user_data_path", lambda application: tmp_path / application)
    monkeypatch.setenv("DEEPSEEK_TRIALS", "")
    assert Ledger().path == tmp_path / cache.APPLICATION / "trials.txt"


# What makes a variant


class Leader(Reading):
    """A reading with parameters."""

    params = (("sessions", 60), ("hedge", False), ("names", ("NVDA", "AMD")))
    symbols = ("SPY",)

    def weights(self, past: Past) -> Weights:
        return {"SPY": 1.0}


class Follower(Leader):
    """The same under another name."""


class Plain(bt.Strategy):
    """Any strategy of Backtrader."""

    params: ClassVar = (("hold", 5), ("since", pd.Timestamp("2025-01-31")))


def of(parameters: dict[object, object] | None = None, strategy: type = Leader, launch: Launch = PUBLISHED) -> str:
    return trial_key(strategy, parameters or {}, launch, Frictions(), PRICES)


def by_hand(names: str) -> str:
    """The key of a variant whose parameter `names` is written so in the text that is hashed."""
    text = (
        '{"frictions": {"mapping": [["borrow_rate", 0.003], ["cash_rate", "policy"], ["commission_bps", 1.0], '
        '["half_spread_bps", 2.0], ["lag", 1.0]]}, '
        f'"parameters": {{"mapping": [["hedge", false], ["names", {names}], ["sessions", 60.0]]}}, '
        f'"prices": "{PRICES}", '
        '"schedule": {"mapping": [["entry", "2025-01-31"], ["hold", 252.0], ["rebalance", 20.0], '
        '["shock", "2025-01-27"]]}, '
        f'"strategy": "{Leader.__module__}.Leader"}}'
    )
    return sha256(text.encode()).hexdigest()


def test_the_key_is_that_of_a_text_written_by_hand() -> None:
    assert of() == by_hand('["NVDA", "AMD"]')


@pytest.mark.parametrize(
    "parameters",
    [
        {"sessions": 60},
        {"sessions": 60.0, "hedge": False},
        {"hedge": np.bool_(False), "sessions": np.int64(60)},
        {"names": ["NVDA", "AMD"]},
        {"names": np.array(["NVDA", "AMD"])},
    ],
)
def test_equal_variants_have_one_key(parameters: dict[object, object]) -> None:
    assert of(parameters) == of()


def test_an_entry_by_date_has_the_shock_that_the_reading_takes() -> None:
    assert of(launch=replace(PUBLISHED, shock=None)) == of()
    assert of(launch=Launch(pd.Timestamp("2025-01-31").as_unit("s"), 252, 20)) == of()


def test_whatever_changes_the_variant_changes_the_key() -> None:
    keys = [
        of(),
        of(strategy=Follower),
        *(of({"sessions": value}) for value in (61, np.nextafter(60.0, 61.0), None, "60", True, float("nan"), 10**400)),
        *(of({"names": value}) for value in (["AMD", "NVDA"], {"NVDA", "AMD"}, {"NVDA": "AMD"}, "NVDA", [])),
        *(of({"names": value}) for value in (Frictions(), Frictions(lag=2), Leader, of, pd.Series({"a": 1.0}))),
        *(of({"names": value}) for value in (range(2), range(3), slice(2), object(), pd.Timestamp("2025-01-31 16:00"))),
        of(launch=replace(PUBLISHED, hold=None)),
        of(launch=replace(PUBLISHED, rebalance=21)),
        of(launch=replace(PUBLISHED, entry=pd.Timestamp("2025-02-03"))),
        of(launch=replace(PUBLISHED, shock=pd.Timestamp("2025-01-24"))),
        trial_key(Leader, {}, PUBLISHED, Frictions(half_spread_bps=2.5), PRICES),
        trial_key(Leader, {}, PUBLISHED, Frictions(), "cd" * 32),
    ]
    assert len(set(keys)) == len(keys)


def test_the_order_of_what_has_none_does_not_matter() -> None:
    names = {"b": [1, {"x", "y", "z"}], "a": date(2025, 1, 27)}
    again = {"a": pd.Timestamp("2025-01-27"), "b": (1.0, {"z", "y", "x"})}
    assert of({"names": names}) == of({"names": again})
    assert of({"hedge": True, "sessions": 5}) == of({"sessions": 5, "hedge": True})


def test_an_object_without_a_text_of_its_own_is_not_told_by_its_address() -> None:
    assert of({"names": [object()]}) == of({"names": [object()]})


def test_a_plain_strategy_is_told_neither_rebalance_nor_shock() -> None:
    assert of(strategy=Plain, launch=Launch(PUBLISHED.entry, 252, 5)) == of(strategy=Plain)
    assert of(strategy=Plain, launch=replace(PUBLISHED, hold=60)) != of(strategy=Plain)
    assert of({"hold": 6}, strategy=Plain) != of(strategy=Plain)
    assert of({"since": date(2025, 1, 31)}, strategy=Plain) == of(strategy=Plain)


def test_later_sessions_and_dividends_leave_the_prices_of_a_window_alone(random_prices) -> None:
    prices = random_prices(("AAA", "BBB"), sessions=80)
    factor = np.array(prices.factor)
    factor[:30, 0] *= 0.99  # a dividend inside of the window
    prices = replace(prices, factor=factor)
    then = window_fingerprint(prices, ("AAA", "BBB"), 60)
    assert window_fingerprint(prices.rows(0, 60), ("AAA", "BBB"), 60) == then
    later = np.array(factor)
    later[:70] *= 1 - 0.123 / 45.6
    assert window_fingerprint(replace(prices, factor=later), ("AAA", "BBB"), 60) == then
    assert replace(prices, factor=later).rows(0, 60).fingerprint != prices.rows(0, 60).fingerprint


def test_whatever_a_strategy_is_shown_changes_the_prices_of_its_window(random_prices) -> None:
    prices = random_prices(("AAA", "BBB"), sessions=80)
    close, factor, unlisted = np.array(prices.close), np.array(prices.factor), np.array(prices.volume)
    close[10, 1] = np.nextafter(close[10, 1], 0)
    factor[:10, 1] *= 0.9999
    unlisted[0, 0] = np.nan
    both = ("AAA", "BBB")
    changed = {"close": close, "factor": factor, "volume": unlisted}
    told = [
        window_fingerprint(prices, both, 60),
        window_fingerprint(prices, both, 61),
        window_fingerprint(prices, both[::-1], 60),
        window_fingerprint(prices, both[:1], 60),
        window_fingerprint(prices.rows(1, 80), both, 59),
        *(window_fingerprint(replace(prices, **{name: values}), both, 60) for name, values in changed.items()),
    ]
    assert len(set(told)) == len(told)


# In full words and to the byte


class Pair:
    """Told by what it holds."""

    def __init__(self) -> None:
        self.right, self.left = 2, (1,)


class Addressed:
    """Told by its address, and without attributes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<one at 0x7f00aB12 of two at 0x1>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("x", '"x"'),
        (-0.0, "0.0"),
        (2**53, "9007199254740992.0"),
        (2.0**53, "9007199254740992.0"),
        (2**53 + 1, "9007199254740993"),
        (-(2**53) - 1, "-9007199254740993"),
        (0.1, "0.1"),
        (date(2025, 1, 27), '"2025-01-27"'),
        (pd.Timestamp("2025-01-31 16:00"), '"2025-01-31T16:00:00"'),
        ([1, [2]], "[1.0, [2.0]]"),
        ({"b", "a"}, '{"set": ["a", "b"]}'),
        (frozenset({2, 1}), '{"set": [1.0, 2.0]}'),
        ({2: "x", 1: {"y"}}, '{"mapping": [[1.0, {"set": ["y"]}], [2.0, "x"]]}'),
        ({10, 9}, '{"set": [10.0, 9.0]}'),
        ({1, "a"}, '{"set": ["a", 1.0]}'),
        ({1: "x", "a": "y"}, '{"mapping": [["a", "y"], [1.0, "x"]]}'),
        (np.array([1, 2]), "[1.0, 2.0]"),
        (np.float64(0.5), "0.5"),
        (np.int64(5), "5.0"),
        (pd.Series({"a": 1}), '{"mapping": [["a", 1.0]]}'),
        (Leader, f'"{Leader.__module__}.Leader"'),
        (Frictions.as_dict, '"runners.engine.frictions.Frictions.as_dict"'),
        (trial, f'"{trial.__module__}.trial"'),
        (Pair(), f'{{"{Pair.__module__}.Pair": {{"mapping": [["left", [1.0]], ["right", 2.0]]}}}}'),
        (Addressed(), f'{{"{Addressed.__module__}.Addressed": "<one of two>"}}'),
        (range(2), '{"builtins.range": "range(0, 2)"}'),
    ],
)
def test_a_value_has_its_place_in_the_text_of_the_key(value: object, text: str) -> None:
    assert of({"names": value}) == by_hand(text)


def test_prices_of_a_window_are_those_bytes_by_hand(make_prices) -> None:
    prices = make_prices({"OLD": [5.0, 6.0, 7.0, 8.0, 9.0], "NEW": [np.nan, 2.0, 2.0, 3.0, 4.0]})
    factor = np.array(prices.factor)
    factor[:3, 1] /= 1.01250034
    factor[:2, 1] /= 1.25
    prices = replace(prices, factor=factor)
    # NEW is listed on the second session; before the fifth there are three of it, and two steps between them.
    days = np.array(["2025-01-28", "2025-01-29", "2025-01-30"], dtype="datetime64[D]").astype("<i8").tobytes()
    closes, volumes = np.array([2.0, 2.0, 3.0]).tobytes(), np.array([1000.0] * 3).tobytes()
    steps = np.array([1.25, 1.0125]).tobytes()  # to six digits
    told = sha256(b"NEW" + days + closes * 4 + volumes + steps).hexdigest()
    assert window_fingerprint(prices, ("NEW",), 4) == told
    # With OLD beside it the window is longer, and what NEW lacks is -1.
    days = np.arange("2025-01-27", "2025-01-29", dtype="datetime64[D]").astype("<i8").tobytes()
    both, volumes = (
        np.array([[5.0, -1.0], [6.0, 2.0]]).tobytes(),
        np.array([[1000.0, -1.0], [1000.0, 1000.0]]).tobytes(),
    )
    steps = np.array([[1.0, -1.0]]).tobytes()
    told = sha256(b"OLD NEW" + days + both * 4 + volumes + steps).hexdigest()
    assert window_fingerprint(prices, ("OLD", "NEW"), 2) == told
    # Where it is not listed yet, the last session alone is shown.
    days = np.array(["2025-01-27"], dtype="datetime64[D]").astype("<i8").tobytes()
    assert window_fingerprint(prices, ("NEW",), 1) == sha256(b"NEW" + days + np.full(5, -1.0).tobytes()).hexdigest()


def test_a_wrong_trial_is_told_in_full() -> None:
    for wrong, told in (
        (("ab", "x", 0.1), "key 'ab' is no SHA-256; make it with trial_key"),
        ((key(1), "", 0.1), "a trial without a name; give the name of its reading"),
        ((key(1), "x", float("inf")), "sharpe of x is inf; give None where it is undefined"),
    ):
        with pytest.raises(ValueError, match=re.escape(told)) as raised:
            Trial(*wrong)
        assert str(raised.value) == told


def test_names_are_one_word_of_a_line(book: Ledger) -> None:
    book.add([trial(1, 1, "a/b c%\n")])
    assert book.path.read_text().startswith(f"{key(1)} a%2Fb%20c%25%0A 1.0 ")
    assert book.read()[key(1)].name == "a/b c%\n"


def test_a_ledger_that_cannot_be_read_written_or_had_says_how_to_go_on(
    book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(LedgerError) as raised:
        Ledger(tmp_path / "folder").read()
    assert str(raised.value) == (
        f"the trial ledger {tmp_path / 'folder'} cannot be read (Is a directory): make it readable, or name another "
        f"file in DEEPSEEK_TRIALS"
    )
    (tmp_path / "file").touch()
    inside = tmp_path / "file" / "trials.txt"
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"")
    with pytest.raises(LedgerError) as raised:
        Ledger(inside).add([trial(1)])
    assert str(raised.value) == (
        f"the trial ledger {inside} cannot be written (File exists): make room and give the right to write there, or "
        f"name another file in DEEPSEEK_TRIALS"
    )
    monkeypatch.setattr(ledger, "LOCK_SECONDS", 0.05)
    with book._locked(), pytest.raises(LedgerError) as raised:
        book.add([trial(1)])
    assert str(raised.value) == (
        f"another process has kept the trial ledger {book.path} for 0.05 s: wait for it to end"
    )


def test_its_folder_is_made_with_those_around_it_and_locked_beside_it(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "deep" / "er" / "trials.txt")
    with book._locked():
        assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["trials.txt.lock"]
    assert book.add([trial(1)]) == 1


def test_reasons_of_others_are_a_short_line() -> None:
    assert ledger._brief(OSError(28, "No  space\nleft")) == "No space left"
    assert ledger._brief(OSError("plain")) == "plain"
    assert ledger._brief(ValueError("w" * 121)) == "w" * 120
    assert ledger._brief(OSError()) == "OSError"


def test_everybody_may_read_it_whom_the_user_lets(book: Ledger) -> None:
    before = os.umask(0)
    try:
        book.add([trial(1)])
    finally:
        os.umask(before)
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o666


def test_where_lines_could_be_ended_otherwise_they_are_not(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, binary, really = [], 1 << 30, os.open

    def noting(path: object, flags: int, *mode: int, **words: object) -> int:
        opened.append((Path(str(path)).name, flags))
        return really(path, flags & ~binary, *mode, **words)

    monkeypatch.setattr(os, "O_BINARY", binary, raising=False)
    monkeypatch.setattr(os, "open", noting)
    book.add([trial(1)])
    assert dict(opened)["trials.txt"] == os.O_WRONLY | os.O_APPEND | os.O_CREAT | binary


def test_a_line_of_which_the_disk_takes_a_part_is_taken_back(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    book.add([trial(1)])
    before, really = book.path.read_bytes(), os.write

    def short(descriptor: int, content: bytes) -> int:
        return really(descriptor, content[:-1]) if content.startswith(key(2).encode()) else really(descriptor, content)

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(LedgerError, match=r"cannot be written \(No space left on device\)") as raised:
        book.add([trial(2)])
    assert isinstance(raised.value.__cause__, OSError) and raised.value.__cause__.errno == 28
    assert book.path.read_bytes() == before
    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(LedgerError, match=r"cannot be written \(No space left on device\)"):
        book.add([trial(2)])


def test_what_one_that_was_killed_has_left_of_a_swap_goes_with_the_next(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "trials[1].txt")
    book.add([trial(1)])
    gone, others = tmp_path / ".trials[1].txt-abc.part", (".trials1.txt-abc.part", ".trials[1].txt-abc", "mine.part")
    for name in (gone.name, *others):
        (tmp_path / name).touch()
    book.forget()
    assert {path.name for path in tmp_path.iterdir()} == {"trials[1].txt", *others}


def test_a_swap_that_dies_leaves_nothing_beside_the_file(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    book.add([trial(1)])
    before, seen = book.path.read_bytes(), []

    def dies(*_: object) -> None:
        seen.extend(path.name for path in book.path.parent.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copymode", dies)
    with pytest.raises(KeyboardInterrupt):
        book.forget()
    (part,) = set(seen) - {"trials.txt", "trials.txt.lock"}
    assert part.startswith(".trials.txt-") and part.endswith(".part")
    assert [path.name for path in book.path.parent.iterdir()] == ["trials.txt"]
    assert book.path.read_bytes() == before


def test_blank_lines_are_no_damage_and_numbers_of_lines_count_them() -> None:
    line = ledger._line(trial(1))
    assert ledger._parsed(b"\n \n" + line + b"\nodd\n") == Trials({key(1): trial(1)}, 0, (5,))
