"""The package as somebody has it who installed it and never saw the repository."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded import ANTENNA

import ami_console

ROOT = Path(__file__).parents[2]
# Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
WARNINGS = "error,ignore:The inplace keyword in DataFrame.reset_index"


def build(sources: Path, kind: str) -> Path:
    """Build without the network; hatchling is installed."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    (built,) = (sources / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source archive, built from a copy of what is tracked."""
    copy = tmp_path_factory.mktemp("tracked")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return build(copy, "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from the source archive as pip does."""
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (sources,) = place.iterdir()
    return build(sources, "wheel")


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ami-console`` of an environment of its own, which sees the dependencies and no repository.

    A path file inside a folder that a path file names is not followed: the editable install of the
    repository is not seen there.
    """
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    inside = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (inside / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    python = place / "bin" / "python"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            python,
            "install",
            "--no-deps",
            "--no-index",
            wheel,
        ],
        check=True,
        capture_output=True,
    )
    return place / "bin" / "ami-console"


def environment(**more: str) -> dict[str, str]:
    """What the program is told; nothing of the repository."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AMI_CONSOLE_", "PYTHON"))}
    return own | {"PYTHONWARNINGS": WARNINGS, "PYTHONUNBUFFERED": "1"} | more


def run(program: Path, folder: Path, *words: str) -> str:
    """What the program prints, with every warning an error."""
    done = subprocess.run(
        [program, *words],
        cwd=folder,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def recording(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that the installed program made."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run(program, folder, "import", str(ANTENNA / "c_worker_crash"), "--into", "crash")
    return folder / "crash"


def test_the_source_archive_brings_its_tests(sdist: Path) -> None:
    """A distributor builds from it, and wants to test what was built."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "tests/conftest.py", "docs/checks.md", "Makefile"} <= names
    assert not {name for name in names if name.startswith((".venv", "recordings", ".git/"))}


def test_the_wheel_brings_the_package_and_the_dashboard(wheel: Path) -> None:
    """Nothing is lost on the way from repository to archive to wheel; mypy sees the types."""
    tracked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "ami_console").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "ami_console/py.typed" in tracked
    with zipfile.ZipFile(wheel) as archive:
        assert tracked | {"ami_console/notebooks/dashboard.ipynb"} <= set(archive.namelist())


def test_the_wheel_brings_nothing_else(wheel: Path) -> None:
    """No tests, no recording, no cache lands in somebody's site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {Path(name) for name in archive.namelist()}
    assert {path.parts[0].partition("-")[0] for path in inside} == {"ami_console"}
    assert not {path for path in inside if path.suffix in {".pyc", ".parquet", ".jsonl", ".gz"}}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """The licence comes along, the command is there, the version is the package's."""
    folder = f"ami_console-{ami_console.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert "BSD 3-Clause" in archive.read(f"{folder}/licenses/LICENSE").decode()
        points = archive.read(f"{folder}/entry_points.txt")
    assert b"ami-console = ami_console.cli:main" in points


def test_the_version_is_told(program: Path, tmp_path: Path) -> None:
    """The first question of whoever is told of a bug."""
    assert run(program, tmp_path, "--version") == f"ami-console {ami_console.__version__}\n"


def test_it_is_the_installed_one_that_runs(program: Path, tmp_path: Path) -> None:
    """Without this the tests beside it would prove nothing."""
    told = subprocess.run(
        [program.parent / "python", "-c", "import ami_console; print(ami_console.__file__)"],
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(told.stdout).is_relative_to(program.parents[1])


def test_a_job_is_explained_without_the_repository(program: Path, recording: Path) -> None:
    """Recorded there, explained here: the numbers, and the page to send on."""
    folder = recording.parent
    words = ("6", "--recording", "crash", "--format", "json")
    told = json.loads(run(program, folder, "summary", *words))
    assert (told["job_id"], told["total"]) == (6, 40)
    run(program, folder, "report", "6", "--recording", "crash", "--out", "job.html")
    assert (folder / "job.html").read_text().startswith("<!DOCTYPE html>")


@pytest.fixture
def address(program: Path, recording: Path) -> Iterator[str]:
    """Where the installed program serves the recording."""
    serving = subprocess.Popen(
        [program, "serve", "--recording", "crash", "--port", "0"],
        cwd=recording.parent,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert serving.stdout is not None
    said = ""
    try:
        for line in serving.stdout:
            said += line
            if found := re.search(r"http://\S+/dashboard", line):
                yield found[0]
                break
        else:
            pytest.fail(said)
        serving.terminate()
        assert "Warning" not in serving.stdout.read()
        assert serving.wait(30) == 0
    finally:
        serving.kill()
        serving.communicate()


def test_the_dashboard_comes_along(address: str) -> None:
    """The notebook that is served is inside the package."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        page = answer.read().decode()
    assert "<title>Antenna jobs · ami-console</title>" in page
