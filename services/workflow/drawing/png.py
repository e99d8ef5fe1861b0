"""Draws a graph as PNG with Pillow (extra ``png``); the picture is that of the SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from bluelabel.interfaces.errors import MachineError, TooLarge
from bluelabel.services.workflow.drawing.graph import Graph
from bluelabel.services.workflow.drawing.palette import look
from bluelabel.services.workflow.drawing.scene import HEIGHT, MARGIN, Scene, SceneBox, bends, scene

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

_PIXELS: Final = 60_000_000
_FONTS: Final = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf")
_INK = "#0f172a"
_GREY = "#475569"
_EDGE = "#94a3b8"


def render_png(graph: Graph, *, scale: float = 2.0) -> bytes:
    """Return the bytes of a PNG file.

    Args:
        graph: what to draw.
        scale: pixels of the picture for one of the layout; made smaller where the picture would be too large.

    Raises:
        MachineError: Pillow is not installed.
        TooLarge: the graph does not fit into a picture at all.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        hint = "pip install 'bluelabel[png]', or take --format svg"
        raise MachineError("PNG needs the library Pillow", hint=hint) from None
    picture = scene(graph)
    scale = min(scale, (_PIXELS / (picture.width * picture.height)) ** 0.5)
    if scale < 0.2:
        raise TooLarge(f"a picture of {len(picture.boxes):,} steps is too large for PNG", hint="take --format svg")
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    image = Image.new("RGB", size, "#ffffff")
    _Painter(ImageDraw.Draw(image), scale).paint(picture)
    held = io.BytesIO()
    image.save(held, format="PNG", optimize=False)
    return held.getvalue()


class _Painter:
    def __init__(self, draw: ImageDraw.ImageDraw, scale: float) -> None:
        self.draw = draw
        self.scale = scale
        self.fonts: dict[int, Any] = {}

    def paint(self, picture: Scene) -> None:
        """Draw lines first, so that boxes lie over them."""
        self._text((MARGIN, MARGIN + 6), picture.title, 17, _INK, "lm")
        width = max(1, round(1.5 * self.scale))
        for curve in picture.curves:
            points = [(x * self.scale, y * self.scale) for x, y in bends(curve, 24)]
            self.draw.line(points, fill=_EDGE, width=width, joint="curve")
            self.draw.polygon([(x * self.scale, y * self.scale) for x, y in curve.tip], fill=_EDGE)
        for box in picture.boxes:
            self._box(box)

    def _box(self, box: SceneBox) -> None:
        known = look(box.status)
        corners = [v * self.scale for v in (box.x, box.y, box.x + box.width, box.y + HEIGHT)]
        self.draw.rounded_rectangle(
            (corners[0], corners[1], corners[2], corners[3]),
            radius=7 * self.scale,
            fill=known.fill,
            outline=known.line,
            width=max(1, round(1.5 * self.scale)),
        )
        middle = box.x + box.width / 2
        label = f"{known.glyph} {box.label}" if known.glyph else box.label
        self._text((middle, box.y + (16 if box.detail else HEIGHT / 2)), label, 13, _INK, "mm")
        if box.detail:
            self._text((middle, box.y + 33), box.detail, 11, _GREY, "mm")

    def _text(self, at: tuple[float, float], text: str, size: int, colour: str, anchor: str) -> None:
        place = (at[0] * self.scale, at[1] * self.scale)
        self.draw.text(place, text, fill=colour, font=self._font(size), anchor=anchor)

    def _font(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        from PIL import ImageFont

        if size not in self.fonts:
            pixels = max(4, round(size * self.scale))
            for name in _FONTS:
                try:
                    self.fonts[size] = ImageFont.truetype(name, pixels)
                    break
                except OSError:
                    continue
            else:
                self.fonts[size] = ImageFont.load_default(pixels)
        found: ImageFont.FreeTypeFont | ImageFont.ImageFont = self.fonts[size]
        return found
