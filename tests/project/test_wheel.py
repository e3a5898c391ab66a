"""The wheel: what somebody gets who installs the package without the repository."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ami_console

ROOT = Path(__file__).parents[2]
PARTS = ["ami_console", "notebooks", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy of the sources, without the network."""
    copy = tmp_path_factory.mktemp("sources")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part)
        else:
            shutil.copy(ROOT / part, copy / part)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=copy,
        check=True,
        capture_output=True,
    )
    (built,) = (copy / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_brings_the_dashboard_and_the_types(wheel: zipfile.ZipFile) -> None:
    """``ami-console serve`` works after a plain ``pip install``, and mypy sees the types."""
    names = set(wheel.namelist())
    assert {"ami_console/notebooks/dashboard.ipynb", "ami_console/py.typed"} <= names
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "ami_console").rglob("*.py")}
    assert modules <= names


def test_the_wheel_brings_nothing_else(wheel: zipfile.ZipFile) -> None:
    """No tests, no recording, no cache lands in somebody's site-packages."""
    inside = {Path(name) for name in wheel.namelist()}
    assert {path.parts[0].partition("-")[0] for path in inside} == {"ami_console"}
    assert not {path for path in inside if path.suffix in {".pyc", ".parquet", ".jsonl", ".gz"}}


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    """The licence comes along, the command is there, the version is the package's."""
    folder = f"ami_console-{ami_console.__version__}.dist-info"
    assert "BSD 3-Clause" in wheel.read(f"{folder}/licenses/LICENSE").decode()
    assert b"ami-console = ami_console.cli:main" in wheel.read(f"{folder}/entry_points.txt")
