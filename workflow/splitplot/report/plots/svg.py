"""Drawings by matplotlib as SVG for the page: the same bytes each time, no colour or style of its own.

The page's policy forbids style attributes, and its colours are CSS variables, so that dark mode and
print follow. So a drawing uses a role (“ink”, “accent” …) where others use a colour; matplotlib gets a
code colour for it, and in the SVG the code becomes a class of report.css. Text stays text, in the
page's own font.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from splitplot.report.hostile import visible

WIDE, NARROW = 760, 328
"""Widths in pixels: of the text column, and of what a phone of 360 pixels leaves within its margins."""
SIZE, SMALL, BOLD = 13.0, 12.0, 1.1
"""Sizes of text in pixels, at both widths; how much wider bold text is."""

ROLES = ("ink", "soft", "line", "accent", "paper", "band", "tint", "bad", "label")
PATTERNS = ("hatch", "dots", "cross")
"""Fills that are told apart without colour; figures.html.j2 draws them once on the page."""
_CODES = {role: f"#0101{place + 16:02x}" for place, role in enumerate((*ROLES, *PATTERNS))}
_NAMES = {code: role for role, code in _CODES.items()}

SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "splitplot",
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],
    "path.simplify": False,
}
KEPT = {"fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap",
        "stroke-linejoin", "font-size", "font-weight", "text-anchor"}  # fmt: skip
"""Properties that become attributes; the others are the page's to decide."""

ANCHORS: Any = {"start": "left", "middle": "center", "end": "right"}
SHAPES = {"dot": "o", "square": "s", "diamond": "D", "up": "^", "down": "v", "cross": "X"}


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib as it is made, whatever a matplotlibrc of the user says; for all drawings of a page."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A font without a sign warns; the page has fonts of its own.
        warnings.filterwarnings("ignore", message="Glyph")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


class Sheet:
    """One drawing, measured in pixels from its top left corner; what comes later lies on top."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
        from matplotlib.transforms import Affine2D

        self.width, self.height = width, height
        # A figure without axes: what is drawn lies in pixels already, and axes cost a quarter of the time.
        self._figure: Any = Figure(figsize=(width / 72, height / 72), dpi=72)
        self._figure.patch.set_visible(False)
        self._canvas: Any = FigureCanvasSVG(self._figure)
        self._pixels = Affine2D().scale(1, -1).translate(0, height)
        self._count = 0

    def line(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        role: str = "ink",
        width: float = 1.6,
        dash: tuple[float, ...] | None = None,
    ) -> None:
        """A line through points; dash: lengths of strokes and gaps in units of the width."""
        from matplotlib.lines import Line2D

        style: Any = "-" if dash is None else (0, dash)
        drawn = Line2D(xs, ys, color=_CODES[role], linewidth=width, linestyle=style)
        drawn.set_solid_capstyle("butt")
        self._add(drawn)

    def whisker(
        self,
        low: float,
        high: float,
        y: float,
        role: str = "ink",
        width: float = 1.6,
        cap: float = 5,
    ) -> None:
        """A horizontal interval, with ends `cap` pixels up and down (none at 0)."""
        self.line([low, high], [y, y], role, width)
        for x in (low, high) if cap else ():
            self.line([x, x], [y - cap, y + cap], role, width)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str | None = None,
        edge: str | None = None,
        dash: tuple[float, ...] | None = None,
    ) -> None:
        """A rectangle by its top left corner; fill: a role or a pattern; edge: a role."""
        from matplotlib.patches import Rectangle

        self._add(
            Rectangle(
                (x, y),
                width,
                height,
                facecolor=_CODES[fill] if fill else "none",
                edgecolor=_CODES[edge] if edge else "none",
                linewidth=1 if edge else 0,
                linestyle="-" if dash is None else (0, dash),
            )
        )

    def ribbon(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        thick: float,
        fill: str,
        edge: str,
    ) -> None:
        """A band that leaves and arrives level; start, end: its upper corners; fill: a role or a pattern."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        (a, top), (b, bottom) = start, end
        middle = (a + b) / 2
        points = [(a, top), (middle, top), (middle, bottom), (b, bottom), (b, bottom + thick),
                  (middle, bottom + thick), (middle, top + thick), (a, top + thick), (a, top)]  # fmt: skip
        curve = [Path.CURVE4] * 3
        codes = [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY]
        shape = Path(points, codes)
        self._add(PathPatch(shape, facecolor=_CODES[fill], edgecolor=_CODES[edge], linewidth=1))

    def mark(
        self,
        x: float,
        y: float,
        shape: str = "dot",
        size: float = 11,
        fill: str = "accent",
        edge: str = "paper",
    ) -> None:
        """A marker of `SHAPES`, `size` pixels across."""
        from matplotlib.lines import Line2D

        self._add(
            Line2D(
                [x],
                [y],
                linestyle="none",
                marker=SHAPES[shape],
                markersize=size,
                markerfacecolor=_CODES[fill],
                markeredgecolor=_CODES[edge],
                markeredgewidth=1.5,
            )
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        role: str = "soft",
        size: float = SIZE,
        anchor: str = "start",
        bold: bool = False,
        angle: float = 0,
    ) -> None:
        """Text on a baseline; anchor: start, middle or end; angle in degrees against the clock."""
        from matplotlib.text import Text

        words = " ".join(visible(words).split())
        if not words:
            return
        self._add(
            Text(
                x,
                y,
                words,
                color=_CODES[role],
                fontsize=size,
                fontweight="bold" if bold else "normal",
                horizontalalignment=ANCHORS[anchor],
                verticalalignment="baseline",
                rotation=angle,
                rotation_mode="anchor",
            )
        )

    def _add(self, artist: Any) -> None:
        self._count += 1
        artist.set_zorder(self._count)
        artist.set_transform(self._pixels)
        self._figure.add_artist(artist)

    def svg(self, name: str, kind: str, title: str, description: str) -> Markup:
        """The drawing as an <svg> element of class `kind`, with its title and description for readers."""
        file = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        self._canvas.print_svg(file, metadata=nothing)
        root = ElementTree.fromstring(file.getvalue())
        ids = f"{name}-{kind}-title", f"{name}-{kind}-desc"
        page = ElementTree.Element(
            "svg",
            {
                "class": f"fig {kind}",
                "viewBox": f"0 0 {self.width:g} {self.height:g}",
                "role": "img",
                "focusable": "false",
                "aria-labelledby": " ".join(ids),
            },
        )
        for tag, key, words in zip(("title", "desc"), ids, (title, description), strict=True):
            ElementTree.SubElement(page, tag, {"id": key}).text = " ".join(visible(words).split())
        page.extend(_plain(root, {}))
        return Markup(ElementTree.tostring(page, encoding="unicode"))


def _plain(parent: Any, shapes: dict[str, str]) -> list[Any]:
    """The drawn elements below `parent`, without groups, ids and definitions.

    shapes: paths of markers seen so far, by id; each use of one becomes a path of its own.
    """
    found: list[Any] = []
    for element in parent:
        tag = element.tag.rpartition("}")[2]
        if tag == "path":
            found.append(_element("path", element, {"d": _rounded(element.get("d"))}))
        elif tag == "text":
            turn = element.get("transform") or ""
            turned = {} if turn.startswith("rotate(-0 ") else {"transform": _rounded(turn)}
            place = {key: _rounded(element.get(key)) for key in ("x", "y")}
            found.append(_element("text", element, {**place, **turned}))
            found[-1].text = element.text
        elif tag == "defs":
            shapes |= {shape.get("id"): shape.get("d") for shape in element if shape.get("id")}
        elif tag == "use":
            link = next(value for key, value in element.attrib.items() if key.endswith("href"))
            shift = f"translate({_rounded(element.get('x'))} {_rounded(element.get('y'))})"
            moved = {"d": _rounded(shapes[link[1:]]), "transform": shift}
            found.append(_element("path", element, moved))
        elif tag == "g":
            found += _plain(element, shapes)
    return found


def _element(tag: str, source: Any, attributes: dict[str, str]) -> Any:
    """An element with its style as attributes, and its colours as classes."""
    classes = []
    pairs = (part.split(":", 1) for part in (source.get("style") or "").split(";") if ":" in part)
    style = {name.strip(): value.strip() for name, value in pairs}
    if "font" in style or "font-weight" in style:
        bold = (
            style.get("font-weight") in ("bold", "700") or "bold" in style.get("font", "").split()
        )
        style |= {"font-weight": "600"} if bold else {}
        size = re.search(r"([\d.]+)px", style.get("font", ""))
        style |= {"font-size": size[1]} if size and "font-size" not in style else {}
    for name, value in style.items():
        role = _NAMES.get(value)
        if role in PATTERNS and name == "fill":
            attributes["fill"] = f"url(#{role})"
        elif role:
            classes.append(f"{name}-{role}")
        elif name in KEPT:
            attributes[name] = value.removesuffix("px")
    if classes:
        attributes["class"] = " ".join(classes)
    return ElementTree.Element(tag, attributes)


def _rounded(text: str | None) -> str:
    """Numbers of a path or place to a tenth of a pixel (hundredths within a marker are not seen)."""
    short = re.sub(r"-?\d+\.\d+", lambda m: f"{float(m[0]):.1f}".removesuffix(".0"), text or "")
    return " ".join(re.sub(r"(?<![\d.])-0(?![\d.])", "0", short).split())


def width_of(words: str, size: float = SIZE) -> float:
    """About how many pixels a text takes: as in DejaVu Sans, wider than most fonts of a page."""
    return size * sum(_advance(sign) for sign in words)


@cache
def _advance(sign: str) -> float:
    """The width of one sign in units of the size; a sign that the font lacks counts as a broad one."""
    if unicodedata.combining(sign):
        return 0.0
    glyph = _font().get_char_index(ord(sign))
    if not glyph:
        return 1.05 if unicodedata.east_asian_width(sign) in "WF" else 0.75
    return float(_font().load_glyph(glyph).linearHoriAdvance) / 65536 / 100


@cache
def _font() -> Any:
    """The font that comes with matplotlib, at 100 pixels."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    font.set_size(100, 72)
    return font


def fit(words: str, room: float, *, size: float = SIZE, lines: int = 1) -> list[str]:
    """A text broken at blanks into at most `lines` lines of `room` pixels; what is left out is “…”.

    Text of a user: its hidden characters are shown, a word that is too long is cut.
    """
    left = " ".join(visible(words).split())
    found: list[str] = []
    while left and len(found) < lines:
        if width_of(left, size) <= room:
            return [*found, left]
        last = len(found) == lines - 1
        head = _head(left, room - (width_of("…", size) if last else 0), size)
        at = head.rfind(" ")
        if not last and at > len(head) // 3:
            head = head[:at]
        found.append(head.rstrip() + ("…" if last else ""))
        left = left[len(head) :].lstrip()
    return found or [""]


def _head(words: str, room: float, size: float) -> str:
    """The longest beginning of `words` within `room` pixels, at least one sign."""
    total, end = 0.0, 0
    for end, sign in enumerate(words):  # noqa: B007
        total += width_of(sign, size)
        if total > room:
            break
    return words[: max(1, end)]
