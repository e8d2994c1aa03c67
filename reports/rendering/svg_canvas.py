"""A Matplotlib backend for reproducible SVG that leaves pyplot unchanged.

`pyplot.savefig` draws a figure three times: to compute the layout, into the file, and to refresh a window. After
`tight_layout` the layout is final, so `svg` draws a figure of this backend once. Text sizes are cached per process. The
SVG has no date and no numbered ids: equal figures give equal SVG, and several of them can share a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from io import StringIO
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.colors import ColorConverter
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

BACKEND = f"module://{__name__}"
POINTS = 72  # per inch; SVG is laid out and drawn in points
LETTERS = "bgrmyck"  # short names of colours, which Seaborn's themes redefine
UNDATED = {"Date": None, "Creator": None, "Format": None, "Type": None}


class Renderer(RendererSVG):
    """An SVG renderer without metadata and without numbered group ids."""

    def __init__(self, figure: Figure, stream: StringIO):
        figure.dpi = POINTS
        width, height = figure.get_size_inches() * POINTS
        super().__init__(width, height, stream, image_dpi=POINTS, metadata=dict(UNDATED))  # type: ignore[no-untyped-call]

    def open_group(self, s: str, gid: str | None = None) -> None:
        self.writer.start("g", **({"id": gid} if gid else {}))  # type: ignore[no-untyped-call]

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: bool | str
    ) -> tuple[float, float, float]:
        return _measure(s, prop.copy(), ismath)


class FigureCanvas(FigureCanvasSVG):
    """A canvas that measures text for layouts and is never refreshed."""

    @cached_property
    def _measuring_renderer(self) -> Renderer:
        return Renderer(self.figure, StringIO())

    def get_renderer(self) -> Renderer:
        """The renderer with which Matplotlib measures text."""
        return self._measuring_renderer

    def draw_idle(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: there is no window to refresh."""


FigureManager = FigureManagerBase


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element, with its current layout."""
    stream = StringIO()
    renderer = Renderer(figure, stream)
    figure.draw(renderer)
    renderer.finalize()  # type: ignore[no-untyped-call]
    document = stream.getvalue()
    return document[document.index("<svg") :].strip()  # without the XML prologue, which is not valid inside HTML


@contextmanager
def preserved_pyplot() -> Iterator[None]:
    """Restore pyplot's backend, settings and colours on exit; the backend is Agg if none was chosen before."""
    backend = matplotlib.get_backend(auto_select=False)
    colors = {letter: ColorConverter.colors[letter] for letter in LETTERS}
    try:
        with matplotlib.rc_context():
            yield
    finally:
        for letter, color in colors.items():
            ColorConverter.colors[letter] = color
        pyplot.switch_backend(backend or "agg")


@lru_cache(4096)
def _measure(text: str, font: FontProperties, ismath: bool | str) -> tuple[float, float, float]:
    return text_to_path.get_text_width_height_descent(text, font, ismath)  # type: ignore[arg-type]
