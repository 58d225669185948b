"""One page to explore a ranking: a map of all images, what is picked, and lists to take along.

The plot is Bokeh's: it draws with WebGL, has lasso and zoom, and puts its scripts into the page, so
that it opens from disk without a network. The controls are the browser's own, which are reached by
keyboard and have the colours of the reader's system.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.common.texts import printable, safe_path, safe_text
from coldstart.pages.thumbnails import make_sheets

HERE = Path(__file__).parent
CATEGORIES = (
    *("#4E79A7", "#F28E2B", "#59A14F", "#E15759", "#B6992D", "#499894", "#D37295", "#B07AA1"),
    *("#9D7660", "#79706E", "#86BCB6", "#FFBE7D", "#8CD17D", "#FF9D9A", "#D4A6C8", "#A0CBE8"),
)
"""Colours of clusters and labels, used again where there are more; they show on white and black."""


@dataclass(frozen=True)
class Explored:
    """Images, their places on a map, and the order in which samplers pick them.

    Attributes:
        title: heading of the page.
        places: float32 [n, 2].
        thumbnails: uint8 [n, height, width, 3].
        names: of the images, such as paths of files.
        rankings: rank of each image (from 1; 0 where it has none) by the name of the ranking.
        budget: number of picks that are shown first.
        categories: texts by which images can be coloured, such as labels; empty where one has none.
        values: numbers by which they can be coloured, such as scores; NaN where one has none, and
            infinite numbers have no colour.
        notes: sentences below the map.
    """

    title: str
    places: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    names: Sequence[str]
    rankings: Mapping[str, NDArray[np.int64]]
    budget: int
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def page(explored: Explored) -> str:
    """The text of an HTML page that needs nothing beside itself."""
    from bokeh.embed import file_html
    from bokeh.resources import Resources
    from jinja2 import Template

    resources = Resources("inline")  # Bokeh leaves out the scripts that this plot does not need
    template = Template((HERE / "explorer.html").read_text("utf-8"))
    variables = {
        "heading": explored.title,
        "notes": list(explored.notes),
        "style": (HERE / "explorer.css").read_text("utf-8"),
        "script": (HERE / "explorer.js").read_text("utf-8"),
        "sheets": make_sheets(explored.thumbnails),
        "told": _told(explored),
    }
    html: str = file_html(
        _plot(explored),
        resources=resources,
        title=explored.title,
        template=template,
        template_variables=variables,
    )
    return html


def _plot(explored: Explored) -> Any:
    """The map: all images as dots, and picks as larger ones that the page's script puts there."""
    from bokeh.models import (
        BoxSelectTool,
        ColumnDataSource,
        CustomJS,
        HoverTool,
        LassoSelectTool,
        TapTool,
    )
    from bokeh.plotting import figure

    plot = figure(
        tools="pan,wheel_zoom,box_zoom,reset", active_scroll="wheel_zoom",
        sizing_mode="stretch_both", output_backend="webgl", toolbar_location="above",
        background_fill_alpha=0, border_fill_alpha=0, outline_line_color="#888888",
        match_aspect=True,
    )  # fmt: skip
    plot.axis.visible = False
    plot.grid.visible = False
    x, y = explored.places.T
    points = {"x": x, "y": y, "colour": np.full(len(x), CATEGORIES[0])}
    dots = plot.scatter(
        "x", "y", source=ColumnDataSource(points, name="points"), size=5, line_color=None,
        fill_color="colour", fill_alpha=0.45, selection_fill_alpha=1, nonselection_fill_alpha=0.08,
    )  # fmt: skip
    plot.scatter(
        "x", "y", source=ColumnDataSource({name: [] for name in points}, name="picks"), size=11,
        fill_color="colour", line_color="#111111", line_width=1,
    )  # fmt: skip
    lasso = LassoSelectTool(renderers=[dots])
    plot.add_tools(lasso, BoxSelectTool(renderers=[dots]), TapTool(renderers=[dots]))
    plot.toolbar.active_drag = lasso
    moved = CustomJS(code="window.explorer.hover(cb_data.index.indices, cb_data.geometry)")
    plot.add_tools(HoverTool(renderers=[dots], tooltips=None, callback=moved))
    return plot


def _told(explored: Explored) -> dict[str, Any]:
    """Return all that the page's script reads: names, rankings, and what images are coloured by."""
    from bokeh.palettes import Turbo256

    return {
        "names": [safe_path(printable(name)) for name in explored.names],
        "rankings": {name: ranks.tolist() for name, ranks in explored.rankings.items()},
        "budget": explored.budget,
        "categories": {name: _numbered(texts) for name, texts in explored.categories.items()},
        "values": {
            name: [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
            for name, values in explored.values.items()
        },
        "colours": CATEGORIES,
        "scale": Turbo256[16:240:7],
    }


def _order(text: str) -> tuple[bool, int, str]:
    """Numbers by size, then other texts by letters."""
    number = text.isdecimal()
    return not number, len(text) if number else 0, text


def _numbered(texts: Sequence[str]) -> dict[str, Any]:
    """Distinct texts in their order, and the number of each image's (-1 where it has none)."""
    distinct = sorted({*texts} - {""}, key=_order)
    number = {text: place for place, text in enumerate(distinct)}
    return {
        "texts": [safe_text(printable(text)) for text in distinct],
        "numbers": [number.get(text, -1) for text in texts],
    }
