"""Everything that the program prints is readable in 80 columns, and in fewer."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from ami_console.cli import main, parser
from ami_console.demo.stack import Stack
from ami_console.settings import PREFIX

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
WIDTHS = (50, 80, 132)


def assert_fits(text: str, width: int) -> None:
    """No line is longer, but for a word that fits none, such as a path that shall be copied."""
    assert text.strip()
    assert "\x1b" not in text
    long = [line for line in text.split("\n") if cell_len(line) > width]
    assert not [line for line in long if max(map(cell_len, line.split())) < width - 20]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("columns") / "r"
    assert main(["import", str(ANTENNA / "c_worker_crash"), "--into", str(into)]) == 0
    return into


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.mark.parametrize("words", [("diagnose", "--recording"), ("summary", "6", "--recording")])
def test_what_is_told_of_a_recording(
    words: tuple[str, ...], width: int, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*words, str(recording)])
    assert_fits(capsys.readouterr().out, width)


def test_what_came_of_an_import(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(ANTENNA / "c_worker_crash"), "--into", str(tmp_path / "r")])
    told = capsys.readouterr().out
    assert_fits(told, width)
    assert "c_worker_crash/series.jsonl: 168 readings" in " ".join(told.split())


def commands(of: argparse.ArgumentParser, *words: str) -> Iterator[tuple[str, ...]]:
    """Every command, with those that it has itself."""
    yield words
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from commands(command, *words, name)


@pytest.mark.parametrize("words", list(commands(parser())), ids=" ".join)
def test_help(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    assert_fits(capsys.readouterr().out, 80)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack("healthy") as running:
        yield running


@pytest.mark.servers
@pytest.mark.parametrize(
    ("words", "columns"),
    [("snapshot", 80), ("snapshot", 50), ("doctor", 80), ("job cancel 101", 50)],
)
def test_what_is_told_of_live_servers(words: str, columns: int, stack: Stack) -> None:
    """In a pipe, where COLUMNS is the only one that knows a width."""
    done = subprocess.run(
        [sys.executable, "-m", "ami_console", *words.split()],
        env=os.environ
        | stack.environment()
        | {f"{PREFIX}ALLOW_ACTIONS": "true", "COLUMNS": str(columns)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    assert_fits(done.stdout, columns)
