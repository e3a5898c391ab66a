"""Real nats-server and redis-server processes on free loopback ports, in temporary folders."""

import json
import secrets
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ami_console.demo.processes import (
    LOOPBACK,
    find_nats_server,
    find_redis_servers,
    free_port,
)
from ami_console.demo.server_process import ServerProcess, ServerStartError
from ami_console.errors import ServerMissingError

__all__ = [
    "READ_ONLY_PERMISSIONS",
    "NatsServer",
    "RedisServer",
    "ServerStartError",
    "TlsFiles",
    "redis_has_tls",
]

READ_ONLY_PERMISSIONS: Mapping[str, list[str]] = {
    "publish": [
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.INFO.>",
        "$JS.API.CONSUMER.INFO.>",
        "$SYS.REQ.USER.INFO",
    ],
    "subscribe": [
        "_INBOX_ami.>",
        "$JS.ACK.>",
        "$JS.EVENT.ADVISORY.CONSUMER.>",
        "$JS.EVENT.ADVISORY.STREAM.>",
    ],
}
"""What the console needs of NATS and no more; its inbox prefix is ``_INBOX_ami``."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a server certificate for ``localhost`` and 127.0.0.1, and who signed it."""

    cert: Path
    key: Path
    ca: Path


class NatsServer(ServerProcess):
    """A nats-server with JetStream.

    Args:
        folder: Where to keep everything; a temporary folder of its own when not given.
        user: With ``password``, the only login, with all rights.
        password: See ``user``.
        token: The token to connect with instead.
        read_only_user: With ``read_only_password``, a second login that can only look
            (``READ_ONLY_PERMISSIONS``); needs ``user``.
        read_only_password: See ``read_only_user``.
        tls: Serve clients (not the monitoring port) over TLS.
        jetstream: Whether JetStream is on.
        monitor: Whether there is an HTTP monitoring port.
    """

    name = "nats-server"

    def __init__(
        self,
        folder: Path | None = None,
        *,
        user: str = "",
        password: str = "",
        token: str = "",
        read_only_user: str = "",
        read_only_password: str = "",
        tls: TlsFiles | None = None,
        jetstream: bool = True,
        monitor: bool = True,
    ) -> None:
        if read_only_user and not user:
            raise ValueError("a read-only user needs a user with all rights beside it")
        self.user, self.password, self.token = user, password, token
        self.read_only_user, self.read_only_password = read_only_user, read_only_password
        self.tls, self.jetstream, self.monitor = tls, jetstream, monitor
        # Two servers may fight for a port; the name tells whose answer came back.
        self._server_name = f"ami-console-{secrets.token_hex(8)}"
        super().__init__(folder)

    def _pick_ports(self) -> None:
        self.port, self.monitor_port = free_port(), free_port()

    @property
    def url(self) -> str:
        """Address for clients, without any login."""
        if self.tls:
            return f"tls://localhost:{self.port}"
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def monitor_url(self) -> str:
        """Address of the HTTP monitoring port; empty when there is none."""
        return f"http://{LOOPBACK}:{self.monitor_port}" if self.monitor else ""

    def environment(self, *, read_only: bool = False) -> dict[str, str]:
        """``AMI_CONSOLE_`` variables that lead to this server, login included."""
        found = {"NATS_URL": self.url, "NATS_MONITOR_URL": self.monitor_url}
        if read_only:
            found |= {"NATS_USER": self.read_only_user, "NATS_PASSWORD": self.read_only_password}
        elif self.user:
            found |= {"NATS_USER": self.user, "NATS_PASSWORD": self.password}
        elif self.token:
            found["NATS_TOKEN"] = self.token
        return {f"AMI_CONSOLE_{key}": value for key, value in found.items()}

    def _command(self) -> list[str]:
        # nats-server's configuration format takes JSON; a file keeps logins out of `ps`.
        config: dict[str, object] = {
            "host": LOOPBACK,
            "port": self.port,
            "server_name": self._server_name,
        }
        if self.monitor:
            config["http"] = f"{LOOPBACK}:{self.monitor_port}"
        if self.jetstream:
            config["jetstream"] = {"store_dir": str(self.data)}
        if self.token:
            config["authorization"] = {"token": self.token}
        elif self.user:
            users: list[dict[str, object]] = [{"user": self.user, "password": self.password}]
            if self.read_only_user:
                users.append(
                    {
                        "user": self.read_only_user,
                        "password": self.read_only_password,
                        "permissions": READ_ONLY_PERMISSIONS,
                    }
                )
            config["authorization"] = {"users": users}
        if self.tls:
            config["tls"] = {"cert_file": str(self.tls.cert), "key_file": str(self.tls.key)}
        path = self.folder / "nats-server.conf"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return [find_nats_server(), "-c", str(path)]

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1.0) as connection:
                greeting = connection.makefile("rb").readline()
            info = json.loads(greeting.removeprefix(b"INFO "))
            if info["server_name"] != self._server_name:
                return False
            if self.monitor:
                with urllib.request.urlopen(f"{self.monitor_url}/healthz", timeout=1.0):  # noqa: S310
                    return True
            return bool(info.get("jetstream")) or not self.jetstream
        except (OSError, ValueError, KeyError, urllib.error.URLError):
            return False


class RedisServer(ServerProcess):
    """A redis-server (or valkey-server) that keeps its data over restarts.

    Args:
        folder: Where to keep everything; a temporary folder of its own when not given.
        password: The password that clients must give.
        tls: Serve TLS only. Needs a program built with TLS (that of the wheel is not).
    """

    name = "redis-server"

    def __init__(
        self, folder: Path | None = None, *, password: str = "", tls: TlsFiles | None = None
    ) -> None:
        self.password, self.tls = password, tls
        super().__init__(folder)

    def _pick_ports(self) -> None:
        self.port = free_port()

    @property
    def url(self) -> str:
        """Address of database 0, with the password if there is one."""
        login = f":{quote(self.password, safe='')}@" if self.password else ""
        if self.tls:
            return f"rediss://{login}localhost:{self.port}/0"
        return f"redis://{login}{LOOPBACK}:{self.port}/0"

    def environment(self) -> dict[str, str]:
        """``AMI_CONSOLE_`` variables that lead to this server."""
        return {"AMI_CONSOLE_REDIS_URL": self.url}

    def _command(self) -> list[str]:
        config = {
            "bind": LOOPBACK,
            "port": "0" if self.tls else str(self.port),
            "dir": str(self.data),
            "save": "",
            "appendonly": "yes",  # the sets survive a kill, as Antenna's do with its volume
            "auto-aof-rewrite-percentage": "0",  # no child that could outlive it
        }
        if self.password:
            config["requirepass"] = self.password
        if self.tls:
            config |= {
                "tls-port": str(self.port),
                "tls-cert-file": str(self.tls.cert),
                "tls-key-file": str(self.tls.key),
                "tls-ca-cert-file": str(self.tls.ca),
                "tls-auth-clients": "no",
            }
        path = self.folder / "redis-server.conf"
        path.touch(mode=0o600)
        # Redis reads quoted text with the escapes that JSON writes.
        lines = [
            f"{key} {json.dumps(value, ensure_ascii=False)}\n" for key, value in config.items()
        ]
        path.write_text("".join(lines))
        return [self._program(), str(path)]

    def _program(self) -> str:
        found = find_redis_servers()
        if not self.tls:
            return found[0]
        for program in found:
            if redis_has_tls(program):
                return program
        raise ServerMissingError(
            f"none of {', '.join(found)} was built with TLS. Install a redis-server that was, from "
            "your system or conda-forge, and try again"
        )

    def _is_ready(self) -> bool:
        client = redis.Redis.from_url(
            self.url,
            socket_timeout=1.0,
            retry=Retry(NoBackoff(), 0),  # its own patience is of seconds
            **({"ssl_ca_certs": str(self.tls.ca)} if self.tls else {}),
        )
        try:
            info = client.info()
            return info["process_id"] == self.pid and not info["loading"]
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()


def redis_has_tls(program: str) -> bool:
    """Whether a redis-server program was built with TLS; starts no server."""
    # The bad port ends it at once either way; it names the option that it stumbled over first.
    asked = subprocess.run(
        [program, "--tls-port", "0", "--port", "none"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return "tls-port" not in asked.stdout + asked.stderr
