from __future__ import annotations

import os
import threading
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, SourceError
from data.sources.cache import COLUMNS, Cache, CacheEntry
from tests.resources.commands import python

START = pd.Timestamp("2025-01-02")


def entry(rows: int = 5) -> CacheEntry:
    values = np.arange(1.0, rows * len(COLUMNS) + 1).reshape(rows, len(COLUMNS)) / 3
    return CacheEntry(
        START, pd.DataFrame(values, columns=list(COLUMNS), index=pd.bdate_range("2025-01-27", periods=rows))
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_what_is_written_is_read_to_the_last_bit(cache: Cache) -> None:
    cache.write("NVDA", entry())
    again = cache.read("NVDA")
    assert again is not None
    assert again.start == START
    assert again.last == pd.Timestamp("2025-01-31")
    pd.testing.assert_frame_equal(again.bars, entry().bars, check_exact=True, check_freq=False)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts the threads that Linux lists")
def test_no_thread_of_arrow_is_left_that_could_outlive_python(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; import pyarrow.parquet\n"
        "from data.sources.cache import Cache; from tests.data.sources.test_cache import entry\n"
        "cache, before = Cache(Path(sys.argv[1])), len(os.listdir('/proc/self/task'))\n"
        "cache.write('NVDA', entry()); assert cache.read('NVDA') is not None\n"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    done = python("-c", code, tmp_path)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_symbol_never_written_is_none(cache: Cache) -> None:
    assert cache.read("NVDA") is None


def test_any_parquet_reader_can_read_it(cache: Cache) -> None:
    cache.write("NVDA", entry())
    table = pd.read_parquet(cache.path("NVDA"))
    assert list(table.columns) == ["Date", *COLUMNS]
    assert len(table) == 5


@pytest.mark.parametrize("symbol", ["../NVDA", "a/b", "..", "^VIX", "BRK.B"])
def test_no_symbol_leaves_the_folder(cache: Cache, symbol: str) -> None:
    cache.write(symbol, entry())
    assert cache.path(symbol).resolve().parent == (cache.root / "prices").resolve()
    assert cache.read(symbol) is not None


def test_writing_replaces_and_leaves_nothing_else(cache: Cache) -> None:
    cache.write("NVDA", entry(3))
    cache.write("NVDA", entry(5))
    again = cache.read("NVDA")
    assert again is not None
    assert len(again.bars) == 5
    assert [path.name for path in (cache.root / "prices").iterdir()] == ["NVDA.parquet"]


def test_a_write_that_dies_leaves_the_old_file(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write("NVDA", entry(3))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SourceError, match=r"cannot be written .*No space left on device.*DEEPSEEK_CACHE"):
        cache.write("NVDA", entry(5))
    again = cache.read("NVDA")
    assert again is not None
    assert len(again.bars) == 3
    assert [path.name for path in (cache.root / "prices").iterdir()] == ["NVDA.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not Parquet at all, but long enough to hold a footer PAR1"])
def test_a_file_that_is_no_parquet_is_damaged(cache: Cache, content: bytes) -> None:
    cache.write("NVDA", entry())
    cache.path("NVDA").write_bytes(content)
    with pytest.raises(DataError, match=r"^the cached prices of NVDA in .* are damaged"):
        cache.read("NVDA")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_in_the_place_of_a_file_is_damage_and_never_waited_for(cache: Cache) -> None:
    cache.write("NVDA", entry())
    cache.path("NVDA").unlink()
    os.mkfifo(cache.path("NVDA"))
    with pytest.raises(DataError, match=r"NVDA.* are damaged \(it is not a file\): fetch them again with python"):
        cache.read("NVDA")
    cache.write("NVDA", entry())
    assert cache.read("NVDA") is not None


def test_every_flipped_byte_is_noticed_or_changes_nothing(cache: Cache) -> None:
    cache.write("NVDA", entry())
    path = cache.path("NVDA")
    whole = path.read_bytes()
    noticed = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            again = cache.read("NVDA")
        except DataError:
            noticed += 1
        else:
            assert again is not None
            assert again.start == START
            pd.testing.assert_frame_equal(again.bars, entry().bars, check_exact=True, check_freq=False)
    assert noticed > 100


def test_a_changed_number_in_a_sound_file_is_noticed(cache: Cache) -> None:
    import pyarrow.parquet

    cache.write("NVDA", entry())
    table = pyarrow.parquet.read_table(cache.path("NVDA"))
    close = table["Close"].to_numpy().copy()
    close[2] += 0.01
    altered = table.set_column(table.schema.get_field_index("Close"), "Close", pyarrow.array(close))
    pyarrow.parquet.write_table(altered, cache.path("NVDA"))
    with pytest.raises(DataError, match="SHA-256"):
        cache.read("NVDA")


@pytest.mark.parametrize("name", ["Date", "Close"])
@pytest.mark.parametrize(
    "value", [[1.0], {"a": 1}, "x", b"x", None, True, Decimal("1.5"), pd.Timedelta(1), 2**62], ids=repr
)
def test_a_sound_file_of_other_kinds_is_noticed(cache: Cache, name: str, value: object) -> None:
    import pyarrow.parquet

    cache.write("NVDA", entry())
    table = pyarrow.parquet.read_table(cache.path("NVDA"))
    other = pyarrow.array([value] * len(table))
    place = table.schema.get_field_index(name)
    pyarrow.parquet.write_table(table.set_column(place, name, other), cache.path("NVDA"))
    with pytest.raises(DataError, match=r"^the cached prices of NVDA in .* are damaged"):
        cache.read("NVDA")
    pyarrow.parquet.write_table(table.replace_schema_metadata(None), cache.path("NVDA"))
    with pytest.raises(DataError, match=r"^the cached prices of NVDA in .* are damaged"):
        cache.read("NVDA")


def test_the_file_of_another_symbol_is_noticed(cache: Cache) -> None:
    cache.write("NVDA", entry())
    cache.path("NVDA").rename(cache.path("AMD"))
    with pytest.raises(DataError, match="AMD"):
        cache.read("AMD")


def test_an_entry_has_bars() -> None:
    with pytest.raises(ValueError, match="at least one bar"):
        CacheEntry(START, entry().bars.iloc[:0])
    with pytest.raises(ValueError, match="Dividends"):
        CacheEntry(START, entry().bars.drop(columns="Dividends"))


def test_one_process_at_a_time(cache: Cache) -> None:
    failures: list[SourceError] = []

    def intrude() -> None:
        try:
            with cache.locked(seconds=0.05):
                pass
        except SourceError as error:
            failures.append(error)

    with cache.locked():
        other = threading.Thread(target=intrude)
        other.start()
        other.join()
    assert "another process" in str(failures[0])
    with cache.locked(seconds=0.05):
        pass


def test_a_folder_that_cannot_be_made_is_a_source_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "cache")
    with pytest.raises(SourceError, match="DEEPSEEK_CACHE"), cache.locked():
        pass


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_CACHE", str(tmp_path / "mine"))
    assert Cache().root == tmp_path / "mine"
    monkeypatch.delenv("DEEPSEEK_CACHE")
    assert Cache().root.name == "deepseek-readings"
