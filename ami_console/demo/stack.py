"""The whole demo as one thing: servers, stand-in and workers, which leave nothing behind."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from ami_console.demo import guard
from ami_console.demo.members import AntennaProcess, WorkerProcess
from ami_console.demo.plans import Scenario
from ami_console.demo.scenarios import scenario as named_scenario
from ami_console.demo.server_process import ServerProcess, ServerStartError
from ami_console.demo.servers import NatsServer, RedisServer
from ami_console.settings import PREFIX, Settings

_LOOK_EVERY_S = 0.3
_LEAST_PATIENCE_S = 30.0
_PLANNED_CRASH = 1
_CONSOLE_USER, _ANTENNA_USER = "ami-console", "antenna"


def _say_nothing(_: str) -> None:
    pass


class Stack:
    """A running demo: real nats-server and redis-server, a stand-in for Antenna, workers.

    A context manager. Members are ``nats``, ``redis``, ``antenna`` and ``worker-<name>``; all are
    on free loopback ports and in one temporary folder. When this process ends in whatever way,
    also by ``kill -9``, they end too and the folder goes.

    Args:
        scenario: Name of a scenario, or one of your own.
        restart_after_s: A server that was killed from outside comes back after so many seconds,
            with its data (streams, sets, jobs) as a restarted container has; never when ``None``.
        old: Play the older Antenna, where tasks are fetched with GET.
        secured: NATS and Redis ask for passwords, and the console's NATS login can only look.
        announce: Called with a line of text when a server goes or comes back; on another thread.

    Raises:
        SettingsError: There is no scenario of that name.
        ServerMissingError: No nats-server or redis-server was found.
    """

    def __init__(
        self,
        scenario: str | Scenario = "mixed",
        *,
        restart_after_s: float | None = 15.0,
        old: bool = False,
        secured: bool = False,
        announce: Callable[[str], None] = _say_nothing,
    ) -> None:
        self.scenario = named_scenario(scenario) if isinstance(scenario, str) else scenario
        self._restart_after_s, self._announce = restart_after_s, announce
        self._is_old, self._secured = old, secured
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._monitor: threading.Thread | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._members: dict[str, ServerProcess] = {}
        self._wanted: set[str] = set()
        self._back_at: dict[str, float] = {}
        self._guarded: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ami-console-demo-"))
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is not for it
        )
        self._nats = NatsServer(self.folder)
        if self._secured:
            self._nats.user, self._nats.password = _ANTENNA_USER, "demo"
            self._nats.read_only_user, self._nats.read_only_password = _CONSOLE_USER, "demo"
        self._redis = RedisServer(self.folder, password="demo" if self._secured else "")
        self._antenna = AntennaProcess(
            self.folder,
            self.scenario,
            lambda: {**self._nats.environment(), **self._redis.environment()},
            is_old=self._is_old,
        )
        self._members = {"nats": self._nats, "redis": self._redis, "antenna": self._antenna}
        for plan in self.scenario.workers:
            worker = WorkerProcess(
                self.folder, plan, self._antenna.environment, is_old=self._is_old
            )
            self._members[worker.name] = worker
        for name in self._members:
            self.start(name)
        self._monitor = threading.Thread(target=self._watch, name="demo-monitor", daemon=True)
        self._monitor.start()

    def close(self) -> None:
        """End everything and remove the folder; harmless when done twice."""
        self._closing.set()
        if self._monitor is not None:
            self._monitor.join()
        with self._lock:
            self._wanted.clear()
            for member in self._members.values():  # all at once: it takes as long as the slowest
                member.ask_to_stop()
            for name, member in self._members.items():
                member.stop()
                self._tell_guard(name)
            if self._guard is not None and self._guard.stdin is not None:
                with contextlib.suppress(OSError):
                    self._guard.stdin.close()
                self._guard.wait()
                shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str) -> None:
        """Start a member and keep it up.

        Raises:
            ServerStartError: It does not come up.
        """
        with self._lock:
            self._wanted.add(name)
            self._back_at.pop(name, None)
            try:
                self._members[name].start()
            finally:
                self._tell_guard(name)

    def stop(self, name: str) -> None:
        """Stop a member until :meth:`start`; it is not brought back by itself."""
        with self._lock:
            self._wanted.discard(name)
            self._members[name].stop()
            self._tell_guard(name)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the members that run."""
        found = {name: member.pid for name, member in self._members.items()}
        return {name: pid for name, pid in found.items() if pid is not None}

    @property
    def guard_pid(self) -> int:
        """Process id of the guard that cleans up when we can't."""
        return self._guard.pid if self._guard else 0

    @property
    def members(self) -> Mapping[str, ServerProcess]:
        """All members by name, for who wants to pause or kill one."""
        return self._members

    @property
    def viewer_token(self) -> str:
        """A login of the stand-in that may look and not act."""
        return self._antenna.viewer_token

    def environment(self) -> dict[str, str]:
        """``AMI_CONSOLE_`` variables that lead the console to this demo."""
        return {
            **self._antenna.environment(),
            **self._nats.environment(read_only=self._secured),
            **self._redis.environment(),
            **self._health_check(),
        }

    def _health_check(self) -> dict[str, str]:
        """How patient Antenna is; the settings know no shorter times than half a minute."""
        times = {"EVERY": self.scenario.health_check_every_s, "IDLE": self.scenario.idle_s}
        return {
            f"{PREFIX}HEALTH_CHECK_{name}_S": f"{max(time_s, _LEAST_PATIENCE_S):g}"
            for name, time_s in times.items()
        }

    @property
    def settings(self) -> Settings:
        """Settings that lead the console to this demo."""
        return Settings.from_environment(self.environment(), dotenv=None)

    def _tell_guard(self, name: str) -> None:
        pid, before = self._members[name].pid, self._guarded.pop(name, None)
        lines = [f"-{before}\n"] if before is not None else []
        if pid is not None:
            self._guarded[name] = pid
            lines.append(f"+{pid}\n")
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(OSError):  # a killed guard must not stop the demo
                self._guard.stdin.write("".join(lines).encode())
                self._guard.stdin.flush()

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_EVERY_S):
            with self._lock:
                for name in sorted(self._wanted):
                    if self._members[name].pid is None:
                        self._bring_back(name)

    def _bring_back(self, name: str) -> None:
        """A member is gone that should be there: set when it comes back, or start it."""
        member, now = self._members[name], time.monotonic()
        is_planned = isinstance(member, WorkerProcess) and member.exit_code == _PLANNED_CRASH
        if name not in self._back_at:
            after_s = self._restart_after_s
            if is_planned and isinstance(member, WorkerProcess):
                after_s = member.plan.back_after_s
            if after_s is None:
                self._wanted.discard(name)
                self._back_at.pop(name, None)
                when = "and stays away"
            else:
                self._back_at[name] = now + after_s
                when = f"and comes back in {after_s:g} s"
            self._tell_guard(name)
            if not is_planned:
                self._announce(f"{name} is gone {when}")
        elif now >= self._back_at[name] and not self._closing.is_set():
            try:
                self.start(name)
            except ServerStartError as error:
                self._back_at[name] = time.monotonic() + (self._restart_after_s or 1.0)
                self._announce(str(error))
                return
            if not is_planned:
                self._announce(f"{name} is back")
