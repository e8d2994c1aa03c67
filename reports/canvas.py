"""A Matplotlib backend for figures that are only ever written as SVG, and drawn once for it.

`pyplot.savefig` draws a figure three times: as a rehearsal for layouts, into the file, and to refresh a window that
nobody looks at. After `tight_layout` there is nothing left to rehearse, so here it is drawn into the file only; texts
are measured once a process. The SVG carries no date and no numbered ids, so that equal figures are equal bytes and a
dozen of them can share a page. Chosen with `matplotlib.use("module://reports.canvas")`.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from io import BytesIO, StringIO
from typing import Any

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

POINTS = 72  # an inch; SVG is laid out and drawn in points
UNDATED = {"Date": None, "Creator": None, "Format": None, "Type": None}


class Renderer(RendererSVG):
    """Writes SVG without metadata and without numbers on its groups."""

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
    """A canvas that draws when it is written, and at no other time."""

    @cached_property
    def _ruler(self) -> Renderer:
        return Renderer(self.figure, StringIO())

    def get_renderer(self) -> Renderer:
        """What layouts measure texts with."""
        return self._ruler

    def draw_idle(self, *args: Any, **kwargs: Any) -> None:
        """Nobody looks: there is nothing to refresh."""

    def print_figure(self, filename: BytesIO, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Write the figure as it is laid out; it is SVG whatever the options say."""
        stream = StringIO()
        renderer = Renderer(self.figure, stream)
        self.figure.draw(renderer)
        renderer.finalize()  # type: ignore[no-untyped-call]
        filename.write(stream.getvalue().encode())


@lru_cache(4096)
def _measure(text: str, font: FontProperties, ismath: bool | str) -> tuple[float, float, float]:
    return text_to_path.get_text_width_height_descent(text, font, ismath)  # type: ignore[arg-type]


FigureManager = FigureManagerBase
