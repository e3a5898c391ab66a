"""The frame of every page: bar, theme, light and dark."""

from typing import Any

import panel_material_ui as pmui
import param

from ami_console.apps import style


def framed(**params: Any) -> Any:
    """A ``panel_material_ui.Page`` that minds its own business.

    As it comes it follows whether this process is busy with any page, and tells its browser so
    without the page's lock: a click on one page fails because another one is open.

    Args:
        params: As of the page.
    """
    page = pmui.Page(theme_config=style.THEME, busy_indicator=None, **params)
    with param.edit_constant(page):
        page.busy = False
    return page
