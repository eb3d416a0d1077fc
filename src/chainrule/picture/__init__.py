"""Pictures without a plotting library: SVG and PNG from NumPy and the standard library (floor 0).

Charts (`line_chart`, `tangent_chart`, `descent_chart`, `contour_chart`, `scatter_chart`,
`points_chart`, `region_chart`, `matrix_chart`, `bar_chart`, `dots_chart`, `strip_chart`,
`tile_chart`, `reliability_chart`) return an `Svg`, which a notebook shows, `inline` sets into a
page, and `save` writes; `stacked` makes one of several; PNG and PDF files of it take a library
each. Images (`to_pixels`, `diverging`, `image_grid`) are arrays of pixels that `encode_png` and
`data_uri` turn into files and addresses. `element` is what the pictures, and any page that shows
them, are written with.
"""

from chainrule.picture.charts.axis import format_value
from chainrule.picture.charts.bars import bar_chart
from chainrule.picture.charts.contours import contour_chart
from chainrule.picture.charts.descent import descent_chart
from chainrule.picture.charts.dots import dots_chart
from chainrule.picture.charts.lines import line_chart
from chainrule.picture.charts.matrix import matrix_chart
from chainrule.picture.charts.points import points_chart
from chainrule.picture.charts.regions import region_chart
from chainrule.picture.charts.reliability import reliability_chart
from chainrule.picture.charts.scatter import scatter_chart
from chainrule.picture.charts.stack import stacked
from chainrule.picture.charts.strips import Strip, strip_chart
from chainrule.picture.charts.tangents import Tangent, tangent_chart
from chainrule.picture.charts.tiles import tile_chart
from chainrule.picture.document import document
from chainrule.picture.markup import Markup, element, escape, join
from chainrule.picture.palette import FAULT, GOOD, SERIES, STYLESHEET
from chainrule.picture.pixels import diverging, image_grid, shrink, to_pixels
from chainrule.picture.png import data_uri, encode_png
from chainrule.picture.svg import Svg

__all__ = [
    "FAULT",
    "GOOD",
    "SERIES",
    "STYLESHEET",
    "Markup",
    "Strip",
    "Svg",
    "Tangent",
    "bar_chart",
    "contour_chart",
    "data_uri",
    "descent_chart",
    "diverging",
    "document",
    "dots_chart",
    "element",
    "encode_png",
    "escape",
    "format_value",
    "image_grid",
    "join",
    "line_chart",
    "matrix_chart",
    "points_chart",
    "region_chart",
    "reliability_chart",
    "scatter_chart",
    "shrink",
    "stacked",
    "strip_chart",
    "tangent_chart",
    "tile_chart",
    "to_pixels",
]
