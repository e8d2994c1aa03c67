"""The page that shows tearsheets side by side, scrolling in step.

Which ones is said by the part of its address behind the #, so that a choice can be kept and sent. Sheets stand in
frames and agree on where they are by messages, since a browser lets no file look into another: see
`templates/tearsheet.js`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jinja2

from reports.records.result import Run
from reports.rendering.template import evidence_address, page_address, template


@dataclass(frozen=True)
class SheetLink:
    """A reading that can be chosen: its name, what it says, and the addresses of its pages (no evidence: None)."""

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
