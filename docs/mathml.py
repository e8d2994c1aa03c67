"""Formulas of the site: blocks fenced as `math`, in LaTeX, become MathML while it is built.

Browsers draw MathML themselves, so that no script is needed; code hosts draw the same blocks their own way.
"""

import re
from typing import Any

from latex2mathml.converter import convert

BLOCK = re.compile(r"^```math\n(.*?)\n```$", re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace every formula of a page; MkDocs calls this."""
    return BLOCK.sub(lambda block: f'<div class="formula">{convert(block[1], display="block")}</div>', markdown)
