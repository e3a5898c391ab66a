"""The served notebook as a notebook."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ami_console.apps.serve import notebook

NOTEBOOKS = sorted(notebook().parent.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_committed_clean(path: Path) -> None:
    """A title first, no outputs, no logic, no await at the top (it would end ``panel serve``)."""
    book = nbformat.read(path, as_version=4)
    assert book.cells[0].cell_type == "markdown"
    assert book.cells[0].source.startswith("# ")
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    lines = [line for cell in code for line in cell.source.splitlines()]
    assert not [line for line in lines if line.startswith(("def ", "class ", "await ", "%", "!"))]


def test_the_dashboard_runs_in_a_kernel(tmp_path: Path) -> None:
    """In JupyterLab, with nothing running: the page shows, and says that nothing answers."""
    book = nbformat.read(notebook(), as_version=4)
    assert book.cells[-1].source.endswith(".servable()")
    book.cells.append(
        nbformat.v4.new_code_cell("from ami_console.apps import session\nprint(session.watching())")
    )
    settings = {
        "AMI_CONSOLE_ANTENNA_URL": "http://127.0.0.1:9",
        "AMI_CONSOLE_NATS_URL": "nats://127.0.0.1:9",
        "AMI_CONSOLE_NATS_MONITOR_URL": "",
        "AMI_CONSOLE_REDIS_URL": "redis://127.0.0.1:9/0",
    }
    client = NotebookClient(
        book,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env={**os.environ, **settings})
    shown = [output for output in book.cells[-2].outputs if "data" in output]
    assert any("text/html" in output.data for output in shown)
    assert book.cells[-1].outputs[0].text == "True\n"
