"""What others wrote, on every page, in a real browser: it is read, and nothing in it is obeyed.

Names, titles, parameters, symbols, messages and notices hold HTML, braces of templates, quotes, sequences of terminals,
marks that turn the direction of text, half a character, and words without an end.
"""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pandas as pd
import pytest

from data.text import escape_all, escape_json, escape_unprintable, is_printable_line, shorten
from reports.comparison import page as comparison_page
from reports.comparison import run_reader
from reports.comparison.diff import compare_runs
from reports.folders import atomic
from reports.folders import run as run_folder
from reports.pages import calibration as calibration_page
from reports.pages import index as index_page
from reports.pages import multiverse as multiverse_page
from reports.pages import sweep as sweep_page
from reports.pages.tearsheet import render
from reports.records import calibration
from reports.records.result import Failure, Story
from reports.records.sweep import FIGURES, SweepResult, SweptParameter
from reports.statistics.availability import Missing
from reports.statistics.verdict import Verdict
from tests.resources.chromium import address, launched, opened, required
from tests.resources.multiverses import multiverse_of, survey_of
from tests.resources.page import HOSTILE
from tests.resources.saved import save

HEBREW = "\u05e9\u05dc\u05d5\u05dd"
ENDLESS = f"{'long' * 700} --{'long' * 100}"
EVIL = f"{HOSTILE} <x-evil onclick=alert(3)> {HEBREW} \x1b[31m\x9b2J\x00 \u202egnp\u2066 \ud83d {ENDLESS}"
WHOLE = EVIL.replace("\ud83d", "")  # of files, which cannot hold half a character
SHOWN = HOSTILE.replace("\u2028", "\\u2028")


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, \u00e9, \u4e2d, \u2212, \U0001f600", None),
        (f"{HEBREW} from the right", None),
        ("1\u00a0000 and 1\u202f000", None),
        ("joined \U0001f468\u200d\U0001f4bb", None),
        ("two\nlines\tand a tab", None),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m\x85\x7f\x00\r", "\\x9b31m\\x85\\x7f\\x00\\r"),
        ("\u202egnp.exe\u202c", "\\u202egnp.exe\\u202c"),
        ("\u2066\u2069\u200e\u200f\u061c", "\\u2066\\u2069\\u200e\\u200f\\u061c"),
        ("\u2028\u2029\ufeff\u00ad", "\\u2028\\u2029\\ufeff\\xad"),
        ("\ud800 \U000e0041 \ue000", "\\ud800 \\U000e0041 \\ue000"),
    ],
)
def test_a_text_is_read_and_not_obeyed(text, shown):
    assert escape_unprintable(text) == (text if shown is None else shown)
    assert escape_unprintable(escape_unprintable(text)) == escape_unprintable(text)


def test_a_brief_text_is_one_line_with_an_end():
    assert shorten("a\nb\tc\x1b") == "a\\nb\\tc\\x1b"
    assert shorten("x" * 1000) == "x" * 300 + "\u2026"
    assert [is_printable_line(text) for text in ("a b", HEBREW, "a\nb", "\x1b", "\u202e")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_json_means_the_same_and_is_printable():
    text = '{"\x7f\u202e\U000e0041\ud800 \u00e9": 1}\n'
    assert escape_json(text) == '{"\\u007f\\u202e\\udb40\\udc41\\ud800 \u00e9": 1}\n'
    assert atomic.to_json({"\x1b\u202e": "\x00"}) == b'{\n  "\\u001b\\u202e": "\\u0000"\n}\n'


def test_data_of_a_page_are_read_in_every_depth():
    assert escape_all({"\x1b": ["\x00", ("\u202e", 1.5, None)]}) == {"\\x1b": ["\\x00", ["\\u202e", 1.5, None]]}


@pytest.mark.parametrize("name", ["../x.html", "a/b", "a\\b", "..", "", "/etc/passwd", "a\x00b", "\x1b.html"])
def test_a_folder_has_no_file_that_would_lie_elsewhere(tmp_path, name):
    with pytest.raises(ValueError, match="is not a plain file name"):
        atomic.write_folder({name: b"", "manifest.json": b"{}"}, tmp_path / "deep" / "out")
    assert list(tmp_path.rglob("*")) == [tmp_path / "deep"]


# --- pages ----------------------------------------------------------------------------------------------------------


def told(result, **changes):
    """A reading with a hostile text wherever its author has a say."""
    return replace(
        result,
        story=Story(*[EVIL] * 5),
        claims=(EVIL,),
        comparator_name=EVIL,
        outcome=EVIL,
        warnings=(EVIL,),
        parameters={EVIL: EVIL},
        symbols=(EVIL,),
        **changes,
    )


def settings_of(text):
    """What can be said of a run besides its readings."""
    return {
        "benchmark_name": "S<b>Y",
        "origin": text,
        "title": text,
        "claims": text,
        "notices": (text,),
        "marks": ((pd.Timestamp("2025-02-03"), text, "event"),),
        "settings": {text: text},
        "failed": {text: Failure(text, f"{text}\n{text}")},
    }


@pytest.fixture
def of_a_run(judged, evidence_of, shock_of, run_of, result_of, tmp_path):
    """Pages of a run with evidence, in its folder; and an index whose reading has a name that no folder would take."""
    evil = evidence_of(
        HEBREW,
        verdict=Verdict(None, reason=EVIL),
        described=(replace(evidence_of().described[0], heading=EVIL),),
        shock=shock_of((EVIL, "B", "C", "D")),
        break_even=Missing(EVIL),
        regressions={EVIL: Missing(EVIL)},
    )
    run = judged(evil, evidence_report={"confounders": (("2025-01-29", EVIL),), "origin": EVIL}, **settings_of(EVIL))
    run = replace(run, results=tuple(map(told, run.results)))
    out = tmp_path / "run"
    run_folder.write(run, {HEBREW: render(run.results[0], run).encode()}, out)
    named = run_of(told(result_of(), name=WHOLE), **settings_of(EVIL))
    (out / "named.html").write_text(index_page.render(named), encoding="utf-8")
    return [out / f"{name}.html" for name in ("index", "side-by-side", HEBREW, f"{HEBREW}-evidence", "named")]


def sweep_of():
    rng, codes = np.random.default_rng(1), np.indices((2, 2)).reshape(2, -1).T
    flags = {name: np.zeros(4) for name in ("truncated", "ruined", "refused", "hindsight")}
    return SweepResult(
        name=EVIL,
        story=Story(*[EVIL] * 5),
        comparator=EVIL,
        benchmark=EVIL,
        parameters=(SweptParameter(EVIL, (EVIL, "b"), "b"), SweptParameter("two", ("c", f"d {EVIL}"), "c")),
        codes=codes,
        fixed={EVIL: EVIL},
        figures={**{name: rng.normal(0, 0.1, 4) for name in FIGURES}, **flags, "sessions": np.full(4, 61.0)},
        days=np.array([["2025-01-31", "2025-04-29"]] * 4),
        failed={0: EVIL},
        objective="d",
        validation=Missing(EVIL),
        sharpe=Missing(EVIL),
        origin=EVIL,
        real=True,
        notices=(EVIL,),
        manifest={},
    )


def calibrated():
    words = np.zeros((100, len(calibration.TESTS), 2), dtype=np.int8)
    curve = calibration.PowerCurve(
        (EVIL, "b"), (0.1, 0.4), 20, np.zeros((10, 2, 2), dtype=bool), np.full((10, 2, 2), 0.2)
    )
    return calibration.Calibration(
        readings=(EVIL, "b"),
        families=((EVIL,), ("b",)),
        seed=7,
        draws=499,
        placebos=64,
        outcomes=words,
        timing=curve,
        stocks=curve,
        sides=np.zeros((10, 3), dtype=np.int8),
        resampled=(EVIL, EVIL, 252, 2000),
        years=("2019-05-29", "2025-03-03"),
        notes={EVIL: EVIL},
        left_out=(EVIL,),
    )


def compared(run_of, result_of, place):
    folders = []
    for number, word in enumerate(("tame", WHOLE)):
        results = [result_of(WHOLE, warnings=(word,), outcome=word)]
        run = run_of(*results, title=word, origin=word, notices=(word,), settings={word: word})
        folders.append(save(run, place / str(number), event=word, code=word, command=word))
    base, other = (run_reader.read(each) for each in folders)
    return comparison_page.render([compare_runs(base, other)])


@pytest.fixture
def pages(of_a_run, run_of, result_of, tmp_path):
    """Every kind of page that is written, as files."""
    one = multiverse_of(WHOLE, comparator=EVIL, fixed=((EVIL, EVIL),))
    survey = survey_of(one, origin=EVIL, notices=(EVIL,), failed={EVIL: Failure(EVIL, EVIL)})
    others = {
        "sweep": sweep_page.render(sweep_of()),
        "multiverse": multiverse_page.render(survey),
        "multiverse-reading": multiverse_page.render_reading_multiverse(survey, one),
        "calibration": calibration_page.render(calibrated()),
        "comparison": compared(run_of, result_of, tmp_path / "compared"),
    }
    for name, text in others.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
    return [*of_a_run, *(tmp_path / f"{name}.html" for name in others)]


# Elements that a hostile text names, and handlers on any.
MADE = """() => [...document.querySelectorAll('x-evil, img, b, [onclick], [onerror]')].map((each) => each.outerHTML)"""
# What a page that obeyed a text could ask for elsewhere; each is told by the browser before anything leaves it.
REACHING = """async ([away, expected]) => {
  const stopped = [];
  document.addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
  const make = (tag, properties) => document.head.append(Object.assign(document.createElement(tag), properties));
  new Image().src = away;
  fetch(away).catch(() => 0);
  make("script", { src: away });
  make("script", { textContent: "document.title = 'obeyed'" });
  make("link", { rel: "stylesheet", href: away });
  document.body.append(Object.assign(document.createElement("iframe"), { src: away }));
  new FontFace("far", `url(${away})`).load().catch(() => 0);
  document.body.setAttribute("onclick", "document.title = 'obeyed'");
  document.body.click();
  const wait = () => new Promise((done) => setTimeout(done, 20));
  for (let turn = 0; turn < 200 && new Set(stopped).size < expected; turn++) await wait();
  return [[...new Set(stopped)].sort(), document.title];
}"""
STOPPED = ["connect-src", "font-src", "frame-src", "img-src", "script-src-attr", "script-src-elem", "style-src-elem"]


def unread(text):
    """Signs of a text that nobody reads: controls, marks of direction, halves of characters."""
    kinds = {sign: unicodedata.category(sign) for sign in set(text) - set("\n\t")}
    return {sign for sign, kind in kinds.items() if kind.startswith("C") or kind in ("Zl", "Zp")}


@pytest.fixture(scope="module")
def browser():
    with launched(required()) as found:
        yield found


def require_read(page, file):
    """What is hostile in a page is there to be read, and has made nothing else of it."""
    page.goto(address(file))
    source, seen = page.content(), page.locator("body").inner_text()
    assert SHOWN in seen or file.name == "side-by-side.html", file.name
    assert page.evaluate(MADE) == [], file.name
    assert unread(source) == set(), file.name
    assert page.evaluate("document.documentElement.scrollWidth") == 1280, file.name


@pytest.fixture
def elsewhere():
    """A server, and what it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/x", asked
        server.shutdown()


def reached(page, file, url, expected=STOPPED):
    """What the browser stopped while a page reached for that address, and whether a script of others ran."""
    page.goto(address(file))
    stopped, title = page.evaluate(REACHING, [url, len(expected)])
    return stopped, title == "obeyed"


def test_pages_are_read_and_neither_obey_nor_reach(browser, pages, elsewhere):
    url, asked = elsewhere
    with opened(browser) as page:
        for file in pages:
            require_read(page, file)
    with browser.new_page() as page:
        for file in pages:
            assert reached(page, file, url) == (STOPPED, False), file.name
    assert asked == []


def test_the_watch_sees_what_it_watches_for(browser, elsewhere, tmp_path):
    bad, made = tmp_path / "bad.html", []
    bad.write_text(f"<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\"><title>x</title>{HOSTILE}")

    def watched():
        with opened(browser) as page:
            page.goto(address(bad))
            made.extend(page.evaluate(MADE))

    with pytest.raises(AssertionError) as found:
        watched()
    assert len(made) == 1
    assert "dialog: 1" in str(found.value) and "img-src" in str(found.value)
    with browser.new_page() as page:
        assert reached(page, bad, elsewhere[0], ["img-src"]) == (["img-src"], True)
    deadline = time.monotonic() + 300  # the server hears of it on a thread of its own
    while "/x" not in elsewhere[1] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "/x" in elsewhere[1]
