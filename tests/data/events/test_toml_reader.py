"""Event files: every valid key is read, and every fault is rejected with key and remedy."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from data.errors import RequestError
from data.events import catalog
from data.events.event import EventReading
from data.events.toml_reader import parse_event
from data.toml_table import MOST_BYTES
from data.universe import AI_UNIVERSE
from tests.resources.events import DEEPSEEK
from tests.resources.storm import SMALL, WHOLE

FOLDER = Path(catalog.__file__).parents[1] / "facts" / "events"


def refusal(text: str | bytes) -> str:
    """The error message for a file."""
    with pytest.raises(RequestError) as caught:
        parse_event(text if isinstance(text, bytes) else text.encode(), "my.toml")
    message = str(caught.value)
    assert message.isprintable() and len(message) < 400 and message.startswith("event file 'my.toml'")
    return message


def test_the_default_event():
    assert (DEEPSEEK.name, DEEPSEEK.title) == ("deepseek", "The DeepSeek shock")
    assert pd.Timestamp("2025-01-27") == DEEPSEEK.shock
    assert DEEPSEEK.published == pd.Timestamp("2025-01-31 03:16", tz="America/New_York")
    assert f"{DEEPSEEK.published:%Y-%m-%d %H:%M}" == "2025-01-31 03:16"
    assert DEEPSEEK.marks == (
        ("2025-01-27", "shock"),
        ("2025-01-29", "FOMC holds"),
        ("2025-01-31", "essay published"),
    )
    assert DEEPSEEK.quiet_until == pd.Timestamp("2024-12-24")
    assert DEEPSEEK.confounders == (
        ("2025-01-20", "DeepSeek releases R1"),
        ("2025-01-21", "the Stargate data-centre plan is announced"),
        ("2025-01-29", "the FOMC holds rates; MSFT, META and TSLA report after the close"),
        ("2025-01-30", "AAPL and INTC report after the close"),
        ("2025-02-01", "tariffs on Canada, Mexico and China are announced"),
        ("2025-02-04", "AMD reports after the close"),
        ("2025-02-26", "NVDA reports after the close"),
        ("2025-04-02", "the tariff crash begins; it lasts until the rebound of 9 April"),
    )
    # 27, 28, 29 and 30 January lie before the entry; from 03:16 to 09:30 is a little over six hours.
    assert (DEEPSEEK.lead, DEEPSEEK.hours, DEEPSEEK.universe) == (4, 6, AI_UNIVERSE)


def test_the_tariff_event_enters_on_the_next_morning():
    tariffs = catalog.load_event("tariffs")
    assert (f"{tariffs.entry:%Y-%m-%d}", tariffs.lead) == ("2025-04-03", 0)
    assert tariffs.hours == 13  # from 20:00 to 09:30
    assert set(dict(tariffs.baskets)["goods"]) | set(dict(tariffs.baskets)["services"]) <= set(tariffs.universe)


def test_bundled_events_are_listed_with_the_default_first():
    assert catalog.event_names()[0] == "deepseek"
    assert sorted(catalog.event_names()) == sorted(path.stem for path in FOLDER.glob("*.toml"))
    assert [catalog.load_event(name).name for name in catalog.event_names()] == list(catalog.event_names())


def test_every_key_is_read():
    event = parse_event(WHOLE.encode(), "my.toml")
    # Noon of 4 March in Paris is six in the morning in New York: before the open, one session after the shock.
    assert (f"{event.entry:%Y-%m-%d}", event.lead, event.hours) == ("2025-03-04", 1, 3)
    assert (event.publication, event.claims, event.origin) == ("the forecast", "S1 to S2", "my.toml")
    assert event.universe == ("NVDA", "BRK-B", "^GSPC")
    assert event.calendar == (("2025-03-05", "market day"), ("2025-03-19", "harvest"))
    assert event.baskets == (("boats", ("SPY", "TLT")),)
    assert (event.marks, event.confounders) == ((("2025-03-03", "it breaks"),), (("2025-02-28", "rain"),))
    sail, plain = event.readings
    assert sail.parameters == (("long", "boats"), ("short", ("IEF",)), ("against", "SPY"))
    assert (sail.name, sail.title, sail.claim, sail.chooses) == ("sail", "Long boats", "boats win", True)
    assert plain == EventReading("bad_news", "bad_news")
    assert event.primary == ("sail",) and event.as_dict()["primary"] == ["sail"]


ROLES = WHOLE.replace("chooses = true", 'chooses = true\nroles = { leader = -0.5, market = 0.5 }\nagainst = "market"')


def test_roles_of_a_reading_are_read():
    sail, plain = parse_event(ROLES.encode(), "my.toml").readings
    assert (sail.roles, sail.against) == ((("leader", -0.5), ("market", 0.5)), "market")
    assert (plain.roles, plain.against) == ((), "cash")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("leader = -0.5", "leeder = -0.5", r"roles\.leeder: unknown key; did you mean leader\?"),
        (
            "leader = -0.5",
            'leader = "-0.5"',
            r"roles\.leader: '-0.5' is not a weight; give a fraction of",
        ),
        ("leader = -0.5", "leader = nan", r"roles\.leader: nan is not a weight"),
        ("leader = -0.5", "leader = true", r"roles\.leader: True is not a weight"),
        ("{ leader = -0.5, market = 0.5 }", "-0.5", r"roles: -0.5 is a number; make it a table of weights"),
        ('"market"', "1", r"against: 1 is a whole number; write \"cash\" or \"market\""),
        ('"market"', '"SPY"', r"against: 'SPY' is no comparator of a general form; write \"cash\" or \"market\""),
        (
            "leader = -0.5",
            "leader = -0.8",
            r"roles: the absolute weights add up to 1\.3; let them add up to more than 0",
        ),
    ],
)
def test_wrong_roles_are_refused(old, new, complaint):
    assert re.search(complaint, refusal(ROLES.replace(old, new)))


def test_omitted_keys_have_defaults():
    event = parse_event(SMALL.encode(), "my.toml")
    assert (event.calendar, event.readings, event.universe, event.quiet_until) == ("fomc", (), (), None)
    assert event.primary == ()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('title = "A storm"', "", r"title: it is missing; say in one line what happened"),
        ("title", "tilte", r"tilte: unknown key; did you mean title\?"),
        ('"A storm"', "3", r"title: 3 is a whole number; say in one line"),
        ('"A storm"', '"  "', r"title: '  ' is not a line of text"),
        ('"A storm"', r'"A\nstorm"', r"title: 'A\\nstorm' is not a line of text"),
        ('"A storm"', r'"\u202Estorm"', r"is not a line of text"),
        ('"storm"', '"../storm"', r"name: '\.\./storm' is not a name; use up to 40 lower-case letters"),
        ("2025-03-03", '"2025-03-03"', r"shock: '2025-03-03' is text; write a session without quotes"),
        ("2025-03-03", "2025-03-02", r"shock: 2025-03-02 \(Sunday\) is not a session .* use 2025-03-03 "),
        ("2025-03-03", "1677-03-03", r"shock: 1677-03-03 is out of range; give a year from 2000 to 2099"),
        ("2025-03-03", "2262-05-01", r"shock: 2262-05-01 is out of range"),
        ("2025-03-03", "2098-03-03", r"shock: 2098-03-03 lies outside the exchange calendar"),
        ("2025-03-03", "2025-02-30", r"is not valid TOML"),
        ("2025-03-03", "2025-03-03T00:00:00", r"shock: 2025-03-03 00:00:00 is a date with a time; write a session"),
        ("T12:00:00+01:00", "T12:00:00", r"published: 2025-03-04 12:00:00 has no time zone; write date, time and"),
        ("T12:00:00+01:00", "", r"published: 2025-03-04 is a date; write date, time and UTC offset"),
        ("2025-03-04T12", "2098-03-04T12", r"published 2098-03-04 .* lies outside the exchange calendar"),
        ("2025-03-04T12", "9999-03-04T12", r"published: .* is out of range"),
        ("2025-03-04T12", "2025-02-04T12", r"2025-02-04, before the shock on 2025-03-03; give a time"),
        ("2025-02-28\nuniverse", "2025-03-03\nuniverse", r"quiet_until 2025-03-03 is not before the shock"),
        ("2025-02-28\nuniverse", "2025-03-01\nuniverse", r"quiet_until: 2025-03-01 \(Saturday\) is not a session"),
        ('"BRK-B"', '"BRK B"', r"universe: 'BRK B' is not a symbol; write it as Yahoo does"),
        ('"BRK-B"', '"NVDA"', r"universe: NVDA is listed twice; remove one"),
        ('"BRK-B"', "1", r"universe: 1 is not a symbol"),
        ('["NVDA", "BRK-B", "^GSPC"]', "[]", r"universe: the list is empty"),
        ('["NVDA", "BRK-B", "^GSPC"]', '"NVDA"', r"universe: 'NVDA' is text; list symbols"),
        ('{ 2025-03-19 = "harvest", 2025-03-05 = "market day" }', '"ecb"', r"calendar: 'ecb' is not a calendar; write"),
        ('{ 2025-03-19 = "harvest", 2025-03-05 = "market day" }', "[]", r"calendar: \[\] is a list; write"),
        (
            '2025-03-19 = "harvest"',
            '2025-19-03 = "harvest"',
            r"calendar\.2025-19-03: it is not a date; write YYYY-MM-DD",
        ),
        ('2025-03-19 = "harvest"', '1500-03-19 = "harvest"', r"calendar\.1500-03-19: 1500-03-19 is out of range"),
        ('boats = ["SPY", "TLT"]', "boats = []", r"baskets\.boats: the list is empty"),
        ("boats =", '"big boats" =', r"baskets\.'big boats': it is not a basket name"),
        ('"it breaks"', "7", r"marks\.2025-03-03: 7 is a whole number; say in one line what happened"),
        ('2025-03-03 = "it', 'soon = "it', r"marks\.soon: it is not a date"),
        ('name = "sail"', 'name = "sail.html"', r"readings 1: name: 'sail.html' is not a name; use up to 40 letters"),
        ('name = "sail"', 'names = "sail"', r"readings 1: names: unknown key; did you mean name\?"),
        (
            'name = "sail"',
            'name = "bad_news"',
            r"readings 2: name: 'bad_news' is already the name of readings 1; give each its own",
        ),
        (
            '["sail"]',
            '"sail"',
            r"primary: 'sail' is text; list names of readings, as in \[\"gpu_bubble\", \"fomc_tilt\"\]",
        ),
        ('["sail"]', "[7]", r"primary: 7 is not the name of a reading; use letters, digits and _"),
        ('["sail"]', '["sail.html"]', r"primary: 'sail\.html' is not the name of a reading; use letters"),
        ('["sail"]', '["sial"]', r"primary: there is no reading 'sial'; did you mean sail\?"),
        ('["sail"]', '["gpu_bubble"]', r"primary: there is no reading 'gpu_bubble'; name readings of the event"),
        ('strategy = "bad_news"', "", r"readings 2: strategy: it is missing; name a file of strategies/"),
        (
            "chooses = true",
            'chooses = "yes"',
            r"readings 1: chooses: 'yes' is text; write true or false without quotes",
        ),
        (
            'against = "SPY"',
            "against = nan",
            r"readings 1: parameters\.against: nan is not a parameter value; give text",
        ),
        (
            'against = "SPY"',
            "against = 1e999",
            r"readings 1: parameters\.against: inf is not a parameter value; give text",
        ),
        (
            'against = "SPY"',
            "against = 9007199254740993",
            r"parameters\.against: 9007199254740993 is not a parameter value",
        ),
        ('against = "SPY"', "against = [[]]", r"readings 1: parameters\.against: \[\] is not a symbol"),
        ("2025-03-03", "nan", r"shock: nan is a number; write a session without quotes"),
        ("2025-03-03", "12:00:00", r"shock: .* is a time of day; write a session without quotes"),
        ("2025-03-03", "0001-01-01", r"shock: 0001-01-01 is out of range; give a year from 2000 to 2099"),
        ("2025-03-03", "9999-12-31", r"shock: 9999-12-31 is out of range; give a year from 2000 to 2099"),
        ("+01:00", "+24:00", r"is not valid TOML"),
        ("[marks]", "[marks.deeper]", r"marks\.deeper: it is not a date; write YYYY-MM-DD"),
        ("[baskets]", "[[baskets]]", r"baskets: \[\{.*\]\.* is a list; make it a table of lists"),
        ("[[readings]]", "[readings]", r"is not valid TOML: "),
        (
            'against = "SPY"',
            "against = inf",
            r"readings 1: parameters\.against: inf is not a parameter value; give text",
        ),
        ('against = "SPY"', "against = 2025-03-03", r"against: 2025-03-03 is not a parameter value"),
        ('against = "SPY"', "against = { a = 1 }", r"against: \{'a': 1\} is not a parameter value"),
        ('universe = ["NVDA", "BRK-B", "^GSPC"]', "", r"readings 1 \(sail\): chooses: the event has no universe;"),
        ("claims =", "publication =", r"is not valid TOML: .*overwrite"),
    ],
)
def test_a_fault_is_reported_with_key_and_remedy(old, new, complaint):
    assert WHOLE.count(old) >= 1
    assert re.search(complaint, refusal(WHOLE.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xef\xbb\xbf" + WHOLE.encode(), "begins with a byte order mark; save it as UTF-8 without one"),
        (WHOLE.encode("utf-16"), "begins with a byte order mark"),
        (WHOLE.encode() + b"\x00", "is not valid TOML"),
        (WHOLE.replace("storm", "st\xf6rm").encode("latin-1"), "is not UTF-8; save it as UTF-8"),
        (b"#" * (MOST_BYTES + 1), "is larger than 65,536 bytes"),
        (b"", "name: it is missing"),
        (b"name = " + b"[" * 8000, "are nested too deeply"),
        (b"name" + b".a" * 4000 + b" = 1", "name: "),
        (b"\nname" + b".a" * 20_000 + b" = 1", "line 2 is longer than 8,192 bytes; break it up"),
        (b"name = " + b"9" * 8000, "is not valid TOML"),
        (b"name = 0x" + b"f" * 8000, "name: the value is a whole number"),
        (b"name = 'a'\nname = 'b'", "is not valid TOML"),
        (b"name = '" + b"a" * 5000 + b"'", "is not a line of text"),
        (b"'" + b"k" * 5000 + b"' = 1", "unknown key"),
        (b"readings = []\n" + SMALL.encode(), "readings: the list is empty"),
        (b"marks = ['2025-03-03']\n" + SMALL.encode(), "marks: ['2025-03-03'] is a list; make it a table of dates"),
        (b"readings = ['bad_news']\n" + SMALL.encode(), "readings: 'bad_news' is not a table"),
        (b"published = 0001-01-01T00:00:00+23:59\nshock = 2025-03-03\nname='a'\ntitle='b'", "is out of range"),
    ],
)
def test_content_that_is_not_an_event_is_rejected_in_one_line(content, complaint):
    assert complaint in refusal(content)


def test_events_load_by_name_or_path_and_nothing_else_does(tmp_path):
    file = tmp_path / "storm.toml"
    file.write_text(SMALL)
    assert catalog.load_event(file).name == catalog.load_event(str(file)).name == "storm"
    for name, complaint in (
        ("tarifs", "no event 'tarifs'; did you mean tariffs"),
        ("storm", "no event 'storm'; choose from deepseek, tariffs"),
        (str(tmp_path / "calm.toml"), "calm.toml' does not exist; give the path of a TOML file"),
        (f"{tmp_path}/a\0.toml", "event file"),
        ("a" * 5000 + ".toml", "event file"),
    ):
        with pytest.raises(RequestError) as caught:
            catalog.load_event(name)
        assert complaint in str(caught.value) and "\n" not in str(caught.value)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(RequestError, match=r"folder\.toml' is not a file; give the path"):
        catalog.load_event(tmp_path / "folder.toml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices of POSIX")
def test_pipes_devices_and_huge_files_are_rejected_without_blocking(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    (tmp_path / "giant.toml").touch()
    os.truncate(tmp_path / "giant.toml", 2**33)
    complaints = {
        "pipe": "is not a file",
        "zero": "is not a file",
        "loop": "exist",
        "giant": "larger than 65,536 bytes",
    }
    for name, complaint in complaints.items():
        with pytest.raises(RequestError, match=complaint):
            catalog.load_event(tmp_path / f"{name}.toml")


def test_errors_name_an_event_built_in_python():
    with pytest.raises(RequestError, match=r"^event 'storm': readings 2: name: 'x' is already the name of readings 1"):
        replace(parse_event(SMALL.encode(), ""), readings=(EventReading("x"), EventReading("y", "x")))
