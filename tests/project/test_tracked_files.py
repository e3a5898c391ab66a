"""What is committed: notebooks without results, nothing of one machine, one version."""

import json
import re
import subprocess
from pathlib import Path

import pytest

import ami_console

ROOT = Path(__file__).parents[2]

# Written so that this file does not hold what it looks for.
OF_A_MACHINE = re.compile(
    r"(?<![\w./-])/(?:work|root|home/\w+|Users/\w+|tmp/[\w.-]+|opt/wheels)\b(?:/|$)"
)
REGISTRY_HOST = re.compile(
    r"\b(?:[\w-]+\.)*(?:pypi|pythonhosted|npmjs|anaconda|debian|jsdelivr|unpkg)\.(?:org|com|net)\b"
)


def tracked() -> list[Path]:
    """Every file that git tracks, or would after ``git add``; of an unpacked archive, all."""
    if not (ROOT / ".git").exists():
        return [p for part in ROOT.glob("[!.]*") for p in (part, *part.rglob("*")) if p.is_file()]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return sorted(path for path in paths if path.is_file())


def notebooks() -> list[Path]:
    """Every committed notebook."""
    return [path for path in tracked() if path.suffix == ".ipynb"]


def test_the_dashboard_notebook_is_there() -> None:
    """The tests of notebooks would pass without any."""
    assert ROOT / "notebooks/dashboard.ipynb" in notebooks()


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda path: path.name)
def test_notebooks_are_committed_without_results(notebook: Path) -> None:
    """Outputs of one's own Antenna get into a commit: job names, addresses, times."""
    cells = json.loads(notebook.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert [cell["execution_count"] for cell in code] == [None] * len(code)


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda path: path.name)
def test_notebooks_begin_with_a_title_and_hold_no_logic(notebook: Path) -> None:
    """A function in a notebook is one that no test calls and no type checker reads."""
    cells = json.loads(notebook.read_text())["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert "".join(cells[0]["source"]).startswith("# ")
    source = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    assert not re.search(r"^\s*(?:async\s+def|def|class)\s", source, re.MULTILINE)


def test_nothing_of_one_machine_is_committed() -> None:
    """A path of somebody's home, or the address of a mirror, in a file that others get."""
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image, a recording
        for number, line in enumerate(text.splitlines(), 1):
            if hit := OF_A_MACHINE.search(line) or REGISTRY_HOST.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {hit.group()}")
    assert not found


@pytest.mark.parametrize(
    "line",
    ["cd /wor" + "k/main", "'/hom" + "e/jo/x'", "https://pypi" + ".org/simple", "x.npmjs" + ".com"],
)
def test_what_is_looked_for_would_be_found(line: str) -> None:
    """The test above would pass with patterns that never match."""
    assert OF_A_MACHINE.search(line) or REGISTRY_HOST.search(line)


def test_the_version_is_the_changelogs_newest() -> None:
    """A release whose changelog ends with the one before."""
    entries = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert next(entry for entry in entries if entry != "Unreleased") == ami_console.__version__
