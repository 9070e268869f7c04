"""Charts as pictures of their own: SVG by pygal without its scripts, in light and dark."""

from __future__ import annotations

import gzip
from typing import Any
from xml.etree.ElementTree import Element

from flask import Response, request
from pygal.graph.graph import Graph
from pygal.style import Style

#: Told apart in light and in dark, and to most who do not see all colours; series also differ in their strokes.
COLOURS = ("#0b6fb8", "#c2410c", "#15803d", "#8b1e9e", "#a16207", "#be123c")
#: Strokes, in the order of series.
STROKES = (
    {"width": 2.5},
    {"width": 2.5, "dasharray": "8, 4"},
    {"width": 2.5, "dasharray": "2, 4"},
    {"width": 2.5, "dasharray": "10, 3, 2, 3"},
)
#: The same colours, light enough on a dark ground.
LIGHTER = ("#58a9ec", "#fb8c4f", "#4cc27a", "#d58ae8", "#e0b341", "#f5778d")
_DARK = "".join(
    f"  .color-{place}, .color-{place} a:visited {{ fill: {colour} !important; stroke: {colour} !important; }}\n"
    for place, colour in enumerate(LIGHTER)
)
_OURS = f"""
.line.reactive {{ stroke-width: 2.2; stroke-opacity: 1; }}
@media (prefers-color-scheme: dark) {{
  .background, .plot .background {{ fill: #1b2027 !important; }}
  text, .title, .legend text {{ fill: #e8ebee !important; }}
  .guide.line, .axis .line, .axis .guides .line {{ stroke: #59636e !important; }}
{_DARK}}}
"""
STYLE = Style(
    background="#ffffff",
    plot_background="#ffffff",
    foreground="#1c2127",
    foreground_strong="#1c2127",
    foreground_subtle="#8a939d",
    font_family="system-ui, sans-serif",
    label_font_size=14,
    major_label_font_size=14,
    legend_font_size=14,
    title_font_size=16,
    value_label_font_size=14,
    opacity=".9",
    opacity_hover="1",
    colors=COLOURS,
    transition="0s",
    guide_stroke_color="#8a939d",
    major_guide_stroke_color="#8a939d",
)
#: What every chart is made with: `pygal.Line(**USUAL, title="…")`.
USUAL: dict[str, Any] = {
    "style": STYLE,
    "css": ["file://style.css", "file://graph.css", f"inline:{_OURS}"],
    "js": (),
    "no_prefix": True,
    # Narrow, so that its letters can still be read on a phone.
    "width": 560,
    "height": 300,
    "explicit_size": False,
    "truncate_label": -1,
    "truncate_legend": -1,
    "legend_box_size": 11,
    "max_scale": 6,
    "legend_at_bottom": True,
    "margin": 12,
    "dots_size": 2.5,
    "disable_xml_declaration": True,
    "pretty_print": False,
}
POLICY = "default-src 'none'; frame-ancestors 'none'"


def svg(chart: Graph) -> bytes:
    """Return a chart as SVG that holds no script."""
    chart.add_xml_filter(_without_scripts)
    drawn: str | bytes = chart.render()
    return drawn.encode() if isinstance(drawn, str) else drawn


def picture(chart: Graph) -> Response:
    """Return a chart as the answer to a request, kept by nobody."""
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": POLICY,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    drawn = svg(chart)
    if request.accept_encodings["gzip"] > 0:
        drawn = gzip.compress(drawn, 6, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(drawn, mimetype="image/svg+xml", headers=headers)


def _without_scripts(root: Element) -> Element:
    for parent in list(root.iter()):
        for child in list(parent):
            if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == "script":
                parent.remove(child)
    return root
