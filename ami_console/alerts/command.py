"""Alerts by a command: JSON on its standard input, no shell, and never for long."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from typing import IO

from ami_console.alerts.channel import Undelivered
from ami_console.diagnosis.finding import Finding
from ami_console.errors import SettingsError
from ami_console.logs.masking import MASK, masked
from ami_console.settings import PREFIX

SETTING = "ALERT_COMMAND"

_LONGEST_LINE = 160
_READ_BYTES = 4096
_SHORTEST_SECRET = 6  # characters of an argument that is worth hiding


class Command:
    """Runs a command for each alert; exit code 0 means taken.

    It gets the event, code, severity and job in ``AMI_CONSOLE_EVENT``, ``_CODE``, ``_SEVERITY``
    and ``_JOB_ID`` (empty: no job), and none of our own settings. What it writes is thrown away,
    but for the last line of its standard error.

    Args:
        line: The command and its arguments, quoted as for a shell; none reads it.
        timeout_s: After so many seconds it is killed, and what it started with it.
        tries: How often it is run for one alert while it fails.

    Raises:
        SettingsError: The line can't be split, or its first word is no program.
    """

    def __init__(self, line: str, *, timeout_s: float = 30.0, tries: int = 5) -> None:
        self._words = _split(line)
        self.what = "alert command"
        self.timeout_s = timeout_s
        self.tries = tries
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return "<Command>"

    def deliver(self, content: bytes, *, event: str, finding: Finding, timeout_s: float) -> None:
        """Run it once and wait for its end.

        Raises:
            Undelivered: It did not start, failed, or was killed.
        """
        limit_s = min(timeout_s, self.timeout_s)
        # Files instead of pipes: what it leaves running may hold a pipe open for ever.
        try:
            with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
                said.write(content)
                said.seek(0)
                code = self._run(said, told, _environment(event, finding), limit_s)
                last = "" if code == 0 else self._last_line(told)
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else type(error).__name__
            raise Undelivered(
                f"Alert command: it can't be started ({reason}); check {PREFIX}{SETTING}",
                again=True,
                arrived=False,
            ) from None
        if code == 0:
            return
        if code is None:
            how = f"it did not end within {limit_s:.3g} s and was killed"
        elif code < 0:
            how = f"it was ended by signal {-code}"
        else:
            how = f"it ended with exit code {code}"
        raise Undelivered(
            f"Alert command: {how}; " + (f"it said: {last}" if last else "it said nothing"),
            again=True,
            arrived=True,
        )

    def _run(
        self, said: IO[bytes], told: IO[bytes], environment: dict[str, str], limit_s: float
    ) -> int | None:
        """The exit code; ``None`` when it was killed for its time."""
        process = subprocess.Popen(  # noqa: S603 - it is the operator's own
            self._words,
            stdin=said,
            stdout=subprocess.DEVNULL,
            stderr=told,
            env=environment,
            start_new_session=True,  # a group of its own, to be killed as one
        )
        with self._lock:
            self._running = process
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            return None
        finally:
            with self._lock:
                self._running = None

    def abort(self) -> None:
        """Kill what runs; called from another thread."""
        with self._lock:
            if self._running is not None:
                _kill(self._running)

    def _last_line(self, told: IO[bytes]) -> str:
        told.seek(max(0, told.seek(0, os.SEEK_END) - _READ_BYTES))
        lines = told.read().decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.strip()), "")
        # Its arguments may be a token or a webhook's address.
        for word in sorted(self._words[1:], key=len, reverse=True):
            for part in (word, word.partition("=")[2]):
                if len(part) >= _SHORTEST_SECRET:
                    last = last.replace(part, MASK)
        ascii_only = "".join(
            letter if letter.isascii() and letter.isprintable() else "?"
            for letter in masked([last])[0].replace(MASK, "...")
        )
        shown = " ".join(ascii_only.split())
        return shown if len(shown) <= _LONGEST_LINE else f"{shown[:_LONGEST_LINE]}..."


def _split(line: str) -> list[str]:
    variable = PREFIX + SETTING
    try:
        words = shlex.split(line)
    except ValueError:  # its text is not passed on, and neither is the line: it may hold a token
        raise SettingsError(f"{variable} can't be used: a quotation mark is not closed") from None
    if not words or shutil.which(words[0]) is None:
        raise SettingsError(
            f"{variable} can't be used: its first word is no program that can be run here. No "
            "shell reads it: put pipes, variables and the like into a script"
        )
    return words


def _environment(event: str, finding: Finding) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {
        f"{PREFIX}EVENT": event,
        f"{PREFIX}CODE": finding.code,
        f"{PREFIX}SEVERITY": finding.severity,
        f"{PREFIX}JOB_ID": "" if finding.job_id is None else str(finding.job_id),
    }


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
