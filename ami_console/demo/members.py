"""The stand-in and its workers as processes of the demo."""

import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import ami_console
from ami_console.demo.plans import Scenario, WorkerPlan
from ami_console.demo.processes import LOOPBACK, free_port
from ami_console.demo.server_process import ServerProcess
from ami_console.settings import PREFIX

Environment = Callable[[], dict[str, str]]
"""Gives ``AMI_CONSOLE_`` variables; asked at each start, for ports settle at the first one."""


def python_environment(variables: dict[str, str]) -> dict[str, str]:
    """Environment of a Python child: ours, with these ``AMI_CONSOLE_`` variables and no others."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    # Our package may be a checkout that is not installed.
    paths = [str(Path(ami_console.__file__).parents[1]), kept.get("PYTHONPATH", "")]
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **variables}


class AntennaProcess(ServerProcess):
    """The stand-in for Antenna as a process; its jobs survive a restart.

    Args:
        folder: Where its database and log are kept.
        scenario: What it plays; in its time zone.
        servers: Variables that lead to NATS and Redis, with the rights that Antenna has.
        is_old: Serve the older version.
    """

    name = "antenna"

    def __init__(
        self,
        folder: Path,
        scenario: Scenario,
        servers: Environment,
        *,
        is_old: bool = False,
    ) -> None:
        self._scenario, self._servers, self._is_old = scenario, servers, is_old
        self.token, self.viewer_token = secrets.token_hex(20), secrets.token_hex(20)
        super().__init__(folder)

    def _pick_ports(self) -> None:
        self.port = free_port()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """``AMI_CONSOLE_`` variables that lead to it, with the login that may do everything."""
        return {
            f"{PREFIX}ANTENNA_URL": self.url,
            f"{PREFIX}ANTENNA_TOKEN": self.token,
            f"{PREFIX}ANTENNA_TIMEZONE": self._scenario.claimed_zone or self._scenario.zone,
        }

    def _environment(self) -> dict[str, str]:
        own = {**self.environment(), f"{PREFIX}ANTENNA_TIMEZONE": self._scenario.zone}
        return python_environment({**self._servers(), **own})

    def _command(self) -> list[str]:
        path = self.data / "scenario.json"
        self._scenario.write(path)
        command = [sys.executable, "-m", "ami_console.demo.antenna", "--scenario", str(path)]
        command += ["--database", str(self.data / "antenna.sqlite")]
        command += ["--viewer-token", self.viewer_token]
        return [*command, "--old"] if self._is_old else command

    def _is_ready(self) -> bool:
        # Nobody else knows the token: an answer is ours.
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/api/v2/users/me/", headers={"Authorization": f"Token {self.token}"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=1.0):
                return True
        except (OSError, urllib.error.URLError):
            return False


class WorkerProcess(ServerProcess):
    """A worker as a process.

    Args:
        folder: Where its log is kept.
        plan: How it works.
        antenna: Variables that lead to Antenna.
        is_old: Speak the older version.
    """

    def __init__(
        self, folder: Path, plan: WorkerPlan, antenna: Environment, *, is_old: bool = False
    ) -> None:
        self.name = f"worker-{plan.name}"
        self.plan, self._antenna, self._is_old = plan, antenna, is_old
        super().__init__(folder)

    def _pick_ports(self) -> None:
        """It has none."""

    def _environment(self) -> dict[str, str]:
        return python_environment(self._antenna())

    def _command(self) -> list[str]:
        plan = json.dumps(asdict(self.plan))
        command = [sys.executable, "-m", "ami_console.demo.worker", "--plan", plan]
        return [*command, "--old"] if self._is_old else command

    def _is_ready(self) -> bool:
        return True
