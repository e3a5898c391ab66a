"""Notebooks without a kernel: quick, where only their code matters."""

import ast
from collections.abc import Mapping
from typing import Any

import holoviews as hv
import nbformat
from executed import NOTEBOOKS


def shown_by(name: str, *, instead: Mapping[str, str]) -> str:
    """Run the cells of a notebook, and give what they show, as text and HTML.

    Args:
        name: File name without ``.ipynb``.
        instead: Sources that take the place of the code cells with these ids.
    """
    names: dict[str, Any] = {}
    told = []
    for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            lines = ast.parse(instead.get(cell.id, cell.source)).body
            if isinstance(lines[-1], ast.Expr):
                told.append(_shown(names, lines[:-1], lines[-1]))
            else:
                _run(names, lines)
    return "\n".join(told)


def _run(names: dict[str, Any], lines: list[ast.stmt]) -> None:
    exec(compile(ast.Module(lines, []), "notebook", "exec"), names)


def _shown(names: dict[str, Any], lines: list[ast.stmt], last: ast.Expr) -> str:
    _run(names, lines)
    value = eval(compile(ast.Expression(last.value), "notebook", "eval"), names)
    if isinstance(value, hv.core.dimension.Dimensioned):
        hv.renderer("bokeh").get_plot(value)
        return repr(value)
    return str(value._repr_html_())
