"""Run folders are read back, or refused in one line with file, problem and remedy."""

from __future__ import annotations

import json
import os
import shutil

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import RequestError
from reports.comparison import run_reader
from reports.comparison.run_reader import DecisionRow, PriceSpan
from tests.resources.saved import edit, save, swap

TABLES = ("results.json", "manifest.json", "returns.csv", "fills.csv", "decisions.csv")


@pytest.fixture(scope="module")
def whole(run_of, tmp_path_factory):
    """The folder of a run, which no test changes."""
    return save(run_of(), tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it, for a test to damage."""
    return shutil.copytree(whole, tmp_path / "run")


def test_a_written_run_is_read_back(run_of, folder):
    run, saved = run_of(), run_reader.read(folder)
    assert list(saved.readings) == ["first", "second"]
    assert list(saved.returns["first"].values()) == run.results[0].returns.to_list()
    assert list(saved.benchmark_returns.values()) == run.benchmark.to_list()
    assert [pd.Timestamp(date) for date in saved.benchmark_returns] == list(run.benchmark.index)
    assert [(fill.symbol, fill.size, fill.price) for fill in saved.fills["first"]] == [
        ("AAA", 100, 50),
        ("AAA", -100, 60),
    ]
    assert saved.decisions["first"] == [DecisionRow("2025-01-30", "AAA", 0.5)]
    assert saved.readings["first"]["horizons"]["60"] == {"return": 0.6, "excess_benchmark": 0.06, "d": 0.12}
    assert saved.prices["AAA"] == PriceSpan(500, "2024-01-02", "2026-02-03", "a" * 64)
    assert saved.altered == ()


def test_a_changed_table_is_read_and_reported(folder):
    swap(folder, "fills.csv", "50.0", "50.01")
    assert run_reader.read(folder).altered == ("fills.csv",)
    assert run_reader.read(folder).fills["first"][0].price == 50.01


def test_evidence_and_unknown_keys_are_kept(judged, tmp_path):
    folder = save(judged(), tmp_path / "run", event={"name": "other"})
    edit(folder, "results.json", lambda results: results["readings"]["first"].update(later=[1, {"a": None}]))
    saved = run_reader.read(folder)
    assert saved.readings["first"]["later"] == [1, {"a": None}]
    assert saved.manifest["event"] == {"name": "other"}
    assert saved.readings["first"]["evidence"]["n"] == 64


def damaged(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def with_key(name, key, value):
    return lambda folder: edit(folder, name, lambda content: content.update({key: value}))


def in_first(key, value):
    return lambda folder: edit(folder, "results.json", lambda c: c["readings"]["first"].update({key: value}))


def without(name, key):
    return lambda folder: edit(folder, name, lambda content: content.pop(key))


FAULTS = [
    *((lambda folder, name=name: (folder / name).unlink(), name, "no such file") for name in TABLES),
    *((damaged(name, b"\xff\xfe"), name, "not UTF-8") for name in TABLES),
    *((damaged(name, b"\xef\xbb\xbf{}"), name, "byte-order mark") for name in TABLES),
    *((damaged(name, b""), name, "empty" if name.endswith("csv") else "not JSON") for name in TABLES),
    (damaged("results.json", b"[]"), "results.json", "holds no JSON object"),
    (damaged("results.json", b'{"schema": NaN}'), "results.json", "holds NaN"),
    (damaged("results.json", b'{"schema": 1e999}'), "results.json", "too large a number"),
    (damaged("results.json", b'{"schema": ' + b"9" * 5000 + b"}"), "results.json", "too large a whole number"),
    (damaged("results.json", b'{"schema": 1, "schema": 1}'), "results.json", "'schema' occurs twice"),
    (damaged("results.json", b'{"a": "\\ud800"}'), "results.json", "lone surrogate"),
    (damaged("results.json", b"[" * 100_000), "results.json", "nested too deeply"),
    (damaged("results.json", b'{"a":' * 60 + b"1" + b"}" * 60), "results.json", "nested too deeply"),
    (with_key("results.json", "schema", 1), "results.json", "schema '1', expected 2; run it again with this version"),
    (with_key("results.json", "schema", True), "results.json", "schema 'True', expected 2"),
    (with_key("results.json", "kind", "sweep"), "results.json", "of a 'sweep', not of a run"),
    (with_key("results.json", "readings", {}), "results.json", "no readings"),
    (with_key("results.json", "readings", []), "results.json", "readings is not an object but []"),
    (with_key("results.json", "readings", {"first": 1}), "results.json", "readings.first is not an object but 1"),
    (without("results.json", "benchmark"), "results.json", "no key 'benchmark'"),
    (in_first("metrics", {"sharpe": "high"}), "results.json", "readings.first.metrics.sharpe: 'high' is not a number"),
    (in_first("metrics", {"sharpe": 1e16}), "results.json", "larger than any figure"),
    (in_first("metrics", {"sharpe": True}), "results.json", "readings.first.metrics.sharpe: True is not a number"),
    (in_first("horizons", {"5": 3}), "results.json", "horizons.5 is not an object but 3"),
    (in_first("warnings", [1]), "results.json", "readings.first.warnings[0]: 1 is not a text"),
    (without("manifest.json", "code"), "manifest.json", "no key 'code'"),
    (without("manifest.json", "prices"), "manifest.json", "no key 'prices'"),
    (with_key("manifest.json", "prices", {"A": {"rows": -1, "sha256": ""}}), "manifest.json",
     "prices.A.rows: -1 is not a whole number"),
    (with_key("manifest.json", "prices", {"A": {"rows": 1}}), "manifest.json", "no key 'prices.A.sha256'"),
    (with_key("manifest.json", "prices", {"A": {"rows": 1, "first": "2025-02-30", "sha256": ""}}), "manifest.json",
     "prices.A.first: '2025-02-30' is not in the calendar"),
    (lambda f: swap(f, "returns.csv", "date,first", "date,second"), "returns.csv", "'second' occurs twice"),
    (lambda f: swap(f, "returns.csv", "date,first", "date,third"), "returns.csv", "no column 'first'"),
    (lambda f: swap(f, "returns.csv", "2025-01-31", "31.01.2025"), "returns.csv", "line 2: '31.01.2025' is not a date"),
    (lambda f: swap(f, "returns.csv", "2025-02-03", "2025-01-31"), "returns.csv", "dates do not rise"),
    (lambda f: swap(f, "returns.csv", "2025-02-03,", "2025-02-03,nan,"), "returns.csv", "line 3 has 5 cells"),
    (lambda f: swap(f, "returns.csv", "2025-02-03,", "2025-02-03,x"), "returns.csv", "line 3: 'x"),
    (lambda f: swap(f, "fills.csv", "50.0", "nan"), "fills.csv", "line 2: 'nan' is not a finite number"),
    (lambda f: swap(f, "fills.csv", "50.0", "1_0"), "fills.csv", "line 2: '1_0' is not a finite number"),
    (lambda f: swap(f, "fills.csv", "50.0", "1e999"), "fills.csv", "line 2: inf is larger"),
    (lambda f: swap(f, "fills.csv", "50.0", ""), "fills.csv", "line 2: '' is not a finite number"),
    (lambda f: swap(f, "fills.csv", "first,", "<b>,"), "fills.csv", "line 2: '<b>' is not a reading"),
    (lambda f: swap(f, "fills.csv", "first,", '"first,'), "fills.csv", "not CSV"),
    (lambda f: swap(f, "decisions.csv", ",weight", ",wait"), "decisions.csv", "no column 'weight'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("harm", "name", "problem"), FAULTS, ids=[f"{n} {name}" for n, (_, name, _) in enumerate(FAULTS)]
)
def test_a_damaged_folder_is_one_line_that_names_the_file(folder, harm, name, problem):
    harm(folder)
    with pytest.raises(RequestError) as caught:
        run_reader.read(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder / name}: ")
    assert problem in message and "; " in message and "\n" not in message


def test_content_of_a_file_cannot_control_the_terminal(folder):
    edit(folder, "manifest.json", lambda manifest: manifest["prices"].update({"\x1b[2J\nall is well": []}))
    with pytest.raises(RequestError) as caught:
        run_reader.read(folder)
    assert str(caught.value).isprintable()
    assert r"manifest.json: prices.\x1b[2J all is well is not an object but []" in str(caught.value)


def test_a_path_that_is_not_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for name in ("missing", "file", "a\0b", "x" * 5000):
        with pytest.raises(RequestError, match="is not a folder; name a folder that"):
            run_reader.read(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_or_a_huge_file_is_not_read(folder):
    (folder / "fills.csv").unlink()
    os.mkfifo(folder / "fills.csv")
    with pytest.raises(RequestError, match=r"fills.csv: not a file"):
        run_reader.read(folder)
    os.truncate(folder / "results.json", 2**33)
    with pytest.raises(RequestError, match=r"results.json: larger than 64 MiB"):
        run_reader.read(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links of POSIX")
def test_a_link_is_followed_to_a_file_only(folder, tmp_path):
    (folder / "fills.csv").rename(tmp_path / "fills")
    (folder / "fills.csv").symlink_to(tmp_path / "fills")
    assert run_reader.read(folder).altered == ()
    for target in ("/dev/zero", folder, folder / "fills.csv"):
        (folder / "fills.csv").unlink()
        (folder / "fills.csv").symlink_to(target)
        with pytest.raises(RequestError, match=r"fills.csv: (not a|no such) file; name the folder of a finished run"):
            run_reader.read(folder)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def read_or_refused(folder):
    """Whether the folder can be read; if not, the one error names it."""
    try:
        return run_reader.read(folder) is not None
    except RequestError as error:
        return str(error).startswith(str(folder)) and "\n" not in str(error)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_value_is_read_or_refused(folder, data):
    name = data.draw(st.sampled_from(("results.json", "manifest.json")))
    before = (folder / name).read_bytes()
    content = holder = json.loads(before)
    path = []
    while isinstance(holder, dict) and holder and (not path or data.draw(st.booleans())):
        parent = holder
        path.append(data.draw(st.sampled_from(sorted(holder))))
        holder = holder[path[-1]]
    parent[path[-1]] = data.draw(VALUES)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    try:
        assert read_or_refused(folder)
    finally:
        (folder / name).write_bytes(before)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_are_read_or_refused(folder, data):
    name = data.draw(st.sampled_from(TABLES))
    before = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(before)))
    cut = data.draw(st.integers(0, 8))
    (folder / name).write_bytes(before[:at] + data.draw(st.binary(max_size=6)) + before[at + cut :])
    try:
        assert read_or_refused(folder)
    finally:
        (folder / name).write_bytes(before)
