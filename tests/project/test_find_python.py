"""``.ci/find-python``: which Python the environment is made with, and what is said if none is."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def program(folder: Path, name: str, script: str) -> Path:
    """A small program of that name."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def find_python(path: Path, *candidates: str) -> subprocess.CompletedProcess[str]:
    """What the script says when only the programs of a folder are on the PATH."""
    return subprocess.run(
        ["/bin/sh", str(ROOT / ".ci/find-python"), *candidates],
        env={"PATH": f"{path}{os.pathsep}/bin"} if candidates else {"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stand_in_that_fails_is_passed_over(tmp_path: Path) -> None:
    """pyenv puts a python3.12 on the PATH that only says that 3.12 is not chosen here."""
    program(tmp_path, "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    program(tmp_path, "python3", f'exec {sys.executable} "$@"')
    found = find_python(tmp_path)
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).samefile(sys.executable)
    assert "pyenv" not in found.stderr


def test_too_old_a_python_is_named_with_what_to_do(tmp_path: Path) -> None:
    """The machine's python3 is 3.9 and there is no other."""
    program(
        tmp_path,
        "python3",
        'case "$2" in *version_info*3,\\ 11*) exit 1 ;; *print*) echo 3.9.2 ;; esac',
    )
    found = find_python(tmp_path, "python3")
    assert found.returncode == 1
    assert found.stdout == ""
    assert "python3: 3.9.2, too old" in found.stderr
    assert "Python 3.11 or later" in found.stderr


def test_a_python_that_cannot_make_environments_is_named(tmp_path: Path) -> None:
    """Debian splits venv off into a package of its own."""
    program(
        tmp_path,
        "python3",
        'case "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.13.1 ;; *) exit 0 ;; esac',
    )
    found = find_python(tmp_path, "python3")
    assert found.returncode == 1
    assert "apt-get install python3-venv" in found.stderr


def test_no_python_at_all(tmp_path: Path) -> None:
    """An empty machine is told everything that was asked for, and no shell error."""
    program(tmp_path, "cat", 'exec /bin/cat "$@"')
    found = find_python(tmp_path)
    assert found.returncode == 1
    for name in ("python3.12", "python3.11", "python3.13", "python3", "python"):
        assert f"  {name}: does not run" in found.stderr
    assert "Install one" in found.stderr
