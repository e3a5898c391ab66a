"""What is locked is what is installed, may be used, and can be asked after."""

import re
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]

# Whoever installs the package may pass it on and change it; MPL asks for changed files of its own.
LICENCES = {
    "0BSD", "Apache", "BSD", "CC-BY-4.0", "CC0-1.0", "ISC", "MIT", "MPL", "PSF", "Zlib",
}  # fmt: skip
# As the long names of classifiers begin, and how they are written short.
LONG = {"Mozilla Public License 2.0": "MPL", "Python Software Foundation": "PSF"}
# Says nothing in its metadata: MIT, and axe-core in it MPL.
UNSAID = {"axe-playwright-python": "MIT AND MPL-2.0"}


def locked() -> list[Requirement]:
    """What the lock asks for on this Python and system."""
    text = (ROOT / "requirements.lock").read_text()
    found = [Requirement(line) for line in re.findall(r"^([a-z0-9].*?) \\$", text, re.MULTILINE)]
    assert len(found) > 100
    return [each for each in found if each.marker is None or each.marker.evaluate()]


def test_every_line_pins_one_version_by_hash() -> None:
    """An index serves another file under the same name and version: nothing is installed."""
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    for entry in entries:
        first, *others = [line.strip().removesuffix(" \\") for line in entry.splitlines()]
        pinned = Requirement(first)
        assert pinned.url is None
        (version,) = pinned.specifier
        assert (version.operator, str(Version(version.version))) == ("==", version.version), first
        hashes = [line for line in others if line and not line.startswith("#")]
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first
    makefile = (ROOT / "Makefile").read_text()
    assert "pip install --quiet --require-hashes --only-binary :all: -r requirements.lock" in (
        makefile
    )


def test_what_is_installed_is_what_is_locked() -> None:
    """Tests pass with another version than the one that is delivered."""
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("this is not the environment that `make` installs from the lock")
    installed = {each.name: metadata.version(each.name) for each in locked()}
    others = [each for each in locked() if installed[each.name] not in each.specifier]
    assert others == []


def licence_of(name: str) -> str:
    """What a package says of its licence; its name where it has one line, else what it calls it."""
    about = metadata.metadata(name)
    told = [
        each.removesuffix(" License").rpartition(" :: ")[2]
        for each in about.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    said = about.get("License-Expression") or " OR ".join(told) or about.get("License") or ""
    for long, short in LONG.items():
        said = said.replace(long, short)
    return said or UNSAID.get(name, "")


def test_every_licence_lets_us_use_and_pass_on() -> None:
    """A dependency of a dependency comes in under terms that nobody has read."""
    unknown = {}
    for each in locked():
        try:
            said = licence_of(each.name)
        except metadata.PackageNotFoundError:
            continue  # of another environment than the one that `make` makes
        parts = [part.strip(" ()") for part in re.split(r" AND | OR |; ", said)]
        if not all(re.match("|".join(LICENCES), part) for part in parts) or not said:
            unknown[each.name] = said
    assert unknown == {}


@pytest.fixture
def audit(tmp_path: Path) -> Callable[[str, int], tuple[int, str]]:
    """``audit(what pip-audit says, its exit code)``: exit code and errors of ours."""

    def run(said: str, code: int) -> tuple[int, str]:
        stand_in = tmp_path / "pip-audit"
        stand_in.write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
        stand_in.chmod(0o755)
        done = subprocess.run(
            ["sh", ".ci/audit", str(stand_in)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert said in done.stdout
        return done.returncode, done.stderr

    return run


def test_an_audit_that_heard_nothing_does_not_say_that_all_is_well(
    audit: Callable[[str, int], tuple[int, str]],
) -> None:
    """The service can't be reached, or knows nothing of a package: pip-audit would exit with 0."""
    assert audit("No known vulnerabilities found", 0) == (0, "")
    code, err = audit("Found 2 known vulnerabilities in 1 package", 1)
    assert code == 1
    assert "make lock" in err
    for said, code in (
        ("Max retries exceeded with url", 1),
        ("Dependency not found on PyPI and could not be audited", 1),
        ("", 0),
        ("", 127),
    ):
        code, err = audit(said, code)  # noqa: PLW2901
        assert code == 2
        assert "can't be told" in err
