"""Templates of the pages, opened one way: every text printable and escaped, every name known; and what pages share."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from data.text import escape_all, escape_unprintable

REPORTS = Path(__file__).parents[1]
FOLDER = REPORTS / "templates"
UPLOT = REPORTS / "static" / "uplot"

# What may not stand inside a script element, or ends a line of JavaScript.
ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def template(name: str, **filters: Callable[..., Any]) -> jinja2.Template:
    """The template of that file name, with filters of its page beside the common ones."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=_printable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"policy": content_security_policy, "script": script_text}
    environment.filters |= {
        "sentence": _sentence,
        "notice": notice_html,
        "prose": prose_html,
        "breakable": breakable_name,
        **filters,
    }
    return environment.get_template(name)


def _printable(value: Any) -> Any:
    """What stands in the place of an expression: a text that is only read; what is markup stays it."""
    if hasattr(value, "__html__"):
        return Markup(escape_unprintable(value.__html__()))  # noqa: S704  (escapes add nothing but backslashes and digits)
    return escape_unprintable(str(value))


def content_security_policy(*scripts: str, beside: bool = False, frames: bool = False) -> Markup:
    """What a page may load and run, for its `meta` element: nothing from elsewhere, and of scripts those of ours alone.

    They are named by what they hold, so that no other one runs, should a text ever become one. `beside`: the chart
    library lies in the same folder; `frames`: the page shows others of its folder.
    """
    runs = [f"'{script_hash(file)}'" for file in scripts] + ["'self'"] * beside or ["'none'"]
    allowed = [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        f"script-src {' '.join(runs)}",
        *(["frame-src 'self' file:"] * frames),
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return Markup("; ".join(allowed))  # noqa: S704  (our own words)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


# Options as on a command line, short enough for any screen, and dates.
WHOLE = re.compile(r"(?<![^\s(])--[a-z][a-z-]{1,20}(?![\w-])|(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])", re.ASCII)


def notice_html(words: str) -> Markup:
    """A sentence for the reader: escaped; options of a command, and dates, not broken in two."""
    return Markup(WHOLE.sub(r'<span class="whole">\g<0></span>', str(escape(words))))  # noqa: S704  (escaped before)


def prose_html(words: str) -> Markup:
    """Words of a docstring: the same, and what stands between backticks as code."""
    return Markup(re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", str(notice_html(words))))  # noqa: S704  (escaped before)


def breakable_name(name: str) -> Markup:
    """A name that breaks after its underscores, where it has to."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))  # noqa: S704  (escaped before)


def page_address(name: str) -> str:
    """Address of a reading's page beside the page that links to it."""
    return f"{quote(name, safe='')}.html"


def evidence_address(name: str) -> str:
    """Address of a reading's evidence, likewise."""
    return page_address(f"{name}-evidence")


def side_by_side_address(*names: str) -> str:
    """Address of the page that shows these readings side by side, likewise."""
    return f"side-by-side.html#{','.join(quote(name, safe='') for name in names)}"


def embedded_json(data: object) -> Markup:
    """JSON that can stand inside a script element, its texts as they stand elsewhere on the page."""
    text = json.dumps(escape_all(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(ESCAPES))  # noqa: S704  (escaped for a script element)


LIBRARY = "uplot.js"  # lies once in every folder whose pages draw with it


@cache
def chart_library() -> bytes:
    """The chart library with its licence, as pages load it from beside them."""
    return f"/*!\n{vendored_file('LICENSE')}\n*/\n{vendored_file('uPlot.iife.min.js')}\n".encode()


@cache
def vendored_file(file: str) -> Markup:
    """A file of uPlot as it is."""
    return Markup((UPLOT / file).read_text(encoding="utf-8").strip())  # noqa: S704  (our own file)


@cache
def script_text(file: str) -> Markup:
    """A script of ours, or the chart library, as it is."""
    if file == LIBRARY:
        return Markup(chart_library().decode().strip())  # noqa: S704  (as released)
    return Markup((FOLDER / file).read_text(encoding="utf-8").strip())  # noqa: S704  (our own file)


def script_hash(file: str) -> str:
    """That script as a content security policy names it, so that no other script runs in the page."""
    return f"sha256-{b64encode(sha256(script_text(file).encode()).digest()).decode()}"
