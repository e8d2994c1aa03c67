"""The site loads nothing from other hosts; a page that would is warned about, which ends a strict build."""

import logging
import re
from typing import Any

LOADED = re.compile(r"""<(?:script|img|iframe|link|source)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"'\s>]+""")

log = logging.getLogger("mkdocs.hooks.offline")


def on_post_page(output: str, *, page: Any, **_: Any) -> None:
    """Look at a finished page; MkDocs calls this."""
    for found in LOADED.findall(output):
        log.warning("%s loads from another host: %s", page.file.src_uri, found)
