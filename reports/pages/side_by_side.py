"""Page that shows tearsheets side by side and scrolls them together.

The part of its address after # selects the tearsheets, so that a selection can be bookmarked and sent. Tearsheets are
shown in frames and exchange their scroll positions by messages, since browsers do not let one local file read another:
see `templates/tearsheet.js`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jinja2

from reports.records.result import Run
from reports.rendering.template import evidence_address, page_address, template


@dataclass(frozen=True)
class SheetLink:
    """A reading that can be selected: name, title, and the addresses of its tearsheet and its evidence (or None)."""

    name: str
    title: str
    page: str
    evidence: str | None


def render(run: Run) -> str:
    """The page of a run. Equal inputs give equal bytes."""
    return _template().render(
        title=run.title,
        sheets=[
            SheetLink(
                result.name,
                result.story.title.removesuffix("."),
                page_address(result.name),
                evidence_address(result.name) if run.evidence_report is not None else None,
            )
            for result in run.results
        ],
    )


@cache
def _template() -> jinja2.Template:
    return template("side-by-side.html")
