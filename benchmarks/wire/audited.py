"""Run ``ami-console`` in compressed time, and write down which sockets and programs it opens.

    python -m benchmarks.wire.audited LOG FACTOR record --into recordings

``LOG`` gets one line of JSON per event of Python's audit hooks that leads out of the process. All
pauses between looks are divided by ``FACTOR``, deadlines are not: a minute with a factor of 60 has
as many looks, searches and log reads as an hour.
"""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any
from unittest.mock import patch

import orjson

EVENTS = frozenset(
    {
        "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg",
        "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
        "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty",
    }
)  # fmt: skip
"""What can lead out of a process."""

PAUSE = re.compile(r"_?([A-Z]+_)*(EVERY|AGAIN)_S")
"""Names of constants that are pauses; new ones are compressed without being listed here."""


def main(arguments: Sequence[str]) -> int:
    """Run a command."""
    log, factor, *command = arguments
    _write_down(log)
    from ami_console import cli, collector  # noqa: F401, PLC0415 - only now: its imports count too
    from ami_console.settings import Settings  # noqa: PLC0415

    import_module(f"ami_console.commands.{command[0]}")
    compress(float(factor))
    settings_of = Settings.from_environment

    def compressed(*given: Any, **named: Any) -> Settings:
        found = settings_of(*given, **named)
        return replace(
            found,
            every_s=found.every_s / float(factor),
            job_logs_every_s=found.job_logs_every_s / float(factor),
        )

    with patch.object(Settings, "from_environment", compressed):
        return cli.main(command)


def _write_down(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(event: str, given: tuple[Any, ...]) -> None:
        if event in EVENTS:
            told = [repr(each) for each in given if not hasattr(each, "fileno")]
            os.write(file, orjson.dumps({"event": event, "given": told}) + b"\n")

    sys.addaudithook(note)


def compress(factor: float) -> list[str]:
    """Divide the pauses of the collector and of the sources; which were found."""
    found = []
    for module_name, module in list(sys.modules.items()):
        if not re.match(r"ami_console\.(collector$|sources\.)", module_name):
            continue
        for name, value in list(vars(module).items()):
            if PAUSE.fullmatch(name) and isinstance(value, int | float):
                setattr(module, name, value / factor)
                found.append(f"{module_name}.{name}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
