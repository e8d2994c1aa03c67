"""Jinja templates of the pages: every text is escaped and printable, and undefined names are errors."""

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

# Characters that could end a script element or a line of JavaScript.
ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def template(name: str, **filters: Callable[..., Any]) -> jinja2.Template:
    """The template in file `name`, with the common filters and those given."""
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
    """The output of an expression: markup stays markup, other values become text; both without control characters."""
    if hasattr(value, "__html__"):
        return Markup(escape_unprintable(value.__html__()))  # noqa: S704  (escapes add nothing but backslashes and digits)
    return escape_unprintable(str(value))


def content_security_policy(*scripts: str, library: bool = False, frames: bool = False) -> Markup:
    """Content security policy of a page that loads nothing from elsewhere and runs only the `scripts` in its templates.

    Scripts are identified by their hashes, so that no injected script can run. `library` allows the chart library in
    the same folder, `frames` allows frames with other pages of the folder.
    """
    sources = [f"'{script_hash(file)}'" for file in scripts] + ["'self'"] * library or ["'none'"]
    directives = [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        f"script-src {' '.join(sources)}",
        *(["frame-src 'self' file:"] * frames),
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return Markup("; ".join(directives))  # noqa: S704  (constants and hashes)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


# Command-line options, short enough for any screen, and dates: not to be broken at their hyphens.
UNBREAKABLE = re.compile(r"(?<![^\s(])--[a-z][a-z-]{1,20}(?![\w-])|(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])", re.ASCII)


def notice_html(text: str) -> Markup:
    """Escaped text in which no line breaks inside command-line options and dates."""
    return Markup(UNBREAKABLE.sub(r'<span class="whole">\g<0></span>', str(escape(text))))  # noqa: S704  (escaped before)


def prose_html(text: str) -> Markup:
    """Escaped text of a docstring, like `notice_html`, with text between backticks as code."""
    return Markup(re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", str(notice_html(text))))  # noqa: S704  (escaped before)


def breakable_name(name: str) -> Markup:
    """An escaped name in which lines may break after underscores."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))  # noqa: S704  (escaped before)


def page_address(name: str) -> str:
    """Address of a reading's tearsheet, relative to other pages of its folder."""
    return f"{quote(name, safe='')}.html"


def evidence_address(name: str) -> str:
    """Address of a reading's evidence page, relative to other pages of its folder."""
    return page_address(f"{name}-evidence")


def side_by_side_address(*names: str) -> str:
    """Address of the page with these readings side by side, relative to other pages of its folder."""
    return f"side-by-side.html#{','.join(quote(name, safe='') for name in names)}"


def embedded_json(data: object) -> Markup:
    """JSON that is safe inside a script element, with its texts escaped as elsewhere on the page."""
    text = json.dumps(escape_all(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(ESCAPES))  # noqa: S704  (escaped for a script element)


LIBRARY = "uplot.js"  # a copy is in every folder whose pages use it


@cache
def chart_library() -> bytes:
    """The chart library uPlot with its licence, the content of LIBRARY."""
    return f"/*!\n{vendored_file('LICENSE')}\n*/\n{vendored_file('uPlot.iife.min.js')}\n".encode()


@cache
def vendored_file(file: str) -> Markup:
    """Content of a file of uPlot."""
    return Markup((UPLOT / file).read_text(encoding="utf-8").strip())  # noqa: S704  (our own file)


@cache
def script_text(file: str) -> Markup:
    """Content of a script in the templates, or of the chart library."""
    if file == LIBRARY:
        return Markup(chart_library().decode().strip())  # noqa: S704  (as released)
    return Markup((FOLDER / file).read_text(encoding="utf-8").strip())  # noqa: S704  (our own file)


def script_hash(file: str) -> str:
    """Hash source of a script for a content security policy."""
    return f"sha256-{b64encode(sha256(script_text(file).encode()).digest()).decode()}"
