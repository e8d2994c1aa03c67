"""Templates of the pages, opened one way: every text escaped, every name known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

FOLDER = Path(__file__).parent / "templates"


def template(name: str, **filters: Callable[..., Any]) -> jinja2.Template:
    """The template of that file name, with filters of its page beside the common ones."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"sentence": lambda words: words[:1].upper() + words[1:], **filters}
    return environment.get_template(name)
