"""Plots in a notebook that fetch nothing: not when they are drawn, not in a saved copy."""

from typing import Any

import holoviews as hv
import panel as pn
from holoviews.core.dimension import LabelledData


def extension() -> None:
    """Have this notebook show plots; call it once, at the top.

    As ``hv.extension("bokeh")``, but all that the plots need is put into the notebook, some 3 MB:
    nothing is loaded from other hosts, and a copy with its outputs shows them anywhere.
    """
    hv.extension("bokeh", inline=True, logo=False)
    pn.config.inline = True
    pn.config.console_output = "disable"  # a box below each plot for what its events print
    # By its own way HoloViews would still name style sheets of another host.
    hv.Store.set_display_hook("html+js", LabelledData, _shown)


def _shown(element: LabelledData) -> tuple[dict[str, Any], dict[str, Any]]:
    bundle: tuple[dict[str, Any], dict[str, Any]] = pn.pane.HoloViews(
        element, sizing_mode="stretch_width"
    )._repr_mimebundle_()
    return bundle
