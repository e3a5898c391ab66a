"""``ami-console watch`` in a real terminal, on a stand-in with real servers."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Self

import pytest
from rich.cells import cell_len

from ami_console.demo.stack import Stack

pytestmark = pytest.mark.servers

ENTERED, LEFT, SHOWN = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
HOME = "\x1b[H"
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
COLOURS = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
IN_FRONT = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from ami_console.cli import main
sys.exit(main(["watch", *sys.argv[1:]]))
"""
"""The program with a terminal of its own: Ctrl-C, Ctrl-Z and a new size reach it as at a desk."""

BESIDES = {"AMI_CONSOLE_EVERY_S": "0.5", "TERM": "xterm-256color", "PYTHONUTF8": "1"}


class Window:
    """A terminal window with a program in it."""

    def __init__(self, arguments: list[str], env: Mapping[str, str], width: int, height: int):
        self.ours, theirs = pty.openpty()
        self.resize(width, height)
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.program = subprocess.Popen(
            [sys.executable, "-c", IN_FRONT, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            start_new_session=True,
        )
        self.text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def read(self) -> None:
        while select.select([self.ours], [], [], 0.05)[0]:
            self.text += os.read(self.ours, 65536).decode(errors="ignore")

    @property
    def screen(self) -> list[str]:
        """The lines of the last whole drawing."""
        drawings = self.text.split(HOME)
        last = drawings[-1] if len(drawings) > 1 else ""
        return CODES.sub("", last).replace("\r", "").split("\n")

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "\n".join(self.screen) or self.text
            self.read()

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.screen)

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        self.until(lambda: self.program.poll() is not None, 15.0)
        self.read()
        return self.program.returncode

    def assert_left_in_order(self) -> None:
        """The first screen, its cursor and its line editing are back."""
        assert self.text.rfind(LEFT) > self.text.rfind(ENTERED) >= 0
        assert self.text.rfind(SHOWN) > self.text.rfind("\x1b[?25l") >= 0
        assert termios.tcgetattr(self.theirs) == self.before


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack("healthy") as running:
        yield running


def environment(stack: Stack, **more: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    return inherited | stack.environment() | BESIDES | more


def widths(screen: list[str]) -> set[int]:
    return {cell_len(line) for line in screen}


def test_jobs_are_chosen_opened_and_left_with_keys(stack: Stack) -> None:
    """Over ssh from the field station: look at all, open one, back, make the window smaller."""
    with Window([], environment(stack), 100, 30) as window:
        window.until(lambda: window.shows("Lac Sup") and window.shows("▶ started"))
        window.until(lambda: window.shows("● NATS ok"))
        assert len(window.screen) == 30
        assert widths(window.screen) == {100}
        window.press("j")
        window.until(lambda: window.shows("▸"))
        chosen = next(line for line in window.screen if "▸" in line)
        number = re.findall(r"▸(\d+)", chosen)[0]
        window.press("\r")
        window.until(lambda: window.shows(f"job {number} · ") and window.shows("Esc back"))
        window.until(lambda: window.shows("last 10 min"))
        window.press("\x1b")
        window.until(lambda: window.shows("Enter open"))
        for width, height in ((60, 20), (40, 12), (132, 43)):
            window.resize(width, height)
            size = (height, {width})
            window.until(lambda s=size: (len(window.screen), widths(window.screen)) == s)
            window.until(lambda: window.shows("q quit") and window.shows("started"))
        window.press("p")
        window.until(lambda: window.shows("nobody is asked anything"))
        window.press("p")
        window.until(lambda: window.shows("p pause") and window.shows("● NATS ok"))
        assert COLOURS.search(window.text)
        window.press("q")
        assert window.ended() == 0
        window.assert_left_in_order()


def test_a_signal_leaves_the_terminal_in_order(stack: Stack) -> None:
    """A service manager ends it; nothing is coloured, because the reader wants it so."""
    with Window(["105"], environment(stack, NO_COLOR="1"), 80, 24) as window:
        window.until(lambda: window.shows("job 105 · Lac Supérieur") and window.shows("q quit"))
        window.program.send_signal(signal.SIGTERM)
        assert window.ended() == 0
        window.assert_left_in_order()
        assert not COLOURS.search(window.text)
        assert "Traceback" not in window.text


def test_control_z_and_control_c(stack: Stack) -> None:
    """Put aside for a moment to type something else; then the usual way out."""
    with Window([], environment(stack), 80, 24) as window:
        window.until(lambda: window.shows("q quit"))
        window.press("\x1a")
        window.until(lambda: LEFT in window.text)
        window.until(lambda: window.text.rfind(ENTERED) > window.text.rfind(LEFT))
        window.until(lambda: window.shows("q quit"))
        window.press("\x03")
        assert window.ended() == 0
        window.assert_left_in_order()


@contextlib.contextmanager
def killed_after(program: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, program.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def test_a_pipe_gets_plain_blocks_and_what_is_down_by_name(stack: Stack) -> None:
    """``ami-console watch | tee notes.txt`` on an old machine without Unicode; NATS is away."""
    old = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1", "COLUMNS": "90"}
    nobody = {
        "AMI_CONSOLE_NATS_URL": "nats://127.0.0.1:9",
        "AMI_CONSOLE_NATS_MONITOR_URL": "http://127.0.0.1:9",
    }
    told = ""
    program = subprocess.Popen(
        [sys.executable, "-m", "ami_console", "watch"],
        env=environment(stack, **old, **nobody),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout is not None
    # Killed where no block comes: reading ends then.
    with killed_after(program, 30.0):
        for line in program.stdout:
            told += line.decode("latin-1")
            if "Lac Supéri" in told:
                break
        program.terminate()
        rest, errors = program.communicate()
    assert (program.returncode, errors) == (0, b"")
    told += rest.decode("latin-1")
    assert "\x1b" not in told
    assert "\r" not in told
    assert max(map(cell_len, told.split("\n"))) <= 90
    last = [block for block in told.split("\n\n\n") if "Lac Supéri" in block][-1]
    assert "x NATS can't be read" in last
    assert "x NATS, never answered: " in last
    row = next(line for line in last.split("\n") if "Lac Supéri" in line)
    assert "> started" in row
    assert row.count(" -  ") >= 2  # its rate and what is left are not known, and so not 0
