"""Notebooks, executed as JupyterLab would, in a kernel of their own."""

import os
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def execute(
    name: str,
    folder: Path,
    settings: Mapping[str, str],
    *,
    instead: Mapping[str, str] | None = None,
    more: tuple[str, ...] = (),
    timeout_s: int = 120,
) -> nbformat.NotebookNode:
    """Run a notebook from its top to its end.

    Args:
        name: File name without ``.ipynb``.
        folder: Where it runs; a ``.env`` or ``recordings`` there is found as by a user.
        settings: Environment variables besides those of this process.
        instead: Sources that take the place of the code cells with these ids: what the notebook
            asks its reader to change.
        more: Further cells that run at its end.
        timeout_s: How long a single cell may take.

    Returns:
        The notebook with its outputs; a cell that raised raises here.
    """
    book = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    given = dict(instead or {})
    for cell in book.cells:
        if cell.get("id") in given:
            cell.source = given.pop(cell["id"])
    assert not given, f"{name} has no cells {sorted(given)}"
    book.cells += [nbformat.v4.new_code_cell(source) for source in more]
    client = NotebookClient(
        book,
        timeout=timeout_s,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, **settings})
    return book


def shown(book: nbformat.NotebookNode, kind: str = "text/html") -> list[str]:
    """What the cells showed, of one MIME type, in order."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]
