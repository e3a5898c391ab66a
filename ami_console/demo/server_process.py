"""A server process of the demo: started, asked whether it is ready, stopped, frozen, killed."""

import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from ami_console.demo.processes import end, spawn, tail, wait_until
from ami_console.errors import AmiConsoleError

_READY_DEADLINE_S = 15.0
_PORT_ATTEMPTS = 5


class ServerStartError(AmiConsoleError):
    """A demo server did not come up; the message ends with the tail of its log."""


class ServerProcess(ABC):
    """One server process that keeps its ports and its data folder over restarts."""

    name: str

    def __init__(self, folder: Path | None = None) -> None:
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"ami-console-{self.name}-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ports_settled = False
        self._pick_ports()

    @abstractmethod
    def _pick_ports(self) -> None: ...

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _is_ready(self) -> bool:
        """Ask the server itself, and make sure that it is ours that answers."""

    def _environment(self) -> dict[str, str] | None:
        """Environment of the process; ours when ``None``."""
        return None

    @property
    def exit_code(self) -> int | None:
        """How the last process ended (negative: the signal), ``None`` while it runs."""
        return self._process.poll() if self._process else None

    @property
    def data(self) -> Path:
        """Folder of what the server keeps; ``restart(empty=True)`` removes it."""
        return self.folder / f"{self.name}-data"

    @property
    def pid(self) -> int | None:
        """Process id while the process runs, else ``None``."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def running(self) -> bool:
        """Whether the process runs; a paused one does."""
        return self.pid is not None

    def start(self) -> Self:
        """Start and wait until the server answers.

        Raises:
            ServerMissingError: There is no such program to start.
            ServerStartError: It ended, or was not ready in time.
        """
        if self.running:
            return self
        for attempts_left in reversed(range(_PORT_ATTEMPTS)):
            if self._launch():
                break
            taken = "address already in use" in tail(self.log).lower()
            if self._ports_settled or not taken or not attempts_left:
                raise self._failure("it ended at once")
            self._pick_ports()  # somebody else took the port between our look and its start
        self._ports_settled = True
        return self

    def _launch(self) -> bool:
        """Start once; whether it is ready (else it has ended)."""
        self.data.mkdir(exist_ok=True)
        self._process = process = spawn(
            self._command(), log=self.log, cwd=self.folder, environment=self._environment()
        )
        try:
            wait_until(
                lambda: process.poll() is not None or self._is_ready(),
                deadline_s=_READY_DEADLINE_S,
                complaint=lambda: self._failure(f"not ready after {_READY_DEADLINE_S:g} s"),
            )
        except BaseException:
            self.stop()
            raise
        return process.poll() is None

    def _failure(self, what: str) -> ServerStartError:
        return ServerStartError(
            f"started {self.name} in {self.folder}: {what}. Its log ends with:\n{tail(self.log)}"
        )

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return; :meth:`stop` waits for the end."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)  # a paused process hears no SIGTERM
            self._process.terminate()

    def stop(self) -> None:
        """End the process (SIGTERM, later SIGKILL); port and data are kept."""
        if self._process is not None:
            end(self._process)

    def kill(self) -> None:
        """End the process with SIGKILL, as a crash does; port and data are kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: the port accepts, nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            # On a busy machine it takes a moment until it stands.
            os.waitpid(self._process.pid, os.WUNTRACED)

    def resume(self) -> None:
        """SIGCONT, after :meth:`pause`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def restart(self, *, empty: bool = False) -> None:
        """Stop and start on the same port.

        Args:
            empty: Forget all data in between, as a server without a volume does.
        """
        self.stop()
        if empty:
            shutil.rmtree(self.data, ignore_errors=True)
        self.start()

    def close(self) -> None:
        """Stop for good, and remove the folder if it was made by us."""
        self.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} pid={self.pid}>"
