"""A file that the fast reader takes gives the same bars as the careful one; any other is left to that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataError
from data.sources.csv_reader import _any_bars, _plain_bars

NAMES = ("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume")
NUMBERS = st.one_of(
    st.floats(0.01, 1e6).map(repr), st.integers(0, 10**12).map(str), st.sampled_from(["1e3", ".5", "7.", "-1", "0.1"])
)
ODD = ("", "nan", "inf", "NaN", "null", " 1", "1 ", "1_0", "0x1", '"1"', "1\r", "\u0661", "+1", "1e999", "1,2", "\0")
DATES = ("2024-1-2", "20240102", "2024-13-01", "2024-01-02 ", "1600-01-01", "2300-01-01", "", "x")


def table(cells) -> bytes:
    return "\n".join(",".join(row) for row in (NAMES, *cells, ())).encode()


@given(st.lists(st.lists(NUMBERS, min_size=6, max_size=6), min_size=1, max_size=4))
def test_plain_files_are_read_alike(numbers):
    content = table([(f"2024-01-0{day}", *row) for day, row in enumerate(numbers, 2)])
    plain = _plain_bars(content)
    assert plain is not None
    bars, lines, cells = _any_bars("X", "X.csv", content)
    assert plain[0].equals(bars) and plain[0].index.equals(bars.index) and (plain[0].dtypes == bars.dtypes).all()
    assert list(plain[1]) == list(lines) and plain[2] == cells == {}


@pytest.mark.parametrize("column", range(1, 7))
@pytest.mark.parametrize("cell", ODD)
def test_an_odd_cell_is_left_to_the_careful_reader(column, cell):
    row = ["2024-01-03", "1", "2", "0.5", "1", "1", "10"]
    row[column] = cell
    content = table([("2024-01-02", "1", "2", "0.5", "1", "1", "10"), row])
    plain = _plain_bars(content)
    if plain is not None:
        assert plain[0].equals(_any_bars("X", "X.csv", content)[0])


@pytest.mark.parametrize("date", DATES)
def test_an_odd_date_is_left_to_the_careful_reader(date):
    content = table([(date, "1", "2", "0.5", "1", "1", "10")])
    assert _plain_bars(content) is None
    with pytest.raises(DataError):
        _any_bars("X", "X.csv", content)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Adj Close", "Adjusted"),
        lambda text: text.replace("Volume", "Close"),
        lambda text: text.replace("\n2", "\n\n2"),
        lambda text: text.replace("\n2", "\n ,\n2"),
        lambda text: text.partition("\n")[0] + "\n",
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda _: "",
    ],
    ids=["name", "twice", "empty line", "odd line", "no rows", "mark", "line ends", "empty"],
)
def test_another_form_is_left_to_the_careful_reader(change):
    assert _plain_bars(change(table([("2024-01-02", "1", "2", "0.5", "1", "1", "10")]).decode()).encode()) is None
